//! The real program, run as users run it: exit code, standard output, standard error.
//!
//! No test needs a network or a database of the machine: each run has a home of its own and a fixed day. Those of `live` need root.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "../common/mod.rs"]
mod common;

mod admit;
mod attest;
mod audit;
mod check;
mod cluster;
mod daemons;
mod database;
mod diff;
mod exceptions;
mod fix;
mod git;
mod hostile;
mod java;
mod keyless;
#[cfg(feature = "runtime")]
mod live;
mod manifests;
mod many;
mod models;
mod options;
mod outcomes;
mod output;
mod plan;
mod push;
mod reach;
mod registry;
mod registry_files;
mod render;
mod sbom;
#[cfg(feature = "runtime")]
mod screen;
mod since;
mod targets;
mod transfer;
mod update;
mod verify;
mod vex;
mod watch;
mod whose;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use common::{feeds, image, shop};
use serde_json::Value;

/// The day of the tests: 2026-11-23, noon.
const NOW: &str = "1795435200";

/// What a run gave.
#[derive(Debug)]
struct Run {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Run {
    /// Checks the exit code, with everything shown when it is another.
    #[track_caller]
    fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Checks that standard error names all of these.
    #[track_caller]
    fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stderr.contains(part), "`{part}` is not in:\n{}", self.stderr);
        }
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self
    }

    /// Checks that standard error is silent.
    #[track_caller]
    fn quiet(self) -> Self {
        assert_eq!(self.stderr, "");
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}:\n{}\n{}", self.stdout, self.stderr))
    }

    /// For snapshots.
    fn transcript(&self) -> String {
        format!("exit code: {}\n--- stdout\n{}--- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}

/// A folder for one test, with the images and the database at hand.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Place { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        std::fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        std::fs::write(self.path(name), content).unwrap();
        self.text(name)
    }

    /// `shop` as an OCI layout in a directory; its path.
    fn shop(&self) -> String {
        self.layout("shop", &shop::image())
    }

    fn layout(&self, name: &str, image: &image::Image) -> String {
        image::write(&image::layout(&[("1.0", image)], image::Pack::Gzip), &self.path(name));
        self.text(name)
    }

    /// The program, in this folder, without anything of the machine's surroundings.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .env("SOURCE_DATE_EPOCH", NOW)
            // No test goes to the network.
            .env("PLIMSOLL_DB_UPDATE", "never")
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Run {
        finish(self.command(arguments).output().unwrap())
    }

    fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Run {
        finish(self.command(arguments).envs(variables.iter().copied()).output().unwrap())
    }

    fn run_on(&self, arguments: &[&str], input: &[u8]) -> Run {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::thread::scope(|scope| {
            // A program that refuses its input closes it early: not our failure.
            scope.spawn(move || {
                let _ = stdin.write_all(input);
            });
            finish(child.wait_with_output().unwrap())
        })
    }

    /// `scan TARGET --db` the tests' database.
    fn scan(&self, target: &str, more: &[&str]) -> Run {
        let mut arguments = vec!["scan", target, "--db", database()];
        arguments.extend(more);
        self.run(&arguments)
    }

    fn json(&self, target: &str, more: &[&str]) -> Value {
        let mut all = vec!["--format", "json"];
        all.extend(more);
        self.scan(target, &all).json()
    }

    /// The transcript with everything replaced that differs from run to run.
    fn settled(&self, run: &Run) -> String {
        settle(&run.transcript(), self.folder.path())
    }
}

fn settle(text: &str, folder: &Path) -> String {
    text.replace(folder.to_str().unwrap(), "[TMP]")
        .replace(env!("CARGO_PKG_VERSION"), "[VERSION]")
        .replace(database(), "[DB]")
}

/// Compares a transcript with its snapshot.
macro_rules! snapshot {
    ($place:expr, $run:expr) => {{
        insta::with_settings!({
            omit_expression => true,
            prepend_module_to_snapshot => false,
            filters => vec![(r"\d+ notable incidents", "[N] notable incidents"), (r"sha256:[0-9a-f]{64}", "[DIGEST]"), (r"sha256:[0-9a-f]{4,}….?[0-9a-f]*", "[DIGEST]")],
        }, {
            insta::assert_snapshot!($place.settled(&$run));
        });
    }};
}
use snapshot;

fn finish(output: std::process::Output) -> Run {
    Run {
        // A signal is no exit code.
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).expect("standard output is text"),
        stderr: String::from_utf8(output.stderr).expect("standard error is text"),
    }
}

/// A database built by the program from the tests' feeds, once.
fn database() -> &'static str {
    static PLACE: OnceLock<(Place, String)> = OnceLock::new();
    let (_, path) = PLACE.get_or_init(|| {
        let place = Place::new();
        feeds::write(&place.path("feeds"));
        let path = place.text("test.db");
        place.run(&["db", "build", "--from", "feeds", "--out", "test.db"]).exits(0).quiet();
        (place, path)
    });
    path
}

/// The findings' ids.
fn ids(report: &Value) -> Vec<String> {
    report["findings"].as_array().unwrap().iter().map(|finding| text(&finding["id"])).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// What a schema of `docs/schema` finds wrong with a document.
fn faults(schema: &str, document: &Value) -> Vec<String> {
    let read = |name: &str| -> Value {
        let path = format!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schema/{}"), name);
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    };
    // What it refers to stands in the report's schema: here in one document.
    let text = read(schema).to_string().replace("report-1.0.json#", "#");
    let mut schema: Value = serde_json::from_str(&text).unwrap();
    let shared = read("report-1.0.json")["$defs"].as_object().unwrap().clone();
    if let Some(own) = schema.get_mut("$defs").and_then(Value::as_object_mut) {
        own.extend(shared);
    }
    let validator = jsonschema::validator_for(&schema).unwrap();
    validator.iter_errors(document).map(|fault| fault.to_string()).collect()
}

/// The finding about an advisory or alias.
#[track_caller]
fn finding<'a>(report: &'a Value, id: &str) -> &'a Value {
    report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|finding| {
            finding["advisory"] == id
                || finding["aliases"]
                    .as_array()
                    .is_some_and(|aliases| aliases.iter().any(|alias| alias == id))
        })
        .unwrap_or_else(|| panic!("{id} is not among {:?}", ids(report)))
}
