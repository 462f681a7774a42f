//! Holds the sources to the arrows of `docs/ARCHITECTURE.md` and to the size that a reader can take in.
//!
//! It reads paths (`crate::…`, `super::…`, `hubbub::…`), not types: cheap, without dependencies, and enough, since a
//! module can only be reached by naming it. Files called `tests.rs` may look anywhere; inline test modules may not.

use std::{
    fs,
    path::{Path, PathBuf},
};

#[path = "architecture/lexer.rs"]
mod lexer;
#[path = "architecture/paths.rs"]
mod paths;

const MAX_LINES: usize = 400;

/// Below all others: they use nothing of the crate, but for `recent`, which speaks in the words of the model.
const FOUNDATION: [&str; 7] = ["model", "config", "metrics", "lifecycle", "recent", "tls", "trace"];
/// What the edges may not reach past the domain.
const RESOURCES: [&str; 3] = ["store", "backplane", "blobs"];
const EDGES: [&str; 2] = ["http", "realtime"];
/// The rules of chat must stay readable and testable without any of these.
const NOT_IN_MODEL: [&str; 12] = [
    "axum",
    "fred",
    "http",
    "hyper",
    "migrations",
    "object_store",
    "prometheus",
    "sea_orm",
    "socketioxide",
    "sqlx",
    "tokio",
    "tower",
];

/// Why `from` may not name `to`, or `None` if it may.
fn forbidden(from: &str, to: &str) -> Option<String> {
    let known = |module: &str| {
        FOUNDATION.contains(&module)
            || RESOURCES.contains(&module)
            || EDGES.contains(&module)
            || ["domain", "telemetry", "app", "commands", "main"].contains(&module)
    };
    if to == "*" {
        return Some("name the module instead of importing the whole crate".to_owned());
    }
    if let Some(unknown) = [from, to].into_iter().find(|module| !known(module)) {
        return Some(format!("`{unknown}` is no module with a place in the layering: give it one in tests/architecture.rs"));
    }
    if from == to {
        return None;
    }
    let foundation = FOUNDATION.contains(&to);
    let resource = RESOURCES.contains(&to);
    let (allowed, rule) = match from {
        "main" => (matches!(to, "commands" | "app"), "main only hands over to commands"),
        "commands" => (to != "main", "nobody sees main"),
        "app" => (!matches!(to, "main" | "commands"), "app builds the parts; commands call app, not the reverse"),
        "http" | "realtime" => (
            foundation || to == "domain",
            "http, realtime -> domain: the edges touch neither store, backplane, blobs nor each other",
        ),
        "domain" => (foundation || resource, "domain -> store, backplane, blobs -> model: the domain knows no edge and no app"),
        "store" | "backplane" | "blobs" => {
            (foundation, "store, backplane, blobs -> model: they know neither each other nor anything above")
        }
        "telemetry" => (matches!(to, "config" | "tls" | "trace"), "telemetry -> config, tls, trace"),
        "recent" => (to == "model", "recent -> model"),
        _ => (false, "model, config, metrics, lifecycle, tls and trace are below all others and use none of them"),
    };
    (!allowed).then(|| rule.to_owned())
}

/// The module that a file under `src/` defines: `src/a/b.rs` is `a::b`, `src/a/mod.rs` is `a`, `src/lib.rs` the root.
fn module_of(file: &str) -> Vec<String> {
    let mut path: Vec<String> = file.trim_end_matches(".rs").split('/').skip(1).map(str::to_owned).collect();
    if path.last().is_some_and(|last| last == "mod" || (path.len() == 1 && last == "lib")) {
        path.pop();
    }
    path
}

/// Every wrong arrow in one file, as `file:line: from -> to: rule`.
fn wrong_arrows(file: &str, source: &str) -> Vec<String> {
    let module = module_of(file);
    let Some(from) = module.first() else { return Vec::new() };
    if file.ends_with("/tests.rs") {
        return Vec::new();
    }
    let tokens = lexer::tokens(source);
    let mut faults = Vec::new();
    for reference in paths::references(&tokens, &module) {
        let to = reference.path.first().map_or("*", String::as_str);
        if let Some(rule) = forbidden(from, to) {
            faults.push(format!("{file}:{}: {from} -> {to}: {rule}", reference.line));
        }
    }
    if from == "model" {
        for (line, name) in paths::roots(&tokens) {
            if NOT_IN_MODEL.contains(&name) {
                faults.push(format!(
                    "{file}:{line}: model -> {name}: the model is pure; it uses no crate that does input or output"
                ));
            }
        }
    }
    faults.dedup();
    faults
}

/// Every Rust file below `folder`, as paths relative to the package.
fn rust_files(folder: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![PathBuf::from(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(root.join(&folder)).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        for entry in entries {
            let entry = entry.unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
            let path = folder.join(entry.file_name());
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder && !matches!(name.as_str(), "target" | "node_modules") {
                folders.push(path);
            } else if name.ends_with(".rs") {
                let source = fs::read_to_string(root.join(&path)).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
                files.push((path.to_string_lossy().into_owned(), source));
            }
        }
    }
    files.sort();
    files
}

#[test]
fn no_module_reaches_past_its_layer() {
    let files = rust_files("src");
    assert!(files.len() > 20, "the sources were not found: {} files", files.len());
    let faults: Vec<String> = files.iter().flat_map(|(file, source)| wrong_arrows(file, source)).collect();
    assert!(faults.is_empty(), "wrong arrows:\n{}", faults.join("\n"));
}

#[test]
fn no_file_is_longer_than_a_reader_can_take_in() {
    let faults: Vec<String> = ["src", "migrations", "tests"]
        .into_iter()
        .flat_map(rust_files)
        .filter(|(_, source)| source.lines().count() > MAX_LINES)
        .map(|(file, source)| {
            format!("{file}:{}: more than {MAX_LINES} lines: split it by responsibility", source.lines().count())
        })
        .collect();
    assert!(faults.is_empty(), "files that grew too long:\n{}", faults.join("\n"));
}

#[test]
fn every_wrong_arrow_is_seen_however_it_is_written() {
    let samples = [
        ("src/http/routes/users.rs", "use crate::store::Store;"),
        ("src/http/routes/users.rs", "use crate::{\n    domain::Services,\n    backplane::{self, Backplane},\n};"),
        ("src/http/mod.rs", "fn f() { let x = crate::blobs::open(); }"),
        ("src/http/mod.rs", "use super::realtime::Hub;"),
        ("src/http/routes/mod.rs", "use super::super::{store::Store};"),
        ("src/http/routes/users.rs", "use super::super::super::{model::Error, store::Store};"),
        ("src/http/routes/users.rs", "use super::{super::super::store::Store};"),
        ("src/http/mod.rs", "mod inner { use super::super::store::Store; }"),
        ("src/http/mod.rs", "use crate::*;"),
        ("src/http/mod.rs", "use crate as everything;"),
        ("src/http/mod.rs", "#[cfg(test)]\nmod tests { use crate::store::Store; }"),
        ("src/http/mod.rs", "pub use ::hubbub::store::Store;"),
        ("src/realtime/hub.rs", "use crate::http::Router;"),
        ("src/realtime/hub.rs", "use crate::telemetry;"),
        ("src/domain/mod.rs", "use crate::realtime::Hub;"),
        ("src/domain/mod.rs", "use crate::app::App;"),
        ("src/store/mod.rs", "use crate::backplane::Backplane;"),
        ("src/backplane/redis/mod.rs", "use crate::domain::Services;"),
        ("src/model/ids.rs", "use crate::config::Config;"),
        ("src/model/ids.rs", "use tokio::sync::mpsc;"),
        ("src/model/ids.rs", "fn f() { ::sea_orm::Value::Int(None) }"),
        ("src/config/mod.rs", "use crate::store::Store;"),
        ("src/lifecycle.rs", "use crate::metrics::Metrics;"),
        ("src/recent/mod.rs", "use crate::metrics::Metrics;"),
        ("src/model/ids.rs", "use crate::recent::Recent;"),
        ("src/app.rs", "use crate::commands::serve;"),
        ("src/main.rs", "use hubbub::store::Store;"),
        ("src/newcomer.rs", "use crate::model::Error;"),
        ("src/store/mod.rs", "macro_rules! m { () => { $crate::domain::f() } }"),
        ("src/store/mod.rs", "const A: char = '\"'; use crate::domain::Services; const B: char = '\"';"),
        ("src/store/mod.rs", "const A: &str = r#\"\"\"#; use crate::domain::Services;"),
        ("src/store/mod.rs", "/* a /* nested */ comment */ use crate::domain::Services;"),
    ];
    for (file, source) in samples {
        assert_eq!(wrong_arrows(file, source).len(), 1, "{file}: {source}");
    }
}

#[test]
fn right_arrows_comments_and_strings_are_left_alone() {
    let samples = [
        ("src/http/mod.rs", "use crate::{config::Http, domain::Services, lifecycle::Lifecycle, metrics::Metrics, model::Error};"),
        ("src/http/routes/users.rs", "use super::super::error::Failure; use http::StatusCode;"),
        ("src/http/mod.rs", "// use crate::store::Store;\n/* crate::store */ /// [`crate::store::Store`]\nstruct A;"),
        ("src/http/mod.rs", "const A: &str = \"use crate::store::Store;\"; const B: &[u8] = br#\"crate::store::X\"#;"),
        ("src/http/mod.rs", "pub(crate) fn f<'a>(x: &'a str) -> &'a str { x }"),
        ("src/http/tests.rs", "use crate::store::Store;"),
        ("src/realtime/mod.rs", "#[cfg(test)]\nmod tests { use super::*; use crate::domain::Services; }"),
        (
            "src/domain/nodes.rs",
            "use crate::{backplane::{self, Backplane}, blobs::Blobs, store::Store}; use super::delivery::Delivery;",
        ),
        ("src/backplane/redis/keys.rs", "use crate::config::Redis; use super::super::Online; use super::Signal;"),
        ("src/model/ids.rs", "use serde::Serialize; use super::error::Error; fn f(http: bool) -> bool { http }"),
        ("src/telemetry.rs", "use crate::config::Log;"),
        ("src/recent/mod.rs", "use crate::model::UserId;"),
        ("src/realtime/hub.rs", "use crate::recent::{Recent, Sockets};"),
        ("src/app.rs", "use crate::{backplane::Backplane, http, realtime, store::Store, telemetry};"),
        ("src/commands/serve.rs", "use crate::{app::App, telemetry};"),
        ("src/main.rs", "fn main() { hubbub::commands::run() }"),
        ("src/lib.rs", "pub mod app; pub use crate::app::App;"),
    ];
    for (file, source) in samples {
        assert_eq!(wrong_arrows(file, source), Vec::<String>::new(), "{file}: {source}");
    }
}

#[test]
fn a_fault_names_file_line_and_rule() {
    let faults = wrong_arrows("src/http/mod.rs", "\n\nuse crate::{\n    domain,\n    store::Store,\n};");
    assert_eq!(
        faults,
        [
            "src/http/mod.rs:5: http -> store: http, realtime -> domain: the edges touch neither store, backplane, blobs nor each other"
        ]
    );
}
