//! `plimsoll audit --watch`: what changes, as it changes, a line of JSON for each.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::time::{Duration, Instant};

use plimsoll_admit::files::Watched;
use plimsoll_model::audit::{Audit, Missing};
use plimsoll_model::one_line;
use plimsoll_rules::Rules;
use plimsoll_scan::audit::follow::Followed;
use plimsoll_scan::audit::live::{self, Readings};
use plimsoll_scan::audit::publish::{self, Reports};
use plimsoll_scan::audit::{Change, Collector, Evidence, changes};
use plimsoll_scan::kube::Client;
use plimsoll_scan::party::OnPlatform;
use plimsoll_scan::{NoProgress, Options};
use serde_json::{Value, json};

use super::{Answer, AuditArguments, Environment, connect, gate, info, kinds, options, settings};
use crate::cli::Publish;
use crate::print::{Failure, USAGE};

/// How long to wait for what else comes with a change.
const SETTLE: Duration = Duration::from_millis(200);
/// Most findings that wait to be written into the cluster.
const MOST_WAITING: usize = 100;
/// How often files are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Exceptions end and images get older though nothing changes: so often everything is decided again, or less often where
/// that takes long.
const AGAIN: Duration = Duration::from_secs(5);

/// Writes lines; `false` when nobody reads them any more.
fn line(event: &Value) -> bool {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{event}").and_then(|()| stdout.flush()).is_ok()
}

/// With a platform every line about a workload says whose it is.
pub(super) fn run(arguments: &AuditArguments, on: Option<&OnPlatform>, environment: &Environment) -> Answer {
    let usage = |error| Failure::new(USAGE, error);
    let kinds = kinds(&arguments.kinds).map_err(usage)?;
    let mut gate = gate(arguments, environment).map_err(usage)?;
    let settings = settings(arguments);
    let base = options(arguments, environment);
    let (client, mut readings) =
        connect(&arguments.cluster, &kinds, (live::Scope::Audit, &gate.rules), environment)?;
    let start = Instant::now();
    let moment = || {
        let passed = i64::try_from(start.elapsed().as_secs()).unwrap_or(i64::MAX);
        let now = environment.now.as_second().saturating_add(passed);
        jiff::Timestamp::from_second(now).unwrap_or(environment.now)
    };
    let follow = |standards, rules: &Arc<Rules>, readings: &Readings| {
        let collector = Collector::new(kinds.clone(), standards).with_rules(rules);
        Followed::start(&client, readings, &arguments.cluster.namespaces, collector)
    };
    let mut standards = gate.policies().standards();
    let mut followed = follow(standards.clone(), &gate.rules, &readings);
    let mut policies = Watched::new(arguments.policies.clone());
    let mut trust = Watched::new(trust_files(arguments, environment));
    let mut database = Watched::new(base.database.iter().cloned().collect());
    let told = |event: &str, detail: String| {
        line(&json!({ "event": event, "at": moment().to_string(), "detail": detail }))
    };
    let count = |gate: &plimsoll_scan::gate::Gate| {
        format!("{} policies", gate.policies().policies().len() + gate.rules.len())
    };
    if !told("watching", format!("{}: {}", info(&client, &readings, moment()).name, count(&gate))) {
        return Ok(0);
    }
    let mut evidence = Evidence::default();
    let publisher = Publisher::start(&client, &arguments.publish);
    let mut before: Option<Arc<Audit>> = None;
    let (mut seen, mut due) = (0, Instant::now());
    loop {
        let version = followed.wait(seen, LOOK.min(due.saturating_duration_since(Instant::now())));
        let mut alive = true;
        let (policies, trust) = (policies.changed(), trust.changed());
        if policies || trust {
            match super::gate(arguments, environment) {
                Ok(new) => {
                    // What was gathered by other roots, of other bases, or kept only in part is gathered again.
                    let (old, new_ones) = (gate.policies(), new.policies());
                    if trust || old.kept() != new_ones.kept() || !old.bases().eq(new_ones.bases()) {
                        evidence = Evidence::default();
                    }
                    // Rules look at objects as they come, and perhaps at kinds that nobody followed.
                    let rules = !(gate.rules.is_empty() && new.rules.is_empty());
                    gate = new;
                    if rules {
                        match live::readings_for(&client, &kinds, live::Scope::Audit, &gate.rules) {
                            Ok(new) => readings = new,
                            Err(error) => alive &= told("notSeen", one_line(&error)),
                        }
                    }
                    if rules || gate.policies().standards() != standards {
                        standards = gate.policies().standards();
                        followed = follow(standards.clone(), &gate.rules, &readings);
                    }
                    alive &= told("policiesLoaded", count(&gate));
                }
                // What held before goes on to hold.
                Err(error) => alive &= told("policiesRefused", format!("{error:#}")),
            }
            due = Instant::now();
        }
        if database.changed() {
            evidence.forget_scans();
            alive &= told("databaseChanged", "images are scanned again".into());
            due = Instant::now();
        }
        if !alive {
            return Ok(0);
        }
        if version == seen && Instant::now() < due {
            continue;
        }
        std::thread::sleep(SETTLE);
        let began = Instant::now();
        let now = moment();
        let looked = followed.look(|collector, missing| {
            let options = Options { now, ..base.clone() };
            let cluster = info(&client, &readings, now);
            plimsoll_scan::audit::audit(
                collector,
                cluster,
                missing,
                &gate,
                &mut evidence,
                &settings,
                &options,
                &NoProgress,
            )
        });
        let Some((version, mut audit)) = looked else {
            due = Instant::now() + SETTLE;
            continue;
        };
        seen = version;
        if let Some(on) = on {
            on.tell_audit(&mut audit);
        }
        due = Instant::now() + AGAIN.max(10 * began.elapsed());
        let none: Vec<Missing> = Vec::new();
        let missing_before = before.as_ref().map_or(&none, |audit| &audit.missing);
        for one in audit.missing.iter().filter(|one| !missing_before.contains(one)) {
            alive &= line(&json!({ "event": "notSeen", "at": now.to_string(), "missing": one }));
        }
        for one in missing_before.iter().filter(|one| !audit.missing.contains(one)) {
            alive &= line(&json!({ "event": "seenAgain", "at": now.to_string(), "missing": one }));
        }
        let changes = changes(before.as_deref(), &audit, now);
        for change in &changes {
            alive &= serde_json::to_value(change).is_ok_and(|change| line(&change));
        }
        let audit = Arc::new(audit);
        if let Some(publisher) = &publisher {
            if !publisher.send(changes, audit.clone()) {
                alive &= told("notPublished", "the API server takes longer than changes come".into());
            }
            for failure in publisher.failures.try_iter() {
                alive &= told("notPublished", failure);
            }
        }
        before = Some(audit);
        if !alive {
            return Ok(0);
        }
    }
}

/// What is to be written into the cluster.
type Found = (Vec<Change>, Arc<Audit>);

/// Writes into the cluster on a thread of its own, so that a slow API server holds up nobody who reads the lines.
struct Publisher {
    queue: SyncSender<Found>,
    /// What could not be written.
    failures: Receiver<String>,
}

impl Publisher {
    fn start(client: &Client, what: &[Publish]) -> Option<Self> {
        let (events, wants_reports) = (what.contains(&Publish::Events), what.contains(&Publish::Reports));
        if !events && !wants_reports {
            return None;
        }
        let (queue, found) = sync_channel::<Found>(MOST_WAITING);
        let (told, failures) = channel();
        let client = client.clone();
        std::thread::spawn(move || {
            let mut reports = Reports::default();
            while let Ok((mut changes, mut audit)) = found.recv() {
                // Of what came meanwhile every change counts, and of reports the newest.
                for (more, newer) in found.try_iter() {
                    changes.extend(more);
                    audit = newer;
                }
                if events {
                    for change in &changes {
                        if let Err(error) = publish::event(&client, change) {
                            let _ = told.send(one_line(&error));
                        }
                    }
                }
                if wants_reports {
                    for (namespace, error) in reports.write(&client, &audit) {
                        let _ = told.send(format!("{namespace}: {}", one_line(&error)));
                    }
                }
            }
        });
        Some(Publisher { queue, failures })
    }

    /// Hands over what was found; `false` when too much waits already.
    fn send(&self, changes: Vec<Change>, audit: Arc<Audit>) -> bool {
        self.queue.try_send((changes, audit)).is_ok()
    }
}

/// Files that trust roots and revoked certificates come from.
fn trust_files(arguments: &AuditArguments, environment: &Environment) -> Vec<PathBuf> {
    let roots = arguments.roots.iter().map(PathBuf::from).chain(environment.trust_roots.clone());
    arguments.notation_revocations.iter().cloned().chain(roots).collect()
}
