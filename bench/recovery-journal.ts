import { join } from 'node:path'
import { pino } from 'pino'
import { Journal } from '../broker/journal/journal.ts'
import { MessageFlag, MessageTag, RecordType, recordEnd, recordType } from '../protocol/record.ts'

// Fills the journal of a data directory with messages as a broker would that ran for long, snapshots included, and ends as
// by a kill: node --import=ts-blank-space/register bench/recovery-journal.ts DATA_DIR MESSAGES WANTED BYTES

const [dataDir, messages, wanted, size] = [process.argv[2]!, ...process.argv.slice(3).map(Number)] as [string, number, number, number]
const every = Math.floor(messages / wanted)
const journal = new Journal({
  directory: join(dataDir, 'journal'),
  logger: pino({ level: 'warn' }),
  quota: { maxBytes: 2 ** 40, onFull: 'block', userShare: 100 },
  now: () => Math.floor((performance.timeOrigin + performance.now()) * 1000)
})
// The sessions that are there: what a snapshot of the broker would hold.
const state: Buffer[] = []
await journal.open((bytes, start) => {
  if (recordType(bytes, start) !== RecordType.message) state.push(Buffer.from(bytes.subarray(start, recordEnd(bytes, start))))
})
journal.onSnapshot(function * (writer) {
  for (const record of state) {
    writer.copy(record, 0, record.length)
    yield
  }
})
// Somebody is behind all of it.
journal.hold(() => 0)
const payload = Buffer.alloc(size, 'x')
for (let i = 0; i < messages; i++) {
  const device = i % every === 0 ? 'wanted' : `d${i % 1000}`
  const topic = `rooms/bench/state/${device}`
  const writer = journal.begin(RecordType.message, journal.next())
  writer.text(MessageTag.topic, topic)
  writer.text(MessageTag.channel, 'state')
  writer.text(MessageTag.room, 'bench')
  writer.text(MessageTag.sender, `sender-${i % 100}`)
  writer.byte(MessageTag.flags, 1 | MessageFlag.stored)
  writer.field(MessageTag.payload, payload)
  journal.end('disk', null, topic, `sender-${i % 100}`)
  if (journal.congested) await new Promise<void>(resolve => journal.whenRoom(resolve))
}
await journal.flush()
console.log(journal.segments.reduce((sum, { length }) => sum + length, 0))
process.exit()
