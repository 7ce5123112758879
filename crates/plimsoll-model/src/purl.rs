//! Package URLs (purl specification 1.0, ECMA-427): the identity of a package across documents.
//!
//! [`Purl`] is a package URL that follows the specification and its type's own rules, always in canonical form. [`of_package`] writes the
//! package URL of a package that was found, [`to_package`] reads one of somebody's SBOM.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::str::FromStr;

use crate::{Distribution, Ecosystem, Package, Release};

/// Why a text is no package URL, or parts make none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PurlError {
    /// It does not begin with `pkg:`.
    #[error("a package URL begins with `pkg:`")]
    Scheme,
    /// The type is missing, or holds something else than letters, digits, `.` and `-`, or begins with a digit.
    #[error("`{0}` is not a package URL type")]
    Type(String),
    /// There is no name.
    #[error("the package URL has no name")]
    NoName,
    /// A `%` without two hexadecimal digits behind it, or bytes that are not UTF-8.
    #[error("`{0}` is not percent-encoded UTF-8")]
    Encoding(String),
    /// A qualifier without `=`, or with a key that is not made of lower-case letters, digits, `.`, `-` and `_`, or given twice.
    #[error("`{0}` is not a qualifier")]
    Qualifier(String),
    /// The type has a rule that the parts break.
    #[error("a package URL of type `{kind}` {rule}")]
    Rule {
        /// The type.
        kind: String,
        /// What it needs, as a verb phrase.
        rule: &'static str,
    },
}

/// The parts of a package URL, decoded and not yet checked: what [`Purl::build`] takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// The type: `deb`, `npm`.
    pub kind: String,
    /// Segments with `/` between; empty when there is none.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// The version; empty when there is none.
    pub version: String,
    /// Qualifiers; those with an empty value are dropped.
    pub qualifiers: BTreeMap<String, String>,
    /// Segments with `/` between; empty when there is none.
    pub subpath: String,
}

/// A package URL in canonical form. Two that mean the same are equal and are written the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Purl {
    kind: String,
    namespace: String,
    name: String,
    version: String,
    qualifiers: BTreeMap<String, String>,
    subpath: String,
}

impl Purl {
    /// Reads a package URL and brings it into canonical form.
    ///
    /// Fails where the specification or the type's rules say that it is none.
    pub fn parse(text: &str) -> Result<Purl, PurlError> {
        Purl::build(split(text)?)
    }

    /// As [`Purl::parse`], for documents of others: qualifier keys may be in upper case, which the specification asks to
    /// mend when writing and to refuse when reading.
    pub fn parse_lenient(text: &str) -> Result<Purl, PurlError> {
        let mut parts = split(text)?;
        parts.qualifiers =
            parts.qualifiers.into_iter().map(|(key, value)| (key.to_ascii_lowercase(), value)).collect();
        Purl::build(parts)
    }

    /// Puts a package URL together.
    ///
    /// Fails when the parts break the specification or a rule of the type.
    pub fn build(parts: Parts) -> Result<Purl, PurlError> {
        let purl = Purl::normalise(parts);
        purl.check()?;
        Ok(purl)
    }

    /// The type, in lower case: `deb`, `npm`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The namespace, decoded, segments with `/` between.
    pub fn namespace(&self) -> Option<&str> {
        Some(self.namespace.as_str()).filter(|namespace| !namespace.is_empty())
    }

    /// The name, decoded. Never empty.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version, decoded.
    pub fn version(&self) -> Option<&str> {
        Some(self.version.as_str()).filter(|version| !version.is_empty())
    }

    /// All qualifiers, decoded, sorted by key.
    pub fn qualifiers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.qualifiers.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// One qualifier, decoded.
    pub fn qualifier(&self, key: &str) -> Option<&str> {
        self.qualifiers.get(key).map(String::as_str)
    }

    /// The path inside the package, decoded, segments with `/` between.
    pub fn subpath(&self) -> Option<&str> {
        Some(self.subpath.as_str()).filter(|subpath| !subpath.is_empty())
    }

    /// The parts, to change some and build again.
    pub fn into_parts(self) -> Parts {
        let Purl { kind, namespace, name, version, qualifiers, subpath } = self;
        Parts { kind, namespace, name, version, qualifiers, subpath }
    }

    /// Canonical spelling of every part, by the type's rules.
    fn normalise(parts: Parts) -> Purl {
        let mut purl = Purl {
            kind: parts.kind.to_ascii_lowercase(),
            namespace: segments(&parts.namespace, false),
            name: parts.name,
            version: parts.version,
            qualifiers: parts.qualifiers.into_iter().filter(|(_, value)| !value.is_empty()).collect(),
            subpath: segments(&parts.subpath, true),
        };
        let rule = rule(&purl.kind);
        if rule.lower_namespace {
            purl.namespace = purl.namespace.to_lowercase();
        }
        if rule.lower_name {
            purl.name = purl.name.to_lowercase();
        }
        match purl.kind.as_str() {
            "pypi" => purl.name = purl.name.replace('_', "-"),
            // The namespace is the host; the name is the path there, slashes and all.
            "git" => {
                let path = segments(&format!("{}/{}", purl.namespace, purl.name), false);
                let (host, path) = path.split_once('/').unwrap_or(("", &path));
                (purl.namespace, purl.name) = (host.to_owned(), path.to_owned());
            }
            "huggingface" => purl.version = purl.version.to_lowercase(),
            // Databricks does not tell case, Azure does.
            "mlflow" if purl.qualifier("repository_url").is_some_and(|url| url.contains("databricks")) => {
                purl.name = purl.name.to_lowercase();
            }
            _ => {}
        }
        purl
    }

    fn check(&self) -> Result<(), PurlError> {
        let letters =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
        if !self.kind.starts_with(|first: char| first.is_ascii_lowercase()) || !self.kind.bytes().all(letters)
        {
            return Err(PurlError::Type(self.kind.clone()));
        }
        if self.name.is_empty() {
            return Err(PurlError::NoName);
        }
        for key in self.qualifiers.keys() {
            let plain = key.starts_with(|first: char| first.is_ascii_lowercase())
                && key.bytes().all(|byte| letters(byte) || byte == b'_');
            if !plain {
                return Err(PurlError::Qualifier(key.clone()));
            }
        }
        let broken = |rule| Err(PurlError::Rule { kind: self.kind.clone(), rule });
        let rule = rule(&self.kind);
        if rule.namespace == Namespace::Required && self.namespace.is_empty() {
            return broken("needs a namespace");
        }
        if rule.namespace == Namespace::None && !self.namespace.is_empty() {
            return broken("has no namespace");
        }
        for key in rule.qualifiers {
            if !self.qualifiers.contains_key(*key) {
                return match *key {
                    "uuid" => broken("needs the qualifier `uuid`"),
                    _ => broken("needs the qualifier `tag_id`"),
                };
            }
        }
        match self.kind.as_str() {
            "cpan" if self.name.contains("::") => broken("names a distribution, not a module"),
            "chrome-extension" => {
                let id = self.name.len() == 32 && self.name.bytes().all(|byte| matches!(byte, b'a'..=b'p'));
                let numbers = self.version.split('.').count() <= 4
                    && self.version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
                if id && numbers {
                    Ok(())
                } else {
                    broken("has 32 letters from a to p as name, and up to four numbers as version")
                }
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Purl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "pkg:{}/", self.kind)?;
        for segment in self.namespace.split('/').filter(|segment| !segment.is_empty()) {
            encode(segment, formatter)?;
            formatter.write_char('/')?;
        }
        if self.kind == "git" {
            for (index, segment) in self.name.split('/').enumerate() {
                formatter.write_str(if index == 0 { "" } else { "/" })?;
                encode(segment, formatter)?;
            }
        } else {
            encode(&self.name, formatter)?;
        }
        if !self.version.is_empty() {
            formatter.write_char('@')?;
            encode(&self.version, formatter)?;
        }
        for (index, (key, value)) in self.qualifiers.iter().enumerate() {
            write!(formatter, "{}{key}=", if index == 0 { '?' } else { '&' })?;
            encode(value, formatter)?;
        }
        for (index, segment) in self.subpath.split('/').filter(|segment| !segment.is_empty()).enumerate() {
            formatter.write_char(if index == 0 { '#' } else { '/' })?;
            encode(segment, formatter)?;
        }
        Ok(())
    }
}

impl FromStr for Purl {
    type Err = PurlError;

    fn from_str(text: &str) -> Result<Self, PurlError> {
        Purl::parse(text)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Namespace {
    Any,
    Required,
    None,
}

/// What a type's definition asks beyond the specification.
struct Rule {
    kind: &'static str,
    namespace: Namespace,
    lower_namespace: bool,
    lower_name: bool,
    /// Qualifiers that must be there.
    qualifiers: &'static [&'static str],
}

const fn typed(kind: &'static str, namespace: Namespace, lower_namespace: bool, lower_name: bool) -> Rule {
    Rule { kind, namespace, lower_namespace, lower_name, qualifiers: &[] }
}

use Namespace::{Any, None as Absent, Required};

/// Types with rules of their own. Go modules and NuGet packages keep their case: the one is case-sensitive, the other
/// says so.
static RULES: &[Rule] = &[
    typed("alpm", Any, true, true),
    typed("apk", Any, true, true),
    typed("bitbucket", Any, true, true),
    typed("bitnami", Any, true, true),
    typed("brew", Any, true, true),
    typed("cargo", Absent, false, false),
    typed("chrome-extension", Absent, false, false),
    typed("composer", Any, true, true),
    typed("cran", Absent, false, false),
    typed("deb", Any, true, true),
    typed("gem", Absent, false, false),
    typed("git", Any, true, true),
    typed("github", Any, true, true),
    typed("gitlab", Any, true, true),
    typed("hackage", Absent, false, false),
    typed("hex", Any, true, true),
    Rule { qualifiers: &["uuid"], ..typed("julia", Absent, false, false) },
    typed("luarocks", Any, true, true),
    typed("nuget", Absent, false, false),
    typed("oci", Absent, false, true),
    typed("opam", Absent, false, false),
    typed("otp", Absent, false, true),
    typed("pub", Absent, false, true),
    typed("pypi", Absent, false, true),
    typed("qpkg", Any, true, false),
    typed("rpm", Any, true, false),
    typed("swift", Required, false, false),
    Rule { qualifiers: &["tag_id"], ..typed("swid", Any, false, false) },
    typed("vcpkg", Absent, false, false),
    typed("vscode-extension", Required, true, true),
];

static NO_RULE: Rule = typed("", Any, false, false);

fn rule(kind: &str) -> &'static Rule {
    RULES.iter().find(|rule| rule.kind == kind).unwrap_or(&NO_RULE)
}

/// Splits from the right, as the specification tells ("How to parse a purl string").
fn split(text: &str) -> Result<Parts, PurlError> {
    let mut parts = Parts::default();
    let mut rest = text;
    if let Some((before, subpath)) = rest.rsplit_once('#') {
        // `.` and `..` are dropped when built, and an encoded slash must not make new ones.
        let decoded: Result<Vec<String>, PurlError> = subpath.split('/').map(decode).collect();
        parts.subpath = decoded?.join("/");
        rest = before;
    }
    if let Some((before, qualifiers)) = rest.rsplit_once('?') {
        for qualifier in qualifiers.split('&').filter(|qualifier| !qualifier.is_empty()) {
            let broken = || PurlError::Qualifier(qualifier.to_owned());
            let (key, value) = qualifier.split_once('=').ok_or_else(broken)?;
            if parts.qualifiers.insert(key.to_owned(), decode(value)?).is_some() {
                return Err(broken());
            }
        }
        rest = before;
    }
    let (scheme, behind) = rest.split_once(':').ok_or(PurlError::Scheme)?;
    if !scheme.eq_ignore_ascii_case("pkg") {
        return Err(PurlError::Scheme);
    }
    let (kind, mut rest) = behind.trim_start_matches('/').split_once('/').unwrap_or((behind, ""));
    kind.clone_into(&mut parts.kind);
    if let Some((before, version)) = rest.rsplit_once('@') {
        let opens_segment = before.is_empty() || before.ends_with('/');
        if !opens_segment {
            parts.version = decode(version)?;
            rest = before;
        } else if !version.contains('/') {
            return Err(PurlError::NoName);
        }
        // Else it is an npm scope that nobody encoded, and there is no version.
    }
    let (namespace, name) = rest.trim_matches('/').rsplit_once('/').unwrap_or(("", rest.trim_matches('/')));
    parts.name = decode(name)?;
    let decoded: Result<Vec<String>, PurlError> = namespace.split('/').map(decode).collect();
    parts.namespace = decoded?.join("/");
    Ok(parts)
}

/// Drops empty segments, and in a subpath `.` and `..` too.
fn segments(text: &str, subpath: bool) -> String {
    let kept: Vec<&str> = text
        .split('/')
        .filter(|segment| match *segment {
            "" => false,
            "." | ".." => !subpath,
            _ => true,
        })
        .collect();
    kept.join("/")
}

/// Takes percent-encoding away.
///
/// # Errors
/// When two hexadecimal digits do not follow a `%`, or the bytes are not UTF-8.
pub fn decode(text: &str) -> Result<String, PurlError> {
    if !text.contains('%') {
        return Ok(text.to_owned());
    }
    let broken = || PurlError::Encoding(text.to_owned());
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else { return Err(broken()) };
        bytes.push(u8::try_from(high * 16 + low).map_err(|_| broken())?);
    }
    String::from_utf8(bytes).map_err(|_| broken())
}

/// Letters, digits, `.`, `-`, `_`, `~` and `:` stand for themselves.
fn encode(text: &str, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b".-_~:".contains(&byte) {
            formatter.write_char(char::from(byte))?;
        } else {
            write!(formatter, "%{byte:02X}")?;
        }
    }
    Ok(())
}

/// The package URL of a package, with the qualifiers that other tools write: `arch`, `distro`, `epoch`, `rpmmod`.
///
/// Distribution packages carry the distribution's key as namespace and `key-version` as `distro`; without a release, neither. A type's
/// demands that a package cannot meet (Julia's `uuid`) are passed over: the URL is then right in form, but
/// [`Purl::parse`] refuses it. So it does for a package without a name.
pub fn of_package(package: &Package, release: Option<&Release>) -> String {
    let mut parts = Parts {
        kind: package.ecosystem.name().to_owned(),
        version: package.version.clone(),
        ..Parts::default()
    };
    let mut qualify = |key: &str, value: &str| parts.qualifiers.insert(key.to_owned(), value.to_owned());
    if let Some(architecture) = &package.architecture {
        qualify("arch", architecture);
    }
    if package.ecosystem.is_distribution()
        && let Some(release) = release
    {
        let key = release.distribution().map_or(release.id.as_str(), |distribution| distribution.key);
        // Portage's namespace is the category.
        if !has_path(package.ecosystem) {
            key.clone_into(&mut parts.namespace);
        }
        let distro =
            if release.version.is_empty() { key.to_owned() } else { format!("{key}-{}", release.version) };
        qualify("distro", &distro);
    }
    if package.ecosystem == Ecosystem::Rpm {
        if let Some(module) = &package.module {
            qualify("rpmmod", module);
        }
        if let Some((epoch, rest)) = package.version.split_once(':')
            && !epoch.is_empty()
            && epoch.bytes().all(|byte| byte.is_ascii_digit())
        {
            // No epoch and epoch 0 are the same package.
            if epoch.bytes().any(|byte| byte != b'0') {
                qualify("epoch", epoch);
            }
            rest.clone_into(&mut parts.version);
        }
    }
    for key in QUALIFIERS.iter().filter(|(own, _)| *own == package.ecosystem).flat_map(|(_, keys)| *keys) {
        if let Some(value) = package.properties.get(*key) {
            qualify(key, value);
        }
    }
    let name = package.name.as_str();
    let (namespace, name) = match package.ecosystem {
        Ecosystem::Maven => name.rsplit_once(':').unwrap_or(("", name)),
        Ecosystem::Swift => {
            let path = name.split_once("://").map_or(name, |(_, path)| path);
            let path = path.strip_suffix(".git").unwrap_or(path);
            path.rsplit_once('/').unwrap_or(("", path))
        }
        _ if has_path(package.ecosystem) => name.rsplit_once('/').unwrap_or(("", name)),
        _ => ("", name),
    };
    if !namespace.is_empty() {
        namespace.clone_into(&mut parts.namespace);
    }
    name.clone_into(&mut parts.name);
    Purl::normalise(parts).to_string()
}

/// Properties that make two packages of one name and version different ones, and stand in the package URL as qualifiers.
static QUALIFIERS: &[(Ecosystem, &[&str])] = &[
    (Ecosystem::Julia, &["uuid"]),
    (Ecosystem::Conan, &["channel", "user"]),
    (Ecosystem::Conda, &["build", "channel", "subdir"]),
    (Ecosystem::GitHubActions, &["ref"]),
    (Ecosystem::Nix, &["output"]),
    (Ecosystem::Vcpkg, &["port_version", "triplet"]),
];

/// Do names of this ecosystem have parts with `/` between, the last of which is the name in a package URL?
fn has_path(ecosystem: Ecosystem) -> bool {
    matches!(
        ecosystem,
        Ecosystem::Npm
            | Ecosystem::Go
            | Ecosystem::Packagist
            | Ecosystem::Hex
            | Ecosystem::Swift
            | Ecosystem::Ebuild
            | Ecosystem::Brew
            | Ecosystem::Jsr
            | Ecosystem::LuaRocks
            | Ecosystem::Pear
            | Ecosystem::GitHubActions
            | Ecosystem::Terraform
            | Ecosystem::Generic
    )
}

/// What a package URL says of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Kind of package.
    pub ecosystem: Ecosystem,
    /// Name as a [`Package`] has it: `@scope/name`, `group:artifact`, a whole module path.
    pub name: String,
    /// Version as a [`Package`] has it, with epoch for dpkg and rpm. May be empty.
    pub version: String,
    /// Architecture.
    pub architecture: Option<String>,
    /// RPM modularity label.
    pub module: Option<String>,
    /// The distribution, from `distro` or else from the namespace. Only the id and the version are known.
    pub release: Option<Release>,
}

/// Reads a package URL as a package: the reverse of [`of_package`]. `None` for types that are not in the table of ecosystems.
pub fn to_package(purl: &Purl) -> Option<Described> {
    let ecosystem = Ecosystem::from_purl_type(&purl.kind)?;
    let name = match purl.namespace() {
        Some(namespace) if ecosystem == Ecosystem::Maven => format!("{namespace}:{}", purl.name),
        Some(namespace) if has_path(ecosystem) => format!("{namespace}/{}", purl.name),
        _ => purl.name.clone(),
    };
    let version = match purl.qualifier("epoch") {
        // Some tools write the epoch in both places.
        Some(epoch) if ecosystem == Ecosystem::Rpm && !purl.version.contains(':') => {
            format!("{epoch}:{}", purl.version)
        }
        _ => purl.version.clone(),
    };
    let release = ecosystem
        .is_distribution()
        .then(|| match purl.qualifier("distro") {
            Some(distro) => Some(release_of_distro(distro)),
            None if has_path(ecosystem) => None,
            None => purl.namespace().map(|namespace| release(namespace, "")),
        })
        .flatten();
    let module = purl.qualifier("rpmmod").filter(|_| ecosystem == Ecosystem::Rpm);
    Some(Described {
        ecosystem,
        name,
        version,
        architecture: purl.qualifier("arch").map(str::to_owned),
        module: module.map(str::to_owned),
        release,
    })
}

/// `debian-12`, `opensuse-leap-15.5`, `rhel-8.9`, `wolfi`.
fn release_of_distro(distro: &str) -> Release {
    if Distribution::by_key(distro).is_some() || Distribution::by_id(distro).is_some() {
        return release(distro, "");
    }
    let (id, version) = distro.rsplit_once('-').unwrap_or((distro, ""));
    release(id, version)
}

/// A release by our key or by an os-release id.
fn release(id: &str, version: &str) -> Release {
    let distribution = Distribution::by_key(id).or_else(|| Distribution::by_id(id));
    let id = distribution.and_then(|distribution| distribution.ids.first()).copied().unwrap_or(id);
    Release { id: id.to_owned(), version: version.to_owned(), ..Release::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ImagePath, Location};

    fn package(ecosystem: Ecosystem, name: &str, version: &str) -> Package {
        Package::new(ecosystem, name, version, Location::new(ImagePath::from("a")))
    }

    fn on(id: &str, version: &str) -> Release {
        Release { id: id.into(), version: version.into(), ..Release::default() }
    }

    /// Writes, reads, and compares with what was there.
    fn check(package: &Package, release: Option<&Release>, expected: &str) {
        let text = of_package(package, release);
        assert_eq!(text, expected);
        let purl = Purl::parse(&text).expect("our own package URL is one");
        assert_eq!(purl.to_string(), expected, "it is canonical");
        let back = to_package(&purl).expect("our own types are known");
        assert_eq!(back.ecosystem, package.ecosystem);
        let normalise = |name: &str| package.ecosystem.normalise(name).into_owned();
        assert_eq!(normalise(&back.name), normalise(&package.name));
        assert_eq!(back.version, package.version);
        assert_eq!(back.architecture, package.architecture);
        assert_eq!(back.module, package.module);
        assert_eq!(back.release.as_ref(), release.filter(|_| package.ecosystem.is_distribution()));
    }

    #[test]
    fn distribution_packages() {
        let with = |mut package: Package, architecture: &str| {
            package.architecture = Some(architecture.to_owned());
            package
        };
        check(
            &with(package(Ecosystem::Deb, "openssl", "3.0.11-1~deb12u2"), "amd64"),
            Some(&on("debian", "12")),
            "pkg:deb/debian/openssl@3.0.11-1~deb12u2?arch=amd64&distro=debian-12",
        );
        check(
            &with(package(Ecosystem::Deb, "attr", "1:2.4.47-2+b1"), "amd64"),
            None,
            "pkg:deb/attr@1:2.4.47-2%2Bb1?arch=amd64",
        );
        check(
            &with(package(Ecosystem::Apk, "musl", "1.2.4-r1"), "x86_64"),
            Some(&on("alpine", "3.18.4")),
            "pkg:apk/alpine/musl@1.2.4-r1?arch=x86_64&distro=alpine-3.18.4",
        );
        check(
            &package(Ecosystem::Apk, "glibc", "2.39-r1"),
            Some(&on("wolfi", "")),
            "pkg:apk/wolfi/glibc@2.39-r1?distro=wolfi",
        );
        let mut nodejs = with(package(Ecosystem::Rpm, "nodejs", "1:12.19.1-1.module+el8.3.0"), "x86_64");
        nodejs.module = Some("nodejs:12:8030020201124152102:229f0a1c".into());
        check(
            &nodejs,
            Some(&on("rhel", "8.3")),
            "pkg:rpm/redhat/nodejs@12.19.1-1.module%2Bel8.3.0?arch=x86_64&distro=redhat-8.3&epoch=1&rpmmod=nodejs:12:8030020201124152102:229f0a1c",
        );
        check(
            &package(Ecosystem::Rpm, "zlib", "1.2.13-1"),
            Some(&on("opensuse-leap", "15.5")),
            "pkg:rpm/opensuse-leap/zlib@1.2.13-1?distro=opensuse-leap-15.5",
        );
        check(
            &package(Ecosystem::Rpm, "zlib", "1"),
            Some(&on("opensuse-tumbleweed", "")),
            "pkg:rpm/opensuse-tumbleweed/zlib@1?distro=opensuse-tumbleweed",
        );
        check(
            &package(Ecosystem::Deb, "a", "1"),
            Some(&on("devuan", "5")),
            "pkg:deb/devuan/a@1?distro=devuan-5",
        );
        check(
            &with(package(Ecosystem::Alpm, "pacman", "6.0.1-1"), "x86_64"),
            Some(&on("arch", "")),
            "pkg:alpm/arch/pacman@6.0.1-1?arch=x86_64&distro=arch",
        );
        check(
            &package(Ecosystem::Ebuild, "dev-lang/perl", "5.36.0-r2"),
            Some(&on("gentoo", "2.15")),
            "pkg:ebuild/dev-lang/perl@5.36.0-r2?distro=gentoo-2.15",
        );
    }

    #[test]
    fn language_packages() {
        for (ecosystem, name, version, expected) in [
            (Ecosystem::Npm, "@angular/core", "16.0.0", "pkg:npm/%40angular/core@16.0.0"),
            (Ecosystem::Npm, "lodash", "4.17.21", "pkg:npm/lodash@4.17.21"),
            (Ecosystem::PyPi, "Foo_Bar", "1.0+cpu", "pkg:pypi/foo-bar@1.0%2Bcpu"),
            (Ecosystem::PyPi, "zope.interface", "6.0", "pkg:pypi/zope.interface@6.0"),
            (
                Ecosystem::Go,
                "github.com/BurntSushi/toml",
                "v1.3.2",
                "pkg:golang/github.com/BurntSushi/toml@v1.3.2",
            ),
            (
                Ecosystem::Go,
                "k8s.io/api/v2",
                "v2.0.0+incompatible",
                "pkg:golang/k8s.io/api/v2@v2.0.0%2Bincompatible",
            ),
            (Ecosystem::Go, "stdlib", "1.21.0", "pkg:golang/stdlib@1.21.0"),
            (Ecosystem::Cargo, "serde", "1.0.0", "pkg:cargo/serde@1.0.0"),
            (Ecosystem::Maven, "org.slf4j:slf4j-api", "2.0.0", "pkg:maven/org.slf4j/slf4j-api@2.0.0"),
            (Ecosystem::Maven, "slf4j-api", "", "pkg:maven/slf4j-api"),
            (Ecosystem::RubyGems, "rails", "7.0.0", "pkg:gem/rails@7.0.0"),
            (Ecosystem::Packagist, "Laravel/framework", "v10", "pkg:composer/laravel/framework@v10"),
            (Ecosystem::NuGet, "Newtonsoft.Json", "13.0.1", "pkg:nuget/Newtonsoft.Json@13.0.1"),
            (Ecosystem::Swift, "github.com/vapor/vapor", "4.0.0", "pkg:swift/github.com/vapor/vapor@4.0.0"),
            (Ecosystem::Bitnami, "redis", "7.2.0-1", "pkg:bitnami/redis@7.2.0-1"),
            (Ecosystem::Conan, "openssl", "3.0.3", "pkg:conan/openssl@3.0.3"),
            (Ecosystem::CocoaPods, "AFNetworking", "4.0.1", "pkg:cocoapods/AFNetworking@4.0.1"),
            (Ecosystem::Conda, "absl-py", "0.4.1", "pkg:conda/absl-py@0.4.1"),
            (Ecosystem::Cpan, "libwww-perl", "6.76", "pkg:cpan/libwww-perl@6.76"),
            (Ecosystem::GitHubActions, "actions/checkout", "v4.1.1", "pkg:github/actions/checkout@v4.1.1"),
            (Ecosystem::Jsr, "@std/path", "1.0.8", "pkg:jsr/%40std/path@1.0.8"),
            (Ecosystem::LuaRocks, "luasocket", "3.1.0-1", "pkg:luarocks/luasocket@3.1.0-1"),
            (Ecosystem::Otp, "asn1", "5.4.1", "pkg:otp/asn1@5.4.1"),
            (Ecosystem::Pear, "pear.example.org/Mail", "1.4.1", "pkg:pear/pear.example.org/Mail@1.4.1"),
            (Ecosystem::Vcpkg, "bzip2", "1.0.8", "pkg:vcpkg/bzip2@1.0.8"),
            (Ecosystem::WordPressPlugin, "akismet", "5.3", "pkg:wordpress-plugin/akismet@5.3"),
            (
                Ecosystem::Terraform,
                "registry.terraform.io/hashicorp/aws",
                "5.31.0",
                "pkg:terraform/registry.terraform.io/hashicorp/aws@5.31.0",
            ),
            (Ecosystem::Generic, "busybox", "1.36.1", "pkg:generic/busybox@1.36.1"),
        ] {
            check(&package(ecosystem, name, version), None, expected);
            // A language package is the same on every distribution.
            check(&package(ecosystem, name, version), Some(&on("debian", "12")), expected);
        }
    }

    #[test]
    fn spellings_of_others() {
        let read = |text: &str| to_package(&Purl::parse_lenient(text).unwrap()).unwrap();
        assert_eq!(read("pkg:rpm/rhel/bash@5?distro=rhel-8.9").release, Some(on("rhel", "8.9")));
        assert_eq!(read("pkg:rpm/amzn/bash@5?Distro=amzn-2").release, Some(on("amzn", "2")));
        assert_eq!(read("pkg:deb/ubuntu/bash@5").release, Some(on("ubuntu", "")));
        assert_eq!(read("pkg:rpm/fedora/a@1:5?epoch=1").version, "1:5");
        assert_eq!(read("pkg:npm/%40a%2Fb@1").name, "@a/b");
        assert_eq!(read("pkg:npm/@a/b").name, "@a/b");
        assert_eq!(to_package(&Purl::parse("pkg:docker/a@1").unwrap()), None);
        let zero = package(Ecosystem::Rpm, "a", "0:1-2");
        assert_eq!(of_package(&zero, None), "pkg:rpm/a@1-2");
        let address = package(Ecosystem::Swift, "https://github.com/vapor/vapor.git", "4");
        assert_eq!(of_package(&address, None), "pkg:swift/github.com/vapor/vapor@4");
        let mut julia = package(Ecosystem::Julia, "Dates", "1.9.0");
        assert!(Purl::parse(&of_package(&julia, None)).is_err());
        julia.properties.insert("uuid".into(), "ade2ca70".into());
        assert_eq!(of_package(&julia, None), "pkg:julia/Dates@1.9.0?uuid=ade2ca70");
    }

    #[test]
    fn refused() {
        for (text, expected) in [
            ("", "a package URL begins with `pkg:`"),
            ("npm/a@1", "a package URL begins with `pkg:`"),
            ("pkg:", "`` is not a package URL type"),
            ("pkg:1a/b", "`1a` is not a package URL type"),
            ("pkg:npm", "the package URL has no name"),
            ("pkg:npm/@1", "the package URL has no name"),
            ("pkg:npm/a%2", "`a%2` is not percent-encoded UTF-8"),
            ("pkg:npm/a%ff", "`a%ff` is not percent-encoded UTF-8"),
            ("pkg:npm/a?b", "`b` is not a qualifier"),
            ("pkg:npm/a?b=1&b=2", "`b=2` is not a qualifier"),
            ("pkg:npm/a?B=1", "`B` is not a qualifier"),
            ("pkg:swift/a", "a package URL of type `swift` needs a namespace"),
            ("pkg:cargo/a/b", "a package URL of type `cargo` has no namespace"),
        ] {
            assert_eq!(
                Purl::parse(text).map(|_| ()).map_err(|error| error.to_string()),
                Err(expected.into()),
                "{text}"
            );
        }
    }
}
