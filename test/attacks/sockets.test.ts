import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { describe, it } from 'mocha'
import mqttPacket, { type Packet } from 'mqtt-packet'
import { hashPassword } from '../../broker/auth/users.ts'
import { BrokerProcess } from '../helpers/attack-process.ts'
import { rounds, useTarget } from '../helpers/attack-target.ts'
import { MqttClient } from '../helpers/mqtt-client.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { until, within } from '../helpers/within.ts'

const MB = 1024 * 1024
const VERSIONS = [4, 5] as const

/** Resolves with what the peer sent before it closed. */
async function untilClosed (socket: net.Socket, ms = 5000): Promise<Buffer> {
  const chunks: Buffer[] = []
  socket.on('data', chunk => chunks.push(chunk))
  if (!socket.destroyed) await within(ms, 'the broker did not close the socket', once(socket, 'close'))
  return Buffer.concat(chunks)
}

// A password whose check takes tens of milliseconds: time to die in.
const slowUser = `auth:\n  users:\n    - name: slow\n      hash: ${await hashPassword('secret')}\n      rooms: { lobby: owner }\n`

describe('sockets of strangers', () => {
  const t = useTarget({ 'limits.connectTimeout': '1s' }, slowUser)

  const dial = async (): Promise<net.Socket> => {
    const socket = net.connect(t.port, '127.0.0.1').setNoDelay(true)
    socket.on('error', () => {})
    t.after(() => socket.destroy())
    await once(socket, 'connect')
    return socket
  }

  const connectPacket = (protocolVersion: 4 | 5, more: object = {}): Buffer => mqttPacket.generate({
    cmd: 'connect', protocolId: 'MQTT', protocolVersion, clientId: 'dying', clean: true, keepalive: 0, username: 'x', password: t.broker.token('eve'), ...more
  })

  for (const [level, name] of [[6, 'MQTT'], [0, 'MQTT'], [127, 'MQTT'], [4, 'MQIsdp']] as const) {
    it(`protocol level ${level} of ${name} is answered with code 1`, async () => {
      const socket = await dial()
      const body = Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name), Buffer.from([level, 2, 0, 0, 0, 1, 0x63])])
      socket.write(Buffer.concat([Buffer.from([0x10, body.length]), body]))
      assert.deepEqual([...await untilClosed(socket)], [0x20, 2, 0, 1])
    })
  }

  for (const first of ['GET / HTTP/1.1\r\nHost: x\r\n\r\n', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc', '\xff\xff\xff\xff\xff\xff', '\x00\x00', '\x10\x00', '\x10\x02\xff\xff', '\xc0\x00', '\x30\x03\x00\x01a']) {
    it(`a socket that begins with ${JSON.stringify(first.slice(0, 6))} is closed without an answer`, async () => {
      const socket = await dial()
      socket.write(first, 'latin1')
      assert.equal((await untilClosed(socket)).length, 0)
    })
  }

  it('60 MB that are announced before CONNECT are refused before they are read', async () => {
    const size = 60 * MB
    const head = Buffer.from([0x10, (size & 0x7f) | 0x80, ((size >> 7) & 0x7f) | 0x80, ((size >> 14) & 0x7f) | 0x80, size >> 21])
    const announce = async (rest: Buffer): Promise<number> => {
      const sockets = await Promise.all(Array.from({ length: 20 }, dial))
      for (const socket of sockets) socket.write(Buffer.concat([head, rest]))
      await Promise.all(sockets.map(async socket => await untilClosed(socket)))
      return (await t.broker.snapshot()).rss
    }
    await t.broker.snapshot()
    t.broker.takeLog()
    // Their length alone ends them.
    await announce(Buffer.alloc(0))
    assert.deepEqual([...new Set(t.broker.takeLog().map(({ code }) => code))], ['packetTooLarge'])
    // What is read and thrown away takes some memory the first time, and no more after that.
    const rss = await announce(Buffer.alloc(4 * MB))
    assert.ok(await announce(Buffer.alloc(4 * MB)) - rss < 40 * MB)
  })

  for (const version of VERSIONS) {
    it(`a PUBLISH that announces 60 MB ends the connection before it is read (protocol level ${version})`, async () => {
      const client = await MqttClient.connect(t, { port: t.port, protocolVersion: version, clientId: 'c', username: 'x', password: t.broker.token('eve') })
      client.send(Buffer.from([0x30, 0x80, 0x80, 0x80, 30]))
      await client.closed
      if (version === 5) assert.equal(((await client.take('disconnect')) as Packet & { reasonCode: number }).reasonCode, 0x95)
    })
  }

  it('packets that drip in byte by byte cost in proportion to their bytes', async () => {
    const client = await MqttClient.connect(t, { port: t.port, clientId: 'c', username: 'x', password: t.broker.token('eve') })
    const drip = async (bytes: number): Promise<number> => {
      const packet = mqttPacket.generate({ cmd: 'publish', topic: 'rooms/a/live/x', payload: Buffer.alloc(bytes), qos: 1, messageId: 1, dup: false, retain: false })
      const before = (await t.broker.snapshot()).cpu
      for (let i = 0; i < packet.length; i++) {
        client.send(packet.subarray(i, i + 1))
        // The kernel must not join them again.
        if (i % 8 === 7) await new Promise(resolve => setImmediate(resolve))
      }
      await client.take('puback', 15_000)
      return (await t.broker.snapshot()).cpu - before
    }
    await drip(2000)
    const once = await drip(8000)
    const fourfold = await drip(32_000)
    assert.ok(fourfold < 8 * once + 200, `8,000 bytes took ${Math.round(once)} ms, 32,000 took ${Math.round(fourfold)} ms`)
  })

  it('a socket that stalls within its CONNECT is closed after limits.connectTimeout', async () => {
    const sockets = await Promise.all(Array.from({ length: 10 }, dial))
    const packet = connectPacket(4)
    for (const [i, socket] of sockets.entries()) socket.write(packet.subarray(0, i * Math.floor(packet.length / 10)))
    const begin = performance.now()
    await Promise.all(sockets.map(async socket => await untilClosed(socket)))
    assert.ok(performance.now() - begin > 800)
  })

  it('a socket that drips its CONNECT is closed after limits.connectTimeout', async () => {
    const socket = await dial()
    const packet = connectPacket(4)
    let at = 0
    const timer = setInterval(() => socket.write(packet.subarray(at, ++at)), 50)
    t.after(() => clearInterval(timer))
    await untilClosed(socket)
    assert.ok(at < packet.length)
  })

  it('of hundreds of sockets without a CONNECT 100 stay, for as long as limits.connectTimeout', async () => {
    const sockets = await Promise.all(Array.from({ length: 300 }, dial))
    await until(() => sockets.filter(socket => socket.destroyed || socket.readableEnded || socket.closed).length >= 200, 'that 200 are closed')
    assert.ok((await t.broker.snapshot()).connections <= 102)
    await t.canary.sing()
    await until(async () => (await t.broker.snapshot()).connections === 2, 'that all are closed')
    // Room for others again.
    const client = await MqttClient.connect(t, { port: t.port, clientId: 'c', username: 'x', password: t.broker.token('eve') })
    await client.settled()
  })

  for (const version of VERSIONS) {
    for (const end of ['reset', 'close'] as const) {
      it(`sockets that die anywhere in the handshake leave nothing (${end}, protocol level ${version})`, async () => {
        const frames = Buffer.concat([
          connectPacket(version),
          mqttPacket.generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'rooms/a/#', qos: 1, ...(version === 5 ? { nl: false, rap: false, rh: 0 } : {}) }] } as Packet, { protocolVersion: version }),
          mqttPacket.generate({ cmd: 'publish', topic: 'rooms/a/telemetry/a/b', payload: 'x', qos: 2, messageId: 2, dup: false, retain: false }, { protocolVersion: version }),
          mqttPacket.generate({ cmd: 'unsubscribe', messageId: 3, unsubscriptions: ['rooms/a/#'] }, { protocolVersion: version })
        ])
        for (let cut = 0; cut <= frames.length; cut += rounds(1, 11)) {
          const socket = await dial()
          socket.write(frames.subarray(0, cut))
          if (end === 'reset') socket.resetAndDestroy()
          else socket.end()
        }
      })

      it(`sockets that die while their password is checked leave nothing (${end}, protocol level ${version})`, async () => {
        const packet = connectPacket(version, { username: 'slow', password: Buffer.from('secret'), will: { topic: 'rooms/lobby/state/w', payload: Buffer.from('x'), qos: 1, retain: true } })
        // Wrong ones as well: those that are right are remembered, and checked quickly the next time.
        const wrong = connectPacket(version, { username: 'slow', password: Buffer.from(`wrong ${version} ${end}`) })
        for (let i = 0; i < 20; i++) {
          const socket = await dial()
          socket.write(i % 2 === 0 ? packet : wrong)
          if (i % 4 < 2) await new Promise(resolve => setImmediate(resolve))
          if (end === 'reset') socket.resetAndDestroy()
          else socket.end()
        }
        await until(async () => (await t.broker.snapshot()).connections === 2, 'that all are gone')
        // A will may have been published by those that came through.
        const client = await MqttClient.connect(t, { port: t.port, clientId: 'c', username: 'x', password: t.broker.token('eve') })
        // It comes when the disk has it, which may be later than its connection and its session are gone.
        let clear = 0
        await until(async () => {
          client.publish('rooms/lobby/state/w', '', { qos: 1, messageId: 1, retain: true })
          await client.take('puback')
          const { sessions, retained, participants } = await t.broker.snapshot()
          clear = sessions === 3 && retained === participants ? clear + 1 : 0
          return clear === 5
        }, 'that the wills are cleared')
      })
    }

    it(`takeovers by sockets that die at once leave one session to the last (protocol level ${version})`, async () => {
      for (let round = 0; round < rounds(50, 5); round++) {
        for (let i = 0; i < 10; i++) {
          const socket = await dial()
          socket.write(connectPacket(version, { clean: false }))
          if (i % 2 === 0) socket.resetAndDestroy()
        }
        const client = await MqttClient.connect(t, { port: t.port, protocolVersion: version, clientId: 'dying', username: 'x', password: t.broker.token('eve') })
        await client.settled()
        await client.end()
      }
    })
  }
})

describe('a process without file descriptors', () => {
  const t = useTeardown()

  it('refuses sockets, survives, and serves again when there are some', async () => {
    const broker = await BrokerProcess.start({ 'limits.pendingSockets': '1000' }, '', { files: 200 })
    t.after(async () => await broker.stop())
    const { port } = broker
    const client = await MqttClient.connect(t, { port, clientId: 'c', username: 'x', password: broker.token('eve') })
    const sockets = Array.from({ length: 400 }, () => net.connect(port, '127.0.0.1').on('error', () => {}))
    t.after(() => { for (const socket of sockets) socket.destroy() })
    await until(async () => (await broker.snapshot()).connections > 100, 'that the descriptors are used up')
    for (let i = 0; i < 5; i++) {
      sockets.push(net.connect(port, '127.0.0.1').on('error', () => {}))
      await client.settled()
    }
    for (const socket of sockets) socket.destroy()
    await until(async () => (await broker.snapshot()).connections === 1, 'that the sockets are gone')
    await (await MqttClient.connect(t, { port, clientId: 'd', username: 'x', password: broker.token('eve') })).settled()
  })
})
