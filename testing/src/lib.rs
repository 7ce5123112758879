//! What tests of several crates need. Only ever a development dependency.
//!
//! Some tests read large independent suites and real advisory feeds that are not part of the project. They stand in the
//! folder that `PLIMSOLL_SHARED` names, by default `../shared` beside the checkout. Where that folder is absent the
//! tests say so on standard error and check only the project's own fixtures.

#![forbid(unsafe_code)]

mod api_server;
mod brief;
pub mod guest;
mod harbour;

use std::path::{Path, PathBuf};

pub use api_server::{ApiServer, USERS};
pub use brief::Brief;
pub use harbour::{Harbour, IMAGE, Running, pod};

/// The path of `name` below the shared folder; `None`, said loudly, when it is absent.
#[expect(clippy::disallowed_methods, clippy::print_stderr, reason = "tests enter here; a skip must be heard")]
pub fn shared(name: &str) -> Option<PathBuf> {
    let root = std::env::var("PLIMSOLL_SHARED")
        .map_or_else(|_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let path = root.join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("NOT CHECKED: {} is absent; set PLIMSOLL_SHARED to the folder that holds it", path.display());
    None
}

/// The folder of the real test images that `cargo xtask images` builds; `None`, said loudly, when it is absent.
#[expect(clippy::print_stderr, reason = "a skip must be heard")]
pub fn images() -> Option<PathBuf> {
    let folder = cache()?.join("images/current");
    if folder.join("images.json").exists() {
        return Some(folder);
    }
    eprintln!("NOT CHECKED: there are no test images in {}; run `cargo xtask images`", folder.display());
    None
}

/// Says that this machine cannot show what a test is about. Written past the capture of standard error: a test that passes
/// without having tested anything must be heard.
pub fn not_tested(why: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "NOT TESTED: {why}");
}

/// Where `cargo xtask` keeps what it builds.
#[expect(clippy::disallowed_methods, reason = "tests enter here")]
fn cache() -> Option<PathBuf> {
    std::env::var("PLIMSOLL_CACHE")
        .map(PathBuf::from)
        .or_else(|_| std::env::var("HOME").map(|home| Path::new(&home).join(".cache/plimsoll")))
        .ok()
}

/// Unpacks a `tar --zstd` archive into a fresh temporary folder, removed when the value is dropped.
///
/// # Panics
/// When the archive cannot be unpacked: a broken suite is a failed test.
pub fn unpack(archive: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = std::fs::File::open(archive).expect("the archive opens");
    let decoder = zstd::stream::read::Decoder::new(file).expect("the archive is zstd");
    tar::Archive::new(decoder).unpack(folder.path()).expect("the archive unpacks");
    folder
}

/// A real registry server on loopback that ends with the value.
pub struct Registry {
    process: std::process::Child,
    /// Where it listens: `127.0.0.1:PORT`.
    pub host: String,
    /// The port alone.
    pub port: u16,
    _folder: tempfile::TempDir,
}

impl Registry {
    /// Starts Debian's `docker-registry` with nothing in it; `None`, said loudly, when it is not installed.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start() -> Option<Self> {
        Self::start_with(None, &serde_json::json!({}))
    }

    /// Starts it over a folder of content, which several may share, with further sections of its configuration.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_with(content: Option<&Path>, more: &serde_json::Value) -> Option<Self> {
        Self::start_trusting(None, content, more)
    }

    /// As [`Registry::start_with`]; where it is a client, of endpoints that it tells of events, it trusts these certificates (PEM) alone.
    ///
    /// # Panics
    /// When it does not start.
    #[expect(clippy::print_stderr, reason = "a skip must be heard")]
    pub fn start_trusting(
        authorities: Option<&Path>,
        content: Option<&Path>,
        more: &serde_json::Value,
    ) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = free_port();
        let host = format!("127.0.0.1:{port}");
        let content = content.map_or_else(|| folder.path().join("content"), Path::to_owned);
        let mut configuration = serde_json::json!({
            "version": "0.1",
            "log": { "level": "error", "accesslog": { "disabled": true } },
            "storage": { "filesystem": { "rootdirectory": content } },
            "http": { "addr": host },
        });
        for (section, value) in more.as_object().expect("sections") {
            match configuration[section].as_object_mut() {
                Some(there) => there.extend(value.as_object().expect("a section").clone()),
                None => configuration[section] = value.clone(),
            }
        }
        // JSON is YAML.
        let file = folder.path().join("registry.yml");
        std::fs::write(&file, configuration.to_string()).expect("a file");
        let process = std::process::Command::new("docker-registry")
            .arg("serve")
            .arg(&file)
            .envs(authorities.map(|file| ("SSL_CERT_FILE", file)))
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn();
        let process = match process {
            Ok(process) => process,
            Err(error) => {
                eprintln!("NOT CHECKED: `docker-registry` does not start ({error}); run `cargo xtask deps`");
                return None;
            }
        };
        let registry = Registry { process, host, port, _folder: folder };
        for _ in 0..200 {
            if std::net::TcpStream::connect(&registry.host).is_ok() {
                return Some(registry);
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("the registry does not start");
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A port of this machine that nobody listens on.
///
/// # Panics
/// When there is none.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port()
}
