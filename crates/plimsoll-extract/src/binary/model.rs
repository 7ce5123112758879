//! Machine-learning models: what they are, under which licence, made from which other model, and what loading them would run.
//!
//! Only headers are read, in memory that does not grow with the model; of a PyTorch file the pickles in it are followed
//! ([`super::pickle`]), never loaded. What a pickle names that no model needs is kept in the property [`RUNS`].
//!
//! A file that is called like any other (`model.safetensors`, `pytorch_model.bin`) is named by its folder, so that what stands beside it joins it; in the
//! cache of the Hugging Face hub the folder says the model's real name.
//!
//! Formats: safetensors 0.5 (README, "Format"); GGUF 1 to 3 (ggml `docs/gguf.md`); ONNX 1.17 (`onnx.proto`, `ModelProto`); PyTorch (zip with
//! `data.pkl`, and plain pickles); Keras (`.keras`, and HDF5 by the names in it); TensorFlow 2.20 (`saved_model.proto`).

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::DeflateDecoder;
use memchr::{memchr, memmem};
use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Location, Package, Problem, ProblemKind};
use serde::Deserialize;

use super::pickle::{self, Imports};
use crate::{Extraction, Extractor, Reader};

/// Value of the property `kind` of a model.
pub const KIND: &str = "model";
/// Property: names that loading the model would call, and that no model needs.
pub const RUNS: &str = "runs";
/// Property: what in the model is code or touches files, though honest models have it too.
pub const HOLDS_CODE: &str = "holds-code";
const LAMBDA: &str = "Lambda layers: Python functions, stored as their code";

/// Models of machine learning.
pub static MODEL: Extractor =
    Extractor { name: "binary/model", version: 1, declares: false, wants, read: Reader::Stream { parse } };

/// Largest header of a safetensors file. Real ones have a few megabytes.
const LARGEST_HEADER: u64 = 32 << 20;
/// Values of a GGUF header, and elements of all its lists.
const MOST_VALUES: u64 = 1 << 16;
const MOST_ELEMENTS: u64 = 1 << 24;
/// Longest text that is kept, in bytes.
const LONGEST_TEXT: u64 = 512;
/// Longest text of a GGUF header that is passed over: chat templates are long.
const LONGEST_PASSED: u64 = 16 << 20;
/// Pickles of one file that are followed.
const MOST_PICKLES: usize = 4096;
/// Names of dangerous calls that are shown.
const SHOWN: usize = 20;

fn wants(entry: &Entry<'_>) -> bool {
    let name = entry.path.file_name();
    let ends = |endings: &[&[u8]]| {
        endings
            .iter()
            .any(|end| name.len() > end.len() && name[name.len() - end.len()..].eq_ignore_ascii_case(end))
    };
    entry.size >= 8
        && (is_blob(entry.path)
            || ends(&[
                b".safetensors",
                b".gguf",
                b".onnx",
                b".pt",
                b".pth",
                b".ckpt",
                b".pkl",
                b".pickle",
                b".joblib",
                b".keras",
                b".h5",
                b".hdf5",
            ])
            || name == b"saved_model.pb"
            || name.starts_with(b"pytorch_model") && name.ends_with(b".bin"))
}

/// Reads a model of any size. Public for fuzzing.
pub fn parse(path: &ImagePath, reader: &mut dyn Read) -> io::Result<Extraction> {
    let mut reader = BufReader::with_capacity(64 << 10, reader);
    let start = reader.fill_buf()?;
    let name = path.file_name().to_ascii_lowercase();
    let is = |ending: &[u8]| name.ends_with(ending);
    // Files of the hub's cache have no endings: what they are is told by their first bytes alone.
    let looks_like_safetensors = || {
        let length = start.first_chunk().map_or(u64::MAX, |length| u64::from_le_bytes(*length));
        length <= LARGEST_HEADER && start.get(8) == Some(&b'{')
    };
    let found = if start.starts_with(b"GGUF") {
        gguf(path, &mut reader)
    } else if is(b".safetensors") || is_blob(path) && looks_like_safetensors() {
        safetensors(path, &mut reader)
    } else if is(b".onnx") {
        onnx(path, &mut reader)
    } else if start.starts_with(b"PK\x03\x04") {
        if is(b".keras") { keras(path, &mut reader) } else { torch(path, &mut reader) }
    } else if start.starts_with(b"\x89HDF\r\n\x1a\n") {
        keras_hdf5(path, &mut reader)
    } else if name == b"saved_model.pb" {
        saved_model(path, &mut reader)
    } else if matches!(start, [0x80, 0..=5, ..])
        || !is_blob(path) && matches!(start, [b'(' | b'c' | b']' | b'}', ..])
    {
        pickles(path, &mut reader)
    } else {
        Ok(Extraction::default())
    };
    match found {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Extraction::problem(
            Problem::incomplete(ProblemKind::Truncated, path, "the header of the model is cut off"),
        )),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Ok(Extraction::problem(Problem::corrupt(path, error.to_string())))
        }
        found => found,
    }
}

fn corrupt<T>(what: &'static str) -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::InvalidData, what))
}

/// The model that a file is of, with its format. Its name is that of the hub, else the file's, else the folder's.
pub(crate) fn model(path: &ImagePath, format: &str) -> Package {
    let Named { ecosystem, name, version } = named(path);
    let mut package = Package::new(ecosystem, name, version, Location::new(path.clone()));
    for (key, value) in [("identity", "header"), ("kind", KIND), ("format", format)] {
        package.properties.insert(key.into(), value.into());
    }
    package
}

struct Named {
    ecosystem: Ecosystem,
    name: String,
    version: String,
}

/// Stems that every model has, before any `-00001-of-00002`.
const COMMON_STEMS: &[&str] = &[
    "adapter_config",
    "adapter_model",
    "config",
    "consolidated",
    "diffusion_pytorch_model",
    "flax_model",
    "model",
    "model_index",
    "open_clip_pytorch_model",
    "pytorch_model",
    "readme",
    "saved_model",
    "tf_model",
    "weights",
];

fn named(path: &ImagePath) -> Named {
    let text = String::from_utf8_lossy(path.as_bytes());
    let mut parts = text.rsplit('/');
    let file = parts.next().unwrap_or_default();
    let folders: Vec<&str> = parts.collect();
    if let Some((at, name)) =
        folders.iter().enumerate().find_map(|(at, folder)| Some((at, folder.strip_prefix("models--")?)))
    {
        // `models--ORGANISATION--NAME/snapshots/COMMIT/...`; files by their digest say no commit.
        let is_commit =
            |folder: &&&str| folder.len() == 40 && folder.bytes().all(|byte| byte.is_ascii_hexdigit());
        let commit = (at >= 2 && folders[at - 1] == "snapshots").then(|| &folders[at - 2]).filter(is_commit);
        return Named {
            ecosystem: Ecosystem::HuggingFace,
            name: name.replacen("--", "/", 1),
            version: commit.map_or(String::new(), |commit| (*commit).to_owned()),
        };
    }
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let lower = stem.to_ascii_lowercase();
    let mut words = lower.split(['-', '.']);
    let is_common = words.next().is_some_and(|word| COMMON_STEMS.contains(&word))
        && words.all(|word| matches!(word, "of" | "fp16") || word.bytes().all(|byte| byte.is_ascii_digit()));
    let (mut name, mut version) = (stem, "");
    if is_common && let Some(folder) = folders.first().filter(|folder| !folder.is_empty()) {
        name = folder;
        // TensorFlow Serving: `resnet/3/saved_model.pb`.
        if folder.bytes().all(|byte| byte.is_ascii_digit())
            && let Some(outer) = folders.get(1).filter(|outer| !outer.is_empty())
        {
            (name, version) = (outer, folder);
        }
    }
    Named { ecosystem: Ecosystem::Generic, name: name.to_owned(), version: version.to_owned() }
}

/// Is it a file of the hub's cache, which are called by their digests (`models--a--b/blobs/DIGEST`)?
pub(crate) fn is_blob(path: &ImagePath) -> bool {
    let mut parts = path.as_bytes().rsplit(|byte| *byte == b'/').skip(1);
    parts.next() == Some(b"blobs") && parts.next().is_some_and(|folder| folder.starts_with(b"models--"))
}

fn listed(path: &ImagePath, format: &str) -> Extraction {
    Extraction { packages: vec![model(path, format)], ..Extraction::default() }
}

/// A text of a header, short and in one line.
pub(crate) fn clean(text: &str) -> String {
    let text: String = text.chars().filter(|letter| !letter.is_control()).take(256).collect();
    text.trim().to_owned()
}

/// Adds what a header says, under the names that all formats share.
fn describe(package: &mut Package, facts: &BTreeMap<String, String>) {
    for (key, value) in facts {
        let value = clean(value);
        let value = value.as_str();
        if value.is_empty() {
            continue;
        }
        let key = key.trim_start_matches("general.");
        match key {
            "name" | "modelspec.title" => {
                package.properties.insert("title".into(), value.into());
            }
            "license" | "licence" | "modelspec.license" => package.licenses.push(value.into()),
            "version" => package.version = value.into(),
            "architecture" | "modelspec.architecture" => {
                package.properties.insert("architecture".into(), value.into());
            }
            "base_model" | "base_model.0.name" | "base_model.0.repo_url" | "ss_sd_model_name" => {
                package.properties.entry("base-model".into()).or_insert_with(|| value.into());
            }
            "author" | "organization" | "producer" => package.vendor = Some(value.into()),
            _ => {}
        }
    }
    package.licenses.sort();
    package.licenses.dedup();
}

#[derive(Deserialize)]
struct Safetensors {
    #[serde(rename = "__metadata__", default)]
    metadata: BTreeMap<String, String>,
}

fn safetensors(path: &ImagePath, reader: &mut dyn Read) -> io::Result<Extraction> {
    let length = number::<8>(reader)?;
    if length > LARGEST_HEADER {
        let detail = "the header of the model is larger than 32 MiB";
        return Ok(Extraction::problem(Problem::incomplete(ProblemKind::LimitExceeded, path, detail)));
    }
    let mut header = Vec::new();
    reader.take(length).read_to_end(&mut header)?;
    if header.len() as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let Ok(header) = serde_json::from_slice::<Safetensors>(&header) else {
        return corrupt("the header of the model is not JSON of the safetensors format");
    };
    let mut found = listed(path, "safetensors");
    describe(&mut found.packages[0], &header.metadata);
    Ok(found)
}

fn number<const N: usize>(reader: &mut dyn Read) -> io::Result<u64> {
    let mut bytes = [0; 8];
    reader.read_exact(&mut bytes[..N])?;
    Ok(u64::from_le_bytes(bytes))
}

fn pass(reader: &mut dyn Read, length: u64) -> io::Result<()> {
    if io::copy(&mut reader.take(length), &mut io::sink())? == length {
        Ok(())
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

/// A text behind its length; kept up to [`LONGEST_TEXT`].
fn text(reader: &mut dyn Read, length: u64) -> io::Result<String> {
    if length > LONGEST_PASSED {
        return corrupt("the header of the model holds a text longer than 16 MiB");
    }
    let kept = length.min(LONGEST_TEXT);
    let mut bytes = Vec::new();
    (&mut *reader).take(kept).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != kept {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    pass(reader, length - kept)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Values by type: 0 to 12, without texts (8) and lists (9), have these sizes.
const GGUF_SIZES: [u64; 13] = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];

fn gguf(path: &ImagePath, reader: &mut dyn Read) -> io::Result<Extraction> {
    pass(reader, 4)?;
    let version = number::<4>(reader)?;
    if !(1..=3).contains(&version) {
        let detail = "a GGUF model of a version that is not known, or of the other byte order";
        return Ok(Extraction::problem(Problem::incomplete(ProblemKind::Unsupported, path, detail)));
    }
    // Version 1 counts in four bytes.
    let count = |reader: &mut dyn Read| if version == 1 { number::<4>(reader) } else { number::<8>(reader) };
    count(reader)?;
    let values = count(reader)?;
    if values > MOST_VALUES {
        return corrupt("the header of the model says that it holds more than 65,536 values");
    }
    let mut facts = BTreeMap::new();
    let mut left = MOST_ELEMENTS;
    for _ in 0..values {
        let length = count(reader)?;
        let key = text(reader, length)?;
        match number::<4>(reader)? {
            8 => {
                let length = count(reader)?;
                let value = text(reader, length)?;
                if key.starts_with("general.") {
                    facts.insert(key, value);
                }
            }
            9 => {
                let kind = number::<4>(reader)?;
                let elements = count(reader)?;
                left = match left.checked_sub(elements) {
                    Some(left) => left,
                    None => return corrupt("the lists in the header of the model are too long"),
                };
                match (kind, usize::try_from(kind).ok().and_then(|kind| GGUF_SIZES.get(kind))) {
                    (8, _) => {
                        for _ in 0..elements {
                            let length = count(reader)?;
                            text(reader, length)?;
                        }
                    }
                    (kind, Some(size)) if kind != 9 => pass(reader, elements * size)?,
                    _ => {
                        return corrupt(
                            "the header of the model holds lists in lists, or of a type that is not known",
                        );
                    }
                }
            }
            kind => match usize::try_from(kind).ok().and_then(|kind| GGUF_SIZES.get(kind)) {
                Some(size) => pass(reader, *size)?,
                None => return corrupt("the header of the model holds a value of a type that is not known"),
            },
        }
    }
    let mut found = listed(path, "GGUF");
    describe(&mut found.packages[0], &facts);
    Ok(found)
}

/// `ModelProto`: fields of numbers and of lengths; the graph, which is the model, is passed over.
fn onnx(path: &ImagePath, reader: &mut dyn BufRead) -> io::Result<Extraction> {
    let mut facts = BTreeMap::new();
    let mut is_model = false;
    while !reader.fill_buf()?.is_empty() {
        let tag = varint(reader)?;
        match (tag >> 3, tag & 7) {
            (field, 0) => {
                varint(reader)?;
                is_model |= field == 1;
            }
            (2, 2) => {
                let length = varint(reader)?;
                facts.insert("producer".to_owned(), text(reader, length)?);
            }
            (14, 2) => {
                let length = varint(reader)?.min(LONGEST_PASSED);
                let mut entry = BufReader::new(reader.take(length));
                let mut pair = [String::new(), String::new()];
                while !entry.fill_buf()?.is_empty() {
                    let tag = varint(&mut entry)?;
                    let length = if tag & 7 == 2 {
                        varint(&mut entry)?
                    } else {
                        return corrupt("the model is not of the ONNX format");
                    };
                    let value = text(&mut entry, length)?;
                    if let Some(place) =
                        usize::try_from(tag >> 3).ok().and_then(|at| pair.get_mut(at.wrapping_sub(1)))
                    {
                        *place = value;
                    }
                }
                let [key, value] = pair;
                if facts.len() < 256 {
                    facts.insert(key, value);
                }
            }
            (_, 2) => {
                let length = varint(reader)?;
                pass(reader, length)?;
            }
            (_, 1) => pass(reader, 8)?,
            (_, 5) => pass(reader, 4)?,
            _ => return corrupt("the model is not of the ONNX format"),
        }
    }
    if !is_model {
        return corrupt("the model is not of the ONNX format");
    }
    let mut found = listed(path, "ONNX");
    describe(&mut found.packages[0], &facts);
    Ok(found)
}

fn varint(reader: &mut dyn Read) -> io::Result<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = number::<1>(reader)?;
        value |= (byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    corrupt("the model is not of the ONNX format")
}

/// What is done with a member of a zip archive: its name, and its content.
type Member<'m> = dyn FnMut(&[u8], &mut dyn BufRead) -> io::Result<()> + 'm;

/// Reads the members of a zip archive that passes by: lengths may stand behind what they are of, so members are looked for by their mark.
/// `member` gets the name and what stands behind it, unpacked; what it leaves unread is passed over.
fn members(reader: &mut dyn BufRead, member: &mut Member<'_>) -> io::Result<BTreeSet<Vec<u8>>> {
    let mut listed = BTreeSet::new();
    while let Some(is_member) = next_mark(reader)? {
        // APPNOTE.TXT 4.3.7 and 4.3.12, from behind the mark on.
        let mut header = [0; 42];
        let length = if is_member { 26 } else { 42 };
        match reader.read_exact(&mut header[..length]) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error),
        }
        let half = |at: usize| u64::from(u16::from_le_bytes([header[at], header[at + 1]]));
        let (method, name, extra) =
            if is_member { (half(4), half(22), half(24)) } else { (half(6), half(24), half(26)) };
        let mut path = Vec::new();
        (&mut *reader).take(name).read_to_end(&mut path)?;
        if !is_member {
            if is_pickle(&path) && listed.len() < MOST_PICKLES {
                listed.insert(path);
            }
            continue;
        }
        pass(reader, extra)?;
        if method == 8 {
            // What breaks in the compressed part breaks the member, not the file.
            let mut inflated = BufReader::new(DeflateDecoder::new(&mut *reader));
            match member(&path, &mut inflated) {
                Err(error) if error.kind() != io::ErrorKind::InvalidInput => return Err(error),
                _ => {}
            }
        } else {
            member(&path, reader)?;
        }
    }
    Ok(listed)
}

/// Passes to behind the next mark: of a member, else of an entry of the directory.
fn next_mark(reader: &mut dyn BufRead) -> io::Result<Option<bool>> {
    let mut last = [0_u8; 4];
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(None);
        }
        let mut taken = 0;
        let mut found = None;
        while found.is_none() && taken < buffer.len() {
            // Nothing has begun: on to where something may.
            if last[3] != b'P' && &last[2..] != b"PK" && &last[1..3] != b"PK" {
                match memchr(b'P', &buffer[taken..]) {
                    Some(at) => taken += at,
                    None => {
                        (taken, last) = (buffer.len(), [0; 4]);
                        break;
                    }
                }
            }
            last = [last[1], last[2], last[3], buffer[taken]];
            taken += 1;
            found = match &last {
                b"PK\x03\x04" => Some(true),
                b"PK\x01\x02" => Some(false),
                _ => None,
            };
        }
        reader.consume(taken);
        if found.is_some() {
            return Ok(found);
        }
    }
}

fn is_pickle(name: &[u8]) -> bool {
    name.ends_with(b".pkl") || name.ends_with(b".pickle")
}

/// PyTorch's zip.
fn torch(outer: &ImagePath, reader: &mut dyn BufRead) -> io::Result<Extraction> {
    let mut imports: Option<Imports> = None;
    let mut read = BTreeSet::new();
    let mut is_too_many = false;
    let mut listed = members(reader, &mut |name, content| {
        if !is_pickle(name) {
            return Ok(());
        }
        if read.len() >= MOST_PICKLES {
            is_too_many = true;
            return Ok(());
        }
        read.insert(name.to_vec());
        // What cannot be unpacked is no whole pickle, and is told as that.
        let found = pickle::read(content).unwrap_or_default();
        match &mut imports {
            Some(imports) => imports.join(found),
            None => imports = Some(found),
        }
        Ok(())
    })?;
    let problem = |detail: &str| Problem::incomplete(ProblemKind::Unsupported, outer, detail);
    listed.retain(|name| !read.contains(name));
    let mut found = match &imports {
        Some(imports) => with_imports(outer, "PyTorch", imports),
        None => Extraction::problem(problem(
            "a model in a zip archive without a pickle: what it is, and what it runs, is not known",
        )),
    };
    if is_too_many {
        let detail = "the model holds more than 4,096 pickles: the others were not followed";
        found.problems.push(Problem::incomplete(ProblemKind::LimitExceeded, outer, detail));
    }
    if !listed.is_empty() && imports.is_some() {
        found
            .problems
            .push(problem("the directory of the archive names pickles that do not stand under that name"));
    }
    Ok(found)
}

/// Keras 3: a zip archive with `metadata.json` and `config.json`.
fn keras(path: &ImagePath, reader: &mut dyn BufRead) -> io::Result<Extraction> {
    #[derive(Deserialize)]
    struct Metadata {
        #[serde(default)]
        keras_version: String,
    }
    let mut found = listed(path, "Keras");
    let mut problem = None;
    members(reader, &mut |name, content| {
        if !matches!(name, b"metadata.json" | b"config.json") {
            return Ok(());
        }
        let package = &mut found.packages[0];
        let object = first_object(content)?;
        let read = object.and_then(|object| {
            if name == b"config.json" {
                if has_lambda(&object) {
                    package.properties.insert(HOLDS_CODE.into(), LAMBDA.into());
                }
                return Some(());
            }
            let version = clean(&serde_json::from_slice::<Metadata>(&object).ok()?.keras_version);
            if !version.is_empty() {
                package.properties.insert("keras-version".into(), version);
            }
            Some(())
        });
        if read.is_none() {
            problem = Some("the description of the Keras model is broken or larger than 32 MiB");
        }
        Ok(())
    })?;
    found.problems.extend(problem.map(|detail| Problem::corrupt(path, detail)));
    Ok(found)
}

/// The bytes of the JSON object that begins here, up to [`LARGEST_HEADER`]: how long a member is may not be known, but an object ends by itself.
fn first_object(reader: &mut dyn BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut object = Vec::new();
    let (mut depth, mut in_text, mut is_escaped) = (0_u64, false, false);
    for byte in reader.bytes().take(usize::try_from(LARGEST_HEADER).unwrap_or(usize::MAX)) {
        let byte = match byte {
            Ok(byte) => byte,
            // The compressed part is broken.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Ok(None),
            Err(error) => return Err(error),
        };
        object.push(byte);
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_text => is_escaped = true,
            b'"' => in_text = !in_text,
            b'{' if !in_text => depth += 1,
            b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    Ok((depth == 0 && object.first() == Some(&b'{')).then_some(object))
}

/// A layer that is a Python function, stored as its code.
fn has_lambda(text: &[u8]) -> bool {
    const NAME: &[u8] = b"\"class_name\"";
    memmem::find_iter(text, NAME).any(|at| {
        let behind = text[at + NAME.len()..].trim_ascii_start();
        behind.strip_prefix(b":").is_some_and(|value| value.trim_ascii_start().starts_with(b"\"Lambda\""))
    })
}

/// HDF5 holds all kinds of data: Keras writes its own names into it. The file passes once, whatever its size.
fn keras_hdf5(path: &ImagePath, reader: &mut dyn BufRead) -> io::Result<Extraction> {
    /// Longest of what is looked for, in bytes, so that nothing is missed where two pieces meet.
    const OVERLAP: usize = 64;
    let (mut is_keras, mut holds_code) = (false, false);
    let mut piece: Vec<u8> = Vec::with_capacity(128 << 10);
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            break;
        }
        let length = buffer.len();
        piece.drain(..piece.len().saturating_sub(OVERLAP));
        piece.extend_from_slice(buffer);
        reader.consume(length);
        is_keras |=
            [&b"keras_version"[..], b"model_weights"].iter().any(|word| memmem::find(&piece, word).is_some());
        holds_code |= has_lambda(&piece);
    }
    if !is_keras {
        return Ok(Extraction::default());
    }
    let mut found = listed(path, "Keras HDF5");
    if holds_code {
        found.packages[0].properties.insert(HOLDS_CODE.into(), LAMBDA.into());
    }
    Ok(found)
}

/// Messages of a SavedModel that are looked into (tensorflow `saved_model.proto`, `meta_graph.proto`, `graph.proto`, `function.proto`).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Message {
    Saved,
    MetaGraph,
    MetaInfo,
    Graph,
    Library,
    Function,
    Node,
}

/// Which fields are messages that are looked into.
const MESSAGES: &[(Message, u64, Message)] = &[
    (Message::Saved, 2, Message::MetaGraph),
    (Message::MetaGraph, 1, Message::MetaInfo),
    (Message::MetaGraph, 2, Message::Graph),
    (Message::Graph, 1, Message::Node),
    (Message::Graph, 2, Message::Library),
    (Message::Library, 1, Message::Function),
    (Message::Function, 3, Message::Node),
];

/// Operations that a model of numbers does not need: they touch files, or call Python.
const OPERATIONS: &[&str] =
    &["EagerPyFunc", "MatchingFiles", "PyFunc", "PyFuncStateless", "ReadFile", "WriteFile"];

fn saved_model(path: &ImagePath, reader: &mut dyn BufRead) -> io::Result<Extraction> {
    const BROKEN: &str = "the model is not of TensorFlow's SavedModel format";
    let mut reader = Counted { reader, at: 0 };
    // Messages that are open, and where they end. The table has no circle, so there are few.
    let mut open = vec![(Message::Saved, u64::MAX)];
    let mut facts: BTreeMap<&str, String> = BTreeMap::new();
    let mut operations = BTreeSet::new();
    let mut is_model = false;
    loop {
        while open.last().is_some_and(|(_, end)| reader.at == *end) {
            open.pop();
        }
        let Some((message, end)) = open.last().copied() else { return corrupt(BROKEN) };
        if reader.at > end {
            return corrupt(BROKEN);
        }
        if open.len() == 1 && reader.reader.fill_buf()?.is_empty() {
            break;
        }
        let tag = varint(&mut reader)?;
        let field = tag >> 3;
        match tag & 7 {
            0 => {
                varint(&mut reader)?;
                is_model |= (message, field) == (Message::Saved, 1);
            }
            1 => pass(&mut reader, 8)?,
            5 => pass(&mut reader, 4)?,
            2 => {
                let length = varint(&mut reader)?;
                let inner = MESSAGES.iter().find(|row| (row.0, row.1) == (message, field));
                match (inner, message, field) {
                    (Some((_, _, inner)), ..) => match reader.at.checked_add(length) {
                        Some(end) => open.push((*inner, end)),
                        None => return corrupt(BROKEN),
                    },
                    (None, Message::MetaInfo, 5) => {
                        facts.insert("tensorflow-version", text(&mut reader, length)?);
                    }
                    (None, Message::Node, 2) => {
                        let operation = text(&mut reader, length)?;
                        operations.extend(OPERATIONS.iter().find(|known| **known == operation));
                    }
                    _ => pass(&mut reader, length)?,
                }
            }
            _ => return corrupt(BROKEN),
        }
    }
    if !is_model {
        return corrupt(BROKEN);
    }
    let mut found = listed(path, "TensorFlow SavedModel");
    let properties = &mut found.packages[0].properties;
    for (key, value) in facts {
        properties.insert(key.into(), clean(&value));
    }
    if !operations.is_empty() {
        let operations: Vec<&str> = operations.into_iter().copied().collect();
        properties.insert(HOLDS_CODE.into(), format!("operations {}", operations.join(", ")));
    }
    Ok(found)
}

/// A reader that knows how far it is.
struct Counted<'r> {
    reader: &'r mut dyn BufRead,
    at: u64,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.at += count as u64;
        Ok(count)
    }
}

/// Plain pickles, one behind the other, as PyTorch before 1.6 and joblib write them.
fn pickles(path: &ImagePath, reader: &mut dyn BufRead) -> io::Result<Extraction> {
    let mut imports = pickle::read(reader)?;
    for _ in 0..MOST_PICKLES {
        if !imports.is_whole || reader.fill_buf()?.first() != Some(&0x80) {
            break;
        }
        let next = pickle::read(reader)?;
        // Behind the last one stand numbers.
        if !next.is_whole && next.count == 0 {
            break;
        }
        imports.join(next);
    }
    let is_data = is_pickle(path.file_name()) || is_blob(path);
    // Pickles are used for everything: those that do nothing are nobody's model.
    if imports.dangerous.is_empty()
        && !imports.is_hidden
        && (is_data || !imports.is_whole && imports.count == 0)
    {
        return Ok(Extraction::default());
    }
    Ok(with_imports(path, "Python pickle", &imports))
}

fn with_imports(path: &ImagePath, format: &str, imports: &Imports) -> Extraction {
    let mut found = listed(path, format);
    if !imports.dangerous.is_empty() {
        let mut names: Vec<&str> = imports.dangerous.iter().take(SHOWN).map(String::as_str).collect();
        if imports.dangerous.len() > SHOWN {
            names.push("...");
        }
        found.packages[0].properties.insert(RUNS.into(), names.join(", "));
    }
    if imports.is_hidden {
        let detail = "loading the model calls something that it does not name openly";
        found.problems.push(Problem::incomplete(ProblemKind::Unsupported, path, detail));
    } else if !imports.is_whole {
        let detail = "the pickle in the model could not be followed to its end";
        found.problems.push(Problem::incomplete(ProblemKind::Corrupt, path, detail));
    }
    found
}

/// Reads arbitrary bytes under the name of every format.
///
/// # Panics
/// When a reader breaks what it promises: at most one model, named, and few problems.
pub fn fuzz(bytes: &[u8]) {
    for path in [
        "a.safetensors",
        "a.gguf",
        "a.onnx",
        "a.pt",
        "a.keras",
        "a.h5",
        "saved_model.pb",
        "models--a--b/blobs/c",
    ] {
        let Ok(found) = parse(&path.into(), &mut &bytes[..]) else { continue };
        assert!(found.packages.len() <= 1 && found.packages.iter().all(|package| !package.name.is_empty()));
        assert!(found.problems.len() <= 3, "{:?}", found.problems);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::*;

    fn read(path: &str, bytes: &[u8]) -> Extraction {
        parse(&path.into(), &mut &bytes[..]).unwrap()
    }

    fn property<'a>(found: &'a Extraction, key: &str) -> Option<&'a str> {
        found.packages[0].properties.get(key).map(String::as_str)
    }

    fn safetensors_of(header: &str) -> Vec<u8> {
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0; 64]].concat()
    }

    #[test]
    fn safetensors_headers() {
        let header = r#"{"__metadata__":{"format":"pt","license":"apache-2.0","base_model":"acme/base"},"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
        let found = read("srv/model-7b.safetensors", &safetensors_of(header));
        assert_eq!(found.packages[0].name, "model-7b");
        assert_eq!(found.packages[0].licenses, ["apache-2.0"]);
        assert_eq!(
            (property(&found, "format"), property(&found, "base-model")),
            (Some("safetensors"), Some("acme/base"))
        );
        assert_eq!(read("a.safetensors", &safetensors_of("{}")).packages.len(), 1);
        for (bytes, kind) in [
            (safetensors_of("[1]"), ProblemKind::Corrupt),
            (safetensors_of(header)[..40].to_vec(), ProblemKind::Truncated),
            ([0xff; 16].to_vec(), ProblemKind::LimitExceeded),
        ] {
            let found = read("a.safetensors", &bytes);
            assert_eq!((found.packages.len(), found.problems[0].kind), (0, kind));
        }
    }

    fn gguf_of(values: &[(&str, u32, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = b"GGUF\x03\0\0\0".to_vec();
        bytes.extend(0_u64.to_le_bytes());
        bytes.extend((values.len() as u64).to_le_bytes());
        for (key, kind, value) in values {
            bytes.extend((key.len() as u64).to_le_bytes());
            bytes.extend_from_slice(key.as_bytes());
            bytes.extend(kind.to_le_bytes());
            bytes.extend_from_slice(value);
        }
        bytes
    }

    fn long(text: &str) -> Vec<u8> {
        [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
    }

    #[test]
    fn gguf_headers() {
        let list = [&8_u32.to_le_bytes()[..], &2_u64.to_le_bytes(), &long("a"), &long("b")].concat();
        let numbers = [&4_u32.to_le_bytes()[..], &2_u64.to_le_bytes(), &[0; 8]].concat();
        let good = gguf_of(&[
            ("tokenizer.ggml.tokens", 9, list),
            ("tokenizer.ggml.scores", 9, numbers),
            ("general.alignment", 4, vec![32, 0, 0, 0]),
            ("general.name", 8, long("Acme 7B")),
            ("general.license", 8, long("mit")),
            ("general.architecture", 8, long("llama")),
            ("general.base_model.0.name", 8, long("Base")),
        ]);
        let found = read("srv/acme.Q4.gguf", &good);
        assert_eq!(found.problems, []);
        assert_eq!(
            (property(&found, "title"), property(&found, "architecture"), property(&found, "base-model")),
            (Some("Acme 7B"), Some("llama"), Some("Base"))
        );
        assert_eq!(found.packages[0].licenses, ["mit"]);
        for length in 8..good.len() {
            let found = read("x.gguf", &good[..length]);
            assert_eq!((found.packages.len(), found.problems.len()), (0, 1), "{length}");
        }
        let nested = [&9_u32.to_le_bytes()[..], &1_u64.to_le_bytes()].concat();
        let endless = [&0_u32.to_le_bytes()[..], &u64::MAX.to_le_bytes()].concat();
        for bad in [
            gguf_of(&[("a", 9, nested)]),
            gguf_of(&[("a", 9, endless)]),
            gguf_of(&[("a", 99, vec![])]),
            b"GGUF\0\0\0\x03".to_vec(),
        ] {
            assert_eq!(read("x.gguf", &bad).problems.len(), 1);
        }
    }

    #[test]
    fn onnx_headers() {
        let entry = |key: &str, value: &str| {
            let inner = [
                &[0x0a, u8::try_from(key.len()).unwrap()][..],
                key.as_bytes(),
                &[0x12, u8::try_from(value.len()).unwrap()],
                value.as_bytes(),
            ]
            .concat();
            [&[0x72, u8::try_from(inner.len()).unwrap()][..], &inner].concat()
        };
        let good =
            [&[0x08, 8, 0x12, 7][..], b"pytorch", &[0x3a, 4, 1, 2, 3, 4], &entry("license", "bsd-3-clause")]
                .concat();
        let found = read("m.onnx", &good);
        assert_eq!(
            (found.packages[0].vendor.as_deref(), found.packages[0].licenses.as_slice()),
            (Some("pytorch"), &["bsd-3-clause".to_owned()][..])
        );
        for bad in [
            &good[..8],
            b"not a model",
            &[0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[0x12, 0],
        ] {
            assert_eq!(read("m.onnx", bad).problems.len(), 1, "{bad:?}");
        }
    }

    const EVIL: &[u8] = b"\x80\x02cposix\nsystem\nX\x02\x00\x00\x00id\x85R.";
    const GOOD: &[u8] = b"\x80\x02ccollections\nOrderedDict\n)R.";

    fn archive(files: &[(&str, &[u8])], method: zip::CompressionMethod) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default().compression_method(method);
        for (name, content) in files {
            writer.start_file(*name, options).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn what_a_model_of_pytorch_runs() {
        let filler = vec![0x50; 200_000];
        for method in [zip::CompressionMethod::Stored, zip::CompressionMethod::Deflated] {
            for before in [0, 65_500, 65_530, 65_535, 200_000] {
                let files = [("m/data/0", &filler[..before]), ("m/data.pkl", EVIL), ("m/version", b"3")];
                let found = read("m.pt", &archive(&files, method));
                assert_eq!(property(&found, RUNS), Some("posix.system"), "{method} {before}");
                assert_eq!(found.problems, []);
            }
            let found = read("m.pt", &archive(&[("m/data.pkl", GOOD)], method));
            assert_eq!((property(&found, RUNS), property(&found, "format")), (None, Some("PyTorch")));
            assert_eq!(found.problems, []);
        }
        let other = read("m.pt", &archive(&[("x.txt", b"x")], zip::CompressionMethod::Stored));
        assert_eq!((other.packages.len(), other.problems.len()), (0, 1));
    }

    #[test]
    fn plain_pickles() {
        assert_eq!(property(&read("m.pkl", EVIL), RUNS), Some("posix.system"));
        assert_eq!(read("data.pkl", GOOD), Extraction::default(), "pickles are used for everything");
        assert_eq!(property(&read("m.pth", GOOD), "format"), Some("Python pickle"));
        assert_eq!(
            property(&read("m.pt", &[GOOD, GOOD, EVIL, &[0; 100]].concat()), RUNS),
            Some("posix.system")
        );
        let hidden = read("m.pkl", b"\x80\x04N\x8c\x06system\x93.");
        assert_eq!((hidden.packages.len(), hidden.problems.len()), (1, 1));
        assert_eq!(read("m.pth", b"\x80\x02ccollections\nOrderedDict\n").problems.len(), 1, "cut off");
        assert_eq!(read("m.pkl", b"(not a pickle"), Extraction::default());
    }

    /// A field of a protocol buffer that has a length.
    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, u8::try_from(content.len()).unwrap()][..], content].concat()
    }

    #[test]
    fn saved_models() {
        let node = |operation: &str| field(1, &[field(1, b"name"), field(2, operation.as_bytes())].concat());
        let function = field(1, &field(3, &field(2, b"WriteFile")));
        let graph = [node("MatMul"), node("ReadFile"), field(2, &function)].concat();
        let meta = [field(1, &field(5, b"2.16.1")), field(2, &graph)].concat();
        let good = [&[8, 1][..], &field(2, &meta)].concat();
        let found = read("srv/models/resnet/3/saved_model.pb", &good);
        assert_eq!(found.problems, []);
        assert_eq!((found.packages[0].name.as_str(), found.packages[0].version.as_str()), ("resnet", "3"));
        assert_eq!(property(&found, "tensorflow-version"), Some("2.16.1"));
        assert_eq!(property(&found, HOLDS_CODE), Some("operations ReadFile, WriteFile"));
        for bad in [&good[..10], b"not a model", &[8, 1, 0x12, 0x7f, 0x0a, 0xff, 1], &[0x12, 0]] {
            assert_eq!(read("x/saved_model.pb", bad).problems.len(), 1, "{bad:?}");
        }
    }

    #[test]
    fn keras_models() {
        let metadata = br#"{"keras_version": "3.4.1", "date_saved": "2024-07-01"}"#;
        let plain = br#"{"class_name": "Sequential", "config": {"name": "a \"}\" b"}}"#;
        let lambda = br#"{"config": {"layers": [{"class_name" : "Lambda"}]}}"#;
        for method in [zip::CompressionMethod::Stored, zip::CompressionMethod::Deflated] {
            let of = |config: &[u8]| {
                let files =
                    [("metadata.json", &metadata[..]), ("config.json", config), ("model.weights.h5", b"x")];
                read("srv/acme.keras", &archive(&files, method))
            };
            let found = of(plain);
            assert_eq!(
                (property(&found, "keras-version"), property(&found, HOLDS_CODE)),
                (Some("3.4.1"), None)
            );
            assert_eq!(found.problems, []);
            assert_eq!(property(&of(lambda), HOLDS_CODE), Some(LAMBDA));
            assert_eq!(of(b"{\"a\": [").problems.len(), 1);
        }
        let mut old = b"\x89HDF\r\n\x1a\n".to_vec();
        old.resize((64 << 10) - 5, 0);
        old.extend_from_slice(b"keras_version {\"class_name\": \"Lambda\"");
        let found = read("m.h5", &old);
        assert_eq!(
            (property(&found, "format"), property(&found, HOLDS_CODE)),
            (Some("Keras HDF5"), Some(LAMBDA))
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

        #[test]
        fn hostile_models(start in 0_usize..6, bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let starts: [&[u8]; 6] = [b"", b"GGUF\x03\0\0\0", b"PK\x03\x04", b"\x80\x02", b"\x08\x01\x12", b"\x10\0\0\0\0\0\0\0{"];
            fuzz(&[starts[start], &bytes].concat());
        }
    }

    #[test]
    fn names() {
        let check = |path: &str, expected: (&str, &str)| {
            let found = model(&path.into(), "x");
            assert_eq!((found.name.as_str(), found.version.as_str()), expected, "{path}");
        };
        check("srv/bert/pytorch_model-00001-of-00002.bin", ("bert", ""));
        check("model.onnx", ("model", ""));
        check("srv/acme-7b.Q4.gguf", ("acme-7b.Q4", ""));
        let commit = "043235d6088ecd3dd5fb5ca3592b6913fd516027";
        let hub = "root/.cache/huggingface/hub/models--acme--small-bert";
        check(&format!("{hub}/snapshots/{commit}/model.safetensors"), ("acme/small-bert", commit));
        check(&format!("{hub}/blobs/0a1b"), ("acme/small-bert", ""));
        assert_eq!(
            model(&format!("{hub}/blobs/0a1b").as_str().into(), "x").ecosystem,
            Ecosystem::HuggingFace
        );
    }

    #[test]
    fn files_of_the_hub_s_cache() {
        let path = "root/.cache/huggingface/hub/models--acme--small/blobs/0a1b";
        assert_eq!(property(&read(path, &safetensors_of("{}")), "format"), Some("safetensors"));
        assert_eq!(property(&read(path, EVIL), RUNS), Some("posix.system"));
        for other in [&b"{\"vocab\": 1}        "[..], b"(text", GOOD, b"\xff\xff\xff\xff\xff\xff\xff\xff{"] {
            assert_eq!(read(path, other), Extraction::default());
        }
    }

    #[test]
    fn a_pickle_under_another_name() {
        // The directory says `data.pkl`, the header before the content says something else.
        let mut bytes =
            archive(&[("m/data.pkl", EVIL), ("m/more.pkl", GOOD)], zip::CompressionMethod::Stored);
        let at = memmem::find(&bytes, b"m/data.pkl").unwrap();
        bytes[at..at + 10].copy_from_slice(b"m/data.txt");
        let found = read("m.pt", &bytes);
        assert_eq!((found.packages.len(), found.problems.len()), (1, 1));
        assert!(found.problems[0].detail.contains("under that name"), "{:?}", found.problems);
    }

    #[test]
    fn marks_of_others() {
        assert_eq!(read("m.h5", b"\x89HDF\r\n\x1a\n....weather"), Extraction::default());
        assert_eq!(read("m.pt", b"something else"), Extraction::default());
        for (path, expected) in [
            ("a.safetensors", true),
            ("A.ONNX", true),
            ("pytorch_model-1.bin", true),
            ("a.bin", false),
            (".pt", false),
            ("saved_model.pb", true),
        ] {
            let path = ImagePath::from(path);
            assert_eq!(wants(&Entry { path: &path, size: 100, mode: 0o644 }), expected, "{path}");
        }
    }
}
