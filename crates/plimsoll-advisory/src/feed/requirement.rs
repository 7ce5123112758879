//! Version requirements as people write them (`>= 1.2, < 2`, `^8.1.4 || 7.x`, `~> 3.2`), as sets of versions.
//!
//! Some feeds say which versions are affected, some which are safe; both become OSV events. The sets are unions of
//! intervals; an exclusive lower bound, which OSV events cannot say, becomes the smallest version above it where the
//! scheme has one, and is refused elsewhere.

use std::cmp::Ordering;

use plimsoll_model::version::{self, Scheme};

use crate::record::Event;

/// A union of intervals of versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    scheme: Scheme,
    intervals: Vec<Interval>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Interval {
    low: Option<Bound>,
    high: Option<Bound>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Bound {
    version: String,
    inclusive: bool,
}

/// More alternatives than this in one requirement are no requirement that a person wrote.
const ALTERNATIVES: usize = 1000;

impl Set {
    /// Nothing.
    pub fn empty(scheme: Scheme) -> Self {
        Set { scheme, intervals: Vec::new() }
    }

    /// Reads a requirement: alternatives separated by `||`, each a list of conditions that must all hold, separated by
    /// commas or spaces. `None` when it cannot be read.
    pub fn parse(scheme: Scheme, text: &str) -> Option<Self> {
        let mut intervals = Vec::new();
        for alternative in text.split("||") {
            intervals.extend(conjunction(scheme, alternative)?);
            if intervals.len() > ALTERNATIVES {
                return None;
            }
        }
        Some(Set { scheme, intervals })
    }

    /// All conditions of a list must hold.
    pub fn all_of<'text>(scheme: Scheme, conditions: impl IntoIterator<Item = &'text str>) -> Option<Self> {
        let joined = conditions.into_iter().collect::<Vec<_>>().join(",");
        conjunction(scheme, &joined).map(|intervals| Set { scheme, intervals })
    }

    /// Both.
    #[must_use]
    pub fn union(mut self, other: Set) -> Self {
        self.intervals.extend(other.intervals);
        self
    }

    /// What is in neither interval. `None` when a version cannot be read.
    pub fn complement(&self) -> Option<Self> {
        let mut sorted = self.intervals.clone();
        for interval in &sorted {
            for bound in [&interval.low, &interval.high].into_iter().flatten() {
                version::compare(self.scheme, &bound.version, &bound.version).ok()?;
            }
        }
        sorted.sort_by(|left, right| compare_low(self.scheme, left.low.as_ref(), right.low.as_ref()));
        let mut gaps = Vec::new();
        // Lower end of the gap that is open; the outer None: no gap can follow.
        let mut open: Option<Option<Bound>> = Some(None);
        for interval in sorted {
            let Some(low) = open else { break };
            if let Some(until) = &interval.low {
                let high = Bound { version: until.version.clone(), inclusive: !until.inclusive };
                if is_filled(self.scheme, low.as_ref(), Some(&high)) {
                    gaps.push(Interval { low: low.clone(), high: Some(high) });
                }
            }
            let next = interval.high.map(|bound| Bound { inclusive: !bound.inclusive, ..bound });
            open = next.map(|next| match low {
                Some(low) if compare_low(self.scheme, Some(&low), Some(&next)).is_gt() => Some(low),
                _ => Some(next),
            });
        }
        if let Some(low) = open {
            gaps.push(Interval { low, high: None });
        }
        Some(Set { scheme: self.scheme, intervals: gaps })
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(&self, other: &Set) -> Self {
        let mut intervals = Vec::new();
        for left in &self.intervals {
            for right in &other.intervals {
                intervals.extend(intersect(self.scheme, left, right));
            }
        }
        Set { scheme: self.scheme, intervals }
    }

    /// The set as OSV events, one list an interval. `None` when a bound cannot be said in them.
    pub fn events(&self) -> Option<Vec<Vec<Event>>> {
        self.intervals
            .iter()
            .map(|interval| {
                let mut events = vec![Event::Introduced(match &interval.low {
                    None => "0".to_owned(),
                    Some(low) if low.inclusive => low.version.clone(),
                    Some(low) => just_above(self.scheme, &low.version)?,
                })];
                if let Some(high) = &interval.high {
                    events.push(if high.inclusive {
                        Event::LastAffected(high.version.clone())
                    } else {
                        Event::Fixed(high.version.clone())
                    });
                }
                Some(events)
            })
            .collect()
    }

    /// Is nothing in it?
    pub fn is_empty(&self) -> bool {
        self.intervals.is_empty()
    }
}

fn compare(scheme: Scheme, left: &str, right: &str) -> Ordering {
    // Unreadable bounds were refused when the set was made; the text order only keeps this total.
    version::compare(scheme, left, right).unwrap_or_else(|_| left.cmp(right))
}

fn compare_low(scheme: Scheme, left: Option<&Bound>, right: Option<&Bound>) -> Ordering {
    match (left, right) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Less,
        (Some(_), None) => Ordering::Greater,
        (Some(left), Some(right)) => {
            compare(scheme, &left.version, &right.version).then(right.inclusive.cmp(&left.inclusive))
        }
    }
}

fn is_filled(scheme: Scheme, low: Option<&Bound>, high: Option<&Bound>) -> bool {
    match (low, high) {
        (Some(low), Some(high)) => match compare(scheme, &low.version, &high.version) {
            Ordering::Less => true,
            Ordering::Equal => low.inclusive && high.inclusive,
            Ordering::Greater => false,
        },
        _ => true,
    }
}

fn intersect(scheme: Scheme, left: &Interval, right: &Interval) -> Option<Interval> {
    let low = if compare_low(scheme, left.low.as_ref(), right.low.as_ref()).is_ge() {
        &left.low
    } else {
        &right.low
    };
    let high = match (&left.high, &right.high) {
        (None, high) | (high, None) => high,
        (Some(a), Some(b)) => match compare(scheme, &a.version, &b.version) {
            Ordering::Less => &left.high,
            Ordering::Equal if !a.inclusive => &left.high,
            Ordering::Equal | Ordering::Greater => &right.high,
        },
    };
    is_filled(scheme, low.as_ref(), high.as_ref()).then(|| Interval { low: low.clone(), high: high.clone() })
}

/// The smallest version above `version`. Semantic versions have one: the first pre-release of the next patch, or the
/// pre-release with one more identifier.
fn just_above(scheme: Scheme, version: &str) -> Option<String> {
    if scheme != Scheme::Semver {
        return None;
    }
    let version = version.split('+').next()?;
    if version.contains('-') {
        return Some(format!("{version}.0"));
    }
    let mut numbers = numbers(version)?;
    numbers.resize(3, 0);
    Some(format!("{}.{}.{}-0", numbers[0], numbers[1], numbers[2].checked_add(1)?))
}

fn numbers(version: &str) -> Option<Vec<u64>> {
    let core = version.trim_start_matches('v').split(['-', '+']).next()?;
    core.split('.').map(|part| part.parse().ok()).collect()
}

/// Conditions that must all hold: one interval, or none when they can hold for no version. `None` when they cannot be
/// read.
fn conjunction(scheme: Scheme, text: &str) -> Option<Vec<Interval>> {
    let mut result = vec![Interval { low: None, high: None }];
    let text = text.trim();
    if let Some((low, high)) = text.split_once(" - ") {
        let low = Bound { version: readable(scheme, low.trim())?, inclusive: true };
        let high = Bound { version: readable(scheme, high.trim())?, inclusive: true };
        return Some(vec![Interval { low: Some(low), high: Some(high) }]);
    }
    // An operator and its version may be apart: `>= 1.2`.
    let mut operator = String::new();
    for word in text.split([',', ' ', '\t', '\n']).filter(|word| !word.is_empty()) {
        let split =
            word.find(|mark: char| !matches!(mark, '<' | '>' | '=' | '~' | '^' | '!')).unwrap_or(word.len());
        operator.push_str(&word[..split]);
        let version = &word[split..];
        if version.is_empty() {
            continue;
        }
        let condition = condition(scheme, &operator, version)?;
        operator.clear();
        result = result.iter().filter_map(|interval| intersect(scheme, interval, &condition)).collect();
    }
    operator.is_empty().then_some(result)
}

fn readable(scheme: Scheme, version: &str) -> Option<String> {
    version::compare(scheme, version, version).ok().map(|_| version.to_owned())
}

fn condition(scheme: Scheme, operator: &str, version: &str) -> Option<Interval> {
    let bound = |version: String, inclusive: bool| Some(Bound { version, inclusive });
    let wild = version.split('.').position(|part| matches!(part, "x" | "X" | "*"));
    if let Some(at) = wild {
        if !matches!(operator, "" | "=" | "~" | "^" | "==") {
            return None;
        }
        let kept: Vec<u64> =
            version.split('.').take(at).map(|part| part.parse().ok()).collect::<Option<_>>()?;
        if kept.is_empty() {
            return Some(Interval { low: None, high: None });
        }
        return Some(Interval {
            low: bound(padded(&kept), true),
            high: bound(next_after(scheme, &kept, kept.len() - 1)?, false),
        });
    }
    let version = readable(scheme, version)?;
    Some(match operator {
        "" | "=" | "==" => Interval { low: bound(version.clone(), true), high: bound(version, true) },
        ">=" => Interval { low: bound(version, true), high: None },
        ">" => Interval { low: bound(version, false), high: None },
        "<=" => Interval { low: None, high: bound(version, true) },
        "<" => Interval { low: None, high: bound(version, false) },
        // RubyGems and Composer: the last number given may grow.
        "~>" => {
            let numbers = leading_numbers(&version);
            let grows = numbers.len().saturating_sub(2);
            Interval { low: bound(version, true), high: bound(next_after(scheme, &numbers, grows)?, false) }
        }
        // npm: patches may come.
        "~" => {
            let numbers = leading_numbers(&version);
            let grows = usize::from(numbers.len() > 1);
            Interval { low: bound(version, true), high: bound(next_after(scheme, &numbers, grows)?, false) }
        }
        // npm: whatever is left of the first number that is not zero stays.
        "^" => {
            let numbers = leading_numbers(&version);
            let grows =
                numbers.iter().position(|number| *number != 0).unwrap_or(numbers.len().checked_sub(1)?);
            Interval { low: bound(version, true), high: bound(next_after(scheme, &numbers, grows)?, false) }
        }
        _ => return None,
    })
}

/// `1.2.rc1` has 1 and 2.
fn leading_numbers(version: &str) -> Vec<u64> {
    let core = version.trim_start_matches('v').split(['-', '+']).next().unwrap_or_default();
    core.split('.').map_while(|part| part.parse().ok()).collect()
}

fn padded(numbers: &[u64]) -> String {
    (0..numbers.len().max(3))
        .map(|at| numbers.get(at).copied().unwrap_or(0).to_string())
        .collect::<Vec<_>>()
        .join(".")
}

/// The first version in which the number at `grows` is greater: `[1, 2, 3]` and 1 give `1.3`.
fn next_after(scheme: Scheme, numbers: &[u64], grows: usize) -> Option<String> {
    let mut next: Vec<u64> = numbers.get(..=grows)?.to_vec();
    *next.last_mut()? = next.last()?.checked_add(1)?;
    Some(if scheme == Scheme::Semver {
        // Pre-releases of the next version are not in the range either (node-semver, "Caret Ranges").
        format!("{}-0", padded(&next))
    } else {
        next.iter().map(u64::to_string).collect::<Vec<_>>().join(".")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(set: &Set) -> String {
        let Some(events) = set.events() else { return "unsayable".into() };
        let list: Vec<String> = events
            .iter()
            .map(|events| {
                let words: Vec<String> = events
                    .iter()
                    .map(|event| match event {
                        Event::Introduced(version) => format!(">={version}"),
                        Event::Fixed(version) => format!("<{version}"),
                        Event::LastAffected(version) => format!("<={version}"),
                        Event::Limit(version) => format!("limit {version}"),
                    })
                    .collect();
                words.join(" ")
            })
            .collect();
        list.join(" | ")
    }

    #[test]
    fn requirements() {
        for (scheme, text, expected) in [
            (Scheme::Semver, "<=1.5.1", ">=0 <=1.5.1"),
            (Scheme::Semver, ">= 1.2.0 < 2 || ^3.1.0", ">=1.2.0 <2 | >=3.1.0 <4.0.0-0"),
            (Scheme::Semver, "8.x || 7.x", ">=8.0.0 <9.0.0-0 | >=7.0.0 <8.0.0-0"),
            (Scheme::Semver, "^0.2.3", ">=0.2.3 <0.3.0-0"),
            (Scheme::Semver, "~1.2.3", ">=1.2.3 <1.3.0-0"),
            (Scheme::Semver, "1.0.0 - 1.4.0", ">=1.0.0 <=1.4.0"),
            (Scheme::Semver, ">1.0.0", ">=1.0.1-0"),
            (Scheme::Semver, "*", ">=0"),
            (Scheme::RubyGems, "~> 3.2.1", ">=3.2.1 <3.3"),
            (Scheme::RubyGems, "~> 3.2", ">=3.2 <4"),
            (Scheme::RubyGems, "> 1.0", "unsayable"),
            (Scheme::Semver, ">=2.0.0 <1.0.0", ""),
        ] {
            assert_eq!(show(&Set::parse(scheme, text).unwrap()), expected, "{text}");
        }
        for text in [">=", "nonsense version", "!=1.0.0", "<1.x"] {
            assert_eq!(Set::parse(Scheme::Semver, text), None, "{text}");
        }
    }

    #[test]
    fn what_is_not_safe_is_affected() {
        let safe = |texts: &[&str]| {
            texts.iter().fold(Set::empty(Scheme::RubyGems), |set, text| {
                set.union(Set::parse(Scheme::RubyGems, text).unwrap())
            })
        };
        for (texts, expected) in [
            (&[">= 1.10.8"][..], ">=0 <1.10.8"),
            (
                &["~> 5.2.2, >= 5.2.2.1", ">= 6.0.0.beta3", "~> 4.2.11, >= 4.2.11.1"][..],
                ">=0 <4.2.11.1 | >=4.3 <5.2.2.1 | >=5.3 <6.0.0.beta3",
            ),
            (&["< 2.0", "> 2.1"][..], ">=2.0 <=2.1"),
            (&[][..], ">=0"),
        ] {
            assert_eq!(show(&safe(texts).complement().unwrap()), expected, "{texts:?}");
        }
    }
}
