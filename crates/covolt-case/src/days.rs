//! Split of the days into training, validation and test: a rule on the day number, or explicit dates.

use crate::case_file::DaysSection;
use crate::fault::CaseFault;
use crate::time_axis::date_text;
use crate::toml_document::KeyPlaces;
use std::collections::{BTreeMap, BTreeSet};

/// Day numbers (as in the profiles) of each set, increasing, disjoint. Days with missing rows belong to none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DaySplit {
    /// Training days.
    pub train: Vec<usize>,
    /// Validation days, for choosing settings.
    pub validation: Vec<usize>,
    /// Test days, read by no training and no choice.
    pub test: Vec<usize>,
}

/// Splits the complete days (day number -> date in days since 1970).
pub(crate) fn split_days(
    section: &DaysSection,
    complete: &BTreeMap<usize, i64>,
    places: &KeyPlaces,
    faults: &mut Vec<CaseFault>,
) -> DaySplit {
    if section.period == 0 {
        faults.push(places.fault("days.period", "the period is 0 days", "must be at least 1"));
        return DaySplit::default();
    }
    for (key, list) in [("test", &section.test), ("validation", &section.validation)] {
        for r in list.iter().filter(|&&r| r >= section.period) {
            faults.push(places.fault(
                &format!("days.{key}"),
                format!("residue {r} never occurs modulo {}", section.period),
                "residues run from 0 to period - 1",
            ));
        }
    }
    if let Some(r) = section.test.iter().find(|r| section.validation.contains(r)) {
        faults.push(places.fault(
            "days.validation",
            format!("residue {r} is in both test and validation"),
            "a day belongs to one set only",
        ));
    }
    let by_text: BTreeMap<String, usize> = complete.iter().map(|(&d, &date)| (date_text(date), d)).collect();
    let mut dated = |key: &str, list: &Option<Vec<String>>| -> Option<BTreeSet<usize>> {
        let list = list.as_ref()?;
        let mut days = BTreeSet::new();
        for (i, text) in list.iter().enumerate() {
            match by_text.get(text.trim()) {
                Some(&d) => {
                    days.insert(d);
                }
                None => {
                    let (first, last) = (by_text.keys().next(), by_text.keys().next_back());
                    let range = first
                        .zip(last)
                        .map_or("no complete day".to_string(), |(a, b)| format!("complete days run from {a} to {b}"));
                    faults.push(places.fault(
                        &format!("days.{key}[{i}]"),
                        format!("\"{text}\" is no complete day of the data"),
                        format!("write YYYY-MM-DD; {range}"),
                    ));
                }
            }
        }
        Some(days)
    };
    let test = dated("test_dates", &section.test_dates);
    let validation = dated("validation_dates", &section.validation_dates);
    let train = dated("train_dates", &section.train_dates);
    let named = [("test_dates", &test), ("validation_dates", &validation), ("train_dates", &train)];
    for (i, (key, a)) in named.iter().enumerate() {
        for (other, b) in &named[i + 1..] {
            if let (Some(a), Some(b)) = (a, b)
                && let Some(d) = a.intersection(b).next()
            {
                let date = complete.get(d).map_or(String::new(), |&x| date_text(x));
                faults.push(places.fault(
                    &format!("days.{other}"),
                    format!("{date} is in both {key} and {other}"),
                    "a day belongs to one set only",
                ));
            }
        }
    }
    // Dates win over the rule, in any set.
    let is_named = |d: usize| named.iter().any(|(_, set)| set.as_ref().is_some_and(|s| s.contains(&d)));
    let rule = |residues: &[usize], d: usize| !is_named(d) && residues.contains(&(d % section.period));
    let pick = |set: &Option<BTreeSet<usize>>, residues: &[usize]| -> Vec<usize> {
        match set {
            Some(s) => s.iter().copied().collect(),
            None => complete.keys().copied().filter(|&d| rule(residues, d)).collect(),
        }
    };
    let test = pick(&test, &section.test);
    let validation = pick(&validation, &section.validation);
    let train = match &train {
        Some(s) => s.iter().copied().collect(),
        None => complete.keys().copied().filter(|d| !test.contains(d) && !validation.contains(d)).collect(),
    };
    DaySplit { train, validation, test }
}
