//! Bodies of fuzz targets: any text goes in, nothing panics.

/// A text as Rego, and as the objects of a file.
pub fn rules(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let _ = crate::documents(&text);
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
    }
}
