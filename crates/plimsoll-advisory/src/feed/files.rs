//! The files of a feed, whether it stands as a zip archive, as a folder, or as a single file, plain or compressed (gzip,
//! bzip2, xz, zstd).
//!
//! Sizes and numbers are bounded before anything is allocated; links are not followed.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::error::Error;

/// The greatest size of one member, in bytes after unpacking. Real single documents (Debian's tracker) stay below.
pub const MEMBER_LIMIT: u64 = 256 << 20;
/// The greatest number of members of one container.
pub const COUNT_LIMIT: u64 = 4_000_000;
/// The greatest sum of sizes of one container, in bytes after unpacking.
pub const TOTAL_LIMIT: u64 = 64 << 30;
/// Memory that unpacking xz may take, in KiB: `xz -9` needs 65 MiB.
const XZ_MEMORY: u32 = 128 << 10;
/// How deep folders are read.
const DEPTH_LIMIT: usize = 16;

/// What to do with a member that is not handed out.
pub enum Passed<'member> {
    /// The member's content.
    Content(&'member [u8]),
    /// Why it could not be read: one of few fixed texts.
    Unreadable(&'static str),
}

fn read_error(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Read { path, source }
}

/// Calls `each` with name and content of every member whose name `wanted` accepts, in the order of their names.
///
/// `path` is a zip archive, a folder (read recursively), a compressed file or a plain file; the latter two are one member.
/// A member that cannot be read is handed out as [`Passed::Unreadable`]; a container that cannot be read is an error.
pub fn each(
    path: &Path,
    wanted: &dyn Fn(&str) -> bool,
    each: &mut dyn FnMut(&str, Passed<'_>),
) -> Result<(), Error> {
    let metadata = fs::metadata(path).map_err(read_error(path))?;
    if metadata.is_dir() {
        return each_of_folder(path, wanted, each);
    }
    let mut head = [0; 4];
    let mut file = File::open(path).map_err(read_error(path))?;
    let mut filled = 0;
    while filled < head.len() {
        match file.read(&mut head[filled..]).map_err(read_error(path))? {
            0 => break,
            count => filled += count,
        }
    }
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return each_of_zip(path, wanted, each);
    }
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let mut content = Vec::new();
    let outcome = read_single(path, &mut content);
    match outcome {
        Ok(true) => each(plain_name(&name), Passed::Content(&content)),
        Ok(false) => {
            return Err(Error::Limit { path: path.to_owned(), what: "a size", limit: MEMBER_LIMIT });
        }
        Err(error) => return Err(read_error(path)(error)),
    }
    Ok(())
}

/// The name of a file without the extension of its compression: `updateinfo.xml.gz` -> `updateinfo.xml`.
pub fn plain_name(name: &str) -> &str {
    [".gz", ".bz2", ".xz", ".zst"].iter().find_map(|extension| name.strip_suffix(extension)).unwrap_or(name)
}

/// What a file unpacks to; a file that is not compressed is handed out as it is. Told by its first bytes.
fn opened(mut file: impl io::BufRead + 'static) -> io::Result<Box<dyn Read>> {
    let head = file.fill_buf()?;
    Ok(if head.starts_with(&[0x1f, 0x8b]) {
        Box::new(flate2::bufread::MultiGzDecoder::new(file))
    } else if head.starts_with(b"BZh") {
        Box::new(bzip2::bufread::MultiBzDecoder::new(file))
    } else if head.starts_with(b"\xfd7zXZ\0") {
        Box::new(lzma_rust2::XzReader::new_mem_limit(file, true, XZ_MEMORY))
    } else if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        Box::new(zstd::stream::read::Decoder::with_buffer(file)?)
    } else {
        Box::new(file)
    })
}

/// Does a member's name end in `.extension`?
pub fn has_extension(name: &str, extension: &str) -> bool {
    Path::new(name).extension().is_some_and(|found| found == extension)
}

/// Opens a plain or compressed file for reading as a stream, bounded by [`TOTAL_LIMIT`].
pub fn stream(path: &Path) -> Result<Box<dyn io::BufRead>, Error> {
    let file = File::open(path).map_err(read_error(path))?;
    let opened = opened(BufReader::with_capacity(1 << 16, file)).map_err(read_error(path))?;
    Ok(Box::new(BufReader::with_capacity(1 << 16, opened.take(TOTAL_LIMIT))))
}

/// Reads one line without its end into `line`. `Ok(None)` at the end of the stream; `Ok(Some(false))` when the line was
/// longer than [`MEMBER_LIMIT`] and was dropped.
pub fn next_line(reader: &mut dyn io::BufRead, line: &mut Vec<u8>) -> io::Result<Option<bool>> {
    line.clear();
    let mut kept = true;
    let mut any = false;
    loop {
        let available = reader.fill_buf()?;
        if available.is_empty() {
            return Ok(any.then_some(kept));
        }
        any = true;
        let end = available.iter().position(|byte| *byte == b'\n');
        let taken = end.unwrap_or(available.len());
        if kept && (line.len() + taken) as u64 <= MEMBER_LIMIT {
            line.extend_from_slice(&available[..taken]);
        } else {
            kept = false;
            line.clear();
        }
        reader.consume(end.map_or(taken, |end| end + 1));
        if end.is_some() {
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            return Ok(Some(kept));
        }
    }
}

/// Names of the files below a folder, as [`each`] hands them out.
pub fn names(folder: &Path) -> Result<BTreeSet<String>, Error> {
    let names = RefCell::new(BTreeSet::new());
    // Asking is enough: nothing is wanted, so nothing is read.
    let note = |name: &str| {
        names.borrow_mut().insert(name.to_owned());
        false
    };
    each_of_folder(folder, &note, &mut |_, _| {})?;
    Ok(names.into_inner())
}

fn read_single(path: &Path, content: &mut Vec<u8>) -> io::Result<bool> {
    opened(BufReader::new(File::open(path)?))?.take(MEMBER_LIMIT + 1).read_to_end(content)?;
    Ok(content.len() as u64 <= MEMBER_LIMIT)
}

fn each_of_folder(
    folder: &Path,
    wanted: &dyn Fn(&str) -> bool,
    each: &mut dyn FnMut(&str, Passed<'_>),
) -> Result<(), Error> {
    let mut members: Vec<(String, PathBuf)> = Vec::new();
    let mut folders = vec![(folder.to_owned(), String::new(), 0)];
    while let Some((folder, prefix, depth)) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(read_error(&folder))? {
            let entry = entry.map_err(read_error(&folder))?;
            let kind = entry.file_type().map_err(read_error(&entry.path()))?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if kind.is_dir() && depth < DEPTH_LIMIT && entry.file_name() != ".git" {
                folders.push((entry.path(), format!("{name}/"), depth + 1));
            } else if kind.is_file() && wanted(&name) {
                members.push((name, entry.path()));
                if members.len() as u64 > COUNT_LIMIT {
                    return Err(Error::Limit { path: folder, what: "a number of files", limit: COUNT_LIMIT });
                }
            }
        }
    }
    members.sort();
    let mut content = Vec::new();
    for (name, path) in members {
        content.clear();
        match read_single(&path, &mut content) {
            Ok(true) => each(&name, Passed::Content(&content)),
            Ok(false) => each(&name, Passed::Unreadable("the file is larger than 256 MiB")),
            Err(_) => each(&name, Passed::Unreadable("the file cannot be read")),
        }
    }
    Ok(())
}

fn each_of_zip(
    path: &Path,
    wanted: &dyn Fn(&str) -> bool,
    each: &mut dyn FnMut(&str, Passed<'_>),
) -> Result<(), Error> {
    let broken = |error: zip::result::ZipError| Error::Container {
        path: path.to_owned(),
        form: "zip archive",
        detail: error.to_string(),
    };
    let file = File::open(path).map_err(read_error(path))?;
    let mut archive = zip::ZipArchive::new(BufReader::new(file)).map_err(broken)?;
    if archive.len() as u64 > COUNT_LIMIT {
        return Err(Error::Limit { path: path.to_owned(), what: "a number of members", limit: COUNT_LIMIT });
    }
    let mut members: Vec<(String, usize)> = Vec::new();
    for index in 0..archive.len() {
        match archive.name_for_index(index) {
            Some(Ok(name)) if !name.ends_with('/') && wanted(&name) => {
                members.push((name.into_owned(), index));
            }
            Some(Ok(_)) => {}
            _ => each(&format!("member {index}"), Passed::Unreadable("the member's name is not text")),
        }
    }
    members.sort();
    let mut content = Vec::new();
    let mut total = 0;
    for (name, index) in members {
        content.clear();
        let read = match archive.by_index(index) {
            // The declared size is only a claim: the limit is on what really comes out.
            Ok(member) => member.take(MEMBER_LIMIT + 1).read_to_end(&mut content).is_ok(),
            Err(_) => false,
        };
        total += content.len() as u64;
        if total > TOTAL_LIMIT {
            return Err(Error::Limit { path: path.to_owned(), what: "a size", limit: TOTAL_LIMIT });
        }
        if !read {
            each(&name, Passed::Unreadable("the member cannot be unpacked"));
        } else if content.len() as u64 > MEMBER_LIMIT {
            each(&name, Passed::Unreadable("the member is larger than 256 MiB"));
        } else {
            each(&name, Passed::Content(&content));
        }
    }
    Ok(())
}
