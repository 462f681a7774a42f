//! Splits Rust source into words and signs, without comments and literals. Knows just enough to find paths.

/// An identifier, `::`, or one other character.
#[derive(Debug)]
pub(crate) struct Token<'a> {
    /// Counted from 1.
    pub(crate) line: usize,
    pub(crate) text: &'a str,
}

/// The tokens of a file that compiles; what doesn't compile may be split wrongly, but ends.
pub(crate) fn tokens(source: &str) -> Vec<Token<'_>> {
    let bytes = source.as_bytes();
    let (mut at, mut line) = (0, 1);
    let mut tokens = Vec::new();
    while at < bytes.len() {
        let rest = &source[at..];
        let literal = literal_length(rest);
        let length = if literal > 0 {
            literal
        } else if rest.starts_with("::") {
            tokens.push(Token { line, text: &rest[..2] });
            2
        } else {
            let word = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
            let length = if word > 0 { word } else { rest.chars().next().map_or(1, char::len_utf8) };
            if !rest[..length].trim().is_empty() {
                tokens.push(Token { line, text: &rest[..length] });
            }
            length
        };
        line += rest[..length].matches('\n').count();
        at += length;
    }
    tokens
}

pub(crate) fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// How many bytes at the start are a comment, string, character or lifetime; 0 if they are none.
fn literal_length(rest: &str) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return comment_length(rest);
    }
    let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|prefix| {
        rest.strip_prefix(prefix).is_some_and(|after| {
            after.starts_with('"')
                || (prefix.ends_with('r') && after.trim_start_matches('#').starts_with('"') && after.starts_with('#'))
        })
    });
    if let Some(prefix) = prefix {
        let string = &rest[prefix.len()..];
        return prefix.len() + if prefix.ends_with('r') { raw_string_length(string) } else { quoted_length(string, '"') };
    }
    match rest.strip_prefix('\'') {
        Some(after) if after.starts_with('\\') || after.chars().nth(1) == Some('\'') => quoted_length(rest, '\''),
        Some(after) => 1 + after.find(|c: char| !is_word(c)).unwrap_or(after.len()),
        None => 0,
    }
}

fn comment_length(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        let here = &rest.as_bytes()[at..];
        match here {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn raw_string_length(rest: &str) -> usize {
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    let end = format!("\"{}", "#".repeat(hashes));
    let body = hashes + 1;
    rest[body..].find(&end).map_or(rest.len(), |at| body + at + end.len())
}

fn quoted_length(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}
