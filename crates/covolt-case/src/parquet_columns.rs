//! Columns of numbers and time stamps from a flat Parquet file: uncompressed, snappy, zstd.

use crate::parquet_zstd::ZstdPages;
use bytes::Bytes;
use parquet::basic::{Compression, ConvertedType, LogicalType, TimeUnit};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use parquet::data_type::DataType;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use std::collections::{BTreeMap, BTreeSet};

/// More rows than this are refused: a thousand years of minutes would fit.
const MOST_ROWS: i64 = 600_000_000;

/// One entry of the time column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ParquetTime {
    /// Seconds since 1970 for a stamp, the bare number otherwise.
    pub value: i64,
    /// True for a column declared as time stamps.
    pub is_stamp: bool,
    /// True for stamps declared as UTC.
    pub is_utc: bool,
}

/// What was read.
#[derive(Debug)]
pub(crate) struct ParquetColumns {
    /// Names of all columns in the file.
    pub names: Vec<String>,
    /// The time column; `None` when there is none of that name.
    pub times: Option<Vec<Option<ParquetTime>>>,
    /// The wanted columns; a null is NaN.
    pub numbers: BTreeMap<String, Vec<f64>>,
}

/// Reads the time column and the wanted columns.
pub(crate) fn read_parquet(
    bytes: Vec<u8>,
    time_column: &str,
    wanted: &BTreeSet<String>,
) -> Result<ParquetColumns, String> {
    let bytes = Bytes::from(bytes);
    // The Parquet reader asserts on some damaged files; such a file is a fault of the case, not of the program.
    let guarded = std::panic::AssertUnwindSafe(|| read_columns(bytes, time_column, wanted));
    match std::panic::catch_unwind(guarded) {
        Ok(result) => result.map_err(|e| e.to_string()),
        Err(_) => Err("the file is damaged".to_string()),
    }
}

#[derive(Debug, Clone, Copy)]
struct TimeUnitInfo {
    per_second: i64,
    is_utc: bool,
}

fn read_columns(bytes: Bytes, time_column: &str, wanted: &BTreeSet<String>) -> Result<ParquetColumns, ParquetError> {
    let reader = SerializedFileReader::new(bytes.clone())?;
    let metadata = reader.metadata();
    let schema = metadata.file_metadata().schema_descr();
    let rows = metadata.file_metadata().num_rows();
    if !(0..=MOST_ROWS).contains(&rows) {
        return Err(ParquetError::General(format!("{rows} rows")));
    }
    let names: Vec<String> = schema.columns().iter().map(|c| c.name().to_string()).collect();
    let mut out = ParquetColumns { names: names.clone(), times: None, numbers: BTreeMap::new() };
    for (i, descriptor) in schema.columns().iter().enumerate() {
        let name = descriptor.name();
        let is_time = name == time_column;
        if !(is_time || wanted.contains(name)) {
            continue;
        }
        if descriptor.max_rep_level() > 0 || descriptor.max_def_level() > 1 {
            return Err(ParquetError::General(format!("column \"{name}\" is nested")));
        }
        let unit = time_unit(descriptor.logical_type_ref(), descriptor.converted_type());
        let mut values: Vec<Option<Cell>> = Vec::new();
        for g in 0..reader.num_row_groups() {
            let group = reader.get_row_group(g)?;
            let chunk = metadata.row_group(g).column(i);
            let count = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
            let column = match chunk.compression() {
                Compression::ZSTD(_) => {
                    let start = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
                    let pages = ZstdPages::try_new(&bytes, start, chunk.compressed_size(), chunk.num_values())?;
                    get_column_reader(descriptor.clone(), Box::new(pages))
                }
                _ => group.get_column_reader(i)?,
            };
            read_cells(column, count, &mut values)?;
        }
        if is_time {
            let time = |c: &Cell| match (c, unit) {
                (Cell::Integer(v), Some(u)) => {
                    Some(ParquetTime { value: v.div_euclid(u.per_second), is_stamp: true, is_utc: u.is_utc })
                }
                (Cell::Integer(v), None) => Some(ParquetTime { value: *v, is_stamp: false, is_utc: true }),
                (Cell::Real(_), _) => None,
            };
            out.times = Some(values.iter().map(|v| v.as_ref().and_then(time)).collect());
        }
        if wanted.contains(name) {
            let number = |v: &Option<Cell>| match v {
                Some(Cell::Integer(i)) => *i as f64,
                Some(Cell::Real(x)) => *x,
                None => f64::NAN,
            };
            out.numbers.insert(name.to_string(), values.iter().map(number).collect());
        }
    }
    Ok(out)
}

fn time_unit(logical: Option<&LogicalType>, converted: ConvertedType) -> Option<TimeUnitInfo> {
    let per_second = |unit: &TimeUnit| match unit {
        TimeUnit::MILLIS => 1_000,
        TimeUnit::MICROS => 1_000_000,
        TimeUnit::NANOS => 1_000_000_000,
    };
    match (logical, converted) {
        // Stamps that are not declared as UTC are local to the writer's clock: time_offset_hours applies to them.
        (Some(LogicalType::Timestamp(t)), _) => {
            Some(TimeUnitInfo { per_second: per_second(&t.unit), is_utc: t.is_adjusted_to_u_t_c })
        }
        (_, ConvertedType::TIMESTAMP_MILLIS) => Some(TimeUnitInfo { per_second: 1_000, is_utc: true }),
        (_, ConvertedType::TIMESTAMP_MICROS) => Some(TimeUnitInfo { per_second: 1_000_000, is_utc: true }),
        _ => None,
    }
}

#[derive(Debug, Clone, Copy)]
enum Cell {
    Integer(i64),
    Real(f64),
}

fn read_cells(column: ColumnReader, rows: usize, out: &mut Vec<Option<Cell>>) -> Result<(), ParquetError> {
    match column {
        ColumnReader::Int32ColumnReader(c) => fill(c, rows, out, |v| Cell::Integer(i64::from(v))),
        ColumnReader::Int64ColumnReader(c) => fill(c, rows, out, Cell::Integer),
        ColumnReader::FloatColumnReader(c) => fill(c, rows, out, |v| Cell::Real(f64::from(v))),
        ColumnReader::DoubleColumnReader(c) => fill(c, rows, out, Cell::Real),
        _ => Err(ParquetError::General("a column is neither a number nor a time stamp".to_string())),
    }
}

fn fill<T: DataType>(
    mut column: ColumnReaderImpl<T>,
    rows: usize,
    out: &mut Vec<Option<Cell>>,
    cell: impl Fn(T::T) -> Cell,
) -> Result<(), ParquetError> {
    let mut read = 0;
    while read < rows {
        let (mut levels, mut values) = (Vec::new(), Vec::new());
        let (records, _, _) = column.read_records((rows - read).min(65_536), Some(&mut levels), None, &mut values)?;
        if records == 0 {
            return Err(ParquetError::General(format!("a column ends after {read} of {rows} rows")));
        }
        let mut next = values.into_iter();
        if levels.is_empty() {
            out.extend(next.map(|v| Some(cell(v))));
        } else {
            out.extend(levels.iter().map(|&l| if l > 0 { next.next().map(&cell) } else { None }));
        }
        read += records;
    }
    Ok(())
}
