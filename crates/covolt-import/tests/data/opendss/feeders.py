"""Runs the published feeders in OpenDSS and writes `feeders.json`: counts, voltage bases, sums over Y, settled voltages.

    pip install dss-python==0.15.7 scipy
    python feeders.py FOLDER_OF_THE_FEEDERS

Y is that without loads and with all regulated taps at one. Two sums tell whether it is the same: one of the logarithms of its
diagonal, one of all entries, each relative to the diagonal entries of its row and column. Of the voltages after all controls
came to rest, per unit, the sum of magnitudes and the extremes are kept.
"""

import json
import os
import pathlib
import sys

import numpy as np
import scipy.sparse as sparse
from dss import DSS

FEEDERS = [
    "4Bus-DY-Bal/4Bus-DY-Bal.DSS",
    "4Bus-OYOD-UnBal/4bus-OYOD-UnBal.dss",
    "4Bus-YD-Bal/4Bus-YD-Bal.DSS",
    "4Bus-YY-Bal/4Bus-YY-Bal.DSS",
    "13Bus/IEEE13Nodeckt.dss",
    "34Bus/ieee34Mod1.dss",
    "34Bus/ieee34Mod2.dss",
    "37Bus/ieee37.dss",
    "123Bus/IEEE123Master.dss",
    "8500-Node/Master.dss",
    "8500-Node/Master-unbal.dss",
    "LVTestCase/Master.dss",
]
ENGINE = ["set tolerance=1e-9", "set maxiterations=1000", "set maxcontroliter=200", "calcvoltagebases"]


def compile_(path):
    here = os.getcwd()
    DSS.ClearAll()
    DSS.Text.Command = f'compile "{path}"'
    os.chdir(here)
    return DSS.ActiveCircuit


def names(collection):
    return [name for name in collection.AllNames if name.upper() != "NONE"]


def enabled(circuit, kind, all_names):
    count = 0
    for name in all_names:
        circuit.SetActiveElement(f"{kind}.{name}")
        count += circuit.ActiveCktElement.Enabled
    return count


def admittance(circuit):
    text = DSS.Text
    text.Command = "batchedit load..* enabled=no"
    for name in names(circuit.RegControls):
        circuit.RegControls.Name = name
        text.Command = f"transformer.{circuit.RegControls.Transformer}.taps=(1 1)"
    for command in [*ENGINE, "set controlmode=off", "solve"]:
        text.Command = command
    data, rows, starts = DSS.YMatrix.GetCompressedYMatrix()
    values = data if np.iscomplexobj(data) else np.asarray(data).view(complex)
    y = sparse.csc_matrix((values, rows, starts), shape=(len(circuit.YNodeOrder),) * 2)
    scale = sparse.diags(1 / np.sqrt(np.abs(y.diagonal())))
    total = (scale @ y @ scale).sum()
    return [float(np.log(np.abs(y.diagonal())).sum()), total.real, total.imag]


def feeder(path):
    circuit = compile_(path)
    for command in [*ENGINE, "solve"]:
        DSS.Text.Command = command
    assert circuit.Solution.Converged, path
    volts = np.asarray(circuit.AllBusVmagPu)
    loads, bases = [], {}
    for name in names(circuit.Loads):
        circuit.Loads.Name = name
        loads.append((circuit.Loads.kW, circuit.Loads.kvar))
    for name in circuit.AllBusNames:
        circuit.SetActiveBus(name)
        kv = f"{circuit.ActiveBus.kVBase * 3**0.5:.4f}"
        bases[kv] = bases.get(kv, 0) + 1
    found = {
        "buses": circuit.NumBuses,
        "nodes": circuit.NumNodes,
        "lines": enabled(circuit, "line", names(circuit.Lines)),
        "transformers": circuit.Transformers.Count,
        "capacitors": circuit.Capacitors.Count,
        "loads": circuit.Loads.Count,
        "regulators": len(names(circuit.RegControls)),
        "capacitor_controls": len(names(circuit.CapControls)),
        "p_kw": sum(p for p, _ in loads),
        "q_kvar": sum(q for _, q in loads),
        "bases_kv": bases,
        "settled_pu": [float(volts.sum()), float(volts.min()), float(volts.max())],
    }
    return {**found, "admittance": admittance(compile_(path))}


if __name__ == "__main__":
    DSS.AllowForms = False
    folder = pathlib.Path(sys.argv[1]).resolve()
    rows = [f"{json.dumps(path)}: {json.dumps(feeder(folder / path))}" for path in FEEDERS]
    pathlib.Path(__file__).with_name("feeders.json").write_text("{\n" + ",\n".join(rows) + "\n}\n")
