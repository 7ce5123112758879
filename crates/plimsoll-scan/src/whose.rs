//! Whose move it is: the party and the one next step of every finding, and the changes that remove most of them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use plimsoll_model::functions::Reach;
use plimsoll_model::{
    Base, BaseSource, Change, Ecosystem, Finding, FindingKind, FixStatus, ImagePath, Layer, Level, Location,
    ObjectRef, Package, Party, Release, Remedy, Subject, TargetKind,
    version::{self, Scheme},
};

use crate::{base, commands};

/// What is known of the target beyond its packages.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Kind of target.
    pub kind: TargetKind,
    /// Where the base image ends, for images.
    pub base: Option<&'a Base>,
    /// Layers, lowest first.
    pub layers: &'a [Layer],
    /// The distribution inside.
    pub release: Option<&'a Release>,
    /// Newest point release of the distribution inside (`12.15`), when a source says it.
    pub newest: Option<&'a str>,
}

/// Who brought a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Base,
    Application,
    Host,
    Unknown,
}

impl Context<'_> {
    fn origin(&self, package: &Package) -> Origin {
        let system = package.ecosystem.is_distribution() || package.owned_by.is_some();
        let from_layers = || match self.base {
            Some(base) if base.source != BaseSource::Unknown => {
                let in_base = |location: &Location| location.layer.is_some_and(|layer| layer <= base.layers);
                let placed = package.locations.iter().any(|location| location.layer.is_some());
                if !placed {
                    Origin::Unknown
                } else if package.locations.iter().all(in_base) {
                    Origin::Base
                } else {
                    Origin::Application
                }
            }
            _ => Origin::Unknown,
        };
        match self.kind {
            TargetKind::Image => from_layers(),
            TargetKind::Directory if system => Origin::Host,
            TargetKind::Directory | TargetKind::Files | TargetKind::Cluster => Origin::Application,
            TargetKind::Sbom => match from_layers() {
                Origin::Unknown if !system => Origin::Application,
                origin => origin,
            },
        }
    }

    /// Who brought what is no package: a file of that layer, or a part of the configuration.
    fn origin_of_layer(&self, layer: Option<u32>) -> Origin {
        match (self.kind, layer, self.base) {
            (TargetKind::Image, Some(layer), Some(base)) if base.source != BaseSource::Unknown => {
                if layer <= base.layers { Origin::Base } else { Origin::Application }
            }
            // With a distribution inside it is a machine, without one somebody's project.
            (TargetKind::Directory, ..) if self.release.is_some() => Origin::Host,
            (TargetKind::Image, None, _)
            | (TargetKind::Directory | TargetKind::Files | TargetKind::Cluster, ..) => Origin::Application,
            (TargetKind::Image | TargetKind::Sbom, ..) => Origin::Unknown,
        }
    }

    fn distribution(&self) -> String {
        self.release.map_or_else(|| "the distribution".to_owned(), Release::label)
    }

    fn base_reference(&self) -> Option<String> {
        self.base.and_then(|base| base.reference.clone())
    }

    fn base_name(&self) -> String {
        self.base_reference().unwrap_or_else(|| match self.release {
            Some(release) => format!("{} base image", release.label()),
            None => "base image".to_owned(),
        })
    }

    /// The base image's reference with the newest point release: `debian:12.5-slim` becomes `debian:12.15-slim`. Only
    /// where the tag is the distribution's own version; a tag that moves (`bookworm`) stays, and is pulled again.
    fn newer_base(&self) -> Option<String> {
        let (release, newest) = (self.release?, self.newest?);
        let reference = self.base_reference()?;
        let (name, tag) = reference.split('@').next()?.rsplit_once(':')?;
        if name.rsplit('/').next()? != release.distribution()?.key {
            return None;
        }
        let (version, variant) =
            tag.split_once('-').map_or((tag, ""), |(version, variant)| (version, variant));
        let same = version == release.version || version.starts_with(&format!("{}.", release.version));
        let variant = if variant.is_empty() { String::new() } else { format!("-{variant}") };
        (same && version != newest).then(|| format!("{name}:{newest}{variant}"))
    }

    /// Which layer brought these packages, as the end of a sentence; empty where there are no layers.
    fn brought_by(&self, affected: &[&Package]) -> String {
        let layers = affected.iter().flat_map(|package| &package.locations);
        let Some(layer) = layers.filter_map(|location| location.layer).min() else { return String::new() };
        let of_base = match self.origin_of_layer(Some(layer)) {
            Origin::Base => format!(" of the base image {}", self.base_reference().unwrap_or_default())
                .trim_end()
                .to_owned(),
            _ => String::new(),
        };
        let by = self.created_by(Some(layer)).map(|command| format!(" (`{}`)", base::shorten(command)));
        format!("; it came with layer {layer}{of_base}{}", by.unwrap_or_default())
    }

    fn created_by(&self, layer: Option<u32>) -> Option<&str> {
        let index = usize::try_from(layer?).ok()?.checked_sub(1)?;
        self.layers.get(index)?.created_by.as_deref()
    }
}

/// Gives every finding its party and remedy. `packages` are sorted by package URL.
pub fn assign(findings: &mut [Finding], packages: &[Package], context: Context<'_>) {
    let index: HashMap<&str, &Package> =
        packages.iter().map(|package| (package.purl.as_str(), package)).collect();
    for finding in findings {
        let affected: Vec<&Package> =
            finding.subject.packages().iter().filter_map(|purl| index.get(purl.as_str()).copied()).collect();
        let known = std::mem::take(&mut finding.remedy);
        let (party, remedy) = move_for(finding, known, &affected, context);
        finding.party = party;
        finding.remedy = remedy;
    }
}

fn say(action: impl Into<String>) -> Remedy {
    Remedy { action: action.into(), command: None, location: None }
}

fn move_for(
    finding: &Finding,
    known: Remedy,
    affected: &[&Package],
    context: Context<'_>,
) -> (Party, Remedy) {
    if let Some(suppression) = &finding.suppressed_by {
        return (Party::Nobody(format!("{}: {}", suppression.by, suppression.reason)), say("nothing to do"));
    }
    if finding.status == FixStatus::NotAffected {
        return (Party::Nobody("not affected, says the advisory".into()), say("nothing to do"));
    }
    let mut origins: Vec<Origin> = affected.iter().map(|package| context.origin(package)).collect();
    if finding.subject.as_package().is_none() {
        origins.push(context.origin_of_layer(finding.subject.layer()));
    }
    let origin = if origins.contains(&Origin::Base) {
        Origin::Base
    } else {
        origins.first().copied().unwrap_or(match context.kind {
            TargetKind::Image if context.base.is_some_and(|base| base.source != BaseSource::Unknown) => {
                Origin::Base
            }
            TargetKind::Directory => Origin::Host,
            _ => Origin::Unknown,
        })
    };
    let actor = match origin {
        Origin::Base => Party::BaseImage(context.base_reference()),
        Origin::Application => Party::Application(None),
        Origin::Host => Party::Platform,
        Origin::Unknown => {
            Party::Unknown("where the base image ends is not known: say it with --base".into())
        }
    };
    // The rule that found these knows the move.
    let Some(subject) = finding.subject.as_package().filter(|_| !finding.kind.is_of_rule()) else {
        return (actor, known);
    };
    let system = subject.ecosystem.is_distribution();
    let name = &subject.source.name;
    match finding.kind {
        FindingKind::Malware => {
            let mut remedy = say(format!(
                "incident: remove {name}, rotate every credential it could read, and rebuild from clean sources{}",
                context.brought_by(affected)
            ));
            remedy.location = place(affected);
            return (actor, remedy);
        }
        FindingKind::EndOfLife if subject.ecosystem == Ecosystem::Generic && !subject.packages.is_empty() => {
            let what = match &finding.fixed_version {
                Some(next) => format!("move {name} from {} to {next}", subject.source.version),
                None => format!("replace {name} {}: no release of it is supported", subject.source.version),
            };
            let mut remedy = say(what);
            remedy.location = place(affected);
            return (actor, remedy);
        }
        FindingKind::EndOfLife => {
            let what = match &finding.fixed_version {
                Some(next) => format!("move from {} to {next}", context.distribution()),
                None => format!("move from {} to a supported release", context.distribution()),
            };
            return (actor, say(what));
        }
        FindingKind::Informational => {
            let mut remedy = say(format!("decide whether to keep {name}: {}", finding.title));
            remedy.location = place(affected);
            return (actor, remedy);
        }
        FindingKind::Vulnerability
        | FindingKind::Secret
        | FindingKind::Misconfiguration
        | FindingKind::License => {}
    }
    let Some(fixed) = finding.fixed_version.as_deref().filter(|_| finding.risk.fixable) else {
        if !system {
            let mut remedy = say(format!(
                "no fixed version of {name} is published: replace it, or record an exception with a reason and a date"
            ));
            remedy.location = place(affected);
            return (actor, remedy);
        }
        let distribution = context.distribution();
        let action = match finding.status {
            FixStatus::WillNotFix => {
                format!("{distribution} will not fix this: remove {name}, or record an exception")
            }
            FixStatus::FixDeferred => format!("{distribution} has put the fix off: wait, or remove {name}"),
            FixStatus::EndOfLife => {
                format!("{distribution} no longer supports {name}: move to a supported release")
            }
            FixStatus::UnderInvestigation => format!("{distribution} has not decided yet: wait"),
            _ => format!("{distribution} has published no fix: wait, or remove {name}"),
        };
        return (Party::Distribution(distribution), say(action));
    };
    let remedy = match (origin, system) {
        (Origin::Base, _) => {
            say(format!("rebuild on a newer {}: it must bring {name} {fixed} or later", context.base_name()))
        }
        (_, true) => {
            let names: BTreeSet<&str> = affected.iter().map(|package| package.name.as_str()).collect();
            let names: Vec<&str> = names.into_iter().collect();
            Remedy {
                action: format!("upgrade {name} to {fixed}"),
                command: commands::upgrade_distribution(subject.ecosystem, &names),
                location: place(affected),
            }
        }
        (_, false) => {
            let location = place(affected);
            let command = affected
                .first()
                .zip(location.as_ref())
                .and_then(|(package, location)| commands::upgrade(package, &location.path, fixed));
            match affected.first().and_then(|package| upgrade_owner(package)) {
                Some((action, command)) => Remedy { action, command, location },
                None => {
                    let by_hand = command.is_none().then_some(location.as_ref()).flatten();
                    let action = upgrade(subject.ecosystem, name, fixed, by_hand);
                    Remedy { action, command, location }
                }
            }
        }
    };
    (actor, remedy)
}

/// What to do for a package whose files belong to a distribution package: that one is upgraded, nothing inside it.
fn upgrade_owner(package: &Package) -> Option<(String, Option<String>)> {
    let owner = plimsoll_model::purl::Purl::parse(package.owned_by.as_deref()?).ok()?;
    let ecosystem = Ecosystem::from_purl_type(owner.kind())?;
    let action =
        format!("upgrade the distribution's package {}, which carries {}", owner.name(), package.name);
    Some((action, commands::upgrade_distribution(ecosystem, &[owner.name()])))
}

/// What to do for a package that has a fixed version. Where no command does it, `by_hand` is the place to edit.
fn upgrade(ecosystem: Ecosystem, name: &str, to: &str, by_hand: Option<&Location>) -> String {
    if ecosystem == Ecosystem::Go && name == "stdlib" {
        return format!("rebuild with Go {to} or later");
    }
    let place = by_hand.map(|location| (location.path.to_string(), location.line));
    match place {
        // Inside an archive: what is edited is what builds it.
        Some((path, _)) if path.contains("!/") => {
            let outer = path.split("!/").next().unwrap_or_default();
            format!("upgrade {name} to {to} where {outer} is built")
        }
        Some((path, Some(line))) => format!("set {name} to {to} in {path}, line {line}"),
        _ => format!("upgrade {name} to {to}"),
    }
}

/// The place where somebody edits: a line of a lockfile before an installed file.
fn place(affected: &[&Package]) -> Option<Location> {
    let all = || affected.iter().flat_map(|package| &package.locations);
    // npm's own record of what it installed is nobody's to edit.
    let edited = |location: &&Location| {
        location.line.is_some() && !location.path.as_bytes().ends_with(b"/.package-lock.json")
    };
    all()
        .find(edited)
        .or_else(|| all().find(|location| location.line.is_some()))
        .or_else(|| all().next())
        .cloned()
}

/// Groups what can be done now by change: one base image bump, one upgrade for each package and place.
///
/// Findings that do not count (suppressed), need no change (informational) or concern nothing that runs (kernel headers)
/// are not among those removed.
pub fn changes(findings: &[Finding], packages: &[Package], context: Context<'_>) -> Vec<Change> {
    let index: HashMap<&str, &Package> =
        packages.iter().map(|package| (package.purl.as_str(), package)).collect();
    let mut groups: BTreeMap<Key<'_>, Vec<&Finding>> = BTreeMap::new();
    for finding in findings {
        let acts = match finding.kind {
            FindingKind::Vulnerability => finding.risk.fixable && finding.fixed_version.is_some(),
            FindingKind::Malware | FindingKind::EndOfLife => true,
            FindingKind::Secret | FindingKind::Misconfiguration | FindingKind::License => {
                finding.risk.fixable
            }
            FindingKind::Informational => false,
        };
        // A malicious package does its harm when it is installed, run or not.
        let folded = finding.kind != FindingKind::Malware
            && (finding.risk.not_run || finding.risk.reach == Some(Reach::NotLinked));
        if acts
            && finding.suppressed_by.is_none()
            && !folded
            && !matches!(finding.party, Party::Nobody(_) | Party::Provider(_))
        {
            groups.entry(Key::of(finding, &index)).or_default().push(finding);
        }
    }
    let mut changes: Vec<Change> = groups
        .into_iter()
        .flat_map(|(key, group)| branches(&key, group).into_iter().map(move |group| (key.clone(), group)))
        .map(|(key, group)| build(&key, &group, &index, context))
        .collect();
    let points: HashMap<&str, u32> =
        findings.iter().map(|finding| (finding.id.as_str(), finding.risk.work.sum)).collect();
    changes.sort_by_cached_key(|change| {
        let points = || change.removes.iter().filter_map(|id| points.get(id.as_str()).copied());
        let (most, sum) = (points().max().unwrap_or(0), points().map(u64::from).sum::<u64>());
        let name = (change.subject.clone(), change.from.clone(), change.party.clone());
        (std::cmp::Reverse((change.malware, most, sum, change.removes.len())), name)
    });
    changes
}

/// Asks about versions that changes lead to, and raises those that have known flaws themselves: an upgrade to a version
/// that must be upgraded again is no advice. Only within the branch that the change leads to; `ask` matches packages.
pub fn settle(
    changes: &mut [Change],
    findings: &[Finding],
    packages: &[Package],
    ask: &mut dyn FnMut(Vec<Package>) -> Vec<Finding>,
) {
    /// Each round raises to the newest version that some advisory names, so few are ever needed.
    const ROUNDS: usize = 4;
    let by_purl: HashMap<&str, &Package> =
        packages.iter().map(|package| (package.purl.as_str(), package)).collect();
    let by_id: HashMap<&str, &Finding> =
        findings.iter().map(|finding| (finding.id.as_str(), finding)).collect();
    let about = |change: &Change| {
        let finding = by_id.get(change.removes.first()?.as_str())?;
        let package = *by_purl.get(finding.subject.packages().first()?.as_str())?;
        let upgrade = !package.ecosystem.is_distribution()
            && change.subject == package.name
            && matches!(finding.kind, FindingKind::Vulnerability)
            && !matches!(change.party, Party::BaseImage(_));
        upgrade.then_some(package)
    };
    // Those whose version was raised in the last round: of the others the same answer would come again.
    let mut open: Vec<usize> = (0..changes.len()).collect();
    for _ in 0..ROUNDS {
        let upgraded = |package: &Package, to: &str| {
            let mut package = Package { version: to.to_owned(), ..package.clone() };
            package.purl = plimsoll_model::purl::of_package(&package, None);
            package
        };
        let mut asked: Vec<Package> = open
            .iter()
            .map(|place| &changes[*place])
            .filter_map(|change| Some(upgraded(about(change)?, change.to.as_deref()?)))
            .collect();
        asked.sort_by(|left, right| left.purl.cmp(&right.purl));
        asked.dedup_by(|left, right| left.purl == right.purl);
        if asked.is_empty() {
            return;
        }
        let found = ask(asked);
        open.retain(|place| {
            let change = &mut changes[*place];
            let (Some(package), Some(to)) = (about(change), change.to.clone()) else { return false };
            let purl = upgraded(package, &to).purl;
            let length = series(package.ecosystem, &package.name)[0];
            let flaws: Vec<&Finding> = found
                .iter()
                .filter(|finding| {
                    finding.subject.packages().contains(&purl) && finding.kind == FindingKind::Vulnerability
                })
                .filter(|finding| {
                    let fixed = finding.fixed_version.as_deref();
                    finding.risk.fixable && fixed.is_some_and(|fixed| same_series(&to, fixed, length))
                })
                .collect();
            let Some(higher) = greatest(package.ecosystem, &flaws) else { return false };
            let higher =
                if to.starts_with('v') && !higher.starts_with('v') { format!("v{higher}") } else { higher };
            let raised = version::compare(package.ecosystem.scheme(), &higher, &to)
                .is_ok_and(std::cmp::Ordering::is_gt);
            if raised {
                lead_to(change, package, higher);
            }
            raised
        });
    }
}

/// Writes the version that a change of one package leads to, and what follows from it.
fn lead_to(change: &mut Change, package: &Package, to: String) {
    let path = change.location.as_ref().map_or_else(ImagePath::default, |location| location.path.clone());
    change.command = commands::upgrade(package, &path, &to);
    let by_hand = change.command.is_none().then_some(change.location.as_ref()).flatten();
    change.action = upgrade(package.ecosystem, &package.name, &to, by_hand);
    if let Some((action, command)) = upgrade_owner(package) {
        change.action = action;
        change.command = command;
    }
    change.to = Some(to);
}

/// How many leading numbers name a branch of releases, the narrowest first. Where versions are semantic a minor release
/// is no branch: it may be taken as it is.
fn series(ecosystem: Ecosystem, name: &str) -> &'static [usize] {
    match ecosystem.scheme() {
        Scheme::Semver | Scheme::SemverBuild if name != "stdlib" => &[1],
        _ => &[2, 1],
    }
}

fn same_series(left: &str, right: &str, length: usize) -> bool {
    let leading = |version: &str| {
        let numbers = version
            .trim_start_matches('v')
            .split(['.', '-', '+'])
            .map(|part| part.parse::<u64>().unwrap_or(0));
        numbers.chain(std::iter::repeat(0)).take(length).collect::<Vec<_>>()
    };
    leading(left) == leading(right)
}

/// Splits the findings of one package by branch: where the installed branch has fixes for most of them, the upgrade
/// within it is one change and the step out of it another. One flaw that was never fixed in the branch does not drag
/// the others along.
fn branches<'a>(key: &Key<'_>, group: Vec<&'a Finding>) -> Vec<Vec<&'a Finding>> {
    let Key::Package(_, ecosystem, name, from) = key else { return vec![group] };
    for length in series(*ecosystem, name) {
        let (near, far): (Vec<_>, Vec<_>) = group.iter().partition(|finding| {
            finding.fixed_version.as_deref().is_some_and(|fixed| same_series(from, fixed, *length))
        });
        if near.len() * 2 > group.len() {
            return [near, far].into_iter().filter(|part: &Vec<&Finding>| !part.is_empty()).collect();
        }
    }
    vec![group]
}

/// What makes findings fall to the same change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key<'f> {
    /// One bump of the base image.
    Base,
    /// Distribution packages of one layer (or of the host).
    System(&'f Party, Option<u32>),
    /// A package at a version.
    Package(&'f Party, Ecosystem, &'f str, &'f str),
    /// A malicious package.
    Malware(&'f str),
    /// What a rule of ours asks for: whose, what, where.
    Edit(&'f Party, &'f str, Cow<'f, str>),
    /// What rules ask of one object of Kubernetes, whose template is edited and applied as one: whose, in which file or where
    /// else, which: kind, group, namespace, name.
    Object(&'f Party, Option<&'f ImagePath>, Cow<'f, str>, [&'f str; 4]),
}

impl<'f> Key<'f> {
    fn of(finding: &'f Finding, index: &HashMap<&str, &Package>) -> Self {
        let Some(subject) = finding.subject.as_package().filter(|_| !finding.kind.is_of_rule()) else {
            if let Some(object) = &finding.object {
                let ObjectRef { group, kind, namespace, name, .. } = &**object;
                let (file, elsewhere) = match &finding.subject {
                    Subject::File(location) => (Some(&location.path), Cow::Borrowed("")),
                    _ => (None, finding.subject.name()),
                };
                return Key::Object(&finding.party, file, elsewhere, [kind, group, namespace, name]);
            }
            return Key::Edit(&finding.party, &finding.remedy.action, finding.subject.name());
        };
        if finding.kind == FindingKind::Malware {
            return Key::Malware(subject.packages.first().map(String::as_str).unwrap_or_default());
        }
        if matches!(finding.party, Party::BaseImage(_)) {
            return Key::Base;
        }
        let is_product = subject.ecosystem == Ecosystem::Generic && !subject.packages.is_empty();
        if subject.ecosystem.is_distribution() || finding.kind == FindingKind::EndOfLife && !is_product {
            let layer = subject
                .packages
                .iter()
                .filter_map(|purl| index.get(purl.as_str()))
                .flat_map(|package| &package.locations)
                .find_map(|location| location.layer);
            return Key::System(&finding.party, layer);
        }
        Key::Package(&finding.party, subject.ecosystem, &subject.source.name, &subject.source.version)
    }
}

/// Things of one change that its sentence names.
const NAMED_THINGS: usize = 3;

/// What is to be done about one object, in one sentence: the first things, each with the number of places.
fn edits(group: &[&Finding]) -> String {
    let mut things: Vec<(&str, usize)> = Vec::new();
    for finding in group {
        match things.iter_mut().find(|(action, _)| *action == finding.remedy.action) {
            Some((_, places)) => *places += 1,
            None => things.push((&finding.remedy.action, 1)),
        }
    }
    let mut parts: Vec<String> = things
        .iter()
        .take(NAMED_THINGS)
        .map(|(action, places)| match places {
            1 => (*action).to_owned(),
            places => format!("{action} ({places} places)"),
        })
        .collect();
    if let Some(more) = things.len().checked_sub(NAMED_THINGS).filter(|more| *more > 0) {
        parts.push(format!("and {more} more"));
    }
    parts.join("; ")
}

fn build(key: &Key<'_>, group: &[&Finding], index: &HashMap<&str, &Package>, context: Context<'_>) -> Change {
    let first = group[0];
    let ecosystem = first.subject.ecosystem();
    let affected: Vec<&Package> = {
        let purls: BTreeSet<&str> =
            group.iter().flat_map(|finding| finding.subject.packages()).map(String::as_str).collect();
        purls.into_iter().filter_map(|purl| index.get(purl).copied()).collect()
    };
    let mut removes: Vec<String> = group.iter().map(|finding| finding.id.clone()).collect();
    removes.sort();
    let mut change = Change {
        party: first.party.clone(),
        subject: first.subject.name().into_owned(),
        action: first.remedy.action.clone(),
        from: first.subject.version().to_owned(),
        to: None,
        location: place(&affected),
        command: None,
        removes,
        worst: group.iter().map(|finding| finding.severity.level).max().unwrap_or(Level::Unknown),
        exploited: group.iter().any(|finding| finding.risk.kev.is_some()),
        malware: matches!(key, Key::Malware(_)),
        epss: group
            .iter()
            .filter_map(|finding| finding.risk.epss.as_ref())
            .map(|epss| epss.probability)
            .max()
            .unwrap_or(0),
    };
    match key {
        Key::Malware(_) => {}
        Key::Edit(..) => {
            change.command.clone_from(&first.remedy.command);
            change.location = first.remedy.location.clone().or_else(|| match &first.subject {
                Subject::File(location) => Some(location.clone()),
                _ => None,
            });
        }
        Key::Object(..) => {
            if let Some(object) = &first.object {
                let ObjectRef { kind, namespace, name, .. } = &**object;
                change.subject = match namespace.as_str() {
                    "" => format!("{kind} {name}"),
                    namespace => format!("{kind} {namespace}/{name}"),
                };
            }
            change.action = edits(group);
            // The first line of what is edited, in the file of what is worst.
            let places = group.iter().filter_map(|finding| match &finding.subject {
                Subject::File(location) => Some(location),
                _ => None,
            });
            let path = places.clone().next().map(|location| &location.path);
            change.location = places
                .filter(|location| Some(&location.path) == path)
                .min_by_key(|location| (location.line, location.column))
                .cloned();
        }
        Key::Base => {
            change.subject = context.base_name();
            change.from = context.base_reference().unwrap_or_else(|| context.distribution());
            change.location = None;
            let old = group.iter().find(|finding| finding.kind == FindingKind::EndOfLife);
            change.to = context.newer_base().filter(|_| old.is_none());
            change.action = match (old, &change.to, context.base_reference()) {
                (Some(old), ..) => old.remedy.action.clone(),
                (None, Some(to), _) => format!("rebuild FROM {to} ({})", brings(group)),
                (None, None, Some(reference)) => {
                    format!("rebuild FROM a newer {reference} ({})", brings(group))
                }
                (None, None, None) => format!("rebuild on a newer base image ({})", brings(group)),
            };
            change.command = Some("docker build --pull --no-cache .".to_owned());
        }
        Key::System(party, layer) => {
            let names: BTreeSet<&str> = affected.iter().map(|package| package.name.as_str()).collect();
            let names: Vec<&str> = names.into_iter().collect();
            change.command =
                ecosystem.and_then(|ecosystem| commands::upgrade_distribution(ecosystem, &names));
            match (party, context.created_by(*layer)) {
                (Party::Application(_), Some(created_by)) => {
                    change.subject = format!("layer {}", layer.unwrap_or_default());
                    change.action =
                        format!("rebuild `{}` without cache ({})", one_line(created_by), brings(group));
                    change.command = Some("docker build --pull --no-cache .".to_owned());
                    change.from = String::new();
                }
                _ => {
                    let sources = sources(group);
                    if sources.len() > 1 {
                        change.subject = format!("{} packages", sources.len());
                        change.from = String::new();
                        change.action = format!("install the security updates ({})", brings(group));
                    } else {
                        change.to = ecosystem.and_then(|ecosystem| greatest(ecosystem, group));
                        if let Some(to) = &change.to {
                            change.action = format!("upgrade {} to {to}", change.subject);
                        }
                    }
                }
            }
        }
        Key::Package(_, ecosystem, ..) => {
            if let (Some(to), Some(package)) = (greatest(*ecosystem, group), affected.first()) {
                lead_to(&mut change, package, to);
            }
        }
    }
    change
}

fn sources<'a>(group: &[&'a Finding]) -> Vec<&'a str> {
    // Worst first, so that the names people see are the ones that matter.
    let mut worst: BTreeMap<&str, (bool, Level, usize)> = BTreeMap::new();
    for finding in group.iter().filter(|finding| finding.kind != FindingKind::EndOfLife) {
        let entry =
            worst.entry(finding.subject.as_package().map_or("", |package| &package.source.name)).or_default();
        entry.0 |= finding.risk.kev.is_some();
        entry.1 = entry.1.max(finding.severity.level);
        entry.2 += 1;
    }
    let mut names: Vec<_> = worst.into_iter().collect();
    names.sort_by(|left, right| right.1.cmp(&left.1).then(left.0.cmp(right.0)));
    names.into_iter().map(|(name, _)| name).collect()
}

/// "openssl, perl, expat and 6 more have fixes".
fn brings(group: &[&Finding]) -> String {
    const SHOWN: usize = 3;
    let names = sources(group);
    match names.len() {
        0 => "no fixes named".to_owned(),
        1 => format!("{} has a fix", names[0]),
        count if count <= SHOWN => {
            format!("{} and {} have fixes", names[..count - 1].join(", "), names[count - 1])
        }
        count => format!("{} and {} more have fixes", names[..SHOWN].join(", "), count - SHOWN),
    }
}

/// The greatest fixed version: the one that removes every finding of the group. A version that cannot be read is never
/// taken for the greatest.
fn greatest(ecosystem: Ecosystem, group: &[&Finding]) -> Option<String> {
    let mut best: Option<&str> = None;
    for candidate in group.iter().filter_map(|finding| finding.fixed_version.as_deref()) {
        let better = best.is_none_or(|best| {
            version::compare(ecosystem.scheme(), candidate, best).is_ok_and(std::cmp::Ordering::is_gt)
        });
        if better {
            best = Some(candidate);
        }
    }
    // Go modules carry a `v` where the advisories leave it out; the standard library does not.
    let module =
        ecosystem == Ecosystem::Go && group.iter().any(|finding| finding.subject.version().starts_with('v'));
    best.map(|best| if module && !best.starts_with('v') { format!("v{best}") } else { best.to_owned() })
}

fn one_line(created_by: &str) -> String {
    let line = created_by.trim_start_matches("/bin/sh -c ").split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= 48 { line } else { line.chars().take(47).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use plimsoll_model::{ConfigurationSubject, SourcePackage};

    use super::*;

    fn package(ecosystem: Ecosystem, name: &str, layer: Option<u32>) -> Package {
        let mut location = Location::new(ImagePath::from("srv/package-lock.json"));
        location.layer = layer;
        let mut package = Package::new(ecosystem, name, "1.0.0", location);
        package.purl = format!("pkg:{}/{name}@1.0.0", ecosystem.name());
        package
    }

    fn base(layers: u32, source: BaseSource) -> Base {
        Base { reference: Some("debian:12".into()), digest: None, layers, source, explanation: String::new() }
    }

    fn about(package: &Package, fixable: bool) -> Finding {
        let mut finding = Finding::sample(&format!("CVE-{}", package.name), Level::High, fixable);
        finding.subject = Subject::package(
            package.ecosystem,
            SourcePackage { name: package.name.clone(), version: "1.0.0".into() },
            vec![package.purl.clone()],
        );
        finding.id = format!("{}@{}", finding.advisory, package.purl);
        finding
    }

    fn check(kind: TargetKind, base: Option<&Base>, package: &Package, fixable: bool, word: &str) {
        let context = Context { kind, base, layers: &[], release: None, newest: None };
        let mut findings = [about(package, fixable)];
        assign(&mut findings, std::slice::from_ref(package), context);
        assert_eq!(findings[0].party.word(), word, "{findings:?}");
        assert!(!findings[0].remedy.action.is_empty());
    }

    #[test]
    fn parties() {
        let known = base(1, BaseSource::History);
        let unknown = base(0, BaseSource::Unknown);
        let low = package(Ecosystem::Deb, "openssl", Some(1));
        let high = package(Ecosystem::Deb, "curl", Some(2));
        let npm = package(Ecosystem::Npm, "lodash", Some(2));
        check(TargetKind::Image, Some(&known), &low, true, "base image");
        check(TargetKind::Image, Some(&known), &low, false, "distribution");
        check(TargetKind::Image, Some(&known), &high, true, "application");
        check(TargetKind::Image, Some(&known), &npm, true, "application");
        check(TargetKind::Image, Some(&known), &npm, false, "application");
        check(TargetKind::Image, Some(&known), &package(Ecosystem::Npm, "npm", Some(1)), true, "base image");
        check(TargetKind::Image, Some(&unknown), &low, true, "not known");
        check(TargetKind::Directory, None, &package(Ecosystem::Deb, "openssl", None), true, "platform");
        check(TargetKind::Directory, None, &package(Ecosystem::Npm, "lodash", None), true, "application");
    }

    #[test]
    fn an_incident_names_the_layer_that_brought_it_and_comes_first() {
        let bad = package(Ecosystem::Npm, "event-stream", Some(2));
        let flawed = package(Ecosystem::Npm, "lodash", Some(2));
        let layer = |command: &str| Layer {
            index: 0,
            digest: None,
            diff_id: None,
            size: 0,
            created_by: Some(command.to_owned()),
            from_base: false,
        };
        let layers = [layer("/bin/sh -c #(nop) ADD file:1 in /"), layer("RUN npm ci")];
        let said = |base: &Base| {
            let context = Context {
                kind: TargetKind::Image,
                base: Some(base),
                layers: &layers,
                release: None,
                newest: None,
            };
            let mut malware = about(&bad, false);
            malware.kind = FindingKind::Malware;
            malware.risk.not_run = true;
            let mut findings = [about(&flawed, true), malware];
            let packages = [bad.clone(), flawed.clone()];
            assign(&mut findings, &packages, context);
            let changes = changes(&findings, &packages, context);
            assert!(changes[0].malware && !changes[1].malware);
            changes[0].action.clone()
        };
        let what = "incident: remove event-stream, rotate every credential it could read, and rebuild from clean sources";
        let here = format!("{what}; it came with layer 2 (`RUN npm ci`)");
        assert_eq!(said(&base(1, BaseSource::History)), here);
        let there = format!("{what}; it came with layer 2 of the base image debian:12 (`RUN npm ci`)");
        assert_eq!(said(&base(2, BaseSource::History)), there);
    }

    #[test]
    fn one_flaw_without_a_fix_in_the_branch_does_not_drag_the_others_out_of_it() {
        let django = {
            let mut package = package(Ecosystem::PyPi, "django", None);
            package.version = "3.2.4".into();
            package
        };
        let fixed = ["3.2.13", "3.2.25", "4.2.16"].map(|fixed| {
            let mut finding = about(&django, true);
            finding.id = format!("CVE-{fixed}@{}", django.purl);
            if let Subject::Package(subject) = &mut finding.subject {
                subject.source.version = "3.2.4".into();
            }
            finding.fixed_version = Some(fixed.into());
            finding
        });
        let context =
            Context { kind: TargetKind::Directory, base: None, layers: &[], release: None, newest: None };
        let packages = std::slice::from_ref(&django);
        let mut findings = fixed.to_vec();
        assign(&mut findings, packages, context);
        let mut changes = changes(&findings, packages, context);
        let seen = |changes: &[Change]| -> Vec<_> {
            changes.iter().map(|change| (change.to.clone().unwrap(), change.removes.len())).collect()
        };
        assert_eq!(seen(&changes), [("3.2.25".to_owned(), 2), ("4.2.16".to_owned(), 1)]);

        // What 4.2.16 is itself affected by raises it, within its branch.
        settle(&mut changes, &findings, packages, &mut |asked| {
            asked
                .iter()
                .filter(|package| package.version == "4.2.16")
                .flat_map(|package| {
                    ["4.2.20", "5.0.1"].map(|fixed| {
                        let mut finding = about(package, true);
                        finding.fixed_version = Some(fixed.into());
                        finding
                    })
                })
                .collect()
        });
        assert_eq!(seen(&changes), [("3.2.25".to_owned(), 2), ("4.2.20".to_owned(), 1)]);
        assert_eq!(changes[1].action, "upgrade django to 4.2.20");
    }

    #[test]
    fn the_base_is_named_with_its_newest_point_release() {
        let release = Release { id: "debian".into(), version: "12".into(), ..Release::default() };
        for (reference, expected) in [
            ("debian:12", Some("debian:12.15")),
            ("docker.io/library/debian:12.5-slim", Some("docker.io/library/debian:12.15-slim")),
            ("debian:bookworm", None),
            ("debian:12.15", None),
            ("python:3.12-slim", None),
            ("debian", None),
        ] {
            let mut known = base(1, BaseSource::Annotation);
            known.reference = Some(reference.into());
            let context = Context {
                kind: TargetKind::Image,
                base: Some(&known),
                layers: &[],
                release: Some(&release),
                newest: Some("12.15"),
            };
            assert_eq!(context.newer_base().as_deref(), expected, "{reference}");
        }
    }

    #[test]
    fn what_a_distribution_package_carries_is_upgraded_with_it() {
        let mut carried = package(Ecosystem::PyPi, "idna", None);
        carried.owned_by = Some("pkg:deb/debian/python3-idna@3.3-1?arch=all&distro=debian-12".into());
        let context =
            Context { kind: TargetKind::Directory, base: None, layers: &[], release: None, newest: None };
        let mut findings = [about(&carried, true)];
        assign(&mut findings, std::slice::from_ref(&carried), context);
        assert_eq!(findings[0].party, Party::Platform);
        let changes = changes(&findings, std::slice::from_ref(&carried), context);
        let action = "upgrade the distribution's package python3-idna, which carries idna";
        assert_eq!((findings[0].remedy.action.as_str(), changes[0].action.as_str()), (action, action));
        assert!(changes[0].command.as_deref().unwrap().ends_with("--only-upgrade python3-idna"));
    }

    #[test]
    fn what_no_command_does_says_where_to_edit() {
        let check = |path: &str, line: Option<u32>, expected: &str| {
            let location = Location { line, ..Location::new(ImagePath::from(path)) };
            assert_eq!(upgrade(Ecosystem::PyPi, "x", "2.0", Some(&location)), expected);
        };
        check("app/requirements.txt", Some(3), "set x to 2.0 in app/requirements.txt, line 3");
        check("opt/a.jar!/lib/b.jar!/c", None, "upgrade x to 2.0 where opt/a.jar is built");
        check("opt/x", None, "upgrade x to 2.0");
        assert_eq!(upgrade(Ecosystem::Go, "stdlib", "1.22.3", None), "rebuild with Go 1.22.3 or later");
    }

    #[test]
    fn one_base_bump_and_one_upgrade_for_each_package() {
        let known = base(1, BaseSource::History);
        let packages = [
            package(Ecosystem::Deb, "expat", Some(1)),
            package(Ecosystem::Deb, "openssl", Some(1)),
            package(Ecosystem::Npm, "lodash", Some(2)),
        ];
        let mut findings: Vec<Finding> = packages.iter().map(|package| about(package, true)).collect();
        let mut second = about(&packages[2], true);
        second.id = "CVE-2@pkg:npm/lodash@1.0.0".into();
        findings.push(second);
        let context =
            Context { kind: TargetKind::Image, base: Some(&known), layers: &[], release: None, newest: None };
        assign(&mut findings, &packages, context);
        let changes = changes(&findings, &packages, context);
        let seen: Vec<_> = changes.iter().map(|change| (change.party.word(), change.removes.len())).collect();
        assert_eq!(seen, [("base image", 2), ("application", 2)]);
        assert!(changes[0].action.contains("expat and openssl have fixes"), "{}", changes[0].action);
        assert_eq!(changes[1].command.as_deref(), Some("npm install lodash@1.0.1"));
    }

    /// What a rule found: its own remedy, the party by layer, one change for each edit.
    #[test]
    fn rules_of_ours() {
        let known = base(1, BaseSource::History);
        let layers = [];
        let at = |layer| {
            let mut location = Location::at_line(ImagePath::from("srv/.env"), 3);
            location.layer = Some(layer);
            Subject::File(location)
        };
        let user = Subject::Configuration(ConfigurationSubject { part: "config.User".into(), layer: None });
        let mut findings: Vec<Finding> = [at(1), at(2), at(2), user]
            .into_iter()
            .enumerate()
            .map(|(number, subject)| {
                let mut finding = Finding::sample(&format!("rule-{number}"), Level::High, true);
                finding.id = format!("rule-{number}@place");
                finding.kind = FindingKind::Secret;
                finding.remedy = say(format!("take it out of {}", subject.name()));
                finding.subject = subject;
                finding
            })
            .collect();
        let context = Context {
            kind: TargetKind::Image,
            base: Some(&known),
            layers: &layers,
            release: None,
            newest: None,
        };
        assign(&mut findings, &[], context);
        let parties: Vec<&str> = findings.iter().map(|finding| finding.party.word()).collect();
        assert_eq!(parties, ["base image", "application", "application", "application"]);
        let changes = changes(&findings, &[], context);
        let told: Vec<(&str, usize)> =
            changes.iter().map(|change| (change.action.as_str(), change.removes.len())).collect();
        assert_eq!(
            told,
            [
                ("take it out of srv/.env", 2),
                ("take it out of config.User", 1),
                ("take it out of srv/.env", 1)
            ]
        );
    }
}
