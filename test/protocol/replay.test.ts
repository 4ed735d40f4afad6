import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { compileChannels } from '../../protocol/channels.ts'
import { encodeCursor } from '../../protocol/cursor.ts'
import { DEFAULT_CHANNELS } from '../../protocol/default-channels.ts'
import { decide } from '../../protocol/policy.ts'
import { parseReplay, replayed } from '../../protocol/replay.ts'
import { parseGrants } from '../../protocol/room-grants.ts'
import { filterFault } from '../../protocol/topic.ts'

const channels = compileChannels(DEFAULT_CHANNELS)
const ann = { sub: 'ann', grants: parseGrants({ lobby: 'member' }), admin: false }

describe('a replay filter', () => {
  const cursor = encodeCursor(1_764_000_000_000_000, 3)

  for (const [text, since] of [
    ['10m', { kind: 'ago', ms: 600_000 }],
    ['24h', { kind: 'ago', ms: 86_400_000 }],
    ['7d', { kind: 'ago', ms: 604_800_000 }],
    ['0s', { kind: 'ago', ms: 0 }],
    ['last=100', { kind: 'last', count: 100 }],
    [`after=${cursor}`, { kind: 'after', time: 1_764_000_000_000_000, node: 3 }],
    ['from=2026-11-24T10:00:00Z', { kind: 'from', time: Date.UTC(2026, 10, 24, 10) * 1000 }],
    ['from=2026-11-24T10:00:00.5+01:00', { kind: 'from', time: (Date.UTC(2026, 10, 24, 9) + 500) * 1000 }],
    ['from=1764000000000', { kind: 'from', time: 1_764_000_000_000_000 }]
  ] as const) {
    it(`begins ${text}`, () => {
      const filter = `$replay/${text}/rooms/+/messages`
      assert.deepEqual(parseReplay(filter), { since, filter: 'rooms/+/messages' })
      assert.equal(filterFault(filter), null)
      assert.equal(replayed(filter), 'rooms/+/messages')
    })
  }

  for (const [filter, words] of [
    ['$replay/', /its filter is missing/],
    ['$replay/10m', /its filter is missing/],
    ['$replay/10m/', /its filter is missing/],
    ['$replay//a', /^a replay begins with 10m, last=9, after=CURSOR or from=TIME$/],
    ['$replay/10x/a', /^a replay begins with/],
    ['$replay/-5m/a', /^a replay begins with/],
    ['$replay/+/a', /^a replay begins with/],
    ['$replay/#', /its filter is missing/],
    ['$replay/last=0/a', /^last= takes a number from 1 to 1000000/],
    ['$replay/last=all/a', /^last= takes a number/],
    ['$replay/after=xyz/a', /^after= takes a cursor/],
    ['$replay/from=yesterday/a', /^from= takes 2026-11-24T10:00:00Z or milliseconds since 1970$/],
    ['$replay/from=2026-11-24T10:00:00/a', /^from= takes 2026-11-24T10:00:00Z or milliseconds since 1970$/],
    ['$replay/10m/a/#/b', /has # before its end/],
    ['$replay/10m/$share/g/a', /takes no filter that starts with \$/],
    ['$replay/10m/$me/errors', /takes no filter that starts with \$/],
    ['$replay/10m/$SYS/#', /takes no filter that starts with \$/],
    ['$replay/10m/$replay/10m/a', /takes no filter that starts with \$/],
    ['$share/g/$replay/10m/rooms/lobby/messages', /takes no filter that starts with \$/]
  ] as const) {
    it(`is refused as ${filter}`, () => {
      const { allowed, code, rule } = decide(channels, ann, 'subscribe', filter)
      assert.deepEqual([allowed, code], [false, 'filter'])
      assert.match(rule, words)
    })
  }

  it('is granted as the filter inside it', () => {
    fc.assert(fc.property(fc.constantFrom('rooms/lobby/messages', 'rooms/lobby/#', 'rooms/+/messages', '#', 'rooms/hall/messages', 'rooms/lobby/commands/+', 'nowhere'), filter => {
      const { allowed, code, rule } = decide(channels, ann, 'subscribe', `$replay/10m/${filter}`)
      assert.deepEqual({ allowed, code, rule }, (({ allowed, code, rule }) => ({ allowed, code, rule }))(decide(channels, ann, 'subscribe', filter)))
    }))
  })
})
