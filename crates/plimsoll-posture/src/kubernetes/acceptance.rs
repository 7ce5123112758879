//! Acceptances in annotations of objects, decided the same way wherever rules are held against objects: in files, in a cluster,
//! at admission.

use plimsoll_model::shortened;
use serde_json_borrow::{ObjectAsVec, Value};

use crate::dockerfile::ignore::{self, Acceptance};

/// Annotations that accept a finding begin with this; several are told apart by what follows (`plimsoll.dev/ignore-a`).
pub const ANNOTATION: &str = "plimsoll.dev/ignore";

/// What the annotations of an object accept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acceptances {
    /// Those that hold.
    pub held: Vec<Acceptance>,
    /// Those whose last day has passed.
    pub expired: Vec<Acceptance>,
    /// What is wrong with one. Nothing of the object is accepted then: half of what somebody meant is not what they meant.
    pub fault: Option<String>,
}

impl Acceptances {
    /// Reads them; `today` as `YYYY-MM-DD`.
    pub fn of(object: &Value<'_>, today: &str) -> Self {
        let mut all = Acceptances::default();
        let annotations = object.get("metadata").get("annotations").as_object();
        for (key, value) in annotations.into_iter().flat_map(ObjectAsVec::iter) {
            let ours = key
                .strip_prefix(ANNOTATION)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.', '_']));
            if !ours {
                continue;
            }
            match ignore::acceptance(value.as_str().unwrap_or_default(), today) {
                Ok(one) if one.until.as_str() < today => all.expired.push(one),
                Ok(one) => all.held.push(one),
                Err(detail) => {
                    let fault = Some(format!("{}: {detail}", shortened(key)));
                    return Acceptances { fault, ..Acceptances::default() };
                }
            }
        }
        all
    }

    /// The acceptance of a rule's finding.
    pub fn covers(&self, rule: &str) -> Option<&Acceptance> {
        self.held.iter().find(|one| one.rules.contains(&rule))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(annotations: &str) -> Acceptances {
        let text = format!("{{\"metadata\":{{\"annotations\":{{{annotations}}}}}}}");
        let value: Value<'_> = serde_json::from_str(&text).expect("JSON");
        Acceptances::of(&value, "2026-11-25")
    }

    #[test]
    fn what_holds_what_ended_and_what_is_refused() {
        let good = r#""plimsoll.dev/ignore": "ignore=host-pid reason=agent owner=ops until=2026-12-31""#;
        let old = r#""plimsoll.dev/ignore-b": "ignore=host-ipc reason=agent owner=ops until=2026-11-24""#;
        let all = of(&format!("{good},{old}"));
        assert!(all.covers("host-pid").is_some_and(|one| one.owner == "ops" && one.until == "2026-12-31"));
        assert!(all.covers("host-ipc").is_none());
        assert_eq!((all.held.len(), all.expired.len(), all.fault), (1, 1, None));
        // One that is malformed takes the others with it.
        for wrong in [
            "ignore=host-pid reason=agent until=2026-12-31",
            "ignore=host-pid owner=ops until=2026-12-31",
            "ignore=host-pid reason=agent owner=ops",
            "ignore=host-pid reason=agent owner=ops until=soon",
            "ignore=host-pid reason=agent owner=ops until=2027-05-25",
        ] {
            let all = of(&format!("{good},\"plimsoll.dev/ignore-c\": \"{wrong}\""));
            assert!(all.held.is_empty() && all.fault.is_some(), "{wrong}");
        }
        assert_eq!(of(r#""plimsoll.dev/ignored": "x", "other": "y""#), Acceptances::default());
    }
}
