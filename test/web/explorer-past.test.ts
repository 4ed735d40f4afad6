import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { Page } from 'playwright-core'
import { newClient } from '../helpers/client.ts'
import { FrozenProxy } from '../helpers/frozen-proxy.ts'
import { newFullServer } from '../helpers/full-server.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { ask, explore, lines, publish, publishForm, shows, subscribe } from '../helpers/web-explorer.ts'
import { openUi } from '../helpers/web-page.ts'
import { until } from '../helpers/within.ts'
import { useWeb } from '../helpers/web-use.ts'

describe('a subscription of the explorer', function () {
  this.timeout(60_000)
  const t = useTeardown()
  const web = useWeb()

  async function open (rooms: Record<string, string>, origin = web.server.httpUrl): Promise<Page> {
    const { page } = await openUi(t, web.browser, { origin, token: web.server.token('ann', rooms) })
    await explore(page)
    return page
  }

  it('begins in the past, says where that ends and whether it is all, and goes on', async () => {
    const rooms = { 'then.*': 'member' }
    const bob = await newClient(t, { url: web.server.mqttUrl, token: web.server.token('bob', rooms) })
    for (let n = 0; n < 3; n++) await bob.publish(`rooms/then.${n}/messages`, { n })
    await web.server.flush()
    const page = await open(rooms)
    const past = (n: number, letter: string): string => `${letter}: rooms/then.${n}/messages {… "n":${n}} QoS 1 past`
    const all = [past(0, 'A'), past(1, 'A'), past(2, 'A'), '— A: 3 messages replayed, complete. From here on it is live.']
    await subscribe(page, 'A', 'rooms/+/messages', { begin: 'Last hour' })
    await shows(page, all)
    await bob.publish('rooms/then.9/messages', { n: 9 })
    await shows(page, [...all, 'A: rooms/then.9/messages {… "n":9} QoS 1'])
    await page.getByRole('status').getByText('A: 3 messages replayed, complete.').waitFor({ state: 'attached' })

    await ask(page, 'rooms/+/messages')
    await page.getByRole('alert').getByText('This is what A brings already.').waitFor()
    await page.getByRole('button', { name: 'End A' }).click()
    await page.getByRole('button', { name: 'Clear' }).click()
    await shows(page, [])
    const ends = async (text: string): Promise<void> => { await until(async () => (await lines(page)).at(-1)?.startsWith(`— ${text}`) === true, `it ends with ${text}`) }
    await subscribe(page, 'B', '$replay/last=1/rooms/+/messages')
    await ends('B: 1 message replayed')
    // What B has brought comes by nothing else again.
    const form = page.getByRole('form', { name: 'Subscribe' })
    await form.getByRole('combobox', { name: 'Begin' }).selectOption({ label: 'From a time…' })
    await form.getByLabel('From this time on').fill('2020-01-01T00:00')
    await form.getByRole('textbox', { name: 'Filter' }).fill('rooms/then.2/messages')
    await form.getByRole('button', { name: 'Subscribe' }).click()
    await ends('C: 1 message replayed, complete.')
    assert.equal((await lines(page)).at(-2), past(2, 'C'))
  })

  it('says when what it brings of the past is not all', async () => {
    const short = await newFullServer(t, { 'limits.replaySpan': '1s' })
    const bob = await newClient(t, { url: short.mqttUrl, token: short.token('bob') })
    await bob.publish('rooms/lobby/messages', { n: 1 })
    const old = Date.now() + 1000
    await until(() => Date.now() > old, 'that it is too old')
    const { page } = await openUi(t, web.browser, { origin: short.httpUrl, token: short.token('ann') })
    await explore(page)
    await subscribe(page, 'A', 'rooms/+/messages', { begin: 'Last hour' })
    await shows(page, ['— A: 0 messages replayed, incomplete: the server has not all of it any more, or may not replay so much. From here on it is live.'])
  })

  it('goes on when the connection is back, and says so', async () => {
    const proxy = await FrozenProxy.open(t, web.server.ports.http)
    const rooms = { 'far.*': 'member' }
    const page = await open(rooms, `http://127.0.0.1:${proxy.port}`)
    const bob = await newClient(t, { url: web.server.mqttUrl, token: web.server.token('bob', rooms) })
    await subscribe(page, 'A', 'rooms/+/messages')
    await bob.publish('rooms/far.1/messages', { n: 1 })
    await shows(page, ['A: rooms/far.1/messages {… "n":1} QoS 1'])
    proxy.refusing = true
    proxy.cut()
    await page.getByRole('status').getByText('The connection was lost.').waitFor({ state: 'attached' })
    await publish(page, 'rooms/far.1/messages', '{"text": "later"}')
    await publishForm(page).getByRole('status').getByText('Waits for the connection…').waitFor()
    await bob.publish('rooms/far.1/messages', { n: 2 })
    await ask(page, 'rooms/far.2/messages')
    await page.getByText('waits for the server').waitFor()
    proxy.refusing = false
    await publishForm(page).getByRole('status').getByText('Stored as').waitFor()
    await page.getByText('Subscribed as B.').waitFor()
    await bob.publish('rooms/far.2/messages', { n: 3 })
    await until(async () => (await lines(page)).length === 5, 'all is there')
    const found = await lines(page)
    assert.deepEqual([found[1], found[2]?.slice(0, 31), found.slice(3)], ['— The connection was lost.', '— The connection is back, and b', ['A: rooms/far.1/messages {… "n":2} QoS 1', 'A B: rooms/far.2/messages {… "n":3} QoS 1']])
  })
})
