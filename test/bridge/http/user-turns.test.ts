import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { UserTurns } from '../../../bridge/http/user-turns.ts'

/** Work that lasts until it is told to end. */
function work (name: string, log: string[]): { end (): void, readonly run: () => Promise<string> } {
  let end = (): void => {}
  const ended = new Promise<void>(resolve => { end = resolve })
  return {
    end,
    run: async () => {
      log.push(name)
      await ended
      return name
    }
  }
}

describe('turns of users', () => {
  const always = new AbortController().signal

  it('are a few at once, the rest of the same user in order, and of no other', async () => {
    const turns = new UserTurns({ atOnce: 2, waiting: 10, all: 100 })
    const log: string[] = []
    const works = ['a', 'b', 'c', 'd'].map(name => work(name, log))
    const done = works.map(({ run }) => turns.run('ann', always, run))
    const other = work('bob', log)
    const others = turns.run('bob', always, other.run)
    assert.deepEqual(log, ['a', 'b', 'bob'])
    works[1]!.end()
    await done[1]
    await new Promise(resolve => setImmediate(resolve))
    assert.deepEqual(log, ['a', 'b', 'bob', 'c'])
    for (const { end } of [...works, other]) end()
    assert.deepEqual(await Promise.all([...done, others]), ['a', 'b', 'c', 'd', 'bob'])
    assert.equal(turns.busy, 0)
  })

  it('go on after one that failed', async () => {
    const turns = new UserTurns({ atOnce: 1, waiting: 10, all: 100 })
    const failing = turns.run('ann', always, async () => { throw new Error('no') })
    const next = turns.run('ann', always, async () => 'next')
    await assert.rejects(failing, /^Error: no$/)
    assert.equal(await next, 'next')
    assert.equal(turns.busy, 0)
  })

  it('are given up by who has gone', async () => {
    const turns = new UserTurns({ atOnce: 1, waiting: 2, all: 100 })
    const log: string[] = []
    const [a, b, c] = ['a', 'b', 'c'].map(name => work(name, log)) as [ReturnType<typeof work>, ReturnType<typeof work>, ReturnType<typeof work>]
    const first = turns.run('ann', always, a.run)
    const gone = new AbortController()
    const second = turns.run('ann', gone.signal, b.run)
    const third = turns.run('ann', always, c.run)
    gone.abort(new Error('gone'))
    await assert.rejects(second, /^Error: gone$/)
    await assert.rejects(turns.run('ann', gone.signal, b.run), /^Error: gone$/)
    a.end()
    c.end()
    assert.deepEqual(await Promise.all([first, third]), ['a', 'c'])
    assert.deepEqual(log, ['a', 'c'])
    assert.equal(turns.busy, 0)
  })

  it('are refused when too many wait, and told when to come back', async () => {
    const turns = new UserTurns({ atOnce: 1, waiting: 1, all: 3 })
    const log: string[] = []
    const one = work('one', log)
    const done = [turns.run('ann', always, one.run), turns.run('ann', always, one.run)]
    await assert.rejects(turns.run('ann', always, one.run), { code: 'rate', retryIn: 1000, message: '1 requests of yours are waiting for what is stored, which is the most' })
    done.push(turns.run('bob', always, one.run))
    await assert.rejects(turns.run('eve', always, one.run), { code: 'unavailable', retryIn: 1000 })
    one.end()
    await Promise.all(done)
    assert.equal(await turns.run('eve', always, async () => 'later'), 'later')
    assert.equal(turns.busy, 0)
  })
})
