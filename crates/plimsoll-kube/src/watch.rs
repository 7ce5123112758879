//! Watches: what changes, as it changes.

use std::io::{BufRead as _, BufReader, Read as _};
use std::ops::ControlFlow;
use std::time::Duration;

use plimsoll_http::Request;
use serde_json_borrow::Value;

use crate::client::attempt;
use crate::error::plain;
use crate::list::name;
use crate::{Attempt, Client, Error, Filter, Resource};

/// Longest line in bytes. What etcd takes is 1.5 MB, and a line may escape it.
const LONGEST_LINE: u64 = 16 * 1024 * 1024;
/// How long a watch lasts before it is begun anew: a connection that somebody between cut without a word is found out.
const LASTS: &str = "290";
/// A watch that ends before this was cut by somebody.
const SHORT: Duration = Duration::from_secs(1);
/// Waits after failures: doubled each time, to at most this.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What happens to objects of a kind.
#[derive(Debug)]
pub enum Event<'e, 'v> {
    /// All objects follow as [`Event::Applied`]; what was known before is void. First of all, and again after a gap.
    Begin,
    /// All objects that there are were given.
    Complete,
    /// An object is there, or changed.
    Applied(&'e Value<'v>),
    /// An object is gone; this was its last state.
    Deleted(&'e Value<'v>),
    /// Nothing changed until now.
    Quiet,
    /// The watch failed and is begun anew: until the next event nothing is known of changes.
    Trouble(&'e Error),
}

/// How a single watch ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// The last state that was seen: the next watch goes on from there.
    pub version: String,
    /// Whoever listened has heard enough.
    pub enough: bool,
}

impl Client {
    /// Lists all objects of a kind and then tells every change, for ever, until `each` breaks. Failures that may pass are
    /// told and waited out; a state that the server forgot begins anew.
    ///
    /// # Errors
    /// When the server refuses for a reason that does not pass: a right that is missing.
    pub fn follow(
        &self,
        resource: &Resource,
        filter: &Filter<'_>,
        each: &mut dyn FnMut(Event<'_, '_>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let mut wait = Duration::from_secs(1);
        let mut version: Option<String> = None;
        let clock = &self.access().settings.clock;
        loop {
            let began = clock.now();
            let from = version.take();
            let outcome = match &from {
                None => self.begin(resource, filter, each),
                Some(from) => self.watch(resource, filter, from, each),
            };
            match outcome {
                Ok(watched) if watched.enough => return Ok(()),
                Ok(watched) => {
                    version = Some(watched.version);
                    let lasted = clock.now().duration_since(began).unwrap_or_default();
                    if from.is_some() && lasted < SHORT {
                        // Somebody cuts the connection at once: nobody is to be asked without a pause.
                        clock.sleep(wait);
                        wait = (wait * 2).min(LONGEST_WAIT);
                    } else {
                        wait = Duration::from_secs(1);
                    }
                }
                // What was missed meanwhile nobody tells: list again.
                Err(Error::Expired { .. }) => {}
                Err(error) if error.is_temporary() => {
                    if each(Event::Trouble(&error)).is_break() {
                        return Ok(());
                    }
                    clock.sleep(wait);
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn begin(
        &self,
        resource: &Resource,
        filter: &Filter<'_>,
        each: &mut dyn FnMut(Event<'_, '_>) -> ControlFlow<()>,
    ) -> Result<Watched, Error> {
        let mut enough = false;
        let listed = self.list(resource, filter, &mut |page| {
            if page.first {
                enough |= each(Event::Begin).is_break();
            }
            for item in page.items {
                enough = enough || each(Event::Applied(item)).is_break();
            }
        })?;
        enough = enough || each(Event::Complete).is_break();
        Ok(Watched { version: listed.version, enough })
    }

    /// Tells the changes since the state `from` until the connection ends, which is no failure, or `each` breaks.
    ///
    /// # Errors
    /// [`Error::Expired`] when the server has forgotten the state; otherwise as everywhere.
    pub fn watch(
        &self,
        resource: &Resource,
        filter: &Filter<'_>,
        from: &str,
        each: &mut dyn FnMut(Event<'_, '_>) -> ControlFlow<()>,
    ) -> Result<Watched, Error> {
        let attempt = attempt("watch", resource.to_string(), filter.namespace, None);
        let path = resource.path(filter.namespace, None, None)?;
        let mut query = vec![
            ("watch", "true"),
            ("allowWatchBookmarks", "true"),
            ("timeoutSeconds", LASTS),
            ("resourceVersion", from),
        ];
        query.extend(filter.labels.map(|labels| ("labelSelector", labels)));
        query.extend(filter.fields.map(|fields| ("fieldSelector", fields)));
        let request = |url| Request::get(url).header("accept", "application/json");
        let body = self.send(&attempt, request, &path, &query)?.body(u64::MAX);
        let mut lines = BufReader::new(body);
        let mut version = from.to_owned();
        let mut line = Vec::new();
        loop {
            line.clear();
            match (&mut lines).take(LONGEST_LINE).read_until(b'\n', &mut line) {
                // Silence is what a quiet cluster sounds like between two bookmarks; whatever else breaks a connection
                // loses nothing either, for the next one goes on from `version`.
                Ok(0) | Err(_) => return Ok(Watched { version, enough: false }),
                Ok(_) if !line.ends_with(b"\n") && line.len() as u64 >= LONGEST_LINE => {
                    return Err(Error::Answer {
                        attempt,
                        detail: format!("a line is longer than {LONGEST_LINE} bytes"),
                    });
                }
                Ok(_) if line.ends_with(b"\n") => {}
                // Cut in the middle.
                Ok(_) => return Ok(Watched { version, enough: false }),
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            let heard = read(&line, resource, &attempt)?;
            let event = match heard.word {
                Word::Applied => Event::Applied(&heard.object),
                Word::Deleted => Event::Deleted(&heard.object),
                Word::Quiet => Event::Quiet,
            };
            if let Some(seen) = heard.version {
                version = seen;
            }
            if each(event).is_break() {
                return Ok(Watched { version, enough: true });
            }
        }
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Word {
    Applied,
    Deleted,
    Quiet,
}

pub(crate) struct Heard<'v> {
    word: Word,
    object: Value<'v>,
    version: Option<String>,
}

/// Reads a line of a watch.
pub(crate) fn read<'v>(
    line: &'v [u8],
    resource: &'v Resource,
    attempt: &Attempt,
) -> Result<Heard<'v>, Error> {
    let refuse = |detail: String| Error::Answer { attempt: attempt.clone(), detail };
    let text = std::str::from_utf8(line).map_err(|_| refuse("it is not UTF-8".into()))?;
    let line: Value<'v> = serde_json::from_str(text).map_err(|error| refuse(plain(&error.to_string())))?;
    let Value::Object(fields) = line else { return Err(refuse("a line is no object".into())) };
    let (mut word, mut object) = (String::new(), Value::Null);
    for (key, value) in fields.into_vec() {
        match (key.as_ref(), value) {
            ("type", Value::Str(text)) => word = text.into_owned(),
            ("object", value) => object = value,
            _ => {}
        }
    }
    let word = match word.as_str() {
        "ADDED" | "MODIFIED" => Word::Applied,
        "DELETED" => Word::Deleted,
        "BOOKMARK" => Word::Quiet,
        "ERROR" => {
            let code = object.as_object().and_then(|status| status.get("code")?.as_u64()).unwrap_or(500);
            let body = serde_json::to_vec(&object).unwrap_or_default();
            return Err(Error::refusal(attempt.clone(), u16::try_from(code).unwrap_or(500), &body));
        }
        other => return Err(refuse(format!("an event of the type `{}`", plimsoll_model::shortened(other)))),
    };
    if !object.is_object() {
        return Err(refuse("an event without an object".into()));
    }
    let version = object
        .as_object()
        .and_then(|object| object.get("metadata")?.as_object()?.get("resourceVersion")?.as_str())
        .filter(|version| !version.is_empty())
        .map(str::to_owned);
    name(&mut object, resource, &resource.api_version());
    Ok(Heard { word, object, version })
}

#[cfg(test)]
mod tests {
    use super::*;

    static PODS: Resource = Resource::new("", "v1", "pods", "Pod", true);

    fn heard(line: &str) -> Result<(&'static str, Option<String>), Error> {
        let attempt = attempt("watch", "pods".into(), None, None);
        read(line.as_bytes(), &PODS, &attempt).map(|heard| {
            let word = match heard.word {
                Word::Applied => "applied",
                Word::Deleted => "deleted",
                Word::Quiet => "quiet",
            };
            (word, heard.version)
        })
    }

    #[test]
    fn words_of_a_watch() {
        let seven = Some("7".to_owned());
        for (word, expected) in
            [("ADDED", "applied"), ("MODIFIED", "applied"), ("DELETED", "deleted"), ("BOOKMARK", "quiet")]
        {
            let line = format!(r#"{{"type":"{word}","object":{{"metadata":{{"resourceVersion":"7"}}}}}}"#);
            assert_eq!(heard(&line).unwrap(), (expected, seven.clone()));
        }
        let gone = r#"{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}}"#;
        assert!(matches!(heard(gone), Err(Error::Expired { .. })));
        let failed = r#"{"type":"ERROR","object":{"kind":"Status","code":500,"message":"etcd"}}"#;
        assert!(heard(failed).is_err_and(|error| error.is_temporary()));
        for bad in [
            "{",
            "[]",
            "{}",
            r#"{"type":"ADDED"}"#,
            r#"{"type":"ADDED","object":[]}"#,
            r#"{"type":"SOMETHING","object":{}}"#,
        ] {
            assert!(matches!(heard(bad), Err(Error::Answer { .. })), "{bad}");
        }
    }

    /// Gives these answers to one request after another, and what was asked.
    fn server(answers: Vec<String>) -> (Client, std::thread::JoinHandle<Vec<String>>) {
        use std::io::Write as _;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let thread = std::thread::spawn(move || {
            let mut asked = Vec::new();
            for answer in answers {
                let mut stream = BufReader::new(listener.accept().unwrap().0);
                let mut line = String::new();
                stream.read_line(&mut line).unwrap();
                asked.push(line.split(' ').nth(1).unwrap().to_owned());
                while stream.read_line(&mut line).unwrap() > 2 {}
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n";
                stream.get_mut().write_all(format!("{head}{answer}").as_bytes()).unwrap();
            }
            asked
        });
        let access = crate::Access {
            context: "test".into(),
            namespace: None,
            server: plimsoll_http::Url::parse(&address).unwrap(),
            settings: plimsoll_http::Settings::new("test", 1, std::sync::Arc::new(Still)),
            credentials: crate::access::Credentials::None,
            act_as: None,
        };
        (Client::new(access), thread)
    }

    struct Still;

    impl plimsoll_http::Clock for Still {
        fn now(&self) -> std::time::SystemTime {
            std::time::SystemTime::UNIX_EPOCH
        }
        fn sleep(&self, _: Duration) {}
    }

    #[test]
    fn a_gap_begins_anew_and_a_cut_goes_on() {
        let list = |version: &str, name: &str| {
            format!(
                r#"{{"metadata":{{"resourceVersion":"{version}"}},"items":[{{"metadata":{{"name":"{name}"}}}}]}}"#
            )
        };
        let event = |version: &str, name: &str| {
            format!(
                r#"{{"type":"ADDED","object":{{"metadata":{{"name":"{name}","resourceVersion":"{version}"}}}}}}"#
            )
        };
        let (client, thread) = server(vec![
            list("10", "a"),
            // Heard whole, then cut in the middle of the next.
            format!("{}\n{}", event("12", "b"), &event("13", "c")[..20]),
            r#"{"type":"ERROR","object":{"code":410}}"#.to_owned() + "\n",
            list("90", "d"),
            format!("{}\n", event("91", "e")),
        ]);
        let mut heard = Vec::new();
        client
            .follow(&PODS, &Filter::default(), &mut |event| {
                match event {
                    Event::Begin => heard.push("begin".to_owned()),
                    Event::Applied(object) => {
                        heard.push(object.get("metadata").get("name").as_str().unwrap().to_owned());
                    }
                    _ => {}
                }
                if heard.last().is_some_and(|last| last == "e") {
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(heard, ["begin", "a", "b", "begin", "d", "e"]);
        let versions: Vec<String> = thread
            .join()
            .unwrap()
            .iter()
            .map(|asked| asked.split("resourceVersion=").nth(1).unwrap_or("list").to_owned())
            .collect();
        assert_eq!(versions, ["list", "10", "12", "list", "90"]);
    }
}
