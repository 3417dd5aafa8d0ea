//! Which commands and options are there, and what are they to a network?
//!
//! Names stand in the order of the reference engine, which decides between several that an abbreviation could mean.

use super::names::look_up;

/// All commands.
#[rustfmt::skip]
pub(crate) const COMMANDS: &[&str] = &[
    "new", "edit", "more", "m", "~", "select", "save", "show", "solve", "enable", "disable", "plot", "reset",
    "compile", "set", "dump", "open", "close", "//", "redirect", "help", "quit", "?", "next", "panel", "sample",
    "clear", "about", "calcvoltagebases", "setkvbase", "buildy", "get", "init", "export", "fileedit", "voltages",
    "currents", "powers", "seqvoltages", "seqcurrents", "seqpowers", "losses", "phaselosses", "cktlosses",
    "allocateloads", "formedit", "totals", "capacity", "classes", "userclasses", "zsc", "zsc10", "zscrefresh", "ysc",
    "puvoltages", "varvalues", "varnames", "buscoords", "makebuslist", "makeposseq", "reduce", "interpolate",
    "alignfile", "top", "rotate", "vdiff", "summary", "distribute", "di_plot", "comparecases", "yearlycurves", "cd",
    "visualize", "closedi", "doscmd", "estimate", "reconductor", "_initsnap", "_solvenocontrol", "_samplecontrols",
    "_docontrolactions", "_showcontrolqueue", "_solvedirect", "_solvepflow", "addbusmarker", "uuids",
    "setloadandgenkv", "cvrtloadshapes", "nodediff", "rephase", "setbusxy", "updatestorage", "obfuscate",
    "latlongcoords", "batchedit", "pstcalc", "variable", "reprocessbuses", "clearbusmarkers", "relcalc", "var",
    "cleanup", "finishtimestep", "nodelist", "connect", "disconnect", "remove", "calcincmatrix", "calcincmatrix_o",
    "refine_buslevels", "calclaplacian", "exportoverloads", "exportvviolations", "zsc012", "allpceatbus",
    "allpdeatbus", "totalpowers", "giscoords", "clearall", "comhelp", "newactor", "wait", "solveall", "abort",
    "clone",
];

/// All options of `Set`.
#[rustfmt::skip]
pub(crate) const OPTIONS: &[&str] = &[
    "type", "element", "hour", "sec", "year", "frequency", "stepsize", "mode", "random", "number", "time", "class",
    "object", "circuit", "editor", "tolerance", "maxiterations", "h", "loadmodel", "loadmult", "normvminpu",
    "normvmaxpu", "emergvminpu", "emergvmaxpu", "%mean", "%stddev", "ldcurve", "%growth", "genkw", "genpf", "capkvar",
    "addtype", "allowduplicates", "zonelock", "ueweight", "lossweight", "ueregs", "lossregs", "voltagebases",
    "algorithm", "trapezoidal", "autobuslist", "controlmode", "tracecontrol", "genmult", "defaultdaily",
    "defaultyearly", "allocationfactors", "cktmodel", "pricesignal", "pricecurve", "terminal", "basefrequency",
    "harmonics", "maxcontroliter", "bus", "datapath", "keeplist", "reduceoption", "demandinterval", "%normal",
    "diverbose", "casename", "markercode", "nodewidth", "log", "recorder", "overloadreport", "voltexceptionreport",
    "cfactors", "showexport", "numallociterations", "defaultbasefrequency", "markswitches", "switchmarkercode",
    "daisysize", "marktransformers", "transmarkercode", "transmarkersize", "loadshapeclass", "earthmodel", "querylog",
    "markcapacitors", "markregulators", "markpvsystems", "markstorage", "capmarkercode", "regmarkercode",
    "pvmarkercode", "storemarkercode", "capmarkersize", "regmarkersize", "pvmarkersize", "storemarkersize",
    "neglectloady", "markfuses", "fusemarkercode", "fusemarkersize", "markreclosers", "reclosermarkercode",
    "reclosermarkersize", "registryupdate", "markrelays", "relaymarkercode", "relaymarkersize", "processtime",
    "totaltime", "steptime", "sampleenergymeters", "miniterations", "dssvisualizationtool", "keepload", "zmag",
    "seasonrating", "seasonsignal", "linetypes", "eventlogdefault", "longlinecorrection", "showreports", "numcpus",
    "numcores", "numactors", "activeactor", "cpu", "actorprogress", "parallel", "concatenatereports", "numanodes",
];

/// What a command is to an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CommandKind {
    /// It makes or changes the network: the reader does it.
    Acts,
    /// It shows, writes or solves.
    Irrelevant,
    /// It changes the network in a way that is not supported.
    LeftOut,
}

/// A command by its possibly abbreviated name.
pub(crate) fn command(name: &str) -> Option<(&'static str, CommandKind)> {
    let name = look_up(COMMANDS, name)?;
    let kind = match name {
        "new" | "edit" | "more" | "m" | "~" | "select" | "enable" | "disable" | "compile" | "redirect" | "set"
        | "open" | "close" | "clear" | "clearall" | "setkvbase" | "calcvoltagebases" | "buscoords"
        | "latlongcoords" | "giscoords" | "setbusxy" | "cd" | "batchedit" | "var" => CommandKind::Acts,
        "allocateloads" | "makeposseq" | "reduce" | "distribute" | "estimate" | "reconductor" | "setloadandgenkv"
        | "rephase" | "remove" | "connect" | "disconnect" | "cvrtloadshapes" | "newactor" | "clone"
        | "updatestorage" => CommandKind::LeftOut,
        _ => CommandKind::Irrelevant,
    };
    Some((name, kind))
}

/// Classes that only watch, plot or cost.
const IRRELEVANT_CLASSES: &[&str] = &[
    "energymeter",
    "monitor",
    "growthshape",
    "tcc_curve",
    "spectrum",
    "xycurve",
    "priceshape",
    "tshape",
    "sensor",
    "dynamicexp",
    "fmonitor",
];

/// Classes that act on the network and are not supported; without them it is another network.
const LEFT_OUT_CLASSES: &[&str] = &[
    "invcontrol",
    "expcontrol",
    "storagecontroller",
    "storagecontroller2",
    "gendispatcher",
    "upfccontrol",
    "espvlcontrol",
    "esplcontrol",
    "isource",
    "fault",
    "vccs",
    "indmach012",
    "windgen",
    "generic5",
    "gicsource",
    "vsconverter",
];

/// Classes in series with others: without them the network falls apart.
const REFUSED_CLASSES: &[&str] = &["autotrans", "upfc", "gicline", "gictransformer"];

/// What a class that is not supported is to an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OtherClass {
    /// It only watches.
    Irrelevant,
    /// It is left out with a note.
    LeftOut,
    /// It cannot be left out.
    Refused,
}

/// A class that is not supported; `None` where there is no such class at all.
pub(crate) fn other_class(name: &str) -> Option<OtherClass> {
    let name = name.trim().to_ascii_lowercase();
    let found = [
        (IRRELEVANT_CLASSES, OtherClass::Irrelevant),
        (LEFT_OUT_CLASSES, OtherClass::LeftOut),
        (REFUSED_CLASSES, OtherClass::Refused),
    ];
    found.into_iter().find(|(table, _)| table.contains(&name.as_str())).map(|(_, kind)| kind)
}
