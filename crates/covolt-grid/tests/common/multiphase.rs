//! Multi-phase networks for tests, put together bus by bus.
#![allow(dead_code, clippy::unwrap_used)]

use covolt_grid::multiphase::{
    ConductorMatrix, Element, ElementModel, ElementTerminal, MultiphaseBus, MultiphaseNetwork, MultiphaseParts, Node,
    NodeIndex, Port, Transformer, VoltageDependence, VoltageRange, VoltageSource, Winding, WindingConnection,
    ZipShares,
};
use covolt_grid::{BusId, BusIndex, Complex64};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub fn c(re: f64, im: f64) -> Complex64 {
    Complex64::new(re, im)
}

/// Builds the lists of a network; nodes are found by bus and number.
pub struct Builder {
    pub parts: MultiphaseParts,
}

impl Builder {
    pub fn new(base_mva: f64) -> Builder {
        Builder {
            parts: MultiphaseParts {
                name: "test".into(),
                base_mva,
                f_hz: 60.0,
                buses: vec![],
                nodes: vec![],
                elements: vec![],
                ports: vec![],
                sources: vec![],
                controls: vec![],
            },
        }
    }

    pub fn bus(&mut self, id: &str, v_base_kv: f64, numbers: &[u32]) -> BusIndex {
        let bus = BusIndex(self.parts.buses.len());
        self.parts.buses.push(MultiphaseBus { id: BusId(id.into()), v_base_kv, at: None });
        self.parts.nodes.extend(numbers.iter().map(|&number| Node { bus, number }));
        bus
    }

    pub fn node(&self, bus: BusIndex, number: u32) -> NodeIndex {
        NodeIndex(self.parts.nodes.iter().position(|n| n.bus == bus && n.number == number).unwrap())
    }

    /// Terminal at nodes of a bus; 0 is ground.
    pub fn terminal(&self, bus: BusIndex, numbers: &[u32]) -> ElementTerminal {
        let conductors = numbers.iter().map(|&k| (k > 0).then(|| self.node(bus, k))).collect();
        ElementTerminal { bus, conductors }
    }

    pub fn element(&mut self, id: &str, terminals: Vec<ElementTerminal>, model: ElementModel) {
        self.parts.elements.push(Element { id: id.into(), terminals, model, rating_a: None, is_switch: false });
    }

    /// A line with self and mutual impedance and a little charging.
    pub fn line(&mut self, from: BusIndex, to: BusIndex, numbers: &[u32], own: Complex64, mutual: Complex64) {
        let n = numbers.len();
        let series_ohm = ConductorMatrix::from_fn(n, |i, j| {
            if i == j { own * (1.0 + 0.03 * i as f64) } else { mutual * (1.0 + 0.05 * (i + j) as f64) }
        });
        let shunt_s = Some(ConductorMatrix::from_fn(n, |i, j| if i == j { c(0.0, 3e-6) } else { c(0.0, -4e-7) }));
        let id = format!("line.{}", self.parts.elements.len());
        let terminals = vec![self.terminal(from, numbers), self.terminal(to, numbers)];
        self.element(&id, terminals, ElementModel::Line { series_ohm, shunt_s });
    }

    /// A balanced three-phase source at nodes 1, 2, 3 (or one phase at node 1).
    pub fn source(&mut self, bus: BusIndex, volts: f64, ohm: Complex64, phases: usize) {
        let nodes = (0..phases).map(|k| self.node(bus, 1 + k as u32)).collect();
        let emf_v = (0..phases).map(|k| Complex64::from_polar(volts, -2.0 * k as f64 * std::f64::consts::PI / 3.0));
        let series_ohm = ConductorMatrix::from_fn(phases, |i, j| if i == j { ohm } else { ohm * 0.2 });
        let id = format!("source.{}", self.parts.sources.len());
        self.parts.sources.push(VoltageSource { id, bus, nodes, emf_v: emf_v.collect(), series_ohm });
    }

    pub fn port(
        &mut self,
        bus: BusIndex,
        (from, to): (u32, u32),
        v_rated_kv: f64,
        dependence: VoltageDependence,
        (p_kw, q_kvar): (f64, f64),
    ) {
        let port = Port {
            id: format!("load.{}", self.parts.ports.len()),
            from: self.node(bus, from),
            to: (to > 0).then(|| self.node(bus, to)),
            v_rated_kv,
            dependence,
            range: None,
            p_kw,
            q_kvar,
        };
        self.parts.ports.push(port);
    }

    pub fn build(self) -> MultiphaseNetwork {
        MultiphaseNetwork::try_new(self.parts).unwrap()
    }
}

/// Every dependence on voltage, with numbers that tell them apart.
pub fn dependences() -> Vec<VoltageDependence> {
    let zip = |impedance, current, power| ZipShares { impedance, current, power };
    vec![
        VoltageDependence::Power,
        VoltageDependence::Current,
        VoltageDependence::Impedance,
        VoltageDependence::Zip { p: zip(0.2, 0.3, 0.5), q: zip(0.6, 0.3, 0.1), cutoff_pu: 0.0 },
        VoltageDependence::Zip { p: zip(0.2, 0.3, 0.5), q: zip(0.6, 0.3, 0.1), cutoff_pu: 0.96 },
        VoltageDependence::Exponential { p: 0.7, q: 2.5 },
    ]
}

pub fn range() -> VoltageRange {
    VoltageRange { low_pu: 0.95, high_pu: 1.05, lowest_pu: 0.5 }
}

pub fn winding(connection: WindingConnection, v_rated_kv: f64, s_rated_kva: f64, tap_pu: f64) -> Winding {
    Winding {
        connection,
        v_rated_kv,
        s_rated_kva,
        r_percent: 0.5,
        tap_pu,
        tap_min_pu: 0.9,
        tap_max_pu: 1.1,
        tap_steps: 32,
        neutral_ohm: None,
    }
}

pub fn transformer(phases: usize, windings: Vec<Winding>, x_percent: f64) -> Transformer {
    Transformer {
        phases,
        windings,
        x_percent: vec![x_percent],
        no_load_loss_percent: 0.0,
        magnetising_percent: 0.0,
        antifloat_ppm: 1.0,
        low_side_leads: false,
    }
}

/// A 4.16 kV feeder in the manner of the 13-node feeder: delta-wye substation, two-phase and single-phase laterals, delta loads of
/// every dependence, a capacitor, a neutral conductor and a 480 V transformer. `loops` closes ties between three-phase buses.
pub fn feeder(loops: bool) -> MultiphaseNetwork {
    let mut b = Builder::new(1.0);
    let kv = 4.16 / 3f64.sqrt();
    let source = b.bus("source", 115.0 / 3f64.sqrt(), &[1, 2, 3]);
    let ids = ["650", "632", "633", "671", "692", "680"];
    let [b650, b632, b633, b671, b692, b680] = ids.map(|id| b.bus(id, kv, &[1, 2, 3]));
    let b634 = b.bus("634", 0.48 / 3f64.sqrt(), &[1, 2, 3]);
    let b645 = b.bus("645", kv, &[2, 3]);
    let b646 = b.bus("646", kv, &[2, 3]);
    let b684 = b.bus("684", kv, &[1, 3]);
    let b611 = b.bus("611", kv, &[3]);
    let b652 = b.bus("652", kv, &[1, 4]);
    b.source(source, 66_395.0, c(0.5, 2.0), 3);
    let sub = transformer(
        3,
        vec![
            winding(WindingConnection::Delta, 115.0, 5000.0, 1.0),
            winding(WindingConnection::Wye, 4.16, 5000.0, 1.0375),
        ],
        8.0,
    );
    let ends = vec![b.terminal(source, &[1, 2, 3]), b.terminal(b650, &[1, 2, 3, 0])];
    b.element("transformer.sub", ends, ElementModel::Transformer(sub));
    let abc = [1, 2, 3];
    b.line(b650, b632, &abc, c(0.13, 0.39), c(0.06, 0.17));
    b.line(b632, b633, &abc, c(0.07, 0.11), c(0.015, 0.04));
    b.line(b632, b671, &abc, c(0.13, 0.39), c(0.06, 0.17));
    b.line(b671, b680, &abc, c(0.06, 0.19), c(0.03, 0.08));
    b.line(b671, b692, &abc, c(1e-6, 1e-6), c(0.0, 0.0));
    // Conductors in another order at the far end of a lateral are a matter of the terminals alone.
    b.line(b632, b645, &[3, 2], c(0.12, 0.13), c(0.02, 0.04));
    b.line(b645, b646, &[2, 3], c(0.08, 0.08), c(0.01, 0.02));
    b.line(b671, b684, &[1, 3], c(0.08, 0.08), c(0.01, 0.02));
    b.line(b684, b611, &[3], c(0.08, 0.08), c(0.0, 0.0));
    // A lateral with its own neutral, earthed at one end through a resistance.
    let z = ConductorMatrix::from_fn(2, |i, j| if i == j { c(0.2, 0.15) } else { c(0.02, 0.05) });
    let ends = vec![b.terminal(b684, &[1, 0]), b.terminal(b652, &[1, 4])];
    b.element("line.652", ends, ElementModel::Line { series_ohm: z, shunt_s: None });
    let earth = ConductorMatrix::from_fn(1, |_, _| c(0.04, 0.0));
    let ends = vec![b.terminal(b652, &[4])];
    b.element("reactor.652", ends, ElementModel::Shunt { admittance_s: earth, closed: true });
    let ends = vec![b.terminal(b633, &[1, 2, 3, 0]), b.terminal(b634, &[1, 2, 3, 0])];
    let unit = transformer(
        3,
        vec![winding(WindingConnection::Wye, 4.16, 500.0, 1.0), winding(WindingConnection::Wye, 0.48, 500.0, 1.0)],
        2.0,
    );
    b.element("transformer.634", ends, ElementModel::Transformer(unit));
    let bank = ConductorMatrix::from_fn(3, |i, j| if i == j { c(0.0, 200e3 / (2.4e3 * 2.4e3)) } else { c(0.0, 0.0) });
    let ends = vec![b.terminal(b692, &[1, 2, 3])];
    b.element("capacitor.692", ends, ElementModel::Shunt { admittance_s: bank, closed: true });
    if loops {
        b.line(b680, b633, &abc, c(0.2, 0.3), c(0.05, 0.1));
        b.line(b692, b632, &abc, c(0.3, 0.4), c(0.05, 0.1));
    }
    let all = dependences();
    type Load = (BusIndex, (u32, u32), f64, usize, (f64, f64));
    let loads: [Load; 13] = [
        (b634, (1, 0), 0.277, 0, (160.0, 110.0)),
        (b634, (2, 0), 0.277, 1, (120.0, 90.0)),
        (b634, (3, 0), 0.277, 2, (120.0, 90.0)),
        (b645, (2, 0), 2.4, 3, (170.0, 125.0)),
        (b646, (2, 3), 4.16, 2, (230.0, 132.0)),
        (b652, (1, 4), 2.4, 0, (128.0, 86.0)),
        (b671, (1, 2), 4.16, 0, (385.0, 220.0)),
        (b671, (2, 3), 4.16, 5, (385.0, 220.0)),
        (b671, (3, 1), 4.16, 4, (385.0, 220.0)),
        (b692, (3, 1), 4.16, 1, (170.0, 151.0)),
        (b611, (3, 0), 2.4, 1, (170.0, 80.0)),
        (b680, (1, 0), 2.4, 5, (60.0, -20.0)),
        (b680, (2, 0), 2.4, 4, (-90.0, 10.0)),
    ];
    for (bus, nodes, kv, which, s) in loads {
        b.port(bus, nodes, kv, all[which], s);
    }
    b.build()
}

/// A random network of `n` buses: three-phase backbone, laterals of one to three phases, wye and delta loads of every dependence;
/// `ties` extra three-phase lines.
pub fn random(seed: u64, n: usize, ties: usize) -> MultiphaseNetwork {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut b = Builder::new(1.0);
    let kv = 12.47 / 3f64.sqrt();
    let mut phases: Vec<Vec<u32>> = vec![vec![1, 2, 3]];
    let root = b.bus("0", kv, &[1, 2, 3]);
    b.source(root, 7_300.0, c(0.05, 0.4), 3);
    let all = dependences();
    for k in 1..n {
        let parent = rng.random_range(k.saturating_sub(8)..k);
        let of_parent = phases[parent].clone();
        let mut own: Vec<u32> = of_parent.iter().copied().filter(|_| rng.random_range(0.0..1.0) < 0.85).collect();
        if own.is_empty() {
            own = vec![of_parent[0]];
        }
        let bus = b.bus(&k.to_string(), kv, &own);
        let length = rng.random_range(0.05..0.5) * 20.0 / n as f64;
        b.line(BusIndex(parent), bus, &own, c(0.4, 0.9) * length, c(0.15, 0.4) * length);
        let s = 2000.0 / n as f64;
        for i in 0..own.len() {
            let load = (rng.random_range(-0.2..1.0) * s, rng.random_range(-0.1..0.5) * s);
            let dependence = all[rng.random_range(0..all.len() - 2)];
            if own.len() > 1 && rng.random_range(0.0..1.0) < 0.3 {
                b.port(bus, (own[i], own[(i + 1) % own.len()]), 12.47, dependence, load);
            } else {
                b.port(bus, (own[i], 0), 7.2, dependence, load);
            }
        }
        phases.push(own);
    }
    let backbone: Vec<usize> = (0..n).filter(|&k| phases[k].len() == 3).collect();
    for _ in 0..ties {
        let a = backbone[rng.random_range(0..backbone.len())];
        let other = backbone[rng.random_range(0..backbone.len())];
        if a != other {
            b.line(BusIndex(a), BusIndex(other), &[1, 2, 3], c(0.4, 0.9), c(0.15, 0.4));
        }
    }
    b.build()
}
