//! Program made setuid or setgid.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "setuid-mode",
    title: "program made setuid or setgid",
    severity: Level::Medium,
    what: "A `chmod`, or `COPY --chmod` and `ADD --chmod`, that sets the setuid or setgid bit (4755, u+s, g+s).",
    why: "Whoever runs the program gets its owner's rights: a small flaw in it is a way to root.",
    fix: "leave the bit out; start with the rights that are needed, or give the program a capability",
    references: &[("CWE", "250"), ("CIS Docker", "4.8")],
    needs: &[],
    bad: "FROM debian:12\nRUN chmod u+s /usr/bin/x\n",
    good: "FROM debian:12\nRUN chmod 755 /usr/bin/x && chmod u-s /usr/bin/y\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for (step, calls) in runs(scene) {
        for call in calls.iter().filter(|call| call.command.is(&["chmod"])) {
            let mode = call.command.operands(&[]).next();
            if let Some(word) = mode.filter(|word| sets(&word.text)) {
                report.word(step, call, word, format!("chmod {} sets it", short(&word.text)), "");
            }
        }
    }
    for step in scene.file.of(Keyword::Copy).chain(scene.file.of(Keyword::Add)) {
        if let Some(mode) = step.instruction.flag("chmod").filter(|mode| sets(mode)) {
            report.step(step, format!("--chmod={} sets it", short(mode)));
        }
    }
}

fn sets(mode: &str) -> bool {
    if mode.bytes().all(|byte| matches!(byte, b'0'..=b'7')) {
        return mode.len() >= 4 && mode.as_bytes()[mode.len() - 4] >= b'2';
    }
    mode.split(',').any(|clause| {
        clause.find(['+', '=']).is_some_and(|at| clause[at..].contains('s') && !clause[..at].contains('-'))
    })
}
