//! The boundaries of ARCHITECTURE.md. Sources are parsed, so that grouped imports and paths in expressions count too.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Returns every source file of a module: `src/<module>.rs` and all below `src/<module>/`.
fn files(module: &str) -> Vec<PathBuf> {
    let mut files = vec![source().join(format!("{module}.rs"))];
    let mut folders = vec![source().join(module)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    assert!(files.iter().all(|file| file.exists()), "{module} is a module");
    files
}

/// Returns the names of all top-level modules.
fn modules() -> BTreeSet<String> {
    let entries = fs::read_dir(source()).expect("the sources").flatten();
    let stem = |path: PathBuf| path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned);
    entries.filter_map(|entry| stem(entry.path())).filter(|name| name != "lib" && name != "main").collect()
}

/// Collects the paths of a file: those of imports, spelled out, and those in types, expressions and macros.
#[derive(Default)]
struct Paths(Vec<Vec<String>>);

impl Paths {
    fn tree(&mut self, prefix: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| [prefix, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.tree(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) => self.0.push(with(&name.ident)),
            syn::UseTree::Rename(rename) => self.0.push(with(&rename.ident)),
            syn::UseTree::Glob(_) => self.0.push(prefix.to_vec()),
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.tree(prefix, item)),
        }
    }

    /// Collects `a::b::c` from the tokens of a macro.
    fn tokens(&mut self, tokens: TokenStream) {
        let (mut path, mut colons) = (Vec::new(), 0);
        for token in tokens {
            match token {
                TokenTree::Ident(name) if colons == 2 => path.push(name.to_string()),
                TokenTree::Ident(name) => self.0.push(std::mem::replace(&mut path, vec![name.to_string()])),
                TokenTree::Punct(punct) if punct.as_char() == ':' => {
                    colons += 1;
                    continue;
                }
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Punct(_) | TokenTree::Literal(_) => self.0.push(std::mem::take(&mut path)),
            }
            colons = 0;
        }
        self.0.push(path);
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.0.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        self.visit_path(&item.path);
        self.tokens(item.tokens.clone());
    }
}

/// Returns the paths of a file, those relative to a parent module resolved as far as they leave the file's own modules.
fn paths(file: &Path) -> Vec<Vec<String>> {
    let text = fs::read_to_string(file).expect("a source file");
    let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut paths = Paths::default();
    paths.visit_file(&parsed);
    // `super` in src/a/b.rs is crate::a; `super::super` is the crate.
    let depth = file.strip_prefix(source()).expect("in src").components().count();
    let resolve = |path: Vec<String>| {
        let ups = path.iter().take_while(|name| *name == "super").count();
        if ups >= depth { [&["crate".to_owned()], &path[ups..]].concat() } else { path }
    };
    paths.0.into_iter().map(resolve).filter(|path| !path.is_empty()).collect()
}

/// Returns the paths in a module's files that are matched, each with its file.
fn found(module: &str, is_matched: impl Fn(&[String]) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for file in files(module) {
        let matched = paths(&file).into_iter().filter(|path| is_matched(path));
        found.extend(matched.map(|path| format!("{}: {}", file.display(), path.join("::"))));
    }
    found
}

/// Returns the top-level module that a path names.
fn target(path: &[String]) -> Option<&str> {
    match path {
        [first, module, ..] if first == "crate" => Some(module),
        _ => None,
    }
}

#[test]
fn grouped_and_relative_imports_are_resolved() {
    let parsed = syn::parse_file(
        "use crate::{a::b, c}; use super::super::d; fn f(x: crate::e::T) { g!(crate::h::i(1), [crate::j]) }",
    );
    let mut paths = Paths::default();
    paths.visit_file(&parsed.expect("valid"));
    let named: BTreeSet<&str> = paths.0.iter().filter_map(|path| target(path)).collect();
    assert_eq!(named, BTreeSet::from(["a", "c", "e", "h", "j"]));
    assert!(paths.0.contains(&vec!["super".to_owned(), "super".to_owned(), "d".to_owned()]));
}

#[test]
fn the_core_does_no_input_or_output() {
    let crates = ["tokio", "rusqlite", "crossterm", "ratatui"];
    let modules = ["fs", "io", "thread", "net", "process"];
    let found = found("review", |path| {
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        crates.contains(&names[0])
            || matches!(names[..], ["std", module, ..] if modules.contains(&module))
            || matches!(names[..], [.., "Timestamp" | "Instant" | "SystemTime", "now"])
    });
    assert_eq!(found, [] as [String; 0]);
}

#[test]
fn modules_import_only_what_they_may() {
    let all = modules();
    let helpers = [
        "atomic_file",
        "codec",
        "exit",
        "logging",
        "model_api",
        "parallel",
        "reaction",
        "remote_folder",
        "shared_file",
        "text",
    ];
    let allowed: [(&str, &[&str]); 19] = [
        ("aws", &[]),
        ("openai", &[]),
        ("remote_folder", &[]),
        ("mirror", &["aws", "dataset", "session"]),
        ("statistics", &[]),
        ("text", &[]),
        ("parquet_file", &[]),
        ("tar_file", &[]),
        ("picture", &["parquet_file", "tar_file"]),
        ("dataset", &["parquet_file", "tar_file"]),
        ("describe", &["aws", "dataset", "openai", "picture"]),
        ("preview", &["console", "dataset", "picture"]),
        ("lint", &["dataset", "describe"]),
        ("session", &["dataset", "describe", "statistics"]),
        ("report", &["dataset", "describe", "lint", "session", "statistics"]),
        ("engine", &["dataset", "describe", "inputs", "lint", "picture", "report", "session", "statistics"]),
        ("review", &["dataset", "describe", "engine", "lint", "preview", "report", "session"]),
        ("runtime", &["dataset", "engine", "inputs", "lint", "preview", "report", "review", "session"]),
        (
            "tui",
            &[
                "cli", "config", "console", "dataset", "describe", "lint", "preview", "report", "review", "runtime",
                "session",
            ],
        ),
    ];
    for (module, may) in allowed {
        let found = found(module, |path| {
            target(path).is_some_and(|other| {
                all.contains(other) && other != module && !may.contains(&other) && !helpers.contains(&other)
            })
        });
        assert_eq!(found, [] as [String; 0], "{module}");
    }
}

/// Returns the files of a module that are part of an import cycle, after removing those that are not, one by one.
fn in_cycles(module: &str) -> BTreeSet<String> {
    let mut imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in files(module) {
        let inside = file.strip_prefix(source().join(module)).ok();
        let Some(inside) = inside.filter(|inside| !inside.ends_with("tests.rs") && !inside.ends_with("fixture.rs"))
        else {
            continue;
        };
        let names: Vec<String> =
            inside.with_extension("").iter().map(|name| name.to_string_lossy().into_owned()).collect();
        let imported = paths(&file).into_iter().filter_map(|path| {
            let is_up = path.iter().take_while(|name| *name == "super").count() == names.len();
            if is_up { path.get(names.len()).cloned() } else { None }
        });
        imports.entry(names[0].clone()).or_default().extend(imported.filter(|name| *name != names[0]));
    }
    loop {
        let known: BTreeSet<String> = imports.keys().cloned().collect();
        imports.retain(|_, imported| !imported.is_disjoint(&known));
        if imports.len() == known.len() {
            return known;
        }
    }
}

#[test]
fn the_files_of_the_session_do_not_import_each_other_in_cycles() {
    assert_eq!(in_cycles("session"), BTreeSet::new());
}

#[test]
fn only_aws_names_the_aws_sdk() {
    let is_sdk = |path: &[String]| {
        ["aws_sdk", "aws_config", "aws_smithy", "aws_credential", "aws_types"]
            .iter()
            .any(|sdk| path[0].starts_with(sdk))
    };
    for module in modules().iter().filter(|module| *module != "aws") {
        let mut users = found(module, is_sdk);
        // Its HTTP client serves any host.
        users.retain(|line| !line.contains("/openai/transport.rs: aws_smithy_"));
        assert_eq!(users, [] as [String; 0], "{module}");
    }
    let callers = found("describe", |path| target(path) == Some("aws"));
    let allowed = ["/describe/bedrock", "/describe/catalogue"];
    let others: Vec<&String> = callers.iter().filter(|line| !allowed.iter().any(|file| line.contains(file))).collect();
    assert_eq!(others, [] as [&String; 0], "only the Bedrock describer and its catalogue of models use aws");
    let mut callers = found("describe", |path| target(path) == Some("openai"));
    callers.retain(|line| !line.contains("/describe/openai"));
    assert_eq!(callers, [] as [String; 0], "only the describer of its name uses openai");
}

#[test]
fn only_session_uses_sql() {
    for module in modules().iter().filter(|module| *module != "session") {
        assert_eq!(found(module, |path| path[0] == "rusqlite"), [] as [String; 0], "{module}");
    }
}

/// The lines of all source files, without comments and test modules, for which `is_found` returns true. Paths are
/// relative to `src`.
fn production_lines(is_found: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![source.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a source folder").flatten() {
            let path = entry.path();
            let name = entry.file_name().into_string().expect("a source file");
            if path.is_dir() {
                if name != "tests" {
                    folders.push(path);
                }
                continue;
            }
            if path.extension().is_none_or(|extension| extension != "rs")
                || matches!(name.as_str(), "tests.rs" | "fixture.rs")
            {
                continue;
            }
            let text = fs::read_to_string(&path).expect("a source file");
            let code: Vec<&str> = text.split("#[cfg(test)]\n").collect();
            let (first, rest) = code.split_first().expect("text before the first split");
            // `mod tests {` and all after it; other test-only items are single ones.
            let is_module = |part: &&&str| part.lines().next().is_some_and(|line| line.ends_with("mod tests {"));
            let rest = rest.iter().take_while(|part| !is_module(part));
            let place = path.strip_prefix(&source).expect("in src").display().to_string();
            let lines = std::iter::once(first).chain(rest).flat_map(|part| part.lines()).map(str::trim_start);
            let lines = lines.filter(|line| !line.starts_with("//") && is_found(line));
            found.extend(lines.map(|line| (place.clone(), line.to_owned())));
        }
    }
    found
}

fn outside<'a>(lines: &'a [(String, String)], allowed: &[&str]) -> Vec<&'a (String, String)> {
    lines.iter().filter(|(place, _)| !allowed.iter().any(|allowed| place.starts_with(allowed))).collect()
}

#[test]
fn only_console_writes_to_standard_output_and_standard_error() {
    let none = [] as [&(String, String); 0];
    let lines = production_lines(|line| {
        let handle = line.replace("stdout().is_terminal()", "").replace("stderr().is_terminal()", "");
        let streams = ["io::stdout()", "io::stderr()", "io::Stdout", "io::Stderr", "io::{stdout", "io::{stderr"];
        let macros = ["print!(", "println!(", "dbg!("];
        streams.iter().chain(&macros).any(|word| handle.contains(word)) || line.contains("indicatif")
    });
    // The decoder's subprocess sends pixels to its parent.
    assert_eq!(outside(&lines, &["console", "picture/decode/avif/subprocess.rs"]), none);
    // What is drawn on the screen, and queries of the terminal.
    let screen = production_lines(|line| line.contains("console::screen()"));
    assert_eq!(outside(&screen, &["tui/terminal.rs", "tui/clipboard.rs", "preview/probe.rs"]), none);
    // Bytes that are not escaped: data for other programs, and picture protocols.
    let exact = production_lines(|line| line.contains(".data_stream()") || line.contains(".raw_stream()"));
    let allowed = ["console", "command/show.rs", "command/export.rs", "command/config.rs", "command/dispatch.rs"];
    assert_eq!(outside(&exact, &allowed), none);
    let pictures = production_lines(|line| line.contains("viuer::print"));
    assert_eq!(outside(&pictures, &["command/show.rs"]), none);
}

#[test]
fn only_atomic_file_replaces_files() {
    let lines = production_lines(|line| {
        [".persist(", ".persist_noclobber(", "fs::rename(", "fs::write(", "File::create("]
            .iter()
            .any(|word| line.contains(word))
    });
    assert_eq!(outside(&lines, &["atomic_file"]), [] as [&(String, String); 0]);
}
