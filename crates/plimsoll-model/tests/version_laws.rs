//! Laws that hold for the order of every scheme.

use std::cmp::Ordering;

use plimsoll_model::version::{Scheme, Version, compare};
use proptest::prelude::*;
use proptest::sample::select;

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => (0u32..4).prop_map(|number| number.to_string()),
        1 => select(vec!["00", "01", "09", "10", "11", "20230101", "18446744073709551615", "18446744073709551616"]).prop_map(str::to_owned),
    ]
}

/// Plausible pieces: a version is a number and some of these.
fn pieces(scheme: Scheme) -> &'static [&'static str] {
    match scheme {
        Scheme::Dpkg => &[".", "-", "+", "~", "a", "b", "~rc", "+b", "deb", "-0", "~~", ":"],
        Scheme::Rpm => &[".", "-", "_", "~", "^", "a", "b", ".el", "^git", "~rc", "-"],
        Scheme::Apk => &[".", ".0", "a", "_alpha", "_rc", "_p", "_git", "-r", "~a", "_beta"],
        Scheme::Pep440 => &[".", ".0", "a", "b", "rc", ".post", ".dev", "-", "+", "+a.", "!", "c", ".rev"],
        Scheme::Semver | Scheme::SemverBuild | Scheme::Bitnami | Scheme::NuGet => {
            &[".", ".0", "-", "-a", "-rc.", "-a.b", "+", "+b", ".", "-0"]
        }
        Scheme::Maven => &[
            ".",
            "-",
            ".0",
            "-0",
            ".final",
            "-ga",
            "-rc",
            ".rc-",
            ".rc.",
            ".x.",
            "-x",
            "a",
            "sp",
            "--",
            "-.",
            ".Beta",
            "-SNAPSHOT",
            "_",
        ],
        Scheme::RubyGems => &[".", ".0", "a", ".a", ".b.", "-", "rc", ".pre."],
        Scheme::Packagist => &[".", "-", "a", "b", "-dev", "RC", "pl", "-stable", ".x-dev", "_", "foo", "-p"],
        Scheme::Hackage => &["."],
        Scheme::Cran => &[".", "-"],
        Scheme::Alpm => &[".", "-", "_", "a", "rc", ".a", ":", "..", "+"],
        Scheme::Portage => &[".", ".0", "a", "_alpha", "_beta", "_pre", "_rc", "_p", "-r"],
        Scheme::Conda => &[".", ".0", "a", "_", "rc", ".post", "post", ".dev", "dev", "+", "!", "-"],
        Scheme::Perl => &[".", ".0", "_", "-TRIAL", ".00"],
        Scheme::Generic => &[".", "-", "_", "~", "+", "a", "w", "rc", "-beta", "x", "dev", ".0"],
    }
}

fn version(scheme: Scheme) -> impl Strategy<Value = String> {
    let piece = select(pieces(scheme).to_vec());
    (number(), prop::collection::vec((piece, prop_oneof![3 => number(), 1 => Just(String::new())]), 0..5))
        .prop_map(|(first, rest)| {
            let mut text = first;
            for (piece, number) in rest {
                text.push_str(piece);
                text.push_str(&number);
            }
            text
        })
}

fn laws(scheme: Scheme, a: &str, b: &str, c: &str) -> Result<(), TestCaseError> {
    let (Ok(a), Ok(b), Ok(c)) =
        (Version::parse(scheme, a), Version::parse(scheme, b), Version::parse(scheme, c))
    else {
        return Ok(());
    };
    let order = |left: &Version, right: &Version| left.compare(right).expect("one scheme");
    prop_assert_eq!(order(&a, &a), Ordering::Equal, "reflexive: {}", a);
    prop_assert_eq!(order(&a, &b), order(&b, &a).reverse(), "antisymmetric: {} {}", a, b);
    // With equality included, this is transitivity of both the order and the equivalence.
    let mut sorted = [&a, &b, &c];
    for (left, right) in [(0, 1), (1, 2), (0, 1)] {
        if order(sorted[left], sorted[right]).is_gt() {
            sorted.swap(left, right);
        }
    }
    prop_assert!(order(sorted[0], sorted[2]).is_le(), "transitive: {} {} {}", a, b, c);
    if order(sorted[0], sorted[1]).is_eq() && order(sorted[1], sorted[2]).is_eq() {
        prop_assert!(order(sorted[0], sorted[2]).is_eq(), "equal: {} {} {}", a, b, c);
    }
    if order(&a, &b).is_eq() {
        prop_assert_eq!(order(&a, &c), order(&b, &c), "equals are alike: {} {} {}", a, b, c);
        prop_assert!(a.same_branch(&b), "equals are in one branch: {} {}", a, b);
    }
    Ok(())
}

fn triple() -> impl Strategy<Value = (Scheme, String, String, String)> {
    select(Scheme::ALL.to_vec())
        .prop_flat_map(|scheme| (Just(scheme), version(scheme), version(scheme), version(scheme)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn order_is_total_antisymmetric_and_transitive((scheme, a, b, c) in triple()) {
        laws(scheme, &a, &b, &c)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text_never_panics(a in ".{0,40}", b in "[0-9a-z.~^:!+_-]{0,24}", c in "[0-9a-z.~^:!+_-]{0,24}") {
        for scheme in Scheme::ALL {
            laws(*scheme, &a, &b, &c)?;
            let _ = compare(*scheme, &a, &b);
        }
    }
}

/// Most generated versions are readable, else the laws above would hold for nothing.
#[test]
fn laws_are_tried_on_versions() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    for scheme in Scheme::ALL {
        let readable = (0..1_000)
            .filter(|_| {
                let text = version(*scheme).new_tree(&mut runner).expect("a version").current();
                Version::parse(*scheme, &text).is_ok()
            })
            .count();
        assert!(readable > 200, "{scheme:?}: only {readable} of 1,000");
    }
}

/// Long input takes time in proportion: a quadratic step over these would not end.
#[test]
fn long_versions_are_no_trouble() {
    const LENGTH: usize = 60_000;
    for scheme in Scheme::ALL {
        for piece in ["1", "1.", "1-", "a1", "~1", "1-a", "-", "0", ".0", "1_p", "_", "1.0-", ".a"] {
            let half = ".1".repeat(LENGTH / 4);
            let text = format!("1{half}{}1", piece.repeat(LENGTH / 2 / piece.len()));
            if let Ok(version) = Version::parse(*scheme, &text) {
                assert_eq!(version.compare(&version.clone()), Ok(Ordering::Equal), "{scheme:?} {piece}");
            }
        }
    }
}
