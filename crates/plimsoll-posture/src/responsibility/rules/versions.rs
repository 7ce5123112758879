//! Versions of Kubernetes and until when they get fixes.

use jiff::Timestamp;

/// Minor version, end of support upstream, end of standard support on EKS. From kubernetes.io/releases and the EKS version
/// calendar, as recalled in November 2026: what is not in here is unknown, never taken as supported or not.
const SUPPORT: [(u32, &str, &str); 8] = [
    (28, "2024-10-28", "2024-11-26"),
    (29, "2025-02-28", "2025-03-23"),
    (30, "2025-06-28", "2025-07-23"),
    (31, "2025-10-28", "2025-11-26"),
    (32, "2026-02-28", "2026-03-23"),
    (33, "2026-06-28", "2026-07-29"),
    (34, "2026-10-27", "2026-12-02"),
    (35, "2027-02-28", "2027-03-27"),
];
/// Days for which a provider may go on with a version after upstream has ended it.
const PROVIDER_GRACE: i64 = 120;

/// `1.33` of `v1.33.4-gke.1036000`.
pub(super) fn minor(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.trim_start_matches('v').split('.');
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next()?.trim_end_matches('+').parse().ok()?;
    Some((major, minor))
}

/// Numbers of a version: `1.7.29` of `containerd://1.7.29-gke.1`.
pub(super) fn numbers(version: &str) -> Option<[u32; 3]> {
    let version = version.trim_start_matches('v');
    let end = version.find(|one: char| !one.is_ascii_digit() && one != '.').unwrap_or(version.len());
    let mut parts = version[..end].split('.');
    let mut next = || parts.next()?.parse().ok();
    Some([next()?, next()?, next()?])
}

/// What is said of a minor version's support.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Support {
    /// Until this day.
    Runs(&'static str),
    /// Since this day.
    Ended(&'static str),
    /// Upstream has ended it on this day; the provider may go on.
    Perhaps(&'static str),
    /// It is not in the table.
    NotKnown,
}

fn midnight(day: &str) -> Option<Timestamp> {
    format!("{day}T00:00:00Z").parse().ok()
}

/// Until when a version gets fixes. `eks` for the dates of EKS, `provider` where another provider may go on.
pub(super) fn support(version: (u32, u32), eks: bool, provider: bool, now: Timestamp) -> Support {
    let (1, minor) = version else { return Support::NotKnown };
    if minor < SUPPORT[0].0 {
        return Support::Ended(SUPPORT[0].1);
    }
    let Some((_, upstream, amazon)) = SUPPORT.iter().find(|(own, ..)| *own == minor) else {
        return Support::NotKnown;
    };
    let day = if eks { amazon } else { upstream };
    let Some(end) = midnight(day) else { return Support::NotKnown };
    if now < end {
        Support::Runs(day)
    } else if provider && !eks && super::support::days(end, now) < PROVIDER_GRACE {
        Support::Perhaps(day)
    } else {
        Support::Ended(day)
    }
}

/// First releases of containerd without a known way out of a container, by their series: those of November 2025
/// (CVE-2024-25621, CVE-2025-64329), as recalled.
const CONTAINERD: [(u32, u32, u32); 4] = [(1, 7, 29), (2, 0, 7), (2, 1, 5), (2, 2, 0)];

/// Whether a release of containerd is before the first one without a known way out. `None` for what is no release of it.
pub(super) fn is_old_runtime(version: &str) -> Option<bool> {
    let [major, minor, patch] = numbers(version.strip_prefix("containerd://")?)?;
    let series = CONTAINERD.iter().find(|(own, series, _)| (*own, *series) == (major, minor));
    Some(match series {
        Some((.., fixed)) => patch < *fixed,
        None => (major, minor) < (2, 2),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(minor("v1.33.4-gke.1036000"), Some((1, 33)));
        assert_eq!(minor("1.33"), Some((1, 33)));
        assert_eq!(minor("1.33+"), Some((1, 33)));
        assert_eq!(minor("new"), None);
        assert_eq!(is_old_runtime("containerd://1.7.28"), Some(true));
        assert_eq!(is_old_runtime("containerd://1.7.29-k3s1"), Some(false));
        assert_eq!(is_old_runtime("containerd://1.6.38"), Some(true));
        assert_eq!(is_old_runtime("containerd://2.3.0"), Some(false));
        assert_eq!(is_old_runtime("cri-o://1.33.0"), None);
    }

    #[test]
    fn support_has_an_end_and_an_unknown() {
        let now: Timestamp = "2026-11-26T00:00:00Z".parse().expect("a moment");
        assert_eq!(support((1, 35), false, false, now), Support::Runs("2027-02-28"));
        assert_eq!(support((1, 34), false, false, now), Support::Ended("2026-10-27"));
        assert_eq!(support((1, 34), false, true, now), Support::Perhaps("2026-10-27"));
        assert_eq!(support((1, 34), true, true, now), Support::Runs("2026-12-02"));
        assert_eq!(support((1, 33), true, true, now), Support::Ended("2026-07-29"));
        assert_eq!(support((1, 99), true, true, now), Support::NotKnown);
        assert_eq!(support((1, 19), false, true, now), Support::Ended("2024-10-28"));
        assert_eq!(support((2, 1), false, true, now), Support::NotKnown);
    }
}
