//! Drift: what unmodified images never show, and what every change does.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use plimsoll_model::{Algorithm, Digest};
use proptest::prelude::*;

use super::{Content, Drift, Image, ImageFile, Inventories, Package, Role, Unread, Verdict};
use crate::Event;
use crate::event::{Action, Container, File, FileKind, Mount, Process, State};
use crate::rules::{Files, Knowledge};

fn digest(seed: u8) -> Digest {
    Digest::from_bytes(Algorithm::Sha256, &[seed; 32]).unwrap()
}

fn image() -> Image {
    let file = |path: &str, mode: u32, seed: u8, package: Option<usize>| ImageFile {
        path: path.to_owned(),
        mode,
        digest: Some(digest(seed)),
        package,
        layer: Some(0),
        link: None,
    };
    let link = |path: &str, to: &str| ImageFile {
        path: path.to_owned(),
        mode: 0o120_777,
        link: Some(to.to_owned()),
        ..ImageFile::default()
    };
    let package = |name: &str, severity: Option<&str>| Package {
        name: name.to_owned(),
        version: "1".to_owned(),
        severity: severity.map(str::to_owned),
        party: severity.map(|_| "base image".to_owned()),
        findings: severity
            .map(|_| vec!["CVE-2099-0001".to_owned(), "CVE-2099-0002".to_owned()])
            .unwrap_or_default(),
        ..Package::default()
    };
    let files = [
        file("/usr/bin/dash", 0o100_755, 1, Some(0)),
        file("usr/bin/ls", 0o100_755, 2, Some(1)),
        file("/usr/bin/python3.11", 0o100_755, 3, None),
        file("/usr/lib/libc.so.6", 0o100_644, 4, Some(2)),
        file("/app/run.sh", 0o100_755, 5, None),
        file("/app/data", 0o100_644, 6, None),
        link("/bin", "usr/bin"),
        link("/usr/bin/sh", "dash"),
        link("/loop", "loop/x"),
        link("/up", "../../../usr/bin/ls"),
    ];
    let packages = vec![package("dash", None), package("coreutils", Some("high")), package("libc6", None)];
    Image::new(files, packages, vec![digest(9)]).unwrap()
}

/// Content by path, counting how often it is asked.
#[derive(Default)]
struct Contents {
    digests: HashMap<String, u8>,
    upper: Vec<String>,
    asked: Cell<usize>,
}

impl Content for Contents {
    fn digest(&self, _: &Container, path: &str, _: u64) -> Option<Digest> {
        self.asked.set(self.asked.get() + 1);
        self.digests.get(path).map(|seed| digest(*seed))
    }

    fn upper_layer(&self, _: &Container, path: &str) -> Option<bool> {
        Some(self.upper.iter().any(|upper| upper == path))
    }
}

fn exec(file: File, script: &str, arguments: &[&str]) -> Event {
    Event {
        action: Action::Exec {
            path: file.path.clone(),
            file: file.clone(),
            script: script.to_owned(),
            truncated: false,
            environment: Vec::new(),
            response: crate::event::Response::None,
        },
        process: Arc::new(Process {
            executable: file,
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            directory: "/app".to_owned(),
            ..Process::default()
        }),
        container: Arc::new(Container {
            state: State::Known,
            digest: "sha256:1".to_owned(),
            mounts: vec![Mount { destination: "/data/".to_owned(), ..Mount::default() }],
            ..Container::default()
        }),
        ..Event::default()
    }
}

fn at(path: &str, upper_layer: Option<bool>) -> File {
    File { path: path.to_owned(), upper_layer, ..File::default() }
}

const SAME: Verdict = Verdict::Known { proven: true };

#[track_caller]
fn program(file: File, content: &dyn Content, expected: &Verdict) {
    let image = image();
    let judged = Drift::new(&image).judge(&exec(file, "", &["x"]), content);
    assert_eq!(&judged[0].verdict, expected, "{judged:?}");
}

#[test]
fn programs() {
    let content = Contents {
        digests: HashMap::from([("/usr/bin/ls".to_owned(), 7), ("/usr/bin/dash".to_owned(), 1)]),
        ..Contents::default()
    };
    program(at("/usr/bin/ls", Some(false)), &Unread, &SAME);
    program(at("/bin/ls", Some(false)), &Unread, &SAME);
    program(at("/bin/sh", Some(false)), &Unread, &SAME);
    program(at("/up", Some(false)), &Unread, &SAME);
    program(at("/usr/bin/ls", None), &Unread, &Verdict::Known { proven: false });
    program(at("/usr/bin/ls", None), &content, &Verdict::Different { content: true });
    program(at("/usr/bin/ls", Some(true)), &content, &Verdict::Different { content: true });
    program(at("/usr/bin/ls", Some(true)), &Unread, &Verdict::UpperLayer);
    // Copied up by a change of its owner, the content as it was.
    program(at("/usr/bin/dash", Some(true)), &content, &SAME);
    program(at("/tmp/x", Some(true)), &content, &Verdict::UpperLayer);
    program(at("/tmp/x", None), &Unread, &Verdict::Unknown);
    program(at("/loop", Some(false)), &Unread, &Verdict::Unknown);
    program(at("/data/tool", Some(false)), &Unread, &Verdict::Mounted { destination: "/data".to_owned() });
    program(at("/database", None), &Unread, &Verdict::Unknown);
    program(at("/app/data", Some(true)), &Unread, &Verdict::Different { content: false });
    program(File { kind: FileKind::Memory, ..at("/memfd:x", None) }, &Unread, &Verdict::Memory);
    program(at("memfd:x (deleted)", None), &Unread, &Verdict::Memory);
}

#[test]
fn the_package_that_should_own_the_path_is_named() {
    let image = image();
    let mut drift = Drift::new(&image);
    let mut judge = |file: File| drift.judge(&exec(file, "", &["x"]), &Unread).remove(0);
    let changed = judge(at("/bin/ls", Some(true)));
    assert_eq!((changed.path.as_str(), changed.package, changed.layer), ("/bin/ls", Some(1), Some(0)));
    let copied = judge(at("/tmp/ls", Some(true)));
    assert_eq!(
        (copied.namesake.as_deref(), copied.package, copied.layer),
        (Some("/usr/bin/ls"), Some(1), None)
    );
    let strange = judge(at("/tmp/xmrig", Some(true)));
    assert_eq!((strange.namesake, strange.package), (None, None));
}

#[test]
fn scripts_through_an_allowed_interpreter() {
    let image = image();
    let content = Contents {
        upper: vec!["/tmp/new.sh".to_owned()],
        digests: HashMap::from([("/app/run.sh".to_owned(), 5)]),
        ..Contents::default()
    };
    let check = |path: &str, script: &str, arguments: &[&str], expected: Option<(&str, Verdict)>| {
        let judged = Drift::new(&image).judge(&exec(at(path, Some(false)), script, arguments), &content);
        assert_eq!((judged[0].role, &judged[0].verdict), (Role::Program, &SAME));
        let script = judged.get(1).map(|judged| (judged.path.as_str(), judged.verdict.clone()));
        assert_eq!(script, expected, "{arguments:?}");
    };
    check("/usr/bin/dash", "/app/run.sh", &["/bin/sh", "/app/run.sh"], Some(("/app/run.sh", SAME)));
    check("/usr/bin/dash", "", &["sh", "run.sh"], Some(("/app/run.sh", SAME)));
    check("/usr/bin/dash", "", &["sh", "-e", "../tmp/new.sh"], Some(("/tmp/new.sh", Verdict::UpperLayer)));
    check("/usr/bin/dash", "", &["sh", "-o", "pipefail", "/x/new.sh"], Some(("/x/new.sh", Verdict::Unknown)));
    check("/usr/bin/dash", "", &["sh", "-c", "/tmp/new.sh"], None);
    check("/usr/bin/dash", "", &["sh", "-ec", "/tmp/new.sh"], None);
    check("/usr/bin/dash", "", &["sh"], None);
    check(
        "/usr/bin/python3.11",
        "",
        &["python3", "-u", "/tmp/new.sh", "a"],
        Some(("/tmp/new.sh", Verdict::UpperLayer)),
    );
    check("/usr/bin/python3.11", "", &["python3", "-m", "http.server"], None);
    check(
        "/usr/bin/python3.11",
        "",
        &["python3", "-W", "error", "/data/x.py"],
        Some(("/data/x.py", Verdict::Mounted { destination: "/data".to_owned() })),
    );
    check("/usr/bin/ls", "", &["ls", "/tmp/new.sh"], None);
}

#[test]
fn libraries_and_content_is_read_once_for_each_state() {
    let image = image();
    let mut drift = Drift::new(&image);
    let content =
        Contents { digests: HashMap::from([("/usr/lib/libc.so.6".to_owned(), 8)]), ..Contents::default() };
    let open = |changed: u64, flags: u32, path: &str| {
        let file = File { inode: 5, changed, ..at(path, None) };
        Event {
            action: Action::Open { file, flags, mode: 0, descriptor: 3 },
            ..exec(at("/x", None), "", &[])
        }
    };
    let libc = "/usr/lib/libc.so.6";
    for _ in 0..100 {
        let judged = drift.judge(&open(1, 0, libc), &content);
        assert_eq!(
            (judged[0].role, &judged[0].verdict, judged[0].package),
            (Role::Library, &Verdict::Different { content: true }, Some(2))
        );
    }
    assert_eq!(content.asked.get(), 1);
    drift.judge(&open(2, 0, libc), &content);
    assert_eq!(content.asked.get(), 2);
    assert!(drift.judge(&open(1, 1, libc), &content).is_empty(), "written, not loaded");
    assert!(drift.judge(&open(1, 0, "/etc/ld.so.cache"), &content).is_empty(), "no library");
    assert_eq!(drift.judge(&open(3, 0, "/tmp/evil.so"), &content)[0].verdict, Verdict::Unknown);
}

#[test]
fn rules_can_ask_the_inventory() {
    let mut inventories = Inventories::default();
    inventories.add("sha256:1", image());
    let mut files = Files::default();
    files.add(
        "r",
        "- {rule: strange, desc: d, output: o, priority: error, condition: image.file.known=false}\n\
         - {rule: known, desc: d, output: '%package.name %image.layer', priority: error, condition: package.name=coreutils and finding.severity=high}\n",
    );
    let (mut engine, report) = files.compile();
    assert_eq!(report.errors, []);
    let mut met = |event: &Event, knowledge: &dyn Knowledge| engine.evaluate(event, knowledge).to_vec();
    assert_eq!(met(&exec(at("/tmp/x", None), "", &["x"]), &inventories), [0]);
    let ls = exec(at("/bin/ls", None), "", &["x"]);
    assert_eq!(met(&ls, &inventories), [1]);
    assert_eq!(engine.alert(1, &ls, &inventories).output, format!("coreutils {}", digest(9)));
    // Without an inventory neither is known.
    let other = Event { container: Arc::default(), ..exec(at("/tmp/x", None), "", &["x"]) };
    assert!(engine.evaluate(&other, &inventories).is_empty());
}

#[test]
fn rules_can_ask_what_was_found_in_what_runs_and_what_is_loaded() {
    let mut files = Files::default();
    let rule = |name: &str, condition: &str| {
        format!(
            "- {{rule: {name}, desc: d, output: '%finding.ids', priority: error, condition: '{condition}'}}\n"
        )
    };
    let asks = "evt.type in (execve, mmap) and";
    files.add(
        "mine.yaml",
        &[
            rule(
                "high",
                &format!("{asks} finding.severity in (high, critical) and finding.party = \"base image\""),
            ),
            rule("one", &format!("{asks} finding.ids = CVE-2099-0002")),
            rule("none", &format!("{asks} finding.severity != high")),
            rule("owner", &format!("{asks} package.name = libc6 and image.layer startswith sha256:")),
            rule("strange", &format!("{asks} image.file.known = false")),
        ]
        .concat(),
    );
    let (mut engine, report) = files.compile();
    assert_eq!((report.running, report.errors), (5, vec![]));
    let mut met = |event: &Event, knowledge: &dyn Knowledge| -> Vec<String> {
        let found = engine.evaluate(event, knowledge).to_vec();
        found.iter().map(|rule| engine.rules()[*rule].name.clone()).collect()
    };
    let mut known = Inventories::default();
    known.add("sha256:1", image());
    let (ls, dash) = (exec(at("/usr/bin/ls", None), "", &["ls"]), exec(at("/bin/sh", None), "", &["sh"]));
    let load = |path: &str| Event { action: Action::Map { file: at(path, None) }, ..ls.clone() };
    assert_eq!(met(&ls, &known), ["high", "one"]);
    assert_eq!(met(&dash, &known), [""; 0], "a package without findings");
    // The library is meant, not the program that loads it.
    assert_eq!(met(&load("/usr/lib/libc.so.6"), &known), ["owner"]);
    assert_eq!(met(&load("/tmp/evil.so"), &known), ["strange"]);
    let nothing = Inventories::default();
    for event in [&ls, &dash, &load("/tmp/evil.so")] {
        assert_eq!(met(event, &nothing), [""; 0], "nobody knows");
    }
    let mut mounted = load("/usr/lib/libc.so.6");
    Arc::make_mut(&mut mounted.container).mounts =
        vec![Mount { destination: "/usr/lib".to_owned(), kind: "bind".to_owned(), ..Mount::default() }];
    assert_eq!(met(&mounted, &known), ["strange"], "a mount is not of the image");
}

#[test]
fn an_image_of_many_files_is_judged_within_a_millisecond() {
    let files = (0..200_000).map(|at| ImageFile {
        path: format!("/usr/lib/d{}/f{at}", at % 977),
        mode: 0o100_755,
        digest: Some(digest(1)),
        ..ImageFile::default()
    });
    let links = (0..30).map(|at| ImageFile {
        path: format!("/l{at}"),
        link: Some(format!("l{}", at + 1)),
        ..ImageFile::default()
    });
    let image = Image::new(files.chain(links), Vec::new(), Vec::new()).unwrap();
    let mut drift = Drift::new(&image);
    let mut slowest = Duration::ZERO;
    for at_file in 0..2_000 {
        let path = match at_file % 3 {
            0 => format!("/usr/lib/d{}/f{at_file}", at_file % 977),
            1 => format!("/tmp/f{at_file}"),
            _ => format!("/l0/{}", "x/".repeat(1000)),
        };
        let event = exec(at(&path, Some(false)), "", &["x"]);
        // The least of a few runs: other work on the machine is no time of ours.
        let least = (0..5).map(|_| {
            let start = Instant::now();
            drift.judge(&event, &Unread);
            start.elapsed()
        });
        slowest = slowest.max(least.min().unwrap());
    }
    // Unoptimised code has ten times the budget.
    let budget = if cfg!(debug_assertions) { 10 } else { 1 };
    assert!(slowest < Duration::from_millis(budget), "{slowest:?}");
}

fn any_path() -> impl Strategy<Value = String> {
    proptest::collection::vec("[a-c]|\\.\\.|\\.|", 1..6).prop_map(|parts| format!("/{}", parts.join("/")))
}

proptest! {
    /// Nothing that the image has, as it has it, is ever drift - whatever links there are; and everything changed is.
    #[test]
    fn unmodified_files_are_known_and_changed_ones_are_not(
        files in proptest::collection::vec((any_path(), 0_u8..4), 1..12),
        links in proptest::collection::vec((any_path(), any_path()), 0..6),
        probe in any_path(),
    ) {
        let links = links.into_iter().map(|(path, to)| ImageFile { path, link: Some(to), mode: 0o120_777, ..ImageFile::default() });
        let given = files.iter().map(|(path, seed)| ImageFile { path: path.clone(), mode: 0o100_755, digest: Some(digest(*seed)), ..ImageFile::default() });
        let image = Image::new(links.chain(given), Vec::new(), Vec::new()).unwrap();
        let mut drift = Drift::new(&image);
        for (path, _) in &files {
            let path = super::absolute("/", path);
            let (_, known) = image.find(&path).unwrap();
            let there = known.digest.clone().unwrap();
            struct One(Digest);
            impl Content for One {
                fn digest(&self, _: &Container, _: &str, _: u64) -> Option<Digest> {
                    Some(self.0.clone())
                }
            }
            for upper in [None, Some(true), Some(false)] {
                let judged = drift.judge(&exec(at(&path, upper), "", &["x"]), &One(there.clone()));
                prop_assert_eq!(&judged[0].verdict, &SAME);
            }
            let changed = drift.judge(&exec(at(&path, Some(true)), "", &["x"]), &One(digest(200)));
            prop_assert!(changed[0].verdict.is_drift());
        }
        // Any other path ends, and is known only if the image leads from it to a file.
        let judged = drift.judge(&exec(at(&probe, None), "", &["x"]), &Unread);
        prop_assert_eq!(judged[0].verdict.is_drift(), image.find(&probe).is_none());
    }
}
