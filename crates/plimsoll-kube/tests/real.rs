//! The client against a real API server (docs/test-cluster.md).

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use plimsoll_http::{Clock, Settings};
use plimsoll_kube::{Access, Client, Error, Event, Filter, Patch, Resource, Surroundings};
use plimsoll_testing::ApiServer;
use serde_json_borrow::Value;

static PODS: Resource = Resource::new("", "v1", "pods", "Pod", true);
static CONFIG_MAPS: Resource = Resource::new("", "v1", "configmaps", "ConfigMap", true);
static SECRETS: Resource = Resource::new("", "v1", "secrets", "Secret", true);
static EVENTS: Resource = Resource::new("", "v1", "events", "Event", true);

struct Machine;

impl Clock for Machine {
    #[expect(clippy::disallowed_methods, reason = "credentials end by the machine's clock here")]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

fn find(surroundings: &Surroundings) -> Result<Client, Error> {
    Ok(Client::new(Access::find(surroundings, None, &Settings::new("plimsoll-test", 1, Arc::new(Machine)))?))
}

fn by(kubeconfig: PathBuf) -> Client {
    find(&Surroundings { named: Some(kubeconfig), ..Surroundings::default() }).expect("a kubeconfig")
}

/// A client by a kubeconfig of these words for cluster and user.
fn with(folder: &Path, cluster: &str, user: &str) -> Client {
    let file = folder.join("config");
    let text = format!(
        "current-context: x\nclusters: [{{name: c, cluster: {{{cluster}}}}}]\nusers: [{{name: u, user: {{{user}}}}}]\n\
         contexts: [{{name: x, context: {{cluster: c, user: u}}}}]\n"
    );
    std::fs::write(&file, text).expect("a file");
    by(file)
}

fn namespace(server: &ApiServer, name: &str) {
    let manifest = format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {name}}}}}");
    server.apply(&format!("/api/v1/namespaces/{name}"), &manifest);
}

fn name(object: &Value<'_>) -> String {
    object
        .as_object()
        .and_then(|object| object.get("metadata")?.as_object()?.get("name")?.as_str())
        .unwrap_or_default()
        .to_owned()
}

fn names(client: &Client, resource: &Resource, filter: &Filter<'_>) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    client.list(resource, filter, &mut |page| {
        if page.first {
            names.clear();
        }
        names.extend(page.items.iter().map(name));
    })?;
    Ok(names)
}

#[test]
fn ways_to_be_known() {
    let Some(server) = ApiServer::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let all = Filter { namespace: Some("default"), ..Filter::default() };
    let ask = |cluster: &str, user: &str| names(&with(folder.path(), cluster, user), &PODS, &all);
    let authority = server.authority().display().to_string();
    let good = format!("server: '{}', certificate-authority: '{authority}'", server.url);
    let token = "token: token-of-admin";
    ask(&good, token).unwrap();

    // The data in the kubeconfig itself, and a certificate instead of a token.
    let encoded = |path: &Path| {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(std::fs::read(path).unwrap())
    };
    let data =
        format!("server: '{}', certificate-authority-data: {}", server.url, encoded(&server.authority()));
    ask(&data, token).unwrap();
    let (certificate, key) = server.certificate("carol", &["system:masters"]);
    let files = format!("client-certificate: '{}', client-key: '{}'", certificate.display(), key.display());
    ask(&good, &files).unwrap();
    let inline =
        format!("client-certificate-data: {}, client-key-data: {}", encoded(&certificate), encoded(&key));
    ask(&data, &inline).unwrap();

    // Another authority, none, and none wanted.
    let (other, _) = server.certificate("other", &[]);
    let wrong = format!("server: '{}', certificate-authority: '{}'", server.url, other.display());
    let error = ask(&wrong, token).unwrap_err();
    assert!(matches!(&error, Error::Network { .. }), "{error:?}");
    assert!(
        plimsoll_model::one_line(&error).contains("authority that is not trusted"),
        "{}",
        plimsoll_model::one_line(&error)
    );
    assert!(ask(&format!("server: '{}'", server.url), token).is_err());
    ask(&format!("server: '{}', insecure-skip-tls-verify: true", server.url), token).unwrap();

    // The certificate is for `kubernetes.default.svc` as well, and for no other name.
    ask(&format!("{good}, tls-server-name: kubernetes.default.svc"), token).unwrap();
    let error = ask(&format!("{good}, tls-server-name: elsewhere.example"), token).unwrap_err();
    assert!(
        plimsoll_model::one_line(&error).contains("the certificate of `elsewhere.example` is not valid"),
        "{}",
        plimsoll_model::one_line(&error)
    );

    // Nobody, somebody unknown, and somebody in the name of another.
    let error = ask(&good, "token: s3cret").unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }), "{error}");
    assert!(!plimsoll_model::one_line(&error).contains("s3cret"));
    let error = ask(&good, &format!("{token}, as: eve, as-groups: [x]")).unwrap_err();
    let Error::Forbidden { said, .. } = &error else { panic!("{error}") };
    assert!(said.contains("User \"eve\""), "{said}");
    ask(&good, &format!("{token}, as: eve, as-groups: ['system:masters']")).unwrap();
}

#[test]
fn credentials_that_are_replaced() {
    let Some(server) = ApiServer::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let cluster =
        format!("server: '{}', certificate-authority: '{}'", server.url, server.authority().display());
    let all = Filter { namespace: Some("default"), ..Filter::default() };
    let token = folder.path().join("token");
    std::fs::write(&token, "token-of-nobody").unwrap();
    let client = with(folder.path(), &cluster, "tokenFile: token");
    assert!(matches!(names(&client, &PODS, &all), Err(Error::Forbidden { .. })));
    // The token is still believed to be good when the server no longer takes it: the file is read again at once.
    std::fs::write(&token, "ended").unwrap();
    let client = with(folder.path(), &cluster, "tokenFile: token");
    assert!(matches!(names(&client, &PODS, &all), Err(Error::Unauthorized { .. })));
    std::fs::write(&token, "token-of-admin\n").unwrap();
    names(&client, &PODS, &all).unwrap();

    // A program whose first answer ends at once, and whose answers are counted.
    let script = folder.path().join("token.sh");
    let text = "#!/bin/sh\necho x >> \"$0.count\"\ncat <<END\n{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\
                \"status\":{\"token\":\"token-of-$WHO\",\"expirationTimestamp\":\"$UNTIL\"}}\nEND\n";
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let exec = |until: &str| {
        format!(
            "exec: {{apiVersion: client.authentication.k8s.io/v1, command: ./token.sh, interactiveMode: Never, \
             env: [{{name: WHO, value: admin}}, {{name: UNTIL, value: '{until}'}}]}}"
        )
    };
    let runs = |until: &str| {
        let client = with(folder.path(), &cluster, &exec(until));
        let _ = std::fs::remove_file(folder.path().join("token.sh.count"));
        for _ in 0..3 {
            names(&client, &PODS, &all).unwrap();
        }
        std::fs::read_to_string(folder.path().join("token.sh.count")).unwrap().lines().count()
    };
    assert_eq!(runs("2099-01-01T00:00:00Z"), 1);
    assert_eq!(runs("2001-01-01T00:00:00Z"), 3);
}

#[test]
fn in_a_cluster_with_the_token_of_its_service_account() {
    let Some(server) = ApiServer::shared() else { return };
    namespace(server, "inside");
    server.apply(
        "/api/v1/namespaces/inside/serviceaccounts/audit",
        "{apiVersion: v1, kind: ServiceAccount, metadata: {name: audit}}",
    );
    let request = b"{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":\"TokenRequest\",\"spec\":{\"audiences\":[\"https://kubernetes.default.svc\"]}}";
    let path = "/api/v1/namespaces/inside/serviceaccounts/audit/token";
    let (status, body) = server.request("POST", path, "application/json", request, "admin");
    assert_eq!(status, 201);
    let answer: Value<'_> = serde_json::from_slice(&body).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let token = answer.get("status").get("token").as_str().unwrap();
    std::fs::write(folder.path().join("token"), token).unwrap();
    std::fs::write(folder.path().join("namespace"), "inside").unwrap();
    std::fs::copy(server.authority(), folder.path().join("ca.crt")).unwrap();
    let (host, port) = server.url.trim_start_matches("https://").split_once(':').unwrap();
    let surroundings = Surroundings {
        service: Some((host.to_owned(), port.to_owned())),
        account: folder.path().to_owned(),
        ..Surroundings::default()
    };
    let client = find(&surroundings).unwrap();
    assert_eq!(client.access().namespace.as_deref(), Some("inside"));
    let inside = Filter { namespace: Some("inside"), ..Filter::default() };
    let error = names(&client, &PODS, &inside).unwrap_err();
    let Error::Forbidden { attempt, said } = &error else { panic!("{error}") };
    assert_eq!(error.to_string(), "no right to list `pods` in the namespace `inside`");
    assert!(said.contains("system:serviceaccount:inside:audit"), "{said}");
    assert_eq!((attempt.verb, attempt.resource.as_ref()), ("list", "pods"));
}

#[test]
fn pages_and_a_state_that_is_forgotten_between_them() {
    let Some(server) = ApiServer::shared() else { return };
    const COUNT: usize = 507;
    namespace(server, "pages");
    let maps = "/api/v1/namespaces/pages/configmaps";
    std::thread::scope(|scope| {
        for part in 0..4 {
            scope.spawn(move || {
                for index in (0..COUNT).filter(|index| index % 4 == part) {
                    let map = format!(
                        "{{\"metadata\":{{\"name\":\"map-{index}\",\"labels\":{{\"part\":\"p{part}\"}}}}}}"
                    );
                    let (status, _) =
                        server.request("POST", maps, "application/json", map.as_bytes(), "admin");
                    assert_eq!(status, 201);
                }
            });
        }
    });
    let client = by(server.kubeconfig("admin"));
    let all = Filter { namespace: Some("pages"), ..Filter::default() };
    let found = names(&client, &CONFIG_MAPS, &all).unwrap();
    assert_eq!((found.len(), found.iter().collect::<BTreeSet<_>>().len()), (COUNT, COUNT));
    let first = Filter { labels: Some("part=p1"), ..all };
    assert_eq!(names(&client, &CONFIG_MAPS, &first).unwrap().len(), 127);
    let one = Filter { fields: Some("metadata.name=map-7"), ..all };
    assert_eq!(names(&client, &CONFIG_MAPS, &one).unwrap(), ["map-7"]);

    let (mut found, mut beginnings) = (Vec::new(), 0);
    let listed = client
        .list(&CONFIG_MAPS, &all, &mut |page| {
            if page.first {
                beginnings += 1;
                found.clear();
                if beginnings == 1 {
                    // The state of this page is forgotten before the next one is asked for.
                    let (_, body) = server.request(
                        "POST",
                        maps,
                        "application/json",
                        b"{\"metadata\":{\"name\":\"late\"}}",
                        "admin",
                    );
                    let late: Value<'_> = serde_json::from_slice(&body).unwrap();
                    server.compact(late.get("metadata").get("resourceVersion").as_str().unwrap());
                }
            }
            found.extend(page.items.iter().map(name));
        })
        .unwrap();
    assert_eq!((beginnings, found.len(), listed.count), (2, COUNT + 1, COUNT as u64 + 1));
    assert!(found.contains(&"late".to_owned()));
}

#[test]
fn watches_go_on_and_a_state_that_is_forgotten_is_said() {
    let Some(server) = ApiServer::shared() else { return };
    namespace(server, "watched");
    let path = |name: &str| format!("/api/v1/namespaces/watched/configmaps/{name}");
    let map = |name: &str, value: &str| {
        server.apply(
            &path(name),
            &format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}}}, data: {{a: {value}}}}}"),
        );
    };
    map("one", "first");
    let client = by(server.kubeconfig("admin"));
    let all = Filter { namespace: Some("watched"), ..Filter::default() };
    let mut heard = Vec::new();
    let mut step = 0;
    client
        .follow(&CONFIG_MAPS, &all, &mut |event| {
            match event {
                Event::Begin => heard.push("begin".to_owned()),
                Event::Complete => {
                    heard.push("complete".into());
                    map("two", "first");
                }
                Event::Applied(object) => {
                    assert_eq!(object.get("kind").as_str(), Some("ConfigMap"));
                    heard.push(format!("applied {}", name(object)));
                    step += 1;
                    match step {
                        2 => map("two", "second"),
                        3 => server.delete(&path("two")),
                        _ => {}
                    }
                }
                Event::Deleted(object) => {
                    heard.push(format!("deleted {}", name(object)));
                    return ControlFlow::Break(());
                }
                Event::Quiet => {}
                Event::Trouble(error) => panic!("{error}"),
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    let expected = ["begin", "applied one", "complete", "applied two", "applied two", "deleted two"];
    assert_eq!(heard, expected);

    // Where one watch ended the next goes on, and nothing is heard twice.
    let listed = client.list(&CONFIG_MAPS, &all, &mut |_| {}).unwrap();
    map("three", "first");
    map("four", "first");
    let next = |from: &str| {
        let mut heard = String::new();
        let watched = client
            .watch(&CONFIG_MAPS, &all, from, &mut |event| match event {
                Event::Applied(object) => {
                    heard = name(object);
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            })
            .unwrap();
        assert!(watched.enough);
        (heard, watched.version)
    };
    let (heard, version) = next(&listed.version);
    assert_eq!(heard, "three");
    assert_eq!(next(&version).0, "four");
    // Of events the server keeps no changes in memory: what the database forgot is gone.
    server.compact(&version);
    let old = client.watch(&EVENTS, &all, "1", &mut |_| ControlFlow::Break(()));
    assert!(matches!(old, Err(Error::Expired { .. })), "{old:?}");
    let refused =
        by(server.kubeconfig("nobody")).follow(&CONFIG_MAPS, &all, &mut |_| ControlFlow::Continue(()));
    assert!(matches!(refused, Err(Error::Forbidden { .. })), "{refused:?}");
}

#[test]
fn writes() {
    let Some(server) = ApiServer::shared() else { return };
    namespace(server, "writes");
    let client = by(server.kubeconfig("admin"));
    let place = Some("writes");
    let apply = |manager, force, value: &str| {
        let body = format!(
            "{{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{{\"name\":\"m\"}},\"data\":{{\"a\":\"{value}\"}}}}"
        );
        client.patch(&CONFIG_MAPS, place, "m", None, Patch::Apply { manager, force }, body.as_bytes())
    };
    let value = || {
        let bytes = client.get(&CONFIG_MAPS, place, "m").unwrap()?;
        let map: Value<'_> = serde_json::from_slice(&bytes).unwrap();
        map.get("data").get("a").as_str().map(str::to_owned)
    };
    assert_eq!(value(), None);
    apply("one", false, "1").unwrap();
    let error = apply("two", false, "2").unwrap_err();
    let Error::Refused { status: 409, reason, said, .. } = &error else { panic!("{error}") };
    assert!(reason == "Conflict" && said.contains("\"one\""), "{error}");
    apply("two", true, "2").unwrap();
    assert_eq!(value().as_deref(), Some("2"));
    client.patch(&CONFIG_MAPS, place, "m", None, Patch::Merge, b"{\"data\":{\"a\":\"3\"}}").unwrap();
    client
        .patch(
            &CONFIG_MAPS,
            place,
            "m",
            None,
            Patch::Json,
            b"[{\"op\":\"test\",\"path\":\"/data/a\",\"value\":\"3\"}]",
        )
        .unwrap();
    assert_eq!(value().as_deref(), Some("3"));
    assert!(client.delete(&CONFIG_MAPS, place, "m").unwrap());
    assert!(!client.delete(&CONFIG_MAPS, place, "m").unwrap());

    // The status of a pod is a part of its own, with a right of its own.
    server.apply(
        "/api/v1/namespaces/writes/pods/p",
        "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: a, image: a}]}}",
    );
    let status = b"{\"status\":{\"phase\":\"Running\"}}";
    client.patch(&PODS, place, "p", Some("status"), Patch::Merge, status).unwrap();
    let nobody = by(server.kubeconfig("nobody"));
    let error = nobody.patch(&PODS, place, "p", Some("status"), Patch::Merge, status).unwrap_err();
    assert_eq!(error.to_string(), "no right to patch `pods/status/p` in the namespace `writes`");
    let event = b"{\"metadata\":{\"generateName\":\"p.\"},\"involvedObject\":{\"kind\":\"Pod\",\"name\":\"p\",\"namespace\":\"writes\"},\"reason\":\"Tested\"}";
    client.create(&EVENTS, place, event).unwrap();
    let running = Filter { namespace: place, fields: Some("status.phase=Running"), ..Filter::default() };
    assert_eq!(names(&client, &PODS, &running).unwrap(), ["p"]);
    let error = client.create(&PODS, place, b"{\"metadata\":{\"name\":\"q\"}}").unwrap_err();
    assert!(matches!(&error, Error::Refused { status: 422, .. }), "{error}");
}

#[test]
fn what_a_server_offers_and_what_need_not_leave_it() {
    let Some(server) = ApiServer::shared() else { return };
    namespace(server, "offers");
    let client = by(server.kubeconfig("admin"));
    assert!(client.version().unwrap().starts_with("v1.20"));
    let groups = client.groups().unwrap();
    assert_eq!((groups[0].name.as_str(), groups[0].versions[0].as_str()), ("", "v1"));
    let batch = groups.iter().find(|group| group.name == "batch").unwrap();
    assert_eq!(batch.versions, ["v1", "v1beta1"]);
    assert!(client.resources("", "v1").unwrap().contains(&PODS));
    let jobs = client.resources("batch", "v1beta1").unwrap();
    assert!(jobs.iter().any(|one| one.kind == "CronJob" && one.namespaced && one.plural == "cronjobs"));
    assert!(matches!(client.resources("absent.example", "v1"), Err(Error::NotFound { .. })));
    assert!(matches!(client.resources("../..", "v1"), Err(Error::Name { .. })));

    server.apply(
        "/api/v1/namespaces/offers/secrets/s",
        "{apiVersion: v1, kind: Secret, metadata: {name: s}, stringData: {password: s3cret}}",
    );
    let names_only = Filter { namespace: Some("offers"), metadata_only: true, ..Filter::default() };
    let mut seen = Vec::new();
    client
        .list(&SECRETS, &names_only, &mut |page| {
            for item in page.items {
                assert!(item.get("data").is_null() && item.get("kind").as_str() == Some("Secret"));
                seen.push(name(item));
            }
        })
        .unwrap();
    assert_eq!(seen, ["s"]);
}
