//! `shop`: a Debian-like base with an application of three languages on top, and a last layer that deletes.
//!
//! What the image holds, seen from above, is what [`root`] writes into a directory: the two must give the same packages.

use std::io::Write as _;
use std::path::Path;

use super::image::{Image, Tree};

pub(crate) const OS_RELEASE: &str = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\n\
VERSION_ID=\"12\"\nVERSION=\"12 (bookworm)\"\nVERSION_CODENAME=bookworm\nID=debian\n";

/// Name, version, `Source` field.
const PACKAGES: &[(&str, &str, &str)] = &[
    ("base-files", "12.4", ""),
    ("libcore6", "2.36-9", "corelib"),
    ("core-bin", "2.36-9", "corelib"),
    ("libsea3", "3.0.9-1", "sealib"),
    ("linux-libc-dev", "6.1.0-1", "linux (6.1.0-1)"),
    ("sealib", "3.0.9-1", ""),
    ("python3-six", "1.16.0-4", "six"),
    ("telnet", "0.17-44", "netkit-telnet"),
];

/// `/var/lib/dpkg/status` without the packages named.
pub(crate) fn dpkg_status(without: &[&str]) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for (name, version, source) in PACKAGES.iter().filter(|(name, ..)| !without.contains(name)) {
        write!(text, "Package: {name}\nStatus: install ok installed\nArchitecture: amd64\n").unwrap();
        if !source.is_empty() {
            writeln!(text, "Source: {source}").unwrap();
        }
        write!(text, "Version: {version}\nDescription: {name}\n a line of text\n\n").unwrap();
    }
    text
}

fn python(name: &str, version: &str) -> String {
    format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nText.\n")
}

pub(crate) const PACKAGE_LOCK: &str = r#"{
  "name": "shop-web",
  "version": "1.0.0",
  "lockfileVersion": 3,
  "packages": {
    "": {
      "name": "shop-web",
      "version": "1.0.0",
      "dependencies": { "keelson": "^4.17.0" }
    },
    "node_modules/keelson": {
      "version": "4.17.15",
      "license": "MIT"
    },
    "node_modules/left-line": {
      "version": "1.0.0"
    }
  }
}
"#;

fn node(name: &str, version: &str) -> String {
    format!("{{\n  \"name\": \"{name}\",\n  \"version\": \"{version}\"\n}}\n")
}

pub(crate) fn zip(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .last_modified_time(zip::DateTime::default());
    for (name, content) in members {
        writer.start_file(*name, options).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A fat jar with deck-core inside.
pub(crate) fn jar() -> Vec<u8> {
    let properties = "groupId=org.example.deck\nartifactId=deck-core\nversion=2.14.1\n";
    let inner = zip(&[
        ("META-INF/MANIFEST.MF", b"Manifest-Version: 1.0\r\nImplementation-Version: 2.14.1\r\n\r\n".to_vec()),
        ("META-INF/maven/org.example.deck/deck-core/pom.properties", properties.into()),
    ]);
    zip(&[
        ("META-INF/MANIFEST.MF", b"Manifest-Version: 1.0\r\n\r\n".to_vec()),
        ("BOOT-INF/lib/deck-core-2.14.1.jar", inner),
    ])
}

const SITE: &str = "usr/local/lib/python3.11/site-packages";
const REQUIREMENTS: &str = "# the shop\n\nharbour==3.2.4\n";

fn base() -> Tree {
    let mut tree = Tree::new()
        .directory("etc")
        .link("etc/os-release", "../usr/lib/os-release")
        .file("etc/debian_version", "12.4\n")
        .directory("usr/lib")
        .file("usr/lib/os-release", OS_RELEASE)
        .link("lib", "usr/lib")
        .file("var/lib/dpkg/status", dpkg_status(&[]))
        .file("usr/lib/python3/dist-packages/six-1.16.0.egg-info/PKG-INFO", python("six", "1.16.0"));
    for (name, ..) in PACKAGES {
        let list = match *name {
            // Spelled through the link: the file stands in usr/lib.
            "python3-six" => "/.\n/lib/python3/dist-packages/six-1.16.0.egg-info/PKG-INFO\n".to_owned(),
            _ => format!("/.\n/usr/share/doc/{name}\n"),
        };
        tree = tree.file(&format!("var/lib/dpkg/info/{name}.list"), list);
    }
    tree
}

/// The image.
pub(crate) fn image() -> Image {
    Image::new()
        .layer("/bin/sh -c #(nop) ADD file:0123456789abcdef in / ", base())
        .step("/bin/sh -c #(nop)  CMD [\"bash\"]")
        .step("WORKDIR /srv")
        .layer(
            "RUN /bin/sh -c pip install -r requirements.txt # buildkit",
            Tree::new()
                .file("srv/app/requirements.txt", REQUIREMENTS)
                .file(&format!("{SITE}/Harbour-3.2.4.dist-info/METADATA"), python("Harbour", "3.2.4"))
                .file(&format!("{SITE}/hidden_one-1.0.dist-info/METADATA"), python("hidden-one", "1.0"))
                .file("srv/cache/node_modules/hidden-two/package.json", node("hidden-two", "1.0.0")),
        )
        .layer(
            "COPY web /srv/web # buildkit",
            Tree::new()
                .file("srv/web/package-lock.json", PACKAGE_LOCK)
                .file("srv/web/node_modules/keelson/package.json", node("keelson", "4.17.15"))
                .file("srv/web/node_modules/left-line/package.json", node("left-line", "1.0.0")),
        )
        .layer("COPY shop.jar /opt/shop.jar # buildkit", Tree::new().file("opt/shop.jar", jar()))
        .layer(
            "RUN /bin/sh -c apt-get purge -y telnet && rm -rf /srv/cache/* # buildkit",
            Tree::new()
                .file("var/lib/dpkg/status", dpkg_status(&["telnet"]))
                .whiteout("var/lib/dpkg/info/telnet.list")
                .whiteout(&format!("{SITE}/hidden_one-1.0.dist-info"))
                .opaque("srv/cache")
                .file("srv/cache/kept", "kept"),
        )
        .step("CMD [\"java\" \"-jar\" \"/opt/shop.jar\"]")
}

/// The same content as a directory, as an unpacked container shows it.
pub(crate) fn root(folder: &Path) {
    let put = |path: &str, content: &[u8]| {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    };
    put("usr/lib/os-release", OS_RELEASE.as_bytes());
    put("etc/debian_version", b"12.4\n");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("../usr/lib/os-release", folder.join("etc/os-release")).unwrap();
        std::os::unix::fs::symlink("usr/lib", folder.join("lib")).unwrap();
    }
    put("var/lib/dpkg/status", dpkg_status(&["telnet"]).as_bytes());
    for (name, ..) in PACKAGES.iter().filter(|(name, ..)| *name != "telnet") {
        let list = match *name {
            "python3-six" => "/.\n/lib/python3/dist-packages/six-1.16.0.egg-info/PKG-INFO\n".to_owned(),
            _ => format!("/.\n/usr/share/doc/{name}\n"),
        };
        put(&format!("var/lib/dpkg/info/{name}.list"), list.as_bytes());
    }
    put("usr/lib/python3/dist-packages/six-1.16.0.egg-info/PKG-INFO", python("six", "1.16.0").as_bytes());
    put("srv/app/requirements.txt", REQUIREMENTS.as_bytes());
    put(&format!("{SITE}/Harbour-3.2.4.dist-info/METADATA"), python("Harbour", "3.2.4").as_bytes());
    put("srv/web/package-lock.json", PACKAGE_LOCK.as_bytes());
    put("srv/web/node_modules/keelson/package.json", node("keelson", "4.17.15").as_bytes());
    put("srv/web/node_modules/left-line/package.json", node("left-line", "1.0.0").as_bytes());
    put("opt/shop.jar", &jar());
    put("srv/cache/kept", b"kept");
}

/// An image with packages that every container team had to chase: the incident pack inside the program knows them.
pub(crate) fn notorious() -> Image {
    let properties = "groupId=org.apache.logging.log4j\nartifactId=log4j-core\nversion=2.14.1\n";
    let inner =
        zip(&[("META-INF/maven/org.apache.logging.log4j/log4j-core/pom.properties", properties.into())]);
    let lock =
        "{\"lockfileVersion\": 3, \"packages\": {\n\"node_modules/lodash\": {\"version\": \"4.17.15\"}}}";
    Image::new().layer(
        "COPY . / # buildkit",
        Tree::new()
            .file("etc/os-release", OS_RELEASE)
            .file("srv/package-lock.json", lock)
            .file("opt/fat.jar", zip(&[("BOOT-INF/lib/log4j-core-2.14.1.jar", inner)])),
    )
}

/// A small image without any finding: one package that no advisory names.
pub(crate) fn calm() -> Image {
    Image::new()
        .layer(
            "/bin/sh -c #(nop) ADD file:1 in / ",
            Tree::new()
                .file("etc/os-release", OS_RELEASE)
                .file(
                    "var/lib/dpkg/status",
                    "Package: base-files\nStatus: install ok installed\nArchitecture: amd64\nVersion: 12.4\n\n",
                )
                .file("var/lib/dpkg/info/base-files.list", "/.\n"),
        )
        .step("/bin/sh -c #(nop)  CMD [\"bash\"]")
}
