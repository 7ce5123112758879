//! What fuzz targets run.

use std::time::{Duration, SystemTime};

use crate::Url;

/// Reads arbitrary text as each thing that a server may say: an address, a date, a part, certificates.
///
/// # Panics
/// When a law is broken: an address that is shown holds its secrets, or joining leaves the web.
pub fn fuzz_answers(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let base = Url::parse("https://registry.example/v2/").expect("a constant address");
    for url in [Url::parse(&text), base.join(&text)].into_iter().flatten() {
        assert!(url.with_secrets().starts_with("http"));
        let shown = url.to_string();
        assert!(!shown.contains('\u{1b}') && shown.matches('?').count() <= 1, "{shown:?}");
        assert_eq!(Url::parse(url.with_secrets()).ok(), Some(url), "parsing what is printed gives the same");
    }
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let _ = crate::retry::retry_after(&text, now);
    if let Some((start, Some(length))) = crate::resume::content_range(&text) {
        assert!(start < length);
    }
    let _ = crate::tls::parse(data.to_vec());
}
