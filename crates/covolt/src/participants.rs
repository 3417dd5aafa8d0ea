//! The operator and the agents as processes: their parts of a case, their run folders, the loop around their state machines.
//!
//! | question | file |
//! |---|---|
//! | what does each of them know? | `parts.rs` |
//! | what is trained, and how large may messages be? | `plan.rs` |
//! | what does the loop ask of a state machine? | `machine.rs` |
//! | how do events come in and outputs get carried out? | `run_loop.rs` |
//! | what is read again after an absence? | `streams.rs` |
//! | who connects where, with which keys? | `link_settings.rs` |
//! | what lies in a run folder, also after a kill? | `folder.rs`, `sent.rs` |
//! | what does the operator write down, what an agent? | `operator_diary.rs`, `agent_diary.rs`, `round_table.rs` |
//! | what is written down in dispatch? | `live_diary.rs` |
//! | what is said on the way? | `log.rs` |

pub mod agent_diary;
pub mod folder;
pub mod link_settings;
pub mod live_diary;
pub mod log;
pub mod machine;
pub mod operator_diary;
pub mod parts;
pub mod plan;
pub mod round_table;
pub mod run_loop;
pub mod sent;
pub mod streams;
