//! What runs in a cluster, for people, as JSON, and as the reports that clusters keep.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use plimsoll_model::audit::{Audit, AuditResult, Placed, RuleResult, RuleUse, Use};
use plimsoll_model::decision::{Effect, RequirementResult};
use plimsoll_model::responsibility::Belongs;
use plimsoll_model::{Digest, Outcome};
use serde_json::{Value, json};

use crate::text::{clean, count, listing, shorten, thousands, wrap};
use crate::{Error, View};

/// What stands before a command.
const NEXT: &str = "next: ";
/// Images, rules and workloads that are shown unless all are asked for.
const SHOWN: usize = 10;
/// Most results of one report object: what etcd takes is 1.5 MB.
const MOST_RESULTS: usize = 2_000;
/// Longest message of a result in characters.
const LONGEST_MESSAGE: usize = 500;

/// In which form an audit is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditForm {
    /// Text for a terminal.
    Table,
    /// The audit itself.
    Json,
    /// A list of `PolicyReport` objects (`wgpolicyk8s.io/v1alpha2`), one for each namespace.
    PolicyReport,
    /// The same as `Report` objects (`openreports.io/v1alpha1`).
    OpenReport,
}

/// Writes the audit.
///
/// # Errors
/// When it cannot be rendered.
pub fn write(audit: &Audit, form: AuditForm, view: &View) -> Result<String, Error> {
    match form {
        AuditForm::Table => Ok(table(audit, view)),
        AuditForm::Json => Ok(crate::text::json(audit)?),
        AuditForm::PolicyReport | AuditForm::OpenReport => {
            let items: Vec<Value> = reports(audit, form).into_values().collect();
            Ok(crate::text::json(&json!({ "apiVersion": "v1", "kind": "List", "items": items }))?)
        }
    }
}

/// The word for an effect, in a column of eight.
fn word(effect: Effect) -> &'static str {
    match effect {
        Effect::Allow => "allow",
        Effect::Warn => "warn",
        Effect::Unknown => "unknown",
        Effect::Deny => "DENY",
    }
}

fn table(audit: &Audit, view: &View) -> String {
    let width = view.width.clamp(40, 100);
    let mut text = String::new();
    let mut line = |line: &str| {
        // A command is to be copied whole.
        let is_command = line.trim_start().starts_with(NEXT);
        let line = line.trim_end();
        let _ = writeln!(text, "{}", if is_command { line.into() } else { shorten(line, width) });
    };
    let shown = if view.all { usize::MAX } else { SHOWN };
    let summary = &audit.summary;
    let version =
        audit.cluster.version.as_deref().map(|version| format!("  {}", clean(version))).unwrap_or_default();
    line(&format!("{}{version}", clean(&audit.cluster.name)));
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    line(&format!(
        "{}, {}, {}",
        count(number(summary.workloads), "workload", "workloads"),
        count(number(summary.pods), "running pod", "running pods"),
        count(number(summary.images), "image", "images")
    ));
    line("");
    let parts = [
        (summary.denied, "denied"),
        (summary.unknown, "unknown"),
        (summary.warned, "with warnings"),
        (summary.allowed, "allowed"),
    ];
    let counts: Vec<String> = parts
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| format!("{} {word}", thousands(*number)))
        .collect();
    line(&format!(
        "{}  {}",
        audit.verdict.word(),
        match (counts.is_empty(), summary.rules) {
            (false, _) => listing(&counts),
            (true, 0) => "no image".into(),
            (true, _) => "no policy about images".into(),
        }
    ));

    let rules = rules(audit);
    if !rules.is_empty() {
        line("");
        line("By rule");
        for rule in rules.iter().take(shown) {
            let images = count(rule.images.len(), "image", "images");
            let workloads = count(rule.workloads.len(), "workload", "workloads");
            line(&format!("  {:<8} {}  {images}, {workloads}", word(rule.effect), clean(&rule.name)));
        }
        more(&mut line, rules.len(), shown, "rule", "rules");
    }

    let bad: Vec<&AuditResult> =
        audit.results.iter().filter(|result| result.decision.effect > Effect::Allow).collect();
    if !bad.is_empty() {
        line("");
        line("By image");
        for result in bad.iter().take(shown) {
            image(result, shown, width, &mut line);
        }
        more(&mut line, bad.len(), shown, "image", "images");
    }

    if summary.rules > 0 {
        line("");
        of_objects(audit, shown, width, &mut line);
    }

    if !audit.placed.is_empty() {
        line("");
        line(&format!(
            "Trusted because of where it is, not what it is: {}",
            count(audit.placed.len(), "workload", "workloads")
        ));
        for one in audit.placed.iter().take(shown) {
            placed(one, width, &mut line);
        }
        more(&mut line, audit.placed.len(), shown, "workload", "workloads");
    }

    if !audit.missing.is_empty() || !audit.problems.is_empty() {
        line("");
        line("Not known");
        for one in &audit.missing {
            let text = format!("{}: {}", clean(&one.unknown), clean(&one.reason));
            for (index, row) in wrap(&text, width - 4).into_iter().enumerate() {
                line(&format!("{}{row}", if index == 0 { "  " } else { "    " }));
            }
        }
        for problem in audit.problems.iter().take(shown) {
            line(&format!("  {}: {}", clean(&problem.subject), clean(&problem.detail)));
        }
        more(
            &mut line,
            audit.problems.len(),
            shown,
            "thing that cannot be read",
            "things that cannot be read",
        );
    }
    text
}

/// What rules about objects say: for each rule how much it hits, and where.
fn of_objects(audit: &Audit, shown: usize, width: usize, line: &mut dyn FnMut(&str)) {
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let summary = &audit.summary;
    let [denied, unknown] = [summary.objects_denied, summary.objects_unknown].map(thousands);
    line(&format!(
        "By rules about objects: {}, {}, {denied} denied, {unknown} unknown",
        count(number(summary.rules), "rule", "rules"),
        count(number(summary.objects), "object", "objects")
    ));
    // What is only written down is for those who ask for everything.
    let results = audit.rules.iter().filter(|one| shown == usize::MAX || one.effect > Effect::Allow);
    let results: Vec<&RuleResult> = results.collect();
    for one in results.iter().take(shown) {
        line(&format!("  {:<8} {}", word(one.effect), clean(&one.title())));
        for reason in one.reasons.iter().take(3) {
            for (index, row) in wrap(&clean(reason), width - 15).into_iter().take(3).enumerate() {
                line(&format!("           {}{row}", if index == 0 { "" } else { "  " }));
            }
        }
        for used in one.objects.iter().take(shown.min(3)) {
            let place = place(&used.namespace, &used.kind, &used.name);
            let many = if used.objects > 1 {
                format!(", {}", count(number(used.objects), "object", "objects"))
            } else {
                String::new()
            };
            let owner = used.owner.as_deref().map(|owner| format!(" (owner: {})", clean(owner)));
            line(&format!(
                "           in {place}{many}{}{}",
                owner.unwrap_or_default(),
                by(used.whose.as_ref())
            ));
        }
        if one.objects.len() > shown.min(3) {
            let left = one.objects.len() - shown.min(3);
            line(&format!("           and {}", count(left, "more place", "more places")));
        }
    }
    more(line, results.len(), shown, "result", "results");
}

fn more(line: &mut dyn FnMut(&str), there: usize, shown: usize, one: &str, many: &str) {
    if there > shown {
        line(&format!("  and {} more: see --all", count(there - shown, one, many)));
    }
}

fn image(result: &AuditResult, shown: usize, width: usize, line: &mut dyn FnMut(&str)) {
    let decision = &result.decision;
    let digest = decision.digest.as_deref().and_then(|digest| Digest::parse(digest).ok());
    let digest = digest.map(|digest| format!("  {}", digest.short())).unwrap_or_default();
    // The digest stands beside it.
    let name = decision.image.split('@').next().unwrap_or_default();
    line(&format!("  {:<8} {}{digest}", word(decision.effect), clean(name)));
    for reason in decision.reasons.iter().take(3) {
        for (index, row) in wrap(&clean(reason), width - 15).into_iter().take(3).enumerate() {
            line(&format!("           {}{row}", if index == 0 { "" } else { "  " }));
        }
    }
    if decision.reasons.len() > 3 {
        line(&format!("           and {}", count(decision.reasons.len() - 3, "more reason", "more reasons")));
    }
    for used in result.uses.iter().take(shown.min(3)) {
        line(&format!("           in {}", whose(used)));
    }
    if result.uses.len() > 3 {
        line(&format!("           and {}", count(result.uses.len() - 3, "more workload", "more workloads")));
    }
    if let Some(next) = &result.next {
        line(&format!("           {NEXT}{}", clean(next)));
    }
}

/// `shop/Deployment web, 3 pods (team blue)`.
fn whose(used: &Use) -> String {
    let place = place(&used.namespace, &used.kind, &used.name);
    let pods = if used.pods > 0 {
        format!(", {}", count(usize::try_from(used.pods).unwrap_or(usize::MAX), "pod", "pods"))
    } else {
        ", not running".into()
    };
    let owner = used.owner.as_deref().map(|owner| format!(" (owner: {})", clean(owner))).unwrap_or_default();
    format!("{place}{pods}{owner}{}", by(used.whose.as_ref()))
}

/// Whose it is on the platform that was named, as the end of a line.
fn by(whose: Option<&Belongs>) -> String {
    whose.map(|whose| format!("; whose: {}", clean(&whose.shown()))).unwrap_or_default()
}

fn place(namespace: &str, kind: &str, name: &str) -> String {
    let namespace = if namespace.is_empty() { String::new() } else { format!("{}/", clean(namespace)) };
    format!("{namespace}{} {}", clean(kind), clean(name))
}

fn placed(one: &Placed, width: usize, line: &mut dyn FnMut(&str)) {
    let owner = one.owner.as_deref().map(|owner| format!(" (owner: {})", clean(owner))).unwrap_or_default();
    line(&format!("  {}{owner}{}", place(&one.namespace, &one.kind, &one.name), by(one.whose.as_ref())));
    for (question, standing) in one.standings() {
        let mark = match standing.answer {
            Outcome::Met => continue,
            Outcome::NotMet => "",
            Outcome::Unknown => "not known: ",
        };
        for (index, row) in
            wrap(&format!("{mark}{}", clean(&standing.detail)), width - 18).into_iter().enumerate()
        {
            line(&format!("    {:<11} {row}", if index == 0 { question } else { "" }));
        }
    }
}

/// A rule that something stands against, with what.
struct Rule<'a> {
    name: String,
    effect: Effect,
    images: BTreeSet<(&'a str, Option<&'a str>)>,
    workloads: BTreeSet<(&'a str, &'a str, &'a str)>,
}

/// The rules that something stands against, the worst first, then those that hit most.
fn rules(audit: &Audit) -> Vec<Rule<'_>> {
    let mut rules: BTreeMap<String, Rule<'_>> = BTreeMap::new();
    for result in &audit.results {
        let decision = &result.decision;
        let of_policies = decision.policies.iter().flat_map(|policy| {
            policy
                .requirements
                .iter()
                .map(move |one| (format!("{}/{}", policy.policy, one.requirement), one.effect))
        });
        let revoked = (!decision.revoked.is_empty()).then(|| ("revoked".to_owned(), Effect::Deny));
        let nobody = decision.policies.is_empty().then(|| ("no policy".to_owned(), decision.effect));
        for (name, effect) in
            of_policies.chain(revoked).chain(nobody).filter(|(_, effect)| *effect > Effect::Allow)
        {
            let rule = rules.entry(name.clone()).or_insert_with(|| Rule {
                name,
                effect,
                images: BTreeSet::new(),
                workloads: BTreeSet::new(),
            });
            rule.effect = rule.effect.max(effect);
            rule.images.insert((&decision.image, decision.digest.as_deref()));
            rule.workloads.extend(
                result
                    .uses
                    .iter()
                    .map(|used| (used.namespace.as_str(), used.kind.as_str(), used.name.as_str())),
            );
        }
    }
    let mut rules: Vec<Rule<'_>> = rules.into_values().collect();
    rules.sort_by_key(|rule| std::cmp::Reverse((rule.effect, rule.images.len())));
    rules
}

/// The reports of an audit, by namespace: one object for each.
pub fn reports(audit: &Audit, form: AuditForm) -> BTreeMap<String, Value> {
    let mut results: BTreeMap<String, Vec<(&'static str, Value)>> = BTreeMap::new();
    for result in &audit.results {
        for used in &result.uses {
            let into = results.entry(used.namespace.clone()).or_default();
            let of_policies = result.decision.policies.iter().flat_map(|policy| {
                policy.requirements.iter().map(move |one| {
                    (policy.policy.as_str(), one.requirement.as_str(), answer(one), message(&one.reasons))
                })
            });
            let revoked = (!result.decision.revoked.is_empty())
                .then(|| ("plimsoll", "revoked", "fail", message(&result.decision.revoked)));
            let nobody = result
                .decision
                .policies
                .is_empty()
                .then(|| ("plimsoll", "no-policy", "error", message(&result.decision.reasons)));
            for (policy, rule, word, message) in of_policies.chain(revoked).chain(nobody) {
                into.push((word, result_of(result, used, policy, rule, word, &message)));
            }
        }
    }
    for rule in &audit.rules {
        for used in &rule.objects {
            let word = match rule.effect {
                Effect::Deny => "fail",
                Effect::Unknown => "error",
                Effect::Warn | Effect::Allow => "warn",
            };
            let into = results.entry(used.namespace.clone()).or_default();
            into.push((word, result_of_rule(rule, used, word)));
        }
    }
    results
        .into_iter()
        .map(|(namespace, results)| {
            let number = |wanted: &str| results.iter().filter(|(word, _)| *word == wanted).count();
            let summary = json!({
                "pass": number("pass"), "fail": number("fail"), "warn": number("warn"),
                "error": number("error"), "skip": 0,
            });
            // The worst stay when there are too many; the counts are of all.
            let mut kept: Vec<&(&str, Value)> = results.iter().collect();
            let rank = |word: &str| ["fail", "error", "warn", "pass"].iter().position(|own| *own == word);
            kept.sort_by_key(|(word, _)| rank(word));
            let kept: Vec<&Value> = kept.into_iter().take(MOST_RESULTS).map(|(_, value)| value).collect();
            let (version, kind) = match form {
                AuditForm::OpenReport => ("openreports.io/v1alpha1", "Report"),
                _ => ("wgpolicyk8s.io/v1alpha2", "PolicyReport"),
            };
            let mut report = json!({
                "apiVersion": version,
                "kind": kind,
                "metadata": {
                    "name": "plimsoll-audit",
                    "namespace": namespace,
                    "labels": { "app.kubernetes.io/managed-by": "plimsoll" },
                },
                "summary": summary,
                "results": kept,
            });
            if form == AuditForm::OpenReport {
                report["source"] = "plimsoll".into();
            }
            (namespace, report)
        })
        .collect()
}

/// How a report calls the answer: unknown is an error, never a pass, and what warns only is a warning.
fn answer(one: &RequirementResult) -> &'static str {
    match (one.answer, one.effect) {
        (Outcome::Met, _) => "pass",
        (Outcome::NotMet, Effect::Deny) => "fail",
        (Outcome::Unknown, Effect::Unknown | Effect::Deny) => "error",
        (Outcome::NotMet | Outcome::Unknown, _) => "warn",
    }
}

fn message(reasons: &[String]) -> String {
    shorten(&clean(&reasons.join("; ")), LONGEST_MESSAGE).into_owned()
}

fn result_of_rule(rule: &RuleResult, used: &RuleUse, word: &str) -> Value {
    let mut properties = json!({ "objects": used.objects.to_string() });
    if let Some(owner) = &used.owner {
        properties["owner"] = owner.as_str().into();
    }
    if let Some(whose) = &used.whose {
        properties["whose"] = whose.shown().into();
    }
    json!({
        "source": "plimsoll",
        "policy": rule.title(),
        "rule": rule.name,
        "category": "Objects",
        "result": word,
        "scored": true,
        "message": message(&rule.reasons),
        "resources": [{ "kind": used.kind, "namespace": used.namespace, "name": used.name }],
        "properties": properties,
    })
}

fn result_of(result: &AuditResult, used: &Use, policy: &str, rule: &str, word: &str, message: &str) -> Value {
    let mut properties = json!({ "image": result.decision.image, "places": used.places.join(", ") });
    if let Some(digest) = &result.decision.digest {
        properties["digest"] = digest.as_str().into();
    }
    if let Some(owner) = &used.owner {
        properties["owner"] = owner.as_str().into();
    }
    if let Some(whose) = &used.whose {
        properties["whose"] = whose.shown().into();
    }
    if let Some(next) = result.next.as_ref().filter(|_| word != "pass") {
        properties["next"] = next.as_str().into();
    }
    json!({
        "source": "plimsoll",
        "policy": policy,
        "rule": rule,
        "category": "Supply chain",
        "result": word,
        "scored": true,
        "message": message,
        "resources": [{ "kind": used.kind, "namespace": used.namespace, "name": used.name }],
        "properties": properties,
    })
}
