import type { JSX } from 'preact'
import { decodeCursor } from '../../../protocol/cursor.ts'
import { sentence } from '../fault.ts'
import { storeName, type JournalStats, type Stats, type StoreStats } from './stats.ts'
import { NumberCell, Table, When } from './table.tsx'
import { bytesText, countText, durationText, manyText, NONE } from './units.ts'

const COLUMNS = [{ name: 'Where' }, { name: 'Has all up to' }, { name: 'Behind', isNumber: true }, { name: 'For', isNumber: true }, { name: 'Files missed', isNumber: true }, { name: 'State' }]
/** Seconds that are usual: a store takes what came in batches. */
const USUAL = 5

/** The journal, and how far each store is behind it. */
export function StoresView ({ stats: { journal, stores } }: { stats: Stats }): JSX.Element {
  return (
    <section class='part' aria-labelledby='stores-title'>
      <h2 id='stores-title'>Journal and stores</h2>
      <Table
        caption='The journal, and how far each store is behind it' columns={COLUMNS} empty=''
        rows={[<JournalRow key='journal' journal={journal} />, ...stores.map(store => <StoreRow key={store.name} store={store} />)]}
      />
      <p class='quiet small'>{journalText(journal)}</p>
    </section>
  )
}

function JournalRow ({ journal: { position, pendingBytes, fault } }: { journal: JournalStats }): JSX.Element {
  return (
    <tr>
      <th scope='row'>Journal</th>
      <Position cursor={position} />
      <NumberCell>{bytesText(pendingBytes)}</NumberCell>
      <NumberCell>{NONE}</NumberCell>
      <NumberCell>{NONE}</NumberCell>
      <State fault={fault} isBehind={false} good='writes' />
    </tr>
  )
}

function StoreRow ({ store }: { store: StoreStats }): JSX.Element {
  const { lag, position, missed, fault } = store
  return (
    <tr>
      <th scope='row'>{storeName(store)}</th>
      <Position cursor={position} />
      <NumberCell>{bytesText(lag.bytes)}</NumberCell>
      <NumberCell>{lag.seconds === 0 ? NONE : durationText(lag.seconds)}</NumberCell>
      <NumberCell>{countText(missed)}</NumberCell>
      <State fault={fault} isBehind={lag.seconds > USUAL} good='keeps up' />
    </tr>
  )
}

function State ({ fault, isBehind, good }: { fault: string | null, isBehind: boolean, good: string }): JSX.Element {
  if (fault !== null) return <td class='is-text'><span class='badge is-bad'>fails</span> {sentence(fault)}</td>
  return <td class='is-text'>{isBehind ? <span class='badge is-bad'>behind</span> : <span class='badge is-good'>{good}</span>}</td>
}

/** A cursor is a time, in microseconds. */
function Position ({ cursor }: { cursor: string | null }): JSX.Element {
  const time = cursor === null ? null : decodeCursor(cursor)
  if (time === null) return <td>{NONE}</td>
  return <td class='number'><When at={new Date(Math.floor(time.time / 1000)).toISOString()} /></td>
}

function journalText ({ bytes, maxBytes, files, lastGroup }: JournalStats): string {
  const size = `The journal has ${bytesText(bytes)} of ${bytesText(maxBytes)} in ${manyText(files, 'file')}.`
  if (lastGroup === null) return size
  const { records, seconds, synced } = lastGroup
  return `${size} The last group of ${manyText(records, 'record')} was written${synced ? ' and synced' : ''} in ${durationText(seconds)}.`
}
