//! Hands files to the extractors that want them.

use std::collections::HashSet;
use std::io::{self, Read};

use plimsoll_extract::registry::wanting;
use plimsoll_extract::{Extraction, FileContent, FileNote, Reader, secret};
use plimsoll_fs::{DirectoryLink, Entry, Visitor, Walk, Want};
use plimsoll_model::{Algorithm, Digest, ImagePath, Location, Problem, ProblemKind};
use plimsoll_posture::image::Interest;
use sha2::{Digest as _, Sha256};

use crate::assemble::{DirectoryLinks, Found};
use crate::image_rules::{self, Noted};
use crate::tree;

/// Asks every extractor of the registry.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extractors {
    /// Looks through every file for secrets too, also through those that upper layers hide.
    pub(crate) secrets: bool,
    /// Remembers how files are set up, those that the rules for images look at.
    pub(crate) settings: bool,
    /// Takes the digest of every file.
    pub(crate) contents: bool,
}

impl Visitor for Extractors {
    type Output = Extraction;

    fn wants(&self, entry: &Entry<'_>) -> Want {
        let mut want = Want::Skip;
        for extractor in wanting(entry) {
            want = match (extractor.read, want) {
                (Reader::Whole { limit, .. }, Want::Whole { limit: other }) => {
                    Want::Whole { limit: limit.max(other) }
                }
                (Reader::Whole { limit, .. }, _) => Want::Whole { limit },
                (Reader::Stream { .. }, Want::Skip | Want::Name) => Want::Stream,
                (Reader::Name { .. }, Want::Skip) => Want::Name,
                (Reader::Stream { .. } | Reader::Name { .. }, want) => want,
            };
        }
        let want = match (self.settings.then(|| image_rules::interest(entry)).flatten(), want) {
            (Some(Interest::Text), Want::Whole { limit }) => {
                Want::Whole { limit: limit.max(image_rules::LARGEST_TEXT) }
            }
            (Some(Interest::Text), _) => Want::Whole { limit: image_rules::LARGEST_TEXT },
            (Some(_), Want::Skip) => Want::Name,
            (_, want) => want,
        };
        match want {
            // Every file has a digest, also one that is larger than whoever reads it whole likes.
            Want::Whole { limit } if entry.size <= limit => want,
            _ if self.contents => Want::Stream,
            want => want,
        }
    }

    fn whole(&self, entry: &Entry<'_>, content: &[u8]) -> Extraction {
        let mut all = Extraction { note: self.note(entry, content), ..Extraction::default() };
        if self.contents {
            let mut hashing = Hashing::new(content);
            // Reading from memory does not fail.
            all.content = hashing.finish(entry).ok().flatten();
        }
        for extractor in wanting(entry) {
            let part = match extractor.read {
                Reader::Whole { parse, .. } => parse(entry.path, content),
                Reader::Name { parse } => parse(entry.path),
                Reader::Stream { parse } => {
                    let mut content = content;
                    parse(entry.path, &mut content).unwrap_or_else(|error| {
                        Extraction::problem(Problem::corrupt(entry.path, error.to_string()))
                    })
                }
            };
            all.take(part);
        }
        all
    }

    fn stream(&self, entry: &Entry<'_>, content: &mut dyn Read) -> io::Result<Extraction> {
        let mut all = Extraction { note: self.note(entry, &[]), ..Extraction::default() };
        // Only extractors that stream want the content, and a stream passes once: the first of them takes it.
        let mut taken = false;
        let mut content = Hashing::new(content);
        for extractor in wanting(entry) {
            match extractor.read {
                Reader::Name { parse } => all.take(parse(entry.path)),
                Reader::Stream { parse } if !taken => {
                    taken = true;
                    all.take(parse(entry.path, &mut content)?);
                }
                Reader::Whole { limit, .. } if entry.size > limit => {
                    let detail = format!("the file has {} bytes, more than {limit} are not read", entry.size);
                    all.problems.push(Problem::incomplete(ProblemKind::LimitExceeded, entry.path, detail));
                }
                _ => {}
            }
        }
        if self.contents {
            all.content = content.finish(entry)?;
        }
        Ok(all)
    }

    fn alike(&self, first: &Entry<'_>, second: &Entry<'_>) -> bool {
        // Everything but an executable may read its own path.
        let executable = plimsoll_extract::binary::executable::EXECUTABLE.name;
        let is_plain = |entry: &Entry<'_>| {
            wanting(entry).all(|extractor| extractor.name == executable)
                // How a file is set up is told of each of its names.
                && !(self.settings && image_rules::interest(entry).is_some())
        };
        is_plain(first) && is_plain(second) && plimsoll_extract::binary::alike(first, second)
    }

    fn glance_limit(&self, entry: &Entry<'_>) -> u64 {
        if self.secrets && !secret::is_passed_over(entry.path.as_bytes()) { secret::LARGEST_TEXT } else { 0 }
    }

    fn goes_on(&self, _: &Entry<'_>, first_block: &[u8]) -> bool {
        secret::is_text(first_block)
    }

    fn glance(&self, entry: &Entry<'_>, content: &[u8]) -> Option<(Extraction, usize)> {
        /// What one secret takes in memory, with its shortened form.
        const HIT: usize = 160;
        let path = entry.path.as_bytes();
        let is_text = secret::is_text(&content[..content.len().min(secret::FIRST_BLOCK)]);
        let found = if is_text { secret::scan(path, content) } else { secret::scan_binary(path, content) };
        let mut problems = Vec::new();
        let mut cut = |why: String| {
            problems.push(Problem::incomplete(ProblemKind::LimitExceeded, entry.path, why));
        };
        if is_text && entry.size > secret::LARGEST_TEXT {
            let limit = secret::LARGEST_TEXT >> 20;
            cut(format!("only its first {limit} MiB were looked through for secrets"));
        }
        if let Some(why) = found.cut {
            cut(format!("not all of it was looked through for secrets: {why}"));
        }
        let bytes = HIT * (found.hits.len() + problems.len());
        let extraction = Extraction { secrets: found.hits, problems, ..Extraction::default() };
        (bytes > 0).then_some((extraction, bytes))
    }
}

impl Extractors {
    fn note(self, entry: &Entry<'_>, content: &[u8]) -> Option<FileNote> {
        self.settings.then(|| image_rules::note(entry, content)).flatten()
    }
}

/// A reader that takes the digest of what passes.
struct Hashing<R> {
    content: R,
    hash: Sha256,
    first: Vec<u8>,
}

impl<R: Read> Hashing<R> {
    /// The first bytes of an ELF file.
    const ELF: &[u8] = b"\x7fELF";

    fn new(content: R) -> Self {
        Hashing { content, hash: Sha256::new(), first: Vec::new() }
    }

    /// Reads the rest.
    fn finish(&mut self, entry: &Entry<'_>) -> io::Result<Option<FileContent>> {
        io::copy(self, &mut io::sink())?;
        let digest = Digest::from_bytes(Algorithm::Sha256, &std::mem::take(&mut self.hash).finalize());
        let elf = self.first == Self::ELF;
        Ok(digest.map(|digest| FileContent { mode: entry.mode & 0o7777, digest, elf }))
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.content.read(buffer)?;
        self.hash.update(&buffer[..count]);
        let missing = Self::ELF.len().saturating_sub(self.first.len());
        self.first.extend_from_slice(&buffer[..count.min(missing)]);
        Ok(count)
    }
}

/// Asks every extractor, about the files that git tracks.
#[derive(Debug)]
pub(crate) struct Tracked<'a> {
    pub(crate) extractors: Extractors,
    pub(crate) paths: &'a HashSet<Box<[u8]>>,
}

impl Tracked<'_> {
    fn has(&self, entry: &Entry<'_>) -> bool {
        self.paths.contains(entry.path.as_bytes())
    }
}

impl Visitor for Tracked<'_> {
    type Output = Extraction;

    fn wants(&self, entry: &Entry<'_>) -> Want {
        if self.has(entry) { self.extractors.wants(entry) } else { Want::Skip }
    }

    fn whole(&self, entry: &Entry<'_>, content: &[u8]) -> Extraction {
        self.extractors.whole(entry, content)
    }

    fn stream(&self, entry: &Entry<'_>, content: &mut dyn Read) -> io::Result<Extraction> {
        self.extractors.stream(entry, content)
    }

    fn alike(&self, first: &Entry<'_>, second: &Entry<'_>) -> bool {
        self.extractors.alike(first, second)
    }

    fn glance_limit(&self, entry: &Entry<'_>) -> u64 {
        if self.has(entry) { self.extractors.glance_limit(entry) } else { 0 }
    }

    fn goes_on(&self, entry: &Entry<'_>, first_block: &[u8]) -> bool {
        self.extractors.goes_on(entry, first_block)
    }

    fn glance(&self, entry: &Entry<'_>, content: &[u8]) -> Option<(Extraction, usize)> {
        self.extractors.glance(entry, content)
    }
}

/// What a glance at one file gave.
#[derive(Clone, Debug)]
pub(crate) struct Glimpse {
    pub(crate) path: ImagePath,
    pub(crate) layer: Option<u32>,
    /// The layer above that overwrites or removes the file.
    pub(crate) hidden_by: Option<u32>,
    pub(crate) extraction: Extraction,
}

/// Asks only for the databases that apk and rpm keep in one file.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PackageDatabases;

impl Visitor for PackageDatabases {
    type Output = Extraction;

    fn wants(&self, entry: &Entry<'_>) -> Want {
        let is_database = |name: &str| name == "os/apk_installed" || name.starts_with("os/rpm_");
        if wanting(entry).any(|extractor| is_database(extractor.name)) {
            Extractors::default().wants(entry)
        } else {
            Want::Skip
        }
    }

    fn whole(&self, entry: &Entry<'_>, content: &[u8]) -> Extraction {
        Extractors::default().whole(entry, content)
    }

    fn stream(&self, entry: &Entry<'_>, content: &mut dyn Read) -> io::Result<Extraction> {
        Extractors::default().stream(entry, content)
    }
}

/// The walk's result in the form that [`crate::assemble`] takes.
pub(crate) struct FoundAll {
    pub(crate) found: Vec<Found>,
    pub(crate) glimpses: Vec<Glimpse>,
    pub(crate) noted: Vec<Noted>,
    pub(crate) contents: Vec<tree::Walked>,
    pub(crate) links: DirectoryLinks,
    pub(crate) file_links: Vec<DirectoryLink>,
    pub(crate) problems: Vec<Problem>,
}

pub(crate) fn found(walk: Walk<Extraction>) -> FoundAll {
    let mut found = Vec::with_capacity(walk.files.len());
    let mut noted = Vec::new();
    let mut contents = Vec::new();
    for mut file in walk.files {
        if let Some(note) = file.output.note.take() {
            noted.push(Noted { path: file.path.clone(), layer: file.layer, note });
        }
        if let Some(content) = file.output.content.take() {
            let names = file.other_names.iter().cloned();
            for (path, layer) in names.chain([(file.path.clone(), file.layer)]) {
                contents.push(tree::Walked { path, layer, content: content.clone() });
            }
        }
        for (path, layer) in file.other_names {
            let mut extraction = file.output.clone();
            for package in &mut extraction.packages {
                package.locations = vec![Location::new(path.clone())];
            }
            found.push(Found { layer, extraction });
        }
        found.push(Found { layer: file.layer, extraction: file.output });
    }
    let links = walk.links.into_iter().map(|link| (link.path, link.target)).collect();
    let glimpses = walk
        .glances
        .into_iter()
        .map(|glance| Glimpse {
            path: glance.path,
            layer: glance.layer,
            hidden_by: glance.hidden_by,
            extraction: glance.output,
        })
        .collect();
    let file_links = walk.file_links;
    FoundAll { found, glimpses, noted, contents, links, file_links, problems: walk.problems }
}
