//! `--vex`: statements that somebody makes about an image.

use serde_json::{Value, json};

use super::{Place, finding, text};

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
