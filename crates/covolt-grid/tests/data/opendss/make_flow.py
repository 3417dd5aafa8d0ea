#!/usr/bin/env python3
"""Writes flow.json: feeders as lists of a multi-phase network with OpenDSS's power flow, and the power of loads over their voltage.

    pip install dss-python==0.15.7 && python3 make_flow.py

Every feeder is given as it stands before its controls act; expected are the taps, states of capacitors, voltages and currents
after them, solved to a tolerance of 1e-12.
"""

import json
import math
from pathlib import Path

import numpy as np
from dss import DSS, dss

LINES = """
new linecode.abc nphases=3 rmatrix=[0.35 | 0.15 0.34 | 0.16 0.15 0.35] xmatrix=[1.02 | 0.5 1.05 | 0.42 0.38 1.04]
~ cmatrix=[17 | -6 16 | -4 -3 16] units=mi
new linecode.two nphases=2 rmatrix=[1.33 | 0.21 1.32] xmatrix=[1.35 | 0.46 1.36] cmatrix=[13 | -2 12] units=mi
new linecode.one nphases=1 rmatrix=[1.33] xmatrix=[1.35] cmatrix=[12] units=mi
"""

# A substation, three one-phase regulators with line-drop compensation, laterals of every phase, all load models.
FEEDER = """
clear
new circuit.flow basekv=115 pu=1.0 angle=30 mvasc3=20000 mvasc1=21000
""" + LINES + """
new transformer.sub phases=3 windings=2 xhl=8 buses=(sourcebus head) conns=(delta wye) kvs=(115 4.16) kvas=(5000 5000) %r=0.5
new transformer.r1 phases=1 xhl=0.01 kvas=(1666 1666) buses=(head.1 start.1) kvs=(2.4 2.4) %loadloss=0.01
new transformer.r2 phases=1 xhl=0.01 kvas=(1666 1666) buses=(head.2 start.2) kvs=(2.4 2.4) %loadloss=0.01
new transformer.r3 phases=1 xhl=0.01 kvas=(1666 1666) buses=(head.3 start.3) kvs=(2.4 2.4) %loadloss=0.01
new regcontrol.r1 transformer=r1 winding=2 vreg=122 band=2 ptratio=20 ctprim=700 r=3 x=9
new regcontrol.r2 transformer=r2 winding=2 vreg=122 band=2 ptratio=20 ctprim=700 r=3 x=9
new regcontrol.r3 transformer=r3 winding=2 vreg=122 band=2 ptratio=20 ctprim=700 r=3 x=9 delay=30
new line.a bus1=start bus2=b632 linecode=abc length=2000 units=ft
new line.b bus1=b632 bus2=b671 linecode=abc length=2000 units=ft
new line.c bus1=b671 bus2=b680 linecode=abc length=1000 units=ft
new line.d bus1=b632 bus2=b633 linecode=abc length=500 units=ft
new line.e bus1=b632.3.2 bus2=b645.3.2 linecode=two length=500 units=ft
new line.f bus1=b645.3.2 bus2=b646.3.2 linecode=two length=300 units=ft
new line.g bus1=b671.1.3 bus2=b684.1.3 linecode=two length=300 units=ft
new line.h bus1=b684.3 bus2=b611.3 linecode=one length=300 units=ft
new line.sw bus1=b671 bus2=b692 phases=3 switch=y r1=1e-4 r0=1e-4 x1=0 x0=0 c1=0 c0=0
new transformer.low phases=3 windings=2 xhl=2 buses=(b633 b634) conns=(wye wye) kvs=(4.16 0.48) kvas=(500 500) %r=0.55
new transformer.split phases=1 windings=3 buses=(b684.1 house.1.0 house.0.2) kvs=(2.4 0.12 0.12) kvas=(50 50 50) xhl=2.04
~ xht=2.04 xlt=1.36 %rs=(0.6 1.2 1.2) %noloadloss=0.2 %imag=0.5
new load.l634a bus1=b634.1 phases=1 model=1 kv=0.277 kw=160 kvar=110
new load.l634b bus1=b634.2 phases=1 model=5 kv=0.277 kw=120 kvar=90
new load.l634c bus1=b634.3 phases=1 model=4 cvrwatts=0.8 cvrvars=3 kv=0.277 kw=120 kvar=90
new load.l645 bus1=b645.2 phases=1 model=3 kv=2.4 kw=170 kvar=125
new load.l646 bus1=b646.2.3 phases=1 conn=delta model=2 kv=4.16 kw=230 kvar=132
new load.l671 bus1=b671 phases=3 conn=delta model=1 kv=4.16 kw=1155 kvar=660
new load.l692 bus1=b692.3.1 phases=1 conn=delta model=5 kv=4.16 kw=170 kvar=151
new load.l611 bus1=b611.3 phases=1 model=8 zipv=(0.5 0.2 0.3 0.6 0.1 0.3 0.8) kv=2.4 kw=170 kvar=80
new load.l680 bus1=b680 phases=3 model=1 kv=4.16 kw=240 kvar=60
new load.house1 bus1=house.1 phases=1 model=1 kv=0.12 kw=12 kvar=3
new load.house2 bus1=house.2 phases=1 model=1 kv=0.12 kw=7 kvar=2
new load.house12 bus1=house.1.2 phases=1 model=1 kv=0.24 kw=14 kvar=4
new capacitor.bank bus1=b692 phases=3 kvar=600 kv=4.16 states=(0)
new capcontrol.bank capacitor=bank element=line.b terminal=1 type=kvar onsetting=400 offsetting=-300 ctratio=1 ptratio=20
~ voltoverride=y vmax=126 vmin=115 delay=20 delayoff=25
new capacitor.fixed bus1=b611.3 phases=1 kvar=100 kv=2.4
set voltagebases=[115 4.16 0.48 0.2078]
calcvoltagebases
"""

# The same with two loops.
MESHED = FEEDER.replace("set voltagebases", """
new line.tie1 bus1=b680 bus2=b633 linecode=abc length=1500 units=ft
new line.tie2 bus1=b692 bus2=b632 linecode=abc length=2500 units=ft
set voltagebases""")


def four_bus(first, second, loads):
    """The 4-node feeder of the IEEE: 2000 ft and 2500 ft of line with a 6 MVA transformer between."""
    delta = "delta" if second == "delta" else "wye"
    return f"""
clear
new circuit.four basekv=12.47 pu=1 angle=0 mvasc3=200000 mvasc1=200000
""" + LINES + f"""
new line.one bus1=sourcebus bus2=n2 linecode=abc length=2000 units=ft
new transformer.t phases=3 xhl=6 buses=(n2 n3) conns=({first} {second}) kvs=(12.47 4.16) kvas=(6000 6000) %r=0.5
new line.two bus1=n3 bus2=n4 linecode=abc length=2500 units=ft
new load.a bus1=n4.1{'.2' if delta == 'delta' else ''} phases=1 conn={delta} kv={4.16 if delta == 'delta' else 2.4} kw={loads[0]} pf=0.85 vminpu=0.6
new load.b bus1=n4.2{'.3' if delta == 'delta' else ''} phases=1 conn={delta} kv={4.16 if delta == 'delta' else 2.4} kw={loads[1]} pf=0.9 vminpu=0.6
new load.c bus1=n4.3{'.1' if delta == 'delta' else ''} phases=1 conn={delta} kv={4.16 if delta == 'delta' else 2.4} kw={loads[2]} pf=0.95 vminpu=0.6
set voltagebases=[12.47 4.16]
calcvoltagebases
"""


def run(script):
    for line in script.strip().splitlines():
        dss.Text.Command = line


def square(flat):
    flat = np.asarray(flat)
    flat = flat if np.iscomplexobj(flat) else flat.view(complex)
    n = math.isqrt(len(flat))
    return flat.reshape(n, n)


def matrix(y):
    # Twelve digits keep the file readable; the solution is compared to 1e-9.
    entries = [[float(f"{z.real:.14g}"), float(f"{z.imag:.14g}")] for z in np.asarray(y).flatten()]
    return {"n": int(math.isqrt(len(entries))), "entries": entries}


def active(name):
    return dss.ActiveCircuit.ActiveDSSElement.Properties(name).Val


class Lists:
    """The lists of a network from the compiled circuit."""

    def __init__(self):
        c = self.c = dss.ActiveCircuit
        self.buses, self.nodes, self.node_at, self.bus_at = [], [], {}, {}
        for name in c.AllBusNames:
            c.SetActiveBus(name)
            self.bus_at[name] = len(self.buses)
            self.buses.append({"id": name, "v_base_kv": c.ActiveBus.kVBase, "at": None})
            for number in sorted(c.ActiveBus.Nodes):
                self.node_at[name, number] = len(self.nodes)
                self.nodes.append({"bus": self.bus_at[name], "number": int(number)})
        self.elements, self.ports, self.sources, self.controls = [], [], [], []
        for part in (self.lines, self.transformers, self.capacitors, self.loads, self.source, self.regulators, self.capacitor_controls):
            part()

    def terminals(self, sizes=None):
        e = self.c.ActiveCktElement
        n, order = e.NumConductors, list(e.NodeOrder)
        terminals = []
        for t in range(e.NumTerminals):
            bus = e.BusNames[t].split(".")[0].lower()
            numbers = order[t * n:(t + 1) * n][:sizes[t] if sizes else n]
            terminals.append({"bus": self.bus_at[bus], "conductors": [self.node_at.get((bus, k)) for k in numbers]})
        return terminals

    def add(self, kind, name, terminals, model):
        self.elements.append({"id": f"{kind}.{name}", "terminals": terminals, "model": model, "rating_a": None, "is_switch": False})

    def element(self, name):
        return next(k for k, e in enumerate(self.elements) if e["id"] == name.lower())

    def lines(self):
        for name in self.c.Lines.AllNames:
            self.c.Lines.Name = name
            y, n = square(self.c.ActiveCktElement.Yprim), self.c.Lines.Phases
            series, shunt = np.linalg.inv(-y[:n, n:]), 2 * (y[:n, :n] + y[:n, n:])
            self.add("line", name, self.terminals(), {"Line": {"series_ohm": matrix(series), "shunt_s": matrix(shunt)}})

    def transformers(self):
        t = self.c.Transformers
        for name in t.AllNames:
            t.Name = name
            phases, windings = self.c.ActiveCktElement.NumPhases, []
            numbers = [float(x) for x in active("Xscarray").strip("[]() ").replace(",", " ").split()]
            rest = {"no_load_loss_percent": float(active("%NoLoadLoss")), "magnetising_percent": float(active("%imag")),
                    "antifloat_ppm": float(active("ppm_antifloat")), "low_side_leads": active("LeadLag").lower() in ("lead", "euro")}
            for w in range(t.NumWindings):
                t.Wdg = w + 1
                windings.append({"connection": "Delta" if t.IsDelta else "Wye", "v_rated_kv": t.kV, "s_rated_kva": t.kVA, "r_percent": t.R,
                                 "tap_pu": t.Tap, "tap_min_pu": t.MinTap, "tap_max_pu": t.MaxTap, "tap_steps": int(t.NumTaps),
                                 "neutral_ohm": None if t.Rneut < 0 else [t.Rneut, t.Xneut]})
            sizes = [phases + 1 if w["connection"] == "Wye" else (2 if phases == 1 else 3) for w in windings]
            model = {"phases": phases, "windings": windings, "x_percent": numbers if len(windings) > 2 else [t.Xhl], **rest}
            self.add("transformer", name, self.terminals(sizes), {"Transformer": model})

    def capacitors(self):
        for name in (n for n in self.c.Capacitors.AllNames if n != "NONE"):
            self.c.Capacitors.Name = name
            # All are in wye; Yprim has no open steps, so the admittance is that of the rating.
            terminal, closed = self.terminals()[0], bool(self.c.Capacitors.States[0] == 1)
            n, y = len(terminal["conductors"]), 1e-3j * self.c.Capacitors.kvar / self.c.Capacitors.kV ** 2
            self.add("capacitor", name, [terminal], {"Shunt": {"admittance_s": matrix(y * np.eye(n)), "closed": closed}})

    def loads(self):
        loads = self.c.Loads
        for name in loads.AllNames:
            loads.Name = name
            e = self.c.ActiveCktElement
            phases, order = e.NumPhases, list(e.NodeOrder)
            bus = e.BusNames[0].split(".")[0].lower()
            for k in range(phases):
                other = order[(k + 1) % len(order)] if loads.IsDelta else order[phases]
                rated = loads.kV / math.sqrt(3) if phases > 1 and not loads.IsDelta else loads.kV
                self.ports.append({"id": f"load.{name}.{k + 1}", "from": self.node_at[bus, order[k]], "to": self.node_at.get((bus, other)),
                                   "v_rated_kv": rated, **dependence(loads), "p_kw": loads.kW / phases, "q_kvar": loads.kvar / phases})

    def source(self):
        self.c.SetActiveElement("vsource.source")
        e, n = self.c.ActiveCktElement, 3
        y = square(e.Yprim)[:n, :n]
        peak = float(active("basekv")) * 1e3 * float(active("pu")) / math.sqrt(3)
        angles = [math.radians(float(active("angle")) - 120 * k) for k in range(n)]
        self.sources.append({"id": "source", "bus": self.bus_at["sourcebus"], "nodes": [self.node_at["sourcebus", k] for k in (1, 2, 3)],
                             "emf_v": [[peak * math.cos(a), peak * math.sin(a)] for a in angles], "series_ohm": matrix(np.linalg.inv(y))})

    def regulators(self):
        r = self.c.RegControls
        for name in (n for n in r.AllNames if n != "NONE"):
            r.Name = name
            self.controls.append({"Regulator": {
                "id": name, "transformer": self.element(f"transformer.{r.Transformer}"), "winding": r.Winding - 1, "tap_winding": r.TapWinding - 1,
                "v_set_v": r.ForwardVreg, "band_v": r.ForwardBand, "pt_ratio": r.PTratio, "ct_primary_a": r.CTPrimary, "r_v": r.ForwardR,
                "x_v": r.ForwardX, "monitored": {"One": 0}, "remote_node": None, "delay_s": r.Delay, "max_steps_per_move": r.MaxTapChange,
                "enabled": True}})

    def capacitor_controls(self):
        k = self.c.CapControls
        for name in (n for n in k.AllNames if n != "NONE"):
            k.Name = name
            self.controls.append({"Capacitor": {
                "id": name, "capacitor": self.element(f"capacitor.{k.Capacitor}"), "watched": self.element(k.MonitoredObj), "terminal": k.MonitoredTerm - 1,
                "conductor": 0, "rule": {0: "Current", 1: "Voltage", 2: "Reactive"}[int(k.Mode)], "on_setting": k.ONSetting, "off_setting": k.OFFSetting,
                "pt_ratio": k.PTratio, "ct_ratio": k.CTratio, "voltage_override_v": [k.Vmin, k.Vmax] if k.UseVoltOverride else None,
                "delay_on_s": k.Delay, "delay_off_s": k.DelayOff, "enabled": True}})

    def parts(self):
        return {"name": self.c.Name, "base_mva": 1.0, "f_hz": self.c.Solution.Frequency, "buses": self.buses, "nodes": self.nodes,
                "elements": self.elements, "ports": self.ports, "sources": self.sources, "controls": self.controls}


def dependence(loads):
    model, z = loads.Model, list(loads.ZIPV)
    share = lambda a: {"impedance": a[0], "current": a[1], "power": a[2]}
    kind = {1: "Power", 2: "Impedance", 3: {"Exponential": {"p": 0.0, "q": 2.0}}, 5: "Current",
            4: {"Exponential": {"p": loads.CVRwatts, "q": loads.CVRvars}}}.get(model)
    if model == 8:
        kind = {"Zip": {"p": share(z[:3]), "q": share(z[3:6]), "cutoff_pu": z[6]}}
    span = {"low_pu": loads.Vminpu, "high_pu": loads.Vmaxpu, "lowest_pu": float(active("Vlowpu"))}
    return {"dependence": kind, "range": span}


def pair(z):
    return [float(np.real(z)), float(np.imag(z))]


def feeder(name, script):
    run(script)
    c, s = dss.ActiveCircuit, dss.ActiveCircuit.Solution
    lists = Lists()
    # Two floating deltas leave OpenDSS more rounding than 1e-12.
    tolerance = 1e-9 if name.endswith("delta delta") else 1e-12
    run(f"set mode=snap\nset controlmode=static\nset maxcontroliter=50\nset maxiterations=200\nset tolerance={tolerance}\nsolve")
    assert s.Converged and s.ControlActionsDone, name
    control_iterations = s.ControlIterations
    run("set controlmode=off\nsolve")
    volts = dict(zip(c.AllNodeNames, np.asarray(c.AllBusVolts) if np.iscomplexobj(c.AllBusVolts) else np.asarray(c.AllBusVolts).view(complex)))
    v = [pair(volts[f'{lists.buses[n["bus"]]["id"]}.{n["number"]}']) for n in lists.nodes]
    taps = []
    for k in lists.controls:
        if "Regulator" in k:
            c.Transformers.Name = lists.elements[k["Regulator"]["transformer"]]["id"].split(".")[1]
            c.Transformers.Wdg = k["Regulator"]["tap_winding"] + 1
            taps.append(c.Transformers.Tap)
    closed = []
    for k in lists.controls:
        if "Capacitor" in k:
            c.Capacitors.Name = lists.elements[k["Capacitor"]["capacitor"]]["id"].split(".")[1]
            closed.append(bool(c.Capacitors.States[0] == 1))
    currents = {}
    for e in lists.elements:
        c.SetActiveElement(e["id"])
        flat = np.asarray(c.ActiveCktElement.Currents)
        flat, n = (flat if np.iscomplexobj(flat) else flat.view(complex)), c.ActiveCktElement.NumConductors
        currents[e["id"]] = [[pair(z) for z in flat[t * n:t * n + len(terminal["conductors"])]] for t, terminal in enumerate(e["terminals"])]
    power = c.TotalPower
    return {"name": name, "parts": lists.parts(), "v": v, "taps": taps, "closed": closed, "control_iterations": control_iterations,
            "source_kva": [-x for x in (pair(power) if np.iscomplexobj(power) else power)], "currents_a": currents}


def load_curve(name, settings):
    run(f"clear\nnew circuit.one basekv=1 phases=1 pu=1 isc1=1e9 isc3=1e9\nnew load.l bus1=sourcebus.1 phases=1 kv=1 kw=100 kvar=40 {settings}")
    c = dss.ActiveCircuit
    c.Loads.Name = "l"
    port, points = dependence(c.Loads), []
    for k in range(8, 50):
        pu = 0.025 * k + 0.0013
        run(f"vsource.source.pu={pu}\nset maxiterations=100\nset tolerance=1e-10\nsolve")
        assert c.Solution.Converged, (name, pu)
        c.SetActiveElement("load.l")
        p = np.asarray(c.ActiveCktElement.Powers)
        v = np.asarray(c.ActiveCktElement.Voltages)
        v, p = (v if np.iscomplexobj(v) else v.view(complex)), (p if np.iscomplexobj(p) else p.view(complex))
        points.append([float(abs(v[0] - v[1])) / 1e3, *pair(p[0])])
    return {"name": name, **port, "points": points}


def main():
    dss.AllowForms = False
    feeders = [feeder("feeder", FEEDER), feeder("meshed", MESHED)]
    for first in ("wye", "delta"):
        for second in ("wye", "delta"):
            feeders.append(feeder(f"four {first} {second}", four_bus(first, second, (1275, 1800, 2375))))
    curves = [load_curve(f"model {m}", f"model={m}") for m in (1, 2, 3, 5)]
    curves.append(load_curve("model 4", "model=4 cvrwatts=0.8 cvrvars=3"))
    curves.append(load_curve("model 8", "model=8 zipv=(0.5 0.2 0.3 0.6 0.1 0.3 0)"))
    curves.append(load_curve("model 8 with cut-off", "model=8 zipv=(0.5 0.2 0.3 0.6 0.1 0.3 0.8)"))
    curves.append(load_curve("model 8 with other sums", "model=8 zipv=(0.5 0.2 0.2 0.6 0.3 0.3 0) vminpu=0.9 vmaxpu=1.1"))
    curves.append(load_curve("model 1 with another range", "model=1 vminpu=0.85 vmaxpu=1.15 vlowpu=0.6"))
    with open(Path(__file__).with_suffix("").parent / "flow.json", "w") as file:
        file.write('{"made_with": ' + json.dumps(DSS.Version.splitlines()[0] if DSS.Version else "") + ',\n"load_curves": [\n')
        file.write(",\n".join(json.dumps(x) for x in curves) + '\n],\n"cases": [\n')
        file.write(",\n".join(json.dumps(x) for x in feeders) + "\n]}\n")


if __name__ == "__main__":
    main()
