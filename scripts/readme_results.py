#!/usr/bin/env python3
"""Fills the results of README.md from a run of `covolt reproduce`.

    python3 scripts/readme_results.py RUN_FOLDER [--check]

Replaces what stands between the two results marks. Every number is taken from a file of the run and stands beside the place
it was taken from; nothing is computed here but units. With --check nothing is written, and the exit code is 1 when README.md
says something else. A run with --quick is refused: its numbers say little about quality.
"""

import argparse
import json
import re
import sys
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"
BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"
LAYERS = ("bare", "repaired", "polished", "rule")


def at(tree, path):
    """The value at a dotted path, None where a part was not run."""
    for key in path.split("."):
        if not isinstance(tree, dict) or tree.get(key) is None:
            return None
        tree = tree[key]
    return tree


def say(value, form):
    return "not reached" if value is None else form.format(value)


def layers(summary, title, prefix):
    count = at(summary, f"{prefix}.count")
    if count is None:
        return []
    lines = [
        f"**{title}**, {count} test windows, from `summary.json`, key `{prefix}.layers`:",
        "",
        "| layer | gap | worst window | violating windows | largest voltage excess | largest current excess | convex programs, mean |",
        "|---|---|---|---|---|---|---|",
    ]
    for layer in LAYERS:
        row = at(summary, f"{prefix}.layers.{layer}")
        if row:
            lines.append(
                f"| {layer} | {row['gap_percent']:.4f} % | {say(row.get('max_gap_usd'), '{:.3f} $')} | {row['violating_windows']} of {count} "
                f"| {row['max_voltage_violation_pu']:.1e} pu | {row['max_current_violation_percent']:.3f} % "
                f"| {row['programs_mean']:.2f} |")
    return lines + [""]


def seeds(summary):
    runs = summary.get("seeds") or []
    if len(runs) < 2:
        return []
    lines = [
        f"**Default trainer, {len(runs)} seeds**, all runs, from `summary.json`, key `seeds`; gap, and violating of "
        f"{runs[0]['windows']['count']} windows:",
        "",
        "| seed | training | bare | repaired | polished |",
        "|---|---|---|---|---|",
    ]
    for run in runs:
        cells = []
        for layer in ("bare", "repaired", "polished"):
            row = run["windows"]["layers"].get(layer)
            cells.append(f"{row['gap_percent']:.4f} %, {row['violating_windows']}" if row else "not run")
        lines.append(f"| {run['seed']} | {run['wall_s']:.0f} s | " + " | ".join(cells) + " |")
    return lines + [""]


def numbers(summary, stages):
    def from_summary(what, path, form):
        return (what, say(at(summary, path), form), f"`summary.json`, `{path}`")

    rows = [
        ("whole study", say(at(stages, "wall_s"), "{:.0f} s"), "`stages.json`, `wall_s`"),
        ("peak memory", say(at(stages, "peak_memory_mib"), "{:.0f} MiB"), "`stages.json`, `peak_memory_mib`"),
        from_summary("training the default policies", "training.wall_s", "{:.0f} s"),
        from_summary("training with the paper's trainer", "paper_trainer.training.wall_s", "{:.0f} s"),
        from_summary("optimum above its lower bound, largest relative distance", "optimum.bound_gap_relative_max", "{:.1e}"),
        from_summary("central optimum, median time", "optimum.time_ms_median", "{:.1f} ms"),
    ]
    for kind, name in (("bare_certified", "bare, certified"), ("repaired", "repaired"), ("polished", "polished")):
        for quantile, word in (("median", "median"), ("p99", "99th percentile")):
            rows.append(from_summary(f"decision, {name}, {word}", f"decision_us.{kind}.{quantile}", "{:.0f} us"))
    rows += [
        from_summary("closed loop, days", "closed_loop.days", "{}"),
        from_summary("closed loop, steps", "closed_loop.steps", "{}"),
        from_summary("closed loop, steps that break a limit", "closed_loop.violating_steps", "{}"),
        from_summary("closed loop, steps without any safe dispatch", "closed_loop.infeasible_steps", "{}"),
        from_summary("closed loop, cost above perfect information", "closed_loop.gap_perfect_information_percent", "{:.3f} %"),
    ]
    for method in sorted(at(summary, "coordination") or {}):
        path = f"coordination.{method}"
        rows.append(from_summary(f"{method}: rounds to 1e-4, largest", f"{path}.rounds_to_1e4_max", "{}"))
        rows.append(from_summary(f"{method}: bytes per agent and update, largest", f"{path}.bytes_per_agent", "{}"))
    return rows


def block(run):
    summary = json.loads((run / "summary.json").read_text())
    stages = json.loads((run / "stages.json").read_text())
    record = json.loads((run / "record.json").read_text())
    if record.get("quick"):
        sys.exit(f"{run}: a run with --quick says little about quality")
    forecast = at(summary, "closed_loop.forecast")
    # The folder written to is the reader's own choice, and changes no number.
    command = re.sub(r" (--out[ =]\S+|--force)", "", record["command_line"])
    lines = [f"Run of `{command}`, version {record['program_version']}.", ""]
    lines += layers(summary, "Default trainer", "windows")
    lines += seeds(summary)
    lines += layers(summary, "The paper's trainer", "paper_trainer")
    lines += ["| what | measured | file and key |", "|---|---|---|"]
    lines += [f"| {what} | {value} | {source} |" for what, value, source in numbers(summary, stages)]
    if forecast:
        lines += ["", f"Forecast of the closed loop: {forecast}."]
    failed = stages.get("failed") or []
    if failed:
        lines += ["", "Stages that failed: " + "; ".join(f"{f['stage']} ({f['reason']})" for f in failed) + "."]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    arguments = parser.parse_args()
    text = README.read_text()
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        sys.exit(f"{README}: the marks {BEGIN} and {END} are needed once each")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    filled = f"{before}{BEGIN}\n{block(arguments.run)}\n{END}{after}"
    if arguments.check:
        sys.exit(0 if filled == text else f"{README} does not say what {arguments.run} says")
    README.write_text(filled)
    print(f"{README}: results of {arguments.run}")


if __name__ == "__main__":
    main()
