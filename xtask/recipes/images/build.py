#!/usr/bin/env python3
"""Builds the images that tests and benchmarks read. Called by `cargo xtask images`; needs root, Debian's tools and a network.

A Debian 12 without its security updates, so that its base has outstanding fixes, gets layers as application teams make
them. Each layer is the difference between two states of one directory, written by us with fixed times and order, so
that the same packages give the same digests. The forms that other tools write are then made by those tools.
"""

import concurrent.futures
import hashlib
import io
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

RECIPE = Path(__file__).resolve().parent
EPOCH = 1700000000
CREATED = "2023-11-14T22:13:20Z"


def mirror(end):
    """The address of a Debian archive that this machine's own apt uses: the first whose path ends so."""
    places = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    for place in places:
        if place.is_file():
            for address in re.findall(r"^(?!#).*?(https?://[^\s\]]+)", place.read_text(), re.MULTILINE):
                if address.rstrip("/").endswith(end):
                    return address.rstrip("/")
    sys.exit(f"apt knows no archive whose address ends in {end}; add Debian's to /etc/apt/sources.list")


# Several hundred packages of the kinds that images have: compilers, interpreters, a Java runtime, servers. npm brings
# the many small packages whose files are owned by dpkg and look like npm's own.
PACKAGES = """
    build-essential ca-certificates curl git gnupg less nginx-light nodejs npm openjdk-17-jre-headless openssh-client
    perl postgresql-client procps python3 python3-pip python3-requests python3-venv python3-yaml redis-tools rsync
    sqlite3 vim-tiny xz-utils zstd
""".split()

# Old versions on purpose. PyYAML has no wheel for this Python and is built from source, without wheel: egg-info.
WHEELS = """
    Django==3.2.4 asgiref==3.4.1 pytz==2021.1 sqlparse==0.4.1 requests==2.25.0 urllib3==1.26.4 chardet==3.0.4 idna==2.10
    certifi==2020.12.5 Jinja2==2.11.2 MarkupSafe==2.1.5 Werkzeug==1.0.1 Flask==1.1.2 itsdangerous==1.1.0 click==7.1.2
""".split()
SOURCES = ["PyYAML==5.3"]

# Not the image's content: what the kernel mounts, what the package manager can fetch again, what we put there to work.
LEFT_OUT = ("dev/", "proc/", "sys/", "tmp/", "run/", "var/log/", "var/cache/", "var/lib/apt/lists/", "root/.", "wheels")
LEFT_OUT_FILES = (
    "etc/resolv.conf", "etc/hostname", "usr/sbin/policy-rc.d", "etc/dpkg/dpkg.cfg.d/99mmdebstrap",
    # Java's key store has the time of its making in it: the same packages would give other digests each time.
    "etc/ssl/certs/java/cacerts",
)

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"

started = time.monotonic()


def say(text):
    print(f"[{time.monotonic() - started:5.0f} s] {text}", file=sys.stderr, flush=True)


def run(*command, **options):
    """Runs a command quietly; what it said is shown when it fails."""
    result = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    if result.returncode != 0:
        sys.stderr.buffer.write(result.stdout[-4000:] + result.stderr[-4000:])
        raise SystemExit(f"error: `{' '.join(map(str, command))}` failed with exit code {result.returncode}")
    return result.stdout


# ---------------------------------------------------------------------------------------------------------------- layers


def left_out(path):
    return path in LEFT_OUT_FILES or any(path.startswith(prefix) and path != prefix.rstrip("/") for prefix in LEFT_OUT)


def state(root):
    """Every path below root with all that changes when it does."""
    seen = {}
    stack = [""]
    while stack:
        parent = stack.pop()
        for entry in os.scandir(root / parent):
            path = f"{parent}{entry.name}"
            if left_out(path):
                continue
            info = entry.stat(follow_symlinks=False)
            # Times change when a package manager rewrites a file with itself; a layer of a builder has it then, too.
            seen[path] = (info.st_mode, info.st_uid, info.st_gid, info.st_size, info.st_mtime_ns, info.st_ino, info.st_rdev)
            if entry.is_dir(follow_symlinks=False):
                stack.append(f"{path}/")
    return seen


class Layer:
    """An open layer on disk and what is known of it."""

    def __init__(self, path, created_by, comment=""):
        self.path, self.created_by, self.comment = path, created_by, comment
        self.diff_id = digest(path)


def digest(path):
    hasher = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            hasher.update(piece)
    return "sha256:" + hasher.hexdigest()


class Writer:
    """A tar archive whose bytes depend only on its content."""

    def __init__(self, path, form=tarfile.GNU_FORMAT):
        self.tar = tarfile.open(path, "w", format=form)
        self.links = {}

    def add(self, root, path):
        source = root / path
        info = source.lstat()
        member = tarfile.TarInfo(path + "/" if stat.S_ISDIR(info.st_mode) else path)
        member.mode, member.uid, member.gid = stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid
        member.mtime = min(int(info.st_mtime), EPOCH)
        if stat.S_ISLNK(info.st_mode):
            member.type, member.linkname = tarfile.SYMTYPE, os.readlink(source)
        elif stat.S_ISDIR(info.st_mode):
            member.type = tarfile.DIRTYPE
        elif stat.S_ISREG(info.st_mode):
            first = self.links.setdefault(info.st_ino, path) if info.st_nlink > 1 else path
            if first != path:
                member.type, member.linkname = tarfile.LNKTYPE, first
            else:
                member.size = info.st_size
                with open(source, "rb") as file:
                    self.tar.addfile(member, file)
                return
        else:
            return
        self.tar.addfile(member)

    def mark(self, path):
        """A whiteout: an empty file whose name says what is gone."""
        member = tarfile.TarInfo(path)
        member.mode, member.mtime = 0o600, EPOCH
        self.tar.addfile(member)

    def text(self, path, content, mode=0o644):
        content = content if isinstance(content, bytes) else content.encode()
        member = tarfile.TarInfo(path)
        member.mode, member.mtime, member.size = mode, EPOCH, len(content)
        self.tar.addfile(member, io.BytesIO(content))

    def folder(self, path):
        member = tarfile.TarInfo(path.rstrip("/") + "/")
        member.type, member.mode, member.mtime = tarfile.DIRTYPE, 0o755, EPOCH
        self.tar.addfile(member)

    def link(self, path, target, kind=tarfile.SYMTYPE):
        member = tarfile.TarInfo(path)
        member.type, member.linkname, member.mode, member.mtime = kind, target, 0o777, EPOCH
        self.tar.addfile(member)

    def close(self):
        self.tar.close()


def difference(root, before, after, path, form=tarfile.GNU_FORMAT, opaque=()):
    """Writes what changed as a layer: OCI image-spec 1.1, layer.md. Parents come along: their times changed."""
    writer = Writer(path, form)
    changed = {name for name, value in after.items() if before.get(name) != value}
    for name in before.keys() - after.keys():
        parent, _, last = name.rpartition("/")
        # What was below something that is gone as a whole needs no mark of its own.
        hidden = any(name.startswith(f"{folder}/") for folder in opaque)
        if not hidden and (parent == "" or (parent in after and stat.S_ISDIR(after[parent][0]))):
            changed.add(f"{parent}/.wh.{last}".lstrip("/"))
    for folder in opaque:
        # Removed and made again: nothing of the old content shines through.
        changed.add(f"{folder}/.wh..wh..opq")
        changed.update(name for name in after if name.startswith(f"{folder}/"))
    for name in sorted(changed):
        if name.rpartition("/")[2].startswith(".wh."):
            writer.mark(name)
        else:
            writer.add(root, name)
    writer.close()


# ----------------------------------------------------------------------------------------------------------------- steps


def debootstrap(root):
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH)}
    # Nobody needs each file on disk before the next one.
    run("mmdebstrap", "--mode=root", "--variant=minbase", "--dpkgopt=force-unsafe-io", f"--include={','.join(PACKAGES)}", "bookworm", root,
        f"deb {mirror('/debian')} bookworm main", env=environment)


def inside(root, *command):
    environment = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8",
        "DEBIAN_FRONTEND": "noninteractive", "SOURCE_DATE_EPOCH": str(EPOCH), "PYTHONHASHSEED": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore",
        **{name: value for name, value in os.environ.items() if name.lower() in ("http_proxy", "https_proxy", "no_proxy")},
    }
    return run("chroot", root, *command, env=environment)


def python_packages(root, work):
    wheels = work / "wheels"
    run(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--python-version", "3.11",
        "--implementation", "cp", "--abi", "cp311", "--abi", "abi3", "--abi", "none", "--platform", "manylinux2014_x86_64",
        "--platform", "manylinux_2_17_x86_64", "--platform", "any", "-d", wheels, *WHEELS)
    run(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", "-d", wheels, *SOURCES)
    shutil.copytree(wheels, root / "wheels")
    offline = ["install", "--quiet", "--no-index", "--find-links", "/wheels"]
    inside(root, "python3", "-m", "venv", "/srv/app/venv")
    names = [wheel for wheel in WHEELS if not wheel.startswith("urllib3")]
    inside(root, "/srv/app/venv/bin/pip", *offline, "--no-build-isolation", "urllib3==1.26.4", *names, *SOURCES)
    # Debian's pip installs into /usr/local beside Debian's own packages, which are other versions of the same.
    inside(root, "python3", "-m", "pip", *offline, "--break-system-packages", "--ignore-installed", "--no-deps",
           "urllib3==1.26.4", "Werkzeug==1.0.1")
    (root / "srv/app/app.py").write_text("import django, yaml\nprint(django.__version__, yaml.__version__)\n")
    (root / "srv/app/requirements.txt").write_text("Django==3.2.4\nrequests==2.25.0\nPyYAML==5.3\nJinja2==2.11.2\nFlask==1.1.2\n")
    shutil.rmtree(root / "wheels")


def node_packages(root, work):
    web = root / "srv/web"
    shutil.copytree(RECIPE / "web", web)
    run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", cwd=web)
    # When and by which npm is nobody's business here; the rest of the folder depends on the lockfile only.
    for path in web.rglob(".package-lock.json"):
        os.utime(path, (EPOCH, EPOCH))


def go_binary(root, work):
    """Modules come from Debian's source packages, in the versions that those name: no module proxy is needed."""
    source = work / "go"
    shutil.copytree(RECIPE / "go", source)
    modules = {
        "github.com/dgrijalva/jwt-go": ("v3.2.0+incompatible", ["."]),
        "golang.org/x/net": ("v0.7.0", ["html", "html/atom"]),
    }
    (source / "go.mod").write_text("module example.org/plimsoll/harbour\n\ngo 1.19\n\nrequire (\n" + "".join(
        f"\t{name} {version}\n" for name, (version, _) in modules.items()) + ")\n")
    listing = ""
    for name, (version, packages) in modules.items():
        shutil.copytree(f"/usr/share/gocode/src/{name}", source / "vendor" / name)
        listing += f"# {name} {version}\n## explicit\n"
        listing += "".join(f"{name}/{package}\n".replace("/.", "") for package in packages)
    (source / "vendor/modules.txt").write_text(listing)
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=vendor", "GO111MODULE": "on", "GOTOOLCHAIN": "local",
                   "GOCACHE": str(work / "go-cache"), "GOPATH": str(work / "go-path"), "GOPROXY": "off"}
    target = root / "usr/local/bin"
    run("go", "build", "-trimpath", "-buildvcs=false", "-o", target / "harbour", ".", cwd=source, env=environment)
    run("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", target / "harbour-stripped", ".", cwd=source,
        env=environment)


def rust_binary(root, work):
    source = work / "rust"
    shutil.copytree(RECIPE / "rust", source)
    ours = ("CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    environment["CARGO_TARGET_DIR"] = str(work / "rust-target")
    environment["RUSTFLAGS"] = f"--remap-path-prefix={work}=/build --remap-path-prefix={Path.home()}=/home"
    run("cargo", "auditable", "build", "--release", "--locked", cwd=source, env=environment)
    shutil.copy(work / "rust-target/release/plimsoll-test-crane", root / "usr/local/bin/crane-auditable")
    # Alpine and others strip; the list of dependencies stays.
    run("strip", "-o", root / "usr/local/bin/crane-stripped", root / "usr/local/bin/crane-auditable")
    lock = root / "srv/crane"
    lock.mkdir()
    shutil.copy(RECIPE / "rust/Cargo.lock", lock)


def jar(name, members):
    """A JAR as bytes, with fixed times."""
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in members.items():
            entry = zipfile.ZipInfo(path, (2023, 11, 14, 22, 13, 20))
            # Archives in archives are stored, not deflated: class loaders read them in place.
            entry.compress_type = zipfile.ZIP_STORED if path.endswith((".jar", ".war")) else zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return output.getvalue()


def maven(group, artifact, version, title=None, extra=None):
    """A library with the metadata that Maven writes, and no code."""
    folder = f"META-INF/maven/{group}/{artifact}"
    return jar(artifact, {
        "META-INF/MANIFEST.MF": f"Manifest-Version: 1.0\r\nImplementation-Title: {title or artifact}\r\n"
                                f"Implementation-Version: {version}\r\nImplementation-Vendor-Id: {group}\r\n\r\n",
        f"{folder}/pom.properties": f"groupId={group}\nartifactId={artifact}\nversion={version}\n",
        f"{folder}/pom.xml": '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
                             f"<groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version></project>",
        **(extra or {}),
    })


def java_archives(root, work):
    """A program that carries its libraries, three archives deep; one library says who it is only in its manifest, one
    only in its file name, one carries another's metadata beside its own."""
    log4j = maven("org.apache.logging.log4j", "log4j-core", "2.14.1", "Apache Log4j Core")
    shaded = maven("org.example", "shaded-client", "1.4.0", extra={
        "META-INF/maven/com.fasterxml.jackson.core/jackson-databind/pom.properties":
            "groupId=com.fasterxml.jackson.core\nartifactId=jackson-databind\nversion=2.9.10\n"})
    manifest_only = jar("spring-core", {
        "META-INF/MANIFEST.MF": "Manifest-Version: 1.0\r\nImplementation-Title: spring-core\r\n"
                                "Implementation-Version: 5.3.17\r\nAutomatic-Module-Name: spring.core\r\n\r\n"})
    name_only = jar("commons-collections", {"org/example/Nothing.txt": "nothing"})
    libraries = {
        "log4j-core-2.14.1.jar": log4j,
        "log4j-api-2.14.1.jar": maven("org.apache.logging.log4j", "log4j-api", "2.14.1"),
        "snakeyaml-1.26.jar": maven("org.yaml", "snakeyaml", "1.26"),
        "shaded-client-1.4.0.jar": shaded,
        "spring-core-5.3.17.jar": manifest_only,
        "commons-collections-3.2.1.jar": name_only,
    }
    boot = jar("harbour", {
        "META-INF/MANIFEST.MF": "Manifest-Version: 1.0\r\nMain-Class: org.springframework.boot.loader.JarLauncher\r\n"
                                "Start-Class: org.example.Harbour\r\nSpring-Boot-Version: 2.6.5\r\nSpring-Boot-Lib: BOOT-INF/lib/\r\n\r\n",
        "META-INF/maven/org.example/harbour/pom.properties": "groupId=org.example\nartifactId=harbour\nversion=0.9.0\n",
        **{f"BOOT-INF/lib/{name}": content for name, content in libraries.items()},
    })
    war = jar("pier", {"WEB-INF/lib/harbour-0.9.0.jar": boot, "WEB-INF/web.xml": "<web-app/>"})
    ear = jar("dock", {"META-INF/application.xml": "<application/>", "pier.war": war})
    folder = root / "srv/java"
    folder.mkdir()
    (folder / "harbour-0.9.0.jar").write_bytes(boot)
    (folder / "dock.ear").write_bytes(ear)
    (folder / "commons-text-1.9.jar").write_bytes(maven("org.apache.commons", "commons-text", "1.9"))


def old_tools(root, work):
    """Things that the next layers remove, hide and link."""
    for name, version in [("left", "1.0.0"), ("right", "2.0.0")]:
        folder = root / "opt/tools" / name / "node_modules" / name
        folder.mkdir(parents=True)
        (folder / "package.json").write_text(json.dumps({"name": name, "version": version, "license": "MIT"}))
    (root / "opt/tools/readme.txt").write_text("hidden by the next layer\n")
    shutil.copytree(root / "srv/web/node_modules/minimist", root / "opt/linked/node_modules/minimist")
    first, second = root / "opt/a-first", root / "opt/linked/node_modules/hard-kept"
    first.mkdir()
    second.mkdir()
    (first / "package.json").write_text(json.dumps({"name": "hard-kept", "version": "5.0.0", "license": "MIT"}))
    os.link(first / "package.json", second / "package.json")


def deletions(root, work):
    site = root / "srv/app/venv/lib/python3.11/site-packages"
    for name in ["jinja2", "Jinja2-2.11.2.dist-info"]:
        shutil.rmtree(site / name)
    (root / "srv/java/commons-text-1.9.jar").unlink()
    # Made again with other content: an opaque directory.
    shutil.rmtree(root / "opt/tools")
    folder = root / "opt/tools/new/node_modules/new"
    folder.mkdir(parents=True)
    (folder / "package.json").write_text(json.dumps({"name": "new", "version": "3.0.0", "license": "MIT"}))
    # The name under which the layer below stores the content goes; the other name of the same file stays.
    shutil.rmtree(root / "opt/a-first")
    # A hard link across directories.
    store = root / "opt/store"
    store.mkdir()
    (store / "zz-package.json").write_text(json.dumps({"name": "hard-linked", "version": "4.0.0", "license": "MIT"}))
    linked = root / "opt/linked/node_modules/hard-linked"
    linked.mkdir(parents=True)
    os.link(store / "zz-package.json", linked / "package.json")
    # Links that leave the root stay inside it; some lead nowhere, or to themselves.
    links = root / "opt/links"
    links.mkdir()
    for name, target in [("out", "../../../../../../etc/os-release"), ("absolute", "/etc/os-release"), ("nowhere", "missing"),
                         ("self", "self"), ("ping", "pong"), ("pong", "ping"), ("up", "../../.."), ("web", "/srv/web")]:
        os.symlink(target, links / name)
    os.symlink("/opt/links/web/package-lock.json", root / "opt/package-lock.json")
    return ["opt/tools"]


def replaced_database(root, work):
    """Upgrades one package from the security suite, installs nothing else, and removes two."""
    sources = root / "etc/apt/sources.list.d/security.list"
    sources.write_text(f"deb {mirror('/debian-security')} bookworm-security main\n")
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    inside(root, "apt-get", "-qq", "update")
    inside(root, "apt-get", "-qq", "install", "--no-install-recommends", "--only-upgrade", "openssl", "libssl3")
    inside(root, "dpkg", "--purge", "rsync", "less")
    sources.unlink()


# ---------------------------------------------------------------------------------------------------------------- images


def configuration(layers, architecture="amd64", command=("bash",), base_layers=1):
    history = []
    for number, layer in enumerate(layers):
        step = {"created": CREATED, "created_by": layer.created_by}
        if layer.comment:
            step["comment"] = layer.comment
        history.append(step)
        if number + 1 == base_layers:
            history.append({"created": CREATED, "created_by": f"/bin/sh -c #(nop)  CMD {json.dumps(list(command))}", "empty_layer": True})
    if len(layers) > base_layers:
        for text in ["WORKDIR /srv/app", "EXPOSE map[8080/tcp:{}]", 'CMD ["/srv/app/venv/bin/python" "app.py"]']:
            history.append({"created": CREATED, "created_by": text, "comment": "buildkit.dockerfile.v0", "empty_layer": True})
    return json.dumps({
        "architecture": architecture, "os": "linux", "created": CREATED,
        "config": {"Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], "Cmd": list(command),
                   "Labels": {"org.example.team": "harbour"}},
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        "history": history,
    }, separators=(",", ":")).encode()


class Layout:
    """An OCI layout that we write ourselves."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "blobs/sha256").mkdir(parents=True)
        (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')

    def bytes(self, media_type, content):
        name = hashlib.sha256(content).hexdigest()
        (self.folder / "blobs/sha256" / name).write_bytes(content)
        return {"mediaType": media_type, "digest": f"sha256:{name}", "size": len(content)}

    def file(self, media_type, path):
        name = digest(path)
        target = self.folder / "blobs/sha256" / name.removeprefix("sha256:")
        if not target.exists():
            os.link(path, target)
        return {"mediaType": media_type, "digest": name, "size": path.stat().st_size}

    def image(self, layers, compressed, annotations=None, **options):
        config = self.bytes(OCI_CONFIG, configuration(layers, **options))
        blobs = []
        for layer in layers:
            blobs.append(self.file(OCI_LAYER + "+gzip", gzipped(layer.path)) if compressed else self.file(OCI_LAYER, layer.path))
        manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": blobs}
        if annotations:
            manifest["annotations"] = annotations
        return self.bytes(OCI_MANIFEST, json.dumps(manifest, separators=(",", ":")).encode())

    def index(self, entries, top=True):
        content = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}, separators=(",", ":")).encode()
        if not top:
            return self.bytes(OCI_INDEX, content)
        (self.folder / "index.json").write_bytes(content)
        return None


def gzipped(path):
    target = path.with_suffix(".tar.gz")
    if not target.exists():
        with open(target, "wb") as output:
            subprocess.run(["gzip", "-n", "-6", "-c", str(path)], stdout=output, check=True)
    return target


def named(descriptor, name, **more):
    return {**descriptor, "annotations": {"org.opencontainers.image.ref.name": name}, **more}


def docker_archive(path, images, layout_too=None):
    """What `docker save` writes, for images given as (tag, configuration, layers)."""
    writer = Writer(path, tarfile.USTAR_FORMAT)
    written, manifest = set(), []
    for tag, config, layers in images:
        name = hashlib.sha256(config).hexdigest()
        place = f"blobs/sha256/{name}" if layout_too else f"{name}.json"
        if place not in written and not layout_too:
            writer.text(place, config)
        written.add(place)
        places = []
        for layer in layers:
            hex_digest = layer.diff_id.removeprefix("sha256:")
            place_of_layer = f"blobs/sha256/{hex_digest}" if layout_too else f"{hex_digest}/layer.tar"
            places.append(place_of_layer)
            if place_of_layer not in written and not layout_too:
                writer.text(place_of_layer, layer.path.read_bytes())
            written.add(place_of_layer)
        manifest.append({"Config": place, "RepoTags": [tag], "Layers": places})
    if layout_too:
        for file in sorted(layout_too.folder.rglob("*")):
            if file.is_file():
                writer.text(str(file.relative_to(layout_too.folder)), file.read_bytes())
    writer.text("manifest.json", json.dumps(manifest, separators=(",", ":")))
    writer.close()


# ---------------------------------------------------------------------------------------------------------- small images


def distroless(root, path):
    """A handful of packages as distroless images keep them: one status file each, md5sums, no package manager."""
    wanted = ["base-files", "ca-certificates", "libc6", "libgcc-s1", "libssl3", "netbase", "openssl", "tzdata", "zlib1g"]
    admin = root / "var/lib/dpkg"
    stanzas = {}
    for stanza in (admin / "status").read_text().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in stanza.splitlines() if ": " in line and not line.startswith(" "))
        if fields.get("Package") in wanted:
            stanzas[fields["Package"]] = stanza
    writer = Writer(path)
    for folder in ["etc", "usr", "usr/lib", "var", "var/lib", "var/lib/dpkg", "var/lib/dpkg/status.d"]:
        writer.folder(folder)
    writer.text("usr/lib/os-release", (root / "usr/lib/os-release").read_text())
    writer.link("etc/os-release", "../usr/lib/os-release")
    for name in sorted(stanzas):
        writer.text(f"var/lib/dpkg/status.d/{name}", stanzas[name].replace("Status: install ok installed\n", "") + "\n")
        sums = next((file for file in sorted((admin / "info").glob(f"{name}*.md5sums"))
                     if file.name in (f"{name}.md5sums", f"{name}:amd64.md5sums")), None)
        if sums:
            writer.text(f"var/lib/dpkg/status.d/{name}.md5sums", sums.read_text())
    for name in ["usr/bin/openssl", "usr/lib/x86_64-linux-gnu/libssl.so.3", "usr/lib/x86_64-linux-gnu/libcrypto.so.3"]:
        writer.text(name, (root / name).read_bytes(), 0o755)
    writer.close()
    return "".join(sorted(f"{name}\n" for name in stanzas))


# Name, version, origin, licence: facts of Alpine 3.18.4, without its text.
ALPINE = """
    alpine-baselayout 3.4.3-r1 alpine-baselayout GPL-2.0-only; alpine-keys 2.4-r1 alpine-keys MIT; apk-tools 2.14.0-r2 apk-tools GPL-2.0-only;
    busybox 1.36.1-r2 busybox GPL-2.0-only; busybox-binsh 1.36.1-r2 busybox GPL-2.0-only; ca-certificates-bundle 20230506-r0 ca-certificates MPL-2.0;
    libc-utils 0.7.2-r5 libc-dev BSD-2-Clause; libcrypto3 3.1.3-r0 openssl Apache-2.0; libssl3 3.1.3-r0 openssl Apache-2.0;
    musl 1.2.4-r1 musl MIT; musl-utils 1.2.4-r1 musl MIT; scanelf 1.3.7-r1 pax-utils GPL-2.0-only; ssl_client 1.36.1-r2 busybox GPL-2.0-only;
    zlib 1.2.13-r1 zlib Zlib; libcurl 8.2.1-r0 curl curl; curl 8.2.1-r0 curl curl; nghttp2-libs 1.55.1-r0 nghttp2 MIT
"""


def alpine(path):
    writer = Writer(path, tarfile.PAX_FORMAT)
    for folder in ["etc", "etc/apk", "lib", "lib/apk", "lib/apk/db", "bin"]:
        writer.folder(folder)
    writer.text("etc/alpine-release", "3.18.4\n")
    writer.text("etc/os-release", 'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.18.4\nPRETTY_NAME="Alpine Linux v3.18"\n')
    records, names = "", ""
    for line in sorted(" ".join(ALPINE.split()).split("; ")):
        name, version, origin, licence = line.split(" ", 3)
        names += f"{name}\t{version}\t{origin}\n"
        records += (f"C:Q1{hashlib.sha1(name.encode()).hexdigest()[:27]}=\nP:{name}\nV:{version}\nA:x86_64\nS:1000\nI:4096\n"
                    f"T:{name} of the test image\nU:https://example.org/{origin}\nL:{licence}\no:{origin}\nm:Somebody <somebody@example.org>\n"
                    f"t:{EPOCH}\nF:usr/share/{name}\nR:about\na:0:0:644\n\n")
    writer.text("lib/apk/db/installed", records)
    writer.text("bin/busybox", b"\x7fELF not really", 0o755)
    writer.link("bin/sh", "/bin/busybox")
    writer.close()
    return names


# ------------------------------------------------------------------------------------------------------------------ main

STEPS = [
    (python_packages, "RUN /bin/sh -c python3 -m venv venv && venv/bin/pip install -r requirements.txt # buildkit", tarfile.PAX_FORMAT),
    (node_packages, "RUN /bin/sh -c npm ci # buildkit", tarfile.GNU_FORMAT),
    (go_binary, "COPY --from=go /out/ /usr/local/bin/ # buildkit", tarfile.GNU_FORMAT),
    (rust_binary, "COPY --from=rust /out/ /usr/local/bin/ # buildkit", tarfile.GNU_FORMAT),
    (java_archives, "COPY target/ /srv/java/ # buildkit", tarfile.PAX_FORMAT),
    (old_tools, "COPY tools/ /opt/ # buildkit", tarfile.GNU_FORMAT),
    (deletions, "RUN /bin/sh -c rm -r /opt/tools && ./install.sh # buildkit", tarfile.GNU_FORMAT),
    (replaced_database, "RUN /bin/sh -c apt-get update && apt-get install -y --only-upgrade openssl && dpkg --purge rsync less # buildkit",
     tarfile.GNU_FORMAT),
]


def expected(root, folder):
    """What the package managers themselves say: the oracles of tests."""
    folder.mkdir(parents=True)
    form = "${Package}\\t${Version}\\t${Architecture}\\t${source:Package}\\t${source:Version}\\n"
    rows = run("dpkg-query", "-W", "-f", form, f"--admindir={root}/var/lib/dpkg")
    (folder / "dpkg.tsv").write_bytes(rows)
    if (root / "srv/app/venv").exists():
        listing = json.loads(inside(root, "/srv/app/venv/bin/pip", "list", "--format", "json"))
        (folder / "pip-venv.json").write_text(json.dumps(listing, indent=1) + "\n")
        listing = json.loads(inside(root, "python3", "-m", "pip", "list", "--format", "json", "--path", "/usr/local/lib/python3.11/dist-packages"))
        (folder / "pip-local.json").write_text(json.dumps(listing, indent=1) + "\n")
        (folder / "npm.json").write_bytes(run("npm", "ls", "--all", "--json", cwd=root / "srv/web"))
        for name in ["harbour", "harbour-stripped"]:
            (folder / f"go-{name}.txt").write_bytes(run("go", "version", "-m", f"usr/local/bin/{name}", cwd=root))
    return len(rows.splitlines())


def main():
    output = Path(sys.argv[1])
    work = output / "work"
    work.mkdir(parents=True)
    root = work / "root"
    oracles = output / "expected"
    counts = {}

    say(f"debootstrap: {len(PACKAGES)} packages and what they need")
    debootstrap(root)
    counts["base"] = expected(root, oracles / "base")
    layers = [Layer(*base_layer(root, work))]
    say(f"base: {counts['base']} packages, {layers[0].path.stat().st_size >> 20} MiB")
    compressing = subprocess.Popen([sys.executable, __file__, "--gzip", str(layers[0].path)])
    before = state(root)
    (oracles / "distroless").mkdir()
    (oracles / "distroless/packages.txt").write_text(distroless(root, work / "distroless.tar"))
    (oracles / "alpine").mkdir()
    (oracles / "alpine/packages.tsv").write_text(alpine(work / "alpine.tar"))
    for number, (step, created_by, form) in enumerate(STEPS, 2):
        opaque = step(root, work) or ()
        after = state(root)
        path = work / f"layer-{number}.tar"
        difference(root, before, after, path, form, opaque)
        layers.append(Layer(path, created_by, "buildkit.dockerfile.v0"))
        say(f"layer {number}: {step.__name__}, {path.stat().st_size >> 10} KiB")
        before = after
    counts["app"] = expected(root, oracles / "app")
    if compressing.wait() != 0:
        raise SystemExit("error: gzip failed")
    images(output, work, layers)
    shutil.rmtree(root)
    shutil.rmtree(work)
    summary(output, counts)


def base_layer(root, work):
    path = work / "layer-1.tar"
    difference(root, {}, state(root), path)
    return path, "/bin/sh -c #(nop) ADD file:" + digest(path).removeprefix("sha256:") + " in / ", ""


def images(output, work, layers):
    say("forms that we write")
    base = Layout(output / "base-oci")
    base_manifest = base.image(layers[:1], True)
    base.index([named(base_manifest, "bookworm")])

    app = Layout(output / "app-oci-gzip")
    app.index([named(app.image(layers, True), "app")])

    small = Layer(work / "distroless.tar", "bazel build //base:debian12", "")
    arm = Layout(output / "multi-oci")
    here = arm.image(layers, True, {"org.opencontainers.image.base.name": "docker.io/library/debian:bookworm",
                                    "org.opencontainers.image.base.digest": base_manifest["digest"]})
    there = arm.image([small], True, architecture="arm64")
    statement = arm.bytes("application/vnd.in-toto+json", b'{"_type":"https://in-toto.io/Statement/v0.1","predicate":{}}')
    attestation_config = arm.bytes(OCI_CONFIG, b'{"architecture":"unknown","os":"unknown","config":{},"rootfs":{"type":"layers","diff_ids":[]}}')
    attestation = arm.bytes(OCI_MANIFEST, json.dumps({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": attestation_config,
                                                      "layers": [statement]}).encode())
    inner = arm.index([
        {**here, "platform": {"os": "linux", "architecture": "amd64"}},
        {**there, "platform": {"os": "linux", "architecture": "arm64", "variant": "v8"}},
        {**attestation, "platform": {"os": "unknown", "architecture": "unknown"},
         "annotations": {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": here["digest"]}},
    ], top=False)
    arm.index([named(inner, "multi")])

    little = Layout(output / "distroless-oci")
    little.index([named(little.image([small], True), "distroless")])
    mountain = Layer(work / "alpine.tar", "/bin/sh -c #(nop) ADD file:alpine in / ", "")
    open_layout = Layout(output / "alpine-oci")
    open_layout.index([named(open_layout.image([mountain], False, command=("/bin/sh",)), "alpine")])

    docker_archive(output / "two-docker.tar", [
        ("example.org/distroless:12", configuration([small]), [small]),
        ("example.org/alpine:3.18", configuration([mountain], command=("/bin/sh",)), [mountain]),
    ])
    both = Layout(work / "both")
    both.index([named(both.image([mountain], False, command=("/bin/sh",)), "3.18")])
    docker_archive(output / "both.tar", [("alpine:3.18", configuration([mountain], command=("/bin/sh",)), [mountain])], both)

    say("forms that other tools write")
    skopeo = ["skopeo", "--insecure-policy", "copy", "--quiet"]
    gzip_layout = f"oci:{output}/app-oci-gzip:app"

    def docker():
        run(*skopeo, gzip_layout, f"docker-archive:{output}/app-docker.tar:example.org/harbour:1.0")
        with open(output / "app-docker.tar.gz", "wb") as target:
            subprocess.run(["gzip", "-n", "-1", "-c", str(output / "app-docker.tar")], stdout=target, check=True)

    def oci():
        run(*skopeo, "--dest-compress-format", "zstd", gzip_layout, f"oci:{output}/app-oci-zstd:app")
        run(*skopeo, gzip_layout, f"oci-archive:{output}/app-oci.tar:app")

    with concurrent.futures.ThreadPoolExecutor() as pool:
        for job in [pool.submit(docker), pool.submit(oci)]:
            job.result()

    # umoci's layers end without closing zero blocks.
    umoci = output / "umoci-oci"
    shutil.copytree(output / "distroless-oci", umoci)
    extra = work / "extra"
    (extra / "node_modules/left-pad").mkdir(parents=True)
    (extra / "node_modules/left-pad/package.json").write_text('{"name":"left-pad","version":"1.3.0","license":"WTFPL"}')
    for path in [*extra.rglob("*"), extra]:
        os.utime(path, (EPOCH, EPOCH))
    stamp = ["--history.created", CREATED, "--history.created_by"]
    run("umoci", "insert", "--image", f"{umoci}:distroless", *stamp, "umoci insert extra /opt/extra", extra, "/opt/extra")
    run("umoci", "insert", "--image", f"{umoci}:distroless", *stamp, "umoci insert --whiteout", "--whiteout",
        "/var/lib/dpkg/status.d/openssl")
    run("umoci", "insert", "--image", f"{umoci}:distroless", "--opaque", *stamp, "umoci insert --opaque extra /opt", extra, "/opt")


def summary(output, counts):
    """`images.json`: every form with its digests, for those who want to know without opening them."""
    listing = {}
    for path in sorted(output.iterdir()):
        if path.name.endswith("-oci") or path.name.startswith("app-oci-"):
            entries = json.loads((path / "index.json").read_bytes())["manifests"]
            size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
            listing[path.name] = {"form": "oci", "bytes": size, "digest": entries[0]["digest"]}
        elif path.name.endswith(".tar") or path.name.endswith(".tar.gz"):
            listing[path.name] = {"form": "archive", "bytes": path.stat().st_size, "digest": digest(path)}
    content = {"packages": counts, "images": listing}
    (output / "images.json").write_text(json.dumps(content, indent=1) + "\n")
    say("done")


if __name__ == "__main__":
    if sys.argv[1] == "--gzip":
        gzipped(Path(sys.argv[2]))
    else:
        main()
