//! The pages of the documents, and the parts of Markdown that the tests look at.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// One page.
pub struct Page {
    /// Its path from the root of the repository.
    pub path: PathBuf,
    pub text: String,
}

/// A code block.
#[derive(Clone, Debug)]
pub struct Block {
    /// Page and line, for messages.
    pub place: String,
    /// What stands behind the opening fence: `yaml`, `yaml gitlab-ci`, `sh`.
    pub info: String,
    pub text: String,
}

/// README, CHANGELOG and everything below `docs/`, in a fixed order.
pub fn pages() -> Vec<Page> {
    let root = root();
    let mut files = vec![root.join("README.md"), root.join("CHANGELOG.md")];
    let mut folders = vec![root.join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                files.push(path);
            }
        }
    }
    files[2..].sort();
    files.iter().map(|file| page(file.strip_prefix(&root).unwrap().to_str().unwrap())).collect()
}

/// One page by its path from the root.
pub fn page(path: &str) -> Page {
    let text = fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    Page { path: path.into(), text }
}

impl Page {
    /// The code blocks; one in a list is indented, and its text comes without that.
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut indentation = None;
        for (number, line) in self.text.lines().enumerate() {
            match (line.trim_start().strip_prefix("```"), indentation) {
                (Some(info), None) => {
                    let place = format!("{}:{}", self.path.display(), number + 1);
                    blocks.push(Block { place, info: info.trim().to_owned(), text: String::new() });
                    indentation = Some(line.len() - line.trim_start().len());
                }
                (Some(_), Some(_)) => indentation = None,
                (None, Some(spaces)) => {
                    let text = &mut blocks.last_mut().unwrap().text;
                    text.push_str(line.get(spaces..).unwrap_or_default());
                    text.push('\n');
                }
                (None, None) => {}
            }
        }
        assert!(indentation.is_none(), "{}: a code block has no end", self.path.display());
        blocks
    }

    /// The lines outside code blocks.
    pub fn prose(&self) -> Vec<&str> {
        let mut inside = false;
        let mut lines = Vec::new();
        for line in self.text.lines() {
            if line.trim_start().starts_with("```") {
                inside = !inside;
            } else if !inside {
                lines.push(line);
            }
        }
        lines
    }

    /// The prose below a heading, up to the next heading of the same or a higher level.
    pub fn section(&self, heading: &str) -> Vec<&str> {
        let level = heading.chars().take_while(|c| *c == '#').count();
        let ends = |line: &&str| {
            let hashes = line.chars().take_while(|c| *c == '#').count();
            hashes > 0 && hashes <= level
        };
        let prose = self.prose();
        let start = prose.iter().position(|line| *line == heading);
        let start = start.unwrap_or_else(|| panic!("{} has no heading {heading:?}", self.path.display()));
        prose[start + 1..].iter().take_while(|line| !ends(line)).copied().collect()
    }
}

/// The cells of the rows of all tables whose first cell is code, without heads and rules.
pub fn rows(lines: &[&str]) -> Vec<Vec<String>> {
    let tables = lines.iter().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let rows = tables.map(|row| row.replace("\\|", "\u{0}"));
    let rows = rows.map(|row| row.split(" | ").map(|cell| cell.replace('\u{0}', "|").trim().to_owned()).collect());
    rows.filter(|row: &Vec<String>| row[0].starts_with('`')).collect()
}

/// What stands between backticks in a text.
pub fn code(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
