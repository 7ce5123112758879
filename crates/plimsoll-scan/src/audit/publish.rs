//! What an audit found, written into the cluster: one report for each namespace, and events of workloads.
//!
//! Only what changed is written. The rights that it takes are in `deploy/kubernetes/audit-publish-cluster-role.yaml`.

use std::collections::BTreeMap;

use plimsoll_format::audit::{AuditForm, reports};
use plimsoll_kube::{Client, Error, Patch, Resource};
use plimsoll_model::audit::Audit;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{Change, Happened};

static REPORTS: Resource = Resource::new("wgpolicyk8s.io", "v1alpha2", "policyreports", "PolicyReport", true);
static EVENTS: Resource = Resource::new("", "v1", "events", "Event", true);
/// Who writes, as servers keep it.
const MANAGER: &str = "plimsoll";
/// Name of the reports.
const NAME: &str = "plimsoll-audit";
/// Longest message of an event in characters: the API takes 1,024 bytes.
const LONGEST_MESSAGE: usize = 250;
/// Longest part of a name that is taken from a workload's.
const LONGEST_NAME: usize = 200;

/// The reports that were written, by namespace.
#[derive(Debug, Default)]
pub struct Reports(BTreeMap<String, Vec<u8>>);

impl Reports {
    /// Writes the reports that changed, and deletes those of namespaces in which nothing runs any more. What fails is told by
    /// namespace, and tried again the next time.
    pub fn write(&mut self, client: &Client, audit: &Audit) -> Vec<(String, Error)> {
        let mut failed = Vec::new();
        let now: BTreeMap<String, Vec<u8>> = reports(audit, AuditForm::PolicyReport)
            .into_iter()
            // What is in no namespace has no report that could be in one.
            .filter(|(namespace, _)| !namespace.is_empty())
            .map(|(namespace, report)| (namespace, report.to_string().into_bytes()))
            .collect();
        let gone: Vec<String> = self.0.keys().filter(|name| !now.contains_key(*name)).cloned().collect();
        for namespace in gone {
            match client.delete(&REPORTS, Some(&namespace), NAME) {
                Ok(_) => {
                    self.0.remove(&namespace);
                }
                Err(error) => failed.push((namespace, error)),
            }
        }
        for (namespace, body) in now {
            if self.0.get(&namespace) == Some(&body) {
                continue;
            }
            let patch = Patch::Apply { manager: MANAGER, force: true };
            match client.patch(&REPORTS, Some(&namespace), NAME, None, patch, &body) {
                Ok(_) => {
                    self.0.insert(namespace, body);
                }
                Err(error) => failed.push((namespace, error)),
            }
        }
        failed
    }
}

/// Writes a change as an event of its workload; `false` for one that is in no namespace, of which there can be none.
///
/// # Errors
/// When the server refuses.
pub fn event(client: &Client, change: &Change) -> Result<bool, Error> {
    if change.namespace.is_empty() {
        return Ok(false);
    }
    let (word, reason) = match change.event {
        Happened::MetAgain => ("Normal", "RequirementsMetAgain"),
        Happened::NoLongerMet => ("Warning", "RequirementsNoLongerMet"),
        Happened::NotMet | Happened::Changed => ("Warning", "RequirementsNotMet"),
    };
    let about = change.image.as_deref().or(change.rule.as_deref()).unwrap_or_default();
    let image = match &change.digest {
        Some(digest) if !about.contains(digest.as_str()) => format!("{about} ({digest})"),
        _ => about.to_owned(),
    };
    let message: String = plimsoll_format::clean(&format!("{image}: {}", change.reasons.join("; ")))
        .chars()
        .take(LONGEST_MESSAGE)
        .collect();
    let named: String = change.name.chars().take(LONGEST_NAME).collect();
    let identity =
        Sha256::digest(serde_json::to_vec(change).expect("a change is made of texts, which are always JSON"));
    let id = identity.iter().take(8).fold(String::new(), |mut out, byte| {
        use std::fmt::Write as _;
        let _ = write!(out, "{byte:02x}");
        out
    });
    let group = match change.kind.as_str() {
        "Pod" | "ReplicationController" => "v1",
        "Job" | "CronJob" => "batch/v1",
        "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" => "apps/v1",
        // Of others only the name is known here.
        _ => "",
    };
    // The API takes whole seconds here.
    let at = change.at.parse::<jiff::Timestamp>().map_or_else(
        |_| change.at.clone(),
        |time| jiff::Timestamp::from_second(time.as_second()).unwrap_or(time).to_string(),
    );
    let object = json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": { "name": format!("{named}.{id}"), "namespace": change.namespace },
        "involvedObject": { "apiVersion": group, "kind": change.kind, "namespace": change.namespace, "name": change.name },
        "type": word,
        "reason": reason,
        "message": message,
        "source": { "component": "plimsoll-audit" },
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
    });
    client.create(&EVENTS, Some(&change.namespace), object.to_string().as_bytes())?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::sync::{Arc, Mutex};

    use plimsoll_kube::{Access, Surroundings};
    use plimsoll_model::audit::{AuditResult, AuditSummary, ClusterInfo, Use};
    use plimsoll_model::decision::{Decision, Effect};

    use super::*;

    struct Still;

    impl plimsoll_http::Clock for Still {
        fn now(&self) -> std::time::SystemTime {
            std::time::SystemTime::UNIX_EPOCH
        }
        fn sleep(&self, _: std::time::Duration) {}
    }

    /// A server that takes everything, and what it was asked. The API server of the other tests breaks on kinds of others.
    fn server(folder: &std::path::Path) -> (Client, Arc<Mutex<Vec<String>>>) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let told = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut stream = BufReader::new(stream);
                let (mut first, mut line, mut length) = (String::new(), String::new(), 0);
                stream.read_line(&mut first).unwrap();
                while stream.read_line(&mut line).unwrap() > 2 {
                    if let Some(number) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                        length = number.trim().parse().unwrap();
                    }
                    line.clear();
                }
                let mut body = vec![0; length];
                stream.read_exact(&mut body).unwrap();
                let path = first.rsplit_once(" HTTP").unwrap().0.split('?').next().unwrap().to_owned();
                told.lock().unwrap().push(format!("{path} {}", String::from_utf8(body).unwrap()));
                let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
                stream.get_mut().write_all(answer.as_bytes()).unwrap();
            }
        });
        let file = folder.join("config");
        let text = format!(
            "current-context: x\nclusters: [{{name: c, cluster: {{server: 'http://{address}'}}}}]\nusers: [{{name: u, user: {{}}}}]\ncontexts: [{{name: x, context: {{cluster: c, user: u}}}}]\n"
        );
        std::fs::write(&file, text).unwrap();
        let surroundings = Surroundings { named: Some(file), ..Surroundings::default() };
        let settings = plimsoll_http::Settings::new("test", 1, Arc::new(Still));
        (Client::new(Access::find(&surroundings, None, &settings).unwrap()), asked)
    }

    fn audit(namespaces: &[&str], effect: Effect) -> Audit {
        let result = |namespace: &&str| AuditResult {
            decision: Decision {
                schema_version: "1.0".into(),
                image: "ghcr.io/acme/a:1".into(),
                digest: None,
                decided_at: "2026-11-26T12:00:00Z".into(),
                effect,
                reasons: vec!["p/r: why".into()],
                revoked: Vec::new(),
                disowned: Vec::new(),
                policies: Vec::new(),
            },
            uses: vec![Use {
                namespace: (*namespace).to_owned(),
                kind: "Deployment".into(),
                name: "web".into(),
                places: vec!["container a".into()],
                pods: 1,
                owner: None,
                whose: None,
            }],
            next: None,
        };
        let results: Vec<AuditResult> = namespaces.iter().map(result).collect();
        Audit {
            schema_version: "1.0".into(),
            plimsoll: "0".into(),
            cluster: ClusterInfo::default(),
            verdict: Audit::verdict_of(&results, &[], &[], &[]),
            summary: AuditSummary::default(),
            results,
            rules: Vec::new(),
            placed: Vec::new(),
            missing: Vec::new(),
            problems: Vec::new(),
        }
    }

    #[test]
    fn only_what_changed_is_written_and_what_is_gone_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let (client, asked) = server(folder.path());
        let heads = || -> Vec<String> {
            let all = std::mem::take(&mut *asked.lock().unwrap());
            all.iter().map(|one| one.split(" {").next().unwrap().trim().to_owned()).collect()
        };
        let path = |verb: &str, namespace: &str| {
            format!(
                "{verb} /apis/wgpolicyk8s.io/v1alpha2/namespaces/{namespace}/policyreports/plimsoll-audit"
            )
        };
        let mut reports = Reports::default();
        assert!(reports.write(&client, &audit(&["shop", "edge", ""], Effect::Unknown)).is_empty());
        assert_eq!(heads(), [path("PATCH", "edge"), path("PATCH", "shop")]);
        assert!(reports.write(&client, &audit(&["shop", "edge"], Effect::Unknown)).is_empty());
        assert!(heads().is_empty(), "nothing changed");
        assert!(reports.write(&client, &audit(&["shop"], Effect::Unknown)).is_empty());
        assert_eq!(heads(), [path("DELETE", "edge")]);
        assert!(reports.write(&client, &audit(&["edge"], Effect::Unknown)).is_empty());
        assert_eq!(heads(), [path("DELETE", "shop"), path("PATCH", "edge")]);
    }

    #[test]
    fn an_event_names_its_workload_and_fits_the_api() {
        let folder = tempfile::tempdir().unwrap();
        let (client, asked) = server(folder.path());
        let long = Audit { ..audit(&["shop"], Effect::Deny) };
        let mut changes = super::super::changes(None, &long, jiff::Timestamp::UNIX_EPOCH);
        changes[0].reasons = vec!["x\u{1b}[31m".repeat(1_000)];
        assert!(event(&client, &changes[0]).unwrap());
        let sent = asked.lock().unwrap().pop().unwrap();
        let (head, body) = sent.split_at(sent.find('{').unwrap());
        assert_eq!(head.trim(), "POST /api/v1/namespaces/shop/events");
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["involvedObject"]["apiVersion"], "apps/v1");
        assert_eq!((&body["reason"], &body["type"]), (&"RequirementsNotMet".into(), &"Warning".into()));
        let message = body["message"].as_str().unwrap();
        assert!(message.len() < 1_024 && !message.contains('\u{1b}'), "{message}");
        changes[0].namespace.clear();
        assert!(!event(&client, &changes[0]).unwrap(), "what is in no namespace has no events");
    }
}
