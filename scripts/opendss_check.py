#!/usr/bin/env python3
"""Solves a run again with OpenDSS and compares voltages and currents.

    python3 scripts/opendss_check.py NETWORK.dss RUN_FOLDER [--voltage-tolerance 1e-5] [--current-tolerance 0.05] [--steps N]

Needs dss-python 0.15.7 (`pip install dss-python==0.15.7`). NETWORK.dss is written by `covolt export CASE --to opendss`;
its comments `!@bus NAME ID` and `!@branch ELEMENT ID` tell which element is which; in a network of several phases it has
`!@port NAME ID` and `!@element ELEMENT ID` instead of the latter. RUN_FOLDER holds

  injections.csv  t,bus,p_kw,q_kvar          net injections, generation positive; a bus (port) not listed injects nothing
  buses.csv       t,bus,vm_pu,va_deg         with several phases a row for every node, BUS.NUMBER
  branches.csv    t,branch,i_from_a,i_to_a,loading     with several phases ELEMENT.NUMBER

Every step t of injections.csv is solved (or N of them, evenly spread), every expected value of these steps is compared.
Exit code 0 when all agree, 1 when a value differs, a step is not solved, or nothing could be compared.
"""

import argparse
import csv
import math
import sys
from collections import defaultdict
from pathlib import Path


def rows(path, columns):
    with path.open(newline="") as f:
        reader = csv.DictReader(f)
        missing = [c for c in columns if c not in (reader.fieldnames or [])]
        if missing:
            sys.exit(f"{path}: column {', '.join(missing)} is missing")
        yield from reader


def finite(path, row, column):
    value = float(row[column])
    if not math.isfinite(value):
        sys.exit(f"{path}: t={row['t']}: {column} is {row[column]}")
    return value


class Network:
    """The exported script inside OpenDSS, with injections set step by step."""

    def __init__(self, path):
        from dss import DSS

        DSS.AllowForms = False
        self.bus_of, self.branch_of = {}, {}
        for line in path.read_text().splitlines():
            if line.startswith("!@"):
                kind, name, identifier = line[2:].split(" ", 2)
                (self.bus_of if kind == "bus" else self.branch_of)[identifier] = name
        if not self.bus_of or not self.branch_of:
            sys.exit(f"{path}: no !@bus and !@branch lines; write it with `covolt export CASE --to opendss`")
        DSS.Text.Command = f'Redirect "{path.resolve()}"'
        self.circuit = DSS.ActiveCircuit
        self.loads = {name.lower(): i + 1 for i, name in enumerate(self.circuit.Loads.AllNames)}
        self.base_v = {}
        for name in self.circuit.AllBusNames:
            self.circuit.SetActiveBus(name)
            self.base_v[name.lower()] = self.circuit.ActiveBus.kVBase * 1e3  # line to neutral

    def solve(self, injections):
        """injections: {bus id: (p kW, q kvar)}; returns whether OpenDSS converged."""
        loads = self.circuit.Loads
        unknown = [b for b in injections if b not in self.bus_of]
        if unknown:
            sys.exit(f"injections at unknown bus {unknown[0]}")
        for identifier, name in self.bus_of.items():
            index = self.loads.get(f"j_{name}")
            if index is None:
                continue  # the source bus
            p, q = injections.get(identifier, (0.0, 0.0))
            loads.idx = index
            loads.kW, loads.kvar = -p, -q
        self.circuit.Solution.Solve()
        return bool(self.circuit.Solution.Converged)

    def voltages(self):
        """{bus id: (pu, degrees)} of the first phase."""
        volts, out = self.circuit.AllBusVolts, {}
        for k, node in enumerate(self.circuit.AllNodeNames):
            name, phase = node.lower().rsplit(".", 1)
            if phase == "1":
                v = complex(volts[2 * k], volts[2 * k + 1])
                out[name] = (abs(v) / self.base_v[name], math.degrees(math.atan2(v.imag, v.real)))
        return {identifier: out[name] for identifier, name in self.bus_of.items() if name in out}

    def currents(self):
        """{branch id: (A at the from side, A at the to side)} of the first phase."""
        out = {}
        for identifier, element in self.branch_of.items():
            self.circuit.SetActiveElement(element)
            active = self.circuit.ActiveCktElement
            magnitudes = active.CurrentsMagAng[0::2]
            out[identifier] = (float(magnitudes[0]), float(magnitudes[active.NumConductors]))
        return out


class MultiphaseNetwork:
    """The exported script of a network of several phases: every node, every conductor."""

    def __init__(self, path):
        from dss import DSS

        DSS.AllowForms = False
        self.text, self.circuit = DSS.Text, DSS.ActiveCircuit
        self.bus_id, self.element_of, self.load_of = {}, {}, {}
        for line in path.read_text().splitlines():
            if line.startswith("!@"):
                kind, name, identifier = line[2:].split(" ", 2)
                if kind == "bus":
                    self.bus_id[name.lower()] = identifier
                else:
                    (self.element_of if kind == "element" else self.load_of)[identifier] = name
        DSS.Text.Command = f'Redirect "{path.resolve()}"'
        self.base_v = {}
        for name in self.circuit.AllBusNames:
            self.circuit.SetActiveBus(name)
            self.base_v[name.lower()] = self.circuit.ActiveBus.kVBase * 1e3
        # What must be compared in every step: all nodes. Which currents a run records is its own choice.
        self.bus_of, self.branch_of = self.voltages(), {}

    def solve(self, injections):
        unknown = [port for port in injections if port not in self.load_of]
        if unknown:
            sys.exit(f"injections at unknown port {unknown[0]}")
        for identifier, name in self.load_of.items():
            p, q = injections.get(identifier, (0.0, 0.0))
            self.text.Command = f"Load.{name}.kW={-p!r}"
            self.text.Command = f"Load.{name}.kvar={-q!r}"
        self.circuit.Solution.Solve()
        return bool(self.circuit.Solution.Converged)

    def voltages(self):
        volts, out = self.circuit.AllBusVolts, {}
        for k, node in enumerate(self.circuit.AllNodeNames):
            name, number = node.lower().rsplit(".", 1)
            if name in self.bus_id:  # others stand inside a source
                v = complex(volts[2 * k], volts[2 * k + 1])
                degrees = math.degrees(math.atan2(v.imag, v.real))
                out[f"{self.bus_id[name]}.{number}"] = (abs(v) / self.base_v[name], degrees)
        return out

    def currents(self):
        out = {}
        for identifier, element in self.element_of.items():
            self.circuit.SetActiveElement(element)
            active = self.circuit.ActiveCktElement
            if active.NumTerminals < 2:
                continue
            n, numbers, magnitudes = active.NumConductors, active.NodeOrder, active.CurrentsMagAng[0::2]
            for c in range(n):
                first = float(magnitudes[c])
                second = float(magnitudes[n + c]) if element.lower().startswith("line.") else first
                number = "ground" if numbers[c] == 0 else numbers[c]
                out.setdefault(f"{identifier}.{number}", (first, second))
        return out


def open_network(path):
    """Balanced or of several phases, as the comments of the script say."""
    several = any(line.startswith("!@port ") for line in path.read_text().splitlines())
    return MultiphaseNetwork(path) if several else Network(path)


class Worst:
    def __init__(self, name, unit, tolerance):
        self.name, self.unit, self.tolerance = name, unit, tolerance
        self.difference, self.where, self.count = 0.0, "nowhere", 0

    def compare(self, found, expected, where):
        difference = abs(found - expected)
        self.count += 1
        if not difference <= self.difference:  # also takes a NaN
            self.difference, self.where = difference, where

    def report(self):
        good = self.count > 0 and self.difference <= self.tolerance
        print(f"{self.name}: {self.count} values, largest difference {self.difference:.3g} {self.unit} ({self.where}), "
              f"allowed {self.tolerance:g} {self.unit}: {'agrees' if good else 'DIFFERS' if self.count else 'NOTHING COMPARED'}")
        return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--voltage-tolerance", type=float, default=1e-5, help="pu (default 1e-5)")
    parser.add_argument("--angle-tolerance", type=float, default=1e-3, help="degrees (default 1e-3)")
    parser.add_argument("--current-tolerance", type=float, default=0.05, help="A (default 0.05)")
    parser.add_argument("--steps", type=int, default=0, help="solve only this many steps, evenly spread (default: all)")
    arguments = parser.parse_args()

    injections, order = defaultdict(dict), []
    path = arguments.run / "injections.csv"
    for row in rows(path, ["t", "bus", "p_kw", "q_kvar"]):
        step = injections[row["t"]]
        if not step:
            order.append(row["t"])
        p, q = step.get(row["bus"], (0.0, 0.0))
        step[row["bus"]] = (p + finite(path, row, "p_kw"), q + finite(path, row, "q_kvar"))
    if arguments.steps and arguments.steps < len(order):
        order = [order[k * len(order) // arguments.steps] for k in range(arguments.steps)]
    chosen = set(order)
    buses, branches = defaultdict(dict), defaultdict(dict)
    for row in rows(arguments.run / "buses.csv", ["t", "bus", "vm_pu", "va_deg"]):
        if row["t"] in chosen:
            buses[row["t"]][row["bus"]] = (float(row["vm_pu"]), float(row["va_deg"]))
    for row in rows(arguments.run / "branches.csv", ["t", "branch", "i_from_a", "i_to_a"]):
        if row["t"] in chosen:
            branches[row["t"]][row["branch"]] = (float(row["i_from_a"]), float(row["i_to_a"]))

    network = open_network(arguments.network)
    voltage = Worst("voltage magnitude", "pu", arguments.voltage_tolerance)
    angle = Worst("voltage angle", "degrees", arguments.angle_tolerance)
    current = Worst("current", "A", arguments.current_tolerance)
    unsolved, unmatched = [], []
    for t in order:
        if not network.solve(injections[t]):
            unsolved.append(t)
            continue
        found_v, found_i = network.voltages(), network.currents()
        for bus, (vm, va) in buses[t].items():
            if bus not in found_v:
                unmatched.append(f"t={t} bus {bus}")
                continue
            voltage.compare(found_v[bus][0], vm, f"t={t}, bus {bus}")
            angle.compare((found_v[bus][1] - va + 180.0) % 360.0 - 180.0, 0.0, f"t={t}, bus {bus}")
        for branch, (i_from, i_to) in branches[t].items():
            if branch not in found_i:
                unmatched.append(f"t={t} branch {branch}")
                continue
            current.compare(found_i[branch][0], i_from, f"t={t}, branch {branch}, from side")
            current.compare(found_i[branch][1], i_to, f"t={t}, branch {branch}, to side")
        for kind, expected, known in (("bus", buses[t], network.bus_of), ("branch", branches[t], network.branch_of)):
            if len(expected) < len(known):
                unmatched.append(f"t={t}: {len(known) - len(expected)} {kind} values missing")
    print(f"{len(order)} steps solved with OpenDSS, {len(unsolved)} not converged")
    for name, items in (("not converged", unsolved), ("without counterpart", unmatched)):
        if items:
            print(f"{name}: {', '.join(items[:5])}{' ...' if len(items) > 5 else ''}")
    agree = [w.report() for w in (voltage, angle, current)]
    sys.exit(0 if all(agree) and not unsolved and not unmatched else 1)


if __name__ == "__main__":
    main()
