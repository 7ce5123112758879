//! The cases of rbac-tool and KubeHound: what they expect comes out, or the difference is explained.

use std::path::{Path, PathBuf};

use plimsoll_model::Outcome;
use plimsoll_model::audit::ClusterInfo;
use plimsoll_model::workload::Kinds;
use plimsoll_posture::cluster::attack::attack;
use plimsoll_posture::cluster::rbac::{Asked, PathsAsked, Place, Rbac, paths, who_can};
use plimsoll_posture::cluster::reach::Reachability;
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

/// What an attack of KubeHound's test cluster comes to here.
enum Expected {
    /// A pod leads to its node.
    Node(&'static str),
    /// A subject takes these steps to this goal.
    Path(&'static str, &'static str, &'static str),
    /// A subject has no path at all.
    Nothing(&'static str),
    /// A subject has a path of which it is not known whether it can be gone: the first step, and why that is right.
    Perhaps(&'static str, &'static str, &'static str),
    /// A pod may lead to its node: why that is right.
    PerhapsNode(&'static str, &'static str),
    /// A pod is open from outside by this, and leads to its node.
    Open(&'static str, &'static str),
    /// What it needs is in the half of the fixtures that is not here.
    NotHere(&'static str),
}
use Expected::{Node, NotHere, Nothing, Open, Path as Goes, Perhaps, PerhapsNode};

const ATTACKS: &[(&str, &[Expected])] = &[
    ("CE_MODULE_LOAD", &[Node("modload-pod")]),
    ("CE_NSENTER", &[Node("nsenter-pod")]),
    ("CE_SYS_PTRACE", &[Node("sys-ptrace-pod")]),
    (
        "CE_VAR_LOG_SYMLINK",
        &[PerhapsNode(
            "varlog-pod",
            "the account's nodes/log is given by a RoleBinding, which gives nothing of nodes: somebody else has to read the log",
        )],
    ),
    ("ENDPOINT_EXPLOIT", &[Open("endpoints-pod", "hostPort")]),
    ("EXPLOIT_HOST_WRITE", &[Node("host-write-exploit-pod")]),
    // Users and groups are in no namespace, so that a RoleBinding gives nobody the right to act as them.
    ("IDENTITY_IMPERSONATE", &[Nothing("ServiceAccount default/impersonate-sa")]),
    ("POD_EXEC", &[Goes("ServiceAccount default/pod-exec-sa", "node-root", "pods-enter node-enter")]),
    ("ROLE_BIND_ALL", &[NotHere("the roles are bound in no file")]),
    (
        "ROLE_BIND_RB_CR-SA",
        &[
            Goes("ServiceAccount default/rolebind-sa-rb-cr-rb-cr", "node-root", "bind node-pod"),
            Goes("ServiceAccount default/rolebind-sa-rb-cr-rb-r", "node-root", "bind node-pod"),
            Nothing("ServiceAccount default/rolebind-sa-rb-cr-crb-cr-fail"),
        ],
    ),
    ("ROLE_BIND_RB_R-UG", &[NotHere("the roles that are bound are in no file")]),
    (
        "TOKEN_BRUTEFORCE",
        &[Perhaps(
            "ServiceAccount default/tokenget-sa",
            "secrets-token",
            "which secrets hold tokens is not looked at, and their names are to be guessed",
        )],
    ),
];

#[test]
#[expect(clippy::print_stdout, reason = "what is not known, of a suite")]
fn attacks_of_kubehound_are_found_or_the_difference_has_its_reason() {
    let Some((_kept, root)) = given("kubehound-attacks-give") else { return };
    let folder = root.join("test/setup/test-cluster/attacks");
    let files: Vec<PathBuf> =
        std::fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    // No file is left out, and none is made up.
    let mut names: Vec<&str> =
        files.iter().map(|file| file.file_stem().and_then(|name| name.to_str()).expect("a name")).collect();
    names.sort_unstable();
    assert_eq!(names, ATTACKS.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    let mut builder = Builder::new(Origin::Cluster, Kinds::default());
    for namespace in ["default", "vault"] {
        let text = format!(r#"{{"apiVersion":"v1","kind":"Namespace","metadata":{{"name":"{namespace}"}}}}"#);
        builder.object(&serde_json::from_str(&text).expect("JSON"), None);
    }
    for file in &files {
        let text = std::fs::read_to_string(file).expect("a text");
        for node in &yaml::read(&text).documents {
            builder.object(&node.value(), None);
        }
    }
    let cluster = builder.finish();
    let info = ClusterInfo::default();
    let rbac = Rbac::new(&cluster);
    let asked = PathsAsked { all: true, ..PathsAsked::default() };
    let paths = paths(&rbac, &asked, &info);
    let mut reach = Reachability::new(&cluster).expect("it fits");
    let routes = attack(&rbac, &mut reach, &[], &info).routes;
    let of = |subject: &str| -> Vec<(&str, bool, String)> {
        let own = paths.paths.iter().filter(|path| path.subjects.iter().any(|one| one.shown() == subject));
        own.map(|path| {
            let steps: Vec<&str> = path.steps.iter().map(|step| step.edge.as_str()).collect();
            (path.goal.name(), path.sure, steps.join(" "))
        })
        .collect()
    };
    let ways = |pod: &str| -> Vec<bool> {
        let own = cluster.workloads.iter().find(|own| own.name.as_ref() == pod).expect(pod);
        own.ways.iter().map(|way| way.unknown.is_none()).collect()
    };
    let (mut agree, mut differ) = (0, 0);
    for (name, expected) in ATTACKS {
        for one in *expected {
            match one {
                Node(pod) => assert!(ways(pod).contains(&true), "{name}"),
                PerhapsNode(pod, _) => assert_eq!(ways(pod), [false], "{name}"),
                Goes(subject, goal, steps) => {
                    let found = of(subject);
                    assert!(found.contains(&(*goal, true, (*steps).to_owned())), "{name}: {found:?}");
                }
                Nothing(subject) => assert_eq!(of(subject), [], "{name}"),
                Perhaps(subject, first, _) => {
                    let found = of(subject);
                    let fits = |one: &(&str, bool, String)| !one.1 && one.2.starts_with(first);
                    assert!(!found.is_empty() && found.iter().all(fits), "{name}: {found:?}");
                }
                Open(pod, by) => {
                    let route = routes.iter().find(|route| route.workload == format!("default/Pod/{pod}"));
                    let route = route.unwrap_or_else(|| panic!("{name}: {routes:#?}"));
                    assert_eq!(route.entries[0].by, *by, "{name}");
                    assert!(route.ends[0].sure, "{name}");
                }
                NotHere(_) => {}
            }
            match one {
                PerhapsNode(of, why) | Perhaps(of, _, why) => {
                    println!("{name}: {of}: not known: {why}");
                    differ += 1;
                }
                NotHere(why) => println!("{name}: not here: {why}"),
                _ => agree += 1,
            }
        }
    }
    // These are the numbers of docs/status.md.
    assert_eq!((agree, differ), (10, 2));
}
