import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { equationsOf } from '../../bridge/web/server/ledger.ts'
import { ratesBetween, SPAN, withAnswer, type Sample } from '../../bridge/web/server/samples.ts'
import type { LedgerCounts, Stats, StoreStats } from '../../bridge/web/server/stats.ts'
import { bytesText, durationText, rateText } from '../../bridge/web/server/units.ts'
import { Watch } from '../../bridge/web/server/watch.ts'

const LEDGER: LedgerCounts = { received: 100, accepted: 90, refused: { policy: 5, rate: 3 }, pending: 2, journaled: 80, unjournaled: 10, stored: 70, matched: 50, written: 40, waiting: 4, dropped: { slow: 6 } }
const STORE: StoreStats = { name: 'influx', lag: { bytes: 10, seconds: 1 }, position: null, taken: 60, missed: 0, deadLetters: 2, fault: null }

/** The answer of a server `second` seconds after its start, in which so much had come. */
function answer (second: number, received: number, started = '2026-11-24T05:00:00.000Z'): Stats {
  return {
    time: new Date(Date.parse(started) + second * 1000).toISOString(),
    version: 'test',
    started,
    uptime: second,
    connections: 0,
    transports: {},
    sessions: 0,
    subscriptions: 0,
    retained: 0,
    rooms: 0,
    participants: 0,
    replays: 0,
    ledger: { ...LEDGER, received, written: received * 2 },
    latency: { window: 60, count: 0, p50: 0.001, p99: 0.002 },
    journal: { bytes: 0, maxBytes: 0, files: 1, position: null, pendingBytes: 0, fault: null, lastGroup: null },
    stores: [],
    slow: [],
    absent: [],
    refusals: [],
    reasons: [],
    log: [],
    process: { cpu: { user: second / 2, system: 0 }, memory: null, eventLoop: null }
  }
}

describe('the ledger of the page of operators', () => {
  const off = (ledger: Partial<LedgerCounts>, store: Partial<StoreStats> = {}): number[] => equationsOf({ ledger: { ...LEDGER, ...ledger }, stores: [{ ...STORE, ...store }] }).map(({ off }) => off)

  it('adds up: what came, what was accepted, what a store has, what was delivered', () => {
    const equations = equationsOf({ ledger: LEDGER, stores: [STORE] })
    assert.deepEqual(equations.map(({ name, whole, terms, off }) => [name, whole.count, terms.map(({ count }) => count), off]), [
      ['Messages', 100, [90, 5, 3, 2], 0],
      ['Accepted', 90, [80, 10], 0],
      ['InfluxDB', 80, [58, 2, 10, 10], 0],
      ['Deliveries', 50, [40, 4, 6], 0]
    ])
    assert.deepEqual(equations[0]!.terms.map(({ parts }) => parts), [undefined, [['policy', 5]], [['rate', 3]], undefined])
  })

  it('says by how many it does not', () => {
    assert.deepEqual(off({ received: 101 }), [1, 0, 0, 0])
    assert.deepEqual(off({ unjournaled: 7 }), [0, 3, 0, 0])
    assert.deepEqual(off({ dropped: {} }), [0, 0, 0, 6])
  })

  it('lets a store lack what is on the way to it, and nothing once it has all of the journal', () => {
    assert.deepEqual(off({}, { lag: { bytes: 0, seconds: 0 } }), [0, 0, 10, 0])
    assert.deepEqual(off({}, { lag: { bytes: 0, seconds: 0 }, taken: 70 }), [0, 0, 0, 0])
    assert.deepEqual(off({}, { taken: 71 }), [0, 0, 1, 0])
  })
})

describe('the rates of the page of operators', () => {
  const flow = (samples: readonly Sample[]): unknown[] => samples.map(({ time, received, p50 }) => [time - Date.parse('2026-11-24T05:00:00.000Z') / 1000, received, p50])

  it('are differences of counters by the time of the server', () => {
    assert.deepEqual(ratesBetween(answer(10, 100), answer(12, 150)), { received: 25, written: 50, cpu: 0.5 })
    assert.equal(ratesBetween(null, answer(12, 150)), null)
    assert.equal(ratesBetween(answer(12, 150), answer(12, 150)), null)
  })

  it('begin anew with a server', () => {
    assert.equal(ratesBetween(answer(10, 100), answer(12, 200, '2026-11-24T05:00:05.000Z')), null)
    assert.equal(ratesBetween(answer(10, 100), answer(2, 0)), null)
  })

  it('are averages where nobody looked, and reach back ten minutes', async () => {
    const answers = [answer(10, 0), answer(11, 5), answer(41, 65), answer(SPAN + 30, 65)]
    const watch = new Watch(async () => answers.shift()!)
    const { signal } = new AbortController()
    await watch.ask(signal)
    assert.deepEqual(flow(watch.state.value.samples), [[10, null, 0.001]])
    await watch.ask(signal)
    await watch.ask(signal)
    assert.deepEqual(flow(watch.state.value.samples), [[10, null, 0.001], [11, 5, 0.001], [12, 2, null], [41, 2, 0.001]])
    await watch.ask(signal)
    assert.deepEqual(flow(watch.state.value.samples), [[41, 2, 0.001], [42, 0, null], [SPAN + 30, 0, 0.001]])
    assert.deepEqual(withAnswer([], null, answer(1, 0), null).length, 1)
  })

  it('keep what was known when there is no answer, and ask one question at a time', async () => {
    let reply!: (stats: Stats) => void
    let fail!: (error: Error) => void
    let asked = 0
    const watch = new Watch(async () => await new Promise<Stats>((resolve, reject) => { [reply, fail] = [resolve, reject]; asked++ }))
    const { signal } = new AbortController()
    const first = watch.ask(signal)
    await watch.ask(signal)
    assert.equal(asked, 1)
    reply(answer(10, 100))
    await first
    const second = watch.ask(signal)
    fail(new Error('nobody is there'))
    await second
    const { stats, fault, samples } = watch.state.value
    assert.deepEqual([stats?.uptime, fault?.message, samples.length], [10, 'nobody is there', 1])
    const third = watch.ask(signal)
    reply(answer(3, 7, '2026-11-24T05:01:00.000Z'))
    await third
    assert.deepEqual([watch.state.value.fault, watch.state.value.isNew], [null, true])
  })
})

describe('the units of the page of operators', () => {
  it('are as precise as one reads', () => {
    assert.deepEqual([null, 0, 0.00042, 0.0123, 1.25, 75, 7200].map(durationText), ['–', '0.0 ms', '0.4 ms', '12 ms', '1.3 s', '75 s', '2 hours'])
    assert.deepEqual([0, 999, 1000, 12_345, 586_700_000, 4.3e9, 9e15].map(bytesText), ['0 B', '999 B', '1.0 kB', '12.3 kB', '587 MB', '4.3 GB', '9,000 TB'])
    assert.deepEqual([null, 0, 12.34, 1234.5].map(rateText), ['–', '0.0', '12.3', '1,235'])
  })
})
