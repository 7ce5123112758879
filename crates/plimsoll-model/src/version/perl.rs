//! Perl's order (version.pm 0.99): a decimal version (`1.002003`) is a dotted one whose fraction is cut into groups of three digits
//! (`v1.2.3`). Underscores do not count; they and `-TRIAL` mark developers' releases.

use super::Order;
use super::number::{Number, numbers, trim_trailing_zeros};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    numbers: Vec<Number>,
    /// `-TRIAL` is before the release it tries.
    is_release: bool,
    /// Never decides: it follows from an underscore, which is no part of the value.
    developer: Developer,
}

/// Whether there was an underscore; all are equal, so that it does not count in the order.
#[derive(Clone, Copy, Debug)]
struct Developer(bool);

impl PartialEq for Developer {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Developer {}

impl PartialOrd for Developer {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Developer {
    fn cmp(&self, _: &Self) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}

impl Order for Key {
    fn parse(text: &str) -> Option<Self> {
        let (text, is_release) = match text.strip_suffix("-TRIAL") {
            Some(text) => (text, false),
            None => (text, true),
        };
        let developer = Developer(text.contains('_'));
        // One underscore between digits.
        if text.starts_with('_') || text.ends_with(['_', '.']) || text.contains("__") || text.contains("._") {
            return None;
        }
        let text = text.replace('_', "");
        let dotted = text.strip_prefix('v');
        let mut numbers = match (dotted, text.matches('.').count()) {
            (Some(dotted), _) => numbers(dotted, &['.'])?,
            (None, 2..) => numbers(&text, &['.'])?,
            (None, _) => decimal(&text)?,
        };
        trim_trailing_zeros(&mut numbers);
        Some(Key { numbers, is_release, developer })
    }

    fn is_prerelease(&self) -> bool {
        !self.is_release || self.developer.0
    }

    fn branch(&self) -> Option<&Number> {
        Some(self.numbers.first().unwrap_or(&Number::ZERO))
    }
}

fn decimal(text: &str) -> Option<Vec<Number>> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let mut numbers = vec![Number::new(whole)];
    for group in fraction.as_bytes().chunks(3) {
        let group = std::str::from_utf8(group).ok()?;
        numbers.push(Number::new(&format!("{group:0<3}")));
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::super::{Scheme, check, prereleases, refuse};

    #[test]
    fn order() {
        check(
            Scheme::Perl,
            &[
                "1.002003 = v1.2.3",
                "1.2.3 = v1.2.3",
                "1.10 = 1.1",
                "1.9 > 1.10",
                "1.5 = v1.500",
                "v1.9 < v1.10",
                "1.23 < 1.2301",
                "0.02_03 = 0.0203",
                "1.0 = v1",
                ".5 = 0.5",
                "1.2-TRIAL < 1.2",
                "5.036000 = 5.36.0",
            ],
        );
        refuse(Scheme::Perl, &["", ".", "v", "1.", "1.a", "1._2", "_1", "1__2", "undef"]);
        prereleases(Scheme::Perl, &["1.02_03", "1.2-TRIAL"], &["1.0203", "v1.2.3"]);
    }
}
