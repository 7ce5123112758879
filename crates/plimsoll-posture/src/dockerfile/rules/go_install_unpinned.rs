//! Go install of the latest version.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "go-install-unpinned",
    title: "go install of the latest version",
    severity: Level::Low,
    what: "`go install PATH` of another module without `@version`, or with `@latest`.",
    why: "Every build installs what is newest that day.",
    fix: "name the version, as in go install example.org/x@v1.2.3",
    references: &[("hadolint", "DL3062")],
    needs: &[],
    bad: "FROM golang:1.22\nRUN go install example.org/x@latest\n",
    good: "FROM golang:1.22\nRUN go install example.org/x@v1.2.3\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for (step, calls) in runs(scene) {
        for call in calls.iter().filter(|call| call.command.is(&["go"])) {
            let mut operands = call.command.operands(&["-ldflags", "-tags", "-mod", "-o", "-C"]);
            let verb = operands.next().map_or("", |word| word.text.as_str());
            if !matches!(verb, "install" | "get" | "run") {
                continue;
            }
            let open = operands.find(|word| {
                let remote = word
                    .text
                    .split('/')
                    .next()
                    .is_some_and(|host| host.contains('.') && !host.starts_with('.'));
                remote
                    && !word.varies
                    && match word.text.split_once('@') {
                        Some((_, version)) => version == "latest",
                        None => verb != "run" && !word.text.ends_with(".go"),
                    }
            });
            if let Some(word) = open {
                report.word(step, call, word, format!("`{}` without a version", short(&word.text)), "");
            }
        }
    }
}
