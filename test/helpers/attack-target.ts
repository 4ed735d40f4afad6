import assert from 'node:assert/strict'
import { after, afterEach, before } from 'mocha'
import type { Snapshot } from './attack-broker.ts'
import { Canary } from './attack-canary.ts'
import { BrokerProcess } from './attack-process.ts'
import type { Keys } from './foyer.ts'
import { useTeardown, type Teardown } from './teardown.ts'
import { until } from './within.ts'

/** How many rounds a repeated attack takes: the full number in the long run. */
export function rounds (long: number, short: number): number {
  return process.env.FOYER_TEST_LONG === '1' ? long : short
}

/** By how much the process may have grown since it started: the heap of a busy one, and no more. */
const GROWTH = 192 * 1024 * 1024

/** The broker under attack, and what must hold after every attack. */
export interface Target extends Teardown {
  readonly broker: BrokerProcess
  readonly canary: Canary
  readonly port: number
}

/**
 * Call inside `describe`: one broker process for all of its tests. After each test its clients are gone, and then the
 * process must be alive, healthy clients be served, nothing of the attackers be left, and no error have been logged.
 */
export function useTarget (keys: Keys = {}, yaml = ''): Target {
  let broker: BrokerProcess
  let canary: Canary
  let baseline: Snapshot
  const ends: (() => unknown)[] = []
  const t = useTeardown()
  before(async function () {
    this.timeout(60_000)
    // Who is gone is gone: no test has to wait until that is believed.
    broker = await BrokerProcess.start({ 'presence.grace': '0s', ...keys }, yaml)
    canary = await Canary.start({ after: work => { ends.push(work) } }, broker)
    await canary.sing()
    // It has joined its room, and the roster has its entry.
    await until(async () => (baseline = await broker.snapshot()).participants === 1 && baseline.retained === 1, 'that the canary is seen')
  })
  afterEach(async () => {
    await canary.sing()
    let now = await broker.snapshot()
    const left = (): string => (['connections', 'sessions', 'subscriptions', 'retained', 'participants', 'waiting'] as const)
      .filter(name => now[name] !== baseline[name]).map(name => `${name}: ${now[name]} instead of ${baseline[name]}`).join(', ')
    await until(async () => {
      if (left() === '') return true
      now = await broker.snapshot()
      return left() === ''
    }, 'the return to the state before the attack').catch((error: unknown) => { throw new Error(`the attack left something: ${left()}`, { cause: error }) })
    assert.ok(now.rss - baseline.rss < GROWTH, `the process grew by ${Math.round((now.rss - baseline.rss) / 1e6)} MB`)
    assert.deepEqual(broker.takeLog().filter(line => Number(line.level) >= 50), [], 'errors were logged')
  })
  after(async () => {
    for (const end of ends) await end()
    // Where it did not start there is nothing to stop.
    await (broker as BrokerProcess | undefined)?.stop()
  })
  return {
    get broker () { return broker },
    get canary () { return canary },
    get port () { return broker.port },
    after: t.after
  }
}
