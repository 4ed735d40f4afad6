import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { Identity } from '../../../broker/auth/identity.ts'
import { readRevocation, writeRevocation, type Revocation } from '../../../broker/auth/revocation-records.ts'
import { Revocations } from '../../../broker/auth/revocations.ts'
import { RecordWriter } from '../../../broker/journal/record-writer.ts'
import { FoyerError } from '../../../protocol/errors.ts'
import { recordEnd, RecordType } from '../../../protocol/record.ts'

const NOW = 1_800_000_000

function identity (more: Partial<Identity> = {}): Identity {
  return { sub: 'ann', grants: { exact: new Map(), prefixes: [], all: null }, admin: false, presence: true, exp: NOW + 600, source: 'jwt', issuer: null, issuedAt: NOW - 5, jti: 'one', ...more }
}

function create (most = 10, keep: (revocation: Revocation) => Promise<void> = async () => {}): { revocations: Revocations, clock: { now: number } } {
  const clock = { now: NOW * 1000 }
  return { revocations: new Revocations({ most, clockTolerance: 5000, keep, now: () => clock.now }), clock }
}

const isQuota = (error: unknown): boolean => error instanceof FoyerError && error.code === 'quota' && /limits\.revocations/.test(error.message)

describe('a revocation', () => {
  it('of a user is of the tokens issued until then, and of those that don\'t say when', async () => {
    const { revocations } = create()
    await revocations.revoke({ sub: 'ann', issuedUntil: NOW })
    for (const issuedAt of [NOW - 1000, NOW, NOW + 0.9, null]) assert.equal(revocations.refusal(identity({ issuedAt }))?.code, 'tokenRevoked', String(issuedAt))
    assert.equal(revocations.refusal(identity({ issuedAt: NOW + 1 })), null)
    assert.equal(revocations.refusal(identity({ sub: 'bob' })), null)
    // Sooner than before changes nothing.
    await revocations.revoke({ sub: 'ann', issuedUntil: NOW - 100 })
    assert.ok(revocations.refusal(identity({ issuedAt: NOW })) !== null)
    await revocations.revoke({ sub: 'ann', issuedUntil: NOW + 100 })
    assert.ok(revocations.refusal(identity({ issuedAt: NOW + 100 })) !== null)
    assert.equal(revocations.size, 1)
  })

  it('of a token is of that alone', async () => {
    const { revocations } = create()
    await revocations.revoke({ jti: 'one', exp: null })
    assert.match(revocations.refusal(identity())!.message, /"one" was revoked/)
    for (const jti of ['two', null]) assert.equal(revocations.refusal(identity({ jti })), null)
  })

  it('is none of who has no token', async () => {
    const { revocations } = create()
    await revocations.revoke({ sub: 'ann', issuedUntil: NOW })
    for (const source of ['user', 'anonymous'] as const) assert.equal(revocations.refusal(identity({ source, issuedAt: null })), null)
  })

  it('of a token lasts as long as the longest that was said of it', async () => {
    const { revocations, clock } = create(1)
    for (const exp of [NOW + 100, NOW + 10]) await revocations.revoke({ jti: 'one', exp })
    clock.now += 50_000
    await assert.rejects(revocations.revoke({ sub: 'ann', issuedUntil: NOW }), isQuota)
    for (const exp of [null, NOW + 10]) await revocations.revoke({ jti: 'one', exp })
    clock.now += 1_000_000_000
    await assert.rejects(revocations.revoke({ sub: 'ann', issuedUntil: NOW }), isQuota)
    assert.ok(revocations.refusal(identity()) !== null)
  })

  it('of a token is forgotten when that has ended, and makes room', async () => {
    const { revocations, clock } = create(2)
    await revocations.revoke({ jti: 'one', exp: NOW + 10 })
    await revocations.revoke({ jti: 'two', exp: NOW + 20 })
    clock.now += 14_000
    // The token may still be let in by the clock tolerance.
    await assert.rejects(revocations.revoke({ sub: 'ann', issuedUntil: NOW }), isQuota)
    assert.equal(revocations.refusal(identity({ sub: 'ann', jti: 'three' })), null)
    clock.now += 2000
    await revocations.revoke({ sub: 'ann', issuedUntil: NOW })
    assert.equal(revocations.size, 2)
  })

  it('that is one too many is refused, one of the same once more is not', async () => {
    const { revocations } = create(2)
    await revocations.revoke({ sub: 'ann', issuedUntil: NOW })
    await revocations.revoke({ jti: 'one', exp: null })
    await assert.rejects(revocations.revoke({ jti: 'two', exp: null }), isQuota)
    await revocations.revoke({ sub: 'ann', issuedUntil: NOW + 1 })
    await revocations.revoke({ jti: 'one', exp: NOW + 10 })
  })

  it('holds at once, is told to who wants to know, and is kept before it resolves', async () => {
    let keep!: () => void
    const { revocations } = create(10, async () => await new Promise(resolve => { keep = resolve }))
    const heard: Revocation[] = []
    revocations.onRevoked(revocation => heard.push(revocation))
    let resolved = false
    const revoked = revocations.revoke({ jti: 'one', exp: null }).then(() => { resolved = true })
    assert.ok(revocations.refusal(identity()) !== null)
    assert.deepEqual(heard, [{ jti: 'one', exp: null }])
    await new Promise(resolve => setImmediate(resolve))
    assert.equal(resolved, false)
    keep()
    await revoked
  })

  it('holds though it could not be kept, and says that', async () => {
    const { revocations } = create(10, async () => { throw new FoyerError('disk') })
    await assert.rejects(revocations.revoke({ jti: 'one', exp: null }), (error: unknown) => error instanceof FoyerError && error.code === 'disk')
    assert.ok(revocations.refusal(identity()) !== null)
  })

  it('is the same as a record, alone and in a snapshot', async () => {
    const { revocations, clock } = create()
    const all: Revocation[] = [{ sub: 'ännchen/1', issuedUntil: NOW }, { jti: 'one', exp: null }, { jti: '__proto__', exp: NOW + 10 }]
    for (const revocation of [...all, { jti: 'ended', exp: NOW - 10 }]) await revocations.revoke(revocation)
    const writer = new RecordWriter()
    for (const revocation of all) {
      writer.begin(RecordType.revocation, 1)
      writeRevocation(writer, revocation)
      writer.end()
    }
    const read = (bytes: Buffer): Revocation[] => {
      const found: Revocation[] = []
      for (let start = 0; start < bytes.length; start = recordEnd(bytes, start)) found.push(readRevocation(bytes, start))
      return found
    }
    assert.deepEqual(read(writer.bytes.subarray(0, writer.length)), all)
    const snapshot = new RecordWriter()
    assert.equal([...revocations.saveAll(snapshot, 7)].length, 3)
    assert.deepEqual(read(snapshot.bytes.subarray(0, snapshot.length)), all)
    const again = create()
    again.clock.now = clock.now
    for (let start = 0; start < snapshot.length; start = recordEnd(snapshot.bytes, start)) again.revocations.restore(snapshot.bytes, start)
    assert.equal(again.revocations.size, 3)
    assert.ok(again.revocations.refusal(identity({ sub: 'bob', jti: '__proto__' })) !== null)
  })
})
