//! Credentials from a program (`exec` in a kubeconfig), as cloud providers have them.
//!
//! Protocol: `client.authentication.k8s.io/v1` and `v1beta1`. The program gets no terminal: one that wants to ask a person
//! something ends with an error instead of waiting.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_http::{Identity, Pem, Secret, Url};
use plimsoll_model::shortened;
use serde::Deserialize;

use crate::Error;
use crate::error::plain;
use crate::kubeconfig::{Cluster, Exec, Material};

/// Most that a program may say in bytes.
const LARGEST: u64 = 1024 * 1024;
/// Longest time that a program may take.
const LONGEST: Duration = Duration::from_mins(1);
/// Versions of the protocol.
const VERSIONS: [&str; 2] = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];

/// A program that gives credentials.
#[derive(Clone)]
pub(crate) struct Plugin {
    command: PathBuf,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
    version: String,
    hint: Option<String>,
    longest: Duration,
}

/// What a program gave.
pub(crate) struct Given {
    pub(crate) token: Option<Secret>,
    pub(crate) identity: Option<Identity>,
    /// When it ends.
    pub(crate) until: Option<SystemTime>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    api_version: String,
    kind: String,
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
    expiration_timestamp: Option<String>,
}

impl Plugin {
    pub(crate) fn new(
        exec: &Exec,
        cluster: &Cluster,
        server: &Url,
        folder: Option<&Path>,
    ) -> Result<Self, Error> {
        let refuse = |detail: String| Error::Plugin {
            command: shortened(&exec.command),
            detail,
            hint: exec.install_hint.as_deref().map(plain),
        };
        let version = exec.api_version.clone().unwrap_or_default();
        if !VERSIONS.contains(&version.as_str()) {
            let detail = format!(
                "the kubeconfig asks for `{}`; supported are {}",
                shortened(&version),
                VERSIONS.join(" and ")
            );
            return Err(refuse(detail));
        }
        if exec.command.is_empty() {
            return Err(refuse("the kubeconfig names no command".into()));
        }
        let mut spec = serde_json::json!({ "interactive": false });
        if exec.provide_cluster_info == Some(true) {
            let mut info = serde_json::json!({ "server": server.with_secrets() });
            match cluster.authority()? {
                Some(Material::Data(bytes)) => {
                    info["certificate-authority-data"] = STANDARD.encode(bytes).into();
                }
                Some(Material::File(path)) => {
                    info["certificate-authority-data"] = STANDARD.encode(crate::access::text(&path)?).into();
                }
                None => {}
            }
            let texts = [("tls-server-name", &cluster.tls_server_name), ("proxy-url", &cluster.proxy_url)];
            for (key, value) in texts {
                if let Some(value) = value {
                    info[key] = value.as_str().into();
                }
            }
            if cluster.is_insecure() {
                info["insecure-skip-tls-verify"] = true.into();
            }
            spec["cluster"] = info;
        }
        let info = serde_json::json!({ "apiVersion": version, "kind": "ExecCredential", "spec": spec });
        let mut variables: Vec<(String, String)> = exec
            .env
            .iter()
            .flatten()
            .map(|variable| (variable.name.clone(), variable.value.clone().unwrap_or_default()))
            .collect();
        variables.push(("KUBERNETES_EXEC_INFO".into(), info.to_string()));
        let command = match folder {
            Some(folder) if exec.command.contains('/') => folder.join(&exec.command),
            _ => PathBuf::from(&exec.command),
        };
        Ok(Plugin {
            command,
            arguments: exec.args.clone().unwrap_or_default(),
            variables,
            version,
            hint: exec.install_hint.as_deref().map(plain),
            longest: LONGEST,
        })
    }

    fn refuse(&self, detail: String) -> Error {
        Error::Plugin { command: self.command.display().to_string(), detail, hint: self.hint.clone() }
    }

    /// Runs it.
    pub(crate) fn run(&self) -> Result<Given, Error> {
        let mut child = Command::new(&self.command)
            .args(&self.arguments)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| self.refuse(error.to_string()))?;
        let (sender, receiver) = mpsc::channel();
        let streams: [Option<Box<dyn std::io::Read + Send>>; 2] = [
            child.stdout.take().map(|stream| Box::new(stream) as _),
            child.stderr.take().map(|stream| Box::new(stream) as _),
        ];
        for (index, stream) in streams.into_iter().enumerate() {
            let sender = sender.clone();
            std::thread::spawn(move || {
                let mut bytes = Vec::new();
                if let Some(stream) = stream {
                    let _ = stream.take(LARGEST + 1).read_to_end(&mut bytes);
                }
                let _ = sender.send((index, bytes));
            });
        }
        let mut said = [Vec::new(), Vec::new()];
        for _ in 0..2 {
            match receiver.recv_timeout(self.longest) {
                Ok((index, bytes)) => said[index] = bytes,
                Err(_) => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(
                        self.refuse(format!("it did not end within {} s", self.longest.as_secs_f32()))
                    );
                }
            }
        }
        let [out, errors] = said;
        if out.len() as u64 > LARGEST || errors.len() as u64 > LARGEST {
            let _ = child.kill();
            let _ = child.wait();
            return Err(self.refuse(format!("it said more than {LARGEST} bytes")));
        }
        let status = child.wait().map_err(|error| self.refuse(error.to_string()))?;
        if !status.success() {
            let errors = String::from_utf8_lossy(&errors);
            let last = errors.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
            return Err(self.refuse(plain(&format!("it ended with {status}: {last}"))));
        }
        self.read(&out)
    }

    fn read(&self, out: &[u8]) -> Result<Given, Error> {
        // What it said is a secret, also where it is no JSON.
        let document: Document = serde_json::from_slice(out).map_err(|error| {
            self.refuse(format!(
                "what it printed is no ExecCredential: line {}, column {}",
                error.line(),
                error.column()
            ))
        })?;
        if document.kind != "ExecCredential" || document.api_version != self.version {
            let (kind, version) = (shortened(&document.kind), shortened(&document.api_version));
            return Err(self.refuse(format!(
                "it printed `{kind}` of `{version}`, not ExecCredential of `{}`",
                self.version
            )));
        }
        let status = document.status.ok_or_else(|| self.refuse("its answer has no status".into()))?;
        let token = status.token.filter(|token| !token.is_empty()).map(|token| Secret::bearer(token.trim()));
        let content = |name: &str, text: String| Pem::Content {
            name: format!("{name} of `{}`", self.command.display()),
            bytes: text.into_bytes().into(),
        };
        let identity = match (status.client_certificate_data, status.client_key_data) {
            (Some(certificate), Some(key)) => Some(Identity {
                certificate: content("the certificate", certificate),
                key: content("the key", key),
            }),
            (None, None) => None,
            _ => return Err(self.refuse("it gave a certificate without its key, or a key alone".into())),
        };
        if token.is_none() && identity.is_none() {
            return Err(self.refuse("its answer holds neither token nor certificate".into()));
        }
        let until = match status.expiration_timestamp.as_deref() {
            None => None,
            Some(text) => {
                let moment: jiff::Timestamp =
                    text.parse().map_err(|_| self.refuse(format!("`{}` is no time", shortened(text))))?;
                let since = Duration::from_secs(u64::try_from(moment.as_second()).unwrap_or(0));
                Some(SystemTime::UNIX_EPOCH + since)
            }
        };
        Ok(Given { token, identity, until })
    }
}

/// What fuzzing calls: any bytes as the answer of a program.
pub(crate) fn read_any(bytes: &[u8]) {
    let plugin = Plugin {
        command: "any".into(),
        arguments: Vec::new(),
        variables: Vec::new(),
        version: VERSIONS[0].into(),
        hint: None,
        longest: LONGEST,
    };
    if let Ok(given) = plugin.read(bytes) {
        assert!(given.token.is_some() || given.identity.is_some(), "credentials that are none");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Plugin {
        Plugin {
            command: "sh".into(),
            arguments: vec!["-c".into(), script.into()],
            variables: vec![("ANSWER".into(), "to all".into())],
            version: VERSIONS[0].into(),
            hint: Some("install it".into()),
            longest: Duration::from_millis(500),
        }
    }

    fn answer(status: &str) -> String {
        format!(
            "printf '%s' '{{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{status}}}'"
        )
    }

    #[test]
    fn tokens_certificates_and_their_end() {
        let given = shell(&answer(r#"{"token":"s3cret","expirationTimestamp":"2026-11-26T08:00:00Z"}"#))
            .run()
            .unwrap();
        assert!(given.token == Some(Secret::bearer("s3cret")) && given.identity.is_none());
        let until = given.until.unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(until.as_secs(), 1_795_680_000);
        let given =
            shell(&answer(r#"{"clientCertificateData":"a","clientKeyData":"s3cret"}"#)).run().unwrap();
        assert!(!format!("{:?}", given.identity.unwrap()).contains("s3cret"));
    }

    #[test]
    fn what_is_no_credential_is_an_error_that_tells_no_secret() {
        let check = |script: &str, expected: &str| {
            let error = shell(script).run().err().unwrap_or_else(|| panic!("{script}"));
            assert!(error.to_string().contains(expected), "{error}");
            assert!(!error.to_string().contains("s3cret"), "{error}");
            assert_eq!(error.hint().as_deref(), Some("install it"));
        };
        check("exit 3", "ended with exit status: 3");
        check("echo why >&2; exit 1", ": why");
        check("echo s3cret", "no ExecCredential");
        check(&answer("{}"), "neither token nor certificate");
        check(&answer(r#"{"clientKeyData":"s3cret"}"#), "without its key");
        check(&answer(r#"{"token":"s3cret","expirationTimestamp":"soon"}"#), "`soon` is no time");
        check(&answer(r#"{"token":"s3cret"}"#).replace("/v1", "/v1beta1"), "not ExecCredential");
        check("sleep 20", "did not end within 0.5 s");
        check("exec 2>&-; yes s3cret", "more than");
        let absent = Plugin { command: "/nonexistent".into(), ..shell("") };
        assert!(matches!(absent.run(), Err(Error::Plugin { .. })));
    }
}
