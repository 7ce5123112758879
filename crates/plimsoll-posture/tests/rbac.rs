//! The cases of rbac-tool and KubeHound: what they expect comes out, or the difference is explained.

use std::path::{Path, PathBuf};

use plimsoll_model::Outcome;
use plimsoll_model::audit::ClusterInfo;
use plimsoll_model::workload::Kinds;
use plimsoll_posture::cluster::rbac::{Asked, Place, Rbac, who_can};
use plimsoll_posture::cluster::{Builder, Cluster, Origin};
use plimsoll_posture::kubernetes::yaml;

fn cluster(files: &[PathBuf]) -> Cluster {
    let mut builder = Builder::new(Origin::Cluster, Kinds::default());
    for file in files {
        let text = std::fs::read_to_string(file).expect("a text");
        let stream = yaml::read(&text);
        assert!(stream.fault.is_none(), "{}", file.display());
        for node in &stream.documents {
            builder.object(&node.value(), None);
        }
    }
    builder.finish()
}

fn subjects(cluster: &Cluster, verb: &str, what: &str) -> Vec<String> {
    let asked = Asked::parse(verb, what, None, Place::Anywhere).expect(what);
    let answer = who_can(&Rbac::new(cluster), &asked, &ClusterInfo::default());
    assert_eq!((answer.verdict, answer.problems.len()), (Outcome::Met, 0), "{what}");
    answer.subjects.iter().map(|one| one.subject.shown()).collect()
}

/// A question with the subjects that the head of the file expects.
type Case = (&'static str, &'static str, &'static str, &'static [&'static str]);

const CASES: &[Case] = &[
    ("clusterrole-aggregate", "get", "pod", AGGREGATE),
    ("clusterrole-aggregate", "create", "pod", AGGREGATE),
    (
        "gatewat-api-operator",
        "create",
        "gateways",
        &["ServiceAccount test/gateway-network-operator-sa", "User gateway-network-operator-user"],
    ),
    ("impersonator", "impersonate", "serviceaccounts", &["User test-impersonator-user"]),
    // It expects `User test-nonresourceurl-reader`. The binding is one of a namespace, and the API server asks none of those for
    // paths: the user may not.
    ("nonresourceurl-reader", "get", "/test-reader", &[]),
    (
        "pod-creator",
        "create",
        "pods",
        &[
            "Group test-pod-creator-group",
            "ServiceAccount test/test-pod-creator-sa",
            "User test-pod-creator-user",
        ],
    ),
    (
        "secret-reader",
        "get",
        "secrets",
        &["ServiceAccount test/test-secret-reader-sa", "User test-secret-reader"],
    ),
    (
        "specific-resource-reader",
        "get",
        "secrets/some-secret",
        &["ServiceAccount test/test-specific-secret-reader-sa", "User test-specific-secret-reader"],
    ),
    ("specific-resource-reader", "get", "secrets/other", &[]),
];
const AGGREGATE: &[&str] =
    &["Group test-aggregate-group", "ServiceAccount test/test-aggregate-sa", "User test-aggregate-user"];

fn given(archive: &str) -> Option<(tempfile::TempDir, PathBuf)> {
    let unpacked =
        plimsoll_testing::unpack(&plimsoll_testing::shared(&format!("fixtures/posture/{archive}.tar.zst"))?);
    let root = unpacked.path().join(archive);
    Some((unpacked, root))
}

#[test]
fn who_can_is_what_rbac_tool_expects() {
    let Some((_kept, root)) = given("rbac-tool-testdata-give") else { return };
    let files = |folder: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).expect("a folder");
        entries.map(|entry| entry.expect("an entry").path()).collect()
    };
    let whocan = root.join("testdata/whocan");
    for (file, verb, what, expected) in CASES {
        let got = subjects(&cluster(&[whocan.join(format!("{file}.yaml"))]), verb, what);
        assert_eq!(got, *expected, "{verb} {what} in {file}");
    }
    // No file is left out.
    for file in files(&whocan) {
        let name = file.file_stem().and_then(|name| name.to_str()).expect("a name");
        assert!(CASES.iter().any(|(file, ..)| *file == name), "{name}");
    }
    let rules = cluster(&files(&root.join("testdata/policyrules")));
    for (verb, what) in [("get", "secrets"), ("list", "secrets/some-secret"), ("get", "pods")] {
        assert_eq!(
            subjects(&rules, verb, what),
            ["ServiceAccount policyrules/the-test-user"],
            "{verb} {what}"
        );
    }
    assert_eq!(subjects(&rules, "list", "pods"), <[String; 0]>::default());
    let twice =
        cluster(&[root.join("testdata/viz/multiple-rolebindings-in-ns-missing-service-account.yaml")]);
    assert_eq!(subjects(&twice, "get", "pods"), ["ServiceAccount mynamespace/example-user"]);
    assert_eq!(subjects(&twice, "get", "services"), ["ServiceAccount mynamespace/example-user"]);
}
