//! What layers make together.

use crate::testing::{Recorder, Tar, glanced, shown, told, walk};
use crate::{Limits, NoProgress, merge, read_layer};

fn check(layers: Vec<Tar>, expected: &[&str]) {
    let layers: Vec<Vec<u8>> = layers.into_iter().map(Tar::end).collect();
    let recorder = Recorder::default();
    let tree = walk(&layers, &recorder, &Limits::default());
    assert_eq!(shown(&tree), expected, "{:?}", tree.problems);
    assert_eq!(told(&tree), Vec::<String>::new());
    // Nothing that is hidden was handed out, and nothing twice.
    assert_eq!(recorder.visits.lock().unwrap().len(), expected.len(), "{:?}", recorder.visits);
    // Each layer alone and then merged: the same, but for names whose content had passed by.
    let recorder = Recorder::default();
    let alone = layers
        .iter()
        .map(|layer| read_layer(&mut layer.as_slice(), "x", &recorder, &Limits::default(), &NoProgress))
        .collect();
    let merged = merge(alone, &recorder, &Limits::default());
    if merged.problems.is_empty() {
        assert_eq!(shown(&merged), expected);
    }
}

fn tar() -> Tar {
    Tar::default()
}

#[test]
fn layers_add_and_replace() {
    check(
        vec![
            tar().dir("a/").file("a/x", "1").file("a/y", "1").file("b", "1"),
            tar().file("./a/x", "2").file("/c", "2"),
        ],
        &["a/x@2=2", "a/y@1=1", "b@1=1", "c@2=2"],
    );
}

/// Glances see what upper layers overwrite or remove, in whatever order layers are read, and change nothing else.
#[test]
fn glances_see_what_is_hidden() {
    let layers: Vec<Vec<u8>> = [
        tar().dir("etc/").file("etc/a", "1").file("etc/b", "1").file("etc/no", "1").file("d/x", "1"),
        tar().dir("etc/").file("etc/.wh.a", "").file("etc/b", "2").symlink("link", "etc").file("e", "-"),
        tar().file("link/c", "3").dir("d/").file("d/.wh..wh..opq", "").member("etc/z", b'1', b"", "etc/b"),
    ]
    .into_iter()
    .map(Tar::end)
    .collect();
    let expected = [
        "d/x@1=1 hidden by 3",
        "etc/a@1=1 hidden by 2",
        "etc/b@1=1 hidden by 2",
        "etc/b@2=2",
        "etc/c@3=3",
        "etc/no@1=1",
    ];
    let plain = walk(&layers, &Recorder::default(), &Limits::default());
    assert_eq!(glanced(&plain), Vec::<String>::new());
    for workers in [1, 3] {
        let limits = Limits { workers: workers.try_into().unwrap(), ..Limits::default() };
        let recorder = Recorder { glances: 100, ..Recorder::default() };
        let tree = walk(&layers, &recorder, &limits);
        assert_eq!(glanced(&tree), expected);
        assert_eq!(shown(&tree), shown(&plain));
        let alone = layers
            .iter()
            .map(|layer| read_layer(&mut layer.as_slice(), "x", &recorder, &limits, &NoProgress))
            .collect();
        assert_eq!(glanced(&merge(alone, &recorder, &limits)), expected);
    }
}

#[test]
fn a_glance_takes_nothing_from_the_visit() {
    let long = format!("+{}", "x".repeat(20_000));
    let short = "y".repeat(20_000);
    let layers = [tar().file("a", &long).file("b", &short).file("s", &long).end()];
    for (glances, expected) in [
        (100, ["a@1=100 bytes", "b@1=100 bytes", "s@1=100 bytes"]),
        (9000, ["a@1=9000 bytes", "b@1=4096 bytes", "s@1=9000 bytes"]),
        (1 << 20, ["a@1=20001 bytes", "b@1=4096 bytes", "s@1=20001 bytes"]),
    ] {
        let recorder = Recorder { glances, ..Recorder::default() };
        let tree = walk(&layers, &recorder, &Limits::default());
        assert_eq!(glanced(&tree), expected);
        assert_eq!(shown(&tree), [format!("a@1={long}"), format!("b@1={short}"), format!("s@1={long}")]);
    }
}

#[test]
fn glances_of_a_cut_layer_end_with_it() {
    let whole = tar().file("no", &"x".repeat(3000)).end();
    let recorder = Recorder { glances: 1 << 20, ..Recorder::default() };
    for length in [512, 700, 3000] {
        let tree = walk(&[whole[..length].to_vec()], &recorder, &Limits::default());
        assert_eq!(glanced(&tree), Vec::<String>::new());
        assert!(!tree.problems.is_empty());
    }
}

#[test]
fn a_listed_directory_replaces_a_link_also_below_one_that_is_not_listed() {
    for target in ["a", "../other", "/elsewhere"] {
        check(
            vec![
                tar().dir("lib/").symlink("lib/a", target).file("other/x", "1"),
                tar().dir("lib/a/").file("lib/a/x", "2"),
            ],
            &["lib/a/x@2=2", "other/x@1=1"],
        );
    }
}

#[test]
fn whiteouts_hide_lower_layers_only() {
    check(
        vec![
            tar().file("a/x", "1").file("a/y", "1").file("a/d/z", "1").file("ab", "1"),
            tar().dir("a/").file("a/.wh.x", "").file("a/.wh.d", "").file("a/x", "2"),
        ],
        &["a/x@2=2", "a/y@1=1", "ab@1=1"],
    );
}

#[test]
fn opaque_directories_hide_lower_layers_only() {
    for last in [false, true] {
        let upper = if last {
            tar().dir("a/").file("a/n", "2").file("a/.wh..wh..opq", "")
        } else {
            tar().dir("a/").file("a/.wh..wh..opq", "").file("a/n", "2")
        };
        check(
            vec![tar().dir("a/").file("a/x", "1").file("a/d/y", "1").file("b", "1"), upper],
            &["a/n@2=2", "b@1=1"],
        );
    }
}

#[test]
fn opaque_root() {
    check(vec![tar().file("a", "1"), tar().file(".wh..wh..opq", "").file("b", "2")], &["b@2=2"]);
}

#[test]
fn a_file_for_a_directory_and_the_reverse() {
    check(vec![tar().dir("a/").file("a/x", "1").file("b", "1"), tar().file("a", "2").dir("b/")], &["a@2=2"]);
    check(vec![tar().file("a", "1"), tar().file("a/x", "2")], &["a/x@2=2"]);
    check(vec![tar().file("a/x", "1"), tar().member("a", b'3', b"", "")], &[]);
}

#[test]
fn the_last_of_a_layer_wins() {
    let layers = vec![tar().file("a", "1").file("a", "2").dir("d/").file("d/x", "3").symlink("d", "e")];
    let recorder = Recorder::default();
    let layers: Vec<Vec<u8>> = layers.into_iter().map(Tar::end).collect();
    assert_eq!(shown(&walk(&layers, &recorder, &Limits::default())), ["a@1=2"]);
}

#[test]
fn names_go_through_links() {
    // In the same layer.
    check(vec![tar().dir("usr/lib/").symlink("lib", "usr/lib").file("lib/x", "1")], &["usr/lib/x@1=1"]);
    // Of a lower layer, hiding what was there and leaving the rest.
    let base = || {
        tar()
            .dir("usr/")
            .dir("usr/lib/")
            .file("usr/lib/x", "1")
            .file("usr/lib/y", "1")
            .symlink("lib", "usr/lib")
    };
    let recorder = Recorder::default();
    let layers = [base().end(), tar().file("lib/x", "2").file("lib/.wh.y", "").end()];
    assert_eq!(shown(&walk(&layers, &recorder, &Limits::default())), ["usr/lib/x@2=2"]);
    // A directory of its own takes the link's place.
    check(
        vec![base(), tar().dir("lib/").file("lib/z", "2")],
        &["lib/z@2=2", "usr/lib/x@1=1", "usr/lib/y@1=1"],
    );
    // A link in between, replaced by a directory above.
    check(
        vec![base(), tar().file("lib/new", "2"), tar().dir("lib/").file("lib/new", "3")],
        &["lib/new@3=3", "usr/lib/new@2=2", "usr/lib/x@1=1", "usr/lib/y@1=1"],
    );
}

#[test]
fn links_of_the_tree() {
    let base =
        tar().dir("usr/lib/").file("usr/lib/x", "1").symlink("lib", "usr/lib").symlink("usr/lib64", "lib");
    let base = base.symlink("usr/unused", "/nowhere").symlink("gone", "usr").symlink("sbin", "../usr/bin");
    let tree =
        walk(&[base.end(), tar().file(".wh.gone", "").end()], &Recorder::default(), &Limits::default());
    let links: Vec<String> = tree.links.iter().map(|link| format!("{}>{}", link.path, link.target)).collect();
    assert_eq!(links, ["lib>usr/lib", "sbin>usr/bin", "usr/lib64>usr/lib"]);
}

#[test]
fn links_to_files_are_told_where_they_are_asked_for() {
    let layers = [
        tar()
            .dir("bin/")
            .file("bin/mawk", "1")
            .file("bin/gone", "1")
            .symlink("bin/awk", "/etc/alternatives/awk")
            .symlink("etc/alternatives/awk", "../../bin/mawk")
            .symlink("bin/removed", "gone")
            .symlink("bin/nowhere", "/none")
            .symlink("bin/circle", "circle")
            .symlink("folder", "bin")
            .end(),
        tar().dir("bin/").file("bin/.wh.gone", "").end(),
    ];
    let told = |file_links| {
        let limits = Limits { file_links, ..Limits::default() };
        let tree = walk(&layers, &Recorder::default(), &limits);
        tree.file_links.iter().map(|link| format!("{}>{}", link.path, link.target)).collect::<Vec<_>>()
    };
    assert_eq!(told(true), ["bin/awk>bin/mawk", "etc/alternatives/awk>bin/mawk"]);
    assert_eq!(told(false), Vec::<String>::new());
}

#[test]
fn hard_links() {
    // To a file whose name is not wanted: a second reading.
    check(vec![tar().file("no-a", "1").link("b", "no-a").link("c", "./b")], &["b@1=1", "c@1=1"]);
    // To a file of a lower layer, through a layer between.
    check(vec![tar().file("no-a", "1"), tar().file("x", "2"), tar().link("b", "/no-a")], &["b@3=1", "x@2=2"]);
    // The file is removed above, its other name stays.
    check(vec![tar().file("a", "1").link("b", "a"), tar().file(".wh.a", "")], &["b@1=1"]);
    // The link is to what came before it.
    check(vec![tar().file("no", "1").link("b", "no").file("no", "2")], &["b@1=1"]);
}

#[test]
fn hard_links_that_are_alike_are_read_once() {
    let recorder = Recorder { alike: true, ..Recorder::default() };
    let layers = [tar().file("a", "1").link("c", "a").link("b", "c").end()];
    assert_eq!(shown(&walk(&layers, &recorder, &Limits::default())), ["a@1=1[b][c]"]);
    assert_eq!(recorder.visits.lock().unwrap().len(), 1);
}

#[test]
fn hard_links_to_nothing_are_told() {
    let layers = [tar().end(), tar().link("a", "b").link("b", "a").link("self", "self").end()];
    let tree = walk(&layers, &Recorder::default(), &Limits::default());
    assert_eq!(shown(&tree), Vec::<String>::new());
    assert!(tree.problems.len() >= 3, "{:?}", tree.problems);
    let layers = [tar().link("a", "b").link("b", "a").end()];
    assert!(!walk(&layers, &Recorder::default(), &Limits::default()).problems.is_empty());
}
