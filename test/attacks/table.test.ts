import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import mqttPacket, { type IPublishPacket, type ISubackPacket, type IUnsubackPacket, type Packet } from 'mqtt-packet'
import { rounds, useTarget } from '../helpers/attack-target.ts'
import { MqttClient, type ConnectOptions } from '../helpers/mqtt-client.ts'
import { until, within } from '../helpers/within.ts'

// Each of these ended or harmed the process when Aedes stood unguarded, or is a name that means something to JavaScript
// or to a file system.
const NAMES = ['constructor', '__proto__', 'toString', 'hasOwnProperty']
const VERSIONS = [4, 5] as const

type Version = typeof VERSIONS[number]

/** The `rooms` claim `{ [name]: role }`, also where `name` is `__proto__`. */
function grant (name: string, role: string): object {
  return Object.fromEntries([[name, role]])
}

describe('attacks that are known', () => {
  const t = useTarget({ 'limits.receiveMaximum': '64' })

  const open = async (protocolVersion: Version, clientId: string, { sub = 'eve', rooms = { '*': 'owner' }, ...options }: { sub?: string, rooms?: unknown } & Omit<Partial<ConnectOptions>, 'port'> = {}): Promise<MqttClient> =>
    await MqttClient.connect(t, { port: t.port, protocolVersion, clientId, username: 'x', password: t.broker.token(sub, rooms), ...options })

  /** Makes the broker forget a persistent session. */
  const forget = async (protocolVersion: Version, clientId: string, sub = 'eve'): Promise<void> => {
    await (await open(protocolVersion, clientId, { sub })).end()
  }

  for (const version of VERSIONS) {
    describe(`on protocol level ${version}`, () => {
      const persistent = version === 5 ? { clean: false, properties: { sessionExpiryInterval: 60 } } : { clean: false }

      for (const name of NAMES) {
        it(`client id ${name} is served like any other`, async () => {
          for (const kind of [{}, persistent]) {
            const client = await open(version, name, kind)
            assert.deepEqual(await client.subscribe('rooms/lobby/#', 1), [1])
            client.publish('rooms/lobby/telemetry/a/b', 'x', { qos: 1, messageId: 3 })
            await client.take('puback')
            // Who is in the room may be told before.
            const echo = await client.find(packet => packet.cmd === 'publish' && packet.topic === 'rooms/lobby/telemetry/a/b', 'echo') as IPublishPacket
            assert.equal(echo.payload.toString(), 'x')
            client.socket.destroy()
          }
          await forget(version, name)
        })

        it(`user and room ${name} get what is granted and nothing else`, async () => {
          const client = await open(version, name, { sub: name, rooms: grant(name, 'member') })
          assert.deepEqual(await client.subscribe([`rooms/${name}/messages`, `rooms/${name}/#`], 1), [1, 1])
          client.publish(`rooms/${name}/messages`, '1', { qos: 1, messageId: 3, properties: { userProperties: { 'foyer-echo': '1' } } })
          await client.take('puback')
          await client.subscribe('$me/errors', 0, 4)
          client.publish('rooms/other/messages', '1', { qos: 1, messageId: 5 })
          await client.take('puback')
          const report = await client.find(packet => packet.cmd === 'publish' && packet.topic === '$me/errors', 'report') as IPublishPacket
          assert.match(report.payload.toString(), /"policy"/)
          await client.end()
        })

        it(`a token without a grant for ${name} has no role there`, async () => {
          const client = await open(version, 'c', { rooms: { lobby: 'owner' } })
          const [code] = await client.subscribe(`rooms/${name}/messages`)
          assert.equal(code, version === 5 ? 0x87 : 0x80)
          client.publish(`rooms/${name}/messages`, '1', { qos: 1, messageId: 3 })
          const puback = await client.take('puback') as Packet & { reasonCode?: number }
          assert.equal(puback.reasonCode ?? 0, version === 5 ? 0x87 : 0)
        })

        it(`a role named ${name} is refused with the token`, async () => {
          const { connack } = await MqttClient.open(t, { port: t.port, protocolVersion: version, clientId: 'c', username: 'x', password: t.broker.token('eve', { lobby: name }) })
          assert.equal(connack.reasonCode ?? connack.returnCode, version === 5 ? 0x87 : 5)
        })
      }

      for (const name of ['.', '..', '../..', '.hidden']) {
        it(`room ${name} does not exist, not even for a token that names it`, async () => {
          const { connack } = await MqttClient.open(t, { port: t.port, protocolVersion: version, clientId: 'c', username: 'x', password: t.broker.token('eve', grant(name, 'owner')) })
          assert.equal(connack.reasonCode ?? connack.returnCode, version === 5 ? 0x87 : 5)
          const client = await open(version, 'c')
          const [code] = await client.subscribe(`rooms/${name}/messages`)
          assert.ok(code! >= 0x80)
          client.publish(`rooms/${name}/messages`, '1', { qos: 1, messageId: 3 })
          const puback = await client.take('puback') as Packet & { reasonCode?: number }
          assert.equal(puback.reasonCode ?? 0, version === 5 ? 0x90 : 0)
        })
      }

      for (const sub of ['.', '..', '../../etc/passwd']) {
        it(`user ${sub} stays inside its own session`, async () => {
          const client = await open(version, '../x', { sub })
          await client.settled()
          await client.end()
        })
      }

      it('filters named like properties of objects are refused one by one, in order', async () => {
        const client = await open(version, 'c')
        for (const filter of NAMES) {
          const [code] = await client.subscribe(filter)
          assert.ok(code! >= 0x80, filter)
          client.send({ cmd: 'unsubscribe', messageId: 9, unsubscriptions: [filter] })
          const unsuback = await client.take('unsuback') as IUnsubackPacket
          assert.equal(unsuback.messageId, 9)
        }
        const granted = await client.subscribe(['__proto__', 'rooms/a/live/b', 'constructor', 'rooms/a/messages', '__proto__', 'rooms/a/messages'], 1)
        assert.deepEqual(granted.map(code => code < 0x80), [false, true, false, true, false, true])
        client.send({ cmd: 'unsubscribe', messageId: 10, unsubscriptions: ['__proto__', 'rooms/a/live/b', 'constructor', 'toString'] })
        const unsuback = await client.take('unsuback') as IUnsubackPacket & { granted: number[] }
        if (version === 5) assert.deepEqual(unsuback.granted, [0x11, 0, 0x11, 0x11])
      })

      it('many PUBRELs of one id in one segment are each answered', async () => {
        const client = await open(version, 'c')
        client.publish('rooms/a/telemetry/a/b', 'x', { qos: 2, messageId: 7 })
        await client.take('pubrec')
        const pubrel = mqttPacket.generate({ cmd: 'pubrel', messageId: 7 }, { protocolVersion: version })
        client.send(Buffer.concat(Array<Buffer>(50).fill(pubrel)))
        const codes: number[] = []
        for (let i = 0; i < 50; i++) codes.push(((await client.take('pubcomp')) as Packet & { reasonCode?: number }).reasonCode ?? 0)
        if (version === 5) assert.deepEqual(codes, [0, ...Array<number>(49).fill(0x92)])
      })

      it('20,000 QoS 2 messages without a PUBREL are cut at the limit', async () => {
        const client = await open(version, 'c')
        const frames: Buffer[] = []
        for (let messageId = 1; messageId <= 20_000; messageId++) frames.push(mqttPacket.generate({ cmd: 'publish', topic: 'rooms/a/telemetry/a/b', payload: 'x', qos: 2, messageId, dup: false, retain: false }, { protocolVersion: version }))
        const { accepted } = await t.broker.snapshot()
        client.send(Buffer.concat(frames))
        await within(5000, 'the flood was not cut', client.closed)
        let taken = 0
        // Those that were taken are on their way to the disk.
        await until(async () => {
          const before = taken
          taken = (await t.broker.snapshot()).accepted - accepted
          return taken > 0 && taken === before
        }, 'that no more are accepted')
        assert.ok(taken >= 64 && taken <= 512, `${taken} were taken`)
        if (version === 5) assert.equal(((await client.take('disconnect')) as Packet & { reasonCode: number }).reasonCode, 0x93)
      })

      it('the QoS 2 ids of a persistent session stay bounded over many connections', async () => {
        const { accepted } = await t.broker.snapshot()
        for (let round = 0; round < 5; round++) {
          const client = await open(version, 'flood', persistent)
          const frames: Buffer[] = []
          for (let i = 1; i <= 1000; i++) frames.push(mqttPacket.generate({ cmd: 'publish', topic: 'rooms/a/telemetry/a/b', payload: 'x', qos: 2, messageId: round * 1000 + i, dup: false, retain: false }, { protocolVersion: version }))
          client.send(Buffer.concat(frames))
          await within(5000, 'the flood was not cut', client.closed)
        }
        assert.ok((await t.broker.snapshot()).accepted - accepted <= 512)
        await forget(version, 'flood')
      })

      it('a clean session that uses an old QoS 2 id again is heard', async () => {
        const listener = await open(version, 'listener')
        await listener.subscribe('rooms/a/telemetry/#', 0)
        const before = await open(version, 'c', persistent)
        before.publish('rooms/a/telemetry/a/b', 'before', { qos: 2, messageId: 7 })
        await before.take('pubrec')
        before.socket.destroy()
        assert.equal((await listener.message()).payload.toString(), 'before')
        const client = await open(version, 'c')
        client.publish('rooms/a/telemetry/a/b', 'after', { qos: 2, messageId: 7 })
        await client.take('pubrec')
        assert.equal((await listener.message()).payload.toString(), 'after')
      })

      it('a resumed session that repeats an old QoS 2 id is not published twice', async () => {
        const listener = await open(version, 'listener')
        await listener.subscribe('rooms/a/telemetry/#', 0)
        for (const dup of [false, true]) {
          const client = await open(version, 'c', persistent)
          client.publish('rooms/a/telemetry/a/b', 'once', { qos: 2, messageId: 7, dup })
          await client.take('pubrec')
          client.socket.destroy()
        }
        await listener.message()
        await listener.settled()
        assert.deepEqual(listener.inbox, [])
        await forget(version, 'c')
      })

      const victims = ['bob%2Fvictim', 'bob/victim', 'victim']
      const reserved = ['$SYS/x/new/clients', '$SYS/x/heartbeat', '$SYS/x/birth', '$SYS', '$', '$me/errors', '$me/auth/expiring', '$me/auth/refresh', '$replay/10m/rooms/a/messages', '$share/g/rooms/a/messages', '$share', '$anything/else']

      for (const topic of reserved) {
        it(`a PUBLISH to ${topic} harms nobody`, async () => {
          const victim = await open(version, 'victim', { sub: 'bob' })
          await victim.subscribe(['#', '$me/#', '$share/g/rooms/+/messages'])
          const client = await open(version, 'c')
          // That one takes a token, and these are none.
          const refused = version !== 5 ? 0 : topic === '$me/auth/refresh' ? 0x87 : 0x90
          let messageId = 0
          for (const payload of victims) {
            client.publish(topic, payload, { retain: true })
            client.publish(topic, payload, { qos: 1, messageId: ++messageId })
            const puback = await client.take('puback') as Packet & { reasonCode?: number }
            assert.equal(puback.reasonCode ?? 0, refused)
            client.publish(topic, payload, { qos: 2, messageId: ++messageId })
            const pubrec = await client.take('pubrec') as Packet & { reasonCode?: number }
            assert.equal(pubrec.reasonCode ?? 0, refused)
          }
          await client.settled()
          await victim.settled()
          // Who is in which room is all that there is to hear.
          assert.deepEqual(victim.inbox.filter(packet => packet.cmd !== 'publish' || !/\/presence(\/|$)/.test(packet.topic)), [])
        })

        it(`a will on ${topic} is refused`, async () => {
          const { client, connack } = await MqttClient.open(t, {
            port: t.port, protocolVersion: version, clientId: 'c', username: 'x', password: t.broker.token('eve'), will: { topic, payload: Buffer.from('bob/victim'), qos: 1, retain: true }
          })
          assert.equal(connack.reasonCode ?? connack.returnCode, version === 5 ? 0x87 : 5)
          await client.closed
        })
      }

      for (const topic of ['a/#', 'rooms/+/messages', '#', 'rooms/a/messages/#', `rooms/a/live/${'x'.repeat(60_000)}/#`, `other/${'x'.repeat(64_000)}`]) {
        it(`a will on ${topic.slice(0, 30)} is refused`, async () => {
          const { client, connack } = await MqttClient.open(t, {
            port: t.port, protocolVersion: version, clientId: 'c', username: 'x', password: t.broker.token('eve'), will: { topic, payload: Buffer.from('x'), qos: 1, retain: false }
          })
          assert.equal(connack.reasonCode ?? connack.returnCode, version === 5 ? 0x87 : 5)
          await client.closed
        })
      }

      it('eight CONNECTs of one persistent id at once leave exactly one', async () => {
        const base = (await t.broker.snapshot()).connections
        for (let round = 0; round < rounds(200, 20); round++) {
          const clients = Array.from({ length: 8 }, () => {
            const client = new MqttClient(t, t.port, version)
            client.send({
              cmd: 'connect', protocolId: 'MQTT', protocolVersion: version, clientId: 'many', keepalive: 0, clean: false, username: 'x', password: t.broker.token('eve'), ...(version === 5 ? { properties: { sessionExpiryInterval: 60 } } : {})
            })
            return client
          })
          await Promise.all(clients.map(async client => await client.take('connack').catch(() => {})))
          await until(() => clients.filter(client => client.isClosed).length === 7, 'that seven are closed')
          await until(async () => (await t.broker.snapshot()).connections === base + 1, 'that one connection is left')
          const [survivor] = clients.filter(client => !client.isClosed)
          assert.deepEqual(await survivor!.subscribe('rooms/a/telemetry/#', 0), [0])
          survivor!.publish('rooms/a/telemetry/a/b', `${round}`, { qos: 1, messageId: 2 })
          assert.equal((await survivor!.message()).payload.toString(), `${round}`)
          survivor!.socket.destroy()
          await survivor!.closed
        }
        await forget(version, 'many')
      })

      it('the token of another user does not take over a client id', async () => {
        const mine = await open(version, 'same', persistent)
        await mine.subscribe('rooms/a/telemetry/#', 1)
        const other = await open(version, 'same', { sub: 'mallory', ...persistent })
        await mine.settled()
        await other.settled()
        // Nor by a sub and a client id that only run together into the same name.
        const tricky = await open(version, 'same', { sub: 'eve/same', rooms: { lobby: 'member' } })
        const split = await open(version, 'b/same', { sub: 'a' })
        const joined = await open(version, 'same', { sub: 'a/b' })
        for (const client of [mine, other, tricky, split, joined]) await client.settled()
        for (const client of [mine, other]) client.socket.destroy()
        await Promise.all([mine.closed, other.closed])
        await forget(version, 'same')
        await forget(version, 'same', 'mallory')
      })

      for (const levels of [99, 100, 1000, 30_000]) {
        it(`a filter of ${levels} levels is refused, a topic of as many is not accepted`, async () => {
          const client = await open(version, 'c')
          const long = 'rooms/a/live' + '/x'.repeat(levels - 3)
          const [code, wild, other] = await client.subscribe([long, 'rooms/a/live' + '/+'.repeat(levels - 3), 'rooms/a/live/x'])
          assert.equal(code, version === 5 ? 0x8f : 0x80)
          assert.equal(wild, version === 5 ? 0x8f : 0x80)
          assert.equal(other, 0)
          const { accepted } = await t.broker.snapshot()
          client.publish(long, 'x', { qos: 1, messageId: 3 })
          await client.closed
          assert.equal((await t.broker.snapshot()).accepted, accepted)
        })
      }

      it('wildcards on every level do not burn CPU', async () => {
        const client = await open(version, 'c')
        const { cpu } = await t.broker.snapshot()
        for (let i = 0; i < 20; i++) {
          await client.subscribe(['+/+' + '/+'.repeat(96), 'rooms/+/live' + '/+'.repeat(90), 'rooms/+/telemetry/+' + '/+'.repeat(90) + '/#', '+/#', '+/+/+/+/+/+/x/+/+/+/#'], 1)
        }
        client.publish('rooms/a/live' + '/x'.repeat(90), 'x', { qos: 1, messageId: 3 })
        await client.take('puback')
        assert.ok((await t.broker.snapshot()).cpu - cpu < 1000)
      })

      it('a topic of 65,535 bytes is delivered whole', async () => {
        const client = await open(version, 'c')
        await client.subscribe('rooms/a/live/#', 1)
        const topic = 'rooms/a/live/'.padEnd(65_535, 'é'.repeat(10)).slice(0, 13) + 'x'.repeat(65_535 - 13)
        client.publish(topic, 'x', { qos: 1, messageId: 3 })
        assert.equal((await client.message()).topic, topic)
        assert.ok((await client.subscribe(topic, 1, 2))[0]! < 0x80)
        client.send({ cmd: 'unsubscribe', messageId: 3, unsubscriptions: [topic] })
        await client.take('unsuback')
      })

      it('JSON of 200,000 nested arrays on a stamped channel is refused', async () => {
        const client = await open(version, `deep-${version}`)
        await client.subscribe('$me/errors')
        // The longest that the channel takes.
        client.publish('rooms/a/messages', '['.repeat(65_536), { qos: 1, messageId: 3 })
        client.publish('rooms/a/messages', '['.repeat(32_768) + ']'.repeat(32_768), { qos: 1, messageId: 4 })
        client.publish('rooms/a/messages', '{"a":'.repeat(10_000), { qos: 1, messageId: 5 })
        client.publish('rooms/a/messages', '['.repeat(200_000), { qos: 1, messageId: 6 })
        for (let i = 0; i < 4; i++) await client.take('puback')
        const codes: string[] = []
        for (let i = 0; i < 2; i++) codes.push((JSON.parse((await client.message()).payload.toString()) as { code: string }).code)
        // What is never closed is no JSON, so it is text, and accepted.
        assert.deepEqual(codes, ['schema', 'size'])
        await client.settled()
        assert.deepEqual(client.inbox, [])
      })

      it('500 packets in the same segment as CONNECT are all handled, in order', async () => {
        const client = new MqttClient(t, t.port, version)
        const packets: Packet[] = [
          { cmd: 'connect', protocolId: 'MQTT', protocolVersion: version, clientId: 'burst', clean: true, keepalive: 0, username: 'x', password: t.broker.token('eve') },
          { cmd: 'subscribe', messageId: 600, subscriptions: [{ topic: 'rooms/a/telemetry/#', qos: 0, ...(version === 5 ? { nl: false, rap: false, rh: 0 } : {}) }] } as Packet
        ]
        for (let i = 1; i <= 500; i++) packets.push({ cmd: 'publish', topic: 'rooms/a/telemetry/a/b', payload: `${i}`, qos: 1, messageId: i, dup: false, retain: false })
        packets.push({ cmd: 'pingreq' })
        client.send(Buffer.concat(packets.map(packet => mqttPacket.generate(packet, { protocolVersion: version }))))
        await client.take('pingresp')
        await until(() => client.inbox.filter(packet => packet.cmd === 'publish').length === 500, '500 messages')
        const kinds = client.inbox.map(packet => packet.cmd)
        assert.deepEqual(kinds.slice(0, 2), ['connack', 'suback'])
        assert.deepEqual(client.inbox.filter(packet => packet.cmd === 'puback').map(packet => packet.messageId), Array.from({ length: 500 }, (_, i) => i + 1))
        assert.deepEqual(client.inbox.filter(packet => packet.cmd === 'publish').map(packet => packet.payload.toString()), Array.from({ length: 500 }, (_, i) => `${i + 1}`))
        assert.equal((client.inbox[1] as ISubackPacket).messageId, 600)
      })
    })
  }
})
