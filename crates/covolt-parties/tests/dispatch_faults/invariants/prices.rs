//! Prices are finite, and none is larger than what any device could answer to; margins and voltages are plausible numbers.

use covolt_wire::Down;

const MOST_PRICE: f64 = 1e6;

pub fn check(body: &Down) -> Result<(), String> {
    match body {
        Down::Ask { prices, v_pu, .. } => {
            let all = prices.iter().flat_map(|price| [price.p_per_kw, price.q_per_kvar]);
            match all.chain(v_pu.iter().copied()).find(|value| value.is_nan() || value.abs() > MOST_PRICE) {
                Some(value) => Err(format!("asks at {value}")),
                None => Ok(()),
            }
        }
        Down::Settled { margin_pu, .. } if !(0.0..=1.0).contains(margin_pu) => {
            Err(format!("a margin of {margin_pu} pu"))
        }
        _ => Ok(()),
    }
}
