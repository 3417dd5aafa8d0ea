//! The fleet: a grid, its microgrids with their devices, the feeder's own loads, and the network limits.

use crate::devices::{Battery, DieselGenerator, Load, Photovoltaic};
use crate::feeders::FeederMemory;
use crate::layout::ActionLayout;
use crate::limits::NetworkLimits;
use covolt_grid::{BranchIndex, BusIndex, Connection, DistributionGrid, PortIndex};
use thiserror::Error;

/// One microgrid: what its agent owns.
#[derive(Debug, Clone, PartialEq)]
pub struct Microgrid {
    /// Name as the user wrote it.
    pub name: String,
    /// Branch of the point of common coupling, from the feeder (from side, metered) to the microgrid (to side).
    pub pcc: BranchIndex,
    /// Buses of the microgrid.
    pub buses: Vec<BusIndex>,
    /// Diesel generators.
    pub dgs: Vec<DieselGenerator>,
    /// PV systems.
    pub pvs: Vec<Photovoltaic>,
    /// Batteries.
    pub batteries: Vec<Battery>,
    /// Loads.
    pub loads: Vec<Load>,
    /// Fuel price lambda_F, $/L.
    pub fuel_price_per_l: f64,
}

impl Microgrid {
    /// Shape of this microgrid's action vector over a window of `steps`.
    pub fn layout(&self, steps: usize) -> ActionLayout {
        ActionLayout { steps, dgs: self.dgs.len(), pvs: self.pvs.len(), batteries: self.batteries.len() }
    }

    /// Signs of (32), (33), the one place of them: calls `device` for every port of every device with the entries of its active
    /// power (a PV system has none) and reactive power at step `t`, and the factor with which they enter the net demand there.
    pub(crate) fn for_each_device(
        &self,
        layout: &ActionLayout,
        t: usize,
        mut device: impl FnMut(PortIndex, Option<usize>, usize, f64),
    ) {
        let mut each = |connection: &Connection, active, reactive, sign: f64| {
            let factor = sign * connection.share();
            connection.ports().iter().for_each(|&port| device(port, active, reactive, factor));
        };
        for (i, dg) in self.dgs.iter().enumerate() {
            each(&dg.connection, Some(layout.p_dg(t, i)), layout.q_dg(t, i), -1.0);
        }
        for (j, pv) in self.pvs.iter().enumerate() {
            each(&pv.connection, None, layout.q_pv(t, j), -1.0);
        }
        for (k, battery) in self.batteries.iter().enumerate() {
            each(&battery.connection, Some(layout.p_ess(t, k)), layout.q_ess(t, k), 1.0);
        }
    }

    /// Connection of every device, generators, batteries, PV systems in turn, with its id.
    pub fn device_connections(&self) -> impl Iterator<Item = (&str, Connection)> {
        let dgs = self.dgs.iter().map(|d| (d.id.as_str(), d.connection));
        let batteries = self.batteries.iter().map(|d| (d.id.as_str(), d.connection));
        dgs.chain(batteries).chain(self.pvs.iter().map(|d| (d.id.as_str(), d.connection)))
    }

    /// Connection of every load, with its id.
    fn load_connections(&self) -> impl Iterator<Item = (&str, Connection)> {
        self.loads.iter().map(|l| (l.id.as_str(), l.connection))
    }
}

/// A grid with its microgrids.
#[derive(Debug)]
pub struct Fleet {
    /// The grid and its solver.
    pub grid: DistributionGrid,
    /// The microgrids.
    pub microgrids: Vec<Microgrid>,
    /// Loads of the feeder that belong to no microgrid.
    pub feeder_loads: Vec<Load>,
    /// Network limits.
    pub limits: NetworkLimits,
    /// See [`Fleet::feeders`].
    pub(crate) feeder_memory: FeederMemory,
}

/// What is wrong with a fleet.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum FleetFault {
    /// A number is outside its range.
    #[error("{owner}: {quantity} is {value}, must be {expected}")]
    OutOfRange {
        /// Device or bus, as the user wrote it.
        owner: String,
        /// Quantity with unit.
        quantity: &'static str,
        /// The value found.
        value: f64,
        /// The range expected.
        expected: &'static str,
    },
    /// A device sits at a bus that is not the microgrid's.
    #[error("{owner}: its bus {bus} does not belong to microgrid {microgrid}")]
    ForeignBus {
        /// Device.
        owner: String,
        /// Bus id.
        bus: String,
        /// Microgrid name.
        microgrid: String,
    },
    /// The PCC branch does not lead from the feeder into the microgrid.
    #[error(
        "microgrid {microgrid}: branch {branch} does not lead from the feeder (from side) into the microgrid (to side)"
    )]
    PccDirection {
        /// Microgrid name.
        microgrid: String,
        /// Branch id.
        branch: String,
    },
    /// A bus belongs to two microgrids.
    #[error("bus {bus} belongs to two microgrids, {first} and {second}")]
    SharedBus {
        /// Bus id.
        bus: String,
        /// First microgrid.
        first: String,
        /// Second microgrid.
        second: String,
    },
    /// A microgrid, a device or a load refers to a bus or branch that the network does not have.
    #[error("{owner} refers to {kind} number {index}, but the network has only {count}")]
    Unknown {
        /// Microgrid, device or load.
        owner: String,
        /// Kind of thing referred to.
        kind: &'static str,
        /// Index given, from 0.
        index: usize,
        /// How many the network has.
        count: usize,
    },
    /// A list of network limits has the wrong length.
    #[error("{found} {quantity} are given, the network needs {expected}")]
    LimitCount {
        /// Which list.
        quantity: &'static str,
        /// Its length.
        found: usize,
        /// Buses or branches of the network.
        expected: usize,
    },
    /// An identifier is used twice.
    #[error("identifier {id} is used twice among {kind}")]
    DuplicateId {
        /// The identifier.
        id: String,
        /// Kind of thing.
        kind: &'static str,
    },
}

impl Fleet {
    /// Checks everything once and returns **all** faults.
    ///
    /// # Errors
    /// The list of faults, never empty.
    pub fn try_new(
        grid: impl Into<DistributionGrid>,
        microgrids: Vec<Microgrid>,
        feeder_loads: Vec<Load>,
        limits: NetworkLimits,
    ) -> Result<Fleet, Vec<FleetFault>> {
        let feeder_memory = FeederMemory::default();
        let fleet = Fleet { grid: grid.into(), microgrids, feeder_loads, limits, feeder_memory };
        let faults = fleet.faults();
        if faults.is_empty() { Ok(fleet) } else { Err(faults) }
    }

    /// Layouts of all microgrids for a window of `steps`.
    pub fn layouts(&self, steps: usize) -> Vec<ActionLayout> {
        self.microgrids.iter().map(|m| m.layout(steps)).collect()
    }

    /// Indices and lists that do not fit the network.
    fn dangling(&self) -> Vec<FleetFault> {
        let (n_buses, n_branches, n_ports) = (self.grid.n_buses(), self.grid.n_branches(), self.grid.n_ports());
        let mut faults = Vec::new();
        let mut known = |owner: &str, kind: &'static str, index: usize, count: usize| {
            if index >= count {
                faults.push(FleetFault::Unknown { owner: owner.to_string(), kind, index, count });
            }
        };
        for mg in &self.microgrids {
            known(&mg.name, "branch", mg.pcc.0, n_branches);
            mg.buses.iter().for_each(|bus| known(&mg.name, "bus", bus.0, n_buses));
        }
        let of_feeder = self.feeder_loads.iter().map(|l| (l.id.as_str(), l.connection));
        let connections = self.microgrids.iter().flat_map(|mg| mg.device_connections().chain(mg.load_connections()));
        for (id, connection) in connections.chain(of_feeder) {
            known(id, "bus", connection.bus().0, n_buses);
            if connection.bus().0 < n_buses {
                connection.ports().iter().for_each(|port| known(id, "port", port.0, n_ports));
            }
        }
        for (quantity, found, expected) in [
            ("lowest voltages", self.limits.v_min_pu.len(), self.grid.n_voltages()),
            ("highest voltages", self.limits.v_max_pu.len(), self.grid.n_voltages()),
            ("current limits", self.limits.i_max_pu.len(), self.grid.n_currents()),
        ] {
            if found != expected {
                faults.push(FleetFault::LimitCount { quantity, found, expected });
            }
        }
        faults
    }

    fn faults(&self) -> Vec<FleetFault> {
        let dangling = self.dangling();
        if !dangling.is_empty() {
            return dangling; // the other checks look things up by these indices
        }
        let bus_name = |b: BusIndex| self.grid.bus_id(b).to_owned();
        let mut faults = Vec::new();
        let mut owner_of_bus: Vec<Option<usize>> = vec![None; self.grid.n_buses()];
        let mut names = std::collections::BTreeSet::new();
        for (n, mg) in self.microgrids.iter().enumerate() {
            if !names.insert(mg.name.as_str()) {
                faults.push(FleetFault::DuplicateId { id: mg.name.clone(), kind: "microgrids" });
            }
            for &bus in &mg.buses {
                match owner_of_bus[bus.0] {
                    Some(first) => faults.push(FleetFault::SharedBus {
                        bus: bus_name(bus),
                        first: self.microgrids[first].name.clone(),
                        second: mg.name.clone(),
                    }),
                    None => owner_of_bus[bus.0] = Some(n),
                }
            }
            let ends = self.grid.branch_ends(mg.pcc);
            if !ends.is_some_and(|(from, to)| !mg.buses.contains(&from) && mg.buses.contains(&to)) {
                let branch = self.grid.branch_id(mg.pcc).to_owned();
                faults.push(FleetFault::PccDirection { microgrid: mg.name.clone(), branch });
            }
            if !(mg.fuel_price_per_l.is_finite() && mg.fuel_price_per_l >= 0.0) {
                faults.push(out_of_range(&mg.name, "fuel price, $/L", mg.fuel_price_per_l, "at least 0"));
            }
            let mut ids = std::collections::BTreeSet::new();
            for (id, connection) in mg.device_connections().chain(mg.load_connections()) {
                if !ids.insert(id) {
                    faults.push(FleetFault::DuplicateId { id: id.to_owned(), kind: "devices of one microgrid" });
                }
                if !mg.buses.contains(&connection.bus()) {
                    faults.push(FleetFault::ForeignBus {
                        owner: id.to_owned(),
                        bus: bus_name(connection.bus()),
                        microgrid: mg.name.clone(),
                    });
                }
            }
            mg.dgs.iter().for_each(|d| check_generator(d, &mut faults));
            mg.pvs.iter().for_each(|d| {
                positive(&d.id, "reactive limit, kvar", d.q_max_kvar, &mut faults);
                d.s_max_kva.iter().for_each(|&s| positive(&d.id, "apparent-power rating, kVA", s, &mut faults));
            });
            mg.batteries.iter().for_each(|d| check_battery(d, &mut faults));
        }
        for i in 0..self.grid.n_voltages() {
            let (low, high) = (self.limits.v_min_pu[i], self.limits.v_max_pu[i]);
            let least = if self.grid.is_unbalance_factor(i) { low <= 0.0 } else { low > 0.0 };
            if !(low.is_finite() && high.is_finite() && least && low < high) {
                let (name, expected) = (self.grid.voltage_name(i), "above 0 and below the highest voltage");
                faults.push(out_of_range(&name, "lowest voltage, pu", low, expected));
            }
        }
        for i in 0..self.grid.n_currents() {
            let limit = self.limits.i_max_pu[i];
            if limit.is_nan() || limit <= 0.0 {
                faults.push(out_of_range(&self.grid.current_name(i), "current limit, A", limit, "above 0"));
            }
        }
        faults
    }
}

fn out_of_range(owner: &str, quantity: &'static str, value: f64, expected: &'static str) -> FleetFault {
    FleetFault::OutOfRange { owner: owner.to_string(), quantity, value, expected }
}

fn positive(owner: &str, quantity: &'static str, value: f64, faults: &mut Vec<FleetFault>) {
    if !(value.is_finite() && value >= 0.0) {
        faults.push(out_of_range(owner, quantity, value, "finite and at least 0"));
    }
}

fn check_generator(d: &DieselGenerator, faults: &mut Vec<FleetFault>) {
    positive(&d.id, "largest active power, kW", d.p_max_kw, faults);
    positive(&d.id, "reactive limit, kvar", d.q_max_kvar, faults);
    positive(&d.id, "fuel coefficient a, L/(kW2 h)", d.fuel.a_l_per_kw2h, faults);
    positive(&d.id, "fuel coefficient b, L/kWh", d.fuel.b_l_per_kwh, faults);
    positive(&d.id, "fuel coefficient c, L/h", d.fuel.c_l_per_h, faults);
    if d.ramp_kw_per_min.is_nan() || d.ramp_kw_per_min <= 0.0 {
        faults.push(out_of_range(&d.id, "ramp, kW/min", d.ramp_kw_per_min, "above 0"));
    }
    if let Some(s) = d.s_max_kva
        && (s.is_nan() || s < d.p_max_kw)
    {
        faults.push(out_of_range(&d.id, "apparent-power rating, kVA", s, "at least the largest active power"));
    }
}

fn check_battery(d: &Battery, faults: &mut Vec<FleetFault>) {
    if !(d.capacity_kwh.is_finite() && d.capacity_kwh > 0.0) {
        faults.push(out_of_range(&d.id, "capacity, kWh", d.capacity_kwh, "above 0"));
    }
    if !(d.soc_min >= 0.0 && d.soc_min < d.soc_max && d.soc_max <= 1.0) {
        faults.push(out_of_range(&d.id, "lowest state of charge", d.soc_min, "0 <= soc_min < soc_max <= 1"));
    }
    for (quantity, eta) in [("charging efficiency", d.eta_charge), ("discharging efficiency", d.eta_discharge)] {
        if !(eta > 0.0 && eta <= 1.0) {
            faults.push(out_of_range(&d.id, quantity, eta, "above 0 and at most 1"));
        }
    }
    positive(&d.id, "largest charging power, kW", d.p_charge_max_kw, faults);
    positive(&d.id, "largest discharging power, kW", d.p_discharge_max_kw, faults);
    positive(&d.id, "reactive limit, kvar", d.q_max_kvar, faults);
    if let Some(s) = d.s_max_kva
        && (s.is_nan() || s < d.p_charge_max_kw.max(d.p_discharge_max_kw))
    {
        faults.push(out_of_range(&d.id, "apparent-power rating, kVA", s, "at least the largest active power"));
    }
}
