import assert from 'node:assert/strict'
import { createGate } from '../../../broker/auth/gate.ts'
import { refused } from '../../helpers/auth-server.ts'

describe('a gate', () => {
  it('lets so many through at once, the others in order, and refuses the rest', async () => {
    const gate = createGate(2, 3)
    const begun: number[] = []
    const finish: (() => void)[] = []
    const attempts = [0, 1, 2, 3, 4].map((i) => gate(() => {
      begun.push(i)
      return new Promise<number>((resolve) => finish.push(() => { resolve(i) }))
    }))
    await refused(gate(async () => 5), 'unavailable')
    assert.deepEqual(begun, [0, 1])
    finish[1]!()
    assert.equal(await attempts[1], 1)
    assert.deepEqual(begun, [0, 1, 2])
    for (const i of [0, 2, 3, 4]) {
      finish[i === 0 ? 0 : i]!()
      assert.equal(await attempts[i], i)
    }
    assert.deepEqual(begun, [0, 1, 2, 3, 4])
  })

  it('is left by those who fail as well', async () => {
    const gate = createGate(1, 1)
    for (let i = 0; i < 3; i++) await assert.rejects(gate(async () => { throw new Error('failed') }), /failed/)
    const attempts = [gate(async () => { throw new Error('failed') }), gate(async () => 'through')]
    await assert.rejects(attempts[0]!, /failed/)
    assert.equal(await attempts[1], 'through')
  })
})
