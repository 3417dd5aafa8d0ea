//! Transformers with all their properties, taps where they are.

use super::fault::ExportFault;
use super::names::{Names, comment, number};
use covolt_grid::multiphase::{Element, Transformer, WindingConnection};
use std::fmt::Write;

/// Stands for a short-circuit reactance of zero, per cent: OpenDSS replaces a zero by several per cent.
const NO_REACTANCE: f64 = 1e-9;

pub(super) fn write(
    w: &mut String,
    names: &Names,
    element: &Element,
    name: &str,
    t: &Transformer,
    faults: &mut Vec<ExportFault>,
) {
    let n = t.windings.len();
    let _ = writeln!(w, "!@element Transformer.{name} {}", comment(&element.id));
    let _ = write!(w, "New Transformer.{name} phases={} windings={n}", t.phases);
    for (k, (winding, terminal)) in t.windings.iter().zip(&element.terminals).enumerate() {
        // Only the rating of the first winding enters. Two windings have one rating in OpenDSS, the last one given.
        let kva = if n == 2 { t.windings[0].s_rated_kva } else { winding.s_rated_kva };
        let connection = match winding.connection {
            WindingConnection::Wye => "wye",
            WindingConnection::Delta => "delta",
        };
        let _ = write!(
            w,
            " wdg={} bus={} conn={connection} kv={} kva={} %r={} maxtap={} mintap={} numtaps={} tap={}",
            k + 1,
            names.terminal(terminal.bus, terminal.conductors.iter().copied()),
            number(winding.v_rated_kv),
            number(kva),
            number(winding.r_percent),
            number(winding.tap_max_pu.max(winding.tap_pu)),
            number(winding.tap_min_pu.min(winding.tap_pu)),
            winding.tap_steps,
            number(winding.tap_pu),
        );
        match (winding.connection, winding.neutral_ohm) {
            (WindingConnection::Wye, Some((value, _))) if value < 0.0 => {
                faults.push(ExportFault::NegativeNeutral { owner: element.id.clone(), value });
            }
            (WindingConnection::Wye, Some((r, x))) => {
                let _ = write!(w, " rneut={} xneut={}", number(r), number(x));
            }
            _ => {}
        }
    }
    let x = |k: usize| number(if t.x_percent[k] == 0.0 { NO_REACTANCE } else { t.x_percent[k] });
    let _ = match t.x_percent.len() {
        1 => write!(w, " xhl={}", x(0)),
        3 => write!(w, " xhl={} xht={} xlt={}", x(0), x(1), x(2)),
        pairs => write!(w, " xscarray=[{}]", (0..pairs).map(x).collect::<Vec<_>>().join(" ")),
    };
    let _ = writeln!(
        w,
        " %noloadloss={} %imag={} ppm_antifloat={} leadlag={}",
        number(t.no_load_loss_percent),
        number(t.magnetising_percent),
        number(t.antifloat_ppm),
        if t.low_side_leads { "lead" } else { "lag" },
    );
}
