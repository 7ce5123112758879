//! The only place that prints. A closed pipe is success; every other failure names the thing and the next step.

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::Context as _;

use crate::environment::Environment;

/// Why a command did not do its work, with advice.
pub(crate) struct Failure {
    error: anyhow::Error,
    hint: Option<String>,
    code: u8,
}

/// Usage or configuration.
pub(crate) const USAGE: u8 = 2;
/// Could not decide: unreadable input, missing data.
pub(crate) const UNDECIDED: u8 = 3;

impl Failure {
    pub(crate) fn new(code: u8, error: impl Into<anyhow::Error>) -> Self {
        Failure { error: error.into(), hint: None, code }
    }

    pub(crate) fn hint(mut self, hint: impl Into<Option<String>>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Adds to what is advised.
    pub(crate) fn or_hint(mut self, more: &str) -> Self {
        self.hint = Some(match self.hint {
            Some(hint) => format!("{hint}; {more}"),
            None => more.to_owned(),
        });
        self
    }

    pub(crate) fn code(&self) -> u8 {
        self.code
    }

    pub(crate) fn is_closed_pipe(&self) -> bool {
        self.error.chain().any(|cause| {
            cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
        })
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Failure::new(UNDECIDED, error)
    }
}

impl fmt::Display for Failure {
    /// Cleaned for a terminal: what is told may hold names from hostile input.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "error: {}", plain(&self.error.to_string()))?;
        for cause in self.error.chain().skip(1) {
            writeln!(formatter, "cause: {}", plain(&cause.to_string()))?;
        }
        if let Some(hint) = &self.hint {
            writeln!(formatter, "hint: {}", plain(hint))?;
        }
        Ok(())
    }
}

impl Failure {
    /// What is wrong and why, in one line.
    #[cfg(feature = "runtime")]
    pub(crate) fn line(&self) -> String {
        plimsoll_model::one_line(&*self.error)
    }
}

/// Prints data.
pub(crate) fn data(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).context("cannot write to standard output")
}

/// Talk that waits while a screen has the terminal, and how much more there was.
static HELD: Mutex<Option<(Vec<String>, usize)>> = Mutex::new(None);
/// Lines of talk that wait.
const MOST_HELD: usize = 1_000;

/// From now on talk waits: a screen has the terminal.
#[cfg(feature = "runtime")]
pub(crate) fn hold() {
    if let Ok(mut held) = HELD.lock() {
        held.get_or_insert_default();
    }
}

/// The last line that waits.
#[cfg(feature = "runtime")]
pub(crate) fn held() -> Option<String> {
    HELD.lock().ok()?.as_ref()?.0.last().cloned()
}

/// Prints what waits; talk no longer does.
#[cfg(feature = "runtime")]
pub(crate) fn release() {
    let held = HELD.lock().ok().and_then(|mut held| held.take());
    let Some((lines, more)) = held else { return };
    for line in lines {
        talk(&line);
    }
    if more > 0 {
        talk(&format!("and {more} lines more"));
    }
}

/// Prints talk: summaries, warnings, notes. Nobody reading it is no failure.
pub(crate) fn talk(text: &str) {
    if let Ok(mut held) = HELD.lock()
        && let Some((lines, more)) = held.as_mut()
    {
        if lines.len() < MOST_HELD {
            lines.push(text.to_owned());
        } else {
            *more += 1;
        }
        return;
    }
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// A warning, without control characters of hostile names.
pub(crate) fn warning(text: &str) {
    talk(&format!("warning: {}", plain(text)));
}

pub(crate) fn failure(failure: &Failure, environment: &Environment) {
    let text = failure.to_string();
    let text =
        if environment.stderr_color { text.replacen("error:", "\x1b[1;31merror:\x1b[0m", 1) } else { text };
    talk(text.trim_end());
}

/// Names in messages come from hostile input: no control character of theirs reaches the terminal, and a line end of
/// theirs starts no line that could be taken for ours. Parsers point at a place over several lines: those are set in.
pub(crate) fn plain(text: &str) -> String {
    text.trim_end().split('\n').map(plimsoll_format::clean).collect::<Vec<_>>().join("\n  ")
}

/// Writes a file whole or not at all: beside its place first, then renamed.
pub(crate) fn file(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut pending = Pending::new(path)?;
    pending.write(text)?;
    pending.finish()
}

/// A file that is written piece by piece beside its place, and is there only when it is whole.
pub(crate) struct Pending {
    beside: io::BufWriter<tempfile::NamedTempFile>,
    path: PathBuf,
}

impl Pending {
    pub(crate) fn new(path: &Path) -> anyhow::Result<Self> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // A report is an ordinary file: readable as the user's mask says, not private as temporary files are.
        let beside = tempfile::Builder::new()
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666))
            .tempfile_in(folder)
            .with_context(|| format!("cannot write `{}`", path.display()))?;
        Ok(Pending { beside: io::BufWriter::new(beside), path: path.to_owned() })
    }

    pub(crate) fn write(&mut self, text: &str) -> anyhow::Result<()> {
        self.beside
            .write_all(text.as_bytes())
            .with_context(|| format!("cannot write `{}`", self.path.display()))
    }

    pub(crate) fn finish(self) -> anyhow::Result<()> {
        let failed = || format!("cannot write `{}`", self.path.display());
        let beside = self.beside.into_inner().map_err(io::IntoInnerError::into_error).with_context(failed)?;
        beside.persist(&self.path).map(drop).with_context(failed)
    }
}
