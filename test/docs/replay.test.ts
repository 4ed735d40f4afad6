import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'mocha'
import { connectAsync } from 'mqtt'
import { newClient } from '../helpers/client.ts'
import { ROOT, Running, temporaryFolder } from '../helpers/cli-run.ts'
import { newFullServer } from '../helpers/full-server.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { until } from '../helpers/within.ts'

/** What the document shows for Paho, with what any program of Paho has around it. */
function program (): string {
  const [, snippet] = /^```python\n([^]*?)^```/m.exec(readFileSync(join(ROOT, 'docs/replay.md'), 'utf8'))!
  return `
import os
import paho.mqtt.client as mqtt

def on_message(client, userdata, message):
    print('replayed', message.topic, message.payload.decode(), flush=True)

def on_other(client, userdata, message):
    print('missed', message.topic, flush=True)

try:
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
except AttributeError:
    client = mqtt.Client()
client.username_pw_set('me', os.environ['TOKEN'])
client.on_message = on_other
client.connect('127.0.0.1', int(os.environ['PORT']))
${snippet}
client.loop_forever()
`
}

describe('the example of a replay in Paho', () => {
  const t = useTeardown()

  it('has its callback called for stored and for live messages', async () => {
    const server = await newFullServer(t)
    const room = await (await newClient(t, { url: server.mqttUrl, token: server.token('ann') })).join('lobby')
    for (const text of ['one', 'two']) await room.send({ text })
    const file = join(temporaryFolder(t), 'replay.py')
    writeFileSync(file, program())
    const running = new Running(t, ['env', `TOKEN=${server.token('bob')}`, `PORT=${server.ports.mqtt}`, '/usr/bin/python3', file])
    await running.says(/"two"/)
    await room.send({ text: 'three' })
    await until(() => /"three"/.test(running.stdout), 'that the live one comes')
    assert.deepEqual(running.stdout.trim().split('\n').map(line => /^(\w+) rooms\/lobby\/messages .*"text":"(\w+)"/.exec(line)?.slice(1)), [['replayed', 'one'], ['replayed', 'two'], ['replayed', 'three']])
  })
})

/** Whether an *mqtt in* node of Node-RED takes a topic, as `matchTopic` of its 10-mqtt.js says. */
function nodeTakes (filter: string, topic: string): boolean {
  if (filter === '#') return true
  const plain = filter.startsWith('$share') ? filter.replace(/^\$share\/[^#+/]+\/(.*)/g, '$1') : filter
  return new RegExp('^' + plain.replace(/([[\]?()\\$^*.|])/g, '\\$1').replace(/\+/g, '[^/]+').replace(/\/#$/, '(/.*)?') + '$').test(topic)
}

describe('the two nodes of a replay in Node-RED', () => {
  const t = useTeardown()

  it('get stored and live messages by the one with the inner filter, each once', async () => {
    const server = await newFullServer(t)
    const room = await (await newClient(t, { url: server.mqttUrl, token: server.token('ann') })).join('lobby')
    const texts = ['one', 'two', 'three']
    for (const text of texts.slice(0, 2)) await room.send({ text })
    // What Node-RED does with mqtt.js: a SUBSCRIBE for each node, and each message is offered to all of them.
    const nodes = ['$replay/10m/rooms/lobby/messages', 'rooms/lobby/messages']
    const taken: string[][] = nodes.map(() => [])
    const client = await connectAsync(server.mqttUrl, { protocolVersion: 4, username: 'me', password: server.token('bob') })
    t.after(() => client.endAsync(true))
    client.on('message', (topic, payload) => {
      for (const [i, filter] of nodes.entries()) if (nodeTakes(filter, topic)) taken[i]!.push((JSON.parse(payload.toString()) as { text: string }).text)
    })
    for (const filter of nodes) client.subscribe(filter, { qos: 1 })
    await until(() => taken[1]!.length === 2, 'that the stored ones come')
    await room.send({ text: texts[2] })
    await until(() => taken[1]!.length === 3, 'that the live one comes')
    assert.deepEqual(taken, [[], texts])
  })
})
