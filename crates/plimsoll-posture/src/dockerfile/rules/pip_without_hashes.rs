//! Requirements installed without hashes.

use super::install::PIP;
use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "pip-without-hashes",
    title: "requirements installed without hashes",
    severity: Level::Low,
    what: "`pip install -r FILE` without `--require-hashes`. A file whose every line has a hash turns the check on by itself; what is in the file is not looked at.",
    why: "A version can be another file tomorrow, or on another index; a hash cannot.",
    fix: "write hashes into the file (pip-compile --generate-hashes) and add --require-hashes",
    references: &[("OpenSSF Scorecard", "Pinned-Dependencies")],
    needs: &[],
    bad: "FROM python:3.12\nRUN pip install --no-cache-dir -r requirements.txt\n",
    good: "FROM python:3.12\nRUN pip install --no-cache-dir --require-hashes -r requirements.txt\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for (step, calls) in runs(scene) {
        for call in calls.iter().filter(|call| install(&call.command, &PIP).is_some()) {
            let listed = call.command.has_short('r') || call.command.has_long("--requirement");
            if listed && !call.command.has_long("--require-hashes") {
                report.call(step, call, "requirements are installed without --require-hashes");
            }
        }
    }
}
