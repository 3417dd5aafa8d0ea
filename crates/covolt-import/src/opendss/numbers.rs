//! Which number, list or matrix does a value stand for?
//!
//! A number in brackets or quotes is an expression in reverse Polish notation on a stack: `(8 1000 /)` is 0.008. A matrix is
//! given by rows between bars; missing entries above the diagonal are those below it (lower-triangle form).

use super::tokens::{Unclosed, Value, rows, values};

/// Deepest stack of an expression.
const DEEPEST_STACK: usize = 64;

fn unclosed(Unclosed(open): Unclosed) -> String {
    format!("'{open}' has no end")
}

/// A number, or the value of an expression.
pub(crate) fn number(value: &Value) -> Result<f64, String> {
    let text = value.text.trim();
    let found = match plain_number(text) {
        Some(number) => number,
        None if value.quoted => expression(text)?,
        None => return Err(format!("'{text}' is not a number")),
    };
    if found.is_finite() { Ok(found) } else { Err(format!("'{text}' is not a finite number")) }
}

/// A literal; words such as `inf` and `nan` are none.
fn plain_number(text: &str) -> Option<f64> {
    let plausible = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'));
    // A leading plus sign and a leading or trailing point are as valid here as in Rust.
    text.parse().ok().filter(|_| plausible)
}

/// A whole number; `3.0` counts as one, as in the reference engine.
pub(crate) fn whole(value: &Value) -> Result<i64, String> {
    let found = number(value)?;
    if found.fract() == 0.0 && found.abs() < 1e15 {
        Ok(found as i64)
    } else {
        Err(format!("'{}' is not a whole number", value.text))
    }
}

/// A count between one and `most`.
pub(crate) fn count(value: &Value, most: usize) -> Result<usize, String> {
    match whole(value)? {
        n if n >= 1 && n as u64 <= most as u64 => Ok(n as usize),
        n => Err(format!("{n} is not between 1 and {most}")),
    }
}

/// Yes or no, by the first letter.
pub(crate) fn yes(value: &Value) -> Result<bool, String> {
    match value.text.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" | "t" | "true" | "1" => Ok(true),
        "n" | "no" | "f" | "false" | "0" => Ok(false),
        other => Err(format!("'{other}' is neither yes nor no")),
    }
}

/// The words of a list.
pub(crate) fn list(value: &Value) -> Result<Vec<String>, String> {
    Ok(values(&value.text).map_err(unclosed)?.into_iter().map(|v| v.text).filter(|t| !t.trim().is_empty()).collect())
}

/// The numbers of a list, each of which may be an expression in brackets of its own.
pub(crate) fn numbers(value: &Value) -> Result<Vec<f64>, String> {
    values(&value.text).map_err(unclosed)?.iter().map(number).collect()
}

/// A pair of numbers, such as a complex impedance.
pub(crate) fn pair(value: &Value) -> Result<(f64, f64), String> {
    match numbers(value)?.as_slice() {
        [a, b] => Ok((*a, *b)),
        other => Err(format!("two numbers are needed, {} are given", other.len())),
    }
}

/// A symmetric matrix of `n` rows, full or as its lower triangle, row after row.
///
/// A full matrix must be symmetric: the reference engine reads one half of it, and a file that relies on which half is in error.
pub(crate) fn symmetric(value: &Value, n: usize) -> Result<Vec<f64>, String> {
    let rows = rows(&value.text).map_err(unclosed)?;
    let rows: Vec<Vec<f64>> = rows.iter().map(|row| row.iter().map(number).collect()).collect::<Result<_, _>>()?;
    if rows.len() != n {
        return Err(format!("the matrix has {} rows, but there are {n} phases", rows.len()));
    }
    let mut matrix = vec![0.0; n * n];
    for (i, row) in rows.iter().enumerate() {
        if row.len() != i + 1 && row.len() != n {
            return Err(format!("row {} of the matrix has {} entries, expected {} or {n}", i + 1, row.len(), i + 1));
        }
        for (j, &entry) in row.iter().enumerate().take(i + 1) {
            matrix[i * n + j] = entry;
            matrix[j * n + i] = entry;
        }
    }
    let largest = matrix.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
    for (i, row) in rows.iter().enumerate().filter(|(_, row)| row.len() == n) {
        if let Some(j) = (i + 1..n).find(|&j| (row[j] - matrix[i * n + j]).abs() > ASYMMETRY * largest) {
            return Err(format!("the matrix is not symmetric at row {}, column {}", i + 1, j + 1));
        }
    }
    Ok(matrix)
}

/// Difference of two halves of a matrix that rounding in a file explains, relative to its largest entry.
const ASYMMETRY: f64 = 1e-4;

/// An expression in reverse Polish notation; angles are in degrees, as in the reference engine.
fn expression(text: &str) -> Result<f64, String> {
    let mut stack: Vec<f64> = Vec::new();
    for word in text.split([' ', ',', '\t']).filter(|w| !w.is_empty()) {
        if let Some(number) = plain_number(word) {
            if stack.len() >= DEEPEST_STACK {
                return Err(format!("'{text}' is deeper than {DEEPEST_STACK} numbers"));
            }
            stack.push(number);
            continue;
        }
        let mut pop = || stack.pop().ok_or_else(|| format!("'{text}': nothing left for '{word}'"));
        let result = match word.to_ascii_lowercase().as_str() {
            "+" => pop()? + pop()?,
            "*" => pop()? * pop()?,
            "-" => {
                let b = pop()?;
                pop()? - b
            }
            "/" => {
                let b = pop()?;
                pop()? / b
            }
            "^" => {
                let b = pop()?;
                pop()?.powf(b)
            }
            "sqr" => {
                let a = pop()?;
                a * a
            }
            "sqrt" => pop()?.sqrt(),
            "inv" => 1.0 / pop()?,
            "ln" => pop()?.ln(),
            "exp" => pop()?.exp(),
            "log10" => pop()?.log10(),
            "sin" => pop()?.to_radians().sin(),
            "cos" => pop()?.to_radians().cos(),
            "tan" => pop()?.to_radians().tan(),
            "asin" => pop()?.asin().to_degrees(),
            "acos" => pop()?.acos().to_degrees(),
            "atan" => pop()?.atan().to_degrees(),
            "atan2" => {
                let x = pop()?;
                pop()?.atan2(x).to_degrees()
            }
            "pi" => std::f64::consts::PI,
            _ => return Err(format!("'{text}' is neither a number nor an expression ('{word}')")),
        };
        stack.push(result);
    }
    stack.pop().ok_or_else(|| "an empty value is not a number".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(text: &str) -> Value {
        Value { text: text.to_owned(), quoted: true }
    }

    #[test]
    fn ref_expressions() {
        let x = number(&quoted("1.051 0.88 0.001 3 * - - 115 12.47 / sqr *")).expect("valid");
        assert!((x - (1.051 - (0.88 - 0.003)) * (115.0f64 / 12.47).powi(2)).abs() < 1e-12, "{x}");
        assert_eq!(number(&quoted("8 1000 /")), Ok(0.008));
        assert_eq!(number(&quoted("0.00625 -1 * 1 +")), Ok(0.99375));
        assert_eq!(number(&Value::plain(".5")), Ok(0.5));
        assert!(number(&Value::plain("8 1000 /")).is_err());
        assert!(number(&quoted("1 0 /")).is_err() && number(&quoted("+")).is_err());
        assert!(number(&Value::plain("nan")).is_err() && number(&Value::plain("1e999")).is_err());
    }

    #[test]
    fn ref_matrices() {
        let lower = symmetric(&quoted("1 | 2 3"), 2).expect("valid");
        assert_eq!(lower, [1.0, 2.0, 2.0, 3.0]);
        assert_eq!(symmetric(&quoted("1 2 | 2 3"), 2), Ok(lower));
        assert!(symmetric(&quoted("1 2 | 9 3"), 2).is_err());
        assert!(symmetric(&quoted("1 | 2 3"), 3).is_err());
        assert!(symmetric(&quoted("1 | 2 3 4"), 2).is_err());
    }
}
