//! Environment variable is set twice.

use std::collections::BTreeSet;

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "variable-set-twice",
    title: "environment variable is set twice",
    severity: Level::Low,
    what: "A container with two entries of the same name in `env`.",
    why: "The last one counts, and whoever reads the first believes something else: of a switch for security too.",
    fix: "take one of them out",
    references: &[("kube-linter", "duplicate-env-var")],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    env: [{name: MODE, value: a}, {name: MODE, value: b}]\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    env: [{name: MODE, value: b}]\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (_, run) in scene.containers() {
        let mut known = BTreeSet::new();
        for (index, variable) in list(run.at(&["env"])).iter().enumerate() {
            let Some(name) = at(variable, &["name"]).and_then(|value| value.as_str()) else { continue };
            if !known.insert(name) {
                report.at(
                    run.pointer(&["env", &index.to_string(), "name"]),
                    format!("{} is given {} twice", run.shown(), short(name)),
                );
            }
        }
    }
}
