#!/usr/bin/env python3
"""Times covolt's batched power flow beside other engines on the same scenarios; writes one markdown table.

    python3 bench/peers/compare.py [--buses 98 1502 15002] [--scenarios 64] [--out bench/peers/results.md]

Makes .venv-peers with the versions of requirements.txt, builds the example `peer_bench` of covolt-grid, and lets it write network
and demands to one file that every engine reads. First all voltages are compared with covolt's, then the engines are timed in
turn, several rounds, one thread, CPU time of the process, and the minimum counts. An engine that cannot be installed,
fails or disagrees is named as such, never left out.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
VENV = ROOT / ".venv-peers"
ONE_THREAD = {k: "1" for k in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")} | {"TQDM_DISABLE": "1"}
BASE_KV = 12.66
TOLERANCE = 1e-8
ROUNDS, BUDGET_S = 3, 3.0
# Largest voltage difference accepted, pu; OpenDSS stops at its own criterion.
AGREE = {"OpenDSS (dss-python)": 1e-6}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--buses", type=int, nargs="+", default=[98, 1502, 15002])
    parser.add_argument("--scenarios", type=int, default=64)
    parser.add_argument("--out", type=Path, default=HERE / "results.md")
    parser.add_argument("--python", type=Path, help="interpreter that has the engines already")
    options = parser.parse_args()
    if os.environ.get("COVOLT_PEERS") != "1":
        python = options.python or install()
        os.execve(python, [str(python), "-W", "ignore", *sys.argv], {**os.environ, **ONE_THREAD, "COVOLT_PEERS": "1"})
    options.out.write_text(compare(options.buses, options.scenarios))
    print(options.out.read_text())


def install():
    python = VENV / "bin/python"
    if not python.exists():
        venv.create(VENV, with_pip=True)
        requirements = HERE / "requirements.txt"
        subprocess.run([python, "-m", "pip", "install", "-q", "-r", requirements], check=True)
    return python


class Case:
    """Feeder and scenarios of a file written by `peer_bench make`."""

    def __init__(self, path):
        import numpy as np

        values = np.fromfile(path)
        self.n, self.count = int(values[0]), int(values[1])
        rows = values[3 : 3 + 3 * (self.n - 1)].reshape(-1, 3)
        self.parent, self.r, self.x = rows[:, 0].astype(int), rows[:, 1], rows[:, 2]
        self.p, self.q = values[3 + rows.size :].reshape(2, self.count, self.n)
        assert values[2] == 1.0, "the source holds 1 pu: tensorpowerflow knows no other"
        self.z_base = BASE_KV**2
        # The source's own demand is nobody's.
        self.p[:, 0] = self.q[:, 0] = 0.0


class LightSim2Grid:
    """Newton with KLU in C++; all scenarios in one call, each from the solution of the one before."""

    name = "lightsim2grid (Newton, KLU)"
    differs = "general meshed network; starts from the previous scenario; gradient: batched adjoint, states polar"

    def __init__(self, case):
        import numpy as np
        import pandapower as pp
        from lightsim2grid.algorithm import AlgorithmType
        from lightsim2grid.network import init_from_pandapower
        from lightsim2grid.timeSerie import TimeSeriesCPP

        net = pp.create_empty_network(sn_mva=1.0, f_hz=50)
        pp.create_buses(net, case.n, vn_kv=BASE_KV)
        pp.create_ext_grid(net, 0)
        ones = np.ones(case.n - 1)
        pp.create_lines_from_parameters(
            net, case.parent, np.arange(1, case.n), ones, case.r * case.z_base, case.x * case.z_base, 0 * ones, 1e3 * ones
        )
        pp.create_loads(net, np.arange(1, case.n), p_mw=case.p[0, 1:], q_mvar=case.q[0, 1:])
        try:
            pp.runpp(net, numba=False)  # fills in the tables that the importer reads
        except pp.LoadflowNotConverged:
            pass
        self.series = TimeSeriesCPP(init_from_pandapower(net))
        self.series.change_algorithm(AlgorithmType.NRSing_KLU)
        self.p, self.q = np.ascontiguousarray(case.p[:, 1:]), np.ascontiguousarray(case.q[:, 1:])
        self.start = np.ones(case.n, dtype=complex)

    def solve(self):
        self.series.modify_load_p(self.p)
        self.series.modify_load_q(self.q)
        self.series.compute(self.start, 30, TOLERANCE)
        assert self.series.nb_converged() == len(self.p) if callable(self.series.nb_converged) else True

    def gradient(self):
        import numpy as np

        self.series.keep_jacobian = True
        self.solve()
        if not hasattr(self, "weights"):
            self.weights = np.ones((len(self.p), self.series.dim_J()))
        self.series.solve_JT(self.weights)

    def voltages(self):
        return self.series.get_voltages()


class PowerGridModel:
    """C++ engine for distribution networks; all scenarios in one batch call."""

    name = "power-grid-model (iterative current)"
    differs = "general meshed network; one batch call; result is written for all components"

    def __init__(self, case):
        import numpy as np
        from power_grid_model import PowerGridModel as Model
        from power_grid_model import initialize_array

        n = case.n
        node = initialize_array("input", "node", n)
        node["id"], node["u_rated"] = np.arange(n), BASE_KV * 1e3
        line = initialize_array("input", "line", n - 1)
        line["id"] = n + np.arange(n - 1)
        line["from_node"], line["to_node"] = case.parent, np.arange(1, n)
        line["from_status"] = line["to_status"] = 1
        line["r1"], line["x1"] = case.r * case.z_base, case.x * case.z_base
        line["c1"] = line["tan1"] = 0.0
        line["i_n"] = 1e6
        load = initialize_array("input", "sym_load", n - 1)
        load["id"], load["node"], load["status"], load["type"] = 2 * n + np.arange(n - 1), np.arange(1, n), 1, 0
        load["p_specified"], load["q_specified"] = case.p[0, 1:] * 1e6, case.q[0, 1:] * 1e6
        source = initialize_array("input", "source", 1)
        source["id"], source["node"], source["status"], source["u_ref"] = 3 * n, 0, 1, 1.0
        source["sk"] = 1e20  # stiff
        self.model = Model({"node": node, "line": line, "sym_load": load, "source": source})
        update = initialize_array("update", "sym_load", (case.count, n - 1))
        update["id"] = load["id"]
        update["p_specified"], update["q_specified"] = case.p[:, 1:] * 1e6, case.q[:, 1:] * 1e6
        self.update = {"sym_load": update}

    def solve(self):
        self.result = self.model.calculate_power_flow(
            update_data=self.update,
            calculation_method="iterative_current",
            error_tolerance=TOLERANCE,
            max_iterations=100,
            threading=-1,
            output_component_types=["node"],
        )

    def voltages(self):
        import numpy as np

        node = self.result["node"]
        return node["u_pu"] * np.exp(1j * node["u_angle"])


class TensorPowerFlow:
    """Dense fixed point (numba), all scenarios as one matrix."""

    name = "tensorpowerflow (dense fixed point)"
    differs = "dense impedance matrix, quadratic in buses; stops on the change of voltage"
    largest = 5000

    def __init__(self, case):
        import pandas as pd
        from tensorpowerflow import GridTensor

        nodes = pd.DataFrame({"NODES": range(1, case.n + 1), "Tb": [1] + [0] * (case.n - 1), "PD": 1.0, "QD": 1.0})
        nodes["Pct"], nodes["Ict"], nodes["Zct"] = 1, 0, 0
        lines = pd.DataFrame({"FROM": case.parent + 1, "TO": range(2, case.n + 1)})
        lines["R"], lines["X"], lines["B"], lines["STATUS"], lines["TAP"] = case.r * case.z_base, case.x * case.z_base, 0.0, 1, 1
        self.grid = GridTensor(
            node_file_path="-",  # without a name the default case is loaded, whatever the frames
            lines_file_path="-",
            s_base=1000,
            v_base=BASE_KV,
            tolerance=TOLERANCE,
            nodes_frame=nodes,
            lines_frame=lines,
            from_file=False,
            numba=True,
        )
        self.p, self.q = case.p[:, 1:] * 1e3, case.q[:, 1:] * 1e3

    def solve(self):
        self.result = self.grid.run_pf(active_power=self.p, reactive_power=self.q, tolerance=TOLERANCE)

    def voltages(self):
        import numpy as np

        return np.column_stack([np.ones(len(self.p)), self.result["v"]])


class OpenDss:
    """OpenDSS; loads set one by one, then a snapshot solve, per scenario."""

    name = "OpenDSS (dss-python)"
    differs = "three-phase engine used balanced; a Python call per scenario (demands set outside the timing); own stopping rule"

    def __init__(self, case):
        from dss import DSS

        DSS.AllowForms = False
        self.case, self.dss = case, DSS
        tell = lambda text: setattr(DSS.Text, "Command", text)
        tell("Clear")
        tell("Set DefaultBaseFrequency=50")
        tell(f"New Circuit.peers bus1=b0 basekv={BASE_KV} pu=1 phases=3 R1=0 X1=1e-7 R0=0 X0=1e-7")
        for k in range(1, case.n):
            r, x = float(case.r[k - 1] * case.z_base), float(case.x[k - 1] * case.z_base)
            tell(
                f"New Line.l{k} bus1=b{case.parent[k - 1]} bus2=b{k} r1={r!r} x1={x!r} c1=0 r0={r!r} x0={x!r} c0=0 length=1 units=none"
            )
        for k in range(1, case.n):
            tell(f"New Load.d{k} bus1=b{k} kv={BASE_KV} kw=1 kvar=1 model=1 vminpu=0.1 vmaxpu=9")
        tell(f"Set VoltageBases=[{BASE_KV}]")
        tell("CalcVoltageBases")
        tell(f"Set Tolerance={TOLERANCE}")
        tell("Set MaxIterations=100")
        self.found = [None] * case.count
        self.seconds = 0.0

    def solve(self):
        import numpy as np

        circuit, self.seconds = self.dss.ActiveCircuit, 0.0
        loads = circuit.Loads
        for s in range(self.case.count):
            for k in range(1, self.case.n):
                loads.idx = k
                loads.kW, loads.kvar = self.case.p[s, k] * 1e3, self.case.q[s, k] * 1e3
            start = time.process_time()
            circuit.Solution.Solve()
            self.seconds += time.process_time() - start
            assert circuit.Solution.Converged
            self.found[s] = np.asarray(circuit.AllBusVolts)

    def voltages(self):
        import numpy as np

        order = [int(name[1:]) for name in self.dss.ActiveCircuit.AllBusNames]
        v = np.empty((self.case.count, self.case.n), dtype=complex)
        for row, found in zip(v, self.found):
            phases = found.reshape(-1, 6)
            row[order] = (phases[:, 0] + 1j * phases[:, 1]) / (BASE_KV * 1e3 / np.sqrt(3))
        return v


ENGINES = [LightSim2Grid, PowerGridModel, TensorPowerFlow, OpenDss]


def cpu_us(engine, call, count):
    start = time.process_time()
    call()
    seconds = time.process_time() - start
    return (engine.seconds if isinstance(engine, OpenDss) else seconds) / count * 1e6


def compare(sizes, count):
    import numpy as np

    build = ["cargo", "build", "--release", "-q", "-p", "covolt-grid", "--example", "peer_bench"]
    subprocess.run(build, cwd=ROOT, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    example = target / "release/examples/peer_bench"
    times, agreement, notes = {}, {}, []
    for n in sizes:
        with tempfile.TemporaryDirectory() as folder:
            path, out = Path(folder) / "case", Path(folder) / "voltages"
            subprocess.run([example, "make", str(n), str(count), path], check=True)
            case = Case(path)
            own = subprocess.run([example, "run", path, out], check=True, capture_output=True, text=True).stdout.split()
            expected = np.fromfile(out).view(complex).reshape(count, n)
            ready = []
            for kind in ENGINES:
                if n > getattr(kind, "largest", n):
                    notes.append(f"{kind.name}: not run at {n} buses (memory quadratic in buses).")
                    continue
                try:
                    engine = kind(case)
                    engine.solve()
                    difference = float(np.abs(engine.voltages() - expected).max())
                except Exception as error:  # whatever a foreign engine raises is a finding
                    notes.append(f"{kind.name}: failed at {n} buses: {type(error).__name__}: {error}")
                    continue
                worst = max(difference, agreement.get(kind.name, 0.0))
                agreement[kind.name] = worst
                if not difference <= AGREE.get(kind.name, 10 * TOLERANCE):
                    notes.append(f"{kind.name}: voltages differ by {difference:.1e} pu at {n} buses; its time is of another solution.")
                ready.append(engine)
            best = {}
            for _ in range(ROUNDS):
                own = min(own, subprocess.run([example, "run", path, out], check=True, capture_output=True, text=True).stdout.split(), key=lambda o: float(o[0]))
                for engine in ready:
                    for what in ("solve", "gradient"):
                        call = getattr(engine, what, None)
                        begun = time.monotonic()
                        while call and time.monotonic() - begun < BUDGET_S / ROUNDS:
                            key = (engine.name, what)
                            try:
                                best[key] = min(best.get(key, np.inf), cpu_us(engine, call, count))
                            except Exception as error:
                                notes.append(f"{engine.name}: {what} failed at {n} buses: {type(error).__name__}: {error}")
                                call = None
            times[n] = (tuple(float(x) for x in own[:2]), int(own[2]), best)
    return table(sizes, count, times, agreement, notes)


def table(sizes, count, times, agreement, notes):
    head = "| engine | " + " | ".join(f"{n} buses" for n in sizes) + " | largest voltage difference, pu | what differs |"
    lines = [
        "# Power flow beside other engines",
        "",
        f"Microseconds per scenario, one thread, minimum, {count} scenarios; CPU time, for covolt wall time, which is no less. Tolerance",
        f"{TOLERANCE:g} pu, for covolt 1e-9, since sweeps stop just below their tolerance and Newton steps far below. In brackets solve plus",
        "the gradient of one function of all voltages with respect to all demands. Loading the demands and writing all voltages",
        "is included (OpenDSS: the solve alone). Ratios are to covolt in the same column; written by `bench/peers/compare.py`.",
        "",
        head,
        "|" + "---|" * (len(sizes) + 3),
    ]
    own = [f"{times[n][0][0]:.3g} ({times[n][0][1]:.3g}), {times[n][1]} sweeps" for n in sizes]
    differs = "radial networks, balanced, constant power; compiled program, no Python call; eight scenarios at once, flat start"
    lines.append("| covolt, batch | " + " | ".join(own) + f" | - | {differs} |")
    for kind in ENGINES:
        cells = []
        for n in sizes:
            (alone, both), _, best = times[n]
            time_us, full = best.get((kind.name, "solve")), best.get((kind.name, "gradient"))
            cell = "-" if time_us is None else f"{time_us:.4g} = {time_us / alone:.0f} x"
            cells.append(cell + ("" if full is None else f" ({full:.4g} = {full / both:.0f} x)"))
        found = agreement.get(kind.name)
        lines.append(f"| {kind.name} | " + " | ".join(cells) + f" | {'-' if found is None else f'{found:.1e}'} | {kind.differs} |")
    lines += ["", "All of them: balanced loads of constant power, a stiff source at 1 pu, plain lines. The others also do what covolt's batch does not:", "networks with loops, unbalanced phases (power-grid-model, OpenDSS), other load models.", ""]
    return "\n".join(lines + [f"- {note}" for note in dict.fromkeys(notes)]) + "\n"


if __name__ == "__main__":
    main()
