#!/usr/bin/env python3
"""Writes transformers.json: transformers as data and the admittance matrix (Yprim) OpenDSS gives them.

    pip install dss-python==0.15.7 && python3 make_transformers.py

OpenDSS gives every terminal phases + 1 conductors; the one a delta winding does not use (its row is zero) is left out.
"""

import json
from pathlib import Path

from dss import DSS


def winding(kv, kva, conn="wye", r=0.5, tap=1.0, neutral=None):
    return dict(kv=kv, kva=kva, conn=conn, r=r, tap=tap, neutral=neutral)


def case(name, phases, windings, x, no_load=0.0, magnetising=0.0, ppm=1.0, lead=False):
    return dict(name=name, phases=phases, windings=windings, x=x, no_load=no_load, magnetising=magnetising, ppm=ppm, lead=lead)


def cases():
    w = winding
    yield case("wye-wye", 3, [w(4.16, 500), w(0.48, 500)], [2.0])
    yield case("wye-wye grounded through impedances", 3,
               [w(115, 5000, neutral=(1.5, 2.5)), w(4.16, 5000, neutral=(0.4, 0.0))], [8.0], 0.1, 0.5)
    yield case("wye-wye solidly grounded", 3, [w(115, 5000, neutral=(0.0, 0.0)), w(4.16, 5000, neutral=(0.0, 0.0))], [8.0])
    for first in ("wye", "delta"):
        for second in ("wye", "delta"):
            for lead in (False, True):
                for up in (False, True):
                    kv = (4.16, 24.9) if up else (115.0, 4.16)
                    yield case(f"{first}-{second} {'lead' if lead else 'lag'} {'up' if up else 'down'}", 3,
                               [w(kv[0], 5000, first, 0.4, 1.025), w(kv[1], 5000, second, 0.6, 0.975)], [8.0],
                               0.2, 1.1, 1.0, lead)
    yield case("equal voltages delta-wye", 3, [w(0.48, 50, "delta"), w(0.48, 50)], [3.0])
    yield case("equal voltages wye-delta", 3, [w(0.48, 50), w(0.48, 50, "delta")], [3.0])
    yield case("taps", 3, [w(12.47, 1000, "delta", 0.55, 1.05), w(0.4, 1000, "wye", 0.45, 0.9375)], [5.75], 0.3, 0.9)
    # Two windings have one rating in OpenDSS (the last one given); three and more have their own, of which only the first enters.
    for ppm in (0.0, 10.0, -5.0, 1e4):
        yield case(f"ppm {ppm:g}", 3, [w(12.47, 1000, "delta"), w(0.4, 1000)], [5.75], ppm=ppm)
    yield case("single phase line to neutral", 1, [w(7.2, 25, r=0.8), w(0.24, 25, r=0.9)], [2.04], 0.2, 0.5)
    yield case("single phase line to line (half of an open delta)", 1,
               [w(12.47, 25, "delta"), w(0.24, 25, "delta", tap=1.05)], [2.0], 0.2, 0.5)
    yield case("single phase delta-wye", 1, [w(12.47, 25, "delta"), w(0.24, 25, "wye", neutral=(2.0, 0.5))], [2.0])
    yield case("centre-tapped", 1, [w(7.2, 25, r=0.6), w(0.12, 25, r=1.2), w(0.12, 25, r=1.2)], [2.04, 2.04, 1.36],
               0.2, 0.5)
    yield case("centre-tapped, taps", 1, [w(7.2, 25, r=0.6, tap=0.975), w(0.12, 25, "delta", r=1.2), w(0.12, 20, r=1.2)],
               [2.1, 2.2, 1.36], 0.2, 0.5)
    for names in (("wye", "wye", "delta"), ("delta", "wye", "wye"), ("wye", "delta", "wye"), ("delta", "delta", "wye"),
                  ("delta", "wye", "delta")):
        for lead in (False, True):
            yield case(f"three windings {' '.join(names)} {'lead' if lead else 'lag'}", 3,
                       [w(115, 30000, names[0], 0.3, 1.0125), w(24.9, 30000, names[1], 0.35, 0.9875),
                        w(4.16, 10000, names[2], 0.4, 1.00625)], [9.0, 14.0, 5.5], 0.15, 0.7, 1.0, lead)
    yield case("four windings", 3, [w(115, 30000, "delta", 0.3), w(24.9, 10000, "wye", 0.35), w(12.47, 10000, "wye", 0.3),
                                    w(4.16, 10000, "delta", 0.4, 1.025)], [9.0, 11.0, 14.0, 6.0, 7.5, 5.5], 0.15, 0.7)
    yield case("two phases wye-wye", 2, [w(12.47, 50), w(0.48, 50)], [3.0], 0.2, 0.5)
    yield case("two phases wye-delta", 2, [w(12.47, 50), w(0.48, 50, "delta")], [3.0], 0.2, 0.5)
    yield case("two phases wye-delta lead", 2, [w(12.47, 50), w(0.48, 50, "delta")], [3.0], 0.2, 0.5, lead=True)
    yield case("two phases delta-delta", 2, [w(12.47, 50, "delta"), w(0.48, 50, "delta")], [3.0], 0.2, 0.5)
    yield case("regulator, one phase", 1, [w(2.4, 1666, r=0.005), w(2.4, 1666, r=0.005, tap=1.05625)], [0.01])
    yield case("regulator, three phases", 3, [w(4.16, 5000, r=0.00005), w(4.16, 5000, r=0.00005, tap=0.95)], [0.001], 0.001)


def yprim(c):
    text = DSS.Text
    text.Command = "clear"
    text.Command = "new circuit.t basekv=115 bus1=s"
    command = f"new transformer.t phases={c['phases']} windings={len(c['windings'])}"
    for k, w in enumerate(c["windings"], 1):
        command += f" wdg={k} bus=b{k} conn={w['conn']} kv={w['kv']!r} kva={w['kva']!r} tap={w['tap']!r} %r={w['r']!r}"
        if w["neutral"]:
            command += f" rneut={w['neutral'][0]!r} xneut={w['neutral'][1]!r}"
    x = " ".join(map(repr, c["x"]))
    command += f" xhl={c['x'][0]!r}" if len(c["x"]) == 1 else f" xscarray=({x})"
    if len(c["x"]) == 3:
        command += f" xhl={c['x'][0]!r} xht={c['x'][1]!r} xlt={c['x'][2]!r}"
    command += f" %noloadloss={c['no_load']!r} %imag={c['magnetising']!r} ppm_antifloat={c['ppm']!r}"
    command += f" leadlag={'lead' if c['lead'] else 'lag'}"
    text.Command = command
    DSS.ActiveCircuit.Solution.BuildYMatrix(0, False)
    DSS.ActiveCircuit.SetActiveElement("transformer.t")
    flat = DSS.ActiveCircuit.ActiveCktElement.Yprim
    n = (c["phases"] + 1) * len(c["windings"])
    assert len(flat) == 2 * n * n
    # conductors that the data model has
    keep = []
    for k, w in enumerate(c["windings"]):
        count = 3 if w["conn"] == "delta" and c["phases"] > 1 else c["phases"] + 1
        keep += [k * (c["phases"] + 1) + i for i in range(count)]
    entry = lambda i, j: [float(flat[2 * (j * n + i)]), float(flat[2 * (j * n + i) + 1])]
    for i in set(range(n)) - set(keep):
        assert all(entry(i, j) == [0.0, 0.0] for j in range(n)), c["name"]
    return [entry(i, j) for i in keep for j in keep]


def data(c):
    return {
        "phases": c["phases"],
        "windings": [
            {"connection": w["conn"].capitalize(), "v_rated_kv": w["kv"], "s_rated_kva": w["kva"], "r_percent": w["r"],
             "tap_pu": w["tap"], "tap_min_pu": 0.9, "tap_max_pu": 1.1, "tap_steps": 32, "neutral_ohm": w["neutral"]}
            for w in c["windings"]],
        "x_percent": c["x"], "no_load_loss_percent": c["no_load"], "magnetising_percent": c["magnetising"],
        "antifloat_ppm": c["ppm"], "low_side_leads": c["lead"],
    }


def main():
    DSS.AllowForms = False
    rows = [{"name": c["name"], "transformer": data(c), "yprim_s": yprim(c)} for c in cases()]
    body = ",\n".join(json.dumps(row) for row in rows)
    path = Path(__file__).with_name("transformers.json")
    path.write_text(f'{{"engine": {json.dumps(DSS.Version.splitlines()[0])}, "cases": [\n{body}\n]}}\n')
    print(len(rows), "transformers")


if __name__ == "__main__":
    main()
