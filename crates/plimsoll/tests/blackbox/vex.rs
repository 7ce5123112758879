//! `--vex`: statements that somebody makes about an image.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

use plimsoll_model::Digest;
use plimsoll_scan::trust::{SigningKey, attestation};
use plimsoll_scan::{Artifact, Descriptor, Part, Repository};
use serde_json::{Value, json};

use super::common::upstream::{Fault, Upstreams};
use super::verify::{harbour, repository};
use super::{Place, Run, finding, text};

fn openvex(statements: &Value) -> String {
    json!({
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "https://example.com/vex/1",
        "author": "Shop team",
        "timestamp": "2026-11-20T00:00:00Z",
        "version": 1,
        "statements": statements,
    })
    .to_string()
}

fn statement(cve: &str, product: &str, status: &str) -> Value {
    let mut statement = json!({
        "vulnerability": { "name": cve },
        "products": [{ "@id": product }],
        "status": status,
    });
    if status == "not_affected" {
        statement["justification"] = json!("vulnerable_code_not_in_execute_path");
    }
    statement
}

#[test]
fn openvex_takes_findings_off_the_line() {
    let place = Place::new();
    let shop = place.shop();
    let all = openvex(&json!([
        statement("CVE-2099-0010", "pkg:pypi/harbour@3.2.4", "not_affected"),
        statement("GHSA-2222-2222-0030", "pkg:maven/org.example.deck/deck-core", "fixed"),
        statement("CVE-2099-0001", "pkg:deb/debian/sealib", "not_affected"),
    ]));
    let file = place.put("shop.openvex.json", all);
    let report = place.scan(&shop, &["--vex", &file, "--format", "json"]).exits(0).quiet().json();
    for id in ["CVE-2099-0010", "CVE-2099-0030", "CVE-2099-0001"] {
        let finding = finding(&report, id);
        assert_eq!(finding["party"]["kind"], "nobody", "{finding}");
        assert_eq!(finding["suppressedBy"]["by"], "vex", "{finding}");
        assert!(text(&finding["suppressedBy"]["source"]).contains("shop.openvex.json"), "{finding}");
    }
    let run = place.scan(&shop, &["--vex", &file]).exits(0);
    assert!(run.stdout.contains("VEX"), "{}", run.stdout);
}

#[test]
fn a_hub_is_asked_about_what_the_target_holds() {
    let place = Place::new();
    let shop = place.shop();
    let entry = |id: &str, location: &str| json!({"id": id, "location": location, "format": "openvex"});
    std::fs::create_dir_all(place.path("hub/pkg")).unwrap();
    place.put(
        "hub/pkg/harbour.json",
        openvex(&json!([statement("CVE-2099-0010", "pkg:pypi/harbour", "not_affected")])),
    );
    place.put("hub/pkg/other.json", "nobody reads this");
    place.put("hub/pkg/sealib.json", "{}");
    place.put(
        "outside.json",
        openvex(&json!([statement("CVE-2099-0020", "pkg:npm/keelson", "not_affected")])),
    );
    let index = json!({"updated_at": "2026-11-20T00:00:00Z", "packages": [
        entry("pkg:pypi/harbour", "pkg/harbour.json"),
        entry("pkg:npm/nobody-has-this", "pkg/other.json"),
        entry("pkg:deb/debian/sealib", "pkg/sealib.json"),
        entry("pkg:npm/keelson", "../outside.json"),
        entry("pkg:maven/org.example.deck/deck-core", "pkg/absent.json"),
    ]});
    place.put("hub/index.json", index.to_string());
    let hub = place.path("hub").display().to_string();
    let report = place.scan(&shop, &["--vex-hub", &hub, "--format", "json"]).exits(1).json();
    let suppression = &finding(&report, "CVE-2099-0010")["suppressedBy"];
    assert!(text(&suppression["source"]).contains("harbour.json"), "{suppression}");
    assert!(finding(&report, "CVE-2099-0020")["suppressedBy"].is_null(), "the index leads out of the hub");
    let notes: Vec<String> = report["problems"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|problem| text(&problem["detail"]).starts_with("the hub's document was not applied"))
        .map(|problem| text(&problem["subject"]).rsplit('/').next().unwrap().to_owned())
        .collect();
    assert_eq!(notes, ["outside.json", "absent.json", "sealib.json"]);

    place.put("hub/index.json", "[]");
    place
        .scan(&shop, &["--vex-hub", &hub])
        .exits(2)
        .says(&["cannot use the VEX document", "is no index of a hub"]);
}

/// What we draft is read as the answer that it becomes.
#[test]
fn drafts_that_were_filled_in_apply() {
    let place = Place::new();
    let shop = place.shop();
    for (format, open, answer) in [
        ("openvex", "\"under_investigation\"", "\"fixed\""),
        ("csaf-vex", "\"under_investigation\"", "\"fixed\""),
        ("cyclonedx-vex", "\"in_triage\"", "\"not_affected\""),
    ] {
        let draft = place.scan(&shop, &["--format", format]).stdout;
        let as_it_is = place.put("draft.json", &draft);
        let report = place.scan(&shop, &["--vex", &as_it_is, "--format", "json"]).exits(1).json();
        assert!(finding(&report, "CVE-2099-0010")["suppressedBy"].is_null(), "{format}");
        let filled = place.put("filled.json", draft.replace(open, answer));
        let report = place.scan(&shop, &["--vex", &filled, "--format", "json"]).exits(0).json();
        let suppression = &finding(&report, "CVE-2099-0010")["suppressedBy"];
        assert_eq!(suppression["by"], "vex", "{format}: {suppression}");
    }
}

#[test]
fn a_statement_about_the_image_applies_to_it_alone() {
    let place = Place::new();
    let shop = place.shop();
    let digest = text(&place.json(&shop, &[])["target"]["digest"]).replace(':', "%3A");
    let other = digest.replace(|character: char| character.is_ascii_digit(), "0");
    for (digest, suppressed) in [(digest, true), (other, false)] {
        let mut statement = statement("CVE-2099-0010", &format!("pkg:oci/shop@{digest}"), "not_affected");
        statement["products"][0]["subcomponents"] = json!([{ "@id": "pkg:pypi/harbour@3.2.4" }]);
        let file = place.put("image.json", openvex(&json!([statement])));
        let report = place.json(&shop, &["--vex", &file]);
        assert_eq!(finding(&report, "CVE-2099-0010")["suppressedBy"].is_object(), suppressed, "{digest}");
        if !suppressed {
            assert!(
                report["problems"].to_string().contains("CVE-2099-0010"),
                "the trace says why it did not apply"
            );
        }
    }
}

#[test]
fn statements_that_do_not_excuse() {
    let place = Place::new();
    let shop = place.shop();
    for (product, status) in [
        ("pkg:pypi/harbour@3.2.5", "not_affected"),
        ("pkg:npm/harbour@3.2.4", "not_affected"),
        ("pkg:pypi/harbour@3.2.4", "affected"),
        ("pkg:pypi/harbour@3.2.4", "under_investigation"),
    ] {
        let mut statement = statement("CVE-2099-0010", product, status);
        if status == "affected" {
            statement["action_statement"] = json!("upgrade");
        }
        let file = place.put("weak.json", openvex(&json!([statement])));
        let report = place.scan(&shop, &["--vex", &file, "--format", "json"]).exits(1).json();
        assert!(finding(&report, "CVE-2099-0010")["suppressedBy"].is_null(), "{product} {status}");
    }
}

#[test]
fn csaf_is_read_too() {
    let place = Place::new();
    let shop = place.shop();
    let document = json!({
        "document": {
            "category": "csaf_vex",
            "csaf_version": "2.0",
            "title": "Shop",
            "publisher": { "category": "vendor", "name": "Shop team", "namespace": "https://example.com" },
            "tracking": {
                "id": "SHOP-1", "status": "final", "version": "1",
                "current_release_date": "2026-11-20T00:00:00Z", "initial_release_date": "2026-11-20T00:00:00Z",
                "revision_history": [{ "date": "2026-11-20T00:00:00Z", "number": "1", "summary": "first" }],
            },
        },
        "product_tree": { "full_product_names": [{
            "product_id": "P1", "name": "harbour 3.2.4",
            "product_identification_helper": { "purl": "pkg:pypi/harbour@3.2.4" },
        }] },
        "vulnerabilities": [{
            "cve": "CVE-2099-0010",
            "product_status": { "known_not_affected": ["P1"] },
            "flags": [{ "label": "vulnerable_code_not_present", "product_ids": ["P1"] }],
        }],
    });
    let file = place.put("shop.csaf.json", document.to_string());
    let report = place.json(&shop, &["--vex", &file]);
    assert_eq!(finding(&report, "CVE-2099-0010")["suppressedBy"]["by"], "vex");
}

#[test]
fn broken_documents_are_refused() {
    let place = Place::new();
    place.shop();
    for content in ["", "{", "[]", "{\"hello\": 1}", "not json"] {
        place.put("bad.json", content);
        let run = place.scan("shop", &["--vex", "bad.json"]).exits(2).says(&["error:", "bad.json"]);
        assert_eq!(run.stdout, "", "{content}");
    }
}

/// A registry with the shop in it under a name of its own, and two key pairs in files.
struct Harbour {
    place: Place,
    image: String,
    digest: String,
    _registry: plimsoll_testing::Registry,
}

impl Harbour {
    fn new() -> Option<Self> {
        let (registry, place, image) = harbour()?;
        let digest = text(&place.json(&image, &[])["target"]["digest"]).clone();
        Some(Harbour { place, image, digest, _registry: registry })
    }

    fn json(&self, more: &[&str]) -> Value {
        self.place.json(&self.image, more)
    }

    /// Who took the finding away, and the document that the report lists.
    fn answer(&self, more: &[&str]) -> (Value, Value) {
        let report = self.json(&[&["--vex", "oci"], more].concat());
        (finding(&report, "CVE-2099-0010")["suppressedBy"].clone(), report["vex"][0].clone())
    }

    /// The repository of the image, to write, and the image in it.
    fn repository(&self) -> (Repository, Descriptor) {
        let repository = repository(&self.image);
        let manifest = repository.manifest("1.0").unwrap();
        let size = manifest.bytes.len() as u64;
        (repository, Descriptor { media_type: manifest.media_type, digest: manifest.digest, size })
    }

    /// Stores an artifact that refers to the image.
    fn attach(&self, artifact_type: &str, media_type: &str, content: &str) {
        let (repository, subject) = self.repository();
        let part = Part {
            media_type: media_type.to_owned(),
            bytes: content.as_bytes().to_vec(),
            annotations: BTreeMap::new(),
        };
        let artifact = Artifact {
            artifact_type: artifact_type.to_owned(),
            parts: vec![part],
            annotations: BTreeMap::new(),
            subject: Some(subject),
        };
        repository.put_artifact(None, &artifact).unwrap();
    }

    /// Stores statements as BuildKit does: a manifest that an index names.
    fn stored(&self, parts: Vec<Part>) -> Descriptor {
        let artifact = Artifact {
            artifact_type: "application/vnd.docker.attestation.manifest.v1+json".into(),
            parts,
            annotations: BTreeMap::new(),
            subject: None,
        };
        self.repository().0.put_artifact(None, &artifact).unwrap()
    }

    /// The entry of an index for such a manifest about the image `about`.
    fn attestation(stored: &Descriptor, about: &Digest) -> Value {
        entry(
            stored,
            &json!({
                "platform": { "architecture": "unknown", "os": "unknown" },
                "annotations": { "vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": about.to_string() },
            }),
        )
    }

    /// An index with the image and further entries; its name.
    fn index(&self, tag: &str, attestations: &[Value]) -> String {
        let platform = json!({ "platform": { "architecture": "amd64", "os": "linux" } });
        let mut manifests = vec![entry(&self.repository().1, &platform)];
        manifests.extend_from_slice(attestations);
        let body = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": manifests,
        })
        .to_string();
        let (host, rest) = self.image.split_once('/').unwrap();
        let path = rest.trim_end_matches(":1.0");
        let mut stream = std::net::TcpStream::connect(host).unwrap();
        write!(
            stream,
            "PUT /v2/{path}/manifests/{tag} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/vnd.oci.image.index.v1+json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
        format!("{host}/{path}:{tag}")
    }

    fn attest(&self, key: &str, content: &str) {
        self.attest_as(key, "openvex", content);
    }

    fn attest_as(&self, key: &str, kind: &str, content: &str) {
        let file = self.place.put("predicate.json", content);
        let key = self.place.text(key);
        self.place
            .run(&["attest", &self.image, "--key", &key, "--type", kind, "--predicate", &file])
            .exits(0);
    }
}

/// An entry of an index.
fn entry(descriptor: &Descriptor, rest: &Value) -> Value {
    let mut entry = json!({ "mediaType": descriptor.media_type, "digest": descriptor.digest.to_string(), "size": descriptor.size });
    entry.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    entry
}

/// Says that something about SBOMs stands in a report's notes.
#[track_caller]
fn notes(report: &Value, said: &str) {
    let notes = report["problems"].as_array().unwrap();
    let found = notes.iter().find(|note| text(&note["detail"]).contains(said));
    assert_eq!(found.unwrap_or_else(|| panic!("{said}: {notes:?}"))["effect"], "note");
}

/// Which packages only an SBOM lists.
fn only_listed(report: &Value) -> Vec<(String, String)> {
    let packages = report["packages"].as_array().unwrap().iter();
    packages
        .filter_map(|package| {
            let by = package["properties"]["listed-by"].as_str()?;
            Some((text(&package["purl"]).clone(), by.to_owned()))
        })
        .collect()
}

#[test]
fn attached_sboms_add_what_only_they_list() {
    let Some(harbour) = Harbour::new() else { return };
    let sbom = json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "components": [
            { "type": "library", "bom-ref": "h", "name": "harbour", "purl": "pkg:pypi/harbour@3.2.4" },
            { "type": "library", "bom-ref": "e", "name": "event-stream", "version": "3.3.6", "purl": "pkg:npm/event-stream@3.3.6" },
            { "type": "library", "bom-ref": "d", "name": "builder-only", "version": "1", "purl": "pkg:deb/debian/builder-only@1?arch=amd64&distro=debian-12" },
            { "type": "file", "bom-ref": "f", "name": "/etc/motd" },
        ],
    });
    let before = harbour.json(&[]);
    let count = |report: &Value| report["packages"].as_array().unwrap().len();
    notes(&harbour.json(&["--sbom-oci"]), "no SBOM is attached");
    let key = harbour.place.text("ours.pub");
    let asked = |more: &[&str]| harbour.json(&[&["--sbom-oci"], more].concat());

    // Nobody signed it: told, and not used.
    let kind = "application/vnd.cyclonedx+json";
    harbour.attach(kind, kind, &sbom.to_string());
    let report = asked(&["--sbom-key", &key, "--sbom-no-transparency-log"]);
    notes(&report, "was not used: unsigned (--sbom-key or");
    assert_eq!((count(&report), only_listed(&report)), (count(&before), vec![]));
    assert_eq!(harbour.json(&[]), before, "not asked for, not looked for");
    // Somebody else signed one.
    harbour.attest_as("theirs.pem", "cyclonedx", &sbom.to_string());
    let report = asked(&["--sbom-key", &key, "--sbom-no-transparency-log"]);
    notes(&report, "was not used: signature of nobody who was named");
    assert_eq!(only_listed(&report), vec![]);
    // We did.
    harbour.attest_as("ours.pem", "cyclonedx", &sbom.to_string());
    let report = asked(&["--sbom-key", &key, "--sbom-no-transparency-log"]);
    notes(&report, "signed by");
    notes(
        &report,
        "in the layers too: 1, added: 1, left out, of a distribution and not in the image's package database: 1",
    );
    let added = only_listed(&report);
    assert_eq!(added.len(), 1, "{added:?}");
    assert_eq!(added[0].0, "pkg:npm/event-stream@3.3.6");
    assert!(added[0].1.contains("@sha256:"), "{added:?}");
    assert_eq!(count(&report), count(&before) + 1, "nothing is taken away");
    let is_about = |finding: &Value| text(&finding["id"]).contains("event-stream@3.3.6");
    let findings =
        |report: &Value| report["findings"].as_array().unwrap().iter().filter(|one| is_about(one)).count();
    assert!(findings(&before) == 0 && findings(&report) > 0, "and it is matched");
    // Whoever wants it, takes what nobody signed.
    assert_eq!(only_listed(&asked(&["--sbom-unsigned"])).len(), 1);
    // The table tells it too, and a kept report without SBOMs is not in its way.
    let run = harbour.place.scan(&harbour.image, &["--sbom-oci", "--sbom-unsigned", "--all"]);
    assert!(run.stdout.contains("event-stream"), "{}", run.stdout);
}

/// BuildKit's SBOMs, in the image's own index.
#[test]
fn sboms_within_the_index() {
    let Some(harbour) = Harbour::new() else { return };
    let (_, subject) = harbour.repository();
    let attested = |about: &Digest, document: &str, package: &str| {
        let kind = "https://spdx.dev/Document";
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v0.1", "predicateType": kind,
            "subject": [{ "name": "pkg:docker/shop@1.0", "digest": { "sha256": about.hex() } }],
            "predicate": {
                "spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "dataLicense": "CC0-1.0", "name": document,
                "documentNamespace": "https://example.com/1",
                "creationInfo": { "created": "2026-11-20T00:00:00Z", "creators": ["Tool: syft"] },
                "packages": [{
                    "name": package, "SPDXID": "SPDXRef-1", "versionInfo": "3.3.6", "downloadLocation": "NONE",
                    "externalRefs": [{ "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": format!("pkg:npm/{package}@3.3.6") }],
                }],
            },
        });
        Part {
            media_type: "application/vnd.in-toto+json".into(),
            bytes: statement.to_string().into_bytes(),
            annotations: BTreeMap::from([("in-toto.io/predicate-type".to_owned(), kind.to_owned())]),
        }
    };
    let built = harbour.stored(vec![
        attested(&subject.digest, "sbom", "event-stream"),
        attested(&subject.digest, "sbom-build", "flatmap-stream"),
    ]);
    let image = harbour.index("built", &[Harbour::attestation(&built, &subject.digest)]);
    let report = |image: &str, more: &[&str]| harbour.place.json(image, &[&["--sbom-oci"], more].concat());
    let (key, theirs) = (harbour.place.text("ours.pub"), harbour.place.text("theirs.pub"));
    let found = report(&image, &["--sbom-key", &key, "--sbom-no-transparency-log"]);
    notes(&found, "was not used: unsigned");
    assert_eq!(only_listed(&found), vec![]);
    // Whoever signed the index signed what it names.
    harbour.place.run(&["attest", &image, "--key", &harbour.place.text("ours.pem")]).exits(0);
    let found = report(&image, &["--sbom-key", &theirs, "--sbom-no-transparency-log"]);
    assert_eq!(only_listed(&found), vec![]);
    let found = report(&image, &["--sbom-key", &key, "--sbom-no-transparency-log"]);
    let added = only_listed(&found);
    assert_eq!(
        added.iter().map(|(purl, _)| purl.as_str()).collect::<Vec<_>>(),
        ["pkg:npm/event-stream@3.3.6"]
    );
    notes(&found, "of the build's `build`, not of the image");
    // A statement about another image than its manifest says is none.
    let other = Digest::parse(&format!("sha256:{}", "a".repeat(64))).unwrap();
    let lying = harbour.stored(vec![attested(&other, "sbom", "event-stream")]);
    let image = harbour.index("lying", &[Harbour::attestation(&lying, &subject.digest)]);
    let found = report(&image, &["--sbom-unsigned"]);
    notes(&found, "was not used: invalid signature");
    assert_eq!(only_listed(&found), vec![]);
    // Nothing that is no image of a registry has any.
    let shop = harbour.place.shop();
    notes(&harbour.place.json(&shop, &["--sbom-oci"]), "no registry is known to have it");
    harbour.place.scan(&shop, &["--sbom-key", &key]).exits(2).says(&["--sbom-oci"]);
}

#[test]
fn attached_documents_count_by_who_signed_them() {
    let Some(harbour) = Harbour::new() else { return };
    let (ours, theirs) = (harbour.place.text("ours.pub"), harbour.place.text("theirs.pub"));
    let key = |key: &str| harbour.answer(&["--vex-key", key, "--vex-no-transparency-log"]);
    // Nothing is attached, and the report says so.
    let report = harbour.json(&["--vex", "oci"]);
    assert!(report["problems"].to_string().contains("no VEX document is attached"), "{}", report["problems"]);

    let product = format!("pkg:oci/shop@{}", harbour.digest.replace(':', "%3A"));
    harbour.attest("ours.pem", &openvex(&json!([statement("CVE-2099-0010", &product, "not_affected")])));
    // Not asked for: not applied, not even looked for.
    let report = harbour.json(&[]);
    assert!(report["vex"].is_null() && finding(&report, "CVE-2099-0010")["suppressedBy"].is_null());
    // Nobody was named whose signature counts.
    let (suppression, document) = harbour.answer(&[]);
    assert!(suppression.is_null(), "{suppression}");
    assert_eq!(document["used"], false, "{document}");
    assert_eq!(document["signature"]["state"], "untrusted", "{document}");
    assert_eq!(document["author"], "Shop team");
    let (suppression, document) = key(&theirs);
    assert!(suppression.is_null() && document["used"] == false, "{document}");
    // A log is demanded unless the user says otherwise.
    assert!(harbour.answer(&["--vex-key", &ours]).0.is_null());
    let (suppression, document) = key(&ours);
    assert_eq!(suppression["by"], "vex", "{document}");
    for words in ["team/shop@sha256:", "https://example.com/vex/1", "Shop team", "signed by", "ours.pub"] {
        assert!(text(&suppression["source"]).contains(words), "{words}: {suppression}");
    }
    assert_eq!(document["signature"]["state"], "trusted");
    assert_eq!(document["considered"][0]["outcome"], "applied", "{document}");
    assert!(text(&document["digest"]).starts_with("sha256:"));
    // People read it too.
    let arguments = ["--vex", "oci", "--vex-key", &ours, "--vex-no-transparency-log"];
    let run = harbour.place.scan(&harbour.image, &arguments);
    assert!(run.stdout.contains("by Shop team"), "{}", run.stdout);
    assert!(run.stdout.contains("answers 1 finding"), "{}", run.stdout);
    // A file of the user's outranks what is attached, even an older one.
    let old = openvex(&json!([statement("CVE-2099-0010", "pkg:pypi/harbour", "under_investigation")]));
    let file = harbour.place.put("own.json", old.replace("2026-11-20", "2020-01-01"));
    let report = harbour.json(&[&arguments[..], &["--vex", &file]].concat());
    assert!(finding(&report, "CVE-2099-0010")["suppressedBy"].is_null());
    let attached = &report["vex"][1]["considered"][0];
    assert_eq!(attached["outcome"], "overruled", "{attached}");
    assert!(text(&attached["reason"]).contains("own.json outranks it and says under_investigation"));
}

#[test]
fn plain_referrers_are_unsigned_until_somebody_signs_them() {
    let Some(harbour) = Harbour::new() else { return };
    // No products: the document is about what it is attached to.
    let mut statement = statement("CVE-2099-0010", "", "not_affected");
    statement.as_object_mut().unwrap().remove("products");
    harbour.attach("application/vnd.openvex+json", "application/json", &openvex(&json!([statement])));
    let (suppression, document) = harbour.answer(&[]);
    assert!(suppression.is_null() && document["signature"]["state"] == "unsigned", "{document}");
    let (suppression, document) = harbour.answer(&["--vex-unsigned"]);
    assert_eq!(suppression["by"], "vex", "{document}");
    assert!(text(&suppression["source"]).contains("Shop team, unsigned"), "{suppression}");

    // The document is signed like an image, by what refers to it.
    let name = text(&document["name"]);
    let repository = harbour.image.trim_end_matches(":1.0");
    let signed = format!("{repository}@{}", name.split_once('@').unwrap().1);
    harbour.place.run(&["attest", &signed, "--key", &harbour.place.text("ours.pem")]).exits(0);
    let key = harbour.place.text("ours.pub");
    let (suppression, document) = harbour.answer(&["--vex-key", &key, "--vex-no-transparency-log"]);
    assert_eq!(document["signature"]["state"], "trusted", "{document}");
    assert_eq!(suppression["by"], "vex");
}

#[test]
fn other_forms_of_attached_documents() {
    let Some(harbour) = Harbour::new() else { return };
    let cyclonedx = |state: &str| {
        json!({
            "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
            "components": [{ "type": "library", "bom-ref": "h", "name": "harbour", "purl": "pkg:pypi/harbour@3.2.4" }],
            "vulnerabilities": [{ "id": "CVE-2099-0010", "analysis": { "state": state }, "affects": [{ "ref": "h" }] }],
        })
    };
    // An SBOM by itself states nothing; what is not readable is told; other artifacts are not fetched.
    let mut sbom = cyclonedx("resolved");
    sbom.as_object_mut().unwrap().remove("vulnerabilities");
    let kind = "application/vnd.cyclonedx+json";
    harbour.attach(kind, kind, &sbom.to_string());
    harbour.attach("image/png", "image/png", "no picture");
    let (suppression, document) = harbour.answer(&["--vex-unsigned"]);
    assert!(suppression.is_null() && document.is_null(), "{document}");
    harbour.attach("application/vnd.oasis.csaf.v2+json", "application/json", "{\"hello\": 1}");
    let report = harbour.json(&["--vex", "oci", "--vex-unsigned"]);
    assert!(report["problems"].to_string().contains("the attached document was not applied"), "{report}");
    harbour.attach(kind, kind, &cyclonedx("resolved").to_string());
    let (suppression, document) = harbour.answer(&["--vex-unsigned"]);
    assert_eq!(suppression["by"], "vex", "{document}");
    assert!(text(&suppression["reason"]).starts_with("fixed"), "{suppression}");
}

/// cosign 1 and 2: an envelope in a layer of the image that the tag `sha256-….att` names.
#[test]
fn attestations_of_cosign_by_their_tag() {
    let Some(harbour) = Harbour::new() else { return };
    let (repository, subject) = harbour.repository();
    let pem = std::fs::read_to_string(harbour.place.path("ours.pem")).unwrap();
    let key = SigningKey::from_pem("ours.pem", &pem, None).unwrap();
    let envelope = |kind: &str, status: &str| {
        let says = statement("CVE-2099-0010", "pkg:pypi/harbour", status);
        let predicate = serde_json::from_str(&openvex(&json!([says]))).unwrap();
        let artifact = attestation(&key, &subject, "team/shop", kind, &predicate).unwrap();
        let bundle: Value = serde_json::from_slice(&artifact.parts[0].bytes).unwrap();
        Part {
            media_type: "application/vnd.dsse.envelope.v1+json".into(),
            bytes: bundle["dsseEnvelope"].to_string().into_bytes(),
            annotations: BTreeMap::from([
                ("predicateType".to_owned(), kind.to_owned()),
                ("dev.cosignproject.cosign/signature".to_owned(), String::new()),
            ]),
        }
    };
    let artifact = Artifact {
        artifact_type: String::new(),
        // What says of itself that it is provenance is not read for this.
        parts: vec![
            envelope("https://slsa.dev/provenance/v1", "affected"),
            envelope("https://openvex.dev/ns", "not_affected"),
        ],
        annotations: BTreeMap::new(),
        subject: None,
    };
    let tag = format!("{}.att", subject.digest.to_string().replace(':', "-"));
    repository.put_artifact(Some(&tag), &artifact).unwrap();
    let ours = harbour.place.text("ours.pub");
    let report = harbour.json(&["--vex", "oci", "--vex-key", &ours, "--vex-no-transparency-log"]);
    assert_eq!(finding(&report, "CVE-2099-0010")["suppressedBy"]["by"], "vex", "{}", report["problems"]);
    assert_eq!(report["vex"].as_array().unwrap().len(), 1, "{}", report["vex"]);
    // Somebody else's key: a document, not applied.
    let theirs = harbour.place.text("theirs.pub");
    let report = harbour.json(&["--vex", "oci", "--vex-key", &theirs, "--vex-no-transparency-log"]);
    assert!(finding(&report, "CVE-2099-0010")["suppressedBy"].is_null());
}

/// BuildKit keeps attestations in the image's own index; nobody signed them, but somebody may have signed the index.
#[test]
fn attestations_within_the_index() {
    let Some(harbour) = Harbour::new() else { return };
    let (_, subject) = harbour.repository();
    let attested = |kind: &str, about: &Digest, status: &str| {
        let says = statement("CVE-2099-0010", "pkg:pypi/harbour", status);
        let predicate: Value = serde_json::from_str(&openvex(&json!([says]))).unwrap();
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v0.1", "predicateType": kind, "predicate": predicate,
            "subject": [{ "name": "pkg:docker/shop@1.0", "digest": { "sha256": about.hex() } }],
        });
        Part {
            media_type: "application/vnd.in-toto+json".into(),
            bytes: statement.to_string().into_bytes(),
            annotations: BTreeMap::from([("in-toto.io/predicate-type".to_owned(), kind.to_owned())]),
        }
    };
    let vex = "https://openvex.dev/ns/v0.2.0";
    let other = Digest::parse(&format!("sha256:{}", "a".repeat(64))).unwrap();
    let ours = harbour.stored(vec![
        // What says of itself that it is something else is not fetched.
        attested("https://slsa.dev/provenance/v0.2", &subject.digest, "affected"),
        attested("https://spdx.dev/Document", &subject.digest, "affected"),
        attested(vex, &subject.digest, "not_affected"),
    ]);
    let image = harbour.index("built", &[Harbour::attestation(&ours, &subject.digest)]);
    let report = |image: &str, more: &[&str]| harbour.place.json(image, &[&["--vex", "oci"], more].concat());
    let found = report(&image, &[]);
    assert!(finding(&found, "CVE-2099-0010")["suppressedBy"].is_null());
    assert_eq!(found["vex"].as_array().unwrap().len(), 1, "{}", found["vex"]);
    assert_eq!(found["vex"][0]["signature"]["state"], "unsigned", "{}", found["vex"]);
    assert!(text(&found["vex"][0]["name"]).ends_with(&ours.digest.to_string()), "{}", found["vex"]);
    let found = report(&image, &["--vex-unsigned"]);
    assert_eq!(finding(&found, "CVE-2099-0010")["suppressedBy"]["by"], "vex", "{}", found["problems"]);
    // Whoever signed the index signed what it names.
    let (key, theirs) = (harbour.place.text("ours.pub"), harbour.place.text("theirs.pub"));
    harbour.place.run(&["attest", &image, "--key", &harbour.place.text("ours.pem")]).exits(0);
    let found = report(&image, &["--vex-key", &key, "--vex-no-transparency-log"]);
    assert_eq!(found["vex"][0]["signature"]["state"], "trusted", "{}", found["vex"]);
    assert_eq!(finding(&found, "CVE-2099-0010")["suppressedBy"]["by"], "vex");
    let found = report(&image, &["--vex-key", &theirs, "--vex-no-transparency-log"]);
    assert!(finding(&found, "CVE-2099-0010")["suppressedBy"].is_null());
    // Attestations about another image of the index are not asked; a statement about another than its manifest says is none.
    let image = harbour.index("others", &[Harbour::attestation(&ours, &other)]);
    let found = report(&image, &["--vex-unsigned"]);
    assert!(finding(&found, "CVE-2099-0010")["suppressedBy"].is_null());
    let lying = harbour.stored(vec![attested(vex, &other, "not_affected")]);
    let image = harbour.index("lying", &[Harbour::attestation(&lying, &subject.digest)]);
    let found = report(&image, &["--vex-unsigned"]);
    assert!(finding(&found, "CVE-2099-0010")["suppressedBy"].is_null(), "{}", found["vex"]);
}

#[test]
fn attached_documents_where_there_is_no_registry() {
    let place = Place::new();
    let shop = place.shop();
    let report = place.json(&shop, &["--vex", "oci"]);
    assert!(report["problems"].to_string().contains("no registry is known to have it"), "{report}");
    place.scan(&shop, &["--vex-unsigned"]).exits(2).says(&["--vex-unsigned", "hint: add --vex oci"]);
    place.scan(&shop, &["--vex", "oci", "--vex-key", "absent.pub"]).exits(2).says(&["absent.pub"]);
    place
        .scan(&shop, &["--vex", "absent.json"])
        .exits(2)
        .says(&["cannot read the VEX document `absent.json`"]);
}

/// A hub's archive as GitHub packs it.
fn hub_archive(status: &str) -> Vec<u8> {
    let document = openvex(&json!([statement("CVE-2099-0010", "pkg:pypi/harbour", status)]));
    let index = json!({
        "updated_at": "2026-11-20T00:00:00Z",
        "packages": [{ "id": "pkg:pypi/harbour", "location": "pkg/harbour.json" }],
    });
    let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut archive = tar::Builder::new(encoder);
    for (name, content) in
        [("hub-main/index.json", index.to_string()), ("hub-main/pkg/harbour.json", document)]
    {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        archive.append_data(&mut header, name, content.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

#[test]
fn a_hub_behind_an_address_is_kept_and_asked_again_when_it_is_time() {
    const DAY: u64 = 24 * 60 * 60;
    const START: u64 = 1_795_000_000;
    let upstreams = Upstreams::start();
    let (manifest, archive) = ("hub/.well-known/vex-repository.json", "hub/main.tar.gz");
    let address = format!("{}/hub", upstreams.base());
    upstreams.put(
        manifest,
        json!({ "name": "Test hub", "versions": [{
            "spec_version": "0.1", "update_interval": "24h",
            "locations": [{ "url": format!("{address}/main.tar.gz//hub-main") }],
        }] })
        .to_string(),
    );
    let place = Place::new();
    let shop = place.shop();
    let folder = place.text("cache");
    let scan = |after: u64, more: &[&str]| {
        let fixed = ["scan", &shop, "--db", super::database(), "--format", "json", "--vex-hub", &address];
        let cache = ["--cache-dir", &folder];
        place.run_with(
            &[&fixed[..], &cache, more].concat(),
            &[("SOURCE_DATE_EPOCH", &(START + after).to_string())],
        )
    };
    let suppressed = |run: &Run| !finding(&run.json(), "CVE-2099-0010")["suppressedBy"].is_null();
    // Nothing is kept and nothing may be asked; then nothing is there.
    scan(0, &["--db-update", "never"]).exits(3).says(&["nothing is kept of the VEX hub", "--db-update auto"]);
    scan(0, &["--db-update", "auto"]).exits(3).says(&["cannot use the VEX hub", "404", "hint:"]);
    upstreams.put(archive, b"<html>".to_vec());
    scan(0, &["--db-update", "auto"]).exits(3).says(&["neither a zip nor a tar"]);

    upstreams.put(archive, hub_archive("not_affected"));
    let run = scan(0, &["--db-update", "auto"]);
    assert!(suppressed(&run), "{}", run.stderr);
    let report = run.json();
    assert_eq!(report["vex"][0]["origin"], "hub");
    assert_eq!(report["vex"][0]["name"], format!("{address}/pkg/harbour.json"));
    // Kept: not asked again within the interval, nor when that is forbidden, and the bytes are the same.
    upstreams.asked();
    for more in [&["--db-update", "auto"], &["--db-update", "never"]] {
        assert_eq!(scan(DAY / 2, more).stdout, run.stdout);
    }
    assert_eq!(upstreams.asked(), []);
    // Asked again, and nothing is new; then it is.
    assert!(suppressed(&scan(DAY, &["--db-update", "auto"])));
    assert_eq!(upstreams.asked(), [(manifest.to_owned(), 200), (archive.to_owned(), 304)]);
    upstreams.put(archive, hub_archive("affected"));
    assert!(suppressed(&scan(DAY + 1, &["--db-update", "auto"])), "not before it is time");
    assert!(!suppressed(&scan(DAY + 1, &["--db-update", "always"])));
    // Without a network what is kept is used, and the report says how old it is.
    upstreams.fault(manifest, Fault::Status(404, ""));
    let run = scan(4 * DAY, &["--db-update", "auto"]);
    let problems = run.json()["problems"].to_string();
    assert!(problems.contains("could not be asked"), "{problems}");
    assert!(problems.contains("what it said 2 days ago is used"), "{problems}");

    let status = place.run(&["cache", "status", "--cache-dir", &folder]).exits(0);
    assert!(status.stdout.contains(&format!("{address}: VEX of 2026-11-20, asked")), "{}", status.stdout);
    place.run(&["cache", "clear", "--cache-dir", &folder]).exits(0);
    scan(4 * DAY, &["--db-update", "never"]).exits(3);

    // What takes findings away is read through TLS.
    place
        .scan(&shop, &["--vex-hub", "http://vex.example"])
        .exits(2)
        .says(&["is not read through TLS", "https://"]);
}

#[test]
fn the_hub_that_is_named_first_outranks() {
    let place = Place::new();
    let shop = place.shop();
    for (name, status, date) in [("yes", "not_affected", "2026-01-01"), ("no", "affected", "2026-11-20")] {
        std::fs::create_dir_all(place.path(name)).unwrap();
        let document = openvex(&json!([statement("CVE-2099-0010", "pkg:pypi/harbour", status)]));
        place.put(&format!("{name}/harbour.json"), document.replace("2026-11-20", date));
        let index = json!({"packages": [{ "id": "pkg:pypi/harbour", "location": "harbour.json" }]});
        place.put(&format!("{name}/index.json"), index.to_string());
    }
    let (yes, no) = (place.text("yes"), place.text("no"));
    for (first, second, expected) in [(&yes, &no, true), (&no, &yes, false)] {
        let report = place.json(&shop, &["--vex-hub", first, "--vex-hub", second]);
        assert_eq!(finding(&report, "CVE-2099-0010")["suppressedBy"].is_object(), expected);
        assert_eq!(report["vex"][1]["considered"][0]["outcome"], "overruled", "{}", report["vex"]);
    }
}

#[test]
fn what_does_not_count_is_shown() {
    let place = Place::new();
    let shop = place.shop();
    let says = openvex(&json!([statement("CVE-2099-0010", "pkg:pypi/harbour", "not_affected")]));
    let file = place.put("shop.openvex.json", says);
    let run = place.scan(&shop, &["--vex", &file, "--show-suppressed"]).exits(1).quiet();
    for words in ["do not count", "vex: not_affected: vulnerable_code_not_in_execute_path", "says "] {
        assert!(run.stdout.contains(words), "{words}:\n{}", run.stdout);
    }
    let without = place.scan(&shop, &["--vex", &file]).exits(1).stdout;
    assert!(!without.contains("vulnerable_code_not_in_execute_path"), "{without}");
}

#[test]
fn explain_says_why_each_statement_applied_or_did_not() {
    let place = Place::new();
    let shop = place.shop();
    let mut later = statement("CVE-2099-0010", "pkg:pypi/harbour", "under_investigation");
    later["timestamp"] = json!("2026-11-21T00:00:00Z");
    let all = openvex(&json!([
        statement("CVE-2099-0010", "pkg:pypi/harbour@3.2.5", "not_affected"),
        statement("CVE-2099-0010", "pkg:pypi/harbour", "not_affected"),
        later,
        statement("CVE-2099-0001", "pkg:deb/debian/sealib", "not_affected"),
    ]));
    let file = place.put("shop.openvex.json", all);
    let report = place.put("report.json", place.scan(&shop, &["--vex", &file, "-f", "json"]).stdout);
    let explain = |id: &str| place.run(&["explain", id, "--report", &report, "--db", super::database()]);
    let text = explain("CVE-2099-0010").exits(0).quiet().stdout;
    for words in [
        "it counts",
        "VEX did not apply: not_affected, statement 1 of 2026-11-20",
        "product pkg:pypi/harbour@3.2.5 has another version (3.2.5; the finding's is 3.2.4)",
        "VEX overruled: not_affected, statement 2",
        "a later statement of this document says under_investigation",
        "VEX takes nothing away: under_investigation, statement 3 of 2026-11-21",
        "by Shop team",
    ] {
        assert!(text.contains(words), "{words}:\n{text}");
    }
    // What is known in general stands below.
    assert!(text.contains("points in the order of work"), "{text}");
    let text = explain("CVE-2099-0001").exits(0).stdout;
    assert!(text.contains("it does not count (vex)") && text.contains("VEX applied: not_affected"), "{text}");
    let text = explain("CVE-2099-0020").exits(0).stdout;
    assert!(text.contains("the VEX document that was asked says nothing about it"), "{text}");
    explain("CVE-2021-44228").exits(2).says(&["has no finding `CVE-2021-44228`", "hint: without --report"]);
    place.run(&["explain", "CVE-2099-0010", "--report", "absent.json"]).exits(3).says(&["absent.json"]);
    place.put("bad.json", "{}");
    place.run(&["explain", "CVE-2099-0010", "--report", "bad.json"]).exits(3).says(&["bad.json"]);
}
