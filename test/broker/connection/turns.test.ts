import assert from 'node:assert/strict'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, it } from 'mocha'
import { generate, type Packet } from 'mqtt-packet'
import { newBroker, type TestBroker } from '../../helpers/foyer.ts'
import { MqttClient } from '../../helpers/mqtt-client.ts'
import { useTeardown } from '../../helpers/teardown.ts'

describe('a client whose packets have nobody to wait for', () => {
  const t = useTeardown()

  const open = async ({ port, token }: TestBroker): Promise<MqttClient> => await MqttClient.connect(t, { port, username: 'x', password: Buffer.from(token('ann')) })

  /** Sends packets at once, and returns how many were handled in one turn of the event loop at most. */
  async function most (client: MqttClient, packets: readonly Packet[], handled: () => number): Promise<number> {
    const before = handled()
    client.send(Buffer.concat(packets.map(packet => generate(packet))))
    let [done, most] = [0, 0]
    while (done < packets.length) {
      await nextTurn()
      const now = handled() - before
      most = Math.max(most, now - done)
      done = now
    }
    return most
  }

  const subscribe = (i: number): Packet => ({ cmd: 'subscribe', messageId: i + 1, subscriptions: [{ topic: `rooms/r${i}/live/x`, qos: 0 }] })

  it('lets others have their turn while it subscribes', async () => {
    const foyer = await newBroker(t)
    const packets = Array.from({ length: 800 }, (_, i) => subscribe(i))
    const { broker } = foyer
    const handled = await most(await open(foyer), packets, () => broker.stats().subscriptions)
    assert.ok(handled < packets.length / 2, `${handled} in one turn`)
  })

  it('lets others have their turn while it renews its token', async () => {
    const foyer = await newBroker(t)
    const { broker, token } = foyer
    const client = await open(foyer)
    await client.subscribe(Array.from({ length: 100 }, (_, i) => `rooms/${i}/live/x`))
    const tokens = [token('ann', { '*': 'member' }), token('ann')]
    const packets = Array.from({ length: 150 }, (_, i): Packet => ({ cmd: 'publish', topic: '$me/auth/refresh', payload: tokens[i % 2]!, qos: 0, dup: false, retain: false }))
    const handled = await most(client, packets, () => broker.stats().accepted)
    assert.ok(handled < packets.length / 2, `${handled} in one turn`)
  })
})
