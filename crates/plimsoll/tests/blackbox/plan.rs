//! `plimsoll plan`: saved reports, folders of them and targets, in one order of work.

use serde_json::Value;

use super::{Place, database};

fn plan(place: &Place, arguments: &[&str]) -> Value {
    let run = place.run(&[&["plan", "--db", database(), "--format", "json"], arguments].concat()).exits(0);
    serde_json::from_str(&run.stdout).unwrap()
}

#[test]
fn one_change_for_many_images_is_one_step() {
    let place = Place::new();
    let shop = place.shop();
    let report = place.run(&["scan", &shop, "--db", database(), "--format", "json"]).stdout;
    std::fs::create_dir(place.path("reports")).unwrap();
    place.put("reports/a.json", &report);
    place.put("reports/b.json", &report);
    place.put("reports/notes.txt", "no report");
    place.put("reports/other.json", "{\"no\": \"report of ours\"}");

    let one = plan(&place, &[&shop]);
    let saved = plan(&place, &[&place.text("reports/a.json")]);
    assert_eq!(one["steps"][0]["removes"], saved["steps"][0]["removes"]);
    let two = plan(&place, &[&place.text("reports")]);
    let steps = |plan: &Value| plan["steps"].as_array().unwrap().clone();
    assert!(!steps(&one).is_empty());
    assert_eq!(steps(&one).len(), steps(&two).len(), "the same changes, each in two places");
    assert_eq!(two["findings"].as_u64().unwrap(), 2 * one["findings"].as_u64().unwrap());
    for (alone, both) in steps(&one).iter().zip(steps(&two)) {
        assert_eq!(both["subject"], alone["subject"]);
        assert_eq!(both["removes"].as_u64().unwrap(), 2 * alone["removes"].as_u64().unwrap());
    }
    // What is worth most comes first, and every finding is removed once or left.
    let worth: Vec<u64> = steps(&two).iter().map(|step| step["points"].as_u64().unwrap()).collect();
    assert!(worth.is_sorted_by(|left, right| left >= right), "{worth:?}");
    let removed: u64 = steps(&two).iter().map(|step| step["removes"].as_u64().unwrap()).sum();
    assert_eq!(removed + two["left"].as_u64().unwrap(), two["findings"].as_u64().unwrap());
    assert_eq!(
        worth.iter().sum::<u64>() + two["leftPoints"].as_u64().unwrap(),
        two["points"].as_u64().unwrap()
    );

    let table = place.run(&["plan", &place.text("reports")]).exits(0).stdout;
    assert!(table.contains("of the work") && table.contains("2 targets"), "{table}");
    assert_eq!(super::faults("plan-1.0.json", &two), Vec::<String>::new());
    let preset = place.run(&["plan", &place.text("reports"), "--format", "renovate"]).exits(0).stdout;
    let preset: Value = serde_json::from_str(&preset).unwrap();
    // The step that removes most comes last with the highest priority; names and order are those of the plan.
    let rules = preset["packageRules"].as_array().unwrap();
    let subjects: Vec<String> = rules.iter().map(|rule| rule["description"][0].to_string()).collect();
    assert!(!rules.is_empty() && rules.is_sorted_by_key(|rule| rule["prPriority"].as_u64()), "{subjects:?}");
    assert!(rules.len() < steps(&two).len(), "packages of distributions are not Renovate's");
    let markdown = place.run(&["plan", &place.text("reports"), "--format", "markdown"]).exits(0).stdout;
    assert!(markdown.contains("| 1 |"), "{markdown}");
}

#[test]
fn what_is_left_out_is_said() {
    let place = Place::new();
    let shop = place.shop();
    let arguments = ["plan", &shop, "dir:/no/such/folder", "--db", database()];
    let json = place.run(&[&arguments[..], &["--format", "json"]].concat()).exits(3).json();
    assert_eq!(super::faults("plan-1.0.json", &json), Vec::<String>::new());
    assert_eq!(super::faults("plan-1.0.json", &serde_json::json!({})).len(), 8);
    let run = place.run(&arguments).exits(3);
    assert!(run.stdout.contains("left out: dir:/no/such/folder"), "{}", run.stdout);
    place.put("broken.json", "{\"schemaVersion\": \"1.0\", \"targ");
    place.run(&["plan", &place.text("broken.json")]).exits(3).says(&["broken.json"]);
    place
        .run(&["plan", &shop, "--format", "sarif"])
        .exits(2)
        .says(&["expected table, json, markdown or renovate"]);
}

#[test]
fn malware_is_an_incident_and_comes_first() {
    let place = Place::new();
    for (name, version) in [("event-stream", "3.3.6"), ("lodash", "4.17.15")] {
        std::fs::create_dir_all(place.path(&format!("app/node_modules/{name}"))).unwrap();
        let manifest = format!("{{\"name\": \"{name}\", \"version\": \"{version}\"}}");
        place.put(&format!("app/node_modules/{name}/package.json"), &manifest);
    }
    let target = format!("dir:{}", place.path("app").display());
    // The incidents inside the program are enough to know it.
    let table = place.run(&["scan", &target]).exits(1).stdout;
    assert!(table.contains("1 incident: a malicious package is there"), "{table}");
    assert!(table.contains("rotate every credential it could"), "{table}");
    for format in ["markdown", "html", "sarif", "sarif@finding", "csv", "junit"] {
        let told = place.run(&["scan", &target, "--format", format]).stdout;
        assert!(told.contains("incident: remove event-stream"), "{format}: {told}");
    }
    // The same in two targets is one step, before all others.
    let purls = place.put("purls.txt", "pkg:npm/event-stream@3.3.6\n");
    let plan = place.run(&["plan", &target, &format!("sbom:{purls}"), "--format", "json"]).stdout;
    let plan: Value = serde_json::from_str(&plan).unwrap();
    assert_eq!(plan["steps"][0]["malware"], true);
    assert_eq!(plan["steps"][0]["edits"].as_array().unwrap().len(), 2);
    let table = place.run(&["plan", &target]).stdout;
    assert!(table.contains("incident: malware"), "{table}");
}
