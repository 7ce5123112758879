//! A folder that is a work tree: what was checked out, from where, and whether it was changed since.
//!
//! The files of its `.git` are read here, and `git` is not run: settings of a foreign work tree can name programs.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::{File, Metadata};
use std::io::Read as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use plimsoll_model::{Git as Facts, Problem, ProblemKind};

use super::address::without_secret;
use super::index::{self, Entry, FILE, Hasher, KINDS, Kind, LINK};
use super::objects;

/// Largest small file of a repository.
const LARGEST: u64 = 1 << 20;
/// Largest list of packed references, and largest index.
const LARGEST_LIST: u64 = 512 << 20;
/// Bytes of files that are read to see whether they were changed; then it is not told.
const MOST_HASHED: u64 = 2 << 30;
/// Largest file that is held in memory for that.
const LARGEST_HELD: u64 = 32 << 20;
/// Links from one reference to the next.
const LINKS: usize = 5;
/// Folders above that are looked at.
const ABOVE: usize = 256;

/// A work tree.
pub(crate) struct WorkTree {
    top: PathBuf,
    /// Path of the folder that was asked for, with a slash behind it; empty for the whole.
    prefix: Vec<u8>,
    /// When the list of its files was written.
    listed: Option<(i64, i64)>,
    /// What belongs to this work tree alone.
    own: PathBuf,
    /// What all work trees of the repository share.
    common: PathBuf,
    config: Config,
    facts: Facts,
}

/// Names in lower case, as `remote.NAME.url`; of several values the last.
type Config = BTreeMap<String, String>;

impl WorkTree {
    /// The work tree that a folder is, or lies in. `Err` says why there seems to be one that cannot be read.
    pub(crate) fn around(folder: &Path) -> Option<Result<Self, String>> {
        let folder = folder.canonicalize().ok()?;
        let top =
            folder.ancestors().take(ABOVE).find(|above| above.join(".git").symlink_metadata().is_ok())?;
        let below = folder.strip_prefix(top).ok()?.as_os_str().as_bytes();
        let prefix = if below.is_empty() { Vec::new() } else { [below, b"/"].concat() };
        let Some(mut tree) = Self::at(top) else {
            let detail =
                "which commit this is is not told: it is no repository of git, or not the one of this folder";
            return below.is_empty().then(|| Err(detail.to_owned()));
        };
        // A folder within, of which nothing is tracked, is something else: a root file system that a build made, perhaps.
        let is_part = |entries: Vec<Entry>| entries.iter().any(|entry| entry.path.starts_with(&prefix));
        if !below.is_empty() && !tree.entries().is_ok_and(is_part) {
            return None;
        }
        tree.facts.folder = (!below.is_empty()).then(|| String::from_utf8_lossy(below).into_owned());
        tree.prefix = prefix;
        Some(Ok(tree))
    }

    /// The work tree at this folder, if it is one.
    fn at(folder: &Path) -> Option<Self> {
        let place = folder.join(".git");
        let kind = place.symlink_metadata().ok()?.file_type();
        let own = if kind.is_dir() {
            place
        } else if kind.is_file() {
            // A further work tree of a repository, or a submodule.
            let text = small(&place)?;
            let own = folder.join(text.strip_prefix("gitdir: ")?.trim_end_matches(['\n', '\r']));
            // It must point back: a file of somebody else's must not have us tell of any repository of this machine.
            let back = small(&own.join("gitdir")).map(|path| own.join(path.trim_end())).or_else(|| {
                let config = read_config(&small(&own.join("config"))?);
                Some(own.join(config.get("core.worktree")?).join(".git"))
            })?;
            (back.canonicalize().ok()? == place.canonicalize().ok()?).then_some(own)?
        } else {
            return None;
        };
        let head = small(&own.join("HEAD"))?;
        let common = match small(&own.join("commondir")) {
            Some(path) => own.join(path.trim_end_matches(['\n', '\r'])),
            None => own.clone(),
        };
        let config = small(&common.join("config")).map(|text| read_config(&text)).unwrap_or_default();
        let listed =
            own.join("index").metadata().ok().map(|metadata| (metadata.mtime(), metadata.mtime_nsec()));
        let top = folder.to_owned();
        let mut tree =
            WorkTree { top, prefix: Vec::new(), listed, own, common, config, facts: Facts::default() };
        let head = head.trim();
        let name = head.strip_prefix("ref: ").map(str::trim);
        if name.is_none() && !is_object(head) {
            return None;
        }
        tree.facts.branch = name.and_then(|name| name.strip_prefix("refs/heads/")).map(str::to_owned);
        tree.facts.commit = match name {
            Some(name) => tree.resolve(name),
            None => Some(head.to_owned()),
        };
        tree.facts.remote = tree.remote();
        Some(tree)
    }

    /// The commit that a reference stands for. A branch without a commit has none.
    fn resolve(&self, name: &str) -> Option<String> {
        let mut name = name.to_owned();
        for _ in 0..LINKS {
            let plain = name.starts_with("refs/")
                && name.split('/').all(|part| !matches!(part, "" | "." | "..") && !part.contains('\0'));
            if !plain {
                return None;
            }
            let loose = [&self.own, &self.common].into_iter().find_map(|folder| small(&folder.join(&name)));
            let Some(text) = loose else { return self.packed(&name) };
            match text.trim().strip_prefix("ref: ") {
                Some(next) => next.trim().clone_into(&mut name),
                None => return Some(text.trim().to_owned()).filter(|text| is_object(text)),
            }
        }
        None
    }

    fn packed(&self, name: &str) -> Option<String> {
        let bytes = limited(&self.common.join("packed-refs"), LARGEST_LIST)?;
        let line = bytes.split(|byte| *byte == b'\n').find_map(|line| {
            let (object, rest) = line.split_at_checked(line.iter().position(|byte| *byte == b' ')?)?;
            (rest.get(1..)?.trim_ascii_end() == name.as_bytes()).then_some(object)
        })?;
        std::str::from_utf8(line).ok().map(str::to_owned).filter(|text| is_object(text))
    }

    /// Where the branch is from; else `origin`; else the only remote there is. Without secrets.
    fn remote(&self) -> Option<String> {
        let of_branch =
            self.facts.branch.as_ref().and_then(|name| self.config.get(&format!("branch.{name}.remote")));
        let mut urls = self
            .config
            .iter()
            .filter_map(|(name, url)| Some((name.strip_prefix("remote.")?.strip_suffix(".url")?, url)));
        let named = [of_branch.map(String::as_str), Some("origin")];
        let url = named
            .into_iter()
            .flatten()
            .find_map(|name| self.config.get(&format!("remote.{name}.url")))
            .or_else(|| urls.next().map(|(_, url)| url).filter(|_| urls.next().is_none()))?;
        Some(without_secrets(url))
    }

    /// What the report says, and what could not be told.
    pub(crate) fn look(self) -> Looked {
        let mut looked = Looked { facts: self.facts.clone(), ..Looked::default() };
        let mut unknown = |detail: String| {
            looked.problems.push(Problem::note(
                ProblemKind::Unreadable,
                self.top.join(".git").display(),
                detail,
            ));
        };
        if self.config.get("extensions.refstorage").is_some_and(|form| form != "files") {
            looked.facts = Facts { branch: None, commit: None, ..looked.facts };
            unknown(
                "which commit is checked out is not told: its references are not kept in files".to_owned(),
            );
            return Looked {
                tracked: self.entries().ok().map(|entries| index::below(&entries, &self.prefix)),
                ..looked
            };
        }
        let entries = match self.entries() {
            Ok(entries) => entries,
            Err(detail) => {
                unknown(format!(
                    "which files are tracked and whether they were changed is not told: {detail}"
                ));
                return looked;
            }
        };
        match self.dirty(&entries) {
            Ok(dirty) => looked.facts.dirty = Some(dirty),
            Err(detail) => {
                unknown(format!("whether files were changed since the commit is not told: {detail}"));
            }
        }
        looked.tracked = Some(index::below(&entries, &self.prefix));
        looked
    }

    fn kind(&self) -> Kind {
        let is_longer = self.config.get("extensions.objectformat").is_some_and(|form| form == "sha256");
        if is_longer { Kind::Sha256 } else { Kind::Sha1 }
    }

    /// The files that are tracked. A repository without a commit has no list yet.
    fn entries(&self) -> Result<Vec<Entry>, String> {
        let path = self.own.join("index");
        if path.symlink_metadata().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
            return Ok(Vec::new());
        }
        let bytes =
            limited(&path, LARGEST_LIST).ok_or("its list of files cannot be read, or is too large")?;
        Ok(index::read(&bytes, self.kind())?)
    }

    /// Do tracked files differ from the commit, in the list of what is to be committed or in the work tree?
    fn dirty(&self, entries: &[Entry]) -> Result<bool, String> {
        if entries.iter().any(|entry| entry.conflict || entry.intended) {
            return Ok(true);
        }
        let Some(commit) = &self.facts.commit else { return Ok(!entries.is_empty()) };
        let committed = objects::tree_of_commit(&self.common.join("objects"), commit, self.kind());
        if committed.as_ref().is_some_and(|committed| *committed != index::tree(entries, self.kind())) {
            return Ok(true);
        }
        let mut budget = MOST_HASHED;
        for entry in entries {
            if self.differs(entry, &mut budget)? {
                return Ok(true);
            }
        }
        match committed {
            Some(_) => Ok(false),
            None => Err("the commit itself is not in this repository in a form that is read".to_owned()),
        }
    }

    /// Does a file differ from what was added? Those that look as they did then are not read.
    fn differs(&self, entry: &Entry, budget: &mut u64) -> Result<bool, String> {
        let kind = entry.mode & KINDS;
        if entry.unseen || !matches!(kind, FILE | LINK) {
            return Ok(false);
        }
        let inside = entry.path.split(|byte| *byte == b'/').all(|part| !matches!(part, b"" | b"." | b".."));
        let path = self.top.join(OsStr::from_bytes(&entry.path));
        let Some(metadata) = path.symlink_metadata().ok().filter(|_| inside) else { return Ok(true) };
        let says = |name: &str| self.config.get(name).is_none_or(|value| value != "false");
        let is_link = metadata.is_symlink();
        // Where links cannot be made, their targets stand in files.
        let fits = is_link && kind == LINK || metadata.is_file() && (kind == FILE || !says("core.symlinks"));
        let executable = |mode: u32| mode & 0o100 != 0;
        if !fits
            || kind == FILE && says("core.filemode") && executable(metadata.mode()) != executable(entry.mode)
        {
            return Ok(true);
        }
        if self.looks_the_same(entry, &metadata) {
            return Ok(false);
        }
        // As git does it: another length than was noted is a change, whatever filters would make of it.
        #[expect(clippy::cast_possible_truncation, reason = "as git notes it")]
        if entry.size != 0 && metadata.size() as u32 != entry.size {
            return Ok(true);
        }
        let content = if is_link {
            std::fs::read_link(&path)
                .map(|target| target.into_os_string().into_vec())
                .map_err(|error| error.to_string())
        } else {
            *budget = budget
                .checked_sub(metadata.len())
                .ok_or("more of its files would have to be read than is worth it")?;
            if metadata.len() > LARGEST_HELD {
                return Ok(hash_file(&path, metadata.len(), self.kind())? != *entry.id);
            }
            limited(&path, LARGEST_HELD).ok_or_else(|| "a file cannot be read".to_owned())
        }?;
        let is_added = |content: &[u8]| {
            let mut hasher = Hasher::object(self.kind(), "blob", content.len() as u64);
            hasher.update(content);
            hasher.id() == *entry.id
        };
        if is_added(&content) {
            return Ok(false);
        }
        // Line ends may be those of another system.
        let carriage = |pair: &[u8]| pair == b"\r\n";
        if !is_link && content.windows(2).any(carriage) {
            let mut plain = Vec::with_capacity(content.len());
            for (at, byte) in content.iter().enumerate() {
                if !content.get(at..at + 2).is_some_and(carriage) {
                    plain.push(*byte);
                }
            }
            if is_added(&plain) {
                return Ok(false);
            }
        }
        if !is_link && self.has_filters() {
            return Err("files pass through programs before they are added, which are not run".to_owned());
        }
        Ok(true)
    }

    /// Size and time are those that were noted, and the time is before that of the list: a change after it shows.
    fn looks_the_same(&self, entry: &Entry, metadata: &Metadata) -> bool {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "as git notes them")]
        let (size, seconds, nanoseconds) =
            (metadata.size() as u32, metadata.mtime() as u32, metadata.mtime_nsec() as u32);
        let (noted, fraction) = entry.modified;
        let listed = self.listed.unwrap_or_default();
        let is_before = if fraction == 0 {
            metadata.mtime() < listed.0
        } else {
            (metadata.mtime(), metadata.mtime_nsec()) < listed
        };
        is_before && size == entry.size && seconds == noted && (fraction == 0 || fraction == nanoseconds)
    }

    /// Do attributes name filters, or other changes to what is added?
    fn has_filters(&self) -> bool {
        const CHANGES: [&str; 3] = ["filter", "ident", "working-tree-encoding"];
        let mut files = vec![self.common.join("info/attributes")];
        let entries = self.entries().unwrap_or_default();
        let named = entries
            .iter()
            .filter(|entry| entry.path.rsplit(|byte| *byte == b'/').next() == Some(b".gitattributes"));
        files.extend(named.take(1_000).map(|entry| self.top.join(OsStr::from_bytes(&entry.path))));
        files.iter().filter_map(|path| small(path)).any(|text| CHANGES.iter().any(|name| text.contains(name)))
    }
}

/// What was seen of a work tree.
#[derive(Debug, Default)]
pub(crate) struct Looked {
    pub(crate) facts: Facts,
    pub(crate) problems: Vec<Problem>,
    /// Paths of tracked files, as the folder that was asked for has them; `None` where they are not known.
    pub(crate) tracked: Option<HashSet<Box<[u8]>>>,
}

impl Looked {
    /// Why it is not known which files are tracked.
    pub(crate) fn why_not_tracked(&self) -> String {
        let told: Vec<&str> = self.problems.iter().map(|problem| problem.detail.as_str()).collect();
        told.join("; ")
    }
}

fn hash_file(path: &Path, length: u64, kind: Kind) -> Result<Vec<u8>, String> {
    let mut file = regular(path).ok_or("a file cannot be read")?.take(length);
    let mut hasher = Hasher::object(kind, "blob", length);
    let mut piece = vec![0; 64 * 1024];
    loop {
        match file.read(&mut piece).map_err(|error| error.to_string())? {
            0 => return Ok(hasher.id()),
            read => hasher.update(piece.get(..read).unwrap_or_default()),
        }
    }
}

/// An address that is told to everybody: user, password and query are left out.
pub(crate) fn without_secrets(url: &str) -> String {
    let url = if url.contains("://") { url.split(['?', '#']).next().unwrap_or_default() } else { url };
    without_secret(url).chars().filter(|character| !character.is_control()).collect()
}

fn is_object(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A small file of text.
fn small(path: &Path) -> Option<String> {
    String::from_utf8(limited(path, LARGEST)?).ok()
}

/// A regular file of at most so many bytes.
fn limited(path: &Path, most: u64) -> Option<Vec<u8>> {
    let file = regular(path)?;
    if file.metadata().ok()?.len() > most {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Opens a regular file. A pipe in its place must not make us wait.
pub(super) fn regular(path: &Path) -> Option<File> {
    let no_waiting = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).ok()?;
    let file = File::options().read(true).custom_flags(no_waiting).open(path).ok()?;
    file.metadata().ok()?.is_file().then_some(file)
}

/// Reads a file of settings (git-config(1), "Syntax"), without those that it includes. Lines that cannot be read are
/// passed over.
pub(crate) fn read_config(text: &str) -> Config {
    let mut config = Config::new();
    let mut section = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let mut line = line.trim_start();
        if let Some(rest) = line.strip_prefix('[') {
            let Some((name, rest)) = read_section(rest) else { continue };
            section = name;
            line = rest.trim_start();
        }
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        let end = line.find(|character: char| !(character.is_ascii_alphanumeric() || character == '-'));
        let (name, rest) = line.split_at(end.unwrap_or(line.len()));
        let value = match rest.trim_start().strip_prefix('=') {
            Some(value) => read_value(value, &mut lines),
            None if rest.trim().is_empty() || rest.trim_start().starts_with(['#', ';']) => "true".to_owned(),
            None => continue,
        };
        if !name.is_empty() && !section.is_empty() {
            config.insert(format!("{section}.{}", name.to_ascii_lowercase()), value);
        }
    }
    config
}

/// `remote "origin"]` and what follows.
fn read_section(text: &str) -> Option<(String, &str)> {
    let end = text.find([']', '"', ' ', '\t'])?;
    let mut name = text[..end].to_ascii_lowercase();
    let rest = text[end..].trim_start();
    if let Some(rest) = rest.strip_prefix(']') {
        return Some((name, rest));
    }
    let mut characters = rest.strip_prefix('"')?.char_indices();
    name.push('.');
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((name, rest.get(at + 2..)?.trim_start().strip_prefix(']')?)),
            '\\' => name.push(characters.next()?.1),
            character => name.push(character),
        }
    }
    None
}

/// A value to the end of its line, and of those that a backslash joins to it.
fn read_value<'text>(first: &'text str, lines: &mut impl Iterator<Item = &'text str>) -> String {
    let mut value = String::new();
    // Up to here it is kept: white space at the end is not part of it unless quoted.
    let mut kept = 0;
    let mut quoted = false;
    let mut line = first.trim_start();
    loop {
        let mut characters = line.chars();
        let mut joined = false;
        while let Some(character) = characters.next() {
            match character {
                '"' => quoted = !quoted,
                '#' | ';' if !quoted => break,
                '\\' => match characters.next() {
                    Some('n') => value.push('\n'),
                    Some('t') => value.push('\t'),
                    Some('b') => drop(value.pop()),
                    Some(other) => value.push(other),
                    None => joined = true,
                },
                character => {
                    value.push(character);
                    if character.is_whitespace() && !quoted {
                        continue;
                    }
                }
            }
            kept = value.len();
        }
        if !joined {
            break;
        }
        let Some(next) = lines.next() else { break };
        line = next;
    }
    value.truncate(kept);
    value
}

/// For the fuzzer: any text as a file of settings.
pub(super) fn fuzz(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let config = read_config(&text);
    let _ = write!(String::new(), "{config:?}");
    without_secrets(&text);
    let _ = super::Address::parse(&text);
    for kind in [Kind::Sha1, Kind::Sha256] {
        if let Ok(entries) = index::read(data, kind) {
            index::tree(&entries, kind);
        }
    }
    objects::fuzz(data);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_git_reads_them() {
        let text = "; note\n[core]\n\tfileMode = false # why\n\tbare\n[remote \"or\\\"i gin\"] url = \"a;b\" c  \n\
            [Branch \"Main\"]\n  Remote = x\\\n  y\n  merge=\\\"q\\t\nbroken line\n[half\n[section]a=1\n[x \"y\"\n z = 2";
        let config = read_config(text);
        let get = |name: &str| config.get(name).map(String::as_str);
        assert_eq!(get("core.filemode"), Some("false"));
        assert_eq!(get("core.bare"), Some("true"));
        assert_eq!(get("remote.or\"i gin.url"), Some("a;b c"));
        assert_eq!(get("branch.Main.remote"), Some("x  y"));
        assert_eq!(get("branch.Main.merge"), Some("\"q\t"));
        assert_eq!(get("section.a"), Some("1"));
        for text in [
            "",
            "[",
            "[a",
            "[a \"",
            "[a \"b",
            "[a \"\\",
            "a = \\",
            "[a]\nb = \\",
            "[a]\nb = \"",
            "\\",
            "[a]\n=",
        ] {
            fuzz(text.as_bytes());
        }
    }

    #[test]
    fn hostile_files_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let git = folder.path().join(".git");
        assert!(WorkTree::at(folder.path()).is_none());
        std::fs::create_dir(&git).unwrap();
        assert!(WorkTree::at(folder.path()).is_none());
        std::fs::write(git.join("HEAD"), "ref: refs/../../outside\n").unwrap();
        std::fs::write(folder.path().join("outside"), "0".repeat(40)).unwrap();
        assert_eq!(WorkTree::at(folder.path()).unwrap().facts.commit, None);
        // A reference that leads to itself.
        std::fs::create_dir_all(git.join("refs/heads")).unwrap();
        std::fs::write(git.join("HEAD"), "ref: refs/heads/a\n").unwrap();
        std::fs::write(git.join("refs/heads/a"), "ref: refs/heads/a\n").unwrap();
        let tree = WorkTree::at(folder.path()).unwrap();
        assert_eq!((tree.facts.commit, tree.facts.branch.as_deref()), (None, Some("a")));
        std::fs::write(git.join("packed-refs"), format!("# x\n{} refs/heads/b\nx\n \n", "1".repeat(40)))
            .unwrap();
        std::fs::write(git.join("HEAD"), "ref: refs/heads/b\n").unwrap();
        assert_eq!(WorkTree::at(folder.path()).unwrap().facts.commit, Some("1".repeat(40)));
        // A pipe would be waited for.
        std::fs::remove_file(git.join("HEAD")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            git.join("HEAD"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .unwrap();
        assert!(WorkTree::at(folder.path()).is_none());
    }

    #[test]
    fn addresses_are_told_without_secrets() {
        for (url, told) in [
            ("https://user:hidden@host/a.git?token=hidden", "https://host/a.git"),
            ("git@host:a/b.git", "git@host:a/b.git"),
            ("/srv/a#b.git", "/srv/a#b.git"),
        ] {
            assert_eq!(without_secrets(url), told);
        }
    }
}
