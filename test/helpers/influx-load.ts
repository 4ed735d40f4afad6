import { token } from './cli-serve.ts'
import { MqttClient } from './mqtt-client.ts'
import type { Teardown } from './teardown.ts'
import { until } from './within.ts'

/** Publishes that are on their way at once. */
const WINDOW = 20

/** Publishes numbers to a stored channel without a pause, and knows which of them were acknowledged. */
export class InfluxLoad {
  readonly acknowledged = new Set<number>()
  private readonly t: Teardown
  private next = 0
  private stopping = false
  private running: Promise<void> = Promise.resolve()

  constructor (t: Teardown) {
    this.t = t
  }

  async start (port: number): Promise<void> {
    const client = await MqttClient.connect(this.t, { port, username: 'x', password: Buffer.from(token('ann')) })
    this.stopping = false
    this.running = this.publish(client)
  }

  /** Resolves when all of it is answered, or nothing will be. */
  async stop (): Promise<void> {
    this.stopping = true
    await this.running
  }

  /** Goes on until so many more were acknowledged. */
  async more (count: number): Promise<void> {
    const before = this.acknowledged.size
    await until(() => this.acknowledged.size >= before + count, `${count} more acknowledgements`, 60_000)
  }

  private async publish (client: MqttClient): Promise<void> {
    // A killed server may answer with a reset, which the client takes for no end.
    const gone = new Promise<null>(resolve => client.socket.once('close', () => resolve(null)))
    while (!this.stopping) {
      const first = this.next
      this.next += WINDOW
      for (let i = 0; i < WINDOW; i++) client.publish(`rooms/lobby/telemetry/ann/${i % 7}`, String(first + i), { qos: 1, messageId: i + 1 })
      for (let i = 0; i < WINDOW; i++) {
        const taken = client.take('puback', 10_000).catch((error: unknown) => {
          if (client.socket.destroyed) return null
          throw error
        })
        const puback = await Promise.race([gone, taken])
        // The server was killed: what was not answered may be stored or not.
        if (puback === null) return
        this.acknowledged.add(first + puback.messageId! - 1)
      }
    }
    client.socket.destroy()
  }
}
