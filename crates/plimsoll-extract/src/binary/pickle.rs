//! What a Python pickle would import if somebody loaded it. Nothing is run: only the stack and the memo are followed, as far as they hold
//! texts.
//!
//! Loading a pickle calls what it names, so a model in this form is a program. Which names a harmless model needs is known
//! (tensors, containers, numbers); those that start programs, open files or connections, or evaluate text are in [`DANGEROUS`].
//!
//! Format: Python 3.14, `Lib/pickletools.py` (protocols 0 to 5). Memory: the stack and the memo are bounded, texts are cut.

use std::collections::{BTreeSet, HashMap};
use std::io::{self, BufRead, Read};
use std::rc::Rc;

/// Values on the stack, and in the memo, that are followed. More is not read.
const MOST_VALUES: usize = 1 << 20;
/// Longest text that is kept, in bytes. Names are shorter.
const LONGEST_TEXT: usize = 256;
/// Longest line of protocol 0, in bytes.
const LONGEST_LINE: u64 = 1 << 20;
/// Names that are listed of one file.
const MOST_IMPORTS: usize = 10_000;

/// Modules and names that no model needs and that do harm: `*` is every name of the module, and of those below it.
const DANGEROUS: &[(&str, &[&str])] = &[
    ("__builtin__", BUILTINS),
    ("_io", &["open", "FileIO", "open_code"]),
    ("_pickle", &["load", "loads", "Unpickler"]),
    ("_posixsubprocess", &["*"]),
    ("_socket", &["*"]),
    ("aiohttp", &["*"]),
    ("asyncio", &["*"]),
    ("bdb", &["*"]),
    ("builtins", BUILTINS),
    ("code", &["*"]),
    ("commands", &["*"]),
    ("cProfile", &["*"]),
    ("ctypes", &["*"]),
    ("doctest", &["*"]),
    ("ensurepip", &["*"]),
    ("ftplib", &["*"]),
    ("functools", &["partial", "partialmethod"]),
    ("http", &["*"]),
    ("httplib", &["*"]),
    ("idlelib", &["*"]),
    ("imaplib", &["*"]),
    ("imp", &["*"]),
    ("importlib", &["*"]),
    ("io", &["open", "FileIO", "open_code"]),
    ("lib2to3", &["*"]),
    ("marshal", &["*"]),
    ("multiprocessing", &["*"]),
    ("nt", &["*"]),
    ("numpy.testing._private.utils", &["*"]),
    ("operator", &["attrgetter", "methodcaller"]),
    ("os", &["*"]),
    ("pathlib", &["*"]),
    ("pdb", &["*"]),
    ("pickle", &["load", "loads", "Unpickler"]),
    ("pip", &["*"]),
    ("pkgutil", &["*"]),
    ("platform", &["popen"]),
    ("posix", &["*"]),
    ("profile", &["*"]),
    ("pty", &["*"]),
    ("pydoc", &["*"]),
    ("requests", &["*"]),
    ("runpy", &["*"]),
    ("shutil", &["*"]),
    ("smtplib", &["*"]),
    ("socket", &["*"]),
    ("ssl", &["*"]),
    ("subprocess", &["*"]),
    ("sys", &["*"]),
    ("telnetlib", &["*"]),
    ("tempfile", &["*"]),
    ("threading", &["*"]),
    ("timeit", &["*"]),
    ("torch._inductor.codecache", &["*"]),
    ("torch.hub", &["*"]),
    ("torch.jit.unsupported_tensor_ops", &["*"]),
    ("torch.serialization", &["load"]),
    ("torch.utils._config_module", &["*"]),
    ("trace", &["*"]),
    ("types", &["CodeType", "FunctionType"]),
    ("urllib", &["*"]),
    ("urllib2", &["*"]),
    ("uuid", &["_get_command_stdout", "_popen"]),
    ("venv", &["*"]),
    ("webbrowser", &["*"]),
    ("xmlrpc", &["*"]),
];

/// Built-in functions that run text, find other functions, or open files.
const BUILTINS: &[&str] = &[
    "__import__",
    "apply",
    "breakpoint",
    "compile",
    "delattr",
    "eval",
    "exec",
    "execfile",
    "file",
    "getattr",
    "globals",
    "input",
    "locals",
    "open",
    "raw_input",
    "setattr",
    "vars",
];

/// What one pickle names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Imports {
    /// Names that do harm (`os.system`), sorted.
    pub(super) dangerous: BTreeSet<String>,
    /// How many names there are in all.
    pub(super) count: usize,
    /// It puts a name together in a way that does not show which.
    pub(super) is_hidden: bool,
    /// It was followed to its end.
    pub(super) is_whole: bool,
}

impl Imports {
    /// Adds what another pickle of the same file names.
    pub(super) fn join(&mut self, other: Imports) {
        self.dangerous.extend(other.dangerous);
        self.count += other.count;
        self.is_hidden |= other.is_hidden;
        self.is_whole &= other.is_whole;
    }

    fn add(&mut self, module: &str, name: &str) {
        self.count += 1;
        if is_dangerous(module, name) && self.dangerous.len() < MOST_IMPORTS {
            let clean = |text: &str| text.chars().filter(|letter| !letter.is_control()).collect::<String>();
            self.dangerous.insert(format!("{}.{}", clean(module), clean(name)));
        }
    }
}

fn is_dangerous(module: &str, name: &str) -> bool {
    // A name with dots is looked up through its parts: `os` of a harmless module is `os` all the same.
    let through = || {
        name.contains('.')
            && name.split('.').any(|part| {
                DANGEROUS.iter().any(|(module, names)| *module == part && names == &["*"])
                    || matches!(
                        part,
                        "system" | "popen" | "exec" | "eval" | "__globals__" | "__builtins__" | "__import__"
                    )
            })
    };
    DANGEROUS.iter().any(|(known, names)| {
        let below = module.strip_prefix(known).is_some_and(|rest| rest.starts_with('.'));
        if names == &["*"] {
            module == *known || below
        } else {
            module == *known && names.contains(&name.split('.').next().unwrap_or(name))
        }
    }) || through()
}

#[derive(Clone)]
enum Value {
    Mark,
    Text(Rc<str>),
    Other,
}

struct Machine {
    stack: Vec<Value>,
    memo: HashMap<u64, Value>,
    imports: Imports,
}

impl Machine {
    fn push(&mut self, value: Value) -> Option<()> {
        (self.stack.len() < MOST_VALUES).then(|| self.stack.push(value))
    }

    fn pop(&mut self, count: usize) {
        self.stack.truncate(self.stack.len().saturating_sub(count));
    }

    fn pop_mark(&mut self) {
        while let Some(value) = self.stack.pop() {
            if matches!(value, Value::Mark) {
                break;
            }
        }
    }

    fn remember(&mut self, number: u64) -> Option<()> {
        let value = self.stack.last().cloned().unwrap_or(Value::Other);
        (self.memo.len() < MOST_VALUES).then(|| {
            self.memo.insert(number, value);
        })
    }

    fn recall(&mut self, number: u64) -> Option<()> {
        let value = self.memo.get(&number).cloned().unwrap_or(Value::Other);
        self.push(value)
    }
}

/// Follows one pickle up to its end. What is no pickle ends it early. An error is one of the reader.
pub(super) fn read(reader: &mut dyn BufRead) -> io::Result<Imports> {
    let mut machine = Machine { stack: Vec::new(), memo: HashMap::new(), imports: Imports::default() };
    loop {
        match step(reader, &mut machine) {
            Ok(Some(false)) => {}
            Ok(Some(true)) => {
                machine.imports.is_whole = true;
                break;
            }
            Ok(None) => break,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error),
        }
    }
    Ok(machine.imports)
}

fn number(reader: &mut dyn BufRead, bytes: usize) -> io::Result<u64> {
    let mut buffer = [0; 8];
    reader.read_exact(&mut buffer[..bytes])?;
    Ok(u64::from_le_bytes(buffer))
}

/// A text or bytes of this length; kept up to [`LONGEST_TEXT`].
fn text(reader: &mut dyn BufRead, length: u64) -> io::Result<Value> {
    let kept = length.min(LONGEST_TEXT as u64);
    let mut bytes = Vec::new();
    (&mut *reader).take(kept).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != kept {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    skip(reader, length - kept)?;
    Ok(Value::Text(String::from_utf8_lossy(&bytes).into()))
}

fn skip(reader: &mut dyn BufRead, length: u64) -> io::Result<()> {
    if io::copy(&mut reader.take(length), &mut io::sink())? == length {
        Ok(())
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

fn line(reader: &mut dyn BufRead) -> io::Result<String> {
    let mut bytes = Vec::new();
    reader.take(LONGEST_LINE).read_until(b'\n', &mut bytes)?;
    if bytes.pop() != Some(b'\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    bytes.truncate(LONGEST_TEXT);
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// One instruction: is it the last? `None` when it is none, or a bound is reached.
fn step(reader: &mut dyn BufRead, machine: &mut Machine) -> io::Result<Option<bool>> {
    let mut code = [0];
    reader.read_exact(&mut code)?;
    let done = match code[0] {
        b'.' => return Ok(Some(true)),
        b'(' => machine.push(Value::Mark),
        b'2' => {
            let value = machine.stack.last().cloned().unwrap_or(Value::Other);
            machine.push(value)
        }
        // Numbers, nothing, true and false, empty containers, buffers out of band.
        b'N' | 0x88 | 0x89 | b')' | b']' | b'}' | 0x8f | 0x97 => machine.push(Value::Other),
        b'F' | b'I' | b'L' | b'P' => {
            line(reader)?;
            machine.push(Value::Other)
        }
        b'G' => {
            skip(reader, 8)?;
            machine.push(Value::Other)
        }
        b'J' => {
            skip(reader, 4)?;
            machine.push(Value::Other)
        }
        b'K' => {
            skip(reader, 1)?;
            machine.push(Value::Other)
        }
        b'M' => {
            skip(reader, 2)?;
            machine.push(Value::Other)
        }
        code @ (0x8a | 0x8b | b'B' | b'C' | 0x8e | 0x96) => {
            let length = number(
                reader,
                match code {
                    0x8a | b'C' => 1,
                    0x8b | b'B' => 4,
                    _ => 8,
                },
            )?;
            skip(reader, length)?;
            machine.push(Value::Other)
        }
        b'S' => {
            let quoted = line(reader)?;
            machine.push(Value::Text(quoted.trim_matches(['\'', '"']).into()))
        }
        b'V' => {
            let plain = line(reader)?;
            machine.push(Value::Text(plain.into()))
        }
        code @ (b'T' | b'U' | b'X' | 0x8c | 0x8d) => {
            let length = number(
                reader,
                match code {
                    b'U' | 0x8c => 1,
                    0x8d => 8,
                    _ => 4,
                },
            )?;
            let value = text(reader, length)?;
            machine.push(value)
        }
        b'p' => {
            let index = line(reader)?.trim().parse().unwrap_or(u64::MAX);
            machine.remember(index)
        }
        b'q' => {
            let index = number(reader, 1)?;
            machine.remember(index)
        }
        b'r' => {
            let index = number(reader, 4)?;
            machine.remember(index)
        }
        0x94 => machine.remember(machine.memo.len() as u64),
        b'g' => {
            let index = line(reader)?.trim().parse().unwrap_or(u64::MAX);
            machine.recall(index)
        }
        b'h' => {
            let index = number(reader, 1)?;
            machine.recall(index)
        }
        b'j' => {
            let index = number(reader, 4)?;
            machine.recall(index)
        }
        code @ (b'c' | b'i') => {
            let (module, name) = (line(reader)?, line(reader)?);
            machine.imports.add(&module, &name);
            if code == b'i' {
                machine.pop_mark();
            }
            machine.push(Value::Other)
        }
        0x93 => {
            let name = machine.stack.pop();
            let module = machine.stack.pop();
            match (module, name) {
                (Some(Value::Text(module)), Some(Value::Text(name))) => machine.imports.add(&module, &name),
                _ => {
                    machine.imports.count += 1;
                    machine.imports.is_hidden = true;
                }
            }
            machine.push(Value::Other)
        }
        // Extensions name something that is registered elsewhere.
        code @ (0x82..=0x84) => {
            skip(
                reader,
                match code {
                    0x82 => 1,
                    0x83 => 2,
                    _ => 4,
                },
            )?;
            machine.imports.is_hidden = true;
            machine.push(Value::Other)
        }
        b't' | b'l' | b'd' | 0x91 | b'o' => {
            machine.pop_mark();
            machine.push(Value::Other)
        }
        b'1' | b'e' | b'u' | 0x90 => {
            machine.pop_mark();
            Some(())
        }
        b'0' | b'a' | b'b' => {
            machine.pop(1);
            Some(())
        }
        b's' => {
            machine.pop(2);
            Some(())
        }
        code @ (0x85..=0x87) => {
            machine.pop(usize::from(code - 0x84));
            machine.push(Value::Other)
        }
        b'R' | 0x81 => {
            machine.pop(2);
            machine.push(Value::Other)
        }
        0x92 => {
            machine.pop(3);
            machine.push(Value::Other)
        }
        b'Q' => {
            machine.pop(1);
            machine.push(Value::Other)
        }
        0x80 => {
            skip(reader, 1)?;
            Some(())
        }
        // A frame is read like what is in it.
        0x95 => {
            skip(reader, 8)?;
            Some(())
        }
        0x98 => Some(()),
        _ => None,
    };
    Ok(done.map(|()| false))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pickle: &[u8], dangerous: &[&str], count: usize) -> Imports {
        let imports = read(&mut &pickle[..]).unwrap();
        let found: Vec<&str> = imports.dangerous.iter().map(String::as_str).collect();
        assert_eq!((found.as_slice(), imports.count), (dangerous, count), "{pickle:?}");
        imports
    }

    #[test]
    fn names_in_every_form() {
        // `pickle.dumps` of an object whose `__reduce__` gives `(os.system, ("id",))`, by protocol.
        assert!(check(b"cposix\nsystem\np0\n(Vid\np1\ntp2\nRp3\n.", &["posix.system"], 1).is_whole);
        assert!(
            check(
                b"\x80\x02cposix\nsystem\nq\x00X\x02\x00\x00\x00idq\x01\x85q\x02Rq\x03.",
                &["posix.system"],
                1
            )
            .is_whole
        );
        check(
            b"\x80\x04\x95\x1d\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x02id\x94\x85\x94R\x94.",
            &["posix.system"],
            1,
        );
        // The instruction of old classes.
        check(b"(S'id'\nios\nsystem\n.", &["os.system"], 1);
        // Through the memo, with something popped between.
        check(b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94h\x00N0h\x01\x93.", &["os.system"], 1);
        // An attribute of an attribute.
        check(b"\x80\x04\x8c\x05numpy\x8c\x09os.system\x93.", &["numpy.os.system"], 1);
        check(b"\x80\x04\x8c\x0asubprocess\x8c\x05Popen\x93.", &["subprocess.Popen"], 1);
        check(b"cbuiltins\neval\n.", &["builtins.eval"], 1);
        check(b"curllib.request\nurlopen\n.", &["urllib.request.urlopen"], 1);
    }

    #[test]
    fn what_models_need_is_harmless() {
        let pickle = b"\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01ctorch._utils\n_rebuild_tensor_v2\nq\x02cbuiltins\nset\n.";
        let imports = check(pickle, &[], 3);
        assert!(imports.is_whole && !imports.is_hidden);
        check(b"coss\nsystem\n.", &[], 1);
    }

    #[test]
    fn names_that_are_hidden() {
        assert!(check(b"\x80\x04N\x8c\x06system\x93.", &[], 1).is_hidden);
        assert!(check(b"\x80\x02\x82\x01.", &[], 0).is_hidden);
    }

    #[test]
    fn what_is_no_pickle_ends() {
        for bytes in [
            &b""[..],
            b"\xff",
            b"cos",
            b"cos\nsystem",
            b"X\xff\xff\xff\xffab",
            b"\x8d\xff\xff\xff\xff\xff\xff\xff\xffab",
            b"1110000222",
        ] {
            let imports = read(&mut &bytes[..]).unwrap();
            assert!(!imports.is_whole, "{bytes:?}");
        }
        // More marks than are kept.
        let marks = vec![b'('; MOST_VALUES + 10];
        assert!(!read(&mut &marks[..]).unwrap().is_whole);
    }

    #[test]
    fn the_table_is_sorted() {
        for pair in DANGEROUS.windows(2) {
            assert!(pair[0].0.to_ascii_lowercase() <= pair[1].0.to_ascii_lowercase(), "{}", pair[1].0);
        }
    }
}
