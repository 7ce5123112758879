//! ENV uses a variable that it sets itself.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "env-refers-to-itself",
    title: "ENV uses a variable that it sets itself",
    severity: Level::Medium,
    what: "An `ENV` with several variables of which one uses another that the same instruction sets, and that was not set before.",
    why: "All values are taken from before the instruction: the variable is still empty.",
    fix: "set it in an ENV of its own, before",
    references: &[("hadolint", "DL3044")],
    needs: &[],
    bad: "FROM debian:12\nENV A=/srv B=$A/bin\n",
    good: "FROM debian:12\nENV A=/srv\nENV B=$A/bin\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    let mut set = vec![std::collections::HashSet::<String>::new(); scene.file.stages.len()];
    for step in &scene.file.steps {
        let Some(stage) = step.stage else { continue };
        match step.instruction.keyword {
            Keyword::From => {
                if let Base::Stage(below) = scene.file.stages[stage].base {
                    let inherited = set[below].clone();
                    set[stage].extend(inherited);
                }
            }
            Keyword::Arg => set[stage].extend(step.pairs.iter().map(|pair| pair.key.clone())),
            Keyword::Env => {
                let names: std::collections::HashSet<&str> =
                    step.pairs.iter().map(|pair| pair.key.as_str()).collect();
                for pair in &step.pairs {
                    let used =
                        variables(&pair.raw).find(|name| names.contains(name) && !set[stage].contains(*name));
                    // PATH and its like may come from the base image.
                    if let Some(name) =
                        used.filter(|name| *name != pair.key || names.len() > 1 && !is_common(name))
                    {
                        report.argument(
                            step,
                            pair.at,
                            format!("`${}` is set by the same ENV", short(name)),
                            "",
                        );
                    }
                }
                set[stage].extend(step.pairs.iter().map(|pair| pair.key.clone()));
            }
            _ => {}
        }
    }
}

fn is_common(name: &str) -> bool {
    matches!(
        name,
        "PATH" | "LD_LIBRARY_PATH" | "PYTHONPATH" | "PKG_CONFIG_PATH" | "CLASSPATH" | "HOME" | "MANPATH"
    )
}

fn variables(raw: &str) -> impl Iterator<Item = &str> {
    raw.split('$').skip(1).map(|rest| {
        let rest = rest.strip_prefix('{').unwrap_or(rest);
        let end = rest.find(|character: char| !character.is_ascii_alphanumeric() && character != '_');
        &rest[..end.unwrap_or(rest.len())]
    })
}
