//! A small network with every kind of element, connection and load: 115 kV source, 4.16 kV feeder with a neutral, regulators, a third
//! winding, centre-tapped service, capacitors in wye and delta, a second source of two phases, a general admittance.

use covolt_grid::multiphase::{
    ConductorMatrix, Element, ElementModel, ElementTerminal, MultiphaseBus, MultiphaseNetwork, MultiphaseParts, Node,
    NodeIndex, PhaseOrder, Port, Transformer, VoltageDependence, VoltageRange, VoltageSource, Winding,
    WindingConnection, ZipShares, sequence_matrix, sequence_matrix_012, source_voltages_v,
};
use covolt_grid::{BusId, BusIndex, Complex64};

const SQRT3: f64 = 1.7320508075688772;

struct Builder {
    parts: MultiphaseParts,
}

impl Builder {
    fn bus(&mut self, id: &str, v_base_kv: f64, nodes: &[u32]) {
        let bus = BusIndex(self.parts.buses.len());
        self.parts.buses.push(MultiphaseBus { id: BusId(id.to_owned()), v_base_kv, at: None });
        self.parts.nodes.extend(nodes.iter().map(|&number| Node { bus, number }));
    }

    fn bus_index(&self, id: &str) -> BusIndex {
        BusIndex(self.parts.buses.iter().position(|b| b.id.0 == id).unwrap())
    }

    /// Node `number` of a bus; `None` for 0, which is ground.
    fn node(&self, id: &str, number: u32) -> Option<NodeIndex> {
        let bus = self.bus_index(id);
        let find = || self.parts.nodes.iter().position(|n| n.bus == bus && n.number == number).unwrap();
        (number > 0).then(|| NodeIndex(find()))
    }

    fn element(&mut self, id: &str, terminals: &[(&str, &[u32])], model: ElementModel) {
        let terminals = terminals.iter().map(|(bus, nodes)| ElementTerminal {
            bus: self.bus_index(bus),
            conductors: nodes.iter().map(|&n| self.node(bus, n)).collect(),
        });
        let terminals = terminals.collect();
        self.parts.elements.push(Element { id: id.to_owned(), terminals, model, rating_a: None, is_switch: false });
    }

    fn line(&mut self, id: &str, from: (&str, &[u32]), to: (&str, &[u32]), km: f64, shunt: Option<Complex64>) {
        let n = from.1.len();
        let series_ohm = ConductorMatrix::from_fn(n, |i, j| {
            let (r, x) = (0.09 + 0.004 * (i + j) as f64, 0.31 - 0.02 * i.abs_diff(j) as f64);
            Complex64::new(if i == j { 0.2 + r } else { r }, if i == j { 0.65 } else { x }) * km
        });
        let shunt_s = shunt.map(|y| ConductorMatrix::from_fn(n, |i, j| y * if i == j { 1.0 } else { -0.2 } * km));
        self.element(id, &[from, to], ElementModel::Line { series_ohm, shunt_s });
    }

    fn port(&mut self, id: &str, bus: &str, nodes: [u32; 2], v_rated_kv: f64, s: (f64, f64), d: VoltageDependence) {
        let from = self.node(bus, nodes[0]).unwrap();
        let to = self.node(bus, nodes[1]);
        let (p_kw, q_kvar) = s;
        let port = Port { id: id.to_owned(), from, to, v_rated_kv, dependence: d, range: None, p_kw, q_kvar };
        self.parts.ports.push(port);
    }
}

fn winding(connection: WindingConnection, v_rated_kv: f64, s_rated_kva: f64, r_percent: f64, tap_pu: f64) -> Winding {
    let (tap_min_pu, tap_max_pu, tap_steps, neutral_ohm) = (0.9, 1.1, 32, None);
    Winding { connection, v_rated_kv, s_rated_kva, r_percent, tap_pu, tap_min_pu, tap_max_pu, tap_steps, neutral_ohm }
}

fn transformer(phases: usize, windings: Vec<Winding>, x_percent: Vec<f64>) -> Transformer {
    Transformer {
        phases,
        windings,
        x_percent,
        no_load_loss_percent: 0.2,
        magnetising_percent: 0.5,
        antifloat_ppm: 1.0,
        low_side_leads: false,
    }
}

fn empty(name: &str, f_hz: f64) -> Builder {
    let parts = MultiphaseParts {
        name: name.to_owned(),
        base_mva: 1.0,
        f_hz,
        buses: Vec::new(),
        nodes: Vec::new(),
        elements: Vec::new(),
        ports: Vec::new(),
        sources: Vec::new(),
        controls: Vec::new(),
    };
    Builder { parts }
}

/// The lists of the network.
pub fn parts() -> MultiphaseParts {
    use WindingConnection::{Delta, Wye};
    let mut b = empty("every kind of element", 60.0);
    let mv = 4.16 / SQRT3;
    b.bus("Grid", 115.0 / SQRT3, &[1, 2, 3]);
    b.bus("650", mv, &[1, 2, 3, 4]);
    b.bus("RG 60", mv, &[1, 2, 3]);
    b.bus("rg_60", mv, &[1, 2, 3, 4]);
    b.bus("671", mv, &[1, 2, 3]);
    b.bus("684", mv, &[1, 3]);
    b.bus("house", 0.12, &[1, 2]);
    b.bus("mill", 0.48 / SQRT3, &[1, 2, 3]);
    b.bus("tertiary", 2.4 / SQRT3, &[1, 2, 3]);
    b.bus("tie", mv, &[1, 2]);
    let y = |b: f64| Some(Complex64::new(0.0, b));

    let mut main =
        transformer(3, vec![winding(Delta, 115.0, 5e3, 0.5, 1.0125), winding(Wye, 4.16, 5e3, 0.5, 1.0)], vec![8.0]);
    main.windings[1].neutral_ohm = Some((0.4, 0.1));
    b.element("transformer.Sub", &[("Grid", &[1, 2, 3]), ("650", &[1, 2, 3, 4])], ElementModel::Transformer(main));
    for phase in 1..=3u32 {
        let tap = 1.0 + 0.00625 * f64::from(3 + 2 * phase);
        let mut regulator = transformer(
            1,
            vec![winding(Wye, 2.4, 1666.0, 0.005, 1.0), winding(Wye, 2.4, 1666.0, 0.005, tap)],
            vec![0.01],
        );
        (regulator.no_load_loss_percent, regulator.magnetising_percent) = (0.001, 0.0);
        let (from, to): ([u32; 2], [u32; 2]) = ([phase, 0], [phase, 0]);
        let id = format!("transformer.Reg{phase}");
        b.element(&id, &[("650", &from), ("RG 60", &to)], ElementModel::Transformer(regulator));
    }
    b.line("line.neutral joined", ("RG 60", &[1, 2, 3, 0]), ("rg_60", &[1, 2, 3, 4]), 0.6, y(4e-6));
    b.line("line.Lossy", ("rg_60", &[1, 2, 3]), ("671", &[1, 2, 3]), 0.4, Some(Complex64::new(3e-6, 5e-6)));
    b.line("line.lossy", ("671", &[1, 3]), ("684", &[1, 3]), 0.1, None);
    b.line("line.tie", ("671", &[1, 2]), ("tie", &[1, 2]), 0.8, y(4e-6));
    let service = transformer(
        1,
        vec![
            winding(Wye, 2.4, 50.0, 0.6, 0.975),
            winding(Wye, 0.12, 50.0, 1.2, 1.0),
            winding(Wye, 0.12, 50.0, 1.2, 1.0),
        ],
        vec![2.04, 2.04, 1.36],
    );
    let at: [(&str, &[u32]); 3] = [("684", &[3, 0]), ("house", &[1, 0]), ("house", &[0, 2])];
    b.element("transformer.Service", &at, ElementModel::Transformer(service));
    let mut three = transformer(
        3,
        vec![
            winding(Wye, 4.16, 1500.0, 0.4, 1.0),
            winding(Delta, 0.48, 1000.0, 0.5, 1.025),
            winding(Wye, 2.4, 500.0, 0.6, 1.0),
        ],
        vec![5.0, 7.0, 4.0],
    );
    three.low_side_leads = true;
    let at: [(&str, &[u32]); 3] = [("671", &[1, 2, 3, 0]), ("mill", &[1, 2, 3]), ("tertiary", &[1, 2, 3, 0])];
    b.element("transformer.Three", &at, ElementModel::Transformer(three));

    let susceptance = |kvar: f64, kv: f64| Complex64::new(0.0, 1e-3 * kvar / (kv * kv));
    let wye = ConductorMatrix::from_fn(3, |i, j| if i == j { susceptance(100.0, 2.4) } else { Complex64::ZERO });
    b.element("capacitor.wye", &[("671", &[1, 2, 3])], ElementModel::Shunt { admittance_s: wye.clone(), closed: true });
    b.element("capacitor.off", &[("671", &[1, 2, 3])], ElementModel::Shunt { admittance_s: wye, closed: false });
    let delta = ConductorMatrix::from_fn(3, |i, j| susceptance(10.0, 0.48) * if i == j { 2.0 } else { -1.0 });
    b.element("capacitor.delta", &[("mill", &[1, 2, 3])], ElementModel::Shunt { admittance_s: delta, closed: true });
    // Four conductors, two of them of another bus; one is grounded.
    let general = ConductorMatrix::from_fn(4, |i, j| {
        let own = if i == j { Complex64::new(0.03, -0.02) } else { Complex64::ZERO };
        own - Complex64::new(0.002 * (1 + i.min(j)) as f64, -0.003)
    });
    b.element("odd\nthing", &[("671", &[1, 2]), ("684", &[3, 0])], ElementModel::Admittance(general));
    let rod = ConductorMatrix::from_fn(1, |_, _| Complex64::from(0.2));
    b.element("reactor.rod", &[("rg_60", &[4])], ElementModel::Shunt { admittance_s: rod, closed: true });

    let zip = VoltageDependence::Zip {
        p: ZipShares { impedance: 0.3, current: 0.3, power: 0.4 },
        q: ZipShares { impedance: 0.5, current: 0.1, power: 0.4 },
        cutoff_pu: 0.5,
    };
    b.port("load.671a", "671", [1, 2], 4.16, (250.0, 120.0), VoltageDependence::Power);
    b.port("load.671b", "671", [2, 3], 4.16, (200.0, 100.0), VoltageDependence::Current);
    b.port("load.671c", "671", [3, 1], 4.16, (150.0, 60.0), VoltageDependence::Impedance);
    b.port("load.rg", "rg_60", [1, 4], 2.4, (120.0, 50.0), zip);
    b.port("load.RG", "rg_60", [2, 4], 2.4, (90.0, -20.0), VoltageDependence::Exponential { p: 0.8, q: 1.6 });
    b.port("load.motor", "rg_60", [3, 0], 2.4, (80.0, 40.0), VoltageDependence::Exponential { p: 0.0, q: 2.0 });
    b.port("device.house", "house", [1, 2], 0.24, (-6.5, 1.25), VoltageDependence::Power);
    b.port("load.house", "house", [1, 0], 0.12, (9.0, 3.0), VoltageDependence::Power);
    b.port("load.house", "house", [2, 0], 0.12, (5.0, 1.0), zip);
    b.parts.ports[8].id = "load.house2".into();
    for (k, nodes) in [[1, 2], [2, 3], [3, 1]].into_iter().enumerate() {
        b.port(&format!("load.mill{k}"), "mill", nodes, 0.48, (90.0 + 10.0 * k as f64, 40.0), VoltageDependence::Power);
    }
    b.port("load.tertiary", "tertiary", [2, 0], 2.4 / SQRT3, (60.0, 20.0), VoltageDependence::Current);
    // Rated so low and so high that these two are outside their range.
    b.port("load.over", "684", [1, 0], 2.0, (70.0, 30.0), VoltageDependence::Power);
    b.port("load.under", "684", [3, 0], 3.0, (70.0, 30.0), VoltageDependence::Power);
    let range = VoltageRange { low_pu: 0.95, high_pu: 1.05, lowest_pu: 0.0 };
    for port in b.parts.ports.iter_mut().filter(|p| p.id.ends_with("er") && p.id != "load.tertiary") {
        port.range = Some(range);
    }

    let nodes = |b: &Builder, bus: &str, n: u32| (1..=n).map(|k| b.node(bus, k).unwrap()).collect::<Vec<_>>();
    let (grid, tie) = (nodes(&b, "Grid", 3), nodes(&b, "tie", 2));
    b.parts.sources.push(VoltageSource {
        id: "vsource.Grid".into(),
        bus: b.bus_index("Grid"),
        nodes: grid,
        emf_v: source_voltages_v(3, 115.0, 1.02, 30.0, PhaseOrder::Positive),
        series_ohm: sequence_matrix(3, Complex64::new(1.6, 6.4), Complex64::new(1.9, 5.7)),
    });
    let unequal = ConductorMatrix::from_fn(2, |i, j| match (i, j) {
        (0, 0) => Complex64::new(3.0, 9.0),
        (1, 1) => Complex64::new(3.5, 8.0),
        _ => Complex64::new(0.5, 2.0),
    });
    b.parts.sources.push(VoltageSource {
        id: "vsource.odd".into(),
        bus: b.bus_index("tie"),
        nodes: tie,
        emf_v: vec![Complex64::from_polar(2450.0, -0.02), Complex64::from_polar(2380.0, -2.13)],
        series_ohm: unequal,
    });
    b.parts
}

/// The validated network.
pub fn network() -> MultiphaseNetwork {
    MultiphaseNetwork::try_new(parts()).unwrap()
}

/// Every kind of source, and the transformers the other network has not: four windings, two phases, no reactance.
pub fn sources() -> MultiphaseNetwork {
    use WindingConnection::{Delta, Wye};
    let mut b = empty("every kind of source", 50.0);
    let mv = 11.0 / SQRT3;
    b.bus("two", mv, &[1, 2]);
    b.bus("three", mv, &[1, 2, 3]);
    b.bus("one", 0.4 / SQRT3, &[7]);
    b.bus("low", 0.4 / SQRT3, &[1, 2, 3, 4]);
    b.bus("open", 0.4 / SQRT3, &[1, 2, 3]);
    b.bus("a", 3.3 / SQRT3, &[1, 2, 3]);
    b.bus("b", 0.69 / SQRT3, &[1, 2, 3]);
    b.bus("regulated", mv, &[1, 2]);
    b.line("line.1", ("two", &[1, 2]), ("three", &[1, 2]), 2.0, Some(Complex64::new(0.0, 3e-6)));
    b.line("line.2", ("one", &[7]), ("low", &[1]), 0.05, None);
    let four = transformer(
        3,
        vec![
            winding(Delta, 11.0, 2000.0, 0.4, 1.0),
            winding(Wye, 0.4, 800.0, 0.4, 0.9875),
            winding(Wye, 3.3, 700.0, 0.5, 1.025),
            winding(Delta, 0.69, 500.0, 0.6, 1.0),
        ],
        vec![6.0, 8.0, 9.0, 4.0, 5.5, 3.5],
    );
    let at: [(&str, &[u32]); 4] =
        [("three", &[1, 2, 3]), ("low", &[1, 2, 3, 4]), ("a", &[1, 2, 3, 0]), ("b", &[1, 2, 3])];
    b.element("transformer.four", &at, ElementModel::Transformer(four));
    let two =
        transformer(2, vec![winding(Wye, 11.0, 200.0, 0.5, 1.0), winding(Delta, 0.4, 200.0, 0.5, 1.0)], vec![3.0]);
    let at: [(&str, &[u32]); 2] = [("two", &[1, 2, 0]), ("open", &[1, 2, 3])];
    b.element("transformer.two", &at, ElementModel::Transformer(two));
    for phase in 1..=2u32 {
        let coils = vec![winding(Wye, 6.351, 500.0, 0.05, 1.0), winding(Wye, 6.351, 500.0, 0.05, 1.05)];
        let ends: [u32; 2] = [phase, 0];
        let id = format!("transformer.ideal{phase}");
        b.element(
            &id,
            &[("two", &ends), ("regulated", &ends)],
            ElementModel::Transformer(transformer(1, coils, vec![0.0])),
        );
    }
    let rod = ConductorMatrix::from_fn(1, |_, _| Complex64::from(0.5));
    b.element("reactor.rod", &[("low", &[4])], ElementModel::Shunt { admittance_s: rod, closed: true });
    b.port("low", "low", [3, 4], 0.4 / SQRT3, (60.0, 20.0), VoltageDependence::Power);
    b.port("open", "open", [2, 3], 0.4, (30.0, 10.0), VoltageDependence::Power);
    b.port("a", "a", [1, 3], 3.3, (200.0, 90.0), VoltageDependence::Current);
    b.port("b", "b", [1, 2], 0.69, (-120.0, 10.0), VoltageDependence::Power);
    b.port("regulated", "regulated", [1, 2], 11.0, (150.0, 40.0), VoltageDependence::Impedance);
    let mut add = |id: &str, bus: &str, numbers: &[u32], emf_v: Vec<Complex64>, series_ohm: ConductorMatrix| {
        let nodes = numbers.iter().map(|&k| b.node(bus, k).unwrap()).collect();
        let bus = b.bus_index(bus);
        b.parts.sources.push(VoltageSource { id: id.to_owned(), bus, nodes, emf_v, series_ohm });
    };
    let polar = |v: f64, degrees: f64| Complex64::from_polar(v, degrees.to_radians());
    let (z1, z2, z0) = (Complex64::new(0.2, 1.1), Complex64::new(0.25, 0.9), Complex64::new(0.4, 2.5));
    add("source.2", "two", &[1, 2], vec![polar(6400.0, 0.5), polar(6300.0, -119.0)], sequence_matrix(2, z1, z0));
    let emf = source_voltages_v(3, 11.0, 1.01, 0.0, PhaseOrder::Positive);
    add("source", "three", &[1, 2, 3], emf, sequence_matrix_012(z0, z1, z2));
    let small = ConductorMatrix::from_fn(1, |_, _| Complex64::new(0.02, 0.05));
    add("vsource.1", "one", &[7], vec![polar(232.0, -30.0)], small);
    MultiphaseNetwork::try_new(b.parts).unwrap()
}

/// Every dependence on voltage above, inside and below its range, and below the voltage from which it is an impedance.
pub fn ranges() -> MultiphaseNetwork {
    let mut b = empty("every range", 60.0);
    b.bus("source", 2.4, &[1]);
    b.bus("loads", 2.4, &[1]);
    b.line("line", ("source", &[1]), ("loads", &[1]), 0.5, None);
    let shares = |impedance, current, power| ZipShares { impedance, current, power };
    let zip = |cutoff_pu| VoltageDependence::Zip { p: shares(0.2, 0.3, 0.5), q: shares(0.6, -0.2, 0.6), cutoff_pu };
    let dependences = [
        ("power", VoltageDependence::Power),
        ("current", VoltageDependence::Current),
        ("impedance", VoltageDependence::Impedance),
        ("zip", zip(0.0)),
        ("zip that fades", zip(0.801)),
        ("exponents", VoltageDependence::Exponential { p: 0.8, q: 1.6 }),
        ("motor", VoltageDependence::Exponential { p: 0.0, q: 2.0 }),
    ];
    for (k, (name, dependence)) in dependences.into_iter().enumerate() {
        for v in [1.2, 1.0, 0.8, 0.4] {
            let s = (20.0 + k as f64, 8.0 - k as f64);
            b.port(&format!("{name} {v}"), "loads", [1, 0], 2.4 / v, s, dependence);
        }
    }
    for port in &mut b.parts.ports {
        port.range = Some(VoltageRange { low_pu: 0.95, high_pu: 1.05, lowest_pu: 0.5 });
    }
    b.parts.sources.push(VoltageSource {
        id: "source".to_owned(),
        bus: b.bus_index("source"),
        nodes: vec![NodeIndex(0)],
        emf_v: vec![Complex64::new(2400.0, 0.0)],
        series_ohm: ConductorMatrix::from_fn(1, |_, _| Complex64::new(0.01, 0.05)),
    });
    MultiphaseNetwork::try_new(b.parts).unwrap()
}
