//! dbg
#[path = "../tests/common/test_problems.rs"]
mod test_problems;
use covolt_consensus::*;
use test_problems::*;
fn main() {
    {
        let mut fails = 0; let mut its = vec![];
        for seed in 0..300 {
            let problem = microgrids(Shape { trust_ball: seed % 3 == 0, circles: seed % 2 == 0, ..FIVE_MICROGRIDS }, 500 + seed);
            for p in &problem.programs {
                let d = p.data();
                let mut s = LocalSolver::new();
                match s.solve(p, LocalCost { quadratic: d.quadratic.as_deref(), diagonal: None, linear: &d.linear }) { Ok(o) => its.push(o.iterations), Err(e) => { fails += 1; if fails < 4 { println!("{seed} {e}"); } } }
            }
        }
        its.sort(); println!("local fails {fails} its {} {} {}", its[its.len()/2], its[its.len()*9/10], its[its.len()-1]);
    }
    let agreed = std::env::args().nth(1).is_some();
    for (name, shape) in [("circ", FIVE_MICROGRIDS), ("lin", Shape { circles: false, ..FIVE_MICROGRIDS }), ("trust", Shape { trust_ball: true, ..FIVE_MICROGRIDS }), ("trust only", Shape { trust_ball: true, circles: false, ..FIVE_MICROGRIDS })] {
        let mut iters = vec![]; let mut fails = vec![]; let mut r4 = vec![]; let mut r8 = vec![];
        for seed in 0..100 {
            let p = microgrids(shape, seed);
            let mut s = InProcess::new();
            let set = InteriorPointSettings { always_agree: agreed, centring: std::env::var("C").map_or(0.1, |c| c.parse().unwrap()), warm_centring: std::env::var("W").map_or(0.01, |c| c.parse().unwrap()), ..Default::default() };
            let cold = s.solve(&p.programs, &p.rows, &set, WarmStart::default());
            let x0; let l0;
            let warm = match (std::env::var("WARM").ok().as_deref(), &cold) {
                (Some(k), Ok(c)) => {
                    x0 = c.x.clone(); l0 = c.multipliers.clone();
                    WarmStart { x: if k.contains('x') { Some(&x0) } else { None }, multipliers: if k.contains('l') { Some(&l0) } else { None } }
                }
                _ => WarmStart::default(),
            };
            match s.solve(&p.programs, &p.rows, &set, warm) {
                Ok(o) => {
                    let t = s.trace();
                    iters.push(t.len()); r8.push(o.rounds);
                    let k = t.iter().rposition(|t| (t.cost - o.cost).abs() > 1e-4 * o.cost.abs() || t.violation > 1e-4).map_or(0, |k| t[k + 1].rounds);
                    r4.push(k);
                }
                Err(e) => fails.push((seed, e.to_string())),
            }
        }
        iters.sort(); r4.sort(); r8.sort();
        let q = |v: &Vec<usize>| if v.is_empty() { (0,0,0) } else { (v[v.len()/2], v[v.len()*9/10], v[v.len()-1]) };
        println!("{name}: iters {:?} r4 {:?} r8 {:?} fails {} {:?}", q(&iters), q(&r4), q(&r8), fails.len(), fails.first());
    }
}

