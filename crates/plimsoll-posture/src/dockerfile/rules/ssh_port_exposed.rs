//! SSH port exposed.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "ssh-port-exposed",
    title: "SSH port exposed",
    severity: Level::Medium,
    what: "An `EXPOSE` of port 22.",
    why: "A container with an SSH server has a second way in, with its own keys, users and flaws.",
    fix: "take the SSH server out; use docker exec or kubectl exec",
    references: &[
        ("trivy", "DS-0004"),
        ("trivy", "AVD-DS-0004"),
        ("checkov", "CKV_DOCKER_1"),
        ("CIS Docker", "5.6"),
    ],
    needs: &[],
    bad: "FROM debian:12\nEXPOSE 22\n",
    good: "FROM debian:12\nEXPOSE 8080\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for step in scene.file.of(Keyword::Expose) {
        for argument in &step.arguments {
            if argument.value.text.split('/').next() == Some("22") {
                report.argument(step, argument.at, "port 22 is exposed", "");
            }
        }
    }
}
