//! The words of a case file, one after the other: MATLAB's comments, continuation lines, strings and blanks that matter.
//!
//! Written by hand rather than with a parser library, because what a character means depends on what stands before it
//! and on the bracket around it: `'` begins a string or transposes, and a blank separates elements inside `[ ]` only.

use std::borrow::Cow;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Word<'a> {
    Number(f64),
    Name(&'a str),
    Text(Cow<'a, str>),
    Symbol(&'static str),
    Newline,
    End,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token<'a> {
    pub word: Word<'a>,
    pub line: usize,
    /// A blank stands before it.
    pub blank_before: bool,
    /// A blank stands after it.
    pub blank_after: bool,
}

/// Brackets inside each other; a case file has two or three.
const DEEPEST: usize = 64;

/// Longest first, so that `.*` is not read as `.` and `*`.
const SYMBOLS: [&str; 34] = [
    ".*", "./", ".^", ".'", ".\\", "==", "~=", "!=", "<=", ">=", "&&", "||", "+", "-", "*", "/", "\\", "^", "(", ")",
    "[", "]", "{", "}", ",", ";", ":", "=", "<", ">", "&", "|", "~", ".",
];

pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    brackets: Vec<u8>,
    /// The word before is a value, so `'` transposes it.
    after_value: bool,
}

impl<'a> Lexer<'a> {
    pub fn new(text: &'a str) -> Lexer<'a> {
        // Some editors write a byte order mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Lexer { text, at: 0, line: 1, brackets: Vec::new(), after_value: false }
    }

    pub fn line(&self) -> usize {
        self.line
    }

    pub fn next(&mut self) -> Result<Token<'a>, String> {
        let start = self.at;
        self.skip_blanks()?;
        let blank_before = self.at > start;
        let line = self.line;
        let word = self.word(blank_before)?;
        self.after_value = match &word {
            Word::Number(_) | Word::Name(_) | Word::Text(_) => true,
            Word::Symbol(s) => matches!(*s, ")" | "]" | "}" | "'" | ".'"),
            Word::Newline | Word::End => false,
        };
        let rest = self.rest();
        let blank_after = rest.starts_with([' ', '\t', '\r', '\n', '%']) || rest.starts_with("...");
        Ok(Token { word, line, blank_before, blank_after })
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip_blanks(&mut self) -> Result<(), String> {
        loop {
            let rest = self.rest();
            if rest.starts_with([' ', '\t', '\r']) {
                self.at += 1;
            } else if rest.starts_with("...") {
                self.skip_line();
                if self.rest().starts_with('\n') {
                    self.at += 1;
                    self.line += 1;
                }
            } else if rest.starts_with('%') {
                if self.alone_on_its_line("%{") { self.skip_block()? } else { self.skip_line() }
            } else {
                return Ok(());
            }
        }
    }

    fn skip_line(&mut self) {
        self.at += self.rest().find('\n').unwrap_or(self.rest().len());
    }

    /// True when `mark` is all that stands on the present line.
    fn alone_on_its_line(&self, mark: &str) -> bool {
        let before = self.text.get(..self.at).unwrap_or_default().rsplit('\n').next().unwrap_or_default();
        let after = self.rest().split('\n').next().unwrap_or_default();
        before.trim().is_empty() && after.trim() == mark
    }

    fn skip_block(&mut self) -> Result<(), String> {
        let mut depth = 0usize;
        loop {
            let line = self.rest().split('\n').next().unwrap_or_default();
            match line.trim() {
                "%{" => depth += 1,
                "%}" => depth -= 1,
                _ => {}
            }
            self.at += line.len();
            if depth == 0 {
                return Ok(());
            }
            if !self.rest().starts_with('\n') {
                return Err("the block comment '%{' has no end".to_owned());
            }
            self.at += 1;
            self.line += 1;
        }
    }

    fn word(&mut self, blank_before: bool) -> Result<Word<'a>, String> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return Ok(Word::End);
        };
        let in_matrix = matches!(self.brackets.last(), Some(b'[' | b'{'));
        let begins_anew = !self.after_value || (in_matrix && blank_before);
        let digit_second = rest.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
        if first == '\n' {
            self.at += 1;
            self.line += 1;
            return Ok(Word::Newline);
        }
        if first.is_ascii_digit() || (first == '.' && digit_second && begins_anew) {
            return self.number();
        }
        if first.is_ascii_alphabetic() || first == '_' {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            self.at += end;
            return Ok(Word::Name(&rest[..end]));
        }
        if first == '"' || (first == '\'' && begins_anew) {
            return self.string(first);
        }
        if first == '\'' {
            self.at += 1;
            return Ok(Word::Symbol("'"));
        }
        let Some(symbol) = SYMBOLS.iter().find(|s| rest.starts_with(**s)) else {
            return Err(format!("the character {first:?} is not understood"));
        };
        self.at += symbol.len();
        self.bracket(symbol)?;
        Ok(Word::Symbol(symbol))
    }

    fn bracket(&mut self, symbol: &str) -> Result<(), String> {
        let opened_by = match symbol {
            "(" | "[" | "{" => {
                if self.brackets.len() >= DEEPEST {
                    return Err(format!("more than {DEEPEST} brackets inside each other"));
                }
                self.brackets.push(symbol.as_bytes()[0]);
                return Ok(());
            }
            ")" => b'(',
            "]" => b'[',
            "}" => b'{',
            _ => return Ok(()),
        };
        if self.brackets.pop() == Some(opened_by) { Ok(()) } else { Err(format!("'{symbol}' closes nothing")) }
    }

    fn number(&mut self) -> Result<Word<'a>, String> {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        let digits = |from: usize| from + bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
        let mut end = digits(0);
        // In `1./x` the point belongs to the operator, in `1...` to the continuation.
        let operator = [".*", "./", ".^", ".\\", ".'", "..."].iter().any(|s| rest[end..].starts_with(s));
        if bytes.get(end) == Some(&b'.') && !operator {
            end = digits(end + 1);
        }
        let mut mantissa = rest[..end].to_owned();
        if matches!(bytes.get(end), Some(b'e' | b'E' | b'd' | b'D')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            let after = digits((end + 1 + sign).min(bytes.len()));
            if after > end + 1 + sign {
                mantissa.push('e');
                mantissa.push_str(&rest[end + 1..after]);
                end = after;
            }
        }
        let glued = rest[end..].chars().next().filter(|c| c.is_alphanumeric() || *c == '_');
        let value = mantissa.parse::<f64>().ok().filter(|_| glued.is_none());
        self.at += end;
        value.map(Word::Number).ok_or_else(|| {
            let shown: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '.').take(30).collect();
            format!("'{shown}' is not a real number")
        })
    }

    fn string(&mut self, quote: char) -> Result<Word<'a>, String> {
        let body = self.rest().get(1..).unwrap_or_default();
        let mut at = 0;
        let mut doubled = false;
        loop {
            let Some(found) = body.get(at..).and_then(|b| b.find([quote, '\n'])) else {
                return Err(format!("the string has no closing {quote}"));
            };
            at += found;
            if body[at..].starts_with('\n') {
                return Err(format!("the string has no closing {quote} on its line"));
            }
            if !body[at + 1..].starts_with(quote) {
                break;
            }
            doubled = true;
            at += 2;
        }
        self.at += at + 2;
        let text = &body[..at];
        let twice = format!("{quote}{quote}");
        let one = quote.to_string();
        Ok(Word::Text(if doubled { Cow::Owned(text.replace(&twice, &one)) } else { Cow::Borrowed(text) }))
    }
}
