import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { run } from '../../helpers/cli-run.ts'
import { FaultyFiles } from '../../helpers/faulty-files.ts'
import { MqttClient, type ConnectOptions } from '../../helpers/mqtt-client.ts'
import { complete, observe, type Observed, type Scrape } from '../../helpers/observe.ts'
import { useTeardown } from '../../helpers/teardown.ts'
import { until } from '../../helpers/within.ts'

const STATE = 'rooms/lobby/state/x'
const LIVE = 'rooms/lobby/live/x'

describe('/metrics and the traffic', () => {
  const t = useTeardown()

  async function open ({ port, token }: Observed, name: string, more: Partial<ConnectOptions> = {}, rooms?: Record<string, string>): Promise<MqttClient> {
    return await MqttClient.connect(t, { port, clientId: name, username: 'x', password: Buffer.from(token(name, rooms)), ...more })
  }

  /** The identities of docs/metrics.md; `between` are those that are on their way to the disk. */
  function assertBalance (scrape: Scrape, between = 0): void {
    const { received, accepted } = messages(scrape)
    assert.equal(received, accepted + scrape.sum('foyer_messages_refused_total') + between, scrape.text)
    assertDeliveries(scrape)
  }

  function assertDeliveries (scrape: Scrape): void {
    assert.equal(
      scrape.get('foyer_deliveries_matched_total'),
      scrape.get('foyer_deliveries_written_total') + scrape.get('foyer_deliveries_waiting') + scrape.sum('foyer_deliveries_dropped_total'),
      scrape.text
    )
  }

  function messages (scrape: Scrape): Record<'received' | 'accepted' | 'journaled' | 'stored', number> {
    const of = (name: string): number => scrape.get(`foyer_messages_${name}_total`)
    return { received: of('received'), accepted: of('accepted'), journaled: of('journaled'), stored: of('stored') }
  }

  it('agree on what was received, accepted and refused, and why', async () => {
    const foyer = await observe(t, { 'limits.retainedTopics': '1' })
    const ann = await open(foyer, 'ann', { protocolVersion: 5 })
    const eve = await open(foyer, 'eve', {}, { lobby: 'listener' })
    for (let id = 1; id <= 3; id++) ann.publish(STATE, `${id}`, { qos: 1, messageId: id })
    await ann.settled()
    for (let i = 0; i < 2; i++) ann.publish(LIVE, 'now')
    // The same message twice: the second is a repetition.
    for (const dup of [false, true]) ann.publish('rooms/lobby/commands/x', 'go', { qos: 2, messageId: 9, dup })
    const refused: readonly [topic: string, payload: string | Buffer, more?: object][] = [
      ['nowhere', 'x'],
      ['$me/nothing', 'x'],
      ['rooms/lobby/commands/x', 'x'],
      ['rooms/lobby/messages', Buffer.alloc(65_537)],
      ['rooms/lobby/messages', Buffer.from([0xff]), { properties: { payloadFormatIndicator: true } }],
      ['rooms/lobby/state/y', 'one topic too many']
    ]
    for (const [topic, payload, more] of refused) ann.publish(topic, payload, more)
    for (let id = 1; id <= 2; id++) eve.publish('rooms/lobby/messages', 'x', { qos: 1, messageId: id })
    await ann.settled()
    await eve.settled()
    await until(() => ann.inbox.filter(({ cmd }) => cmd === 'pubrec').length === 2, 'both PUBREC')

    const scrape = await foyer.scrape()
    assert.deepEqual(messages(scrape), { received: 14, accepted: 6, journaled: 4, stored: 4 })
    assert.deepEqual(scrape.counted('foyer_messages_refused_total'), {
      '{code="policy",kind="refused"}': 2,
      '{code="topic",kind="refused"}': 2,
      '{code="size",kind="refused"}': 1,
      '{code="schema",kind="refused"}': 1,
      '{code="belowQos",kind="refused"}': 1,
      '{code="quota",kind="not-now"}': 1
    })
    assertBalance(scrape)
  })

  it('agree on what became of deliveries', async () => {
    const foyer = await observe(t, { 'sessions.queueMessages': '2' })
    const bob = await open(foyer, 'bob')
    await bob.subscribe([STATE, LIVE], 1)
    const away = await open(foyer, 'away', { clean: false })
    await away.subscribe([STATE, LIVE], 1)
    await away.end()
    const ann = await open(foyer, 'ann')
    for (let id = 1; id <= 5; id++) ann.publish(STATE, `${id}`, { qos: 1, messageId: id })
    for (let i = 0; i < 3; i++) ann.publish(LIVE, 'now')
    await until(() => bob.inbox.length === 8, 'eight deliveries')

    const scrape = await foyer.scrape()
    assert.equal(scrape.get('foyer_deliveries_matched_total'), 16)
    assert.equal(scrape.get('foyer_deliveries_written_total'), 8)
    assert.equal(scrape.get('foyer_deliveries_waiting'), 5)
    assert.deepEqual(scrape.counted('foyer_deliveries_dropped_total'), { '{reason="offline"}': 3 })
    for (const [name, value] of [['connections', 2], ['sessions', 3], ['subscriptions', 4], ['retained_messages', 1]] as const) assert.equal(scrape.get(`foyer_${name}`), value, name)
    assertBalance(scrape)

    const back = await open(foyer, 'away', { clean: false })
    await until(() => foyer.broker.stats().waiting === 0, 'the end of the queue')
    const returned = await foyer.scrape()
    assert.equal(returned.get('foyer_deliveries_written_total'), 10)
    assert.deepEqual(returned.counted('foyer_deliveries_dropped_total'), { '{reason="offline"}': 3, '{reason="queueFull"}': 3 })
    assertBalance(returned)

    await back.end()
    ann.publish(STATE, 'once more', { qos: 1, messageId: 6 })
    await ann.settled()
    await (await open(foyer, 'away', { clean: true })).settled()
    const ended = await foyer.scrape()
    assert.equal(ended.get('foyer_deliveries_waiting'), 0)
    assert.equal(ended.get('foyer_deliveries_dropped_total{reason="sessionEnded"}'), 1)
    assertBalance(ended)
  })

  it('agree when a client leaves in the middle of its queue, again and again', async () => {
    const foyer = await observe(t, { 'limits.inflight': '4' })
    const first = await open(foyer, 'away', { clean: false })
    await first.subscribe(STATE, 1)
    await first.end()
    const ann = await open(foyer, 'ann')
    // More than is read from the journal at once.
    for (let id = 1; id <= 1000; id++) ann.publish(STATE, `${id}`, { qos: 1, messageId: id })
    await ann.settled()
    for (let i = 0; i < 3; i++) {
      const client = await open(foyer, 'away', { clean: false })
      await until(() => client.inbox.filter(({ cmd }) => cmd === 'publish').length === 4, 'a full window')
      assertBalance(await foyer.scrape())
      client.socket.destroy()
      await until(() => foyer.broker.stats().connections === 1, 'that the broker noticed')
      assertBalance(await foyer.scrape())
    }
    const last = await open(foyer, 'away', { clean: false })
    await until(() => {
      for (const packet of last.inbox.splice(0)) if (packet.cmd === 'publish') last.send({ cmd: 'puback', messageId: packet.messageId! })
      return foyer.broker.stats().waiting === 0
    }, 'the end of the queue')
    const scrape = await foyer.scrape()
    assert.equal(scrape.get('foyer_deliveries_written_total'), 1000)
    assertBalance(scrape)
  })

  it('agree on what was too much for a client that does not read', async () => {
    const foyer = await observe(t, { 'queue.bytes': '64KiB' })
    const slow = await open(foyer, 'slow')
    await slow.subscribe(LIVE)
    slow.socket.pause()
    const ann = await open(foyer, 'ann')
    let sent = 0
    await until(async () => {
      for (let i = 0; i < 20; i++, sent++) ann.publish(LIVE, Buffer.alloc(60_000))
      await ann.settled()
      const scrape = await foyer.scrape()
      assertBalance(scrape)
      return scrape.get('foyer_deliveries_dropped_total{reason="slow"}') > 0 && scrape.get('foyer_deliveries_waiting') > 0
    }, 'that something is dropped')
    slow.socket.resume()
    await until(() => foyer.broker.stats().waiting === 0, 'that the rest is written')
    const scrape = await foyer.scrape()
    assert.equal(scrape.get('foyer_deliveries_matched_total'), sent)
    assertBalance(scrape)
  })

  it('count what waits for the disk as received, and as "not now" when it waited too long', async () => {
    const files = new FaultyFiles()
    const foyer = await observe(t, { 'admission.maxWait': '1s' }, files)
    const ann = await open(foyer, 'ann', { protocolVersion: 5 })
    files.failingSyncs = Infinity
    for (let id = 1; id <= 3; id++) ann.publish(STATE, `${id}`, { qos: 1, messageId: id })
    ann.send({ cmd: 'pingreq' })
    await ann.take('pingresp')
    assertBalance(await foyer.scrape(), 3)
    await until(() => ann.inbox.length === 3, 'three answers')
    const scrape = await foyer.scrape()
    assert.deepEqual(scrape.counted('foyer_messages_refused_total'), { '{code="disk",kind="not-now"}': 3 })
    assertBalance(scrape)
    files.failingSyncs = 0
  })

  it('balance at every moment', async () => {
    const foyer = await observe(t, { 'queue.messages': '10', 'limits.inflight': '2' })
    const readers = await Promise.all(['r1', 'r2', 'r3'].map(name => open(foyer, name)))
    for (const reader of readers) await reader.subscribe('rooms/lobby/#', 1)
    const writers = await Promise.all(['w1', 'w2', 'w3'].map(name => open(foyer, name, {}, name === 'w3' ? { lobby: 'listener' } : undefined)))
    let left = 40
    const acknowledge = setInterval(() => {
      for (const reader of readers.slice(1)) for (const packet of reader.inbox.splice(0)) if (packet.cmd === 'publish' && packet.qos === 1) reader.send({ cmd: 'puback', messageId: packet.messageId! })
    }, 5)
    t.after(() => { clearInterval(acknowledge) })
    for (let id = 1; left > 0; left--) {
      for (const writer of writers) {
        for (let i = 0; i < 20; i++) {
          writer.publish(STATE, `${id}`, { qos: 1, messageId: id++ })
          writer.publish(LIVE, 'now')
        }
      }
      const scrape = await foyer.scrape()
      const { received, accepted, journaled, stored } = messages(scrape)
      assert.ok(received >= accepted + scrape.sum('foyer_messages_refused_total'), scrape.text)
      assert.ok(accepted >= journaled && journaled >= stored, scrape.text)
      assertDeliveries(scrape)
    }
    for (const writer of writers) await writer.settled()
    await foyer.broker.journal.flush()
    const scrape = await foyer.scrape()
    assert.equal(scrape.get('foyer_messages_received_total'), 40 * 3 * 20 * 2)
    assert.equal(scrape.get('foyer_messages_refused_total{code="policy",kind="refused"}'), 40 * 20 * 2)
    assertBalance(scrape)
  })

  it('say how far history is behind', async () => {
    const foyer = await observe(t)
    const ann = await open(foyer, 'ann')
    assert.equal((await foyer.scrape()).get('foyer_recorder_lag_bytes'), 0)
    ann.publish(STATE, Buffer.alloc(1000, 'x'), { qos: 1, messageId: 1 })
    await ann.take('puback')
    const behind = await foyer.scrape()
    assert.ok(behind.get('foyer_recorder_lag_bytes') > 1000, behind.text)
    const seconds = behind.get('foyer_recorder_lag_seconds')
    assert.ok(seconds > 0 && seconds < 10, `${seconds}`)
    await foyer.bridge.flush()
    const scrape = await foyer.scrape()
    for (const name of ['lag_bytes', 'lag_seconds', 'missed_files_total']) assert.equal(scrape.get(`foyer_recorder_${name}`), 0, name)
  })

  it('make no series of what clients say', async () => {
    const foyer = await observe(t)
    const names = async (): Promise<string[]> => [...(await complete(foyer.scrape)).values.keys()].sort()
    const before = await names()
    const { client: stranger } = await MqttClient.open(t, { port: foyer.port, clientId: 'str"anger\\', username: 'no{b}ody', password: Buffer.from('x') })
    await stranger.closed
    const ann = await open(foyer, 'a"nn{x="1"}', { protocolVersion: 5 }, { 'lo~bby': 'owner' })
    await ann.subscribe(['rooms/lo~bby/#', 'rooms/else/#', 'a"b'])
    for (let i = 0; i < 50; i++) {
      ann.publish(`rooms/lo~bby/live/"} ${i}`, 'x')
      ann.publish(`nowhere/"} ${i}`, 'x', { properties: { userProperties: { [`name${i}`]: 'x' } } })
      ann.publish(`rooms/room${i}/live/x`, 'x')
    }
    await ann.settled()
    assert.equal(foyer.broker.stats().received, 150)
    assert.deepEqual(await names(), before)
  })

  it('are said in words that Prometheus takes', async () => {
    const foyer = await observe(t)
    const { text } = await complete(foyer.scrape)
    const { code, stdout, stderr } = await run(t, ['promtool', 'check', 'metrics'], { input: text })
    assert.deepEqual([code, stdout, stderr], [0, '', ''])
  })
})
