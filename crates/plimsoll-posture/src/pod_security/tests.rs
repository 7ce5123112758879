use std::collections::BTreeSet;
use std::path::Path;

use super::*;

/// A pod that meets everything.
const GOOD: &str = r#"{"securityContext":{"runAsNonRoot":true,"seccompProfile":{"type":"RuntimeDefault"}},
    "containers":[{"name":"c","securityContext":{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]}}}]}"#;

fn judged(spec: &str, annotations: &str, level: Level, minor: u16) -> Judged {
    let spec: Value<'_> = serde_json::from_str(spec).expect(spec);
    let annotations: Value<'_> = serde_json::from_str(annotations).expect(annotations);
    let pod = Pod { spec: &spec, pointer: "/spec", annotations: annotations.as_object() };
    check(pod, Standard { level, version: Version::Minor(minor) })
}

fn broken(judged: &Judged) -> BTreeSet<&'static str> {
    judged.violations.iter().map(|violation| violation.control).collect()
}

/// What is laid over the good pod: `pod` over the specification, `context` over the pod's security context, `container` over
/// the container, `own` over the container's security context.
struct Case {
    control: &'static str,
    since: u16,
    level: Level,
    /// Place and what to lay there; each alone must break the control.
    bad: &'static [(&'static str, &'static str)],
    /// Each alone must not.
    good: &'static [(&'static str, &'static str)],
}

const CASES: &[Case] = &[
    Case {
        control: "allowPrivilegeEscalation",
        since: 8,
        level: Level::Restricted,
        bad: &[
            ("own", r#"{"allowPrivilegeEscalation":true}"#),
            ("own", r#"{"allowPrivilegeEscalation":null}"#),
            ("container", r#"{"securityContext":null}"#),
            ("pod", r#"{"initContainers":[{"name":"i"}]}"#),
            (
                "pod",
                r#"{"ephemeralContainers":[{"name":"e","securityContext":{"allowPrivilegeEscalation":true}}]}"#,
            ),
        ],
        good: &[("pod", r#"{"os":{"name":"linux"}}"#)],
    },
    Case {
        control: "appArmorProfile",
        since: 0,
        level: Level::Baseline,
        bad: &[
            ("context", r#"{"appArmorProfile":{"type":"Unconfined"}}"#),
            ("own", r#"{"appArmorProfile":{"type":"Unconfined"}}"#),
            ("annotations", r#"{"container.apparmor.security.beta.kubernetes.io/c":"unconfined"}"#),
        ],
        good: &[
            ("context", r#"{"appArmorProfile":{"type":"RuntimeDefault"}}"#),
            ("own", r#"{"appArmorProfile":{"type":"Localhost","localhostProfile":"p"}}"#),
            ("annotations", r#"{"container.apparmor.security.beta.kubernetes.io/c":"localhost/p"}"#),
            ("annotations", r#"{"container.apparmor.security.beta.kubernetes.io/c":""}"#),
            ("annotations", r#"{"else":"unconfined"}"#),
        ],
    },
    Case {
        control: "capabilities_baseline",
        since: 0,
        level: Level::Baseline,
        bad: &[
            ("own", r#"{"capabilities":{"add":["NET_RAW"]}}"#),
            ("own", r#"{"capabilities":{"add":["CHOWN","chown"]}}"#),
            (
                "pod",
                r#"{"initContainers":[{"name":"i","securityContext":{"capabilities":{"add":["SYS_ADMIN"]}}}]}"#,
            ),
        ],
        good: &[("own", r#"{"capabilities":{"add":["CHOWN","SYS_CHROOT"]}}"#)],
    },
    Case {
        control: "capabilities_restricted",
        since: 22,
        level: Level::Restricted,
        bad: &[
            ("own", r#"{"capabilities":{"add":["CHOWN"],"drop":["ALL"]}}"#),
            ("own", r#"{"capabilities":{"drop":["all"]}}"#),
            ("own", r#"{"capabilities":null}"#),
        ],
        good: &[("own", r#"{"capabilities":{"add":["NET_BIND_SERVICE"],"drop":["NET_RAW","ALL"]}}"#)],
    },
    Case {
        control: "hostNamespaces",
        since: 0,
        level: Level::Baseline,
        bad: &[
            ("pod", r#"{"hostNetwork":true}"#),
            ("pod", r#"{"hostPID":true}"#),
            ("pod", r#"{"hostIPC":true}"#),
        ],
        good: &[("pod", r#"{"hostNetwork":false,"hostPID":null}"#)],
    },
    Case {
        control: "hostPathVolumes",
        since: 0,
        level: Level::Baseline,
        bad: &[("pod", r#"{"volumes":[{"name":"v","hostPath":{"path":"/"}}]}"#)],
        good: &[("pod", r#"{"volumes":[{"name":"v","hostPath":null,"nfs":{"path":"/"}}]}"#)],
    },
    Case {
        control: "hostPorts",
        since: 0,
        level: Level::Baseline,
        bad: &[("container", r#"{"ports":[{"containerPort":80},{"containerPort":81,"hostPort":81}]}"#)],
        good: &[("container", r#"{"ports":[{"containerPort":80,"hostPort":0}]}"#)],
    },
    Case {
        control: "hostProbesAndHostLifecycle",
        since: 34,
        level: Level::Baseline,
        bad: &[
            ("container", r#"{"livenessProbe":{"httpGet":{"port":80,"host":"10.0.0.1"}}}"#),
            ("container", r#"{"readinessProbe":{"tcpSocket":{"port":80,"host":"127.0.0.1"}}}"#),
            ("container", r#"{"startupProbe":{"httpGet":{"port":80,"host":"a.example"}}}"#),
            ("container", r#"{"lifecycle":{"postStart":{"tcpSocket":{"port":80,"host":"a.example"}}}}"#),
            ("container", r#"{"lifecycle":{"preStop":{"httpGet":{"port":80,"host":"a.example"}}}}"#),
        ],
        good: &[(
            "container",
            r#"{"livenessProbe":{"httpGet":{"port":80,"host":""}},"readinessProbe":{"grpc":{"port":1}}}"#,
        )],
    },
    Case {
        control: "privileged",
        since: 0,
        level: Level::Baseline,
        bad: &[
            ("own", r#"{"privileged":true}"#),
            ("pod", r#"{"ephemeralContainers":[{"name":"e","securityContext":{"privileged":true}}]}"#),
        ],
        good: &[("own", r#"{"privileged":false}"#)],
    },
    Case {
        control: "procMount",
        since: 0,
        level: Level::Baseline,
        bad: &[("own", r#"{"procMount":"Unmasked"}"#)],
        good: &[("own", r#"{"procMount":"Default"}"#)],
    },
    Case {
        control: "procMount_restricted",
        since: 0,
        level: Level::Restricted,
        bad: &[("own", r#"{"procMount":"Unmasked"}"#)],
        good: &[("own", r#"{"procMount":"Default"}"#)],
    },
    Case {
        control: "restrictedVolumes",
        since: 0,
        level: Level::Restricted,
        bad: &[
            ("pod", r#"{"volumes":[{"name":"v","hostPath":{"path":"/"}}]}"#),
            ("pod", r#"{"volumes":[{"name":"v","nfs":{"path":"/"}}]}"#),
            ("pod", r#"{"volumes":[{"name":"v","emptyDir":{}},{"name":"w","ofTomorrow":{}}]}"#),
        ],
        good: &[(
            "pod",
            r#"{"volumes":[{"name":"v"},{"name":"w","csi":{"driver":"d"}},{"name":"x","image":{"reference":"r"}},
                {"name":"y","secret":{"secretName":"s"},"nfs":null},{"name":"z","ephemeral":{}}]}"#,
        )],
    },
    Case {
        control: "runAsNonRoot",
        since: 0,
        level: Level::Restricted,
        bad: &[
            ("context", r#"{"runAsNonRoot":false}"#),
            ("context", r#"{"runAsNonRoot":null}"#),
            ("own", r#"{"runAsNonRoot":false}"#),
        ],
        good: &[("own", r#"{"runAsNonRoot":true}"#)],
    },
    Case {
        control: "runAsUser",
        since: 23,
        level: Level::Restricted,
        bad: &[("context", r#"{"runAsUser":0}"#), ("own", r#"{"runAsUser":0}"#)],
        good: &[("own", r#"{"runAsUser":1000}"#), ("context", r#"{"runAsUser":null,"runAsGroup":0}"#)],
    },
    Case {
        control: "seLinuxOptions",
        since: 0,
        level: Level::Baseline,
        bad: &[
            ("context", r#"{"seLinuxOptions":{"type":"spc_t"}}"#),
            ("own", r#"{"seLinuxOptions":{"user":"root"}}"#),
            ("own", r#"{"seLinuxOptions":{"role":"sysadm_r"}}"#),
        ],
        good: &[
            ("context", r#"{"seLinuxOptions":{"type":"container_t","level":"s0:c1"}}"#),
            ("own", r#"{"seLinuxOptions":{"type":"","user":"","role":""}}"#),
        ],
    },
    Case {
        control: "seccompProfile_baseline",
        since: 19,
        level: Level::Baseline,
        bad: &[
            ("context", r#"{"seccompProfile":{"type":"Unconfined"}}"#),
            ("own", r#"{"seccompProfile":{"type":"Unconfined"}}"#),
        ],
        good: &[
            ("context", r#"{"seccompProfile":null}"#),
            ("own", r#"{"seccompProfile":{"type":"Localhost"}}"#),
        ],
    },
    Case {
        control: "seccompProfile_restricted",
        since: 19,
        level: Level::Restricted,
        bad: &[
            ("context", r#"{"seccompProfile":null}"#),
            ("context", r#"{"seccompProfile":{"type":"Unconfined"}}"#),
            ("own", r#"{"seccompProfile":{"type":"Unconfined"}}"#),
        ],
        good: &[("own", r#"{"seccompProfile":{"type":"Localhost"}}"#)],
    },
    Case {
        control: "sysctls",
        since: 0,
        level: Level::Baseline,
        bad: &[("context", r#"{"sysctls":[{"name":"kernel.msgmax","value":"1"}]}"#)],
        good: &[("context", r#"{"sysctls":[{"name":"kernel.shm_rmid_forced","value":"1"}]}"#)],
    },
    Case {
        control: "windowsHostProcess",
        since: 0,
        level: Level::Baseline,
        bad: &[
            ("context", r#"{"windowsOptions":{"hostProcess":true}}"#),
            ("own", r#"{"windowsOptions":{"hostProcess":true}}"#),
        ],
        good: &[("own", r#"{"windowsOptions":{"hostProcess":false}}"#)],
    },
];

/// The good pod with something laid over it, and annotations.
fn with(place: &str, over: &str) -> (String, String) {
    let mut pod: serde_json::Value = serde_json::from_str(GOOD).expect("JSON");
    let over: serde_json::Value = serde_json::from_str(over).expect(over);
    let mut annotations = serde_json::json!({});
    let target = match place {
        "pod" => &mut pod,
        "context" => &mut pod["securityContext"],
        "container" => &mut pod["containers"][0],
        "own" => &mut pod["containers"][0]["securityContext"],
        _ => &mut annotations,
    };
    for (key, value) in over.as_object().expect("an object") {
        target[key] = value.clone();
    }
    (pod.to_string(), annotations.to_string())
}

#[test]
fn every_control_has_good_and_bad_examples() {
    for case in CASES {
        for (place, over) in case.bad {
            let (pod, annotations) = with(place, over);
            for minor in case.since..=NEWEST {
                let judged = judged(&pod, &annotations, case.level, minor);
                assert!(
                    broken(&judged).contains(case.control),
                    "{} v1.{minor} {pod}: {judged:?}",
                    case.control
                );
                assert_eq!(judged.unread, [""; 0], "{pod}");
            }
            if case.since > 0 {
                let judged = judged(&pod, &annotations, case.level, case.since - 1);
                assert!(!broken(&judged).contains(case.control), "{} before v1.{}", case.control, case.since);
            }
            let privileged = self::judged(&pod, &annotations, Level::Privileged, NEWEST);
            assert_eq!(privileged, Judged::default());
        }
        for (place, over) in case.good {
            let (pod, annotations) = with(place, over);
            for minor in 0..=NEWEST {
                let judged = judged(&pod, &annotations, case.level, minor);
                assert!(
                    !broken(&judged).contains(case.control),
                    "{} v1.{minor} {pod}: {judged:?}",
                    case.control
                );
            }
        }
    }
    let tried: BTreeSet<&str> = CASES.iter().map(|case| case.control).collect();
    let all: BTreeSet<&str> = CONTROLS.iter().map(|control| control.id).collect();
    assert_eq!(tried, all, "each control has its case");
    assert!(CONTROLS.is_sorted_by_key(|control| control.id.replace("_baseline", "")), "by name");
    assert_eq!(judged(GOOD, "{}", Level::Restricted, NEWEST), Judged::default());
}

#[test]
fn seccomp_stood_in_annotations_until_1_19() {
    let check = |annotations: &str, minor: u16, expected: bool| {
        let judged = judged(GOOD, annotations, Level::Baseline, minor);
        assert_eq!(
            broken(&judged).contains("seccompProfile_baseline"),
            !expected,
            "{annotations} v1.{minor}"
        );
    };
    let pod = r#"{"seccomp.security.alpha.kubernetes.io/pod":"unconfined"}"#;
    check(pod, 18, false);
    check(pod, 19, true);
    check(r#"{"container.seccomp.security.alpha.kubernetes.io/c":"unconfined"}"#, 0, false);
    check(r#"{"container.seccomp.security.alpha.kubernetes.io/c":"docker/default"}"#, 0, true);
    check(r#"{"seccomp.security.alpha.kubernetes.io/pod":"localhost/p"}"#, 0, true);
    let told = judged(GOOD, pod, Level::Baseline, 3).violations;
    assert_eq!(told[0].pointer, "/metadata/annotations/seccomp.security.alpha.kubernetes.io~1pod");
}

#[test]
fn lists_that_grew() {
    let check = |place: &str, over: &str, control: &str, since: u16| {
        let (pod, annotations) = with(place, over);
        for minor in 0..=NEWEST {
            let judged = judged(&pod, &annotations, Level::Baseline, minor);
            assert_eq!(broken(&judged).contains(control), minor < since, "{over} v1.{minor}");
        }
    };
    for (name, since) in SAFE_SYSCTLS {
        check("context", &format!(r#"{{"sysctls":[{{"name":"{name}","value":"1"}}]}}"#), "sysctls", since);
    }
    for (kind, since) in SE_LINUX_TYPES {
        check("own", &format!(r#"{{"seLinuxOptions":{{"type":"{kind}"}}}}"#), "seLinuxOptions", since);
    }
}

#[test]
fn pods_with_users_of_their_own_may_be_root_inside_since_1_35() {
    let pod = r#"{"hostUsers":false,"securityContext":{"runAsUser":0,"runAsNonRoot":false},
        "containers":[{"name":"c","securityContext":{"procMount":"Unmasked"}}]}"#;
    for (level, minor, expected) in [
        (Level::Baseline, 34, &["procMount"][..]),
        (Level::Baseline, 35, &[]),
        (
            Level::Restricted,
            34,
            &[
                "allowPrivilegeEscalation",
                "capabilities_restricted",
                "procMount_restricted",
                "runAsNonRoot",
                "runAsUser",
                "seccompProfile_restricted",
            ],
        ),
        (
            Level::Restricted,
            35,
            &[
                "allowPrivilegeEscalation",
                "capabilities_restricted",
                "procMount_restricted",
                "seccompProfile_restricted",
            ],
        ),
    ] {
        let judged = judged(pod, "{}", level, minor);
        assert_eq!(broken(&judged).into_iter().collect::<Vec<_>>(), expected, "{level:?} v1.{minor}");
    }
    let shared = pod.replace("\"hostUsers\":false", "\"hostUsers\":true");
    assert!(broken(&judged(&shared, "{}", Level::Baseline, NEWEST)).contains("procMount"));
}

#[test]
fn windows_is_not_asked_for_what_it_does_not_have() {
    let pod =
        r#"{"os":{"name":"windows"},"securityContext":{"runAsNonRoot":true},"containers":[{"name":"c"}]}"#;
    assert_eq!(broken(&judged(pod, "{}", Level::Restricted, 25)), BTreeSet::new());
    assert_eq!(broken(&judged(pod, "{}", Level::Restricted, 24)).len(), 3);
}

#[test]
fn what_cannot_be_read_is_said() {
    let check = |spec: &str, expected: &str| {
        let judged = judged(spec, "{}", Level::Restricted, NEWEST);
        assert!(judged.unread.iter().any(|line| line == expected), "{spec}: {judged:?}");
    };
    check("[]", "/spec is no object");
    check(r#"{"containers":{}}"#, "/spec/containers is no list");
    check(r#"{"containers":[3]}"#, "/spec/containers/0 is no object");
    check(r#"{"hostNetwork":"true"}"#, "/spec/hostNetwork is neither true nor false");
    check(
        r#"{"containers":[{"securityContext":{"privileged":false,"privileged":true}}]}"#,
        "/spec/containers/0/securityContext/privileged is there more than once",
    );
    check(r#"{"securityContext":{"runAsUser":"0"}}"#, "/spec/securityContext/runAsUser is no whole number");
    check(
        r#"{"securityContext":{"seccompProfile":{"type":7}}}"#,
        "/spec/securityContext/seccompProfile/type is no text",
    );
    check(r#"{"volumes":["v"]}"#, "/spec/volumes/0 is no object");
    let spec: Value<'_> = serde_json::from_str(GOOD).expect("JSON");
    let annotations: Value<'_> =
        serde_json::from_str(r#"{"container.apparmor.security.beta.kubernetes.io/c":1}"#).expect("JSON");
    let pod = Pod { spec: &spec, pointer: "/spec", annotations: annotations.as_object() };
    let judged = check_latest(pod);
    assert_eq!(judged.unread.len(), 1, "{judged:?}");
}

fn check_latest(pod: Pod<'_>) -> Judged {
    super::check(pod, Standard { level: Level::Restricted, version: Version::Latest })
}

#[test]
fn a_violation_names_place_and_remedy() {
    let judged = judged(
        r#"{"containers":[{"name":"a\nb"},{"name":"c","securityContext":{"privileged":true}}]}"#,
        "{}",
        Level::Baseline,
        NEWEST,
    );
    assert_eq!(
        judged.violations,
        [Violation {
            control: "privileged",
            pointer: "/spec/containers/1/securityContext/privileged".into(),
            detail: "container `c` sets privileged".into(),
            remedy: "leave securityContext.privileged out",
        }]
    );
}

#[test]
fn pointers_lead_to_the_field() {
    let judged = judged(
        r#"{"hostPID":true,"volumes":[{"name":"v","hostPath":{"path":"/"}}],"securityContext":{"sysctls":[{"name":"a"},{"name":"kernel.x"}]},
            "initContainers":[{"name":"i","lifecycle":{"preStop":{"httpGet":{"host":"h"}}}}],
            "containers":[{"name":"c"},{"name":"d","ports":[{"hostPort":1}],"securityContext":{"capabilities":{"add":["CHOWN","ALL"]},
                "seLinuxOptions":{"user":"u"}}}]}"#,
        "{}",
        Level::Baseline,
        NEWEST,
    );
    let told: BTreeSet<&str> = judged.violations.iter().map(|one| one.pointer.as_str()).collect();
    let expected = [
        "/spec/containers/1/ports/0/hostPort",
        "/spec/containers/1/securityContext/capabilities/add/1",
        "/spec/containers/1/securityContext/seLinuxOptions/user",
        "/spec/hostPID",
        "/spec/initContainers/0/lifecycle/preStop/httpGet/host",
        "/spec/securityContext/sysctls/0/name",
        "/spec/securityContext/sysctls/1/name",
        "/spec/volumes/0/hostPath",
    ];
    assert_eq!(told, expected.into());
}

#[test]
fn versions_of_tomorrow_are_judged_by_the_newest() {
    let spec: Value<'_> = serde_json::from_str(GOOD).expect("JSON");
    let pod = Pod { spec: &spec, pointer: "", annotations: None };
    for version in [Version::Latest, Version::Minor(NEWEST), Version::Minor(u16::MAX)] {
        assert_eq!(super::check(pod, Standard { level: Level::Restricted, version }), Judged::default());
    }
}

proptest::proptest! {
    #[test]
    fn damaged_pods(case in 0..CASES.len(), at in 0..400_usize, with in "[\\[\\]{}\",:0a-z]{0,4}") {
        let (spec, annotations) = self::with(CASES[case].bad[0].0, CASES[case].bad[0].1);
        let text = format!(r#"{{"metadata":{{"annotations":{annotations}}},"spec":{spec}}}"#);
        let mut at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        crate::fuzz::fuzz_pod_security(format!("{}{with}{}", &text[..at], &text[at..]).as_bytes());
    }
}

/// The fixtures of Kubernetes' own admission plugin: every file at its level and version, pass or fail.
#[test]
fn the_fixtures_of_kubernetes() {
    let Some(archive) = plimsoll_testing::shared("fixtures/posture/pss-give.tar.zst") else { return };
    let folder = plimsoll_testing::unpack(&archive);
    let root = folder.path().join("pss-give/test/testdata");
    let mut count = 0;
    let mut wrong = Vec::new();
    for level in [Level::Baseline, Level::Restricted] {
        for version in listed(&root.join(level.word())) {
            let name = version.file_name().expect("a name").to_string_lossy().into_owned();
            let standard = Standard { level, version: name.parse().expect("a version") };
            for (kind, passes) in [("pass", true), ("fail", false)] {
                for file in listed(&version.join(kind)) {
                    let text = std::fs::read_to_string(&file).expect("a file");
                    let value: serde_json::Value = serde_saphyr::from_str(&text).expect("YAML");
                    let text = value.to_string();
                    let object: Value<'_> = serde_json::from_str(&text).expect("JSON");
                    let pod = Pod {
                        spec: object.get("spec"),
                        pointer: "/spec",
                        annotations: object.get("metadata").get("annotations").as_object(),
                    };
                    let judged = super::check(pod, standard);
                    let mended = crate::fuzz::pod_security_dry_run(&object, &judged, standard);
                    count += 1;
                    let control = file.file_stem().expect("a name").to_string_lossy();
                    let control = control.trim_end_matches(|c: char| c.is_ascii_digit());
                    // A fixture of `fail` breaks the control it is named after; a few, which leave a whole security context
                    // out or must be both, others too.
                    let fits = if passes {
                        judged.violations.is_empty()
                    } else {
                        let broken = broken(&judged);
                        let names = |id: &&str| {
                            let id = id.to_lowercase();
                            id == control
                                || id.split('_').next() == control.split('_').next()
                                || (id == "restrictedvolumes" && control == "hostpathvolumes")
                        };
                        broken.iter().any(names)
                    };
                    // Which volume is to take the place of one of the node, only people know.
                    let by_hand = ["hostpathvolumes", "restrictedvolumes"].contains(&control);
                    assert!(mended || by_hand && !passes, "{}: {judged:?}", file.display());
                    if !fits || !judged.unread.is_empty() {
                        wrong.push(format!("{}: {:?}", file.display(), judged));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
    assert!(count > 2_800, "{count}");
}

fn listed(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut all: Vec<_> =
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    all.sort();
    all
}
