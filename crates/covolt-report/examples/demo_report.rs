//! Draws a made-up record into a folder, to look at the report: `demo_report DIR [SEED]`.

#[path = "../tests/demo/mod.rs"]
mod demo;

use covolt_report::{Summary, write_figures, write_html, write_tables};
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("name a folder to write into")?);
    let seed = arguments.next().map_or(Ok(1), |seed| seed.parse())?;
    let record = demo::record(seed);
    write_tables(&record, &folder)?;
    write_figures(&record, &folder.join("figures"))?;
    record.write(&folder.join("record.json"))?;
    Summary::from(&record).write(&folder.join("summary.json"))?;
    write_html(&record, &folder.join("report.html"))?;
    write_html(&Default::default(), &folder.join("empty.html"))?;
    Ok(())
}
