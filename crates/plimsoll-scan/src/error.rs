//! Why a use case could not be carried out. What was only partly readable is a problem in the report, not an error.

use std::io;

/// Why a target could not be scanned at all.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// A saved report of another form, or damaged.
    #[error("`{path}` is no report that this version can read: {detail}")]
    SavedReport {
        /// The file.
        path: String,
        /// What is wrong.
        detail: String,
    },
    /// There is nothing at the place that was named.
    #[error("`{target}` does not exist")]
    NotFound {
        /// As typed.
        target: String,
        /// A neighbour with nearly that name.
        near: Option<String>,
    },
    /// There is something, but nothing that can be scanned.
    #[error("`{target}` is neither an image, nor an SBOM, nor a directory")]
    NoTarget {
        /// As typed.
        target: String,
        /// What to do.
        hint: String,
    },
    /// There is something that holds files, in a form that is not read.
    #[error("`{target}` is {form}, which is not covered: nothing of it was read")]
    NotCovered {
        /// As typed.
        target: String,
        /// What it is.
        form: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// A registry lists nothing there that could be scanned.
    #[error("the registry lists no image below `{place}` whose tags fit")]
    NothingBelow {
        /// Host and prefix.
        place: String,
    },
    /// None of the places that were asked has it.
    #[error("no {kind} `{name}` was found: {}", tried.join("; "))]
    Nowhere {
        /// Image or container.
        kind: &'static str,
        /// As typed.
        name: String,
        /// What each place said.
        tried: Vec<String>,
        /// What to do.
        hint: Option<String>,
    },
    /// The images could not be opened, or it is not clear which is meant.
    #[error(transparent)]
    Image(#[from] plimsoll_oci::Error),
    /// The repository could not be fetched.
    #[error(transparent)]
    Git(#[from] crate::git::GitError),
    /// A folder of which only tracked files are asked for, and which are is not known.
    #[error("which files of `{path}` git tracks is not known{}", detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default())]
    Untold {
        /// The folder.
        path: String,
        /// Why, where it seems to be a work tree.
        detail: Option<String>,
    },
    /// The advisory database could not be used.
    #[error(transparent)]
    Database(#[from] plimsoll_advisory::Error),
    /// A key, trust root or pattern that cannot be used.
    #[error(transparent)]
    Trust(#[from] plimsoll_trust::Error),
    /// The SBOM could not be read.
    #[error("cannot read the SBOM `{path}`")]
    Sbom {
        /// Where it is.
        path: String,
        /// What is wrong with it.
        #[source]
        source: plimsoll_format::sbom::Error,
    },
    /// A file could not be read.
    #[error("cannot read `{path}`")]
    Read {
        /// Where it is.
        path: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A VEX document could not be read.
    #[error("cannot use the VEX document `{path}`: {reason}")]
    Vex {
        /// Where it is.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl ScanError {
    /// Was it asked for in a way that cannot work, rather than tried and failed?
    pub fn is_usage(&self) -> bool {
        match self {
            ScanError::Image(error) => error.is_usage(),
            ScanError::Git(error) => error.is_usage(),
            ScanError::NotFound { .. }
            | ScanError::Untold { detail: None, .. }
            | ScanError::NoTarget { .. }
            | ScanError::NothingBelow { .. }
            | ScanError::Vex { .. } => true,
            // What services of others answer is nobody's mistake here.
            ScanError::Trust(error) => !matches!(error, plimsoll_trust::Error::Keyless { .. }),
            ScanError::Database(_)
            | ScanError::Sbom { .. }
            | ScanError::SavedReport { .. }
            | ScanError::NotCovered { .. }
            | ScanError::Nowhere { .. }
            | ScanError::Untold { .. }
            | ScanError::Read { .. } => false,
        }
    }

    /// What to type next.
    pub fn hint(&self) -> Option<String> {
        match self {
            ScanError::NotFound { near: Some(near), .. } => Some(format!("did you mean `{near}`?")),
            ScanError::Image(error) => error.hint(),
            ScanError::Git(error) => error.hint().map(str::to_owned),
            ScanError::Untold { .. } => Some("leave out --git-tracked-only to read all files".to_owned()),
            ScanError::NothingBelow { .. } => Some(
                "check the prefix and --tags; a registry may list only what these credentials may read"
                    .to_owned(),
            ),
            ScanError::Nowhere { hint, .. } => hint.clone(),
            ScanError::NoTarget { hint, .. } => Some(hint.clone()),
            ScanError::NotCovered { hint, .. } => Some((*hint).to_owned()),
            _ => None,
        }
    }
}
