import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { InspectedFile, StoredMessage } from '../../../broker/index.ts'
import { verify } from '../../../bridge/verify/verify.ts'
import type { Verification } from '../../../bridge/verify/verification.ts'
import type { Forgotten } from '../../../bridge/store/store.ts'
import { recordEnd } from '../../../protocol/record.ts'
import { createMessages, recordsOf } from '../../helpers/bridge-messages.ts'

/** A file of the journal with these messages. */
function fileOf (messages: readonly StoredMessage[]): InspectedFile {
  const bytes = Buffer.from(recordsOf(messages))
  const records: number[] = []
  for (let start = 0; start < bytes.length; start = recordEnd(bytes, start)) records.push(start)
  return { path: 'journal.log', bytes, records, damages: [], tornBytes: 0, givenUpBytes: 0, omits: null }
}

async function compare (journal: readonly (readonly StoredMessage[])[], stored: readonly StoredMessage[], isDurable = (_channel: string): boolean => true, forgotten: Partial<Forgotten> = {}): Promise<Verification> {
  async function * files (): AsyncGenerator<InspectedFile> {
    for (const messages of journal) yield fileOf(messages)
  }
  return await verify({
    files: files(),
    store: {
      newestAtOpen: stored.at(-1)?.time ?? null,
      // Small pages, to walk over many.
      range: async (after) => {
        const end = stored.filter(({ time }) => time > after)[1]?.time ?? Infinity
        return stored.filter(({ time }) => time > after && time <= end)
      },
      count: async (before) => stored.filter(({ time }) => time < before).length,
      removals: [],
      erasures: [],
      ...forgotten
    },
    isDurable
  })
}

describe('the comparison of a journal with a store', () => {
  const make = createMessages()
  const messages = Array.from({ length: 9 }, () => make())
  const without = (...left: number[]): StoredMessage[] => messages.filter((_message, i) => !left.includes(i))

  it('balances over several files and pages', async () => {
    const { balance, store, problems } = await compare([messages.slice(2, 5), [], messages.slice(5)], messages.slice(0, 8))
    assert.deepEqual(balance, { journaled: 7, stored: 6, different: 0, pending: 1, forgotten: 0, missing: 0 })
    assert.deepEqual([store.older, store.alone, problems], [2, 0, []])
  })

  it('finds what is missing wherever it is, but behind the newest of the store', async () => {
    const { balance, problems } = await compare([messages], without(0, 3, 4, 8))
    assert.deepEqual(balance, { journaled: 9, stored: 5, different: 0, pending: 1, forgotten: 0, missing: 3 })
    assert.match(problems.join('\n'), new RegExp(`^3 messages are in the journal and not in the store: ${messages[0]!.cursor} .*, ${messages[3]!.cursor} .*, ${messages[4]!.cursor} [^\n]*$`))
  })

  it('does not miss what retention removed, or somebody had erased', async () => {
    const upTo = messages[3]!.time
    const [{ room, channel, sender }] = messages as [StoredMessage]
    const known: Partial<Forgotten>[] = [{ removals: [{ room, channel, upTo }] }, { erasures: [{ kind: 'room', name: room, upTo }] }, { erasures: [{ kind: 'sender', name: sender, upTo }] }]
    for (const forgotten of known) {
      const { balance, problems } = await compare([messages], without(0, 3, 4), () => true, forgotten)
      assert.deepEqual(balance, { journaled: 9, stored: 6, different: 0, pending: 0, forgotten: 2, missing: 1 })
      assert.equal(problems.length, 1)
    }
    const others: Partial<Forgotten> = { removals: [{ room, channel: 'other', upTo }, { room: 'other', channel, upTo }], erasures: [{ kind: 'sender', name: room, upTo }, { kind: 'room', name: sender, upTo }] }
    assert.equal((await compare([messages], without(0, 3, 4), () => true, others)).balance.missing, 3)
  })

  it('finds what the journal has lost, unless its channel promises no more', async () => {
    const lost = await compare([without(3, 7, 8)], messages)
    assert.deepEqual([lost.store.alone, lost.balance.stored, lost.problems.length], [3, 6, 1])
    const fleeting = await compare([without(3, 7, 8)], messages, () => false)
    assert.deepEqual([fleeting.store.alone, fleeting.problems], [3, []])
  })

  for (const [key, value] of Object.entries({ topic: 'x', room: 'x', channel: 'x', sender: 'x', qos: 2, payload: Buffer.from('{"n":2}') })) {
    it(`finds another ${key}`, async () => {
      const { balance, problems } = await compare([messages], messages.map((message, i) => i === 4 ? { ...message, [key]: value } : message))
      assert.deepEqual([balance.stored, balance.different, problems.length], [8, 1, 1])
    })
  }

  it('finds what is stored twice', async () => {
    const { balance, store, problems } = await compare([messages], messages.flatMap((message, i) => i === 4 || i === 8 ? [message, message] : [message]))
    assert.deepEqual([balance.stored, store.repeated, problems.length], [9, 2, 1])
  })

  it('finds positions that do not rise', async () => {
    const [a, b, c] = messages as [StoredMessage, StoredMessage, StoredMessage]
    const { journal, problems } = await compare([[a, b, b], [a, c]], [a, b, c])
    assert.deepEqual(journal.disordered.map(({ position }) => position), [b.time, a.time])
    assert.match(problems[0]!, /journal\.log has at offset \d+ the position \d+, which is not later/)
  })

  it('has nothing to say about nothing', async () => {
    const { balance, problems } = await compare([], [])
    assert.deepEqual([balance.journaled, problems], [0, []])
    const { store, problems: none } = await compare([], messages)
    assert.deepEqual([store.older, none], [9, []])
  })

  it('names a few of many', async () => {
    const many = Array.from({ length: 50 }, () => make())
    const { problems } = await compare([many], [many[49]!])
    assert.match(problems[0]!, /^49 messages are .* and 44 more\. /)
  })
})
