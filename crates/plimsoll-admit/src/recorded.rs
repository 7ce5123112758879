//! Reviews that are written down as they come, so that a draft of a policy can be held against them later, and the replay.
//!
//! What is written is bounded: files of one JSON line for each review, the oldest of which goes when there are too many
//! bytes. Nobody's admission waits for a disk: a thread writes, and what it cannot keep up with is lost and counted.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use plimsoll_scan::policy::Effect;
use serde_json::{Value, json};

use crate::engine::{Engine, Hook, Step, moment};
use crate::event::{Event, Log, Notice};
use crate::evidence::Flight;

/// Files that all bytes are spread over: so large a share of them goes at a time.
const FILES: u64 = 8;
/// Bytes of reviews that may wait to be written.
const MOST_WAITING: usize = 16 << 20;
/// What files are called: `reviews-000000000042.jsonl`.
const STEM: &str = "reviews-";
const END: &str = ".jsonl";

/// A log that reviews are written beside.
pub struct Recorder {
    log: Arc<dyn Log>,
    queue: Mutex<Option<Sender<Waiting>>>,
    waiting: Arc<AtomicUsize>,
    lost: AtomicU64,
    writer: Mutex<Option<std::thread::JoinHandle<()>>>,
}

struct Waiting {
    body: Vec<u8>,
    answer: Vec<u8>,
    now: i64,
}

impl Recorder {
    /// Writes reviews into a folder, `limit` bytes of them at most, and lines to `log`.
    ///
    /// # Errors
    /// When the folder cannot be made or written to.
    pub fn new(folder: &Path, limit: u64, log: Arc<dyn Log>) -> std::io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let mut files = Files::open(folder, limit)?;
        let (queue, reviews): (Sender<Waiting>, Receiver<Waiting>) = channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let (done, told) = (waiting.clone(), log.clone());
        let writer = std::thread::spawn(move || {
            let mut failing = false;
            for review in reviews {
                done.fetch_sub(review.body.len() + review.answer.len(), Relaxed);
                let Some(line) = line(&review) else { continue };
                let wrote = files.write(&line);
                // Once for each time that it begins to fail: a full disk fails for every review.
                if let (Err(error), false) = (&wrote, failing) {
                    let detail = format!("{}: {error}", files.folder.display());
                    let notice = Notice { time: moment(review.now), event: "reviews-not-recorded", detail };
                    if let Ok(line) = serde_json::to_string(&notice) {
                        told.line(&line);
                    }
                }
                failing = wrote.is_err();
            }
        });
        Ok(Recorder {
            log,
            queue: Mutex::new(Some(queue)),
            waiting,
            lost: AtomicU64::new(0),
            writer: Mutex::new(Some(writer)),
        })
    }

    /// Writes what still waits, and ends. How many reviews were lost because the disk could not keep up.
    pub fn finish(&self) -> u64 {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(writer) = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = writer.join();
        }
        self.lost.load(Relaxed)
    }
}

impl Log for Recorder {
    fn line(&self, line: &str) {
        self.log.line(line);
    }

    fn review(&self, body: &[u8], answer: &[u8], now: i64) {
        let bytes = body.len() + answer.len();
        if self.waiting.fetch_add(bytes, Relaxed) + bytes > MOST_WAITING {
            self.waiting.fetch_sub(bytes, Relaxed);
            self.lost.fetch_add(1, Relaxed);
            return;
        }
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = queue.as_ref() {
            let _ = queue.send(Waiting { body: body.to_vec(), answer: answer.to_vec(), now });
        }
    }
}

/// A review with its answer in one line; `None` for a dry run, of which nothing is kept.
fn line(review: &Waiting) -> Option<Vec<u8>> {
    let mut document: Value = serde_json::from_slice(&review.body).ok()?;
    match document.pointer("/request/dryRun") {
        None | Some(Value::Null | Value::Bool(false)) => {}
        Some(_) => return None,
    }
    let mut answer: Value = serde_json::from_slice(&review.answer).ok()?;
    let members = document.as_object_mut()?;
    members.insert("recordedAt".to_owned(), moment(review.now).into());
    members.insert("response".to_owned(), answer.get_mut("response")?.take());
    let mut line = serde_json::to_vec(&document).ok()?;
    line.push(b'\n');
    Some(line)
}

/// The files of a folder, the newest of which is written to.
struct Files {
    folder: PathBuf,
    /// Bytes of one file.
    share: u64,
    number: u64,
    file: File,
    bytes: u64,
}

impl Files {
    fn open(folder: &Path, limit: u64) -> std::io::Result<Self> {
        let numbers = numbers(folder)?;
        // What an earlier run wrote last may end in half a line.
        let number = numbers.last().map_or(1, |last| last + 1);
        let share = (limit / FILES).max(1);
        let file = create(folder, number)?;
        let files = Files { folder: folder.to_owned(), share, number, file, bytes: 0 };
        files.tidy()?;
        Ok(files)
    }

    fn write(&mut self, line: &[u8]) -> std::io::Result<()> {
        let bytes = line.len() as u64;
        // One that alone is more than a file may hold is not kept.
        if bytes > self.share {
            return Ok(());
        }
        if self.bytes + bytes > self.share {
            self.file = create(&self.folder, self.number + 1)?;
            self.number += 1;
            self.bytes = 0;
            self.tidy()?;
        }
        self.bytes += bytes;
        self.file.write_all(line)
    }

    /// Lets the oldest files go.
    fn tidy(&self) -> std::io::Result<()> {
        let numbers = numbers(&self.folder)?;
        let many = numbers.len().saturating_sub(usize::try_from(FILES).unwrap_or(usize::MAX));
        for number in numbers.iter().take(many) {
            std::fs::remove_file(name(&self.folder, *number))?;
        }
        Ok(())
    }
}

fn name(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{STEM}{number:012}{END}"))
}

/// Reviews hold what pods are told, passwords in variables too: nobody else is to read them.
fn create(folder: &Path, number: u64) -> std::io::Result<File> {
    OpenOptions::new().create_new(true).append(true).mode(0o600).open(name(folder, number))
}

fn numbers(folder: &Path) -> std::io::Result<BTreeSet<u64>> {
    let mut numbers = BTreeSet::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        let number: Option<u64> =
            name.to_str().and_then(|name| name.strip_prefix(STEM)?.strip_suffix(END)?.parse().ok());
        numbers.extend(number);
    }
    Ok(numbers)
}

/// What becomes of a recorded review.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// What it comes to.
    pub effect: Effect,
    /// Why it is refused or cannot be told.
    pub reasons: Vec<String>,
}

/// Answers a recorded review at a moment, after whatever has to be looked at for it was; `patience` is how long that may take.
/// Nothing is answered for it: in any mode the effect is what the policies say.
///
/// # Errors
/// When it is no review.
pub fn replay(engine: &Engine, review: &Value, now: i64, patience: Duration) -> Result<Replayed, String> {
    // The object of the question alone: what was answered then decides nothing. And no dry run, which has no event.
    let mut request = review.get("request").cloned().unwrap_or_default();
    if let Some(request) = request.as_object_mut() {
        request.remove("dryRun");
        if request.get("uid").and_then(Value::as_str).is_none_or(str::is_empty) {
            request.insert("uid".to_owned(), "recorded".into());
        }
    }
    let member = |name: &str| review.get(name).cloned().unwrap_or_default();
    let asked = json!({ "apiVersion": member("apiVersion"), "kind": member("kind"), "request": request });
    let body = serde_json::to_vec(&asked).map_err(|error| error.to_string())?;
    let until = Instant::now() + patience;
    let mut landed: Vec<Arc<Flight>> = Vec::new();
    loop {
        let late = Instant::now() >= until;
        let step =
            engine.step(Hook::Validate, &body, now, &landed, late).map_err(|error| error.to_string())?;
        match step {
            Step::Wait(flights) => {
                for flight in &flights {
                    while flight.landed().is_none() && Instant::now() < until {
                        std::thread::sleep(Duration::from_millis(2));
                    }
                }
                landed.extend(flights);
            }
            Step::Done(answer, None) => {
                // Nothing to decide, or more than is looked at.
                let (effect, reasons) = match answer.refused {
                    None => (Effect::Allow, Vec::new()),
                    Some((_, message)) => (Effect::Deny, vec![message]),
                };
                return Ok(Replayed { effect, reasons });
            }
            Step::Done(_, Some(event)) => {
                return Ok(Replayed { effect: event.effect, reasons: reasons(&event) });
            }
        }
    }
}

fn reasons(event: &Event) -> Vec<String> {
    let images = event
        .images
        .iter()
        .filter(|image| image.effect > Effect::Warn)
        .flat_map(|image| image.reasons.iter().map(|reason| format!("{}: {reason}", image.image)));
    let rules = event
        .rules
        .iter()
        .filter(|rule| rule.effect > Effect::Warn)
        .flat_map(|rule| rule.reasons.iter().map(|reason| format!("{}: {reason}", rule.rule)));
    event.unread.iter().cloned().chain(images).chain(rules).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    struct Nothing;

    impl Log for Nothing {
        fn line(&self, _: &str) {}
    }

    fn body(uid: &str, dry_run: bool) -> Vec<u8> {
        let object = json!({"kind": "Pod", "spec": {"note": "x".repeat(200)}});
        let request = json!({"uid": uid, "dryRun": dry_run, "object": object});
        let review =
            json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request});
        // As nobody sends it, and still one line.
        serde_json::to_vec_pretty(&review).expect("JSON")
    }

    fn kept(folder: &Path) -> Vec<Value> {
        let mut out = Vec::new();
        for number in numbers(folder).expect("listed") {
            let text = std::fs::read_to_string(name(folder, number)).expect("text");
            out.extend(text.lines().map(|line| serde_json::from_str(line).expect("JSON")));
        }
        out
    }

    #[test]
    fn reviews_are_kept_in_lines_within_their_bounds() {
        let folder = tempfile::tempdir().expect("a folder");
        let answer = br#"{"response": {"uid": "1", "allowed": true}}"#;
        let record = |limit: u64, count: usize| {
            let recorder = Recorder::new(folder.path(), limit, Arc::new(Nothing)).expect("a folder");
            for number in 0..count {
                recorder.review(&body(&number.to_string(), false), answer, 1_800_000_000);
            }
            recorder.review(&body("dry", true), answer, 1_800_000_000);
            recorder.review(b"no review", answer, 1_800_000_000);
            assert_eq!(recorder.finish(), 0);
        };
        record(1 << 20, 3);
        let all = kept(folder.path());
        assert_eq!(all.len(), 3);
        assert_eq!(all[2]["request"]["uid"], "2");
        assert_eq!(all[2]["response"]["allowed"], true);
        assert_eq!(all[2]["recordedAt"], "2027-01-15T08:00:00Z");
        // Another run goes on beside it; what is too much goes, the oldest first.
        record(8_000, 200);
        let all = kept(folder.path());
        let bytes: u64 = numbers(folder.path())
            .expect("listed")
            .iter()
            .map(|number| std::fs::metadata(name(folder.path(), *number)).expect("a file").len())
            .sum();
        assert!(bytes <= 8_000 && bytes > 4_000, "{bytes}");
        assert_eq!(all.last().expect("one")["request"]["uid"], "199");
        assert!(all.iter().all(|one| one["request"]["uid"] != "dry"));
        let newest = *numbers(folder.path()).expect("listed").last().expect("one");
        let mode = std::fs::metadata(name(folder.path(), newest)).expect("a file").permissions().mode();
        assert_eq!(mode & 0o077, 0, "nobody else reads them");
    }
}
