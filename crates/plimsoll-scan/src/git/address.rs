//! What was typed for a repository: `URL[#REF[:FOLDER]]`.

use super::GitError;

/// Longest address in bytes.
const LONGEST: usize = 2_048;
/// Longest name of a branch or tag.
const LONGEST_REFERENCE: usize = 255;
/// What git may speak.
pub(super) const PROTOCOLS: [&str; 5] = ["https", "http", "ssh", "git", "file"];

/// A repository, and what of it is meant.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    url: String,
    /// User and password, which the address does not hold.
    secret: Option<Login>,
    reference: Option<String>,
    folder: Option<String>,
}

impl std::fmt::Debug for Address {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Address({self})")
    }
}

impl std::fmt::Display for Address {
    /// As typed, without secrets.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.url)?;
        if self.reference.is_some() || self.folder.is_some() {
            write!(formatter, "#{}", self.reference.as_deref().unwrap_or_default())?;
        }
        match &self.folder {
            Some(folder) => write!(formatter, ":{folder}"),
            None => Ok(()),
        }
    }
}

impl Address {
    /// Reads `URL[#REF[:FOLDER]]`, as BuildKit has it: https, http, ssh, git and file addresses, `USER@HOST:PATH`, a path
    /// of this machine, and `HOST/OWNER/NAME`, which is https.
    ///
    /// # Errors
    /// When it is none of these, or holds what could be taken for an option or a command.
    pub fn parse(text: &str) -> Result<Self, GitError> {
        let refuse = |detail| GitError::Address { typed: without_secret(text), detail };
        if text.len() > LONGEST {
            return Err(refuse("it is too long"));
        }
        if text.chars().any(|character| character.is_control() || character.is_whitespace()) {
            return Err(refuse("it holds white space or control characters"));
        }
        let (place, fragment) = match text.split_once('#') {
            Some((place, fragment)) => (place, Some(fragment)),
            None => (text, None),
        };
        let (reference, folder) =
            match fragment.map(|fragment| fragment.split_once(':').unwrap_or((fragment, ""))) {
                None => (None, None),
                Some(("", "")) => return Err(refuse("nothing stands behind the #")),
                Some((reference, folder)) => (
                    Some(reference).filter(|text| !text.is_empty()),
                    Some(folder).filter(|text| !text.is_empty()),
                ),
            };
        if reference.is_some_and(|reference| !is_reference(reference)) {
            return Err(refuse("what stands behind # is no name of a branch or tag, and no commit"));
        }
        let folder = folder.map(|folder| folder.trim_end_matches('/'));
        if folder.is_some_and(|folder| folder.split('/').any(|part| matches!(part, "" | "." | ".." | ".git")))
        {
            return Err(refuse("what stands behind the last colon is no folder within a repository"));
        }
        let (url, secret) = url(place).map_err(refuse)?;
        Ok(Address {
            url,
            secret,
            reference: reference.map(str::to_owned),
            folder: folder.map(str::to_owned),
        })
    }

    /// Is this meant for a repository, although nothing says so? Only what names no image of any registry.
    pub(crate) fn is_meant(text: &str) -> bool {
        const BEGINNINGS: [&str; 5] = ["https://", "http://", "ssh://", "git://", "git@"];
        /// They have no registry of images under this name.
        const FORGES: [&str; 4] = ["github.com/", "gitlab.com/", "bitbucket.org/", "codeberg.org/"];
        BEGINNINGS.iter().chain(&FORGES).any(|beginning| text.starts_with(beginning))
    }

    /// The address for git, without secrets.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Scheme and host with a slash: to whom the secret may be shown.
    pub(super) fn origin(&self) -> Option<&str> {
        let begin = self.url.find("://")? + 3;
        self.url.get(..=begin + self.url.get(begin..)?.find('/')?)
    }

    /// User and password that were typed.
    pub(super) fn secret(&self) -> Option<(&str, &str)> {
        self.secret.as_ref().map(|(user, password)| (user.as_str(), password.as_str()))
    }

    /// Branch, tag or commit.
    pub(super) fn reference(&self) -> Option<&str> {
        self.reference.as_deref()
    }

    /// The folder of it that is meant.
    pub(super) fn folder(&self) -> Option<&str> {
        self.folder.as_deref()
    }

    /// Can whoever stands between change what is fetched?
    pub(super) fn is_open(&self) -> bool {
        self.url.starts_with("http://") || self.url.starts_with("git://")
    }
}

/// User and password.
type Login = (String, String);

/// The address for git, and what must not be shown of it.
fn url(place: &str) -> Result<(String, Option<Login>), &'static str> {
    if place.starts_with(['/', '.']) {
        let path = std::path::absolute(place).map_err(|_| "it is no path of this machine")?;
        return Ok((path.to_str().ok_or("its path is no text")?.to_owned(), None));
    }
    let whole;
    let (scheme, rest) = match place.split_once("://") {
        Some((scheme, _)) if !PROTOCOLS.contains(&scheme) => {
            return Err("only https, http, ssh, git and file are spoken");
        }
        Some((scheme, rest)) => (scheme, rest),
        None if !place.contains(':') && place.split('/').next().is_some_and(|host| host.contains('.')) => {
            whole = place;
            ("https", whole)
        }
        None => ("", place),
    };
    let separator = if scheme.is_empty() { ':' } else { '/' };
    let Some(at) = rest.find(separator) else {
        return Err(if scheme.is_empty() {
            "it names no host and no protocol"
        } else {
            "it names no repository of the host"
        });
    };
    let (authority, path) = rest.split_at(at);
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    if scheme.is_empty() && (host.is_empty() || authority.contains('/')) {
        return Err("it names no host");
    }
    if scheme.is_empty() && path.split('/').next().is_some_and(|first| first.contains('@')) {
        return Err("a password needs a protocol before it, as in https://");
    }
    if scheme == "file" && !matches!(host, "" | "localhost") {
        return Err("a file is on no other host: three slashes, as in file:///srv/name.git");
    }
    if scheme != "file" && host.is_empty() {
        return Err("it names no host");
    }
    // Git takes `NAME::` for a program that speaks for it.
    if path.starts_with("::") {
        return Err("it names a program");
    }
    if path.trim_matches(['/', ':']).is_empty() {
        return Err("it names no repository of the host");
    }
    if path.contains('?') {
        return Err("a repository's address has no query; a branch or tag stands behind #");
    }
    // ssh takes a host or user that begins so for an option.
    if [Some(host), user, path.strip_prefix(':')].into_iter().flatten().any(|part| part.starts_with('-')) {
        return Err("a part of it begins like an option");
    }
    let secret = user.filter(|_| matches!(scheme, "https" | "http")).map(|user| {
        let (name, password) = user.split_once(':').unwrap_or((user, ""));
        (decoded(name), decoded(password))
    });
    // ssh needs the name and takes no password.
    let name = user.filter(|_| secret.is_none()).and_then(|user| user.split(':').next());
    let name = name.map(|name| format!("{name}@")).unwrap_or_default();
    let begin = if scheme.is_empty() { String::new() } else { format!("{scheme}://") };
    Ok((format!("{begin}{name}{host}{path}"), secret))
}

/// The rules of git-check-ref-format(1), and a little more: nothing that could be an option or a refspec.
fn is_reference(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= LONGEST_REFERENCE
        && text != "@"
        && !text.starts_with(['-', '/', '+', '.'])
        && !text.ends_with(['/', '.'])
        && !text.chars().any(|character| character.is_control() || " ~^:?*[\\".contains(character))
        && !["..", "//", "@{", "/.", ".lock/"].iter().any(|part| text.contains(part))
        && !text.ends_with(".lock")
}

/// Percent-encoded octets become what they stand for.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = |offset: usize| bytes.get(at + offset).and_then(|byte| char::from(*byte).to_digit(16));
        match (bytes[at], hex(1), hex(2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).unwrap_or(b'%'));
                at += 3;
            }
            (byte, ..) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// An address that may be shown, whatever it is: user and password are left out.
pub(super) fn without_secret(text: &str) -> String {
    let begin = text.find("://").map_or(0, |at| at + 3);
    let end = text[begin..].find('/').map_or(text.len(), |at| begin + at);
    let authority = &text[begin..end];
    match authority.rsplit_once('@') {
        // The name alone is part of what ssh needs, and no secret there.
        Some((user, host)) if begin == 0 || text.starts_with("ssh://") => {
            let name = user.split(':').next().unwrap_or_default();
            format!("{}{name}@{host}{}", &text[..begin], &text[end..])
        }
        Some((_, host)) => format!("{}{host}{}", &text[..begin], &text[end..]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let check = |text: &str, url: &str, reference: Option<&str>, folder: Option<&str>| {
            let address = Address::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(
                (address.url(), address.reference(), address.folder()),
                (url, reference, folder),
                "{text}"
            );
        };
        check("https://host/owner/name", "https://host/owner/name", None, None);
        check("https://host/owner/name#v1.2", "https://host/owner/name", Some("v1.2"), None);
        check("https://host/owner/name#feature/x@2", "https://host/owner/name", Some("feature/x@2"), None);
        check("https://host/@scope/name#main:a/b/", "https://host/@scope/name", Some("main"), Some("a/b"));
        check("https://host/name#:web", "https://host/name", None, Some("web"));
        check("https://user:pass@host:8443/name.git#main", "https://host:8443/name.git", Some("main"), None);
        check("github.com/owner/name", "https://github.com/owner/name", None, None);
        check("git.host.example/name.git#main", "https://git.host.example/name.git", Some("main"), None);
        check("ssh://git@host:22/~user/name", "ssh://git@host:22/~user/name", None, None);
        check("ssh://git:pass@host/name#main", "ssh://git@host/name", Some("main"), None);
        check("git@host:owner/name#main:sub", "git@host:owner/name", Some("main"), Some("sub"));
        check("host:name", "host:name", None, None);
        check("file:///srv/name.git#main", "file:///srv/name.git", Some("main"), None);
        check("/srv/name.git#main", "/srv/name.git", Some("main"), None);
        check("git://host/name", "git://host/name", None, None);
    }

    #[test]
    fn what_is_no_address() {
        for text in [
            "",
            "name",
            "owner/name",
            "https://host",
            "https://host/",
            "https:///name",
            "ssh:///name",
            "ftp://host/name",
            "ext::sh -c id",
            "ext::sh",
            "fd::17/name",
            "https://-oProxyCommand=id/name",
            "ssh://-oProxyCommand=id@host/name",
            "ssh://-x/name",
            "-oProxyCommand=id:name",
            "--upload-pack=id",
            "host:-name",
            "user:pass@host/name",
            "https://host/name#",
            "https://host/name#-x",
            "https://host/name#--upload-pack=id",
            "https://host/name#+a",
            "https://host/name#a:../b",
            "https://host/name#a:/b",
            "https://host/name#a:b//c",
            "https://host/name#a:.git",
            "https://host/name#a..b",
            "https://host/name#a b",
            "https://host/name#a\nb",
            "https://host/name?x=1",
            "file://other/name",
            "::name",
            ":name",
        ] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_meant_without_a_word() {
        for (text, meant) in [
            ("https://host/name", true),
            ("git@host:name", true),
            ("github.com/owner/name", true),
            ("ghcr.io/owner/name", false),
            ("registry.gitlab.com/owner/name", false),
            ("github.company/owner/name", false),
        ] {
            assert_eq!(Address::is_meant(text), meant, "{text}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let address = Address::parse("https://us%40er:pa%2fss@host/name#main").unwrap();
        assert_eq!(address.secret(), Some(("us@er", "pa/ss")));
        assert_eq!(address.origin(), Some("https://host/"));
        assert_eq!(address.to_string(), "https://host/name#main");
        assert!(!format!("{address:?}").contains("pa"));
        assert_eq!(Address::parse("https://token@host/name").unwrap().secret(), Some(("token", "")));
        let error = Address::parse("https://user:hidden@host/name#-").unwrap_err().to_string();
        assert!(error.contains("https://host/name#-") && !error.contains("hidden"), "{error}");
        for (text, shown) in [
            ("https://user:hidden@host/a@b", "https://host/a@b"),
            ("ssh://git:hidden@host/a", "ssh://git@host/a"),
            ("git@host:a/b", "git@host:a/b"),
            ("user:hidden@host", "user@host"),
            ("/srv/a@b", "/srv/a@b"),
            ("", ""),
        ] {
            assert_eq!(without_secret(text), shown);
        }
    }

    #[test]
    fn any_text_is_read_or_refused() {
        for text in ["://", "https://@/", "@", "a@b@c:d@e", "https://ü@ö/ä@ß", "file:///@", "%:%", ":/@"]
        {
            if let Ok(address) = Address::parse(text) {
                assert!(!address.url().starts_with('-'));
            }
            without_secret(text);
        }
    }
}
