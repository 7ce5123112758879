//! Every rule speaks of its bad example and is silent about its good one, and its page in `docs/rules/` is its own text.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use plimsoll_model::workload::Kinds;
use plimsoll_posture::image::ImageFacts;
use plimsoll_posture::kubernetes::{Objects, yaml};
use plimsoll_posture::{
    Area, BuildContext, Input, Judged, RULES, Rule, Support, Surroundings, check_dockerfile, check_image,
    check_objects, dockerfile, page, text,
};

fn judged(rule: &Rule, example: &str) -> Judged {
    match rule.area() {
        Area::Dockerfile => {
            let ended = Support::Ended("Debian 8 gets no more fixes".to_owned());
            let around = Surroundings {
                context: Some(BuildContext::default()),
                support: Some(BTreeMap::from([("debian:8".to_owned(), ended)])),
            };
            check_dockerfile(&dockerfile::read(example.as_bytes()), &around)
        }
        Area::Image => {
            let facts: ImageFacts = serde_json::from_str(example)
                .unwrap_or_else(|error| panic!("{}: {error}: {example}", rule.id));
            check_image(&facts)
        }
        Area::Kubernetes => {
            let stream = yaml::read(example);
            assert_eq!(stream.fault, None, "{}", rule.id);
            let values: Vec<_> = stream.documents.iter().map(yaml::Node::value).collect();
            let mut objects = Objects::default();
            for (place, value) in values.iter().enumerate() {
                assert!(objects.add(value, place, &Kinds::default()), "{}", rule.id);
            }
            let mut judged = Judged::default();
            for one in check_objects(&objects) {
                judged.breaches.extend(one.breaches);
                judged.undecided.extend(one.undecided);
            }
            judged
        }
    }
}

#[test]
fn examples() {
    for rule in RULES {
        let told =
            |example| judged(rule, example).breaches.iter().filter(|breach| breach.rule == rule.id).count();
        assert!(told(rule.bad) > 0, "{} says nothing about its bad example", rule.id);
        assert_eq!(told(rule.good), 0, "{} speaks of its good example", rule.id);
        if rule.area() == Area::Dockerfile {
            let file = dockerfile::read(rule.good.as_bytes());
            assert!(file.parsed.faults.is_empty(), "{}: {:?}", rule.id, file.parsed.faults);
        }
    }
}

#[test]
fn ids_are_unique_and_speak() {
    let ids: BTreeSet<&str> = RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(ids.len(), RULES.len());
    for rule in RULES {
        let plain = rule.id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        assert!(plain, "{}", rule.id);
        for sentence in [rule.what, rule.why] {
            assert!(sentence.ends_with('.') && sentence.len() > 20, "{}: {sentence}", rule.id);
        }
        assert!(!rule.fix.ends_with('.') && !rule.title.ends_with('.'), "{}", rule.id);
        assert!(
            !rule.references.is_empty() || rule.id == "base-out-of-support",
            "{} has no references",
            rule.id
        );
    }
}

/// An input that is not there makes exactly its rules unknown, and never a pass.
#[test]
fn a_missing_input_is_unknown() {
    let nothing = check_image(&ImageFacts::default());
    assert!(nothing.breaches.is_empty());
    let unknown: BTreeSet<&str> = nothing.undecided.iter().map(|undecided| undecided.rule).collect();
    let of_images = RULES.iter().filter(|rule| rule.area() == Area::Image);
    assert_eq!(unknown, of_images.map(|rule| rule.id).collect(), "every image rule needs something");

    let file = dockerfile::read(b"FROM debian:8\nCOPY . /\n");
    let judged = check_dockerfile(&file, &Surroundings::default());
    let unknown: BTreeSet<&str> = judged.undecided.iter().map(|undecided| undecided.rule).collect();
    let needing = RULES.iter().filter(|rule| rule.area() == Area::Dockerfile && !rule.needs.is_empty());
    assert_eq!(unknown, needing.map(|rule| rule.id).collect());
    assert!(judged.undecided.iter().any(|undecided| undecided.missing == Input::BuildContext.word()));
}

#[test]
fn build_arguments_without_a_value_are_unknown() {
    let file = dockerfile::read(b"ARG TAG\nFROM debian:${TAG}\nARG WHO\nUSER ${WHO}\n");
    let judged = check_dockerfile(&file, &Surroundings::default());
    let named: Vec<(&str, &str)> =
        judged.undecided.iter().map(|undecided| (undecided.rule, undecided.missing.as_str())).collect();
    assert!(named.contains(&("latest-tag", "the build argument TAG")), "{named:?}");
    assert!(named.contains(&("last-user-is-root", "the build argument WHO")), "{named:?}");
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/rules")
}

/// With `PLIMSOLL_WRITE=1` the pages are written instead.
#[test]
fn pages_are_the_rules_own_text() {
    let write = std::env::var_os("PLIMSOLL_WRITE").is_some();
    let mut index = String::from(
        "# Rules\n\nWhat `plimsoll check` and `plimsoll scan` look for beside known vulnerabilities. `plimsoll explain RULE` prints the same.\n",
    );
    for area in [Area::Dockerfile, Area::Image, Area::Kubernetes] {
        let _ = write!(index, "\n## {}\n\n| rule | severity | |\n|---|---|---|\n", area.word());
        for rule in RULES.iter().filter(|rule| rule.area() == area) {
            let _ =
                writeln!(index, "| [{0}]({0}.md) | {1} | {2} |", rule.id, rule.severity.word(), rule.title);
        }
    }
    let mut pages: BTreeMap<String, String> =
        RULES.iter().map(|rule| (format!("{}.md", rule.id), page(rule))).collect();
    pages.insert("README.md".to_owned(), index);
    if write {
        std::fs::create_dir_all(docs()).unwrap();
        for (name, page) in &pages {
            std::fs::write(docs().join(name), page).unwrap();
        }
    }
    for (name, page) in &pages {
        let written = std::fs::read_to_string(docs().join(name)).unwrap_or_default();
        assert!(written == *page, "docs/rules/{name} is not what its rule says: run with PLIMSOLL_WRITE=1");
    }
    let there: BTreeSet<String> = std::fs::read_dir(docs())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(there, pages.into_keys().collect(), "a page without rule");
}

#[test]
fn explained_in_a_terminal() {
    for rule in RULES {
        let text = text(rule);
        assert!(text.starts_with(rule.id) && text.contains("  fix\n"), "{text}");
    }
}

#[test]
fn hostile_input_is_bounded() {
    let words = [
        "FROM ",
        "RUN ",
        "a && ",
        "$(",
        "\"",
        "`",
        "${x:-",
        "<<E ",
        "\\\n",
        "ENV a=${a}${a}\n",
        "COPY a ",
        "ONBUILD ",
        "| sh ",
    ];
    for word in words {
        for front in ["FROM a\n", "FROM a\nRUN ", "FROM a\nENV a=bb\n", ""] {
            plimsoll_posture::fuzz::fuzz_dockerfile(format!("{front}{}", word.repeat(20_000)).as_bytes());
        }
    }
    plimsoll_posture::fuzz::fuzz_dockerfile("FROM a\nRUN apt-get install x\n".repeat(5_000).as_bytes());
    plimsoll_posture::fuzz::fuzz_dockerfile(
        "FROM a AS b\nCOPY x.tar /\nRUN tar xf x.tar\n".repeat(2_000).as_bytes(),
    );
}

proptest::proptest! {
    #[test]
    fn any_bytes(data: Vec<u8>) {
        plimsoll_posture::fuzz::fuzz_dockerfile(&data);
    }

    /// Pieces of the language in any order.
    #[test]
    fn any_pieces(pieces in proptest::collection::vec(proptest::sample::select(vec![
        "FROM ", "debian", ":latest", "@sha256:0", " AS b", "\n", " ", "\\\n", "RUN ", "apt-get install -y ", "curl http://x", "| sh", "$(", ")",
        "\"", "'", "`", "<<EOF", "EOF", "#", "# hadolint ignore=DL3008", "# plimsoll ignore=", "ENV a=b c=$a", "${a:-b}", "${", "}", "ARG ", "USER ", "root", "COPY --from=b ",
        "ONBUILD ", "[\"a\",", "]", "# escape=`\n", "EXPOSE 22", "HEALTHCHECK ", "é", "\u{0}", "&&", ";", ">", "--mount=type=secret,id=x ",
    ]), 0..60)) {
        plimsoll_posture::fuzz::fuzz_dockerfile(pieces.concat().as_bytes());
    }
}
