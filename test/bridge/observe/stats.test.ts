import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'mocha'
import { createSharedLoopMonitor } from '../../../bridge/observe/loop-delay.ts'
import { RecentLog } from '../../../bridge/observe/recent-log.ts'
import { decodeCursor } from '../../../protocol/cursor.ts'
import { errors, type ErrorCode } from '../../../protocol/errors.ts'
import { besideBroker, type Beside } from '../../helpers/bridge-beside-broker.ts'
import { newClient } from '../../helpers/client.ts'
import { FaultyFiles } from '../../helpers/faulty-files.ts'
import { MqttClient, type ConnectOptions } from '../../helpers/mqtt-client.ts'
import { useTeardown } from '../../helpers/teardown.ts'
import { until } from '../../helpers/within.ts'

const STATE = 'rooms/lobby/state/x'
const LIVE = 'rooms/lobby/live/x'

describe('/api/stats', () => {
  const t = useTeardown()

  async function open ({ port, token }: Beside, name: string, more: Partial<ConnectOptions> = {}, rooms?: Record<string, string>): Promise<MqttClient> {
    return await MqttClient.connect(t, { port, clientId: name, username: 'x', password: Buffer.from(token(name, rooms)), ...more })
  }

  async function stats (server: Beside): Promise<any> {
    const { status, text, json } = await server.ask('GET', '/api/stats', server.admin)
    assert.equal(status, 200, text)
    return json()
  }

  function sum (terms: Record<string, number>): number {
    return Object.values(terms).reduce((sum, term) => sum + term, 0)
  }

  function assertBalance ({ ledger }: any): void {
    const { received, accepted, refused, pending, journaled, unjournaled, matched, written, waiting, dropped } = ledger
    assert.equal(received, accepted + sum(refused) + pending, JSON.stringify(ledger))
    assert.equal(accepted, journaled + unjournaled, JSON.stringify(ledger))
    assert.equal(matched, written + waiting + sum(dropped), JSON.stringify(ledger))
  }

  it('is for admins', async () => {
    const server = await besideBroker(t)
    const stranger = await server.ask('GET', '/api/stats', null)
    assert.deepEqual([stranger.status, stranger.json().code], [401, 'credentialsMissing'])
    const user = await server.ask('GET', '/api/stats', server.token('ann'))
    assert.deepEqual([user.status, user.json().code], [403, 'policy'])
    assert.equal((await server.ask('GET', '/api/stats?since=1', server.admin)).status, 400)
    assert.equal((await server.ask('GET', '/api/stats', server.admin)).headers.get('cache-control'), 'no-store')
  })

  it('has a ledger that adds up, and what is connected', async () => {
    const server = await besideBroker(t)
    const bob = await open(server, 'bob')
    await bob.subscribe([STATE, LIVE, 'rooms/lobby/messages'], 1)
    const ann = await open(server, 'ann', { protocolVersion: 5 })
    for (let id = 1; id <= 3; id++) ann.publish(STATE, `${id}`, { qos: 1, messageId: id })
    for (let i = 0; i < 2; i++) ann.publish(LIVE, 'now')
    ann.publish('nowhere', 'x')
    ann.publish('rooms/lobby/messages', Buffer.alloc(65_537))
    await ann.settled()
    await bob.end()
    ann.publish(LIVE, 'nobody listens')
    await ann.settled()
    await until(async () => (await stats(server)).connections === 1, 'that bob left')
    const now = await stats(server)
    assert.deepEqual(now.ledger, { received: 8, accepted: 6, refused: { topic: 1, size: 1 }, pending: 0, own: now.ledger.own, journaled: 3, unjournaled: 3, stored: 3, matched: 5, written: 5, waiting: 0, dropped: {} })
    assertBalance(now)
    const { connections, sessions, subscriptions, retained, version } = now
    assert.deepEqual([connections, sessions, subscriptions, retained, version], [1, 1, 0, 1, 'test'])
    assert.ok(Math.abs(Date.parse(now.time) - Date.now()) < 5000)
    assert.ok(Math.abs(now.uptime - process.uptime()) < 5)
    assert.ok(Math.abs(Date.parse(now.started) + now.uptime * 1000 - Date.now()) < 5000)
  })

  it('counts connections by what they came by', async () => {
    const server = await besideBroker(t)
    await open(server, 'ann')
    await open(server, 'bob')
    const web = await newClient(t, { url: `${server.url.replace('http', 'ws')}/mqtt`, token: server.token('eve') })
    const events = await fetch(`${server.url}/api/events?filter=rooms/+/live/x`, { headers: { authorization: `Bearer ${server.token('eve')}` } })
    const { connections, transports } = await stats(server)
    assert.deepEqual({ connections, transports }, { connections: 4, transports: { tcp: 2, tls: 0, ws: 1, wss: 0, sse: 1 } })
    await Promise.all([web.close(), events.body!.cancel()])
    await until(async () => (await stats(server)).connections === 2, 'that they left')
    assert.deepEqual((await stats(server)).transports, { tcp: 2, tls: 0, ws: 0, wss: 0, sse: 0 })
  })

  it('says what waits for the disk, and how long that took', async () => {
    const files = new FaultyFiles()
    const server = await besideBroker(t, {}, true, { files })
    const ann = await open(server, 'ann')
    const { journal: before } = await stats(server)
    let letGo!: () => void
    files.gate = new Promise(resolve => { letGo = resolve })
    const [first, sent] = [performance.now(), 3]
    for (let id = 1; id <= sent; id++) ann.publish(STATE, `${id}`, { qos: 1, messageId: id })
    ann.send({ cmd: 'pingreq' })
    await ann.take('pingresp')
    const received = performance.now()
    const waiting = await stats(server)
    assert.deepEqual([waiting.ledger.received, waiting.ledger.accepted, waiting.ledger.pending], [sent, 0, sent])
    assert.equal(waiting.latency.count, 0)
    assert.ok(waiting.journal.pendingBytes > 0)
    assertBalance(waiting)
    const held = (performance.now() - received) / 1000
    letGo()
    files.gate = null
    for (let id = 1; id <= sent; id++) await ann.take('puback')
    const longest = (performance.now() - first) / 1000
    const { ledger, latency, journal } = await stats(server)
    assert.deepEqual([ledger.accepted, ledger.pending, latency.count, latency.window], [sent, 0, sent, 60])
    for (const wait of [latency.p50, latency.p99]) assert.ok(wait >= held && wait <= longest * 1.2, `${wait} is not from ${held} to ${longest}`)
    assert.ok(journal.bytes > before.bytes && journal.files === 1 && journal.groups > before.groups)
    assert.equal(journal.fault, null)
    assert.equal(journal.maxBytes, server.config.journal.maxBytes)
    assert.ok(journal.lastGroup.records >= 1 && journal.lastGroup.bytes > 0 && Math.abs(Date.parse(journal.lastGroup.at) - Date.now()) < 5000, JSON.stringify(journal))
    assert.equal(typeof journal.lastGroup.seconds, 'number')
  })

  it('says that the disk refuses, and why, and that what waited too long was refused', async () => {
    const files = new FaultyFiles()
    const server = await besideBroker(t, { 'admission.maxWait': '1s' }, true, { files })
    const ann = await open(server, 'ann', { protocolVersion: 5 })
    files.failingSyncs = Infinity
    ann.publish(STATE, 'x', { qos: 1, messageId: 1 })
    await ann.take('puback')
    const refusing = await stats(server)
    assert.match(refusing.journal.fault, /can't be written: EIO/)
    assert.ok(refusing.journal.faults > 0)
    assert.deepEqual([refusing.ledger.refused, refusing.ledger.pending], [{ disk: 1 }, 0])
    assert.deepEqual([refusing.refusals[0].what, refusing.refusals[0].kind, refusing.refusals[0].code, refusing.refusals[0].topic], ['publish', 'not-now', 'disk', STATE])
    assertBalance(refusing)
    files.failingSyncs = 0
    ann.publish(STATE, 'x', { qos: 1, messageId: 2 })
    await ann.take('puback')
    assert.equal((await stats(server)).journal.fault, null)
    await until(async () => (await stats(server)).journal.pendingBytes === 0, 'that nothing waits')
  })

  it('names the sessions that the most messages wait for, and since when', async () => {
    const server = await besideBroker(t, { 'limits.inflight': '4' })
    const began = Date.now()
    const slow = await open(server, 'slow')
    await slow.subscribe(STATE, 1)
    // Absent ones, each with another number of messages to come.
    const absent = Array.from({ length: 12 }, (_, i) => `away-${i}`)
    for (const [i, name] of absent.entries()) {
      const client = await open(server, name, { clean: false })
      await client.subscribe(`rooms/lobby/state/${i}`, 1)
      await client.end()
    }
    const left = Date.now()
    const ann = await open(server, 'ann')
    let id = 1
    for (let i = 0; i < absent.length; i++) for (let n = 0; n <= i; n++) ann.publish(`rooms/lobby/state/${i}`, 'x', { qos: 1, messageId: id++ })
    const published = Date.now()
    for (let n = 0; n < 20; n++) ann.publish(STATE, Buffer.alloc(100), { qos: 1, messageId: id++ })
    await ann.settled()
    const now = await stats(server)
    assertBalance(now)
    assert.equal(now.slow.length, 1)
    const [{ session, user, client, messages, bytes, inflight, socketBytes, stalled, since }] = now.slow
    assert.deepEqual({ session, user, client, messages, inflight, socketBytes, stalled }, { session: 'slow/slow', user: 'slow', client: 'slow', messages: 16, inflight: 4, socketBytes: 0, stalled: null })
    assert.ok(bytes >= 16 * 100, `${bytes}`)
    assert.ok(Date.parse(since) >= published - 1 && Date.parse(since) <= Date.now(), since)
    assert.deepEqual(now.absent.map(({ client, messages }: any) => [client, messages]), Array.from({ length: 10 }, (_, n) => [`away-${11 - n}`, 12 - n]))
    for (const { since } of now.absent) assert.ok(Date.parse(since) >= began && Date.parse(since) <= left, since)
    // Whoever has read everything is not named any more.
    await until(async () => {
      for (const packet of slow.inbox.splice(0)) if (packet.cmd === 'publish') slow.send({ cmd: 'puback', messageId: packet.messageId! })
      return (await stats(server)).slow.length === 0
    }, 'that it caught up')
  })

  it('says what a socket does not take', async () => {
    const server = await besideBroker(t)
    const slow = await open(server, 'slow')
    await slow.subscribe(LIVE)
    slow.socket.pause()
    const ann = await open(server, 'ann')
    let queue: any = null
    await until(async () => {
      for (let i = 0; i < 20; i++) ann.publish(LIVE, Buffer.alloc(60_000))
      await ann.settled()
      queue = (await stats(server)).slow[0] ?? null
      return queue?.stalled > 0.2
    }, 'that something waits, and that the socket has taken nothing for some time')
    const { socketBytes, bytes, messages } = queue
    assert.ok(socketBytes >= 60_000 && messages > 0 && bytes >= messages * 60_000, JSON.stringify({ socketBytes, bytes, messages }))
  })

  it('counts replays under way', async () => {
    const server = await besideBroker(t, { 'limits.inflight': '2' })
    const ann = await open(server, 'ann')
    for (let id = 1; id <= 10; id++) ann.publish(STATE, 'x', { qos: 1, messageId: id })
    await ann.settled()
    const bob = await open(server, 'bob')
    await bob.subscribe(`$replay/1h/${STATE}`, 1)
    await until(() => bob.inbox.filter(({ cmd }) => cmd === 'publish').length === 2, 'a full window')
    assert.equal((await stats(server)).replays, 1)
    await until(async () => {
      for (const packet of bob.inbox.splice(0)) if (packet.cmd === 'publish') bob.send({ cmd: 'puback', messageId: packet.messageId! })
      return (await stats(server)).replays === 0
    }, 'the end of the replay')
  })

  it('tells the newest refusals and errors, whoever they were of', async () => {
    const server = await besideBroker(t)
    const eve = await open(server, 'eve', { protocolVersion: 5 }, { lobby: 'listener' })
    for (let id = 1; id <= 3; id++) eve.publish('rooms/lobby/messages', 'x', { qos: 1, messageId: id })
    await eve.settled()
    await eve.subscribe('rooms/secret/#')
    const { client: stranger } = await MqttClient.open(t, { port: server.port, clientId: 'stranger', username: 'x', password: Buffer.from('no token') })
    await stranger.closed
    eve.send(Buffer.from([0, 0]))
    await eve.closed
    await (await open(server, 'bob')).end()
    const { refusals } = await stats(server)
    const told = refusals.map(({ from, what, kind, code, user, client, address, topic, request, count }: any) => ({ from, what, kind, code, user, client, address, topic, request, count }))
    const of = { from: 'mqtt', address: '127.0.0.1', request: null }
    assert.deepEqual(told, [
      { what: 'connection', kind: 'closed', code: told[0].code, user: 'eve', client: 'eve', ...of, topic: null, count: 1 },
      { what: 'connect', kind: 'connect', code: 'tokenMalformed', user: null, client: 'stranger', ...of, topic: null, count: 1 },
      { what: 'subscription', kind: 'refused', code: 'policy', user: 'eve', client: 'eve', ...of, topic: 'rooms/secret/#', count: 1 },
      { what: 'publish', kind: 'refused', code: 'policy', user: 'eve', client: 'eve', ...of, topic: 'rooms/lobby/messages', count: 3 }
    ])
    for (const { at, code, message, remedy } of refusals as { at: string, code: ErrorCode, message: string, remedy: string }[]) {
      assert.ok(Math.abs(Date.parse(at) - Date.now()) < 5000 && message !== '')
      assert.equal(remedy, errors.get(code)!.remedy)
    }
    assert.match(refusals[3].message, /listener/)
    const { reasons } = await stats(server)
    assert.deepEqual(reasons, [{ code: 'policy', kind: 'refused', mqtt: 4, http: 0 }, { code: 'tokenMalformed', kind: 'connect', mqtt: 1, http: 0 }, { code: refusals[0].code, kind: 'closed', mqtt: 1, http: 0 }])
  })

  it('tells of requests that were refused over HTTP, once each, and the ledger has the publishes among them once', async () => {
    const server = await besideBroker(t, { 'limits.roomsPerUser': '1', 'limits.httpRate': '8' })
    const eve = server.token('eve', { lobby: 'listener' })
    const own = server.token('ann')
    const publish = async (token: string | null, body: unknown): Promise<number> => (await server.ask('POST', '/api/publish', token, body)).status
    assert.equal(await publish(eve, { topic: 'rooms/lobby/messages', payload: 'x' }), 403)
    assert.equal(await publish(own, { topic: 'nowhere', payload: 'x' }), 404)
    assert.equal(await publish(own, { topic: 'rooms/lobby/messages', payload: 'x'.repeat(70_000) }), 413)
    assert.equal(await publish(own, { topic: 'rooms/lobby/commands/d', payload: 'x', qos: 0 }), 422)
    assert.equal(await publish('nonsense', { topic: 'rooms/lobby/messages', payload: 'x' }), 401)
    assert.equal((await server.ask('GET', '/api/rooms/attic/history?filter=messages&limit=5', eve)).status, 403)
    assert.equal((await server.ask('GET', '/api/events?filter=rooms/attic/messages&since=1h', eve)).status, 403)
    assert.equal((await server.ask('GET', '/api/nothing', own)).status, 404)
    assert.equal((await server.ask('GET', '/robots.txt', null)).status, 404)
    const now = await stats(server)
    const told = now.refusals.map(({ from, what, code, user, client, topic, request, count }: any) => ({ from, what, code, user, client, topic, request, count }))
    const of = { from: 'http', client: null, count: 1 }
    assert.deepEqual(told, [
      { ...of, what: 'request', code: 'notFound', user: null, topic: null, request: 'GET /api/nothing' },
      { ...of, what: 'subscription', code: 'policy', user: 'eve', topic: 'rooms/attic/messages', request: 'GET /api/events' },
      { ...of, what: 'request', code: 'policy', user: 'eve', topic: null, request: 'GET /api/rooms/attic/history' },
      { ...of, what: 'request', code: 'tokenMalformed', user: null, topic: null, request: 'POST /api/publish' },
      { ...of, what: 'publish', code: 'belowQos', user: 'ann', topic: 'rooms/lobby/commands/d', request: 'POST /api/publish' },
      { ...of, what: 'publish', code: 'size', user: 'ann', topic: 'rooms/lobby/messages', request: 'POST /api/publish' },
      { ...of, what: 'publish', code: 'topic', user: 'ann', topic: 'nowhere', request: 'POST /api/publish' },
      { ...of, what: 'publish', code: 'policy', user: 'eve', topic: 'rooms/lobby/messages', request: 'POST /api/publish' }
    ])
    assert.match(now.refusals[7].message, /listener/)
    assert.deepEqual(now.ledger.refused, { policy: 1, topic: 1, size: 1, belowQos: 1 })
    assertBalance(now)
    assert.deepEqual(now.reasons.find(({ code }: any) => code === 'policy'), { code: 'policy', kind: 'refused', mqtt: 0, http: 3 })

    // A limit that the broker has: whoever asks over HTTP is refused once, though a connection is made for it.
    assert.equal(await publish(own, { topic: 'rooms/lobby/messages', payload: 'x' }), 200)
    assert.equal((await server.ask('GET', '/api/events?filter=rooms/cellar/messages', own)).status, 429)
    assert.deepEqual((await stats(server)).reasons.find(({ code }: any) => code === 'quota'), { code: 'quota', kind: 'not-now', mqtt: 0, http: 1 })
    await until(async () => (await server.ask('GET', '/api/rooms', eve)).status === 429, 'that the rate is over')
    assert.equal((await stats(server)).refusals[0].code, 'rate')
  })

  it('keeps 50 refusals, and a flood is one of them', async () => {
    const server = await besideBroker(t)
    const eve = await open(server, 'eve')
    eve.publish('nowhere/first', 'x')
    await eve.settled()
    for (let i = 0; i < 49; i++) {
      const { client } = await MqttClient.open(t, { port: server.port, clientId: `stranger-${i}`, username: 'x', password: Buffer.from('no token') })
      await client.closed
    }
    const long = `nowhere/${'x'.repeat(2000)}`
    for (let i = 0; i < 500; i++) eve.publish(i < 499 ? `nowhere/${i}` : long, 'x')
    await eve.settled()
    const { refusals } = await stats(server)
    assert.equal(refusals.length, 50)
    assert.deepEqual([refusals[0].user, refusals[0].code, refusals[0].count, refusals[0].topic.length], ['eve', 'topic', 501, 300])
    const { client } = await MqttClient.open(t, { port: server.port, clientId: 'one more', username: 'x', password: Buffer.from('no token') })
    await client.closed
    const { refusals: later } = await stats(server)
    assert.deepEqual([later.length, later[0].client, later[1].user, later[49].client], [50, 'one more', 'eve', 'stranger-1'])
  })

  it('says how far each store is behind', async () => {
    const server = await besideBroker(t, { 'influx.url': 'http://127.0.0.1:1' })
    const ann = await open(server, 'ann')
    ann.publish(STATE, Buffer.alloc(1000, 'x'), { qos: 1, messageId: 1 })
    await ann.take('puback')
    const { stores: behind } = await stats(server)
    assert.deepEqual(behind.map(({ name }: any) => name), ['embedded', 'influx'])
    for (const { lag } of behind) assert.ok(lag.bytes > 1000 && lag.seconds > 0 && lag.seconds < 10, JSON.stringify(lag))
    await server.bridge.flush()
    const { stores: [embedded] } = await stats(server)
    const { journal } = await stats(server)
    assert.deepEqual(embedded, { name: 'embedded', lag: { bytes: 0, seconds: 0 }, position: journal.position, taken: 1, missed: 0, fault: null })
    assert.ok(decodeCursor(journal.position)!.time <= Date.now() * 1000)
    // Nobody listens at that port.
    await until(async () => (await stats(server)).stores[1].fault !== null, 'that InfluxDB does not answer')
    const { stores: [, influx] } = await stats(server)
    assert.deepEqual([influx.position, influx.taken], [null, 0])
  })

  it('has the newest errors of the log, and a flood is one of them', async () => {
    const server = await besideBroker(t, { 'influx.url': 'http://127.0.0.1:1' })
    const { log } = await stats(server)
    assert.equal(log.length, 1)
    assert.deepEqual([log[0].level, log[0].count], ['error', 1])
    assert.match(`${log[0].message} ${log[0].detail}`, /InfluxDB .*; messages stay in the journal until then .*ECONNREFUSED/)
    assert.ok(Math.abs(Date.parse(log[0].at) - Date.now()) < 5000)

    const recent = new RecentLog()
    const write = (level: number, msg: string, more = {}): void => recent.write(JSON.stringify({ level, time: 1000 + Number(/\d+/.exec(msg)![0]), msg, ...more }) + '\n')
    for (let i = 0; i < 30; i++) write(50, `fault ${i}`, { err: { message: `why ${i}`, stack: 'nobody needs this here' } })
    for (let i = 0; i < 100; i++) write(50, 'fault 12', { err: { message: `because of ${i}` } })
    write(60, `end 1${'x'.repeat(500)}`)
    const list = recent.list()
    assert.deepEqual(list.map(({ message }) => message), ['end 1'.padEnd(300, 'x'), 'fault 12', ...Array.from({ length: 18 }, (_, i) => `fault ${i < 17 ? 29 - i : 11}`)])
    assert.deepEqual([list[0]!.level, list[0]!.detail], ['fatal', null])
    assert.deepEqual(list[1], { at: 1012, count: 101, level: 'error', message: 'fault 12', detail: 'because of 99' })
  })

  it('says what the process takes', async () => {
    const server = await besideBroker(t)
    await until(async () => (await stats(server)).process.eventLoop !== null, 'a look at the event loop')
    const { cpu, memory, eventLoop } = (await stats(server)).process
    const { user, system } = process.cpuUsage()
    assert.ok(Math.abs(cpu.user + cpu.system - (user + system) / 1e6) < 1)
    assert.ok(Math.abs(memory.rss - process.memoryUsage().rss) < memory.rss / 4)
    assert.ok(eventLoop.p50 <= eventLoop.p99 && eventLoop.p99 <= eventLoop.max)
  })

  it('gives all who look within a second the same answer about the event loop', async () => {
    const monitor = createSharedLoopMonitor()
    t.after(() => monitor.close())
    let first = monitor.take()
    await until(() => (first = monitor.take()) !== null, 'a look at the event loop')
    assert.equal(monitor.take(), first)
    await until(() => monitor.take() !== first, 'that the second is over')
    monitor.close()
    assert.equal(monitor.take(), null)
  })

  it('has each of its members in docs/http.md, and that has no others', async () => {
    const server = await besideBroker(t, { 'influx.url': 'http://127.0.0.1:1', 'limits.inflight': '1' })
    const eve = await open(server, 'eve')
    eve.publish('nowhere', 'x')
    await eve.subscribe(STATE, 1)
    for (let id = 1; id <= 3; id++) eve.publish(STATE, 'x', { qos: 1, messageId: id })
    await eve.settled()
    await until(async () => (await stats(server)).process.eventLoop !== null, 'a look at the event loop')
    const there = new Set<string>()
    const walk = (value: unknown, path: string): void => {
      if (Array.isArray(value)) for (const one of value) walk(one, `${path}[]`)
      else if (typeof value === 'object' && value !== null && !['ledger.refused', 'ledger.dropped'].includes(path)) for (const [name, inner] of Object.entries(value)) walk(inner, path === '' ? name : `${path}.${name}`)
      else there.add(path)
    }
    const now = await stats(server)
    walk(now, '')
    // The absent ones are told of as the slow ones.
    there.delete('absent')
    const [section = ''] = readFileSync(new URL('../../../docs/http.md', import.meta.url), 'utf8').match(/^## How the server is$[^]*?(?=^## )/m) ?? []
    const told = new Set<string>()
    for (const [, cell] of section.matchAll(/^\| (`[^|]*) \|/gm)) {
      for (const [, name] of cell!.matchAll(/`([^`]+)`/g)) if (name !== 'absent[]') told.add(name!)
    }
    assert.deepEqual([...told].sort(), [...there].sort())
  })
})
