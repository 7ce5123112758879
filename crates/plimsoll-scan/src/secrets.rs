//! Secrets as findings: where they are, whether they count, how they are taken out.
//!
//! What is in files comes from glances at every file of every layer; what is in the configuration and the history of an
//! image is looked at here. No part of a finding holds the secret itself.

use std::collections::HashMap;

use plimsoll_extract::secret::{self, Certainty, Hit};
use plimsoll_model::{
    Algorithm, ConfigurationSubject, Digest, Evidence, Finding, FindingKind, FixStatus, ImagePath, Location,
    Party, Problem, ProblemKind, Remedy, Risk, Severity, Subject, Suppression,
};
use plimsoll_oci::{History, Image};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::assemble::{DirectoryLinks, Found, Owners, owners, real_path};
use crate::base;
use crate::visit::Glimpse;

/// Findings that one scan tells.
const MAX_FINDINGS: usize = 10_000;

/// What was found of secrets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Secrets {
    pub(crate) findings: Vec<Finding>,
    pub(crate) problems: Vec<Problem>,
}

/// Secrets in files.
pub(crate) fn of_files(glimpses: &[Glimpse], found: &[Found], links: &DirectoryLinks) -> Secrets {
    let owners = owners(glimpses.iter().map(|glimpse| &glimpse.path), found, links);
    let mut secrets = Secrets::default();
    for glimpse in glimpses {
        let problem = |problem: &Problem| Problem { layer: glimpse.layer, ..problem.clone() };
        secrets.problems.extend(glimpse.extraction.problems.iter().map(problem));
        let accepted = unchanged_owner(glimpse, &owners, links).or_else(|| test_data(&glimpse.path));
        for hit in &glimpse.extraction.secrets {
            let mut location = Location::at_line(glimpse.path.clone(), hit.line);
            location.layer = glimpse.layer;
            let mut id = format!("{}@{}:{}", hit.rule, glimpse.path, hit.line);
            let what = what(hit);
            let (title, out) = match (glimpse.layer, glimpse.hidden_by) {
                (Some(layer), Some(above)) => {
                    // The same path may carry one in several layers.
                    id = format!("{id} (layer {layer})");
                    (
                        format!("{what}, still in layer {layer} although layer {above} removes the file"),
                        "rebuild without ever copying it in: whoever has the image has the layer",
                    )
                }
                (Some(_), None) => (
                    format!("{what} in a file of the image"),
                    "rebuild the image without it and mount it at run time: a further layer does not take it out",
                ),
                (None, _) => (format!("{what} in a file"), "take it out of the file"),
            };
            let subject = Subject::File(location.clone());
            let mut finding = finding(hit, id, title, out, subject);
            finding.remedy.location = Some(location);
            finding.suppressed_by.clone_from(&accepted);
            secrets.findings.push(finding);
        }
    }
    secrets.settle();
    secrets
}

/// The distribution package that brought the file, if nobody wrote it since: then everybody who installs the package has it.
/// Below `etc` nobody can tell, and people put secrets there.
fn unchanged_owner(glimpse: &Glimpse, owners: &Owners<'_>, links: &DirectoryLinks) -> Option<Suppression> {
    let (layer, package) = owners.get(&real_path(glimpse.path.as_bytes(), links))?;
    (!glimpse.path.as_bytes().starts_with(b"etc/") && glimpse.layer <= *layer).then(|| Suppression {
        by: "owner".to_owned(),
        source: (*package).to_owned(),
        reason: format!("the distribution's package {package} brings this file to everybody"),
        expires: None,
    })
}

/// Is the file test data or an example within an installed package of a language, or within Python's own library?
fn test_data(path: &ImagePath) -> Option<Suppression> {
    /// Folders that hold installed packages.
    const PACKAGES: &[&[u8]] = &[b"site-packages", b"dist-packages", b"node_modules", b"gems"];
    /// Several names in a row that do the same.
    const CACHES: &[&[u8]] = &[b"/pkg/mod/", b"/.cargo/registry/src/"];
    const TESTS: &[&[u8]] = &[
        b"test",
        b"tests",
        b"testing",
        b"testdata",
        b"test_data",
        b"test-data",
        b"__tests__",
        b"spec",
        b"specs",
        b"fixtures",
        b"example",
        b"examples",
        b"doc",
        b"docs",
        b"mocks",
    ];
    let path = path.as_bytes();
    let within = |name: &[u8]| {
        let mut from = 0;
        path.split(|byte| *byte == b'/').find_map(|part| {
            let start = from;
            from += part.len() + 1;
            (part == name).then_some(start + part.len())
        })
    };
    // The library of Python itself: `lib/python3.11/test/certdata/`.
    let library = || {
        let (mut from, mut above) = (0, &b""[..]);
        path.split(|byte| *byte == b'/').find_map(|part| {
            let end = from + part.len();
            from = end + 1;
            let is_library = above == b"lib" && part.starts_with(b"python3.");
            above = part;
            is_library.then_some(end)
        })
    };
    let cached = |name: &[u8]| {
        let padded = [b"/", path].concat();
        padded.windows(name.len()).position(|part| part == name).map(|at| at + name.len() - 1)
    };
    let package = PACKAGES
        .iter()
        .find_map(|name| within(name))
        .or_else(|| CACHES.iter().find_map(|name| cached(name)))
        .or_else(library)?;
    let inside = path.get(package..)?;
    let mut folders: Vec<&[u8]> = inside.split(|byte| *byte == b'/').collect();
    folders.pop();
    let test = folders.iter().find(|folder| TESTS.contains(folder))?;
    Some(Suppression {
        by: "owner".to_owned(),
        source: "test data".to_owned(),
        reason: format!(
            "an installed package publishes it in its folder `{}`: everybody has it",
            String::from_utf8_lossy(test)
        ),
        expires: None,
    })
}

/// The commands of an image's history, oldest first, without the secrets in them. Finding these takes all rules, so what
/// is kept of an image holds them.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct RedactedHistory {
    /// Of which commands, and by which rules.
    of: Option<Digest>,
    commands: Vec<String>,
}

impl RedactedHistory {
    /// The commands of this history.
    pub(crate) fn commands(&mut self, history: &[History]) -> &[String] {
        let mut hash = Sha256::new_with_prefix(secret::table());
        for step in history {
            hash.update((step.created_by.len() as u64).to_be_bytes());
            hash.update(&step.created_by);
        }
        let of = Digest::from_bytes(Algorithm::Sha256, &hash.finalize());
        if self.of != of {
            let redacted = |step: &History| secret::redact(&step.created_by).into_owned();
            *self = RedactedHistory { of, commands: history.iter().map(redacted).collect() };
        }
        &self.commands
    }
}

/// A part of the configuration: its name, its text, and the layer whose makers wrote it where that is known.
struct Part {
    name: String,
    text: String,
    layer: Option<u32>,
}

/// The parts in which secrets are looked for, those that matter at run time first.
fn parts(image: &Image, base_layers: u32) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut add = |name: String, text: String, layer| parts.push(Part { name, text, layer });
    for variable in &image.env {
        let name = variable.split('=').next().unwrap_or_default();
        add(format!("config.Env[{name}]"), variable.clone(), None);
    }
    add("config.Entrypoint".to_owned(), image.entrypoint.join(" "), None);
    add("config.Cmd".to_owned(), image.command.join(" "), None);
    // With its name before it, as the rules that go by names expect.
    for (name, value) in &image.labels {
        add(format!("config.Labels[{name}]"), format!("{name}={value}"), None);
    }
    for (name, value) in &image.annotations {
        add(format!("annotations[{name}]"), format!("{name}={value}"), None);
    }
    let steps: Vec<base::Step> = image.history.iter().map(base::Step::from).collect();
    let of_base = base::steps(&steps, base_layers);
    let mut layer = 0;
    for (index, step) in image.history.iter().enumerate() {
        layer += u32::from(!step.empty_layer);
        let made = if !step.empty_layer || index < of_base { Some(layer.max(1)) } else { None };
        add(format!("history[{index}]"), step.created_by.clone(), made);
    }
    parts
}

/// Secrets in the configuration, the annotations and the history of an image. One that stands in several places is told once.
pub(crate) fn of_configuration(image: &Image, base_layers: u32) -> Secrets {
    let mut secrets = Secrets::default();
    let mut known: HashMap<(&'static str, String), usize> = HashMap::new();
    for part in parts(image, base_layers) {
        let found = secret::scan(b"", part.text.as_bytes());
        if let Some(why) = found.cut {
            secrets.problems.push(Problem::incomplete(ProblemKind::LimitExceeded, &part.name, why));
        }
        for hit in found.hits {
            let value = part.text.get(hit.start..hit.end).unwrap_or_default().to_owned();
            if let Some(finding) =
                known.get(&(hit.rule, value.clone())).and_then(|at| secrets.findings.get_mut(*at))
            {
                if let Subject::Configuration(subject) = &mut finding.subject {
                    subject.layer = subject.layer.or(part.layer);
                }
                finding.evidence.push(evidence(&hit, &part.name));
                continue;
            }
            known.insert((hit.rule, value), secrets.findings.len());
            let mut id = format!("{}@{}", hit.rule, part.name);
            if secrets.findings.iter().any(|finding| finding.id == id) {
                id = format!("{id} ({})", secrets.findings.len());
            }
            let title = format!("{} in the image's configuration", what(&hit));
            let out = "rebuild without it: pass it at run time, or to the build as a secret mount";
            let subject = ConfigurationSubject { part: part.name.clone(), layer: part.layer };
            let mut finding = finding(&hit, id, title, out, Subject::Configuration(subject));
            finding.evidence = vec![evidence(&hit, &part.name)];
            secrets.findings.push(finding);
        }
    }
    secrets.settle();
    secrets
}

impl Secrets {
    /// Sorted, each once, not more than are told.
    fn settle(&mut self) {
        let key = |finding: &Finding| (std::cmp::Reverse(finding.severity.level), finding.id.clone());
        self.findings.sort_by_cached_key(key);
        self.findings.dedup_by(|one, other| one.id == other.id);
        if self.findings.len() > MAX_FINDINGS {
            self.findings.truncate(MAX_FINDINGS);
            let detail = format!("more than {MAX_FINDINGS} were found, the others are not told");
            self.problems.push(Problem::incomplete(ProblemKind::LimitExceeded, "secrets", detail));
        }
    }
}

fn what(hit: &Hit) -> &'static str {
    secret::find(hit.rule).map_or("secret", |rule| &rule.what)
}

fn evidence(hit: &Hit, place: &str) -> Evidence {
    Evidence {
        source: "plimsoll".to_owned(),
        record: hit.rule.to_owned(),
        date: String::new(),
        range: format!("{}, {}", hit.shown, hit.certainty.word()),
        compared: place.to_owned(),
        rule: "pattern".to_owned(),
    }
}

fn finding(hit: &Hit, id: String, title: String, out: &str, subject: Subject) -> Finding {
    let what = what(hit);
    let revoke = secret::find(hit.rule).map_or("", |rule| &rule.revoke);
    let doubt = if hit.certainty == Certainty::Doubtful { "if it is one, " } else { "" };
    let place = match &subject {
        Subject::File(location) => format!("{}:{}", location.path, hit.line),
        other => other.name().into_owned(),
    };
    Finding {
        id,
        kind: FindingKind::Secret,
        advisory: hit.rule.to_owned(),
        aliases: Vec::new(),
        title,
        subject,
        severity: Severity { level: hit.severity, source: "plimsoll".to_owned(), ..Severity::default() },
        risk: Risk { fixable: true, ..Risk::default() },
        status: FixStatus::Affected,
        fixed_version: None,
        party: Party::Application(None),
        remedy: Remedy {
            action: format!("{doubt}revoke the {what} ({revoke}), then {out}"),
            ..Remedy::default()
        },
        evidence: vec![evidence(hit, &place)],
        object: None,
        suppressed_by: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_installed_packages_publish() {
        for (path, expected) in [
            ("usr/lib/python3.11/test/certdata/keycert.pem", true),
            ("root/.pyenv/versions/3.8.18/lib/python3.8/test/ssl_key.pem", true),
            ("usr/lib/python3.11/ssl.py", false),
            ("srv/venv/lib/python3.11/site-packages/a/tests/key.pem", true),
            ("srv/venv/lib/python3.11/site-packages/a/key.pem", false),
            ("srv/python3.11/test/key.pem", false),
            ("srv/tests/key.pem", false),
        ] {
            assert_eq!(test_data(&path.into()).is_some(), expected, "{path}");
        }
    }

    #[test]
    fn a_kept_history_is_of_the_same_commands_only() {
        let history = |commands: &[&str]| -> Vec<History> {
            let step = |command: &&str| History { created_by: (*command).to_owned(), ..History::default() };
            commands.iter().map(step).collect()
        };
        // In two pieces, so that nobody takes this file for one that leaks.
        let secret = format!("RUN KEY=sk_{}_q7Rz0KpV3mXcT9bL2wYf8sHd0001 make", "live");
        let first = history(&[&secret, "RUN true"]);
        let mut kept = RedactedHistory::default();
        let commands = kept.commands(&first).to_vec();
        assert!(commands[0].contains("***") && !commands[0].contains("q7Rz"), "{commands:?}");
        // What was kept is taken as it is for the same commands, and made anew for others.
        kept.commands[1] = "kept".to_owned();
        assert_eq!(kept.commands(&first)[1], "kept");
        assert_eq!(kept.commands(&history(&["RUN true"])), ["RUN true"]);
        assert_eq!(kept.commands(&history(&["RUN t", "rue"])), ["RUN t", "rue"]);
    }
}
