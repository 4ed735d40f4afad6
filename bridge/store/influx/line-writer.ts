import type { Logger } from 'pino'
import { createRarely } from '../../recorder/rarely.ts'
import type { Connection } from './connection.ts'
import type { DeadLetter, DeadLetters } from './dead-letters.ts'
import { InfluxError } from './influx-error.ts'
import type { Lines } from './line-encoder.ts'

/** What InfluxDB gets at once. */
const MOST_LINES = 5000
const MOST_BYTES = 4 * 1024 * 1024

const LOG_INTERVAL = 60_000

/** Lines that are sent, and dead letters that come of it. */
type Some = Pick<Lines, 'bytes' | 'ends'>

/**
 * Brings lines to InfluxDB: when it resolves, each is stored, or for good refused and a dead letter. It rejects when all of
 * them are to be sent again later, which changes nothing of what is stored already.
 */
export function createLineWriter (connection: Pick<Connection, 'write'>, deadLetters: Pick<DeadLetters, 'add'>, logger: Logger): (lines: Lines) => Promise<void> {
  const rarely = createRarely(LOG_INTERVAL)

  async function send (lines: Some, from: number, to: number, dead: DeadLetter[]): Promise<void> {
    try {
      await connection.write(lines.bytes.subarray(from === 0 ? 0 : lines.ends[from - 1], lines.ends[to - 1]))
    } catch (error) {
      if (!(error instanceof InfluxError) || !(error.isAboutLines || error.status === 413)) throw error
      await refused(lines, from, to, dead, error)
    }
  }

  /** InfluxDB stored the good ones among the lines, or none; who is bad is found by halving. */
  async function refused (lines: Some, from: number, to: number, dead: DeadLetter[], error: InfluxError): Promise<void> {
    const { reason } = error
    const old = /points beyond retention policy(?: dropped=(\d+))?/.exec(reason)
    if (old !== null) {
      // These would be removed at once.
      rarely('retention', () => { logger.warn({ reason }, 'InfluxDB leaves out messages that are older than its retention policy keeps them') })
      // InfluxDB says one reason of several. Lines rise in time, so the old ones come first, and what is behind them has its own.
      const behind = from + Math.max(1, Number(old[1] ?? to - from))
      if (behind < to) await send(lines, behind, to, dead)
      return
    }
    const conflict = /field type conflict(?:: input field "([^"]*)")?/.exec(reason)
    if (conflict !== null) {
      const field = conflict[1] ?? 'value'
      const without = withoutValues(lines, from, to)
      // Foyer always writes the same types, so somebody else wrote others.
      if (field !== 'value' || without === null) throw new InfluxError(`InfluxDB has the field ${field} of the measurement messages with another type than Foyer writes, from another program (${reason}): give Foyer a database of its own (influx.database)`, reason, error.status, error)
      rarely('value', () => { logger.error({ reason }, 'InfluxDB has the field value of the measurement messages with another type than Foyer writes, from another program: messages are stored without it, their payload is complete; give Foyer a database of its own (influx.database)') })
      await send(without, 0, without.ends.length, dead)
      return
    }
    if (to - from === 1) {
      dead.push({ reason, line: textOf(lines, from) })
      return
    }
    const middle = (from + to) >> 1
    await send(lines, from, middle, dead)
    await send(lines, middle, to, dead)
  }

  return async (lines) => {
    const dead: DeadLetter[] = []
    for (const [from, to] of portions(lines)) await send(lines, from, to, dead)
    if (dead.length > 0) await deadLetters.add(dead)
  }
}

function * portions ({ ends }: Some): Generator<[number, number]> {
  let from = 0
  let start = 0
  for (let i = 0; i < ends.length; i++) {
    if (i === from || (i - from < MOST_LINES && ends[i]! - start <= MOST_BYTES)) continue
    yield [from, i]
    from = i
    start = ends[i - 1]!
  }
  if (from < ends.length) yield [from, ends.length]
}

function textOf ({ bytes, ends }: Some, i: number): string {
  return Buffer.from(bytes.buffer, i === 0 ? 0 : ends[i - 1], ends[i]! - (ends[i - 1] ?? 0)).toString().trimEnd()
}

/** The value is the last field, so it ends at the last space, and nothing of it is quoted. */
const VALUE = /,value=[-+.e\d]+( \d+\n)$/

/** Longer than a value and a timestamp. */
const TAIL = 80

/** The same lines without the field `value`; null when none of them has it. */
function withoutValues (lines: Some, from: number, to: number): Some | null {
  const parts: Buffer[] = []
  const ends: number[] = []
  let length = 0
  let found = false
  for (let i = from; i < to; i++) {
    const start = i === 0 ? 0 : lines.ends[i - 1]!
    const line = Buffer.from(lines.bytes.buffer, start, lines.ends[i]! - start)
    const cut = Math.max(0, line.length - TAIL)
    const tail = line.toString('latin1', cut)
    const changed = tail.replace(VALUE, '$1')
    found ||= changed !== tail
    parts.push(line.subarray(0, cut), Buffer.from(changed, 'latin1'))
    length += cut + changed.length
    ends.push(length)
  }
  if (!found) return null
  const bytes = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return { bytes, ends: Uint32Array.from(ends) }
}
