//! Units at the boundary of the program: everything becomes kW, kvar and currency per kWh.

/// Factor from a unit of active power to kW; "pu" leaves the kW to the scale.
pub(crate) fn active_power(unit: &str) -> Option<f64> {
    match unit {
        "kW" | "pu" => Some(1.0),
        "W" => Some(1e-3),
        "MW" => Some(1e3),
        _ => None,
    }
}

/// Factor from a unit of reactive power to kvar.
pub(crate) fn reactive_power(unit: &str) -> Option<f64> {
    match unit {
        "kvar" | "pu" => Some(1.0),
        "var" => Some(1e-3),
        "Mvar" => Some(1e3),
        _ => None,
    }
}

/// Why a price unit cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PriceUnitFault {
    Unknown,
    OtherCurrency(String),
}

/// Factor from a price unit to currency per kWh.
pub(crate) fn price(unit: &str, currency: &str) -> Result<f64, PriceUnitFault> {
    let (money, energy) = unit.split_once('/').ok_or(PriceUnitFault::Unknown)?;
    let per_kwh = match energy {
        "kWh" => 1.0,
        "MWh" => 1e-3,
        "Wh" => 1e3,
        _ => return Err(PriceUnitFault::Unknown),
    };
    if money == currency {
        Ok(per_kwh)
    } else if money == "ct" {
        Ok(per_kwh * 1e-2)
    } else {
        Err(PriceUnitFault::OtherCurrency(money.to_string()))
    }
}
