//! `updateinfo.xml`: the list of updates that a repository of RPM packages carries beside them. Amazon Linux and
//! Bottlerocket say there which package version brought which fix.
//!
//! No specification; the form is that of createrepo_c's `updaterecord`. Read are updates of type `security`: installed
//! package, epoch, version, release, architecture, and the module of a collection. Like every list of updates these know
//! fixes only: an unfixed flaw is not in them.
//!
//! A repository is told by the name of its file, `RELEASE-REPOSITORY-updateinfo.xml`. One that is called after a line of
//! versions (`2-extras-kernel-5.10`) speaks about that line alone: the kernel 4.14 of the core repository is below 5.10.50
//! and still has nothing to do with it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use plimsoll_model::Stream;
use plimsoll_model::distribution::Distribution;
use quick_xml::events::BytesStart;

use super::files::{self, Passed};
use super::upstream::{How, Remote, Repositories, Repository, Serves, Terms, Upstream};
use super::xml::{self, attribute};
use super::{Feed, Part, Sink, cut, cves_in};
use crate::error::Error;
use crate::record::{Affected, Event, NameKind, Qualifiers, Rating, RatingForm, Record, Target};

/// The feed.
pub static UPDATEINFO: Feed = Feed { name: "updateinfo", find, read, upstreams: UPSTREAMS };

static UPSTREAMS: &[Upstream] = &[
    Upstream {
        source: "amazon",
        terms: Terms::NotStated,
        serves: Serves::Distributions(&["amazon"]),
        how: How::Repositories(&AMAZON),
    },
    Upstream {
        source: "bottlerocket",
        terms: Terms::Open,
        serves: Serves::Distributions(&["bottlerocket"]),
        how: How::Files(|| {
            let url = "https://advisories.bottlerocket.aws/updateinfo.xml.gz";
            vec![Remote::new(url, "bottlerocket/updateinfo.xml")]
        }),
    },
];

/// The lists of x86_64 name the packages of aarch64 too.
static AMAZON: Repositories = Repositories {
    fixed: &[
        Repository {
            mirrors: "https://cdn.amazonlinux.com/2/core/latest/x86_64/mirror.list",
            place: "amazon/2-core-updateinfo.xml",
        },
        Repository {
            mirrors: "https://cdn.amazonlinux.com/al2023/core/mirrors/latest/x86_64/mirror.list",
            place: "amazon/2023-core-updateinfo.xml",
        },
        Repository {
            mirrors: "https://cdn.amazonlinux.com/al2023/kernel-livepatch/mirrors/latest/x86_64/mirror.list",
            place: "amazon/2023-kernel-livepatch-updateinfo.xml",
        },
    ],
    catalog: Some(Repository {
        mirrors: "https://cdn.amazonlinux.com/2/extras/TOPIC/latest/x86_64/mirror.list",
        place: "amazon/2-extras-TOPIC-updateinfo.xml",
    }),
    catalog_url: "https://cdn.amazonlinux.com/2/extras-catalog.json",
};

/// Whose lists these are.
struct Form {
    source: &'static str,
    distribution: &'static str,
    licence: &'static str,
}

static FORMS: &[Form] = &[
    Form {
        source: "amazon",
        distribution: "amazon",
        licence: "published by Amazon Web Services (Amazon Linux Security Center)",
    },
    Form {
        source: "bottlerocket",
        distribution: "bottlerocket",
        licence: "Apache-2.0 OR MIT (Bottlerocket)",
    },
];

/// How many updates, packages and references all documents of one source may have together.
const COUNT_LIMIT: usize = 4_000_000;

#[expect(clippy::unnecessary_wraps, reason = "the form of a feed")]
fn find(from: &Path) -> Result<Vec<Part>, Error> {
    Ok(FORMS
        .iter()
        .map(|form| (form, from.join(form.source)))
        .filter(|(_, path)| path.is_dir())
        .map(|(form, path)| Part { source: form.source.to_owned(), path, licence: form.licence })
        .collect())
}

fn read(part: &Part, sink: &mut dyn Sink) -> Result<(), Error> {
    let mut updates = Updates::new(&part.source);
    let wanted = |name: &str| files::plain_name(name).ends_with("updateinfo.xml");
    files::each(&part.path, &wanted, &mut |name, passed| match passed {
        Passed::Content(content) => updates.take(content, files::plain_name(name), sink),
        Passed::Unreadable(reason) => sink.rejected(reason, name),
    })?;
    updates.emit(sink);
    Ok(())
}

/// Which stream and repository a document is about, by its name.
fn place_of<'name>(name: &'name str, distribution: &Distribution) -> Option<(Stream, &'name str)> {
    let base = name.rsplit('/').next().unwrap_or(name);
    let place = base.strip_suffix("updateinfo.xml")?.trim_end_matches(['-', '.']);
    let (release, repository) = place.split_once('-').unwrap_or((place, ""));
    Some((Stream::new(distribution, release)?, repository))
}

/// The line of versions that a repository is called after: `extras-kernel-5.10` -> `5.10`, `extras-docker` -> none.
fn line_of(repository: &str) -> &str {
    let name = repository.trim_end_matches(|character: char| character.is_ascii_digit() || character == '.');
    repository.get(name.len()..).unwrap_or_default().trim_matches('.')
}

#[derive(Default)]
struct Update {
    id: String,
    kind: String,
    title: String,
    severity: String,
    issued: String,
    updated: String,
    /// Id, type, title and address.
    references: Vec<(String, String, String, String)>,
    packages: Vec<Package>,
}

struct Package {
    name: String,
    /// `epoch:version-release`.
    version: String,
    architecture: String,
    /// `name:stream` of the collection.
    module: Option<String>,
}

/// One document that is being read.
#[derive(Default)]
struct Walk {
    updates: Vec<Update>,
    update: Option<Update>,
    module: Option<String>,
    count: usize,
}

impl xml::Visit for Walk {
    fn start(&mut self, element: &BytesStart<'_>, _: usize) -> Result<(), &'static str> {
        self.count += 1;
        if self.count > COUNT_LIMIT {
            return Err("the document has over four million elements");
        }
        let name = element.local_name();
        match (name.as_ref(), &mut self.update) {
            ("update", _) => {
                self.module = None;
                self.update = Some(Update { kind: attribute(element, "type"), ..Update::default() });
            }
            ("issued", Some(update)) => update.issued = date(&attribute(element, "date")),
            ("updated", Some(update)) => update.updated = date(&attribute(element, "date")),
            ("reference", Some(update)) => update.references.push((
                attribute(element, "id"),
                attribute(element, "type"),
                attribute(element, "title"),
                attribute(element, "href"),
            )),
            ("collection", Some(_)) => self.module = None,
            ("module", Some(_)) => {
                self.module =
                    Some(format!("{}:{}", attribute(element, "name"), attribute(element, "stream")));
            }
            ("package", Some(update)) => {
                let epoch = attribute(element, "epoch");
                let (version, release) = (attribute(element, "version"), attribute(element, "release"));
                let version = match epoch.as_str() {
                    "" | "0" | "None" => format!("{version}-{release}"),
                    epoch => format!("{epoch}:{version}-{release}"),
                };
                update.packages.push(Package {
                    name: attribute(element, "name"),
                    version,
                    architecture: attribute(element, "arch"),
                    module: self.module.clone(),
                });
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, name: &str, text: &str) -> Result<(), &'static str> {
        match (name, &mut self.update) {
            ("update", _) => self.updates.extend(self.update.take()),
            // `title` and `id` also stand deeper in forms of other makers: the first counts.
            ("id", Some(update)) if update.id.is_empty() => text.clone_into(&mut update.id),
            ("title", Some(update)) if update.title.is_empty() => {
                cut(text, 300).clone_into(&mut update.title);
            }
            ("severity", Some(update)) => cut(text, 50).clone_into(&mut update.severity),
            _ => {}
        }
        Ok(())
    }
}

/// `2018-01-11 21:05` -> `2018-01-11`; what is no date gives nothing.
fn date(text: &str) -> String {
    let day = text.trim().get(..10).unwrap_or_default();
    let plain = day
        .bytes()
        .enumerate()
        .all(|(index, byte)| if matches!(index, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() });
    if plain { day.to_owned() } else { String::new() }
}

/// What is said about one package of one update, whatever its architecture.
type Key = (Stream, String, String, Option<String>, String);

/// What the documents of one source say together: an update may stand in several repositories.
struct Updates {
    form: Option<&'static Form>,
    records: BTreeMap<String, (Record, BTreeMap<Key, BTreeSet<String>>)>,
}

impl Updates {
    fn new(source: &str) -> Self {
        Updates { form: FORMS.iter().find(|form| form.source == source), records: BTreeMap::new() }
    }

    fn take(&mut self, content: &[u8], name: &str, sink: &mut dyn Sink) {
        let place = self
            .form
            .and_then(|form| Distribution::by_key(form.distribution))
            .and_then(|distribution| place_of(name, distribution));
        let Some((stream, repository)) = place else {
            return sink.rejected("the document's name does not say for which release it is", name);
        };
        let Ok(text) = std::str::from_utf8(content) else { return sink.rejected("not UTF-8", name) };
        let mut walk = Walk::default();
        if let Err(reason) = xml::walk(text, &mut walk) {
            sink.rejected(reason, name);
        }
        let line = line_of(repository);
        for update in walk.updates {
            self.update(update, &stream, line, sink);
        }
    }

    fn update(&mut self, update: Update, stream: &Stream, line: &str, sink: &mut dyn Sink) {
        if update.kind != "security" {
            return sink.skipped("an update that is not about security", &update.id);
        }
        if update.id.is_empty() || update.id.len() > 200 {
            return sink.rejected("the update has no id, or one of over 200 bytes", &update.title);
        }
        let mut broken = false;
        let mut entries: BTreeMap<Key, BTreeSet<String>> = BTreeMap::new();
        for package in update.packages {
            if package.architecture == "src" {
                continue;
            }
            if package.name.is_empty() || package.version.starts_with('-') || package.version.ends_with('-') {
                broken = true;
                continue;
            }
            let key = (stream.clone(), package.name, package.version, package.module, line.to_owned());
            entries.entry(key).or_default().insert(package.architecture);
        }
        if broken {
            sink.rejected("a package has no name or no version", &update.id);
        }
        let (record, known) = self.records.entry(update.id.clone()).or_default();
        if record.id.is_empty() {
            let mut upstream: Vec<String> = update
                .references
                .iter()
                .flat_map(|(id, _, title, _)| cves_in(id).into_iter().chain(cves_in(title)))
                .collect();
            upstream.sort();
            upstream.dedup();
            let aliases: BTreeSet<&String> = update
                .references
                .iter()
                .filter(|(_, kind, _, _)| kind == "ghsa")
                .map(|(id, _, _, _)| id)
                .collect();
            *record = Record {
                id: update.id,
                aliases: aliases.into_iter().cloned().collect(),
                title: update.title,
                ratings: (!update.severity.is_empty() && !update.severity.eq_ignore_ascii_case("none"))
                    .then(|| Rating {
                        form: RatingForm::Word,
                        value: update.severity.clone(),
                        source: String::new(),
                    })
                    .into_iter()
                    .collect(),
                modified: if update.updated.is_empty() { update.issued.clone() } else { update.updated },
                published: update.issued,
                references: update
                    .references
                    .iter()
                    .filter(|(_, kind, _, href)| kind == "self" || href.starts_with("https://"))
                    .map(|(_, _, _, href)| href.clone())
                    .take(3)
                    .collect(),
                upstream,
                ..Record::default()
            };
        }
        for (key, architectures) in entries {
            known.entry(key).or_default().extend(architectures);
        }
    }

    fn emit(self, sink: &mut dyn Sink) {
        let mut newest = String::new();
        for (_, (mut record, entries)) in self.records {
            for ((stream, name, version, module, line), architectures) in entries {
                let mut entry = Affected::below(Target::Stream(stream), name, NameKind::Binary, &version);
                if let Some(first) = first_of(&line, &version) {
                    entry.ranges = vec![vec![Event::Introduced(first), Event::Fixed(version)]];
                }
                let everywhere = architectures.contains("noarch")
                    || architectures.contains("")
                    || ["x86_64", "aarch64"].iter().all(|word| architectures.contains(*word));
                entry.qualifiers = Qualifiers {
                    module,
                    architectures: if everywhere { Vec::new() } else { architectures.into_iter().collect() },
                    ..Qualifiers::default()
                };
                record.affected.push(entry);
            }
            if record.affected.is_empty() {
                sink.skipped("the update names no package", &record.id);
            }
            newest = newest.max(record.modified.clone());
            sink.record(record);
        }
        if !newest.is_empty() {
            sink.dated(&newest);
        }
    }
}

/// The first version of a repository's line, when the fix is of that line: `5.10` and `5.10.50-44.132.amzn2`.
fn first_of(line: &str, fixed: &str) -> Option<String> {
    if line.is_empty() {
        return None;
    }
    let (epoch, version) = match fixed.split_once(':') {
        Some((epoch, version)) => (format!("{epoch}:"), version),
        None => (String::new(), fixed),
    };
    let rest = version.strip_prefix(line)?;
    rest.starts_with(['.', '-']).then(|| format!("{epoch}{line}"))
}

/// The first mirror of a list of them, without a slash at its end.
pub(crate) fn mirror(list: &str) -> Option<&str> {
    list.lines().map(|line| line.trim().trim_end_matches('/')).find(|line| {
        line.starts_with("https://") && line.len() <= 1000 && !line.contains(char::is_whitespace)
    })
}

/// A file that a repository's index names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Below the repository.
    pub(crate) path: String,
    /// In hex.
    pub(crate) sha256: String,
}

/// An index (`repomd.xml`) that is being read.
#[derive(Default)]
struct Index {
    inside: bool,
    /// The checksum that is open is of the file as it stands, and SHA-256.
    checksum: bool,
    found: Option<Listed>,
}

impl xml::Visit for Index {
    fn start(&mut self, element: &BytesStart<'_>, _: usize) -> Result<(), &'static str> {
        match element.local_name().as_ref() {
            "data" => {
                self.inside = self.found.is_none() && attribute(element, "type") == "updateinfo";
                if self.inside {
                    self.found = Some(Listed::default());
                }
            }
            "checksum" => self.checksum = attribute(element, "type") == "sha256",
            "location" if self.inside => {
                if let Some(found) = &mut self.found {
                    found.path = attribute(element, "href");
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, name: &str, text: &str) -> Result<(), &'static str> {
        match (name, &mut self.found) {
            ("data", _) => self.inside = false,
            ("checksum", Some(found)) if self.inside && self.checksum => text.clone_into(&mut found.sha256),
            _ => {}
        }
        Ok(())
    }
}

/// Where a repository's index says that the list of updates is; `None` when it has none.
pub(crate) fn listed(index: &[u8]) -> Result<Option<Listed>, &'static str> {
    let text = std::str::from_utf8(index).map_err(|_| "not UTF-8")?;
    let mut found = Index::default();
    xml::walk(text, &mut found)?;
    let Some(listed) = found.found else { return Ok(None) };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/');
    let path = &listed.path;
    if path.is_empty() || path.starts_with('/') || path.contains("..") || !path.bytes().all(plain) {
        return Err("the list of updates is at no place within the repository");
    }
    if listed.sha256.len() != 64 || !listed.sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err("the list of updates has no SHA-256");
    }
    Ok(Some(Listed { sha256: listed.sha256.to_ascii_lowercase(), ..listed }))
}

/// Any bytes as a list of updates, and as an index of a repository.
pub(crate) fn fuzz(data: &[u8]) {
    if let Ok(Some(listed)) = listed(data) {
        assert!(!listed.path.starts_with('/') && !listed.path.contains("..") && listed.sha256.len() == 64);
    }
    let mut kept = super::Kept::default();
    let mut updates = Updates::new("amazon");
    updates.take(data, "2-extras-kernel-5.10-updateinfo.xml", &mut kept);
    updates.take(data, "2023-core-updateinfo.xml", &mut kept);
    updates.emit(&mut kept);
    for record in &kept.records {
        assert!(!record.id.is_empty());
        for entry in &record.affected {
            assert!(!entry.name.is_empty() && !entry.ranges.is_empty());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::feed::Kept;

    fn package(name: &str, epoch: &str, version: &str, release: &str, architecture: &str) -> String {
        format!(
            "<package name='{name}' epoch='{epoch}' version='{version}' release='{release}' arch='{architecture}'>\
             <filename>Packages/{name}.rpm</filename></package>"
        )
    }

    fn update(id: &str, packages: &str) -> String {
        format!(
            "<update author='a' from='a' status='final' type='security' version='1.4'><id>{id}</id>\
             <title>Amazon Linux 2 - {id}: important priority package update for kernel</title>\
             <issued date='2022-01-20 19:46'/><updated date='2022-01-24 22:31:00'/><severity>important</severity>\
             <description>CVE-2000-0001 is only talked about</description><references>\
             <reference href='https://alas.aws.amazon.com/cve/html/CVE-2021-33034.html' id='CVE-2021-33034' title='' type='cve'/>\
             <reference href='https://x' id='1' title='CVE-2021-32399 kernel: race' type='bugzilla'/></references>\
             <pkglist><collection short='amazon-linux-2'><name>Amazon Linux 2</name>{packages}</collection></pkglist></update>"
        )
    }

    fn kept(source: &str, documents: &[(&str, String)]) -> Kept {
        let mut kept = Kept::default();
        let mut updates = Updates::new(source);
        for (name, text) in documents {
            updates.take(text.as_bytes(), name, &mut kept);
        }
        updates.emit(&mut kept);
        kept
    }

    fn lines(record: &Record) -> Vec<String> {
        record
            .affected
            .iter()
            .map(|entry| {
                format!(
                    "{} {} {:?} {:?} {:?}",
                    entry.target.key(),
                    entry.name,
                    entry.ranges[0],
                    entry.qualifiers.architectures,
                    entry.qualifiers.module
                )
            })
            .collect()
    }

    #[test]
    fn updates_of_two_repositories() {
        let kernel = [
            package("kernel", "0", "5.10.50", "44.132.amzn2", "x86_64"),
            package("kernel", "0", "5.10.50", "44.132.amzn2", "aarch64"),
            package("kernel", "0", "5.10.50", "44.132.amzn2", "src"),
            package("bpftool", "1", "5.10.50", "44.132.amzn2", "x86_64"),
            package("doc", "0", "7", "1", "noarch"),
        ]
        .concat();
        let core = update("ALAS2-2022-1", &package("kernel", "0", "4.14.1", "2.amzn2", "x86_64"));
        let kept = kept(
            "amazon",
            &[
                ("2-core-updateinfo.xml", format!("<updates>{core}</updates>")),
                (
                    "2-extras-kernel-5.10-updateinfo.xml",
                    format!("<updates>{}</updates>", update("ALAS2KERNEL-5.10-2022-003", &kernel)),
                ),
            ],
        );
        assert_eq!((kept.rejected.len(), kept.skipped.len()), (0, 0));
        assert_eq!(kept.dates, ["2022-01-24"]);
        let [core, extra] = &kept.records[..] else { panic!("{:?}", kept.records) };
        assert_eq!(core.upstream, ["CVE-2021-32399", "CVE-2021-33034"]);
        assert_eq!((core.published.as_str(), core.modified.as_str()), ("2022-01-20", "2022-01-24"));
        assert_eq!(core.ratings[0].value, "important");
        assert_eq!(
            lines(core),
            [r#"os:amazon:2 kernel [Introduced("0"), Fixed("4.14.1-2.amzn2")] ["x86_64"] None"#]
        );
        assert_eq!(
            lines(extra),
            [
                r#"os:amazon:2 bpftool [Introduced("1:5.10"), Fixed("1:5.10.50-44.132.amzn2")] ["x86_64"] None"#,
                r#"os:amazon:2 doc [Introduced("0"), Fixed("7-1")] [] None"#,
                r#"os:amazon:2 kernel [Introduced("5.10"), Fixed("5.10.50-44.132.amzn2")] [] None"#,
            ]
        );
    }

    #[test]
    fn the_same_update_twice_and_modules() {
        let first = update("ALAS2-2022-1", &package("a", "0", "1", "1", "x86_64"));
        let second = update(
            "ALAS2-2022-1",
            &format!("<module name='nodejs' stream='18'/>{}", package("b", "0", "1", "1", "x86_64")),
        );
        let kept =
            kept("amazon", &[("2023-core-updateinfo.xml", format!("<updates>{first}{second}</updates>"))]);
        assert_eq!(
            lines(&kept.records[0]),
            [
                r#"os:amazon:2023 a [Introduced("0"), Fixed("1-1")] ["x86_64"] None"#,
                r#"os:amazon:2023 b [Introduced("0"), Fixed("1-1")] ["x86_64"] Some("nodejs:18")"#,
            ]
        );
    }

    #[test]
    fn bottlerocket_has_one_stream() {
        let text = update("BRSA-1", &package("kernel-6.1", "0", "6.1.61", "1.1700513487.br1", "x86_64"));
        let kept = kept("bottlerocket", &[("updateinfo.xml", format!("<updates>{text}</updates>"))]);
        assert_eq!(
            lines(&kept.records[0]),
            [
                r#"os:bottlerocket kernel-6.1 [Introduced("0"), Fixed("6.1.61-1.1700513487.br1")] ["x86_64"] None"#
            ]
        );
    }

    #[test]
    fn what_is_broken_is_said() {
        let check = |name: &str, text: &str, records: usize, rejected: usize, skipped: usize| {
            let kept = kept("amazon", &[(name, text.to_owned())]);
            assert_eq!(
                (kept.records.len(), kept.rejected.len(), kept.skipped.len()),
                (records, rejected, skipped),
                "{text} {kept:?}"
            );
        };
        let name = "2-core-updateinfo.xml";
        check(name, "", 0, 1, 0);
        check(name, "<updates/>", 0, 0, 0);
        check("updateinfo.xml", "<updates/>", 0, 1, 0);
        check("../core-updateinfo.xml", "<updates/>", 0, 0, 0);
        let good = update("A-1", &package("a", "0", "1", "1", "x86_64"));
        check(name, &good.replace("'security'", "'bugfix'"), 0, 0, 1);
        check(name, &update("", &package("a", "0", "1", "1", "x86_64")), 0, 1, 0);
        check(name, &update("A-1", ""), 1, 0, 1);
        check(name, &update("A-1", &package("a", "0", "", "1", "x86_64")), 1, 1, 1);
        // What stands before the break is kept.
        check(name, &format!("<updates>{good}<update type='security'><id>A-2"), 1, 1, 0);
    }

    #[test]
    fn lines_of_repositories() {
        for (repository, line) in [
            ("core", ""),
            ("extras-docker", ""),
            ("extras-kernel-5.10", "5.10"),
            ("extras-nginx1", "1"),
            ("extras-php8.2", "8.2"),
        ] {
            assert_eq!(line_of(repository), line, "{repository}");
        }
        assert_eq!(first_of("5.1", "5.10.50-1"), None);
        assert_eq!(first_of("10.5", "3:10.5.8-1.amzn2"), Some("3:10.5".into()));
    }

    #[test]
    fn an_index_and_its_mirrors() {
        let hash = "Ab".repeat(32);
        let index = |path: &str, hash: &str| {
            format!(
                "<repomd xmlns='http://linux.duke.edu/metadata/repo'><revision>1</revision>\
                 <data type='primary'><checksum type='sha256'>00</checksum><location href='repodata/p.xml.gz'/></data>\
                 <data type='updateinfo'><checksum type='sha'>1</checksum><checksum type='sha256'>{hash}</checksum>\
                 <open-checksum type='sha256'>22</open-checksum><location href='{path}'/></data>\
                 <data type='updateinfo_zck'><checksum type='sha256'>33</checksum><location href='z'/></data></repomd>"
            )
        };
        let path = "repodata/u.xml.gz";
        assert_eq!(
            listed(index(path, &hash).as_bytes()),
            Ok(Some(Listed { path: path.into(), sha256: hash.to_lowercase() }))
        );
        assert_eq!(listed(b"<repomd><data type='primary'/></repomd>"), Ok(None));
        for (path, hash) in [("../../x", &*hash), ("/x", &hash), ("a b", &hash), ("", &hash), (path, "12")] {
            assert!(listed(index(path, hash).as_bytes()).is_err(), "{path} {hash}");
        }
        assert!(listed(b"<html>").is_err());
        assert_eq!(mirror("http://a/\n https://b/c/ \nhttps://d"), Some("https://b/c"));
        assert_eq!(mirror("\n#\nftp://x"), None);
    }

    proptest! {
        #[test]
        fn never_panics(content in proptest::collection::vec(any::<u8>(), 0..400), start in 0_usize..900, word in "[<>/a-z'=& ]{0,9}") {
            fuzz(&content);
            let mut text = update("A-1", &package("a", "0", "1", "1", "x86_64"));
            let from = text.floor_char_boundary(start);
            let to = text.floor_char_boundary(from + 7);
            text.replace_range(from..to, &word);
            fuzz(text.as_bytes());
        }
    }
}
