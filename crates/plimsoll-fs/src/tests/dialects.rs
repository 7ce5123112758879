//! Header dialects, compression, digests.

use std::io::Read;

use plimsoll_model::ProblemKind;

use crate::testing::{Blob, Recorder, Tar, gzip, header, octal, record, seal, sha256, shown, told, walk};
use crate::{Check, Compression, LayerSource, Limits, NoProgress, walk_layers};

fn check(layer: Vec<u8>, expected: &[&str]) {
    let tree = walk(&[layer], &Recorder::default(), &Limits::default());
    assert_eq!(shown(&tree), expected);
    assert_eq!(told(&tree), Vec::<String>::new());
}

fn tar() -> Tar {
    Tar::default()
}

/// A header with something changed.
fn with(name: &str, kind: u8, size: u64, change: impl Fn(&mut [u8; 512])) -> [u8; 512] {
    let mut block = header(name.as_bytes(), kind, &octal(size), b"");
    change(&mut block);
    seal(&mut block);
    block
}

fn put(block: &mut [u8; 512], at: usize, text: &[u8]) {
    block[at..at + text.len()].copy_from_slice(text);
}

fn pax(records: &[Vec<u8>]) -> Tar {
    let content = records.concat();
    tar().raw(&header(b"PaxHeaders/x", b'x', &octal(content.len() as u64), b"")).content(&content)
}

#[test]
fn version_7() {
    let old = |block: &mut [u8; 512]| block[257..].fill(0);
    let layer = tar()
        .raw(&with("d/", 0, 0, old))
        .raw(&with("d/x", 0, 1, old))
        .content(b"1")
        .raw(&with("l", b'2', 0, old));
    check(layer.end(), &["d/x@1=1"]);
}

#[test]
fn ustar_prefix() {
    let layer = tar().raw(&with("x", b'0', 1, |block| put(block, 345, b"a/b"))).content(b"1");
    check(layer.end(), &["a/b/x@1=1"]);
    // GNU's format has times there.
    let gnu = |block: &mut [u8; 512]| {
        put(block, 257, b"ustar  \0");
        put(block, 345, b"14000000000\0");
    };
    check(tar().raw(&with("x", b'0', 1, gnu)).content(b"1").end(), &["x@1=1"]);
}

#[test]
fn gnu_long_names() {
    let long = "d/".repeat(100) + "x";
    let layer = tar()
        .member("././@LongLink", b'L', format!("{long}\0").as_bytes(), "")
        .member("cut", b'0', b"1", "")
        .member("././@LongLink", b'K', format!("{long}\0").as_bytes(), "")
        .member("y", b'1', b"", "cut");
    check(layer.end(), &[&format!("{long}@1=1"), "y@1=1"]);
}

#[test]
fn pax_names_and_sizes() {
    let long = "d/".repeat(100) + "x";
    let layer =
        pax(&[record("path", long.as_bytes()), record("size", b"3"), record("SCHILY.xattr.x", b"a=b\n")])
            .raw(&header(b"cut", b'0', &octal(0), b""))
            .content(b"123");
    let layer = layer.raw(&pax(&[record("linkpath", long.as_bytes())]).0).member("y", b'1', b"", "cut");
    check(layer.end(), &[&format!("{long}@1=123"), "y@1=123"]);
    // Names are bytes.
    let layer = pax(&[record("hdrcharset", b"BINARY"), record("path", b"\xff\xfe")]).file("cut", "1");
    check(layer.end(), &["\\xff\\xfe@1=1"]);
    check(tar().raw(&header(b"\xe9", b'0', &octal(1), b"")).content(b"1").end(), &["\\xe9@1=1"]);
    // An empty value takes back.
    check(pax(&[record("path", b"a"), record("path", b"")]).file("b", "1").end(), &["b@1=1"]);
}

#[test]
fn capabilities_and_files_wanted_by_name() {
    let value = b"\x01\0\0\x02\0\x20\0\0\n\0=\0";
    let capable = |key: &str| pax(&[record(key, value)]);
    check(
        capable("SCHILY.xattr.security.capability").file("a", "1").file("b", "2").end(),
        &["a@1=1 capable", "b@1=2"],
    );
    check(capable("LIBARCHIVE.xattr.security.capability").file("=a", "123").end(), &["=a@1=644 capable"]);
    check(capable("SCHILY.xattr.security.ima").file("a", "1").end(), &["a@1=1"]);
    // A file of which only the name is wanted is skipped, and the next one is found.
    check(tar().file("=a", &"x".repeat(2000)).file("b", "2").end(), &["=a@1=644", "b@1=2"]);
}

#[test]
fn global_headers_do_not_rename() {
    let comment = record("comment", b"0123");
    let layer = tar().member("pax_global_header", b'g', &comment, "").file("a", "1");
    check(layer.end(), &["a@1=1"]);
    let layer = tar().member("g", b'g', &record("path", b"b"), "").file("a", "1").end();
    let tree = walk(&[layer], &Recorder::default(), &Limits::default());
    assert_eq!(shown(&tree), ["a@1=1"]);
    assert_eq!(told(&tree).len(), 1);
}

#[test]
fn base_256_size() {
    let mut size = [0; 12];
    (size[0], size[11]) = (0x80, 3);
    check(
        tar().raw(&header(b"a", b'0', &size, b"")).content(b"123").file("b", "1").end(),
        &["a@1=123", "b@1=1"],
    );
}

#[test]
fn links_have_no_content_whatever_their_size() {
    // As Go reads them, and so container runtimes.
    let layer = tar().raw(&header(b"d/", b'5', &octal(512), b"")).file("a", "1").end();
    check(layer, &["a@1=1"]);
}

#[test]
fn signed_checksums() {
    let mut block = header(b"\xe9\xe9", b'0', &octal(1), b"");
    block[148..156].fill(b' ');
    let sum: i32 = block.iter().map(|byte| i32::from(byte.cast_signed())).sum();
    put(&mut block, 148, format!("{sum:06o}\0 ").as_bytes());
    check(tar().raw(&block).content(b"1").end(), &["\\xe9\\xe9@1=1"]);
}

#[test]
fn old_gnu_sparse() {
    let piece = |offset: u64, length: u64| [octal(offset), octal(length)].concat();
    // Four pieces in the header, one in an extension block.
    let layer = tar()
        .raw(&with("a", b'S', 5, |block| {
            put(block, 257, b"ustar  \0");
            for index in 0..4 {
                put(block, 386 + index * 24, &piece(index as u64 * 2, 1));
            }
            block[482] = 1;
            put(block, 483, &octal(10));
        }))
        .raw(&{
            let mut block = [0; 512];
            put(&mut block, 0, &piece(8, 1));
            block
        })
        .content(b"12345")
        .file("b", "1");
    check(layer.end(), &["a@1=1\x002\x003\x004\x005\0", "b@1=1"]);
}

#[test]
fn pax_sparse() {
    let numbers = |pairs: &[(&str, &str)]| -> Vec<Vec<u8>> {
        pairs.iter().map(|(key, value)| record(&format!("GNU.sparse.{key}"), value.as_bytes())).collect()
    };
    let zero = [
        ("size", "6"),
        ("numblocks", "2"),
        ("offset", "1"),
        ("numbytes", "2"),
        ("offset", "4"),
        ("numbytes", "1"),
    ];
    check(pax(&numbers(&zero)).file("a", "123").file("b", "1").end(), &["a@1=\x0012\x003\0", "b@1=1"]);
    let one = [("size", "6"), ("name", "a"), ("map", "1,2,4,1")];
    check(
        pax(&numbers(&one)).file("GNUSparseFile.1/a", "123").file("b", "1").end(),
        &["a@1=\x0012\x003\0", "b@1=1"],
    );
    let ten = [("major", "1"), ("minor", "0"), ("name", "a"), ("realsize", "6")];
    let mut content = b"2\n1\n2\n4\n1\n".to_vec();
    content.resize(512, 0);
    content.extend_from_slice(b"123");
    let layer = pax(&numbers(&ten)).member("GNUSparseFile.1/a", b'0', &content, "").file("b", "1");
    check(layer.end(), &["a@1=\x0012\x003\0", "b@1=1"]);
    // Overlapping, out of order, longer than the file.
    for map in ["1,2,2,1", "4,1,1,2", "4,3", "0,3,9,0", "0,4", "1", "a,b", "18446744073709551615,3"] {
        let layer = pax(&numbers(&[("size", "6"), ("map", map)])).file("a", "123").file("b", "1").end();
        let tree = walk(&[layer], &Recorder::default(), &Limits::default());
        assert_eq!(shown(&tree), ["b@1=1"], "{map}");
        assert_eq!(tree.problems.len(), 1, "{map}");
    }
}

#[test]
fn no_closing_blocks() {
    check(tar().file("a", "1").0, &["a@1=1"]);
    let mut unpadded = tar().file("a", "1").0;
    unpadded.truncate(513);
    check(unpadded, &["a@1=1"]);
    check(tar().file("a", "1").raw(&[0; 512]).0, &["a@1=1"]);
    check(gzip(b""), &[]);
}

#[test]
fn what_follows_the_end_is_told() {
    let layer = tar().file("a", "1").raw(&[0; 1024]).file("b", "1").end();
    let tree = walk(&[layer], &Recorder::default(), &Limits::default());
    assert_eq!(shown(&tree), ["a@1=1"]);
    assert_eq!(
        told(&tree),
        ["Corrupt test layer: bytes follow the end of its archive, which container runtimes ignore"]
    );
}

#[test]
fn compression_by_magic() {
    let archive = tar().file("a", "1").file("b", &"2".repeat(100_000)).end();
    let (first, second) = archive.split_at(700);
    let zstd = |bytes: &[u8]| zstd::bulk::compress(bytes, 1).unwrap();
    let skippable = [&[0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3][..]].concat();
    let named = {
        // FEXTRA, FNAME, FCOMMENT and FHCRC, as RFC 1952 section 2.3 has them.
        let plain = gzip(&archive);
        let mut named = plain[..10].to_vec();
        named[3] = 0x1e;
        named.extend_from_slice(b"\x02\0xxname\0comment\0\0\0");
        named.extend_from_slice(&plain[10..]);
        named
    };
    for (layer, compression) in [
        (archive.clone(), Compression::None),
        (gzip(&archive), Compression::Gzip),
        ([gzip(first), gzip(b""), gzip(second)].concat(), Compression::Gzip),
        (named, Compression::Gzip),
        (zstd(&archive), Compression::Zstd),
        ([skippable.clone(), zstd(first), skippable, zstd(second)].concat(), Compression::Zstd),
    ] {
        let blob = Blob { digest: Some(sha256(&layer)), diff_id: Some(sha256(&archive)), bytes: layer };
        let tree =
            walk_layers(&[&blob as &dyn LayerSource], &Recorder::default(), &Limits::default(), &NoProgress);
        assert_eq!(told(&tree), Vec::<String>::new());
        assert_eq!(tree.files.len(), 2);
        let layer = &tree.layers[0];
        assert_eq!(layer.compression, Some(compression));
        assert_eq!((layer.digest, layer.diff_id), (Check::Verified, Check::Verified));
        assert_eq!((layer.stored_bytes, layer.open_bytes), (blob.bytes.len() as u64, archive.len() as u64));
        assert_eq!((layer.entries, layer.hidden), (2, 0));
    }
}

#[test]
fn other_compressions_are_named() {
    for (magic, name) in
        [(&b"BZh91AY&SY"[..], "bzip2"), (b"\xfd7zXZ\0\0", "xz"), (b"\x04\x22\x4d\x18\0\0", "lz4")]
    {
        let tree = walk(&[magic.to_vec()], &Recorder::default(), &Limits::default());
        assert_eq!(tree.problems.len(), 1);
        assert_eq!(tree.problems[0].kind, ProblemKind::Unsupported);
        assert!(tree.problems[0].detail.contains(name));
        assert_eq!(tree.problems[0].layer, Some(1));
    }
}

#[test]
fn wrong_digests_name_the_layer() {
    let archive = tar().file("a", "1").end();
    for layer in [archive.clone(), gzip(&archive)] {
        let other = Some(sha256(b"another"));
        let blob = Blob { digest: other.clone(), diff_id: other, bytes: layer };
        let good = Blob::new(tar().file("b", "1").end());
        let layers = [&good as &dyn LayerSource, &blob];
        let tree = walk_layers(&layers, &Recorder::default(), &Limits::default(), &NoProgress);
        assert_eq!(shown(&tree), ["a@2=1", "b@1=1"]);
        assert_eq!(tree.problems.len(), 2);
        for problem in &tree.problems {
            assert_eq!((problem.kind, problem.layer), (ProblemKind::Corrupt, Some(2)));
        }
        assert_eq!((tree.layers[1].digest, tree.layers[1].diff_id), (Check::Mismatch, Check::Mismatch));
        assert_eq!(tree.layers[0].digest, Check::NotChecked);
    }
}

#[test]
fn trailing_bytes_belong_to_the_digest() {
    let archive = tar().file("a", "1").end();
    let bytes = [gzip(&archive), b"garbage".to_vec()].concat();
    let blob = Blob { digest: Some(sha256(&bytes)), diff_id: Some(sha256(&archive)), bytes };
    let tree =
        walk_layers(&[&blob as &dyn LayerSource], &Recorder::default(), &Limits::default(), &NoProgress);
    assert_eq!(shown(&tree), ["a@1=1"]);
    assert_eq!((tree.layers[0].digest, tree.layers[0].diff_id), (Check::Verified, Check::Verified));
    assert_eq!(tree.problems.len(), 1);
    assert_eq!(tree.problems[0].effect, plimsoll_model::Effect::Note);
}

#[test]
fn a_wrong_gzip_checksum_is_found_without_a_diff_id() {
    let mut layer = gzip(&tar().file("a", "1").end());
    let crc = layer.len() - 8;
    layer[crc] ^= 1;
    let tree = walk(&[layer], &Recorder::default(), &Limits::default());
    assert_eq!(told(&tree), ["Corrupt test layer: its gzip checksum is wrong"]);
}

#[test]
fn a_layer_that_cannot_be_opened() {
    struct Absent;
    impl LayerSource for Absent {
        fn open(&self) -> std::io::Result<Box<dyn Read + Send + '_>> {
            Err(std::io::ErrorKind::PermissionDenied.into())
        }
        fn label(&self) -> String {
            "absent".to_owned()
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
    let good = Blob::new(tar().file("a", "1").end());
    let tree = walk_layers(&[&good, &Absent], &Recorder::default(), &Limits::default(), &NoProgress);
    assert_eq!(shown(&tree), ["a@1=1"]);
    assert_eq!((tree.problems.len(), tree.problems[0].kind), (1, ProblemKind::Unreadable));
}
