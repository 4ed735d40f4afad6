import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { decodeSub, encodeSub, roomFault, subFault } from '../../protocol/names.ts'
import { topicFault } from '../../protocol/topic.ts'

const subs = fc.string({ unit: 'binary', minLength: 1, maxLength: 32 }).filter(sub => subFault(sub) === null)

describe('room names', () => {
  it('are what the pattern says', () => {
    const pattern = /^[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,63}$/
    const near = fc.string({ unit: fc.constantFrom('a', 'Z', '0', '_', '~', '-', '.', '/', ' ', 'é', '\n', '+'), maxLength: 70 })
    fc.assert(fc.property(fc.oneof(near, fc.string({ unit: fc.constantFrom('a', '.'), minLength: 60, maxLength: 70 })), name => {
      assert.equal(roomFault(name) === null, pattern.test(name) && !name.includes('\n'))
    }))
  })

  it('never are . or .., and may be names that objects know', () => {
    for (const name of ['', '.', '..', '.a', 'a/b', 'a b', 'x'.repeat(65)]) assert.equal(typeof roomFault(name), 'string', name)
    for (const name of ['a', 'acme.x', 'constructor', '__proto__', 'x'.repeat(64)]) assert.equal(roomFault(name), null, name)
  })
})

describe('a sub in a topic', () => {
  it('is escaped where a level could not hold it', () => {
    assert.equal(encodeSub('sensor-7'), 'sensor-7')
    assert.equal(encodeSub('a/b+c#d%e$f'), 'a%2Fb%2Bc%23d%25e%24f')
    assert.equal(encodeSub('a\u0000\u0080'), 'a%00%C2%80')
    assert.equal(encodeSub('Grüße 😀@x:y'), 'Grüße 😀@x:y')
  })

  it('comes back as it was, from a level that every topic may hold', () => {
    fc.assert(fc.property(subs, sub => {
      const level = encodeSub(sub)
      assert.equal(decodeSub(level), sub)
      assert.equal(topicFault(level), null)
      assert.equal(level.includes('/') || level.startsWith('$'), false)
    }))
  })

  it('is written in one way only: other spellings name nobody', () => {
    for (const level of ['', '%2D', 'lamp%2D1', '%2f', '%zz', '100%', '%', '%C3%28', '%FF', 'a$', '%41']) assert.equal(decodeSub(level), null, level)
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom('%', '2', 'F', 'f', 'a', '5', '$'), maxLength: 8 }), level => {
      const sub = decodeSub(level)
      if (sub !== null) assert.equal(encodeSub(sub), level)
    }))
  })

  it('has 1 to 128 bytes and whole characters', () => {
    for (const sub of [undefined, null, 7, '', '\ud800', 'a\udc00', 'x'.repeat(129), 'é'.repeat(65)]) assert.equal(typeof subFault(sub), 'string', String(sub))
    for (const sub of ['x', 'x'.repeat(128), 'é'.repeat(64), '😀'.repeat(32), '\u0000']) assert.equal(subFault(sub), null, sub)
  })
})
