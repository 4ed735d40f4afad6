import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import type { IPublishPacket } from 'mqtt-packet'
import type { Journal } from '../../../broker/journal/journal.ts'
import { rounds } from '../../helpers/attack-target.ts'
import type { MqttClient } from '../../helpers/mqtt-client.ts'
import { Restarts } from '../../helpers/restart.ts'
import { useTeardown } from '../../helpers/teardown.ts'
import { until } from '../../helpers/within.ts'

const TOPICS = ['a', 'b', 'c'].map(name => `rooms/lobby/state/${name}`)
/** What the sessions subscribe to, and which of the topics that are. */
const SESSIONS = [
  { name: 'bob', filters: [TOPICS[0]!, TOPICS[1]!], topics: [0, 1] },
  { name: 'eve', filters: ['rooms/+/state/b'], topics: [1] },
  { name: 'joe', filters: ['rooms/lobby/state/c', 'rooms/lobby/+/b'], topics: [1, 2] }
] as const

type Action =
  | { readonly do: 'publish', readonly count: number, readonly topic: number }
  | { readonly do: 'come' | 'go' | 'acknowledge', readonly who: number }
  | { readonly do: 'kill' | 'flood' | 'compact' }

const who = fc.nat(SESSIONS.length - 1)
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('publish' as const), count: fc.integer({ min: 1, max: 20 }), topic: fc.nat(TOPICS.length - 1) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('come' as const, 'go' as const, 'acknowledge' as const), who }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('flood' as const, 'flood' as const, 'compact' as const, 'compact' as const, 'kill' as const) }) }
)

/** A session whose client comes and goes; of each of its topics it has to get every number, in order. */
class Follower {
  client: MqttClient | null = null
  readonly seen = new Map<string, number>()
  private readonly broker: Restarts
  private readonly name: string
  private readonly open: number[] = []

  constructor (broker: Restarts, name: string) {
    this.broker = broker
    this.name = name
  }

  async come (): Promise<void> {
    if (this.client?.isClosed === false) return
    this.open.length = 0
    this.client = await this.broker.connect(this.name)
  }

  async go (): Promise<void> {
    this.take()
    if (this.client?.isClosed === false) await this.client.end()
    this.take()
    this.client = null
  }

  take (): void {
    for (const packet of this.client?.inbox.splice(0) ?? []) {
      if (packet.cmd !== 'publish') continue
      const { topic, payload, dup, messageId } = packet as IPublishPacket
      this.open.push(messageId!)
      const number = Number(payload.toString())
      const expected = (this.seen.get(topic) ?? -1) + 1
      if (number !== expected) assert.ok(dup && number < expected, `${this.name} got ${topic} ${number} where ${expected} was to come, dup ${dup}`)
      else this.seen.set(topic, number)
    }
  }

  acknowledge (): void {
    this.take()
    if (this.client !== null) for (const messageId of this.open.splice(0)) this.client.send({ cmd: 'puback', messageId })
  }
}

describe('sessions that come and go while the journal is compacted', () => {
  const t = useTeardown()

  it('get everything that was for them, in order', async function () {
    this.timeout(rounds(600_000, 60_000))
    let rewritten = 0
    await fc.assert(fc.asyncProperty(fc.array(action, { minLength: 15, maxLength: 40 }), fc.constantFrom('1', '5', '128'), async (actions, inflight) => {
      const broker = await Restarts.begin(t, { 'limits.inflight': inflight, 'journal.maxBytes': '64MiB', 'journal.userShare': '1' }, '', { fileBytes: 16 * 1024 })
      const journal = (): Journal => broker.foyer.broker.journal as Journal
      const followers = SESSIONS.map(({ name }) => new Follower(broker, name))
      for (const [i, follower] of followers.entries()) {
        await follower.come()
        await follower.client!.subscribe([...SESSIONS[i]!.filters], 1)
      }
      const sent = TOPICS.map(() => 0)
      let ann = await broker.connect('ann', { clean: true })
      let id = 0
      const publish = async (topic: string, payloads: readonly string[]): Promise<void> => {
        for (const payload of payloads) ann.publish(topic, payload, { qos: 1, messageId: ++id })
        await ann.settled()
      }
      for (const step of [...actions, { do: 'flood' }, { do: 'compact' }] as Action[]) {
        for (const follower of followers) follower.take()
        switch (step.do) {
          case 'publish':
            await publish(TOPICS[step.topic]!, Array.from({ length: step.count }, () => String(sent[step.topic]!++)))
            break
          case 'flood':
            for (let i = 0; i < 8; i++) await publish('rooms/lobby/state/loud', ['x'.repeat(45_000)])
            break
          case 'compact':
            // Not waited for: what comes next comes in the middle of it.
            journal().trim()
            break
          case 'come': await followers[step.who]!.come(); break
          case 'go': await followers[step.who]!.go(); break
          case 'acknowledge': followers[step.who]!.acknowledge(); break
          case 'kill':
            await journal().flush()
            for (const follower of followers) {
              if (follower.client !== null) await follower.client.settled()
              follower.take()
              follower.client = null
            }
            await broker.kill()
            ann = await broker.connect('ann', { clean: true })
        }
        rewritten += journal().segments.filter(({ compacted }) => compacted).length
      }
      for (const follower of followers) await follower.come()
      await until(() => followers.every((follower, i) => {
        follower.acknowledge()
        return SESSIONS[i]!.topics.every(topic => (follower.seen.get(TOPICS[topic]!) ?? -1) === sent[topic]! - 1)
      }), 'that everything arrives', 10_000)
      const { matched, written, waiting, dropped } = await broker.balance()
      assert.equal(matched, written + waiting + dropped, 'the ledger is not in balance')
      await broker.foyer.close()
    }), { numRuns: rounds(150, 4), endOnFailure: true })
    assert.ok(rewritten > 0, 'nothing was ever compacted')
  })
})
