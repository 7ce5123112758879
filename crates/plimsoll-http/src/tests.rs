//! A client against small servers on this machine that do what servers do wrong.

use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::{Client, Clock, Error, Method, Pem, Proxies, Request, Secret, Settings, Url, Validators};

/// A clock that stands still and writes down how long it was told to wait.
#[derive(Default)]
struct Still(Mutex<Vec<Duration>>);

impl Clock for Still {
    fn now(&self) -> SystemTime {
        // Sun, 06 Nov 1994 08:49:00 GMT: the date that RFC 9110 uses.
        SystemTime::UNIX_EPOCH + Duration::from_mins(13_068_529)
    }

    fn sleep(&self, duration: Duration) {
        self.0.lock().unwrap().push(duration);
    }
}

struct Harness {
    client: Client,
    clock: Arc<Still>,
}

fn harness(change: impl FnOnce(&mut Settings)) -> Harness {
    let clock = Arc::new(Still::default());
    let mut settings = Settings::new("plimsoll-test/1", 1, Arc::<Still>::clone(&clock));
    settings.connect_timeout = Duration::from_secs(5);
    settings.idle_timeout = Duration::from_secs(5);
    change(&mut settings);
    Harness { client: Client::new(settings), clock }
}

impl Harness {
    fn waits(&self) -> Vec<Duration> {
        self.clock.0.lock().unwrap().clone()
    }
}

/// A server that answers each request with the next of its answers, one connection each, and keeps what it was asked.
struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

/// What is sent, and how the connection ends.
enum Answer {
    Say(Vec<u8>),
    /// Sends, then stays silent.
    Hang(Vec<u8>),
}

fn say(head: &str, body: &[u8]) -> Answer {
    let mut bytes = format!("HTTP/1.1 {head}\r\nconnection: close\r\n\r\n").into_bytes();
    bytes.extend_from_slice(body);
    Answer::Say(bytes)
}

fn whole(body: &[u8]) -> Answer {
    say(&format!("200 OK\r\ncontent-length: {}", body.len()), body)
}

impl Server {
    fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for answer in answers {
                let Ok((mut stream, _)) = listener.accept() else { return };
                log.lock().unwrap().push(request(&stream));
                match answer {
                    Answer::Say(bytes) => drop(stream.write_all(&bytes)),
                    Answer::Hang(bytes) => {
                        let _ = stream.write_all(&bytes);
                        // Until the client gives up.
                        let _ = stream.read(&mut [0]);
                    }
                }
            }
        });
        Server { port, asked }
    }

    fn url(&self, path: &str) -> Url {
        Url::parse(&format!("http://127.0.0.1:{}{path}", self.port)).unwrap()
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn request(stream: &TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let (mut text, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        text.push_str(&line.to_lowercase());
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    text + &String::from_utf8_lossy(&body)
}

fn text(error: &(dyn std::error::Error + 'static)) -> String {
    crate::error::chain(error).iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ")
}

fn read(mut reader: impl Read) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    match reader.read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(error) => Err(Error::inside(&error).expect("an error of this crate").clone()),
    }
}

#[test]
fn tries_again_when_the_server_is_overloaded() {
    let server = Server::start(vec![
        say("503 Unavailable", b""),
        say("429 Slow Down\r\nretry-after: 7", b""),
        say("502 Bad\r\nretry-after: Sun, 06 Nov 1994 08:49:30 GMT", b""),
        whole(b"at last"),
    ]);
    let harness = harness(|_| {});
    let response = harness.client.send(&Request::get(server.url("/x"))).unwrap();
    assert_eq!(response.bytes(100).unwrap(), b"at last");
    let waits = harness.waits();
    assert!(waits[0] >= Duration::from_millis(250) && waits[0] <= Duration::from_millis(500), "{waits:?}");
    assert_eq!(waits[1..], [Duration::from_secs(7), Duration::from_secs(30)]);
    assert!(server.asked()[0].contains("user-agent: plimsoll-test/1"));
}

#[test]
fn gives_up_in_the_end_and_says_why() {
    let refusal = || {
        say(
            "429 Too Many\r\nRateLimit-Limit: 100;w=21600\r\nratelimit-remaining: 0;w=21600",
            b"pull limit\nreached",
        )
    };
    let server = Server::start((0..5).map(|_| refusal()).collect());
    let harness = harness(|_| {});
    let error =
        harness.client.send(&Request::get(server.url("/x?token=secret"))).unwrap().success().unwrap_err();
    assert_eq!(harness.waits().len(), 4);
    assert_eq!(
        error.to_string(),
        format!(
            "`http://127.0.0.1:{}/x?…` answered 429 Too Many Requests: pull limit reached \
             (ratelimit-limit: 100;w=21600, ratelimit-remaining: 0;w=21600)",
            server.port
        )
    );
}

#[test]
fn a_long_retry_after_is_told_instead_of_waited_for() {
    let server = Server::start(vec![say("503 Busy\r\nretry-after: 3600", b"")]);
    let harness = harness(|_| {});
    let error = harness.client.send(&Request::get(server.url("/"))).unwrap().success().unwrap_err();
    assert!(error.to_string().ends_with("503 Service Unavailable (asks to wait 3600 s)"), "{error}");
    assert!(harness.waits().is_empty());
}

#[test]
fn what_is_not_idempotent_is_sent_once() {
    let server = Server::start(vec![say("503 Busy", b""), whole(b"")]);
    let harness = harness(|_| {});
    let post = Request::new(Method::Post, server.url("/")).body(*b"once");
    assert_eq!(harness.client.send(&post).unwrap().status(), 503);
    assert_eq!(harness.client.send(&post.repeatable(true)).unwrap().status(), 200);
    assert!(server.asked().iter().all(|asked| asked.ends_with("once")));
}

#[test]
fn credentials_stay_with_their_host() {
    let elsewhere = Server::start(vec![whole(b"moved")]);
    let away = format!("302 Found\r\nlocation: http://127.0.0.1:{}/signed?key=1", elsewhere.port);
    let server = Server::start(vec![say("307 Near\r\nlocation: /b", b""), say(&away, b"")]);
    let harness = harness(|_| {});
    let asked = Request::get(server.url("/a")).authorize(Some(Secret::basic("user", "pass")));
    let response = harness.client.send(&asked).unwrap();
    assert_eq!(response.bytes(10).unwrap(), b"moved");
    assert!(
        server.asked().iter().all(|asked| asked.contains("authorization: basic dxnlcjpwyxnz")),
        "kept at home"
    );
    assert!(!elsewhere.asked()[0].contains("authorization"), "{:?}", elsewhere.asked());
}

#[test]
fn what_another_host_says_is_not_read_out() {
    let elsewhere = Server::start(vec![say("403 No", b"inner secret")]);
    let away = format!("302 Found\r\nlocation: http://127.0.0.1:{}/", elsewhere.port);
    let server = Server::start(vec![say(&away, b"")]);
    let error = harness(|_| {}).client.send(&Request::get(server.url("/"))).unwrap().success().unwrap_err();
    assert!(!error.to_string().contains("inner"), "{error}");
}

#[test]
fn redirects_end() {
    let server = Server::start((0..11).map(|_| say("302 Found\r\nlocation: /round", b"")).collect());
    let error = harness(|_| {}).client.send(&Request::get(server.url("/"))).unwrap_err();
    assert!(error.to_string().ends_with("redirects more than 10 times"), "{error}");
    let server = Server::start(vec![say("302 Found\r\nlocation: file:///etc/passwd", b"")]);
    let error = harness(|_| {}).client.send(&Request::get(server.url("/"))).unwrap_err();
    assert!(error.to_string().contains("redirects nowhere"), "{error}");
}

#[test]
fn only_what_changed_is_sent() {
    let server = Server::start(vec![
        say(
            "200 OK\r\ncontent-length: 1\r\netag: \"one\"\r\nlast-modified: Sun, 06 Nov 1994 08:49:37 GMT",
            b"1",
        ),
        say("304 Not Modified", b""),
    ]);
    let client = harness(|_| {}).client;
    let known = client.send(&Request::get(server.url("/"))).unwrap().validators();
    let again = client.send(&Request::get(server.url("/")).unless(&known)).unwrap().success().unwrap();
    assert_eq!(again.status(), 304);
    assert!(server.asked()[1].contains("if-none-match: \"one\""));
    assert!(server.asked()[1].contains("if-modified-since: sun, 06 nov 1994 08:49:37 gmt"));
}

#[test]
fn bodies_are_read_against_a_limit() {
    for (limit, fits) in [(4, true), (3, false)] {
        let server = Server::start(vec![whole(b"four"), say("200 OK", b"four")]);
        let client = harness(|_| {}).client;
        for _ in 0..2 {
            let result = client.send(&Request::get(server.url("/"))).unwrap().bytes(limit);
            match result {
                Ok(bytes) => assert!(fits && bytes == b"four"),
                Err(error) => assert!(!fits && matches!(error, Error::TooLarge { limit: 3, .. }), "{error}"),
            }
        }
    }
}

#[test]
fn a_short_body_is_an_error_and_no_end() {
    let server = Server::start(vec![say("200 OK\r\ncontent-length: 10", b"half")]);
    let error = harness(|_| {}).client.send(&Request::get(server.url("/"))).unwrap().bytes(100).unwrap_err();
    assert!(matches!(error, Error::Cut { .. }), "{error}");
}

#[test]
fn silence_ends() {
    let short = |settings: &mut Settings| {
        settings.idle_timeout = Duration::from_millis(200);
        settings.retries.attempts = 1;
    };
    let server = Server::start(vec![Answer::Hang(vec![]), Answer::Hang(vec![])]);
    let error = harness(short).client.send(&Request::get(server.url("/"))).unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf".to_vec();
    let server = Server::start(vec![Answer::Hang(head)]);
    let error = harness(short).client.send(&Request::get(server.url("/"))).unwrap().bytes(100).unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
}

const CONTENT: &[u8] = b"0123456789";

/// The beginning of the content, then a cut.
fn beginning(headers: &str, until: usize) -> Answer {
    say(&format!("200 OK\r\ncontent-length: 10{headers}"), &CONTENT[..until])
}

fn rest(from: usize, until: usize) -> Answer {
    let range = format!("206 Part\r\ncontent-length: {}\r\ncontent-range: bytes {from}-9/10", 10 - from);
    say(&range, &CONTENT[from..until])
}

fn download(answers: Vec<Answer>, immutable: bool, limit: u64) -> (Result<Vec<u8>, Error>, Vec<String>) {
    let server = Server::start(answers);
    let client = harness(|settings| settings.retries.attempts = 2).client;
    let request = Request::get(server.url("/"));
    let download = if immutable {
        let sender = client.clone();
        let open = move |range: Option<&crate::Range>| match range {
            Some(range) => sender.send(&request.clone().range(range)),
            None => sender.send(&request),
        };
        client.download_by(Box::new(open), true, limit)
    } else {
        client.download(request, limit)
    };
    (download.and_then(read), server.asked())
}

#[test]
fn a_cut_body_stays_cut() {
    let server = Server::start(vec![say("200 OK\r\ncontent-length: 10", b"abc")]);
    let response = harness(|_| {}).client.send(&Request::get(server.url("/"))).unwrap();
    let mut body = response.body(100);
    let mut read = Vec::new();
    assert!(body.read_to_end(&mut read).is_err());
    assert_eq!(read, b"abc");
    // Whoever goes on reading must not take the cut for an end.
    let again = body.read(&mut [0; 8]).unwrap_err();
    assert!(matches!(Error::inside(&again), Some(Error::Cut { .. })), "{again:?}");
}

#[test]
fn a_download_goes_on_where_it_was_cut() {
    let tagged = "\r\netag: \"a\"";
    let (result, asked) = download(vec![beginning(tagged, 3), rest(3, 5), rest(5, 10)], false, 10);
    assert_eq!(result.unwrap(), CONTENT);
    assert!(asked[1].contains("range: bytes=3-") && asked[1].contains("if-range: \"a\""), "{asked:?}");
    assert!(asked[2].contains("range: bytes=5-"));
    // Named by its digest: nothing has to be recognised.
    let (result, asked) = download(vec![beginning("", 3), rest(3, 10)], true, 10);
    assert_eq!(result.unwrap(), CONTENT);
    assert!(!asked[1].contains("if-range"));
    // A server that knows no ranges.
    let (result, _) = download(vec![beginning(tagged, 3), beginning(tagged, 10)], false, 10);
    assert_eq!(result.unwrap(), CONTENT);
    // Cut before the first byte.
    let (result, asked) = download(vec![beginning("", 0), beginning("", 10)], false, 10);
    assert_eq!(result.unwrap(), CONTENT);
    assert!(!asked[1].contains("range:"));
}

#[test]
fn a_download_never_joins_two_contents() {
    for (first, second) in [
        // Another tag.
        (beginning("\r\netag: \"a\"", 3), beginning("\r\netag: \"b\"", 10)),
        // No tag, or one that promises little: who knows.
        (beginning("", 3), rest(3, 10)),
        (beginning("\r\netag: W/\"a\"", 3), rest(3, 10)),
        // Another part than asked for, or another length.
        (beginning("\r\netag: \"a\"", 3), rest(4, 10)),
        (beginning("\r\netag: \"a\"", 3), say("206 Part\r\ncontent-range: bytes 3-10/11", b"3456789x")),
        (beginning("\r\netag: \"a\"", 3), say("206 Part", b"3456789")),
        (beginning("\r\netag: \"a\"", 3), say("416 No", b"")),
    ] {
        let (result, _) = download(vec![first, second], false, 10);
        assert!(matches!(result, Err(Error::Changed { .. })), "{result:?}");
    }
    // A length that changed, of a content that cannot change.
    let longer = say("200 OK\r\ncontent-length: 11", b"0123456789x");
    let (result, _) = download(vec![beginning("", 3), longer], true, 20);
    assert!(matches!(result, Err(Error::Changed { .. })), "{result:?}");
}

#[test]
fn a_download_ends_when_the_server_keeps_cutting() {
    let cuts = std::iter::once(beginning("", 3)).chain((0..5).map(|_| rest(3, 3))).collect();
    let (result, asked) = download(cuts, true, 10);
    assert!(matches!(result, Err(Error::Cut { .. })), "{result:?}");
    assert_eq!(asked.len(), 3, "the first attempt, and two more");
    let (result, _) = download(vec![beginning("", 3), say("403 No", b"expired")], true, 10);
    assert_eq!(result.unwrap_err().status(), Some(403));
    let (result, _) = download(vec![beginning("", 3), rest(3, 10)], true, 9);
    assert!(matches!(result, Err(Error::TooLarge { .. })), "{result:?}");
}

#[test]
fn no_connection_and_no_name() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let quick = harness(|settings| settings.retries.attempts = 1);
    let url = Url::parse(&format!("http://user:pass@127.0.0.1:{port}/?a=b")).unwrap();
    let error = quick.client.send(&Request::get(url)).unwrap_err();
    let shown = text(&error);
    assert!(
        shown.starts_with(&format!("cannot connect to `127.0.0.1:{port}` | Connection refused")),
        "{shown}"
    );
    assert_eq!(quick.waits().len(), 1, "a server may be starting");
    let error = harness(|_| {})
        .client
        .send(&Request::get(Url::parse("https://nowhere.invalid/").unwrap()))
        .unwrap_err();
    assert!(matches!(&error, Error::Resolve { host, .. } if host == "nowhere.invalid"), "{error:?}");
}

#[test]
fn proxies_are_used_except_for_this_machine() {
    let proxy = Server::start(vec![whole(b"by proxy")]);
    let server = Server::start(vec![whole(b"directly")]);
    let harness = harness(|settings| {
        settings.proxies = Proxies {
            http: Some(format!("http://user:secret@127.0.0.1:{}", proxy.port)),
            except: Some("direct.example".into()),
            ..Proxies::default()
        };
    });
    let url = Url::parse("http://feeds.example/a").unwrap();
    assert_eq!(harness.client.send(&Request::get(url)).unwrap().bytes(20).unwrap(), b"by proxy");
    let asked = proxy.asked();
    assert!(
        asked[0].starts_with("get http://feeds.example/a ") && asked[0].contains("proxy-authorization"),
        "{asked:?}"
    );
    assert_eq!(harness.client.send(&Request::get(server.url("/"))).unwrap().bytes(20).unwrap(), b"directly");
    assert!(!format!("{:?}", harness.client).contains("secret"));
    // Unless somebody named the proxy for this very address.
    let proxy = Server::start(vec![whole(b"by proxy")]);
    let asked = self::harness(|settings| {
        settings.proxies.all = Some(format!("http://127.0.0.1:{}", proxy.port));
        settings.proxies.this_machine = true;
    });
    assert_eq!(asked.client.send(&Request::get(server.url("/"))).unwrap().bytes(20).unwrap(), b"by proxy");
    let wrong = self::harness(|settings| settings.proxies.http = Some("ftp://user:secret@proxy".into()));
    let error = wrong.client.send(&Request::get(server.url("/"))).unwrap_err();
    assert!(error.to_string().contains("HTTP_PROXY") && !text(&error).contains("secret"), "{error}");
}

#[test]
fn addresses_are_shown_without_secrets() {
    for (address, shown) in [
        ("https://user:secret@host.example/a/b?sig=secret#secret", Some("https://host.example/a/b?…")),
        ("http://[::1]:5000/v2/", Some("http://[::1]:5000/v2/")),
        ("https://host.example:443/", Some("https://host.example/")),
        ("ftp://user:secret@host.example/", None),
        ("user:secret@host", None),
        ("https://user:secret@/?secret", None),
        ("", None),
    ] {
        match Url::parse(address) {
            Ok(url) => {
                assert_eq!(Some(url.to_string().as_str()), shown);
                assert!(!format!("{url:?}").contains("secret"));
            }
            Err(error) => assert!(shown.is_none() && !error.to_string().contains("secret"), "{error}"),
        }
    }
    assert!(!format!("{:?}", Secret::bearer("secret")).contains("secret"));
    assert!(Url::parse(&format!("https://host/{}", "a".repeat(20_000))).is_err());
}

/// A certificate of `127.0.0.1`, its key, and the certificate of the authority that issued it.
fn certificates(folder: &Path) -> [std::path::PathBuf; 3] {
    let files = ["server.pem", "server.key", "authority.pem"].map(|name| folder.join(name));
    let script = r#"
        set -e
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=test authority" \
            -keyout authority.key -out authority.pem
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=server" -keyout server.key -out server.csr
        printf 'subjectAltName=IP:127.0.0.1,DNS:api.example\n' > names
        openssl x509 -req -in server.csr -CA authority.pem -CAkey authority.key -CAcreateserial -days 2 \
            -extfile names -out server.pem
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=self" \
            -addext "subjectAltName=IP:127.0.0.1" -keyout self.key -out self.pem
    "#;
    let output = Command::new("sh").arg("-c").arg(script).current_dir(folder).output().expect("sh is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    files
}

/// Answers through TLS until the test ends.
fn tls_server(certificate: &Path, key: &Path) -> Url {
    let chain = vec![CertificateDer::from_pem_file(certificate).unwrap()];
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let configuration = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let configuration = Arc::new(configuration);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let connection = rustls::ServerConnection::new(Arc::clone(&configuration)).unwrap();
            let mut tls = rustls::StreamOwned::new(connection, stream);
            let answer = || -> io::Result<()> {
                let _ = tls.read(&mut [0; 4096])?;
                tls.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nsafe")?;
                tls.conn.send_close_notify();
                tls.flush()
            };
            // The client hangs up on certificates that it does not like.
            let _ = { answer }();
        }
    });
    Url::parse(&format!("https://127.0.0.1:{port}/")).unwrap()
}

#[test]
fn certificates_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let [certificate, key, authority] = certificates(folder.path());
    let url = tls_server(&certificate, &key);
    let ask = |url: &Url, change: &dyn Fn(&mut Settings)| {
        harness(change).client.send(&Request::get(url.clone())).and_then(|response| response.bytes(10))
    };
    assert!(matches!(ask(&url, &|_| {}), Err(Error::UnknownIssuer { .. })));
    assert_eq!(ask(&url, &|settings| settings.roots.extra = vec![authority.clone()]).unwrap(), b"safe");
    assert_eq!(ask(&url, &|settings| settings.roots.file = Some(authority.clone())).unwrap(), b"safe");
    let insecure = format!("127.0.0.1:{}", url.port());
    assert_eq!(ask(&url, &|settings| settings.insecure_hosts = vec![insecure.clone()]).unwrap(), b"safe");
    let other_port = ask(&url, &|settings| settings.insecure_hosts = vec!["127.0.0.1:1".into()]);
    assert!(matches!(other_port, Err(Error::UnknownIssuer { .. })), "{other_port:?}");
    let missing = ask(&url, &|settings| settings.roots.extra = vec!["/nonexistent.pem".into()]);
    assert!(matches!(missing, Err(Error::Certificates { .. })), "{missing:?}");
    let missing = ask(&url, &|settings| settings.roots.file = Some("/nonexistent.pem".into()));
    assert!(matches!(missing, Err(Error::Certificates { .. })), "{missing:?}");
    // The right certificate of another name.
    let name = Url::parse(&url.with_secrets().replace("127.0.0.1", "localhost")).unwrap();
    let other_name = ask(&name, &|settings| settings.roots.extra = vec![authority.clone()]);
    assert!(matches!(other_name, Err(Error::Certificate { .. })), "{other_name:?}");
    // One authority, and no other.
    let only = |path: &Path| {
        Some(Pem::Content { name: "the cluster".into(), bytes: std::fs::read(path).unwrap().into() })
    };
    assert_eq!(ask(&url, &|settings| settings.roots.only = only(&authority)).unwrap(), b"safe");
    let own = folder.path().join("self.pem");
    let other = ask(&url, &|settings| {
        settings.roots.only = only(&own);
        settings.roots.file = Some(authority.clone());
    });
    assert!(matches!(other, Err(Error::UnknownIssuer { .. })), "{other:?}");
    let broken = ask(&url, &|settings| settings.roots.only = only(&key));
    assert!(broken.unwrap_err().to_string().contains("`the cluster`"));
    // The name in the certificate, for an address that has none.
    let name = Url::parse(&url.with_secrets().replace("127.0.0.1", "api.example")).unwrap();
    let named = ask(&name, &|settings| {
        settings.roots.only = Some(Pem::File(authority.clone()));
        settings.addresses = vec![("api.example".into(), ([127, 0, 0, 1], 1).into())];
    });
    assert_eq!(named.unwrap(), b"safe");
    // A folder in which one file has several names.
    let several = folder.path().join("several");
    std::fs::create_dir(&several).unwrap();
    for name in ["a.pem", "0123abcd.0"] {
        std::fs::copy(&authority, several.join(name)).unwrap();
    }
    assert_eq!(ask(&url, &|settings| settings.roots.folder = Some(several.clone())).unwrap(), b"safe");
    // A self-signed one that calls itself an authority.
    let own = folder.path().join("self.pem");
    let url = tls_server(&own, &folder.path().join("self.key"));
    assert_eq!(ask(&url, &|settings| settings.roots.extra = vec![own.clone()]).unwrap(), b"safe");
    assert!(ask(&url, &|settings| settings.roots.extra = vec![authority.clone()]).is_err());
    let name = Url::parse(&url.with_secrets().replace("127.0.0.1", "localhost")).unwrap();
    assert!(ask(&name, &|settings| settings.roots.extra = vec![own.clone()]).is_err());
    // No TLS there, and no need for authorities.
    let open = Server::start(vec![say("200 OK", b"open")]);
    let no_file = |settings: &mut Settings| settings.roots.file = Some("/nonexistent.pem".into());
    assert_eq!(ask(&open.url("/"), &no_file).unwrap(), b"open");
    let plain = Server::start(vec![say("400 Bad", b"plain"), say("400 Bad", b"plain")]);
    let url = Url::parse(&format!("https://127.0.0.1:{}/", plain.port)).unwrap();
    assert!(matches!(ask(&url, &|_| {}), Err(Error::NotTls { .. })));
}

#[test]
fn tls_is_not_given_up_by_a_redirect() {
    let folder = tempfile::tempdir().unwrap();
    let [certificate, key, authority] = certificates(folder.path());
    let url = tls_server(&certificate, &key);
    // From open to TLS is fine.
    let server = Server::start(vec![say(&format!("302 Found\r\nlocation: {}", url.with_secrets()), b"")]);
    let client = harness(|settings| settings.roots.extra = vec![authority]).client;
    assert_eq!(client.send(&Request::get(server.url("/"))).unwrap().bytes(10).unwrap(), b"safe");
}

#[test]
fn validators_that_promise_the_same_bytes() {
    let strong = |etag: Option<&str>, date: Option<&str>| {
        let text = |value: Option<&str>| value.map(ToOwned::to_owned);
        Validators { etag: text(etag), last_modified: text(date) }.strong().map(ToOwned::to_owned)
    };
    assert_eq!(strong(Some("\"a\""), Some("date")).as_deref(), Some("\"a\""));
    assert_eq!(strong(Some("W/\"a\""), Some("date")), None);
    assert_eq!(strong(None, Some("date")).as_deref(), Some("date"));
    assert_eq!(strong(None, None), None);
}

proptest! {
    #[test]
    fn answers_are_hostile(data in prop::collection::vec(any::<u8>(), 0..200), text in "(bytes |http://|https://u:p@|[0-9/?#@:*-]){0,12}") {
        crate::fuzz::fuzz_answers(&data);
        crate::fuzz::fuzz_answers(text.as_bytes());
    }
}
