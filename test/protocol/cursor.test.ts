import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { CursorClock, decodeCursor, encodeCursor } from '../../protocol/cursor.ts'

const times = fc.oneof(fc.maxSafeNat(), fc.nat(5000), fc.nat(5000).map(n => 2 ** 30 - 2500 + n), fc.nat(100).map(n => Number.MAX_SAFE_INTEGER - n))
const nodes = fc.nat(4095)

describe('cursors', () => {
  it('have 12 characters that need no escape anywhere, and come back as they were', () => {
    fc.assert(fc.property(times, nodes, (time, node) => {
      const cursor = encodeCursor(time, node)
      assert.match(cursor, /^A[A-Za-z0-9_-]{11}$/)
      assert.deepEqual(decodeCursor(cursor), { time, node })
    }))
    assert.equal(encodeCursor(0), 'A-----------')
  })

  it('sort as strings by time, then by node', () => {
    fc.assert(fc.property(times, fc.oneof(times, fc.constant(null)), nodes, nodes, (time, other, node, otherNode) => {
      const [a, b] = [{ time, node }, { time: other ?? time, node: otherNode }]
      const expected = Math.sign(a.time - b.time || a.node - b.node)
      const [x, y] = [encodeCursor(a.time, a.node), encodeCursor(b.time, b.node)]
      assert.equal(x < y ? -1 : x > y ? 1 : 0, expected)
    }), { numRuns: 1000 })
  })

  it('are refused if they are not ours', () => {
    for (const cursor of ['', 'A', 'B-----------', 'A----------', 'A------------', 'A-----.-----', 'A-----é-----', 'Azzzzzzzzz--']) {
      assert.equal(decodeCursor(cursor), null, cursor)
    }
  })

  it('hold no time or node that would not come back', () => {
    for (const [time, node] of [[-1, 0], [0.5, 0], [2 ** 53, 0], [NaN, 0], [1, -1], [1, 4096], [1, 0.5]] as const) {
      assert.throws(() => encodeCursor(time, node), RangeError)
    }
  })
})

describe('the cursor clock', () => {
  it('follows the clock, and never stands or goes back', () => {
    fc.assert(fc.property(fc.array(fc.nat(20), { minLength: 1 }), readings => {
      let i = 0
      const clock = new CursorClock(() => readings[i++]!)
      let last = 0
      for (const reading of readings) {
        const time = clock.next()
        assert.equal(time, Math.max(reading, last + 1))
        last = time
      }
    }))
  })

  it('goes on behind the newest stored message after a restart', () => {
    const clock = new CursorClock(() => 10)
    clock.restore(100)
    assert.equal(clock.next(), 101)
    clock.restore(50)
    assert.equal(clock.next(), 102)
  })
})
