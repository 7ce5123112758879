//! Libraries known by their classes: an archive that was made of several others often keeps nothing else of them.
//!
//! One library, one row: a class that only this library has, and where its version stands, if it stands anywhere. Tools that pack
//! archives together may move the classes below a name of their own (`shaded/org/yaml/...`), so a path counts by its end.
//!
//! A class says what is there, not which version: without a version nothing can be held against advisories, and the report says so
//! instead of nothing. Formats: Java Virtual Machine Specification 21, section 4.4 (the constant pool); properties files.

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use plimsoll_model::{Ecosystem, ImagePath, Location, Package};

use super::java_archive::properties;
use super::zip;

/// One library.
struct Row {
    /// `group:artifact`.
    artifact: &'static str,
    /// A class that is in all versions that matter and in nothing else.
    class: &'static str,
    /// Where the version stands.
    version: Source,
    /// Artifacts of other names that are the same code.
    same: &'static [&'static str],
}

/// Where a version stands.
#[derive(Clone, Copy)]
enum Source {
    /// Nowhere.
    Nowhere,
    /// It is the one text constant of the class that looks like a version.
    Constant,
    /// In this properties file, at this key, perhaps behind a name and a slash.
    Property(&'static str, &'static str),
}

const fn row(artifact: &'static str, class: &'static str, version: Source) -> Row {
    Row { artifact, class, version, same: &[] }
}

/// Netty's own file of versions.
const NETTY: &str = "META-INF/io.netty.versions.properties";

/// Sorted by artifact: libraries whose flaws were exploited, and those that say their version.
#[rustfmt::skip]
static ROWS: &[Row] = &[
    row("ch.qos.logback:logback-classic", "ch/qos/logback/classic/LoggerContext.class", Source::Nowhere),
    row("ch.qos.logback:logback-core", "ch/qos/logback/core/CoreConstants.class", Source::Nowhere),
    row("com.alibaba:fastjson", "com/alibaba/fastjson/JSON.class", Source::Constant),
    row("com.fasterxml.jackson.core:jackson-core", "com/fasterxml/jackson/core/json/PackageVersion.class", Source::Constant),
    row("com.fasterxml.jackson.core:jackson-databind", "com/fasterxml/jackson/databind/cfg/PackageVersion.class", Source::Constant),
    row("com.fasterxml.jackson.dataformat:jackson-dataformat-cbor", "com/fasterxml/jackson/dataformat/cbor/PackageVersion.class", Source::Constant),
    row("com.fasterxml.jackson.dataformat:jackson-dataformat-xml", "com/fasterxml/jackson/dataformat/xml/PackageVersion.class", Source::Constant),
    row("com.fasterxml.jackson.dataformat:jackson-dataformat-yaml", "com/fasterxml/jackson/dataformat/yaml/PackageVersion.class", Source::Constant),
    row("com.thoughtworks.xstream:xstream", "com/thoughtworks/xstream/XStream.class", Source::Nowhere),
    row("commons-collections:commons-collections", "org/apache/commons/collections/functors/InvokerTransformer.class", Source::Nowhere),
    row("commons-fileupload:commons-fileupload", "org/apache/commons/fileupload/FileUploadBase.class", Source::Nowhere),
    Row { same: &["netty-all", "netty"], ..row("io.netty:netty-codec-http", "io/netty/handler/codec/http/HttpObjectDecoder.class", Source::Property(NETTY, "netty-codec-http.version")) },
    Row { same: &["netty-all"], ..row("io.netty:netty-codec-http2", "io/netty/handler/codec/http2/Http2FrameCodec.class", Source::Property(NETTY, "netty-codec-http2.version")) },
    Row { same: &["netty-all"], ..row("io.netty:netty-common", "io/netty/util/AbstractReferenceCounted.class", Source::Property(NETTY, "netty-common.version")) },
    Row { same: &["netty-all"], ..row("io.netty:netty-handler", "io/netty/handler/ssl/SslHandler.class", Source::Property(NETTY, "netty-handler.version")) },
    row("io.undertow:undertow-core", "io/undertow/Undertow.class", Source::Property("io/undertow/version.properties", "undertow.version")),
    row("net.minidev:json-smart", "net/minidev/json/JSONValue.class", Source::Nowhere),
    row("org.apache.commons:commons-collections4", "org/apache/commons/collections4/functors/InvokerTransformer.class", Source::Nowhere),
    row("org.apache.commons:commons-compress", "org/apache/commons/compress/archivers/ArchiveStreamFactory.class", Source::Nowhere),
    row("org.apache.commons:commons-text", "org/apache/commons/text/StringSubstitutor.class", Source::Nowhere),
    row("org.apache.logging.log4j:log4j-core", "org/apache/logging/log4j/core/lookup/JndiLookup.class", Source::Nowhere),
    row("org.apache.shiro:shiro-core", "org/apache/shiro/mgt/AbstractRememberMeManager.class", Source::Nowhere),
    row("org.apache.struts:struts2-core", "org/apache/struts2/dispatcher/Dispatcher.class", Source::Nowhere),
    Row { same: &["catalina", "tomcat-embed-core", "tomcat9-catalina", "tomcat10-catalina"], ..row("org.apache.tomcat:tomcat-catalina", "org/apache/catalina/util/ServerInfo.class", Source::Property("org/apache/catalina/util/ServerInfo.properties", "server.info")) },
    Row { same: &["jetty-all", "jetty-runner"], ..row("org.eclipse.jetty:jetty-server", "org/eclipse/jetty/server/Server.class", Source::Nowhere) },
    row("org.postgresql:postgresql", "org/postgresql/util/DriverInfo.class", Source::Constant),
    Row { same: &["spring"], ..row("org.springframework:spring-beans", "org/springframework/beans/BeanWrapperImpl.class", Source::Nowhere) },
    Row { same: &["spring"], ..row("org.springframework:spring-core", "org/springframework/core/SpringVersion.class", Source::Nowhere) },
    row("org.springframework:spring-webmvc", "org/springframework/web/servlet/DispatcherServlet.class", Source::Nowhere),
    row("org.yaml:snakeyaml", "org/yaml/snakeyaml/Yaml.class", Source::Nowhere),
];

/// Largest class or properties file that is read for a version.
const LARGEST: usize = 256 << 10;
/// Longest name of a class that is kept as evidence, in bytes.
const LONGEST_NAME: usize = 512;

/// What an entry is to a row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Class,
    Version,
}

/// Rows by the last part of the paths that they name.
fn rows_of(name: &[u8]) -> &'static [(usize, Role, &'static str)] {
    type Index = HashMap<&'static [u8], Vec<(usize, Role, &'static str)>>;
    static INDEX: OnceLock<Index> = OnceLock::new();
    let index = INDEX.get_or_init(|| {
        let mut index = Index::new();
        for (number, row) in ROWS.iter().enumerate() {
            let mut add = |path: &'static str, role| {
                index.entry(last_part(path.as_bytes())).or_default().push((number, role, path));
            };
            add(row.class, Role::Class);
            if let Source::Property(path, _) = row.version {
                add(path, Role::Version);
            }
        }
        index
    });
    index.get(last_part(name)).map_or(&[], Vec::as_slice)
}

fn last_part(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

/// What was seen of the libraries in one archive.
#[derive(Default)]
pub(super) struct Seen {
    /// The class that was seen, by row.
    classes: BTreeMap<usize, String>,
    versions: BTreeMap<usize, Option<String>>,
}

impl Seen {
    /// Looks at one entry. What stands in an entry that cannot be read is not known, and that is what is said of the version.
    pub(super) fn look(&mut self, entry: &zip::Entry<'_>, archive: &[u8]) {
        for &(number, role, path) in rows_of(entry.name) {
            let Some(before) = entry.name.strip_suffix(path.as_bytes()) else { continue };
            if !matches!(before.last(), None | Some(b'/')) {
                continue;
            }
            let row = &ROWS[number];
            if role == Role::Class && !self.classes.contains_key(&number) {
                let name = &entry.name[..entry.name.len().min(LONGEST_NAME)];
                self.classes.insert(number, String::from_utf8_lossy(name).into_owned());
            }
            let reads = match row.version {
                Source::Nowhere => false,
                Source::Constant => role == Role::Class,
                Source::Property(..) => role == Role::Version,
            };
            // Once, so that many entries of one name cost nothing.
            if !reads || self.versions.contains_key(&number) {
                continue;
            }
            let content = entry.read(archive, LARGEST, &mut 0).ok();
            let version = content.and_then(|content| version(row, content.bytes(archive)));
            self.versions.insert(number, version);
        }
    }

    /// Adds the libraries that `packages` does not name yet. The package at `own` is the archive itself; `is_only` says whether all
    /// classes of the archive are in one of these folders.
    pub(super) fn add(
        self,
        path: &ImagePath,
        own: Option<usize>,
        is_only: &dyn Fn(&str) -> bool,
        packages: &mut Vec<Package>,
    ) {
        let is_alone = self.classes.len() == 1;
        for (number, class) in self.classes {
            let row = &ROWS[number];
            let version = self.versions.get(&number).cloned().flatten();
            let (_, artifact) = row.artifact.split_once(':').unwrap_or(("", row.artifact));
            let is_same = |name: &str| {
                let name = name.rsplit_once(':').map_or(name, |(_, artifact)| artifact);
                name == artifact || row.same.contains(&name)
            };
            let unnamed = own.filter(|own| {
                let name = packages[*own].name.as_str();
                !name.contains(':')
                    && (is_same(name) || is_alone && class == row.class && is_only(root(row.class)))
            });
            let confidence = if version.is_some() { "medium" } else { "low" };
            if let Some(own) = unnamed {
                let package = &mut packages[own];
                row.artifact.clone_into(&mut package.name);
                if let Some(version) = version {
                    package.version = version;
                }
                package.properties.insert("identity".into(), "classes".into());
                package.properties.insert("confidence".into(), "medium".into());
                package.properties.insert("class".into(), class);
            } else if !packages.iter().any(|package| is_same(&package.name)) {
                let mut package = Package::new(
                    Ecosystem::Maven,
                    row.artifact,
                    version.unwrap_or_default(),
                    Location::new(path.clone()),
                );
                for (key, value) in [
                    ("identity", "classes"),
                    ("shaded", "true"),
                    ("confidence", confidence),
                    ("class", &class),
                ] {
                    package.properties.insert(key.into(), value.into());
                }
                packages.push(package);
            }
        }
    }
}

/// The folder that belongs to whoever publishes the class: `org/yaml/`, and one more for Apache, who publishes much.
fn root(class: &str) -> &str {
    let parts = if class.starts_with("org/apache/") { 3 } else { 2 };
    let end = class.match_indices('/').nth(parts - 1).map_or(class.len(), |(at, _)| at + 1);
    &class[..end]
}

fn version(row: &Row, content: &[u8]) -> Option<String> {
    match row.version {
        Source::Nowhere => None,
        Source::Property(_, key) => {
            let value = properties(content).remove(key)?;
            // `Apache Tomcat/9.0.70 (Debian)`.
            let value = value.rsplit('/').next().unwrap_or_default();
            let value = value.split_whitespace().next().unwrap_or_default();
            is_version(value, 2).then(|| value.to_owned())
        }
        Source::Constant => {
            let mut found: Option<&str> = None;
            for text in constants(content) {
                let Some(text) = std::str::from_utf8(text).ok().filter(|text| is_version(text, 3)) else {
                    continue;
                };
                // Two of them, and nobody can say which is the library's.
                if found.is_some_and(|found| found != text) {
                    return None;
                }
                found = Some(text);
            }
            found.map(str::to_owned)
        }
    }
}

/// `2.13.1`, `4.1.77.Final`, `2.15.0-rc1`: so many numbers at least, no blanks. Among constants stand versions of standards too (`4.2`).
fn is_version(text: &str, least: usize) -> bool {
    let numbers =
        text.split('.').take_while(|part| part.bytes().all(|byte| byte.is_ascii_digit()) && !part.is_empty());
    text.len() <= 64
        && numbers.count() >= least
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

/// The text constants of a class; what is broken ends the list.
fn constants(class: &[u8]) -> impl Iterator<Item = &[u8]> {
    let count = match class {
        [0xca, 0xfe, 0xba, 0xbe, _, _, _, _, high, low, ..] => u16::from_be_bytes([*high, *low]),
        _ => 0,
    };
    let mut rest = class.get(10..).unwrap_or_default();
    let mut left = count.saturating_sub(1);
    std::iter::from_fn(move || {
        while left > 0 {
            let (tag, behind) = rest.split_first()?;
            left -= 1;
            // Section 4.4: sizes by tag. Long and double take two places.
            let length = match tag {
                1 => {
                    let (length, text) = behind.split_first_chunk::<2>()?;
                    let text = text.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
                    rest = text.1;
                    return Some(text.0);
                }
                3 | 4 | 9..=12 | 17 | 18 => 4,
                5 | 6 => {
                    left = left.saturating_sub(1);
                    8
                }
                7 | 8 | 16 | 19 | 20 => 2,
                15 => 3,
                _ => return None,
            };
            rest = behind.get(length..)?;
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sound() {
        for pair in ROWS.windows(2) {
            assert!(pair[0].artifact < pair[1].artifact, "{}", pair[1].artifact);
        }
        for row in ROWS {
            assert_eq!(row.artifact.split(':').count(), 2, "{}", row.artifact);
            assert!(row.class.ends_with(".class") && row.class.contains('/'), "{}", row.class);
            assert!(root(row.class).ends_with('/'), "{}", row.class);
        }
    }

    /// A class file with these text constants, between others.
    fn class(texts: &[&str]) -> Vec<u8> {
        let mut pool = vec![3, 0, 0, 0, 1, 5, 0, 0, 0, 0, 0, 0, 0, 1];
        let mut count = 4_u16;
        for text in texts {
            pool.push(1);
            pool.extend(u16::try_from(text.len()).expect("short").to_be_bytes());
            pool.extend_from_slice(text.as_bytes());
            pool.extend([8, 0, 1]);
            count += 2;
        }
        [&[0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 52], &count.to_be_bytes()[..], &pool, &[0; 20]].concat()
    }

    #[test]
    fn versions_in_classes() {
        let row = ROWS.iter().find(|row| row.artifact.ends_with("jackson-databind")).expect("a row");
        for (texts, expected) in [
            (&["Code", "2.13.1", "com.fasterxml.jackson.core"][..], Some("2.13.1")),
            (&["2.13.1", "2.13.1"], Some("2.13.1")),
            (&["2.13.1", "2.13.2"], None),
            (&["4.2", "42.5.5"], Some("42.5.5")),
            (&["Code", "1", "a.b", "1.2.x"], None),
        ] {
            assert_eq!(version(row, &class(texts)).as_deref(), expected, "{texts:?}");
        }
        let whole = class(&["2.13.1"]);
        for length in 0..whole.len() {
            // Never a panic, and never another version.
            assert!(version(row, &whole[..length]).is_none_or(|version| version == "2.13.1"), "{length}");
        }
        assert_eq!(constants(&[0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 52, 0, 9, 99]).count(), 0);
    }

    #[test]
    fn versions_in_properties() {
        let row = ROWS.iter().find(|row| row.artifact.ends_with("tomcat-catalina")).expect("a row");
        let text = b"# x\nserver.info=Apache Tomcat/9.0.65 (Debian)\nserver.number=9.0.65.0\n";
        assert_eq!(version(row, text).as_deref(), Some("9.0.65"));
        assert_eq!(version(row, b"server.info=Apache Tomcat/@VERSION@\n"), None);
        assert_eq!(version(row, b""), None);
    }

    #[test]
    fn whose_folder() {
        assert_eq!(root("org/yaml/snakeyaml/Yaml.class"), "org/yaml/");
        assert_eq!(root("org/apache/commons/text/StringSubstitutor.class"), "org/apache/commons/");
    }
}
