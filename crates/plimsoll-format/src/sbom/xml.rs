//! The XML form of CycloneDX, turned into the same values as the JSON form.
//!
//! Elements become a tree first, without recursion and with bounded depth. Names of other namespaces are left out;
//! entities other than XML's own five are refused, so nothing expands.

use quick_xml::events::Event;
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;

use super::cyclonedx::{
    self, Bom, Component, Evidence, Hash, License, LicenseChoice, Metadata, Occurrence, Property,
};
use super::{Error, SbomDocument};

/// Elements within elements.
const DEEPEST: usize = 256;
/// Elements in all.
const MOST: usize = 20_000_000;

/// One element of CycloneDX's namespace.
#[derive(Default)]
struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
    children: Vec<Element>,
}

impl Element {
    fn attribute(&self, name: &str) -> Option<String> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
    }

    fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    fn text_of(&self, name: &str) -> Option<String> {
        self.child(name).map(|child| child.text.trim().to_owned())
    }

    fn each<'a>(&'a self, list: &str, item: &'a str) -> impl Iterator<Item = &'a Element> {
        let children = self.child(list).map(|list| list.children.as_slice()).unwrap_or_default();
        children.iter().filter(move |child| child.name == item)
    }
}

const SPACE: &str = "http://cyclonedx.org/schema/bom/";

#[expect(clippy::needless_pass_by_value, reason = "errors are handed over as they come")]
fn broken(detail: impl ToString) -> Error {
    Error::Broken { form: "CycloneDX XML", detail: detail.to_string() }
}

/// Reads the XML form.
pub(super) fn read(text: &str) -> Result<SbomDocument, Error> {
    let (root, version) = tree(text)?;
    let metadata = root.child("metadata").map(|metadata| Metadata {
        timestamp: metadata.text_of("timestamp"),
        tools: None,
        component: metadata.child("component").map(component),
        properties: properties(metadata),
    });
    let bom = Bom {
        bom_format: "CycloneDX".into(),
        spec_version: version,
        metadata,
        components: root.each("components", "component").map(component).collect(),
        ..Bom::default()
    };
    let document = cyclonedx::understand(bom, "XML")?;
    Ok(document)
}

/// The root element, and the version that its namespace names.
fn tree(text: &str) -> Result<(Element, String), Error> {
    let mut reader = NsReader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut open: Vec<Element> = Vec::new();
    let mut space: Option<String> = None;
    // Depth inside an element that is not ours.
    let mut foreign = 0_usize;
    let mut elements = 0_usize;
    loop {
        let (resolved, event) = reader.read_resolved_event().map_err(broken)?;
        let own = match resolved {
            ResolveResult::Bound(name) => Some(name.as_ref().to_owned()),
            ResolveResult::Unbound => None,
            ResolveResult::Unknown(_) => return Err(broken("a namespace prefix is not declared")),
        };
        match event {
            Event::Start(start) => {
                elements += 1;
                if open.len() + foreign >= DEEPEST || elements > MOST {
                    return Err(Error::TooLarge("more or deeper elements than any document needs"));
                }
                if open.is_empty() && foreign == 0 {
                    let name = own.clone().unwrap_or_default();
                    let local = start.local_name();
                    if AsRef::<str>::as_ref(&local) != "bom" || !name.starts_with(SPACE) {
                        return Err(Error::NotAnSbom { found: "it is another XML document" });
                    }
                    space = Some(name);
                }
                if foreign > 0 || own != space {
                    foreign += 1;
                    continue;
                }
                let mut element =
                    Element { name: start.local_name().as_ref().to_owned(), ..Element::default() };
                for attribute in start.attributes() {
                    let attribute = attribute.map_err(broken)?;
                    let key: &str = attribute.key.as_ref();
                    if !key.contains(':') {
                        let value =
                            attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0).map_err(broken)?;
                        element.attributes.push((key.to_owned(), value.into_owned()));
                    }
                }
                open.push(element);
            }
            Event::End(_) if foreign > 0 => foreign -= 1,
            Event::End(_) => {
                let element = open.pop().ok_or_else(|| broken("an end without its start"))?;
                let Some(parent) = open.last_mut() else {
                    let space = space.unwrap_or_default();
                    let version = space.strip_prefix(SPACE).unwrap_or_default().to_owned();
                    return Ok((element, version));
                };
                parent.children.push(element);
            }
            Event::Text(piece) if foreign == 0 => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&piece.xml10_content());
                }
            }
            Event::CData(piece) if foreign == 0 => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&piece.xml10_content());
                }
            }
            Event::GeneralRef(reference) if foreign == 0 => {
                let character = match reference.resolve_char_ref().map_err(broken)? {
                    Some(character) => character,
                    None => match reference.as_ref() {
                        "lt" => '<',
                        "gt" => '>',
                        "amp" => '&',
                        "quot" => '"',
                        "apos" => '\'',
                        _ => return Err(broken("an entity is not defined")),
                    },
                };
                if let Some(element) = open.last_mut() {
                    element.text.push(character);
                }
            }
            Event::Eof => return Err(broken("the document ends too early")),
            _ => {}
        }
    }
}

fn properties(element: &Element) -> Vec<Property> {
    let property = |one: &Element| Property { name: one.attribute("name"), value: Some(one.text.clone()) };
    element.each("properties", "property").map(property).collect()
}

/// One component with its parts. The depth of the tree is bounded, so the recursion is.
fn component(element: &Element) -> Component {
    let hash = |one: &Element| Hash {
        alg: one.attribute("alg").unwrap_or_default(),
        content: one.text.trim().to_owned(),
    };
    let mut licenses = Vec::new();
    for choice in element.child("licenses").map(|list| list.children.as_slice()).unwrap_or_default() {
        match choice.name.as_str() {
            "license" => {
                // Two ids or two names: kept, and noticed as what they are, not exactly one.
                let all = |name: &str| choice.children.iter().filter(|child| child.name == name).count();
                let doubled = all("id") > 1 || all("name") > 1;
                licenses.push(LicenseChoice {
                    license: Some(License { id: choice.text_of("id"), name: choice.text_of("name") }),
                    expression: doubled.then(|| {
                        choice
                            .children
                            .iter()
                            .rev()
                            .map(|one| one.text.trim())
                            .find(|text| !text.is_empty())
                            .unwrap_or_default()
                            .to_owned()
                    }),
                });
            }
            "expression" => licenses
                .push(LicenseChoice { license: None, expression: Some(choice.text.trim().to_owned()) }),
            _ => {}
        }
    }
    let occurrences = element.child("evidence").map(|evidence| {
        let occurrence = |one: &Element| Occurrence {
            location: one.text_of("location").unwrap_or_default(),
            line: one.text_of("line").and_then(|line| line.parse().ok()),
            additional_context: one.text_of("additionalContext"),
        };
        evidence.each("occurrences", "occurrence").map(occurrence).collect()
    });
    Component {
        kind: element.attribute("type").unwrap_or_default(),
        bom_ref: element.attribute("bom-ref"),
        group: element.text_of("group"),
        name: element.text_of("name"),
        version: element.text_of("version"),
        description: None,
        scope: element.text_of("scope"),
        hashes: element.each("hashes", "hash").map(hash).collect(),
        licenses,
        purl: element.text_of("purl"),
        evidence: occurrences.map(|occurrences| Evidence { occurrences }),
        properties: properties(element),
        components: element.each("components", "component").map(component).collect(),
    }
}
