"""Runs the scripts of `cases.py` in OpenDSS and writes `expected.json`: Y without devices, and what devices draw.

    pip install dss-python==0.15.7 scipy
    python expected.py
"""

import json
import pathlib

import numpy as np
import scipy.sparse as sparse
from dss import DSS

from cases import CASES, HEAD

DEVICES = ("load", "generator", "pvsystem", "storage")


def admittance(circuit):
    """Entries of Y in S by names of nodes, twelve digits; of a symmetric pair only the first."""
    names = [name.lower() for name in circuit.YNodeOrder]
    data, rows, starts = DSS.YMatrix.GetCompressedYMatrix()
    values = data if np.iscomplexobj(data) else np.asarray(data).view(complex)
    matrix = sparse.csc_matrix((values, rows, starts), shape=(len(names),) * 2).tocoo()
    entries = {(i, j): v for i, j, v in zip(matrix.row, matrix.col, matrix.data) if v != 0}
    needed = {(i, j): v for (i, j), v in entries.items() if i <= j or entries.get((j, i)) != v}
    return [[names[i], names[j], float(f"{v.real:.12g}"), float(f"{v.imag:.12g}")] for (i, j), v in sorted(needed.items(), key=lambda item: item[0])]


def run(script):
    text = DSS.Text
    for line in (HEAD + script).splitlines():
        text.Command = line
    circuit = DSS.ActiveCircuit
    text.Command = "set controlmode=off"
    text.Command = "set tolerance=1e-10"
    text.Command = "set maxiterations=500"
    text.Command = "calcvoltagebases"
    text.Command = "solve"
    devices = {}
    for name in circuit.AllElementNames:
        if name.split(".")[0].lower() in DEVICES:
            circuit.SetActiveElement(name)
            powers = circuit.ActiveCktElement.Powers
            devices[name.lower()] = [float(np.sum(powers[0::2])), float(np.sum(powers[1::2]))]
    for kind in DEVICES:
        if any(name.startswith(kind + ".") for name in devices):
            text.Command = f"batchedit {kind}..* enabled=no"
    text.Command = "solve"
    return {"y": admittance(circuit), "devices": devices}


if __name__ == "__main__":
    DSS.AllowForms = False
    result = {}
    for name, script in CASES.items():
        try:
            result[name] = {"script": HEAD + script, **run(script)}
        except Exception as problem:
            print(name, problem)
    lines = [f"{json.dumps(name)}: {json.dumps(case)}" for name, case in result.items()]
    out = "{\n" + ",\n".join(lines) + "\n}\n"
    pathlib.Path(__file__).with_name("expected.json").write_text(out)
    print(len(result), "cases,", len(out), "bytes")
