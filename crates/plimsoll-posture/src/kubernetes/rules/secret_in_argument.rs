//! A secret stands in a command line.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "secret-in-argument",
    title: "a secret stands in a command line",
    severity: Level::High,
    what: "An argument of `command` or `args` of the form `--password=VALUE`, `--token VALUE` and the like with the value written out, or one in the form of a known credential.",
    why: "The manifest lies in version control and in the API, and a command line is readable for every process of the container.",
    fix: "put it into a Secret, and hand it over as a file or as $(VARIABLE) from secretKeyRef",
    references: &[("kubescape", "C-0012"), ("CIS Kubernetes", "5.4.1"), ("ATT&CK", "T1552")],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    args: [--db-password=hunter22]\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    args: [--db-password=$(DB_PASSWORD)]\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (_, run) in scene.containers() {
        for key in ["command", "args"] {
            let arguments = list(run.at(&[key]));
            for (index, argument) in arguments.iter().enumerate() {
                let Some(text) = argument.as_str() else { continue };
                let (name, value) = match text.strip_prefix('-').map(|flag| flag.trim_start_matches('-')) {
                    Some(flag) => match flag.split_once('=') {
                        Some((name, value)) => (name, value),
                        None => {
                            let next = arguments.get(index + 1).and_then(|next| next.as_str());
                            (flag, next.filter(|next| !next.starts_with('-')).unwrap_or_default())
                        }
                    },
                    // A whole script may stand here: only what looks like a credential as a whole is one.
                    None => ("", text),
                };
                if is_secret(name, value) {
                    let what = if name.is_empty() { "a credential" } else { name };
                    report.at(
                        run.pointer(&[key, &index.to_string()]),
                        format!("{} is given {} in plain text", run.shown(), short(what)),
                    );
                }
            }
        }
    }
}
