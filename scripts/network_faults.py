#!/usr/bin/env python3
"""Operator, agents and server as real processes on hosts of their own, over links that delay, lose and break, and kill -9.

    python3 scripts/network_faults.py [--covolt target/release/covolt] [--quick]

The operator and the NATS server stand at the hub, every agent on a host of its own in a network namespace (network_weather.py); all
speak mutual TLS. Then:

  measure    (--measure) training of the built-in case over 20 ms and 5 % loss, timed; the bare gap of its policies on test windows
  training   over 20 ms and 5 % loss, while agents and the operator are killed (-9) and restarted, links are cut and mended, and the
             server is killed and restarted; the policies must be those of `covolt train --trainer parties`, bit for bit
  dispatch   rows of a test day with those policies, timed; then the same with an agent killed, a link cut and the operator killed:
             every agent decides every row, and what is not certified says so

Says why it is skipped where namespaces are not allowed, with exit code 0.
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import network_weather  # noqa: E402

AGENTS = ["M1", "M2", "M3", "M4", "M5"]
SERVER = "tls://10.77.0.1:4222"


class Site:
    """The fleet on its network."""

    def __init__(self, covolt, work, network, case):
        self.covolt, self.work, self.network, self.case = covolt, work, network, case
        self.processes = {}
        keys = work / "keys"
        self.call("keys", "init", keys, "--case", case)
        self.call("keys", "issue", keys, "--case", case, "--server", "hub", "--host", "10.77.0.1")
        self.call(
            "keys", "server-config", keys, "--case", case, "--server", "hub", "--listen", "10.77.0.1:4222",
            "--store-dir", work / "store", "--log-file", work / "nats.log",
        )
        self.keys = keys

    def call(self, *arguments):
        done = subprocess.run([self.covolt, *map(str, arguments)], capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"covolt {' '.join(map(str, arguments))}\n{done.stdout}{done.stderr}")
        return done.stdout

    def start(self, who, *command):
        host = None if who in ("server", "operator") else who
        log = open(self.work / f"{who}.log", "a")
        command = self.network.command(host, *map(str, command))
        self.processes[who] = subprocess.Popen(command, stdout=log, stderr=log)

    def start_server(self):
        self.start("server", "nats-server", "-c", self.keys / "nats-server.conf")
        time.sleep(0.5)

    def participant(self, who, *options):
        command = "operator" if who == "operator" else "agent"
        name = [] if who == "operator" else ["--microgrid", who]
        self.start(who, self.covolt, command, self.case, *name, "--server", SERVER, "--keys", self.keys, *options)

    def kill(self, who):
        process = self.processes[who]
        subprocess.run(["pkill", "-9", "-P", str(process.pid)], check=False)
        process.kill()
        process.wait()

    def all_well(self):
        for who, process in self.processes.items():
            if process.poll() not in (None, 0):
                raise SystemExit(f"{who} gave up:\n" + "".join(open(self.work / f"{who}.log").readlines()[-10:]))

    def stop(self):
        for who in list(self.processes):
            if self.processes[who].poll() is None:
                self.kill(who)

    def wait(self, who, seconds):
        try:
            return self.processes[who].wait(seconds)
        except subprocess.TimeoutExpired:
            tail = "".join(open(self.work / f"{who}.log").readlines()[-15:])
            raise SystemExit(f"{who} did not end within {seconds} s:\n{tail}")


def rounds_done(folder):
    path = folder / "rounds.csv"
    return max(0, sum(1 for _ in open(path)) - 1) if path.exists() else 0


def training(site, work, episodes, windows, delay):
    """Kills, cuts and a server restart while it trains; compared with one process."""
    print(f"training: {episodes} updates over {delay} ms and 5 % loss, with kills and cuts", flush=True)
    folders = {who: work / "run" / who for who in ["operator", *AGENTS]}
    options = {
        "operator": ["--out", folders["operator"], "--episodes", episodes, "--windows", windows, "--connections", 2, "--retry-ms", 500]
    }
    for agent in AGENTS:
        options[agent] = ["--out", folders[agent], "--connections", 2, "--retry-ms", 500]
    site.start_server()
    for who in ["operator", *AGENTS]:
        site.participant(who, *options[who])
    faults = random.Random(7)
    begun = time.monotonic()
    plan = [
        ("kill", "M2"), ("cut", "M4"), ("kill", "operator"), ("kill", "server"), ("kill", "M5"), ("cut", "M1"), ("kill", "operator"),
    ]
    for number, (what, who) in enumerate(plan):
        target = (number + 1) * episodes // (len(plan) + 1)
        while rounds_done(folders["operator"]) < target:
            if time.monotonic() - begun > 300:
                raise SystemExit(f"training stands still at update {rounds_done(folders['operator'])}")
            site.all_well()
            time.sleep(0.05)
        pause = faults.uniform(0.2, 1.0)
        print(f"  update {rounds_done(folders['operator'])}: {what} {who} for {pause:.1f} s", flush=True)
        if what == "cut":
            site.network.cut(who)
            time.sleep(pause + 1.0)
            site.network.mend(who)
        else:
            site.kill(who)
            time.sleep(pause)
            if who == "server":
                site.start_server()
            else:
                site.participant(who, *options[who])
    for who in ["operator", *AGENTS]:
        if site.wait(who, 300) != 0:
            raise SystemExit(f"{who} failed:\n" + "".join(open(site.work / f"{who}.log").readlines()[-10:]))
    wall = time.monotonic() - begun
    policies = work / "policies"
    policies.mkdir()
    for agent in AGENTS:
        for file in (folders[agent] / "policies").iterdir():
            shutil.copy(file, policies / file.name)
    site.call("train", site.case, "--trainer", "parties", "--episodes", episodes, "--windows", windows, "--out", work / "memory")
    for file in sorted(policies.iterdir()):
        same = file.read_bytes() == (work / "memory" / "policies" / file.name).read_bytes()
        if not same:
            raise SystemExit(f"{file.name} is not the policy of one process")
    print(f"  {wall:.0f} s; all five policies are those of one process, bit for bit", flush=True)
    return policies, wall


def measure(site, work, updates, connections):
    """Training without faults but those of the links, timed, and what its policies are worth."""
    print(f"measure: {updates} updates with {connections} connections", flush=True)
    folders = {who: work / "measured" / who for who in ["operator", *AGENTS]}
    site.start_server()
    options = ["--connections", connections, "--retry-ms", 400]
    begun = time.monotonic()
    site.participant("operator", "--out", folders["operator"], "--episodes", updates, *options)
    for agent in AGENTS:
        site.participant(agent, "--out", folders[agent], *options)
    while site.processes["operator"].poll() is None:
        site.all_well()
        time.sleep(1.0)
        if time.monotonic() - begun > 1200:
            raise SystemExit(f"only {rounds_done(folders['operator'])} updates in 1200 s")
    for who in ["operator", *AGENTS]:
        site.wait(who, 60)
    wall = time.monotonic() - begun
    policies = work / "measured" / "policies"
    policies.mkdir()
    for agent in AGENTS:
        for file in (folders[agent] / "policies").iterdir():
            shutil.copy(file, policies / file.name)
    with open(folders["operator"] / "rounds.csv") as rows:
        names, *lines = [line.strip().split(",") for line in rows]
    exchanges = sum(int(line[names.index("exchanges")]) for line in lines) / len(lines)
    layers = json.loads(site.call("evaluate", site.case, "--policy", policies, "--json"))["windows"]["layers"]
    bare, repaired = layers["bare"], layers["repaired"]
    print(
        f"  {wall:.0f} s, {exchanges:.2f} exchanges an update; bare gap {bare['gap_percent']:.3f} % "
        f"({bare['violating_windows']} windows violating), repaired {repaired['gap_percent']:.3f} % "
        f"({repaired['violating_windows']} violating)",
        flush=True,
    )
    site.stop()
    return {"wall_s": wall, "exchanges_per_update": exchanges, "bare": bare, "repaired": repaired}


def table(path):
    with open(path) as rows:
        names, *lines = [line.rstrip("\n").split(",") for line in rows]
    return [dict(zip(names, line)) for line in lines]


def dispatch(site, work, policies, day, rows, connections, faults):
    """Rows of a day over the network; with faults an agent and the operator are killed and a link is cut on the way."""
    print(f"dispatch: {rows} rows of day {day}" + (", with kills and a cut" if faults else ", timed"), flush=True)
    name = "dispatch-faults" if faults else "dispatch"
    folders = {who: work / name / who for who in ["operator", *AGENTS]}
    common = ["--dispatch", day, "--rows", rows, "--connections", connections, "--no-streams"]
    # Under faults rows are paced, so that the faults fall among them.
    pace = ["--row-ms", 500] if faults else []
    options = {"operator": ["--out", folders["operator"], *common, *pace]}
    for agent in AGENTS:
        options[agent] = ["--out", folders[agent], "--policy", policies, "--linger-ms", 500, *common]
    site.start_server()
    for who in [*AGENTS, "operator"]:
        site.participant(who, *options[who])
        if who == AGENTS[-1]:
            time.sleep(3.0)
    done = lambda: len(table(folders["operator"] / "rows.csv")) if (folders["operator"] / "rows.csv").exists() else 0
    begun = time.monotonic()
    if faults:
        for number, (what, who) in enumerate([("kill", "M2"), ("cut", "M4"), ("kill", "operator")]):
            while done() < (number + 1) * rows // 5 and time.monotonic() - begun < 120:
                time.sleep(0.05)
            print(f"  row {done()}: {what} {who}", flush=True)
            if what == "cut":
                site.network.cut(who)
                time.sleep(3.0)
                site.network.mend(who)
            else:
                site.kill(who)
                time.sleep(1.0)
                site.participant(who, *options[who])
    for who in ["operator", *AGENTS]:
        site.wait(who, 300)
    settled = table(folders["operator"] / "rows.csv")
    how = {}
    for agent in AGENTS:
        applied = table(folders[agent] / "dispatch.csv")
        decided = [int(row["row"]) for row in applied]
        if not faults and len(decided) != rows:
            raise SystemExit(f"{agent} decided {len(decided)} of {rows} rows")
        if decided != sorted(set(decided)):
            raise SystemExit(f"{agent} decided a row twice or went back")
        for row in applied:
            how[row["how"]] = how.get(row["how"], 0) + 1
            if row["how"] == "certified":
                of_operator = [r for r in settled if r["row"] == row["row"]]
                if of_operator and of_operator[0]["certainty"] != "certified":
                    raise SystemExit(f"{agent} applied row {row['row']} as certified, the operator did not certify it")
    if faults and settled[-1]["certainty"] != "certified":
        raise SystemExit(f"everybody is back, but the last row is {settled[-1]['certainty']}")
    wall = sorted(int(row["wall_ms"]) for row in settled)
    at = lambda share: wall[max(0, -(-int(len(wall) * share * 100) // 100) - 1)]
    certain = {}
    for row in settled:
        certain[row["certainty"]] = certain.get(row["certainty"], 0) + 1
    exchanges = sum(int(row["exchanges"]) for row in settled) / len(settled)
    print(f"  operator: {certain}; agents: {how}", flush=True)
    print(f"  {exchanges:.2f} exchanges a row; median {at(0.5)} ms, 99th percentile {at(0.99)} ms, longest {wall[-1]} ms", flush=True)
    site.stop()
    return {"settled": certain, "applied": how, "median_ms": at(0.5), "p99_ms": at(0.99), "longest_ms": wall[-1], "exchanges": exchanges}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--covolt", default="target/release/covolt")
    parser.add_argument("--delay-ms", type=float, default=20.0)
    parser.add_argument("--loss", type=float, default=0.05)
    parser.add_argument("--quick", action="store_true", help="fewer updates and rows")
    parser.add_argument("--measure", type=int, metavar="UPDATES", help="only time a training of so many updates")
    parser.add_argument("--measure-dispatch", metavar="POLICIES", help="only time the dispatch of rows with the policies of this folder")
    parser.add_argument("--with-faults", action="store_true", help="with --measure-dispatch, also once with kills and a cut")
    parser.add_argument("--day", type=int, default=195, help="day of the data that is dispatched")
    parser.add_argument("--rows", type=int, default=96, help="rows of it")
    parser.add_argument("--connections", type=int, default=3, help="of every participant to the server, while measuring")
    parser.add_argument("--json", help="write the figures to this file")
    arguments = parser.parse_args()
    reason = network_weather.why_not()
    if reason is None and shutil.which("nats-server") is None:
        reason = "nats-server is not installed (Debian, Ubuntu: apt install nats-server)"
    if reason is not None:
        print(f"skipped: {reason}")
        return
    covolt = os.path.abspath(arguments.covolt)
    work = pathlib.Path(tempfile.mkdtemp(prefix="covolt-faults-"))
    network = network_weather.Network(AGENTS, arguments.delay_ms, arguments.loss)
    print(f"links by {network.how()}: {arguments.delay_ms:g} ms one way, {100 * arguments.loss:g} % of packets lost", flush=True)
    site = Site(covolt, work, network, "builtin")
    figures = {}
    try:
        if arguments.measure:
            figures["measured"] = measure(site, work, arguments.measure, arguments.connections)
            return
        if arguments.measure_dispatch:
            policies = pathlib.Path(arguments.measure_dispatch).absolute()
            figures["dispatch"] = dispatch(site, work, policies, arguments.day, arguments.rows, arguments.connections, False)
            if arguments.with_faults:
                figures["dispatch_faults"] = dispatch(site, work, policies, arguments.day, arguments.rows, arguments.connections, True)
            return
        episodes = 40 if arguments.quick else 120
        policies, figures["training_s"] = training(site, work, episodes, 400, arguments.delay_ms)
        site.stop()
        rows = 20 if arguments.quick else arguments.rows
        figures["dispatch"] = dispatch(site, work, policies, arguments.day, rows, arguments.connections, False)
        figures["dispatch_faults"] = dispatch(site, work, policies, arguments.day, rows, arguments.connections, True)
    finally:
        site.stop()
        network.close()
        shutil.rmtree(work, ignore_errors=True)
        if arguments.json:
            pathlib.Path(arguments.json).write_text(json.dumps(figures, indent=1))
    print("all passed")


if __name__ == "__main__":
    main()
