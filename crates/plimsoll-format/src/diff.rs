//! Two targets side by side, for people and as JSON.

use std::fmt::Write as _;

use plimsoll_model::diff::{Diff, PackageChangeKind, Side};
use plimsoll_model::{Effect, Finding, Outcome};

use crate::summary;
use crate::text::{clean, columns, count, listing, markdown_code, markdown_text, shorten, thousands};
use crate::{Error, Format, View};

/// Lines of one list that are shown unless all are asked for.
const SHOWN: usize = 20;

/// Writes the differences as table, JSON or Markdown.
///
/// # Errors
/// For every other format.
pub fn write(diff: &Diff, format: Format, view: &View) -> Result<String, Error> {
    match format {
        Format::Table => Ok(table(diff, view)),
        Format::Json => Ok(crate::text::json(diff)?),
        Format::Markdown => Ok(markdown(diff, view)),
        other => Err(Error::NotForThis {
            format: other.name(),
            of: "differences",
            known: "table, json and markdown",
        }),
    }
}

fn described(side: &Side) -> String {
    let mut parts = vec![clean(&side.name).into_owned()];
    parts.extend(side.digest.as_ref().map(plimsoll_model::Digest::short));
    parts.extend(side.release.as_deref().map(|release| clean(release).into_owned()));
    parts.push(count(usize::try_from(side.packages).unwrap_or(usize::MAX), "package", "packages"));
    parts.push(count(usize::try_from(side.findings).unwrap_or(usize::MAX), "finding", "findings"));
    parts.join("  ")
}

/// `3 upgraded, 1 added`, in the order of the kinds.
fn package_counts(diff: &Diff) -> String {
    let kinds = [
        PackageChangeKind::Upgraded,
        PackageChangeKind::Downgraded,
        PackageChangeKind::Added,
        PackageChangeKind::Removed,
        PackageChangeKind::Changed,
    ];
    let parts: Vec<String> = kinds
        .into_iter()
        .map(|kind| (kind, diff.packages.iter().filter(|change| change.kind == kind).count()))
        .filter(|(_, number)| *number > 0)
        .map(|(kind, number)| format!("{} {}", thousands(number as u64), kind.word()))
        .collect();
    if parts.is_empty() { "the same".to_owned() } else { listing(&parts) }
}

fn finding_counts(diff: &Diff) -> String {
    format!(
        "{} introduced, {} fixed, {} in both",
        thousands(diff.introduced.len() as u64),
        thousands(diff.fixed.len() as u64),
        thousands(diff.remaining)
    )
}

fn versions(versions: &[String]) -> String {
    if versions.is_empty() { "-".to_owned() } else { clean(&versions.join(", ")).into_owned() }
}

fn shown<T>(list: &[T], all: bool) -> (&[T], usize) {
    let length = if all { list.len() } else { list.len().min(SHOWN) };
    (&list[..length], list.len() - length)
}

fn table(diff: &Diff, view: &View) -> String {
    let width = view.width.clamp(40, 100);
    let mut text = String::new();
    let mut line = |line: &str| {
        let _ = writeln!(text, "{}", shorten(line.trim_end(), width));
    };
    line(&format!("before  {}", described(&diff.before)));
    line(&format!("after   {}", described(&diff.after)));
    line("");
    line(&format!("{:<9} line: {}", diff.verdict.outcome.word(), clean(&diff.verdict.line)));
    for reason in &diff.verdict.reasons {
        for part in crate::text::wrap(&clean(reason), width - 10) {
            line(&format!("          {part}"));
        }
    }
    for missing in &diff.verdict.inputs_missing {
        for part in crate::text::wrap(&format!("missing: {}", clean(missing)), width - 10) {
            line(&format!("          {part}"));
        }
    }
    line("");
    line(&format!("packages  {}", package_counts(diff)));
    line(&format!("findings  {}", finding_counts(diff)));
    let row = |finding: &Finding| {
        format!(
            "  {:<20} {:<20} {}",
            clean(&finding.advisory),
            summary::severity(finding),
            summary::subject(finding)
        )
    };
    for (title, findings) in [("introduced", &diff.introduced), ("fixed", &diff.fixed)] {
        if findings.is_empty() {
            continue;
        }
        line("");
        line(title);
        let (few, more) = shown(findings, view.all);
        for finding in few {
            line(&row(finding));
            if title == "introduced" && !finding.remedy.action.is_empty() {
                line(&format!("      {}", clean(&finding.remedy.action)));
            }
        }
        if more > 0 {
            line(&format!("  and {} more; --all lists them", thousands(more as u64)));
        }
    }
    if !diff.packages.is_empty() {
        line("");
        line("packages");
        let (few, more) = shown(&diff.packages, view.all);
        let names = few.iter().map(|change| columns(&clean(&change.name))).max().unwrap_or(0).min(36);
        for change in few {
            let name = clean(&change.name);
            let name = shorten(&name, names);
            let gap = " ".repeat(names.saturating_sub(columns(&name)));
            line(&format!(
                "  {:<10} {name}{gap}  {} -> {}  ({})",
                change.kind.word(),
                versions(&change.from),
                versions(&change.to),
                change.ecosystem.name()
            ));
        }
        if more > 0 {
            line(&format!("  and {} more; --all lists them", thousands(more as u64)));
        }
    }
    let unseen = diff.problems.iter().filter(|problem| problem.effect == Effect::Incomplete).count();
    if unseen > 0 {
        line("");
        line(&format!("could not see: {}", count(unseen, "thing", "things")));
        for problem in diff.problems.iter().filter(|problem| problem.effect == Effect::Incomplete).take(3) {
            line(&format!("  {}: {}", clean(&problem.subject), clean(&problem.detail)));
        }
    }
    text
}

fn markdown(diff: &Diff, view: &View) -> String {
    let mark = match diff.verdict.outcome {
        Outcome::Met => "Met",
        Outcome::NotMet => "**Not met**",
        Outcome::Unknown => "**Unknown**",
    };
    let mut text = format!(
        "### {} → {}\n\n{mark} ({}): {}.\n\nPackages: {}. Findings: {}.\n",
        markdown_code(&diff.before.name),
        markdown_code(&diff.after.name),
        markdown_text(&diff.verdict.line),
        markdown_text(&diff.verdict.reasons.join("; ")),
        package_counts(diff),
        finding_counts(diff)
    );
    for (title, findings) in [("Introduced", &diff.introduced), ("Fixed", &diff.fixed)] {
        if findings.is_empty() {
            continue;
        }
        let _ = write!(text, "\n#### {title}\n\n| finding | severity | what | next |\n|---|---|---|---|\n");
        let (few, more) = shown(findings, view.all);
        for finding in few {
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} |",
                markdown_text(&finding.advisory),
                markdown_text(&summary::severity(finding)),
                markdown_code(&summary::subject(finding)),
                markdown_text(&finding.remedy.action)
            );
        }
        if more > 0 {
            let _ = write!(text, "\n{} more are not listed.\n", thousands(more as u64));
        }
    }
    if !diff.packages.is_empty() {
        text.push_str("\n#### Packages\n\n| package | | before | after |\n|---|---|---|---|\n");
        let (few, more) = shown(&diff.packages, view.all);
        for change in few {
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} |",
                markdown_code(&change.name),
                change.kind.word(),
                markdown_text(&versions(&change.from)),
                markdown_text(&versions(&change.to))
            );
        }
        if more > 0 {
            let _ = write!(text, "\n{} more are not listed.\n", thousands(more as u64));
        }
    }
    text
}
