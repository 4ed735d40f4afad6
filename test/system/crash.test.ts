import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { seed } from '../helpers/attack-seed.ts'
import { rounds } from '../helpers/attack-target.ts'
import { CrashRun } from '../helpers/crash-run.ts'
import { anHourEarlier, CrashServer, type Environment } from '../helpers/crash-server.ts'
import { useTeardown } from '../helpers/teardown.ts'

const ROUNDS = rounds(20, 2)

describe(`a server that is killed again and again under load (seed ${seed})`, function () {
  this.timeout(ROUNDS * 15_000 + 120_000)
  const t = useTeardown()

  /** One round, with enough on the way at the kill that it is worth something. */
  async function round (run: CrashRun, env?: Environment): Promise<void> {
    const open = await run.round(env)
    assert.ok(open >= 20, `only ${open} exchanges were open at the kill`)
  }

  async function end (run: CrashRun): Promise<void> {
    const wrong = await run.end()
    if (wrong.length > 0) assert.fail([`seed ${seed}, ${run.summary}:`, ...wrong].join('\n  '))
  }

  for (const { qos, promise } of [
    { qos: 1, promise: 'loses nothing that it acknowledged, and repeats nothing without saying so' },
    { qos: 2, promise: 'stores and delivers every message exactly once' }
  ] as const) {
    it(`${promise} (QoS ${qos})`, async () => {
      const run = new CrashRun(t, new CrashServer(t), { qos, seed })
      await run.begin()
      for (let i = 0; i < ROUNDS; i++) await round(run)
      await end(run)
    })
  }

  it('keeps order and loses nothing when the clock is an hour back after a kill', async () => {
    const earlier = await anHourEarlier(t)
    const server = new CrashServer(t)
    const run = new CrashRun(t, server, { qos: 1, seed })
    await run.begin()
    // The second time the newest positions on disk are ahead of the clock before and after the kill.
    for (let i = 0; i < 2; i++) {
      await round(run, earlier)
      assert.ok(server.startedAt < Date.now() - 50 * 60_000, 'the clock was not set back')
    }
    await end(run)
  })
})
