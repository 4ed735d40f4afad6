import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { filterFault, filterMatches, isReserved, MAX_LEVELS, parseShare, topicFault } from '../../protocol/topic.ts'

/** MQTT 5, 4.7, level by level, as slowly as one likes. */
function naiveMatches (filter: string, topic: string): boolean {
  const [f, t] = [filter.split('/'), topic.split('/')]
  if (topic.startsWith('$') && (f[0] === '+' || f[0] === '#')) return false
  for (let i = 0; i < f.length; i++) {
    if (f[i] === '#') return t.length >= i
    if (i >= t.length) return false
    if (f[i] !== '+' && f[i] !== t[i]) return false
  }
  return f.length === t.length
}

const word = fc.constantFrom('', 'a', 'b', 'ab', '$a', '$', 'é', '😀')
const topics = fc.array(word, { minLength: 1, maxLength: 5 }).map(levels => levels.join('/'))
const filters = fc.tuple(fc.array(fc.oneof(word, fc.constant('+')), { minLength: 1, maxLength: 5 }), fc.boolean())
  .map(([levels, open]) => [...levels, ...(open ? ['#'] : [])].join('/'))

describe('topic names', () => {
  it('are fine as ordinary text, spaces, empty levels and emoji included', () => {
    for (const topic of ['a', '/', 'a//b', 'rooms/lobby/messages', 'Grüße/von zu Hause', '😀', '$SYS/broker']) assert.equal(topicFault(topic), null, topic)
  })

  it('are refused for what MQTT forbids', () => {
    for (const topic of ['', 'a/+/b', 'a/#', 'a+', '\u0000', 'a\u0000b', '\ud800', 'a\udc00b', '\ud800\ud800', 'x'.repeat(65_536), 'é'.repeat(32_768)]) {
      assert.equal(typeof topicFault(topic), 'string', JSON.stringify(topic.slice(0, 10)))
    }
    assert.equal(topicFault('x'.repeat(65_535)), null)
    assert.equal(topicFault('😀'.repeat(16_383)), null)
    assert.equal(typeof topicFault('😀'.repeat(16_384)), 'string')
  })

  it('are refused for control characters and non-characters, which are named', () => {
    assert.match(topicFault('a\u0007')!, /U\+0007/)
    assert.match(topicFault('a\u009f')!, /U\+009F/)
    assert.match(topicFault('a\ufdd0')!, /U\+FDD0/)
    assert.match(topicFault('a\u{1ffff}')!, /U\+1FFFF/)
    assert.match(topicFault('a\u{10fffe}')!, /U\+10FFFE/)
    assert.equal(topicFault('a\u00a0\ufeff\u{10fffd}'), null)
  })

  it(`have at most ${MAX_LEVELS} levels`, () => {
    assert.equal(topicFault(Array(MAX_LEVELS).fill('a').join('/')), null)
    assert.match(topicFault(Array(MAX_LEVELS + 1).fill('a').join('/'))!, /99 levels/)
  })

  it('are reserved when they start with $', () => {
    assert.equal(isReserved('$SYS'), true)
    assert.equal(isReserved('a/$SYS'), false)
  })
})

describe('topic filters', () => {
  it('take + and # as whole levels, # only at the end', () => {
    for (const filter of ['#', '+', '+/+', 'a/#', '/+', '+/a/#', '$SYS/#', '$share/g/a/#', '$share/g//', '$replay/10m/a']) assert.equal(filterFault(filter), null, filter)
    for (const filter of ['', 'a#', 'a/#/b', '#/', 'a+', '+a/b', '##', '++', 'a\u0000', 'a/\ud800', 'a\u0001']) assert.equal(typeof filterFault(filter), 'string', filter)
  })

  it('name the missing part of a malformed share', () => {
    assert.match(filterFault('$share/')!, /group is missing/)
    assert.match(filterFault('$share//a')!, /group is missing/)
    assert.match(filterFault('$share/g')!, /filter is missing/)
    assert.match(filterFault('$share/g/')!, /filter is missing/)
    assert.match(filterFault('$share/+/a')!, /group/)
    assert.match(filterFault('$share/g#/a')!, /group/)
    assert.match(filterFault('$share/g/a#')!, /part of a level/)
  })

  it('are parted into group and filter if they are shared', () => {
    assert.deepEqual(parseShare('$share/g/a/b'), { group: 'g', filter: 'a/b' })
    assert.deepEqual(parseShare('$share/g//a'), { group: 'g', filter: '/a' })
    assert.equal(parseShare('$shared/g/a'), null)
    assert.equal(parseShare('a/$share/g'), null)
  })

  it('match as the examples of the specification do', () => {
    assert.equal(filterMatches('sport/tennis/player1/#', 'sport/tennis/player1'), true)
    assert.equal(filterMatches('sport/tennis/player1/#', 'sport/tennis/player1/score/wimbledon'), true)
    assert.equal(filterMatches('sport/#', 'sport'), true)
    assert.equal(filterMatches('sport/tennis/+', 'sport/tennis/player1/ranking'), false)
    assert.equal(filterMatches('sport/+', 'sport'), false)
    assert.equal(filterMatches('sport/+', 'sport/'), true)
    assert.equal(filterMatches('+/+', '/finance'), true)
    assert.equal(filterMatches('/+', '/finance'), true)
    assert.equal(filterMatches('+', '/finance'), false)
    assert.equal(filterMatches('#', '$SYS/x'), false)
    assert.equal(filterMatches('+/monitor/Clients', '$SYS/monitor/Clients'), false)
    assert.equal(filterMatches('$SYS/#', '$SYS/monitor'), true)
    assert.equal(filterMatches('sport', 'sports'), false)
    assert.equal(filterMatches('sports', 'sport'), false)
  })

  it('match as a naive matcher does', () => {
    fc.assert(fc.property(filters, topics, (filter, topic) => {
      assert.equal(filterMatches(filter, topic), naiveMatches(filter, topic))
    }), { numRuns: 3000 })
  })

  it('match every topic that they were made from', () => {
    fc.assert(fc.property(topics, fc.infiniteStream(fc.nat(2)), (topic, choices) => {
      const levels = topic.split('/').map((level, i) => i > 0 && choices.next().value === 0 ? '+' : level)
      assert.equal(filterMatches(levels.join('/'), topic), true)
      assert.equal(filterMatches([...levels, '#'].join('/'), topic), true)
    }))
  })
})
