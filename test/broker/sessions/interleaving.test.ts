import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import fc from 'fast-check'
import type { IPublishPacket } from 'mqtt-packet'
import { rounds } from '../../helpers/attack-target.ts'
import type { MqttClient } from '../../helpers/mqtt-client.ts'
import { Restarts } from '../../helpers/restart.ts'
import { useTeardown } from '../../helpers/teardown.ts'
import { until } from '../../helpers/within.ts'

const TOPICS = ['rooms/lobby/state/a', 'rooms/lobby/state/b', 'rooms/lobby/signs/c']
const CHANNELS = `
channels:
  signs: { topic: 'rooms/{room}/signs/{name}', qos: 1, durability: memory, store: false, publish: [owner], subscribe: [owner] }
`

type Action = { readonly do: 'publish', readonly count: number, readonly topic: number } | { readonly do: 'connect' | 'reset' | 'leave' | 'acknowledge' | 'kill' }

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('publish' as const), count: fc.integer({ min: 1, max: 60 }), topic: fc.nat(TOPICS.length - 1) }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constantFrom('connect' as const, 'connect' as const, 'acknowledge' as const, 'acknowledge' as const, 'reset' as const, 'leave' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('kill' as const) }) }
)

/** A subscriber that comes and goes, and what it has seen of each topic. */
class Subscriber {
  client: MqttClient | null = null
  killed = false
  readonly seen = new Map<string, number>()
  private readonly broker: Restarts
  private readonly open: { readonly messageId: number, readonly qos: number }[] = []

  constructor (broker: Restarts) {
    this.broker = broker
  }

  async connect (): Promise<void> {
    this.open.length = 0
    this.client = await this.broker.connect('bob')
  }

  /** Takes what has arrived: each topic's numbers rise by one, unless DUP says that they were there before. */
  take (): void {
    if (this.client === null) return
    for (const packet of this.client.inbox.splice(0)) {
      if (packet.cmd !== 'publish') continue
      const { topic, payload, dup, messageId, qos } = packet as IPublishPacket
      this.open.push({ messageId: messageId!, qos })
      if (this.killed && topic === TOPICS[2]) continue
      const number = Number(payload.toString())
      const expected = (this.seen.get(topic) ?? -1) + 1
      if (number !== expected) assert.ok(dup && number < expected, `${topic} ${number} came where ${expected} was to come, dup ${dup}`)
      else this.seen.set(topic, number)
    }
  }

  acknowledge (): void {
    this.take()
    for (const { messageId } of this.open.splice(0)) this.client?.send({ cmd: 'puback', messageId })
  }
}

describe('a session whose connections end at any moment', () => {
  const t = useTeardown()

  it('gets everything acknowledged, in order per topic, and nothing twice without DUP', async function () {
    this.timeout(rounds(600_000, 60_000))
    await fc.assert(fc.asyncProperty(fc.array(action, { minLength: 10, maxLength: 40 }), fc.constantFrom('1', '3', '128'), async (actions, inflight) => {
      const broker = await Restarts.begin(t, { 'limits.inflight': inflight }, CHANNELS, { fileBytes: 4096 })
      const bob = new Subscriber(broker)
      await bob.connect()
      await bob.client!.subscribe(TOPICS, 1)
      const sent = TOPICS.map(() => 0)
      let ann = await broker.connect('ann', { clean: true })
      let id = 0
      let killed = false
      for (const step of actions) {
        bob.take()
        switch (step.do) {
          case 'publish':
            // What a kill does to a channel in memory is not said.
            if (killed && step.topic === 2) break
            for (let i = 0; i < step.count; i++) ann.publish(TOPICS[step.topic]!, String(sent[step.topic]!++), { qos: 1, messageId: ++id })
            await ann.settled()
            break
          case 'connect':
            if (bob.client === null) await bob.connect()
            break
          case 'acknowledge': bob.acknowledge(); break
          case 'leave':
            if (bob.client !== null && !bob.client.isClosed) await bob.client.end()
            bob.take()
            bob.client = null
            break
          case 'reset':
            bob.client?.socket.destroy()
            await bob.client?.closed
            bob.take()
            bob.client = null
            break
          case 'kill':
            await broker.foyer.broker.journal.flush()
            if (bob.client !== null) await bob.client.settled()
            bob.take()
            await broker.kill()
            killed = bob.killed = true
            bob.client = null
            ann = await broker.connect('ann', { clean: true })
        }
      }
      if (bob.client === null || bob.client.isClosed) await bob.connect()
      await until(() => {
        bob.acknowledge()
        return TOPICS.slice(0, killed ? 2 : 3).every((topic, i) => sent[i] === 0 || bob.seen.get(topic) === sent[i]! - 1)
      }, 'that everything arrives', 30_000)
      const { matched, written, waiting, dropped } = await broker.balance()
      assert.equal(matched, written + waiting + dropped, 'the ledger is not in balance')
      await broker.foyer.close()
    }), { numRuns: rounds(200, 8), endOnFailure: true })
  })
})
