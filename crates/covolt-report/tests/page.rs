//! The page: self-contained, every figure named, described and with units, nothing breaks on odd or missing data.

mod demo;

use covolt_report::record::*;
use covolt_report::{figures, html};

/// Texts of all elements of a kind, markup removed.
fn elements<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{name}"), format!("</{name}>"));
    page.split(open.as_str())
        .skip(1)
        .filter_map(|rest| rest.split_once(close.as_str()))
        .filter_map(|(element, _)| element.split_once('>'))
        .map(|(_, text)| text)
        .collect()
}

#[test]
fn law_page_needs_nothing_else() {
    let page = html::render(&demo::record(1));
    for outside in ["http:", "https:", "src=", "@import", "<link", "<script", "<img", "<iframe", "xlink", "file:"] {
        assert!(!page.contains(outside), "the page names something outside: {outside}");
    }
    for reference in page.split("href=\"").skip(1) {
        assert!(reference.starts_with('#'), "a link leaves the page");
    }
    assert_eq!(page.matches("url(").count(), page.matches("url(#").count());
    assert!(page.contains("prefers-color-scheme:dark") && page.contains("<meta charset=\"utf-8\">"));
}

#[test]
fn law_links_and_ids_fit() {
    let page = html::render(&demo::record(1));
    let mut ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|r| r.split('"').next()).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "ids are unique");
    for target in page.split("href=\"#").skip(1).filter_map(|r| r.split('"').next()) {
        assert!(ids.contains(&target), "no section {target}");
    }
    for target in page.split("url(#").skip(1).filter_map(|r| r.split(')').next()) {
        assert!(ids.contains(&target), "no element {target}");
    }
}

#[test]
fn law_every_drawing_has_name_description_and_units() {
    let units = ["kW", "%", "$", "pu", "count", "no unit"];
    for figure in figures::all(&demo::record(1)) {
        assert!(!figure.groups.is_empty(), "{} is empty", figure.id);
        assert!(figure.caption.len() > 40, "{} has no caption", figure.id);
        for drawing in figure.groups.iter().flat_map(|g| &g.drawings) {
            assert!(drawing.starts_with("<svg id=") && drawing.ends_with("</svg>"));
            assert!(drawing.contains("role=\"img\"") && drawing.contains("aria-label=\""));
            assert!(elements(drawing, "title").first().is_some_and(|t| !t.is_empty()));
            assert!(elements(drawing, "desc").first().is_some_and(|t| t.len() > 20), "{}", figure.id);
            assert!(!drawing.contains("NaN") && !drawing.contains("inf"), "{}", figure.id);
            assert!(!drawing.contains(">no data<"), "{}", figure.id);
            let texts = elements(drawing, "text").join(" ");
            assert!(units.iter().any(|u| texts.contains(u)), "{}: no unit in {texts}", figure.id);
        }
    }
}

#[test]
fn law_every_item_says_where_it_comes_from() {
    let mut record = demo::record(1);
    for (number, item) in Item::ALL.into_iter().enumerate() {
        record.provenance.note(item, format!("file-{number}.json"), format!("command {number}"));
    }
    let page = html::render(&record);
    for number in 0..Item::ALL.len() {
        assert!(page.contains(&format!("<code>file-{number}.json</code>")), "{:?}", Item::ALL[number]);
        assert!(page.contains(&format!("<code>command {number}</code>")));
    }
}

#[test]
fn law_an_empty_record_says_no_data() {
    let page = html::render(&StudyRecord::default());
    let figures = figures::all(&StudyRecord::default()).len();
    assert!(page.matches("no data").count() >= figures + 8, "every figure and table says so");
}

#[test]
fn law_nothing_is_shown_as_zero_that_is_not_known() {
    let unknown = LayerFigures { gap_percent: f64::NAN, violating_windows: 3, ..LayerFigures::default() };
    let record = StudyRecord {
        windows: Some(WindowStudy { count: 10, layers: Layers { bare: Some(unknown), ..Layers::default() } }),
        ..StudyRecord::default()
    };
    let page = html::render(&record);
    assert!(page.contains("3 of 10 windows violate a limit"));
    assert!(!page.contains("NaN"));
}

/// Every number of the record replaced: JSON knows which they are.
fn replaced(record: &StudyRecord, with: &serde_json::Value) -> StudyRecord {
    fn walk(value: &mut serde_json::Value, with: &serde_json::Value) {
        match value {
            serde_json::Value::Number(number) if number.is_f64() => *value = with.clone(),
            serde_json::Value::Array(list) => list.iter_mut().for_each(|v| walk(v, with)),
            serde_json::Value::Object(map) => map.values_mut().for_each(|v| walk(v, with)),
            _ => {}
        }
    }
    let mut value = serde_json::to_value(record).expect("plain data");
    walk(&mut value, with);
    serde_json::from_value(value).expect("the same layout")
}

#[test]
fn law_odd_numbers_break_nothing() {
    let record = demo::record(2);
    let odd = [f64::NAN, 0.0, -0.0, 1.0, -1.0, 1e-300, 1e300, -1e300, f64::MAX, 5e-324, 1e15, 123.456];
    for value in odd {
        let number = serde_json::Number::from_f64(value).map_or(serde_json::Value::Null, Into::into);
        let page = html::render(&replaced(&record, &number));
        for sign in ["NaN", ">inf", " inf "] {
            let context =
                page.find(sign).map(|at| page[at.saturating_sub(120)..].chars().take(160).collect::<String>());
            assert_eq!(context, None, "{value} shows up");
        }
        assert!(page.len() < 4_000_000, "{value} makes {} bytes", page.len());
    }
}

#[test]
fn law_almost_equal_and_mixed_values_are_drawn() {
    use covolt_report::chart::{Axis, Line, Panel};
    use covolt_report::palette::Style;
    let cases: [&[f64]; 7] = [
        &[1.0, 1.0 + 1e-15],
        &[1e12, 1e12 + 1e-3],
        &[-1e90, 1e90],
        &[f64::NAN, 2.0, f64::INFINITY, 3.0],
        &[7.0],
        &[1e-12, 3e-12],
        &[0.0, 1e-9, 1e9],
    ];
    for values in cases {
        for y in [
            Axis::new("y (pu)"),
            Axis::decades("y (pu)"),
            Axis::count("y (count)"),
            Axis::fixed("y (%)", (0.0, 100.0), 25.0),
        ] {
            let mut panel = Panel::new("p", "panel", Axis::count("x (count)"), y);
            panel.lines.push(Line {
                points: values.iter().enumerate().map(|(x, y)| (x as f64, *y)).collect(),
                style: Style::nth(0),
            });
            panel.limits = vec![f64::NAN, 2.5];
            let svg = panel.svg();
            assert!(svg.contains("y (") && !svg.contains("NaN"), "{values:?}");
            assert!(svg.matches("<text").count() < 60, "{values:?}: too many ticks");
        }
    }
}

#[test]
fn law_text_is_escaped() {
    let mut record = demo::record(1);
    record.title = "<script>alert(1)</script>".to_owned();
    if let Some(day) = &mut record.day {
        day.microgrids[0].name = "\"><b>MG & 1</b>".to_owned();
    }
    if let Some(network) = &mut record.network {
        network.buses[0].id = "<b>".to_owned();
        network.buses[40].area = "<i>".to_owned();
    }
    let page = html::render(&record);
    assert!(!page.contains("<script") && !page.contains("<b>") && !page.contains("<i>"));
}

#[test]
fn law_lists_of_unequal_length_are_cut() {
    let mut record = demo::record(1);
    if let Some(day) = &mut record.day {
        day.microgrids[0].pv_kw.truncate(3);
        day.microgrids[1].soc.clear();
        day.hour.truncate(50);
    }
    if let Some(returns) = record.capacity_study.as_mut().and_then(|s| s.returns.as_mut()) {
        returns.with_constraint_kw.clear();
        returns.episode.truncate(5);
    }
    if let Some(network) = &mut record.network {
        network.branches[3].to = "nowhere".to_owned();
        network.buses[5].id = network.buses[6].id.clone();
    }
    assert!(html::render(&record).contains("Fig. 4"));
}

#[test]
fn law_the_same_record_gives_the_same_page() {
    let (first, second) = (html::render(&demo::record(5)), html::render(&demo::record(5)));
    assert!(first == second, "two drawings of one record differ");
    assert!(first != html::render(&demo::record(6)), "the numbers are not drawn");
}

#[test]
fn ref_table2_difference_counts_extra_cost_as_positive() {
    let row = CostRow { microgrid: "a".to_owned(), central_usd: -4.0, policy_usd: -3.9 };
    assert!((row.difference_percent() - 2.5).abs() < 1e-12);
    assert_eq!(Quantiles::of(&[4.0, 1.0, f64::NAN, 3.0, 2.0]), Some(Quantiles { median: 2.0, p99: 4.0 }));
    assert_eq!(Quantiles::of(&[]), None);
}
