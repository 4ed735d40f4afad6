import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { Schedule } from '../../devices/schedule.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { until } from '../helpers/within.ts'

describe('the schedule of simulated devices', () => {
  const t = useTeardown()

  it('does everything once, in the order of its times', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 200 }), async delays => {
      const schedule = new Schedule()
      const start = performance.now()
      const done: number[] = []
      for (const delay of delays) {
        schedule.at(start + delay, now => {
          assert.ok(now >= start + delay, 'not before its time')
          done.push(delay)
          return null
        })
      }
      await until(() => schedule.size === 0 && done.length === delays.length, 'that all is done')
      // What is due together is done together, so the order is that of the times.
      assert.deepEqual(done, delays.toSorted((a, b) => a - b))
      schedule.stop()
    }), { numRuns: 20 })
  })

  it('repeats what wants to be, and nothing after it was stopped', async () => {
    const schedule = new Schedule()
    t.after(() => schedule.stop())
    let often = 0
    let late = 0
    schedule.at(performance.now(), now => { often++; return now })
    schedule.at(performance.now() + 15, () => {
      late++
      schedule.stop()
      return performance.now()
    })
    await until(() => late === 1, 'that it is stopped')
    assert.ok(often >= 1)
    const before = often
    let turned = false
    setTimeout(() => { turned = true }, 50)
    await until(() => turned, 'that some time goes by')
    assert.deepEqual([often, late, schedule.size], [before, 1, 0])
    schedule.at(0, () => { late++; return null })
    assert.equal(schedule.size, 0)
  })

  it('uses one timer, which is set again for what comes earlier', async () => {
    const schedule = new Schedule()
    t.after(() => schedule.stop())
    const timers = (): number => process.getActiveResourcesInfo().filter(name => name === 'Timeout').length
    const before = timers()
    for (let i = 0; i < 2_000; i++) schedule.at(performance.now() + 60_000 + i, () => null)
    assert.equal(timers(), before + 1)
    let done = false
    schedule.at(performance.now() + 1, () => { done = true; return null })
    await until(() => done, 'that the earlier one is done')
    assert.equal(schedule.size, 2_000)
  })
})
