//! The relaxation of one window, assembled as a conic program, and the way back from its variables.

use super::BoundSettings;
use super::columns::{Columns, RowBlock, RowLabel};
use super::conic::ConicData;
use super::error::BoundError;
use super::flow_range::{Arrival, DemandRange, arrivals};
use super::flow_rows::{Rows, StepData, add_step};
use super::input::{balanced, check};
use super::local_rows::{add_cost, add_limits, ranges};
use super::stored_energy::{RunningSum, running_sums};
use super::tree::FlowTree;
use clarabel::algebra::CscMatrix;
use clarabel::solver::SupportedConeT::{NonnegativeConeT, SecondOrderConeT, ZeroConeT};
use covolt_fleet::window_program::{VariableLayout, local_program};
use covolt_fleet::{AgentProgram, BaseDemand, Fleet, Window};
use covolt_grid::Network;
use std::ops::Range;

/// Cost in the columns' own variables: constant + linear x + quadratic.
#[derive(Debug, Clone)]
pub(super) struct CostTerms {
    pub constant: f64,
    pub linear: Vec<f64>,
    /// (i <= j, value of the symmetric matrix)
    pub quadratic: Vec<(usize, usize, f64)>,
}

impl CostTerms {
    /// Adds slope times the physical value of a column.
    pub fn linear(&mut self, columns: &Columns, column: usize, slope: f64) {
        self.constant += slope * columns.offset[column];
        self.linear[column] += slope * columns.scale[column];
    }

    /// Adds 1/2 value x_i^2, or value x_i x_j for i != j, in physical values.
    pub fn quadratic(&mut self, columns: &Columns, i: usize, j: usize, value: f64) {
        let (oi, oj, si, sj) = (columns.offset[i], columns.offset[j], columns.scale[i], columns.scale[j]);
        if i == j {
            self.constant += 0.5 * value * oi * oi;
            self.linear[i] += value * oi * si;
        } else {
            self.constant += value * oi * oj;
            self.linear[i] += value * oj * si;
            self.linear[j] += value * oi * sj;
        }
        self.quadratic.push((i.min(j), i.max(j), value * si * sj));
    }
}

/// The program and the way back from its variables.
#[derive(Debug)]
pub(super) struct ConicProgram {
    pub data: ConicData,
    /// What each row stands for.
    pub label: Vec<RowLabel>,
    /// What one unit of slack changes in the row of a limit; zero in other rows.
    pub unit: Vec<f64>,
    /// What each row in physical units was multiplied with.
    pub factor: Vec<f64>,
    pub columns: Columns,
    /// First row of the second-order cones.
    cone_start: usize,
    /// $ per unit of the program's objective.
    pub cost_scale_usd: f64,
    /// Cost at objective 0, $.
    pub constant_usd: f64,
    pub tree: FlowTree,
    layouts: Vec<VariableLayout>,
    w_source: f64,
    pub steps: usize,
}

/// Rows of one element at one step.
pub(super) struct FlowRows {
    /// Active and reactive balance, voltage drop.
    pub equal: Range<usize>,
    /// P^2 + Q^2 <= l w_s.
    pub cone: Range<usize>,
}

impl ConicProgram {
    /// Assembles the relaxation of a window.
    pub fn build(fleet: &Fleet, window: &Window, settings: &BoundSettings) -> Result<ConicProgram, BoundError> {
        check(fleet, window)?;
        let network = balanced(fleet)?;
        let base_kva = fleet.grid.base_kva();
        let agents: Vec<AgentProgram> = (fleet.microgrids.iter().zip(&window.microgrids))
            .map(|(mg, w)| local_program(mg, w, window.dt_h, window.steps))
            .collect();
        let base = BaseDemand::new(fleet, window);
        let demand: Vec<DemandRange> = (0..window.steps).map(|t| DemandRange::new(fleet, &base, &agents, t)).collect();
        let s_max: Vec<f64> = (0..fleet.grid.n_buses())
            .map(|bus| demand.iter().map(|step| step.apparent(bus)).fold(0.0, f64::max))
            .collect();
        let tree =
            FlowTree::new(network, &fleet.limits, &s_max, settings.voltage_allowance_pu, settings.current_allowance);

        let w_source = network.source().v_pu * network.source().v_pu;
        let (mut w_low, mut w_high): (Vec<f64>, Vec<f64>) = (fleet.limits.v_min_pu.iter())
            .zip(&fleet.limits.v_max_pu)
            .map(|(&low, &high)| {
                let (low, high) =
                    ((low - settings.voltage_allowance_pu).max(0.0), high + settings.voltage_allowance_pu);
                (low * low, high * high)
            })
            .unzip();
        let root = network.source().bus.0;
        (w_low[root], w_high[root]) = (w_source, w_source);

        let ranges_of: Vec<Vec<Arrival>> = demand.iter().map(|step| arrivals(&tree, step, &w_low, &w_high)).collect();
        let mut columns = Columns::new(&tree, &ranges_of, &w_low, &w_high);
        let sums: Vec<Vec<RunningSum>> = agents.iter().map(running_sums).collect();
        agents.iter().zip(&sums).for_each(|(agent, sums)| columns.add_agent(&ranges(agent), sums));

        let mut rows = Rows::default();
        let i_max: Vec<f64> = fleet.limits.i_max_pu.iter().map(|i| i * (1.0 + settings.current_allowance)).collect();
        for (t, arrivals) in ranges_of.iter().enumerate() {
            let (p_base, q_base) = base.step(t);
            let (p_devices, q_devices) = device_terms(fleet, &agents, &columns, t, base_kva);
            let data = StepData {
                t,
                p_base,
                q_base,
                p_devices: &p_devices,
                q_devices: &q_devices,
                w_source,
                i_max: &i_max,
                w_low: &w_low,
                w_high: &w_high,
                arrivals,
            };
            add_step(&tree, &columns, &data, &mut rows);
        }
        let mut cost = CostTerms { constant: 0.0, linear: vec![0.0; columns.len()], quadratic: Vec::new() };
        for (n, (mg, agent)) in fleet.microgrids.iter().zip(&agents).enumerate() {
            add_limits(n, mg, agent, &sums[n], &columns, &mut rows);
            add_cost(n, mg, agent, window.dt_h, &columns, &mut cost);
        }
        add_exchange_cost((fleet, network), window, &tree, &columns, w_source, base_kva, &mut cost);

        let layouts = agents.iter().map(|agent| agent.layout).collect();
        Ok(assemble(columns, rows, cost, tree, layouts, w_source, window.steps))
    }

    /// Cost at an objective value, $.
    pub fn usd(&self, objective: f64) -> f64 {
        self.constant_usd + self.cost_scale_usd * objective
    }

    /// Rows of element `e` at step `t`: the network's come first of each kind (`flow_rows.rs`).
    pub fn flow_rows(&self, t: usize, e: usize) -> FlowRows {
        let at = t * self.tree.elements.len() + e;
        let cone = self.cone_start + 4 * at;
        FlowRows { equal: 3 * at..3 * at + 3, cone: cone..cone + 4 }
    }

    /// Number of columns of the network, which come before those of the devices.
    pub fn grid_columns(&self) -> usize {
        4 * self.tree.elements.len() * self.steps
    }

    /// A x over the columns of the network alone.
    pub fn flow_activity(&self, x: &[f64]) -> Vec<f64> {
        let a = &self.data.a;
        let mut activity = vec![0.0; self.data.b.len()];
        for (column, x) in x[..self.grid_columns()].iter().enumerate() {
            (a.colptr[column]..a.colptr[column + 1]).for_each(|k| activity[a.rowval[k]] += a.nzval[k] * x);
        }
        activity
    }

    /// q + A^T z of the network's columns.
    pub fn flow_slope(&self, z: &[f64]) -> Vec<f64> {
        let a = &self.data.a;
        let priced =
            |column: usize| (a.colptr[column]..a.colptr[column + 1]).map(|k| a.nzval[k] * z[a.rowval[k]]).sum::<f64>();
        self.data.q[..self.grid_columns()].iter().enumerate().map(|(column, q)| q + priced(column)).collect()
    }

    /// Set-points of the devices, battery power netted.
    pub fn actions(&self, x: &[f64]) -> Vec<Vec<f64>> {
        (self.layouts.iter().enumerate())
            .map(|(n, layout)| {
                let local: Vec<f64> =
                    (0..layout.len()).map(|i| self.columns.value(x, self.columns.agent(n, i))).collect();
                let mut action = vec![0.0; layout.action.len()];
                layout.to_action(&local, &mut action);
                action
            })
            .collect()
    }

    /// Largest l w - P^2 - Q^2 in units of the square of the branch's largest possible current.
    pub fn relaxation_gap_max(&self, x: &[f64]) -> f64 {
        let mut largest: f64 = 0.0;
        for t in 0..self.steps {
            for (e, element) in self.tree.elements.iter().enumerate() {
                let columns = &self.columns;
                let w = self.tree.feeding[element.parent].map_or(self.w_source, |e| columns.value(x, columns.w(t, e)));
                let (p, q) = (x[columns.p(t, e)], x[columns.q(t, e)]);
                largest = largest.max(x[columns.l(t, e)] * w * element.c_parent - p * p - q * q);
            }
        }
        largest
    }

    /// Largest simultaneous charging and discharging, kW.
    pub fn charge_discharge_overlap_kw(&self, x: &[f64]) -> f64 {
        let mut largest: f64 = 0.0;
        for (n, layout) in self.layouts.iter().enumerate() {
            for t in 0..self.steps {
                for k in 0..layout.action.batteries {
                    let power = |i: usize| self.columns.value(x, self.columns.agent(n, i));
                    largest = largest.max(power(layout.p_charge(t, k)).min(power(layout.p_discharge(t, k))));
                }
            }
        }
        largest
    }
}

/// Terms of the devices in the net demand of each bus at step `t`, per unit of the grid.
type BusTerms = Vec<Vec<(usize, f64)>>;

fn device_terms(
    fleet: &Fleet,
    agents: &[AgentProgram],
    columns: &Columns,
    t: usize,
    base_kva: f64,
) -> (BusTerms, BusTerms) {
    let n_buses = fleet.grid.n_buses();
    let (mut p, mut q): (BusTerms, BusTerms) = (vec![Vec::new(); n_buses], vec![Vec::new(); n_buses]);
    let per_kw = 1.0 / base_kva;
    for (n, (mg, agent)) in fleet.microgrids.iter().zip(agents).enumerate() {
        let layout = &agent.layout;
        for (i, dg) in mg.dgs.iter().enumerate() {
            p[dg.connection.bus().0].push((columns.agent(n, layout.p_dg(t, i)), -per_kw));
            q[dg.connection.bus().0].push((columns.agent(n, layout.q_dg(t, i)), -per_kw));
        }
        for (j, pv) in mg.pvs.iter().enumerate() {
            q[pv.connection.bus().0].push((columns.agent(n, layout.q_pv(t, j)), -per_kw));
        }
        for (k, battery) in mg.batteries.iter().enumerate() {
            p[battery.connection.bus().0].push((columns.agent(n, layout.p_charge(t, k)), per_kw));
            p[battery.connection.bus().0].push((columns.agent(n, layout.p_discharge(t, k)), -per_kw));
            q[battery.connection.bus().0].push((columns.agent(n, layout.q_ess(t, k)), per_kw));
        }
    }
    (p, q)
}

/// -lambda_R P_PCC dt = lambda_R dt times the power into the PCC branch at its from side, shunt included.
fn add_exchange_cost(
    (fleet, network): (&Fleet, &Network),
    window: &Window,
    tree: &FlowTree,
    columns: &Columns,
    w_source: f64,
    base_kva: f64,
    cost: &mut CostTerms,
) {
    for (mg, w) in fleet.microgrids.iter().zip(&window.microgrids) {
        let Some((e, element)) = tree.elements.iter().enumerate().find(|(_, element)| element.branch == mg.pcc.0)
        else {
            continue;
        };
        let branch = &network.branches()[mg.pcc.0];
        let g_from = branch.shunt_from_pu.re;
        for t in 0..window.steps {
            let usd_per_pu = w.price_per_kwh[t] * window.dt_h * base_kva;
            match tree.feeding[branch.from.0] {
                Some(feeding) => cost.linear(columns, columns.w(t, feeding), usd_per_pu * g_from),
                None => cost.constant += usd_per_pu * g_from * w_source,
            }
            if element.parent_is_from {
                cost.linear(columns, columns.p(t, e), usd_per_pu);
            } else {
                cost.linear(columns, columns.p(t, e), -usd_per_pu);
                cost.linear(columns, columns.l(t, e), usd_per_pu * element.z.re);
            }
        }
    }
}

/// The rows' entries by column, in time linear in their number: rows come in rising order, so counting is enough where a sort
/// would take a third of the assembly.
fn by_columns(rows: usize, columns: usize, all: &RowBlock) -> CscMatrix<f64> {
    let mut start = vec![0; columns + 1];
    all.column.iter().for_each(|&column| start[column + 1] += 1);
    (0..columns).for_each(|column| start[column + 1] += start[column]);
    let mut next = start.clone();
    let (mut row_of, mut value_of) = (vec![0; all.row.len()], vec![0.0; all.row.len()]);
    for ((&row, &column), &value) in all.row.iter().zip(&all.column).zip(&all.value) {
        let at = next[column];
        // Terms of one row in the same column stand next to each other, and are one entry.
        if at > start[column] && row_of[at - 1] == row {
            value_of[at - 1] += value;
        } else {
            (row_of[at], value_of[at]) = (row, value);
            next[column] += 1;
        }
    }
    // Merged entries leave gaps.
    let mut kept = 0;
    let mut packed = vec![0; columns + 1];
    for column in 0..columns {
        for at in start[column]..next[column] {
            (row_of[kept], value_of[kept]) = (row_of[at], value_of[at]);
            kept += 1;
        }
        packed[column + 1] = kept;
    }
    row_of.truncate(kept);
    value_of.truncate(kept);
    CscMatrix::new(rows, columns, packed, row_of, value_of)
}

fn assemble(
    columns: Columns,
    rows: Rows,
    cost: CostTerms,
    tree: FlowTree,
    layouts: Vec<VariableLayout>,
    w_source: f64,
    steps: usize,
) -> ConicProgram {
    let n = columns.len();
    let Rows { equal, at_most, cones: second_order, cone_sizes } = rows;
    let mut cones = vec![ZeroConeT(equal.rhs.len()), NonnegativeConeT(at_most.rhs.len())];
    cones.extend(cone_sizes.into_iter().map(SecondOrderConeT));
    let cone_start = equal.rhs.len() + at_most.rhs.len();
    let mut all = RowBlock::default();
    for block in [equal, at_most, second_order] {
        let start = all.rhs.len();
        all.row.extend(block.row.iter().map(|r| r + start));
        all.column.extend(block.column);
        all.value.extend(block.value);
        all.rhs.extend(block.rhs);
        all.label.extend(block.label);
        all.unit.extend(block.unit);
        all.factor.extend(block.factor);
    }
    // Largest change of the cost over the box: objective values come out of order one.
    let largest: f64 =
        cost.linear.iter().zip(columns.low.iter().zip(&columns.high)).map(|(c, (l, h))| (c * (h - l)).abs()).sum();
    let cost_scale_usd = if largest > 0.0 { largest } else { 1.0 };
    let q: Vec<f64> = cost.linear.iter().map(|c| c / cost_scale_usd).collect();
    let quadratic: Vec<_> = cost.quadratic.iter().filter(|(_, _, value)| *value != 0.0).collect();
    let p = CscMatrix::new_from_triplets(
        n,
        n,
        quadratic.iter().map(|entry| entry.0).collect(),
        quadratic.iter().map(|entry| entry.1).collect(),
        quadratic.iter().map(|entry| entry.2 / cost_scale_usd).collect(),
    );
    let a = by_columns(all.rhs.len(), n, &all);
    ConicProgram {
        data: ConicData { p, q, a, b: all.rhs, cones, low: columns.low.clone(), high: columns.high.clone() },
        label: all.label,
        unit: all.unit,
        factor: all.factor,
        columns,
        cone_start,
        cost_scale_usd,
        constant_usd: cost.constant,
        tree,
        layouts,
        w_source,
        steps,
    }
}
