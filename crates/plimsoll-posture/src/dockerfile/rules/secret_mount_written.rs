//! Mounted secret written into the layer.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "secret-mount-written",
    title: "mounted secret written into the layer",
    severity: Level::High,
    what: "A `RUN` with a secret mount that copies /run/secrets/... (or the mount's target) to another place, or writes it there with cat or tee.",
    why: "The mount was there to keep the secret out of the image; the copy stays in it.",
    fix: "read the secret where it is mounted",
    references: &[("CWE", "538")],
    needs: &[],
    bad: "FROM debian:12\nRUN --mount=type=secret,id=npm cp /run/secrets/npm /root/.npmrc && npm ci\n",
    good: "FROM debian:12\nRUN --mount=type=secret,id=npm,target=/root/.npmrc npm ci\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for (step, calls) in runs(scene) {
        let targets: Vec<String> = step
            .instruction
            .flags
            .iter()
            .filter(|flag| flag.name == "mount")
            .filter_map(|flag| flag.value.as_deref().filter(|value| value.contains("type=secret")))
            .map(|value| {
                let option = |name: &str| {
                    value.split(',').find_map(|option| option.strip_prefix(name)?.strip_prefix('='))
                };
                match option("target").or(option("dst")).or(option("destination")) {
                    Some(target) => target.to_owned(),
                    None => format!("/run/secrets/{}", option("id").unwrap_or_default()),
                }
            })
            .collect();
        if targets.is_empty() {
            continue;
        }
        let reads = |call: &Call| call.command.arguments().iter().any(|word| targets.contains(&word.text));
        let written = calls.iter().find(|call| {
            let command = &call.command;
            let to_file = command.redirects.iter().any(|redirect| {
                redirect.operator.contains('>')
                    && !redirect.target.text.starts_with("/dev/")
                    && !redirect.target.text.starts_with('&')
            });
            match command.program() {
                "cp" | "mv" | "install" | "ln" => reads(call) && command.program() != "ln",
                "cat" | "base64" => {
                    reads(call)
                        && (to_file
                            || command.after == Joint::Pipe
                                && calls.iter().any(|later| later.command.is(&["tee"])))
                }
                _ => false,
            }
        });
        if let Some(call) = written {
            report.call(step, call, "the mounted secret is written into the layer");
        }
    }
}
