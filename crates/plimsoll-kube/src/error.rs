//! Why something cannot be had from a cluster.

use std::fmt;

/// What was tried, in the words of Kubernetes' rights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// `get`, `list`, `watch`, `create`, `patch`.
    pub verb: &'static str,
    /// `pods`, `deployments.apps`, `pods/status`; a path that is no resource: `/apis`.
    pub resource: Box<str>,
    /// The namespace; `None` for all of them, and for what is in none.
    pub namespace: Option<Box<str>>,
    /// The object.
    pub name: Option<Box<str>>,
}

impl fmt::Display for Attempt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(formatter, "{} `{}/{name}`", self.verb, self.resource)?,
            None => write!(formatter, "{} `{}`", self.verb, self.resource)?,
        }
        match &self.namespace {
            Some(namespace) => write!(formatter, " in the namespace `{namespace}`"),
            None => Ok(()),
        }
    }
}

/// Why something cannot be had from a cluster.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing says which cluster.
    #[error("no cluster is named: {}", .tried.join("; "))]
    NoCluster {
        /// Where it was looked.
        tried: Vec<String>,
    },
    /// A kubeconfig that cannot be used.
    #[error("cannot use the kubeconfig `{file}`: {detail}")]
    Kubeconfig {
        /// The file.
        file: String,
        /// What is wrong.
        detail: String,
    },
    /// A file that holds a credential or an authority.
    #[error("cannot read `{file}`: {detail}")]
    File {
        /// The file.
        file: String,
        /// Why.
        detail: String,
    },
    /// The program that gives credentials.
    #[error("the program `{command}` gave no credentials: {detail}")]
    Plugin {
        /// The program.
        command: String,
        /// What went wrong.
        detail: String,
        /// What the kubeconfig says of how it is installed.
        hint: Option<String>,
    },
    /// Something that cannot stand in an address: no cluster has such a name.
    #[error("`{name}` is no name of a {what}")]
    Name {
        /// Of what.
        what: &'static str,
        /// As given, shortened.
        name: String,
    },
    /// The right is missing.
    #[error("no right to {attempt}")]
    Forbidden {
        /// Which right.
        attempt: Attempt,
        /// What the server said.
        said: String,
    },
    /// The server does not know us.
    #[error("cannot {attempt}: the credentials are not accepted")]
    Unauthorized {
        /// What for.
        attempt: Attempt,
    },
    /// What was asked for is not there.
    #[error("cannot {attempt}: it is not there")]
    NotFound {
        /// What.
        attempt: Attempt,
    },
    /// The state that was asked for is forgotten.
    #[error("cannot {attempt}: the server has forgotten the state that it began with")]
    Expired {
        /// What for.
        attempt: Attempt,
    },
    /// The server refused for another reason.
    #[error("cannot {attempt}: the server answered {status} {reason}: {said}")]
    Refused {
        /// What.
        attempt: Attempt,
        /// HTTP status.
        status: u16,
        /// Kubernetes' word for it: `Conflict`, `Invalid`.
        reason: String,
        /// What the server said.
        said: String,
    },
    /// The network.
    #[error("cannot {attempt}")]
    Network {
        /// What for.
        attempt: Attempt,
        /// Why.
        #[source]
        source: Box<plimsoll_http::Error>,
    },
    /// An answer that is none.
    #[error("cannot {attempt}: the answer cannot be understood: {detail}")]
    Answer {
        /// What for.
        attempt: Attempt,
        /// What is wrong with it.
        detail: String,
    },
    /// A setting of the network is wrong.
    #[error(transparent)]
    Setting(#[from] plimsoll_http::Error),
}

impl Error {
    /// The refusal of a server as an error: `body` is a `Status` of Kubernetes, or whatever a proxy between says.
    pub(crate) fn refusal(attempt: Attempt, status: u16, body: &[u8]) -> Self {
        /// `meta/v1` Status, as far as it is told.
        #[derive(Default, serde::Deserialize)]
        #[serde(default)]
        struct Status {
            message: Option<String>,
            reason: Option<String>,
        }
        let said: Status = serde_json::from_slice(body).unwrap_or_else(|_| Status {
            message: Some(String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned()),
            reason: None,
        });
        let reason = plain(&said.reason.unwrap_or_default());
        let said = plain(&said.message.unwrap_or_default());
        match status {
            401 => Error::Unauthorized { attempt },
            403 => Error::Forbidden { attempt, said },
            404 => Error::NotFound { attempt },
            410 => Error::Expired { attempt },
            _ => Error::Refused { attempt, status, reason, said },
        }
    }

    /// The right that is missing.
    pub fn missing_right(&self) -> Option<&Attempt> {
        match self {
            Error::Forbidden { attempt, .. } => Some(attempt),
            _ => None,
        }
    }

    /// May the same work in a moment?
    pub fn is_temporary(&self) -> bool {
        match self {
            Error::Network { source, .. } => source.is_temporary(),
            Error::Refused { status, .. } => matches!(status, 408 | 429 | 500 | 502 | 503 | 504),
            // What was half sent.
            Error::Answer { .. } => true,
            _ => false,
        }
    }

    /// What may help.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::NoCluster { .. } => Some("name a kubeconfig with --kubeconfig or KUBECONFIG".into()),
            Error::Plugin { hint, .. } => hint.clone(),
            Error::Unauthorized { .. } => {
                Some("`kubectl auth whoami` says what the cluster thinks of these credentials".into())
            }
            Error::Forbidden { attempt, .. } => {
                let scope = match &attempt.namespace {
                    Some(namespace) => format!(" --namespace {namespace}"),
                    None => " --all-namespaces".to_owned(),
                };
                Some(format!("check with: kubectl auth can-i {} {}{scope}", attempt.verb, attempt.resource))
            }
            _ => None,
        }
    }
}

/// What a server said, on one line and of bounded length.
pub(crate) fn plain(text: &str) -> String {
    plimsoll_http::bounded(text, 400)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt() -> Attempt {
        crate::client::attempt("list", "pods".into(), Some("shop"), None)
    }

    #[test]
    fn a_refusal_names_the_right() {
        let body = br#"{"kind":"Status","reason":"Forbidden","message":"pods is forbidden\u001b[31m"}"#;
        let error = Error::refusal(attempt(), 403, body);
        assert_eq!(error.to_string(), "no right to list `pods` in the namespace `shop`");
        assert_eq!(error.missing_right(), Some(&attempt()));
        assert!(error.hint().unwrap().ends_with("can-i list pods --namespace shop"));
        let Error::Forbidden { said, .. } = error else { panic!() };
        assert!(!said.contains('\u{1b}') && said.starts_with("pods is forbidden"));
    }

    #[test]
    fn what_a_proxy_says_is_told_too() {
        let error = Error::refusal(attempt(), 502, b"<html>Bad gateway</html>");
        assert!(error.is_temporary() && error.to_string().contains("Bad gateway"), "{error}");
        assert!(matches!(Error::refusal(attempt(), 410, b""), Error::Expired { .. }));
    }
}
