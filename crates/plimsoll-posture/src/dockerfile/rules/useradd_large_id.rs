//! Useradd with a large number fills the layer.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "useradd-large-id",
    title: "useradd with a large number fills the layer",
    severity: Level::Low,
    what: "A `useradd` with a user id above 99,999 and without `--no-log-init`.",
    why: "useradd writes to sparse files that grow with the number; in a layer the holes become zeros, gigabytes of them.",
    fix: "add --no-log-init",
    references: &[("hadolint", "DL3046")],
    needs: &[],
    bad: "FROM debian:12\nRUN useradd -u 123456 app\n",
    good: "FROM debian:12\nRUN useradd --no-log-init -u 123456 app\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for (step, calls) in runs(scene) {
        for call in calls.iter().filter(|call| call.command.is(&["useradd"])) {
            let command = &call.command;
            let mut words = command.arguments().iter();
            let mut large = false;
            while let Some(word) = words.next() {
                let number = match word.text.as_str() {
                    "-u" | "--uid" => words.next().map(|word| word.text.as_str()),
                    text => text.strip_prefix("--uid=").or(text.strip_prefix("-u")),
                };
                large |= number.is_some_and(|number| {
                    number.len() > 5 && number.bytes().all(|byte| byte.is_ascii_digit())
                });
            }
            if large && !command.has_short('l') && !command.has_long("--no-log-init") {
                report.call(step, call, "useradd with a large number and without --no-log-init");
            }
        }
    }
}
