//! `plimsoll check`: charts of Helm and folders of Kustomize.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;

use super::{Place, Run, finding};

const TEMPLATE: &str = r#"apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "shop.fullname" . }}
spec:
  template:
    spec:
      {{- if .Values.host }}
      hostPID: true
      {{- end }}
      containers:
      - name: web
        image: "{{ .Values.image }}:latest"
"#;

/// What Helm makes of it.
const RENDERED: &str = r#"---
# Source: shop/templates/web.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: release-name-shop
spec:
  template:
    spec:
      hostPID: true
      containers:
      - name: web
        image: "ghcr.io/acme/web:latest"
---
# Source: shop/../../etc/passwd
apiVersion: v1
kind: Service
metadata: {name: out, namespace: release-namespace}
spec: {type: NodePort, ports: [{port: 80}]}
"#;

fn breaks(report: &serde_json::Value, rule: &str) -> bool {
    report["findings"].as_array().unwrap().iter().any(|finding| finding["advisory"] == rule)
}

fn script(place: &Place, name: &str, text: &str) {
    let path = place.put(&format!("bin/{name}"), text);
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// With the programs of the test first, and those of the machine that are no renderers.
fn run(place: &Place, arguments: &[&str]) -> Run {
    let path = format!("{}:{}", place.text("bin"), place.text("tools"));
    place.run_with(arguments, &[("PATH", &path)])
}

/// A chart, a pod beside it, and the few programs that scripts need, by name.
fn place() -> Place {
    let place = Place::new();
    std::fs::create_dir_all(place.path("tools")).unwrap();
    for tool in ["cat", "sleep", "echo"] {
        std::os::unix::fs::symlink(format!("/bin/{tool}"), place.path("tools").join(tool)).unwrap();
    }
    place.put("app/shop/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n");
    place.put("app/shop/values.yaml", "image: ghcr.io/acme/web\n# apiVersion kind\n");
    place.put("app/shop/templates/web.yaml", TEMPLATE);
    // YAML by accident: judged as it stands, its image would have a moving tag.
    place.put(
        "app/shop/templates/pod.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {hostIPC: true, containers: [{name: x, image: \"{{ .Values.image }}\"}]}\n",
    );
    place.put(
        "app/pod.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: plain, namespace: shop}\nspec: {hostPID: true, containers: [{name: a, image: a}]}\n",
    );
    place.put("rendered.yaml", RENDERED);
    place
}

#[test]
fn a_chart_is_what_helm_makes_of_it() {
    let place = place();
    script(
        &place,
        "helm",
        &format!(
            "#!/bin/sh\n[ \"$1 $3\" = \"template {}\" ] || exit 9\n[ \"$7\" = \"\" ] || cat \"$7\" >&2\nexec cat {}\n",
            place.text("app/shop"),
            place.text("rendered.yaml")
        ),
    );
    let report = run(&place, &["check", "app", "--format", "json"]).exits(1).json();
    assert_eq!(report["problems"], serde_json::json!([]), "{report}");
    let host: Vec<(&str, u64)> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["advisory"] == "host-pid")
        .map(|finding| {
            (finding["subject"]["path"].as_str().unwrap(), finding["subject"]["line"].as_u64().unwrap())
        })
        .collect();
    // At the line of the template, not of what came out.
    assert_eq!(host, [("app/pod.yaml", 4), ("app/shop/templates/web.yaml", 9)]);
    // A source outside of the chart is none of its files.
    let service = finding(&report, "service-exposed");
    assert_eq!(service["subject"]["path"], "app/shop");
    assert_eq!(service["subject"]["line"], serde_json::Value::Null);
    assert!(!breaks(&report, "host-ipc"), "{report}");
    // The same when the chart or its description is named, and with values.
    let report = run(&place, &["check", "app/shop", "--format", "json"]).exits(1).json();
    assert_eq!(finding(&report, "host-pid")["subject"]["path"], "app/shop/templates/web.yaml");
    let values = place.put("prod.yaml", "image: other\n");
    let report = run(&place, &["check", "app/shop/Chart.yaml", "--values", &values, "--format", "json"])
        .exits(1)
        .json();
    assert_eq!(finding(&report, "host-pid")["subject"]["line"], 9);
    let table = run(&place, &["check", "app/shop", "--all"]).exits(1);
    assert!(table.stdout.contains("app/shop/templates/web.yaml:9"), "{}", table.stdout);
}

#[test]
fn without_helm_the_chart_is_unknown_and_the_rest_is_checked() {
    let place = place();
    let ended = run(&place, &["check", "app", "--format", "json"]).exits(1);
    let report = ended.json();
    let problem = &report["problems"][0];
    assert_eq!(problem["subject"], "app/shop");
    assert_eq!(problem["effect"], "incomplete");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("`helm` is not installed"), "{detail}");
    assert!(detail.contains("helm template app/shop --values ... | plimsoll check -"), "{detail}");
    assert_eq!(finding(&report, "host-pid")["subject"]["path"], "app/pod.yaml");
    assert!(!breaks(&report, "host-ipc"), "{report}");
    // Nothing but the chart: nothing is known.
    run(&place, &["check", "app/shop"]).exits(3);
    run(&place, &["check", "app/shop/templates"]).exits(3);
    let one = run(&place, &["check", "app/shop/templates/pod.yaml", "--format", "json"]).exits(3).json();
    assert!(one["problems"][0]["detail"].as_str().unwrap().contains("check the chart"), "{one}");
    // The same template far from its chart.
    std::fs::copy(place.path("app/shop/templates/pod.yaml"), place.path("lost.yaml")).unwrap();
    let lost = run(&place, &["check", "lost.yaml", "--format", "json"]).exits(3).json();
    assert_eq!(lost["findings"], serde_json::json!([]));
    // What another program's template asks for, in a text that a ConfigMap carries, is no matter of Helm.
    place.put(
        "alerts.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: b}\ndata:\n  t: '{{ .Values.B }} {{ template \"c\" . }}'\n",
    );
    run(&place, &["check", "alerts.yaml"]).exits(0);
}

#[test]
fn charts_that_fail_are_unknown() {
    let place = place();
    script(&place, "helm", "#!/bin/sh\necho 'Error: execution error: image is required' >&2\nexit 1\n");
    let report = run(&place, &["check", "app/shop", "--format", "json"]).exits(3).json();
    let detail = report["problems"][0]["detail"].as_str().unwrap();
    assert!(detail.contains("`helm` says: Error: execution error: image is required"), "{detail}");
    script(&place, "helm", "#!/bin/sh\necho 'apiVersion: [kind'\n");
    let report = run(&place, &["check", "app/shop", "--format", "json"]).exits(3).json();
    assert!(report["problems"][0]["detail"].as_str().unwrap().contains("renders to is no YAML"), "{report}");
    script(&place, "helm", "#!/bin/sh\necho '# nothing'\n");
    run(&place, &["check", "app/shop"]).exits(0);
    place.put("app/shop/Chart.yaml", "apiVersion: v2\nname: shop\ntype: library\n");
    let report = run(&place, &["check", "app", "--format", "json"]).exits(1).json();
    assert_eq!(report["problems"][0]["effect"], "note", "{report}");
}

/// The chart of `place`, as `helm package` packs it.
fn packed(place: &Place) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for name in ["Chart.yaml", "values.yaml", "templates/web.yaml", "templates/pod.yaml"] {
        let path = place.path("app/shop").join(name);
        builder.append_path_with_name(path, format!("shop/{name}")).unwrap();
    }
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(&builder.into_inner().unwrap()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_packed_chart_is_a_chart() {
    let place = place();
    let package = packed(&place);
    std::fs::remove_dir_all(place.path("app/shop")).unwrap();
    place.put("app/shop-1.0.tgz", &package);
    // Another archive that lies about is nobody's chart.
    let mut other = Vec::new();
    flate2::read::GzDecoder::new(&package[..]).read_to_end(&mut other).unwrap();
    place.put("app/other.tgz", &other[..512]);
    // Without `helm` it is unknown, with the reason and what to type.
    let report = run(&place, &["check", "app", "--format", "json"]).exits(1).json();
    let told: Vec<&serde_json::Value> = report["problems"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|problem| problem["subject"] == "app/shop-1.0.tgz")
        .collect();
    assert_eq!(told.len(), 1, "{report}");
    assert_eq!(told[0]["effect"], "incomplete");
    let detail = told[0]["detail"].as_str().unwrap();
    assert!(detail.contains("`helm` is not installed"), "{detail}");
    assert!(detail.contains("helm template app/shop-1.0.tgz --values ... | plimsoll check -"), "{detail}");
    run(&place, &["check", "app/shop-1.0.tgz"]).exits(3);
    script(
        &place,
        "helm",
        &format!(
            "#!/bin/sh\ncase \"$1 $3\" in 'template /'*/shop) ;; *) exit 9 ;; esac\n[ -f \"$3/templates/web.yaml\" ] || exit 8\nexec cat {}\n",
            place.text("rendered.yaml")
        ),
    );
    std::fs::remove_file(place.path("app/other.tgz")).unwrap();
    for target in ["app", "app/shop-1.0.tgz"] {
        let report = run(&place, &["check", target, "--format", "json"]).exits(1).json();
        assert_eq!(report["problems"], serde_json::json!([]), "{report}");
        let web: Vec<&serde_json::Value> = report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|finding| {
                finding["advisory"] == "host-pid" && finding["subject"]["path"] != "app/pod.yaml"
            })
            .collect();
        // At the line of the template, below the package's name.
        assert_eq!(web[0]["subject"]["path"], "app/shop-1.0.tgz/shop/templates/web.yaml", "{report}");
        assert_eq!(web[0]["subject"]["line"], 9);
        assert_eq!(finding(&report, "service-exposed")["subject"]["path"], "app/shop-1.0.tgz");
    }
    // Repairs have no file to write to, and say so.
    let fixed = run(&place, &["check", "app/shop-1.0.tgz", "--fix"]).exits(1);
    assert_eq!(std::fs::read(place.path("app/shop-1.0.tgz")).unwrap(), package, "{}", fixed.stdout);
    // What is no archive at all.
    place.put("broken.tgz", "no archive");
    let broken = run(&place, &["check", "broken.tgz", "--format", "json"]).exits(3).json();
    assert!(broken["problems"][0]["detail"].as_str().unwrap().contains("is not known"), "{broken}");
}

const BASE: &str = "apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    spec:
      hostPID: true
      containers:
      - name: web
        image: ghcr.io/acme/web:1.4
";

fn layers(place: &Place) {
    place.put("k/base/kustomization.yaml", "resources:\n- web.yaml\n");
    place.put("k/base/web.yaml", BASE);
    place.put(
        "k/prod/kustomization.yaml",
        "resources:\n- ../base\nnamePrefix: prod-\nnamespace: prod\npatches:\n- path: patch.yaml\n",
    );
    place.put(
        "k/prod/patch.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  template:\n    spec:\n      hostNetwork: true\n",
    );
}

fn layered(report: &serde_json::Value) {
    let at = |id: &str| {
        let finding = finding(report, id);
        (
            finding["subject"]["path"].as_str().unwrap().to_owned(),
            finding["subject"]["line"].as_u64().unwrap(),
        )
    };
    assert_eq!(at("host-pid"), ("k/base/web.yaml".to_owned(), 8));
    assert_eq!(at("host-network"), ("k/prod/patch.yaml".to_owned(), 8));
    let id = finding(report, "host-pid")["id"].as_str().unwrap().to_owned();
    assert_eq!(id, "host-pid@k/prod:Deployment.apps/prod/prod-web/spec/template/spec/hostPID");
    let count = |id: &str| {
        report["findings"].as_array().unwrap().iter().filter(|finding| finding["advisory"] == id).count()
    };
    assert_eq!((count("host-pid"), count("host-network")), (1, 1));
}

#[test]
fn a_folder_of_kustomize_is_what_comes_out() {
    let place = place();
    layers(&place);
    let out = BASE
        .replace("name: web\nspec", "name: prod-web\n  namespace: prod\nspec")
        .replace("hostPID", "hostNetwork: true\n      hostPID");
    place.put("out.yaml", out);
    let ask = format!(
        "[ \"$1 $2\" = \"WORD {}\" ] || exit 9\nexec cat {}\n",
        place.text("k/prod"),
        place.text("out.yaml")
    );
    script(&place, "kubectl", &format!("#!/bin/sh\n{}", ask.replace("WORD", "kustomize")));
    layered(&run(&place, &["check", "k", "--format", "json"]).exits(1).json());
    script(&place, "kustomize", &format!("#!/bin/sh\n{}", ask.replace("WORD", "build")));
    layered(&run(&place, &["check", "k", "--format", "json"]).exits(1).json());
    layered(&run(&place, &["check", "k/prod/kustomization.yaml", "--format", "json"]).exits(1).json());
}

#[test]
fn without_kustomize_the_folder_is_unknown() {
    let place = place();
    layers(&place);
    let report = run(&place, &["check", "k", "--format", "json"]).exits(3).json();
    assert_eq!(report["findings"], serde_json::json!([]));
    let problems = report["problems"].as_array().unwrap();
    assert_eq!(problems.len(), 1, "{report}");
    assert_eq!(problems[0]["subject"], "k/prod");
    assert!(problems[0]["detail"].as_str().unwrap().contains("kustomize build k/prod | plimsoll check -"));
}

/// With the real program, where there is one.
#[test]
fn a_real_kustomize_answers_the_same() {
    if !std::path::Path::new("/usr/bin/kubectl").is_file() {
        plimsoll_testing::not_tested("there is no /usr/bin/kubectl");
        return;
    }
    let place = place();
    layers(&place);
    let ask = |place: &Place, path: &str| {
        place.run_with(&["check", path, "--format", "json"], &[("PATH", "/usr/bin:/bin")])
    };
    layered(&ask(&place, "k").exits(1).json());
    // What is elsewhere is not fetched, and files outside of the folder are not read.
    for other in [
        "https://example.com/pod.yaml",
        "git::https://example.com/a//b",
        "/etc/hostname",
        "../../app/pod.yaml",
    ] {
        place.put("k/prod/kustomization.yaml", format!("resources:\n- {other}\n"));
        for gone in ["k/base/kustomization.yaml", "k/base/web.yaml", "k/prod/patch.yaml"] {
            std::fs::remove_file(place.path(gone)).ok();
        }
        let report = ask(&place, "k").exits(3).json();
        assert_eq!(report["findings"], serde_json::json!([]), "{other}");
    }
}

#[test]
fn kinds_of_others_hold_pods_where_they_are_said_to() {
    let place = place();
    place.put(
        "task.yaml",
        "apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: build, namespace: ci}\nspec:\n  steps:\n  - name: a\n    image: a:latest\n    securityContext: {privileged: true}\n",
    );
    let plain = run(&place, &["check", "task.yaml", "--format", "json"]).json();
    assert!(!breaks(&plain, "privileged-container"), "{plain}");
    let kind = "Task.tekton.dev=container:/spec/steps";
    let report = run(&place, &["check", "task.yaml", "--kind", kind, "--format", "json"]).exits(1).json();
    assert_eq!(finding(&report, "privileged-container")["subject"]["line"], 8);
    let wrong = run(&place, &["check", "task.yaml", "--kind", "Task"]).exits(2);
    assert!(wrong.stderr.contains("KIND.GROUP=WHAT:/PATH"), "{}", wrong.stderr);
}
