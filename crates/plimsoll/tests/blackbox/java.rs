//! Java archives that do not say what they are: known by their classes, or by an index of SHA-1 digests.

use super::Place;
use super::common::shop::zip;

const LOG4J: &str = "pkg:maven/org.apache.logging.log4j/log4j-core";

/// A place with `app/engine.jar`, which holds log4j's class and nothing that names a version, and a class of another.
fn place() -> Place {
    let place = Place::new();
    std::fs::create_dir(place.path("app")).unwrap();
    let engine = zip(&[
        ("org/apache/logging/log4j/core/lookup/JndiLookup.class", b"\xca\xfe\xba\xbe".to_vec()),
        ("com/example/Main.class", b"\xca\xfe\xba\xbe".to_vec()),
    ]);
    place.put("app/engine.jar", engine);
    place
}

#[test]
fn a_library_of_unknown_version_is_not_clean() {
    let place = place();
    let run = place.run(&["scan", "app", "--format", "json"]).exits(3);
    let report = run.json();
    let packages = report["packages"].as_array().unwrap();
    let log4j = packages.iter().find(|package| package["purl"] == LOG4J).expect("log4j-core is listed");
    assert_eq!(log4j["properties"]["identity"], "classes");
    assert_eq!(log4j["properties"]["confidence"], "low");
    let problems = report["problems"].to_string();
    assert!(
        problems.contains("the package has no version") && problems.contains("CVE-2021-44228"),
        "{problems}"
    );
}

#[test]
fn an_index_names_what_an_archive_does_not() {
    let place = place();
    let folder = "repository/org/apache/logging/log4j/log4j-core/2.14.1";
    std::fs::create_dir_all(place.path(folder)).unwrap();
    std::fs::copy(place.path("app/engine.jar"), place.path(&format!("{folder}/log4j-core-2.14.1.jar")))
        .unwrap();
    place.put("list.txt", "0123456789abcdef0123456789abcdef01234567 org.x:y:1\nno line of a list\n");
    let run = place
        .run(&["db", "java-index", "build", "--from", "repository", "--from", "list.txt", "--out", "java.db"])
        .exits(0)
        .quiet();
    assert!(run.stdout.contains("2 archives") && run.stdout.contains("list.txt:2"), "{}", run.stdout);
    let run =
        place.run(&["db", "java-index", "status", "app/engine.jar", "--java-index", "java.db"]).exits(0);
    assert_eq!(run.stdout, "org.apache.logging.log4j:log4j-core:2.14.1\n");

    let report = place.run(&["scan", "app", "--java-index", "java.db", "--format", "json"]).exits(1).json();
    let named = format!("{LOG4J}@2.14.1");
    let packages = report["packages"].as_array().unwrap();
    let log4j = packages.iter().find(|package| package["purl"] == *named).expect("named by the index");
    assert_eq!(log4j["properties"]["identity"], "sha1-index");
    let findings = report["findings"].to_string();
    assert!(findings.contains("CVE-2021-44228"), "{findings}");
    assert!(
        packages.iter().all(|package| package["purl"] != LOG4J),
        "what its classes said is the same archive"
    );

    // The place where it is looked for by itself, and the variable.
    let folder = ".local/share/plimsoll";
    std::fs::create_dir_all(place.path(folder)).unwrap();
    std::fs::copy(place.path("java.db"), place.path(&format!("{folder}/java-index.db"))).unwrap();
    let run = place.run(&["sbom", "app", "--format", "json"]).exits(0);
    assert!(run.stdout.contains(&named), "{}", run.stdout);
    let java = [("PLIMSOLL_JAVA_INDEX", "java.db"), ("HOME", "/nonexistent")];
    assert!(place.run_with(&["sbom", "app", "--format", "json"], &java).stdout.contains(&named));
}

#[test]
fn an_index_that_cannot_be_used_is_told() {
    let place = place();
    place.run(&["scan", "app", "--java-index", "nothing.db"]).exits(3).says(&[
        "error:",
        "nothing.db",
        "cause:",
    ]);
    place.put("text.db", "not a database, but long enough to be taken for one at first");
    place
        .run(&["scan", "app", "--java-index", "text.db"])
        .exits(3)
        .says(&["text.db", "no index of Java archives"]);
    place.run(&["db", "java-index", "status", "--java-index", "text.db"]).exits(3).says(&["hint:"]);
    place
        .run(&["db", "java-index", "build", "--from", "nowhere", "--out", "x.db"])
        .exits(2)
        .says(&["nowhere"]);
    assert!(!place.path("x.db").exists());
}
