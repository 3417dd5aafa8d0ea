//! CSV files: headers, units, one description per column, full precision.

mod demo;

use covolt_report::simulation::{BranchRow, BusRow, DecisionRow, DispatchRow, InjectionRow};
use covolt_report::{Row, SimulationFiles, StudyRecord, columns_text, tables, write_figures, write_tables};

/// Header as serde names the fields, in their order.
fn fields<R: Row>(row: &R) -> Vec<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.serialize(row).expect("a row");
    let text = String::from_utf8(writer.into_inner().expect("flushed")).expect("text");
    text.lines().next().unwrap_or_default().split(',').map(str::to_owned).collect()
}

fn documented<R: Row>() -> Vec<String> {
    R::COLUMNS.iter().map(|c| c.0.to_owned()).collect()
}

fn dispatch() -> DispatchRow {
    DispatchRow {
        time: "2016-07-14 17:00".to_owned(),
        microgrid: "MG1".to_owned(),
        device: "battery, east".to_owned(),
        p_kw: -12.5,
        q_kvar: 0.1 + 0.2,
        soc: Some(0.5),
    }
}

#[test]
fn ref_simulation_columns_are_the_promised_ones() {
    let bus = BusRow { t: 0, bus: "1".to_owned(), vm_pu: 1.0, va_deg: 0.0 };
    let branch = BranchRow { t: 0, branch: "L1".to_owned(), i_from_a: 1.0, i_to_a: 1.0, loading: None };
    let injection = InjectionRow { t: 0, bus: "1".to_owned(), p_kw: 1.0, q_kvar: 0.0 };
    assert_eq!(fields(&dispatch()), ["time", "microgrid", "device", "p_kw", "q_kvar", "soc"]);
    assert_eq!(fields(&injection), ["t", "bus", "p_kw", "q_kvar"]);
    assert_eq!(fields(&bus), ["t", "bus", "vm_pu", "va_deg"]);
    assert_eq!(fields(&branch), ["t", "branch", "i_from_a", "i_to_a", "loading"]);
    assert_eq!(fields(&dispatch()), documented::<DispatchRow>());
    assert_eq!(fields(&injection), documented::<InjectionRow>());
    assert_eq!(fields(&bus), documented::<BusRow>());
    assert_eq!(fields(&branch), documented::<BranchRow>());
    assert_eq!(fields(&DecisionRow::default()), documented::<DecisionRow>());
}

#[test]
fn law_simulation_files_keep_every_digit_and_have_headers_without_rows() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut files = SimulationFiles::create(folder.path()).expect("started");
    files.dispatch(&dispatch()).expect("a row");
    files.finish().expect("written");
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect(name);
    let rows: Vec<DispatchRow> = csv::Reader::from_reader(read("dispatch.csv").as_bytes())
        .deserialize()
        .collect::<Result<_, _>>()
        .expect("rows");
    assert_eq!(rows, [dispatch()]);
    assert_eq!(read("injections.csv"), "t,bus,p_kw,q_kvar\n");
    assert_eq!(read("COLUMNS.md"), columns_text());
    assert!(columns_text().contains("| soc | fraction |"));
}

#[test]
fn ref_table_headers() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = write_tables(&demo::record(1), folder.path()).expect("written");
    let header = |name: &str| {
        let text = std::fs::read_to_string(folder.path().join(name)).expect(name);
        text.lines().next().unwrap_or_default().to_owned()
    };
    assert_eq!(header("table2.csv"), "microgrid,central_usd,policy_usd,difference_percent");
    assert_eq!(
        header("layers.csv"),
        "layer,trainer,gap_percent,violating_windows,windows,max_voltage_violation_pu,max_current_violation_percent,max_gap_usd,programs_mean"
    );
    assert_eq!(header("decision_times.csv"), "layer,median_us,p99_us");
    assert_eq!(header("day.csv"), "microgrid,hour,demand_kw,dg_kw,pv_kw,battery_kw,exchange_kw,soc,price_usd_per_kwh");
    for file in &files {
        assert!(folder.path().join(file).is_file(), "{file}");
    }
    let table2 = std::fs::read_to_string(folder.path().join("table2.csv")).expect("table2.csv");
    assert_eq!(table2.lines().count(), 1 + 5 + 2, "five microgrids, total and bound");
    assert!(table2.contains("lower bound of the total,74.7897,,"));
}

#[test]
fn law_every_row_has_a_cell_per_column_and_every_column_a_meaning() {
    for record in [demo::record(1), StudyRecord::default()] {
        let tables = tables::all(&record);
        let mut names: Vec<&str> = tables.iter().map(|t| t.file).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), tables.len(), "file names are unique");
        let text = tables::describe(&tables);
        for table in &tables {
            assert!(text.contains(table.file));
            assert!(table.rows.iter().all(|row| row.len() == table.columns.len()), "{}", table.file);
            for column in &table.columns {
                assert!(!column.meaning.is_empty() && text.contains(column.name), "{}", column.name);
                let unit = [("_kw", "kW"), ("_pu", "pu"), ("_usd", "$"), ("_percent", "%"), ("_us", "\u{b5}s")];
                for (_, unit) in
                    unit.iter().filter(|(end, _)| column.name.ends_with(end) && column.name != "multiplier_usd_per_pu")
                {
                    assert_eq!(column.unit, *unit, "{} of {}", column.name, table.file);
                }
            }
        }
    }
}

#[test]
fn law_every_drawing_is_a_file_that_stands_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = write_figures(&demo::record(1), folder.path()).expect("written");
    for wanted in ["network-0.svg", "fig6-0.svg", "fig3-0.svg", "fig8m-2.svg"] {
        assert!(files.iter().any(|f| f == wanted), "{wanted} is not among {files:?}");
    }
    for file in &files {
        let text = std::fs::read_to_string(folder.path().join(file)).expect(file);
        assert!(text.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""), "{file}");
        assert!(text.contains("--c0:") && text.contains("prefers-color-scheme:dark"), "{file}");
        assert_eq!(text.matches("http").count(), 1, "{file} names something outside");
    }
}
