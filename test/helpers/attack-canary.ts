import type { IPublishPacket } from 'mqtt-packet'
import type { BrokerProcess } from './attack-process.ts'
import { MqttClient } from './mqtt-client.ts'
import type { Teardown } from './teardown.ts'

/** Two clients that behave, one on 3.1.1 and one on 5: proof that others are still served while somebody attacks. */
export class Canary {
  private readonly talker: MqttClient
  private readonly listener: MqttClient
  private round = 0

  private constructor (talker: MqttClient, listener: MqttClient) {
    this.talker = talker
    this.listener = listener
  }

  static async start (t: Teardown, broker: BrokerProcess): Promise<Canary> {
    const { port } = broker
    const talker = await MqttClient.connect(t, { port, clientId: 'talker', username: 'x', password: broker.token('canary', { canary: 'owner' }) })
    const listener = await MqttClient.connect(t, { port, protocolVersion: 5, clientId: 'listener', username: 'x', password: broker.token('canary', { canary: 'owner' }) })
    await listener.subscribe('rooms/canary/telemetry/#', 2)
    return new Canary(talker, listener)
  }

  /** Exchanges a message of each QoS; fails when one is lost, and returns the milliseconds of the slowest. */
  async sing (): Promise<number> {
    let slowest = 0
    for (const qos of [0, 1, 2] as const) {
      const begin = performance.now()
      await this.exchange(qos)
      slowest = Math.max(slowest, performance.now() - begin)
    }
    return slowest
  }

  private async exchange (qos: 0 | 1 | 2): Promise<void> {
    const { talker, listener } = this
    const text = `song ${++this.round}`
    const messageId = (this.round % 65_535) + 1
    talker.publish('rooms/canary/telemetry/canary/song', text, { qos, ...(qos > 0 ? { messageId } : {}) })
    const message = await listener.find(packet => packet.cmd === 'publish' && packet.payload.toString() === text, `canary message of QoS ${qos}`) as IPublishPacket
    const id = message.messageId!
    if (qos === 1) {
      await talker.take('puback')
      listener.send({ cmd: 'puback', messageId: id })
    } else if (qos === 2) {
      await talker.take('pubrec')
      talker.send({ cmd: 'pubrel', messageId })
      await talker.take('pubcomp')
      listener.send({ cmd: 'pubrec', messageId: id })
      await listener.take('pubrel')
      listener.send({ cmd: 'pubcomp', messageId: id })
    }
  }
}
