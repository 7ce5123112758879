//! Exceptions and break-glass: images that are let in all the same, by somebody, for a reason, until a moment.

use std::collections::BTreeSet;

use plimsoll_model::Digest;
use serde::Deserialize;

use crate::document::{Policy, Signer, pattern};
use crate::facts::Facts;
use crate::identity::Pattern;

/// Longest time that an exception may hold from now on, in days.
const LONGEST_DAYS: i64 = 180;
/// Longest time of a break-glass exception from now on, in hours.
const LONGEST_HOURS: i64 = 24;

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Spec {
    /// Which policies.
    policies: Vec<String>,
    /// Which of their requirements, by name. All of them only with `breakGlass`.
    #[serde(default)]
    requirements: Vec<String>,
    /// Which images: patterns of repositories.
    #[serde(default)]
    images: Vec<String>,
    /// Which images: digests.
    #[serde(default)]
    digests: Vec<String>,
    #[serde(default)]
    namespaces: Vec<String>,
    owner: String,
    reason: String,
    #[serde(default)]
    ticket: Option<String>,
    /// RFC 3339, or a day, which it holds to the end of (UTC).
    expires: String,
    #[serde(default)]
    break_glass: bool,
}

/// What of an exception was signed, and the signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signed {
    pub(crate) text: String,
    pub(crate) signature: Vec<u8>,
}

/// `spec` of a `SignedException`: the exception as it was written, and a signature over exactly that.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignedSpec {
    pub(crate) exception: String,
    /// Base64.
    pub(crate) signature: String,
}

/// An exception.
#[derive(Clone, Debug)]
pub struct Exception {
    pub(crate) name: String,
    /// The namespace whose people wrote it; none for the platform's.
    namespace: Option<String>,
    policies: Vec<String>,
    requirements: Vec<String>,
    images: Vec<Pattern>,
    digests: Vec<Digest>,
    namespaces: Vec<Pattern>,
    pub(crate) owner: String,
    pub(crate) reason: String,
    pub(crate) ticket: Option<String>,
    pub(crate) expires: i64,
    pub(crate) break_glass: bool,
    pub(crate) signed: Option<Signed>,
    /// The keys in PEM that verify it, as whoever can check signatures told.
    pub(crate) signers: BTreeSet<String>,
}

/// How an exception stands to one unmet requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stand {
    Covers,
    /// It would, but its time is over, or longer than any may be.
    Expired,
    TooLong,
    /// It would, but it is not signed by anybody whose exceptions the policy takes.
    Unsigned,
    Not,
}

impl Exception {
    pub(crate) fn new(name: String, namespace: Option<String>, spec: Spec) -> Result<Self, String> {
        let named = |detail: &str| format!("exception `{}`: {detail}", plimsoll_model::shortened(&name));
        if spec.policies.is_empty() {
            return Err(named("`policies` is empty"));
        }
        if spec.owner.trim().is_empty() || spec.reason.trim().is_empty() {
            return Err(named("`owner` and `reason` must say something"));
        }
        if spec.images.is_empty() && spec.digests.is_empty() {
            return Err(named(
                "it must name `images` or `digests`: an exception for everything is a change of policy",
            ));
        }
        if spec.break_glass {
            if spec.digests.is_empty() || !spec.images.is_empty() || spec.namespaces.is_empty() {
                return Err(named("break-glass is for `digests` in `namespaces`, nothing wider"));
            }
        } else if spec.requirements.is_empty() {
            return Err(named("`requirements` is empty; name what need not be met"));
        }
        let expires = moment(&spec.expires).ok_or_else(|| {
            named(&format!(
                "`expires: {}` is no date, as in 2027-01-31",
                plimsoll_model::shortened(&spec.expires)
            ))
        })?;
        let patterns = |texts: &[String]| {
            texts
                .iter()
                .map(|text| pattern(text).map_err(|error| named(&error)))
                .collect::<Result<Vec<_>, _>>()
        };
        let digests = spec
            .digests
            .iter()
            .map(|text| Digest::parse(text).map_err(|error| named(&format!("`{text}`: {error}"))))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Exception {
            images: patterns(&spec.images)?,
            namespaces: patterns(&spec.namespaces)?,
            digests,
            policies: spec.policies,
            requirements: spec.requirements,
            owner: spec.owner,
            reason: spec.reason,
            ticket: spec.ticket,
            break_glass: spec.break_glass,
            expires,
            namespace,
            name,
            signed: None,
            signers: BTreeSet::new(),
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn stand(&self, policy: &Policy, requirement: &str, facts: &Facts<'_>, now: i64) -> Stand {
        let fits = |patterns: &[Pattern], value: &str| patterns.iter().any(|pattern| pattern.matches(value));
        let named = self.names(policy, requirement);
        // People of a namespace can except from their own policies only: never from the platform's.
        let theirs =
            self.namespace.is_none() || (self.namespace == policy.namespace && policy.namespace.is_some());
        let here = self.namespaces.is_empty() || fits(&self.namespaces, &facts.workload.namespace);
        let image = fits(&self.images, &facts.image.repository)
            || facts.digest.seen().is_ok_and(|digest| self.digests.contains(digest));
        let covers = theirs && here && image && named;
        let longest = if self.break_glass { LONGEST_HOURS * 3600 } else { LONGEST_DAYS * 86_400 };
        match self.expires.saturating_sub(now) {
            _ if !covers => Stand::Not,
            left if left <= 0 => Stand::Expired,
            left if left > longest => Stand::TooLong,
            _ if !policy.exceptions_by.is_empty() && self.signer(policy).is_none() => Stand::Unsigned,
            _ => Stand::Covers,
        }
    }

    /// Whether it is about this requirement of this policy, for whatever image.
    pub(crate) fn names(&self, policy: &Policy, requirement: &str) -> bool {
        self.policies.contains(&policy.name)
            && (self.break_glass || self.requirements.iter().any(|name| name == requirement))
    }

    /// Which of those whose exceptions a policy takes signed it.
    pub(crate) fn signer<'p>(&self, policy: &'p Policy) -> Option<&'p str> {
        policy.exceptions_by.iter().map(String::as_str).find(|name| match policy.signers.get(*name) {
            Some(Signer::Key { pem, .. }) => self.signers.contains(pem),
            _ => false,
        })
    }
}

/// A moment in RFC 3339, or the end of a day.
fn moment(text: &str) -> Option<i64> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(time.as_second());
    }
    let day = text.parse::<jiff::civil::Date>().ok()?;
    let next = day.tomorrow().ok()?;
    Some(format!("{next}T00:00:00Z").parse::<jiff::Timestamp>().ok()?.as_second())
}
