//! How does each device of a script become ports of the network?

use super::build::Build;
use super::generator::{Connection, GeneratorData};
use super::load::{LoadData, Scaling, ShapeNames};
use super::{Device, DeviceClass};
use crate::report::Action;
use covolt_grid::multiphase::{
    ConductorMatrix, Element, ElementModel, ElementTerminal, Port, VoltageDependence, VoltageRange,
};
use num_complex::Complex64;

/// Admittance of a neutral that is solidly grounded, S.
const SOLID_GROUND_S: f64 = 1e6;

/// What all ports of a device have in common.
struct Shares {
    bus: String,
    phases: usize,
    is_delta: bool,
    conductors: usize,
    port_kv: f64,
    dependence: VoltageDependence,
    range: Option<VoltageRange>,
    /// Demand of all phases.
    p_kw: f64,
    q_kvar: f64,
}

impl Build<'_> {
    pub(super) fn load(&mut self, load: &LoadData) -> Result<(), String> {
        let (dependence, range) = load.dependence()?;
        let by_options = if load.scaling == Scaling::Variable { self.circuit.options.load_multiplier } else { 1.0 };
        let by_options_q = if load.fixed_reactive() { 1.0 } else { by_options };
        let shares = Shares {
            bus: load.bus1.clone(),
            phases: load.phases,
            is_delta: load.is_delta,
            conductors: load.conductors(),
            port_kv: load.port_kv(),
            dependence,
            range,
            p_kw: load.p_kw * by_options,
            q_kvar: load.q_kvar * by_options_q,
        };
        let (terminal, ids) = self.ports(&shares)?;
        let (r, x) = load.neutral_ohm;
        if r >= 0.0 && !load.is_delta {
            self.neutral(&terminal, r, x);
        }
        self.devices.push((
            Device {
                id: self.owner.clone(),
                class: DeviceClass::Load,
                ports: Vec::new(),
                p_kw: load.p_kw,
                q_kvar: load.q_kvar,
                power_factor: load.power_factor,
                scaling: load.scaling,
                reactive_is_fixed: load.fixed_reactive(),
                shapes: load.shapes.clone(),
            },
            ids,
        ));
        Ok(())
    }

    pub(super) fn generator(&mut self, data: &GeneratorData) -> Result<(), String> {
        let by_options = if data.is_fixed { 1.0 } else { self.circuit.options.generator_multiplier };
        let by_options_q = if data.at.model == 4 { 1.0 } else { by_options };
        let feed = (data.p_kw * by_options, data.q_kvar * by_options_q);
        self.feed_in(DeviceClass::Generator, &data.at, feed, &data.shapes)?;
        if let Some((device, _)) = self.devices.last_mut() {
            (device.p_kw, device.q_kvar, device.power_factor) = (-data.p_kw, -data.q_kvar, data.power_factor);
            device.scaling = if data.is_fixed { Scaling::Fixed } else { Scaling::Variable };
            device.reactive_is_fixed = data.at.model == 4;
        }
        Ok(())
    }

    /// A device that feeds in: its ports demand the opposite.
    pub(super) fn feed_in(
        &mut self,
        class: DeviceClass,
        at: &Connection,
        (p_kw, q_kvar): (f64, f64),
        shapes: &ShapeNames,
    ) -> Result<(), String> {
        let shares = Shares {
            bus: at.bus1.clone(),
            phases: at.phases,
            is_delta: at.is_delta,
            conductors: at.conductors(),
            port_kv: at.port_kv(),
            dependence: if at.model == 2 { VoltageDependence::Impedance } else { VoltageDependence::Power },
            range: at.range(),
            p_kw: -p_kw,
            q_kvar: -q_kvar,
        };
        let (_, ids) = self.ports(&shares)?;
        let kva = p_kw.hypot(q_kvar);
        let device = Device {
            id: self.owner.clone(),
            class,
            ports: Vec::new(),
            p_kw: -p_kw,
            q_kvar: -q_kvar,
            power_factor: if kva > 0.0 { (p_kw.abs() / kva).copysign(p_kw * q_kvar) } else { 1.0 },
            scaling: Scaling::Variable,
            reactive_is_fixed: false,
            shapes: shapes.clone(),
        };
        self.devices.push((device, ids));
        Ok(())
    }

    /// One port per phase; those of a delta lie between a conductor and the next.
    fn ports(&mut self, shares: &Shares) -> Result<(ElementTerminal, Vec<String>), String> {
        let terminal = self.terminal(&shares.bus, shares.phases, shares.conductors)?;
        let n = shares.phases as f64;
        let mut ids = Vec::new();
        for k in 0..shares.phases {
            let to = if shares.is_delta { (k + 1) % shares.conductors } else { shares.conductors - 1 };
            let (a, b) = (terminal.conductors[k], terminal.conductors[to]);
            let id = if shares.phases == 1 { self.owner.clone() } else { format!("{}.{}", self.owner, k + 1) };
            // The power of a port does not depend on its direction.
            let (Some(from), to) = (if a.is_some() { (a, b) } else { (b, a) }) else {
                self.note(Action::LeftOut, format!("{id} has both ends at ground"));
                continue;
            };
            if to == Some(from) {
                self.note(Action::LeftOut, format!("{id} has both ends at the same node"));
                continue;
            }
            self.draft.ports.push(Port {
                id: id.clone(),
                from,
                to,
                v_rated_kv: shares.port_kv,
                dependence: shares.dependence,
                range: shares.range,
                p_kw: shares.p_kw / n,
                q_kvar: shares.q_kvar / n,
            });
            ids.push(id);
        }
        Ok((terminal, ids))
    }

    /// The impedance from the neutral of a load to ground, where the neutral is a node.
    fn neutral(&mut self, terminal: &ElementTerminal, r: f64, x: f64) {
        let Some(&Some(node)) = terminal.conductors.last() else { return };
        let z = Complex64::new(r, x);
        let y = if z == Complex64::ZERO { Complex64::from(SOLID_GROUND_S) } else { z.inv() };
        self.draft.elements.push(Element {
            id: format!("{}.neutral", self.owner),
            terminals: vec![ElementTerminal { bus: terminal.bus, conductors: vec![Some(node)] }],
            model: ElementModel::Shunt { admittance_s: ConductorMatrix::from_fn(1, |_, _| y), closed: true },
            rating_a: None,
            is_switch: false,
        });
    }
}
