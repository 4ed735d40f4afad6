import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { watchLosses } from '../../../bridge/history/losses.ts'
import type { Removal } from '../../../bridge/store/store.ts'
import { compileChannels } from '../../../protocol/channels.ts'
import { DEFAULT_CHANNELS } from '../../../protocol/default-channels.ts'

const channels = compileChannels(DEFAULT_CHANNELS)

function removal (room: string, upTo: number, channel = 'messages'): Removal {
  return { room, channel, upTo }
}

describe('what retention has removed of the past of a filter', () => {
  /** `allowed` are rooms. */
  function watch (removals: { list: readonly Removal[] }, filter: string, allowed: readonly string[]): { lost: (after: number) => Promise<boolean>, judged: () => number } {
    let judged = 0
    const lost = watchLosses(() => removals.list, channels, filter, 'ann', topic => {
      judged++
      return allowed.includes(topic.split('/')[1]!)
    })
    return { lost, judged: () => judged }
  }

  it('is lost behind a position, and not before it', async () => {
    const { lost } = watch({ list: [removal('lobby', 100)] }, 'rooms/lobby/messages', ['lobby'])
    assert.deepEqual([await lost(0), await lost(99), await lost(100), await lost(99)], [true, true, false, true])
  })

  it('is nothing of other rooms and channels, nor of what is not allowed', async () => {
    const removals = { list: [removal('hall', 100), removal('lobby', 100, 'telemetry'), removal('secret', 100)] }
    assert.equal(await watch(removals, 'rooms/lobby/messages', ['lobby', 'hall']).lost(0), false)
    assert.equal(await watch(removals, 'rooms/+/messages', ['lobby']).lost(0), false)
    assert.equal(await watch(removals, 'rooms/+/messages', ['secret']).lost(0), true)
  })

  it('is found when it is removed later', async () => {
    const removals = { list: [removal('hall', 100)] }
    const { lost } = watch(removals, 'rooms/lobby/messages', ['lobby'])
    assert.equal(await lost(0), false)
    removals.list = [...removals.list, removal('lobby', 50)]
    assert.deepEqual([await lost(0), await lost(50)], [true, false])
  })

  it('is looked for once, however many rooms there are and pages are read', async () => {
    const list = Array.from({ length: 20_000 }, (_, i) => removal(`room${i}`, 1000))
    let looks = 0
    const counting = { list: new Proxy(list, { get: (target, key) => { if (key === '0') looks++; return Reflect.get(target, key) as unknown } }) }
    const { lost, judged } = watch(counting, 'rooms/+/messages', [])
    for (let after = 0; after < 1000; after++) assert.equal(await lost(after), false)
    assert.equal(judged(), list.length)
    assert.equal(looks, 1)
  })
})
