function mpc = conversions
%CONVERSIONS  A feeder of five buses that exercises what case files compute after their tables.
%   Loads are written in kVA with a power factor, impedances in ohm, the transformer has a ratio and a phase shift.

%{
   A block comment; mpc.baseMVA = 1; in it is not read.
%}
mpc.version = '2';
mpc.baseMVA = 10;	% MVA

%	bus_i	type	Pd	Qd	Gs	Bs	area	Vm	Va	baseKV	zone	Vmax	Vmin
mpc.bus = [	%% (Pd in kVA)
	10	3	0	0	0	0	1	1	0	20	1	1.1	0.9;
	20	1	800	0	0	0	1	1	0	20	1	1.1	0.9;
	30	1	500	0	0.05	0.4	1	1	0	20	1	1.1	0.9
	40	1	300	0	0	0	1	1	0	10	1	1.1	0.9;
	50	4	700	0	0	0	1	1	0	20	1	1.1	0.9;
	60	1	...	a row may go on
	200 0 0 0 1 1 0 10 1 1.1 0.9;
];

%	bus	Pg	Qg	Qmax	Qmin	Vg	mBase	status	Pmax	Pmin
mpc.gen = [
	10	0	0	10	-10	1.02	10	1	10	0;
	30	0.2	-0.05	1	-1	1	10	1	1	0;
	40	5	5	1	-1	1	10	0	1	0;
];

%	fbus	tbus	r	x	b	rateA	rateB	rateC	ratio	angle	status	angmin	angmax
mpc.branch = [	%% (r and x in ohm, b in microsiemens)
	10	20	1.2	0.8	40	0	0	0	0	0	1	-360	360;
	20	30	0.9	0.7	30	5	0	0	0	0	1	-360	360;
	20	40	0.004	0.06	20	2	0	0	0.975	-30	1	-360	360;
	10	30	2	2	0	0	0	0	0	0	0	-360	360;
	30	50	2	2	0	0	0	0	0	0	1	-360	360;
	40	60	0.05	0.04	0	0	0	0	0	0	1	-360	360;
];
mpc.gencost = [2	0	0	3	0	20	0; 2 0 0 3 0 20 0; 2 0 0 3 0 20 0];
mpc.bus_name = {
	'substation';
	'mill';
	"farm";
	'Peter''s';
	'spare';
	'low';
};

[PQ, PV, REF, NONE, BUS_I, BUS_TYPE, PD, QD, GS, BS, BUS_AREA, VM, ...
    VA, BASE_KV] = idx_bus;
[F_BUS, T_BUS, BR_R, BR_X, BR_B, ~, ~, ~, TAP] = idx_brch();
Vbase = mpc.bus(1, BASE_KV) * 1e3;      %% in V
Sbase = mpc.baseMVA * 1e6;              %% in VA
lines = find(mpc.branch(:, TAP) == 0);
Zbase = Vbase^2/Sbase;
mpc.branch(lines, [BR_R BR_X]) = mpc.branch(lines, [BR_R, BR_X]) / Zbase;
mpc.branch(end, 3:4) = mpc.branch(end, 3:4) .* [4 4];	% 10 kV, not 20
mpc.branch(:, BR_B) = mpc.branch(:, BR_B) .* (1e-6 * Zbase);
mpc.bus(:, [PD, QD]) = mpc.bus(:, [PD, QD])/1e3;
pf = 0.85;
mpc.bus(:, QD) = mpc.bus(:, PD) * sin(acos(pf));
mpc.bus(:, PD) = pf * mpc.bus(:, PD);
mpc.bus(mpc.bus(:, BUS_I) == 60, PD) = -mpc.bus(6, 3) + 2*0.15 -1e-2;
end
