/** Follows the look of the page at `/`. A string, as the build copies no other files. */
export const style = `
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --quiet: #666; --accent: #0b6e4f }
@media (prefers-color-scheme: dark) { :root { --quiet: #aaa; --accent: #5fd0a5 } }
* { box-sizing: border-box }
html { background: Canvas; color: CanvasText }
body { margin: 0 auto; padding: 2rem 1rem 4rem; max-width: 60rem; font: 1rem/1.55 system-ui, sans-serif }
h1 { margin: 0; font-size: 1.9rem; letter-spacing: -.02em }
h2 { margin: 3rem 0 .25rem; font-size: 1.3rem }
h3 { margin: 2rem 0 .25rem; padding-top: 1rem; border-top: 1px solid var(--line); font-size: 1.05rem }
h4 { margin: 1rem 0 .25rem; font-size: .9rem; color: var(--quiet) }
p { margin: .35rem 0 }
a { color: var(--accent) }
a:focus-visible, pre:focus-visible, summary:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px }
.quiet { color: var(--quiet) }
nav h2 { margin: 1rem 0 0; font-size: 1rem }
nav ul { margin: .25rem 0; padding: 0; list-style: none; columns: 20rem }
.method { display: inline-block; min-width: 4.5rem; color: var(--accent) }
pre, code { font: .875rem/1.5 ui-monospace, monospace }
pre { margin: .35rem 0; padding: .7rem .9rem; white-space: pre-wrap; overflow-wrap: anywhere; background: var(--soft); border: 1px solid var(--line); border-radius: .5rem }
pre.line { user-select: all }
.wide { overflow-x: auto }
table { width: 100%; border-collapse: collapse; font-size: .9rem }
th, td { padding: .4rem .8rem .4rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line) }
th { font-weight: 600; color: var(--quiet) }
td code { white-space: nowrap }
`
