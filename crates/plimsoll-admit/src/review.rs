//! Admission reviews (admission.k8s.io/v1): what the API server asks, and what it is answered.
//!
//! A review is parsed once and borrowed from. Only what decisions need is looked at; the rest may have any form, so that a
//! newer API server is understood.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json_borrow::Value;

const VERSION: &str = "admission.k8s.io/v1";
const KIND: &str = "AdmissionReview";
/// Longest name of a question in bytes: they are UUIDs.
const LONGEST_UID: usize = 200;
/// Longest message of an answer in characters: what people see in their terminal.
const LONGEST_MESSAGE: usize = 1_500;
/// Longest warning in characters: API servers cut longer ones.
const LONGEST_WARNING: usize = 250;
/// Most warnings of an answer: API servers drop those beyond 4,096 bytes together.
const MOST_WARNINGS: usize = 15;

/// Why something is no review that can be answered.
#[derive(Debug, thiserror::Error)]
#[error("this is no admission review of admission.k8s.io/v1: {0}")]
pub struct ReviewError(pub(crate) String);

/// What is about to happen to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// It comes into being.
    Create,
    /// It changes.
    Update,
    /// It goes away.
    Delete,
    /// Somebody connects to it.
    Connect,
    /// Something that this version does not know.
    Other,
}

impl Operation {
    const WORDS: [(&'static str, Operation); 4] = [
        ("CREATE", Operation::Create),
        ("UPDATE", Operation::Update),
        ("DELETE", Operation::Delete),
        ("CONNECT", Operation::Connect),
    ];

    fn from_word(word: &str) -> Self {
        Self::WORDS.into_iter().find(|(own, _)| *own == word).map_or(Operation::Other, |(_, own)| own)
    }

    /// As the API writes it.
    pub fn word(self) -> &'static str {
        Self::WORDS.into_iter().find(|(_, own)| *own == self).map_or("OTHER", |(word, _)| word)
    }
}

/// What the API server asks.
#[derive(Clone, Debug)]
pub struct Review<'v> {
    /// Names this question; the answer repeats it.
    pub uid: &'v str,
    /// The namespace, as the API server knows it: what the object says of itself does not count.
    pub namespace: &'v str,
    /// What is about to happen.
    pub operation: Operation,
    /// Nothing is kept of it.
    pub dry_run: bool,
    /// Who asks for it.
    pub user: &'v str,
    /// Kind of the object, for people.
    pub kind: &'v str,
    /// Name of the object; what it begins with, where it is about to get one.
    pub name: &'v str,
    /// The object.
    pub object: Option<&'v Value<'v>>,
    /// The object before the change.
    pub old: Option<&'v Value<'v>>,
}

impl<'v> Review<'v> {
    /// Reads what [`Value`] was parsed from the request's body.
    ///
    /// # Errors
    /// When it has no `uid` that could be answered, or is of another version.
    pub fn read(value: &'v Value<'v>) -> Result<Self, ReviewError> {
        let wrong = |detail: &str| ReviewError(detail.to_owned());
        if text(value, "apiVersion") != VERSION || text(value, "kind") != KIND {
            return Err(wrong("apiVersion and kind say something else"));
        }
        let request = get(value, "request").ok_or_else(|| wrong("`request` is missing"))?;
        let uid = text(request, "uid");
        if uid.is_empty() || uid.len() > LONGEST_UID {
            return Err(wrong("`request.uid` is missing"));
        }
        let object = get(request, "object").filter(|object| object.is_object());
        let metadata = object.and_then(|object| get(object, "metadata"));
        let named = |key| metadata.map(|metadata| text(metadata, key)).filter(|name| !name.is_empty());
        let name = match text(request, "name") {
            "" => named("name").or_else(|| named("generateName")).unwrap_or_default(),
            name => name,
        };
        Ok(Review {
            uid,
            namespace: text(request, "namespace"),
            operation: Operation::from_word(text(request, "operation")),
            // What cannot be read as "no" is a dry run: then nothing is done that could not be undone.
            dry_run: match get(request, "dryRun") {
                None | Some(Value::Bool(false)) => false,
                Some(_) => true,
            },
            user: get(request, "userInfo").map(|user| text(user, "username")).unwrap_or_default(),
            kind: get(request, "kind").map(|kind| text(kind, "kind")).unwrap_or_default(),
            name,
            object,
            old: get(request, "oldObject").filter(|object| object.is_object()),
        })
    }

    /// Whether the object is on its way out: what it runs is ending, and only its finalizers change.
    pub fn is_leaving(&self) -> bool {
        let metadata = |object: Option<&'v Value<'v>>| object.and_then(|object| get(object, "metadata"));
        metadata(self.old).is_some_and(|metadata| get(metadata, "deletionTimestamp").is_some())
    }
}

/// What a review says of itself, without its objects.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Head<'t> {
    #[serde(borrow, default)]
    api_version: Cow<'t, str>,
    #[serde(borrow, default)]
    kind: Cow<'t, str>,
    #[serde(borrow)]
    request: HeadRequest<'t>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HeadRequest<'t> {
    #[serde(borrow, default)]
    uid: Cow<'t, str>,
    #[serde(borrow, default)]
    namespace: Cow<'t, str>,
    #[serde(borrow, default)]
    operation: Cow<'t, str>,
    #[serde(borrow, default)]
    name: Cow<'t, str>,
    #[serde(default)]
    dry_run: Option<bool>,
}

impl Head<'_> {
    /// The review without its objects.
    ///
    /// # Errors
    /// As [`Review::read`].
    pub(crate) fn review(&self) -> Result<Review<'_>, ReviewError> {
        let Head { api_version, kind, request } = self;
        if api_version != VERSION || kind != KIND {
            return Err(ReviewError("apiVersion and kind say something else".into()));
        }
        if request.uid.is_empty() || request.uid.len() > LONGEST_UID {
            return Err(ReviewError("`request.uid` is missing".into()));
        }
        Ok(Review {
            uid: &request.uid,
            namespace: &request.namespace,
            operation: Operation::from_word(&request.operation),
            dry_run: request.dry_run == Some(true),
            user: "",
            kind: "",
            name: &request.name,
            object: None,
            old: None,
        })
    }
}

fn get<'v>(value: &'v Value<'v>, key: &str) -> Option<&'v Value<'v>> {
    value.as_object()?.get(key).filter(|field| !field.is_null())
}

fn text<'v>(value: &'v Value<'v>, key: &str) -> &'v str {
    get(value, key).and_then(Value::as_str).unwrap_or_default()
}

/// What is wrong with a request that is refused, in the words of HTTP, as the API server passes them on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// It does not meet the requirements, or it cannot be told.
    Forbidden,
    /// It cannot be told yet; to ask again helps.
    TryAgain,
    /// We failed.
    Failed,
}

impl Code {
    fn number(self) -> u16 {
        match self {
            Code::Forbidden => 403,
            Code::TryAgain => 429,
            Code::Failed => 500,
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Code::Forbidden => "Forbidden",
            Code::TryAgain => "TooManyRequests",
            Code::Failed => "InternalError",
        }
    }
}

/// Replaces a text of the object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Replace {
    op: &'static str,
    path: String,
    value: String,
}

impl Replace {
    /// The text at a JSON pointer (RFC 6901) becomes another.
    pub fn new(path: String, value: String) -> Self {
        Replace { op: "replace", path, value }
    }

    /// Where: a JSON pointer.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The new text.
    pub fn value(&self) -> &str {
        &self.value
    }
}

/// What the API server is answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The question.
    pub uid: String,
    /// Why it is refused; `None` lets it through.
    pub refused: Option<(Code, String)>,
    /// What whoever asked is to see.
    pub warnings: Vec<String>,
    /// What the audit log of the API server is to hold, by name.
    pub annotations: Vec<(&'static str, String)>,
    /// What is to be changed.
    pub patch: Vec<Replace>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    api_version: &'static str,
    kind: &'static str,
    response: Response<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    uid: &'a str,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status<'a>>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    warnings: &'a [String],
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    audit_annotations: std::collections::BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status<'a> {
    #[serde(rename = "status")]
    word: &'static str,
    code: u16,
    reason: &'static str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Details>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    retry_after_seconds: u8,
}

impl Answer {
    /// Lets it through.
    pub fn allow(uid: &str) -> Self {
        Answer { uid: uid.to_owned(), ..Answer::default() }
    }

    /// Refuses it.
    pub fn refuse(uid: &str, code: Code, message: &str) -> Self {
        Answer {
            uid: uid.to_owned(),
            refused: Some((code, clean(message, LONGEST_MESSAGE))),
            ..Answer::default()
        }
    }

    /// Adds a warning, cut to what API servers pass on.
    pub fn warn(&mut self, text: &str) {
        if self.warnings.len() < MOST_WARNINGS {
            self.warnings.push(clean(text, LONGEST_WARNING));
        }
    }

    /// Whether it is let through.
    pub fn allowed(&self) -> bool {
        self.refused.is_none()
    }

    /// The document that the API server reads.
    pub fn to_json(&self) -> Vec<u8> {
        let patch = (!self.patch.is_empty()).then(|| serde_json::to_vec(&self.patch).ok()).flatten();
        let document = Document {
            api_version: "admission.k8s.io/v1",
            kind: "AdmissionReview",
            response: Response {
                uid: &self.uid,
                allowed: self.allowed(),
                status: self.refused.as_ref().map(|(code, message)| Status {
                    word: "Failure",
                    code: code.number(),
                    reason: code.reason(),
                    message,
                    // Clients that know it wait and ask again by themselves.
                    details: (*code == Code::TryAgain).then_some(Details { retry_after_seconds: 2 }),
                }),
                warnings: &self.warnings,
                audit_annotations: self
                    .annotations
                    .iter()
                    .map(|(name, text)| (*name, text.as_str()))
                    .collect(),
                patch_type: patch.is_some().then_some("JSONPatch"),
                patch: patch.map(|patch| STANDARD.encode(patch)),
            },
        };
        serde_json::to_vec(&document).expect("texts, numbers and lists are always JSON")
    }
}

/// Text for people's terminals: without control characters, and no longer than it may be.
pub(crate) fn clean(text: &str, longest: usize) -> String {
    // Nearly all text is.
    if text.len() <= longest && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    let hides = |character: char| {
        character.is_control()
            || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let mut out = String::with_capacity(text.len().min(longest));
    for (count, character) in text.chars().enumerate() {
        if count == longest {
            out.push('…');
            break;
        }
        if hides(character) {
            out.extend(character.escape_unicode());
        } else {
            out.push(character);
        }
    }
    out
}
