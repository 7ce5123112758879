//! Machine-learning models: listed, and told when loading them runs code.

use super::Place;

/// `pickle.dumps` of an object whose `__reduce__` gives `(os.system, ("id",))`.
const EVIL: &[u8] = b"\x80\x02cposix\nsystem\nX\x02\x00\x00\x00id\x85R.";

#[test]
fn a_model_that_runs_code_is_an_incident() {
    let place = Place::new();
    std::fs::create_dir(place.path("models")).unwrap();
    place.put("models/helper.pt", EVIL);
    let run = place.scan("models", &["--format", "json"]).exits(1);
    let finding = &run.json()["findings"][0];
    assert_eq!(finding["kind"], "malware", "{finding}");
    assert_eq!(finding["advisory"], "model-runs-code");
    assert_eq!(finding["title"], "loading the model runs posix.system");
    assert!(finding["remedy"].to_string().contains("helper"), "{finding}");
    let text = place.scan("models", &["--all"]).exits(1).stdout;
    assert!(text.contains("model-runs-code"), "{text}");
    let explained = place.run(&["explain", "model-runs-code"]).exits(0).stdout;
    assert!(explained.contains("weights_only"), "{explained}");
}

#[test]
fn a_model_of_numbers_is_listed_and_met() {
    let place = Place::new();
    std::fs::create_dir(place.path("models")).unwrap();
    let header = r#"{"__metadata__":{"license":"apache-2.0"}}"#;
    let model = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0; 16]].concat();
    place.put("models/small.safetensors", model);
    let report = place.scan("models", &["--format", "json"]).exits(0).json();
    let package = &report["packages"][0];
    assert_eq!(package["properties"]["format"], "safetensors");
    assert_eq!(package["licenses"][0], "apache-2.0");
}
