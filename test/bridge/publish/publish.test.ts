import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { FaultyFiles } from '../../helpers/faulty-files.ts'
import { besideBroker, type Beside } from '../../helpers/bridge-beside-broker.ts'
import type { Answer } from '../../helpers/bridge-server.ts'
import type { Keys } from '../../helpers/foyer.ts'
import { balance } from '../../helpers/limits.ts'
import { MqttClient } from '../../helpers/mqtt-client.ts'
import { useTeardown } from '../../helpers/teardown.ts'
import { until } from '../../helpers/within.ts'

const TOPIC = 'rooms/lobby/messages'
const READING = 'rooms/lobby/telemetry/ann/temperature'

describe('POST /api/publish', () => {
  const t = useTeardown()

  const serve = async (keys: Keys = {}, files?: FaultyFiles) => {
    const beside = await besideBroker(t, keys, true, files === undefined ? {} : { files })
    const ann = beside.token('ann')
    return {
      ...beside,
      ann,
      publish: (body: unknown, headers: Record<string, string> = {}, token: string | null = ann): Promise<Answer> => beside.ask('POST', '/api/publish', token, body, headers),
      follow: async (filter: string | string[], sub = 'bob'): Promise<MqttClient> => {
        const client = await MqttClient.connect(t, { port: beside.port, username: 'x', password: Buffer.from(beside.token(sub)) })
        await client.subscribe(filter, 2)
        return client
      }
    }
  }

  const messagesOf = async ({ ask, ann }: Pick<Beside, 'ask'> & { ann: string }, query = ''): Promise<{ id: string, payload: unknown, sender: string, qos: number }[]> => {
    const answer = await ask('GET', `/api/rooms/lobby/history${query}`, ann)
    assert.equal(answer.status, 200, answer.text)
    return answer.json().messages
  }

  it('publishes as by MQTT: stamped, raised, routed, kept as history, and answered with its id', async () => {
    const foyer = await serve()
    const bob = await foyer.follow([TOPIC, 'rooms/lobby/live/+'])
    const answer = await foyer.publish({ topic: TOPIC, payload: { text: 'hello', id: 'x' }, qos: 0 })
    assert.equal(answer.status, 200, answer.text)
    assert.match(String(answer.headers.get('content-type')), /^application\/json/)
    const { id } = answer.json()
    const { topic, payload, qos } = await bob.message()
    assert.equal(topic, TOPIC)
    assert.equal(qos, 1)
    const { timestamp, ...rest } = JSON.parse(String(payload))
    assert.deepEqual(rest, { id, room: 'lobby', sender: 'ann', text: 'hello', ref: 'x' })
    const history = await foyer.ask('GET', '/api/rooms/lobby/history?filter=messages', foyer.ann)
    assert.deepEqual(history.json().messages.map((message: { id: string, sender: string, qos: number }) => [message.id, message.sender, message.qos]), [[id, 'ann', 1]])
    // Without a place in history there is no id.
    const live = await foyer.publish({ topic: 'rooms/lobby/live/x', payload: 1 })
    assert.deepEqual([live.status, live.json()], [200, { id: null }])
    assert.equal(String((await bob.message()).payload), '1')
    // Who publishes over HTTP is not there.
    assert.deepEqual(foyer.broker.presence('lobby').map(({ user }) => user), ['bob'])
    assert.equal(balance(foyer, 'policy'), 0)
    assert.equal(foyer.broker.stats().accepted, 2)
  })

  it('sends a JSON value as its very text, a string as text, and what base64 stands for as bytes', async () => {
    const foyer = await serve()
    const bob = await foyer.follow('rooms/lobby/telemetry/#')
    const cases: readonly [string, string | Buffer][] = [
      ['21.50', '21.50'],
      ['12345678901234567890', '12345678901234567890'],
      ['{"__proto__": {"a": 1},  "b":[1.0]}', '{"__proto__": {"a": 1},  "b":[1.0]}'],
      ['[ 1,2 ]', '[ 1,2 ]'],
      ['null', 'null'],
      ['true', 'true'],
      ['"hello \\u00e9"', 'hello é'],
      ['"21.5"', '21.5'],
      ['"\\"quoted\\""', '"quoted"'],
      ['{"data": "/wA=", "encoding": "base64"}', Buffer.from([0xff, 0])],
      ['{"data": "", "encoding": "base64"}', ''],
      ['{"data": "/wA=", "encoding": "base64", "more": 1}', '{"data": "/wA=", "encoding": "base64", "more": 1}'],
      ['{"data": "/wA=", "encoding": "hex"}', '{"data": "/wA=", "encoding": "hex"}']
    ]
    for (const [payload, expected] of cases) {
      const answer = await foyer.publish(`{"topic": "${READING}", "payload":  ${payload} }`)
      assert.equal(answer.status, 200, answer.text)
      assert.deepEqual((await bob.message()).payload, Buffer.from(expected), payload)
    }
    // What history shows may be sent as it is.
    const shown = await messagesOf(foyer, '?filter=telemetry/%23')
    assert.equal(shown.length, cases.length)
    for (const { payload } of shown.toReversed()) await foyer.publish({ topic: 'rooms/lobby/telemetry/bob/again', payload })
    const again = await messagesOf(foyer, '?filter=telemetry/bob/again')
    assert.deepEqual(again.map(({ payload }) => payload), shown.map(({ payload }) => payload))
  })

  it('keeps and clears retained messages', async () => {
    const foyer = await serve()
    for (const [topic, retain] of [['rooms/lobby/state/ann', false], [READING, true], ['rooms/lobby/telemetry/ann/humidity', false]] as const) assert.equal((await foyer.publish({ topic, payload: 'x', retain })).status, 200)
    assert.equal(foyer.broker.stats().retained, 2)
    const bob = await foyer.follow('rooms/lobby/#')
    assert.equal((await bob.message()).retain, true)
    await foyer.publish({ topic: READING, payload: '', retain: true })
    assert.equal(foyer.broker.stats().retained, 1)
  })

  it('says in a sentence what is wrong', async () => {
    const foyer = await serve({ 'limits.packetBytes': '131072' })
    const guest = foyer.token('guest', { lobby: 'listener' })
    const say = (body: unknown, token = foyer.ann, headers = {}): Promise<Answer> => foyer.publish(body, headers, token)
    const cases: readonly [Promise<Answer>, number, string, RegExp][] = [
      [say({ payload: 1 }), 400, 'badRequest', /^topic is missing: it must be the topic to publish to, such as rooms\/lobby\/messages$/],
      [say({ topic: TOPIC }), 400, 'badRequest', /^payload is missing: it must be a JSON value, a text, or \{"data": base64, "encoding": "base64"\}$/],
      [say({ topic: 1, payload: 1 }), 400, 'badRequest', /^topic must be the topic to publish to/],
      [say({ topic: '', payload: 1 }), 400, 'badRequest', /the topic is empty/],
      [say({ topic: 'rooms/+/messages', payload: 1 }), 400, 'badRequest', /holds \+ or #, which only filters may/],
      [say('{"topic": "rooms/lobby/\\ud800", "payload": 1}'), 400, 'badRequest', /half a surrogate pair/],
      [say({ topic: TOPIC, payload: 1, qos: 3 }), 400, 'badRequest', /^qos must be 0, 1 or 2$/],
      [say({ topic: TOPIC, payload: 1, retain: 1 }), 400, 'badRequest', /^retain must be true or false$/],
      [say({ topic: TOPIC, payload: 1, ttl: 1 }), 400, 'badRequest', /^there is no member "ttl" here: there are topic, payload, qos, retain$/],
      [say('{"topic": "a", "topic": "b", "payload": 1}'), 400, 'badRequest', /^topic is given twice$/],
      [say('{"topic": "a", "payload": "\\ud800"}'), 400, 'badRequest', /^payload holds half a surrogate pair/],
      [say({ topic: TOPIC, payload: { data: 'no base64', encoding: 'base64' } }), 400, 'badRequest', /^data of payload is not base64 with padding$/],
      [say('[1]'), 400, 'badRequest', /^the body must be a JSON object, with topic, payload, qos, retain$/],
      [say('{"topic": '), 400, 'badRequest', /^the body is not valid JSON in UTF-8$/],
      [say(undefined), 400, 'badRequest', /^the body must be a JSON object/],
      [say('x', foyer.ann, { 'content-type': 'text/plain' }), 415, 'badRequest', /must be JSON/],
      [say({ topic: TOPIC, payload: 'x'.repeat(140_000) }), 413, 'size', /body of the request is too large/],
      [say({ topic: TOPIC, payload: 'x'.repeat(70_000) }), 413, 'size', /^70000 bytes are more than the 65536 that channel messages takes$/],
      [say({ topic: '$SYS/x', payload: 1 }), 404, 'topic', /^topics that start with \$ belong to the broker$/],
      [say({ topic: '$me/auth/refresh', payload: 'x' }), 404, 'topic', /belong to the broker$/],
      [say({ topic: 'elsewhere', payload: 1 }), 404, 'topic', /outside every channel/],
      [say({ topic: 'rooms/lobby/commands/lamp', payload: 1 }), 422, 'belowQos', /^channel commands takes QoS 2, this is QoS 1$/],
      [say({ topic: TOPIC, payload: 1 }, guest), 403, 'policy', /you are listener in lobby/],
      [foyer.publish({ topic: TOPIC, payload: 1 }, {}, null), 401, 'credentialsMissing', /token/],
      [foyer.ask('POST', '/api/publish?x=1', foyer.ann, { topic: TOPIC, payload: 1 }), 400, 'badRequest', /there is no parameter "x" here/],
      ...['', '""', 'a,b', '"a', 'ä', `"${'x'.repeat(256)}"`].map(key => [say({ topic: TOPIC, payload: 1 }, foyer.ann, { 'idempotency-key': key }), 400, 'badRequest', /^Idempotency-Key must be one text of 1 to 255 printable ASCII characters, in double quotes$/] as [Promise<Answer>, number, string, RegExp])
    ]
    for (const [asked, status, code, detail] of cases) {
      const answer = await asked
      assert.equal(answer.status, status, answer.text)
      assert.equal(answer.headers.get('content-type'), 'application/problem+json; charset=utf-8')
      assert.equal(answer.json().code, code)
      assert.match(answer.json().detail, detail)
    }
    assert.equal(balance(foyer, 'topic'), 3)
    assert.equal(foyer.broker.stats().accepted, 0)
    assert.deepEqual(await messagesOf(foyer), [])
    assert.ok(foyer.log.some(({ sub, code, msg }) => sub === 'ann' && code === 'topic' && /^refused a publish over HTTP: topics that start/.test(String(msg))))
  })

  it('answers when the disk has it, not before', async () => {
    const files = new FaultyFiles()
    const foyer = await serve({}, files)
    let open!: () => void
    files.gate = new Promise(resolve => { open = resolve })
    const { syncs } = files
    let answered = false
    const answer = foyer.publish({ topic: TOPIC, payload: 'x' }).then(answer => { answered = true; return answer })
    await until(() => files.syncs > syncs, 'that it is being synced')
    // What waits for nothing passes by.
    assert.equal((await foyer.publish({ topic: 'rooms/lobby/live/x', payload: 1 })).status, 200)
    assert.equal(answered, false)
    files.gate = null
    open()
    assert.equal((await answer).status, 200)
  })

  it('says "not now" when the disk fails for too long, and keeps nothing of it', async () => {
    const files = new FaultyFiles()
    const foyer = await serve({ 'admission.maxWait': '1s' }, files)
    files.failingSyncs = Infinity
    const [failed, repeated] = await Promise.all([1, 2].map(() => foyer.publish({ topic: TOPIC, payload: 'lost' }, { 'idempotency-key': 'a' })))
    for (const answer of [failed!, repeated!]) {
      assert.equal(answer.status, 507, answer.text)
      assert.equal(answer.headers.get('retry-after'), '1')
      assert.match(answer.json().detail, /can't be written: EIO/)
    }
    assert.equal(balance(foyer, 'disk'), 1)
    files.failingSyncs = 0
    // It is another request: of the one that failed nothing is left.
    await until(async () => (await foyer.publish({ topic: TOPIC, payload: 'kept' }, { 'idempotency-key': 'a' })).status === 200, 'that the disk is well', 10_000)
    assert.deepEqual((await messagesOf(foyer)).map(({ payload }) => (payload as { text: string }).text), ['kept'])
    assert.deepEqual(foyer.lines.filter(({ level }) => level >= 50), [])
  })

  it('says that nobody knows when the disk hangs, and by the key later what became of it', async () => {
    const files = new FaultyFiles()
    const foyer = await serve({ 'admission.maxWait': '1s' }, files)
    let open!: () => void
    files.gate = new Promise(resolve => { open = resolve })
    const send = (): Promise<Answer> => foyer.publish({ topic: TOPIC, payload: 'x' }, { 'idempotency-key': 'a' })
    for (let i = 0; i < 2; i++) {
      const answer = await send()
      assert.equal(answer.status, 507)
      assert.match(answer.json().detail, /nobody knows yet whether the message is stored/)
    }
    files.gate = null
    open()
    let last!: Answer
    await until(async () => (last = await send()).status === 200, 'that it is known')
    assert.deepEqual((await messagesOf(foyer)).map(({ id }) => id), [last.json().id])
  })

  it('lets wait who publishes too fast, then says when to come again; others are not disturbed', async () => {
    const foyer = await serve({ 'limits.messageRate': '1', 'admission.maxWait': '1s' })
    const sent = [1, 2, 3, 4].map(payload => foyer.publish({ topic: READING, payload }))
    const other = await foyer.publish({ topic: READING, payload: 0 }, {}, foyer.token('bob'))
    assert.equal(other.status, 200)
    const answers = await Promise.all(sent)
    const refused = answers.filter(({ status }) => status === 429)
    assert.ok(refused.length >= 2, answers.map(({ status }) => status).join())
    for (const answer of refused) {
      assert.match(answer.json().detail, /^limits\.messageRate allows 1 messages per second$/)
      assert.equal(answer.headers.get('retry-after'), '1')
    }
    assert.equal(balance(foyer, 'rate'), refused.length)
  })

  /** So much over its rate that what comes next waits for long. */
  const owing = async () => {
    const foyer = await serve({ 'limits.byteRate': '100', 'admission.maxWait': '10m' })
    assert.equal((await foyer.publish({ topic: READING, payload: 'x'.repeat(10_000) })).status, 200)
    return {
      ...foyer,
      /** 422 while somebody waits under the key `a`, 404 when it is free. */
      keyIs: async (status: 404 | 422): Promise<void> => await until(async () => (await foyer.publish({ topic: 'elsewhere', payload: 1 }, { 'idempotency-key': 'a' })).status === status, `that a request with that key is ${status}`)
    }
  }

  it('leaves nothing behind of a client that goes away while it waits', async () => {
    const foyer = await owing()
    const ask = (signal: AbortSignal): Promise<Response> => fetch(`${foyer.url}/api/publish`, {
      method: 'POST', body: JSON.stringify({ topic: READING, payload: 'gone' }), signal, headers: { authorization: `Bearer ${foyer.ann}`, 'content-type': 'application/json', 'idempotency-key': 'a' }
    })
    const [one, other] = [new AbortController(), new AbortController()]
    const asked = [ask(one.signal), ask(other.signal)]
    await foyer.keyIs(422)
    one.abort()
    await assert.rejects(asked[0]!)
    // The other one still waits.
    assert.equal((await foyer.publish({ topic: 'elsewhere', payload: 1 }, { 'idempotency-key': 'a' })).status, 422)
    other.abort()
    await assert.rejects(asked[1]!)
    await foyer.keyIs(404)
    assert.equal(foyer.broker.stats().accepted, 1)
    assert.deepEqual(foyer.lines.filter(({ level }) => level >= 40), [])
  })

  it('tells who waits that the server is shutting down', async () => {
    const foyer = await owing()
    const waiting = foyer.publish({ topic: READING, payload: 2 }, { 'idempotency-key': 'a' })
    await foyer.keyIs(422)
    await foyer.broker.stop()
    for (const answer of [await waiting, await foyer.publish({ topic: READING, payload: 4 })]) {
      assert.equal(answer.status, 503)
      assert.equal(answer.json().code, 'shuttingDown')
    }
  })

  describe('with an Idempotency-Key', () => {
    it('answers the same request as the first time, and publishes nothing again', async () => {
      const foyer = await serve()
      const bob = await foyer.follow(TOPIC)
      const first = await foyer.publish({ topic: TOPIC, payload: { text: 'x' } }, { 'idempotency-key': '"8e03978e \\"a\\""' })
      const again = await foyer.publish('{"payload": {"text":"x"}, "qos": 1, "topic": "rooms/lobby/messages", "retain": false}', { 'idempotency-key': '"8e03978e \\"a\\""' })
      assert.deepEqual([again.status, again.text], [200, first.text])
      // Of another user it is another key; with and without quotes it is the same.
      const others = [await foyer.publish({ topic: TOPIC, payload: 'a' }, { 'idempotency-key': 'k1' }), await foyer.publish({ topic: TOPIC, payload: 'a' }, { 'idempotency-key': '"k1"' }), await foyer.publish({ topic: TOPIC, payload: 'a' }, { 'idempotency-key': 'k1' }, foyer.token('carl'))]
      assert.equal(others[0]!.text, others[1]!.text)
      assert.notEqual(others[0]!.text, others[2]!.text)
      await bob.settled()
      assert.equal(bob.inbox.length, 3)
      assert.equal(foyer.broker.stats().received, 3)
    })

    it('refuses another request with the same key', async () => {
      const foyer = await serve()
      const base = { topic: TOPIC, payload: 'x', qos: 1, retain: false }
      const send = (body: object): Promise<Answer> => foyer.publish(body, { 'idempotency-key': 'a' })
      assert.equal((await send(base)).status, 200)
      for (const more of [{ topic: READING }, { payload: 'y' }, { qos: 2 }, { retain: true }]) {
        const answer = await send({ ...base, ...more })
        assert.equal(answer.status, 422)
        assert.deepEqual([answer.json().code, answer.json().detail], ['idempotency', 'the Idempotency-Key was used for another request'])
      }
      assert.equal((await send(base)).status, 200)
      assert.equal(foyer.broker.stats().received, 1)
    })

    it('publishes once what comes several times at the same moment, in memory as well', async () => {
      const foyer = await serve()
      for (const topic of [TOPIC, 'rooms/lobby/live/x']) {
        const answers = await Promise.all(Array.from({ length: 8 }, () => foyer.publish({ topic, payload: 'x' }, { 'idempotency-key': topic })))
        for (const { status, text } of answers) assert.deepEqual([status, text], [200, answers[0]!.text])
      }
      assert.equal(foyer.broker.stats().accepted, 2)
    })

    it('leaves nothing of a publish that is refused', async () => {
      const foyer = await serve()
      const send = (token: string): Promise<Answer> => foyer.publish({ topic: TOPIC, payload: 'x' }, { 'idempotency-key': 'a' }, token)
      assert.equal((await send(foyer.token('dora', { lobby: 'listener' }))).status, 403)
      assert.equal((await send(foyer.token('dora', { lobby: 'member' }))).status, 200)
    })

    it('forgets the oldest keys when there are too many', async () => {
      const foyer = await serve({ 'limits.idempotencyKeys': '2' })
      const ids = new Map<string, string>()
      const send = async (key: string): Promise<string> => (await foyer.publish({ topic: TOPIC, payload: 'x' }, { 'idempotency-key': key })).json().id
      for (const key of ['a', 'b', 'c']) ids.set(key, await send(key))
      for (const key of ['b', 'c']) assert.equal(await send(key), ids.get(key))
      assert.notEqual(await send('a'), ids.get('a'))
    })
  })
})
