import assert from 'node:assert/strict'
import type { IPublishPacket, Packet } from 'mqtt-packet'
import type { MqttClient } from './mqtt-client.ts'

interface Step { readonly cmd: 'puback' | 'pubrec' | 'pubcomp', readonly messageId: number }

/**
 * A subscriber that keeps its side of QoS 1 and 2 over connections, answers when it is told to and in any order, and
 * checks all that arrives: QoS 2 once, again at QoS 1 only with DUP, each publisher's messages on a topic in their order, and
 * no packet identifier for another message while it is open.
 */
export class ExchangeSubscriber {
  client: MqttClient | null = null
  /** What has arrived, by topic and text. */
  readonly seen = new Set<string>()

  /** The newest number by topic and publisher. */
  private readonly last = new Map<string, number>()
  /** Messages by packet identifier whose exchange is open, as far as this side knows. */
  private readonly open = new Map<number, { readonly key: string, readonly qos: number, released: boolean }>()
  private steps: Step[] = []

  /**
   * Nothing is left that either side would have to go on with. A kill may have made the broker forget that a message was
   * sent at QoS 1; if nobody wants it any more, its identifier stays open on this side alone.
   */
  get done (): boolean {
    return this.steps.length === 0 && ![...this.open.values()].some(({ qos }) => qos === 2)
  }

  take (): void {
    for (const packet of this.client?.inbox.splice(0) ?? []) {
      if (packet.cmd === 'publish') this.message(packet as IPublishPacket)
      else if (packet.cmd === 'pubrel') this.release(packet.messageId!)
    }
  }

  private message ({ topic, payload, qos, dup, messageId }: IPublishPacket): void {
    const text = payload.toString()
    const key = `${topic} ${text}`
    const again = this.seen.has(key)
    if (qos === 0) {
      assert.ok(!again, `${key} came again at QoS 0`)
      assert.equal(dup, false)
    } else {
      const id = messageId!
      const open = this.open.get(id)
      assert.ok(open === undefined || open.key === key, `${key} came with packet identifier ${id}, which is open for ${open?.key}`)
      assert.ok(!again || dup, `${key} came again without DUP`)
      if (qos === 2) {
        assert.ok(!again || open !== undefined, `${key} came again at QoS 2 as a new message`)
        assert.ok(open?.released !== true, `${key} came again after its PUBREL`)
      }
      if (open === undefined) {
        // After a kill it may come under another one.
        if (qos === 1) for (const [other, { key: same }] of this.open) if (same === key) this.open.delete(other)
        this.open.set(id, { key, qos, released: false })
      }
      this.owe({ cmd: qos === 1 ? 'puback' : 'pubrec', messageId: id })
    }
    if (again) return
    this.seen.add(key)
    const [publisher, number] = text.split(' ') as [string, string]
    const line = `${topic} ${publisher}`
    assert.ok(Number(number) > (this.last.get(line) ?? 0), `${key} came behind ${this.last.get(line)}`)
    this.last.set(line, Number(number))
  }

  private release (messageId: number): void {
    const open = this.open.get(messageId)
    if (open !== undefined) open.released = true
    this.owe({ cmd: 'pubcomp', messageId })
  }

  private owe (step: Step): void {
    if (!this.steps.some(({ cmd, messageId }) => cmd === step.cmd && messageId === step.messageId)) this.steps.push(step)
  }

  /** Gives `count` of the answers that it owes, from the `which`-th on. */
  answer (which: number, count: number): void {
    this.take()
    if (this.client === null || this.client.isClosed) return
    for (let i = 0; i < count && this.steps.length > 0; i++) {
      const [step] = this.steps.splice(which % this.steps.length, 1) as [Step]
      // The other side may use the identifier again from here on.
      if (step.cmd !== 'pubrec') this.open.delete(step.messageId)
      this.client.send(step as Packet)
    }
  }

  /** The connection is gone. Answers that are owed may still be given on the next one. */
  leave (late: boolean): void {
    this.take()
    this.client = null
    if (!late) this.steps = []
  }
}
