import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { RestingTable } from '../../../broker/admission/resting-table.ts'
import { TokenBucket } from '../../../broker/admission/token-bucket.ts'

const bucket = fc.record({
  rate: fc.oneof(fc.integer({ min: 1, max: 100_000 }), fc.double({ min: 0.001, max: 10, noNaN: true })),
  burst: fc.oneof(fc.integer({ min: 1, max: 1000 }), fc.double({ min: 0.5, max: 10, noNaN: true }))
})
const start = fc.double({ min: 0, max: 1e9, noNaN: true })
/** What is asked for, in hundredths of the burst, and after how many hundredths of the time in which it fills. */
const asks = fc.array(fc.record({ after: fc.oneof(fc.constant(0), fc.integer({ max: 150, min: 0 })), amount: fc.integer({ min: 0, max: 300 }) }), { maxLength: 60 })

describe('a token bucket', () => {
  it('never lets more than the burst and what the rate earns pass, in any window', () => {
    fc.assert(fc.property(bucket, start, asks, ({ rate, burst }, start, asks) => {
      const bucket = new TokenBucket(rate, burst)
      const passed: { at: number, amount: number }[] = []
      let now = start
      for (const ask of asks) {
        now += ask.after / 100 * burst / rate * 1000
        const amount = ask.amount / 100 * burst
        if (bucket.take(amount, now) === 0) passed.push({ at: now, amount })
      }
      for (const [i, first] of passed.entries()) {
        let sum = 0
        let largest = burst
        for (const { at, amount } of passed.slice(i)) {
          sum += amount
          // One that is larger than the burst may pass when the bucket is full.
          largest = Math.max(largest, amount)
          assert.ok(sum <= (largest + rate * (at - first.at) / 1000) * (1 + 1e-6) + 1e-6, `${sum} passed in ${at - first.at} ms`)
        }
      }
    }), { numRuns: 500 })
  })

  it('never starves: after the wait that it tells, the same amount passes, and no wait is longer than it takes to fill', () => {
    fc.assert(fc.property(bucket, start, asks, ({ rate, burst }, start, asks) => {
      const bucket = new TokenBucket(rate, burst)
      let now = start
      let owed = 0
      for (const ask of asks) {
        const amount = ask.amount / 100 * burst
        const wait = bucket.take(amount, now)
        assert.ok(wait <= Math.max(burst, owed) / rate * 1000 + 2, `${wait} ms`)
        if (wait > 0) {
          now += wait
          assert.equal(bucket.take(amount, now), 0)
        }
        owed = amount
      }
    }), { numRuns: 500 })
  })

  it('takes nothing when it is only asked, or says no', () => {
    const bucket = new TokenBucket(10, 5)
    for (let i = 0; i < 10; i++) assert.equal(bucket.wait(5, 1000), 0)
    assert.equal(bucket.take(5, 1000), 0)
    for (let i = 0; i < 10; i++) assert.equal(bucket.take(1, 1000), 101)
    assert.equal(bucket.take(1, 1100), 0)
  })

  it('says how much is left', () => {
    const bucket = new TokenBucket(10, 5)
    assert.equal(bucket.left(1000), 5)
    bucket.take(2, 1000)
    for (const [now, left] of [[1000, 3], [1099, 3], [1100, 4], [1200, 5], [9000, 5]] as const) assert.equal(bucket.left(now), left)
    bucket.spend(20, 9000)
    assert.equal(bucket.left(9000), 0)
  })

  it('is at rest when it is full, and not before', () => {
    const bucket = new TokenBucket(10, 5)
    assert.ok(bucket.atRest(1000))
    bucket.take(2, 1000)
    assert.ok(!bucket.atRest(1199))
    assert.ok(bucket.atRest(1200))
  })
})

describe('the table of what is not at rest', () => {
  it('stays as large as what is in use, however many names pass by', () => {
    const table = new RestingTable(() => new TokenBucket(1000, 1))
    let largest = 0
    // Each is in use for one millisecond, and a hundred names pass in each.
    for (let i = 0; i < 200_000; i++) {
      table.get(`${i}`, i / 100).take(1, i / 100)
      largest = Math.max(largest, table.size)
    }
    assert.ok(largest <= 1000, `${largest} were kept`)
  })

  it('keeps what is in use, so that nobody gets a second burst by letting others pass', () => {
    const table = new RestingTable(() => new TokenBucket(1, 2))
    assert.equal(table.get('ann', 0).take(2, 0), 0)
    for (let i = 0; i < 50_000; i++) table.get(`${i}`, 1)
    assert.ok(table.get('ann', 1).take(1, 1) > 0)
  })

  it('is bounded when everything is in use, too: those made first are forgotten, and told so', () => {
    const forgotten: number[] = []
    let made = 0
    const table = new RestingTable(() => {
      const number = made++
      return { atRest: () => false, forgotten: () => { forgotten.push(number) } }
    }, 2000)
    for (let i = 0; i < 20_000; i++) {
      table.get(`${i}`, 0)
      assert.ok(table.size <= 2000)
    }
    assert.deepEqual(forgotten, Array.from({ length: forgotten.length }, (_, i) => i))
    assert.equal(forgotten.length + table.size, 20_000)
  })
})
