//! Images and containers that daemons have: Podman's real service, by its own name and as Docker's API, and a daemon that
//! does what daemons and sockets do wrong.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;

use super::common::image::{self, Pack, Tree};
use super::common::shop;
use super::{Place, Run, finding, text};

/// Podman's service with storage of its own, and what was loaded into it. Lives as long as the tests.
struct Service {
    place: Place,
    _watch: Child,
}

/// Runs a service until the tests end, then removes its folder.
const WATCH: &str = "folder=$1; shift; \"$@\" & child=$!
while kill -0 $PPID && kill -0 $child; do sleep 1; done
kill $child; wait $child; rm -rf \"$folder\"";

impl Service {
    fn address(&self) -> String {
        format!("unix://{}", self.place.text("s"))
    }

    fn podman(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("podman");
        command
            .args(["--root", &self.place.text("root"), "--runroot", &self.place.text("run")])
            .args(["--storage-driver", "vfs"])
            .args(arguments);
        command
    }

    /// Scans with the variables of both clients set to it.
    fn scan(&self, place: &Place, arguments: &[&str]) -> Run {
        let address = self.address();
        let mut all = vec!["scan", "--db", super::database(), "--format", "json"];
        all.extend(arguments);
        place.run_with(&all, &[("CONTAINER_HOST", &address), ("DOCKER_HOST", &address)])
    }
}

/// A process that ends with its owner.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|metadata| std::os::unix::fs::MetadataExt::uid(&metadata) == 0)
}

/// Statics are never dropped: a shell watches over us, ends the service and cleans up when we are gone.
fn watched(place: &Place, command: &[&str]) -> Child {
    Command::new("sh")
        .args(["-c", WATCH, "sh", place.folder.path().to_str().unwrap()])
        .args(command)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn wait_for(socket: &Path) {
    for _ in 0..300 {
        if UnixStream::connect(socket).is_ok() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("nobody answers at {}", socket.display());
}

/// An image whose apk database was written again above its base.
fn two_databases() -> image::Image {
    let entry = |name: &str| format!("P:{name}\nV:1.0-r0\nA:x86_64\n\n");
    let release = "ID=alpine\nVERSION_ID=3.18.4\nPRETTY_NAME=\"Alpine Linux v3.18\"\n";
    image::Image::new()
        .layer(
            "/bin/sh -c #(nop) ADD file:1 in / ",
            Tree::new().file("etc/os-release", release).file("lib/apk/db/installed", entry("musl")),
        )
        .step("/bin/sh -c #(nop)  CMD [\"/bin/sh\"]")
        .layer(
            "RUN apk add curl # buildkit",
            Tree::new().file("lib/apk/db/installed", entry("musl") + &entry("curl")),
        )
}

/// `None`, said aloud, where Podman or root is missing.
#[expect(clippy::print_stderr, reason = "what is skipped is said")]
fn service() -> Option<&'static Service> {
    static SERVICE: OnceLock<Option<Service>> = OnceLock::new();
    SERVICE
        .get_or_init(|| {
            if !is_root() || Command::new("podman").arg("--version").output().is_err() {
                eprintln!("skipped: Podman (cargo xtask deps) and root are needed for a service of our own");
                return None;
            }
            let place = Place::new();
            let address = format!("unix://{}", place.text("s"));
            let process = watched(
                &place,
                &[
                    &["podman", "--root", &place.text("root"), "--runroot", &place.text("run")],
                    &["--storage-driver", "vfs", "system", "service", "--time", "0", &address][..],
                ]
                .concat(),
            );
            wait_for(&place.path("s"));
            let service = Service { place, _watch: process };
            for (name, image) in
                [("localhost/shop-web:1.4", shop::image()), ("localhost/apk:1", two_databases())]
            {
                let archive = image::archive(&image::docker_archive(&[(name, &image)], Pack::Open));
                let path = service.place.put("image.tar", archive);
                let output = service.podman(&["load", "--input", &path]).output().unwrap();
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            }
            let create = ["create", "--name", "web", "localhost/shop-web:1.4", "true"];
            let output = service.podman(&create).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            Some(service)
        })
        .as_ref()
}

/// What was found, without where.
fn content(report: &Value) -> Value {
    let mut report = report.clone();
    for layer in report["target"]["layers"].as_array_mut().into_iter().flatten() {
        let layer = layer.as_object_mut().unwrap();
        layer.remove("digest");
        layer.remove("size");
    }
    for key in ["origin", "name", "reference", "digest"] {
        report["target"].as_object_mut().unwrap().remove(key);
    }
    report
}

#[test]
fn a_daemon_gives_the_same_report_as_the_archive() {
    let Some(service) = service() else { return };
    let place = Place::new();
    let archive =
        image::archive(&image::docker_archive(&[("localhost/shop-web:1.4", &shop::image())], Pack::Open));
    let expected = place.json(&place.put("shop.tar", archive), &[]);
    for (target, via) in [
        ("podman:localhost/shop-web:1.4", "podman"),
        ("docker:localhost/shop-web:1.4", "docker"),
        ("localhost/shop-web:1.4", "docker"),
    ] {
        let report = service.scan(&place, &[target]).exits(1).quiet().json();
        assert_eq!(content(&report), content(&expected), "{target}");
        let origin = &report["target"]["origin"];
        assert_eq!(origin["via"], via, "{target}");
        assert_eq!(text(&origin["place"]), service.address());
        assert_eq!(report["target"]["reference"], "localhost/shop-web:1.4");
        assert!(text(&origin["digests"][0]).starts_with("localhost/shop-web@sha256:"), "{origin}");
    }
    // By its id, whole or shortened.
    let id = text(&expected["target"]["imageId"]);
    for target in [format!("podman:{id}"), format!("podman:{}", &id["sha256:".len()..][..12])] {
        let report = service.scan(&place, &[&target]).exits(1).json();
        assert_eq!(content(&report), content(&expected), "{target}");
    }
}

#[test]
fn places_are_asked_in_the_users_order() {
    let Some(service) = service() else { return };
    let place = Place::new();
    let via = |more: &[&str]| {
        let report = service.scan(&place, &[&["localhost/shop-web:1.4"], more].concat()).json();
        text(&report["target"]["origin"]["via"])
    };
    assert_eq!(via(&["--from", "podman,docker"]), "podman");
    assert_eq!(via(&["--from", "docker"]), "docker");
    // What a daemon has for another platform only is not what was asked for.
    service
        .scan(&place, &["localhost/shop-web:1.4", "--from", "podman", "--platform", "linux/s390x"])
        .exits(3)
        .says(&["no image `localhost/shop-web:1.4` was found", "has it for linux/amd64 only"]);
}

#[test]
fn the_base_image_is_read_again_where_its_database_was_replaced() {
    let Some(service) = service() else { return };
    let place = Place::new();
    let report = service.scan(&place, &["podman:localhost/apk:1"]).json();
    let layers: Vec<(String, u64)> = report["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| (text(&package["name"]), package["locations"][0]["layer"].as_u64().unwrap()))
        .collect();
    assert_eq!(layers, [("curl".to_owned(), 2), ("musl".to_owned(), 1)]);
}

#[test]
fn a_container_that_does_not_run() {
    let Some(service) = service() else { return };
    let place = Place::new();
    let image = service.scan(&place, &["podman:localhost/shop-web:1.4"]).json();
    let report = service.scan(&place, &["container:web"]).exits(1).quiet().json();
    let names = |report: &Value| -> Vec<String> {
        report["packages"].as_array().unwrap().iter().map(|package| text(&package["purl"])).collect()
    };
    assert_eq!(names(&report), names(&image));
    let target = &report["target"];
    assert_eq!(target["reference"], "localhost/shop-web:1.4");
    assert_eq!(target["imageId"], image["target"]["imageId"]);
    assert_eq!(target["origin"]["container"]["name"], "web");
    assert_eq!(finding(&report, "CVE-2099-0020")["party"]["kind"], "unknown");
    service
        .scan(&place, &["container:wbe"])
        .exits(3)
        .says(&["no container `wbe` was found", "did you mean `web`?"]);
}

/// Copies a program and its libraries into a root of its own.
fn install(program: &str, root: &Path) {
    let listed = Command::new("ldd").arg(program).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let libraries = listed.split_whitespace().filter(|word| word.starts_with('/'));
    for path in libraries.chain([program]) {
        let place = root.join(&path[1..]);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::copy(path, place).unwrap();
    }
}

/// A process with a root and mounts of its own, as a container's.
#[test]
#[expect(clippy::print_stderr, reason = "what is skipped is said")]
fn the_root_of_a_process() {
    let place = Place::new();
    let root = place.path("r");
    shop::root(&root);
    install("/bin/sleep", &root);
    std::os::unix::fs::symlink("/etc", root.join("srv/out")).unwrap();
    std::fs::create_dir_all(root.join("srv/volume")).unwrap();
    let lock = "{\"lockfileVersion\": 3, \"packages\": {\"node_modules/volumed\": {\"version\": \"1.0.0\"}}}";
    let inside = place.put("package-lock.json", lock);
    let script = "mount -t tmpfs none \"$0/srv/volume\" && cp \"$1\" \"$0/srv/volume/\" && exec chroot \"$0\" /bin/sleep 60";
    let child = Command::new("unshare")
        .args(["--mount", "sh", "-c", script, root.to_str().unwrap(), &inside])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut child = Ended(child);
    let process = child.0.id();
    for _ in 0..200 {
        if std::fs::read_to_string(format!("/proc/{process}/comm")).is_ok_and(|name| name == "sleep\n") {
            break;
        }
        if let Some(status) = child.0.try_wait().unwrap() {
            assert!(!is_root(), "{status}");
            eprintln!("skipped: root is needed for a process with a root of its own");
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let folder = place.json(&format!("dir:{}", root.display()), &[]);
    let report = place.scan(&format!("pid:{process}"), &["--format", "json"]).json();
    let names = |report: &Value| -> Vec<String> {
        report["packages"].as_array().unwrap().iter().map(|package| text(&package["purl"])).collect()
    };
    assert_eq!(names(&report), names(&folder));
    assert!(names(&report).iter().any(|purl| purl.contains("keelson")), "{report}");
    assert_eq!(report["target"]["origin"]["via"], "process");
    let left_out = report["problems"].as_array().unwrap().iter().any(|problem| {
        problem["subject"] == "srv/volume" && text(&problem["detail"]).contains("tmpfs is mounted here")
    });
    assert!(left_out, "{}", report["problems"]);
    place.run(&["scan", &format!("pid:{}", std::process::id())]).exits(2).says(&["scan that as dir:/"]);
    place.run(&["scan", "pid:4294967295"]).exits(2).says(&["does not exist"]);
    place.run(&["scan", "pid:web"]).exits(2).says(&["as in pid:4711"]);
}

#[test]
fn unknown_names_lead_to_known_ones() {
    let Some(service) = service() else { return };
    let place = Place::new();
    let run = service.scan(&place, &["podman:shop-wbe:1.4"]).exits(2);
    run.says(&["has no image `shop-wbe:1.4`", "did you mean `localhost/shop-web:1.4`?"]);
    service.scan(&place, &["podman:zzz"]).exits(2).says(&["`plimsoll scan registry:zzz` asks its registry"]);
    service.scan(&place, &["docker:../containers/web"]).exits(2).says(&["is not the name of an image"]);
}

/// containerd with a content store of its own.
struct Containerd {
    place: Place,
    _watch: Child,
}

impl Containerd {
    fn address(&self) -> String {
        self.place.text("c")
    }

    fn scan(&self, place: &Place, arguments: &[&str], more: &[(&str, &str)]) -> Run {
        let address = self.address();
        let all = [&["scan", "--db", super::database(), "--format", "json"], arguments].concat();
        place.run_with(&all, &[&[("CONTAINERD_ADDRESS", address.as_str())], more].concat())
    }
}

/// `None`, said aloud, where containerd or root is missing.
#[expect(clippy::print_stderr, reason = "what is skipped is said")]
fn containerd() -> Option<&'static Containerd> {
    static CONTAINERD: OnceLock<Option<Containerd>> = OnceLock::new();
    CONTAINERD
        .get_or_init(|| {
            let there =
                ["containerd", "ctr"].iter().all(|name| Command::new(name).arg("--version").output().is_ok());
            if !is_root() || !there {
                eprintln!(
                    "skipped: containerd (cargo xtask deps) and root are needed for a service of our own"
                );
                return None;
            }
            let place = Place::new();
            let settings = format!(
                "version = 2\nroot = {:?}\nstate = {:?}\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n\
                 [grpc]\naddress = {:?}\n[ttrpc]\naddress = {:?}\n",
                place.text("root"),
                place.text("state"),
                place.text("c"),
                place.text("t"),
            );
            let settings = place.put("config.toml", settings);
            let watch = watched(&place, &["containerd", "--config", &settings]);
            wait_for(&place.path("c"));
            let shop = shop::image();
            let (arm, s390x) = (shop.for_architecture("arm64"), shop.for_architecture("s390x"));
            for (namespace, base, files) in [
                ("default", "docker.io/library/shop", image::layout(&[("1.0", &shop)], Pack::Gzip)),
                (
                    "k8s.io",
                    "registry.example/team/many",
                    image::multi_platform("2", &[&arm, &s390x], Pack::Zstd),
                ),
            ] {
                let archive = place.put("image.tar", image::archive(&files));
                let output = Command::new("ctr")
                    .args(["--address", &place.text("c"), "--namespace", namespace])
                    .args([
                        "images",
                        "import",
                        "--no-unpack",
                        "--all-platforms",
                        "--base-name",
                        base,
                        &archive,
                    ])
                    .output()
                    .unwrap();
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            }
            Some(Containerd { place, _watch: watch })
        })
        .as_ref()
}

#[test]
fn containerd_gives_the_same_report_as_the_layout() {
    let Some(containerd) = containerd() else { return };
    let place = Place::new();
    // Elsewhere: a folder called `shop` would be what `shop:1.0` means.
    let beside = Place::new();
    let expected = beside.json(&format!("oci:{}", beside.shop()), &[]);
    for target in ["containerd:shop:1.0", "containerd:docker.io/library/shop:1.0", "shop:1.0"] {
        let report = containerd.scan(&place, &[target, "--no-cache"], &[]).exits(1).quiet().json();
        assert_eq!(content(&report), content(&expected), "{target}");
        let target = &report["target"];
        assert_eq!(target["digest"], expected["target"]["digest"]);
        assert_eq!(target["origin"]["via"], "containerd");
        assert_eq!(
            text(&target["origin"]["place"]),
            format!("unix://{}, namespace default", containerd.address())
        );
    }
    // A second scan of known layers needs none of them, as from a registry.
    let first = containerd.scan(&place, &["containerd:shop:1.0"], &[]).exits(1);
    let again = containerd.scan(&place, &["containerd:shop:1.0"], &[]).exits(1);
    assert_eq!(first.stdout, again.stdout);
    assert!(place.run(&["cache", "status"]).exits(0).stdout.contains("1 "));
}

#[test]
fn namespaces_and_platforms_of_containerd() {
    let Some(containerd) = containerd() else { return };
    let place = Place::new();
    let target = "containerd:registry.example/team/many:2";
    let report = containerd.scan(&place, &[target, "--platform", "linux/s390x"], &[]).exits(1).json();
    assert_eq!(report["target"]["platform"], "linux/s390x");
    assert!(text(&report["target"]["origin"]["place"]).ends_with(", namespace k8s.io"));
    containerd.scan(&place, &[target, "--platform", "linux/ppc64le"], &[]).exits(2).says(&["linux/arm64"]);
    // Whoever names a namespace means no other.
    containerd
        .scan(&place, &[target], &[("CONTAINERD_NAMESPACE", "default")])
        .exits(2)
        .says(&["containerd at", "has no image `registry.example/team/many:2`"]);
    containerd
        .scan(&place, &["containerd:shpo:1.0"], &[])
        .exits(2)
        .says(&["did you mean `docker.io/library/shop:1.0`?"]);
}

#[test]
fn a_layer_that_containerd_dropped_is_unknown() {
    let Some(containerd) = containerd() else { return };
    let place = Place::new();
    // As `discard_unpacked_layers` leaves it: the blob is gone from the store.
    let files = image::layout(&[("1.0", &shop::calm())], Pack::Gzip);
    let archive = place.put("image.tar", image::archive(&files));
    let (layer, _) = files.iter().find(|(_, content)| content.starts_with(b"\x1f\x8b")).unwrap();
    let layer = layer.rsplit('/').next().unwrap();
    let ctr = |arguments: &[&str]| {
        let output = Command::new("ctr")
            .args(["--address", &containerd.address(), "--namespace", "dropped"])
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    ctr(&["images", "import", "--no-unpack", "--base-name", "docker.io/library/calm", &archive]);
    ctr(&["content", "rm", &format!("sha256:{layer}")]);
    let run = containerd.scan(&place, &["containerd:calm:1.0"], &[]).exits(3);
    assert!(run.stdout.contains("has not kept this layer"), "{}", run.stdout);
}

#[test]
fn a_socket_that_speaks_no_grpc() {
    let place = Place::new();
    fake(&place.path("s"), |_| answer("200 OK", b"{}"));
    let run = place.run_with(&["scan", "containerd:a"], &[("CONTAINERD_ADDRESS", &place.text("s"))]);
    run.exits(3).says(&["cannot read the list of namespaces"]);
    let run = place.run_with(&["scan", "containerd:a"], &[("CONTAINERD_ADDRESS", &place.text("absent"))]);
    run.exits(3).says(&["containerd does not answer", "does not exist", "ctr images export"]);
}

/// A daemon that answers each request for a path with the same bytes, and closes the connection.
fn fake(socket: &Path, answer: impl Fn(&str) -> Vec<u8> + Send + 'static) {
    let listener = UnixListener::bind(socket).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut first = String::new();
            let mut line = String::new();
            if reader.read_line(&mut first).unwrap_or(0) == 0 {
                continue;
            }
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                line.clear();
            }
            let path = first.split(' ').nth(1).unwrap_or_default();
            let _ = stream.write_all(&answer(path));
        }
    });
}

fn answer(status: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

fn chunked(body: &[u8]) -> Vec<u8> {
    let mut bytes = b"HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    bytes.extend_from_slice(body);
    bytes
}

const DESCRIBED: &[u8] =
    br#"{"Id":"sha256:0101","RepoTags":null,"RepoDigests":null,"Os":"linux","Architecture":"amd64"}"#;

/// Scans from a daemon that describes its image well and then sends this instead of it.
fn scan_from(archive: Vec<u8>) -> Run {
    let place = Place::new();
    fake(&place.path("s"), move |path| match path {
        "/images/sha256:0101/get" => archive.clone(),
        _ => answer("200 OK", DESCRIBED),
    });
    let address = format!("unix://{}", place.text("s"));
    place.run_with(&["scan", "docker:a"], &[("DOCKER_HOST", &address)])
}

#[test]
fn what_breaks_off_is_never_a_clean_image() {
    let whole = image::archive(&image::docker_archive(&[("a:1", &shop::image())], Pack::Open));
    // The harness itself: the same image whole is read.
    scan_from(answer("200 OK", &whole)).exits(3).says(&[]);
    // The daemon dies in the middle of the archive, with its length announced and without.
    let mut announced = answer("200 OK", &whole);
    announced.truncate(announced.len() / 2);
    scan_from(announced).exits(3).says(&["the archive cannot be read further", "broke off"]);
    let piece = format!("{:x}\r\n", whole.len());
    let half = [piece.as_bytes(), &whole[..whole.len() / 2]].concat();
    scan_from(chunked(&half)).exits(3).says(&["the archive cannot be read further", "broke off"]);
    scan_from(Vec::new()).exits(3).says(&["cannot read the image", "broke off"]);
}

#[test]
fn nonsense_is_refused() {
    scan_from(answer("500 Internal Server Error", br#"{"message":"no space left"}"#))
        .exits(3)
        .says(&["500 Internal Server Error: no space left"]);
    scan_from(chunked(&[b'f'; 4096])).exits(3).says(&["cannot read"]);
    scan_from(chunked(b"ffffffffffffffff\r\nabc")).exits(3).says(&["error:"]);
    scan_from(answer("200 OK", b"no archive")).exits(3).says(&["is not a container image"]);
    scan_from(answer("200 OK", b"")).exits(3).says(&["it is empty"]);
}

#[test]
fn an_endless_answer_ends() {
    let place = Place::new();
    let listener = UnixListener::bind(place.path("s")).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            std::thread::spawn(move || {
                let mut asked = [0; 4096];
                if !stream.read(&mut asked).is_ok_and(|read| read > 0) {
                    return;
                }
                let head = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"Id\":\"";
                let filler = [b'0'; 8 * 1024];
                let mut more = stream.write_all(head).is_ok();
                while more {
                    more = stream.write_all(&filler).is_ok();
                }
            });
        }
    });
    let address = format!("unix://{}", place.text("s"));
    place
        .run_with(&["scan", "docker:a"], &[("DOCKER_HOST", &address)])
        .exits(3)
        .says(&["larger than the limit of 8388608 bytes"]);
}

#[test]
fn sockets_that_do_not_let_us_in() {
    let place = Place::new();
    let address = |name: &str| format!("unix://{}", place.text(name));
    let docker = |host: &str| place.run_with(&["scan", "docker:a"], &[("DOCKER_HOST", host)]);
    docker(&address("absent")).exits(3).says(&["Docker does not answer", "absent` does not exist", "hint:"]);
    drop(UnixListener::bind(place.path("dead")).unwrap());
    docker(&address("dead")).exits(3).says(&["dead` is there, but nobody answers at it"]);
    place.put("file", "");
    docker(&address("file")).exits(3).says(&["nobody answers"]);
    docker("ssh://sailor:anchorage@h.x").exits(3).says(&["`h.x`: connections over SSH are not built"]);
    docker("tcp://127.0.0.1:1").exits(3).says(&["tcp://127.0.0.1:1", "cannot connect"]);
    // A name without a place goes on to the next place, and the report says which was passed over.
    let run =
        place.run_with(&["scan", "localhost:1/a", "--from", "docker"], &[("DOCKER_HOST", &address("dead"))]);
    run.exits(3).says(&["no image `localhost:1/a` was found", "nobody answers"]);
}

/// Docker's own daemon, with storage, socket and processes of its own, until it is dropped.
struct Dockerd {
    process: Child,
    place: Place,
}

impl Drop for Dockerd {
    fn drop(&mut self) {
        // It ends what it started before it ends.
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}

impl Dockerd {
    /// `None`, said aloud, where it is missing or cannot run: it needs more of a machine than tests may have.
    #[expect(clippy::print_stderr, reason = "what is skipped is said")]
    fn start() -> Option<Self> {
        let place = Place::new();
        let socket = format!("unix://{}", place.text("s"));
        let log = std::fs::File::create(place.path("log")).unwrap();
        let process = Command::new("dockerd")
            .args(["--data-root", &place.text("data"), "--exec-root", &place.text("exec")])
            .args(["--pidfile", &place.text("pid"), "--host", &socket, "--storage-driver", "vfs"])
            // Nothing of the machine's network is touched.
            .args(["--iptables=false", "--ip6tables=false", "--bridge=none"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        let Ok(process) =
            process.inspect_err(|error| eprintln!("NOT CHECKED: `dockerd` does not start ({error})"))
        else {
            return None;
        };
        let mut daemon = Dockerd { process, place };
        for _ in 0..200 {
            if UnixStream::connect(daemon.place.path("s")).is_ok() {
                return Some(daemon);
            }
            if daemon.process.try_wait().unwrap().is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let log = std::fs::read_to_string(daemon.place.path("log")).unwrap();
        eprintln!("NOT CHECKED: Docker's daemon cannot run here: {}", log.lines().last().unwrap_or_default());
        None
    }

    /// What it answers, head and body.
    fn ask(&self, path: &str, kind: &str, body: &[u8]) -> String {
        let mut stream = UnixStream::connect(self.place.path("s")).unwrap();
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: d\r\nconnection: close\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 20"), "{path}: {answer}");
        answer
    }
}

#[test]
fn dockers_own_daemon() {
    if !is_root() {
        return;
    }
    let Some(daemon) = Dockerd::start() else { return };
    let place = Place::new();
    let shop =
        image::archive(&image::docker_archive(&[("localhost/shop-web:1.4", &shop::image())], Pack::Open));
    daemon.ask("/images/load?quiet=1", "application/x-tar", &shop);
    let create = br#"{"Image": "localhost/shop-web:1.4", "Cmd": ["true"]}"#;
    daemon.ask("/containers/create?name=web", "application/json", create);
    let address = format!("unix://{}", daemon.place.text("s"));
    let scan = |arguments: &[&str]| {
        let all = [&["scan", "--db", super::database(), "--format", "json"], arguments].concat();
        place.run_with(&all, &[("DOCKER_HOST", &address)])
    };
    let expected = place.json(&place.put("shop.tar", shop), &[]);
    for target in
        ["docker:localhost/shop-web:1.4", "localhost/shop-web:1.4", &text(&expected["target"]["imageId"])]
    {
        let report = scan(&[target]).exits(1).quiet().json();
        assert_eq!(content(&report), content(&expected), "{target}");
        let origin = &report["target"]["origin"];
        assert_eq!(
            (text(&origin["via"]), text(&origin["place"])),
            ("docker".to_owned(), address.clone()),
            "{target}"
        );
    }
    let report = scan(&["container:web"]).exits(1).json();
    assert_eq!(report["packages"].as_array().unwrap().len(), expected["packages"].as_array().unwrap().len());
    assert_eq!(report["target"]["origin"]["container"]["name"], "web");
    assert_eq!(report["target"]["imageId"], expected["target"]["imageId"]);
    scan(&["docker:localhost/shop-web:2"])
        .exits(2)
        .says(&["Docker at `unix://", "has no image `localhost/shop-web:2`"]);
    scan(&["container:absent"]).exits(3).says(&["no container `absent` was found"]);
}
