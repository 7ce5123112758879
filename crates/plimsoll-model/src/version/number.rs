//! Numbers of any length.

use std::cmp::Ordering;

/// A number in a version: dates, hashes and hostile input do not fit into 64 bits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Number {
    /// Up to 19 digits.
    Small(u64),
    /// Count of digits, then the digits, without leading zeros: in this order, derived comparison is by value.
    Large(usize, Box<str>),
}

impl Number {
    pub(super) const ZERO: Number = Number::Small(0);

    /// Reads ASCII digits; none at all are zero.
    pub(super) fn new(digits: &str) -> Self {
        let digits = digits.trim_start_matches('0');
        // Nineteen nines are the longest number that surely fits.
        if digits.len() > 19 {
            return Number::Large(digits.len(), digits.into());
        }
        let value = digits.bytes().fold(0, |value: u64, digit| value * 10 + u64::from(digit - b'0'));
        Number::Small(value)
    }

    pub(super) fn is_zero(&self) -> bool {
        *self == Number::ZERO
    }
}

/// Compares two runs of ASCII digits by value, without storing them.
pub(super) fn compare_digits(left: &[u8], right: &[u8]) -> Ordering {
    let left = trim_zeros(left);
    let right = trim_zeros(right);
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

fn trim_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    &digits[zeros..]
}

/// A number behind the first of a version, as Gentoo and Alpine have it: one with a leading zero is compared as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Component {
    /// With a leading zero.
    Text(Box<str>),
    Number(Number),
}

impl Ord for Component {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Component::Number(left), Component::Number(right)) => left.cmp(right),
            (Component::Text(left), Component::Text(right)) => left.cmp(right),
            // As text, what starts with 0 is before what starts with 1 to 9.
            (Component::Text(_), Component::Number(_)) => Ordering::Less,
            (Component::Number(_), Component::Text(_)) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Component {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Splits off the leading bytes that are `wanted`.
pub(super) fn take_while(bytes: &[u8], wanted: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let length = bytes.iter().take_while(|byte| wanted(**byte)).count();
    bytes.split_at(length)
}

/// Splits off the leading ASCII digits.
pub(super) fn take_digits(text: &str) -> (&str, &str) {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    text.split_at(length)
}

/// Numbers between separators, each at least one digit long.
pub(super) fn numbers(text: &str, separators: &[char]) -> Option<Vec<Number>> {
    text.split(separators)
        .map(|part| {
            let plain = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| Number::new(part))
        })
        .collect()
}

/// Drops zeros from the end: `1.0.0` is `1`.
pub(super) fn trim_trailing_zeros(numbers: &mut Vec<Number>) {
    while numbers.last().is_some_and(Number::is_zero) {
        numbers.pop();
    }
}
