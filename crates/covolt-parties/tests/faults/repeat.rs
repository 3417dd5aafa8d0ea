//! Many runs, each with its seed, and how to repeat one that fails.

use super::TEST_FILE;

/// Says how to repeat a run that panics.
pub struct Repeat {
    pub test: &'static str,
    pub seed: u64,
}

impl Repeat {
    fn command(&self) -> String {
        let Repeat { test, seed } = self;
        format!(
            "COVOLT_FAULT_LOG=1 COVOLT_FAULT_RUNS=1 COVOLT_FAULT_SEED={seed} cargo test --release -p covolt-parties --test {TEST_FILE} -- --nocapture {test}"
        )
    }
}

impl Drop for Repeat {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("seed {}; repeat it by\n  {}", self.seed, self.command());
        }
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// As many runs as the environment wants, on one thread: their number, and the time of one, ms.
pub fn many(default: u64, mut run: impl FnMut(u64, bool) + Send) -> (u64, f64) {
    let (count, first) = (setting("COVOLT_FAULT_RUNS", default), setting("COVOLT_FAULT_SEED", 1));
    let log = setting("COVOLT_FAULT_LOG", 0) > 0;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    pool.install(|| {
        let clock = std::time::Instant::now();
        (first..first + count).for_each(|seed| run(seed, log));
        (count, clock.elapsed().as_secs_f64() * 1e3 / count as f64)
    })
}
