//! Laws of range evaluation (osv-schema 1.7, "Evaluation"), against oracles that do not share its code.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use plimsoll_advisory::range::{Decision, decide};
use plimsoll_advisory::record::{Affected, Event, NameKind, Target};
use plimsoll_model::Ecosystem;
use plimsoll_model::version::{Scheme, compare};
use proptest::prelude::*;

fn entry(ranges: Vec<Vec<Event>>) -> Affected {
    Affected { ranges, ..Affected::all(Target::Ecosystem(Ecosystem::Npm), "a", NameKind::Binary) }
}

/// Version number `twice / 2`: bounds stand on even numbers, odd ones lie between.
fn version(twice: u32) -> String {
    format!("{}.{}.0", twice / 2, if twice.is_multiple_of(2) { 0 } else { 5 })
}

fn affected(entry: &Affected, twice: u32) -> bool {
    match decide(Scheme::Semver, entry, &version(twice)) {
        Decision::Applies { fixed, .. } => {
            if let Some(fixed) = fixed {
                // What is called a fix lies above, and is not affected itself.
                assert!(compare(Scheme::Semver, &fixed, &version(twice)).unwrap().is_gt());
                assert_eq!(decide(Scheme::Semver, entry, &fixed), Decision::Outside);
            }
            true
        }
        Decision::Outside => false,
        Decision::Undecided { version } => panic!("{version} can be read"),
    }
}

/// The specification's own loop, for events at distinct versions.
fn oracle(events: &[(u8, u32)], twice: u32) -> bool {
    let mut sorted = events.to_vec();
    sorted.sort_by_key(|(_, at)| *at);
    let mut vulnerable = false;
    for (kind, at) in sorted {
        let at = at * 2;
        match kind {
            0 if twice >= at => vulnerable = true,
            1 if twice >= at => vulnerable = false,
            2 if twice > at => vulnerable = false,
            _ => {}
        }
    }
    vulnerable
}

fn event(kind: u8, at: u32) -> Event {
    let version = version(at * 2);
    match kind {
        0 => Event::Introduced(version),
        1 => Event::Fixed(version),
        _ => Event::LastAffected(version),
    }
}

proptest! {
    #[test]
    fn events_at_distinct_versions_are_walked_in_order(
        kinds in proptest::collection::vec(0_u8..3, 0..12),
        order in Just((0_u32..12).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let events: Vec<(u8, u32)> = kinds.into_iter().zip(order).collect();
        let entry = entry(vec![events.iter().map(|(kind, at)| event(*kind, *at)).collect()]);
        if events.is_empty() {
            return Ok(());
        }
        for twice in 0..26 {
            prop_assert_eq!(affected(&entry, twice), oracle(&events, twice), "{:?} at {}", events, version(twice));
        }
    }

    #[test]
    fn intervals_that_touch_or_are_empty(
        lengths in proptest::collection::vec((0_u32..3, 0_u32..4, any::<bool>()), 1..6),
        order in any::<prop::sample::Index>(),
    ) {
        // From left to right: a gap (none: it touches the one before), then an interval (of no length: it is empty, or
        // holds one version when its end is inclusive).
        let mut at = 0;
        let mut intervals = Vec::new();
        let mut events = Vec::new();
        for (gap, length, inclusive) in lengths {
            let from = at + gap;
            let to = from + length;
            intervals.push((from, to, inclusive));
            events.push(event(0, from));
            events.push(event(if inclusive { 2 } else { 1 }, to));
            // An inclusive end and the next beginning at one place share that version.
            at = to;
        }
        let turn = order.index(events.len());
        events.rotate_left(turn);
        let entry = entry(vec![events]);
        for twice in 0..60 {
            let expected = intervals.iter().any(|(from, to, inclusive)| {
                twice >= from * 2 && if *inclusive { twice <= to * 2 } else { twice < to * 2 }
            });
            prop_assert_eq!(affected(&entry, twice), expected, "{:?} at {}", intervals, version(twice));
        }
    }

    #[test]
    fn lists_are_united(
        intervals in proptest::collection::vec((0_u32..12, 0_u32..12), 1..6),
        listed in proptest::collection::vec(0_u32..24, 0..4),
    ) {
        let mut entry = entry(intervals.iter().map(|(from, to)| vec![event(1, *to), event(0, *from)]).collect());
        entry.versions = listed.iter().map(|twice| version(*twice)).collect();
        for twice in 0..26 {
            let in_range = intervals.iter().any(|(from, to)| {
                // A fix at or below the introduction ends nothing that comes later.
                let (from, to) = (*from * 2, *to * 2);
                match from.cmp(&to) {
                    std::cmp::Ordering::Less => twice >= from && twice < to,
                    std::cmp::Ordering::Equal => false,
                    std::cmp::Ordering::Greater => twice >= from,
                }
            });
            prop_assert_eq!(affected(&entry, twice), in_range || listed.contains(&twice));
        }
    }

    #[test]
    fn nothing_panics(
        events in proptest::collection::vec((0_u8..4, "[0-9a-z.:~+^ -]{0,12}"), 0..10),
        versions in proptest::collection::vec("[0-9a-z.:~+-]{0,10}", 0..4),
        version in "\\PC{0,16}",
    ) {
        let events = events.into_iter().map(|(kind, text)| match kind {
            0 => Event::Introduced(text),
            1 => Event::Fixed(text),
            2 => Event::LastAffected(text),
            _ => Event::Limit(text),
        }).collect();
        let mut entry = entry(vec![events]);
        entry.versions = versions;
        for scheme in Scheme::ALL {
            let _ = decide(*scheme, &entry, &version);
            let _ = plimsoll_advisory::range::readable(*scheme, &entry);
        }
    }
}

#[test]
fn touching_intervals() {
    let introduced = |text: &str| Event::Introduced(text.into());
    let fixed = |text: &str| Event::Fixed(text.into());
    let last = |text: &str| Event::LastAffected(text.into());
    for (events, expected) in [
        (vec![introduced("0"), fixed("2.0.0"), introduced("2.0.0"), fixed("3.0.0")], "0 1 2 "),
        (vec![introduced("0"), last("1.0.0"), introduced("1.0.0"), fixed("2.0.0")], "0 1 "),
        (vec![introduced("2.0.0"), fixed("2.0.0")], ""),
        (vec![introduced("2.0.0"), last("2.0.0")], "2 "),
        (vec![introduced("0"), fixed("0")], ""),
        (vec![fixed("2.0.0")], ""),
        (vec![introduced("0"), Event::Limit("2.0.0".into())], "0 1 "),
        (vec![introduced("0"), Event::Limit("*".into())], "0 1 2 3 "),
    ] {
        let entry = entry(vec![events]);
        let found: Vec<&str> = ["0", "1", "2", "3"]
            .into_iter()
            .filter(|major| decide(Scheme::Semver, &entry, &format!("{major}.0.0")).applies())
            .collect();
        let expected: Vec<&str> = expected.split_whitespace().collect();
        assert_eq!(found, expected, "{entry:?}");
    }
}

#[test]
fn before_everything_and_pre_releases() {
    let open = entry(vec![vec![Event::Introduced("0".into()), Event::Fixed("1.0.0".into())]]);
    assert!(decide(Scheme::Semver, &open, "0.0.0-alpha").applies());
    assert!(decide(Scheme::Semver, &open, "1.0.0-rc1").applies());
    assert!(!decide(Scheme::Semver, &open, "1.0.0").applies());
    // RustSec's lowest version is a version like any other.
    let lowest = entry(vec![vec![Event::Introduced("0.0.0-0".into())]]);
    assert!(decide(Scheme::Semver, &lowest, "0.0.0-0").applies());
    assert!(decide(Scheme::Semver, &lowest, "0.1.0").applies());
}

#[test]
fn what_cannot_be_read_is_undecided() {
    let bounded = entry(vec![vec![Event::Introduced("0".into()), Event::Fixed("not a version".into())]]);
    assert!(
        matches!(decide(Scheme::Semver, &bounded, "1.0.0"), Decision::Undecided { version } if version == "not a version")
    );
    let good = entry(vec![vec![Event::Introduced("0".into()), Event::Fixed("2.0.0".into())]]);
    for version in ["", "not a version", "(devel)"] {
        assert!(matches!(decide(Scheme::Semver, &good, version), Decision::Undecided { .. }), "{version}");
    }
    // Another list of the same entry decides.
    let mut both = bounded.clone();
    both.ranges.extend(good.ranges);
    assert!(decide(Scheme::Semver, &both, "1.0.0").applies());
    assert!(matches!(decide(Scheme::Semver, &both, "3.0.0"), Decision::Undecided { .. }));
    // Every version is affected, readable or not.
    let every = entry(vec![vec![Event::Introduced("0".into())]]);
    assert!(decide(Scheme::Semver, &every, "").applies());
}
