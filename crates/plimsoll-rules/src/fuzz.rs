//! Bodies of fuzz targets: any text goes in, nothing panics.

/// A text as Rego, as rules in CEL over themselves, as a test file.
pub fn rules(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(documents) = crate::documents(&text) {
        let (rules, _) = crate::Rules::load(&documents, true);
        for document in &documents {
            let object = crate::Json::from(document);
            let _ = rules.judge(&crate::Review::of_object(&object, crate::Operation::Create));
        }
        if let Ok(rules) = crate::Rules::in_force(&documents) {
            let object = crate::Json::Null;
            for verdict in rules.judge(&crate::Review { object: Some(&object), ..crate::Review::default() }) {
                let _ = verdict.effect();
            }
        }
    }
    let _ = crate::suite::kyverno::run(&text, &|_| Ok(text.clone().into_owned()));
    #[cfg(feature = "rego")]
    crate::gatekeeper::fuzz(&text);
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_few_texts() {
        for text in [
            "",
            "\0",
            "a: [",
            "package a\nviolation[x] { not f(a.b, [) }",
            "sprintf(\"%v\", [",
            "é{|}\n(`",
            "a { b\n(c) } {",
        ] {
            super::rules(text.as_bytes());
            super::rules(&text.as_bytes()[..text.len() / 2]);
        }
        super::rules("not f(".repeat(20_000).as_bytes());
        let policy = "{apiVersion: policies.kyverno.io/v1, kind: ValidatingPolicy, metadata: {name: p}, spec: {validations: [{expression: 'object.spec.size() > 0'}]}}";
        for at in 0..policy.len() {
            super::rules(&policy.as_bytes()[..at]);
            super::rules(format!("{}x{}", &policy[..at], &policy[at..]).as_bytes());
        }
    }
}
