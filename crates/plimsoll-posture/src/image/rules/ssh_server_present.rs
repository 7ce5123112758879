//! SSH server in the image.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "ssh-server-present",
    title: "SSH server in the image",
    severity: Level::Medium,
    what: "The program sshd, dropbear or telnetd in a folder for programs.",
    why: "A second way in, with its own keys, users and flaws.",
    fix: "take it out; use docker exec or kubectl exec",
    references: &[("CIS Docker", "5.6")],
    needs: &[Input::Files],
    bad: "{\"files\": {\"marked\": [{\"path\": \"usr/sbin/sshd\", \"layer\": 2, \"mode\": 493}]}}",
    good: "{\"files\": {\"marked\": [{\"path\": \"usr/bin/ssh\", \"layer\": 2, \"mode\": 493}]}}",
    check: Check::Image(check),
};

fn check(facts: &ImageFacts, report: &mut Reporter<'_>) {
    for file in facts.files.iter().flat_map(|files| &files.marked) {
        if matches!(tool(file.path.as_bytes()), Some("SSH server" | "remote login")) {
            report.part(Part::File(file.path.clone(), file.layer), format!("/{} is there", file.path));
        }
    }
}
