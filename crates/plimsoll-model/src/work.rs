//! The order of work: a sum of points that is shown, so that everybody can see why one finding stands before another.
//!
//! What each summand is worth and why stands in `docs/order-of-work.md`. Age is told by the date of the advisory data, not
//! by a clock: the same report and data give the same order.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::functions::Reach;
use crate::{Finding, FindingKind, Level, Risk};

/// A package that was published to do harm.
const MALWARE: u32 = 300;
/// Known to be exploited: more than everything together that is not known to be.
const EXPLOITED: u32 = 150;
/// By ransomware, too.
const RANSOMWARE: u32 = 20;
/// A probability of exploitation of 100 %.
const PROBABILITY: u32 = 50;
/// A release or an edit removes it.
const FIXABLE: u32 = 30;
/// The longest that age counts, in periods of 30 days.
const AGE: u32 = 12;
/// The program holds the functions that have the flaw, or the package was seen to run.
const IN_USE: u32 = 15;
/// Nothing of it runs.
const NOT_IN_USE: u32 = 200;
/// Only whoever develops runs it.
const DEVELOPMENT: u32 = 20;
/// Nothing of it ran while the image's containers were watched: less than a proof, so it only goes behind its equals.
const NOT_SEEN: u32 = 20;

/// The points of one finding. What is zero is left out of documents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Work {
    /// The sum; never below zero.
    pub sum: u32,
    /// Malicious package.
    #[serde(skip_serializing_if = "is_zero")]
    pub malware: u32,
    /// Known to be exploited, and by ransomware.
    #[serde(skip_serializing_if = "is_zero")]
    pub exploited: u32,
    /// Likely to be exploited.
    #[serde(skip_serializing_if = "is_zero")]
    pub probability: u32,
    /// How bad.
    #[serde(skip_serializing_if = "is_zero")]
    pub severity: u32,
    /// Something can be done.
    #[serde(skip_serializing_if = "is_zero")]
    pub fixable: u32,
    /// How long it has been known.
    #[serde(skip_serializing_if = "is_zero")]
    pub age: u32,
    /// Code of it is in a program, or ran.
    #[serde(skip_serializing_if = "is_zero")]
    pub in_use: u32,
    /// Taken off: nothing of it runs or ran, or only where something is developed.
    #[serde(skip_serializing_if = "is_zero")]
    pub not_in_use: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_zero(points: &u32) -> bool {
    *points == 0
}

impl Work {
    /// The points of a finding; `date` is that of the advisory data, for its age.
    pub fn of(finding: &Finding, date: &str) -> Self {
        Work::points(finding.kind, finding.severity.level, &finding.risk, date)
    }

    /// The points of what is known of a finding.
    pub fn points(kind: FindingKind, level: Level, risk: &Risk, date: &str) -> Self {
        let mut work = Work {
            malware: if kind == FindingKind::Malware { MALWARE } else { 0 },
            exploited: match &risk.kev {
                None => 0,
                Some(kev) => EXPLOITED + if kev.ransomware { RANSOMWARE } else { 0 },
            },
            probability: risk
                .epss
                .as_ref()
                .map_or(0, |epss| epss.probability.min(100_000) / (100_000 / PROBABILITY)),
            severity: match level {
                Level::Critical => 40,
                Level::High => 25,
                // What nobody rated is not called harmless.
                Level::Medium | Level::Unknown => 10,
                Level::Low => 3,
                Level::Negligible => 0,
            },
            fixable: if risk.fixable { FIXABLE } else { 0 },
            age: risk.published.as_deref().map_or(0, |published| age(published, date)),
            in_use: if risk.reach == Some(Reach::Linked) || risk.in_use == Some(true) { IN_USE } else { 0 },
            ..Work::default()
        };
        let gross = work.malware
            + work.exploited
            + work.probability
            + work.severity
            + work.fixable
            + work.age
            + work.in_use;
        let off = match risk {
            // A malicious package does its harm when it is installed.
            _ if kind == FindingKind::Malware => 0,
            risk if risk.not_run || risk.reach == Some(Reach::NotLinked) => NOT_IN_USE,
            risk if risk.development => DEVELOPMENT,
            risk if risk.in_use == Some(false) => NOT_SEEN,
            _ => 0,
        };
        work.not_in_use = off.min(gross);
        work.sum = gross - work.not_in_use;
        work
    }

    /// The summands that are not zero, with their names for people; what is taken off is negative.
    pub fn summands(&self) -> Vec<(&'static str, i64)> {
        [
            ("malicious package", i64::from(self.malware)),
            ("exploited", i64::from(self.exploited)),
            ("EPSS", i64::from(self.probability)),
            ("severity", i64::from(self.severity)),
            ("fixable", i64::from(self.fixable)),
            ("age", i64::from(self.age)),
            ("in use", i64::from(self.in_use)),
            ("not in use", -i64::from(self.not_in_use)),
        ]
        .into_iter()
        .filter(|(_, points)| *points != 0)
        .collect()
    }

    /// `195 = exploited 150 + severity 25 + fixable 20`.
    pub fn told(&self) -> String {
        let mut text = format!("{} =", self.sum);
        for (index, (name, points)) in self.summands().into_iter().enumerate() {
            let sign = match (index, points < 0) {
                (0, _) => "",
                (_, false) => " +",
                (_, true) => " -",
            };
            let _ = write!(text, "{sign} {name} {}", points.unsigned_abs());
        }
        if text.ends_with('=') {
            text.push_str(" nothing counts");
        }
        text
    }
}

/// Gives every finding its points, and puts them in the order of work: what counts before what somebody answered, then by
/// the sum, then by id.
pub fn sort(findings: &mut [Finding], date: &str) {
    for finding in findings.iter_mut() {
        finding.risk.work = Work::of(finding, date);
    }
    findings.sort_by(|left, right| {
        let key =
            |finding: &Finding| (finding.suppressed_by.is_some(), std::cmp::Reverse(finding.risk.work.sum));
        key(left).cmp(&key(right)).then_with(|| left.id.cmp(&right.id))
    });
}

/// One point for each 30 days from one date to the other.
fn age(from: &str, to: &str) -> u32 {
    match (day(from), day(to)) {
        (Some(from), Some(to)) => u32::try_from((to - from).max(0) / 30).unwrap_or(AGE).min(AGE),
        _ => 0,
    }
}

/// Days since some day long ago of `YYYY-MM-DD...` (proleptic Gregorian calendar; Richards 2013).
fn day(date: &str) -> Option<i64> {
    let date = date.get(..10)?;
    let mut parts = date.split('-');
    let mut part = |least: i64, most: i64| -> Option<i64> {
        let text = parts.next().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
        text.parse().ok().filter(|number| (least..=most).contains(number))
    };
    let (year, month, day) = (part(1, 9_999)?, part(1, 12)?, part(1, 31)?);
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    Some(365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days() {
        for (from, to, expected) in [
            ("2026-01-01", "2026-01-30", 0),
            ("2026-01-01", "2026-01-31", 1),
            ("2024-02-28T10:00:00Z", "2024-03-29T00:00:00Z", 1),
            ("2020-01-01", "2026-01-01", AGE),
            ("2026-01-01", "2020-01-01", 0),
            ("", "2026-01-01", 0),
            ("2026-13-01", "2026-01-01", 0),
            ("20260101..", "2026-01-01", 0),
            ("日本語日本語", "2026-01-01", 0),
        ] {
            assert_eq!(age(from, to), expected, "{from} {to}");
        }
        assert_eq!(day("2024-03-01").unwrap() - day("2024-02-28").unwrap(), 2);
        assert_eq!(day("2000-03-01").unwrap() - day("1999-03-01").unwrap(), 366);
    }

    #[test]
    fn what_is_known_to_be_exploited_stands_before_all_that_is_not() {
        let rest = PROBABILITY + 40 + FIXABLE + AGE + IN_USE;
        assert!(EXPLOITED > rest && MALWARE > EXPLOITED + RANSOMWARE && MALWARE > rest + EXPLOITED);
    }
}
