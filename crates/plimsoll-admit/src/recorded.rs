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

/// All bytes are spread over so many files at least: so large a share of them goes at a time.
const FILES: u64 = 8;
/// Most bytes of a file, however many may be kept: somebody is to read it.
const LARGEST_FILE: u64 = 64 << 20;
/// A review that is larger finds no place where little may be kept; else one of so many bytes always does.
const LARGE_REVIEW: u64 = 1 << 20;
/// Numbers that are tried for the next file, when others write into the folder too.
const MOST_TRIED: u64 = 64;
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
    lost: Arc<AtomicU64>,
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
        let lost = Arc::new(AtomicU64::new(0));
        let (done, told, gone) = (waiting.clone(), log.clone(), lost.clone());
        let writer = std::thread::spawn(move || {
            let mut failing = false;
            for review in reviews {
                done.fetch_sub(review.body.len() + review.answer.len(), Relaxed);
                let wrote = match line(&review) {
                    None => continue,
                    Some(Ok(line)) => files.write(&line).map_err(|error| error.to_string()),
                    Some(Err(error)) => Err(error),
                };
                // Once for each time that it begins to fail: a full disk fails for every review.
                if let (Err(error), false) = (&wrote, failing) {
                    let detail = format!("{}: {error}", files.folder.display());
                    let notice = Notice { time: moment(review.now), event: "reviews-not-recorded", detail };
                    if let Ok(line) = serde_json::to_string(&notice) {
                        told.line(&line);
                    }
                }
                failing = wrote.is_err();
                gone.fetch_add(u64::from(failing), Relaxed);
            }
        });
        Ok(Recorder { log, queue: Mutex::new(Some(queue)), waiting, lost, writer: Mutex::new(Some(writer)) })
    }

    /// Writes what still waits, and ends. How many reviews were not written: the disk could not keep up or failed, or they
    /// were too large or no JSON. Dry runs do not count.
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
        let sent = queue.as_ref().is_some_and(|queue| {
            queue.send(Waiting { body: body.to_vec(), answer: answer.to_vec(), now }).is_ok()
        });
        if !sent {
            self.lost.fetch_add(1, Relaxed);
        }
    }
}

/// A review with its answer in one line; `None` for a dry run, of which nothing is kept.
fn line(review: &Waiting) -> Option<Result<Vec<u8>, String>> {
    let mut document: Value = match serde_json::from_slice(&review.body) {
        Ok(document) => document,
        Err(error) => return Some(Err(format!("a review is no JSON: {error}"))),
    };
    match document.pointer("/request/dryRun") {
        None | Some(Value::Null | Value::Bool(false)) => {}
        Some(_) => return None,
    }
    let response = serde_json::from_slice(&review.answer)
        .ok()
        .and_then(|mut answer: Value| Some(answer.get_mut("response")?.take()));
    let (Some(members), Some(response)) = (document.as_object_mut(), response) else {
        return Some(Err("a review is no object, or has no answer".to_owned()));
    };
    members.insert("recordedAt".to_owned(), moment(review.now).into());
    members.insert("response".to_owned(), response);
    let line = serde_json::to_vec(&document).map_err(|error| error.to_string());
    Some(line.map(|mut line| {
        line.push(b'\n');
        line
    }))
}

/// The files of a folder, the newest of which is written to.
struct Files {
    folder: PathBuf,
    /// Bytes of one file.
    share: u64,
    /// Most files.
    most: usize,
    number: u64,
    file: File,
    /// Bytes of whole lines in it.
    bytes: u64,
    /// Whether something else may stand behind them.
    torn: bool,
}

impl Files {
    fn open(folder: &Path, limit: u64) -> std::io::Result<Self> {
        let share = (limit / FILES).max(LARGE_REVIEW.min(limit / 2)).clamp(1, LARGEST_FILE);
        let most = usize::try_from(limit / share).unwrap_or(usize::MAX).max(1);
        // What an earlier run wrote last may end in half a line.
        let (number, file) = next(folder)?;
        let files = Files { folder: folder.to_owned(), share, most, number, file, bytes: 0, torn: false };
        files.tidy()?;
        Ok(files)
    }

    fn write(&mut self, line: &[u8]) -> std::io::Result<()> {
        let bytes = line.len() as u64;
        if bytes > self.share {
            let why = format!("a review of {bytes} bytes is more than a file of {} may hold", self.share);
            return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, why));
        }
        if self.torn || self.bytes + bytes > self.share {
            (self.number, self.file) = next(&self.folder)?;
            self.bytes = 0;
            self.torn = false;
            self.tidy()?;
        }
        let wrote = self.file.write_all(line);
        match &wrote {
            Ok(()) => self.bytes += bytes,
            // Half of it may be there: the next line must not be joined to that.
            Err(_) => self.torn = self.file.set_len(self.bytes).is_err(),
        }
        wrote
    }

    /// Lets the oldest files go.
    fn tidy(&self) -> std::io::Result<()> {
        let numbers = numbers(&self.folder)?;
        let many = numbers.len().saturating_sub(self.most);
        for number in numbers.iter().take(many) {
            match std::fs::remove_file(name(&self.folder, *number)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

/// A new file behind all that are there, and its number. Others may write into the folder too.
fn next(folder: &Path) -> std::io::Result<(u64, File)> {
    let last = numbers(folder)?.last().copied().unwrap_or_default();
    let mut taken = None;
    for number in (last..).skip(1).take(usize::try_from(MOST_TRIED).unwrap_or(usize::MAX)) {
        match create(folder, number) {
            Ok(file) => return Ok((number, file)),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => taken = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(taken.unwrap_or_else(|| std::io::Error::other("there is no number left for a file")))
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
                    while !flight.has_ended() && Instant::now() < until {
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
            let lost = 1;
            let recorder = Recorder::new(folder.path(), limit, Arc::new(Nothing)).expect("a folder");
            for number in 0..count {
                recorder.review(&body(&number.to_string(), false), answer, 1_800_000_000);
            }
            recorder.review(&body("dry", true), answer, 1_800_000_000);
            recorder.review(b"no review", answer, 1_800_000_000);
            assert_eq!(recorder.finish(), lost, "what is no review");
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
        assert!(bytes <= 8_000 && bytes > 3_000, "{bytes}");
        assert_eq!(all.last().expect("one")["request"]["uid"], "199");
        assert!(all.iter().all(|one| one["request"]["uid"] != "dry"));
        let newest = *numbers(folder.path()).expect("listed").last().expect("one");
        let mode = std::fs::metadata(name(folder.path(), newest)).expect("a file").permissions().mode();
        assert_eq!(mode & 0o077, 0, "nobody else reads them");
    }

    #[test]
    fn no_file_is_too_large_to_be_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let share = |limit: u64| {
            let files = Files::open(folder.path(), limit).expect("a folder");
            assert!(files.share * files.most as u64 <= limit, "{limit}");
            (files.share, files.most)
        };
        assert_eq!(share(256 << 20), (32 << 20, 8));
        assert_eq!(share(8_192 << 20), (64 << 20, 128));
        assert_eq!(share(2 << 20), (1 << 20, 2), "a large review has a place");
        assert_eq!(share(1 << 20), (512 << 10, 2));
    }

    #[test]
    fn what_is_not_written_is_counted() {
        let folder = tempfile::tempdir().expect("a folder");
        let recorder = Recorder::new(folder.path(), 400, Arc::new(Nothing)).expect("a folder");
        let answer = br#"{"response": {"uid": "1", "allowed": true}}"#;
        recorder.review(&body("too large", false), answer, 0);
        recorder.review(b"{", answer, 0);
        recorder.review(b"[]", answer, 0);
        recorder.review(&body("1", false), b"{}", 0);
        recorder.review(&body("dry", true), answer, 0);
        assert_eq!(recorder.finish(), 4);
        recorder.review(&body("late", false), answer, 0);
        assert_eq!(recorder.finish(), 5, "nobody writes any more");
        assert!(kept(folder.path()).is_empty());
    }

    #[test]
    fn files_of_others_do_not_stop_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut files = Files::open(folder.path(), 16).expect("a folder");
        // Another replica writes into the same folder, and somebody has tidied up.
        for number in 2..6 {
            create(folder.path(), number).expect("a file");
        }
        files.most = 8;
        files.write(b"{\"a\":1}\n").expect("written");
        files.write(b"{\"a\":2}\n").expect("written");
        assert_eq!(files.number, 6);
        assert_eq!(kept(folder.path()).len(), 2);
    }

    #[test]
    fn half_a_line_is_never_joined_to_the_next() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut files = Files::open(folder.path(), 1 << 20).expect("a folder");
        files.write(b"{\"a\":1}\n").expect("written");
        // A disk that is full takes nothing, and cannot be cut either.
        let disk = std::mem::replace(
            &mut files.file,
            OpenOptions::new().append(true).open("/dev/full").expect("a device"),
        );
        assert!(files.write(b"{\"a\":2}\n").is_err());
        drop(disk);
        files.write(b"{\"a\":3}\n").expect("into a file of its own");
        assert_eq!(files.number, 2);
        // One that took half.
        let half = name(folder.path(), 2);
        let sparse = OpenOptions::new().append(true).open(&half).expect("a file");
        (&sparse).write_all(b"{\"a\":").expect("half a line");
        files.file = File::open(&half).expect("to read only");
        assert!(files.write(b"{\"a\":4}\n").is_err());
        files.write(b"{\"a\":5}\n").expect("written");
        assert_eq!(files.number, 3);
        // A disk that can be written to again is cut to whole lines.
        (&files.file).write_all(b"{\"a\":").expect("half a line");
        files.torn = files.file.set_len(files.bytes).is_err();
        files.write(b"{\"a\":6}\n").expect("written");
        let text = std::fs::read_to_string(name(folder.path(), 3)).expect("text");
        assert_eq!(text, "{\"a\":5}\n{\"a\":6}\n");
    }
}
