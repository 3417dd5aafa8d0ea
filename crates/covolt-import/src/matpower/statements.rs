//! A case file run statement by statement: what each field of the case holds in the end.
//!
//! Statements taken: the function line, `NAME = ...`, `mpc.FIELD = ...`, `mpc.FIELD(rows, columns) = ...`,
//! `[A, B, ~] = idx_bus` and its kin, `define_constants`. Anything else, branching and loops above all, is an
//! error with its line: a conversion that is skipped makes a network that is wrong by a factor of a thousand.

use super::constants::{IDX_BRCH, IDX_BUS, IDX_COST, IDX_GEN, outputs_of};
use super::matrix::{Matrix, Selector};
use super::tokens::{Lexer, Token, Word};
use std::collections::BTreeMap;

/// What a variable or a field holds.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Matrix(Matrix),
    Text(String),
    /// A cell array, row by row.
    Cell(Vec<Value>),
}

/// A field or variable with the line of its last assignment.
#[derive(Debug, Clone)]
pub(super) struct Variable {
    pub value: Value,
    pub line: usize,
}

/// What the file defines.
#[derive(Debug, Default)]
pub(super) struct CaseFields {
    /// Name of the function, of the case that is.
    pub name: Option<String>,
    /// The fields of the case, by name.
    pub fields: BTreeMap<String, Variable>,
}

/// What is wrong, and on which line.
pub(super) type Failure = (usize, String);

/// Elements computed or copied in all: far above any case file, and a second or two of work.
const MOST_WORK: usize = 100_000_000;

const KEYWORDS: [&str; 19] = [
    "break",
    "case",
    "catch",
    "classdef",
    "continue",
    "else",
    "elseif",
    "for",
    "global",
    "if",
    "otherwise",
    "parfor",
    "persistent",
    "return",
    "spmd",
    "switch",
    "try",
    "until",
    "while",
];

/// Runs the file.
pub(super) fn run(text: &str) -> Result<CaseFields, Failure> {
    let mut lexer = Lexer::new(text);
    let token = lexer.next().map_err(|what| (lexer.line(), what))?;
    let mut interpreter = Interpreter {
        lexer,
        token,
        variables: BTreeMap::new(),
        end: None,
        in_matrix: false,
        depth: 0,
        work: 0,
        last_line: 1,
    };
    let (case, name) = interpreter.file()?;
    let prefix = format!("{case}.");
    let field = |(path, variable): (String, Variable)| Some((path.strip_prefix(&prefix)?.to_owned(), variable));
    Ok(CaseFields { name, fields: interpreter.variables.into_iter().filter_map(field).collect() })
}

/// The state of the run: one word of lookahead, and the variables by their dotted names.
pub(super) struct Interpreter<'a> {
    lexer: Lexer<'a>,
    pub token: Token<'a>,
    pub variables: BTreeMap<String, Variable>,
    /// What `end` means in the index being read.
    pub end: Option<usize>,
    /// Blanks separate elements: the innermost bracket is `[` or `{`.
    pub in_matrix: bool,
    pub depth: usize,
    work: usize,
    last_line: usize,
}

impl<'a> Interpreter<'a> {
    /// Name of the variable that holds the case, and of the function.
    fn file(&mut self) -> Result<(String, Option<String>), Failure> {
        self.skip_separators()?;
        let mut header = None;
        if self.is_name("function") {
            header = Some(self.function_line()?);
        }
        loop {
            self.skip_separators()?;
            match &self.token.word {
                Word::End => break,
                Word::Name("end" | "endfunction") if header.is_some() => {
                    self.advance()?;
                    self.skip_separators()?;
                    if self.token.word != Word::End {
                        return self.fail("a statement after the end of the function");
                    }
                }
                _ => self.statement()?,
            }
        }
        Ok(match header {
            Some((case, name)) => (case, Some(name)),
            None => ("mpc".to_owned(), None),
        })
    }

    /// `function mpc = case33bw`: the variable, and the name of the case.
    fn function_line(&mut self) -> Result<(String, String), Failure> {
        self.advance()?;
        if self.is_symbol("[") {
            return self.fail("a case with separate outputs (format version 1) is not supported: use savecase");
        }
        let case = self.plain_name()?;
        self.expect("=")?;
        let name = self.plain_name()?;
        if self.is_symbol("(") {
            self.advance()?;
            if !self.is_symbol(")") {
                return self.fail("a case function with arguments is not supported");
            }
            self.advance()?;
        }
        self.end_of_statement()?;
        Ok((case, name))
    }

    fn statement(&mut self) -> Result<(), Failure> {
        self.last_line = self.token.line;
        match &self.token.word {
            Word::Symbol("[") => self.column_names()?,
            Word::Name("function") => return self.fail("a second function is not supported"),
            Word::Name(word) if KEYWORDS.contains(word) => {
                return self.fail(format!("'{word}' is not supported"));
            }
            Word::Name("define_constants") => {
                self.advance()?;
                self.end_of_statement()?;
                for &(name, value) in IDX_BUS.iter().chain(&IDX_BRCH).chain(&IDX_GEN).chain(&IDX_COST) {
                    self.set(name.to_owned(), Value::Matrix(Matrix::scalar(value)));
                }
            }
            Word::Name(_) => self.assignment()?,
            _ => return self.fail("a statement that is not understood"),
        }
        Ok(())
    }

    /// `[PQ, PV, ~, ...] = idx_bus`.
    fn column_names(&mut self) -> Result<(), Failure> {
        self.advance()?;
        let mut names = Vec::new();
        loop {
            match self.token.word {
                Word::Symbol("]") => break,
                Word::Symbol(",") => self.advance()?,
                Word::Symbol("~") => {
                    names.push(None);
                    self.advance()?;
                }
                _ => names.push(Some(self.plain_name()?)),
            }
        }
        self.advance()?;
        self.expect("=")?;
        let line = self.token.line;
        let function = self.plain_name()?;
        if self.is_symbol("(") {
            self.advance()?;
            self.expect(")")?;
        }
        self.end_of_statement()?;
        let Some(outputs) = outputs_of(&function) else {
            return Err((line, format!("'{function}' with several outputs is not supported")));
        };
        if names.len() > outputs.len() {
            return Err((line, format!("{} outputs of '{function}', which has {}", names.len(), outputs.len())));
        }
        for (name, &(_, value)) in names.into_iter().zip(outputs) {
            if let Some(name) = name {
                self.set(name, Value::Matrix(Matrix::scalar(value)));
            }
        }
        Ok(())
    }

    fn assignment(&mut self) -> Result<(), Failure> {
        let line = self.token.line;
        let path = self.path()?;
        if !self.is_symbol("(") {
            if !self.is_symbol("=") {
                return Err((line, format!("'{path}' is not an assignment; only assignments are understood")));
            }
            self.advance()?;
            let value = self.value()?;
            self.end_of_statement()?;
            self.set(path, value);
            return Ok(());
        }
        let Some(dimensions) = self.dimensions(&path) else {
            return Err((line, format!("'{path}' is not a matrix that the file has defined before")));
        };
        let indices = self.indices(Some(dimensions))?;
        if !self.is_symbol("=") {
            return Err((line, format!("'{path}(...)' is not an assignment; only assignments are understood")));
        }
        self.advance()?;
        let value = self.matrix_value()?;
        self.end_of_statement()?;
        if value.is_empty() {
            return Err((line, format!("removing elements of '{path}' is not supported")));
        }
        let Some(Variable { value: Value::Matrix(target), .. }) = self.variables.get_mut(&path) else {
            return Err((line, format!("'{path}' is not a matrix")));
        };
        let assigned = match &indices[..] {
            [one] => target.assign_one(one, &value),
            [rows, columns] => target.assign(rows, columns, &value),
            _ => Err("one or two indices are understood".to_owned()),
        };
        let n = assigned.map_err(|what| (line, format!("'{path}': {what}")))?;
        self.spend(n)
    }

    fn set(&mut self, path: String, value: Value) {
        self.variables.insert(path, Variable { value, line: self.last_line });
    }

    fn dimensions(&self, path: &str) -> Option<(usize, usize)> {
        match self.variables.get(path) {
            Some(Variable { value: Value::Matrix(m), .. }) => Some((m.rows, m.columns)),
            _ => None,
        }
    }

    /// `( ... )` after the name of a matrix, or of a function when there are no dimensions.
    pub fn indices(&mut self, dimensions: Option<(usize, usize)>) -> Result<Vec<Selector>, Failure> {
        let in_matrix = std::mem::replace(&mut self.in_matrix, false);
        self.expect("(")?;
        let mut selectors = Vec::new();
        while !self.is_symbol(")") {
            if !selectors.is_empty() {
                self.expect(",")?;
            }
            // In a row, `end` of the first index depends on whether a second follows: not understood.
            let end = dimensions.and_then(|(rows, columns)| match selectors.len() {
                0 => (rows != 1 || columns == 1).then_some(rows),
                _ => Some(columns),
            });
            let outer = std::mem::replace(&mut self.end, end);
            selectors.push(self.index()?);
            self.end = outer;
        }
        self.in_matrix = in_matrix;
        self.advance()?;
        Ok(selectors)
    }

    fn index(&mut self) -> Result<Selector, Failure> {
        if self.is_symbol(":") {
            self.advance()?;
            if !self.is_symbol(",") && !self.is_symbol(")") {
                return self.fail("':' with something after it");
            }
            return Ok(Selector::All);
        }
        Ok(Selector::Matrix(self.matrix_value()?))
    }

    /// `mpc.bus` and the like, as one dotted name.
    pub fn path(&mut self) -> Result<String, Failure> {
        let mut path = self.plain_name()?;
        while self.is_symbol(".") && !(self.in_matrix && self.token.blank_before) {
            self.advance()?;
            path.push('.');
            path.push_str(&self.plain_name()?);
        }
        Ok(path)
    }

    fn plain_name(&mut self) -> Result<String, Failure> {
        let Word::Name(name) = self.token.word else {
            return self.fail("a name is expected");
        };
        self.advance()?;
        Ok(name.to_owned())
    }

    fn end_of_statement(&mut self) -> Result<(), Failure> {
        match self.token.word {
            Word::Newline | Word::End => Ok(()),
            Word::Symbol(";" | ",") => self.advance(),
            _ => self.fail(format!("{} where the statement should end", self.shown())),
        }
    }

    fn skip_separators(&mut self) -> Result<(), Failure> {
        while matches!(self.token.word, Word::Newline | Word::Symbol(";" | ",")) {
            self.advance()?;
        }
        Ok(())
    }

    pub fn advance(&mut self) -> Result<(), Failure> {
        self.token = self.lexer.next().map_err(|what| (self.lexer.line(), what))?;
        Ok(())
    }

    pub fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self.token.word, Word::Symbol(s) if s == symbol)
    }

    fn is_name(&self, name: &str) -> bool {
        matches!(self.token.word, Word::Name(n) if n == name)
    }

    pub fn expect(&mut self, symbol: &str) -> Result<(), Failure> {
        if self.is_symbol(symbol) {
            return self.advance();
        }
        self.fail(format!("{} where '{symbol}' is expected", self.shown()))
    }

    pub fn shown(&self) -> String {
        match &self.token.word {
            Word::Number(x) => format!("the number {x}"),
            Word::Name(name) => format!("'{name}'"),
            Word::Text(text) => format!("the string '{}'", text.chars().take(30).collect::<String>()),
            Word::Symbol(symbol) => format!("'{symbol}'"),
            Word::Newline => "the end of the line".to_owned(),
            Word::End => "the end of the file".to_owned(),
        }
    }

    pub fn fail<T>(&self, what: impl Into<String>) -> Result<T, Failure> {
        Err((self.token.line, what.into()))
    }

    /// Counts work, so that a short file cannot keep a machine busy.
    pub fn spend(&mut self, elements: usize) -> Result<(), Failure> {
        self.work = self.work.saturating_add(elements).saturating_add(1);
        if self.work > MOST_WORK { self.fail("the file computes more than a case file ever needs") } else { Ok(()) }
    }
}
