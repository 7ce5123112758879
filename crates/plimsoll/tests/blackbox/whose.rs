//! `plimsoll whose`: the matrix, one control, what would change, statements, in every form.

use serde_json::Value;

use super::Place;

/// An export or objects of the posture crate's fixtures.
fn fixture(name: &str) -> String {
    format!(concat!(env!("CARGO_MANIFEST_DIR"), "/../plimsoll-posture/fixtures/responsibility/{}"), name)
}

fn open() -> [String; 5] {
    [
        "whose".into(),
        "--gke".into(),
        fixture("gke-standard-open.json"),
        "--manifests".into(),
        fixture("objects-gke-open.yaml"),
    ]
}

fn run(place: &Place, base: &[String], more: &[&str]) -> super::Run {
    let words: Vec<&str> = base.iter().map(String::as_str).chain(more.iter().copied()).collect();
    place.run(&words)
}

#[test]
fn the_short_answer_says_whose_move_it_is() {
    let place = Place::new();
    let run = run(&place, &open(), &[]);
    assert_eq!(run.code, 1);
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines[0], "GKE Standard: batch (1 node), default-pool (1 node)");
    for wanted in [
        "NOT MET  of 70 controls that are yours or shared",
        "yours and not met, what exposes most first",
        "shared and not met: the provider waits for you",
        "blocked by RT-016: PodDisruptionBudget shop/web: disruption budget lets no pod go",
        "4 controls move to the provider's side (INF-021, INF-022, INF-027, INF-035)",
        "gcloud container node-pools update batch --cluster=shop --location=europe-west4 --enable-autoupgrade",
        "could not decide",
        "next: plimsoll whose",
    ] {
        // Lines break where the width says.
        let words = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        let wanted = wanted.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(&wanted), "{wanted}\n{}", run.stdout);
    }
    // Commands are to be copied whole; everything else keeps to the width.
    let command =
        |line: &&&str| ["gcloud ", "kubectl ", "plimsoll whose"].iter().any(|word| line.contains(word));
    for line in lines.iter().filter(|line| !command(line)) {
        assert!(line.chars().count() <= 100, "{line}");
    }
}

#[test]
fn json_is_what_the_schema_says_and_always_the_same() {
    let place = Place::new();
    let read = |name: &str| -> Value {
        let path = format!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schema/{}"), name);
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    };
    let registry = jsonschema::Registry::new().add("report-1.0.json", read("report-1.0.json")).unwrap();
    let registry = registry.prepare().unwrap();
    let validator =
        jsonschema::options().with_registry(&registry).build(&read("responsibility-1.0.json")).unwrap();
    let first = run(&place, &open(), &["--format", "json"]);
    assert_eq!(run(&place, &open(), &["--format", "json"]).stdout, first.stdout);
    let mut document: Value = serde_json::from_str(&first.stdout).unwrap();
    let faults: Vec<String> = validator.iter_errors(&document).map(|fault| fault.to_string()).collect();
    assert_eq!(faults, Vec::<String>::new());
    assert_eq!(document["controls"].as_array().unwrap().len(), 83);
    document["controls"][0]["cells"][0]["standing"] = "fine".into();
    assert!(!validator.is_valid(&document));
    let change = run(&place, &open(), &["--what-if", "gke-autopilot", "--format", "json"]);
    assert_eq!(change.code, 0);
    let change: Value = serde_json::from_str(&change.stdout).unwrap();
    assert_eq!(change["offYou"].as_array().unwrap().len(), 23);
    assert_eq!(change["refused"].as_array().unwrap().len(), 2);
}

#[test]
fn one_control_is_explained_with_its_source() {
    let place = Place::new();
    let run = run(&place, &open(), &["inf-046"]);
    assert_eq!(run.code, 1, "the exit code speaks of the one control: {}", run.stdout);
    for wanted in ["INF-046", "decided from:", "batch (GKE Standard): shared, not met", "recalled, not read"]
    {
        assert!(run.stdout.contains(wanted), "{wanted}\n{}", run.stdout);
    }
}

#[test]
fn every_form_holds_hostile_names_as_text() {
    let place = Place::new();
    let export = r#"{"name":"<script>alert(1)</script>","currentMasterVersion":"1.35.1","nodePools":[{"name":"<b>\u001b[31m=1+1","management":{"autoUpgrade":false}}]}"#;
    place.put("gke.json", export);
    for format in ["html", "markdown", "csv", "table"] {
        let run = place.run(&["whose", "--gke", "gke.json", "--all", "--format", format]);
        assert!(!run.stdout.contains('\u{1b}'), "{format}");
        if format == "html" {
            assert!(!run.stdout.contains("<script"), "{}", run.stdout);
            assert!(!run.stdout.contains("<b>\\x1b"), "{}", run.stdout);
            assert!(run.stdout.contains("default-src 'none'"));
        }
        if format == "csv" {
            assert!(run.stdout.lines().count() == 84, "a line of names, and one for each control");
        }
        assert!(!run.stdout.contains("--cluster=<"), "only plain names stand in commands");
    }
}

#[test]
fn a_statement_is_written_counts_and_ends() {
    let place = Place::new();
    let file = ["--attestations", "statements.yaml"];
    let state = |until: &str| {
        let words =
            ["whose", "--attest", "SC-007", "--by", "A. Person", "--until", until, "--note", "reviewed"];
        place.run(&[&words[..], &file].concat())
    };
    assert_eq!(state("tomorrow").code, 2);
    assert_eq!(state("2031-01-01").code, 2, "too far away");
    let run = place.run(&["whose", "--platform", "gke-standard", "SC-007"]);
    assert_eq!(run.code, 3, "nobody has said it");
    let day = |days: i64| {
        // Runs of these tests have a fixed day.
        let out = place.run(&["whose", "--platform", "gke-standard", "--format", "json"]).stdout;
        let now = serde_json::from_str::<Value>(&out).unwrap()["takenAt"].as_str().unwrap()[..10].to_owned();
        let date: jiff::civil::Date = now.parse().unwrap();
        date.checked_add(jiff::Span::new().days(days)).unwrap().to_string()
    };
    assert_eq!(state(&day(30)).code, 0);
    let run = place.run(&[&["whose", "--platform", "gke-standard", "SC-007"][..], &file].concat());
    assert_eq!(run.code, 0, "{}", run.stdout);
    assert!(run.stdout.contains("attested by A. Person until"));
    let over = format!(
        "apiVersion: plimsoll.dev/v1\nkind: Attestations\nstatements:\n- {{control: SC-007, by: A, until: \"{}\"}}\n",
        day(-1)
    );
    place.put("statements.yaml", &over);
    let run = place.run(&[&["whose", "--platform", "gke-standard", "SC-007"][..], &file].concat());
    assert_eq!(run.code, 3);
    assert!(run.stdout.contains("which is over"), "{}", run.stdout);
    place.put("statements.yaml", "apiVersion: plimsoll.dev/v1\nkind: Attestations\nstatements: [{control: SC-999, by: A, until: \"2026-12-01\"}]\n");
    assert_eq!(place.run(&[&["whose", "--platform", "gke-standard"][..], &file].concat()).code, 2);
}

#[test]
fn what_cannot_be_used_is_told() {
    let place = Place::new();
    place.put("other.json", "{\"a\": 1}");
    place.put("broken.json", "{\"a\": ");
    std::fs::create_dir_all(place.path("own")).unwrap();
    place.put("own/INF-001.yaml", "id: INF-001\nrank: 300\n");
    for (words, wanted) in [
        (&["whose"][..], "nothing that was given says which platform"),
        (&["whose", "--gke", "other.json"], "no export of GKE"),
        (&["whose", "--aks", "broken.json"], "it is no JSON"),
        (&["whose", "--eks", "absent.json"], "cannot read `absent.json`"),
        (&["whose", "--platform", "gke"], "there is no platform `gke`"),
        (&["whose", "--platform", "gke-standard", "INF-1"], "there is no control `INF-1`"),
        (&["whose", "--platform", "gke-standard", "--what-if", "mars"], "there is no platform `mars`"),
        (&["whose", "--platform", "gke-standard", "--controls", "own"], "rank"),
        (&["whose", "--platform", "gke-standard", "--controls", "absent"], "cannot read `absent`"),
    ] {
        let run = place.run(words);
        assert_eq!(run.code, 2, "{words:?}: {}", run.stderr);
        assert!(run.stderr.contains(wanted), "{words:?}: {}", run.stderr);
        assert!(run.stdout.is_empty());
    }
}

/// The shop's report, under the name by which a Deployment and a system's DaemonSet run it.
fn scanned(place: &Place, image: &str) {
    let shop = place.shop();
    let mut report: Value = serde_json::from_str(
        &place.run(&["scan", &shop, "--db", super::database(), "--format", "json"]).stdout,
    )
    .unwrap();
    report["target"]["name"] = image.into();
    place.put("report.json", report.to_string());
    place.put(
        "objects.yaml",
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: harbour}}\n---\n\
         apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec:\n  template:\n    spec:\n      \
         containers: [{name: web, image: \"example.org/shop:1.0\"}]\n---\n\
         apiVersion: v1\nkind: Pod\nmetadata:\n  name: web-1-abc\n  namespace: shop\n  \
         ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, controller: true}]\nspec:\n  \
         containers: [{name: web, image: \"example.org/shop:1.0\"}]\n---\n\
         apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: agent, namespace: kube-system}\nspec:\n  template:\n    spec:\n      \
         containers: [{name: agent, image: \"example.org/agent:1.0\"}]\n",
    );
}

fn follow(place: &Place, asked: &str, more: &[&str]) -> (u8, Value) {
    let words = [&["whose", asked, "--report", "report.json", "--format", "json"][..], more].concat();
    let run = place.run(&words);
    let chain: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{}", run.stderr));
    assert_eq!(super::faults("chain-1.0.json", &chain), Vec::<String>::new());
    for thread in chain["threads"].as_array().unwrap() {
        let now = thread["links"].as_array().unwrap().iter().filter(|link| link["turn"] == "now").count();
        assert!(now <= 1, "one has the move: {thread}");
    }
    (u8::try_from(run.code).unwrap(), chain)
}

fn turns(thread: &Value) -> Vec<String> {
    let of = |link: &Value| {
        let name = link["name"].as_str().unwrap_or_default();
        format!("{} {name}: {}", super::text(&link["role"]), super::text(&link["turn"]))
    };
    thread["links"].as_array().unwrap().iter().map(of).collect()
}

#[test]
fn one_flaw_is_followed_from_the_provider_to_the_person() {
    let place = Place::new();
    scanned(&place, "example.org/shop:1.0");
    let report: Value =
        serde_json::from_str(&std::fs::read_to_string(place.path("report.json")).unwrap()).unwrap();
    let by = |party: &str| {
        let all = report["findings"].as_array().unwrap();
        let counts = |one: &&Value| one["party"]["kind"] == party && one["fixedVersion"].is_string();
        all.iter().find(counts).unwrap_or_else(|| panic!("no finding of {party}")).clone()
    };
    let cluster = ["--manifests", "objects.yaml", "--platform", "gke-standard"];

    // Of the base image: fixed by the distribution, to be rebuilt by the owner whom the namespace names.
    let finding = by("baseImage");
    let (code, chain) = follow(&place, finding["advisory"].as_str().unwrap(), &cluster);
    assert_eq!((code, &chain["takenFor"]), (1, &"flaw".into()));
    let told = turns(&chain["threads"][0]);
    assert_eq!(told[0], "provider Google: none");
    assert!(told[1].starts_with("distribution Debian 12") && told[1].ends_with(": done"), "{told:?}");
    assert!(told[2].starts_with("base-image "), "{told:?}");
    assert_eq!(told[3..], ["application harbour: now", "platform : later"], "{told:?}");
    assert_eq!(chain["threads"][0]["workloads"], serde_json::json!(["Deployment shop/web"]));
    assert_eq!(
        chain["threads"][0]["links"][4]["command"],
        "kubectl --namespace shop set image deployment/web web=IMAGE@DIGEST"
    );

    // Of the application: no base image in it.
    let finding = by("application");
    let (_, chain) = follow(&place, finding["id"].as_str().unwrap(), &cluster);
    assert_eq!(chain["takenFor"], "finding");
    let told = turns(&chain["threads"][0]);
    assert!(told[1].starts_with("upstream ") && told[1].ends_with(": done"), "{told:?}");
    assert_eq!(told[2], "application harbour: now");

    // A folder of reports is all of them, and what is none there is told.
    std::fs::create_dir(place.path("reports")).unwrap();
    let mut other = report.clone();
    other["target"]["name"] = "example.org/other:1".into();
    place.put("reports/a.json", report.to_string());
    place.put("reports/b.json", other.to_string());
    place.put("reports/c.txt", "no report");
    let asked = finding["advisory"].as_str().unwrap();
    let folder = |path: &str| {
        place.run(&["whose", asked, "--report", path, "--manifests", "objects.yaml", "--format", "json"])
    };
    let run = folder("reports");
    assert_eq!((run.code, run.json()["problems"].as_array().map_or(0, Vec::len)), (1, 0), "{}", run.stderr);
    let targets: std::collections::BTreeSet<String> =
        run.json()["threads"].as_array().unwrap().iter().map(|one| super::text(&one["target"])).collect();
    assert_eq!(targets.len(), 2, "{targets:?}");
    place.put("reports/d.json", "{}");
    let run = folder("reports");
    assert!(run.json()["problems"].to_string().contains("d.json"), "{}", run.stdout);
    std::fs::create_dir(place.path("empty")).unwrap();
    assert_eq!(folder("empty").code, 2);

    // The image, its Deployment and its pod are the same chains.
    let (_, image) = follow(&place, "example.org/shop:1.0", &cluster);
    assert_eq!(image["takenFor"], "image");
    for asked in ["shop/web", "deployment/shop/web", "pod/shop/web-1-abc", "web-1-abc"] {
        let (code, workload) = follow(&place, asked, &cluster);
        assert_eq!((code, &workload["takenFor"]), (1, &"workload".into()), "{asked}");
        assert_eq!(workload["threads"], image["threads"], "{asked}");
    }
}

#[test]
fn a_part_of_the_platform_is_the_providers() {
    let place = Place::new();
    scanned(&place, "example.org/agent:1.0");
    let asked = "example.org/agent:1.0";
    let standard = ["--manifests", "objects.yaml", "--platform", "gke-standard"];
    let (_, chain) = follow(&place, asked, &standard);
    let told = turns(&chain["threads"][0]);
    assert_eq!(told.first().unwrap(), "provider Google: unknown", "{told:?}");
    assert_eq!(told.last().unwrap(), "platform : now", "the switch was not seen: {told:?}");
    let auto = ["--manifests", "objects.yaml", "--platform", "gke-autopilot"];
    let (code, chain) = follow(&place, asked, &auto);
    assert_eq!(code, 1);
    let told = turns(&chain["threads"][0]);
    assert_eq!(told.first().unwrap(), "provider Google: now", "{told:?}");
    assert!(!told.iter().any(|link| link.starts_with("application")), "{told:?}");
    let own = ["--manifests", "objects.yaml", "--platform", "kubeadm"];
    let (_, chain) = follow(&place, asked, &own);
    let told = turns(&chain["threads"][0]);
    assert!(!told.iter().any(|link| link.starts_with("provider")), "{told:?}");
    assert_eq!(told.last().unwrap(), "platform : now", "{told:?}");
}

#[test]
fn what_a_chain_was_not_given_is_named() {
    let place = Place::new();
    scanned(&place, "example.org/shop:1.0");
    let (code, chain) = follow(&place, "example.org/shop:1.0", &[]);
    assert_eq!(code, 1);
    let inputs: Vec<&str> =
        chain["missing"].as_array().unwrap().iter().map(|one| one["input"].as_str().unwrap()).collect();
    assert_eq!(inputs, ["kubernetes", "platform"]);
    // Nothing knows it: unknown, never a pass.
    let (code, chain) = follow(&place, "CVE-1999-0001", &["--manifests", "objects.yaml"]);
    assert_eq!((code, &chain["verdict"], &chain["takenFor"]), (3, &"unknown".into(), &"nothing".into()));
    // An image without a report.
    let (code, chain) = follow(&place, "kube-system/agent", &["--manifests", "objects.yaml"]);
    assert_eq!((code, &chain["takenFor"]), (3, &"workload".into()));
    assert!(chain["missing"].to_string().contains("a report about example.org/agent:1.0"), "{chain}");
    let words =
        ["whose", "shop/web", "--report", "report.json", "--manifests", "objects.yaml", "--format", "oscal"];
    let run = place.run(&words);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("table, json, markdown or html"), "{}", run.stderr);
    for (format, wanted) in [("table", "the move is with"), ("markdown", "| → now | application harbour |")]
    {
        let words =
            ["whose", "shop/web", "--report", "report.json", "--manifests", "objects.yaml", "-f", format];
        let run = place.run(&words);
        assert_eq!(run.code, 1);
        assert!(run.stdout.contains(wanted), "{}", run.stdout);
    }
}

/// A well-kept cluster of EKS with facts of its node.
fn kept() -> Vec<String> {
    let mut words = vec!["whose".to_owned()];
    for name in ["cluster", "nodegroup", "launch-template", "access-entry", "addon-vpc-cni", "addon-coredns"]
    {
        words.extend(["--eks".to_owned(), fixture(&format!("eks-{name}.json"))]);
    }
    words.extend(["--manifests".to_owned(), fixture("objects-eks.yaml")]);
    words
}

#[test]
fn a_benchmark_has_a_word_for_every_id() {
    let place = Place::new();
    let framework = ["--framework", "cis-eks"];
    let told = |more: &[&str]| {
        let run = run(&place, &kept(), &[&framework[..], more, &["--format", "json"]].concat());
        let answer: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{}", run.stderr));
        assert_eq!(super::faults("benchmark-1.0.json", &answer), Vec::<String>::new());
        assert_eq!(answer["checks"].as_array().unwrap().len(), 50);
        (run.code, answer)
    };
    let judgement = |answer: &Value, id: &str| {
        let checks = answer["checks"].as_array().unwrap();
        checks.iter().find(|check| check["id"] == id).unwrap()["judgement"].as_str().unwrap().to_owned()
    };
    let (_, without) = told(&[]);
    assert_eq!(judgement(&without, "3.2.1"), "unknown");
    assert_eq!(judgement(&without, "5.1.2"), "attest-only");
    assert_eq!(judgement(&without, "4.1.1"), "met");
    let nodes = fixture("nodes-eks.json");
    let (code, with) = told(&["--node", &nodes]);
    assert_eq!(judgement(&with, "3.2.1"), "met");
    assert_eq!(code, 1, "the endpoint is public");
    assert_eq!(judgement(&with, "5.4.2"), "not-met");
    let table = run(&place, &kept(), &[&framework[..], &["--node", &nodes]].concat());
    assert_eq!(table.code, 1);
    for check in with["checks"].as_array().unwrap() {
        let id = check["id"].as_str().unwrap();
        assert!(table.stdout.lines().any(|line| line.contains(&format!(" {id} "))), "{id}\n{}", table.stdout);
    }
    assert!(table.stdout.contains("wait for a statement"), "{}", table.stdout);
    for format in ["csv", "markdown"] {
        let run = run(&place, &kept(), &[&framework[..], &["--format", format]].concat());
        assert!(run.stdout.lines().count() > 50, "{format}");
    }
    // Of another provider, and of nothing.
    let run = run(&place, &kept(), &["--framework", "cis-gke"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("about clusters of GKE"), "{}", run.stderr);
    let empty = place.run(&["whose", "--platform", "aks-standard", "--framework", "cis-aks"]);
    assert_eq!(empty.code, 3, "{}", empty.stdout);
    assert_eq!(empty.stdout.matches("\u{2713} ").count(), 0);
}

#[test]
fn facts_of_a_node_are_taken_and_given() {
    let place = Place::new();
    let root = "node/proc/7/cmdline";
    std::fs::create_dir_all(place.path("node/proc/7")).unwrap();
    std::fs::create_dir_all(place.path("node/etc/kubernetes")).unwrap();
    place.put(root, "kubelet\0--config=/etc/kubernetes/c.yaml\0");
    place.put("node/etc/kubernetes/c.yaml", "readOnlyPort: 10255\nrotateCertificates: true\n");
    let run = place.run(&["node", "--root", "node", "--name", "ip-10-0-0-1"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let facts: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(super::faults("node-1.0.json", &facts), Vec::<String>::new());
    assert_eq!(facts["kubelet"]["configuration"]["readOnlyPort"], 10255);
    let table = place.run(&["node", "--root", "node", "--name", "n", "--format", "table"]);
    assert!(table.stdout.contains("/etc/kubernetes/c.yaml"), "{}", table.stdout);
    place.put("facts.json", &run.stdout);
    let run = super::whose::run(&place, &kept(), &["--node", "facts.json", "INF-025"]);
    assert_eq!(run.code, 1, "{}", run.stdout);
    assert!(run.stdout.contains("readOnlyPort of ip-10-0-0-1 is 10255"), "{}", run.stdout);
    place.put("other.json", "{\"kind\": \"Other\"}");
    for (file, code) in [("other.json", 2), ("absent.json", 2)] {
        assert_eq!(super::whose::run(&place, &kept(), &["--node", file]).code, code, "{file}");
    }
    assert_eq!(place.run(&["node", "--root", "absent"]).code, 2);
    assert_eq!(place.run(&["node", "--root", "node"]).code, 2, "it has no name");
}

/// What a browser did with a page: its complaints, and the addresses that it asked for.
fn opened(place: &Place, page: &str, more: &[&str]) -> (Vec<String>, Vec<String>) {
    let log = place.path("net.json");
    let mut browser = std::process::Command::new("chromium-headless-shell");
    browser
        .args([
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
        ])
        .args(["--disable-sync", "--no-first-run", "--hide-scrollbars", "--enable-logging=stderr"])
        .arg(format!("--user-data-dir={}", place.path("browser").display()))
        .arg(format!("--log-net-log={}", log.display()))
        .args(more)
        .arg(format!("file://{}", place.path(page).display()));
    let out = browser.output().expect("it starts");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let stderr = String::from_utf8_lossy(&out.stderr).into_owned();
    let complaints = stderr.lines().filter(|line| line.contains(":CONSOLE")).map(str::to_owned).collect();
    let log = std::fs::read_to_string(log).expect("its log of the network");
    let asked = log.split("\"url\":\"").skip(1).filter_map(|rest| rest.split('"').next());
    (complaints, asked.filter(|url| url.starts_with("http")).map(str::to_owned).collect())
}

/// In a real browser, on the screen and on paper. `PLIMSOLL_PAGES` names a folder that gets the pictures.
#[expect(clippy::print_stderr, reason = "what is skipped is said")]
#[test]
fn the_page_opens_in_a_browser_without_complaint_or_request() {
    let there = std::process::Command::new("chromium-headless-shell").arg("--version").output();
    if !there.is_ok_and(|out| out.status.success()) {
        eprintln!(
            "NOT TESTED: the page in a browser: chromium-headless-shell is not installed (cargo xtask deps)"
        );
        return;
    }
    let place = Place::new();
    place.put(
        "bad.html",
        "<body><img src=\"http://127.0.0.1:9/x.png\"><script>console.error('x')</script></body>",
    );
    let (complaints, asked) =
        opened(&place, "bad.html", &[&format!("--screenshot={}", place.path("bad.png").display())]);
    assert!(
        !complaints.is_empty() && !asked.is_empty(),
        "this way sees what a page does: {complaints:?} {asked:?}"
    );
    let page = run(&place, &open(), &["--format", "html"]);
    assert_eq!(page.code, 1);
    place.put("whose.html", &page.stdout);
    let shot = format!("--screenshot={}", place.path("whose.png").display());
    let paper = format!("--print-to-pdf={}", place.path("whose.pdf").display());
    for more in [
        &["--window-size=1280,2000", &shot][..],
        &["--window-size=400,2000", &shot],
        &["--no-pdf-header-footer", &paper],
    ] {
        let (complaints, asked) = opened(&place, "whose.html", more);
        assert_eq!((complaints, asked), (Vec::new(), Vec::new()), "{more:?}");
    }
    let picture = std::fs::read(place.path("whose.png")).unwrap();
    assert!(
        picture.starts_with(b"\x89PNG") && picture.len() > 20_000,
        "{} bytes are an empty page",
        picture.len()
    );
    let print = std::fs::read(place.path("whose.pdf")).unwrap();
    assert!(print.starts_with(b"%PDF") && print.len() > 50_000, "{} bytes are an empty page", print.len());
    if let Some(folder) = std::env::var_os("PLIMSOLL_PAGES") {
        std::fs::write(std::path::Path::new(&folder).join("whose.png"), picture).unwrap();
        std::fs::write(std::path::Path::new(&folder).join("whose.pdf"), print).unwrap();
    }
}

/// What a platform says of findings: who has to act, and the control by which.
fn parties(report: &Value) -> Vec<(String, String, String)> {
    let of = |finding: &Value| {
        let evidence = finding["evidence"].as_array().unwrap();
        let by = evidence.iter().find(|one| one["source"] == "plimsoll/responsibility");
        let name = finding["party"]["name"].as_str().unwrap_or_default();
        (
            super::text(&finding["advisory"]),
            format!("{} {name}", super::text(&finding["party"]["kind"])).trim().to_owned(),
            by.map(|one| super::text(&one["record"])).unwrap_or_default(),
        )
    };
    report["findings"].as_array().unwrap().iter().map(of).collect()
}

#[test]
fn findings_of_manifests_show_whose_they_are_on_a_platform() {
    let place = Place::new();
    place.put(
        "m.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: kube-apiserver-a, namespace: kube-system, labels: {component: kube-apiserver, tier: control-plane}}\nspec:\n  \
         containers: [{name: kube-apiserver, image: \"registry.k8s.io/kube-apiserver:v1.34.0\", command: [kube-apiserver, --anonymous-auth=true]}]\n---\n\
         apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec:\n  template:\n    spec:\n      \
         containers: [{name: web, image: \"example.org/web:1\", securityContext: {privileged: true}}]\n---\n\
         apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n",
    );
    let on = |platform: &[&str]| {
        let run =
            place.run(&[&["check", "m.yaml", "--format", "json", "--fail-on", "low"][..], platform].concat());
        assert_eq!(run.code, 1, "{}", run.stderr);
        let report = run.json();
        assert_eq!(super::faults("report-1.0.json", &report), Vec::<String>::new());
        parties(&report)
    };
    let of = |all: &[(String, String, String)], rule: &str| {
        let one = all.iter().find(|(own, ..)| own == rule).unwrap_or_else(|| panic!("{rule}: {all:?}"));
        (one.1.clone(), one.2.clone())
    };
    let told = |party: &str, control: &str| (party.to_owned(), control.to_owned());
    let without = on(&[]);
    assert!(without.iter().all(|(_, _, control)| control.is_empty()), "{without:?}");
    let gke = on(&["--platform", "gke-standard"]);
    assert_eq!(of(&gke, "api-server-profiling"), told("provider Google", "INF-002"));
    assert_eq!(of(&gke, "privileged-container"), told("application", "RT-005"));
    assert_eq!(of(&gke, "namespace-without-pod-security"), told("platform", "INF-060"));
    let kubeadm = on(&["--platform", "kubeadm"]);
    assert_eq!(of(&kubeadm, "api-server-profiling"), told("platform", "INF-002"));
    assert!(
        gke.iter().all(|(rule, _, control)| !control.is_empty() || rule.starts_with("image-")),
        "{gke:?}"
    );
    // A platform of one's own: the platform team provides it to the application teams.
    place.put(
        "own/platforms.yaml",
        "house: {name: House, short: House, provider: platform team, family: gke, like: gke-autopilot}\n",
    );
    place.put(
        "own/INF-060.yaml",
        "id: INF-060\ncells:\n  house: {owner: provider, toggle: none, inputs: [attest], source: {document: vendor-docs, how: recalled}}\n",
    );
    let house = on(&["--platform", "house", "--controls", "own"]);
    assert_eq!(of(&house, "namespace-without-pod-security"), told("provider platform team", "INF-060"));
    let table = place.run(&["check", "m.yaml", "--platform", "gke-standard"]);
    assert!(table.stdout.contains("provider"), "{}", table.stdout);
    let wrong = place.run(&["check", "m.yaml", "--platform", "gke-standart"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.stderr.contains("one of gke-standard, gke-autopilot"), "{}", wrong.stderr);
}

#[test]
fn findings_of_scans_show_whose_they_are_on_a_platform() {
    let place = Place::new();
    let shop = place.shop();
    let scan = |target: &str, more: &[&str]| {
        let words = [&["scan", target, "--db", super::database(), "--format", "json"][..], more].concat();
        let report = place.run(&words).json();
        assert_eq!(super::faults("report-1.0.json", &report), Vec::<String>::new());
        report
    };
    // An image of the application: the same parties, with the control.
    let plain = parties(&scan(&shop, &[]));
    let told = parties(&scan(&shop, &["--platform", "gke-autopilot"]));
    assert_eq!(plain.len(), told.len());
    for (before, after) in plain.iter().zip(&told) {
        assert_eq!(before.1, after.1, "{before:?} {after:?}");
    }
    assert!(
        told.iter().any(|(_, party, control)| party.starts_with("baseImage") && control == "SC-003"),
        "{told:?}"
    );
    assert!(told.iter().any(|(_, party, control)| party == "application" && control == "RT-006"), "{told:?}");
    // A machine: its system is the provider's where the provider runs the nodes, and no upgrade is advised.
    place.put("node/etc/os-release", super::shop::OS_RELEASE);
    place.put("node/var/lib/dpkg/status", super::shop::dpkg_status(&[]));
    let node = |platform: &str| scan("dir:node", &["--platform", platform]);
    for (platform, party) in [
        ("gke-autopilot", "provider Google"),
        ("gke-standard", "platform"),
        ("eks-managed-nodes", "platform"),
        ("eks-auto-mode", "provider AWS"),
        ("kubeadm", "platform"),
    ] {
        let report = node(platform);
        let all = parties(&report);
        assert!(!all.is_empty(), "the database knows a flaw of it");
        assert!(all.iter().all(|one| one.1 == party && one.2 == "INF-021"), "{platform}: {all:?}");
        let changes = report["changes"].as_array().unwrap().len();
        assert_eq!(changes == 0, party.starts_with("provider"), "{platform}: {}", report["changes"]);
    }
    // Both kinds of platforms at once, and neither twice.
    let both = scan(&shop, &["--platform", "linux/amd64", "--platform", "kubeadm"]);
    assert!(parties(&both).iter().any(|(_, _, control)| control == "RT-006"));
    for wrong in [&["--platform", "kubeadm", "--platform", "gke-standard"][..], &["--platform", "linux"]] {
        let run = place.run(&[&["scan", &shop][..], wrong].concat());
        assert_eq!(run.code, 2, "{}", run.stderr);
        assert!(run.stderr.contains("linux/arm64") || run.stderr.contains("names one"), "{}", run.stderr);
    }
    assert_eq!(place.run(&["sbom", &shop, "--platform", "kubeadm"]).code, 2);
}

/// Everything in an answer that says whose it is: what names it, the party and the control.
fn of(run: &super::Run, path: &[&str]) -> Vec<String> {
    let document = run.json();
    let mut all = Vec::new();
    let mut todo = vec![&document];
    while let Some(value) = todo.pop() {
        match value {
            Value::Array(list) => todo.extend(list),
            Value::Object(map) => {
                if let Some(whose) = map.get("whose") {
                    let name = path.iter().find_map(|key| map.get(*key)?.as_str()).unwrap_or_default();
                    let (kind, control) =
                        (super::text(&whose["party"]["kind"]), super::text(&whose["control"]));
                    all.push(format!("{name}: {kind} {control}"));
                }
                todo.extend(map.values());
            }
            _ => {}
        }
    }
    all.sort();
    all.dedup();
    all
}

#[test]
fn what_analyses_of_clusters_find_shows_whose_it_is_on_a_platform() {
    let place = Place::new();
    let workload = |namespace: &str, privileged: bool| {
        format!(
            "apiVersion: v1\nkind: Namespace\nmetadata: {{name: {namespace}}}\n---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: web, namespace: {namespace}}}\n---\n\
             apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: {namespace}}}\nspec:\n  selector: {{matchLabels: {{app: web}}}}\n  template:\n    \
             metadata: {{labels: {{app: web}}}}\n    spec: {{serviceAccountName: web, containers: [{{name: web, image: web, ports: [{{containerPort: 80}}], \
             securityContext: {{privileged: {privileged}}}}}]}}\n---\n\
             apiVersion: v1\nkind: Service\nmetadata: {{name: web, namespace: {namespace}}}\nspec: {{type: LoadBalancer, selector: {{app: web}}, ports: [{{port: 80}}]}}\n---\n\
             apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {{name: {namespace}}}\nroleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: all}}\n\
             subjects: [{{kind: ServiceAccount, name: web, namespace: {namespace}}}]\n---\n"
        )
    };
    let role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: all}\nrules: [{apiGroups: ['*'], resources: ['*'], verbs: ['*']}]\n---\n";
    place.put("before.yaml", workload("shop", false));
    place.put("after.yaml", workload("shop", true) + &workload("kube-system", true) + role);
    let answer = |command: &[&str], schema: &str| {
        let run = place.run(&[command, &["--platform", "gke-standard", "--format", "json"]].concat());
        assert!(run.code != 2, "{command:?}: {}", run.stderr);
        let path = format!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schema/{}"), schema);
        let schema = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        assert!(validator.is_valid(&run.json()), "{command:?}: {}", run.stdout);
        let table = place.run(&[command, &["--platform", "gke-standard"]].concat()).stdout.replace('\n', " ");
        assert!(table.to_lowercase().contains("whose: "), "{command:?}: {table}");
        let plain = place.run(command).stdout.to_lowercase();
        assert!(!plain.contains("whose: "), "{command:?}: {plain}");
        run
    };
    let file = ["--file", "after.yaml"];
    let asked = |command: &[&'static str]| [&["cluster"], command, &file[..]].concat();

    let run = answer(&asked(&["reach"]), "reach-1.0.json");
    assert_eq!(
        of(&run, &["workload"]),
        ["kube-system/Deployment/web: provider SC-001", "shop/Deployment/web: application INF-043"]
    );
    assert_eq!(run.json()["withoutPolicyWhose"]["shop"]["control"], "INF-041");
    let run = answer(&asked(&["reach", "--diff", "before.yaml"]), "reach-1.0.json");
    let all = of(&run, &["to"]);
    assert!(all.contains(&"kube-system/Deployment/web: provider SC-001".to_owned()), "{all:?}");
    assert!(all.contains(&"shop/Deployment/web: application INF-041".to_owned()), "{all:?}");

    let run = answer(&asked(&["paths", "--all"]), "paths-1.0.json");
    let all = of(&run, &["goal"]);
    assert!(all.contains(&"cluster-admin: platform INF-010".to_owned()), "{all:?}");
    let run = answer(&asked(&["who-can", "get", "secrets"]), "who-can-1.0.json");
    let document = run.json();
    let subjects = document["subjects"].as_array().expect("subjects");
    let whose = |namespace: &str| {
        let one = subjects.iter().find(|one| one["subject"]["namespace"] == namespace).expect("a subject");
        format!("{} {}", super::text(&one["whose"]["party"]["kind"]), super::text(&one["whose"]["control"]))
    };
    assert_eq!([whose("shop"), whose("kube-system")], ["platform INF-009", "provider SC-001"]);

    let run = answer(&["cluster", "diff", "before.yaml", "after.yaml"], "drift-1.0.json");
    let all = of(&run, &["area"]);
    for wanted in [
        "pod-security: application RT-005",
        "exposure: provider SC-001",
        "path: platform INF-010",
        "rule: application RT-005",
        "rule: provider SC-001",
    ] {
        assert!(all.contains(&wanted.to_owned()), "{wanted}: {all:?}");
    }
    let markdown = ["cluster", "diff", "before.yaml", "after.yaml", "--platform", "gke-standard"];
    let markdown = place.run(&[&markdown[..], &["--format", "markdown"]].concat()).stdout;
    assert!(markdown.contains("| whose |") && markdown.contains("by RT-005 on GKE Standard"), "{markdown}");

    let run = answer(&asked(&["attack"]), "attack-1.0.json");
    let document = run.json();
    let route = |workload: &str| {
        let routes = document["routes"].as_array().expect("routes");
        let route = routes.iter().find(|route| route["workload"] == workload).expect("a route");
        route["cheapest"]
            .as_array()
            .into_iter()
            .chain(route["others"].as_array())
            .flatten()
            .cloned()
            .collect()
    };
    let own: Vec<Value> = route("shop/Deployment/web");
    let is_own = |cut: &Value| cut["whose"]["control"] == "RT-005" && cut["party"]["kind"] == "application";
    assert!(own.iter().any(is_own), "{own:?}");
    let brought: Vec<Value> = route("kube-system/Deployment/web");
    let brought: Vec<&Value> = brought.iter().filter(|cut| cut["kind"] != "binding").collect();
    assert!(!brought.is_empty());
    for cut in brought {
        assert_eq!(cut["party"]["name"], "Google", "what the provider does is nobody's to change: {cut}");
        assert_eq!(cut["command"], Value::Null);
    }
    for form in ["html", "markdown"] {
        let run =
            place.run(&[&asked(&["attack"])[..], &["--platform", "gke-standard", "--format", form]].concat());
        assert!(run.stdout.contains("RT-005 on GKE Standard"), "{form}: {}", run.stdout);
    }

    let run = answer(&asked(&["suggest"]), "suggest-1.0.json");
    assert!(of(&run, &["name"]).contains(&"shop: application INF-041".to_owned()), "{}", run.stdout);
    let all = asked(&["suggest", "--platform", "gke-standard", "--output", "policies"]);
    place.run(&all);
    let written = std::fs::read_to_string(place.path("policies/shop.yaml")).expect("the file");
    assert!(written.contains("\n# Whose: application, by INF-041 on GKE Standard (yours)\n"), "{written}");

    for command in [&["reach"][..], &["paths"], &["who-can", "get", "secrets"], &["attack"], &["suggest"]] {
        let run = place.run(&[&asked(command)[..], &["--platform", "nowhere"]].concat());
        assert_eq!(run.code, 2, "{command:?}");
        assert!(run.stderr.contains("there is no platform `nowhere`"), "{}", run.stderr);
    }
}

#[test]
fn what_rules_have_against_a_cluster_shows_whose_it_is() {
    let Some(server) = plimsoll_testing::ApiServer::start(&[]) else { return };
    let place = Place::new();
    for namespace in ["kube-system", "shop"] {
        server.apply(
            &format!("/api/v1/namespaces/{namespace}"),
            &format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {namespace}}}}}"),
        );
        server.apply(
            &format!("/api/v1/namespaces/{namespace}/pods/web"),
            &format!(
                "{{apiVersion: v1, kind: Pod, metadata: {{name: web, namespace: {namespace}}}, spec: {{containers: [{{name: a, image: web, securityContext: {{privileged: true}}}}]}}}}"
            ),
        );
    }
    let kubeconfig = server.kubeconfig("admin").display().to_string();
    let check = ["cluster", "check", "--kubeconfig", &kubeconfig, "--platform", "gke-standard"];
    let report = place.run(&[&check[..], &["--format", "json"]].concat()).json();
    let findings = report["findings"].as_array().expect("findings");
    let party = |namespace: &str| {
        let of = |one: &&Value| {
            one["advisory"] == "privileged-container" && one["object"]["namespace"] == namespace
        };
        findings.iter().find(of).expect("it is privileged")["party"].clone()
    };
    assert_eq!(party("shop")["kind"], "application");
    assert_eq!(party("kube-system"), serde_json::json!({"kind": "provider", "name": "Google"}));
}

#[test]
fn what_other_commands_find_shows_whose_it_is_on_a_platform() {
    let place = Place::new();
    let pod = |namespace: &str, image: &str| {
        format!(
            "apiVersion: v1\nkind: Namespace\nmetadata: {{name: {namespace}}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: {namespace}}}\n\
             spec:\n  selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web, team: harbour}}}}\n    \
             spec: {{hostNetwork: true, containers: [{{name: web, image: \"{image}\"}}]}}\n---\n"
        )
    };
    place.put("objects.yaml", pod("shop", "example.org/web:1") + &pod("kube-system", "gke.gcr.io/proxy:1"));
    place.put(
        "policy.yaml",
        "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {name: own}\nspec: {requirements: [{registries: {allow: ['ghcr.io/acme/**']}}]}\n",
    );
    // Everything that a cluster runs, and what is trusted for its place.
    let audit = ["audit", "objects.yaml", "--policy", "policy.yaml", "--offline"];
    let run = place.run(&[&audit[..], &["--platform", "gke-standard", "--format", "json"]].concat());
    assert!(run.code == 1 || run.code == 3, "{}", run.stderr);
    assert_eq!(super::faults("audit-1.0.json", &run.json()), Vec::<String>::new());
    let all = of(&run, &["namespace"]);
    assert_eq!(all, ["kube-system: provider SC-001", "shop: application SC-003", "shop: application SC-005"]);
    let table = place.run(&[&audit[..], &["--platform", "gke-standard"]].concat()).stdout;
    assert!(table.contains("whose: Google, by SC-001 on GKE Standard (provider)"), "{table}");
    assert!(table.contains("whose: harbour, by SC-003 on GKE Standard (yours)"), "{table}");
    assert!(!place.run(&audit).stdout.contains("whose:"));
    // What would break under Pod Security Standards.
    let pss = ["cluster", "pss", "--file", "objects.yaml", "--platform", "kubeadm"];
    let run = place.run(&[&pss[..], &["--format", "json"]].concat());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schema/pss-1.0.json");
    let schema = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    assert!(validator.is_valid(&run.json()), "{}", run.stdout);
    let all = of(&run, &["workload"]);
    assert_eq!(
        all,
        ["kube-system/Deployment/web: platform SC-001", "shop/Deployment/web: application RT-005"]
    );
    assert!(
        place.run(&pss).stdout.contains("whose: application, by RT-005 on self-managed (kubeadm) (yours)")
    );
    // What happens in containers.
    let recording =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../plimsoll-runtime/fixtures/detections/PW050.fires.jsonl");
    let table = place.run(&["watch", "replay", recording, "--platform", "gke-autopilot"]).stdout;
    assert!(table.contains(", by RT-011 on GKE Autopilot (yours)"), "{table}");
    for command in [&pss[..4], &["watch", "replay", recording], &audit] {
        let run = place.run(&[command, &["--platform", "nowhere"]].concat());
        assert_eq!(run.code, 2, "{command:?}");
        assert!(run.stderr.contains("there is no platform `nowhere`"), "{}", run.stderr);
    }
}

#[test]
fn evidence_is_kept_and_checked_again() {
    let place = Place::new();
    let nodes = fixture("nodes-eks.json");
    place.put(
        "own/platforms.yaml",
        "house: {name: House, short: House, provider: platform team, family: eks, like: eks-managed-nodes}\n",
    );
    place.put(
        "statements.yaml",
        "apiVersion: plimsoll.dev/v1\nkind: Attestations\nstatements:\n- {control: SC-007, by: A. Person, until: 2027-03-31}\n",
    );
    let more = ["--node", &nodes, "--controls", "own", "--attestations", "statements.yaml", "--evidence"];
    let made = run(&place, &kept(), &[&more[..], &["bundle", "--format", "json"]].concat());
    assert!(made.code == 1 || made.code == 3, "{}", made.stderr);
    let document = |name: &str| -> Value {
        serde_json::from_str(&std::fs::read_to_string(place.path(name)).unwrap()).unwrap()
    };
    let manifest = document("bundle/manifest.json");
    assert_eq!(super::faults("evidence-1.0.json", &manifest), Vec::<String>::new());
    assert_eq!(document("bundle/answer.json"), made.json(), "what was printed is what is kept");
    assert_eq!(manifest["files"].as_array().unwrap().len(), 10);
    let verify = |folder: &str| {
        let run = place.run(&["whose", "--verify", folder, "--format", "json"]);
        let check = run.json();
        assert_eq!(super::faults("evidence-1.0.json", &check), Vec::<String>::new());
        (run.code, check["differs"].to_string())
    };
    assert_eq!(verify("bundle"), (0, "[]".to_owned()));
    let table = place.run(&["whose", "--verify", "bundle"]);
    assert!(
        table.stdout.starts_with("MET  bundle") && table.stdout.contains("same inputs give the same answer"),
        "{}",
        table.stdout
    );
    assert!(made.stderr.contains(manifest_digest(&table.stdout)), "{}", made.stderr);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |name: &str| std::fs::metadata(place.path(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(
            (mode("bundle"), mode("bundle/answer.json"), mode("bundle/inputs")),
            (0o700, 0o600, 0o700)
        );
    }
    // Whatever is changed is told: an input, the answer, a file more, a file less.
    let copy = |name: &str| {
        std::fs::create_dir_all(place.path(&format!("{name}/inputs"))).unwrap();
        for below in ["", "inputs/"] {
            for entry in
                std::fs::read_dir(place.path(&format!("bundle/{below}"))).unwrap().map(Result::unwrap)
            {
                if entry.file_type().unwrap().is_file() {
                    let to = place.path(&format!("{name}/{below}{}", entry.file_name().to_str().unwrap()));
                    std::fs::copy(entry.path(), to).unwrap();
                }
            }
        }
    };
    let paths: Vec<String> = manifest["files"]
        .as_array()
        .unwrap()
        .iter()
        .chain([&manifest["answer"]])
        .map(|file| super::text(&file["path"]))
        .collect();
    for (number, path) in paths.iter().enumerate() {
        let name = format!("changed{number}");
        copy(&name);
        let file = place.path(&format!("{name}/{path}"));
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("{text} ")).unwrap();
        let (code, differs) = verify(&name);
        assert!(code == 1 && differs.contains(&format!("{path} has another digest")), "{path}: {differs}");
        std::fs::remove_file(&file).unwrap();
        let (code, differs) = verify(&name);
        assert!(code == 1 && differs.contains(&format!("{path} cannot be read")), "{path}: {differs}");
    }
    copy("more");
    place.put("more/inputs/0099-x", "x");
    assert!(verify("more").1.contains("0099-x is in the folder, and not in the manifest"));
    // Somebody who writes the manifest anew cannot make another answer of the same inputs.
    copy("forged");
    let mut answer = document("bundle/answer.json");
    for row in answer["controls"].as_array_mut().unwrap() {
        row["cells"][0]["standing"] = "met".into();
    }
    let text = answer.to_string();
    place.put("forged/answer.json", &text);
    let mut forged = manifest.clone();
    forged["answer"]["digest"] = digest_of(&place, "forged/answer.json").into();
    place.put("forged/manifest.json", forged.to_string());
    let (code, differs) = verify("forged");
    assert!(code == 1 && differs.contains(", met, and is "), "{differs}");
    // No way out of the folder.
    let mut outside = manifest.clone();
    outside["files"][0]["path"] = "inputs/../../statements.yaml".into();
    copy("outside");
    place.put("outside/manifest.json", outside.to_string());
    let run = place.run(&["whose", "--verify", "outside"]);
    assert_eq!(run.code, 3);
    assert!(run.stderr.contains("is no path of a bundle"), "{}", run.stderr);
    // What cannot be kept is told before anything is written.
    let again = run_kept(&place, &["--evidence", "bundle"]);
    assert_eq!(again.code, 2);
    assert!(again.stderr.contains("`bundle` is not empty"), "{}", again.stderr);
    assert_eq!(place.run(&["whose", "--verify", "nowhere"]).code, 3);
    assert_eq!(place.run(&["whose", "--verify", "bundle", "--platform", "kubeadm"]).code, 2);
}

/// Standard input and a live cluster are kept too, and who made the evidence can be told.
#[test]
fn evidence_is_signed_and_holds_what_was_no_file() {
    let place = Place::new();
    let pem = |name: &str, words: &[&str]| {
        let out = std::process::Command::new("openssl").args(words).current_dir(place.path("")).output();
        let out = out.unwrap_or_else(|error| panic!("openssl: {error}"));
        assert!(out.status.success(), "{name}: {}", String::from_utf8_lossy(&out.stderr));
    };
    for name in ["own", "other"] {
        let (key, public) = (format!("{name}.key"), format!("{name}.pub"));
        pem(&key, &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", &key]);
        pem(&public, &["pkey", "-in", &key, "-pubout", "-out", &public]);
    }
    let export = std::fs::read(fixture("gke-standard.json")).expect("the export");
    let objects = fixture("objects-gke.yaml");
    let asked =
        ["whose", "--gke", "-", "--manifests", &objects, "--evidence", "kept", "--sign-key", "own.key"];
    let made = place.run_on(&asked, &export);
    assert!(made.code == 1 || made.code == 3, "{}", made.stderr);
    assert!(made.stderr.contains("signed by the key "), "{}", made.stderr);
    let verify = |folder: &str, keys: &[&str]| {
        let words = [&["whose", "--verify", folder, "--format", "json"][..], keys].concat();
        let run = place.run(&words);
        let check = run.json();
        assert_eq!(super::faults("evidence-1.0.json", &check), Vec::<String>::new());
        (run.code, super::text(&check["signature"]), check["differs"].to_string())
    };
    let is = |code: i32, signature: &str, differs: &str| (code, signature.to_owned(), differs.to_owned());
    assert_eq!(verify("kept", &[]), is(0, "notChecked", "[]"));
    assert_eq!(verify("kept", &["--key", "own.pub"]), is(0, "verified", "[]"));
    assert_eq!(verify("kept", &["--key", "other.pub", "--key", "own.pub"]), is(0, "verified", "[]"));
    let (code, signature, differs) = verify("kept", &["--key", "other.pub"]);
    assert!(
        (code, signature.as_str()) == (1, "wrong") && differs.contains("by none of the keys"),
        "{differs}"
    );
    // A manifest that is written anew is another than the one that was signed.
    let path = place.path("kept/manifest.json");
    let text = std::fs::read_to_string(&path).expect("the manifest");
    std::fs::write(&path, format!("{text}\n")).expect("another");
    let (code, signature, differs) = verify("kept", &["--key", "own.pub"]);
    assert!((code, signature.as_str()) == (1, "wrong") && differs.contains("something else"), "{differs}");
    std::fs::remove_file(place.path("kept/manifest.dsse.json")).expect("the signature");
    let (code, signature, differs) = verify("kept", &["--key", "own.pub"]);
    assert!((code, signature.as_str()) == (1, "absent") && differs.contains("is not signed"), "{differs}");
    assert_eq!(verify("kept", &[]).1, "absent");
    // A snapshot by standard input, and what cannot be used.
    let objects = std::fs::read(fixture("objects-gke.yaml")).expect("objects");
    let gke = fixture("gke-standard.json");
    let asked = ["whose", "--gke", &gke, "--snapshot", "-", "--evidence", "piped"];
    let made = place.run_on(&asked, &objects);
    assert!(made.code == 1 || made.code == 3, "{}", made.stderr);
    assert_eq!(verify("piped", &[]), is(0, "absent", "[]"));
    for wrong in [
        &["--gke", &gke, "--evidence", "no", "--sign-key", "own.pub"][..],
        &["--gke", &gke, "--sign-key", "own.key"],
        &["--verify", "piped", "--key", "own.key"],
        &["--gke", &gke, "--key", "own.pub"],
    ] {
        assert_eq!(place.run(&[&["whose"], wrong].concat()).code, 2, "{wrong:?}");
    }
    assert!(!place.path("no").exists(), "a key that cannot be used is told before anything is written");
}

/// With fewer rights less is decided, and nothing turns met.
#[test]
fn a_live_cluster_with_fewer_rights_has_nothing_more_that_is_met() {
    let Some(server) = plimsoll_testing::ApiServer::start(&[]) else { return };
    let place = Place::new();
    let text = std::fs::read_to_string(fixture("objects-gke.yaml")).expect("objects");
    let namespace = "{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {pod-security.kubernetes.io/enforce: restricted}}}";
    server.apply("/api/v1/namespaces/shop", namespace);
    assert!(text.contains("kind: Namespace"));
    for (path, object) in [
        (
            "/api/v1/nodes/n1",
            "{apiVersion: v1, kind: Node, metadata: {name: n1, labels: {cloud.google.com/gke-nodepool: default-pool}}, spec: {providerID: 'gce://p/z/n1'}}",
        ),
        (
            "/api/v1/namespaces/shop/serviceaccounts/web",
            "{apiVersion: v1, kind: ServiceAccount, metadata: {name: web, namespace: shop}, automountServiceAccountToken: false}",
        ),
        (
            "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies/deny",
            "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: deny, namespace: shop}, spec: {podSelector: {}, policyTypes: [Ingress, Egress]}}",
        ),
        (
            "/api/v1/namespaces/shop/pods/web",
            "{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop}, spec: {serviceAccountName: web, automountServiceAccountToken: false, securityContext: {runAsNonRoot: true, runAsUser: 10001, seccompProfile: {type: RuntimeDefault}}, containers: [{name: a, image: 'registry.example/web@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef', securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}}]}}",
        ),
    ] {
        server.apply(path, object);
    }
    let gke = fixture("gke-standard.json");
    let ask = |user: &str, more: &[&str]| -> (Value, super::Run) {
        let kubeconfig = server.kubeconfig(user).display().to_string();
        let words = ["whose", "--gke", &gke, "--live", "--kubeconfig", &kubeconfig, "--format", "json"];
        let run = place.run(&[&words[..], more].concat());
        assert!(run.code == 1 || run.code == 3, "{user}: {}", run.stderr);
        (run.json(), run)
    };
    let met = |answer: &Value| -> std::collections::BTreeSet<String> {
        let rows = answer["controls"].as_array().expect("controls").iter();
        let is_met = |row: &&Value| {
            row["cells"].as_array().is_some_and(|cells| cells.iter().any(|cell| cell["standing"] == "met"))
        };
        rows.filter(is_met).map(|row| super::text(&row["id"])).collect()
    };
    let (all, _) = ask("admin", &[]);
    assert_eq!(super::faults("responsibility-1.0.json", &all), Vec::<String>::new());
    let all = met(&all);
    assert!(all.contains("INF-041") && all.contains("RT-005"), "{all:?}");
    // Each resource is forbidden in turn; the one with no rights at all last.
    let lists = [
        ("", "pods"),
        ("", "nodes"),
        ("", "namespaces"),
        ("", "serviceaccounts"),
        ("", "services"),
        ("networking.k8s.io", "networkpolicies"),
        ("networking.k8s.io", "ingresses"),
        ("policy", "poddisruptionbudgets"),
        ("rbac.authorization.k8s.io", "clusterrolebindings"),
        ("rbac.authorization.k8s.io", "rolebindings"),
        ("rbac.authorization.k8s.io", "clusterroles"),
        ("rbac.authorization.k8s.io", "roles"),
        ("admissionregistration.k8s.io", "validatingwebhookconfigurations"),
        ("apps", "deployments"),
        ("apps", "daemonsets"),
        ("apps", "statefulsets"),
        ("batch", "jobs"),
    ];
    let role = |gone: Option<&str>| {
        let rules: Vec<String> = lists
            .iter()
            .filter(|(_, plural)| gone != Some(*plural))
            .map(|(group, plural)| {
                format!("{{apiGroups: ['{group}'], resources: [{plural}], verbs: [get, list, watch]}}")
            })
            .collect();
        format!(
            "{{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {{name: whose}}, rules: [{}]}}",
            rules.join(", ")
        )
    };
    let api = "/apis/rbac.authorization.k8s.io/v1";
    let (own, _) = ask("nobody", &[]);
    let own = met(&own);
    assert!(own.is_subset(&all), "without rights: {:?}", own.difference(&all));
    assert!(own.len() < all.len(), "what objects decide is not known without rights");
    server.apply(
        &format!("{api}/clusterrolebindings/whose"),
        "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: whose}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: whose}, subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: nobody}]}",
    );
    for gone in [None].into_iter().chain(lists.iter().map(|(_, plural)| Some(*plural))) {
        server.apply(&format!("{api}/clusterroles/whose"), &role(gone));
        let (less, run) = ask("nobody", &[]);
        let less = met(&less);
        assert!(less.is_subset(&all), "without {gone:?}: {:?}\n{}", less.difference(&all), run.stderr);
    }
    // A live cluster is kept as the snapshot that the answer was made from.
    let (_, made) = ask("admin", &["--evidence", "live"]);
    assert!(made.stderr.contains("was read as a snapshot, which is kept"), "{}", made.stderr);
    let check = place.run(&["whose", "--verify", "live", "--format", "json"]);
    assert_eq!((check.code, check.json()["differs"].to_string()), (0, "[]".to_owned()), "{}", check.stdout);
}

fn run_kept(place: &Place, more: &[&str]) -> super::Run {
    run(place, &kept(), more)
}

/// The digest that a look at a bundle tells.
fn manifest_digest(told: &str) -> &str {
    let at = told.find("sha256:").unwrap();
    &told[at..at + 71]
}

fn digest_of(place: &Place, name: &str) -> String {
    let out = std::process::Command::new("sha256sum").arg(place.path(name)).output().expect("sha256sum");
    format!("sha256:{}", String::from_utf8(out.stdout).unwrap().split(' ').next().unwrap())
}

/// NIST's own schema, which `scripts/fetch-schemas.sh` fetches.
#[expect(clippy::print_stderr, reason = "what is skipped is said")]
#[test]
fn assessment_results_are_valid_oscal() {
    let place = Place::new();
    let cache = std::env::var_os("PLIMSOLL_CACHE").map(std::path::PathBuf::from);
    let cache =
        cache.or_else(|| Some(std::path::PathBuf::from(std::env::var_os("HOME")?).join(".cache/plimsoll")));
    let schema = cache.map(|cache| cache.join("schemas/oscal.schema.json"));
    let Some(schema) = schema.and_then(|path| std::fs::read_to_string(path).ok()) else {
        eprintln!("NOT CHECKED: the schema of OSCAL is absent; scripts/fetch-schemas.sh fetches it");
        return;
    };
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    place.put(
        "statements.yaml",
        "apiVersion: plimsoll.dev/v1\nkind: Attestations\nstatements:\n- {control: SC-007, by: A. Person, until: 2027-03-31}\n",
    );
    let statements = ["--attestations", "statements.yaml"];
    for base in [open().to_vec(), kept(), vec!["whose".into(), "--platform".into(), "kubeadm".into()]] {
        let told = run(&place, &base, &[&statements[..], &["--format", "oscal"]].concat());
        let document = told.json();
        let faults: Vec<String> = validator
            .iter_errors(&document)
            .map(|fault| format!("{}: {fault}", fault.instance_path()))
            .collect();
        assert_eq!(faults, Vec::<String>::new());
        assert_eq!(
            run(&place, &base, &[&statements[..], &["--format", "oscal"]].concat()).stdout,
            told.stdout
        );
        // As many findings as cells of the reader's, and only what was seen or stated is satisfied.
        let json = run(&place, &base, &[&statements[..], &["--format", "json"]].concat()).json();
        let cells: Vec<&Value> = json["controls"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|row| row["cells"].as_array().unwrap())
            .collect();
        let own = cells.iter().filter(|cell| cell["owner"] == "customer" || cell["owner"] == "shared");
        let good =
            own.clone().filter(|cell| cell["standing"] == "met" || cell["standing"] == "attested").count();
        let findings = document["assessment-results"]["results"][0]["findings"].as_array().unwrap();
        assert_eq!(findings.len(), own.count());
        let satisfied = findings.iter().filter(|one| one["target"]["status"]["state"] == "satisfied").count();
        assert_eq!(satisfied, good);
        assert!(satisfied > 0, "a statement counts");
        // Who does what on the platform, whatever was seen.
        let parts = run(&place, &base, &["--format", "oscal-component"]);
        let document = parts.json();
        let faults: Vec<String> = validator
            .iter_errors(&document)
            .map(|fault| format!("{}: {fault}", fault.instance_path()))
            .collect();
        assert_eq!(faults, Vec::<String>::new());
        let own = &document["component-definition"]["components"];
        assert_eq!(own.as_array().map(Vec::len), Some(1), "pools of one platform are one component");
        let all = own[0]["control-implementations"][0]["implemented-requirements"].as_array().unwrap();
        let kubeadm = own[0]["props"][0]["value"] == "kubeadm";
        assert_eq!(all.len(), if kubeadm { 80 } else { 83 });
    }
}

/// A machine, on each family of platforms: who builds its system has the move, and the switch stands beside it.
#[test]
fn packages_of_a_machine_are_followed_on_every_family() {
    let place = Place::new();
    place.put("node/etc/os-release", super::shop::OS_RELEASE);
    place.put("node/var/lib/dpkg/status", super::shop::dpkg_status(&[]));
    let scan = |more: &[&str]| {
        let words = [&["scan", "dir:node", "--db", super::database(), "--format", "json"][..], more].concat();
        place.put("report.json", place.run(&words).stdout);
        let report: Value =
            serde_json::from_str(&std::fs::read_to_string(place.path("report.json")).unwrap()).unwrap();
        report
    };
    let report = scan(&[]);
    let all = report["findings"].as_array().unwrap();
    let fixed = all.iter().find(|one| one["fixedVersion"].is_string()).expect("a flaw with a fix");
    let id = super::text(&fixed["id"]);
    for (platform, provider, last) in [
        ("gke-autopilot", "provider Google: now", "provider Google: now"),
        ("gke-standard", "provider Google: unknown", "platform : now"),
        ("eks-auto-mode", "provider AWS: now", "provider AWS: now"),
        ("eks-managed-nodes", "provider AWS: none", "platform : now"),
        ("aks-automatic", "provider Microsoft: now", "provider Microsoft: now"),
        ("aks-standard", "provider Microsoft: unknown", "platform : now"),
    ] {
        let (code, chain) = follow(&place, &id, &["--platform", platform]);
        let told = turns(&chain["threads"][0]);
        assert_eq!(code, 1, "{platform}: {told:?}");
        assert_eq!(told[0], provider, "{platform}: {told:?}");
        assert!(told.contains(&last.to_owned()), "{platform}: {told:?}");
        assert!(told.iter().all(|one| !one.starts_with("application")), "{platform}: {told:?}");
    }
    let (_, own) = follow(&place, &id, &["--platform", "kubeadm"]);
    assert_eq!(turns(&own["threads"][0]).last().unwrap(), "platform : now");
    // Without a fix the distribution has the move, on a machine too; a scan that knew the platform tells the same.
    if let Some(open) =
        all.iter().find(|one| one["fixedVersion"].is_null() && one["party"]["kind"] == "distribution")
    {
        let (_, chain) = follow(&place, &super::text(&open["id"]), &["--platform", "kubeadm"]);
        let told = turns(&chain["threads"][0]);
        assert!(told.iter().all(|one| !one.starts_with("application")), "{told:?}");
    }
    scan(&["--platform", "gke-autopilot"]);
    let (_, chain) = follow(&place, &id, &["--platform", "gke-autopilot"]);
    assert_eq!(turns(&chain["threads"][0])[0], "provider Google: now");
}

#[test]
fn suppressed_findings_snapshots_and_pages_of_chains() {
    let place = Place::new();
    scanned(&place, "docker.io/library/nginx:1.0");
    let objects = std::fs::read_to_string(place.path("objects.yaml")).unwrap();
    place.put("objects.yaml", objects.replace("example.org/shop:1.0", "nginx:1.0"));
    let cluster = ["--manifests", "objects.yaml", "--platform", "eks-managed-nodes"];
    // The short name is the long one, both ways.
    for asked in ["nginx", "nginx:1.0", "library/nginx:1.0", "docker.io/library/nginx:1.0"] {
        let (code, chain) = follow(&place, asked, &cluster);
        assert_eq!((code, &chain["takenFor"]), (1, &"image".into()), "{asked}");
        assert_eq!(chain["threads"][0]["workloads"], serde_json::json!(["Deployment shop/web"]), "{asked}");
    }
    // What a VEX statement or an exception took away is nobody's, and why is told.
    let mut report: Value =
        serde_json::from_str(&std::fs::read_to_string(place.path("report.json")).unwrap()).unwrap();
    let advisory = super::text(&report["findings"][0]["advisory"]);
    for finding in report["findings"].as_array_mut().unwrap() {
        if finding["advisory"] == advisory.as_str() {
            finding["suppressedBy"] = serde_json::json!({"by": "vex", "source": "vex.json", "reason": "the code is not in the path"});
            finding["party"] =
                serde_json::json!({"kind": "nobody", "name": "vex: the code is not in the path"});
        }
    }
    report["changes"] = serde_json::json!([]);
    place.put("report.json", report.to_string());
    let (code, chain) = follow(&place, &advisory, &cluster);
    let links = chain["threads"][0]["links"].as_array().unwrap();
    assert!(links.iter().all(|link| link["turn"] == "none"), "{links:?}");
    assert!(chain.to_string().contains("the code is not in the path"), "{chain}");
    assert_ne!(code, 1, "nobody has to move");
    // As a page, which holds hostile names as text.
    let page = place
        .run(&[&["whose", "nginx", "--report", "report.json", "--format", "html"][..], &cluster].concat());
    assert_eq!(page.code, 1, "{}", page.stderr);
    for wanted in ["<title>Whose is nginx", "Content-Security-Policy", "Deployment shop/web", "control: "] {
        assert!(page.stdout.contains(wanted), "{wanted}");
    }
    assert!(!page.stdout.contains("<script"));
    // Of a snapshot: what runs is known as a whole.
    place.put(
        "snapshot.jsonl",
        "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\",\"namespace\":\"shop\"},\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"nginx:1.0\"}]}}\n",
    );
    let (_, chain) = follow(&place, "nginx", &["--snapshot", "snapshot.jsonl", "--platform", "aks-standard"]);
    assert_eq!(chain["threads"][0]["workloads"], serde_json::json!(["Pod shop/a"]));
}
