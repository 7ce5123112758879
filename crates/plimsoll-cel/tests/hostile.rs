//! Programs and data that mean harm: what they may cost is bounded, whatever they are.

use std::time::{Duration, Instant};

use plimsoll_cel::{Activation, BUDGET, Environment, Failure, Program, Type, fuzz};
use proptest::prelude::*;

/// Much more than any of these takes, on a slow machine without optimisation.
const LONG: Duration = Duration::from_secs(10);

fn environment() -> Environment {
    Environment::kubernetes().with("object", Type::Dyn)
}

/// Runs on a thread with little stack: what recurses by the input would overflow it.
fn with_little_stack(work: impl FnOnce() + Send + 'static) {
    let started = Instant::now();
    std::thread::Builder::new()
        .stack_size(2 * 1024 * 1024)
        .spawn(work)
        .expect("a thread")
        .join()
        .expect("no panic");
    assert!(started.elapsed() < LONG, "{:?}", started.elapsed());
}

#[test]
fn deep_texts_are_refused_and_not_followed() {
    with_little_stack(|| {
        let n = 20_000;
        for text in [
            "(".repeat(n),
            "[".repeat(n),
            "{1:".repeat(n),
            "-(".repeat(n),
            "!(".repeat(n),
            "f(".repeat(n),
            "a[".repeat(n),
            "true ? 1 : ".repeat(n / 2),
            format!("object{}", ".a".repeat(n)),
            format!("object{}", "[0]".repeat(n)),
            format!("object{}", ".map(x, x)".repeat(n / 4)),
            format!("1{}", " + 1".repeat(n)),
            format!("{}1{}", "[".repeat(n / 2), "]".repeat(n / 2)),
            format!("{}object{}", "[1].map(x, ".repeat(5_000), ")".repeat(5_000)),
            format!("optional.of(1){}", ".optMap(x, x)".repeat(3_000)),
        ] {
            let error = Program::compile(&text, &environment()).expect_err("too deep");
            assert!(error.line == 1 && error.column >= 1, "{error}");
        }
    });
}

#[test]
fn the_deepest_that_is_read_is_also_evaluated() {
    with_little_stack(|| {
        let n = 95;
        for text in [
            format!("{}1{}", "[".repeat(n), "]".repeat(n)),
            format!("{}1{}", "(-".repeat(n), ")".repeat(n)),
            format!("1{}", " + 1".repeat(n)),
            format!("object{} == 1 || true", ".a".repeat(n)),
            format!("{}1{}", "[1].map(x, ".repeat(n), ")".repeat(n)),
            format!("{}true{}", "[1].all(x, [1].exists(y, ".repeat(n / 2 - 1), "))".repeat(n / 2 - 1)),
            format!("{}1", "true ? 1 : ".repeat(n)),
            format!("optional.of(1){}", ".optMap(x, x)".repeat(n)),
        ] {
            let program =
                Program::compile(&text, &environment()).unwrap_or_else(|error| panic!("{text}: {error}"));
            program.evaluate(&Activation::new(), BUDGET).unwrap_or_else(|error| panic!("{text}: {error}"));
        }
    });
}

#[test]
fn long_chains_are_no_depth() {
    with_little_stack(|| {
        let text = format!("true{}", " && true".repeat(10_000));
        let program = Program::compile(&text, &environment()).expect("a program");
        assert_eq!(program.test(&Activation::new(), BUDGET), Ok(true));
        let text = format!("'a' in ['b'{}]", ", 'b'".repeat(15_000));
        let program = Program::compile(&text, &environment()).expect("a program");
        assert_eq!(program.test(&Activation::new(), BUDGET), Ok(false));
    });
}

#[test]
fn long_texts_are_refused() {
    for text in [
        format!("'{}'", "a".repeat(200_000)),
        format!("'a'.matches('{}')", "(a{1000})".repeat(50)),
        format!("'a'.matches('{}')", "(a*)*".repeat(4_000)),
        format!("'a'.matches('{}a{}')", "(".repeat(5_000), ")".repeat(5_000)),
        "9".repeat(50_000),
        format!("quantity('{}e99999')", "9".repeat(50_000)),
        format!("quantity('0.{}1')", "0".repeat(90_000)),
        format!("semver('{}.0.0')", "9".repeat(50_000)),
        format!("duration('{}s')", "9".repeat(50_000)),
        format!("'{}'.format([])", "%s".repeat(20_000)),
        "'%.999999999f'.format([1.0])".to_owned(),
    ] {
        let started = Instant::now();
        if let Ok(program) = Program::compile(&text, &environment()) {
            let _ = program.evaluate(&Activation::new(), BUDGET);
        }
        assert!(started.elapsed() < LONG, "{}...: {:?}", &text[..30], started.elapsed());
    }
}

#[test]
fn what_would_run_for_ever_ends_with_the_budget() {
    let numbers: Vec<usize> = (0..20_000).collect();
    let json = serde_json::json!({
        "numbers": numbers,
        "text": "a".repeat(1_000_000),
        "words": vec!["a".repeat(1_000); 1_000],
        "pattern": "(a|aa)+$",
    });
    let object = serde_json_borrow::Value::from(&json);
    let doubled = "[0, 1]".to_owned() + &".map(x, [x, x]).flatten()".repeat(40);
    for text in [
        "object.numbers.all(a, object.numbers.all(b, a + b >= 0))",
        "object.numbers.map(a, object.numbers.map(b, object.numbers))",
        "object.numbers.exists_one(a, object.numbers.exists_one(b, a == b + 1))",
        "object.numbers.distinct().size() > 0",
        "object.numbers.all(a, !object.text.contains('b' + string(a)))",
        "object.numbers.all(a, object.text.matches(object.pattern))",
        "object.numbers.map(a, object.text)  == object.numbers.map(a, object.text)",
        "object.numbers.map(a, object.text + object.text).size()",
        "object.numbers.map(a, object.words.join(object.text)).size()",
        "object.numbers.map(a, object.text.replace('a', object.text)).size()",
        "object.numbers.map(a, object.text.split('')).size()",
        "object.numbers.map(a, '%s%s'.format([object.text, object.text])).size()",
        "object.numbers.all(a, sets.contains(object.numbers, object.numbers))",
        "object.numbers.transformMap(i, a, object.numbers.transformMap(j, b, a)).size()",
        "lists.range(9223372036854775807).size()",
        "object.numbers.map(a, object.numbers.sort()).size()",
        "object.numbers.map(a, object.text.findAll('a')).size()",
        "object.numbers.map(a, object.text.upperAscii()).size()",
        "object.numbers.map(a, bytes(object.text)).size()",
        doubled.as_str(),
    ] {
        let environment = Environment::kubernetes().with("object", Type::Dyn);
        let program = match Program::compile(text, &environment) {
            Ok(program) => program,
            Err(error) => {
                assert!(text == doubled, "{text}: {error}");
                continue;
            }
        };
        let started = Instant::now();
        let error = program.evaluate(&Activation::new().with("object", &object), BUDGET).expect_err(text);
        assert_eq!(*error.failure(), Failure::Budget, "{text}: {error}");
        assert!(started.elapsed() < LONG, "{text}: {:?}", started.elapsed());
    }
}

#[test]
fn what_has_no_order_is_sorted_too() {
    let json = serde_json::json!({"numbers": (0..500).map(|at| f64::from((at * 7919) % 500) + 0.5).collect::<Vec<_>>()});
    let object = serde_json_borrow::Value::from(&json);
    let text = "object.numbers.map(x, x > 250.0 ? double('NaN') : x).sort()[0] == 0.5";
    let program = Program::compile(text, &environment()).expect("a program");
    assert_eq!(program.test(&Activation::new().with("object", &object), BUDGET), Ok(true));
}

#[test]
fn the_budget_is_no_answer() {
    // Nothing absorbs it: neither `||` nor a macro.
    let environment = environment();
    for text in [
        "object.all(a, object.all(b, true)) || true",
        "object.exists(a, object.all(b, false)) || true",
        "!(object.all(a, object.all(b, true)) && false)",
    ] {
        let json = serde_json::json!(vec![1; 10_000]);
        let object = serde_json_borrow::Value::from(&json);
        let program = Program::compile(text, &environment).expect("a program");
        let answer = program.test(&Activation::new().with("object", &object), 10_000);
        assert_eq!(answer.expect_err(text).failure(), &Failure::Budget, "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in "\\PC{0,60}") {
        fuzz::program(&text, "{\"a\": 1}");
    }

    #[test]
    fn tokens_in_any_order(words in proptest::collection::vec(proptest::sample::select(WORDS), 0..24)) {
        fuzz::program(&words.join(" "), "{\"a\": [1, \"x\", null, {\"b\": 1.5}]}");
    }
}

const WORDS: &[&str] = &[
    "object",
    ".a",
    "a",
    "1",
    "1u",
    "-1",
    "1.5",
    "'x'",
    "b'x'",
    "null",
    "true",
    "false",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "?",
    "+",
    "-",
    "*",
    "/",
    "%",
    "==",
    "!=",
    "<",
    ">",
    "in",
    "&&",
    "||",
    "!",
    ".?",
    "[?",
    ".all(a,",
    ".map(a,",
    ".exists(a,",
    ".filter(a,",
    "has(object.a)",
    ".size()",
    ".matches('x')",
    "quantity('1')",
    ".orValue(1)",
    "size(",
    ".b",
    ".first()",
    ".sortBy(a, a)",
    ".transformMap(a, b,",
    "optional.none()",
    "timestamp(1)",
    "dyn(",
];
