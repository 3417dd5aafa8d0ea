#!/usr/bin/env python3
"""Makes the network tables and the series of the built-in case `cases/five-microgrids`.

    python3 scripts/make_builtin_case.py [--wheel simbench-1.6.3-py3-none-any.whl] [--check]

Needs Python 3.9 or later and nothing else. Without --wheel the public package `simbench` 1.6.3 is fetched with
`pip download --no-deps simbench==1.6.3` into a temporary folder. With --check nothing is written: the script compares
what it would write with what is there (compressed files by their content) and exits with 1 on a difference.

Written: buses.csv, branches.csv, loads.csv, series/measured.csv.gz, series/prices.csv.gz, LICENSE.simbench.
Kept by hand, never written: case.toml, generators.csv, pv.csv, batteries.csv. The column `rating_a` of branches.csv and
the columns `v_min_pu`, `v_max_pu` of buses.csv are kept by hand too: an existing file's values are carried over.

Sources
  feeder       M. E. Baran and F. F. Wu, "Network reconfiguration in distribution systems for loss reduction and load
               balancing", IEEE Trans. Power Delivery 4(2), 1989 (33 buses, 12.66 kV).
  microgrids   IEEE 13-node test feeder, W. H. Kersting, "Radial distribution test feeders", IEEE PES Winter Meeting 2001:
               published line configurations and lengths, as positive-sequence equivalents.
  loads, PV    SimBench (www.simbench.net), ODbL 1.0: fourteen customers with P and Q, four PV systems, 2016.
  prices       made up by `prices()` below; they are nobody's tariff and no market's result.
"""

import argparse
import csv
import gzip
import io
import math
import random
import subprocess
import sys
import tempfile
import zipfile
from datetime import datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

CASE = Path(__file__).resolve().parent.parent / "cases" / "five-microgrids"
GRID = "simbench/networks/1-complete_data-mixed-all-0-sw"
LICENCE = "simbench-1.6.3.dist-info/licenses/LICENSE"
FIRST = datetime(2015, 12, 31, 23, tzinfo=timezone.utc)  # 2016-01-01 00:00 in the measured customers' winter time
ROWS = 366 * 96

# --- feeder: branch (from, to, r ohm, x ohm), bus (P kW, Q kvar) --------------------------------------------------------
FEEDER_BRANCHES = [
    (1, 2, 0.0922, 0.0470), (2, 3, 0.4930, 0.2511), (3, 4, 0.3660, 0.1864), (4, 5, 0.3811, 0.1941),
    (5, 6, 0.8190, 0.7070), (6, 7, 0.1872, 0.6188), (7, 8, 0.7114, 0.2351), (8, 9, 1.0300, 0.7400),
    (9, 10, 1.0440, 0.7400), (10, 11, 0.1966, 0.0650), (11, 12, 0.3744, 0.1238), (12, 13, 1.4680, 1.1550),
    (13, 14, 0.5416, 0.7129), (14, 15, 0.5910, 0.5260), (15, 16, 0.7463, 0.5450), (16, 17, 1.2890, 1.7210),
    (17, 18, 0.7320, 0.5740), (2, 19, 0.1640, 0.1565), (19, 20, 1.5042, 1.3554), (20, 21, 0.4095, 0.4784),
    (21, 22, 0.7089, 0.9373), (3, 23, 0.4512, 0.3083), (23, 24, 0.8980, 0.7091), (24, 25, 0.8960, 0.7011),
    (6, 26, 0.2030, 0.1034), (26, 27, 0.2842, 0.1447), (27, 28, 1.0590, 0.9337), (28, 29, 0.8042, 0.7006),
    (29, 30, 0.5075, 0.2585), (30, 31, 0.9744, 0.9630), (31, 32, 0.3105, 0.3619), (32, 33, 0.3410, 0.5302),
]
FEEDER_LOADS = {
    2: (100, 60), 3: (90, 40), 4: (120, 80), 5: (60, 30), 6: (60, 20), 7: (200, 100), 8: (200, 100), 9: (60, 20),
    10: (60, 20), 11: (45, 30), 12: (60, 35), 13: (60, 35), 14: (120, 80), 15: (60, 10), 16: (60, 20), 17: (60, 20),
    18: (90, 40), 19: (90, 40), 20: (90, 40), 21: (90, 40), 22: (90, 40), 23: (90, 50), 24: (420, 200), 25: (420, 200),
    26: (60, 25), 27: (60, 25), 28: (60, 20), 29: (120, 70), 30: (200, 600), 31: (150, 70), 32: (210, 100), 33: (60, 40),
}
FEEDER_CUSTOMERS = {
    2: "G1-A", 3: "H0-A", 4: "L1-A", 5: "H0-C", 6: "H0-B", 7: "G0-A", 8: "G2-A", 9: "H0-G", 10: "H0-L", 11: "H0-C",
    12: "H0-A", 13: "H0-B", 14: "G6-A", 15: "H0-G", 16: "H0-C", 17: "H0-L", 18: "L2-A", 19: "G5-A", 20: "L1-A",
    21: "H0-A", 22: "G6-A", 23: "G4-B", 24: "G3-A", 25: "L2-A", 26: "H0-B", 27: "H0-C", 28: "H0-A", 29: "G0-A",
    30: "G2-A", 31: "G5-A", 32: "G4-B", 33: "H0-L",
}

# --- microgrids: published phase impedances in ohm/mile, susceptances in uS/mile ------------------------------------------
# (self impedances, mutual impedances, self susceptances, mutual susceptances)
CONFIGURATIONS = {
    601: ([0.3465 + 1.0179j, 0.3375 + 1.0478j, 0.3414 + 1.0348j], [0.1560 + 0.5017j, 0.1580 + 0.4236j, 0.1535 + 0.3849j],
          [6.2998, 5.9597, 5.6386], [-1.9958, -1.2595, -0.7417]),
    602: ([0.7526 + 1.1814j, 0.7475 + 1.1983j, 0.7436 + 1.2112j], [0.1580 + 0.4236j, 0.1560 + 0.5017j, 0.1535 + 0.3849j],
          [5.6990, 5.1795, 5.4246], [-1.0817, -1.6905, -0.6588]),
    603: ([1.3294 + 1.3471j, 1.3238 + 1.3569j], [0.2066 + 0.4591j], [4.7097, 4.6658], [-0.8999]),
    604: ([1.3238 + 1.3569j, 1.3294 + 1.3471j], [0.2066 + 0.4591j], [4.6658, 4.7097], [-0.8999]),
    605: ([1.3292 + 1.3475j], [], [4.5193], []),
    606: ([0.7982 + 0.4463j, 0.7891 + 0.4041j, 0.7982 + 0.4463j], [0.3192 + 0.0328j, 0.2849 - 0.0143j, 0.3192 + 0.0328j],
          [96.8897, 96.8897, 96.8897], []),
    607: ([1.3425 + 0.5124j], [], [88.9912], []),
}
# (from, to, feet, configuration); the switch 671-692 is kept as 30 ft of 601 so that it has a current
MICROGRID_LINES = [
    (650, 632, 2000, 601), (632, 633, 500, 602), (632, 645, 500, 603), (645, 646, 300, 603), (632, 671, 2000, 601),
    (671, 692, 30, 601), (692, 675, 500, 606), (671, 684, 300, 604), (684, 611, 300, 605), (684, 652, 800, 607),
    (671, 680, 1000, 601),
]
MICROGRID_BUSES = [650, 632, 633, 634, 645, 646, 671, 692, 675, 684, 611, 652, 680]
# three-phase totals in kW, kvar; half of the distributed load 632-671 at each end
MICROGRID_LOADS = {
    632: (100, 58), 634: (400, 290), 645: (170, 125), 646: (230, 132), 671: (1255, 718), 692: (170, 151),
    675: (843, 462), 611: (170, 80), 652: (128, 86),
}
MICROGRID_TOTAL_KW = 1000.0
PCC_FEEDER_BUS = {1: 6, 2: 14, 3: 20, 4: 24, 5: 31}
MICROGRID_CUSTOMERS = {
    632: ["H0-A", "H0-B", "H0-C", "H0-G", "H0-L"], 634: ["G5-A", "G6-A", "L1-A", "G2-A", "G4-B"],
    645: ["H0-B", "H0-C", "H0-A", "G1-A", "H0-C"], 646: ["H0-C", "H0-A", "G6-A", "L1-A", "H0-B"],
    671: ["G0-A", "G3-A", "L2-A", "G3-A", "G2-A"], 692: ["L1-A", "H0-A", "G5-A", "L2-A", "H0-A"],
    675: ["G4-B", "L2-A", "G0-A", "G0-A", "G6-A"], 611: ["H0-G", "H0-L", "H0-B", "G5-A", "L1-A"],
    652: ["H0-L", "H0-G", "H0-A", "H0-C", "H0-B"],
}
CUSTOMERS = ["H0-A", "H0-B", "H0-C", "H0-G", "H0-L", "G0-A", "G1-A", "G2-A", "G3-A", "G4-B", "G5-A", "G6-A", "L1-A", "L2-A"]
PV = ["PV1", "PV4", "PV5", "PV8"]
# A single customer's highest quarter hour is no planning value: the 99.5th percentile takes the published base load.
PEAK_QUANTILE = 0.995


def positive_sequence(configuration, feet):
    """(r ohm, x ohm, b uS): mean of the self values minus mean of the mutual values; a one-phase lateral keeps its self value."""
    z_self, z_mutual, b_self, b_mutual = CONFIGURATIONS[configuration]
    mean = lambda v: sum(v) / len(v) if v else 0.0
    z, b, miles = mean(z_self) - mean(z_mutual), mean(b_self) - mean(b_mutual), feet / 5280.0
    return z.real * miles, z.imag * miles, b * miles


def kept(path, columns):
    """{id: {column: text}} of a table that is already there."""
    if not path.exists():
        return {}
    with path.open(newline="") as f:
        return {row["id"]: {c: row.get(c, "") for c in columns} for row in csv.DictReader(f)}


def table(header, rows):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue().encode()


def number(value, digits=8):
    return f"{value:.{digits}g}"


def buses():
    old = kept(CASE / "buses.csv", ["v_min_pu", "v_max_pu"])
    names = [(f"F{b}", "12.66", "") for b in range(1, 34)]
    for m in PCC_FEEDER_BUS:
        names += [(f"M{m}_{b}", "0.48" if b == 634 else "4.16", f"M{m}") for b in MICROGRID_BUSES]
    rows = [(i, kv, mg, *(old.get(i, {}).get(c, "") for c in ("v_min_pu", "v_max_pu"))) for i, kv, mg in names]
    return table(["id", "kv", "microgrid", "v_min_pu", "v_max_pu"], rows)


def branches():
    old = kept(CASE / "branches.csv", ["rating_a"])
    rows = []

    def add(name, kind, a, b, rating, r="", x="", b_us="", r_percent="", x_percent="", kva=""):
        rating = old.get(name, {}).get("rating_a") or rating
        rows.append([name, kind, a, b, r, x, b_us, r_percent, x_percent, kva, "1" if kind == "transformer" else "", rating])

    for a, b, r, x in FEEDER_BRANCHES:
        add(f"F{a}-F{b}", "line", f"F{a}", f"F{b}", "400", number(r), number(x), "0")
    for m, at in PCC_FEEDER_BUS.items():
        # 2 MVA, 1 % and 6 %: rated current on the 4.16 kV side
        add(f"PCC{m}", "transformer", f"F{at}", f"M{m}_650", number(2000 / (math.sqrt(3) * 4.16), 4),
            r_percent="1", x_percent="6", kva="2000")
        for a, b, feet, configuration in MICROGRID_LINES:
            r, x, b_us = positive_sequence(configuration, feet)
            rating = "400" if configuration == 601 else "250"
            add(f"M{m}_{a}-{b}", "line", f"M{m}_{a}", f"M{m}_{b}", rating, number(r), number(x), number(b_us))
            if b == 633:
                # 500 kVA, 1.1 % and 2 %: rated current on the 0.48 kV side
                add(f"M{m}_633-634", "transformer", f"M{m}_633", f"M{m}_634", number(500 / (math.sqrt(3) * 0.48), 4),
                    r_percent="1.1", x_percent="2", kva="500")
    header = ["id", "kind", "from", "to", "r_ohm", "x_ohm", "b_us", "r_percent", "x_percent", "rated_kva", "tap", "rating_a"]
    return table(header, rows)


def quantile(values, q):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


def loads(shapes):
    rows = []

    def add(name, bus, customer, p_kw, q_kvar):
        p_peak, q_peak = (quantile(shapes[f"{k}_{customer}"], PEAK_QUANTILE) for k in ("p", "q"))
        rows.append([name, bus, "measured", f"p_{customer}", "pu", number(p_kw / p_peak, 5),
                     f"q_{customer}", "pu", number(q_kvar / q_peak, 5)])

    for b, (p, q) in FEEDER_LOADS.items():
        add(f"L{b}", f"F{b}", FEEDER_CUSTOMERS[b], p, q)
    total = sum(p for p, _ in MICROGRID_LOADS.values())
    for m in PCC_FEEDER_BUS:
        for b, (p, q) in MICROGRID_LOADS.items():
            k = MICROGRID_TOTAL_KW / total
            add(f"M{m}_L{b}", f"M{m}_{b}", MICROGRID_CUSTOMERS[b][m - 1], p * k, q * k)
    return table(["id", "bus", "series", "p_column", "p_unit", "p_scale", "q_column", "q_unit", "q_scale"], rows)


def measured(wheel):
    """{column: values} of the SimBench year; checks that the rows are uniform in UTC although the labels follow summer time."""
    shapes = {}
    for member, columns in (("LoadProfile", [f"{c}_{k}load" for c in CUSTOMERS for k in "pq"]), ("RESProfile", PV)):
        with wheel.open(f"{GRID}/{member}.csv") as raw:
            reader = csv.reader(io.TextIOWrapper(raw, "utf-8"), delimiter=";")
            header = next(reader)
            at = [header.index(c) for c in columns]
            values = [[] for _ in columns]
            for i, row in enumerate(reader):
                label = (FIRST + timedelta(minutes=15 * i)).astimezone(ZoneInfo("Europe/Berlin")).strftime("%d.%m.%Y %H:%M")
                if row[0] != label:
                    sys.exit(f"{member}.csv row {i + 1}: label {row[0]}, expected {label}: not uniform in UTC")
                for v, k in zip(values, at):
                    v.append(float(row[k]))
        if len(values[0]) != ROWS:
            sys.exit(f"{member}.csv: {len(values[0])} rows, expected {ROWS}")
        for c, v in zip(columns, values):
            shapes[c if c in PV else f"{c[-5]}_{c[:-6]}"] = v
    return shapes


def stamp(i, minutes):
    return (FIRST + timedelta(minutes=minutes * i)).strftime("%Y-%m-%dT%H:%MZ")


def shape_number(value):
    """Three decimals, as short as possible: 0.070 -> .07, -0.05 -> -.05, 0 -> 0."""
    text = f"{value:.3f}".rstrip("0").rstrip(".")
    return {"-0": "0", "": "0"}.get(text, text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text)


def measured_csv(shapes):
    columns = [f"{k}_{c}" for c in CUSTOMERS for k in "pq"] + PV
    rows = ([stamp(i, 15)] + [shape_number(shapes[c][i]) for c in columns] for i in range(ROWS))
    return table(["ts_utc"] + columns, rows)


def prices():
    """Made-up hourly exchange prices, $/kWh: season, hour of day with morning and evening peak and midday dip, weekend,
    a slow random surplus that pulls prices down (below zero now and then), fast noise, rare spikes."""
    draw = random.Random(20160101)
    slow, fast, values = 0.0, 0.0, []
    bump = lambda hour, centre, width: math.exp(-0.5 * ((hour - centre) / width) ** 2)
    for i in range(ROWS // 4):
        local = FIRST + timedelta(hours=i + 1)
        hour, day = local.hour + 0.5, local.timetuple().tm_yday
        summer = 0.5 - 0.5 * math.cos(2 * math.pi * (day - 15) / 366)
        weekend = local.weekday() >= 5
        slow = 0.985 * slow + 0.172 * draw.gauss(0, 1)  # unit variance, about three days long
        fast = 0.75 * fast + 0.66 * draw.gauss(0, 1)
        level = 0.108 - 0.008 * summer - (0.014 if weekend else 0.0)
        night = -0.022 * bump(hour, 3.5, 2.6)
        peaks = 0.022 * bump(hour, 8.3, 1.5) + (0.040 - 0.008 * summer) * bump(hour, 19.2 + 0.8 * summer, 1.9)
        midday = -(0.012 + 0.036 * summer) * (1.3 if weekend else 1.0) * bump(hour, 13.4, 2.3) * max(0.2, 1 + 0.45 * slow)
        price = level + night + peaks * (0.7 if weekend else 1.0) + midday - 0.017 * slow + 0.007 * fast
        if slow > 1.0:
            price -= 0.040 * (slow - 1.0)
        spike = draw.random()
        if spike < 0.003 and 7 <= hour < 22:
            price += 0.05 + 0.25 * draw.random()
        values.append(price)
    return values


def price_csv(values):
    return table(["ts_utc", "price_usd_per_kwh"], ([stamp(i, 60), f"{v:.4f}"] for i, v in enumerate(values)))


def compressed(data):
    out = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=out, mtime=0) as f:
        f.write(data)
    return out.getvalue()


def summary(name, values):
    n, mean = len(values), sum(values) / len(values)
    sd = math.sqrt(sum((v - mean) ** 2 for v in values) / n)
    negative = 100 * sum(v < 0 for v in values) / n
    return f"{name}: mean {mean:.4f}, sd {sd:.4f}, lowest {min(values):.4f}, highest {max(values):.4f}, {negative:.2f} % negative"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", type=Path, help="simbench-1.6.3-py3-none-any.whl; fetched with pip when not given")
    parser.add_argument("--check", action="store_true", help="compare with the files that are there, write nothing")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.wheel
        if path is None:
            subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, "simbench==1.6.3"], check=True)
            path = next(Path(folder).glob("simbench-1.6.3*.whl"))
        with zipfile.ZipFile(path) as wheel:
            shapes, licence = measured(wheel), wheel.read(LICENCE)
    price = prices()
    print(summary("prices, $/kWh", price))
    files = {
        "buses.csv": buses(), "branches.csv": branches(), "loads.csv": loads(shapes), "LICENSE.simbench": licence,
        "series/measured.csv.gz": measured_csv(shapes), "series/prices.csv.gz": price_csv(price),
    }
    different = []
    for name, data in files.items():
        target = CASE / name
        if arguments.check:
            there = target.read_bytes() if target.exists() else b""
            if name.endswith(".gz") and there:
                there = gzip.decompress(there)
            if there != data:
                different.append(name)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(compressed(data) if name.endswith(".gz") else data)
            print(f"{name}: {target.stat().st_size} bytes")
    if different:
        sys.exit("different: " + ", ".join(different))


if __name__ == "__main__":
    main()
