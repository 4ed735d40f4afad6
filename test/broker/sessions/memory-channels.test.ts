import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, it } from 'mocha'
import { FaultyFiles } from '../../helpers/faulty-files.ts'
import { arrivals, Restarts, texts } from '../../helpers/restart.ts'
import { useTeardown } from '../../helpers/teardown.ts'
import { until } from '../../helpers/within.ts'

const CHANNELS = `
channels:
  signs: { topic: 'rooms/{room}/signs/{name}', qos: 1, durability: memory, store: false, retain: publisher, publish: [owner], subscribe: [owner] }
`
const TOPIC = 'rooms/lobby/signs/x'

describe('a channel that keeps nothing', () => {
  const t = useTeardown()

  it('keeps its messages of QoS 1 for a session that is away, also over a kill, and of QoS 0 raised to it', async () => {
    const broker = await Restarts.begin(t, {}, CHANNELS)
    const bob = await broker.connect('bob')
    await bob.subscribe('rooms/+/signs/#', 1)
    await bob.end()
    const ann = await broker.connect('ann', { clean: true })
    for (let i = 0; i < 50; i++) ann.publish(TOPIC, String(i), i % 2 === 0 ? { qos: 1, messageId: i + 1 } : {})
    await ann.settled()
    await broker.foyer.broker.journal.flush()
    assert.deepEqual(texts(await arrivals(await broker.connect('bob'), 50)), Array.from({ length: 50 }, (_, i) => String(i)))
    await broker.kill()
    const again = await arrivals(await broker.connect('bob'), 50)
    assert.deepEqual(texts(again), Array.from({ length: 50 }, (_, i) => String(i)))
    assert.ok(again.every(({ dup }) => dup))
  })

  it('costs no journal when nobody is away', async () => {
    const broker = await Restarts.begin(t, {}, CHANNELS)
    const bob = await broker.connect('bob')
    await bob.subscribe(TOPIC, 1)
    await broker.publish(TOPIC, ['a', 'b'])
    assert.deepEqual(texts(await arrivals(bob, 2)), ['a', 'b'])
    assert.equal(broker.foyer.broker.stats().journaled, 0)
  })

  it('stays in order when the session that was away is back while a message is on its way to the disk', async () => {
    const files = new FaultyFiles()
    const broker = await Restarts.begin(t, {}, CHANNELS, { files })
    const bob = await broker.connect('bob')
    const carol = await broker.connect('carol')
    for (const client of [bob, carol]) await client.subscribe(TOPIC, 1)
    await bob.end()
    await broker.foyer.broker.journal.flush()
    // What is remembered of his end by and by is to be no part of what is held back.
    await until(async () => {
      const { syncs } = files
      await sleep(300)
      return files.syncs === syncs
    }, 'that the journal is quiet')
    const ann = await broker.connect('ann', { clean: true })
    /** Holds the next group back. */
    const hold = (): { reached: () => Promise<void>, go: () => void } => {
      let go!: () => void
      files.gate = new Promise(resolve => { go = resolve })
      const { syncs } = files
      return { reached: async () => await until(() => files.syncs > syncs, 'the sync'), go }
    }
    const letBobIn = hold()
    const bobIsBack = broker.connect('bob')
    await until(() => broker.foyer.broker.stats().connections === 3, 'that he comes')
    await letBobIn.reached()
    ann.publish('rooms/lobby/state/y', 'this makes it wait for the disk', { qos: 1, messageId: 1 })
    ann.publish(TOPIC, 'first', { qos: 1, messageId: 2 })
    ann.send({ cmd: 'pingreq' })
    await ann.take('pingresp')
    const letFirstGo = hold()
    letBobIn.go()
    // He is at the journal's end, so nobody is behind any more.
    await (await bobIsBack).settled()
    ann.publish(TOPIC, 'second', { qos: 1, messageId: 3 })
    ann.send({ cmd: 'pingreq' })
    await ann.take('pingresp')
    files.gate = null
    letFirstGo.go()
    assert.deepEqual(texts(await arrivals(carol, 2)), ['first', 'second'])
  })

  it('stays in order when some of what waits is in the journal and some is not, and the connection ends', async () => {
    const broker = await Restarts.begin(t, { 'limits.inflight': '1' }, CHANNELS)
    const bob = await broker.connect('bob')
    await bob.subscribe(TOPIC, 1)
    await bob.end()
    await broker.publish(TOPIC, ['0', '1', '2'])
    await broker.foyer.broker.journal.flush()
    const client = await broker.connect('bob')
    await client.message()
    // By now he is at the journal's end, and these are in memory alone.
    await until(async () => {
      const { journaled } = broker.foyer.broker.stats()
      await broker.publish(TOPIC, ['x'])
      await broker.foyer.broker.journal.flush()
      return broker.foyer.broker.stats().journaled === journaled
    }, 'that something is in memory alone')
    client.socket.destroy()
    await until(() => broker.foyer.broker.stats().connections === 0, 'that the broker has noticed')
    const again = await broker.connect('bob')
    const seen: string[] = []
    while (seen.length < 4) {
      const { payload, messageId } = await again.message()
      seen.push(payload.toString())
      again.send({ cmd: 'puback', messageId: messageId! })
    }
    assert.deepEqual(seen, ['0', '1', '2', 'x'])
  })

  it('has no retained message after a kill that was replaced or cleared before it', async () => {
    const broker = await Restarts.begin(t, {}, CHANNELS)
    const bob = await broker.connect('bob')
    await bob.subscribe('rooms/lobby/signs/#', 1)
    await bob.end()
    await broker.publish(TOPIC, ['kept for bob'], { retain: true })
    await (await broker.connect('bob', { clean: true })).end()
    await broker.publish(TOPIC, ['cleared', ''], { retain: true })
    assert.equal(broker.foyer.broker.stats().retained, 0)
    await broker.kill()
    assert.equal(broker.foyer.broker.stats().retained, 0)
  })
})
