import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { seed } from '../helpers/attack-seed.ts'
import { rounds } from '../helpers/attack-target.ts'
import { serveWithSecret, token, type Served } from '../helpers/cli-serve.ts'
import { randomFrom } from '../helpers/crash-random.ts'
import { ExchangeSubscriber } from '../helpers/exchange-subscriber.ts'
import { MqttClient } from '../helpers/mqtt-client.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { until } from '../helpers/within.ts'

const TOPICS = ['rooms/lobby/telemetry/d/x', 'rooms/hall/telemetry/d/x']
const FILTER = '$replay/1h/rooms/+/telemetry/#'
/** Stored before the replay begins, on each topic. */
const BEFORE = 1500
/** More while it goes on, now and then. */
const MEANWHILE = 40

describe(`a replay of a lasting session that is killed again and again (seed ${seed})`, function () {
  this.timeout(rounds(600_000, 120_000))
  const t = useTeardown()

  for (const [protocolVersion, qos] of [[4, 1], [4, 2], [5, 2]] as const) {
    it(`brings everything, QoS ${qos} again ${qos === 1 ? 'only with DUP' : 'never'}, in order (protocol level ${protocolVersion})`, async () => {
      const random = randomFrom(seed)
      let server: Served = await serveWithSecret(t)
      let published = 0
      const publish = async (count: number): Promise<void> => {
        const publisher = await MqttClient.connect(t, { port: server.ports.mqtt, username: 'x', password: Buffer.from(token('ann')) })
        let messageId = 0
        for (let i = 0; i < count; i++) {
          published++
          // Level 5 brings each as it was published; that it comes in order says that one QoS does not wait for the other.
          const sent = protocolVersion === 5 && published % 2 === 0 ? 2 : 1
          for (const topic of TOPICS) publisher.publish(topic, `ann ${published}`, { qos: sent, messageId: ++messageId })
        }
        await publisher.settled()
        await publisher.end()
      }
      await publish(BEFORE)

      const bob = new ExchangeSubscriber()
      const connect = async (): Promise<void> => {
        bob.client = await MqttClient.connect(t, { port: server.ports.mqtt, protocolVersion, clientId: 'bob', clean: false, ...protocolVersion === 5 && { properties: { sessionExpiryInterval: 3600 } }, username: 'x', password: Buffer.from(token('bob')) })
      }
      await connect()
      assert.deepEqual(await bob.client!.subscribe(FILTER, qos, 60_000), [qos])
      const deaths = rounds(30, 5)
      for (let death = 0; death < deaths; death++) {
        // It reads on for a while, at its own speed, and dies somewhere.
        const goal = Math.min(published * TOPICS.length, bob.seen.size + 1 + Math.floor(random() * (BEFORE * TOPICS.length / deaths) * 1.5))
        await until(async () => {
          bob.take()
          bob.answer(Math.floor(random() * 9), 1 + Math.floor(random() * 100))
          return bob.seen.size >= goal
        }, `that ${goal} have come, ${bob.seen.size} have`, 20_000)
        if (random() < 0.3) await publish(MEANWHILE)
        if (random() < 0.5) {
          bob.client!.socket.destroy()
          bob.leave(random() < 0.5)
        } else {
          await server.process.stop('SIGKILL')
          await bob.client!.closed.catch(() => {})
          bob.leave(random() < 0.5)
          server = await serveWithSecret(t, { dataDir: server.dataDir })
        }
        await connect()
      }
      await publish(MEANWHILE)
      const all = TOPICS.flatMap(topic => Array.from({ length: published }, (_, i) => `${topic} ann ${i + 1}`))
      await until(async () => {
        bob.take()
        bob.answer(0, 1000)
        await bob.client!.settled()
        return bob.seen.size >= all.length && bob.done
      }, 'that everything comes', 30_000).catch((error: Error) => { throw new Error(`${error.message}; ${bob.seen.size} of ${all.length}, missing ${all.filter(key => !bob.seen.has(key)).slice(0, 5).join(', ')}`) })
      assert.deepEqual([...bob.seen].sort(), all.sort())
    })
  }
})
