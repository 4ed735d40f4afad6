import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import type { DuckDBBlobValue } from '@duckdb/node-api'
import { describe, it } from 'mocha'
import { openExport } from '../../../bridge/keeping/export.ts'
import { parseExportQuery } from '../../../bridge/keeping/export-query.ts'
import { openDuckdbStore } from '../../../bridge/store/duckdb/duckdb-store.ts'
import { besideBroker, type Beside } from '../../helpers/bridge-beside-broker.ts'
import { useFolder } from '../../helpers/bridge-folder.ts'
import { createMessages, recordsOf } from '../../helpers/bridge-messages.ts'
import { MqttClient } from '../../helpers/mqtt-client.ts'
import { useTeardown } from '../../helpers/teardown.ts'
import { until } from '../../helpers/within.ts'

interface Line { readonly id: string, readonly room: string, readonly channel: string, readonly topic: string, readonly sender: string, readonly timestamp: string, readonly qos: number, readonly payload: unknown }

describe('an export', () => {
  const t = useTeardown()
  const folder = useFolder()

  async function connect (server: Beside, sub = 'ann'): Promise<MqttClient> {
    return await MqttClient.connect(t, { port: server.port, username: 'x', password: Buffer.from(server.token(sub)) })
  }

  async function publish (server: Beside, ...messages: [topic: string, payload: string | Buffer][]): Promise<void> {
    const client = await connect(server)
    for (const [i, [topic, payload]] of messages.entries()) client.publish(topic, payload, { qos: 1, messageId: i + 1 })
    await client.settled()
  }

  async function lines (server: Beside, query = ''): Promise<Line[]> {
    const answer = await server.ask('GET', `/api/export${query}`, server.admin)
    assert.equal(answer.status, 200, answer.text)
    assert.equal(answer.headers.get('content-type'), 'application/x-ndjson; charset=utf-8')
    return parsed(answer.text)
  }

  function parsed (text: string): Line[] {
    if (text === '') return []
    assert.equal(text.at(-1), '\n')
    return text.slice(0, -1).split('\n').map(line => JSON.parse(line) as Line)
  }

  it('is for admins', async () => {
    const server = await besideBroker(t)
    assert.equal((await server.ask('GET', '/api/export', null)).status, 401)
    assert.equal((await server.ask('GET', '/api/export', server.token('ann'))).json().code, 'policy')
  })

  it('has what was acknowledged, oldest first, one line each, whatever the payload is', async () => {
    const server = await besideBroker(t)
    const payloads: [string | Buffer, unknown][] = [
      ['{"n":1}', { n: 1 }], ['{\r\n  "a b": [\n1 ]\n}', { 'a b': [1] }], ['21.50', 21.5], ['plain\ntext', 'plain\ntext'], ['', ''],
      [Buffer.from([0xff, 0, 10]), { data: '/wAK', encoding: 'base64' }]
    ]
    await publish(server, ...payloads.map(([payload]): [string, string | Buffer] => ['rooms/lobby/telemetry/ann/x', payload]))
    // More digits than a number has.
    await publish(server, ['rooms/lobby/telemetry/ann/x', '{"n":12345678901234567890}'])
    const { text } = await server.ask('GET', '/api/export', server.admin)
    assert.match(text, /"payload":21\.50}\n/)
    assert.match(text, /"payload":{"n":12345678901234567890}}\n/)
    const exported = parsed(text)
    assert.deepEqual(exported.map(({ payload }) => payload).slice(0, -1), payloads.map(([, shown]) => shown))
    const { id, timestamp, ...rest } = exported[0]!
    assert.deepEqual(rest, { room: 'lobby', channel: 'telemetry', topic: 'rooms/lobby/telemetry/ann/x', sender: 'ann', qos: 1, payload: { n: 1 } })
    assert.ok(id < exported[1]!.id && Math.abs(Date.parse(timestamp) - Date.now()) < 60_000)
  })

  it('is of a room, a filter and a time, if they are given', async () => {
    const server = await besideBroker(t, {})
    await publish(server, ['rooms/lobby/state/a', '1'], ['rooms/lobby/telemetry/a/b', '2'], ['rooms/hall/state/a', '3'])
    const all = await lines(server)
    const of = async (query: string): Promise<unknown[]> => (await lines(server, query)).map(({ payload }) => payload)
    assert.deepEqual(await of('?room=lobby'), [1, 2])
    assert.deepEqual(await of('?room=lobby&filter=state/%23'), [1])
    assert.deepEqual(await of('?filter=rooms/+/state/%23'), [1, 3])
    assert.deepEqual(await of('?room=attic'), [])
    const later = Date.parse(all[0]!.timestamp) + 60_000
    assert.deepEqual([await of(`?from=${later}`), await of(`?to=${later}`), await of(`?from=1970-01-01&to=${later}`)], [[], [1, 2, 3], [1, 2, 3]])
  })

  it('is refused in one sentence when something is wrong with what is wished', async () => {
    const server = await besideBroker(t)
    const cases: [string, string, RegExp][] = [
      ['?room=a%20b', 'badRequest', /room/],
      ['?filter=', 'badRequest', /^the filter is empty: leave it out for everything$/],
      ['?filter=%23/a', 'filter', /#/],
      ['?room=lobby&filter=a+b', 'filter', /\+/],
      ['?from=yesterday', 'badRequest', /^from must be a time as /],
      ['?from=2026-01-02&to=2026-01-01', 'badRequest', /^from is later than to$/],
      ['?format=csv', 'badRequest', /^format must be ndjson or parquet, not "csv"$/],
      ['?limit=5', 'badRequest', /^there is no parameter "limit" here: there are room, filter, from, to, format$/]
    ]
    for (const [query, code, sentence] of cases) {
      const answer = await server.ask('GET', `/api/export${query}`, server.admin)
      assert.deepEqual([answer.status, answer.json().code], [400, code], query)
      assert.match(answer.json().detail, sentence)
    }
  })

  it('of a busy server has all that was acknowledged before, and nothing twice', async () => {
    const server = await besideBroker(t, { 'store.flushInterval': '10ms' })
    const client = await connect(server)
    let sent = 0
    let going = true
    const publishing = (async () => {
      while (going) {
        for (let i = 0; i < 200; i++) client.publish('rooms/lobby/telemetry/ann/x', String(++sent), { qos: 1, messageId: sent % 60_000 + 1 })
        await client.settled()
      }
    })()
    for (let round = 0; round < 5; round++) {
      const acknowledged = sent
      await until(() => sent > acknowledged, 'that more is published')
      const numbers = (await lines(server)).map(({ payload }) => payload as number)
      assert.ok(numbers.length >= acknowledged)
      assert.deepEqual(numbers, Array.from({ length: numbers.length }, (_, i) => i + 1))
    }
    going = false
    await publishing
  })

  it('to Parquet is a file that DuckDB reads, with the same rows', async () => {
    const server = await besideBroker(t)
    await publish(server, ['rooms/lobby/telemetry/ann/x', '1.5'], ['rooms/lobby/state/a', 'hello'], ['rooms/hall/state/a', Buffer.from([0, 255])])
    const response = await fetch(`${server.url}/api/export?format=parquet`, { headers: { authorization: `Bearer ${server.admin}` } })
    assert.deepEqual([response.status, response.headers.get('content-type'), response.headers.get('content-disposition')], [200, 'application/vnd.apache.parquet', 'attachment; filename="foyer.parquet"'])
    const path = join(folder(), 'out.parquet')
    writeFileSync(path, Buffer.from(await response.arrayBuffer()))
    const outside = await (await DuckDBInstance.create()).connect()
    const found = await outside.runAndReadAll(`SELECT epoch_us(time), room, channel, topic, sender, qos, payload, value FROM read_parquet('${path}') ORDER BY time`)
    const rows = found.getRows().map(([time, room, channel, topic, sender, qos, payload, value]) => [new Date(Number(time) / 1000).toISOString(), room, channel, topic, sender, qos, Buffer.from((payload as DuckDBBlobValue).bytes).toString('latin1'), value])
    const times = (await lines(server)).map(({ timestamp }) => timestamp)
    assert.deepEqual(rows, [
      [times[0], 'lobby', 'telemetry', 'rooms/lobby/telemetry/ann/x', 'ann', 1, '1.5', 1.5],
      [times[1], 'lobby', 'state', 'rooms/lobby/state/a', 'ann', 1, 'hello', null],
      [times[2], 'hall', 'state', 'rooms/hall/state/a', 'ann', 1, '\x00\xff', null]
    ])
    assert.deepEqual(readdirSync(join(server.config.dataDir, 'export')), [])
  })

  it('to Parquet leaves nothing when the reader goes away, and lets the next one be made', async () => {
    const server = await besideBroker(t)
    const blob = Buffer.alloc(60_000).map((_, i) => (i * 2_654_435_761) >>> 13)
    await publish(server, ...Array.from({ length: 200 }, (_, i): [string, Buffer] => ['rooms/lobby/telemetry/ann/x', Buffer.concat([Buffer.from(String(i)), blob])]))
    for (const goes of ['response', 'socket'] as const) {
      const request = get(`${server.url}/api/export?format=parquet`, { headers: { authorization: `Bearer ${server.admin}` } })
      request.on('error', () => {})
      await once(request, goes)
      request.destroy()
    }
    // While one is under way the next is refused.
    await until(async () => (await server.ask('GET', '/api/export?format=parquet&room=hall', server.admin)).status === 200, 'that the next one is made')
    assert.deepEqual(readdirSync(join(server.config.dataDir, 'export')), [])
  })

  it('reads no further than its reader', async () => {
    const dataDir = folder()
    const store = await openDuckdbStore({ dataDir })
    t.after(() => store.close())
    const message = createMessages()
    await store.append(recordsOf(Array.from({ length: 3000 }, () => message({ payload: Buffer.alloc(10_000, 'x') }))))
    let reads = 0
    const counted = { ...store, history: async (query: Parameters<typeof store.history>[0]) => { reads++; return await store.history(query) } }
    const stream = await openExport({ store: counted, dataDir }, parseExportQuery(new Map()))
    let read = 0
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      read += chunk.length
      // 8 MiB in a page, of which one may be read ahead.
      assert.ok(reads <= Math.floor(read / 8e6) + 2, `${reads} pages for ${read} bytes`)
    }
    assert.ok(reads >= 3)
  })
})
