//! Just enough of Rust's grammar to read imports, literals, sizes: tokens with lines, tests left out.

/// A token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// An identifier or keyword.
    Word(String),
    /// A text literal's content.
    Text(String),
    /// `::`
    Path,
    /// Any other character of its own.
    Mark(char),
    /// A number, a character literal, a lifetime.
    Other,
    /// A comment's content.
    Comment(String),
}

/// A token with the line it begins on, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub kind: Kind,
    pub line: usize,
}

impl Token {
    pub fn is_word(&self, word: &str) -> bool {
        matches!(&self.kind, Kind::Word(own) if own == word)
    }

    pub fn is_mark(&self, mark: char) -> bool {
        self.kind == Kind::Mark(mark)
    }

    pub fn word(&self) -> Option<&str> {
        match &self.kind {
            Kind::Word(word) => Some(word),
            _ => None,
        }
    }
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    line: usize,
    out: Vec<Token>,
}

/// The tokens of a source text, comments among them.
pub fn tokens(source: &str) -> Vec<Token> {
    let mut lexer = Lexer { chars: source.chars().collect(), at: 0, line: 1, out: Vec::new() };
    while lexer.at < lexer.chars.len() {
        lexer.one();
    }
    lexer.out
}

impl Lexer {
    fn peek(&self, ahead: usize) -> char {
        self.chars.get(self.at + ahead).copied().unwrap_or('\0')
    }

    fn take(&mut self) -> char {
        let c = self.peek(0);
        self.at += 1;
        if c == '\n' {
            self.line += 1;
        }
        c
    }

    fn one(&mut self) {
        let line = self.line;
        let kind = match (self.peek(0), self.peek(1)) {
            (c, _) if c.is_whitespace() => {
                self.take();
                return;
            }
            ('/', '/') => self.line_comment(),
            ('/', '*') => self.block_comment(),
            ('"', _) => self.text(),
            ('r', '"' | '#') if self.is_raw(1) => self.raw_text(1),
            ('b' | 'c', '"') => {
                self.take();
                self.text()
            }
            ('b' | 'c', 'r') if self.is_raw(2) => self.raw_text(2),
            ('\'', _) => self.quote(),
            (c, _) if c.is_alphabetic() || c == '_' => Kind::Word(self.run(|c| c.is_alphanumeric() || c == '_')),
            (c, _) if c.is_ascii_digit() => {
                self.run(|c| c.is_alphanumeric() || c == '_');
                Kind::Other
            }
            (':', ':') => {
                self.at += 2;
                Kind::Path
            }
            _ => Kind::Mark(self.take()),
        };
        self.out.push(Token { kind, line });
    }

    fn run(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let mut out = String::new();
        while self.at < self.chars.len() && wanted(self.peek(0)) {
            out.push(self.take());
        }
        out
    }

    fn line_comment(&mut self) -> Kind {
        Kind::Comment(self.run(|c| c != '\n'))
    }

    fn block_comment(&mut self) -> Kind {
        let (mut depth, mut out) = (0, String::new());
        while self.at < self.chars.len() {
            match (self.peek(0), self.peek(1)) {
                ('/', '*') => depth += 1,
                ('*', '/') => depth -= 1,
                _ => {
                    out.push(self.take());
                    continue;
                }
            }
            self.at += 2;
            if depth == 0 {
                break;
            }
        }
        Kind::Comment(out)
    }

    fn text(&mut self) -> Kind {
        self.take();
        let mut out = String::new();
        while self.at < self.chars.len() {
            match self.take() {
                '"' => break,
                '\\' => {
                    self.take();
                }
                c => out.push(c),
            }
        }
        Kind::Text(out)
    }

    fn is_raw(&self, skip: usize) -> bool {
        let mut ahead = skip;
        while self.peek(ahead) == '#' {
            ahead += 1;
        }
        self.peek(ahead) == '"'
    }

    fn raw_text(&mut self, skip: usize) -> Kind {
        self.at += skip;
        let hashes = self.run(|c| c == '#').len();
        self.take();
        let mut out = String::new();
        while self.at < self.chars.len() {
            let ends = self.peek(0) == '"' && (1..=hashes).all(|ahead| self.peek(ahead) == '#');
            if ends {
                self.at += 1 + hashes;
                break;
            }
            out.push(self.take());
        }
        Kind::Text(out)
    }

    /// A character literal or a lifetime.
    fn quote(&mut self) -> Kind {
        self.take();
        if self.peek(0) == '\\' {
            self.at += 2;
            self.run(|c| c != '\'');
            self.take();
        } else if self.peek(1) == '\'' {
            self.take();
            self.take();
        } else {
            self.run(|c| c.is_alphanumeric() || c == '_');
        }
        Kind::Other
    }
}

/// Tokens without comments.
pub fn code(tokens: &[Token]) -> Vec<Token> {
    tokens.iter().filter(|t| !matches!(t.kind, Kind::Comment(_))).cloned().collect()
}

/// Tokens without items under `#[cfg(test)]`. Comments may be among them.
pub fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if is_cfg_test(&tokens[at..]) {
            at = item_end(tokens, at + 7);
        } else {
            out.push(tokens[at].clone());
            at += 1;
        }
    }
    out
}

fn is_cfg_test(tokens: &[Token]) -> bool {
    let [a, b, c, d, e, f, g, ..] = tokens else { return false };
    a.is_mark('#')
        && b.is_mark('[')
        && c.is_word("cfg")
        && d.is_mark('(')
        && e.is_word("test")
        && f.is_mark(')')
        && g.is_mark(']')
}

/// Behind the item that begins at `at`: behind its `;` or its block.
fn item_end(tokens: &[Token], at: usize) -> usize {
    let mut depth = 0usize;
    for (i, token) in tokens.iter().enumerate().skip(at) {
        match token.kind {
            Kind::Mark('(' | '[') => depth += 1,
            Kind::Mark(')' | ']') => depth = depth.saturating_sub(1),
            Kind::Mark(';') if depth == 0 => return i + 1,
            Kind::Mark('{') if depth == 0 => return block_end(tokens, i),
            _ => {}
        }
    }
    tokens.len()
}

/// Behind the `}` that closes the `{` at `open`.
fn block_end(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0usize;
    for (i, token) in tokens.iter().enumerate().skip(open) {
        match token.kind {
            Kind::Mark('{') => depth += 1,
            Kind::Mark('}') => {
                depth -= 1;
                if depth == 0 {
                    return i + 1;
                }
            }
            _ => {}
        }
    }
    tokens.len()
}

/// Every path that begins with `crate::` or enough `super::`s to reach the crate's root, in imports and elsewhere.
/// `module` is the file's own path of modules.
pub fn crate_paths(tokens: &[Token], module: &[String]) -> Vec<(Vec<String>, usize)> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let (mut next, mut ups) = (at, 0);
        while next + 1 < tokens.len() && tokens[next].is_word("super") && tokens[next + 1].kind == Kind::Path {
            ups += 1;
            next += 2;
        }
        let begins = at == 0 || tokens[at - 1].kind != Kind::Path;
        let from_root = tokens[at].is_word("crate") && tokens.get(at + 1).is_some_and(|t| t.kind == Kind::Path);
        if begins && from_root {
            at = tree(tokens, at + 2, Vec::new(), &mut out);
        } else if begins && ups > 0 {
            let base = module.len().checked_sub(ups).map(|keep| module[..keep].to_vec());
            at = tree(tokens, next, base.unwrap_or_default(), &mut out);
        } else {
            at += 1;
        }
    }
    out
}

/// One path or group; returns the place behind it.
fn tree(tokens: &[Token], at: usize, mut path: Vec<String>, out: &mut Vec<(Vec<String>, usize)>) -> usize {
    let mut at = at;
    let line = tokens.get(at).map_or(0, |t| t.line);
    loop {
        match tokens.get(at).map(|t| &t.kind) {
            Some(Kind::Word(word)) => {
                if word != "self" {
                    path.push(word.clone());
                }
                at += 1;
            }
            Some(Kind::Mark('{')) => return group(tokens, at + 1, &path, out),
            _ => at += 1,
        }
        if tokens.get(at).is_some_and(|t| t.kind == Kind::Path) {
            at += 1;
        } else {
            out.push((path, line));
            return at;
        }
    }
}

fn group(tokens: &[Token], at: usize, path: &[String], out: &mut Vec<(Vec<String>, usize)>) -> usize {
    let mut at = at;
    while at < tokens.len() && !tokens[at].is_mark('}') {
        if tokens[at].is_mark(',') {
            at += 1;
        } else if tokens[at].is_word("as") {
            at += 2;
        } else {
            at = tree(tokens, at, path.to_vec(), out);
        }
    }
    at + 1
}

/// Names, first lines and lengths in lines of all functions with a body.
pub fn functions(tokens: &[Token]) -> Vec<(String, usize, usize)> {
    let mut out = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let Some(name) = tokens.get(at + 1).and_then(Token::word).filter(|_| token.is_word("fn")) else { continue };
        let end = item_end(tokens, at + 2);
        if tokens[end - 1].is_mark('}') {
            out.push((name.to_owned(), token.line, tokens[end - 1].line + 1 - token.line));
        }
    }
    out
}
