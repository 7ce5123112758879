//! Who can do something in a cluster: for people, and as JSON.

use plimsoll_model::Outcome;
use plimsoll_model::rights::{Grant, May, WhoCan, WhoMay};

use crate::lines::Lines;
use crate::text::{clean, count, thousands};
use crate::{Error, View};

/// Subjects, and reasons of one, that are shown unless all are asked for.
const SHOWN: usize = 10;
/// Reasons of one subject that are shown unless all are asked for.
const REASONS: usize = 2;

/// In which form it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhoCanForm {
    /// Text for a terminal.
    Table,
    /// The answer itself; `docs/schema/who-can-1.0.json` describes it.
    Json,
}

/// Writes who can.
///
/// # Errors
/// When it cannot be rendered.
pub fn write(answer: &WhoCan, form: WhoCanForm, view: &View) -> Result<String, Error> {
    match form {
        WhoCanForm::Json => Ok(crate::text::json(answer)?),
        WhoCanForm::Table => Ok(table(answer, view)),
    }
}

fn table(answer: &WhoCan, view: &View) -> String {
    let mut lines = Lines::new(view);
    let (can, perhaps): (Vec<&WhoMay>, Vec<&WhoMay>) =
        answer.subjects.iter().partition(|one| one.answer == May::Allowed);
    let asked = answer.asked.shown();
    let asked = clean(&asked);
    lines.line(&clean(&answer.cluster.name));
    lines.line(&match can.len() {
        0 if answer.verdict == Outcome::Met => format!("nobody can {asked}"),
        0 => format!("nobody is seen who can {asked}, but not all was seen"),
        number => format!("{} can {asked}", count(number, "subject", "subjects")),
    });
    subjects(&can, view, &mut lines);
    if !perhaps.is_empty() {
        lines.head(&format!("Not known of {}", count(perhaps.len(), "subject", "subjects")));
        subjects(&perhaps, view, &mut lines);
    }
    if !answer.dangling.is_empty() {
        let shown = if view.all { usize::MAX } else { REASONS };
        lines.head(&format!(
            "Bindings that give nothing now; whoever makes the role fills them ({})",
            thousands(answer.dangling.len() as u64)
        ));
        for one in answer.dangling.iter().take(shown) {
            lines.wrapped("  ", &format!("{}: {}", clean(&one.binding), clean(&one.detail)));
        }
        lines.more(answer.dangling.len(), shown);
    }
    lines.tail(&answer.notes, &answer.missing, &answer.problems, view);
    lines.text()
}

fn subjects(all: &[&WhoMay], view: &View, lines: &mut Lines) {
    let shown = if view.all { usize::MAX } else { SHOWN };
    for one in all.iter().take(shown) {
        lines.line("");
        lines.line(&clean(&one.subject.shown()));
        if let Some(means) = &one.means {
            lines.wrapped("  ", &clean(means));
        }
        let reasons = if view.all { usize::MAX } else { REASONS };
        for grant in one.grants.iter().take(reasons) {
            reason(grant, lines);
        }
        if one.grants.len() > reasons {
            let more = count(one.grants.len() - reasons, "more reason", "more reasons");
            lines.line(&format!("  and {more}: see --all"));
        }
        lines.whose("  ", std::iter::once(one.whose.as_ref()));
        if one.exists == Some(false) {
            lines.wrapped("  ", "this account is not there: whoever makes it has this right");
        }
        if let Some(members) = one.members {
            let members = usize::try_from(members).unwrap_or(usize::MAX);
            lines.line(&format!("  among its members: {}", count(members, "workload", "workloads")));
        }
        let workloads = if view.all { usize::MAX } else { 3 };
        for runs in one.workloads.iter().take(workloads) {
            let pods = count(usize::try_from(runs.pods).unwrap_or(usize::MAX), "pod", "pods");
            let token = if runs.token { "" } else { ", token not mounted" };
            lines.line(&format!("  runs as it: {}, {pods}{token}", clean(&runs.workload)));
        }
        if one.workloads.len() > workloads {
            let more = count(one.workloads.len() - workloads, "more workload", "more workloads");
            lines.line(&format!("  and {more}: see --all"));
        }
    }
    lines.more(all.len(), shown);
}

/// `in shop: RoleBinding shop/web > ClusterRole edit > ClusterRole system:edit, rule 3: get secrets`.
fn reason(grant: &Grant, lines: &mut Lines) {
    let place = match &grant.namespace {
        Some(namespace) => format!("in {}", clean(namespace)),
        None => "everywhere".into(),
    };
    let mut text = format!("{place}: {} > {}", clean(&grant.binding), clean(&grant.role));
    if let Some(from) = &grant.from_role {
        text.extend([" > ", &clean(from)]);
    }
    if let Some(rule) = grant.rule {
        text.extend([", rule ", &rule.to_string()]);
    }
    text.extend([": ", &clean(&grant.detail)]);
    if !grant.names.is_empty() && !grant.detail.contains(" named ") {
        let names: Vec<String> = grant.names.iter().take(5).map(|name| clean(name).into_owned()).collect();
        let more = if grant.names.len() > names.len() { ", ..." } else { "" };
        text.extend([", only ", &names.join(", "), more]);
    }
    if grant.more_rules > 0 {
        let more = usize::try_from(grant.more_rules).unwrap_or(usize::MAX);
        text.extend([", and ", &count(more, "more rule", "more rules")]);
    }
    lines.wrapped("  ", &text);
}
