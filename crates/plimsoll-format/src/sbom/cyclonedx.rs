//! CycloneDX (ECMA-424): 1.5 to 1.7 are written as JSON, 1.6 also as XML through [`super::xml_writer`]; 1.2 to 1.7 are read
//! as JSON and, through [`super::xml`], as XML.
//!
//! Written documents hold nothing random and no clock: the serial number is made of the content, the timestamp is the
//! target's own.

use std::collections::{HashMap, HashSet};

use plimsoll_model::license::Declared;
use plimsoll_model::{
    Ecosystem, Effect, Finding, FindingKind, FixStatus, Level, Package, Release, Report, Scope, Target,
    TargetKind,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::facts::{self, Facts, Native};
use super::foreign::{Collector, Draft};
use super::{Error, SbomDocument};
use crate::stamp;
use crate::stated::{self, Stated};

/// Versions of the specification that are read.
pub(super) const VERSIONS: [&str; 6] = ["1.2", "1.3", "1.4", "1.5", "1.6", "1.7"];

/// Component types up to 1.7 (`bom-1.7.schema.json`, `#/definitions/component`).
const TYPES: [&str; 13] = [
    "application",
    "framework",
    "library",
    "container",
    "platform",
    "operating-system",
    "device",
    "device-driver",
    "firmware",
    "file",
    "machine-learning-model",
    "data",
    "cryptographic-asset",
];

/// A document, as far as it is read or written.
#[expect(clippy::struct_field_names, reason = "fields are named as the specification names them")]
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Bom {
    #[serde(rename = "$schema", skip_serializing_if = "Option::is_none")]
    pub(super) schema: Option<String>,
    #[serde(default)]
    pub(super) bom_format: String,
    #[serde(default)]
    pub(super) spec_version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) serial_number: Option<String>,
    #[serde(default, skip_deserializing)]
    pub(super) version: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) metadata: Option<Metadata>,
    #[serde(default)]
    pub(super) components: Vec<Component>,
    #[serde(default, skip_serializing_if = "Vec::is_empty", skip_deserializing)]
    pub(super) compositions: Vec<Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty", skip_deserializing)]
    pub(super) vulnerabilities: Vec<Value>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) timestamp: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", skip_deserializing)]
    pub(super) tools: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) component: Option<Component>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) properties: Vec<Property>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Component {
    #[serde(rename = "type", default)]
    pub(super) kind: String,
    #[serde(rename = "bom-ref", skip_serializing_if = "Option::is_none")]
    pub(super) bom_ref: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) group: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) scope: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) hashes: Vec<Hash>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) licenses: Vec<LicenseChoice>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) purl: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) evidence: Option<Evidence>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) properties: Vec<Property>,
    /// Parts of the component: components themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) components: Vec<Component>,
}

#[derive(Default, Serialize, Deserialize)]
pub(super) struct Hash {
    #[serde(default)]
    pub(super) alg: String,
    #[serde(default)]
    pub(super) content: String,
}

#[derive(Default, Serialize, Deserialize)]
pub(super) struct LicenseChoice {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) license: Option<License>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expression: Option<String>,
}

#[derive(Default, Serialize, Deserialize)]
pub(super) struct License {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
}

#[derive(Default, Serialize, Deserialize)]
pub(super) struct Evidence {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) occurrences: Vec<Occurrence>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Occurrence {
    #[serde(default)]
    pub(super) location: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) additional_context: Option<String>,
}

#[derive(Default, Serialize, Deserialize)]
pub(super) struct Property {
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) value: Option<String>,
}

// ---------------------------------------------------------------------------------------------------------- writing

/// The version that is written where none is asked for.
pub(crate) const VERSION: &str = "1.6";

/// Writes the inventory of a report and, where there are any, its findings, as JSON.
pub(crate) fn write(report: &Report, version: &str) -> Result<String, crate::Error> {
    Ok(crate::text::json(&made_of(report, version, Purpose::Inventory)?)?)
}

/// As [`write`], as XML.
pub(crate) fn write_xml(report: &Report) -> Result<String, crate::Error> {
    Ok(super::xml_writer::write(&made_of(report, VERSION, Purpose::Inventory)?))
}

/// Writes what is known of the exploitability of each vulnerability found, to be filled in: the packages that are
/// affected, and an analysis for each.
pub(crate) fn write_vex(report: &Report) -> Result<String, crate::Error> {
    Ok(crate::text::json(&made_of(report, VERSION, Purpose::Vex)?)?)
}

/// What a document is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// All packages; findings as they are known.
    Inventory,
    /// Vulnerabilities with an analysis each.
    Vex,
}

fn made_of(report: &Report, version: &str, purpose: Purpose) -> Result<Bom, crate::Error> {
    let target = &report.target;
    let vex = purpose == Purpose::Vex;
    let findings = || {
        report.findings.iter().filter(|finding| match finding.kind {
            FindingKind::Vulnerability | FindingKind::Malware => stated::is_vulnerability(finding),
            FindingKind::Informational => !vex && finding.subject.as_package().is_some(),
            // The standard's `vulnerabilities` are flaws identified in components. A licence stands at its component; a secret, a setting and the end
            // of support are no flaw of one.
            FindingKind::Secret
            | FindingKind::Misconfiguration
            | FindingKind::License
            | FindingKind::EndOfLife => false,
        })
    };
    let spoken_of: HashSet<&str> =
        findings().flat_map(|finding| finding.subject.packages()).map(String::as_str).collect();
    let mut references: HashMap<&str, String> = HashMap::new();
    let mut used: HashSet<String> = [TARGET_REF, RELEASE_REF].map(str::to_owned).into();
    let mut components = Vec::with_capacity(report.packages.len() + 1);
    if let Some(release) = target.release.as_ref().filter(|_| !vex) {
        components.push(operating_system(release));
    }
    for (index, package) in report.packages.iter().enumerate() {
        if vex && !spoken_of.contains(package.purl.as_str()) {
            continue;
        }
        let mut reference = package.purl.clone();
        if reference.is_empty() || !used.insert(reference.clone()) {
            reference = format!("package-{index}");
            used.insert(reference.clone());
        }
        let mut component = component(package, reference.clone());
        if version < "1.6" {
            // Before 1.6 an occurrence is a place and nothing else; the rest stands in our properties.
            for occurrence in component.evidence.iter_mut().flat_map(|evidence| &mut evidence.occurrences) {
                (occurrence.line, occurrence.additional_context) = (None, None);
            }
        }
        components.push(component);
        references.entry(&package.purl).or_insert(reference);
    }
    let facts = if vex { Facts::new() } else { facts::of_document(target, &report.problems)? };
    let digest = target.digest.as_ref().or(target.image_id.as_ref());
    let incomplete = report.problems.iter().any(|problem| problem.effect == Effect::Incomplete);
    let compositions = if incomplete && !vex {
        vec![json!({"aggregate": "incomplete", "assemblies": [TARGET_REF]})]
    } else {
        Vec::new()
    };
    let mut bom = Bom {
        schema: Some(format!("http://cyclonedx.org/schema/bom-{version}.schema.json")),
        bom_format: "CycloneDX".into(),
        spec_version: version.into(),
        serial_number: None,
        version: Some(1),
        metadata: Some(Metadata {
            // A statement has to be younger than those that it answers: it is of the time of the data.
            timestamp: if vex { Some(stamp::of_run(report)) } else { timestamp(target.created.as_deref()) },
            tools: Some(json!({"components": [
                {"type": "application", "name": "plimsoll", "version": report.plimsoll},
            ]})),
            component: Some(Component {
                kind: if target.kind == TargetKind::Image { "container" } else { "application" }.into(),
                bom_ref: Some(TARGET_REF.into()),
                name: Some(target.name.clone()),
                version: digest.map(ToString::to_string),
                purl: stamp::image_purl(target).filter(|_| vex),
                ..Component::default()
            }),
            properties: properties(facts),
        }),
        components,
        compositions,
        vulnerabilities: findings().map(|finding| vulnerability(finding, &references, purpose)).collect(),
    };
    let uuid = super::uuid(&serde_json::to_string(&bom)?);
    bom.serial_number = Some(format!("urn:uuid:{uuid}"));
    Ok(bom)
}

const TARGET_REF: &str = "target";
const RELEASE_REF: &str = "operating-system";

/// A date and time that the schemas accept; `None` for text that is none.
pub(super) fn timestamp(text: Option<&str>) -> Option<String> {
    let time: jiff::Timestamp = text?.parse().ok()?;
    // Documents count in seconds, and years have four digits.
    let time = jiff::Timestamp::from_second(time.as_second()).ok()?.to_string();
    time.starts_with(|first: char| first.is_ascii_digit()).then_some(time)
}

fn properties(facts: Facts) -> Vec<Property> {
    facts.into_iter().map(|(name, value)| Property { name: Some(name), value: Some(value) }).collect()
}

fn operating_system(release: &Release) -> Component {
    Component {
        kind: "operating-system".into(),
        bom_ref: Some(RELEASE_REF.into()),
        name: Some(release.id.clone()),
        version: Some(release.version.clone()),
        description: Some(release.name.clone()),
        properties: properties(facts::of_release(release)),
        ..Component::default()
    }
}

fn component(package: &Package, reference: String) -> Component {
    let (group, name) = split_name(package.ecosystem, &package.name);
    let hash = |digest: &plimsoll_model::Digest| Hash {
        alg: match digest.algorithm() {
            plimsoll_model::Algorithm::Sha1 => "SHA-1",
            plimsoll_model::Algorithm::Sha256 => "SHA-256",
            plimsoll_model::Algorithm::Sha512 => "SHA-512",
        }
        .into(),
        content: digest.hex(),
    };
    let occurrences: Vec<Occurrence> = package
        .locations
        .iter()
        .map(|location| Occurrence {
            location: location.path.to_string(),
            line: location.line,
            additional_context: location.layer.map(|layer| format!("layer {layer}")),
        })
        .collect();
    let (licenses, same) = licenses(package);
    let native = if same { Native::LicensesAndDigests } else { Native::Digests };
    Component {
        kind: "library".into(),
        bom_ref: Some(reference),
        group: group.map(str::to_owned),
        name: Some(name.to_owned()),
        version: Some(package.version.clone()),
        scope: match package.scope {
            Scope::Runtime => None,
            Scope::Development => Some("excluded".into()),
            Scope::Optional => Some("optional".into()),
        },
        hashes: package.digests.iter().map(hash).collect(),
        licenses,
        purl: Some(package.purl.clone()).filter(|purl| !purl.is_empty()),
        evidence: (!occurrences.is_empty()).then_some(Evidence { occurrences }),
        properties: properties(facts::of(package, native)),
        ..Component::default()
    }
}

/// Group and name, as other tools expect them: only where joining them gives the name back.
fn split_name(ecosystem: Ecosystem, name: &str) -> (Option<&str>, &str) {
    let split = match ecosystem {
        Ecosystem::Maven => name.split_once(':'),
        Ecosystem::Npm if name.starts_with('@') => name.split_once('/'),
        _ => None,
    };
    match split {
        Some((group, name)) if !group.is_empty() && !name.is_empty() => (Some(group), name),
        _ => (None, name),
    }
}

fn join_name(ecosystem: Option<Ecosystem>, group: Option<&str>, name: &str) -> String {
    match (group.filter(|group| !group.is_empty()), ecosystem) {
        (None, _) => name.to_owned(),
        (Some(group), Some(Ecosystem::Maven)) => format!("{group}:{name}"),
        (Some(group), _) => format!("{group}/{name}"),
    }
}

/// Licences as an id or an expression where all of them are understood, else one by one: the schema allows an expression only where it stands
/// alone. And whether the declared words can be read from that.
fn licenses(package: &Package) -> (Vec<LicenseChoice>, bool) {
    let id = |license: &str| spdx::license_id(license).is_some_and(|id| id.name == license);
    let one = |license: String| {
        let (id, name) = if id(&license) { (Some(license), None) } else { (None, Some(license)) };
        LicenseChoice { license: Some(License { id, name }), expression: None }
    };
    let declared = Declared::all(&package.licenses, package.ecosystem.licenses_are_a_choice());
    if declared.is_empty() || !declared.unknown().is_empty() {
        let words = |license: &String| {
            let declared = Declared::read(license).to_string();
            one(if id(&declared) { declared } else { license.clone() })
        };
        let same = package.licenses.iter().all(|license| !license.is_empty());
        let choices: Vec<LicenseChoice> = package.licenses.iter().map(words).collect();
        let same = same
            && choices.iter().zip(&package.licenses).all(|(choice, license)| {
                choice
                    .license
                    .as_ref()
                    .is_some_and(|choice| choice.id.as_ref().or(choice.name.as_ref()) == Some(license))
            });
        return (choices, same);
    }
    let expression = declared.to_string();
    let same = matches!(package.licenses.as_slice(), [only] if *only == expression);
    if id(&expression) {
        return (vec![one(expression)], same);
    }
    (vec![LicenseChoice { license: None, expression: Some(expression) }], same)
}

fn vulnerability(finding: &Finding, references: &HashMap<&str, String>, purpose: Purpose) -> Value {
    let source = |id: &str| {
        let mut source = serde_json::Map::new();
        let name = finding.evidence.first().map_or("advisory", |evidence| evidence.source.as_str());
        source.insert("name".into(), json!(name));
        if let Some(link) = crate::text::advisory_link(id) {
            source.insert("url".into(), json!(link));
        }
        Value::Object(source)
    };
    let mut result = serde_json::Map::new();
    let mut put = |name: &str, value: Value| result.insert(name.to_owned(), value);
    put("bom-ref", json!(format!("finding/{}", finding.id)));
    put("id", json!(finding.advisory));
    put("source", source(&finding.advisory));
    let aliases: Vec<Value> =
        finding.aliases.iter().map(|alias| json!({"id": alias, "source": source(alias)})).collect();
    if !aliases.is_empty() {
        put("references", Value::Array(aliases));
    }
    let mut rating = serde_json::Map::new();
    if !finding.severity.source.is_empty() {
        rating.insert("source".into(), json!({"name": finding.severity.source}));
    }
    if let Some(tenths) = finding.severity.score_tenths {
        rating.insert("score".into(), json!(f64::from(tenths) / 10.0));
    }
    let severity = match finding.severity.level {
        Level::Critical => "critical",
        Level::High => "high",
        Level::Medium => "medium",
        Level::Low => "low",
        Level::Negligible => "info",
        Level::Unknown => "unknown",
    };
    rating.insert("severity".into(), json!(severity));
    if let Some(vector) = &finding.severity.vector {
        let method = match vector.get(..9) {
            Some("CVSS:4.0/") => "CVSSv4",
            Some("CVSS:3.1/") => "CVSSv31",
            Some("CVSS:3.0/") => "CVSSv3",
            _ if vector.starts_with("AV:") => "CVSSv2",
            _ => "other",
        };
        rating.insert("method".into(), json!(method));
        rating.insert("vector".into(), json!(vector));
    }
    put("ratings", Value::Array(vec![Value::Object(rating)]));
    if !finding.title.is_empty() {
        put("description", json!(finding.title));
    }
    if !finding.remedy.action.is_empty() {
        put("recommendation", json!(finding.remedy.action));
    }
    if let Some(analysis) = analysis(finding, purpose) {
        put("analysis", analysis);
    }
    let mut affects: Vec<&String> =
        finding.subject.packages().iter().filter_map(|purl| references.get(purl.as_str())).collect();
    affects.sort();
    affects.dedup();
    if !affects.is_empty() {
        put("affects", affects.iter().map(|reference| json!({"ref": reference})).collect());
    }
    let mut facts = vec![("plimsoll:party".to_owned(), finding.party.word().to_owned())];
    if let Some(fixed) = &finding.fixed_version {
        facts.push(("plimsoll:fixedVersion".to_owned(), fixed.clone()));
    }
    if let Some(kev) = &finding.risk.kev {
        facts.push(("plimsoll:kev:added".to_owned(), kev.added.clone()));
    }
    put("properties", json!(properties(facts)));
    Value::Object(result)
}

/// What is known of exploitability here: from a VEX statement, an exception, or the source itself. A draft says of
/// everything else that it is to be answered.
fn analysis(finding: &Finding, purpose: Purpose) -> Option<Value> {
    Some(match stated::of(finding) {
        Stated::NotAffected { justification, impact } => {
            // Justifications of OpenVEX and CSAF in CycloneDX's words.
            let justification = match justification {
                Some("component_not_present" | "vulnerable_code_not_present") => Some("code_not_present"),
                Some("vulnerable_code_not_in_execute_path") => Some("code_not_reachable"),
                Some("vulnerable_code_cannot_be_controlled_by_adversary") => Some("requires_environment"),
                Some("inline_mitigations_already_exist") => Some("protected_by_mitigating_control"),
                _ => None,
            };
            match justification {
                Some(word) => json!({"state": "not_affected", "justification": word, "detail": impact}),
                None => json!({"state": "not_affected", "detail": impact}),
            }
        }
        Stated::Fixed(detail) => json!({"state": "resolved", "detail": detail}),
        Stated::Affected(detail) => {
            json!({"state": "exploitable", "response": ["will_not_fix"], "detail": detail})
        }
        Stated::Open(detail) if purpose == Purpose::Vex => json!({"state": "in_triage", "detail": detail}),
        Stated::Open(_) if finding.status == FixStatus::UnderInvestigation => json!({"state": "in_triage"}),
        Stated::Open(_) => return None,
    })
}

// ---------------------------------------------------------------------------------------------------------- reading

/// Reads the JSON form.
pub(super) fn read(text: &str) -> Result<SbomDocument, Error> {
    let broken = |detail: String| Error::Broken { form: "CycloneDX", detail };
    let bom: Bom = serde_json::from_str(text).map_err(|error| broken(error.to_string()))?;
    if bom.bom_format != "CycloneDX" {
        return Err(broken("`bomFormat` is not \"CycloneDX\"".into()));
    }
    understand(bom, "JSON")
}

/// Makes an inventory of a document, whatever its syntax was.
pub(super) fn understand(bom: Bom, syntax: &str) -> Result<SbomDocument, Error> {
    if !VERSIONS.contains(&bom.spec_version.as_str()) {
        let version: String = bom.spec_version.chars().take(20).collect();
        return Err(Error::Unsupported { form: format!("CycloneDX {}", crate::text::clean(&version)) });
    }
    let form = format!("CycloneDX {} ({syntax})", bom.spec_version);
    let mut collector = Collector::default();
    let metadata = bom.metadata.unwrap_or_default();
    let mut target = foreign_target(&mut collector, &metadata);
    let document = take_properties(&mut collector, "metadata", metadata.properties);
    facts::take_document(&document, &mut target, &mut collector.problems);
    collector.layers(&target.layers);

    let mut references: HashSet<String> = HashSet::new();
    // Parts of the described thing itself are parts of the document.
    let mut waiting: Vec<Component> =
        metadata.component.map(|component| component.components).unwrap_or_default();
    waiting.extend(bom.components);
    waiting.reverse();
    while let Some(mut component) = waiting.pop() {
        let parts = std::mem::take(&mut component.components);
        waiting.extend(parts.into_iter().rev());
        take_component(&mut collector, component, &mut references);
    }
    Ok(collector.finish(form, target))
}

/// What a document of another tool says of the thing it describes.
fn foreign_target(collector: &mut Collector, metadata: &Metadata) -> Target {
    let mut target = Target {
        kind: TargetKind::Sbom,
        name: String::new(),
        reference: None,
        digest: None,
        image_id: None,
        platform: None,
        created: None,
        release: None,
        layers: Vec::new(),
        base: None,
        files: None,
        origin: None,
        git: None,
    };
    if let Some(timestamp) = &metadata.timestamp
        && timestamp.parse::<jiff::Timestamp>().is_err()
    {
        collector.odd("metadata", "`timestamp` is no date and time");
    }
    let Some(component) = &metadata.component else { return target };
    target.name = join_name(None, component.group.as_deref(), component.name.as_deref().unwrap_or_default());
    let version = component.version.as_deref().unwrap_or_default();
    let purl = component.purl.as_deref().unwrap_or_default();
    target.digest = version.parse().ok().or_else(|| {
        let purl = plimsoll_model::purl::Purl::parse_lenient(purl).ok()?;
        purl.version()?.parse().ok()
    });
    for property in &component.properties {
        let (Some(name), Some(value)) = (&property.name, &property.value) else { continue };
        match name.as_str() {
            "aquasecurity:trivy:ImageID" => target.image_id = value.parse().ok(),
            "aquasecurity:trivy:DiffID" => {
                if let (Ok(digest), Ok(index)) = (value.parse(), u32::try_from(target.layers.len() + 1)) {
                    target.layers.push(plimsoll_model::Layer {
                        index,
                        digest: None,
                        diff_id: Some(digest),
                        size: 0,
                        created_by: None,
                        from_base: false,
                    });
                }
            }
            "aquasecurity:trivy:Reference" | "aquasecurity:trivy:RepoTag" if target.reference.is_none() => {
                target.reference = Some(value.clone());
            }
            _ => {}
        }
    }
    target
}

/// Properties with a name; one without is broken, because what it says is lost.
fn take_properties(collector: &mut Collector, subject: &str, properties: Vec<Property>) -> Facts {
    let mut facts = Facts::new();
    let mut nameless = 0_usize;
    for property in properties {
        match property.name.filter(|name| !name.is_empty()) {
            Some(name) => facts.push((name, property.value.unwrap_or_default())),
            None => nameless += 1,
        }
    }
    if nameless > 0 {
        collector.broken(
            subject,
            format!("{} without a name", crate::text::count(nameless, "property", "properties")),
        );
    }
    facts
}

fn take_component(collector: &mut Collector, component: Component, references: &mut HashSet<String>) {
    let ecosystem = component
        .purl
        .as_deref()
        .and_then(|purl| purl.strip_prefix("pkg:"))
        .and_then(|rest| rest.split('/').next())
        .and_then(Ecosystem::from_purl_type);
    let subject = component.purl.clone().or_else(|| component.name.clone()).unwrap_or_default();
    let Some(name) = component.name else {
        collector.broken(&subject, "a component has no name");
        return;
    };
    if let Some(reference) = component.bom_ref {
        if reference.is_empty() {
            collector.broken(&subject, "`bom-ref` is empty");
        } else if !references.insert(reference) {
            collector.broken(&subject, "`bom-ref` is not unique");
        }
    }
    if !TYPES.contains(&component.kind.as_str()) {
        collector.broken(&subject, "the component's type is missing or unknown");
    }
    let facts = take_properties(collector, &subject, component.properties);
    if component.kind == "operating-system" && component.purl.is_none() {
        collector.operating_system(&name, component.version.as_deref().unwrap_or_default(), &facts);
        return;
    }
    let purl = component
        .purl
        .or_else(|| facts.iter().find(|(name, _)| name == facts::PURL).map(|(_, purl)| purl.clone()));
    let is_package = matches!(component.kind.as_str(), "application" | "framework" | "library" | "platform");
    let ours = facts.iter().find(|(name, _)| name == "plimsoll:ecosystem");
    let ecosystem = ours.and_then(|(_, name)| Ecosystem::from_purl_type(name)).or(ecosystem);
    let draft = Draft {
        name: join_name(ecosystem, component.group.as_deref(), &name),
        version: component.version,
        purl,
        facts,
        is_package,
    };
    let written_by_us = ours_wrote(&draft.facts);
    let Some(mut package) = collector.package(draft) else { return };
    if !written_by_us {
        match component.scope.as_deref() {
            None | Some("required") => {}
            Some("excluded") => package.scope = Scope::Development,
            Some("optional") => package.scope = Scope::Optional,
            Some(_) => collector.broken(&subject, "the component's scope is unknown"),
        }
        if package.locations.is_empty() {
            let occurrences = component.evidence.map(|evidence| evidence.occurrences).unwrap_or_default();
            for occurrence in occurrences.iter().filter(|occurrence| !occurrence.location.is_empty()) {
                package.locations.push(plimsoll_model::Location {
                    path: occurrence.location.as_str().into(),
                    layer: None,
                    line: occurrence.line,
                    column: None,
                });
            }
            package.locations.sort();
            package.locations.dedup();
        }
    }
    for hash in &component.hashes {
        match facts::digest(&hash.alg, &hash.content) {
            Ok(digest) => package.digests.extend(digest),
            Err(detail) => collector.broken(&subject, detail),
        }
    }
    let expressions = component.licenses.iter().filter(|choice| choice.expression.is_some()).count();
    if expressions > 0 && component.licenses.len() > 1 {
        collector.odd(&subject, "a licence expression stands beside other licences");
    }
    // The words as they were declared stand among our own facts where the standard's form has lost them.
    let told = written_by_us && !package.licenses.is_empty();
    for choice in component.licenses.into_iter().filter(|_| !told) {
        match (choice.license, choice.expression) {
            (Some(License { id: Some(id), name: None }), None) => {
                if !written_by_us && spdx::license_id(&id).is_none() {
                    collector
                        .odd(&subject, format!("`{}` is not the id of a licence", crate::text::clean(&id)));
                }
                package.licenses.push(id);
            }
            (Some(License { id: None, name: Some(name) }), None) | (None, Some(name)) => {
                package.licenses.push(name);
            }
            (license, expression) => {
                collector.odd(&subject, "a licence has not exactly one id, name or expression");
                let license = license.unwrap_or_default();
                package.licenses.extend([license.id, license.name, expression].into_iter().flatten());
            }
        }
    }
    collector.packages.push(package);
}

fn ours_wrote(facts: &Facts) -> bool {
    facts.iter().any(|(name, _)| name.starts_with(facts::PREFIX))
}
