import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { Client, FoyerClientError, Message, Room } from '../../client/index.ts'
import { arrived, collect, newClient, texts } from '../helpers/client.ts'
import { serveWithSecret, token, type Served } from '../helpers/cli-serve.ts'
import { temporaryFolder } from '../helpers/cli-run.ts'
import { FrozenProxy } from '../helpers/frozen-proxy.ts'
import { newFullServer } from '../helpers/full-server.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { until } from '../helpers/within.ts'

function numbers (from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, i) => `m${from + i}`)
}

async function sendAll (room: Room, texts: readonly string[]): Promise<(string | null)[]> {
  return (await Promise.all(texts.map(text => room.send({ text })))).map(({ id }) => id)
}

/** Texts of the room's messages, oldest first. */
async function stored (room: Room): Promise<unknown[]> {
  const all: Message[] = []
  for await (const { messages } of room.history({ filter: 'messages', limit: 1000 })) all.push(...messages)
  return texts(all.reverse())
}

describe('a client without a connection', function () {
  this.timeout(60_000)
  const t = useTeardown()

  it('keeps what is sent, and sends it in order when the network is back', async () => {
    const server = await newFullServer(t)
    const proxy = await FrozenProxy.open(t, server.ports.mqtt)
    const client = await newClient(t, { url: `mqtt://127.0.0.1:${proxy.port}`, httpUrl: server.httpUrl, token: server.token('ann') })
    const room = await client.join('lobby')
    const heard = collect(await (await newClient(t, { url: server.mqttUrl, token: server.token('bob') })).join('lobby'), 'message')
    await room.send({ text: 'm0' })
    proxy.refusing = true
    proxy.cut()
    await until(() => client.state === 'reconnecting', 'that it notices')
    const sending = sendAll(room, numbers(1, 300))
    assert.equal(client.pending, 299)
    proxy.refusing = false
    const ids = await sending
    await arrived(heard, 300)
    assert.deepEqual(texts(heard), numbers(0, 300))
    assert.deepEqual(heard.slice(1).map(({ id }) => id), ids)
    assert.equal(client.pending, 0)
  })

  it('has what was sent to it meanwhile delivered by its session, once and in order', async () => {
    const server = await newFullServer(t)
    const proxy = await FrozenProxy.open(t, server.ports.mqtt)
    const client = await newClient(t, { url: `mqtt://127.0.0.1:${proxy.port}`, token: server.token('ann') })
    const heard = collect(await client.join('lobby'), 'message')
    const connects: boolean[] = []
    client.on('connect', ({ resumed }) => connects.push(resumed))
    const bob = await (await newClient(t, { url: server.mqttUrl, token: server.token('bob') })).join('lobby')
    proxy.refusing = true
    proxy.cut()
    await sendAll(bob, numbers(0, 100))
    proxy.refusing = false
    await arrived(heard, 100)
    await bob.send({ text: 'm100' })
    await arrived(heard, 101)
    assert.deepEqual(texts(heard), numbers(0, 101))
    assert.deepEqual(connects, [true])
    assert.ok(heard.every(({ replayed }) => !replayed))
  })

  it('notices a connection that is frozen, and loses nothing of either direction', async () => {
    const server = await newFullServer(t)
    const proxy = await FrozenProxy.open(t, server.ports.mqtt)
    const client = await newClient(t, { url: `mqtt://127.0.0.1:${proxy.port}`, token: server.token('ann'), httpUrl: server.httpUrl, keepalive: 1 })
    const room = await client.join('lobby')
    const heard = collect(room, 'message')
    const bob = await (await newClient(t, { url: server.mqttUrl, token: server.token('bob') })).join('lobby')
    const disconnects: string[] = []
    client.on('disconnect', ({ error, final }) => {
      disconnects.push(`${error.code} ${final}`)
      proxy.cut()
      proxy.thaw()
    })
    proxy.freeze()
    const sending = sendAll(room, numbers(0, 20))
    await sendAll(bob, numbers(100, 120))
    await sending
    await arrived(heard, 20)
    assert.deepEqual(disconnects, ['unreachable false'])
    assert.deepEqual(texts(heard), numbers(100, 120))
    assert.deepEqual((await stored(room)).filter(text => numbers(0, 20).includes(text as string)), numbers(0, 20))
  })

  it('is slow behind a slow network, and that is all', async () => {
    const server = await newFullServer(t)
    const proxy = await FrozenProxy.open(t, server.ports.mqtt)
    proxy.delay = 50
    const client = await newClient(t, { url: `mqtt://127.0.0.1:${proxy.port}`, token: server.token('ann'), httpUrl: server.httpUrl })
    const room = await client.join('lobby')
    await sendAll(room, numbers(0, 300))
    assert.deepEqual(await stored(room), numbers(0, 300))
  })

  it('rejects at once what its queue does not take, by number and by size', async () => {
    const server = await newFullServer(t)
    const proxy = await FrozenProxy.open(t, server.ports.mqtt)
    const client = await newClient(t, { url: `mqtt://127.0.0.1:${proxy.port}`, token: server.token('ann'), queue: { messages: 3, bytes: 5000 } })
    const room = await client.join('lobby')
    proxy.refusing = true
    proxy.cut()
    await until(() => client.state === 'reconnecting', 'that it notices')
    const sending = sendAll(room, ['a', 'b'])
    await assert.rejects(room.send('x'.repeat(5000)), { code: 'queueFull', kind: 'not-now', retryable: true, message: /queue\.bytes/ })
    const third = room.send('c')
    await assert.rejects(room.send('d'), { code: 'queueFull', message: /queue\.messages/ })
    proxy.refusing = false
    await Promise.all([sending, third])
    await room.send('e')
  })

  it('keeps the latest QoS 0 messages and counts the others', async () => {
    const server = await newFullServer(t)
    const proxy = await FrozenProxy.open(t, server.ports.mqtt)
    const client = await newClient(t, { url: `mqtt://127.0.0.1:${proxy.port}`, token: server.token('oven', { kitchen: 'device' }), ring: 5 })
    const readings = collect(await (await newClient(t, { url: server.mqttUrl, token: server.token('ann') })).join('kitchen'), 'telemetry')
    const dropped: number[] = []
    client.on('dropped', ({ total }) => dropped.push(total))
    const oven = client.device('kitchen')
    proxy.refusing = true
    proxy.cut()
    await until(() => client.state === 'reconnecting', 'that it notices')
    for (let i = 0; i < 8; i++) await oven.telemetry('t', i)
    const certain = oven.telemetry('t', 'certain', { qos: 1 })
    proxy.refusing = false
    await certain
    await arrived(readings, 6)
    assert.deepEqual(readings.map(({ payload }) => payload).filter(value => value !== 'certain'), [3, 4, 5, 6, 7])
    assert.equal(client.dropped, 3)
    assert.deepEqual(dropped, [1, 2, 3])
  })

  it('does not fill its memory with QoS 0 messages that a frozen connection does not take', async () => {
    const server = await newFullServer(t)
    const proxy = await FrozenProxy.open(t, server.ports.mqtt)
    const client = await newClient(t, { url: `mqtt://127.0.0.1:${proxy.port}`, token: server.token('oven', { kitchen: 'device' }), ring: 5 })
    const oven = client.device('kitchen')
    proxy.freeze()
    const megabyte = new Uint8Array(60_000)
    await until(async () => {
      await oven.telemetry('frame', megabyte)
      return client.dropped > 0
    }, 'that something is dropped', 20_000)
    proxy.thaw()
    await oven.telemetry('t', 1, { qos: 1 })
  })

  it('says that a device is gone, and that it is back', async () => {
    const server = await newFullServer(t)
    const proxy = await FrozenProxy.open(t, server.ports.mqtt)
    const states = collect(await (await newClient(t, { url: server.mqttUrl, token: server.token('ann') })).join('kitchen'), 'state')
    const client = await newClient(t, { url: `mqtt://127.0.0.1:${proxy.port}`, token: server.token('oven', { kitchen: 'device' }), will: { room: 'kitchen' } })
    await client.device('kitchen').state({ on: true })
    proxy.cut()
    await arrived(states, 3)
    await client.close()
    await arrived(states, 4)
    assert.deepEqual(states.map(({ payload }) => payload), [{ online: true, on: true }, { online: false }, { online: true, on: true }, { online: false }])
  })
})

describe('a client whose server is killed', function () {
  this.timeout(90_000)
  const t = useTeardown()

  /** A server in a data directory that outlives it, behind a proxy that leads to whichever runs. */
  async function killable (): Promise<{ proxy: FrozenProxy, restart: () => Promise<void>, kill: () => Promise<void>, http: () => string }> {
    const dataDir = `${temporaryFolder(t)}/data`
    let served: Served = await serveWithSecret(t, { dataDir })
    const proxy = await FrozenProxy.open(t, served.ports.mqtt)
    return {
      proxy,
      http: () => `http://127.0.0.1:${served.ports.http}`,
      kill: async () => { await served.process.stop('SIGKILL') },
      restart: async () => {
        served = await serveWithSecret(t, { dataDir })
        proxy.target = served.ports.mqtt
      }
    }
  }

  it('has everything stored that it sent before, during and after, in order', async () => {
    const { proxy, restart, kill, http } = await killable()
    const client: Client = await newClient(t, { url: `mqtt://127.0.0.1:${proxy.port}`, token: token('ann') })
    const room = await client.join('lobby')
    const heard = collect(await (await newClient(t, { url: `mqtt://127.0.0.1:${proxy.port}`, token: token('bob') })).join('lobby'), 'message')
    const before = sendAll(room, numbers(0, 200))
    // Some are acknowledged, some are on their way, some have not left.
    await arrived(heard, 50)
    await kill()
    const during = sendAll(room, numbers(200, 300))
    await restart()
    await Promise.all([before, during])
    await sendAll(room, numbers(300, 310))
    const reader = await newClient(t, { url: `mqtt://127.0.0.1:${proxy.port}`, httpUrl: http(), token: token('ann') })
    const kept = await stored(await reader.join('lobby'))
    // What was stored but not acknowledged is there twice: QoS 1.
    assert.deepEqual([...new Set(kept)], numbers(0, 310))
    await until(() => new Set(texts(heard)).size === 310, 'that the other has all of them')
    assert.deepEqual([...new Set(texts(heard))], numbers(0, 310))
    assert.equal(new Set(heard.map(({ id }) => id)).size, heard.length, 'each of them once')
  })

  it('has its commands done exactly once', async () => {
    const { proxy, restart, kill } = await killable()
    const url = `mqtt://127.0.0.1:${proxy.port}`
    const done: unknown[] = []
    const lamp = (await newClient(t, { url, token: token('lamp', { hall: 'device' }) })).device('hall')
    await lamp.onCommand(({ payload }) => {
      done.push(payload.n)
      return { n: payload.n }
    })
    const room = await (await newClient(t, { url, token: token('ann') })).join('hall')
    const results: Promise<unknown>[] = []
    const failed: FoyerClientError[] = []
    for (let n = 0; n < 60; n++) results.push(room.command('lamp', { n }, { timeout: 45_000 }).then(({ payload }) => (payload as { n: number }).n, error => failed.push(error)))
    await until(() => done.length >= 10, 'that some are done')
    await kill()
    await restart()
    assert.deepEqual(await Promise.all(results), Array.from({ length: 60 }, (_, n) => n))
    assert.deepEqual(failed, [])
    assert.deepEqual(done, Array.from({ length: 60 }, (_, n) => n))
  })
})
