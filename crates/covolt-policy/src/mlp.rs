//! Multilayer perceptron behind the mean (20) and covariance (21) networks, with its Jacobian products.
//!
//! h_0 = x, h_(l+1) = act(h_l W_l + b_l), the last layer linear. Batches are row-major: sample by
//! feature. All parameters live in one flat vector, layer after layer, each as
//!
//! | block | entries | order |
//! |---|---|---|
//! | W_l | sizes\[l\] x sizes\[l+1\] | row-major, input index first |
//! | b_l | sizes\[l+1\] | - |
//!
//! so that one parameter vector, its gradient (`vjp`) and its tangent (`jvp`) share a layout.
//! Both Jacobian products are taken at the point of the last `forward` recorded on the tape.

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use crate::error::{PolicyError, check_finite, check_len};
use crate::matrix_product::{View, add_row_times_matrix, multiply};

/// Slope of the leaky ReLU for negative arguments.
pub const LEAK: f64 = 0.01;

/// Nonlinearity of the hidden layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// max(x, 0.01 x).
    #[default]
    LeakyRelu,
    /// Hyperbolic tangent.
    Tanh,
}

impl Activation {
    fn apply(self, values: &mut [f64]) {
        match self {
            Activation::LeakyRelu => values.iter_mut().for_each(|v| *v = v.max(LEAK * *v)),
            Activation::Tanh => values.iter_mut().for_each(|v| *v = v.tanh()),
        }
    }

    /// `values` *= act'(pre), where `post` = act(pre): both activations give their slope from the result.
    pub(crate) fn scale_by_slope(self, post: &[f64], values: &mut [f64]) {
        match self {
            Activation::LeakyRelu => {
                for (v, h) in values.iter_mut().zip(post) {
                    *v *= if *h > 0.0 { 1.0 } else { LEAK };
                }
            }
            Activation::Tanh => {
                for (v, h) in values.iter_mut().zip(post) {
                    *v *= 1.0 - h * h;
                }
            }
        }
    }
}

/// How the last layer starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastLayer {
    /// Zero weights and biases: the network starts as the constant zero, a pure correction.
    Zero,
    /// Like the other layers.
    Random,
}

/// Position of one layer inside the flat parameter vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layer {
    pub inputs: usize,
    pub outputs: usize,
    weights: usize,
    end: usize,
}

impl Layer {
    /// (W, b) of this layer in a slice with the network's layout.
    pub fn split<'a>(&self, theta: &'a [f64]) -> (&'a [f64], &'a [f64]) {
        theta[self.weights..self.end].split_at(self.inputs * self.outputs)
    }

    fn split_mut<'a>(&self, theta: &'a mut [f64]) -> (&'a mut [f64], &'a mut [f64]) {
        theta[self.weights..self.end].split_at_mut(self.inputs * self.outputs)
    }
}

/// A multilayer perceptron with its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Mlp {
    sizes: Vec<usize>,
    activation: Activation,
    layers: Vec<Layer>,
    theta: Vec<f64>,
}

/// Storage for one network and batches up to a capacity: the activations of the last forward pass
/// and two scratch blocks. Makes every pass free of allocation.
#[derive(Debug, Clone)]
pub struct Tape {
    sizes: Vec<usize>,
    capacity: usize,
    batch: usize,
    /// Input and hidden activations, h_0 .. h_(L-1).
    h: Vec<Vec<f64>>,
    ping: Vec<f64>,
    pong: Vec<f64>,
}

impl Tape {
    /// Samples of the last recorded forward pass (0: none yet).
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Largest batch this tape can record.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Activations h_l of sample `sample` in the last forward pass.
    pub(crate) fn activation(&self, layer: usize, sample: usize) -> &[f64] {
        let n = self.sizes[layer];
        &self.h[layer][sample * n..(sample + 1) * n]
    }
}

fn layers_of(sizes: &[usize]) -> Result<Vec<Layer>, PolicyError> {
    let refuse = |reason| PolicyError::Sizes { sizes: sizes.to_vec(), reason };
    if sizes.len() < 2 {
        return Err(refuse("at least an input and an output size are needed"));
    }
    if sizes.contains(&0) {
        return Err(refuse("a layer is empty"));
    }
    let mut layers = Vec::with_capacity(sizes.len() - 1);
    let mut at = 0usize;
    for pair in sizes.windows(2) {
        let (inputs, outputs) = (pair[0], pair[1]);
        let end = inputs
            .checked_add(1)
            .and_then(|rows| rows.checked_mul(outputs))
            .and_then(|count| count.checked_add(at))
            .filter(|end| *end <= MAX_PARAMETERS)
            .ok_or_else(|| refuse("too many parameters"))?;
        layers.push(Layer { inputs, outputs, weights: at, end });
        at = end;
    }
    Ok(layers)
}

/// Parameters of the largest network accepted (a gibibyte): guards against absurd sizes in files.
pub const MAX_PARAMETERS: usize = 1 << 27;

impl Mlp {
    /// A network with He-normal weights (variance 2 / inputs, or 1 / inputs for tanh) and zero biases.
    pub fn try_new(
        sizes: &[usize],
        activation: Activation,
        last: LastLayer,
        rng: &mut ChaCha8Rng,
    ) -> Result<Self, PolicyError> {
        let layers = layers_of(sizes)?;
        let mut theta = vec![0.0; layers.last().map_or(0, |l| l.end)];
        let gain: f64 = match activation {
            Activation::LeakyRelu => 2.0 / (1.0 + LEAK * LEAK),
            Activation::Tanh => 1.0,
        };
        for (index, layer) in layers.iter().enumerate() {
            if last == LastLayer::Zero && index + 1 == layers.len() {
                continue;
            }
            let std = (gain / layer.inputs as f64).sqrt();
            let (weights, _) = layer.split_mut(&mut theta);
            for w in weights {
                let z: f64 = StandardNormal.sample(rng);
                *w = std * z;
            }
        }
        Ok(Mlp { sizes: sizes.to_vec(), activation, layers, theta })
    }

    /// A network with given parameters, in the layout above.
    pub fn from_parameters(sizes: &[usize], activation: Activation, theta: Vec<f64>) -> Result<Self, PolicyError> {
        let layers = layers_of(sizes)?;
        check_len("network parameters", theta.len(), layers.last().map_or(0, |l| l.end))?;
        check_finite("network parameters", &theta)?;
        Ok(Mlp { sizes: sizes.to_vec(), activation, layers, theta })
    }

    /// Layer sizes, input first.
    pub fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// Activation of the hidden layers.
    pub fn activation(&self) -> Activation {
        self.activation
    }

    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.layers.first().map_or(0, |l| l.inputs)
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.layers.last().map_or(0, |l| l.outputs)
    }

    /// Number of parameters.
    pub fn parameter_count(&self) -> usize {
        self.theta.len()
    }

    /// The flat parameter vector.
    pub fn parameters(&self) -> &[f64] {
        &self.theta
    }

    /// The flat parameter vector, to be changed.
    pub fn parameters_mut(&mut self) -> &mut [f64] {
        &mut self.theta
    }

    /// Bias of the last layer, to be changed: shifts each output by a constant.
    pub fn output_bias_mut(&mut self) -> &mut [f64] {
        let n = self.outputs();
        let at = self.theta.len() - n;
        &mut self.theta[at..]
    }

    pub(crate) fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// A tape for batches of up to `capacity` samples (at least one).
    pub fn tape(&self, capacity: usize) -> Tape {
        let capacity = capacity.max(1);
        let widest = self.sizes.iter().copied().max().unwrap_or(0);
        Tape {
            sizes: self.sizes.clone(),
            capacity,
            batch: 0,
            h: self.layers.iter().map(|l| vec![0.0; capacity * l.inputs]).collect(),
            ping: vec![0.0; capacity * widest],
            pong: vec![0.0; capacity * widest],
        }
    }

    pub(crate) fn check_tape(&self, tape: &Tape) -> Result<(), PolicyError> {
        if tape.sizes == self.sizes {
            Ok(())
        } else {
            Err(PolicyError::Workspace { found: tape.sizes.clone(), expected: self.sizes.clone() })
        }
    }

    /// Samples on the tape, after checking that it belongs to this network and holds a forward pass.
    pub(crate) fn recorded(&self, what: &'static str, tape: &Tape) -> Result<usize, PolicyError> {
        self.check_tape(tape)?;
        match tape.batch {
            0 => Err(PolicyError::NoForward { what }),
            batch => Ok(batch),
        }
    }

    /// Outputs (batch x outputs) for inputs (batch x inputs); recorded on the tape.
    pub fn forward(
        &self,
        inputs: &[f64],
        batch: usize,
        tape: &mut Tape,
        outputs: &mut [f64],
    ) -> Result<(), PolicyError> {
        self.check_tape(tape)?;
        if batch > tape.capacity {
            return Err(PolicyError::Batch { batch, capacity: tape.capacity });
        }
        check_len("network input", inputs.len(), batch * self.inputs())?;
        check_len("network output", outputs.len(), batch * self.outputs())?;
        tape.batch = batch;
        if let Some(h0) = tape.h.first_mut() {
            h0[..inputs.len()].copy_from_slice(inputs);
        }
        for (l, layer) in self.layers.iter().enumerate() {
            let (done, rest) = tape.h.split_at_mut(l + 1);
            let h = &done[l];
            let is_last = rest.is_empty();
            let next = match rest.first_mut() {
                Some(next) => &mut next[..batch * layer.outputs],
                None => &mut *outputs,
            };
            let (w, b) = layer.split(&self.theta);
            for row in next.chunks_exact_mut(layer.outputs) {
                row.copy_from_slice(b);
            }
            if batch == 1 {
                add_row_times_matrix(&h[..layer.inputs], w, next);
            } else {
                multiply(
                    batch,
                    layer.inputs,
                    layer.outputs,
                    1.0,
                    View::rows_of(h, layer.inputs),
                    View::rows_of(w, layer.outputs),
                    1.0,
                    next,
                    layer.outputs,
                );
            }
            if !is_last {
                self.activation.apply(next);
            }
        }
        Ok(())
    }

    /// Parameter gradient J^T c, **added** to `gradient`, for a cotangent c (batch x outputs), summed over the batch;
    /// where asked for, `input_gradient` (batch x inputs) is overwritten with the gradient of each sample's input.
    pub fn vjp(
        &self,
        tape: &mut Tape,
        cotangent: &[f64],
        gradient: &mut [f64],
        input_gradient: Option<&mut [f64]>,
    ) -> Result<(), PolicyError> {
        let batch = self.recorded("vjp", tape)?;
        check_len("network cotangent", cotangent.len(), batch * self.outputs())?;
        check_len("network gradient", gradient.len(), self.theta.len())?;
        if let Some(input_gradient) = &input_gradient {
            check_len("input gradient", input_gradient.len(), batch * self.inputs())?;
        }
        let Tape { h, ping, pong, .. } = tape;
        let (mut delta, mut before) = (ping, pong);
        delta[..cotangent.len()].copy_from_slice(cotangent);
        for (l, layer) in self.layers.iter().enumerate().rev() {
            let (w, _) = layer.split(&self.theta);
            let (grad_w, grad_b) = layer.split_mut(gradient);
            let rows = &delta[..batch * layer.outputs];
            multiply(
                layer.inputs,
                batch,
                layer.outputs,
                1.0,
                View::transposed(&h[l], layer.inputs),
                View::rows_of(rows, layer.outputs),
                1.0,
                grad_w,
                layer.outputs,
            );
            for row in rows.chunks_exact(layer.outputs) {
                for (g, d) in grad_b.iter_mut().zip(row) {
                    *g += d;
                }
            }
            if l > 0 || input_gradient.is_some() {
                let below = &mut before[..batch * layer.inputs];
                multiply(
                    batch,
                    layer.outputs,
                    layer.inputs,
                    1.0,
                    View::rows_of(rows, layer.outputs),
                    View::transposed(w, layer.outputs),
                    0.0,
                    below,
                    layer.inputs,
                );
                if l > 0 {
                    self.activation.scale_by_slope(&h[l], below);
                }
            }
            std::mem::swap(&mut delta, &mut before);
        }
        if let Some(input_gradient) = input_gradient {
            let n = input_gradient.len();
            input_gradient.copy_from_slice(&delta[..n]);
        }
        Ok(())
    }

    /// Output change J v (batch x outputs, overwritten) for a change v of all parameters.
    pub fn jvp(&self, tape: &mut Tape, tangent: &[f64], outputs: &mut [f64]) -> Result<(), PolicyError> {
        let batch = self.recorded("jvp", tape)?;
        check_len("network tangent", tangent.len(), self.theta.len())?;
        check_len("network output", outputs.len(), batch * self.outputs())?;
        let Tape { h, ping, pong, .. } = tape;
        let (mut dh, mut after) = (ping, pong);
        let last = self.layers.len() - 1;
        for (l, layer) in self.layers.iter().enumerate() {
            let (w, _) = layer.split(&self.theta);
            let (dw, db) = layer.split(tangent);
            let next = if l == last { &mut *outputs } else { &mut after[..batch * layer.outputs] };
            for row in next.chunks_exact_mut(layer.outputs) {
                row.copy_from_slice(db);
            }
            multiply(
                batch,
                layer.inputs,
                layer.outputs,
                1.0,
                View::rows_of(&h[l], layer.inputs),
                View::rows_of(dw, layer.outputs),
                1.0,
                next,
                layer.outputs,
            );
            // The input is constant in theta, so the first layer has no term from below.
            if l > 0 {
                multiply(
                    batch,
                    layer.inputs,
                    layer.outputs,
                    1.0,
                    View::rows_of(dh, layer.inputs),
                    View::rows_of(w, layer.outputs),
                    1.0,
                    next,
                    layer.outputs,
                );
            }
            if l != last {
                self.activation.scale_by_slope(&h[l + 1], next);
            }
            std::mem::swap(&mut dh, &mut after);
        }
        Ok(())
    }
}
