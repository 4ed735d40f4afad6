import type { JSX } from 'preact'
import { useRef } from 'preact/hooks'
import { sentence } from '../fault.ts'
import { useStore } from '../store.ts'
import type { Explorer, Watch } from './explorer-model.ts'
import { FILTER } from './fields.tsx'

const PHASES: Record<Watch['phase'], string> = { asking: 'waits for the server', past: 'replaying', live: 'live' }

const number = new Intl.NumberFormat()

/** What is subscribed to: each with the letter that its messages have in the list. */
export function Subscriptions ({ explorer }: { explorer: Explorer }): JSX.Element | null {
  const watches = useStore(explorer.watches)
  const list = useRef<HTMLUListElement>(null)
  // The numbers go on with it.
  useStore(explorer.log.state)
  if (watches.length === 0) return null

  const end = (letter: string, at: number): void => {
    // The button goes, and who pressed it by a key must not go with it.
    const buttons = list.current!.querySelectorAll('button')
    const next = buttons[at + 1] ?? buttons[at - 1] ?? document.getElementById(FILTER)
    next?.focus()
    explorer.end(letter)
  }

  return (
    <ul class='watches' aria-label='Subscriptions' ref={list}>
      {watches.map(({ letter, filter, qos, phase, fault }, i) => (
        <li key={letter} class='watch'>
          <span class='letter'>{letter}</span>
          <div class='watch-text'>
            <code class='watch-filter'>{filter}</code>
            {fault === null
              ? <span class='quiet number'>QoS {qos}, {PHASES[phase]}, {number.format(explorer.countOf(letter))} came</span>
              : <span class='watch-fault'>{sentence(fault.message)}</span>}
          </div>
          <button class='button small' type='button' aria-label={`End ${letter}, ${filter}`} onClick={() => end(letter, i)}>End</button>
        </li>
      ))}
    </ul>
  )
}
