import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { QoS } from '../../../protocol/channel.ts'
import { FaultBox } from '../fault-box.tsx'
import type { Fault } from '../fault.ts'
import type { SignedIn } from '../session.ts'
import { checkFilter } from './check.ts'
import type { Explorer } from './explorer-model.ts'
import { CheckLine, FILTER, QosField } from './fields.tsx'
import { BEGINNINGS, sinceOf, wantedOf, type Beginning } from './since.ts'

/** What was asked for last: its letter, or why it was refused. */
interface Answer {
  readonly filter: string
  readonly outcome: string | Fault
}

/** A filter, since when, and what the server says to it. */
export function SubscribeForm ({ explorer, signedIn }: { explorer: Explorer, signedIn: SignedIn }): JSX.Element {
  const [text, setText] = useState('')
  const [beginning, setBeginning] = useState<Beginning>('now')
  const [time, setTime] = useState('')
  const [qos, setQos] = useState<QoS>(1)
  const [answer, setAnswer] = useState<Answer | null>(null)
  const since = beginning === 'from' && time === '' ? null : sinceOf(beginning, time)
  const wanted = wantedOf(text, since)

  const subscribe = async (): Promise<void> => {
    setAnswer(null)
    const outcome = await explorer.subscribe(wanted, qos)
    setAnswer({ filter: text, outcome })
    // What is being written meanwhile stays.
    if (typeof outcome === 'string') setText(now => now === text ? '' : now)
  }

  return (
    <form class='explorer-form' aria-labelledby='subscribe' onSubmit={event => { event.preventDefault(); void subscribe() }}>
      <h2 id='subscribe'>Subscribe</h2>
      <label class='field'>
        <span class='label'>Filter</span>
        <input
          id={FILTER} class='input code' required autocomplete='off' autocapitalize='none' spellcheck={false} placeholder='rooms/lobby/#'
          value={text} onInput={event => setText(event.currentTarget.value)} aria-describedby='filter-check'
        />
      </label>
      <CheckLine id='filter-check' check={text === '' ? null : checkFilter(signedIn, wanted)}>
        <code>+</code> is any one level of a topic, <code>#</code> at the end all that follow.
      </CheckLine>
      <div class='explorer-fields'>
        <label class='field'>
          <span class='label'>Begin</span>
          <select class='input' value={beginning} onChange={event => setBeginning(event.currentTarget.value as Beginning)}>
            {BEGINNINGS.map(({ name, text }) => <option key={name} value={name}>{text}</option>)}
          </select>
        </label>
        <QosField qos={qos} onChange={setQos} />
      </div>
      {beginning !== 'from'
        ? null
        : (
          <label class='field'>
            <span class='label'>From this time on</span>
            <input class='input' type='datetime-local' required step={1} value={time} onInput={event => setTime(event.currentTarget.value)} />
          </label>
          )}
      <button class='button primary' type='submit'>Subscribe</button>
      <p class='outcome' role='status'>{typeof answer?.outcome === 'string' ? `Subscribed as ${answer.outcome}.` : null}</p>
      {answer === null || typeof answer.outcome === 'string' ? null : <FaultBox title={`${answer.filter} was refused (${answer.outcome.code}).`} fault={answer.outcome} />}
    </form>
  )
}
