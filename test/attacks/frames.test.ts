import assert from 'node:assert/strict'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { FrameReader } from '../../broker/transport/frames.ts'
import { streams } from '../helpers/attack-frames.ts'
import { seed } from '../helpers/attack-seed.ts'
import { rounds } from '../helpers/attack-target.ts'

const LIMIT = 1000

/** What a reader makes of chunks: its packets, and why it stopped. */
function read (chunks: readonly Buffer[]): { packets: string[], fault: string | null, pending: number } {
  const reader = new FrameReader(LIMIT)
  const packets: string[] = []
  for (const chunk of chunks) {
    reader.push(chunk)
    while (reader.next()) {
      assert.equal(reader.header, reader.buffer[reader.start])
      packets.push(`${reader.body - reader.start}:${reader.buffer.toString('hex', reader.start, reader.end)}`)
    }
  }
  return { packets, fault: reader.fault, pending: reader.fault === null ? reader.pending : 0 }
}

/** The same, as the specification says it, of the whole input. */
function expected (bytes: Buffer): ReturnType<typeof read> {
  const packets: string[] = []
  let at = 0
  for (;;) {
    let length = 0
    let digits = 0
    for (;;) {
      const byte = bytes[at + 1 + digits]
      if (byte === undefined) return { packets, fault: null, pending: bytes.length - at }
      length += (byte % 128) * 128 ** digits
      digits++
      if (byte < 128) break
      if (digits === 4) return { packets, fault: 'length', pending: 0 }
    }
    const total = 1 + digits + length
    if (total > LIMIT) return { packets, fault: 'tooLarge', pending: 0 }
    if (at + total > bytes.length) return { packets, fault: null, pending: bytes.length - at }
    packets.push(`${1 + digits}:${bytes.toString('hex', at, at + total)}`)
    at += total
  }
}

function cutAt (bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [0, ...cuts.map(cut => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return at.slice(1).map((to, i) => bytes.subarray(at[i], to))
}

describe(`a byte stream, however it is cut (seed ${seed})`, () => {
  const cuts = fc.array(fc.nat(10_000), { maxLength: 30 })

  it('holds the same packets: random bytes', () => {
    // Small lengths, so that there are packets in it.
    const bytes = fc.array(fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 255 })), { maxLength: 200 }).map(array => Buffer.from(array))
    fc.assert(fc.property(bytes, cuts, (bytes, cuts) => assert.deepEqual(read(cutAt(bytes, cuts)), expected(bytes))), { seed, numRuns: rounds(100_000, 3000) })
  })

  it('holds the same packets: packets of all sizes around the lengths of length', () => {
    const packet = fc.constantFrom(0, 1, 2, 126, 127, 128, 129, 500, 997, 998, 999).map(size => {
      const head = size < 128 ? [0x30, size] : [0x30, (size & 0x7f) | 0x80, size >> 7]
      return Buffer.concat([Buffer.from(head), Buffer.alloc(size, size)])
    })
    fc.assert(fc.property(fc.array(packet, { maxLength: 10 }), cuts, (packets, cuts) => {
      const bytes = Buffer.concat(packets)
      assert.deepEqual(read(cutAt(bytes, cuts)), expected(bytes))
    }), { seed, numRuns: rounds(50_000, 1000) })
  })

  it('holds the same packets: streams of damaged packets, byte by byte as well', () => {
    fc.assert(fc.property(streams(Buffer.from('x')), ({ chunks }) => {
      const bytes = Buffer.concat(chunks)
      assert.deepEqual(read(chunks), expected(bytes))
      assert.deepEqual(read(Array.from(bytes, byte => Buffer.from([byte]))), expected(bytes))
    }), { seed, numRuns: rounds(10_000, 300) })
  })

  it('costs in proportion to its bytes, in time and memory, when it drips', () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const drip = (bytes: number): { ms: number, held: number } => {
      const reader = new FrameReader(0xfffffff)
      reader.push(Buffer.from([0x30, (bytes & 0x7f) | 0x80, ((bytes >> 7) & 0x7f) | 0x80, ((bytes >> 14) & 0x7f) | 0x80, bytes >> 21]))
      const before = process.memoryUsage()
      const begin = performance.now()
      // Chunks from a socket own their memory.
      for (let i = 1; i < bytes; i++) {
        reader.push(Buffer.allocUnsafeSlow(1))
        assert.equal(reader.next(), false)
      }
      const ms = performance.now() - begin
      collect()
      const after = process.memoryUsage()
      const held = after.heapUsed - before.heapUsed + after.arrayBuffers - before.arrayBuffers
      reader.push(Buffer.alloc(1))
      assert.equal(reader.next(), true)
      assert.equal(reader.end - reader.body, bytes)
      return { ms, held }
    }
    collect()
    drip(20_000)
    const once = drip(100_000)
    const fourfold = drip(400_000)
    assert.ok(fourfold.ms < 10 * once.ms + 50, `100,000 bytes took ${Math.round(once.ms)} ms, 400,000 took ${Math.round(fourfold.ms)} ms`)
    assert.ok(fourfold.held < 4 * 400_000 + 2_000_000, `400,000 bytes held ${Math.round(fourfold.held / 1000)} kB`)
  })
})
