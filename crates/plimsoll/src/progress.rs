//! One line on standard error while layers are read or feeds are fetched; gone when done, silent in a pipe and under half a second.

use std::io::{self, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Nothing is shown before this much time has passed.
const QUIET: Duration = Duration::from_millis(500);
/// Time between two redraws.
const REDRAW: Duration = Duration::from_millis(120);

/// When and whether a line is drawn.
struct Drawing {
    start: Instant,
    drawn: Mutex<Option<Instant>>,
    enabled: bool,
}

impl Drawing {
    fn new(enabled: bool) -> Self {
        Drawing { start: Instant::now(), drawn: Mutex::new(None), enabled }
    }

    fn draw(&self, text: impl FnOnce() -> String) {
        if !self.enabled || self.start.elapsed() < QUIET {
            return;
        }
        // Whoever cannot get the lock lets the other thread draw.
        let Ok(mut drawn) = self.drawn.try_lock() else { return };
        if drawn.is_some_and(|last| last.elapsed() < REDRAW) {
            return;
        }
        *drawn = Some(Instant::now());
        let _ = write!(io::stderr().lock(), "\r\x1b[K{}", text());
    }

    fn rate(&self, bytes: u64) -> f64 {
        megabytes(bytes) / self.start.elapsed().as_secs_f64()
    }
}

impl Drop for Drawing {
    fn drop(&mut self) {
        if self.drawn.get_mut().is_ok_and(|drawn| drawn.is_some()) {
            let _ = write!(io::stderr().lock(), "\r\x1b[K");
        }
    }
}

pub(crate) struct Line {
    drawing: Drawing,
    read: AtomicU64,
    total: AtomicU64,
    files: AtomicU64,
    /// Targets that are done, and all of them; none where there is one only.
    targets: (AtomicU64, AtomicU64),
}

impl Line {
    pub(crate) fn new(enabled: bool) -> Self {
        Line {
            drawing: Drawing::new(enabled),
            read: AtomicU64::new(0),
            total: AtomicU64::new(0),
            files: AtomicU64::new(0),
            targets: (AtomicU64::new(0), AtomicU64::new(0)),
        }
    }

    fn draw(&self) {
        self.drawing.draw(|| {
            let (read, total, files) = (
                self.read.load(Ordering::Relaxed),
                self.total.load(Ordering::Relaxed),
                self.files.load(Ordering::Relaxed),
            );
            let rate = self.drawing.rate(read);
            let amount = if total > 0 {
                format!("{:.0} MB of {:.0} MB, {rate:.0} MB/s, ", megabytes(read), megabytes(total))
            } else if read > 0 {
                format!("{:.0} MB, {rate:.0} MB/s, ", megabytes(read))
            } else {
                String::new()
            };
            let targets =
                match (self.targets.0.load(Ordering::Relaxed), self.targets.1.load(Ordering::Relaxed)) {
                    (_, 0) => String::new(),
                    (done, of) => format!("{done} of {of} targets, "),
                };
            format!("reading: {targets}{amount}{files} files")
        });
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown to people")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

impl plimsoll_scan::Progress for Line {
    fn expect(&self, bytes: u64) {
        self.total.fetch_add(bytes, Ordering::Relaxed);
    }

    fn read(&self, bytes: u64) {
        self.read.fetch_add(bytes, Ordering::Relaxed);
        self.draw();
    }

    fn files(&self, files: u64) {
        self.files.fetch_add(files, Ordering::Relaxed);
        self.draw();
    }

    fn targets(&self, done: u64, of: u64) {
        self.targets.0.store(done, Ordering::Relaxed);
        self.targets.1.store(of, Ordering::Relaxed);
        self.draw();
    }
}

/// The same while feeds are fetched.
pub(crate) struct Updating {
    drawing: Drawing,
    read: AtomicU64,
    sources: AtomicU64,
    done: AtomicU64,
    /// The sources that are being fetched.
    now: Mutex<Vec<String>>,
}

impl Updating {
    pub(crate) fn new(enabled: bool) -> Self {
        Updating {
            drawing: Drawing::new(enabled),
            read: AtomicU64::new(0),
            sources: AtomicU64::new(0),
            done: AtomicU64::new(0),
            now: Mutex::new(Vec::new()),
        }
    }

    fn draw(&self) {
        self.drawing.draw(|| {
            let read = self.read.load(Ordering::Relaxed);
            let now = self.now.lock().map(|now| now.join(", ")).unwrap_or_default();
            format!(
                "fetching: {} of {} sources, {:.0} MB, {:.1} MB/s: {now}",
                self.done.load(Ordering::Relaxed),
                self.sources.load(Ordering::Relaxed),
                megabytes(read),
                self.drawing.rate(read)
            )
        });
    }

    /// Says that all are there and the database is being built.
    pub(crate) fn building(&self) {
        self.drawing.draw(|| "building the database".to_owned());
    }
}

impl plimsoll_advisory::update::UpdateProgress for Updating {
    fn expect(&self, sources: usize) {
        self.sources.store(sources as u64, Ordering::Relaxed);
    }

    fn waiting(&self) {
        self.drawing.draw(|| "waiting for another update to finish".to_owned());
    }

    fn begin(&self, source: &str) {
        if let Ok(mut now) = self.now.lock() {
            now.push(source.to_owned());
        }
        self.draw();
    }

    fn read(&self, bytes: u64) {
        self.read.fetch_add(bytes, Ordering::Relaxed);
        self.draw();
    }

    fn end(&self, source: &str) {
        if let Ok(mut now) = self.now.lock() {
            now.retain(|name| name != source);
        }
        self.done.fetch_add(1, Ordering::Relaxed);
        self.draw();
    }
}
