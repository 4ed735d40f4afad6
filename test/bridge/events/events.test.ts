import assert from 'node:assert/strict'
import { cpSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'mocha'
import { Follower } from '../../../bridge/events/follower.ts'
import { eventsRoute } from '../../../bridge/events/route.ts'
import { createHttpApp } from '../../../bridge/http/app.ts'
import { encodeCursor } from '../../../protocol/cursor.ts'
import { besideBroker, type Beside } from '../../helpers/bridge-beside-broker.ts'
import { createLog } from '../../helpers/bridge-log.ts'
import { EventReader, type ReadEvent } from '../../helpers/event-reader.ts'
import { newBroker, type Keys } from '../../helpers/foyer.ts'
import { MqttClient } from '../../helpers/mqtt-client.ts'
import { useTeardown } from '../../helpers/teardown.ts'
import { until } from '../../helpers/within.ts'

const messages = (events: readonly ReadEvent[]) => events.map(({ data }) => JSON.parse(data))
const joins = (events: readonly ReadEvent[]) => messages(events).filter(({ topic }) => topic === 'rooms/lobby/presence')
const texts = (events: readonly ReadEvent[]) => messages(events).map(({ payload }) => payload.text ?? payload)

describe('GET /api/events', () => {
  const t = useTeardown()

  async function serve (keys: Keys = {}, yaml = '') {
    const beside = await besideBroker(t, keys, true, {}, yaml)
    const publisher = await MqttClient.connect(t, { port: beside.port, username: 'x', password: Buffer.from(beside.token('ann')), protocolVersion: 5 })
    let id = 0
    return {
      ...beside,
      open: (query: string, headers: Record<string, string> = {}, token: string | null = beside.token('bob'), hold?: Promise<void>) => EventReader.open(t, `${beside.url}/api/events?${query}`, token, headers, hold),
      say: async (topic: string, ...payloads: string[]) => {
        for (const payload of payloads) publisher.publish(topic, payload, { qos: topic.includes('commands') ? 2 : 1, messageId: ++id })
        await publisher.settled()
      },
      publisher
    }
  }

  const stored = async ({ ask, token }: Pick<Beside, 'ask' | 'token'>) => (await ask('GET', `/api/rooms/lobby/history?limit=1000&after=${encodeCursor(0)}`, token('bob'))).json().messages.reverse() as Record<string, unknown>[]

  it('brings what comes, as history has it, with cursors as ids', async () => {
    const foyer = await serve()
    const { open, say } = foyer
    const reader = await open('filter=rooms/lobby/%23')
    assert.equal(reader.status, 200)
    assert.match(String(reader.headers.get('content-type')), /^text\/event-stream/)
    assert.match(String(reader.headers.get('cache-control')), /no-store/)
    await reader.take(1, 'live')
    assert.ok(reader.retry > 0)
    await say('rooms/lobby/messages', 'hello', '{"a":\n  {"b": 1.0}}', 'a\r\nb')
    await say('rooms/lobby/telemetry/d/t', '21.50', '[1,\r2]')
    await say('rooms/lobby/commands/d', '{"on":true}')
    const events: ReadEvent[] = []
    // That bob and ann joined comes in between, at once or one after the other; their entries in the roster are not stored.
    const isWhole = (): boolean => events.length - joins(events).length === 6 && joins(events).flatMap(({ payload }) => payload.users).length === 2
    while (!isWhole()) events.push(...(await reader.take(1)).filter(({ data }) => JSON.parse(data).id !== null))
    const kept = await stored(foyer)
    assert.deepEqual(messages(events), kept)
    assert.deepEqual(events.map(({ id }) => id), kept.map(({ id }) => id))
    const said = kept.filter(({ topic }) => topic !== 'rooms/lobby/presence')
    // Digits that a number would lose.
    assert.ok(events.some(({ data }) => data.endsWith('"payload":21.50}')))
    assert.deepEqual(said.map(({ qos }) => qos), [1, 1, 1, 1, 1, 2])
  })

  it('brings what is not stored without an id, and does not forget the one before', async () => {
    const { open, say } = await serve()
    const reader = await open('filter=rooms/lobby/%23')
    await say('rooms/lobby/telemetry/d/t', '1')
    await say('rooms/lobby/live/cursor', '{"x":1}')
    // Who is there comes in between.
    const next = async (topic: RegExp): Promise<ReadEvent> => {
      for (;;) {
        const [event] = await reader.take(1)
        if (topic.test(JSON.parse(event!.data).topic)) return event!
      }
    }
    const first = await next(/telemetry/)
    const second = await next(/live/)
    assert.ok(second.id >= first.id)
    assert.equal(JSON.parse(second.data).id, null)
    assert.deepEqual([JSON.parse(second.data).sender, JSON.parse(second.data).payload], ['ann', { x: 1 }])
  })

  it('goes on behind Last-Event-ID without a gap and without a repetition, also where nothing had come yet', async () => {
    const { open, say } = await serve()
    const idle = await open('filter=rooms/lobby/messages')
    await idle.take(1, 'live')
    const { lastEventId } = idle
    assert.notEqual(lastEventId, '')
    idle.close()
    await say('rooms/lobby/messages', '1', '2', '3')
    const second = await open('filter=rooms/lobby/messages', { 'last-event-id': lastEventId })
    const [one, two] = await second.take(2)
    assert.deepEqual(messages([one!, two!]).map(({ payload }) => payload.value), [1, 2])
    second.close()
    // The header is of the last time, the address of the first.
    const third = await open('filter=rooms/lobby/messages&since=1h', { 'last-event-id': two!.id })
    await say('rooms/lobby/messages', '4')
    assert.deepEqual(messages(await third.take(2)).map(({ payload }) => payload.value), [3, 4])
  })

  it('begins where since says, and says when it is live and whether something is missing', async () => {
    const { open, say } = await serve({ 'limits.replaySpan': '1h' })
    await say('rooms/lobby/telemetry/d/t', '1', '2', '3')
    // Each time there is one more. Who comes and goes is stored as well, somewhere in between, and not meant.
    for (const [since, replayed] of [['last=2', 2], ['10m', 4], [`from=${Date.now() - 60_000}`, 5]] as const) {
      const reader = await open(`filter=rooms/lobby/telemetry/%23&since=${since}`)
      const [live] = await reader.take(1, 'live')
      assert.deepEqual(JSON.parse(live!.data), { replayed, complete: true })
      await say('rooms/lobby/telemetry/d/t', 'now')
      assert.deepEqual(texts(await reader.take(1)), ['now'])
    }
  })

  it('is for those who may follow, and says in a sentence what is wrong', async () => {
    const { open, token, ask } = await serve({ 'limits.replaysPerUser': '1' })
    const device = token('d', { lobby: 'device' })
    for (const [query, headers, who, status, words] of [
      ['filter=rooms/lobby/messages', {}, null, 401, /no token was given/],
      ['filter=rooms/lobby/messages', {}, 'nonsense', 401, /not a JWT/],
      ['filter=rooms/lobby/messages', {}, device, 403, /you are device in lobby/],
      ['filter=rooms/%23', {}, token('x', {}), 403, /./],
      ['', {}, device, 400, /name what to follow: filter=/],
      ['filter=', {}, device, 400, /name what to follow/],
      ['filter=a/%23/b', {}, device, 400, /# before its end/],
      ['filter=$share/g/rooms/lobby/messages', {}, token('o'), 400, /"detail":"events are those of a plain filter, which does not start with \$/],
      ['filter=$share/g/rooms/lobby/%23', {}, token('o'), 400, /"detail":"events are those of a plain filter, which does not start with \$/],
      ['filter=$replay/1m/rooms/lobby/%23', {}, token('o'), 400, /"detail":"events are those of a plain filter, which does not start with \$/],
      ['filter=$me/%23', {}, token('o'), 400, /"detail":"events are those of a plain filter, which does not start with \$/],
      ['filter=rooms/lobby/messages&since=yesterday', {}, token('o'), 400, /since is not valid: a replay begins with 10m/],
      ['filter=rooms/lobby/messages&since=1h/rooms', {}, token('o'), 400, /since is not valid/],
      ['filter=rooms/lobby/messages&last=1', {}, token('o'), 400, /there is no parameter \\"last\\" here: there are filter, since/],
      ['filter=rooms/lobby/messages', { 'last-event-id': '17' }, token('o'), 400, /Last-Event-ID must be the id of an event, not \\"17\\"/]
    ] as const) {
      const reader = await open(query, headers, who)
      assert.equal(reader.status, status, `${query}: ${reader.text}`)
      assert.match(String(reader.headers.get('content-type')), /^application\/problem\+json/)
      assert.match(reader.text, words)
    }
    assert.ok((await ask('HEAD', '/api/events?filter=rooms/lobby/messages', token('o'))).status >= 400)
  })

  it('ends with the token, with a revocation and with the server, and says so', async () => {
    const { open, token, ask, admin, broker } = await serve()
    const brief = await open('filter=rooms/lobby/messages', {}, token('brief', { lobby: 'owner' }, { expiresIn: 2 }))
    await brief.take(1, 'expiring')
    assert.match((await brief.take(1, 'end'))[0]!.data, /"code":"expired","message":"the token expired at/)
    const revoked = await open('filter=rooms/lobby/messages', {}, token('rev'))
    await ask('POST', '/api/revocations', admin, { sub: 'rev' })
    assert.match((await revoked.take(1, 'end'))[0]!.data, /"code":"revoked"/)
    const last = await open('filter=rooms/lobby/messages')
    const stopped = broker.stop()
    assert.match((await last.take(1, 'end'))[0]!.data, /"code":"shuttingDown"/)
    await stopped
    await until(() => last.ended, 'the end of the stream')
  })

  it('takes a ticket, and lets pages of allowed origins read', async () => {
    const { open, ask, token, say } = await serve({ 'websocket.origins': 'https://app.example' })
    const { ticket } = (await ask('POST', '/api/tickets', token('bob'))).json()
    const reader = await open(`filter=rooms/lobby/messages&ticket=${ticket}`, { origin: 'https://app.example' }, null)
    assert.deepEqual([reader.status, reader.headers.get('access-control-allow-origin')], [200, 'https://app.example'])
    await say('rooms/lobby/messages', 'hello')
    assert.deepEqual(texts(await reader.take(1)), ['hello'])
    assert.equal((await open(`filter=rooms/lobby/messages&ticket=${ticket}`, {}, null)).status, 401)
  })

  it('ends for who reads too slowly rather than that it leaves something out, so that coming back brings all', async () => {
    const { open, say, publisher, broker } = await serve({ 'queue.messages': '100', 'queue.stallTimeout': '5m' })
    let read = (): void => {}
    const hold = new Promise<void>(resolve => { read = resolve })
    const slow = await open('filter=rooms/lobby/telemetry/%23', {}, undefined, hold)
    let sent = 0
    while (broker.stats().connections === 2) {
      for (let i = 0; i < 50; i++) publisher.publish('rooms/lobby/telemetry/d/n', String(++sent).padStart(8, ' ').padEnd(4000, ' '), { qos: 0 })
      await say('rooms/lobby/live/x', 'x')
    }
    read()
    await until(() => slow.ended, 'the end of the stream')
    const before = slow.inbox.filter(({ event }) => event === 'message')
    const again = await open('filter=rooms/lobby/telemetry/%23', { 'last-event-id': slow.lastEventId })
    const all = [...before, ...await again.take(sent - before.length, 'message', 15_000)]
    assert.deepEqual(messages(all).map(({ payload }) => payload), Array.from({ length: sent }, (_, i) => i + 1))
    assert.ok(before.length > 0 && before.length < sent, `${before.length} of ${sent} were read before`)
    assert.match(slow.inbox.at(-1)!.data, /"code":"slow","message":".*waiting longer/)
  })

  it('brings what was stored before its channel stamped as history has it, whatever it says of itself', async () => {
    const first = await serve()
    const topic = 'rooms/lobby/telemetry/d/t'
    await first.say(topic, 'not json', 'null', '7', '{"id":7,"sender":["x"],"timestamp":"never"}', '{"id":"A5NEuux7hV--","sender":"root","timestamp":"2026-11-24T10:00:00.000Z"}', '')
    await first.bridge.flush()
    const dataDir = mkdtempSync(join(tmpdir(), 'foyer-'))
    cpSync(first.config.dataDir, dataDir, { recursive: true, filter: path => !path.endsWith('lock') })
    const second = await serve({ dataDir }, 'channels: { telemetry: { stamp: true } }')
    await second.say(topic, 'stamped')
    for (const since of ['1h', 'last=7']) {
      const reader = await second.open(`filter=${topic}&since=${since}`)
      const events = await reader.take(7)
      const kept = (await stored(second)).filter(message => message.topic === topic)
      assert.deepEqual(messages(events), kept, since)
      assert.deepEqual(events.map(({ id }) => id), kept.map(({ id }) => id))
      assert.deepEqual(kept.map(({ sender }) => sender), Array(7).fill('ann'))
    }
  })

  it('takes the connection with it when the reader goes before there is anything to read', async () => {
    const { broker, url, token, lines } = await serve()
    let asked = 0
    broker.remember({
      position: broker.journal.time + 1,
      // As a store does that has much to look through.
      read: () => {
        asked++
        return new Promise(() => {})
      },
      watchLosses: () => async () => false
    })
    const gone = new AbortController()
    const opening = fetch(`${url}/api/events?filter=rooms/lobby/%23&since=last=1000000`, { headers: { authorization: `Bearer ${token('bob')}` }, signal: gone.signal })
    await until(() => asked === 1, 'that history is read')
    assert.equal(broker.stats().connections, 2)
    gone.abort()
    await assert.rejects(opening, { name: 'AbortError' })
    await until(() => broker.stats().connections === 1, 'that it is gone')
    assert.deepEqual(lines, [])
  })

  it('says that history can not be read now, not that there is too much of it', async () => {
    const { broker, open, publisher } = await serve()
    broker.remember({ position: broker.journal.time + 1, read: async () => { throw new Error('no answer') }, watchLosses: () => async () => false })
    const reader = await open('filter=rooms/lobby/messages&since=last=5')
    assert.deepEqual([reader.status, JSON.parse(reader.text).code], [503, 'unavailable'], reader.text)
    await publisher.subscribe('$me/errors', 0, 100)
    assert.deepEqual(await publisher.subscribe('$replay/last=10/rooms/lobby/messages', 1, 101), [0x80])
    const { payload } = await publisher.message()
    assert.match(payload.toString(), /"code":"unavailable","message":"history can not be read at the moment"/)
  })

  it('ends one stream, and nothing else, where something was not foreseen', async () => {
    const { broker, port, say } = await serve({ 'auth.anonymous': 'owner' })
    const failures: unknown[] = []
    const identity = await broker.authenticator.authenticate({})
    const ended = new Promise<string[]>((resolve, reject) => {
      const follower = new Follower({
        broker,
        identity,
        peer: { address: '127.0.0.1', port },
        filter: '$replay/1h/rooms/lobby/messages',
        onMessage: ({ topic }) => { if (topic.startsWith('rooms/')) throw new TypeError('not foreseen') },
        onBatch: () => {},
        onEnd: (code, detail) => resolve([code, detail]),
        onFailure: error => failures.push(error)
      })
      follower.open().then(() => say('rooms/lobby/messages', 'hello')).catch(reject)
    })
    assert.deepEqual(await ended, ['internal', 'something went wrong in the server'])
    assert.match(String(failures), /^TypeError: not foreseen$/)
    await until(() => broker.stats().connections === 1, 'that it is gone')
    await say('rooms/lobby/messages', 'all others go on')
  })

  it('says now and then that it is alive', async () => {
    const foyer = await newBroker(t, { 'auth.anonymous': 'owner' })
    const app = createHttpApp({ logger: createLog().logger, bodyLimit: 1000, routes: [app => { eventsRoute(app, { broker: foyer.broker, heartbeat: 20 }) }] })
    t.after(() => app.close())
    const reader = await EventReader.open(t, `${await app.listen({ port: 0, host: '127.0.0.1' })}/api/events?filter=rooms/lobby/messages`, null)
    await until(() => reader.comments >= 3, 'signs of life')
  })

  it('leaves nothing behind when the reader goes', async () => {
    const { open, broker } = await serve({ 'presence.grace': '0s' })
    const readers = await Promise.all(Array.from({ length: 20 }, () => open('filter=rooms/lobby/messages')))
    await until(() => broker.presence('lobby').some(({ user, connections }) => user === 'bob' && connections === 20), 'that they are there')
    for (const reader of readers) reader.close()
    await until(() => broker.stats().connections === 1 && broker.presence('lobby').length === 0, 'that they are gone')
  })
})
