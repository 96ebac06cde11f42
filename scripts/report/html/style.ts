/** The style sheet of all pages: one column of text, charts over its whole width, tables that scroll by themselves. */
import { colourVariables } from './colours.ts'

/** Below this width the narrow drawing of a chart is shown, in pixels. */
const NARROW = 640

export const STYLE = `${colourVariables()}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--ground);color:var(--text);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,"Noto Sans","Liberation Sans",sans-serif}
main,header,footer{max-width:960px;margin:0 auto;padding:0 32px}
header{padding-top:56px}
.brand{margin:0;color:var(--blue);font-weight:600;letter-spacing:.02em}
h1{margin:6px 0 8px;font-size:32px;line-height:1.2;font-weight:650;letter-spacing:-.012em;overflow-wrap:anywhere}
h2{margin:0 0 6px;font-size:21px;line-height:1.3;font-weight:620;letter-spacing:-.005em}
p{margin:0 0 12px;max-width:72ch;overflow-wrap:anywhere}
.state{position:sticky;top:0;z-index:1;max-width:none;margin:0;padding:6px 32px;background:var(--panel);color:var(--soft);font-size:13px;border-bottom:1px solid var(--rule)}
.lead{color:var(--soft);font-size:17px}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:1px;margin:28px 0 0;padding:0;border:1px solid var(--rule);border-radius:10px;overflow:hidden}
.facts div{padding:16px 18px;box-shadow:0 0 0 1px var(--rule)}
.facts dt{color:var(--soft);font-size:13px}
.facts dd{margin:2px 0 0;font-size:22px;font-weight:600;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
section{padding:44px 0 0}
.read{margin-bottom:14px}
figure{margin:0 0 12px}
figcaption{color:var(--soft);font-size:14px;margin:14px 0 2px;font-weight:600}
svg{display:block;width:100%;height:auto;font-family:inherit}
.narrow{display:none}
.protocol{color:var(--soft);font-size:14px;max-width:84ch}
.key{display:flex;flex-wrap:wrap;gap:4px 16px;margin:0 0 6px;padding:0;list-style:none;color:var(--soft);font-size:13px}
.key span{display:inline-block;width:11px;height:11px;margin-right:7px;vertical-align:-1px;background:var(--ink);border:2px solid var(--ink)}
.key .cell,.key .rect{border-radius:2px}
.key .cell{border:1px solid var(--rule)}
.key .circle{border-radius:50%}
.key .diamond{transform:rotate(45deg) scale(.82)}
.key .triangle{clip-path:polygon(50% 0,100% 100%,0 100%)}
.key .bar{width:16px;height:6px;vertical-align:2px;border:0;border-radius:2px}
.key .hollow{background:none}
details{margin-top:6px;font-size:14px}
summary{cursor:pointer;color:var(--blue);padding:4px 0}
summary:focus-visible{outline:2px solid var(--blue);outline-offset:2px;border-radius:3px}
.scroll{overflow:auto;max-height:520px;border:1px solid var(--rule);border-radius:8px}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:6px 12px;text-align:right;border-bottom:1px solid var(--rule);white-space:nowrap}
th:first-child,td:first-child{text-align:left}
thead th{position:sticky;top:0;background:var(--panel);font-weight:600}
tbody th{font-weight:400}
tbody tr:last-child>*{border-bottom:0}
footer{padding-top:56px;padding-bottom:64px;color:var(--soft);font-size:14px}
footer dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 20px;margin:0}
footer dt{font-weight:600}
footer dd{margin:0;overflow-wrap:anywhere}
code{font:13px/1.5 ui-monospace,"SF Mono",Menlo,Consolas,"Liberation Mono",monospace}
@media(max-width:${NARROW}px){main,header,footer{padding-left:18px;padding-right:18px}header{padding-top:28px}h1{font-size:25px}.wide{display:none}.narrow{display:block}.facts dd{font-size:19px}footer dl{grid-template-columns:1fr}footer dd{margin-bottom:8px}}
@media print{body{font-size:11pt}main,header,footer{max-width:none;padding-left:0;padding-right:0}.wide{display:block}.narrow{display:none}section{break-inside:avoid;padding-top:28px}details{display:none}.scroll{max-height:none}}
`
