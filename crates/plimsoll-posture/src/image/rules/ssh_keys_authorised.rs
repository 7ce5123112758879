//! SSH keys may log in.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "ssh-keys-authorised",
    title: "SSH keys may log in",
    severity: Level::High,
    what: "A file `.ssh/authorized_keys`.",
    why: "Whoever has the key gets into every container of this image, also when it was put there long ago.",
    fix: "take the file out",
    references: &[("MITRE ATT&CK", "T1098.004")],
    needs: &[Input::Files],
    bad: "{\"files\": {\"marked\": [{\"path\": \"root/.ssh/authorized_keys\", \"layer\": 2, \"mode\": 384}]}}",
    good: "{\"files\": {\"marked\": [{\"path\": \"root/.ssh/known_hosts\", \"layer\": 2, \"mode\": 384}]}}",
    check: Check::Image(check),
};

fn check(facts: &ImageFacts, report: &mut Reporter<'_>) {
    for file in facts.files.iter().flat_map(|files| &files.marked) {
        if tool(file.path.as_bytes()) == Some("SSH keys") {
            report
                .part(Part::File(file.path.clone(), file.layer), format!("/{} lets somebody in", file.path));
        }
    }
}
