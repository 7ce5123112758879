//! Drift: what runs in a container, held against what its image holds.
//!
//! [`Image`] is the image's inventory as a value: whoever reads images fills it in. [`Drift`] judges programs, the scripts
//! that interpreters run, and libraries. It reads no file: content is asked of a [`Content`], at most once for each state
//! of a file.

mod image;
mod root;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::ops::Deref;
use std::sync::Arc;

use plimsoll_model::Digest;
use serde::Serialize;

pub use image::{Error, Image, ImageFile, Package};
pub use root::Roots;

use crate::Event;
use crate::event::{Action, Container, File, FileKind, Mount};
use crate::rules::{Alert, FileFacts, Knowledge};
use image::{Known, absolute};

/// States of files whose digests are remembered.
const REMEMBERED: usize = 16_384;

/// Reads what events do not say of a file.
pub trait Content {
    /// The digest of a file's content, by its path in the container; nothing when it cannot be read, or is no longer the
    /// file that was `changed` at that time (nanoseconds since 1970; 0 when that is not known).
    fn digest(&self, container: &Container, path: &str, changed: u64) -> Option<Digest>;
    /// Whether a file was made or changed after the container started; nothing when that is not known.
    fn upper_layer(&self, container: &Container, path: &str) -> Option<bool> {
        let _ = (container, path);
        None
    }
}

/// Nothing can be read: what events say is all there is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unread;

impl Content for Unread {
    fn digest(&self, _: &Container, _: &str, _: u64) -> Option<Digest> {
        None
    }
}

/// What a file is that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Verdict {
    /// The image has it.
    Known {
        /// Whether its content was compared, or its layer says that nobody changed it; otherwise only the path is known.
        proven: bool,
    },
    /// It comes from a mount, and so from outside of the image.
    Mounted {
        /// Where the mount is.
        destination: String,
    },
    /// It was made or changed after the container started.
    UpperLayer,
    /// The image has no such file.
    Unknown,
    /// The image has another file there, or one that nobody could execute.
    Different {
        /// Whether the content differs; otherwise the permissions do.
        content: bool,
    },
    /// It is in memory only, or on a file system in memory.
    Memory,
}

impl Verdict {
    /// Whether this is drift: the file is not of the image, nor of a mount.
    pub fn is_drift(&self) -> bool {
        !matches!(self, Verdict::Known { .. } | Verdict::Mounted { .. })
    }
}

/// What was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// A program that was started.
    Program,
    /// A script that a program runs.
    Script,
    /// A library that a program opened.
    Library,
}

/// A file that runs, judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Judged {
    /// As what it runs.
    pub role: Role,
    /// Its path in the container.
    pub path: String,
    /// What it is.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The package that owns the path, or should; a place in [`Image::packages`].
    pub package: Option<usize>,
    /// The layer that the path comes from; a place in [`Image::layers`].
    pub layer: Option<usize>,
    /// A program of the image with the same name elsewhere, for a file that the image does not have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namesake: Option<String>,
}

/// Judges what runs in the containers of one image.
pub struct Drift<I> {
    image: I,
    /// By device, inode and time of change.
    digests: HashMap<(u32, u64, u64), Option<Digest>>,
}

/// An interpreter, by how its name begins, and the options behind which stands no script.
struct Interpreter {
    name: &'static str,
    inline: &'static [&'static str],
    /// Options that take the word behind them.
    with_word: &'static [&'static str],
    /// An option behind which the script stands.
    named: Option<&'static str>,
}

const SHELL: &[&str] = &["-c", "-s"];

const INTERPRETERS: &[Interpreter] = &[
    Interpreter { name: "sh", inline: SHELL, with_word: &["-o", "+o"], named: None },
    Interpreter { name: "dash", inline: SHELL, with_word: &["-o", "+o"], named: None },
    Interpreter { name: "ash", inline: SHELL, with_word: &["-o", "+o"], named: None },
    Interpreter {
        name: "bash",
        inline: SHELL,
        with_word: &["-o", "+o", "-O", "+O", "--rcfile", "--init-file"],
        named: None,
    },
    Interpreter { name: "zsh", inline: SHELL, with_word: &["-o", "+o"], named: None },
    Interpreter { name: "ksh", inline: SHELL, with_word: &["-o", "+o"], named: None },
    Interpreter { name: "python", inline: &["-c", "-m"], with_word: &["-W", "-X"], named: None },
    Interpreter { name: "perl", inline: &["-e", "-E"], with_word: &["-I"], named: None },
    Interpreter { name: "ruby", inline: &["-e"], with_word: &["-I", "-r", "-C"], named: None },
    Interpreter {
        name: "node",
        inline: &["-e", "-p", "--eval", "--print"],
        with_word: &["-r", "--require", "--import"],
        named: None,
    },
    Interpreter { name: "php", inline: &["-r", "-S"], with_word: &["-d", "-c"], named: Some("-f") },
    Interpreter { name: "lua", inline: &["-e"], with_word: &["-l"], named: None },
    Interpreter {
        name: "java",
        inline: &[],
        with_word: &["-cp", "-classpath", "--class-path"],
        named: Some("-jar"),
    },
];

impl Interpreter {
    /// The interpreter of a path such as `/usr/bin/python3.12`.
    fn of(path: &str) -> Option<&'static Interpreter> {
        let name = path.rsplit('/').next()?;
        INTERPRETERS.iter().find(|interpreter| {
            name.strip_prefix(interpreter.name).is_some_and(|rest| {
                rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b'-')
            })
        })
    }

    /// The script among its arguments.
    fn script<'a>(&self, arguments: &'a [String]) -> Option<&'a str> {
        let mut arguments = arguments.iter().skip(1).map(String::as_str);
        while let Some(argument) = arguments.next() {
            if self.named == Some(argument) {
                return arguments.next();
            }
            // Options of one letter may stand together, as in `bash -ec`.
            let together = argument.starts_with('-') && !argument.starts_with("--") && argument.len() <= 8;
            let inline = self.inline.iter().any(|option| {
                *option == argument || (together && option.len() == 2 && argument.ends_with(&option[1..]))
            });
            if inline || argument == "-" {
                return None;
            }
            if self.with_word.contains(&argument) {
                arguments.next();
                continue;
            }
            if argument == "--" {
                return arguments.next();
            }
            if !argument.starts_with(['-', '+']) {
                // What stands here is the name of a class where scripts are named by an option.
                return if self.name == "java" { None } else { Some(argument) };
            }
        }
        None
    }
}

impl<I: Deref<Target = Image>> Drift<I> {
    /// For the containers of an image.
    pub fn new(image: I) -> Self {
        Self { image, digests: HashMap::new() }
    }

    /// Judges what an event starts or loads: nothing for events that do neither. The program comes first, its script behind it.
    pub fn judge(&mut self, event: &Event, content: &dyn Content) -> Vec<Judged> {
        let container = &event.container;
        match &event.action {
            Action::Exec { file, script, .. } => {
                let mut judged = vec![self.file(Role::Program, file, container, content)];
                let folder = &event.process.directory;
                // What one program is that is many, its first argument says, or its second.
                let many = file.path.ends_with("/busybox");
                let skipped = usize::from(
                    many && event.process.arguments.first().is_some_and(|name| name.ends_with("busybox")),
                );
                let arguments = event.process.arguments.get(skipped..).unwrap_or_default();
                let called = if many { arguments.first().unwrap_or(&file.path) } else { &file.path };
                let script = match (&**script, Interpreter::of(called)) {
                    ("", None) => None,
                    ("", Some(interpreter)) => interpreter.script(arguments),
                    (script, _) => Some(script),
                };
                if let Some(script) = script {
                    let path = absolute(folder, script);
                    let upper_layer = content.upper_layer(container, &path);
                    let file = File { path, upper_layer, mode: 0, ..File::default() };
                    judged.push(self.file(Role::Script, &file, container, content));
                }
                judged
            }
            Action::Map { file } => vec![self.file(Role::Library, file, container, content)],
            Action::Open { file, flags, descriptor, .. }
                if matches!(flags & 3, 0) && *descriptor >= 0 && is_library(&file.path) =>
            {
                vec![self.file(Role::Library, file, container, content)]
            }
            _ => Vec::new(),
        }
    }

    fn file(&mut self, role: Role, file: &File, container: &Container, content: &dyn Content) -> Judged {
        let made = |path: &str, verdict, known: Option<&Known>| Judged {
            role,
            path: path.to_owned(),
            verdict,
            package: known.and_then(|known| known.package).map(|place| place as usize),
            layer: known.and_then(|known| known.layer).map(|place| place as usize),
            namesake: None,
        };
        let path = &*file.path;
        if file.kind == FileKind::Memory || path.starts_with("memfd:") || path.starts_with("/memfd:") {
            return made(path, Verdict::Memory, None);
        }
        let found = self.image.find(path);
        let real = found.as_ref().map_or(path, |(real, _)| real);
        if let Some(mount) = mount(container, real) {
            // A file system in memory brings nothing along: what is there was written after the container started.
            let verdict = match &*mount.kind {
                "tmpfs" => Verdict::Memory,
                _ => Verdict::Mounted { destination: mount.destination.trim_end_matches('/').to_owned() },
            };
            return made(real, verdict, None);
        }
        let Some((_, known)) = &found else {
            let verdict = if file.upper_layer == Some(true) { Verdict::UpperLayer } else { Verdict::Unknown };
            let namesake = self.image.namesake(path);
            let mut judged = made(path, verdict, namesake.map(|(_, known)| known));
            judged.namesake = namesake.map(|(other, _)| other.to_owned());
            // The image has no such path, and so no layer of it.
            judged.layer = None;
            return judged;
        };
        if role == Role::Program && known.mode & 0o111 == 0 && known.mode != 0 {
            return made(real, Verdict::Different { content: false }, Some(known));
        }
        // On a lower layer nobody changed it: there is no need to read it.
        if file.upper_layer == Some(false) {
            return made(real, Verdict::Known { proven: true }, Some(known));
        }
        // The kernel's own path goes through no link any more: where the image has a link, a file has taken its place.
        let there = if role == Role::Script || file.upper_layer != Some(true) { real } else { path };
        let verdict = match (&known.digest, digest(&mut self.digests, file, there, container, content)) {
            (Some(wanted), Some(there)) if *wanted == there => Verdict::Known { proven: true },
            (Some(wanted), Some(there)) if wanted.algorithm() == there.algorithm() => {
                Verdict::Different { content: true }
            }
            _ if file.upper_layer == Some(true) => Verdict::UpperLayer,
            _ => Verdict::Known { proven: false },
        };
        made(there, verdict, Some(known))
    }
}

/// The digest of a file, read once for each state of it.
fn digest(
    known: &mut HashMap<(u32, u64, u64), Option<Digest>>,
    file: &File,
    path: &str,
    container: &Container,
    content: &dyn Content,
) -> Option<Digest> {
    // Without inode and time of change two states of a file cannot be told apart.
    if file.inode == 0 || file.changed == 0 {
        return content.digest(container, path, file.changed);
    }
    if known.len() >= REMEMBERED {
        known.clear();
    }
    let state = (file.device, file.inode, file.changed);
    known.entry(state).or_insert_with(|| content.digest(container, path, file.changed)).clone()
}

/// The mount that a path lies on; nothing for what lies on the root of the container.
fn mount<'c>(container: &'c Container, path: &str) -> Option<&'c Mount> {
    let holds = |mount: &&Mount| {
        let destination = mount.destination.trim_end_matches('/');
        !destination.is_empty()
            && path.strip_prefix(destination).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    // Of mounts within mounts the innermost.
    container.mounts.iter().filter(holds).max_by_key(|mount| mount.destination.len())
}

/// Whether a name is that of a shared library: `libc.so.6`, `module.so`; `ld.so.cache` is none.
fn is_library(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let version = name.rsplit_once(".so.").map(|(_, version)| version);
    name.ends_with(".so")
        || version.is_some_and(|version| version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
}

/// The inventories of images, for rules: `image.file.known`, `package.name` and the like.
#[derive(Debug, Default)]
pub struct Inventories {
    /// By the digest of the image as the container runtime names it, or by its reference.
    images: HashMap<String, Arc<Image>>,
}

impl Inventories {
    /// Adds an image by its digest or reference.
    pub fn add(&mut self, name: &str, image: impl Into<Arc<Image>>) {
        self.images.insert(name.to_owned(), image.into());
    }

    /// The inventory of a container's image.
    pub fn of(&self, container: &Container) -> Option<&Image> {
        let by_digest = self.images.get(&container.digest).filter(|_| !container.digest.is_empty());
        by_digest.or_else(|| self.images.get(&container.image)).map(|image| &**image)
    }
}

impl Knowledge for Inventories {
    fn file(&self, container: &Container, path: &str) -> Option<FileFacts<'_>> {
        let image = self.of(container)?;
        let known = match image.find(path) {
            // What is mounted over the image is none of its.
            Some((real, known)) if mount(container, &real).is_none() => known,
            _ => return Some(FileFacts::default()),
        };
        let (package, layer) = (known.package, known.layer);
        let package = package.and_then(|place| image.packages().get(place as usize));
        let layer_name = layer.and_then(|place| image.layer_names().get(place as usize));
        Some(FileFacts {
            known: true,
            package: package.map(|package| &*package.name),
            version: package.map(|package| &*package.version),
            layer: layer_name.map(|name| &**name),
            severity: package.and_then(|package| package.severity.as_deref()),
            party: package.and_then(|package| package.party.as_deref()),
            ids: package.map_or(&[][..], |package| &package.findings),
        })
    }
}

impl Judged {
    /// What there is to tell of drift: which file, what it is, which package should own it.
    pub fn alert(&self, event: &Event, image: &Image) -> Alert {
        let what = match self.role {
            Role::Program => "program",
            Role::Script => "script",
            Role::Library => "library",
        };
        let (word, is) = match &self.verdict {
            Verdict::Known { .. } => ("known", "is the image's"),
            Verdict::Mounted { .. } => ("mounted", "comes from a mount"),
            Verdict::UpperLayer => ("upper layer", "was made or changed after the container started"),
            Verdict::Unknown => ("unknown", "is no file of the image"),
            Verdict::Different { content: true } => ("different", "is not what the image has there"),
            Verdict::Different { content: false } => ("different", "is executable, which the image's is not"),
            Verdict::Memory => ("memory", "is in memory only"),
        };
        let package = self.package.and_then(|place| image.packages().get(place));
        let layer = self.layer.and_then(|place| image.layers().get(place));
        let mut output =
            format!("A {what} {is} (file={} command={}", self.path, event.process.command_line());
        let mut fields: BTreeMap<String, String> =
            [("drift.role", what), ("drift.verdict", word), ("drift.path", &self.path)]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into();
        let more = [
            ("package", "package.name", package.map(|package| package.name.clone())),
            ("version", "package.version", package.map(|package| package.version.clone())),
            ("namesake", "drift.namesake", self.namesake.clone()),
            ("layer", "image.file.layer", layer.map(ToString::to_string)),
        ];
        for (short, name, value) in more {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                let _ = write!(output, " {short}={value}");
                fields.insert(name.to_owned(), value);
            }
        }
        output.push(')');
        let action = match package {
            Some(package) => format!(
                "Stop the container and keep its upper layer as evidence: the file should be that of the package {}. Find out which process wrote it; if it is wanted, put it into the image.",
                package.name
            ),
            None => "Stop the container and keep its upper layer as evidence; find out which process wrote the file. If it is wanted, put it into the image.".to_owned(),
        };
        Alert::made("Drift from the image", "drift", event, output, fields, action)
    }
}

#[cfg(test)]
mod tests;
