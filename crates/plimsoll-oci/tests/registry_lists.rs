//! Lists of registries: tags, repositories and referrers, from a server that pages and lies.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use plimsoll_http::{Clock, Settings};
use plimsoll_model::Digest;
use plimsoll_oci::{Error, Reference, Registries, RegistrySettings};

/// Nobody waits in these tests.
struct Hurried;

impl Clock for Hurried {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn sleep(&self, _: Duration) {}
}

/// Answers by path: further headers and a body. What is not listed is not found.
fn serve(answers: &[(&str, &str, &str)]) -> (String, Registries) {
    let answers: BTreeMap<String, (String, String)> = answers
        .iter()
        .map(|(path, headers, body)| ((*path).to_owned(), ((*headers).to_owned(), (*body).to_owned())))
        .collect();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut reader = BufReader::new(&stream);
            let mut first = String::new();
            // A TLS greeting is no text.
            if reader.read_line(&mut first).is_err() || !first.starts_with("GET ") {
                continue;
            }
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|count| count > 2) {
                line.clear();
            }
            let path = first.split(' ').nth(1).unwrap();
            let (status, (headers, body)) = match answers.get(path) {
                Some(answer) => ("200 OK", answer.clone()),
                None => ("404 Not Found", (String::new(), String::new())),
            };
            let length = body.len();
            let _ = stream.write_all(
                format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}").as_bytes(),
            );
        }
    });
    let registries = Registries::new(RegistrySettings::new(Settings::new("test", 1, Arc::new(Hurried))));
    (host, registries)
}

fn digest() -> Digest {
    Digest::parse(&format!("sha256:{}", "01".repeat(32))).unwrap()
}

#[test]
fn tags_of_all_pages() {
    let (host, registries) = serve(&[
        (
            "/v2/a/b/tags/list?n=1000",
            "link: </v2/a/b/tags/list?last=2&n=1000>; rel=\"next\"\r\n",
            r#"{"tags":["2","1"]}"#,
        ),
        ("/v2/a/b/tags/list?last=2&n=1000", "", r#"{"tags":["latest","../x","1"]}"#),
        ("/v2/a/none/tags/list?n=1000", "", r#"{"tags":null}"#),
        ("/v2/a/round/tags/list?n=1000", "link: <?n=1000>; rel=next\r\n", r#"{"tags":["1"]}"#),
        ("/v2/a/away/tags/list?n=1000", "link: <http://127.0.0.1:1/>; rel=next\r\n", r#"{"tags":["1"]}"#),
        ("/v2/a/broken/tags/list?n=1000", "", "<html>"),
    ]);
    let tags = |path: &str| {
        let reference = Reference::parse(&format!("{host}/{path}")).unwrap();
        registries.repository(reference.name()).unwrap().tags()
    };
    assert_eq!(tags("a/b").unwrap(), ["1", "2", "latest"], "sorted, once each, and only what a tag can be");
    assert_eq!(tags("a/none").unwrap(), Vec::<String>::new());
    assert_eq!(tags("a/round").unwrap(), ["1"], "a list that leads to itself ends");
    assert!(matches!(tags("a/away"), Err(Error::Invalid { .. })), "credentials stay with their host");
    assert!(matches!(tags("a/broken"), Err(Error::Json { .. })));
    assert!(matches!(tags("a/absent"), Err(Error::NoImage { .. })));
}

#[test]
fn repositories_below_a_prefix() {
    let (host, registries) = serve(&[(
        "/v2/_catalog?n=1000",
        "",
        r#"{"repositories":["team/b","team/a","teams/c","other","UP","team"]}"#,
    )]);
    let names = |prefix: &str| -> Vec<String> {
        let names = registries.repositories(&host, prefix).unwrap();
        names.iter().map(|name| name.path().to_owned()).collect()
    };
    assert_eq!(names("team"), ["team", "team/a", "team/b"]);
    assert_eq!(names("").len(), 5);
    assert!(registries.repositories("no host", "").is_err());
}

#[test]
fn referrers_by_their_list_or_by_tag() {
    let signature =
        format!(r#"{{"mediaType":"m","digest":"{}","size":2,"artifactType":"signature"}}"#, digest());
    let list = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{signature}]}}"#
    );
    let by_list = format!("/v2/new/referrers/{}", digest());
    let by_tag = format!("/v2/old/manifests/sha256-{}", digest().hex());
    let (host, registries) = serve(&[(&by_list, "", &list), (&by_tag, "", &list)]);
    for (path, expected) in [("new", 1), ("old", 1), ("none", 0)] {
        let reference = Reference::parse(&format!("{host}/{path}")).unwrap();
        let referrers = registries.repository(reference.name()).unwrap().referrers(&digest()).unwrap();
        assert_eq!(referrers.len(), expected, "{path}");
        assert!(referrers.iter().all(|referrer| referrer.artifact_type == "signature"));
    }
}

#[test]
fn documents_and_blobs_are_checked() {
    let content = "{}";
    let right =
        Digest::parse("sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a").unwrap();
    let lie = format!("docker-content-digest: {}\r\n", digest());
    let paths = [
        format!("/v2/a/blobs/{right}"),
        format!("/v2/a/blobs/{}", digest()),
        format!("/v2/a/manifests/{}", digest()),
    ];
    let (host, registries) = serve(&[
        (&paths[0], "", content),
        (&paths[1], "", content),
        (&paths[2], "", content),
        ("/v2/a/manifests/lie", &lie, content),
        ("/v2/a/manifests/true", "", content),
    ]);
    let reference = Reference::parse(&format!("{host}/a")).unwrap();
    let repository = registries.repository(reference.name()).unwrap();
    assert_eq!(repository.blob(&right, 2).unwrap(), b"{}");
    assert!(matches!(repository.blob(&right, 1), Err(Error::Network { .. })), "over the limit");
    assert!(matches!(repository.blob(&digest(), 10), Err(Error::DigestMismatch { .. })));
    assert!(matches!(repository.manifest(&digest().to_string()), Err(Error::DigestMismatch { .. })));
    assert!(matches!(repository.manifest("lie"), Err(Error::DigestMismatch { .. })));
    assert_eq!(repository.manifest("true").unwrap().digest, right);
    assert!(matches!(repository.manifest("../x"), Err(Error::Reference { .. })));
}

const EMPTY: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"note","annotations":{"a":"b"},"layers":[]}"#;
/// `sha512sum` of it.
const SHA512: &str = "4c203842055dde9f7d326da4cb3b03bb8952e2782ca78050bf597e8acec86244af97a14140e90d5a10955fff2c4bd8567070b73e3ad7b9ea3afee87f940ce0b3";

#[test]
fn longer_digests_of_manifests() {
    let content = "content-type: application/vnd.oci.image.manifest.v1+json\r\n";
    let told = format!("{content}docker-content-digest: sha512:{SHA512}\r\n");
    let by_digest = format!("/v2/a/manifests/sha512:{SHA512}");
    let wrong = format!("/v2/wrong/manifests/sha512:{SHA512}");
    // The tag that stands for the list of a longer digest is cut at 128 characters.
    let list = format!("/v2/a/manifests/sha512-{}", &SHA512[..121]);
    let descriptor = format!(
        r#"{{"manifests":[{{"mediaType":"m","digest":"sha512:{SHA512}","size":2,"artifactType":"note"}}]}}"#
    );
    let (host, registries) = serve(&[
        ("/v2/a/manifests/1", &told, EMPTY),
        ("/v2/wrong/manifests/1", &told, "{}"),
        (&by_digest, content, EMPTY),
        (&wrong, content, "{}"),
        (&list, "", &descriptor),
    ]);
    let repository = |path: &str| {
        let name = Reference::parse(&format!("{host}/{path}")).unwrap();
        registries.repository(name.name()).unwrap()
    };
    let digest = Digest::parse(&format!("sha512:{SHA512}")).unwrap();
    assert_eq!(repository("a").manifest("1").unwrap().digest, digest);
    assert_eq!(repository("a").manifest(&digest.to_string()).unwrap().digest, digest);
    for selector in ["1", &digest.to_string()] {
        assert!(matches!(repository("wrong").manifest(selector), Err(Error::DigestMismatch { .. })));
    }
    assert_eq!(repository("a").referrers(&digest).unwrap().len(), 1);
    let everywhere = repository("a").referrers_everywhere(&digest).unwrap();
    assert_eq!(everywhere[0].by, [format!("tag sha512-{}", &SHA512[..121])]);
}

#[test]
fn everything_that_refers_and_what_says_so() {
    let digest = digest();
    let one = format!(r#"{{"mediaType":"m","digest":"{digest}","size":2,"artifactType":"signature"}}"#);
    let list = format!(r#"{{"manifests":[{one}]}}"#);
    let tag = digest.to_string().replace(':', "-");
    let (host, registries) = serve(&[
        (&format!("/v2/a/referrers/{digest}"), "", &list),
        (
            &format!("/v2/a/manifests/{tag}"),
            "content-type: application/vnd.oci.image.index.v1+json\r\n",
            &list,
        ),
        (&format!("/v2/a/manifests/{tag}.sig"), "", EMPTY),
        (&format!("/v2/broken/manifests/{tag}.att"), "content-type: application/vnd.x\r\n", "<html>"),
    ]);
    let of = |path: &str| {
        let name = Reference::parse(&format!("{host}/{path}")).unwrap();
        registries.repository(name.name()).unwrap().referrers_everywhere(&digest)
    };
    let all = of("a").unwrap();
    let shown: Vec<(&str, String)> =
        all.iter().map(|one| (one.referrer.artifact_type.as_str(), one.by.join(", "))).collect();
    let both = format!("referrers API, tag {tag}");
    assert_eq!(shown, [("note", format!("tag {tag}.sig")), ("signature", both)]);
    assert_eq!(all[0].referrer.annotations["a"], "b");
    assert_eq!(of("none").unwrap(), []);
    assert!(matches!(of("broken"), Err(Error::Json { .. })));
    let refused = registries.repositories(&host, "").unwrap_err();
    assert!(matches!(refused, Error::NoList { .. }), "{refused}");
}
