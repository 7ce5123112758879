//! PEM (RFC 7468), as far as keys, certificates and revocation lists need it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Most blocks of one kind in a text.
const MOST: usize = 1_000;

/// The contents of all blocks of a kind, in order.
pub(crate) fn all(text: &str, kind: &str) -> Result<Vec<Vec<u8>>, String> {
    let (begin, end) = (format!("-----BEGIN {kind}-----"), format!("-----END {kind}-----"));
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(&begin) {
        rest = &rest[at + begin.len()..];
        let stop = rest.find(&end).ok_or_else(|| format!("a block `{kind}` does not end"))?;
        if out.len() == MOST {
            return Err(format!("more than {MOST} blocks `{kind}`"));
        }
        let body: String = rest[..stop].split_whitespace().collect();
        out.push(STANDARD.decode(body).map_err(|error| format!("a block `{kind}` is not base64: {error}"))?);
        rest = &rest[stop + end.len()..];
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    #[test]
    fn blocks_of_a_kind_in_order() {
        let text = "x\n-----BEGIN A-----\nAAE=\n-----END A-----\n-----BEGIN B-----\n????\n-----END B-----\n-----BEGIN A-----\nAg\n ==\n-----END A-----";
        assert_eq!(super::all(text, "A").expect("two"), [vec![0, 1], vec![2]]);
        assert!(super::all(text, "B").is_err());
        assert!(super::all("-----BEGIN A-----\nAA", "A").is_err());
        assert!(super::all("", "A").expect("none").is_empty());
    }
}
