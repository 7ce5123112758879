//! Moments, as they are said.

/// A moment (seconds since 1970) for people, in RFC 3339.
pub fn moment(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.to_string())
}
