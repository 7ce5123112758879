//! Days of grace: a finding over the line that is young does not count yet, and the answer says from which day on it will.
//!
//! What has no day is not young: whether it counts cannot be told. Malicious packages and what is known to be exploited have no grace.

use plimsoll_model::{Finding, FindingKind, Outcome, Report};
use serde::{Deserialize, Serialize};

use crate::decide::Answer;
use crate::line::{Line, judge_among};

/// Most days. Longer than a year is no grace, it is another line.
const MOST: u32 = 366;
/// How many findings are named.
const NAMED: usize = 10;
/// Seconds of a day.
const DAY: i64 = 86_400;

/// What the days are counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Since {
    /// The day on which the first advisory that names a fixed version was published.
    Fix,
    /// The day on which the first advisory was published.
    Advisory,
}

impl Since {
    fn day(self, finding: &Finding) -> Option<&str> {
        match self {
            Since::Fix => finding.risk.fix_published.as_deref(),
            Since::Advisory => finding.risk.published.as_deref(),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Since::Fix => "a fix was published for",
            Since::Advisory => "an advisory was published about",
        }
    }
}

/// How long a finding does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grace {
    pub(crate) days: u32,
    since: Since,
}

/// Where one finding stands.
enum Age {
    /// It counts from this day on, in days since 1970.
    Young(i64),
    Old,
    NotKnown,
}

impl Grace {
    /// Both are given, or neither.
    pub(crate) fn new(
        days: Option<u32>,
        since: Option<Since>,
        fixable: bool,
    ) -> Result<Option<Self>, String> {
        match (days, since) {
            (None, None) => Ok(None),
            (Some(_), Some(Since::Fix)) if !fixable => {
                Err("maxSeverity.graceFrom: `fix` needs `fixable: true`: what has no fix has no such day"
                    .into())
            }
            (Some(days @ 1..=MOST), Some(since)) => Ok(Some(Grace { days, since })),
            (Some(_), Some(_)) => Err(format!("maxSeverity.graceDays must be between 1 and {MOST}")),
            (Some(_), None) => {
                Err("maxSeverity.graceFrom is missing: `fix` or `advisory`, from which the days are counted"
                    .into())
            }
            (None, Some(_)) => Err("maxSeverity.graceFrom is given without graceDays".into()),
        }
    }

    fn age(self, finding: &Finding, now: i64) -> Age {
        if finding.kind != FindingKind::Vulnerability || finding.risk.kev.is_some() {
            return Age::Old;
        }
        let Some(day) = self.since.day(finding).and_then(|day| day.parse::<jiff::civil::Date>().ok()) else {
            return Age::NotKnown;
        };
        let Ok(midnight) = jiff::tz::Offset::UTC.to_timestamp(day.at(0, 0, 0, 0)) else {
            return Age::NotKnown;
        };
        let published = midnight.as_second().div_euclid(DAY);
        let today = now.div_euclid(DAY);
        // A day may be ahead by the time zone of who wrote it. More is a mistake or a lie, and no age can be told from it.
        if published > today + 1 {
            return Age::NotKnown;
        }
        let counts_from = published + i64::from(self.days);
        if today < counts_from { Age::Young(counts_from) } else { Age::Old }
    }
}

/// Holds the findings against the line; those in their days of grace do not count.
pub(crate) fn max_severity(line: Line, grace: Option<Grace>, report: &Report, now: i64) -> Answer {
    let judged =
        |findings: &[&Finding]| judge_among(line, findings, &report.problems, Some(&report.database), None);
    let mut counting: Vec<&Finding> = Vec::with_capacity(report.findings.len());
    let (mut young, mut not_known) = (Vec::new(), Vec::new());
    for finding in &report.findings {
        match grace.filter(|_| !line.is_under(finding)).map(|grace| grace.age(finding, now)) {
            None | Some(Age::Old) => counting.push(finding),
            Some(Age::Young(from)) => young.push((from, finding)),
            Some(Age::NotKnown) => not_known.push(finding),
        }
    }
    let verdict = judged(&counting);
    let mut said = verdict.reasons;
    said.extend(waiting(&mut young));
    let mut missing = verdict.inputs_missing;
    if let Some((grace, first)) = grace.zip(not_known.first()) {
        let more = match not_known.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        missing.push(format!(
            "the day on which {} {} ({}){more}, to count its days of grace",
            grace.since.word(),
            first.subject.name(),
            first.advisory
        ));
    }
    match verdict.outcome {
        Outcome::NotMet => Answer::NotMet { reasons: said },
        Outcome::Met if missing.is_empty() => Answer::Met { reasons: said },
        Outcome::Met | Outcome::Unknown => Answer::Unknown { missing },
    }
}

/// What will count, and when, the soonest first.
fn waiting(young: &mut [(i64, &Finding)]) -> Vec<String> {
    young.sort_by(|left, right| (left.0, &left.1.id).cmp(&(right.0, &right.1.id)));
    let mut said: Vec<String> = young
        .iter()
        .take(NAMED)
        .map(|(from, finding)| {
            let day = jiff::Timestamp::from_second(from.saturating_mul(DAY))
                .map_or_else(|_| from.to_string(), |time| time.strftime("%Y-%m-%d").to_string());
            format!("{} in {} counts from {day} on", finding.advisory, finding.subject.name())
        })
        .collect();
    if young.len() > NAMED {
        said.push(format!("and {} more count later", young.len() - NAMED));
    }
    said
}
