/** Style of the page: dark and light by the reader's setting, no motion for those who want none. */
export const DASHBOARD_STYLE = `:root {
  color-scheme: light dark;
  --back: #f6f7f9; --card: #ffffff; --text: #1a1f29; --soft: #545d6e; --line: #d5dae3;
  --good: #18794e; --warn: #8a5a00; --bad: #b4232a; --accent: #1f5fbf;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #11141a; --card: #1a1f29; --text: #e8ebf1; --soft: #a2acbd; --line: #333c4d;
    --good: #4cc38a; --warn: #e5b454; --bad: #ff8a8a; --accent: #7db3ff;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
header { display: flex; flex-wrap: wrap; gap: 0 1rem; align-items: baseline; justify-content: space-between; padding: 1rem 1.5rem; border-bottom: 1px solid var(--line); }
h1 { font-size: 1.2rem; margin: 0; }
h2 { font-size: 1rem; margin: 1.5rem 0 .5rem; }
h3 { font-size: 1rem; margin: 0; overflow-wrap: anywhere; }
header p, #result { color: var(--soft); margin: 0; }
main { max-width: 72rem; margin: 0 auto; padding: 0 1.5rem 2rem; }
#services { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr)); }
article, table { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; }
article { padding: 1rem; display: flex; flex-direction: column; gap: .6rem; }
article p { margin: 0; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .4rem .8rem; border-bottom: 1px solid var(--line); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 .8rem; margin: 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
.state { font-weight: 600; }
.good { color: var(--good); } .warn { color: var(--warn); } .bad { color: var(--bad); } .soft { color: var(--soft); }
progress { width: 100%; height: .7rem; accent-color: var(--accent); }
svg { width: 100%; height: auto; display: block; }
svg.plot { height: 2.2rem; }
svg .renewals { fill: var(--good); } svg .failures { fill: var(--bad); } svg .axis { stroke: var(--line); }
svg .step { fill: var(--back); stroke: var(--line); } svg .step.cached { stroke: var(--good); stroke-width: 2; } svg .step.failed { stroke: var(--bad); stroke-width: 2; }
svg text { fill: var(--text); font: 12px system-ui, sans-serif; } svg .edge { stroke: var(--soft); fill: none; }
menu { display: flex; flex-wrap: wrap; gap: .5rem; margin: 0; padding: 0; }
button { font: inherit; padding: .25rem .65rem; border-radius: .4rem; border: 1px solid var(--line); background: var(--card); color: var(--text); cursor: pointer; }
button:hover { border-color: var(--accent); }
button.danger { border-color: var(--bad); color: var(--bad); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
dialog { border: 1px solid var(--line); border-radius: .5rem; background: var(--card); color: var(--text); max-width: 28rem; }
dialog::backdrop { background: rgb(0 0 0 / 50%); }
.skip { position: absolute; left: -999px; } .skip:focus { left: 1rem; top: .5rem; }
@media (prefers-reduced-motion: reduce) { * { transition: none !important; animation: none !important; } }
`;
