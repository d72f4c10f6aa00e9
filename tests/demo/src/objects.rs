//! The files in `objects/`, with what only a running demo knows filled in.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

/// The project's root.
pub fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package)
}

/// A file or folder below `objects/`.
pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("objects").join(name)
}

/// Writes a file of `objects/` into a folder with every `${NAME}` filled in.
pub fn filled(name: &str, values: &[(&str, &str)], folder: &Path) -> anyhow::Result<PathBuf> {
    let source = path(name);
    let mut text = std::fs::read_to_string(&source).with_context(|| format!("cannot read {}", source.display()))?;
    for (key, value) in values {
        text = text.replace(&format!("${{{key}}}"), value);
    }
    if let Some(at) = text.find("${") {
        bail!("{} has a placeholder that nobody fills in: {:.30}", source.display(), &text[at..]);
    }
    let target = folder.join(name);
    std::fs::write(&target, text).with_context(|| format!("cannot write {}", target.display()))?;
    Ok(target)
}
