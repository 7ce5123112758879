//! What fuzz targets run.

use std::collections::BTreeMap;

use plimsoll_model::pod_security::{Level, Standard, Version};

use crate::dockerfile::{ignore, read};
use crate::rule::{BuildContext, Surroundings, check_dockerfile};

/// Reads bytes as a Dockerfile, applies every rule, and checks what must hold of any input: no panic, and places within the text.
pub fn fuzz_dockerfile(data: &[u8]) {
    let file = read(data);
    let lines = data.split(|byte| *byte == b'\n').count();
    let around = Surroundings { context: Some(BuildContext::default()), support: Some(BTreeMap::default()) };
    let judged = check_dockerfile(&file, &around);
    for breach in &judged.breaches {
        let place = breach.place.expect("every finding of a Dockerfile has a place");
        assert!(place.line >= 1 && place.line as usize <= lines && place.column >= 1, "{breach:?}");
        assert!(!breach.detail.is_empty() && !breach.action.is_empty(), "{breach:?}");
    }
    ignore::read(&file.parsed, "2026-11-25");
    for stage in &file.stages {
        assert!(stage.steps.start < stage.steps.end && stage.steps.end <= file.steps.len());
    }
}

/// Takes bytes as JSON of a pod with annotations and holds it against every level of several versions: no panic, and every
/// violation has a place within the pod.
pub fn fuzz_pod_security(data: &[u8]) {
    let Ok(pod) = serde_json::from_slice::<serde_json_borrow::Value<'_>>(data) else { return };
    let annotations = pod.get("metadata").get("annotations").as_object();
    let view = crate::pod_security::Pod { spec: pod.get("spec"), pointer: "/spec", annotations };
    for level in [Level::Privileged, Level::Baseline, Level::Restricted] {
        for version in [Version::Minor(0), Version::Minor(22), Version::Minor(30), Version::Latest] {
            let judged = crate::pod_security::check(view, Standard { level, version });
            assert!(level != Level::Privileged || judged.violations.is_empty());
            for violation in &judged.violations {
                assert!(
                    violation.pointer.starts_with("/spec/") || violation.pointer.starts_with("/metadata/")
                );
                assert!(!violation.detail.is_empty(), "{violation:?}");
            }
        }
    }
}

/// Takes bytes as an export, as statements, as a control of the user, and as a certificate: no panic, and statements that were
/// read are written so that they read the same.
pub fn fuzz_responsibility(data: &[u8]) {
    use crate::responsibility::attest::Statements;
    use crate::responsibility::{Cloud, Exports, Matrix, certificate};
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = certificate::end(text);
    let today = jiff::civil::date(2026, 11, 26);
    if let Ok(statements) = Statements::read("statements.yaml", text, today) {
        let again =
            Statements::read("statements.yaml", &statements.write(), today).expect("what was written");
        assert_eq!(again.all(), statements.all());
    }
    if text.starts_with("id:") {
        let _ = Matrix::with(&[("own.yaml".to_owned(), text.to_owned())]);
    }
    let Ok(value) = serde_json::from_str::<serde_json_borrow::Value<'_>>(text) else { return };
    for cloud in [Cloud::Gke, Cloud::Eks, Cloud::Aks] {
        let _ = Exports::default().add(cloud, &value);
    }
}
