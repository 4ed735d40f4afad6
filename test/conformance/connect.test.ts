import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { MqttClient } from '../helpers/mqtt-client.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { closedWith, codeOf, connectBytes, field, lasting, named, packet, plainBroker, socket, VERSIONS } from './helpers.ts'

describe('CONNECT and CONNACK', () => {
  const t = useTeardown()

  for (const protocolVersion of [3, 4, 5] as const) {
    it(`[MQTT-3.1.4-4] (3.1.1), [MQTT-3.1.4-5] (5.0), [MQTT-3.2.0-1] answers a CONNECT with a CONNACK before anything else (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const { client, connack } = await MqttClient.open(t, { port, protocolVersion, clientId: 'a' })
      assert.equal(codeOf(connack), 0)
      assert.equal(connack.sessionPresent, false)
      assert.equal(client.inbox.length, 0)
    })

    it(`[MQTT-3.2.0-2] sends one CONNACK only, and [MQTT-3.1.0-2] takes a second CONNECT for an error (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const { client } = await MqttClient.open(t, { port, protocolVersion, clientId: 'a' })
      client.send(connectBytes(protocolVersion, { clientId: 'a' }))
      assert.equal(await closedWith(client), protocolVersion === 5 ? 0x82 : null)
      assert.equal(client.inbox.filter(({ cmd }) => cmd === 'connack').length, 0)
    })

    it(`[MQTT-3.14.0-1] (5.0), [MQTT-3.1.0-1] closes without a word when the first packet is not CONNECT (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const client = socket(t, port, protocolVersion)
      client.send({ cmd: 'pingreq' })
      await closedWith(client)
      assert.deepEqual(client.inbox, [])
    })
  }

  for (const protocolVersion of VERSIONS) {
    it(`[MQTT-3.1.2-1] closes on another protocol name (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const client = socket(t, port, protocolVersion)
      const bytes = connectBytes(protocolVersion)
      bytes[5] = 0x58
      client.send(bytes)
      await closedWith(client)
      assert.deepEqual(client.inbox.filter(({ cmd }) => cmd !== 'connack'), [])
    })

    it(`[MQTT-3.1.2-3] closes when the reserved connect flag is set (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const client = socket(t, port, protocolVersion)
      const bytes = connectBytes(protocolVersion)
      bytes[9]! |= 1
      client.send(bytes)
      await closedWith(client)
      assert.equal(client.inbox.some(packet => packet.cmd === 'connack' && codeOf(packet) === 0), false)
    })

    it(`[MQTT-2.2.2-2] (3.1.1), [MQTT-2.1.3-1] (5.0) closes when CONNECT has reserved bits in its first byte (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const client = socket(t, port, protocolVersion)
      const bytes = connectBytes(protocolVersion)
      bytes[0]! |= 2
      client.send(bytes)
      await closedWith(client)
      assert.equal(client.inbox.some(packet => packet.cmd === 'connack' && codeOf(packet) === 0), false)
    })

    for (const [what, flags] of [['a will QoS of 3', 0x1e], ['a will QoS without a will', 0x0a], ['will retain without a will', 0x22]] as const) {
      it(`[MQTT-3.1.2-11, -13 to -15] (3.1.1), [MQTT-3.1.2-11 to -13] (5.0), [MQTT-3.1.4-1] closes a CONNECT with ${what} (${named(protocolVersion)})`, async () => {
        const { port } = await plainBroker(t)
        const client = socket(t, port, protocolVersion)
        const will = what === 'a will QoS of 3' ? [...(protocolVersion === 5 ? [0] : []), ...field('w'), ...field('x')] : []
        client.send(packet(0x10, field('MQTT'), protocolVersion, flags, [0, 0], protocolVersion === 5 ? [0] : [], field('c'), will))
        await closedWith(client)
        assert.equal(client.inbox.some(packet => packet.cmd === 'connack' && codeOf(packet) === 0), false)
      })
    }

    for (const [what, flags, fields] of [
      ['announces a will that is not there [MQTT-3.1.2-9]', 0x06, []],
      ['announces a user name that is not there', 0x82, []],
      ['announces a password that is not there', 0xc2, [field('user')]],
      ['has a user name that it does not announce', 0x02, [field('user')]],
      ['has a password that it does not announce', 0x82, [field('user'), field('secret')]]
    ] as const) {
      it(`[MQTT-3.1.2-18 to -21], [MQTT-3.1.4-1] (3.1.1), [MQTT-3.1.2-16 to -19] (5.0) closes a CONNECT that ${what} (${named(protocolVersion)})`, async () => {
        const { port } = await plainBroker(t)
        const client = socket(t, port, protocolVersion)
        client.send(packet(0x10, field('MQTT'), protocolVersion, flags, [0, 0], protocolVersion === 5 ? [0] : [], field('c'), ...fields))
        await closedWith(client)
        assert.deepEqual(client.inbox, [])
      })
    }

    it(`[MQTT-3.1.3-3] closes a CONNECT without a client identifier (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const client = socket(t, port, protocolVersion)
      client.send(packet(0x10, field('MQTT'), protocolVersion, 2, [0, 0], protocolVersion === 5 ? [0] : []))
      await closedWith(client)
      assert.deepEqual(client.inbox, [])
    })

    it(`(3.1.4) takes packets that were sent right behind CONNECT, without waiting for CONNACK (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t)
      const client = socket(t, port, protocolVersion)
      client.send(connectBytes(protocolVersion))
      client.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'a', qos: 0 }], ...(protocolVersion === 5 ? { properties: {} } : {}) })
      for (let i = 0; i < 100; i++) client.publish('a', String(i))
      await client.settled()
      assert.deepEqual(client.inbox.map(({ cmd }) => cmd).slice(0, 2), ['connack', 'suback'])
      assert.equal(client.inbox.filter(({ cmd }) => cmd === 'publish').length, 100)
    })

    it(`[MQTT-3.1.4-5], [MQTT-3.2.2-4, -5] (3.1.1), [MQTT-3.1.4-2, -6], [MQTT-3.2.2-6, -7] (5.0) refuses wrong credentials with a code, then closes, and does nothing that came behind (${named(protocolVersion)})`, async () => {
      const { port } = await plainBroker(t, { 'auth.anonymous': 'off' })
      const client = socket(t, port, protocolVersion)
      client.send(connectBytes(protocolVersion, { username: 'u', password: Buffer.from('no token') }))
      client.publish('a', 'x', { qos: 1, messageId: 1 })
      await closedWith(client)
      assert.equal(client.inbox.length, 1)
      const [connack] = client.inbox
      assert.ok(connack?.cmd === 'connack')
      assert.equal(codeOf(connack), protocolVersion === 5 ? 0x86 : 4)
      assert.equal(connack.sessionPresent, false)
    })
  }

  for (const [name, level] of [['MQTT', 2], ['MQTT', 3], ['MQTT', 6], ['MQTT', 127], ['MQIsdp', 4]] as const) {
    it(`[MQTT-3.1.2-2] answers level ${level} of ${name} with return code 1 and closes`, async () => {
      const { port } = await plainBroker(t)
      const client = socket(t, port)
      client.send(packet(0x10, field(name), level, 2, [0, 0], field('c')))
      await closedWith(client)
      const [connack] = client.inbox
      assert.ok(connack?.cmd === 'connack')
      assert.equal(connack.returnCode, 1)
    })
  }

  it('[MQTT-3.1.2-22] closes a 3.1.1 CONNECT that has a password and no user name', async () => {
    const { port, token } = await plainBroker(t)
    const client = socket(t, port)
    const bytes = Buffer.concat([field('MQTT'), Buffer.of(4, 0x42, 0, 0), field('c'), field(token('ann'))])
    client.send(Buffer.concat([Buffer.of(0x10), Buffer.of((bytes.length & 0x7f) | 0x80, bytes.length >> 7), bytes]))
    await closedWith(client)
    assert.deepEqual(client.inbox, [])
  })

  it('(5.0, 3.1.2.9) takes a password without a user name', async () => {
    const { port, token } = await plainBroker(t)
    const client = socket(t, port, 5)
    const bytes = Buffer.concat([field('MQTT'), Buffer.of(5, 0x42, 0, 0, 0), field('c'), field(token('ann'))])
    client.send(Buffer.concat([Buffer.of(0x10), Buffer.of((bytes.length & 0x7f) | 0x80, bytes.length >> 7), bytes]))
    const connack = await client.take('connack')
    assert.ok(connack.cmd === 'connack')
    assert.equal(connack.reasonCode, 0)
  })

  it('[MQTT-3.2.2-1, -2, -3] tells whether there is a session (3.1.1)', async () => {
    const { port } = await plainBroker(t)
    for (const [clean, present] of [[false, false], [false, true], [true, false], [false, false]] as const) {
      const { client, connack } = await MqttClient.open(t, { port, clientId: 'c', clean })
      assert.equal(connack.sessionPresent, present)
      await client.end()
    }
  })

  it('(3.1.4) closes a socket that sends no CONNECT in time', async () => {
    const { port } = await plainBroker(t, { 'limits.connectTimeout': '100ms' })
    const client = socket(t, port)
    await closedWith(client)
    assert.deepEqual(client.inbox, [])
  })

  // Deviation: see docs/conformance.md.
  it('(3.1, 3.1) closes a 3.1 CONNECT whose flags announce a user name that is not there, which 3.1 allows', async () => {
    const { port } = await plainBroker(t)
    const client = socket(t, port, 3)
    client.send(packet(0x10, field('MQIsdp'), 3, 0x82, [0, 0], field('c')))
    await closedWith(client)
    assert.deepEqual(client.inbox, [])
  })

  it('(3.1, 3.8, 3.10, 3.6) takes DUP on a repeated SUBSCRIBE, UNSUBSCRIBE and PUBREL of 3.1, where it is no reserved bit', async () => {
    const { port } = await plainBroker(t)
    const client = await MqttClient.connect(t, { port, protocolVersion: 3, clientId: 'c' })
    client.send(packet(0x8a, [0, 1], field('a'), 1))
    await client.take('suback')
    client.send(packet(0xaa, [0, 2], field('a')))
    await client.take('unsuback')
    client.send(packet(0x6a, [0, 3]))
    await client.take('pubcomp')
  })

  it('leaves the session present flag out on 3.1, which does not have it', async () => {
    const { port } = await plainBroker(t)
    await (await MqttClient.connect(t, { port, protocolVersion: 3, clientId: 'c', clean: false })).end()
    const { connack } = await MqttClient.open(t, { port, protocolVersion: 3, clientId: 'c', clean: false })
    assert.equal(connack.sessionPresent, false)
  })

  it('[MQTT-3.2.2-2, -3] tells whether there is a session (5.0)', async () => {
    const { port } = await plainBroker(t)
    for (const [clean, present] of [[false, false], [false, true], [true, false], [false, true]] as const) {
      const { client, connack } = await MqttClient.open(t, { port, ...lasting(5, 'c', clean) })
      assert.equal(connack.sessionPresent, present)
      await client.end()
    }
  })

  it('(5.0, 3.2.2.3) announces its limits, and leaves out what it fully has', async () => {
    const { port, config } = await plainBroker(t)
    const { connack: { properties } } = await MqttClient.open(t, { port, protocolVersion: 5, clientId: 'c', keepalive: 30 })
    assert.equal(properties?.receiveMaximum, config.limits.receiveMaximum)
    assert.equal(properties?.maximumPacketSize, config.limits.packetBytes)
    assert.equal(properties?.topicAliasMaximum, config.limits.topicAliases)
    for (const absent of ['maximumQoS', 'retainAvailable', 'wildcardSubscriptionAvailable', 'subscriptionIdentifiersAvailable', 'sharedSubscriptionAvailable', 'serverKeepAlive', 'assignedClientIdentifier', 'sessionExpiryInterval', 'responseInformation', 'authenticationMethod']) {
      assert.equal(absent in properties!, false, absent)
    }
  })

  it('[MQTT-3.1.2-28] sends no response information to a client that did not ask for it', async () => {
    const { port } = await plainBroker(t)
    for (const requestResponseInformation of [false, true]) {
      const { connack } = await MqttClient.open(t, { port, protocolVersion: 5, clientId: 'c', properties: { requestResponseInformation } })
      assert.equal(connack.properties?.responseInformation, undefined)
    }
  })

  it('(5.0, 3.2.2.3.9) gives a reason string with a refused CONNECT', async () => {
    const { port } = await plainBroker(t, { 'auth.anonymous': 'off' })
    const { connack } = await MqttClient.open(t, { port, protocolVersion: 5, clientId: 'c' })
    assert.equal(connack.reasonCode, 0x87)
    assert.match(connack.properties?.reasonString ?? '', /token/)
  })

  describe('with properties that may not be (5.0, 3.1.2.11)', () => {
    const cases: [string, number[]][] = [
      ['session expiry twice', [0x11, 0, 0, 0, 1, 0x11, 0, 0, 0, 1]],
      ['Receive Maximum 0', [0x21, 0, 0]],
      ['Receive Maximum twice', [0x21, 0, 1, 0x21, 0, 1]],
      ['Maximum Packet Size 0', [0x27, 0, 0, 0, 0]],
      ['Maximum Packet Size twice', [0x27, 0, 0, 1, 0, 0x27, 0, 0, 1, 0]],
      ['Topic Alias Maximum twice', [0x22, 0, 1, 0x22, 0, 1]],
      ['request response information 2', [0x19, 2]],
      ['request response information twice', [0x19, 1, 0x19, 1]],
      ['request problem information 2', [0x17, 2]],
      ['request problem information twice', [0x17, 1, 0x17, 1]],
      ['authentication data without a method', [0x16, 0, 1, 0]],
      ['an authentication method twice', [0x15, 0, 1, 0x61, 0x15, 0, 1, 0x61]],
      ['a property of PUBLISH', [0x23, 0, 1]],
      ['an unknown property', [0x7f, 0]]
    ]
    for (const [what, properties] of cases) {
      it(`refuses ${what}`, async () => {
        const { port } = await plainBroker(t)
        const client = socket(t, port, 5)
        client.send(packet(0x10, field('MQTT'), 5, 2, [0, 0], properties.length, properties, field('c')))
        await closedWith(client)
        const [connack] = client.inbox
        assert.ok(connack === undefined || (connack.cmd === 'connack' && connack.reasonCode! >= 0x80), JSON.stringify(connack))
      })
    }

    it('takes the same user property many times', async () => {
      const { port } = await plainBroker(t)
      const { connack } = await MqttClient.open(t, { port, protocolVersion: 5, clientId: 'c', properties: { userProperties: { a: ['1', '2'], b: '3' } } })
      assert.equal(connack.reasonCode, 0)
    })
  })
})
