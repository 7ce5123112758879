//! What is asked of rules: one operation on one object.

use crate::Json;
use crate::selector::member;

/// What is being done with an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Operation {
    /// It is new.
    #[default]
    Create,
    /// It changes.
    Update,
    /// It goes.
    Delete,
    /// Something connects to it.
    Connect,
    /// Nothing: it is looked at where it lies (a file, a running cluster).
    Look,
}

impl Operation {
    /// As the API writes it; nothing for an object that is only looked at.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Operation::Create => Some("CREATE"),
            Operation::Update => Some("UPDATE"),
            Operation::Delete => Some("DELETE"),
            Operation::Connect => Some("CONNECT"),
            Operation::Look => None,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Operation::Create, Operation::Update, Operation::Delete, Operation::Connect]
            .into_iter()
            .find(|operation| operation.name() == Some(text))
    }
}

/// One operation on one object.
#[derive(Clone, Copy, Debug, Default)]
pub struct Review<'a> {
    /// Group of the API; empty for the core.
    pub group: &'a str,
    /// Version of the API.
    pub version: &'a str,
    /// `Pod`.
    pub kind: &'a str,
    /// `pods`; empty when only the object is known.
    pub resource: &'a str,
    /// `ephemeralcontainers`; empty for the object itself.
    pub subresource: &'a str,
    /// Name of the object.
    pub name: &'a str,
    /// Its namespace; empty for what has none.
    pub namespace: &'a str,
    /// What is being done.
    pub operation: Operation,
    /// The object as it is to be.
    pub object: Option<&'a Json<'a>>,
    /// The object as it was.
    pub old_object: Option<&'a Json<'a>>,
    /// The namespace as an object, where it is known.
    pub namespace_object: Option<&'a Json<'a>>,
    /// Who does it.
    pub user: Option<&'a Json<'a>>,
    /// The request as it came, where there was one.
    pub request: Option<&'a Json<'a>>,
}

impl<'a> Review<'a> {
    /// An object that is looked at where it lies.
    pub fn of_object(object: &'a Json<'a>, operation: Operation) -> Self {
        let api = text(object, &["apiVersion"]);
        let (group, version) = api.split_once('/').unwrap_or(("", api));
        Review {
            group,
            version,
            kind: text(object, &["kind"]),
            name: text(object, &["metadata", "name"]),
            namespace: text(object, &["metadata", "namespace"]),
            operation,
            object: Some(object),
            ..Review::default()
        }
    }

    /// The request of an `AdmissionReview` (`admission.k8s.io/v1`, `v1beta1`); nothing when it is none.
    pub fn of_request(review: &'a Json<'a>) -> Option<Self> {
        let request = member(review, "request")?;
        let some = |key: &str| member(request, key).filter(|value| !value.is_null());
        let object = some("object");
        Some(Review {
            group: text(request, &["kind", "group"]),
            version: text(request, &["kind", "version"]),
            kind: text(request, &["kind", "kind"]),
            resource: text(request, &["resource", "resource"]),
            subresource: text(request, &["subResource"]),
            name: text(request, &["name"]),
            namespace: text(request, &["namespace"]),
            operation: Operation::parse(text(request, &["operation"])).unwrap_or(Operation::Look),
            object,
            old_object: some("oldObject"),
            namespace_object: None,
            user: some("userInfo"),
            request: Some(request),
        })
    }

    /// The object that selectors look at: the new one, or the old one where there is no new one.
    pub(crate) fn subject(&self) -> Option<&'a Json<'a>> {
        self.object.or(self.old_object)
    }
}

/// A text below an object; empty when there is none.
pub(crate) fn text<'v>(value: &'v Json<'_>, path: &[&str]) -> &'v str {
    let mut at = Some(value);
    for key in path {
        at = at.and_then(|value| member(value, key));
    }
    at.and_then(Json::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_objects() {
        let value = serde_json::json!({"request": {
            "kind": {"group": "apps", "version": "v1", "kind": "Deployment"}, "operation": "UPDATE",
            "resource": {"resource": "deployments"}, "name": "a", "namespace": "b", "object": {"x": 1}, "oldObject": null,
        }});
        let json = Json::from(&value);
        let review = Review::of_request(&json).expect("a request");
        assert_eq!((review.group, review.kind, review.resource), ("apps", "Deployment", "deployments"));
        assert_eq!(review.operation, Operation::Update);
        assert!(review.old_object.is_none() && review.object.is_some());
        assert!(Review::of_request(&Json::Null).is_none());
    }
}
