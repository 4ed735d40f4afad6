import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { adoptedInto } from '../../bridge/web/room/adopted.ts'
import { Buckets } from '../../bridge/web/room/buckets.ts'
import { bridgeSilences, Columns } from '../../bridge/web/room/columns.ts'
import { entryOf, ownEntry, withEntries, type Entry } from '../../bridge/web/room/entries.ts'
import { metricName, numbersIn } from '../../bridge/web/room/numbers.ts'
import type { Message } from '../../client/index.ts'
import { compileChannels } from '../../protocol/channels.ts'
import { encodeCursor } from '../../protocol/cursor.ts'
import { mergeChannels } from '../../protocol/merge-channels.ts'
import { parseGrants } from '../../protocol/room-grants.ts'

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

describe('the numbers of a payload', () => {
  it('are itself and the members that the server can be asked for', () => {
    const fields = (payload: unknown): [string, number][] => [...numbersIn(payload)]
    assert.deepEqual(fields(21.5), [['', 21.5]])
    assert.deepEqual(fields({ value: 3, unit: 'C', air: { humidity: 40, 'dew.point': 9, far: { away: { and: { further: 1 } } } }, list: [1], ok: true, 'a.b': 2, none: null }), [['', 3], ['air.humidity', 40]])
    for (const payload of ['21.5', null, true, [1, 2], new Uint8Array([1]), Infinity]) assert.deepEqual(fields(payload), [])
    assert.equal(fields(Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`n${i}`, i]))).length, 50)
  })

  it('are called by what their topic says behind the device, and their member', () => {
    assert.deepEqual([metricName('power', ''), metricName(null, ''), metricName(null, 'color.x'), metricName('SENSOR', 'ENERGY.Power')], ['power', 'value', 'color.x', 'SENSOR/ENERGY.Power'])
  })
})

describe('what channels have adopted into a room', () => {
  const channels = compileChannels(mergeChannels(new Map([
    ['zigbee', { topic: 'zigbee2mqtt/{name...}', room: 'home' }],
    ['meters', { topic: 'site/{name}/{device}/meter/{rest...}', room: 'home', store: false }],
    ['weather', { topic: 'weather/now', room: 'home' }],
    ['secret', { topic: 'alarm/{name...}', room: 'home', subscribe: ['owner'] }],
    ['any', { topic: '{any...}', room: 'open' }]
  ])))
  const adopted = (room: string): ReturnType<typeof adoptedInto> => adoptedInto(room, channels, { sub: 'ann', admin: false, grants: parseGrants({ home: 'member', open: 'member', attic: 'owner' }) })

  it('is asked for by filters, where the token may have it', () => {
    assert.deepEqual(adopted('home').map(({ filter, isStored }) => [filter, isStored]), [['zigbee2mqtt/+/#', true], ['site/+/+/meter/+/#', false], ['weather/now', true]])
    assert.deepEqual(adopted('open').map(({ filter }) => filter), ['+/#'])
    assert.deepEqual(adopted('attic'), [])
  })

  it('is about devices, named by their topics, and each topic belongs to one channel', () => {
    const [zigbee, meters, weather] = adopted('home')
    assert.deepEqual(zigbee!.placeOf('zigbee2mqtt/lamp'), { device: 'zigbee2mqtt/lamp', metric: null })
    assert.deepEqual(zigbee!.placeOf('zigbee2mqtt/plug/relay/0'), { device: 'zigbee2mqtt/plug', metric: 'relay/0' })
    assert.deepEqual(meters!.placeOf('site/north/m-1/meter/phase/1'), { device: 'site/north/m-1', metric: 'meter/phase/1' })
    assert.deepEqual(weather!.placeOf('weather/now'), { device: 'weather/now', metric: null })
    const [any] = adopted('open')
    assert.deepEqual(any!.placeOf('garden/soil'), { device: 'garden', metric: 'soil' })
    assert.deepEqual(any!.placeOf('rooms/yard/telemetry/sensor/temperature')?.device, 'rooms')
    for (const topic of ['zigbee2mqtt/lamp', 'rooms/open/telemetry/sensor/temperature']) assert.equal(any!.placeOf(topic), null)
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
