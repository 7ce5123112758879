//! The library of Kubernetes 1.36: quantities, addresses, URLs, versions, named formats.

use std::cmp::Ordering;
use std::net::IpAddr;
use std::sync::Arc;

use crate::error::Error;
use crate::eval::Meter;
use crate::opaque::{Cidr, Opaque, Quantity, Semver, parse_ip};
use crate::syntax::shortened;
use crate::url::Url;
use crate::value::{Key, Map, Value};

use super::time;

type Answer<'a> = Result<Value<'a>, Error>;

fn text<'v>(values: &'v [Value<'_>], at: usize, meter: &mut Meter) -> Result<&'v str, Error> {
    let text = values.get(at).and_then(Value::as_str).ok_or_else(Error::no_such_overload)?;
    meter.text(text.len())?;
    Ok(text)
}

fn refused(text: &str, what: &str) -> Error {
    Error::new(format!("`{}` is no {what}", shortened(text)))
}

fn opaque<'v>(values: &'v [Value<'_>], at: usize) -> Result<&'v Opaque, Error> {
    match values.get(at) {
        Some(Value::Opaque(value)) => Ok(value),
        _ => Err(Error::no_such_overload()),
    }
}

fn amount(values: &[Value<'_>], at: usize) -> Result<Quantity, Error> {
    match values.get(at) {
        Some(Value::Int(value)) => Ok(Quantity::of_whole(*value)),
        _ => match opaque(values, at)? {
            Opaque::Quantity(value) => Ok(*value),
            _ => Err(Error::no_such_overload()),
        },
    }
}

pub(super) fn quantity<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let text = text(values, 0, meter)?;
    let amount = Quantity::parse(text).ok_or_else(|| refused(text, "quantity as in 500m or 1.5Gi"))?;
    Ok(Opaque::Quantity(amount).into())
}

pub(super) fn is_quantity<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    Ok(Value::Bool(Quantity::parse(text(values, 0, meter)?).is_some()))
}

pub(super) fn quantity_sign<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    amount(values, 0).map(|amount| Value::Int(i64::try_from(amount.nano.signum()).unwrap_or(0)))
}

pub(super) fn quantity_is_integer<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    amount(values, 0).map(|amount| Value::Bool(amount.whole().is_some()))
}

pub(super) fn quantity_as_integer<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let whole = amount(values, 0)?.whole();
    whole.map(Value::Int).ok_or_else(|| Error::new("the quantity is no whole number"))
}

pub(super) fn quantity_as_double<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    amount(values, 0).map(|amount| Value::Double(amount.approximately()))
}

pub(super) fn quantity_add<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    Ok(Opaque::Quantity(amount(values, 0)?.plus(amount(values, 1)?)).into())
}

pub(super) fn quantity_sub<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    Ok(Opaque::Quantity(amount(values, 0)?.plus(amount(values, 1)?.negated())).into())
}

/// The order of two quantities or two versions.
fn order(values: &[Value<'_>]) -> Result<Ordering, Error> {
    match (opaque(values, 0)?, opaque(values, 1)?) {
        (Opaque::Quantity(one), Opaque::Quantity(two)) => Ok(one.cmp(two)),
        (Opaque::Semver(one), Opaque::Semver(two)) => Ok(one.compare(two)),
        _ => Err(Error::no_such_overload()),
    }
}

pub(super) fn is_greater_than<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    order(values).map(|order| Value::Bool(order.is_gt()))
}

pub(super) fn is_less_than<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    order(values).map(|order| Value::Bool(order.is_lt()))
}

pub(super) fn compare_to<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    order(values).map(|order| Value::Int(order as i64))
}

pub(super) fn ip<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let text = text(values, 0, meter)?;
    let address = parse_ip(text).ok_or_else(|| refused(text, "address"))?;
    Ok(Opaque::Ip(address).into())
}

pub(super) fn is_ip<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    Ok(Value::Bool(parse_ip(text(values, 0, meter)?).is_some()))
}

pub(super) fn is_canonical<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let text = text(values, 0, meter)?;
    let address = parse_ip(text).ok_or_else(|| refused(text, "address"))?;
    Ok(Value::Bool(address.to_string() == text))
}

fn address<'a>(values: &[Value<'a>], answer: fn(IpAddr) -> Value<'static>) -> Answer<'a> {
    match opaque(values, 0)? {
        Opaque::Ip(address) => Ok(answer(*address)),
        _ => Err(Error::no_such_overload()),
    }
}

pub(super) fn family<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    address(values, |address| Value::Int(if address.is_ipv4() { 4 } else { 6 }))
}

pub(super) fn is_unspecified<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    address(values, |address| Value::Bool(address.is_unspecified()))
}

pub(super) fn is_loopback<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    address(values, |address| Value::Bool(address.is_loopback()))
}

fn link_local_multicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => four.octets()[..3] == [224, 0, 0],
        IpAddr::V6(six) => six.segments()[0] & 0xff0f == 0xff02,
    }
}

fn link_local_unicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => four.is_link_local(),
        IpAddr::V6(six) => six.is_unicast_link_local(),
    }
}

pub(super) fn is_link_local_multicast<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    address(values, |address| Value::Bool(link_local_multicast(address)))
}

pub(super) fn is_link_local_unicast<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    address(values, |address| Value::Bool(link_local_unicast(address)))
}

pub(super) fn is_global_unicast<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    address(values, |address| {
        let broadcast = matches!(address, IpAddr::V4(four) if four.is_broadcast());
        Value::Bool(
            !broadcast
                && !address.is_unspecified()
                && !address.is_loopback()
                && !address.is_multicast()
                && !link_local_unicast(address),
        )
    })
}

pub(super) fn cidr<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let text = text(values, 0, meter)?;
    let network = Cidr::parse(text).ok_or_else(|| refused(text, "network as in 10.0.0.0/8"))?;
    Ok(Opaque::Cidr(network).into())
}

pub(super) fn is_cidr<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    Ok(Value::Bool(Cidr::parse(text(values, 0, meter)?).is_some()))
}

fn network(values: &[Value<'_>]) -> Result<Cidr, Error> {
    match opaque(values, 0)? {
        Opaque::Cidr(network) => Ok(*network),
        _ => Err(Error::no_such_overload()),
    }
}

pub(super) fn contains_ip<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let address = match values.get(1) {
        Some(Value::String(_)) => {
            let text = text(values, 1, meter)?;
            parse_ip(text).ok_or_else(|| refused(text, "address"))?
        }
        _ => match opaque(values, 1)? {
            Opaque::Ip(address) => *address,
            _ => return Err(Error::no_such_overload()),
        },
    };
    Ok(Value::Bool(network(values)?.contains(address)))
}

pub(super) fn contains_cidr<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let other = match values.get(1) {
        Some(Value::String(_)) => {
            let text = text(values, 1, meter)?;
            Cidr::parse(text).ok_or_else(|| refused(text, "network"))?
        }
        _ => match opaque(values, 1)? {
            Opaque::Cidr(other) => *other,
            _ => return Err(Error::no_such_overload()),
        },
    };
    Ok(Value::Bool(network(values)?.contains_network(other)))
}

pub(super) fn cidr_ip<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    Ok(Opaque::Ip(network(values)?.address).into())
}

pub(super) fn prefix_length<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    Ok(Value::Int(network(values)?.length.into()))
}

pub(super) fn masked<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    Ok(Opaque::Cidr(network(values)?.masked()).into())
}

pub(super) fn is_mask<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let network = network(values)?;
    Ok(Value::Bool(network.masked() == network))
}

pub(super) fn url<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let text = text(values, 0, meter)?;
    let url = Url::parse(text).ok_or_else(|| refused(text, "absolute URL"))?;
    Ok(Opaque::Url(url).into())
}

pub(super) fn is_url<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    Ok(Value::Bool(Url::check(text(values, 0, meter)?).is_some()))
}

fn of_url<'a>(meter: &mut Meter, values: &[Value<'a>], part: fn(&Url) -> &str) -> Answer<'a> {
    match opaque(values, 0)? {
        Opaque::Url(url) => {
            let part = part(url);
            meter.text(part.len())?;
            Ok(part.to_owned().into())
        }
        _ => Err(Error::no_such_overload()),
    }
}

pub(super) fn scheme<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    of_url(meter, values, |url| &url.scheme)
}

pub(super) fn host<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    of_url(meter, values, |url| &url.host)
}

pub(super) fn hostname<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    of_url(meter, values, Url::hostname)
}

pub(super) fn port<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    of_url(meter, values, Url::port)
}

pub(super) fn escaped_path<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    of_url(meter, values, |url| &url.path)
}

pub(super) fn query<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let Opaque::Url(url) = opaque(values, 0)? else { return Err(Error::no_such_overload()) };
    // Every name is compared with those before it.
    let pairs = url.query_length() as u64 / 2;
    meter.charge(pairs.saturating_mul(pairs) / 64 + pairs)?;
    let parameters = url.parameters().into_iter().map(|(name, values)| {
        let values: Value<'a> = values.into_iter().map(Value::from).collect();
        (Key::String(name.into()), values)
    });
    Ok(Value::Map(parameters.collect::<Map<'a>>()))
}

fn version<'v>(values: &'v [Value<'_>], meter: &mut Meter) -> Result<(&'v str, Option<Semver>), Error> {
    let text = text(values, 0, meter)?;
    Ok(match values.get(1) {
        Some(Value::Bool(true)) => (text, Semver::parse_tolerant(text)),
        None | Some(Value::Bool(false)) => (text, Semver::parse(text)),
        Some(_) => return Err(Error::no_such_overload()),
    })
}

pub(super) fn semver<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let (text, version) = version(values, meter)?;
    let version = version.ok_or_else(|| refused(text, "version as in 1.2.3"))?;
    Ok(Opaque::Semver(version).into())
}

pub(super) fn is_semver<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    Ok(Value::Bool(version(values, meter)?.1.is_some()))
}

fn number_of<'a>(values: &[Value<'a>], which: usize) -> Answer<'a> {
    match opaque(values, 0)? {
        Opaque::Semver(version) => Ok(Value::Int(version.core[which].cast_signed())),
        _ => Err(Error::no_such_overload()),
    }
}

pub(super) fn major<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    number_of(values, 0)
}

pub(super) fn minor<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    number_of(values, 1)
}

pub(super) fn patch<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    number_of(values, 2)
}

/// A named format: what texts must look like.
#[derive(Debug)]
pub struct Format {
    /// Its name, as `format.named` takes it.
    pub name: &'static str,
    check: fn(&str) -> Vec<String>,
}

impl PartialEq for Format {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

static FORMATS: &[Format] = &[
    Format { name: "dns1123Label", check: dns1123_label },
    Format { name: "dns1123Subdomain", check: dns1123_subdomain },
    Format { name: "dns1035Label", check: dns1035_label },
    Format { name: "qualifiedName", check: qualified_name },
    Format { name: "dns1123LabelPrefix", check: |text| dns1123_label(&masked_dash(text)) },
    Format { name: "dns1123SubdomainPrefix", check: |text| dns1123_subdomain(&masked_dash(text)) },
    Format { name: "dns1035LabelPrefix", check: |text| dns1035_label(&masked_dash(text)) },
    Format { name: "labelValue", check: label_value },
    Format { name: "uri", check: uri },
    Format { name: "uuid", check: |text| complaint(is_uuid(text), "does not match the UUID format") },
    Format { name: "byte", check: |text| complaint(is_base64(text), "invalid base64") },
    Format { name: "date", check: |text| complaint(time::days_of(text).is_some(), "invalid date") },
    Format { name: "datetime", check: |text| complaint(is_datetime(text), "invalid datetime") },
];

fn uri(text: &str) -> Vec<String> {
    complaint(Url::check(text).is_some(), &format!("parse {text:?}: invalid URI for request"))
}

fn complaint(fine: bool, text: &str) -> Vec<String> {
    if fine { Vec::new() } else { vec![text.to_owned()] }
}

/// A name that is a prefix may end with a dash: a letter is put in the place of the dash and what stands before it, as the
/// original does.
fn masked_dash(text: &str) -> String {
    let before = text.strip_suffix('-').and_then(|before| before.get(..before.len().checked_sub(1)?));
    before.map_or_else(|| text.to_owned(), |before| format!("{before}a"))
}

fn is_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let edge =
        |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    text.bytes().all(inner) && edge(text.as_bytes().first()) && edge(text.as_bytes().last())
}

// What Kubernetes says, word for word: policies show it to people.
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL_1035: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const NAME: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

fn longer_than(text: &str, most: usize) -> Option<String> {
    (text.len() > most).then(|| format!("must be no more than {most} bytes"))
}

fn problems(text: &str, most: usize, fits: bool, else_say: &str) -> Vec<String> {
    longer_than(text, most).into_iter().chain((!fits).then(|| else_say.to_owned())).collect()
}

fn dns1123_label(text: &str) -> Vec<String> {
    let dotted = is_subdomain(text);
    problems(text, 63, is_label(text), if dotted { "must not contain dots" } else { LABEL })
}

fn is_subdomain(text: &str) -> bool {
    text.split('.').all(is_label)
}

fn dns1123_subdomain(text: &str) -> Vec<String> {
    problems(text, 253, is_subdomain(text), SUBDOMAIN)
}

fn dns1035_label(text: &str) -> Vec<String> {
    let letter = text.starts_with(|first: char| first.is_ascii_lowercase());
    problems(text, 63, letter && is_label(text), LABEL_1035)
}

fn is_word(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    text.bytes().all(inner) && edge(text.as_bytes().first()) && edge(text.as_bytes().last())
}

fn qualified_name(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let parts: Vec<&str> = text.split('/').collect();
    let name = match parts.as_slice() {
        [name] => name,
        [prefix, name] => {
            if prefix.is_empty() {
                out.push("prefix part must be non-empty".to_owned());
            } else {
                out.extend(
                    dns1123_subdomain(prefix).into_iter().map(|problem| format!("prefix part {problem}")),
                );
            }
            name
        }
        _ => {
            return vec![format!(
                "a valid label key {NAME} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )];
        }
    };
    if name.is_empty() {
        out.push("name part must be non-empty".to_owned());
    } else if let Some(problem) = longer_than(name, 63) {
        out.push(format!("name part {problem}"));
    }
    if !is_word(name) {
        out.push(format!("name part {NAME}"));
    }
    out
}

fn label_value(text: &str) -> Vec<String> {
    problems(text, 63, text.is_empty() || is_word(text), LABEL_VALUE)
}

fn is_uuid(text: &str) -> bool {
    let mut rest = text;
    for (at, length) in [8, 4, 4, 4, 12].into_iter().enumerate() {
        if at > 0 {
            rest = rest.strip_prefix('-').unwrap_or(rest);
        }
        let Some(digits) = rest.get(..length) else { return false };
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return false;
        }
        rest = &rest[length..];
    }
    rest.is_empty()
}

fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !text.is_empty()
        && text.len().is_multiple_of(4)
        && text.len() - body.len() <= 2
        && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/')
}

/// A moment by RFC 3339, in upper or lower case.
fn is_datetime(text: &str) -> bool {
    text.len() >= 4 && time::rfc3339(&text.to_ascii_uppercase()).is_some()
}

fn format_value<'a>(name: &str) -> Option<Value<'a>> {
    FORMATS.iter().find(|format| format.name == name).map(|format| Opaque::Format(format).into())
}

pub(super) fn named<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    Ok(Value::Optional(format_value(text(values, 0, meter)?).map(Arc::new)))
}

/// An empty optional when the text fits, else what is wrong with it.
pub(super) fn validate<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let Opaque::Format(format) = opaque(values, 0)? else { return Err(Error::no_such_overload()) };
    let text = text(values, 1, meter)?;
    let problems = (format.check)(text);
    Ok(if problems.is_empty() {
        Value::Optional(None)
    } else {
        Value::some(problems.into_iter().map(Value::from).collect())
    })
}

macro_rules! constant_formats {
    ($($function:ident $name:literal),* $(,)?) => {
        $(
            pub(super) fn $function<'a>(_: &mut Meter, _: &[Value<'a>]) -> Answer<'a> {
                format_value($name).ok_or_else(Error::no_such_overload)
            }
        )*
    };
}

constant_formats! {
    format_dns1123_label "dns1123Label",
    format_dns1123_subdomain "dns1123Subdomain",
    format_dns1035_label "dns1035Label",
    format_qualified_name "qualifiedName",
    format_dns1123_label_prefix "dns1123LabelPrefix",
    format_dns1123_subdomain_prefix "dns1123SubdomainPrefix",
    format_dns1035_label_prefix "dns1035LabelPrefix",
    format_label_value "labelValue",
    format_uri "uri",
    format_uuid "uuid",
    format_byte "byte",
    format_date "date",
    format_datetime "datetime",
}

/// Of the authorizer there is no value, so nothing of it is ever called.
pub(super) fn nobody<'a>(_meter: &mut Meter, _values: &[Value<'a>]) -> Answer<'a> {
    Err(Error::new("the authorizer is asked by the API server only"))
}
