//! Images in registries: a real one of Debian on this machine, with TLS, credentials and tokens, and one that does what
//! registries and networks do wrong.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use plimsoll_testing::{Registry, free_port};
use serde_json::{Value, json};

use super::common::feeds;
use super::common::image::{self, Pack};
use super::common::shop;
use super::{Place, Run, database, text};

/// The password of `sailor`, as users have it and as the registry keeps it.
const PASSWORD: &str = "anchorage";
const PASSWORD_FILE: &str = "sailor:$2b$05$abcdefghijklmnopqrstuuvD9d90Ub3DNw817dYPoCI65nb8SutGm\n";

/// What all tests of this file share: the content of the registries, and certificates.
pub(super) struct Shared {
    pub(super) place: Place,
}

#[expect(clippy::print_stderr, reason = "what is skipped is said")]
fn is_there(program: &str) -> bool {
    let there = Command::new(program).arg("--version").output().is_ok();
    if !there {
        eprintln!("skipped: `{program}` is not installed (cargo xtask deps)");
    }
    there
}

/// Content of all registries of the tests, pushed once; `None` where the programs are missing.
pub(super) fn shared() -> Option<&'static Shared> {
    static SHARED: OnceLock<Option<Shared>> = OnceLock::new();
    SHARED
        .get_or_init(|| {
            if !is_there("docker-registry") || !is_there("skopeo") || !is_there("openssl") {
                return None;
            }
            let place = Place::new();
            let shared = Shared { place };
            let registry = shared.start(&json!({}));
            let image = shop::image();
            let to = |name: &str| format!("docker://127.0.0.1:{}/{name}", registry.port);
            let many = image::multi_platform(
                "many",
                &[&image.for_architecture("arm64"), &image.for_architecture("s390x")],
                Pack::Zstd,
            );
            for (folder, files, tag, names) in [
                ("one", image::layout(&[("1.0", &image)], Pack::Gzip), "1.0", vec!["team/shop:1.0", "library/plimsoll-shop:1.0"]),
                ("many", many, "many", vec!["team/many:1"]),
            ] {
                image::write(&files, &shared.place.path(folder));
                for name in names {
                    let output = Command::new("skopeo")
                        .args(["copy", "--insecure-policy", "--all", "--preserve-digests", "--dest-tls-verify=false"])
                        .arg(format!("oci:{}:{tag}", shared.place.text(folder)))
                        .arg(to(name))
                        .output()
                        .unwrap();
                    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                }
            }
            let script = r#"
                set -e
                openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=test authority" -keyout authority.key -out authority.pem
                openssl req -newkey rsa:2048 -nodes -subj "/CN=server" -keyout server.key -out server.csr
                printf 'subjectAltName=IP:127.0.0.1\n' > names
                openssl x509 -req -in server.csr -CA authority.pem -CAkey authority.key -CAcreateserial -days 2 -extfile names -out server.pem
                openssl x509 -in server.pem -outform DER -out server.der
                openssl req -newkey rsa:2048 -nodes -subj "/CN=sailor" -keyout client.key -out client.csr
                printf 'extendedKeyUsage=clientAuth\n' > uses
                openssl x509 -req -in client.csr -CA authority.pem -CAkey authority.key -days 2 -extfile uses -out client.cert
            "#;
            let output =
                Command::new("sh").args(["-c", script]).current_dir(shared.place.folder.path()).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            shared.place.put("passwords", PASSWORD_FILE);
            Some(shared)
        })
        .as_ref()
}

impl Shared {
    /// A registry over the shared content, with more configuration.
    pub(super) fn start(&self, more: &Value) -> Registry {
        Registry::start_with(Some(&self.place.path("content")), more).expect("`shared` looked for it")
    }

    pub(super) fn tls(&self) -> Value {
        json!({ "tls": { "certificate": self.place.text("server.pem"), "key": self.place.text("server.key") } })
    }
}

/// The report of a scan that could be decided, without what names the place.
pub(super) fn content(report: &Value) -> Value {
    json!({
        "packages": report["packages"],
        "findings": report["findings"],
        "problems": report["problems"],
        "verdict": report["verdict"],
        "layers": report["target"]["layers"],
        "digest": report["target"]["digest"],
    })
}

pub(super) fn expected() -> Value {
    let place = Place::new();
    content(&place.json(&place.shop(), &[]))
}

/// `docker login`, as a file in the home of the run.
pub(super) fn log_in(place: &Place, host: &str, password: &str) {
    std::fs::create_dir_all(place.path(".docker")).unwrap();
    let auth = STANDARD.encode(format!("sailor:{password}"));
    place.put(".docker/config.json", json!({ "auths": { host: { "auth": auth } } }).to_string());
}

#[test]
fn the_same_image_gives_the_same_report() {
    let Some(shared) = shared() else { return };
    let registry = shared.start(&json!({}));
    let place = Place::new();
    let name = format!("127.0.0.1:{}/team/shop", registry.port);
    let report = place.json(&format!("{name}:1.0"), &[]);
    assert_eq!(content(&report), expected());
    assert_eq!(text(&report["target"]["reference"]), format!("{name}:1.0"));
    let by_digest = place.json(&format!("registry:{name}@{}", text(&report["target"]["digest"])), &[]);
    assert_eq!(content(&by_digest), expected());
}

#[test]
fn platforms_of_an_index() {
    let Some(shared) = shared() else { return };
    let registry = shared.start(&json!({}));
    let place = Place::new();
    let name = format!("127.0.0.1:{}/team/many:1", registry.port);
    let report = place.json(&name, &["--platform", "linux/arm64"]);
    assert_eq!(text(&report["target"]["platform"]), "linux/arm64");
    assert_eq!(
        report["packages"].as_array().unwrap().len(),
        expected()["packages"].as_array().unwrap().len()
    );
    place
        .scan(&name, &["--platform", "linux/riscv64"])
        .exits(2)
        .says(&["linux/arm64, linux/s390x", "linux/riscv64"]);
}

#[test]
fn all_images_below_a_prefix() {
    let Some(shared) = shared() else { return };
    let registry = shared.start(&json!({}));
    let place = Place::new();
    let host = format!("127.0.0.1:{}", registry.port);
    let names = |pattern: &str, more: &[&str]| -> Vec<String> {
        let report = place.json(&format!("registry:{host}{pattern}"), more);
        let targets = report["targets"].as_array().unwrap().clone();
        targets.iter().map(|target| text(&target["name"]).replace(&host, "HOST")).collect()
    };
    assert_eq!(names("/team/*", &[]), ["registry:HOST/team/many:1", "registry:HOST/team/shop:1.0"]);
    assert_eq!(names("/team/*", &["--tags", "1.*"]), ["registry:HOST/team/shop:1.0"]);
    assert_eq!(names("/*", &[]).len(), 3);
    assert_eq!(names("/team/*", &["--max-targets", "1"]), ["registry:HOST/team/many:1"]);
    let report = place.json(&format!("registry:{host}/team/shop/*"), &[]);
    assert_eq!(content(&report["targets"][0]["report"]), expected());
    // Nothing to scan is no clean answer.
    let run = place.scan(&format!("registry:{host}/nobody/*"), &["--format", "json"]).exits(3);
    let failure = text(&run.json()["targets"][0]["failure"]["message"]).replace(&host, "HOST");
    assert_eq!(failure, "the registry lists no image below `HOST/nobody` whose tags fit");
}

#[test]
fn what_is_not_there_is_no_clean_image() {
    let Some(shared) = shared() else { return };
    let registry = shared.start(&json!({}));
    let place = Place::new();
    let at = |name: &str| format!("127.0.0.1:{}/{name}", registry.port);
    place.scan(&at("team/shop:2.0"), &[]).exits(3).says(&["does not have the tag `2.0`", "hint:"]);
    place.scan(&at("team/absent"), &[]).exits(3).says(&["team/absent` does not have the tag `latest`"]);
    let nobody = format!("127.0.0.1:{}/a", free_port());
    place.scan(&nobody, &[]).exits(3).says(&["cannot connect to", "refused"]);
    place
        .scan("registry.invalid/a", &[])
        .exits(3)
        .says(&["the name `registry.invalid` cannot be resolved", "HTTPS_PROXY"]);
}

#[test]
fn a_private_authority() {
    let Some(shared) = shared() else { return };
    let registry = shared.start(&json!({ "http": shared.tls() }));
    let place = Place::new();
    let name = format!("127.0.0.1:{}/team/shop:1.0", registry.port);
    place.scan(&name, &[]).exits(3).says(&["issued by an authority that is not trusted", "--ca-file FILE"]);
    let authority = shared.place.text("authority.pem");
    assert_eq!(content(&place.json(&name, &["--ca-file", &authority])), expected());
    let host = format!("127.0.0.1:{}", registry.port);
    assert_eq!(content(&place.json(&name, &["--insecure", &host])), expected());
    place
        .scan(&name, &["--ca-file", "absent.pem"])
        .exits(3)
        .says(&["cannot use the certificates of `absent.pem`"]);
}

#[test]
fn user_and_password() {
    let Some(shared) = shared() else { return };
    let auth = json!({ "htpasswd": { "realm": "test", "path": shared.place.text("passwords") } });
    let registry = shared.start(&json!({ "auth": auth, "http": shared.tls() }));
    let place = Place::new();
    let host = format!("127.0.0.1:{}", registry.port);
    let name = format!("{host}/team/shop:1.0");
    let authority = shared.place.text("authority.pem");
    let login = format!("docker login {host}");
    let ca = ["--ca-file", authority.as_str()];
    place.scan(&name, &ca).exits(3).says(&["refuses", "(401)", "no file of credentials was found", &login]);
    log_in(&place, "other.example", PASSWORD);
    place.scan(&name, &ca).exits(3).says(&["config.json` has none for"]);
    log_in(&place, &host, "wrong-secret");
    let run = place.scan(&name, &ca).exits(3).says(&["tried the credentials of `", "config.json`"]);
    assert!(!run.stderr.contains("wrong-secret") && !run.stderr.contains("sailor"), "{}", run.stderr);
    log_in(&place, &host, PASSWORD);
    assert_eq!(content(&place.json(&name, &ca)), expected());
    // By a helper, and by Podman's file.
    std::fs::remove_file(place.path(".docker/config.json")).unwrap();
    let auth = STANDARD.encode(format!("sailor:{PASSWORD}"));
    let file =
        place.put("auth.json", json!({ "auths": { format!("{host}/team"): { "auth": auth } } }).to_string());
    let arguments = ["scan", &name, "--db", database(), "--format", "json", "--ca-file", &authority];
    let run = place.run_with(&arguments, &[("REGISTRY_AUTH_FILE", &file)]);
    assert_eq!(content(&run.json()), expected());
}

/// A server of tokens: signs what `sailor` may read.
fn token_server(shared: &'static Shared) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let Some(head) = head(&stream) else { continue };
            log.lock().unwrap().push(head.clone());
            let basic = STANDARD.encode(format!("sailor:{PASSWORD}"));
            let identity = head.starts_with("POST")
                && head.contains("grant_type=refresh_token")
                && head.contains("refresh_token=moored");
            let answer = if head.contains(&format!("Basic {basic}")) || identity {
                let body = json!({ "token": token(shared, &head) }).to_string();
                format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                )
            } else {
                "HTTP/1.1 401 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned()
            };
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (port, asked)
}

/// A JSON web token for the repository that was asked for (distribution, "Token Authentication Implementation").
fn token(shared: &Shared, head: &str) -> String {
    let scope =
        head.split(['?', '&', ' ', '\n']).find_map(|pair| pair.strip_prefix("scope=")).unwrap_or_default();
    let scope = scope.replace("%3A", ":").replace("%2F", "/");
    let parts: Vec<&str> = scope.split(':').collect();
    let [kind, name, actions] = parts[..] else { panic!("{scope}") };
    let certificate = STANDARD.encode(std::fs::read(shared.place.path("server.der")).unwrap());
    let head = json!({ "typ": "JWT", "alg": "RS256", "x5c": [certificate] });
    let actions: Vec<&str> = actions.split(',').collect();
    let claims = json!({
        "iss": "tests", "aud": "registry", "sub": "sailor", "jti": "1",
        "nbf": 1_000_000_000, "iat": 1_000_000_000, "exp": 9_000_000_000_i64,
        "access": [{ "type": kind, "name": name, "actions": actions }],
    });
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(head.to_string()),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let mut openssl = Command::new("openssl")
        .args(["dgst", "-sha256", "-sign", &shared.place.text("server.key")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    openssl.stdin.take().unwrap().write_all(signed.as_bytes()).unwrap();
    let signature = openssl.wait_with_output().unwrap().stdout;
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[test]
fn tokens() {
    let Some(shared) = shared() else { return };
    let (port, asked) = token_server(shared);
    let auth = json!({ "token": {
        "realm": format!("http://127.0.0.1:{port}/token"), "service": "registry", "issuer": "tests",
        "rootcertbundle": shared.place.text("authority.pem"),
    } });
    let registry = shared.start(&json!({ "auth": auth }));
    let place = Place::new();
    let host = format!("127.0.0.1:{}", registry.port);
    let name = format!("{host}/team/shop:1.0");
    place.scan(&name, &[]).exits(3).says(&["server of tokens refused with 401", "no file of credentials"]);
    log_in(&place, &host, PASSWORD);
    assert_eq!(content(&place.json(&name, &[])), expected());
    // A token that stands for the user, as `docker login` of some registries keeps.
    let identity =
        json!({ "auths": { &host: { "auth": STANDARD.encode("sailor:"), "identitytoken": "moored" } } });
    place.put(".docker/config.json", identity.to_string());
    assert_eq!(content(&place.json(&name, &["--no-cache"])), expected());
    let asked = asked.lock().unwrap().join("\n");
    assert!(asked.contains("POST /token") && asked.contains("client_id=plimsoll"), "{asked}");
    assert!(asked.contains("scope=repository%3Ateam%2Fshop%3Apull") && !asked.contains("push"), "{asked}");
    // A registry that is reached by TLS must not send us to open servers with our password.
    let auth = json!({ "token": {
        "realm": format!("http://127.0.0.1:{port}/token"), "service": "registry", "issuer": "tests",
        "rootcertbundle": shared.place.text("authority.pem"),
    } });
    let registry = shared.start(&json!({ "auth": auth, "http": shared.tls() }));
    let name = format!("127.0.0.1:{}/team/shop:1.0", registry.port);
    place
        .scan(&name, &["--ca-file", &shared.place.text("authority.pem")])
        .exits(3)
        .says(&["not secured by TLS"]);
}

#[test]
fn mirrors_are_asked_first() {
    let Some(shared) = shared() else { return };
    let registry = shared.start(&json!({}));
    let place = Place::new();
    let mirror = format!("127.0.0.1:{}", registry.port);
    let report = place.json("plimsoll-shop:1.0", &["--registry-mirror", &mirror]);
    assert_eq!(content(&report), expected());
    assert_eq!(text(&report["target"]["reference"]), "docker.io/library/plimsoll-shop:1.0");
    // A mirror that has nothing, before the registry that has.
    let empty = format!("{mirror}={mirror}/nothing");
    assert_eq!(
        content(&place.json(&format!("{mirror}/team/shop:1.0"), &["--registry-mirror", &empty])),
        expected()
    );
}

/// The head of a request, and its content; `None` for what is none, such as a TLS greeting.
fn head(stream: &TcpStream) -> Option<String> {
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut reader = BufReader::new(stream);
    let mut text = String::new();
    loop {
        let mut line = String::new();
        match reader.read_line(&mut line) {
            Ok(0) | Err(_) => return None,
            Ok(_) if line == "\r\n" => {
                let length = text
                    .to_lowercase()
                    .split("content-length: ")
                    .nth(1)
                    .map_or(0, |rest| rest.lines().next().unwrap().trim().parse().unwrap());
                let mut body = vec![0; length];
                reader.read_exact(&mut body).ok()?;
                return Some(text + &String::from_utf8(body).unwrap());
            }
            Ok(_) => text.push_str(&line),
        }
    }
}

/// What stands between the program and the registry makes of the answer to the nth request for a blob.
type Fault = fn(u32, Answer) -> Answer;

/// An answer on its way.
#[derive(Clone)]
struct Answer {
    head: String,
    body: Vec<u8>,
    /// Sent in pieces with pauses.
    slow: bool,
}

impl Answer {
    fn refusal(head: &str) -> Self {
        Answer { head: format!("HTTP/1.1 {head}\r\ncontent-length: 0\r\n"), body: Vec::new(), slow: false }
    }
}

/// A registry behind a connection with a fault.
fn faulty(registry: u16, fault: Fault) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let count = Arc::new(Mutex::new(0));
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let count = Arc::clone(&count);
            std::thread::spawn(move || {
                let Some(head) = head(&stream) else { return };
                let mut lines: Vec<&str> =
                    head.lines().filter(|line| !line.to_lowercase().starts_with("connection:")).collect();
                lines.push("Connection: close");
                let mut behind = TcpStream::connect(("127.0.0.1", registry)).unwrap();
                behind.write_all(format!("{}\r\n\r\n", lines.join("\r\n")).as_bytes()).unwrap();
                let mut bytes = Vec::new();
                behind.read_to_end(&mut bytes).unwrap();
                let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
                let said = String::from_utf8(bytes[..end].to_vec()).unwrap();
                let mut answer = Answer { head: said + "\r\n", body: bytes[end + 4..].to_vec(), slow: false };
                if head.contains("/blobs/") {
                    let number = {
                        let mut count = count.lock().unwrap();
                        *count += 1;
                        *count
                    };
                    answer = fault(number, answer);
                }
                let _ = stream.write_all(format!("{}\r\n", answer.head).as_bytes());
                if answer.slow {
                    for piece in answer.body.chunks(answer.body.len() / 20 + 1) {
                        std::thread::sleep(Duration::from_millis(10));
                        let _ = stream.write_all(piece);
                    }
                } else {
                    let _ = stream.write_all(&answer.body);
                }
            });
        }
    });
    port
}

fn scan_through(fault: Fault) -> Option<Run> {
    let shared = shared()?;
    let registry = shared.start(&json!({}));
    let port = faulty(registry.port, fault);
    let place = Place::new();
    Some(place.scan(&format!("127.0.0.1:{port}/team/shop:1.0"), &["--format", "json"]))
}

/// The fault is overcome: the report is that of the whole image.
fn overcome(fault: Fault) {
    if let Some(run) = scan_through(fault) {
        assert_eq!(content(&run.json()), expected());
    }
}

#[test]
fn cuts_are_overcome() {
    // Every second answer breaks off in its middle, the rest of a blob as well.
    overcome(|number, answer| {
        let half = if number % 2 == 1 { answer.body.len() / 2 } else { answer.body.len() };
        Answer { body: answer.body[..half].to_vec(), ..answer }
    });
}

#[test]
fn slow_bodies_are_waited_for() {
    overcome(|_, answer| Answer { slow: true, ..answer });
}

#[test]
fn overload_is_waited_out() {
    overcome(|number, answer| match number {
        1 => Answer::refusal("429 Too Many Requests\r\nretry-after: 1"),
        2 => Answer::refusal("503 Service Unavailable"),
        3 => Answer::refusal("500 Internal Server Error"),
        _ => answer,
    });
}

#[test]
fn wrong_bytes_are_never_believed() {
    // Number 1 is the configuration, which is read before the layers.
    let Some(run) = scan_through(|number, mut answer| {
        if number == 1 {
            answer.body[10] ^= 1;
        }
        answer
    }) else {
        return;
    };
    run.exits(3).says(&["altered or damaged"]);
    let Some(run) = scan_through(|number, mut answer| {
        if number == 2 {
            // The modification time in the head of gzip: unpacks to the right layer, and is another blob all the same.
            answer.body[4] ^= 1;
        }
        answer
    }) else {
        return;
    };
    let report = run.json();
    // What the other layers show is enough to say "not met"; what is missing is named all the same.
    assert_eq!(run.code, 1);
    assert!(
        report["verdict"]["inputsMissing"].to_string().contains("could not be read"),
        "{}",
        report["verdict"]
    );
    let problems = report["problems"].to_string();
    assert!(
        problems.contains("its digest is sha256:") && problems.contains("but the image says"),
        "{problems}"
    );
}

#[test]
fn a_layer_that_does_not_come_is_unknown_and_never_clean() {
    let Some(run) = scan_through(|number, answer| {
        if number == 1 {
            answer
        } else {
            Answer::refusal("429 Too Many Requests\r\nretry-after: 3600\r\nratelimit-remaining: 0;w=21600")
        }
    }) else {
        return;
    };
    let report = run.json();
    assert_eq!(run.code, 3);
    assert_eq!(text(&report["verdict"]["outcome"]), "unknown");
    let problems = report["problems"].to_string();
    assert!(
        problems.contains("429 Too Many Requests") && problems.contains("ratelimit-remaining: 0"),
        "{problems}"
    );
    assert!(problems.contains("asks to wait 3600 s"), "{problems}");
}

#[test]
fn a_layer_elsewhere_gets_no_credentials() {
    static ELSEWHERE: OnceLock<(u16, Arc<Mutex<Vec<String>>>)> = OnceLock::new();
    let Some(shared) = shared() else { return };
    let auth = json!({ "htpasswd": { "realm": "test", "path": shared.place.text("passwords") } });
    let registry = shared.start(&json!({ "auth": auth }));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    ELSEWHERE.get_or_init(|| (listener.local_addr().unwrap().port(), Arc::clone(&asked)));
    let behind = registry.port;
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let Some(head) = head(&stream) else { continue };
            asked.lock().unwrap().push(head.clone());
            // An object store: gives to whoever knows the address.
            let mut store = TcpStream::connect(("127.0.0.1", behind)).unwrap();
            let basic = STANDARD.encode(format!("sailor:{PASSWORD}"));
            let line = head.lines().next().unwrap();
            let request =
                format!("{line}\r\nhost: x\r\nauthorization: Basic {basic}\r\nconnection: close\r\n\r\n");
            store.write_all(request.as_bytes()).unwrap();
            std::io::copy(&mut store, &mut stream).unwrap();
        }
    });
    let port = faulty(registry.port, |_, answer| {
        if answer.head.starts_with("HTTP/1.1 401") {
            return answer;
        }
        let (port, _) = ELSEWHERE.get().unwrap();
        let digest =
            answer.head.lines().find_map(|line| line.strip_prefix("Docker-Content-Digest: ")).unwrap();
        Answer::refusal(&format!(
            "307 Elsewhere\r\nlocation: http://127.0.0.1:{port}/v2/team/shop/blobs/{digest}"
        ))
    });
    let place = Place::new();
    let host = format!("127.0.0.1:{port}");
    log_in(&place, &host, PASSWORD);
    assert_eq!(content(&place.json(&format!("{host}/team/shop:1.0"), &[])), expected());
    let asked = ELSEWHERE.get().unwrap().1.lock().unwrap().join("\n").to_lowercase();
    assert!(asked.contains("/blobs/sha256:") && !asked.contains("authorization"), "{asked}");
}

#[test]
fn known_layers_are_not_downloaded_again() {
    static BLOBS: Mutex<u32> = Mutex::new(0);
    let Some(shared) = shared() else { return };
    let registry = shared.start(&json!({}));
    let port = faulty(registry.port, |_, answer| {
        *BLOBS.lock().unwrap() += 1;
        answer
    });
    let place = Place::new();
    let name = format!("127.0.0.1:{port}/team/shop:1.0");
    let taken = |arguments: &[&str]| {
        let before = *BLOBS.lock().unwrap();
        let run = place.scan(&name, &[&["--format", "json"], arguments].concat());
        (run.stdout, *BLOBS.lock().unwrap() - before)
    };
    let (first, blobs) = taken(&[]);
    assert_eq!(blobs, 6, "the configuration and five layers");
    assert!(!first.is_empty());
    assert_eq!(taken(&[]), (first.clone(), 1), "the configuration; the same report to the byte");
    assert_eq!(taken(&["--no-cache"]), (first.clone(), 6));
    let elsewhere = place.text("elsewhere");
    assert_eq!(taken(&["--cache-dir", &elsewhere]), (first.clone(), 6));
    assert_eq!(taken(&["--cache-dir", &elsewhere]), (first.clone(), 1));
    // Another end of the base image may change whose a package is.
    assert_eq!(taken(&["--base", "layers:2"]).1, 6);
    let status = place.run(&["cache", "status", "--cache-dir", &elsewhere]).exits(0).stdout;
    assert!(status.contains(": 1 inventories, 1 reports, "), "{status}");
    // What is damaged is read again, and found again.
    for file in std::fs::read_dir(&elsewhere).unwrap() {
        let file = file.unwrap().path();
        let mut bytes = std::fs::read(&file).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&file, bytes).unwrap();
    }
    assert_eq!(taken(&["--cache-dir", &elsewhere]), (first.clone(), 6));
    assert!(
        place.run(&["cache", "clear", "--cache-dir", &elsewhere]).exits(0).stdout.contains("removed 1 inv")
    );
    assert_eq!(taken(&["--cache-dir", &elsewhere]), (first.clone(), 6));
    // A folder that cannot be written to.
    let file = place.put("file", "");
    assert_eq!(taken(&["--cache-dir", &file]), (first, 6));
    place.run(&["cache", "status", "--cache-dir", &file]).exits(3).says(&["cannot read the cache"]);
}

/// Whatever decides what a report says: with what is kept it is the same to the byte as without.
#[test]
fn an_answer_that_is_kept_is_the_answer() {
    let Some(shared) = shared() else { return };
    let registry = shared.start(&json!({}));
    let place = Place::new();
    let name = format!("127.0.0.1:{}/team/shop:1.0", registry.port);
    let reports = || {
        let files = std::fs::read_dir(place.path("kept")).unwrap().map(|file| file.unwrap().path());
        files.filter(|file| file.extension().is_some_and(|end| end == "report")).collect::<Vec<_>>()
    };
    let long_ago = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let make_old = || {
        for report in reports() {
            std::fs::File::options().append(true).open(report).unwrap().set_modified(long_ago).unwrap();
        }
    };
    let used = || {
        let is_used = |report: &std::path::PathBuf| report.metadata().unwrap().modified().unwrap() > long_ago;
        reports().iter().filter(|report| is_used(report)).count()
    };
    let first = place.path("feeds");
    feeds::write(&first);
    place.run(&["db", "build", "--from", "feeds", "--out", "first.db"]).exits(0);
    std::fs::remove_dir_all(first.join("kev")).unwrap();
    place.run(&["db", "build", "--from", "feeds", "--out", "second.db"]).exits(0);
    let epss = first.join("epss/epss_scores-2026-11-22.csv");
    let scores = std::fs::read_to_string(&epss).unwrap();
    std::fs::write(&epss, scores.replace("0.94210", "0.94211")).unwrap();
    place.run(&["db", "build", "--from", "feeds", "--out", "third.db"]).exits(0);
    let exception = "[[exception]]\nid = \"CVE-2099-0030\"\nreason = \"not reached\"\n";
    let until = |day: &str| format!("{exception}expires = \"{day}\"\n");
    let ignore = place.put("ignore.toml", exception);
    let expires = place.put("expires.toml", until("2026-11-30"));
    let vex = |status: &str| {
        json!({
            "@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://example.com/vex", "author": "tests",
            "timestamp": "2026-01-01T00:00:00Z", "version": 1,
            "statements": [{
                "vulnerability": { "name": "CVE-2099-0030" }, "status": status, "impact_statement": "x",
                "action_statement": "x",
                "products": [{ "@id": "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1" }],
            }],
        })
        .to_string()
    };
    let vex_a = place.put("a/vex.json", vex("not_affected"));
    let vex_b = place.put("b/vex.json", vex("under_investigation"));
    let by_digest = {
        let report = place.json(&name, &["--cache-dir", "elsewhere"]);
        format!("{}@{}", name.trim_end_matches(":1.0"), text(&report["target"]["digest"]))
    };
    // Each of these is another question.
    let questions: Vec<Vec<&str>> = vec![
        vec![&name, "--db", "first.db"],
        vec![&name, "--db", "second.db"],
        // One score of EPSS is another.
        vec![&name, "--db", "third.db"],
        vec![&by_digest, "--db", "first.db"],
        vec![&name],
        vec![&name, "--db", "first.db", "--fail-on", "low"],
        vec![&name, "--db", "first.db", "--fail-on", "critical,kev"],
        vec![&name, "--db", "first.db", "--scanners", "vuln"],
        vec![&name, "--db", "first.db", "--scanners", "vuln,secret,config"],
        vec![&name, "--db", "first.db", "--scanners", "secret"],
        vec![&name, "--db", "first.db", "--license-deny", "GPL-3.0-only"],
        vec![&name, "--db", "first.db", "--license-allow", "MIT"],
        vec![&name, "--db", "first.db", "--base", "layers:1"],
        vec![&name, "--db", "first.db", "--ignore-file", &ignore],
        vec![&name, "--db", "first.db", "--ignore-file", &expires],
        vec![&name, "--db", "first.db", "--vex", &vex_a],
        vec![&name, "--db", "first.db", "--vex", &vex_b],
        vec![&name, "--db", "first.db", "--max-db-age", "0"],
    ];
    for (number, question) in questions.iter().enumerate() {
        let ask = |more: &[&str]| {
            let run = place.run(&[&["scan"], question.as_slice(), more].concat());
            (run.code, run.stdout, run.stderr)
        };
        let without = ask(&["--no-cache", "--format", "json"]);
        assert!(without.1.starts_with('{'), "{question:?}: {}", without.2);
        assert_eq!(ask(&["--cache-dir", "kept", "--format", "json"]), without, "first: {question:?}");
        assert_eq!(reports().len(), number + 1, "{question:?} has an answer of its own");
        make_old();
        assert_eq!(ask(&["--cache-dir", "kept", "--format", "json"]), without, "second: {question:?}");
        assert_eq!(used(), 1, "{question:?}");
        let formats = ["table", "sarif", "cyclonedx@1.6", "csv"];
        for format in if number == 0 { &formats[..] } else { &formats[..1] } {
            let without = ask(&["--no-cache", "--format", format]);
            make_old();
            assert_eq!(ask(&["--cache-dir", "kept", "--format", format]), without, "{question:?} {format}");
            assert_eq!(used(), 1, "{question:?} {format}");
        }
    }
    // Whoever wants neither kind, neither reads nor writes.
    let listing = || {
        let files = std::fs::read_dir(place.path("kept")).unwrap().map(|file| file.unwrap());
        let mut files: Vec<_> =
            files.map(|file| (file.file_name(), file.metadata().unwrap().modified().unwrap())).collect();
        files.sort();
        files
    };
    make_old();
    let before = listing();
    let arguments = [questions[0].as_slice(), &["--cache-dir", "kept", "--no-cache", "--format", "json"]];
    let expected = place.run(&[&["scan"][..], &arguments.concat()].concat()).stdout;
    assert!(expected.starts_with('{') && listing() == before);
    // A file that others may write to is not believed, and is written again.
    for report in reports() {
        std::fs::set_permissions(report, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    }
    let arguments = [&["scan"][..], questions[0].as_slice(), &["--cache-dir", "kept", "--format", "json"]];
    assert_eq!(place.run(&arguments.concat()).stdout, expected);
    let is_closed = |report: &std::path::PathBuf| {
        std::os::unix::fs::PermissionsExt::mode(&report.metadata().unwrap().permissions()) & 0o777 == 0o600
    };
    assert_eq!(reports().iter().filter(|report| is_closed(report)).count(), 1);
    // Nothing else is read for an answer that is there.
    for file in std::fs::read_dir(place.path("kept")).unwrap().map(|file| file.unwrap().path()) {
        if file.extension().is_some_and(|end| end == "inventory") {
            std::fs::remove_file(file).unwrap();
        }
    }
    let inventories = || {
        let files = std::fs::read_dir(place.path("kept")).unwrap().map(|file| file.unwrap().path());
        files.filter(|file| file.extension().is_some_and(|end| end == "inventory")).count()
    };
    make_old();
    place.run(&[&["scan"], questions[0].as_slice(), &["--cache-dir", "kept", "--format", "json"]].concat());
    assert_eq!((used(), inventories()), (1, 0));
    // The last day of an exception passes.
    let later = |more: &[&str]| {
        let arguments = [&["scan"], questions[14].as_slice(), &["--format", "json"], more].concat();
        let run = place.run_with(&arguments, &[("SOURCE_DATE_EPOCH", "1796169600")]);
        (run.code, run.stdout, run.stderr)
    };
    assert_eq!(later(&["--cache-dir", "kept"]), later(&["--no-cache"]));
    // Many at once, with an empty folder: all the same.
    let expected = place.run(&["scan", &name, "--db", "first.db", "--format", "json", "--no-cache"]).stdout;
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let arguments = ["scan", &name, "--db", "first.db", "--format", "json", "--cache-dir", "new"];
                assert_eq!(place.run(&arguments).stdout, expected);
            });
        }
    });
    // What decides and is not part of the name: nothing is kept.
    let before = reports().len();
    let dockerfile = place.put("Dockerfile", "FROM scratch\n");
    let arguments =
        ["scan", &name, "--db", "first.db", "--format", "json", "--cache-dir", "kept", "--dockerfile"];
    place.run(&[&arguments[..], &[dockerfile.as_str()]].concat());
    assert_eq!(reports().len(), before);
}

/// Where advisories are fetched for what an image holds, a known one is answered without its inventory too, and each
/// source is asked once.
#[test]
fn an_answer_that_is_kept_where_advisories_are_fetched() {
    let Some(shared) = shared() else { return };
    let registry = shared.start(&json!({}));
    let place = Place::new();
    let name = format!("127.0.0.1:{}/team/shop:1.0", registry.port);
    let upstreams = super::update::upstreams();
    super::update::with_support(&upstreams);
    let base = upstreams.base();
    let scan = |hours: u64| {
        let now = super::update::hours_later(hours);
        let variables = [
            ("PLIMSOLL_DB_UPDATE", "auto"),
            ("PLIMSOLL_FEED_MIRROR", base.as_str()),
            ("SOURCE_DATE_EPOCH", now.as_str()),
        ];
        place.run_with(&["scan", &name, "--format", "json", "--cache-dir", "kept"], &variables)
    };
    let first = scan(0);
    assert!(first.stderr.contains("advisories fetched for this target"), "{}", first.stderr);
    let inventories = || {
        let files = std::fs::read_dir(place.path("kept")).unwrap().map(|file| file.unwrap().path());
        files.filter(|file| file.extension().is_some_and(|end| end == "inventory")).collect::<Vec<_>>()
    };
    let forget = || inventories().into_iter().for_each(|file| std::fs::remove_file(file).unwrap());
    forget();
    upstreams.asked();
    let again = scan(0);
    assert_eq!((again.code, &again.stdout), (first.code, &first.stdout));
    assert_eq!((upstreams.asked().len(), inventories().len()), (0, 0), "nobody was asked, nothing was read");
    // The sources are asked when it is time, once, and what is new makes another answer.
    let known = r#"{"vulnerabilities":[{"cveID":"CVE-2099-0001","dateAdded":"2026-11-02"}]}"#;
    upstreams.put(super::common::upstream::KEV, known);
    let later = scan(25);
    assert_eq!(later.stderr, "advisories fetched for this target: kev\n");
    assert_ne!(later.stdout, first.stdout);
    let asked = upstreams.asked();
    let mut paths: Vec<&str> = asked.iter().map(|(path, _)| path.as_str()).collect();
    paths.sort_unstable();
    let all = paths.len();
    paths.dedup();
    assert_eq!(paths.len(), all, "{asked:?}");
    forget();
    assert_eq!(scan(25).stdout, later.stdout);
    assert_eq!(inventories().len(), 0);
}

#[test]
fn what_came_damaged_is_not_kept() {
    static NUMBER: Mutex<u32> = Mutex::new(0);
    let Some(shared) = shared() else { return };
    let registry = shared.start(&json!({}));
    // In the first scan one layer is refused and another damaged.
    let port = faulty(registry.port, |number, mut answer| {
        *NUMBER.lock().unwrap() = number;
        match number {
            2 => Answer::refusal("403 Forbidden"),
            3 => {
                answer.body[4] ^= 1;
                answer
            }
            _ => answer,
        }
    });
    let place = Place::new();
    let name = format!("127.0.0.1:{port}/team/shop:1.0");
    assert_ne!(content(&place.json(&name, &[])), expected());
    assert_eq!(*NUMBER.lock().unwrap(), 6);
    assert_eq!(content(&place.json(&name, &[])), expected());
    assert_eq!(*NUMBER.lock().unwrap(), 12);
}
