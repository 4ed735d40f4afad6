import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { ROLES } from '../../protocol/channel.ts'
import type { Role } from '../../protocol/channel.ts'
import { ROOM_CHARACTERS, roomFault } from '../../protocol/names.ts'
import { parseGrants, roleIn } from '../../protocol/room-grants.ts'
import { sampleRooms } from '../../protocol/sample-rooms.ts'

const rolesOf = (claim: Record<string, Role>, spelled: string[] = []): string[] => {
  const grants = parseGrants(claim)
  return sampleRooms(grants, new Set(spelled)).filter(room => !spelled.includes(room)).map(room => roleIn(grants, room)!.role).sort()
}

describe('sample rooms', () => {
  it('are one for each role, beside those that are spelled out', () => {
    assert.deepEqual(rolesOf({ a: 'member', b: 'member', 'p*': 'member', '*': 'owner' }), ['member', 'owner'])
    assert.deepEqual(sampleRooms(parseGrants({ a: 'member', b: 'member' }), new Set(['a', 'x', '..'])), ['a', 'b'])
    assert.deepEqual(sampleRooms(parseGrants(undefined), new Set(['a'])), [])
  })

  it('are found below a prefix whose first rooms are taken', () => {
    const taken = Object.fromEntries(['p', ...Array.from(ROOM_CHARACTERS, character => `p${character}`)].map(room => [room, 'listener' as const]))
    assert.deepEqual(rolesOf({ ...taken, 'p*': 'owner' }), ['listener', 'owner'])
  })

  it('are found beside longer prefixes, and not where those take everything', () => {
    const longer = Object.fromEntries(Array.from(ROOM_CHARACTERS, character => [`p${character}*`, 'listener' as const]))
    assert.deepEqual(rolesOf({ ...longer, 'p*': 'owner' }), ['listener', 'owner'])
    assert.deepEqual(rolesOf({ ...longer, p: 'listener', 'p*': 'owner' }), ['listener'])
    const full = 'x'.repeat(64)
    assert.deepEqual(rolesOf({ [`${full}*`]: 'owner', [full]: 'member' }), ['member'])
  })

  it('are rooms that the token grants, and cover every role that a room can get', () => {
    const pattern = fc.constantFrom('a', 'aa', 'ab', 'b', 'a*', 'aa*', 'ab*', 'aab*', 'b*', '*')
    fc.assert(fc.property(fc.dictionary(pattern, fc.constantFrom(...ROLES)), fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 4 }), fc.uniqueArray(fc.constantFrom<string>('a', 'b', 'aa', 'c')), (claim, room, spelled) => {
      const grants = parseGrants(claim)
      const samples = sampleRooms(grants, new Set(spelled))
      for (const sample of samples) {
        assert.equal(roomFault(sample), null)
        assert.notEqual(roleIn(grants, sample), null)
      }
      const role = roleIn(grants, room)?.role
      if (role === undefined) return
      assert.ok(spelled.includes(room) ? samples.includes(room) : samples.some(sample => !spelled.includes(sample) && roleIn(grants, sample)!.role === role), room)
    }), { numRuns: 1000 })
  })
})
