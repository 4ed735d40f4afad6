import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { onWake } from '../../client/wake.ts'
import { useTeardown } from '../helpers/teardown.ts'

describe('a client in a page', () => {
  const t = useTeardown()

  it('wakes up when the network is back and when it is looked at again, until it is closed', () => {
    const page = globalThis as Record<string, unknown>
    const events = new EventTarget()
    const document = Object.assign(new EventTarget(), { visibilityState: 'hidden' })
    Object.assign(page, { document, addEventListener: events.addEventListener.bind(events), removeEventListener: events.removeEventListener.bind(events) })
    t.after(() => { for (const name of ['document', 'addEventListener', 'removeEventListener']) delete page[name] })
    let woken = 0
    const stop = onWake(() => { woken++ })
    events.dispatchEvent(new Event('online'))
    assert.equal(woken, 1)
    document.dispatchEvent(new Event('visibilitychange'))
    assert.equal(woken, 1, 'it is hidden now')
    document.visibilityState = 'visible'
    document.dispatchEvent(new Event('visibilitychange'))
    assert.equal(woken, 2)
    stop()
    events.dispatchEvent(new Event('online'))
    document.dispatchEvent(new Event('visibilitychange'))
    assert.equal(woken, 2)
  })

  it('has nothing to wake it elsewhere', () => {
    onWake(() => assert.fail())()
  })
})
