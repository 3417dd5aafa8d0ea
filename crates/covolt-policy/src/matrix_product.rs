//! Dense products C = alpha A B + beta C for the networks, on `matrixmultiply`, behind bounds checks.
//!
//! The kernel takes raw pointers, so this is the one file of the crate with `unsafe`; every
//! reachable index is checked against the slices before the call.

/// A matrix seen in a slice: element (i, j) is at `i * row_stride + j * col_stride`.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub data: &'a [f64],
    pub row_stride: usize,
    pub col_stride: usize,
}

impl<'a> View<'a> {
    /// Row-major matrix with `cols` columns.
    pub fn rows_of(data: &'a [f64], cols: usize) -> Self {
        View { data, row_stride: cols, col_stride: 1 }
    }

    /// Transpose of a row-major matrix with `cols` columns.
    pub fn transposed(data: &'a [f64], cols: usize) -> Self {
        View { data, row_stride: 1, col_stride: cols }
    }

    fn holds(&self, rows: usize, cols: usize) -> bool {
        rows == 0 || cols == 0 || (rows - 1) * self.row_stride + (cols - 1) * self.col_stride < self.data.len()
    }
}

/// C (m x n, row-major, row stride `c_stride`) = alpha A (m x k) B (k x n) + beta C.
#[allow(unsafe_code)]
#[allow(clippy::too_many_arguments)]
pub(crate) fn multiply(
    m: usize,
    k: usize,
    n: usize,
    alpha: f64,
    a: View<'_>,
    b: View<'_>,
    beta: f64,
    c: &mut [f64],
    c_stride: usize,
) {
    if m == 0 || n == 0 {
        return;
    }
    assert!(a.holds(m, k) && b.holds(k, n), "operand shorter than its shape");
    assert!(c_stride >= n && (m - 1) * c_stride + n <= c.len(), "result shorter than its shape");
    // SAFETY: the two assertions bound every index the kernel touches; slices never exceed
    // isize::MAX bytes, so the strides fit isize; C is borrowed mutably and thus aliases
    // neither A nor B, and c_stride >= n keeps its elements distinct.
    unsafe {
        matrixmultiply::dgemm(
            m,
            k,
            n,
            alpha,
            a.data.as_ptr(),
            a.row_stride as isize,
            a.col_stride as isize,
            b.data.as_ptr(),
            b.row_stride as isize,
            b.col_stride as isize,
            beta,
            c.as_mut_ptr(),
            c_stride as isize,
            1,
        );
    }
}

/// y += x W for one row x (k) and W (k x n row-major): the packing of the general kernel costs more
/// than the product itself here.
///
/// Compiled once per instruction set and chosen at run time; the order of operations, and so every bit, is the same in all.
pub(crate) fn add_row_times_matrix(x: &[f64], w: &[f64], y: &mut [f64]) {
    pulp::Arch::new().dispatch(|| add_row_times_matrix_here(x, w, y));
}

#[inline(always)]
fn add_row_times_matrix_here(x: &[f64], w: &[f64], y: &mut [f64]) {
    let n = y.len();
    if n == 0 {
        return;
    }
    let mut xs = x.chunks_exact(4);
    let mut ws = w.chunks_exact(4 * n);
    for (x4, w4) in xs.by_ref().zip(ws.by_ref()) {
        let (w01, w23) = w4.split_at(2 * n);
        let (w0, w1) = w01.split_at(n);
        let (w2, w3) = w23.split_at(n);
        let &[x0, x1, x2, x3] = x4 else { return };
        for ((((y, a), b), c), d) in y.iter_mut().zip(w0).zip(w1).zip(w2).zip(w3) {
            *y += (x0 * a + x1 * b) + (x2 * c + x3 * d);
        }
    }
    for (x, w) in xs.remainder().iter().zip(ws.remainder().chunks_exact(n)) {
        for (y, w) in y.iter_mut().zip(w) {
            *y += x * w;
        }
    }
}
