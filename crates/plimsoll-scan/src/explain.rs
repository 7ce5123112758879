//! `explain`: everything known of one advisory, offline, in words.

use std::fmt::Write as _;

use plimsoll_advisory::incidents::{Incident, Incidents};
use plimsoll_advisory::record::Kind;
use plimsoll_advisory::{AdvisoryDetail, Database, Error, PackageDetail, Source as _, kind_word};
use plimsoll_model::work::Work;
use plimsoll_model::{FindingKind, FixStatus, Level, Risk};

use crate::models;

/// Entries that are listed for one record; the rest is counted.
const PACKAGES: usize = 12;

/// What a rule of ours looks for, why, and how to fix it, by its id or by the id that another tool gives it; `None` when it is
/// no rule's.
pub fn explain_rule(id: &str) -> Option<String> {
    if let Some(text) = crate::licenses::explain(&id.to_ascii_lowercase()) {
        return Some(text);
    }
    if id.eq_ignore_ascii_case(models::RULE) {
        return Some(models::EXPLAINED.to_owned());
    }
    let own = plimsoll_posture::find(&id.to_ascii_lowercase());
    let rules: Vec<_> = own.map_or_else(|| plimsoll_posture::known_as(id).collect(), |rule| vec![rule]);
    let texts: Vec<String> = rules.into_iter().map(plimsoll_posture::text).collect();
    (!texts.is_empty()).then(|| texts.join("\n"))
}

/// What is known of the advisory `id`, for people; `None` when nothing is. With the package URL of a finding, that
/// package's entries come first.
///
/// # Errors
/// When the database or the incident pack is damaged.
pub fn explain(id: &str, purl: Option<&str>, database: Option<&Database>) -> Result<Option<String>, Error> {
    let incidents = Incidents::embedded()?;
    // Ids are written in capitals, and typed as it comes.
    let upper = id.to_ascii_uppercase();
    let known = incidents.by_id(id);
    let incidents = if known.is_empty() { incidents.by_id(&upper) } else { known };
    let detail = match database {
        Some(database) => database.explain(id)?,
        None => None,
    };
    if detail.is_none() && incidents.is_empty() {
        return Ok(None);
    }
    let mut text = String::new();
    let id = detail.as_ref().map_or(id, |detail| &detail.id);
    let _ = writeln!(text, "{id}");
    if let Some(detail) = &detail {
        head(&mut text, detail);
    }
    let malware =
        |detail: &AdvisoryDetail| detail.records.iter().any(|record| record.record.kind == Kind::Malware);
    if let Some((detail, database)) = detail.as_ref().zip(database).filter(|(detail, _)| !malware(detail)) {
        points(&mut text, detail, &database.info().date);
    }
    for incident in incidents {
        self::incident(&mut text, incident);
    }
    let wanted = purl.and_then(|purl| plimsoll_model::purl::Purl::parse(purl).ok());
    let wanted = wanted.as_ref().map(plimsoll_model::purl::Purl::name);
    for record in detail.iter().flat_map(|detail| &detail.records) {
        let date = if record.record.modified.is_empty() {
            &record.record.published
        } else {
            &record.record.modified
        };
        let date = date.get(..10).unwrap_or(date);
        let kind = kind_word(&record.record.kind);
        let rating =
            if record.severity.level == Level::Unknown { "not rated" } else { record.severity.level.word() };
        let _ = writeln!(text, "\n{} {}   {kind}, {rating}   {date}", record.source, record.record.id);
        if let Some(withdrawn) = &record.record.withdrawn {
            let _ =
                writeln!(text, "  withdrawn {}: matches nothing", withdrawn.get(..10).unwrap_or(withdrawn));
        }
        if !record.record.title.is_empty() {
            let _ = writeln!(text, "  {}", record.record.title);
        }
        let mut packages: Vec<&PackageDetail> = record.packages.iter().collect();
        packages.sort_by_key(|package| Some(package.name.as_str()) != wanted);
        for package in packages.iter().take(PACKAGES) {
            self::package(&mut text, package);
        }
        if packages.len() > PACKAGES {
            let _ = writeln!(text, "  and {} more entries", packages.len() - PACKAGES);
        }
        for reference in record.record.references.iter().take(3) {
            let _ = writeln!(text, "  {reference}");
        }
    }
    if detail.as_ref().is_some_and(|detail| detail.cut_off) {
        text.push_str("\nmore records name this id than are shown\n");
    }
    if database.is_none() {
        text.push_str(
            "\nonly the incident pack was asked; with a database (`plimsoll db update`) there is more\n",
        );
    }
    Ok(Some(plimsoll_format::clean_lines(&text)))
}

fn head(text: &mut String, detail: &AdvisoryDetail) {
    if !detail.aliases.is_empty() {
        const SHOWN: usize = 12;
        let more = detail.aliases.len().saturating_sub(SHOWN);
        let list = detail.aliases.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let _ = writeln!(text, "also {list}{more}");
    }
    for (id, cve) in &detail.cves {
        if let Some(kev) = &cve.kev {
            let ransomware = if kev.ransomware { ", also by ransomware" } else { "" };
            let _ = writeln!(
                text,
                "{id} is known to be exploited{ransomware}: listed {}, due {}",
                kev.added, kev.due
            );
        }
        if let Some(epss) = &cve.epss {
            let percent = |parts: u32| format!("{}.{:02} %", parts / 1000, parts % 1000 / 10);
            let _ = writeln!(
                text,
                "{id} is exploited within 30 days with probability {} (above {} of all; EPSS of {})",
                percent(epss.probability),
                percent(epss.percentile),
                epss.date
            );
        }
        for (source, facts) in &cve.facts {
            if facts.rejected {
                let _ = writeln!(text, "{id} was rejected: the id names no flaw ({source})");
            }
            if !facts.title.is_empty() {
                let _ = writeln!(text, "{}", facts.title);
            }
            for rating in &facts.ratings {
                let _ = writeln!(text, "{} ({} of {source})", rating.value, rating.source);
            }
        }
    }
}

/// What it weighs in the order of work, as far as that does not depend on where it is found.
fn points(text: &mut String, detail: &AdvisoryDetail, date: &str) {
    let level = detail.records.iter().map(|record| record.severity.level).max().unwrap_or_default();
    let published = detail.records.iter().filter_map(|record| record.record.published.get(..10)).min();
    let cves = || detail.cves.iter().map(|(_, cve)| cve);
    let risk = Risk {
        kev: cves().find_map(|cve| cve.kev.clone()),
        epss: cves().filter_map(|cve| cve.epss.clone()).max_by_key(|epss| epss.probability),
        published: published.map(str::to_owned),
        ..Risk::default()
    };
    let work = Work::points(FindingKind::Vulnerability, level, &risk, date);
    let _ =
        writeln!(text, "points in the order of work: {} (in a target also: fixable, in use)", work.told());
}

fn incident(text: &mut String, incident: &Incident) {
    let checked = if incident.checked { "" } else { "   not checked against a feed" };
    let _ = writeln!(text, "\nincident pack {}   {}{checked}", incident.record.id, incident.record.published);
    let _ = writeln!(text, "  {}", incident.record.title);
    for line in incident.what.trim().lines() {
        let _ = writeln!(text, "  {line}");
    }
    for entry in &incident.record.affected {
        self::package(text, &plimsoll_advisory::package_detail(entry));
    }
    for reference in &incident.record.references {
        let _ = writeln!(text, "  {reference}");
    }
}

fn package(text: &mut String, package: &PackageDetail) {
    let status = match package.status {
        FixStatus::Affected | FixStatus::Fixed => String::new(),
        FixStatus::NotAffected => "not affected".to_owned(),
        FixStatus::UnderInvestigation => "under investigation".to_owned(),
        FixStatus::WillNotFix => "will not be fixed".to_owned(),
        FixStatus::FixDeferred => "the fix is put off".to_owned(),
        FixStatus::EndOfLife => "no longer supported".to_owned(),
        FixStatus::Unknown => "status in words that we do not know".to_owned(),
    };
    let fixed = if package.fixed.is_empty() {
        String::new()
    } else {
        format!("fixed in {}", package.fixed.join(", "))
    };
    let range = if package.range.is_empty() { "all versions" } else { &package.range };
    let words: Vec<&str> =
        [range, &fixed, &status, &package.note].into_iter().filter(|word| !word.is_empty()).collect();
    let _ = writeln!(text, "  {} {}: {}", package.place, package.name, words.join("; "));
}
