//! Adam with a schedule of its own: first-order steps on a flat parameter vector.
//!
//! m <- b1 m + (1 - b1) g, v <- b2 v + (1 - b2) g^2,
//! theta <- theta - rate (m / (1 - b1^k)) / (sqrt(v / (1 - b2^k)) + eps): **descends**, so pass the gradient of a cost
//! (or the negative gradient of a reward). The state serialises, so an interrupted run continues exactly.

use serde::{Deserialize, Serialize};

use crate::error::{PolicyError, check_len};

/// Moments and step count of Adam.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Adam {
    /// Decay of the first moment, in [0, 1); 0.9 unless told otherwise.
    pub beta1: f64,
    /// Decay of the second moment, in [0, 1); 0.99 unless told otherwise (short runs forget faster).
    pub beta2: f64,
    /// Added to the root of the second moment, in units of the gradient.
    pub epsilon: f64,
    step: u64,
    m: Vec<f64>,
    v: Vec<f64>,
}

impl Adam {
    /// Zero moments for `parameters` entries.
    pub fn new(parameters: usize) -> Self {
        Adam { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, step: 0, m: vec![0.0; parameters], v: vec![0.0; parameters] }
    }

    /// Steps taken so far.
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// One step of size `rate` down `gradient`.
    pub fn descend(&mut self, theta: &mut [f64], gradient: &[f64], rate: f64) -> Result<(), PolicyError> {
        check_len("Adam parameters", theta.len(), self.m.len())?;
        check_len("Adam gradient", gradient.len(), self.m.len())?;
        check_len("Adam second moment", self.v.len(), self.m.len())?;
        self.step += 1;
        let k = i32::try_from(self.step).unwrap_or(i32::MAX);
        let first = 1.0 - self.beta1.powi(k);
        let second = 1.0 - self.beta2.powi(k);
        let Adam { beta1, beta2, epsilon, m, v, .. } = self;
        let step = Step { beta1: *beta1, beta2: *beta2, epsilon: *epsilon, first, second, rate };
        pulp::Arch::new().dispatch(Kernel { step, theta, gradient, m, v });
        Ok(())
    }
}

/// Numbers of one step.
#[derive(Clone, Copy)]
struct Step {
    beta1: f64,
    beta2: f64,
    epsilon: f64,
    first: f64,
    second: f64,
    rate: f64,
}

/// The loop over all parameters, compiled for the widest vectors that the processor has. Nothing in it is fused or reordered, so
/// the result has the same bits on every instruction set.
struct Kernel<'a> {
    step: Step,
    theta: &'a mut [f64],
    gradient: &'a [f64],
    m: &'a mut [f64],
    v: &'a mut [f64],
}

impl pulp::WithSimd for Kernel<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let Step { beta1, beta2, epsilon, first, second, rate } = self.step;
        let moments = self.m.iter_mut().zip(self.v);
        for ((theta, g), (m, v)) in self.theta.iter_mut().zip(self.gradient).zip(moments) {
            *m = beta1 * *m + (1.0 - beta1) * g;
            *v = beta2 * *v + (1.0 - beta2) * g * g;
            *theta -= rate * (*m / first) / ((*v / second).sqrt() + epsilon);
        }
    }
}

/// Learning rate over a run: linear warm-up, then half a cosine from `peak` to `floor`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CosineSchedule {
    /// Highest rate.
    pub peak: f64,
    /// Rate at the end and ever after.
    pub floor: f64,
    /// Steps of linear warm-up from zero.
    pub warmup: u64,
    /// Steps after which the floor is reached, warm-up included.
    pub total: u64,
}

impl CosineSchedule {
    /// Rate of step `step` (the first is 0).
    pub fn rate(&self, step: u64) -> f64 {
        if step < self.warmup {
            return self.peak * (step + 1) as f64 / self.warmup as f64;
        }
        if step >= self.total {
            return self.floor;
        }
        let done = (step - self.warmup) as f64 / (self.total - self.warmup) as f64;
        self.floor + 0.5 * (self.peak - self.floor) * (1.0 + (std::f64::consts::PI * done).cos())
    }
}
