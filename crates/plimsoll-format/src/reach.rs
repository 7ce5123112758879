//! Who reaches whom in a cluster: for people, as JSON, and as a graph.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use plimsoll_model::Problem;
use plimsoll_model::audit::Missing;
use plimsoll_model::reach::{
    Connection, Exposure, Ports, Reach, ReachAnswer, ReachDiff, ReachQuery, ReachReason, ReachWorkload,
    Reached,
};
use plimsoll_model::responsibility::Belongs;

use crate::lines::{Lines, whose};
use crate::text::{clean, count, markdown_code, markdown_text, shorten, thousands};
use crate::{Error, View};

/// Lines of a kind that are shown unless all are asked for.
const SHOWN: usize = 10;
/// Workloads of a picture; of more the namespaces are drawn.
const DRAWN: usize = 60;
/// Namespaces, or workloads, of a picture at most.
const MOST_DRAWN: usize = 200;

/// In which form it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReachForm {
    /// Text for a terminal.
    Table,
    /// The answer itself; `docs/schema/reach-1.0.json` describes it.
    Json,
    /// Markdown for pull requests.
    Markdown,
    /// A graph for Graphviz.
    Dot,
    /// A picture.
    Svg,
}

fn refuse(format: &'static str) -> Error {
    Error::NotForThis { format, of: "this answer", known: "table, json and markdown" }
}

/// Writes who reaches whom in a whole cluster.
///
/// # Errors
/// When it cannot be rendered.
pub fn write(reach: &Reach, form: ReachForm, view: &View) -> Result<String, Error> {
    Ok(match form {
        ReachForm::Json => crate::text::json(reach)?,
        ReachForm::Table => table(reach, view),
        ReachForm::Markdown => markdown(reach, view),
        ReachForm::Dot => dot(reach),
        ReachForm::Svg => svg(reach),
    })
}

/// Writes answers to a question.
///
/// # Errors
/// For a form that is about whole clusters.
pub fn write_query(query: &ReachQuery, form: ReachForm, view: &View) -> Result<String, Error> {
    match form {
        ReachForm::Json => Ok(crate::text::json(query)?),
        ReachForm::Table => Ok(query_table(query, view)),
        ReachForm::Markdown => Ok(query_markdown(query)),
        ReachForm::Dot => Err(refuse("dot")),
        ReachForm::Svg => Err(refuse("svg")),
    }
}

/// Writes what comes and goes.
///
/// # Errors
/// For a form that is about whole clusters.
pub fn write_diff(diff: &ReachDiff, form: ReachForm, view: &View) -> Result<String, Error> {
    match form {
        ReachForm::Json => Ok(crate::text::json(diff)?),
        ReachForm::Table => Ok(diff_table(diff, view)),
        ReachForm::Markdown => Ok(diff_markdown(diff, view)),
        ReachForm::Dot => Err(refuse("dot")),
        ReachForm::Svg => Err(refuse("svg")),
    }
}

/// Ports with what is not known of them.
fn ports(ports: &Ports) -> String {
    match (&ports.answer, &ports.unknown) {
        (Reached::Denied, _) => "nothing".into(),
        (Reached::Unknown, Some(unknown)) => format!("not decided: {unknown}"),
        (_, Some(unknown)) => format!("{}; not decided: {unknown}", ports.allowed),
        (_, None) => ports.allowed.clone(),
    }
}

/// Some names and how many more; all of them where all are asked for.
fn names<'n>(all: impl Iterator<Item = &'n str>, view: &View) -> String {
    let all: Vec<String> = all.map(|name| clean(name).into_owned()).collect();
    let shown = if view.all { all.len() } else { all.len().min(5) };
    let mut text = all[..shown].join(", ");
    if all.len() > shown {
        let _ = write!(text, " and {} more", thousands((all.len() - shown) as u64));
    }
    text
}

/// A question about workloads, with those who do and those of which it is not known.
type Question = (&'static str, fn(&ReachWorkload) -> &Ports);

const QUESTIONS: [Question; 3] = [
    ("reach the internet", |workload| &workload.internet),
    ("reach the metadata address of the cloud", |workload| &workload.metadata),
    ("reach the API server", |workload| &workload.api_server),
];

fn by_answer(
    reach: &Reach,
    ask: fn(&ReachWorkload) -> &Ports,
    answer: Reached,
) -> impl Iterator<Item = &str> + Clone {
    reach
        .workloads
        .iter()
        .filter(move |workload| ask(workload).answer == answer)
        .map(|workload| workload.name.as_str())
}

/// Rows in columns.
fn columns(rows: &[Vec<String>], lines: &mut Lines) {
    let mut widths = vec![0; rows.iter().map(Vec::len).max().unwrap_or_default()];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(crate::text::columns(cell).min(44));
        }
    }
    for row in rows {
        let mut line = String::from(" ");
        for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
            line.push(' ');
            let last = at + 1 == row.len();
            let cell = if last { cell.as_str().into() } else { shorten(cell, 44) };
            line.push_str(&cell);
            if !last {
                line.push_str(&" ".repeat((width + 1).saturating_sub(crate::text::columns(&cell))));
            }
        }
        lines.line(&line);
    }
}

fn exposure_row(exposure: &Exposure) -> Vec<String> {
    let mut last = ports(&exposure.ports);
    if let Some(host) = exposure.hosts.first() {
        let _ = write!(last, "  {}", clean(host));
        if exposure.hosts.len() > 1 {
            let _ = write!(last, " and {} more", exposure.hosts.len() - 1);
        }
    }
    if let Some(detail) = &exposure.detail {
        let _ = write!(last, " ({})", clean(detail));
    }
    let by = if exposure.object == exposure.workload {
        exposure.by.clone()
    } else {
        format!("{} {}", exposure.by, clean(&exposure.object))
    };
    vec![clean(&exposure.workload).into_owned(), by, last]
}

fn table(reach: &Reach, view: &View) -> String {
    let mut lines = Lines::new(view);
    let summary = &reach.summary;
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    lines.line(&clean(&reach.cluster.name));
    lines.line(&format!(
        "{}, {}, {}, {}",
        count(number(summary.workloads), "workload", "workloads"),
        count(number(summary.pods), "running pod", "running pods"),
        count(number(summary.namespaces), "namespace", "namespaces"),
        count(number(summary.policies), "network policy", "network policies"),
    ));
    let unknown = if summary.unknown > 0 {
        format!(", {} not decided", thousands(summary.unknown))
    } else {
        String::new()
    };
    lines.line(&format!(
        "{} of {} pairs of workloads connect{unknown}",
        thousands(summary.allowed),
        thousands(summary.pairs)
    ));
    let shown = if view.all { usize::MAX } else { SHOWN };
    let (open, shut): (Vec<&Exposure>, Vec<&Exposure>) =
        reach.exposures.iter().partition(|exposure| exposure.ports.answer != Reached::Denied);
    if !open.is_empty() {
        lines.head(&format!("Open from outside ({})", open.len()));
        let rows: Vec<Vec<String>> = open.iter().take(shown).map(|exposure| exposure_row(exposure)).collect();
        columns(&rows, &mut lines);
        lines.more(open.len(), shown);
        lines.whose("  ", open.iter().map(|exposure| exposure.whose.as_ref()));
    } else if reach.exposures.is_empty() {
        lines.head("Nothing leads in from outside");
    }
    if !shut.is_empty() {
        lines.head(&format!("Led to from outside, and closed by policies ({})", shut.len()));
        let rows: Vec<Vec<String>> =
            shut.iter().take(shown).map(|exposure| exposure_row(exposure)[..2].to_vec()).collect();
        columns(&rows, &mut lines);
        lines.more(shut.len(), shown);
    }
    lines.line("");
    for (what, ask) in QUESTIONS {
        let yes = by_answer(reach, ask, Reached::Allowed);
        let open = by_answer(reach, ask, Reached::Unknown);
        let mut text = match yes.clone().count() {
            0 => format!("none {what}"),
            some if some == reach.workloads.len() => format!("all {what}"),
            some => format!("{some} of {} {what}: {}", reach.workloads.len(), names(yes, view)),
        };
        if open.clone().next().is_some() {
            let _ = write!(text, "; not decided for {}", names(open, view));
        }
        lines.wrapped("", &text);
    }
    if !reach.namespaces_without_policy.is_empty() {
        lines.head(&format!(
            "Namespaces without any policy in effect ({})",
            reach.namespaces_without_policy.len()
        ));
        lines.wrapped("  ", &names(reach.namespaces_without_policy.iter().map(String::as_str), view));
        lines.whose("  ", reach.without_policy_whose.values().map(Some));
    }
    if !reach.policies.is_empty() {
        lines.head(&format!("Policies without effect ({})", reach.policies.len()));
        let rows: Vec<Vec<String>> = reach
            .policies
            .iter()
            .take(shown)
            .map(|note| vec![clean(&note.policy).into_owned(), note.detail.clone()])
            .collect();
        columns(&rows, &mut lines);
        lines.more(reach.policies.len(), shown);
    }
    if view.all {
        lines.head("Connections");
        for one in &reach.connections {
            lines.line(&format!("  {} => {} : {}", clean(&one.from), clean(&one.to), ports(&one.ports)));
        }
        if reach.connections_left_out > 0 {
            lines.line(&format!("  and {} more", thousands(reach.connections_left_out)));
        }
    }
    lines.tail(&reach.notes, &reach.missing, &reach.problems, view);
    if let Some(exposure) = reach.exposures.iter().find(|exposure| exposure.ports.answer == Reached::Allowed)
    {
        lines.line("");
        lines.line(&format!(
            "next: plimsoll cluster reach {} internet",
            crate::shell_word(&clean(&exposure.workload))
        ));
    }
    lines.text()
}

fn reason(reason: &ReachReason) -> String {
    let by = reason.by.as_deref().map(|by| format!("{} ", clean(by))).unwrap_or_default();
    let source = reason.source.as_deref().map(|source| format!(" [{}]", clean(source))).unwrap_or_default();
    format!("{}: {by}{}{source}", reason.ports, clean(&reason.detail))
}

fn query_table(query: &ReachQuery, view: &View) -> String {
    let mut lines = Lines::new(view);
    let port = query.port.as_deref().map(|port| format!(" by {port}")).unwrap_or_default();
    if query.answers.is_empty() {
        lines.line(&format!("{} => {}{port}: nothing to ask about", clean(&query.from), clean(&query.to)));
    }
    for ReachAnswer { connection, egress, ingress } in &query.answers {
        let Connection { from, to, ports: own } = connection;
        let word = own.answer.word();
        let which = match own.answer {
            Reached::Denied => String::new(),
            _ => format!(" ({})", ports(own)),
        };
        lines.line(&format!("{} => {}{port}: {word}{which}", clean(from), clean(to)));
        for (side, reasons) in [("out", egress), ("in", ingress)] {
            for one in reasons {
                lines.wrapped(&format!("  {side:<4}{:<8} ", one.answer.word()), &reason(one));
            }
        }
    }
    if query.left_out > 0 {
        lines.line(&format!("and {} more pairs: ask about fewer at a time", thousands(query.left_out)));
    }
    lines.tail(&[], &query.missing, &query.problems, view);
    lines.text()
}

fn query_markdown(query: &ReachQuery) -> String {
    let mut text = String::from("| from | to | answer | ports |\n|---|---|---|---|\n");
    for answer in &query.answers {
        let Connection { from, to, ports: own } = &answer.connection;
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            markdown_code(from),
            markdown_code(to),
            own.answer.word(),
            markdown_text(&ports(own))
        );
    }
    for answer in &query.answers {
        let Connection { from, to, .. } = &answer.connection;
        let _ = writeln!(text, "\n{} to {}:\n", markdown_code(from), markdown_code(to));
        for (side, reasons) in [("out", &answer.egress), ("in", &answer.ingress)] {
            for one in reasons {
                let _ = writeln!(text, "- {side}, {}: {}", one.answer.word(), markdown_text(&reason(one)));
            }
        }
    }
    text
}

fn markdown(reach: &Reach, view: &View) -> String {
    let summary = &reach.summary;
    let mut text = format!(
        "**{}**: {} of {} pairs of workloads connect, {} not decided.\n",
        markdown_text(&reach.cluster.name),
        thousands(summary.allowed),
        thousands(summary.pairs),
        thousands(summary.unknown)
    );
    if !reach.exposures.is_empty() {
        text.push_str("\n| open from outside | by | ports | |\n|---|---|---|---|\n");
        for exposure in &reach.exposures {
            let _ = writeln!(
                text,
                "| {} | {} {} | {} | {} |",
                markdown_code(&exposure.workload),
                exposure.by,
                markdown_code(&exposure.object),
                markdown_text(&ports(&exposure.ports)),
                markdown_text(exposure.detail.as_deref().unwrap_or_default())
            );
        }
    }
    markdown_whose(reach.exposures.iter().map(|exposure| exposure.whose.as_ref()), &mut text);
    text.push('\n');
    for (what, ask) in QUESTIONS {
        let yes = by_answer(reach, ask, Reached::Allowed);
        let open = by_answer(reach, ask, Reached::Unknown).count();
        let _ = writeln!(
            text,
            "- {} of {} {what}, {open} not decided: {}",
            yes.clone().count(),
            reach.workloads.len(),
            markdown_text(&names(yes, view))
        );
    }
    if !reach.namespaces_without_policy.is_empty() {
        let all = names(reach.namespaces_without_policy.iter().map(String::as_str), view);
        let whose = whose(reach.without_policy_whose.values().map(Some));
        let whose = if whose.is_empty() { whose } else { format!("; whose: {whose}") };
        let _ = writeln!(text, "- without any policy in effect: {}", markdown_text(&(all + &whose)));
    }
    for note in &reach.policies {
        let _ = writeln!(text, "- {}: {}", markdown_code(&note.policy), markdown_text(&note.detail));
    }
    markdown_tail(&reach.missing, &reach.problems, &mut text);
    text
}

pub(crate) fn markdown_tail(missing: &[Missing], problems: &[Problem], text: &mut String) {
    for one in missing {
        let _ = writeln!(
            text,
            "- unknown: {} without {}: {}",
            markdown_text(&one.unknown),
            markdown_code(&one.resource),
            markdown_text(&one.reason)
        );
    }
    for problem in problems {
        let _ = writeln!(
            text,
            "- problem: {}: {}",
            markdown_code(&problem.subject),
            markdown_text(&problem.detail)
        );
    }
}

fn diff_table(diff: &ReachDiff, view: &View) -> String {
    let mut lines = Lines::new(view);
    lines.line(&format!("{} -> {}", clean(&diff.before.name), clean(&diff.after.name)));
    let shown = if view.all { usize::MAX } else { SHOWN };
    for (title, list) in [("Workloads that came", &diff.came), ("Workloads that went", &diff.went)] {
        if !list.is_empty() {
            lines.wrapped("", &format!("{title}: {}", names(list.iter().map(String::as_str), view)));
        }
    }
    for (title, list) in
        [("Open from outside now", &diff.exposed), ("No longer open from outside", &diff.closed)]
    {
        if !list.is_empty() {
            lines.head(&format!("{title} ({})", list.len()));
            let rows: Vec<Vec<String>> = list.iter().take(shown).map(exposure_row).collect();
            columns(&rows, &mut lines);
            lines.more(list.len(), shown);
            lines.whose("  ", list.iter().map(|exposure| exposure.whose.as_ref()));
        }
    }
    let gained: Vec<_> = diff.changes.iter().filter(|change| change.gained != "none").collect();
    let lost: Vec<_> = diff.changes.iter().filter(|change| change.lost != "none").collect();
    let other: Vec<_> =
        diff.changes.iter().filter(|change| change.gained == "none" && change.lost == "none").collect();
    for (title, sign, list) in [("Connections gained", '+', gained), ("Connections lost", '-', lost)] {
        if list.is_empty() {
            continue;
        }
        lines.head(&format!("{title} ({})", list.len()));
        for change in list.iter().take(shown) {
            let ports = if sign == '+' { &change.gained } else { &change.lost };
            lines.line(&format!("  {sign} {} => {} : {ports}", clean(&change.from), clean(&change.to)));
        }
        lines.more(list.len(), shown);
        lines.whose("  ", list.iter().map(|change| change.whose.as_ref()));
    }
    if !other.is_empty() {
        lines.head(&format!("Connections that are decided otherwise, or no longer ({})", other.len()));
        for change in other.iter().take(shown) {
            let (before, after) = (ports(&change.before), ports(&change.after));
            lines.line(&format!(
                "  ? {} => {} : {before} -> {after}",
                clean(&change.from),
                clean(&change.to)
            ));
        }
        lines.more(other.len(), shown);
        lines.whose("  ", other.iter().map(|change| change.whose.as_ref()));
    }
    if diff.changes.is_empty() && diff.exposed.is_empty() && diff.closed.is_empty() {
        lines.line("No connection came or went");
    }
    if diff.left_out > 0 {
        lines.line(&format!("and {} more changes", thousands(diff.left_out)));
    }
    lines.tail(&[], &diff.missing, &diff.problems, view);
    lines.text()
}

fn diff_markdown(diff: &ReachDiff, view: &View) -> String {
    let mut text =
        format!("**{}** to **{}**\n", markdown_text(&diff.before.name), markdown_text(&diff.after.name));
    for (title, list) in [("came", &diff.came), ("went", &diff.went)] {
        if !list.is_empty() {
            let all = names(list.iter().map(String::as_str), view);
            let _ = writeln!(text, "\nWorkloads that {title}: {}", markdown_text(&all));
        }
    }
    for (title, list) in
        [("Open from outside now", &diff.exposed), ("No longer open from outside", &diff.closed)]
    {
        for exposure in list {
            let _ = writeln!(
                text,
                "- {title}: {} by {} {}: {}",
                markdown_code(&exposure.workload),
                exposure.by,
                markdown_code(&exposure.object),
                markdown_text(&ports(&exposure.ports))
            );
        }
    }
    if diff.changes.is_empty() {
        text.push_str("\nNo connection came or went.\n");
    } else {
        text.push_str("\n| from | to | before | after | gained | lost |\n|---|---|---|---|---|---|\n");
    }
    for change in &diff.changes {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} |",
            markdown_code(&change.from),
            markdown_code(&change.to),
            markdown_text(&ports(&change.before)),
            markdown_text(&ports(&change.after)),
            markdown_text(&change.gained),
            markdown_text(&change.lost)
        );
    }
    let ways = diff.exposed.iter().chain(&diff.closed).map(|exposure| exposure.whose.as_ref());
    markdown_whose(ways.chain(diff.changes.iter().map(|change| change.whose.as_ref())), &mut text);
    markdown_tail(&diff.missing, &diff.problems, &mut text);
    text
}

/// Whose the rows above are.
fn markdown_whose<'b>(all: impl Iterator<Item = Option<&'b Belongs>>, text: &mut String) {
    let told = whose(all);
    if !told.is_empty() {
        let _ = writeln!(text, "\nWhose: {}", markdown_text(&told));
    }
}

/// A text between quotes in DOT.
fn quoted(text: &str) -> String {
    format!("\"{}\"", clean(text).replace('\\', "\\\\").replace('"', "\\\""))
}

fn dot(reach: &Reach) -> String {
    let mut text =
        String::from("digraph reach {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n");
    let mut namespaces: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for workload in &reach.workloads {
        let namespace = workload.name.split('/').next().unwrap_or_default();
        namespaces.entry(namespace).or_default().push(&workload.name);
    }
    for (at, (namespace, all)) in namespaces.iter().enumerate() {
        let _ = writeln!(text, "  subgraph cluster_{at} {{\n    label={};", quoted(namespace));
        for name in all {
            let label = name.split_once('/').map_or(*name, |(_, rest)| rest);
            let _ = writeln!(text, "    {} [label={}];", quoted(name), quoted(label));
        }
        text.push_str("  }\n");
    }
    for one in &reach.connections {
        let style = if one.ports.answer == Reached::Unknown { ", style=dashed" } else { "" };
        let _ = writeln!(
            text,
            "  {} -> {} [label={}{style}];",
            quoted(&one.from),
            quoted(&one.to),
            quoted(&ports(&one.ports))
        );
    }
    if reach.connections_left_out > 0 {
        let _ = writeln!(text, "  // {} connections are left out", reach.connections_left_out);
    }
    text.push_str("}\n");
    text
}

/// A text in XML.
fn escaped(text: &str) -> String {
    clean(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Workloads on a circle, by namespace; with too many of them the namespaces.
fn svg(reach: &Reach) -> String {
    let by_namespace = reach.workloads.len() > DRAWN;
    let known: BTreeSet<&str> = reach.workloads.iter().map(|workload| workload.name.as_str()).collect();
    let node = |name: &str| -> String {
        match (known.contains(name), by_namespace) {
            (true, true) => name.split('/').next().unwrap_or_default().to_owned(),
            (true, false) => name.to_owned(),
            (false, _) => "outside".to_owned(),
        }
    };
    let mut all: BTreeSet<String> = reach.workloads.iter().map(|workload| node(&workload.name)).collect();
    let mut edges: BTreeMap<(String, String), bool> = BTreeMap::new();
    for one in &reach.connections {
        let (from, to) = (node(&one.from), node(&one.to));
        if from != to {
            let sure = one.ports.answer == Reached::Allowed;
            *edges.entry((from.clone(), to.clone())).or_default() |= sure;
            all.extend([from, to]);
        }
    }
    let drawn: Vec<String> = all.iter().take(MOST_DRAWN).cloned().collect();
    let radius =
        (f64::from(u32::try_from(drawn.len()).unwrap_or(u32::MAX)) * 22.0 / std::f64::consts::TAU).max(160.0);
    let middle = radius + 320.0;
    let place: BTreeMap<&str, (f64, f64, f64)> = drawn
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let share = f64::from(u32::try_from(at).unwrap_or(u32::MAX))
                / f64::from(u32::try_from(drawn.len().max(1)).unwrap_or(u32::MAX));
            let angle = share * std::f64::consts::TAU;
            (name.as_str(), (middle + radius * angle.cos(), middle + radius * angle.sin(), angle))
        })
        .collect();
    let size = middle * 2.0;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {size:.0} {size:.0}\" font-family=\"sans-serif\" font-size=\"13\">\n<title>{}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"6\" markerHeight=\"6\" orient=\"auto\"><path d=\"M0 0 8 4 0 8z\" fill=\"#456\"/></marker></defs>\n",
        escaped(&reach.cluster.name)
    );
    for ((from, to), sure) in &edges {
        let (Some(one), Some(other)) = (place.get(from.as_str()), place.get(to.as_str())) else { continue };
        let dashed = if *sure { "" } else { " stroke-dasharray=\"4 4\"" };
        let _ = writeln!(
            text,
            "<path d=\"M{:.1} {:.1}Q{middle:.1} {middle:.1} {:.1} {:.1}\" fill=\"none\" stroke=\"#456\" stroke-opacity=\".5\" marker-end=\"url(#tip)\"{dashed}><title>{} to {}</title></path>",
            one.0,
            one.1,
            other.0,
            other.1,
            escaped(from),
            escaped(to)
        );
    }
    for (name, (x, y, angle)) in &place {
        let color = if *name == "outside" { "#c33" } else { "#27c" };
        let left = angle.cos() < 0.0;
        let (turn, anchor, shift) =
            if left { (angle.to_degrees() + 180.0, "end", -10) } else { (angle.to_degrees(), "start", 10) };
        let _ = writeln!(
            text,
            "<g transform=\"translate({x:.1} {y:.1})\"><circle r=\"5\" fill=\"{color}\"/><text transform=\"rotate({turn:.1})\" x=\"{shift}\" dy=\".35em\" text-anchor=\"{anchor}\">{}</text></g>",
            escaped(&shorten(name, 40))
        );
    }
    let left_out = all.len() - drawn.len();
    if left_out > 0 || reach.connections_left_out > 0 {
        let _ = writeln!(
            text,
            "<text x=\"10\" y=\"20\">{left_out} names and {} connections are left out</text>",
            reach.connections_left_out
        );
    }
    text.push_str("</svg>\n");
    text
}

#[cfg(test)]
mod tests {
    use plimsoll_model::Outcome;
    use plimsoll_model::reach::ReachSummary;

    use super::*;

    fn reach() -> Reach {
        let open = Ports { answer: Reached::Allowed, allowed: "TCP 80".into(), unknown: None };
        let shut = Ports { answer: Reached::Denied, allowed: "none".into(), unknown: None };
        let workload = |name: &str, internet: &Ports| ReachWorkload {
            name: name.into(),
            pods: 1,
            host_network: false,
            ingress_policies: 0,
            egress_policies: 0,
            internet: internet.clone(),
            metadata: shut.clone(),
            api_server: shut.clone(),
        };
        let hostile = "shop/Pod/\u{1b}[31m\"<&|`";
        Reach {
            schema_version: "1.0".into(),
            plimsoll: "0".into(),
            cluster: plimsoll_model::audit::ClusterInfo { name: "<here>".into(), ..Default::default() },
            verdict: Outcome::Met,
            summary: ReachSummary { workloads: 2, pairs: 2, allowed: 1, ..ReachSummary::default() },
            exposures: vec![Exposure {
                workload: hostile.into(),
                by: "Ingress".into(),
                object: "shop/web".into(),
                hosts: vec!["a.example".into(), "b.example".into()],
                ports: open.clone(),
                detail: None,
                whose: None,
            }],
            workloads: vec![workload("shop/Deployment/web", &open), workload(hostile, &shut)],
            namespaces_without_policy: vec!["shop".into()],
            without_policy_whose: BTreeMap::new(),
            policies: Vec::new(),
            connections: vec![Connection {
                from: "shop/Deployment/web".into(),
                to: hostile.into(),
                ports: open,
            }],
            connections_left_out: 3,
            notes: Vec::new(),
            missing: Vec::new(),
            problems: Vec::new(),
        }
    }

    #[test]
    fn names_from_outside_change_no_form() {
        let view = View { width: 80, all: true, ..View::default() };
        for form in [ReachForm::Table, ReachForm::Markdown, ReachForm::Dot, ReachForm::Svg, ReachForm::Json] {
            let text = write(&reach(), form, &view).expect("a text");
            assert!(!text.contains('\u{1b}'), "{text}");
        }
        let svg = svg(&reach());
        assert!(svg.contains("&lt;here&gt;") && svg.contains("&quot;&lt;&amp;|"), "{svg}");
        let dot = dot(&reach());
        assert!(dot.contains(r#"\\x1b[31m\"<&|`""#) && dot.contains("3 connections are left out"), "{dot}");
        let table = table(&reach(), &view);
        assert!(table.contains("1 of 2 reach the internet: shop/Deployment/web"), "{table}");
        assert!(table.contains("none reach the API server"), "{table}");
        assert!(table.contains("a.example and 1 more"), "{table}");
    }

    #[test]
    fn a_graph_is_of_a_whole_cluster() {
        let query = ReachQuery {
            schema_version: "1.0".into(),
            plimsoll: "0".into(),
            cluster: plimsoll_model::audit::ClusterInfo::default(),
            from: "a".into(),
            to: "b".into(),
            port: None,
            verdict: Outcome::Met,
            answers: Vec::new(),
            left_out: 0,
            missing: Vec::new(),
            problems: Vec::new(),
        };
        assert!(write_query(&query, ReachForm::Dot, &View::default()).is_err());
        assert!(write_query(&query, ReachForm::Json, &View::default()).is_ok());
    }
}
