//! One rpm header as databases keep it: index entries, then a store of data.
//!
//! Format: rpm's header structure (rpm.org, "RPM V4 Package format", without its magic): number of entries and size of the
//! store as big-endian u32, entries of tag, type, offset and count, then the store. Regions, which rpm uses to find
//! signed parts, are entries like others and are passed over. Nothing is copied; every number is checked where it is used.

use super::rpm::some;

/// Tags that are read (rpm.org, "Tags").
pub mod tag {
    /// Name.
    pub const NAME: u32 = 1000;
    /// Version.
    pub const VERSION: u32 = 1001;
    /// Release.
    pub const RELEASE: u32 = 1002;
    /// Epoch, a number.
    pub const EPOCH: u32 = 1003;
    /// Vendor.
    pub const VENDOR: u32 = 1011;
    /// Licence.
    pub const LICENSE: u32 = 1014;
    /// Architecture.
    pub const ARCH: u32 = 1022;
    /// Full paths, in old packages.
    pub const OLD_FILE_NAMES: u32 = 1027;
    /// File name of the source package.
    pub const SOURCE_RPM: u32 = 1044;
    /// For each file, the place of its folder in `DIRECTORY_NAMES`.
    pub const DIRECTORY_INDEXES: u32 = 1116;
    /// For each file, its name.
    pub const BASENAMES: u32 = 1117;
    /// Folders.
    pub const DIRECTORY_NAMES: u32 = 1118;
    /// Module, stream, version and context of a modular build.
    pub const MODULARITY_LABEL: u32 = 5096;
}

/// Types of data.
const INT32: u32 = 4;
const STRING: u32 = 6;
const STRING_ARRAY: u32 = 8;
const I18N_STRING: u32 = 9;

/// Bytes of one index entry.
const ENTRY: usize = 16;

/// Entries that rpm accepts.
const MAX_ENTRIES: usize = 65_535;

/// Why a blob is no header.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Shorter than it says.
    #[error("it says {expected} bytes, but there are {found}")]
    Truncated {
        /// Length that its first numbers make.
        expected: u64,
        /// Length that is there.
        found: usize,
    },
    /// More entries than rpm accepts, or none.
    #[error("it says {0} entries, where 1 to 65,535 are possible")]
    Entries(usize),
}

/// An rpm header, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    entries: &'a [u8],
    store: &'a [u8],
}

struct Entry {
    kind: u32,
    offset: usize,
    count: usize,
}

/// The big-endian number at `at`.
fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(four.try_into().ok()?))
}

fn usize_at(bytes: &[u8], at: usize) -> Option<usize> {
    u32_at(bytes, at).and_then(|number| usize::try_from(number).ok())
}

impl<'a> Header<'a> {
    /// Splits a blob into index and store. Fails when the blob is shorter than it says; what tags point at is checked later.
    pub fn parse(blob: &'a [u8]) -> Result<Self, HeaderError> {
        let (Some(count), Some(size)) = (usize_at(blob, 0), usize_at(blob, 4)) else {
            return Err(HeaderError::Truncated { expected: 8, found: blob.len() });
        };
        if !(1..=MAX_ENTRIES).contains(&count) {
            return Err(HeaderError::Entries(count));
        }
        let truncated = || HeaderError::Truncated {
            expected: 8 + (count * ENTRY) as u64 + size as u64,
            found: blob.len(),
        };
        let (entries, rest) = blob[8..].split_at_checked(count * ENTRY).ok_or_else(truncated)?;
        let store = rest.get(..size).ok_or_else(truncated)?;
        Ok(Header { entries, store })
    }

    fn find(&self, tag: u32) -> Option<Entry> {
        let entry = self.entries.chunks_exact(ENTRY).find(|entry| u32_at(entry, 0) == Some(tag))?;
        Some(Entry { kind: u32_at(entry, 4)?, offset: usize_at(entry, 8)?, count: usize_at(entry, 12)? })
    }

    /// The strings of a tag; none when it is absent or no string. Ends early where the store does.
    pub fn strings(&self, tag: u32) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let store = self.store;
        let entry = self.find(tag).filter(|entry| matches!(entry.kind, STRING | STRING_ARRAY | I18N_STRING));
        let (mut rest, count) = entry.map_or((None, 0), |entry| (store.get(entry.offset..), entry.count));
        std::iter::from_fn(move || {
            let bytes = rest?;
            let end = memchr::memchr(0, bytes)?;
            rest = bytes.get(end + 1..);
            bytes.get(..end)
        })
        .take(count)
    }

    /// The first string of a tag, as text; `None` when it is absent, empty, or `(none)`.
    pub fn text(&self, tag: u32) -> Option<String> {
        some(self.strings(tag).next()?)
    }

    /// The 32-bit numbers of a tag; none when it is absent or of another type. Ends early where the store does.
    pub fn integers(&self, tag: u32) -> impl Iterator<Item = u32> + use<'a> {
        let store = self.store;
        let entry = self.find(tag).filter(|entry| entry.kind == INT32);
        let (bytes, count) =
            entry.map_or((&[][..], 0), |entry| (store.get(entry.offset..).unwrap_or_default(), entry.count));
        bytes.chunks_exact(4).take(count).filter_map(|four| u32_at(four, 0))
    }
}

/// Reads arbitrary bytes as a header: no panic, and never more than the bytes hold.
pub fn fuzz(input: &[u8]) {
    let path = plimsoll_model::ImagePath::from("var/lib/rpm/Packages");
    let mut database = super::rpm::Database::new(&path);
    database.add(input, "0");
    assert!(database.finish().packages.len() <= 1);
    if let Ok(header) = Header::parse(input) {
        for tag in [tag::NAME, tag::BASENAMES, tag::DIRECTORY_INDEXES] {
            assert!(header.strings(tag).count() + header.integers(tag).count() <= input.len());
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A header of these tags.
    pub(crate) fn header(tags: &[(u32, Value<'_>)]) -> Vec<u8> {
        let (mut entries, mut store) = (Vec::new(), Vec::new());
        for (tag, value) in tags {
            let (kind, count, data) = match value {
                Value::Text(text) => (STRING, 1, [text.as_bytes(), b"\0"].concat()),
                Value::Texts(texts) => (
                    STRING_ARRAY,
                    texts.len(),
                    texts.iter().flat_map(|text| [text.as_bytes(), b"\0"].concat()).collect(),
                ),
                Value::Numbers(numbers) => {
                    (INT32, numbers.len(), numbers.iter().flat_map(|number| number.to_be_bytes()).collect())
                }
            };
            for number in [*tag, kind, u32::try_from(store.len()).unwrap(), u32::try_from(count).unwrap()] {
                entries.extend(number.to_be_bytes());
            }
            store.extend(data);
        }
        let mut blob = u32::try_from(tags.len()).unwrap().to_be_bytes().to_vec();
        blob.extend(u32::try_from(store.len()).unwrap().to_be_bytes());
        blob.extend(entries);
        blob.extend(store);
        blob
    }

    pub(crate) enum Value<'a> {
        Text(&'a str),
        Texts(&'a [&'a str]),
        Numbers(&'a [u32]),
    }

    fn row(blob: &[u8]) -> (String, usize) {
        let path = plimsoll_model::ImagePath::from("var/lib/rpm/Packages");
        let mut database = super::super::rpm::Database::new(&path);
        database.add(blob, "0");
        let found = database.finish();
        let packages: Vec<_> = found
            .packages
            .iter()
            .map(|package| {
                let (source, version) = package.source_or_self();
                let module = package.module.as_deref().unwrap_or("-");
                format!("{} {} {source} {version} {module}", package.name, package.version)
            })
            .collect();
        let paths: Vec<_> =
            found.ownership.iter().flat_map(|owner| &owner.paths).map(ToString::to_string).collect();
        ([packages, paths].concat().join(" "), found.problems.len())
    }

    use Value::{Numbers, Text, Texts};

    const BASE: [(u32, Value<'_>); 3] =
        [(tag::NAME, Text("npm")), (tag::VERSION, Text("6.14")), (tag::RELEASE, Text("1.el8"))];

    fn with(more: Vec<(u32, Value<'_>)>) -> Vec<u8> {
        header(&BASE.into_iter().chain(more).collect::<Vec<_>>())
    }

    #[test]
    fn packages() {
        assert_eq!(row(&with(vec![])), ("npm 6.14-1.el8 npm 6.14-1.el8 -".into(), 0));
        assert_eq!(row(&with(vec![(tag::EPOCH, Numbers(&[0]))])).0, "npm 6.14-1.el8 npm 6.14-1.el8 -");
        let blob = with(vec![
            (tag::EPOCH, Numbers(&[1])),
            (tag::SOURCE_RPM, Text("nodejs-12.22-1.el8.src.rpm")),
            (tag::MODULARITY_LABEL, Text("nodejs:12:8030020201124152102:229f0a1c")),
        ]);
        let expected = "npm 1:6.14-1.el8 nodejs 12.22-1.el8 nodejs:12:8030020201124152102:229f0a1c";
        assert_eq!(row(&blob), (expected.into(), 0));
    }

    #[test]
    fn owned_files() {
        let blob = with(vec![
            (tag::DIRECTORY_INDEXES, Numbers(&[0, 1, 0])),
            (tag::BASENAMES, Texts(&["a", "b", "c"])),
            (tag::DIRECTORY_NAMES, Texts(&["/usr/bin/", "/etc/"])),
        ]);
        assert_eq!(row(&blob), ("npm 6.14-1.el8 npm 6.14-1.el8 - usr/bin/a etc/b usr/bin/c".into(), 0));
        let blob = with(vec![
            (tag::DIRECTORY_INDEXES, Numbers(&[7])),
            (tag::BASENAMES, Texts(&["a"])),
            (tag::DIRECTORY_NAMES, Texts(&["/usr/bin/"])),
        ]);
        assert_eq!(row(&blob), ("npm 6.14-1.el8 npm 6.14-1.el8 -".into(), 1));
    }

    #[test]
    fn keys_are_no_packages() {
        let key = [(tag::NAME, Text("gpg-pubkey")), (tag::VERSION, Text("1")), (tag::RELEASE, Text("1"))];
        assert_eq!(row(&header(&key)), (String::new(), 0));
        let disguise = key.into_iter().chain([(tag::ARCH, Text("x86_64"))]).collect::<Vec<_>>();
        assert_eq!(row(&header(&disguise)), ("gpg-pubkey 1-1 gpg-pubkey 1-1 -".into(), 0));
    }

    #[test]
    fn hostile_numbers() {
        assert_eq!(row(b""), (String::new(), 1));
        assert_eq!(row(&[0xff; 64]), (String::new(), 1));
        assert_eq!(row(&[0; 64]), (String::new(), 1));
        let whole = with(vec![]);
        for length in 0..whole.len() {
            assert_eq!(row(&whole[..length]), (String::new(), 1), "{length}");
        }
        // Offset and count of the name beyond the store.
        for at in [16, 20] {
            let mut blob = whole.clone();
            blob[at..at + 4].copy_from_slice(&[0xff; 4]);
            assert_eq!(row(&blob).1, usize::from(at == 16), "{at}");
        }
    }
}
