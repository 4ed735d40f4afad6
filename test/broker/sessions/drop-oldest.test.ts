import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'mocha'
import type { IPublishPacket } from 'mqtt-packet'
import type { Journal } from '../../../broker/journal/journal.ts'
import type { MqttClient } from '../../helpers/mqtt-client.ts'
import { Restarts } from '../../helpers/restart.ts'
import { useTeardown } from '../../helpers/teardown.ts'
import { until } from '../../helpers/within.ts'

const TOPIC = 'rooms/lobby/state/x'
// Files of two megabytes, in a journal that may have 64: large messages fill it soon.
const CHANNELS = "channels: { filler: { topic: 'rooms/{room}/filler', qos: 1, durability: os, store: false, maxBytes: 250000, publish: [owner], subscribe: [owner] } }"
const KEYS = { 'journal.maxBytes': '64MiB', 'journal.onFull': 'drop-oldest', 'limits.inflight': '20', 'sessions.queueMessages': '100000', 'sessions.queueBytes': '1GiB' }
const FILLER = Buffer.alloc(240_000)
const FULL = Math.ceil(64 * 2 ** 20 / FILLER.length)

function payloadOf (number: number): string {
  return `${number} ${createHash('sha256').update(`${number}`).digest('hex').repeat(8)}`
}

describe('a session whose waiting messages are dropped, as the journal is full', () => {
  const t = useTeardown()

  interface Setting { readonly broker: Restarts, publish: (fillers: number, between?: number) => Promise<void>, sent: () => number, fillers: () => number }

  async function begin (): Promise<Setting> {
    const broker = await Restarts.begin(t, KEYS, CHANNELS, { fileBytes: 2 * 2 ** 20 })
    // Somebody waits for those, too: what nobody waits for would be taken out of the files.
    const other = await broker.connect('other')
    await other.subscribe('rooms/lobby/filler', 1)
    await other.end()
    let ann: MqttClient | null = null
    let sent = 0
    let filled = 0
    let id = 0
    return {
      broker,
      sent: () => sent,
      fillers: () => filled,
      /** Between each two fillers some messages for the session. */
      publish: async (fillers, between = 3) => {
        if (ann === null || ann.isClosed) ann = await broker.connect('ann', { clean: true })
        for (let i = 0; i < fillers; i++) {
          ann.publish('rooms/lobby/filler', FILLER, { qos: 1, messageId: ++id })
          filled++
          for (let k = 0; k < between; k++) ann.publish(TOPIC, payloadOf(sent++), { qos: 1, messageId: ++id })
          if (i % 5 === 4) await ann.settled()
        }
        await ann.settled()
        // Files are looked through for what may go before one is dropped; that has an end, and a kill after it knows of it.
        const journal = broker.foyer.broker.journal as Journal
        await until(() => !journal.quota.mustDrop, 'that there is room')
        await journal.flush()
      }
    }
  }

  /** Takes what has arrived, checks and acknowledges it; the report that something was dropped is returned. */
  function take (client: MqttClient, got: number[]): string | null {
    let report: string | null = null
    for (const packet of client.inbox.splice(0)) {
      if (packet.cmd !== 'publish') continue
      const { topic, payload, messageId } = packet as IPublishPacket
      if (topic !== TOPIC) {
        report = payload.toString()
        continue
      }
      const number = parseInt(payload.toString())
      assert.equal(payload.toString(), payloadOf(number))
      assert.ok(number > (got.at(-1) ?? -1), `${number} came behind ${got.at(-1)}`)
      got.push(number)
      client.send({ cmd: 'puback', messageId: messageId! })
    }
    return report
  }

  it('gets the rest in order, also when files go while it reads them, and what is missing is counted and told', async function () {
    this.timeout(60_000)
    const { broker, publish, sent, fillers } = await begin()
    const bob = await broker.connect('bob')
    await bob.subscribe(TOPIC, 1)
    await bob.end()
    await publish(60)
    // More in one file than are read at once: some of it is read when it goes.
    await publish(30, 40)
    await publish(FULL - 30)
    const again = await broker.connect('bob')
    await again.subscribe('$me/errors', 0, 2)
    const got: number[] = []
    const reports: string[] = []
    const read = (): void => {
      const report = take(again, got)
      if (report !== null) reports.push(report)
    }
    await until(() => { read(); return got.length >= 60 }, 'that it catches up')
    assert.ok(got[0]! > 0)
    // It reads nothing while the files that it is in go, and those behind them.
    await publish(FULL / 2)
    await until(() => { read(); return got.at(-1) === sent() - 1 }, 'the last message', 20_000)
    await until(() => { read(); return reports.length > 0 }, 'the report')
    const lost = sent() - got.length
    const { dropped } = broker.foyer.broker.stats()
    assert.deepEqual([...dropped], [['journalFull', lost]])
    assert.deepEqual(reports.map(text => (JSON.parse(text) as { code: string, message: string }).message), [`${lost} messages that waited for you were dropped: the journal was full`])
    const gaps = got.filter((number, i) => number !== (got[i - 1] ?? -1) + 1)
    assert.ok(gaps.length >= 2, `${gaps.length} gaps`)
    const balance = await broker.balance()
    assert.equal(balance.waiting, fillers(), 'for the other session alone')
    assert.equal(balance.matched, balance.written + balance.waiting + balance.dropped)
    assert.ok(!broker.foyer.log.some(({ msg }) => /could not be read/.test(String(msg))))
    // What comes now is not of that time.
    await publish(1)
    await until(() => { read(); return got.at(-1) === sent() - 1 }, 'the last message')
    assert.equal(sent() - got.length, lost)
  })

  it('is told so after a kill too, when nobody has counted them', async function () {
    this.timeout(60_000)
    const { broker, publish, sent } = await begin()
    const bob = await broker.connect('bob')
    await bob.subscribe(TOPIC, 1)
    await bob.end()
    await publish(FULL + 60)
    await broker.kill()
    const again = await broker.connect('bob')
    await again.subscribe('$me/errors', 0, 2)
    const got: number[] = []
    let report: string | null = null
    await until(() => {
      report = take(again, got) ?? report
      return got.at(-1) === sent() - 1 && report !== null
    }, 'the last message and the report', 20_000)
    assert.match(String(report), /"messages that waited for you were dropped: the journal was full"/)
    assert.ok(got[0]! > 0)
    assert.deepEqual(got, Array.from({ length: got.length }, (_, i) => got[0]! + i))
    const { matched, written, waiting, dropped } = await broker.balance()
    assert.equal(matched, written + waiting + dropped)
  })
})
