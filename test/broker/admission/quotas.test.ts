import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { MqttClient } from '../../helpers/mqtt-client.ts'
import { balance, limited, refusalOf, type Answer } from '../../helpers/limits.ts'
import { useTeardown } from '../../helpers/teardown.ts'

let messageId = 0

/** Publishes and waits for the answer. */
async function publish (client: MqttClient, topic: string, payload: string | Buffer = 'x', retain = false): Promise<Answer> {
  client.publish(topic, payload, { qos: 1, messageId: ++messageId, retain })
  return await client.take('puback')
}

async function accepted (client: MqttClient, topic: string, payload: string | Buffer = 'x', retain = false): Promise<void> {
  assert.equal((await publish(client, topic, payload, retain)).reasonCode ?? 0, 0)
}

describe('quotas of one user', () => {
  const t = useTeardown()

  for (const [name, value, fill, beyond, text] of [
    ['limits.journalBytesPerHour', '2KiB', async (client: MqttClient) => { await accepted(client, 'rooms/lobby/state/a', 'x'.repeat(2000)) }, 'rooms/lobby/state/b', 'limits.journalBytesPerHour allows 2048 bytes'],
    ['limits.retainedPerUser', '2', async (client: MqttClient) => { for (const device of ['a', 'b']) await accepted(client, `rooms/lobby/state/${device}`) }, 'rooms/lobby/state/c', 'limits.retainedPerUser allows 2 retained topics'],
    ['limits.seriesPerUser', '2', async (client: MqttClient) => { for (const device of ['a', 'b']) await accepted(client, `rooms/lobby/state/${device}`) }, 'rooms/lobby/state/c', 'limits.seriesPerUser allows 2 stored topics per hour'],
    ['limits.roomsPerUser', '2', async (client: MqttClient) => { for (const room of ['a', 'b']) await accepted(client, `rooms/${room}/live/x`) }, 'rooms/c/live/x', 'limits.roomsPerUser allows 2 rooms per hour']
  ] as const) {
    it(`${name}: what is beyond it is "not now" after admission.maxWait, on all connections of the user and of nobody else`, async () => {
      const { foyer, open } = await limited(t, { [name]: value })
      const [first, second, older, bob] = [await open('ann', { protocolVersion: 5 }), await open('ann', { protocolVersion: 5 }), await open('ann'), await open('bob')]
      await fill(first)
      await second.subscribe('$me/errors')
      const start = performance.now()
      assert.equal(refusalOf(await publish(second, beyond)), text)
      assert.ok(performance.now() - start > 900)
      const report = JSON.parse((await second.message()).payload.toString()) as { code: string, message: string }
      assert.deepEqual([report.code, report.message], ['quota', text])
      // An older client is to send it again.
      older.publish(beyond, 'x', { qos: 1, messageId: 1 })
      await older.closed
      assert.deepEqual(older.inbox, [])
      assert.equal(balance(foyer, 'quota'), 2)
      await accepted(bob, beyond)
    })
  }

  it('limits.seriesPerUser lets pass what was used before, and what is not stored', async () => {
    const { open, foyer } = await limited(t, { 'limits.seriesPerUser': '2' })
    const ann = await open('ann')
    for (let i = 0; i < 10; i++) for (const device of ['a', 'b']) await accepted(ann, `rooms/lobby/telemetry/${device}/x`)
    for (let i = 0; i < 10; i++) await accepted(ann, `rooms/lobby/live/${i}`)
    assert.equal(balance(foyer, 'quota'), 0)
  })

  for (const protocolVersion of [4, 5] as const) {
    it(`limits.roomsPerUser holds for subscriptions that name a room, and says so in SUBACK (level ${protocolVersion})`, async () => {
      const { open, foyer } = await limited(t, { 'limits.roomsPerUser': '2' })
      const [ann, bob] = [await open('ann', { protocolVersion }), await open('bob', { protocolVersion })]
      await ann.subscribe('$me/errors')
      const refused = protocolVersion === 5 ? 0x97 : 0x80
      await accepted(ann, 'rooms/a/live/x')
      assert.deepEqual(await ann.subscribe(['rooms/b/#', 'rooms/c/messages', '$share/g/rooms/c/#', 'rooms/b/messages', 'rooms/a/live/+', 'rooms/+/messages', '#']), [0, refused, refused, 0, 0, 0, 0])
      const { code, message, topic } = JSON.parse((await ann.message()).payload.toString()) as Record<string, string>
      assert.deepEqual([code, message, topic], ['quota', 'limits.roomsPerUser allows 2 rooms per hour', 'rooms/c/messages'])
      assert.deepEqual(await bob.subscribe('rooms/c/messages'), [0])
      assert.equal(balance(foyer, 'quota'), 0)
    })
  }

  it('limits.journalBytesPerHour leaves alone what is not journaled', async () => {
    const { open } = await limited(t, { 'limits.journalBytesPerHour': '1KiB' })
    const ann = await open('ann')
    await accepted(ann, 'rooms/lobby/messages', 'x'.repeat(2000))
    for (let i = 0; i < 20; i++) await accepted(ann, 'rooms/lobby/live/x', 'x'.repeat(2000))
  })

  it('limits.retainedPerUser is free again where a topic is cleared, or another user takes it over', async () => {
    const { open, foyer } = await limited(t, { 'limits.retainedPerUser': '2' })
    const [ann, bob] = [await open('ann', { protocolVersion: 5 }), await open('bob', { protocolVersion: 5 })]
    const state = (device: string): string => `rooms/lobby/state/${device}`
    for (const device of ['a', 'b', 'a', 'b']) await accepted(ann, state(device))
    refusalOf(await publish(ann, state('c')))
    // What is not to be kept is not counted, nor is clearing.
    await accepted(ann, 'rooms/lobby/telemetry/a/b')
    await accepted(ann, state('nothing'), '')
    await accepted(ann, state('a'), '')
    await accepted(ann, state('c'))
    refusalOf(await publish(ann, state('a')))
    await accepted(bob, state('b'))
    await accepted(ann, state('a'))
    await accepted(bob, state('e'))
    refusalOf(await publish(bob, state('f')))
    assert.equal(foyer.broker.stats().retained, 4)
  })

  it('limits.retainedPerUser lets through what waits as soon as there is a place', async () => {
    const { open, foyer } = await limited(t, { 'limits.retainedPerUser': '1', 'admission.maxWait': '10s' })
    const [first, second] = [await open('ann'), await open('ann')]
    await accepted(first, 'rooms/lobby/state/a')
    second.publish('rooms/lobby/state/b', 'x', { qos: 1, messageId: 1 })
    await accepted(first, 'rooms/lobby/state/a', '')
    await second.take('puback')
    assert.equal(balance(foyer, 'quota'), 0)
  })

  it('limits.retainedPerUser counts what an earlier process kept', async () => {
    const keys = { 'limits.retainedPerUser': '1', 'admission.maxWait': '1s' }
    const before = await limited(t, keys)
    await accepted(await before.open('ann'), 'rooms/lobby/state/a')
    await before.foyer.broker.close()
    const after = await limited(t, { ...keys, dataDir: before.foyer.config.dataDir })
    refusalOf(await publish(await after.open('ann', { protocolVersion: 5 }), 'rooms/lobby/state/b'))
  })
})
