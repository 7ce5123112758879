//! .NET: applications bundled into one file, and what assemblies say of themselves in their version resource.
//!
//! A bundle is a host program with files appended; behind them stands a header that the host's marker points to. It is read front to
//! back like everything else: `*.deps.json` is found by how it begins, and the header, which comes last, says whether that was it.
//!
//! Formats: dotnet/runtime `Microsoft.NET.HostModel/Bundle/Manifest.cs` (bundle versions 1, 2 and 6); `VS_VERSIONINFO` of the PE resource
//! format; ECMA-335 II.25.3.3 for what makes a PE file an assembly.

use memchr::memmem;
use object::LittleEndian;
use object::pe;
use object::read::pe::{ImageNtHeaders, ImageOptionalHeader};
use plimsoll_model::{Ecosystem, ImagePath, Location, Package, Problem, ProblemKind};

use crate::Extraction;
use crate::lang::dotnet_deps;

/// Value of the property `identity` of what only an assembly's version resource names.
pub const IDENTITY: &str = "pe-version";

/// SHA-256 of ".net core bundle": the offset of the header stands in the eight bytes before it.
pub(super) const MARKER: &[u8; 32] = b"\x8b\x12\x02\xb9\x6a\x61\x20\x38\x72\x7b\x93\x02\x14\xd7\xa0\x32\x13\xf5\xb9\xe6\xef\xae\x33\x18\xee\x3b\x2d\xce\x24\xb3\x6a\xae";
/// What `*.deps.json` begins with, behind a brace and blanks.
pub(super) const DEPS: &[u8] = b"\"runtimeTarget\"";
/// Bytes between the brace and that.
const INDENT: usize = 8;
/// How a version resource begins, behind three numbers of two bytes.
pub(super) const VERSION_INFO: &[u8] = b"V\0S\0_\0V\0E\0R\0S\0I\0O\0N\0_\0I\0N\0F\0O\0\0\0";
/// Largest list of packages. Real ones are below 1 MiB.
const LARGEST_LIST: usize = 4 << 20;
/// Bytes of lists that are kept until the header says which one it is.
const MOST_KEPT: usize = 16 << 20;
/// Bytes of the header that are read: numbers, an identifier of at most 128 bytes, places.
const HEADER: usize = 256;
/// Entries of a version resource that are looked at.
const MOST_STRINGS: usize = 256;

/// The offset that a marker points to; `None` in a host without a bundle.
pub(super) fn header_offset(before: &[u8]) -> Option<u64> {
    let offset = u64::from_le_bytes(*before.last_chunk::<8>()?);
    (offset > 0 && offset < 1 << 40).then_some(offset)
}

/// Where a list starts whose first key stands at `at`.
pub(super) fn list_start(buffer: &[u8], at: usize) -> Option<usize> {
    let from = at.saturating_sub(INDENT);
    let brace = memchr::memrchr(b'{', &buffer[from..at])? + from;
    buffer[brace + 1..at].iter().all(u8::is_ascii_whitespace).then_some(brace)
}

/// Takes one JSON object out of a stream: the bytes up to the brace that closes it.
#[derive(Default)]
pub(super) struct Object {
    text: Vec<u8>,
    depth: u32,
    in_string: bool,
    escaped: bool,
}

impl Object {
    /// Takes the next bytes; says whether the object is whole. `None` when it grows too large.
    pub(super) fn feed(&mut self, fresh: &[u8]) -> Option<bool> {
        for (index, byte) in fresh.iter().enumerate() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_string => self.escaped = true,
                b'"' => self.in_string = !self.in_string,
                b'{' | b'[' if !self.in_string => self.depth += 1,
                b'}' | b']' if !self.in_string => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        self.text.extend_from_slice(&fresh[..=index]);
                        return Some(true);
                    }
                }
                _ => {}
            }
        }
        self.text.extend_from_slice(fresh);
        (self.text.len() <= LARGEST_LIST).then_some(false)
    }

    pub(super) fn into_text(self) -> Vec<u8> {
        self.text
    }
}

/// The header of a bundle.
#[derive(Default)]
pub(super) struct Header(Vec<u8>);

impl Header {
    /// Takes the next bytes; says whether enough are there.
    pub(super) fn feed(&mut self, fresh: &[u8]) -> bool {
        let room = HEADER - self.0.len();
        self.0.extend_from_slice(&fresh[..fresh.len().min(room)]);
        self.0.len() == HEADER
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What it says of the list of packages.
    fn list(&self) -> Place {
        let bytes = self.0.as_slice();
        let Some(major) = bytes.first_chunk::<4>() else { return Place::CutOff };
        // .NET 5 and later.
        if !(2..=16).contains(&u32::from_le_bytes(*major)) {
            return Place::Unsaid;
        }
        // A length of two bytes would be of an identifier that the SDK never makes.
        let places = bytes
            .get(12..)
            .and_then(|rest| rest.split_first())
            .and_then(|(length, rest)| rest.get(usize::from(*length).min(127)..));
        let number = |at: usize| Some(u64::from_le_bytes(*places?.get(at..)?.first_chunk::<8>()?));
        match number(0).zip(number(8)) {
            Some((_, 0)) => Place::Nowhere,
            Some((at, length)) => Place::At(at, length),
            None => Place::CutOff,
        }
    }
}

/// Where a bundle's list of packages is.
enum Place {
    /// Offset and length.
    At(u64, u64),
    /// It has none.
    Nowhere,
    /// Headers of version 1 do not say.
    Unsaid,
    /// The file ends before that.
    CutOff,
}

/// A bundle that was found: its header, and the lists with where they start.
#[derive(Default)]
pub(super) struct Bundle {
    pub(super) header_at: Option<u64>,
    pub(super) header: Option<Header>,
    lists: Vec<(u64, Vec<u8>)>,
}

impl Bundle {
    /// Keeps a list with where it starts; says whether there was room for it.
    pub(super) fn keep(&mut self, start: u64, text: Vec<u8>) -> bool {
        let kept: usize = self.lists.iter().map(|(_, text)| text.len()).sum();
        let has_room = kept + text.len() <= MOST_KEPT;
        if has_room {
            self.lists.push((start, text));
        }
        has_room
    }

    /// Adds the packages of the list that the header points to.
    pub(super) fn finish(self, path: &ImagePath, found: &mut Extraction) {
        if self.header_at.is_none() {
            return;
        }
        let mut problem = |kind, detail: &str| found.problems.push(Problem::incomplete(kind, path, detail));
        let list = match self.header.as_ref().map_or(Place::CutOff, Header::list) {
            Place::At(at, length) => {
                let mut lists = self.lists.into_iter();
                let list = lists.find(|(start, text)| *start == at && text.len() as u64 <= length);
                if list.is_none() {
                    problem(
                        ProblemKind::Corrupt,
                        "a .NET application in one file whose list of packages is not where it says, or not of the usual form",
                    );
                }
                list
            }
            // What begins like a list is taken for it.
            Place::Unsaid => self.lists.into_iter().next(),
            Place::Nowhere => {
                let detail = "a .NET application in one file without a list of its packages";
                problem(ProblemKind::Unsupported, detail);
                None
            }
            Place::CutOff => {
                let detail =
                    "a .NET application in one file that is cut off: not all of its packages may be known";
                problem(ProblemKind::Truncated, detail);
                self.lists.into_iter().next()
            }
        };
        if let Some((_, text)) = list {
            let inside = ImagePath::new(&[path.as_bytes(), b"!/deps.json"].concat());
            let part = dotnet_deps::parse(&inside, &text);
            found.packages.extend(part.packages);
            found.problems.extend(part.problems);
        }
    }
}

/// Is this PE file an assembly of .NET?
pub(super) fn is_assembly(head: &[u8]) -> bool {
    fn has_runtime_header<Pe: ImageNtHeaders>(head: &[u8]) -> Option<bool> {
        let mut offset = pe::ImageDosHeader::parse(head).ok()?.nt_headers_offset().into();
        let (headers, directories) = Pe::parse(head, &mut offset).ok()?;
        let _ = headers.optional_header().magic();
        let directory = directories.iter().nth(14)?;
        Some(directory.virtual_address.get(LittleEndian) != 0)
    }
    has_runtime_header::<pe::ImageNtHeaders64>(head)
        .or_else(|| has_runtime_header::<pe::ImageNtHeaders32>(head))
        .unwrap_or(false)
}

/// A version resource as it is read: its first number says how long it is.
#[derive(Default)]
pub(super) struct Resource(Vec<u8>);

impl Resource {
    /// Takes the next bytes; says whether it is whole.
    pub(super) fn feed(&mut self, fresh: &[u8]) -> bool {
        // 65,535 bytes at most.
        let room = usize::from(u16::MAX) - self.0.len();
        self.0.extend_from_slice(&fresh[..fresh.len().min(room)]);
        self.0
            .first_chunk::<2>()
            .is_some_and(|length| self.0.len() >= usize::from(u16::from_le_bytes(*length)))
            || self.0.len() == usize::from(u16::MAX)
    }

    /// The value of a key: `ProductVersion`. Strings are UTF-16, key and value each end with a zero and start at whole words.
    fn value(&self, key: &str) -> Option<String> {
        let wide: Vec<u8> = key.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
        memmem::find_iter(&self.0, &wide).take(MOST_STRINGS).find_map(|at| {
            // Before the key: length of the entry, length of the value in characters, 1 for text.
            let header = self.0.get(at.checked_sub(6)?..at)?;
            let number = |index: usize| u16::from_le_bytes([header[index], header[index + 1]]);
            if number(4) != 1 || number(2) == 0 {
                return None;
            }
            let start = (at + wide.len()).next_multiple_of(2);
            let start = if (start - (at - 6)).is_multiple_of(4) { start } else { start + 2 };
            let text = self.0.get(start..(start + usize::from(number(2)) * 2).min(self.0.len()))?;
            let units: Vec<u16> =
                text.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
            let text = String::from_utf16_lossy(&units);
            let text: String = text.trim_matches('\0').trim().chars().take(256).collect();
            Some(text).filter(|text| !text.is_empty() && !text.contains(char::is_control))
        })
    }
}

/// The package that an assembly most likely came with: NuGet packages are named like their assembly, and the product version is the
/// package's, by the SDK's defaults. The runtime's own assemblies have versions of another kind and are known by the runtime.
pub(super) fn package(path: &ImagePath, resource: &Resource) -> Option<Package> {
    let product = resource.value("ProductName").unwrap_or_default();
    if product.starts_with("Microsoft\u{ae} .NET") {
        return None;
    }
    let original = resource.value("InternalName").or_else(|| resource.value("OriginalFilename"))?;
    let name = [".dll", ".exe", ".DLL", ".EXE"]
        .iter()
        .find_map(|end| original.strip_suffix(end))
        .unwrap_or(&original);
    let plain = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
    };
    let stated = resource.value("ProductVersion").or_else(|| resource.value("FileVersion"))?;
    // `13.0.3+0a2e291c0d9c0c7675d445703e51750363a549ef`.
    let version = stated.split('+').next().unwrap_or_default().split_whitespace().next().unwrap_or_default();
    let is_version = version.starts_with(|letter: char| letter.is_ascii_digit()) && version.contains('.');
    if !plain(name) || !plain(version) || !is_version {
        return None;
    }
    let mut package = Package::new(Ecosystem::NuGet, name, version, Location::new(path.clone()));
    package.vendor = resource.value("CompanyName");
    for (key, value) in [("identity", IDENTITY), ("confidence", "low")] {
        package.properties.insert(key.into(), value.into());
    }
    Some(package)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_end_where_they_end() {
        for (text, expected) in [
            ("{}rest", Some("{}")),
            ("{\"a\": \"}\\\"}\", \"b\": [{}]} more }", Some("{\"a\": \"}\\\"}\", \"b\": [{}]}")),
            ("{\"a\": ", None),
        ] {
            for piece in [1, 3, 100] {
                let mut object = Object::default();
                let whole = text.as_bytes().chunks(piece).any(|part| object.feed(part) == Some(true));
                assert_eq!(
                    whole.then(|| String::from_utf8(object.into_text()).unwrap()).as_deref(),
                    expected
                );
            }
        }
        let mut object = Object::default();
        assert_eq!(object.feed(b"{"), Some(false));
        assert_eq!(object.feed(&vec![b' '; LARGEST_LIST]), None);
    }

    #[test]
    fn where_lists_start() {
        let text = b"xx{\r\n  \"runtimeTarget\": {";
        let at = memmem::find(text, DEPS).unwrap();
        assert_eq!(list_start(text, at), Some(2));
        assert_eq!(list_start(b"{\"a\",\"runtimeTarget\"", 5), None);
        assert_eq!(list_start(b"\"runtimeTarget\"", 0), None);
    }

    /// One entry of a version resource.
    fn entry(key: &str, value: &str) -> Vec<u8> {
        let wide =
            |text: &str| -> Vec<u8> { text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect() };
        let mut bytes = vec![0; 6];
        bytes.extend(wide(key));
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        let units = u16::try_from(value.encode_utf16().count() + 1).unwrap();
        bytes.extend(wide(value));
        let length = u16::try_from(bytes.len()).unwrap().to_le_bytes();
        bytes[..2].copy_from_slice(&length);
        bytes[2..4].copy_from_slice(&units.to_le_bytes());
        bytes[4] = 1;
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn resource(entries: &[(&str, &str)]) -> Resource {
        let mut bytes = vec![0, 0, 52, 0, 0, 0];
        bytes.extend_from_slice(VERSION_INFO);
        bytes.resize(92, 0);
        for (key, value) in entries {
            bytes.extend(entry(key, value));
        }
        let length = u16::try_from(bytes.len()).unwrap().to_le_bytes();
        bytes[..2].copy_from_slice(&length);
        bytes.extend([0x55; 50]);
        let mut resource = Resource::default();
        let mut parts = bytes.chunks(37);
        assert!(parts.any(|part| resource.feed(part)));
        resource
    }

    #[test]
    fn what_an_assembly_says() {
        let check = |entries: &[(&str, &str)]| {
            package(&"app/x.dll".into(), &resource(entries))
                .map(|package| (package.name, package.version, package.vendor))
        };
        assert_eq!(
            check(&[
                ("CompanyName", "Newtonsoft"),
                ("FileVersion", "13.0.3.27908"),
                ("InternalName", "Newtonsoft.Json.dll"),
                ("ProductName", "Json.NET"),
                ("ProductVersion", "13.0.3+0a2e291c0d"),
            ]),
            Some(("Newtonsoft.Json".into(), "13.0.3".into(), Some("Newtonsoft".into())))
        );
        assert_eq!(
            check(&[("FileVersion", "1.2.3.4"), ("OriginalFilename", "A.dll")]),
            Some(("A".into(), "1.2.3.4".into(), None))
        );
        assert_eq!(
            check(&[
                ("ProductName", "Microsoft\u{ae} .NET"),
                ("InternalName", "System.dll"),
                ("ProductVersion", "8.0.1")
            ]),
            None
        );
        assert_eq!(check(&[("InternalName", "a b.dll"), ("ProductVersion", "1.0")]), None);
        assert_eq!(check(&[("InternalName", "A.dll"), ("ProductVersion", "none")]), None);
        assert_eq!(check(&[]), None);
    }

    #[test]
    fn damaged_resources_never_panic() {
        let Resource(whole) = resource(&[("ProductVersion", "1.0"), ("InternalName", "A.dll")]);
        for length in 0..whole.len() {
            let _ = package(&"x".into(), &Resource(whole[..length].to_vec()));
        }
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] = 0xff;
            let _ = package(&"x".into(), &Resource(changed));
        }
    }
}
