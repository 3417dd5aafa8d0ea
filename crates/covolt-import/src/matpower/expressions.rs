//! Expressions of a case file, computed while they are read: MATLAB's operators in MATLAB's order.
//!
//! | order | operators |
//! |---|---|
//! | 1 (last) | element-wise or |
//! | 2 | `&` |
//! | 3 | `== ~= < <= > >=` |
//! | 4 | `a:b`, `a:step:b` |
//! | 5 | `+ -` |
//! | 6 | `* / .* ./` |
//! | 7 | sign, `~` |
//! | 8 (first) | `^ .^ '` |
//!
//! `*`, `/` and `^` between two matrices are linear algebra in MATLAB; no conversion needs it, and it is an error here.

use super::matrix::{MOST_ELEMENTS, Matrix, Selector};
use super::statements::{Failure, Interpreter, Value};
use super::tokens::Word;

/// Expressions inside each other.
const DEEPEST: usize = 64;

type Operator = (&'static str, fn(f64, f64) -> f64);

const COMPARISONS: [Operator; 6] = [
    ("==", |a, b| f64::from(a == b)),
    ("~=", |a, b| f64::from(a != b)),
    ("<", |a, b| f64::from(a < b)),
    ("<=", |a, b| f64::from(a <= b)),
    (">", |a, b| f64::from(a > b)),
    (">=", |a, b| f64::from(a >= b)),
];
const OR: [Operator; 1] = [("|", |a, b| f64::from(a != 0.0 || b != 0.0))];
const AND: [Operator; 1] = [("&", |a, b| f64::from(a != 0.0 && b != 0.0))];
const SUMS: [Operator; 2] = [("+", |a, b| a + b), ("-", |a, b| a - b)];
const PRODUCTS: [Operator; 4] = [("*", |a, b| a * b), ("/", |a, b| a / b), (".*", |a, b| a * b), ("./", |a, b| a / b)];
const POWERS: [Operator; 2] = [("^", f64::powf), (".^", f64::powf)];

impl Interpreter<'_> {
    /// A value of any kind.
    pub fn value(&mut self) -> Result<Value, Failure> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return self.fail(format!("more than {DEEPEST} expressions inside each other"));
        }
        let value = match &self.token.word {
            Word::Text(text) => {
                let text = text.to_string();
                self.advance()?;
                Value::Text(text)
            }
            Word::Symbol("{") => self.cell()?,
            _ => Value::Matrix(self.logic(0)?),
        };
        self.depth -= 1;
        Ok(value)
    }

    /// A value that is a matrix.
    pub fn matrix_value(&mut self) -> Result<Matrix, Failure> {
        let line = self.token.line;
        match self.value()? {
            Value::Matrix(matrix) => Ok(matrix),
            _ => Err((line, "a number or a matrix is expected".to_owned())),
        }
    }

    /// Orders 1 to 3.
    fn logic(&mut self, order: usize) -> Result<Matrix, Failure> {
        let operators: &[Operator] = match order {
            0 => &OR,
            1 => &AND,
            2 => &COMPARISONS,
            _ => return self.range(),
        };
        let mut left = self.logic(order + 1)?;
        while let Some(operator) = self.operator(operators) {
            self.advance()?;
            let right = self.logic(order + 1)?;
            left = self.combine(&left, &right, operator)?;
            left.logical = true;
        }
        Ok(left)
    }

    fn range(&mut self) -> Result<Matrix, Failure> {
        let first = self.sum()?;
        if !self.is_symbol(":") {
            return Ok(first);
        }
        let line = self.token.line;
        self.advance()?;
        let second = self.sum()?;
        let (step, last) = if self.is_symbol(":") {
            self.advance()?;
            (second, self.sum()?)
        } else {
            (Matrix::scalar(1.0), second)
        };
        let (Some(first), Some(step), Some(last)) = (first.as_scalar(), step.as_scalar(), last.as_scalar()) else {
            return Err((line, "a range is made of three single numbers at most".to_owned()));
        };
        // The end is reached in spite of rounding, as in MATLAB.
        let steps = ((last - first) / step * (1.0 + f64::EPSILON)).floor();
        if !(first.is_finite() && last.is_finite() && step != 0.0) || steps.is_nan() || steps >= MOST_ELEMENTS as f64 {
            return Err((line, format!("the range {first}:{step}:{last} is not understood")));
        }
        let data: Vec<f64> =
            if steps < 0.0 { Vec::new() } else { (0..=steps as usize).map(|i| first + i as f64 * step).collect() };
        self.spend(data.len())?;
        Ok(Matrix::row(data))
    }

    fn sum(&mut self) -> Result<Matrix, Failure> {
        let mut left = self.product()?;
        while let Some(operator) = self.operator(&SUMS) {
            // `[1 -2]` are two elements, `[1 - 2]` and `[1 -2*x]`'s kin without the leading blank one.
            if self.in_matrix && self.token.blank_before && !self.token.blank_after {
                break;
            }
            self.advance()?;
            let right = self.product()?;
            left = self.combine(&left, &right, operator)?;
        }
        Ok(left)
    }

    fn product(&mut self) -> Result<Matrix, Failure> {
        let mut left = self.signed()?;
        while let Some(operator) = self.operator(&PRODUCTS) {
            let line = self.token.line;
            self.advance()?;
            let right = self.signed()?;
            let single = |m: &Matrix| m.as_scalar().is_some();
            let linear_algebra = match operator.0 {
                "*" => !single(&left) && !single(&right),
                "/" => !single(&right),
                _ => false,
            };
            if linear_algebra {
                return Err((line, format!("'{}' between matrices is not supported", operator.0)));
            }
            left = self.combine(&left, &right, operator)?;
        }
        Ok(left)
    }

    fn signed(&mut self) -> Result<Matrix, Failure> {
        let Word::Symbol(sign @ ("-" | "+" | "~")) = self.token.word else {
            return self.power();
        };
        self.depth += 1;
        if self.depth > DEEPEST {
            return self.fail("too many signs in a row");
        }
        self.advance()?;
        let value = self.signed()?;
        self.depth -= 1;
        self.spend(value.data.len())?;
        Ok(match sign {
            "-" => Matrix { data: value.data.iter().map(|x| -x).collect(), logical: false, ..value },
            "~" => {
                let data = value.data.iter().map(|&x| f64::from(x == 0.0)).collect();
                Matrix { data, logical: true, ..value }
            }
            _ => value,
        })
    }

    fn power(&mut self) -> Result<Matrix, Failure> {
        let mut base = self.atom()?;
        loop {
            if self.is_symbol("'") || self.is_symbol(".'") {
                self.advance()?;
                self.spend(base.data.len())?;
                base = base.transposed();
                continue;
            }
            let Some(operator) = self.operator(&POWERS) else {
                return Ok(base);
            };
            let line = self.token.line;
            self.advance()?;
            // The exponent may have a sign; a power of a power goes from the left.
            let negative = self.is_symbol("-");
            if negative || self.is_symbol("+") {
                self.advance()?;
            }
            let exponent = self.atom()?;
            let Some(exponent) = exponent.as_scalar().map(|e| if negative { -e } else { e }) else {
                return Err((line, "a power with a matrix as its exponent is not supported".to_owned()));
            };
            if operator.0 == "^" && base.as_scalar().is_none() {
                return Err((line, "'^' of a matrix is not supported: use '.^'".to_owned()));
            }
            base = self.combine(&base, &Matrix::scalar(exponent), operator)?;
        }
    }

    fn atom(&mut self) -> Result<Matrix, Failure> {
        match self.token.word {
            Word::Number(x) => {
                self.advance()?;
                Ok(Matrix::scalar(x))
            }
            Word::Symbol("(") => {
                let in_matrix = std::mem::replace(&mut self.in_matrix, false);
                self.advance()?;
                let value = self.matrix_value()?;
                self.expect_closing(")", in_matrix)?;
                Ok(value)
            }
            Word::Symbol("[") => self.matrix(),
            Word::Name("end") => match self.end {
                Some(end) => {
                    self.advance()?;
                    Ok(Matrix::scalar(end as f64))
                }
                None => self.fail("'end' is not understood here"),
            },
            Word::Name(_) => self.named(),
            _ => self.fail(format!("{} where a value is expected", self.shown())),
        }
    }

    /// The bracket closes, and blanks count again as they did outside.
    fn expect_closing(&mut self, symbol: &str, in_matrix: bool) -> Result<(), Failure> {
        if !self.is_symbol(symbol) {
            return self.fail(format!("{} where '{symbol}' is expected", self.shown()));
        }
        self.in_matrix = in_matrix;
        self.advance()
    }

    /// A variable, an element of one, or a function.
    fn named(&mut self) -> Result<Matrix, Failure> {
        let line = self.token.line;
        let name = self.path()?;
        let applied = self.is_symbol("(") && !(self.in_matrix && self.token.blank_before);
        let fail = |what: String| (line, format!("'{name}': {what}"));
        match self.variables.get(&name).map(|v| &v.value) {
            Some(Value::Matrix(m)) => {
                if !applied {
                    let copy = m.clone();
                    self.spend(copy.data.len())?;
                    return Ok(copy);
                }
                let indices = self.indices(Some((m.rows, m.columns)))?;
                let Some(Value::Matrix(m)) = self.variables.get(&name).map(|v| &v.value) else {
                    return Err(fail("not a matrix".to_owned()));
                };
                let selected = match &indices[..] {
                    [one] => m.select_one(one),
                    [rows, columns] => m.select(rows, columns),
                    _ => Err("one or two indices are understood".to_owned()),
                };
                let selected = selected.map_err(fail)?;
                self.spend(selected.data.len())?;
                Ok(selected)
            }
            Some(_) => Err(fail("text where a number is expected".to_owned())),
            None => {
                let arguments = if applied { self.indices(None)? } else { Vec::new() };
                let matrix = |s: Selector| if let Selector::Matrix(m) = s { Some(m) } else { None };
                let Some(arguments) = arguments.into_iter().map(matrix).collect::<Option<Vec<_>>>() else {
                    return Err(fail("':' as the argument of a function, or a matrix not defined before".to_owned()));
                };
                self.spend(arguments.iter().map(|m| m.data.len()).sum())?;
                let result = function(&name, &arguments).map_err(fail)?;
                self.spend(result.data.len())?;
                Ok(result)
            }
        }
    }

    /// `[ ... ]`.
    fn matrix(&mut self) -> Result<Matrix, Failure> {
        let in_matrix = std::mem::replace(&mut self.in_matrix, true);
        self.advance()?;
        let mut all = Matrix::default();
        let mut row = Matrix::default();
        let mut row_line = self.token.line;
        loop {
            match self.token.word {
                Word::Symbol("]") => {
                    self.append_row(&mut all, row, row_line)?;
                    break;
                }
                Word::Symbol(";") | Word::Newline => {
                    self.append_row(&mut all, std::mem::take(&mut row), row_line)?;
                    self.advance()?;
                    row_line = self.token.line;
                }
                Word::Symbol(",") => self.advance()?,
                _ => {
                    row_line = self.token.line;
                    let element = self.matrix_value()?;
                    let copied = if row.rows > 1 { row.data.len() } else { 0 };
                    self.spend(element.data.len() + copied)?;
                    row = row.beside(element).map_err(|what| (row_line, what))?;
                }
            }
        }
        self.in_matrix = in_matrix;
        self.advance()?;
        Ok(all)
    }

    fn append_row(&mut self, all: &mut Matrix, row: Matrix, line: usize) -> Result<(), Failure> {
        if row.is_empty() {
            return Ok(());
        }
        if all.is_empty() {
            all.columns = row.columns;
        }
        if all.columns != row.columns {
            return Err((line, format!("a row of {} numbers below rows of {}", row.columns, all.columns)));
        }
        all.rows += row.rows;
        all.lines.extend(std::iter::repeat_n(line, row.rows));
        all.data.extend(row.data);
        if all.data.len() > MOST_ELEMENTS {
            return Err((line, format!("more than {MOST_ELEMENTS} numbers in a matrix")));
        }
        Ok(())
    }

    /// `{ ... }`: all elements one after the other.
    fn cell(&mut self) -> Result<Value, Failure> {
        let in_matrix = std::mem::replace(&mut self.in_matrix, true);
        self.advance()?;
        let mut elements = Vec::new();
        loop {
            match self.token.word {
                Word::Symbol("}") => break,
                Word::Symbol(";" | ",") | Word::Newline => self.advance()?,
                _ => {
                    self.spend(1)?;
                    elements.push(self.value()?);
                }
            }
        }
        self.in_matrix = in_matrix;
        self.advance()?;
        Ok(Value::Cell(elements))
    }

    fn operator(&self, operators: &[Operator]) -> Option<Operator> {
        let Word::Symbol(symbol) = self.token.word else { return None };
        operators.iter().find(|o| o.0 == symbol).copied()
    }

    fn combine(&mut self, left: &Matrix, right: &Matrix, operator: Operator) -> Result<Matrix, Failure> {
        self.spend(left.data.len().max(right.data.len()))?;
        let combined = left.combine(right, operator.0, operator.1).map_err(|what| (self.token.line, what))?;
        self.spend(combined.data.len())?;
        Ok(combined)
    }
}

fn function(name: &str, arguments: &[Matrix]) -> Result<Matrix, String> {
    let each: Option<fn(f64) -> f64> = match name {
        "sin" => Some(f64::sin),
        "cos" => Some(f64::cos),
        "tan" => Some(f64::tan),
        "asin" => Some(f64::asin),
        "acos" => Some(f64::acos),
        "atan" => Some(f64::atan),
        "sqrt" => Some(f64::sqrt),
        "exp" => Some(f64::exp),
        "log" => Some(|x| if x < 0.0 { f64::NAN } else { x.ln() }),
        "abs" => Some(f64::abs),
        "round" => Some(f64::round),
        "floor" => Some(f64::floor),
        "ceil" => Some(f64::ceil),
        _ => None,
    };
    if let Some(f) = each {
        return if let [x] = arguments { x.map(name, f) } else { Err("one argument is expected".to_owned()) };
    }
    let scalar = |i: usize| arguments.get(i).and_then(Matrix::as_scalar);
    let counts = || {
        let whole = |x: f64| (x.fract() == 0.0 && (0.0..=MOST_ELEMENTS as f64).contains(&x)).then_some(x as usize);
        let (rows, columns) = (scalar(0).and_then(whole), scalar(arguments.len().saturating_sub(1)).and_then(whole));
        rows.zip(columns).filter(|_| arguments.len() <= 2).ok_or_else(|| "a number of rows and columns".to_owned())
    };
    match (name, arguments) {
        ("pi", []) => Ok(Matrix::scalar(std::f64::consts::PI)),
        ("Inf" | "inf", []) => Ok(Matrix::scalar(f64::INFINITY)),
        ("NaN" | "nan", []) => Ok(Matrix::scalar(f64::NAN)),
        ("true", []) => Ok(Matrix { logical: true, ..Matrix::scalar(1.0) }),
        ("false", []) => Ok(Matrix { logical: true, ..Matrix::scalar(0.0) }),
        ("zeros", [_, ..]) => counts().and_then(|(r, c)| Matrix::filled(r, c, 0.0)),
        ("ones", [_, ..]) => counts().and_then(|(r, c)| Matrix::filled(r, c, 1.0)),
        ("numel", [m]) => Ok(Matrix::scalar(m.data.len() as f64)),
        ("length", [m]) => Ok(Matrix::scalar(if m.is_empty() { 0 } else { m.rows.max(m.columns) } as f64)),
        ("size", [m, _]) => match scalar(1) {
            Some(1.0) => Ok(Matrix::scalar(m.rows as f64)),
            Some(2.0) => Ok(Matrix::scalar(m.columns as f64)),
            _ => Err("the second argument is 1 or 2".to_owned()),
        },
        ("find", [m]) => {
            let found: Vec<f64> = (0..m.data.len()).filter(|&i| m.data[i] != 0.0).map(|i| i as f64 + 1.0).collect();
            match (m.rows, m.columns) {
                (1, _) => Ok(Matrix::row(found)),
                (_, 1) => Ok(Matrix { rows: found.len(), columns: 1, data: found, ..Matrix::default() }),
                _ => Err("a single row or column is expected".to_owned()),
            }
        }
        _ => Err("not defined before, and not a function that is understood".to_owned()),
    }
}
