//! The decision on an image, for people and as JSON.

use std::fmt::Write as _;

use plimsoll_model::decision::{Decision, Effect, Mode};
use plimsoll_model::{Digest, Outcome};

use crate::text::{clean, shorten, wrap};
use crate::{Error, Format, View};

/// Writes the decision as table or JSON.
///
/// # Errors
/// For every other format.
pub fn write(decision: &Decision, format: Format, view: &View) -> Result<String, Error> {
    match format {
        Format::Table => Ok(table(decision, view)),
        Format::Json => Ok(crate::text::json(decision)?),
        other => Err(Error::NotForThis { format: other.name(), of: "decisions", known: "table and json" }),
    }
}

fn table(decision: &Decision, view: &View) -> String {
    let width = view.width.clamp(40, 100);
    let mut text = String::new();
    let mut line = |line: &str| {
        let _ = writeln!(text, "{}", shorten(line.trim_end(), width));
    };
    let digest = decision.digest.as_deref().and_then(|digest| Digest::parse(digest).ok());
    line(&format!("{}  {}", clean(&decision.image), digest.map(|digest| digest.short()).unwrap_or_default()));
    line("");
    let word = match decision.effect {
        Effect::Allow => "ALLOW",
        Effect::Warn => "ALLOW, with warnings",
        Effect::Unknown => "UNKNOWN",
        Effect::Deny => "DENY",
    };
    line(word);
    for reason in &decision.reasons {
        for (index, row) in wrap(&clean(reason), width - 4).into_iter().enumerate() {
            line(&format!("{}{row}", if index == 0 { "  " } else { "    " }));
        }
    }
    // Where the image is refused they are among the reasons.
    for note in decision.disowned.iter().filter(|_| decision.effect <= Effect::Warn) {
        line(&format!("  left out: {}", clean(note)));
    }
    for policy in &decision.policies {
        line("");
        let mode = match policy.mode {
            Mode::Enforce => "",
            Mode::Warn => "  (warns only)",
            Mode::Audit => "  (writes down only)",
        };
        let namespace =
            policy.namespace.as_ref().map(|name| format!(" of {}", clean(name))).unwrap_or_default();
        line(&format!("{}{namespace}{mode}", clean(&policy.policy)));
        for one in &policy.requirements {
            let word = match one.answer {
                Outcome::Met => "met",
                Outcome::NotMet => "not met",
                Outcome::Unknown => "unknown",
            };
            let mut reasons: Vec<String> = one.reasons.clone();
            reasons.extend(one.exception.iter().map(|exception| format!("let in by {exception}")));
            let mut first = true;
            for reason in if reasons.is_empty() { vec![String::new()] } else { reasons } {
                for row in wrap(&clean(&reason), width.saturating_sub(32)) {
                    let head = if first {
                        format!("{word:<8} {}", shorten(&clean(&one.requirement), 18))
                    } else {
                        String::new()
                    };
                    line(&format!("  {head:<28} {row}"));
                    first = false;
                }
            }
        }
    }
    text
}
