import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, it } from 'mocha'
import { diskFiles } from '../../../broker/journal/file-layer.ts'
import { FaultyFiles } from '../../helpers/faulty-files.ts'
import { arrivals, Restarts, texts } from '../../helpers/restart.ts'
import { useTeardown } from '../../helpers/teardown.ts'
import { until } from '../../helpers/within.ts'

const TOPIC = 'rooms/lobby/state/x'

describe('what a session must not lose', () => {
  const t = useTeardown()

  it('is in flight when its connection ends right before a kill: the step is written with the position', async () => {
    const broker = await Restarts.begin(t)
    const bob = await broker.connect('bob')
    await bob.subscribe(TOPIC, 1)
    await broker.publish(TOPIC, ['a'])
    const [first] = await arrivals(bob, 1)
    bob.socket.destroy()
    await until(() => broker.foyer.broker.stats().connections === 0, 'that the broker has noticed')
    await broker.foyer.broker.journal.flush()
    await broker.kill()
    const again = await broker.connect('bob')
    const [second] = await arrivals(again, 1)
    assert.deepEqual([second!.messageId, second!.dup, second!.payload.toString()], [first!.messageId, true, 'a'])
  })

  it('is released behind the message whose answer ends the connection', async () => {
    const files = new FaultyFiles()
    const broker = await Restarts.begin(t, { 'auth.onRefusal': 'disconnect' }, '', { files })
    const bob = await broker.connect('bob')
    await bob.subscribe(TOPIC, 1)
    const ann = await broker.connect('ann')
    let open!: () => void
    files.gate = new Promise(resolve => { open = resolve })
    const { syncs } = files
    ann.publish('rooms/lobby/state/y', 'first', { qos: 1, messageId: 1 })
    await until(() => files.syncs > syncs, 'the sync')
    // All of this is one group: bob's PUBACK, the refusal behind it, which ends his connection, and then his message.
    bob.publish('rooms/lobby/state/y', 'mine', { qos: 1, messageId: 1 })
    bob.publish('nowhere', 'refused', { qos: 1, messageId: 2 })
    bob.send({ cmd: 'pingreq' })
    await bob.take('pingresp')
    ann.publish(TOPIC, 'for bob', { qos: 1, messageId: 2 })
    ann.send({ cmd: 'pingreq' })
    await ann.take('pingresp')
    files.gate = null
    open()
    await ann.settled()
    await bob.closed
    const again = await broker.connect('bob')
    assert.deepEqual(texts(await arrivals(again, 1)), ['for bob'])
  })

  it('is nothing that one before it with its name was sent', async () => {
    const files = new FaultyFiles()
    const broker = await Restarts.begin(t, {}, '', { files })
    const bob = await broker.connect('bob')
    await bob.subscribe(TOPIC, 1)
    const ann = await broker.connect('ann')
    ann.publish(TOPIC, 'a', { qos: 1, messageId: 1 })
    await bob.message()
    let open!: () => void
    files.gate = new Promise(resolve => { open = resolve })
    const { syncs } = files
    ann.publish('rooms/lobby/state/y', 'held', { qos: 1, messageId: 2 })
    await until(() => files.syncs > syncs, 'the sync')
    // The end of the one, what it was sent, and the beginning of the other come into one group.
    const connected = broker.connect('bob', { protocolVersion: 5, clean: true })
    await bob.closed
    files.gate = null
    open()
    await connected
    await broker.foyer.broker.journal.flush()
    await broker.kill()
    const last = await broker.open('bob')
    assert.equal(last.present, true)
    assert.deepEqual(await arrivals(last.client, 0), [])
  })

  it('is that it was sent something right after it came back: that comes again with DUP, and its identifier is not used again', async () => {
    const files = new FaultyFiles()
    const broker = await Restarts.begin(t, {}, '', { files })
    const bob = await broker.connect('bob')
    await bob.subscribe(TOPIC, 1)
    await bob.end()
    await broker.publish(TOPIC, ['a'])
    await broker.foyer.broker.journal.flush()
    files.write = async (...args) => {
      await sleep(30)
      await diskFiles.write(...args)
    }
    const seen = new Set<number>()
    for (let kill = 0; kill < 3; kill++) {
      const again = await broker.connect('bob')
      const { dup, messageId } = await again.message()
      assert.equal(dup, kill > 0)
      assert.ok(!seen.has(messageId!))
      seen.add(messageId!)
      await broker.kill()
    }
  })

  it('is not made up when CONNECT could not be stored: the next one begins anew', async () => {
    const files = new FaultyFiles()
    const broker = await Restarts.begin(t, { 'admission.maxWait': '1s' }, '', { files })
    await (await broker.connect('ann')).end()
    files.failingSyncs = Infinity
    await assert.rejects(broker.open('bob'), /refused with 3/)
    files.failingSyncs = 0
    assert.equal((await broker.open('bob')).present, false)
    assert.equal(broker.foyer.broker.stats().sessions, 2)
  })

  it('is there for the next try when it could not be read back', async () => {
    const files = new FaultyFiles()
    const broker = await Restarts.begin(t, {}, '', { files })
    const bob = await broker.connect('bob')
    await bob.subscribe(TOPIC, 1)
    await broker.publish(TOPIC, ['a'])
    await arrivals(bob, 1)
    await bob.end()
    await broker.foyer.broker.journal.flush()
    await broker.kill()
    files.failingReads = 1
    await assert.rejects(broker.open('bob'), /refused with 3/)
    const again = await broker.open('bob')
    assert.equal(again.present, true)
    assert.deepEqual(texts(await arrivals(again.client, 1)), ['a'])
  })
})
