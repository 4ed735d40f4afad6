import type { DuckDBConnection } from '@duckdb/node-api'
import type { Origin } from '../record-rows.ts'

/** Origins that are remembered; others get a new number when they come again, which costs a row. */
const REMEMBERED = 100_000

interface Numbered extends Origin {
  readonly id: number
}

/** The numbers of the origins of messages: node, room, channel, topic and sender together. */
export class Origins {
  /** By topic and sender: node, room and channel are the same for them, unless the configuration has changed. */
  private numbers = new Map<string, Map<string, Numbered>>()
  private count = 0
  private last = 0
  /** Given out since the last `commit`. */
  private fresh: Numbered[] = []

  static async load (connection: DuckDBConnection): Promise<Origins> {
    const origins = new Origins()
    const reader = await connection.runAndReadAll(`SELECT id, node, room, channel, topic, sender FROM origins ORDER BY id DESC LIMIT ${REMEMBERED}`)
    for (const [id, node, room, channel, topic, sender] of reader.getRows().reverse()) {
      origins.remember({ id: Number(id), node: Number(node), room: String(room), channel: String(channel), topic: String(topic), sender: String(sender) })
      origins.last = Number(id)
    }
    return origins
  }

  /** The number of an origin. */
  of ({ node, room, channel, topic, sender }: Origin): number {
    const known = this.numbers.get(topic)?.get(sender)
    if (known !== undefined && known.channel === channel && known.room === room && known.node === node) return known.id
    const numbered = { id: ++this.last, node, room, channel, topic, sender }
    this.remember(numbered)
    this.fresh.push(numbered)
    return numbered.id
  }

  /** Those that the database does not have yet. */
  get pending (): readonly Numbered[] {
    return this.fresh
  }

  /** The database has them now. */
  commit (): void {
    this.fresh = []
    if (this.count > REMEMBERED) this.forget()
  }

  /** The database did not take them. */
  rollback (): void {
    if (this.fresh.length > 0) this.forget()
    this.fresh = []
  }

  private remember (origin: Numbered): void {
    let senders = this.numbers.get(origin.topic)
    if (senders === undefined) this.numbers.set(origin.topic, senders = new Map())
    senders.set(origin.sender, origin)
    this.count++
  }

  /** All get new numbers when they come again: the database may have let go of the old ones. */
  forget (): void {
    this.numbers = new Map()
    this.count = 0
  }
}
