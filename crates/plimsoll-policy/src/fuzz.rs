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

/// Any text as policies of other engines: what is made of them can be loaded.
pub fn import(text: &str) {
    let Ok(documents) = serde_saphyr::from_multiple::<serde_json::Value>(text) else { return };
    for document in &documents {
        let Ok(imported) = crate::import::import(document, &crate::import::Keys::new()) else { continue };
        for policy in &imported.policies {
            // A name may be empty or a pattern too large; then that is said, and nothing else happens.
            policies(&policy.to_string());
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

    const OTHERS: [&str; 3] = [
        "apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\nmetadata: {name: a}\nspec: {images: [{glob: '**'}], \
         authorities: [{keyless: {identities: [{issuerRegExp: '.*', subject: s}]}, attestations: [{name: a, predicateType: vuln}]}]}\n",
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: a}\nspec: {rules: [{name: r, match: {any: [{resources: {kinds: \
         [Pod]}}]}, verifyImages: [{imageReferences: ['*'], attestors: [{count: 1, entries: [{keyless: {subject: s, issuer: i}}]}]}]}]}\n",
        "apiVersion: policies.kyverno.io/v1alpha1\nkind: ImageValidatingPolicy\nmetadata: {name: a}\nspec: {attestors: [{name: a, cosign: \
         {keyless: {identities: [{subject: s, issuer: i}]}}}], validations: [{expression: 'images.containers.map(i, \
         verifyImageSignatures(i, [attestors.a])).all(e, e > 0)'}]}\n",
    ];

    proptest! {
        #[test]
        fn damaged_policies_of_others(which in 0..OTHERS.len(), at in 0..400usize, with in "[\\-:{}\\[\\] a-z*>'\n]{0,6}") {
            let whole = OTHERS[which];
            let at = at.min(whole.len());
            super::import(&format!("{}{with}{}", &whole[..at], &whole[at..]));
        }
    }

    #[test]
    fn bombs() {
        for other in OTHERS {
            super::import(other);
        }
        super::policies(WHOLE);
        super::policies(&"[".repeat(100_000));
        super::policies(&"---\n".repeat(100_000));
        super::policies(&format!(
            "a: &a [x]\n{}",
            (0..64).map(|n| format!("b{n}: [*a, *a, *a]\n")).collect::<Vec<_>>().concat()
        ));
    }
}
