//! Whose move, and which, as far as the advisory alone tells. Who owns the layer may overrule it later.

use std::collections::HashMap;

use plimsoll_model::{Finding, FindingKind, FixStatus, Package, Party, Release, Remedy};

/// How many packages a command names.
const NAMED: usize = 12;

/// Fills in party and remedy. `packages` by their package URL.
pub(crate) fn fill(finding: &mut Finding, packages: &HashMap<String, &Package>, release: Option<&Release>) {
    let distribution = finding.subject.is_distribution();
    let name = finding.subject.name().into_owned();
    let place =
        release.and_then(Release::distribution).map_or("the distribution", |distribution| distribution.name);
    let affected: Vec<&Package> =
        finding.subject.packages().iter().filter_map(|purl| packages.get(purl).copied()).collect();
    let location = affected.iter().flat_map(|package| &package.locations).min().cloned();
    if let Some(suppression) = &finding.suppressed_by
        && finding.status != FixStatus::Fixed
    {
        finding.party = Party::Nobody(suppression.reason.clone());
        finding.remedy = Remedy { action: "nothing to do".into(), command: None, location };
        return;
    }
    finding.party = match (distribution, &finding.fixed_version) {
        (true, None) => Party::Distribution(place.to_owned()),
        (true, Some(_)) => Party::BaseImage(None),
        (false, _) => Party::Application(None),
    };
    let (action, command) = match (&finding.fixed_version, finding.kind) {
        (Some(version), FindingKind::Malware) => {
            (format!("replace {name} by {version}, and treat every place where it ran as compromised"), None)
        }
        (None, FindingKind::Malware) => {
            (format!("remove {name}, and treat every place where it ran as compromised"), None)
        }
        (Some(version), _) => (format!("upgrade {name} to {version}"), command(finding, &affected, version)),
        (None, FindingKind::Informational) => (format!("replace {name}, or accept it with a reason"), None),
        (None, _) if distribution => {
            let action = match finding.status {
                FixStatus::WillNotFix => {
                    format!("{place} will not fix {name}: remove it, or accept it with a reason")
                }
                FixStatus::EndOfLife => format!("{place} no longer supports {name}: move to a newer release"),
                FixStatus::FixDeferred => format!("wait for {place}: the fix of {name} is put off"),
                FixStatus::UnderInvestigation => format!("wait for {place}: {name} is being looked at"),
                _ => format!("wait for {place} to fix {name}"),
            };
            (action, None)
        }
        (None, _) => (format!("no fixed version of {name} is known: remove or replace it"), None),
    };
    finding.remedy = Remedy { action, command, location };
}

fn is_plain(text: &str) -> bool {
    // A hostile name must not become a command that somebody pastes into a shell.
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+:@/".contains(&byte))
        && !text.starts_with('-')
}

fn command(finding: &Finding, affected: &[&Package], version: &str) -> Option<String> {
    let subject = finding.subject.as_package()?;
    let template = subject.ecosystem.row().upgrade;
    if template.is_empty() {
        return None;
    }
    let mut names: Vec<&str> = if subject.ecosystem.is_distribution() {
        affected.iter().map(|package| package.name.as_str()).collect()
    } else {
        vec![&subject.source.name]
    };
    names.sort_unstable();
    names.dedup();
    names.truncate(NAMED);
    let version = version.strip_prefix('v').unwrap_or(version);
    if names.is_empty() || !names.iter().all(|name| is_plain(name)) || !is_plain(version) {
        return None;
    }
    Some(template.replace("VERSION", version).replace("NAME", &names.join(" ")))
}
