//! EXPOSE of no port.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "invalid-port",
    title: "EXPOSE of no port",
    severity: Level::Medium,
    what: "An `EXPOSE` whose port is no number from 0 to 65535, or whose protocol is neither tcp, udp nor sctp.",
    why: "The build fails, or a port is missing.",
    fix: "name a port from 1 to 65535, with /tcp or /udp",
    references: &[
        ("hadolint", "DL3011"),
        ("trivy", "DS-0008"),
        ("trivy", "AVD-DS-0008"),
        ("buildkit", "ExposeInvalidFormat"),
    ],
    needs: &[],
    bad: "FROM debian:12\nEXPOSE 80000\n",
    good: "FROM debian:12\nEXPOSE 8000-8010/tcp\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for step in scene.file.of(Keyword::Expose) {
        for argument in step.arguments.iter().filter(|argument| argument.value.unknown.is_empty()) {
            let text = &argument.value.text;
            let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
            let known = ["tcp", "udp", "sctp"].iter().any(|name| protocol.eq_ignore_ascii_case(name));
            let valid =
                ports.split('-').count() <= 2 && ports.split('-').all(|port| port.parse::<u16>().is_ok());
            if !text.is_empty() && (!known || !valid) {
                report.argument(step, argument.at, format!("`{}` is no port", short(text)), "");
            }
        }
    }
}
