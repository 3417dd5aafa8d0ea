//! What the operator in dispatch keeps over a crash: the next row, what was agreed in the row before, and the number of its run.

use super::OperatorDispatch;
use crate::error::PartyError;
use covolt_wire::BoundaryPoint;
use serde::{Deserialize, Serialize};

/// Where the operator stands between two rows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OperatorCheckpoint {
    run: u64,
    row: usize,
    seats: Vec<KeptSeat>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct KeptSeat {
    agreed: Option<Vec<BoundaryPoint>>,
    settled_v_pu: Vec<f64>,
    largest_move_pu: f64,
}

impl OperatorDispatch<'_> {
    /// The bytes of a checkpoint. A row that is open is asked from its beginning after a restart.
    pub fn checkpoint(&self) -> Option<Vec<u8>> {
        let seats = self.seats.iter().map(|seat| KeptSeat {
            agreed: seat.agreed.clone(),
            settled_v_pu: seat.settled_v_pu.clone(),
            largest_move_pu: seat.largest_move_pu,
        });
        postcard::to_stdvec(&OperatorCheckpoint { run: self.run, row: self.row, seats: seats.collect() }).ok()
    }

    /// Goes on from the bytes of a checkpoint, as a run of its own.
    ///
    /// # Errors
    /// Bytes that are none, or of other rows, seats or windows.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), PartyError> {
        let refuse = |reason: &str| PartyError::Checkpoint { reason: reason.into() };
        let kept: OperatorCheckpoint =
            postcard::from_bytes(bytes).map_err(|e| refuse(&format!("it cannot be read ({e})")))?;
        let steps = self.place.steps;
        let fits = |seat: &KeptSeat| {
            seat.agreed.iter().all(|points| points.len() == steps)
                && (seat.settled_v_pu.is_empty() || seat.settled_v_pu.len() == steps)
        };
        if kept.seats.len() != self.seats.len() || !kept.seats.iter().all(fits) {
            return Err(refuse("it is of other agents or windows"));
        }
        if kept.row < self.rows.start || kept.row > self.rows.end {
            return Err(refuse("it is of other rows"));
        }
        // Answers to the life before are not taken for answers to this one.
        self.run = self.run.max(kept.run.saturating_add(1));
        self.row = kept.row;
        self.done = self.row >= self.rows.end;
        for (seat, KeptSeat { agreed, settled_v_pu, largest_move_pu }) in self.seats.iter_mut().zip(kept.seats) {
            (seat.agreed, seat.settled_v_pu, seat.largest_move_pu) = (agreed, settled_v_pu, largest_move_pu);
        }
        Ok(())
    }

    /// Number of the run.
    pub fn run(&self) -> u64 {
        self.run
    }
}
