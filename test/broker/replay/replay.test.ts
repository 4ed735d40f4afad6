import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { IPublishPacket } from 'mqtt-packet'
import { MqttClient, type ConnectOptions } from '../../helpers/mqtt-client.ts'
import { observe } from '../../helpers/observe.ts'
import { useTeardown } from '../../helpers/teardown.ts'
import { until } from '../../helpers/within.ts'

const TOPIC = 'rooms/lobby/telemetry/d/x'

describe('a replay', () => {
  const t = useTeardown()

  async function setUp () {
    const foyer = await observe(t)
    const open = (name: string, more: Partial<ConnectOptions> = {}) => MqttClient.connect(t, { port: foyer.port, clientId: name, username: 'x', password: Buffer.from(foyer.token(name)), ...more })
    return { foyer, open }
  }

  const numbers = (client: MqttClient): number[] => client.inbox.filter(packet => packet.cmd === 'publish' && packet.topic === TOPIC).map(packet => Number((packet as IPublishPacket).payload))

  for (const protocolVersion of [4, 5] as const) {
    it(`brings what was stored, then the marker, then what comes (level ${protocolVersion})`, async () => {
      const { foyer, open } = await setUp()
      const publisher = await open('ann')
      let n = 0
      const publish = async (count: number): Promise<void> => {
        for (let i = 0; i < count; i++) publisher.publish(TOPIC, String(++n), { qos: 1, messageId: n })
        await publisher.settled()
      }
      await publish(300)
      await foyer.bridge.flush()
      await publish(50)
      const reader = await open('bob', { protocolVersion })
      await reader.subscribe('$me/replay', 0, 1)
      assert.deepEqual(await reader.subscribe(`$replay/last=200/${TOPIC}`, 0, 2), [0])
      const marker = await reader.find(packet => packet.cmd === 'publish' && packet.topic === '$me/replay', 'marker') as IPublishPacket
      assert.deepEqual({ ...JSON.parse(marker.payload.toString()), cursor: null }, { filter: `$replay/last=200/${TOPIC}`, cursor: null, replayed: 200, complete: true })
      assert.deepEqual(numbers(reader), Array.from({ length: 200 }, (_, i) => i + 151))
      await publish(20)
      await until(() => numbers(reader).length === 220, 'that live ones come')
      assert.deepEqual(numbers(reader), Array.from({ length: 220 }, (_, i) => i + 151))
      assert.ok(reader.inbox.every(packet => packet.cmd !== 'publish' || !packet.retain))
    })
  }
})
