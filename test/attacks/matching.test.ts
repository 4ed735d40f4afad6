import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { FilterTree } from '../../broker/router/filter-tree.ts'
import { Message } from '../../broker/router/message.ts'
import { RetainedMessages } from '../../broker/router/retained.ts'
import { TopicTable } from '../../broker/router/topic-table.ts'
import { compileChannels } from '../../protocol/channels.ts'
import { DEFAULT_CHANNELS } from '../../protocol/default-channels.ts'
import { filterMatches } from '../../protocol/topic.ts'
import { seed } from '../helpers/attack-seed.ts'
import { rounds } from '../helpers/attack-target.ts'

/** Section 4.7 of the specification, word by word. */
function matches (filter: string, topic: string): boolean {
  if (topic.startsWith('$') && (filter.startsWith('+') || filter.startsWith('#'))) return false
  const pattern = filter.split('/').map(level => level === '+' ? '[^/]*' : level === '#' ? '.*' : level.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  const expression = pattern.at(-1) !== '.*' || filter.split('/').at(-1) !== '#'
    ? pattern.join('/')
    : pattern.length === 1 ? '.*' : `${pattern.slice(0, -1).join('/')}(/.*)?`
  return new RegExp(`^${expression}$`, 's').test(topic)
}

const name = fc.constantFrom('', 'a', 'b', 'constructor', '__proto__', '$x', 'ü', '.')
const topic = fc.array(name, { minLength: 1, maxLength: 5 }).map(levels => levels.join('/')).filter(topic => topic !== '')
const filter = fc.tuple(fc.array(fc.oneof({ weight: 2, arbitrary: name }, { weight: 1, arbitrary: fc.constant('+') }), { maxLength: 5 }), fc.boolean())
  .map(([levels, open]) => [...levels, ...(open ? ['#'] : [])].join('/')).filter(filter => filter !== '')

const change = fc.record({ add: fc.boolean(), filter, value: fc.nat(3) })

describe(`matching (seed ${seed})`, () => {
  const numRuns = rounds(100_000, 3000)

  it('of one filter and one topic is that of the specification', () => {
    fc.assert(fc.property(filter, topic, (filter, topic) => assert.equal(filterMatches(filter, topic), matches(filter, topic))), { seed, numRuns })
  })

  it('in the tree of filters is that of every filter by itself, whatever came and went', () => {
    fc.assert(fc.property(fc.array(change, { maxLength: 40 }), fc.array(topic, { minLength: 1, maxLength: 5 }), (changes, topics) => {
      const tree = new FilterTree<string>()
      const present = new Set<string>()
      for (const { add, filter, value } of changes) {
        // The value of the same filter is one value, as a subscription is.
        const entry = `${filter}\n${value}`
        if (add) tree.add(filter, entry)
        else tree.remove(filter, entry)
        if (add) present.add(entry)
        else present.delete(entry)
      }
      for (const topic of topics) {
        const expected = [...present].filter(entry => matches(entry.split('\n')[0]!, topic)).sort()
        assert.deepEqual(tree.match(topic).sort(), expected, topic)
      }
      for (const entry of present) tree.remove(entry.split('\n')[0]!, entry)
      for (const topic of topics) assert.deepEqual(tree.match(topic), [])
    }), { seed, numRuns: numRuns / 10 })
  })

  it('of retained messages is that of every topic by itself, whatever was kept and cleared', () => {
    const table = new TopicTable(compileChannels(DEFAULT_CHANNELS))
    const message = (topic: string, text: string): Message => new Message({
      topic: table.get(topic), source: Buffer.from(text), start: 0, end: Buffer.byteLength(text), qos: 0, retain: true, sender: 's', session: null, echo: true, forward: null, expiresAt: 0, stored: false, journaled: false, time: 0
    })
    fc.assert(fc.property(fc.array(fc.tuple(topic, fc.constantFrom('', 'x', 'y')), { maxLength: 40 }), fc.array(filter, { minLength: 1, maxLength: 5 }), (changes, filters) => {
      const retained = new RetainedMessages()
      const kept = new Map<string, string>()
      for (const [topic, text] of changes) {
        retained.set(message(topic, text))
        if (text === '') kept.delete(topic)
        else kept.set(topic, text)
      }
      assert.equal(retained.size, kept.size)
      for (const filter of filters) assert.deepEqual(retained.topics(filter).sort(), [...kept.keys()].filter(topic => matches(filter, topic)).sort(), filter)
      for (const [topic, text] of kept) assert.equal(Buffer.from(retained.get(topic)!.source).toString(), text)
      for (const [topic] of changes) if (!kept.has(topic)) assert.equal(retained.get(topic), null)
    }), { seed, numRuns: numRuns / 10 })
  })
})
