//! `plimsoll check --fix`: repairs in files of people.

use std::collections::BTreeSet;
use std::process::Command;

use super::{Place, snapshot};

const SHOP: &str = "# The shop. Ask team-shop before you touch it.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web   # as in the Service
  namespace: shop
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata:
      labels: {app: web}
    spec:
      serviceAccount: web # its own
      hostPID: true # for the agent
      containers:
        - name: web
          image: 'ghcr.io/acme/web:1.4'
          securityContext:
            runAsUser: 10001
            capabilities:
              drop:
                - NET_RAW
          # no limits yet
        - {name: log, image: ghcr.io/acme/log:2}
---
apiVersion: v1
kind: Pod
metadata: {name: job, namespace: shop}
spec:
  containers:
    - name: job
      image: ghcr.io/acme/job:1
";

fn read(place: &Place, name: &str) -> String {
    std::fs::read_to_string(place.path(name)).unwrap()
}

/// Rules that found something.
fn rules(report: &serde_json::Value) -> BTreeSet<&str> {
    let findings = report["findings"].as_array().unwrap().iter();
    findings.map(|finding| finding["advisory"].as_str().unwrap()).collect()
}

#[test]
fn what_is_certain_is_repaired_and_comments_stay() {
    let place = Place::new();
    place.put("shop.yaml", SHOP);
    let run = place.run(&["check", "shop.yaml", "--fix", "--dry-run"]);
    snapshot!(place, run);
    assert_eq!(read(&place, "shop.yaml"), SHOP);
    // What is shown is what is done, and `git apply` takes it.
    place.put("diff", &run.stdout);
    place.put("other/shop.yaml", SHOP);
    let applied = Command::new("git")
        .args(["apply", "-p1", "../diff"])
        .current_dir(place.path("other"))
        .env("GIT_CEILING_DIRECTORIES", place.path("."))
        .output()
        .unwrap();
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
    let report = place.run(&["check", "shop.yaml", "--fix", "--format", "json"]).json();
    let fixed = read(&place, "shop.yaml");
    assert_eq!(fixed, read(&place, "other/shop.yaml"));
    for gone in ["privilege-escalation-allowed", "seccomp-unconfined", "service-account-by-old-name"] {
        assert!(!rules(&report).contains(gone), "{gone}");
    }
    // It was not asked for.
    assert!(rules(&report).contains("host-pid"));
    assert!(rules(&report).contains("capabilities-kept"));
    place.run(&["check", "shop.yaml", "--fix"]);
    assert_eq!(read(&place, "shop.yaml"), fixed);
}

#[test]
fn what_a_program_may_need_is_repaired_when_a_rule_is_named() {
    let place = Place::new();
    place.put("shop.yaml", SHOP);
    let report =
        place.run(&["check", "shop.yaml", "--fix", "--fix-also", "host-pid", "--format", "json"]).json();
    assert!(!rules(&report).contains("host-pid"));
    assert!(read(&place, "shop.yaml").contains("hostPID: false # for the agent"));
    assert!(rules(&report).contains("service-account-token-mounted"));
    place.run(&["check", "shop.yaml", "--fix", "--fix-also", "all"]);
    let report = place.run(&["check", "shop.yaml", "--format", "json"]).json();
    for gone in ["service-account-token-mounted", "capabilities-kept", "root-filesystem-writable"] {
        assert!(!rules(&report).contains(gone), "{gone}");
    }
    let run = place.run(&["check", "shop.yaml", "--fix", "--fix-also", "image-tag-moves"]).exits(2);
    assert!(run.stderr.contains("no repair is known for `image-tag-moves`"), "{}", run.stderr);
    place.run(&["check", "-", "--fix"]).exits(2);
    place.run(&["check", "shop.yaml", "--dry-run"]).exits(2);
}

#[test]
fn what_is_accepted_or_shared_is_left() {
    let place = Place::new();
    let text = "apiVersion: v1
kind: Pod
metadata:
  name: a
  namespace: shop
  annotations:
    plimsoll.dev/ignore: ignore=privilege-escalation-allowed reason=\"sudo\" owner=team until=2026-12-31
spec:
  containers:
  - name: a
    image: b:1
---
apiVersion: v1
kind: Pod
metadata: {name: c, namespace: shop}
spec:
  containers:
  - &base
    name: c
    image: b:1
    securityContext: &sc {readOnlyRootFilesystem: true}
  - <<: *base
    name: d
";
    place.put("a.yaml", text);
    let run = place.run(&["check", "a.yaml", "--fix", "--format", "json"]);
    let fixed = read(&place, "a.yaml");
    assert_eq!(fixed.matches("allowPrivilegeEscalation").count(), 0, "{fixed}");
    assert_eq!(fixed.matches("RuntimeDefault").count(), 2, "{fixed}");
    assert!(run.stdout.contains("it is written once for several places"), "{}", run.stdout);
}

#[cfg(unix)]
#[test]
fn links_and_modes_stay_and_what_cannot_be_written_is_told() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let place = Place::new();
    place.put("real/shop.yaml", SHOP);
    std::fs::set_permissions(place.path("real/shop.yaml"), std::fs::Permissions::from_mode(0o640)).unwrap();
    symlink("real/shop.yaml", place.path("link.yaml")).unwrap();
    place.run(&["check", "link.yaml", "--fix"]);
    assert!(std::fs::symlink_metadata(place.path("link.yaml")).unwrap().file_type().is_symlink());
    let real = std::fs::metadata(place.path("real/shop.yaml")).unwrap();
    assert_eq!(real.permissions().mode() & 0o777, 0o640);
    assert!(read(&place, "real/shop.yaml").contains("RuntimeDefault"));
    assert_eq!(std::fs::read_dir(place.path("real")).unwrap().count(), 1);
}
