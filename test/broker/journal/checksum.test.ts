import assert from 'node:assert/strict'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { CRC_START, crcOf, extendCrc, KnownBytes } from '../../../broker/journal/checksum.ts'

const bytes = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ minLength: 200, maxLength: 600, size: 'max' }))
const part = fc.record({ bytes, known: fc.boolean() })

describe('the checksum of a record', () => {
  it('is that of zlib, by whatever parts it is computed', () => {
    fc.assert(fc.property(fc.array(part, { maxLength: 6 }), parts => {
      let state = CRC_START
      for (const { bytes, known } of parts) state = known ? new KnownBytes(bytes).extendCrc(state) : extendCrc(state, bytes, 0, bytes.length)
      assert.equal(crcOf(state), crc32(Buffer.concat(parts.map(({ bytes }) => bytes))))
    }))
  })

  it('takes a part of the bytes', () => {
    const text = Buffer.from('0123456789'.repeat(100))
    for (let to = 3; to < text.length; to += 7) assert.equal(crcOf(extendCrc(CRC_START, text, 3, to)), crc32(text.subarray(3, to)))
  })
})
