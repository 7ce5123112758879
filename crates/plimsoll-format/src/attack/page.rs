//! The routes as one page, which loads nothing and runs nothing; all text goes through the template's escaping.

use askama::Template;
use plimsoll_model::Outcome;
use plimsoll_model::attack::{Attack, AttackCut, AttackRoute, Known};

use super::{accepted, cut_goals, cut_whose, end, entries, flaws, party, sum};
use crate::Error;
use crate::html::{ended, hash_of};
use crate::text::{clean, count, thousands};

const STYLE: &str =
    concat!(include_str!("../../templates/report.css"), include_str!("../../templates/attack.css"));

#[derive(Template)]
#[template(path = "attack.html")]
struct Page {
    style: &'static str,
    style_hash: String,
    title: String,
    cluster: String,
    outcome: &'static str,
    outcome_class: &'static str,
    outcome_mark: &'static str,
    sum: String,
    sections: Vec<Section>,
    left_out: String,
    unseen: Vec<String>,
    version: String,
}

struct Section {
    title: String,
    routes: Vec<Route>,
}

struct Route {
    name: String,
    pods: String,
    /// From outside to the goal, in a few words each.
    chain: Vec<String>,
    facts: Vec<(&'static str, String)>,
    cheapest: Vec<Cut>,
    others: Vec<Cut>,
}

struct Cut {
    what: &'static str,
    party: String,
    action: String,
    command: String,
}

pub(super) fn write(attack: &Attack) -> Result<String, Error> {
    let (outcome_class, outcome_mark) = match attack.verdict {
        Outcome::Met => ("met", "●"),
        Outcome::NotMet => ("not-met", "✗"),
        Outcome::Unknown => ("undecided", "?"),
    };
    let mut sections = Vec::new();
    for (title, sure, is_accepted) in
        [("Known", true, false), ("Perhaps", false, false), ("Accepted", true, true)]
    {
        let fits = |route: &&AttackRoute| {
            route.accepted.is_some() == is_accepted && (is_accepted || route.sure == sure)
        };
        let routes: Vec<Route> = attack.routes.iter().filter(fits).map(route).collect();
        if !routes.is_empty() {
            sections.push(Section { title: format!("{title} ({})", routes.len()), routes });
        }
    }
    let mut unseen: Vec<String> = attack.notes.iter().map(|note| clean(note).into_owned()).collect();
    unseen.extend(attack.missing.iter().map(|one| {
        format!("{} without {}: {}", clean(&one.unknown), clean(&one.resource), clean(&one.reason))
    }));
    unseen.extend(
        attack
            .problems
            .iter()
            .map(|problem| format!("{}: {}", clean(&problem.subject), clean(&problem.detail))),
    );
    let page = Page {
        style: STYLE,
        style_hash: hash_of(STYLE),
        title: format!("{}: routes from outside", attack.verdict.word()),
        cluster: clean(&attack.cluster.name).into_owned(),
        outcome: attack.verdict.word(),
        outcome_class,
        outcome_mark,
        sum: sum(attack),
        sections,
        left_out: if attack.left_out > 0 {
            format!("{} more routes are not told.", thousands(attack.left_out))
        } else {
            String::new()
        },
        unseen,
        version: clean(&attack.plimsoll).into_owned(),
    };
    Ok(ended(page.render()?))
}

fn route(route: &AttackRoute) -> Route {
    let pods = usize::try_from(route.pods).unwrap_or(usize::MAX);
    let mut facts: Vec<(&'static str, String)> =
        accepted(route).map(|text| ("accepted", text)).into_iter().collect();
    facts.push(("open", entries(route, true)));
    for hop in &route.over {
        let over = format!("{} > {} ({})", hop.from, hop.to, hop.ports.allowed);
        facts.push(("over", clean(&over).into_owned()));
    }
    facts.push(("flaw", flaws(route, true)));
    for one in &route.ends {
        let perhaps = if one.sure { "" } else { ", perhaps" };
        facts.push(("leads to", format!("{}{perhaps}: {}", one.goal.name(), end(route, one))));
    }
    Route {
        name: clean(&route.workload).into_owned(),
        pods: if pods == 0 { String::new() } else { count(pods, "pod", "pods") },
        chain: chain(route),
        facts,
        cheapest: route.cheapest.iter().map(cut).collect(),
        others: route.others.iter().map(cut).collect(),
    }
}

fn chain(route: &AttackRoute) -> Vec<String> {
    let mut chain = vec!["outside".to_owned()];
    if let Some(entry) = route.entries.first() {
        chain.push(format!("{} {}", entry.by, clean(&entry.object)));
    }
    chain.extend(route.over.iter().map(|hop| clean(&hop.from).into_owned()));
    chain.push(clean(&route.workload).into_owned());
    let worst = route.images.iter().find_map(|image| image.worst.first());
    chain.push(match (route.vulnerable, worst) {
        (Known::Yes, Some(flaw)) => clean(&flaw.advisory).into_owned(),
        (Known::No, _) => "no flaw is known".to_owned(),
        _ => "flaws not known".to_owned(),
    });
    if let Some(end) = route.ends.first() {
        chain.extend(end.steps.iter().map(|step| step.what.clone()));
        let perhaps = if end.sure { "" } else { ", perhaps" };
        chain.push(format!("{}{perhaps}", end.goal.name()));
    }
    chain
}

fn cut(cut: &AttackCut) -> Cut {
    Cut {
        what: cut.kind.word(),
        party: party(&cut.party),
        action: format!("{}{}{}", clean(&cut.action), cut_goals(cut), cut_whose(cut)),
        command: cut.command.as_deref().map(|command| clean(command).into_owned()).unwrap_or_default(),
    }
}
