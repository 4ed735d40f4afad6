import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, it } from 'mocha'
import { diskFiles } from '../../../broker/journal/file-layer.ts'
import { FaultyFiles } from '../../helpers/faulty-files.ts'
import type { MqttClient, ConnectOptions } from '../../helpers/mqtt-client.ts'
import { arrivals, Restarts, texts } from '../../helpers/restart.ts'
import { useTeardown } from '../../helpers/teardown.ts'
import { until } from '../../helpers/within.ts'

const TOPIC = 'rooms/lobby/state/x'

function will (payload: string, topic = TOPIC, willDelayInterval = 0): Partial<ConnectOptions> {
  return { will: { topic, payload: Buffer.from(payload), qos: 1, retain: false, ...(willDelayInterval > 0 ? { properties: { willDelayInterval } } : {}) } }
}

describe('the will of a session', () => {
  const t = useTeardown()

  /** A broker with a session that listens, and is away. */
  async function watched (topic = TOPIC): Promise<{ broker: Restarts, heard: (count: number) => Promise<string[]> }> {
    const broker = await Restarts.begin(t)
    const watcher = await broker.connect('watcher')
    await watcher.subscribe(topic, 1)
    await watcher.end()
    return {
      broker,
      heard: async count => {
        const client: MqttClient = await broker.connect('watcher')
        const found = texts(await arrivals(client, count))
        for (let id = 1; id < 5000; id++) client.send({ cmd: 'puback', messageId: id })
        await client.end()
        await broker.foyer.broker.journal.flush()
        return found
      }
    }
  }

  for (const protocolVersion of [4, 5] as const) {
    it(`whose broker was killed is published at the start, once, over another kill too (level ${protocolVersion})`, async () => {
      const { broker, heard } = await watched()
      await broker.connect('ann', { protocolVersion, ...will('gone') })
      await broker.connect('cat', { protocolVersion, clean: true, properties: {}, ...will('gone as well') })
      await broker.kill()
      // At once: most likely before they are in the journal.
      await broker.kill()
      await until(() => broker.foyer.broker.stats().accepted === 2, 'that the wills are published', 500).catch(() => {})
      await broker.foyer.broker.journal.flush()
      await broker.kill()
      assert.deepEqual((await heard(2)).sort(), ['gone', 'gone as well'])
      await broker.kill()
      assert.deepEqual(await heard(0), [])
    })
  }

  it('is not published at the start when its client had left in order', async () => {
    const { broker, heard } = await watched()
    const ann = await broker.connect('ann', will('gone'))
    await ann.end()
    await broker.foyer.broker.journal.flush()
    await broker.kill()
    assert.deepEqual(await heard(0), [])
    assert.equal(broker.foyer.broker.stats().accepted, 0)
  })

  for (const [protocolVersion, clean] of [[4, false], [4, true], [5, false], [5, true]] as const) {
    it(`is not published after a kill that comes when its client has left in order and seen the end (level ${protocolVersion}, ${clean ? 'clean' : 'persistent'})`, async () => {
      const files = new FaultyFiles()
      const broker = await Restarts.begin(t, {}, '', { files })
      const ann = await broker.connect('ann', { protocolVersion, clean, ...(clean ? { properties: {} } : {}), ...will('gone') })
      let open!: () => void
      const gate = new Promise<void>(resolve => { open = resolve })
      t.after(open)
      files.write = async (...args) => {
        await gate
        await diskFiles.write(...args)
      }
      ann.send({ cmd: 'disconnect', reasonCode: 0 })
      assert.equal(await Promise.race([ann.closed.then(() => 'closed'), sleep(200)]), undefined, 'the end was seen before the disk had it')
      open()
      await ann.closed
      await broker.kill()
      // A round trip later than the wills of the start.
      await (await broker.connect('cat', { clean: true })).settled()
      assert.equal(broker.foyer.broker.stats().accepted, 0)
    })
  }

  it('does not keep the connection open when the disk does not answer', async () => {
    const files = new FaultyFiles()
    const broker = await Restarts.begin(t, {}, '', { files })
    const ann = await broker.connect('ann', will('gone'))
    files.failingSyncs = Infinity
    await ann.end()
    files.failingSyncs = 0
  })

  it('with a delay is not published when its client is back in time', async () => {
    const { broker, heard } = await watched()
    await broker.connect('ann', { protocolVersion: 5, ...will('gone', TOPIC, 1) })
    await broker.kill()
    const ann = await broker.connect('ann', { protocolVersion: 5, ...will('gone later', TOPIC, 1) })
    await broker.kill()
    await until(() => broker.foyer.broker.stats().accepted === 1, 'that a will is published')
    assert.equal(ann.isClosed, true)
    assert.deepEqual(await heard(1), ['gone later'])
  })

  it('is due when its delay is over that began before the kill', async () => {
    const { broker } = await watched()
    const ann = await broker.connect('ann', { protocolVersion: 5, ...will('gone', TOPIC, 3) })
    ann.socket.destroy()
    const since = performance.now()
    await until(() => broker.foyer.broker.stats().connections === 0, 'that the broker has noticed')
    await broker.foyer.broker.journal.flush()
    await until(() => performance.now() - since > 2000, 'two seconds')
    await broker.kill()
    await until(() => broker.foyer.broker.stats().accepted === 1, 'that the will is published', 2000)
  })

  it('on a channel that keeps nothing is published once, though the broker is killed later', async () => {
    const { broker } = await watched()
    const ann = await broker.connect('ann', will('gone', 'rooms/lobby/live/x'))
    ann.socket.destroy()
    await until(() => broker.foyer.broker.stats().accepted === 1, 'that the will is published')
    await broker.foyer.broker.journal.flush()
    await broker.kill()
    // A round trip later than the wills of the start.
    await (await broker.connect('cat')).settled()
    assert.equal(broker.foyer.broker.stats().accepted, 0)
  })

  it('that was put off does not bring back a session that was begun anew', async () => {
    const { broker } = await watched()
    const ann = await broker.connect('ann', { protocolVersion: 5, ...will('gone', TOPIC, 60) })
    await ann.subscribe(TOPIC, 1)
    ann.socket.destroy()
    await until(() => broker.foyer.broker.stats().connections === 0, 'that the broker has noticed')
    const { client } = await broker.open('ann', { clean: true })
    await client.end()
    await broker.foyer.broker.journal.flush()
    await broker.kill()
    assert.equal((await broker.open('ann')).present, false)
  })
})
