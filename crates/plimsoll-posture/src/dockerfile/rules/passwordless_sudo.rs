//! Sudo without password is set up.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "passwordless-sudo",
    title: "sudo without password is set up",
    severity: Level::High,
    what: "A `RUN` or here-document that writes `NOPASSWD` into a sudoers file.",
    why: "Every process of that user is one word away from root; USER then protects nothing.",
    fix: "take sudo out of the image; do what needs root before USER",
    references: &[("CWE", "250"), ("MITRE ATT&CK", "T1548.003")],
    needs: &[],
    bad: "FROM debian:12\nRUN echo 'app ALL=(ALL) NOPASSWD: ALL' >> /etc/sudoers\n",
    good: "FROM debian:12\nRUN useradd app\nUSER app\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for (step, calls) in runs(scene) {
        let call =
            calls.iter().find(|call| call.command.words.iter().any(|word| word.text.contains("NOPASSWD")));
        if let Some(call) = call {
            report.call(step, call, "it sets up sudo without password");
        }
    }
    for step in scene.file.of(Keyword::Copy) {
        if step.instruction.heredocs.iter().any(|heredoc| heredoc.body.as_str().contains("NOPASSWD")) {
            report.step(step, "it sets up sudo without password");
        }
    }
}
