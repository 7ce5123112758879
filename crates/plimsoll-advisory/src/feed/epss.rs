//! FIRST's EPSS scores: `epss/*.csv[.gz]`, as published daily. The first line is a comment with model version and date,
//! the second the header; then `cve,epss,percentile`.

use std::path::Path;

use plimsoll_model::Epss;

use super::files;
use super::upstream::{How, Remote, Serves, Terms, Upstream};
use super::{Feed, Part, Sink, ending_in};
use crate::error::Error;

/// The feed.
pub static EPSS: Feed = Feed { name: "epss", find, read, upstreams: UPSTREAMS };

static UPSTREAMS: &[Upstream] = &[Upstream {
    source: "epss",
    terms: Terms::Open,
    serves: Serves::All,
    how: How::Files(|| {
        let url = "https://epss.empiricalsecurity.com/epss_scores-current.csv.gz";
        vec![Remote::new(url, "epss/epss_scores-current.csv.gz")]
    }),
}];

#[expect(clippy::unnecessary_wraps, reason = "the form that all feeds share")]
fn find(from: &Path) -> Result<Vec<Part>, Error> {
    let licence = "EPSS by FIRST (first.org/epss), free to use with attribution";
    Ok(ending_in(from, "epss", &[".csv", ".csv.gz"], licence))
}

fn read(part: &Part, sink: &mut dyn Sink) -> Result<(), Error> {
    let broken = |source| Error::Read { path: part.path.clone(), source };
    let mut reader = files::stream(&part.path)?;
    let mut line = Vec::new();
    let mut date = String::new();
    while let Some(kept) = files::next_line(&mut *reader, &mut line).map_err(broken)? {
        let Some(text) = std::str::from_utf8(&line).ok().filter(|_| kept) else {
            sink.rejected("the line is not text", "line");
            continue;
        };
        if let Some(comment) = text.strip_prefix('#') {
            for (key, value) in comment.split(',').filter_map(|field| field.split_once(':')) {
                match key.trim() {
                    "score_date" => {
                        value.trim().get(..10).unwrap_or_default().clone_into(&mut date);
                        sink.dated(&date);
                    }
                    "model_version" => sink.commit(value.trim()),
                    _ => {}
                }
            }
            continue;
        }
        if text.trim().is_empty() || text.starts_with("cve,") {
            continue;
        }
        let mut fields = text.split(',').map(str::trim);
        let (cve, probability, percentile) = (fields.next(), fields.next(), fields.next());
        match (cve, probability.and_then(fraction), percentile.and_then(fraction)) {
            (Some(cve), Some(probability), Some(percentile)) if cve.starts_with("CVE-") => {
                sink.epss(cve, Epss { probability, percentile, date: date.clone() });
            }
            _ => sink.rejected("the line is not `cve,epss,percentile`", text.get(..40).unwrap_or("line")),
        }
    }
    Ok(())
}

/// `0.91963` as parts per 100,000, without floating point. More than five decimals are cut.
fn fraction(text: &str) -> Option<u32> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(decimals) {
        return None;
    }
    let whole: u32 = whole.parse().ok().filter(|whole| *whole <= 1)?;
    let mut parts = 0;
    for index in 0..5 {
        parts = parts * 10 + decimals.as_bytes().get(index).map_or(0, |digit| u32::from(digit - b'0'));
    }
    Some(whole * 100_000 + parts).filter(|parts| *parts <= 100_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::Kept;

    #[test]
    fn fractions() {
        for (text, expected) in [
            ("0.91963", Some(91_963)),
            ("1.0", Some(100_000)),
            ("1", Some(100_000)),
            ("0.1", Some(10_000)),
            ("0.0000149", Some(1)),
            ("1.1", None),
            ("2", None),
            ("", None),
            ("-0.1", None),
            ("9e-05", None),
        ] {
            assert_eq!(fraction(text), expected, "{text}");
        }
    }

    #[test]
    fn lines() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("epss")).unwrap();
        let text = "#model_version:v1,score_date:2025-02-20T00:00:00+0000\ncve,epss,percentile\nCVE-1,0.5,0.9\nnonsense\n";
        std::fs::write(folder.path().join("epss/a.csv"), text).unwrap();
        let mut kept = Kept::default();
        read(&find(folder.path()).unwrap()[0], &mut kept).unwrap();
        assert_eq!(
            kept.epss,
            [(
                "CVE-1".to_owned(),
                Epss { probability: 50_000, percentile: 90_000, date: "2025-02-20".into() }
            )]
        );
        assert_eq!(kept.rejected.len(), 1);
    }
}
