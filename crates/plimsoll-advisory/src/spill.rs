//! Sorting more than fits in memory: what does not fit goes to disk in sorted runs, and all runs are merged.
//!
//! Items are a key and a value, both bytes. They come out in the order of the keys, and of the values where keys are
//! equal, so the order does not depend on how items were spread over runs. Runs are files without a name: whatever kills
//! the process, nothing is left behind.

use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek as _, Write};
use std::path::{Path, PathBuf};

/// Windows of the runs' compression, as a power of two: many runs are open at once when they are merged.
const WINDOW_LOG: u32 = 17;
/// The greatest length of a key or value. Nothing near it is ever written; a damaged run must not make us allocate it.
const LENGTH_LIMIT: u32 = 1 << 30;

/// A set of items to be sorted.
pub(crate) struct Spill {
    folder: PathBuf,
    budget: usize,
    arena: Vec<u8>,
    /// Start of the key, length of the key, length of the value.
    index: Vec<(usize, u32, u32)>,
    runs: Vec<File>,
}

impl Spill {
    /// Holds about `budget` bytes in memory before it writes to a nameless file in `folder`.
    pub(crate) fn new(folder: &Path, budget: usize) -> Self {
        Spill { folder: folder.to_owned(), budget, arena: Vec::new(), index: Vec::new(), runs: Vec::new() }
    }

    pub(crate) fn push(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        let length = |bytes: &[u8]| {
            u32::try_from(bytes.len())
                .ok()
                .filter(|length| *length <= LENGTH_LIMIT)
                .ok_or_else(|| io::Error::other("an item is larger than 1 GiB"))
        };
        let lengths = (length(key)?, length(value)?);
        let size = self.arena.len()
            + key.len()
            + value.len()
            + (self.index.len() + 1) * size_of::<(usize, u32, u32)>();
        if size > self.budget && !self.index.is_empty() {
            self.write_run()?;
        }
        self.index.push((self.arena.len(), lengths.0, lengths.1));
        self.arena.extend_from_slice(key);
        self.arena.extend_from_slice(value);
        Ok(())
    }

    fn sort(&mut self) {
        let arena = &self.arena;
        let parts = |(start, key, value): &(usize, u32, u32)| {
            let middle = start + *key as usize;
            (&arena[*start..middle], &arena[middle..middle + *value as usize])
        };
        self.index.sort_unstable_by(|left, right| parts(left).cmp(&parts(right)));
    }

    fn write_run(&mut self) -> io::Result<()> {
        self.sort();
        let file = tempfile::tempfile_in(&self.folder)?;
        let mut encoder = zstd::stream::write::Encoder::new(BufWriter::new(file), 1)?;
        encoder.window_log(WINDOW_LOG)?;
        for (start, key, value) in &self.index {
            encoder.write_all(&key.to_le_bytes())?;
            encoder.write_all(&value.to_le_bytes())?;
            encoder.write_all(&self.arena[*start..start + (key + value) as usize])?;
        }
        let mut file = encoder.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        self.runs.push(file);
        self.arena.clear();
        self.index.clear();
        Ok(())
    }
}

/// One sorted run, at its next item.
enum Run {
    File { reader: Box<dyn Read>, key: Vec<u8>, value: Vec<u8> },
    Memory { arena: Vec<u8>, index: std::vec::IntoIter<(usize, u32, u32)>, at: (usize, u32, u32) },
}

impl Run {
    fn item(&self) -> (&[u8], &[u8]) {
        match self {
            Run::File { key, value, .. } => (key, value),
            Run::Memory { arena, at: (start, key, value), .. } => {
                let middle = start + *key as usize;
                (&arena[*start..middle], &arena[middle..middle + *value as usize])
            }
        }
    }

    /// Goes to the next item; `false` at the end.
    fn next(&mut self) -> io::Result<bool> {
        match self {
            Run::Memory { index, at, .. } => match index.next() {
                Some(next) => *at = next,
                None => return Ok(false),
            },
            Run::File { reader, key, value } => {
                let mut head = [0; 8];
                // A run ends between two items; a read of nothing there is its end.
                if reader.read(&mut head[..1])? == 0 {
                    return Ok(false);
                }
                reader.read_exact(&mut head[1..])?;
                let length = |bytes: &[u8]| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
                let (key_length, value_length) = (length(&head[..4]), length(&head[4..]));
                if key_length > LENGTH_LIMIT || value_length > LENGTH_LIMIT {
                    return Err(io::Error::other("a temporary file is damaged"));
                }
                key.resize(key_length as usize, 0);
                reader.read_exact(key)?;
                value.resize(value_length as usize, 0);
                reader.read_exact(value)?;
            }
        }
        Ok(true)
    }
}

/// The heap gives the greatest: the order is turned round.
struct Least(Run);

impl Ord for Least {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other.0.item().cmp(&self.0.item())
    }
}

impl PartialOrd for Least {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Least {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Least {}

/// All items of several sets, in order.
pub(crate) struct Merged {
    heap: BinaryHeap<Least>,
}

impl Merged {
    pub(crate) fn new(spills: impl IntoIterator<Item = Spill>) -> io::Result<Self> {
        let mut heap = BinaryHeap::new();
        let mut add = |mut run: Run| -> io::Result<()> {
            if run.next()? {
                heap.push(Least(run));
            }
            Ok(())
        };
        for mut spill in spills {
            for file in std::mem::take(&mut spill.runs) {
                let decoder = zstd::stream::read::Decoder::new(file)?;
                let reader = Box::new(BufReader::with_capacity(1 << 14, decoder));
                add(Run::File { reader, key: Vec::new(), value: Vec::new() })?;
            }
            spill.sort();
            add(Run::Memory { arena: spill.arena, index: spill.index.into_iter(), at: (0, 0, 0) })?;
        }
        Ok(Merged { heap })
    }

    /// Hands out every item, in order.
    pub(crate) fn each<E: From<io::Error>>(
        mut self,
        mut each: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        while let Some(mut least) = self.heap.peek_mut() {
            let (key, value) = least.0.item();
            each(key, value)?;
            if !least.0.next()? {
                std::collections::binary_heap::PeekMut::pop(least);
            }
        }
        Ok(())
    }
}

/// Puts texts one after another so that the order of the bytes is the order of the texts, one by one.
pub(crate) struct Key(Vec<u8>);

impl Key {
    pub(crate) fn new() -> Self {
        Key(Vec::with_capacity(64))
    }

    pub(crate) fn text(mut self, text: &str) -> Self {
        for byte in text.bytes() {
            self.0.push(byte);
            if byte == 0 {
                self.0.push(255);
            }
        }
        self.0.extend([0, 0]);
        self
    }

    pub(crate) fn number(mut self, number: u32) -> Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Reads what [`Key`] wrote.
pub(crate) struct KeyReader<'key>(pub(crate) &'key [u8]);

impl KeyReader<'_> {
    pub(crate) fn text(&mut self) -> String {
        let mut text = Vec::new();
        let mut rest = self.0;
        while let Some((byte, after)) = rest.split_first() {
            rest = after;
            if *byte == 0 {
                let end = rest.first() != Some(&255);
                rest = rest.get(1..).unwrap_or_default();
                if end {
                    break;
                }
            }
            text.push(*byte);
        }
        self.0 = rest;
        // Only texts were written.
        String::from_utf8(text).unwrap_or_default()
    }

    pub(crate) fn number(&mut self) -> u32 {
        let Some((bytes, rest)) = self.0.split_first_chunk() else { return 0 };
        self.0 = rest;
        u32::from_be_bytes(*bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_does_not_depend_on_the_budget() {
        let items: Vec<(String, String)> = (0..5000_u32)
            .map(|n| (format!("{}", n.wrapping_mul(2_654_435_761) % 900), format!("{n}")))
            .collect();
        let mut expected: Vec<(Vec<u8>, Vec<u8>)> =
            items.iter().map(|(key, value)| (key.clone().into_bytes(), value.clone().into_bytes())).collect();
        expected.sort();
        let folder = tempfile::tempdir().unwrap();
        for budget in [1, 100, 10_000, 1 << 20] {
            let mut spills = vec![Spill::new(folder.path(), budget), Spill::new(folder.path(), budget)];
            for (index, (key, value)) in items.iter().take(if budget == 1 { 300 } else { 5000 }).enumerate() {
                spills[index % 2].push(key.as_bytes(), value.as_bytes()).unwrap();
            }
            let mut found = Vec::new();
            let merged = Merged::new(spills).unwrap();
            merged
                .each(|key, value| {
                    found.push((key.to_vec(), value.to_vec()));
                    Ok::<_, io::Error>(())
                })
                .unwrap();
            if budget == 1 {
                assert_eq!(found.len(), 300);
                assert!(found.is_sorted());
            } else {
                assert_eq!(found, expected);
            }
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "runs have no name");
    }

    #[test]
    fn keys_keep_the_order_of_their_texts() {
        let mut texts = vec![
            ("a", "z"),
            ("a\0", "a"),
            ("a\0b", ""),
            ("", "x"),
            ("ab", ""),
            ("a", ""),
            ("ä\u{10ffff}", "\0"),
        ];
        texts.sort_unstable();
        let keys: Vec<Key> = texts.iter().map(|(a, b)| Key::new().text(a).number(7).text(b)).collect();
        assert!(keys.is_sorted_by(|left, right| left.bytes() < right.bytes()));
        for (key, (a, b)) in keys.iter().zip(texts) {
            let mut reader = KeyReader(key.bytes());
            assert_eq!((reader.text().as_str(), reader.number(), reader.text().as_str()), (a, 7, b));
        }
    }
}
