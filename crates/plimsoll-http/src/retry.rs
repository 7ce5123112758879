//! When to try again, and how long to wait before it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use crate::Retries;

/// Statuses that a moment may change: RFC 9110 section 15.5.9 and 15.6, RFC 6585 section 4.
pub(crate) fn is_temporary(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502 | 503 | 504)
}

/// `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date in any of the three forms of HTTP.
pub(crate) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // So many digits that they do not fit are a very long time all the same.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// Waits between attempts.
pub(crate) struct Waits {
    retries: Retries,
    state: AtomicU64,
}

impl Waits {
    pub(crate) fn new(retries: Retries, seed: u64) -> Self {
        Waits { retries, state: AtomicU64::new(seed) }
    }

    /// How long to wait before another attempt; `None` to give up.
    pub(crate) fn before(&self, attempt: u32, asked: Option<Duration>) -> Option<Duration> {
        if attempt > self.retries.attempts {
            return None;
        }
        if let Some(asked) = asked {
            return (asked <= self.retries.longest_asked).then_some(asked);
        }
        let doubled = self.retries.first.saturating_mul(1 << attempt.saturating_sub(1).min(20));
        let longest = doubled.min(self.retries.longest);
        Some(longest / 2 + longest.mul_f64(self.chance() / 2.0))
    }

    /// A number from 0 to 1 (SplitMix64, whose upper bits are even enough for waits).
    fn chance(&self) -> f64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut mixed = self.state.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let upper = u32::try_from((mixed ^ (mixed >> 31)) >> 32).unwrap_or_default();
        f64::from(upper) / f64::from(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_in_seconds_and_as_a_date() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:00 GMT").unwrap();
        for (value, expected) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(37)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(37)),
            ("Sun Nov  6 08:49:37 1994", Some(37)),
            ("Sun, 06 Nov 1994 08:48:00 GMT", Some(0)),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
        ] {
            assert_eq!(retry_after(value, now).map(|wait| wait.as_secs()), expected, "{value}");
        }
    }

    #[test]
    fn waits_grow_within_bounds_and_follow_the_seed() {
        let retries = Retries { attempts: 8, ..Retries::default() };
        let waits = |seed| {
            let waits = Waits::new(retries, seed);
            (1..=9).map(|attempt| waits.before(attempt, None)).collect::<Vec<_>>()
        };
        assert_eq!(waits(1), waits(1));
        assert_ne!(waits(1), waits(2));
        for (number, wait) in waits(7).into_iter().enumerate() {
            let Some(wait) = wait else {
                assert_eq!(number, 8, "gives up after the last attempt");
                continue;
            };
            let longest = (retries.first * (1 << number)).min(retries.longest);
            assert!(wait >= longest / 2 && wait <= longest, "{number}: {wait:?}");
        }
    }

    #[test]
    fn a_server_that_asks_for_too_long_is_not_asked_again() {
        let waits = Waits::new(Retries::default(), 0);
        assert_eq!(waits.before(1, Some(Duration::from_mins(1))), Some(Duration::from_mins(1)));
        assert_eq!(waits.before(1, Some(Duration::from_secs(61))), None);
    }
}
