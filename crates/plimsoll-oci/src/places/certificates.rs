//! Certificates by host: `certs.d/HOST/{*.crt, *.cert, *.key}` of Docker and Podman (containers-certs.d(5)).

use std::path::PathBuf;

use plimsoll_http::{Identity, Pem};

use super::{files, folder_of};
use crate::Error;

/// Whom a host is believed by, and what it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Certificates {
    /// Further authorities.
    pub(crate) authorities: Vec<PathBuf>,
    pub(crate) identity: Option<Identity>,
    /// Another file said it all: the folders are not looked at.
    pub(crate) is_settled: bool,
    /// The folder that it comes from.
    pub(crate) by: Option<PathBuf>,
}

/// From the first of the folders that has one for the host.
pub(super) fn of_host(folders: &[PathBuf], host: &str) -> Result<Certificates, Error> {
    let Some(folder) =
        folders.iter().map(|folder| folder.join(folder_of(host))).find(|folder| folder.is_dir())
    else {
        return Ok(Certificates::default());
    };
    let wrong = |detail: String| Error::Configuration { path: folder.display().to_string(), detail };
    let authorities: Vec<PathBuf> = files(&folder, "crt").into_iter().collect();
    let (certificates, keys) = (files(&folder, "cert"), files(&folder, "key"));
    // A half of a pair is a mistake that would show as a refusal of the registry, far from its cause.
    for certificate in &certificates {
        let key = certificate.with_extension("key");
        if !keys.contains(&key) {
            return Err(wrong(format!("`{}` has no `{}` beside it", name(certificate), name(&key))));
        }
    }
    for key in &keys {
        let certificate = key.with_extension("cert");
        if !certificates.contains(&certificate) {
            return Err(wrong(format!("`{}` has no `{}` beside it", name(key), name(&certificate))));
        }
    }
    let identity = certificates.into_iter().next().map(|certificate| {
        let key = certificate.with_extension("key");
        Identity { certificate: Pem::File(certificate), key: Pem::File(key) }
    });
    Ok(Certificates { authorities, identity, is_settled: false, by: Some(folder) })
}

fn name(path: &std::path::Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_host() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        };
        for path in
            ["b/h.x:5000/ca.crt", "b/h.x:5000/client.cert", "b/h.x:5000/client.key", "c/h.x:5000/other.crt"]
        {
            put(path);
        }
        put("c/docker.io/ca.crt");
        put("c/half.x/client.cert");
        put("c/other.x/client.key");
        let folders = ["a", "b", "c"].map(|name| root.path().join(name));
        let found = of_host(&folders, "h.x:5000").unwrap();
        let folder = root.path().join("b/h.x:5000");
        assert_eq!(found.authorities, [folder.join("ca.crt")]);
        let identity = Identity {
            certificate: Pem::File(folder.join("client.cert")),
            key: Pem::File(folder.join("client.key")),
        };
        assert_eq!((found.identity, found.by), (Some(identity), Some(folder)));
        assert_eq!(of_host(&folders, "h.x").unwrap(), Certificates::default());
        assert_eq!(of_host(&folders, "registry-1.docker.io").unwrap().authorities.len(), 1);
        for (host, missing) in [
            ("half.x", "`client.cert` has no `client.key`"),
            ("other.x", "`client.key` has no `client.cert`"),
        ] {
            let error = of_host(&folders, host).unwrap_err().to_string();
            assert!(error.contains(missing), "{error}");
        }
    }
}
