//! The engine on real rule files, on the corners of the language, and against the plain way.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use plimsoll_testing::shared;
use proptest::prelude::*;

use super::condition::{Condition, Expression, Word};
use super::engine::moment;
use super::graph::{Graph, Names, Resolved};
use super::{Engine, Files, Missing, Nothing, Report};
use crate::event::{
    Action, Capabilities, Connection, Container, Endpoint, File, FileKind, Mount, Pod, Process, State,
};
use crate::{Call, Event};

const MAIN: [&str; 3] = ["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"];
const ARCHIVED: [&str; 2] = ["falco-deprecated_rules.yaml", "application_rules.yaml"];

fn falco(name: &str) -> Option<String> {
    let path = shared("fixtures/runtime")?.join(name);
    Some(std::fs::read_to_string(path).expect("the given file is text"))
}

#[test]
fn the_given_files_parse_and_every_rule_compiles_or_names_what_it_lacks() {
    let mut total = 0;
    let mut running = 0;
    let mut lacking = Vec::new();
    for name in MAIN {
        let Some(text) = falco(name) else { return };
        let mut files = Files::default();
        files.add(name, &text);
        let (engine, report) = files.compile();
        assert_eq!(report.errors, [], "{name}");
        assert_eq!(engine.rules().len(), report.running);
        total += report.running + report.skipped.len() + report.disabled.len();
        running += report.running + report.disabled.len();
        for skipped in report.skipped {
            let missing: Vec<String> = skipped
                .missing
                .iter()
                .map(|missing| match missing {
                    Missing::Field { name, .. } => name.clone(),
                    other => other.to_string(),
                })
                .collect();
            lacking.push(format!("{}: {}", skipped.rule, missing.join(", ")));
        }
        let outputs: Vec<&str> = report.warnings.iter().map(|warning| warning.message.as_str()).collect();
        assert!(outputs.iter().all(|message| message.contains("`fd.nameraw`")), "{outputs:?}");
    }
    assert_eq!((total, running), (93, 91));
    assert_eq!(
        lacking,
        [
            "Directory traversal monitored file read: fd.nameraw",
            "Java Process Class File Download: evt.buffer"
        ]
    );
}

#[test]
fn all_three_files_together_are_one_rule_set() {
    let mut files = Files::default();
    for name in MAIN {
        let Some(text) = falco(name) else { return };
        files.add(name, &text);
    }
    let (engine, report) = files.compile();
    assert_eq!(report.errors, []);
    assert_eq!(report.running + report.skipped.len() + report.disabled.len(), 93);
    let types = engine.event_types();
    assert!(types.contains(&"openat") && types.contains(&"execve") && !types.contains(&"drop"), "{types:?}");
}

#[test]
fn the_archived_files_parse() {
    for name in ARCHIVED {
        let Some(text) = falco(name) else { return };
        let mut files = Files::default();
        files.add(name, &text);
        let (_, report) = files.compile();
        assert_eq!(report.errors, [], "{name}");
        assert!(report.skipped.iter().all(|skipped| !skipped.missing.is_empty()));
    }
}

/// A rule with that condition.
fn rule(name: &str, condition: &str) -> String {
    format!(
        "- {{rule: {name}, desc: d, output: o %proc.name, priority: warning, condition: \"{}\"}}\n",
        condition.replace('"', "\\\"")
    )
}

fn compiled(texts: &[&str]) -> (Engine, Report) {
    let mut files = Files::default();
    for (at, text) in texts.iter().enumerate() {
        files.add(&format!("{at}.yaml"), text);
    }
    files.compile()
}

/// The names of the rules that an event meets.
#[track_caller]
fn met(texts: &[&str], event: &Event) -> Vec<String> {
    let (mut engine, report) = compiled(texts);
    assert_eq!(report.errors, []);
    let found = engine.evaluate(event, &Nothing).to_vec();
    found.into_iter().map(|rule| engine.rules()[rule].name.clone()).collect()
}

/// The one error of rule files, as `file:line:column: message`.
#[track_caller]
fn fails(texts: &[&str], expected: &str) {
    let (_, report) = compiled(texts);
    let told: Vec<String> = report.errors.iter().map(ToString::to_string).collect();
    assert_eq!(told, [expected]);
}

fn process(name: &str, arguments: &[&str]) -> Arc<Process> {
    Arc::new(Process {
        id: 7,
        name: name.to_owned(),
        arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
        ..Process::default()
    })
}

fn open(path: &str, flags: u32) -> Event {
    Event {
        action: Action::Open {
            file: File { path: path.to_owned(), ..File::default() },
            flags,
            mode: 0,
            descriptor: 3,
        },
        process: process("cat", &["cat", path]),
        ..Event::default()
    }
}

#[track_caller]
fn holds(condition: &str, event: &Event, expected: bool) {
    let text = rule("r", condition);
    assert_eq!(!met(&[&text], event).is_empty(), expected, "{condition}");
}

#[test]
fn fields_and_operators() {
    let event = open("/etc/../etc/Shadow.txt", 0o101);
    let check = |condition: &str, expected: bool| holds(condition, &event, expected);
    check("evt.type=openat and evt.is_open_write=true and evt.is_open_read=false", true);
    check("evt.type in (open, openat2)", false);
    check("evt.arg.flags contains O_CREAT and not evt.arg.flags contains O_TRUNC", true);
    check("fd.name startswith /etc and fd.name endswith .txt and fd.directory=/etc/../etc", true);
    check("fd.filename = Shadow.txt and tolower(fd.filename) = shadow.txt", true);
    check("fd.name icontains SHADOW and not fd.name contains SHADOW", true);
    check("fd.name glob '/etc/*.t?t' and fd.name iglob '/ETC/*'", true);
    check("fd.name regex '.*/[A-Z]hadow.txt' and not fd.name regex Shadow", true);
    check("fd.name pmatch (/usr, /etc) and not fd.name pmatch (/et)", true);
    check("fd.name bcontains 536861 and fd.name bstartswith 2f657463", true);
    check("basename(fd.name) = val(fd.filename) and not fd.name = val(fd.filename)", true);
    check("len(proc.name) = 3 and len(proc.name) in (2, 3) and len(proc.name) > 2", true);
    check("fd.num>=0 and fd.num != 4 and not fd.num != 3 and fd.num < 0x10", true);
    check("proc.args intersects ('x', '/etc/../etc/Shadow.txt')", true);
    check("proc.cmdline = 'cat /etc/../etc/Shadow.txt' and proc.exe=cat", true);
    check("container.id = host and not container.id != host and container.id exists", true);
    // What has no value equals nothing and differs from nothing.
    check("k8s.ns.name = a or k8s.ns.name != a or k8s.ns.name exists or fd.sip = 0.0.0.0/0", false);
    check("not proc.pname exists and not proc.aname in (sh)", true);
    check("user.name=root and user.uid=0 and user.loginuid=-1", true);
    check("evt.num > 0 and evt.res = SUCCESS and evt.rawres = 3 and evt.dir = <", true);
    check("proc.name in ()", false);
}

#[test]
fn parents_networks_mounts_and_users() {
    let end = |address: &str, port| Some(Endpoint { address: address.parse().unwrap(), port });
    let event = Event {
        call: Call::named("connect"),
        result: Some(-115),
        action: Action::Connect {
            connection: Connection {
                family: FileKind::Ipv4,
                protocol: 6,
                local: end("10.0.0.5", 40_000),
                remote: end("169.254.169.254", 80),
                ..Connection::default()
            },
        },
        process: process("curl", &["/usr/bin/curl", "-s", "x"]),
        ancestors: vec![process("sh", &["sh", "-c", "curl"]), process("sshd", &[])],
        container: Arc::new(Container {
            state: State::Known,
            id: "0123456789abcdef".to_owned(),
            image: "docker.io/library/nginx:1.27".to_owned(),
            mounts: vec![Mount {
                source: "/".to_owned(),
                destination: "/proc/host".to_owned(),
                ..Mount::default()
            }],
            pod: Pod { namespace: "shop".to_owned(), ..Pod::default() },
            ..Container::default()
        }),
        ..Event::default()
    };
    let check = |condition: &str, expected: bool| holds(condition, &event, expected);
    check("fd.sip = 169.254.169.254 and fd.cip=10.0.0.5 and fd.rip = val(fd.sip)", true);
    check("fd.net = 10.0.0.0/8 and fd.snet != 10.0.0.0/8 and not fd.net != 10.0.0.0/8", true);
    check("fd.sport = \"80\" and fd.port in (80, 443) and fd.lport > 1024", true);
    check("fd.name = '10.0.0.5:40000->169.254.169.254:80' and fd.typechar = 4 and fd.l4proto=tcp", true);
    check("evt.res = EINPROGRESS and fd.connected=true and fd.sockfamily = ip", true);
    check("proc.pname=sh and proc.aname=sshd and proc.aname[2] = sshd and not proc.aname[1]=sshd", true);
    check("proc.aname[0]=curl and proc.aname[3] exists", false);
    check("proc.pcmdline = 'sh -c curl' and proc.aexe[1] = sh", true);
    check("container.id = 0123456789ab and container.image.repository endswith /nginx", true);
    check("container.image.tag = 1.27 and k8s.ns.name = shop", true);
    check("not container.mount.dest[/proc*] in ('N/A') and container.mount.dest[/etc] = N/A", true);
}

#[test]
fn lists_and_macros_and_what_changes_them() {
    let base = "
- list: shells
  items: [sh, bash, '\"(odd)\"']
- list: all
  items: [shells, python]
- macro: by_shell
  condition: (proc.name in (all))
- macro: nobody
  condition: (evt.num=0)
";
    let rule = rule("r", "by_shell and not nobody");
    let by = |name: &str| Event { process: process(name, &[]), ..open("/x", 0) };
    let check = |change: &str, name: &str, expected: bool| {
        assert_eq!(!met(&[base, &rule, change], &by(name)).is_empty(), expected, "{change} {name}");
    };
    check("", "bash", true);
    check("", "(odd)", true);
    check("", "shells", false);
    check("", "zsh", false);
    // A list that is appended to later is longer wherever it stands.
    check("- {list: shells, items: [zsh], append: true}", "zsh", true);
    check("- {list: shells, items: [zsh], override: {items: append}}", "zsh", true);
    check("- {list: shells, items: [zsh], override: {items: replace}}", "bash", false);
    check("- {list: shells, items: [zsh]}", "bash", false);
    check("- {macro: by_shell, condition: or proc.name=zsh, append: true}", "zsh", true);
    check("- {macro: by_shell, condition: proc.name=zsh, override: {condition: replace}}", "bash", false);
    check("- {macro: nobody, condition: (evt.num>=0)}", "bash", false);
    check("- {rule: r, condition: and proc.name!=bash, override: {condition: append}}", "bash", false);
    check("- {rule: r, condition: or proc.name=zsh, append: true}", "zsh", true);
    check("- {rule: r, enabled: false}", "bash", false);
    check("- {rule: r, enabled: false, override: {enabled: replace}}", "bash", false);
    check(
        "- {rule: r, exceptions: [{name: e, fields: proc.name, values: [bash]}], append: true}",
        "bash",
        false,
    );
}

#[test]
fn exceptions_of_every_form() {
    let event = open("/etc/shadow", 0);
    let check = |exceptions: &str, expected: bool| {
        let text = format!(
            "- rule: r\n  desc: d\n  output: o\n  priority: ERROR\n  condition: evt.num>=0\n  exceptions:\n    - name: e\n{exceptions}"
        );
        assert_eq!(met(&[&text], &event).is_empty(), expected, "{exceptions}");
    };
    check("      fields: proc.name\n      values: [dog, cat]", true);
    check("      fields: proc.name\n      values: [dog]", false);
    check("      fields: proc.name\n", false);
    check("      fields: fd.name\n      comps: startswith\n      values: [/usr, /etc]", true);
    check("      fields: fd.name\n      comps: pmatch\n      values: [/usr, /etc]", true);
    check("      fields: [proc.name, fd.name]\n      values: [[cat, /etc/shadow]]", true);
    check(
        "      fields: [proc.name, fd.name]\n      values: [[cat, /etc/passwd], [dog, /etc/shadow]]",
        false,
    );
    check(
        "      fields: [proc.name, fd.name]\n      comps: [in, startswith]\n      values: [[[dog, cat], /etc]]",
        true,
    );
    check(
        "      fields: [proc.name, fd.directory]\n      comps: [=, in]\n      values: [[cat, (/etc)]]",
        true,
    );
    check("      fields: [proc.cmdline]\n      comps: [=]\n      values: [['cat /etc/shadow']]", true);
    let base = "- rule: r\n  desc: d\n  output: o\n  priority: ERROR\n  condition: evt.num>=0\n  exceptions:\n    - {name: e, fields: proc.name}\n";
    assert!(
        met(&[base, "- {rule: r, exceptions: [{name: e, values: [cat]}], append: true}"], &event).is_empty()
    );
    assert!(
        met(
            &[base, "- {rule: r, exceptions: [{name: e, values: [cat]}], override: {exceptions: append}}"],
            &event
        )
        .is_empty()
    );
    fails(
        &[base, "- {rule: r, exceptions: [{name: e, fields: fd.name, values: [cat]}], append: true}"],
        "1.yaml:1:3: the exception `e` is there already: only `values` can be added",
    );
    fails(
        &[&base.replace("fields: proc.name", "values: [a]")],
        "0.yaml:7:7: the exception `e` has no `fields`",
    );
    fails(
        &[&base.replace("fields: proc.name", "fields: [proc.name, fd.name], values: [[a]]")],
        "0.yaml:7:7: rule `r`: exception `e`: 2 fields and 1 values at 7:56",
    );
}

#[test]
fn mistakes_name_file_line_and_column() {
    fails(&["- rule: r\n"], "0.yaml:1:3: a rule needs `condition`, `output`, `desc` and `priority`");
    fails(&["a: 1"], "0.yaml:1:1: a rule file is a list of items");
    fails(&["- foo: 1"], "0.yaml:1:3: an item is a `rule`, a `macro`, a `list` or a required version");
    fails(
        &["- {rule: r, desc: d, output: o, priority: loud, condition: a}"],
        "0.yaml:1:43: unknown priority `loud`",
    );
    fails(&["- list: [a"], "0.yaml:1:9: unclosed bracket '['");
    fails(
        &["- {macro: m, condition: proc.name is sh}"],
        "0.yaml:1:35: macro `m`: expected an operator behind `proc.name`, found `is`",
    );
    // In a folded text the place is that of the file.
    let folded = "- rule: r\n  desc: d\n  output: o\n  priority: info\n  condition: >\n    proc.name = sh\n    and (fd.name = /x\n";
    fails(&[folded], "0.yaml:7:9: rule `r`: this `(` is never closed");
    fails(&[&rule("r", "nosuch and proc.name=a")], "0.yaml:1:75: rule `r`: there is no macro `nosuch`");
    fails(&[&rule("r", "fd.num = x")], "0.yaml:1:84: rule `r`: `fd.num` is a number, and `x` is none");
    fails(
        &[&rule("r", "fd.num contains 1")],
        "0.yaml:1:91: rule `r`: `contains` does not go with `fd.num` (number)",
    );
    fails(
        &[&rule("r", "fd.name regex '('")],
        "0.yaml:1:89: rule `r`: the regular expression is wrong: unclosed group",
    );
    fails(
        &[&rule("r", "fd.sip = 10.0.0.0/40")],
        "0.yaml:1:84: rule `r`: `10.0.0.0/40` is neither an address nor a network",
    );
    fails(&["- {rule: r, append: true, condition: a}"], "0.yaml:1:3: there is no rule `r` to change");
    fails(&["- {list: l, items: [a], append: true}"], "0.yaml:1:3: there is no list `l` to change");
    fails(
        &["- {list: l, items: [a], append: true, override: {items: append}}"],
        "0.yaml:1:3: `append` and `override` exclude each other",
    );
    fails(
        &["- {rule: r, priority: error, override: {priority: append}}"],
        "0.yaml:1:51: `priority` cannot be appended to: use `replace`",
    );
}

#[test]
fn circles_are_told_and_end() {
    let rule = rule("r", "a");
    fails(
        &[
            "- {macro: a, condition: b or c}\n- {macro: b, condition: a}\n- {macro: c, condition: evt.num=0}\n",
            &rule,
        ],
        "0.yaml:1:25: macro: macros contain each other: a -> b -> a",
    );
    fails(
        &["- {list: a, items: [x]}\n- {list: b, items: [a]}\n- {list: a, items: [b], append: true}"],
        "0.yaml:2:3: lists contain each other: a -> b -> a",
    );
    // A chain of 20,000 macros is no circle.
    let mut chain = "- {macro: m0, condition: proc.name=cat}\n".to_owned();
    for at in 1..20_000 {
        writeln!(chain, "- {{macro: m{at}, condition: not m{}}}", at - 1).unwrap();
    }
    assert_eq!(met(&[&chain, &self::rule("r", "m19998")], &open("/x", 0)), ["r"]);
}

#[test]
fn large_lists_aliases_and_doubling_are_bounded() {
    let mut large = "- list: large\n  items:\n".to_owned();
    for at in 0..100_000 {
        writeln!(large, "    - name{at}").unwrap();
    }
    let by = Event { process: process("name99999", &[]), ..open("/x", 0) };
    assert_eq!(met(&[&large, &rule("r", "proc.name in (large)")], &by), ["r"]);
    let mut doubling = "- {list: l0, items: [a, b]}\n".to_owned();
    for at in 1..64 {
        writeln!(doubling, "- {{list: l{at}, items: [l{0}, l{0}]}}", at - 1).unwrap();
    }
    let (_, report) = compiled(&[&doubling]);
    assert!(report.errors[0].message.contains("entries together"), "{:?}", report.errors);
    let mut laughs = "- &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for at in 1..12 {
        writeln!(laughs, "- &a{at} [{}]", vec![format!("*a{}", at - 1); 10].join(", ")).unwrap();
    }
    let (_, report) = compiled(&[&laughs]);
    assert!(report.errors[0].message.contains("values in one file"), "{:?}", report.errors);
    assert_eq!(
        met(
            &["- {list: l, items: &i [cat]}\n- {list: m, items: *i}\n", &rule("r", "proc.name in (m)")],
            &open("/x", 0)
        ),
        ["r"]
    );
}

#[test]
fn heavy_processes_and_many_exceptions_are_bounded_and_right() {
    // A megabyte of arguments, then an ordinary process in its place, then the first again.
    let long = "a".repeat(1 << 20);
    let heavy = Event { process: process("cat", &["cat", &long]), ..open("/x", 0) };
    let (mut engine, _) = compiled(&[&rule("r", "proc.args startswith aaaa"), &rule("s", "proc.name=cat")]);
    for _ in 0..3 {
        assert_eq!(engine.evaluate(&heavy, &Nothing), [0, 1]);
        assert_eq!(engine.evaluate(&open("/x", 0), &Nothing), [1]);
    }
    let alert = engine.alert(0, &heavy, &Nothing);
    assert!(alert.process.command_line.len() < 5000 && alert.output.len() < 5000);
    let mut many = rule("r", "evt.num>=0");
    many.insert_str(many.len() - 2, ", exceptions: [");
    for at in 0..5001 {
        many.insert_str(many.len() - 2, &format!("{{name: e{at}, fields: proc.name, values: [x]}}, "));
    }
    many.insert(many.len() - 2, ']');
    let (_, report) = compiled(&[&many]);
    assert!(report.errors[0].message.contains("more than 5000 exceptions"), "{:?}", report.errors);
}

#[test]
fn what_cannot_run_is_told_and_what_is_always_true_runs() {
    let (_, report) = compiled(&[
        &rule("type", "evt.type = teleport"),
        &rule("field", "a.b = 1 or proc.name=cat"),
        &rule("never", "evt.type=openat and evt.type=execve"),
        "- {rule: source, desc: d, output: '%ka.verb', priority: debug, source: k8s_audit, condition: ka.verb=get}",
    ]);
    assert_eq!(report.errors, []);
    let told: Vec<String> =
        report.skipped.iter().map(|one| format!("{}: {}", one.rule, one.missing[0])).collect();
    assert_eq!(
        told,
        ["type: no events of type `teleport`", "field: no field `a.b`", "source: no events from `k8s_audit`"]
    );
    assert!(
        report
            .warnings
            .iter()
            .any(|warning| warning.message.contains("`never`") && warning.message.contains("never be true"))
    );
    assert_eq!(
        met(&[&rule("r", "evt.type in (openat)"), &rule("s", "evt.type != openat")], &open("/x", 0)),
        ["r"]
    );
}

#[test]
fn outputs_say_why_a_value_is_missing() {
    let text = "- rule: r\n  desc: d\n  output: 100%% of %proc.name (up=%proc.pname image=%container.image.repository file=%fd.name. ip=%fd.sip)\n  priority: warning\n  condition: evt.num>=0\n  tags: [a]\n";
    let (engine, _) = compiled(&[text]);
    let mut event = open("/tmp/\u{1b}[31mx", 0);
    let alert = |event: &Event| engine.alert(0, event, &Nothing);
    assert_eq!(alert(&event).output, "100% of cat (up=- image=- file=/tmp/\\u{1b}[31mx. ip=-)");
    event.container =
        Arc::new(Container { state: State::Pending, id: "a".repeat(64), ..Container::default() });
    let alert = alert(&event);
    assert!(alert.output.contains("image=pending"), "{}", alert.output);
    assert_eq!(
        (alert.owner.as_str(), alert.container.subject().as_str()),
        ("application", "aaaaaaaaaaaa (image pending)")
    );
    assert!(alert.action.contains("`cat`") && alert.fields["fd.name"].starts_with("/tmp/"));
}

/// Answers of the plain way: the text of each condition is followed as it was written.
fn plainly(condition: &Condition, macros: &HashMap<&str, bool>, event: &Event) -> bool {
    struct No;
    impl Names for No {
        fn list(&self, _: &str) -> Option<&[Word]> {
            None
        }
        fn macros(&self, _: &str) -> Option<&Resolved> {
            None
        }
    }
    let mut known: Vec<bool> = Vec::new();
    for expression in &condition.expressions {
        known.push(match expression {
            Expression::And(parts) => parts.iter().all(|part| known[*part]),
            Expression::Or(parts) => parts.iter().any(|part| known[*part]),
            Expression::Not(part) => !known[*part],
            Expression::Macro { name, .. } => macros[name.as_str()],
            Expression::Check(check) => {
                let mut graph = Graph::default();
                let node = graph.comparison(check, &No, &mut Resolved::default()).unwrap();
                graph.holds(&moment(event, &Nothing))[node as usize]
            }
        });
    }
    *known.last().unwrap()
}

const CHECKS: &[&str] = &[
    "evt.type = openat",
    "evt.type in (execve, connect)",
    "evt.is_open_write=true",
    "proc.name = sh",
    "proc.name != sh",
    "proc.name in (sh, cat)",
    "proc.name startswith s",
    "proc.cmdline contains a",
    "proc.cmdline contains at",
    "proc.cmdline icontains CAT",
    "proc.aname = sh",
    "proc.aname[2] exists",
    "proc.pname in (cat, sshd)",
    "fd.name startswith /etc",
    "fd.name startswith /etc/",
    "fd.name endswith d",
    "fd.name = /etc/passwd",
    "fd.directory = /etc",
    "fd.name glob '/*/p*'",
    "fd.name pmatch (/etc)",
    "fd.num >= 0",
    "fd.sip in (10.0.0.1)",
    "fd.net = 10.0.0.0/8",
    "fd.sport != 80",
    "container.id != host",
    "container.image.repository contains x",
    "container.privileged=true",
    "tolower(proc.name) = sh",
    "basename(fd.name) = val(proc.name)",
    "thread.cap_permitted contains CAP_SYS_ADMIN",
    "user.uid = 0",
];

fn any_condition() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        8 => proptest::sample::select(CHECKS).prop_map(str::to_owned),
        2 => proptest::sample::select(&["m0", "m1"][..]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|part| format!("not ({part})")),
            proptest::collection::vec(inner.clone(), 1..4)
                .prop_map(|parts| format!("({})", parts.join(" and "))),
            proptest::collection::vec(inner, 1..4).prop_map(|parts| format!("({})", parts.join(" or "))),
        ]
    })
}

fn pick<'a, T: ?Sized>(seed: &mut u64, from: &[&'a T]) -> &'a T {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    from[usize::try_from(*seed >> 33).unwrap() % from.len()]
}

/// An event of words that rules ask for.
fn any_event(
    seed: &mut u64,
    words: &[&str],
    shared: &[Arc<Process>],
    containers: &[Arc<Container>],
) -> Event {
    let file = |seed: &mut u64| File {
        path: pick(seed, words).to_owned(),
        kind: *pick(seed, &[&FileKind::Regular, &FileKind::Directory, &FileKind::Pipe]),
        upper_layer: *pick(seed, &[&None, &Some(true), &Some(false)]),
        created: *pick(seed, &[&false, &true]),
        foreign: *pick(seed, &[&false, &false, &true]),
        ..File::default()
    };
    let connection = |seed: &mut u64| Connection {
        family: *pick(seed, &[&FileKind::Ipv4, &FileKind::Unix]),
        protocol: *pick(seed, &[&6, &17]),
        local: Some(Endpoint { address: "10.0.0.5".parse().unwrap(), port: 22 }),
        remote: Some(Endpoint {
            address: pick(seed, &["10.0.0.1", "169.254.169.254", "8.8.8.8"]).parse().unwrap(),
            port: *pick(seed, &[&80_u16, &3333, &443]),
        }),
        ..Connection::default()
    };
    let text = |seed: &mut u64| pick(seed, words).to_owned();
    let action = match *pick(seed, &[&0, &1, &2, &3, &4, &5, &6, &7, &8, &9, &10, &11, &12]) {
        0 => Action::Exec {
            path: text(seed),
            file: file(seed),
            script: String::new(),
            truncated: false,
            environment: vec![text(seed)],
            response: crate::event::Response::None,
        },
        1 => Action::Connect { connection: connection(seed) },
        2 => Action::Rename { from: text(seed), to: text(seed) },
        3 => Action::Unlink { path: text(seed), directory: *pick(seed, &[&true, &false]) },
        4 => Action::Symlink { target: text(seed), path: text(seed) },
        5 => Action::Duplicate {
            from: 5,
            to: *pick(seed, &[&0, &1, &9]),
            file: file(seed),
            connection: Some(connection(seed)),
        },
        6 => Action::Trace { request: *pick(seed, &[&0, &16, &4]), target: 3 },
        7 => Action::Accept { connection: connection(seed) },
        8 => Action::Chmod { path: text(seed), mode: *pick(seed, &[&0o755, &0o4755]) },
        9 => Action::NewNamespace { flags: 0x1000_0000 },
        10 => Action::SetUser { uid: 0 },
        _ => Action::Open {
            file: file(seed),
            flags: *pick(seed, &[&0, &1, &0o1101]),
            mode: 0o755,
            descriptor: *pick(seed, &[&3, &-1]),
        },
    };
    Event {
        call: *pick(seed, &[&None, &Call::named("openat"), &Call::named("execve"), &Call::named("recvmsg")]),
        result: *pick(seed, &[&None, &Some(0), &Some(-2)]),
        action,
        process: pick(seed, &shared.iter().collect::<Vec<_>>()).clone(),
        ancestors: (0..*pick(seed, &[&0, &1, &3]))
            .map(|_| pick(seed, &shared.iter().collect::<Vec<_>>()).clone())
            .collect(),
        container: pick(seed, &containers.iter().collect::<Vec<_>>()).clone(),
        ..Event::default()
    }
}

fn any_processes(seed: &mut u64, words: &[&str], count: u32) -> Vec<Arc<Process>> {
    (1..=count)
        .map(|id| {
            Arc::new(Process {
                id,
                start: 1,
                name: pick(seed, words).to_owned(),
                arguments: (0..3).map(|_| pick(seed, words).to_owned()).collect(),
                executable: File {
                    path: pick(seed, words).to_owned(),
                    upper_layer: Some(id % 2 == 0),
                    ..File::default()
                },
                directory: "/dev/shm".to_owned(),
                effective_uid: id % 3,
                terminal: id % 2,
                inner_id: id % 2,
                capabilities: Capabilities {
                    permitted: u64::from(id % 2) << 21,
                    effective: 0,
                    inheritable: 0,
                },
                ..Process::default()
            })
        })
        .collect()
}

fn any_containers(seed: &mut u64, words: &[&str]) -> Vec<Arc<Container>> {
    let made = |seed: &mut u64| {
        Arc::new(Container {
            state: State::Known,
            id: "0123456789abcdef".to_owned(),
            image: pick(seed, words).to_owned(),
            privileged: Some(pick(seed, words).len() > 5),
            mounts: vec![Mount { destination: pick(seed, words).to_owned(), ..Mount::default() }],
            pod: Pod { namespace: "kube-system".to_owned(), ..Pod::default() },
            ..Container::default()
        })
    };
    vec![Arc::new(Container::default()), made(seed), made(seed)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// The engine says of each event what following the text says, with many events in one memory.
    #[test]
    fn the_engine_agrees_with_the_text(
        conditions in proptest::collection::vec(any_condition(), 1..6),
        macros in proptest::collection::vec(proptest::sample::select(CHECKS), 2),
        mut seed: u64,
    ) {
        let words = ["sh", "cat", "sshd", "/etc/passwd", "/etc/sh", "/etc", "x/cat", "/proc/a"];
        let mut text = String::new();
        for (at, condition) in macros.iter().enumerate() {
            writeln!(text, "- {{macro: m{at}, condition: \"{condition}\"}}").unwrap();
        }
        for (at, condition) in conditions.iter().enumerate() {
            text.push_str(&rule(&format!("r{at}"), condition));
        }
        let (mut engine, report) = compiled(&[&text]);
        prop_assert_eq!(&report.errors, &[]);
        let processes = any_processes(&mut seed, &words, 5);
        let containers = any_containers(&mut seed, &words);
        let parsed: Vec<Condition> = conditions.iter().map(|text| Condition::parse(text).unwrap()).collect();
        let parsed_macros: Vec<Condition> = macros.iter().map(|text| Condition::parse(text).unwrap()).collect();
        for _ in 0..12 {
            let event = any_event(&mut seed, &words, &processes, &containers);
            let known: HashMap<&str, bool> = ["m0", "m1"]
                .into_iter()
                .zip(parsed_macros.iter().map(|condition| plainly(condition, &HashMap::new(), &event)))
                .collect();
            let expected: Vec<String> = parsed
                .iter()
                .enumerate()
                .filter(|(_, condition)| plainly(condition, &known, &event))
                .map(|(at, _)| format!("r{at}"))
                .collect();
            // What is remembered answers as what is asked for the first time.
            for _ in 0..3 {
                let found = engine.evaluate(&event, &Nothing).to_vec();
                let found: Vec<String> =
                    found.into_iter().map(|rule| engine.rules()[rule].name.clone()).collect();
                prop_assert_eq!(&found, &expected, "{:?} of {}", event, text);
            }
        }
    }
}

/// The same with the given rules, and events of the words that stand in them.
#[test]
fn the_engine_agrees_with_the_plain_way_on_the_given_rules() {
    let mut texts = Vec::new();
    for name in MAIN {
        let Some(text) = falco(name) else { return };
        texts.push(text.replace("enabled: false", "enabled: true"));
    }
    let files = || {
        let mut files = Files::default();
        for text in &texts {
            files.add("falco", text);
        }
        files
    };
    let (graph, candidates, _) = files().resolved();
    let (mut engine, _) = files().compile();
    let words: Vec<&str> = texts
        .iter()
        .flat_map(|text| text.split(|c: char| c.is_whitespace() || "(),=\"'[]".contains(c)))
        .filter(|word| word.len() > 2 && word.len() < 40)
        .collect();
    let mut seed = 42;
    let processes = any_processes(&mut seed, &words, 40);
    let containers = any_containers(&mut seed, &words);
    let mut fired = 0;
    let mut actors: Vec<Event> = Vec::new();
    let mut all = Vec::new();
    for number in 0..400 {
        let mut event = any_event(&mut seed, &words, &processes, &containers);
        // At first whoever does whatever; then few who do something to few files, of whom most is remembered.
        if number >= 200 {
            let actor = &actors[number % 5];
            event = any_event(&mut seed, &words[..6], &processes, &containers);
            event.process.clone_from(&actor.process);
            event.ancestors.clone_from(&actor.ancestors);
            event.container.clone_from(&actor.container);
        } else {
            actors.push(event.clone());
        }
        let holds = graph.holds(&moment(&event, &Nothing));
        let expected: Vec<&str> = candidates
            .iter()
            .filter(|candidate| candidate.missing.is_empty() && holds[candidate.node as usize])
            .map(|candidate| candidate.info.name.as_str())
            .collect();
        let found = engine.evaluate(&event, &Nothing).to_vec();
        let found: Vec<&str> = found.iter().map(|rule| engine.rules()[*rule].name.as_str()).collect();
        assert_eq!(found, expected, "{event:?}");
        fired += found.len();
        let expected: Vec<String> = expected.into_iter().map(str::to_owned).collect();
        all.push((event, expected));
    }
    for (event, expected) in all.iter().rev().chain(&all).chain(all.iter().rev()) {
        let found = engine.evaluate(event, &Nothing).to_vec();
        let found: Vec<&str> = found.iter().map(|rule| engine.rules()[*rule].name.as_str()).collect();
        assert_eq!(&found, expected, "{event:?}");
    }
    assert!(fired > 50, "events of words from the rules meet some of them: {fired}");
}

#[test]
fn fuzz_bodies_hold() {
    for text in [
        "",
        "#",
        "- ",
        "- {rule: r, desc: d, output: '%', priority: info, condition: evt.num>=0}",
        "- {rule: r, desc: d, output: '%a.b[', priority: info, condition: evt.num>=0}",
        "- {rule: r, desc: d, output: 'é%évt.num %len(proc.name) %%', priority: info, condition: 'len(proc.name)=0'}",
        "- {macro: m, condition: é}",
        "- &a [*a]",
        "- {list: l, items: [l]}\n- {list: l, items: [l], append: true}",
    ] {
        super::fuzz(text.as_bytes());
    }
    super::fuzz(&[0xff]);
    if let Some(text) = falco(MAIN[0]) {
        // Cut anywhere, and with a byte changed anywhere.
        for at in (0..text.len()).step_by(4001) {
            super::fuzz(&text.as_bytes()[..at]);
            let mut changed = text.clone().into_bytes();
            changed[at] = b'(';
            super::fuzz(&changed);
        }
    }
}

#[test]
fn parents_beyond_the_container_are_seen_by_falcos_field_only() {
    let process = |name: &str, inner_id: u32, cgroup: u64| {
        Arc::new(Process { id: 9, inner_id, cgroup, name: name.to_owned(), ..Process::default() })
    };
    let container =
        || Arc::new(Container { state: State::Known, id: "ab".repeat(32), ..Container::default() });
    let texts = [rule("inner", "container.aname = apt"), rule("all", "proc.aname = apt")].concat();
    let check = |process: Arc<Process>, ancestors: Vec<Arc<Process>>, container, expected: &[&str]| {
        let event = Event { process, ancestors, container, ..Event::default() };
        assert_eq!(met(&[&texts], &event), expected);
    };
    // The host's apt starts what starts a container.
    let host = vec![process("sh", 7, 4), process("app", 1, 4), process("runc", 80, 3), process("apt", 70, 3)];
    check(process("id", 8, 4), host.clone(), container(), &["all"]);
    check(process("app", 1, 4), host[2..].to_vec(), container(), &["all"]);
    // Somebody entered: the nearest parent is outside already.
    check(process("id", 8, 4), vec![process("runc", 80, 3), process("apt", 70, 3)], container(), &["all"]);
    // The container's own.
    check(
        process("id", 8, 4),
        vec![process("apt", 7, 4), process("app", 1, 4)],
        container(),
        &["inner", "all"],
    );
    check(
        process("id", 8, 4),
        vec![process("sh", 7, 4), process("apt", 1, 4)],
        container(),
        &["inner", "all"],
    );
    check(process("id", 8, 4), vec![process("apt", 70, 3)], Arc::default(), &["inner", "all"]);
    // Recordings by hand say no numbers.
    check(process("id", 0, 0), vec![process("apt", 0, 0)], container(), &["inner", "all"]);
}

#[test]
fn a_program_of_many_is_named_by_its_applet() {
    let check = |name: &str, file: &str, arguments: &[&str], expected: &str| {
        let process = Process {
            name: name.to_owned(),
            executable: File { path: file.to_owned(), ..File::default() },
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            ..Process::default()
        };
        assert_eq!(process.program(), expected);
    };
    check("busybox", "/bin/busybox", &["busybox", "nc", "-l"], "nc");
    check("busybox", "/bin/busybox", &["/bin/busybox", "wget"], "wget");
    check("busybox", "/bin/busybox", &["nc", "-l"], "nc");
    check("busybox", "/bin/busybox", &["-sh"], "sh");
    check("busybox", "/bin/busybox", &["busybox"], "busybox");
    check("busybox", "/bin/busybox", &[], "busybox");
    check("busybox", "/bin/busybox", &["busybox", "/"], "busybox");
    check("nc", "/bin/busybox", &["sh"], "nc");
    check("exe", "/bin/busybox", &["cat", "/etc/shadow"], "cat");
    check("exe", "/usr/bin/runc", &["cat"], "exe");
    check("sh", "/bin/dash", &["busybox", "nc"], "sh");
}

#[test]
fn rules_about_everything_ask_for_no_call() {
    let asked = |condition: &str| compiled(&[&rule("r", condition)]).0.asked_types();
    assert_eq!(asked("evt.type in (kill, bind)"), ["bind", "kill"]);
    assert_eq!(asked("proc.name = x"), [""; 0]);
    assert!(asked("fd.rport = 1").contains(&"sendto"));
    let both = compiled(&[&(rule("a", "proc.name = x") + &rule("b", "evt.type = kill"))]).0;
    assert_eq!(both.asked_types(), ["kill"]);
    assert!(both.event_types().contains(&"openat"));
}
