//! Walking an XML document from its first element to its last, for feeds that are XML.
//!
//! Entities are never expanded; a document type declaration has no effect; depth and lengths are bounded.

use quick_xml::events::{BytesStart, Event as Xml};

/// How deep elements may stand in each other. Real documents stay below 12.
pub(super) const DEPTH_LIMIT: usize = 64;
/// Greatest length of a text that is kept, in bytes; what is longer is cut.
const TEXT_LIMIT: usize = 1 << 20;

/// Why a document cannot be read to its end.
pub(super) const NOT_WELL_FORMED: &str = "not well-formed XML: what follows the break is missing";

/// Hears of the elements of a document.
pub(super) trait Visit {
    /// An element begins below `depth` others.
    fn start(&mut self, element: &BytesStart<'_>, depth: usize) -> Result<(), &'static str>;
    /// An element ends. `text` is what stands between it and the tag before.
    fn end(&mut self, name: &str, text: &str) -> Result<(), &'static str>;
}

/// The value of an attribute, whatever its prefix; empty when it is absent.
pub(super) fn attribute(element: &BytesStart<'_>, name: &str) -> String {
    element
        .attributes()
        .with_checks(false)
        .flatten()
        .find(|attribute| attribute.key.local_name().as_ref() == name)
        .map(|attribute| {
            attribute
                .normalized_value(quick_xml::XmlVersion::Implicit1_0)
                .map_or_else(|_| attribute.value.to_string(), std::borrow::Cow::into_owned)
        })
        .unwrap_or_default()
}

/// Walks a document; what it heard of a broken one before the break, the visitor keeps.
pub(super) fn walk(document: &str, visit: &mut dyn Visit) -> Result<(), &'static str> {
    let mut reader = quick_xml::Reader::from_str(document);
    let mut stack: Vec<String> = Vec::new();
    let mut text = String::new();
    let mut seen = false;
    loop {
        match reader.read_event().map_err(|_| NOT_WELL_FORMED)? {
            Xml::Start(element) => {
                seen = true;
                if stack.len() >= DEPTH_LIMIT {
                    return Err("elements stand more than 64 deep in each other");
                }
                text.clear();
                visit.start(&element, stack.len())?;
                stack.push(element.local_name().as_ref().to_owned());
            }
            Xml::Empty(element) => {
                seen = true;
                text.clear();
                visit.start(&element, stack.len())?;
                visit.end(element.local_name().as_ref(), "")?;
            }
            Xml::End(_) => {
                let Some(name) = stack.pop() else { return Err(NOT_WELL_FORMED) };
                visit.end(&name, text.trim())?;
                text.clear();
            }
            Xml::Text(part) if text.len() + part.len() <= TEXT_LIMIT => text.push_str(&part),
            Xml::CData(part) if text.len() + part.len() <= TEXT_LIMIT => text.push_str(&part),
            Xml::GeneralRef(reference) => match (&*reference, reference.resolve_char_ref()) {
                (_, Ok(Some(character))) => text.push(character),
                ("amp", _) => text.push('&'),
                ("lt", _) => text.push('<'),
                ("gt", _) => text.push('>'),
                ("quot", _) => text.push('"'),
                ("apos", _) => text.push('\''),
                _ => {}
            },
            Xml::Eof if !stack.is_empty() || !seen => return Err(NOT_WELL_FORMED),
            Xml::Eof => return Ok(()),
            _ => {}
        }
    }
}
