//! LineSpacing and LineGeometry: where the conductors of a line are.

use super::class::{Class, Effect, Library};
use super::line::WireKind;
use super::numbers::{count, list, number, numbers, yes};
use super::properties::{LINE_GEOMETRY, LINE_SPACING};
use super::tokens::Value;
use super::units::LengthUnit;

/// Positions of conductors.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spacing {
    /// Conductors that are phases; the others are neutrals.
    pub phases: usize,
    /// Horizontal and vertical position of each conductor.
    pub at: Vec<(f64, f64)>,
    /// Unit of the positions.
    pub unit: LengthUnit,
}

impl Class for Spacing {
    const PROPERTIES: &'static [&'static str] = LINE_SPACING;

    fn new(_: &Library) -> Self {
        Spacing { phases: 3, at: vec![(0.0, 0.0); 3], unit: LengthUnit::Foot }
    }

    fn set(&mut self, property: &'static str, value: &Value, library: &Library) -> Result<Effect, String> {
        match property {
            "nconds" => self.at = vec![(0.0, 0.0); count(value, library.max_conductors)?],
            "nphases" => self.phases = count(value, library.max_conductors)?,
            "x" | "h" => {
                let given = numbers(value)?;
                if given.len() > self.at.len() {
                    return Err(format!("{} positions for {} conductors", given.len(), self.at.len()));
                }
                for (at, position) in self.at.iter_mut().zip(given) {
                    *(if property == "x" { &mut at.0 } else { &mut at.1 }) = position;
                }
            }
            "units" => self.unit = LengthUnit::parse(&value.text)?,
            other => return Ok(Effect::LeftOut(format!("property '{other}'"))),
        }
        Ok(Effect::Taken)
    }
}

/// A conductor of a geometry.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct GeometryConductor {
    /// The wire, with the catalogue it stands in.
    pub wire: Option<(WireKind, String)>,
    /// Horizontal position.
    pub x: f64,
    /// Height above ground; negative: buried.
    pub h: f64,
    /// Unit of both.
    pub unit: LengthUnit,
}

/// Positions with wires.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Geometry {
    /// Conductors that are phases.
    pub phases: usize,
    /// All conductors, phases first.
    pub conductors: Vec<GeometryConductor>,
    /// True: neutrals are eliminated.
    pub reduce: bool,
    /// Normal current of the first wire, A.
    pub normal_a: Option<f64>,
    active: usize,
    unit: LengthUnit,
}

impl Class for Geometry {
    const PROPERTIES: &'static [&'static str] = LINE_GEOMETRY;

    fn new(_: &Library) -> Self {
        Geometry {
            phases: 3,
            conductors: vec![conductor(); 3],
            reduce: false,
            normal_a: None,
            active: 0,
            unit: LengthUnit::Foot,
        }
    }

    fn set(&mut self, property: &'static str, value: &Value, library: &Library) -> Result<Effect, String> {
        let kind = match property {
            "wire" | "wires" => WireKind::Bare,
            "cncable" | "cncables" => WireKind::Concentric,
            _ => WireKind::Tape,
        };
        let active = self.active;
        match property {
            "nconds" => {
                self.conductors = vec![conductor(); count(value, library.max_conductors)?];
                self.active = 0;
            }
            "nphases" => self.phases = count(value, library.max_conductors)?,
            "cond" => self.active = count(value, self.conductors.len())? - 1,
            "wire" | "cncable" | "tscable" => self.set_wire(active, kind, &value.text, library)?,
            "wires" | "cncables" | "tscables" => {
                let names = list(value)?;
                // Bare wires after cables are the neutrals beside them.
                let cables =
                    self.conductors.iter().take_while(|c| matches!(&c.wire, Some((k, _)) if *k != WireKind::Bare));
                let first = if kind == WireKind::Bare { cables.count() % self.conductors.len() } else { 0 };
                if first + names.len() > self.conductors.len() {
                    return Err(format!("{} wires for {} conductors", names.len(), self.conductors.len() - first));
                }
                for (k, name) in names.iter().enumerate() {
                    self.set_wire(first + k, kind, name, library)?;
                }
            }
            "x" => self.conductors[active].x = number(value)?,
            "h" => self.conductors[active].h = number(value)?,
            "units" => {
                self.unit = LengthUnit::parse(&value.text)?;
                self.conductors[active].unit = self.unit;
            }
            "reduce" => self.reduce = yes(value)?,
            "spacing" => {
                let entry = library.spacings.get(&value.text);
                let spacing = &entry.ok_or_else(|| format!("there is no line spacing '{}'", value.text))?.data;
                if spacing.at.len() != self.conductors.len() {
                    let (found, expected) = (spacing.at.len(), self.conductors.len());
                    return Err(format!("the spacing has {found} conductors, the geometry {expected}"));
                }
                for (conductor, at) in self.conductors.iter_mut().zip(&spacing.at) {
                    (conductor.x, conductor.h, conductor.unit) = (at.0, at.1, spacing.unit);
                }
            }
            "normamps" => self.normal_a = Some(number(value)?).filter(|a| *a > 0.0),
            "emergamps" | "seasons" | "ratings" | "linetype" => return Ok(Effect::Irrelevant),
            other => return Ok(Effect::LeftOut(format!("property '{other}'"))),
        }
        Ok(Effect::Taken)
    }
}

fn conductor() -> GeometryConductor {
    GeometryConductor { wire: None, x: 0.0, h: 0.0, unit: LengthUnit::Foot }
}

impl Geometry {
    fn set_wire(&mut self, at: usize, kind: WireKind, name: &str, library: &Library) -> Result<(), String> {
        let normal_a = match kind {
            WireKind::Bare => library.wires.get(name).map(|e| e.data.0.normal_a),
            WireKind::Concentric => library.concentric_cables.get(name).map(|e| e.data.0.normal_a),
            WireKind::Tape => library.tape_cables.get(name).map(|e| e.data.0.normal_a),
        };
        let normal_a = normal_a.ok_or_else(|| format!("there is no wire or cable '{name}'"))?;
        if at == 0 {
            self.normal_a = normal_a;
        }
        self.conductors[at].wire = Some((kind, name.to_owned()));
        Ok(())
    }

    /// Conductors that a line with this geometry has at its ends.
    pub fn conductors_left(&self) -> usize {
        if self.reduce { self.phases.min(self.conductors.len()) } else { self.conductors.len() }
    }
}
