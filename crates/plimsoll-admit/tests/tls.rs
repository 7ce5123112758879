//! The webhook over TLS: its own authority, certificates that change under load, hostile clients, an orderly end.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;
#[path = "common/serving.rs"]
mod serving;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use common::{NOW, create, digest, pod};
use plimsoll_admit::authority::Authority;
use plimsoll_admit::tls::{Certificates, load_authority};
use serde_json::Value;
use serving::{client, connect, machine, send, write};

fn good() -> Vec<u8> {
    serde_json::to_vec(&create(&pod(&[&format!("r.io/good@{}", digest("22"))]))).unwrap()
}

#[test]
fn certificates_and_authorities_change_under_load_without_a_lost_request() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (Authority::new(machine()).unwrap(), Authority::new(machine()).unwrap());
    write(folder.path(), "ca", &first);
    write(folder.path(), "next-ca", &second);
    let certificates = Certificates::Authority {
        folder: folder.path().to_owned(),
        names: vec!["gate.test".into(), "127.0.0.1".into()],
    };
    let serving = serving::signed(Duration::ZERO);
    serving.showcase.show(&certificates.load(machine()).unwrap());
    // API servers trust both, as the manifests tell them.
    let trusting = client(&[first.certificate_pem(), second.certificate_pem()]);
    let only_first = client(&[first.certificate_pem()]);
    assert!(connect(serving.address, &only_first).is_ok());
    let (done, requests) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for kept in [true, false] {
            let (trusting, done, requests, address) = (&trusting, &done, &requests, serving.address);
            scope.spawn(move || {
                let body = good();
                let mut connection = connect(address, trusting).unwrap();
                while !done.load(SeqCst) {
                    if !kept {
                        connection = connect(address, trusting).unwrap();
                    }
                    let (status, answer) =
                        send(&mut connection, "POST /validate?timeout=10s HTTP/1.1", &body).unwrap();
                    assert_eq!(status, 200);
                    let answer: Value = serde_json::from_slice(&answer).unwrap();
                    assert_eq!(answer["response"]["allowed"], true, "{answer}");
                    requests.fetch_add(1, SeqCst);
                    std::thread::sleep(Duration::from_millis(1));
                }
            });
        }
        let since = Instant::now();
        let mut changes = 0;
        while since.elapsed() < Duration::from_secs(2) {
            // Half-way the second authority takes the place of the first.
            if changes == 40 {
                write(folder.path(), "ca", &second);
            }
            serving.showcase.show(&certificates.load(machine()).unwrap());
            changes += 1;
            std::thread::sleep(Duration::from_millis(20));
        }
        done.store(true, SeqCst);
        assert!(changes > 50, "{changes}");
    });
    assert!(requests.load(SeqCst) > 200, "{requests:?}");
    assert_eq!(serving.engine.metrics.handshakes_failed.load(SeqCst), 0);
    assert!(connect(serving.address, &only_first).is_err(), "the second issues now");
}

#[test]
fn it_ends_in_order() {
    let authority = Authority::new(machine()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "ca", &authority);
    let serving = serving::signed(Duration::from_millis(400));
    let names = vec!["gate.test".into()];
    let certificates = Certificates::Authority { folder: folder.path().to_owned(), names };
    serving.showcase.show(&certificates.load(machine()).unwrap());
    let trusting = client(&[authority.certificate_pem()]);
    let mut kept = connect(serving.address, &trusting).unwrap();
    assert_eq!(send(&mut kept, "GET /readyz HTTP/1.1", b"").unwrap().0, 200);
    serving.stop.send_replace(true);
    std::thread::sleep(Duration::from_millis(100));
    // Others learn that we are going; what they still send is answered.
    let mut late = connect(serving.address, &trusting).unwrap();
    assert_eq!(send(&mut late, "GET /readyz HTTP/1.1", b"").unwrap().0, 503);
    assert_eq!(send(&mut kept, "POST /validate HTTP/1.1", &good()).unwrap().0, 200);
    assert_eq!(send(&mut kept, "GET /healthz HTTP/1.1", b"").unwrap().0, 200);
    serving.ended.recv_timeout(Duration::from_secs(5)).expect("it ends, although connections were kept");
    assert!(connect(serving.address, &trusting).is_err());
}

#[test]
fn hostile_clients_get_nothing_and_hold_up_nobody() {
    let authority = Authority::new(machine()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "ca", &authority);
    let serving = serving::signed(Duration::ZERO);
    let names = vec!["gate.test".into()];
    let trusting = client(&[authority.certificate_pem()]);
    assert!(connect(serving.address, &trusting).is_err(), "no certificate yet");
    let certificates = Certificates::Authority { folder: folder.path().to_owned(), names };
    serving.showcase.show(&certificates.load(machine()).unwrap());
    // Connections that say nothing, and one that does not speak TLS.
    let silent: Vec<TcpStream> = (0..50).map(|_| TcpStream::connect(serving.address).unwrap()).collect();
    TcpStream::connect(serving.address).unwrap().write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut connection = connect(serving.address, &trusting).unwrap();
    assert_eq!(send(&mut connection, "POST /validate HTTP/1.1", b"{}").unwrap().0, 400);
    assert_eq!(
        send(&mut connection, "POST /validate HTTP/1.1", "[".repeat(1 << 20).as_bytes()).unwrap().0,
        400
    );
    assert_eq!(send(&mut connection, "DELETE /validate HTTP/1.1", b"").unwrap().0, 404);
    assert_eq!(send(&mut connection, "POST /validate HTTP/1.1", &good()).unwrap().0, 200);
    // More than may be: refused by its length, before it is sent.
    let head = format!("POST /validate HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", 1_u64 << 40);
    let mut large = connect(serving.address, &trusting).unwrap();
    large.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 12];
    large.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    drop(silent);
}

#[test]
fn authorities_are_checked_when_they_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (Authority::new(NOW).unwrap(), Authority::new(NOW).unwrap());
    assert!(load_authority(folder.path(), "ca").unwrap().is_none());
    write(folder.path(), "ca", &one);
    let read = load_authority(folder.path(), "ca").unwrap().unwrap();
    assert_eq!(read.certificate_pem(), one.certificate_pem());
    assert!(read.can_issue(NOW) && !read.is_old(NOW));
    assert!(read.is_old(NOW + 7 * 365 * 86_400) && !read.can_issue(NOW + 3_650 * 86_400));
    std::fs::write(folder.path().join("ca.key"), other.key_pem()).unwrap();
    let error = load_authority(folder.path(), "ca").unwrap_err().to_string();
    assert!(error.contains("do not belong together"), "{error}");
    for broken in ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        std::fs::write(folder.path().join("ca.crt"), broken).unwrap();
        assert!(load_authority(folder.path(), "ca").is_err(), "{broken}");
    }
    // An authority that has ended issues nothing; the next one does.
    write(folder.path(), "ca", &one);
    write(folder.path(), "next-ca", &Authority::new(NOW + 9 * 365 * 86_400).unwrap());
    let certificates =
        Certificates::Authority { folder: folder.path().to_owned(), names: vec!["a.test".into()] };
    assert!(certificates.load(NOW).is_ok());
    let later = certificates.load(NOW + 3_640 * 86_400).unwrap();
    assert!(later.ends > NOW + 3_650 * 86_400);
    assert!(
        certificates.is_due(later.ends, later.ends - 86_400)
            && !certificates.is_due(later.ends, later.ends - 20 * 86_400)
    );
    assert!(certificates.load(NOW - 86_400).is_err(), "not yet good");
}

#[test]
fn openssl_agrees() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(machine()).unwrap();
    write(folder.path(), "ca", &authority);
    let issued = authority.issue(&["gate.test".into(), "127.0.0.1".into(), "::1".into()], machine()).unwrap();
    std::fs::write(folder.path().join("leaf.der"), &issued.chain[0]).unwrap();
    let script = "openssl x509 -inform der -in leaf.der -out leaf.pem
        openssl verify -x509_strict -purpose sslserver -verify_hostname gate.test -CAfile ca.crt leaf.pem
        openssl verify -x509_strict -purpose sslserver -verify_ip 127.0.0.1 -CAfile ca.crt leaf.pem
        openssl x509 -in leaf.pem -noout -text; openssl x509 -in ca.crt -noout -text";
    let done = std::process::Command::new("sh").args(["-ec", script]).current_dir(folder.path()).output();
    let Ok(done) = done else { return };
    let text = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{text}\n{}", String::from_utf8_lossy(&done.stderr));
    for expected in
        ["DNS:gate.test, IP Address:127.0.0.1", "TLS Web Server Authentication", "CA:TRUE, pathlen:0"]
    {
        assert!(text.contains(expected), "{expected} in {text}");
    }
}
