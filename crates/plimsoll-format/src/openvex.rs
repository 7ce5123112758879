//! OpenVEX 0.2.0: one statement for each vulnerability found. What somebody has said already is stated; everything else is
//! `under_investigation`, to be filled in and given back with `--vex`.

use plimsoll_model::Report;
use serde_json::{Map, Value, json};

use crate::stated::{self, Stated};
use crate::{Error, stamp};

/// Writes the document.
pub(crate) fn write(report: &Report) -> Result<String, Error> {
    let image = stamp::image_purl(&report.target);
    let mut statements = Vec::new();
    for finding in report.findings.iter().filter(|finding| stated::is_vulnerability(finding)) {
        let mut vulnerability = Map::new();
        vulnerability.insert("name".into(), json!(finding.advisory));
        if !finding.title.is_empty() {
            vulnerability.insert("description".into(), json!(finding.title));
        }
        if !finding.aliases.is_empty() {
            vulnerability.insert("aliases".into(), json!(finding.aliases));
        }
        let packages: Vec<Value> =
            finding.subject.packages().iter().map(|purl| json!({"@id": purl})).collect();
        let products = match &image {
            Some(image) => vec![json!({"@id": image, "subcomponents": packages})],
            None => packages,
        };
        let mut statement = Map::new();
        let mut put = |name: &str, value: Value| statement.insert(name.to_owned(), value);
        put("vulnerability", Value::Object(vulnerability));
        put("products", Value::Array(products));
        match stated::of(finding) {
            Stated::NotAffected { justification, impact } => {
                put("status", json!("not_affected"));
                if let Some(justification) = justification {
                    put("justification", json!(justification));
                }
                put("impact_statement", json!(impact));
            }
            Stated::Fixed(notes) => {
                put("status", json!("fixed"));
                put("status_notes", json!(notes));
            }
            Stated::Affected(action) => {
                put("status", json!("affected"));
                put("action_statement", json!(action));
            }
            Stated::Open(notes) => {
                put("status", json!("under_investigation"));
                put("status_notes", json!(notes));
            }
        }
        statements.push(Value::Object(statement));
    }
    let mut document = json!({
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "",
        "author": "Unknown Author",
        "timestamp": stamp::of_run(report),
        "version": 1,
        "tooling": format!("plimsoll {}", report.plimsoll),
        "statements": statements,
    });
    let uuid = crate::sbom::uuid(&serde_json::to_string(&document)?);
    document["@id"] = json!(format!("urn:uuid:{uuid}"));
    Ok(crate::text::json(&document)?)
}
