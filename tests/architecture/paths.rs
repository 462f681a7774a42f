//! Finds the paths in a file that lead to modules of the crate, and resolves them from the crate's root.

use crate::lexer::{Token, is_word};

/// A path that begins at the crate's root. Empty or `*` at the root means the whole crate.
#[derive(Debug)]
pub(crate) struct Reference {
    pub(crate) line: usize,
    pub(crate) path: Vec<String>,
}

/// Every path that is written from `crate`, `hubbub`, `self` or `super`, seen from `module`.
pub(crate) fn references(tokens: &[Token<'_>], module: &[String]) -> Vec<Reference> {
    let mut found = Vec::new();
    let mut depth = 0_usize;
    // Inline modules that are open here, with the depth of their braces: `super` counts from them.
    let mut inline: Vec<(usize, String)> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let next = |n: usize| tokens.get(at + n).map_or("", |token| token.text);
        match tokens[at].text {
            "mod" if next(2) == "{" => inline.push((depth, next(1).to_owned())),
            "{" => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                inline.retain(|(opened, _)| *opened < depth);
            }
            "crate" | "hubbub" if next(1) == "as" => found.push(Reference { line: tokens[at].line, path: Vec::new() }),
            "crate" | "hubbub" | "self" | "super" if next(1) == "::" => {
                let here = module.iter().cloned().chain(inline.iter().map(|(_, name)| name.clone())).collect();
                at = tree(tokens, at, here, &mut found);
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// Reads one path, or one tree of a `use`, that begins at `at`; returns where it ends.
fn tree(tokens: &[Token<'_>], mut at: usize, mut path: Vec<String>, found: &mut Vec<Reference>) -> usize {
    let mut line = tokens.get(at).map_or(0, |token| token.line);
    while let Some(token) = tokens.get(at) {
        match token.text {
            "crate" | "hubbub" => path.clear(),
            "super" => drop(path.pop()),
            "self" => {}
            "{" => {
                at += 1;
                while tokens.get(at).is_some_and(|token| token.text != "}") {
                    at = tree(tokens, at, path.clone(), found);
                    // What follows a name in a group (`as other`) and the comma.
                    while tokens.get(at).is_some_and(|token| !matches!(token.text, "," | "}")) {
                        at += 1;
                    }
                    at += usize::from(tokens.get(at).is_some_and(|token| token.text == ","));
                }
                return at + 1;
            }
            "*" => path.push("*".to_owned()),
            name if name.starts_with(is_word) => path.push(name.to_owned()),
            _ => break,
        }
        line = token.line;
        at += 1;
        if tokens.get(at).is_none_or(|token| token.text != "::") {
            break;
        }
        at += 1;
    }
    found.push(Reference { line, path });
    at
}

/// The first name of every path, with its line: crates and local names.
pub(crate) fn roots<'a>(tokens: &'a [Token<'a>]) -> impl Iterator<Item = (usize, &'a str)> {
    tokens.iter().enumerate().filter_map(|(at, token)| {
        let before = |n: usize| at.checked_sub(n).map_or("", |at| tokens[at].text);
        let begins = before(1) != "::" || !before(2).starts_with(is_word);
        let leads = tokens.get(at + 1).is_some_and(|next| next.text == "::") || before(1) == "use";
        (begins && leads && token.text.starts_with(is_word)).then_some((token.line, token.text))
    })
}
