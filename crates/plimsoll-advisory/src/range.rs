//! Is a version affected? The evaluation of osv-schema 1.7 ("Evaluation"), for one entry of one record.
//!
//! Events are sorted before they are walked: feeds write them in any order. A bound or version that the ecosystem's rules
//! cannot read leads to [`Decision::Undecided`], never to "not affected".

use std::cmp::Ordering;

use plimsoll_model::FixStatus;
use plimsoll_model::version::{Scheme, Version};

use crate::record::{Affected, Event};

/// What an entry says about one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The entry speaks about this version: it is affected or, when the entry's status says so, expressly not.
    Applies {
        /// `range`, `versions`, or `status` when the entry speaks about every version.
        rule: &'static str,
        /// The interval that holds the version, readable: `>= 4.0.0, < 4.17.21`.
        range: String,
        /// The smallest version above that the entry does not call affected.
        fixed: Option<String>,
    },
    /// The version is outside of everything the entry lists: for an entry with a fix, at or above it.
    Outside,
    /// A version cannot be read.
    Undecided {
        /// The text that cannot be read.
        version: String,
    },
}

impl Decision {
    /// The entry speaks about the version.
    pub fn applies(&self) -> bool {
        matches!(self, Decision::Applies { .. })
    }
}

/// A place on the line of versions.
#[derive(Clone, Debug)]
enum Place<'text> {
    /// Before every version: `introduced: 0`.
    Start,
    At(&'text str, Version),
}

impl<'text> Place<'text> {
    fn of(scheme: Scheme, event: &'text Event) -> Result<Self, String> {
        match event {
            Event::Introduced(version) | Event::Fixed(version) if version == "0" => Ok(Place::Start),
            event => {
                let text = event.version();
                match Version::parse(scheme, text) {
                    Ok(version) => Ok(Place::At(text, version)),
                    Err(_) => Err(text.to_owned()),
                }
            }
        }
    }

    fn text(&self) -> Option<&'text str> {
        match self {
            Place::Start => None,
            Place::At(text, _) => Some(text),
        }
    }

    fn order(&self, other: &Place<'_>) -> Ordering {
        match (self, other) {
            (Place::Start, Place::Start) => Ordering::Equal,
            (Place::Start, Place::At(..)) => Ordering::Less,
            (Place::At(..), Place::Start) => Ordering::Greater,
            (Place::At(_, left), Place::At(_, right)) => order(left, right),
        }
    }
}

fn order(left: &Version, right: &Version) -> Ordering {
    left.compare(right).expect("all versions of one decision are read by one scheme")
}

/// All events at one place.
struct Step<'text> {
    place: Place<'text>,
    introduced: u32,
    fixed: u32,
    last_affected: u32,
}

impl Step<'_> {
    /// State at the place itself and behind it, given the state before it.
    ///
    /// Every end closes one interval and every beginning opens one: where one interval ends and another begins, the place
    /// belongs to the new one; an interval that begins and ends at the same place is empty (`fixed`) or holds just that
    /// version (`last_affected`).
    fn pass(&self, before: bool) -> (bool, bool) {
        let open = u32::from(before).saturating_add(self.introduced);
        (open > self.fixed, open > self.fixed.saturating_add(self.last_affected))
    }
}

fn steps(scheme: Scheme, events: &[Event]) -> Result<Vec<Step<'_>>, String> {
    let mut bounds: Vec<(Place<'_>, &Event)> = Vec::with_capacity(events.len());
    for event in events {
        if !matches!(event, Event::Limit(_)) {
            bounds.push((Place::of(scheme, event)?, event));
        }
    }
    bounds.sort_by(|(left, _), (right, _)| left.order(right));
    let mut steps: Vec<Step<'_>> = Vec::with_capacity(bounds.len());
    for (place, event) in bounds {
        if steps.last().is_none_or(|last| last.place.order(&place) != Ordering::Equal) {
            steps.push(Step { place, introduced: 0, fixed: 0, last_affected: 0 });
        }
        if let Some(step) = steps.last_mut() {
            let count = match event {
                Event::Introduced(_) => &mut step.introduced,
                Event::Fixed(_) => &mut step.fixed,
                Event::LastAffected(_) => &mut step.last_affected,
                Event::Limit(_) => continue,
            };
            *count = count.saturating_add(1);
        }
    }
    Ok(steps)
}

/// One interval of affected versions.
#[derive(Clone, Debug)]
struct Interval<'text> {
    /// First version; [`Place::Start`] is before every version.
    from: Place<'text>,
    end: End<'text>,
}

#[derive(Clone, Debug)]
enum End<'text> {
    Open,
    Fixed(Place<'text>),
    LastAffected(Place<'text>),
}

impl Interval<'_> {
    fn text(&self) -> String {
        let from = self.from.text().map(|from| format!(">= {from}"));
        let to = match &self.end {
            End::Open => None,
            End::Fixed(place) => place.text().map(|version| format!("< {version}")),
            End::LastAffected(place) => place.text().map(|version| format!("<= {version}")),
        };
        match (from, to) {
            (Some(from), Some(to)) => format!("{from}, {to}"),
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) => "every version".into(),
        }
    }

    fn holds(&self, version: &Version) -> bool {
        let above = |place: &Place<'_>| match place {
            Place::Start => Ordering::Greater,
            Place::At(_, bound) => order(version, bound),
        };
        above(&self.from).is_ge()
            && match &self.end {
                End::Open => true,
                End::Fixed(end) => above(end).is_lt(),
                End::LastAffected(end) => above(end).is_le(),
            }
    }
}

fn intervals<'text>(steps: &[Step<'text>]) -> Vec<Interval<'text>> {
    let mut result = Vec::new();
    let mut open: Option<Place<'text>> = None;
    for step in steps {
        let (at, behind) = step.pass(open.is_some());
        if let Some(from) = open.take() {
            let end = if step.fixed > 0 {
                End::Fixed(step.place.clone())
            } else if step.last_affected > 0 {
                End::LastAffected(step.place.clone())
            } else {
                open = Some(from);
                continue;
            };
            result.push(Interval { from, end });
        }
        if at && step.introduced > 0 {
            if behind {
                open = Some(step.place.clone());
            } else {
                result
                    .push(Interval { from: step.place.clone(), end: End::LastAffected(step.place.clone()) });
            }
        }
    }
    if let Some(from) = open {
        result.push(Interval { from, end: End::Open });
    }
    result
}

/// The limits of one list of events: without any, or with one above the version, the list is valid for it.
fn within_limits(scheme: Scheme, events: &[Event], version: &Version) -> Result<bool, String> {
    let mut any = false;
    for event in events {
        let Event::Limit(limit) = event else { continue };
        if limit == "*" {
            return Ok(true);
        }
        let limit = Version::parse(scheme, limit).map_err(|unreadable| unreadable.version)?;
        if order(version, &limit).is_lt() {
            return Ok(true);
        }
        any = true;
    }
    Ok(!any)
}

fn is_every_version(entry: &Affected) -> bool {
    (entry.ranges.is_empty() && entry.versions.is_empty())
        || entry
            .ranges
            .iter()
            .any(|events| matches!(events.as_slice(), [Event::Introduced(zero)] if zero == "0"))
}

/// One list of events and its intervals, or the text that cannot be read.
type Read<'text> = (&'text [Event], Result<Vec<Interval<'text>>, String>);

/// All ranges of an entry, read once.
struct Ranges<'text> {
    scheme: Scheme,
    lists: Vec<Read<'text>>,
}

impl<'text> Ranges<'text> {
    fn read(scheme: Scheme, entry: &'text Affected) -> Self {
        let lists = entry
            .ranges
            .iter()
            .map(|events| (events.as_slice(), steps(scheme, events).map(|steps| intervals(&steps))));
        Ranges { scheme, lists: lists.collect() }
    }

    /// The interval that holds `version`; `Err` with the text that cannot be read when no other list decides it.
    fn find(&self, version: &Version) -> Result<Option<&Interval<'text>>, String> {
        let mut unreadable = None;
        for (events, intervals) in &self.lists {
            match (within_limits(self.scheme, events, version), intervals) {
                (Ok(false), _) => {}
                (Ok(true), Ok(intervals)) => {
                    if let Some(interval) = intervals.iter().find(|interval| interval.holds(version)) {
                        return Ok(Some(interval));
                    }
                }
                (Err(text), _) => unreadable = unreadable.or(Some(text)),
                (_, Err(text)) => unreadable = unreadable.or_else(|| Some(text.clone())),
            }
        }
        unreadable.map_or(Ok(None), Err)
    }
}

/// The number at the beginning of a plain version: equal versions have equal ones. `None` where an epoch or a prefix
/// makes that unsure.
fn leading_number(version: &str) -> Option<&str> {
    if version.contains(['!', ':']) {
        return None;
    }
    let version = version.trim().trim_start_matches(['v', 'V']);
    let end = version.find(|character: char| !character.is_ascii_digit()).unwrap_or(version.len());
    (end > 0).then(|| version[..end].trim_start_matches('0'))
}

fn is_listed(scheme: Scheme, entry: &Affected, version: &Version) -> bool {
    let text = version.as_str();
    if entry.versions.iter().any(|listed| listed == text) {
        return true;
    }
    // Two spellings of one version are rare, and reading hundreds of listed versions is not free.
    let leading = leading_number(text);
    entry.versions.iter().any(|listed| {
        let may_be_equal = match (leading, leading_number(listed)) {
            (Some(left), Some(right)) => left == right,
            _ => true,
        };
        may_be_equal && Version::parse(scheme, listed).is_ok_and(|listed| order(&listed, version).is_eq())
    })
}

/// Decides whether `entry` speaks about `version`, by the rules of `scheme`.
pub fn decide(scheme: Scheme, entry: &Affected, version: &str) -> Decision {
    decide_read(scheme, entry, version, Version::parse(scheme, version).ok().as_ref())
}

/// As [`decide`], for a version that was read once for many entries; `read` is `None` when it cannot be read.
pub(crate) fn decide_read(scheme: Scheme, entry: &Affected, text: &str, read: Option<&Version>) -> Decision {
    let Some(version) = read else {
        if is_every_version(entry) {
            return Decision::Applies {
                rule: if entry.ranges.is_empty() { "status" } else { "range" },
                range: "every version".into(),
                fixed: None,
            };
        }
        if !text.is_empty() && entry.versions.iter().any(|listed| listed == text) {
            return Decision::Applies { rule: "versions", range: format!("= {text}"), fixed: None };
        }
        return Decision::Undecided { version: text.to_owned() };
    };
    if entry.ranges.is_empty() && entry.versions.is_empty() {
        return Decision::Applies { rule: "status", range: "every version".into(), fixed: None };
    }
    decide_single(scheme, entry, version).unwrap_or_else(|| decide_all(scheme, entry, text, version))
}

/// The form that nearly all entries have, one interval and nothing else, decided without lists of bounds in between: the
/// same answer as [`decide_all`]'s. `None` for any other form, and where a bound cannot be read.
fn decide_single(scheme: Scheme, entry: &Affected, version: &Version) -> Option<Decision> {
    let ([events], [], []) = (entry.ranges.as_slice(), entry.versions.as_slice(), entry.fixes.as_slice())
    else {
        return None;
    };
    let (from, until) = match events.as_slice() {
        [Event::Introduced(from)] => (from, None),
        [Event::Introduced(from), Event::Fixed(until)] if until != "0" => (from, Some(until)),
        _ => return None,
    };
    let from = Some(from).filter(|from| *from != "0");
    let lower = from.map(|from| Version::parse(scheme, from)).transpose().ok()?;
    let upper = until.map(|until| Version::parse(scheme, until)).transpose().ok()?;
    if let (Some(lower), Some(upper)) = (&lower, &upper)
        && order(lower, upper).is_ge()
    {
        return None;
    }
    let inside = lower.is_none_or(|lower| order(version, &lower).is_ge())
        && upper.is_none_or(|upper| order(version, &upper).is_lt());
    if !inside {
        return Some(Decision::Outside);
    }
    let range = match (from, until) {
        (Some(from), Some(until)) => format!(">= {from}, < {until}"),
        (Some(from), None) => format!(">= {from}"),
        (None, Some(until)) => format!("< {until}"),
        (None, None) => "every version".into(),
    };
    let fixed = until.filter(|_| entry.status != FixStatus::NotAffected).cloned();
    Some(Decision::Applies { rule: "range", range, fixed })
}

/// An entry of any form, with a list of intervals or versions.
fn decide_all(scheme: Scheme, entry: &Affected, text: &str, version: &Version) -> Decision {
    let ranges = Ranges::read(scheme, entry);
    match ranges.find(version) {
        Ok(Some(interval)) => Decision::Applies {
            rule: "range",
            range: interval.text(),
            fixed: first_fixed(&ranges, entry, version),
        },
        _ if is_listed(scheme, entry, version) => Decision::Applies {
            rule: "versions",
            range: format!("= {text}"),
            fixed: first_fixed(&ranges, entry, version),
        },
        Ok(None) => Decision::Outside,
        Err(version) => Decision::Undecided { version },
    }
}

/// The smallest version above `version` that ends an interval or is called fixed, and that the entry does not call
/// affected itself.
fn first_fixed(ranges: &Ranges<'_>, entry: &Affected, version: &Version) -> Option<String> {
    if matches!(entry.status, FixStatus::NotAffected) {
        return None;
    }
    let bounds = entry.ranges.iter().flatten().filter_map(|event| match event {
        Event::Fixed(fixed) if fixed != "0" => Some(fixed),
        _ => None,
    });
    let mut candidates: Vec<(Version, &String)> = bounds
        .chain(&entry.fixes)
        .filter_map(|text| Some((Version::parse(ranges.scheme, text).ok()?, text)))
        .filter(|(candidate, _)| order(candidate, version).is_gt())
        .collect();
    candidates.sort_by(|(left, _), (right, _)| order(left, right));
    // Each look is linear in the entry; a hostile one with thousands of bounds is cut off.
    candidates
        .into_iter()
        .take(64)
        .find(|(candidate, _)| {
            matches!(ranges.find(candidate), Ok(None)) && !is_listed(ranges.scheme, entry, candidate)
        })
        .map(|(_, text)| text.clone())
}

/// Everything an entry lists, readable: `< 2.4.4 || >= 2.5.0, < 2.5.2`; long lists are cut off and say so.
pub fn readable(scheme: Scheme, entry: &Affected) -> String {
    const SHOWN: usize = 12;
    let mut parts = Vec::new();
    for events in &entry.ranges {
        let limit = events.iter().find_map(|event| match event {
            Event::Limit(limit) if limit != "*" => Some(limit.as_str()),
            _ => None,
        });
        match steps(scheme, events) {
            Ok(steps) => {
                let found = intervals(&steps);
                if found.is_empty() {
                    parts.push("no version".to_owned());
                }
                parts.extend(found.iter().map(|interval| match (limit, &interval.end) {
                    (Some(limit), End::Open) => format!("{} (known below {limit})", interval.text()),
                    _ => interval.text(),
                }));
            }
            Err(text) => parts.push(format!("bounds that cannot be read (`{text}`)")),
        }
    }
    if !entry.versions.is_empty() {
        let shown = entry.versions.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = entry.versions.len().saturating_sub(SHOWN);
        parts.push(if more == 0 { format!("= {shown}") } else { format!("= {shown} and {more} more") });
    }
    if parts.is_empty() {
        return "every version".into();
    }
    let more = parts.len().saturating_sub(SHOWN);
    parts.truncate(SHOWN);
    if more > 0 {
        parts.push(format!("{more} more"));
    }
    parts.join(" || ")
}

#[cfg(test)]
mod tests {
    use plimsoll_model::Ecosystem;

    use super::*;
    use crate::record::{NameKind, Target};

    /// Whatever one interval looks like, both ways of reading it give the same answer.
    #[test]
    fn one_interval_is_decided_as_many_are() {
        let versions =
            ["0", "0~", "1", "1.0", "1.0-1", "1.2.3", "1:0.1", "2.0.0", "2.0.0-rc.1", "3", "x y", ""];
        let mut simple = 0;
        for scheme in [Scheme::Dpkg, Scheme::Apk, Scheme::Rpm, Scheme::Semver, Scheme::Pep440, Scheme::Maven]
        {
            for from in versions {
                for until in versions.iter().map(Some).chain([None]) {
                    for status in [FixStatus::Affected, FixStatus::NotAffected] {
                        let mut events = vec![Event::Introduced(from.to_owned())];
                        events.extend(until.map(|until| Event::Fixed((*until).to_owned())));
                        let target = Target::Ecosystem(Ecosystem::Npm);
                        let entry = Affected {
                            ranges: vec![events],
                            status,
                            ..Affected::all(target, "a", NameKind::Binary)
                        };
                        for version in versions {
                            let Ok(version) = Version::parse(scheme, version) else { continue };
                            let Some(decision) = decide_single(scheme, &entry, &version) else { continue };
                            simple += 1;
                            let all = decide_all(scheme, &entry, version.as_str(), &version);
                            assert_eq!(decision, all, "{scheme:?} {version:?} {:?}", entry.ranges);
                        }
                    }
                }
            }
        }
        assert!(simple > 4_000, "{simple}");
    }
}
