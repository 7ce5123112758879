//! What a pod names in its environment, arguments and commands: hosts, with ports where they are said.

use std::collections::BTreeSet;

use serde_json_borrow::Value;

use crate::kubernetes::{get, list, texts};

/// Most bytes of one value that are looked at, and most names of one pod.
const LONGEST: usize = 64 << 10;
const MOST: usize = 1_000;

/// A host that is named.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Reference {
    /// The host, in small letters.
    pub(super) host: String,
    /// The port, where it is said.
    pub(super) port: Option<u16>,
    /// Where: `env DB_HOST`, `arguments`.
    pub(super) place: String,
    /// Whether it can be nothing but a host: it stands in an address, or has a port.
    pub(super) sure: bool,
}

/// What a pod names, and how much of it cannot be seen.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) references: BTreeSet<Reference>,
    /// Values that come from ConfigMaps, Secrets or files of them.
    pub(super) elsewhere: usize,
    /// Values that are left out of what was read.
    pub(super) left_out: usize,
}

/// Names of variables and options whose value is a host.
const HINTS: [&str; 13] = [
    "addr", "backend", "broker", "dsn", "endpoint", "host", "peer", "proxy", "server", "service", "upstream",
    "uri", "url",
];

/// Reads the specification of a pod.
pub(super) fn of(spec: &Value<'_>) -> Named {
    let mut named = Named::default();
    for volume in list(get(spec, "volumes")) {
        let from = ["configMap", "secret"].iter().any(|key| get(volume, key).is_some());
        named.elsewhere += usize::from(from);
    }
    for key in ["initContainers", "containers"] {
        for container in list(get(spec, key)) {
            named.elsewhere += list(get(container, "envFrom")).len();
            for one in list(get(container, "env")) {
                let name = get(one, "name").and_then(|name| name.as_str()).unwrap_or_default();
                match (get(one, "value").and_then(|value| value.as_str()), get(one, "valueFrom")) {
                    (Some(value), _) => named.value(value, name, &format!("env {name}")),
                    (None, Some(from)) => {
                        let away =
                            ["configMapKeyRef", "secretKeyRef"].iter().any(|key| get(from, key).is_some());
                        named.elsewhere += usize::from(away);
                    }
                    (None, None) => named.left_out += 1,
                }
            }
            for (key, place) in [("args", "arguments"), ("command", "command")] {
                let mut option = "";
                for text in texts(get(container, key)) {
                    let (own, value) = match text.split_once('=') {
                        Some((own, value)) => (own, value),
                        None => (option, text),
                    };
                    named.value(value, own, place);
                    option = if text.starts_with('-') { text } else { "" };
                }
            }
        }
    }
    named
}

impl Named {
    fn value(&mut self, value: &str, key: &str, place: &str) {
        let mut end = value.len().min(LONGEST);
        while !value.is_char_boundary(end) {
            end -= 1;
        }
        let value = &value[..end];
        let key = key.to_ascii_lowercase();
        let hinted = HINTS.iter().any(|hint| key.contains(hint));
        let apart = |letter: char| letter.is_whitespace() || ",;\"'`()[]{}<>|\\=&".contains(letter);
        let pieces: Vec<&str> = value.split(apart).filter(|piece| !piece.is_empty()).collect();
        for piece in pieces {
            if self.references.len() >= MOST {
                return;
            }
            let piece = piece.trim_start_matches("$(");
            if let Some(variable) = piece.strip_suffix("_SERVICE_HOST") {
                let host =
                    variable.rsplit('$').next().unwrap_or(variable).to_ascii_lowercase().replace('_', "-");
                self.add(&host, None, place, true);
                continue;
            }
            let (rest, is_address) = match piece.split_once("://") {
                Some((_, rest)) => (rest.rsplit("://").next().unwrap_or(rest), true),
                None => (piece, false),
            };
            let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
            let host = authority.rsplit('@').next().unwrap_or_default();
            let (host, port) = match host.rsplit_once(':') {
                Some((host, port)) => match port.parse::<u16>() {
                    Ok(port) if port > 0 => (host, Some(port)),
                    _ => (host, None),
                },
                None => (host, None),
            };
            if is_address || port.is_some() {
                self.add(host, port, place, true);
            } else if rest.len() == authority.len() && (hinted || host.contains('.')) {
                self.add(host, None, place, false);
            }
        }
    }

    fn add(&mut self, host: &str, port: Option<u16>, place: &str, sure: bool) {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let is_part = |part: &str| {
            (1..=63).contains(&part.len())
                && !part.starts_with('-')
                && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        };
        let is_name = host.len() <= 253
            && host.split('.').all(is_part)
            && (host.bytes().any(|byte| byte.is_ascii_lowercase())
                || host.parse::<std::net::Ipv4Addr>().is_ok());
        if is_name && host != "localhost" && !host.starts_with("127.") && host != "0.0.0.0" {
            self.references.insert(Reference { host, port, place: place.to_owned(), sure });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(container: &serde_json::Value) -> Vec<(String, Option<u16>, bool)> {
        let text = serde_json::json!({"containers": [container]}).to_string();
        let named = of(&serde_json::from_str(&text).expect("JSON"));
        named.references.into_iter().map(|one| (one.host, one.port, one.sure)).collect()
    }

    #[test]
    fn hosts_are_found_and_nothing_that_is_none() {
        let check = |name: &str, value: &str, expected: &[(&str, Option<u16>, bool)]| {
            let expected: Vec<_> =
                expected.iter().map(|(host, port, sure)| ((*host).to_owned(), *port, *sure)).collect();
            let container = serde_json::json!({"env": [{"name": name, "value": value}]});
            assert_eq!(read(&container), expected, "{name}={value}");
        };
        check("X", "postgres://user:pa@ss@db:5432/shop?sslmode=off", &[("db", Some(5432), true)]);
        check("X", "jdbc:postgresql://DB.shop.svc/x", &[("db.shop.svc", None, true)]);
        check("X", "user:pw@tcp(mysql:3306)/x", &[("mysql", Some(3306), true)]);
        check("X", "PLAINTEXT://a:9092,SSL://b:9093", &[("a", Some(9092), true), ("b", Some(9093), true)]);
        check("DB_HOST", "db", &[("db", None, false)]);
        check("APP_NAME", "db", &[]);
        check("X", "cache.shop.svc.cluster.local", &[("cache.shop.svc.cluster.local", None, false)]);
        check("X", "$(DB_SERVICE_HOST)", &[("db", None, true)]);
        for nothing in
            ["", "12:30", "127.0.0.1:80", "http://localhost", "a:b", "://", ":80", "x:99999", "é:1"]
        {
            check("X", nothing, &[]);
        }
        let arguments =
            serde_json::json!({"args": ["--db-host", "db", "--upstream=web:80", "--name", "shop"]});
        assert_eq!(read(&arguments), [("db".to_owned(), None, false), ("web".to_owned(), Some(80), true)]);
    }

    #[test]
    fn what_stands_elsewhere_is_counted() {
        let text = r#"{"volumes":[{"name":"c","configMap":{}},{"name":"e","emptyDir":{}}],"containers":[
            {"envFrom":[{"secretRef":{}}],"env":[{"name":"a","valueFrom":{"secretKeyRef":{}}},{"name":"b","valueFrom":{"fieldRef":{}}},{"name":"c"}]}]}"#;
        let named = of(&serde_json::from_str(text).expect("JSON"));
        assert_eq!((named.elsewhere, named.left_out), (3, 1));
    }
}
