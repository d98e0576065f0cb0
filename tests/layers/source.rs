//! The source files as tokens, and the paths in them resolved to files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A token outside comments and literals: an identifier, `::`, or one character of punctuation.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    pub text: String,
    pub line: usize,
}

impl Token {
    fn is_name(&self) -> bool {
        self.text.starts_with(|c: char| c.is_alphabetic() || c == '_')
    }
}

/// The tokens of a file. Comments (documentation among them), string and character literals, numbers and lifetimes are
/// left out.
pub fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let (mut found, mut i, mut line) = (Vec::new(), 0, 1);
    while i < chars.len() {
        let start = i;
        match (at(i), at(i + 1)) {
            ('/', '/') => i = (i..chars.len()).find(|&j| at(j) == '\n').unwrap_or(chars.len()),
            ('/', '*') => {
                let mut depth = 0;
                loop {
                    match (at(i), at(i + 1)) {
                        ('/', '*') => (depth, i) = (depth + 1, i + 2),
                        ('*', '/') => (depth, i) = (depth - 1, i + 2),
                        _ => i += 1,
                    }
                    if depth == 0 || i >= chars.len() {
                        break;
                    }
                }
            }
            ('"', _) => i = after_string(&chars, i),
            ('r' | 'b', '"' | '#' | 'r' | '\'') if is_literal(&chars, i) => i = after_prefixed(&chars, i),
            ('\'', c) if c != '\\' && at(i + 2) != '\'' => {
                i += 1;
                while word(at(i)) {
                    i += 1;
                }
            }
            ('\'', _) => i = after_char(&chars, i),
            (c, _) if c.is_ascii_digit() => {
                while word(at(i)) {
                    i += 1;
                }
            }
            (c, _) if word(c) => {
                while word(at(i)) {
                    i += 1;
                }
                found.push(Token { text: chars[start..i].iter().collect(), line });
            }
            (':', ':') => {
                found.push(Token { text: "::".into(), line });
                i += 2;
            }
            (c, _) => {
                if !c.is_whitespace() {
                    found.push(Token { text: c.into(), line });
                }
                i += 1;
            }
        }
        line += chars[start..i].iter().filter(|&&c| c == '\n').count();
    }
    found
}

fn after_string(chars: &[char], open: usize) -> usize {
    let mut i = open + 1;
    while i < chars.len() && chars[i] != '"' {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    i + 1
}

fn after_char(chars: &[char], open: usize) -> usize {
    let mut i = open + 1;
    while i < chars.len() && chars[i] != '\'' {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    i + 1
}

/// Whether a literal with a prefix (`r"`, `r#"`, `b"`, `br#"`, `b'`) begins here, rather than a name.
fn is_literal(chars: &[char], i: usize) -> bool {
    let rest: String = chars[i..chars.len().min(i + 8)].iter().collect();
    let rest = rest.trim_start_matches('b');
    rest.starts_with('"')
        || rest.starts_with('\'')
        || rest.starts_with('r') && rest[1..].trim_start_matches('#').starts_with('"')
}

fn after_prefixed(chars: &[char], start: usize) -> usize {
    let open = (start..chars.len()).find(|&j| chars[j] == '"' || chars[j] == '\'').unwrap_or(chars.len() - 1);
    let raw = chars[start..open].contains(&'r');
    match (raw, chars[open]) {
        (false, '\'') => after_char(chars, open),
        (false, _) => after_string(chars, open),
        (true, _) => {
            let hashes = chars[start..open].iter().filter(|&&c| c == '#').count();
            let closes = |j: usize| chars[j] == '"' && (1..=hashes).all(|k| chars.get(j + k) == Some(&'#'));
            (open + 1..chars.len()).find(|&j| closes(j)).map_or(chars.len(), |j| j + 1 + hashes)
        }
    }
}

/// A path of names as it is written, with the line and the inline modules around it.
#[derive(Clone, Debug)]
pub struct Written {
    pub names: Vec<String>,
    pub line: usize,
    inline: usize,
    /// The name that a `use` gives it; `None` for paths in code.
    bound: Option<String>,
    /// Whether it is a re-export.
    public: bool,
}

/// A file of `src/`.
pub struct SourceFile {
    /// Name relative to `src/`.
    pub name: String,
    /// Its module, such as `["run", "plan"]`.
    pub module: Vec<String>,
    pub tokens: Vec<Token>,
    pub paths: Vec<Written>,
}

impl SourceFile {
    fn read(root: &Path, path: &Path) -> Self {
        let name = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
        let tokens = tokens(&fs::read_to_string(path).unwrap());
        let module = name.trim_end_matches(".rs").trim_end_matches("/mod").split('/').map(String::from).collect();
        let paths = paths(&tokens);
        SourceFile { name, module, tokens, paths }
    }

    /// The folder or file of `src/` that it belongs to.
    pub fn layer(&self) -> &str {
        &self.module[0]
    }

    /// The names of the types that it defines; not those of associated types.
    pub fn types(&self) -> Vec<&Token> {
        let text = |i: usize| self.tokens.get(i).map_or("", |token| token.text.as_str());
        // Whether each open block is of an implementation or a trait, and whether the next one will be.
        let (mut blocks, mut associated, mut found) = (Vec::new(), false, Vec::new());
        for (i, token) in self.tokens.iter().enumerate() {
            match token.text.as_str() {
                "impl" | "trait" if blocks.last() != Some(&true) => associated = true,
                "{" => blocks.push(std::mem::take(&mut associated)),
                "}" => drop(blocks.pop()),
                ";" => associated = false,
                _ => {}
            }
            let keyword = matches!(token.text.as_str(), "struct" | "enum" | "trait" | "union" | "type");
            let type_of_block = token.text == "type" && blocks.last() == Some(&true);
            if keyword && !type_of_block && self.tokens.get(i + 1).is_some_and(Token::is_name) && text(i + 1) != "for" {
                found.push(&self.tokens[i + 1]);
            }
        }
        found
    }

    /// Whether it is the file of a folder's own module.
    pub fn is_root(&self) -> bool {
        self.name.ends_with("/mod.rs")
    }
}

/// The paths of a file: every leaf of its `use` declarations, and in code every path of at least two names.
fn paths(tokens: &[Token]) -> Vec<Written> {
    let text = |i: usize| tokens.get(i).map_or("", |token| token.text.as_str());
    let (mut found, mut blocks, mut i) = (Vec::new(), Vec::new(), 0);
    while i < tokens.len() {
        let inline = blocks.iter().filter(|module| **module).count();
        match text(i) {
            "{" => blocks.push(i >= 2 && text(i - 2) == "mod"),
            "}" => drop(blocks.pop()),
            // `use<..>` of a type lists captured parameters.
            "use" if text(i + 1) != "<" => {
                let public = i > 0 && matches!(text(i - 1), "pub" | ")");
                let mut leaves = Vec::new();
                i = tree(tokens, i + 1, &[], &mut leaves);
                found.extend(leaves.into_iter().map(|(names, bound, line)| Written {
                    names,
                    line,
                    inline,
                    bound: Some(bound),
                    public,
                }));
                continue;
            }
            _ if tokens[i].is_name() && text(i + 1) == "::" && (i == 0 || text(i - 1) != "::") => {
                let line = tokens[i].line;
                let mut names = vec![tokens[i].text.clone()];
                while text(i + 1) == "::" && tokens.get(i + 2).is_some_and(Token::is_name) {
                    names.push(tokens[i + 2].text.clone());
                    i += 2;
                }
                found.push(Written { names, line, inline, bound: None, public: false });
            }
            _ => {}
        }
        i += 1;
    }
    found
}

/// Reads one branch of a `use` tree; returns the index after it.
fn tree(tokens: &[Token], mut i: usize, prefix: &[String], leaves: &mut Vec<(Vec<String>, String, usize)>) -> usize {
    let text = |i: usize| tokens.get(i).map_or("", |token| token.text.as_str());
    let mut names = prefix.to_vec();
    let line = tokens.get(i).map_or(0, |token| token.line);
    loop {
        match text(i) {
            "{" => {
                i += 1;
                while text(i) != "}" && i < tokens.len() {
                    i = tree(tokens, i, &names, leaves);
                    if text(i) == "," {
                        i += 1;
                    }
                }
                return i + 1;
            }
            "::" => i += 1,
            "," | ";" | "}" | "" => {
                // `a::{self}` is `a`.
                if names.len() > 1 && names.last().is_some_and(|name| name == "self") {
                    names.pop();
                }
                let bound = names.last().cloned().unwrap_or_default();
                leaves.push((names, bound, line));
                return i;
            }
            "as" => {
                leaves.push((names, text(i + 1).to_string(), line));
                return i + 2;
            }
            name => {
                names.push(name.to_string());
                i += 1;
            }
        }
    }
}

/// All files of `src/`.
pub struct Sources {
    pub files: Vec<SourceFile>,
    by_module: BTreeMap<Vec<String>, usize>,
}

/// What a path leads to.
pub struct Target<'a> {
    /// The file that declares the item, or the module.
    pub file: &'a SourceFile,
    /// The item; `None` where the path ends at a module.
    pub item: Option<String>,
}

impl Sources {
    /// Reads every `.rs` file below a folder.
    pub fn read(root: &Path) -> Self {
        let mut files = Vec::new();
        let mut open = vec![root.to_path_buf()];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else if path.extension().is_some_and(|kind| kind == "rs") {
                    files.push(SourceFile::read(root, &path));
                }
            }
        }
        files.sort_by(|a, b| a.name.cmp(&b.name));
        let by_module = files.iter().enumerate().map(|(i, file)| (file.module.clone(), i)).collect();
        Sources { files, by_module }
    }

    fn module(&self, module: &[String]) -> Option<&SourceFile> {
        self.by_module.get(module).map(|&i| &self.files[i])
    }

    /// The names of a path from the root of the crate; `None` for paths of other crates and for names in scope.
    pub fn absolute(&self, file: &SourceFile, path: &Written) -> Option<Vec<String>> {
        let mut at = file.module.clone();
        let mut names = path.names.as_slice();
        if names[0] == "crate" {
            return Some(names[1..].to_vec());
        }
        // Inline modules are part of the file.
        let mut inline = path.inline;
        if names[0] == "super" || names[0] == "self" {
            while let Some(name @ ("super" | "self")) = names.first().map(String::as_str) {
                if name == "super" && inline > 0 {
                    inline -= 1;
                } else if name == "super" {
                    at.pop();
                }
                names = &names[1..];
            }
            return Some([at, names.to_vec()].concat());
        }
        let child = [at.clone(), vec![names[0].clone()]].concat();
        if inline == 0 && self.module(&child).is_some() {
            return Some([at, names.to_vec()].concat());
        }
        // A module under the name that the file gives it.
        let imported = |other: &&Written| other.bound.as_ref() == Some(&names[0]) && other.names != path.names;
        let import = if path.bound.is_none() { file.paths.iter().find(imported) } else { None }?;
        let module = self.absolute(file, import)?;
        self.module(&module)?;
        Some([module, names[1..].to_vec()].concat())
    }

    /// The file that a path from the root of the crate leads to, through the re-exports on the way.
    pub fn target(&self, absolute: &[String]) -> Option<Target<'_>> {
        let length = (1..=absolute.len()).rev().find(|&n| self.module(&absolute[..n]).is_some())?;
        let file = self.module(&absolute[..length])?;
        let Some(item) = absolute.get(length) else { return Some(Target { file, item: None }) };
        let exports = |path: &&Written| path.inline == 0 && path.public && path.bound.as_ref() == Some(item);
        if let Some(export) = file.paths.iter().find(exports)
            && let Some(further) = self.absolute(file, export)
            && further != absolute
        {
            return self.target(&further);
        }
        Some(Target { file, item: Some(item.clone()) })
    }

    /// For every file of a layer the other files of it whose items it names, with a line where it does. Declarations
    /// and re-exports of a folder's module are not uses.
    pub fn uses(&self, layer: &str) -> BTreeMap<&str, BTreeMap<&str, usize>> {
        let mut graph: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
        for file in self.files.iter().filter(|file| file.layer() == layer) {
            let edges = graph.entry(file.name.as_str()).or_default();
            for path in file.paths.iter().filter(|path| !(path.public && file.is_root())) {
                let Some(target) = self.absolute(file, path).and_then(|absolute| self.target(&absolute)) else {
                    continue;
                };
                // The name of a folder is no use of what its module declares: the paths through it are.
                let folder = target.item.is_none() && target.file.is_root();
                if target.file.layer() == layer && target.file.name != file.name && !folder {
                    edges.entry(target.file.name.as_str()).or_insert(path.line);
                }
            }
        }
        graph
    }
}

/// A cycle of a graph, first node repeated at the end; `None` where there is none.
pub fn cycle<'a>(graph: &BTreeMap<&'a str, BTreeMap<&'a str, usize>>) -> Option<Vec<&'a str>> {
    fn visit<'a>(
        node: &'a str,
        graph: &BTreeMap<&'a str, BTreeMap<&'a str, usize>>,
        trail: &mut Vec<&'a str>,
        done: &mut BTreeSet<&'a str>,
    ) -> Option<Vec<&'a str>> {
        if let Some(first) = trail.iter().position(|seen| *seen == node) {
            return Some([&trail[first..], &[node]].concat());
        }
        if done.contains(node) {
            return None;
        }
        trail.push(node);
        let found =
            graph.get(node).into_iter().flat_map(BTreeMap::keys).find_map(|next| visit(next, graph, trail, done));
        trail.pop();
        done.insert(node);
        found
    }
    let (mut trail, mut done) = (Vec::new(), BTreeSet::new());
    graph.keys().find_map(|node| visit(node, graph, &mut trail, &mut done))
}
