"""Writes series.csv of the small case as Parquet: pyarrow 26.0.1, `python3 make_parquet.py` in this folder."""
import csv
from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq

rows = list(csv.DictReader(open("../cases/small/series.csv")))
columns = {"time": pa.array([datetime.strptime(r["time"], "%Y-%m-%dT%H:%MZ") for r in rows], pa.timestamp("ms"))}
for name in rows[0]:
    if name != "time":
        kind = pa.float32() if name == "pv" else pa.float64()
        columns[name] = pa.array([float(r[name]) for r in rows], kind)
table = pa.table(columns)
pq.write_table(table, "series_zstd.parquet", compression="zstd")
pq.write_table(table, "series_zstd_pages_v2.parquet", compression="zstd", data_page_version="2.0", use_dictionary=False, data_page_size=128)
pq.write_table(table, "series_snappy.parquet", compression="snappy", row_group_size=40)
house = columns["house"].to_pylist()
house[28] = None
pq.write_table(table.set_column(1, "house", pa.array(house, pa.float64())), "series_null.parquet", compression="zstd")
