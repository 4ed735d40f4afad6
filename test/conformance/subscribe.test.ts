import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { MqttClient } from '../helpers/mqtt-client.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { closedWith, field, lasting, messages, named, packet, payloads, plainBroker, subscribe5, unsubscribe, VERSIONS } from './helpers.ts'

describe('SUBSCRIBE and UNSUBSCRIBE', () => {
  const t = useTeardown()

  for (const protocolVersion of [3, 4, 5] as const) {
    const five = protocolVersion === 5

    it(`[MQTT-3.8.4-1, -2, -4, -5], [MQTT-3.9.3-1, -2], [MQTT-2.3.1-7] (3.1.1), [MQTT-3.8.4-1, -2, -5, -6, -7], [MQTT-3.9.3-1, -2], [MQTT-2.2.1-6] (5.0) answers with the same identifier and one code per filter, in order (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, protocolVersion, clientId: 'c' })
      const options = five ? { nl: false, rap: false, rh: 0 } : {}
      client.send({ cmd: 'subscribe', messageId: 513, subscriptions: [{ topic: 'a', qos: 2, ...options }, { topic: 'b', qos: 0, ...options }, { topic: 'a', qos: 1, ...options }, { topic: 'c/#', qos: 2, ...options }] })
      const suback = await client.take('suback') as { messageId?: number, granted?: unknown }
      assert.equal(suback.messageId, 513)
      assert.deepEqual(suback.granted, [2, 0, 1, 2])
      client.publish('a', 'x', { qos: 2, messageId: 1 })
      const [message, ...more] = await messages(client)
      assert.equal(message?.qos, 1) // the later one of the two replaced the earlier
      assert.deepEqual(more, [])
    })

    it(`[MQTT-3.8.4-6] (3.1.1), [MQTT-3.8.4-8] (5.0) delivers with the lower of published and granted QoS (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const sender = await MqttClient.connect(t, { port, clientId: 's' })
      for (const granted of [0, 1, 2] as const) {
        const client = await MqttClient.connect(t, { port, protocolVersion, clientId: 'c' })
        await client.subscribe('a', granted)
        for (const qos of [0, 1, 2] as const) {
          sender.publish('a', 'x', qos === 0 ? {} : { qos, messageId: 10 + qos })
          if (qos === 2) sender.send({ cmd: 'pubrel', messageId: 12 })
          await sender.settled()
          assert.equal((await client.message()).qos, Math.min(granted, qos))
        }
      }
    })

    it(`[MQTT-3.8.4-3] replaces a subscription to the same filter (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, protocolVersion, clientId: 'c' })
      assert.deepEqual(await client.subscribe('a', 2), [2])
      assert.deepEqual(await client.subscribe('a', 0), [0])
      client.publish('a', 'x', { qos: 1, messageId: 9 })
      assert.deepEqual((await messages(client)).map(({ qos }) => qos), [0])
    })

    it(`[MQTT-3.10.4-1, -4, -6] (3.1.1), [MQTT-3.10.4-1, -4, -6], [MQTT-3.11.3-1, -2] (5.0), [MQTT-3.10.4-2] removes filters that are equal character by character, and answers for each (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, protocolVersion, clientId: 'c' })
      await client.subscribe(['a', 'b', 'c/+'])
      const unsuback = await unsubscribe(client, ['a', 'c/#', 'B', 'b'], 77)
      assert.equal(unsuback.messageId, 77)
      if (five) assert.deepEqual(unsuback.granted, [0, 0x11, 0x11, 0])
      for (const topic of ['a', 'b', 'c/d']) client.publish(topic, topic)
      assert.deepEqual(await payloads(client), ['c/d'])
    })

    it(`[MQTT-3.10.4-5] answers an UNSUBSCRIBE that removes nothing (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, protocolVersion, clientId: 'c' })
      assert.equal((await unsubscribe(client, 'none', 3)).messageId, 3)
    })

    const empty = five ? [0] : []
    const bad: [string, Buffer, number][] = [
      ['[MQTT-3.8.1-1] a SUBSCRIBE without its reserved bits', packet(0x80, [0, 1], empty, field('a'), 0), 0x81],
      ['[MQTT-3.8.3-3] (3.1.1), [MQTT-3.8.3-2] (5.0) a SUBSCRIBE without a filter', packet(0x82, [0, 1], empty), 0x82],
      ['[MQTT-3.8.3-4] (3.1.1), [MQTT-3.8.3-5] (5.0) QoS 3 in a SUBSCRIBE', packet(0x82, [0, 1], empty, field('a'), 3), 0x81],
      ['[MQTT-3.8.3-4] (3.1.1), [MQTT-3.8.3-5] (5.0) reserved bits in the options of a filter', packet(0x82, [0, 1], empty, field('a'), 0x40), 0x81],
      ['[MQTT-2.3.1-1] (3.1.1), (5.0, 2.2.1) a SUBSCRIBE with identifier 0', packet(0x82, [0, 0], empty, field('a'), 0), 0x81],
      ['a SUBSCRIBE that ends within a filter', packet(0x82, [0, 1], empty, [0, 9, 0x61]), 0x81],
      ['a SUBSCRIBE without the options of its filter', packet(0x82, [0, 1], empty, field('a')), 0x81],
      ['[MQTT-3.8.3-1] a filter that is not UTF-8', packet(0x82, [0, 1], empty, field(Buffer.from([0xc0, 0xaf])), 0), 0x81],
      ['[MQTT-4.7.3-2] U+0000 in a filter', packet(0x82, [0, 1], empty, field('a\u0000b'), 0), 0x81],
      ['[MQTT-3.10.1-1] an UNSUBSCRIBE without its reserved bits', packet(0xa0, [0, 1], empty, field('a')), 0x81],
      ['[MQTT-3.10.3-2] an UNSUBSCRIBE without a filter', packet(0xa2, [0, 1], empty), 0x82],
      ['[MQTT-3.10.3-1] an UNSUBSCRIBE of a filter that is not UTF-8', packet(0xa2, [0, 1], empty, field(Buffer.from([0xff]))), 0x81],
      ['an UNSUBSCRIBE with identifier 0', packet(0xa2, [0, 0], empty, field('a')), 0x81]
    ]
    for (const [what, bytes, code] of bad) {
      it(`closes on ${what} (${named(protocolVersion)})`, async () => {
        const { port } = await plainBroker(t)
        const client = await MqttClient.connect(t, { port, protocolVersion, clientId: 'c' })
        client.send(bytes)
        const reason = await closedWith(client)
        if (five) assert.ok(reason === code || (reason === 0x81 && code === 0x82), String(reason))
        else assert.equal(reason, null)
      })
    }

    it(`[MQTT-4.7.1-1, -2, -3], [MQTT-4.7.3-1] refuses filters that are none, and keeps the others (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, protocolVersion, clientId: 'c' })
      const bad = five ? 0x8f : 0x80
      assert.deepEqual(await client.subscribe(['a#', 'a/#/b', 'a+', '+a/b', 'good', '', '##', 'x/+/#']), [bad, bad, bad, bad, 0, bad, bad, 0])
      client.publish('good', 'x')
      assert.deepEqual(await payloads(client), ['x'])
    })
  }

  for (const protocolVersion of VERSIONS) {
    it(`[MQTT-3.3.5-1] (3.1.1), [MQTT-3.3.4-2] (5.0) sends one copy to overlapping subscriptions, with the highest QoS (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, protocolVersion, clientId: 'c' })
      assert.deepEqual(await client.subscribe('a/#', 0, 1), [0])
      assert.deepEqual(await client.subscribe('a/+', 2, 2), [2])
      assert.deepEqual(await client.subscribe('a/b', 1, 3), [1])
      client.publish('a/b', 'x', { qos: 2, messageId: 1 })
      assert.deepEqual((await messages(client)).map(({ qos }) => qos), [2])
    })

    it(`[MQTT-3.10.4-3] completes what it began to deliver before an UNSUBSCRIBE (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, ...lasting(protocolVersion, 'c') })
      await client.subscribe('a', 2)
      client.publish('a', 'x', { qos: 2, messageId: 1 })
      const { messageId } = await client.message() as { messageId: number }
      await unsubscribe(client, 'a')
      client.send({ cmd: 'pubrec', messageId })
      assert.equal((await client.take('pubrel')).messageId, messageId)
    })
  }

  describe('No Local (5.0)', () => {
    it('[MQTT-3.8.3-3] keeps a client\'s own messages from it, and from nobody else', async () => {
      const { port } = await plainBroker(t)
      const one = await MqttClient.connect(t, { port, protocolVersion: 5, clientId: '1' })
      const two = await MqttClient.connect(t, { port, protocolVersion: 5, clientId: '2' })
      for (const client of [one, two]) await subscribe5(client, [{ topic: 'a', nl: true }])
      one.publish('a', 'from one')
      await one.settled()
      assert.deepEqual(await payloads(one), [])
      assert.deepEqual(await payloads(two), ['from one'])
    })

    it('delivers through another subscription that has no such option, with its QoS and identifier', async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, protocolVersion: 5, clientId: 'c' })
      await subscribe5(client, [{ topic: 'a', nl: true, qos: 2 }], { subscriptionIdentifier: 1 })
      await subscribe5(client, [{ topic: '+', qos: 1 }], { subscriptionIdentifier: 2 })
      client.publish('a', 'x', { qos: 2, messageId: 1 })
      const [message] = await messages(client)
      assert.equal(message?.qos, 1)
      assert.equal(message?.properties?.subscriptionIdentifier, 2)
    })

    it('[MQTT-3.8.3-4] closes on No Local in a shared subscription', async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, protocolVersion: 5, clientId: 'c' })
      client.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: '$share/g/a', qos: 0, nl: true, rap: false, rh: 0 }] })
      assert.equal(await closedWith(client), 0x82)
    })
  })

  describe('Subscription Identifier (5.0)', () => {
    it('[MQTT-3.3.4-3, -4] comes with each message, all of them when several subscriptions match', async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, protocolVersion: 5, clientId: 'c' })
      await subscribe5(client, [{ topic: 'a/#' }, { topic: 'other' }], { subscriptionIdentifier: 1 })
      await subscribe5(client, [{ topic: 'a/b' }], { subscriptionIdentifier: 268_435_455 })
      await subscribe5(client, [{ topic: '+/b' }])
      for (const topic of ['a/b', 'a/c', 'x/b', 'other']) client.publish(topic, topic)
      const identifiers = (await messages(client)).map(({ properties }) => properties?.subscriptionIdentifier)
      // In no particular order.
      assert.deepEqual(identifiers.map(found => Array.isArray(found) ? [...found as number[]].sort((a, b) => a - b) : found), [[1, 268_435_455], 1, undefined, 1])
    })

    it('is replaced and removed with its subscription (3.8.4)', async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, protocolVersion: 5, clientId: 'c' })
      for (const properties of [{ subscriptionIdentifier: 1 }, { subscriptionIdentifier: 2 }, {}]) {
        await subscribe5(client, [{ topic: 'a' }], properties)
        client.publish('a', 'x')
        assert.equal((await messages(client))[0]?.properties?.subscriptionIdentifier, properties.subscriptionIdentifier)
      }
    })

    it('[MQTT-3.3.4-3] comes with retained and with queued messages', async () => {
      const { port } = await plainBroker(t)
      const sender = await MqttClient.connect(t, { port, clientId: 's' })
      sender.publish('a', 'kept', { retain: true })
      await sender.settled()
      const client = await MqttClient.connect(t, { port, ...lasting(5, 'c') })
      await subscribe5(client, [{ topic: 'a', qos: 1 }], { subscriptionIdentifier: 7 })
      assert.equal((await client.message()).properties?.subscriptionIdentifier, 7)
      await client.end()
      sender.publish('a', 'queued', { qos: 1, messageId: 1 })
      await sender.settled()
      const again = await MqttClient.connect(t, { port, ...lasting(5, 'c') })
      assert.equal((await again.message()).properties?.subscriptionIdentifier, 7)
    })

    it('(3.8.2.1.2) closes when it is 0 or there twice', async () => {
      const { port } = await plainBroker(t)
      for (const properties of [[0x0b, 0], [0x0b, 1, 0x0b, 2]]) {
        const client = await MqttClient.connect(t, { port, protocolVersion: 5, clientId: 'c' })
        client.send(packet(0x82, [0, 1], properties.length, properties, field('a'), 0))
        assert.equal(await closedWith(client), 0x82)
      }
    })

    it('[MQTT-3.3.4-6] closes when a client puts it into PUBLISH', async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, protocolVersion: 5, clientId: 'c' })
      client.send(packet(0x30, field('a'), 2, [0x0b, 1]))
      assert.equal(await closedWith(client), 0x82)
    })
  })

  it('(3.8.3.1) closes on Retain Handling 3 (5.0)', async () => {
    const { port } = await plainBroker(t)
    const client = await MqttClient.connect(t, { port, protocolVersion: 5, clientId: 'c' })
    client.send(packet(0x82, [0, 1], 0, field('a'), 0x30))
    const code = await closedWith(client)
    assert.ok(code === 0x81 || code === 0x82)
  })

  for (const [what, bytes] of [
    ['SUBSCRIBE with a property of PUBLISH', packet(0x82, [0, 1], 3, [0x23, 0, 1], field('a'), 0)],
    ['SUBSCRIBE with a user property that is not UTF-8', packet(0x82, [0, 1], 7, [0x26, 0, 1, 0xff, 0, 1, 0x61], field('a'), 0)],
    ['UNSUBSCRIBE with a subscription identifier', packet(0xa2, [0, 1], 2, [0x0b, 1], field('a'))],
    ['SUBSCRIBE whose properties are longer than the packet', packet(0x82, [0, 1], 100, field('a'), 0)]
  ] as const) {
    it(`(5.0, 2.2.2.2) closes on a ${what}`, async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, protocolVersion: 5, clientId: 'c' })
      client.send(bytes)
      const code = await closedWith(client)
      assert.ok(code === 0x81 || code === 0x82)
    })
  }
})

describe('shared subscriptions', () => {
  const t = useTeardown()

  for (const protocolVersion of VERSIONS) {
    it(`(4.8.2) bring each message to one member of each group, and to every ordinary subscriber (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const clients: MqttClient[] = []
      for (const [i, filter] of ['$share/g/a/+', '$share/g/a/+', '$share/h/a/+', 'a/b'].entries()) {
        const client = await MqttClient.connect(t, { port, protocolVersion, clientId: String(i) })
        assert.deepEqual(await client.subscribe(filter, 1), [1])
        clients.push(client)
      }
      const sender = await MqttClient.connect(t, { port, clientId: 's' })
      for (let i = 0; i < 10; i++) sender.publish('a/b', String(i))
      await sender.settled()
      const counts: number[] = []
      for (const client of clients) counts.push((await messages(client)).length)
      assert.deepEqual(counts, [5, 5, 10, 10])
    })

    it(`(3.3.1.3) send no retained messages (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, protocolVersion, clientId: 'c' })
      client.publish('a', 'kept', { retain: true })
      await client.subscribe('$share/g/a')
      assert.deepEqual(await messages(client), [])
    })

    it(`end with UNSUBSCRIBE of the whole filter (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, protocolVersion, clientId: 'c' })
      await client.subscribe('$share/g/a')
      await unsubscribe(client, 'a')
      client.publish('a', '1')
      await unsubscribe(client, '$share/g/a')
      client.publish('a', '2')
      assert.deepEqual(await payloads(client), ['1'])
    })

    it(`[MQTT-4.8.2-1, -2] refuse a filter without group, without filter, or with a wildcard in the group (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, protocolVersion, clientId: 'c' })
      const bad = protocolVersion === 5 ? 0x8f : 0x80
      assert.deepEqual(await client.subscribe(['$share//a', '$share/g', '$share/g/', '$share/g+/a', '$share/#/a', '$share/g/a#']), [bad, bad, bad, bad, bad, bad])
    })

    it(`[MQTT-4.8.2-3] deliver with the QoS granted to the member (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const client = await MqttClient.connect(t, { port, protocolVersion, clientId: 'c' })
      await client.subscribe('$share/g/a', 1)
      client.publish('a', 'x', { qos: 2, messageId: 1 })
      assert.equal((await client.message()).qos, 1)
    })

    it(`[MQTT-4.8.2-4, -5] complete a QoS 2 delivery with the member that it began with, after a reconnect too (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const one = await MqttClient.connect(t, { port, ...lasting(protocolVersion, '1') })
      const two = await MqttClient.connect(t, { port, ...lasting(protocolVersion, '2') })
      for (const client of [one, two]) await client.subscribe('$share/g/a', 2)
      const sender = await MqttClient.connect(t, { port, clientId: 's' })
      sender.publish('a', 'x', { qos: 2, messageId: 1 })
      await sender.settled()
      const oneGotIt = (await messages(one)).length === 1
      const [chosen, other] = oneGotIt ? [one, two] : [two, one]
      if (!oneGotIt) assert.equal((await messages(two)).length, 1)
      chosen.socket.destroy()
      const again = await MqttClient.connect(t, { port, ...lasting(protocolVersion, oneGotIt ? '1' : '2') })
      assert.equal((await again.message()).dup, true)
      assert.deepEqual(await messages(other), [])
    })

    it(`(4.8.2) prefer members that are connected (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const one = await MqttClient.connect(t, { port, ...lasting(protocolVersion, '1') })
      const two = await MqttClient.connect(t, { port, ...lasting(protocolVersion, '2') })
      for (const client of [one, two]) await client.subscribe('$share/g/a', 1)
      await one.end()
      for (let i = 1; i <= 4; i++) two.publish('a', String(i), { qos: 1, messageId: i })
      assert.deepEqual(await payloads(two), ['1', '2', '3', '4'])
    })
  }

  it('[MQTT-4.8.2-6] try no other member when one refuses the message (5.0)', async () => {
    const { port } = await plainBroker(t)
    const clients: MqttClient[] = []
    for (const clientId of ['1', '2']) {
      const client = await MqttClient.connect(t, { port, protocolVersion: 5, clientId })
      await client.subscribe('$share/g/a', 2)
      clients.push(client)
    }
    const sender = await MqttClient.connect(t, { port, clientId: 's' })
    for (const qos of [1, 2] as const) {
      sender.publish('a', 'x', { qos, messageId: qos })
      await sender.settled()
      let seen = 0
      for (const client of [...clients, ...clients]) {
        for (const { messageId } of await messages(client)) {
          seen++
          client.send({ cmd: qos === 1 ? 'puback' : 'pubrec', messageId: messageId!, reasonCode: 0x80 })
        }
        await client.settled()
        assert.deepEqual(client.inbox, [])
      }
      assert.equal(seen, 1)
    }
  })
})
