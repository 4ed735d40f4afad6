import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { describe, it } from 'mocha'
import mqttPacket, { type Packet } from 'mqtt-packet'
import { parse } from 'yaml'
import { addDevices } from '../../cli/devices.ts'
import { kinds } from '../../devices/kinds/index.ts'
import { readScenario } from '../../devices/index.ts'
import { Running, temporaryFolder } from '../helpers/cli-run.ts'
import { arrived, collect, newClient } from '../helpers/client.ts'
import { lastCounters } from '../helpers/devices.ts'
import { newFullServer, type FullServer } from '../helpers/full-server.ts'
import { MqttClient } from '../helpers/mqtt-client.ts'
import { useTeardown, type Teardown } from '../helpers/teardown.ts'
import { until } from '../helpers/within.ts'

const page = readFileSync(join(import.meta.dirname, '../../docs/devices.md'), 'utf8')

function block (language: string): string {
  return new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\`$`, 'm').exec(page)![1]!
}

describe('docs/devices.md', () => {
  it('has a scenario that can be played, and says of each kind what it is', () => {
    const scenario = readScenario(parse(block('yaml')))
    assert.ok('devices' in scenario)
    assert.deepEqual(scenario.devices.map(({ name }) => name), ['kitchen-lamp', 'kitchen-temperature-1', 'kitchen-temperature-2', 'kitchen-meter', 'hall-door', 'hall-motion'])
    const rows = Array.from(page.matchAll(/^\| `(\w+)` \|(.*)\|(.*)\|(.*)\|(.*)\|(.*)\|$/gm), ([, ...cells]) => cells.map(cell => cell!.trim()))
    assert.deepEqual(rows.map(([name]) => name), [...kinds.keys()])
    for (const [name, telemetry, every, qos, state, takes] of rows) {
      const kind = kinds.get(name!)!
      const model = kind.create(1, 'hall', 'one')
      const words = (text: string): string[] => Array.from(text.matchAll(/`(\w+)`/g), ([, word]) => word!)
      assert.equal(kind.every, Number(every!.slice(0, -1)) * (every!.endsWith('m') ? 60_000 : 1_000), name)
      assert.equal(String(kind.qos), qos, name)
      assert.deepEqual(words(telemetry!), model.readings(0).map(({ metric }) => metric), name)
      assert.deepEqual(words(state!), Object.keys(model.state(0)), name)
      const members = words(takes!.replaceAll(/\([^)]*\)/g, ''))
      if (model.command === undefined) assert.deepEqual(members, [], name)
      else assert.throws(() => model.command!(new Map(), 0), { message: `it says nothing to do: it takes ${members.join(', ')}` })
    }
  })

  it('names the options that there are, and the counters of the last line', () => {
    const program = new Command()
    addDevices(program)
    const described = Array.from(page.matchAll(/^\| `--.*?\|/gm), ([cell]) => Array.from(cell.matchAll(/--\w+/g), ([flag]) => flag)).flat()
    assert.deepEqual(described, ['--scenario', '--count', '--seed', '--duration', '--url', '--token'])
    for (const flag of described) assert.ok(program.commands[0]!.options.some(({ long }) => long === flag), flag)
    const counted = lastCounters(/^ended after .*$/m.exec(page)![0])
    assert.deepEqual(Object.keys(counted), ['devices', 'published', 'acknowledged', 'commands', 'results', 'errors', 'reconnects', 'dropped', 'wills'])
    for (const name of ['published', 'acknowledged', 'commands', 'results', 'dropped', 'wills']) assert.match(page, new RegExp(`\\*${name}\\*`))
  })
})

describe('the example of a device in Python', function () {
  this.timeout(60_000)
  const t = useTeardown()

  /** Runs it with the Python that Debian's packages are for. `tokens` are what it gets one after the other, by spaces. */
  function python (t: Teardown, server: FullServer, tokens: string, { input = '', inputStays = false }: { input?: string, inputStays?: boolean }): Running {
    const file = join(temporaryFolder(t), 'device.py')
    const code = block('python').replace('return os.environ["FOYER_TOKEN"]', 'return TOKENS.pop(0)')
    assert.match(code, /TOKENS\.pop/)
    writeFileSync(file, `import os\nTOKENS = os.environ["FOYER_TOKEN"].split()\n${code}`)
    return new Running(t, ['/usr/bin/python3', file], { env: { MQTT_PORT: String(server.ports.mqtt), FOYER_TOKEN: tokens }, input, inputStays })
  }

  it('says that it is there, measures, and is gone in the end', async () => {
    const server = await newFullServer(t)
    const room = await (await newClient(t, { url: server.mqttUrl, token: server.token('ann') })).join('kitchen')
    const [states, readings] = [collect(room, 'state'), collect(room, 'telemetry')]
    const { code, stderr } = await python(t, server, server.token('sensor-7', { kitchen: 'device' }), { input: '21.5\n22\n' }).ended
    assert.deepEqual([code, stderr], [0, ''])
    await arrived(readings, 2)
    await arrived(states, 2)
    assert.deepEqual(readings.map(({ topic, payload, qos }) => [topic, payload, qos]), [['rooms/kitchen/telemetry/sensor-7/temperature', 21.5, 1], ['rooms/kitchen/telemetry/sensor-7/temperature', 22, 1]])
    assert.deepEqual(states.map(({ payload }) => payload), [{ online: true }, { online: false }])
  })

  it('obeys, renews its token, and leaves a will', async () => {
    const server = await newFullServer(t, { 'auth.clockTolerance': '0s' })
    const room = await (await newClient(t, { url: server.mqttUrl, token: server.token('ann') })).join('kitchen')
    const states = collect(room, 'state')
    const grants = { kitchen: 'device' }
    const expires = Date.now() + 8_000
    // With less than a minute to go it is told at once that its token expires.
    const running = python(t, server, [server.token('sensor-7', grants, 8), server.token('sensor-7', grants)].join(' '), { inputStays: true })
    await arrived(states, 1)
    assert.equal(((await room.command('sensor-7', { on: true })).payload as { done: unknown }).done, true)
    await until(() => Date.now() > expires + 1_000, 'that the first token has expired', 20_000)
    assert.equal(((await room.command('sensor-7', { on: false })).payload as { done: unknown }).done, true)
    assert.equal(states.length, 1, 'it was there all the time')
    assert.equal((await running.stop('SIGKILL')).stderr, '')
    await arrived(states, 2)
    assert.deepEqual(states[1]!.payload, { online: false })
  })

  it('says what was refused', async () => {
    const server = await newFullServer(t, {}, 'channels: { telemetry: off }')
    const running = python(t, server, server.token('sensor-7', { kitchen: 'device' }), { input: '21.5\n', inputStays: true })
    await running.says(/^refused: \{"code":"topic",.*"topic":"rooms\/kitchen\/telemetry\/sensor-7\/temperature"/m, 'stderr')
    await running.stop('SIGKILL')
    const { code, stderr } = await python(t, server, 'open sesame', { inputStays: true }).ended
    assert.match(stderr, /^refused: /m)
    assert.equal(code, 1)
  })
})

describe('the example of a device on an ESP32', function () {
  this.timeout(60_000)
  const t = useTeardown()
  const sketch = block('cpp')
  const text = (name: string): string => new RegExp(`char\\* ${name} = "(.*?)";`).exec(sketch)![1]!
  const number = (name: string): number => Number(new RegExp(`uint16_t ${name} = (\\d+);`).exec(sketch)![1])
  /** PubSubClient keeps five bytes for the fixed header, whatever it takes. */
  const size = (packet: Packet): number => mqttPacket.generate(packet).length + 3
  const published = (topic: string, payload: string): number => size({ cmd: 'publish', topic, payload, qos: 0, retain: false, dup: false })

  it('fits into the buffers that it speaks of', async () => {
    const server = await newFullServer(t)
    const name = text('NAME')
    const token = server.token(name, { kitchen: 'device' }, 30 * 24 * 3600)
    const connect = { cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean: false, clientId: name, keepalive: number('KEEPALIVE'), username: name, will: { topic: text('STATE'), payload: Buffer.from('{"online":false}'), qos: 1, retain: true } } as const
    assert.ok(size({ ...connect, password: Buffer.from(token) }) <= number('BUFFER'))
    assert.ok(size({ ...connect, password: Buffer.from(token) }) > 256, 'the one that it has by itself is too small')
    assert.ok(size({ ...connect, password: Buffer.from('x'.repeat(32)) }) <= 256, 'with a password it would do')
    assert.ok(published('$me/auth/refresh', token) <= number('BUFFER'))
    // What the server says aside is less than 160 bytes.
    for (const topic of ['$me/errors', '$me/auth/expiring', '$me/auth/refreshed', '$me/replay']) assert.ok(published(topic, 'x'.repeat(159)) <= 256, topic)
    assert.ok(published(text('STATE'), '{"online":false}') <= 256)
    assert.ok(published(text('RESULTS'), `{"ref":"${'x'.repeat(64)}","done":true}`) <= 256)
  })

  it('is understood: by what it sends a device is seen, measures, and obeys with an answer', async () => {
    const server = await newFullServer(t)
    const [name, state] = [text('NAME'), text('STATE')]
    const room = await (await newClient(t, { url: server.mqttUrl, token: server.token('ann') })).join('kitchen')
    const [states, readings] = [collect(room, 'state'), collect(room, 'telemetry')]
    const device = await MqttClient.connect(t, { port: server.ports.mqtt, clean: false, clientId: name, keepalive: number('KEEPALIVE'), username: name, password: Buffer.from(server.token(name, { kitchen: 'device' })), will: { topic: state, payload: Buffer.from('{"online":false}'), qos: 1, retain: true } })
    device.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: '$me/errors', qos: 0 }] })
    device.send({ cmd: 'subscribe', messageId: 2, subscriptions: [{ topic: text('COMMANDS'), qos: 1 }] })
    device.publish(state, '{"online":true}', { qos: 0, retain: true })
    device.publish(text('TEMPERATURE'), '21.5', { qos: 0 })
    await arrived(readings, 1)
    const commanding = room.command(name, { on: true })
    await until(() => device.inbox.some(({ cmd }) => cmd === 'publish'), 'that the command is there')
    const command = device.inbox.find(packet => packet.cmd === 'publish')!
    assert.equal(command.topic, text('COMMANDS'))
    assert.equal(command.qos, 1)
    assert.ok(size(command) <= 256, 'a short command fits')
    const ref = /"ref":"(.*?)"/.exec(command.payload.toString())![1]!
    device.publish(text('RESULTS'), `{"ref":"${ref}","done":true}`, { qos: 0 })
    assert.equal(((await commanding).payload as { done: boolean }).done, true)
    device.socket.destroy()
    await arrived(states, 2)
    assert.deepEqual(states.map(({ payload }) => payload), [{ online: true }, { online: false }])
  })
})
