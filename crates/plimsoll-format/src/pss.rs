//! What would break at a level of the Pod Security Standards: for people, and as JSON.

use std::fmt::Write as _;

use plimsoll_model::Outcome;
use plimsoll_model::pss::{Pss, PssBreak, PssNamespace, PssStanding};

use crate::lines::Lines;
use crate::text::{clean, count, markdown_code, markdown_text};
use crate::{Error, View};

/// Namespaces that are shown unless all are asked for.
const SHOWN: usize = 10;
/// Workloads of one, likewise.
const WORKLOADS: usize = 3;

/// In which form it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PssForm {
    /// Text for a terminal.
    Table,
    /// The answer itself; `docs/schema/pss-1.0.json` describes it.
    Json,
    /// Markdown for tickets.
    Markdown,
}

/// Writes it.
///
/// # Errors
/// When it cannot be rendered.
pub fn write(pss: &Pss, form: PssForm, view: &View) -> Result<String, Error> {
    Ok(match form {
        PssForm::Table => table(pss, view),
        PssForm::Json => crate::text::json(pss)?,
        PssForm::Markdown => markdown(pss),
    })
}

fn number(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn levels(pss: &Pss) -> String {
    pss.levels.iter().map(|level| level.word()).collect::<Vec<_>>().join(" and ")
}

/// The level that a namespace is told about: the lowest at which something breaks.
fn lowest(namespace: &PssNamespace) -> Option<&PssStanding> {
    namespace.levels.iter().find(|standing| standing.answer == Outcome::NotMet)
}

/// The levels of a namespace that are told about.
fn shown_standings(namespace: &PssNamespace, all: bool) -> Vec<&PssStanding> {
    if all {
        let breaks = |standing: &&PssStanding| !standing.breaks.is_empty();
        namespace.levels.iter().filter(breaks).collect()
    } else {
        lowest(namespace).into_iter().collect()
    }
}

fn what(one: &PssBreak) -> String {
    let mut text =
        clean(one.workload.split_once('/').map_or(one.workload.as_str(), |(_, rest)| rest)).into_owned();
    let pods = || count(number(one.pods), "pod", "pods");
    match (one.template, one.pods) {
        (true, 0) => text.push_str(" (no pods today)"),
        (true, _) => {
            let _ = write!(text, " ({})", pods());
        }
        (false, _) => {
            let _ = write!(text, " ({} not as a template says)", pods());
        }
    }
    text
}

fn violations(one: &PssBreak, all: bool) -> String {
    let shown = if all { usize::MAX } else { 3 };
    let mut list: Vec<String> =
        one.violations.iter().take(shown).map(|violation| clean(&violation.detail).into_owned()).collect();
    if one.violations.len() > list.len() {
        list.push(format!("{} more", one.violations.len() - list.len()));
    }
    list.join("; ")
}

fn changes(one: &PssBreak) -> String {
    let list: Vec<String> = one
        .patch
        .iter()
        .map(|change| {
            let path = change.path.strip_prefix(&one.pointer).unwrap_or(&change.path);
            let path = clean(path.trim_start_matches('/')).replace('/', ".");
            match &change.value {
                Some(value) => format!("set {path} to {}", clean(&value.to_string())),
                None => format!("remove {path}"),
            }
        })
        .collect();
    list.join("; ")
}

fn standing(standing: &PssStanding, view: &View, lines: &mut Lines) {
    let shown = if view.all { usize::MAX } else { WORKLOADS };
    for one in standing.breaks.iter().take(shown) {
        lines.wrapped("    ", &what(one));
        lines.wrapped("      ", &violations(one, view.all));
        if !one.patch.is_empty() {
            lines.wrapped("      fix: ", &changes(one));
        }
        for text in &one.by_hand {
            lines.wrapped("      by hand: ", &clean(text));
        }
        if let Some(whose) = &one.whose {
            lines.wrapped("      whose: ", &clean(&whose.shown()));
        }
        if view.all {
            for text in &one.mind {
                lines.wrapped("      mind: ", &clean(text));
            }
            if let Some(source) = &one.source {
                lines.wrapped("      in: ", &clean(source));
            }
        }
    }
    if standing.breaks.len() > shown {
        lines.line(&format!("    and {} more (--all)", standing.breaks.len() - shown));
    }
}

fn table(pss: &Pss, view: &View) -> String {
    let mut lines = Lines::new(view);
    let summary = &pss.summary;
    lines.line(&clean(&pss.cluster.name));
    lines.wrapped(
        "",
        &format!(
            "{}, {}, {}; {} of the Pod Security Standards, {}",
            count(number(summary.namespaces), "namespace", "namespaces"),
            count(number(summary.workloads), "workload", "workloads"),
            count(number(summary.pods), "running pod", "running pods"),
            levels(pss),
            pss.version,
        ),
    );
    lines.wrapped(
        "",
        &format!(
            "could be labelled today: {} restricted, {} baseline; something breaks in {}; not decided: {}",
            summary.restricted, summary.baseline, summary.neither, summary.unknown
        ),
    );
    let shown = if view.all { usize::MAX } else { SHOWN };
    let enforced: Vec<&PssNamespace> =
        pss.namespaces.iter().filter(|namespace| namespace.enforced.is_some()).collect();
    if !enforced.is_empty() {
        lines.head(&format!(
            "Labelled already, and not met: runs on until it is made anew ({})",
            enforced.len()
        ));
        for namespace in enforced.iter().take(shown) {
            let Some(own) = &namespace.enforced else { continue };
            lines.line(&format!("  {}: {}:{}", clean(&namespace.name), own.level.word(), own.version));
            standing(own, view, &mut lines);
        }
        lines.more(enforced.len(), shown);
    }
    // What is told above is not told again.
    let new = |namespace: &&PssNamespace| {
        let told = namespace.enforced.as_ref().map(|own| (own.level, own.version));
        lowest(namespace).is_some_and(|own| view.all || told != Some((own.level, own.version)))
    };
    let broken: Vec<&PssNamespace> = pss.namespaces.iter().filter(new).collect();
    if !broken.is_empty() {
        lines.head(&format!("What would break ({})", count(broken.len(), "namespace", "namespaces")));
        for namespace in broken.iter().take(shown) {
            for own in shown_standings(namespace, view.all) {
                lines.line(&format!(
                    "  {}: {} breaks {}",
                    clean(&namespace.name),
                    own.level.word(),
                    count(own.breaks.len(), "workload", "workloads")
                ));
                standing(own, view, &mut lines);
            }
        }
        lines.more(broken.len(), shown);
    }
    let mut open: Vec<(&str, &PssStanding)> = Vec::new();
    for namespace in &pss.namespaces {
        // Of one level the reasons are those of the others.
        let own = namespace.levels.iter().find(|standing| standing.answer == Outcome::Unknown);
        open.extend(own.map(|standing| (namespace.name.as_str(), standing)));
    }
    if !open.is_empty() {
        lines.head(&format!("Not decided ({})", count(open.len(), "namespace", "namespaces")));
        for (name, own) in open.iter().take(shown) {
            let some = if view.all { own.unknown.len() } else { own.unknown.len().min(2) };
            let mut text = own.unknown[..some].join("; ");
            if own.unknown.len() > some {
                let _ = write!(text, "; {} more", own.unknown.len() - some);
            }
            lines.wrapped(&format!("  {}: ", clean(name)), &clean(&text));
        }
        lines.more(open.len(), shown);
    }
    lines.tail(&pss.notes, &pss.missing, &pss.problems, view);
    if !pss.commands.is_empty() {
        lines.line("");
    }
    for command in &pss.commands {
        lines.line(&format!("next: {}", clean(&command.command)));
    }
    lines.text()
}

fn markdown(pss: &Pss) -> String {
    let summary = &pss.summary;
    let mut text = format!(
        "**{}**: {} of the Pod Security Standards ({}); could be labelled today: {} restricted, {} baseline; something breaks in {}; not decided: {}.\n",
        markdown_text(&pss.cluster.name),
        levels(pss),
        pss.version,
        summary.restricted,
        summary.baseline,
        summary.neither,
        summary.unknown
    );
    let broken = || {
        pss.namespaces.iter().flat_map(|namespace| {
            namespace
                .levels
                .iter()
                .chain(namespace.enforced.as_ref().filter(|own| !namespace.levels.contains(own)))
                .flat_map(move |own| own.breaks.iter().map(move |one| (own, one)))
        })
    };
    if broken().next().is_some() {
        text.push_str("\n| workload | level | what is wrong | fix |\n|---|---|---|---|\n");
    }
    for (own, one) in broken() {
        let mut fix = changes(one);
        for by_hand in &one.by_hand {
            if !fix.is_empty() {
                fix.push_str("; ");
            }
            let _ = write!(fix, "by hand: {by_hand}");
        }
        let _ = writeln!(
            text,
            "| {} | {}:{} | {} | {} |",
            markdown_code(&one.workload),
            own.level.word(),
            own.version,
            markdown_text(&violations(one, true)),
            markdown_text(&fix)
        );
    }
    for namespace in &pss.namespaces {
        if let Some(own) = namespace.levels.iter().find(|own| own.answer == Outcome::Unknown) {
            let _ = writeln!(
                text,
                "\nNot decided for {}: {}",
                markdown_code(&namespace.name),
                markdown_text(&own.unknown.join("; "))
            );
        }
    }
    for note in &pss.notes {
        let _ = writeln!(text, "\nNote: {}", markdown_text(note));
    }
    for one in &pss.missing {
        let _ = writeln!(
            text,
            "\nUnknown without {}: {} ({})",
            markdown_code(&one.resource),
            markdown_text(&one.unknown),
            markdown_text(&one.reason)
        );
    }
    for problem in &pss.problems {
        let _ = writeln!(
            text,
            "\nProblem: {}: {}",
            markdown_code(&problem.subject),
            markdown_text(&problem.detail)
        );
    }
    if !pss.commands.is_empty() {
        text.push_str("\n```\n");
        for command in &pss.commands {
            text.push_str(&clean(&command.command));
            text.push('\n');
        }
        text.push_str("```\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use plimsoll_model::audit::ClusterInfo;
    use plimsoll_model::pod_security::{Level, Version};
    use plimsoll_model::pss::{PSS_VERSION, PssChange, PssSummary, PssViolation};

    use super::*;

    #[test]
    fn names_from_outside_change_no_form() {
        let hostile = "shop/Deployment/\u{1b}[31m|`";
        let one = PssBreak {
            workload: hostile.into(),
            template: true,
            pods: 0,
            source: Some("a\u{1b}.yaml:1".into()),
            pointer: "/spec".into(),
            violations: vec![PssViolation {
                control: "privileged".into(),
                pointer: "/spec".into(),
                detail: "\u{1b}|".into(),
            }],
            patch: vec![PssChange { op: "add".into(), path: "/spec/a".into(), value: Some("\u{1b}".into()) }],
            by_hand: vec!["\u{1b}|".into()],
            mind: vec!["\u{1b}".into()],
            command: None,
            whose: None,
        };
        let own = PssStanding {
            level: Level::Baseline,
            version: Version::Latest,
            answer: Outcome::NotMet,
            breaks: vec![one],
            unknown: Vec::new(),
        };
        let open = PssStanding {
            answer: Outcome::Unknown,
            breaks: Vec::new(),
            unknown: vec!["\u{1b}".into()],
            ..own.clone()
        };
        let namespace = |name: &str, own: PssStanding| PssNamespace {
            name: name.into(),
            labels: None,
            workloads: 1,
            could_have: None,
            enforced: Some(own.clone()),
            levels: vec![own],
        };
        let pss = Pss {
            schema_version: PSS_VERSION.into(),
            plimsoll: "0".into(),
            cluster: ClusterInfo { name: "\u{1b}here".into(), ..ClusterInfo::default() },
            version: Version::Latest,
            levels: vec![Level::Baseline],
            verdict: Outcome::NotMet,
            summary: PssSummary::default(),
            namespaces: vec![namespace("shop", own), namespace("\u{1b}", open)],
            commands: Vec::new(),
            notes: Vec::new(),
            missing: Vec::new(),
            problems: Vec::new(),
        };
        for all in [false, true] {
            let view = View { width: 80, all, ..View::default() };
            for form in [PssForm::Table, PssForm::Markdown, PssForm::Json] {
                let text = write(&pss, form, &view).expect("a text");
                assert!(!text.contains('\u{1b}'), "{text}");
            }
        }
        let table = table(&pss, &View { width: 80, ..View::default() });
        assert!(table.contains("fix: set a to"), "{table}");
        assert!(markdown(&pss).contains(r"\|"), "{}", markdown(&pss));
    }
}
