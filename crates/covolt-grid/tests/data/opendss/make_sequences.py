#!/usr/bin/env python3
"""Writes sequences.json: lines and sources by sequence values and their Yprim in OpenDSS, S.

    pip install dss-python==0.15.7 && python3 make_sequences.py

The capacitances of the lines are large, so that the shunt is compared to the same digits as the series impedance. A source's Yprim is
cut to its first terminal; `emf_v` is the voltage of its open terminal.
"""

import json
from pathlib import Path

from dss import DSS


def matrix(flat, size, keep):
    return [[float(flat[2 * (j * size + i)]), float(flat[2 * (j * size + i) + 1])] for i in range(keep) for j in range(keep)]


def line(phases):
    values = dict(r1=0.19, x1=0.38, r0=0.45, x0=1.14, c1=11.5e4, c0=5.2e4)
    for command in ("clear", "new circuit.t basekv=115 bus1=s",
                    f"new line.l bus1=s bus2=b phases={phases} length=1 " + " ".join(f"{k}={v!r}" for k, v in values.items())):
        DSS.Text.Command = command
    DSS.ActiveCircuit.Solution.BuildYMatrix(0, False)
    DSS.ActiveCircuit.SetActiveElement("line.l")
    return dict(name=f"line of {phases}", phases=phases, f=60.0, **values,
                yprim_s=matrix(DSS.ActiveCircuit.ActiveCktElement.Yprim, 2 * phases, 2 * phases))


def source(name, phases, kv, pu=1.0, angle=0.0, order="pos", **values):
    text = " ".join(f"{k}={v!r}" if not isinstance(v, list) else f"{k}=[{v[0]!r} {v[1]!r}]" for k, v in values.items())
    for command in ("clear", f"new circuit.t phases={phases} basekv={kv!r} pu={pu!r} angle={angle!r} sequence={order} bus1=s {text}"):
        DSS.Text.Command = command
    DSS.ActiveCircuit.Solution.Solve()
    DSS.ActiveCircuit.SetActiveBus("s")
    volts = [float(v) for v in DSS.ActiveCircuit.ActiveBus.Voltages]
    DSS.ActiveCircuit.SetActiveElement("vsource.source")
    flat = DSS.ActiveCircuit.ActiveCktElement.Yprim
    return dict(name=name, phases=phases, kv=kv, pu=pu, angle=angle, order=order, values=values,
                emf_v=[volts[2 * k:2 * k + 2] for k in range(phases)], yprim_s=matrix(flat, 2 * phases, phases))


def main():
    DSS.AllowForms = False
    lines = [line(phases) for phases in (1, 2, 3, 4)]
    sources = [
        source("powers", 3, 115.0, 1.05, 30.0, mvasc3=2000.0, mvasc1=2100.0),
        source("powers, other ratios", 3, 66.0, mvasc3=800.0, mvasc1=500.0, **{"x1r1": 7.5, "x0r0": 2.0}),
        source("currents", 3, 12.47, 1.01, -15.0, isc3=9000.0, isc1=8000.0, x1r1=5.0, x0r0=3.5),
        source("one phase, powers", 1, 7.2, 1.02, 120.0, mvasc3=300.0, mvasc1=250.0),
        source("one phase, currents", 1, 7.2, 1.02, isc3=9000.0, isc1=8000.0),
        source("two phases", 2, 12.47, 1.0, 10.0, mvasc3=300.0, mvasc1=250.0),
        source("negative order", 3, 12.47, 1.0, 10.0, "neg", mvasc3=300.0, mvasc1=250.0),
        source("zero order", 3, 12.47, 1.0, 10.0, "zero", mvasc3=300.0, mvasc1=250.0),
        source("sequence impedances", 3, 12.47, z1=[0.1, 0.5], z0=[0.2, 1.3]),
        source("three sequence impedances", 3, 12.47, z1=[0.1, 0.5], z2=[0.15, 0.4], z0=[0.2, 1.3]),
    ]
    text = lambda rows: ",\n".join(json.dumps(row) for row in rows)
    path = Path(__file__).with_name("sequences.json")
    path.write_text(f'{{"engine": {json.dumps(DSS.Version.splitlines()[0])}, "cases": [\n{text(lines + sources)}\n]}}\n')
    print(len(lines), "lines,", len(sources), "sources")


if __name__ == "__main__":
    main()
