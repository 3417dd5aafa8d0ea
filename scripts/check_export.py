#!/usr/bin/env python3
"""Solves an exported multi-phase network with OpenDSS and compares the voltages of all nodes.

    python3 scripts/check_export.py NETWORK.dss VOLTAGES.csv [--tolerance 1e-6]     compares
    python3 scripts/check_export.py NETWORK.dss VOLTAGES.csv --write                 writes the voltages OpenDSS finds

Needs dss-python 0.15.7 (`pip install dss-python==0.15.7`). NETWORK.dss is what covolt_import::opendss_export::write writes; its
comments `!@bus NAME ID` tell which bus is which. VOLTAGES.csv holds bus,node,re_v,im_v: the id of the bus as the user wrote it, the
number of the node, and the voltage to ground.

The expected values of the exporter's tests are made this way, each of feeder_nominal, feeder_step, sources and ranges:

    UPDATE_EXPECTED=1 cargo test -p covolt-import --test opendss_export
    python3 scripts/check_export.py crates/covolt-import/tests/data/feeder_step.dss crates/covolt-import/tests/data/feeder_step.csv --write

Exit code 0 when all agree, 1 when a voltage differs or is missing on either side, or OpenDSS does not converge.
"""

import argparse
import csv
import math
import sys
from pathlib import Path


def solve(path):
    """{(bus id, node): (voltage V, base V)} as OpenDSS finds it."""
    from dss import DSS

    DSS.AllowForms = False
    ids = {}
    for line in path.read_text().splitlines():
        if line.startswith("!@bus "):
            _, name, identifier = line.split(" ", 2)
            ids[name.lower()] = identifier
    if not ids:
        sys.exit(f"{path}: no !@bus lines; write it with covolt_import::opendss_export::write")
    DSS.Text.Command = f'Redirect "{path.resolve()}"'
    circuit = DSS.ActiveCircuit
    if not circuit.Solution.Converged:
        sys.exit(f"{path}: OpenDSS does not converge in {circuit.Solution.Iterations} iterations")
    volts, found, base = circuit.AllBusVolts, {}, {}
    for name in circuit.AllBusNames:
        circuit.SetActiveBus(name)
        base[name.lower()] = circuit.ActiveBus.kVBase * 1e3
    for k, node in enumerate(circuit.AllNodeNames):
        name, number = node.lower().rsplit(".", 1)
        if name in ids:  # others stand inside a source
            found[ids[name], int(number)] = complex(float(volts[2 * k]), float(volts[2 * k + 1])), base[name]
    return found


def read(path):
    with path.open(newline="") as f:
        return {(r["bus"], int(r["node"])): complex(float(r["re_v"]), float(r["im_v"])) for r in csv.DictReader(f)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", type=Path)
    parser.add_argument("voltages", type=Path)
    parser.add_argument("--write", action="store_true", help="write the voltages instead of comparing")
    parser.add_argument("--tolerance", type=float, default=1e-6, help="pu, of the complex difference (default 1e-6)")
    arguments = parser.parse_args()
    found = solve(arguments.network)
    if arguments.write:
        with arguments.voltages.open("w", newline="") as f:
            rows = csv.writer(f, lineterminator="\n")
            rows.writerow(["bus", "node", "re_v", "im_v"])
            rows.writerows([bus, node, repr(v.real), repr(v.imag)] for (bus, node), (v, _) in found.items())
        print(f"{len(found)} voltages written")
        return
    expected = read(arguments.voltages)
    missing = sorted(set(found) ^ set(expected))
    differences = {key: abs(found[key][0] - expected[key]) / found[key][1] for key in set(found) & set(expected)}
    where = max(differences, key=lambda key: differences[key], default=None)
    worst = differences.get(where, math.nan)
    good = worst <= arguments.tolerance and not missing
    print(f"{len(differences)} voltages, largest difference {worst:.3g} pu ({where}), allowed {arguments.tolerance:g} pu: "
          f"{'agrees' if good else 'DIFFERS'}")
    if missing:
        print(f"on one side only: {missing[:5]}{' ...' if len(missing) > 5 else ''}")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
