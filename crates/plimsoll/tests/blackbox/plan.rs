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
    let markdown = place.run(&["plan", &place.text("reports"), "--format", "markdown"]).exits(0).stdout;
    assert!(markdown.contains("| 1 |"), "{markdown}");
}

#[test]
fn what_is_left_out_is_said() {
    let place = Place::new();
    let shop = place.shop();
    let run = place.run(&["plan", &shop, "dir:/no/such/folder", "--db", database()]).exits(3);
    assert!(run.stdout.contains("left out: dir:/no/such/folder"), "{}", run.stdout);
    place.put("broken.json", "{\"schemaVersion\": \"1.0\", \"targ");
    place.run(&["plan", &place.text("broken.json")]).exits(3).says(&["broken.json"]);
    place.run(&["plan", &shop, "--format", "sarif"]).exits(2).says(&["table, json and markdown"]);
}
