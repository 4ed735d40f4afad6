import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import type { Channel } from '../../protocol/channel.ts'
import { compileChannels } from '../../protocol/channels.ts'
import { CHANNEL_DEFAULTS, DEFAULT_CHANNELS } from '../../protocol/default-channels.ts'
import { presencePayloads, presenceTopic, rosterTopic, type PresenceEvent } from '../../protocol/presence.ts'

const at = { event: 'joined', room: 'lobby', timestamp: '2026-11-24T10:00:00.000Z' } as const

describe('an event of presence', () => {
  it('is one payload, as JSON.stringify would write it', () => {
    const event: PresenceEvent = { event: 'left', room: 'lobby', users: ['a "quoted" one', 'ü'], timestamp: at.timestamp }
    assert.deepEqual(presencePayloads(event, 1000), [JSON.stringify(event)])
    assert.deepEqual(presencePayloads({ ...event, users: [] }, 1000), [])
  })

  it('is split where it grows too large, with nobody lost, doubled or out of order', () => {
    fc.assert(fc.property(fc.array(fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' }), { maxLength: 60 }), fc.integer({ min: 1, max: 600 }), (users, maxBytes) => {
      const payloads = presencePayloads({ ...at, users }, maxBytes)
      const parsed = payloads.map(payload => JSON.parse(payload) as PresenceEvent)
      assert.deepEqual(parsed.flatMap(({ users }) => users), users)
      for (const [i, payload] of payloads.entries()) assert.ok(Buffer.byteLength(payload) <= maxBytes || parsed[i]!.users.length === 1)
      // No two neighbours would have found room together.
      for (let i = 1; i < parsed.length; i++) assert.ok(Buffer.byteLength(JSON.stringify({ ...at, event: 'joined', users: [...parsed[i - 1]!.users, parsed[i]!.users[0]] })) > maxBytes)
    }))
  })
})

describe('the topics of presence', () => {
  it('are those of the channels, names encoded', () => {
    const channels = compileChannels(DEFAULT_CHANNELS)
    assert.equal(presenceTopic(channels, 'lobby'), 'rooms/lobby/presence')
    assert.equal(rosterTopic(channels, 'lobby', 'a/b'), 'rooms/lobby/presence/a%2Fb')
  })

  it('are none where a channel is missing, asks for more, or is hidden by another', () => {
    const without = compileChannels(DEFAULT_CHANNELS.filter(({ name }) => name !== 'presence'))
    assert.equal(presenceTopic(without, 'lobby'), null)
    const channel = (name: string, topic: string): Channel => ({ ...CHANNEL_DEFAULTS, name, topic })
    assert.equal(presenceTopic(compileChannels([channel('presence', 'who/{room}/{name}')]), 'lobby'), null)
    assert.equal(presenceTopic(compileChannels([channel('mine', 'rooms/{room}/presence'), ...DEFAULT_CHANNELS]), 'lobby'), null)
    assert.equal(presenceTopic(compileChannels([channel('presence', 'who/{room}/now')]), 'lobby'), 'who/lobby/now')
  })
})
