import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { readName } from '../../protocol/record.ts'

describe('a name in a record', () => {
  it('is what the bytes say, also where a buffer is used again', () => {
    const buffer = Buffer.alloc(8)
    const read = (name: string): string => {
      buffer.write(name)
      return readName(buffer, 0, name.length)
    }
    assert.deepEqual(['name-a', 'name-b', 'name-a', 'name-b'].map(read), ['name-a', 'name-b', 'name-a', 'name-b'])
    // What was read first is known by its own bytes, whatever the buffer holds by now.
    read('name-b')
    assert.equal(readName(Buffer.from('name-a'), 0, 6), 'name-a')
    assert.equal(readName(Buffer.from('name-b'), 0, 6), 'name-b')
  })
})
