import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { Tail, TailRange } from '../../../broker/journal/tail.ts'
import { append, journalFolder, openJournal } from '../../helpers/journal.ts'
import { useTeardown } from '../../helpers/teardown.ts'

const TOPICS = ['rooms/lobby/messages', 'rooms/lobby/state/a', 'rooms/lobby/state/b'] as const

describe('the tail of the journal', () => {
  const t = useTeardown()

  /** Some megabytes in few files; the numbers of the messages are their payloads, the positions where they are. */
  async function filled () {
    const { journal } = await openJournal(t, journalFolder(t), { fileBytes: 1_500_000 })
    const positions: number[] = []
    // What is appended at once is in one file.
    for (let from = 0; from < 4000; from += 800) {
      positions.push(...await Promise.all(Array.from({ length: 800 }, (_, i) => append(journal, `${from + i} ${'x'.repeat(1000)}`, { topic: TOPICS[i % 3]!, durability: 'memory', stored: i % 10 !== 0 }))))
    }
    assert.equal(journal.segments.length, 3)
    return { journal, positions }
  }

  async function numbers (tail: Tail, range: Partial<TailRange>, wanted: (topic: string) => boolean = () => true): Promise<number[]> {
    const found: number[] = []
    for await (const messages of tail.read({ after: 0, before: Number.MAX_SAFE_INTEGER, order: 'oldest', ...range }, wanted)) found.push(...messages.map(({ payload }) => parseInt(Buffer.from(payload).toString())))
    return found
  }

  const stored = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i).filter(i => i % 10 !== 0)

  it('has every stored message behind its beginning, from either end, and none that comes later', async () => {
    const { journal, positions } = await filled()
    const tail = journal.tail(positions[99]!)
    assert.equal(tail.end, journal.time)
    assert.equal(journal.tail(journal.time).end, journal.time)
    await append(journal, '5000', { stored: true })
    const all = stored(100, 4000)
    assert.deepEqual(await numbers(tail, {}), all)
    assert.deepEqual(await numbers(tail, { order: 'newest' }), all.toReversed())
    assert.deepEqual(await numbers(journal.tail(journal.time), {}), [])
  })

  it('gives what lies between two positions, which are not in it, of the topics that are wanted', async () => {
    const { journal, positions } = await filled()
    const tail = journal.tail(0)
    for (const [from, to] of [[0, 4000], [1, 2], [700, 701], [700, 702], [1500, 1700], [2990, 3010], [3998, 4000]] as const) {
      const range = { after: positions[from]!, before: positions[to] ?? Number.MAX_SAFE_INTEGER }
      const expected = stored(from + 1, to)
      assert.deepEqual(await numbers(tail, range), expected, `${from} to ${to}`)
      assert.deepEqual(await numbers(tail, { ...range, order: 'newest' }), expected.toReversed(), `${from} to ${to}`)
      assert.deepEqual(await numbers(tail, range, topic => topic === TOPICS[1]), expected.filter(i => i % 800 % 3 === 1))
    }
    assert.deepEqual(await numbers(tail, {}, () => false), [])
  })

  it('has nothing that was erased', async () => {
    const { journal, positions } = await filled()
    journal.isErased = ({ time }) => time <= positions[3900]!
    assert.deepEqual(await numbers(journal.tail(0), {}), stored(3901, 4000))
  })
})
