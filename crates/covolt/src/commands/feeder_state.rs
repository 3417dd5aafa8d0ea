//! A feeder file as a grid, and what is found on it once it is solved.

use crate::cli::FeederArgs;
use crate::exit::CliError;
use crate::feeder_file::{self, FeederFile};
use covolt_grid::multiphase::{
    Control, ControlOptions, ElementModel, MultiphaseGrid, MultiphaseNetwork, MultiphaseParts, NodeIndex,
};
use covolt_grid::{BusIndex, Complex64, DistributionGrid, FlowInfo, FlowOptions, Grid};
use covolt_import::ImportReport;
use serde::Serialize;
use std::time::Instant;

/// A feeder of 8 500 nodes needs some dozens.
const MOST_CONTROL_ROUNDS: usize = 200;

/// What the file describes.
pub enum Feeder {
    /// One phase stands for three; net demand of every bus, per unit.
    Balanced {
        /// The grid.
        grid: Grid,
        /// Active.
        p: Vec<f64>,
        /// Reactive.
        q: Vec<f64>,
    },
    /// Every phase, with controls.
    Multiphase(MultiphaseGrid),
}

/// A tap that a control moves.
#[derive(Debug, Serialize)]
pub struct TapState {
    pub control: String,
    pub transformer: String,
    /// From 1.
    pub winding: usize,
    pub tap_before_pu: f64,
    pub tap_pu: f64,
    /// Steps from the middle of the range.
    pub step: Option<i64>,
}

/// A capacitor that a control switches.
#[derive(Debug, Serialize)]
pub struct CapacitorState {
    pub control: String,
    pub capacitor: String,
    pub on_before: bool,
    pub on: bool,
}

/// Where the controls rest.
#[derive(Debug, Default, Serialize)]
pub struct Controls {
    /// Power flows solved until none wanted to act; zero where none may.
    pub power_flows: usize,
    pub taps: Vec<TapState>,
    pub capacitors: Vec<CapacitorState>,
}

/// A voltage or an unbalance factor, and where it is.
#[derive(Debug)]
pub struct At {
    pub value: f64,
    pub at: String,
}

/// Times of a solve, microseconds.
#[derive(Debug, Serialize)]
pub struct SolveTime {
    pub solves: u32,
    pub median_us: f64,
    pub fastest_us: f64,
}

/// The voltage of a node.
#[derive(Debug, Serialize)]
pub struct VoltageRow {
    pub bus: String,
    pub node: u32,
    pub vm_pu: f64,
    pub va_deg: f64,
    pub re_v: f64,
    pub im_v: f64,
}

/// A solved feeder.
pub struct Solved {
    pub controls: Controls,
    pub flow: FlowInfo,
    pub source_kva: Complex64,
    pub losses_kva: Complex64,
    pub lowest: Option<At>,
    pub highest: Option<At>,
    /// |V_2| / |V_1| as a fraction.
    pub unbalance: Option<At>,
    pub time: Option<SolveTime>,
    pub voltages: Vec<VoltageRow>,
    /// The network at rest; `None` for a balanced one.
    pub network: Option<MultiphaseNetwork>,
}

/// Reads the file.
pub fn read(args: &FeederArgs) -> Result<(Feeder, ImportReport), CliError> {
    match feeder_file::read(&args.feeder)? {
        FeederFile::Multiphase(imported) => {
            Ok((Feeder::Multiphase(MultiphaseGrid::new(imported.network)?), imported.report))
        }
        FeederFile::Balanced(imported) => {
            let (p, q) = imported.net_demand_pu();
            Ok((Feeder::Balanced { grid: Grid::new(imported.network)?, p, q }, imported.report))
        }
    }
}

impl Feeder {
    /// Name, then buses, nodes, elements, and demand in kW and kvar as given.
    pub fn size(&self) -> (String, [usize; 3], [f64; 2]) {
        match self {
            Feeder::Balanced { grid, p, q } => {
                let (network, base_kva) = (grid.network(), 1e3 * grid.network().base_mva());
                let sum = |x: &[f64]| base_kva * x.iter().sum::<f64>();
                let buses = network.buses().len();
                (network.name().to_owned(), [buses, buses, network.branches().len()], [sum(p), sum(q)])
            }
            Feeder::Multiphase(grid) => {
                let parts = grid.network().parts();
                let sums = [parts.ports.iter().map(|p| p.p_kw).sum(), parts.ports.iter().map(|p| p.q_kvar).sum()];
                (parts.name.clone(), [parts.buses.len(), parts.nodes.len(), parts.elements.len()], sums)
            }
        }
    }

    /// Brings the controls to rest, solves at nominal load with the taps as they are then, and reads off what there is to see.
    pub fn solve(self, args: &FeederArgs) -> Result<Solved, CliError> {
        let (grid, (p, q), controls, network) = match self {
            Feeder::Balanced { grid, p, q } => (DistributionGrid::from(grid), (p, q), Controls::default(), None),
            Feeder::Multiphase(mut grid) => {
                let controls = bring_to_rest(&mut grid, args)?;
                let (demand, network) = (grid.nominal_demand(), grid.network().clone());
                (DistributionGrid::from(grid), demand, controls, Some(network))
            }
        };
        let options = FlowOptions { tolerance_pu: args.tolerance, ..FlowOptions::default() };
        let mut ws = grid.workspace();
        let flow = grid.solve(&p, &q, &mut ws, &options)?;
        let mut times: Vec<f64> = Vec::new();
        for _ in 0..args.repeat {
            let start = Instant::now();
            grid.solve(&p, &q, &mut ws, &options)?;
            times.push(1e6 * start.elapsed().as_secs_f64());
        }
        times.sort_by(f64::total_cmp);
        let time = times.first().map(|&fastest_us| SolveTime {
            solves: args.repeat,
            median_us: times[times.len() / 2],
            fastest_us,
        });
        let v = ws.v();
        let value = |i: usize| At { value: grid.voltage_pu(i, v), at: grid.voltage_name(i) };
        let all = |unbalance| {
            (0..grid.n_voltages()).filter(|&i| grid.is_unbalance_factor(i) == unbalance).map(value).collect::<Vec<At>>()
        };
        let by_value = |a: &At, b: &At| a.value.total_cmp(&b.value);
        Ok(Solved {
            flow,
            source_kva: grid.source_power_pu(v) * grid.base_kva(),
            losses_kva: grid.losses_pu(v) * grid.base_kva(),
            lowest: all(false).into_iter().min_by(by_value),
            highest: all(false).into_iter().max_by(by_value),
            unbalance: all(true).into_iter().max_by(by_value),
            time,
            voltages: voltages(&grid, v),
            controls,
            network,
        })
    }
}

/// Moves the controls to rest at a share of the nominal demand.
fn bring_to_rest(grid: &mut MultiphaseGrid, args: &FeederArgs) -> Result<Controls, CliError> {
    let before = grid.network().parts().clone();
    let mut power_flows = 0;
    if !args.fixed_taps {
        let (mut p, mut q) = grid.nominal_demand();
        p.iter_mut().chain(&mut q).for_each(|x| *x *= args.taps_at);
        let mut ws = grid.workspace();
        let options = ControlOptions { max_iterations: MOST_CONTROL_ROUNDS };
        // With the default tolerance: a looser one may be asked for to see what it costs, not to move other taps.
        power_flows = grid.settle_controls(&p, &q, &mut ws, &FlowOptions::default(), &options)?.iterations;
    }
    let mut controls = Controls { power_flows, ..Controls::default() };
    let after = grid.network().parts();
    for control in &after.controls {
        match control {
            Control::Regulator(r) => {
                let tap = |parts: &MultiphaseParts| match &parts.elements.get(r.transformer.0)?.model {
                    ElementModel::Transformer(t) => t.windings.get(r.tap_winding).cloned(),
                    _ => None,
                };
                if let (Some(was), Some(is)) = (tap(&before), tap(after)) {
                    let step = (is.tap_max_pu - is.tap_min_pu) / f64::from(is.tap_steps);
                    let steps = ((is.tap_pu - 0.5 * (is.tap_max_pu + is.tap_min_pu)) / step).round();
                    controls.taps.push(TapState {
                        control: r.id.clone(),
                        transformer: after.elements[r.transformer.0].id.clone(),
                        winding: r.tap_winding + 1,
                        tap_before_pu: was.tap_pu,
                        tap_pu: is.tap_pu,
                        step: steps.is_finite().then_some(steps as i64),
                    });
                }
            }
            Control::Capacitor(c) => {
                let on = |parts: &MultiphaseParts| match parts.elements.get(c.capacitor.0)?.model {
                    ElementModel::Shunt { closed, .. } => Some(closed),
                    _ => None,
                };
                if let (Some(on_before), Some(on)) = (on(&before), on(after)) {
                    let capacitor = after.elements[c.capacitor.0].id.clone();
                    controls.capacitors.push(CapacitorState { control: c.id.clone(), capacitor, on_before, on });
                }
            }
        }
    }
    Ok(controls)
}

fn voltages(grid: &DistributionGrid, v: &[Complex64]) -> Vec<VoltageRow> {
    let row = |(k, &v): (usize, &Complex64)| {
        // A balanced grid is that of the first phase.
        let base_kv = |own: &Grid| own.network().buses().get(k).map(|b| 1e3 * b.v_base_kv / 3f64.sqrt());
        let (bus, node, base_v) = match grid.multiphase().map(MultiphaseGrid::network) {
            None => (BusIndex(k), 1, grid.balanced().and_then(base_kv)),
            Some(network) => {
                let (bus, number) = network.parts().nodes.get(k).map_or((BusIndex(k), 0), |n| (n.bus, n.number));
                (bus, number, network.v_base_v(NodeIndex(k)))
            }
        };
        let volts = v * base_v.unwrap_or(f64::NAN);
        let (vm_pu, va_deg) = (v.norm(), v.arg().to_degrees());
        VoltageRow { bus: grid.bus_id(bus).to_owned(), node, vm_pu, va_deg, re_v: volts.re, im_v: volts.im }
    };
    v.iter().enumerate().map(row).collect()
}
