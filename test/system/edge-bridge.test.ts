import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import net, { type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, it } from 'mocha'
import { newBroker, type TestBroker } from '../helpers/foyer.ts'
import { MqttClient } from '../helpers/mqtt-client.ts'
import { useTeardown, type Teardown } from '../helpers/teardown.ts'

const FILE = new URL('../../mosquitto.conf', import.meta.url)
const STATE = 'rooms/kitchen/state/lamp'

async function freePort (): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** The shipped file with other ports and a token, and nothing else changed. */
function configuration (port: number, foyer: TestBroker): string {
  const changes: [RegExp, string][] = [
    [/^listener 1884 /m, `listener ${port} `],
    [/^address 127\.0\.0\.1:1883$/m, `address 127.0.0.1:${foyer.port}`],
    [/^remote_password PASTE-THE-TOKEN-HERE$/m, `remote_password ${foyer.token('edge', { kitchen: 'gateway' })}`]
  ]
  let text = readFileSync(FILE, 'utf8')
  for (const [pattern, replacement] of changes) {
    assert.match(text, pattern)
    text = text.replace(pattern, replacement)
  }
  return text
}

/** A real Mosquitto with the shipped file; resolves when its bridge has subscribed at Foyer. */
async function startEdge (t: Teardown, foyer: TestBroker): Promise<{ port: number, stop: () => Promise<void>, start: () => Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'foyer-edge-'))
  t.after(() => { rmSync(folder, { recursive: true, force: true }) })
  const port = await freePort()
  const file = join(folder, 'mosquitto.conf')
  writeFileSync(file, configuration(port, foyer))
  let stop = async (): Promise<void> => {}
  const start = async (): Promise<void> => {
    const { connections } = foyer.broker.stats()
    const edge = spawn('mosquitto', ['-c', file], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin` } })
    let said = ''
    edge.stdout.on('data', (chunk: Buffer) => { said += chunk.toString() })
    edge.stderr.on('data', (chunk: Buffer) => { said += chunk.toString() })
    const gone = once(edge, 'exit')
    stop = async () => {
      edge.kill()
      await gone
    }
    t.after(() => stop())
    const deadline = Date.now() + 10_000
    while (foyer.broker.stats().connections === connections || foyer.broker.stats().subscriptions < 2) {
      assert.equal(edge.exitCode, null, `mosquitto ended: ${said}`)
      assert.ok(Date.now() < deadline, `the bridge did not connect: ${said}\n${JSON.stringify(foyer.log.slice(-5))}`)
      await sleep(20)
    }
  }
  await start()
  return { port, start, stop: () => stop() }
}

async function owner (t: Teardown, foyer: TestBroker): Promise<MqttClient> {
  return await MqttClient.connect(t, { port: foyer.port, clientId: 'desk', username: 'desk', password: Buffer.from(foyer.token('desk', { kitchen: 'owner' })) })
}

describe('the edge: a Mosquitto with mosquitto.conf', () => {
  const t = useTeardown()

  it('passes what devices publish on to the room, at QoS 1', async () => {
    const foyer = await newBroker(t)
    const edge = await startEdge(t, foyer)
    const desk = await owner(t, foyer)
    await desk.subscribe('rooms/kitchen/telemetry/#', 1)
    const device = await MqttClient.connect(t, { port: edge.port, clientId: 'oven' })
    device.publish('rooms/kitchen/telemetry/oven/temperature', '181', { qos: 1, messageId: 1 })
    await device.take('puback')
    const { topic, payload, qos } = await desk.message()
    // Readings are QoS 0 by default, and go out as they came in.
    assert.deepEqual([topic, payload.toString(), qos], ['rooms/kitchen/telemetry/oven/temperature', '181', 1])
  })

  it('gives devices what the room sends them: states at QoS 1, commands at QoS 2', async () => {
    const foyer = await newBroker(t)
    const edge = await startEdge(t, foyer)
    const device = await MqttClient.connect(t, { port: edge.port, clientId: 'lamp' })
    await device.subscribe([STATE, 'rooms/kitchen/commands/lamp'], 2)
    const desk = await owner(t, foyer)
    desk.publish(STATE, 'off', { qos: 1, messageId: 1 })
    const state = await device.message()
    assert.deepEqual([state.topic, state.payload.toString(), state.qos], [STATE, 'off', 1])
    device.send({ cmd: 'puback', messageId: state.messageId! })
    desk.publish('rooms/kitchen/commands/lamp', '{"turn":"on"}', { qos: 2, messageId: 2 })
    const command = await device.message()
    assert.equal(command.qos, 2)
    const { turn, sender } = JSON.parse(command.payload.toString()) as Record<string, unknown>
    assert.deepEqual({ turn, sender }, { turn: 'on', sender: 'desk' })
  })

  it('makes no loop out of topics that go both ways', async () => {
    const foyer = await newBroker(t)
    const edge = await startEdge(t, foyer)
    const device = await MqttClient.connect(t, { port: edge.port, clientId: 'lamp' })
    await device.subscribe(STATE, 1)
    const desk = await owner(t, foyer)
    await desk.subscribe(STATE, 1)
    device.publish(STATE, 'from the edge', { qos: 1, messageId: 1, retain: true })
    assert.equal((await desk.message()).payload.toString(), 'from the edge')
    desk.publish(STATE, 'from the room', { qos: 1, messageId: 2 })
    await desk.take('puback')
    // A loop would show within milliseconds.
    await sleep(300)
    assert.deepEqual(desk.inbox.filter(({ cmd }) => cmd === 'publish').map((packet) => 'payload' in packet && String(packet.payload)), ['from the room'])
    const atTheEdge = device.inbox.filter(({ cmd }) => cmd === 'publish').map((packet) => 'payload' in packet && String(packet.payload))
    assert.deepEqual(atTheEdge, ['from the edge', 'from the room'])
    assert.equal(foyer.broker.stats().received, 2)
    assert.deepEqual([...foyer.broker.stats().refused], [])
  })

  it('gets after a restart what the room sent meanwhile', async () => {
    const foyer = await newBroker(t)
    const edge = await startEdge(t, foyer)
    await edge.stop()
    const desk = await owner(t, foyer)
    desk.publish(STATE, 'while it was away', { qos: 1, messageId: 1 })
    await desk.take('puback')
    await edge.start()
    const device = await MqttClient.connect(t, { port: edge.port, clientId: 'lamp' })
    await device.subscribe(STATE, 1)
    assert.equal((await device.message()).payload.toString(), 'while it was away')
  })
})
