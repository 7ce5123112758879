//! Java archives, in each other to any sensible depth: which Maven artifact is this, and which were packed into it?
//!
//! A file name is no identity. In this order: `META-INF/maven/**/pom.properties` (the one that fits the file name or the manifest is
//! the archive's own, the others were shaded into it), the manifest together with the file name, the file name alone; and the classes of
//! well-known libraries, for what kept nothing else ([`super::java_classes`]). The property `identity` says which it was. Where no source names the group with certainty, the package has its artifact as name, without group.
//! Each archive's SHA-1, by which Maven Central knows it, goes with its own package.
//!
//! Nesting is a list of open archives, not recursion. Depth, inflated bytes, bytes held at once and entries are bounded; what a
//! bound cuts off becomes a problem.
//!
//! Formats: JAR File Specification (Java 21), `java.util.Properties`, Maven Archiver 3.6, OSGi Core 8 section 3.2.

use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;
use std::sync::{Mutex, PoisonError};

use plimsoll_fs::Entry;
use plimsoll_model::{Algorithm, Digest, Ecosystem, ImagePath, Location, Package, Problem, ProblemKind};
use sha1::{Digest as _, Sha1};

use super::{java_classes, zip};
use crate::{Extraction, Extractor, Reader};

/// Maven artifacts in JAR, WAR, EAR and their relatives.
pub static JAVA_ARCHIVE: Extractor = Extractor {
    name: "binary/java_archive",
    version: 2,
    declares: false,
    wants,
    read: Reader::Whole { limit: 512 << 20, parse },
};

/// Endings that only Java uses.
const JAVA: &[&[u8]] = &[b"jar", b"war", b"ear", b"jpi", b"hpi", b"lpkg"];
/// Endings that other programs use as well: read when the content is a zip archive, left alone otherwise.
const SHARED: &[&[u8]] = &[b"par", b"sar", b"nar", b"kar", b"rar"];

/// Archives open in each other, the file itself counted.
const MAX_DEPTH: usize = 64;
/// Bytes of inner archives that are read from one file, inflated, in all.
const MAX_TOTAL: u64 = 2 << 30;
/// Bytes of inflated inner archives that are held at once.
const MAX_HELD: usize = 128 << 20;
/// Entries looked at in one file, inner archives counted.
const MAX_ENTRIES: u64 = 8_000_000;
/// Packages of one file.
const MAX_PACKAGES: usize = 20_000;
/// Longest path of an archive in an archive, in bytes.
const MAX_PATH: usize = 4096;
/// Problems of one file that are told one by one.
const MAX_PROBLEMS: usize = 1000;
/// Largest `pom.properties`. Real ones have a hundred bytes.
const MAX_PROPERTIES: usize = 64 << 10;
/// What is read of a manifest. Its main section comes first; signed archives have megabytes of others behind it.
const MAX_MANIFEST: usize = 256 << 10;
/// Directories of classes remembered of one archive.
const MAX_DIRECTORIES: usize = 64;

fn wants(entry: &Entry<'_>) -> bool {
    let name = entry.path.file_name();
    has_ending(name, JAVA) || has_ending(name, SHARED)
}

fn has_ending(name: &[u8], endings: &[&[u8]]) -> bool {
    let Some(dot) = name.iter().rev().take(5).position(|byte| *byte == b'.') else { return false };
    let ending = &name[name.len() - dot..];
    name.len() > dot + 1 && endings.iter().any(|known| known.eq_ignore_ascii_case(ending))
}

/// The bytes of an archive: the file, or something inflated out of it, or a part of either.
#[derive(Clone)]
struct Data<'a> {
    owner: Owner<'a>,
    range: Range<usize>,
}

#[derive(Clone)]
enum Owner<'a> {
    File(&'a [u8]),
    Inflated(Rc<Vec<u8>>),
}

impl Data<'_> {
    fn bytes(&self) -> &[u8] {
        match &self.owner {
            Owner::File(bytes) => &bytes[self.range.clone()],
            Owner::Inflated(bytes) => &bytes[self.range.clone()],
        }
    }
}

/// An archive that is being read.
struct Open<'a> {
    data: Data<'a>,
    cursor: zip::Cursor,
    path: ImagePath,
    /// Inflated bytes that are freed with it.
    held: usize,
    poms: Vec<Coordinates>,
    manifest: Option<BTreeMap<String, String>>,
    directories: Vec<Vec<u8>>,
    has_classes: bool,
    seen: java_classes::Seen,
}

/// What `pom.properties` names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Coordinates {
    group: String,
    artifact: String,
    version: String,
}

/// What may still be spent on one file.
struct Budget {
    total: u64,
    held: usize,
    entries: u64,
    poms: usize,
}

/// Reads an archive. Public for fuzzing.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let mut found = Extraction::default();
    if !zip::is_archive(bytes) && !has_ending(path.file_name(), JAVA) {
        return found;
    }
    // One archive at a time, over all threads: what nested archives hold would otherwise add up. Waiting, unlike a shared
    // allowance, gives the same result whatever the threads do.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut budget = Budget { total: MAX_TOTAL, held: MAX_HELD, entries: MAX_ENTRIES, poms: MAX_PACKAGES };
    let data = Data { owner: Owner::File(bytes), range: 0..bytes.len() };
    let mut has_more_problems = false;
    let mut stack = vec![Open::new(data, path.clone(), 0, &mut found)];
    while let Some(top) = stack.last_mut() {
        let step = top.step(&mut budget, &mut found);
        match step {
            Step::More => {}
            Step::Inner(data, path, held) => {
                if stack.len() >= MAX_DEPTH {
                    found.problems.push(limit(
                        &path,
                        format!("lies more than {MAX_DEPTH} archives deep: it is not read"),
                    ));
                    budget.held += held;
                } else {
                    stack.push(Open::new(data, path, held, &mut found));
                }
            }
            Step::End => {
                budget.held += top.held;
                top.identify(&mut found);
                stack.pop();
            }
        }
        if found.packages.len() > MAX_PACKAGES {
            found.packages.truncate(MAX_PACKAGES);
            found.problems.push(limit(path, format!("holds more than {MAX_PACKAGES} packages")));
            break;
        }
        if found.problems.len() > MAX_PROBLEMS {
            found.problems.truncate(MAX_PROBLEMS);
            has_more_problems = true;
        }
        if budget.poms == 0 {
            found.problems.push(limit(path, format!("names more than {MAX_PACKAGES} packages")));
            break;
        }
        if budget.entries == 0 {
            found.problems.push(limit(path, format!("has more than {MAX_ENTRIES} entries")));
            break;
        }
    }
    found.problems.dedup();
    if has_more_problems {
        found.problems.push(limit(path, format!("has more than {MAX_PROBLEMS} parts that cannot be read")));
    }
    found
}

fn limit(path: &ImagePath, detail: String) -> Problem {
    Problem::incomplete(ProblemKind::LimitExceeded, path, detail)
}

enum Step<'a> {
    More,
    Inner(Data<'a>, ImagePath, usize),
    End,
}

impl<'a> Open<'a> {
    fn new(data: Data<'a>, path: ImagePath, held: usize, found: &mut Extraction) -> Self {
        let (cursor, fault) = zip::Cursor::open(data.bytes());
        if let Some((kind, detail)) = fault {
            found.problems.push(Problem::incomplete(kind, &path, detail));
        }
        let (poms, manifest, directories) = (Vec::new(), None, Vec::new());
        let seen = java_classes::Seen::default();
        Open { data, cursor, path, held, poms, manifest, directories, has_classes: false, seen }
    }

    /// Looks at one entry.
    fn step(&mut self, budget: &mut Budget, found: &mut Extraction) -> Step<'a> {
        let data = self.data.clone();
        let bytes = data.bytes();
        budget.entries = budget.entries.saturating_sub(1);
        let entry = match self.cursor.next(bytes) {
            None => return Step::End,
            Some(Ok(entry)) => entry,
            Some(Err((kind, detail))) => {
                found.problems.push(Problem::incomplete(kind, &self.path, detail));
                return Step::More;
            }
        };
        let name = entry.name;
        self.seen.look(&entry, bytes);
        if name.ends_with(b".class") {
            self.has_classes = true;
            self.remember_directory(name);
        } else if has_ending(name, JAVA) || has_ending(name, SHARED) {
            return self.inner(&entry, bytes, budget, found);
        } else if name.ends_with(b"pom.properties")
            && matches!(name.len().checked_sub(15).map(|at| name[at]), None | Some(b'/'))
        {
            budget.poms = budget.poms.saturating_sub(1);
            match entry.read(bytes, MAX_PROPERTIES, &mut 0) {
                Ok(content) => self.add_pom(content.bytes(bytes)),
                Err(fault) => found.problems.push(self.problem(name, fault)),
            }
        } else if name.eq_ignore_ascii_case(b"META-INF/MANIFEST.MF") && self.manifest.is_none() {
            self.manifest = Some(match entry.read_start(bytes, MAX_MANIFEST, &mut 0) {
                Ok((content, _)) => manifest(content.bytes(bytes)),
                Err(fault) => {
                    found.problems.push(self.problem(name, fault));
                    BTreeMap::new()
                }
            });
        }
        Step::More
    }

    fn problem(&self, name: &[u8], (kind, detail): zip::Fault) -> Problem {
        Problem::incomplete(kind, self.inside(name), detail)
    }

    /// The path of an entry. What the archive says of `..` stays inside the archive.
    fn inside(&self, name: &[u8]) -> ImagePath {
        let name = ImagePath::new(&name[..name.len().min(MAX_PATH)]);
        ImagePath::new(&[self.path.as_bytes(), b"!/", name.as_bytes()].concat())
    }

    fn inner(
        &self,
        entry: &zip::Entry<'_>,
        bytes: &[u8],
        budget: &mut Budget,
        found: &mut Extraction,
    ) -> Step<'a> {
        if entry.name.len() + self.path.as_bytes().len() > MAX_PATH {
            found.problems.push(limit(
                &self.path,
                format!("holds an archive with a path longer than {MAX_PATH} bytes"),
            ));
            return Step::More;
        }
        let path = self.inside(entry.name);
        let allowed = usize::try_from(budget.total).map_or(budget.held, |total| total.min(budget.held));
        let mut spent = 0;
        let content = entry.read(bytes, allowed, &mut spent);
        budget.total = budget.total.saturating_sub(spent);
        let content = match content {
            Ok(content) => content,
            Err((ProblemKind::LimitExceeded, _)) => {
                let detail = if budget.total == 0 {
                    "not read: the archives in the file are larger than 2 GiB together"
                } else {
                    "not read: larger than 512 MiB together with the archives around it"
                };
                found.problems.push(limit(&path, detail.into()));
                return Step::More;
            }
            Err((kind, detail)) => {
                found.problems.push(Problem::incomplete(kind, path, detail));
                return Step::More;
            }
        };
        let inner = content.bytes(bytes);
        if !has_ending(entry.name, JAVA) && !zip::is_archive(inner) {
            return Step::More;
        }
        match content {
            zip::Content::Stored(range) => {
                let range = self.data.range.start + range.start..self.data.range.start + range.end;
                Step::Inner(Data { owner: self.data.owner.clone(), range }, path, 0)
            }
            zip::Content::Inflated(bytes) => {
                let held = bytes.len();
                budget.held -= held;
                Step::Inner(Data { range: 0..held, owner: Owner::Inflated(Rc::new(bytes)) }, path, held)
            }
        }
    }

    fn remember_directory(&mut self, name: &[u8]) {
        let mut slashes =
            name.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at + 1).take(4);
        let Some(start) = slashes.by_ref().last().map(|end| &name[..end.min(256)]) else { return };
        let full = self.directories.len() >= MAX_DIRECTORIES;
        if !full
            && self.directories.last().is_none_or(|last| last != start)
            && !self.directories.iter().any(|known| known == start)
        {
            self.directories.push(start.to_vec());
        }
    }

    fn add_pom(&mut self, content: &[u8]) {
        let mut values = properties(content);
        let mut take = |key: &str| {
            values.remove(key).map(|value| value.trim().to_owned()).filter(|value| is_plain(value))
        };
        let (group, artifact, version) = (take("groupId"), take("artifactId"), take("version"));
        if let (Some(group), Some(artifact), Some(version)) = (group, artifact, version) {
            self.poms.push(Coordinates { group, artifact, version });
        }
    }

    /// Names the archive, and what was shaded into it.
    fn identify(&mut self, found: &mut Extraction) {
        self.poms.sort();
        self.poms.dedup();
        let name = String::from_utf8_lossy(self.path.file_name());
        let stem = name.rsplit_once('.').map_or(&*name, |(stem, _)| stem);
        let manifest = self.manifest.take().unwrap_or_default();
        let own = own_pom(&self.poms, stem, &manifest);
        let add = |coordinates: &Coordinates| {
            let mut package = Package::new(
                Ecosystem::Maven,
                format!("{}:{}", coordinates.group, coordinates.artifact),
                coordinates.version.clone(),
                Location::new(self.path.clone()),
            );
            package.properties.insert("identity".into(), "pom.properties".into());
            package
        };
        let mut packages: Vec<Package> = self.poms.iter().map(add).collect();
        for (index, package) in packages.iter_mut().enumerate() {
            if own != Some(index) {
                package.properties.insert("shaded".into(), "true".into());
            }
        }
        let own = own.or_else(|| {
            packages.push(self.guess(stem, &manifest)?);
            Some(packages.len() - 1)
        });
        if let Some(own) = own {
            let digest = Sha1::digest(self.data.bytes());
            packages[own].digests.extend(Digest::from_bytes(Algorithm::Sha1, &digest));
        }
        let is_only = |folder: &str| {
            self.directories.len() < MAX_DIRECTORIES
                && self.directories.iter().all(|directory| directory.starts_with(folder.as_bytes()))
        };
        std::mem::take(&mut self.seen).add(&self.path, own, &is_only, &mut packages);
        found.packages.append(&mut packages);
    }

    /// An identity from manifest and file name. `None` for an archive without any code, or one that only carries others.
    fn guess(&self, stem: &str, manifest: &BTreeMap<String, String>) -> Option<Package> {
        let value = |key: &str| manifest.get(key).map(|value| value.trim()).filter(|value| is_plain(value));
        let stated = value("implementation-version").or_else(|| value("bundle-version"));
        let named = match stated
            .and_then(|version| stem.strip_suffix(version)?.strip_suffix('-').zip(Some(version)))
        {
            Some((artifact, version)) if !artifact.is_empty() => Some((artifact, version)),
            _ => split_name(stem),
        };
        if !self.has_classes && (named.is_none() || stated.is_none()) {
            return None;
        }
        let title = value("implementation-title").filter(|title| !title.contains(char::is_whitespace));
        let (artifact, version) = match named {
            Some((artifact, version)) => (artifact, version),
            None => {
                (title.unwrap_or(stem), stated.or_else(|| value("specification-version")).unwrap_or_default())
            }
        };
        // An archive of an application, under a name of its own, that has been told apart from what is shaded into it.
        if named.is_none() && stated.is_none() && !self.poms.is_empty() {
            return None;
        }
        let symbolic_name =
            value("bundle-symbolicname").and_then(|name| name.split(';').next()).map(str::trim_end);
        let known = known_group(artifact, &self.directories);
        let stated_group = group(artifact, value("implementation-vendor-id"), symbolic_name);
        let identity = if known.is_none() && stated_group.is_some() || named.is_none() && stated.is_some() {
            "manifest"
        } else {
            "file-name"
        };
        let name = match known.or(stated_group.as_deref()) {
            Some(group) => format!("{group}:{artifact}"),
            None => artifact.to_owned(),
        };
        let mut package = Package::new(Ecosystem::Maven, name, version, Location::new(self.path.clone()));
        package.properties.insert("identity".into(), identity.into());
        for (key, property) in
            [("bundle-symbolicname", "bundle-symbolic-name"), ("automatic-module-name", "module-name")]
        {
            if let Some(value) = value(key) {
                package.properties.insert(property.into(), value.to_owned());
            }
        }
        Some(package)
    }
}

/// A value that stands for itself: not empty, not an unresolved `${...}`, no control characters, not absurdly long.
fn is_plain(value: &str) -> bool {
    !value.is_empty() && value.len() <= 512 && !value.contains("${") && !value.contains(char::is_control)
}

/// Which `pom.properties` is the archive's own?
fn own_pom(poms: &[Coordinates], stem: &str, manifest: &BTreeMap<String, String>) -> Option<usize> {
    let exact = poms.iter().position(|pom| {
        stem.strip_prefix(pom.artifact.as_str()).and_then(|rest| rest.strip_prefix('-')).is_some_and(|rest| {
            // A classifier may follow: `-sources`, `-linux-x86_64`.
            rest.strip_prefix(pom.version.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        })
    });
    let titled = || {
        let title = manifest.get("implementation-title")?;
        let version = manifest.get("implementation-version")?;
        poms.iter().position(|pom| pom.artifact == *title && pom.version == *version)
    };
    let unversioned = || poms.iter().position(|pom| pom.artifact == stem);
    let alone = || {
        let [only] = poms else { return None };
        // A library of another name and version has one other library shaded into it.
        let other = split_name(stem)
            .is_some_and(|(artifact, version)| artifact != only.artifact && version != only.version);
        (!other).then_some(0)
    };
    exact.or_else(unversioned).or_else(titled).or_else(alone)
}

/// Splits `log4j-1.2-api-2.17.1` into artifact and version: at the first hyphen behind which only version parts follow.
fn split_name(stem: &str) -> Option<(&str, &str)> {
    let is_version_part = |part: &str| {
        let lower = part.to_ascii_lowercase();
        let letters = lower.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
        part.starts_with(|letter: char| letter.is_ascii_digit())
            || matches!(
                letters,
                "jre"
                    | "android"
                    | "snapshot"
                    | "release"
                    | "final"
                    | "ga"
                    | "alpha"
                    | "beta"
                    | "rc"
                    | "cr"
                    | "m"
                    | "sp"
                    | "b"
                    | "incubating"
                    | "jdk"
                    | "java"
                    | "pre"
                    | "preview"
                    | "ea"
                    | "hotfix"
                    | "patch"
                    | "build"
            )
    };
    // What may stand behind the version: classifiers of native and of secondary archives.
    let is_classifier = |part: &str| {
        matches!(
            part.to_ascii_lowercase().as_str(),
            "linux"
                | "osx"
                | "macos"
                | "windows"
                | "win"
                | "x86_64"
                | "x86_32"
                | "x86"
                | "aarch_64"
                | "aarch64"
                | "amd64"
                | "musl"
                | "fedora"
                | "sources"
                | "javadoc"
                | "tests"
                | "test"
                | "all"
                | "shaded"
                | "classes"
                | "uber"
                | "dist"
                | "jakarta"
                | "jdk5"
                | "jdk8"
                | "jdk11"
                | "noaop"
                | "runner"
                | "plain"
                | "exec"
                | "nodeps"
                | "no_aop"
        )
    };
    stem.match_indices('-').take(32).find_map(|(at, _)| {
        let rest = &stem[at + 1..];
        if at == 0 || rest.len() > 128 || !rest.starts_with(|letter: char| letter.is_ascii_digit()) {
            return None;
        }
        let mut end = 0;
        let mut in_version = true;
        for part in rest.split('-') {
            let classifier = is_classifier(part);
            if in_version && is_version_part(part) && !(classifier && end > 0) {
                end += part.len() + usize::from(end > 0);
            } else if classifier {
                in_version = false;
            } else {
                return None;
            }
        }
        Some((&stem[..at], &rest[..end]))
    })
}

/// The Maven group, where the manifest leaves no doubt of it.
///
/// Maven Archiver writes the group as `Implementation-Vendor-Id`, but by hand it is often only the organisation. The bundle plugin
/// makes the symbolic name of group and artifact; when both are there they must agree.
fn group(artifact: &str, vendor: Option<&str>, symbolic_name: Option<&str>) -> Option<String> {
    let is_group = |text: &str| {
        text.contains('.')
            && !text.starts_with('.')
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
            && !matches!(
                text,
                "org.apache"
                    | "com.sun"
                    | "com.oracle"
                    | "org.eclipse"
                    | "com.google"
                    | "org.codehaus"
                    | "com.ibm"
                    | "net.sourceforge"
            )
    };
    let vendor = vendor.filter(|vendor| is_group(vendor));
    match (vendor, symbolic_name) {
        (Some(vendor), Some(symbolic)) => {
            (symbolic_name_of(vendor, artifact) == symbolic).then(|| vendor.to_owned())
        }
        (Some(vendor), None) => Some(vendor.to_owned()),
        // `com.google.guava` for the artifact `guava` is `com.google` + `guava` or `com.google.guava` + `guava`: only names of
        // several words are without doubt.
        (None, Some(symbolic)) if artifact.contains('-') => {
            let whole = symbolic.strip_suffix(artifact).and_then(|rest| rest.strip_suffix('.'));
            let shortened = || {
                let (first, rest) = artifact.split_once('-')?;
                let group = symbolic.strip_suffix(rest)?.strip_suffix('.')?;
                (group.rsplit('.').next() == Some(first)).then_some(group)
            };
            whole.or_else(shortened).filter(|group| is_group(group)).map(str::to_owned)
        }
        _ => None,
    }
}

/// Maven bundle plugin 5.1, "Bundle-SymbolicName": the group and the artifact, their common word only once.
fn symbolic_name_of(group: &str, artifact: &str) -> String {
    let last = group.rsplit('.').next().unwrap_or(group);
    match artifact.strip_prefix(last) {
        Some("") => group.to_owned(),
        Some(rest) if rest.starts_with(['-', '.']) => format!("{group}.{}", &rest[1..]),
        _ => format!("{group}.{artifact}"),
    }
}

/// Groups of well-known artifacts that are published without any trace of their coordinates. The classes must be there too.
const KNOWN_GROUPS: &[(&str, &str, &[u8])] = &[
    // Pattern of the artifact (`*` at its end), group, where the classes are. The first that fits.
    ("spring-boot-admin-*", "de.codecentric", b"de/codecentric/"),
    ("spring-boot*", "org.springframework.boot", b"org/springframework/boot/"),
    ("spring-security-*", "org.springframework.security", b"org/springframework/security/"),
    ("spring-data-*", "org.springframework.data", b"org/springframework/data/"),
    ("spring-cloud-*", "org.springframework.cloud", b"org/springframework/cloud/"),
    ("spring-integration-*", "org.springframework.integration", b"org/springframework/integration/"),
    ("spring-batch-*", "org.springframework.batch", b"org/springframework/batch/"),
    ("spring-kafka*", "org.springframework.kafka", b"org/springframework/kafka/"),
    ("spring-session-*", "org.springframework.session", b"org/springframework/session/"),
    ("spring-ws-*", "org.springframework.ws", b"org/springframework/ws/"),
    ("spring-amqp", "org.springframework.amqp", b"org/springframework/amqp/"),
    ("spring-rabbit", "org.springframework.amqp", b"org/springframework/amqp/"),
    ("spring-aop", "org.springframework", b"org/springframework/aop/"),
    ("spring-beans", "org.springframework", b"org/springframework/beans/"),
    ("spring-context", "org.springframework", b"org/springframework/"),
    ("spring-context-support", "org.springframework", b"org/springframework/"),
    ("spring-core", "org.springframework", b"org/springframework/"),
    ("spring-expression", "org.springframework", b"org/springframework/expression/"),
    ("spring-jdbc", "org.springframework", b"org/springframework/jdbc/"),
    ("spring-messaging", "org.springframework", b"org/springframework/messaging/"),
    ("spring-orm", "org.springframework", b"org/springframework/orm/"),
    ("spring-tx", "org.springframework", b"org/springframework/"),
    ("spring-web", "org.springframework", b"org/springframework/"),
    ("spring-webflux", "org.springframework", b"org/springframework/web/"),
    ("spring-webmvc", "org.springframework", b"org/springframework/web/"),
    ("tomcat-embed-*", "org.apache.tomcat.embed", b"org/apache/"),
    ("tomcat-*", "org.apache.tomcat", b"org/apache/"),
    ("log4j", "log4j", b"org/apache/log4j/"),
    ("kafka-*", "org.apache.kafka", b"org/apache/kafka/"),
    ("kafka_*", "org.apache.kafka", b"kafka/"),
    ("lucene-*", "org.apache.lucene", b"org/apache/lucene/"),
    ("groovy*", "org.codehaus.groovy", b"org/codehaus/groovy/"),
    ("hibernate-core", "org.hibernate", b"org/hibernate/"),
    ("kotlin-*", "org.jetbrains.kotlin", b"kotlin/"),
    ("okhttp", "com.squareup.okhttp3", b"okhttp3/"),
    ("okio*", "com.squareup.okio", b"okio/"),
    ("reactor-core", "io.projectreactor", b"reactor/core/"),
    ("reactor-netty-*", "io.projectreactor.netty", b"reactor/netty/"),
    ("micrometer-*", "io.micrometer", b"io/micrometer/"),
    ("bcprov-*", "org.bouncycastle", b"org/bouncycastle/"),
    ("bcpkix-*", "org.bouncycastle", b"org/bouncycastle/"),
    // The older half of Apache Commons, whose symbolic names speak of the group that the newer half moved to.
    ("commons-beanutils", "commons-beanutils", b"org/apache/commons/"),
    ("commons-cli", "commons-cli", b"org/apache/commons/cli/"),
    ("commons-codec", "commons-codec", b"org/apache/commons/codec/"),
    ("commons-collections", "commons-collections", b"org/apache/commons/collections/"),
    ("commons-configuration", "commons-configuration", b"org/apache/commons/configuration/"),
    ("commons-dbcp", "commons-dbcp", b"org/apache/commons/dbcp/"),
    ("commons-digester", "commons-digester", b"org/apache/commons/digester/"),
    ("commons-fileupload", "commons-fileupload", b"org/apache/commons/fileupload/"),
    ("commons-httpclient", "commons-httpclient", b"org/apache/commons/httpclient/"),
    ("commons-io", "commons-io", b"org/apache/commons/io/"),
    ("commons-lang", "commons-lang", b"org/apache/commons/lang/"),
    ("commons-logging", "commons-logging", b"org/apache/commons/logging/"),
    ("commons-net", "commons-net", b"org/apache/commons/net/"),
    ("commons-pool", "commons-pool", b"org/apache/commons/pool/"),
    ("commons-validator", "commons-validator", b"org/apache/commons/validator/"),
    ("scala-library", "org.scala-lang", b"scala/"),
];

fn known_group(artifact: &str, directories: &[Vec<u8>]) -> Option<&'static str> {
    let fits = |pattern: &str| match pattern.strip_suffix('*') {
        Some(start) => artifact.starts_with(start),
        None => artifact == pattern,
    };
    KNOWN_GROUPS
        .iter()
        .find(|(pattern, _, _)| fits(pattern))
        .filter(|(_, _, classes)| directories.iter().any(|directory| directory.starts_with(classes)))
        .map(|(_, group, _)| *group)
}

/// The main section of a manifest, keys in lower case. Lines are cut at 72 bytes and go on behind a blank.
fn manifest(content: &[u8]) -> BTreeMap<String, String> {
    // Lines are joined as bytes: the cut may go through a character.
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for line in content.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match (line, lines.last_mut()) {
            ([], None) => {}
            ([], Some(_)) => break,
            ([b' ', rest @ ..], Some(last)) => last.extend_from_slice(rest),
            _ => lines.push(line.to_vec()),
        }
    }
    let mut values = BTreeMap::new();
    for line in lines {
        let line = String::from_utf8_lossy(&line);
        if let Some((key, value)) = line.split_once(':') {
            values.entry(key.trim().to_ascii_lowercase()).or_insert_with(|| value.trim().to_owned());
        }
    }
    values
}

/// `java.util.Properties.load`: comments, three separators, lines that go on behind a backslash, `\uXXXX`. Bytes are Latin-1 by the
/// book and UTF-8 in practice.
pub(super) fn properties(content: &[u8]) -> BTreeMap<String, String> {
    let text = String::from_utf8_lossy(content);
    let mut values = BTreeMap::new();
    let mut lines = text.split(['\n', '\r']);
    while let Some(line) = lines.next() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        let mut logical = line.to_owned();
        while ends_with_odd_backslash(&logical) {
            logical.pop();
            match lines.next() {
                Some("") | None => break,
                Some(next) => logical.push_str(next.trim_start()),
            }
        }
        let mut escaped = false;
        let end = logical.find(|letter: char| {
            let ends = !escaped && matches!(letter, '=' | ':' | ' ' | '\t');
            escaped = letter == '\\' && !escaped;
            ends
        });
        let (key, rest) = logical.split_at(end.unwrap_or(logical.len()));
        let rest = rest.trim_start();
        let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start();
        values.insert(unescape(key), unescape(rest));
    }
    values
}

fn ends_with_odd_backslash(line: &str) -> bool {
    (line.len() - line.trim_end_matches('\\').len()) % 2 == 1
}

fn unescape(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            result.push(letter);
            continue;
        }
        match letters.next() {
            Some('t') => result.push('\t'),
            Some('n') => result.push('\n'),
            Some('r') => result.push('\r'),
            Some('f') => result.push('\u{c}'),
            Some('u') => {
                let digits: String = letters.clone().take(4).collect();
                let code = u32::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 4);
                if code.is_some() {
                    letters.nth(3);
                }
                result.push(code.and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            Some(other) => result.push(other),
            None => {}
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names() {
        for (stem, expected) in [
            ("log4j-core-2.14.1", Some(("log4j-core", "2.14.1"))),
            ("log4j-1.2-api-2.17.1", Some(("log4j-1.2-api", "2.17.1"))),
            ("guava-31.1-jre", Some(("guava", "31.1-jre"))),
            (
                "netty-transport-native-epoll-4.1.77.Final-linux-x86_64",
                Some(("netty-transport-native-epoll", "4.1.77.Final")),
            ),
            ("foo-1.0-20210101.120000-1", Some(("foo", "1.0-20210101.120000-1"))),
            ("foo-1.0-SNAPSHOT", Some(("foo", "1.0-SNAPSHOT"))),
            ("kafka_2.13-3.4.0", Some(("kafka_2.13", "3.4.0"))),
            ("bcprov-jdk15on-1.70", Some(("bcprov-jdk15on", "1.70"))),
            ("jakarta.el-api-4.0.0-RC2", Some(("jakarta.el-api", "4.0.0-RC2"))),
            ("spring-core-5.3.17-sources", Some(("spring-core", "5.3.17"))),
            ("guice-4.0-no_aop", Some(("guice", "4.0"))),
            ("app", None),
            ("my-app", None),
            ("-1.0", None),
            ("a-1.0-something-else", None),
        ] {
            assert_eq!(split_name(stem), expected, "{stem}");
        }
    }

    #[test]
    fn groups() {
        for (artifact, vendor, symbolic, expected) in [
            ("commons-lang3", None, Some("org.apache.commons.lang3"), Some("org.apache.commons")),
            (
                "commons-lang3",
                Some("org.apache.commons"),
                Some("org.apache.commons.lang3"),
                Some("org.apache.commons"),
            ),
            (
                "commons-logging",
                Some("org.apache"),
                Some("org.apache.commons.logging"),
                Some("org.apache.commons"),
            ),
            (
                "jackson-core",
                None,
                Some("com.fasterxml.jackson.core.jackson-core"),
                Some("com.fasterxml.jackson.core"),
            ),
            ("guava", None, Some("com.google.guava"), None),
            ("slf4j-api", None, Some("slf4j.api"), None),
            ("catalina", Some("org.apache.tomcat"), None, Some("org.apache.tomcat")),
            ("x", Some("org.apache"), None, None),
            ("x", Some("Apache Software Foundation"), None, None),
            ("x", None, None, None),
        ] {
            assert_eq!(group(artifact, vendor, symbolic).as_deref(), expected, "{artifact}");
        }
    }

    #[test]
    fn manifests() {
        let text = "Manifest-Version: 1.0\r\nImplementation-Title: a very long title that goes on and\r\n  on\r\nBundle-Version:1.2\r\n\
            Caf\u{e9}: x\r\n\r\nName: other/\r\nBundle-Version: 9\r\n";
        let values = manifest(text.as_bytes());
        assert_eq!(values["implementation-title"], "a very long title that goes on and on");
        assert_eq!(values["bundle-version"], "1.2");
        let cut = "Implementation-Title: caf\u{e9}".as_bytes();
        let cut = [&cut[..cut.len() - 1], b"\n ", &cut[cut.len() - 1..], b"\n"].concat();
        assert_eq!(manifest(&cut)["implementation-title"], "caf\u{e9}");
    }

    #[test]
    fn properties_files() {
        let text = "#Generated\n! too\nversion=1.0\ngroupId : org.x\nartifactId\ta\\u0062c\nlong = one\\\n   two\nkey\\ with\\=odd=v\\\\\nempty\n";
        let values = properties(text.as_bytes());
        let expected = [
            ("version", "1.0"),
            ("groupId", "org.x"),
            ("artifactId", "abc"),
            ("long", "onetwo"),
            ("key with=odd", "v\\"),
            ("empty", ""),
        ];
        for (key, value) in expected {
            assert_eq!(values[key], value, "{key}");
        }
        assert_eq!(values.len(), expected.len());
    }

    #[test]
    fn known_groups_need_their_classes() {
        let classes = vec![b"org/springframework/core/".to_vec()];
        assert_eq!(known_group("spring-core", &classes), Some("org.springframework"));
        assert_eq!(known_group("spring-core", &[]), None);
        assert_eq!(known_group("spring-boot-starter", &classes), None);
    }
}
