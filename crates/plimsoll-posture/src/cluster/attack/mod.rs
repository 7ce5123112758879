//! How somebody outside gets in and on from there: what is open from outside, has a flaw, and leads to its node or has a
//! service account that leads to something; with the cheapest change that cuts it.
//!
//! Flaws come from reports of scans. A workload without a report is one of which it is not known whether it has any: a route
//! over it is told as not known, never left out. From one workload to the next a route only goes over flaws that are known.

mod cuts;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use plimsoll_model::attack::{
    ATTACK_VERSION, Attack, AttackBy, AttackEnd, AttackFlaw, AttackImage, AttackRoute, AttackSummary,
    AttackWay, Known,
};
use plimsoll_model::audit::ClusterInfo;
use plimsoll_model::paths::Goal;
use plimsoll_model::reach::{Connection, Exposure, Reached};
use plimsoll_model::rights::Holder;
use plimsoll_model::{Outcome, Party};

use super::rbac::graph::{Graph, Node, Over, build, mounts_token, told};
use super::rbac::{Rbac, hides};
use super::reach::Reachability;
use super::reach::exposure::PRIVATE;
use super::{Cluster, Origin};

/// Most routes that are told with everything.
const TOLD: usize = 1_000;
/// Flaws of an image that are told.
const WORST: usize = 3;
/// Most workloads with flaws among which routes are followed.
const FOLLOWED: usize = 3_000;
/// Most accounts of one workload whose pods differ.
const ACCOUNTS: usize = 8;

/// A flaw that lets somebody in, with what mends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// The flaw.
    pub flaw: AttackFlaw,
    /// Whose move it is.
    pub party: Party,
    /// The move.
    pub action: String,
    /// What to type.
    pub command: Option<String>,
}

/// What a report says of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageFlaws {
    /// Its names.
    pub names: Vec<String>,
    /// Its digests: of index, manifest, configuration.
    pub digests: Vec<String>,
    /// Why there may be more than are told.
    pub unknown: Option<String>,
    /// The flaws that let somebody in over the network.
    pub flaws: Vec<Flaw>,
}

/// An image's name with what it stands for: `nginx` is `docker.io/library/nginx:latest`.
fn plain_name(name: &str) -> String {
    let mut name = name.strip_prefix("index.docker.io/").or(name.strip_prefix("docker.io/")).unwrap_or(name);
    name = name.strip_prefix("library/").unwrap_or(name);
    let last = name.rsplit('/').next().unwrap_or(name);
    if last.contains([':', '@']) { name.to_owned() } else { format!("{name}:latest") }
}

/// The reports, to be asked for images. Those of one index are as many as its platforms.
struct Reports<'r> {
    all: &'r [ImageFlaws],
    by_name: HashMap<String, Vec<usize>>,
    by_digest: HashMap<&'r str, Vec<usize>>,
}

impl<'r> Reports<'r> {
    fn new(all: &'r [ImageFlaws]) -> Self {
        let (mut by_name, mut by_digest): (HashMap<String, Vec<usize>>, HashMap<&str, Vec<usize>>) =
            (HashMap::new(), HashMap::new());
        for (at, report) in all.iter().enumerate() {
            for name in &report.names {
                by_name.entry(plain_name(name)).or_default().push(at);
            }
            for digest in &report.digests {
                by_digest.entry(digest.as_str()).or_default().push(at);
            }
        }
        Reports { all, by_name, by_digest }
    }

    /// The reports about an image, and what runs under its name that none of them is about. Where it is known by digest what
    /// runs, a report about the name may be about something else.
    fn of(&self, image: &str, digests: &BTreeSet<&str>) -> (Vec<&'r ImageFlaws>, Option<String>) {
        let pinned = image.rsplit_once('@').and_then(|(_, digest)| self.by_digest.get(digest));
        let (mut found, mut unknown): (BTreeSet<usize>, Option<String>) = (BTreeSet::new(), None);
        for digest in digests {
            match self.by_digest.get(digest).or(pinned) {
                Some(own) => found.extend(own),
                None => unknown = unknown.or_else(|| Some(digest_without(digest))),
            }
        }
        if digests.is_empty() {
            found.extend(pinned.or_else(|| self.by_name.get(&plain_name(image))).into_iter().flatten());
        }
        (found.into_iter().map(|at| &self.all[at]).collect(), unknown)
    }
}

fn digest_without(digest: &str) -> String {
    format!("no report about {}, which runs under this name, was given", plimsoll_model::shortened(digest))
}

/// An image as it is told, and the reports about it.
type Judged<'r> = (AttackImage, Vec<&'r ImageFlaws>);

/// A workload, as far as it is the same in all that is asked.
struct Subject<'r> {
    name: usize,
    shown: String,
    workloads: Vec<usize>,
    pods: u64,
    entries: Vec<Exposure>,
    exposed: Known,
    vulnerable: Known,
    images: Vec<Judged<'r>>,
    ways: Vec<AttackWay>,
    /// Points of the accounts whose tokens are in its pods.
    accounts: Vec<usize>,
    /// Points of accounts that have an identity in the cloud, which pods get without a token for the API server.
    cloud: Vec<usize>,
    /// A neighbour on one of its nodes whose account leads further: the account's point, the goal, whether that is known.
    neighbour: Option<(usize, Goal, bool)>,
    over: Vec<Connection>,
    /// Whether it is not known that it is reached over these.
    perhaps_over: bool,
    /// Accounts that are not followed because there are too many; none of them leads to anything graver.
    more_accounts: usize,
}

impl<'r> Subject<'r> {
    /// Whether it leads to its node.
    fn breaks_out(&self) -> Known {
        if self.ways.iter().any(|way| way.unknown.is_none()) {
            Known::Yes
        } else if self.ways.is_empty() {
            Known::No
        } else {
            Known::Unknown
        }
    }

    fn exploited(&self) -> bool {
        self.flaws().any(|flaw| flaw.flaw.exploited)
    }

    /// What the reports about its images say.
    fn flaws(&self) -> impl Iterator<Item = &'r Flaw> {
        self.images.iter().flat_map(|(_, reports)| reports).flat_map(|report| &report.flaws)
    }
}

/// What leads from every point to a goal: where it is known, and where it may be.
struct Leads {
    goal: Goal,
    sure: Vec<Option<usize>>,
    perhaps: Vec<Option<usize>>,
}

/// Everything that routes are made of.
struct Scene<'c, 'g> {
    rbac: &'c Rbac<'c>,
    cluster: &'c Cluster,
    graph: &'g Graph,
    leads: Vec<Leads>,
}

impl Scene<'_, '_> {
    /// Goals that an account leads to, with whether that is known.
    fn goals(&self, account: usize) -> impl Iterator<Item = (Goal, bool)> {
        self.leads.iter().filter_map(move |leads| match (leads.sure[account], leads.perhaps[account]) {
            (Some(_), _) => Some((leads.goal, true)),
            (None, Some(_)) => Some((leads.goal, false)),
            (None, None) => None,
        })
    }

    fn end(&self, account: usize, goal: Goal, by: AttackBy) -> AttackEnd {
        let leads = self.leads.iter().find(|leads| leads.goal == goal);
        let (mut steps, mut sure) = (Vec::new(), true);
        if let Some(leads) = leads {
            sure = leads.sure[account].is_some();
            let next = if sure { &leads.sure } else { &leads.perhaps };
            steps = told(self.rbac, self.graph, &self.graph.path(next, account));
        }
        AttackEnd { goal, by, sure, account: Some(self.account(account)), steps }
    }

    fn account(&self, at: usize) -> String {
        match &self.graph.nodes[at] {
            Node::Subject(Holder { namespace: Some(namespace), name, .. }) => format!("{namespace}/{name}"),
            _ => String::new(),
        }
    }

    /// Where a route over a workload ends, all that is said of it, and whether any of it is known.
    fn ends(&self, subject: &Subject<'_>) -> Vec<AttackEnd> {
        let mut all = Vec::new();
        let mut known: BTreeSet<Goal> = BTreeSet::new();
        let out = subject.breaks_out();
        if out == Known::Yes {
            known.insert(Goal::NodeRoot);
        }
        if out != Known::No {
            let sure = out == Known::Yes;
            all.push(AttackEnd {
                goal: Goal::NodeRoot,
                by: AttackBy::Breakout,
                sure,
                account: None,
                steps: Vec::new(),
            });
        }
        let mut perhaps = Vec::new();
        for &account in &subject.accounts {
            let mut admin = false;
            for (goal, sure) in self.goals(account) {
                // Who may do everything needs nothing else.
                if sure && !admin {
                    admin = goal == Goal::ClusterAdmin;
                    known.insert(goal);
                    all.push(self.end(account, goal, AttackBy::Identity));
                } else if !sure {
                    perhaps.push((account, goal));
                }
            }
        }
        for &account in subject.cloud.iter().filter(|account| !subject.accounts.contains(account)) {
            if known.insert(Goal::CloudRole) {
                all.push(self.end(account, Goal::CloudRole, AttackBy::Identity));
            }
        }
        if let Some((account, goal, together)) = subject.neighbour
            && !known.contains(&Goal::ClusterAdmin)
            && !known.contains(&goal)
        {
            let mut end = self.end(account, goal, AttackBy::Neighbour);
            end.sure &= together && out == Known::Yes;
            if end.sure {
                known.insert(goal);
            }
            all.push(end);
        }
        for (account, goal) in perhaps {
            if !known.contains(&goal) && !known.contains(&Goal::ClusterAdmin) {
                all.push(self.end(account, goal, AttackBy::Identity));
            }
        }
        all.sort_by_key(|end| (!end.sure, end.goal, end.by));
        all
    }

    /// The gravest goal that is surely reached over a workload, else the gravest that may be.
    fn worst(&self, subject: &Subject<'_>) -> Option<(bool, Goal)> {
        let mut all: Vec<(bool, Goal)> = subject
            .accounts
            .iter()
            .flat_map(|account| self.goals(*account))
            .map(|(goal, sure)| (!sure, goal))
            .collect();
        match subject.breaks_out() {
            Known::Yes => all.push((false, Goal::NodeRoot)),
            Known::Unknown => all.push((true, Goal::NodeRoot)),
            Known::No => {}
        }
        if let Some((_, goal, together)) = subject.neighbour {
            all.push((!together || subject.breaks_out() != Known::Yes, goal));
        }
        if !subject.cloud.is_empty() {
            all.push((false, Goal::CloudRole));
        }
        all.into_iter().min()
    }
}

/// Who gets in from outside, and where to.
pub fn attack(
    rbac: &Rbac<'_>,
    reach: &mut Reachability<'_>,
    reports: &[ImageFlaws],
    info: &ClusterInfo,
) -> Attack {
    attack_within(FOLLOWED, rbac, reach, reports, info)
}

fn attack_within(
    followed: usize,
    rbac: &Rbac<'_>,
    reach: &mut Reachability<'_>,
    reports: &[ImageFlaws],
    info: &ClusterInfo,
) -> Attack {
    let cluster = rbac.cluster;
    let graph = build(rbac);
    let leads = Goal::ALL.into_iter().map(|goal| Leads {
        goal,
        sure: graph.towards(goal, Over::default()),
        perhaps: graph.towards(goal, Over { unknown: true, without: None }),
    });
    let scene = Scene { rbac, cluster, graph: &graph, leads: leads.collect() };
    let mut subjects = subjects(&scene, reach, &Reports::new(reports));
    neighbours(&scene, &mut subjects);
    let mut notes = notes(cluster, reports);
    let whole = follow(followed, &mut subjects, reach);
    if !whole {
        notes.push(format!(
            "more than {followed} workloads have flaws: routes from one workload to the next are not followed, and whether there are any is not known"
        ));
    }
    for subject in subjects.iter().filter(|subject| subject.more_accounts > 0) {
        notes.push(format!(
            "{} runs as {} accounts: the {ACCOUNTS} that lead to the gravest are followed, and no cut is held against the others",
            plimsoll_model::shortened(&subject.shown),
            ACCOUNTS + subject.more_accounts
        ));
    }
    let summary = summary(&scene, &subjects);
    let mut found: Vec<(bool, bool, Goal, bool, usize, usize)> = Vec::new();
    for (at, subject) in subjects.iter().enumerate() {
        let inside = subject.over.is_empty();
        if inside && (subject.exposed == Known::No || subject.vulnerable == Known::No) {
            continue;
        }
        let Some((unsure, goal)) = scene.worst(subject) else { continue };
        let way_in = (!inside && !subject.perhaps_over)
            || (subject.exposed == Known::Yes && subject.vulnerable == Known::Yes);
        let sure = way_in && !unsure;
        found.push((!sure, unsure, goal, !subject.exploited(), subject.over.len(), at));
    }
    found.sort_by(|one, other| {
        let pods = |at: usize| std::cmp::Reverse(subjects[at].pods);
        let rest = |found: &(bool, bool, Goal, bool, usize, usize)| {
            (found.0, found.1, found.2, found.3, found.4, pods(found.5))
        };
        rest(one).cmp(&rest(other)).then_with(|| subjects[one.5].shown.cmp(&subjects[other.5].shown))
    });
    let any_sure = found.first().is_some_and(|found| !found.0);
    let left_out = found.len().saturating_sub(TOLD) as u64;
    let any = !found.is_empty();
    let routes: Vec<AttackRoute> = found
        .into_iter()
        .take(TOLD)
        .map(|(unsure, .., at)| {
            let subject = &subjects[at];
            let ends = scene.ends(subject);
            let (cheapest, others) = cuts::cuts(&scene, subject, &ends);
            AttackRoute {
                workload: subject.shown.clone(),
                pods: subject.pods,
                sure: !unsure,
                entries: subject.entries.clone(),
                over: subject.over.clone(),
                vulnerable: subject.vulnerable,
                images: subject.images.iter().map(|(image, _)| image.clone()).collect(),
                breakout: subject.ways.clone(),
                accounts: subject.accounts.iter().map(|account| scene.account(*account)).collect(),
                ends,
                cheapest,
                others,
            }
        })
        .collect();
    let mut missing = reach.missing();
    for kind in [
        "ClusterRoleBinding",
        "RoleBinding",
        "ClusterRole",
        "Role",
        "ServiceAccount",
        "MutatingWebhookConfiguration",
        "ValidatingWebhookConfiguration",
    ] {
        missing.extend(cluster.missing(kind).map(|reason| Cluster::lack(kind, reason, true)));
    }
    missing.sort();
    missing.dedup();
    let mut problems = reach.problems();
    problems.extend(rbac.problems());
    problems.sort();
    problems.dedup();
    let verdict = if any_sure {
        Outcome::NotMet
    } else if any || !whole || missing.iter().any(|one| one.decides) || hides(&problems) {
        Outcome::Unknown
    } else {
        Outcome::Met
    };
    Attack {
        schema_version: ATTACK_VERSION.into(),
        plimsoll: env!("CARGO_PKG_VERSION").into(),
        cluster: info.clone(),
        verdict,
        summary,
        routes,
        left_out,
        notes,
        missing,
        problems,
    }
}

fn subjects<'r>(
    scene: &Scene<'_, '_>,
    reach: &mut Reachability<'_>,
    reports: &Reports<'r>,
) -> Vec<Subject<'r>> {
    let cluster = scene.cluster;
    let mut entries: HashMap<String, Vec<Exposure>> = HashMap::new();
    for exposure in reach.exposures() {
        if exposure.ports.answer != Reached::Denied {
            entries.entry(exposure.workload.clone()).or_default().push(exposure);
        }
    }
    let accounts: HashMap<(&str, &str), (Option<bool>, bool)> = cluster
        .service_accounts
        .iter()
        .map(|account| {
            let cloud = account.annotations.iter().next().is_some();
            ((account.namespace.as_ref(), account.name.as_ref()), (account.mounts_token, cloud))
        })
        .collect();
    let mut images: HashMap<(&str, BTreeSet<&str>), Judged<'r>> = HashMap::new();
    let mut all = Vec::new();
    for (name, (shown, workloads)) in reach.workloads().enumerate() {
        let mut subject = Subject {
            name,
            shown: shown.to_owned(),
            workloads: workloads.to_vec(),
            pods: 0,
            entries: entries.remove(shown).unwrap_or_default(),
            exposed: Known::No,
            vulnerable: Known::No,
            images: Vec::new(),
            ways: Vec::new(),
            accounts: Vec::new(),
            cloud: Vec::new(),
            neighbour: None,
            over: Vec::new(),
            perhaps_over: false,
            more_accounts: 0,
        };
        // A load balancer in a network of one's own is open to whoever is in there: who that is is not known.
        for entry in &subject.entries {
            let sure = entry.ports.answer == Reached::Allowed && entry.detail.as_deref() != Some(PRIVATE);
            subject.exposed = subject.exposed.min(if sure { Known::Yes } else { Known::Unknown });
        }
        // What its pods run under each name: after a tag has moved, more than one thing.
        let mut running: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let (mut own_accounts, mut cloud_accounts) = (BTreeSet::new(), BTreeSet::new());
        for workload in workloads.iter().map(|at| &cluster.workloads[*at]) {
            subject.pods += u64::from(workload.pods);
            for way in &workload.ways {
                let way = AttackWay {
                    id: way.id.to_owned(),
                    detail: way.detail.clone(),
                    unknown: way.unknown.map(str::to_owned),
                };
                if !subject.ways.contains(&way) {
                    subject.ways.push(way);
                }
            }
            for image in &workload.images {
                running.entry(image).or_default();
            }
            for (image, digest) in &workload.digests {
                running.entry(image).or_default().insert(digest);
            }
            let place = (workload.namespace.as_ref(), workload.service_account.as_ref());
            let (mounts, cloud) = accounts.get(&place).copied().unwrap_or_default();
            let own = Node::Subject(Holder {
                kind: "ServiceAccount".into(),
                namespace: Some(place.0.to_owned()),
                name: place.1.to_owned(),
            });
            let Some(own) = scene.graph.at(&own) else { continue };
            if mounts_token(workload, mounts) {
                own_accounts.insert(own);
            }
            if cloud {
                cloud_accounts.insert(own);
            }
        }
        for (image, digests) in running {
            let known = images
                .entry((image, digests))
                .or_insert_with_key(|(image, digests)| known(image, digests, reports));
            subject.vulnerable = subject.vulnerable.min(known.0.vulnerable);
            subject.images.push(known.clone());
        }
        subject.accounts = own_accounts.into_iter().collect();
        subject.cloud = cloud_accounts.into_iter().collect();
        for accounts in [&mut subject.accounts, &mut subject.cloud] {
            if accounts.len() > ACCOUNTS {
                // Of those that lead nowhere none is in front of one that leads somewhere.
                accounts.sort_by_cached_key(|account| {
                    let first = scene.goals(*account).map(|(goal, sure)| (!sure, goal)).min();
                    (first.is_none(), first)
                });
                subject.more_accounts = subject.more_accounts.max(accounts.len() - ACCOUNTS);
                accounts.truncate(ACCOUNTS);
            }
        }
        subject.ways.sort_by(|one, other| {
            (one.unknown.is_some(), &one.detail).cmp(&(other.unknown.is_some(), &other.detail))
        });
        all.push(subject);
    }
    all
}

/// What is known of an image: the worst of all that runs under its name.
fn known<'r>(image: &str, digests: &BTreeSet<&str>, reports: &Reports<'r>) -> Judged<'r> {
    let (found, unseen) = reports.of(image, digests);
    let flaws: Vec<&Flaw> = found.iter().flat_map(|report| &report.flaws).collect();
    let unknown = unseen
        .or_else(|| found.is_empty().then(|| "no report about it was given".to_owned()))
        .or_else(|| found.iter().find_map(|report| report.unknown.clone()));
    let vulnerable = match (&unknown, flaws.is_empty()) {
        (_, false) => Known::Yes,
        (Some(_), true) => Known::Unknown,
        (None, true) => Known::No,
    };
    let mut worst: Vec<AttackFlaw> = flaws.iter().map(|flaw| flaw.flaw.clone()).collect();
    worst.sort_by(|one, other| {
        let key = |flaw: &AttackFlaw| (!flaw.exploited, flaw.severity != "critical", !flaw.fixable);
        key(one).cmp(&key(other)).then_with(|| one.cmp(other))
    });
    worst.dedup();
    // What several reports say alike is one flaw.
    let number = if found.len() > 1 { worst.len() } else { flaws.len() };
    worst.truncate(WORST);
    let told = AttackImage { image: image.to_owned(), vulnerable, unknown, flaws: number as u64, worst };
    (told, found)
}

/// Whose tokens lie on the node that a workload breaks out to.
fn neighbours(scene: &Scene<'_, '_>, subjects: &mut [Subject<'_>]) {
    // The gravest goal of an account on each node, and anywhere.
    type Best = (Goal, usize, usize);
    let mut on: HashMap<&str, Vec<Best>> = HashMap::new();
    let mut anywhere: Vec<Best> = Vec::new();
    for (at, subject) in subjects.iter().enumerate() {
        let goal = |account: &usize| {
            let goal = scene.goals(*account).find(|(_, sure)| *sure)?.0;
            (goal == Goal::ClusterAdmin || goal == Goal::AllSecrets).then_some((goal, *account, at))
        };
        let Some(best) = subject.accounts.iter().filter_map(goal).min() else { continue };
        // Two of each place are enough: one of them is somebody else.
        let keep = |all: &mut Vec<Best>| {
            all.push(best);
            all.sort_unstable();
            all.truncate(2);
        };
        keep(&mut anywhere);
        for workload in &subject.workloads {
            for node in &scene.cluster.workloads[*workload].nodes {
                keep(on.entry(node.as_ref()).or_default());
            }
        }
    }
    for (at, subject) in subjects.iter_mut().enumerate() {
        if subject.breaks_out() == Known::No {
            continue;
        }
        let nodes: Vec<&str> = subject
            .workloads
            .iter()
            .flat_map(|workload| &scene.cluster.workloads[*workload].nodes)
            .map(AsRef::as_ref)
            .collect();
        let there = nodes.iter().filter_map(|node| on.get(node)).flatten().filter(|best| best.2 != at).min();
        let other = anywhere.iter().find(|best| best.2 != at).filter(|_| nodes.is_empty());
        subject.neighbour = match (there, other) {
            (Some((goal, account, _)), _) => Some((*account, *goal, true)),
            (None, Some((goal, account, _))) => Some((*account, *goal, false)),
            (None, None) => None,
        };
    }
}

/// From what is open and has a flaw to what is not open and has one: first where all of it is known, then where it is not.
/// Whether it was looked at.
fn follow(followed: usize, subjects: &mut [Subject<'_>], reach: &mut Reachability<'_>) -> bool {
    let flawed: Vec<usize> =
        (0..subjects.len()).filter(|at| subjects[*at].vulnerable == Known::Yes).collect();
    let of = |exposed: fn(Known) -> bool| -> Vec<usize> {
        flawed.iter().copied().filter(|at| exposed(subjects[*at].exposed)).collect()
    };
    let open = of(|exposed| exposed == Known::Yes);
    let perhaps_open = of(|exposed| exposed == Known::Unknown);
    let mut left = of(|exposed| exposed != Known::Yes);
    let nowhere_to = if open.is_empty() { left.len() == perhaps_open.len() } else { left.is_empty() };
    if nowhere_to || (open.is_empty() && perhaps_open.is_empty()) {
        return true;
    }
    if flawed.len() > followed {
        return false;
    }
    let mut reached = open;
    step(&mut reached, &mut left, false, subjects, reach);
    // What may be open itself is told as that.
    left.retain(|at| subjects[*at].exposed == Known::No);
    reached.extend(perhaps_open.into_iter().filter(|at| subjects[*at].over.is_empty()));
    step(&mut reached, &mut left, true, subjects, reach);
    true
}

/// From all that is reached on to what is left, over connections that are known or, `perhaps`, may be.
fn step(
    reached: &mut Vec<usize>,
    left: &mut Vec<usize>,
    perhaps: bool,
    subjects: &mut [Subject<'_>],
    reach: &mut Reachability<'_>,
) {
    let mut next = 0;
    while let Some(&from) = reached.get(next).filter(|_| !left.is_empty()) {
        next += 1;
        let mut still = Vec::new();
        for to in std::mem::take(left) {
            let ports = reach.connects(subjects[from].name, subjects[to].name);
            if ports.answer != Reached::Allowed && !(perhaps && ports.answer == Reached::Unknown) {
                still.push(to);
                continue;
            }
            let mut over = subjects[from].over.clone();
            let (from_shown, to_shown) = (subjects[from].shown.clone(), subjects[to].shown.clone());
            over.push(Connection { from: from_shown, to: to_shown, ports });
            let entries = subjects[from].entries.clone();
            subjects[to].entries = entries;
            subjects[to].over = over;
            subjects[to].perhaps_over = perhaps;
            reached.push(to);
        }
        *left = still;
    }
}

fn summary(scene: &Scene<'_, '_>, subjects: &[Subject<'_>]) -> AttackSummary {
    let mut summary = AttackSummary { workloads: subjects.len() as u64, ..AttackSummary::default() };
    for subject in subjects {
        summary.pods += subject.pods;
        summary.exposed += u64::from(subject.exposed == Known::Yes);
        summary.perhaps_exposed += u64::from(subject.exposed == Known::Unknown);
        summary.vulnerable += u64::from(subject.vulnerable == Known::Yes);
        summary.not_scanned += u64::from(subject.vulnerable == Known::Unknown);
        summary.breakout += u64::from(subject.breaks_out() == Known::Yes);
        let strong = subject.accounts.iter().any(|account| scene.goals(*account).any(|(_, sure)| sure));
        summary.strong += u64::from(strong);
    }
    summary
}

fn notes(cluster: &Cluster, reports: &[ImageFlaws]) -> Vec<String> {
    let mut notes = vec![
        "flaws that count are critical or high or known to be exploited, and do not need to be on the machine already; that one is in what listens is not known"
            .to_owned(),
    ];
    if reports.is_empty() {
        notes.push(
            "no report was given: whether anything has a flaw is not known (plimsoll scan IMAGE --format json, then --report FILE)"
                .to_owned(),
        );
    }
    if cluster.origin == Origin::Manifests {
        notes.push(
            "manifests say only what they say: what else is in the cluster is not looked at".to_owned(),
        );
    }
    notes
}
