//! What everybody saw: the answers given, the rows settled, the steps applied, and when agents were first asked.

use super::participant::start;
use super::patience::Patience;
use super::world::{SEATS, WORLD};
use covolt_dispatch::advance;
use covolt_fleet::MicrogridStart;
use covolt_parties::{AppliedStep, RowNote};
use covolt_wire::{Certainty, Down, Envelope, Up};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Names one answer: run, row, exchange.
pub type Name = (u64, usize, u16);

/// An applied step and what its agent had answered last in the row.
pub struct Applied {
    pub step: AppliedStep,
    pub answered: Option<Name>,
    pub before: MicrogridStart,
}

/// A row that the operator closed and kept.
pub struct Settled {
    pub run: u64,
    pub note: RowNote,
}

/// What an agent was told of a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Word {
    pub name: Name,
    pub certainty: Certainty,
    pub v_pu: Vec<f64>,
    pub margin_pu: f64,
}

/// Of one agent.
pub struct OfAgent {
    pub applied: Vec<Applied>,
    pub state: MicrogridStart,
    /// The answer sent last, in whichever life.
    pub answer: Option<(Name, Rc<[u8]>)>,
    /// Settlements sent to it.
    pub words: Vec<Word>,
    /// When its row began to wait: for a question, and for a settlement once asked.
    pub idle_since_ms: u64,
    pub asked_ms: Option<u64>,
    /// In this row: it may have been asked before.
    pub restarted: bool,
}

pub struct Record {
    pub first: usize,
    pub agents: Vec<OfAgent>,
    pub settled: Vec<Settled>,
    /// Answers that reached the operator, by seat and name.
    pub heard: BTreeMap<(usize, Name), Rc<[u8]>>,
    /// Messages of the operator by run and row.
    pub asked: BTreeMap<(u64, usize), u64>,
}

impl Record {
    pub fn new(patience: &Patience) -> Record {
        let first = patience.rows.start;
        let agent = |n| OfAgent {
            applied: Vec::new(),
            state: start(n, first),
            answer: None,
            words: Vec::new(),
            idle_since_ms: 0,
            asked_ms: None,
            restarted: false,
        };
        let agents = (0..SEATS).map(agent).collect();
        Record { first, agents, settled: Vec::new(), heard: BTreeMap::new(), asked: BTreeMap::new() }
    }

    /// The operator said something.
    pub fn down(&mut self, to: usize, message: &Envelope<Down>) {
        let header = message.header;
        match &message.body {
            Down::Ask { row, .. } => *self.asked.entry((header.run, *row as usize)).or_default() += 1,
            Down::Settled { row, certainty, v_pu, margin_pu } => self.agents[to].words.push(Word {
                name: (header.run, *row as usize, header.exchange),
                certainty: *certainty,
                v_pu: v_pu.clone(),
                margin_pu: *margin_pu,
            }),
            _ => {}
        }
    }

    /// An agent said something.
    pub fn up(&mut self, from: usize, message: &Envelope<Up>, bytes: &Rc<[u8]>) {
        if let Up::Dispatch(answer) = &message.body {
            let name = (message.header.run, answer.row as usize, message.header.exchange);
            self.agents[from].answer = Some((name, bytes.clone()));
        }
    }

    /// Agent `n` applied a step for good.
    pub fn applies(&mut self, n: usize, now_ms: u64, step: AppliedStep) {
        let agent = &mut self.agents[n];
        let answered = agent.answer.as_ref().map(|(name, _)| *name).filter(|(_, row, _)| *row == step.row);
        let before = agent.state.clone();
        let fleet = &WORLD.seam.agents[n].fleet;
        let first = [step.action.clone()];
        advance(fleet, WORLD.profiles.dt_h, &first, std::slice::from_mut(&mut agent.state));
        agent.applied.push(Applied { step, answered, before });
        (agent.idle_since_ms, agent.asked_ms, agent.restarted) = (now_ms, None, false);
    }
}
