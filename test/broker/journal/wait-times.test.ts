import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { WaitTimes } from '../../../broker/journal/wait-times.ts'

const NOW = 1_764_000_000_000_000
const MESSAGE = { released: () => {} }

describe('how long messages waited for the journal', () => {
  /** A group whose messages waited so many microseconds, longest first. */
  function group (waits: WaitTimes, times: readonly number[], now = NOW): void {
    waits.add(times.length, times.map(wait => now - wait), times.map(() => 'rooms/lobby/messages'), times.map(() => MESSAGE), now)
  }

  it('is told as a median and as what 99 of 100 stay below, rounded up by at most a fifth', () => {
    const waits = new WaitTimes()
    assert.deepEqual(waits.figures(NOW), { window: 60, count: 0, p50: null, p99: null })
    group(waits, Array.from({ length: 100 }, (_, i) => (100 - i) * 1000))
    const { count, p50, p99 } = waits.figures(NOW)
    assert.equal(count, 100)
    assert.ok(p50! >= 0.050 && p50! <= 0.050 * 1.2, `${p50}`)
    assert.ok(p99! >= 0.099 && p99! <= 0.099 * 1.2, `${p99}`)
    // One message is its own median.
    const one = new WaitTimes()
    group(one, [3_000_000])
    assert.ok(one.figures(NOW).p50! >= 3 && one.figures(NOW).p50! <= 3.6)
    assert.equal(one.figures(NOW).p50, one.figures(NOW).p99)
  })

  it('has an end on both sides', () => {
    const waits = new WaitTimes()
    group(waits, [10_000_000_000])
    assert.ok(waits.figures(NOW).p50! > 60)
    const soon = new WaitTimes()
    group(soon, [0])
    assert.equal(soon.figures(NOW).p50, 0.0001)
  })

  it('is of messages that waited, while the clock goes forward', () => {
    const waits = new WaitTimes()
    const times = [NOW - 3000, NOW - 2000, NOW - 1000, NOW + 1000]
    waits.add(3, times, [null, 'a', 'a', 'a'], [MESSAGE, null, MESSAGE, MESSAGE], NOW)
    assert.equal(waits.figures(NOW).count, 1)
    // A position ahead of the clock: how long it waited is not known.
    waits.add(4, times, ['a', 'a', 'a', 'a'], [null, null, null, MESSAGE], NOW)
    assert.equal(waits.figures(NOW).count, 1)
  })

  it('forgets what is older than a minute, also after a silence', () => {
    const waits = new WaitTimes()
    for (let second = 0; second < 300; second++) group(waits, [1000], NOW + second * 1e6)
    const { count } = waits.figures(NOW + 299e6)
    assert.ok(count >= 55 && count <= 60, `${count}`)
    assert.equal(waits.figures(NOW + 330e6).count < count, true)
    assert.deepEqual(waits.figures(NOW + 400e6), { window: 60, count: 0, p50: null, p99: null })
    group(waits, [1000], NOW + 4000e6)
    assert.equal(waits.figures(NOW + 4000e6).count, 1)
  })
})
