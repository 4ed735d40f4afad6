import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { IPublishPacket } from 'mqtt-packet'
import type { BrokerOptions } from '../../broker/index.ts'
import { newBroker, type Keys, type TestBroker } from './foyer.ts'
import { MqttClient, type ConnectOptions } from './mqtt-client.ts'
import type { Teardown } from './teardown.ts'
import { PATIENCE_MS, until } from './within.ts'

/** Brokers in this process that die as by a kill: the next one gets what the disk has at that moment, and nothing else. */
export class Restarts {
  foyer!: TestBroker

  private readonly t: Teardown
  private readonly keys: Keys
  private readonly yaml: string
  private readonly disk: Pick<BrokerOptions, 'files' | 'fileBytes'>

  private constructor (t: Teardown, keys: Keys, yaml: string, disk: Pick<BrokerOptions, 'files' | 'fileBytes'>) {
    this.t = t
    this.keys = keys
    this.yaml = yaml
    this.disk = disk
  }

  static async begin (t: Teardown, keys: Keys = {}, yaml = '', disk: Pick<BrokerOptions, 'files' | 'fileBytes'> = {}): Promise<Restarts> {
    const restarts = new Restarts(t, keys, yaml, disk)
    restarts.foyer = await newBroker(t, keys, yaml, disk)
    return restarts
  }

  /**
   * Ends the broker as a kill would and begins the next. The copy is made without yielding, so nothing is half done in
   * it but what the file system was doing.
   */
  async kill (keys: Keys = {}): Promise<void> {
    const dataDir = this.image()
    await this.foyer.close()
    await this.resume(dataDir, keys)
  }

  /** What a kill would leave at this moment. */
  image (): string {
    const dataDir = mkdtempSync(join(tmpdir(), 'foyer-'))
    this.t.after(() => rmSync(dataDir, { recursive: true, force: true }))
    for (;;) {
      try {
        cpSync(this.foyer.config.dataDir, dataDir, { recursive: true, filter: path => !path.endsWith('lock') })
        return dataDir
      } catch (error) {
        // A file was removed or renamed by another thread meanwhile: what was copied is of no moment that ever was.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
        rmSync(dataDir, { recursive: true, force: true })
      }
    }
  }

  /** Begins the next broker from what `image` kept. */
  async resume (dataDir: string, keys: Keys = {}): Promise<void> {
    this.foyer = await newBroker(this.t, { ...this.keys, ...keys, dataDir }, this.yaml, this.disk)
  }

  /** A client of the present broker, whose session lasts unless it says otherwise. */
  async connect (name: string, { rooms, ...options }: Partial<ConnectOptions> & { rooms?: Record<string, string> } = {}): Promise<MqttClient> {
    return (await this.open(name, { ...options, ...(rooms === undefined ? {} : { rooms }) })).client
  }

  async open (name: string, { rooms, ...options }: Partial<ConnectOptions> & { rooms?: Record<string, string> } = {}): Promise<{ client: MqttClient, present: boolean }> {
    const { client, connack } = await MqttClient.open(this.t, {
      port: this.foyer.port,
      clientId: name,
      clean: false,
      username: 'x',
      password: Buffer.from(this.foyer.token(name, rooms)),
      ...(options.protocolVersion === 5 ? { properties: { sessionExpiryInterval: 600 } } : {}),
      ...options
    })
    const code = connack.reasonCode ?? connack.returnCode
    if (code !== 0) throw new Error(`CONNECT was refused with ${code}`)
    return { client, present: connack.sessionPresent }
  }

  /** Publishes all of `payloads` at QoS 1 or 2, and resolves when each is the broker's. */
  async publish (topic: string, payloads: readonly string[], { qos = 1 as 1 | 2, retain = false } = {}): Promise<void> {
    const client = await this.connect('publisher', { clean: true })
    for (const [i, payload] of payloads.entries()) client.publish(topic, payload, { qos, messageId: i + 1, retain })
    await client.settled()
    await client.end()
  }

  /** Takes the ledger's word that nothing is under way, and checks its balance. */
  async balance (): Promise<{ matched: number, written: number, waiting: number, dropped: number }> {
    let last = ''
    await until(() => {
      const now = JSON.stringify(this.sums())
      const same = now === last
      last = now
      return same
    }, 'that the ledger is at rest')
    return this.sums()
  }

  private sums (): { matched: number, written: number, waiting: number, dropped: number } {
    const { matched, written, waiting, dropped } = this.foyer.broker.stats()
    return { matched, written, waiting, dropped: [...dropped.values()].reduce((sum, count) => sum + count, 0) }
  }
}

/** What arrived as PUBLISH so far, taken from the inbox once there are `count` of them. */
export async function arrivals (client: MqttClient, count: number, ms = PATIENCE_MS): Promise<IPublishPacket[]> {
  const found = (): IPublishPacket[] => client.inbox.filter((packet): packet is IPublishPacket => packet.cmd === 'publish')
  await until(() => found().length >= count, `that ${count} messages arrive`, ms)
  await client.settled()
  const all = found()
  for (const packet of all) client.inbox.splice(client.inbox.indexOf(packet), 1)
  return all
}

export function texts (messages: readonly IPublishPacket[]): string[] {
  return messages.map(({ payload }) => payload.toString())
}
