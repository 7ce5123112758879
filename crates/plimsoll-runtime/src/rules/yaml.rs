//! YAML as a tree of values that know their place.
//!
//! Values lie in one vector and name their parts by number: an alias costs nothing, and nothing recurses by the depth
//! of the input. Depth, size and number of values are bounded.

use std::collections::BTreeMap;

use granit_parser::{Event, Parser, ScalarStyle};

use super::{Error, Place};

/// Values in one file, those behind aliases counted at each, and one more for every 64 bytes of text: a list of 100,000
/// entries is a twentieth of it.
const MOST_VALUES: usize = 2_000_000;

/// Containers inside containers; rules need six.
const DEEPEST: usize = 64;

/// A value of a [`Tree`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Id(u32);

/// A value and where it begins.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
}

#[derive(Debug)]
pub(super) enum Value {
    /// A text, with whether it stood without quotes on one line or several.
    Text {
        text: String,
        plain: bool,
    },
    List(Vec<Id>),
    /// In the order of the file. A key that is repeated is an error.
    Map(Vec<(String, Place, Id)>),
}

/// All values of a file.
#[derive(Debug, Default)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    /// The documents of the file.
    pub(super) roots: Vec<Id>,
    /// What counts against [`MOST_VALUES`].
    weight: usize,
}

/// A container that is not complete: what it is, the key whose value comes next, its anchor, the weight before it.
struct Open {
    id: Id,
    key: Option<(String, Place)>,
    anchor: usize,
    weight: usize,
}

impl Tree {
    pub(super) fn get(&self, id: Id) -> &Node {
        &self.nodes[id.0 as usize]
    }

    fn weigh(&mut self, place: Place, weight: usize) -> Result<(), Error> {
        self.weight += weight;
        if self.weight > MOST_VALUES {
            return Err(Error::at(place, format!("more than {MOST_VALUES} values in one file")));
        }
        Ok(())
    }

    fn add(&mut self, place: Place, value: Value) -> Result<Id, Error> {
        self.weigh(place, 1 + if let Value::Text { text, .. } = &value { text.len() / 64 } else { 0 })?;
        let id = Id(u32::try_from(self.nodes.len()).expect("fewer than MOST_VALUES"));
        self.nodes.push(Node { place, value });
        Ok(id)
    }

    /// Reads a file.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let options = granit_parser::options! { emit_comments: false };
        let mut tree = Self::default();
        let mut open: Vec<Open> = Vec::new();
        // Complete values by their anchors, with their weight.
        let mut anchors: BTreeMap<usize, (Id, usize)> = BTreeMap::new();
        for event in Parser::new_from_str_with_options(text, options) {
            let (event, span) = event.map_err(|error| {
                let marker = error.marker();
                Error::at(Place::new(marker.line(), marker.col() + 1), error.info().clone())
            })?;
            let place = Place::new(span.start.line(), span.start.col() + 1);
            let key_expected = matches!(
                open.last(),
                Some(Open { id, key: None, .. }) if matches!(tree.get(*id).value, Value::Map(_))
            );
            let (value, anchor) = match event {
                Event::Scalar(text, _, _, _) if key_expected => {
                    let Some(Open { id, key, .. }) = open.last_mut() else { continue };
                    if let Value::Map(members) = &tree.get(*id).value
                        && members.len() < 64
                        && members.iter().any(|(name, ..)| *name == *text)
                    {
                        return Err(Error::at(place, format!("`{text}` stands here twice")));
                    }
                    *key = Some((text.into_owned(), place));
                    continue;
                }
                _ if key_expected && matches!(event, Event::SequenceStart(..) | Event::MappingStart(..)) => {
                    return Err(Error::at(place, "a key must be a text".to_owned()));
                }
                Event::Scalar(text, style, anchor, _) => {
                    let plain = style == ScalarStyle::Plain;
                    (Value::Text { text: text.into_owned(), plain }, anchor)
                }
                Event::SequenceStart(_, anchor, _) => (Value::List(Vec::new()), anchor),
                Event::MappingStart(_, anchor, _) => (Value::Map(Vec::new()), anchor),
                Event::SequenceEnd | Event::MappingEnd => {
                    if let Some(Open { id, anchor, weight, .. }) = open.pop()
                        && anchor != 0
                    {
                        anchors.insert(anchor, (id, tree.weight - weight));
                    }
                    continue;
                }
                Event::Alias(anchor) => {
                    let Some((id, weight)) = anchors.get(&anchor).copied() else {
                        return Err(Error::at(place, "an alias of what is not complete yet".to_owned()));
                    };
                    tree.weigh(place, weight)?;
                    tree.attach(&mut open, id);
                    continue;
                }
                _ => continue,
            };
            let container = !matches!(value, Value::Text { .. });
            let weight = tree.weight;
            let id = tree.add(place, value)?;
            if anchor != 0 && !container {
                anchors.insert(anchor, (id, tree.weight - weight));
            }
            tree.attach(&mut open, id);
            if container {
                if open.len() >= DEEPEST {
                    return Err(Error::at(place, format!("values nest deeper than {DEEPEST}")));
                }
                open.push(Open { id, key: None, anchor, weight });
            }
        }
        Ok(tree)
    }

    fn attach(&mut self, open: &mut [Open], id: Id) {
        let Some(Open { id: parent, key, .. }) = open.last_mut() else {
            self.roots.push(id);
            return;
        };
        match (&mut self.nodes[parent.0 as usize].value, key.take()) {
            (Value::List(items), _) => items.push(id),
            (Value::Map(members), Some((name, place))) => members.push((name, place, id)),
            _ => {}
        }
    }
}
