import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import type { IPublishPacket, Packet } from 'mqtt-packet'
import { newBroker, type TestBroker } from '../helpers/foyer.ts'
import { MqttClient } from '../helpers/mqtt-client.ts'
import { seed } from '../helpers/attack-seed.ts'
import { rounds } from '../helpers/attack-target.ts'
import type { Teardown } from '../helpers/teardown.ts'
import { until } from '../helpers/within.ts'

const TOPICS = ['rooms/a/telemetry/d/one', 'rooms/a/telemetry/d/two']
const WINDOW = 4

/** What one message may still do, as the subscriber knows it. */
interface Expected {
  readonly topic: string
  readonly qos: 1 | 2
  readonly text: string
  /** `sent`: read by the subscriber on some connection, not acknowledged. `received`: PUBREC sent. */
  state: 'queued' | 'sent' | 'received'
  packetId: number
  /** Its subscription ended while it waited: it may come or not [MQTT-3.10.4-3]. */
  optional: boolean
}

/** The truth that commands are checked against: one persistent session, and what it was promised, in order. */
interface Model {
  connected: boolean
  subscribed: boolean
  pending: Expected[]
}

/** The broker, a publisher, and the subscriber as long as it is connected. */
class System {
  readonly t: Teardown
  readonly foyer: TestBroker
  readonly version: 4 | 5
  readonly publisher: MqttClient
  subscriber: MqttClient | null = null
  private messages = 0
  private ids = 0

  private constructor (t: Teardown, foyer: TestBroker, version: 4 | 5, publisher: MqttClient) {
    this.t = t
    this.foyer = foyer
    this.version = version
    this.publisher = publisher
  }

  static async start (t: Teardown, version: 4 | 5): Promise<System> {
    const foyer = await newBroker(t, { 'limits.inflight': `${WINDOW}` })
    const publisher = await MqttClient.connect(t, { port: foyer.port, clientId: 'publisher', username: 'x', password: Buffer.from(foyer.token('d')) })
    return new System(t, foyer, version, publisher)
  }

  id (): number {
    this.ids = this.ids % 60_000 + 1
    return this.ids
  }

  /** Publishes and waits until the broker has taken responsibility. */
  async publish (topic: string, qos: 1 | 2): Promise<string> {
    const text = `${++this.messages}`
    const messageId = this.id()
    this.publisher.publish(topic, text, { qos, messageId })
    await this.publisher.take(qos === 1 ? 'puback' : 'pubrec')
    if (qos === 2) {
      this.publisher.send({ cmd: 'pubrel', messageId })
      await this.publisher.take('pubcomp')
    }
    return text
  }

  async connect (): Promise<boolean> {
    const { client, connack } = await MqttClient.open(this.t, {
      port: this.foyer.port,
      protocolVersion: this.version,
      clientId: 'subscriber',
      clean: false,
      username: 'x',
      password: Buffer.from(this.foyer.token('s')),
      ...(this.version === 5 ? { properties: { sessionExpiryInterval: 600 } } : {})
    })
    this.subscriber = client
    return connack.sessionPresent
  }
}

/**
 * Reads what the broker has sent by now and holds it against the model: nothing that was not promised, per topic in
 * order, again only with DUP and under the same id, and never more in flight than the window allows.
 */
async function read (model: Model, { subscriber }: System): Promise<void> {
  if (subscriber === null) return
  await subscriber.settled()
  check(model, subscriber)
  // What waited in the journal, or for it, takes its time.
  while (model.connected && inFlight(model) < WINDOW && model.pending.some(({ state, optional }) => state === 'queued' && !optional)) {
    await until(() => subscriber.inbox.length > 0, 'that the window is used')
    check(model, subscriber)
  }
}

function inFlight ({ pending }: Model): number {
  return pending.filter(({ state }) => state !== 'queued').length
}

function check (model: Model, subscriber: MqttClient): void {
  for (const packet of subscriber.inbox.splice(0)) {
    if (packet.cmd === 'pubrel') {
      assert.ok(model.pending.some(({ packetId, state }) => packetId === packet.messageId && state === 'received'), `PUBREL of ${packet.messageId} came out of turn`)
      continue
    }
    assert.equal(packet.cmd, 'publish')
    const { topic, payload, qos, dup, messageId } = packet as IPublishPacket
    const text = payload.toString()
    const found = model.pending.find(expected => expected.text === text)
    assert.ok(found !== undefined, `${text} was not to come, or not again`)
    assert.equal(topic, found.topic)
    assert.equal(qos, found.qos)
    assert.notEqual(found.state, 'received', `${text} came again after its PUBREC`)
    // Nobody waited for an optional one, so it may have been sent to a connection that was gone.
    if (!found.optional) assert.equal(dup, found.state === 'sent', `DUP of ${text}`)
    if (found.state === 'sent') assert.equal(messageId, found.packetId)
    const earlier = model.pending.find(expected => expected.topic === topic)!
    for (const expected of model.pending) {
      if (expected === found) break
      assert.ok(expected.topic !== topic || expected.state !== 'queued' || expected.optional, `${text} overtook ${earlier.text}`)
    }
    found.state = 'sent'
    found.packetId = messageId!
    // Those that were passed over will not come.
    const index = model.pending.indexOf(found)
    model.pending = model.pending.filter((expected, i) => i > index || expected.topic !== topic || expected.state !== 'queued')
  }
  assert.ok(inFlight(model) <= WINDOW, `${inFlight(model)} are in flight`)
}

type Command = fc.AsyncCommand<Model, System>

class Publish implements Command {
  private readonly topic: string
  private readonly qos: 1 | 2
  constructor (topic: string, qos: 1 | 2) {
    this.topic = topic
    this.qos = qos
  }

  check (): boolean { return true }
  async run (model: Model, system: System): Promise<void> {
    const text = await system.publish(this.topic, this.qos)
    if (model.subscribed) model.pending.push({ topic: this.topic, qos: this.qos, text, state: 'queued', packetId: 0, optional: false })
    await read(model, system)
  }

  toString (): string { return `publish(${this.topic}, ${this.qos})` }
}

/** The next step of an open exchange: PUBACK, or PUBREC, or PUBCOMP. */
class Acknowledge implements Command {
  private readonly which: number
  constructor (which: number) { this.which = which }
  check (model: Readonly<Model>): boolean { return model.connected && model.pending.some(({ state }) => state !== 'queued') }
  async run (model: Model, system: System): Promise<void> {
    const open = model.pending.filter(({ state }) => state !== 'queued')
    const chosen = open[this.which % open.length]!
    const step = chosen.qos === 1 ? 'puback' : chosen.state === 'sent' ? 'pubrec' : 'pubcomp'
    system.subscriber!.send({ cmd: step, messageId: chosen.packetId } as Packet)
    if (step === 'pubrec') {
      chosen.state = 'received'
      await system.subscriber!.find(packet => packet.cmd === 'pubrel' && packet.messageId === chosen.packetId, 'PUBREL')
    } else {
      model.pending.splice(model.pending.indexOf(chosen), 1)
    }
    await read(model, system)
  }

  toString (): string { return `acknowledge(${this.which})` }
}

/** Acknowledgements of what is not in flight must change nothing. */
class Nonsense implements Command {
  private readonly cmd: 'puback' | 'pubrec' | 'pubcomp'
  constructor (cmd: 'puback' | 'pubrec' | 'pubcomp') { this.cmd = cmd }
  check (model: Readonly<Model>): boolean { return model.connected }
  async run (model: Model, system: System): Promise<void> {
    const messageId = 65_000
    system.subscriber!.send({ cmd: this.cmd, messageId } as Packet)
    // An unknown PUBREC is answered, so that the other side can finish.
    if (this.cmd === 'pubrec') await system.subscriber!.find(packet => packet.cmd === 'pubrel' && packet.messageId === messageId, 'PUBREL')
    // Nor does an acknowledgement of the wrong kind.
    const open = model.pending.find(({ state }) => state === 'sent')
    if (open !== undefined && this.cmd !== 'pubrec' && (open.qos === 1) !== (this.cmd === 'puback')) system.subscriber!.send({ cmd: this.cmd, messageId: open.packetId } as Packet)
    await read(model, system)
  }

  toString (): string { return `nonsense(${this.cmd})` }
}

class Disconnect implements Command {
  private readonly orderly: boolean
  constructor (orderly: boolean) { this.orderly = orderly }
  check (model: Readonly<Model>): boolean { return model.connected }
  async run (model: Model, system: System): Promise<void> {
    const { subscriber } = system
    if (this.orderly) subscriber!.send({ cmd: 'disconnect', reasonCode: 0 })
    else subscriber!.socket.destroy()
    await subscriber!.closed
    // Until the broker knows, it may send what nobody reads; that would come with DUP.
    await until(() => system.foyer.broker.stats().connections === 1, 'that the broker noticed')
    system.subscriber = null
    model.connected = false
  }

  toString (): string { return `disconnect(${this.orderly})` }
}

/** A new connection, also while the old one is open: that one is taken over. */
class Connect implements Command {
  check (): boolean { return true }
  async run (model: Model, system: System): Promise<void> {
    assert.equal(await system.connect(), true)
    model.connected = true
    // What had a PUBREC gets its PUBREL again; the rest of what was read comes with DUP.
    await read(model, system)
  }

  toString (): string { return 'connect' }
}

class Subscribe implements Command {
  check (model: Readonly<Model>): boolean { return model.connected }
  async run (model: Model, system: System): Promise<void> {
    const { subscriber } = system
    const options = system.version === 5 ? { nl: false, rap: false, rh: 2 } : {}
    subscriber!.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'rooms/a/telemetry/#', qos: 2, ...options }] } as Packet)
    await subscriber!.take('suback')
    model.subscribed = true
    await read(model, system)
  }

  toString (): string { return 'subscribe' }
}

class Unsubscribe implements Command {
  check (model: Readonly<Model>): boolean { return model.connected }
  async run (model: Model, system: System): Promise<void> {
    system.subscriber!.send({ cmd: 'unsubscribe', messageId: 1, unsubscriptions: ['rooms/a/telemetry/#'] })
    await system.subscriber!.take('unsuback')
    model.subscribed = false
    for (const expected of model.pending) if (expected.state === 'queued') expected.optional = true
    await read(model, system)
  }

  toString (): string { return 'unsubscribe' }
}

/** At the end everything that was promised arrives, and then nothing more. */
async function drain (model: Model, system: System): Promise<void> {
  if (!model.connected) await new Connect().run(model, system)
  const { foyer, subscriber } = system
  // What it unsubscribed while it waited in the journal may come, or be dropped when its turn comes.
  for (let atRest = false; ;) {
    await read(model, system)
    if (inFlight(model) > 0) {
      await new Acknowledge(0).run(model, system)
      atRest = false
    } else {
      if (atRest) break
      await until(() => foyer.broker.stats().waiting === 0 || subscriber!.inbox.length > 0, 'that nothing waits')
      atRest = foyer.broker.stats().waiting === 0
    }
  }
  assert.ok(model.pending.every(({ optional }) => optional))
  assert.deepEqual(subscriber!.inbox, [])
  assert.equal(foyer.broker.stats().waiting, 0)
}

describe(`a persistent session (seed ${seed})`, function () {
  this.timeout(rounds(600_000, 60_000))

  for (const version of [4, 5] as const) {
    it(`loses nothing that was acknowledged to a publisher, and repeats nothing without DUP (protocol level ${version})`, async () => {
      const commands = [
        fc.tuple(fc.constantFrom(...TOPICS), fc.constantFrom<1 | 2>(1, 2)).map(([topic, qos]) => new Publish(topic, qos)),
        fc.tuple(fc.constantFrom(...TOPICS), fc.constantFrom<1 | 2>(1, 2)).map(([topic, qos]) => new Publish(topic, qos)),
        fc.nat(WINDOW).map(which => new Acknowledge(which)),
        fc.nat(WINDOW).map(which => new Acknowledge(which)),
        fc.constantFrom<'puback' | 'pubrec' | 'pubcomp'>('puback', 'pubrec', 'pubcomp').map(cmd => new Nonsense(cmd)),
        fc.boolean().map(orderly => new Disconnect(orderly)),
        fc.constant(new Connect()),
        fc.constant(new Subscribe()),
        fc.constant(new Unsubscribe())
      ]
      await fc.assert(fc.asyncProperty(fc.commands(commands, { maxCommands: 60, size: 'max' }), async sequence => {
        const ends: (() => unknown)[] = []
        const system = await System.start({ after: work => { ends.push(work) } }, version)
        try {
          await system.connect()
          const model: Model = { connected: true, subscribed: false, pending: [] }
          await new Subscribe().run(model, system)
          await fc.asyncModelRun(() => ({ model, real: system }), sequence)
          await drain(model, system)
        } finally {
          for (const end of ends.reverse()) await end()
        }
      }), { seed, numRuns: rounds(500, 30), endOnFailure: !process.env.FOYER_TEST_SHRINK })
    })
  }
})
