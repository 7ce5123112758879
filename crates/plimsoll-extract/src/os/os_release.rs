//! `etc/os-release` and `usr/lib/os-release`.
//!
//! Format: os-release(5), systemd 257: shell assignments without expansion; the last one of a name counts. In most
//! distributions the file in `etc` is a link to the other one, so either must do alone.

use plimsoll_fs::Entry;
use plimsoll_model::{ImagePath, Problem, ProblemKind, Release};

use super::{Problems, lines, release, text};
use crate::{Extraction, Extractor, Reader};

/// os-release(5).
pub static OS_RELEASE: Extractor = Extractor {
    name: "os/os_release",
    version: 1,
    declares: false,
    wants: |entry: &Entry<'_>| matches!(entry.path.as_bytes(), b"etc/os-release" | b"usr/lib/os-release"),
    read: Reader::Whole { limit: 1 << 20, parse: extract },
};

fn extract(path: &ImagePath, input: &[u8]) -> Extraction {
    let (found, problems) = parse(path, input);
    let in_etc = path.as_bytes() == b"etc/os-release";
    let rank = |release: &Release| match (release.id.as_str(), in_etc) {
        ("linux", _) => release::UNNAMED,
        (_, true) => release::OS_RELEASE,
        (_, false) => release::OS_RELEASE_VENDOR,
    };
    Extraction {
        releases: found.into_iter().map(|release| (rank(&release), release)).collect(),
        problems,
        ..Extraction::default()
    }
}

/// Reads an os-release(5) file. Without `ID=` the id is `linux`, as the specification says; a file without any assignment
/// names no release and is a problem. A line that is no assignment is noted, and the others still count.
pub fn parse(path: &ImagePath, input: &[u8]) -> (Option<Release>, Vec<Problem>) {
    let mut problems = Problems::new(path);
    let mut release = Release { path: path.to_string(), ..Release::default() };
    let (mut assignments, mut ubuntu_codename, mut plain_name) = (0, None, String::new());
    for (number, line) in lines(input) {
        let Some((name, value)) = (match assignment(line) {
            Line::Empty => continue,
            Line::Assignment(name, value) => Some((name, value)),
            Line::Broken => None,
        }) else {
            problems.note(ProblemKind::Corrupt, format!("line {number} is not an assignment"));
            continue;
        };
        assignments += 1;
        match name {
            b"ID" => release.id = value.to_ascii_lowercase(),
            b"VERSION_ID" => release.version = value,
            b"VERSION_CODENAME" => release.codename = Some(value).filter(|value| !value.is_empty()),
            b"UBUNTU_CODENAME" => ubuntu_codename = Some(value).filter(|value| !value.is_empty()),
            b"PRETTY_NAME" => release.name = value,
            b"NAME" => plain_name = value,
            b"CPE_NAME" => release.cpe = Some(value).filter(|value| !value.is_empty()),
            _ => {}
        }
    }
    if assignments == 0 {
        problems.note(ProblemKind::Corrupt, "names no release: there is no assignment in it");
        return (None, problems.finish());
    }
    if release.id.is_empty() {
        problems.note(ProblemKind::Corrupt, "does not say which distribution it is: `ID=` is missing");
        "linux".clone_into(&mut release.id);
    }
    if release.id == "ubuntu" {
        release.codename = release.codename.take().or(ubuntu_codename);
    }
    if release.name.is_empty() {
        release.name = plain_name;
    }
    release::settle(&mut release);
    (Some(release), problems.finish())
}

pub(super) enum Line<'a> {
    Empty,
    Assignment(&'a [u8], String),
    Broken,
}

/// One line of shell assignments: `NAME=value`, `NAME="va\"lue"`, `NAME='value'`.
pub(super) fn assignment(line: &[u8]) -> Line<'_> {
    let line = line.trim_ascii();
    if line.is_empty() || line.starts_with(b"#") {
        return Line::Empty;
    }
    let Some(equals) = line.iter().position(|byte| *byte == b'=') else { return Line::Broken };
    let (name, value) = (&line[..equals], &line[equals + 1..]);
    if name.is_empty() || !name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
        return Line::Broken;
    }
    Line::Assignment(name, unquote(value))
}

/// Takes shell quotes off. An unclosed quote ends with the line.
fn unquote(value: &[u8]) -> String {
    let mut plain = Vec::with_capacity(value.len());
    let mut quote = None;
    let mut bytes = value.iter().copied();
    while let Some(byte) = bytes.next() {
        match (quote, byte) {
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            // Within double quotes a backslash only protects `$`, `"`, `\` and the backtick; within single quotes, nothing.
            (Some(b'"'), b'\\') => match bytes.next() {
                Some(next @ (b'$' | b'"' | b'\\' | b'`')) => plain.push(next),
                Some(next) => plain.extend([b'\\', next]),
                None => plain.push(b'\\'),
            },
            (None, b'\\') => plain.extend(bytes.next()),
            // Unquoted, a value ends at the first blank: what follows would be a command to the shell.
            (None, b' ' | b'\t') => break,
            _ => plain.push(byte),
        }
    }
    text(&plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, id: &str, version: &str, codename: Option<&str>, problems: usize) {
        let (release, found) = parse(&ImagePath::from("etc/os-release"), input.as_bytes());
        let release = release.unwrap();
        assert_eq!((release.id.as_str(), release.version.as_str()), (id, version), "{input:?}");
        assert_eq!(release.codename.as_deref(), codename, "{input:?}");
        assert_eq!(found.len(), problems, "{input:?}: {found:?}");
    }

    #[test]
    fn assignments() {
        check(
            "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n",
            "debian",
            "12",
            Some("bookworm"),
            0,
        );
        check("# comment\r\n\r\nID='Alpine'\r\nVERSION_ID=3.18.4", "alpine", "3.18.4", None, 0);
        check("ID=a\nID=b\n", "b", "", None, 0);
        check("ID=\"a\\\"b\\\\c\\d\"\n", "a\"b\\c\\d", "", None, 0);
        check("ID=debian rm -rf\n", "debian", "", None, 0);
        check("ID=ubuntu\nUBUNTU_CODENAME=jammy\n", "ubuntu", "", Some("jammy"), 0);
        check("ID=linuxmint\nUBUNTU_CODENAME=jammy\n", "linuxmint", "", None, 0);
    }

    #[test]
    fn debian_testing_has_no_version_but_a_codename() {
        check("ID=debian\nVERSION_CODENAME=forky\n", "debian", "14", Some("forky"), 0);
        check("ID=debian\nVERSION_CODENAME=sid\n", "debian", "sid", Some("sid"), 0);
    }

    #[test]
    fn broken_lines_are_noted() {
        check("ID=debian\nnonsense\n=x\nVERSION_ID=12\n", "debian", "12", None, 2);
        check("NAME=Something\n", "linux", "", None, 1);
        let (release, problems) = parse(&ImagePath::from("etc/os-release"), b"");
        assert_eq!((release, problems.len()), (None, 1));
    }
}
