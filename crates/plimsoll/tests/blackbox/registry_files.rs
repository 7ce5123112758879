//! What the files of Podman, containerd and Docker say of registries, in front of a real one; and what it has, as lists.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::registry::{Shared, content, expected, shared};
use super::{Place, Run, database, text};

/// A registry that shows nothing to whom it does not know.
fn mutual_tls(shared: &Shared) -> plimsoll_testing::Registry {
    let mut http = shared.tls();
    http["tls"]["clientcas"] = json!([shared.place.text("authority.pem")]);
    shared.start(&json!({ "http": http }))
}

fn copy(shared: &Shared, folder: &Path, files: &[(&str, &str)]) {
    std::fs::create_dir_all(folder).unwrap();
    for (from, to) in files {
        std::fs::copy(shared.place.path(from), folder.join(to)).unwrap();
    }
}

const DOCKERS: [(&str, &str); 3] =
    [("authority.pem", "ca.crt"), ("client.cert", "client.cert"), ("client.key", "client.key")];

#[test]
fn a_registry_that_wants_a_certificate() {
    let Some(shared) = shared() else { return };
    let registry = mutual_tls(shared);
    let host = &registry.host;
    let name = format!("{host}/team/shop:1.0");
    let place = Place::new();
    let [authority, certificate, key] =
        ["authority.pem", "client.cert", "client.key"].map(|name| shared.place.text(name));
    place
        .scan(&name, &["--ca-file", &authority])
        .exits(3)
        .says(&["error: cannot read the tag `1.0`", &name[..9]]);
    let options =
        ["--ca-file", &authority, "--client-cert", &certificate, "--client-key", &key].map(str::to_owned);
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let report = place.json(&name, &options);
    assert_eq!(content(&report), expected());
    assert_eq!(report["target"]["origin"]["decidedBy"], json!(["--client-cert"]));
    // One file with both.
    let both = [&certificate, &key].map(|path| std::fs::read(path).unwrap()).concat();
    let both = place.put("both.pem", both);
    let report = place.json(&name, &["--ca-file", &authority, "--client-cert", &both, "--no-cache"]);
    assert_eq!(content(&report), expected());

    // As Podman and Docker keep them.
    let folder = place.path(".config/docker/certs.d").join(host);
    copy(shared, &folder, &DOCKERS);
    let report = place.json(&name, &["--no-cache"]);
    assert_eq!(content(&report), expected());
    assert_eq!(report["target"]["origin"]["decidedBy"], json!([folder]));
    copy(shared, &place.path(".config/containers/certs.d").join(host), &DOCKERS[..2]);
    place
        .scan(&name, &["--no-cache"])
        .exits(2)
        .says(&["`client.cert` has no `client.key` beside it", "hint:"]);
    std::fs::remove_dir_all(place.path(".config")).unwrap();

    // As containerd keeps them: for a mirror, which has what the registry that is meant has not.
    let folder = place.path("certs.d/ship.example");
    copy(shared, &folder, &DOCKERS);
    let mirror = format!(
        "server = \"https://127.0.0.1:1\"\n[host.\"https://{host}\"]\n  ca = \"ca.crt\"\n  \
         client = [[\"client.cert\", \"client.key\"]]\n  capabilities = [\"pull\", \"resolve\"]\n"
    );
    std::fs::write(folder.join("hosts.toml"), mirror).unwrap();
    let report = place.json("ship.example/team/shop:1.0", &["--hosts-dir", "certs.d", "--no-cache"]);
    assert_eq!(content(&report), expected());
    let origin = &report["target"]["origin"];
    assert_eq!(
        (text(&origin["place"]), text(&origin["decidedBy"][0])),
        (host.clone(), "certs.d/ship.example/hosts.toml".into())
    );
    assert_eq!(text(&report["target"]["reference"]), "ship.example/team/shop:1.0");
    std::fs::write(folder.join("hosts.toml"), "[host]\nserver = [").unwrap();
    let run = place.scan("ship.example/team/shop:1.0", &["--hosts-dir", "certs.d"]).exits(2);
    run.says(&["cannot use `certs.d/ship.example/hosts.toml`: line 2"]);
}

fn with(place: &Place, file: &str, target: &str) -> Run {
    let arguments =
        ["scan", &format!("registry:{target}"), "--db", database(), "--format", "json", "--no-cache"];
    place.run_with(&arguments, &[("CONTAINERS_REGISTRIES_CONF", file)])
}

#[test]
fn registries_conf() {
    let Some(shared) = shared() else { return };
    let registry = shared.start(&json!({}));
    let secured = shared.start(&json!({ "http": shared.tls() }));
    let (host, insecure) = (&registry.host, &secured.host);
    let place = Place::new();
    let file = place.put(
        "registries.conf",
        format!(
            "unqualified-search-registries = ['{host}', 'absent.invalid']\nshort-name-mode = 'enforcing'\n\
             [[registry]]\nprefix = 'ship.example/fleet'\nlocation = '{host}/team'\n\
             [[registry]]\nlocation = 'sea.example'\n[[registry.mirror]]\nlocation = '127.0.0.1:1'\n\
             [[registry.mirror]]\nlocation = '{insecure}'\ninsecure = true\n\
             [[registry]]\nlocation = 'pirate.example'\nblocked = true\n\
             [aliases]\nboat = '{host}/team/shop'\n"
        ),
    );
    for (target, reference, from) in [
        ("ship.example/fleet/shop:1.0", "ship.example/fleet/shop:1.0", host),
        ("sea.example/team/shop:1.0", "sea.example/team/shop:1.0", insecure),
        ("boat:1.0", &format!("{host}/team/shop:1.0"), host),
        ("team/shop:1.0", &format!("{host}/team/shop:1.0"), host),
    ] {
        let report = with(&place, &file, target).json();
        assert_eq!(content(&report), expected(), "{target}");
        assert_eq!(text(&report["target"]["reference"]), reference);
        let origin = &report["target"]["origin"];
        assert_eq!(&text(&origin["place"]), from, "{target}");
        assert!(origin["decidedBy"].to_string().contains("registries.conf"), "{target}: {origin}");
    }
    with(&place, &file, "pirate.example/a")
        .exits(2)
        .says(&["`pirate.example/a` is blocked by [[registry]] `pirate.example`"]);
    with(&place, "absent.conf", "a/b").exits(2).says(&["cannot use `absent.conf`: it is not there"]);
    // Where no variable names one: the user's, and what its folder adds.
    std::fs::create_dir_all(place.path(".config/containers/registries.conf.d")).unwrap();
    std::fs::copy(&file, place.path(".config/containers/registries.conf")).unwrap();
    let added = format!("[[registry]]\nprefix = 'pirate.example'\nlocation = '{host}'\n");
    place.put(".config/containers/registries.conf.d/9.conf", added);
    assert_eq!(content(&place.json("pirate.example/team/shop:1.0", &[])), expected());

    let run = place.run(&["registry", "where", "sea.example/team/shop:1.0", "--json"]).exits(0);
    let places = run.json()["places"].as_array().unwrap().clone();
    let names: Vec<String> = places.iter().map(|place| text(&place["name"])).collect();
    let expected = ["127.0.0.1:1", insecure, "sea.example"].map(|host| format!("{host}/team/shop:1.0"));
    assert_eq!(names, expected);
    assert_eq!((&places[1]["insecure"], &places[1]["mirror"]), (&json!(true), &json!(true)));
    let run = place.run(&["registry", "where", "pirate.example/a"]).exits(0).quiet();
    let told = "decided by [[registry]] `pirate.example` of `";
    assert!(run.stdout.contains(told) && run.stdout.contains("registries.conf.d/9.conf"), "{}", run.stdout);
    place.run(&["registry", "where", "other.example/a"]).exits(0).quiet();
}

#[test]
fn what_a_registry_has() {
    let Some(shared) = shared() else { return };
    let registry = shared.start(&json!({}));
    let host = &registry.host;
    let place = Place::new();
    let list =
        |arguments: &[&str]| -> Value { place.run(&[&["registry"], arguments, &["--json"]].concat()).json() };
    assert_eq!(list(&["tags", &format!("{host}/team/shop")])["tags"], json!(["1.0"]));
    let run = place.run(&["registry", "ls", &format!("registry:{host}/team/shop")]).exits(0).quiet();
    assert_eq!(run.stdout, "1.0\n");
    let below = list(&["repositories", &format!("{host}/team")]);
    assert_eq!(below["repositories"], json!([format!("{host}/team/many"), format!("{host}/team/shop")]));
    assert_eq!(list(&["catalog", host])["repositories"].as_array().unwrap().len(), 3);
    place
        .run(&["registry", "tags", &format!("{host}/absent")])
        .exits(3)
        .says(&["does not have the list of tags"]);

    // A repository of its own: what is stored would be seen by others.
    let image = format!("{host}/lists/shop:1.0");
    let output = Command::new("skopeo")
        .args(["copy", "--insecure-policy", "--src-tls-verify=false", "--dest-tls-verify=false"])
        .args([format!("docker://{host}/team/shop:1.0"), format!("docker://{image}")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let none = place.run(&["registry", "referrers", &image]).exits(0).quiet();
    assert!(none.stdout.contains("nothing refers to it"), "{}", none.stdout);
    let key = place.text("key.pem");
    let output = Command::new("openssl")
        .args(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", &key])
        .output();
    assert!(output.unwrap().status.success());
    place.run(&["attest", &image, "--key", &key]).exits(0);
    let found = list(&["referrers", &image]);
    let [one] = found["referrers"].as_array().unwrap().as_slice() else { panic!("{found}") };
    assert!(text(&one["artifactType"]).contains("sigstore.bundle"), "{one}");
    // This registry has no referrers API.
    assert_eq!(one["by"], json!([format!("tag {}", text(&found["digest"]).replace(':', "-"))]));
    let run = place.run(&["registry", "referrers", &image]).exits(0).quiet();
    assert!(
        run.stdout.contains("sigstore.bundle") && run.stdout.contains("by tag sha256-"),
        "{}",
        run.stdout
    );
}
