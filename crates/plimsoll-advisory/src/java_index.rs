//! Which Java archive has this SHA-1? An index that a user builds from a repository of their own, or from a list.
//!
//! One SQLite file. Its tables are those of Trivy's Java database (schema 1), so that one may be used as well:
//!
//! ```text
//! artifacts(id INTEGER PRIMARY KEY, group_id TEXT, artifact_id TEXT)
//! indices(artifact_id INTEGER, version TEXT, sha1 BLOB, archive_type TEXT)     with an index over sha1
//! ```
//!
//! One archive may have been published under several names; then it has several rows here. Building takes memory that does not grow
//! with the repository: SQLite sorts on disk.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, Statement, params};
use sha1::{Digest as _, Sha1};

use crate::bundle::temporary_beside;
use crate::error::Error;
use crate::store::percent_encoded;

/// Names of the file in a folder: ours, and Trivy's.
const NAMES: [&str; 2] = ["java-index.db", "trivy-java.db"];
/// Endings of archives.
const ARCHIVES: [&str; 6] = ["jar", "war", "ear", "jpi", "hpi", "aar"];
/// Longest line of a list, in bytes.
const LONGEST_LINE: u64 = 4096;
/// Longest part of a name, in bytes.
const LONGEST_NAME: usize = 512;
/// Folders in each other. Groups of Maven Central are below twelve.
const DEEPEST: usize = 64;
/// Rows of one digest that are looked at.
const MOST_NAMES: u32 = 64;
/// Largest `.sha1` or `.properties` file.
const SMALL_FILE: u64 = 64 << 10;

/// What Maven calls an archive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct JavaArchive {
    /// Group.
    pub group: String,
    /// Artifact.
    pub artifact: String,
    /// Version.
    pub version: String,
}

/// What building an index gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JavaIndexReport {
    /// Names of archives, each once.
    pub archives: u64,
    /// Archives or lines that say no name, or could not be read.
    pub skipped: u64,
    /// One of them, and why.
    pub example: Option<String>,
    /// Size of the file, in bytes.
    pub size: u64,
}

/// An index that is open for reading.
pub struct JavaIndex {
    connection: Connection,
    path: PathBuf,
}

impl JavaIndex {
    /// Opens the file, or the file of a known name in a folder.
    ///
    /// # Errors
    /// When there is none, or it has no tables of that form.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let in_folder = NAMES.iter().map(|name| path.join(name)).find(|file| file.is_file());
        let path = in_folder.unwrap_or_else(|| path.to_owned());
        // SQLite says only that it cannot open it.
        let length = std::fs::metadata(&path)
            .and_then(
                |about| if about.is_file() { Ok(about.len()) } else { Err(io::ErrorKind::NotFound.into()) },
            )
            .map_err(|source| Error::Read { path: path.clone(), source })?;
        let address = format!("{}?mode=ro&immutable=1", percent_encoded(&path));
        let flags =
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(address, flags).map_err(|error| bad(&path, &error))?;
        let index = JavaIndex { connection, path };
        index
            .connection
            .pragma_update(None, "mmap_size", i64::try_from(length).unwrap_or(i64::MAX))
            .and_then(|()| index.connection.pragma_update(None, "trusted_schema", false))
            .map_err(|error| bad(&index.path, &error))?;
        index.named(&[0; 20])?;
        Ok(index)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Everything that the archive with this SHA-1 was published as, sorted.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn named(&self, sha1: &[u8]) -> Result<Vec<JavaArchive>, Error> {
        let read = || {
            let mut statement = self.connection.prepare_cached(
                "SELECT a.group_id, a.artifact_id, i.version FROM indices i JOIN artifacts a ON a.id = i.artifact_id \
                 WHERE i.sha1 = ?1 LIMIT ?2",
            )?;
            let rows = statement.query_map(params![sha1, MOST_NAMES], |row| {
                Ok(JavaArchive { group: row.get(0)?, artifact: row.get(1)?, version: row.get(2)? })
            })?;
            rows.collect::<Result<Vec<_>, _>>()
        };
        let mut found = read().map_err(|error| bad(&self.path, &error))?;
        found.retain(|archive| {
            is_name(&archive.group) && is_name(&archive.artifact) && is_name(&archive.version)
        });
        found.sort();
        found.dedup();
        Ok(found)
    }

    /// How many names it holds.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn count(&self) -> Result<u64, Error> {
        let count: i64 = self
            .connection
            .query_row("SELECT count(*) FROM indices", [], |row| row.get(0))
            .map_err(|error| bad(&self.path, &error))?;
        Ok(count.unsigned_abs())
    }
}

fn bad(path: &Path, error: &rusqlite::Error) -> Error {
    Error::JavaIndex { path: path.to_owned(), detail: error.to_string() }
}

/// A part of a Maven coordinate: Maven itself forbids more.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= LONGEST_NAME
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b':' | b'/' | b'\\' | b'"'))
}

/// Builds an index at `out` from Maven repositories (folders) and lists (files), in this order.
///
/// A repository is a folder with `GROUP/AS/FOLDERS/ARTIFACT/VERSION/ARTIFACT-VERSION.jar`, as `~/.m2/repository` and exported ones
/// are; archives are hashed, and where only `*.jar.sha1` is left that is taken. The blob store of a Nexus 3 is read by its `*.properties`.
/// A list has one archive a line, also compressed with gzip: its SHA-1, then `group:artifact:version` or these three apart.
///
/// # Errors
/// When a source cannot be read, or the index not be written. The old index is then as it was.
pub fn build_java_index(from: &[PathBuf], out: &Path) -> Result<JavaIndexReport, Error> {
    let failed = |error: rusqlite::Error| Error::Build { path: out.to_owned(), detail: error.to_string() };
    let write = |source: io::Error| Error::Write { path: out.to_owned(), source };
    let temporary = temporary_beside(out).map_err(write)?;
    let connection = Connection::open(temporary.path()).map_err(failed)?;
    // A killed build leaves nothing that anybody reads. The work table is a file of its own that goes with the connection.
    connection
        .execute_batch(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA temp_store = FILE; PRAGMA cache_size = -16000;
             CREATE TABLE artifacts(id INTEGER PRIMARY KEY, group_id TEXT, artifact_id TEXT);
             CREATE UNIQUE INDEX artifacts_idx ON artifacts(artifact_id, group_id);
             CREATE TABLE indices(artifact_id INTEGER, version TEXT, sha1 BLOB, archive_type TEXT);
             ATTACH '' AS work;
             CREATE TABLE work.seen(artifact_id INTEGER, version TEXT, sha1 BLOB, archive_type TEXT);
             BEGIN;",
        )
        .map_err(failed)?;
    let mut report = {
        let mut sink = Sink {
            add: connection
                .prepare("INSERT OR IGNORE INTO artifacts(group_id, artifact_id) VALUES (?1, ?2)")
                .map_err(failed)?,
            number: connection
                .prepare("SELECT id FROM artifacts WHERE artifact_id = ?2 AND group_id = ?1")
                .map_err(failed)?,
            seen: connection.prepare("INSERT INTO work.seen VALUES (?1, ?2, ?3, ?4)").map_err(failed)?,
            last: None,
            report: JavaIndexReport::default(),
        };
        for source in from {
            let about = std::fs::metadata(source)
                .map_err(|error| Error::Read { path: source.clone(), source: error })?;
            let read = if about.is_dir() { repository(source, &mut sink) } else { list(source, &mut sink) };
            read.map_err(|stop| match stop {
                Stop::Read(path, source) => Error::Read { path, source },
                Stop::Write(error) => failed(error),
            })?;
        }
        sink.report
    };
    connection
        .execute_batch(
            "INSERT INTO indices SELECT DISTINCT artifact_id, version, sha1, archive_type FROM work.seen
                 ORDER BY sha1, artifact_id, version, archive_type;
             COMMIT;
             CREATE INDEX indices_sha1_idx ON indices(sha1);
             DETACH work;",
        )
        .map_err(failed)?;
    let count: i64 =
        connection.query_row("SELECT count(*) FROM indices", [], |row| row.get(0)).map_err(failed)?;
    connection.close().map_err(|(_, error)| failed(error))?;
    report.archives = count.unsigned_abs();
    temporary.as_file().sync_all().map_err(write)?;
    report.size = temporary.as_file().metadata().map_err(write)?.len();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        temporary.as_file().set_permissions(std::fs::Permissions::from_mode(0o644)).map_err(write)?;
    }
    temporary.persist(out).map_err(|error| write(error.error))?;
    Ok(report)
}

/// Why building stopped.
enum Stop {
    Read(PathBuf, io::Error),
    Write(rusqlite::Error),
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        Stop::Write(error)
    }
}

struct Sink<'a> {
    add: Statement<'a>,
    number: Statement<'a>,
    seen: Statement<'a>,
    /// The archive before: versions of one artifact come together.
    last: Option<(String, String, i64)>,
    report: JavaIndexReport,
}

impl Sink<'_> {
    fn put(&mut self, sha1: [u8; 20], archive: &JavaArchive, kind: &str) -> Result<(), Stop> {
        let JavaArchive { group, artifact, version } = archive;
        let known =
            self.last.as_ref().filter(|(last_group, last, _)| last_group == group && last == artifact);
        let number = match known {
            Some((_, _, number)) => *number,
            None => {
                self.add.execute([group, artifact])?;
                self.number.query_row([group, artifact], |row| row.get(0))?
            }
        };
        self.last = Some((group.clone(), artifact.clone(), number));
        self.seen.execute(params![number, version, &sha1[..], kind])?;
        Ok(())
    }

    fn skip(&mut self, what: &dyn std::fmt::Display, why: &str) {
        self.report.skipped += 1;
        if self.report.example.is_none() {
            self.report.example = Some(format!("{what}: {why}"));
        }
    }
}

/// Walks a repository without recursion, folders in the order of their names. Links to files are followed, links to folders are not.
fn repository(root: &Path, sink: &mut Sink<'_>) -> Result<(), Stop> {
    // `~/.m2` is where people say their repository is.
    let inner = root.join("repository");
    let root = if root.file_name().is_some_and(|name| name == ".m2") && inner.is_dir() {
        inner
    } else {
        root.to_owned()
    };
    let mut stack = vec![(root.clone(), 0)];
    while let Some((folder, depth)) = stack.pop() {
        let stop = |error| Stop::Read(folder.clone(), error);
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&folder).map_err(stop)? {
            let entry = entry.map_err(stop)?;
            names.push((entry.path(), entry.file_type().map_err(stop)?));
        }
        names.sort_by(|left, right| left.0.cmp(&right.0));
        let mut folders = Vec::new();
        for (path, kind) in names {
            if kind.is_dir() {
                if depth < DEEPEST {
                    folders.push((path, depth + 1));
                } else {
                    sink.skip(&path.display(), "lies too deep");
                }
            } else if kind.is_file() || kind.is_symlink() && path.is_file() {
                file(&root, &path, sink)?;
            } else if kind.is_symlink() && path.is_dir() {
                // Folders that lead into each other have no end.
                sink.skip(&path.display(), "a link to a folder");
            }
        }
        stack.extend(folders.into_iter().rev());
    }
    Ok(())
}

fn file(root: &Path, path: &Path, sink: &mut Sink<'_>) -> Result<(), Stop> {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return Ok(()) };
    let ending = |name: &str| name.rsplit_once('.').map(|(_, ending)| ending.to_owned()).unwrap_or_default();
    let kind = ending(name);
    if kind == "properties" {
        return blob(path, sink);
    }
    let (archive, is_digest) = match name.strip_suffix(".sha1") {
        Some(archive) => (path.with_file_name(archive), true),
        None => (path.to_owned(), false),
    };
    let kind = if is_digest { ending(&archive.to_string_lossy()) } else { kind };
    // Where the archive itself is there, it is hashed: what stands beside it may be wrong.
    if !ARCHIVES.contains(&kind.as_str()) || is_digest && archive.is_file() {
        return Ok(());
    }
    let Some(coordinates) = coordinates(root, &archive) else {
        sink.skip(&path.display(), "its folders are not GROUP/ARTIFACT/VERSION");
        return Ok(());
    };
    let digest = if is_digest { stated_digest(path) } else { digest(path).map(Some) };
    match digest {
        Ok(Some(digest)) => sink.put(digest, &coordinates, &kind),
        Ok(None) => {
            sink.skip(&path.display(), "does not hold a SHA-1");
            Ok(())
        }
        Err(error) => {
            sink.skip(&path.display(), &error.to_string());
            Ok(())
        }
    }
}

/// `org/slf4j/slf4j-api/2.0.1/slf4j-api-2.0.1.jar`, with or without a classifier. Snapshots carry their time instead of `SNAPSHOT`.
fn coordinates(root: &Path, path: &Path) -> Option<JavaArchive> {
    let inside = path.strip_prefix(root).ok()?;
    let parts: Vec<&str> = inside.iter().map(|part| part.to_str()).collect::<Option<_>>()?;
    let [groups @ .., artifact, version, name] = parts.as_slice() else { return None };
    let released = version.strip_suffix("SNAPSHOT").unwrap_or(version);
    let rest = name.strip_prefix(artifact)?.strip_prefix('-')?.strip_prefix(released)?;
    let ends = rest.starts_with(['-', '.']) || released.len() < version.len();
    let archive =
        JavaArchive { group: groups.join("."), artifact: (*artifact).into(), version: (*version).into() };
    (ends && is_archive_name(&archive)).then_some(archive)
}

fn is_archive_name(archive: &JavaArchive) -> bool {
    is_name(&archive.group) && is_name(&archive.artifact) && is_name(&archive.version)
}

fn digest(path: &Path) -> io::Result<[u8; 20]> {
    let mut hash = Sha1::new();
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 128 << 10];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hash.finalize().into()),
            Ok(count) => hash.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The SHA-1 that is written there, or that of the file with this name.
///
/// # Errors
/// When it is no SHA-1 and no file that can be read.
pub fn sha1_of(text: &str) -> Result<[u8; 20], Error> {
    if let Some(digest) = hexadecimal(text) {
        return Ok(digest);
    }
    digest(Path::new(text)).map_err(|source| Error::Read { path: text.into(), source })
}

fn small(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(SMALL_FILE).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A `.sha1` file: the digest, and perhaps a name behind it.
fn stated_digest(path: &Path) -> io::Result<Option<[u8; 20]>> {
    Ok(small(path)?.split_whitespace().next().and_then(hexadecimal))
}

fn hexadecimal(text: &str) -> Option<[u8; 20]> {
    let digits = text.as_bytes();
    if digits.len() != 40 {
        return None;
    }
    let mut digest = [0; 20];
    for (byte, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        *byte = digit(0)? << 4 | digit(1)?;
    }
    Some(digest)
}

/// The properties of a Nexus 3 blob. Other properties files say nothing of this kind, and are not ours.
fn blob(path: &Path, sink: &mut Sink<'_>) -> Result<(), Stop> {
    let text = match small(path) {
        Ok(text) => text,
        Err(error) => {
            sink.skip(&path.display(), &error.to_string());
            return Ok(());
        }
    };
    let value = |key: &str| {
        text.lines().find_map(|line| Some(line.strip_prefix(key)?.strip_prefix('=')?.trim().to_owned()))
    };
    let Some((name, digest)) = value("@BlobStore.blob-name").zip(value("sha1")) else { return Ok(()) };
    let name = name.trim_start_matches('/').to_owned();
    let kind = name.rsplit_once('.').map(|(_, kind)| kind).unwrap_or_default().to_owned();
    if value("deleted").is_some_and(|deleted| deleted == "true") || !ARCHIVES.contains(&kind.as_str()) {
        return Ok(());
    }
    match coordinates(Path::new(""), Path::new(&name)).zip(hexadecimal(&digest)) {
        Some((archive, digest)) => sink.put(digest, &archive, &kind),
        None => {
            sink.skip(&path.display(), "names no archive by group, artifact and version");
            Ok(())
        }
    }
}

fn list(path: &Path, sink: &mut Sink<'_>) -> Result<(), Stop> {
    let stop = |error| Stop::Read(path.to_owned(), error);
    let mut file = BufReader::new(File::open(path).map_err(stop)?);
    let is_compressed = file.fill_buf().map_err(stop)?.starts_with(&[0x1f, 0x8b]);
    if is_compressed {
        lines(path, &mut BufReader::new(flate2::bufread::MultiGzDecoder::new(file)), sink)
    } else {
        lines(path, &mut file, sink)
    }
}

fn lines(path: &Path, reader: &mut dyn BufRead, sink: &mut Sink<'_>) -> Result<(), Stop> {
    let stop = |error| Stop::Read(path.to_owned(), error);
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        if reader.take(LONGEST_LINE).read_until(b'\n', &mut line).map_err(stop)? == 0 {
            break;
        }
        if line.len() as u64 == LONGEST_LINE && line.last() != Some(&b'\n') {
            reader.skip_until(b'\n').map_err(stop)?;
            line.clear();
            line.push(b'-');
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        match listed(text) {
            Some((digest, archive)) => sink.put(digest, &archive, "jar")?,
            None => sink
                .skip(&format_args!("{}:{number}", path.display()), "not a SHA-1 and group:artifact:version"),
        }
    }
    Ok(())
}

/// `SHA1 group:artifact:version`, `SHA1 group:artifact:jar:version`, `SHA1,group,artifact,version`.
fn listed(line: &str) -> Option<([u8; 20], JavaArchive)> {
    let mut parts = line.split(|letter: char| letter.is_whitespace() || matches!(letter, ',' | ';' | ':'));
    let parts: Vec<&str> = parts.by_ref().filter(|part| !part.is_empty()).take(7).collect();
    let (digest, names) = parts.split_first()?;
    // With its kind, and its classifier, before the version: `mvn dependency:list`.
    let ([group, artifact, version] | [group, artifact, _, version] | [group, artifact, _, _, version]) =
        names
    else {
        return None;
    };
    let archive =
        JavaArchive { group: (*group).into(), artifact: (*artifact).into(), version: (*version).into() };
    Some((hexadecimal(digest)?, archive)).filter(|(_, archive)| is_archive_name(archive))
}

/// Reads arbitrary bytes as a list. For fuzzing.
pub(crate) fn fuzz_list(data: &[u8]) {
    for line in String::from_utf8_lossy(data).lines() {
        if let Some((_, archive)) = listed(line) {
            assert!(is_archive_name(&archive));
        }
        let _ = coordinates(Path::new(""), Path::new(line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLF4J: &str = "0123456789abcdef0123456789abcdef01234567";

    fn archive(group: &str, artifact: &str, version: &str) -> JavaArchive {
        JavaArchive { group: group.into(), artifact: artifact.into(), version: version.into() }
    }

    #[test]
    fn lines_of_lists() {
        let slf4j = Some(archive("org.slf4j", "slf4j-api", "2.0.1"));
        for (text, expected) in [
            (format!("{SLF4J} org.slf4j:slf4j-api:2.0.1"), slf4j.clone()),
            (format!("{SLF4J}\torg.slf4j\tslf4j-api\t2.0.1"), slf4j.clone()),
            (format!("{},org.slf4j,slf4j-api,2.0.1", SLF4J.to_uppercase()), slf4j.clone()),
            (format!("{SLF4J} org.slf4j:slf4j-api:jar:2.0.1"), slf4j.clone()),
            (format!("{SLF4J} org.slf4j:slf4j-api:jar:linux:2.0.1"), slf4j),
            (format!("{SLF4J} org.slf4j:slf4j-api"), None),
            (format!("{SLF4J} a:b:c:d:e:f"), None),
            (format!("{SLF4J}0 a:b:c"), None),
            (format!("{} a:b:c", SLF4J.replace('0', "g")), None),
            (format!("{SLF4J} a:b/../c:1"), None),
            (String::new(), None),
        ] {
            assert_eq!(listed(&text).map(|(_, archive)| archive), expected, "{text}");
        }
    }

    #[test]
    fn places_in_a_repository() {
        for (path, expected) in [
            (
                "org/slf4j/slf4j-api/2.0.1/slf4j-api-2.0.1.jar",
                Some(archive("org.slf4j", "slf4j-api", "2.0.1")),
            ),
            ("junit/junit/4.13/junit-4.13-sources.jar", Some(archive("junit", "junit", "4.13"))),
            ("a/b/1-SNAPSHOT/b-1-20210101.120000-1.jar", Some(archive("a", "b", "1-SNAPSHOT"))),
            ("a/b/1/b-10.jar", None),
            ("a/b/1/c-1.jar", None),
            ("b/1/b-1.jar", None),
            ("b-1.jar", None),
        ] {
            assert_eq!(coordinates(Path::new("/r"), &Path::new("/r").join(path)), expected, "{path}");
        }
    }

    fn put(folder: &Path, name: &str, content: &[u8]) {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    #[test]
    fn an_index_of_a_repository_a_blob_store_and_a_list() {
        let folder = tempfile::tempdir().unwrap();
        let repository = folder.path().join(".m2");
        put(&repository, "repository/org/x/lib/1.0/lib-1.0.jar", b"archive");
        // A wrong digest beside an archive that is there is not believed.
        put(&repository, "repository/org/x/lib/1.0/lib-1.0.jar.sha1", SLF4J.as_bytes());
        put(
            &repository,
            "repository/org/x/gone/2.0/gone-2.0.war.sha1",
            format!("{SLF4J}  gone-2.0.war").as_bytes(),
        );
        put(&repository, "repository/lost.jar", b"archive");
        put(
            &repository,
            "blobs/a.properties",
            format!("@BlobStore.blob-name=/org/y/z/3/z-3.jar\nsha1={}\n", SLF4J.replace('0', "1")).as_bytes(),
        );
        let list = folder.path().join("list.txt");
        let long = "x".repeat(10_000);
        std::fs::write(&list, format!("# names\n{SLF4J} org.w:again:2.1\n{SLF4J} org.w:again:2.1\n{long}\n"))
            .unwrap();
        let out = folder.path().join("java-index.db");
        let sources = [repository.clone(), repository.join("blobs"), list];
        let report = build_java_index(&sources, &out).unwrap();
        assert_eq!((report.archives, report.skipped), (4, 2), "{report:?}");
        assert!(report.example.unwrap().contains("lost.jar"));

        let index = JavaIndex::open(folder.path()).unwrap();
        assert_eq!(index.named(&Sha1::digest(b"archive")).unwrap(), [archive("org.x", "lib", "1.0")]);
        assert_eq!(
            index.named(&hexadecimal(SLF4J).unwrap()).unwrap(),
            [archive("org.w", "again", "2.1"), archive("org.x", "gone", "2.0")]
        );
        assert_eq!(index.named(&[7; 20]).unwrap(), []);
        assert_eq!(index.count().unwrap(), 4);
        // The same sources give the same bytes.
        let bytes = std::fs::read(&out).unwrap();
        build_java_index(&sources, &out).unwrap();
        assert_eq!(std::fs::read(&out).unwrap(), bytes);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3, "nothing is left behind");
    }

    #[test]
    fn what_is_no_index_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        assert!(matches!(JavaIndex::open(&path), Err(Error::Read { .. })));
        assert!(matches!(JavaIndex::open(folder.path()), Err(Error::Read { .. })));
        std::fs::write(&path, b"no database at all, but long enough to be looked at").unwrap();
        assert!(matches!(JavaIndex::open(&path), Err(Error::JavaIndex { .. })));
        std::fs::write(&path, b"").unwrap();
        assert!(matches!(JavaIndex::open(&path), Err(Error::JavaIndex { .. })));
        let lines = folder.path().join("list");
        assert!(matches!(build_java_index(std::slice::from_ref(&lines), &path), Err(Error::Read { .. })));
        // A list that is no list gives an empty index, and says so.
        std::fs::write(&lines, b"\x00\xff\n").unwrap();
        let report = build_java_index(&[lines], &path).unwrap();
        assert_eq!((report.archives, report.skipped), (0, 1));
    }
}
