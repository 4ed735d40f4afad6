import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { RecordWriter } from '../../../broker/journal/record-writer.ts'
import { cursorOf, Receipts } from '../../../broker/publishing/receipts.ts'
import { keyedRequest, type KeyedRequest } from '../../../broker/publishing/request.ts'
import { encodeCursor } from '../../../protocol/cursor.ts'
import { FoyerError } from '../../../protocol/errors.ts'
import { recordEnd } from '../../../protocol/record.ts'

const HOUR = 3_600_000
const START = 1_800_000_000_000

const requestOf = (key: string, payload = 'x', sub = 'ann'): KeyedRequest => keyedRequest(sub, key, { topic: 'a', payload: Buffer.from(payload), qos: 1, retain: false })

function create (most = 10): { receipts: Receipts, clock: { now: number } } {
  const clock = { now: START }
  return { receipts: new Receipts(most, () => clock.now), clock }
}

describe('a receipt', () => {
  it('is of one user, one key and one request', () => {
    const { receipts } = create()
    receipts.add(requestOf('k'), START * 1000, true)
    assert.equal(cursorOf(receipts.find(requestOf('k'))!), encodeCursor(START * 1000))
    for (const other of [requestOf('l'), requestOf('k', 'x', 'bob'), keyedRequest('annk', '', { topic: 'a', payload: Buffer.from('x'), qos: 1, retain: false })]) assert.equal(receipts.find(other), null)
    assert.throws(() => receipts.find(requestOf('k', 'y')), (error: unknown) => error instanceof FoyerError && error.code === 'idempotency')
    receipts.add(requestOf('m'), START * 1000, false)
    assert.equal(cursorOf(receipts.find(requestOf('m'))!), null)
  })

  it('is kept for a day, and then another request may have its key', () => {
    const { receipts, clock } = create()
    receipts.add(requestOf('k'), START * 1000, true)
    clock.now += 24 * HOUR - 1
    assert.ok(receipts.find(requestOf('k')) !== null)
    clock.now += 1
    assert.equal(receipts.find(requestOf('k', 'y')), null)
    receipts.add(requestOf('l'), clock.now * 1000, true)
    assert.equal(receipts.size, 1)
  })

  it('makes room for a newer one, the oldest first', () => {
    const { receipts } = create(2)
    for (const [i, key] of ['a', 'b', 'a', 'c'].entries()) receipts.add(requestOf(key), START * 1000 + i, true)
    assert.equal(receipts.size, 2)
    assert.equal(receipts.find(requestOf('b')), null)
    for (const key of ['a', 'c']) assert.ok(receipts.find(requestOf(key)) !== null)
  })

  it('is the same in a snapshot, unless it is over', () => {
    const { receipts, clock } = create()
    receipts.add(requestOf('over'), START * 1000, true)
    clock.now += 23 * HOUR
    receipts.add(requestOf('k'), clock.now * 1000, true)
    receipts.add(requestOf('memory'), clock.now * 1000 + 1, false)
    clock.now += HOUR
    const writer = new RecordWriter()
    assert.equal([...receipts.saveAll(writer)].length, 2)
    const again = create()
    again.clock.now = clock.now
    for (let start = 0; start < writer.length; start = recordEnd(writer.bytes, start)) again.receipts.restore(writer.bytes, start)
    assert.equal(again.receipts.size, 2)
    for (const request of [requestOf('k'), requestOf('memory')]) assert.deepEqual(again.receipts.find(request), receipts.find(request))
  })
})
