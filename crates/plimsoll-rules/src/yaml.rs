//! YAML as Kubernetes' tools write it: several documents, lists of objects.

use plimsoll_model::headline;
use serde_json::Value;

/// Largest text in bytes.
const LARGEST: usize = 32 * 1024 * 1024;

/// The objects of a text in YAML or JSON, lists (`kind: List`) taken apart, empty documents left out.
///
/// # Errors
/// When it is neither, with the line.
pub fn documents(text: &str) -> Result<Vec<Value>, String> {
    if text.len() > LARGEST {
        return Err(format!("larger than {LARGEST} bytes"));
    }
    let read: Vec<Value> =
        serde_saphyr::from_multiple(text).map_err(|error| headline(&error.to_string()).to_owned())?;
    let mut out = Vec::with_capacity(read.len());
    for document in read {
        let is_list = document["kind"].as_str().is_some_and(|kind| kind.ends_with("List"));
        match document {
            Value::Null => {}
            Value::Object(mut list) if is_list && list.get("items").is_some_and(Value::is_array) => {
                if let Some(Value::Array(items)) = list.remove("items") {
                    out.extend(items);
                }
            }
            other => out.push(other),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::documents;

    #[test]
    fn lists_are_taken_apart() {
        let text = "a: 1\n---\n---\nkind: PodList\nitems: [{b: 1}, {c: 2}]\n";
        assert_eq!(documents(text).expect("documents").len(), 3);
        assert!(documents("a: [").is_err());
        assert!(documents("{\"a\": 1}").is_ok());
    }
}
