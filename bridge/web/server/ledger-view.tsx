import type { JSX } from 'preact'
import { equationsOf, type Equation, type Term } from './ledger.ts'
import type { Stats } from './stats.ts'
import { countText } from './units.ts'

/** What came, and what became of it: each row adds up, or says by how many it does not. */
export function LedgerView ({ stats }: { stats: Stats }): JSX.Element {
  return (
    <section class='part' aria-labelledby='ledger-title'>
      <h2 id='ledger-title'>Ledger</h2>
      <p class='quiet'>All since the server was started, and of one moment. Nothing is lost without a reason.</p>
      <ul class='ledger'>{equationsOf(stats).map(equation => <li key={equation.name}><Row equation={equation} /></li>)}</ul>
    </section>
  )
}

function Row ({ equation: { name, whole, terms, off } }: { equation: Equation }): JSX.Element {
  return (
    <div class='equation'>
      <h3>{name}</h3>
      <p class='terms'>
        <Amount term={whole} />
        {terms.map((term, i) => <span class='summand' key={term.name}><span class='operator'>{i === 0 ? '=' : '+'}</span> <Amount term={term} /></span>)}
      </p>
      <p class='equation-mark'>{off === 0 ? <span class='badge is-good'>adds up</span> : <span class='badge is-bad number'>off by {countText(off)}</span>}</p>
    </div>
  )
}

function Amount ({ term: { name, count, parts } }: { term: Term }): JSX.Element {
  return (
    <span class={count === 0 ? 'term is-none' : 'term'}>
      <span class='term-count number'>{countText(count)}</span> <span class='term-name'>{name}</span>
      {/* The first reason finds its place there. */}
      {parts === undefined ? null : <span class='term-parts'>{parts.map(([reason, count]) => <span class='term-part number' key={reason}> {reason} {countText(count)}</span>)}</span>}
    </span>
  )
}
