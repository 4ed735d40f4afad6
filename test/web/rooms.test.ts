import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { WebSocketRoute } from 'playwright-core'
import { newClient } from '../helpers/client.ts'
import { mosquittoPub } from '../helpers/system-mosquitto.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { within } from '../helpers/within.ts'
import { enter, goTo, hears, openUi } from '../helpers/web-page.ts'
import { useWeb } from '../helpers/web-use.ts'

describe('the rooms in the web UI', function () {
  this.timeout(60_000)
  const t = useTeardown()
  const web = useWeb()

  it('are those of the token and those that its patterns cover and somebody uses, with who is there', async () => {
    await (await newClient(t, { url: web.server.mqttUrl, token: web.server.token('bob', { 'acme.*': 'member' }) })).join('acme.yard')
    const { page } = await openUi(t, web.browser, { origin: web.server.httpUrl, token: web.server.token('ann', { lobby: 'owner', shed: 'device', 'acme.*': 'listener' }) })
    await page.getByRole('link', { name: /^lobby/ }).waitFor()
    assert.deepEqual((await page.locator('.rooms li').allInnerTexts()).map(text => text.replaceAll(/\s+/g, ' ')), ['acme.yard listener 1 here now', 'lobby owner 0 here now', 'shed device'])
  })

  it('are found by a part of their names, opened by the whole one, and not where the token does not reach', async () => {
    const { page } = await openUi(t, web.browser, { origin: web.server.httpUrl, token: web.server.token('ann', { lobby: 'owner', lounge: 'member', attic: 'member', 'new.*': 'member' }) })
    const field = page.getByRole('searchbox')
    await page.getByRole('link', { name: /^lounge/ }).waitFor()
    await field.fill('lo')
    assert.deepEqual(await page.locator('.rooms .room-name').allInnerTexts(), ['lobby', 'lounge'])
    await field.fill('elsewhere')
    await page.getByText('No grant of your token covers this room.').waitFor()
    await field.fill('new.room')
    await page.getByText('0 rooms with that in the name. Enter opens new.room.').waitFor()
    await field.fill('no room')
    assert.equal(await page.locator('.rooms li').count(), 0)
    assert.match(await page.locator('#find-hint').innerText(), /^[A-Z].*\.$/)
    await field.fill('loun')
    await field.press('Enter')
    await page.getByRole('heading', { level: 1, name: 'lounge' }).waitFor()
  })

  it('are many, and come a hundred at a time', async () => {
    const names = Array.from({ length: 130 }, (_, i) => `room-${String(i).padStart(3, '0')}`)
    const { page } = await openUi(t, web.browser, { origin: web.server.httpUrl, token: web.server.token('ann', Object.fromEntries(names.map(name => [name, 'listener']))) })
    await page.getByText('100+ rooms').waitFor()
    assert.equal(await page.locator('.rooms li').count(), 100)
    await page.getByRole('button', { name: 'Show more' }).click()
    await page.getByText('130 rooms').waitFor()
    assert.deepEqual(await page.locator('.rooms .room-name').allInnerTexts(), names)
    assert.equal(await page.getByRole('button', { name: 'Show more' }).count(), 0)
  })

  it('count what others say in them as it comes, but not what one says oneself', async () => {
    const rooms = { cabin: 'member', shore: 'member' }
    const { page } = await openUi(t, web.browser, { origin: web.server.httpUrl, token: web.server.token('ann', rooms) })
    const speak = async (sub: string, text: string): Promise<void> => {
      assert.equal((await mosquittoPub(t, 'rooms/shore/messages', text, { port: web.server.ports.mqtt, token: web.server.token(sub, rooms) })).code, 0)
    }
    await speak('bob', 'read')
    await enter(page, 'shore')
    await hears(page, 'read')
    await enter(page, 'cabin')
    const rail = page.getByRole('navigation', { name: 'Rooms' })
    await rail.getByRole('link', { name: 'shore', exact: true }).waitFor()
    // Whoever asks again and again would get no answer.
    await page.route(/\/history\?.*after=/, route => route.abort())
    await speak('bob', 'one')
    await rail.getByRole('link', { name: /^shore ?1 unread$/ }).waitFor()
    await speak('ann', 'by other means')
    await speak('bob', 'two')
    await rail.getByRole('link', { name: /^shore ?2 unread$/ }).waitFor()
    await enter(page, 'shore')
    await hears(page, 'two')
    await enter(page, 'cabin')
    await speak('bob', 'three')
    await rail.getByRole('link', { name: /^shore ?1 unread$/ }).waitFor()
    await page.unroute(/\/history\?.*after=/)
    await goTo(page, '#/rooms')
    await page.locator('.rooms').getByRole('link', { name: /^shore ?1 unread/ }).waitFor()
  })

  it('count what was said while the connection was lost', async () => {
    const rooms = { cabin: 'member', pier: 'member' }
    const { page, context } = await openUi(t, web.browser, { origin: web.server.httpUrl, token: web.server.token('ann', rooms) })
    let last: WebSocketRoute | undefined
    let way: Promise<void> = Promise.resolve()
    await context.routeWebSocket(/\/mqtt$/, async socket => {
      await way
      last = socket
      socket.connectToServer()
    })
    await page.reload()
    const bob = await (await newClient(t, { url: web.server.mqttUrl, token: web.server.token('bob', rooms) })).join('pier')
    await bob.send('read')
    await enter(page, 'pier')
    await hears(page, 'read')
    await enter(page, 'cabin')
    const rail = page.getByRole('navigation', { name: 'Rooms' })
    await bob.send('one')
    await rail.getByRole('link', { name: /^pier ?1 unread$/ }).waitFor()
    await page.route(/\/history\?.*after=/, route => route.abort())
    let goOn = (): void => {}
    way = new Promise(resolve => { goOn = resolve })
    await last!.close()
    await page.getByRole('alert').getByText('The connection is lost').waitFor()
    await bob.send('two')
    goOn()
    await within(15_000, 'it is counted', rail.getByRole('link', { name: /^pier ?2 unread$/ }).waitFor())
  })
})
