//! `plimsoll check`: Dockerfiles.

use super::{Place, finding, ids, snapshot, text};

const BAD: &str = r#"# syntax=docker/dockerfile:1
FROM node:latest AS build
WORKDIR app
COPY . .
RUN apt-get update && apt-get install curl \
    # a comment
    git && \
    curl -fsSL https://example.org/i.sh | sh
# hadolint ignore=DL3004
RUN sudo npm install
ENV DB_PASSWORD=hunter2

FROM debian:12@sha256:0000000000000000000000000000000000000000000000000000000000000000
COPY --from=build /app /app
# plimsoll ignore=last-user-is-root reason="binds port 80" owner=ops until=2026-12-31
USER root
CMD ["/app/server"]
"#;

const GOOD: &str = "FROM debian:12@sha256:0000000000000000000000000000000000000000000000000000000000000000
HEALTHCHECK CMD [\"/app\", \"--check\"]
COPY app /
USER 65532
ENTRYPOINT [\"/app\"]
";

#[test]
fn what_is_wrong_and_where() {
    let place = Place::new();
    place.put("Dockerfile", BAD);
    let run = place.run(&["check", "Dockerfile", "--all"]).exits(1).quiet();
    snapshot!(place, run);
}

#[test]
fn a_good_file_is_met() {
    let place = Place::new();
    place.put("Dockerfile", GOOD);
    let run = place.run(&["check", "Dockerfile", "--fail-on", "any"]);
    // Dates of support come from a database: without one that rule is unknown, and "any" is a line that it would stand over.
    assert_eq!(run.code, 3, "{}", run.stdout);
    assert!(run.stdout.contains("base-out-of-support"), "{}", run.stdout);
    place.run(&["check", "Dockerfile", "--fail-on", "any", "--db", super::database()]).exits(0).quiet();
    place.run(&["check", "Dockerfile"]).exits(0).quiet();
}

#[test]
fn places_in_json_and_sarif() {
    let place = Place::new();
    place.put("Dockerfile", BAD);
    let report = place.run(&["check", "Dockerfile", "--format", "json"]).exits(1).json();
    let piped = finding(&report, "download-piped-to-shell");
    assert_eq!((&piped["subject"]["line"], &piped["subject"]["column"]), (&8.into(), &5.into()), "{piped}");
    assert_eq!(piped["kind"], "misconfiguration");
    // The value of a secret is never shown.
    assert!(!report.to_string().contains("hunter2"));
    let sarif = place.run(&["check", "Dockerfile", "--format", "sarif"]).exits(1).json();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let region = |id: &str| {
        let result = results.iter().find(|result| result["ruleId"] == id).unwrap();
        result["locations"][0]["physicalLocation"]["region"].clone()
    };
    assert_eq!(region("latest-tag"), serde_json::json!({"startLine": 2, "startColumn": 6}));
}

#[test]
fn comments_accept() {
    let place = Place::new();
    place.put("Dockerfile", BAD);
    let report = place.run(&["check", "Dockerfile", "--format", "json"]).json();
    let root = finding(&report, "last-user-is-root");
    assert_eq!(root["suppressedBy"]["reason"], "binds port 80 (owner: ops)");
    assert_eq!(root["suppressedBy"]["expires"], "2026-12-31");
    assert_eq!(finding(&report, "sudo-in-build")["suppressedBy"]["source"], "Dockerfile:9");

    place.put("Dockerfile", BAD.replace("2026-12-31", "2026-11-01"));
    let report = place.run(&["check", "Dockerfile", "--format", "json"]).json();
    assert!(finding(&report, "last-user-is-root")["suppressedBy"].is_null(), "its day has passed");
    assert!(
        report["verdict"]["reasons"].to_string().contains("ended on 2026-11-01"),
        "{}",
        report["verdict"]
    );

    // A malformed one accepts nothing, and is told.
    place.put("Dockerfile", GOOD.replace("USER", "# plimsoll ignore=no-user\nUSER"));
    let run = place.run(&["check", "Dockerfile"]).exits(3);
    assert!(run.stdout.contains("gives no reason"), "{}", run.stdout);
}

#[test]
fn folders_are_searched() {
    let place = Place::new();
    std::fs::create_dir_all(place.path("a/node_modules/x")).unwrap();
    for name in [
        "a/Dockerfile",
        "a/web.Dockerfile",
        "a/Containerfile.dev",
        "a/README.md",
        "a/node_modules/x/Dockerfile",
    ] {
        place.put(name, "FROM debian:latest\nUSER app\n");
    }
    let report = place.run(&["check", "a", "--format", "json"]).exits(0).json();
    assert_eq!(report["target"]["files"], 3);
    let latest = ids(&report).into_iter().filter(|id| id.starts_with("latest-tag@")).collect::<Vec<_>>();
    assert_eq!(
        latest,
        [
            "latest-tag@a/Containerfile.dev:1:6",
            "latest-tag@a/Dockerfile:1:6",
            "latest-tag@a/web.Dockerfile:1:6"
        ]
    );
    std::fs::create_dir(place.path("empty")).unwrap();
    let run = place.run(&["check", "empty"]).exits(3);
    assert!(run.stdout.contains("nothing was found that could be checked"), "{}", run.stdout);
}

#[test]
fn standard_input_and_bad_input() {
    let place = Place::new();
    let run = place.run_on(&["check", "-"], GOOD.as_bytes());
    assert_eq!(run.code, 0, "{}", run.stdout);
    let run = place.run_on(&["check", "-"], b"\x00\xff\xfe\n");
    assert_eq!(run.code, 1, "no FROM: {}", run.stdout);
    assert!(run.stdout.contains("could not see"), "{}", run.stdout);
    place.run(&["check", "nowhere"]).exits(2).says(&["`nowhere` does not exist"]);
    place.run(&["check", "-", "--format", "spdx"]).exits(2).says(&["`check` reads none"]);
    place.put("values.yaml", "kind: Pod\n");
    let run = place.run(&["check", "values.yaml"]).exits(3);
    assert!(run.stdout.contains("it holds no object of Kubernetes"), "{}", run.stdout);
    // There is nothing to type next, so nothing is said to be.
    assert!(!run.stdout.contains("next:"), "{}", run.stdout);
    let run = place.run(&["check", "values.yaml", "--format", "markdown"]).exits(3);
    assert!(!run.stdout.contains("next:"), "{}", run.stdout);
}

#[test]
fn an_old_base_is_told_by_the_database() {
    let place = Place::new();
    place.put("Dockerfile", GOOD.replace("debian:12", "debian:10"));
    super::feeds::write(&place.path("feeds"));
    std::fs::create_dir_all(place.path("feeds/eol/debian-release-data")).unwrap();
    place.put(
        "feeds/eol/debian-release-data/debian.csv",
        "version,codename,series,created,release,eol,eol-lts,eol-elts\n\
         10,Buster,buster,2017-06-17,2019-07-06,2022-09-10,2024-06-30,2029-06-30\n\
         12,Bookworm,bookworm,2021-08-14,2023-06-10,2026-06-10,2028-06-30,2033-06-30\n",
    );
    place.run(&["db", "build", "--from", "feeds", "--out", "old.db"]).exits(0);
    let run = place.run(&["check", "Dockerfile", "--db", "old.db", "--format", "json"]);
    let report = run.json();
    let old = finding(&report, "base-out-of-support");
    assert!(text(&old["evidence"][0]["range"]).contains("Debian 10"), "{old}");
}

#[test]
fn rules_are_explained() {
    let place = Place::new();
    let run = place.run(&["explain", "latest-tag"]).exits(0).quiet();
    assert!(run.stdout.contains("DL3007"), "{}", run.stdout);
    assert_eq!(place.run(&["explain", "dl3007"]).exits(0).stdout, run.stdout);
    assert_eq!(place.run(&["explain", "latest-tag@Dockerfile:2:6"]).exits(0).stdout, run.stdout);
}
