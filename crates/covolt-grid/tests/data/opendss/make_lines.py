#!/usr/bin/env python3
"""Writes lines.json: conductors of lines and cables in SI units and the Yprim OpenDSS gives to 100 km of them.

    pip install dss-python==0.15.7 && python3 make_lines.py

So long, because half of the shunt admittance is then a few per cent of the series admittance and is compared to the same digits.
"""

import json
from pathlib import Path

from dss import DSS

LENGTH_M = 1e5


def wire(gmr, radius, rdc, rac=None, cap=None):
    return dict(gmr_m=gmr, radius_m=radius, r_dc_ohm_per_m=rdc, r_ac_ohm_per_m=rac or 1.02 * rdc, capacitance_radius_m=cap or radius)


ACSR_336 = wire(0.0074371, 0.0091567, 1.7346e-4, 1.9014e-4)
ACSR_40 = wire(0.0024811, 0.0071501, 3.3569e-4, 3.6785e-4)
COPPER = wire(0.0022, 0.0029, 4.1e-4)
CORE_250 = wire(0.00521, 0.0072, 2.3e-4, 2.548e-4)
CORE_40 = wire(0.003383, 0.0043434, 3.8e-4, 5.8e-4)

STRANDS = dict(kind="strands", eps=2.3, layer=0.005588, diameter=0.0290, count=13, d=0.0016281, gmr=0.000634, r=0.00925, outer=0.032766)
TAPE = dict(kind="tape", eps=2.3, layer=0.005588, diameter=0.0208, outer=0.022352, thickness=0.000127, lap=20.0)


def at(wire, x, h, shield=None):
    return dict(wire=wire, x_m=x, height_m=h, shield=shield)


def case(name, phases, conductors, model="deri", rho=100.0, f=60.0, reduce=True):
    return dict(name=name, phases=phases, conductors=conductors, model=model, rho=rho, f=f, reduce=reduce)


def cases():
    a, n = ACSR_336, ACSR_40
    kersting = [at(a, 0.0, 8.8392), at(a, 0.762, 8.8392), at(a, 2.1336, 8.8392), at(n, 1.2192, 7.62)]
    pole = [at(a, 0.1, 12.0), at(a, 0.1, 11.0), at(a, 0.1, 9.8), at(n, 0.1, 8.4)]
    for model in ("deri", "carson", "fullcarson"):
        yield case(f"four wires one above the other, {model}", 3, pole, model)
    for model in ("deri", "carson"):
        yield case(f"four wires, {model}", 3, kersting, model)
        yield case(f"four wires, {model}, neutral kept", 4, kersting, model, reduce=False)
        yield case(f"four wires, {model}, 50 Hz, poor earth", 3, kersting, model, 1000.0, 50.0)
    yield case("wide line, fullcarson", 3, kersting, "fullcarson")
    yield case("three wires without neutral", 3, kersting[:3])
    yield case("two phases", 2, [kersting[0], kersting[2], kersting[3]])
    yield case("one phase", 1, [kersting[1], kersting[3]])
    yield case("two neutrals", 2, [kersting[0], kersting[1], kersting[3], at(COPPER, 0.2, 7.0)])
    yield case("radius for the capacitance", 3, [at(wire(0.2, 0.01, 3e-5, cap=0.25), x, 20.0) for x in (-8.0, 0.0, 8.0)])
    yield case("below power frequency", 3, kersting, f=25.0)
    yield case("above power frequency", 3, kersting, f=1500.0)
    cn = [at(CORE_250, x, -1.2192, STRANDS) for x in (0.0, 0.1524, 0.3048)]
    ts = [at(CORE_40, x, -1.2192, TAPE) for x in (0.0, 0.1524, 0.3048)]
    for model in ("deri", "carson"):
        yield case(f"concentric neutral, {model}", 3, cn, model)
        yield case(f"tape shield, {model}", 3, ts, model)
    yield case("concentric neutral and a bare neutral", 3, cn + [at(COPPER, 0.4572, -1.2192)])
    yield case("concentric neutral and a bare neutral that is kept", 4, cn + [at(COPPER, 0.4572, -1.2192)], reduce=False)
    yield case("tape shield and a bare neutral", 1, [ts[0], at(COPPER, 0.0762, -1.2192)])
    yield case("concentric neutral, one phase", 1, cn[:1])
    yield case("concentric neutral, two phases, 50 Hz", 2, cn[:2], f=50.0, rho=30.0)


def yprim(c):
    text = DSS.Text
    text.Command = "clear"
    text.Command = f"set defaultbasefrequency={c['f']!r}"
    text.Command = "new circuit.t basekv=115 bus1=s"
    for k, conductor in enumerate(c["conductors"]):
        w, s = conductor["wire"], conductor["shield"]
        kind = {None: "wiredata", "strands": "cndata", "tape": "tsdata"}[s and s["kind"]]
        command = (f"new {kind}.w{k} rdc={w['r_dc_ohm_per_m']!r} rac={w['r_ac_ohm_per_m']!r} runits=m gmrac={w['gmr_m']!r} gmrunits=m "
                   f"radius={w['radius_m']!r} radunits=m capradius={w['capacitance_radius_m']!r}")
        if s:
            command += f" epsr={s['eps']!r} inslayer={s['layer']!r} diains={s['diameter']!r}"
        if kind == "cndata":
            command += f" k={s['count']} diastrand={s['d']!r} gmrstrand={s['gmr']!r} rstrand={s['r']!r} diacable={s['outer']!r}"
        if kind == "tsdata":
            command += f" diashield={s['outer']!r} tapelayer={s['thickness']!r} tapelap={s['lap']!r} diacable={s['outer']!r}"
        text.Command = command
    reduce = c["reduce"] and c["phases"] < len(c["conductors"])
    # OpenDSS counts every conductor of an unreduced line as a phase where cables are concerned, so cables say their number.
    cables = sum(conductor["shield"] is not None for conductor in c["conductors"])
    phases = cables if cables and not reduce else c["phases"]
    command = f"new linegeometry.g nconds={len(c['conductors'])} nphases={phases} reduce={'yes' if reduce else 'no'}"
    for k, conductor in enumerate(c["conductors"]):
        s = conductor["shield"]
        name = {None: "wire", "strands": "cncable", "tape": "tscable"}[s and s["kind"]]
        command += f" cond={k + 1} {name}=w{k} x={conductor['x_m']!r} h={conductor['height_m']!r} units=m"
    text.Command = command
    text.Command = (f"new line.l bus1=s bus2=b earthmodel={c['model']} rho={c['rho']!r} geometry=g length={LENGTH_M!r} units=m")
    DSS.ActiveCircuit.Solution.BuildYMatrix(0, False)
    DSS.ActiveCircuit.SetActiveElement("line.l")
    flat = DSS.ActiveCircuit.ActiveCktElement.Yprim
    n = 2 * c["phases"]
    assert len(flat) == 2 * n * n, (c["name"], len(flat), n)
    return [[float(flat[2 * (j * n + i)]), float(flat[2 * (j * n + i) + 1])] for i in range(n) for j in range(n)]


def main():
    DSS.AllowForms = False
    rows = [{**c, "length_m": LENGTH_M, "yprim_s": yprim(c)} for c in cases()]
    body = ",\n".join(json.dumps(row) for row in rows)
    path = Path(__file__).with_name("lines.json")
    path.write_text(f'{{"engine": {json.dumps(DSS.Version.splitlines()[0])}, "cases": [\n{body}\n]}}\n')
    print(len(rows), "lines")


if __name__ == "__main__":
    main()
