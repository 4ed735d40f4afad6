import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import fc from 'fast-check'
import { readSeries } from '../../../bridge/series/read-series.ts'
import { openDuckdbStore } from '../../../bridge/store/duckdb/duckdb-store.ts'
import type { StoredMessage } from '../../../broker/message.ts'
import { rounds } from '../../helpers/attack-target.ts'
import { useFolder } from '../../helpers/bridge-folder.ts'
import { createMessages, recordsOf } from '../../helpers/bridge-messages.ts'
import { tokenFor, useServer, type Answer, type Server } from '../../helpers/bridge-server.ts'

const owner = tokenFor('ada', { '*': 'owner' })
const device = tokenFor('sensor-7', { 'room*': 'device' })
const stranger = tokenFor('eve', { attic: 'owner' })

/** When the first message of `createMessages` is sent, in milliseconds. */
const START = Date.UTC(2026, 10, 24, 10)

interface Columns { readonly topic: string, readonly field: string | null, readonly time: number[], readonly [figure: string]: unknown }

describe('series over HTTP', () => {
  const serve = useServer()
  const makeAny = createMessages(START * 1000)
  let tests = 0
  let room: string
  let path: string
  let start: number
  let accept: Server['accept']
  let get: Server['get']

  before(async () => { ({ accept, get } = await serve()) })
  beforeEach(() => {
    room = `room${++tests}`
    path = `/api/rooms/${room}/series`
    // Each test has an hour of its own.
    start = START + tests * 3_600_000
    makeAny({ later: (start - 1000) * 1000 - last })
    last = (start - 1000) * 1000
  })
  let last = START * 1000 - 1_000_000

  function reading (payload: string, { topic = 'telemetry/sensor-7/temperature', later = 1000 }: { topic?: string, later?: number } = {}): StoredMessage {
    last += later * 1000
    return makeAny({ room, channel: topic.split('/')[0]!, topic: `rooms/${room}/${topic}`, payload, later: later * 1000 })
  }

  async function series (query: string, token = owner): Promise<Columns[]> {
    const answer = await get(`${path}?${query}`, token)
    assert.equal(answer.status, 200, answer.text)
    return answer.json().series
  }

  const range = (minutes = 60): string => `from=${start}&to=${start + minutes * 60_000}`

  it('gives the figures of each topic and bucket by columns, what was accepted just before included', async () => {
    accept(...['20', '21.5', '19', '23'].map(payload => reading(payload, { later: 20_000 })))
    accept(reading('7', { topic: 'telemetry/sensor-8/temperature' }), reading('55', { topic: 'telemetry/sensor-8/humidity' }))
    const answer = await get(`${path}?filter=telemetry/+/temperature&${range()}&bucket=1m`, owner)
    assert.equal(answer.status, 200, answer.text)
    assert.match(String(answer.headers.get('content-type')), /^application\/json/)
    assert.deepEqual(answer.json(), {
      from: start,
      to: start + 3_600_000,
      bucket: 60_000,
      series: [
        { topic: `rooms/${room}/telemetry/sensor-7/temperature`, field: null, time: [start, start + 60_000], avg: [20.166666666666668, 23], min: [19, 23], max: [21.5, 23], count: [3, 1] },
        { topic: `rooms/${room}/telemetry/sensor-8/temperature`, field: null, time: [start + 60_000], avg: [7], min: [7], max: [7], count: [1] }
      ],
      more: false
    })
  })

  it('gives many points whole to each of those who ask at once, and to who asks again', async () => {
    const [topics, points] = [20, 150]
    accept(...Array.from({ length: topics * points }, (_, i) => reading(String(i), { topic: `telemetry/sensor-${100 + i % topics}/n`, later: i === 0 ? 1000 : i % topics === 0 ? 1001 - topics : 1 })))
    const wanted = Array.from({ length: topics }, (_, t) => Array.from({ length: points }, (_, i) => i * topics + t))
    for (let round = 0; round < 3; round++) {
      const answers = await Promise.all(Array.from({ length: 6 }, async () => await series(`filter=telemetry/%23&${range()}&bucket=1s&fn=last`)))
      for (const answer of answers) assert.deepEqual(answer.map(({ last }) => last), wanted)
    }
  })

  it('gives the figures that are asked for, in that order', async () => {
    accept(...['1', '5', '3'].map(payload => reading(payload)))
    const answer = await get(`${path}?filter=telemetry/%23&${range()}&bucket=1h&fn=last,min`, owner)
    assert.match(answer.text, /"time":\[\d+\],"last":\[3\],"min":\[1\]\}/)
  })

  it('reads members of JSON, and of telemetry the payload itself or its member value', async () => {
    accept(
      reading('{"air":{"humidity":40},"value":1}'),
      reading('{"air":{"humidity":60}}'),
      reading('{"air":{"humidity":"wet"}}'),
      reading('2'),
      reading('not a number'),
      reading('{"text":"hi","n":5}', { topic: 'messages' })
    )
    const figures = async (query: string): Promise<unknown[]> => (await series(`${range()}&bucket=1h&fn=avg,count&${query}`)).map(({ topic, field, avg, count }) => [topic.split('/').slice(2).join('/'), field, avg, count])
    assert.deepEqual(await figures(''), [['telemetry/sensor-7/temperature', null, [1.5], [2]]])
    assert.deepEqual(await figures('field=air.humidity'), [['telemetry/sensor-7/temperature', 'air.humidity', [50], [2]]])
    assert.deepEqual(await figures('field=n'), [['messages', 'n', [5], [1]]])
    assert.deepEqual(await figures('field=nothing'), [])
    assert.deepEqual(await figures(`field=${encodeURIComponent("'; DROP TABLE messages; --")}`), [])
  })

  it('holds no number that JSON can not', async () => {
    accept(reading('1e308'), reading('1.7e308'), reading('1e400'), reading('NaN'), reading('Infinity'), reading('{"value":-1e999}'), reading('3', { later: 3_600_000 }))
    const answer = await get(`${path}?${range(120)}&bucket=1h&fn=avg,min,max,count,last`, owner)
    assert.equal(answer.status, 200, answer.text)
    const [{ avg, ...rest }] = answer.json().series
    for (const numbers of [avg, ...Object.values(rest).filter(Array.isArray)]) for (const number of numbers) assert.ok(number === null || Number.isFinite(number), answer.text)
    // The sum of the first two is beyond what a number can be, and so is their average.
    assert.equal(avg[0], null)
    assert.deepEqual([rest.min[1], rest.last[1], avg[1]], [3, 3, 3])
  })

  it('is of the last hour unless told otherwise, and has some hundred points then', async () => {
    const { accept, get } = await serve()
    const now = Date.now()
    const makeNow = createMessages((now - 3_700_000) * 1000)
    const telemetry = (payload: string, later: number): StoredMessage => makeNow({ room, channel: 'telemetry', topic: `rooms/${room}/telemetry/a/x`, payload, later: later * 1000 })
    accept(telemetry('1', 1000), telemetry('2', 200_000), telemetry('3', 3_000_000))
    const read = async (query: string): Promise<any> => (await get(`${path}?${query}`, owner)).json()
    const { from, to, bucket, series } = await read('fn=last')
    assert.deepEqual([to - from, bucket], [3_600_000, 10_000])
    assert.ok(to > now && to < Date.now() + 1000)
    assert.deepEqual(series[0].last, [2, 3])
    assert.equal((await read(`from=${now - 86_400_000}`)).bucket, 300_000)
    assert.equal((await read(`to=${now - 1_000_000}`)).from, now - 4_600_000)
    assert.deepEqual((await read(`from=${now}&to=${now}`)).series, [])
    // A message may be ahead of the clock, after that was set back.
    const ahead = createMessages((Date.now() + 600_000) * 1000)
    accept(ahead({ room, channel: 'telemetry', topic: `rooms/${room}/telemetry/a/x`, payload: '4', later: 1000 }))
    await read('')
    assert.equal((await read('fn=last')).series[0].last.at(-1), 4)
  })

  it('includes from and excludes to', async () => {
    accept(...['1', '2', '3'].map(payload => reading(payload, { later: 1000 })))
    assert.deepEqual((await series(`from=${start}&to=${start + 2000}&bucket=1s&fn=last`))[0]?.last, [1, 2])
    assert.deepEqual((await series(`from=${new Date(start + 1000).toISOString()}&to=${start + 1001}&bucket=1s&fn=last`))[0]?.last, [2])
  })

  it('gives each role what it may subscribe to, and no more', async () => {
    accept(
      reading('1', { topic: 'state/sensor-7' }), reading('2', { topic: 'state/sensor-8' }), reading('3'), reading('4', { topic: 'commands/sensor-7' })
    )
    const topics = async (query: string, token: string): Promise<string[]> => (await series(`${range()}&${query}`, token)).map(({ topic }) => topic.split('/').slice(2).join('/'))
    assert.deepEqual(await topics('', owner), ['commands/sensor-7', 'state/sensor-7', 'state/sensor-8', 'telemetry/sensor-7/temperature'])
    assert.deepEqual(await topics('', device), ['commands/sensor-7', 'state/sensor-7'])
    assert.deepEqual(await topics('filter=state/%2B', device), ['state/sensor-7'])
    for (const [filter, token] of [['%23', stranger], ['telemetry/%23', device], ['state/sensor-8', device], ['nothing', owner], ['../attic/messages', owner]] as const) {
      const answer = await get(`${path}?filter=${filter}`, token)
      assert.deepEqual([answer.status, answer.json().code], [403, 'policy'], filter)
    }
    assert.equal((await get(path)).status, 401)
  })

  it('takes filters of whole topics where channels adopt them', async () => {
    const { accept, get } = await serve({}, 'channels:\n  zigbee: { topic: "zigbee2mqtt/{name...}", room: home, retain: publisher }\n')
    const make = createMessages(START * 1000)
    accept(make({ room: 'home', channel: 'zigbee', topic: 'zigbee2mqtt/lamp', payload: '{"power":12}' }), make({ room: 'home', channel: 'zigbee', topic: 'zigbee2mqtt/plug', payload: '{"power":30}' }))
    const { series } = (await get(`/api/rooms/home/series?filter=zigbee2mqtt/%2B&field=power&from=${START}&to=${START + 60_000}&fn=last`, owner)).json()
    assert.deepEqual(series, [{ topic: 'zigbee2mqtt/lamp', field: 'power', time: [START], last: [12] }, { topic: 'zigbee2mqtt/plug', field: 'power', time: [START + 1000], last: [30] }])
  })

  it('explains every invalid parameter by one sentence', async () => {
    for (const [query, sentence] of [
      ['bucket=', /^bucket must be a duration from 1ms to 36500d, such as 15s, 1m or 1d, not ""$/],
      ['bucket=60', /bucket must be a duration/],
      ['bucket=0s', /bucket must be a duration/],
      ['bucket=99999d', /bucket must be a duration/],
      ['bucket=-1m', /bucket must be a duration/],
      ['fn=', /^fn must be some of avg, min, max, count, last, with commas between them, not ""$/],
      ['fn=avg,median', /fn must be some of .* not "avg,median"/],
      ['fn=avg,', /fn must be some of/],
      ['fn=constructor', /fn must be some of/],
      ['fn=avg,min,avg', /^fn names avg twice$/],
      ['field=', /^field is empty: leave it out/],
      ['field=a..b', /^field must be the name of a member, or several with dots between them, as air.humidity, not "a..b"$/],
      ['field=.', /field must be the name of a member/],
      [`field=${'x'.repeat(257)}`, /^field has at most 256 characters$/],
      ['from=yesterday', /^from must be a time/],
      ['to=soon', /^to must be a time/],
      ['from=2000&to=1000', /^from is later than to$/],
      ['from=2999-01-01', /^from is later than now, where a series ends without to$/],
      ['from=2026-11-24&to=2026-11-25&bucket=1s', /^buckets of 1s would be 86400 points of each topic, and 10000 are the most: ask for bucket=10s or a shorter time$/],
      ['from=0&to=2026-11-24&bucket=1ms', /are the most: ask for bucket=3d or a shorter time$/],
      ['filter=', /filter is empty/],
      ['filter=a/%23/b', /# before its end/],
      ['limit=5', /no parameter "limit" here: there are filter, field, from, to, bucket, fn$/],
      ['bucket=1m&bucket=2m', /bucket is given twice/]
    ] as const) {
      const answer: Answer = await get(`${path}?${query}`, owner)
      assert.equal(answer.status, 400, `${query}: ${answer.text}`)
      assert.match(String(answer.headers.get('content-type')), /^application\/problem\+json/)
      assert.match(answer.json().detail, sentence)
      assert.doesNotMatch(answer.json().detail, /\n|\.$/)
    }
    for (const bad of ['a%2Fb', 'caf%C3%A9', 'x'.repeat(65)]) assert.ok([400, 404].includes((await get(`/api/rooms/${bad}/series`, owner)).status))
    assert.deepEqual(await series(range()), [])
  })
})

describe('series within what is allowed', function () {
  this.timeout(60_000)
  const folder = useFolder()

  it('are as many as the limit although others come before them', async () => {
    const store = await openDuckdbStore({ dataDir: folder() })
    try {
      const make = createMessages()
      const topics = Array.from({ length: 12 }, (_, i) => `rooms/lobby/state/d${String(i).padStart(2, '0')}`)
      await store.append(recordsOf(Array.from({ length: 5 }, () => topics.map(topic => make({ channel: 'state', topic, payload: '1', later: 100 }))).flat()))
      const query = { room: 'lobby', filters: ['#'], exceptChannels: [], field: null, from: 0, to: Number.MAX_SAFE_INTEGER, bucket: 1000 }
      await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 50 }), fc.subarray(topics), async (limit, allowed) => {
        const all = await readSeries(store, { ...query, limit: 1000 }, topic => allowed.includes(topic))
        assert.equal(all.more, false)
        assert.deepEqual(all.series.map(({ topic }) => topic), allowed)
        const points = all.series.flatMap(({ topic, time }) => Array.from(time, at => `${topic} ${at}`))
        const { series, more } = await readSeries(store, { ...query, limit }, topic => allowed.includes(topic))
        assert.deepEqual(series.flatMap(({ topic, time }) => Array.from(time, at => `${topic} ${at}`)), points.slice(0, limit))
        assert.equal(more, points.length > limit)
      }), { numRuns: rounds(200, 40) })
    } finally {
      await store.close()
    }
  })
})
