import assert from 'node:assert/strict'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, it } from 'mocha'
import type { PresenceEvent } from '../../../protocol/presence.ts'
import { newBroker, type TestBroker } from '../../helpers/foyer.ts'
import { MqttClient, type ConnectOptions } from '../../helpers/mqtt-client.ts'
import { useTeardown, type Teardown } from '../../helpers/teardown.ts'
import { rounds } from '../../helpers/attack-target.ts'
import { until } from '../../helpers/within.ts'
import { mintToken } from '../../../broker/auth/mint.ts'
import { SECRET } from '../../helpers/foyer.ts'

/** Short enough to wait for, and long enough for a client to be back on a busy machine. */
const KEYS = { 'presence.grace': '1s' }
const EVENTS = 'rooms/lobby/presence'

type Told = [event: string, ...users: string[]]

/** Somebody who sees every room and is in none: a wildcard names no room. */
async function watch (t: Teardown, foyer: TestBroker, filter = 'rooms/+/presence/#'): Promise<Watcher> {
  const client = await MqttClient.connect(t, { port: foyer.port, username: 'x', password: Buffer.from(foyer.token('watcher')) })
  await client.subscribe(filter, 0)
  return new Watcher(client)
}

class Watcher {
  readonly client: MqttClient

  constructor (client: MqttClient) {
    this.client = client
  }

  /** The next event. */
  async event (): Promise<Told> {
    const packet = await this.client.find(packet => packet.cmd === 'publish' && packet.topic.endsWith('/presence'), 'event of presence', 5000)
    assert.ok(packet.cmd === 'publish')
    const { event, users, room, timestamp } = JSON.parse(packet.payload.toString()) as PresenceEvent
    assert.equal(packet.topic, `rooms/${room}/presence`)
    assert.ok(Math.abs(Date.parse(timestamp) - Date.now()) < 60_000)
    return [event, ...users]
  }

  /** The next change of the roster: a topic, and whether there is an entry now. */
  async roster (): Promise<[string, boolean]> {
    const packet = await this.client.find(packet => packet.cmd === 'publish' && !packet.topic.endsWith('/presence'), 'change of the roster', 5000)
    assert.ok(packet.cmd === 'publish')
    return [packet.topic, packet.payload.length > 0]
  }
}

describe('presence', () => {
  const t = useTeardown()

  const join = async (foyer: TestBroker, user: string, filter: string | null = 'rooms/lobby/messages', options: Partial<ConnectOptions> = {}): Promise<MqttClient> => {
    const client = await MqttClient.connect(t, { port: foyer.port, username: 'x', password: Buffer.from(foyer.token(user)), ...options })
    if (filter !== null) await client.subscribe(filter, 1)
    return client
  }

  it('tells who joins by a subscription and who leaves by the last unsubscribe, and keeps a roster', async () => {
    const foyer = await newBroker(t, KEYS)
    const watcher = await watch(t, foyer)
    const ann = await join(foyer, 'a/nn')
    assert.deepEqual(await watcher.event(), ['joined', 'a/nn'])
    assert.deepEqual(await watcher.roster(), ['rooms/lobby/presence/a%2Fnn', true])
    await ann.subscribe('rooms/lobby/state/#', 1, 2)
    const later = await watch(t, foyer)
    assert.deepEqual(await later.roster(), ['rooms/lobby/presence/a%2Fnn', true])
    ann.send({ cmd: 'unsubscribe', messageId: 3, unsubscriptions: ['rooms/lobby/messages'] })
    await ann.take('unsuback')
    assert.deepEqual(foyer.broker.presence('lobby').map(({ user }) => user), ['a/nn'])
    ann.send({ cmd: 'unsubscribe', messageId: 4, unsubscriptions: ['rooms/lobby/state/#'] })
    assert.deepEqual(await watcher.event(), ['left', 'a/nn'])
    assert.deepEqual(await watcher.roster(), ['rooms/lobby/presence/a%2Fnn', false])
    assert.deepEqual(foyer.broker.presence('lobby'), [])
    assert.equal(foyer.broker.stats().rooms, 0)
  })

  it('counts those as there who publish to the messages, and none who only measure, are refused or look from above', async () => {
    const foyer = await newBroker(t, KEYS)
    const watcher = await watch(t, foyer)
    const speaker = await join(foyer, 'speaker', null)
    const sensor = await join(foyer, 'sensor', '#')
    const listener = await join(foyer, 'listener', null, { password: Buffer.from(foyer.token('listener', { lobby: 'listener' })) })
    sensor.publish('rooms/lobby/telemetry/sensor/t', '1', { qos: 1, messageId: 1 })
    sensor.publish('rooms/lobby/live/typing', '1')
    listener.publish('rooms/lobby/messages', 'no', { qos: 1, messageId: 1 })
    await Promise.all([sensor.settled(), listener.settled()])
    for (const messageId of [1, 2]) speaker.publish('rooms/lobby/messages', 'hello', { qos: 1, messageId })
    assert.deepEqual(await watcher.event(), ['joined', 'speaker'])
    await speaker.end()
    assert.deepEqual(await watcher.event(), ['left', 'speaker'])
  })

  for (const [how, filter] of [['inside a group', '$share/g/rooms/lobby/messages'], ['with wildcards behind the room', 'rooms/lobby/#'], ['for the presence itself', 'rooms/lobby/presence/+']] as const) {
    it(`counts a subscription ${how} as one that names the room`, async () => {
      const foyer = await newBroker(t, KEYS)
      const watcher = await watch(t, foyer)
      await join(foyer, 'ann', filter)
      assert.deepEqual(await watcher.event(), ['joined', 'ann'])
    })
  }

  it('does not tell of a user who is back within the grace, or is still there by another connection', async () => {
    const foyer = await newBroker(t, { 'presence.grace': '30s' })
    const watcher = await watch(t, foyer)
    const first = await join(foyer, 'ann')
    assert.deepEqual(await watcher.event(), ['joined', 'ann'])
    const second = await join(foyer, 'ann')
    first.socket.destroy()
    second.socket.resetAndDestroy()
    await until(() => foyer.broker.presence('lobby')[0]?.connections === 0, 'that both are lost')
    await join(foyer, 'ann')
    // Whoever comes and goes by their own will is told of; the one before would have been told by now, too.
    const bob = await join(foyer, 'bob')
    assert.deepEqual(await watcher.event(), ['joined', 'bob'])
    bob.send({ cmd: 'unsubscribe', messageId: 2, unsubscriptions: ['rooms/lobby/messages'] })
    assert.deepEqual(await watcher.event(), ['left', 'bob'])
    assert.deepEqual(foyer.broker.presence('lobby').map(({ user, connections }) => [user, connections]), [['ann', 1]])
  })

  it('does not tell of who comes and goes between two ticks', async () => {
    const foyer = await newBroker(t, KEYS)
    const watcher = await watch(t, foyer)
    const ann = await join(foyer, 'ann', null)
    ann.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'rooms/lobby/messages', qos: 0 }] })
    ann.send({ cmd: 'unsubscribe', messageId: 2, unsubscriptions: ['rooms/lobby/messages'] })
    await ann.take('unsuback')
    await join(foyer, 'bob')
    const [event, ...users] = await watcher.event()
    // A machine that stalls in between may make two events of it, but never one without the other.
    if (users.includes('ann')) assert.deepEqual(await watcher.event(), ['left', 'ann'])
    else assert.deepEqual([event, ...users], ['joined', 'bob'])
  })

  it('tells a lasting session that returns as one who joins again, by the subscriptions that it has', async () => {
    const foyer = await newBroker(t, { 'presence.grace': '0s' })
    const watcher = await watch(t, foyer)
    const lasting = { clientId: 'phone', clean: false }
    const ann = await join(foyer, 'ann', 'rooms/lobby/messages', lasting)
    assert.deepEqual(await watcher.event(), ['joined', 'ann'])
    ann.socket.destroy()
    assert.deepEqual(await watcher.event(), ['left', 'ann'])
    await join(foyer, 'ann', null, lasting)
    assert.deepEqual(await watcher.event(), ['joined', 'ann'])
    // Taken over by itself: with no grace that may be told, but it ends with being there.
    await join(foyer, 'ann', null, lasting)
    await until(() => foyer.broker.presence('lobby')[0]?.connections === 1, 'that the new connection counts')
  })

  it('shows nobody whose token asks for that', async () => {
    const foyer = await newBroker(t, KEYS)
    const watcher = await watch(t, foyer)
    const hidden = Buffer.from(mintToken(SECRET, { sub: 'spy', rooms: { '*': 'owner' }, expiresIn: 60, presence: false }))
    const spy = await join(foyer, 'spy', 'rooms/lobby/messages', { password: hidden })
    spy.publish('rooms/lobby/messages', 'psst', { qos: 1, messageId: 1 })
    await spy.settled()
    await join(foyer, 'ann')
    assert.deepEqual(await watcher.event(), ['joined', 'ann'])
    assert.equal(foyer.broker.stats().participants, 1)
  })

  it('follows a refreshed token: who is hidden leaves, who is shown joins, and who lost the room is not in it', async () => {
    const foyer = await newBroker(t, KEYS)
    const watcher = await watch(t, foyer)
    const mint = (presence: boolean, rooms: Record<string, string>): Buffer => Buffer.from(mintToken(SECRET, { sub: 'ann', rooms, expiresIn: 60, presence }))
    const ann = await join(foyer, 'ann', null, { password: mint(true, { '*': 'owner' }) })
    let messageId = 0
    const refresh = async (presence: boolean, rooms: Record<string, string>): Promise<void> => {
      ann.publish('$me/auth/refresh', mint(presence, rooms), { qos: 1, messageId: ++messageId })
      await ann.settled()
    }
    ann.publish('rooms/lobby/messages', 'hello', { qos: 1, messageId: ++messageId })
    await ann.settled()
    assert.deepEqual(await watcher.event(), ['joined', 'ann'])
    await refresh(true, { lobby: 'listener' })
    assert.equal(foyer.broker.presence('lobby').length, 1)
    await refresh(true, { hall: 'owner' })
    assert.deepEqual(await watcher.event(), ['left', 'ann'])
    await refresh(false, { '*': 'owner' })
    await ann.subscribe('rooms/lobby/messages', 1, 99)
    await refresh(true, { '*': 'owner' })
    assert.deepEqual(await watcher.event(), ['joined', 'ann'])
    await refresh(true, { hall: 'owner' })
    assert.deepEqual(await watcher.event(), ['left', 'ann'])
    await refresh(true, { '*': 'owner' })
    await ann.subscribe('rooms/lobby/messages', 1, 99)
    assert.deepEqual(await watcher.event(), ['joined', 'ann'])
    await refresh(false, { '*': 'owner' })
    assert.deepEqual(await watcher.event(), ['left', 'ann'])
  })

  it('makes one event per tick of a storm, and one entry of the roster for each', async () => {
    const foyer = await newBroker(t, KEYS)
    const watcher = await watch(t, foyer)
    const users = Array.from({ length: rounds(1000, 300) }, (_, i) => `user-${i}`)
    const began = performance.now()
    const before = foyer.broker.stats().own
    const clients = await Promise.all(users.map(user => join(foyer, user, null)))
    for (const client of clients) client.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'rooms/lobby/messages', qos: 0 }] })
    const joined: string[] = []
    let events = 0
    while (joined.length < users.length) {
      const [event, ...more] = await watcher.event()
      assert.equal(event, 'joined')
      joined.push(...more)
      events++
    }
    assert.deepEqual(joined.toSorted(), users.toSorted())
    assert.ok(events <= Math.ceil((performance.now() - began) / 100), `${events} events`)
    assert.equal(foyer.broker.stats().own - before, events + users.length)
  })

  it('lets others have their turn while it tells a roster to everybody in it', async () => {
    const foyer = await newBroker(t, KEYS)
    const users = Array.from({ length: rounds(600, 250) }, (_, i) => `user-${i}`)
    const clients = await Promise.all(users.map(user => join(foyer, user, null)))
    for (const client of clients) client.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'rooms/lobby/#', qos: 0 }] })
    let [told, most] = [0, 0]
    while (told < users.length) {
      await nextTurn()
      const { own } = foyer.broker.stats()
      most = Math.max(most, own - told)
      told = own
    }
    assert.ok(most < users.length / 2, `${most} in one turn`)
    const later = await watch(t, foyer, 'rooms/lobby/presence/+')
    for (const user of users) await later.client.find(packet => packet.cmd === 'publish' && packet.topic.endsWith(`/${user}`), user)
  })

  it('can not be made up by anybody', async () => {
    const foyer = await newBroker(t, KEYS)
    const ann = await join(foyer, 'ann')
    await ann.subscribe('$me/errors', 0, 2)
    ann.publish(EVENTS, '{"event":"joined","room":"lobby","users":["bob"]}', { qos: 1, messageId: 1 })
    const report = await ann.find(packet => packet.cmd === 'publish' && packet.topic === '$me/errors', 'report')
    assert.ok(report.cmd === 'publish')
    assert.match(report.payload.toString(), /"policy".*channel presence lets nob/)
  })

  it('goes on when one of its channels is off', async () => {
    for (const off of ['presence', 'roster']) {
      const foyer = await newBroker(t, KEYS, `channels:\n  ${off}: off\n`)
      await join(foyer, 'ann')
      await until(() => foyer.broker.stats().own === 1, 'that the other one tells')
      assert.equal(foyer.broker.presence('lobby').length, 1)
    }
  })

  it('tells of one user only so much at a time, and of others meanwhile', async () => {
    const foyer = await newBroker(t, KEYS)
    const rooms = Array.from({ length: 1000 }, (_, i) => `rooms/r${i}/messages`)
    const ann = await join(foyer, 'ann', null)
    const own = (): number => foyer.broker.stats().own
    const change = async (cmd: 'subscribe' | 'unsubscribe'): Promise<void> => {
      for (let i = 0; i < rooms.length; i += 100) {
        const some = rooms.slice(i, i + 100)
        if (cmd === 'subscribe') await ann.subscribe(some)
        else {
          ann.send({ cmd, messageId: 1, unsubscriptions: some })
          await ann.take('unsuback')
        }
      }
    }
    const began = performance.now()
    await change('subscribe')
    await until(() => own() >= 2000, 'an event and an entry of a roster for each room', 15_000)
    await change('unsubscribe')
    await until(() => own() >= 4000, 'the same for each that was left', 15_000)
    await change('subscribe')
    const watcher = await watch(t, foyer)
    await join(foyer, 'bob')
    for (let users: readonly string[] = []; !users.includes('bob');) users = await watcher.event()
    const changes = own() / 2
    const allowed = 2000 + (performance.now() - began) / 10
    assert.ok(changes <= allowed + 1, `${changes} changes, and ${allowed} are allowed`)
    assert.equal(foyer.broker.presence('r999').length, 1)
  })

  it('takes no place from the retained messages of others, and finds one however many there are', async () => {
    const foyer = await newBroker(t, { ...KEYS, 'limits.retainedTopics': '2' })
    const watcher = await watch(t, foyer)
    const [ann] = await Promise.all(['ann', 'bob', 'cid'].map(user => join(foyer, user, 'rooms/lobby/messages', { protocolVersion: 5 })))
    for (let i = 0; i < 3; i++) assert.equal((await watcher.roster())[1], true)
    for (const [i, device] of ['a', 'b', 'c'].entries()) {
      ann!.publish(`rooms/lobby/state/${device}`, '1', { qos: 1, messageId: i + 1 })
      await ann!.settled()
    }
    assert.deepEqual([...foyer.broker.stats().refused], [['quota', 1]])
    assert.equal(foyer.broker.stats().retained, 5)
  })

  it('does not let one connection be in more rooms by speaking than it may have subscriptions', async () => {
    const foyer = await newBroker(t, { ...KEYS, 'limits.subscriptions': '5' })
    const speaker = await join(foyer, 'speaker', null)
    for (let i = 1; i <= 9; i++) speaker.publish(`rooms/r${i}/messages`, 'hello', { qos: 1, messageId: i })
    await speaker.settled()
    assert.equal(foyer.broker.stats().participants, 5)
  })
})
