//! What are the words of one line of a script?
//!
//! A line is a list of `name=value` or bare values, separated by blanks or commas. A value in any of the brackets `( ) [ ] { }`
//! or quotes `" '` is one word up to the **first** matching end, whatever stands inside; its inside is read by whoever knows
//! what it is. A comment (`!` or `//`) ends the line wherever a word could end.
//!
//! Written by hand: the language has no grammar beyond these four sentences (what a word means depends on the property it
//! stands at, and brackets are interchangeable), so that a parser library would only wrap the same loop over characters.

/// A word, with the name in front of its equals sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    /// Name before the equals sign, if any.
    pub name: Option<String>,
    /// The value.
    pub value: Value,
}

/// The text of a value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Value {
    /// Text without brackets or quotes.
    pub text: String,
    /// True when it stood in brackets or quotes: only then is a number an arithmetic expression.
    pub quoted: bool,
}

impl Value {
    /// A value without brackets.
    #[cfg(test)]
    pub fn plain(text: &str) -> Value {
        Value { text: text.to_owned(), quoted: false }
    }
}

/// A bracket or quote without its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unclosed(pub char);

/// The end that belongs to a bracket or quote.
fn end_of(open: char) -> Option<char> {
    match open {
        '(' => Some(')'),
        '[' => Some(']'),
        '{' => Some('}'),
        '"' | '\'' => Some(open),
        _ => None,
    }
}

/// Splits a line into words.
pub(crate) fn words(line: &str) -> Result<Vec<Word>, Unclosed> {
    let mut reader = Reader { rest: line, bars: false };
    let mut words = Vec::new();
    while let Some((first, equals)) = reader.token()? {
        if equals && !first.quoted {
            let value = reader.token()?.map_or_else(Value::default, |(value, _)| value);
            words.push(Word { name: Some(first.text), value });
        } else {
            words.push(Word { name: None, value: first });
        }
    }
    Ok(words)
}

/// Splits the inside of an array into its values; a bar counts as a separator.
pub(crate) fn values(text: &str) -> Result<Vec<Value>, Unclosed> {
    let mut all = Vec::new();
    for row in rows(text)? {
        all.extend(row);
    }
    Ok(all)
}

/// Splits the inside of a matrix into rows (at bars) of values.
pub(crate) fn rows(text: &str) -> Result<Vec<Vec<Value>>, Unclosed> {
    let mut reader = Reader { rest: text, bars: true };
    let mut rows = vec![Vec::new()];
    loop {
        reader.skip_blank();
        if let Some(rest) = reader.rest.strip_prefix('|') {
            reader.rest = rest;
            rows.push(Vec::new());
        } else if let Some((value, _)) = reader.token()? {
            if let Some(last) = rows.last_mut() {
                last.push(value);
            }
        } else {
            return Ok(rows);
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
    /// True inside a matrix, where a bar ends a word.
    bars: bool,
}

impl Reader<'_> {
    fn skip_blank(&mut self) {
        self.rest = self.rest.trim_start_matches(is_blank);
    }

    /// The next value and whether an equals sign follows it.
    fn token(&mut self) -> Result<Option<(Value, bool)>, Unclosed> {
        self.skip_blank();
        let Some(first) = self.rest.chars().next().filter(|_| !is_comment(self.rest)) else {
            self.rest = "";
            return Ok(None);
        };
        let value = if let Some(end) = end_of(first) {
            let inside = &self.rest[first.len_utf8()..];
            let length = inside.find(end).ok_or(Unclosed(first))?;
            self.rest = &inside[length + end.len_utf8()..];
            Value { text: inside[..length].to_owned(), quoted: true }
        } else {
            let ends = |(at, c): &(usize, char)| {
                is_blank(*c) || matches!(c, ',' | '=') || (self.bars && *c == '|') || is_comment(&self.rest[*at..])
            };
            let length = self.rest.char_indices().find(ends).map_or(self.rest.len(), |(at, _)| at);
            let (text, rest) = self.rest.split_at(length);
            self.rest = rest;
            Value { text: text.to_owned(), quoted: false }
        };
        self.skip_blank();
        let equals = self.rest.starts_with('=');
        if equals || self.rest.starts_with(',') {
            self.rest = &self.rest[1..];
        }
        Ok(Some((value, equals)))
    }
}

fn is_blank(c: char) -> bool {
    c.is_whitespace() || c == '\u{feff}'
}

fn is_comment(text: &str) -> bool {
    text.starts_with('!') || text.starts_with("//")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(line: &str) -> Vec<String> {
        let show = |w: Word| format!("{}={}", w.name.unwrap_or_default(), w.value.text);
        words(line).expect("closed").into_iter().map(show).collect()
    }

    #[test]
    fn law_words_of_a_line() {
        assert_eq!(plain("New Load.a kW= 3, pf =.9 ! kvar=1"), ["=New", "=Load.a", "kW=3", "pf=.9"]);
        assert_eq!(plain("a=[1, 2 | 3] b={c d} 'x y'//e"), ["a=1, 2 | 3", "b=c d", "=x y"]);
        assert_eq!(plain("a | b == ,,"), ["=a", "=|", "b=", "=", "="]);
        assert_eq!(plain("mult=(file=\"a b.txt\") kv="), ["mult=file=\"a b.txt\"", "kv="]);
        assert_eq!(words("a=(1"), Err(Unclosed('(')));
    }

    #[test]
    fn law_rows_of_a_matrix() {
        let sizes = |text: &str| rows(text).expect("closed").iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes("1 | 2 3|4,5, 6"), [1, 2, 3]);
        assert_eq!(sizes("1 2"), [2]);
        assert_eq!(sizes(""), [0]);
        assert_eq!(values("a (1 2 *), b").expect("closed").len(), 3);
    }
}
