//! Impedance of a line from its geometry: the seam to the line constants of the grid crate.
//!
//! Lengths without a unit are metres here, as in the reference engine. Neutrals are eliminated where the geometry says so, and
//! always where a line gives positions and wires itself.

use super::class::Library;
use super::geometry::GeometryConductor;
use super::line::{Impedance, LineData, WireKind};
use super::units::LengthUnit;
use super::wire::Wire as WireData;
use covolt_grid::multiphase::{
    CableShield, ConductorMatrix, Earth, EarthModel, LineConductor, ShieldKind, Wire, line_constants,
};

/// Resistivity of the earth where nothing says otherwise, ohm m.
const RESISTIVITY_OHM_M: f64 = 100.0;

/// Series impedance, ohm, and shunt admittance, S, of the whole length of a line that is given by a geometry or by positions and
/// wires, at `hz`.
pub(crate) fn from_geometry(
    line: &LineData,
    library: &Library,
    hz: f64,
) -> Result<(ConductorMatrix, Option<ConductorMatrix>), String> {
    let (conductors, phases) = match &line.impedance {
        Impedance::Geometry(name) => {
            let entry = library.geometries.get(name);
            let geometry = &entry.ok_or_else(|| format!("there is no line geometry '{name}'"))?.data;
            (geometry.conductors.clone(), geometry.conductors_left())
        }
        _ => spaced(line, library)?,
    };
    let placed = conductors
        .iter()
        .enumerate()
        .map(|(k, c)| place(c, library).map_err(|what| format!("conductor {}: {what}", k + 1)));
    let placed = placed.collect::<Result<Vec<_>, String>>()?;
    let earth = Earth {
        model: match line.earth_model.chars().next() {
            Some('c') => EarthModel::SimpleCarson,
            Some('f') => EarthModel::FullCarson,
            Some('d') => EarthModel::Deri,
            _ => return Err(format!("'{}' is no earth model (Carson, FullCarson, Deri)", line.earth_model)),
        },
        resistivity_ohm_m: if line.rho_given { line.earth.rho } else { RESISTIVITY_OHM_M },
    };
    let constants = line_constants(&placed, &earth, hz)
        .map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
    let constants = constants.reduced(phases).ok_or("its neutrals cannot be eliminated")?;
    let length_m = line.length * metres(line.unit);
    let shunt = Some(constants.shunt_s_per_m.scaled(length_m)).filter(|y| y.max_norm() > 0.0);
    Ok((constants.series_ohm_per_m.scaled(length_m), shunt))
}

/// Conductors of a line with positions and wires of its own, and how many of them are phases.
fn spaced(line: &LineData, library: &Library) -> Result<(Vec<GeometryConductor>, usize), String> {
    let entry = library.spacings.get(&line.spacing);
    let spacing = &entry.ok_or_else(|| format!("there is no line spacing '{}'", line.spacing))?.data;
    if spacing.at.len() != line.wires.len() {
        return Err(format!("{} wires for {} positions", line.wires.len(), spacing.at.len()));
    }
    let conductor = |(at, wire): (&(f64, f64), &(WireKind, String))| GeometryConductor {
        wire: Some(wire.clone()),
        x: at.0,
        h: at.1,
        unit: spacing.unit,
    };
    let conductors = spacing.at.iter().zip(&line.wires).map(conductor).collect();
    Ok((conductors, spacing.phases.min(spacing.at.len())))
}

/// A length without a unit is in metres.
fn metres(unit: LengthUnit) -> f64 {
    unit.metres().unwrap_or(1.0)
}

/// A conductor in SI units.
fn place(conductor: &GeometryConductor, library: &Library) -> Result<LineConductor, String> {
    let (kind, name) = conductor.wire.as_ref().ok_or("it has no wire")?;
    let data = match kind {
        WireKind::Bare => library.wires.get(name).map(|e| &e.data.0),
        WireKind::Concentric => library.concentric_cables.get(name).map(|e| &e.data.0),
        WireKind::Tape => library.tape_cables.get(name).map(|e| &e.data.0),
    };
    let data = data.ok_or_else(|| format!("there is no wire or cable '{name}'"))?;
    let needed = |value: Option<f64>, what: &str| value.ok_or_else(|| format!("'{name}' has no {what}"));
    let per_metre = 1.0 / metres(data.r_unit);
    let (gmr_unit, radius_unit) = (metres(data.gmr_unit), metres(data.radius_unit));
    let radius_m = radius_unit * needed(data.radius, "radius")?;
    let wire = Wire {
        gmr_m: gmr_unit * needed(data.gmr, "geometric mean radius")?,
        radius_m,
        capacitance_radius_m: data.capacitance_radius.map_or(radius_m, |r| radius_unit * r),
        r_dc_ohm_per_m: per_metre * needed(data.r_dc, "resistance")?,
        r_ac_ohm_per_m: per_metre * needed(data.r_ac, "resistance")?,
    };
    let unit = metres(conductor.unit);
    let shield = shield(data, *kind, per_metre, &needed)?;
    Ok(LineConductor { wire, x_m: unit * conductor.x, height_m: unit * conductor.h, shield })
}

fn shield(
    data: &WireData,
    kind: WireKind,
    per_metre: f64,
    needed: &impl Fn(Option<f64>, &str) -> Result<f64, String>,
) -> Result<Option<CableShield>, String> {
    let (cable, unit) = (&data.cable, metres(data.radius_unit));
    let kind = match kind {
        WireKind::Bare => return Ok(None),
        WireKind::Concentric => {
            let strand = needed(cable.strand_diameter, "diameter of strands")?;
            ShieldKind::Strands {
                count: u32::try_from(cable.strands).map_err(|_| "too many strands")?,
                diameter_m: unit * strand,
                // A solid round strand, where nothing else is given.
                gmr_m: cable.strand_gmr.map_or(unit * 0.7788 * strand / 2.0, |gmr| metres(data.gmr_unit) * gmr),
                r_ohm_per_m: per_metre * needed(cable.strand_r, "resistance of strands")?,
                outer_diameter_m: unit * needed(cable.cable_diameter, "diameter of the cable")?,
            }
        }
        WireKind::Tape => ShieldKind::Tape {
            outer_diameter_m: unit * needed(cable.shield_diameter, "diameter over the shield")?,
            thickness_m: unit * needed(cable.tape_thickness, "thickness of the tape")?,
            lap_percent: cable.tape_lap_percent,
        },
    };
    Ok(Some(CableShield {
        relative_permittivity: cable.permittivity,
        insulation_m: unit * needed(cable.insulation_thickness, "thickness of the insulation")?,
        insulation_diameter_m: unit * needed(cable.insulation_diameter, "diameter over the insulation")?,
        kind,
    }))
}
