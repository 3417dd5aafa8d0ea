//! Messages as bytes, written without serde and without postcard: a second reading of `docs/messages.md`, that checks nothing.

use covolt_wire::{
    Absence, BoundaryPoint, Certainty, DispatchAnswer, Down, Envelope, Header, PriceOfPower, TrainingPlan, Up,
};

/// Bytes, piece by piece, each with what it is.
#[derive(Debug, Clone)]
pub struct Dump {
    pub pieces: Vec<(String, Vec<u8>)>,
}

/// Seven bits per byte, lowest first; the top bit says that more follow.
pub fn integer(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

impl Dump {
    pub fn header(header: &Header) -> Self {
        let mut dump = Dump { pieces: vec![("version 1".to_owned(), vec![1])] };
        let Header { fingerprint, run, round, exchange } = header;
        dump.piece("fingerprint".to_owned(), fingerprint.to_vec());
        dump.integer("run", *run).integer("round", u64::from(*round)).integer("exchange", u64::from(*exchange));
        dump
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.pieces.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect()
    }

    /// Offset, bytes, meaning: one line per piece, at most 16 bytes on a line.
    pub fn text(&self) -> String {
        let (mut text, mut offset) = (String::new(), 0);
        for (what, bytes) in &self.pieces {
            let hex: Vec<String> = bytes.iter().map(|b| format!("{b:02x}")).collect();
            text += &format!("{offset:04}  {:<47}  {what}\n", hex.join(" "));
            offset += bytes.len();
        }
        text
    }

    fn piece(&mut self, what: String, bytes: Vec<u8>) -> &mut Self {
        self.pieces.push((what, bytes));
        self
    }

    pub fn kind(&mut self, tag: u8, name: &str) -> &mut Self {
        self.piece(format!("kind: {name}"), vec![tag])
    }

    pub fn integer(&mut self, what: &str, value: u64) -> &mut Self {
        self.piece(format!("{what}: {value}"), integer(value))
    }

    /// The prefix of a list.
    pub fn entries(&mut self, what: &str, count: u64) -> &mut Self {
        self.piece(format!("{what}: list of {count}"), integer(count))
    }

    pub fn number(&mut self, what: &str, value: f64) -> &mut Self {
        self.piece(format!("{what}: {value}"), value.to_le_bytes().to_vec())
    }

    fn flag(&mut self, what: &str, value: bool) -> &mut Self {
        self.piece(format!("{what}: {}", if value { "yes" } else { "no" }), vec![u8::from(value)])
    }

    fn integers(&mut self, what: &str, list: &[u32]) -> &mut Self {
        self.entries(what, list.len() as u64);
        for (k, value) in list.iter().enumerate() {
            self.integer(&format!("{what}[{k}]"), u64::from(*value));
        }
        self
    }

    fn numbers(&mut self, what: &str, list: &[f64]) -> &mut Self {
        self.entries(what, list.len() as u64);
        for (k, value) in list.iter().enumerate() {
            self.number(&format!("{what}[{k}]"), *value);
        }
        self
    }

    fn prices(&mut self, what: &str, list: &[PriceOfPower]) -> &mut Self {
        self.entries(what, list.len() as u64);
        for (k, price) in list.iter().enumerate() {
            self.number(&format!("{what}[{k}].p_per_kw"), price.p_per_kw);
            self.number(&format!("{what}[{k}].q_per_kvar"), price.q_per_kvar);
        }
        self
    }

    fn settled(&mut self, settled: &Option<Vec<PriceOfPower>>) -> &mut Self {
        match settled {
            None => self.piece("settled: not there".to_owned(), vec![0]),
            Some(list) => self.piece("settled: there".to_owned(), vec![1]).prices("settled", list),
        }
    }

    fn points(&mut self, list: &[BoundaryPoint]) -> &mut Self {
        self.entries("points", list.len() as u64);
        for (k, point) in list.iter().enumerate() {
            let BoundaryPoint { p_kw, q_kvar, dp_dv, dq_dv, slope } = *point;
            for (name, value) in
                [("p_kw", p_kw), ("q_kvar", q_kvar), ("dp_dv", dp_dv), ("dq_dv", dq_dv), ("slope", slope)]
            {
                self.number(&format!("points[{k}].{name}"), value);
            }
        }
        self
    }
}

pub fn down(envelope: &Envelope<Down>) -> Dump {
    let mut dump = Dump::header(&envelope.header);
    match &envelope.body {
        Down::Begin(plan) => {
            let TrainingPlan { seed, episodes, batch, rows, .. } = &**plan;
            dump.kind(0, "begin").integer("seed", *seed).integer("episodes", u64::from(*episodes));
            dump.integer("batch", u64::from(*batch)).integers("rows", rows);
            dump.number("rate", plan.rate).number("averaging", plan.averaging);
            dump.number("voltage_curvature", plan.voltage_curvature);
            dump.number("current_curvature", plan.current_curvature);
            dump.number("multiplier_share", plan.multiplier_share).number("multiplier_cap", plan.multiplier_cap);
            dump.number("voltage_margin_pu", plan.voltage_margin_pu).number("current_margin", plan.current_margin);
        }
        Down::Voltages { windows, v_pu, settled } => {
            dump.kind(1, "voltages").integers("windows", windows).numbers("v_pu", v_pu).settled(settled);
        }
        Down::Finish { settled } => {
            dump.kind(2, "finish").settled(settled);
        }
        Down::Ask { row, v_pu, prices, hold, with_response } => {
            dump.kind(3, "ask").integer("row", u64::from(*row)).numbers("v_pu", v_pu).prices("prices", prices);
            dump.flag("hold", *hold).flag("with_response", *with_response);
        }
        Down::Settled { row, certainty, v_pu, margin_pu } => {
            let tag = match certainty {
                Certainty::Certified => 0,
                Certainty::LeastViolation => 1,
                Certainty::WithoutSome => 2,
            };
            dump.kind(4, "settled").integer("row", u64::from(*row));
            dump.piece(format!("certainty: {certainty:?}"), vec![tag]).numbers("v_pu", v_pu);
            dump.number("margin_pu", *margin_pu);
        }
        Down::WhereAreYou => {
            dump.kind(5, "where are you");
        }
    }
    dump
}

pub fn up(envelope: &Envelope<Up>) -> Dump {
    let mut dump = Dump::header(&envelope.header);
    match &envelope.body {
        Up::Here { updates, has_plan } => {
            dump.kind(0, "here").integer("updates", u64::from(*updates)).flag("has_plan", *has_plan);
        }
        Up::Powers { points } => {
            dump.kind(1, "powers").points(points);
        }
        Up::Kept => {
            dump.kind(2, "kept");
        }
        Up::Dispatch(answer) => {
            let DispatchAnswer { row, points, excess, response, safe } = &**answer;
            dump.kind(3, "dispatch").integer("row", u64::from(*row)).points(points);
            dump.numbers("excess", excess).numbers("response", response).flag("safe", *safe);
        }
        Up::Absent(absence) => {
            let tag = match absence {
                Absence::OtherCase => 0,
                Absence::ImplausibleVoltage => 1,
                Absence::OldRound => 2,
                Absence::NoPowerFlow => 3,
                Absence::NoPolicy => 4,
                Absence::Behind => 5,
            };
            dump.kind(4, "absent").piece(format!("why: {absence:?}"), vec![tag]);
        }
    }
    dump
}
