//! A decision, explained: for people, and as JSON.

use plimsoll_model::decision::Effect;
use plimsoll_model::explanation::{Explained, Explanation};
use plimsoll_model::{Digest, Outcome};

use crate::lines::Lines;
use crate::text::{clean, count};
use crate::{Error, Format, View};

/// Pieces of evidence of one requirement that are shown unless all are asked for.
const SHOWN: usize = 8;

/// Writes the explanation as table or JSON (`docs/schema/explanation-1.0.json`).
///
/// # Errors
/// For every other format.
pub fn write(explanation: &Explanation, format: Format, view: &View) -> Result<String, Error> {
    match format {
        Format::Table => Ok(table(explanation, view)),
        Format::Json => Ok(crate::text::json(explanation)?),
        other => Err(Error::NotForThis { format: other.name(), of: "decisions", known: "table and json" }),
    }
}

fn table(explanation: &Explanation, view: &View) -> String {
    let decision = &explanation.decision;
    let mut lines = Lines::new(view);
    let digest = decision.digest.as_deref().and_then(|digest| Digest::parse(digest).ok());
    let digest = digest.map(|digest| digest.short()).unwrap_or_default();
    lines.line(&format!("{}  {digest}", clean(&decision.image)));
    lines.line("");
    lines.line(match decision.effect {
        Effect::Allow => "ALLOW",
        Effect::Warn => "ALLOW, with warnings",
        Effect::Unknown => "UNKNOWN",
        Effect::Deny => "DENY",
    });
    if !explanation.decided_by.is_empty() {
        lines.head("Decided by");
    }
    for one in &explanation.decided_by {
        lines.wrapped("  ", &clean(&one.what));
        for reason in &one.reasons {
            lines.wrapped("    ", &clean(reason));
        }
    }
    if !explanation.to_pass.is_empty() {
        lines.head(match explanation.to_pass.len() {
            1 => "What would let it in",
            _ => "What would let it in: something of each",
        });
    }
    for one in &explanation.to_pass {
        lines.wrapped("  ", &clean(&one.what));
        for (at, way) in one.any_of.iter().enumerate() {
            lines.copied(if at == 0 { "       " } else { "    or " }, &clean(way));
        }
    }
    // What decided is shown whole, and what an exception lets in; of the rest, how it stands.
    let whole = |one: &Explained| view.all || one.decides || one.effect > Effect::Allow;
    if !explanation.requirements.is_empty() {
        lines.head("Requirements");
    }
    for one in &explanation.requirements {
        let word = match one.answer {
            Outcome::Met => "met",
            Outcome::NotMet => "not met",
            Outcome::Unknown => "unknown",
        };
        let of = one.namespace.as_ref().map(|name| format!(" of {}", clean(name))).unwrap_or_default();
        lines.line(&format!("  {word:<8} {}/{}{of}", clean(&one.policy), clean(&one.requirement)));
        if whole(one) {
            requirement(one, view, &mut lines);
        }
    }
    if !explanation.revocations.is_empty() {
        lines.head("Revocations");
    }
    for one in &explanation.revocations {
        lines.wrapped("  ", &format!("{}: {}", clean(&one.revocation), clean(&one.detail)));
    }
    if !explanation.not_about.is_empty() && (view.all || decision.policies.is_empty()) {
        lines.head("Not about it");
        for one in &explanation.not_about {
            lines.wrapped("  ", &format!("{}: {}", clean(&one.policy), clean(&one.reason)));
        }
    } else if !explanation.not_about.is_empty() {
        let number = count(explanation.not_about.len(), "policy is", "policies are");
        lines.line("");
        lines.line(&format!("{number} not about it (--all)"));
    }
    lines.text()
}

fn requirement(one: &Explained, view: &View, lines: &mut Lines) {
    lines.wrapped("           asks       ", &clean(&one.asks));
    for reason in &one.reasons {
        lines.wrapped("           because    ", &clean(reason));
    }
    let shown = if view.all { usize::MAX } else { SHOWN };
    for seen in one.evidence.iter().take(shown) {
        let counts = match seen.counts {
            None => "",
            Some(true) => "counts: ",
            Some(false) => "does not count: ",
        };
        let from = seen.from.as_ref().map(|from| format!(", in {}", clean(from))).unwrap_or_default();
        let text = format!("{counts}{} {}{from}", clean(&seen.kind), clean(&seen.detail));
        lines.copied("           looked at  ", &text);
    }
    lines.more(one.evidence.len(), shown);
    for exception in &one.exceptions {
        let end = clean(&exception.expires);
        let stands = match exception.stands.as_str() {
            "covers" => format!("lets it in until {end}"),
            "notNeeded" => format!("would let it in until {end}; it is not needed"),
            "expired" => format!("ended on {end}"),
            "tooLong" => format!("runs until {end}, longer than any may"),
            "unsigned" => "is not signed by those whose exceptions the policy takes".into(),
            _ => "is for other images or other namespaces".into(),
        };
        let (name, owner) = (clean(&exception.exception), clean(&exception.owner));
        lines.wrapped("           exception  ", &format!("`{name}` of {owner} {stands}"));
    }
}
