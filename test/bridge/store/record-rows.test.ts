import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { RecordRows } from '../../../bridge/store/record-rows.ts'
import { RecordWriter } from '../../../broker/journal/record-writer.ts'
import { MessageFlag, MessageTag, readMessage, recordEnd, RecordType, recordType } from '../../../protocol/record.ts'

/** A field of a record: few values, so that records often repeat what the one before said. */
const name = (tag: number) => fc.record({ tag: fc.constant(tag), text: fc.constantFrom('a', 'b', 'ab', 'a'.repeat(130)) })
const flags = fc.record({ tag: fc.constant(MessageTag.flags), byte: fc.constantFrom(MessageFlag.stored, MessageFlag.stored | 1, MessageFlag.stored | MessageFlag.retain | 2, 1) })
const payload = fc.record({ tag: fc.constant(MessageTag.payload), text: fc.constantFrom('', '1', '{"n":1}', 'x'.repeat(126), 'x'.repeat(300)) })
const usual = fc.tuple(name(MessageTag.topic), name(MessageTag.channel), name(MessageTag.room), name(MessageTag.sender), flags, payload)
const unusual = fc.shuffledSubarray([MessageTag.topic, MessageTag.channel, MessageTag.room, MessageTag.sender, MessageTag.session, MessageTag.willOf])
  .chain(tags => fc.tuple(...tags.map(name), flags, payload).chain(fields => fc.shuffledSubarray(fields, { minLength: fields.length })))
const record = fc.record({
  type: fc.constantFrom(RecordType.message, RecordType.message, RecordType.message, RecordType.progress),
  fields: fc.oneof({ weight: 5, arbitrary: usual }, { weight: 1, arbitrary: unusual })
})

describe('the rows of records', () => {
  it('are the same as reading each record for itself gives', () => {
    fc.assert(fc.property(fc.array(record, { maxLength: 40 }), fc.integer({ min: 0, max: 5 }), (records, after) => {
      const writer = new RecordWriter()
      for (const [i, { type, fields }] of records.entries()) {
        writer.begin(type, i + 1)
        for (const field of fields) 'byte' in field ? writer.byte(field.tag, field.byte) : writer.text(field.tag, field.text)
        writer.end()
      }
      const bytes = writer.bytes.subarray(0, writer.length)
      const expected = []
      for (let start = 0; start < bytes.length; start = recordEnd(bytes, start)) {
        if (recordType(bytes, start) !== RecordType.message) continue
        const { stored, time, room, channel, topic, sender, qos, payload } = readMessage(bytes, start)
        if (stored && time > after) expected.push({ time, node: 0, room, channel, topic, sender, qos, payload: Buffer.from(payload).toString() })
      }
      const rows = new RecordRows(bytes, after)
      const found = []
      while (rows.next()) found.push({ time: rows.time, ...rows.origin, qos: rows.qos, payload: bytes.toString('utf8', rows.payloadStart, rows.payloadEnd) })
      assert.deepEqual(found, expected)
    }), { numRuns: 2000 })
  })
})
