//! File with capabilities.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "capable-file",
    title: "file with capabilities",
    severity: Level::Low,
    what: "A file with the extended attribute `security.capability`.",
    why: "Whoever runs it gets rights beyond his own.",
    fix: "take the capabilities away (setcap -r), or give them to the container",
    references: &[("CIS Docker", "5.3")],
    needs: &[Input::Files],
    bad: "{\"files\": {\"marked\": [{\"path\": \"usr/bin/x\", \"layer\": 2, \"mode\": 493, \"capable\": true}]}}",
    good: "{\"files\": {\"marked\": [{\"path\": \"usr/bin/x\", \"layer\": 2, \"mode\": 493}]}}",
    check: Check::Image(check),
};

fn check(facts: &ImageFacts, report: &mut Reporter<'_>) {
    for file in facts.files.iter().flat_map(|files| &files.marked).filter(|file| file.capable) {
        let owner = file.owner.as_ref().map(|owner| format!(", of {owner}")).unwrap_or_default();
        report.part(
            Part::File(file.path.clone(), file.layer),
            format!("/{} has capabilities{owner}", file.path),
        );
    }
}
