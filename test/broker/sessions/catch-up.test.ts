import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { IPublishPacket } from 'mqtt-packet'
import { FaultyFiles } from '../../helpers/faulty-files.ts'
import { arrivals, Restarts, texts } from '../../helpers/restart.ts'
import { useTeardown } from '../../helpers/teardown.ts'
import { until } from '../../helpers/within.ts'

const TOPIC = 'rooms/lobby/state/x'
const NOTES = `
channels:
  audit: { topic: 'rooms/{room}/audit', qos: 0, durability: disk, store: false, publish: [owner], subscribe: [owner] }
`

function numbers (count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, i) => String(from + i))
}

describe('a session that catches up', () => {
  const t = useTeardown()

  it('goes on where it was when the journal could not be read: nothing is missing, nothing comes twice', async () => {
    const files = new FaultyFiles()
    const broker = await Restarts.begin(t, { 'limits.inflight': '10' }, '', { files })
    const bob = await broker.connect('bob')
    await bob.subscribe(TOPIC, 1)
    await bob.end()
    const sent = numbers(1000)
    await broker.publish(TOPIC, sent)
    const again = await broker.connect('bob')
    await until(() => again.inbox.length === 10, 'that the window is full')
    // Some wait in memory behind the window; the next read fails.
    files.failingReads = 1
    const received: IPublishPacket[] = []
    let told = false
    while (received.length < 1000) {
      const message = await again.message(5000)
      received.push(message)
      again.send({ cmd: 'puback', messageId: message.messageId! })
      if (files.failingReads > 0 || told) continue
      told = true
      const { reads } = files
      await until(() => files.reads > reads, 'that it is tried again')
    }
    await again.settled()
    assert.equal(files.failingReads, 0)
    assert.deepEqual(texts(received), sent)
    assert.deepEqual(again.inbox, [])
    assert.ok(broker.foyer.log.some(({ msg }) => /could not be read for a session/.test(String(msg))))
    const { matched, written, waiting, dropped } = await broker.balance()
    assert.deepEqual({ matched, waiting, dropped }, { matched: written, waiting: 0, dropped: 0 })
  })

  it('keeps the ledger in balance when its connection ends in the middle, again and again', async () => {
    const broker = await Restarts.begin(t, { 'limits.inflight': '5' })
    const bob = await broker.connect('bob')
    await bob.subscribe(TOPIC, 1)
    await bob.end()
    await broker.publish(TOPIC, numbers(600))
    for (let i = 0; i < 5; i++) {
      const client = await broker.connect('bob')
      await until(() => client.inbox.length === 5, 'that the window is full')
      client.socket.destroy()
      await until(() => broker.foyer.broker.stats().connections === 0, 'that the broker has noticed')
      const { matched, written, waiting, dropped } = await broker.balance()
      assert.equal(matched, written + waiting + dropped)
    }
  })

  it('gets nothing any more of a filter that it unsubscribes meanwhile', async () => {
    const broker = await Restarts.begin(t, { 'limits.inflight': '1' })
    const bob = await broker.connect('bob')
    await bob.subscribe(['rooms/lobby/state/x', 'rooms/lobby/state/y'], 1)
    await bob.end()
    await broker.publish(TOPIC, numbers(600))
    await broker.publish('rooms/lobby/state/y', ['y'])
    const again = await broker.connect('bob')
    await until(() => again.inbox.length > 0, 'the first message')
    again.send({ cmd: 'unsubscribe', messageId: 9, unsubscriptions: [TOPIC] })
    await again.take('unsuback')
    let received = 0
    for (let last = ''; last !== 'rooms/lobby/state/y'; received++) {
      const { topic, messageId } = await again.message()
      last = topic
      again.send({ cmd: 'puback', messageId: messageId! })
    }
    // What was on its way already may still come [MQTT-3.10.4-3].
    assert.ok(received < 300, `${received} came`)
    assert.equal((await broker.balance()).waiting, 0)
  })

  it('gets nothing of the time in which it was not subscribed, over a kill too', async () => {
    const broker = await Restarts.begin(t, {}, NOTES)
    const bob = await broker.connect('bob')
    await bob.subscribe('rooms/lobby/audit', 1)
    bob.send({ cmd: 'unsubscribe', messageId: 9, unsubscriptions: ['rooms/lobby/audit'] })
    await bob.take('unsuback')
    await broker.publish('rooms/lobby/audit', ['between'])
    await bob.subscribe('rooms/lobby/audit', 1)
    await bob.end()
    await broker.publish('rooms/lobby/audit', ['after'])
    await broker.kill()
    assert.deepEqual(texts(await arrivals(await broker.connect('bob'), 1)), ['after'])
  })
})
