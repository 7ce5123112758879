//! Network policies that are proposed: as YAML, as JSON, and in short where they stand in files.

use std::fmt::Write as _;

use plimsoll_model::suggestion::{SuggestedNamespace, Suggestion};

use crate::lines::Lines;
use crate::text::{clean, count, thousands};
use crate::{Error, View};

/// The whole answer; `docs/schema/suggest-1.0.json` describes it.
///
/// # Errors
/// When it cannot be rendered.
pub fn json(suggestion: &Suggestion) -> Result<String, Error> {
    Ok(crate::text::json(suggestion)?)
}

/// What was found out about the policies as a whole.
fn proof(suggestion: &Suggestion) -> String {
    let proof = &suggestion.proof;
    if !proof.done {
        return "not held against the analysis of who reaches whom: the cluster is too large for every pair"
            .into();
    }
    let pairs = thousands(proof.pairs);
    if proof.refused.is_empty() && proof.more.is_empty() {
        return format!(
            "held against the analysis of who reaches whom ({pairs} pairs): these connections, and no others"
        );
    }
    let mut text =
        format!("held against the analysis of who reaches whom ({pairs} pairs): not as it should be");
    for (word, list) in
        [("refused although needed", &proof.refused), ("allowed although not needed", &proof.more)]
    {
        if let Some(first) = list.first() {
            let _ = write!(text, "; {word}: {first}");
            if list.len() > 1 {
                let _ = write!(text, " and {} more", list.len() - 1);
            }
        }
    }
    text
}

/// All policies as one text of YAML. What there is to say about all of them stands in comments before them.
pub fn yaml(suggestion: &Suggestion) -> String {
    let mut text = String::new();
    let mut comment = |line: &str| {
        let _ = writeln!(text, "# {}", clean(line));
    };
    comment(&proof(suggestion));
    for note in &suggestion.notes {
        comment(note);
    }
    for one in &suggestion.missing {
        comment(&format!("unknown: {} without {}: {}", one.unknown, one.resource, one.reason));
    }
    for problem in &suggestion.problems {
        comment(&format!("problem: {}: {}", problem.subject, problem.detail));
    }
    for namespace in &suggestion.namespaces {
        text.push_str(&policies(namespace));
    }
    text
}

/// The policies of one namespace as YAML; whose they are stands below the first line.
pub fn policies(namespace: &SuggestedNamespace) -> String {
    let Some(whose) = &namespace.whose else { return namespace.yaml.clone() };
    let (first, rest) = namespace.yaml.split_once('\n').unwrap_or((&namespace.yaml, ""));
    format!("{first}\n# Whose: {}\n{rest}", clean(&whose.shown()))
}

/// What stands in the files, in short.
pub fn summary(suggestion: &Suggestion, files: &[String], view: &View) -> String {
    let mut lines = Lines::new(view);
    for (namespace, file) in suggestion.namespaces.iter().zip(files) {
        let open = match namespace.unknown.len() {
            0 => String::new(),
            some => format!(", {some} left open"),
        };
        lines.wrapped(
            "",
            &format!(
                "{}: {}, {}{open}",
                clean(file),
                count(namespace.policies.len(), "policy", "policies"),
                count(namespace.connections.len(), "connection", "connections"),
            ),
        );
    }
    if suggestion.namespaces.is_empty() {
        lines.line("there is nothing to write policies for");
    }
    lines.whose("", suggestion.namespaces.iter().map(|namespace| namespace.whose.as_ref()));
    lines.line("");
    lines.wrapped("", &clean(&proof(suggestion)));
    lines.tail(&suggestion.notes, &suggestion.missing, &suggestion.problems, view);
    lines.text()
}
