import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { Buckets, withGaps } from '../../bridge/web/room/buckets.ts'
import { entryOf, ownEntry, withEntries, type Entry } from '../../bridge/web/room/entries.ts'
import type { Message } from '../../client/index.ts'
import { encodeCursor } from '../../protocol/cursor.ts'

describe('averages of stretches of time', () => {
  it('begin at multiples of their length, and have nothing where nothing was', () => {
    const buckets = new Buckets(1000)
    for (const [time, value] of [[1000, 1], [1999, 3], [4500, 10]] as const) buckets.add(time, value)
    assert.deepEqual(buckets.starts(700, 5000), [0, 1000, 2000, 3000, 4000])
    assert.deepEqual(buckets.between(700, 5000), [null, 2, null, null, 10])
  })

  it('take what somebody else has counted in place of what they have, and go on from there', () => {
    const buckets = new Buckets(1000)
    buckets.add(1500, 100)
    buckets.set(1200, 4, 3)
    assert.deepEqual(buckets.between(1000, 2000), [4])
    buckets.add(1600, 8)
    assert.deepEqual(buckets.between(1000, 2000), [5])
    buckets.set(2000, null, 2)
    buckets.forgetUntil(1500)
    assert.deepEqual(buckets.between(1000, 3000), [null, null])
  })

  it('have gaps where somebody was silent for much longer than usual, and only there', () => {
    const often = [null, 1, null, 2, null, 3, null, null, null, null, 4, null]
    assert.deepEqual(withGaps(often), [null, 1, undefined, 2, undefined, 3, undefined, undefined, undefined, undefined, 4, null])
    const silent = [1, 2, 3, null, null, null, null, 4, 5]
    assert.deepEqual(withGaps(silent), silent)
    for (const values of [[], [null, null], [null, 7, null]]) assert.deepEqual(withGaps(values), values)
  })
})

describe('the entries of a conversation', () => {
  const at = (time: number): Entry => ({ id: encodeCursor(time), sender: 'ann', time: time / 1000, text: String(time), isData: false })
  const message = (payload: unknown, id: string | null = encodeCursor(1)): Message => ({ kind: 'message', topic: 'rooms/lobby/messages', room: 'lobby', device: null, metric: null, id, sender: 'ann', timestamp: '2026-11-24T05:10:34.812Z', ref: null, payload, bytes: null, qos: 1, retained: false, replayed: false })

  it('are in the order of their cursors, each once, however they come', () => {
    const known = [at(2000), at(4000)]
    assert.deepEqual(withEntries(known, [at(3000), at(1000), at(5000), at(3000), at(4000)]).map(({ text }) => text), ['1000', '2000', '3000', '4000', '5000'])
    assert.equal(known.length, 2)
  })

  it('are words where somebody said something, and data where not', () => {
    const stamps = { id: encodeCursor(1), room: 'lobby', sender: 'ann', timestamp: '2026-11-24T05:10:34.812Z', ref: 'mine' }
    assert.deepEqual(entryOf(message({ text: 'hello', ...stamps })), { id: stamps.id, sender: 'ann', time: Date.parse(stamps.timestamp), text: 'hello', isData: false })
    assert.deepEqual([entryOf(message({ text: 'hello', mood: 'good', ...stamps })).text, entryOf(message({ value: 3, ...stamps })).isData], ['{\n  "text": "hello",\n  "mood": "good"\n}', true])
    assert.equal(entryOf(message('plain')).text, 'plain')
    assert.equal(entryOf(message({ text: 'x'.repeat(30_000) })).text.length, 20_001)
  })

  it('have a place behind all others where they are not stored, and one\'s own that of its acknowledgement', () => {
    const [one, two] = [entryOf(message('a', null)), entryOf(message('b', null))]
    assert.deepEqual(withEntries([], [two, at(9_000_000_000_000_000), one]).map(({ text }) => text), ['9000000000000000', 'a', 'b'])
    assert.equal(ownEntry(encodeCursor(1_700_000_000_000_000), 'ann', 'x').time, 1_700_000_000_000)
  })
})
