//! The end of a certificate's validity: RFC 5280, section 4.1, read as far as that field and no further.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::civil::DateTime;

/// Largest certificate in bytes.
const MAX: usize = 64 * 1024;

/// When the first certificate of a PEM text ends; the text itself may be in base64, as exports have it.
pub fn end(text: &str) -> Option<Timestamp> {
    if text.len() > MAX {
        return None;
    }
    let text = text.trim();
    if text.starts_with("-----BEGIN") {
        return pem(text);
    }
    let decoded = STANDARD.decode(compact(text)).ok()?;
    match std::str::from_utf8(&decoded) {
        Ok(inner) if inner.trim_start().starts_with("-----BEGIN") => pem(inner.trim_start()),
        _ => der(&decoded),
    }
}

fn compact(text: &str) -> String {
    text.chars().filter(|character| !character.is_ascii_whitespace()).collect()
}

fn pem(text: &str) -> Option<Timestamp> {
    let body = text.split_once("-----BEGIN CERTIFICATE-----")?.1.split_once("-----END CERTIFICATE-----")?.0;
    der(&STANDARD.decode(compact(body)).ok()?)
}

/// Tag, content and what follows of an element.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        // Four bytes of length are more than any certificate has.
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 4 || rest.len() < count {
            return None;
        }
        let (number, rest) = rest.split_at(count);
        (number.iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte)), rest)
    };
    (length <= rest.len()).then(|| (tag, &rest[..length], &rest[length..]))
}

fn der(bytes: &[u8]) -> Option<Timestamp> {
    let (0x30, certificate, _) = element(bytes)? else { return None };
    let (0x30, mut rest, _) = element(certificate)? else { return None };
    // The version is explicit, and absent in certificates of the first one.
    if let (0xa0, _, after) = element(rest)? {
        rest = after;
    }
    // Serial number, algorithm, issuer.
    for _ in 0..3 {
        rest = element(rest)?.2;
    }
    let (0x30, validity, _) = element(rest)? else { return None };
    let (_, _, after) = element(validity)?;
    let (tag, time, _) = element(after)?;
    let time = std::str::from_utf8(time).ok()?.strip_suffix('Z')?;
    if !time.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = match (tag, time.len()) {
        // Two digits stand for 1950 to 2049.
        (0x17, 12) => {
            let year: i16 = time[..2].parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, &time[2..])
        }
        (0x18, 14) => (time[..4].parse().ok()?, &time[4..]),
        _ => return None,
    };
    let two = |at: usize| rest[at..at + 2].parse::<i8>().ok();
    let moment = DateTime::new(year, two(0)?, two(2)?, two(4)?, two(6)?, two(8)?, 0).ok()?;
    jiff::tz::TimeZone::UTC.to_timestamp(moment).ok()
}
