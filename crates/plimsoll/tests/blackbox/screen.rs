//! `plimsoll watch` on a whole terminal: one of util-linux's script(1), with keys that are pressed in it.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use plimsoll_testing::not_tested;

use super::Place;

/// What a terminal showed, and how it was set before and after.
struct Shown {
    text: String,
    before: String,
    after: String,
    code: String,
}

/// Runs `script` in a terminal of 100 columns, between two questions of how the terminal is set; `during` presses keys.
fn in_terminal(
    place: &Place,
    script: &str,
    during: impl FnOnce(&mut dyn FnMut(&str), &dyn Fn(&str) -> String),
) -> Shown {
    let plimsoll = env!("CARGO_BIN_EXE_plimsoll");
    let whole = format!(
        "stty cols 100 rows 30; echo before $(stty -g); PLIMSOLL={plimsoll}; {script}; echo code $?; echo after $(stty -g)"
    );
    let seen = place.path("seen");
    let mut terminal = Command::new("script")
        .args(["--quiet", "--flush", "--return", "--command"])
        .arg(format!("sh -c '{whole}'"))
        .arg(&seen)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .env("TERM", "xterm")
        .spawn()
        .unwrap();
    let mut keys = terminal.stdin.take().unwrap();
    let text = || String::from_utf8_lossy(&std::fs::read(&seen).unwrap_or_default()).into_owned();
    during(
        &mut |pressed| {
            keys.write_all(pressed.as_bytes()).unwrap();
            keys.flush().unwrap();
        },
        &|wanted| {
            let begun = Instant::now();
            loop {
                let text = text();
                if text.contains(wanted) {
                    return text;
                }
                assert!(begun.elapsed() < Duration::from_mins(1), "no `{wanted}` in {text:?}");
                std::thread::sleep(Duration::from_millis(20));
            }
        },
    );
    drop(keys);
    terminal.wait().unwrap();
    let text = text();
    let after = |word: &str| {
        let line = text.lines().rev().find_map(|line| line.trim().split_once(word));
        line.map(|(_, rest)| rest.trim().to_owned()).unwrap_or_default()
    };
    Shown { before: after("before "), after: after("after "), code: after("code "), text }
}

/// Whether there are a terminal and a sensor to try it with.
fn usable(place: &Place) -> bool {
    if place.run(&["doctor", "--format", "json"]).code != 0 {
        not_tested("a watch on a terminal: this kernel does not take the sensor");
        return false;
    }
    if Command::new("script").arg("--version").output().is_err() {
        not_tested("a watch on a terminal: script(1) is not installed");
        return false;
    }
    true
}

impl Shown {
    #[track_caller]
    fn is_given_back(&self) {
        assert!(!self.before.is_empty() && self.before == self.after, "{} {}", self.before, self.after);
        let (entered, left) = (self.text.rfind("\x1b[?1049h"), self.text.rfind("\x1b[?1049l"));
        assert!(entered.is_some() && entered < left, "{:?}", self.text);
        assert!(self.text.rfind("\x1b[?25l") < self.text.rfind("\x1b[?25h"), "the cursor is shown again");
    }
}

#[test]
fn a_watch_on_a_terminal_draws_filters_and_gives_the_terminal_back() {
    let place = Place::new();
    if !usable(&place) {
        return;
    }
    let shown = in_terminal(&place, "$PLIMSOLL watch --for 2m", |press, wait| {
        wait("alerts]");
        press("3");
        // What others of this machine start is in the list, too.
        let mine = format!("plimsoll-screen-{}", std::process::id());
        let mut sleeper = Command::new("sh").args(["-c", "sleep 60; true", &mine]).spawn().unwrap();
        press(&format!("/{mine}\r"));
        wait(&format!("filter: {mine} (1 match)"));
        press("\r");
        wait("of user 0 in ");
        let _ = sleeper.kill();
        sleeper.wait().unwrap();
        wait("(0 match)");
        press("p");
        wait("PAUSED");
        press("q");
    });
    shown.is_given_back();
    assert!(matches!(shown.code.as_str(), "0" | "1" | "3"), "{}", shown.code);
    assert!(shown.text.contains("events") && shown.text.contains("lost: "), "{:?}", shown.text);
}

#[test]
fn a_signal_gives_the_terminal_back() {
    let place = Place::new();
    if !usable(&place) {
        return;
    }
    let script = "sh -c \"echo pid \\$\\$; exec $PLIMSOLL watch\"";
    let shown = in_terminal(&place, script, |_, wait| {
        let text = wait("alerts]");
        let line = text.lines().find_map(|line| line.trim().strip_prefix("pid ")).unwrap();
        assert!(Command::new("kill").args(["-TERM", line]).status().unwrap().success());
        wait("\x1b[?1049l");
    });
    shown.is_given_back();
    assert!(matches!(shown.code.as_str(), "0" | "1" | "3"), "{}", shown.code);
}
