import assert from 'node:assert/strict'
import fc from 'fast-check'
import { Missed } from '../../../broker/sessions/missed.ts'

describe('what a session has missed', () => {
  it('is what was added, in whatever order', () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 500 })), fc.integer({ min: 0, max: 500 }), (positions, upTo) => {
      const missed = new Missed()
      for (const position of positions) missed.add(position)
      missed.addUpTo(upTo)
      for (let position = 1; position <= 510; position++) assert.equal(missed.has(position), position <= upTo || positions.includes(position))
    }))
  })

  it('is not forgotten when there is much of it: of the older ones nobody knows which', () => {
    const missed = new Missed()
    for (let position = 2; position <= 20_000; position += 2) missed.add(position)
    for (let position = 2; position <= 20_000; position += 2) assert.ok(missed.has(position))
    assert.ok(missed.has(3))
    assert.ok(!missed.has(19_999))
  })
})
