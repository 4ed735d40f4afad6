import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { Client } from '../../client/index.ts'
import { temporaryFolder } from '../helpers/cli-run.ts'
import { serveWithSecret, token } from '../helpers/cli-serve.ts'
import { arrived, collect, newClient } from '../helpers/client.ts'
import { adjust, newFleet, runDevices } from '../helpers/devices.ts'
import { FrozenProxy } from '../helpers/frozen-proxy.ts'
import { newFullServer } from '../helpers/full-server.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { until } from '../helpers/within.ts'

const TIMES = 60

/** 20.1, 20.2, ...: each command was done, none of them twice, in order. */
const TARGETS = Array.from({ length: TIMES }, (_, i) => Number((20 + (i + 1) / 10).toFixed(2)))

/** The last state of the thermostat, as it is kept. */
async function stateNow (eve: Client): Promise<Record<string, unknown>> {
  const room = await eve.join('hall', { filters: ['state/hall-thermostat'] })
  const states = collect(room, 'state')
  await arrived(states, 1)
  await room.leave()
  return states[0]!.payload as Record<string, unknown>
}

describe('a simulated thermostat on a network', function () {
  this.timeout(90_000)
  const t = useTeardown()

  it('obeys, tells its state and its result, and says why it does not', async () => {
    const server = await newFullServer(t)
    const { fleet, errors } = await newFleet(t, { hall: ['thermostat'] }, { url: server.mqttUrl, token: server.token })
    const room = await (await newClient(t, { url: server.mqttUrl, token: server.token('ann') })).join('hall')
    const states = collect(room, 'state')
    const { payload } = await room.command('hall-thermostat', { target: 23, mode: 'off' })
    const { target, mode, temperature } = payload as Record<string, unknown>
    assert.deepEqual([target, mode, typeof temperature], [23, 'off', 'number'])
    await until(() => states.some(({ payload }) => (payload as { target: number }).target === 23), 'that its state shows it')
    assert.deepEqual(states.at(-1)!.payload, { online: true, target: 23, mode: 'off', heating: false })
    await assert.rejects(room.command('hall-thermostat', { target: 'hot' }), { code: 'commandFailed', message: /target is a number from 5 to 30, not "hot"/ })
    await assert.rejects(room.command('hall-thermostat', { temperature: 20 }), { code: 'commandFailed', message: /it knows nothing of "temperature": it takes target, adjust, mode/ })
    assert.deepEqual(errors, [])
    const { commands, results } = fleet.counters
    assert.deepEqual([commands, results], [3, 3])
  })

  it('obeys each command once over a kill of the server', async () => {
    const dataDir = `${temporaryFolder(t)}/data`
    let served = await serveWithSecret(t, { dataDir })
    const proxy = await FrozenProxy.open(t, served.ports.mqtt)
    const url = `mqtt://127.0.0.1:${proxy.port}`
    const { fleet, errors, lost } = await newFleet(t, { hall: ['thermostat'] }, { url, token })
    const client = await newClient(t, { url, token: token('ann') })
    const adjusting = adjust(client, 'hall', 'hall-thermostat', TIMES)
    await until(() => fleet.counters.commands >= 10, 'that some are done')
    await served.process.stop('SIGKILL')
    served = await serveWithSecret(t, { dataDir })
    proxy.target = served.ports.mqtt
    assert.deepEqual(await adjusting, TARGETS)
    const eve = await newClient(t, { url, token: token('eve') })
    await until(async () => (await stateNow(eve)).target === 26, 'that its state is the last one')
    const { commands, results, reconnects } = fleet.counters
    assert.deepEqual([commands, results, reconnects], [TIMES, TIMES, 1])
    assert.deepEqual(errors, [])
    assert.deepEqual(lost, ['hall-thermostat [unreachable]'])
  })

  it('obeys each command once over a network that freezes', async () => {
    const server = await newFullServer(t)
    const proxy = await FrozenProxy.open(t, server.ports.mqtt)
    let noticed = false
    const { fleet, errors, lost } = await newFleet(t, { hall: ['thermostat'] }, {
      url: `mqtt://127.0.0.1:${proxy.port}`,
      token: server.token,
      keepalive: 1,
      onLost: () => { noticed = true }
    })
    const client = await newClient(t, { url: server.mqttUrl, token: server.token('ann') })
    // What it answers to the first commands is still on its way when the network freezes, and lost.
    proxy.delay = 200
    const adjusting = adjust(client, 'hall', 'hall-thermostat', TIMES)
    await until(() => fleet.counters.commands > 0, 'that the first is done')
    proxy.freeze()
    proxy.delay = 0
    await until(() => noticed && server.log.some(({ code }) => code === 'keepalive'), 'that both ends notice', 20_000)
    proxy.cut()
    proxy.thaw()
    assert.deepEqual(await adjusting, TARGETS)
    const eve = await newClient(t, { url: server.mqttUrl, token: server.token('eve') })
    await until(async () => (await stateNow(eve)).target === 26, 'that its state is the last one')
    assert.deepEqual([fleet.counters.commands, fleet.counters.results], [TIMES, TIMES])
    // The server says to who returns why it was given up, which is no refusal.
    await until(() => lost.length === 2, 'that it is told why')
    assert.deepEqual(lost, ['hall-thermostat [unreachable]', 'hall-thermostat [keepalive]'])
    assert.deepEqual(errors, [])
    assert.deepEqual([fleet.counters.errors, fleet.counters.reconnects], [0, 1])
  })
})

describe('foyer devices that are killed', function () {
  this.timeout(60_000)
  const t = useTeardown()

  it('are offline by their wills, and online again when they come back', async () => {
    const served = await serveWithSecret(t)
    const url = `mqtt://127.0.0.1:${served.ports.mqtt}`
    const client = await newClient(t, { url, token: token('ann') })
    const online = new Map<string, unknown>()
    for (const room of ['living-room', 'kitchen', 'bedroom', 'hall']) {
      (await client.join(room, { filters: ['state/+'] })).on('state', ({ device, payload }) => online.set(device!, (payload as { online: unknown }).online))
    }
    const all = (wanted: boolean): boolean => online.size === 20 && [...online.values()].every(is => is === wanted)
    const first = runDevices(t, ['--url', url])
    await until(() => all(true), 'that all are there', 20_000)
    await first.stop('SIGKILL')
    await until(() => all(false), 'that none is there', 20_000)
    const second = runDevices(t, ['--url', url])
    await until(() => all(true), 'that all are back', 20_000)
    const { code, stderr } = await second.stop('SIGINT')
    assert.deepEqual([code, stderr], [0, ''])
    await until(() => all(false), 'that an orderly end is one, too', 20_000)
  })
})
