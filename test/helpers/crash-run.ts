import { setTimeout as sleep } from 'node:timers/promises'
import type { HistoryEntry } from './cli-serve.ts'
import { Arrivals } from './crash-arrivals.ts'
import { compare } from './crash-compare.ts'
import type { Place } from './crash-connection.ts'
import { Findings } from './crash-findings.ts'
import { CrashPublisher } from './crash-publisher.ts'
import { randomFrom } from './crash-random.ts'
import type { Environment } from './crash-server.ts'
import { CrashSubscriber } from './crash-subscriber.ts'
import type { Teardown } from './teardown.ts'
import { within } from './within.ts'

const PUBLISHERS = 50
/** Messages that each publisher sends behind what it repeats, when it is to come to rest. */
const MORE = 10
const LONGEST_LOAD_MS = 400
const LONGEST_START_MS = 1000
/** Nothing takes nearly as long when it works. */
const PATIENCE_MS = 15_000

/** What is killed. */
export interface Victim {
  readonly place: Place
  /** Errors that it logged since its last start. */
  readonly errors: readonly string[]
  start (env?: Environment): Promise<void>
  startInVain (ms: number, env?: Environment): Promise<void>
  kill (): Promise<void>
  /** Throws when it has ended by itself. */
  check (): void
  /** All that history holds of the clients' channel, oldest first. */
  history (): Promise<HistoryEntry[]>
}

/**
 * Publishers at full speed, a connected and an absent subscriber, and a server that dies again and again. All of them
 * but the server remember; in the end it is compared who knows what.
 */
export class CrashRun {
  private readonly server: Victim
  private readonly qos: 1 | 2
  private readonly random: () => number
  private readonly findings = new Findings()
  private readonly publishers: CrashPublisher[]
  /** Its one message, sent behind all others, tells a subscriber that nothing more will come. */
  private readonly last: CrashPublisher
  private readonly connected: CrashSubscriber
  private readonly absent: CrashSubscriber
  private kills = 0

  constructor (t: Teardown, server: Victim, { qos, seed }: { qos: 1 | 2, seed: number }) {
    this.server = server
    this.qos = qos
    this.random = randomFrom(seed)
    this.publishers = Array.from({ length: PUBLISHERS }, (_, i) => new CrashPublisher(`p${i}`, qos, this.findings))
    this.last = new CrashPublisher('last', qos, this.findings)
    this.connected = new CrashSubscriber('connected', qos, this.findings)
    this.absent = new CrashSubscriber('absent', qos, this.findings)
    t.after(() => { for (const client of [...this.publishers, this.last, this.connected, this.absent]) client.destroy() })
  }

  /** Starts the server and brings everybody into place. */
  async begin (): Promise<void> {
    await this.server.start()
    for (const subscriber of [this.absent, this.connected]) {
      await subscriber.connect(this.server.place)
      await subscriber.subscribe('rooms/lobby/telemetry/#')
    }
    for (const subscriber of [this.absent, this.connected]) await subscriber.disconnect()
    await this.connect()
  }

  /**
   * Load, a kill in the middle of it, a restart; then all connect again and repeat what is open. In about half of the
   * rounds they come to rest before this resolves; in the others the next kill may hit them while they repeat.
   * Resolves with the number of exchanges that were open at the kill.
   */
  async round (env: Environment = {}): Promise<number> {
    const before = this.acknowledged
    for (const publisher of this.publishers) publisher.publishOn()
    if (!await this.comes(() => this.acknowledged > before)) this.giveUp('nothing was acknowledged')
    // Waits for nothing: this is the moment of the kill.
    await sleep(this.random() * LONGEST_LOAD_MS)
    await this.kill()
    // At QoS 2 all of them may be between PUBREC and PUBCOMP in this moment.
    const open = this.publishers.reduce((sum, { openExchanges }) => sum + openExchanges, 0)
    if (this.random() < 0.25) {
      // Recovery has to bear a kill too.
      await this.server.startInVain(this.random() * LONGEST_START_MS, env)
      this.kills++
    }
    await this.server.start(env)
    const rest = this.random() < 0.5
    if (rest) for (const publisher of this.publishers) publisher.publishMore(MORE)
    await this.connect()
    if (rest) await this.rest()
    return open
  }

  /** Has everything acknowledged and read. Returns what is wrong, a line for each kind. */
  async end (): Promise<readonly string[]> {
    for (const publisher of this.publishers) publisher.publishMore(MORE)
    await this.rest()
    await this.last.connect(this.server.place)
    this.publishers.push(this.last)
    this.last.publishMore(1)
    await this.rest()
    // Nobody has anything to repeat now, so what the server acknowledged is all on its side.
    await this.kill()
    await this.server.start()
    await this.connect()
    await this.readAll(this.connected)
    await this.absent.connect(this.server.place)
    await this.readAll(this.absent)
    const exactlyOnce = this.qos === 2
    compare('at the connected subscriber', this.connected.arrivals, this.publishers, { exactlyOnce, repetitionsAllowed: true }, this.findings)
    compare('at the absent subscriber', this.absent.arrivals, this.publishers, { exactlyOnce }, this.findings)
    compare('in history', this.arrivalsOf(await this.server.history()), this.publishers, { exactlyOnce }, this.findings)
    this.findErrors()
    return this.findings.lines
  }

  /** How much of what happened. */
  get summary (): string {
    const sum = (count: (publisher: CrashPublisher) => number): number => this.publishers.reduce((total, publisher) => total + count(publisher), 0)
    return `${this.kills} kills, ${this.acknowledged} messages acknowledged, ${sum(({ repeatedPublishes }) => repeatedPublishes)} PUBLISH and ${sum(({ repeatedReleases }) => repeatedReleases)} PUBREL repeated`
  }

  private get acknowledged (): number {
    return this.publishers.reduce((sum, { acknowledged }) => sum + acknowledged.size, 0)
  }

  /** Those that are to be connected whenever the server runs. */
  private get clients (): readonly (CrashPublisher | CrashSubscriber)[] {
    return [...this.publishers, this.connected]
  }

  private async connect (): Promise<void> {
    await Promise.all(this.clients.map(async client => await client.connect(this.server.place)))
  }

  /** Resolves when the clients have read what the server had time to send. */
  private async kill (): Promise<void> {
    this.check()
    this.findErrors()
    await this.server.kill()
    this.kills++
    await within(PATIENCE_MS, 'the connections did not end with the server', Promise.all(this.clients.map(async client => await client.closed())))
  }

  private findErrors (): void {
    for (const line of this.server.errors) this.findings.add('errors that the server logged', line)
  }

  /** Waits until the publishers have nothing left to send, or to wait for. */
  private async rest (): Promise<void> {
    if (await this.comes(() => this.publishers.every(({ isDone }) => isDone))) return
    const open = this.publishers.filter(({ isDone }) => !isDone)
    const exchanges = open.reduce((sum, { openExchanges }) => sum + openExchanges, 0)
    this.giveUp(`${exchanges} exchanges of ${open.length} publishers did not end (${open.slice(0, 5).map(({ name }) => name).join(', ')}, ...)`)
  }

  /** Waits until a subscriber has everything. */
  private async readAll (subscriber: CrashSubscriber): Promise<void> {
    // Found already, and nothing will come.
    if (subscriber.isForgotten) return
    if (await this.comes(() => subscriber.arrivals.has(this.last.name, 0))) await subscriber.settled()
    else this.findings.add(`subscribers that did not get the last message, nor any other for ${PATIENCE_MS} ms`, `${subscriber.name}, behind ${subscriber.arrivals.count} messages`)
  }

  /** Waits for a condition as long as packets come; false when they don't any more. */
  private async comes (condition: () => boolean): Promise<boolean> {
    let packets = -1
    let deadline = 0
    while (!condition()) {
      this.check()
      const now = this.publishers.reduce((sum, { packets }) => sum + packets, this.connected.arrivals.count + this.absent.arrivals.count)
      if (now !== packets) deadline = performance.now() + PATIENCE_MS
      else if (performance.now() > deadline) return false
      packets = now
      await sleep(10)
    }
    return true
  }

  private giveUp (why: string): never {
    throw new Error(`${why}, and no packet came for ${PATIENCE_MS} ms, after ${this.summary}. Wrong before: ${this.findings.lines.join('; ') || 'nothing'}`)
  }

  private check (): void {
    this.server.check()
    const lost = this.clients.find(({ connected }) => !connected)
    if (lost !== undefined) throw new Error(`the server ended the connection of ${lost.name}, after ${this.summary}. It logged: ${this.server.errors.join(' ') || 'no error'}`)
  }

  private arrivalsOf (entries: readonly HistoryEntry[]): Arrivals {
    const arrivals = new Arrivals()
    let before = ''
    for (const { id, topic, qos, payload } of entries) {
      // The order of history is the order of its ids; so this is also that ids rise with every message of a client.
      if (id <= before) this.findings.add('ids in history that do not rise', `${id} after ${before}`)
      if (qos !== this.qos) this.findings.add('messages in history with another QoS', `${topic} ${String(payload)}: ${qos}`)
      before = id
      arrivals.add(topic, payload)
    }
    return arrivals
  }
}
