import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import type { FileLayer } from '../../broker/journal/file-layer.ts'
import { Journal, type JournalOptions, type OpenReport } from '../../broker/journal/journal.ts'
import { MessageFlag, MessageTag, readMessage, RecordType, recordType } from '../../protocol/record.ts'
import type { Teardown } from './teardown.ts'

export interface TestJournal {
  readonly journal: Journal
  readonly directory: string
  readonly report: OpenReport
  /** Payloads of the messages that were found at opening, in order. */
  readonly found: string[]
  readonly log: Record<string, unknown>[]
}

export function journalFolder (t: Teardown): string {
  const directory = mkdtempSync(join(tmpdir(), 'foyer-journal-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

export async function openJournal (t: Teardown, directory: string, options: Partial<JournalOptions> & { files?: FileLayer } = {}): Promise<TestJournal> {
  const log: Record<string, unknown>[] = []
  const logger = pino({ level: 'debug' }, { write: line => { log.push(JSON.parse(line) as Record<string, unknown>) } })
  const journal = new Journal({
    directory,
    logger,
    quota: { maxBytes: 2 ** 40, onFull: 'block', userShare: 100 },
    now: () => Date.now() * 1000,
    ...options
  })
  const found: string[] = []
  const report = await journal.open((bytes, start) => {
    if (recordType(bytes, start) === RecordType.message) found.push(Buffer.from(readMessage(bytes, start).payload).toString())
  })
  t.after(() => journal.close())
  return { journal, directory, report, found, log }
}

/** Appends a message; resolves with its position when it is released. */
export function append (journal: Journal, payload: string | Buffer, { topic = 'rooms/lobby/messages', sender = 'ann', durability = 'disk' as 'disk' | 'os' | 'memory', stored = false } = {}): Promise<number> {
  const time = journal.next()
  const writer = journal.begin(RecordType.message, time)
  writer.text(MessageTag.topic, topic)
  writer.text(MessageTag.sender, sender)
  writer.text(MessageTag.room, 'lobby')
  writer.byte(MessageTag.flags, 1 | (stored ? MessageFlag.stored : 0))
  writer.field(MessageTag.payload, Buffer.from(payload))
  return new Promise(resolve => journal.end(durability, { released: () => resolve(time) }, topic, sender))
}
