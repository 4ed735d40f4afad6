import assert from 'node:assert/strict'
import type { StoredMessage } from '../../../broker/message.ts'
import { createMessages } from '../../helpers/bridge-messages.ts'
import { tokenFor, useServer } from '../../helpers/bridge-server.ts'
import type { Answer, Server } from '../../helpers/bridge-server.ts'

const owner = tokenFor('ada', { '*': 'owner' })
const listener = tokenFor('ben', { 'room*': 'listener' })
const device = tokenFor('sensor-7', { 'room*': 'device' })
const stranger = tokenFor('eve', { attic: 'owner' })

const ids = (answer: Answer): string[] => {
  assert.equal(answer.status, 200, answer.text)
  return answer.json().messages.map(({ id }: { id: string }) => id)
}
const cursors = (messages: readonly StoredMessage[]): string[] => messages.map(({ cursor }) => cursor)

describe('history over HTTP', () => {
  const serve = useServer()
  // All tests share a server, as opening one takes long; each has a room of its own.
  const makeAny = createMessages()
  let tests = 0
  let room: string
  let path: string
  let accept: Server['accept']
  let get: Server['get']

  before(async () => { ({ accept, get } = await serve({ 'store.flushInterval': '1s' })) })
  beforeEach(() => {
    room = `room${++tests}`
    path = `/api/rooms/${room}/history`
  })

  function make (given: Parameters<typeof makeAny>[0] = {}): StoredMessage {
    return makeAny({ room, ...given })
  }

  /** A room with a bit of everything, oldest first. */
  function aRoom () {
    const messages = {
      hello: make({ payload: '{"id":"x","text":"hello"}' }),
      reading: make({ channel: 'telemetry', topic: `rooms/${room}/telemetry/sensor-7/temperature`, sender: 'sensor-7', qos: 0, payload: '21.5' }),
      other: make({ channel: 'telemetry', topic: `rooms/${room}/telemetry/sensor-8/air/humidity`, sender: 'sensor-8', qos: 0, payload: '40' }),
      state: make({ channel: 'state', topic: `rooms/${room}/state/sensor-7`, sender: 'sensor-7' }),
      otherState: make({ channel: 'state', topic: `rooms/${room}/state/sensor-8`, sender: 'sensor-8' }),
      order: make({ channel: 'commands', topic: `rooms/${room}/commands/sensor-7`, qos: 2 }),
      otherOrder: make({ channel: 'commands', topic: `rooms/${room}/commands/sensor-8`, qos: 2 }),
      elsewhere: makeAny({ room: 'attic' })
    }
    return { ...messages, all: Object.values(messages) }
  }

  it('gives what was accepted just before, newest first', async () => {
    const { all, elsewhere } = aRoom()
    accept(...all)
    const answer = await get(path, owner)
    assert.match(String(answer.headers.get('content-type')), /^application\/json/)
    assert.deepEqual(ids(answer), cursors(all.filter((message) => message !== elsewhere)).toReversed())
    assert.equal(answer.json().next, null)
    const [message] = answer.json().messages.slice(-1)
    assert.deepEqual(message, {
      id: all[0]!.cursor, topic: `rooms/${room}/messages`, sender: 'ada', timestamp: new Date(all[0]!.time / 1000).toISOString(), qos: 1, payload: { id: 'x', text: 'hello' }
    })
  })

  it('gives payloads as JSON to the last digit, else as text, else in base64', async () => {
    const payloads = ['{"n":12345678901234567890,"x":[1e400, 1.10]}', '"quoted"', '12', 'plain "text"\n', '', Buffer.from([0xff, 0xfe])]
    accept(...payloads.map((payload) => make({ payload })))
    const { text, json } = await get(path, owner)
    assert.ok(text.includes('"payload":{"n":12345678901234567890,"x":[1e400, 1.10]}'), text)
    assert.deepEqual(json().messages.slice(0, 5).map(({ payload }: { payload: unknown }) => payload), [
      { data: '//4=', encoding: 'base64' }, '', 'plain "text"\n', 12, 'quoted'
    ])
  })

  it('takes filters inside the room, escaped or as they are', async () => {
    const { all, ...messages } = aRoom()
    accept(...all)
    const cases: readonly [string, readonly (keyof typeof messages)[]][] = [
      ['messages', ['hello']],
      ['%23', ['otherOrder', 'order', 'otherState', 'state', 'other', 'reading', 'hello']],
      ['telemetry/+/temperature', ['reading']],
      ['telemetry/%23', ['other', 'reading']],
      ['telemetry/%2B/air/%23', ['other']],
      ['telemetry%2Fsensor-8/air/humidity', ['other']],
      ['+/sensor-7', ['order', 'state']],
      ['+', ['hello']],
      ['state/sensor-8', ['otherState']],
      // Nothing of this channel is stored, but the caller might have had it live.
      ['live/%23', []]
    ]
    for (const [filter, expected] of cases) {
      assert.deepEqual(ids(await get(`${path}?filter=${filter}`, owner)), cursors(expected.map((name) => messages[name])), filter)
    }
  })

  it('gives each role what it may subscribe to, and no more', async () => {
    const { all, hello, reading, other, state, otherState, order } = aRoom()
    accept(...all)
    assert.deepEqual(ids(await get(path, listener)), cursors([otherState, state, other, reading, hello]))
    assert.deepEqual(ids(await get(path, device)), cursors([order, state]))
    assert.deepEqual(ids(await get(`${path}?filter=commands/%2B`, device)), cursors([order]))
  })

  it('refuses a filter that could never give the caller anything', async () => {
    accept(...aRoom().all)
    for (const [filter, token] of [
      ['%23', stranger],
      ['messages', stranger],
      ['commands/sensor-7', listener],
      ['commands/sensor-8', device],
      ['messages', device],
      ['nothing', owner],
      ['state', owner],
      ['../attic/messages', owner]
    ] as const) {
      const answer = await get(`${path}?filter=${filter}`, token)
      assert.equal(answer.status, 403, filter)
      assert.equal(answer.json().code, 'policy')
      assert.ok(answer.json().detail.length > 10)
    }
  })

  it('fills pages although most of a room is not for the caller', async () => {
    const own: StoredMessage[] = []
    for (let i = 0; i < 3000; i++) {
      const name = i % 100 === 0 ? 'sensor-7' : `sensor-${i % 1500}x`
      const message = make({ channel: 'state', topic: `rooms/${room}/state/${name}`, sender: name })
      if (name === 'sensor-7') own.push(message)
      accept(message)
    }
    const first = await get(`${path}?limit=20`, device)
    assert.deepEqual(ids(first), cursors(own).toReversed().slice(0, 20))
    const rest = await get(`${path}?limit=10&before=${first.json().next}`, device)
    assert.deepEqual(ids(rest), cursors(own).toReversed().slice(20))
    assert.equal(rest.json().next, null)
    const forward = await get(`${path}?limit=12&after=${own[4]!.cursor}`, device)
    assert.deepEqual(ids(forward), cursors(own.slice(5, 17)).toReversed())
    assert.equal(forward.json().next, own[16]!.cursor)
  })

  it('pages back with before, and forward with after', async () => {
    const all = Array.from({ length: 25 }, () => make())
    accept(...all)
    const newestFirst = cursors(all).toReversed()
    let seen: string[] = []
    for (let next: string | null = null, pages = 1; ; pages++) {
      const answer = await get(`${path}?limit=10${next === null ? '' : `&before=${next}`}`, owner)
      const older = answer.json().next
      assert.equal(answer.headers.get('link'), older === null ? null : `<${path}?limit=10&before=${older}>; rel="next"`)
      seen.push(...ids(answer))
      next = answer.json().next
      if (next !== null) continue
      assert.equal(pages, 3)
      break
    }
    assert.deepEqual(seen, newestFirst)

    seen = []
    for (let next: string | null = all[4]!.cursor, pages = 1; ; pages++) {
      const answer: Answer = await get(`${path}?limit=10&after=${next}`, owner)
      const newer = answer.json().next
      assert.equal(answer.headers.get('link'), newer === null ? null : `<${path}?limit=10&after=${newer}>; rel="next"`)
      seen.unshift(...ids(answer))
      next = answer.json().next
      if (next !== null) continue
      assert.equal(pages, 2)
      break
    }
    assert.deepEqual(seen, newestFirst.slice(0, 20))

    const between = await get(`${path}?limit=2&after=${all[2]!.cursor}&before=${all[7]!.cursor}`, owner)
    assert.deepEqual(ids(between), cursors([all[6]!, all[5]!]))
    assert.equal(between.json().next, all[5]!.cursor)
    const none = await get(`${path}?after=${all[24]!.cursor}`, owner)
    assert.deepEqual(none.json(), { messages: [], next: null })
  })

  it('gives 100 by default and 1000 at most', async () => {
    const all = Array.from({ length: 1100 }, () => make())
    accept(...all)
    assert.equal(ids(await get(path, owner)).length, 100)
    const answer = await get(`${path}?limit=1000`, owner)
    assert.equal(ids(answer).length, 1000)
    assert.equal(answer.json().next, all[100]!.cursor)
  })

  it('narrows by from, which is included, and to, which is not', async () => {
    const all = Array.from({ length: 5 }, () => make())
    accept(...all)
    const expected = cursors([all[2]!, all[1]!])
    const [from, to] = [all[1]!.time / 1000, all[3]!.time / 1000]
    const iso = (milliseconds: number): string => new Date(milliseconds).toISOString()
    const elsewhere = (milliseconds: number): string => iso(milliseconds + 3_600_000).replace('.000Z', '+01:00')
    for (const range of [
      `from=${iso(from)}&to=${iso(to)}`,
      `from=${elsewhere(from)}&to=${elsewhere(to).replace('+', '%2B')}`,
      `from=${iso(from - 999)}&to=${iso(to - 999)}`,
      `from=${from}&to=${to}`
    ]) {
      assert.deepEqual(ids(await get(`${path}?${range}`, owner)), expected, range)
    }
    assert.deepEqual(ids(await get(`${path}?to=2026-11-24`, owner)), [])
    assert.deepEqual(ids(await get(`${path}?from=2026-11-24&before=${all[1]!.cursor}`, owner)), cursors([all[0]!]))
  })

  it('explains every invalid parameter by one sentence', async () => {
    for (const [query, sentence] of [
      ['limit=0', /limit must be a number from 1 to 1000/],
      ['limit=1001', /limit must be/],
      ['limit=ten', /limit must be/],
      ['limit=', /limit must be/],
      ['before=yesterday', /before must be a cursor/],
      ['after=', /after must be a cursor/],
      ['from=yesterday', /from must be a time/],
      ['to=2026-13-01', /to must be a time/],
      ['from=2026-11-24T10:00:00', /from must be a time/],
      ['from=2000&to=1000', /from is later than to/],
      ['filter=', /filter is empty/],
      ['filter=a/%23/b', /# before its end/],
      ['filter=a%2B', /\+ as a part of a level/],
      ['filter=%00', /filter/],
      ['filter=%FF', /UTF-8/],
      ['limt=5', /no parameter "limt" here: there are filter, limit/],
      ['limit=5&limit=6', /limit is given twice/],
      ['__proto__=1', /no parameter "__proto__"/]
    ] as const) {
      const answer = await get(`${path}?${query}`, owner)
      assert.equal(answer.status, 400, `${query}: ${answer.text}`)
      assert.match(String(answer.headers.get('content-type')), /^application\/problem\+json/)
      assert.match(answer.json().detail, sentence)
      assert.doesNotMatch(answer.json().detail, /\n|\.$/)
    }
    for (const room of ['.', '%2e%2e', 'a%2Fb', 'caf%C3%A9', 'x'.repeat(65), "a'b"]) {
      const answer = await get(`/api/rooms/${room}/history`, owner)
      assert.ok([400, 404].includes(answer.status), `${room}: ${answer.status}`)
    }
  })

  it('wants a token, and says what is wrong with it', async () => {
    const cases: readonly [Record<string, string>, string][] = [
      [{}, 'credentialsMissing'],
      [{ authorization: 'Basic YTpi' }, 'credentialsMissing'],
      [{ authorization: 'Bearer' }, 'credentialsMissing'],
      [{ authorization: 'Bearer nonsense' }, 'tokenMalformed'],
      [{ authorization: `Bearer ${owner.slice(0, -4)}AAAA` }, 'tokenSignature']
    ]
    for (const [headers, code] of cases) {
      const answer = await get(path, null, { headers })
      assert.equal(answer.status, 401)
      assert.equal(answer.json().code, code)
      assert.match(String(answer.headers.get('www-authenticate')), /^Bearer/)
    }
    assert.equal((await get(path, null, { headers: { authorization: `bearer  ${owner}` } })).status, 200)
  })

  it('serves everybody where the configuration says so', async () => {
    const open = await serve({ 'auth.anonymous': 'listener' })
    const { all, hello } = aRoom()
    open.accept(...all)
    assert.deepEqual(ids(await open.get(`${path}?filter=messages`)), cursors([hello]))
    assert.equal((await open.get(`${path}?filter=commands/%23`)).status, 403)
  })

  describe('of adopted topics', () => {
    it('takes filters of whole topics, within the room', async () => {
      const { accept, get } = await serve({}, 'channels:\n  zigbee: { topic: "zigbee2mqtt/{name...}", room: home, retain: publisher }\n')
      const lamp = make({ room: 'home', channel: 'zigbee', topic: 'zigbee2mqtt/lamp' })
      const plug = make({ room: 'home', channel: 'zigbee', topic: 'zigbee2mqtt/plug/power' })
      const chat = make({ room: 'home' })
      accept(lamp, plug, chat, make({ room: 'lobby' }))
      assert.deepEqual(ids(await get('/api/rooms/home/history?filter=zigbee2mqtt/%23', owner)), cursors([plug, lamp]))
      assert.deepEqual(ids(await get('/api/rooms/home/history?filter=zigbee2mqtt/+', owner)), cursors([lamp]))
      assert.deepEqual(ids(await get('/api/rooms/home/history?filter=messages', owner)), cursors([chat]))
      assert.deepEqual(ids(await get('/api/rooms/home/history', owner)), cursors([chat, plug, lamp]))
      assert.equal((await get('/api/rooms/lobby/history?filter=zigbee2mqtt/lamp', owner)).status, 403)
      assert.equal((await get('/api/rooms/home/history?filter=zigbee2mqtt/lamp', listener)).status, 403)
      assert.equal((await get('/api/rooms/home/history?filter=rooms/lobby/messages', owner)).status, 403)
    })
  })
})
