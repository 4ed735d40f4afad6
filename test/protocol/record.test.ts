import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { readName } from '../../protocol/record.ts'

describe('a name in a record', () => {
  it('is what the bytes say, also where a buffer is used again', () => {
    // These two differ only in a byte that the search for known names does not look at first.
    const [one, other] = ['rooms/lobby/telemetry/a0', 'rooms/lobby/telemetry/b0'] as const
    const buffer = Buffer.alloc(one.length)
    const read = (name: string): string => {
      buffer.write(name)
      return readName(buffer, 0, buffer.length)
    }
    assert.deepEqual([one, other, one, other].map(read), [one, other, one, other])
  })
})
