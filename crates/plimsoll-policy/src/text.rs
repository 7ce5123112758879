//! Text from outside, made fit to show.

/// The first 80 characters, with control characters made visible.
pub fn shortened(text: &str) -> String {
    let mut out: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    if text.chars().nth(80).is_some() {
        out.push('…');
    }
    out
}
