//! The table is complete, and verdicts are what they should be on exports of each platform.

mod table;
mod variants;
mod verdicts;

use proptest::prelude::*;

proptest! {
    /// What the fuzz target runs, on texts that are close to what is read.
    #[test]
    fn hostile_text_ends_in_an_answer(
        head in prop_oneof![
            Just("apiVersion: plimsoll.dev/v1\nkind: Attestations\nstatements:\n- {control: SC-007, until: \"2027-01-01\", by: "),
            Just("-----BEGIN CERTIFICATE-----\n"),
            Just("{\"cluster\": {\"name\": "),
            Just("{\"nodePools\": "),
            Just("MIIB"),
        ],
        tail in "[ -~\n]{0,80}",
    ) {
        crate::fuzz::fuzz_responsibility(format!("{head}{tail}").as_bytes());
        crate::fuzz::fuzz_responsibility(format!("{head}\"a\"}}").as_bytes());
    }
}

#[test]
fn the_end_of_a_certificate_is_found_whatever_holds_it() {
    let text = include_str!("../../../fixtures/responsibility/gke-standard.json");
    let export: serde_json::Value = serde_json::from_str(text).expect("an export");
    let inside = export["masterAuth"]["clusterCaCertificate"].as_str().expect("a certificate");
    let end = super::certificate::end(inside).expect("a day");
    assert!(end > "2034-01-01T00:00:00Z".parse().expect("a moment"), "{end}");
    for cut in [0, 1, 4, 40, 200, 400] {
        assert_eq!(super::certificate::end(&inside[..cut]), None, "cut at {cut}");
    }
}
