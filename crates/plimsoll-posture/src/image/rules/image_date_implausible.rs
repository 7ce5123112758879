//! The image's date cannot be right.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "image-date-implausible",
    title: "the image's date cannot be right",
    severity: Level::Low,
    what: "`created` lies more than a day in the future, or before 2013, when there were no such images. The dates that reproducible builds write (1970-01-01, 1980-01-01, 0001-01-01) do not count.",
    why: "Who decides by age what to rebuild or remove, decides wrongly about this image.",
    fix: "set the clock of the build machine, or SOURCE_DATE_EPOCH to the date of the last change",
    references: &[("OCI", "image-spec 1.1")],
    needs: &[Input::Configuration, Input::Now],
    bad: "{\"configuration\": {\"created\": \"2100-01-01T00:00:00Z\"}, \"now\": \"2026-11-25\"}",
    good: "{\"configuration\": {\"created\": \"2026-11-25T08:00:00Z\"}, \"now\": \"2026-11-25\"}",
    check: Check::Image(check),
};

fn check(facts: &ImageFacts, report: &mut Reporter<'_>) {
    let (Some(configuration), Some(now)) = (&facts.configuration, &facts.now) else { return };
    let Some(day) = configuration.created.as_deref().and_then(|created| created.get(..10)) else { return };
    let part = Part::Configuration("created");
    // A day of grace for time zones: compared as text, which for dates is the order of time.
    let next_year = now.get(..4).is_some_and(|year| day.get(..4).is_some_and(|other| other > year));
    let far = day > now.as_str() && (next_year || day.get(..7) > now.get(..7) || days(day) > days(now) + 1);
    if far {
        report.part(part, format!("it says that it was made on {day}, which is still to come"));
    } else if day < "2013" && !matches!(day, "1970-01-01" | "1980-01-01" | "0001-01-01") {
        report.part(part, format!("it says that it was made on {day}"));
    }
}

/// Day of the month.
fn days(day: &str) -> u32 {
    day.get(8..).and_then(|day| day.parse().ok()).unwrap_or(0)
}
