//! Dense Cholesky factors and the two products that dominate an interior-point step: `L^-1 B^T` and its Gram matrix.
//!
//! Matrices are row-major. Right-hand sides come in panels of eight rows of B, stored `[variable][8]`, so that the inner
//! loops run over eight independent columns and vectorise without reassociating any sum (same result on every machine
//! with IEEE arithmetic).

/// Columns per panel.
pub(crate) const PANEL: usize = 8;

/// Number of panels that hold `rows` rows.
pub(crate) fn panels(rows: usize) -> usize {
    rows.div_ceil(PANEL)
}

/// Factors `a` (n x n, lower triangle read) in place into its Cholesky factor; the strict upper triangle is untouched.
///
/// A pivot below `floor[i]` means a direction without curvature or limit; its variable is frozen by an infinite pivot,
/// represented by a huge number so that the solve gives 0 for it. Returns the number of frozen directions.
pub(crate) fn factor(a: &mut [f64], n: usize, floor: &[f64]) -> usize {
    let mut frozen = 0;
    for i in 0..n {
        let (above, rest) = a.split_at_mut(i * n);
        let row = &mut rest[..n];
        for j in 0..i {
            let other = &above[j * n..j * n + n];
            let value = (row[j] - dot(&row[..j], &other[..j])) / other[j];
            row[j] = value;
        }
        let pivot = row[i] - dot(&row[..i], &row[..i]);
        row[i] = if pivot > floor[i] {
            pivot.sqrt()
        } else {
            frozen += 1;
            1e100
        };
    }
    frozen
}

/// Inner product with four running sums.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 4];
    let (ac, bc) = (a.chunks_exact(4), b.chunks_exact(4));
    let tail: f64 = ac.remainder().iter().zip(bc.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in ac.zip(bc) {
        for k in 0..4 {
            sums[k] += x[k] * y[k];
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + tail
}

/// x <- L^-1 x.
pub(crate) fn forward(l: &[f64], n: usize, x: &mut [f64]) {
    for i in 0..n {
        let row = &l[i * n..i * n + i + 1];
        let (done, rest) = x.split_at_mut(i);
        rest[0] = (rest[0] - dot(&row[..i], done)) / row[i];
    }
}

/// x <- L^-T x.
pub(crate) fn backward(l: &[f64], n: usize, x: &mut [f64]) {
    for i in (0..n).rev() {
        let row = &l[i * n..i * n + i + 1];
        let (before, rest) = x.split_at_mut(i);
        let value = rest[0] / row[i];
        rest[0] = value;
        for (target, factor) in before.iter_mut().zip(row) {
            *target -= factor * value;
        }
    }
}

/// Copies rows of a row-major `rows x n` matrix into panels; missing rows of the last panel are zero.
pub(crate) fn pack(b: &[f64], rows: usize, n: usize, out: &mut Vec<f64>) {
    out.clear();
    out.resize(panels(rows) * n * PANEL, 0.0);
    for i in 0..rows {
        let base = (i / PANEL) * n * PANEL + i % PANEL;
        for j in 0..n {
            out[base + j * PANEL] = b[i * n + j];
        }
    }
}

/// w <- L^-1 B^T panel by panel.
pub(crate) fn forward_panels(l: &[f64], n: usize, b: &[f64], w: &mut [f64]) {
    for (b, w) in b.chunks_exact(n * PANEL).zip(w.chunks_exact_mut(n * PANEL)) {
        for i in 0..n {
            let row = &l[i * n..i * n + i + 1];
            let (done, rest) = w.split_at_mut(i * PANEL);
            let mut sum = [0.0; PANEL];
            for (factor, y) in row.iter().zip(done.as_chunks::<PANEL>().0) {
                for k in 0..PANEL {
                    sum[k] += factor * y[k];
                }
            }
            let inverse = 1.0 / row[i];
            for k in 0..PANEL {
                rest[k] = (b[i * PANEL + k] - sum[k]) * inverse;
            }
        }
    }
}

/// Lower triangle of `W^T W` into `s`, packed row by row (`s[i (i+1)/2 + j]`, j <= i), for `rows` rows.
pub(crate) fn gram(w: &[f64], rows: usize, n: usize, s: &mut [f64]) {
    const HALF: usize = PANEL / 2;
    let panel = n * PANEL;
    let halves = rows.div_ceil(HALF);
    for p in 0..halves {
        let wp = &w[(p / 2) * panel..(p / 2 + 1) * panel];
        let op = (p % 2) * HALF;
        for q in 0..=p {
            let wq = &w[(q / 2) * panel..(q / 2 + 1) * panel];
            let oq = (q % 2) * HALF;
            let mut sum = [[0.0; HALF]; HALF];
            for (x, y) in wp.as_chunks::<PANEL>().0.iter().zip(wq.as_chunks::<PANEL>().0) {
                let (x, y) = (&x[op..op + HALF], &y[oq..oq + HALF]);
                for a in 0..HALF {
                    for b in 0..HALF {
                        sum[a][b] += x[a] * y[b];
                    }
                }
            }
            for (a, line) in sum.iter().enumerate() {
                let i = p * HALF + a;
                for (b, value) in line.iter().enumerate() {
                    let j = q * HALF + b;
                    if i < rows && j <= i {
                        s[i * (i + 1) / 2 + j] = *value;
                    }
                }
            }
        }
    }
}

/// out_i <- sum_j W_ji u_j, the product with the packed panels, for `out.len()` rows.
pub(crate) fn panel_product(w: &[f64], n: usize, u: &[f64], out: &mut [f64]) {
    for (w, out) in w.chunks_exact(n * PANEL).zip(out.chunks_mut(PANEL)) {
        let mut sum = [0.0; PANEL];
        for (y, factor) in w.as_chunks::<PANEL>().0.iter().zip(u) {
            for k in 0..PANEL {
                sum[k] += factor * y[k];
            }
        }
        for (target, value) in out.iter_mut().zip(sum) {
            *target = value;
        }
    }
}

/// u_j <- u_j - sum_i W_ji lambda_i, for `lambda.len()` rows.
pub(crate) fn panel_subtract(w: &[f64], n: usize, lambda: &[f64], u: &mut [f64]) {
    for (w, lambda) in w.chunks_exact(n * PANEL).zip(lambda.chunks(PANEL)) {
        let mut padded = [0.0; PANEL];
        padded[..lambda.len()].copy_from_slice(lambda);
        for (y, target) in w.as_chunks::<PANEL>().0.iter().zip(u.iter_mut()) {
            let mut sum = [0.0; 4];
            for k in 0..4 {
                sum[k] = y[k] * padded[k] + y[k + 4] * padded[k + 4];
            }
            *target -= (sum[0] + sum[1]) + (sum[2] + sum[3]);
        }
    }
}
