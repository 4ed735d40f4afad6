import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import type { Channel } from '../../protocol/channel.ts'
import { compileChannels } from '../../protocol/channels.ts'
import { CHANNEL_DEFAULTS, DEFAULT_CHANNELS } from '../../protocol/default-channels.ts'
import { channelFaults, mergeChannels } from '../../protocol/merge-channels.ts'
import type { ChannelOverride } from '../../protocol/merge-channels.ts'
import { templateFilter } from '../../protocol/template.ts'
import { filterMatches } from '../../protocol/topic.ts'

const channel = (fields: Partial<Channel>): Channel => ({ ...CHANNEL_DEFAULTS, name: 'test', topic: 'a/{room}', ...fields })
const merged = (overrides: Record<string, ChannelOverride>): Channel[] => mergeChannels(new Map(Object.entries(overrides)))
const defaults = compileChannels(DEFAULT_CHANNELS)

describe('the default channels', () => {
  it('have no faults', () => {
    for (const entry of DEFAULT_CHANNELS) assert.deepEqual(channelFaults(entry), [], entry.name)
  })

  it('take the topics of the design', () => {
    const where = (topic: string): unknown => {
      const match = defaults.match(topic)
      return match === null ? null : [match.channel.name, match.room, match.own]
    }
    assert.deepEqual(where('rooms/lobby/messages'), ['messages', 'lobby', null])
    assert.deepEqual(where('rooms/kitchen/telemetry/lamp/power/now'), ['telemetry', 'kitchen', 'lamp'])
    assert.deepEqual(where('rooms/kitchen/state/a%2Fb'), ['state', 'kitchen', 'a/b'])
    assert.deepEqual(where('rooms/kitchen/commands/lamp%2D1'), ['commands', 'kitchen', null])
    assert.deepEqual(where('rooms/kitchen/results/lamp'), ['results', 'kitchen', 'lamp'])
    assert.deepEqual(where('rooms/lobby/live/cursor'), ['live', 'lobby', null])
    assert.deepEqual(where('rooms/lobby/presence'), ['presence', 'lobby', null])
    assert.deepEqual(where('rooms/lobby/presence/ann'), ['roster', 'lobby', 'ann'])
    assert.deepEqual(where('rooms/__proto__/messages'), ['messages', '__proto__', null])
  })

  it('take nothing else', () => {
    for (const topic of ['', 'rooms', 'rooms/lobby', 'rooms/../messages', 'rooms/./messages', 'rooms//messages', 'rooms/a b/messages', 'rooms/lobby/messages/', 'rooms/lobby/messages/x',
      '/rooms/lobby/messages', 'Rooms/lobby/messages', 'rooms/lobby/telemetry/lamp', 'rooms/lobby/telemetry/lamp/', 'rooms/lobby/telemetry//t', 'rooms/lobby/telemetry/lamp/a//b', 'rooms/lobby/state/', '$SYS/x']) {
      assert.equal(defaults.match(topic), null, topic)
    }
  })
})

describe('the matcher', () => {
  const level = fc.constantFrom('a', 'b', '', '.', '..', 'x y', 'Ü', '$a', 'room.1')
  const templates = fc.tuple(fc.subarray(['{room}', '{device}', '{name}']), fc.array(fc.constantFrom('a', 'b', ''), { maxLength: 2 }), fc.constantFrom('', '{rest...}'), fc.nat())
    .map(([placeholders, literals, rest, seed]) => {
      const parts = [...placeholders, ...literals].sort((x, y) => ((x.length * 7 + seed) % 5) - ((y.length * 7 + seed) % 5))
      return [...parts, ...(rest === '' ? [] : [rest])].join('/')
    })
    .filter(topic => topic !== '')
  const sets = fc.array(templates, { minLength: 1, maxLength: 4 }).map(topics => topics.map((topic, i) => channel({ name: `c${i}`, topic, room: topic.includes('{room}') ? null : 'home' })))

  function naive (channels: readonly Channel[], topic: string): string | null {
    if (topic === '' || topic.startsWith('$')) return null
    const found = channels.find(({ topic: template }) => {
      const source = template.split('/').map(part => {
        if (part === '{room}') return '[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,63}'
        if (part.endsWith('...}')) return template.includes('{room}') ? '[^/]+(?:/[^/]+)*' : '[^/]*(?:/[^/]*)*'
        return part.startsWith('{') ? '[^/]+' : part
      })
      return new RegExp(`^${source.join('/')}$`, 'u').test(topic)
    })
    return found?.name ?? null
  }

  it('finds the channel that a naive matcher finds', () => {
    let hits = 0
    fc.assert(fc.property(sets, fc.array(level, { minLength: 1, maxLength: 5 }), (channels, levels) => {
      const topic = levels.join('/')
      const match = compileChannels(channels).match(topic)
      assert.equal(match?.channel.name ?? null, naive(channels, topic), `${topic} in ${channels.map(c => c.topic).join(', ')}`)
      if (match === null) return
      hits++
      const at = match.channel.topic.split('/').indexOf('{room}')
      assert.equal(match.room, at < 0 ? 'home' : levels[at])
    }), { numRuns: 5000 })
    assert.ok(hits > 200, `only ${hits} topics matched`)
  })

  it('knows a filter that asks for all topics of a channel', () => {
    fc.assert(fc.property(sets, fc.array(level, { minLength: 1, maxLength: 5 }), (channels, levels) => {
      const set = compileChannels(channels)
      const topic = levels.join('/')
      const match = set.match(topic)
      if (match !== null) assert.ok(filterMatches(templateFilter(set.templates[channels.indexOf(match.channel)]!), topic), `${topic} in ${match.channel.topic}`)
    }), { numRuns: 5000 })
    const filters = compileChannels([channel({ topic: 'zigbee2mqtt/{name...}', room: 'home' }), channel({ topic: 'a/{room}/{device}' })]).templates.map(templateFilter)
    assert.deepEqual(filters, ['zigbee2mqtt/+/#', 'a/+/+'])
    for (const topic of ['zigbee2mqtt', 'other/x']) assert.equal(filterMatches(filters[0]!, topic), false, topic)
  })

  it('asks the channels in their order', () => {
    const set = compileChannels([channel({ name: 'first', topic: 'a/{name}', room: 'x' }), channel({ name: 'second', topic: 'a/{room}' })])
    assert.equal(set.match('a/b')?.channel.name, 'first')
    assert.equal(set.match('a/b')?.room, 'x')
  })

  it('keeps a plain broker out of the topics under $', () => {
    const set = compileChannels([channel({ name: 'open', topic: '{any...}', room: 'open' })])
    assert.equal(set.match('any/thing')?.room, 'open')
    assert.equal(set.match('$SYS/x'), null)
    assert.equal(set.match('$x'), null)
  })

  it('takes empty levels where it adopts topics as they are, and only there', () => {
    const set = compileChannels([channel({ name: 'open', topic: '{any...}', room: 'open' })])
    for (const topic of ['a//b', '/a', 'a/', '/']) assert.equal(set.match(topic)?.channel.name, 'open', topic)
    const adopted = compileChannels([channel({ name: 'zigbee', topic: 'zigbee/{name...}', room: 'home' })])
    assert.equal(adopted.match('zigbee//x')?.channel.name, 'zigbee')
    assert.equal(adopted.match('zigbee'), null)
  })

  it('does not take a channel with faults', () => {
    assert.throws(() => compileChannels([channel({ topic: 'a/{rooom}' })]), /channel test: .*\{rooom\}/)
  })
})

describe('faults of a channel', () => {
  const faultOf = (fields: Partial<Channel>): string => channelFaults(channel(fields)).join('; ')

  it('are named', () => {
    assert.equal(faultOf({}), '')
    assert.equal(faultOf({ topic: 'zigbee2mqtt/{name...}', room: 'home' }), '')
    assert.match(faultOf({ topic: '' }), /missing/)
    assert.match(faultOf({ topic: '$x/{room}' }), /\$/)
    assert.match(faultOf({ topic: 'a/+/{room}' }), /\+ or #/)
    assert.match(faultOf({ topic: 'a\u0000/{room}' }), /U\+0000/)
    for (const level of ['{rooom}', '{room...}', '{}', '{...}', 'x{name}', '{name}x', '{', '{ name }', '{constructor}']) assert.match(faultOf({ topic: `{room}/${level}` }), /plain text or one of/, level)
    assert.match(faultOf({ topic: '{room}/{name...}/a' }), /before its end/)
    assert.match(faultOf({ topic: '{room}/{name}/{name}' }), /twice/)
    assert.match(faultOf({ topic: '{room}/{device}/{user}' }), /only one/)
    assert.match(faultOf({ topic: 'a/{name}' }), /no room is given/)
    assert.match(faultOf({ topic: 'a/{room}', room: 'x' }), /which one/)
    assert.match(faultOf({ topic: 'a', room: '..' }), /room "\.\." is not valid/)
    assert.match(faultOf({ publish: ['boss' as 'owner'] }), /publish names the role "boss"/)
    assert.match(faultOf({ subscribe: ['device:own'] }), /neither \{device\} nor \{user\}/)
  })
})

describe('merging channels', () => {
  it('leaves the defaults without any override', () => {
    assert.deepEqual(merged({}), DEFAULT_CHANNELS)
  })

  it('puts the user\'s channels first, in their order, and keeps what they leave out', () => {
    const channels = merged({ home: { topic: 'zigbee2mqtt/{name...}', room: 'home' }, state: { maxBytes: 100, topic: undefined } })
    assert.deepEqual(channels.map(({ name }) => name), ['home', 'state', 'messages', 'telemetry', 'commands', 'results', 'live', 'presence', 'roster'])
    assert.deepEqual(channels[0], {
      name: 'home',
      topic: 'zigbee2mqtt/{name...}',
      room: 'home',
      qos: 0,
      belowQos: 'raise',
      retain: 'publisher',
      durability: 'disk',
      store: true,
      stamp: false,
      echo: true,
      maxBytes: 65_536,
      retention: null,
      rate: null,
      publish: ['device', 'gateway', 'member', 'owner'],
      subscribe: ['listener', 'member', 'owner']
    })
    assert.deepEqual(channels[1], { ...DEFAULT_CHANNELS.find(({ name }) => name === 'state'), maxBytes: 100 })
  })

  it('can set what is falsy', () => {
    const [messages] = merged({ messages: { qos: 0, stamp: false, store: false, rate: null, publish: [] } })
    assert.deepEqual([messages!.qos, messages!.stamp, messages!.store, messages!.rate, messages!.publish], [0, false, false, null, []])
  })

  it('removes what is off, as YAML may write it', () => {
    const names = merged({ live: 'off', presence: false, unknown: 'off' }).map(({ name }) => name)
    assert.deepEqual(names, ['messages', 'telemetry', 'state', 'commands', 'results', 'roster'])
  })

  it('leaves a new channel without a topic to be found faulty', () => {
    assert.match(channelFaults(merged({ constructor: {} })[0]!).join(), /topic is missing/)
  })
})
