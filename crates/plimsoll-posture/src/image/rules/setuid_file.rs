//! Setuid or setgid file that no package owns.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "setuid-file",
    title: "setuid or setgid file that no package owns",
    severity: Level::Medium,
    what: "A file with the setuid or setgid bit that no package of the distribution brought.",
    why: "Whoever runs it gets its owner's rights: a small flaw in it is a way to root, and no distribution watches over it.",
    fix: "take the bit away",
    references: &[("CWE", "250"), ("CIS Docker", "4.8")],
    needs: &[Input::Files],
    bad: "{\"files\": {\"marked\": [{\"path\": \"usr/local/bin/x\", \"layer\": 2, \"mode\": 2541}]}}",
    good: "{\"files\": {\"marked\": [{\"path\": \"usr/bin/su\", \"layer\": 1, \"mode\": 2541, \"owner\": \"login\"}]}}",
    check: Check::Image(check),
};

fn check(facts: &ImageFacts, report: &mut Reporter<'_>) {
    for file in facts.files.iter().flat_map(|files| &files.marked) {
        if file.mode & 0o6000 != 0 && file.owner.is_none() {
            let bit = if file.mode & 0o4000 != 0 { "setuid" } else { "setgid" };
            report.part(Part::File(file.path.clone(), file.layer), format!("/{} is {bit}", file.path));
        }
    }
}
