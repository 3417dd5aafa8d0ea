//! Which properties does a class have, and in which order?
//!
//! The order is that of the documentation of OpenDSS: it gives a value without a name its meaning (the property after the one
//! before it) and decides between the properties that an abbreviation could mean. All names are in small letters.

#[rustfmt::skip]
pub(crate) const VSOURCE: &[&str] = &[
    "bus1", "basekv", "pu", "angle", "frequency", "phases", "mvasc3", "mvasc1", "x1r1", "x0r0", "isc3", "isc1", "r1",
    "x1", "r0", "x0", "scantype", "sequence", "bus2", "z1", "z0", "z2", "puz1", "puz0", "puz2", "basemva", "yearly",
    "daily", "duty", "model", "puzideal", "spectrum", "basefreq", "enabled", "like",
];

#[rustfmt::skip]
pub(crate) const LINE_CODE: &[&str] = &[
    "nphases", "r1", "x1", "r0", "x0", "c1", "c0", "units", "rmatrix", "xmatrix", "cmatrix", "basefreq", "normamps",
    "emergamps", "faultrate", "pctperm", "repair", "kron", "rg", "xg", "rho", "neutral", "b1", "b0", "seasons",
    "ratings", "linetype", "like",
];

#[rustfmt::skip]
pub(crate) const LINE: &[&str] = &[
    "bus1", "bus2", "linecode", "length", "phases", "r1", "x1", "r0", "x0", "c1", "c0", "rmatrix", "xmatrix",
    "cmatrix", "switch", "rg", "xg", "rho", "geometry", "units", "spacing", "wires", "earthmodel", "cncables",
    "tscables", "b1", "b0", "seasons", "ratings", "linetype", "normamps", "emergamps", "faultrate", "pctperm",
    "repair", "basefreq", "enabled", "like",
];

#[rustfmt::skip]
pub(crate) const LINE_GEOMETRY: &[&str] = &[
    "nconds", "nphases", "cond", "wire", "x", "h", "units", "normamps", "emergamps", "reduce", "spacing", "wires",
    "cncable", "tscable", "cncables", "tscables", "seasons", "ratings", "linetype", "like",
];

#[rustfmt::skip]
pub(crate) const LINE_SPACING: &[&str] = &[
    "nconds", "nphases", "x", "h", "units", "like",
];

#[rustfmt::skip]
pub(crate) const WIRE_DATA: &[&str] = &[
    "rdc", "rac", "runits", "gmrac", "gmrunits", "radius", "radunits", "normamps", "emergamps", "diam", "seasons",
    "ratings", "capradius", "like",
];

#[rustfmt::skip]
pub(crate) const CN_DATA: &[&str] = &[
    "k", "diastrand", "gmrstrand", "rstrand", "epsr", "inslayer", "diains", "diacable", "rdc", "rac", "runits",
    "gmrac", "gmrunits", "radius", "radunits", "normamps", "emergamps", "diam", "seasons", "ratings", "capradius",
    "like",
];

#[rustfmt::skip]
pub(crate) const TS_DATA: &[&str] = &[
    "diashield", "tapelayer", "tapelap", "epsr", "inslayer", "diains", "diacable", "rdc", "rac", "runits", "gmrac",
    "gmrunits", "radius", "radunits", "normamps", "emergamps", "diam", "seasons", "ratings", "capradius", "like",
];

#[rustfmt::skip]
pub(crate) const TRANSFORMER: &[&str] = &[
    "phases", "windings", "wdg", "bus", "conn", "kv", "kva", "tap", "%r", "rneut", "xneut", "buses", "conns", "kvs",
    "kvas", "taps", "xhl", "xht", "xlt", "xscarray", "thermal", "n", "m", "flrise", "hsrise", "%loadloss",
    "%noloadloss", "normhkva", "emerghkva", "sub", "maxtap", "mintap", "numtaps", "subname", "%imag", "ppm_antifloat",
    "%rs", "bank", "xfmrcode", "xrconst", "x12", "x13", "x23", "leadlag", "wdgcurrents", "core", "rdcohms", "seasons",
    "ratings", "normamps", "emergamps", "faultrate", "pctperm", "repair", "basefreq", "enabled", "like",
];

#[rustfmt::skip]
pub(crate) const XFMR_CODE: &[&str] = &[
    "phases", "windings", "wdg", "conn", "kv", "kva", "tap", "%r", "rneut", "xneut", "conns", "kvs", "kvas", "taps",
    "xhl", "xht", "xlt", "xscarray", "thermal", "n", "m", "flrise", "hsrise", "%loadloss", "%noloadloss", "normhkva",
    "emerghkva", "maxtap", "mintap", "numtaps", "%imag", "ppm_antifloat", "%rs", "x12", "x13", "x23", "rdcohms",
    "seasons", "ratings", "like",
];

#[rustfmt::skip]
pub(crate) const REACTOR: &[&str] = &[
    "bus1", "bus2", "phases", "kvar", "kv", "conn", "rmatrix", "xmatrix", "parallel", "r", "x", "rp", "z1", "z2",
    "z0", "z", "rcurve", "lcurve", "lmh", "normamps", "emergamps", "faultrate", "pctperm", "repair", "basefreq",
    "enabled", "like",
];

#[rustfmt::skip]
pub(crate) const CAPACITOR: &[&str] = &[
    "bus1", "bus2", "phases", "kvar", "kv", "conn", "cmatrix", "cuf", "r", "xl", "harm", "numsteps", "states",
    "normamps", "emergamps", "faultrate", "pctperm", "repair", "basefreq", "enabled", "like",
];

#[rustfmt::skip]
pub(crate) const LOAD: &[&str] = &[
    "phases", "bus1", "kv", "kw", "pf", "model", "yearly", "daily", "duty", "growth", "conn", "kvar", "rneut",
    "xneut", "status", "class", "vminpu", "vmaxpu", "vminnorm", "vminemerg", "xfkva", "allocationfactor", "kva",
    "%mean", "%stddev", "cvrwatts", "cvrvars", "kwh", "kwhdays", "cfactor", "cvrcurve", "numcust", "zipv",
    "%seriesrl", "relweight", "vlowpu", "puxharm", "xrharm", "spectrum", "basefreq", "enabled", "like",
];

#[rustfmt::skip]
pub(crate) const GENERATOR: &[&str] = &[
    "phases", "bus1", "kv", "kw", "pf", "kvar", "model", "vminpu", "vmaxpu", "yearly", "daily", "duty", "dispmode",
    "dispvalue", "conn", "status", "class", "vpu", "maxkvar", "minkvar", "pvfactor", "forceon", "kva", "mva", "xd",
    "xdp", "xdpp", "h", "d", "usermodel", "userdata", "shaftmodel", "shaftdata", "dutystart", "debugtrace",
    "balanced", "xrdp", "usefuel", "fuelkwh", "%fuel", "%reserve", "refuel", "dynamiceq", "dynout", "spectrum",
    "basefreq", "enabled", "like",
];

#[rustfmt::skip]
pub(crate) const PV_SYSTEM: &[&str] = &[
    "phases", "bus1", "kv", "irradiance", "pmpp", "%pmpp", "temperature", "pf", "conn", "kvar", "kva", "%cutin",
    "%cutout", "effcurve", "p-tcurve", "%r", "%x", "model", "vminpu", "vmaxpu", "balanced", "limitcurrent", "yearly",
    "daily", "duty", "tyearly", "tdaily", "tduty", "class", "usermodel", "userdata", "debugtrace",
    "varfollowinverter", "dutystart", "wattpriority", "pfpriority", "%pminnovars", "%pminkvarmax", "kvarmax",
    "kvarmaxabs", "kvdc", "kp", "pitol", "safevoltage", "safemode", "dynamiceq", "dynout", "controlmode", "amplimit",
    "amplimitgain", "spectrum", "basefreq", "enabled", "like",
];

#[rustfmt::skip]
pub(crate) const STORAGE: &[&str] = &[
    "phases", "bus1", "kv", "conn", "kw", "kvar", "pf", "kva", "%cutin", "%cutout", "effcurve", "varfollowinverter",
    "kvarmax", "kvarmaxabs", "wattpriority", "pfpriority", "%pminnovars", "%pminkvarmax", "kwrated", "%kwrated",
    "kwhrated", "kwhstored", "%stored", "%reserve", "state", "%discharge", "%charge", "%effcharge", "%effdischarge",
    "%idlingkw", "%idlingkvar", "%r", "%x", "model", "vminpu", "vmaxpu", "balanced", "limitcurrent", "yearly",
    "daily", "duty", "dispmode", "dischargetrigger", "chargetrigger", "timechargetrig", "class", "dynadll",
    "dynadata", "usermodel", "userdata", "debugtrace", "kvdc", "kp", "pitol", "safevoltage", "safemode", "dynamiceq",
    "dynout", "controlmode", "amplimit", "amplimitgain", "spectrum", "basefreq", "enabled", "like",
];

#[rustfmt::skip]
pub(crate) const REG_CONTROL: &[&str] = &[
    "transformer", "winding", "vreg", "band", "ptratio", "ctprim", "r", "x", "bus", "delay", "reversible", "revvreg",
    "revband", "revr", "revx", "tapdelay", "debugtrace", "maxtapchange", "inversetime", "tapwinding", "vlimit",
    "ptphase", "revthreshold", "revdelay", "revneutral", "eventlog", "remoteptratio", "tapnum", "reset", "ldc_z",
    "rev_z", "cogen", "basefreq", "enabled", "like",
];

#[rustfmt::skip]
pub(crate) const CAP_CONTROL: &[&str] = &[
    "element", "terminal", "capacitor", "type", "ptratio", "ctratio", "onsetting", "offsetting", "delay",
    "voltoverride", "vmax", "vmin", "delayoff", "deadtime", "ctphase", "ptphase", "vbus", "eventlog", "usermodel",
    "userdata", "pctminkvar", "reset", "controlsignal", "basefreq", "enabled", "like",
];

#[rustfmt::skip]
pub(crate) const FUSE: &[&str] = &[
    "monitoredobj", "monitoredterm", "switchedobj", "switchedterm", "fusecurve", "ratedcurrent", "delay", "action",
    "normal", "state", "basefreq", "enabled", "like",
];

#[rustfmt::skip]
pub(crate) const RECLOSER: &[&str] = &[
    "monitoredobj", "monitoredterm", "switchedobj", "switchedterm", "numfast", "phasefast", "phasedelayed",
    "groundfast", "grounddelayed", "phasetrip", "groundtrip", "phaseinst", "groundinst", "reset", "shots",
    "recloseintervals", "delay", "action", "tdphfast", "tdgrfast", "tdphdelayed", "tdgrdelayed", "normal", "state",
    "basefreq", "enabled", "like",
];

#[rustfmt::skip]
pub(crate) const RELAY: &[&str] = &[
    "monitoredobj", "monitoredterm", "switchedobj", "switchedterm", "type", "phasecurve", "groundcurve", "phasetrip",
    "groundtrip", "tdphase", "tdground", "phaseinst", "groundinst", "reset", "shots", "recloseintervals", "delay",
    "overvoltcurve", "undervoltcurve", "kvbase", "47%pickup", "46baseamps", "46%pickup", "46isqt", "variable",
    "overtrip", "undertrip", "breakertime", "action", "z1mag", "z1ang", "z0mag", "z0ang", "mphase", "mground",
    "eventlog", "debugtrace", "distreverse", "normal", "state", "doc_tiltanglelow", "doc_tiltanglehigh",
    "doc_tripsettinglow", "doc_tripsettinghigh", "doc_tripsettingmag", "doc_delayinner", "doc_phasecurveinner",
    "doc_phasetripinner", "doc_tdphaseinner", "doc_p1blocking", "basefreq", "enabled", "like",
];

#[rustfmt::skip]
pub(crate) const SWT_CONTROL: &[&str] = &[
    "switchedobj", "switchedterm", "action", "lock", "delay", "normal", "state", "reset", "basefreq", "enabled",
    "like",
];

#[rustfmt::skip]
pub(crate) const LOAD_SHAPE: &[&str] = &[
    "npts", "interval", "mult", "hour", "mean", "stddev", "csvfile", "sngfile", "dblfile", "action", "qmult",
    "useactual", "pmax", "qmax", "sinterval", "minterval", "pbase", "qbase", "pmult", "pqcsvfile", "memorymapping",
    "interpolation", "like",
];
