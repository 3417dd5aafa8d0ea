//! covolt
fn main() {}
