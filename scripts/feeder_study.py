#!/usr/bin/env python3
"""A feeder file from import to a trained, certified dispatch that OpenDSS has checked, in one go.

    python3 scripts/feeder_study.py FEEDER.dss --microgrids 4 [--root FOLDER] [--day 195] [--quick] [--out FOLDER]

1. `covolt case import`: the feeder with its microgrids as a case.
2. `covolt reproduce`: policies trained, gaps and violations of every layer on test windows, closed loop, report.
3. `covolt simulate`: one test day, polished, every step certified.
4. `covolt export` and `scripts/opendss_check.py`: every step of that day solved again by OpenDSS, all nodes and currents, 1e-5 pu.

Needs a Rust toolchain; dss-python 0.15.7 is installed into .venv. --pcc BRANCH=NAME (several times) in place of --microgrids.
Exit code 0 when everything went through and OpenDSS agrees.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DSS_PYTHON = "dss-python==0.15.7"


def run(*command):
    print("$", " ".join(str(part) for part in command), flush=True)
    subprocess.run([str(part) for part in command], check=True)


def python_with_dss():
    """A Python that has the reference engine."""
    venv = ROOT / ".venv"
    python = venv / "bin" / "python"
    if not python.exists():
        run(sys.executable, "-m", "venv", venv)
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", DSS_PYTHON)
    return python


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("feeder", type=Path)
    parser.add_argument("--microgrids", type=int)
    parser.add_argument("--pcc", action="append", default=[], metavar="BRANCH=NAME")
    parser.add_argument("--root", type=Path, help="folder that included files must lie in")
    parser.add_argument("--v-min", type=float, help="lowest voltage, pu (default: the program's)")
    parser.add_argument("--v-max", type=float, help="highest voltage, pu (default: the program's)")
    parser.add_argument("--day", type=int, default=195, help="test day that OpenDSS solves again (default 195)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="short training, few windows: says little about quality")
    parser.add_argument("--out", type=Path, help="new folder (default runs/NAME)")
    parser.add_argument("--covolt", type=Path, help="the program (default: built here)")
    arguments = parser.parse_args()

    covolt = arguments.covolt
    if covolt is None:
        run("cargo", "build", "--release", "--manifest-path", ROOT / "Cargo.toml", "-p", "covolt")
        covolt = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "covolt"
    out = arguments.out or ROOT / "runs" / arguments.feeder.stem
    if out.exists() and any(out.iterdir()):
        sys.exit(f"{out} holds files already: choose another folder with --out")
    python = python_with_dss()

    case, study, day, network = out / "case", out / "study", out / "day", out / "network.dss"
    wish = ["--microgrids", arguments.microgrids] if arguments.microgrids else []
    for pcc in arguments.pcc:
        wish += ["--pcc", pcc]
    options = ["--root", arguments.root] if arguments.root else []
    for flag, value in (("--v-min", arguments.v_min), ("--v-max", arguments.v_max)):
        options += [flag, value] if value is not None else []
    run(covolt, "case", "import", arguments.feeder, *wish, *options, "--out", case)
    quick = ["--quick"] if arguments.quick else []
    run(covolt, "reproduce", case, *quick, "--seed", arguments.seed, "--out", study)
    run(covolt, "simulate", case, "--policy", study / "training-default", "--days", arguments.day,
        "--layer", "polished", "--seed", arguments.seed, "--out", day)
    run(covolt, "export", case, "--to", "opendss", "--out", network)
    run(python, ROOT / "scripts" / "opendss_check.py", network, day)
    print(f"Report: {study / 'report.html'}")


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as failed:
        sys.exit(f"stopped: {failed.cmd[0]} ended with {failed.returncode}")
