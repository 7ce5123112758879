//! Lists, page by page.

use plimsoll_http::Request;
use serde_json_borrow::Value;

use crate::client::{attempt, network};
use crate::error::plain;
use crate::{Attempt, Client, Error, Resource};

/// Objects of a page. A server may send more, and all with an older one.
const PAGE: &str = "500";
/// Largest page in bytes: what a list holds in memory at a time.
const LARGEST_PAGE: u64 = 512 * 1024 * 1024;
/// How often a list begins anew when the server forgets its state meanwhile (after five minutes, by default).
const BEGINNINGS: u32 = 3;

/// Which objects of a kind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter<'a> {
    /// In this namespace; in all without one.
    pub namespace: Option<&'a str>,
    /// With these labels, as a selector: `app=shop,tier!=front`.
    pub labels: Option<&'a str>,
    /// With these fields, as a selector: `status.phase=Running`.
    pub fields: Option<&'a str>,
    /// Names and labels alone: the content never leaves the server.
    pub metadata_only: bool,
}

/// Some objects of a list.
#[derive(Debug)]
pub struct Page<'p, 'v> {
    /// The list begins here; what came before, if anything did, is void.
    pub first: bool,
    /// The objects. Each says its `apiVersion` and `kind`, which servers leave out in lists.
    pub items: &'p [Value<'v>],
}

/// A list that was read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// How many objects there were.
    pub count: u64,
    /// The state that the list shows: a watch goes on from there.
    pub version: String,
}

impl Client {
    /// Gives all objects of a kind to `each`, a page at a time.
    ///
    /// # Errors
    /// When a page cannot be had: what was given until then is not the whole list.
    pub fn list(
        &self,
        resource: &Resource,
        filter: &Filter<'_>,
        each: &mut dyn FnMut(&Page<'_, '_>),
    ) -> Result<Listed, Error> {
        let attempt = attempt("list", resource.to_string(), filter.namespace, None);
        for _ in 1..BEGINNINGS {
            match self.list_once(&attempt, resource, filter, each) {
                Err(Error::Expired { .. }) => {}
                answer => return answer,
            }
        }
        self.list_once(&attempt, resource, filter, each)
    }

    fn list_once(
        &self,
        attempt: &Attempt,
        resource: &Resource,
        filter: &Filter<'_>,
        each: &mut dyn FnMut(&Page<'_, '_>),
    ) -> Result<Listed, Error> {
        let path = resource.path(filter.namespace, None, None)?;
        let accept = if filter.metadata_only {
            "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
        } else {
            "application/json"
        };
        let mut count = 0;
        let mut after = String::new();
        let mut first = true;
        loop {
            let mut query = vec![("limit", PAGE)];
            query.extend(filter.labels.map(|labels| ("labelSelector", labels)));
            query.extend(filter.fields.map(|fields| ("fieldSelector", fields)));
            if !first {
                query.push(("continue", &after));
            }
            let request = |url| Request::get(url).header("accept", accept);
            let bytes = self
                .send(attempt, request, &path, &query)?
                .bytes(LARGEST_PAGE)
                .map_err(|source| network(attempt, source))?;
            let refuse = |detail: String| Error::Answer { attempt: attempt.clone(), detail };
            let page = read(&bytes, resource).map_err(refuse)?;
            count += page.items.len() as u64;
            each(&Page { first, items: &page.items });
            first = false;
            if page.after.is_empty() {
                return Ok(Listed { count, version: page.version });
            }
            if page.after == after {
                // It would never end.
                return Err(Error::Answer {
                    attempt: attempt.clone(),
                    detail: "a page says that it comes after itself".into(),
                });
            }
            after = page.after;
        }
    }
}

pub(crate) struct Read<'v> {
    pub(crate) items: Vec<Value<'v>>,
    pub(crate) after: String,
    pub(crate) version: String,
}

/// Reads a page of a list.
pub(crate) fn read<'v>(bytes: &'v [u8], resource: &'v Resource) -> Result<Read<'v>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    let page: Value<'v> = serde_json::from_str(text).map_err(|error| plain(&error.to_string()))?;
    let Value::Object(page) = page else { return Err("it is no object".into()) };
    let mut items = None;
    let (mut after, mut version) = (String::new(), String::new());
    for (key, value) in page.into_vec() {
        match (key.as_ref(), value) {
            ("items", Value::Array(list)) if items.is_none() => items = Some(list),
            // Go writes an empty list so.
            ("items", Value::Null) if items.is_none() => items = Some(Vec::new()),
            ("items", _) => return Err("its `items` are no list".into()),
            ("metadata", Value::Object(metadata)) => {
                let text = |key| metadata.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
                (after, version) = (text("continue"), text("resourceVersion"));
            }
            _ => {}
        }
    }
    // A list without `items` is not an empty list.
    let mut items = items.ok_or_else(|| "it has no `items`".to_owned())?;
    if items.iter().any(|item| !item.is_object()) {
        return Err("an item is no object".into());
    }
    let api_version = resource.api_version();
    for item in &mut items {
        name(item, resource, &api_version);
    }
    Ok(Read { items, after, version })
}

/// Lets an object say what it is. In lists of metadata it says `PartialObjectMetadata`.
pub(crate) fn name<'v>(item: &mut Value<'v>, resource: &'v Resource, api_version: &str) {
    if let Value::Object(object) = item {
        object.insert("apiVersion", Value::Str(api_version.to_owned().into()));
        object.insert("kind", Value::Str(resource.kind.as_ref().into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static PODS: Resource = Resource::new("", "v1", "pods", "Pod", true);

    #[test]
    fn items_say_what_they_are() {
        let page = br#"{"kind":"PodList","metadata":{"resourceVersion":"7","continue":"x"},"items":[{"metadata":{"name":"a"}}]}"#;
        let read = read(page, &PODS).unwrap();
        assert_eq!((read.after.as_str(), read.version.as_str(), read.items.len()), ("x", "7", 1));
        assert_eq!(read.items[0].get("kind").as_str(), Some("Pod"));
        assert_eq!(read.items[0].get("apiVersion").as_str(), Some("v1"));
    }

    #[test]
    fn what_is_no_list_is_not_an_empty_list() {
        for bad in [
            "",
            "[]",
            "{}",
            "{\"items\":{}}",
            "{\"items\":[1]}",
            "{\"items\":[{}],\"items\":[]}",
            "{\"items\":[{}]",
            "{\"kind\":\"Status\"}",
        ] {
            assert!(read(bad.as_bytes(), &PODS).is_err(), "{bad}");
        }
        assert!(read(b"\xff", &PODS).is_err());
        assert_eq!(read(b"{\"items\":null}", &PODS).unwrap().items.len(), 0);
    }
}
