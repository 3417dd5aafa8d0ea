//! Real matrices with the arithmetic of MATLAB that case files use: element by element, with scalars and single rows or
//! columns repeated, selection and assignment by index lists.
//!
//! Errors are plain sentences; the interpreter adds the line. Whatever MATLAB would answer with a complex number
//! (`sqrt(-1)`, `acos(2)`) is an error, as is everything that would let a matrix grow.

/// A real matrix, row by row.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Matrix {
    pub rows: usize,
    pub columns: usize,
    pub data: Vec<f64>,
    /// The result of a comparison: as an index it is a mask.
    pub logical: bool,
    /// Line of each row when the matrix is written out in the file, else empty.
    pub lines: Vec<usize>,
}

/// One index of a selection.
pub(super) enum Selector {
    All,
    Matrix(Matrix),
}

/// Elements that one value may have; more is a mistake or an attack.
pub(super) const MOST_ELEMENTS: usize = 4_000_000;

impl Matrix {
    pub fn scalar(value: f64) -> Matrix {
        Matrix { rows: 1, columns: 1, data: vec![value], ..Matrix::default() }
    }

    pub fn row(data: Vec<f64>) -> Matrix {
        Matrix { rows: 1, columns: data.len(), data, ..Matrix::default() }
    }

    pub fn filled(rows: usize, columns: usize, value: f64) -> Result<Matrix, String> {
        match rows.checked_mul(columns) {
            Some(n) if n <= MOST_ELEMENTS => Ok(Matrix { rows, columns, data: vec![value; n], ..Matrix::default() }),
            _ => Err(format!("a matrix of {rows} x {columns} is too large")),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    pub fn as_scalar(&self) -> Option<f64> {
        if let [value] = self.data[..] { Some(value) } else { None }
    }

    pub fn size(&self) -> String {
        format!("{} x {}", self.rows, self.columns)
    }

    pub fn get(&self, row: usize, column: usize) -> Option<f64> {
        if column < self.columns { self.data.get(row * self.columns + column).copied() } else { None }
    }

    /// Each element through `f`; `name` is for the message.
    pub fn map(&self, name: &str, f: impl Fn(f64) -> f64) -> Result<Matrix, String> {
        let data = self.data.iter().map(|&x| real(name, f(x), x, x)).collect::<Result<_, _>>()?;
        Ok(Matrix { rows: self.rows, columns: self.columns, data, ..Matrix::default() })
    }

    /// Element by element; a dimension of 1 is repeated.
    pub fn combine(&self, other: &Matrix, name: &str, f: impl Fn(f64, f64) -> f64) -> Result<Matrix, String> {
        let repeated = |a: usize, b: usize| match (a, b) {
            _ if a == b => Some(a),
            (1, n) | (n, 1) => Some(n),
            _ => None,
        };
        let (Some(rows), Some(columns)) = (repeated(self.rows, other.rows), repeated(self.columns, other.columns))
        else {
            return Err(format!("'{name}' between {} and {}", self.size(), other.size()));
        };
        let mut out = Matrix::filled(rows, columns, 0.0)?;
        for r in 0..rows {
            for c in 0..columns {
                let a = self.data[(if self.rows == 1 { 0 } else { r }) * self.columns + c.min(self.columns - 1)];
                let b = other.data[(if other.rows == 1 { 0 } else { r }) * other.columns + c.min(other.columns - 1)];
                out.data[r * columns + c] = real(name, f(a, b), a, b)?;
            }
        }
        Ok(out)
    }

    pub fn transposed(&self) -> Matrix {
        let mut data = Vec::with_capacity(self.data.len());
        for c in 0..self.columns {
            data.extend((0..self.rows).map(|r| self.data[r * self.columns + c]));
        }
        Matrix { rows: self.columns, columns: self.rows, data, logical: self.logical, lines: Vec::new() }
    }

    /// `self` with `right` beside it.
    pub fn beside(mut self, right: Matrix) -> Result<Matrix, String> {
        if self.is_empty() {
            return Ok(right);
        }
        if right.is_empty() {
            return Ok(self);
        }
        if self.rows != right.rows {
            return Err(format!("{} beside {}", self.size(), right.size()));
        }
        if self.rows == 1 {
            self.data.extend(right.data);
            self.columns += right.columns;
            return Ok(self);
        }
        let mut out = Matrix::filled(0, 0, 0.0)?;
        for r in 0..self.rows {
            out.data.extend(&self.data[r * self.columns..(r + 1) * self.columns]);
            out.data.extend(&right.data[r * right.columns..(r + 1) * right.columns]);
        }
        (out.rows, out.columns) = (self.rows, self.columns + right.columns);
        Ok(out)
    }

    /// The selection `self(rows, columns)`.
    pub fn select(&self, rows: &Selector, columns: &Selector) -> Result<Matrix, String> {
        let rows = positions(rows, self.rows, "row")?;
        let columns = positions(columns, self.columns, "column")?;
        let mut out = Matrix::filled(rows.len(), columns.len(), 0.0)?;
        for (i, &r) in rows.iter().enumerate() {
            for (j, &c) in columns.iter().enumerate() {
                out.data[i * columns.len() + j] = self.data[r * self.columns + c];
            }
        }
        out.logical = self.logical;
        Ok(out)
    }

    /// The selection `self(index)` of a single row or column.
    pub fn select_one(&self, index: &Selector) -> Result<Matrix, String> {
        match (self.rows, self.columns, index) {
            (_, 1, _) => self.select(index, &Selector::All),
            (1, _, Selector::Matrix(_)) => self.select(&Selector::All, index),
            (1, _, Selector::All) => Ok(self.transposed()),
            _ => Err(format!("one index into a matrix of {}: two are needed", self.size())),
        }
    }

    /// The assignment `self(rows, columns) = value`.
    pub fn assign(&mut self, rows: &Selector, columns: &Selector, value: &Matrix) -> Result<usize, String> {
        let rows = positions(rows, self.rows, "row")?;
        let columns = positions(columns, self.columns, "column")?;
        let single = value.as_scalar();
        // MATLAB also takes a row for a column and the like; here both sides have to have the same shape.
        if single.is_none() && (value.rows, value.columns) != (rows.len(), columns.len()) {
            return Err(format!("{} cannot become {} x {}", value.size(), rows.len(), columns.len()));
        }
        for (i, &r) in rows.iter().enumerate() {
            for (j, &c) in columns.iter().enumerate() {
                let new = single.unwrap_or_else(|| value.data[i * columns.len() + j]);
                self.data[r * self.columns + c] = new;
            }
        }
        Ok(rows.len() * columns.len())
    }

    /// The assignment `self(index) = value` into a single row or column.
    pub fn assign_one(&mut self, index: &Selector, value: &Matrix) -> Result<usize, String> {
        match (self.rows, self.columns) {
            (_, 1) => self.assign(index, &Selector::All, value),
            (1, _) => self.assign(&Selector::All, index, value),
            _ => Err(format!("one index into a matrix of {}: two are needed", self.size())),
        }
    }
}

fn real(name: &str, result: f64, a: f64, b: f64) -> Result<f64, String> {
    if result.is_nan() && !a.is_nan() && !b.is_nan() {
        return Err(format!("'{name}' of {a} and {b} is not a real number"));
    }
    Ok(result)
}

fn positions(selector: &Selector, length: usize, what: &str) -> Result<Vec<usize>, String> {
    let index = match selector {
        Selector::All => return Ok((0..length).collect()),
        Selector::Matrix(index) => index,
    };
    if index.logical {
        if index.data.len() != length {
            return Err(format!("a mask of {} for {length} {what}s", index.data.len()));
        }
        return Ok((0..length).filter(|&i| index.data[i] != 0.0).collect());
    }
    let position = |&x: &f64| {
        if x.fract() != 0.0 || x < 1.0 || !x.is_finite() {
            Err(format!("{what} {x} is not a positive whole number"))
        } else if x > length as f64 {
            Err(format!("{what} {x} of {length}"))
        } else {
            Ok(x as usize - 1)
        }
    };
    index.data.iter().map(position).collect()
}
