/** What arrived of one publisher at one place, by sequence number. */
interface Arrived {
  /** How often, in any way. */
  readonly copies: number[]
  /** How often not marked as a repetition. */
  readonly fresh: number[]
  highest: number
}

const TOPIC = /^rooms\/lobby\/telemetry\/([^/]+)\/n$/

/** The topic that a client publishes on. */
export function topicOf (client: string): string {
  return `rooms/lobby/telemetry/${client}/n`
}

/** Everything that arrived at one place: at a subscriber, or in history. */
export class Arrivals {
  /** Messages, all copies counted. */
  count = 0
  readonly byClient = new Map<string, Arrived>()
  /** `client/sequence` of what came for the first time behind a later message of the same client. */
  readonly overtaken: string[] = []
  /** What no publisher sends. */
  readonly strange: string[] = []

  /** Adds the next message; `repeated` when it came with DUP. */
  add (topic: string, payload: unknown, repeated = false): void {
    this.count++
    const client = TOPIC.exec(topic)?.[1]
    if (client === undefined || !/^\d{1,9}$/.test(String(payload))) {
      this.strange.push(`${topic} ${String(payload)}`)
      return
    }
    const sequence = Number(payload)
    let arrived = this.byClient.get(client)
    if (arrived === undefined) this.byClient.set(client, arrived = { copies: [], fresh: [], highest: -1 })
    const copies = arrived.copies[sequence] ?? 0
    if (copies === 0 && sequence < arrived.highest) this.overtaken.push(`${client}/${sequence}`)
    arrived.copies[sequence] = copies + 1
    if (!repeated) arrived.fresh[sequence] = (arrived.fresh[sequence] ?? 0) + 1
    arrived.highest = Math.max(arrived.highest, sequence)
  }

  has (client: string, sequence: number): boolean {
    return (this.byClient.get(client)?.copies[sequence] ?? 0) > 0
  }
}
