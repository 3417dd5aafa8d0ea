#!/usr/bin/env python3
"""Writes the pandapower networks and the expected voltages that the tests of covolt-import compare with.

    python3 scripts/make_import_references.py [FOLDER]

FOLDER is crates/covolt-import/tests/data by default. Needs pandapower 3.5.6 (`pip install pandapower==3.5.6`). The networks
are made up here; each has what one file of the importer has to get right. NAME.json is what `pp.to_json` writes,
NAME_voltages.csv the solution of `pp.runpp` to 1e-12 MVA.

conversions_voltages.csv belongs to conversions.m, whose numbers are computed a second time here; the solution uses the
admittance matrix of pypower, which is MATPOWER's.
"""

import copy
import sys
from pathlib import Path

import numpy as np
import pandapower as pp
import pandas as pd
from pandapower.pypower.makeYbus import makeYbus

VERSION = "3.5.6"


def voltages(path, ids, v, how):
    rows = [f"{i},{x.real:.15g},{x.imag:.15g}" for i, x in zip(ids, v)]
    path.write_text("\n".join([f"# {how}; scripts/make_import_references.py", "bus,re_pu,im_pu", *rows]) + "\n")


def write(folder, name, net, change=None):
    # Without results, types and empty tables, most of which are for what these networks do not have.
    short = copy.deepcopy(net)
    for key in list(short.keys()):
        if key.startswith(("res_", "_")) or (isinstance(short[key], pd.DataFrame) and short[key].empty):
            del short[key]
    short["std_types"] = {}
    if change:
        change(short)
    pp.to_json(short, str(folder / f"{name}.json"))
    pp.runpp(net, tolerance_mva=1e-12, max_iteration=50, numba=False)
    v = net.res_bus.vm_pu * np.exp(1j * np.deg2rad(net.res_bus.va_degree))
    v = v[v.notna()]
    voltages(folder / f"{name}_voltages.csv", v.index, v, f"pandapower {VERSION}, runpp")


def line(net, a, b, km, **more):
    values = dict(r_ohm_per_km=0.25, x_ohm_per_km=0.35, c_nf_per_km=230, max_i_ka=0.3) | more
    return pp.create_line_from_parameters(net, a, b, km, **values)


def radial():
    """110, 20 and 0.4 kV: taps, shifts, magnetising losses, parallel systems, switches of every kind, shunts, islands."""
    net = pp.create_empty_network(name="radial", sn_mva=10.0)
    hv = pp.create_bus(net, 110.0)
    mv = [pp.create_bus(net, 20.0, index=i) for i in range(10, 17)]
    lv = [pp.create_bus(net, 0.4, index=i) for i in (30, 31)]
    spare = [pp.create_bus(net, 20.0, index=i) for i in (40, 41)]
    out = pp.create_bus(net, 20.0, index=50, in_service=False)
    pp.create_ext_grid(net, hv, vm_pu=1.03, va_degree=4.0)
    pp.create_transformer_from_parameters(
        net, hv, mv[0], sn_mva=25.0, vn_hv_kv=115.0, vn_lv_kv=21.0, vk_percent=11.2, vkr_percent=0.4, pfe_kw=20.0,
        i0_percent=0.15, shift_degree=150.0, tap_side="hv", tap_neutral=0, tap_min=-9, tap_max=9, tap_step_percent=1.5,
        tap_step_degree=0.0, tap_pos=-3, tap_changer_type="Ratio")
    pp.create_transformer_from_parameters(
        net, mv[3], lv[0], sn_mva=0.63, vn_hv_kv=20.0, vn_lv_kv=0.42, vk_percent=6.0, vkr_percent=1.1, pfe_kw=1.2,
        i0_percent=0.3, shift_degree=-30.0, tap_side="lv", tap_neutral=1, tap_min=-2, tap_max=2, tap_step_percent=2.5,
        tap_pos=2, tap_changer_type="Ratio", parallel=2, df=0.9)
    line(net, mv[0], mv[1], 3.5, parallel=2, df=0.8)
    line(net, mv[2], mv[3], 1.7, g_us_per_km=2.0, max_loading_percent=80.0)
    hanging = line(net, mv[3], mv[4], 5.0)
    line(net, mv[4], mv[5], 2.0)
    tie = line(net, mv[5], mv[0], 4.0)
    line(net, mv[1], mv[5], 2.5)
    line(net, mv[5], mv[0], 9.0, in_service=False)
    line(net, mv[3], out, 3.0)
    line(net, spare[0], spare[1], 1.0)
    line(net, lv[0], lv[1], 0.2, c_nf_per_km=0.0, r_ohm_per_km=0.12, x_ohm_per_km=0.08)
    pp.create_switch(net, mv[1], mv[2], et="b", closed=True)
    pp.create_switch(net, mv[6], mv[5], et="b", closed=True)
    pp.create_switch(net, mv[0], mv[4], et="b", closed=False)
    pp.create_switch(net, mv[4], hanging, et="l", closed=False)
    pp.create_switch(net, mv[5], tie, et="l", closed=False)
    pp.create_switch(net, mv[0], tie, et="l", closed=False)
    pp.create_load(net, mv[3], 1.2, 0.4, scaling=0.8)
    pp.create_load(net, mv[3], 0.3, 0.1, in_service=False)
    pp.create_load(net, mv[2], 2.0, 0.6)
    pp.create_load(net, mv[4], 0.9, 0.2)
    pp.create_load(net, lv[1], 0.15, 0.05)
    pp.create_load(net, spare[1], 0.5, 0.1)
    pp.create_load(net, out, 0.5, 0.1)
    pp.create_sgen(net, mv[6], 1.5, -0.2, scaling=1.1)
    pp.create_sgen(net, lv[0], 0.05, 0.0)
    pp.create_storage(net, lv[1], p_mw=0.04, max_e_mwh=0.1, q_mvar=0.01)
    pp.create_shunt(net, mv[5], q_mvar=-0.3, p_mw=0.01, vn_kv=21.0, step=2)
    pp.create_shunt(net, lv[0], q_mvar=0.02, p_mw=0.0)
    return net


def meshed():
    """Loops, every kind of phase shifting tap, T circuits that are not halved, an impedance, a switch with one."""
    net = pp.create_empty_network(name="meshed", f_hz=60.0)
    hv = pp.create_bus(net, 33.0)
    mv = [pp.create_bus(net, 11.0) for _ in range(6)]
    pp.create_ext_grid(net, hv, vm_pu=1.01)
    same = dict(sn_mva=8.0, vn_hv_kv=33.0, vn_lv_kv=11.0, vk_percent=9.0, vkr_percent=0.7, pfe_kw=9.0, i0_percent=0.4,
                leakage_resistance_ratio_hv=0.5, leakage_reactance_ratio_hv=0.5)
    pp.create_transformer_from_parameters(
        net, hv, mv[0], **same | dict(leakage_resistance_ratio_hv=0.3, leakage_reactance_ratio_hv=0.7), tap_side="hv", tap_neutral=0, tap_pos=2, tap_step_percent=1.25, tap_step_degree=60.0,
        tap_changer_type="Symmetrical")
    pp.create_transformer_from_parameters(
        net, hv, mv[1], **same, tap_side="lv", tap_neutral=0, tap_pos=-1, tap_step_percent=2.0, tap_step_degree=90.0,
        tap_changer_type="Ratio", tap2_side="hv", tap2_neutral=1, tap2_pos=3, tap2_step_percent=0.5,
        tap2_step_degree=0.0, tap2_changer_type="Ratio")
    pp.create_transformer_from_parameters(
        net, hv, mv[2], **same, tap_side="hv", tap_neutral=0, tap_pos=1, tap_step_degree=0.4, tap_changer_type="Ideal")
    pp.create_transformer_from_parameters(
        net, hv, mv[3], **same, tap_side="lv", tap_neutral=0, tap_pos=1, tap_step_percent=0.7, tap_changer_type="Ideal")
    idle = pp.create_transformer_from_parameters(
        net, hv, mv[4], **same, tap_side="hv", tap_neutral=0, tap_pos=4, tap_step_percent=1.0, tap_changer_type="Ratio")
    back = pp.create_transformer_from_parameters(
        net, hv, mv[3], **same, tap_side="hv", tap_neutral=0, tap_pos=-4, tap_step_percent=1.0, tap_changer_type="Ratio")
    pp.create_switch(net, mv[4], idle, et="t", closed=False)
    pp.create_switch(net, hv, back, et="t", closed=False)
    for a, b, km in [(0, 1, 2.0), (1, 2, 3.0), (2, 3, 1.5), (3, 0, 4.0), (0, 4, 1.0)]:
        line(net, mv[a], mv[b], km)
    pp.create_impedance(net, mv[4], mv[2], rft_pu=0.03, xft_pu=0.08, sn_mva=5.0, gf_pu=0.001, bf_pu=0.02, gt_pu=0.002,
                        bt_pu=0.01)
    pp.create_switch(net, mv[4], mv[5], et="b", closed=True, z_ohm=0.05)
    for bus, p, q in [(0, 1.0, 0.3), (1, 2.0, 0.5), (2, 1.5, 0.4), (3, 0.8, 0.1), (5, 1.2, 0.6)]:
        pp.create_load(net, mv[bus], p, q)
    return net


def two_types():
    """Two transformers to one ring, one with a ratio and one with a phase to change."""
    net = pp.create_empty_network(name="before version 3")
    a, b, c = pp.create_bus(net, 20.0), pp.create_bus(net, 0.4), pp.create_bus(net, 0.4)
    pp.create_ext_grid(net, a)
    for bus, percent, degrees, kind in [(b, 2.5, 0.0, "Ratio"), (c, float("nan"), 0.5, "Ideal")]:
        pp.create_transformer_from_parameters(
            net, a, bus, sn_mva=0.4, vn_hv_kv=20.0, vn_lv_kv=0.4, vk_percent=4.0, vkr_percent=1.2, pfe_kw=0.9,
            i0_percent=0.3, shift_degree=150.0, tap_side="hv", tap_neutral=0, tap_pos=-1, tap_step_percent=percent,
            tap_step_degree=degrees, tap_changer_type=kind)
    line(net, b, c, 0.3, c_nf_per_km=0.0, r_ohm_per_km=0.2)
    pp.create_load(net, b, 0.1, 0.02)
    pp.create_load(net, c, 0.15, 0.03)
    return net


def as_before_version_3(net):
    """pandapower 2 had a flag for phase shifters instead of a type; version 3 reads such files, but cannot solve them unchanged."""
    net.trafo["tap_phase_shifter"] = net.trafo.tap_changer_type == "Ideal"
    net.trafo.drop(columns=["tap_changer_type", "tap_dependency_table", "id_characteristic_table"], inplace=True)


def conversions(folder):
    base, z_base, pf = 10.0, 20.0**2 / 10.0, 0.85
    sin = np.sin(np.arccos(pf))
    names = ["substation", "mill", "farm", "Peter's", "low"]
    mva = np.array([0.0, 0.8, 0.5, 0.3, 0.2])
    p, q = mva * pf, mva * sin
    p[4] = -0.2 * pf + 2 * 0.15 - 1e-2
    p[2] -= 0.2
    q[2] += 0.05
    bus = np.zeros((5, 13))
    bus[:, 0] = range(5)
    bus[2, 4:6] = 0.05, 0.4
    branch = np.zeros((4, 30))
    b = 1e-6 * z_base
    branch[:, :5] = [
        [0, 1, 1.2 / z_base, 0.8 / z_base, 40 * b], [1, 2, 0.9 / z_base, 0.7 / z_base, 30 * b],
        [1, 3, 0.004, 0.06, 20 * b], [3, 4, 0.2 / z_base, 0.16 / z_base, 0]]
    branch[2, 8:10] = 0.975, -30.0
    branch[:, 10] = 1
    y = makeYbus(base, bus, branch)[0].toarray()
    v = np.full(5, 1.02 + 0j)
    for _ in range(500):
        current = np.conj(-(p + 1j * q)[1:] / base / v[1:])
        v[1:] = np.linalg.solve(y[1:, 1:], current - y[1:, 0] * v[0])
    assert np.abs(v * np.conj(y @ v) + (p + 1j * q) / base)[1:].max() < 1e-13
    voltages(folder / "conversions_voltages.csv", names, v, f"admittance matrix of pypower in pandapower {VERSION}")


def main():
    if pp.__version__ != VERSION:
        sys.exit(f"pandapower {VERSION} is needed, not {pp.__version__}")
    default = Path(__file__).resolve().parent.parent / "crates/covolt-import/tests/data"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    write(folder, "radial", radial())
    write(folder, "meshed", meshed())
    write(folder, "before_version_3", two_types(), as_before_version_3)
    conversions(folder)


if __name__ == "__main__":
    main()
