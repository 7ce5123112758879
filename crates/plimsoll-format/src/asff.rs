//! Findings as AWS Security Hub takes them (AWS Security Finding Format, schema 2018-10-08; API
//! `BatchImportFindings`).
//!
//! Security Hub keeps what it was sent under the id of each finding: what does not count any more is written as archived, so
//! that the next import closes it. It has no place for what could not be read: that stays in the report.

use plimsoll_model::{Digest, Finding, FindingKind, Level, Report, TargetKind};
use serde_json::{Map, Value, json};

use crate::summary::{self, Summary};
use crate::text::{advisory_link, clean};
use crate::{Error, View, stamp};

/// Whose findings these are, as the environment says. A finding belongs to an account and a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsAccount {
    /// Number of the account, 12 digits (`AWS_ACCOUNT_ID`).
    pub id: String,
    /// Region (`AWS_REGION`, `AWS_DEFAULT_REGION`).
    pub region: String,
}

impl AwsAccount {
    /// The partition that a region is in.
    fn partition(&self) -> &'static str {
        if self.region.starts_with("cn-") {
            "aws-cn"
        } else if self.region.starts_with("us-gov-") {
            "aws-us-gov"
        } else {
            "aws"
        }
    }
}

/// Characters of a title, a description, a recommendation, an id, and of other texts.
const LONGEST_TITLE: usize = 256;
const LONGEST_DESCRIPTION: usize = 1_024;
const LONGEST_RECOMMENDATION: usize = 512;
const LONGEST_ID: usize = 512;
const LONGEST_TEXT: usize = 2_048;

/// Writes `{"Findings": [...]}`, in the order of work. Without [`View::aws`] the members `AwsAccountId`, `ProductArn` and
/// `Region` are left out; AWS wants them.
pub(crate) fn write(report: &Report, view: &View) -> Result<String, Error> {
    let summary = Summary::new(report, &View::default());
    let findings: Vec<Value> = report
        .findings
        .iter()
        .enumerate()
        .map(|(index, one)| finding(&summary, one, summary.classes[index].is_active(), view))
        .collect();
    Ok(crate::text::json(&json!({ "Findings": findings }))?)
}

fn short(text: &str, limit: usize) -> String {
    let text = clean(text);
    if text.chars().count() <= limit {
        return text.into_owned();
    }
    text.chars().take(limit - 1).chain(['…']).collect()
}

/// The label, and the word where AWS has none for it. It says of `INFORMATIONAL` that no issue was found: an unknown severity
/// is not that.
fn severity(level: Level) -> Value {
    let label = match level {
        Level::Critical => "CRITICAL",
        Level::High => "HIGH",
        Level::Medium | Level::Unknown => "MEDIUM",
        Level::Low | Level::Negligible => "LOW",
    };
    json!({ "Label": label, "Original": level.word() })
}

fn kind(finding: &Finding) -> &'static str {
    match finding.kind {
        FindingKind::Vulnerability => "Software and Configuration Checks/Vulnerabilities/CVE",
        FindingKind::Malware => "TTPs/Initial Access",
        FindingKind::Secret => "Sensitive Data Identifications/Passwords",
        FindingKind::EndOfLife | FindingKind::Informational => "Software and Configuration Checks/Software",
        FindingKind::Misconfiguration => "Software and Configuration Checks/Vulnerabilities",
        FindingKind::License => "Software and Configuration Checks/Policy",
    }
}

fn finding(summary: &Summary<'_>, finding: &Finding, active: bool, view: &View) -> Value {
    let report = summary.report;
    let target = &report.target;
    let of_target = target.digest.as_ref().map_or_else(|| stamp::name(target).to_owned(), Digest::to_string);
    let time = stamp::of_run(report);
    let severity = severity(finding.severity.level);
    let types = [kind(finding)];
    let title = if finding.title.is_empty() {
        format!("{} in {}", finding.advisory, finding.subject.name())
    } else {
        format!("{} in {}: {}", finding.advisory, finding.subject.name(), finding.title)
    };
    let description = format!(
        "{}: {} in {} ({}). Whose move: {}.",
        finding.advisory,
        summary::severity(finding),
        summary::subject(finding),
        summary::fix(finding),
        finding.party.word(),
    );
    let mut result = Map::new();
    let mut put = |name: &str, value: Value| result.insert(name.to_owned(), value);
    put("SchemaVersion", json!("2018-10-08"));
    put("Id", json!(short(&format!("plimsoll/{of_target}/{}", finding.id), LONGEST_ID)));
    if let Some(account) = &view.aws {
        let AwsAccount { id, region } = account;
        let product = format!("arn:{}:securityhub:{region}:{id}:product/{id}/default", account.partition());
        put("ProductArn", json!(product));
        put("AwsAccountId", json!(id));
        put("Region", json!(region));
    }
    put("GeneratorId", json!(short(&format!("plimsoll/{}", finding.advisory), LONGEST_ID)));
    put("Types", json!(types));
    put("CreatedAt", json!(time));
    // An import that is not newer than what is there changes nothing there.
    let updated = view.now.and_then(|now| stamp::timestamp(Some(&now.to_string())));
    put("UpdatedAt", json!(updated.unwrap_or_else(|| time.clone())));
    put("Severity", severity.clone());
    put("FindingProviderFields", json!({ "Severity": severity, "Types": types }));
    put("Title", json!(short(&title, LONGEST_TITLE)));
    put("Description", json!(short(&description, LONGEST_DESCRIPTION)));
    let link = advisory_link(&finding.advisory);
    if !finding.remedy.action.is_empty() {
        let mut recommendation = json!({ "Text": short(&finding.remedy.action, LONGEST_RECOMMENDATION) });
        if let Some(link) = &link {
            recommendation["Url"] = json!(link);
        }
        put("Remediation", json!({ "Recommendation": recommendation }));
    }
    put("ProductFields", product_fields(summary, finding));
    put("Resources", json!([resource(report, view)]));
    if finding.kind == FindingKind::Vulnerability {
        put("Vulnerabilities", json!([vulnerability(summary, finding, link.as_deref())]));
    }
    put("RecordState", json!(if active { "ACTIVE" } else { "ARCHIVED" }));
    Value::Object(result)
}

fn product_fields(summary: &Summary<'_>, finding: &Finding) -> Value {
    let mut fields = Map::new();
    let mut put = |name: &str, text: &str| {
        if !text.is_empty() {
            fields.insert(format!("plimsoll/{name}"), json!(short(text, LONGEST_TEXT)));
        }
    };
    put("kind", finding.kind.word());
    put("target", stamp::name(&summary.report.target));
    put("whoseMove", finding.party.word());
    put("aliases", &finding.aliases.join(" "));
    put("packages", &finding.subject.packages().join(" "));
    put("command", finding.remedy.command.as_deref().unwrap_or_default());
    if let Some(place) = summary.place(finding) {
        put("path", &summary::place(place));
    }
    if let Some(kev) = &finding.risk.kev {
        put("knownExploitedSince", &kev.added);
    }
    if let Some(one) = &finding.suppressed_by {
        put("notCountedBy", &format!("{} ({}): {}", one.by, one.source, one.reason));
    }
    Value::Object(fields)
}

fn resource(report: &Report, view: &View) -> Value {
    let target = &report.target;
    let name = stamp::name(target);
    let id = if name.is_empty() { "unnamed" } else { name };
    let mut resource = json!({ "Id": short(id, LONGEST_ID) });
    resource["Type"] = json!(if target.kind == TargetKind::Image { "Container" } else { "Other" });
    if let Some(account) = &view.aws {
        resource["Partition"] = json!(account.partition());
        resource["Region"] = json!(account.region);
    }
    if target.kind == TargetKind::Image {
        let mut container = json!({ "ImageName": short(id, LONGEST_TEXT) });
        if let Some(digest) = target.digest.as_ref().or(target.image_id.as_ref()) {
            container["ImageId"] = json!(digest.to_string());
        }
        resource["Details"] = json!({ "Container": container });
    }
    resource
}

fn vulnerability(summary: &Summary<'_>, finding: &Finding, link: Option<&str>) -> Value {
    let id = std::iter::once(&finding.advisory)
        .chain(&finding.aliases)
        .find(|id| id.starts_with("CVE-"))
        .unwrap_or(&finding.advisory);
    let related: Vec<&String> =
        std::iter::once(&finding.advisory).chain(&finding.aliases).filter(|other| *other != id).collect();
    let packages: Vec<Value> = finding
        .subject
        .packages()
        .iter()
        .filter_map(|purl| summary.package(purl))
        .map(|package| {
            let mut told = json!({
                "Name": short(&package.name, LONGEST_TEXT),
                "Version": short(&package.version, LONGEST_TEXT),
                "PackageManager": package.ecosystem.name(),
            });
            if let Some(architecture) = package.architecture.as_ref().filter(|text| !text.is_empty()) {
                told["Architecture"] = json!(architecture);
            }
            if let Some(fixed) = &finding.fixed_version {
                told["FixedInVersion"] = json!(short(fixed, LONGEST_TEXT));
            }
            let location = package.locations.first();
            let path = location.map(|location| location.path.to_string()).filter(|path| !path.is_empty());
            if let Some(path) = path {
                told["FilePath"] = json!(short(&path, LONGEST_TEXT));
            }
            let layer = location.and_then(|location| location.layer).and_then(|layer| {
                summary.report.target.layers.iter().find(|one| one.index == layer)?.diff_id.as_ref()
            });
            if let Some(layer) = layer {
                told["SourceLayerHash"] = json!(layer.to_string());
            }
            told
        })
        .collect();
    let mut told = json!({
        "Id": short(id, LONGEST_ID),
        "FixAvailable": if finding.risk.fixable { "YES" } else { "NO" },
        "VulnerablePackages": packages,
    });
    if !related.is_empty() {
        told["RelatedVulnerabilities"] = json!(related);
    }
    if let Some(tenths) = finding.severity.score_tenths {
        let mut score = json!({ "BaseScore": f64::from(tenths) / 10.0 });
        if let Some(vector) = &finding.severity.vector {
            score["BaseVector"] = json!(vector);
        }
        score["Source"] = json!(finding.severity.source);
        told["Cvss"] = json!([score]);
    }
    if let Some(epss) = &finding.risk.epss {
        told["EpssScore"] = json!(f64::from(epss.probability) / 100_000.0);
    }
    if finding.risk.kev.is_some() {
        told["ExploitAvailable"] = json!("YES");
    }
    if let Some(evidence) = finding.evidence.first() {
        told["Vendor"] = json!({ "Name": evidence.source });
    }
    if let Some(link) = link {
        told["ReferenceUrls"] = json!([link]);
    }
    told
}
