//! The bytes of a layer: read, told apart by magic number, hashed, and opened, in one window of constant size.
//!
//! Nothing here trusts a media type. Both sides are hashed while their bytes are in the cache.

use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::{Decompress, FlushDecompress, Status};
use plimsoll_model::{Algorithm, Digest, ProblemKind};
use sha2::Digest as _;
use zstd::stream::raw::{DParameter, InBuffer, Operation, OutBuffer};

use crate::{Compression, Limits, Progress};

/// Bytes that are read at once.
const STORED: usize = 64 * 1024;
/// Bytes that are opened at once: large enough to keep calls rare, small enough to be hashed from the cache.
const OPEN: usize = 256 * 1024;
/// Largest window of a Zstandard frame: 2^27 bytes, what RFC 8878 section 3.1.1.1.2 and every decoder's default allow.
const WINDOW_LOG: u32 = 27;
/// Longest name or comment in a gzip header.
const GZIP_TEXT: usize = 64 * 1024;

/// Why a stream ends before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stop {
    pub(crate) kind: ProblemKind,
    pub(crate) detail: String,
}

impl Stop {
    pub(crate) fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Stop { kind, detail: detail.into() }
    }

    pub(crate) fn corrupt(detail: impl Into<String>) -> Self {
        Stop::new(ProblemKind::Corrupt, detail)
    }

    pub(crate) fn truncated(detail: impl Into<String>) -> Self {
        Stop::new(ProblemKind::Truncated, detail)
    }

    pub(crate) fn limit(detail: impl Into<String>) -> Self {
        Stop::new(ProblemKind::LimitExceeded, detail)
    }
}

impl From<Stop> for io::Error {
    fn from(stop: Stop) -> Self {
        let kind = match stop.kind {
            ProblemKind::Truncated => io::ErrorKind::UnexpectedEof,
            ProblemKind::Corrupt => io::ErrorKind::InvalidData,
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, stop.detail)
    }
}

/// One of the hash functions that registries use for layers.
#[derive(Clone, Debug)]
pub(crate) enum Hasher {
    Sha256(sha2::Sha256),
    Sha512(Box<sha2::Sha512>),
}

impl Hasher {
    /// `None` for a function that proves nothing.
    pub(crate) fn new(algorithm: Algorithm) -> Option<Self> {
        match algorithm {
            Algorithm::Sha256 => Some(Hasher::Sha256(sha2::Sha256::new())),
            Algorithm::Sha512 => Some(Hasher::Sha512(Box::new(sha2::Sha512::new()))),
            Algorithm::Sha1 => None,
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Hasher::Sha256(hash) => hash.update(bytes),
            Hasher::Sha512(hash) => hash.update(bytes),
        }
    }

    fn finish(self) -> Option<Digest> {
        match self {
            Hasher::Sha256(hash) => Digest::from_bytes(Algorithm::Sha256, &hash.finalize()),
            Hasher::Sha512(hash) => Digest::from_bytes(Algorithm::Sha512, &hash.finalize()),
        }
    }
}

/// The blob as stored, read in large pieces.
struct Stored<'a> {
    reader: &'a mut dyn Read,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    ended: bool,
    /// Bytes that came from the reader.
    total: u64,
    hash: Option<Hasher>,
    progress: &'a dyn Progress,
    layer: u32,
}

impl Stored<'_> {
    fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Reads straight into `target`, past the buffer. 0 at the end.
    fn read_into(&mut self, into: Option<&mut [u8]>) -> Result<usize, Stop> {
        if self.ended {
            return Ok(0);
        }
        let target = match into {
            Some(target) => target,
            None => &mut self.buffer[self.end..],
        };
        loop {
            match self.reader.read(target) {
                Ok(0) => {
                    self.ended = true;
                    return Ok(0);
                }
                Ok(count) => {
                    // A reader that claims more than it was given room for is broken, but must not break us.
                    let count = count.min(target.len());
                    if let Some(hash) = &mut self.hash {
                        hash.update(&target[..count]);
                    }
                    self.total += count as u64;
                    self.progress.bytes(self.layer, count as u64);
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.ended = true;
                    return Err(Stop::new(ProblemKind::Unreadable, format!("reading it failed: {error}")));
                }
            }
        }
    }

    /// Makes more bytes available; `false` at the end. There must be room: the buffer is empty or short.
    fn fill(&mut self) -> Result<bool, Stop> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let count = self.read_into(None)?;
        self.end += count;
        Ok(count > 0)
    }

    fn byte(&mut self) -> Result<Option<u8>, Stop> {
        if self.start == self.end && !self.fill()? {
            return Ok(None);
        }
        let byte = self.buffer[self.start];
        self.start += 1;
        Ok(Some(byte))
    }
}

/// A gzip stream, member after member (RFC 1952).
struct Gzip {
    inflate: Decompress,
    state: GzipState,
    /// Kept only when nothing else proves the content: SHA-256 of the archive says more than a CRC.
    crc: Option<flate2::Crc>,
    length: u32,
}

enum GzipState {
    Header { first: bool },
    Body,
    Ended,
}

enum Decoder {
    Open,
    Gzip(Box<Gzip>),
    Zstd { decoder: Box<zstd::stream::raw::Decoder<'static>>, inside: bool },
}

/// The open archive of a layer.
pub(crate) struct Stream<'a> {
    stored: Stored<'a>,
    decoder: Decoder,
    window: Box<[u8]>,
    start: usize,
    end: usize,
    /// Bytes opened.
    total: u64,
    hash: Option<Hasher>,
    limits: &'a Limits,
    /// Bytes opened by all layers.
    all_open: &'a AtomicU64,
    /// Why no more bytes come, when it is not the end.
    stop: Option<Stop>,
    ended: bool,
    /// Bytes after the last gzip member that are no member.
    garbage: bool,
}

/// Which digests to compute.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hashes {
    pub(crate) stored: Option<Algorithm>,
    pub(crate) open: Option<Algorithm>,
}

/// What is known when a stream was read to its end.
pub(crate) struct Finished {
    pub(crate) stored: Option<Digest>,
    pub(crate) open: Option<Digest>,
}

impl<'a> Stream<'a> {
    /// Starts to read. Fails when the compression is known but not supported, or nothing can be read.
    pub(crate) fn new(
        reader: &'a mut dyn Read,
        hashes: Hashes,
        limits: &'a Limits,
        all_open: &'a AtomicU64,
        progress: &'a dyn Progress,
        layer: u32,
    ) -> Result<Self, Stop> {
        let mut stored = Stored {
            reader,
            buffer: vec![0; STORED].into(),
            start: 0,
            end: 0,
            ended: false,
            total: 0,
            hash: hashes.stored.and_then(Hasher::new),
            progress,
            layer,
        };
        while stored.end < 6 && stored.fill()? {}
        let unsupported = |name| {
            Err(Stop::new(
                ProblemKind::Unsupported,
                format!("layers compressed with {name} are not supported"),
            ))
        };
        let decoder = match stored.bytes() {
            [] => return Err(Stop::truncated("it has no bytes")),
            [0x1f, 0x8b, ..] => Decoder::Gzip(Box::new(Gzip {
                inflate: Decompress::new(false),
                state: GzipState::Header { first: true },
                crc: hashes.open.is_none().then(flate2::Crc::new),
                length: 0,
            })),
            // A frame, or one that decoders skip (RFC 8878, sections 3.1.1 and 3.1.2).
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
                let failed = |error: io::Error| Stop::new(ProblemKind::Unreadable, error.to_string());
                let mut decoder = zstd::stream::raw::Decoder::new().map_err(failed)?;
                decoder.set_parameter(DParameter::WindowLogMax(WINDOW_LOG)).map_err(failed)?;
                Decoder::Zstd { decoder: Box::new(decoder), inside: false }
            }
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31 | 0x17, ..] => return unsupported("bzip2"),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => return unsupported("xz"),
            [0x04, 0x22, 0x4d, 0x18, ..] => return unsupported("lz4"),
            [b'L', b'Z', b'I', b'P', ..] => return unsupported("lzip"),
            _ => Decoder::Open,
        };
        let mut stream = Stream {
            stored,
            decoder,
            window: vec![0; OPEN].into(),
            start: 0,
            end: 0,
            total: 0,
            hash: hashes.open.and_then(Hasher::new),
            limits,
            all_open,
            stop: None,
            ended: false,
            garbage: false,
        };
        if matches!(stream.decoder, Decoder::Open) {
            // Both digests are of the same bytes.
            if hashes.stored == hashes.open {
                stream.hash = None;
            }
            let count = stream.stored.end;
            stream.window[..count].copy_from_slice(&stream.stored.buffer[..count]);
            stream.stored.start = count;
            stream.account(count)?;
        }
        Ok(stream)
    }

    pub(crate) fn compression(&self) -> Compression {
        match self.decoder {
            Decoder::Open => Compression::None,
            Decoder::Gzip(_) => Compression::Gzip,
            Decoder::Zstd { .. } => Compression::Zstd,
        }
    }

    /// Bytes read of the blob.
    pub(crate) fn stored_bytes(&self) -> u64 {
        self.stored.total
    }

    /// Bytes opened.
    pub(crate) fn open_bytes(&self) -> u64 {
        self.total
    }

    /// Were there bytes after the last gzip member?
    pub(crate) fn has_garbage(&self) -> bool {
        self.garbage
    }

    /// Counts, hashes and bounds bytes that were put at the end of the window.
    fn account(&mut self, count: usize) -> Result<(), Stop> {
        if let Some(hash) = &mut self.hash {
            hash.update(&self.window[self.end..self.end + count]);
        }
        self.end += count;
        self.total += count as u64;
        let all = self.all_open.fetch_add(count as u64, Ordering::Relaxed) + count as u64;
        if all > self.limits.max_open_bytes {
            return Err(Stop::limit(format!(
                "the layers hold more than {} bytes when open",
                self.limits.max_open_bytes
            )));
        }
        if self.total > self.limits.ratio_after
            && self.total / self.stored.total.max(1) > self.limits.max_ratio
        {
            return Err(Stop::limit(format!(
                "it opens to more than {} times its size and {} bytes",
                self.limits.max_ratio, self.limits.ratio_after
            )));
        }
        Ok(())
    }

    /// Bytes that are there.
    pub(crate) fn available(&self) -> &[u8] {
        &self.window[self.start..self.end]
    }

    /// Drops bytes that are there.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
    }

    /// Makes more bytes available; `false` at the end.
    pub(crate) fn fill(&mut self) -> Result<bool, Stop> {
        if let Some(stop) = &self.stop {
            return Err(stop.clone());
        }
        if self.ended {
            return Ok(false);
        }
        if self.start > 0 {
            self.window.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.window.len() {
            return Ok(true);
        }
        let result = self.decode().and_then(|count| self.account(count).map(|()| count));
        match result {
            Ok(0) => {
                self.ended = true;
                Ok(false)
            }
            Ok(_) => Ok(true),
            Err(stop) => {
                self.stop = Some(stop.clone());
                Err(stop)
            }
        }
    }

    /// Opens bytes into the free end of the window. 0 at the end.
    fn decode(&mut self) -> Result<usize, Stop> {
        let target = &mut self.window[self.end..];
        match &mut self.decoder {
            Decoder::Open => self.stored.read_into(Some(target)),
            Decoder::Gzip(gzip) => {
                let count = gzip.decode(&mut self.stored, target)?;
                if count == 0 && self.stored.start < self.stored.end {
                    self.garbage = true;
                    self.stored.start = self.stored.end;
                }
                Ok(count)
            }
            Decoder::Zstd { decoder, inside } => loop {
                if self.stored.start == self.stored.end && !self.stored.fill()? {
                    if *inside {
                        return Err(Stop::truncated("its Zstandard stream is cut off"));
                    }
                    return Ok(0);
                }
                let mut input = InBuffer::around(self.stored.bytes());
                let mut output = OutBuffer::around(&mut *target);
                let left = decoder
                    .run(&mut input, &mut output)
                    .map_err(|error| Stop::corrupt(format!("its Zstandard stream is broken: {error}")))?;
                *inside = left != 0;
                let (read, written) = (input.pos(), output.pos());
                self.stored.start += read;
                if written > 0 {
                    return Ok(written);
                }
                if read == 0 {
                    return Err(Stop::corrupt("its Zstandard stream does not go on"));
                }
            },
        }
    }

    /// Drops `count` bytes; gives how many there were before the end.
    pub(crate) fn skip(&mut self, count: u64) -> Result<u64, Stop> {
        let mut left = count;
        while left > 0 {
            let there = self.available().len() as u64;
            if there == 0 {
                if !self.fill()? {
                    break;
                }
                continue;
            }
            let step = there.min(left);
            self.start += usize::try_from(step).unwrap_or(usize::MAX).min(self.end - self.start);
            left -= step;
        }
        Ok(count - left)
    }

    /// Fills `target` as far as there are bytes.
    pub(crate) fn read_full(&mut self, target: &mut [u8]) -> Result<usize, Stop> {
        let mut done = 0;
        while done < target.len() {
            let there = self.available();
            if there.is_empty() {
                if !self.fill()? {
                    break;
                }
                continue;
            }
            let step = there.len().min(target.len() - done);
            target[done..done + step].copy_from_slice(&there[..step]);
            self.start += step;
            done += step;
        }
        Ok(done)
    }

    /// Reads everything that is left of the blob and gives the digests.
    ///
    /// Returns whether there was anything but zeros in the rest.
    pub(crate) fn drain(&mut self) -> Result<bool, Stop> {
        let mut data = false;
        loop {
            data = data || self.available().iter().any(|byte| *byte != 0);
            self.start = self.end;
            if !self.fill()? {
                break;
            }
        }
        // What follows the last member still belongs to the blob.
        loop {
            self.stored.start = self.stored.end;
            if !self.stored.fill()? {
                return Ok(data);
            }
        }
    }

    /// The digests, once all was drained. A digest is missing when it was not asked for.
    pub(crate) fn finish(self) -> Finished {
        let open = matches!(self.decoder, Decoder::Open);
        let stored = self.stored.hash.and_then(Hasher::finish);
        let hashed = self.hash.and_then(Hasher::finish);
        Finished { open: if open && hashed.is_none() { stored.clone() } else { hashed }, stored }
    }
}

impl Gzip {
    fn decode(&mut self, stored: &mut Stored<'_>, target: &mut [u8]) -> Result<usize, Stop> {
        loop {
            match self.state {
                GzipState::Ended => return Ok(0),
                GzipState::Header { first } => {
                    if !gzip_header(stored, first)? {
                        self.state = GzipState::Ended;
                        return Ok(0);
                    }
                    self.inflate.reset(false);
                    self.state = GzipState::Body;
                }
                GzipState::Body => {
                    if stored.start == stored.end {
                        stored.fill()?;
                    }
                    let (before_in, before_out) = (self.inflate.total_in(), self.inflate.total_out());
                    let status = self
                        .inflate
                        .decompress(stored.bytes(), target, FlushDecompress::None)
                        .map_err(|_| Stop::corrupt("its gzip stream is broken"))?;
                    let read = usize::try_from(self.inflate.total_in() - before_in).unwrap_or(0);
                    let written = usize::try_from(self.inflate.total_out() - before_out).unwrap_or(0);
                    stored.start = (stored.start + read).min(stored.end);
                    let written = written.min(target.len());
                    if let Some(crc) = &mut self.crc {
                        crc.update(&target[..written]);
                    }
                    #[expect(clippy::cast_possible_truncation, reason = "RFC 1952: the length modulo 2^32")]
                    {
                        self.length = self.length.wrapping_add(written as u32);
                    }
                    if status == Status::StreamEnd {
                        self.trailer(stored)?;
                        self.state = GzipState::Header { first: false };
                    } else if read == 0 && written == 0 {
                        return Err(if stored.ended {
                            Stop::truncated("its gzip stream is cut off")
                        } else {
                            Stop::corrupt("its gzip stream does not go on")
                        });
                    }
                    if written > 0 {
                        return Ok(written);
                    }
                }
            }
        }
    }

    /// CRC and length (RFC 1952, section 2.3.1).
    fn trailer(&mut self, stored: &mut Stored<'_>) -> Result<(), Stop> {
        let mut trailer = [0; 8];
        for byte in &mut trailer {
            *byte = stored.byte()?.ok_or_else(|| Stop::truncated("its gzip stream is cut off"))?;
        }
        let [crc @ .., l0, l1, l2, l3] = trailer;
        if self.crc.as_ref().is_some_and(|sum| sum.sum() != u32::from_le_bytes(crc)) {
            return Err(Stop::corrupt("its gzip checksum is wrong"));
        }
        if self.length != u32::from_le_bytes([l0, l1, l2, l3]) {
            return Err(Stop::corrupt("its gzip length is wrong"));
        }
        if let Some(crc) = &mut self.crc {
            crc.reset();
        }
        self.length = 0;
        Ok(())
    }
}

/// Reads a member's header (RFC 1952, section 2.3). `false` when there is no further member.
fn gzip_header(stored: &mut Stored<'_>, first: bool) -> Result<bool, Stop> {
    let cut = || Stop::truncated("its gzip header is cut off");
    while stored.end - stored.start < 2 && stored.fill()? {}
    match stored.bytes() {
        [0x1f, 0x8b, ..] => stored.start += 2,
        _ if first => return Err(Stop::corrupt("it has no gzip header")),
        _ => return Ok(false),
    }
    let mut fixed = [0; 8];
    for byte in &mut fixed {
        *byte = stored.byte()?.ok_or_else(cut)?;
    }
    let [method, flags, ..] = fixed;
    if method != 8 || flags & 0xe0 != 0 {
        return Err(Stop::corrupt("its gzip header has a method or flags that do not exist"));
    }
    if flags & 0x04 != 0 {
        let (Some(low), Some(high)) = (stored.byte()?, stored.byte()?) else { return Err(cut()) };
        for _ in 0..u16::from_le_bytes([low, high]) {
            stored.byte()?.ok_or_else(cut)?;
        }
    }
    for flag in [0x08, 0x10] {
        if flags & flag == 0 {
            continue;
        }
        let mut length = 0;
        while stored.byte()?.ok_or_else(cut)? != 0 {
            length += 1;
            if length > GZIP_TEXT {
                return Err(Stop::limit("the name or comment in its gzip header is too long"));
            }
        }
    }
    if flags & 0x02 != 0 {
        stored.byte()?.ok_or_else(cut)?;
        stored.byte()?.ok_or_else(cut)?;
    }
    Ok(true)
}
