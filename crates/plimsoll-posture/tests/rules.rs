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

/// What a reader of manifests is made to trip over: none of it takes long, and none panics.
#[test]
fn hostile_manifests_are_bounded() {
    let fuzz = |text: &str| plimsoll_posture::fuzz::fuzz_manifests(text.as_bytes());
    for word in [
        "[",
        "{a: ",
        "- ",
        "? ",
        "a: &a [*a]\n",
        "<<: *a\n",
        "---\n",
        "%YAML 9\n",
        "\u{feff}",
        "!!x ",
        "'",
        "\"\\u",
        "|\n ",
    ] {
        for front in ["", "apiVersion: v1\nkind: Pod\nspec: ", "apiVersion: v1\nkind: List\nitems:\n"] {
            fuzz(&format!("{front}{}", word.repeat(5_000)));
        }
    }
    // Lists within lists, and a list whose items do not say their kind.
    let nested = (0..40).fold("{apiVersion: v1, kind: Pod, metadata: {name: a}}".to_owned(), |inner, _| {
        format!("{{apiVersion: v1, kind: List, items: [{inner}]}}")
    });
    fuzz(&nested);
    fuzz(&format!(
        "{{apiVersion: v1, kind: PodList, items: [{}]}}",
        "{spec: {containers: [{image: a}]}},".repeat(20_000)
    ));
    // Each selector would be held against each pod.
    let mut pairs = String::new();
    for number in 0..4_000 {
        let _ = write!(
            pairs,
            "---\napiVersion: v1\nkind: Service\nmetadata: {{name: s{number}}}\nspec: {{selector: {{a: b, c: d{number}}}}}\n---\n\
             apiVersion: v1\nkind: Pod\nmetadata: {{name: p{number}, labels: {{a: b, x: y, e: f, g: h}}}}\nspec: {{containers: [{{name: a}}]}}\n"
        );
    }
    let judged = manifests(&pairs);
    let undecided = |one: &Judged| one.undecided.iter().any(|one| one.rule == "service-selects-nothing");
    assert!(judged.iter().any(undecided), "too many are said to be undecided");
    // A million labels.
    let labels = (0..200_000).fold(String::new(), |mut text, number| {
        let _ = write!(text, "l{number}: a, ");
        text
    });
    fuzz(&format!(
        "{{apiVersion: v1, kind: Service, metadata: {{name: a}}, spec: {{selector: {{{labels}}}}}}}\n---\n\
         {{apiVersion: v1, kind: Pod, metadata: {{labels: {{{labels}}}}}, spec: {{containers: [{{name: a, env: [{}]}}]}}}}",
        "{name: A, value: b},".repeat(20_000)
    ));
}

fn manifests(text: &str) -> Vec<Judged> {
    let stream = yaml::read(text);
    assert_eq!(stream.fault, None);
    let values: Vec<_> = stream.documents.iter().map(yaml::Node::value).collect();
    let mut objects = Objects::default();
    for (place, value) in values.iter().enumerate() {
        objects.add(value, place, &Kinds::default());
    }
    check_objects(&objects).collect()
}

/// Objects of lists are seen as they are when they stand alone, whether the items say their kind or not.
#[test]
fn objects_of_lists_are_those_of_documents() {
    let pod =
        "metadata: {name: a, namespace: shop}, spec: {hostPID: true, containers: [{name: a, image: b}]}";
    let alone = manifests(&format!("{{apiVersion: v1, kind: Pod, {pod}}}"));
    let rules = |judged: &Judged| judged.breaches.iter().map(|breach| breach.rule).collect::<Vec<_>>();
    assert!(rules(&alone[0]).contains(&"host-pid"));
    let config = "{apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: shop}}";
    for (list, prefix) in [
        (format!("{{apiVersion: v1, kind: PodList, items: [{{{pod}}}, {{{pod}}}]}}"), "/items/1"),
        (
            format!(
                "{{apiVersion: v1, kind: List, items: [{config}, {{apiVersion: v1, kind: Pod, {pod}}}]}}"
            ),
            "/items/1",
        ),
        (
            format!(
                "{{apiVersion: v1, kind: List, items: [{{apiVersion: v1, kind: PodList, items: [{{{pod}}}]}}]}}"
            ),
            "/items/0/items/0",
        ),
    ] {
        let judged = manifests(&list);
        let last = judged.last().unwrap();
        assert_eq!(rules(last), rules(&alone[0]), "{list}");
        assert!(
            last.breaches.iter().all(|breach| breach.pointer.as_ref().unwrap().starts_with(prefix)),
            "{list}"
        );
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes(data: Vec<u8>) {
        plimsoll_posture::fuzz::fuzz_dockerfile(&data);
        plimsoll_posture::fuzz::fuzz_manifests(&data);
    }

    /// Rules' own examples with a piece taken out and another put in.
    #[test]
    fn any_change_of_a_manifest(
        rule in 0_usize..RULES.len(), from in 0_usize..400, length in 0_usize..40,
        piece in proptest::sample::select(vec!["", "\n", "*", "&a ", "[", "{", "- ", ": ", "null", "-1", "0x", "\t", "---\n", "\"", "é", "1e999"]),
    ) {
        let text = RULES[rule].bad;
        let at = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let (from, to) = (at(from), at(from + length));
        plimsoll_posture::fuzz::fuzz_manifests(format!("{}{piece}{}", &text[..from], &text[to..]).as_bytes());
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
