//! Linux kernels and their modules.
//!
//! A kernel image says its release in plain text: in the setup header of x86 (`Documentation/arch/x86/boot.rst`, field `kernel_version`), else in the
//! banner `Linux version ...` of the kernel itself, which is open in an `Image` and in a `vmlinux`, and behind gzip, zstd, xz, LZMA, bzip2 or LZ4 in a compressed
//! image (a file that is nothing else, EFI zboot, `zImage`, U-Boot's `uImage` around one of these). A file with the name of a kernel in any other form is looked
//! through for the banner, and said to be unread where there is none. Distributions mend flaws without changing the release: a kernel that a package of theirs owns is
//! linked to it, and the package's version decides.
//!
//! Modules are read by their `.modinfo` section (`include/linux/module.h`). Those of the kernel's own tree, where the kernel keeps them, are part of the kernel
//! and are not listed one by one; all others are. Not read, and said so: kernels compressed with LZO.

use std::io::{self, Read};

use bzip2::read::BzDecoder;
use flate2::read::GzDecoder;
use memchr::memmem;
use object::read::elf::{FileHeader, SectionHeader};
use object::{Endianness, elf};
use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Location, Package, Problem, ProblemKind};

use super::lz4;
use super::products;
use crate::{Extraction, Extractor, Reader};

/// Kernel images.
pub static KERNEL_IMAGE: Extractor = Extractor {
    name: "binary/kernel_image",
    version: 3,
    declares: false,
    wants: wants_image,
    read: Reader::Stream { parse: parse_image },
};

/// Kernel modules, open or compressed with gzip, xz or zstd.
pub static KERNEL_MODULE: Extractor = Extractor {
    name: "binary/kernel_module",
    version: 1,
    declares: false,
    wants: wants_module,
    read: Reader::Whole { limit: LARGEST_MODULE, parse: parse_module },
};

/// Bytes at the front in which the forms are told apart. The setup header points at most this far.
const HEAD: usize = 128 << 10;
/// Largest kernel that is looked through, open.
const LARGEST_KERNEL: u64 = 256 << 20;
/// Largest module, open or not. Real ones are below 60 MiB.
const LARGEST_MODULE: u64 = 128 << 20;
/// Memory for unpacking xz and LZMA, in KiB. The kernel's own build asks for dictionaries of 2 MiB in modules, and in kernels for 32 MiB (xz) and 64 MiB (LZMA).
const XZ_MEMORY: u32 = 72 << 10;
/// Longest banner.
const LONGEST_BANNER: usize = 512;
/// Longest value of a module's information.
const LONGEST_VALUE: usize = 256;
/// What the kernel's own text begins with.
const BANNER: &[u8] = b"Linux version ";
/// What stands behind a signed module (`include/linux/module_signature.h`).
const SIGNED: &[u8] = b"~Module signature appended~\n";

fn wants_image(entry: &Entry<'_>) -> bool {
    let name = entry.path.file_name();
    let is_named = [&b"vmlinuz"[..], b"vmlinux", b"bzImage", b"zImage"].iter().any(|start| {
        name.strip_prefix(*start).is_some_and(|rest| matches!(rest.first(), None | Some(b'-' | b'.' | b'_')))
    });
    // `Image` is a common word.
    let is_image = matches!(name, b"Image" | b"Image.gz") && entry.path.as_bytes().starts_with(b"boot/");
    entry.size >= 4096 && (is_named || is_image)
}

fn wants_module(entry: &Entry<'_>) -> bool {
    module_name(entry.path).is_some() && entry.size >= 64
}

/// `nf_tables` of `nf_tables.ko.xz`.
fn module_name(path: &ImagePath) -> Option<&[u8]> {
    let name = path.file_name();
    let name = [&b".gz"[..], b".xz", b".zst"].iter().find_map(|end| name.strip_suffix(*end)).unwrap_or(name);
    name.strip_suffix(b".ko").filter(|name| !name.is_empty())
}

/// Reads a kernel. Public for fuzzing.
pub fn parse_image(path: &ImagePath, reader: &mut dyn Read) -> io::Result<Extraction> {
    let mut head = vec![0; HEAD];
    let mut filled = 0;
    while filled < head.len() {
        match reader.read(&mut head[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count.min(head.len() - filled),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    head.truncate(filled);
    let form = form(&head);
    let skipped = match form {
        Form::Packed(_, at) => at,
        _ => 0,
    };
    let mut whole = (&head[skipped.min(head.len())..]).chain(reader).take(LARGEST_KERNEL);
    let banner = match form {
        Form::Setup(banner) => Some(banner),
        Form::Open => banner(&mut whole)?,
        Form::Packed(packing, _) => {
            let open: io::Result<Box<dyn Read + '_>> = match packing {
                Packing::Gzip => Ok(Box::new(GzDecoder::new(whole))),
                Packing::Zstd => {
                    zstd::stream::read::Decoder::new(whole).map(|decoder| Box::new(decoder) as _)
                }
                Packing::Xz => Ok(Box::new(lzma_rust2::XzReader::new_mem_limit(whole, false, XZ_MEMORY))),
                Packing::Lzma => lzma_rust2::LzmaReader::new_mem_limit(whole, XZ_MEMORY, None)
                    .map(|decoder| Box::new(decoder) as _),
                Packing::Lz4 => Ok(Box::new(lz4::LegacyReader::new(whole))),
                Packing::Bzip2 => Ok(Box::new(BzDecoder::new(whole))),
            };
            compressed(open.and_then(|open| banner(&mut open.take(LARGEST_KERNEL))))?
        }
        Form::Unsupported(how) => {
            let detail = format!("a Linux kernel compressed with {how}: which one is not known");
            return Ok(Extraction::problem(Problem::incomplete(ProblemKind::Unsupported, path, detail)));
        }
        // Sources and scripts that are named after the kernel: `vmlinux.h`, `vmlinux.lds`, `vmlinuz.old.sig`.
        Form::Text => return Ok(Extraction::default()),
        Form::Other => match banner(&mut whole)? {
            Some(banner) => Some(banner),
            None => {
                let detail = "named as a Linux kernel, in a form that is not read: which one it is, and whether it is one, is not known";
                return Ok(Extraction::problem(Problem::incomplete(ProblemKind::Unsupported, path, detail)));
            }
        },
    };
    let Some(package) = banner.as_deref().and_then(|banner| kernel(path, banner)) else {
        let detail = "a Linux kernel that does not say its release";
        return Ok(Extraction::problem(Problem::incomplete(ProblemKind::Unsupported, path, detail)));
    };
    Ok(Extraction { packages: vec![package], ..Extraction::default() })
}

/// A compressed part that breaks is no break of the file: what was not found is said.
fn compressed(found: io::Result<Option<String>>) -> io::Result<Option<String>> {
    match found {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::InvalidInput
                    | io::ErrorKind::InvalidData
                    | io::ErrorKind::UnexpectedEof
                    // A dictionary larger than what is given to it.
                    | io::ErrorKind::OutOfMemory
                    | io::ErrorKind::Unsupported
                    | io::ErrorKind::Other
            ) =>
        {
            Ok(None)
        }
        found => found,
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Form {
    /// x86: the text of the setup header.
    Setup(String),
    Open,
    /// Compressed, from here.
    Packed(Packing, usize),
    Unsupported(&'static str),
    /// No program of any kind.
    Text,
    Other,
}

/// What a kernel is compressed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    Gzip,
    Zstd,
    Xz,
    Lzma,
    Lz4,
    Bzip2,
}

/// A way to compress: what it begins with in a kernel, and its name in an EFI zboot image.
struct Magic {
    packing: Packing,
    start: &'static [u8],
    name: &'static [u8],
}

static MAGICS: &[Magic] = &[
    Magic { packing: Packing::Gzip, start: b"\x1f\x8b\x08\x00", name: b"gzip\0" },
    Magic { packing: Packing::Zstd, start: b"\x28\xb5\x2f\xfd", name: b"zstd" },
    Magic { packing: Packing::Xz, start: b"\xfd7zXZ\0", name: b"xz" },
    // Properties, and a dictionary whose size is no odd number.
    Magic { packing: Packing::Lzma, start: b"\x5d\0\0", name: b"lzma\0" },
    Magic { packing: Packing::Lz4, start: &lz4::MAGIC, name: b"lz4\0" },
    // The kernel's build asks for the greatest blocks; behind their size stands the number that each of them begins with.
    Magic { packing: Packing::Bzip2, start: b"BZh91AY&SY", name: b"bzip2\0" },
];
/// What `lzop` writes first.
const LZO: &[u8] = b"\x89LZO\0\r\n\x1a\n";
/// U-Boot's header in front of an image (`include/image.h`), and its length.
const UBOOT: &[u8] = b"\x27\x05\x19\x56";
const UBOOT_HEADER: usize = 64;
const UNREAD: &str = "something other than gzip, zstd, xz, LZMA, bzip2 or LZ4";

fn form(head: &[u8]) -> Form {
    if let Some(inner) = head.strip_prefix(UBOOT).and_then(|rest| rest.get(UBOOT_HEADER - UBOOT.len()..)) {
        return match form_of(inner) {
            Form::Packed(packing, at) => Form::Packed(packing, at + UBOOT_HEADER),
            form => form,
        };
    }
    match form_of(head) {
        Form::Other if is_text(head) => Form::Text,
        form => form,
    }
}

/// Is there nothing in it that no text has?
fn is_text(head: &[u8]) -> bool {
    let is_utf8 = match std::str::from_utf8(head) {
        Ok(_) => true,
        // A letter that the end of what was read cuts.
        Err(error) => error.error_len().is_none(),
    };
    is_utf8 && !head.iter().any(|byte| matches!(byte, 0..=8 | 0xe..=0x1a | 0x1c..=0x1f | 0x7f))
}

fn form_of(head: &[u8]) -> Form {
    let at = |offset: usize, bytes: &[u8]| head.get(offset..).is_some_and(|rest| rest.starts_with(bytes));
    if at(0x202, b"HdrS") {
        let pointer = head.get(0x20e..).and_then(|rest| rest.first_chunk::<2>());
        let start = pointer.map_or(0, |pointer| usize::from(u16::from_le_bytes(*pointer)) + 0x200);
        let text = head.get(start..).unwrap_or_default();
        return Form::Setup(text_of(text));
    }
    // EFI zboot (`drivers/firmware/efi/libstub/zboot-header.S`).
    if at(0, b"MZ") && at(4, b"zimg") {
        let payload = head.get(8..).and_then(|rest| rest.first_chunk::<4>());
        let payload = payload.and_then(|bytes| usize::try_from(u32::from_le_bytes(*bytes)).ok());
        let name = head.get(24..).unwrap_or_default();
        let packing = MAGICS.iter().find(|magic| name.starts_with(magic.name)).map(|magic| magic.packing);
        return match (packing, payload.filter(|payload| *payload < head.len())) {
            (Some(packing), Some(payload)) => Form::Packed(packing, payload),
            _ if name.starts_with(b"lzo\0") => Form::Unsupported("LZO"),
            _ => Form::Unsupported(UNREAD),
        };
    }
    // arm64, RISC-V (`Documentation/arch/*/boot-image-header.rst`), or an ELF file.
    if at(0x38, b"ARM\x64") || at(0x38, b"RSC\x05") || at(0, b"\x7fELF") {
        return Form::Open;
    }
    if at(0, b"\x1f\x8b\x08") {
        return Form::Packed(Packing::Gzip, 0);
    }
    if let Some(magic) = MAGICS.iter().find(|magic| at(0, magic.start)) {
        return Form::Packed(magic.packing, 0);
    }
    if at(0, LZO) {
        return Form::Unsupported("LZO");
    }
    // `arch/arm/boot/compressed/head.S`: what unpacks it comes first. Code may hold the three bytes of LZMA by chance, so
    // that the longer ones go before it.
    if at(0x24, &[0x18, 0x28, 0x6f, 0x01]) {
        let is_long = |magic: &&Magic| magic.start.len() > 3;
        let found = MAGICS.iter().filter(is_long).chain(MAGICS.iter().filter(|magic| !is_long(magic)));
        let mut found = found.filter_map(|magic| Some((magic.packing, memmem::find(head, magic.start)?)));
        return match found.next() {
            _ if memmem::find(head, LZO).is_some() => Form::Unsupported("LZO"),
            Some((packing, start)) => Form::Packed(packing, start),
            None => Form::Unsupported(UNREAD),
        };
    }
    Form::Other
}

/// A text up to its end, as long as it is one.
fn text_of(bytes: &[u8]) -> String {
    let bytes = &bytes[..bytes.len().min(LONGEST_BANNER)];
    let end = bytes.iter().position(|byte| matches!(byte, 0 | b'\n')).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// What stands behind the first `Linux version ` that a number follows.
fn banner(reader: &mut dyn Read) -> io::Result<Option<String>> {
    const OVERLAP: usize = BANNER.len() + LONGEST_BANNER;
    let mut buffer = vec![0; HEAD + OVERLAP];
    let mut kept = 0;
    loop {
        let mut filled = kept;
        let mut at_end = false;
        while filled < buffer.len() {
            match reader.read(&mut buffer[filled..]) {
                Ok(0) => {
                    at_end = true;
                    break;
                }
                Ok(count) => filled += count.min(buffer.len() - filled),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let window = &buffer[..filled];
        for at in memmem::find_iter(window, BANNER) {
            let text = &window[at + BANNER.len()..];
            if text.first().is_some_and(u8::is_ascii_digit) && (at_end || text.len() >= LONGEST_BANNER) {
                return Ok(Some(text_of(text)));
            }
        }
        if at_end {
            return Ok(None);
        }
        kept = filled.min(OVERLAP);
        buffer.copy_within(filled - kept..filled, 0);
    }
}

/// `6.1.0-18-amd64 (debian-kernel@lists.debian.org) #1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1 (2024-02-01)`.
fn kernel(path: &ImagePath, banner: &str) -> Option<Package> {
    let release = banner.split_whitespace().next()?;
    if !release.starts_with(|letter: char| letter.is_ascii_digit()) || release.contains(char::is_control) {
        return None;
    }
    // Debian's and Ubuntu's release counts interfaces; what upstream calls the kernel stands further behind.
    let mut words = banner.split_whitespace().map(|word| word.trim_matches(['(', ')']));
    let upstream = match words.find(|word| matches!(*word, "Debian" | "Ubuntu")) {
        Some("Debian") => words.next(),
        Some(_) => words.nth(1),
        None => None,
    };
    let numbers = |text: &str| {
        let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
        let rest = &text[end..];
        let before =
            rest.strip_prefix("-rc").map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count());
        let end = if before > 0 { end + 3 + before } else { end };
        text[..end].trim_end_matches('.').to_owned()
    };
    let version =
        upstream.map(numbers).filter(|version| version.contains('.')).unwrap_or_else(|| numbers(release));
    let mut package = products::package("linux", &version, path);
    let cpe = format!("cpe:2.3:o:linux:linux_kernel:{version}:*:*:*:*:*:*:*");
    package.properties.insert("cpe".into(), cpe);
    package.properties.insert("kernel-release".into(), release.to_owned());
    Some(package)
}

/// Reads a module. Public for fuzzing.
pub fn parse_module(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let opened = match bytes {
        [0x1f, 0x8b, ..] => open(&mut GzDecoder::new(bytes)).map(Some),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => {
            open(&mut lzma_rust2::XzReader::new_mem_limit(bytes, false, XZ_MEMORY)).map(Some)
        }
        [0x28, 0xb5, 0x2f, 0xfd, ..] => zstd::stream::read::Decoder::with_buffer(bytes)
            .and_then(|mut decoder| open(&mut decoder))
            .map(Some),
        _ => Ok(None),
    };
    let opened = match opened {
        Ok(opened) => opened,
        Err(error) => {
            let kind = if error.kind() == io::ErrorKind::FileTooLarge {
                ProblemKind::LimitExceeded
            } else {
                ProblemKind::Corrupt
            };
            let detail = format!("the kernel module cannot be unpacked: {error}");
            return Extraction::problem(Problem::incomplete(kind, path, detail));
        }
    };
    let bytes = opened.as_deref().unwrap_or(bytes);
    let Some(information) = information(bytes) else {
        return Extraction::problem(Problem::corrupt(
            path,
            "the kernel module is not an ELF file with a `.modinfo` section",
        ));
    };
    let Some(name) = module_name(path) else { return Extraction::default() };
    let get = |key: &str| {
        information.split(|byte| *byte == 0).find_map(|entry| {
            let value = entry.strip_prefix(key.as_bytes())?.strip_prefix(b"=")?;
            let value = String::from_utf8_lossy(&value[..value.len().min(LONGEST_VALUE)]);
            Some(value.chars().filter(|letter| !letter.is_control()).collect::<String>())
        })
    };
    let release = get("vermagic").and_then(|magic| magic.split_whitespace().next().map(str::to_owned));
    if get("intree").is_some_and(|answer| answer == "Y") && is_at_home(path, release.as_deref()) {
        return Extraction::default();
    }
    let mut package = Package::new(
        Ecosystem::Generic,
        format!("{}.ko", String::from_utf8_lossy(name)),
        get("version").unwrap_or_default(),
        Location::new(path.clone()),
    );
    package.licenses.extend(get("license").filter(|license| !license.is_empty()));
    let signed = if bytes.ends_with(SIGNED) { "yes" } else { "no" };
    for (key, value) in [
        ("identity", Some("modinfo".to_owned())),
        ("kind", Some("kernel-module".to_owned())),
        ("kernel-release", release),
        ("signed", Some(signed.to_owned())),
    ] {
        if let Some(value) = value {
            package.properties.insert(key.into(), value);
        }
    }
    Extraction { packages: vec![package], ..Extraction::default() }
}

/// Any bytes as LZ4 of a kernel, as a kernel and as a module: nothing may panic.
///
/// # Panics
/// When a block of LZ4 opens to more than it may.
pub fn fuzz(bytes: &[u8]) {
    for bytes in [bytes, &[&lz4::MAGIC, bytes].concat()] {
        // Four bytes of length come before each block.
        let blocks = bytes.len() as u64 / 4;
        let read = io::copy(&mut lz4::LegacyReader::new(bytes), &mut io::sink());
        assert!(read.is_err() || read.is_ok_and(|read| read <= blocks * (8 << 20)));
        let _ = parse_image(&"boot/vmlinuz".into(), &mut &bytes[..]);
    }
    let _ = parse_module(&"opt/x.ko".into(), bytes);
}

fn open(reader: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(LARGEST_MODULE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST_MODULE {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 128 MiB"));
    }
    Ok(bytes)
}

/// Is it where `make modules_install` puts the modules of this kernel's own tree (`lib/modules/RELEASE/kernel/`)?
fn is_at_home(path: &ImagePath, release: Option<&str>) -> bool {
    let path = path.as_bytes();
    let Some(release) = release else { return false };
    let path = path.strip_prefix(b"usr/").unwrap_or(path);
    path.strip_prefix(b"lib/modules/")
        .and_then(|rest| rest.strip_prefix(release.as_bytes()))
        .is_some_and(|rest| rest.starts_with(b"/kernel/"))
}

fn information(bytes: &[u8]) -> Option<&[u8]> {
    match bytes.get(4)? {
        1 => section::<elf::FileHeader32<Endianness>>(bytes),
        _ => section::<elf::FileHeader64<Endianness>>(bytes),
    }
}

fn section<Elf: FileHeader<Endian = Endianness>>(bytes: &[u8]) -> Option<&[u8]> {
    let header = Elf::parse(bytes).ok()?;
    let endian = header.endian().ok()?;
    let (_, section) = header.sections(endian, bytes).ok()?.section_by_name(endian, b".modinfo")?;
    section.data(endian, bytes).ok()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const DEBIAN: &str =
        "6.1.0-18-amd64 (debian-kernel@lists.debian.org) #1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1 (2024-02-01)";

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// A bzImage with its setup header.
    fn setup(banner: &str) -> Vec<u8> {
        let mut image = vec![0; 0x8000];
        image[..2].copy_from_slice(b"MZ");
        image[0x202..0x206].copy_from_slice(b"HdrS");
        image[0x20e..0x210].copy_from_slice(&0x3000_u16.to_le_bytes());
        image[0x3200..0x3200 + banner.len()].copy_from_slice(banner.as_bytes());
        image
    }

    /// The kernel itself, with texts that only look like its banner.
    fn open_kernel(banner: &str, before: usize) -> Vec<u8> {
        let mut image = vec![0x55; before.max(0x40)];
        image[0x38..0x3c].copy_from_slice(b"ARM\x64");
        image.extend_from_slice(b"Linux version %s\0Linux version ");
        image.extend_from_slice(banner.as_bytes());
        image.extend_from_slice(b"\n\0");
        image.resize(image.len() + 5000, 0x55);
        image
    }

    fn read(image: &[u8]) -> Extraction {
        parse_image(&"boot/vmlinuz-x".into(), &mut &image[..]).unwrap()
    }

    fn versions(image: &[u8]) -> Vec<(String, String)> {
        let found = read(image);
        assert_eq!(found.problems, []);
        let release = |package: &Package| package.properties["kernel-release"].clone();
        found.packages.iter().map(|package| (package.version.clone(), release(package))).collect()
    }

    #[test]
    fn forms_of_kernels() {
        let expected = [("6.1.76".to_owned(), "6.1.0-18-amd64".to_owned())];
        assert_eq!(versions(&setup(DEBIAN)), expected);
        // Wherever the banner falls between what is read in one go.
        for before in [0, HEAD - 20, HEAD - 1, HEAD, HEAD + 500, 3 * HEAD] {
            let kernel = open_kernel(DEBIAN, before);
            assert_eq!(versions(&kernel), expected, "{before}");
        }
        let kernel = open_kernel(DEBIAN, 200_000);
        assert_eq!(versions(&gzip(&kernel)), expected);
        let boot = |kind: &[u8], payload: &[u8]| {
            let mut image = vec![0; 0x100];
            image[..8].copy_from_slice(b"MZ\0\0zimg");
            image[8..12].copy_from_slice(&0x100_u32.to_le_bytes());
            image[24..24 + kind.len()].copy_from_slice(kind);
            [&image, payload].concat()
        };
        assert_eq!(versions(&boot(b"gzip", &gzip(&kernel))), expected);
        assert_eq!(versions(&boot(b"zstd", &zstd::encode_all(&kernel[..], 1).unwrap())), expected);
        let mut arm = vec![0; 0x400];
        arm[0x24..0x28].copy_from_slice(&0x016f_2818_u32.to_le_bytes());
        assert_eq!(versions(&[&arm, &gzip(&kernel)[..]].concat()), expected);
        // A kernel of 200,000 bytes `U` and the banner (`open_kernel`), as `xz --check=crc32 --arm64 --lzma2=dict=32MiB`, `lzma -9` and `lz4 -l -9` pack it.
        for (name, packed) in [
            (&b"xzkern"[..], &include_bytes!("../../fixtures/binary/kernel/kernel.xz")[..]),
            (b"lzma\0", include_bytes!("../../fixtures/binary/kernel/kernel.lzma")),
            (b"lz4\0", include_bytes!("../../fixtures/binary/kernel/kernel.lz4")),
            // `bzip2 -9`
            (b"bzip2\0", include_bytes!("../../fixtures/binary/kernel/kernel.bz2")),
        ] {
            let what = String::from_utf8_lossy(name);
            assert_eq!(versions(packed), expected, "{what}");
            // The kernel's build puts the size behind what it packed.
            let sized = [packed, &200_000_u32.to_le_bytes()].concat();
            assert_eq!(versions(&boot(name, &sized)), expected, "{what}");
            assert_eq!(versions(&[&arm, &sized[..]].concat()), expected, "{what}");
            let boot_loader = [&b"\x27\x05\x19\x56"[..], &[7; 60], &sized].concat();
            assert_eq!(versions(&boot_loader), expected, "{what}");
            for length in (0..packed.len()).step_by(7) {
                let found = read(&boot(name, &packed[..length]));
                assert_eq!(found.packages.len() + found.problems.len(), 1, "{what} {length}");
            }
        }
        // A dictionary of 4 GiB is not given.
        let greedy = [&b"\x5d\0\0\0\xf0"[..], &[0xff; 8], &[0; 64]].concat();
        for bad in [
            boot(b"lzma\0", &greedy),
            boot(b"lzo\0", b""),
            boot(b"xzkern", b""),
            boot(b"gzip", b"no gzip"),
            arm,
            setup(""),
            gzip(b"nothing"),
        ] {
            let found = read(&bad);
            assert_eq!((found.packages.len(), found.problems.len()), (0, 1), "{found:?}");
        }
    }

    /// What has the name of a kernel is read or named, whatever is in it; texts are neither.
    #[test]
    fn no_form_is_passed_over_in_silence() {
        let lzo = [LZO, &[1; 5000]].concat();
        let mut arm = vec![0; 0x400];
        arm[0x24..0x28].copy_from_slice(&0x016f_2818_u32.to_le_bytes());
        for (image, word) in [
            (lzo.clone(), "compressed with LZO"),
            ([&arm, &lzo[..]].concat(), "compressed with LZO"),
            ([&b"MZ\0\0zimg"[..], &[0; 16], b"lzo\0", &[0; 100]].concat(), "compressed with LZO"),
            ([UBOOT, &[0; 60], &lzo[..]].concat(), "compressed with LZO"),
            (vec![0x90; 5000], "in a form that is not read"),
            (b"\x01some other image".to_vec(), "in a form that is not read"),
            (b"BZh1".iter().copied().chain(0..=255).collect(), "in a form that is not read"),
        ] {
            let found = read(&image);
            assert_eq!((found.packages.len(), found.problems.len()), (0, 1), "{word}");
            assert!(found.problems[0].detail.contains(word), "{:?}", found.problems);
        }
        assert_eq!(read(b"#ifndef __VMLINUX_H__\n#define __VMLINUX_H__\n"), Extraction::default());
        // A form that nobody knows, with the banner as it is.
        let odd = [&[0x90; 5000][..], b"Linux version ", DEBIAN.as_bytes(), b"\n\0"].concat();
        assert_eq!(versions(&odd), [("6.1.76".to_owned(), "6.1.0-18-amd64".to_owned())]);
        let mut riscv = open_kernel(DEBIAN, 0x100);
        riscv[0x38..0x3c].copy_from_slice(b"RSC\x05");
        assert_eq!(versions(&riscv), versions(&odd));
    }

    proptest::proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400)) {
            fuzz(&bytes);
        }
    }

    #[test]
    fn releases() {
        for (banner, version, release) in [
            (DEBIAN, "6.1.76", "6.1.0-18-amd64"),
            (
                "5.15.0-91-generic (buildd@lcy02) #101-Ubuntu SMP Tue Nov 14 13:30:08 UTC 2023 (Ubuntu 5.15.0-91.101-generic 5.15.131)",
                "5.15.131",
                "5.15.0-91-generic",
            ),
            ("5.14.0-362.8.1.el9_3.x86_64 (mockbuild@x) #1 SMP", "5.14.0", "5.14.0-362.8.1.el9_3.x86_64"),
            ("6.9.0-rc3-custom (me@here) #2", "6.9.0-rc3", "6.9.0-rc3-custom"),
            ("6.6 x", "6.6", "6.6"),
        ] {
            let package = kernel(&"boot/vmlinuz".into(), banner).unwrap();
            assert_eq!(
                (package.version.as_str(), package.properties["kernel-release"].as_str()),
                (version, release)
            );
            assert_eq!(package.name, "linux");
            assert!(package.properties["cpe"].starts_with("cpe:2.3:o:linux:linux_kernel:"));
        }
        assert_eq!(kernel(&"x".into(), "%s (%s)"), None);
        assert_eq!(kernel(&"x".into(), ""), None);
    }

    #[test]
    fn names() {
        for (path, image, module) in [
            ("boot/vmlinuz-6.1.0-18-amd64", true, false),
            ("boot/vmlinuz", true, false),
            ("usr/lib/modules/6.1.0/vmlinuz", true, false),
            ("boot/vmlinuznot", false, false),
            ("boot/Image", true, false),
            ("srv/Image", false, false),
            ("lib/modules/6.1.0/kernel/net/x.ko", false, true),
            ("lib/modules/6.1.0/kernel/net/x.ko.xz", false, true),
            ("opt/x.ko.zst", false, true),
            ("opt/.ko", false, false),
            ("opt/x.kos", false, false),
        ] {
            let path = ImagePath::from(path);
            let entry = Entry { path: &path, size: 100_000, mode: 0o644 };
            assert_eq!((wants_image(&entry), wants_module(&entry)), (image, module), "{path}");
        }
    }

    /// An ELF file with a `.modinfo` section and one of names.
    fn module(information: &[u8], class: u8) -> Vec<u8> {
        let names = b"\0.modinfo\0.shstrtab\0";
        let (header, entry) = if class == 1 { (52, 40) } else { (64, 64) };
        let table = header + information.len() + names.len();
        let mut file = vec![0x7f, b'E', b'L', b'F', class, 1, 1];
        file.resize(16, 0);
        file.extend([1, 0, 62, 0, 1, 0, 0, 0]);
        let word = |file: &mut Vec<u8>, value: usize| {
            let bytes = (value as u64).to_le_bytes();
            file.extend_from_slice(if class == 1 { &bytes[..4] } else { &bytes });
        };
        word(&mut file, 0);
        word(&mut file, 0);
        word(&mut file, table);
        file.extend([0; 4]);
        for half in [header, 0, 0, entry, 3, 2] {
            file.extend(u16::try_from(half).unwrap().to_le_bytes());
        }
        assert_eq!(file.len(), header);
        file.extend_from_slice(information);
        file.extend_from_slice(names);
        for (name, kind, offset, size) in [
            (0_u32, 0_u32, 0, 0),
            (1, 1, header, information.len()),
            (10, 3, header + information.len(), names.len()),
        ] {
            file.extend(name.to_le_bytes());
            file.extend(kind.to_le_bytes());
            word(&mut file, 0);
            word(&mut file, 0);
            word(&mut file, offset);
            word(&mut file, size);
            file.extend([0; 8]);
            word(&mut file, 1);
            word(&mut file, 0);
        }
        file
    }

    const OWN: &[u8] =
        b"license=GPL\0intree=Y\0name=x\0vermagic=6.1.0-18-amd64 SMP preempt mod_unload modversions \0";
    const FOREIGN: &[u8] = b"version=535.129.03\0license=NVIDIA\0vermagic=6.1.0-18-amd64 SMP\0";

    #[test]
    fn modules_that_are_not_of_the_kernel_are_listed() {
        let home = "usr/lib/modules/6.1.0-18-amd64/kernel/drivers/x.ko";
        for class in [1, 2] {
            assert_eq!(parse_module(&home.into(), &module(OWN, class)), Extraction::default());
            for (path, information, version, signed) in [
                ("lib/modules/6.1.0-18-amd64/updates/dkms/nvidia.ko", FOREIGN, "535.129.03", true),
                (home, FOREIGN, "535.129.03", false),
                ("opt/x.ko", OWN, "", false),
                ("lib/modules/6.1.0-20-amd64/kernel/x.ko", OWN, "", false),
            ] {
                let mut file = module(information, class);
                if signed {
                    file.extend_from_slice(SIGNED);
                }
                for packed in [file.clone(), gzip(&file), zstd::encode_all(&file[..], 1).unwrap()] {
                    let found = parse_module(&path.into(), &packed);
                    assert_eq!(found.problems, [], "{path}");
                    let package = &found.packages[0];
                    assert_eq!(package.version, version, "{path}");
                    assert_eq!(package.properties["kernel-release"], "6.1.0-18-amd64");
                    assert_eq!(package.properties["signed"], if signed { "yes" } else { "no" });
                    assert_eq!(package.licenses.len(), 1);
                }
            }
        }
    }

    #[test]
    fn modules_packed_with_xz() {
        let file = module(FOREIGN, 2);
        let packed = include_bytes!("../../fixtures/binary/kernel/nvidia.ko.xz");
        let found = parse_module(&"opt/nvidia.ko.xz".into(), packed);
        assert_eq!(found.problems, []);
        assert_eq!(found.packages, parse_module(&"opt/nvidia.ko.xz".into(), &file).packages);
    }

    #[test]
    fn damaged_modules_are_told() {
        let whole = module(FOREIGN, 2);
        for bytes in [
            &b"not an ELF file at all"[..],
            b"",
            &whole[..100],
            &gzip(&whole)[..60],
            b"\xfd7zXZ\0\0\0",
            b"\x28\xb5\x2f\xfd\0",
        ] {
            let found = parse_module(&"opt/x.ko".into(), bytes);
            assert_eq!((found.packages.len(), found.problems.len()), (0, 1), "{bytes:?}");
        }
        for length in 0..whole.len() {
            parse_module(&"opt/x.ko".into(), &whole[..length]);
        }
        // What unpacks to more than is read.
        let bomb = gzip(&vec![0; usize::try_from(LARGEST_MODULE).unwrap() + 10]);
        let found = parse_module(&"opt/x.ko".into(), &bomb);
        assert_eq!(found.problems[0].kind, ProblemKind::LimitExceeded);
    }
}
