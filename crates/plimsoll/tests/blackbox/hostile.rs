//! Names from hostile images never move the cursor, reorder text, break lines, or become commands.

use super::Place;
use super::common::image::{Image, Tree};
use super::common::{feeds, shop};

/// Colour, cursor, title and C1 sequences, a carriage return, right-to-left, zero width, a line of its own.
const MARKS: &str = "\x1b[31m\x1b]0;owned\x07\r\u{9b}2J\u{202e}\u{200b}\u{2028}";

fn hostile() -> (Image, serde_json::Value) {
    // Nothing here keeps it from being a name: npm's own registry refuses it, a lockfile need not.
    let name = "evil\u{202e}\u{200b}\u{2028}<b>owned;touch${IFS}owned;$(touch${IFS}owned)".to_owned();
    let version = format!("1.0.0-{MARKS}");
    let lock = serde_json::json!({
        "lockfileVersion": 3,
        "packages": {
            "": { "dependencies": { &name: "1", "sly": "1" } },
            format!("node_modules/{name}"): { "version": "1.0.0" },
            "node_modules/sly": { "version": version },
        },
    })
    .to_string();
    let image = Image::new()
        .layer(
            &format!("ADD rootfs{MARKS}\nfake: line / "),
            Tree::new()
                .file("etc/os-release", shop::OS_RELEASE.replace("GNU/Linux 12", &format!("GNU{MARKS} 12")))
                .file(
                    "var/lib/dpkg/status",
                    format!(
                        "Package: sly{MARKS}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1{MARKS}\n\n\
                         Package: fine\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.0\n\n"
                    ),
                ),
        )
        .layer(
            &format!("RUN x{MARKS}"),
            Tree::new()
                .file(&format!("srv/a{MARKS}\nerror: b/package-lock.json"), lock)
                .raw_file(b"srv/\xff\xfe\x1b[2J/package-lock.json", "{ broken")
                .file(&format!("opt/{MARKS}.jar"), "no archive")
                .file("srv/venv/lib/python3/site-packages/x.dist-info/METADATA", format!("Name: x{MARKS}\nVersion: 1\n")),
        );
    let mut record =
        feeds::osv("GHSA-2222-2222-0666", &["CVE-2099-0666"], "", "npm", &name, &[("0", "2.0.0")]);
    record["summary"] = format!("a title{MARKS}\nfake: line <script>owned()</script>").into();
    record["affected"][0]["ranges"][0]["type"] = "SEMVER".into();
    (image, record)
}

#[track_caller]
fn is_safe(what: &str, text: &str) {
    for character in text.chars() {
        let hidden =
            matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        assert!(
            !hidden && (!character.is_control() || character == '\n'),
            "{what}: {character:?} reaches the terminal:\n{}",
            text.escape_debug()
        );
    }
    assert!(
        !text.lines().any(|line| line.starts_with("fake:") || line.starts_with("error: b")),
        "{what}:\n{text}"
    );
}

#[test]
fn names_reach_no_terminal_raw() {
    let place = Place::new();
    let (image, record) = hostile();
    feeds::put(&place.path("feeds"), "npm", &record);
    place.put(&format!("feeds/osv/npm/note{}.json", MARKS.replace('/', "")), "{ broken");
    let built = place.run(&["db", "build", "--from", "feeds", "--out", "hostile.db"]).exits(0);
    is_safe("db build", &built.stdout);
    let layout = place.layout("hostile", &image);
    for more in [
        vec![],
        vec!["--all"],
        vec!["--by", "layer"],
        vec!["--by", "package"],
        vec!["--format", "json"],
        vec!["--format", "markdown"],
        vec!["--format", "html"],
    ] {
        let mut arguments = vec!["scan", &layout, "--db", "hostile.db"];
        arguments.extend(&more);
        let run = place.run(&arguments);
        assert!([1, 3].contains(&run.code), "{}", run.stderr);
        if more.contains(&"json") {
            assert!(run.json()["packages"].to_string().contains("evil"), "the test tests something");
            let raw =
                run.stdout.chars().filter(|character| character.is_control() && *character != '\n').count();
            assert_eq!(raw, 0, "JSON escapes control characters");
        } else {
            is_safe(&format!("scan {more:?}"), &run.stdout);
        }
        is_safe("standard error", &run.stderr);
    }
    let explained = place.run(&["explain", "CVE-2099-0666", "--db", "hostile.db"]).exits(0);
    is_safe("explain", &explained.stdout);
    let run = place.run(&["sbom", &layout, "--format", "json"]);
    is_safe("sbom", &run.stderr);
}

#[test]
fn names_become_no_markup() {
    let place = Place::new();
    let (image, record) = hostile();
    feeds::put(&place.path("feeds"), "npm", &record);
    place.run(&["db", "build", "--from", "feeds", "--out", "hostile.db"]).exits(0);
    let layout = place.layout("hostile", &image);
    for format in ["html", "markdown"] {
        let page = place.run(&["scan", &layout, "--db", "hostile.db", "--format", format, "--all"]).stdout;
        assert!(page.contains("owned"), "the test tests something");
        // In Markdown, what stands between backquotes is shown as it is.
        let page: String = match format {
            "markdown" => page.split('`').step_by(2).collect(),
            _ => page,
        };
        for tag in ["<b>owned", "<script>owned"] {
            assert!(!page.contains(tag), "{format}: {tag}\n{page}");
        }
    }
}

#[test]
fn names_become_no_commands() {
    let place = Place::new();
    let (image, record) = hostile();
    feeds::put(&place.path("feeds"), "npm", &record);
    place.run(&["db", "build", "--from", "feeds", "--out", "hostile.db"]).exits(0);
    let layout = place.layout("hostile", &image);
    let report = place.run(&["scan", &layout, "--db", "hostile.db", "--format", "json"]).json();
    let about: Vec<_> = report["changes"].as_array().unwrap().iter().collect();
    assert!(!about.is_empty(), "the hostile package has a fix");
    for change in about {
        if let Some(command) = change["command"].as_str() {
            assert!(!command.contains("touch"), "{command}");
        }
    }
    assert!(!place.path("owned").exists());
}

#[test]
fn what_is_typed_is_shown_safely() {
    let place = Place::new();
    for target in ["\x1b[31mx", "a\nerror: b", "docker:\x1b[2J"] {
        let run = place.run(&["scan", target]).exits(2);
        is_safe("what was typed", &run.stderr);
    }
    let run = place.run(&["explain", "CVE\x1b[2J"]).exits(2);
    is_safe("explain", &run.stderr);
    let run = place.run(&["scan", "x", "--ignore-file", "\x1b[2J"]).exits(2);
    is_safe("ignore file", &run.stderr);
}

#[test]
fn targets_with_strange_names() {
    let place = Place::new();
    // Next commands must survive being pasted: a name with blanks is quoted.
    let layout = place.layout("my shop; touch owned", &shop::image());
    let run = place.scan(&layout, &[]).exits(1);
    for line in run.stdout.lines().filter(|line| line.contains("plimsoll scan")) {
        assert!(line.contains('\''), "not quoted: {line}");
    }
}
