"""Small scripts, one thing each: what OpenDSS makes of them is the reference of `opendss_reference.rs`.

Every script is put between HEAD and TAIL; `expected.py` runs them and writes `expected.json`.
"""

HEAD = "Clear\nSet DefaultBaseFrequency=60\nNew Circuit.case basekv=12.47 bus1=s\n"
FEED = "New Line.feed bus1=s bus2=a length=0.1\n"

CASES = {
    # Sources: the circuit's properties are those of its Vsource.
    "source_default": FEED,
    "source_powers": "Edit Vsource.source mvasc3=300 mvasc1=250 x1r1=6 x0r0=2.5\n" + FEED,
    "source_power_three_only": "Edit Vsource.source mvasc3=30000\n" + FEED,
    "source_currents": "Edit Vsource.source isc3=5000 isc1=4000\n" + FEED,
    "source_ohm": "Edit Vsource.source r1=0.1 x1=0.9 r0=0.2 x0=1.5\n" + FEED,
    "source_ohm_r1_only": "Edit Vsource.source r1=0.1\n" + FEED,
    "source_ohm_x1_only": "Edit Vsource.source x1=0.3\n" + FEED,
    "source_z1": "Edit Vsource.source z1=[0.1 0.8]\n" + FEED,
    "source_z1_z0": "Edit Vsource.source z0=(0.3, 2) z1=[0.1 0.8]\n" + FEED,
    "source_pu": "Edit Vsource.source puz1=[0.01 0.08] puz0=[0.02 0.1] basemva=10\n" + FEED,
    "source_pu_z1_only": "Edit Vsource.source puz1=[0.01 0.08]\n" + FEED,
    "source_z2": "Edit Vsource.source z1=[0.1 0.8] z2=[0.12 0.7] z0=[0.3 2]\n" + FEED,
    "source_ideal": "Edit Vsource.source model=ideal\n" + FEED,
    "source_rekv": "Edit Vsource.source mvasc3=500\nEdit Vsource.source basekv=4.16\n" + FEED,
    "source_one_phase": "Clear\nNew Circuit.one phases=1 bus1=s.1 basekv=7.2 mvasc3=100 mvasc1=90\n"
    "New Line.feed phases=1 bus1=s.1 bus2=a.1\n",
    "source_one_phase_ohm": "Clear\nNew Circuit.one phases=1 bus1=s.2 basekv=7.2 r1=0.1 x1=0.5 r0=9 x0=9\n"
    "New Line.feed phases=1 bus1=s.2 bus2=a.2\n",
    "source_two_phases": "Clear\nNew Circuit.two phases=2 bus1=s basekv=7.2\nNew Line.feed phases=2 bus1=s bus2=a\n",
    "source_second": FEED + "New Vsource.other bus1=a basekv=12.47 pu=0.99 angle=-5 r1=1 x1=5 r0=2 x0=9\n",
    # Line codes.
    "code_sequence": "New Linecode.k r1=.3 x1=.6 r0=.7 x0=1.8 c1=10 c0=4 units=km\n"
    "New Line.l bus1=s bus2=a linecode=k length=1500 units=ft\n",
    "code_units_first": "New Linecode.k r1=.3 x1=.6 units=mi\nNew Line.l bus1=s bus2=a units=m length=700 linecode=k\n",
    "code_no_units": "New Linecode.k r1=.3 x1=.6\nNew Line.l bus1=s bus2=a linecode=k length=3 units=km\n",
    "code_line_no_units": "New Linecode.k r1=.3 x1=.6 units=km\nNew Line.l bus1=s bus2=a linecode=k length=3\n",
    "code_matrix": "New Linecode.k nphases=3 rmatrix=(.3|.1 .31|.09 .08 .32) xmatrix={1 | .5 1.1 | .4 .38 1.2} "
    "cmatrix=\"15|-4 16|-2 -3 14\" units=kft\nNew Line.l bus1=s bus2=a linecode=k length=1 units=mi\n",
    "code_matrix_without_c": "New Linecode.k nphases=2 rmatrix=(.3|.1 .31) xmatrix=(1|.5 1.1)\n"
    "New Line.l phases=2 bus1=s.1.3 bus2=a.1.3 linecode=k length=2\n",
    "code_x_only": "New Linecode.k nphases=3 xmatrix=(1|.5 1.1|.4 .38 1.2)\nNew Line.l bus1=s bus2=a linecode=k\n",
    "code_full_matrix": "New Linecode.k nphases=2 rmatrix=[.3 .1|.1 .31] xmatrix=[1, .5 | .5, 1.1]\n"
    "New Line.l phases=2 bus1=s.1.2 bus2=a.1.2 linecode=k\n",
    "code_matrix_then_sequence": "New Linecode.k nphases=2 rmatrix=(.3|.1 .31)\nLinecode.k.r1=.5\n"
    "New Line.l phases=2 bus1=s.1.2 bus2=a.1.2 linecode=k\n",
    "code_phases_after_matrix": "New Linecode.k rmatrix=(.3|.1 .31|.1 .1 .3) nphases=2\n"
    "New Line.l phases=2 bus1=s.1.2 bus2=a.1.2 linecode=k\n",
    "code_one_phase_sequence": "New Linecode.k nphases=1 r1=.3 x1=.6 r0=.7 x0=1.8\n"
    "New Line.l phases=1 bus1=s.2 bus2=a.2 linecode=k\n",
    "code_susceptance": "New Linecode.k r1=.3 x1=.6 b1=4 b0=2\nNew Line.l bus1=s bus2=a linecode=k\n",
    "code_kron": "New Linecode.k nphases=4 rmatrix=(.3|.1 .31|.09 .08 .32|.1 .1 .1 .6) "
    "xmatrix=(1|.5 1.1|.4 .38 1.2|.45 .44 .43 1.4) cmatrix=(15|-4 16|-2 -3 14|-1 -1 -1 12) kron=y\n"
    "New Line.l bus1=s bus2=a linecode=k length=2\n",
    "code_kron_neutral": "New Linecode.k nphases=3 rmatrix=(.3|.1 .31|.09 .08 .32) xmatrix=(1|.5 1.1|.4 .38 1.2) "
    "neutral=2 kron=y\nNew Line.l phases=2 bus1=s.1.2 bus2=a.1.2 linecode=k length=2\n",
    "code_other_frequency": "New Linecode.k r1=.3 x1=.6 r0=.7 x0=1.8 basefreq=50\nNew Line.l bus1=s bus2=a linecode=k\n",
    "code_like": "New Linecode.k r1=.3 x1=.6 units=km\nNew Linecode.m like=k x1=.7\nNew Line.l bus1=s bus2=a linecode=m\n",
    "code_changed_after_use": "New Linecode.k r1=.3 x1=.6\nNew Line.l bus1=s bus2=a linecode=k\nLinecode.k.r1=9\n",
    # Lines.
    "line_default": "New Line.l bus1=s bus2=a\n",
    "line_default_km": "New Line.l bus1=s bus2=a length=2 units=km\n",
    "line_sequence": "New Line.l bus1=s bus2=a r1=.1 x1=.2 r0=.3 x0=.4 c1=5 c0=3 length=2\n",
    "line_units_then_r": "New Line.l bus1=s bus2=a length=2 units=km r1=.1\n",
    "line_r_then_units": "New Line.l bus1=s bus2=a r1=.1 length=2 units=km\n",
    "line_one_phase": "New Line.l phases=1 bus1=s.3 bus2=a.3 r1=.1 x1=.2 r0=.9 x0=.9\n",
    "line_two_phases": "New Line.l phases=2 bus1=s.3.1 bus2=a.3.1 r1=.1 x1=.2 r0=.9 x0=.9\n",
    "line_matrix": "New Line.l bus1=s bus2=a rmatrix=(.3|.1 .31|.09 .08 .32) xmatrix=(1|.5 1.1|.4 .38 1.2) length=3\n",
    "line_switch": "New Line.l bus1=s bus2=a switch=y\n",
    "line_switch_then_values": "New Line.l bus1=s bus2=a switch=yes r1=1e-3 r0=1e-3 x1=0.000 x0=0.000 c1=0 c0=0 length=0.001\n",
    "line_values_then_switch": "New Line.l bus1=s bus2=a r1=.5 length=7 switch=T\n",
    "line_code_then_r": "New Linecode.k r1=.3 x1=.6 c1=8 units=km\n"
    "New Line.l bus1=s bus2=a linecode=k units=m length=100 x0=2\n",
    "line_like": "New Linecode.k r1=.3 x1=.6 units=km\nNew Line.l bus1=s bus2=a linecode=k length=300 units=m\n"
    "New Line.m like=l bus1=a bus2=b\n",
    "line_swapped_phases": "New Line.l bus1=s.1.2.3 bus2=a.2.3.1\n",
    "line_with_neutral": FEED + "New Line.l phases=4 bus1=a.1.2.3.0 bus2=b.1.2.3.4\nNew Reactor.g phases=1 bus1=b.4 r=1 x=0\n",
    "line_positional": "New Line.l s.1.2.3 a.1.2.3 '' 2.5 3 .1 .2 .3 .4\n".replace("'' ", "\n~ length=") .replace("length=2.5", "length=2.5"),
    "line_rg_frequency": "New Line.l bus1=s bus2=a basefreq=50 rg=0.02 xg=0.1 rho=50 c1=3 c0=2\n",
    # Transformers.
    "xfmr_default": FEED + "New Transformer.t buses=(a b)\n",
    "xfmr_dy": FEED + "New Transformer.t xhl=6 buses=[a b] conns='delta wye' kvs=(12.47, 4.16) kvas=[5000 5000] %rs=(.5 .6)\n",
    "xfmr_yd": FEED + "New Transformer.t xhl=6\n~ wdg=1 bus=a conn=wye kv=12.47 kva=500 %r=.4\n~ wdg=2 bus=b conn=delta kv=.48 %r=.4\n",
    "xfmr_dy_lead": FEED + "New Transformer.t buses=[a b] conns=[delta wye] kvs=[12.47 .4] leadlag=lead\n",
    "xfmr_yd_euro": FEED + "New Transformer.t buses=[a b] conns=[wye delta] kvs=[12.47 .4] leadlag=Euro\n",
    "xfmr_step_up": FEED + "New Transformer.t buses=[a b] conns=[delta wye] kvs=[12.47 69]\n",
    "xfmr_dd": FEED + "New Transformer.t buses=[a b] conns=(LL, Delta) kvs=[12.47 .4]\n",
    "xfmr_one_phase": FEED + "New Transformer.t phases=1 buses=[a.2 b.2] kvs=[7.2 .24] kvas=[50 50] %loadloss=1.2\n",
    "xfmr_one_phase_ll": FEED + "New Transformer.t phases=1 buses=[a.1.2 b.1.2] conns=[delta delta] kvs=[12.47 .48]\n",
    "xfmr_centre_tap": FEED + "New Transformer.t phases=1 windings=3 xhl=2.04 xht=2.04 xlt=1.36 buses=[a.3 b.1.0 b.0.2] "
    "kvs=[7.2 .12 .12] kvas=[25 25 25] %rs=[.6 1.2 1.2] %imag=.5 %noloadloss=.2\n",
    "xfmr_code": "New XfmrCode.c phases=1 windings=3 kvs=[7.2 .12 .12] kvas=[15 15 15] %rs=[.6 1.2 1.2] xhl=2 xht=2.1 xlt=1.4\n"
    + FEED + "New Transformer.t xfmrcode=c buses=[a.1 b.1.0 b.0.2]\nNew Transformer.u like=t buses=[a.2 d.1.0 d.0.2]\n",
    "xfmr_code_then_change": "New XfmrCode.c kvs=[12.47 .48] kvas=[100 100] xhl=3\n" + FEED
    + "New Transformer.t xfmrcode=c buses=[a b] %noloadloss=.3 tap=1.05\n",
    "xfmr_three_windings": FEED + "New Transformer.t windings=3 buses=[a b d] conns=[wye wye delta] kvs=[12.47 4.16 2.4] "
    "kvas=[3000 2000 1000] xhl=8 xht=10 xlt=12 %loadloss=.8\n",
    "xfmr_four_windings": FEED + "New Transformer.t windings=4 buses=[a b d e] kvs=[12.47 4.16 2.4 .48] "
    "kvas=[3000 2000 1000 500] xscarray=[8 10 11 12 13 14]\n",
    "xfmr_three_windings_x_array": FEED + "New Transformer.t windings=3 buses=[a b d] kvs=[12.47 4.16 2.4] xscarray=[8 10 12]\n",
    "xfmr_kva_second": FEED + "New Transformer.t buses=[a b] wdg=1 kva=500 wdg=2 kva=300\n",
    "xfmr_windings_reset": FEED + "New Transformer.t buses=[a b] kvs=[10 1] windings=2\n",
    "xfmr_taps": FEED + "New Transformer.t buses=[a b] taps=[1.0 1.05] kvs=[12.47 4.16]\nTransformer.t.wdg=1 tap=(0.00625 -3 * 1 +)\n",
    "xfmr_neutral_impedance": FEED + "New Transformer.t buses=[a b.1.2.3.4] conns=[delta wye] kvs=[12.47 4.16] wdg=2 rneut=2 xneut=1\n",
    "xfmr_neutral_solid": FEED + "New Transformer.t buses=[a b.1.2.3.4] conns=[delta wye] kvs=[12.47 4.16] wdg=2 rneut=0\n",
    "xfmr_neutral_open": FEED + "New Transformer.t buses=[a.1.2.3.4 b] conns=[wye delta] kvs=[12.47 4.16]\n",
    "xfmr_no_antifloat": FEED + "New Transformer.t buses=[a b] conns=[delta wye] ppm=0\n",
    "xfmr_antifloat": FEED + "New Transformer.t buses=[a b] conns=[delta delta] ppm_antifloat=50\n",
    "xfmr_no_load": FEED + "New Transformer.t buses=[a b] conns=[delta wye] %noloadloss=.3 %imag=.7 kvas=[500 400]\n",
    "xfmr_two_phases": FEED + "New Transformer.t phases=2 buses=[a.1.2 b.1.2] kvs=[12.47 .48]\n",
    "xfmr_open_delta": FEED + "New Transformer.t phases=2 buses=[a.1.2.3 b.1.2.3] conns=[delta delta] kvs=[12.47 .48]\n",
    "xfmr_tap_number": FEED + "New Transformer.t buses=[a b] kvs=[12.47 12.47]\n"
    "New Regcontrol.r transformer=t winding=2 vreg=120 tapnum=-5\n",
    # Reactors.
    "reactor_kvar": FEED + "New Reactor.r bus1=a kvar=300 kv=12.47\n",
    "reactor_delta": FEED + "New Reactor.r bus1=a kvar=300 kv=12.47 conn=delta\n",
    "reactor_one_phase": FEED + "New Reactor.r bus1=a.2 phases=1 kvar=100 kv=7.2\n",
    "reactor_series": FEED + "New Reactor.r bus1=a bus2=b r=.1 x=2\n",
    "reactor_series_lmh": FEED + "New Reactor.r bus1=a bus2=b lmh=5\n",
    "reactor_series_x": FEED + "New Reactor.r bus1=a bus2=b r=0 x=(1.051 0.88 0.001 3 * - - 115 12.47 / sqr *)\n",
    "reactor_rp": FEED + "New Reactor.r bus1=a bus2=b r=.1 x=2 rp=50\n",
    "reactor_parallel": FEED + "New Reactor.r bus1=a r=100 x=200 parallel=y\n",
    "reactor_parallel_matrix": FEED + "New Reactor.r bus1=a rmatrix=(30|1 31|2 3 32) xmatrix=(90|5 91|4 3 92) parallel=y\n",
    "reactor_matrix": FEED + "New Reactor.r bus1=a bus2=b rmatrix=(.3|.1 .31|.09 .08 .32) xmatrix=(1|.5 1.1|.4 .38 1.2)\n",
    "reactor_sequence": FEED + "New Reactor.r bus1=a bus2=b z1=[.1 1] z0=[.2 3]\n",
    "reactor_neutral": FEED + "New Transformer.t buses=[a b.1.2.3.4] conns=[delta wye] kvs=[12.47 .48]\n"
    "New Reactor.n phases=1 bus1=b.4 r=0.001 x=0\n",
    "reactor_ungrounded": FEED + "New Reactor.r bus1=a.1.2.3 bus2=a.4.4.4 r=5 x=200\n",
    # Capacitors.
    "cap_kvar": FEED + "New Capacitor.c bus1=a kvar=600 kv=12.47\n",
    "cap_delta": FEED + "New Capacitor.c bus1=a kvar=600 kv=12.47 conn=delta\n",
    "cap_one_phase": FEED + "New Capacitor.c bus1=a.3 phases=1 kvar=100 kv=7.2\n",
    "cap_one_phase_ll": FEED + "New Capacitor.c bus1=a.3.1 phases=1 kvar=100 kv=12.47 conn=delta\n",
    "cap_two_phases": FEED + "New Capacitor.c bus1=a.3.1 phases=2 kvar=100 kv=12.47\n",
    "cap_cuf": FEED + "New Capacitor.c bus1=a cuf=10\n",
    "cap_matrix": FEED + "New Capacitor.c bus1=a cmatrix=(10|-1 10|-1 -1 10)\n",
    "cap_steps": FEED + "New Capacitor.c bus1=a kvar=600 numsteps=3\n",
    "cap_steps_states": FEED + "New Capacitor.c bus1=a numsteps=3 kvar=(100 100 100) states=(1 0 1)\n",
    "cap_steps_off": FEED + "New Capacitor.c bus1=a numsteps=2 kvar=(100 100) states=(0 0)\n",
    "cap_reactor": FEED + "New Capacitor.c bus1=a kvar=600 r=.5 xl=3\n",
    "cap_harmonic": FEED + "New Capacitor.c bus1=a kvar=600 harm=5\n",
    "cap_series": FEED + "New Capacitor.c bus1=a bus2=b cuf=900\n",
    "cap_ungrounded": FEED + "New Capacitor.c bus1=a.1.2.3 bus2=a.4.4.4 kvar=600\n",
    # Geometry.
    "geo_overhead": "New Wiredata.w rac=.306 runits=mi gmrac=.0244 gmrunits=ft diam=.721 radunits=in normamps=530\n"
    "New Wiredata.n rac=.592 runits=mi gmrac=.00814 gmrunits=ft diam=.563 radunits=in\n"
    "New Linegeometry.g nconds=4 nphases=3 reduce=y\n~ cond=1 wire=w units=ft x=-4 h=28\n~ cond=2 wire=w units=ft x=-1.5 h=28\n"
    "~ cond=3 wire=w units=ft x=3 h=28\n~ cond=4 wire=n units=ft x=0 h=24\n"
    "New Line.l geometry=g length=2000 units=ft bus1=s bus2=a\n",
    "geo_not_reduced": "New Wiredata.w rac=.306 runits=mi gmrac=.0244 gmrunits=ft diam=.721 radunits=in\n"
    "New Linegeometry.g nconds=3 nphases=2\n~ cond=1 wire=w units=m x=-1 h=9\n~ cond=2 wire=w units=m x=0 h=9\n"
    "~ cond=3 wire=w units=m x=1 h=8\nNew Line.l geometry=g length=1 units=mi bus1=s.1.2.0 bus2=a.1.2.4\n"
    "New Reactor.g phases=1 bus1=a.4 r=1 x=0\n",
    "geo_carson": "Set earthmodel=carson\nNew Wiredata.w rac=.306 runits=mi gmrac=.0244 gmrunits=ft diam=.721 radunits=in\n"
    "New Linegeometry.g nconds=2 nphases=2 cond=1 wire=w x=0 h=30 cond=2 wire=w x=3 h=30\n"
    "New Line.l geometry=g length=1 units=km bus1=s.1.2 bus2=a.1.2\nSet earthmodel=deri\n",
    "geo_rho": "New Wiredata.w rac=.306 runits=mi gmrac=.0244 gmrunits=ft diam=.721 radunits=in\n"
    "New Linegeometry.g nconds=1 nphases=1 cond=1 wire=w x=0 h=30\n"
    "New Line.l phases=1 geometry=g length=1 units=km bus1=s.1 bus2=a.1 rho=300\n",
    "geo_no_length_unit": "New Wiredata.w rac=.306 runits=mi gmrac=.0244 gmrunits=ft diam=.721 radunits=in\n"
    "New Linegeometry.g nconds=1 nphases=1 cond=1 wire=w x=0 h=30\nNew Line.l geometry=g length=500 bus1=s.1 bus2=a.1\n",
    "geo_radius_only": "New Wiredata.w rdc=.19 runits=km radius=.9 radunits=cm\n"
    "New Linegeometry.g nconds=1 nphases=1 cond=1 wire=w x=0 h=30\n"
    "New Line.l geometry=g length=500 units=m bus1=s.1 bus2=a.1\n",
    "geo_spacing": "New Wiredata.w rac=.306 runits=mi gmrac=.0244 gmrunits=ft diam=.721 radunits=in\n"
    "New Wiredata.n rac=.592 runits=mi gmrac=.00814 gmrunits=ft diam=.563 radunits=in\n"
    "New Linespacing.p nconds=4 nphases=3 units=ft x=[-4 -1 3 0] h=[28 28 28 24]\n"
    "New Line.l bus1=s bus2=a spacing=p wires=[w w w n] length=1 units=kft\n",
    "geo_geometry_of_spacing": "New Wiredata.w rac=.306 runits=mi gmrac=.0244 gmrunits=ft diam=.721 radunits=in\n"
    "New Linespacing.p nconds=3 nphases=3 units=ft x=[-4 -1 3] h=[28 28 28]\n"
    "New Linegeometry.g nconds=3 nphases=3 spacing=p wires=[w w w]\nNew Line.l bus1=s bus2=a geometry=g length=1 units=kft\n",
    "geo_concentric": "New CNdata.c k=13 diastrand=.064 rstrand=2.816666667 epsr=2.3 inslayer=.22 diains=1.06 diacable=1.16 "
    "rac=.076705 gmrac=.20568 diam=.573 runits=kft radunits=in gmrunits=in gmrstrand=.02496\n"
    "New Linegeometry.g nconds=3 nphases=3 units=ft\n~ cond=1 cncable=c x=-.5 h=-4\n~ cond=2 cncable=c x=0 h=-4\n"
    "~ cond=3 cncable=c x=.5 h=-4\nNew Line.l bus1=s bus2=a geometry=g length=1 units=kft\n",
    "geo_tape": "New TSdata.c epsr=2.3 inslayer=.22 diains=.82 diashield=.88 tapelayer=.005 tapelap=20 rdc=.184 gmrac=.1332 "
    "diam=.368 runits=kft radunits=in gmrunits=in\n"
    "New Wiredata.n rac=.592 runits=mi gmrac=.00814 gmrunits=ft diam=.563 radunits=in\n"
    "New Linegeometry.g nconds=2 nphases=1 reduce=y units=ft\n~ cond=1 tscable=c x=0 h=-4\n~ cond=2 wire=n x=.0833 h=-4\n"
    "New Line.l phases=1 bus1=s.1 bus2=a.1 geometry=g length=1 units=kft\n",
    # What is open or off.
    "open_conductor": FEED + "New Line.l bus1=a bus2=b r1=.1 x1=.3\nNew Line.m bus1=s bus2=b r1=.2 x1=.5\nOpen Line.l 2 3\n",
    "open_terminal_with_charging": FEED + "New Line.l bus1=a bus2=b length=5\nNew Line.m bus1=s bus2=b\nOpen Line.l term=2\n",
    "open_and_closed": FEED + "New Line.l bus1=a bus2=b\nOpen Line.l 1 0\nClose Line.l 1 0\n",
    "switch_control_open": FEED + "New Line.l bus1=a bus2=b\nNew Line.m bus1=s bus2=b\n"
    "New Swtcontrol.w switchedobj=line.l switchedterm=1 normal=open state=open\n",
    "disabled": FEED + "New Line.l bus1=a bus2=b\nNew Line.m bus1=s bus2=b enabled=no\nNew Capacitor.c bus1=b\nDisable Capacitor.c\n",
    "enabled_again": FEED + "New Line.l bus1=a bus2=b enabled=false\nEnable Line.l\n",
    # Devices.
    "load_default": FEED + "New Load.l bus1=a\n",
    "load_kva": FEED + "New Load.l bus1=a kva=100 pf=-.9 kv=12.47\n",
    "load_kw_kvar_pf": FEED + "New Load.l bus1=a kw=10 kvar=3 pf=.9 kv=12.47\nNew Load.m bus1=a kvar=3 kw=10 pf=.9 kv=12.47\n",
    "load_kw_later": FEED + "New Load.l bus1=a kw=10 kvar=-3 kv=12.47\nLoad.l.kw=20\n",
    "load_transformer": FEED + "New Load.l bus1=a xfkva=100 allocationfactor=.3 pf=.8 kv=12.47\n",
    "load_energy": FEED + "New Load.l bus1=a kwh=7200 kwhdays=30 cfactor=2 pf=.8 kv=12.47\n",
    "load_multiplier": FEED + "New Load.l bus1=a kw=100 kv=12.47\nNew Load.f bus1=a kw=100 kv=12.47 status=fixed\n"
    "New Load.e bus1=a kw=100 kv=12.47 status=exempt\nNew Load.q bus1=a kw=100 kv=12.47 model=6\nSet loadmult=.5\n",
    "load_two_phases": FEED + "New Load.l bus1=a.1.2 phases=2 kw=30 kv=12.47\nNew Load.d bus1=a.1.2.3 phases=2 conn=delta kw=30 kv=12.47\n",
    "load_line_to_line": FEED + "New Load.l bus1=a.3.1 phases=1 conn=delta kw=30 kv=12.47\nNew Load.w bus1=a.1.2 phases=1 kw=30 kv=12.47\n",
    "load_neutral": FEED + "New Load.l bus1=a.1.2.3.4 kw=30 kv=12.47 rneut=0.5 xneut=.1\n",
    "load_positional": FEED + "New Load.l 1 a.1 7.2 50 .9\n",
    "load_like": FEED + "New Load.l bus1=a.1 phases=1 kv=7.2 kw=5 pf=.95 model=5\nNew Load.m like=l bus1=a.2\n",
    "load_actual_shape": "New Loadshape.p npts=3 interval=1 mult=(10 30 20) useactual=yes\n" + FEED
    + "New Load.l bus1=a kw=5 pf=.9 kv=12.47 daily=p\n",
    "generator_default": FEED + "New Generator.g bus1=a kv=12.47\n",
    "generator_kw": FEED + "New Generator.g bus1=a kv=12.47 kw=100\nNew Generator.h bus1=a kv=12.47 kvar=30 kw=100\n",
    "generator_pf": FEED + "New Generator.g bus1=a kv=12.47 pf=-.9 kw=100\nNew Generator.h bus1=a kv=12.47 kw=100 kvar=30\n",
    "generator_multiplier": FEED + "New Generator.g bus1=a kv=12.47 kw=100\nNew Generator.h bus1=a kv=12.47 kw=100 status=fixed\n"
    "Set genmult=.4\n",
    "pv_off": FEED + "New PVSystem.p bus1=a kv=12.47 pmpp=100 irradiance=.8\n",
    "pv_limited": FEED + "New PVSystem.p bus1=a kv=12.47 pmpp=100 irradiance=.8 kva=50\n",
    "pv_factor": FEED + "New PVSystem.p bus1=a kv=12.47 pmpp=100 irradiance=.8 kva=85 pf=-.9\n",
    "pv_watts_first": FEED + "New PVSystem.p bus1=a kv=12.47 pmpp=100 irradiance=.8 kva=85 pf=.9 wattpriority=y\n",
    "pv_factor_first": FEED + "New PVSystem.p bus1=a kv=12.47 pmpp=100 irradiance=.8 kva=85 pf=.9 pfpriority=y\n",
    "pv_kvar": FEED + "New PVSystem.p bus1=a kv=12.47 pmpp=100 irradiance=.8 kva=85 kvar=40 %pmpp=50\n",
    "pv_night": FEED + "New PVSystem.p bus1=a kv=12.47 pmpp=100 irradiance=.1 kva=85 kvar=40\n",
    "storage_idle": FEED + "New Storage.b bus1=a kv=12.47 kwrated=100 kwhrated=200\n",
    "storage_discharging": FEED + "New Storage.b bus1=a kv=12.47 kwrated=100 kwhrated=200 state=discharging %discharge=40\n",
    "storage_charging": FEED + "New Storage.b bus1=a kv=12.47 kwrated=100 kwhrated=200 %stored=50 kw=-30 pf=.9\n",
    "storage_full": FEED + "New Storage.b bus1=a kv=12.47 kwrated=100 kwhrated=200 state=charging\n",
    "storage_empty": FEED + "New Storage.b bus1=a kv=12.47 kwrated=100 kwhrated=200 state=discharging %stored=10\n",
}
CASES["line_positional"] = "New Line.l s.1.2.3 a.1.2.3 length=2.5 3 .1 .2 .3 .4\n"
