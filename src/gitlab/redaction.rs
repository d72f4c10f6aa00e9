//! What may be shown of a text that came back from a server: nothing of what was sent to it in confidence.

use secrecy::{ExposeSecret, SecretString};

/// The longest text taken over from an answer, in characters.
const LONGEST_MESSAGE: usize = 500;
/// No more than this much of a text is looked at, in characters: what is hidden makes it shorter.
const LONGEST_TEXT: usize = 4 * LONGEST_MESSAGE;
/// The shortest secret that is looked for in an answer; GitLab masks nothing shorter either. A shorter text (not everything
/// that is delivered is secret) would be found inside ordinary words.
const SHORTEST_SECRET: usize = 8;
/// From this length on, what stands in a secret too is a part of it that is not shown: an answer may cut or escape what it
/// repeats.
const PART_OF_SECRET: usize = 12;
/// What stands in the place of a secret.
const HIDDEN: &str = "[secret]";

/// A text without secrets and longer parts of them, in one line, not endless.
pub(super) fn presentable(text: &str, secrets: &[&SecretString]) -> String {
    let secrets: Vec<_> = secrets.iter().map(|secret| secret.expose_secret()).collect();
    let mut shown: String = text.chars().take(LONGEST_TEXT).collect();
    for secret in secrets.iter().filter(|secret| secret.len() >= SHORTEST_SECRET) {
        shown = shown.replace(secret, HIDDEN);
    }
    let shown = without_parts(&shown, &secrets);
    shown.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_MESSAGE).collect()
}

/// Hides every stretch of a text that stands in one of the secrets too.
fn without_parts(text: &str, secrets: &[&str]) -> String {
    let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let mut shown = String::with_capacity(text.len());
    let mut hidden_until = 0;
    for at in 0..starts.len() - 1 {
        let part = starts.get(at + PART_OF_SECRET).map(|end| &text[starts[at]..*end]);
        if part.is_some_and(|part| secrets.iter().any(|secret| secret.contains(part))) {
            if at >= hidden_until {
                shown.push_str(HIDDEN);
            }
            hidden_until = at + PART_OF_SECRET;
        }
        if at >= hidden_until {
            shown.push_str(&text[starts[at]..starts[at + 1]]);
        }
    }
    shown
}
