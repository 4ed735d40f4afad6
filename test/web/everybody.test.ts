import assert from 'node:assert/strict'
import { before, describe, it } from 'mocha'
import type { Page } from 'playwright-core'
import { newClient } from '../helpers/client.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { until } from '../helpers/within.ts'
import { assertFits, enter, findBarriers, goTo, hears, openUi, picture, say } from '../helpers/web-page.ts'
import { useWeb } from '../helpers/web-use.ts'

/** Bytes that may come over the wire until a room is shown. */
const FIRST_LOAD = 200_000

describe('the web UI for everybody', function () {
  this.timeout(120_000)
  const t = useTeardown()
  const web = useWeb({}, 'channels: { messages: { maxBytes: 2000 } }')

  before(async () => {
    const lamp = (await newClient(web.shared, { url: web.server.mqttUrl, token: web.server.token('a-lamp-with-a-long-name-that-says-where-it-hangs', { lobby: 'device' }), will: { room: 'lobby' } })).device('lobby')
    await lamp.state({ on: true, note: 'x'.repeat(120) })
    for (const value of [1, 2, 3]) await lamp.telemetry('power', value, { qos: 1 })
    const bob = await (await newClient(web.shared, { url: web.server.mqttUrl, token: web.server.token('bob', { lobby: 'member' }) })).join('lobby')
    await bob.send('What one says may be longer than a line of a phone is wide, and hold a word that has no place to break: '.repeat(2) + 'x'.repeat(200))
    await bob.send({ alarm: 'smoke', floor: 2 })
    await web.server.flush()
  })

  const rooms = { lobby: 'owner', ['a-room-with-a-name-of-sixty-four-characters'.padEnd(64, '-x')]: 'listener', 'acme.*': 'member' }

  /** Every page and state of it, by what it is called. */
  const pages: readonly (readonly [name: string, show: (page: Page) => Promise<void>])[] = [
    ['rooms', async page => { await page.getByRole('link', { name: /^lobby/ }).waitFor() }],
    ['account', async page => {
      await page.locator('summary', { has: page.locator('.avatar') }).click()
      await page.getByRole('button', { name: 'Sign out' }).waitFor()
      await page.keyboard.press('Escape')
      await page.getByRole('button', { name: 'Sign out' }).waitFor({ state: 'hidden' })
      await page.keyboard.press('Enter')
      await page.getByRole('button', { name: 'Sign out' }).waitFor()
    }],
    ['search', async page => {
      await goTo(page, '#/rooms')
      await page.getByRole('searchbox').fill('nowhere')
      await page.getByText('No grant of your token covers this room.').waitFor()
    }],
    ['conversation', async page => {
      await enter(page, 'lobby')
      await page.locator('.said-data').waitFor()
      await say(page, 'x'.repeat(2500))
      await page.locator('.draft.is-refused').waitFor()
    }],
    ['charts', async page => {
      await goTo(page, '#/rooms/lobby/charts')
      await page.locator('.chart canvas').waitFor()
    }],
    ['devices', async page => {
      await goTo(page, '#/rooms/lobby/devices')
      await page.getByRole('button', { name: 'Command' }).click()
      await page.getByRole('textbox').waitFor()
    }],
    ['people', async page => {
      await goTo(page, '#/rooms/lobby/people')
      await page.locator('main').getByText('bob').waitFor()
    }],
    ['refused', async page => {
      await goTo(page, '#/rooms/elsewhere')
      await page.getByText('This room is closed to you.').waitFor()
    }],
    ['connect', async page => {
      await goTo(page, '#/connect')
      await page.getByRole('heading', { name: 'Channels' }).waitFor()
    }],
    ['sign-in', async page => {
      await page.evaluate('location.hash = "#token=nonsense"')
      await goTo(page, '#/rooms')
      await page.getByText('The server did not accept this token.').waitFor()
    }]
  ]

  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of [1280, 390]) {
      it(`has no barrier on any page, and nothing that is wider than the window (${width} px, ${colorScheme})`, async () => {
        const { page, complaints } = await openUi(t, web.browser, { origin: web.server.httpUrl, token: web.server.token('ann', rooms), width, colorScheme })
        await page.getByRole('status').getByText('Connected').waitFor({ state: 'attached' })
        for (const [name, show] of pages) {
          await show(page)
          await picture(page, `${name}-${width}-${colorScheme}`)
          assert.deepEqual(await findBarriers(page), [], name)
          await assertFits(page, name)
        }
        // The one of the token that is not accepted.
        assert.deepEqual(complaints.filter(text => !text.includes('401')), [], 'neither errors nor anything that the policy forbids')
      })
    }
  }

  it('changes its colours by a button, and keeps them', async () => {
    const { page } = await openUi(t, web.browser, { origin: web.server.httpUrl, token: web.server.token('ann', rooms), colorScheme: 'light' })
    const ground = async (): Promise<string> => await page.evaluate('getComputedStyle(document.documentElement).backgroundColor')
    const light = await ground()
    await page.getByRole('button', { name: /^Colours: as the system/ }).click()
    await page.getByRole('button', { name: /^Colours: light/ }).click()
    await page.getByRole('button', { name: /^Colours: dark/ }).waitFor()
    assert.notEqual(await ground(), light)
    assert.deepEqual(await findBarriers(page), [])
    await page.reload()
    await page.getByRole('button', { name: /^Colours: dark/ }).click()
    assert.equal(await ground(), light)
  })

  it('can be used with the keyboard alone', async () => {
    const { page } = await openUi(t, web.browser, { origin: web.server.httpUrl, token: web.server.token('carol', { 'den.*': 'member' }) })
    await page.getByRole('searchbox').focus()
    await page.keyboard.type('den.keys')
    await page.getByRole('link', { name: /^Open den\.keys/ }).waitFor()
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: 'den.keys' }).waitFor()
    await until(async () => await page.evaluate('document.activeElement?.id') === 'main', 'one goes on at the beginning of the page')
    const field = page.getByRole('textbox', { name: 'Message to den.keys' })
    await field.waitFor()
    for (let i = 0; i < 20 && await page.evaluate('document.activeElement?.id') !== 'message'; i++) await page.keyboard.press('Tab')
    await page.keyboard.type('one line')
    await page.keyboard.press('Shift+Enter')
    await page.keyboard.type('and another')
    await page.keyboard.press('Enter')
    await hears(page, 'one line\nand another')
    assert.equal(await field.inputValue(), '')
  })

  it('says aloud what is said by others, and nothing of what was there', async () => {
    const { page } = await openUi(t, web.browser, { origin: web.server.httpUrl, token: web.server.token('ann', { quiet: 'member' }) })
    const bob = await (await newClient(t, { url: web.server.mqttUrl, token: web.server.token('bob', { quiet: 'member' }) })).join('quiet')
    await bob.send('before')
    await enter(page, 'quiet')
    await hears(page, 'before')
    const aloud = page.locator('.conversation > [aria-live=polite]')
    assert.equal(await aloud.textContent(), '')
    await bob.send('now')
    await until(async () => await aloud.textContent() === 'bob: now', 'it is said')
    await say(page, 'mine')
    await hears(page, 'mine')
    assert.equal(await aloud.textContent(), '')
  })

  it('is on the screen after few bytes', async () => {
    const context = await web.browser.newContext()
    t.after(() => context.close())
    const page = await context.newPage()
    const network = await context.newCDPSession(page)
    await network.send('Network.enable')
    let bytes = 0
    network.on('Network.loadingFinished', ({ encodedDataLength }) => { bytes += encodedDataLength })
    await page.goto(`${web.server.httpUrl}/#token=${web.server.token('ann', rooms)}`)
    await page.getByRole('status').getByText('Connected').waitFor()
    await enter(page, 'lobby')
    await page.locator('.said-data').waitFor()
    assert.ok(bytes > 20_000 && bytes < FIRST_LOAD, `${bytes} bytes`)
    const withRoom = bytes
    // The second time all of it is in the browser, but what it asks of the API.
    await page.reload()
    await page.locator('.said-data').waitFor()
    assert.ok(bytes - withRoom < 20_000, `${bytes - withRoom} bytes more`)
  })
})
