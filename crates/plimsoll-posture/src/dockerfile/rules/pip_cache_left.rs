//! Pip cache left in the layer.

use super::install::PIP;
use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "pip-cache-left",
    title: "pip cache left in the layer",
    severity: Level::Low,
    what: "`pip install` without `--no-cache-dir`, with neither `PIP_NO_CACHE_DIR` set nor a cache mount.",
    why: "Downloaded archives stay in the layer, often as large as what was installed.",
    fix: "add --no-cache-dir",
    references: &[("hadolint", "DL3042")],
    needs: &[],
    bad: "FROM python:3.12\nRUN pip install django==5.0.6\n",
    good: "FROM python:3.12\nRUN pip install --no-cache-dir django==5.0.6\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    let set = |value: &str| {
        !matches!(
            value.trim_matches(['"', '\'']).to_ascii_lowercase().as_str(),
            "" | "0" | "false" | "off" | "no"
        )
    };
    let mut off = vec![false; scene.file.stages.len()];
    for step in &scene.file.steps {
        let Some(stage) = step.stage else { continue };
        if step.instruction.keyword == Keyword::From {
            off[stage] = matches!(scene.file.stages[stage].base, Base::Stage(below) if off[below]);
        }
        for pair in step.pairs.iter().filter(|pair| pair.key == "PIP_NO_CACHE_DIR") {
            off[stage] = set(&pair.raw);
        }
        if off[stage] || is_mounted(step, "/root/.cache/pip") {
            continue;
        }
        let leaves = step.commands.iter().find(|call| {
            let here = call
                .command
                .assignments
                .iter()
                .any(|word| word.text.strip_prefix("PIP_NO_CACHE_DIR=").is_some_and(set));
            install(&call.command, &PIP).is_some() && !call.command.has_long("--no-cache-dir") && !here
        });
        if let Some(call) = leaves {
            report.call(step, call, "downloaded archives stay in the layer");
        }
    }
}
