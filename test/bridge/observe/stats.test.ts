import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'mocha'
import { createSharedLoopMonitor } from '../../../bridge/observe/loop-delay.ts'
import { errors } from '../../../protocol/errors.ts'
import { besideBroker, type Beside } from '../../helpers/bridge-beside-broker.ts'
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
    const { received, accepted, refused, pending, matched, written, waiting, dropped } = ledger
    assert.equal(received, accepted + sum(refused) + pending, JSON.stringify(ledger))
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
    assert.deepEqual(now.ledger, { received: 8, accepted: 6, refused: { topic: 1, size: 1 }, pending: 0, own: now.ledger.own, journaled: 3, stored: 3, matched: 5, written: 5, waiting: 0, dropped: {} })
    assertBalance(now)
    const { connections, sessions, subscriptions, retained, version } = now
    assert.deepEqual([connections, sessions, subscriptions, retained, version], [1, 1, 0, 1, 'test'])
    assert.ok(Math.abs(Date.parse(now.time) - Date.now()) < 5000)
    assert.ok(Math.abs(now.uptime - process.uptime()) < 5)
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
    const [{ session, user, client, messages, bytes, inflight, socketBytes, since }] = now.slow
    assert.deepEqual({ session, user, client, messages, inflight, socketBytes }, { session: 'slow/slow', user: 'slow', client: 'slow', messages: 16, inflight: 4, socketBytes: 0 })
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
      return queue !== null
    }, 'that something waits')
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
    const told = refusals.map(({ what, kind, code, user, client, address, topic, count }: any) => ({ what, kind, code, user, client, address, topic, count }))
    const of = { address: '127.0.0.1' }
    assert.deepEqual(told, [
      { what: 'connection', kind: 'closed', code: told[0].code, user: 'eve', client: 'eve', ...of, topic: null, count: 1 },
      { what: 'connect', kind: 'connect', code: 'tokenMalformed', user: null, client: 'stranger', ...of, topic: null, count: 1 },
      { what: 'subscription', kind: 'refused', code: 'policy', user: 'eve', client: 'eve', ...of, topic: 'rooms/secret/#', count: 1 },
      { what: 'publish', kind: 'refused', code: 'policy', user: 'eve', client: 'eve', ...of, topic: 'rooms/lobby/messages', count: 3 }
    ])
    for (const { at, code, message, remedy } of refusals) {
      assert.ok(Math.abs(Date.parse(at) - Date.now()) < 5000 && message !== '')
      assert.equal(remedy, errors.get(code)!.remedy)
    }
    assert.match(refusals[3].message, /listener/)
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
    assert.deepEqual(embedded, { name: 'embedded', lag: { bytes: 0, seconds: 0 }, missed: 0, fault: null })
    // Nobody listens at that port.
    await until(async () => (await stats(server)).stores[1].fault !== null, 'that InfluxDB does not answer')
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
