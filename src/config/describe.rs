//! The effective configuration, for `check-config`: as one would write it, and where each value came from.

use super::{
    load::Settings,
    redact,
    schema::{KEYS, Secrecy},
    value::{quote, show},
};

/// TOML with a comment on the source of each value; secrets masked.
pub(super) fn describe(settings: &Settings) -> String {
    let (mut text, mut section) = (String::new(), "");
    for key in KEYS {
        let Some((value, source)) = settings.get(key.path) else { continue };
        let (head, name) = key.path.split_once('.').unwrap_or(("", key.path));
        if head != section {
            let gap = if section.is_empty() { "" } else { "\n" };
            text.push_str(&format!("{gap}[{head}]\n"));
            section = head;
        }
        let plain = value.as_str().unwrap_or_default();
        let shown = match key.secrecy {
            Secrecy::Public => show(key.kind, value),
            Secrecy::Url => quote(&redact::url(plain)),
            Secrecy::Secret => quote(redact::secret(plain)),
        };
        text.push_str(&format!("{name} = {shown}  # {source}\n"));
    }
    text
}
