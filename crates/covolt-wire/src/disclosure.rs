//! Every field of every message: its bytes, what it is, and what it tells whoever reads it.
//!
//! `docs/messages.md` prints these lists, and a test compares. A new field does not compile until it has a line here, a new kind of
//! message not until it has a list.
//!
//! Sizes are in bytes; T is the number of steps of a window, W of windows in the message, R of rows of the plan.

use crate::down::{Certainty, Down, PriceOfPower, TrainingPlan};
use crate::envelope::Header;
use crate::up::{Absence, BoundaryPoint, DispatchAnswer, Up};

/// One field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Name, as in the source.
    pub name: &'static str,
    /// How it is encoded.
    pub encoding: &'static str,
    /// Entries.
    pub numbers: &'static str,
    /// Bytes.
    pub bytes: &'static str,
    /// Unit.
    pub unit: &'static str,
    /// What it is.
    pub what: &'static str,
    /// What a reader could learn from it.
    pub tells: &'static str,
}

/// One kind of message, or a structure within messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listing {
    /// Name: of a kind as `kind()` gives it, of a structure as in the source.
    pub name: &'static str,
    /// When it is sent, or where it stands.
    pub when: &'static str,
    /// In the order of the bytes.
    pub fields: &'static [Field],
}

/// One value of an enumeration; its place in the list is its byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// Name, as in the source.
    pub name: &'static str,
    /// What it says.
    pub what: &'static str,
}

/// Fields of `$path`, a structure or a kind of the enum `$of`; the pattern is where a new field has to be declared.
macro_rules! fields {
    ($of:ty as $path:path { $($name:ident: $encoding:literal, $numbers:literal, $bytes:literal, $unit:literal, $what:literal, $tells:literal;)* }) => {{
        const _: fn(&$of) = |value| match value {
            $path { $($name: _),* } => {}
            #[allow(unreachable_patterns)]
            _ => {}
        };
        &[$(Field {
            name: stringify!($name),
            encoding: $encoding,
            numbers: $numbers,
            bytes: $bytes,
            unit: $unit,
            what: $what,
            tells: $tells,
        }),*]
    }};
}

/// In front of every message, after the version byte.
pub const HEADER: Listing = Listing {
    name: "Header",
    when: "every message, after the version byte",
    fields: fields!(Header as Header {
        fingerprint: "bytes", "16", "16", "-",
            "what the parts of one case have in common: SHA-256 of the operator's part, the names of the microgrids and the window length, first half",
            "that both sides mean the same case; who knows the feeder but for one detail can test guesses of that detail, of nothing that a microgrid holds";
        run: "integer", "1", "1-10", "-", "number of the run, chosen by the operator; later runs have higher ones", "which run of the case is meant";
        round: "integer", "1", "1-5", "-", "update of a training or dispatched window, from 0", "how far the run is";
        exchange: "integer", "1", "1-3", "-", "exchange within the round, from 0", "how hard the round is to settle";
    }),
};

/// What the operator may say, in the order of the byte that tells the kinds apart.
pub const DOWN: [Listing; 6] = [
    Listing {
        name: "begin",
        when: "once per training to every agent, and to an agent that returns to it",
        fields: fields!(TrainingPlan as TrainingPlan {
            seed: "integer", "1", "1-10", "-", "seed of initial weights and drawn states",
                "whoever also knows the layout of an agent's policy knows the weights it starts from and the states it draws";
            episodes: "integer", "1", "1-5", "-", "number of updates", "nothing of anybody";
            batch: "integer", "1", "1-5", "-", "windows per update, at most R", "nothing of anybody";
            rows: "list of integers", "R", "1-10, then 1-5 each", "row", "row of the data at which each training window starts", "which days are trained on";
            rate: "number", "1", "8", "-", "highest learning rate", "nothing of anybody";
            averaging: "number", "1", "8", "share", "weight of the newest parameters in the average that is kept", "nothing of anybody";
            voltage_curvature: "number", "1", "8", "$/pu^2", "curvature of the price of voltage limits", "nothing of anybody";
            current_curvature: "number", "1", "8", "$ per (fraction of the limit)^2", "curvature of the price of current limits", "nothing of anybody";
            multiplier_share: "number", "1", "8", "share", "share of the way that multipliers move each time", "nothing of anybody";
            multiplier_cap: "number", "1", "8", "$ per pu or per fraction", "largest multiplier", "nothing of anybody";
            voltage_margin_pu: "number", "1", "8", "pu", "tightening of voltage limits while training", "nothing of anybody";
            current_margin: "number", "1", "8", "fraction", "tightening of current limits while training", "nothing of anybody";
        }),
    },
    Listing {
        name: "voltages",
        when: "training: every exchange of every round",
        fields: fields!(Down as Down::Voltages {
            windows: "list of integers", "W", "1-10, then 1-5 each", "-", "numbers of the windows in the plan, from 0", "nothing of anybody";
            v_pu: "list of numbers", "T W", "1-10, then 8 each", "pu", "voltage magnitude at the agent's PCC, window after window",
                "the sum of what everybody draws, as a voltmeter at the PCC would see it";
            settled: "optional list of `PriceOfPower`", "T W of the round before", "1; if there, 1-10, then 16 each", "see there",
                "prices of the round before, for an agent whose answer took part in it; there until it has answered in the round",
                "which limits of the feeder, and by way of the feeder of others, bind, and how the agent's power moves them";
        }),
    },
    Listing {
        name: "finish",
        when: "training: once, after the last round",
        fields: fields!(Down as Down::Finish {
            settled: "optional list of `PriceOfPower`", "T W of the last round", "1; if there, 1-10, then 16 each", "see there",
                "prices of the last round, for an agent whose answer took part in it", "as in `voltages`";
        }),
    },
    Listing {
        name: "ask",
        when: "dispatch: every exchange of every window",
        fields: fields!(Down as Down::Ask {
            row: "integer", "1", "1-5", "row", "row of the data at which the window starts", "nothing of anybody";
            v_pu: "list of numbers", "T", "1-10, then 8 each", "pu", "voltage magnitude at the agent's PCC per step", "as in `voltages`";
            prices: "list of `PriceOfPower`", "T or 0", "1-10, then 16 each", "see there",
                "prices of power per step; empty: the agent's own proposal is asked for", "as `settled` in `voltages`";
            hold: "flag", "1", "1", "-", "keep the action of the last answer and solve it at the new voltages", "nothing of anybody";
            with_response: "flag", "1", "1", "-", "also answer how the power would move with the prices", "that the operator looks for prices";
        }),
    },
    Listing {
        name: "settled",
        when: "dispatch: once per window, when its last exchange is over",
        fields: fields!(Down as Down::Settled {
            row: "integer", "1", "1-5", "row", "row of the window", "nothing of anybody";
            certainty: "`Certainty`", "1", "1", "-", "what became of the window", "whether the feeder keeps its limits, whether somebody was missing";
            v_pu: "list of numbers", "T", "1-10, then 8 each", "pu", "voltage magnitude at the agent's PCC per step", "as in `voltages`";
            margin_pu: "number", "1", "8", "pu", "the largest step that this voltage made lately from one row to the next",
                "how unsteady the feeder is";
        }),
    },
    Listing {
        name: "where are you",
        when: "when a participant is wanted: at the start, and after a silence",
        fields: fields!(Down as Down::WhereAreYou {}),
    },
];

/// What an agent may say, in the order of the byte that tells the kinds apart.
pub const UP: [Listing; 5] = [
    Listing {
        name: "here",
        when: "the answer to `where are you`",
        fields: fields!(Up as Up::Here {
            updates: "integer", "1", "1-5", "-", "updates of the policy that are done", "how far the agent is";
            has_plan: "flag", "1", "1", "-", "it has the plan of this run", "whether it was there from the start";
        }),
    },
    Listing {
        name: "powers",
        when: "training: the answer to `voltages`",
        fields: fields!(Up as Up::Powers {
            points: "list of `BoundaryPoint`", "T W", "1-10, then 40 each", "see there", "power at the PCC, window after window", "see there";
        }),
    },
    Listing { name: "kept", when: "training: the answer to `finish`", fields: fields!(Up as Up::Kept {}) },
    Listing {
        name: "dispatch",
        when: "dispatch: the answer to `ask`",
        fields: fields!(DispatchAnswer as DispatchAnswer {
            row: "integer", "1", "1-5", "row", "row of the window", "nothing";
            points: "list of `BoundaryPoint`", "T", "1-10, then 40 each", "see there", "power at the PCC per step", "see there";
            excess: "list of numbers", "T", "1-10, then 8 each", "tolerances",
                "how the voltage limit of the agent's own network stands that is broken most or nearest to it, per step: positive = broken, \
                 negative = room, of which at most 1000 tolerances (0.01 pu) are told",
                "that and how strongly the agent's own network is strained, not where";
            response: "list of numbers", "6 T^2 or 0", "1-10, then 8 each", "kW, kvar or tolerances per $/kW or $/kvar",
                "how drawn power and excess answer a price: minus d(P, Q)/d(prices), row by row, P and Q of the first step first, then minus \
                 d excess/d(prices) at a voltage that does not move; \
                 only where asked for",
                "how flexible the microgrid is: its rank is at most the number of free set points, and a slope near 0 says that they are at \
                 a limit; over many windows it tells about marginal costs";
            safe: "flag", "1", "1", "-", "the action keeps every limit of the agent's devices and network at these voltages",
                "whether the agent is in difficulties";
        }),
    },
    Listing {
        name: "absent",
        when: "instead of an answer, when the message was not acted on",
        fields: &[Field {
            name: "0",
            encoding: "`Absence`",
            numbers: "1",
            bytes: "1",
            unit: "-",
            what: "why",
            tells: "what went wrong at the agent, without a number",
        }],
    },
];

/// What lists within messages consist of.
pub const STRUCTURES: [Listing; 2] = [
    Listing {
        name: "PriceOfPower",
        when: "entry of `voltages.settled`, `finish.settled`, `ask.prices`; 16 bytes",
        fields: fields!(PriceOfPower as PriceOfPower {
            p_per_kw: "number", "1", "8", "$/kW", "price of active power drawn at the PCC: the multipliers of everybody's limits, seen from there",
                "which limits bind and how the agent moves them; sums over all limits";
            q_per_kvar: "number", "1", "8", "$/kvar", "the same of reactive power", "the same";
        }),
    },
    Listing {
        name: "BoundaryPoint",
        when: "entry of `powers.points`, `dispatch.points`; 40 bytes",
        fields: fields!(BoundaryPoint as BoundaryPoint {
            p_kw: "number", "1", "8", "kW", "active power drawn from the feeder", "what a meter at the PCC would show: loads, PV, generators and batteries in one sum";
            q_kvar: "number", "1", "8", "kvar", "reactive power drawn from the feeder", "the same";
            dp_dv: "number", "1", "8", "kW/pu", "how P moves with the voltage magnitude", "losses and the voltage dependence of loads, in one sum";
            dq_dv: "number", "1", "8", "kvar/pu", "how Q moves with the voltage magnitude", "the same";
            slope: "number", "1", "8", "$/pu in training, tolerances per pu in dispatch",
                "training: how the agent's cost and priced limits move with the voltage; dispatch: how its excess does",
                "training: something about marginal costs, in one sum; dispatch: near which voltage limit the agent is";
        }),
    },
];

/// What may become of a dispatched window.
pub const CERTAINTY: [Choice; 3] = [
    Choice { name: "Certified", what: "every limit of the feeder and, by the agents' word, of every microgrid holds" },
    Choice { name: "LeastViolation", what: "the least violation that was found; some limit is broken" },
    Choice {
        name: "WithoutSome",
        what: "certified with those that answered; for the others their last agreed power was assumed",
    },
];

/// Why an agent may not take part.
pub const ABSENCE: [Choice; 6] = [
    Choice { name: "OtherCase", what: "the message was of another case" },
    Choice { name: "ImplausibleVoltage", what: "a voltage outside what is plausible" },
    Choice { name: "OldRound", what: "the round has passed already" },
    Choice { name: "NoPowerFlow", what: "its own power flow has no solution there" },
    Choice { name: "NoPolicy", what: "it has no policy that fits" },
    Choice { name: "Behind", what: "messages are missing that it needs to go on, and the streams no longer hold them" },
];

/// The list of a message from the operator.
#[must_use]
pub fn of_down(body: &Down) -> &'static Listing {
    match body {
        Down::Begin(_) => &DOWN[0],
        Down::Voltages { .. } => &DOWN[1],
        Down::Finish { .. } => &DOWN[2],
        Down::Ask { .. } => &DOWN[3],
        Down::Settled { .. } => &DOWN[4],
        Down::WhereAreYou => &DOWN[5],
    }
}

/// The list of a message from an agent.
#[must_use]
pub fn of_up(body: &Up) -> &'static Listing {
    match body {
        Up::Here { .. } => &UP[0],
        Up::Powers { .. } => &UP[1],
        Up::Kept => &UP[2],
        Up::Dispatch(_) => &UP[3],
        Up::Absent(_) => &UP[4],
    }
}

/// The line of a certainty.
#[must_use]
pub fn of_certainty(certainty: Certainty) -> &'static Choice {
    match certainty {
        Certainty::Certified => &CERTAINTY[0],
        Certainty::LeastViolation => &CERTAINTY[1],
        Certainty::WithoutSome => &CERTAINTY[2],
    }
}

/// The line of an absence.
#[must_use]
pub fn of_absence(absence: Absence) -> &'static Choice {
    match absence {
        Absence::OtherCase => &ABSENCE[0],
        Absence::ImplausibleVoltage => &ABSENCE[1],
        Absence::OldRound => &ABSENCE[2],
        Absence::NoPowerFlow => &ABSENCE[3],
        Absence::NoPolicy => &ABSENCE[4],
        Absence::Behind => &ABSENCE[5],
    }
}
