//! A plan as a preset of Renovate: in which order it should open its pull requests. It finds the new versions itself.

use plimsoll_model::Party;
use plimsoll_model::plan::{Plan, Step};
use serde::Serialize;

use crate::Error;
use crate::plan::{removal, share, what};
use crate::text::count;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Preset {
    #[serde(rename = "$schema")]
    schema: &'static str,
    description: Vec<String>,
    package_rules: Vec<Rule>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    description: Vec<String>,
    match_datasources: [&'static str; 1],
    match_package_names: Vec<String>,
    pr_priority: usize,
    add_labels: [&'static str; 1],
}

/// Writes the steps that Renovate can take, the most important with the highest priority.
pub(crate) fn write(plan: &Plan) -> Result<String, Error> {
    let possible: Vec<(usize, &Step, &'static str, Vec<String>)> = plan
        .steps
        .iter()
        .enumerate()
        .filter_map(|(index, step)| names(step).map(|(source, names)| (index, step, source, names)))
        .collect();
    let mut description = vec![format!(
        "Order of work by plimsoll {}: {} in {}, {} of the work.",
        plan.plimsoll,
        count(plan.steps.len(), "change", "changes"),
        count(plan.targets.len(), "target", "targets"),
        share(plan.steps.last().map_or(0, |step| step.cumulative))
    )];
    let others = plan.steps.len() - possible.len();
    if others > 0 {
        description.push(format!(
            "{} not here, since Renovate cannot make them (packages of distributions, incidents, layers to build again): plimsoll plan lists them.",
            if others == 1 { "1 change is".to_owned() } else { format!("{others} changes are") }
        ));
    }
    for target in plan.targets.iter().filter(|target| target.failure.is_some()) {
        description.push(format!("Left out, since it could not be read: {}.", target.name));
    }
    // Renovate applies every rule that fits, and later ones win: the most important step comes last.
    let package_rules = possible
        .into_iter()
        .rev()
        .map(|(index, step, source, names)| Rule {
            description: vec![format!("{}. {}: {}", index + 1, what(step), removal(step))],
            match_datasources: [source],
            match_package_names: names,
            pr_priority: plan.steps.len() - index,
            add_labels: ["security"],
        })
        .collect();
    let schema = "https://docs.renovatebot.com/renovate-schema.json";
    Ok(crate::text::json(&Preset { schema, description, package_rules })?)
}

/// The datasource of Renovate that a step is about, and what the package is called there.
fn names(step: &Step) -> Option<(&'static str, Vec<String>)> {
    if step.malware {
        return None;
    }
    let (source, names) = match (step.ecosystem, &step.party) {
        (Some(ecosystem), _) => {
            (ecosystem.row().renovate, vec![ecosystem.normalise(&step.subject).into_owned()])
        }
        (None, Party::BaseImage(_)) => ("docker", images(&step.subject)),
        _ => return None,
    };
    (!source.is_empty() && names.iter().all(|name| is_plain(name))).then_some((source, names))
}

/// A name that stands for itself alone: Renovate reads some characters as patterns, and names come from images.
fn is_plain(name: &str) -> bool {
    // An `@` begins a pattern only before a parenthesis.
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"@/._:~-".contains(&byte);
    name.bytes().all(known) && name.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '@')
}

/// An image's repository as Dockerfiles spell it: Docker's own registry has three ways.
fn images(reference: &str) -> Vec<String> {
    let (repository, _) = crate::stamp::repository_and_tag(reference);
    let mut names = vec![repository.to_owned()];
    let short = repository.strip_prefix("docker.io/").or_else(|| repository.strip_prefix("index.docker.io/"));
    if let Some(short) = short {
        names.push(short.to_owned());
    }
    if let Some(name) = short.unwrap_or(repository).strip_prefix("library/") {
        names.push(name.to_owned());
    }
    names
}

#[cfg(test)]
mod tests {
    use plimsoll_model::plan::PLAN_VERSION;
    use plimsoll_model::{Ecosystem, Level};

    use super::*;

    fn step(ecosystem: Option<Ecosystem>, subject: &str) -> Step {
        Step {
            party: if ecosystem.is_none() { Party::BaseImage(None) } else { Party::Application(None) },
            ecosystem,
            subject: subject.to_owned(),
            to: Some("2.0".to_owned()),
            removes: 3,
            points: 30,
            cumulative: 500,
            worst: Level::High,
            exploited: false,
            malware: false,
            advisories: Vec::new(),
            edits: Vec::new(),
        }
    }

    fn preset(steps: Vec<Step>) -> serde_json::Value {
        let plan = Plan {
            schema_version: PLAN_VERSION.to_owned(),
            plimsoll: "0.1.0".to_owned(),
            targets: Vec::new(),
            findings: 9,
            points: 90,
            steps,
            left: 0,
            left_points: 0,
        };
        serde_json::from_str(&write(&plan).unwrap()).unwrap()
    }

    #[test]
    fn the_first_step_wins() {
        let preset = preset(vec![
            step(Some(Ecosystem::PyPi), "Zope.Interface"),
            step(Some(Ecosystem::Deb), "openssl"),
            step(None, "docker.io/library/node:20@sha256:00"),
        ]);
        let rules = preset["packageRules"].as_array().unwrap();
        assert_eq!(rules.len(), 2);
        assert_eq!(
            rules[0]["matchPackageNames"].to_string(),
            r#"["docker.io/library/node","library/node","node"]"#
        );
        assert_eq!(rules[0]["matchDatasources"][0], "docker");
        assert_eq!(rules[0]["prPriority"], 1);
        assert_eq!(rules[1]["matchPackageNames"].to_string(), r#"["zope-interface"]"#);
        assert_eq!(rules[1]["prPriority"], 3);
        assert!(preset["description"][1].as_str().unwrap().starts_with("1 change is not here"), "{preset}");
    }

    /// A name of an image's package must not become a rule about every package.
    #[test]
    fn no_name_is_taken_for_a_pattern() {
        for name in ["**", "*", "!left-pad", "/.*/", "a{b,c}", "", "@(a|b)", "a b", "лес", "-x"] {
            let preset = preset(vec![step(Some(Ecosystem::Npm), name)]);
            assert_eq!(preset["packageRules"].as_array().unwrap().len(), 0, "{name}");
        }
        let preset = preset(vec![step(Some(Ecosystem::Npm), "@angular/core"), {
            let mut incident = step(Some(Ecosystem::Npm), "event-stream");
            incident.malware = true;
            incident
        }]);
        assert_eq!(preset["packageRules"].as_array().unwrap().len(), 1);
    }
}
