//! Version ranges as VEX documents write them: `vers:npm/>=1.0.0|<1.2.3` (vers, package-url/vers-spec 1.0, "Checking if a
//! version is contained within a range"). The words in front of `/` name an order of versions; here the package's own
//! order is taken, and a range of another type is one that cannot be read.

use std::cmp::Ordering;

use plimsoll_model::Ecosystem;
use plimsoll_model::purl;
use plimsoll_model::version::Version;

/// The greatest number of constraints in one range.
const MOST: usize = 1_000;

/// Why a range decides nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unreadable {
    /// It is no `vers`, or one that breaks its rules.
    Form,
    /// It is about another kind of package.
    Kind,
    /// A version in it, or the package's own, cannot be read.
    Version,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparator {
    Equal,
    Unequal,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

impl Comparator {
    /// The comparator and the version behind it.
    fn of(constraint: &str) -> (Self, &str) {
        // The longer ones first.
        for (sign, comparator) in [
            ("!=", Comparator::Unequal),
            ("<=", Comparator::LessEqual),
            (">=", Comparator::GreaterEqual),
            ("<", Comparator::Less),
            (">", Comparator::Greater),
            ("=", Comparator::Equal),
        ] {
            if let Some(version) = constraint.strip_prefix(sign) {
                return (comparator, version.trim());
            }
        }
        (Comparator::Equal, constraint)
    }

    /// An end of an interval that goes on upwards.
    fn is_lower(self) -> bool {
        matches!(self, Comparator::Greater | Comparator::GreaterEqual)
    }

    fn is_upper(self) -> bool {
        matches!(self, Comparator::Less | Comparator::LessEqual)
    }

    fn holds(self, order: Ordering) -> bool {
        match self {
            Comparator::Equal => order.is_eq(),
            Comparator::Unequal => order.is_ne(),
            Comparator::Less => order.is_lt(),
            Comparator::LessEqual => order.is_le(),
            Comparator::Greater => order.is_gt(),
            Comparator::GreaterEqual => order.is_ge(),
        }
    }
}

/// Is a version of a package within the range?
pub(crate) fn contains(range: &str, ecosystem: Ecosystem, version: &str) -> Result<bool, Unreadable> {
    let (kind, constraints) =
        range.trim().strip_prefix("vers:").and_then(|rest| rest.split_once('/')).ok_or(Unreadable::Form)?;
    if !matches!(kind, "all" | "none") && Ecosystem::from_purl_type(kind) != Some(ecosystem) {
        return Err(Unreadable::Kind);
    }
    match (kind, constraints.trim()) {
        ("none", "*") => return Ok(false),
        (_, "*") => return Ok(true),
        ("all" | "none", _) => return Err(Unreadable::Form),
        _ => {}
    }
    let read = |text: &str| Version::parse(ecosystem.scheme(), text).map_err(|_| Unreadable::Version);
    let own = read(version)?;
    let mut bounds: Vec<(Comparator, Version)> = Vec::new();
    for constraint in constraints.split('|').map(str::trim).filter(|constraint| !constraint.is_empty()) {
        let (comparator, text) = Comparator::of(constraint);
        if text.is_empty() || text == "*" || bounds.len() == MOST {
            return Err(Unreadable::Form);
        }
        // `%2B` and the like: separators within a version are escaped.
        let text = purl::decode(text).map_err(|_| Unreadable::Form)?;
        bounds.push((comparator, read(&text)?));
    }
    if bounds.is_empty() {
        return Err(Unreadable::Form);
    }
    let order = |left: &Version, right: &Version| {
        left.compare(right).expect("all versions of one range are read by one scheme")
    };
    for (comparator, bound) in &bounds {
        match comparator {
            Comparator::Equal if order(&own, bound).is_eq() => return Ok(true),
            Comparator::Unequal if order(&own, bound).is_eq() => return Ok(false),
            _ => {}
        }
    }
    let others_only_exclude = bounds.iter().all(|(comparator, _)| *comparator == Comparator::Unequal);
    bounds.retain(|(comparator, _)| comparator.is_lower() || comparator.is_upper());
    if bounds.is_empty() {
        return Ok(others_only_exclude);
    }
    bounds.sort_by(|(_, left), (_, right)| order(left, right));
    // Between two bounds lies an interval when the lower one opens it and the upper one closes it.
    let within = |(comparator, bound): &(Comparator, Version)| comparator.holds(order(&own, bound));
    let first_closes = bounds.first().is_some_and(|bound| bound.0.is_upper() && within(bound));
    let last_opens = bounds.last().is_some_and(|bound| bound.0.is_lower() && within(bound));
    let between = bounds
        .windows(2)
        .any(|pair| pair[0].0.is_lower() && pair[1].0.is_upper() && within(&pair[0]) && within(&pair[1]));
    Ok(first_closes || last_opens || between)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges() {
        let check = |range: &str, version: &str, expected: Result<bool, Unreadable>| {
            assert_eq!(contains(range, Ecosystem::Npm, version), expected, "{version} in {range}");
        };
        for (range, inside, outside) in [
            ("vers:npm/1.2.3", &["1.2.3"][..], &["1.2.4"][..]),
            ("vers:npm/>=1.0.0|<1.2.3", &["1.0.0", "1.2.2"], &["0.9.0", "1.2.3", "2.0.0"]),
            ("vers:npm/<1.2.3|>=1.0.0", &["1.0.0", "1.2.2"], &["0.9.0", "1.2.3"]),
            ("vers:npm/<1.0.0|>=2.0.0|<2.1.0", &["0.1.0", "2.0.5"], &["1.0.0", "2.1.0"]),
            ("vers:npm/>1.0.0", &["1.0.1"], &["1.0.0"]),
            ("vers:npm/>=1.0.0|!=1.0.5|<=2.0.0", &["1.0.4", "2.0.0"], &["1.0.5", "2.0.1"]),
            ("vers:npm/!=1.0.5", &["1.0.4"], &["1.0.5"]),
            ("vers:npm/1.0.0|=2.0.0|>=3.0.0", &["1.0.0", "2.0.0", "3.1.0"], &["1.5.0", "2.5.0"]),
            ("vers:npm/*", &["1.0.0"], &[]),
            ("vers:all/*", &["1.0.0"], &[]),
            ("vers:none/*", &[], &["1.0.0"]),
            ("vers:npm/1.0.0%2B1", &["1.0.0+1"], &[]),
        ] {
            for version in inside {
                check(range, version, Ok(true));
            }
            for version in outside {
                check(range, version, Ok(false));
            }
        }
        check("<1.0.0", "1.0.0", Err(Unreadable::Form));
        check("vers:npm/", "1.0.0", Err(Unreadable::Form));
        check("vers:npm/>=", "1.0.0", Err(Unreadable::Form));
        check("vers:npm/>=1.0.0|*", "1.0.0", Err(Unreadable::Form));
        check("vers:all/1", "1.0.0", Err(Unreadable::Form));
        check("vers:pypi/<1.0.0", "1.0.0", Err(Unreadable::Kind));
        check("vers:npm/<one", "1.0.0", Err(Unreadable::Version));
        check("vers:npm/<1.0.0", "one", Err(Unreadable::Version));
        check(&format!("vers:npm/{}", "1.0.0|".repeat(1_001)), "1.0.0", Err(Unreadable::Form));
        let deb = |range: &str, version: &str| contains(range, Ecosystem::Deb, version);
        assert_eq!(deb("vers:deb/<1.2-3", "1.2-2"), Ok(true));
        assert_eq!(deb("vers:deb/<1.2-3", "1:1.2-2"), Ok(false));
    }

    proptest! {
        #[test]
        fn never_panics(range in ".{0,60}", constraints in "vers:npm/[<>=!|0-9.%*]{0,40}", version in ".{0,20}") {
            let _ = contains(&range, Ecosystem::Npm, &version);
            let _ = contains(&constraints, Ecosystem::Npm, "1.0.0");
            let _ = contains(&constraints, Ecosystem::Npm, &version);
        }
    }
}
