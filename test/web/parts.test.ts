import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { Buckets } from '../../bridge/web/room/buckets.ts'
import { bridgeSilences, Columns } from '../../bridge/web/room/columns.ts'
import { entryOf, ownEntry, withEntries, type Entry } from '../../bridge/web/room/entries.ts'
import type { Message } from '../../client/index.ts'
import { encodeCursor } from '../../protocol/cursor.ts'

describe('averages of stretches of time', () => {
  const averages = (buckets: Buckets, starts: readonly number[]): (number | null)[] => starts.map(start => buckets.at(start))

  it('begin at multiples of their length, and have nothing where nothing was', () => {
    const buckets = new Buckets(1000, 10)
    for (const [time, value] of [[1000, 1], [1999, 3], [4500, 10]] as const) buckets.add(time, value)
    assert.deepEqual(averages(buckets, [0, 1000, 1700, 2000, 3000, 4000, 5000]), [null, 2, 2, null, null, 10, null])
    assert.deepEqual([buckets.latest(0, 9000), buckets.latest(0, 3999), buckets.latest(2000, 3999)], [10, 2, null])
  })

  it('take what somebody else has counted in place of what they have, and go on from there', () => {
    const buckets = new Buckets(1000, 10)
    buckets.add(1500, 100)
    buckets.set(1200, 4, 3)
    assert.equal(buckets.at(1000), 4)
    buckets.add(1600, 8)
    assert.equal(buckets.at(1000), 5)
    buckets.set(2000, null, 2)
    buckets.forgetUntil(1500)
    assert.deepEqual(averages(buckets, [1000, 2000]), [null, null])
  })

  it('keep the latest, for which there is room, and take nothing that is older', () => {
    const buckets = new Buckets(1000, 3)
    for (let second = 0; second < 10; second++) buckets.add(second * 1000, second)
    buckets.add(2000, 100)
    assert.deepEqual(averages(buckets, [2000, 6000, 7000, 8000, 9000, 10_000]), [null, null, 7, 8, 9, null])
  })
})

describe('what a chart draws', () => {
  const bridged = (values: (number | null | undefined)[]): (number | null | undefined)[] => {
    bridgeSilences(values)
    return values
  }

  it('has gaps where somebody was silent for much longer than usual, and only there', () => {
    const often = [null, 1, null, 2, null, 3, null, null, null, null, 4, null]
    assert.deepEqual(bridged(often), [null, 1, undefined, 2, undefined, 3, undefined, undefined, undefined, undefined, 4, null])
    const silent = [1, 2, 3, null, null, null, null, 4, 5]
    assert.deepEqual(bridged([...silent]), silent)
    for (const values of [[], [null, null], [null, 7, null]]) assert.deepEqual(bridged([...values]), values)
  })

  it('is what lines have in a window that moves, in the same arrays', () => {
    const [one, other] = [new Buckets(1000, 6), new Buckets(1000, 6)]
    for (const time of [1000, 2000, 3000]) one.add(time, time)
    other.add(3000, 7)
    const columns = new Columns()
    columns.fill([one, other], 1000, 1500, 4500)
    assert.deepEqual([columns.times, columns.values], [[1, 2, 3, 4], [[1000, 2000, 3000, null], [null, null, 7, null]]])
    const [{ times }, [values]] = [columns, columns.values]
    columns.fill([one], 1000, 2500, 4000)
    assert.deepEqual([columns.times, columns.values], [[2, 3], [[2000, 3000]]])
    assert.equal(columns.times, times)
    assert.equal(columns.values[0], values)
  })
})

describe('the entries of a conversation', () => {
  const at = (time: number): Entry => ({ id: encodeCursor(time), sender: 'ann', time: time / 1000, text: String(time), isData: false })
  const message = (payload: unknown, id: string | null = encodeCursor(1)): Message => ({ kind: 'message', topic: 'rooms/lobby/messages', room: 'lobby', device: null, metric: null, id, sender: 'ann', timestamp: '2026-11-24T05:10:34.812Z', ref: null, payload, bytes: null, userProperties: {}, qos: 1, retained: false, replayed: false })

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
