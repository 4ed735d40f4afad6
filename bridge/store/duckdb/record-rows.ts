import { readMessage, recordEnd, RecordType, recordType } from '../../../protocol/record.ts'
import type { Row } from './packed-messages.ts'

/** Of this process alone, see protocol/cursor.ts. */
const NODE = 0

/** What is history among some records of the journal; payloads are views of them. */
export function * rowsOf (records: Uint8Array): Generator<Row> {
  for (let start = 0; start < records.length; start = recordEnd(records, start)) {
    if (recordType(records, start) !== RecordType.message) continue
    const { stored, recipient, time, room, channel, topic, sender, qos, payload } = readMessage(records, start)
    if (stored && recipient === null) yield { time, node: NODE, room, channel, topic, sender, qos, payload }
  }
}
