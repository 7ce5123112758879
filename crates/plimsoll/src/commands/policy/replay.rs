//! `plimsoll policy replay`: what a draft would change for what runs.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::anyhow;
use plimsoll_model::audit::{Audit, ClusterInfo};
use plimsoll_model::decision::Effect;
use plimsoll_scan::Options;
use plimsoll_scan::audit::live::Sink;
use plimsoll_scan::audit::{Change, Collector, Evidence, Happened, Settings, changes, not_in_snapshot};
use plimsoll_scan::gate::Gate;
use plimsoll_scan::policy::Policies;
use serde_json::json;

use super::super::{audit, cache, scan};
use super::{Answer, reviews, verify};
use crate::cli::{PolicyReplayArguments, PolicyTestFormat};
use crate::environment::Environment;
use crate::print::{self, Failure, UNDECIDED, USAGE};
use crate::progress;

pub(super) fn run(arguments: &PolicyReplayArguments, environment: &Environment) -> Answer {
    let usage = |error| Failure::new(USAGE, error);
    let gate = |paths: &[PathBuf]| -> anyhow::Result<Gate> {
        let (policies, rules) = verify::policies_and_rules(paths)?;
        let mut gate = Gate::new(policies, verify::roots(&arguments.roots, environment)?, &Arc::default())?;
        gate.rules = Arc::new(rules);
        Ok(gate)
    };
    let draft = gate(&arguments.draft).map_err(usage)?;
    let current = match arguments.policies.as_slice() {
        [] => None,
        paths => Some(gate(paths).map_err(usage)?),
    };
    let options = Options {
        database: scan::database(arguments.db.as_ref(), environment),
        now: environment.now,
        registries: (!arguments.offline).then(|| environment.network.registries(&arguments.registry)),
        cache: if arguments.registry.no_cache {
            None
        } else {
            cache::cache(&arguments.registry.cache, environment)
        },
        ..Options::default()
    };
    let against = match (&arguments.against, &arguments.reviews) {
        (_, Some(path)) => return reviews::run(arguments, path, (draft, current), &options, environment),
        (Some(against), None) => against,
        (None, None) => {
            return Err(usage(anyhow!("give what to hold the draft against: `--against` or `--reviews`")));
        }
    };
    let standards = |gate: &Gate| Policies::standards(gate.policies());
    let mut all = standards(&draft);
    all.extend(current.iter().flat_map(standards));
    let kinds = audit::kinds(&arguments.kinds).map_err(usage)?;
    let collector = |gate: &Gate| Collector::new(kinds.clone(), all.clone()).with_rules(&gate.rules);
    // What runs is read once, for both.
    let mut what_runs = Both(collector(&draft), current.as_ref().map(collector));
    let told = audit::read_file(against, &mut what_runs)?;
    let Both(mut for_draft, mut for_current) = what_runs;
    let named = ClusterInfo { name: against.display().to_string(), ..ClusterInfo::default() };
    let progress = progress::Line::new(environment.progress);
    let judge = |gate: &Gate, collector: &mut Collector, paths: &[PathBuf]| {
        let settings = Settings {
            threads: 4,
            provenance: false,
            policies: paths.iter().map(|path| path.display().to_string()).collect(),
            again: 60,
        };
        let mut missing = told.missing.clone();
        if told.cluster.is_some() {
            missing.extend(not_in_snapshot(&gate.rules, &told.lists));
        }
        let mut audit = plimsoll_scan::audit::audit(
            collector,
            told.cluster.clone().unwrap_or_else(|| named.clone()),
            missing,
            gate,
            &mut Evidence::default(),
            &settings,
            &options,
            &progress,
        );
        audit.problems.extend(told.problems.iter().cloned());
        audit
    };
    let before = current
        .as_ref()
        .zip(for_current.as_mut())
        .map(|(gate, collector)| judge(gate, collector, &arguments.policies));
    let after = judge(&draft, &mut for_draft, &arguments.draft);
    drop(progress);
    let changes = changes(before.as_ref(), &after, environment.now);
    let unseen =
        after.missing.iter().filter(|one| one.decides).map(|one| format!("{}: {}", one.unknown, one.reason));
    let unseen: Vec<String> = unseen
        .chain(after.problems.iter().map(|problem| format!("{}: {}", problem.subject, problem.detail)))
        .collect();
    if after.results.is_empty() && after.summary.objects == 0 && unseen.is_empty() {
        return Err(usage(anyhow!("nothing runs in `{}`: there is nothing to replay", against.display())));
    }
    let text = match arguments.format {
        PolicyTestFormat::Table => table(&changes, &after, &unseen),
        PolicyTestFormat::Json => {
            let document = json!({
                "schemaVersion": "1.0",
                "images": after.summary.images,
                "denied": after.summary.denied,
                "unknown": after.summary.unknown,
                "objects": after.summary.objects,
                "objectsDenied": after.summary.objects_denied,
                "objectsUnknown": after.summary.objects_unknown,
                "changes": changes,
                "notSeen": unseen,
            });
            format!("{document:#}\n")
        }
    };
    print::data(&text)?;
    let worse = |wanted: Effect| changes.iter().any(|change| change.effect == wanted && is_worse(change));
    Ok(match (worse(Effect::Deny), worse(Effect::Unknown) || !unseen.is_empty()) {
        (true, _) => 1,
        (false, true) => UNDECIDED,
        (false, false) => 0,
    })
}

/// What runs, for the draft and for what holds now.
struct Both(Collector, Option<Collector>);

impl Both {
    fn each(&mut self) -> impl Iterator<Item = &mut Collector> {
        std::iter::once(&mut self.0).chain(&mut self.1)
    }
}

impl Sink for Both {
    fn forget(&mut self, kind: &str) {
        self.each().for_each(|one| one.forget(kind));
    }

    fn object(&mut self, object: &plimsoll_rules::Json<'_>) {
        self.each().for_each(|one| one.apply(object));
    }

    fn partial(&mut self) {
        self.each().for_each(Sink::partial);
    }
}

fn is_worse(change: &Change) -> bool {
    matches!(change.event, Happened::NotMet | Happened::NoLongerMet)
        || (change.event == Happened::Changed && change.effect == Effect::Deny)
}

fn table(changes: &[Change], after: &Audit, unseen: &[String]) -> String {
    let mut out = String::new();
    let mut section = |title: &str, of: &dyn Fn(&Change) -> bool| {
        let some: Vec<&Change> = changes.iter().filter(|change| of(change)).collect();
        if some.is_empty() {
            return;
        }
        let _ = writeln!(out, "{title}");
        for change in some {
            let owner = change.owner.as_ref().map(|owner| format!("  ({owner})")).unwrap_or_default();
            let place = format!("{}/{} {}", change.namespace, change.kind, change.name);
            let _ = writeln!(out, "  {}{}", print::plain(&place), print::plain(&owner));
            let about = change.image.as_deref().or(change.rule.as_deref()).unwrap_or_default();
            let _ = writeln!(out, "    {}", print::plain(about));
            for reason in change.reasons.iter().take(5) {
                let _ = writeln!(out, "    {}", print::plain(reason));
            }
        }
        let _ = writeln!(out);
    };
    section("Would be refused", &|change| change.effect == Effect::Deny && is_worse(change));
    section("Could not be told any more", &|change| change.effect == Effect::Unknown && is_worse(change));
    section("Would be let in again", &|change| change.event == Happened::MetAgain);
    section("Refused for another reason", &|change| change.event == Happened::Changed && !is_worse(change));
    for one in unseen {
        let _ = writeln!(out, "not seen  {}", print::plain(one));
    }
    let summary = &after.summary;
    let _ = writeln!(
        out,
        "With the draft, of {} images {} are denied and {} unknown; {} uses change.",
        summary.images,
        summary.denied,
        summary.unknown,
        changes.len()
    );
    if summary.rules > 0 {
        let _ = writeln!(
            out,
            "Its rules refuse {} of {} objects, and cannot tell of {}.",
            summary.objects_denied, summary.objects, summary.objects_unknown
        );
    }
    out
}
