import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { RecentNames } from '../../../broker/admission/recent-names.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

describe('names that were used lately', () => {
  it('are never more than allowed, and a name that has to wait may be used when it has', () => {
    const uses = fc.array(fc.record({ name: fc.nat(8), after: fc.integer({ min: 0, max: 90 }) }), { maxLength: 80 })
    fc.assert(fc.property(fc.integer({ min: 1, max: 5 }), uses, (most, uses) => {
      const names = new RecentNames(most)
      const used: { name: string, at: number }[] = []
      let now = 0
      for (const { name: number, after } of uses) {
        now += after * MINUTE / 2
        const name = `${number}`
        const wait = names.wait(name, now)
        if (wait > 0) {
          assert.ok(wait <= HOUR)
          assert.equal(names.wait(name, now + wait), 0)
          continue
        }
        names.use(name, now)
        used.push({ name, at: now })
        // A use within a minute after another is not noted.
        const lately = new Set(used.filter(({ at }) => now - at < HOUR - MINUTE).map(({ name }) => name))
        assert.ok(lately.size <= most, `${[...lately].join()} are more than ${most}`)
      }
    }), { numRuns: 1000 })
  })

  it('make room in the order of their last use', () => {
    const names = new RecentNames(2)
    for (const [name, at] of [['a', 0], ['b', 5], ['a', 50]] as const) names.use(name, at * MINUTE)
    assert.equal(names.wait('c', 60 * MINUTE), 5 * MINUTE)
    names.use('c', 65 * MINUTE)
    assert.equal(names.wait('a', 65 * MINUTE), 0)
    assert.equal(names.wait('b', 65 * MINUTE), 45 * MINUTE)
  })

  it('are at rest an hour after the last use', () => {
    const names = new RecentNames(2)
    assert.ok(names.atRest(0))
    names.use('a', 0)
    names.use('b', 5 * MINUTE)
    assert.ok(!names.atRest(HOUR))
    assert.ok(names.atRest(HOUR + 5 * MINUTE))
  })

  it('are told apart however long they are', () => {
    const names = new RecentNames(1)
    names.use('x'.repeat(60_000), 0)
    assert.equal(names.wait('x'.repeat(60_000), 1), 0)
    assert.ok(names.wait('x'.repeat(59_999), 1) > 0)
  })
})
