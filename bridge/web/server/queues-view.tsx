import type { JSX } from 'preact'
import type { Queue } from './stats.ts'
import { NumberCell, Table, When } from './table.tsx'
import { bytesText, countText, durationText, NONE } from './units.ts'

const WHOSE = [{ name: 'User and client id' }, { name: 'Queued', isNumber: true }]
const SLOW = [...WHOSE, { name: 'Bytes', isNumber: true }, { name: 'Stalled for', isNumber: true }]
const ABSENT = [...WHOSE, { name: 'Left', isNumber: true }]

/** Whom the most messages wait for: who reads too slowly, and who is away. */
export function QueuesView ({ slow, absent }: { slow: readonly Queue[], absent: readonly Queue[] }): JSX.Element {
  return (
    <div class='parts'>
      <section class='part' aria-labelledby='slow-title'>
        <h2 id='slow-title'>Slow consumers</h2>
        <Table
          caption='Connected clients that the most messages wait for' columns={SLOW} empty='Nobody lets messages wait.' look='is-fixed'
          rows={slow.map(queue => (
            <tr key={queue.session}>
              <Whose queue={queue} />
              <NumberCell>{bytesText(queue.bytes + queue.socketBytes)}</NumberCell>
              <NumberCell>{durationText(queue.stalled)}</NumberCell>
            </tr>
          ))}
        />
      </section>
      <section class='part' aria-labelledby='absent-title'>
        <h2 id='absent-title'>Away</h2>
        <Table
          caption='Absent clients that the most messages wait for' columns={ABSENT} empty='Nothing waits for anybody who is away.' look='is-fixed'
          rows={absent.map(queue => <tr key={queue.session}><Whose queue={queue} /><NumberCell>{queue.since === null ? NONE : <When at={queue.since} />}</NumberCell></tr>)}
        />
      </section>
    </div>
  )
}

function Whose ({ queue: { user, client, messages, inflight } }: { queue: Queue }): JSX.Element {
  return (
    <>
      <th scope='row' class='is-name' title={`${user}, ${client}`}>{user} <code class='quiet'>{client}</code></th>
      <td class='is-number number' title={`${countText(inflight)} more were sent and not acknowledged`}>{countText(messages)}</td>
    </>
  )
}
