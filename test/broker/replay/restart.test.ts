import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'mocha'
import type { IPublishPacket } from 'mqtt-packet'
import { pino } from 'pino'
import { pastOfStore } from '../../../bridge/history/past-of-store.ts'
import { createRecorder, type Recorder } from '../../../bridge/recorder/recorder.ts'
import { openDuckdbStore, type DuckdbStore } from '../../../bridge/store/duckdb/duckdb-store.ts'
import { KEEP_ALL } from '../../../bridge/store/retention.ts'
import { FaultyFiles } from '../../helpers/faulty-files.ts'
import type { MqttClient } from '../../helpers/mqtt-client.ts'
import { arrivals, Restarts, texts } from '../../helpers/restart.ts'
import { useTeardown } from '../../helpers/teardown.ts'
import { until } from '../../helpers/within.ts'

const TOPIC = 'rooms/lobby/telemetry/d/x'
// It joins no room, so that presence writes nothing in between.
const FILTER = '$replay/1h/rooms/+/telemetry/#'

/** Full from the moment on in which the disk has the n-th write that names a text. */
class FullBehind extends FaultyFiles {
  private readonly text: string
  private left: number

  constructor (text: string, nth: number) {
    super()
    this.text = text
    this.left = nth
  }

  override async write (fd: number, bytes: Uint8Array, start: number, end: number, position: number): Promise<void> {
    await super.write(fd, bytes, start, end, position)
    if (Buffer.from(bytes.subarray(start, end)).includes(this.text) && --this.left === 0) this.room = 0
  }
}

function numbered (count: number, from = 1): string[] {
  return Array.from({ length: count }, (_, i) => String(from + i))
}

describe('a replay over a kill', () => {
  const t = useTeardown()

  /** Has the store take what the broker of now journals, and replays read from it. */
  function follow ({ foyer: { broker } }: Restarts, store: DuckdbStore): Recorder {
    const recorder = createRecorder({ journal: broker.journal, name: 'recorder', from: store.newestAtOpen ?? 0, store, logger: pino({ level: 'silent' }), flushInterval: 10 })
    broker.remember(pastOfStore({ channels: broker.channels, store, recorder }))
    // Before the journal that it reads.
    t.after(() => recorder.close())
    return recorder
  }

  async function kill (broker: Restarts, recorder: Recorder): Promise<void> {
    const dataDir = broker.image()
    await recorder.close()
    await broker.foyer.close()
    await broker.resume(dataDir)
  }

  it('does not repeat at QoS 0 what may have been sent', async () => {
    // The first that names it is the subscription; the second says up to where it may have sent.
    const files = new FullBehind(FILTER, 2)
    const broker = await Restarts.begin(t, {}, '', { files })
    await broker.publish(TOPIC, numbered(50))
    const bob = await broker.connect('bob')
    assert.deepEqual(await bob.subscribe(FILTER, 0), [0])
    assert.deepEqual(texts(await arrivals(bob, 50)), numbered(50))
    assert.equal(files.room, 0, 'the disk has nothing that says what was sent')
    const dataDir = broker.image()
    files.room = Infinity
    await broker.resume(dataDir)
    const { client, present } = await broker.open('bob')
    assert.equal(present, true)
    await broker.publish(TOPIC, ['later'])
    assert.deepEqual(texts(await arrivals(client, 1)), ['later'])
  })

  it('repeats what was in flight although the journal has let go of it: history has it', async () => {
    const store = await openDuckdbStore({ dataDir: (await Restarts.begin(t)).foyer.config.dataDir })
    const broker = await Restarts.begin(t, { 'limits.inflight': '10' }, '', { fileBytes: 20_000 })
    t.after(() => store.close())
    const recorder = follow(broker, store)
    await broker.publish(TOPIC, numbered(20))
    const bob = await broker.connect('bob')
    assert.deepEqual(await bob.subscribe(FILTER, 1), [1])
    assert.deepEqual(texts(await arrivals(bob, 10)), numbered(10))
    const first = join(broker.foyer.config.dataDir, 'journal', 'journal-0000000001.log')
    await until(async () => {
      await broker.publish('rooms/hall/messages', [JSON.stringify('x'.repeat(5000))])
      await recorder.flush()
      return !existsSync(first)
    }, 'that the journal lets go of it', 15_000)
    await kill(broker, recorder)
    follow(broker, store)
    const again = await broker.connect('bob')
    const repeated = await arrivals(again, 10)
    assert.deepEqual(texts(repeated), numbered(10))
    assert.ok(repeated.every(({ dup }) => dup))
    await acknowledged(again, repeated, 10)
  })

  /** Acknowledges these and what follows, until so many more have come. */
  async function acknowledged (client: MqttClient, packets: readonly IPublishPacket[], more: number): Promise<void> {
    for (const { messageId } of packets) client.send({ cmd: 'puback', messageId: messageId! })
    assert.deepEqual(texts(await arrivals(client, more)), numbered(more, 11))
  }

  it('still says that something was gone before it got there', async () => {
    const HOUR = 3_600_000
    const store = await openDuckdbStore({ dataDir: (await Restarts.begin(t)).foyer.config.dataDir, retention: { ...KEEP_ALL, fallback: HOUR }, sizes: { rows: 1 } })
    const broker = await Restarts.begin(t, { 'limits.inflight': '100' })
    t.after(() => store.close())
    const recorder = follow(broker, store)
    await broker.publish(TOPIC, numbered(1200))
    await recorder.flush()
    const bob = await broker.connect('bob')
    assert.deepEqual(await bob.subscribe(FILTER, 1), [1])
    let packets = await arrivals(bob, 100)
    // It has a page of the rest already.
    await store.keep(Date.now() + HOUR + 1)
    await broker.publish(TOPIC, numbered(300, 1201))
    await recorder.flush()
    while (Number(texts(packets).at(-1)) <= 1200) {
      for (const { messageId } of packets) bob.send({ cmd: 'puback', messageId: messageId! })
      packets = await arrivals(bob, 100)
    }
    await kill(broker, recorder)
    follow(broker, store)
    const again = await broker.connect('bob')
    await again.subscribe('$me/replay', 0)
    let marker: IPublishPacket | undefined
    while (marker === undefined) {
      const packet = await again.find(({ cmd }) => cmd === 'publish', 'a message', 10_000) as IPublishPacket
      again.inbox.splice(again.inbox.indexOf(packet), 1)
      if (packet.topic === '$me/replay' && packet.payload.includes('"complete"')) marker = packet
      else if (packet.messageId !== undefined) again.send({ cmd: 'puback', messageId: packet.messageId })
    }
    assert.equal((JSON.parse(marker.payload.toString()) as { complete: boolean }).complete, false)
  })

  it('keeps its order over all QoS while what is sent at QoS 2 waits for the disk', async () => {
    const broker = await Restarts.begin(t)
    const ann = await broker.connect('ann', { clean: true })
    for (let i = 1; i <= 60; i++) ann.publish(TOPIC, String(i), i % 3 === 0 ? { qos: 2, messageId: i } : {})
    await ann.settled()
    const look = await broker.connect('look', { clean: true })
    await look.subscribe(FILTER, 0)
    assert.deepEqual(texts(await arrivals(look, 60)), numbered(60))
    const bob = await broker.connect('bob')
    await bob.subscribe('$me/replay', 0)
    assert.deepEqual(await bob.subscribe(FILTER, 2, 2), [2])
    const seen = await arrivals(bob, 61)
    assert.deepEqual(texts(seen.slice(0, 60)), numbered(60))
    assert.match(seen[60]!.payload.toString(), /"replayed":60,"complete":true/)
  })
})
