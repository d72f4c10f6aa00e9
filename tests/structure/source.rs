//! Finds the paths that Rust code names.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Every path named by the code in a folder below `root`, with its file.
pub fn paths_named_below(root: &Path, folder: &str) -> Vec<(PathBuf, String)> {
    let mut named = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if path.file_name().is_some_and(|name| name != "tests") {
                    folders.push(path);
                }
            } else {
                let file = path.strip_prefix(root).unwrap().to_owned();
                let code = fs::read_to_string(&path).unwrap();
                let paths = paths_in(&code, file.to_str().unwrap());
                named.extend(paths.into_iter().map(|path| (file.clone(), path)));
            }
        }
    }
    named
}

/// Every path in the code of a file (`plan/mod.rs`), from the root of the program or of a library on.
pub fn paths_in(code: &str, file: &str) -> Vec<String> {
    let tokens = tokens(code);
    let module = module(file);
    let mut paths = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let begins = is_name(&tokens[at]) && (at == 0 || tokens[at - 1] != "::");
        let is_path = begins && tokens.get(at + 1).is_some_and(|next| next == "::");
        if is_path {
            at = tree(&tokens, at, &[], &mut paths);
        } else {
            at += 1;
        }
    }
    paths.into_iter().map(|path| resolve(&path, &module)).collect()
}

/// Reads one path, or the tree of one `use`, and gives where it ends.
fn tree(tokens: &[String], mut at: usize, before: &[String], paths: &mut Vec<Vec<String>>) -> usize {
    let mut path = before.to_vec();
    loop {
        match tokens.get(at).map(String::as_str) {
            Some("{") => {
                at += 1;
                while tokens.get(at).is_some_and(|token| token != "}") {
                    let next = tree(tokens, at, &path, paths);
                    at = next.max(at + 1);
                }
                return at + 1;
            }
            Some(name) if is_name(name) => {
                if name != "self" || path.is_empty() {
                    path.push(name.to_owned());
                }
                at += 1;
            }
            _ => break,
        }
        if tokens.get(at).is_some_and(|token| token == "::") {
            at += 1;
        } else {
            break;
        }
    }
    paths.push(path);
    at
}

/// `super` and `self` from the file's own place.
fn resolve(path: &[String], module: &[String]) -> String {
    let mut resolved: Vec<String> = Vec::new();
    for (number, part) in path.iter().enumerate() {
        match part.as_str() {
            "super" => {
                if number == 0 {
                    resolved = module.to_vec();
                }
                resolved.pop();
            }
            "self" if number == 0 => resolved = module.to_vec(),
            part => resolved.push(part.to_owned()),
        }
    }
    resolved.join("::")
}

/// The module that a file is, `crate` first.
fn module(file: &str) -> Vec<String> {
    let path = file.trim_end_matches(".rs").trim_end_matches("/mod");
    std::iter::once("crate").chain(path.split('/')).map(str::to_owned).collect()
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

/// Names, `::` and other signs; comments, texts and everything from the tests on left out.
fn tokens(code: &str) -> Vec<String> {
    let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let mut tokens: Vec<String> = Vec::new();
    for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
        let mut rest = line;
        while let Some(first) = rest.chars().next() {
            let length = if first.is_ascii_alphanumeric() || first == '_' {
                rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len())
            } else if rest.starts_with("//") {
                break;
            } else if rest.starts_with("::") {
                2
            } else if first == '"' {
                text_length(rest)
            } else {
                first.len_utf8()
            };
            let (token, after) = rest.split_at(length);
            if !token.trim().is_empty() && !token.starts_with('"') {
                tokens.push(token.to_owned());
            }
            rest = after;
        }
    }
    tokens
}

/// The length of a text with its quotation marks; one that ends on another line ends here.
fn text_length(rest: &str) -> usize {
    let mut escaped = false;
    for (at, sign) in rest.char_indices().skip(1) {
        match sign {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}
