import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import type { IPublishPacket } from 'mqtt-packet'
import { seed } from '../../helpers/attack-seed.ts'
import { rounds } from '../../helpers/attack-target.ts'
import type { MqttClient } from '../../helpers/mqtt-client.ts'
import { arrivals, Restarts, texts } from '../../helpers/restart.ts'
import { useTeardown, type Teardown } from '../../helpers/teardown.ts'
import { until } from '../../helpers/within.ts'

const TOPIC = 'rooms/lobby/state/d'
const SHARED = `$share/g/${TOPIC}`

function numbers (from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, i) => String(from + i))
}

function sorted (all: readonly string[]): string[] {
  return [...all].sort((a, b) => Number(a) - Number(b))
}

/** A member of the group that does its part of each exchange, and remembers it as a client with a lasting session does. */
class Member {
  readonly name: string
  client: MqttClient | null = null
  /** What it got, once each at QoS 2; at QoS 1 whatever came without DUP, and what came with it for the first time. */
  readonly got: string[] = []
  /** Copies that came without DUP although it had the message. */
  readonly copies: string[] = []
  private readonly open = new Set<number>()

  constructor (name: string) {
    this.name = name
  }

  /** Answers what has arrived; `most` messages at most, as if it had died then. */
  answer (most = Infinity): void {
    const { client } = this
    if (client === null) return
    for (let left = most; client.inbox.length > 0 && left > 0; left--) {
      const packet = client.inbox.shift()!
      if (packet.cmd === 'pubrel') {
        this.open.delete(packet.messageId!)
        client.send({ cmd: 'pubcomp', messageId: packet.messageId! })
      } else if (packet.cmd === 'publish') {
        this.take(client, packet)
      }
    }
  }

  private take (client: MqttClient, { qos, dup, messageId, payload }: IPublishPacket): void {
    const text = payload.toString()
    if (qos === 1) {
      if (!this.got.includes(text)) this.got.push(text)
      else if (!dup) this.copies.push(text)
      client.send({ cmd: 'puback', messageId: messageId! })
    } else {
      if (!this.open.has(messageId!)) this.got.push(text)
      this.open.add(messageId!)
      client.send({ cmd: 'pubrec', messageId: messageId! })
    }
  }
}

describe('a shared subscription of lasting sessions', function () {
  this.timeout(rounds(600_000, 60_000))
  const t = useTeardown()

  for (const qos of [1, 2] as const) {
    it(`has what waited for absent members after a kill: each message once, in order (QoS ${qos})`, async () => {
      const broker = await Restarts.begin(t)
      for (const name of ['ann', 'bob']) {
        const member = await broker.connect(name)
        await member.subscribe(SHARED, qos)
        await member.end()
      }
      await broker.publish(TOPIC, numbers(1, 20), { qos })
      await broker.kill()
      await broker.kill()
      const members = [await broker.connect('ann'), await broker.connect('bob')]
      await until(() => broker.foyer.broker.stats().waiting === 0, 'that all is sent')
      const both: string[][] = []
      for (const member of members) both.push(texts(await arrivals(member, 1)))
      for (const all of both) assert.deepEqual(all, sorted(all))
      assert.deepEqual(sorted(both.flat()), numbers(1, 20))
    })

    it(`repeats what was in flight to the member that had it (QoS ${qos})`, async () => {
      const broker = await Restarts.begin(t)
      const ann = await broker.connect('ann')
      await ann.subscribe(SHARED, qos)
      const bob = await broker.connect('bob')
      await bob.subscribe(SHARED, qos)
      await broker.publish(TOPIC, numbers(1, 6), { qos })
      const before = [texts(await arrivals(ann, 3)), texts(await arrivals(bob, 3))]
      await until(() => broker.foyer.broker.stats().connections === 2, 'that the publisher is gone')
      await broker.foyer.broker.journal.flush()
      await broker.kill()
      const again = [await arrivals(await broker.connect('ann'), 3), await arrivals(await broker.connect('bob'), 3)]
      assert.deepEqual(again.map(texts), before)
      assert.ok(again.flat().every(({ dup }) => dup))
    })
  }

  it('goes to another member what one did not acknowledge whose session ends', async () => {
    const broker = await Restarts.begin(t)
    const clean = await broker.connect('ann', { clean: true })
    await clean.subscribe(SHARED, 1)
    await broker.publish(TOPIC, numbers(1, 4))
    assert.equal((await arrivals(clean, 4)).length, 4)
    const bob = await broker.connect('bob')
    await bob.subscribe(SHARED, 1)
    clean.socket.destroy()
    assert.deepEqual(texts(await arrivals(bob, 4)), numbers(1, 4))
  })

  it('goes to another member what waited for one whose session ends while it is away', async () => {
    const broker = await Restarts.begin(t)
    const ann = await broker.connect('ann', { protocolVersion: 5 })
    await ann.subscribe(SHARED, 1)
    await ann.end()
    await broker.publish(TOPIC, numbers(1, 4))
    const bob = await broker.connect('bob')
    await bob.subscribe(SHARED, 1)
    await (await broker.connect('ann', { clean: true })).end()
    assert.deepEqual(texts(await arrivals(bob, 4)), numbers(1, 4))
    await broker.foyer.broker.journal.flush()
    await broker.kill()
    assert.deepEqual(texts(await arrivals(await broker.connect('bob'), 4)), numbers(1, 4), 'also over a kill')
  })

  it('goes to another member what waited for one that unsubscribes, or whose token allows less', async () => {
    const broker = await Restarts.begin(t)
    for (const name of ['ann', 'eve']) {
      const member = await broker.connect(name)
      await member.subscribe(SHARED, 1)
      await member.end()
    }
    await broker.publish(TOPIC, numbers(1, 4))
    const bob = await broker.connect('bob')
    await bob.subscribe(SHARED, 1)
    await broker.connect('ann', { rooms: { hall: 'owner' } })
    await broker.connect('eve', { rooms: { hall: 'owner' } })
    assert.deepEqual(sorted(texts(await arrivals(bob, 4))), numbers(1, 4))
  })

  it('keeps no more for an absent member than sessions.queueMessages', async () => {
    const broker = await Restarts.begin(t, { 'sessions.queueMessages': '5' })
    const ann = await broker.connect('ann')
    await ann.subscribe(SHARED, 1)
    await ann.end()
    await broker.publish(TOPIC, numbers(1, 20))
    assert.equal(broker.foyer.broker.stats().dropped.get('queueFull'), 15)
    await broker.kill()
    assert.deepEqual(texts(await arrivals(await broker.connect('ann'), 5)), numbers(1, 5))
  })

  for (const qos of [1, 2] as const) {
    it(`loses nothing that was acknowledged to a publisher, whoever comes, goes and dies (QoS ${qos}, seed ${seed})`, async () => {
      const step = fc.oneof(
        { weight: 4, arbitrary: fc.record({ kind: fc.constant('publish' as const), count: fc.integer({ min: 1, max: 15 }) }) },
        { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('connect' as const, 'leave' as const, 'end' as const), member: fc.nat(2) }) },
        { weight: 4, arbitrary: fc.record({ kind: fc.constant('answer' as const), member: fc.nat(2), count: fc.integer({ min: 1, max: 10 }) }) },
        { weight: 1, arbitrary: fc.record({ kind: fc.constant('kill' as const) }) }
      )
      await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async steps => {
        const teardown: (() => unknown)[] = []
        const own: Teardown = { after: undo => { teardown.unshift(undo) } }
        try {
          await play(own, qos, steps)
        } finally {
          for (const undo of teardown) await undo()
        }
      }), { seed, numRuns: rounds(100, 6), endOnFailure: true })
    })
  }
})

type Step =
  | { readonly kind: 'publish', readonly count: number }
  | { readonly kind: 'connect' | 'leave' | 'end', readonly member: number }
  | { readonly kind: 'answer', readonly member: number, readonly count: number }
  | { readonly kind: 'kill' }

async function play (t: Teardown, qos: 1 | 2, steps: readonly Step[]): Promise<void> {
  const broker = await Restarts.begin(t, {}, '', { fileBytes: 4000 })
  const members = ['ann', 'bob', 'cid'].map(name => new Member(name))
  const connect = async (member: Member): Promise<void> => { member.client ??= await broker.connect(member.name) }
  for (const member of members) {
    await connect(member)
    await member.client!.subscribe(SHARED, qos)
  }
  let published = 0
  for (const step of steps) {
    const member = 'member' in step ? members[step.member]! : null
    switch (step.kind) {
      case 'publish':
        await broker.publish(TOPIC, numbers(published + 1, published += step.count), { qos })
        break
      case 'connect':
        await connect(member!)
        break
      case 'leave':
      case 'end':
        if (member!.client === null) break
        if (step.kind === 'end') member!.client.send({ cmd: 'disconnect', reasonCode: 0 })
        else member!.client.socket.destroy()
        await member!.client.closed
        member!.client = null
        break
      case 'answer':
        member!.answer(step.count)
        break
      case 'kill':
        await broker.kill()
        for (const member of members) member.client = null
    }
  }
  for (const member of members) await connect(member)
  const got = (): Set<string> => new Set(members.flatMap(({ got }) => got))
  await until(() => {
    for (const member of members) member.answer()
    return got().size === published && broker.foyer.broker.stats().waiting === 0
  }, 'that every message has reached a member', 10_000)
  for (const member of members) {
    await member.client!.settled()
    member.answer()
  }
  const all = members.flatMap(({ got }) => got)
  assert.deepEqual(members.map(({ copies }) => copies), [[], [], []])
  if (qos === 2) assert.deepEqual(sorted(all), numbers(1, published), 'each exactly once')
}
