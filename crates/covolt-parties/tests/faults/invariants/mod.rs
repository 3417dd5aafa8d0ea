//! What must hold, one file each.

pub mod garbage_changes_nothing;
pub mod going_on;
pub mod messages;
pub mod multipliers;
pub mod rounds;
pub mod same_result;
pub mod storms;
pub mod tallies;
