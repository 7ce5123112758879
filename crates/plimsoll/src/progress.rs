//! One line on standard error while layers are read; gone when done, silent in a pipe and under half a second.

use std::io::{self, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Nothing is shown before this much time has passed.
const QUIET: Duration = Duration::from_millis(500);
/// Time between two redraws.
const REDRAW: Duration = Duration::from_millis(120);

pub(crate) struct Line {
    start: Instant,
    read: AtomicU64,
    total: AtomicU64,
    files: AtomicU64,
    drawn: Mutex<Option<Instant>>,
    enabled: bool,
}

impl Line {
    pub(crate) fn new(enabled: bool) -> Self {
        Line {
            start: Instant::now(),
            read: AtomicU64::new(0),
            total: AtomicU64::new(0),
            files: AtomicU64::new(0),
            drawn: Mutex::new(None),
            enabled,
        }
    }

    fn draw(&self) {
        if !self.enabled || self.start.elapsed() < QUIET {
            return;
        }
        // Whoever cannot get the lock lets the other thread draw.
        let Ok(mut drawn) = self.drawn.try_lock() else { return };
        if drawn.is_some_and(|last| last.elapsed() < REDRAW) {
            return;
        }
        *drawn = Some(Instant::now());
        let (read, total, files) = (
            self.read.load(Ordering::Relaxed),
            self.total.load(Ordering::Relaxed),
            self.files.load(Ordering::Relaxed),
        );
        let rate = megabytes(read) / self.start.elapsed().as_secs_f64();
        let amount = if total > 0 {
            format!("{:.0} MB of {:.0} MB, {rate:.0} MB/s, ", megabytes(read), megabytes(total))
        } else if read > 0 {
            format!("{:.0} MB, {rate:.0} MB/s, ", megabytes(read))
        } else {
            String::new()
        };
        let _ = write!(io::stderr().lock(), "\r\x1b[Kreading: {amount}{files} files");
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown to people")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.drawn.get_mut().is_ok_and(|drawn| drawn.is_some()) {
            let _ = write!(io::stderr().lock(), "\r\x1b[K");
        }
    }
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
}
