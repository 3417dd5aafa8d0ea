//! Pages of a zstd-compressed Parquet column chunk.
//!
//! The Parquet library decompresses zstd with a C library only; this reads the page headers (Thrift compact protocol, a
//! handful of integer fields) and decompresses with a decoder in Rust, so that no system compiler is needed.

use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::ParquetError;
use std::io::Read;

type Result<T> = std::result::Result<T, ParquetError>;

fn damaged(what: &str) -> ParquetError {
    ParquetError::General(format!("damaged page: {what}"))
}

/// Page headers nest two levels; more is damage.
const DEEPEST: usize = 16;

/// Integers of a page header by (struct field, field); top-level fields have struct field 0.
#[derive(Debug, Default)]
struct Header {
    fields: std::collections::BTreeMap<(i16, i16), i64>,
    length: usize,
}

impl Header {
    fn get(&self, structure: i16, field: i16) -> Result<usize> {
        let value = self.fields.get(&(structure, field)).copied();
        value.and_then(|v| usize::try_from(v).ok()).ok_or_else(|| damaged("a field of the header is missing"))
    }
}

/// Reader of the Thrift compact protocol, as far as page headers need it.
struct Thrift<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Thrift<'_> {
    fn byte(&mut self) -> Result<u8> {
        let b = self.bytes.get(self.at).copied().ok_or_else(|| damaged("the header ends early"))?;
        self.at += 1;
        Ok(b)
    }

    fn varint(&mut self) -> Result<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let b = self.byte()?;
            value |= u64::from(b & 0x7f) << shift;
            if b & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(damaged("a number is too long"))
    }

    fn zigzag(&mut self) -> Result<i64> {
        let v = self.varint()?;
        Ok((v >> 1) as i64 ^ -((v & 1) as i64))
    }

    fn skip_bytes(&mut self, n: u64) -> Result<()> {
        let n = usize::try_from(n).map_err(|_| damaged("a length is too large"))?;
        self.at = self
            .at
            .checked_add(n)
            .filter(|&a| a <= self.bytes.len())
            .ok_or_else(|| damaged("the header ends early"))?;
        Ok(())
    }

    /// Reads one struct, keeping its integers and flags under `structure`.
    fn record(&mut self, structure: i16, depth: usize, header: &mut Header) -> Result<()> {
        let mut field = 0i16;
        loop {
            let b = self.byte()?;
            if b == 0 {
                return Ok(());
            }
            let step = i16::from(b >> 4);
            field = if step == 0 { self.zigzag()? as i16 } else { field.wrapping_add(step) };
            if let Some(v) = self.value(b & 0x0f, field, depth, header)? {
                header.fields.insert((structure, field), v);
            }
        }
    }

    fn value(&mut self, kind: u8, field: i16, depth: usize, header: &mut Header) -> Result<Option<i64>> {
        match kind {
            1 => Ok(Some(1)),
            2 => Ok(Some(0)),
            3 => self.byte().map(|b| Some(i64::from(b))),
            4..=6 => self.zigzag().map(Some),
            7 => self.skip_bytes(8).map(|()| None),
            8 => {
                let n = self.varint()?;
                self.skip_bytes(n).map(|()| None)
            }
            12 if depth < DEEPEST => {
                // Only the first level of structs is of interest; deeper ones (statistics) are read past.
                let mut rest = Header::default();
                let keep = if depth == 0 { header } else { &mut rest };
                self.record(field, depth + 1, keep).map(|()| None)
            }
            _ => Err(damaged("unknown kind of field")),
        }
    }
}

fn read_header(bytes: &[u8]) -> Result<Header> {
    let mut thrift = Thrift { bytes, at: 0 };
    let mut header = Header::default();
    thrift.record(0, 0, &mut header)?;
    header.length = thrift.at;
    Ok(header)
}

/// Pages of one column chunk.
pub(crate) struct ZstdPages {
    chunk: Bytes,
    at: usize,
    seen: i64,
    values: i64,
}

impl ZstdPages {
    /// The chunk of `length` bytes from `start`, holding `values` values.
    pub fn try_new(file: &Bytes, start: i64, length: i64, values: i64) -> Result<ZstdPages> {
        let start = usize::try_from(start).map_err(|_| damaged("offset"))?;
        let length = usize::try_from(length).map_err(|_| damaged("length"))?;
        let end = start
            .checked_add(length)
            .filter(|&e| e <= file.len())
            .ok_or_else(|| damaged("beyond the end of the file"))?;
        Ok(ZstdPages { chunk: file.slice(start..end), at: 0, seen: 0, values })
    }

    fn header(&self) -> Result<Option<Header>> {
        if self.seen >= self.values || self.at >= self.chunk.len() {
            return Ok(None);
        }
        read_header(self.chunk.get(self.at..).unwrap_or(&[])).map(Some)
    }

    /// Body of the page under `header` and the position behind it.
    fn body(&self, header: &Header) -> Result<(Bytes, usize)> {
        let start = self.at.saturating_add(header.length);
        let end = start.checked_add(header.get(0, 3)?).filter(|&e| e <= self.chunk.len());
        let end = end.ok_or_else(|| damaged("body beyond the chunk"))?;
        Ok((self.chunk.slice(start..end), end))
    }
}

fn decompress(data: &[u8], size: usize) -> Result<Vec<u8>> {
    if size == 0 {
        return Ok(Vec::new());
    }
    let mut plain = Vec::new();
    let decoder = ruzstd::decoding::StreamingDecoder::new(data).map_err(|e| damaged(&e.to_string()))?;
    decoder.take(size as u64 + 1).read_to_end(&mut plain).map_err(|e| damaged(&e.to_string()))?;
    if plain.len() == size { Ok(plain) } else { Err(damaged("its length differs from the header's")) }
}

fn encoding(code: usize) -> Result<Encoding> {
    Ok(match code {
        0 => Encoding::PLAIN,
        2 => Encoding::PLAIN_DICTIONARY,
        3 => Encoding::RLE,
        5 => Encoding::DELTA_BINARY_PACKED,
        6 => Encoding::DELTA_LENGTH_BYTE_ARRAY,
        7 => Encoding::DELTA_BYTE_ARRAY,
        8 => Encoding::RLE_DICTIONARY,
        9 => Encoding::BYTE_STREAM_SPLIT,
        _ => return Err(damaged("unknown encoding")),
    })
}

fn count(n: usize) -> Result<u32> {
    u32::try_from(n).map_err(|_| damaged("a count is too large"))
}

/// Kinds of pages and the header field that describes each.
const DATA_PAGE: (usize, i16) = (0, 5);
const DICTIONARY_PAGE: (usize, i16) = (2, 7);
const DATA_PAGE_V2: (usize, i16) = (3, 8);

impl PageReader for ZstdPages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        while let Some(header) = self.header()? {
            let (body, end) = self.body(&header)?;
            self.at = end;
            let (kind, size) = (header.get(0, 1)?, header.get(0, 2)?);
            if kind == DICTIONARY_PAGE.0 {
                let f = |k| header.get(DICTIONARY_PAGE.1, k);
                let buf = decompress(&body, size)?.into();
                let is_sorted = f(3).unwrap_or(0) != 0;
                return Ok(Some(Page::DictionaryPage {
                    buf,
                    num_values: count(f(1)?)?,
                    encoding: encoding(f(2)?)?,
                    is_sorted,
                }));
            }
            if kind == DATA_PAGE.0 {
                let f = |k| header.get(DATA_PAGE.1, k);
                let num_values = count(f(1)?)?;
                self.seen += i64::from(num_values);
                let buf = decompress(&body, size)?.into();
                return Ok(Some(Page::DataPage {
                    buf,
                    num_values,
                    encoding: encoding(f(2)?)?,
                    def_level_encoding: encoding(f(3)?)?,
                    rep_level_encoding: encoding(f(4)?)?,
                    statistics: None,
                }));
            }
            if kind == DATA_PAGE_V2.0 {
                let f = |k| header.get(DATA_PAGE_V2.1, k);
                let num_values = count(f(1)?)?;
                self.seen += i64::from(num_values);
                let (def, rep) = (f(5)?, f(6)?);
                // The levels of a version 2 page are never compressed.
                let levels =
                    def.checked_add(rep).filter(|&l| l <= body.len() && l <= size).ok_or_else(|| damaged("levels"))?;
                let buf = if f(7).unwrap_or(1) == 0 {
                    body
                } else {
                    let mut plain = body[..levels].to_vec();
                    plain.extend(decompress(&body[levels..], size - levels)?);
                    plain.into()
                };
                return Ok(Some(Page::DataPageV2 {
                    buf,
                    num_values,
                    encoding: encoding(f(4)?)?,
                    num_nulls: count(f(2)?)?,
                    num_rows: count(f(3)?)?,
                    def_levels_byte_len: count(def)?,
                    rep_levels_byte_len: count(rep)?,
                    is_compressed: false,
                    statistics: None,
                }));
            }
        }
        Ok(None)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        let Some(header) = self.header()? else { return Ok(None) };
        let kind = header.get(0, 1)?;
        let rows = if kind == DATA_PAGE_V2.0 { Some(header.get(DATA_PAGE_V2.1, 3)?) } else { None };
        let levels = if kind == DATA_PAGE.0 { Some(header.get(DATA_PAGE.1, 1)?) } else { rows };
        Ok(Some(PageMetadata { num_rows: rows, num_levels: levels, is_dict: kind == DICTIONARY_PAGE.0 }))
    }

    fn skip_next_page(&mut self) -> Result<()> {
        if let Some(header) = self.header()? {
            let (_, end) = self.body(&header)?;
            self.at = end;
        }
        Ok(())
    }
}

impl Iterator for ZstdPages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}
