import assert from 'node:assert/strict'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, it } from 'mocha'
import { generate, type IPublishPacket, type Packet } from 'mqtt-packet'
import { hashPassword } from '../../../broker/auth/scrypt.ts'
import { startProvider, jwk } from '../../helpers/auth-provider.ts'
import { rsa, token as signed } from '../../helpers/auth-tokens.ts'
import { newBroker, SECRET, type TestBroker } from '../../helpers/foyer.ts'
import { MqttClient, type ConnectOptions } from '../../helpers/mqtt-client.ts'
import { arrivals, Restarts, texts } from '../../helpers/restart.ts'
import { useTeardown } from '../../helpers/teardown.ts'
import { until, within } from '../../helpers/within.ts'

const REFRESH = '$me/auth/refresh'
const REFRESHED = '$me/auth/refreshed'
const ISSUER = 'https://id.example'

type Claims = Record<string, unknown>

function now (): number {
  return Math.floor(Date.now() / 1000)
}

/** Of ann, who owns every room, unless told otherwise. */
function tokenOf (claims: Claims = {}): string {
  return signed(SECRET, { sub: 'ann', exp: now() + 3600, rooms: { '*': 'owner' }, ...claims })
}

interface Answer { readonly reasonCode?: number, readonly properties?: { readonly reasonString?: string } }

describe('a connection that is given a new token', () => {
  const t = useTeardown()

  async function open ({ port }: TestBroker, claims: Claims = {}, options: Partial<ConnectOptions> = {}): Promise<MqttClient> {
    return await MqttClient.connect(t, { port, username: 'x', password: Buffer.from(tokenOf(claims)), ...options })
  }

  /** Publishes a token at QoS 1 and resolves with the answer. */
  async function refresh (client: MqttClient, token: string, messageId = 100): Promise<Answer> {
    client.publish(REFRESH, token, { qos: 1, messageId })
    return await client.find(packet => packet.cmd === 'puback' && packet.messageId === messageId, 'PUBACK') as Answer
  }

  async function on (client: MqttClient, topic: string): Promise<Record<string, unknown>> {
    const { payload } = await client.find(packet => packet.cmd === 'publish' && packet.topic === topic, topic) as IPublishPacket
    assert.ok(payload.length < 160, payload.toString())
    return JSON.parse(payload.toString()) as Record<string, unknown>
  }

  function balanced ({ broker }: TestBroker): void {
    const { received, accepted, refused, matched, written, waiting, dropped } = broker.stats()
    const sum = (counts: ReadonlyMap<string, number>): number => [...counts.values()].reduce((sum, count) => sum + count, 0)
    assert.equal(received, accepted + sum(refused))
    assert.equal(matched, written + waiting + sum(dropped))
  }

  it('goes on beyond the end of the old one, as a client of 3.1.1 that was told of it', async () => {
    const foyer = await newBroker(t)
    const exp = Date.now() / 1000 + 4
    const client = await open(foyer, { exp })
    await client.subscribe('$me/#')
    assert.deepEqual(await on(client, '$me/auth/expiring'), { exp })
    const next = now() + 3600
    await refresh(client, tokenOf({ exp: next }))
    assert.deepEqual(await on(client, REFRESHED), { exp: next, rooms: { '*': 'owner' } })
    await until(() => Date.now() / 1000 > exp + 0.2, 'that the old one has ended', 10_000)
    await client.settled()
    assert.deepEqual(client.inbox, [])
    balanced(foyer)
  })

  it('ends with the new one', async () => {
    const foyer = await newBroker(t)
    const client = await open(foyer, {}, { protocolVersion: 5 })
    await refresh(client, tokenOf({ exp: Date.now() / 1000 + 1 }))
    assert.equal((await client.take('disconnect', 10_000) as Answer).reasonCode, 0xa0)
  })

  for (const protocolVersion of [4, 5] as const) {
    it(`is answered at every QoS, at QoS 2 as exactly once (level ${protocolVersion})`, async () => {
      const foyer = await newBroker(t)
      const client = await open(foyer, {}, { protocolVersion })
      await client.subscribe('$me/auth/+')
      const publish = (exp: number, qos: 0 | 1 | 2, dup = false): void => client.publish(REFRESH, tokenOf({ exp }), { qos, messageId: 7, dup })
      publish(now() + 1000, 0)
      assert.equal((await on(client, REFRESHED)).exp, now() + 1000)
      publish(now() + 2000, 1)
      await client.take('puback')
      assert.equal((await on(client, REFRESHED)).exp, now() + 2000)
      publish(now() + 3000, 2)
      await client.take('pubrec')
      assert.equal((await on(client, REFRESHED)).exp, now() + 3000)
      // Once more, as if its PUBREC had been lost.
      publish(now() + 4000, 2, true)
      await client.take('pubrec')
      client.send({ cmd: 'pubrel', messageId: 7 })
      await client.take('pubcomp')
      await client.settled()
      assert.deepEqual(client.inbox, [])
      assert.equal(foyer.broker.stats().received, 3)
      balanced(foyer)
    })

    it(`keeps to its order between publishes of any QoS, each judged by the token of its place (level ${protocolVersion})`, async () => {
      const foyer = await newBroker(t)
      const watcher = await open(foyer, { sub: 'bob' })
      await watcher.subscribe('rooms/+/state/#', 2)
      const client = await open(foyer, { rooms: { before: 'owner' } }, { protocolVersion })
      await client.subscribe('$me/errors')
      let messageId = 0
      const state = (room: string, qos: 0 | 1 | 2): void => client.publish(`rooms/${room}/state/x`, room, { qos, messageId: ++messageId })
      for (const qos of [0, 1, 2] as const) state('before', qos)
      state('after', 1)
      client.publish(REFRESH, tokenOf({ rooms: { after: 'owner' } }), { qos: 2, messageId: ++messageId })
      for (const qos of [0, 1, 2] as const) state('after', qos)
      state('before', 1)
      await client.settled()
      const answers = client.inbox.filter(({ cmd }) => cmd === 'puback' || cmd === 'pubrec').map(packet => [packet.cmd, packet.messageId, (packet as Answer).reasonCode ?? 0])
      const refused = protocolVersion === 5 ? 0x87 : 0
      assert.deepEqual(answers, [['puback', 2, 0], ['pubrec', 3, 0], ['puback', 4, refused], ['pubrec', 5, 0], ['puback', 7, 0], ['pubrec', 8, 0], ['puback', 9, refused]])
      const reports = client.inbox.filter((packet): packet is IPublishPacket => packet.cmd === 'publish').map(({ payload }) => JSON.parse(payload.toString()) as { code: string, topic: string })
      assert.deepEqual(reports.map(({ code, topic }) => [code, topic]), [['policy', 'rooms/after/state/x'], ['policy', 'rooms/before/state/x']])
      assert.deepEqual(texts(await arrivals(watcher, 6)), [...Array<string>(3).fill('before'), ...Array<string>(3).fill('after')])
      balanced(foyer)
    })
  }

  const bad: [string, Claims | string, string, RegExp][] = [
    ['of somebody else', { sub: 'bob' }, 'refresh', /another sub/],
    ['of another issuer', { iss: 'https://other.example' }, 'refresh', /another issuer/],
    ['without the issuer', { iss: undefined }, 'refresh', /another issuer/],
    ['that has expired', { exp: 1_700_000_000 }, 'tokenExpired', /expired at/],
    ['that grants what there is not', { rooms: { lobby: 'king' } }, 'tokenRooms', /king/],
    ['of another server', signed('a secret of somebody else, long enough for it', { sub: 'ann', exp: 2_000_000_000 }), 'tokenSignature', /signature/],
    ['that is garbage', 'this is not a token', 'tokenMalformed', /token/],
    ['that is nothing', '', 'tokenMalformed', /three parts/],
    ['that is far too long', 'a.b.' + 'c'.repeat(100_000), 'tokenMalformed', /longer/]
  ]

  for (const [what, claims, code, words] of bad) {
    it(`keeps its old one if the new is one ${what}`, async () => {
      const foyer = await newBroker(t)
      const text = typeof claims === 'string' ? claims : tokenOf({ iss: ISSUER, ...claims })
      const five = await open(foyer, { iss: ISSUER }, { protocolVersion: 5, clientId: 'five' })
      const { reasonCode, properties } = await refresh(five, text)
      assert.equal(reasonCode, 0x87)
      assert.match(properties!.reasonString!, words)
      const four = await open(foyer, { iss: ISSUER }, { clientId: 'four' })
      await four.subscribe('$me/#')
      await refresh(four, text)
      const report = await on(four, '$me/errors')
      assert.deepEqual([report.code, report.topic], [code, REFRESH])
      four.publish(REFRESH, text, { qos: 2, messageId: 9 })
      await four.take('pubrec')
      four.send({ cmd: 'pubrel', messageId: 9 })
      await four.take('pubcomp')
      for (const client of [five, four]) {
        client.publish('rooms/lobby/state/x', 'still here', { qos: 1, messageId: 1 })
        assert.ok([0, undefined].includes((await client.take('puback') as Answer).reasonCode))
      }
      assert.equal(foyer.broker.stats().refused.get(code as 'refresh'), 3)
      balanced(foyer)
      const secret = text.split('.')[2] ?? text
      if (secret.length > 12) assert.ok(!JSON.stringify([foyer.log, four.inbox]).includes(secret.slice(0, 40)), 'the token is in the log')
    })
  }

  it('has to have had one before: passwords and strangers are told so', async () => {
    const hash = await hashPassword('secret')
    const foyer = await newBroker(t, { 'auth.anonymous': 'owner' }, `auth:\n  users:\n    - name: dan\n      hash: ${hash}\n      rooms: { lobby: owner }\n`)
    const cases: [string, Partial<ConnectOptions>, RegExp][] = [['anonymous', {}, /^you connected without a token/], ['dan', { username: 'dan', password: Buffer.from('secret') }, /^you connected with a password of auth\.users/]]
    for (const [sub, credentials, words] of cases) {
      const client = await MqttClient.connect(t, { port: foyer.port, protocolVersion: 5, ...credentials })
      for (const payload of [tokenOf({ sub }), 'secret', '']) {
        const { reasonCode, properties } = await refresh(client, payload)
        assert.equal(reasonCode, 0x87)
        assert.match(properties!.reasonString!, words)
      }
      await client.settled()
    }
    assert.equal(foyer.broker.stats().refused.get('refresh'), 6)
  })

  it('counts as one more connection of its user where that is limited', async () => {
    const foyer = await newBroker(t, { 'limits.connectRate': '1' })
    for (const protocolVersion of [5, 4] as const) {
      const client = await open(foyer, { sub: `user of ${protocolVersion}` }, { protocolVersion, localAddress: `127.0.0.${protocolVersion}` })
      await client.subscribe('$me/errors')
      for (let messageId = 1; messageId <= 10; messageId++) client.publish(REFRESH, tokenOf({ sub: `user of ${protocolVersion}` }), { qos: 1, messageId })
      await client.settled()
      const codes = client.inbox.filter(({ cmd }) => cmd === 'puback').map(packet => (packet as Answer).reasonCode)
      if (protocolVersion === 5) assert.ok(codes.includes(0x97), String(codes))
      assert.equal((await on(client, '$me/errors')).code, 'connectRate')
    }
    balanced(foyer)
  })

  it('waits for the keys of the issuer, and what it sends meanwhile waits with it', async () => {
    const provider = await startProvider([jwk(rsa.publicKey, { kid: 'one' })])
    t.after(() => provider.close())
    const foyer = await newBroker(t, { 'auth.jwksUrl': provider.url, 'auth.jwksCache': '1s', 'auth.verifyTimeout': '1s' })
    const token = (room: string): string => signed(rsa.privateKey, { sub: 'ann', exp: now() + 600, rooms: { [room]: 'owner' } }, { alg: 'RS256', kid: 'one' })
    const client = await MqttClient.connect(t, { port: foyer.port, username: 'x', password: Buffer.from(token('before')) })
    await client.subscribe('$me/errors')
    const fetched = performance.now()
    await until(() => performance.now() > fetched + 1100, 'that the keys are old')
    provider.mode = 'hang'
    client.publish(REFRESH, token('after'), { qos: 1, messageId: 1 })
    client.publish('rooms/after/state/x', 'behind it', { qos: 1, messageId: 2 })
    await until(() => provider.requests === 2, 'that the keys are fetched again')
    client.send({ cmd: 'pingreq' })
    await client.take('pingresp')
    assert.deepEqual(client.inbox, [])
    // The keys of before do when the issuer does not answer.
    await client.settled()
    assert.deepEqual(client.inbox.map(({ cmd, messageId }) => [cmd, messageId]), [['puback', 1], ['puback', 2]])
  })

  describe('that grants less', () => {
    it('loses its subscriptions, with a reason, and what waits for them', async () => {
      const foyer = await newBroker(t, { 'limits.inflight': '2' })
      const client = await open(foyer, { rooms: { kept: 'owner', lost: 'owner' } })
      await client.subscribe(['rooms/kept/state/#', 'rooms/lost/state/#'], 1)
      await client.subscribe('$me/#')
      const publisher = await open(foyer, { sub: 'bob' })
      let messageId = 0
      const publish = async (room: string): Promise<void> => {
        publisher.publish(`rooms/${room}/state/x`, room, { qos: 1, messageId: ++messageId })
        await publisher.settled()
      }
      // Two in flight, and then what waits for the window.
      for (const room of ['lost', 'kept', 'lost', 'kept']) await publish(room)
      const inFlight = await arrivals(client, 2)
      assert.deepEqual(texts(inFlight), ['lost', 'kept'])
      await refresh(client, tokenOf({ rooms: { kept: 'owner' } }))
      const report = await on(client, '$me/errors')
      assert.deepEqual([report.code, report.topic], ['policy', 'rooms/lost/state/#'])
      assert.match(String(report.message), /^a subscription ended: no grant/)
      assert.deepEqual(await on(client, REFRESHED), { exp: now() + 3600, rooms: { kept: 'owner' } })
      await publish('lost')
      await publish('kept')
      // What was dropped from the window has its place until the client is done with it.
      await client.settled()
      assert.deepEqual(client.inbox, [])
      for (const { messageId } of inFlight) client.send({ cmd: 'puback', messageId: messageId! })
      const last = await arrivals(client, 2)
      assert.deepEqual(texts(last), ['kept', 'kept'])
      for (const { messageId } of last) client.send({ cmd: 'puback', messageId: messageId! })
      await client.settled()
      assert.deepEqual(client.inbox, [])
      balanced(foyer)
      const { waiting, dropped } = foyer.broker.stats()
      assert.deepEqual([waiting, dropped.get('policy')], [0, 1])
    })

    it('is sent no more than its window allows, though what it was sent is not meant for it any more', async () => {
      const foyer = await newBroker(t)
      const options = { protocolVersion: 5, clientId: 'a', clean: false } as const
      const first = await open(foyer, {}, { ...options, properties: { sessionExpiryInterval: 600, receiveMaximum: 3 } })
      await first.subscribe('rooms/+/state/#', 1)
      const publisher = await open(foyer, { sub: 'bob' })
      const publish = async (room: string, ...payloads: string[]): Promise<void> => {
        for (const [i, payload] of payloads.entries()) publisher.publish(`rooms/${room}/state/x`, payload, { qos: 1, messageId: i + 1 })
        await publisher.settled()
      }
      await publish('lost', '1', '2', '3')
      await arrivals(first, 3)
      first.socket.destroy()
      const again = await open(foyer, {}, { ...options, properties: { sessionExpiryInterval: 600, receiveMaximum: 1 } })
      const [repeated] = await arrivals(again, 1)
      assert.equal(repeated!.payload.toString(), '1')
      await refresh(again, tokenOf({ rooms: { kept: 'owner' } }))
      await publish('kept', '4', '5')
      await again.settled()
      assert.deepEqual(again.inbox, [], 'the first is not acknowledged')
      again.send({ cmd: 'puback', messageId: repeated!.messageId! })
      const [fourth] = await arrivals(again, 1)
      assert.equal(fourth!.payload.toString(), '4')
      await again.settled()
      assert.deepEqual(again.inbox, [], 'the window is larger than the client allows')
      again.send({ cmd: 'puback', messageId: fourth!.messageId! })
      assert.deepEqual(texts(await arrivals(again, 1)), ['5'])
    })

    it('ends an exchange of QoS 2 that began before', async () => {
      const foyer = await newBroker(t)
      const client = await open(foyer, { rooms: { kept: 'owner', lost: 'owner' } }, { protocolVersion: 5, properties: { receiveMaximum: 1 } })
      await client.subscribe('rooms/+/commands/#', 2)
      const publisher = await open(foyer, { sub: 'bob' })
      for (const [i, room] of ['lost', 'kept'].entries()) publisher.publish(`rooms/${room}/commands/x`, JSON.stringify({ room }), { qos: 2, messageId: i + 1 })
      await publisher.settled()
      const [{ messageId }] = await arrivals(client, 1) as [IPublishPacket]
      await refresh(client, tokenOf({ rooms: { kept: 'owner' } }))
      client.send({ cmd: 'pubrec', messageId: messageId! })
      const { reasonCode } = await client.take('pubrel') as { reasonCode?: number }
      assert.equal(reasonCode ?? 0, 0)
      await client.settled()
      assert.deepEqual(client.inbox, [], 'it is not over')
      client.send({ cmd: 'pubcomp', messageId: messageId! })
      assert.equal((await client.message()).topic, 'rooms/kept/commands/x')
      balanced(foyer)
    })

    it('gets no more through a wildcard that still means something', async () => {
      const foyer = await newBroker(t)
      const client = await open(foyer, { rooms: { kept: 'owner', lost: 'owner' } })
      await client.subscribe('rooms/+/state/#', 1)
      await refresh(client, tokenOf({ rooms: { kept: 'owner' } }))
      const publisher = await open(foyer, { sub: 'bob' })
      for (const [i, room] of ['lost', 'kept'].entries()) publisher.publish(`rooms/${room}/state/x`, room, { qos: 1, messageId: i + 1 })
      await publisher.settled()
      assert.deepEqual(texts(await arrivals(client, 1)), ['kept'])
    })

    it('leaves its share of the work to the others', async () => {
      const foyer = await newBroker(t, { 'limits.inflight': '1' })
      const filter = '$share/crew/rooms/lost/state/#'
      const client = await open(foyer, { rooms: { kept: 'owner', lost: 'owner' } })
      const publisher = await open(foyer, { sub: 'bob' })
      await client.subscribe(filter, 1)
      for (const messageId of [1, 2, 3]) publisher.publish('rooms/lost/state/x', String(messageId), { qos: 1, messageId })
      await publisher.settled()
      assert.deepEqual(texts(await arrivals(client, 1)), ['1'])
      const other = await open(foyer, { sub: 'cat' })
      await other.subscribe(filter, 1)
      await refresh(client, tokenOf({ rooms: { kept: 'owner' } }))
      const done: string[] = []
      for (let i = 0; i < 3; i++) {
        const [message] = await arrivals(other, 1)
        done.push(message!.payload.toString())
        other.send({ cmd: 'puback', messageId: message!.messageId! })
      }
      assert.deepEqual(done.sort(), ['1', '2', '3'])
      await client.settled()
      assert.deepEqual(client.inbox, [])
      balanced(foyer)
    })

    it('has less in a session that lasts, over a kill too', async () => {
      const broker = await Restarts.begin(t)
      const client = await broker.connect('ann', { rooms: { kept: 'owner', lost: 'owner' } })
      await client.subscribe(['rooms/kept/state/#', 'rooms/lost/state/#', 'rooms/+/telemetry/#'], 1)
      client.publish(REFRESH, broker.foyer.token('ann', { kept: 'owner' }), { qos: 1, messageId: 1 })
      await client.settled()
      // While it is connected: its end would write the new token as well.
      await broker.foyer.broker.journal.flush()
      await broker.kill()
      for (const room of ['lost', 'kept']) {
        await broker.publish(`rooms/${room}/state/x`, [room])
        await broker.publish(`rooms/${room}/telemetry/x/y`, [`${room} too`], { qos: 2 })
      }
      // Judged by the new token already, though nobody has come with it.
      const { subscriptions, matched } = broker.foyer.broker.stats()
      assert.deepEqual([subscriptions, matched], [2, 2])
      const again = await broker.connect('ann', { rooms: { kept: 'owner' } })
      assert.deepEqual(texts(await arrivals(again, 2)), ['kept', 'kept too'])
      await again.settled()
      assert.deepEqual(again.inbox, [])
    })
  })

  it('lets others have their turn between tokens that differ', async () => {
    const foyer = await newBroker(t)
    const client = await open(foyer)
    const before = foyer.broker.stats().accepted
    const packets = Array.from({ length: 40 }, (_, i) => generate({ cmd: 'publish', topic: REFRESH, payload: tokenOf({ rooms: { '*': i % 2 === 0 ? 'member' : 'owner' } }), qos: 0, dup: false, retain: false }))
    client.send(Buffer.concat(packets))
    let [taken, most] = [0, 0]
    while (taken < packets.length) {
      await nextTurn()
      const now = foyer.broker.stats().accepted - before
      most = Math.max(most, now - taken)
      taken = now
    }
    assert.ok(most <= 2, `${most} in one turn`)
  })

  it('says of many grants how many there are', async () => {
    const foyer = await newBroker(t)
    const client = await open(foyer)
    await client.subscribe('$me/auth/refreshed')
    const rooms = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`a-room-with-a-name-${i}`, 'listener']))
    await refresh(client, tokenOf({ rooms }))
    const { rooms: told, more } = await on(client, REFRESHED) as { rooms: Record<string, string>, more: number }
    assert.ok(Object.keys(told).length > 0)
    assert.equal(Object.keys(told).length + more, 200)
  })

  it('leaves its will as its CONNECT decided', async () => {
    const foyer = await newBroker(t)
    const watcher = await open(foyer, { sub: 'bob' })
    await watcher.subscribe('rooms/lobby/messages', 1)
    const will = { topic: 'rooms/lobby/messages', payload: Buffer.from('gone'), qos: 1 as const, retain: false }
    const client = await open(foyer, {}, { will })
    await refresh(client, tokenOf({ rooms: {} }))
    client.socket.destroy()
    assert.match((await watcher.message()).payload.toString(), /"gone"/)
  })

  it('may not publish anything else there', async () => {
    const foyer = await newBroker(t)
    const client = await open(foyer, {}, { protocolVersion: 5 })
    for (const topic of ['$me/auth/refresh/x', '$me/auth', '$me/errors', REFRESHED]) {
      client.publish(topic, tokenOf(), { qos: 1, messageId: 1 })
      assert.equal((await client.take('puback') as Answer).reasonCode, 0x90, topic)
    }
  })

  it('may be gone before the token is judged', async () => {
    const foyer = await newBroker(t)
    const client = await open(foyer)
    client.publish(REFRESH, tokenOf(), { qos: 2, messageId: 1 })
    client.socket.destroy()
    await within(3000, 'it is not gone', until(() => foyer.broker.stats().connections === 0, 'that it is gone'))
    balanced(foyer)
  })

  it('does not keep the token', async () => {
    const foyer = await newBroker(t)
    const client = await open(foyer)
    await client.subscribe(['#', '$me/#'])
    const token = tokenOf({ iat: now() })
    await refresh(client, token)
    await foyer.broker.journal.flush()
    const [, , signature] = token.split('.')
    const kept: Packet[] = client.inbox
    assert.ok(!JSON.stringify([foyer.log, kept]).includes(signature!.slice(0, 20)))
    assert.equal(foyer.broker.stats().journaled, 0)
  })
})
