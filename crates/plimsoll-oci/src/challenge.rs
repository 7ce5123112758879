//! What a registry wants to see before it answers (RFC 9110, section 11.6.1; distribution, "Token Authentication").

use std::collections::BTreeMap;

/// Longest header that is read, in bytes.
const LONGEST: usize = 8 * 1024;

/// A way to prove who one is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// User and password with each request.
    Basic,
    /// A token from a server of tokens.
    Bearer { realm: String, service: Option<String>, scope: Option<String> },
}

/// The best of the ways that the headers offer; `None` where none is known.
pub(crate) fn best<'a>(headers: impl Iterator<Item = &'a str>) -> Option<Challenge> {
    let mut basic = None;
    for (scheme, mut parameters) in headers.flat_map(parse) {
        match scheme.as_str() {
            "bearer" => {
                if let Some(realm) = parameters.remove("realm") {
                    return Some(Challenge::Bearer {
                        realm,
                        service: parameters.remove("service"),
                        scope: parameters.remove("scope"),
                    });
                }
            }
            "basic" => basic = Some(Challenge::Basic),
            _ => {}
        }
    }
    basic
}

/// Schemes with their parameters, names in lower case.
fn parse(header: &str) -> Vec<(String, BTreeMap<String, String>)> {
    let mut found: Vec<(String, BTreeMap<String, String>)> = Vec::new();
    if header.len() > LONGEST {
        return found;
    }
    let mut rest = header.trim_start();
    while !rest.is_empty() {
        let end = rest.find([' ', '\t', ',', '=']).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let word = word.to_ascii_lowercase();
        let value_follows = after.trim_start().strip_prefix('=');
        rest = match value_follows {
            Some(value) => {
                let (value, after) = value_of(value.trim_start());
                if let Some((_, parameters)) = found.last_mut() {
                    parameters.insert(word, value);
                }
                after
            }
            None => {
                if !word.is_empty() {
                    found.push((word, BTreeMap::new()));
                }
                after
            }
        };
        rest = rest.trim_start_matches([' ', '\t', ',']);
        // A second `=` where a name should be: step over it.
        rest = rest.strip_prefix('=').unwrap_or(rest);
    }
    found
}

/// A token or a quoted string, and what comes after it.
fn value_of(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut escaped = false;
    for (position, character) in quoted.char_indices() {
        match character {
            _ if escaped => {
                value.push(character);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return (value, &quoted[position + 1..]),
            other => value.push(other),
        }
    }
    (value, "")
}

/// For the fuzzer.
pub(crate) fn fuzz(text: &str) {
    if let Some(Challenge::Bearer { realm, .. }) = best([text].into_iter()) {
        assert!(realm.len() <= text.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(headers: &[&str], expected: Option<&Challenge>) {
        assert_eq!(best(headers.iter().copied()).as_ref(), expected, "{headers:?}");
    }

    #[test]
    fn challenges() {
        let bearer = |realm: &str, service: Option<&str>, scope: Option<&str>| {
            Some(Challenge::Bearer {
                realm: realm.to_owned(),
                service: service.map(str::to_owned),
                scope: scope.map(str::to_owned),
            })
        };
        check(
            &[
                r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#,
            ],
            bearer(
                "https://auth.docker.io/token",
                Some("registry.docker.io"),
                Some("repository:a/b:pull,push"),
            )
            .as_ref(),
        );
        check(
            &[r#"bearer  Realm = "https://x/" , SERVICE=y"#],
            bearer("https://x/", Some("y"), None).as_ref(),
        );
        check(&[r#"Basic realm="Registry""#], Some(&Challenge::Basic));
        check(&["Basic"], Some(&Challenge::Basic));
        check(
            &[r#"Basic realm="a, b", Bearer realm="https://x/""#],
            bearer("https://x/", None, None).as_ref(),
        );
        check(&["Negotiate", "Basic realm=x"], Some(&Challenge::Basic));
        check(&[r#"Bearer realm="a\"b"#], bearer("a\"b", None, None).as_ref());
        check(&["Bearer service=x"], None);
        check(&["", "====", ",,,", "\"", "Digest nonce=1"], None);
    }

    proptest::proptest! {
        #[test]
        fn any_text(text in "([a-zA-Z]{0,6}|[=\", \\\\]|Bearer realm=)*") {
            fuzz(&text);
        }
    }
}
