//! Download run without a look at it.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "download-piped-to-shell",
    title: "download run without a look at it",
    severity: Level::High,
    what: "A `RUN` in which what curl or wget brings goes straight into an interpreter: by a pipe, `sh -c \"$(curl ...)\"`, `bash <(curl ...)` or `eval`.",
    why: "Whoever controls that address, or the way to it, runs code as root in the build, and can give the build something else than what a reader sees.",
    fix: "download to a file, check its digest or signature, then run it",
    references: &[("CWE", "494"), ("OpenSSF Scorecard", "Pinned-Dependencies")],
    needs: &[],
    bad: "FROM debian:12\nRUN curl -fsSL https://example.org/install.sh | sh\n",
    good: "FROM debian:12\nRUN curl -fsSLo /tmp/i.sh https://example.org/install.sh && echo \"$SUM  /tmp/i.sh\" | sha256sum -c && sh /tmp/i.sh\n",
    check: Check::Dockerfile(check),
};

const INTERPRETERS: &[&str] = &[
    "sh", "bash", "ash", "dash", "zsh", "ksh", "python", "python3", "perl", "ruby", "node", "php", "eval",
    "source", ".",
];

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for (step, calls) in runs(scene) {
        for (index, call) in calls.iter().enumerate() {
            let download = call.command.is(&["curl", "wget"]);
            if !download {
                continue;
            }
            // Along the pipe to an interpreter.
            let mut piped = call.command.after == Joint::Pipe;
            let mut target = None;
            for later in &calls[index + 1..] {
                if !piped || later.command.depth != call.command.depth {
                    break;
                }
                if runs_input(&later.command) {
                    target = Some(later.command.program());
                    break;
                }
                piped = later.command.after == Joint::Pipe;
            }
            // Within a substitution that an interpreter runs.
            let around = calls[..index].iter().rev().find(|outer| outer.command.depth < call.command.depth);
            if let Some(outer) = around.filter(|_| target.is_none() && call.command.depth > 0)
                && outer.command.is(INTERPRETERS)
                && outer.command.words.iter().any(|word| word.varies)
            {
                target = Some(outer.command.program());
            }
            if let Some(target) = target {
                let program = call.command.program();
                report.call(step, call, format!("what {program} downloads goes straight into {target}"));
            }
        }
    }
}

/// Does it run what comes in? `python3 -c ...` and `sh script` do not.
fn runs_input(command: &Command) -> bool {
    if !command.is(INTERPRETERS) {
        return false;
    }
    let arguments = command.arguments();
    let script = command.operands(&[]).next();
    let inline = arguments.iter().any(|word| matches!(word.text.as_str(), "-c" | "-e" | "-m"));
    let from_input = arguments.iter().any(|word| matches!(word.text.as_str(), "-s" | "-"));
    from_input || !inline && script.is_none_or(|word| word.text == "/dev/stdin")
}
