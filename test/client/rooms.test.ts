import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { Message } from '../../client/index.ts'
import { arrived, collect, newClient } from '../helpers/client.ts'
import { newFullServer } from '../helpers/full-server.ts'
import { until } from '../helpers/within.ts'
import { useTeardown } from '../helpers/teardown.ts'

describe('a client', () => {
  const t = useTeardown()

  for (const transport of ['mqttUrl', 'wsUrl'] as const) {
    it(`sends what others of the room get, and knows its id when it is stored (${transport})`, async () => {
      const server = await newFullServer(t)
      const ann = await newClient(t, { url: server[transport], token: server.token('ann') })
      const bob = await newClient(t, { url: server[transport], token: server.token('bob') })
      const heard = collect(await bob.join('lobby'), 'message')
      const room = await ann.join('lobby')

      const { id } = await room.send({ text: 'hello', id: 'mine' })
      await arrived(heard, 1)
      const [{ kind, sender, ref, payload, timestamp, retained, replayed, ...message }] = heard as [Message]
      assert.equal(message.id, id)
      assert.deepEqual({ kind, sender, ref, retained, replayed, room: message.room }, { kind: 'message', sender: 'ann', ref: 'mine', retained: false, replayed: false, room: 'lobby' })
      assert.equal((payload as { text: string }).text, 'hello')
      assert.ok(Math.abs(Date.parse(timestamp) - Date.now()) < 60_000)
      assert.equal(ann.state, 'connected')
    })
  }

  it('takes topics apart and reads stamps of unstamped channels', async () => {
    const server = await newFullServer(t)
    const watcher = await newClient(t, { url: server.wsUrl, token: server.token('ann') })
    const room = await watcher.join('kitchen')
    const readings = collect(room, 'telemetry')
    const states = collect(room, 'state')
    const oven = (await newClient(t, { url: server.mqttUrl, token: server.token('oven', { kitchen: 'device' }) })).device('kitchen')

    await oven.telemetry('plate/temperature', 181.5)
    await oven.telemetry('mode', 'grill', { qos: 1 })
    await oven.telemetry('frame', Uint8Array.of(0xff, 1), { qos: 1 })
    await oven.state({ on: true })
    await arrived(readings, 3)
    await arrived(states, 1)
    assert.deepEqual(readings.map(({ device, metric, payload, sender }) => [device, metric, payload instanceof Uint8Array ? [...payload] : payload, sender]), [
      ['oven', 'plate/temperature', 181.5, 'oven'], ['oven', 'mode', 'grill', 'oven'], ['oven', 'frame', [0xff, 1], 'oven']
    ])
    assert.ok(readings.every(({ id }) => id !== null))
    assert.deepEqual(states[0]!.payload, { on: true })

    const late = collect(await (await newClient(t, { url: server.wsUrl, token: server.token('late') })).join('kitchen'), 'state')
    await arrived(late, 1)
    assert.equal(late[0]!.retained, true)
  })

  it('has a device do something, which it does once, and gets its answer', async () => {
    const server = await newFullServer(t)
    const done: unknown[] = []
    const lamp = (await newClient(t, { url: server.mqttUrl, token: server.token('lamp', { hall: 'device' }) })).device('hall')
    await lamp.onCommand(async ({ payload, sender }) => {
      done.push([payload.on, sender])
      if (payload.on === 'broken') throw new Error('the bulb is broken')
      return { brightness: 80 }
    })
    const room = await (await newClient(t, { url: server.wsUrl, token: server.token('ann') })).join('hall', { filters: ['messages'] })

    const result = await room.command('lamp', { on: true })
    assert.equal((result.payload as { brightness: number }).brightness, 80)
    assert.deepEqual(done, [[true, 'ann']])
    await assert.rejects(room.command('lamp', { on: 'broken' }), { code: 'commandFailed', message: 'the bulb is broken' })
    await assert.rejects(room.command('nobody', { on: true }, { timeout: 50 }), { code: 'timeout', retryable: true })
    await Promise.all([room.command('lamp', 1), room.command('lamp', 2)])
    assert.equal(done.length, 4)
  })

  it('takes an answer that names the command by its id, and none of another device', async () => {
    const server = await newFullServer(t)
    const gateway = await (await newClient(t, { url: server.mqttUrl, token: server.token('gateway') })).join('hall')
    gateway.on('command', ({ id, ref }) => {
      void gateway.publish('results/other', { ref, from: 'other' })
      void gateway.publish('results/relay', { ref: id, from: 'relay' })
    })
    const room = await (await newClient(t, { url: server.wsUrl, token: server.token('ann') })).join('hall')
    assert.equal(((await room.command('relay', { on: true })).payload as { from: string }).from, 'relay')
  })

  it('hears who comes and goes, and can ask who is there', async () => {
    const server = await newFullServer(t, { 'presence.grace': '0s' })
    const room = await (await newClient(t, { url: server.wsUrl, token: server.token('ann') })).join('lobby')
    const events = collect(room, 'presence')
    const heard = (): string[] => events.flatMap(({ payload }) => { const { event, users } = payload as { event: string, users: string[] }; return users.map(user => `${event} ${user}`) })
    const bob = await newClient(t, { url: server.mqttUrl, token: server.token('bob') })
    await bob.join('lobby')
    await until(() => heard().includes('joined bob'), 'that bob is heard')
    const { users, participants } = await room.presence()
    assert.deepEqual(users, ['ann', 'bob'])
    assert.deepEqual(participants.map(({ user, connections }) => [user, connections]), [['ann', 1], ['bob', 1]])
    const left = await room.history({ filter: 'presence', limit: 1 }).next()
    assert.ok((left.value!.messages[0]!.payload as { users: string[] }).users.includes('bob'))
    await bob.close()
    await until(() => heard().includes('left bob'), 'that bob has gone')
    assert.deepEqual((await room.presence()).users, ['ann'])
  })

  it('reads history page by page, and not behind its end', async () => {
    const server = await newFullServer(t)
    const client = await newClient(t, { url: server.wsUrl, token: server.token('ann') })
    const room = await client.join('lobby')
    const ids: unknown[] = []
    for (let i = 0; i < 5; i++) ids.push((await room.send({ i })).id)
    const pages: unknown[] = []
    for await (const { messages } of room.history({ filter: 'messages', limit: 2 })) pages.push(messages.map(({ id }) => id))
    assert.deepEqual(pages, [[ids[4], ids[3]], [ids[2], ids[1]], [ids[0]]])
    const forward: unknown[] = []
    for await (const { messages } of room.history({ filter: 'messages', after: ids[1] as string, limit: 2 })) forward.push(...messages.toReversed().map(({ id }) => id))
    assert.deepEqual(forward, ids.slice(2))
  })
})
