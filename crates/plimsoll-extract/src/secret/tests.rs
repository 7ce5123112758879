use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

use super::*;

fn one(path: &str, text: &str) -> Option<Hit> {
    scan(path.as_bytes(), text.as_bytes()).hits.into_iter().next()
}

#[test]
fn the_table_is_sound() {
    let mut seen = BTreeSet::new();
    for rule in rules() {
        assert!(seen.insert(&rule.id), "{} twice", rule.id);
        assert!(
            rule.id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        );
        assert!(!rule.what.is_empty() && !rule.revoke.is_empty(), "{}", rule.id);
        assert!(!rule.keywords.is_empty() || !rule.files.is_empty(), "{}: tried everywhere", rule.id);
        rule.expression();
    }
    assert!(rules().len() >= 250, "{}", rules().len());
}

/// What an installed package shows in its documentation is nobody's; the same in its program, or in one's own, is told.
#[test]
fn documentation_of_installed_packages() {
    let docstring =
        "def f():\n    \"\"\"Answers.\n\n    oauth_token=lsd4kfol23w54jlksdef\n    \"\"\"\n    return 1\n";
    let comment = "x = 'a#b'\n# password: kT9-vq2Lw0x\n";
    let program = "\'\'\'about\'\'\'\n\napi_key = \"q8Zk2Lw0xVb7Rt5Yp3Nd\"\nother = \'\'\'\n";
    let inline = "url = 'a#b'; password = 'kT9-vq2Lw0x'\n";
    for (path, text, told) in [
        ("usr/lib/python3/dist-packages/oauthlib/p.py", docstring, false),
        ("srv/venv/lib/python3.11/site-packages/a/b.py", comment, false),
        ("srv/venv/lib/python3.11/site-packages/a/b.py", program, true),
        ("srv/venv/lib/python3.11/site-packages/a/b.py", inline, true),
        ("srv/venv/lib/python3.11/site-packages/a/b.yml", docstring, true),
        ("srv/app/main.py", docstring, true),
        ("srv/app/main.py", comment, true),
    ] {
        assert_eq!(one(path, text).is_some(), told, "{path}: {text}");
    }
    // What is known by its own form counts in documentation too.
    let key = format!("\"\"\"\ntoken {}\n\"\"\"\n", ["glpat-", "x8Kq2Lw0xVb7Rt5Yp3Nd"].concat());
    assert!(one("usr/lib/python3/dist-packages/a/b.py", &key).is_some());
    for text in [
        "\"AWS::IAM::AccessKey\": \"62d91b17309e76c8\"",
        "\"PasswordLastUsed\": \"2016-09-08T21:47:36Z\"",
        "#password_encryption = scram-sha-256",
        ":type passphrase: :py:data:`bytes`",
        "<server><password>repopwd</password></server>",
    ] {
        assert_eq!(one("srv/.m2/settings.xml", text), None, "{text}");
    }
    // Quotes without end cost no more than other text: looked through again and again, this would take minutes.
    let quotes = format!("{}\npassword = 'kT9-vq2Lw0x'\n", "\"'".repeat(2 << 20));
    assert!(one("usr/lib/python3/dist-packages/a/b.py", &quotes).is_some());
    assert!(is_passed_over(b"usr/lib/python3/dist-packages/PyJWT-2.6.0.egg-info/PKG-INFO"));
    assert!(!is_passed_over(b"srv/METADATA"));
}

/// Values that have the form of each rule are found by it, or by a more specific one in the same place.
#[test]
fn every_rule_finds_its_own_form() {
    let mut runner = TestRunner::new_with_rng(
        proptest::test_runner::Config::default(),
        TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]),
    );
    let mut missed = Vec::new();
    for rule in rules() {
        let (Form::Expression(_) | Form::Value(_)) = rule.form else { continue };
        // Those with an inner structure have their own tests.
        let structured = matches!(
            rule.check,
            Some(
                Check::Pem
                    | Check::Putty
                    | Check::Jwt
                    | Check::Bech32
                    | Check::Base64Json
                    | Check::Base64Pem
                    | Check::BasicAuth
            )
        );
        if structured || rule.keywords.is_empty() && rule.files.is_empty() {
            continue;
        }
        let text = match &rule.form {
            Form::Value(value) => value.clone(),
            Form::Expression(text) => {
                text.replace(r"\A", "").replace(r"\z", "").replace("(?m)^", "").replace('$', "\\$")
            }
            Form::Binary(_) => continue,
        };
        let text = if matches!(rule.form, Form::Expression(_)) {
            text.replace("[$", "[").replace(r"\\$", r"\$").replace(r"\$)", ")").replace(r"\$<", "<")
        } else {
            text
        };
        // The generator's classes are Unicode's, the rules' are ASCII's.
        let text = text.replace(r"\d", "[0-9]").replace(r"\S", "[!-~]");
        let Ok(strategy) = proptest::string::string_regex(&text) else { continue };
        let path = rule.files.first().map_or("srv/app/.env".to_owned(), |file| {
            file.strip_prefix('=').map_or_else(
                || format!("srv{}{file}", if file.starts_with('/') { "" } else { "/x" }),
                str::to_owned,
            )
        });
        let mut found = false;
        for _ in 0..200 {
            let value = strategy.new_tree(&mut runner).unwrap().current();
            let line = match rule.form {
                Form::Value(_) => format!("{} = \"{value}\"\n", rule.keywords[0]),
                _ => value,
            };
            let content = format!("{line}\n");
            if scan(path.as_bytes(), content.as_bytes()).hits.iter().any(|hit| hit.rule == rule.id) {
                found = true;
                break;
            }
        }
        if !found {
            missed.push(rule.id.as_str());
        }
    }
    // Their forms have classes of all but a few characters, for which the generator makes no text. Each has a line in
    // `planted`.
    let known: Vec<&str> = missed.iter().copied().filter(|id| !NOT_GENERATED.contains(id)).collect();
    assert_eq!(known, Vec::<&str>::new());
}

const NOT_GENERATED: &[&str] =
    &["pgp-private-key", "json-web-key", "database-url-password", "url-password", "terraform-state-secret"];

/// Put together here, so that nothing in this file looks like a secret itself.
fn planted() -> Vec<(&'static str, &'static str, String)> {
    let random = "q7Rz0KpV3mXcT9bL2wYf8sHd";
    vec![
        ("aws-access-key-id", "a.env", format!("ID={}{}", "AK", "IAQ4J5YHEXMWVKT2RB")),
        (
            "aws-secret-access-key",
            "a.env",
            format!("AWS_SECRET_{}=\"{random}{}\"", "ACCESS_KEY", "9aZ1xQ+4Lk/6Pn0T"),
        ),
        (
            "aws-secret-access-key",
            "Dockerfile",
            format!("ENV aws_secret_{}={random}{}", "access_key", "9aZ1xQ+4Lk/6Pn0T"),
        ),
        (
            "slack-bot-token",
            "a.yaml",
            format!("token: xo{}-{}-{}-{random}", "xb", "123456789012", "123456789012"),
        ),
        ("stripe-live-key", "a.py", format!("stripe.api_key = 'sk_{}_{random}'", "live")),
        (
            "database-url-password",
            "a.env",
            format!("DATABASE_URL=postgres://app:{}@db:5432/shop", "kV9rrq2Zp0"),
        ),
        ("url-password", "a.yaml", format!("git: https://deploy:{}@git.acme.dev/x", "kV9rrq2Zp0")),
        ("terraform-state-secret", "a.tfstate", format!("  \"password\": \"{}\",", "kV9rrq2Zp0")),
        (
            "json-web-key",
            "jwk.json",
            format!("{{\"kty\":\"EC\",\"crv\":\"P-256\",\"d\":\"{random}{random}\"}}"),
        ),
        (
            "pgp-private-key",
            "key.asc",
            format!(
                "-----BEGIN PGP PRIVATE {}-----\n\n{}\n-----END PGP PRIVATE {0}-----",
                "KEY BLOCK",
                random.repeat(6)
            ),
        ),
        ("netrc-password", "root/.netrc", format!("machine git.acme.dev login x password {}", "kV9rrq2Zp0")),
        ("password-named", "settings.ini", format!("db_password = {}", "kV9-rrq2Zp0")),
    ]
}

#[test]
fn planted_secrets_are_found_and_never_shown() {
    for (rule, path, text) in planted() {
        let hit = one(path, &format!("# first line\n{text}\n"))
            .unwrap_or_else(|| panic!("{rule}: nothing in {path}"));
        assert_eq!((hit.rule, hit.line), (rule, 2), "{text}");
        for secret in ["q7Rz0KpV3mXcT9bL2wYf8sHd", "kV9", "Q4J5YHEXMW"] {
            assert!(!hit.shown.contains(secret), "{}", hit.shown);
        }
    }
}

#[test]
fn redacted_text_holds_no_secret() {
    for (rule, path, text) in planted() {
        let hit = one(path, &text).unwrap();
        // Rules for some files only do not apply to text that is no file.
        if !find(rule).unwrap().files.is_empty() {
            continue;
        }
        let redacted = redact(&text);
        assert!(redacted.contains("***"), "{redacted}");
        assert!(!redacted.contains(&text[hit.start..hit.end]), "{redacted}");
        assert!(scan(b"", redacted.as_bytes()).hits.is_empty(), "{redacted}");
    }
    // More than one scan tells.
    let token = "q7Rz0KpV3mXcT9bL2wYf8sHd";
    let many: Vec<String> = (0..250).map(|number| format!("sk_{}_{token}{number:04}", "live")).collect();
    let many = many.join(" ");
    assert!(!redact(&many).contains(token));
    assert_eq!(redact("RUN make install"), "RUN make install");
}

#[test]
fn look_alikes_are_nothing() {
    for (path, text) in [
        ("a.env", "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE"),
        ("a.env", "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        ("a.py", "password = os.environ['DB_PASSWORD']"),
        ("a.py", "password = getpass.getpass()"),
        ("a.js", "const token = config.auth.token;"),
        ("a.yaml", "password: ${DB_PASSWORD}"),
        ("a.yaml", "password: changeme"),
        ("a.go", "url := \"https://user:password@example.com\""),
        ("a.sh", "curl -u \"$USER:$PASSWORD\" https://x"),
        ("a.txt", "the password is required to be at least eight characters"),
        ("a.js", "var sk_livestock_management_identifier_for_all = 1"),
        ("a.html", "integrity=\"sha384-oqVuAfXRKap7fdgcCY5uykM6+R9GqQ8K/uxy9rx7HNQlGYl1kPzQho1wx4JwY8wC\""),
        (
            "a.pem",
            "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----",
        ),
        (
            "a.pem",
            "-----BEGIN CERTIFICATE-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA\n-----END CERTIFICATE-----",
        ),
    ] {
        assert_eq!(one(path, text), None, "{text}");
    }
}

#[test]
fn what_is_passed_over() {
    for (path, is) in [
        ("usr/share/doc/x/README", true),
        ("srv/web/package-lock.json", true),
        ("srv/app/logo.png", true),
        ("srv/app/.env", false),
        ("root/.ssh/id_rsa", false),
        (".png", false),
    ] {
        assert_eq!(is_passed_over(path.as_bytes()), is, "{path}");
    }
    assert!(may_be_binary(b"etc/app/store.jks") && !may_be_binary(b"etc/app/store.txt"));
}

#[test]
fn work_is_bounded() {
    let begin = std::time::Instant::now();
    for text in [
        "password=".repeat(400_000),
        "-----BEGIN PRIVATE KEY-----\nAAAA".repeat(60_000),
        "eyJ".repeat(1_000_000),
    ] {
        scan(b"a", text.as_bytes());
    }
    // Generous: it guards against quadratic work, which would take hours.
    assert!(begin.elapsed().as_secs() < 120);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(data in prop::collection::vec(any::<u8>(), 0..2000)) {
        fuzz(&data);
    }

    #[test]
    fn words_of_rules(picks in prop::collection::vec((any::<prop::sample::Index>(), "[ -~]{0,60}"), 1..20)) {
        let mut text = String::from("srv/a/.npmrc");
        for (pick, rest) in picks {
            let rule = &rules()[pick.index(rules().len())];
            text.push_str(rule.keywords.first().map_or("", String::as_str));
            text.push_str(&rest);
            text.push('\n');
        }
        fuzz(text.as_bytes());
    }
}
