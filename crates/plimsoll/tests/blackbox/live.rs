//! `plimsoll watch` on this machine's kernel, with real containers. For root; where the kernel takes no programs, the
//! tests say so.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use plimsoll_testing::{Harbour, IMAGE, not_tested, pod};
use serde_json::Value;

use super::{Place, Run, faults, finish};

/// A harbour of that name; nothing, said loudly, where containers cannot be run or this kernel takes no sensor.
fn open(name: &str) -> Option<Harbour> {
    let place = Place::new();
    let run = place.run(&["doctor", "--format", "json"]);
    if run.code != 0 {
        let told = run.json();
        let refused = told["sensor"]["programs"]
            .as_array()
            .unwrap()
            .iter()
            .find(|program| program["available"] == false);
        not_tested(&format!("`plimsoll doctor` says that this kernel does not take the sensor: {refused:?}"));
        return None;
    }
    Harbour::open(name)
}

/// A watch that runs.
struct Watching {
    process: Child,
}

impl Watching {
    /// Starts `plimsoll watch` and waits until it watches.
    fn start(place: &Place, arguments: &[&str]) -> Self {
        let output = place.text("watched.jsonl");
        let mut all = vec!["watch", "--containers", "--output", &output];
        all.extend(arguments);
        let mut process = place.command(&all).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(process.stderr.take().unwrap());
        let begun = Instant::now();
        let mut said = String::new();
        loop {
            let from = said.len();
            assert!(stderr.read_line(&mut said).unwrap() > 0, "it ended: {said}");
            if said[from..].starts_with("watching") {
                break;
            }
            assert!(begun.elapsed() < Duration::from_mins(1), "{said}");
        }
        process.stderr = Some(stderr.into_inner());
        Watching { process }
    }

    /// Ends it as Ctrl-C does.
    fn end(self) -> Run {
        let id = self.process.id().to_string();
        assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        finish(self.process.wait_with_output().unwrap())
    }
}

fn lines(place: &Place) -> Vec<Value> {
    let text = std::fs::read_to_string(place.path("watched.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_a_container_does_is_told_while_it_runs() {
    let Some(harbour) = open("told") else { return };
    let place = Place::new();
    let watching = Watching::start(&place, &[]);
    let quiet = harbour.run(&["/bin/true"], &[]);
    let id = harbour.run(&["/bin/sh", "-c", "/actions memory; true"], &[]);
    watching.end().exits(1).says(&["lost: 0 that must not be"]);
    let told = lines(&place);
    for line in &told {
        assert_eq!(faults("watch-1.0.json", line), Vec::<String>::new(), "{line}");
    }
    let of = |id: &str| told.iter().filter(|line| line["alert"]["container"]["id"] == id).collect::<Vec<_>>();
    assert!(of(&quiet).is_empty(), "{told:#?}");
    let alert = of(&id).into_iter().find(|line| line["alert"]["id"] == "PW002");
    let alert =
        &alert.unwrap_or_else(|| panic!("no alert about the program without a file: {told:#?}"))["alert"];
    assert_eq!(alert["container"]["image"], IMAGE);
    assert_eq!(alert["container"]["pod"]["uid"], pod());
    assert!(alert["parents"][0]["commandLine"].as_str().unwrap().starts_with("/bin/sh -c"), "{alert}");
}

#[test]
fn every_event_is_a_recording_that_can_be_replayed() {
    let Some(harbour) = open("recorded") else { return };
    let place = Place::new();
    let watching = Watching::start(&place, &["--events"]);
    harbour.run(&["/bin/sh", "-c", "/actions memory; true"], &[]);
    watching.end().exits(0);
    let run = place.run(&["watch", "replay", "watched.jsonl", "--format", "json"]).exits(1);
    let summary: Value = serde_json::from_str(run.stdout.lines().last().unwrap()).unwrap();
    assert_eq!((&summary["kind"], &summary["lost"]), (&Value::from("summary"), &Value::from(0)), "{run:?}");
}
