import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'mocha'
import { Erasures } from '../../broker/erasure/erasures.ts'
import { RecordWriter } from '../../broker/journal/record-writer.ts'
import { Restarts, arrivals, texts } from '../helpers/restart.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { until } from '../helpers/within.ts'

const LOBBY = 'rooms/lobby/state/lamp'
const HALL = 'rooms/hall/state/lamp'

describe('what was erased', () => {
  const t = useTeardown()

  it('is retained no more, also after kills, and what came later is', async () => {
    const broker = await Restarts.begin(t)
    await broker.publish(LOBBY, ['old'], { retain: true })
    await broker.publish('rooms/lobby/state/fan', ['old'], { retain: true })
    await broker.publish(HALL, ['other'], { retain: true })
    const { retained } = await broker.foyer.broker.erase({ kind: 'room', name: 'lobby' })
    await broker.publish(LOBBY, ['new'], { retain: true })
    assert.equal(retained, 2)
    for (let kill = 0; kill < 3; kill++) {
      const watcher = await broker.connect('watcher', { clean: true })
      await watcher.subscribe('rooms/+/state/#', 1)
      assert.deepEqual(texts(await arrivals(watcher, 2)).sort(), ['new', 'other'])
      await broker.kill()
    }
  })

  it('was of a sender: what others retained stays, and so do rosters', async () => {
    const broker = await Restarts.begin(t)
    await broker.publish(LOBBY, ['publisher\'s'], { retain: true })
    const ann = await broker.connect('ann', { clean: true })
    ann.publish(HALL, 'ann\'s', { qos: 1, messageId: 1, retain: true })
    ann.publish('rooms/lobby/messages', 'here I am', { qos: 1, messageId: 2 })
    await ann.settled()
    const watcher = await broker.connect('watcher', { clean: true })
    await watcher.subscribe(['rooms/lobby/presence/ann'], 1)
    await arrivals(watcher, 1)
    assert.equal((await broker.foyer.broker.erase({ kind: 'sender', name: 'ann' })).retained, 1)
    assert.equal((await broker.foyer.broker.erase({ kind: 'room', name: 'lobby' })).retained, 1)
    const later = await broker.connect('later', { clean: true })
    await later.subscribe(['rooms/+/state/#', 'rooms/lobby/presence/ann'], 1)
    assert.deepEqual((await arrivals(later, 1)).map(({ topic }) => topic), ['rooms/lobby/presence/ann'])
  })

  it('does not reach a session that was away, and the ledger knows', async () => {
    const broker = await Restarts.begin(t)
    const bob = await broker.connect('bob')
    await bob.subscribe('rooms/+/state/#', 1)
    await bob.subscribe('$share/g/rooms/lobby/telemetry/#', 1, 2)
    await bob.end()
    await broker.publish(LOBBY, ['1', '2'])
    await broker.publish('rooms/lobby/telemetry/d/x', ['shared'])
    await broker.publish(HALL, ['3'])
    await broker.foyer.broker.erase({ kind: 'room', name: 'lobby' })
    await broker.publish(LOBBY, ['4'])
    for (let kill = 0; kill < 2; kill++) await broker.kill()
    const again = await broker.connect('bob')
    assert.deepEqual(texts(await arrivals(again, 2)), ['3', '4'])
    const { matched, written, waiting, dropped } = await broker.balance()
    assert.equal(matched, written + waiting + dropped)
    assert.equal(broker.foyer.broker.stats().dropped.get('expired'), 3)
  })

  it('is not replayed from the journal', async () => {
    const broker = await Restarts.begin(t)
    await broker.publish(LOBBY, ['1', '2', '3'])
    await broker.publish(HALL, ['4', '5'])
    await broker.foyer.broker.erase({ kind: 'room', name: 'lobby' })
    await broker.publish(LOBBY, ['6'])
    for (let kill = 0; kill < 2; kill++) {
      for (const since of ['1h', 'last=3']) {
        const client = await broker.connect(`reader-${kill}-${since}`, { clean: true })
        await client.subscribe(`$replay/${since}/rooms/+/state/#`, 1)
        assert.deepEqual(texts(await arrivals(client, 3)), ['4', '5', '6'], since)
      }
      await broker.kill()
    }
  })

  it('was accepted before, whatever was on its way to the disk', async () => {
    const broker = await Restarts.begin(t)
    const ann = await broker.connect('ann', { clean: true })
    const { journal, erase } = broker.foyer.broker
    // Accepted, and not released: that takes a sync.
    ann.publish(LOBBY, 'on its way', { qos: 0, retain: true })
    const { time } = journal
    while (broker.foyer.broker.stats().received === 0) await new Promise(setImmediate)
    assert.equal(journal.time, time)
    assert.equal((await erase({ kind: 'room', name: 'lobby' })).retained, 1)
    assert.equal(broker.foyer.broker.stats().retained, 0)
  })

  it('stays erased when only a snapshot knows of it', async () => {
    const broker = await Restarts.begin(t, {}, '', { fileBytes: 2000 })
    const bob = await broker.connect('bob')
    await bob.subscribe('rooms/+/state/#', 1)
    await bob.end()
    await broker.publish(LOBBY, ['erased'], { retain: true })
    await broker.foyer.broker.erase({ kind: 'room', name: 'lobby' })
    const spoken = Array.from({ length: 30 }, (_, i) => String(i).repeat(50))
    for (const text of spoken) await broker.publish(HALL, [text])
    await until(() => snapshots(broker).length > 0, 'that there is a snapshot')
    await broker.kill()
    assert.equal(broker.foyer.broker.stats().retained, 1)
    assert.deepEqual(texts(await arrivals(await broker.connect('bob'), spoken.length)), spoken)
  })

  it('is remembered for as long as the journal may have it', () => {
    const erasures = new Erasures()
    erasures.add({ kind: 'room', name: 'lobby', upTo: 10 })
    erasures.add({ kind: 'sender', name: 'ann', upTo: 20 })
    const writer = new RecordWriter()
    assert.equal([...erasures.saveAll(writer, 30, 9)].length, 2)
    assert.equal([...erasures.saveAll(writer, 30, 10)].length, 1)
    assert.equal([...erasures.saveAll(writer, 30, 20)].length, 0)
  })
})

function snapshots ({ foyer: { config } }: Restarts): string[] {
  return readdirSync(join(config.dataDir, 'journal')).filter(name => name.endsWith('.state'))
}
