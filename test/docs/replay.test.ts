import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'mocha'
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
