//! The VEX profile of CSAF 2.0 (section 4.5): a draft with one vulnerability for each advisory found. What somebody has said
//! already is stated; everything else is `under_investigation`, to be filled in and given back with `--vex`.

use std::collections::BTreeMap;

use plimsoll_model::Report;
use serde_json::{Map, Value, json};

use crate::stated::{self, Stated};
use crate::{Error, stamp};

/// Where no publisher is known: a name that no one can own (RFC 2606).
const NAMESPACE: &str = "https://publisher.example";

/// What is said of one advisory: statuses, and the words that belong to them.
#[derive(Default)]
struct Vulnerability {
    notes: Vec<String>,
    statuses: BTreeMap<&'static str, Vec<String>>,
    flags: BTreeMap<&'static str, Vec<String>>,
    impacts: BTreeMap<String, Vec<String>>,
    actions: BTreeMap<String, Vec<String>>,
}

/// Writes the document.
pub(crate) fn write(report: &Report) -> Result<String, Error> {
    let mut products = Products::new(report);
    let mut by_advisory: BTreeMap<(usize, &str), Vulnerability> = BTreeMap::new();
    let mut order: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in report.findings.iter().filter(|finding| stated::is_vulnerability(finding)) {
        let next = order.len();
        let place = *order.entry(&finding.advisory).or_insert(next);
        let vulnerability = by_advisory.entry((place, &finding.advisory)).or_default();
        let ids: Vec<String> = finding.subject.packages().iter().map(|purl| products.id(purl)).collect();
        if !finding.title.is_empty() && !vulnerability.notes.contains(&finding.title) {
            vulnerability.notes.push(finding.title.clone());
        }
        let status = match stated::of(finding) {
            Stated::NotAffected { justification, impact } => {
                if let Some(justification) = justification {
                    vulnerability.flags.entry(justification).or_default().extend(ids.clone());
                }
                vulnerability.impacts.entry(impact).or_default().extend(ids.clone());
                "known_not_affected"
            }
            Stated::Fixed(note) => {
                vulnerability.notes.push(note);
                "fixed"
            }
            Stated::Affected(action) => {
                vulnerability.actions.entry(action).or_default().extend(ids.clone());
                "known_affected"
            }
            Stated::Open(_) => "under_investigation",
        };
        vulnerability.statuses.entry(status).or_default().extend(ids);
    }
    let vulnerabilities: Vec<Value> =
        by_advisory.into_iter().map(|((_, advisory), one)| vulnerability(advisory, one)).collect();
    let time = stamp::of_run(report);
    let name = match crate::clean(stamp::name(&report.target)) {
        name if name.is_empty() => "unnamed".into(),
        name => name,
    };
    let mut document = json!({
        "document": {
            "category": "csaf_vex",
            "csaf_version": "2.0",
            "publisher": {"category": "other", "name": "Unknown Publisher", "namespace": NAMESPACE},
            "title": format!("VEX draft for {name}"),
            "tracking": {
                "current_release_date": time,
                "id": "",
                "initial_release_date": time,
                "generator": {"engine": {"name": "plimsoll", "version": version(report)}},
                "revision_history": [{"date": time, "number": "0", "summary": "Draft made of a scan"}],
                "status": "draft",
                "version": "0",
            },
        },
    });
    if !vulnerabilities.is_empty() {
        document["product_tree"] = products.tree();
        document["vulnerabilities"] = Value::Array(vulnerabilities);
    }
    let uuid = crate::sbom::uuid(&serde_json::to_string(&document)?);
    document["document"]["tracking"]["id"] = json!(format!("plimsoll-{uuid}"));
    Ok(crate::text::json(&document)?)
}

fn version(report: &Report) -> &str {
    if report.plimsoll.is_empty() { "unknown" } else { &report.plimsoll }
}

fn unique(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids.dedup();
    ids
}

fn vulnerability(advisory: &str, one: Vulnerability) -> Value {
    let mut result = Map::new();
    let number = advisory.strip_prefix("CVE-").and_then(|rest| rest.split_once('-'));
    let digits =
        |text: &str, least: usize| text.len() >= least && text.bytes().all(|byte| byte.is_ascii_digit());
    if number.is_some_and(|(year, number)| year.len() == 4 && digits(year, 4) && digits(number, 4)) {
        result.insert("cve".into(), json!(advisory));
    } else {
        let text = if advisory.is_empty() { "unknown" } else { advisory };
        result.insert("ids".into(), json!([{"system_name": "plimsoll", "text": text}]));
    }
    // The profile wants at least one note.
    let mut notes: Vec<Value> =
        one.notes.iter().map(|text| json!({"category": "description", "text": text})).collect();
    if notes.is_empty() {
        notes.push(json!({"category": "other", "text": "No description is known"}));
    }
    result.insert("notes".into(), Value::Array(notes));
    let statuses: Map<String, Value> =
        one.statuses.into_iter().map(|(status, ids)| (status.to_owned(), json!(unique(ids)))).collect();
    result.insert("product_status".into(), Value::Object(statuses));
    let flags: Vec<Value> = one
        .flags
        .into_iter()
        .map(|(label, ids)| json!({"label": label, "product_ids": unique(ids)}))
        .collect();
    if !flags.is_empty() {
        result.insert("flags".into(), Value::Array(flags));
    }
    let threats: Vec<Value> = one
        .impacts
        .into_iter()
        .map(|(details, ids)| json!({"category": "impact", "details": details, "product_ids": unique(ids)}))
        .collect();
    if !threats.is_empty() {
        result.insert("threats".into(), Value::Array(threats));
    }
    let remediations: Vec<Value> = one
        .actions
        .into_iter()
        .map(
            |(details, ids)| json!({"category": "no_fix_planned", "details": details, "product_ids": unique(ids)}),
        )
        .collect();
    if !remediations.is_empty() {
        result.insert("remediations".into(), Value::Array(remediations));
    }
    Value::Object(result)
}

/// Product ids, given in the order in which packages are asked for.
struct Products {
    image: Option<(String, String)>,
    numbers: BTreeMap<String, usize>,
}

impl Products {
    fn new(report: &Report) -> Self {
        let name = crate::clean(stamp::name(&report.target)).into_owned();
        let name = if name.is_empty() { "unnamed".to_owned() } else { name };
        Products {
            image: stamp::image_purl(&report.target).map(|purl| (purl, name)),
            numbers: BTreeMap::new(),
        }
    }

    /// The id under which a package, as a part of the image where there is one, is spoken of.
    fn id(&mut self, purl: &str) -> String {
        let next = self.numbers.len() + 1;
        let number = *self.numbers.entry(purl.to_owned()).or_insert(next);
        if self.image.is_some() { format!("IMAGE:P{number}") } else { format!("P{number}") }
    }

    fn tree(&self) -> Value {
        let mut order: Vec<(&usize, &String)> =
            self.numbers.iter().map(|(purl, number)| (number, purl)).collect();
        order.sort();
        let mut names = Vec::new();
        let mut relationships = Vec::new();
        if let Some((purl, name)) = &self.image {
            names.push(product("IMAGE", name, purl));
        }
        for (number, purl) in order {
            let id = format!("P{number}");
            let name = if purl.is_empty() { "unnamed" } else { purl };
            names.push(product(&id, name, purl));
            if let Some((_, image)) = &self.image {
                relationships.push(json!({
                    "category": "default_component_of",
                    "full_product_name": {"name": format!("{name} in {image}"), "product_id": format!("IMAGE:{id}")},
                    "product_reference": id,
                    "relates_to_product_reference": "IMAGE",
                }));
            }
        }
        let mut tree = json!({"full_product_names": names});
        if !relationships.is_empty() {
            tree["relationships"] = Value::Array(relationships);
        }
        tree
    }
}

fn product(id: &str, name: &str, purl: &str) -> Value {
    let mut product = json!({"name": name, "product_id": id});
    // The schema wants a URI. Package URLs of other tools' documents may hold bare characters that none may; the canonical form encodes them.
    if let Ok(purl) = plimsoll_model::purl::Purl::parse_lenient(purl) {
        product["product_identification_helper"] = json!({"purl": purl.to_string()});
    }
    product
}
