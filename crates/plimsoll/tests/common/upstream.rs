//! The hosts that feeds come from, all on one loopback port: `/HOST/PATH`, as `--feed-mirror` asks for them. Answers
//! conditional requests as the real ones do, notes what it was asked, and does wrong what a test tells it to.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::image::digest;

pub(crate) const OSV: &str = "osv-vulnerabilities.storage.googleapis.com";
pub(crate) const RED_HAT: &str = "security.access.redhat.com/data/csaf/v2/vex";
pub(crate) const KEV: &str = "www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json";
pub(crate) const EPSS: &str = "epss.empiricalsecurity.com/epss_scores-current.csv.gz";
pub(crate) const DEBIAN: &str = "security-tracker.debian.org/tracker/data/json";
pub(crate) const AMAZON: &str = "cdn.amazonlinux.com";
pub(crate) const ORACLE: &str = "linux.oracle.com/security/oval";
pub(crate) const ARCH: &str = "security.archlinux.org/all.json";
pub(crate) const BOTTLEROCKET: &str = "advisories.bottlerocket.aws/updateinfo.xml.gz";
pub(crate) const ALPINE: &str = "secdb.alpinelinux.org";

/// What goes wrong with a path.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// This status and these headers, for ever.
    Status(u16, &'static str),
    /// This status and these headers, so many times.
    Times(u32, u16, &'static str),
    /// The connection breaks off in the middle, whatever is asked, and no sign says that the content is the same.
    Cut,
    /// Half of the body, then silence.
    Hang,
    /// A length that nobody should read.
    Huge,
    /// These bytes, said to be compressed.
    NoGzip,
    /// So slowly that a test can do something meanwhile.
    Slow,
}

#[derive(Default)]
struct State {
    files: BTreeMap<String, Vec<u8>>,
    faults: BTreeMap<String, Fault>,
    /// Path and status of every answer.
    log: Vec<(String, u16)>,
}

/// The server.
#[derive(Clone)]
pub(crate) struct Upstreams {
    address: String,
    state: Arc<Mutex<State>>,
}

impl Upstreams {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let upstreams = Upstreams { address, state: Arc::default() };
        let own = upstreams.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let own = own.clone();
                std::thread::spawn(move || own.answer(&stream));
            }
        });
        upstreams
    }

    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn put(&self, path: &str, content: impl Into<Vec<u8>>) {
        self.state.lock().unwrap().files.insert(path.to_owned(), content.into());
    }

    pub(crate) fn remove(&self, path: &str) {
        self.state.lock().unwrap().files.remove(path);
    }

    pub(crate) fn fault(&self, path: &str, fault: Fault) {
        self.state.lock().unwrap().faults.insert(path.to_owned(), fault);
    }

    pub(crate) fn mend(&self) {
        self.state.lock().unwrap().faults.clear();
    }

    /// What was asked since the last time.
    pub(crate) fn asked(&self) -> Vec<(String, u16)> {
        std::mem::take(&mut self.state.lock().unwrap().log)
    }

    fn answer(&self, mut stream: &TcpStream) -> Option<()> {
        let mut lines = BufReader::new(stream).lines();
        let request = lines.next()?.ok()?;
        let mut tag = String::new();
        for line in lines.by_ref() {
            let line = line.ok()?;
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("if-none-match")
            {
                value.trim().clone_into(&mut tag);
            }
        }
        let path = request.split(' ').nth(1)?.trim_start_matches('/').replace("%20", " ");
        let (body, fault) = {
            let mut state = self.state.lock().unwrap();
            let fault = state.faults.get(&path).cloned();
            if let Some(Fault::Times(left, status, headers)) = fault {
                let next = if left > 1 { Some(Fault::Times(left - 1, status, headers)) } else { None };
                match next {
                    Some(next) => state.faults.insert(path.clone(), next),
                    None => state.faults.remove(&path),
                };
            }
            (state.files.get(&path).cloned(), fault)
        };
        let mut head = String::new();
        let mut body = body.unwrap_or_else(|| b"absent".to_vec());
        let known = self.state.lock().unwrap().files.contains_key(&path);
        let etag = format!("\"{}\"", digest(&body));
        let mut length = body.len() as u64;
        let status = match &fault {
            Some(Fault::Status(status, headers) | Fault::Times(_, status, headers)) => {
                head.push_str(headers);
                body = b"not now".to_vec();
                length = body.len() as u64;
                *status
            }
            Some(Fault::Huge) => {
                length = 1 << 50;
                200
            }
            Some(Fault::NoGzip) => {
                head.push_str("Content-Encoding: gzip\r\n");
                // The magic number, and then nothing that could be unpacked.
                body = [&[0x1f, 0x8b, 8, 0][..], &[0x55; 5000]].concat();
                length = body.len() as u64;
                200
            }
            _ if !known => 404,
            Some(Fault::Cut | Fault::Hang) => 200,
            _ if tag == etag => {
                body.clear();
                304
            }
            _ => 200,
        };
        self.state.lock().unwrap().log.push((path, status));
        if matches!(status, 200 | 304) && !matches!(fault, Some(Fault::Cut | Fault::Hang)) {
            let _ = write!(head, "ETag: {etag}\r\n");
        }
        if status != 304 {
            let _ = write!(head, "Content-Length: {length}\r\n");
        }
        let head = format!("HTTP/1.1 {status} Whatever\r\n{head}Connection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).ok()?;
        match fault {
            Some(Fault::Cut) => stream.write_all(&body[..body.len() / 2]).ok(),
            Some(Fault::Hang) => {
                stream.write_all(&body[..body.len() / 2]).ok()?;
                // Until the other side has had enough.
                stream.set_read_timeout(Some(Duration::from_mins(2))).ok()?;
                stream.read(&mut [0]).ok().map(drop)
            }
            Some(Fault::Slow) => {
                for piece in body.chunks(body.len() / 20 + 1) {
                    std::thread::sleep(Duration::from_millis(100));
                    stream.write_all(piece).ok()?;
                }
                Some(())
            }
            _ => stream.write_all(&body).ok(),
        }
    }
}

/// A zip archive of these members.
pub(crate) fn zipped(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in members {
        writer.start_file(name.as_str(), zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

pub(crate) fn gzipped(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}
