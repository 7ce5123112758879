//! Which source's word on severity counts, and what a vector is worth.

use std::str::FromStr;

use plimsoll_model::{Level, Severity};

use crate::record::{Rating, RatingForm};

/// One rating and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opinion<'a> {
    /// 0: the record's on this package, 1: the record's, 2: a general source on the CVE.
    pub(crate) rank: u8,
    pub(crate) rating: &'a Rating,
    /// The feed.
    pub(crate) source: &'a str,
}

/// Base score of a vector in tenths, 0 to 100; `None` when it cannot be read.
pub fn score_tenths(form: RatingForm, vector: &str) -> Option<u8> {
    let score = match form {
        RatingForm::Word => return None,
        RatingForm::CvssV2 => return version_2(vector),
        RatingForm::CvssV3 | RatingForm::CvssV4 => {
            cvss::Cvss::from_str(vector.trim().trim_end_matches('/')).ok()?.score()
        }
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=100")]
    let tenths = (score * 10.0).round().clamp(0.0, 100.0) as u8;
    Some(tenths)
}

/// CVSS 2.0 base score (guide, section 3.2.1), in tenths.
fn version_2(vector: &str) -> Option<u8> {
    let vector = vector.trim().trim_start_matches('(').trim_end_matches(')');
    let mut values = [None; 6];
    for metric in vector.split('/') {
        let (name, value) = metric.split_once(':')?;
        let (slot, number) = match (name, value) {
            ("AV", "L") => (0, 0.395),
            ("AV", "A") => (0, 0.646),
            ("AV", "N") => (0, 1.0),
            ("AC", "H") => (1, 0.35),
            ("AC", "M") => (1, 0.61),
            ("AC", "L") => (1, 0.71),
            ("Au", "M") => (2, 0.45),
            ("Au", "S") => (2, 0.56),
            ("Au", "N") => (2, 0.704),
            ("C" | "I" | "A", value) => {
                let slot = match name {
                    "C" => 3,
                    "I" => 4,
                    _ => 5,
                };
                match value {
                    "N" => (slot, 0.0),
                    "P" => (slot, 0.275),
                    "C" => (slot, 0.660),
                    _ => return None,
                }
            }
            // Temporal and environmental metrics do not change the base score.
            ("E" | "RL" | "RC" | "CDP" | "TD" | "CR" | "IR" | "AR", _) => continue,
            _ => return None,
        };
        if values[slot].replace(number).is_some() {
            return None;
        }
    }
    let [Some(vector), Some(complexity), Some(authentication), Some(c), Some(i), Some(a)] = values else {
        return None;
    };
    let impact: f64 = 10.41 * (1.0 - (1.0 - c) * (1.0 - i) * (1.0 - a));
    let exploitability: f64 = 20.0 * vector * complexity * authentication;
    let factor = if impact == 0.0 { 0.0 } else { 1.176 };
    let score = (0.6 * impact + 0.4 * exploitability - 1.5) * factor;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=100")]
    let tenths = (score * 10.0).round().clamp(0.0, 100.0) as u8;
    Some(tenths)
}

/// The rating that counts: the record's own before a general source's, a vector before a word, the newer CVSS before the
/// older, the worse of two equals. A distribution that calls a flaw of its own package negligible is believed.
pub(crate) fn best(opinions: &[Opinion<'_>], distribution: bool) -> Severity {
    let named = |opinion: &Opinion<'_>| {
        if opinion.rating.source.is_empty() {
            opinion.source.to_owned()
        } else {
            format!("{} ({})", opinion.source, opinion.rating.source)
        }
    };
    if distribution
        && let Some(word) = opinions.iter().find(|opinion| {
            opinion.rank < 2
                && opinion.rating.form == RatingForm::Word
                && Level::from_word(&opinion.rating.value) == Level::Negligible
        })
    {
        return Severity { level: Level::Negligible, score_tenths: None, vector: None, source: named(word) };
    }
    let mut found: Vec<(u8, RatingForm, u8, String, Severity)> = Vec::new();
    for opinion in opinions {
        let Rating { form, value, .. } = opinion.rating;
        // The record's word on this package and on the flaw weigh the same against a general source.
        let general = u8::from(opinion.rank == 2);
        if *form == RatingForm::Word {
            let level = Level::from_word(value);
            if level != Level::Unknown {
                let severity = Severity { level, score_tenths: None, vector: None, source: named(opinion) };
                found.push((general, *form, 100 - level as u8, named(opinion), severity));
            }
        } else if let Some(tenths) = score_tenths(*form, value) {
            let severity = Severity {
                level: Level::from_score(f64::from(tenths) / 10.0),
                score_tenths: Some(tenths),
                vector: Some(value.clone()),
                source: named(opinion),
            };
            found.push((general, *form, 100 - tenths, named(opinion), severity));
        }
    }
    found
        .into_iter()
        .min_by(|left, right| (left.0, left.1, left.2, &left.3).cmp(&(right.0, right.1, right.2, &right.3)))
        .map(|(.., severity)| severity)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores() {
        for (form, vector, expected) in [
            (RatingForm::CvssV3, "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", Some(100)),
            (RatingForm::CvssV3, "CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:H/A:N", Some(75)),
            (RatingForm::CvssV4, "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", Some(93)),
            (RatingForm::CvssV2, "AV:N/AC:L/Au:N/C:C/I:C/A:C", Some(100)),
            (RatingForm::CvssV2, "AV:N/AC:M/Au:N/C:P/I:N/A:N", Some(43)),
            (RatingForm::CvssV2, "AV:L/AC:H/Au:N/C:N/I:N/A:N", Some(0)),
            (RatingForm::CvssV2, "AV:L/AC:H", None),
            (RatingForm::CvssV3, "", None),
            (RatingForm::Word, "high", None),
        ] {
            assert_eq!(score_tenths(form, vector), expected, "{vector}");
        }
    }

    #[test]
    fn the_record_comes_before_the_general_source_and_the_vector_before_the_word() {
        let rating = |form, value: &str| Rating { form, value: value.into(), source: String::new() };
        let word = rating(RatingForm::Word, "low");
        let vector = rating(RatingForm::CvssV3, "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:H/A:N");
        let general =
            rating(RatingForm::CvssV4, "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N");
        let opinions = [
            Opinion { rank: 2, rating: &general, source: "cve" },
            Opinion { rank: 1, rating: &word, source: "a" },
            Opinion { rank: 1, rating: &vector, source: "b" },
        ];
        assert_eq!(best(&opinions, false).source, "b");
        assert_eq!(best(&opinions[..2], false).level, Level::Low);
        assert_eq!(best(&opinions[..1], false).score_tenths, Some(93));
        let unimportant = rating(RatingForm::Word, "unimportant");
        let opinions = [opinions[2], Opinion { rank: 1, rating: &unimportant, source: "debian" }];
        assert_eq!(best(&opinions, true).level, Level::Negligible);
        assert_eq!(best(&opinions, false).level, Level::High);
    }
}
