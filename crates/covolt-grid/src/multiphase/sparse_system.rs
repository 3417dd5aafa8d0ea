//! The linearised nodal equations as a sparse real matrix with its LU factors: the method that knows nothing of blocks.
//!
//! Unknowns V_re, V_im of every node, interleaved, by position. Every element enters by its admittance, a line too; the residual
//! Y V + I(V) - I_source is computed from them. So this is an independent check of the block elimination; it runs
//! where it is asked for. A residual cannot be better than the rounding of its terms: a node counts as balanced at the tolerance
//! or at that floor, whichever is larger.

use super::coefficient::{Coefficient, RealTile};
use super::flow_iterations::{Demand, upper_branch};
use super::network::MultiphaseNetwork;
use super::nodal_system::NodalSystem;
use super::port_current::Linearised;
use super::workspace::FlowVectors;
use crate::error::GridError;
use crate::power_flow::{Attempt, FlowOptions};
use crate::sparse_lu::{LuFactors, SparseLu};
use num_complex::Complex64;
use std::collections::BTreeMap;

/// Rounding of a sum of magnitudes, relative.
const ROUNDING: f64 = 2.0 * f64::EPSILON;

/// Y by rows and the pattern of the real matrix.
#[derive(Debug, Clone)]
pub(crate) struct SparseSystem {
    n: usize,
    row_start: Vec<usize>,
    column: Vec<usize>,
    y: Vec<Complex64>,
    lu: SparseLu,
    /// Values of the matrix without ports.
    values: Vec<f64>,
    /// Places of the tiles (from, from), (from, to), (to, from), (to, to) of each port.
    port_places: Vec<[Option<Place>; 4]>,
}

/// Places of a tile in the values: of (re, re) in the column of the real part, and in that of the imaginary part.
type Place = [usize; 2];

/// Per-thread values and factors.
#[derive(Debug)]
pub(crate) struct SparseWorkspace {
    values: Vec<f64>,
    factors: LuFactors,
    x: Vec<f64>,
}

impl SparseSystem {
    /// Assembles all elements and sources.
    pub fn new(network: &MultiphaseNetwork, system: &NodalSystem) -> Result<SparseSystem, GridError> {
        let n = network.parts().nodes.len();
        let plan = &system.structure.plan;
        let at = |node: super::network::NodeIndex| plan.position[node.0] as usize;
        let mut rows: Vec<BTreeMap<usize, Complex64>> =
            (0..n).map(|i| BTreeMap::from([(i, Complex64::ZERO)])).collect();
        for element in &system.elements {
            let size = element.size();
            for (k, &y) in element.y.iter().enumerate() {
                if let (Some(a), Some(b)) = (element.nodes[k / size], element.nodes[k % size]) {
                    *rows[at(a)].entry(at(b)).or_default() += y;
                }
            }
        }
        for source in &system.structure.sources {
            let size = source.positions.len();
            for (k, &y) in source.y.iter().enumerate() {
                *rows[source.positions[k / size] as usize].entry(source.positions[k % size] as usize).or_default() += y;
            }
        }
        for port in &system.structure.ports {
            let (a, b) = (port.from as usize, port.to as usize);
            if b < n {
                rows[a].entry(b).or_default();
                rows[b].entry(a).or_default();
            }
        }
        let mut columns: Vec<BTreeMap<usize, Complex64>> = vec![BTreeMap::new(); n];
        for (i, row) in rows.iter().enumerate() {
            row.iter().for_each(|(&j, &y)| {
                columns[j].insert(i, y);
            });
        }
        let mut column_start = vec![0];
        let (mut row, mut values) = (Vec::new(), Vec::new());
        let mut places: BTreeMap<(usize, usize), Place> = BTreeMap::new();
        for (j, column) in columns.iter().enumerate() {
            for imaginary in [0, 1] {
                for (&i, y) in column {
                    places.entry((i, j)).or_insert([usize::MAX; 2])[imaginary] = values.len();
                    row.extend([2 * i, 2 * i + 1]);
                    values.extend(if imaginary == 1 { [-y.im, y.re] } else { [y.re, y.im] });
                }
                column_start.push(row.len());
            }
        }
        let port_places = (system.structure.ports.iter())
            .map(|port| {
                let (a, b) = (port.from as usize, port.to as usize);
                [(a, a), (a, b), (b, a), (b, b)].map(|key| places.get(&key).copied())
            })
            .collect();
        let lu = SparseLu::new(2 * n, column_start, row)?;
        let mut sparse =
            SparseSystem { n, row_start: vec![0], column: Vec::new(), y: Vec::new(), lu, values, port_places };
        for entries in rows {
            for (j, y) in entries {
                sparse.column.push(j);
                sparse.y.push(y);
            }
            sparse.row_start.push(sparse.column.len());
        }
        Ok(sparse)
    }

    /// Memory for one thread.
    pub fn workspace(&self) -> SparseWorkspace {
        SparseWorkspace { values: self.values.clone(), factors: self.lu.factors(), x: vec![0.0; 2 * self.n] }
    }

    /// Current (Y V)_i at a position, and the sum of the magnitudes of its terms.
    fn network_current(&self, at: usize, v: &[Complex64]) -> (Complex64, f64) {
        let (mut current, mut magnitude) = (Complex64::ZERO, 0.0);
        for k in self.row_start[at]..self.row_start[at + 1] {
            let term = self.y[k] * v[self.column[k]];
            current += term;
            magnitude += term.re.abs() + term.im.abs();
        }
        (current, magnitude)
    }

    /// Factorises at `vectors.v`; the inner error is a position without a pivot.
    pub fn linearise(
        &self,
        system: &NodalSystem,
        demand: Demand<'_>,
        vectors: &mut FlowVectors,
        ws: &mut SparseWorkspace,
    ) -> Result<Result<(), usize>, GridError> {
        self.factorise(system, demand, vectors, ws)?;
        // The factorisation accepts a zero pivot; a solution then has no finite entries.
        vectors.x.fill(Complex64::ONE);
        self.solve(ws, &mut vectors.x);
        Ok(vectors.x[..self.n].iter().position(|x| !x.is_finite()).map_or(Ok(()), Err))
    }

    fn factorise(
        &self,
        system: &NodalSystem,
        demand: Demand<'_>,
        vectors: &mut FlowVectors,
        ws: &mut SparseWorkspace,
    ) -> Result<(), GridError> {
        ws.values.copy_from_slice(&self.values);
        let mut check = 0.0;
        for (k, port) in system.structure.ports.iter().enumerate() {
            let voltage = port.voltage(&vectors.v);
            let linear = port.linearise(demand.fraction * demand.p[k], demand.fraction * demand.q[k], voltage);
            vectors.ports[k] = linear;
            let tile = RealTile::new(linear.alpha, linear.beta);
            check += tile.size();
            let ratio = port.ratio;
            for (place, factor) in self.port_places[k].iter().zip([1.0, -ratio, -ratio, ratio * ratio]) {
                if let Some([real, imaginary]) = *place {
                    let [a, b, c, d] = tile.0;
                    ws.values[real] += factor * a;
                    ws.values[real + 1] += factor * c;
                    ws.values[imaginary] += factor * b;
                    ws.values[imaginary + 1] += factor * d;
                }
            }
        }
        self.lu.factorise(&ws.values, check, &mut ws.factors)
    }

    /// Solves in place, by position. Without factors the result is NaN.
    pub fn solve(&self, ws: &mut SparseWorkspace, x: &mut [Complex64]) {
        self.run(ws, x, false);
    }

    /// Solves the transposed system in place, by position. Without factors the result is NaN.
    pub fn solve_transposed(&self, ws: &mut SparseWorkspace, x: &mut [Complex64]) {
        self.run(ws, x, true);
    }

    fn run(&self, ws: &mut SparseWorkspace, x: &mut [Complex64], transposed: bool) {
        for (pair, x) in ws.x.chunks_exact_mut(2).zip(x.iter()) {
            pair.copy_from_slice(&[x.re, x.im]);
        }
        self.lu.solve(&mut ws.factors, &mut ws.x, transposed);
        for (pair, x) in ws.x.chunks_exact(2).zip(x.iter_mut()) {
            *x = Complex64::new(pair[0], pair[1]);
        }
    }
}

/// Newton from `vectors.v` on the residual Y V + I(V) - I_source.
pub(crate) fn sparse_newton(
    system: &NodalSystem,
    sparse: &SparseSystem,
    demand: Demand<'_>,
    continued: bool,
    vectors: &mut FlowVectors,
    ws: &mut SparseWorkspace,
    options: &FlowOptions,
) -> Attempt {
    let plan = &system.structure.plan;
    let mut attempt = Attempt {
        iterations: 0,
        mismatch_pu: f64::INFINITY,
        worst_bus: plan.bus_at(0),
        converged: false,
        upper_branch: false,
    };
    loop {
        if sparse.factorise(system, demand, vectors, ws).is_err() {
            return attempt;
        }
        vectors.drawn.fill(Complex64::ZERO);
        for (port, Linearised { current, .. }) in system.structure.ports.iter().zip(&vectors.ports) {
            vectors.drawn[port.from as usize] += current;
            vectors.drawn[port.to as usize] -= current * port.ratio;
        }
        vectors.previous.fill(Complex64::ZERO);
        system.structure.add_source_currents(&mut vectors.previous);
        let (mut worst, mut sum, mut balanced) = (0.0, 0.0, true);
        for at in 0..sparse.n {
            let (into_network, magnitude) = sparse.network_current(at, &vectors.v);
            let source = vectors.previous[at];
            let residual = into_network + vectors.drawn[at] - source;
            vectors.x[at] = -residual;
            let mismatch = residual.norm();
            sum += mismatch;
            balanced &= mismatch <= f64::max(options.tolerance_pu, ROUNDING * (magnitude + source.norm()));
            if mismatch > worst {
                worst = mismatch;
                attempt.worst_bus = plan.bus_at(at);
            }
        }
        attempt.mismatch_pu = if f64::is_finite(sum) { worst } else { f64::INFINITY };
        attempt.converged = balanced && f64::is_finite(sum);
        if attempt.converged || !f64::is_finite(sum) || attempt.iterations >= options.max_iterations {
            break;
        }
        sparse.solve(ws, &mut vectors.x);
        for (v, dv) in vectors.v[..sparse.n].iter_mut().zip(&vectors.x) {
            *v += dv;
        }
        attempt.iterations += 1;
    }
    attempt.upper_branch = attempt.converged && upper_branch(system, demand, continued, vectors);
    attempt
}
