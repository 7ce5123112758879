//! What fuzz targets run.

use std::collections::BTreeMap;

use plimsoll_model::pod_security::{Level, Standard, Version};
use plimsoll_model::workload::Kinds;

use crate::dockerfile::{ignore, read};
use crate::kubernetes::{Objects, yaml};
use crate::rule::{BuildContext, Surroundings, check_dockerfile, check_objects};

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

/// Reads bytes as manifests, applies every rule, and checks what must hold of any input: no panic, every finding says where and
/// what to do, and its place lies within the text.
pub fn fuzz_manifests(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let stream = yaml::read(text);
    let values: Vec<_> = stream.documents.iter().map(yaml::Node::value).collect();
    let (mut objects, kinds) = (Objects::default(), Kinds::default());
    for (place, value) in values.iter().enumerate() {
        objects.add(value, place, &kinds);
    }
    let lines = text.lines().count().max(1) + text.matches('\r').count();
    for (object, judged) in objects.iter().zip(check_objects(&objects)) {
        let node = &stream.documents[object.place];
        assert!(!object.shown().is_empty() && !object.id().is_empty());
        for breach in &judged.breaches {
            let pointer = breach.pointer.as_deref().expect("every finding of an object has a pointer");
            let mark = node.place(pointer);
            assert!(mark.line >= 1 && mark.line as usize <= lines && mark.column >= 1, "{breach:?} {mark:?}");
            assert!(!breach.detail.is_empty() && !breach.action.is_empty(), "{breach:?}");
        }
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
            pod_security_dry_run(&pod, &judged, Standard { level, version });
        }
    }
}

/// By the view that the dry run keeps of a pod the answers are the same; and the patch that it proposes mends what it says,
/// when it is applied to the whole object. Whether nothing of it is left to be done by hand.
pub(crate) fn pod_security_dry_run(
    pod: &serde_json_borrow::Value<'_>,
    judged: &crate::pod_security::Judged,
    standard: Standard,
) -> bool {
    use crate::cluster::pss::{judge, patch, view};
    let spec = pod.get("spec");
    if !spec.is_object() {
        return false;
    }
    let annotations = pod.get("metadata").get("annotations");
    let annotations = annotations.as_object().map(serde_json_borrow::ObjectAsVec::iter);
    let annotations: Vec<(&str, &str)> =
        annotations.into_iter().flatten().filter_map(|(name, value)| Some((name, value.as_str()?))).collect();
    let text = view::of(spec);
    let view = serde_json::from_str(&text).expect("the view is JSON");
    let by_view = judge(&view, "/spec", &annotations, standard);
    assert_eq!(by_view.violations, judged.violations, "{text}");
    let of_annotations = |unread: &&String| unread.starts_with("the annotation");
    let unread: Vec<_> = judged.unread.iter().filter(|unread| !of_annotations(unread)).collect();
    assert_eq!(by_view.unread.iter().collect::<Vec<_>>(), unread, "{text}");
    let mended = patch::mend(&text, "/spec", &annotations, &judged.violations, standard);
    assert!(judged.violations.is_empty() || !mended.changes.is_empty() || !mended.by_hand.is_empty());
    if !judged.unread.is_empty() {
        return false;
    }
    // Of two fields of one name the last counts here, and all do there.
    let Ok(mut whole) = serde_json::from_str::<serde_json::Value>(&pod.to_string()) else { return false };
    for change in &mended.changes {
        let (parent, key) = change.path.rsplit_once('/').expect("a pointer");
        let key = key.replace("~1", "/").replace("~0", "~");
        let object = whole.pointer_mut(parent).and_then(|value| value.as_object_mut());
        let object = object.unwrap_or_else(|| panic!("nothing at {parent} of {pod}"));
        match &change.value {
            Some(value) => drop(object.insert(key, value.clone())),
            None => assert!(object.remove(&key).is_some(), "{} of {pod}", change.path),
        }
    }
    let text = whole.to_string();
    let again: serde_json_borrow::Value<'_> = serde_json::from_str(&text).expect("JSON");
    let view = crate::pod_security::Pod {
        spec: again.get("spec"),
        pointer: "/spec",
        annotations: again.get("metadata").get("annotations").as_object(),
    };
    let left = crate::pod_security::check(view, standard);
    assert!(
        left.violations.is_empty() || !mended.by_hand.is_empty(),
        "{:?} leaves {:?} of {pod}",
        mended.changes,
        left.violations
    );
    mended.by_hand.is_empty()
}

/// Takes bytes as objects of a cluster, in YAML or JSON, and decides who reaches whom: no panic, and what is surely allowed may be.
pub fn fuzz_cluster(data: &[u8]) {
    use crate::cluster::reach::{End, Reachability};
    use plimsoll_model::audit::ClusterInfo;

    let Ok(text) = std::str::from_utf8(data) else { return };
    let kinds = plimsoll_model::workload::Kinds::default();
    let mut builder = crate::cluster::Builder::new(crate::cluster::Origin::Manifests, kinds);
    for node in &crate::kubernetes::yaml::read(text).documents {
        builder.object(&node.value(), Some("a file"));
    }
    let cluster = builder.finish();
    let asked = crate::cluster::pss::Asked {
        levels: vec![Level::Baseline, Level::Restricted],
        version: None,
        namespaces: std::collections::BTreeSet::new(),
    };
    let pss = crate::cluster::pss::pss(&cluster, &ClusterInfo::default(), &asked);
    assert!(pss.namespaces.iter().all(|namespace| namespace.levels.len() == 2));
    let Ok(mut all) = Reachability::new(&cluster) else { return };
    let reach = all.whole(&ClusterInfo::default(), 100);
    assert!(reach.summary.allowed + reach.summary.unknown <= reach.summary.pairs);
    assert_eq!(reach.workloads.len() as u64, reach.summary.workloads);
    if let (Some(workload), Ok(internet)) = (reach.workloads.first(), all.end("internet")) {
        let end = all.end(&workload.name);
        let Ok(end @ End::Workloads(_)) = end else { return };
        let query =
            all.ask((&workload.name, &end), ("internet", &internet), None, &ClusterInfo::default(), 10);
        assert!(!query.answers.is_empty());
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
