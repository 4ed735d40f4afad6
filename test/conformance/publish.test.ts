import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { IPublishPacket, Packet } from 'mqtt-packet'
import { MqttClient } from '../helpers/mqtt-client.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { until } from '../helpers/within.ts'
import { closedWith, field, lasting, left, messages, named, packet, payloads, plainBroker, VERSIONS } from './helpers.ts'

describe('PUBLISH from the client', () => {
  const t = useTeardown()

  for (const protocolVersion of [3, 4, 5] as const) {
    it(`[MQTT-4.3.1-1], [MQTT-4.3.2-1, -2], [MQTT-4.3.3-1, -2], [MQTT-2.3.1-5, -6] (3.1.1), [MQTT-4.3.1-1], [MQTT-2.2.1-2], [MQTT-4.3.2-1, -2, -4], [MQTT-4.3.3-1, -2, -8, -11], [MQTT-2.2.1-5], [MQTT-3.3.4-1] (5.0) delivers each QoS once and acknowledges as it asks (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const sender = await MqttClient.connect(t, { port, protocolVersion, clientId: 's' })
      const receiver = await MqttClient.connect(t, { port, protocolVersion, clientId: 'r' })
      await receiver.subscribe('a', 2)
      sender.publish('a', '0')
      sender.publish('a', '1', { qos: 1, messageId: 10 })
      sender.publish('a', '2', { qos: 2, messageId: 11 })
      await sender.settled()
      assert.deepEqual(sender.inbox.map(({ cmd, messageId }) => [cmd, messageId]), [['puback', 10], ['pubrec', 11]])
      sender.send({ cmd: 'pubrel', messageId: 11 })
      assert.equal((await sender.take('pubcomp')).messageId, 11)
      assert.deepEqual((await messages(receiver)).map(({ payload, qos, dup, retain }) => [payload.toString(), qos, dup, retain]), [['0', 0, false, false], ['1', 1, false, false], ['2', 2, false, false]])
    })

    it(`[MQTT-4.3.3-2] (3.1.1), [MQTT-4.3.3-10, -12] (5.0) takes a QoS 2 message once until its PUBREL, then its id for a new one (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, protocolVersion, clientId: 'c' })
      await client.subscribe('a')
      for (const payload of ['first', 'first', 'other bytes']) client.publish('a', payload, { qos: 2, messageId: 5, dup: payload !== 'first' })
      await client.settled()
      assert.equal(left(client, 'pubrec').length, 3)
      client.send({ cmd: 'pubrel', messageId: 5 })
      client.publish('a', 'second', { qos: 2, messageId: 5 })
      assert.deepEqual(await payloads(client), ['first', 'second'])
    })
  }

  for (const protocolVersion of VERSIONS) {
    it(`[MQTT-4.3.3-2] (3.1.1), [MQTT-4.3.3-10] (5.0) remembers a QoS 2 id over a reconnect (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, ...lasting(protocolVersion, 'c') })
      await client.subscribe('a', 1)
      client.publish('a', 'once', { qos: 2, messageId: 5 })
      await client.take('pubrec')
      client.send({ cmd: 'puback', messageId: (await client.message()).messageId! })
      await client.settled()
      client.socket.destroy()
      const again = await MqttClient.connect(t, { port, ...lasting(protocolVersion, 'c') })
      again.publish('a', 'once', { qos: 2, messageId: 5, dup: true })
      await again.take('pubrec')
      assert.deepEqual(await payloads(again), [])
      again.send({ cmd: 'pubrel', messageId: 5 })
      await again.take('pubcomp')
    })

    it(`forgets a QoS 2 id with its session (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, protocolVersion, clientId: 'c' })
      client.publish('a', 'x', { qos: 2, messageId: 5 })
      await client.take('pubrec')
      const again = await MqttClient.connect(t, { port, protocolVersion, clientId: 'c' })
      await again.subscribe('a')
      again.publish('a', 'y', { qos: 2, messageId: 5 })
      assert.deepEqual(await payloads(again), ['y'])
    })

    it(`[MQTT-4.3.2-2] (3.1.1), [MQTT-4.3.2-5] (5.0) takes a repeated QoS 1 message as a new one, and [MQTT-3.3.1-3] does not hand its DUP on (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, protocolVersion, clientId: 'c' })
      await client.subscribe('a', 1)
      client.publish('a', 'x', { qos: 1, messageId: 5 })
      client.publish('a', 'x', { qos: 1, messageId: 5, dup: true })
      const found = await messages(client)
      assert.deepEqual(found.map(({ dup }) => dup), [false, false])
      assert.equal(left(client, 'puback').length, 2)
    })

    it(`[MQTT-4.3.3-2] (3.1.1), [MQTT-4.3.3-11], [MQTT-3.7.2-1] (5.0) answers a PUBREL that it knows nothing of with PUBCOMP (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, protocolVersion, clientId: 'c' })
      client.send({ cmd: 'pubrel', messageId: 99 })
      const pubcomp = await client.take('pubcomp') as Packet & { reasonCode?: number }
      assert.equal(pubcomp.messageId, 99)
      if (protocolVersion === 5) assert.equal(pubcomp.reasonCode, 0x92)
    })

    it(`(4.6) acknowledges in the order in which messages came (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, protocolVersion, clientId: 'c' })
      const ids = Array.from({ length: 12 }, (_, i) => 100 - i)
      for (const messageId of ids) client.publish('a', 'x', { qos: messageId % 2 === 0 ? 1 : 2, messageId })
      await client.settled()
      assert.deepEqual(client.inbox.map(({ messageId }) => messageId), ids)
    })

    it(`[MQTT-2.3.1-4] (3.1.1), [MQTT-2.2.1-4] (5.0) keeps the identifiers of both directions apart (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, protocolVersion, clientId: 'c' })
      await client.subscribe('a', 2)
      client.publish('a', 'x', { qos: 2, messageId: 1 })
      const message = await client.message()
      client.send({ cmd: 'pubrec', messageId: message.messageId! })
      client.send({ cmd: 'pubrel', messageId: 1 })
      await client.take('pubcomp')
      assert.equal((await client.take('pubrel')).messageId, message.messageId)
    })

    it(`takes an empty payload and one of 60 kB (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, protocolVersion, clientId: 'c' })
      await client.subscribe('a')
      client.publish('a', '')
      client.publish('a', 'x'.repeat(60_000))
      assert.equal((await client.message()).payload.length, 0)
      assert.equal((await client.message()).payload.length, 60_000)
    })

    const five = protocolVersion === 5 ? [0] : []
    const bad: [string, Buffer, number][] = [
      ['[MQTT-3.3.1-4] QoS 3', packet(0x36, field('a'), [0, 1], five), 0x81],
      ['[MQTT-3.3.1-2] DUP with QoS 0', packet(0x38, field('a'), five), 0x81],
      ['[MQTT-2.3.1-1] (3.1.1), (5.0, 2.2.1) packet identifier 0', packet(0x32, field('a'), [0, 0], five), 0x81],
      ['[MQTT-3.3.2-2], [MQTT-4.7.1-1] (3.1.1), [MQTT-4.7.0-1] (5.0) a wildcard in its topic', packet(0x30, field('a/+'), five), 0x81],
      ['[MQTT-3.3.2-2] a wildcard in its topic', packet(0x30, field('a/#'), five), 0x81],
      ['[MQTT-4.7.3-1] no topic', packet(0x30, field(''), five), protocolVersion === 5 ? 0x82 : 0x81],
      ['[MQTT-4.7.3-2] U+0000 in its topic', packet(0x30, field('a\u0000b'), five), 0x81],
      ['[MQTT-3.3.2-1] a topic that is not UTF-8', packet(0x30, field(Buffer.from([0x61, 0xff])), five), 0x81],
      ['[MQTT-1.5.4-1] a surrogate in its topic', packet(0x30, field(Buffer.from([0xed, 0xa0, 0x80])), five), 0x81],
      ['a topic longer than the packet', Buffer.from([0x30, 3, 0, 9, 0x61]), 0x81],
      ['no packet identifier', packet(0x32, field('a'), [0]), 0x81]
    ]
    for (const [what, bytes, code] of bad) {
      it(`closes on ${what} (${named(protocolVersion)})`, async () => {
        const { port } = await plainBroker(t)
        const client = await MqttClient.connect(t, { port, protocolVersion, clientId: 'c' })
        client.send(bytes)
        assert.equal(await closedWith(client), protocolVersion === 5 ? code : null)
      })
    }
  }

  it('[MQTT-1.5.3-3] (3.1.1), [MQTT-1.5.4-3] (5.0) keeps U+FEFF in a topic', async () => {
    const { port } = await plainBroker(t)
    for (const protocolVersion of VERSIONS) {
      const client = await MqttClient.connect(t, { port, protocolVersion, clientId: 'c' })
      await client.subscribe('\ufeffa')
      client.publish('\ufeffa', 'with')
      client.publish('a', 'without')
      assert.deepEqual(await payloads(client), ['with'])
    }
  })

  it('[MQTT-4.3.3-9], [MQTT-3.5.2-1] (5.0) takes the identifier of a refused QoS 2 message for a new one', async () => {
    const { port } = await plainBroker(t)
    const client = await MqttClient.connect(t, { port, protocolVersion: 5, clientId: 'c' })
    await client.subscribe('a')
    client.publish('$x', 'refused', { qos: 2, messageId: 5 })
    assert.equal((await client.take('pubrec') as Packet & { reasonCode?: number }).reasonCode, 0x90)
    client.publish('a', 'new', { qos: 2, messageId: 5 })
    assert.equal((await client.take('pubrec') as Packet & { reasonCode?: number }).reasonCode ?? 0, 0)
    assert.deepEqual(await payloads(client), ['new'])
  })

  it('[MQTT-4.3.3-7, -13] (5.0) completes a QoS 2 exchange whose message has expired, in both directions', async () => {
    const { port } = await plainBroker(t)
    const client = await MqttClient.connect(t, { port, ...lasting(5, 'c') })
    await client.subscribe('a', 2)
    client.publish('a', 'x', { qos: 2, messageId: 5, properties: { messageExpiryInterval: 1 } })
    const { messageId } = await client.message()
    await new Promise(resolve => setTimeout(resolve, 1100))
    client.send({ cmd: 'pubrel', messageId: 5 })
    assert.equal((await client.take('pubcomp') as Packet & { reasonCode?: number }).reasonCode ?? 0, 0)
    client.socket.destroy()
    const again = await MqttClient.connect(t, { port, ...lasting(5, 'c') })
    const repeated = await again.message()
    assert.deepEqual([repeated.messageId, repeated.dup], [messageId, true])
  })

  it('[MQTT-3.4.2-1] (5.0) answers a PUBLISH that no one gets with success, as a server may', async () => {
    const { port } = await plainBroker(t)
    const client = await MqttClient.connect(t, { port, protocolVersion: 5, clientId: 'c' })
    client.publish('nobody', 'x', { qos: 1, messageId: 1 })
    const puback = await client.take('puback') as Packet & { reasonCode?: number }
    assert.equal(puback.reasonCode ?? 0, 0)
  })

  it('(3.3.4), [MQTT-4.9.0-1] closes an MQTT 5 client that has more QoS 2 messages open than Receive Maximum, with 0x93', async () => {
    const { port } = await plainBroker(t, { 'limits.receiveMaximum': '3' })
    const { client, connack } = await MqttClient.open(t, { port, protocolVersion: 5, clientId: 'c' })
    assert.equal(connack.properties?.receiveMaximum, 3)
    for (let messageId = 1; messageId <= 3; messageId++) client.publish('a', 'x', { qos: 2, messageId })
    await client.settled()
    client.send({ cmd: 'pubrel', messageId: 1 })
    client.publish('a', 'x', { qos: 2, messageId: 4 })
    client.publish('a', 'x', { qos: 2, messageId: 2, dup: true })
    await client.settled()
    client.publish('a', 'x', { qos: 2, messageId: 5 })
    assert.equal(await closedWith(client), 0x93)
  })

  it('[MQTT-4.9.0-3], [MQTT-3.3.4-10] answers control packets while the quota is used up', async () => {
    const { port } = await plainBroker(t, { 'limits.receiveMaximum': '1' })
    const client = await MqttClient.connect(t, { port, protocolVersion: 5, clientId: 'c' })
    client.publish('a', 'x', { qos: 2, messageId: 1 })
    assert.deepEqual(await client.subscribe('a'), [0])
    await client.settled()
  })
})

describe('PUBLISH to the client', () => {
  const t = useTeardown()

  async function pair (protocolVersion: 3 | 4 | 5, properties: Record<string, number> = {}, keys: Record<string, string> = {}) {
    const { port, broker } = await plainBroker(t, keys)
    const options = { port, ...lasting(protocolVersion, 'r'), ...(protocolVersion === 5 ? { properties: { sessionExpiryInterval: 60, ...properties } } : {}) }
    const receiver = await MqttClient.connect(t, options)
    await receiver.subscribe('a', 2)
    const sender = await MqttClient.connect(t, { port, clientId: 's' })
    return { receiver, sender, broker, again: async () => await MqttClient.connect(t, options) }
  }

  async function send (sender: MqttClient, payload: string, qos: 0 | 1 | 2, messageId = 1): Promise<void> {
    sender.publish('a', payload, qos === 0 ? {} : { qos, messageId })
    if (qos === 2) sender.send({ cmd: 'pubrel', messageId })
    await sender.settled()
  }

  const brief = ({ payload, qos, dup, messageId }: IPublishPacket) => ({ payload: payload.toString(), qos, dup, messageId })

  for (const protocolVersion of VERSIONS) {
    it(`[MQTT-4.6.0-1] (3.1.1), [MQTT-4.3.2-3], [MQTT-4.3.3-3] (5.0), [MQTT-4.4.0-1], [MQTT-3.3.1-1], [MQTT-4.6.0-6] repeats what was not acknowledged after a reconnect, with DUP, the same ids and in order (${named(protocolVersion)})`, async () => {
      const { receiver, sender, broker, again } = await pair(protocolVersion)
      for (const [i, qos] of ([1, 2, 1, 2] as const).entries()) await send(sender, String(i), qos, i + 1)
      const first = (await messages(receiver)).map(brief)
      assert.deepEqual(first.map(({ dup }) => dup), [false, false, false, false])
      receiver.send({ cmd: 'puback', messageId: first[0]!.messageId! })
      await receiver.settled()
      receiver.socket.destroy()
      await until(() => broker.stats().connections === 1, 'the broker sees the end of the connection')
      await send(sender, '4', 1, 5)
      const resumed = await again()
      await until(() => resumed.inbox.filter(({ cmd }) => cmd === 'publish').length === 4, 'four messages')
      const second = (await messages(resumed)).map(brief)
      assert.deepEqual(second.slice(0, 3), first.slice(1).map(message => ({ ...message, dup: true })))
      assert.deepEqual({ ...second[3]!, messageId: undefined }, { payload: '4', qos: 1, dup: false, messageId: undefined })
    })

    it(`[MQTT-4.3.3-1] (3.1.1), [MQTT-4.3.3-4 to -6] (5.0) sends PUBREL for each PUBREC, and [MQTT-4.4.0-1] again after a reconnect until PUBCOMP (${named(protocolVersion)})`, async () => {
      const { receiver, sender, again } = await pair(protocolVersion)
      await send(sender, 'x', 2)
      const { messageId } = await receiver.message() as { messageId: number }
      receiver.send({ cmd: 'pubrec', messageId })
      assert.equal((await receiver.take('pubrel')).messageId, messageId)
      receiver.socket.destroy()
      const resumed = await again()
      assert.equal((await resumed.take('pubrel')).messageId, messageId)
      assert.deepEqual(await messages(resumed), [])
      resumed.send({ cmd: 'pubcomp', messageId })
      await resumed.settled()
      resumed.socket.destroy()
      const last = await again()
      await last.settled()
      assert.deepEqual(last.inbox, [])
    })

    it(`[MQTT-4.4.0-1] repeats nothing while the connection lasts (${named(protocolVersion)})`, async () => {
      const { receiver, sender } = await pair(protocolVersion)
      await send(sender, 'x', 1)
      await receiver.message()
      await new Promise(resolve => setTimeout(resolve, 600))
      assert.deepEqual(await messages(receiver), [])
    })

    it(`[MQTT-4.6.0-5, -6] keeps the order of a topic's messages of one QoS and above (${named(protocolVersion)})`, async () => {
      const { receiver, sender } = await pair(protocolVersion)
      for (let i = 1; i <= 60; i++) sender.publish('a', String(i), { qos: i % 2 === 0 ? 1 : 2, messageId: i })
      await sender.settled()
      const got: number[] = []
      while (got.length < 60) {
        const { messageId, payload, qos } = await receiver.message()
        got.push(Number(payload.toString()))
        receiver.send(qos === 1 ? { cmd: 'puback', messageId: messageId! } : { cmd: 'pubrec', messageId: messageId! })
        if (qos === 2) receiver.send({ cmd: 'pubcomp', messageId: messageId! })
      }
      assert.deepEqual(got, Array.from({ length: 60 }, (_, i) => i + 1))
    })

    it(`[MQTT-2.3.1-4] (3.1.1), [MQTT-2.2.1-4] (5.0) gives every message in flight an identifier of its own, never 0 (${named(protocolVersion)})`, async () => {
      const { receiver, sender } = await pair(protocolVersion)
      for (let i = 1; i <= 20; i++) await send(sender, String(i), 1, i)
      const ids = (await messages(receiver)).map(({ messageId }) => messageId!)
      assert.equal(new Set(ids).size, 20)
      assert.ok(ids.every(id => id > 0))
    })

    it(`ignores acknowledgements of messages that it never sent (${named(protocolVersion)})`, async () => {
      const { receiver } = await pair(protocolVersion)
      receiver.send({ cmd: 'puback', messageId: 77 })
      receiver.send({ cmd: 'pubcomp', messageId: 77 })
      await receiver.settled()
      assert.deepEqual(receiver.inbox, [])
    })

    it(`sends QoS 0 to nobody who is away (${named(protocolVersion)})`, async () => {
      const { receiver, sender, again } = await pair(protocolVersion)
      await receiver.end()
      await send(sender, 'x', 0)
      assert.deepEqual(await messages(await again()), [])
    })
  }

  it('[MQTT-4.3.3-4] (5.0) sends PUBREL only for a PUBREC below 0x80, and reuses the id of a refused one', async () => {
    const { receiver, sender, again } = await pair(5, { receiveMaximum: 1 })
    await send(sender, 'refused', 2)
    await send(sender, 'next', 2, 2)
    const { messageId } = await receiver.message() as { messageId: number }
    receiver.send({ cmd: 'pubrec', messageId, reasonCode: 0x97 })
    assert.equal((await receiver.message()).payload.toString(), 'next')
    assert.deepEqual(left(receiver, 'pubrel'), [])
    receiver.socket.destroy()
    assert.deepEqual(await payloads(await again()), ['next'])
  })

  it('[MQTT-3.6.2-1] (5.0) answers a PUBREC of an unknown id with PUBREL 0x92', async () => {
    const { receiver } = await pair(5)
    receiver.send({ cmd: 'pubrec', messageId: 77 })
    const pubrel = await receiver.take('pubrel') as Packet & { reasonCode?: number }
    assert.equal(pubrel.messageId, 77)
    assert.equal(pubrel.reasonCode, 0x92)
  })

  it('[MQTT-4.4.0-2] (5.0) does not repeat what was acknowledged with a failure', async () => {
    const { receiver, sender, again } = await pair(5)
    await send(sender, 'x', 1)
    receiver.send({ cmd: 'puback', messageId: (await receiver.message()).messageId!, reasonCode: 0x80 })
    await receiver.settled()
    receiver.socket.destroy()
    assert.deepEqual(await messages(await again()), [])
  })

  it('[MQTT-3.3.4-9], [MQTT-4.9.0-2] has no more messages in flight than the Receive Maximum of the client, and QoS 0 is not counted', async () => {
    const { receiver, sender } = await pair(5, { receiveMaximum: 2 })
    for (let i = 1; i <= 5; i++) await send(sender, String(i), i % 2 === 0 ? 2 : 1, i)
    await send(sender, 'zero', 0)
    const first = await messages(receiver)
    assert.deepEqual(first.map(({ payload }) => payload.toString()), ['1', '2', 'zero'])
    receiver.send({ cmd: 'pubrec', messageId: first[1]!.messageId! })
    assert.deepEqual(await messages(receiver), []) // still open until PUBCOMP
    receiver.send({ cmd: 'pubcomp', messageId: first[1]!.messageId! })
    assert.deepEqual(await payloads(receiver), ['3'])
    receiver.send({ cmd: 'puback', messageId: first[0]!.messageId! })
    assert.deepEqual(await payloads(receiver), ['4'])
  })

  it('[MQTT-3.3.4-9] keeps to a smaller Receive Maximum after a reconnect, too', async () => {
    const { port } = await plainBroker(t)
    const receiver = await MqttClient.connect(t, { port, ...lasting(5, 'r') })
    await receiver.subscribe('a', 1)
    const sender = await MqttClient.connect(t, { port, clientId: 's' })
    for (let i = 1; i <= 4; i++) await send(sender, String(i), 1, i)
    assert.equal((await messages(receiver)).length, 4)
    receiver.socket.destroy()
    const again = await MqttClient.connect(t, { port, ...lasting(5, 'r'), properties: { sessionExpiryInterval: 60, receiveMaximum: 1 } })
    for (const expected of ['1', '2', '3', '4']) {
      const found = await messages(again)
      assert.deepEqual(found.map(({ payload }) => payload.toString()), [expected])
      again.send({ cmd: 'puback', messageId: found[0]!.messageId! })
    }
  })

  for (const [what, bytes] of [
    ['PUBACK with reserved bits', Buffer.of(0x41, 2, 0, 1)],
    ['PUBREL without its reserved bits', Buffer.of(0x60, 2, 0, 1)],
    ['PUBREC with reserved bits', Buffer.of(0x52, 2, 0, 1)],
    ['PUBCOMP with reserved bits', Buffer.of(0x74, 2, 0, 1)],
    ['PUBACK of one byte', Buffer.of(0x40, 1, 0)],
    ['PUBREL of identifier 0', Buffer.of(0x62, 2, 0, 0)]
  ] as const) {
    it(`[MQTT-2.2.2-2] (3.1.1), [MQTT-2.1.3-1] (5.0), [MQTT-3.6.1-1] closes on a ${what}`, async () => {
      const { port } = await plainBroker(t)
      for (const protocolVersion of VERSIONS) {
        const client = await MqttClient.connect(t, { port, protocolVersion, clientId: 'c' })
        client.send(bytes)
        assert.equal(await closedWith(client), protocolVersion === 5 ? 0x81 : null)
      }
    })
  }
})
