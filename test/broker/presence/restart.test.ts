import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { Packet } from 'mqtt-packet'
import type { PresenceEvent } from '../../../protocol/presence.ts'
import type { MqttClient } from '../../helpers/mqtt-client.ts'
import { Restarts } from '../../helpers/restart.ts'
import { useTeardown } from '../../helpers/teardown.ts'
import { until } from '../../helpers/within.ts'

/** Long enough that those who return are back in time on a busy machine. */
const KEYS = { 'presence.grace': '2s' }

async function join (broker: Restarts, user: string): Promise<MqttClient> {
  const client = await broker.connect(user, { clean: true })
  await client.subscribe('rooms/lobby/messages', 1)
  return client
}

/** Whose session lasts, and who is in no room. */
async function watch (broker: Restarts): Promise<MqttClient> {
  const client = await broker.connect('watcher')
  await client.subscribe('rooms/+/presence/#', 1)
  return client
}

function event (packet: Packet): [event: string, ...users: string[]] {
  assert.ok(packet.cmd === 'publish')
  const { event, users } = JSON.parse(packet.payload.toString()) as PresenceEvent
  return [event, ...users.toSorted()]
}

async function nextEvent (client: MqttClient): Promise<[event: string, ...users: string[]]> {
  const packet = await client.find(packet => packet.cmd === 'publish' && packet.topic === 'rooms/lobby/presence', 'event of presence', 6000)
  assert.ok(packet.cmd === 'publish')
  client.send({ cmd: 'puback', messageId: packet.messageId! })
  return event(packet)
}

describe('presence over a kill', () => {
  const t = useTeardown()

  const told = async (client: MqttClient, ...users: string[]): Promise<void> => {
    const seen = new Set<string>()
    while (seen.size < users.length) {
      const [kind, ...names] = await nextEvent(client)
      assert.equal(kind, 'joined')
      for (const name of names) seen.add(name)
    }
    assert.deepEqual([...seen].sort(), users.toSorted())
  }

  it('tells of those who do not return, and not of those who do', async () => {
    const broker = await Restarts.begin(t, KEYS)
    const watcher = await watch(broker)
    for (const user of ['ann', 'bob', 'cy']) await join(broker, user)
    await told(watcher, 'ann', 'bob', 'cy')
    await broker.kill()
    const names = (): string[] => broker.foyer.broker.presence('lobby').map(({ user }) => user).sort()
    assert.deepEqual(names(), ['ann', 'bob', 'cy'], 'they have the grace to return')
    const { client: again } = await broker.open('watcher')
    const late = await broker.connect('late', { clean: true })
    await late.subscribe('rooms/+/presence/+', 0)
    const roster = async (): Promise<string> => {
      const packet = await late.take('publish', 6000)
      assert.ok(packet.cmd === 'publish')
      return `${packet.payload.length > 0 ? '+' : '-'}${packet.topic.split('/').at(-1)}`
    }
    assert.deepEqual([await roster(), await roster(), await roster()].sort(), ['+ann', '+bob', '+cy'])
    const ann = await join(broker, 'ann')
    // Whatever was repeated to the watcher is of those who joined.
    let next = await nextEvent(again)
    while (next[0] === 'joined') next = await nextEvent(again)
    assert.deepEqual(next, ['left', 'bob', 'cy'])
    assert.deepEqual([await roster(), await roster()].sort(), ['-bob', '-cy'])
    assert.deepEqual(names(), ['ann'])
    ann.send({ cmd: 'unsubscribe', messageId: 9, unsubscriptions: ['rooms/lobby/messages'] })
    assert.deepEqual(await nextEvent(again), ['left', 'ann'])
  })

  it('knows who was there when the files that first said so are gone', async () => {
    const broker = await Restarts.begin(t, { ...KEYS, 'presence.grace': '10m' }, '', { fileBytes: 64 * 1024 })
    for (const user of ['ann', 'bob']) await join(broker, user)
    await until(() => broker.foyer.broker.stats().own === 3 || broker.foyer.broker.stats().own === 4, 'that they are told')
    const since = (): unknown => broker.foyer.broker.presence('lobby').map(({ user, since }) => [user, since])
    const before = since()
    for (let kill = 0; kill < 2; kill++) {
      for (let i = 0; i < 4; i++) await broker.publish('rooms/other/state/x', Array.from({ length: 50 }, () => 'x'.repeat(1000)))
      await broker.kill()
      assert.deepEqual(since(), before)
    }
  })
})
