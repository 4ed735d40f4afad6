import assert from 'node:assert/strict'
import mqtt from 'mqtt'
import type { MqttClient } from 'mqtt'
import { createAuthenticator, createBroker } from '../../broker/index.ts'
import type { Broker } from '../../broker/index.ts'
import { createBridge } from '../../bridge/index.ts'
import type { Bridge } from '../../bridge/index.ts'
import { useFolder } from '../helpers/bridge-folder.ts'
import { createLog } from '../helpers/bridge-log.ts'
import { configFor, request, tokenFor } from '../helpers/bridge-server.ts'

const token = tokenFor('ada', { lobby: 'owner' })

describe('bridge and broker together', () => {
  const running: { broker: Broker, bridge: Bridge }[] = []
  const clients: MqttClient[] = []

  async function start (dataDir: string): Promise<{ broker: Broker, bridge: Bridge, http: string, webSocket: string }> {
    const config = configFor(dataDir)
    const { logger } = createLog()
    const broker = await createBroker({ config, logger, authenticator: createAuthenticator(config.auth) })
    const bridge = await createBridge({ config, broker, logger, version: 'test' })
    running.push({ broker, bridge })
    const { http } = await bridge.listen(await broker.listen())
    return { broker, bridge, http: `http://127.0.0.1:${http?.port}`, webSocket: `ws://127.0.0.1:${http?.port}/mqtt` }
  }

  async function stop (): Promise<void> {
    for (const client of clients.splice(0)) client.end(true)
    for (const { broker, bridge } of running.splice(0)) {
      await broker.stop()
      await bridge.close()
      await broker.close()
    }
  }

  async function connect (url: string, protocolVersion: 4 | 5 = 4): Promise<MqttClient> {
    const client = mqtt.connect(url, { username: 'ada', password: token, protocolVersion, reconnectPeriod: 0 })
    clients.push(client)
    await new Promise<void>((resolve) => { client.once('connect', () => { resolve() }) })
    return client
  }

  afterEach(stop)
  const folder = useFolder()

  it('carries MQTT over WebSocket, and a message is history as soon as it is acknowledged', async () => {
    const { http, webSocket } = await start(folder())
    const [publisher, subscriber] = [await connect(webSocket), await connect(webSocket, 5)]
    await subscriber.subscribeAsync('rooms/lobby/messages', { qos: 1 })
    for (let i = 0; i < 20; i++) {
      const received = new Promise<Buffer>((resolve) => { subscriber.once('message', (_topic, payload) => { resolve(payload) }) })
      await publisher.publishAsync('rooms/lobby/messages', JSON.stringify({ n: i }), { qos: 1 })
      const answer = await request(`${http}/api/rooms/lobby/history?filter=messages&limit=1`, token)
      const [message] = answer.json().messages
      assert.equal(message.payload.n, i)
      assert.equal(message.sender, 'ada')
      assert.equal(message.payload.id, message.id, 'the stamp is the cursor')
      assert.deepEqual(JSON.parse(String(await received)), message.payload)
    }
  })

  it('keeps thousands of messages sent at once, in order, over a restart', async function () {
    this.timeout(60_000)
    const dataDir = folder()
    const first = await start(dataDir)
    const client = await connect(first.webSocket)
    // Two full pages and some.
    const count = 2100
    await Promise.all(Array.from({ length: count }, (_, n) => client.publishAsync('rooms/lobby/telemetry/ada/n', String(n), { qos: 1 })))
    await stop()

    const { http } = await start(dataDir)
    const seen: number[] = []
    let next: string | null = null
    do {
      const answer = await request(`${http}/api/rooms/lobby/history?limit=1000&filter=telemetry/%23${next === null ? '' : `&before=${next}`}`, token)
      const page = answer.json()
      seen.push(...page.messages.map(({ payload }: { payload: number }) => payload))
      next = page.next
    } while (next !== null)
    assert.deepEqual(seen, Array.from({ length: count }, (_, i) => count - 1 - i))
  })

  it('closes WebSocket connections when the broker does, and ends although clients are connected', async () => {
    const { broker, bridge, webSocket } = await start(folder())
    const client = await connect(webSocket)
    const closed = new Promise<void>((resolve) => { client.once('close', () => { resolve() }) })
    await bridge.close()
    await closed
    await broker.close()
  })
})
