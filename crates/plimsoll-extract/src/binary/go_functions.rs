//! Names of the functions in a Go program, from the table that its run time needs for stack traces. It is there in stripped
//! programs too, and lists functions that were inlined as well.
//!
//! Format: Go `internal/abi` and `runtime/symtab.go`, `pcHeader` of 1.16 (`0xfffffffa`), 1.18 (`0xfffffff0`) and 1.20
//! (`0xfffffff1`). Before 1.16 names stand among the other data: such programs do not show their functions here.

use memchr::{memchr, memrchr};
use plimsoll_model::functions::{Fingerprint, Functions};

/// Longest list of names. That of Kubernetes' own is 8 MiB.
const MAX_LIST: u64 = 256 << 20;
/// Longest name that is looked at. Longer ones are of generated closures.
const MAX_NAME: usize = 4096;
/// Fingerprints of one program (4 MiB). Kubernetes' own has 200,000.
const MAX_FINGERPRINTS: usize = 512 << 10;

/// Where the names of one table stand, from its header on, and how long they are.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) offset: u64,
    pub(super) length: u64,
}

/// Reads a header; `None` when these bytes are none.
pub(super) fn header(bytes: &[u8]) -> Option<Span> {
    let (first, rest) = bytes.split_first_chunk::<8>()?;
    let [a, b, c, d, 0, 0, quantum, width] = *first else { return None };
    let (big_endian, magic) = match (a, b, c, d) {
        (0xf0 | 0xf1 | 0xfa, 0xff, 0xff, 0xff) => (false, a),
        (0xff, 0xff, 0xff, 0xf0 | 0xf1 | 0xfa) => (true, d),
        _ => return None,
    };
    if !matches!(quantum, 1 | 2 | 4) || !matches!(width, 4 | 8) {
        return None;
    }
    let word =
        |index: usize| super::executable::word(rest.get(index * usize::from(width)..)?, width, big_endian);
    // Since 1.18 the address of the code stands in between.
    let names = if magic == 0xfa { 2 } else { 3 };
    let count = word(0)?;
    let (start, units, files, programs, functions) =
        (word(names)?, word(names + 1)?, word(names + 2)?, word(names + 3)?, word(names + 4)?);
    let ordered = start >= 8 && start < units && units <= files && files <= programs && programs <= functions;
    let length = units.checked_sub(start)?;
    (ordered && count > 0 && start <= 4096 && length <= MAX_LIST).then_some(Span { offset: start, length })
}

/// Takes a list of names in pieces.
pub(super) struct Names {
    left: u64,
    /// The beginning of a name whose end is in the next piece.
    name: Vec<u8>,
    fingerprints: Vec<u64>,
    path: Option<u64>,
    has_main: bool,
    too_many: bool,
}

impl Names {
    pub(super) fn new(length: u64) -> Self {
        Names {
            left: length,
            name: Vec::new(),
            fingerprints: Vec::new(),
            path: None,
            has_main: false,
            too_many: false,
        }
    }

    /// Takes the next bytes; says whether these were the last.
    pub(super) fn feed(&mut self, fresh: &[u8]) -> bool {
        let taken = usize::try_from(self.left).map_or(fresh.len(), |left| left.min(fresh.len()));
        let mut rest = &fresh[..taken];
        self.left -= taken as u64;
        while let Some(end) = memchr(0, rest) {
            let (part, behind) = rest.split_at(end);
            rest = &behind[1..];
            if self.name.is_empty() {
                self.add(part);
            } else {
                self.keep(part);
                let name = std::mem::take(&mut self.name);
                self.add(&name);
            }
        }
        self.keep(rest);
        self.left == 0
    }

    fn keep(&mut self, part: &[u8]) {
        let room = MAX_NAME.saturating_sub(self.name.len()).min(part.len());
        self.name.extend_from_slice(&part[..room]);
    }

    /// `golang.org/x/net/html.(*Tokenizer).Next.func1` is of the path, of `Tokenizer` and of `Tokenizer.Next`.
    fn add(&mut self, name: &[u8]) {
        if self.fingerprints.len() + 3 > MAX_FINGERPRINTS {
            self.too_many = true;
            return;
        }
        self.has_main |= name == b"main.main";
        // Type arguments are written `[...]`; whatever stands there is no part of the path.
        let plain = &name[..memchr(b'[', name).unwrap_or(name.len())];
        let last = memrchr(b'/', plain).map_or(0, |slash| slash + 1);
        let Some(dot) = memchr(b'.', &plain[last..]) else { return };
        let path = path_fingerprint(&name[..last + dot]);
        if self.path != Some(path.value()) {
            self.path = Some(path.value());
            self.push(path);
        }
        let mut current = path.with(b".");
        let mut is_empty = true;
        let mut parts = 0;
        let mut depth = 0_usize;
        for byte in &name[last + dot + 1..] {
            match byte {
                b'[' => depth += 1,
                b']' => depth = depth.saturating_sub(1),
                _ if depth > 0 => {}
                b'(' | b'*' | b')' => {}
                // A method value (`-fm`) or the body of a range loop (`-range1`): of the function before it.
                b'-' => break,
                b'.' => {
                    parts += 1;
                    if parts == 2 || is_empty {
                        break;
                    }
                    self.push(current);
                    current = current.with(b".");
                    is_empty = true;
                }
                _ => {
                    current = current.with(&[*byte]);
                    is_empty = false;
                }
            }
        }
        if !is_empty {
            self.push(current);
        }
    }

    fn push(&mut self, fingerprint: Fingerprint) {
        if self.fingerprints.last() != Some(&fingerprint.value()) {
            self.fingerprints.push(fingerprint.value());
        }
    }

    /// The fingerprints; `None` when the list is no whole list of a program. Every program has `main.main`, unless its
    /// names were made unreadable on purpose: then a name that is not found says nothing.
    pub(super) fn finish(self) -> Option<Vec<u64>> {
        (self.left == 0 && self.has_main && !self.too_many).then_some(self.fingerprints)
    }
}

/// The linker writes some bytes of import paths as `%2e` (`cmd/internal/objabi`, `PathToPrefix`).
fn path_fingerprint(mut path: &[u8]) -> Fingerprint {
    let mut fingerprint = Fingerprint::EMPTY;
    while let Some(at) = memchr(b'%', path) {
        fingerprint = fingerprint.with(&path[..at]);
        let digit = |index: usize| path.get(at + index).and_then(|byte| char::from(*byte).to_digit(16));
        let (byte, length) = match (digit(1), digit(2)) {
            (Some(high), Some(low)) => (u8::try_from(high * 16 + low).unwrap_or(b'%'), 3),
            _ => (b'%', 1),
        };
        fingerprint = fingerprint.with(&[byte]);
        path = &path[at + length..];
    }
    fingerprint.with(path)
}

/// What all programs of a file show; hidden when one of them shows nothing.
pub(super) fn of_file(programs: usize, tables: &[Vec<u64>]) -> Functions {
    if programs == 0 || tables.len() < programs {
        return Functions::hidden();
    }
    Functions::of_program(tables.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, expected: &[&str]) {
        let text = format!("main.main\0{name}\0");
        for piece in [1, 7, text.len()] {
            let mut names = Names::new(text.len() as u64);
            let mut done = false;
            for part in text.as_bytes().chunks(piece) {
                assert!(!done);
                done = names.feed(part);
            }
            assert!(done);
            let mut found = names.finish().expect("whole, with main.main");
            let main = ["main", "main.main"];
            let mut wanted: Vec<u64> = main
                .iter()
                .chain(expected)
                .map(|name| Fingerprint::EMPTY.with(name.as_bytes()).value())
                .collect();
            found.sort_unstable();
            found.dedup();
            wanted.sort_unstable();
            wanted.dedup();
            assert_eq!(found, wanted, "{name}");
        }
    }

    #[test]
    fn names() {
        check("net/http.Get", &["net/http", "net/http.Get"]);
        let tokenizer = "golang.org/x/net/html";
        for name in ["(*Tokenizer).Next", "Tokenizer.Next", "(*Tokenizer).Next.func1", "(*Tokenizer).Next-fm"]
        {
            check(
                &format!("{tokenizer}.{name}"),
                &[tokenizer, "golang.org/x/net/html.Tokenizer", "golang.org/x/net/html.Tokenizer.Next"],
            );
        }
        check("gopkg.in/yaml%2ev2.Unmarshal", &["gopkg.in/yaml.v2", "gopkg.in/yaml.v2.Unmarshal"]);
        check("a/b.Map[...]", &["a/b", "a/b.Map"]);
        check("a/b.(*List[...]).Push", &["a/b", "a/b.List", "a/b.List.Push"]);
        check("a/b.F[go.shape.struct { c/d.X int }].func2", &["a/b", "a/b.F", "a/b.F.func2"]);
        check("a/b.glob..func1", &["a/b", "a/b.glob"]);
        check("a/b.init", &["a/b", "a/b.init"]);
        check("a%zz/b.F", &["a%zz/b", "a%zz/b.F"]);
        check("nodot", &[]);
        check("", &[]);
        check(".", &[""]);
    }

    fn bytes(magic: [u8; 4], words: &[u64], big_endian: bool) -> Vec<u8> {
        let mut bytes = [&magic[..], &[0, 0, 1, 8]].concat();
        for word in words {
            bytes.extend(if big_endian { word.to_be_bytes() } else { word.to_le_bytes() });
        }
        bytes
    }

    #[test]
    fn headers() {
        let new = [10, 3, 0x40_1000, 72, 500, 600, 700, 800];
        let old = [10, 3, 64, 500, 600, 700, 800];
        let little = |last| [last, 0xff, 0xff, 0xff];
        let span = |offset, length| Some(Span { offset, length });
        assert_eq!(header(&bytes(little(0xf1), &new, false)), span(72, 428));
        assert_eq!(header(&bytes(little(0xf0), &new, false)), span(72, 428));
        assert_eq!(header(&bytes([0xff, 0xff, 0xff, 0xf1], &new, true)), span(72, 428));
        assert_eq!(header(&bytes(little(0xfa), &old, false)), span(64, 436));
        for bad in [
            bytes(little(0xfb), &old, false),
            bytes(little(0xf1), &old, false),
            bytes(little(0xf1), &[0, 3, 0, 72, 500, 600, 700, 800], false),
            bytes(little(0xf1), &[10, 3, 0, 500, 72, 600, 700, 800], false),
            bytes(little(0xf1), &[10, 3, 0, 72, u64::MAX, u64::MAX, u64::MAX, u64::MAX], false),
            bytes(little(0xf1), &new[..6], false),
            bytes(little(0xf1), &new, true),
        ] {
            assert_eq!(header(&bad), None, "{bad:x?}");
        }
    }

    #[test]
    fn half_a_list_or_one_without_main_shows_nothing() {
        let mut names = Names::new(100);
        assert!(!names.feed(b"main.main\0a.F\0"));
        assert_eq!(names.finish(), None);
        let mut names = Names::new(4);
        assert!(names.feed(b"a.F\0"));
        assert_eq!(names.finish(), None);
        assert!(of_file(2, &[vec![1]]).holds("a", None).is_none());
        assert!(of_file(0, &[vec![1]]).holds("a", None).is_none());
        assert_eq!(of_file(1, &[vec![1], vec![2]]).holds("a", None), Some(false));
    }

    #[test]
    fn more_names_than_are_kept_show_nothing() {
        let text: Vec<u8> =
            (0..MAX_FINGERPRINTS).flat_map(|number| format!("p{number}.F\0").into_bytes()).collect();
        let mut names = Names::new(text.len() as u64 + 10);
        names.feed(b"main.main\0");
        assert!(names.feed(&text));
        assert_eq!(names.finish(), None);
    }
}
