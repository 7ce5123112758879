//! Comments that accept a finding.
//!
//! `# plimsoll ignore=RULE[,RULE] reason="..." owner=NAME until=YYYY-MM-DD` for the next instruction, `# plimsoll global ignore=...`
//! for the file, and hadolint's `# hadolint ignore=DL3008` in both forms. A comment of ours that is malformed, or holds for longer than
//! whoever accepts a risk may leave it alone, is an error, not silence; one whose day has passed counts no more.

use jiff::ToSpan as _;
use jiff::civil::Date;

use super::parse::{Fault, Parsed, words};
use crate::registry::{find, known_as};

/// Days that an acceptance may hold at most: whoever accepts a risk looks at it again.
pub const LONGEST_DAYS: i64 = 180;

/// An acceptance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignore {
    /// Rules that it is about.
    pub rules: Vec<&'static str>,
    /// Instruction that it is for; `None` for the whole file.
    pub instruction: Option<usize>,
    /// Line of the comment.
    pub line: u32,
    /// Why, in the words of the author.
    pub reason: String,
    /// Last day it holds.
    pub until: Option<String>,
}

/// What the comments of a file accept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ignores {
    /// Those that hold.
    pub held: Vec<Ignore>,
    /// Those whose day has passed.
    pub expired: Vec<Ignore>,
    /// Those that cannot be read.
    pub faults: Vec<Fault>,
}

impl Ignores {
    /// The acceptance of a rule's finding at an instruction.
    pub fn of(&self, rule: &str, instruction: usize) -> Option<&Ignore> {
        self.held.iter().find(|ignore| {
            ignore.instruction.is_none_or(|index| index == instruction) && ignore.rules.contains(&rule)
        })
    }
}

/// Reads the comments; `today` as `YYYY-MM-DD`.
pub fn read(parsed: &Parsed, today: &str) -> Ignores {
    let mut ignores = Ignores::default();
    for comment in &parsed.comments {
        let Some((tool, rest)) = comment.text.split_once(char::is_whitespace) else { continue };
        let rest = rest.trim_start();
        let (rest, global) = match rest.strip_prefix("global") {
            Some(rest) if rest.starts_with(char::is_whitespace) => (rest.trim_start(), true),
            _ => (rest, false),
        };
        let instruction = (!global).then_some(comment.before);
        match tool.trim_end_matches(':') {
            "hadolint" => {
                let Some(list) =
                    rest.strip_prefix("ignore").map(str::trim_start).and_then(|rest| rest.strip_prefix('='))
                else {
                    continue;
                };
                let ids = list.split([',', ' ', '\t']).map(str::trim).filter(|id| !id.is_empty());
                let rules: Vec<&str> = ids.flat_map(known_as).map(|rule| rule.id).collect();
                let reason = format!("hadolint {}", rest.chars().take(100).collect::<String>());
                ignores.held.push(Ignore { rules, instruction, line: comment.line, reason, until: None });
            }
            "plimsoll" => match acceptance(rest, today) {
                Ok(one) => {
                    let (reason, over) = (one.told(), one.until.as_str() < today);
                    let Acceptance { rules, until, .. } = one;
                    let ignore =
                        Ignore { rules, instruction, line: comment.line, reason, until: Some(until) };
                    if over { ignores.expired.push(ignore) } else { ignores.held.push(ignore) }
                }
                Err(detail) => ignores.faults.push(Fault { line: comment.line, detail }),
            },
            _ => {}
        }
    }
    ignores
}

/// An acceptance of ours: rules, why, who answers for it, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acceptance {
    /// Rules that it is about.
    pub rules: Vec<&'static str>,
    /// Why, in the words of the author.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Last day it holds, `YYYY-MM-DD`.
    pub until: String,
}

impl Acceptance {
    /// Reason and owner, for people.
    pub fn told(&self) -> String {
        format!("{} (owner: {})", self.reason, self.owner)
    }
}

/// An acceptance as it is written: `ignore=RULE[,RULE] reason="..." owner=NAME until=YYYY-MM-DD`.
///
/// # Errors
/// When it is malformed or nobody answers for it, with what is wrong; or when it holds without end, or for too long from `today` on.
pub fn acceptance(text: &str, today: &str) -> Result<Acceptance, String> {
    let (mut rules, mut reason, mut owner, mut until) = (Vec::new(), String::new(), String::new(), None);
    for word in words(text) {
        let (key, value) = word.raw.split_once('=').ok_or_else(|| {
            let word: String = word.raw.chars().take(40).collect();
            format!(
                "the acceptance has `{word}`; expected ignore=RULE reason=\"...\" owner=NAME until=YYYY-MM-DD"
            )
        })?;
        let value = super::parse::unquote(value);
        match key {
            "ignore" => {
                for id in value.split(',').map(str::trim) {
                    let rule = find(id).ok_or_else(|| {
                        let id: String = id.chars().take(60).collect();
                        format!("the acceptance names `{id}`, which is no rule")
                    })?;
                    rules.push(rule.id);
                }
            }
            "reason" => reason = value,
            "owner" => owner = value,
            "until" => {
                if !is_day(&value) {
                    let value: String = value.chars().take(40).collect();
                    return Err(format!("the acceptance has until={value}, which is no date (YYYY-MM-DD)"));
                }
                until = Some(value);
            }
            _ => {
                let key: String = key.chars().take(40).collect();
                return Err(format!(
                    "the acceptance has `{key}=`; known are ignore, reason, owner and until"
                ));
            }
        }
    }
    if rules.is_empty() {
        return Err("the acceptance names no rule".to_owned());
    }
    if reason.trim().is_empty() {
        return Err("the acceptance gives no reason".to_owned());
    }
    let owner = owner.trim().to_owned();
    if owner.is_empty() {
        return Err("nobody answers for the acceptance: add owner=NAME".to_owned());
    }
    let Some(until) = until else {
        return Err("the acceptance has no last day: add until=YYYY-MM-DD".to_owned());
    };
    if let Some(last) = last_day(today)
        && until > last
    {
        return Err(format!(
            "the acceptance holds until {until}, which is more than {LONGEST_DAYS} days away; the last day it can be is {last}"
        ));
    }
    Ok(Acceptance { rules, reason: reason.trim().to_owned(), owner, until })
}

/// The last day that an acceptance may name.
fn last_day(today: &str) -> Option<String> {
    let today: Date = today.parse().ok()?;
    today.checked_add(LONGEST_DAYS.days()).ok().map(|day| day.to_string())
}

fn is_day(text: &str) -> bool {
    let number = |from: usize, to: usize| text.get(from..to).and_then(|digits| digits.parse::<u32>().ok());
    let bytes = text.as_bytes();
    bytes.len() == 10
        && bytes
            .iter()
            .enumerate()
            .all(|(at, byte)| if at == 4 || at == 7 { *byte == b'-' } else { byte.is_ascii_digit() })
        && number(5, 7).is_some_and(|month| (1..=12).contains(&month))
        && number(8, 10).is_some_and(|day| (1..=31).contains(&day))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::parse::parse;

    fn check(text: &str) -> Ignores {
        read(&parse(text.as_bytes()), "2026-11-25")
    }

    #[test]
    fn ours_and_theirs() {
        let ignores = check(
            "FROM a\n# plimsoll ignore=latest-tag,no-user reason=\"a b\" owner=team until=2026-12-31\nRUN a\n# hadolint ignore=DL3008,SC2046\nRUN b\n# hadolint global ignore=DL3003\n",
        );
        assert!(ignores.faults.is_empty(), "{ignores:?}");
        assert_eq!(ignores.of("no-user", 1).map(|ignore| ignore.reason.as_str()), Some("a b (owner: team)"));
        assert!(ignores.of("no-user", 2).is_none());
        let owned = check("# plimsoll ignore=no-user reason=x owner=team-shop until=2026-12-31\nFROM a\n");
        assert_eq!(owned.held[0].reason, "x (owner: team-shop)");
        assert!(ignores.of("apt-packages-unpinned", 2).is_some());
        assert!(ignores.of("cd-instead-of-workdir", 0).is_some());
    }

    #[test]
    fn malformed_is_refused() {
        for text in [
            "# plimsoll ignore=latest-tag",
            "# plimsoll ignore=nothing reason=x owner=me until=2026-12-31",
            "# plimsoll ignore=latest-tag reason=x owner=me until=soon",
            "# plimsoll ignore=latest-tag reason=x owner=me until=2026-13-01",
            "# plimsoll reason=x",
            "# plimsoll ignore latest-tag",
            "# plimsoll ignore=latest-tag reason=x owner=me until=2026-12-31 who=me",
            // Nobody answers for it.
            "# plimsoll ignore=latest-tag reason=x until=2026-12-31",
            // Without end, and for too long.
            "# plimsoll ignore=latest-tag reason=x owner=me",
            "# plimsoll ignore=latest-tag reason=x owner=me until=2027-05-25",
        ] {
            let ignores = check(&format!("{text}\nFROM a\n"));
            assert_eq!((ignores.held.len(), ignores.faults.len()), (0, 1), "{text}");
        }
    }

    #[test]
    fn the_last_day_holds_and_the_next_does_not() {
        let comment =
            |until: &str| format!("# plimsoll ignore=no-user reason=x owner=me until={until}\nFROM a\n");
        assert_eq!(check(&comment("2026-11-25")).held.len(), 1);
        // The last day that can be.
        assert_eq!(check(&comment("2027-05-24")).held.len(), 1);
        let over = check(&comment("2026-11-24"));
        assert_eq!((over.held.len(), over.expired.len()), (0, 1));
    }
}
