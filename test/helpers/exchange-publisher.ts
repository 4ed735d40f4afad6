import assert from 'node:assert/strict'
import type { MqttClient } from './mqtt-client.ts'

/** A publish of one message, numbered by its topic and publisher. */
export interface Sent {
  readonly topic: string
  readonly qos: 0 | 1 | 2
  readonly text: string
  /** The broker has taken responsibility for it. */
  acknowledged: boolean
}

interface Open extends Sent { released: boolean }

/** A publisher that keeps its side of QoS 2 over connections: what was not answered is sent again. */
export class ExchangePublisher {
  readonly name: string
  client!: MqttClient

  private readonly numbers = new Map<string, number>()
  private readonly open = new Map<number, Open>()
  private lastId = 0

  constructor (name: string) {
    this.name = name
  }

  publish (topic: string, qos: 0 | 1 | 2): Sent {
    const number = (this.numbers.get(topic) ?? 0) + 1
    this.numbers.set(topic, number)
    const sent: Open = { topic, qos, text: `${this.name} ${number}`, acknowledged: false, released: false }
    if (qos === 0) {
      this.client.publish(topic, sent.text)
      return sent
    }
    const messageId = this.lastId = this.lastId % 60_000 + 1
    this.open.set(messageId, sent)
    this.client.publish(topic, sent.text, { qos, messageId })
    return sent
  }

  /** Takes the answers that have come, and goes on with what they are answers to. */
  take (): void {
    for (const packet of this.client.inbox.splice(0)) {
      const { cmd, messageId } = packet
      const sent = this.open.get(messageId ?? 0)
      if (cmd === 'puback' || cmd === 'pubcomp') {
        if (sent !== undefined) sent.acknowledged = true
        this.open.delete(messageId!)
      } else if (cmd === 'pubrec') {
        assert.ok(sent !== undefined, `PUBREC of ${messageId} came out of turn`)
        sent.acknowledged = sent.released = true
        this.client.send({ cmd: 'pubrel', messageId: messageId! })
      }
    }
  }

  /** Resolves when everything is answered. */
  async settle (): Promise<void> {
    do {
      await this.client.settled()
      this.take()
    } while (this.open.size > 0)
  }

  /** Goes on over a new connection. A message of QoS 1 sent again would be another one to everybody, so it is not. */
  resume (client: MqttClient): void {
    this.client = client
    for (const [messageId, { topic, qos, text, released }] of this.open) {
      if (released) client.send({ cmd: 'pubrel', messageId })
      else if (qos === 2) client.publish(topic, text, { qos, messageId, dup: true })
      else this.open.delete(messageId)
    }
  }
}
