//! Snapshots of the formats for people, and what must hold for every report.

use plimsoll_format::summary::{Row, Summary};
use plimsoll_format::{By, Format, View, write};
use plimsoll_model::Report;

use proptest::prelude::*;

use crate::{arbitrary, sample};

pub(crate) fn view(width: usize) -> View {
    View { width, now: Some(sample::now()), command: "oci:shop-web".into(), ..View::default() }
}

fn table(report: &Report, view: &View) -> String {
    write(report, Format::Table, view).unwrap()
}

#[test]
fn table_at_100_columns() {
    insta::assert_snapshot!(table(&sample::shop_web(), &view(100)));
}

#[test]
fn table_at_60_columns() {
    insta::assert_snapshot!(table(&sample::shop_web(), &view(60)));
}

#[test]
fn table_with_all_findings() {
    insta::assert_snapshot!(table(&sample::few(), &View { all: true, ..view(100) }));
}

#[test]
fn table_by_each() {
    let by = |by| table(&sample::few(), &View { by: Some(by), ..view(100) });
    insta::assert_snapshot!([By::Cve, By::Package, By::Layer, By::Party].map(by).join("\n=====\n"));
}

#[test]
fn table_of_edges() {
    let reports = [sample::empty(), sample::unknown(), sample::incident_pack(), sample::few()];
    insta::assert_snapshot!(reports.map(|report| table(&report, &view(100))).join("\n=====\n"));
}

/// What does not count is listed with why and who says so, each finding once, in every form for people.
#[test]
fn what_does_not_count_is_shown_when_asked() {
    let report = sample::few();
    let shown = View { suppressed: true, ..view(80) };
    insta::assert_snapshot!(table(&report, &shown));
    let aside = Summary::new(&report, &shown).all_set_aside();
    assert!(!aside.is_empty());
    for format in [Format::Table, Format::Markdown, Format::Html] {
        let more = write(&report, format, &shown).unwrap();
        let plain = write(&report, format, &view(80)).unwrap();
        assert!(more.len() > plain.len(), "{format}");
        assert!(more.contains("behind the gateway") && more.contains("only in development"), "{format}");
    }
    let none = write(&sample::empty(), Format::Table, &shown).unwrap();
    assert!(none.contains("every finding counts"), "{none}");
    for format in [Format::Table, Format::Markdown, Format::Html] {
        let text = write(&sample::hostile(), format, &shown).unwrap();
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{format}");
        assert!(format != Format::Html || !text.contains("<script>alert(1)"), "{format}");
    }
}

#[test]
fn table_of_hostile_names() {
    insta::assert_snapshot!(table(&sample::hostile(), &View { all: true, ..view(100) }));
}

#[test]
fn table_with_colours_and_links() {
    let view = View { color: true, links: true, all: true, ..view(100) };
    let text = table(&sample::few(), &view);
    assert!(text.contains("\u{1b}[1m\u{1b}[31mNOT MET\u{1b}[0m"), "{text:?}");
    assert!(text.contains("\u{1b}]8;;https://www.cve.org/CVERecord?id=CVE-2021-23337\u{1b}\\"));
    // Colour only adds: without it the same words stand there.
    assert_eq!(strip(&text), table(&sample::few(), &View { color: false, links: false, ..view }));
}

/// Lines keep the width; only commands may be longer, because a broken one cannot be pasted.
#[test]
fn lines_keep_the_width() {
    for report in [sample::shop_web(), sample::few(), sample::unknown(), sample::incident_pack()] {
        let commands: Vec<&str> = report.changes.iter().filter_map(|one| one.command.as_deref()).collect();
        for width in 60..=130 {
            for all in [false, true] {
                let text = table(&report, &View { all, ..view(width) });
                for line in text.lines() {
                    let command = line.contains("plimsoll ") || commands.contains(&line.trim());
                    let columns = line.chars().count();
                    assert!(command || columns <= width.min(100), "{width}: {columns} columns: {line}");
                }
            }
        }
    }
}

#[test]
fn what_is_folded_is_counted_and_not_first() {
    let mut report = sample::few();
    let development = report.findings.iter().find(|one| one.risk.development).unwrap().clone();
    let mut change = report.changes[0].clone();
    change.subject = "eslint".into();
    change.removes = vec![development.id.clone()];
    // First in the order of work, and yet only for development.
    report.changes.insert(0, change);
    let row = |report: &Report, row: Row| {
        let summary = Summary::new(report, &view(100));
        summary.rows.iter().find(|one| one.row == row).map(|one| (one.changes, one.number()))
    };
    assert_eq!(row(&report, Row::Development), Some((0, 1)));
    assert_eq!(row(&report, Row::Application), Some((2, 3)));
    assert!(!table(&report, &view(100)).contains("eslint"));

    // The same change counts as soon as it also removes something that counts.
    let lodash = report.changes[1].removes[0].clone();
    report.changes[0].removes.push(lodash);
    assert_eq!(row(&report, Row::Development), None);
    assert_eq!(row(&report, Row::Application), Some((3, 4)));

    // A malicious package is never folded, not even in development.
    for finding in &mut report.findings {
        finding.risk.development = true;
    }
    let summary = Summary::new(&report, &view(100));
    assert_eq!(summary.malware, 1);
}

fn each() -> [(&'static str, Report); 5] {
    [
        ("few", sample::few()),
        ("empty", sample::empty()),
        ("unknown", sample::unknown()),
        ("incident_pack", sample::incident_pack()),
        ("hostile", sample::hostile()),
    ]
}

#[test]
fn markdown() {
    let shop = ("shop_web", sample::shop_web());
    for (name, report) in each().into_iter().chain([shop]) {
        let text = write(&report, Format::Markdown, &view(100)).unwrap();
        assert_shows_nothing_hidden(&text);
        // GitHub cuts comments off.
        assert!(text.len() < 65_536);
        insta::assert_snapshot!(format!("markdown_{name}"), text);
    }
}

#[test]
fn sarif() {
    for (name, report) in each() {
        let text = write(&report, Format::SarifFindings, &view(100)).unwrap();
        assert_shows_nothing_hidden(&text);
        insta::assert_snapshot!(format!("sarif_{name}"), text);
    }
}

#[test]
fn sarif_by_change() {
    for (name, report) in [("shop_web", sample::shop_web()), ("hostile", sample::hostile())] {
        let text = write(&report, Format::Sarif, &view(100)).unwrap();
        assert_shows_nothing_hidden(&text);
        insta::assert_snapshot!(format!("sarif_by_change_{name}"), text);
    }
}

/// The advisories of all results, and the results.
fn told(report: &Report) -> (Vec<String>, serde_json::Value) {
    let text = write(report, Format::Sarif, &view(100)).unwrap();
    let mut sarif: serde_json::Value = serde_json::from_str(&text).unwrap();
    let run = sarif["runs"][0].take();
    let mut told = Vec::new();
    for result in run["results"].as_array().unwrap() {
        let rule =
            &run["tool"]["driver"]["rules"][usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], result["ruleId"]);
        assert!(rule["properties"]["tags"].as_array().unwrap().len() <= 10);
        assert!((1..=100).contains(&result["locations"].as_array().unwrap().len()));
        match result["properties"]["findings"].as_array() {
            Some(findings) => told.extend(findings.iter().map(|id| id.as_str().unwrap().to_owned())),
            None => told.push(result["ruleId"].as_str().unwrap().to_owned()),
        }
    }
    told.sort();
    (told, run)
}

/// What code scanning services take: 25,000 rules and results, of which they show 5,000.
#[test]
fn sarif_stays_within_the_limits() {
    let mut report = sample::few();
    let finding = report.findings[0].clone();
    report.changes.clear();
    report.findings = (0..36_000_usize)
        .map(|number| {
            let mut finding = finding.clone();
            finding.id = format!("CVE-2099-{number}@{}", number / 6);
            finding.advisory = format!("CVE-2099-{number}");
            if let plimsoll_model::Subject::Package(package) = &mut finding.subject {
                package.source.name = format!("package-{}", number / 6);
            }
            finding
        })
        .collect();
    let (told, run) = told(&report);
    assert_eq!((told.len(), run["results"].as_array().unwrap().len()), (30_000, 5_000));
    let notice = run["invocations"][0]["toolExecutionNotifications"].to_string();
    assert!(
        notice.contains("6,000 findings more than code scanning services take were left out"),
        "{notice}"
    );
    let single = write(&report, Format::SarifFindings, &view(100)).unwrap();
    assert_eq!(single.matches("\"ruleIndex\"").count(), 25_000);
    assert!(single.contains("11,000 findings more than"));
}

/// The folder that `PLIMSOLL_PAGES` names gets the pages, to look at them in a browser.
#[test]
#[expect(clippy::disallowed_methods, reason = "a person asks for the pages by this variable")]
fn html() {
    let shop = ("shop_web", sample::shop_web());
    for (name, report) in each().into_iter().chain([shop]) {
        let text = write(&report, Format::Html, &view(100)).unwrap();
        assert_shows_nothing_hidden(&text);
        assert!(!text.contains("<script"), "{text}");
        if let Ok(folder) = std::env::var("PLIMSOLL_PAGES") {
            std::fs::write(std::path::Path::new(&folder).join(format!("{name}.html")), &text).unwrap();
        }
        // The style sheet has its own file; here only what is made of the report.
        let (before, rest) = text.split_once("<style>").unwrap();
        let (_, after) = rest.split_once("</style>").unwrap();
        insta::assert_snapshot!(format!("html_{name}"), format!("{before}{after}"));
    }
}

/// Removes the escape sequences that we write ourselves.
fn strip(text: &str) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        result.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let end = if rest.starts_with(']') {
            rest.find("\u{1b}\\").unwrap() + 2
        } else {
            rest.find('m').unwrap() + 1
        };
        rest = &rest[end..];
    }
    result.push_str(rest);
    result
}

/// What our own text may hold besides what can be shown: line ends, and nothing else.
pub(crate) fn assert_shows_nothing_hidden(text: &str) {
    let bad = text.chars().find(|character| {
        *character != '\n'
            && plimsoll_format::clean(character.encode_utf8(&mut [0; 4])) != character.to_string()
    });
    assert_eq!(bad, None, "{text:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_finding_stands_in_one_result(report in crate::arbitrary::report()) {
        let mut expected: Vec<String> = report
            .findings
            .iter()
            .map(|finding| plimsoll_format::clean(&finding.advisory).into_owned())
            .collect();
        expected.sort();
        prop_assert_eq!(told(&report).0, expected);
    }

    #[test]
    fn no_report_breaks_the_table(
        report in arbitrary::report(),
        width in 0_usize..130,
        all in any::<bool>(),
        by in proptest::option::of(proptest::sample::select(vec![By::Cve, By::Package, By::Layer, By::Party])),
    ) {
        let view = View { all, by, ..view(width) };
        let text = table(&report, &view);
        assert_shows_nothing_hidden(&text);
        for format in [Format::Markdown, Format::Html, Format::Sarif] {
            let text = write(&report, format, &view).unwrap();
            assert_shows_nothing_hidden(&text);
            prop_assert!(!text.contains("<script"));
            prop_assert_eq!(&text, &write(&report, format, &view).unwrap());
        }
        let summary = Summary::new(&report, &view);
        // Every finding is counted exactly once.
        let counted: usize = summary.rows.iter().map(|row| row.removes + row.waiting).sum();
        prop_assert_eq!(counted, report.findings.len());
        let active = summary.classes.iter().filter(|class| class.is_active()).count();
        let (ours, others) = summary.line();
        prop_assert_eq!(ours + others, active);
    }
}
