//! A rule for people: as a Markdown page, and as text for a terminal.

use std::fmt::Write;

use crate::rule::{Area, Rule};

/// The page of `docs/rules/`.
pub fn page(rule: &Rule) -> String {
    let language = match rule.area() {
        Area::Dockerfile => "dockerfile",
        Area::Image => "json",
        Area::Kubernetes => "yaml",
    };
    let mut text = format!(
        "# {}\n\n{}. Severity: {}. Looks at: {}.\n\n## What\n\n{}\n\n## Why\n\n{}\n\n## How to fix\n\n{}.\n",
        rule.id,
        capital(rule.title),
        rule.severity.word(),
        rule.area().word(),
        rule.what,
        rule.why,
        capital(rule.fix),
    );
    let _ = write!(text, "\n## Example\n\nNot met:\n\n```{language}\n{}\n```\n", rule.bad.trim_end());
    let _ = write!(text, "\nMet:\n\n```{language}\n{}\n```\n", rule.good.trim_end());
    if !rule.needs.is_empty() {
        let needs: Vec<&str> = rule.needs.iter().map(|input| input.word()).collect();
        let _ = write!(text, "\nNeeds {}; without it the answer is \"unknown\".\n", needs.join(" and "));
    }
    if !rule.references.is_empty() {
        let _ = write!(text, "\n## Elsewhere\n\n");
        for (name, id) in rule.references {
            let _ = writeln!(text, "- {name}: {id}");
        }
    }
    text
}

/// The answer of `plimsoll explain`.
pub fn text(rule: &Rule) -> String {
    let indented = |example: &str| {
        example.trim_end().lines().fold(String::new(), |mut text, line| {
            let _ = writeln!(text, "      {line}");
            text
        })
    };
    let mut text = format!(
        "{}  {}  ({})\n{}\n\n  what\n{}\n  why\n{}\n  fix\n{}\n  not met\n{}\n  met\n{}",
        rule.id,
        rule.severity.word(),
        rule.area().word(),
        capital(rule.title),
        wrapped(rule.what),
        wrapped(rule.why),
        wrapped(rule.fix),
        indented(rule.bad),
        indented(rule.good),
    );
    if !rule.needs.is_empty() {
        let needs: Vec<&str> = rule.needs.iter().map(|input| input.word()).collect();
        let _ = write!(text, "\n  needs {}; without it the answer is \"unknown\"\n", needs.join(" and "));
    }
    if !rule.references.is_empty() {
        let names: Vec<String> = rule.references.iter().map(|(name, id)| format!("{name} {id}")).collect();
        let _ = write!(text, "\n  elsewhere\n{}", wrapped(&names.join(", ")));
    }
    text
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}

/// Lines of at most 80 columns, set in.
fn wrapped(text: &str) -> String {
    let mut result = String::new();
    let mut column = 0;
    for word in text.split(' ') {
        if column == 0 || column + 1 + word.len() > 80 {
            if column > 0 {
                result.push('\n');
            }
            result.push_str("      ");
            column = 6;
        } else {
            result.push(' ');
            column += 1;
        }
        result.push_str(word);
        column += word.len();
    }
    result.push('\n');
    result
}
