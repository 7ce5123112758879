//! Readers of languages over broken and hostile input: they never panic and stay linear.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::LazyLock;

use plimsoll_extract::lang;
use plimsoll_model::{Effect, ImagePath};
use proptest::prelude::*;

/// The project's own fixtures, good and bad.
static FIXTURES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut fixtures = Vec::new();
    for folder in
        std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/lang")).expect("fixtures")
    {
        let folder = folder.expect("fixtures").path();
        if folder.is_dir() {
            let files = std::fs::read_dir(folder).expect("fixtures");
            fixtures
                .extend(files.map(|file| std::fs::read(file.expect("fixtures").path()).expect("fixtures")));
        }
    }
    assert!(fixtures.len() > 30);
    fixtures.sort();
    fixtures
});

/// What formats of all kinds are made of.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "'",
    "\\",
    "\\u12",
    "\n",
    "\n  ",
    "\n    ",
    " ",
    "#",
    "//",
    "/*",
    "*/",
    "=",
    "==",
    "[[package]]\n",
    "[[packages]]\n",
    "\"\"\"",
    "'''",
    "name = \"a\"\n",
    "version = \"1\"\n",
    "a.b.c",
    "\"packages\": {",
    "\"dependencies\": {",
    "\"lockfileVersion\": 1,",
    "\"version\": \"1.0\"",
    "\"node_modules/a\": {",
    "\"\": {",
    "&a ",
    "*a",
    "? ",
    "- ",
    "---\n",
    "lockfileVersion: '9.0'\n",
    "packages:\n",
    "snapshots:\n",
    "importers:\n",
    "a@1.0.0",
    "/a/1.0.0",
    "a@^1.0.0:\n",
    "  version \"1.0.0\"\n",
    "resolution: \"a@npm:1\"",
    "GEM\n",
    "  specs:\n",
    "    a (1.0)\n",
    "Name: a\n",
    "Version: 1\n",
    "Gem::Specification",
    "s.name = \"a\"\n",
    "<packages>",
    "<package id=\"a\" version=\"1\"/>",
    "&amp;",
    "é",
    "\u{feff}",
    "node_modules/",
    "\"libraries\": {",
    "\"a/1\": {\"type\": \"package\"}",
    "--hash=",
    "-r",
    ";",
    "@",
    "(",
    ")",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..2048)) {
        lang::fuzz(&bytes);
    }

    #[test]
    fn pieces_in_any_order(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..200)) {
        lang::fuzz(pieces.concat().as_bytes());
    }

    #[test]
    fn mutated_fixtures(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..4, any::<u8>(), prop::sample::select(PIECES)), 1..8),
    ) {
        let mut bytes = FIXTURES[which.index(FIXTURES.len())].clone();
        for (at, kind, byte, piece) in changes {
            let at = at.index(bytes.len() + 1);
            match kind {
                0 => bytes.truncate(at),
                1 => bytes.splice(at..at, piece.bytes()).for_each(drop),
                2 => bytes.drain(at..(at + usize::from(byte)).min(bytes.len())).for_each(drop),
                _ => if let Some(place) = bytes.get_mut(at) { *place = byte },
            }
        }
        lang::fuzz(&bytes);
    }
}

#[test]
fn cut_at_every_byte() {
    for fixture in FIXTURES.iter() {
        for end in (0..fixture.len()).step_by(13) {
            lang::fuzz(&fixture[..end]);
        }
    }
}

/// `count` times `line`, with `#` replaced by the number.
fn repeated(count: usize, line: &str) -> String {
    let mut text = String::new();
    let parts: Vec<&str> = line.split('#').collect();
    for number in 0..count {
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                write!(text, "{number}").expect("a string takes everything");
            }
            text.push_str(part);
        }
    }
    text
}

/// Shapes that cost a careless reader the square of their length. There is no clock here: the square of 200 kB would not end.
#[test]
fn large_inputs_end() {
    const SIZE: usize = 200_000;
    let long = "a/".repeat(SIZE / 4);
    for text in [
        repeated(SIZE / 40, "\"node_modules/a#\": {\"version\": \"1.0.0\"},\n"),
        format!(
            "{{\"packages\": {{\"\": {{}}, \"{long}\": {{\"dependencies\": {{{}\"z\": 1}}}}}}}}",
            repeated(SIZE / 40, "\"a#\": \"1\",")
        ),
        format!(
            "{{\"packages\": {{\"{long}\": [\"a@1\", {{\"dependencies\": {{{}\"z\": 1}}}}]}}}}",
            repeated(SIZE / 40, "\"a#\": \"1\",")
        ),
        format!(
            "{{\"lockfileVersion\": 1, \"dependencies\": {}",
            repeated(SIZE / 60, "{\"a#\": {\"version\": \"1.0.0\", \"dependencies\": ")
        ),
        "[".repeat(SIZE),
        "{\"a\":".repeat(SIZE / 5),
        "\"".repeat(SIZE),
        "\\".repeat(SIZE),
        format!("\"{}", "\\n".repeat(SIZE / 2)),
        "/*".repeat(SIZE / 2),
        repeated(SIZE / 50, "[[package]]\nname = \"a#\"\nversion = \"1.0\"\n"),
        "[[package]]\n".repeat(SIZE / 12),
        "[[package]]\n=\n".repeat(SIZE / 14),
        format!("[[package]]\nname = [{}]", "1,".repeat(SIZE / 2)),
        "\"\"\"\n[[package]]\n".repeat(SIZE / 16),
        "'''".repeat(SIZE / 3),
        format!(
            "lockfileVersion: '9.0'\npackages:\n{}",
            repeated(SIZE / 40, "  a#@1.0.0:\n    resolution: {}\n")
        ),
        format!("lockfileVersion: '9.0'\n? {}", "a ".repeat(SIZE / 2)),
        "a: ".repeat(SIZE / 3),
        "- ".repeat(SIZE / 2),
        "? ".repeat(SIZE / 2),
        "a: 'b\n".repeat(SIZE / 6),
        "---\n".repeat(SIZE / 4),
        "&a ".repeat(SIZE / 3),
        repeated(SIZE / 20, "&a# b: *a#\n"),
        "# comment\n".repeat(SIZE / 10),
        "|\n".repeat(SIZE / 2),
        "{a: ".repeat(SIZE / 4),
        format!("a: {}", "b\n  ".repeat(SIZE / 4)),
        " ".repeat(SIZE),
        "\t\n".repeat(SIZE / 2),
        repeated(SIZE / 40, "a#@^1.0.0, a#@^1.1.0:\n  version \"1.1.0\"\n"),
        format!("{}:\n  version \"1\"\n", "a@1, ".repeat(SIZE / 5)),
        repeated(SIZE / 20, "    a# (1.0)\n"),
        format!("GEM\n  specs:\n{}", repeated(SIZE / 20, "    a# (1.0)\n")),
        repeated(SIZE / 10, "a#==1\n"),
        "a==1\\\n".repeat(SIZE / 6),
        "a #".repeat(SIZE / 3),
        "License: a\n b\n".repeat(SIZE / 14),
        format!("Gem::Specification\n  s.licenses = [{}]", "\"a\", ".repeat(SIZE / 5)),
        format!("<packages><package {}/>", repeated(SIZE / 10, "a#=\"b\" ")),
        "<packages>".repeat(SIZE / 10),
        "<!--".repeat(SIZE / 4),
    ] {
        lang::fuzz(text.as_bytes());
    }
}

/// The readers that keep a good and a bad fixture in a folder of their name.
const WITH_FIXTURES: [&str; 29] = [
    "bun_lock",
    "composer_installed",
    "composer_lock",
    "dotnet_deps",
    "gemfile_lock",
    "gemspec",
    "gleam_manifest",
    "gradle_verification",
    "msbuild_project",
    "node_modules",
    "nuget_lock",
    "nuspec",
    "package_lock",
    "packages_config",
    "paket_lock",
    "pdm_lock",
    "pear",
    "pipfile_lock",
    "pnpm_lock",
    "poetry_lock",
    "pylock",
    "python_installed",
    "python_sbom",
    "requirements",
    "sbt_lock",
    "snap",
    "uv_lock",
    "vcpkg_status",
    "yarn_lock",
];

/// What is broken says so, whatever the format: none of the bad fixtures looks like a good or an empty one.
#[test]
fn bad_fixtures_are_problems() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/lang");
    for name in WITH_FIXTURES {
        let extractor = plimsoll_extract::registry::EXTRACTORS
            .iter()
            .find(|extractor| extractor.name.strip_prefix("lang/") == Some(name))
            .expect("it is in the registry");
        let plimsoll_extract::Reader::Whole { parse, .. } = extractor.read else {
            panic!("{name} is read whole")
        };
        let files = std::fs::read_dir(root.join(name)).expect("fixtures");
        let (mut good, mut bad) = (0, 0);
        for file in files {
            let file = file.expect("fixtures").path();
            let title = file
                .file_name()
                .and_then(|title| title.to_str())
                .expect("fixtures have plain names")
                .to_owned();
            let extraction = parse(
                &ImagePath::from(format!("node_modules/a/{title}").as_str()),
                &std::fs::read(&file).expect("fixtures"),
            );
            let incomplete = extraction.problems.iter().any(|problem| problem.effect == Effect::Incomplete);
            let is_bad = title.contains("bad");
            assert_eq!(incomplete, is_bad, "{name}/{title}: {:?}", extraction.problems);
            assert!(is_bad || !extraction.packages.is_empty(), "{name}/{title}");
            if is_bad { bad += 1 } else { good += 1 }
        }
        assert!(good > 0 && bad > 0, "{name} needs a good and a bad fixture");
    }
}
