import { open, rename, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Logger } from 'pino'
import { createRarely } from '../../recorder/rarely.ts'

/** The file and the one before it take this much each. */
const MAX_BYTES = 64 * 1024 * 1024
const LOG_INTERVAL = 10_000

/** A line that InfluxDB refuses for good. */
export interface DeadLetter {
  /** Why, in its words. */
  readonly reason: string
  readonly line: string
}

/** The file of what InfluxDB would never take; what is in it is on disk when `add` resolves. */
export interface DeadLetters {
  /** Since the start. */
  readonly count: number
  add (letters: readonly DeadLetter[]): Promise<void>
}

export function openDeadLetters (path: string, logger: Logger, maxBytes = MAX_BYTES): DeadLetters {
  const rarely = createRarely(LOG_INTERVAL)
  let count = 0

  async function add (letters: readonly DeadLetter[]): Promise<void> {
    const at = new Date().toISOString()
    const text = letters.map(({ reason, line }) => entryOf({ at, reason, line }, maxBytes)).join('')
    if (await sizeOf(path) + Buffer.byteLength(text) > maxBytes) await rename(path, `${path}.old`).catch(ignoreMissing)
    const file = await open(path, 'a', 0o600)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await syncFolder(dirname(path))
    count += letters.length
    rarely('added', () => { logger.error({ path, count, reason: letters[0]?.reason }, 'InfluxDB refuses messages for good: they are in the file of dead letters, each with the reason, and the others go on; remove the reason, and write the lines in it with curl if you want them') })
  }

  return {
    get count () { return count },
    add
  }
}

/** One line of JSON. What is larger than the whole file may be is there by its beginning only; the journal had all of it. */
function entryOf ({ line, ...letter }: DeadLetter & { readonly at: string }, maxBytes: number): string {
  const most = Math.floor(maxBytes / 8)
  return `${JSON.stringify(line.length <= most ? { ...letter, line } : { ...letter, line: line.slice(0, most), cut: true })}\n`
}

async function sizeOf (path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch (error) {
    ignoreMissing(error)
    return 0
  }
}

function ignoreMissing (error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
}

/** A new name survives a loss of power only then. */
async function syncFolder (path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
