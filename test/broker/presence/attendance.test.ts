import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { Attendance } from '../../../broker/presence/attendance.ts'

const GRACE = 100

type Step =
  | { readonly kind: 'enter' | 'leave' | 'break', readonly room: string, readonly user: string }
  | { readonly kind: 'wait', readonly ms: number }
  | { readonly kind: 'tell', readonly refused: boolean, readonly except: string }

const name = (...names: string[]): fc.Arbitrary<string> => fc.constantFrom(...names)
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constantFrom('enter' as const, 'leave' as const, 'break' as const), room: name('a', 'b'), user: name('x', 'y', 'z') }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 150 }) }),
  fc.record({ kind: fc.constant('tell' as const), refused: fc.boolean(), except: name('x', 'y', '') })
)

/** What presence means, without a thought for cost: counts of connections, and when each last broke off. */
class Model {
  readonly connections = new Map<string, number>()
  readonly until = new Map<string, number>()

  apply (step: Step, now: number): boolean {
    if (step.kind === 'wait' || step.kind === 'tell') return true
    const key = `${step.room} ${step.user}`
    const count = this.connections.get(key) ?? 0
    if (step.kind === 'enter') {
      this.connections.set(key, count + 1)
      this.until.delete(key)
      return true
    }
    if (count === 0) return false
    this.connections.set(key, count - 1)
    if (count === 1 && step.kind === 'break') this.until.set(key, now + GRACE)
    return true
  }

  there (now: number): string[] {
    const keys = [...this.connections].filter(([key, count]) => count > 0 || (this.until.get(key) ?? -1) > now)
    return keys.map(([key]) => key).sort()
  }
}

/** Without those of whom nothing was to be told. */
function others (keys: string[], user: string): string[] {
  return keys.filter(key => !key.endsWith(` ${user}`))
}

describe('attendance', () => {
  it('tells the difference between what is and what was told, whatever happens and is refused in between', () => {
    fc.assert(fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const attendance = new Attendance(GRACE)
      const model = new Model()
      const told = new Set<string>()
      let now = 1000
      for (const step of [...steps, { kind: 'tell', refused: false, except: '' } as const]) {
        if (!model.apply(step, now)) continue
        switch (step.kind) {
          case 'enter': attendance.enter(step.room, step.user, now); break
          case 'leave': case 'break': attendance.exit(step.room, step.user, step.kind === 'break', now); break
          case 'wait': now += step.ms; break
          case 'tell':
            for (const change of attendance.changes(now, user => user !== step.except)) {
              if (step.refused) break
              for (const { user } of change.joined) assert.ok(!told.has(`${change.room} ${user}`), 'told to join twice')
              for (const { user } of change.left) assert.ok(told.has(`${change.room} ${user}`), 'told to leave and was not there')
              for (const { user } of change.joined) told.add(`${change.room} ${user}`)
              for (const { user } of change.left) told.delete(`${change.room} ${user}`)
              attendance.told(change)
            }
            if (!step.refused) assert.deepEqual(others([...told].sort(), step.except), others(model.there(now), step.except))
        }
      }
      assert.equal(attendance.changed, false)
      assert.equal(attendance.members, told.size)
      assert.equal(attendance.size, new Set([...told].map(key => key.split(' ')[0])).size)
    }))
  })

  it('holds nothing of those who have gone', () => {
    const attendance = new Attendance(GRACE)
    for (let i = 0; i < 100; i++) {
      attendance.enter(`r${i}`, 'x', 0)
      attendance.exit(`r${i}`, 'x', i % 2 === 0, 0)
    }
    assert.equal(attendance.nextLeave, GRACE)
    for (const change of attendance.changes(0)) attendance.told(change)
    for (const change of attendance.changes(GRACE)) attendance.told(change)
    assert.deepEqual([attendance.size, attendance.members, attendance.nextLeave, attendance.changed], [0, 0, Infinity, false])
  })

  it('gives those of an earlier process the grace from the opening on, however long that took', () => {
    const attendance = new Attendance(GRACE)
    attendance.restore('lobby', 'back', 1)
    attendance.restore('lobby', 'gone', 2)
    assert.equal(attendance.nextLeave, Infinity)
    attendance.open(5000)
    attendance.enter('lobby', 'back', 3)
    assert.deepEqual(attendance.changes(5000 + GRACE - 1), [])
    const [change] = attendance.changes(5000 + GRACE)
    assert.deepEqual(change!.left.map(({ user }) => user), ['gone'])
    assert.deepEqual(change!.joined, [])
    attendance.told(change!)
    // As if the restart had not been.
    assert.deepEqual(Array.from(attendance.in('lobby'), ({ user, since }) => [user, since]), [['back', 1]])
  })
})
