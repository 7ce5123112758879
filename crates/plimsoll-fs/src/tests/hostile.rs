//! Archives that mean harm. Each must end, in bounded memory, without a panic, and with a problem that says so.

use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};

use plimsoll_model::{Effect, ProblemKind};
use proptest::prelude::*;

use crate::fuzz::fuzz_layer;
use crate::testing::{Blob, Recorder, Tar, gzip, header, octal, record, seal, shown, walk};
use crate::{LayerSource, Limits, NoProgress, Progress, walk_layers};

fn tar() -> Tar {
    Tar::default()
}

fn small() -> Limits {
    Limits { ratio_after: 1 << 20, max_ratio: 100, ..Limits::default() }
}

fn kinds(layers: &[Vec<u8>], limits: &Limits) -> Vec<ProblemKind> {
    let tree = walk(layers, &Recorder::default(), limits);
    tree.problems
        .iter()
        .filter(|problem| problem.effect == Effect::Incomplete)
        .map(|problem| problem.kind)
        .collect()
}

#[test]
fn bombs_stop() {
    let bomb = tar().file("a", "1").member("no", b'0', &vec![0; 4 << 20], "").file("z", "1").end();
    for packed in [gzip(&bomb), zstd::bulk::compress(&bomb, 1).unwrap()] {
        let tree = walk(std::slice::from_ref(&packed), &Recorder::default(), &small());
        assert_eq!(shown(&tree), ["a@1=1"]);
        assert_eq!(tree.problems[0].kind, ProblemKind::LimitExceeded);
        // A file of zeros is fine as long as it stays below the threshold.
        assert_eq!(kinds(&[packed], &Limits::default()), []);
    }
    let limits = Limits { max_open_bytes: 1 << 20, ..Limits::default() };
    assert_eq!(kinds(&[gzip(&bomb)], &limits), [ProblemKind::LimitExceeded]);
}

#[test]
fn names_that_climb_stay_inside() {
    let layer =
        tar().file("../../a", "1").file("/etc/../../b", "2").file("d/../../../c", "3").file("d/./e", "4");
    let tree = walk(&[layer.end()], &Recorder::default(), &Limits::default());
    assert_eq!(shown(&tree), ["a@1=1", "b@1=2", "c@1=3", "d/e@1=4"]);
}

#[test]
fn circles_of_links_end() {
    let layer = tar()
        .symlink("a", "b")
        .symlink("b", "a")
        .file("a/x", "1")
        .symlink("self", "self")
        .file("self/y", "1");
    assert_eq!(kinds(&[layer.end()], &Limits::default()), [ProblemKind::Corrupt; 2]);
    // Over two layers.
    let layers = [tar().symlink("a", "b").symlink("b", "a").end(), tar().file("a/x", "1").end()];
    assert_eq!(kinds(&layers, &Limits::default()), [ProblemKind::Corrupt]);
}

#[test]
fn whiteouts_without_a_name() {
    let layers = [
        tar().file("a", "1").end(),
        tar().file(".wh.", "").file(".wh..", "").file(".wh...", "").file("d/.wh.", "").end(),
    ];
    let tree = walk(&layers, &Recorder::default(), &Limits::default());
    assert_eq!(shown(&tree), ["a@1=1"]);
    assert_eq!(tree.problems.len(), 4);
}

#[test]
fn a_root_that_is_a_file() {
    let layers = [tar().file("a", "1").end(), tar().file("/", "x").member("..", b'2', b"", "/x").end()];
    let tree = walk(&layers, &Recorder::default(), &Limits::default());
    assert_eq!(shown(&tree), ["a@1=1"]);
    assert!(!tree.problems.is_empty());
}

#[test]
fn two_hundred_layers() {
    let layers: Vec<Vec<u8>> =
        (0..200).map(|n| tar().file("a", &n.to_string()).file(&format!("f{n}"), "1").end()).collect();
    let tree = walk(&layers, &Recorder::default(), &Limits::default());
    assert_eq!(tree.files.len(), 201);
    assert_eq!(shown(&tree)[0], "a@200=199");
}

#[test]
fn a_hundred_thousand_empty_files() {
    let mut layer = tar();
    for index in 0..100_000 {
        layer = layer.file(&format!("d{}/no{index}", index % 100), "");
    }
    let layer = layer.file("a", "1").end();
    let tree = walk(&[layer.clone(), layer.clone()], &Recorder::default(), &Limits::default());
    assert_eq!(shown(&tree), ["a@2=1"]);
    let limits = Limits { max_entries: 1000, ..Limits::default() };
    assert_eq!(kinds(&[layer], &limits), [ProblemKind::LimitExceeded]);
}

#[test]
fn names_beyond_what_is_remembered() {
    let mut layer = tar();
    for index in 0..1000 {
        layer = layer.symlink(&format!("l{index}"), "x");
    }
    let limits = Limits { max_kept: 10_000, ..Limits::default() };
    assert_eq!(kinds(&[layer.end()], &limits), [ProblemKind::LimitExceeded]);
}

#[test]
fn cut_anywhere() {
    let archive = tar().file("a", "1").file("b", &"2".repeat(700)).symlink("l", "a").file("c", "3").end();
    for layer in [archive.clone(), gzip(&archive), zstd::bulk::compress(&archive, 1).unwrap()] {
        for length in 0..layer.len() {
            let blob = Blob {
                digest: Some(crate::testing::sha256(&layer)),
                diff_id: Some(crate::testing::sha256(&archive)),
                bytes: layer[..length].to_vec(),
            };
            let tree = walk_layers(
                &[&blob as &dyn LayerSource],
                &Recorder::default(),
                &Limits::default(),
                &NoProgress,
            );
            assert!(tree.problems.iter().any(|problem| problem.effect == Effect::Incomplete), "{length}");
            assert!(tree.problems.iter().all(|problem| problem.layer == Some(1)), "{:?}", tree.problems);
        }
    }
    // Inside a member it is found without any digest.
    for length in (1..archive.len() - 1024).filter(|length| length % 512 != 0) {
        let padding =
            (513..1024).contains(&length) || (2236..2560).contains(&length) || (3585..4096).contains(&length);
        assert_eq!(kinds(&[archive[..length].to_vec()], &Limits::default()).is_empty(), padding, "{length}");
    }
}

#[test]
fn sizes_that_cannot_be() {
    for size in [
        &b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"[..],
        b"-1\0\0\0\0\0\0\0\0\0\0",
        b"99999999999\0",
    ] {
        let layer = tar().file("a", "1").raw(&header(b"b", b'0', size, b"")).content(b"1").end();
        let tree = walk(&[layer], &Recorder::default(), &Limits::default());
        assert_eq!(shown(&tree), ["a@1=1"]);
        assert_eq!(tree.problems[0].kind, ProblemKind::Corrupt);
    }
    for size in [
        &b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff"[..],
        b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff",
        b"77777777777\0",
    ] {
        for name in ["no", "big", "stream"] {
            let layer =
                tar().file("a", "1").raw(&header(name.as_bytes(), b'0', size, b"")).content(b"1").end();
            let tree = walk(&[layer], &Recorder::default(), &Limits::default());
            assert_eq!(tree.files[0].path.to_string(), "a");
            assert!(!tree.problems.is_empty(), "{name}");
        }
    }
}

#[test]
fn extended_headers_that_announce_too_much() {
    // A GNU long name of 1 GiB, a pax header of 8 EiB, pax records of any length.
    let mut huge = [0; 12];
    (huge[0], huge[4]) = (0x80, 0x7f);
    for (kind, size) in
        [(b'L', octal(1 << 30)), (b'K', octal(1 << 30)), (b'x', huge.to_vec()), (b'g', huge.to_vec())]
    {
        let layer =
            tar().file("a", "1").raw(&header(b"x", kind, &size, b"")).content(b"abc").file("b", "1").end();
        let tree = walk(&[layer], &Recorder::default(), &Limits::default());
        assert_eq!(shown(&tree), ["a@1=1"]);
        assert!(!tree.problems.is_empty());
    }
    // One that is there, but larger than allowed: the next member's name is unknown, the one after is read.
    let limits = Limits { max_header: 1000, ..Limits::default() };
    let layer = tar().member("x", b'L', &[b'x'; 2000], "").file("cut", "1").file("b", "1").end();
    let tree = walk(&[layer], &Recorder::default(), &limits);
    assert_eq!(shown(&tree), ["b@1=1"]);
    assert_eq!(tree.problems[0].kind, ProblemKind::LimitExceeded);
    for content in
        [&b"99999999999999999999 path=a\n"[..], b"4294967296 path=b\n", b"30 path=b\n", b"\xff\xff"]
    {
        let layer = tar().member("x", b'x', content, "").file("cut", "1").file("b", "1").end();
        let tree = walk(&[layer], &Recorder::default(), &Limits::default());
        assert_eq!(shown(&tree), ["b@1=1"], "{content:?}");
        assert_eq!(tree.problems.len(), 1);
    }
    let long = record("path", "x/".repeat(100_000).as_bytes());
    let layer = tar().member("x", b'x', &long, "").file("cut", "1").file("b", "1").end();
    assert_eq!(kinds(&[layer], &Limits::default()), [ProblemKind::LimitExceeded]);
}

#[test]
fn large_files_are_not_read_whole() {
    let layer = tar().file("a", "12345").file("b", "1").end();
    let recorder = Recorder { limit: Some(4), ..Recorder::default() };
    let tree = walk(std::slice::from_ref(&layer), &recorder, &Limits::default());
    assert_eq!(shown(&tree), ["b@1=1"]);
    assert_eq!((tree.problems[0].kind, tree.problems[0].layer), (ProblemKind::LimitExceeded, Some(1)));
    // Nobody misses what is hidden.
    let tree = walk(&[layer, tar().file("a", "2").end()], &recorder, &Limits::default());
    assert_eq!((shown(&tree).len(), tree.problems.len()), (2, 0));
}

#[test]
fn sparse_files_of_zeros_end() {
    // 8 EiB of nothing.
    let layer = tar()
        .raw(&{
            let mut block = header(b"stream", b'S', &octal(0), b"");
            block[257..265].copy_from_slice(b"ustar  \0");
            block[483..495].copy_from_slice(b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff");
            seal(&mut block);
            block
        })
        .file("a", "1")
        .end();
    struct ToTheEnd;
    impl crate::Visitor for ToTheEnd {
        type Output = u64;
        fn wants(&self, _: &crate::Entry<'_>) -> crate::Want {
            crate::Want::Stream
        }
        fn whole(&self, _: &crate::Entry<'_>, content: &[u8]) -> u64 {
            content.len() as u64
        }
        fn stream(&self, _: &crate::Entry<'_>, content: &mut dyn Read) -> io::Result<u64> {
            io::copy(content, &mut io::sink())
        }
    }
    let blob = Blob::new(layer);
    let limits = Limits { max_open_bytes: 1 << 24, ..Limits::default() };
    let tree = walk_layers(&[&blob as &dyn LayerSource], &ToTheEnd, &limits, &NoProgress);
    assert_eq!((tree.files.len(), tree.problems.len()), (1, 1));
}

/// Some bytes, then so many zeros, then others; never in memory.
struct Sparse {
    parts: Vec<(Vec<u8>, u64)>,
}

impl LayerSource for Sparse {
    fn open(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        Ok(self.parts.iter().fold(Box::new(io::empty()), |all, (bytes, zeros)| {
            Box::new(all.chain(bytes.as_slice()).chain(io::repeat(0).take(*zeros)))
        }))
    }
    fn label(&self) -> String {
        "sparse".to_owned()
    }
    fn digest(&self) -> Option<&plimsoll_model::Digest> {
        None
    }
    fn diff_id(&self) -> Option<&plimsoll_model::Digest> {
        None
    }
    fn size(&self) -> Option<u64> {
        None
    }
}

#[test]
fn ten_gigabytes_pass_by() {
    const SIZE: u64 = 10_000_000_000;
    let mut size = [0; 12];
    size[0] = 0x80;
    size[4..].copy_from_slice(&SIZE.to_be_bytes());
    let before = tar().file("a", "1").raw(&header(b"no-big", b'0', &size, b"")).0;
    let layer = Sparse { parts: vec![(before, SIZE.next_multiple_of(512)), (tar().file("z", "1").end(), 0)] };
    let tree =
        walk_layers(&[&layer as &dyn LayerSource], &Recorder::default(), &Limits::default(), &NoProgress);
    assert_eq!(shown(&tree), ["a@1=1", "z@1=1"]);
    assert!(tree.problems.is_empty());
}

/// A layer that gives its bytes only when another has been read.
struct Slow<'a> {
    blob: Blob,
    waits_for: &'a AtomicU64,
}

impl LayerSource for Slow<'_> {
    fn open(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        // Bounded: with one thread the layer below has not even been opened.
        for _ in 0..200 {
            if self.waits_for.load(Ordering::SeqCst) > 0 {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
        self.blob.open()
    }
    fn label(&self) -> String {
        "slow".to_owned()
    }
    fn digest(&self) -> Option<&plimsoll_model::Digest> {
        None
    }
    fn diff_id(&self) -> Option<&plimsoll_model::Digest> {
        None
    }
    fn size(&self) -> Option<u64> {
        None
    }
}

/// Counts the bytes of the lowest layer.
struct Lowest<'a>(&'a AtomicU64);

impl Progress for Lowest<'_> {
    fn bytes(&self, layer: u32, bytes: u64) {
        if layer == 1 {
            self.0.fetch_add(bytes, Ordering::SeqCst);
        }
    }
}

#[test]
fn hidden_files_are_not_visited_even_when_the_upper_layer_is_slow() {
    let mut lower = tar();
    for index in 0..50 {
        lower = lower.file(&format!("f{index}"), &"x".repeat(100)).file(&format!("s{index}"), "y");
    }
    let lower = Blob::new(lower.file("kept", "1").end());
    // With room to wait in memory, and with none.
    for max_buffered in [1 << 20, 300, 0] {
        for workers in 1..=3 {
            let read = AtomicU64::new(0);
            let mut upper = tar();
            for index in 0..50 {
                upper = upper.file(&format!(".wh.f{index}"), "").file(&format!(".wh.s{index}"), "");
            }
            let upper = Slow { blob: Blob::new(upper.end()), waits_for: &read };
            let middle = Blob::new(tar().file("middle", "1").end());
            let limits =
                Limits { max_buffered, workers: NonZeroUsize::new(workers).unwrap(), ..Limits::default() };
            let recorder = Recorder::default();
            let tree = walk_layers(&[&lower, &middle, &upper], &recorder, &limits, &Lowest(&read));
            assert_eq!(shown(&tree), ["kept@1=1", "middle@2=1"]);
            assert_eq!(recorder.visits.lock().unwrap().len(), 2);
            assert_eq!(tree.layers[0].hidden, 100);
            assert!(tree.problems.is_empty());
        }
    }
}

#[test]
fn a_visitor_that_panics_stops_the_walk() {
    struct Panics;
    impl crate::Visitor for Panics {
        type Output = ();
        fn wants(&self, entry: &crate::Entry<'_>) -> crate::Want {
            assert!(entry.path.as_bytes() != b"bad", "on purpose");
            crate::Want::Stream
        }
        fn whole(&self, _: &crate::Entry<'_>, _: &[u8]) {}
        fn stream(&self, _: &crate::Entry<'_>, _: &mut dyn Read) -> io::Result<()> {
            Ok(())
        }
    }
    let (upper, lower) = (Blob::new(tar().file("bad", "").end()), Blob::new(tar().file("a", "").end()));
    let limits = Limits { max_buffered: 0, workers: NonZeroUsize::new(2).unwrap(), ..Limits::default() };
    let walked = std::panic::catch_unwind(|| {
        walk_layers(&[&lower as &dyn LayerSource, &upper], &Panics, &limits, &NoProgress).files.len()
    });
    assert!(walked.is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
        fuzz_layer(&bytes);
    }

    #[test]
    fn any_damage(changes in proptest::collection::vec((0usize..6000, any::<u8>()), 1..6), packed in 0..3, fix in any::<bool>()) {
        let long = record("path", "d/".repeat(90).as_bytes());
        let archive = tar()
            .file("a", "1").dir("d/").symlink("d/l", "..").file("d/l/b", "2").link("c", "a")
            .member("x", b'x', &long, "").file("cut", "3").file("d/.wh.q", "")
            .member("y", b'x', &[record("GNU.sparse.size", b"6"), record("GNU.sparse.map", b"1,2,4,1")].concat(), "")
            .file("s", "123").end();
        let mut layer = match packed {
            0 => archive,
            1 => gzip(&archive),
            _ => zstd::bulk::compress(&archive, 1).unwrap(),
        };
        for (at, byte) in changes {
            let at = at % layer.len();
            layer[at] = byte;
            if fix && packed == 0 {
                // With a right checksum damage reaches further.
                let start = at / 512 * 512;
                let mut block: [u8; 512] = layer[start..start + 512].try_into().unwrap();
                seal(&mut block);
                layer[start..start + 512].copy_from_slice(&block);
            }
        }
        fuzz_layer(&layer);
    }
}
