/** A string, as the build copies no other files. Fonts and colours are those of the visitor's system. */
export const style = `
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --quiet: #666; --accent: #0b6e4f }
@media (prefers-color-scheme: dark) { :root { --quiet: #aaa; --accent: #5fd0a5 } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 2rem 1rem 4rem; max-width: 52rem; font: 1rem/1.55 system-ui, sans-serif }
h1 { margin: 0; font-size: 1.9rem; letter-spacing: -.02em }
h2 { margin: 2.5rem 0 .5rem; font-size: 1.15rem }
h3 { margin: 1.25rem 0 .25rem; font-size: 1rem; font-weight: 600 }
p { margin: .35rem 0 }
a { color: var(--accent) }
.quiet { color: var(--quiet) }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); gap: .75rem; margin: 1.5rem 0 0 }
dl div { padding: .6rem .8rem; border: 1px solid var(--line); border-radius: .5rem }
dt { font-size: .8rem; color: var(--quiet) }
dd { margin: 0; font-variant-numeric: tabular-nums; overflow-wrap: anywhere }
pre, code { font: .875rem/1.5 ui-monospace, monospace }
pre { margin: .35rem 0; padding: .7rem .9rem; white-space: pre-wrap; overflow-wrap: anywhere; background: var(--soft); border: 1px solid var(--line); border-radius: .5rem; user-select: all }
.wide { overflow-x: auto }
table { width: 100%; border-collapse: collapse; font-size: .9rem }
th, td { padding: .4rem .8rem .4rem 0; text-align: left; border-bottom: 1px solid var(--line); white-space: nowrap }
th { font-weight: 600; color: var(--quiet) }
`
