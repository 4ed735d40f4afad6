import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { FoyerError } from '../../protocol/errors.ts'
import { parseGrants, roleIn, sameGrants } from '../../protocol/room-grants.ts'

describe('grants', () => {
  it('let an exact room beat the longest prefix beat *', () => {
    const grants = parseGrants({ '*': 'listener', 'acme.*': 'member', 'acme.lab*': 'device', 'acme.lab': 'owner' })
    assert.deepEqual(roleIn(grants, 'acme.lab'), { role: 'owner', pattern: 'acme.lab' })
    assert.deepEqual(roleIn(grants, 'acme.lab2'), { role: 'device', pattern: 'acme.lab*' })
    assert.deepEqual(roleIn(grants, 'acme.la'), { role: 'member', pattern: 'acme.*' })
    assert.deepEqual(roleIn(grants, 'acme'), { role: 'listener', pattern: '*' })
  })

  it('let an exact room take away what * gives', () => {
    const grants = parseGrants({ '*': 'owner', lobby: 'listener' })
    assert.equal(roleIn(grants, 'lobby')?.role, 'listener')
  })

  it('grant nothing without a claim, and nothing that the claim does not name', () => {
    for (const grants of [parseGrants(undefined), parseGrants({})]) {
      for (const room of ['lobby', 'constructor', '__proto__', 'toString']) assert.equal(roleIn(grants, room), null)
    }
  })

  it('take room names that objects know, and nothing from a prototype', () => {
    const grants = parseGrants(JSON.parse('{"__proto__":"owner","constructor":"member"}'))
    assert.equal(roleIn(grants, '__proto__')?.role, 'owner')
    assert.equal(roleIn(grants, 'constructor')?.role, 'member')
    assert.equal(roleIn(parseGrants(Object.create({ lobby: 'owner' })), 'lobby'), null)
  })

  it('are the same in whatever order they stand', () => {
    const same = (one: object, other: object): boolean => sameGrants(parseGrants(one), parseGrants(other))
    const grants = { a: 'owner', b: 'device', 'x*': 'member', 'y*': 'listener', '*': 'listener' }
    assert.ok(same(grants, { '*': 'listener', 'y*': 'listener', 'x*': 'member', b: 'device', a: 'owner' }))
    assert.ok(same({}, {}))
    for (const other of [{}, { ...grants, a: 'member' }, { ...grants, 'x*': 'owner' }, { ...grants, '*': 'member' }, { ...grants, c: 'owner' }, { a: 'owner', c: 'device', 'x*': 'member', 'y*': 'listener', '*': 'listener' }, { ...grants, 'z*': 'owner' }]) {
      assert.ok(!same(grants, other) && !same(other, grants), JSON.stringify(other))
    }
  })

  it('are refused as a whole for one bad entry, which is named', () => {
    for (const [claim, said] of [
      [null, /not null/], [[], /not an array/], ['lobby', /not a string/], [7, /not a number/],
      [{ lobby: 'boss' }, /"lobby" the role "boss"/], [{ lobby: 'toString' }, /"toString"/], [{ lobby: null }, /null/], [{ lobby: ['owner'] }, /an array/], [{ lobby: {} }, /an object/],
      [{ 'a/b': 'owner' }, /"a\/b"/], [{ '': 'owner' }, /empty/], [{ '**': 'owner' }, /"\*\*"/], [{ 'a*b': 'owner' }, /"a\*b"/], [{ '.*': 'owner' }, /dot/], [{ '..': 'owner' }, /dot/], [{ '+': 'owner' }, /"\+"/], [{ '#': 'owner' }, /"#"/]
    ] as const) {
      assert.throws(() => parseGrants(claim), (error: unknown) => error instanceof FoyerError && error.code === 'tokenRooms' && said.test(error.message), JSON.stringify(claim))
    }
  })
})
