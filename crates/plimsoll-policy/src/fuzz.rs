//! Bodies of the fuzz targets, called by ordinary tests too.

use crate::{Facts, Policies, decide};

/// Any text as policies: refused with the file named, or usable; and never an allow without facts.
pub fn policies(text: &str) {
    let mut policies = Policies::default();
    match policies.add("fuzz.yaml", text) {
        Err(error) => assert!(error.to_string().starts_with("fuzz.yaml"), "{error}"),
        Ok(()) => {
            let _ = decide(&Facts::default(), &policies, 1_800_000_000);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    const WHOLE: &str = "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {name: a}\nspec:\n  requirements:\n  - pinDigest: true\n";

    proptest! {
        #[test]
        fn any_text(text in "\\PC{0,200}") {
            super::policies(&text);
        }

        #[test]
        fn damaged(at in 0..WHOLE.len(), with in "[\\-:{}\\[\\] a-z&*!|>\n]{0,6}") {
            let text = format!("{}{with}{}", &WHOLE[..at], &WHOLE[at..]);
            super::policies(&text);
        }
    }

    #[test]
    fn bombs() {
        super::policies(WHOLE);
        super::policies(&"[".repeat(100_000));
        super::policies(&"---\n".repeat(100_000));
        super::policies(&format!(
            "a: &a [x]\n{}",
            (0..64).map(|n| format!("b{n}: [*a, *a, *a]\n")).collect::<Vec<_>>().concat()
        ));
    }
}
