//! Faults of the machines that the simulation found or led to, each by hand.
