//! Lines and cables from their geometry against OpenDSS.
#![allow(clippy::unwrap_used, clippy::panic)]

mod opendss;

use covolt_grid::multiphase::{
    CableShield, ConductorMatrix, Earth, EarthModel, GeometryFault, LineConductor, ShieldKind, Wire, line_constants,
};
use opendss::{cases, difference, expected, line_admittance};
use serde_json::Value;

fn conductor(v: &Value) -> LineConductor {
    let number = |v: &Value, key: &str| v[key].as_f64().unwrap();
    let (w, s) = (&v["wire"], &v["shield"]);
    let kind = |kind: &str| match kind {
        "strands" => ShieldKind::Strands {
            count: s["count"].as_u64().unwrap() as u32,
            diameter_m: number(s, "d"),
            gmr_m: number(s, "gmr"),
            r_ohm_per_m: number(s, "r"),
            outer_diameter_m: number(s, "outer"),
        },
        _ => ShieldKind::Tape {
            outer_diameter_m: number(s, "outer"),
            thickness_m: number(s, "thickness"),
            lap_percent: number(s, "lap"),
        },
    };
    LineConductor {
        wire: Wire {
            gmr_m: number(w, "gmr_m"),
            radius_m: number(w, "radius_m"),
            capacitance_radius_m: number(w, "capacitance_radius_m"),
            r_dc_ohm_per_m: number(w, "r_dc_ohm_per_m"),
            r_ac_ohm_per_m: number(w, "r_ac_ohm_per_m"),
        },
        x_m: number(v, "x_m"),
        height_m: number(v, "height_m"),
        shield: (!s.is_null()).then(|| CableShield {
            relative_permittivity: number(s, "eps"),
            insulation_m: number(s, "layer"),
            insulation_diameter_m: number(s, "diameter"),
            kind: kind(s["kind"].as_str().unwrap()),
        }),
    }
}

fn found(case: &Value) -> ConductorMatrix {
    let model = match case["model"].as_str().unwrap() {
        "deri" => EarthModel::Deri,
        "carson" => EarthModel::SimpleCarson,
        _ => EarthModel::FullCarson,
    };
    let conductors: Vec<LineConductor> = case["conductors"].as_array().unwrap().iter().map(conductor).collect();
    let earth = Earth { model, resistivity_ohm_m: case["rho"].as_f64().unwrap() };
    let full = line_constants(&conductors, &earth, case["f"].as_f64().unwrap()).unwrap();
    let constants = full.reduced(case["phases"].as_u64().unwrap() as usize).unwrap();
    let length = case["length_m"].as_f64().unwrap();
    line_admittance(&constants.series_ohm_per_m.scaled(length), &constants.shunt_s_per_m.scaled(length))
}

#[test]
fn ref_lines_from_geometry_opendss() {
    let cases = cases("lines.json");
    assert!(cases.len() >= 23);
    let mut worst = 0.0f64;
    for case in &cases {
        let difference = difference(&found(case), &expected(&case["yprim_s"]));
        println!("{}: {difference:.2e}", case["name"]);
        worst = worst.max(difference);
    }
    println!("largest relative difference {worst:.2e}");
    assert!(worst < 1e-9, "{worst:.2e}");
}

#[test]
fn law_impossible_geometries_are_faults() {
    let file = cases("lines.json");
    let of = |name: &str| -> Vec<LineConductor> {
        let case = file.iter().find(|c| c["name"] == name).unwrap();
        case["conductors"].as_array().unwrap().iter().map(conductor).collect()
    };
    let (line, cable) = (of("four wires, deri"), of("concentric neutral, deri"));
    let earth = Earth::default();
    assert!(line_constants(&line, &earth, 60.0).is_ok() && line_constants(&cable, &earth, 60.0).is_ok());
    assert_eq!(line_constants(&[], &earth, 60.0), Err(vec![GeometryFault::NoConductor]));
    for f_hz in [0.0, -50.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(line_constants(&line, &earth, f_hz).unwrap_err()[0], GeometryFault::Surroundings { .. }));
    }
    type Spoil = fn(&mut LineConductor);
    let broken: [(Spoil, bool); 12] = [
        (|c| c.wire.gmr_m = 0.0, false),
        (|c| c.wire.radius_m = f64::NAN, false),
        (|c| c.wire.r_dc_ohm_per_m = 0.0, false),
        (|c| c.wire.r_ac_ohm_per_m = -1.0, false),
        (|c| c.height_m = 0.0, false),
        (|c| c.x_m = f64::INFINITY, false),
        (|c| c.wire.radius_m = 5.0, false),
        (|c| c.shield.as_mut().unwrap().insulation_m = 1.0, true),
        (|c| c.shield.as_mut().unwrap().relative_permittivity = 0.0, true),
        (|c| c.wire.capacitance_radius_m = 0.0, true),
        (|c| c.height_m = f64::NAN, true),
        (
            |c| {
                if let Some(ShieldKind::Strands { count, .. }) = c.shield.as_mut().map(|s| &mut s.kind) {
                    *count = 0;
                }
            },
            true,
        ),
    ];
    for (k, (spoil, in_cable)) in broken.iter().enumerate() {
        let mut conductors = if *in_cable { cable.clone() } else { line.clone() };
        spoil(&mut conductors[1]);
        assert!(line_constants(&conductors, &earth, 60.0).is_err(), "{k}");
    }
}
