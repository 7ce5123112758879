//! A real Kubernetes API server on loopback.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};

/// Users that the server knows by a token, which is `token-of-NAME`. `admin` may do everything, the others what a test
/// gives them. Any other user is had by a certificate.
pub const USERS: [&str; 6] = ["admin", "auditor", "reader", "webhook", "worker", "nobody"];

/// How long a start may take on a busy machine; on an idle one it is 4 s.
const LONGEST_START: Duration = Duration::from_mins(3);

/// A real `kube-apiserver` 1.20 with an etcd of its own, RBAC on, on loopback, with nothing in it but what the server itself
/// makes. There are no controllers and no nodes: a pod stays as it was created, until a test writes its status.
///
/// Both processes and their data go when the value is dropped, or when this process ends in whatever way.
pub struct ApiServer {
    /// Where it listens: `https://127.0.0.1:PORT`.
    pub url: String,
    /// Where its database listens: `127.0.0.1:PORT`.
    pub etcd: String,
    folder: PathBuf,
    keeper: Child,
}

impl ApiServer {
    /// The one server of this process, for tests that do not disturb one another; `None`, said loudly, when it was not built.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<ApiServer>> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(&[])).as_ref()
    }

    /// Starts a server with further `flags`; `None`, said loudly, when it was not built.
    ///
    /// # Panics
    /// When it does not start; with the end of what it said.
    #[expect(clippy::print_stderr, reason = "a skip must be heard")]
    pub fn start(flags: &[&str]) -> Option<Self> {
        let programs = crate::cache()?.join("kube-apiserver/current/bin");
        if !programs.join("kube-apiserver").exists() {
            eprintln!(
                "NOT CHECKED: there is no API server in {}; run `cargo xtask kube-apiserver`",
                programs.display()
            );
            return None;
        }
        let folder =
            tempfile::Builder::new().prefix("plimsoll-api-server-").tempdir().expect("a folder").keep();
        let [port, client, peer] = ports();
        let etcd = format!("127.0.0.1:{client}");
        let mut tokens = String::new();
        for user in USERS {
            let groups = if user == "admin" { ",system:masters" } else { "" };
            tokens.extend([&token(user), ",", user, ",", user, groups, "\n"]);
        }
        std::fs::write(folder.join("tokens.csv"), tokens).expect("a file");
        authority(&folder);
        // The shell waits for the end of its input, which comes with the end of this process however it ends, and then
        // removes everything. Nothing in these words can hold a quote.
        let script = format!(
            "cd '{folder}'\n\
             '{programs}/etcd' --data-dir data --listen-client-urls http://{etcd} --advertise-client-urls http://{etcd} \
             --listen-peer-urls http://127.0.0.1:{peer} --initial-advertise-peer-urls http://127.0.0.1:{peer} \
             --initial-cluster default=http://127.0.0.1:{peer} >etcd.log 2>&1 &\n\
             etcd=$!\n\
             '{programs}/kube-apiserver' --etcd-servers http://{etcd} --bind-address 127.0.0.1 \
             --advertise-address 127.0.0.1 --secure-port {port} --tls-cert-file server.pem --tls-private-key-file server.key \
             --client-ca-file ca.pem --cert-dir certificates --service-cluster-ip-range 10.0.0.0/24 \
             --service-account-issuer https://kubernetes.default.svc --service-account-key-file account.key \
             --service-account-signing-key-file account.key --token-auth-file tokens.csv --authorization-mode RBAC \
             --disable-admission-plugins ServiceAccount --allow-privileged \"$@\" >server.log 2>&1 &\n\
             server=$!\n\
             cat >/dev/null\n\
             kill -KILL $etcd $server\n\
             wait\n\
             rm -rf '{folder}'\n",
            folder = folder.display(),
            programs = programs.display(),
        );
        let keeper = Command::new("sh")
            .args(["-c", &script, "sh"])
            .args(flags)
            // Interrupting the tests must not end the shell before what it keeps.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        let server = ApiServer { url: format!("https://127.0.0.1:{port}"), etcd, folder, keeper };
        let begin = Instant::now();
        while !server.is_ready() {
            assert!(begin.elapsed() < LONGEST_START, "the API server does not start: {}", server.log_end());
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(server)
    }

    fn is_ready(&self) -> bool {
        // Readiness comes before the rights of `system:masters` and the namespace `default` are there.
        let is_there =
            |path| self.try_request("GET", path, "", &[], "admin").is_ok_and(|(status, _)| status == 200);
        is_there("/readyz") && is_there("/api/v1/namespaces/default")
    }

    fn log_end(&self) -> String {
        let log = std::fs::read_to_string(self.folder.join("server.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(5)..].join("\n")
    }

    /// The certificate of the authority that signed the server's certificate, as a file in PEM.
    pub fn authority(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// A certificate and its key, as files in PEM, for any user with any groups.
    ///
    /// # Panics
    /// When `openssl` is not installed.
    pub fn certificate(&self, user: &str, groups: &[&str]) -> (PathBuf, PathBuf) {
        let mut subject = String::new();
        for group in groups {
            subject.extend(["/O=", group]);
        }
        subject.extend(["/CN=", user]);
        issue(&self.folder, &format!("user-{user}"), &subject, "extendedKeyUsage=clientAuth")
    }

    /// A kubeconfig for one of [`USERS`], with its token.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn kubeconfig(&self, user: &str) -> PathBuf {
        let path = self.folder.join(format!("kubeconfig-{user}"));
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
             clusters:\n- name: test\n  cluster: {{ server: \"{}\", certificate-authority: \"{}\" }}\n\
             users:\n- name: {user}\n  user: {{ token: {} }}\n\
             contexts:\n- name: test\n  context: {{ cluster: test, user: {user} }}\n",
            self.url,
            self.authority().display(),
            token(user)
        );
        std::fs::write(&path, text).expect("a file");
        path
    }

    /// Sends a request as `user` and gives the status and the body. A patch of `application/apply-patch+yaml` creates what is
    /// absent.
    ///
    /// # Panics
    /// When the server does not answer.
    pub fn request(
        &self,
        method: &str,
        path: &str,
        content_type: &str,
        body: &[u8],
        user: &str,
    ) -> (u16, Vec<u8>) {
        self.try_request(method, path, content_type, body, user)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    fn try_request(
        &self,
        method: &str,
        path: &str,
        content_type: &str,
        body: &[u8],
        user: &str,
    ) -> std::io::Result<(u16, Vec<u8>)> {
        let mut roots = rustls::RootCertStore::empty();
        let authority = CertificateDer::from_pem_file(self.authority()).map_err(std::io::Error::other)?;
        roots.add(authority).map_err(std::io::Error::other)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let configuration = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(std::io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("127.0.0.1").map_err(std::io::Error::other)?;
        let connection =
            rustls::ClientConnection::new(Arc::new(configuration), name).map_err(std::io::Error::other)?;
        let socket = TcpStream::connect(self.url.trim_start_matches("https://"))?;
        let mut stream = rustls::StreamOwned::new(connection, socket);
        // HTTP 1.0: the body comes in one piece and ends with the connection.
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\nAuthorization: Bearer {}\r\nContent-Type: {content_type}\r\n\
             Content-Length: {}\r\n\r\n",
            token(user),
            body.len()
        )?;
        stream.write_all(body)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(answer.len());
        let status = String::from_utf8_lossy(&answer[..end])
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .ok_or_else(|| std::io::Error::other("no status line"))?;
        Ok((status, answer.get(end + 4..).unwrap_or_default().to_vec()))
    }

    /// Creates or changes the object of `path` to what `manifest` (YAML or JSON) says, as `admin`.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn apply(&self, path: &str, manifest: &str) {
        let path = format!("{path}?fieldManager=test&force=true");
        let (status, body) =
            self.request("PATCH", &path, "application/apply-patch+yaml", manifest.as_bytes(), "admin");
        assert!(matches!(status, 200 | 201), "PATCH {path}: {status} {}", String::from_utf8_lossy(&body));
    }

    /// Deletes the object of `path`, as `admin`, if it is there.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn delete(&self, path: &str) {
        let (status, body) = self.request("DELETE", path, "application/json", &[], "admin");
        assert!(
            matches!(status, 200 | 202 | 404),
            "DELETE {path}: {status} {}",
            String::from_utf8_lossy(&body)
        );
    }

    /// Makes the database forget all states before `revision`, as a server does by itself every five minutes: a list or a
    /// watch that begins there is answered by "410 Gone".
    ///
    /// # Panics
    /// When the database refuses.
    pub fn compact(&self, revision: &str) {
        let mut socket = TcpStream::connect(&self.etcd).expect("etcd answers");
        let body = format!("{{\"revision\":\"{revision}\",\"physical\":true}}");
        write!(
            socket,
            "POST /v3/kv/compaction HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .expect("a request");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("an answer");
        assert!(answer.split(' ').nth(1) == Some("200"), "etcd: {answer}");
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

fn token(user: &str) -> String {
    format!("token-of-{user}")
}

/// Three free ports; all sockets are held until all are chosen.
fn ports() -> [u16; 3] {
    let sockets = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
    sockets.map(|socket| socket.local_addr().expect("an address").port())
}

/// Makes an authority, the server's certificate, and the key of service accounts.
fn authority(folder: &Path) {
    key(folder, "ca");
    key(folder, "account");
    openssl(folder, "req -x509 -new -key ca.key -days 2 -subj /CN=test-authority -out ca.pem".split(' '));
    issue(
        folder,
        "server",
        "/CN=kube-apiserver",
        "subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:kubernetes.default.svc",
    );
}

fn key(folder: &Path, name: &str) {
    let file = format!("{name}.key");
    openssl(folder, ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", &file]);
}

/// A certificate of the authority, and its key.
fn issue(folder: &Path, name: &str, subject: &str, extension: &str) -> (PathBuf, PathBuf) {
    key(folder, name);
    let [key, request, certificate, extensions] =
        ["key", "csr", "pem", "ext"].map(|extension| format!("{name}.{extension}"));
    std::fs::write(folder.join(&extensions), extension).expect("a file");
    openssl(folder, ["req", "-new", "-key", &key, "-subj", subject, "-out", &request]);
    openssl(
        folder,
        [
            "x509",
            "-req",
            "-in",
            &request,
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "2",
            "-extfile",
            &extensions,
            "-out",
            &certificate,
        ],
    );
    (folder.join(certificate), folder.join(key))
}

fn openssl<'a>(folder: &Path, arguments: impl IntoIterator<Item = &'a str>) {
    let output = Command::new("openssl")
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("`openssl` is installed (`cargo xtask deps`)");
    assert!(output.status.success(), "openssl: {}", String::from_utf8_lossy(&output.stderr));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_come_and_go_rights_hold_and_nothing_is_left() {
        let Some(server) = ApiServer::start(&[]) else { return };
        let pods = "/api/v1/namespaces/default/pods";
        let pod =
            "{apiVersion: v1, kind: Pod, metadata: {name: one}, spec: {containers: [{name: a, image: a}]}}";
        server.apply(&format!("{pods}/one"), pod);
        let (status, body) = server.request("GET", pods, "", &[], "admin");
        assert_eq!(status, 200);
        assert!(String::from_utf8_lossy(&body).contains("\"name\":\"one\""));
        assert_eq!(server.request("GET", pods, "", &[], "nobody").0, 403);
        server.delete(&format!("{pods}/one"));
        server.compact("1");

        let (certificate, key) = server.certificate("carol", &["system:masters"]);
        assert!(certificate.exists() && key.exists());
        let folder = server.folder.clone();
        let address = server.url.trim_start_matches("https://").to_owned();
        drop(server);
        assert!(!folder.exists());
        assert!(TcpStream::connect(address).is_err());
    }
}
