//! What must hold, one file each.

pub mod alone;
pub mod certified;
pub mod deadlines;
pub mod device_limits;
pub mod garbage_changes_nothing;
pub mod joint;
#[path = "../../faults/invariants/messages.rs"]
pub mod messages;
pub mod notes;
pub mod prices;
pub mod rows;
pub mod safe_set_point;
pub mod storms;
#[path = "../../faults/invariants/tallies.rs"]
pub mod tallies;
