//! Setuid and setgid files of the distribution.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "setuid-files-of-distribution",
    title: "setuid and setgid files of the distribution",
    severity: Level::Negligible,
    what: "Files with the setuid or setgid bit that packages of the distribution brought, as they do in every system with logins.",
    why: "A container needs none of them: with them gone, or with no_new_privs, a process stays what it was.",
    fix: "run with no_new_privs (allowPrivilegeEscalation: false), or take the bits away in the build",
    references: &[("CIS Docker", "4.8"), ("CIS Docker", "5.25")],
    needs: &[Input::Files],
    bad: "{\"files\": {\"marked\": [{\"path\": \"usr/bin/su\", \"layer\": 1, \"mode\": 2541, \"owner\": \"login\"}]}}",
    good: "{\"files\": {\"marked\": [{\"path\": \"usr/bin/su\", \"layer\": 1, \"mode\": 493, \"owner\": \"login\"}]}}",
    check: Check::Image(check),
};

fn check(facts: &ImageFacts, report: &mut Reporter<'_>) {
    let files: Vec<_> = facts
        .files
        .iter()
        .flat_map(|files| &files.marked)
        .filter(|file| file.mode & 0o6000 != 0 && file.owner.is_some())
        .collect();
    let Some(first) = files.first() else { return };
    let names: Vec<String> = files
        .iter()
        .map(|file| format!("/{} ({})", file.path, file.owner.as_deref().unwrap_or_default()))
        .collect();
    let detail = format!("{} of them: {}", names.len(), some(&names));
    report.part(Part::File(first.path.clone(), first.layer), detail);
}
