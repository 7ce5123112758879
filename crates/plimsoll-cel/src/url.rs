//! URLs, as Go's `net/url` reads the absolute ones: what the URL functions and the format `uri` of Kubernetes accept.

use std::fmt::Write as _;

/// A URL, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    text: String,
    pub(crate) scheme: String,
    /// With its port.
    pub(crate) host: String,
    /// Percent-encoded, as it is written if that is a valid encoding.
    pub(crate) path: String,
    /// As written.
    query: String,
}

impl Url {
    /// Reads an absolute URL, or an absolute path.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Url::check(text)?;
        let (before, _) = text.split_once('#').unwrap_or((text, ""));
        Url::read(before, text)
    }

    /// Whether a request may name it: it is absolute, or an absolute path. A fragment is part of path or query then.
    pub(crate) fn check(text: &str) -> Option<()> {
        Url::read(text, text).map(drop)
    }

    fn read(part: &str, text: &str) -> Option<Self> {
        if part.is_empty() || part.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
            return None;
        }
        let mut url = Url {
            text: text.to_owned(),
            scheme: String::new(),
            host: String::new(),
            path: String::new(),
            query: String::new(),
        };
        if part == "*" {
            part.clone_into(&mut url.path);
            return Some(url);
        }
        let (scheme, rest) = scheme_of(part)?;
        url.scheme = scheme.to_ascii_lowercase();
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        query.clone_into(&mut url.query);
        if !rest.starts_with('/') {
            // `mailto:a@b` has no path; without a scheme nothing is absolute.
            return (!url.scheme.is_empty()).then_some(url);
        }
        let mut path = rest;
        if !(url.scheme.is_empty() && rest.starts_with("///"))
            && let Some(authority) = rest.strip_prefix("//")
            && !url.scheme.is_empty()
        {
            let end = authority.find('/').unwrap_or(authority.len());
            let (authority, behind) = authority.split_at(end);
            url.host = host_of(authority)?;
            path = behind;
        }
        url.path = escaped(path)?;
        Some(url)
    }

    /// As written.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn hostname(&self) -> &str {
        let (host, _) = split_port(&self.host);
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
    }

    pub(crate) fn port(&self) -> &str {
        split_port(&self.host).1
    }

    /// The parameters, names in their order. Pairs that cannot be decoded are left out, as the original does.
    pub(crate) fn parameters(&self) -> Vec<(String, Vec<String>)> {
        let mut out: Vec<(String, Vec<String>)> = Vec::new();
        for pair in self.query.split('&').filter(|pair| !pair.is_empty() && !pair.contains(';')) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (Some(name), Some(value)) = (decoded_query(name), decoded_query(value)) else { continue };
            match out.iter_mut().find(|(known, _)| *known == name) {
                Some((_, values)) => values.push(value),
                None => out.push((name, vec![value])),
            }
        }
        out
    }

    /// How long the query is, in bytes.
    pub(crate) fn query_length(&self) -> usize {
        self.query.len()
    }
}

/// The scheme and what follows; an empty scheme when there is none.
fn scheme_of(text: &str) -> Option<(&str, &str)> {
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at == 0 => return None,
            b':' => return Some((&text[..at], &text[at + 1..])),
            _ => return Some(("", text)),
        }
    }
    Some(("", text))
}

fn split_port(host: &str) -> (&str, &str) {
    match host.rfind(':') {
        Some(at) if host[at + 1..].bytes().all(|byte| byte.is_ascii_digit()) => {
            (&host[..at], &host[at + 1..])
        }
        _ => (host, ""),
    }
}

/// The host of an authority, its user left out.
fn host_of(authority: &str) -> Option<String> {
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    let user_fits = |user: &str| {
        user.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&byte))
            && (!user.contains('%') || decoded(user).is_some())
    };
    if !user.is_none_or(user_fits) {
        return None;
    }
    let port_fits = |port: &str| {
        port.is_empty()
            || port.strip_prefix(':').is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
    };
    if host.starts_with('[') {
        let close = host.rfind(']')?;
        if !port_fits(&host[close + 1..]) {
            return None;
        }
        let inside = &host[1..close];
        let (address, zone) = match inside.split_once("%25") {
            Some((address, zone)) => (address, Some(zone)),
            None => (inside, None),
        };
        address.parse::<std::net::Ipv6Addr>().ok()?;
        return match zone {
            None => Some(host.to_owned()),
            Some(zone) => {
                let zone = String::from_utf8(decoded(zone)?).ok()?;
                Some(format!("[{address}%{zone}{}", &host[close..]))
            }
        };
    }
    if let Some(at) = host.find(':')
        && !port_fits(&host[host.rfind(':').unwrap_or(at)..])
    {
        return None;
    }
    let fits =
        |byte: u8| byte >= 0x80 || byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:[]<>\"%".contains(&byte);
    if !host.bytes().all(fits) {
        return None;
    }
    if host.contains('%') {
        // Only what is no ASCII may be encoded in a host.
        let bytes = decoded(host)?;
        let ascii_encoded = host
            .match_indices('%')
            .any(|(at, _)| u8::from_str_radix(&host[at + 1..at + 3], 16).is_ok_and(|byte| byte < 0x80));
        if ascii_encoded {
            return None;
        }
        return String::from_utf8(bytes).ok();
    }
    Some(host.to_owned())
}

/// The bytes that percent signs stand for; `None` when two digits are missing behind one.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte == b'%' {
            let digits = bytes.get(at + 1..at + 3)?;
            let digits = std::str::from_utf8(digits).ok()?;
            if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return None;
            }
            out.push(u8::from_str_radix(digits, 16).ok()?);
            at += 3;
        } else {
            out.push(byte);
            at += 1;
        }
    }
    Some(out)
}

fn decoded_query(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    Some(String::from_utf8_lossy(&decoded(&spaced)?).into_owned())
}

/// The path as it is written when that is an encoding of it; else encoded afresh.
fn escaped(path: &str) -> Option<String> {
    let bytes = decoded(path)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@".contains(&byte);
    let tolerated = |byte: u8| plain(byte) || b"!'()*[]%".contains(&byte);
    if path.bytes().all(tolerated) {
        return Some(path.to_owned());
    }
    let mut out = String::with_capacity(path.len());
    for byte in bytes {
        if plain(byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    Some(out)
}
