//! The style sheet of the page.

use crate::palette::palette_css;

/// The whole sheet: colours, then rules.
pub fn sheet() -> String {
    palette_css() + RULES
}

const RULES: &str = "
*{box-sizing:border-box}
html{color-scheme:light dark;scroll-behavior:smooth}
:root[data-theme=dark]{color-scheme:dark}:root[data-theme=light]{color-scheme:light}
body{margin:0 auto;padding:1.5rem clamp(1rem,3vw,2.5rem);max-width:1240px;background:var(--paper);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}
h1{font-size:1.9rem;line-height:1.2;margin:.2rem 0 .4rem}
h2{font-size:1.35rem;margin:2.6rem 0 .6rem;padding-top:.5rem;border-top:1px solid var(--grid)}
h3{font-size:1.1rem;margin:1.8rem 0 .3rem}h4{font-size:1rem;margin:1rem 0 .2rem;color:var(--soft)}
p{max-width:75ch;margin:.4rem 0 .8rem}a{color:var(--accent)}
code{font:.88em ui-monospace,Consolas,'DejaVu Sans Mono',monospace;overflow-wrap:anywhere}
.facts{color:var(--soft);max-width:none}.note{border-left:4px solid var(--c4);padding:.3rem .8rem;background:var(--box);max-width:none}
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,215px),1fr));gap:.8rem;margin:1.2rem 0}
.tile{background:var(--box);border:1px solid var(--grid);border-radius:10px;padding:.7rem .9rem;display:flex;flex-direction:column}
.tile .name{color:var(--soft);font-size:.9rem}.tile .value{font-size:1.65rem;font-weight:650;line-height:1.25}
.tile .value small{display:block;font-size:.92rem;line-height:1.3;margin-bottom:.35rem;font-weight:400;color:var(--soft)}
.tile .safety{margin-top:auto;font-size:.92rem}.safe{color:var(--good)}.unsafe{color:var(--bad);font-weight:600}
nav{margin:1.2rem 0}nav h2{border:0;margin:.4rem 0;padding:0;font-size:1.05rem}
nav ol{margin:0;padding-left:1.3rem;columns:16rem}nav li{break-inside:avoid}
figure{margin:1.6rem 0 2.2rem}figcaption,.caption{max-width:85ch;margin:.3rem 0 .6rem}
.origin{color:var(--soft);font-size:.88rem;margin:.3rem 0;max-width:none}
.keys{display:flex;flex-wrap:wrap;gap:.25rem 1.1rem;margin:.3rem 0 .5rem;font-size:.92rem}
.key{display:inline-flex;align-items:center;gap:.45rem}.key svg{flex:none}
.panels{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,320px),1fr));gap:.8rem}
@media (min-width:760px){.panels.two{grid-template-columns:repeat(2,minmax(0,480px))}}
.chart{display:block;width:100%;height:auto;font-family:inherit}
.scroll{overflow-x:auto;max-width:100%}.scroll>.chart{min-width:620px;max-width:900px}.scroll>#network-0{max-width:1100px}
.scroll:focus-visible{outline:2px solid var(--accent)}
table{border-collapse:collapse;font-size:.95rem;font-variant-numeric:tabular-nums;margin:.4rem 0}
caption{text-align:left;font-weight:600;padding:.3rem 0}
th,td{padding:.34rem .8rem;text-align:left;vertical-align:top;border-bottom:1px solid var(--grid)}
thead th{border-bottom:2px solid var(--soft);vertical-align:bottom;font-weight:600}
tbody th{font-weight:600}.n{text-align:right;white-space:nowrap}thead .n{white-space:normal}
.unit,.none{color:var(--soft);font-weight:400}.none{font-style:italic}
.deviations td,.messages td{min-width:11rem;max-width:34rem}
footer{margin-top:3rem;border-top:1px solid var(--grid);color:var(--soft);font-size:.9rem}
@media print{nav{display:none}figure,table{break-inside:avoid}}
";
