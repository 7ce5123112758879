//! Recordings: events as JSON lines, one in a line behind a line that names the version.
//!
//! A recording may come from anybody: lines are bounded, what cannot be read is told with its line and the rest is still
//! read, and equal processes and containers of different events become one value again.

use std::collections::HashMap;
use std::hash::Hash;
use std::io::{self, BufRead, Write};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Event;
use crate::event::{Action, Container, Process};

/// The version of the form that [`Writer`] writes.
pub const VERSION: &str = "1.0";

/// Bytes of one line. The arguments of a program take at most a tenth of it.
const LONGEST: usize = 1 << 20;

/// Problems that are told one by one; more are counted.
const MOST_PROBLEMS: usize = 100;

/// Processes, and containers, that are kept to find equal ones.
const REMEMBERED: usize = 4096;

/// Bytes of a line whose processes are kept: with [`REMEMBERED`] this bounds what hostile recordings hold.
const LIGHT: usize = 16 << 10;

/// The first line of a recording.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Header {
    recording: Version,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    schema_version: String,
}

/// Something in a recording that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The line, counted from 1.
    pub line: u64,
    /// What is wrong with it.
    pub message: String,
}

/// Why a recording cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Reading failed.
    #[error("cannot read the recording")]
    Read(#[from] io::Error),
    /// The first line is another.
    #[error(
        "this is no recording: its first line is not `{{\"recording\":{{\"schemaVersion\":\"{VERSION}\"}}}}`"
    )]
    NoRecording,
    /// It is of a form that is not known here.
    #[error("the recording is of version {0}, and {VERSION} is understood")]
    Version(String),
}

/// Writes a recording.
pub struct Writer<W: Write> {
    to: W,
}

impl<W: Write> Writer<W> {
    /// Begins a recording.
    pub fn new(mut to: W) -> io::Result<Self> {
        let header = Header { recording: Version { schema_version: VERSION.to_owned() } };
        line(&mut to, &header)?;
        Ok(Self { to })
    }

    /// Adds an event.
    pub fn write(&mut self, event: &Event) -> io::Result<()> {
        line(&mut self.to, event)
    }

    /// Writes what is still held back, and gives back what was written to.
    pub fn finish(mut self) -> io::Result<W> {
        self.to.flush()?;
        Ok(self.to)
    }
}

fn line(to: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *to, value)?;
    to.write_all(b"\n")
}

/// Reads a recording.
pub struct Reader<R> {
    from: R,
    buffer: Vec<u8>,
    line: u64,
    processes: Pool<Process>,
    containers: Pool<Container>,
    /// What could not be read, at most 100.
    pub problems: Vec<Problem>,
    /// How many lines could not be read.
    pub unread: u64,
    /// How many events were read whose action is not known here: a newer sensor made them.
    pub unknown: u64,
    /// How many events the sensor says it lost.
    pub lost: u64,
}

/// Values by what names them. When it is full it begins anew: what is lost is only that equal values are one.
struct Pool<T> {
    known: HashMap<u64, Arc<T>>,
}

impl<T: PartialEq> Pool<T> {
    fn new() -> Self {
        Self { known: HashMap::new() }
    }

    fn one(&mut self, name: impl Hash, value: &mut Arc<T>) {
        use std::hash::{DefaultHasher, Hasher};
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        let known = self.known.entry(hasher.finish()).or_insert_with(|| value.clone());
        if **known == **value {
            *value = known.clone();
        } else {
            *known = value.clone();
        }
    }
}

/// What a line turned out to be.
enum Line {
    Whole,
    TooLong,
    End,
}

impl<R: BufRead> Reader<R> {
    /// Begins to read.
    pub fn new(from: R) -> Result<Self, Error> {
        let mut reader = Self {
            from,
            buffer: Vec::new(),
            line: 0,
            processes: Pool::new(),
            containers: Pool::new(),
            problems: Vec::new(),
            unread: 0,
            unknown: 0,
            lost: 0,
        };
        let Line::Whole = reader.next_line()? else { return Err(Error::NoRecording) };
        let header: Header = serde_json::from_slice(&reader.buffer).map_err(|_| Error::NoRecording)?;
        let version = header.recording.schema_version;
        if version.split('.').next() != VERSION.split('.').next() {
            return Err(Error::Version(plimsoll_model::shortened(&version)));
        }
        Ok(reader)
    }

    /// The next event; nothing at the end.
    pub fn next_event(&mut self) -> Result<Option<Event>, Error> {
        loop {
            match self.next_line()? {
                Line::End => return Ok(None),
                Line::TooLong => {
                    self.problem(format!("the line is longer than {LONGEST} bytes"));
                    continue;
                }
                Line::Whole if self.buffer.iter().all(u8::is_ascii_whitespace) => continue,
                Line::Whole => {}
            }
            let mut event: Event = match serde_json::from_slice(&self.buffer) {
                Ok(event) => event,
                Err(error) => {
                    let column = error.column();
                    let text = error.to_string();
                    let text = text.split(" at line ").next().unwrap_or_default();
                    self.problem(format!("{} at column {column}", plimsoll_model::shortened(text)));
                    continue;
                }
            };
            event.ancestors.truncate(Process::MAX_ANCESTORS);
            if self.buffer.len() <= LIGHT {
                for process in std::iter::once(&mut event.process).chain(&mut event.ancestors) {
                    let name = (process.id, process.start, process.exec_time);
                    self.processes.one(name, process);
                }
                let name = event.container.id.clone();
                self.containers.one(name, &mut event.container);
            }
            match event.action {
                Action::Unknown => self.unknown += 1,
                Action::Drop { count, .. } => self.lost = self.lost.saturating_add(count),
                _ => {}
            }
            return Ok(Some(event));
        }
    }

    fn problem(&mut self, message: String) {
        self.unread += 1;
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(Problem { line: self.line, message });
        }
    }

    /// Reads a line into the buffer. Of one that is too long nothing is kept.
    fn next_line(&mut self) -> io::Result<Line> {
        self.buffer.clear();
        let mut too_long = false;
        let mut any = false;
        loop {
            let available = match self.from.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if available.is_empty() {
                break;
            }
            any = true;
            let end = available.iter().position(|byte| *byte == b'\n');
            let piece = &available[..end.unwrap_or(available.len())];
            too_long |= self.buffer.len() + piece.len() > LONGEST;
            if !too_long {
                self.buffer.extend_from_slice(piece);
            }
            let used = piece.len() + usize::from(end.is_some());
            self.from.consume(used);
            if end.is_some() {
                break;
            }
        }
        self.line += u64::from(any);
        Ok(match (any, too_long) {
            (false, _) => Line::End,
            (true, true) => Line::TooLong,
            (true, false) => Line::Whole,
        })
    }
}

/// Reads bytes as a recording, as a fuzz target does: whatever they are, it ends, and what was read can be written and read
/// again.
pub fn fuzz(data: &[u8]) {
    let Ok(mut reader) = Reader::new(data) else { return };
    let mut writer = Writer::new(Vec::new()).expect("memory takes every byte");
    let mut events = Vec::new();
    while let Ok(Some(event)) = reader.next_event() {
        writer.write(&event).expect("memory takes every byte");
        events.push(event);
    }
    let written = writer.finish().expect("memory takes every byte");
    let mut again = Reader::new(&written[..]).expect("a recording that was just written");
    for event in events {
        let read = again.next_event().expect("memory can be read").expect("as many events as were written");
        assert_eq!(read, event, "an event reads as it was written");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Error, LONGEST, Reader, fuzz};

    const HEADER: &str = "{\"recording\":{\"schemaVersion\":\"1.0\"}}\n";

    #[test]
    fn what_cannot_be_read_is_told_and_the_rest_is_read() {
        let long = "x".repeat(LONGEST + 1);
        let text = format!(
            "{HEADER}{{\"action\":{{\"type\":\"exit\",\"code\":1}},\"process\":{{\"id\":3}}}}\n\n{{\"time\":-1}}\n{long}\nnonsense\n{{\"action\":{{\"type\":\"teleport\"}},\"process\":{{\"id\":3}}}}\n{{\"action\":{{\"type\":\"drop\",\"class\":\"may\",\"count\":5}}}}"
        );
        let mut reader = Reader::new(text.as_bytes()).unwrap();
        let mut events = Vec::new();
        while let Some(event) = reader.next_event().unwrap() {
            events.push(event);
        }
        assert_eq!((events.len(), reader.unread, reader.unknown, reader.lost), (3, 3, 1, 5));
        assert_eq!(reader.problems.iter().map(|problem| problem.line).collect::<Vec<_>>(), [4, 5, 6]);
        assert!(Arc::ptr_eq(&events[0].process, &events[1].process), "equal processes are one");
    }

    #[test]
    fn what_is_no_recording_is_refused() {
        assert!(matches!(Reader::new(&b""[..]), Err(Error::NoRecording)));
        assert!(matches!(Reader::new(&b"{}\n"[..]), Err(Error::NoRecording)));
        let newer = "{\"recording\":{\"schemaVersion\":\"2.0\"}}\n";
        assert!(matches!(Reader::new(newer.as_bytes()), Err(Error::Version(version)) if version == "2.0"));
    }

    #[test]
    fn fuzz_bodies_hold() {
        for data in [
            HEADER.to_owned(),
            format!(
                "{HEADER}{{}}\n{{\"action\":{{\"type\":\"open\",\"file\":{{}},\"flags\":0,\"descriptor\":1}}}}"
            ),
            format!(
                "{HEADER}{{\"ancestors\":[{{\"id\":1}},{{\"id\":1,\"name\":\"a\"}}]}}\n{}",
                "[".repeat(100_000)
            ),
            "\u{0}".to_owned(),
        ] {
            fuzz(data.as_bytes());
        }
    }
}
