//! The answer as OSCAL assessment results, and its owners as a component definition (NIST, OSCAL 1.2): what governance tools read.
//!
//! Each control of the reader's on each node pool is one observation and one finding. OSCAL knows satisfied and not satisfied only: what
//! is not decided is not satisfied, with the reason `other` and a property that says `unknown`. Controls of the provider are not among the
//! reviewed ones: nobody looked at its work.

use plimsoll_model::responsibility::{Cell, Column, Given, Owner, Responsibility, Row, Standing};
use serde_json::{Value, json};

use super::source;
use crate::Error;
use crate::text::clean;

const VERSION: &str = "1.2.3";
const NAMESPACE: &str = "https://plimsoll.dev/ns/oscal";

/// A name for a part, made of what it is; OSCAL takes versions 4 and 5 of UUIDs.
fn uuid(parts: &[&str]) -> String {
    let mut text = crate::sbom::uuid(&parts.join("\u{0}"));
    text.replace_range(14..15, "5");
    text
}

/// OSCAL's strings are never empty and have no space at their ends; those of one line have no others.
fn text(text: &str) -> String {
    let one: Vec<&str> = text.split_whitespace().collect();
    let one = clean(&one.join(" ")).trim().to_owned();
    if one.is_empty() { "-".into() } else { one }
}

fn property(name: &str, value: &str) -> Value {
    json!({ "name": name, "ns": NAMESPACE, "value": text(value) })
}

/// The control's id as a token.
fn token(id: &str) -> String {
    let own: String = id
        .to_lowercase()
        .chars()
        .map(|one| if one.is_ascii_alphanumeric() || one == '-' { one } else { '-' })
        .collect();
    if own.starts_with(|first: char| first.is_ascii_alphabetic()) { own } else { format!("c-{own}") }
}

fn is_own(cell: &Cell) -> bool {
    matches!(cell.owner, Owner::Customer | Owner::Shared)
}

/// Assessment results as a document.
pub(super) fn write(answer: &Responsibility) -> Result<String, Error> {
    let own: Vec<(&Row, &Cell, &Column)> = answer
        .controls
        .iter()
        .flat_map(|row| row.cells.iter().zip(&answer.columns).map(move |(cell, column)| (row, cell, column)))
        .filter(|(_, cell, _)| is_own(cell))
        .collect();
    let taken = crate::stamp::timestamp(Some(&answer.taken_at)).unwrap_or_else(|| answer.taken_at.clone());
    let plan = uuid(&["plan", &answer.tool]);
    let (mut observations, mut findings) = (Vec::new(), Vec::new());
    for (row, cell, column) in &own {
        let (observed, found) = told(row, cell, column, &taken);
        observations.push(observed);
        findings.push(found);
    }
    let mut reviewed: Vec<String> = own.iter().map(|(row, ..)| token(&row.id)).collect();
    reviewed.sort();
    reviewed.dedup();
    let selection = if reviewed.is_empty() {
        json!({ "description": "Nothing is the reader's." })
    } else {
        let ids: Vec<Value> = reviewed.iter().map(|id| json!({ "control-id": id })).collect();
        json!({ "include-controls": ids })
    };
    let mut result = json!({
        "uuid": uuid(&["result", &answer.taken_at]),
        "title": "Whose is it",
        "description": text(&super::reasons(answer)),
        "start": taken,
        "end": taken,
        "props": [property("verdict", answer.verdict.word())],
        "reviewed-controls": { "control-selections": [selection] },
    });
    let components: Vec<Value> = answer.columns.iter().map(component).collect();
    for (name, list) in
        [("local-definitions", components), ("observations", observations), ("findings", findings)]
    {
        if list.is_empty() {
            continue;
        }
        result[name] = if name == "local-definitions" { json!({ "components": list }) } else { list.into() };
    }
    let mut resources = vec![json!({
        "uuid": plan,
        "title": "Controls of Plimsoll",
        "description": "The plan is the table of controls that the program brings, with those of --controls.",
    })];
    resources.extend(answer.inputs.iter().enumerate().map(|(number, given)| resource(number, given)));
    let mut document = json!({ "assessment-results": {
        "metadata": {
            "title": "Shared responsibility: what was seen",
            "last-modified": taken,
            "version": text(&answer.schema_version),
            "oscal-version": VERSION,
            "props": [property("tool", &answer.tool)],
        },
        "import-ap": { "href": format!("#{plan}") },
        "results": [result],
        "back-matter": { "resources": resources },
    } });
    document["assessment-results"]["uuid"] = uuid(&["document", &serde_json::to_string(&document)?]).into();
    Ok(crate::text::json(&document)?)
}

/// A component definition: what each platform does of each control, what is shared, and what is left to its user. What was seen of a
/// cluster does not stand in it.
pub(super) fn definition(answer: &Responsibility) -> Result<String, Error> {
    let taken = crate::stamp::timestamp(Some(&answer.taken_at)).unwrap_or_else(|| answer.taken_at.clone());
    let catalog = uuid(&["catalog", &answer.tool]);
    let mut platforms: Vec<(usize, &Column)> = Vec::new();
    for (place, column) in answer.columns.iter().enumerate() {
        // Node pools of one platform are one component.
        if !platforms.iter().any(|(_, own)| own.platform == column.platform) {
            platforms.push((place, column));
        }
    }
    let components: Vec<Value> = platforms
        .into_iter()
        .map(|(place, column)| {
            let requirements: Vec<Value> = answer
                .controls
                .iter()
                .filter_map(|row| Some((row, row.cells.get(place)?)))
                .filter(|(_, cell)| cell.owner != Owner::NotApplicable)
                .map(|(row, cell)| requirement(row, cell, column))
                .collect();
            let mut component = json!({
                "uuid": uuid(&["platform", &column.platform]),
                "type": "service",
                "title": text(&column.platform_name),
                "description": text(&format!("{}: who does what of each control.", column.platform_name)),
                "props": [property("platform", &column.platform), property("provider", &column.provider)],
            });
            if !requirements.is_empty() {
                component["control-implementations"] = json!([{
                    "uuid": uuid(&["implementation", &column.platform]),
                    "source": format!("#{catalog}"),
                    "description": "Controls of Plimsoll. Owners are those of the provider's documents, which each requirement names.",
                    "implemented-requirements": requirements,
                }]);
            }
            component
        })
        .collect();
    let mut document = json!({ "component-definition": {
        "metadata": {
            "title": "Shared responsibility: who does what",
            "last-modified": taken,
            "version": text(&answer.schema_version),
            "oscal-version": VERSION,
            "props": [property("tool", &answer.tool)],
        },
        "back-matter": { "resources": [{
            "uuid": catalog,
            "title": "Controls of Plimsoll",
            "description": "The table of controls that the program brings, with those of --controls.",
        }] },
    } });
    if !components.is_empty() {
        document["component-definition"]["components"] = components.into();
    }
    document["component-definition"]["uuid"] = uuid(&["document", &serde_json::to_string(&document)?]).into();
    Ok(crate::text::json(&document)?)
}

/// What a platform does of a control, and what it leaves to its user.
fn requirement(row: &Row, cell: &Cell, column: &Column) -> Value {
    let provider = if column.provider.is_empty() { "The provider" } else { column.provider.as_str() };
    let description = match cell.owner {
        Owner::Provider => format!("{}. {provider} does this.", row.title),
        Owner::Shared => {
            let turn = cell.switch.as_ref().map(|switch| format!(" Switch: {}.", switch.turn));
            format!(
                "{}. {provider} offers this, and its user lets it happen.{} To do: {}.",
                row.title,
                turn.unwrap_or_default(),
                row.next
            )
        }
        _ => format!("{}. This is left to the user. To do: {}.", row.title, row.next),
    };
    let mut props = vec![property("owner", cell.owner.word()), property("source", &source(cell))];
    if let Some(switch) = &cell.switch {
        props.push(property("switch", &switch.turn));
    }
    for (benchmark, ids) in &row.cis {
        props.extend(ids.iter().map(|id| property(&format!("cis-{}", token(benchmark)), id)));
    }
    json!({
        "uuid": uuid(&["requirement", &column.platform, &row.id]),
        "control-id": token(&row.id),
        "description": text(&description),
        "props": props,
    })
}

/// A node pool, or the platform.
fn component(column: &Column) -> Value {
    json!({
        "uuid": uuid(&["column", &column.platform, &column.name]),
        "type": "service",
        "title": text(&column.name),
        "description": text(&format!("{}: {}", column.platform_name, column.because)),
        "props": [property("platform", &column.platform)],
        "status": { "state": "operational" },
    })
}

fn told(row: &Row, cell: &Cell, column: &Column, taken: &str) -> (Value, Value) {
    let id = uuid(&["observation", taken, &row.id, &column.name, &column.platform]);
    let missing: Vec<&str> = cell.missing.iter().map(|missing| missing.detail.as_str()).collect();
    let mut detail =
        if cell.seen.is_empty() { String::new() } else { format!("Seen: {}.", cell.seen.join("; ")) };
    if cell.standing == Standing::Unknown {
        detail = format!("{detail} Missing: {}.", missing.join("; "));
    }
    let attested = cell.attested.as_ref().filter(|_| cell.standing == Standing::Attested);
    if let Some(attested) = attested {
        detail = format!("{detail} Stated by {} until {}. {}", attested.by, attested.until, attested.note);
    }
    let mut observation = json!({
        "uuid": id,
        "title": text(&format!("{} on {}", row.id, column.name)),
        "description": text(&detail),
        "methods": [if attested.is_some() { "INTERVIEW" } else { "TEST" }],
        "types": ["control-objective"],
        "subjects": [{ "subject-uuid": uuid(&["column", &column.platform, &column.name]), "type": "component", "title": text(&column.name) }],
        "collected": taken,
    });
    if let Some(attested) = attested {
        observation["expires"] = format!("{}T23:59:59Z", attested.until).into();
    }
    let (state, reason) = match cell.standing {
        Standing::Met => ("satisfied", "pass"),
        Standing::Attested => ("satisfied", "other"),
        Standing::NotMet => ("not-satisfied", "fail"),
        _ => ("not-satisfied", "other"),
    };
    let mut props = vec![
        property("owner", cell.owner.word()),
        property("standing", cell.standing.word()),
        property("source", &source(cell)),
    ];
    if let Some(switch) = &cell.switch {
        props.push(property("switch", &switch.turn));
    }
    props.extend(cell.blocked_by.iter().map(|blocked| property("blocked-by", &blocked.control)));
    for (benchmark, ids) in &row.cis {
        props.extend(ids.iter().map(|id| property(&format!("cis-{}", token(benchmark)), id)));
    }
    let finding = json!({
        "uuid": uuid(&["finding", taken, &row.id, &column.name, &column.platform]),
        "title": text(&row.title),
        "description": text(&format!("On {}: {}. Open, it exposes: {}.", column.name, cell.standing.word(), row.exposes)),
        "props": props,
        "target": {
            "type": "objective-id",
            "target-id": token(&row.id),
            "status": { "state": state, "reason": reason, "remarks": text(&row.next) },
        },
        "related-observations": [{ "observation-uuid": id }],
    });
    (observation, finding)
}

/// An input, with its digest where it is a file.
fn resource(number: usize, given: &Given) -> Value {
    let mut resource = json!({
        "uuid": uuid(&["input", &number.to_string(), &given.name]),
        "title": text(&given.name),
        "description": text(&format!("{}: {}", given.input, given.about)),
    });
    if let Some(digest) = given.digest.as_deref().and_then(|digest| digest.strip_prefix("sha256:")) {
        // Names of files are no addresses: what is not plain is written as percent and two digits.
        let address: String = given
            .name
            .bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' | b'/' => {
                    char::from(byte).to_string()
                }
                byte => format!("%{byte:02X}"),
            })
            .collect();
        resource["rlinks"] =
            json!([{ "href": address, "hashes": [{ "algorithm": "SHA-256", "value": digest }] }]);
    }
    resource
}
