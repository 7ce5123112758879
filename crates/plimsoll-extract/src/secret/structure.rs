//! What the structure of a secret says about it, without asking anybody.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;

use super::{Binary, entropy};

/// What is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Check {
    /// Base32 with an account number inside.
    AwsKeyId,
    /// Decodes to `user:password`.
    BasicAuth,
    /// A bech32 checksum (BIP 173).
    Bech32,
    /// Decodes to 32 bytes.
    #[serde(rename = "base64-32")]
    Base64Of32,
    /// Decodes to 64 bytes.
    #[serde(rename = "base64-64")]
    Base64Of64,
    /// Decodes to a JSON object.
    Base64Json,
    /// Decodes to a private key in PEM.
    Base64Pem,
    /// The last six characters are the CRC-32 of the others behind the prefix, in base 62.
    #[serde(rename = "crc32-base62")]
    Crc32Base62,
    /// A value that a person would not make up as an example.
    Generic,
    /// A password that somebody chose, named so.
    GenericPassword,
    /// JSON Web Token (RFC 7519).
    Jwt,
    /// Both cases, as random letters have.
    Letters,
    /// Letters and digits, as random text has.
    Mixed,
    /// A password in a place where only passwords stand.
    Password,
    /// A private key in PEM (RFC 7468) that no passphrase protects.
    Pem,
    /// A key of PuTTY that no passphrase protects.
    Putty,
    /// A password within an address.
    UrlPassword,
    /// A password in a command, however weak.
    WeakPassword,
}

/// What it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Only the real thing has this structure.
    Holds,
    /// Nothing speaks against it.
    Plausible,
    /// Its checksum is wrong.
    Doubtful,
    /// It is something else.
    Fails,
}

impl From<bool> for Answer {
    fn from(holds: bool) -> Self {
        if holds { Answer::Holds } else { Answer::Fails }
    }
}

fn plausible(holds: bool) -> Answer {
    if holds { Answer::Plausible } else { Answer::Fails }
}

pub(super) fn check(check: Check, secret: &[u8]) -> Answer {
    let Ok(text) = std::str::from_utf8(secret) else {
        return plausible(matches!(check, Check::Password | Check::WeakPassword));
    };
    match check {
        Check::AwsKeyId => plausible(aws_account(text).is_some()),
        Check::BasicAuth => plausible(basic_auth(text)),
        Check::Bech32 => bech32(text).into(),
        Check::Base64Of32 => plausible(decoded(text).is_some_and(|bytes| bytes.len() == 32)),
        Check::Base64Of64 => plausible(decoded(text).is_some_and(|bytes| bytes.len() == 64)),
        Check::Base64Json => decoded(text).is_some_and(|bytes| is_object(&bytes)).into(),
        Check::Base64Pem => {
            let bytes = decoded(text).unwrap_or_default();
            std::str::from_utf8(&bytes).is_ok_and(|text| pem(text) == Answer::Holds).into()
        }
        Check::Crc32Base62 => {
            if crc32_base62(text) {
                Answer::Holds
            } else {
                Answer::Doubtful
            }
        }
        Check::Generic => plausible(!is_made_up(text) && is_random(text)),
        Check::GenericPassword => {
            plausible(!is_made_up(text) && !is_code(text) && !is_time(text) && is_chosen(text))
        }
        Check::Jwt => jwt(text).into(),
        Check::Letters => {
            let has = |of: fn(&u8) -> bool| text.as_bytes().iter().any(of);
            plausible(has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase))
        }
        Check::Mixed => {
            let has = |of: fn(&u8) -> bool| text.as_bytes().iter().any(of);
            plausible(has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic) && !is_made_up(text))
        }
        Check::Password | Check::UrlPassword => plausible(!is_made_up(text) && !is_reference(text)),
        Check::Pem => pem(text),
        Check::Putty => text.lines().any(|line| line.trim_end() == "Encryption: none").into(),
        Check::WeakPassword => plausible(!is_reference(text)),
    }
}

/// Examples that documentation repeats: the providers' own, and words that say so.
pub(super) fn is_documented_example(secret: &[u8]) -> bool {
    let lower = secret.to_ascii_lowercase();
    memchr::memmem::find(&lower, b"example").is_some()
        || memchr::memmem::find(&lower, b"xxxxxx").is_some()
        || memchr::memmem::find(&lower, b"1234567890abcdef").is_some()
        || memchr::memmem::find(&lower, b"abcdefghijklmnop").is_some()
}

/// A name for a value that stands elsewhere: a variable, a template, a function.
fn is_reference(text: &str) -> bool {
    text.starts_with(['$', '%', '<', '{', '*', '@', '!'])
        || ["${", "$(", "{{", "<%", "%(", "%s", "process.env", "os.environ", "getenv", "ENV["]
            .iter()
            .any(|mark| text.contains(mark))
        || text.ends_with('>')
        || text.ends_with("()")
}

/// A placeholder.
fn is_made_up(text: &str) -> bool {
    const WHOLE: &[&str] = &[
        "password",
        "passwd",
        "secret",
        "token",
        "none",
        "null",
        "nil",
        "true",
        "false",
        "undefined",
        "required",
        "optional",
        "string",
        "str",
        "pass",
        "test",
        "user",
        "username",
        "admin",
        "root",
        "foo",
        "bar",
        "foobar",
        "hunter2",
        "value",
        "empty",
        "default",
        "unset",
        "disabled",
        "enabled",
        "yes",
        "no",
        "bytes",
        "any",
        "basic",
        "bearer",
        // What servers are delivered with: known to everybody.
        "guest",
        "postgres",
        "postgresql",
        "mysql",
        "mongo",
        "rabbitmq",
        "minioadmin",
        // Examples in the settings that Maven brings.
        "proxypass",
        "repopwd",
        // How a server keeps passwords.
        "scram-sha-256",
        "scram-sha-1",
    ];
    const PARTS: &[&str] = &[
        "changeme",
        "change_me",
        "change-me",
        "replace",
        "placeholder",
        "your_",
        "your-",
        "yourp",
        "yours",
        "yourt",
        "my_secret",
        "mysecret",
        "my-secret",
        "mypassword",
        "my_password",
        "insert",
        "redacted",
        "xxxx",
        "****",
        "....",
        "todo",
        "fixme",
        "dummy",
        "fake",
        "sample",
        "example",
        "notasecret",
        "not-a-secret",
        "not_a_secret",
        "supersecret",
        "super_secret",
        "super-secret",
        "somepassword",
        "enter_",
        "<password",
        "secret_key",
        "secretkey",
        "access_key",
        "password_",
        "_password",
        "passwordhere",
        "dont_use",
    ];
    let lower = text.to_ascii_lowercase();
    let first = text.bytes().next();
    WHOLE.contains(&lower.as_str())
        || PARTS.iter().any(|part| lower.contains(part))
        || text.bytes().all(|byte| Some(byte) == first)
        || is_reference(text)
}

/// Names, paths and calls of program text.
fn is_code(text: &str) -> bool {
    let word =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    // `config.password`, `self->secret`, `Foo::bar`, `some_long_name`, `Some-Header-Name`, `true|false`
    text.split(['.', '-', ':', '/', '>', '?', '|']).all(|part| part.is_empty() || word(part))
        // A role of Sphinx begins with a colon.
        || text.starts_with(['/', '.', '~', '&', '|', '+', ':'])
        || text.contains("://")
        || text.contains("=>")
        || text.contains("==")
}

/// As random text is: both letters and digits, no sequence of words.
fn is_random(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let letters = text.bytes().filter(u8::is_ascii_alphabetic).count();
    let separators = text.bytes().filter(|byte| matches!(byte, b'.' | b'_' | b'-' | b'/' | b':')).count();
    digits >= 2
        && letters >= 4
        && separators * 5 <= text.len()
        && !is_uuid(text)
        && entropy(text.as_bytes()) >= 3.3
}

/// A day, with or without the time: `passwordLastUsed` says when.
fn is_time(text: &str) -> bool {
    let form = |byte: u8| if byte.is_ascii_digit() { b'0' } else { byte };
    text.bytes().take(10).map(form).eq(*b"0000-00-00")
        && text.bytes().skip(10).all(|byte| byte.is_ascii_digit() || b"T:.+-Z ".contains(&byte))
}

fn is_uuid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12]
}

/// As a password that somebody chose: two kinds of characters at least, one of them no letter.
fn is_chosen(text: &str) -> bool {
    let has = |of: fn(&u8) -> bool| usize::from(text.as_bytes().iter().any(of));
    let kinds = has(u8::is_ascii_lowercase)
        + has(u8::is_ascii_uppercase)
        + has(u8::is_ascii_digit)
        + has(u8::is_ascii_punctuation);
    let only_name = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && text.bytes().filter(u8::is_ascii_digit).count() < 2
        && !is_scrambled(text);
    kinds >= 2 && !only_name && has(u8::is_ascii_alphabetic) > 0
}

/// Capitals, small letters and digits in a disorder that no name has: `opOxeAvJxcM3` against `getRandomSecretKey`.
fn is_scrambled(text: &str) -> bool {
    let kind = |byte: u8| (byte.is_ascii_lowercase(), byte.is_ascii_digit());
    let changes = text.as_bytes().windows(2).filter(|two| kind(two[0]) != kind(two[1])).count();
    text.len() >= 12 && changes * 2 >= text.len()
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    let bare = text.trim_end_matches('=');
    STANDARD
        .decode(text)
        .or_else(|_| base64::engine::general_purpose::STANDARD_NO_PAD.decode(bare))
        .or_else(|_| URL_SAFE_NO_PAD.decode(bare))
        .ok()
}

fn is_object(bytes: &[u8]) -> bool {
    bytes.first() == Some(&b'{')
        && serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(bytes).is_ok()
}

fn basic_auth(text: &str) -> bool {
    let Some(bytes) = decoded(text) else { return false };
    std::str::from_utf8(&bytes).ok().and_then(|text| text.split_once(':')).is_some_and(|(user, password)| {
        !password.is_empty()
            && !user.contains(char::is_control)
            && !password.contains(char::is_control)
            && !is_made_up(password)
    })
}

/// The account of an access key id: forty bits, which no account of twelve digits fills.
fn aws_account(text: &str) -> Option<u64> {
    let mut bits = 0_u64;
    for byte in text.bytes().skip(4).take(10) {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'2'..=b'7' => byte - b'2' + 26,
            _ => return None,
        };
        bits = bits << 5 | u64::from(value);
    }
    // Fifty bits were read; the first is none of the account, the last nine are behind it.
    let account = bits >> 9 & ((1 << 40) - 1);
    (account <= 999_999_999_999).then_some(account)
}

fn crc32_base62(text: &str) -> bool {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let Some((_, body)) = text.split_once('_') else { return false };
    let Some((random, sum)) = body.len().checked_sub(6).and_then(|at| body.split_at_checked(at)) else {
        return false;
    };
    let mut number = crc32fast::hash(random.as_bytes()) as usize;
    let mut expected = [b'0'; 6];
    for digit in expected.iter_mut().rev() {
        *digit = DIGITS[number % 62];
        number /= 62;
    }
    sum.as_bytes() == expected
}

/// BIP 173, "Checksum".
fn bech32(text: &str) -> bool {
    const ALPHABET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let lower = text.to_ascii_lowercase();
    let Some((prefix, data)) = lower.rsplit_once('1') else { return false };
    let values = data.bytes().map(|byte| ALPHABET.iter().position(|known| *known == byte));
    let high = prefix.bytes().map(|byte| Some(usize::from(byte >> 5)));
    let low = prefix.bytes().map(|byte| Some(usize::from(byte & 31)));
    let mut sum = 1_u32;
    for value in high.chain([Some(0)]).chain(low).chain(values) {
        let Some(value) = value.and_then(|value| u32::try_from(value).ok()) else { return false };
        let top = sum >> 25;
        sum = (sum & 0x1ff_ffff) << 5 ^ value;
        for (bit, generator) in GENERATOR.iter().enumerate() {
            if top >> bit & 1 == 1 {
                sum ^= generator;
            }
        }
    }
    sum == 1
}

fn jwt(text: &str) -> bool {
    let mut parts = text.split('.');
    let part = |part: Option<&str>| {
        let bytes = URL_SAFE_NO_PAD.decode(part?).ok()?;
        serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&bytes).ok()
    };
    let (header, claims) = (part(parts.next()), part(parts.next()));
    header.is_some_and(|header| header.contains_key("alg")) && claims.is_some_and(|claims| !claims.is_empty())
}

/// A line of a text that stands in program text: `+ "MIIE..." +`, `'MIIE...',`. A `+` outside of quotes is no part of it, one inside is Base64.
fn unquoted(line: &str) -> &str {
    const QUOTES: [char; 2] = ['"', '\''];
    let mut line = line.trim().trim_end_matches([',', '\\', ' ']);
    if let Some(rest) = line.strip_prefix('+').map(str::trim_start).filter(|rest| rest.starts_with(QUOTES)) {
        line = rest;
    }
    if let Some(rest) = line.strip_suffix('+').map(str::trim_end).filter(|rest| rest.ends_with(QUOTES)) {
        line = rest;
    }
    line.trim_matches(['"', '\'', ',', '\\', ' '])
}

/// A key that a passphrase protects is no open secret.
fn pem(text: &str) -> Answer {
    // Within JSON and environments line breaks are written as `\n`.
    let text = text.replace("\\r", "").replace("\\n", "\n");
    let mut lines = text.lines().map(unquoted);
    let Some(begin) = lines.next() else { return Answer::Fails };
    if begin.contains("ENCRYPTED") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return Answer::Fails;
    }
    let body: String = match begin.split_once("-----END") {
        // All in one line.
        Some((line, _)) => line.rsplit("-----").next().unwrap_or_default().split_whitespace().collect(),
        None => {
            let inner = begin.rsplit_once("-----").map_or("", |(_, behind)| behind);
            std::iter::once(inner)
                .chain(lines.take_while(|line| !line.starts_with("-----")))
                .filter(|line| !line.contains(':'))
                .collect()
        }
    };
    let Some(bytes) = decoded(body.split("-----").next().unwrap_or_default()) else { return Answer::Fails };
    if let Some(rest) = bytes.strip_prefix(b"openssh-key-v1\0") {
        // `string ciphername` comes first (OpenSSH PROTOCOL.key).
        return rest.strip_prefix(b"\0\0\0\x04none").is_some().into();
    }
    is_der_sequence(&bytes).into()
}

/// ITU-T X.690: a SEQUENCE whose length fits.
fn is_der_sequence(bytes: &[u8]) -> bool {
    let [0x30, first, rest @ ..] = bytes else { return false };
    let (length, behind) = match first {
        0x81 => (rest.first().map(|byte| usize::from(*byte)), 1),
        0x82 => (rest.get(..2).map(|two| usize::from(two[0]) << 8 | usize::from(two[1])), 2),
        short if *short < 0x80 => (Some(usize::from(*short)), 0),
        _ => (None, 0),
    };
    length.is_some_and(|length| length >= 16 && rest.len().saturating_sub(behind) >= length)
}

pub(super) fn is_binary(binary: Binary, content: &[u8]) -> bool {
    match binary {
        // A key store begins with its magic, version and number of entries; tag 1 is a private key.
        Binary::Jks => {
            content.get(..4) == Some(&[0xfe, 0xed, 0xfe, 0xed]) && content.get(12..16) == Some(&[0, 0, 0, 1])
        }
        // PFX ::= SEQUENCE { version INTEGER (3), ... } (RFC 7292)
        Binary::Pkcs12 => {
            content.first() == Some(&0x30)
                && content.get(1..16).is_some_and(|head| head.windows(3).any(|three| three == [2, 1, 3]))
        }
        // PrivateKeyInfo and RSAPrivateKey: SEQUENCE { INTEGER 0, ... }; an encrypted one has no number there.
        Binary::DerKey => {
            is_der_sequence(content)
                && content
                    .get(2..8)
                    .is_some_and(|head| head.windows(3).any(|three| three == [2, 1, 0] || three == [2, 1, 1]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disorder_is_no_name() {
        for (text, expected) in [
            ("opOxeAvJxcM3JPAI", true),
            ("kVrrqZpWmTbLxQfa", true),
            ("getRandomSecretKey", false),
            ("PasswordHashV2Type", false),
            ("aBcD", false),
            ("DB_PASSWORD_FILE", false),
        ] {
            assert_eq!(is_scrambled(text), expected, "{text}");
            assert_eq!(is_chosen(text), expected, "{text}");
        }
        assert!(is_code("true|false") && !is_code("k9|x7Qe"));
        assert!(is_made_up("postgres") && is_made_up("Guest") && !is_made_up("postgres7"));
    }

    #[test]
    fn a_plus_at_the_edge_of_a_line_is_base64() {
        // A SEQUENCE whose Base64 is `+` behind its head.
        let der = [vec![0x30, 0x81, 150], [0xfb_u8, 0xef, 0xbe].repeat(50)].concat();
        let encoded = STANDARD.encode(&der);
        assert!(encoded.contains("++"));
        for (line, join) in [(64, "\n"), (7, "\n"), (5, "\\n"), (9, "\" +\n  \""), (11, "',\n'")] {
            let lines: Vec<&str> = (0..encoded.len())
                .step_by(line)
                .map(|at| &encoded[at..encoded.len().min(at + line)])
                .collect();
            let text = format!(
                "-----BEGIN PRIVATE KEY-----{join}{}{join}-----END PRIVATE KEY-----",
                lines.join(join)
            );
            assert_eq!(pem(&text), Answer::Holds, "{text}");
        }
        assert_eq!(unquoted("  + \"MIIE+\" + "), "MIIE+");
        assert_eq!(unquoted("+MIIE+"), "+MIIE+");
    }

    #[test]
    fn checksums() {
        // Made here: thirty characters and their sum.
        let random = "0123456789abcdefghijABCDEFGHIJ";
        let mut sum = crc32fast::hash(random.as_bytes()) as usize;
        let mut digits = Vec::new();
        for _ in 0..6 {
            digits.insert(
                0,
                b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[sum % 62] as char,
            );
            sum /= 62;
        }
        let token = format!("ghp_{random}{}", digits.into_iter().collect::<String>());
        assert_eq!(check(Check::Crc32Base62, token.as_bytes()), Answer::Holds);
        let other = token.replace("01234", "01235");
        assert_eq!(check(Check::Crc32Base62, other.as_bytes()), Answer::Doubtful);
        // BIP 173, test vectors.
        assert!(bech32("A12UEL5L") && bech32("abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw"));
        assert!(!bech32("A12UEL5M") && !bech32("no separator"));
    }

    #[test]
    fn tokens_and_passwords() {
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let token = format!("{}.{}.c2lnbmF0dXJl", encode(r#"{"alg":"HS256"}"#), encode(r#"{"sub":"1"}"#));
        assert_eq!(check(Check::Jwt, token.as_bytes()), Answer::Holds);
        assert_eq!(check(Check::Jwt, b"eyJhIjox.eyJi.c2ln"), Answer::Fails);
        assert_eq!(check(Check::BasicAuth, STANDARD.encode("deploy:kV9-rrq2").as_bytes()), Answer::Plausible);
        assert_eq!(check(Check::BasicAuth, STANDARD.encode("user:password").as_bytes()), Answer::Fails);
        for (text, is) in [
            ("kV9rrq2Zp0", true),
            ("changeme", false),
            ("${DB_PASSWORD}", false),
            ("<your-password>", false),
            ("config.password", false),
            ("getPassword()", false),
            ("correct-horse-battery-9", true),
        ] {
            assert_eq!(check(Check::GenericPassword, text.as_bytes()) == Answer::Plausible, is, "{text}");
        }
        assert!(
            aws_account("AKIAAAAAAAAAAAAAAAAA").is_some() && aws_account("AKIA777777777777777Z").is_none()
        );
    }

    #[test]
    fn keys() {
        let der: Vec<u8> = [vec![0x30, 0x20, 2, 1, 0], vec![7; 40]].concat();
        let key = |label: &str, body: &[u8]| {
            format!("-----BEGIN {label}-----\n{}\n-----END {label}-----", STANDARD.encode(body))
        };
        assert_eq!(pem(&key("PRIVATE KEY", &der)), Answer::Holds);
        assert_eq!(pem(&key("PRIVATE KEY", &der).replace('\n', "\\n")), Answer::Holds);
        assert_eq!(pem(&key("ENCRYPTED PRIVATE KEY", &der)), Answer::Fails);
        assert_eq!(pem(&key("PRIVATE KEY", b"no structure at all")), Answer::Fails);
        let open = [&b"openssh-key-v1\0\0\0\0\x04none"[..], &[0; 60]].concat();
        let closed = [&b"openssh-key-v1\0\0\0\0\x0aaes256-ctr"[..], &[0; 60]].concat();
        assert_eq!(pem(&key("OPENSSH PRIVATE KEY", &open)), Answer::Holds);
        assert_eq!(pem(&key("OPENSSH PRIVATE KEY", &closed)), Answer::Fails);
        assert!(is_binary(Binary::DerKey, &der));
        assert!(is_binary(Binary::Jks, &[0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1]));
        assert!(!is_binary(Binary::Jks, &[0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2]));
    }
}
