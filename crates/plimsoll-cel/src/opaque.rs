//! Values of the Kubernetes library: quantities, addresses, URLs, versions, named formats. Each with the grammar that
//! Kubernetes 1.36 reads, which the golden tests hold against the original.

use std::cmp::Ordering;
use std::fmt;
use std::net::IpAddr;

use crate::url::Url;

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An amount of a resource: `1.5Gi`.
    Quantity,
    /// An address.
    Ip,
    /// A network.
    Cidr,
    /// A URL.
    Url,
    /// A version by semver.org.
    Semver,
    /// One of the named formats, `format.dns1123Label()`.
    Format,
    /// Who is asked whether a request is allowed. Of this and what it gives there are types, so that programs can be
    /// checked, and never values: a decision asks nobody.
    Authorizer,
    /// A path to ask about.
    PathCheck,
    /// An API group to ask about.
    GroupCheck,
    /// A resource to ask about.
    ResourceCheck,
    /// What the authorizer answered.
    AuthorizerDecision,
}

impl Kind {
    pub(crate) const ALL: &'static [Kind] = &[
        Kind::Quantity,
        Kind::Ip,
        Kind::Cidr,
        Kind::Url,
        Kind::Semver,
        Kind::Format,
        Kind::Authorizer,
        Kind::PathCheck,
        Kind::GroupCheck,
        Kind::ResourceCheck,
        Kind::AuthorizerDecision,
    ];

    /// The name of the type.
    pub fn type_name(self) -> &'static str {
        match self {
            Kind::Quantity => "kubernetes.Quantity",
            Kind::Ip => "net.IP",
            Kind::Cidr => "net.CIDR",
            Kind::Url => "kubernetes.URL",
            Kind::Semver => "kubernetes.Semver",
            Kind::Format => "kubernetes.NamedFormat",
            Kind::Authorizer => "kubernetes.authorization.Authorizer",
            Kind::PathCheck => "kubernetes.authorization.PathCheck",
            Kind::GroupCheck => "kubernetes.authorization.GroupCheck",
            Kind::ResourceCheck => "kubernetes.authorization.ResourceCheck",
            Kind::AuthorizerDecision => "kubernetes.authorization.Decision",
        }
    }
}

/// One of them.
#[derive(Clone, Debug, PartialEq)]
pub enum Opaque {
    /// An amount.
    Quantity(Quantity),
    /// An address.
    Ip(IpAddr),
    /// A network: an address and the length of its prefix.
    Cidr(Cidr),
    /// A URL.
    Url(Url),
    /// A version.
    Semver(Semver),
    /// A named format.
    Format(&'static crate::functions::Format),
}

impl Opaque {
    /// Which it is.
    pub fn kind(&self) -> Kind {
        match self {
            Opaque::Quantity(_) => Kind::Quantity,
            Opaque::Ip(_) => Kind::Ip,
            Opaque::Cidr(_) => Kind::Cidr,
            Opaque::Url(_) => Kind::Url,
            Opaque::Semver(_) => Kind::Semver,
            Opaque::Format(_) => Kind::Format,
        }
    }
}

impl fmt::Display for Opaque {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Opaque::Quantity(value) => write!(formatter, "quantity({value})"),
            Opaque::Ip(value) => write!(formatter, "ip(\"{value}\")"),
            Opaque::Cidr(value) => write!(formatter, "cidr(\"{value}\")"),
            Opaque::Url(value) => write!(formatter, "url({:?})", value.text()),
            Opaque::Semver(value) => write!(formatter, "semver(\"{value}\")"),
            Opaque::Format(value) => write!(formatter, "format({:?})", value.name),
        }
    }
}

/// An amount, in units of a billionth, the smallest that Kubernetes keeps.
///
/// Kubernetes keeps an amount as a whole number with a power of ten as long as that fits, and whether it `isInteger()`
/// depends on that: `2` is, `2000m` is not.
#[derive(Clone, Copy, Debug)]
pub struct Quantity {
    pub(crate) nano: i128,
    scaled: Option<(i64, i32)>,
}

/// A billion.
const NANO: i128 = 1_000_000_000;
/// The largest amount with a suffix of powers of two that Kubernetes keeps; what is larger counts as this.
const LARGEST_BINARY: i128 = i64::MAX as i128 * NANO;
/// The largest amount that is kept here. Kubernetes goes on, but nothing has 10^28 of anything.
const LARGEST: i128 = 10_i128.pow(37);
/// Digits that surely fit.
const FACTORS: usize = 18;

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nano == other.nano
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nano.cmp(&other.nano)
    }
}

impl Quantity {
    /// Reads `1`, `1.5Gi`, `100m`, `2e3`. What is finer than a billionth is rounded away from zero.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let (whole, rest) = rest.split_at(digits(rest));
        let (fraction, suffix) = match rest.strip_prefix('.') {
            Some(rest) => rest.split_at(digits(rest)),
            None => ("", rest),
        };
        // Without any digit it is zero, as the original has it.
        let whole = match whole.trim_start_matches('0') {
            "" => "0",
            whole => whole,
        };
        let suffix = suffix_of(suffix)?;
        let sign = if negative { -1 } else { 1 };
        let (binary, decimal) = match suffix {
            Suffix::Binary(power) => (power, 0),
            Suffix::Decimal(power) => (0, power),
        };
        let plain = |places: usize| i32::try_from(places).unwrap_or(i32::MAX);
        let fits = match suffix {
            Suffix::Decimal(_) => whole.len() + fraction.len() <= FACTORS,
            // Ten powers of two are about three digits.
            Suffix::Binary(power) => fraction.is_empty() && whole.len() + power as usize * 3 / 10 <= 14,
        };
        let scale = decimal.saturating_sub(plain(fraction.len()));
        let scaled = (fits && scale >= -9)
            .then(|| format!("{whole}{fraction}").parse::<i64>().ok()?.checked_mul(1_i64 << binary))
            .flatten()
            .map(|value| (value * i64::from(sign), scale));
        let nano = match scaled {
            Some((value, scale)) => nano_of(value, scale),
            None => i128::from(sign) * rounded(whole, fraction, decimal, binary),
        };
        Some(Quantity { nano, scaled })
    }

    pub(crate) fn whole(self) -> Option<i64> {
        match self.scaled? {
            (value, 0) => Some(value),
            (value, scale @ 1..) => value.checked_mul(10_i64.checked_pow(scale.unsigned_abs())?),
            _ => None,
        }
    }

    pub(crate) fn of_whole(value: i64) -> Self {
        Quantity { nano: i128::from(value) * NANO, scaled: Some((value, 0)) }
    }

    pub(crate) fn negated(self) -> Self {
        let scaled = self.scaled.and_then(|(value, scale)| Some((value.checked_neg()?, scale)));
        Quantity { nano: -self.nano, scaled }
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        // Both are far from the end of the range.
        let nano = (self.nano + other.nano).clamp(-LARGEST, LARGEST);
        let scaled = match (self.scaled, other.scaled) {
            (Some(one), Some((0, _))) => Some(one),
            (Some((0, _)), Some(two)) => Some(two),
            (Some((one, scale)), Some((two, other))) => {
                let least = scale.min(other);
                let raised = |value: i64, scale: i32| {
                    value.checked_mul(10_i64.checked_pow((scale - least).unsigned_abs())?)
                };
                raised(one, scale)
                    .zip(raised(two, other))
                    .and_then(|(one, two)| one.checked_add(two))
                    .map(|sum| (sum, least))
            }
            _ => None,
        };
        Quantity { nano, scaled }
    }

    #[expect(clippy::cast_precision_loss, reason = "an approximation is asked for")]
    pub(crate) fn approximately(self) -> f64 {
        self.nano as f64 / NANO as f64
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.nano < 0 { "-" } else { "" };
        let (whole, rest) =
            (self.nano.unsigned_abs() / NANO.unsigned_abs(), self.nano.unsigned_abs() % NANO.unsigned_abs());
        if rest == 0 {
            write!(formatter, "{sign}{whole}")
        } else {
            write!(formatter, "{sign}{whole}.{}", format!("{rest:09}").trim_end_matches('0'))
        }
    }
}

/// `value * 10^scale` in billionths, capped.
fn nano_of(value: i64, scale: i32) -> i128 {
    let power = u32::try_from(scale.saturating_add(9)).unwrap_or(0);
    let nano = 10_i128.checked_pow(power).and_then(|factor| factor.checked_mul(value.into()));
    match nano {
        Some(nano) => nano.clamp(-LARGEST, LARGEST),
        None if value == 0 => 0,
        None => LARGEST * i128::from(value.signum()),
    }
}

/// Digits before and after the point, times powers of ten and two, in billionths, rounded up and capped.
fn rounded(whole: &str, fraction: &str, decimal: i32, binary: u32) -> i128 {
    /// More digits than any amount that is kept has.
    const DIGITS: usize = 60;
    let largest = if binary > 0 { LARGEST_BINARY } else { LARGEST };
    // A decimal number as its digits, the point behind `point` of them.
    let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).map(|byte| byte - b'0').collect();
    let point = i64::try_from(whole.len()).unwrap_or(i64::MAX).saturating_add(i64::from(decimal));
    let Some(first) = digits.iter().position(|digit| *digit != 0) else { return 0 };
    let leading = point.saturating_sub(i64::try_from(first).unwrap_or(i64::MAX));
    if leading > 30 {
        return largest;
    }
    if leading < -30 {
        return 1;
    }
    let significant = &digits[first..];
    let mut inexact = significant.iter().skip(DIGITS).any(|digit| *digit != 0);
    // In billionths the number has this many digits before its point.
    let before = leading + 9;
    // Multiplied by a power of two first, digit by digit, so that nothing is lost.
    let mut number: Vec<u8> = significant.iter().copied().take(DIGITS).collect();
    let mut before = before;
    for _ in 0..binary {
        let mut carry = 0;
        for digit in number.iter_mut().rev() {
            let doubled = *digit * 2 + carry;
            *digit = doubled % 10;
            carry = doubled / 10;
        }
        if carry > 0 {
            number.insert(0, carry);
            before += 1;
        }
    }
    let mut nano: i128 = 0;
    for at in 0..before {
        let digit = usize::try_from(at).ok().and_then(|at| number.get(at)).copied().unwrap_or(0);
        nano = nano.saturating_mul(10).saturating_add(digit.into());
        if nano > largest {
            return largest;
        }
    }
    let behind = usize::try_from(before).unwrap_or(0);
    inexact |= number.iter().skip(behind).any(|digit| *digit != 0);
    (nano + i128::from(inexact)).min(largest)
}

enum Suffix {
    Decimal(i32),
    Binary(u32),
}

fn suffix_of(suffix: &str) -> Option<Suffix> {
    Some(match suffix {
        "" => Suffix::Decimal(0),
        "n" => Suffix::Decimal(-9),
        "u" => Suffix::Decimal(-6),
        "m" => Suffix::Decimal(-3),
        "k" => Suffix::Decimal(3),
        "M" => Suffix::Decimal(6),
        "G" => Suffix::Decimal(9),
        "T" => Suffix::Decimal(12),
        "P" => Suffix::Decimal(15),
        "E" => Suffix::Decimal(18),
        "Ki" => Suffix::Binary(10),
        "Mi" => Suffix::Binary(20),
        "Gi" => Suffix::Binary(30),
        "Ti" => Suffix::Binary(40),
        "Pi" => Suffix::Binary(50),
        "Ei" => Suffix::Binary(60),
        _ => {
            let exponent = suffix.strip_prefix(['e', 'E'])?;
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            Suffix::Decimal(exponent.parse::<i32>().ok()?.clamp(-100_000, 100_000))
        }
    })
}

/// An address without zone, and not one of IPv4 in the clothes of IPv6.
pub(crate) fn parse_ip(text: &str) -> Option<IpAddr> {
    let address: IpAddr = text.parse().ok()?;
    match address {
        IpAddr::V6(six) if six.to_ipv4_mapped().is_some() => None,
        address => Some(address),
    }
}

/// A network. The address may have bits beyond the prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    pub(crate) address: IpAddr,
    pub(crate) length: u8,
}

impl Cidr {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, length) = text.rsplit_once('/')?;
        let address = parse_ip(address)?;
        let plain = !length.is_empty()
            && length.bytes().all(|byte| byte.is_ascii_digit())
            && (length == "0" || !length.starts_with('0'));
        let length = plain.then(|| length.parse::<u8>().ok()).flatten()?;
        (length <= bits(address)).then_some(Cidr { address, length })
    }

    pub(crate) fn masked(self) -> Self {
        let address = match self.address {
            IpAddr::V4(four) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.length)).unwrap_or(0);
                IpAddr::V4((four.to_bits() & mask).into())
            }
            IpAddr::V6(six) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.length)).unwrap_or(0);
                IpAddr::V6((six.to_bits() & mask).into())
            }
        };
        Cidr { address, length: self.length }
    }

    pub(crate) fn contains(self, address: IpAddr) -> bool {
        bits(address) == bits(self.address)
            && Cidr { address, length: self.length }.masked().address == self.masked().address
    }

    pub(crate) fn contains_network(self, other: Cidr) -> bool {
        self.length <= other.length && self.contains(other.address)
    }
}

fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

impl fmt::Display for Cidr {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.address, self.length)
    }
}

/// A version by semver.org 2.0.
#[derive(Clone, Debug)]
pub struct Semver {
    pub(crate) core: [u64; 3],
    before: Vec<Part>,
    build: String,
}

/// A part of what stands behind the hyphen. Numbers are before texts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Number(u64),
    Text(String),
}

impl Semver {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        // The build begins at the first plus, the pre-release at the first hyphen, as the original looks for them.
        let mut parts = text.splitn(3, '.');
        let (major, minor, rest) = (parts.next()?, parts.next()?, parts.next()?);
        let (rest, build) = match rest.split_once('+') {
            Some((rest, build)) => (rest, Some(build)),
            None => (rest, None),
        };
        let (patch, before) = match rest.split_once('-') {
            Some((patch, before)) => (patch, Some(before)),
            None => (rest, None),
        };
        let word = |text: &str| {
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        let part = |text: &str| {
            if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
                number(text).map(Part::Number)
            } else {
                word(text).then(|| Part::Text(text.to_owned()))
            }
        };
        let before = match before {
            Some(before) => before.split('.').map(part).collect::<Option<Vec<_>>>()?,
            None => Vec::new(),
        };
        if build.is_some_and(|build| !build.split('.').all(word)) {
            return None;
        }
        let core = [number(major)?, number(minor)?, number(patch)?];
        Some(Semver { core, before, build: build.unwrap_or_default().to_owned() })
    }

    /// Reads what people write: a `v` before it, leading zeros, minor and patch left out.
    pub(crate) fn parse_tolerant(text: &str) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let mut parts: Vec<String> = text
            .splitn(3, '.')
            .map(|part| {
                if part.len() < 2 {
                    return part.to_owned();
                }
                let trimmed = part.trim_start_matches('0');
                if trimmed.starts_with(|first: char| first.is_ascii_digit()) {
                    trimmed.to_owned()
                } else {
                    format!("0{trimmed}")
                }
            })
            .collect();
        if parts.len() < 3 && parts.last().is_some_and(|last| last.contains(['+', '-'])) {
            return None;
        }
        parts.resize(3, "0".to_owned());
        Semver::parse(&parts.join("."))
    }

    pub(crate) fn compare(&self, other: &Semver) -> Ordering {
        self.core.cmp(&other.core).then_with(|| match (self.before.is_empty(), other.before.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => self.before.cmp(&other.before),
        })
    }
}

impl PartialEq for Semver {
    /// What was built how makes no other version.
    fn eq(&self, other: &Self) -> bool {
        self.compare(other) == Ordering::Equal
    }
}

impl fmt::Display for Semver {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.core[0], self.core[1], self.core[2])?;
        for (at, part) in self.before.iter().enumerate() {
            formatter.write_str(if at == 0 { "-" } else { "." })?;
            match part {
                Part::Number(number) => write!(formatter, "{number}")?,
                Part::Text(text) => formatter.write_str(text)?,
            }
        }
        if !self.build.is_empty() {
            write!(formatter, "+{}", self.build)?;
        }
        Ok(())
    }
}

fn number(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (plain && (text == "0" || !text.starts_with('0'))).then(|| text.parse().ok()).flatten()
}
