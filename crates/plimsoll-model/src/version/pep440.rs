//! PEP 440, as `packaging.version` reads it: leading `v`, any case, `-`, `_` and `.` as separators, `alpha`, `c`, `preview`,
//! `rev`, `r` as other spellings. Versions from before PEP 440 (`2004d-dev`, `1.0-final-2`) have no order.

use super::Order;
use super::number::{Number, take_digits, trim_trailing_zeros};

/// Ordered as PEP 440 sorts: fields from the first to the last, variants likewise.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    epoch: Number,
    /// Without zeros at the end.
    release: Vec<Number>,
    pre: Pre,
    post: Option<Number>,
    dev: Dev,
    /// Empty when there is none, which is before any.
    local: Vec<Local>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Pre {
    /// `1.0.dev1`: before the pre-releases of 1.0.
    DevelopmentOnly,
    Alpha(Number),
    Beta(Number),
    Candidate(Number),
    None,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Dev {
    Of(Number),
    None,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Local {
    Word(Box<str>),
    Number(Number),
}

impl Key {
    pub(super) fn epoch(&self) -> &Number {
        &self.epoch
    }
}

impl Order for Key {
    fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let mut rest = text.strip_prefix('v').unwrap_or(&text);
        let mut epoch = Number::ZERO;
        let (mut digits, mut behind) = take_digits(rest);
        if let Some(behind_epoch) = behind.strip_prefix('!').filter(|_| !digits.is_empty()) {
            epoch = Number::new(digits);
            (digits, behind) = take_digits(behind_epoch);
        }
        if digits.is_empty() {
            return None;
        }
        let mut release = vec![Number::new(digits)];
        rest = behind;
        while let Some(behind) = rest.strip_prefix('.') {
            let (digits, behind) = take_digits(behind);
            if digits.is_empty() {
                break;
            }
            release.push(Number::new(digits));
            rest = behind;
        }
        trim_trailing_zeros(&mut release);

        let pre;
        if let Some((word, number, behind)) =
            labelled(rest, &["alpha", "a", "beta", "b", "preview", "pre", "rc", "c"])
        {
            rest = behind;
            pre = Some(match word {
                "alpha" | "a" => Pre::Alpha(number),
                "beta" | "b" => Pre::Beta(number),
                _ => Pre::Candidate(number),
            });
        } else {
            pre = None;
        }
        let mut post = None;
        let implicit = rest.strip_prefix('-').map(take_digits).filter(|(digits, _)| !digits.is_empty());
        if let Some((digits, behind)) = implicit {
            post = Some(Number::new(digits));
            rest = behind;
        } else if let Some((_, number, behind)) = labelled(rest, &["post", "rev", "r"]) {
            post = Some(number);
            rest = behind;
        }
        let mut dev = Dev::None;
        if let Some((_, number, behind)) = labelled(rest, &["dev"]) {
            dev = Dev::Of(number);
            rest = behind;
        }
        let mut local = Vec::new();
        if let Some(behind) = rest.strip_prefix('+') {
            for part in behind.split(['-', '_', '.']) {
                if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                    return None;
                }
                local.push(if part.bytes().all(|byte| byte.is_ascii_digit()) {
                    Local::Number(Number::new(part))
                } else {
                    Local::Word(part.into())
                });
            }
            rest = "";
        }
        if !rest.is_empty() {
            return None;
        }
        let pre = match (pre, &post, &dev) {
            (Some(pre), ..) => pre,
            (None, None, Dev::Of(_)) => Pre::DevelopmentOnly,
            (None, ..) => Pre::None,
        };
        Some(Key { epoch, release, pre, post, dev, local })
    }

    fn is_prerelease(&self) -> bool {
        self.pre != Pre::None || self.dev != Dev::None
    }

    fn branch(&self) -> Option<&Number> {
        Some(self.release.first().unwrap_or(&Number::ZERO))
    }
}

/// A label with an optional separator before and behind, and an optional number: `-rc.1`, `b2`, `.dev`.
fn labelled<'text, 'label>(
    text: &'text str,
    labels: &[&'label str],
) -> Option<(&'label str, Number, &'text str)> {
    let separators = ['-', '_', '.'];
    let start = text.strip_prefix(separators).unwrap_or(text);
    let (label, behind) = labels.iter().find_map(|label| Some((*label, start.strip_prefix(label)?)))?;
    let behind = behind.strip_prefix(separators).unwrap_or(behind);
    let (digits, behind) = take_digits(behind);
    Some((label, Number::new(digits), behind))
}

#[cfg(test)]
mod tests {
    use super::super::{Scheme, check, prereleases, refuse};

    #[test]
    fn order() {
        check(
            Scheme::Pep440,
            &[
                "1.0 = 1.0.0",
                "1.0 = v1",
                "1!0.1 > 99.0",
                "1.0.dev456 < 1.0a1",
                "1.0a1 < 1.0a2.dev456",
                "1.0a2.dev456 < 1.0a12.dev456",
                "1.0a12.dev456 < 1.0a12",
                "1.0a12 < 1.0b1.dev456",
                "1.0b1.dev456 < 1.0b2",
                "1.0b2 < 1.0b2.post345.dev456",
                "1.0b2.post345.dev456 < 1.0b2.post345",
                "1.0b2.post345 < 1.0rc1.dev456",
                "1.0rc1 < 1.0",
                "1.0 < 1.0+abc.5",
                "1.0+abc.5 < 1.0+abc.7",
                "1.0+abc.7 < 1.0+5",
                "1.0+5 < 1.0.post456.dev34",
                "1.0.post456 < 1.0.15",
                "1.0c1 = 1.0rc1",
                "1.0-preview_1 = 1.0rc1",
                "1.0-1 = 1.0.post1",
                "1.0.r4 = 1.0-REV.4",
                "1.0alpha = 1.0a0",
                "1.0+Ubuntu-1 = 1.0+ubuntu.1",
            ],
        );
    }

    #[test]
    fn unreadable() {
        refuse(
            Scheme::Pep440,
            &[
                "2004d-dev",
                "1.0-final",
                "1.0+",
                "1.0+a..b",
                "1.0.",
                "!1",
                "1!",
                "v",
                "1.0rc1rc2",
                "french toast",
                "1.0.*",
            ],
        );
    }

    #[test]
    fn marked() {
        prereleases(
            Scheme::Pep440,
            &["1.0a1", "1.0.dev1", "1.0rc1.post2", "1.0.post1.dev2"],
            &["1.0", "1.0.post1", "1.0+a1"],
        );
    }
}
