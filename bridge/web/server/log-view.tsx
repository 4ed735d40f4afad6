import type { JSX } from 'preact'
import { sentence } from '../fault.ts'
import type { LogLine } from './stats.ts'
import { NumberCell, Table, When } from './table.tsx'
import { countText } from './units.ts'

const COLUMNS = [{ name: 'Time' }, { name: 'Error' }, { name: 'Times', isNumber: true }]

/** What went wrong in the server itself. */
export function LogView ({ log }: { log: readonly LogLine[] }): JSX.Element {
  return (
    <section class='part' aria-labelledby='log-title'>
      <h2 id='log-title'>Errors of the server</h2>
      <Table
        caption='The newest errors in the log of the server' columns={COLUMNS} empty='The log has no errors.' look='is-bounded'
        rows={log.map(({ at, message, detail, count }) => (
          <tr key={message}>
            <td class='number'><When at={at} /></td>
            <th scope='row' class='is-text'>{sentence(message)}{detail === null ? null : <span class='quiet'> {sentence(detail)}</span>}</th>
            <NumberCell>{countText(count)}</NumberCell>
          </tr>
        ))}
      />
    </section>
  )
}
