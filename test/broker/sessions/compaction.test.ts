import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'mocha'
import { verify } from '../../../bridge/verify/verify.ts'
import { inspectJournal, type StoredMessage } from '../../../broker/index.ts'
import type { FileLayer } from '../../../broker/journal/file-layer.ts'
import type { Journal } from '../../../broker/journal/journal.ts'
import { readMessage, recordEnd, recordType, RecordType } from '../../../protocol/record.ts'
import { arrivals, Restarts, texts } from '../../helpers/restart.ts'
import { steppedFiles } from '../../helpers/stepped-files.ts'
import { useTeardown, type Teardown } from '../../helpers/teardown.ts'
import { until } from '../../helpers/within.ts'

const QUIET = 'rooms/lobby/state/quiet'
const LOUD = 'rooms/lobby/state/loud'
/** Nothing of it is retained. */
const READINGS = 'rooms/lobby/telemetry/d/x'
/** One percent of the least journal that can be configured: 671,088 bytes for each user, and pressure from half of that on. */
const KEYS = { 'journal.maxBytes': '64MiB', 'journal.userShare': '1', 'limits.inflight': '10' }
const FILE_BYTES = 64 * 1024

function journalOf ({ foyer }: Restarts): Journal {
  return foyer.broker.journal as Journal
}

/** Messages that fill files, a few at a time: what comes at once is written into one file. */
async function flood (broker: Restarts, count = 25): Promise<void> {
  const client = await broker.connect('publisher', { clean: true })
  for (let i = 0; i < count; i++) {
    client.publish(LOUD, 'x'.repeat(16_000), { qos: 1, messageId: i + 1 })
    if (i % 4 === 3) await client.settled()
  }
  await client.settled()
  await client.end()
}

async function begin (t: Teardown, keys: Record<string, string> = {}, files?: FileLayer): Promise<Restarts> {
  return await Restarts.begin(t, { ...KEYS, ...keys }, '', { fileBytes: FILE_BYTES, ...(files === undefined ? {} : { files }) })
}

/** Waits until compaction has gone as far as it can. */
async function compacted (broker: Restarts): Promise<void> {
  await until(() => {
    journalOf(broker).trim()
    return !journalOf(broker).quota.pressed
  }, 'that there is room')
}

/** Payloads of the messages of a topic in the files of the broker's journal. */
async function left (broker: Restarts, topic: string): Promise<string[]> {
  const payloads: string[] = []
  for await (const { bytes, records, damages } of inspectJournal(join(broker.foyer.config.dataDir, 'journal'))) {
    assert.deepEqual(damages, [])
    for (const start of records) {
      if (recordType(bytes, start) !== RecordType.message) continue
      const message = readMessage(bytes, start)
      if (message.topic === topic) payloads.push(Buffer.from(message.payload).toString())
    }
  }
  return payloads
}

async function isBalanced (broker: Restarts): Promise<void> {
  const { matched, written, waiting, dropped } = await broker.balance()
  assert.equal(matched, written + waiting + dropped)
}

describe('a session whose messages are all that is needed of old files', () => {
  const t = useTeardown()

  it('does not stop who publishes, and gets exactly its messages, also over a kill', async () => {
    const broker = await begin(t)
    const bob = await broker.connect('bob')
    await bob.subscribe(QUIET, 1)
    await bob.end()
    const sent: string[] = []
    for (let i = 0; i < 8; i++) {
      if (i === 5) await broker.kill()
      // Together five times what one user may have in the journal.
      if (i % 3 === 0) {
        sent.push(`m${i}`)
        await broker.publish(QUIET, [`m${i}`])
      }
      await flood(broker)
    }
    await compacted(broker)
    assert.deepEqual(await left(broker, QUIET), sent)
    assert.deepEqual(broker.foyer.log.filter(({ level }) => Number(level) >= 40), [])
    assert.deepEqual(texts(await arrivals(await broker.connect('bob'), sent.length)), sent)
    await isBalanced(broker)
  })

  it('gets what it was given as a member of a shared subscription', async () => {
    const broker = await begin(t)
    for (const name of ['ann', 'bob']) {
      const member = await broker.connect(name)
      await member.subscribe(`$share/g/${QUIET}`, 1)
      await member.end()
    }
    const sent: string[] = []
    for (let i = 0; i < 8; i++) {
      if (i === 5) await broker.kill()
      sent.push(`m${i}`)
      await broker.publish(QUIET, [`m${i}`])
      await flood(broker)
    }
    await compacted(broker)
    assert.deepEqual(await left(broker, QUIET), sent)
    await broker.kill()
    const members = [await broker.connect('ann'), await broker.connect('bob')]
    await until(() => members.reduce((sum, { inbox }) => sum + inbox.length, 0) === sent.length, 'that all have come')
    assert.deepEqual((await Promise.all(members.map(async member => texts(await arrivals(member, 1))))).flat().sort(), sent)
    await isBalanced(broker)
  })

  it('gets its messages after a kill at any step', async function () {
    this.timeout(60_000)
    const images: string[] = []
    let taking = false
    const files = steppedFiles((_call, path) => {
      if (taking && typeof path === 'string' && (path.includes('compaction') || path.endsWith('.log') || path.endsWith('journal'))) images.push(broker.image())
    })
    const broker = await begin(t, { 'journal.userShare': '2' }, files)
    const bob = await broker.connect('bob')
    await bob.subscribe(QUIET, 1)
    await bob.end()
    const sent = ['a', 'b', 'c', 'd']
    for (const payload of sent) {
      await broker.publish(QUIET, [payload])
      await flood(broker, 10)
    }
    taking = true
    await flood(broker, 12)
    await compacted(broker)
    taking = false
    assert.ok(images.length >= 10, `${images.length} images`)
    await broker.foyer.close()
    for (const image of images.filter((_image, i) => i % Math.ceil(images.length / 12) === 0)) {
      await broker.resume(image)
      assert.deepEqual(texts(await arrivals(await broker.connect('bob'), sent.length)), sent)
      await broker.foyer.close()
    }
  })

  for (const qos of [1, 2] as const) {
    it(`is repeated what is in flight, though it matches no subscription any more (QoS ${qos})`, async () => {
      const broker = await begin(t)
      const bob = await broker.connect('bob')
      await bob.subscribe(QUIET, qos)
      await broker.publish(QUIET, ['1', '2', '3'], { qos: 2 })
      const first = await arrivals(bob, 3)
      bob.send({ cmd: 'unsubscribe', messageId: 9, unsubscriptions: [QUIET] })
      await bob.take('unsuback')
      await bob.end()
      await flood(broker)
      await compacted(broker)
      assert.deepEqual(await left(broker, QUIET), ['1', '2', '3'])
      await broker.kill()
      const again = await arrivals(await broker.connect('bob'), 3)
      assert.deepEqual(again.map(({ payload, dup, messageId }) => [payload.toString(), dup, messageId]), first.map(({ payload, messageId }) => [payload.toString(), true, messageId]))
    })
  }

  it('goes on where it was when its files are rewritten while it catches up', async () => {
    const broker = await begin(t)
    const bob = await broker.connect('bob')
    await bob.subscribe(QUIET, 1)
    await bob.end()
    const sent: string[] = []
    for (let i = 0; i < 20; i++) {
      const more = Array.from({ length: 40 }, (_, k) => `${i}.${k}`)
      sent.push(...more)
      await broker.publish(QUIET, more)
      await broker.publish(LOUD, ['x'.repeat(10_000)])
    }
    const again = await broker.connect('bob')
    await until(() => again.inbox.length === 10, 'that the window is full')
    await flood(broker, 30)
    await compacted(broker)
    const { segments } = journalOf(broker)
    assert.ok(segments.some(({ compacted }) => compacted))
    const received: string[] = []
    while (received.length < sent.length) {
      const { payload, messageId } = await again.message()
      received.push(payload.toString())
      again.send({ cmd: 'puback', messageId: messageId! })
    }
    await again.settled()
    assert.deepEqual(received, sent)
    assert.deepEqual(again.inbox.filter(({ cmd }) => cmd === 'publish'), [])
    await isBalanced(broker)
  })

  for (const restarts of [false, true]) {
    it(`keeps no more than may wait for it, the earliest, and is told of the rest${restarts ? ', over a kill' : ''}`, async () => {
      const broker = await begin(t, { 'sessions.queueMessages': '12' })
      const bob = await broker.connect('bob')
      await bob.subscribe([QUIET, LOUD], 1)
      await bob.end()
      const other = await broker.connect('eve')
      await other.subscribe(QUIET, 1)
      await other.end()
      for (let i = 0; i < 10; i++) await broker.publish(QUIET, [`m${i}`])
      // Over several files; two have room beside those that came first.
      for (let i = 0; i < 3; i++) await flood(broker, 16)
      await broker.publish(QUIET, ['late'])
      await flood(broker, 16)
      await compacted(broker)
      if (restarts) await broker.kill()
      assert.equal((await left(broker, LOUD)).length < 30, true)
      assert.deepEqual(await left(broker, QUIET), [...Array.from({ length: 10 }, (_, i) => `m${i}`), 'late'])
      const again = await broker.connect('bob')
      await again.subscribe('$me/errors', 0, 2)
      const received: string[] = []
      await until(() => {
        for (const packet of again.inbox.splice(0)) {
          if (packet.cmd !== 'publish') continue
          received.push(packet.topic === LOUD ? 'loud' : packet.topic === QUIET ? packet.payload.toString() : 'told')
          if (packet.qos === 1) again.send({ cmd: 'puback', messageId: packet.messageId! })
        }
        return received.length >= 13
      }, 'what waited, and the report')
      assert.deepEqual(received.filter(name => name !== 'told'), [...Array.from({ length: 10 }, (_, i) => `m${i}`), 'loud', 'loud'])
      assert.deepEqual(texts(await arrivals(await broker.connect('eve'), 10)), Array.from({ length: 10 }, (_, i) => `m${i}`))
      await isBalanced(broker)
      const { dropped } = broker.foyer.broker.stats()
      assert.equal(dropped.get('unsubscribed') ?? 0, 0)
      if (!restarts) assert.equal(dropped.get('queueFull'), 63)
    })
  }

  it('has the limit that counts from its own position, also when another with the same subscriptions has left before', async () => {
    const broker = await begin(t, { 'sessions.queueMessages': '5' })
    const names = Array.from({ length: 30 }, (_, i) => `m${i}`)
    for (const [i, name] of ['bob', 'joe', 'eve'].entries()) {
      const client = await broker.connect(name)
      await client.subscribe(READINGS, 1)
      await client.end()
      await broker.publish(READINGS, names.slice(i * 10, i * 10 + 10))
    }
    for (let i = 0; i < 2; i++) {
      await flood(broker)
      await compacted(broker)
      assert.deepEqual(await left(broker, READINGS), [0, 10, 20].flatMap(i => names.slice(i, i + 5)))
    }
    let dropped = 0
    for (const [i, name] of ['bob', 'joe', 'eve'].entries()) {
      const client = await broker.connect(name)
      assert.deepEqual(texts(await arrivals(client, 5)), names.slice(i * 10, i * 10 + 5))
      // What was too much is counted when the session has seen all of the journal, behind what it gets.
      dropped += 25 - i * 10
      await until(() => broker.foyer.broker.stats().dropped.get('queueFull') === dropped, `that ${name} has seen all`)
      await client.end()
    }
    await isBalanced(broker)
  })

  it('gets what did not expire while it was away', async () => {
    const broker = await begin(t)
    const bob = await broker.connect('bob')
    await bob.subscribe(QUIET, 1)
    await bob.end()
    const ann = await broker.connect('ann', { clean: true, protocolVersion: 5 })
    const publish = (payload: string, messageId: number, messageExpiryInterval: number): void => ann.publish(QUIET, payload, { qos: 1, messageId, properties: { messageExpiryInterval } })
    publish('stays', 1, 600)
    publish('goes', 2, 1)
    await ann.settled()
    const began = performance.now()
    await until(() => performance.now() - began > 1050, 'that it has expired')
    await flood(broker)
    await compacted(broker)
    assert.deepEqual(await left(broker, QUIET), ['stays'])
    const again = await broker.connect('bob')
    assert.deepEqual(texts(await arrivals(again, 1)), ['stays'])
    // The other is counted when the session has seen all of the journal, behind what it gets.
    await until(() => broker.foyer.broker.stats().dropped.get('expired') === 1, 'that the other is counted')
    await isBalanced(broker)
  })

  it('leaves a journal that balances with its store', async () => {
    const broker = await begin(t)
    const bob = await broker.connect('bob')
    await bob.subscribe(QUIET, 1)
    await bob.end()
    const consumer = broker.foyer.broker.journal.consumer('recorder')
    const stored: StoredMessage[] = []
    for (let i = 0; i < 4; i++) {
      await broker.publish(QUIET, [`m${i}`])
      await flood(broker, 20)
      for (let block = await consumer.read(1e6); block !== null; block = await consumer.read(1e6)) {
        for (let start = 0; start < block.bytes.length; start = recordEnd(block.bytes, start)) {
          if (recordType(block.bytes, start) === RecordType.message) stored.push(readMessage(block.bytes, start) as unknown as StoredMessage)
        }
        consumer.commit(block.lastTime)
      }
    }
    await compacted(broker)
    const directory = join(broker.image(), 'journal')
    const check = async (store: readonly StoredMessage[]): ReturnType<typeof verify> => await verify({
      files: inspectJournal(directory),
      store: {
        newestAtOpen: store.at(-1)!.time,
        range: async after => store.filter(({ time }) => time > after).slice(0, 7),
        count: async before => store.filter(({ time }) => time < before).length,
        removals: [],
        erasures: []
      },
      isDurable: () => true
    })
    const { problems, balance, store } = await check(stored)
    assert.deepEqual(problems, [])
    assert.equal(balance.stored + store.older, stored.length)
    assert.ok(store.older > 40 && balance.stored >= 4)
    // What it should still have is missed as ever.
    const lacking = await check(stored.filter(({ topic }) => topic !== QUIET))
    assert.equal(lacking.balance.missing, 4)
  })

  it('is no reason to keep a file when it ends', async () => {
    const broker = await begin(t)
    const bob = await broker.connect('bob')
    await bob.subscribe(QUIET, 1)
    await bob.end()
    const loud = await broker.connect('eve')
    await loud.subscribe(LOUD, 1)
    await loud.end()
    await broker.publish(QUIET, ['m'])
    await flood(broker, 30)
    assert.equal((await left(broker, LOUD)).length, 30)
    await (await broker.connect('eve', { clean: true })).end()
    await compacted(broker)
    assert.ok((await left(broker, LOUD)).length < 20)
    assert.deepEqual(texts(await arrivals(await broker.connect('bob'), 1)), ['m'])
  })
})
