//! Who is responsible for one thing: a flaw, a finding, an image, a workload.
//!
//! [`ask`] is a pure function over reports, workloads and the matrix. Findings that one change removes are one chain; its links
//! stand in the order in which work flows: provider, distribution or upstream, base image, application, platform. Exactly
//! the first open link has the move. What nobody looked at is unknown, and the missing input is named.

use std::collections::BTreeMap;

use plimsoll_model::chain::{CHAIN_VERSION, Chain, Link, Role, Thread, Turn};
use plimsoll_model::responsibility::{
    Cell, Column, Given, MissingInput, Owner, Responsibility, Row, Standing, SwitchState,
};
use plimsoll_model::{
    BaseSource, Change, Effect, Finding, FindingKind, FixStatus, Outcome, Party, Report, TargetKind,
    shortened,
};
use plimsoll_posture::responsibility::Running;

/// Chains that are told; the others are counted.
const MAX_THREADS: usize = 200;
/// Records that are named as evidence of one link.
const MAX_EVIDENCE: usize = 3;
/// Workloads that are named as missing a report.
const MAX_NAMED: usize = 5;

/// Managed add-ons have their security fixes.
const ADD_ONS: &str = "INF-035";
/// Security fixes of the operating system run on every node.
const NODES: &str = "INF-021";
/// Application images are rebuilt when a fix exists.
const APPLICATIONS: &str = "SC-003";

/// What is known.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// Reports of scans.
    pub reports: &'a [Report],
    /// What runs; `None` where no objects were given.
    pub running: Option<&'a [Running]>,
    /// Whether these are all workloads of the cluster.
    pub all_running: bool,
    /// The matrix with its verdicts; `None` where the platform is not known.
    pub matrix: Option<&'a Responsibility>,
}

/// Who is responsible for what was typed.
pub fn ask(asked: &str, known: Known<'_>, inputs: &[Given], taken_at: &str) -> Chain {
    let mut missing = Vec::new();
    let need = |input: &str, detail: String| MissingInput { input: input.to_owned(), detail };
    if known.reports.is_empty() {
        missing.push(need("reports", "--report REPORT.json (plimsoll scan IMAGE --format json)".into()));
    }
    if known.running.is_none() {
        let ways = "objects of the cluster (--snapshot FILE, --live or --manifests PATH): what runs the image is not known";
        missing.push(need("kubernetes", ways.into()));
    }
    if known.matrix.is_none() {
        let ways =
            "the platform (--gke, --eks, --aks, nodes, or --platform): the provider's part is not known";
        missing.push(need("platform", ways.into()));
    }
    let (taken_for, wanted) = choose(asked, known, &mut missing);
    let mut threads = Vec::new();
    for (report, findings) in &wanted {
        threads.extend(threads_of(report, findings, known));
    }
    let left_out = threads.len().saturating_sub(MAX_THREADS);
    let verdict = if threads.iter().any(|thread| thread.now().is_some()) {
        Outcome::NotMet
    } else if taken_for == "nothing"
        || missing.iter().any(|missing| missing.input == "reports")
        || wanted.iter().any(|(report, _)| is_partial(report))
        || threads.iter().flat_map(|thread| &thread.links).any(|link| link.turn == Turn::Unknown)
    {
        Outcome::Unknown
    } else {
        Outcome::Met
    };
    threads.truncate(MAX_THREADS);
    Chain {
        schema_version: CHAIN_VERSION.to_owned(),
        tool: format!("plimsoll {}", env!("CARGO_PKG_VERSION")),
        taken_at: taken_at.to_owned(),
        asked: asked.to_owned(),
        taken_for: taken_for.to_owned(),
        verdict,
        inputs: inputs.to_vec(),
        columns: known.matrix.map(|matrix| matrix.columns.clone()).unwrap_or_default(),
        threads,
        left_out: left_out as u64,
        missing,
        problems: Vec::new(),
    }
}

type Wanted<'a> = Vec<(&'a Report, Vec<&'a Finding>)>;

/// What was typed, as the first that knows it: a finding, a flaw, an image, a workload.
fn choose<'a>(asked: &str, known: Known<'a>, missing: &mut Vec<MissingInput>) -> (&'static str, Wanted<'a>) {
    let by = |wanted: &dyn Fn(&Finding) -> bool| -> Wanted<'a> {
        let of = |report: &'a Report| (report, report.findings.iter().filter(|one| wanted(one)).collect());
        known.reports.iter().map(of).filter(|(_, found): &(_, Vec<_>)| !found.is_empty()).collect()
    };
    let findings = by(&|finding| finding.id == asked);
    if !findings.is_empty() {
        return ("finding", findings);
    }
    let flaw = by(&|finding| is_flaw(finding, asked));
    let running = known.running.unwrap_or_default();
    if !flaw.is_empty() {
        unreported(running.iter(), known, missing);
        return ("flaw", flaw);
    }
    let whole = |report: &'a Report| (report, report.findings.iter().collect());
    let images: Wanted<'a> =
        known.reports.iter().filter(|report| is_asked(report, asked)).map(whole).collect();
    if !images.is_empty() {
        return ("image", images);
    }
    let is_named = |reference: &str| reference == asked || names(asked, reference);
    if let Some(image) = running.iter().flat_map(|one| &one.images).find(|image| is_named(&image.reference)) {
        let digests: Vec<&str> = image.digests.iter().map(String::as_str).collect();
        let images: Wanted<'a> =
            known.reports.iter().filter(|report| is_image(report, asked, &digests)).map(whole).collect();
        if images.is_empty() {
            let detail = format!("a report about {}", shortened(asked));
            missing.push(MissingInput { input: "reports".into(), detail });
        }
        return ("image", images);
    }
    let workloads: Vec<&Running> = running.iter().filter(|one| is_workload(one, asked)).collect();
    if !workloads.is_empty() {
        let all = || workloads.iter().flat_map(|one| &one.images);
        let of_them = |report: &&'a Report| {
            all().any(|image| {
                let digests: Vec<&str> = image.digests.iter().map(String::as_str).collect();
                is_image(report, &image.reference, &digests)
            })
        };
        let images = known.reports.iter().filter(of_them).map(whole).collect();
        unreported(workloads.into_iter(), known, missing);
        return ("workload", images);
    }
    let detail = match known.reports.len() {
        0 => format!("nothing that was given knows `{}`", shortened(asked)),
        1 => format!("`{}` is not in the report, and names nothing that runs", shortened(asked)),
        number => {
            format!("`{}` is in none of {number} reports, and names nothing that runs", shortened(asked))
        }
    };
    missing.push(MissingInput { input: "reports".into(), detail });
    ("nothing", Vec::new())
}

/// Whether a finding is about a flaw with this id.
pub(crate) fn is_flaw(finding: &Finding, asked: &str) -> bool {
    let is = |id: &String| id.eq_ignore_ascii_case(asked);
    is(&finding.advisory) || finding.aliases.iter().any(is)
}

/// Names images of workloads that no report speaks of, or only in part.
fn unreported<'a>(
    running: impl Iterator<Item = &'a Running>,
    known: Known<'_>,
    missing: &mut Vec<MissingInput>,
) {
    let mut unknown: Vec<String> = running
        .flat_map(|one| &one.images)
        .filter(|image| {
            let digests: Vec<&str> = image.digests.iter().map(String::as_str).collect();
            !known.reports.iter().any(|report| is_image(report, &image.reference, &digests))
        })
        .map(|image| shortened(&image.reference))
        .collect();
    unknown.sort();
    unknown.dedup();
    if unknown.is_empty() {
        return;
    }
    let more = unknown.len().saturating_sub(MAX_NAMED);
    unknown.truncate(MAX_NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let detail = format!("a report about {}{more}", unknown.join(", "));
    missing.push(MissingInput { input: "reports".into(), detail });
}

/// Whether something of the target could not be read.
fn is_partial(report: &Report) -> bool {
    report.problems.iter().any(|problem| problem.effect == Effect::Incomplete)
}

/// An image's name in parts: registry and repository as they are asked for, tag, digest.
#[derive(Debug, PartialEq, Eq)]
struct Named<'a> {
    registry: &'a str,
    /// Without `library/`.
    repository: &'a str,
    tag: Option<&'a str>,
    digest: Option<&'a str>,
}

/// `nginx`, `library/nginx`, `docker.io/library/nginx:1.27@sha256:...`: what stands in front of the first slash is a registry when it
/// has a dot or a port, as in `docker pull`.
fn named(text: &str) -> Option<Named<'_>> {
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (text, None),
    };
    let (registry, rest) = match rest.split_once('/') {
        Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => (host, rest),
        _ => ("docker.io", rest),
    };
    let registry = if registry == "index.docker.io" { "docker.io" } else { registry };
    let (repository, tag) = match rest.rsplit_once(':') {
        Some((repository, tag)) => (repository, Some(tag)),
        None => (rest, None),
    };
    let repository = match registry {
        "docker.io" => repository.strip_prefix("library/").unwrap_or(repository),
        _ => repository,
    };
    let plain = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte)) && !text.is_empty()
    };
    (plain(repository) && tag.is_none_or(plain)).then_some(Named { registry, repository, tag, digest })
}

/// Whether what a person typed names this image: what they left out, tag or digest, may be anything.
fn names(asked: &str, reference: &str) -> bool {
    let (Some(asked), Some(own)) = (named(asked), named(reference)) else { return false };
    (asked.registry, asked.repository) == (own.registry, own.repository)
        && asked.tag.is_none_or(|tag| own.tag.unwrap_or("latest") == tag)
        && (asked.digest.is_none() || asked.digest == own.digest)
}

/// Whether two names that machines wrote are of the same image: no tag is `latest`, and a digest is told by itself.
fn same_name(one: &str, other: &str) -> bool {
    let (Some(one), Some(other)) = (named(one), named(other)) else { return false };
    let tag = |name: &Named<'_>| match (name.tag, name.digest) {
        (None, Some(_)) => None,
        (tag, _) => Some(tag.unwrap_or("latest").to_owned()),
    };
    (one.registry, one.repository) == (other.registry, other.repository)
        && tag(&one) == tag(&other)
        && one.digest == other.digest
}

/// Whether a person means the image of this report.
fn is_asked(report: &Report, asked: &str) -> bool {
    let target = &report.target;
    let known = || [Some(target.name.as_str()), target.reference.as_deref()].into_iter().flatten();
    is_image(report, asked, &[])
        || target.kind == TargetKind::Image && known().any(|reference| names(asked, reference))
}

fn is_image(report: &Report, reference: &str, digests: &[&str]) -> bool {
    let target = &report.target;
    let known = || [Some(target.name.as_str()), target.reference.as_deref()].into_iter().flatten();
    known().any(|own| own == reference)
        || target.kind == TargetKind::Image && known().any(|own| same_name(own, reference))
        || target.digest.iter().chain(&target.image_id).any(|digest| {
            let digest = digest.to_string();
            reference == digest
                || reference.ends_with(&format!("@{digest}"))
                || digests.contains(&digest.as_str())
        })
}

/// `web`, `shop/web`, `deployment/shop/web`, `Deployment shop/web`; of a pod its own name too.
fn is_workload(one: &Running, asked: &str) -> bool {
    let parts: Vec<&str> = asked.split(['/', ' ']).collect();
    let (kind, namespace, name) = match parts[..] {
        [name] => (None, None, name),
        // `pod/web` and `shop/web` look alike: a kind is one that this object has.
        [first, name] if first.eq_ignore_ascii_case(&one.kind) || first.eq_ignore_ascii_case("pod") => {
            (Some(first), None, name)
        }
        [namespace, name] => (None, Some(namespace), name),
        [kind, namespace, name] => (Some(kind), Some(namespace), name),
        _ => return false,
    };
    let own = one.name == name && kind.is_none_or(|kind| kind.eq_ignore_ascii_case(&one.kind));
    let of_pod = one.pods.contains(name) && kind.is_none_or(|kind| kind.eq_ignore_ascii_case("pod"));
    (own || of_pod) && namespace.is_none_or(|namespace| namespace == one.namespace)
}

/// What makes findings one chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    /// A change of the report removes them.
    Change(usize),
    /// There is none: by who has to move and what the source says, as the first such finding.
    Alike(usize),
}

fn threads_of(report: &Report, findings: &[&Finding], known: Known<'_>) -> Vec<Thread> {
    let mut by_id: BTreeMap<&str, usize> = BTreeMap::new();
    for (number, change) in report.changes.iter().enumerate() {
        for id in &change.removes {
            by_id.entry(id).or_insert(number);
        }
    }
    let mut order: Vec<Key> = Vec::new();
    let mut groups: BTreeMap<Key, Vec<&Finding>> = BTreeMap::new();
    for (number, finding) in findings.iter().enumerate() {
        // An object is changed as a whole, and here it is asked about one of the things that are wrong with it.
        let whole = finding.object.is_none();
        let key = match by_id.get(finding.id.as_str()).filter(|_| whole) {
            Some(change) => Key::Change(*change),
            None => {
                let alike = order.iter().find(|key| match key {
                    Key::Change(_) => false,
                    Key::Alike(_) => groups[key].first().is_some_and(|first| {
                        (&first.party, first.status, first.kind)
                            == (&finding.party, finding.status, finding.kind)
                            && first.remedy.action == finding.remedy.action
                    }),
                });
                alike.copied().unwrap_or(Key::Alike(number))
            }
        };
        let group = groups.entry(key).or_default();
        if group.is_empty() {
            order.push(key);
        }
        group.push(finding);
    }
    let runs: Vec<(&Running, &str)> = known
        .running
        .unwrap_or_default()
        .iter()
        .flat_map(|one| one.images.iter().map(move |image| (one, image)))
        .filter(|(_, image)| {
            let digests: Vec<&str> = image.digests.iter().map(String::as_str).collect();
            is_image(report, &image.reference, &digests)
        })
        .map(|(one, image)| (one, image.container.as_str()))
        .collect();
    order
        .into_iter()
        .map(|key| {
            let group = &groups[&key];
            let change = match key {
                Key::Change(number) => report.changes.get(number),
                Key::Alike(_) => None,
            };
            thread(report, group, change, &runs, known)
        })
        .collect()
}

/// Everything that a chain is made of.
struct Scene<'a> {
    report: &'a Report,
    findings: &'a [&'a Finding],
    first: &'a Finding,
    change: Option<&'a Change>,
    runs: &'a [(&'a Running, &'a str)],
    known: Known<'a>,
}

fn thread(
    report: &Report,
    findings: &[&Finding],
    change: Option<&Change>,
    runs: &[(&Running, &str)],
    known: Known<'_>,
) -> Thread {
    let first = findings[0];
    let scene = Scene { report, findings, first, change, runs, known };
    let mut workloads: Vec<String> = runs.iter().map(|(one, _)| one.shown()).collect();
    workloads.sort();
    workloads.dedup();
    let mut names: Vec<String> =
        findings.iter().map(|one| format!("{} {}", one.subject.name(), one.subject.version())).collect();
    names.sort();
    names.dedup();
    let about = match names.len() {
        1 => names[0].trim_end().to_owned(),
        number => format!("{} and {} more", names[0].trim_end(), number - 1),
    };
    Thread {
        about,
        target: report.target.name.clone(),
        workloads,
        findings: findings.iter().map(|one| one.id.clone()).collect(),
        links: scene.links(),
    }
}

fn link(role: Role, name: impl Into<String>, turn: Turn, why: impl Into<String>) -> Link {
    Link {
        role,
        name: name.into(),
        turn,
        why: why.into(),
        step: None,
        command: None,
        evidence: Vec::new(),
        control: None,
    }
}

impl Scene<'_> {
    fn links(&self) -> Vec<Link> {
        let nobody = match &self.first.party {
            Party::Nobody(reason) => Some(reason),
            _ => None,
        };
        let mut links = if self.is_component() {
            self.component()
        } else if self.is_node() {
            self.node()
        } else if let Party::Provider(name) = &self.first.party {
            self.of_provider(name)
        } else {
            self.image()
        };
        if let Some(reason) = nobody {
            // Whoever would have the move is told why it is not theirs.
            let at = links.iter().position(|link| link.turn == Turn::Now);
            if let Some(link) = at.or(links.len().checked_sub(1)).map(|at| &mut links[at]) {
                link.evidence.push(reason.clone());
            }
            for link in &mut links {
                (link.turn, link.step, link.command) = (Turn::None, None, None);
            }
            return links;
        }
        // One has the move: the first whose turn it is; those behind it wait.
        let mut taken = false;
        for link in &mut links {
            if link.turn == Turn::Now {
                link.turn = if taken { Turn::Later } else { Turn::Now };
                taken = true;
            }
        }
        links
    }

    /// An image that only system namespaces run, or that the scan knew as the platform's: the provider's, or of the platform team.
    fn is_component(&self) -> bool {
        match self.runs {
            [] => {
                self.report.target.kind == TargetKind::Image
                    && matches!(self.first.party, Party::Provider(_) | Party::Platform)
            }
            runs => runs.iter().all(|(one, _)| one.system),
        }
    }

    /// What is on a machine, whoever has to move: its system, and what else was installed there by whoever runs it.
    fn is_node(&self) -> bool {
        let target = &self.report.target;
        let machine = target.kind == TargetKind::Directory && target.release.is_some();
        match &self.first.party {
            Party::Platform => true,
            Party::Provider(_) | Party::Distribution(_) => machine,
            // What nobody has to do is told with the links that it would have.
            Party::Nobody(_) => {
                machine && self.first.subject.as_package().is_some_and(|one| one.ecosystem.is_distribution())
            }
            _ => false,
        }
    }

    /// What a scan said to be the provider's, and is neither a machine nor an image.
    fn of_provider(&self, name: &str) -> Vec<Link> {
        let mut own = link(Role::Provider, name, Turn::Now, "does this on the platform that the scan named");
        own.step = Some(self.first.remedy.action.clone()).filter(|step| !step.is_empty());
        let by = self.first.evidence.iter().find(|one| one.source == "plimsoll/responsibility");
        own.control = by.map(|one| one.record.clone());
        own.evidence.extend(by.map(|one| one.range.clone()));
        vec![own]
    }

    /// A control on the platform that asks most of the reader.
    fn cell(&self, control: &str) -> Option<(&Row, &Column, &Cell)> {
        let matrix = self.known.matrix?;
        let row = matrix.controls.iter().find(|row| row.id == control)?;
        let rank = |owner: Owner| match owner {
            Owner::Customer => 0,
            Owner::Shared => 1,
            Owner::Provider => 2,
            Owner::NotApplicable => 3,
        };
        let cells = matrix.columns.iter().zip(&row.cells);
        let (column, cell) = cells.min_by_key(|(_, cell)| rank(cell.owner))?;
        (cell.owner != Owner::NotApplicable).then_some((row, column, cell))
    }

    /// The provider's link of a control, where there is a provider: who, whether it is theirs, and where that is written.
    fn provider(&self, control: &str, what: &str) -> Option<Link> {
        let (row, column, cell) = self.cell(control)?;
        if column.provider.is_empty() {
            return None;
        }
        let (turn, why) = match cell.owner {
            Owner::Provider => (Turn::Now, format!("on {} {what} is the provider's", column.platform_name)),
            Owner::Shared => (
                Turn::Unknown,
                format!("on {} the provider publishes {what}, and you let it in", column.platform_name),
            ),
            _ => (Turn::None, format!("on {} {what} is not the provider's", column.platform_name)),
        };
        let mut link = link(Role::Provider, column.provider.clone(), turn, why);
        link.evidence.push(source(cell));
        link.control = Some(row.id.clone());
        Some(link)
    }

    /// Who brings a fix into the world: the distribution, or those who wrote it.
    fn origin(&self) -> Option<Link> {
        let finding = self.first;
        let subject = finding.subject.as_package()?;
        if finding.kind != FindingKind::Vulnerability {
            return None;
        }
        let release = self.report.target.release.as_ref().map(plimsoll_model::Release::label);
        let (role, name) = if subject.ecosystem.is_distribution() {
            (Role::Distribution, release.unwrap_or_default())
        } else {
            (Role::Upstream, subject.source.name.clone())
        };
        let fixed = self.findings.iter().all(|one| one.fixed_version.is_some());
        let who = if role == Role::Distribution { "builds the package" } else { "releases the package" };
        let name_of = &subject.source.name;
        let mut link = match (&finding.fixed_version, fixed) {
            (Some(version), true) => {
                link(role, name, Turn::Done, format!("{who}; {name_of} {version} fixes it"))
            }
            _ => {
                let word = match finding.status {
                    FixStatus::WillNotFix => "and will not fix it",
                    FixStatus::FixDeferred => "and has put the fix off",
                    FixStatus::EndOfLife => "and no longer supports it",
                    FixStatus::UnderInvestigation => "and has not decided yet",
                    _ => "and has published no fix",
                };
                let mut link = link(role, name, Turn::Now, format!("{who}, {word}"));
                link.step = Some(format!("publish a fixed {name_of}"));
                link
            }
        };
        for evidence in finding.evidence.iter().take(MAX_EVIDENCE) {
            let date = if evidence.date.is_empty() { String::new() } else { format!(", {}", evidence.date) };
            link.evidence
                .push(format!("{} {}{date}: {}", evidence.source, evidence.record, evidence.compared));
        }
        Some(link)
    }

    /// Those behind an origin that will never move have the move themselves.
    fn waits(&self) -> bool {
        self.first.fixed_version.is_none()
            && matches!(self.first.party, Party::Distribution(_))
            && !matches!(self.first.status, FixStatus::WillNotFix | FixStatus::EndOfLife)
    }

    fn application_name(&self) -> String {
        let named = match &self.first.party {
            Party::Application(Some(owner)) => Some(owner.clone()),
            _ => None,
        };
        let mut owners: Vec<&str> = self.runs.iter().filter_map(|(one, _)| one.owner.as_deref()).collect();
        owners.sort_unstable();
        owners.dedup();
        named.unwrap_or_else(|| owners.join(", "))
    }

    /// An image of an application, or files of one.
    fn image(&self) -> Vec<Link> {
        let mut links: Vec<Link> = Vec::new();
        links.extend(self.provider(APPLICATIONS, "what is in images of applications"));
        let mut origin = self.origin();
        if let Some(origin) = &mut origin
            && !self.waits()
            && origin.turn == Turn::Now
        {
            // They have spoken their last word, or nobody knows of one: the move is behind them.
            (origin.turn, origin.step) = (Turn::None, None);
        }
        links.extend(origin);
        let target = &self.report.target;
        let base = target.base.as_ref().filter(|base| base.source != BaseSource::Unknown);
        let from_base = matches!(self.first.party, Party::BaseImage(_));
        let name = base.and_then(|base| base.reference.clone()).unwrap_or_default();
        if from_base || self.waits() && base.is_some() {
            let newer = self.change.and_then(|change| change.to.as_deref());
            let (turn, why) = match newer {
                Some(newer) if newer != name => {
                    (Turn::Done, format!("brings the package; `{newer}` is newer", newer = shortened(newer)))
                }
                _ if self.waits() => (Turn::Later, "brings the package".to_owned()),
                _ => (
                    Turn::Unknown,
                    "brings the package; whether they rebuilt it was not looked at".to_owned(),
                ),
            };
            let mut link = link(Role::BaseImage, name, turn, why);
            if turn != Turn::Done {
                let package = self.first.subject.name();
                link.step = Some(match &self.first.fixed_version {
                    Some(version) => format!("release the image with {package} {version} or later"),
                    None => format!("release the image with a fixed {package}"),
                });
            }
            link.evidence.extend(base.map(|base| base.explanation.clone()));
            links.push(link);
        }
        links.push(self.application());
        links.extend(self.rollout());
        links
    }

    fn application(&self) -> Link {
        let finding = self.first;
        let (mut turn, why) = match &finding.party {
            Party::BaseImage(_) => (Turn::Now, "builds the image on that base".to_owned()),
            Party::Distribution(_) if self.waits() => (Turn::Later, "builds the image".to_owned()),
            Party::Unknown(missing) => (Turn::Unknown, format!("builds the image, but {missing}")),
            Party::Application(_) if self.report.target.kind == TargetKind::Image => {
                (Turn::Now, "put it into the image".to_owned())
            }
            _ => (Turn::Now, "owns these files".to_owned()),
        };
        // Whoever brought it, a rebuild is theirs: without a boundary nothing but the base is unknown.
        if matches!(finding.party, Party::Unknown(_)) {
            turn = Turn::Now;
        }
        let mut link = link(Role::Application, self.application_name(), turn, why);
        let (action, command, location) = match self.change {
            Some(change) => (&change.action, &change.command, &change.location),
            None => (&finding.remedy.action, &finding.remedy.command, &finding.remedy.location),
        };
        if !action.is_empty() {
            link.step = Some(action.clone());
        }
        link.command.clone_from(command);
        if let Some(location) = location {
            let line = location.line.map(|line| format!(":{line}")).unwrap_or_default();
            let layer = location.layer.map(|layer| format!(", layer {layer}")).unwrap_or_default();
            link.evidence.push(format!("{}{line}{layer}", location.path));
        }
        if finding.subject.as_package().is_none() {
            let seen = finding.evidence.iter().take(MAX_EVIDENCE);
            link.evidence.extend(seen.map(|one| format!("{} {}: {}", one.source, one.record, one.compared)));
        }
        link
    }

    /// Who puts the new image in place of the old one.
    fn rollout(&self) -> Option<Link> {
        if self.report.target.kind != TargetKind::Image {
            return None;
        }
        let mut names: Vec<String> = self.runs.iter().map(|(one, _)| one.shown()).collect();
        names.sort();
        names.dedup();
        let Some((one, container)) = self.runs.first() else {
            let why = match self.known.running {
                None => "runs the image; what runs was not given",
                Some(_) if !self.known.all_running => "runs the image; nothing that was given does",
                Some(_) => "nothing in the cluster runs this image",
            };
            let turn = if self.known.all_running && self.known.running.is_some() {
                Turn::None
            } else {
                Turn::Unknown
            };
            return Some(link(Role::Platform, "", turn, why));
        };
        let turn = if self.waits() { Turn::Later } else { Turn::Now };
        let mut link = link(Role::Platform, "", turn, "runs it");
        link.step = Some(match names.len() {
            1 => format!("roll the rebuilt image out to {}", names[0]),
            number => format!("roll the rebuilt image out to {} and {} more workloads", names[0], number - 1),
        });
        let kinds = ["Deployment", "StatefulSet", "DaemonSet"];
        let plain = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        };
        if kinds.contains(&one.kind.as_str()) && plain(&one.name) && plain(&one.namespace) && plain(container)
        {
            link.command = Some(format!(
                "kubectl --namespace {} set image {}/{} {container}=IMAGE@DIGEST",
                one.namespace,
                one.kind.to_ascii_lowercase(),
                one.name,
            ));
        }
        link.evidence = names.into_iter().take(MAX_NAMED).collect();
        Some(link)
    }

    /// A part of the platform that the provider ships.
    fn component(&self) -> Vec<Link> {
        let mut links: Vec<Link> = self.origin().into_iter().collect();
        for origin in &mut links {
            if origin.turn == Turn::Now && !self.waits() {
                (origin.turn, origin.step) = (Turn::None, None);
            }
        }
        let mut namespaces: Vec<&str> = self.runs.iter().map(|(one, _)| one.namespace.as_str()).collect();
        namespaces.sort_unstable();
        namespaces.dedup();
        let where_it_runs = if namespaces.is_empty() {
            "the scan knew the image as the platform's, by its name".to_owned()
        } else {
            format!("only namespaces of the cluster run it: {}", namespaces.join(", "))
        };
        let Some(mut provider) = self.provider(ADD_ONS, "this part of the platform") else {
            let mut platform = link(Role::Platform, "", Turn::Now, "installed this part of the cluster");
            platform.step = Some("move the component to a release that has the fix".into());
            platform.evidence.push(where_it_runs);
            links.push(platform);
            return links;
        };
        provider.evidence.insert(0, where_it_runs);
        let platform = self.let_in(ADD_ONS, &mut provider, "a release of the component with the fix");
        links.insert(0, provider);
        links.extend(platform);
        links
    }

    /// A package of a machine: of a node where the platform has nodes that somebody else builds.
    fn node(&self) -> Vec<Link> {
        let mut links: Vec<Link> = self.origin().into_iter().collect();
        if let Some(mut provider) = self.provider(NODES, "the system of nodes") {
            let platform = self.let_in(NODES, &mut provider, "a node image with the fix");
            links.insert(0, provider);
            links.extend(platform);
            // The machine's own package manager is the way where nobody hands images out.
            if self.cell(NODES).is_some_and(|(.., cell)| cell.owner != Owner::Customer) {
                return links;
            }
            links.retain(|link| link.role != Role::Platform);
        }
        let mut platform = link(Role::Platform, "", Turn::Now, "runs the machine");
        platform.step = Some(self.change.map_or(&self.first.remedy.action, |change| &change.action).clone());
        platform.command.clone_from(self.change.map_or(&self.first.remedy.command, |change| &change.command));
        if self.waits() {
            platform.turn = Turn::Later;
        }
        links.push(platform);
        links
    }

    /// The provider's step, and the reader's: the switch that lets it in.
    fn let_in(&self, control: &str, provider: &mut Link, what: &str) -> Option<Link> {
        let (row, _, cell) = self.cell(control)?;
        let ticket =
            format!("{what}: ask {} for it by a ticket where the newest one has none", provider.name);
        if cell.owner == Owner::Provider {
            provider.step = Some(format!("publish and roll out {ticket}"));
            return None;
        }
        if cell.owner == Owner::Shared {
            provider.step = Some(format!("publish {ticket}"));
        }
        let mut platform = link(Role::Platform, "", Turn::Now, "lets the provider's releases in");
        if cell.owner == Owner::Customer {
            "updates it".clone_into(&mut platform.why);
        }
        platform.control = Some(row.id.clone());
        platform.evidence.extend(cell.seen.iter().take(MAX_EVIDENCE).cloned());
        platform.step = Some(row.next.clone());
        if let Some(switch) = &cell.switch {
            match switch.state {
                SwitchState::On => {
                    // It is open: what is left is the provider's.
                    platform.turn = if cell.standing == Standing::NotMet { Turn::Now } else { Turn::Done };
                    platform.why = format!("lets the provider's releases in: {}", switch.turn);
                    if platform.turn == Turn::Done {
                        platform.step = None;
                        provider.turn = Turn::Now;
                    }
                }
                SwitchState::Off => {
                    platform.step = Some(switch.turn.clone());
                    platform.command = Some(switch.command.clone());
                }
                SwitchState::Unknown => {
                    platform.step = Some(format!("{} (how it stands was not seen)", switch.turn));
                    platform.command = Some(switch.command.clone());
                }
            }
        }
        platform.evidence.extend(
            cell.blocked_by
                .iter()
                .map(|blocked| format!("in the way, {}: {}", blocked.control, blocked.detail)),
        );
        Some(platform)
    }
}

/// Where an owner is written, short.
fn source(cell: &Cell) -> String {
    let source = &cell.source;
    let section = source.section.as_deref().map(|section| format!(", {section}")).unwrap_or_default();
    let recalled = if source.recalled { "; recalled, not read" } else { "" };
    format!("{}, {} ({}){section}{recalled}", source.publisher, source.title, source.date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_known_by_its_short_name() {
        for (asked, reference, wanted) in [
            ("nginx", "docker.io/library/nginx", true),
            ("nginx", "docker.io/library/nginx:1.27", true),
            ("nginx", "nginx@sha256:aa", true),
            ("library/nginx", "index.docker.io/library/nginx:1", true),
            ("nginx:1.27", "docker.io/library/nginx:1.27", true),
            ("nginx:latest", "nginx", true),
            ("nginx:1.26", "nginx:1.27", false),
            ("nginx", "example.org/nginx:1", false),
            ("nginx", "bitnami/nginx:1", false),
            ("example.org:5000/a/b", "example.org:5000/a/b:2", true),
            ("nginx@sha256:aa", "nginx@sha256:bb", false),
            ("shop/web", "docker.io/shop/web:1", true),
            ("CVE 2024", "CVE 2024", false),
            ("", "nginx", false),
        ] {
            assert_eq!(names(asked, reference), wanted, "{asked} {reference}");
        }
    }

    #[test]
    fn machines_mean_latest_when_they_name_no_tag() {
        for (one, other, wanted) in [
            ("nginx", "docker.io/library/nginx:latest", true),
            ("nginx", "nginx:1.27", false),
            ("nginx:1.27@sha256:aa", "docker.io/library/nginx:1.27@sha256:aa", true),
            ("nginx@sha256:aa", "nginx:latest", false),
            ("localhost/web:1", "localhost/web:1", true),
        ] {
            assert_eq!(same_name(one, other), wanted, "{one} {other}");
        }
    }

    #[test]
    fn a_workload_is_known_by_kind_namespace_name_and_pod() {
        let one = Running {
            kind: "Deployment".into(),
            namespace: "shop".into(),
            name: "web".into(),
            pods: ["web-1-abc".to_owned()].into(),
            ..Running::default()
        };
        for asked in [
            "web",
            "shop/web",
            "deployment/web",
            "Deployment shop/web",
            "pod/shop/web-1-abc",
            "shop/web-1-abc",
        ] {
            assert!(is_workload(&one, asked), "{asked}");
        }
        for asked in ["shop", "pod/web", "cart/web", "daemonset/shop/web", "a/b/c/d"] {
            assert!(!is_workload(&one, asked), "{asked}");
        }
    }
}
