//! CycloneDX as XML: the same values as the JSON form, in the order of elements that the schema asks for
//! (`bom-1.6.xsd`). XML cannot hold control characters: they are written as visible escapes.

use serde_json::Value;

use super::cyclonedx::{Bom, Component, Property};
use super::facts;
use crate::xml::Document;

/// Writes a document.
pub(super) fn write(bom: &Bom) -> String {
    let mut xml = Document::new();
    let space = format!("http://cyclonedx.org/schema/bom/{}", bom.spec_version);
    let version = bom.version.unwrap_or(1).to_string();
    let mut attributes = vec![("xmlns", space.as_str()), ("version", version.as_str())];
    attributes.extend(bom.serial_number.as_deref().map(|serial| ("serialNumber", serial)));
    xml.open("bom", &attributes);
    if let Some(metadata) = &bom.metadata {
        xml.open("metadata", &[]);
        optional(&mut xml, "timestamp", metadata.timestamp.as_deref());
        if let Some(tools) = metadata.tools.as_ref().and_then(|tools| tools["components"].as_array()) {
            xml.open("tools", &[]);
            xml.open("components", &[]);
            for tool in tools {
                xml.open("component", &[("type", text(tool, "type"))]);
                members(&mut xml, tool, &["name", "version"]);
                xml.close();
            }
            xml.close();
            xml.close();
        }
        if let Some(described) = &metadata.component {
            component(&mut xml, described);
        }
        properties(&mut xml, &metadata.properties, None);
        xml.close();
    }
    xml.open("components", &[]);
    bom.components.iter().for_each(|one| component(&mut xml, one));
    xml.close();
    if !bom.compositions.is_empty() {
        xml.open("compositions", &[]);
        for composition in &bom.compositions {
            xml.open("composition", &[]);
            members(&mut xml, composition, &["aggregate"]);
            xml.open("assemblies", &[]);
            for reference in composition["assemblies"].as_array().into_iter().flatten() {
                xml.element("assembly", &[("ref", reference.as_str().unwrap_or_default())], "");
            }
            xml.close();
            xml.close();
        }
        xml.close();
    }
    if !bom.vulnerabilities.is_empty() {
        xml.open("vulnerabilities", &[]);
        bom.vulnerabilities.iter().for_each(|one| vulnerability(&mut xml, one));
        xml.close();
    }
    xml.finish()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn optional(xml: &mut Document, name: &str, content: Option<&str>) {
    if let Some(content) = content {
        xml.element(name, &[], content);
    }
}

/// Members that are texts or numbers, as elements.
fn members(xml: &mut Document, value: &Value, names: &[&str]) {
    for name in names {
        match value.get(name) {
            Some(Value::String(text)) => xml.element(name, &[], text),
            Some(Value::Number(number)) => xml.element(name, &[], &number.to_string()),
            _ => {}
        }
    }
}

/// Is it an address by the letter (RFC 3986)? The schema wants one where the package URL stands.
fn is_address(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?@!$&'()*+,;=%#".contains(&byte);
    let percent =
        |part: &str| part.as_bytes().get(..2).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
    text.starts_with("pkg:")
        && !text.starts_with("pkg://")
        && text.bytes().all(plain)
        && text.split('%').skip(1).all(percent)
        && text.matches('#').count() < 2
}

fn properties(xml: &mut Document, properties: &[Property], beside: Option<(&str, &str)>) {
    if properties.is_empty() && beside.is_none() {
        return;
    }
    xml.open("properties", &[]);
    if let Some((name, value)) = beside {
        xml.element("property", &[("name", name)], value);
    }
    for property in properties {
        let name = property.name.as_deref().unwrap_or_default();
        xml.element("property", &[("name", name)], property.value.as_deref().unwrap_or_default());
    }
    xml.close();
}

/// Components that we write have no parts.
fn component(xml: &mut Document, component: &Component) {
    let mut attributes = vec![("type", component.kind.as_str())];
    attributes.extend(component.bom_ref.as_deref().map(|reference| ("bom-ref", reference)));
    xml.open("component", &attributes);
    optional(xml, "group", component.group.as_deref());
    optional(xml, "name", component.name.as_deref());
    optional(xml, "version", component.version.as_deref());
    optional(xml, "description", component.description.as_deref());
    optional(xml, "scope", component.scope.as_deref());
    if !component.hashes.is_empty() {
        xml.open("hashes", &[]);
        for hash in &component.hashes {
            xml.element("hash", &[("alg", &hash.alg)], &hash.content);
        }
        xml.close();
    }
    if !component.licenses.is_empty() {
        xml.open("licenses", &[]);
        for choice in &component.licenses {
            optional(xml, "expression", choice.expression.as_deref());
            if let Some(license) = &choice.license {
                xml.open("license", &[]);
                optional(xml, "id", license.id.as_deref());
                optional(xml, "name", license.name.as_deref());
                xml.close();
            }
        }
        xml.close();
    }
    let purl = component.purl.as_deref();
    optional(xml, "purl", purl.filter(|purl| is_address(purl)));
    let beside = purl.filter(|purl| !is_address(purl)).map(|purl| (facts::PURL, purl));
    properties(xml, &component.properties, beside);
    if let Some(evidence) = &component.evidence {
        xml.open("evidence", &[]);
        xml.open("occurrences", &[]);
        for occurrence in &evidence.occurrences {
            xml.open("occurrence", &[]);
            xml.element("location", &[], &occurrence.location);
            optional(xml, "line", occurrence.line.map(|line| line.to_string()).as_deref());
            optional(xml, "additionalContext", occurrence.additional_context.as_deref());
            xml.close();
        }
        xml.close();
        xml.close();
    }
    xml.close();
}

fn source(xml: &mut Document, of: &Value) {
    if let Some(source) = of.get("source") {
        xml.open("source", &[]);
        members(xml, source, &["name", "url"]);
        xml.close();
    }
}

fn vulnerability(xml: &mut Document, vulnerability: &Value) {
    let list = |name: &str| vulnerability[name].as_array().map(Vec::as_slice).unwrap_or_default();
    xml.open("vulnerability", &[("bom-ref", text(vulnerability, "bom-ref"))]);
    members(xml, vulnerability, &["id"]);
    source(xml, vulnerability);
    if !list("references").is_empty() {
        xml.open("references", &[]);
        for reference in list("references") {
            xml.open("reference", &[]);
            members(xml, reference, &["id"]);
            source(xml, reference);
            xml.close();
        }
        xml.close();
    }
    xml.open("ratings", &[]);
    for rating in list("ratings") {
        xml.open("rating", &[]);
        source(xml, rating);
        members(xml, rating, &["score", "severity", "method", "vector"]);
        xml.close();
    }
    xml.close();
    members(xml, vulnerability, &["description", "recommendation"]);
    if let Some(analysis) = vulnerability.get("analysis") {
        xml.open("analysis", &[]);
        members(xml, analysis, &["state", "justification"]);
        if let Some(responses) = analysis["response"].as_array() {
            xml.open("responses", &[]);
            for response in responses {
                xml.element("response", &[], response.as_str().unwrap_or_default());
            }
            xml.close();
        }
        members(xml, analysis, &["detail"]);
        xml.close();
    }
    if !list("affects").is_empty() {
        xml.open("affects", &[]);
        for target in list("affects") {
            xml.open("target", &[]);
            members(xml, target, &["ref"]);
            xml.close();
        }
        xml.close();
    }
    let said: Vec<Property> = list("properties")
        .iter()
        .map(|one| Property {
            name: Some(text(one, "name").to_owned()),
            value: Some(text(one, "value").to_owned()),
        })
        .collect();
    properties(xml, &said, None);
    xml.close();
}
