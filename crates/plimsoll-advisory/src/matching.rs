//! A database and an inventory become findings.
//!
//! Packages of a distribution meet only the data of their own stream: by source package, with the source's version, where
//! the feed speaks of source packages, and by installed package where it speaks of these. Packages of a language
//! ecosystem meet that ecosystem's data. Packages that another repository's builders made (see [`builder`]) are not held
//! against the distribution's data, and are said to be not covered; what is in them and has data of its own is matched by these.
//!
//! What cannot be decided (an unreadable version or bound, a distribution without data) is a [`Problem`], never silence.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use plimsoll_model::builder;
use plimsoll_model::content_set::ContentSet;
use plimsoll_model::functions::Reach;
use plimsoll_model::product::{Product, three_numbers};
use plimsoll_model::version::{Scheme, Version, compare};
use plimsoll_model::{
    Coverage, Digest, Ecosystem, Evidence, Finding, FindingKind, FixStatus, Inventory, Package, Party,
    Problem, ProblemKind, Release, Remedy, Risk, Scope, Severity, SourcePackage, Subject, Suppression,
};

use crate::error::Error;
use crate::range::{Decision, decide, decide_read};
use crate::record::{Affected, Event, Kind, NameKind, Target};
use crate::severity::{Opinion, best};
use crate::store::{Cve, Source, Sourced};

/// The rule of a finding whose bytes an advisory names.
const BY_HASH: &str = "hash";

/// What the distribution says is not affected, by every id that each record has: a kernel has thousands of findings and
/// thousands of these.
struct Denials<'a> {
    all: &'a [(Hit, Rc<Sourced>)],
    by_id: HashMap<&'a str, Vec<usize>>,
}

impl<'a> Denials<'a> {
    fn of(all: &'a [(Hit, Rc<Sourced>)]) -> Self {
        let mut by_id: HashMap<&str, Vec<usize>> = HashMap::new();
        for (place, (_, sourced)) in all.iter().enumerate() {
            let record = &sourced.record;
            for id in std::iter::once(&record.id).chain(&record.aliases).chain(&record.upstream) {
                by_id.entry(id).or_default().push(place);
            }
        }
        Denials { all, by_id }
    }

    /// Those that have one of these ids, in their order.
    fn about(&self, ids: &BTreeSet<String>) -> impl Iterator<Item = &'a (Hit, Rc<Sourced>)> + use<'a> {
        let places: BTreeSet<usize> =
            ids.iter().filter_map(|id| self.by_id.get(id.as_str())).flatten().copied().collect();
        let all = self.all;
        places.into_iter().map(move |place| &all[place])
    }
}

/// How many problems about versions are named one by one.
const PROBLEMS: usize = 100;

/// What the inventory itself does not say.
#[derive(Clone, Debug)]
pub struct MatchOptions {
    /// Operating system of Go binaries that do not state theirs (`GOOS`).
    pub goos: String,
}

impl Default for MatchOptions {
    fn default() -> Self {
        MatchOptions { goos: "linux".into() }
    }
}

/// What matching gives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matches {
    /// Findings: what runs and counts first, then known-exploited, fixable, severity, id.
    pub findings: Vec<Finding>,
    /// What could not be decided, sorted.
    pub problems: Vec<Problem>,
}

/// What findings are about: a source package of the distribution, or one language package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct SubjectKey {
    ecosystem: Ecosystem,
    name: String,
    version: String,
    /// Index of the language package; `None` for distributions.
    package: Option<usize>,
}

/// An entry that speaks about a package of the inventory.
pub(crate) struct Hit {
    record: u32,
    /// Shared by the hits of one entry: copying its ranges for each costs more than deciding them.
    pub(crate) entry: Rc<Affected>,
    rule: &'static str,
    range: String,
    fixed: Option<String>,
    compared: String,
    /// Indexes of the packages.
    packages: BTreeSet<usize>,
}

/// Why some advisories could not be decided for one package.
struct Undecided {
    count: u64,
    example: String,
}

struct Matcher<'a> {
    source: &'a dyn Source,
    packages: &'a [Package],
    options: &'a MatchOptions,
    subjects: BTreeMap<SubjectKey, Vec<Hit>>,
    /// (package index, text that cannot be read, is it the package's own version).
    undecided: BTreeMap<(usize, String, bool), Undecided>,
    records: HashMap<u32, Rc<Sourced>>,
    cves: HashMap<String, Option<Rc<Cve>>>,
    problems: Vec<Problem>,
    /// Who built the packages of the distribution's package manager that are not the distribution's, by index.
    others: BTreeMap<usize, String>,
    /// Entries of the packages that own language packages.
    owners: HashMap<String, Rc<Vec<(u32, Affected)>>>,
}

/// "its package", "its 12 packages".
fn counted(count: usize) -> String {
    if count == 1 { "its package".to_owned() } else { format!("its {count} packages") }
}

/// "bash, curl and zlib", the first few of many.
fn listed(names: &BTreeSet<&str>) -> String {
    const SHOWN: usize = 8;
    let mut shown: Vec<String> = names.iter().take(SHOWN).map(|name| (*name).to_owned()).collect();
    if names.len() > SHOWN {
        shown.push(format!("{} more", names.len() - SHOWN));
    }
    match shown.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => shown.concat(),
    }
}

/// Which of Oracle's builds a version is of: those for live patching and those with validated cryptography have fixes of
/// their own beside the ordinary ones.
fn oracle_flavour(version: &str) -> &'static str {
    ["ksplice", "_fips"].into_iter().find(|word| version.contains(word)).unwrap_or_default()
}

/// Does an entry speak about builds of this kind?
fn is_of_flavour(entry: &Affected, version: &str) -> bool {
    let is_oracle = matches!(&entry.target, Target::Stream(stream) if stream.as_str().starts_with("oracle:"));
    let own = oracle_flavour(version);
    !is_oracle
        || entry.ranges.iter().flatten().all(|event| match event {
            Event::Fixed(bound) => oracle_flavour(bound) == own,
            _ => true,
        })
}

/// In whose order an entry states its bounds: a product's advisories may be another ecosystem's.
fn scheme_of(entry: &Affected, ecosystem: Ecosystem) -> Scheme {
    match &entry.target {
        Target::Ecosystem(own) => own.scheme(),
        _ => ecosystem.scheme(),
    }
}

/// Matches all packages of `inventory` against `source`.
///
/// # Errors
/// When the database is damaged: half an answer would look like a whole one.
pub fn matches(source: &dyn Source, inventory: &Inventory, options: &MatchOptions) -> Result<Matches, Error> {
    let mut matcher = Matcher {
        source,
        packages: &inventory.packages,
        options,
        subjects: BTreeMap::new(),
        undecided: BTreeMap::new(),
        records: HashMap::new(),
        cves: HashMap::new(),
        problems: Vec::new(),
        others: others(inventory),
        owners: HashMap::new(),
    };
    matcher.tell_others();
    let distribution = matcher.distribution_packages(inventory)?;
    matcher.language_packages()?;
    let info = source.info();
    if info.coverage == Coverage::IncidentPack && !inventory.packages.is_empty() {
        let count = info.sources.iter().map(|source| source.records).sum::<u64>();
        matcher.problems.push(Problem::incomplete(
            ProblemKind::NotCovered,
            "advisories",
            format!("only the {count} notable incidents inside the program were asked; `plimsoll db update` fetches a database"),
        ));
    }
    let mut findings = matcher.findings()?;
    matcher.spare_rebuilt(&mut findings);
    if let Some(target) = &distribution {
        matcher.fold_owned(&mut findings, target)?;
    }
    matcher.report_undecided();
    let by_purl: HashMap<String, &Package> =
        inventory.packages.iter().map(|package| (purl(package), package)).collect();
    for finding in &mut findings {
        crate::remedy::fill(finding, &by_purl, inventory.release.as_ref());
    }
    sort(&mut findings);
    let mut problems = matcher.problems;
    problems.sort();
    problems.dedup();
    Ok(Matches { findings, problems })
}

/// Puts findings into the order of work.
pub fn sort(findings: &mut [Finding]) {
    findings.sort_by(|left, right| order_of_work(left).cmp(&order_of_work(right)));
}

/// Smaller comes first.
fn order_of_work(finding: &Finding) -> impl Ord + use<'_> {
    (
        finding.suppressed_by.is_some(),
        // Kernel headers by the thousand must not hide what runs.
        finding.risk.not_run,
        finding.risk.reach == Some(Reach::NotLinked),
        finding.risk.kev.is_none(),
        !finding.risk.fixable,
        std::cmp::Reverse(finding.severity.level),
        &finding.id,
    )
}

/// The date of a record or, without one, of its feed.
pub(crate) fn date(sourced: &Sourced) -> String {
    [&sourced.record.modified, &sourced.record.published, &sourced.source_date]
        .into_iter()
        .find(|date| !date.is_empty())
        .cloned()
        .unwrap_or_default()
}

/// Package URL of one package, or what stands for it in an inventory without.
fn purl(package: &Package) -> String {
    if package.purl.is_empty() {
        subject_purl(package.ecosystem, None, &package.name, &package.version)
    } else {
        package.purl.clone()
    }
}

fn encoded(text: &str, kept: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || kept.as_bytes().contains(&byte) {
            result.push(char::from(byte));
        } else {
            use std::fmt::Write;
            let _ = write!(result, "%{byte:02X}");
        }
    }
    result
}

fn subject_purl(ecosystem: Ecosystem, namespace: Option<&str>, name: &str, version: &str) -> String {
    let namespace = namespace.map(|namespace| format!("{}/", encoded(namespace, ""))).unwrap_or_default();
    let name = match ecosystem {
        Ecosystem::Maven => encoded(&name.replacen(':', "/", 1), "/"),
        _ => encoded(name, "/"),
    };
    let version = if version.is_empty() { String::new() } else { format!("@{}", encoded(version, ":")) };
    let arch = if ecosystem.is_distribution() { "?arch=source" } else { "" };
    format!("pkg:{}/{namespace}{name}{version}{arch}", ecosystem.name())
}

fn is_unrun(name: &str) -> bool {
    // Headers, documentation and sources of the kernel: a container runs the host's kernel, not this.
    const NAMES: &[&str] =
        &["linux-libc-dev", "kernel-headers", "linux-headers", "linux-api-headers", "kernel-doc"];
    const PREFIXES: &[&str] = &[
        "linux-headers-",
        "linux-source-",
        "linux-doc-",
        "linux-kbuild-",
        "linux-compiler-",
        "linux-libc-dev-",
        "kernel-headers-",
    ];
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Places of packages by what tells them apart.
fn by_purl(packages: &[Package]) -> HashMap<&str, usize> {
    packages.iter().enumerate().map(|(index, package)| (package.purl.as_str(), index)).collect()
}

/// Packages of the distribution's package manager that somebody else built, with who did.
fn others(inventory: &Inventory) -> BTreeMap<usize, String> {
    let Some(release) = &inventory.release else { return BTreeMap::new() };
    let packages = inventory.packages.iter().enumerate();
    packages.filter_map(|(index, package)| Some((index, builder::other(release, package)?))).collect()
}

impl Matcher<'_> {
    /// Matches dpkg, apk and rpm packages; gives the target that covers them.
    fn distribution_packages(&mut self, inventory: &Inventory) -> Result<Option<Target>, Error> {
        let count = self.packages.iter().filter(|package| package.ecosystem.is_distribution()).count();
        if count == 0 {
            return Ok(None);
        }
        let Some(release) = &inventory.release else {
            self.problems.push(Problem::incomplete(
                ProblemKind::NotCovered,
                "distribution",
                format!("the distribution is not known, so no advisories were asked for {}", counted(count)),
            ));
            return Ok(None);
        };
        let Some(stream) = release.stream() else {
            self.problems.push(Problem::incomplete(
                ProblemKind::NotCovered,
                release.label(),
                format!(
                    "no stream of advisories is known for this release, so none were asked for {}",
                    counted(count)
                ),
            ));
            return Ok(None);
        };
        let manager = stream.distribution().map_or(Ecosystem::Generic, |distribution| distribution.ecosystem);
        let foreign = self
            .packages
            .iter()
            .filter(|package| package.ecosystem.is_distribution() && package.ecosystem != manager)
            .count();
        if foreign > 0 {
            self.problems.push(Problem::incomplete(
                ProblemKind::NotCovered,
                &stream,
                format!("{foreign} packages are of another package manager than {}'s: no advisories were asked for them", release.label()),
            ));
        }
        let target = Target::Stream(stream.clone());
        if !self.source.covers(&target)? && self.source.info().coverage == Coverage::Database {
            self.problems.push(Problem::incomplete(
                ProblemKind::NotCovered,
                &stream,
                format!("no advisories for {stream} in this database"),
            ));
        }
        if !self.source.knows(&target)? {
            return Ok(None);
        }
        let extended = self.extended_streams(release, count);
        // (name, version) -> packages, as the two kinds of feeds speak of them.
        let mut by_source: BTreeMap<&str, BTreeMap<&str, BTreeSet<usize>>> = BTreeMap::new();
        let mut by_binary: BTreeMap<&str, BTreeMap<&str, BTreeSet<usize>>> = BTreeMap::new();
        for (index, package) in self.packages.iter().enumerate() {
            if package.ecosystem != manager || self.others.contains_key(&index) {
                continue;
            }
            let (name, version) = package.source_or_self();
            by_source.entry(name).or_default().entry(version).or_default().insert(index);
            by_binary.entry(&package.name).or_default().entry(&package.version).or_default().insert(index);
        }
        let names: BTreeSet<&str> = by_source.keys().chain(by_binary.keys()).copied().collect();
        for name in names {
            let mut entries = self.source.entries(&target, &target.normalise(name))?;
            for target in &extended {
                // What is said of a flaw for the support that the image has, beats what is said for everybody.
                let own = self.source.entries(target, &target.normalise(name))?;
                let spoken: BTreeSet<u32> = own.iter().map(|(record, _)| *record).collect();
                entries.retain(|(record, entry)| entry.target == *target || !spoken.contains(record));
                entries.extend(own);
            }
            let mut read = HashMap::new();
            for (record, entry) in entries {
                let entry = Rc::new(entry);
                let (groups, word) = match entry.name_kind {
                    NameKind::Source => (by_source.get(name), "source"),
                    NameKind::Binary => (by_binary.get(name), "binary"),
                };
                for (version, packages) in groups.into_iter().flatten() {
                    let read = parsed(&mut read, manager.scheme(), version);
                    self.consider(record, &entry, name, version, packages, word, read.as_deref())?;
                }
            }
        }
        Ok(Some(target))
    }

    /// The streams with extended support that an image's content sets name. Those of other products are a problem: which
    /// advisories are theirs is not known.
    fn extended_streams(&mut self, release: &Release, count: usize) -> Vec<Target> {
        let mut extended = BTreeSet::new();
        let mut products = BTreeSet::new();
        for name in &release.content_sets {
            match ContentSet::of(name, release) {
                ContentSet::Base => {}
                ContentSet::Extended(stream) => drop(extended.insert(Target::Stream(stream))),
                ContentSet::Product => drop(products.insert(name.as_str())),
            }
        }
        if !products.is_empty() {
            self.problems.push(Problem::incomplete(
                ProblemKind::NotCovered,
                "content sets",
                format!(
                    "which of {} are from {} is not known, and no advisories of those products were asked for",
                    counted(count),
                    listed(&products)
                ),
            ));
        }
        extended.into_iter().collect()
    }

    /// The package whose files these are, where the distribution built it, or may have built it.
    fn owner(&self, index: usize, by_purl: &HashMap<&str, usize>) -> Option<usize> {
        let owner = *by_purl.get(self.packages[index].owned_by.as_deref()?)?;
        (!self.others.contains_key(&owner)).then_some(owner)
    }

    /// Are these the files of a package that the distribution built, or may have built?
    fn is_owned(&self, index: usize, by_purl: &HashMap<&str, usize>) -> bool {
        let owner = self.packages[index].owned_by.as_deref();
        owner.is_some_and(|owner| by_purl.get(owner).is_none_or(|owner| !self.others.contains_key(owner)))
    }

    fn tell_others(&mut self) {
        if self.others.is_empty() {
            return;
        }
        let packages: BTreeSet<&str> =
            self.others.keys().map(|index| self.packages[*index].name.as_str()).collect();
        let builders: BTreeSet<&str> = self.others.values().map(String::as_str).collect();
        self.problems.push(Problem::incomplete(
            ProblemKind::NotCovered,
            "other repositories",
            format!(
                "no advisories were asked for {}, which the distribution did not build, but {}",
                listed(&packages),
                listed(&builders)
            ),
        ));
    }

    fn language_packages(&mut self) -> Result<(), Error> {
        let by_purl = by_purl(self.packages);
        let mut uncovered: BTreeMap<Ecosystem, Vec<usize>> = BTreeMap::new();
        let mut covered: BTreeMap<Ecosystem, bool> = BTreeMap::new();
        for index in 0..self.packages.len() {
            let package = &self.packages[index];
            let ecosystem = package.ecosystem;
            if ecosystem.is_distribution() {
                continue;
            }
            // Models have no versions that a source could speak of; what is wrong with one is seen in itself.
            if package.properties.get("kind").is_some_and(|kind| kind == "model") {
                continue;
            }
            let target = Target::Ecosystem(ecosystem);
            let mut is_covered = self.covers(&mut covered, ecosystem)?;
            let packages = BTreeSet::from([index]);
            for digest in &package.digests {
                for record in self.source.hashed(digest)? {
                    self.hit_by_hash(record, index, digest);
                }
            }
            let product = Product::of(package);
            if product.is_some() && self.is_owned(index, &by_purl) {
                // What a distribution builds keeps upstream's version and carries fixes: the owner's own data decide.
                continue;
            }
            let entries = self.source.entries(&target, &target.normalise(&package.name))?;
            // Generic packages are no ecosystem that a feed could cover: each is known or not.
            is_covered &= ecosystem != Ecosystem::Generic || !entries.is_empty();
            let mut version = package.version.as_str();
            if ecosystem == Ecosystem::Go && matches!(package.name.as_str(), "stdlib" | "toolchain") {
                // Go's own releases are called `go1.21.3`.
                version = version.strip_prefix("go").unwrap_or(version);
            }
            let read = Version::parse(ecosystem.scheme(), version).ok();
            for (record, entry) in entries {
                let entry = Rc::new(entry);
                self.consider(record, &entry, &package.name, version, &packages, "package", read.as_ref())?;
            }
            for (asked, name) in product.map_or(&[][..], |product| product.asked) {
                is_covered |= self.covers(&mut covered, *asked)?;
                let target = Target::Ecosystem(*asked);
                let version = three_numbers(version);
                let read = Version::parse(asked.scheme(), &version).ok();
                for (record, entry) in self.source.entries(&target, &target.normalise(name))? {
                    let entry = Rc::new(entry);
                    self.consider(record, &entry, name, &version, &packages, "product", read.as_ref())?;
                }
            }
            if !is_covered {
                uncovered.entry(ecosystem).or_default().push(index);
            }
        }
        if self.source.info().coverage == Coverage::Database {
            for (ecosystem, packages) in uncovered {
                let count = packages.len();
                let detail = if ecosystem == Ecosystem::Generic {
                    let names: BTreeSet<&str> =
                        packages.iter().map(|index| self.packages[*index].name.as_str()).collect();
                    format!("no source in this database speaks of {}: not asked for", listed(&names))
                } else {
                    format!(
                        "no advisories for {} packages in this database: {count} of them were not asked for",
                        ecosystem.name()
                    )
                };
                self.problems.push(Problem::incomplete(ProblemKind::NotCovered, ecosystem.name(), detail));
            }
        }
        Ok(())
    }

    /// Were an ecosystem's advisories taken in as a whole?
    fn covers(&self, known: &mut BTreeMap<Ecosystem, bool>, ecosystem: Ecosystem) -> Result<bool, Error> {
        if let Some(known) = known.get(&ecosystem) {
            return Ok(*known);
        }
        let covers = self.source.covers(&Target::Ecosystem(ecosystem))?;
        known.insert(ecosystem, covers);
        Ok(covers)
    }

    /// A file whose digest a record names is that file, whatever it calls itself.
    fn hit_by_hash(&mut self, record: u32, index: usize, digest: &Digest) {
        let package = &self.packages[index];
        let key = SubjectKey {
            ecosystem: package.ecosystem,
            name: package.name.clone(),
            version: package.version.clone(),
            package: Some(index),
        };
        let hits = self.subjects.entry(key).or_default();
        if hits.iter().all(|hit| hit.record != record) {
            hits.push(Hit {
                record,
                entry: Rc::new(Affected::all(
                    Target::Ecosystem(package.ecosystem),
                    &package.name,
                    NameKind::Binary,
                )),
                rule: BY_HASH,
                range: digest.to_string(),
                fixed: None,
                compared: format!("{} {} (file)", package.name, package.version),
                packages: BTreeSet::from([index]),
            });
        }
    }

    /// Holds one entry against packages of one name and version, which was read before.
    #[expect(clippy::too_many_arguments, reason = "one place calls it for each kind of name")]
    fn consider(
        &mut self,
        record: u32,
        entry: &Rc<Affected>,
        name: &str,
        version: &str,
        packages: &BTreeSet<usize>,
        word: &str,
        read: Option<&Version>,
    ) -> Result<(), Error> {
        let Some(&first) = packages.first() else { return Ok(()) };
        let ecosystem = self.packages[first].ecosystem;
        let scheme = scheme_of(entry, ecosystem);
        // Nearly no entry has qualifiers, and most say nothing about this version: only what is changed is copied.
        let mut packages = Cow::Borrowed(packages);
        let qualifiers = &entry.qualifiers;
        if !qualifiers.architectures.is_empty() {
            packages.to_mut().retain(|index| {
                let architecture = self.packages[*index].architecture.as_deref();
                architecture.is_none_or(|own| qualifiers.architectures.iter().any(|listed| listed == own))
            });
        }
        if ecosystem == Ecosystem::Go && !qualifiers.goos.is_empty() {
            packages.to_mut().retain(|index| {
                let goos = self.packages[*index].properties.get("goos").unwrap_or(&self.options.goos);
                qualifiers.goos.contains(goos)
            });
        }
        if ecosystem == Ecosystem::Go && !qualifiers.goarch.is_empty() {
            packages.to_mut().retain(|index| {
                let goarch = self.packages[*index].properties.get("goarch");
                goarch.is_none_or(|goarch| qualifiers.goarch.contains(goarch))
            });
        }
        let mut module_unknown = false;
        if let Some(module) = &qualifiers.module {
            packages.to_mut().retain(|index| match module_stream(&self.packages[*index]) {
                Module::Stream(own) => {
                    module_unknown |= module.is_empty();
                    module.is_empty() || own == *module
                }
                Module::Unknown => {
                    module_unknown = true;
                    true
                }
                Module::None => false,
            });
        }
        if packages.is_empty() || !is_of_flavour(entry, version) {
            return Ok(());
        }
        let epochless =
            (ecosystem == Ecosystem::Rpm && entry.name_kind == NameKind::Source && !version.contains(':'))
                .then(|| without_epochs(entry));
        let compared_entry = epochless.as_ref().unwrap_or(entry.as_ref());
        let decision = decide_read(scheme, compared_entry, version, read);
        let undecided = match &decision {
            Decision::Outside => return Ok(()),
            Decision::Undecided { version: text } => Some(text.clone()),
            Decision::Applies { .. }
                if qualifiers.tags && version.trim_start_matches('v').starts_with("0.0.0-") =>
            {
                Some(version.to_owned())
            }
            Decision::Applies { .. } if module_unknown => Some(String::from("module")),
            Decision::Applies { .. } => None,
        };
        if let Some(text) = undecided {
            let own = text == version;
            let slot = (*packages.first().unwrap_or(&first), text, own);
            if !self.undecided.contains_key(&slot) {
                let example = self.record(record)?.record.id.clone();
                self.undecided.insert(slot.clone(), Undecided { count: 0, example });
            }
            if let Some(undecided) = self.undecided.get_mut(&slot) {
                undecided.count += 1;
            }
            return Ok(());
        }
        let Decision::Applies { rule, range, fixed } = decision else { return Ok(()) };
        let epoch_note =
            if epochless.is_some_and(|changed| changed != **entry) { ", epoch not known" } else { "" };
        let compared = format!("{name} {version} ({word}{epoch_note})");
        let mut by_subject: BTreeMap<SubjectKey, BTreeSet<usize>> = BTreeMap::new();
        for index in packages.iter().copied() {
            let package = &self.packages[index];
            let (name, version) = package.source_or_self();
            let key = if package.ecosystem.is_distribution() {
                SubjectKey { ecosystem, name: name.to_owned(), version: version.to_owned(), package: None }
            } else {
                SubjectKey {
                    ecosystem,
                    name: package.name.clone(),
                    version: package.version.clone(),
                    package: Some(index),
                }
            };
            by_subject.entry(key).or_default().insert(index);
        }
        for (key, packages) in by_subject {
            self.subjects.entry(key).or_default().push(Hit {
                record,
                entry: Rc::clone(entry),
                rule,
                range: range.clone(),
                fixed: fixed.clone(),
                compared: compared.clone(),
                packages,
            });
        }
        Ok(())
    }

    fn record(&mut self, number: u32) -> Result<Rc<Sourced>, Error> {
        if let Some(known) = self.records.get(&number) {
            return Ok(Rc::clone(known));
        }
        let record = Rc::new(self.source.record(number)?);
        self.records.insert(number, Rc::clone(&record));
        Ok(record)
    }

    fn cve(&mut self, id: &str) -> Result<Option<Rc<Cve>>, Error> {
        if let Some(known) = self.cves.get(id) {
            return Ok(known.clone());
        }
        let cve = self.source.cve(id)?.map(Rc::new);
        self.cves.insert(id.to_owned(), cve.clone());
        Ok(cve)
    }

    fn findings(&mut self) -> Result<Vec<Finding>, Error> {
        let mut findings = Vec::new();
        for (key, hits) in std::mem::take(&mut self.subjects) {
            let (denials, hits): (Vec<Hit>, Vec<Hit>) =
                hits.into_iter().partition(|hit| hit.entry.status == FixStatus::NotAffected);
            let mut denied: Vec<(Hit, Rc<Sourced>)> = Vec::new();
            for hit in denials {
                let record = self.record(hit.record)?;
                denied.push((hit, record));
            }
            let mut sourced: Vec<(Hit, Rc<Sourced>)> = Vec::new();
            for hit in hits {
                let record = self.record(hit.record)?;
                sourced.push((hit, record));
            }
            let denials = Denials::of(&denied);
            for group in groups(&sourced) {
                findings.push(self.finding(&key, &sourced, &group, &denials)?);
            }
        }
        unique_ids(&mut findings);
        Ok(findings)
    }

    fn finding(
        &mut self,
        key: &SubjectKey,
        sourced: &[(Hit, Rc<Sourced>)],
        group: &Group,
        denials: &Denials<'_>,
    ) -> Result<Finding, Error> {
        let scheme = key.ecosystem.scheme();
        let hits: Vec<&(Hit, Rc<Sourced>)> = group.hits.iter().map(|index| &sourced[*index]).collect();
        let mut packages: BTreeSet<usize> =
            hits.iter().flat_map(|(hit, _)| hit.packages.iter().copied()).collect();

        let mut fixed: Option<String> = None;
        for (hit, _) in &hits {
            let Some(candidate) = &hit.fixed else { continue };
            if fixed.as_ref().is_none_or(|known| compare(scheme, candidate, known).is_ok_and(Ordering::is_gt))
            {
                fixed = Some(candidate.clone());
            }
        }
        // What fixes one record's interval may lie in another's.
        for _ in 0..8 {
            let Some(candidate) = &fixed else { break };
            let further = hits.iter().find_map(|(hit, _)| {
                match decide(scheme_of(&hit.entry, key.ecosystem), &hit.entry, candidate) {
                    Decision::Applies { fixed: Some(further), .. } if further != *candidate => Some(further),
                    _ => None,
                }
            });
            match further {
                Some(further) => fixed = Some(further),
                None => break,
            }
        }
        let status = if fixed.is_some() {
            FixStatus::Fixed
        } else {
            let words = hits.iter().map(|(hit, _)| hit.entry.status);
            words
                .filter(|status| !matches!(status, FixStatus::Affected | FixStatus::Fixed))
                .min()
                .unwrap_or(FixStatus::Affected)
        };

        let cves: Vec<String> = group.ids.iter().filter(|id| is_cve(id)).cloned().collect();
        let advisory = group.advisory(&hits);
        let mut aliases: Vec<String> =
            group.ids.iter().chain(&group.extra).filter(|id| **id != advisory).cloned().collect();
        aliases.sort();
        aliases.dedup();

        let mut risk = Risk {
            fixable: fixed.is_some(),
            development: packages.iter().all(|index| self.packages[*index].scope == Scope::Development),
            not_run: packages.iter().all(|index| is_unrun(&self.packages[*index].name)),
            published: oldest(hits.iter().copied()),
            fix_published: oldest(hits.iter().copied().filter(|(hit, _)| hit.fixed.is_some())),
            ..Risk::default()
        };
        let mut opinions: Vec<Opinion<'_>> = Vec::new();
        for (hit, sourced) in &hits {
            for (rank, ratings) in [(0, &hit.entry.ratings), (1, &sourced.record.ratings)] {
                opinions.extend(ratings.iter().map(|rating| Opinion {
                    rank,
                    rating,
                    source: &sourced.source,
                }));
            }
        }
        let mut title = hits
            .iter()
            .map(|(_, sourced)| sourced.record.title.as_str())
            .find(|title| !title.is_empty())
            .unwrap_or_default()
            .to_owned();
        let mut known = Vec::new();
        for cve in &cves {
            known.extend(self.cve(cve)?);
        }
        for cve in &known {
            risk.kev = risk.kev.take().or_else(|| cve.kev.clone());
            if let Some(epss) = &cve.epss
                && risk.epss.as_ref().is_none_or(|worst| epss.probability > worst.probability)
            {
                risk.epss = Some(epss.clone());
            }
            for (source, facts) in &cve.facts {
                opinions.extend(facts.ratings.iter().map(|rating| Opinion { rank: 2, rating, source }));
                if title.is_empty() {
                    title.clone_from(&facts.title);
                }
            }
        }
        let severity: Severity = best(&opinions, key.ecosystem.is_distribution());

        let mut evidence: Vec<Evidence> = hits
            .iter()
            .map(|(hit, sourced)| {
                let record = &sourced.record;
                let note =
                    if hit.entry.note.is_empty() { String::new() } else { format!(" ({})", hit.entry.note) };
                Evidence {
                    source: sourced.source.clone(),
                    record: record.id.clone(),
                    date: date(sourced),
                    range: format!("{}{note}", hit.range),
                    compared: hit.compared.clone(),
                    rule: hit.rule.to_owned(),
                }
            })
            .collect();
        if key.ecosystem == Ecosystem::Go {
            let programs: Vec<&Package> = packages.iter().map(|index| &self.packages[*index]).collect();
            risk.reach = crate::reach::weigh(&programs, &hits, &mut evidence);
        }
        evidence.sort();
        evidence.dedup();

        // The distribution's "not affected" beats another record of its own.
        let mut suppressed_by = None;
        for (denial, sourced) in denials.about(&group.ids) {
            let record = &sourced.record;
            let left: BTreeSet<usize> = packages.difference(&denial.packages).copied().collect();
            if left.is_empty() {
                suppressed_by = Some(Suppression {
                    by: "feed".into(),
                    source: format!("{} {}", sourced.source, record.id),
                    reason: if denial.entry.note.is_empty() {
                        "the source says that this package is not affected".into()
                    } else {
                        denial.entry.note.clone()
                    },
                    expires: None,
                });
            } else {
                packages = left;
            }
        }

        let subject_text = if let Some(index) = key.package {
            let purl = purl(&self.packages[index]);
            purl[..purl.find(['?', '#']).unwrap_or(purl.len())].to_owned()
        } else {
            let namespace = hits.iter().find_map(|(hit, _)| match &hit.entry.target {
                Target::Stream(stream) => stream.distribution().map(|distribution| distribution.key),
                _ => None,
            });
            subject_purl(key.ecosystem, namespace, &key.name, &key.version)
        };
        let mut purls: Vec<String> = packages.iter().map(|index| purl(&self.packages[*index])).collect();
        purls.sort();
        purls.dedup();
        Ok(Finding {
            id: format!("{advisory}@{subject_text}"),
            kind: group.kind,
            advisory,
            aliases,
            title,
            subject: Subject::package(
                key.ecosystem,
                SourcePackage { name: key.name.clone(), version: key.version.clone() },
                purls,
            ),
            severity,
            risk,
            status,
            fixed_version: fixed,
            party: Party::Unknown(String::new()),
            remedy: Remedy::default(),
            evidence,
            object: None,
            suppressed_by,
        })
    }

    /// What was malicious is what a registry delivered under a version. A distribution builds its packages from sources of its own;
    /// only the bytes themselves would say that it took those.
    fn spare_rebuilt(&self, findings: &mut [Finding]) {
        if findings.iter().all(|finding| finding.kind != FindingKind::Malware) {
            return;
        }
        let by_purl = by_purl(self.packages);
        for finding in findings.iter_mut() {
            let by_name = finding.evidence.iter().all(|evidence| evidence.rule != BY_HASH);
            if finding.kind != FindingKind::Malware || !by_name || finding.suppressed_by.is_some() {
                continue;
            }
            let [own] = finding.subject.packages() else { continue };
            let own = by_purl.get(own.as_str()).copied();
            let Some(owner) = own.and_then(|own| self.owner(own, &by_purl)) else { continue };
            let owner = &self.packages[owner];
            let (name, version) = owner.source_or_self();
            finding.suppressed_by = Some(Suppression {
                by: "owner".into(),
                source: purl(owner),
                reason: format!(
                    "the registry's package was malicious; {name} {version} was built by the distribution from sources of its own"
                ),
                expires: None,
            });
        }
    }

    /// A language package whose files a distribution package owns is the distribution's: where its data speak of the
    /// same flaw, they decide.
    fn fold_owned(&mut self, findings: &mut [Finding], target: &Target) -> Result<(), Error> {
        let by_purl = by_purl(self.packages);
        // Source package -> findings about it, with all ids of each.
        let mut theirs: HashMap<SourcePackage, Vec<(String, BTreeSet<String>)>> = HashMap::new();
        for finding in findings.iter() {
            let Some(subject) = finding.subject.as_package().filter(|one| one.ecosystem.is_distribution())
            else {
                continue;
            };
            let ids = finding.aliases.iter().chain([&finding.advisory]).cloned().collect();
            theirs.entry(subject.source.clone()).or_default().push((finding.id.clone(), ids));
        }
        for finding in findings.iter_mut() {
            if finding.subject.is_distribution() || finding.suppressed_by.is_some() {
                continue;
            }
            let [own] = finding.subject.packages() else { continue };
            let own = by_purl.get(own.as_str()).copied();
            let Some(owner) = own.and_then(|own| self.owner(own, &by_purl)) else { continue };
            let owner = &self.packages[owner];
            let ids: BTreeSet<String> = finding.aliases.iter().chain([&finding.advisory]).cloned().collect();
            let (name, version) = owner.source_or_self();
            let source = SourcePackage { name: name.to_owned(), version: version.to_owned() };
            let folded = theirs
                .get(&source)
                .and_then(|known| known.iter().find(|(_, theirs)| theirs.iter().any(|id| ids.contains(id))));
            if let Some((id, _)) = folded {
                finding.suppressed_by = Some(Suppression {
                    by: "owner".into(),
                    source: purl(owner),
                    reason: format!("the distribution says the same of its package: {id}"),
                    expires: None,
                });
                continue;
            }
            if let Some(reason) = self.cleared(target, owner, &ids)? {
                finding.suppressed_by =
                    Some(Suppression { by: "owner".into(), source: purl(owner), reason, expires: None });
            }
        }
        Ok(())
    }

    /// Why the distribution's data say that `owner` does not have the flaw; `None` when they do not speak of it.
    fn cleared(
        &mut self,
        target: &Target,
        owner: &Package,
        ids: &BTreeSet<String>,
    ) -> Result<Option<String>, Error> {
        let (source_name, source_version) = owner.source_or_self();
        let mut reason = None;
        let mut names = vec![(source_name, source_version, NameKind::Source)];
        names.push((&owner.name, &owner.version, NameKind::Binary));
        for (name, version, kind) in names {
            let entries = if let Some(known) = self.owners.get(name) {
                Rc::clone(known)
            } else {
                let known = Rc::new(self.source.entries(target, &target.normalise(name))?);
                self.owners.insert(name.to_owned(), Rc::clone(&known));
                known
            };
            for (number, entry) in entries.iter() {
                if entry.name_kind != kind {
                    continue;
                }
                let sourced = self.record(*number)?;
                let record = &sourced.record;
                let same = std::iter::once(&record.id)
                    .chain(&record.aliases)
                    .chain(&record.upstream)
                    .any(|id| ids.contains(id));
                if !same {
                    continue;
                }
                match decide(owner.ecosystem.scheme(), entry, version) {
                    Decision::Applies { .. } if entry.status == FixStatus::NotAffected => {
                        reason = Some(format!(
                            "{} says that {name} is not affected ({})",
                            sourced.source, record.id
                        ));
                    }
                    Decision::Outside => {
                        let fixed = entry.ranges.iter().flatten().find_map(|event| match event {
                            Event::Fixed(fixed) => Some(fixed.as_str()),
                            _ => None,
                        });
                        reason = Some(match fixed {
                            Some(fixed) => format!(
                                "{} says that {name} {version} has the fix, which came with {fixed} ({})",
                                sourced.source, record.id
                            ),
                            None => format!(
                                "{} says that {name} {version} is outside of the affected versions ({})",
                                sourced.source, record.id
                            ),
                        });
                    }
                    Decision::Applies { .. } | Decision::Undecided { .. } => return Ok(None),
                }
            }
        }
        Ok(reason)
    }

    fn report_undecided(&mut self) {
        let undecided = std::mem::take(&mut self.undecided);
        let mut more = 0;
        for ((index, text, own), undecided) in undecided {
            if self.problems.iter().filter(|problem| problem.kind == ProblemKind::UnreadableVersion).count()
                >= PROBLEMS
            {
                more += undecided.count;
                continue;
            }
            let package = &self.packages[index];
            let advisories = match undecided.count {
                1 => "1 advisory".to_owned(),
                count => format!("{count} advisories"),
            };
            let example = &undecided.example;
            let shown: String = text.chars().take(80).collect();
            let detail = if own && text.is_empty() {
                format!(
                    "could not decide: the package has no version, {advisories} name it (for example {example})"
                )
            } else if own {
                format!(
                    "could not decide: version `{shown}` cannot be held against {advisories} that name the package (for example {example})"
                )
            } else if text == "module" {
                format!(
                    "could not decide: the module stream is not known, {advisories} depend on it (for example {example})"
                )
            } else {
                format!(
                    "could not decide: {advisories} state the bound `{shown}`, which cannot be read (for example {example})"
                )
            };
            self.problems.push(Problem::incomplete(ProblemKind::UnreadableVersion, purl(package), detail));
        }
        if more > 0 {
            self.problems.push(Problem::incomplete(
                ProblemKind::UnreadableVersion,
                "further packages",
                format!("could not decide {more} more advisories because versions cannot be read"),
            ));
        }
    }
}

/// A version, read once and kept; `None` when it cannot be read.
fn parsed<'text>(
    known: &mut HashMap<&'text str, Option<Rc<Version>>>,
    scheme: Scheme,
    version: &'text str,
) -> Option<Rc<Version>> {
    known.entry(version).or_insert_with(|| Version::parse(scheme, version).ok().map(Rc::new)).clone()
}

/// To which RPM module stream a package belongs.
enum Module {
    /// `nodejs:12`.
    Stream(String),
    /// Its version says that it is of a module, but no label says of which.
    Unknown,
    /// It is of none.
    None,
}

fn module_stream(package: &Package) -> Module {
    match &package.module {
        Some(label) => {
            let mut parts = label.split(':');
            match (parts.next(), parts.next()) {
                (Some(name), Some(stream)) => Module::Stream(format!("{name}:{stream}")),
                _ => Module::Unknown,
            }
        }
        None if package.version.contains(".module") => Module::Unknown,
        None => Module::None,
    }
}

/// The entry with bounds that carry no epoch: an RPM's SOURCERPM names none, so there is nothing to compare it with.
fn without_epochs(entry: &Affected) -> Affected {
    let strip =
        |version: &String| version.split_once(':').map_or(version.clone(), |(_, rest)| rest.to_owned());
    let mut entry = entry.clone();
    for event in entry.ranges.iter_mut().flatten() {
        match event {
            Event::Introduced(version)
            | Event::Fixed(version)
            | Event::LastAffected(version)
            | Event::Limit(version) => *version = strip(version),
        }
    }
    entry
}

fn is_cve(id: &str) -> bool {
    id.strip_prefix("CVE-").is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
}

/// The hits of one flaw.
struct Group {
    hits: Vec<usize>,
    /// Ids of the flaw.
    ids: BTreeSet<String>,
    /// Ids of records that name this flaw among others.
    extra: BTreeSet<String>,
    kind: FindingKind,
}

impl Group {
    /// The id that people use: the oldest CVE when there is one, else the id of the most specific database.
    fn advisory(&self, hits: &[&(Hit, Rc<Sourced>)]) -> String {
        let rank = |id: &str| {
            let class = if self.kind == FindingKind::Malware {
                u8::from(!id.starts_with("MAL-"))
            } else if is_cve(id) {
                0
            } else if id.starts_with("GHSA-") {
                1
            } else if hits.iter().any(|(_, sourced)| sourced.record.id == id) {
                2
            } else {
                3
            };
            let mut numbers = id.split('-').skip(1).map(|part| part.parse::<u64>().unwrap_or(u64::MAX));
            (class, numbers.next(), numbers.next(), id.to_owned())
        };
        self.ids.iter().min_by_key(|id| rank(id)).cloned().unwrap_or_default()
    }
}

/// Groups hits by flaw: records that share an id are one, and a record of a distribution that packages several flaws
/// (`upstream`) counts for each of them.
fn groups(sourced: &[(Hit, Rc<Sourced>)]) -> Vec<Group> {
    // Union-find over units; a unit is a hit, or a hit and one of its flaws.
    let mut parents: Vec<usize> = Vec::new();
    let mut units: Vec<(usize, Vec<&str>, Vec<&str>)> = Vec::new();
    for (index, (_, sourced)) in sourced.iter().enumerate() {
        let record = &sourced.record;
        let own: Vec<&str> = std::iter::once(&record.id).chain(&record.aliases).map(String::as_str).collect();
        if record.upstream.len() > 1 {
            for flaw in &record.upstream {
                units.push((index, vec![flaw.as_str()], own.clone()));
            }
        } else {
            let ids = own.into_iter().chain(record.upstream.iter().map(String::as_str)).collect();
            units.push((index, ids, Vec::new()));
        }
    }
    parents.extend(0..units.len());
    fn root(parents: &mut [usize], mut unit: usize) -> usize {
        while parents[unit] != unit {
            parents[unit] = parents[parents[unit]];
            unit = parents[unit];
        }
        unit
    }
    let mut first: HashMap<&str, usize> = HashMap::new();
    for (unit, (_, ids, _)) in units.iter().enumerate() {
        for id in ids {
            match first.get(id) {
                Some(&other) => {
                    let (left, right) = (root(&mut parents, unit), root(&mut parents, other));
                    parents[left.max(right)] = left.min(right);
                }
                None => {
                    first.insert(id, unit);
                }
            }
        }
    }
    let mut groups: BTreeMap<usize, Group> = BTreeMap::new();
    for (unit, (hit, ids, extra)) in units.iter().enumerate() {
        let group = groups.entry(root(&mut parents, unit)).or_insert_with(|| Group {
            hits: Vec::new(),
            ids: BTreeSet::new(),
            extra: BTreeSet::new(),
            kind: FindingKind::Informational,
        });
        if group.hits.last() != Some(hit) {
            group.hits.push(*hit);
        }
        group.ids.extend(ids.iter().map(|id| (*id).to_owned()));
        group.extra.extend(extra.iter().map(|id| (*id).to_owned()));
        group.kind = match (&sourced[*hit].1.record.kind, group.kind) {
            (Kind::Malware, _) | (_, FindingKind::Malware) => FindingKind::Malware,
            (Kind::Vulnerability, _) => FindingKind::Vulnerability,
            (Kind::Informational(_), kind) => kind,
        };
    }
    groups.into_values().collect()
}

/// Two packages with one name and version differ in the qualifiers of their URLs; then these belong to the id.
/// The day on which the oldest of these was published.
fn oldest<'a>(hits: impl Iterator<Item = &'a (Hit, Rc<Sourced>)>) -> Option<String> {
    hits.filter_map(|(_, sourced)| sourced.record.published.get(..10)).min().map(str::to_owned)
}

fn unique_ids(findings: &mut [Finding]) {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for finding in findings.iter() {
        *counts.entry(finding.id.clone()).or_default() += 1;
    }
    for finding in findings.iter_mut() {
        if counts.get(&finding.id).is_some_and(|count| *count > 1)
            && let Some(full) = finding.subject.packages().first()
        {
            finding.id = format!("{}@{full}", finding.advisory);
        }
    }
}
