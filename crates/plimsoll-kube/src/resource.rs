//! Kinds of objects, and where they are found.

use std::borrow::Cow;
use std::fmt;

use plimsoll_model::shortened;

use crate::Error;

/// A kind of objects as the server calls it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resource {
    /// Group; empty for the core.
    pub group: Cow<'static, str>,
    /// `v1`.
    pub version: Cow<'static, str>,
    /// Name in addresses and rights: `deployments`.
    pub plural: Cow<'static, str>,
    /// `Deployment`.
    pub kind: Cow<'static, str>,
    /// Whether its objects are in namespaces.
    pub namespaced: bool,
}

impl Resource {
    /// One that is known without asking.
    pub const fn new(
        group: &'static str,
        version: &'static str,
        plural: &'static str,
        kind: &'static str,
        namespaced: bool,
    ) -> Self {
        Resource {
            group: Cow::Borrowed(group),
            version: Cow::Borrowed(version),
            plural: Cow::Borrowed(plural),
            kind: Cow::Borrowed(kind),
            namespaced,
        }
    }

    /// `apps/v1`, or `v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_string()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// Where its objects are; with `name` that one, and with `subresource` a part of it.
    ///
    /// # Errors
    /// When something that is to stand in the path is no name: it may come from a file or from another server.
    pub(crate) fn path(
        &self,
        namespace: Option<&str>,
        name: Option<&str>,
        subresource: Option<&str>,
    ) -> Result<String, Error> {
        let parts = [
            ("group", (!self.group.is_empty()).then_some(self.group.as_ref())),
            ("version", Some(self.version.as_ref())),
            ("resource", Some(self.plural.as_ref())),
            ("namespace", namespace),
            ("object", name),
            ("subresource", subresource),
        ];
        for (what, part) in parts {
            if let Some(part) = part.filter(|part| !is_name(part)) {
                return Err(Error::Name { what, name: shortened(part) });
            }
        }
        let mut path =
            if self.group.is_empty() { "/api".to_owned() } else { format!("/apis/{}", self.group) };
        path.extend(["/", &self.version]);
        if let Some(namespace) = namespace {
            path.extend(["/namespaces/", namespace]);
        }
        path.extend(["/", &self.plural]);
        for part in [name, subresource].into_iter().flatten() {
            path.extend(["/", part]);
        }
        Ok(path)
    }
}

/// As rights name it: `deployments.apps`.
impl fmt::Display for Resource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.plural)?;
        if self.group.is_empty() { Ok(()) } else { write!(formatter, ".{}", self.group) }
    }
}

/// Could it be a name in an address? Names of roles may hold colons; nothing may hold a slash or be `..`.
pub(crate) fn is_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b':');
    !text.is_empty() && text.len() <= 253 && text.bytes().all(fits) && text != "." && text != ".."
}

/// A group of the server, and what it offers in the version that it prefers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its name; empty for the core.
    pub name: String,
    /// Versions, the preferred one first.
    pub versions: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let pods = Resource::new("", "v1", "pods", "Pod", true);
        assert_eq!(pods.path(None, None, None).unwrap(), "/api/v1/pods");
        assert_eq!(
            pods.path(Some("shop"), Some("a-1"), Some("status")).unwrap(),
            "/api/v1/namespaces/shop/pods/a-1/status"
        );
        let roles = Resource::new("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", false);
        assert_eq!(
            roles.path(None, Some("system:auth"), None).unwrap(),
            "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:auth"
        );
        assert_eq!(roles.to_string(), "clusterroles.rbac.authorization.k8s.io");
    }

    #[test]
    fn what_is_no_name_never_stands_in_an_address() {
        let pods = Resource::new("", "v1", "pods", "Pod", true);
        for bad in ["", "..", ".", "a/b", "a?b", "a b", "ä", "%2e", &"a".repeat(254)] {
            assert!(pods.path(Some(bad), None, None).is_err(), "{bad}");
            assert!(pods.path(None, Some(bad), None).is_err(), "{bad}");
        }
    }
}
