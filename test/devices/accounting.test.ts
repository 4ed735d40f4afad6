import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'mocha'
import { rounds } from '../helpers/attack-target.ts'
import { request } from '../helpers/bridge-server.ts'
import { history, serveWithSecret, token } from '../helpers/cli-serve.ts'
import { newClient } from '../helpers/client.ts'
import { lastCounters, runDevices } from '../helpers/devices.ts'
import { Scrape } from '../helpers/observe.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { until } from '../helpers/within.ts'

const COUNT = rounds(2_000, 100)
const SECONDS = rounds(600, 10)
/** Between two orders to a lamp. */
const PAUSE_MS = rounds(1_000, 200)
/** Of 2,000 devices in one process, some hundred kilobytes each. */
const MOST_MEMORY = 600 * 1024 * 1024
const GROWTH = 96 * 1024 * 1024

function memoryOf (pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024
}

describe('the counters of devices and of the server', function () {
  this.timeout(SECONDS * 1_000 + 120_000)
  const t = useTeardown()

  it(`agree to the message (${COUNT} devices, ${SECONDS} s)`, async () => {
    const served = await serveWithSecret(t)
    const url = `mqtt://127.0.0.1:${served.ports.mqtt}`
    const scrape = async (): Promise<Scrape> => new Scrape((await request(`http://127.0.0.1:${served.ports.http}/metrics`)).text)
    const running = runDevices(t, ['--url', url, '--count', String(COUNT)])
    await until(async () => (await scrape()).get('foyer_connections') === COUNT, 'that all are there', 60_000)

    // Somebody has lamps switched on and off meanwhile, and says things that make no sense.
    const owner = await newClient(t, { url, token: token('ann') })
    const hall = await owner.join('hall', { filters: ['results/#'] })
    const started = performance.now()
    const early = memoryOf(running.pid)
    let orders = 0
    let most = 0
    do {
      await hall.command('hall-lamp', { toggle: true })
      await assert.rejects(hall.command('hall-lamp', { brightness: 0 }), { code: 'commandFailed' })
      orders += 2
      most = Math.max(most, memoryOf(running.pid))
      await new Promise(resolve => setTimeout(resolve, PAUSE_MS))
    } while (performance.now() - started < SECONDS * 1_000)

    const { code, stdout, stderr } = await running.stop('SIGINT', 60_000)
    assert.equal(stderr, '')
    assert.equal(code, 0)
    const counted = lastCounters(stdout)
    assert.deepEqual({ ...counted, published: 0, acknowledged: 0 }, { devices: COUNT, published: 0, acknowledged: 0, commands: orders, results: orders, errors: 0, reconnects: 0, dropped: 0, wills: COUNT })
    assert.ok(counted.acknowledged > COUNT && counted.published > counted.acknowledged + COUNT / 4, stdout)

    const expected = counted.published + counted.wills + owner.sent
    let last = await scrape()
    const told = (): string => `${last.get('foyer_messages_received_total')} received, ${last.get('foyer_messages_accepted_total')} accepted, ${expected} = ${counted.published} + ${counted.wills} + ${owner.sent} sent`
    // Received is counted as it comes, accepted when it is on the disk: 2,000 last wills at once take a moment.
    await until(async () => {
      last = await scrape()
      return last.get('foyer_messages_accepted_total') >= expected
    }, 'that the last wills are stored', 20_000).catch((error: unknown) => { throw new Error(told(), { cause: error }) })
    assert.equal(last.get('foyer_messages_received_total'), expected, told())
    assert.equal(last.get('foyer_messages_accepted_total'), expected, told())
    assert.deepEqual(last.counted('foyer_messages_refused_total'), {})
    assert.equal(last.get('foyer_messages_stored_total'), expected)

    // And history has them.
    const results = await history(served.ports.http, token('ann'), 'hall', '?filter=results/%23&limit=1000')
    assert.equal(results.length, Math.min(1_000, orders))
    assert.ok(most < MOST_MEMORY, `${Math.round(most / 1e6)} MB`)
    assert.ok(most - early < GROWTH, `grew by ${Math.round((most - early) / 1e6)} MB`)
    assert.deepEqual(served.log().filter(({ level }) => Number(level) >= 40), [])
  })
})
