//! A webhook over TLS in this process.
#![allow(dead_code, reason = "each test program uses its part")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use plimsoll_admit::authority::Authority;
use plimsoll_admit::engine::{Engine, Rules};
use plimsoll_admit::evidence::{Limits, Source, Store};
use plimsoll_admit::server::{Server, Settings, listen};
use plimsoll_admit::tls::{Showcase, configuration};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tokio::sync::watch;

use super::common::{self, NOW, Scripted};

/// Writes an authority into its two files.
pub(crate) fn write(folder: &Path, name: &str, authority: &Authority) {
    std::fs::write(folder.join(format!("{name}.crt")), authority.certificate_pem()).unwrap();
    std::fs::write(folder.join(format!("{name}.key")), authority.key_pem()).unwrap();
}

/// Seconds since 1970, by the machine: certificates are held against it.
#[expect(clippy::disallowed_methods, reason = "clients check certificates by the machine's clock")]
pub(crate) fn machine() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

/// A webhook that serves, in threads of its own.
pub(crate) struct Serving {
    pub(crate) address: SocketAddr,
    pub(crate) showcase: Arc<Showcase>,
    pub(crate) stop: watch::Sender<bool>,
    pub(crate) ended: mpsc::Receiver<()>,
    pub(crate) log: Arc<common::Kept>,
    pub(crate) engine: Arc<Engine>,
}

/// Serves with a policy that asks for our signature; every image has it.
pub(crate) fn signed(linger: Duration) -> Serving {
    let yaml = common::policy("production", common::SIGNED);
    let key = common::fingerprint(&common::gate(&yaml));
    let source = Scripted::new(move |reference, _| {
        common::signed(&reference.digest().cloned().unwrap_or_else(|| common::digest("11")), &key)
    });
    serve(Rules::new(common::gate(&yaml)), source, linger)
}

/// Serves by these rules.
pub(crate) fn serve(rules: Rules, source: Arc<dyn Source>, linger: Duration) -> Serving {
    let clock: plimsoll_admit::Clock = Arc::new(|| NOW);
    let store = Arc::new(Store::new(source, Limits::default()));
    store.start(&clock);
    let engine = Arc::new(Engine::new(rules, store));
    let log = Arc::new(common::Kept::default());
    let settings =
        Settings { budget: Duration::from_secs(5), now: clock, log: log.clone(), linger, pushes: None };
    let server = Server::new(engine.clone(), settings);
    let showcase = Arc::new(Showcase::default());
    let tls = configuration(showcase.clone()).unwrap();
    let (stop, stopped) = watch::channel(false);
    let (told, address) = mpsc::channel();
    let (end, ended) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
            told.send(listener.local_addr().unwrap()).unwrap();
            server.run(listener, tls, stopped).await.unwrap();
        });
        let _ = end.send(());
    });
    Serving { address: address.recv().unwrap(), showcase, stop, ended, log, engine }
}

/// A client that trusts these authorities.
pub(crate) fn client(authorities: &[&str]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        let pem = CertificateDer::from_pem_slice(authority.as_bytes()).unwrap();
        roots.add(pem).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    // Every connection shows what certificate there is now.
    config.resumption = rustls::client::Resumption::disabled();
    Arc::new(config)
}

/// A connection that is kept.
pub(crate) type Connection = StreamOwned<ClientConnection, TcpStream>;

/// A connection to the webhook.
pub(crate) fn connect(address: SocketAddr, client: &Arc<ClientConfig>) -> std::io::Result<Connection> {
    connect_to(address, "gate.test", client)
}

/// A connection to a server that has this name in its certificate.
pub(crate) fn connect_to(
    address: SocketAddr,
    name: &str,
    client: &Arc<ClientConfig>,
) -> std::io::Result<Connection> {
    let socket = TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(Duration::from_secs(10)))?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut connection = ClientConnection::new(client.clone(), name).unwrap();
    let mut socket = socket;
    connection.complete_io(&mut socket)?;
    Ok(StreamOwned::new(connection, socket))
}

/// Sends a request and reads the answer: status and body.
pub(crate) fn send(connection: &mut Connection, head: &str, body: &[u8]) -> std::io::Result<(u16, Vec<u8>)> {
    let text = format!("{head}\r\nhost: gate.test\r\ncontent-length: {}\r\n\r\n", body.len());
    connection.write_all(&[text.as_bytes(), body].concat())?;
    let mut seen = Vec::new();
    let mut piece = [0; 16_384];
    loop {
        if let Some(end) = seen.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&seen[..end]).to_lowercase();
            let length: usize = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
                .unwrap_or(0);
            if seen.len() >= end + 4 + length {
                let status = head.split(' ').nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
                return Ok((status, seen.split_off(end + 4)));
            }
        }
        let read = connection.read(&mut piece)?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        seen.extend_from_slice(&piece[..read]);
    }
}
