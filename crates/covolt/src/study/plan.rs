//! Sizes of the stages: the whole study within a quarter of an hour on two cores, a first look within a minute.

/// Sizes of the stages.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// A first look.
    pub quick: bool,
    /// Test windows.
    pub windows: usize,
    /// Further seeds with which the default trainer is run.
    pub further_seeds: u64,
    /// Test days of the closed loop; `None` for all.
    pub days: Option<usize>,
    /// Windows whose decisions are timed.
    pub timed_windows: usize,
    /// Repetitions of a timed decision.
    pub repetitions: usize,
    /// Updates on which the coordination methods are compared.
    pub updates: usize,
    /// Episodes of each training of the capacity study, taken in pieces of `capacity_piece`.
    pub capacity_episodes: usize,
    /// Episodes between two looks at the policies in the capacity study.
    pub capacity_piece: usize,
}

impl Plan {
    /// The whole study.
    pub fn whole() -> Plan {
        Plan {
            quick: false,
            windows: 160,
            further_seeds: 4,
            days: None,
            timed_windows: 60,
            repetitions: 5,
            updates: 12,
            capacity_episodes: 40,
            capacity_piece: 4,
        }
    }

    /// A first look.
    pub fn quick() -> Plan {
        Plan {
            quick: true,
            windows: 12,
            further_seeds: 1,
            days: Some(1),
            timed_windows: 6,
            repetitions: 3,
            updates: 2,
            capacity_episodes: 4,
            capacity_piece: 2,
        }
    }
}
