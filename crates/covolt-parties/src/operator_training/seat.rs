//! What the operator knows of one agent while it trains.

use covolt_wire::BoundaryPoint;

/// What it heard and awaits.
pub(super) struct Seat {
    pub here: bool,
    /// To the present exchange.
    pub answer: Option<Vec<BoundaryPoint>>,
    /// It answered in the present round, so that it has the prices of the round before.
    pub heard: bool,
    /// Took part in the round before, so that its settled prices concern it.
    pub took_part: bool,
    pub kept: bool,
    /// How often it said that messages are missing, since it last answered.
    pub behind: u32,
    /// It has the plan.
    pub ready: bool,
    /// When something was sent to it last.
    pub sent_ms: u64,
    /// Where the training goes on without those absent: its powers by window, and its last answer in the present round.
    pub remembered: Vec<Option<Vec<BoundaryPoint>>>,
    pub held: Option<Held>,
}

/// An answer, and the voltages that it was given at.
pub(super) struct Held {
    pub points: Vec<BoundaryPoint>,
    pub v_pu: Vec<f64>,
}

impl Seat {
    /// Nobody has been heard there yet; `remembers` windows.
    pub fn new(remembers: usize) -> Seat {
        Seat {
            here: false,
            answer: None,
            took_part: false,
            kept: false,
            behind: 0,
            ready: false,
            heard: false,
            sent_ms: 0,
            remembered: vec![None; remembers],
            held: None,
        }
    }
}

impl Held {
    /// The answer moved to other voltages along its own slopes: who falls silent within a round then moves the feeder no more than who
    /// answers, and the exchanges settle.
    pub fn move_to(&mut self, v_pu: Vec<f64>) {
        for (point, (now, then)) in self.points.iter_mut().zip(v_pu.iter().zip(&self.v_pu)) {
            point.p_kw += point.dp_dv * (now - then);
            point.q_kvar += point.dq_dv * (now - then);
        }
        self.v_pu = v_pu;
    }
}
