#!/usr/bin/env python3
"""Solves feeders with OpenDSS and with `covolt feeder`, compares and times both; writes one page of tables.

    python3 bench/feeders/compare.py [--feeders FOLDER] [--only NAME ...] [--out FILE]

Puts dss-python of requirements.txt into .venv, builds covolt, and takes the published feeders in FOLDER (as the project
dss-extensions/electricdss-tst keeps them; absent ones are said to be skipped) and those of cases/feeders. For each:

  controls   both bring regulators and capacitors to rest at nominal load, OpenDSS from the taps in the script and with a tight
             tolerance; every tap, every capacitor and the voltage of every node are compared, 1e-5 pu allowed; taps and
             capacitors also at a quarter, a half and three quarters of the load
  back       covolt writes its solved state as a script, OpenDSS solves it: 1e-6 pu allowed
  time       one solve at fixed taps, each engine with the loosest tolerance (a power of ten) that is good for 1e-6 pu

`--only` takes parts of names, and `own` for those of cases/feeders; without it bench/feeders/results.md is written.
Exit code 0 when all agree, 1 when something differs.
"""

import argparse
import cmath
import csv
import json
import math
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
VENV = ROOT / ".venv"
PUBLISHED = [
    ("IEEE 4, wye-wye", "4Bus-YY-Bal/4Bus-YY-Bal.DSS"),
    ("IEEE 4, wye-delta", "4Bus-YD-Bal/4Bus-YD-Bal.DSS"),
    ("IEEE 4, delta-wye", "4Bus-DY-Bal/4Bus-DY-Bal.DSS"),
    ("IEEE 4, open wye-open delta", "4Bus-OYOD-UnBal/4bus-OYOD-UnBal.dss"),
    ("IEEE 13", "13Bus/IEEE13Nodeckt.dss"),
    ("IEEE 34, Mod1", "34Bus/ieee34Mod1.dss"),
    ("IEEE 34, Mod2", "34Bus/ieee34Mod2.dss"),
    ("IEEE 37", "37Bus/ieee37.dss"),
    ("IEEE 123", "123Bus/IEEE123Master.dss"),
    ("IEEE 8500, balanced loads", "8500-Node/Master.dss"),
    ("IEEE 8500, unbalanced loads", "8500-Node/Master-unbal.dss"),
    ("European low voltage", "LVTestCase/Master.dss"),
]
# Largest voltage difference allowed, pu, of the complex voltages.
AGREE, ROUND_TRIP, ACCURACY = 1e-5, 1e-6, 1e-6
# OpenDSS's criterion, the largest change of a voltage in an iteration; the first that it reaches within the iterations.
TIGHT, ITERATIONS = (1e-10, 1e-9, 1e-8), 1000
TOLERANCES = [10.0**-k for k in range(1, 11)]
# Shares of the load at which taps and capacitors are compared too.
SHARES = (0.25, 0.5, 0.75)
# Angles of neutrals and other nodes near ground say nothing.
LIVE_PU = 0.05
LONG_S = 1e-3
ROUNDS, BUDGET_S, LEAST_SOLVES, MOST_SOLVES = 5, 0.3, 100, 2000


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feeders", type=Path, default=ROOT.parent / "shared/feeders/opendss", metavar="FOLDER")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="parts of names; own: cases/feeders alone")
    parser.add_argument("--out", type=Path, help="page to write (default: bench/feeders/results.md, with --only none)")
    parser.add_argument("--python", type=Path, help="interpreter that has dss-python already")
    parser.add_argument("--covolt", type=Path, help="program that is built already")
    options = parser.parse_args()
    if os.environ.get("COVOLT_FEEDERS") != "1":
        python = options.python or install()
        os.execve(python, [str(python), *sys.argv], {**os.environ, "COVOLT_FEEDERS": "1"})
    # OpenDSS changes the working folder.
    covolt = (options.covolt or build()).resolve()
    out = options.out or (None if options.only else HERE / "results.md")
    out = out and out.resolve()
    results, skipped = [], []
    for name, path, root in chosen(options):
        if not path.exists():
            skipped.append(name)
            print(f"{name}: skipped, no {path}")
            continue
        result = Feeder(name, path, root, covolt).run()
        results.append(result)
        print(result.line(), flush=True)
    if not results:
        sys.exit("nothing was compared")
    if out:
        version = subprocess.run([covolt, "--version"], capture_output=True, text=True).stdout.strip()
        out.write_text(page(results, skipped, version))
    sys.exit(0 if all(r.good() for r in results) else 1)


def install():
    python = VENV / "bin/python"
    if not python.exists():
        venv.create(VENV, with_pip=True)
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "-r", HERE / "requirements.txt"], check=True)
    return python


def build():
    subprocess.run(["cargo", "build", "--release", "-q", "-p", "covolt"], cwd=ROOT, check=True)
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/covolt"


def chosen(options):
    folder = options.feeders.resolve()
    own = [(f"{p.stem} (cases/feeders)", p, p.parent) for p in sorted((ROOT / "cases/feeders").glob("*.dss"))]
    listed = own + [(name, folder / path, folder) for name, path in PUBLISHED]
    if not options.only:
        return listed
    wanted = lambda entry: any(o == "own" and entry in own or o.lower() in entry[0].lower() for o in options.only)
    return [entry for entry in listed if wanted(entry)]


class Engine:
    """OpenDSS with one circuit."""

    def __init__(self):
        from dss import DSS

        DSS.AllowForms = False
        self.dss, self.circuit = DSS, DSS.ActiveCircuit

    def tell(self, text):
        self.dss.Text.Command = text

    def compile(self, path, with_solve):
        """The script as it stands, or without its own `Solve`, so that controls start from the taps in the script."""
        self.dss.ClearAll()
        if with_solve:
            self.tell(f'Compile "{path}"')
            return
        self.tell(f'Set datapath="{path.parent}"')
        text = path.read_text(encoding="utf-8", errors="replace")
        self.dss.Text.Commands(re.sub(r"(?im)^\s*solve\b.*$", "", text))

    def solve(self, tolerance):
        """Whether it converged, controls included."""
        self.tell(f"Set tolerance={tolerance!r} maxiterations={ITERATIONS} maxcontroliter=200")
        try:
            self.circuit.Solution.Solve()
        except Exception as error:  # it raises where iterations run out
            print(f"  OpenDSS, tolerance {tolerance:g}: {error}")
            return False
        return bool(self.circuit.Solution.Converged)

    def bases(self):
        found = {}
        for name in self.circuit.AllBusNames:
            self.circuit.SetActiveBus(name)
            found[name.lower()] = self.circuit.ActiveBus.kVBase * 1e3
        return found

    def voltages(self):
        volts = self.circuit.AllBusVolts
        names = (n.lower().rsplit(".", 1) for n in self.circuit.AllNodeNames)
        return {(bus, int(n)): complex(volts[2 * k], volts[2 * k + 1]) for k, (bus, n) in enumerate(names)}

    def taps(self):
        found, regulators, transformers = {}, self.circuit.RegControls, self.circuit.Transformers
        for name in regulators.AllNames if regulators.Count else []:
            regulators.Name = name
            transformers.Name, winding = regulators.Transformer, regulators.TapWinding
            transformers.Wdg = winding
            found[f"transformer.{transformers.Name}".lower(), winding] = transformers.Tap
        return found

    def capacitors(self):
        found, controls, capacitors = {}, self.circuit.CapControls, self.circuit.Capacitors
        for name in controls.AllNames if controls.Count else []:
            controls.Name = name
            capacitors.Name = controls.Capacitor
            found[f"capacitor.{capacitors.Name}".lower()] = any(capacitors.States)
        return found

    def set_taps(self, taps):
        transformers = self.circuit.Transformers
        for (transformer, winding), tap in taps.items():
            transformers.Name = transformer.split(".", 1)[1]
            transformers.Wdg = winding
            transformers.Tap = tap


class Feeder:
    """One feeder in both engines."""

    def __init__(self, name, path, root, covolt):
        self.name, self.path, self.root, self.covolt = name, path.resolve(), root.resolve(), covolt
        self.notes, self.failed, self.same = [], False, True
        self.kept = tempfile.TemporaryDirectory(prefix="covolt-feeder-")
        self.folder = Path(self.kept.name)

    def fail(self, text):
        self.failed = True
        self.notes.append(text)

    def run(self):
        self.own, self.own_v = self.solve_own("rest", "--export", str(self.folder / "export.dss"))
        engine = Engine()
        self.as_it_stands(engine)
        self.tight(engine)
        self.compare(engine)
        self.at_other_loads(engine)
        self.time(engine)
        self.round_trip(engine)
        return self

    def solve_own(self, label, *more):
        folder = self.folder / label
        command = [self.covolt, "feeder", self.path, "--root", self.root, "--json", "--force", "--csv", folder, *more]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{self.name}: covolt: {done.stderr}")
        with (folder / "voltages.csv").open(newline="") as f:
            rows = csv.DictReader(f)
            v = {(r["bus"].lower(), int(r["node"])): complex(float(r["re_v"]), float(r["im_v"])) for r in rows}
        return json.loads(done.stdout), v

    def as_it_stands(self, engine):
        """With OpenDSS's own tolerance: what a user of it would see."""
        engine.compile(self.path, with_solve=True)
        solution = engine.circuit.Solution
        # A second solve goes on from the first, and is better than what the user sees.
        if not (solution.Iterations and solution.Converged):
            engine.tell("Set maxiterations=100 maxcontroliter=100")
            solution.Solve()
        self.default_tolerance, self.default_v = solution.Tolerance, engine.voltages()
        self.default_taps = engine.taps()

    def tight(self, engine):
        for tolerance in TIGHT:
            engine.compile(self.path, with_solve=False)
            if engine.solve(tolerance):
                break
        else:
            self.fail("OpenDSS does not converge")
        if tolerance != TIGHT[0]:
            self.notes.append(f"OpenDSS reaches a tolerance of {tolerance:g}, no less")
        self.tolerance = tolerance
        solution = engine.circuit.Solution
        self.control_rounds = solution.ControlIterations
        self.v, self.bases = engine.voltages(), engine.bases()
        self.taps, self.capacitors = engine.taps(), engine.capacitors()
        self.power = -complex(*engine.circuit.TotalPower)
        self.losses_kw = engine.circuit.Losses[0] / 1e3

    def difference(self, a, b):
        """Largest difference of two sets of voltages, pu, and where."""
        pairs = ((abs(a[k] - b[k]) / self.bases[k[0]], k) for k in a.keys() & b.keys())
        return max(pairs, default=(math.inf, ("nothing", 0)))

    def same_states(self, engine, own, when):
        """Whether all taps and capacitors are where OpenDSS has them."""
        own_taps = {(t["transformer"].lower(), t["winding"]): t["tap_pu"] for t in own["controls"]["taps"]}
        own_caps = {c["capacitor"].lower(): c["on"] for c in own["controls"]["capacitors"]}
        same = True
        for what, mine, theirs in (("tap", own_taps, engine.taps()), ("state", own_caps, engine.capacitors())):
            for key in sorted(mine.keys() | theirs.keys()):
                if not math.isclose(mine.get(key, math.nan), theirs.get(key, math.nan), abs_tol=1e-9):
                    same = self.same = False
                    self.fail(f"{what} of {key} {when}: covolt {mine.get(key)}, OpenDSS {theirs.get(key)}")
        return same, own_taps

    def compare(self, engine):
        same, own_taps = self.same_states(engine, self.own, "at nominal load")
        if not same:
            engine.tell("Set controlmode=off")
            engine.set_taps(own_taps)
            engine.solve(self.tolerance)
            worst, where = self.difference(self.own_v, engine.voltages())
            self.notes.append(f"with covolt's taps in OpenDSS the voltages differ by {worst:.1e} pu at {where}")
        moved = [k for k in self.taps if abs(self.default_taps[k] - self.taps[k]) > 1e-9]
        if moved:
            self.notes.append(f"OpenDSS as it stands rests at {len(moved)} other taps than with a tight tolerance")
        one_sided = sorted(self.v.keys() ^ self.own_v.keys())
        if one_sided:
            self.fail(f"{len(one_sided)} nodes in one engine only: {one_sided[:4]}")
        self.worst, self.where = self.difference(self.own_v, self.v)
        both = [k for k in self.v.keys() & self.own_v.keys()]
        self.magnitude = max(abs(abs(self.v[k]) - abs(self.own_v[k])) / self.bases[k[0]] for k in both)
        live = [k for k in both if abs(self.v[k]) > LIVE_PU * self.bases[k[0]] and self.own_v[k]]
        self.angle = max(abs(math.degrees(cmath.phase(self.own_v[k] / self.v[k]))) for k in live)
        self.default_off = self.difference(self.default_v, self.v)[0]
        if not self.worst <= AGREE:
            self.fail(f"voltages differ by {self.worst:.1e} pu at {self.where}")
        own_power = complex(self.own["source_kw"], self.own["source_kvar"])
        self.power_off = abs(own_power - self.power) / max(abs(self.power), 1e-9)
        self.losses_off = abs(self.own["losses_kw"] - self.losses_kw) / max(abs(self.power), 1e-9)

    def at_other_loads(self, engine):
        for share in SHARES if self.taps or self.capacitors else ():
            own, _ = self.solve_own("share", "--taps-at", str(share))
            engine.compile(self.path, with_solve=False)
            # A share of the load is one of all loads, also of those that no multiplier changes.
            engine.tell("BatchEdit load..* status=variable")
            engine.circuit.Solution.LoadMult *= share
            if engine.solve(self.tolerance):
                self.same_states(engine, own, f"at {share} of the load")
            else:
                self.fail(f"OpenDSS does not converge at {share} of the load")
        engine.compile(self.path, with_solve=False)
        engine.solve(self.tolerance)

    def time(self, engine):
        """At the taps that `tight` found, each solve from the voltages without load."""
        engine.tell("Set controlmode=off")
        solution = engine.circuit.Solution
        load = solution.LoadMult
        if load == 1.0:
            # So that the multiplier takes off the fixed loads too. The change makes OpenDSS build its matrix again, with the
            # admittances of the loads in it: here and not at a multiplier of zero, where it would be another iteration.
            engine.tell("BatchEdit load..* status=variable")
            solution.Solve()

        def one():
            # Not `SolveNoControl`, which keeps the currents of the loads as they were before the multiplier.
            solution.LoadMult = 0.0
            solution.Solve()
            solution.LoadMult = load
            start, start_cpu = time.perf_counter(), time.process_time()
            solution.Solve()
            wall, cpu = time.perf_counter() - start, time.process_time() - start_cpu
            # What other work takes from a long solve is not OpenDSS's; the CPU clock is too coarse for a short one.
            return 1e6 * (min(wall, cpu) if wall > LONG_S else wall)

        for self.their_tolerance in TOLERANCES:
            engine.tell(f"Set tolerance={self.their_tolerance!r}")
            one()
            if solution.Converged and self.difference(engine.voltages(), self.v)[0] <= ACCURACY:
                break
        self.their_iterations = solution.Iterations
        for self.own_tolerance in TOLERANCES:
            found, v = self.solve_own("time", "--tolerance", repr(self.own_tolerance), "--repeat", "3")
            if self.difference(v, self.own_v)[0] <= ACCURACY:
                break
        self.own_iterations = found["iterations"]
        count = lambda us: max(LEAST_SOLVES, min(MOST_SOLVES, int(1e6 * BUDGET_S / us)))
        theirs, own = [], []
        for _ in range(ROUNDS):
            theirs += [one() for _ in range(count(theirs[0] if theirs else one()))]
            repeat = str(count(found["time"]["fastest_us"]))
            found, _ = self.solve_own("time", "--tolerance", repr(self.own_tolerance), "--repeat", repeat)
            own.append(found["time"])
        self.their_us = (min(theirs), statistics.median(theirs))
        self.own_us = (min(t["fastest_us"] for t in own), statistics.median(t["median_us"] for t in own))

    def round_trip(self, engine):
        script = self.folder / "export.dss"
        ids = dict(line.split(" ", 2)[1:] for line in script.read_text().splitlines() if line.startswith("!@bus "))
        ids = {name.lower(): identifier.lower() for name, identifier in ids.items()}
        engine.dss.ClearAll()
        engine.tell(f'Redirect "{script}"')
        if not engine.circuit.Solution.Converged:
            self.fail("OpenDSS does not converge on the exported state")
        found = {(ids[bus], n): v for (bus, n), v in engine.voltages().items() if bus in ids}
        self.back, where = self.difference(self.own_v, found)
        if found.keys() != self.own_v.keys():
            self.fail("the exported state has other nodes")
        if not self.back <= ROUND_TRIP:
            self.fail(f"the exported state differs by {self.back:.1e} pu at {where}")

    def good(self):
        return not self.failed

    def line(self):
        taps = f"{len(self.taps)} taps, {len(self.capacitors)} capacitors"
        time = f"{self.own_us[0]:.3g} us against {self.their_us[0]:.3g} us"
        head = f"{self.name}: {len(self.v)} nodes, {taps}: {self.worst:.1e} pu, back {self.back:.1e} pu; {time}"
        return "\n  ".join([f"{head}: {'agrees' if self.good() else 'DIFFERS'}", *self.notes])

    def agreement(self):
        taps = f"{len(self.taps)} taps" + (f", {len(self.capacitors)} capacitors" if self.capacitors else "")
        taps += ", the same" if self.same else ", OTHERS"
        cells = [
            self.name, len(self.v), f"{self.worst:.1e}", f"{self.magnitude:.1e}", f"{self.angle:.1e}",
            f"{self.power_off:.0e}", f"{self.losses_off:.0e}", taps if self.taps or self.capacitors else "-",
            f"{self.own['controls']['power_flows']} / {self.control_rounds}", f"{self.back:.1e}", f"{self.default_off:.1e}",
        ]
        return "| " + " | ".join(map(str, cells)) + " |"

    def times(self):
        own = f"{self.own_us[0]:.3g} ({self.own_us[1]:.3g}) | {self.own_iterations} | {self.own_tolerance:.0e}"
        theirs = f"{self.their_us[0]:.3g} ({self.their_us[1]:.3g}) | {self.their_iterations} | {self.their_tolerance:.0e}"
        return f"| {self.name} | {own} | {theirs} | {self.their_us[0] / self.own_us[0]:.1f} |"


def versions(covolt):
    from importlib.metadata import version

    return (
        f"dss-python {version('dss-python')} (engine {version('dss_python_backend')}), {covolt}, "
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores shared with other work"
    )


def page(results, skipped, covolt):
    verdict = f"{sum(r.good() for r in results)} of {len(results)} feeders agree to {AGREE:g} pu at every node, with the same taps and states."
    lines = [
        "# Feeders beside OpenDSS",
        "",
        f"Written by `bench/feeders/compare.py`: {versions(covolt)}.",
        "",
        verdict,
        "Nothing was changed in the scripts but OpenDSS's tolerance and limits of iterations.",
        "",
        "## Voltages, taps, capacitors",
        "",
        "Both engines bring the controls to rest at nominal load from the taps in the script, OpenDSS with a tolerance of 1e-10 (or the",
        "next that it reaches) instead of its 1e-4. Differences are the largest of all nodes; the angle is that of nodes above",
        f"{LIVE_PU} pu. Power and losses: difference over the source's power. Rounds: power flows of covolt, control iterations of",
        "OpenDSS. Taps and states are compared at nominal load and at 0.25, 0.5 and 0.75 of it, fixed loads too. Back: the solved state exported by covolt and solved by OpenDSS. Last column: what OpenDSS's own tolerance is worth,",
        "the script as it stands against the same with the tight one.",
        "",
        "| feeder | nodes | voltage pu | magnitude pu | angle deg | source power | losses | taps and states | rounds | back pu | OpenDSS as it stands pu |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
        *[r.agreement() for r in results],
        "",
        *[f"- {r.name}: {note}." for r in results for note in r.notes],
        *[f"- {name}: skipped, not in the folder." for name in skipped],
        "",
        "## Time of one solve",
        "",
        "Microseconds, the fastest, in brackets the median; wall time, above a millisecond CPU time for OpenDSS; one thread; taps fixed,",
        "both from the voltages at no load, in turn in one run. Each engine",
        f"has the loosest tolerance, a power of ten, with which all voltages are within {ACCURACY:g} pu of its own exact ones. Their",
        "criteria differ: covolt's is the missing current at a node (1 MVA), OpenDSS's the last change of a voltage.",
        "Included: currents of all loads, all iterations, for covolt also the voltages in the order of the network, for OpenDSS the",
        "setting of nominal loads and one call from Python (`Solve` with controls off). Not included in either: reading, building and",
        "factorising the admittance matrix. OpenDSS can do more in a solve than what covolt does (events, meters, other modes).",
        "",
        "| feeder | covolt us | iterations | tolerance | OpenDSS us | iterations | tolerance | ratio |",
        "|---|---|---|---|---|---|---|---|",
        *[r.times() for r in results],
        "",
    ]
    return re.sub("\n\n\n+", "\n\n", "\n".join(lines))


if __name__ == "__main__":
    main()
