//! WireData, CNData, TSData: what a conductor is made of.

use super::class::{Class, Effect, Library};
use super::numbers::{count, number};
use super::properties::{CN_DATA, TS_DATA, WIRE_DATA};
use super::tokens::Value;
use super::units::LengthUnit;

/// A conductor; lengths in the units that stand beside them, unset values are `None`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Wire {
    /// Direct-current resistance per unit of length, ohm.
    pub r_dc: Option<f64>,
    /// Alternating-current resistance per unit of length, ohm.
    pub r_ac: Option<f64>,
    /// Unit of the resistances.
    pub r_unit: LengthUnit,
    /// Geometric mean radius.
    pub gmr: Option<f64>,
    /// Its unit.
    pub gmr_unit: LengthUnit,
    /// Radius.
    pub radius: Option<f64>,
    /// Radius for the capacitance.
    pub capacitance_radius: Option<f64>,
    /// Unit of radii, diameters and layers.
    pub radius_unit: LengthUnit,
    /// Normal current, A.
    pub normal_a: Option<f64>,
    /// The cable around it, where it is one.
    pub cable: Cable,
}

/// What a cable adds to its conductor; lengths in the unit of the radius.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cable {
    /// Strands of the neutral.
    pub strands: usize,
    /// Diameter of a strand.
    pub strand_diameter: Option<f64>,
    /// Geometric mean radius of a strand, in the unit of the other.
    pub strand_gmr: Option<f64>,
    /// Resistance of a strand, in the unit of the other resistances.
    pub strand_r: Option<f64>,
    /// Diameter over the shield.
    pub shield_diameter: Option<f64>,
    /// Thickness of the tape.
    pub tape_thickness: Option<f64>,
    /// Overlap of the tape, per cent.
    pub tape_lap_percent: f64,
    /// Relative permittivity of the insulation.
    pub permittivity: f64,
    /// Thickness of the insulation.
    pub insulation_thickness: Option<f64>,
    /// Diameter over the insulation.
    pub insulation_diameter: Option<f64>,
    /// Diameter of the cable.
    pub cable_diameter: Option<f64>,
}

impl Default for Cable {
    fn default() -> Self {
        Cable {
            strands: 2,
            strand_diameter: None,
            strand_gmr: None,
            strand_r: None,
            shield_diameter: None,
            tape_thickness: None,
            tape_lap_percent: 20.0,
            permittivity: 2.3,
            insulation_thickness: None,
            insulation_diameter: None,
            cable_diameter: None,
        }
    }
}

/// Most strands of a neutral.
const MOST_STRANDS: usize = 1000;

impl Wire {
    fn set_property(&mut self, property: &'static str, value: &Value) -> Result<Effect, String> {
        let some = |value: &Value| number(value).map(|x| Some(x).filter(|x| *x > 0.0));
        match property {
            "rdc" => self.r_dc = some(value)?,
            "rac" => self.r_ac = some(value)?,
            "runits" => self.r_unit = LengthUnit::parse(&value.text)?,
            "gmrac" => self.gmr = some(value)?,
            "gmrunits" => self.gmr_unit = LengthUnit::parse(&value.text)?,
            "radius" => self.radius = some(value)?,
            "diam" => self.radius = some(value)?.map(|d| d / 2.0),
            "capradius" => self.capacitance_radius = some(value)?,
            "radunits" => self.radius_unit = LengthUnit::parse(&value.text)?,
            "normamps" => self.normal_a = some(value)?,
            "k" => self.cable.strands = count(value, MOST_STRANDS)?,
            "diastrand" => self.cable.strand_diameter = some(value)?,
            "gmrstrand" => self.cable.strand_gmr = some(value)?,
            "rstrand" => self.cable.strand_r = some(value)?,
            "diashield" => self.cable.shield_diameter = some(value)?,
            "tapelayer" => self.cable.tape_thickness = some(value)?,
            "tapelap" => self.cable.tape_lap_percent = number(value)?,
            "epsr" => self.cable.permittivity = number(value)?,
            "inslayer" => self.cable.insulation_thickness = some(value)?,
            "diains" => self.cable.insulation_diameter = some(value)?,
            "diacable" => self.cable.cable_diameter = some(value)?,
            "emergamps" | "seasons" | "ratings" => return Ok(Effect::Irrelevant),
            other => return Ok(Effect::LeftOut(format!("property '{other}'"))),
        }
        Ok(Effect::Taken)
    }

    /// Fills what follows from something else by the rules of the reference engine.
    fn complete(&mut self) {
        match (self.r_dc, self.r_ac) {
            (Some(dc), None) => self.r_ac = Some(1.02 * dc),
            (None, Some(ac)) => self.r_dc = Some(ac / 1.02),
            _ => {}
        }
        if self.gmr_unit == LengthUnit::None {
            self.gmr_unit = self.radius_unit;
        } else if self.radius_unit == LengthUnit::None {
            self.radius_unit = self.gmr_unit;
        }
        match (self.radius, self.gmr) {
            (Some(radius), None) => (self.gmr, self.gmr_unit) = (Some(0.7788 * radius), self.radius_unit),
            (None, Some(gmr)) => (self.radius, self.radius_unit) = (Some(gmr / 0.7788), self.gmr_unit),
            _ => {}
        }
    }
}

/// One type per class, as the order of properties differs.
macro_rules! wire {
    ($($(#[$doc:meta])* $name:ident $table:ident)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub(crate) struct $name(pub Wire);

        impl Class for $name {
            const PROPERTIES: &'static [&'static str] = $table;

            fn new(_: &Library) -> Self {
                $name(Wire::default())
            }

            fn set(&mut self, property: &'static str, value: &Value, _: &Library) -> Result<Effect, String> {
                self.0.set_property(property, value)
            }

            fn finish(&mut self) -> Result<(), String> {
                self.0.complete();
                Ok(())
            }
        }
    )*};
}

wire! {
    /// A bare wire.
    BareWire WIRE_DATA
    /// A cable with a concentric neutral.
    ConcentricCable CN_DATA
    /// A cable with a tape shield.
    TapeCable TS_DATA
}
