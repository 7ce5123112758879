//! How an image is set up, held against the rules of `plimsoll-posture`: its configuration, its history and its files.
//!
//! Of files only names, modes and capabilities are kept, and a few small texts without anything that opens a door.

use std::collections::{BTreeMap, HashMap};

use plimsoll_extract::FileNote;
use plimsoll_model::{
    Base, BaseSource, ConfigurationSubject, Effect, Finding, ImagePath, Location, Problem, ProblemKind,
    Subject, Target, TargetKind,
};
use plimsoll_oci::Image;
use plimsoll_posture::image::{
    self, Configuration, File, Files, HistoryStep, ImageFacts, Interest, LEFTOVERS, Leftover, Part, SmallText,
};
use plimsoll_posture::{Breach, Input, Judged, check_image};

use crate::assemble::{DirectoryLinks, Found, owners, real_path};
use crate::base;
use crate::check::{not_decided, of_rule};
use crate::verdict::Line;

/// Largest text that is read for its accounts or rules, in bytes.
pub(crate) const LARGEST_TEXT: u64 = 1 << 20;

/// What a file is worth remembering for.
pub(crate) fn interest(entry: &plimsoll_fs::Entry<'_>) -> Option<Interest> {
    image::interest(entry.path.as_bytes(), entry.mode & 0o7777, entry.mode & plimsoll_fs::CAPABLE != 0)
}

/// What is remembered of a file that is of interest.
pub(crate) fn note(entry: &plimsoll_fs::Entry<'_>, content: &[u8]) -> Option<FileNote> {
    let text = match interest(entry)? {
        Interest::Text => without_hashes(entry.path.as_bytes(), content),
        // A file that is marked for its mode may be one of those, too.
        Interest::Marked | Interest::Leftover(_) => String::new(),
    };
    Some(FileNote {
        mode: entry.mode & 0o7777,
        capable: entry.mode & plimsoll_fs::CAPABLE != 0,
        size: entry.size,
        text,
    })
}

/// The text of a file of accounts, with a mark in place of what stands in its second field: a hash is nobody's business.
fn without_hashes(path: &[u8], content: &[u8]) -> String {
    let text = String::from_utf8_lossy(content);
    if !matches!(path, b"etc/passwd" | b"etc/shadow") {
        return text.into_owned();
    }
    let mut open = String::with_capacity(text.len());
    for line in text.lines() {
        let mut fields = line.splitn(3, ':');
        open.push_str(fields.next().unwrap_or_default());
        if let Some(secret) = fields.next() {
            open.push_str(if secret.is_empty() { ":" } else { ":x" });
        }
        if let Some(rest) = fields.next() {
            open.push(':');
            open.push_str(rest);
        }
        open.push('\n');
    }
    open
}

/// What was remembered of one visible file.
#[derive(Clone, Debug)]
pub(crate) struct Noted {
    pub(crate) path: ImagePath,
    pub(crate) layer: Option<u32>,
    pub(crate) note: FileNote,
}

/// Puts together what was remembered: owners are filled in, leftovers are counted.
pub(crate) fn files(noted: Vec<Noted>, found: &[Found], links: &DirectoryLinks) -> Files {
    let has_rights = |noted: &&Noted| noted.note.mode & 0o6000 != 0 || noted.note.capable;
    let owners = owners(noted.iter().filter(has_rights).map(|noted| &noted.path), found, links);
    let mut files = Files::default();
    let mut leftovers: BTreeMap<(&'static str, Option<u32>), Leftover> = BTreeMap::new();
    for Noted { path, layer, note } in noted {
        match image::interest(path.as_bytes(), note.mode, note.capable) {
            Some(Interest::Text) => files.texts.push(SmallText { path, layer, text: note.text }),
            Some(Interest::Leftover(what)) => {
                let one = leftovers.entry((what, layer)).or_insert_with(|| Leftover {
                    what: what.to_owned(),
                    layer,
                    path: path.clone(),
                    ..Leftover::default()
                });
                one.files += 1;
                one.bytes = one.bytes.saturating_add(note.size);
            }
            // Its name may be another one after links were followed: then it is of interest for its mode only.
            Some(Interest::Marked) | None => {
                let real = real_path(path.as_bytes(), links);
                let owner = owners.get(&real).filter(|(since, _)| layer <= *since);
                let owner = owner.map(|(_, package)| (*package).to_owned());
                files.marked.push(File { path, layer, mode: note.mode, capable: note.capable, owner });
            }
        }
    }
    files.leftovers = leftovers.into_values().collect();
    files
}

/// What the rules say.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Settings {
    pub(crate) findings: Vec<Finding>,
    pub(crate) problems: Vec<Problem>,
}

/// Holds an image against all rules, or a directory against those about files. `today` is `YYYY-MM-DD`.
pub(crate) fn judge(
    image: Option<&Image>,
    target: &Target,
    files: Files,
    today: &str,
    line: Line,
) -> Settings {
    let mut settings = Settings::default();
    let base_layers = target.base.as_ref().filter(|base| is_known(base)).map_or(0, |base| base.layers);
    if image.is_some_and(|image| image.platform.os != "linux") {
        let detail = "the rules for configuration and files are about Linux: none was asked";
        settings.problems.push(Problem::incomplete(ProblemKind::Unsupported, &target.name, detail));
        return settings;
    }
    let facts = ImageFacts {
        reference: image.and_then(|image| image.reference.clone()),
        configuration: image.and_then(configuration),
        history: image.and_then(|image| history(image, base_layers)),
        files: Some(files),
        now: Some(today.to_owned()),
    };
    let judged = check_image(&facts);
    settings.problems.extend(unanswered(&judged, target.kind == TargetKind::Image, &target.name, line));
    for breach in &judged.breaches {
        settings.findings.push(finding(breach, base_layers));
    }
    // Several breaches of a rule at one place: ids stay apart.
    let mut seen: HashMap<String, u32> = HashMap::new();
    for finding in &mut settings.findings {
        let times = seen.entry(finding.id.clone()).or_default();
        *times += 1;
        if *times > 1 {
            finding.id = format!("{} ({times})", finding.id);
        }
    }
    settings
}

fn is_known(base: &Base) -> bool {
    base.source != BaseSource::Unknown
}

fn configuration(image: &Image) -> Option<Configuration> {
    let run = image.run.as_ref()?;
    Some(Configuration {
        user: run.user.clone(),
        exposed_ports: run.exposed_ports.clone(),
        volumes: run.volumes.clone(),
        labels: image.labels.clone(),
        has_healthcheck: run.has_healthcheck,
        created: image.created.clone(),
    })
}

/// The history; `None` where there is none, or it does not fit the layers.
fn history(image: &Image, base_layers: u32) -> Option<Vec<HistoryStep>> {
    let layers = image.history.iter().filter(|step| !step.empty_layer).count();
    if image.history.is_empty() || layers != image.layers.len() {
        return None;
    }
    let steps: Vec<base::Step> = image.history.iter().map(base::Step::from).collect();
    let of_base = base::steps(&steps, base_layers);
    let mut layer = 0_u32;
    let step = |(index, step): (usize, &base::Step)| {
        layer += u32::from(!step.empty);
        let from_base = index < of_base;
        HistoryStep {
            created_by: step.created_by.clone(),
            // A setting has no layer of its own; of the base's settings only the base's layers say whose they are.
            layer: (!step.empty || from_base).then_some(layer.max(1)),
            from_base,
        }
    };
    Some(steps.iter().enumerate().map(step).collect())
}

/// Rules that could not decide. A directory has no configuration: rules about it do not apply there.
fn unanswered(judged: &Judged, is_image: bool, name: &str, line: Line) -> Vec<Problem> {
    let applies = |rule: &str| {
        let of_image = |input: &Input| matches!(input, Input::Configuration | Input::History);
        is_image || !plimsoll_posture::find(rule).is_some_and(|rule| rule.needs.iter().any(of_image))
    };
    let mut missing: BTreeMap<(&str, Effect), Vec<&str>> = BTreeMap::new();
    for undecided in judged.undecided.iter().filter(|undecided| applies(undecided.rule)) {
        missing
            .entry((&undecided.missing, not_decided(undecided.rule, line)))
            .or_default()
            .push(undecided.rule);
    }
    let one = |((missing, effect), rules): ((&str, Effect), Vec<&str>)| {
        let detail = format!("without {missing} these rules could not decide: {}", rules.join(", "));
        Problem { effect, ..Problem::note(ProblemKind::NotCovered, name, detail) }
    };
    missing.into_iter().map(one).collect()
}

fn finding(breach: &Breach, base_layers: u32) -> Finding {
    let rule = plimsoll_posture::find(breach.rule).expect("a breach names the rule that found it");
    let (subject, place) = match &breach.part {
        Some(Part::File(path, layer)) => {
            let mut location = Location::new(path.clone());
            location.layer = *layer;
            (Subject::File(location), path.to_string())
        }
        Some(Part::History(index, layer)) => configured(format!("history[{index}]"), *layer),
        Some(Part::Configuration(part)) => configured((*part).to_owned(), None),
        None => configured("config".to_owned(), None),
    };
    let id = format!("{}@{place}", rule.id);
    let mut finding = of_rule(rule, &breach.action, breach.detail.clone(), subject, id, place);
    // What came with the base image is not for whoever builds on it to edit.
    finding.risk.fixable = finding.subject.layer().is_none_or(|layer| layer > base_layers);
    if let Subject::File(location) = &finding.subject {
        finding.remedy.location = Some(location.clone());
    }
    finding
}

fn configured(part: String, layer: Option<u32>) -> (Subject, String) {
    (Subject::Configuration(ConfigurationSubject { part: part.clone(), layer }), part)
}

/// What the rules look at, for the name of what is kept of known layers.
pub(crate) fn purpose() -> String {
    let rules: Vec<&str> = plimsoll_posture::RULES.iter().map(|rule| rule.id).collect();
    let leftovers: Vec<&str> = LEFTOVERS.iter().map(|(folder, _)| *folder).collect();
    format!("files 1 {} {}", rules.join(" "), leftovers.join(" "))
}

#[cfg(test)]
mod tests {
    use plimsoll_extract::{Extraction, Ownership};
    use plimsoll_model::Ecosystem;

    use super::*;

    fn noted(path: &str, layer: u32, mode: u32, text: &str) -> Noted {
        let note = FileNote { mode, capable: false, size: 60_000, text: text.to_owned() };
        Noted { path: path.into(), layer: Some(layer), note }
    }

    #[test]
    fn no_hash_is_remembered() {
        let shadow = b"root:$6$salt$hash:1:0:::::\napp:::0:::::\n#x\nlast:!";
        assert_eq!(without_hashes(b"etc/shadow", shadow), "root:x:1:0:::::\napp:::0:::::\n#x\nlast:x\n");
        assert_eq!(without_hashes(b"etc/sudoers", b"a:b:c"), "a:b:c");
    }

    #[test]
    fn a_file_that_was_written_above_its_package_is_no_longer_the_packages() {
        let ownership = vec![Ownership {
            ecosystem: Ecosystem::Deb,
            package: "login".into(),
            architecture: None,
            paths: vec!["bin/su".into(), "usr/bin/passwd".into()],
        }];
        let found =
            vec![Found { layer: Some(1), extraction: Extraction { ownership, ..Extraction::default() } }];
        let links = DirectoryLinks::from([(ImagePath::from("bin"), ImagePath::from("usr/bin"))]);
        let files = files(
            vec![noted("usr/bin/su", 1, 0o4755, ""), noted("usr/bin/passwd", 2, 0o4755, "")],
            &found,
            &links,
        );
        let owners: Vec<_> = files.marked.iter().map(|file| file.owner.as_deref()).collect();
        assert_eq!(owners, [Some("login"), None]);
    }

    #[test]
    fn leftovers_are_counted_for_each_layer() {
        let files = files(
            vec![
                noted("var/lib/apt/lists/a", 1, 0o644, ""),
                noted("var/lib/apt/lists/b", 2, 0o644, ""),
                noted("var/lib/apt/lists/c", 2, 0o644, ""),
                noted("etc/passwd", 1, 0o644, "app:x:0:"),
            ],
            &[],
            &DirectoryLinks::new(),
        );
        let counts: Vec<_> = files.leftovers.iter().map(|one| (one.layer, one.files, one.bytes)).collect();
        assert_eq!(counts, [(Some(1), 1, 60_000), (Some(2), 2, 120_000)]);
        assert_eq!(files.texts.len(), 1);
    }
}
