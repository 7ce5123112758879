//! Where an image comes from, for people and as JSON.

use std::fmt::Write as _;

use plimsoll_model::verification::{EvidenceInfo, EvidenceOutcome, Verification};

use crate::text::{clean, count, shorten, wrap};
use crate::{Error, Format, View};

/// Pieces of evidence that are shown unless all are asked for.
const SHOWN: usize = 12;

/// Writes the answer as table or JSON.
///
/// # Errors
/// For every other format.
pub fn write(verification: &Verification, format: Format, view: &View) -> Result<String, Error> {
    match format {
        Format::Table => Ok(table(verification, view)),
        Format::Json => Ok(crate::text::json(verification)?),
        other => Err(Error::NotForThis { format: other.name(), of: "signatures", known: "table and json" }),
    }
}

fn table(verification: &Verification, view: &View) -> String {
    let width = view.width.clamp(40, 100);
    let mut text = String::new();
    let mut line = |line: &str| {
        let _ = writeln!(text, "{}", shorten(line.trim_end(), width));
    };
    line(&format!("{}  {}", clean(&verification.image), verification.digest.short()));
    let roots: Vec<String> = verification
        .roots
        .iter()
        .map(|root| match &root.until {
            Some(until) => format!("{} (until {})", clean(&root.name), crate::text::day(until)),
            None => clean(&root.name).into_owned(),
        })
        .collect();
    line(&format!(
        "{}   trust roots: {}",
        count(verification.evidence.len(), "piece of evidence", "pieces of evidence"),
        if roots.is_empty() { "none".to_owned() } else { roots.join(", ") }
    ));
    line("");
    let verdict = &verification.verdict;
    line(&format!("{:<9} line: {}", verdict.outcome.word(), clean(&verdict.line)));
    let missing = verdict.inputs_missing.iter().map(|missing| format!("missing: {missing}"));
    for part in verdict.reasons.iter().cloned().chain(missing) {
        for row in wrap(&clean(&part), width - 10) {
            line(&format!("          {row}"));
        }
    }
    let shown = if view.all { verification.evidence.len() } else { SHOWN };
    if !verification.evidence.is_empty() {
        line("");
    }
    for evidence in verification.evidence.iter().take(shown) {
        for row in described(evidence, width, view.all) {
            line(&row);
        }
    }
    let more = verification.evidence.len().saturating_sub(shown);
    if more > 0 {
        line(&format!("  and {more} more; --all lists them"));
    }
    if !verification.problems.is_empty() {
        line("");
        line("could not see");
        for problem in verification.problems.iter().take(if view.all { usize::MAX } else { 3 }) {
            for (index, row) in wrap(&clean(problem), width - 4).into_iter().enumerate() {
                line(&format!("{}{row}", if index == 0 { "  " } else { "    " }));
            }
        }
    }
    text
}

/// One piece of evidence: what it is and became, then who made it and what it says.
fn described(evidence: &EvidenceInfo, width: usize, all: bool) -> Vec<String> {
    let what = match &evidence.predicate_type {
        Some(predicate) => format!("{} {}", evidence.kind, clean(predicate)),
        None => evidence.kind.clone(),
    };
    let mut rows = vec![format!(
        "  {:<11} {what}  ({}, {})",
        evidence.outcome.word(),
        clean(&evidence.format),
        clean(&evidence.layout)
    )];
    let mut detail = |name: &str, value: &str| {
        for (index, row) in wrap(&clean(value), width.saturating_sub(24)).into_iter().enumerate() {
            rows.push(format!("              {:<9} {row}", if index == 0 { name } else { "" }));
        }
    };
    if !evidence.signers.is_empty() {
        detail("counts as", &evidence.signers.join(", "));
    }
    if let Some(subject) = &evidence.subject {
        detail("by", subject);
        detail("says", evidence.issuer.as_deref().unwrap_or("no issuer"));
    }
    if let Some(key) = &evidence.key {
        detail("key", &format!("SHA-256 {key}"));
    }
    if let Some(reason) = &evidence.reason {
        detail("because", reason);
    }
    for note in &evidence.notes {
        detail("although", note);
    }
    if let Some(time) = &evidence.signed_at {
        detail("at", &format!("{time}{}", if evidence.logged { ", in a transparency log" } else { "" }));
    }
    if let Some(build) = &evidence.build {
        if !build.builder.is_empty() {
            detail("builder", &build.builder);
        }
        let reference =
            build.reference.as_deref().map(|reference| format!(" {reference}")).unwrap_or_default();
        if !build.source.is_empty() {
            detail("source", &format!("{}{reference}", build.source));
        }
        if let Some(commit) = &build.commit {
            detail("commit", commit);
        }
        for base in build.bases.iter().take(if all { usize::MAX } else { 3 }) {
            detail("image", base);
        }
        for unmet in &build.unmet {
            detail("but", unmet);
        }
    }
    if all {
        detail("in", &evidence.repository);
        if let Some(manifest) = &evidence.manifest {
            detail("manifest", &manifest.to_string());
        }
        for (name, value) in &evidence.claims {
            detail("claim", &format!("{name} = {value}"));
        }
    }
    if evidence.outcome == EvidenceOutcome::Unsigned {
        detail("because", "nobody signed it: anyone who can push could have written it");
    }
    rows
}
