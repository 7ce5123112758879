//! Trust roots: the authorities and logs that keyless signatures are checked against.

use sigstore_verify::Verifier;
use sigstore_verify::trust_root::{SigstoreInstance, TrustedRoot};
use sigstore_verify::types::TimeRange;

use crate::Error;

/// One trust root, ready to verify with. Preparing it costs some 100 µs, so it is made once.
pub struct Root {
    name: String,
    pub(crate) material: TrustedRoot,
    pub(crate) verifier: Verifier,
    window: Window,
}

/// Since when and until when new signatures can be verified with a root, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The newest of its kinds of authorities is valid since.
    pub since: Option<i64>,
    /// The first of its kinds of authorities has no valid member after this moment; `None` when no end is set.
    pub until: Option<i64>,
}

impl Root {
    /// A root whose snapshot is built in: `sigstore` (the public good instance), `sigstore-staging` or `github`
    /// (attestations of private repositories). `None` for other names.
    ///
    /// # Errors
    /// When the snapshot cannot be used, which a test excludes.
    pub fn builtin(name: &str) -> Option<Result<Self, Error>> {
        let instance = match name {
            "sigstore" => SigstoreInstance::PublicGood,
            "sigstore-staging" => SigstoreInstance::Staging,
            "github" => SigstoreInstance::GitHub,
            _ => return None,
        };
        Some(Self::from_json(name, instance.embedded_trusted_root_json()))
    }

    /// A `trusted_root.json` (`application/vnd.dev.sigstore.trustedroot+json`), as `cosign trusted-root create` or a TUF
    /// repository gives it.
    pub fn from_json(name: &str, json: &str) -> Result<Self, Error> {
        let fault =
            |source: Box<dyn std::error::Error + Send + Sync>| Error::Root { name: name.to_owned(), source };
        let material = TrustedRoot::from_json(json).map_err(|source| fault(Box::new(source)))?;
        let verifier = Verifier::new(&material).map_err(|source| fault(Box::new(source)))?;
        let window = window(&material);
        Ok(Root { name: name.to_owned(), material, verifier, window })
    }

    /// Its name, as given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When it can be used for new signatures.
    pub fn window(&self) -> Window {
        self.window
    }
}

impl std::fmt::Debug for Root {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Root")
            .field("name", &self.name)
            .field("window", &self.window)
            .finish_non_exhaustive()
    }
}

/// A signature needs one valid member of every kind that the root has: the kind that ends first ends the root.
fn window(material: &TrustedRoot) -> Window {
    let kinds: [Vec<Option<TimeRange>>; 4] = [
        material.certificate_authorities.iter().map(|authority| authority.valid_for).collect(),
        material.tlogs.iter().map(|log| log.public_key.valid_for).collect(),
        material.ctlogs.iter().map(|log| log.public_key.valid_for).collect(),
        material.timestamp_authorities.iter().map(|authority| authority.valid_for).collect(),
    ];
    let mut window = Window { since: None, until: None };
    for ranges in kinds.iter().filter(|ranges| !ranges.is_empty()) {
        let since = ranges.iter().filter_map(|range| range.map(|range| range.start.as_second())).min();
        window.since = window.since.max(since);
        let open = ranges.iter().any(|range| range.is_none_or(|range| range.end.is_none()));
        if !open {
            let ends = ranges.iter().filter_map(|range| Some(range.as_ref()?.end?.as_second()));
            let until = ends.max();
            window.until = [window.until, until].into_iter().flatten().min();
        }
    }
    window
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_roots_can_be_used() {
        for name in ["sigstore", "sigstore-staging", "github"] {
            let root = Root::builtin(name).expect("known").expect("usable");
            assert_eq!(root.name(), name);
            assert!(root.window().since.is_some_and(|since| since > 1_600_000_000), "{root:?}");
        }
        assert!(Root::builtin("else").is_none());
    }

    #[test]
    fn what_is_no_root_is_refused_by_name() {
        for text in ["", "{", "[]", "{\"mediaType\": 3}"] {
            let error = Root::from_json("ours.json", text).expect_err("no root");
            assert!(error.to_string().contains("ours.json"), "{error}");
        }
    }
}
