import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { diskFiles } from '../../../broker/journal/file-layer.ts'
import { seed } from '../../helpers/attack-seed.ts'
import { rounds } from '../../helpers/attack-target.ts'
import { ExchangePublisher, type Sent } from '../../helpers/exchange-publisher.ts'
import { ExchangeSubscriber } from '../../helpers/exchange-subscriber.ts'
import { randomFrom } from '../../helpers/crash-random.ts'
import { FaultyFiles } from '../../helpers/faulty-files.ts'
import { Restarts } from '../../helpers/restart.ts'
import type { Teardown } from '../../helpers/teardown.ts'
import { until } from '../../helpers/within.ts'

// QoS 0 stays QoS 0 there, and all of them are on the disk.
const TOPICS = ['rooms/a/telemetry/d/x', 'rooms/a/telemetry/d/y', 'rooms/b/telemetry/d/x']

type Action =
  | { readonly do: 'publish', readonly publisher: number, readonly topic: number, readonly qos: readonly (0 | 1 | 2)[] }
  | { readonly do: 'answer', readonly which: number, readonly count: number }
  | { readonly do: 'subscribe' | 'unsubscribe', readonly topic: number }
  | { readonly do: 'reset' | 'leave' | 'kill', readonly late: boolean }
  | { readonly do: 'connect' | 'settle' }

const topic = fc.nat(TOPICS.length - 1)
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('publish' as const), publisher: fc.nat(1), topic, qos: fc.array(fc.constantFrom<0 | 1 | 2>(0, 1, 2), { minLength: 1, maxLength: 12 }) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('answer' as const), which: fc.nat(9), count: fc.integer({ min: 1, max: 20 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('subscribe' as const, 'unsubscribe' as const), topic }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('reset' as const, 'leave' as const), late: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('kill' as const), late: fc.boolean() }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('connect' as const, 'settle' as const) }) }
)

/** Some writes take long enough that kills come before them, while everything else goes on. */
function slowFiles (random: () => number): FaultyFiles {
  const files = new FaultyFiles()
  files.write = async (...args) => {
    if (random() < 0.3) await sleep(random() * 20)
    await diskFiles.write(...args)
  }
  return files
}

/** One broker after the other, two publishers, a subscriber that comes and goes, and what it was promised. */
class System {
  readonly bob = new ExchangeSubscriber()
  private readonly broker: Restarts
  private readonly version: 4 | 5
  private readonly publishers = ['ann', 'cat'].map(name => new ExchangePublisher(name))
  private readonly subscribed = new Set<string>()
  /** Whether bob has been there. */
  private known = false
  private sent: (Sent & { wanted: boolean })[] = []

  private constructor (broker: Restarts, version: 4 | 5) {
    this.broker = broker
    this.version = version
  }

  static async begin (t: Teardown, version: 4 | 5, inflight: string): Promise<System> {
    const system = new System(await Restarts.begin(t, { 'limits.inflight': inflight }, '', { fileBytes: 4096, files: slowFiles(randomFrom(seed)) }), version)
    for (const publisher of system.publishers) publisher.client = await system.broker.connect(publisher.name)
    await system.connect()
    for (const topic of TOPICS) await system.subscribe(topic)
    return system
  }

  async run (action: Action): Promise<void> {
    switch (action.do) {
      case 'publish': {
        const topic = TOPICS[action.topic]!
        for (const qos of action.qos) this.sent.push(Object.assign(this.publishers[action.publisher]!.publish(topic, qos), { wanted: qos > 0 && this.subscribed.has(topic) }))
        break
      }
      case 'answer': this.bob.answer(action.which, action.count); break
      case 'subscribe': if (this.bob.client !== null) await this.subscribe(TOPICS[action.topic]!); break
      case 'unsubscribe': if (this.bob.client !== null) await this.unsubscribe(TOPICS[action.topic]!); break
      case 'connect': await this.connect(); break
      case 'settle': await this.settle(); break
      case 'kill': await this.kill(action.late); break
      case 'reset': case 'leave': await this.disconnect(action.do, action.late)
    }
    for (const publisher of this.publishers) publisher.take()
    this.bob.take()
  }

  /** Also while there is a connection: that one is taken over, and what had been sent on it is read first. */
  private async connect (): Promise<void> {
    const before = this.bob.client
    const { client, present } = await this.broker.open('bob', { protocolVersion: this.version })
    assert.equal(present, this.known)
    this.known = true
    if (before !== null) {
      await before.closed
      this.bob.leave(false)
    }
    this.bob.client = client
  }

  private async disconnect (how: 'reset' | 'leave', late: boolean): Promise<void> {
    const { client } = this.bob
    if (client === null) return
    if (how === 'leave') client.send({ cmd: 'disconnect', reasonCode: 0 })
    else client.socket.destroy()
    await client.closed
    this.bob.leave(late)
  }

  private async settle (): Promise<void> {
    for (const publisher of this.publishers) await publisher.settle()
    await this.broker.foyer.broker.journal.flush()
  }

  /** Nothing is under way while a subscription changes: so it is known what it is for. */
  private async subscribe (topic: string): Promise<void> {
    await this.settle()
    await this.bob.client!.subscribe(topic, 2)
    this.subscribed.add(topic)
  }

  private async unsubscribe (topic: string): Promise<void> {
    await this.settle()
    const client = this.bob.client!
    client.send({ cmd: 'unsubscribe', messageId: 1, unsubscriptions: [topic] })
    await client.take('unsuback')
    this.bob.take()
    this.subscribed.delete(topic)
    // What waits may come or not [MQTT-3.10.4-3].
    for (const sent of this.sent) if (sent.topic === topic) sent.wanted = false
  }

  /** All in one turn: what anybody is told after the copy of the disk did not happen. */
  private async kill (late: boolean): Promise<void> {
    const image = this.broker.image()
    for (const publisher of this.publishers) {
      publisher.take()
      publisher.client.socket.destroy()
    }
    this.bob.client?.socket.destroy()
    this.bob.leave(late)
    for (const sent of this.sent) if (sent.qos === 1 && !sent.acknowledged) sent.wanted = false
    await this.broker.foyer.close()
    await this.broker.resume(image)
    for (const publisher of this.publishers) publisher.resume(await this.broker.connect(publisher.name))
  }

  /** Everything that was promised is there in the end, and nothing comes again, not after another kill either. */
  async end (): Promise<void> {
    if (this.bob.client === null) await this.connect()
    await this.settle()
    const missing = (): string[] => this.sent.filter(({ wanted, topic, text }) => wanted && !this.bob.seen.has(`${topic} ${text}`)).map(({ topic, text }) => `${topic} ${text}`)
    await until(async () => {
      this.bob.answer(0, 1000)
      await this.bob.client!.settled()
      // An answer makes room for the next one, which leaves when the disk has it.
      await this.broker.foyer.broker.journal.flush()
      await this.bob.client!.settled()
      this.bob.take()
      return this.bob.done && missing().length === 0 && this.broker.foyer.broker.stats().waiting === 0
    }, 'that everything arrives', 10_000).catch((error: Error) => { throw new Error(`${error.message}; missing: ${missing().join(', ')}`) })
    const { matched, written, waiting, dropped } = await this.broker.balance()
    assert.equal(matched, written + waiting + dropped, 'the ledger is not in balance')
    await this.disconnect('leave', false)
    await until(() => this.broker.foyer.broker.stats().connections === 2, 'that the broker has seen the end')
    await this.settle()
    await this.kill(false)
    const { size } = this.bob.seen
    await this.connect()
    await this.bob.client!.settled()
    assert.deepEqual(this.bob.client!.inbox, [])
    assert.equal(this.bob.seen.size, size)
  }
}

describe(`the exchanges of a session whose connections and brokers end at any moment (seed ${seed})`, function () {
  this.timeout(rounds(1_200_000, 60_000))

  for (const version of [4, 5] as const) {
    it(`bring QoS 2 once, QoS 1 again only with DUP, and keep order and identifiers (level ${version})`, async () => {
      await fc.assert(fc.asyncProperty(fc.array(action, { minLength: 15, maxLength: 60, size: 'max' }), fc.constantFrom('1', '3', '128'), async (actions, inflight) => {
        const ends: (() => unknown)[] = []
        try {
          const system = await System.begin({ after: work => { ends.push(work) } }, version, inflight)
          for (const action of actions) await system.run(action)
          await system.end()
        } finally {
          for (const end of ends.reverse()) await end()
        }
      }), { seed, numRuns: rounds(300, 6), endOnFailure: !process.env.FOYER_TEST_SHRINK })
    })
  }
})
