import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { ROLES } from '../../protocol/channel.ts'
import type { Channel, ChannelRole, Role } from '../../protocol/channel.ts'
import { compileChannels } from '../../protocol/channels.ts'
import { CHANNEL_DEFAULTS, DEFAULT_CHANNELS } from '../../protocol/default-channels.ts'
import { decide } from '../../protocol/policy.ts'
import type { Action, Decision, Subject } from '../../protocol/policy.ts'
import { parseGrants } from '../../protocol/room-grants.ts'
import { filterMatches } from '../../protocol/topic.ts'

const defaults = compileChannels(DEFAULT_CHANNELS)
const who = (rooms: Record<string, Role>, sub = 'lamp-1', admin = false): Subject => ({ sub, grants: parseGrants(rooms), admin })
const ask = (subject: Subject, action: Action, topic: string): Decision => decide(defaults, subject, action, topic)
const verdict = (decision: Decision): string => decision.code ?? 'allowed'

describe('the policy', () => {
  /** The table of the design, channel by channel: who may, `own` where only on its own topics. */
  const table: Record<string, { topic: string, publish: Partial<Record<Role, 'any' | 'own'>>, deliver: Partial<Record<Role, 'any' | 'own'>> }> = {
    messages: { topic: 'messages', publish: { member: 'any', owner: 'any' }, deliver: { listener: 'any', member: 'any', owner: 'any' } },
    telemetry: { topic: 'telemetry/{}/t', publish: { device: 'own', gateway: 'any', owner: 'any' }, deliver: { listener: 'any', member: 'any', owner: 'any' } },
    state: { topic: 'state/{}', publish: { device: 'own', gateway: 'any', owner: 'any' }, deliver: { listener: 'any', device: 'own', gateway: 'any', member: 'any', owner: 'any' } },
    commands: { topic: 'commands/{}', publish: { owner: 'any' }, deliver: { device: 'own', gateway: 'any', owner: 'any' } },
    results: { topic: 'results/{}', publish: { device: 'own', gateway: 'any', owner: 'any' }, deliver: { owner: 'any' } },
    live: { topic: 'live/x/y', publish: { device: 'any', gateway: 'any', member: 'any', owner: 'any' }, deliver: { listener: 'any', member: 'any', owner: 'any' } },
    presence: { topic: 'presence', publish: {}, deliver: { listener: 'any', member: 'any', owner: 'any' } },
    roster: { topic: 'presence/{}', publish: {}, deliver: { listener: 'any', member: 'any', owner: 'any' } }
  }

  for (const [name, row] of Object.entries(table)) {
    it(`lets each role do in ${name} what the table says`, () => {
      for (const role of ROLES) {
        for (const own of [true, false]) {
          const topic = `rooms/kitchen/${row.topic.replace('{}', own ? 'a%2Fb' : 'other')}`
          for (const action of ['publish', 'deliver'] as const) {
            const decision = ask(who({ kitchen: role }, 'a/b'), action, topic)
            const grant = row[action][role]
            const expected = grant === 'any' || (grant === 'own' && own)
            assert.equal(verdict(decision), expected ? 'allowed' : 'policy', `${role} ${action} ${topic}: ${decision.rule}`)
            assert.equal(decision.match?.channel.name, name)
          }
          const wide = ask(who({ kitchen: role }, 'a/b'), 'subscribe', topic)
          assert.deepEqual(wide, ask(who({ kitchen: role }, 'a/b'), 'deliver', topic))
        }
      }
    })
  }

  it('allows nothing where no grant covers the room', () => {
    const decision = ask(who({ kitchen: 'owner' }, 'x', true), 'publish', 'rooms/lobby/messages')
    assert.equal(verdict(decision), 'policy')
    assert.equal(decision.rule, 'no grant of your token covers room lobby')
  })

  it('says which rule decided', () => {
    assert.equal(ask(who({ '*': 'listener' }), 'publish', 'rooms/lobby/messages').rule, 'you are listener in lobby (grant "*"); channel messages lets member and owner publish')
    assert.equal(ask(who({ lobby: 'device' }, 'lamp-2'), 'subscribe', 'rooms/lobby/commands/lamp-1').rule, '{device} is lamp-1, your sub is lamp-2: channel commands gives device only "its own"')
    assert.equal(ask(who({ lobby: 'device' }, 'lamp-2'), 'publish', 'rooms/lobby/state/lamp-1').rule, '{device} is lamp-1, your sub is lamp-2: channel state takes device only from "its own"')
    assert.equal(ask(who({ lobby: 'owner' }), 'publish', 'rooms/lobby/presence').rule, 'you are owner in lobby (grant "lobby"); channel presence lets nobody publish')
    assert.match(ask(who({ 'l*': 'member' }), 'publish', 'rooms/lobby/messages').rule, /^you are member in lobby \(grant "l\*"\)/)
  })

  it('refuses topics that are invalid, reserved or outside every channel', () => {
    for (const topic of ['', 'rooms/+/messages', 'rooms/lobby/#', 'rooms/lobby/live/\u0007', '$SYS/x', '$me/errors', '$x', 'rooms/lobby', 'rooms/../messages', 'x']) {
      for (const action of ['publish', 'deliver'] as const) assert.equal(verdict(ask(who({ '*': 'owner' }, 'x', true), action, topic)), 'topic', topic)
    }
  })

  it('refuses a command below QoS 2, but first who may not send any', () => {
    const owner = who({ lobby: 'owner' })
    assert.equal(verdict(decide(defaults, owner, 'publish', 'rooms/lobby/commands/x', 2)), 'allowed')
    assert.equal(verdict(decide(defaults, owner, 'publish', 'rooms/lobby/commands/x')), 'allowed')
    for (const qos of [0, 1] as const) {
      const decision = decide(defaults, owner, 'publish', 'rooms/lobby/commands/x', qos)
      assert.equal(verdict(decision), 'belowQos')
      assert.equal(decision.rule, `channel commands takes QoS 2, this is QoS ${qos}`)
      assert.equal(verdict(decide(defaults, who({ lobby: 'member' }), 'publish', 'rooms/lobby/commands/x', qos)), 'policy')
      assert.equal(verdict(decide(defaults, owner, 'publish', 'rooms/lobby/messages', qos)), 'allowed')
    }
  })

  it('refuses an action that it does not know', () => {
    assert.equal(ask(who({ '*': 'owner' }), 'erase' as Action, 'rooms/lobby/messages').allowed, false)
  })
})

describe('subscriptions under $', () => {
  it('are open to everybody for $me, and to admins for $SYS', () => {
    for (const filter of ['$me/#', '$me/+', '$me/errors', '$me/auth/+', '$me']) assert.equal(verdict(ask(who({}), 'subscribe', filter)), 'allowed', filter)
    for (const filter of ['$SYS/#', '$SYS', '$SYS/broker/+']) {
      assert.equal(verdict(ask(who({ '*': 'owner' }), 'subscribe', filter)), 'policy', filter)
      assert.equal(verdict(ask(who({}, 'x', true), 'subscribe', filter)), 'allowed', filter)
    }
  })

  it('are refused otherwise', () => {
    const admin = who({ '*': 'owner' }, 'x', true)
    for (const filter of ['$x', '$x/#', '$', '$mex/#', '$SYSTEM/#', '$share']) assert.equal(verdict(ask(admin, 'subscribe', filter)), 'policy', filter)
    for (const filter of ['$share/g/$SYS/#', '$share/g/$me/errors', '$share/g/$share/h/rooms/lobby/messages', '$share//x', '$share/g', '$me/#/a', '', 'a#', 'a/\u0000']) {
      assert.equal(verdict(ask(admin, 'subscribe', filter)), 'filter', filter)
    }
  })

  it('are judged by what they share', () => {
    assert.equal(verdict(ask(who({ lobby: 'listener' }), 'subscribe', '$share/g/rooms/lobby/messages')), 'allowed')
    assert.equal(verdict(ask(who({ lobby: 'listener' }), 'subscribe', '$share/g/rooms/kitchen/messages')), 'policy')
    assert.equal(verdict(ask(who({ lobby: 'listener' }), 'subscribe', '$share/g/rooms/+/messages')), 'allowed')
    assert.equal(verdict(ask(who({ lobby: 'listener' }), 'subscribe', '$share/g/x/y')), 'topic')
  })
})

describe('filters with wildcards', () => {
  it('are allowed where they could match anything granted', () => {
    const device = who({ kitchen: 'device', 'acme.*': 'listener' })
    for (const filter of ['#', 'rooms/#', '+/+/messages', 'rooms/+/messages', 'rooms/acme.x/#', 'rooms/kitchen/commands/+', 'rooms/kitchen/+/lamp-1', 'rooms/+/commands/lamp-1', 'rooms/acme.x/messages/#', 'rooms/acme.x/telemetry/+/+/+/#']) {
      assert.equal(verdict(ask(device, 'subscribe', filter)), 'allowed', filter)
    }
    for (const filter of ['rooms/kitchen/commands/lamp-2/#', 'rooms/kitchen/messages/#', 'rooms/+/commands/lamp-2', 'rooms/lobby/+', 'rooms/acme.x/commands/#', '+', '+/+', 'x/#', '/#', '+/messages']) {
      assert.equal(verdict(ask(device, 'subscribe', filter)), 'policy', filter)
    }
  })

  it('join no room, and say one rule that lets them pass', () => {
    const decision = ask(who({ '*': 'listener' }), 'subscribe', 'rooms/+/messages')
    assert.equal(decision.match, null)
    assert.match(decision.rule, /\(grant "\*"\); channel messages lets listener, member and owner subscribe/)
  })

  it('are refused where an earlier channel takes all that a later one would grant', () => {
    const set = compileChannels([
      { ...CHANNEL_DEFAULTS, name: 'closed', topic: 'rooms/{room}/messages', subscribe: [] },
      ...DEFAULT_CHANNELS.filter(({ name }) => name === 'messages')
    ])
    assert.equal(verdict(decide(set, who({ '*': 'owner' }), 'subscribe', 'rooms/+/messages')), 'policy')
  })

  it('are allowed where only topics deeper than every template reach the channel that grants', () => {
    const set = compileChannels([
      { ...CHANNEL_DEFAULTS, name: 'closed', topic: 'a/{room}', subscribe: [] },
      { ...CHANNEL_DEFAULTS, name: 'open', topic: 'a/{rest...}', room: 'home' }
    ])
    assert.equal(verdict(decide(set, who({ home: 'member' }), 'subscribe', 'a/x/#')), 'allowed')
    assert.equal(verdict(decide(set, who({ home: 'member' }), 'subscribe', '+/x')), 'policy')
  })

  /** Few words, so that templates, grants, subs and filters meet often; all that they could tell apart is among them. */
  const words = ['a', 'b', 'u', 'p', 'pa', 'pab', 'q', '.', '', 'a%2Fb']
  const universe: string[] = []
  for (let depth = 1, layer: string[] = words; depth <= 4; depth++) {
    universe.push(...layer)
    layer = layer.flatMap(topic => words.map(word => `${topic}/${word}`))
  }
  const role = fc.constantFrom<Role>('listener', 'member', 'device')
  const channelRole = fc.constantFrom<ChannelRole>('listener', 'member', 'device', 'device:own', 'member:own')
  const template = fc.array(fc.constantFrom('a', 'b', '', '{room}', '{device}', '{name}'), { minLength: 1, maxLength: 3 })
    .map(levels => levels.filter((level, i) => !level.startsWith('{') || levels.indexOf(level) === i))
  const channels = fc.array(fc.record({
    topic: fc.tuple(template, fc.boolean()).map(([levels, open]) => [...levels.slice(0, open ? 2 : 3), ...(open ? ['{rest...}'] : [])].join('/')).filter(topic => topic !== ''),
    room: fc.constantFrom('a', 'q', 'pab'),
    roles: fc.uniqueArray(channelRole, { minLength: 1, maxLength: 4 })
  }), { minLength: 1, maxLength: 3 }).map(list => list.map(({ topic, room, roles }, i): Channel => ({
    ...CHANNEL_DEFAULTS,
    name: `c${i}`,
    topic,
    room: topic.includes('{room}') ? null : room,
    subscribe: topic.includes('{device}') ? roles : roles.filter(name => !name.endsWith(':own'))
  })))
  const grants = fc.dictionary(fc.constantFrom('a', 'b', 'u', 'pa', 'q', 'p*', 'pa*', '*'), role, { minKeys: 1, maxKeys: 4 })
  const filter = fc.tuple(fc.array(fc.constantFrom('+', '+', 'a', 'b', 'u', 'pa', ''), { maxLength: 3 }), fc.boolean())
    .map(([levels, open]) => [...levels, ...(open || levels.length === 0 ? ['#'] : [])].join('/'))
    .filter(text => /[+#]/.test(text))

  it('are allowed exactly if some topic that they match may be delivered', function () {
    this.timeout(60_000)
    const seen = { allowed: 0, policy: 0 }
    fc.assert(fc.property(channels, grants, fc.constantFrom('u', 'q', 'pa', 'a/b'), filter, (list, rooms, sub, wide) => {
      const set = compileChannels(list)
      const subject = who(rooms, sub)
      const expected = universe.some(topic => filterMatches(wide, topic) && decide(set, subject, 'deliver', topic).allowed)
      const decision = decide(set, subject, 'subscribe', wide)
      assert.equal(decision.allowed, expected, decision.rule)
      seen[expected ? 'allowed' : 'policy']++
    }), { numRuns: 600 })
    assert.ok(seen.allowed > 50 && seen.policy > 50, JSON.stringify(seen))
  })

  it('are judged quickly, however much a token grants and however wide they are', function () {
    this.timeout(10_000)
    const rooms = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`room-${i}`, 'device' as const]))
    const many = compileChannels([
      ...Array.from({ length: 30 }, (_, i): Channel => ({ ...CHANNEL_DEFAULTS, name: `c${i}`, topic: `{name}/{room}/x${i % 3}/y${i % 5}/{rest...}`, subscribe: [] })),
      ...DEFAULT_CHANNELS
    ])
    const started = Date.now()
    for (const wide of ['#', '+/+/messages', Array(97).fill('+').join('/'), `${Array(96).fill('+').join('/')}/#`, 'rooms/+/results/#']) decide(many, who(rooms), 'subscribe', wide)
    assert.ok(Date.now() - started < 5000)
  })
})
