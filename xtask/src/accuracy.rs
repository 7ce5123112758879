//! `cargo xtask accuracy`: replays labelled matches and says how often the matcher agrees with people.
//!
//! A label names an image, a package, a version and a vulnerability, and says whether the package really has it. It does
//! not name the ecosystem, the release of the distribution, or the source package; [`release_of`] and [`Names`] tell
//! these from what stands beside it. A row whose ecosystem cannot be told, or that the database has no data for, is not covered and
//! is counted as such. Nothing is read from the images: this measures matching, not extraction.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use flate2::read::MultiGzDecoder;
use plimsoll_advisory::record::Target;
use plimsoll_advisory::{BuildOptions, Database, MatchOptions, Source, build, matches};
use plimsoll_model::{
    Ecosystem, ImagePath, Inventory, Location, Package, ProblemKind, Release, SourcePackage,
};
use serde_json::Value;

/// Files with labels, below the shared folder. A label that stands in both counts once.
const LABELS: &[&str] =
    &["data/labels/vulnerability-match-labels.jsonl.gz", "fixtures/match-labels/labels.jsonl.gz"];

/// The greatest size of a file of labels, unpacked.
const LIMIT: u64 = 1 << 30;

const USAGE: &str = "usage: cargo xtask accuracy [--shared DIR] [--db FILE] [--all]";

/// How many disagreements of one reason are listed without `--all`.
const LISTED: usize = 12;

/// Debian's source packages by the beginning of the binary's name, the longest first where one begins another.
/// Only names that the labels hold.
const DEBIAN_SOURCES: &[(&str, &str)] = &[
    ("libc6", "glibc"),
    ("libc-bin", "glibc"),
    ("libc-l10n", "glibc"),
    ("libc-dev-bin", "glibc"),
    ("locales", "glibc"),
    ("multiarch-support", "glibc"),
    ("libpcre2-", "pcre2"),
    ("libpcre3", "pcre3"),
    ("libsqlite3-0", "sqlite3"),
    ("libsystemd0", "systemd"),
    ("libudev1", "systemd"),
    ("systemd", "systemd"),
    ("udev", "systemd"),
    ("libncurses", "ncurses"),
    ("ncurses", "ncurses"),
    ("libtinfo", "ncurses"),
    ("perl", "perl"),
    ("libperl5", "perl"),
    ("libssl1.0.2", "openssl1.0"),
    ("libssl1", "openssl"),
    ("openssl", "openssl"),
    ("passwd", "shadow"),
    ("login", "shadow"),
    ("libcurl", "curl"),
    ("curl", "curl"),
    ("libgssapi-krb5", "krb5"),
    ("libk5crypto3", "krb5"),
    ("libkrb5", "krb5"),
    ("libldap", "openldap"),
    ("libsepol1", "libsepol"),
    ("libgcrypt20", "libgcrypt20"),
    ("libgnutls", "gnutls28"),
    ("libexpat1", "expat"),
    ("openssh-client", "openssh"),
    ("libmount1", "util-linux"),
    ("libblkid1", "util-linux"),
    ("libuuid1", "util-linux"),
    ("libsmartcols1", "util-linux"),
    ("libfdisk1", "util-linux"),
    ("fdisk", "util-linux"),
    ("bsdutils", "util-linux"),
    ("mount", "util-linux"),
    ("libpython2.7", "python2.7"),
    ("libpython3.9", "python3.9"),
    ("python2.7", "python2.7"),
    ("python3.9", "python3.9"),
    ("libssh2-1", "libssh2"),
    ("gpg", "gnupg2"),
    ("gnupg-", "gnupg2"),
    ("dirmngr", "gnupg2"),
    ("zlib1g", "zlib"),
    ("libtasn1-6", "libtasn1-6"),
    ("libicu", "icu"),
    ("libdb5.3", "db5.3"),
    ("libss2", "e2fsprogs"),
    ("libext2fs2", "e2fsprogs"),
    ("libcom-err2", "e2fsprogs"),
    ("libcomerr2", "e2fsprogs"),
    ("e2fs", "e2fsprogs"),
    ("logsave", "e2fsprogs"),
    ("liblz4-1", "lz4"),
    ("libpng16", "libpng1.6"),
    ("git", "git"),
    ("libnettle", "nettle"),
    ("libhogweed", "nettle"),
    ("libp11-kit0", "p11-kit"),
    ("libidn2-0", "libidn2"),
    ("libidn11", "libidn"),
    ("libprocps", "procps"),
    ("libzstd1", "libzstd"),
    ("libpam", "pam"),
    ("libbz2", "bzip2"),
    ("libgmp10", "gmp"),
    ("librtmp1", "rtmpdump"),
    ("libxslt1", "libxslt"),
    ("libxml2", "libxml2"),
    ("libsvn1", "subversion"),
    ("libelf1", "elfutils"),
    ("liblzma5", "xz-utils"),
    ("libfreetype6", "freetype"),
    ("libnghttp2", "nghttp2"),
    ("libsasl2", "cyrus-sasl2"),
    ("libtirpc", "libtirpc"),
    ("libaudit", "audit"),
];

/// Alpine's release by the version of BusyBox that it has (`busybox` and `ssl_client` are in every image): version, the
/// greatest `-r` that means it, release. Versions that two releases share are told apart by the `-r`.
const ALPINE_RELEASES: &[(&str, u32, &str)] = &[
    ("1.23.2", 99, "3.2"),
    ("1.26.2", 99, "3.6"),
    ("1.27.2", 99, "3.7"),
    ("1.28.4", 99, "3.8"),
    ("1.29.3", 99, "3.9"),
    ("1.30.1", 99, "3.10"),
    ("1.31.1", 13, "3.11"),
    ("1.31.1", 99, "3.12"),
    ("1.32.1", 99, "3.13"),
    ("1.33.1", 99, "3.14"),
    ("1.34.1", 99, "3.15"),
    ("1.35.0", 18, "3.16"),
    ("1.35.0", 99, "3.17"),
    ("1.36.0", 99, "3.18"),
    ("1.36.1", 7, "3.18"),
];

/// Language ecosystems in which a bare name is looked for.
const LANGUAGES: &[Ecosystem] = &[
    Ecosystem::Npm,
    Ecosystem::PyPi,
    Ecosystem::Go,
    Ecosystem::Cargo,
    Ecosystem::Maven,
    Ecosystem::RubyGems,
    Ecosystem::Packagist,
    Ecosystem::NuGet,
    Ecosystem::Hex,
];

/// One thing that people judged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    image: String,
    package: String,
    version: String,
    /// The CVE where the label names one, so that a GHSA label and a CVE label of one flaw are one row.
    flaw: String,
}

/// What people said of it.
#[derive(Clone, Debug, Default)]
struct Judgement {
    yes: bool,
    no: bool,
    ids: BTreeSet<String>,
    note: String,
}

/// Where a row belongs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// In the distribution: binary and source package.
    Distribution { stream: String, ecosystem: Ecosystem, source: Option<String> },
    /// In language ecosystems, under these full names.
    Language { ecosystem: Ecosystem, names: Vec<String> },
    /// The row is not covered: why.
    Outside(&'static str),
}

#[derive(Default)]
struct Counts {
    rows: u64,
    yes: u64,
    yes_found: u64,
    /// Real ones that the database holds a record of, for this package.
    yes_known: u64,
    yes_known_found: u64,
    no: u64,
    no_found: u64,
}

impl Counts {
    fn add(&mut self, yes: bool, found: bool, known: bool) {
        self.rows += 1;
        if yes {
            self.yes += 1;
            self.yes_found += u64::from(found);
            self.yes_known += u64::from(known);
            self.yes_known_found += u64::from(known && found);
        } else {
            self.no += 1;
            self.no_found += u64::from(found);
        }
    }

    fn line(&self, name: &str) -> String {
        format!(
            "{name:<18} {:>6} {:>6} {:>6} {:>6} {:>6} {:>9} {:>8} {:>8}",
            self.rows,
            self.yes,
            self.yes_found,
            self.no,
            self.no_found,
            percent(self.yes_found, self.yes_found + self.no_found),
            percent(self.yes_found, self.yes),
            percent(self.yes_known_found, self.yes_known),
        )
    }
}

fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "-".into();
    }
    let tenths = (part * 2000 + whole) / (whole * 2);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let mut shared = crate::places::shared();
    let mut database = None;
    let mut all = false;
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--shared" => shared = PathBuf::from(rest.next().context(USAGE)?),
            "--db" => database = Some(PathBuf::from(rest.next().context(USAGE)?)),
            "--all" => all = true,
            _ => bail!(USAGE),
        }
    }
    let path = match database {
        Some(path) => path,
        None => {
            let folder = crate::places::cache()?.join("accuracy");
            std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
            let path = folder.join("advisories.plimsoll");
            build(&shared.join("data"), &path, &BuildOptions::default())?;
            path
        }
    };
    let database = Database::open(&path)?;
    let rows = read_labels(&shared)?;
    print!("{}", report(&database, &rows, all)?);
    Ok(())
}

#[derive(Default)]
struct Labels {
    total: usize,
    unsure: usize,
    nameless: usize,
    rows: BTreeMap<Row, Judgement>,
}

fn read_labels(shared: &Path) -> Result<Labels> {
    let mut labels = Labels::default();
    let mut seen = BTreeSet::new();
    let mut files = 0;
    for name in LABELS {
        let path = shared.join(name);
        let Ok(file) = std::fs::File::open(&path) else { continue };
        files += 1;
        let mut text = String::new();
        MultiGzDecoder::new(file)
            .take(LIMIT)
            .read_to_string(&mut text)
            .with_context(|| format!("cannot read {}", path.display()))?;
        for (number, line) in text.lines().enumerate() {
            let label: Value =
                serde_json::from_str(line).with_context(|| format!("{}:{}", path.display(), number + 1))?;
            take(&mut labels, &mut seen, &label);
        }
    }
    if files == 0 {
        bail!("no labels below {}; name the folder with --shared or PLIMSOLL_SHARED", shared.display());
    }
    Ok(labels)
}

fn take(labels: &mut Labels, seen: &mut BTreeSet<String>, label: &Value) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if !seen.insert(text(&label["ID"])) {
        return;
    }
    labels.total += 1;
    let yes = match label["label"].as_str() {
        Some("TP") => true,
        Some("FP") => false,
        _ => {
            labels.unsure += 1;
            return;
        }
    };
    let (package, version) = (text(&label["package"]["name"]), text(&label["package"]["version"]));
    if package.is_empty() || version.is_empty() {
        labels.nameless += 1;
        return;
    }
    let mut ids: BTreeSet<String> =
        [text(&label["vulnerability_id"]), text(&label["effective_cve"])].into_iter().collect();
    ids.retain(|id| !id.is_empty());
    let Some(flaw) = ids.iter().find(|id| id.starts_with("CVE-")).or_else(|| ids.first()).cloned() else {
        labels.nameless += 1;
        return;
    };
    let image = text(&label["image"]["exact"]);
    let image = image.strip_prefix("docker.io/").unwrap_or(&image).to_owned();
    let judgement = labels.rows.entry(Row { image, package, version, flaw }).or_default();
    judgement.yes |= yes;
    judgement.no |= !yes;
    judgement.ids.extend(ids);
    if let Some(note) = label["note"].as_str() {
        note.clone_into(&mut judgement.note);
    }
}

/// What an image is, told from its name and from the versions of its labelled packages.
fn release_of(image: &str, rows: &[&Row]) -> Result<(&'static str, String), &'static str> {
    let count = |needle: &str| rows.iter().filter(|row| row.version.contains(needle)).count();
    if image.contains("chainguard") {
        return Err("wolfi: no data");
    }
    if count("ubuntu") > 0 && (image.contains("ubuntu") || count("ubuntu") > rows.len() / 2) {
        return Err("ubuntu before 24.04: no data");
    }
    let mut debian: BTreeMap<&str, usize> = BTreeMap::new();
    for row in rows {
        if let Some((_, rest)) = row.version.split_once("+deb")
            && let Some((release, _)) = rest.split_once('u')
            && !release.is_empty()
            && release.bytes().all(|byte| byte.is_ascii_digit())
        {
            *debian.entry(release).or_default() += 1;
        }
    }
    if let Some((release, _)) = debian.iter().max_by_key(|(_, count)| **count) {
        return Ok(("debian", (*release).to_owned()));
    }
    if image.contains("almalinux") {
        return Ok(("almalinux", "8".into()));
    }
    if image.contains("rockylinux") {
        return Ok(("rocky", "8".into()));
    }
    for (needle, reason) in [
        (".amzn", "amazon linux: no data"),
        (".el", "red hat, centos, oracle, or rocky 8: no data"),
        ("module+el", "red hat, centos, oracle, or rocky 8: no data"),
        (".cm2", "CBL-Mariner 2: no data"),
    ] {
        if count(needle) > 0 {
            return Err(reason);
        }
    }
    if image.contains("suse") {
        return Err("suse: no data");
    }
    if rows.iter().any(|row| row.package == "glibc" && apk_revision(&row.version).is_some()) {
        return Err("wolfi, or an alpine with a foreign libc: no data");
    }
    for row in rows.iter().filter(|row| matches!(row.package.as_str(), "busybox" | "ssl_client")) {
        let Some((version, revision)) = apk_revision(&row.version) else { continue };
        if let Some((_, _, release)) =
            ALPINE_RELEASES.iter().find(|(known, upto, _)| *known == version && revision <= *upto)
        {
            return Ok(("alpine", (*release).to_owned()));
        }
    }
    Err("the distribution's release cannot be told")
}

/// `1.2.3-r4` as version and revision.
fn apk_revision(version: &str) -> Option<(&str, u32)> {
    let (version, revision) = version.rsplit_once("-r")?;
    Some((version, revision.parse().ok()?))
}

/// Does the version look like one of the image's package manager?
fn is_distribution_version(version: &str) -> bool {
    [".el", "module+el", ".amzn", ".cm1", ".cm2", "ubuntu", "+deb"].iter().any(|part| version.contains(part))
        || apk_revision(version).is_some()
}

fn debian_source(name: &str) -> Option<&'static str> {
    DEBIAN_SOURCES.iter().find(|(prefix, _)| name.starts_with(prefix)).map(|(_, source)| *source)
}

/// The version of the source package: without the suffix of a rebuild (`+b1`).
fn source_version(version: &str) -> &str {
    match version.rsplit_once("+b") {
        Some((version, build)) if !build.is_empty() && build.bytes().all(|byte| byte.is_ascii_digit()) => {
            version
        }
        _ => version,
    }
}

/// Looks names up in the database, each once.
struct Names<'a> {
    database: &'a Database,
    /// Artifact id -> the `group:artifact` names that advisories of any labelled flaw have.
    artifacts: BTreeMap<String, BTreeSet<String>>,
    known: HashMap<(Target, String), bool>,
}

impl<'a> Names<'a> {
    fn new(database: &'a Database, labels: &Labels) -> Result<Self> {
        let mut artifacts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let ids: BTreeSet<&str> =
            labels.rows.values().flat_map(|judgement| judgement.ids.iter().map(String::as_str)).collect();
        for id in ids {
            let Some(detail) = database.explain(id)? else { continue };
            for package in detail.records.into_iter().flat_map(|record| record.packages) {
                if package.place == Ecosystem::Maven.name()
                    && let Some((_, artifact)) = package.name.split_once(':')
                {
                    artifacts.entry(artifact.to_owned()).or_default().insert(package.name.clone());
                }
            }
        }
        Ok(Names { database, artifacts, known: HashMap::new() })
    }

    fn has(&mut self, target: &Target, name: &str) -> Result<bool> {
        let name = target.normalise(name).into_owned();
        let key = (target.clone(), name);
        if let Some(known) = self.known.get(&key) {
            return Ok(*known);
        }
        let known = !self.database.entries(target, &key.1)?.is_empty();
        self.known.insert(key, known);
        Ok(known)
    }

    /// The ecosystem of a package of which only the name is known, and its full names there.
    fn language(&mut self, row: &Row) -> Result<Place> {
        let name = row.package.as_str();
        let first = name.split('/').next().unwrap_or_default();
        if name == "stdlib" || (name.contains('/') && first.contains('.')) {
            return Ok(Place::Language { ecosystem: Ecosystem::Go, names: vec![name.to_owned()] });
        }
        if name.starts_with('@') && name.contains('/') {
            return Ok(Place::Language { ecosystem: Ecosystem::Npm, names: vec![name.to_owned()] });
        }
        let mut found: Vec<(Ecosystem, Vec<String>)> = Vec::new();
        for ecosystem in LANGUAGES {
            let mut names: Vec<String> = Vec::new();
            if self.has(&Target::Ecosystem(*ecosystem), name)? {
                names.push(name.to_owned());
            } else if *ecosystem == Ecosystem::Maven {
                names.extend(self.artifacts.get(name).into_iter().flatten().cloned());
            }
            if !names.is_empty() {
                found.push((*ecosystem, names));
            }
        }
        match found.len() {
            0 => Ok(Place::Outside("no advisory of any ecosystem names the package")),
            1 => {
                let (ecosystem, names) = found.remove(0);
                Ok(Place::Language { ecosystem, names })
            }
            _ => Ok(Place::Outside("packages of several ecosystems have this name")),
        }
    }

    fn place(&mut self, row: &Row, release: &Result<(&'static str, String), &'static str>) -> Result<Place> {
        let (key, version) = match release {
            Ok(release) => release,
            Err(reason) if is_distribution_version(&row.version) => return Ok(Place::Outside(reason)),
            Err(_) => return self.language(row),
        };
        let text = format!("{key}:{version}");
        let stream = plimsoll_model::Stream::from_text(&text).with_context(|| format!("no stream {text}"))?;
        let ecosystem = stream.distribution().map_or(Ecosystem::Generic, |known| known.ecosystem);
        let target = Target::Stream(stream);
        let source = match *key {
            "debian" => match debian_source(&row.package) {
                Some(source) => Some(source.to_owned()),
                None if self.has(&target, &row.package)? && looks_like_debian(&row.version) => {
                    Some(row.package.clone())
                }
                None if row.version.contains("+deb") => None,
                None => return self.language(row),
            },
            "alpine" if apk_revision(&row.version).is_some() => Some(match row.package.as_str() {
                "ssl_client" => "busybox".into(),
                "libcrypto1.1" | "libssl1.1" | "libcrypto3" | "libssl3" => "openssl".into(),
                "musl-utils" => "musl".into(),
                "libcurl" => "curl".into(),
                name => name.to_owned(),
            }),
            _ if row.version.contains(".el") || row.version.contains("module+el") => None,
            _ => return self.language(row),
        };
        if *key == "rocky" || !self.database.covers(&target)? {
            // Rocky Linux 8 has a few sample records only: the stream is there, its data are not.
            return Ok(Place::Outside(match *key {
                "rocky" => "red hat, centos, oracle, or rocky 8: no data",
                "debian" => "debian: no data for the release",
                _ => "alpine: no data for the release",
            }));
        }
        if *key == "debian" && source.is_none() {
            return Ok(Place::Outside("debian: the source package cannot be told"));
        }
        Ok(Place::Distribution { stream: text, ecosystem, source })
    }
}

/// Debian's own versions, apart from native packages', end with a revision.
fn looks_like_debian(version: &str) -> bool {
    version
        .rsplit_once('-')
        .is_some_and(|(_, revision)| revision.starts_with(|first: char| first.is_ascii_digit()))
}

fn packages(row: &Row, place: &Place) -> Vec<Package> {
    let location = || Location::new(ImagePath::new(b"label"));
    match place {
        Place::Outside(_) => Vec::new(),
        Place::Distribution { ecosystem, source, .. } => {
            let mut package = Package::new(*ecosystem, &row.package, &row.version, location());
            package.source = source.as_ref().map(|name| SourcePackage {
                name: name.clone(),
                version: source_version(&row.version).to_owned(),
            });
            package.purl = format!("pkg:{}/{}@{}", ecosystem.name(), row.package, row.version);
            vec![package]
        }
        Place::Language { ecosystem, names } => names
            .iter()
            .map(|name| {
                let mut package = Package::new(*ecosystem, name, &row.version, location());
                package.purl = format!("pkg:{}/{name}@{}", ecosystem.name(), row.version);
                package
            })
            .collect(),
    }
}

/// Why we and the label differ, when we did not find what people say is real.
fn why_missed(
    database: &Database,
    judgement: &Judgement,
    place: &Place,
    names: &[Package],
    suppressed: Option<&str>,
    undecided: bool,
) -> Result<(&'static str, String)> {
    if let Some(reason) = suppressed {
        return Ok(("shown as suppressed", reason.to_owned()));
    }
    let wanted = match place {
        Place::Distribution { stream, .. } => stream.clone(),
        Place::Language { ecosystem, .. } => ecosystem.name().to_owned(),
        Place::Outside(_) => String::new(),
    };
    let ecosystem = names.first().map_or(Ecosystem::Generic, |package| package.ecosystem);
    let mut elsewhere = false;
    let mut others = BTreeSet::new();
    let mut ranges = BTreeSet::new();
    for id in &judgement.ids {
        for record in database.explain(id)?.into_iter().flat_map(|detail| detail.records) {
            for package in &record.packages {
                if package.place != wanted {
                    elsewhere = true;
                } else if names.iter().any(|own| {
                    let (source, _) = own.source_or_self();
                    package.name == ecosystem.normalise(&own.name) || package.name == source
                }) {
                    let withdrawn = if record.record.withdrawn.is_some() { " (withdrawn)" } else { "" };
                    ranges.insert(format!(
                        "{} {}: {}{withdrawn}",
                        record.source, record.record.id, package.range
                    ));
                } else {
                    others.insert(package.name.clone());
                }
            }
        }
    }
    if !ranges.is_empty() {
        let detail = ranges.into_iter().collect::<Vec<_>>().join("; ");
        let class =
            if undecided { "could not decide, and said so" } else { "our record says other versions" };
        return Ok((class, detail));
    }
    if !others.is_empty() {
        return Ok(("our record names other packages", others.into_iter().collect::<Vec<_>>().join(", ")));
    }
    Ok((
        if elsewhere { "our records are of other ecosystems only" } else { "no record of this id" },
        String::new(),
    ))
}

/// What the other labels say around one that we contradict.
struct Around<'a> {
    /// (image, package, version) that people call affected by something.
    affected: BTreeSet<(&'a str, &'a str, &'a str)>,
    /// (image, flaw) that people call real for some package of the image.
    real: BTreeSet<(&'a str, &'a str)>,
}

impl<'a> Around<'a> {
    fn new(labels: &'a Labels) -> Self {
        let mut around = Around { affected: BTreeSet::new(), real: BTreeSet::new() };
        for (row, judgement) in &labels.rows {
            if judgement.yes {
                around.affected.insert((&row.image, &row.package, &row.version));
                around.real.insert((&row.image, &row.flaw));
            }
        }
        around
    }

    /// Why we find what people call false. Told from the notes of the labels and from the labels around it.
    fn why_found(&self, row: &Row, judgement: &Judgement, place: &Place) -> &'static str {
        let note = judgement.note.to_ascii_lowercase().replace('_', " ");
        let says = |words: &[&str]| words.iter().any(|word| note.contains(word));
        if says(&["not importable", "effectively private"]) {
            return "the label follows an older opinion of the Go database: not importable, private";
        }
        if says(&["rpm", "redhat", "red hat", "rhel", "deb "]) {
            return "the file belongs to a distribution package that has the fix (a scan of the image folds it under its owner)";
        }
        if matches!(place, Place::Distribution { .. }) {
            return if self.real.contains(&(&row.image, &row.flaw)) {
                "people call other binaries of the same source package affected"
            } else {
                "the distribution's advisory says so, the label does not"
            };
        }
        if !self.affected.contains(&(row.image.as_str(), row.package.as_str(), row.version.as_str())) {
            return "no flaw at all is real for this package: mostly another thing of the same name, which a label cannot tell";
        }
        if self.real.contains(&(&row.image, &row.flaw)) {
            return "people call another package of the image affected: the advisory names more packages";
        }
        "the advisory's range holds the version, the label does not agree"
    }
}

fn report(database: &Database, labels: &Labels, all: bool) -> Result<String> {
    let mut names = Names::new(database, labels)?;
    let mut images: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in labels.rows.keys() {
        images.entry(&row.image).or_default().push(row);
    }
    let mut outside: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut tables: BTreeMap<String, Counts> = BTreeMap::new();
    let mut total = Counts::default();
    let mut conflicts = 0_u64;
    let mut releases: BTreeMap<String, String> = BTreeMap::new();
    let mut missed: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
    let mut false_alarms: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
    let around = Around::new(labels);

    for (image, rows) in &images {
        let release = release_of(image, rows);
        let word = match &release {
            Ok((key, version)) => format!("{key} {version}"),
            Err(reason) => format!("({reason})"),
        };
        releases.insert((*image).to_owned(), word);
        let mut placed: Vec<(&Row, Place, Vec<Package>)> = Vec::new();
        for row in rows {
            let judgement = &labels.rows[*row];
            if judgement.yes && judgement.no {
                conflicts += 1;
                continue;
            }
            let place = names.place(row, &release)?;
            if let Place::Outside(reason) = place {
                *outside.entry(reason).or_default() += 1;
                continue;
            }
            let packages = packages(row, &place);
            placed.push((row, place, packages));
        }
        let mut inventory = Inventory::default();
        if let Ok((key, version)) = &release {
            inventory.release =
                Some(Release { id: (*key).to_owned(), version: version.clone(), ..Release::default() });
        }
        let mut by_purl: BTreeMap<&str, &Package> = BTreeMap::new();
        for package in placed.iter().flat_map(|(_, _, packages)| packages) {
            by_purl.insert(&package.purl, package);
        }
        inventory.packages = by_purl.into_values().cloned().collect();
        let found = matches(database, &inventory, &MatchOptions::default())?;
        let mut by_package: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, finding) in found.findings.iter().enumerate() {
            for purl in finding.subject.packages() {
                by_package.entry(purl).or_default().push(index);
            }
        }
        for (row, place, packages) in &placed {
            let judgement = &labels.rows[*row];
            let mut hit = None;
            let mut suppressed = None;
            for index in packages.iter().filter_map(|package| by_package.get(package.purl.as_str())).flatten()
            {
                let finding = &found.findings[*index];
                let same = std::iter::once(&finding.advisory)
                    .chain(&finding.aliases)
                    .chain(finding.evidence.iter().map(|evidence| &evidence.record))
                    .any(|id| judgement.ids.contains(id));
                if same && finding.suppressed_by.is_none() {
                    hit = Some(finding);
                } else if same {
                    suppressed = finding.suppressed_by.as_ref().map(|by| by.reason.as_str());
                }
            }
            let undecided = found.problems.iter().any(|problem| {
                problem.kind == ProblemKind::UnreadableVersion
                    && packages.iter().any(|package| package.purl == problem.subject)
            });
            let mut known = hit.is_some();
            let text = format!("{} {} {} in {}", row.flaw, row.package, row.version, short(&row.image));
            let note = if judgement.note.is_empty() {
                String::new()
            } else {
                format!(" [label: {}]", judgement.note)
            };
            if judgement.yes && hit.is_none() {
                let (class, detail) =
                    why_missed(database, judgement, place, packages, suppressed, undecided)?;
                known = !matches!(
                    class,
                    "no record of this id"
                        | "our record names other packages"
                        | "our records are of other ecosystems only"
                );
                let detail = if detail.is_empty() { detail } else { format!(": {detail}") };
                missed.entry(class).or_default().insert(format!("{text}{detail}{note}"));
            } else if !judgement.yes
                && let Some(finding) = hit
            {
                let evidence: Vec<String> = finding
                    .evidence
                    .iter()
                    .map(|evidence| format!("{} {} {}", evidence.source, evidence.record, evidence.range))
                    .collect();
                let class = around.why_found(row, judgement, place);
                false_alarms
                    .entry(class)
                    .or_default()
                    .insert(format!("{text}: {}{note}", evidence.join("; ")));
            }
            let name = match place {
                Place::Distribution { stream, .. } => stream.clone(),
                Place::Language { ecosystem, .. } => ecosystem.name().to_owned(),
                Place::Outside(_) => continue,
            };
            tables.entry(name).or_default().add(judgement.yes, hit.is_some(), known);
            total.add(judgement.yes, hit.is_some(), known);
        }
    }

    let rows = labels.rows.len() as u64;
    let mut text = String::new();
    writeln!(text, "labels                        {:>6}", labels.total)?;
    writeln!(text, "  unsure                      {:>6}", labels.unsure)?;
    writeln!(text, "  without package or version  {:>6}", labels.nameless)?;
    writeln!(text, "rows (image, package, version, flaw), each once {rows}")?;
    writeln!(text, "  people disagree             {conflicts:>6}")?;
    writeln!(text, "  covered                     {:>6}  {}", total.rows, percent(total.rows, rows))?;
    writeln!(text, "  not covered                 {:>6}", outside.values().sum::<u64>())?;
    for (reason, count) in &outside {
        writeln!(text, "    {count:>6}  {reason}")?;
    }
    writeln!(text)?;
    writeln!(
        text,
        "{:<18} {:>6} {:>6} {:>6} {:>6} {:>6} {:>9} {:>8} {:>8}",
        "", "rows", "real", "found", "false", "found", "precision", "recall", "of known"
    )?;
    for (name, counts) in &tables {
        writeln!(text, "{}", counts.line(name))?;
    }
    writeln!(text, "{}", total.line("all"))?;
    writeln!(text)?;
    writeln!(
        text,
        "recall: of the real ones that are covered. of known: of those whose flaw the database has a record of, for this package."
    )?;
    writeln!(text)?;
    writeln!(text, "Real, not found")?;
    for (class, list) in &missed {
        writeln!(text, "  {class}: {}", list.len())?;
        let shown = match *class {
            "no record of this id" | "our records are of other ecosystems only" if !all => 0,
            _ if all => list.len(),
            _ => LISTED,
        };
        listing(&mut text, list, shown)?;
    }
    writeln!(text, "False, found")?;
    for (class, list) in &false_alarms {
        writeln!(text, "  {class}: {}", list.len())?;
        listing(&mut text, list, if all { usize::MAX } else { LISTED })?;
    }
    if all {
        writeln!(text, "Images")?;
        for (image, release) in &releases {
            writeln!(text, "  {release:<60} {image}")?;
        }
    }
    Ok(text)
}

fn listing(text: &mut String, list: &BTreeSet<String>, shown: usize) -> Result<()> {
    for line in list.iter().take(shown) {
        writeln!(text, "    {line}")?;
    }
    if list.len() > shown && shown > 0 {
        writeln!(text, "    ... {} more with --all", list.len() - shown)?;
    }
    Ok(())
}

/// The image without most of its digest.
fn short(image: &str) -> String {
    match image.split_once("@sha256:") {
        Some((name, digest)) => format!("{name}@{}", digest.get(..12).unwrap_or(digest)),
        None => image.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(package: &str, version: &str) -> Row {
        Row { image: String::new(), package: package.into(), version: version.into(), flaw: String::new() }
    }

    #[test]
    fn releases_are_told_from_versions() {
        let check = |image: &str, package: &str, version: &str, expected: Option<(&str, &str)>| {
            let row = row(package, version);
            let found = release_of(image, &[&row]).ok();
            assert_eq!(
                found,
                expected.map(|(key, version)| (leak(key), version.to_owned())),
                "{image} {version}"
            );
        };
        check("node@sha256:1", "curl", "7.38.0-4+deb8u2", Some(("debian", "8")));
        check("postgres@sha256:1", "busybox", "1.32.1-r6", Some(("alpine", "3.13")));
        check("x@sha256:1", "ssl_client", "1.31.1-r11", Some(("alpine", "3.11")));
        check("x@sha256:1", "ssl_client", "1.31.1-r19", Some(("alpine", "3.12")));
        check("almalinux@sha256:1", "glibc", "2.28-164.el8", Some(("almalinux", "8")));
        check("centos@sha256:1", "glibc", "2.12-1.212.el6", None);
        check("ubuntu@sha256:1", "libc6", "2.19-0ubuntu6.15", None);
        check("chainguard/wolfi-base@sha256:1", "busybox", "1.35.0-r2", None);
    }

    fn leak(key: &str) -> &'static str {
        plimsoll_model::Distribution::by_key(key).expect("a known distribution").key
    }

    #[test]
    fn sources_are_told_from_names() {
        for (_, source) in DEBIAN_SOURCES {
            assert!(!source.is_empty());
        }
        for (index, (prefix, source)) in DEBIAN_SOURCES.iter().enumerate() {
            assert_eq!(debian_source(prefix), Some(*source), "row {index} is hidden by one before it");
        }
        assert_eq!(debian_source("libssl1.0.0"), Some("openssl"));
        assert_eq!(debian_source("guava"), None);
        assert_eq!(source_version("5.9+20140913-1+b1"), "5.9+20140913-1");
        assert_eq!(source_version("2.19-18+deb8u1"), "2.19-18+deb8u1");
    }

    #[test]
    fn a_label_counts_once_and_conflicts_are_kept() {
        let label = |id: &str, verdict: &str| {
            serde_json::json!({ "ID": id, "label": verdict, "vulnerability_id": "GHSA-1", "effective_cve": "CVE-1",
                "image": { "exact": "docker.io/a@sha256:1" }, "package": { "name": "p", "version": "1" } })
        };
        let mut labels = Labels::default();
        let mut seen = BTreeSet::new();
        for (id, verdict) in [("1", "TP"), ("1", "TP"), ("2", "FP"), ("3", "??")] {
            take(&mut labels, &mut seen, &label(id, verdict));
        }
        assert_eq!((labels.total, labels.unsure, labels.rows.len()), (3, 1, 1));
        let (row, judgement) = labels.rows.first_key_value().expect("one row");
        assert_eq!((row.image.as_str(), row.flaw.as_str()), ("a@sha256:1", "CVE-1"));
        assert!(judgement.yes && judgement.no);
    }

    #[test]
    fn percentages_are_rounded() {
        assert_eq!(percent(2, 3), "66.7 %");
        assert_eq!(percent(0, 0), "-");
        assert_eq!(percent(5, 5), "100.0 %");
    }
}
