//! What may be shown of a secret.

/// Stands where a secret was.
pub(super) const MASK: &str = "***";

/// Masks a secret; shows only whether there is one.
pub(super) fn secret(text: &str) -> &'static str {
    if text.is_empty() { "" } else { MASK }
}

/// Masks the password of a URL, in front of the host as well as in a `password=` parameter.
pub(super) fn url(text: &str) -> String {
    let (head, query) = text.split_once('?').map_or((text, None), |(head, query)| (head, Some(query)));
    let mut shown = match (head.split_once("://"), head.rsplit_once('@')) {
        (Some((scheme, rest)), Some((_, host))) if rest.contains('@') => match credentials(rest).split_once(':') {
            Some((user, _)) => format!("{scheme}://{user}:{MASK}@{host}"),
            None => format!("{scheme}://{}@{host}", credentials(rest)),
        },
        // No scheme: not a URL that we know how to read, so nothing of it is safe to show.
        (None, Some(_)) => MASK.to_owned(),
        _ => head.to_owned(),
    };
    if let Some(query) = query {
        let parameters: Vec<String> = query.split('&').map(parameter).collect();
        shown.push('?');
        shown.push_str(&parameters.join("&"));
    }
    shown
}

/// What stands before the last `@`: a password may hold one itself.
fn credentials(rest: &str) -> &str {
    rest.rsplit_once('@').map_or("", |(credentials, _)| credentials)
}

fn parameter(text: &str) -> String {
    match text.split_once('=') {
        Some((name, _)) if name.to_ascii_lowercase().contains("pass") => format!("{name}={MASK}"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_of_a_url_is_never_shown() {
        for (text, shown) in [
            ("postgres://hub:hunter2@db:5432/hub", "postgres://hub:***@db:5432/hub"),
            ("redis://:p@ss@cache:6379", "redis://:***@cache:6379"),
            (
                "postgres://db/hub?user=u&password=hunter2&sslmode=require",
                "postgres://db/hub?user=u&password=***&sslmode=require",
            ),
            ("sqlite://data/hubbub.db", "sqlite://data/hubbub.db"),
            ("hub:hunter2@db", "***"),
        ] {
            assert_eq!(url(text), shown);
        }
        assert_eq!((secret("hunter2"), secret("")), ("***", ""));
    }
}
