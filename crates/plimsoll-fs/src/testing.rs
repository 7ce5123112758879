//! Archives made byte by byte, layers in memory, and a visitor that remembers everything. For tests only.

use std::io::{self, Read};
use std::sync::Mutex;

use plimsoll_model::{Algorithm, Digest};
use sha2::Digest as _;

use crate::{Entry, LayerSource, Limits, NoProgress, Visitor, Walk, Want, walk_layers};

/// An archive under construction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tar(pub(crate) Vec<u8>);

/// A header block with a right checksum.
pub(crate) fn header(name: &[u8], kind: u8, size: &[u8], link: &[u8]) -> [u8; 512] {
    let mut block = [0; 512];
    let mut put = |at: usize, text: &[u8]| block[at..at + text.len()].copy_from_slice(text);
    put(0, &name[..name.len().min(100)]);
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, size);
    put(136, b"00000000000\0");
    put(156, &[kind]);
    put(157, &link[..link.len().min(100)]);
    put(257, b"ustar\x0000");
    seal(&mut block);
    block
}

/// Writes the checksum.
pub(crate) fn seal(block: &mut [u8; 512]) {
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

pub(crate) fn octal(size: u64) -> Vec<u8> {
    format!("{size:011o}\0").into_bytes()
}

/// A pax record: the length counts itself.
pub(crate) fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    [format!("{length} {key}=").as_bytes(), value, b"\n"].concat()
}

impl Tar {
    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn content(self, bytes: &[u8]) -> Self {
        let padding = (512 - bytes.len() % 512) % 512;
        self.raw(bytes).raw(&vec![0; padding])
    }

    pub(crate) fn member(self, name: &str, kind: u8, content: &[u8], link: &str) -> Self {
        self.raw(&header(name.as_bytes(), kind, &octal(content.len() as u64), link.as_bytes()))
            .content(content)
    }

    pub(crate) fn file(self, name: &str, content: &str) -> Self {
        self.member(name, b'0', content.as_bytes(), "")
    }

    pub(crate) fn dir(self, name: &str) -> Self {
        self.member(name, b'5', b"", "")
    }

    pub(crate) fn symlink(self, name: &str, target: &str) -> Self {
        self.member(name, b'2', b"", target)
    }

    pub(crate) fn link(self, name: &str, target: &str) -> Self {
        self.member(name, b'1', b"", target)
    }

    /// With the closing blocks.
    pub(crate) fn end(self) -> Vec<u8> {
        self.raw(&[0; 1024]).0
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    Digest::from_bytes(Algorithm::Sha256, &sha2::Sha256::digest(bytes)).unwrap()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::read::GzEncoder::new(bytes, flate2::Compression::fast());
    let mut packed = Vec::new();
    encoder.read_to_end(&mut packed).unwrap();
    packed
}

/// A layer in memory.
#[derive(Default)]
pub(crate) struct Blob {
    pub(crate) bytes: Vec<u8>,
    pub(crate) digest: Option<Digest>,
    pub(crate) diff_id: Option<Digest>,
}

impl Blob {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Blob { bytes, digest: None, diff_id: None }
    }
}

impl LayerSource for Blob {
    fn open(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        Ok(Box::new(self.bytes.as_slice()))
    }
    fn label(&self) -> String {
        "test layer".to_owned()
    }
    fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }
    fn diff_id(&self) -> Option<&Digest> {
        self.diff_id.as_ref()
    }
    fn size(&self) -> Option<u64> {
        Some(self.bytes.len() as u64)
    }
}

/// Wants every file but those whose name starts with `no`; streams those that start with `s`, and wants only the name and
/// mode of those that start with `=`.
#[derive(Default)]
pub(crate) struct Recorder {
    /// Every visit: path, content.
    pub(crate) visits: Mutex<Vec<(String, String)>>,
    pub(crate) limit: Option<u64>,
    pub(crate) alike: bool,
    /// Most bytes that are glanced at; more than the first block only of what begins with `+`.
    pub(crate) glances: u64,
}

impl Visitor for Recorder {
    type Output = String;

    fn wants(&self, entry: &Entry<'_>) -> Want {
        match entry.path.file_name() {
            [b'n', b'o', ..] => Want::Skip,
            [b's', ..] => Want::Stream,
            [b'=', ..] => Want::Name,
            _ => Want::Whole { limit: self.limit.unwrap_or(1 << 20) },
        }
    }

    fn whole(&self, entry: &Entry<'_>, content: &[u8]) -> String {
        let mut content = if self.wants(entry) == Want::Name {
            assert!(content.is_empty());
            format!("{:o}", entry.mode & 0o7777)
        } else {
            assert_eq!(entry.size, content.len() as u64);
            String::from_utf8_lossy(content).into_owned()
        };
        if entry.mode & crate::CAPABLE != 0 {
            content.push_str(" capable");
        }
        self.visits.lock().unwrap().push((entry.path.to_string(), content.clone()));
        content
    }

    fn stream(&self, entry: &Entry<'_>, content: &mut dyn Read) -> io::Result<String> {
        let mut bytes = Vec::new();
        content.take(1 << 20).read_to_end(&mut bytes)?;
        Ok(self.whole(&Entry { size: bytes.len() as u64, ..*entry }, &bytes))
    }

    fn alike(&self, _: &Entry<'_>, _: &Entry<'_>) -> bool {
        self.alike
    }

    fn glance_limit(&self, _: &Entry<'_>) -> u64 {
        self.glances
    }

    fn goes_on(&self, _: &Entry<'_>, first_block: &[u8]) -> bool {
        assert!(first_block.len() <= crate::FIRST_BLOCK);
        first_block.starts_with(b"+")
    }

    fn glance(&self, _: &Entry<'_>, content: &[u8]) -> Option<(String, usize)> {
        let shown = match content.len() {
            0..100 => String::from_utf8_lossy(content).into_owned(),
            length => format!("{length} bytes"),
        };
        (!content.starts_with(b"-")).then_some((shown, content.len()))
    }
}

/// Walks archives, the lowest first.
pub(crate) fn walk(layers: &[Vec<u8>], visitor: &Recorder, limits: &Limits) -> Walk<String> {
    let blobs: Vec<Blob> = layers.iter().map(|bytes| Blob::new(bytes.clone())).collect();
    let sources: Vec<&dyn LayerSource> = blobs.iter().map(|blob| blob as &dyn LayerSource).collect();
    walk_layers(&sources, visitor, limits, &NoProgress)
}

/// `path@layer=content` of each file, other names in brackets.
pub(crate) fn shown(walk: &Walk<String>) -> Vec<String> {
    let show = |file: &crate::Visited<String>| {
        let names: Vec<String> = file.other_names.iter().map(|(name, _)| format!("[{name}]")).collect();
        let layer = file.layer.map(|layer| format!("@{layer}")).unwrap_or_default();
        format!("{}{layer}={}{}", file.path, file.output, names.concat())
    };
    walk.files.iter().map(show).collect()
}

/// `path@layer=content` of each glance, and what hides the file.
pub(crate) fn glanced(walk: &Walk<String>) -> Vec<String> {
    let show = |glance: &crate::Glance<String>| {
        let layer = |sign: &str, layer: Option<u32>| layer.map(|layer| format!("{sign}{layer}"));
        let at = layer("@", glance.layer).unwrap_or_default();
        let by = layer(" hidden by ", glance.hidden_by).unwrap_or_default();
        format!("{}{at}={}{by}", glance.path, glance.output)
    };
    walk.glances.iter().map(show).collect()
}

/// `kind subject: detail` of each problem.
pub(crate) fn told<O>(walk: &Walk<O>) -> Vec<String> {
    let show = |problem: &plimsoll_model::Problem| {
        format!("{:?} {}: {}", problem.kind, problem.subject, problem.detail)
    };
    walk.problems.iter().map(show).collect()
}
