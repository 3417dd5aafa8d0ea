//! How long is a unit of length?

/// A unit of length as a script names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum LengthUnit {
    /// Not given: agrees with everything.
    #[default]
    None,
    /// Statute mile.
    Mile,
    /// A thousand feet.
    Kilofoot,
    /// Kilometre.
    Kilometre,
    /// Metre.
    Metre,
    /// Foot.
    Foot,
    /// Inch.
    Inch,
    /// Centimetre.
    Centimetre,
    /// Millimetre.
    Millimetre,
}

impl LengthUnit {
    /// The unit of a word, by the letters that the reference engine looks at.
    pub fn parse(text: &str) -> Result<LengthUnit, String> {
        let text = text.trim().to_ascii_lowercase();
        Ok(match text.as_str() {
            "" | "none" | "no" => LengthUnit::None,
            "mi" | "mile" | "miles" => LengthUnit::Mile,
            "kft" => LengthUnit::Kilofoot,
            "km" => LengthUnit::Kilometre,
            "m" | "meter" | "metre" | "me" => LengthUnit::Metre,
            "ft" | "foot" | "feet" => LengthUnit::Foot,
            "in" | "inch" => LengthUnit::Inch,
            "cm" => LengthUnit::Centimetre,
            "mm" => LengthUnit::Millimetre,
            _ => return Err(format!("'{text}' is no unit of length (mi, kft, km, m, ft, in, cm, mm, none)")),
        })
    }

    /// Its length, m; `None` where no unit is given.
    pub fn metres(self) -> Option<f64> {
        match self {
            LengthUnit::None => None,
            LengthUnit::Mile => Some(1609.344),
            LengthUnit::Kilofoot => Some(304.8),
            LengthUnit::Kilometre => Some(1000.0),
            LengthUnit::Metre => Some(1.0),
            LengthUnit::Foot => Some(0.3048),
            LengthUnit::Inch => Some(0.0254),
            LengthUnit::Centimetre => Some(0.01),
            LengthUnit::Millimetre => Some(0.001),
        }
    }

    /// How many of `other` are one of this; one where either is not given.
    pub fn in_units_of(self, other: LengthUnit) -> f64 {
        match (self.metres(), other.metres()) {
            (Some(a), Some(b)) => a / b,
            _ => 1.0,
        }
    }
}
