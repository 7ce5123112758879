//! ELF, PE, Mach-O and WebAssembly files: the module list and the functions of the Go linker, the crate list of `cargo auditable`, the SBOM of
//! GraalVM's native images, and products that are known by their bytes ([`super::products`]).
//!
//! A program is read once, front to back, in memory that does not grow with it: section headers of ELF stand at the end
//! of the file, so what is looked for is found by its own marks and not through headers. The headers at the front are only
//! needed to follow the pointers that Go wrote before 1.18. A program inside a program (embedded, or a slice of a fat
//! Mach-O) is found as well.
//!
//! Formats: Go `debug/buildinfo` and `cmd/go/internal/modload` (1.12 to 1.25); cargo-auditable `PARSING.md`, format v0.
//! Not seen here: programs compressed by a packer (said so for UPX), Go before 1.12, Rust without `cargo auditable`.

use std::io::{self, ErrorKind};

use flate2::{Decompress, FlushDecompress, Status};
use memchr::{memchr_iter, memmem};
use object::read::elf::{FileHeader, ProgramHeader};
use object::read::macho::MachHeader;
use object::read::pe::ImageNtHeaders;
use object::{Endianness, LittleEndian, elf, macho, pe};
use plimsoll_fs::Entry;
use plimsoll_model::{ImagePath, Package, Problem, ProblemKind};

use super::products::Searches;
use super::{dotnet, elf_note, go, go_functions, rust};
use crate::{Extraction, Extractor, Reader, embedded};

/// Module lists of Go programs, crate lists of auditable Rust programs, products known by their bytes.
pub static EXECUTABLE: Extractor = Extractor {
    name: "binary/executable",
    version: 6,
    declares: false,
    wants,
    read: Reader::Stream { parse },
};

/// Bytes looked at in one go.
const CHUNK: usize = 128 * 1024;
/// Bytes that are at hand behind every mark: the longest header of a deflate block, or a Go version string.
const LOOKAHEAD: usize = 1024;
/// Bytes at the front in which the headers and the marks of Go and UPX are looked for.
const HEAD: usize = 64 * 1024;
/// Longest version string of a Go toolchain. Those of vendors are below a hundred bytes.
const MAX_GO_VERSION: u64 = 512;
/// Longest module list. Kubernetes' own is 20 KiB.
const MAX_MODULE_LIST: usize = 4 << 20;
/// Largest crate list or SBOM, inflated.
const MAX_CRATE_LIST: usize = 8 << 20;
/// Lists that may be open at once, and in all.
const MAX_OPEN: usize = 8;
const MAX_CAPTURES: usize = 256;
/// Writable data of a Go program that is kept to follow pointers.
const MAX_DATA: usize = 16 << 20;
/// Places kept that may be the version string of a Go program.
const MAX_VERSION_STRINGS: usize = 1 << 16;
/// Segments of one program. Real ones have a dozen.
const MAX_SEGMENTS: usize = 256;
/// Packages of one file.
const MAX_PACKAGES: usize = 50_000;

/// `debug/buildinfo`: the mark of the build information, aligned to 16 bytes.
const GO_MAGIC: &[u8] = b"\xff Go buildinf:";
/// `cmd/internal/buildid`: stands near the front of everything the Go linker writes.
const GO_BUILD_ID: &[u8] = b"Go build ID: \"";
/// `cmd/go/internal/modload`: what the module list begins and ends with.
const MODULES_START: &[u8; 16] = b"\x30\x77\xaf\x0c\x92\x74\x08\x02\x41\xe1\xc1\x07\xe6\xd6\x18\xe6";
const MODULES_END: &[u8; 16] = b"\xf9\x32\x43\x31\x86\x18\x20\x72\x00\x82\x42\x10\x41\x16\xd8\xf2";
/// RFC 1952: gzip as Java writes it, with deflate and without flags, time and name.
const GZIP: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\0";
/// A symbol of every native image of GraalVM.
const NATIVE_IMAGE: &[u8] = b"\0__svm_version_info\0";
/// Length of gzip's header when it has no flags.
const GZIP_HEADER: usize = 10;
/// So much of a gzip stream is inflated to see whether it is an SBOM, in bytes.
const SBOM_HEAD: usize = 256;
/// How every crate list begins.
const CRATES_START: &[u8] = b"{\"packages\":";

fn wants(entry: &Entry<'_>) -> bool {
    entry.size >= 1024 && (entry.is_executable() || is_library_name(entry.path.file_name()))
}

/// Shared objects need no execute bit, and files from Windows have none.
fn is_library_name(name: &[u8]) -> bool {
    let suffixes: [&[u8]; 8] = [b".so", b".exe", b".dll", b".dylib", b".node", b".pyd", b".wasm", b".bundle"];
    suffixes.iter().any(|suffix| {
        name.len() > suffix.len() && name[name.len() - suffix.len()..].eq_ignore_ascii_case(suffix)
    }) || memmem::find(name, b".so.")
        .is_some_and(|at| name[at + 4..].iter().all(|byte| matches!(byte, b'0'..=b'9' | b'.')))
}

/// Reads a program of any size. Public for fuzzing.
pub fn parse(path: &ImagePath, reader: &mut dyn io::Read) -> io::Result<Extraction> {
    let mut scanner = Scanner { products: Searches::of(path), ..Scanner::default() };
    let mut buffer = Vec::with_capacity(CHUNK + LOOKAHEAD);
    let mut base = 0_u64;
    loop {
        let (at_end, error) = fill(reader, &mut buffer);
        if base == 0 {
            if !is_program(&buffer) {
                return error.map_or_else(|| Ok(Extraction::default()), Err);
            }
            scanner.head(&buffer[..buffer.len().min(HEAD)]);
            if buffer.starts_with(b"\x7fELF") {
                elf_note::packages(path, &buffer, &mut scanner.notes);
            }
        }
        let stop = if at_end { buffer.len() } else { buffer.len() - LOOKAHEAD };
        scanner.chunk(base, &buffer, stop);
        if at_end {
            return Ok(scanner.finish(path, error));
        }
        buffer.drain(..stop);
        base += stop as u64;
    }
}

/// Tops the buffer up. Says whether this was the end, and whether an error was the reason.
fn fill(reader: &mut dyn io::Read, buffer: &mut Vec<u8>) -> (bool, Option<io::Error>) {
    let mut filled = buffer.len();
    buffer.resize(CHUNK + LOOKAHEAD, 0);
    let mut outcome = (false, None);
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => {
                outcome = (true, None);
                break;
            }
            Ok(count) => filled += count.min(buffer.len() - filled),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                outcome = (true, Some(error));
                break;
            }
        }
    }
    buffer.truncate(filled);
    outcome
}

/// Magic numbers: ELF, PE (through its DOS stub), Mach-O of both sizes and orders, fat Mach-O, WebAssembly.
fn is_program(bytes: &[u8]) -> bool {
    match bytes {
        [b'M', b'Z', ..]
        | [0x7f, b'E', b'L', b'F', ..]
        | [0, b'a', b's', b'm', ..]
        | [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..]
        | [0xce | 0xcf, 0xfa, 0xed, 0xfe, ..] => true,
        // Java classes share the magic of fat Mach-O; their second word is a version of at least 45.
        [0xca, 0xfe, 0xba, 0xbe | 0xbf, 0, 0, 0, count, ..] => *count < 45,
        _ => false,
    }
}

/// A part of the file and the address it is loaded at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Segment {
    address: u64,
    offset: u64,
    size: u64,
    writable: bool,
}

/// The segments that the headers name; empty when there are none or they cannot be read.
fn segments(head: &[u8]) -> Vec<Segment> {
    let mut found = match head {
        [0x7f, b'E', b'L', b'F', 1, ..] => elf_segments::<elf::FileHeader32<Endianness>>(head),
        [0x7f, b'E', b'L', b'F', ..] => elf_segments::<elf::FileHeader64<Endianness>>(head),
        [b'M', b'Z', ..] => {
            pe_segments::<pe::ImageNtHeaders64>(head).or_else(|| pe_segments::<pe::ImageNtHeaders32>(head))
        }
        [0xfe, 0xed, 0xfa, 0xce, ..] | [0xce, 0xfa, 0xed, 0xfe, ..] => {
            macho_segments::<macho::MachHeader32<Endianness>>(head)
        }
        [0xfe, 0xed, 0xfa, 0xcf, ..] | [0xcf, 0xfa, 0xed, 0xfe, ..] => {
            macho_segments::<macho::MachHeader64<Endianness>>(head)
        }
        _ => None,
    }
    .unwrap_or_default();
    found.sort_by_key(|segment| segment.offset);
    found.truncate(MAX_SEGMENTS);
    found
}

fn elf_segments<Elf: FileHeader<Endian = Endianness>>(head: &[u8]) -> Option<Vec<Segment>> {
    let header = Elf::parse(head).ok()?;
    let endian = header.endian().ok()?;
    let headers = header.program_headers(endian, head).ok()?;
    Some(
        headers
            .iter()
            .filter(|header| header.p_type(endian) == elf::PT_LOAD)
            .map(|header| Segment {
                address: header.p_vaddr(endian).into(),
                offset: header.p_offset(endian).into(),
                size: header.p_filesz(endian).into(),
                writable: header.p_flags(endian).contains(elf::PF_W),
            })
            .collect(),
    )
}

fn pe_segments<Pe: ImageNtHeaders>(head: &[u8]) -> Option<Vec<Segment>> {
    use object::read::pe::ImageOptionalHeader;
    let mut offset = pe::ImageDosHeader::parse(head).ok()?.nt_headers_offset().into();
    let (headers, _) = Pe::parse(head, &mut offset).ok()?;
    let sections = headers.sections(head, offset).ok()?;
    let image_base = headers.optional_header().image_base();
    Some(
        sections
            .iter()
            .map(|section| Segment {
                address: image_base.wrapping_add(section.virtual_address.get(LittleEndian).into()),
                offset: section.pointer_to_raw_data.get(LittleEndian).into(),
                size: section.size_of_raw_data.get(LittleEndian).into(),
                writable: section.characteristics.get(LittleEndian).0 & pe::IMAGE_SCN_MEM_WRITE.0 != 0,
            })
            .collect(),
    )
}

fn macho_segments<Mach: MachHeader<Endian = Endianness>>(head: &[u8]) -> Option<Vec<Segment>> {
    let header = Mach::parse(head, 0).ok()?;
    let endian = header.endian().ok()?;
    let mut commands = header.load_commands(endian, head, 0).ok()?;
    let mut found = Vec::new();
    while let Ok(Some(command)) = commands.next() {
        if let Ok(Some((segment, _))) = command.segment_64() {
            found.push(Segment {
                address: segment.vmaddr.get(endian),
                offset: segment.fileoff.get(endian),
                size: segment.filesize.get(endian),
                writable: segment.initprot.get(endian).0 & macho::VM_PROT_WRITE.0 != 0,
            });
        } else if let Ok(Some((segment, _))) = command.segment_32() {
            found.push(Segment {
                address: segment.vmaddr.get(endian).into(),
                offset: segment.fileoff.get(endian).into(),
                size: segment.filesize.get(endian).into(),
                writable: segment.initprot.get(endian).0 & macho::VM_PROT_WRITE.0 != 0,
            });
        }
    }
    Some(found)
}

/// Something that is being read out of the stream, from `start` on.
struct Capture {
    start: u64,
    /// First offset not fed yet.
    next: u64,
    kind: CaptureKind,
}

enum CaptureKind {
    /// A Go module list. Its length is known where it stands behind its header, else its end is looked for.
    Modules {
        length: Option<usize>,
        text: Vec<u8>,
    },
    /// Where the files of a .NET bundle are, and one of them, its list of packages.
    BundleHeader(dotnet::Header),
    BundleList(dotnet::Object),
    /// What a PE file says of its version.
    VersionResource(dotnet::Resource),
    /// Names of the functions of a Go program.
    Functions(go_functions::Names),
    /// A Rust crate list.
    Crates {
        inflater: Box<Decompress>,
        json: Vec<u8>,
    },
    /// The SBOM of a native image.
    Sbom {
        inflater: Box<Decompress>,
        json: Vec<u8>,
    },
}

/// Build information of one Go program: where its module list starts, and the toolchain.
struct GoProgram {
    version: GoVersion,
    modules_at: Option<u64>,
}

enum GoVersion {
    Inline(String),
    /// Address of the string header, size of a pointer, byte order.
    Pointer {
        address: u64,
        width: u8,
        big_endian: bool,
    },
}

#[derive(Default)]
struct Scanner {
    segments: Vec<Segment>,
    has_go_build_id: bool,
    has_upx_mark: bool,
    programs: Vec<GoProgram>,
    /// Build information that makes no sense: damaged, unless a sound one is found.
    damaged_go: bool,
    modules: Vec<(u64, Vec<u8>)>,
    crates: Vec<Vec<u8>>,
    sboms: Vec<Vec<u8>>,
    /// The program is a native image of GraalVM.
    is_native_image: bool,
    /// Fingerprints of functions, one list for each Go program.
    functions: Vec<Vec<u64>>,
    open: Vec<Capture>,
    captures: usize,
    inflater: Option<Box<Decompress>>,
    inflate_trials: u64,
    /// Writable data of a Go program, by offset.
    data: Vec<(u64, Vec<u8>)>,
    data_kept: usize,
    version_strings: Vec<(u64, [u8; 32])>,
    products: Searches,
    bundle: dotnet::Bundle,
    /// The program is an assembly of .NET.
    is_assembly: bool,
    resources: Vec<dotnet::Resource>,
    /// What package notes say.
    notes: Extraction,
    problems: Vec<(ProblemKind, &'static str)>,
}

impl Scanner {
    fn head(&mut self, head: &[u8]) {
        self.segments = segments(head);
        self.has_go_build_id = memmem::find(head, GO_BUILD_ID).is_some();
        self.is_assembly = head.starts_with(b"MZ") && dotnet::is_assembly(head);
        // The packer's header stands behind the program headers (ELF, Mach-O) or the section table (PE).
        self.has_upx_mark = memmem::find(&head[..head.len().min(4096)], b"UPX!").is_some();
    }

    /// Looks at `buffer`, which stands at `base` of the file, for marks that start before `stop`. Behind `stop` are
    /// bytes that come again in the next call, except at the end of the file.
    fn chunk(&mut self, base: u64, buffer: &[u8], stop: usize) {
        self.feed(base, buffer);
        self.products.look(buffer, stop);
        if self.has_go_build_id {
            self.keep_for_pointers(base, buffer, stop);
        }
        self.function_tables(base, buffer, stop);
        self.dotnet(base, buffer, stop);
        for at in memmem::find_iter(&buffer[..buffer.len().min(stop + GO_MAGIC.len() - 1)], GO_MAGIC) {
            if (base + at as u64).is_multiple_of(16) {
                self.build_info(base + at as u64, &buffer[at..], base, buffer);
            }
        }
        for at in
            memmem::find_iter(&buffer[..buffer.len().min(stop + MODULES_START.len() - 1)], MODULES_START)
        {
            let start = base + at as u64;
            let known = self.programs.iter().any(|program| program.modules_at == Some(start));
            if !known {
                self.capture(start, CaptureKind::Modules { length: None, text: Vec::new() }, base, buffer);
            }
        }
        self.is_native_image = self.is_native_image || memmem::find(buffer, NATIVE_IMAGE).is_some();
        for at in memmem::find_iter(&buffer[..buffer.len().min(stop + GZIP.len() - 1)], GZIP) {
            self.sbom(base + at as u64, &buffer[at..], base, buffer);
        }
        for at in memchr_iter(b'x', &buffer[..stop]) {
            // RFC 1950, section 2.2: deflate with a window of 32 KiB, no dictionary, header divisible by 31.
            if matches!(buffer.get(at + 1), Some(0x01 | 0x5e | 0x9c | 0xda)) {
                self.crate_list(base + at as u64, &buffer[at..], base, buffer);
            }
        }
    }

    /// Marks of .NET. Each has something before it that is needed, so those are looked for that have it in this buffer: what the buffer
    /// loses at its front was seen with the one before.
    fn dotnet(&mut self, base: u64, buffer: &[u8], stop: usize) {
        const BEFORE: usize = 8;
        let places = |mark: &'static [u8]| {
            let end = buffer.len().min(stop + BEFORE + mark.len() - 1);
            let window = buffer.get(BEFORE..end).unwrap_or_default();
            memmem::find_iter(window, mark).map(|at| at + BEFORE)
        };
        for at in places(dotnet::MARKER) {
            if self.bundle.header_at.is_none()
                && let Some(offset) = dotnet::header_offset(&buffer[..at])
            {
                self.bundle.header_at = Some(offset);
                self.capture(offset, CaptureKind::BundleHeader(dotnet::Header::default()), base, buffer);
            }
        }
        if self.bundle.header_at.is_some() {
            for at in places(dotnet::DEPS) {
                if let Some(start) = dotnet::list_start(buffer, at) {
                    let list = CaptureKind::BundleList(dotnet::Object::default());
                    self.capture(base + start as u64, list, base, buffer);
                }
            }
        }
        if self.is_assembly {
            for at in places(dotnet::VERSION_INFO) {
                if self.resources.len() < MAX_OPEN {
                    let resource = CaptureKind::VersionResource(dotnet::Resource::default());
                    self.capture(base + at as u64 - 6, resource, base, buffer);
                }
            }
        }
    }

    /// Tables of functions. The linker aligns them to far more than eight bytes, whole files inside of files included.
    fn function_tables(&mut self, base: u64, buffer: &[u8], stop: usize) {
        // Two bytes of the magic number and the two zeros behind it. Programs may have no build id, so every one is looked at.
        const MASK: u64 = 0x0000_ffff_00ff_ff00;
        const MAGIC: u64 = 0x0000_0000_00ff_ff00;
        let (words, _) = buffer[..stop].as_chunks::<8>();
        for (index, word) in words.iter().enumerate() {
            if u64::from_le_bytes(*word) & MASK != MAGIC {
                continue;
            }
            let at = index * 8;
            let Some(span) = go_functions::header(&buffer[at..]) else { continue };
            // One that finds no room shows nothing, and nothing is concluded from that.
            if self.open.len() < MAX_OPEN && self.captures < MAX_CAPTURES {
                let names = go_functions::Names::new(span.length);
                self.capture(base + at as u64 + span.offset, CaptureKind::Functions(names), base, buffer);
            }
        }
    }

    fn problem(&mut self, kind: ProblemKind, detail: &'static str) {
        if !self.problems.contains(&(kind, detail)) {
            self.problems.push((kind, detail));
        }
    }

    fn capture(&mut self, start: u64, kind: CaptureKind, base: u64, buffer: &[u8]) {
        if self.open.len() >= MAX_OPEN || self.captures >= MAX_CAPTURES {
            self.problem(
                ProblemKind::LimitExceeded,
                "holds more module lists than are read from one program",
            );
            return;
        }
        self.captures += 1;
        self.open.push(Capture { start, next: start, kind });
        self.feed(base, buffer);
    }

    /// Gives every open capture the bytes that it has not seen.
    fn feed(&mut self, base: u64, buffer: &[u8]) {
        let end = base + buffer.len() as u64;
        let mut index = 0;
        while index < self.open.len() {
            let capture = &mut self.open[index];
            let fresh =
                usize::try_from(capture.next.saturating_sub(base)).ok().and_then(|from| buffer.get(from..));
            // A list that starts behind the buffer is not reached yet.
            let outcome = match fresh {
                Some(fresh) if capture.next < end => {
                    capture.next = end;
                    advance(&mut capture.kind, fresh)
                }
                _ => Progress::More,
            };
            match outcome {
                Progress::More => index += 1,
                Progress::Done => {
                    let capture = self.open.swap_remove(index);
                    match capture.kind {
                        CaptureKind::Modules { text, .. } => self.modules.push((capture.start, text)),
                        CaptureKind::Crates { json, .. } => self.crates.push(json),
                        CaptureKind::Sbom { json, .. } => self.sboms.push(json),
                        CaptureKind::Functions(names) => self.functions.extend(names.finish()),
                        CaptureKind::BundleHeader(header) => self.bundle.header = Some(header),
                        CaptureKind::BundleList(list) => {
                            if !self.bundle.keep(capture.start, list.into_text()) {
                                self.problem(
                                    ProblemKind::LimitExceeded,
                                    "a .NET application with more lists of packages than are kept",
                                );
                            }
                        }
                        CaptureKind::VersionResource(resource) => self.resources.push(resource),
                    }
                }
                Progress::Failed(kind, detail) => {
                    self.open.swap_remove(index);
                    self.problem(kind, detail);
                }
            }
        }
    }

    /// `debug/buildinfo`: 14 bytes of mark, pointer size, flags, then at 32 two strings behind their lengths (flag 2), or
    /// at 16 two addresses of string headers (Go before 1.18).
    fn build_info(&mut self, start: u64, bytes: &[u8], base: u64, buffer: &[u8]) {
        let (Some(&width), Some(&flags)) = (bytes.get(14), bytes.get(15)) else {
            self.damaged_go = true;
            return;
        };
        if self.programs.len() >= MAX_CAPTURES {
            self.problem(
                ProblemKind::LimitExceeded,
                "holds more module lists than are read from one program",
            );
            return;
        }
        if flags & 2 != 0 {
            let Some((version, rest)) = inline_version(bytes) else {
                self.damaged_go = true;
                return;
            };
            let mut program = GoProgram { version: GoVersion::Inline(version), modules_at: None };
            match varint(rest) {
                Some((0, _)) => {}
                Some((length, text)) if length <= MAX_MODULE_LIST as u64 => {
                    let at = start + (bytes.len() - text.len()) as u64;
                    program.modules_at = Some(at);
                    let length = usize::try_from(length).ok();
                    self.capture(at, CaptureKind::Modules { length, text: Vec::new() }, base, buffer);
                }
                Some(_) => {
                    self.problem(ProblemKind::LimitExceeded, "the Go module list is longer than 4 MiB");
                }
                None => self.problem(ProblemKind::Corrupt, "the Go build information is damaged"),
            }
            self.programs.push(program);
        } else if matches!(width, 4 | 8) {
            let big_endian = flags & 1 != 0;
            match bytes.get(16..).and_then(|bytes| word(bytes, width, big_endian)) {
                Some(address) => self.programs.push(GoProgram {
                    version: GoVersion::Pointer { address, width, big_endian },
                    modules_at: None,
                }),
                None => self.damaged_go = true,
            }
        } else {
            self.damaged_go = true;
        }
    }

    /// What pointers of Go before 1.18 may lead to: the string header is in writable data, before or behind the build
    /// information, and the string itself among constants, long gone by then.
    fn keep_for_pointers(&mut self, base: u64, buffer: &[u8], stop: usize) {
        for segment in self.segments.iter().filter(|segment| segment.writable) {
            let from = segment.offset.clamp(base, base + stop as u64) - base;
            let to = segment.offset.saturating_add(segment.size).clamp(base, base + stop as u64) - base;
            let part = usize::try_from(from)
                .ok()
                .zip(usize::try_from(to).ok())
                .and_then(|(from, to)| buffer.get(from..to));
            let Some(part) = part.filter(|part| !part.is_empty() && self.data_kept + part.len() <= MAX_DATA)
            else {
                continue;
            };
            self.data_kept += part.len();
            match self
                .data
                .iter_mut()
                .find(|(offset, data)| offset.checked_add(data.len() as u64) == Some(base + from))
            {
                Some((_, data)) => data.extend_from_slice(part),
                None => self.data.push((base + from, part.to_vec())),
            }
        }
        for at in memmem::find_iter(&buffer[..buffer.len().min(stop + 3)], b"go1.") {
            if self.version_strings.len() >= MAX_VERSION_STRINGS {
                break;
            }
            let mut text = [0; 32];
            let length = (buffer.len() - at).min(32);
            text[..length].copy_from_slice(&buffer[at..at + length]);
            self.version_strings.push((base + at as u64, text));
        }
    }

    /// Is this zlib stream a crate list? Only its first bytes are inflated to see.
    fn crate_list(&mut self, start: u64, bytes: &[u8], base: u64, buffer: &[u8]) {
        // Chance gives one header in 16 KiB. Far more of them are made to waste time.
        self.inflate_trials += 1;
        if self.inflate_trials > 4096 + start / 1024 {
            self.problem(
                ProblemKind::LimitExceeded,
                "has too many compressed parts to look for a crate list in all",
            );
            return;
        }
        let mut inflater = self.inflater.take().unwrap_or_else(|| Box::new(Decompress::new(true)));
        inflater.reset(true);
        let mut first = [0; CRATES_START.len()];
        let input = &bytes[..bytes.len().min(LOOKAHEAD)];
        let outcome = inflater.decompress(input, &mut first, FlushDecompress::None);
        self.inflater = Some(inflater);
        if outcome.is_ok() && first == CRATES_START {
            let kind = CaptureKind::Crates { inflater: Box::new(Decompress::new(true)), json: Vec::new() };
            self.capture(start, kind, base, buffer);
        }
    }

    /// Is this gzip stream an SBOM? GraalVM puts one into a native image; the symbols `sbom` and `sbom_length` lead to it.
    fn sbom(&mut self, start: u64, bytes: &[u8], base: u64, buffer: &[u8]) {
        self.inflate_trials += 1;
        if self.inflate_trials > 4096 + start / 1024 {
            self.problem(
                ProblemKind::LimitExceeded,
                "has too many compressed parts to look for an SBOM in all",
            );
            return;
        }
        let Some(input) = bytes.get(GZIP_HEADER..bytes.len().min(LOOKAHEAD)) else { return };
        let mut first = [0; SBOM_HEAD];
        let mut inflater = Box::new(Decompress::new(false));
        // An error behind the first bytes is that stream's own; what came before it tells what it is.
        let _ = inflater.decompress(input, &mut first, FlushDecompress::None);
        if first.starts_with(b"{") && memmem::find(&first, b"CycloneDX").is_some() {
            let kind = CaptureKind::Sbom { inflater: Box::new(Decompress::new(false)), json: Vec::new() };
            self.capture(start + GZIP_HEADER as u64, kind, base, buffer);
        }
    }

    fn finish(mut self, path: &ImagePath, error: Option<io::Error>) -> Extraction {
        for capture in std::mem::take(&mut self.open) {
            let detail = match capture.kind {
                CaptureKind::Modules { length: Some(_), .. } => "the Go module list is cut off",
                CaptureKind::Modules { length: None, .. } => "the Go module list has no end",
                CaptureKind::Crates { .. } => "the crate list of cargo-auditable is cut off",
                CaptureKind::Sbom { .. } => "the SBOM of a native image is cut off",
                // It stands at the end of the file, and may be shorter than what is read of it.
                CaptureKind::BundleHeader(header) => {
                    self.bundle.header = Some(header).filter(|header| !header.is_empty());
                    continue;
                }
                CaptureKind::VersionResource(resource) => {
                    self.resources.push(resource);
                    continue;
                }
                // What stands behind it is missing too, and is told; without names there is no answer about functions, and of a
                // bundle's list the header says whether there should have been one.
                CaptureKind::Functions(_) | CaptureKind::BundleList(_) => continue,
            };
            self.problem(ProblemKind::Truncated, detail);
        }
        let mut found = std::mem::take(&mut self.notes);
        let versions: Vec<Option<String>> =
            self.programs.iter().map(|program| self.version(program)).collect();
        let mut modules = std::mem::take(&mut self.modules);
        let functions = go_functions::of_file(self.programs.len(), &self.functions);
        for (program, version) in self.programs.iter().zip(&versions) {
            // Before 1.18 the list stands somewhere else; with one program in the file there is no doubt whose it is.
            let index = match program.modules_at {
                Some(at) => modules.iter().position(|(start, _)| *start == at),
                None => (self.programs.len() == 1
                    && !modules.is_empty()
                    && matches!(program.version, GoVersion::Pointer { .. }))
                .then_some(0),
            };
            let text = index.map(|index| modules.swap_remove(index).1);
            if version.is_none() {
                found.problems.push(Problem::incomplete(
                    ProblemKind::Unsupported,
                    path,
                    "built with Go before 1.18 in a way that hides the toolchain version: its standard library is not listed",
                ));
            }
            go::packages(path, version.as_deref(), text.as_deref(), &functions, &mut found);
        }
        for (_, text) in &modules {
            go::packages(path, None, Some(text), &functions, &mut found);
        }
        for json in &self.crates {
            rust::packages(path, json, &mut found);
        }
        if self.is_native_image && self.sboms.is_empty() {
            self.problem(
                ProblemKind::Unsupported,
                "a native image of GraalVM without an SBOM: its Java libraries are not known",
            );
        }
        for json in &self.sboms {
            embedded::packages(path, json, "the SBOM of a native image", "native-image-sbom", &mut found);
        }
        std::mem::take(&mut self.bundle).finish(path, &mut found);
        found.packages.extend(self.resources.iter().find_map(|resource| dotnet::package(path, resource)));
        found.packages.extend(std::mem::take(&mut self.products).finish(path));
        if self.programs.is_empty() && self.damaged_go {
            self.problem(ProblemKind::Corrupt, "the Go build information is damaged");
        } else if self.programs.is_empty() && modules.is_empty() && self.has_go_build_id {
            self.problem(
                ProblemKind::Unsupported,
                "a Go program without build information: its modules are not known",
            );
        }
        found
            .problems
            .extend(self.problems.iter().map(|(kind, detail)| Problem::incomplete(*kind, path, *detail)));
        if self.has_upx_mark && found.packages.is_empty() {
            found.problems.push(Problem::note(
                ProblemKind::Unsupported,
                path,
                "packed with UPX: what was linked into it cannot be seen",
            ));
        }
        if let Some(error) = error {
            found.problems.push(Problem::incomplete(
                ProblemKind::Unreadable,
                path,
                format!("cannot be read to its end: {error}"),
            ));
        }
        tidy(path, &mut found);
        found
    }

    /// The toolchain's version as it was written into the program (`go1.21.3`).
    fn version(&self, program: &GoProgram) -> Option<String> {
        let (address, width, big_endian) = match &program.version {
            GoVersion::Inline(version) => return Some(version.clone()),
            GoVersion::Pointer { address, width, big_endian } => (*address, *width, *big_endian),
        };
        let header = self.file_offset(address)?;
        let header = self.data.iter().find_map(|(start, data)| {
            let from = usize::try_from(header.checked_sub(*start)?).ok()?;
            data.get(from..).filter(|rest| !rest.is_empty())
        })?;
        let text_address = word(header, width, big_endian)?;
        let length = usize::try_from(word(header.get(width.into()..)?, width, big_endian)?).ok()?;
        let offset = self.file_offset(text_address)?;
        let index = self.version_strings.binary_search_by_key(&offset, |(offset, _)| *offset).ok()?;
        let text = self.version_strings[index].1.get(..length)?;
        String::from_utf8(text.to_vec()).ok()
    }

    fn file_offset(&self, address: u64) -> Option<u64> {
        self.segments.iter().find_map(|segment| {
            let inside = address.checked_sub(segment.address)?;
            (inside < segment.size).then(|| segment.offset.checked_add(inside))?
        })
    }
}

enum Progress {
    More,
    Done,
    Failed(ProblemKind, &'static str),
}

fn advance(kind: &mut CaptureKind, fresh: &[u8]) -> Progress {
    let done = |done: bool| if done { Progress::Done } else { Progress::More };
    match kind {
        CaptureKind::BundleHeader(header) => done(header.feed(fresh)),
        CaptureKind::BundleList(list) => match list.feed(fresh) {
            Some(whole) => done(whole),
            None => Progress::Failed(
                ProblemKind::LimitExceeded,
                "the list of packages of a .NET application is larger than 4 MiB",
            ),
        },
        CaptureKind::VersionResource(resource) => done(resource.feed(fresh)),
        CaptureKind::Modules { length: Some(length), text } => {
            let missing = length.saturating_sub(text.len());
            text.extend_from_slice(&fresh[..fresh.len().min(missing)]);
            if text.len() < *length {
                return Progress::More;
            }
            match go::without_sentinels(text) {
                Some(inner) => {
                    *text = inner.to_vec();
                    Progress::Done
                }
                None => Progress::Failed(ProblemKind::Corrupt, "the Go module list is damaged"),
            }
        }
        CaptureKind::Modules { length: None, text } => {
            // The end mark may be cut in two by the border between two calls.
            let seen = text.len().saturating_sub(MODULES_END.len() - 1);
            text.extend_from_slice(
                &fresh[..fresh.len().min(MAX_MODULE_LIST - text.len().min(MAX_MODULE_LIST))],
            );
            match memmem::find(&text[seen..], MODULES_END) {
                Some(end) => {
                    text.truncate(seen + end);
                    text.drain(..MODULES_START.len().min(text.len()));
                    Progress::Done
                }
                None if text.len() >= MAX_MODULE_LIST => {
                    Progress::Failed(ProblemKind::LimitExceeded, "the Go module list is longer than 4 MiB")
                }
                None => Progress::More,
            }
        }
        CaptureKind::Crates { inflater, json } => inflate(inflater, json, fresh, CRATES_ARE),
        CaptureKind::Sbom { inflater, json } => inflate(inflater, json, fresh, SBOM_IS),
        CaptureKind::Functions(names) => {
            if names.feed(fresh) {
                Progress::Done
            } else {
                Progress::More
            }
        }
    }
}

/// What is said of a list that is too large, and of one that is damaged.
type Words = [&'static str; 2];
const CRATES_ARE: Words = [
    "the crate list of cargo-auditable is larger than 8 MiB",
    "the crate list of cargo-auditable is damaged",
];
const SBOM_IS: Words =
    ["the SBOM of a native image is larger than 8 MiB", "the SBOM of a native image is damaged"];

fn inflate(inflater: &mut Decompress, json: &mut Vec<u8>, mut input: &[u8], words: Words) -> Progress {
    let [too_large, damaged] = words;
    loop {
        if json.len() >= MAX_CRATE_LIST {
            return Progress::Failed(ProblemKind::LimitExceeded, too_large);
        }
        json.reserve(json.len().max(4096).min(MAX_CRATE_LIST - json.len()));
        let (taken, given) = (inflater.total_in(), json.len());
        match inflater.decompress_vec(input, json, FlushDecompress::None) {
            Ok(Status::StreamEnd) => return Progress::Done,
            Ok(_) => {
                let taken = usize::try_from(inflater.total_in() - taken).unwrap_or(usize::MAX);
                input = input.get(taken..).unwrap_or_default();
                if input.is_empty() && json.len() < json.capacity() {
                    return Progress::More;
                }
                if taken == 0 && json.len() == given {
                    return Progress::More;
                }
            }
            Err(_) => {
                return Progress::Failed(ProblemKind::Corrupt, damaged);
            }
        }
    }
}

/// The version string behind the 32 bytes of header, and what follows it.
fn inline_version(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (length, rest) = varint(bytes.get(32..)?)?;
    if length > MAX_GO_VERSION {
        return None;
    }
    let (version, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    let version = std::str::from_utf8(version).ok()?;
    (version.starts_with("go") || version.starts_with("devel")).then(|| (version.to_owned(), rest))
}

/// Unsigned LEB128 as in Go's `encoding/binary`, at most ten bytes.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().take(10).enumerate() {
        let bits = u64::from(byte & 0x7f);
        if index == 9 && bits > 1 {
            return None;
        }
        value |= bits << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[index + 1..]));
        }
    }
    None
}

/// A number of 4 or 8 bytes.
pub(super) fn word(bytes: &[u8], width: u8, big_endian: bool) -> Option<u64> {
    Some(match (width, big_endian) {
        (4, false) => u32::from_le_bytes(*bytes.first_chunk()?).into(),
        (4, true) => u32::from_be_bytes(*bytes.first_chunk()?).into(),
        (8, false) => u64::from_le_bytes(*bytes.first_chunk()?),
        (8, true) => u64::from_be_bytes(*bytes.first_chunk()?),
        _ => return None,
    })
}

/// Lists each package once, in order, and marks what stands among test data.
fn tidy(path: &ImagePath, found: &mut Extraction) {
    let key = |package: &Package| (package.ecosystem, package.name.clone(), package.version.clone());
    found.packages.sort_by_cached_key(key);
    found.packages.dedup_by(|a, b| a.ecosystem == b.ecosystem && a.name == b.name && a.version == b.version);
    if found.packages.len() > MAX_PACKAGES {
        found.packages.truncate(MAX_PACKAGES);
        found.problems.push(Problem::incomplete(
            ProblemKind::LimitExceeded,
            path,
            "names more than 50,000 packages",
        ));
    }
    // Toolchain images carry old programs as test input; they run nowhere.
    if path.as_bytes().split(|byte| *byte == b'/').any(|part| part == b"testdata") {
        for package in &mut found.packages {
            package.properties.insert("test-data".into(), "true".into());
        }
    }
}
