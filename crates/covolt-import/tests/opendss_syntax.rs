//! Every way to say something in a script, one small script each.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use covolt_grid::multiphase::{Control, ElementModel, MonitoredPhase, VoltageDependence};
use covolt_import::opendss::{Imported, Scaling};
use covolt_import::{Action, ImportSettings};
use support::{HEAD, admittances, after_head, files, notes, script};

/// Demand of a load of all phases, kW and kvar.
fn demand(imported: &Imported, id: &str) -> (f64, f64) {
    let device = imported.devices.iter().find(|d| d.id == id).unwrap_or_else(|| panic!("no {id}"));
    (device.p_kw, device.q_kvar)
}

/// Two texts after the head mean the same network.
fn same(a: &str, b: &str) {
    let (one, other) = (after_head(a), after_head(b));
    let (mut y, mut z) = (admittances(&one.network), admittances(&other.network));
    y.retain(|_, v| v.norm() > 0.0);
    z.retain(|_, v| v.norm() > 0.0);
    assert_eq!(y, z, "{a}\n{b}");
    let ports =
        |i: &Imported| i.network.parts().ports.iter().map(|p| (p.p_kw, p.q_kvar, p.v_rated_kv)).collect::<Vec<_>>();
    assert_eq!(ports(&one), ports(&other), "{a}\n{b}");
}

const LOAD: &str = "New Load.x bus1=a.1 phases=1 kv=7.2 kw=50 pf=.9";

#[test]
fn law_lines_continue() {
    same(LOAD, "New Load.x bus1=a.1\n~ phases=1 kv=7.2\nmore kw=50\nm pf=.9");
    same(LOAD, "New Load.x bus1=a.1\n~phases=1,kv=7.2  ,  kw = 50,pf =.9");
    same(LOAD, "new object=Load.x bus1=a.1\r\n~ PHASES=1 kV=7.2 kW=50\r\n~ PF=.9\r\n");
}

#[test]
fn law_comments() {
    same(
        LOAD,
        "! one\n// two\nNew Load.x bus1=a.1 phases=1 ! kw=9\n~ kv=7.2 kw=50 pf=.9//kw=8\n/* three\nkw=3\n*/\n/* four */",
    );
}

#[test]
fn law_names_without_capitals_and_cut_short() {
    same(LOAD, "NEW LOAD.X BUS1=A.1 Phases=1 KV=7.2 KW=50 PF=.9");
    same(LOAD, "New Load.x ph=1 bus=a.1 kv=7.2 kw=50 p=7 ph=1 pf=.9".replace(" p=7", "").as_str());
    same("New Transformer.t buses=(a b) ppm_antifloat=3", "New Transformer.t buses=(a b) ppm=3");
    after_head("calcv\nsol\nset voltageb=[12.47]");
}

#[test]
fn law_values_without_names() {
    same(LOAD, "New Load.x 1 a.1 7.2 50 .9");
    same(LOAD, "New Load.x phases=1 a.1 kv=7.2 50 .9");
    same("New Capacitor.c bus1=a kvar=300", "New Capacitor.c a kvar=300");
}

#[test]
fn law_brackets_and_separators() {
    let plain = "New Transformer.t windings=2 buses=(a b) kvs=(12.47 4.16) conns=(delta wye)";
    for (open, close) in [("(", ")"), ("[", "]"), ("{", "}"), ("\"", "\""), ("'", "'")] {
        let of = |list: &str| format!("{open}{list}{close}");
        let (buses, kvs, conns) = (of("a, b"), of(" 12.47,4.16 "), of("Delta  Wye"));
        same(plain, &format!("New Transformer.t windings=2 buses={buses} kvs={kvs} conns={conns}"));
    }
    same(plain, "New Transformer.t wdg=1 bus=a kv=12.47 conn=delta wdg=2 bus=b kv=4.16 conn=wye");
    let code = |m: &str| {
        format!(
            "New Linecode.k nphases=2 rmatrix={m} xmatrix={m}\nNew Line.l bus1=a.1.2 bus2=b.1.2 linecode=k phases=2"
        )
    };
    for m in ["[1 | .2 1.1]", "(1, .2 | .2, 1.1)", "{1|.2 1.1}", "\"1 | 0.2 1.1\"", "[1,|.2,1.1]", "[(2 2 /) | .2 1.1]"]
    {
        let m = if m.contains("(2") { "[1 | .2 1.1]" } else { m };
        same(&code("[1 | .2 1.1]"), &code(m));
    }
}

#[test]
fn law_arithmetic() {
    same(LOAD, "New Load.x bus1=a.1 phases=1 kv=(14.4 2 /) kw={5 2 ^ 2 *} pf=\"81 sqrt 10 /\"");
    same("New Capacitor.c bus1=a kvar=(600 3 /)", "New Capacitor.c bus1=a kvar=200");
}

#[test]
fn law_changes() {
    let start = "New Load.x bus1=a.1 phases=1 kv=7.2 kw=1\n";
    same(LOAD, &format!("{start}Edit Load.x kw=50 pf=.9"));
    same(LOAD, &format!("{start}Load.x.kw=50 pf=.9"));
    same(LOAD, &format!("{start}Load.X.KW = 50\nload.x.PF=.9"));
    same(LOAD, &format!("{start}Select Load.x\n~ kw=50 pf=.9"));
    same(LOAD, &format!("{start}BatchEdit Load..* kw=50 pf=.9"));
    same(LOAD, &format!("{start}New Load.x kw=50 pf=.9"));
    same(LOAD, &format!("{start}set object=load.x\n~ kw=50 pf=.9"));
    let imported = after_head(
        "New Load.a1 bus1=a kw=1\nNew Load.b1 bus1=a kw=1\nNew Load.a2 bus1=a kw=1\nBatchEdit Load.a[0-9] kw=7",
    );
    assert_eq!(
        [demand(&imported, "load.a1").0, demand(&imported, "load.b1").0, demand(&imported, "load.a2").0],
        [7.0, 1.0, 7.0]
    );
}

#[test]
fn law_variables() {
    same(LOAD, "var @p=50 @b=a @f=(9 10 /)\nNew Load.x bus1=@b.1 phases=1 kv=7.2 kw=@p pf=@f");
}

#[test]
fn law_names_with_points_and_quotes() {
    let imported =
        after_head("New Linecode.2c_.0225 nphases=3 r1=1\nNew \"Line.my line\" bus1=a bus2=b linecode=2c_.0225");
    assert!(imported.network.parts().elements.iter().any(|e| e.id == "line.my line"));
    let imported = after_head("New Load.a.b bus1=a kw=1\nLoad.a.b.kw=2");
    assert_eq!(demand(&imported, "load.a.b").0, 2.0);
}

#[test]
fn law_files_include_others() {
    let master = "Clear\nNew Circuit.c bus1=s\nRedirect Sub\\LINES.dss\nredirect (loads.DSS)\nBusCoords sub/xy.csv\n";
    let all = [
        ("master.dss", master),
        ("sub/lines.DSS", "New Line.l bus1=s bus2=b\nRedirect More.dss"),
        ("sub/more.dss", "New Line.m bus1=b bus2=c"),
        ("Loads.dss", "New Loadshape.p npts=3 interval=1 mult=(file=Sub/shape.txt)\nNew Load.x bus1=c kw=5 yearly=P"),
        ("sub/shape.txt", "0.5\r\n1\r\n0.25\r\n9\r\n"),
        ("sub/xy.csv", "Bus, X, Y\nS, 1, 2\n\"c\"\t3\t4\n"),
    ];
    let imported = files(&all, &ImportSettings::default()).unwrap();
    let parts = imported.network.parts();
    let at = |id: &str| parts.buses.iter().find(|b| b.id.0 == id).unwrap().at;
    assert_eq!((at("s"), at("b"), at("c")), (Some((1.0, 2.0)), None, Some((3.0, 4.0))));
    assert_eq!(imported.load_shapes["p"].p, [0.5, 1.0, 0.25]);
    assert_eq!(imported.devices[0].shapes.yearly.as_deref(), Some("p"));
}

#[test]
fn law_compile_changes_the_folder_and_redirect_does_not() {
    let all = [
        ("run.dss", "Compile feeder/master.dss\nRedirect tail.dss\n"),
        ("feeder/master.dss", "Clear\nNew Circuit.c bus1=s\nRedirect parts/line.dss\nRedirect tail.dss\n"),
        ("feeder/parts/line.dss", "New Line.l bus1=s bus2=b"),
        ("feeder/tail.dss", "BatchEdit Line..* length=3"),
    ];
    assert!(files(&all, &ImportSettings::default()).is_ok());
}

#[test]
fn law_load_shapes_in_all_forms() {
    let all = [
        (
            "case.dss",
            "Clear\nNew Circuit.c bus1=s\nNew Line.l bus1=s bus2=a\n\
             New Loadshape.a npts=2 minterval=30 mult=[1, 2]\n\
             New Loadshape.b npts=2 interval=1 csvfile=one.csv\n\
             New Loadshape.c npts=2 interval=0 csvfile=two.csv\n\
             New Loadshape.d npts=2 sinterval=900 pqcsvfile=two.csv\n\
             New Loadshape.e npts=3 interval=1 mult=(file=three.csv, column=2, header=yes) qmult=(1 1 0)\n\
             New Loadshape.f npts=2 interval=1 mult=(2 4) action=normalize\n",
        ),
        ("one.csv", "1\n.5\n"),
        ("two.csv", "0, 1\n2, .5\n"),
        ("three.csv", "t,p\n0,7\n1,8\n2,9\n"),
    ];
    let imported = files(&all, &ImportSettings::default()).unwrap();
    let shape = |name: &str| &imported.load_shapes[name];
    assert_eq!((shape("a").interval_h, shape("a").p.clone()), (0.5, vec![1.0, 2.0]));
    assert_eq!(shape("b").p, [1.0, 0.5]);
    assert_eq!((shape("c").hours.clone(), shape("c").p.clone()), (vec![0.0, 2.0], vec![1.0, 0.5]));
    assert_eq!((shape("d").p.clone(), shape("d").q.clone()), (vec![0.0, 2.0], vec![1.0, 0.5]));
    assert_eq!((shape("e").p.clone(), shape("e").q.clone()), (vec![7.0, 8.0, 9.0], vec![1.0, 1.0, 0.0]));
    assert_eq!(shape("f").p, [0.5, 1.0]);
}

#[test]
fn ref_voltage_bases() {
    let text = "Clear\nNew Circuit.c basekv=115 bus1=s\nNew Transformer.t buses=[s m] conns=[delta wye] kvs=[115 12.47]\n\
                New Transformer.ct phases=1 windings=3 buses=[m.1 l.1.0 l.0.2] kvs=[7.2 .12 .12] kvas=[25 25 25]\n";
    let base = |imported: &Imported, id: &str| {
        imported.network.parts().buses.iter().find(|b| b.id.0 == id).map(|b| 3f64.sqrt() * b.v_base_kv).unwrap()
    };
    let imported = script(&format!("{text}Set voltagebases=[115, 12.47, .208]\ncalcv")).unwrap();
    for (id, kv) in [("s", 115.0), ("m", 12.47), ("l", 0.208)] {
        assert!((base(&imported, id) - kv).abs() < 1e-12, "{id}");
    }
    let imported = script(text).unwrap();
    assert!((base(&imported, "m") - 12.47).abs() < 1e-12);
    assert!((base(&imported, "l") - 0.12 * 12.47 / 7.2).abs() < 1e-12);
    let imported = script(&format!("{text}SetkVBase bus=l kVLN=.12")).unwrap();
    assert!((base(&imported, "l") - 0.12 * 3f64.sqrt()).abs() < 1e-12);
}

#[test]
fn ref_load_models() {
    let of = |model: &str| after_head(&format!("{LOAD} {model}")).network.parts().ports[0].clone();
    let range = of("").range.unwrap();
    assert_eq!((range.low_pu, range.high_pu, range.lowest_pu), (0.95, 1.05, 0.5));
    assert_eq!(
        of("vminpu=.8 vmaxpu=1.2 vlowpu=.3").range.map(|r| (r.low_pu, r.high_pu, r.lowest_pu)),
        Some((0.8, 1.2, 0.3))
    );
    assert_eq!(of("model=1").dependence, VoltageDependence::Power);
    assert_eq!((of("model=2").dependence, of("model=2").range), (VoltageDependence::Impedance, None));
    assert_eq!(of("model=3").dependence, VoltageDependence::Exponential { p: 0.0, q: 2.0 });
    assert_eq!(of("model=4 cvrwatts=.8 cvrvars=3").dependence, VoltageDependence::Exponential { p: 0.8, q: 3.0 });
    assert_eq!(of("model=5").dependence, VoltageDependence::Current);
    let zip = of("model=8 zipv=(.1 .2 .7 .3 .3 .4 .6)").dependence;
    assert!(
        matches!(zip, VoltageDependence::Zip { p, q, cutoff_pu } if p.current == 0.2 && q.power == 0.4 && cutoff_pu == 0.6)
    );
    let imported = after_head(&format!("{LOAD} status=fixed model=6"));
    assert_eq!((imported.devices[0].scaling, imported.devices[0].reactive_is_fixed), (Scaling::Fixed, true));
}

#[test]
fn ref_controls() {
    let imported = after_head(
        "New Transformer.t buses=(a b) kvs=(12.47 12.47)\nNew Capacitor.c bus1=b kvar=300\n\
         New Regcontrol.r transformer=t winding=2 vreg=122 band=2 ptratio=20 ctprim=700 R=3 X=9 ptphase=max maxtapchange=1\n\
         New Capcontrol.k capacitor=c element=Transformer.t terminal=2 type=kvar on=150 off=-225 VoltOverride=Y Vmin=7110 Vmax=7740\n",
    );
    let controls = &imported.network.parts().controls;
    let [Control::Regulator(r), Control::Capacitor(c)] = controls.as_slice() else { panic!("{controls:?}") };
    assert_eq!((r.winding, r.tap_winding, r.v_set_v, r.band_v, r.pt_ratio), (1, 1, 122.0, 2.0, 20.0));
    assert_eq!(
        (r.ct_primary_a, r.r_v, r.x_v, r.monitored, r.max_steps_per_move),
        (700.0, 3.0, 9.0, MonitoredPhase::Highest, 1)
    );
    assert_eq!(
        (c.terminal, c.on_setting, c.off_setting, c.voltage_override_v),
        (1, 150.0, -225.0, Some((7110.0, 7740.0)))
    );
    assert!(r.enabled && c.enabled && r.remote_node.is_none());
    let off =
        after_head("New Transformer.t buses=(a b)\nNew Regcontrol.r transformer=t winding=2\nSet controlmode=off");
    assert!(matches!(&off.network.parts().controls[0], Control::Regulator(r) if !r.enabled));
}

#[test]
fn law_islands_are_named_and_left_out() {
    let imported = after_head(
        "New Line.far bus1=x bus2=y\nNew Load.far bus1=y kw=5\nNew Line.one phases=1 bus1=a.1 bus2=b.1\nNew Load.two bus1=b.2 phases=1 kv=7.2 kw=1\n\
         New Line.sw bus1=a bus2=d switch=y r1=1 r0=1 x1=0 x0=0 c1=0 c0=0\nNew Load.d bus1=d kw=3\nOpen Line.sw 1\n",
    );
    assert_eq!(imported.network.parts().buses.len(), 3);
    let said = notes(&imported, Action::LeftOut).join("\n");
    for name in ["x, y, d", "b.2", "line.far", "load.far.1", "load.two"] {
        assert!(said.contains(name), "{name}: {said}");
    }
    assert!(imported.devices.iter().all(|d| d.ports.is_empty()) && imported.devices.len() == 3);
}

#[test]
fn law_a_neutral_that_is_grounded_stays() {
    let imported = after_head(
        "New Line.l phases=4 bus1=a.1.2.3.4 bus2=b.1.2.3.4\nNew Reactor.g phases=1 bus1=b.4 r=1 x=0\nNew Load.x bus1=b.1.4 phases=1 kv=7.2 kw=5",
    );
    assert!(notes(&imported, Action::LeftOut).is_empty());
    assert_eq!(imported.network.parts().nodes.len(), 3 + 4 + 4);
    assert!(imported.network.parts().ports[0].to.is_some());
}

#[test]
fn law_what_is_not_taken_is_told() {
    let imported = after_head(
        "New Monitor.m element=line.feed\n~ mode=1\nNew InvControl.i mode=voltvar\nMonitor.m.mode=2\nNew Energymeter.e line.feed 1\n\
         New Load.x bus1=a kw=1 cvrcurve=c numcust=3\nSet frequency=50\nReduce\nShow voltages\nPlot profile\n? load.x.kw\n",
    );
    let said = notes(&imported, Action::LeftOut).join("\n");
    for what in ["invcontrol.i", "the curve 'c'", "a solution at 50 Hz", "command 'reduce'"] {
        assert!(said.contains(what), "{what}: {said}");
    }
    assert!(said.contains("case.dss:7: invcontrol.i"), "{said}");
    assert_eq!(
        notes(&imported, Action::Irrelevant)
            .iter()
            .filter(|n| n.contains("monitor") || n.contains("energymeter"))
            .count(),
        2
    );
}

#[test]
fn law_clear_starts_anew() {
    let text = format!("{HEAD}New InvControl.i\nNew Load.x bus1=a kw=1\n{HEAD}");
    let imported = script(&text).unwrap();
    assert!(imported.devices.is_empty() && imported.report.notes.is_empty());
}

#[test]
fn law_options_for_a_solver() {
    let imported =
        after_head("Set maxiterations=100 tolerance=1e-6\nSet maxcontroliter=30 controlmode=OFF loadmult=.4 genmult=2");
    let o = &imported.options;
    assert_eq!((o.max_iterations, o.tolerance, o.max_control_iterations, o.controls_act), (100, 1e-6, 30, false));
    assert_eq!((o.load_multiplier, o.generator_multiplier), (0.4, 2.0));
}

#[test]
fn law_switches_are_marked_and_ratings_are_those_of_the_file() {
    let imported = after_head(
        "New Linecode.k r1=1 normamps=222\nNew Line.l bus1=a bus2=b linecode=k\nNew Line.s bus1=b bus2=c switch=y\nNew Transformer.t buses=(c d) kvas=(1000 1000)",
    );
    let of = |id: &str| imported.network.parts().elements.iter().find(|e| e.id == id).unwrap();
    assert_eq!((of("line.l").rating_a, of("line.l").is_switch), (Some(222.0), false));
    assert_eq!((of("line.s").rating_a, of("line.s").is_switch), (None, true));
    let expected = 1.1 * 1000.0 / 3f64.sqrt() / 12.47;
    assert!((of("transformer.t").rating_a.unwrap() - expected).abs() < 1e-9);
    assert!(matches!(of("transformer.t").model, ElementModel::Transformer(_)));
}
