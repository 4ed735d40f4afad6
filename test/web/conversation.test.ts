import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { Page } from 'playwright-core'
import { newClient } from '../helpers/client.ts'
import { temporaryFolder } from '../helpers/cli-run.ts'
import { history, serveWithSecret, token } from '../helpers/cli-serve.ts'
import { launchChromium } from '../helpers/system-browser.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { until } from '../helpers/within.ts'
import { conversation, enter, goTo, hears, openUi, say } from '../helpers/web-page.ts'
import { useWeb } from '../helpers/web-use.ts'

describe('a conversation in the web UI', function () {
  this.timeout(90_000)
  const t = useTeardown()
  const web = useWeb({}, 'channels: { messages: { maxBytes: 2000 } }')

  /** Somebody in a room, with the UI. */
  async function open (sub: string, room: string, role = 'member'): Promise<Page> {
    const { page } = await openUi(t, web.browser, { origin: web.server.httpUrl, token: web.server.token(sub, { [room]: role }) })
    await enter(page, room)
    return page
  }

  it('is one between two pages, and survives a reload', async () => {
    const [ann, bob] = await Promise.all([open('ann', 'lobby'), open('bob', 'lobby')])
    await bob.getByText('Nothing was said here yet.').waitFor()
    await say(ann, 'hello bob')
    await Promise.all([hears(ann, 'hello bob'), hears(bob, 'hello bob')])
    await say(bob, 'hello ann')
    await hears(ann, 'hello ann')
    await bob.reload()
    await hears(bob, 'hello ann')
    assert.deepEqual(await conversation(bob), ['hello bob', 'hello ann'])
    assert.deepEqual(await bob.locator('.said-by').allTextContents(), ['ann', 'bob'])
    assert.equal(await bob.locator('.draft').count(), 0)
  })

  it('shows who is there, also when a page is closed without a word', async () => {
    const ann = await open('ann', 'hall')
    const bob = await openUi(t, web.browser, { origin: web.server.httpUrl, token: web.server.token('bob', { hall: 'member' }) })
    await enter(bob.page, 'hall')
    const people = ann.getByRole('complementary', { name: 'Who is here' })
    await people.getByText('bob').waitFor()
    assert.deepEqual(await people.locator('.person-name').allTextContents(), ['ann', 'bob'])
    await bob.context.close()
    await people.getByText('bob').waitFor({ state: 'detached' })
    assert.deepEqual(await people.locator('.person-name').allTextContents(), ['ann'])
  })

  it('is text and nothing else, whatever is said', async () => {
    const { page, complaints } = await openUi(t, web.browser, { origin: web.server.httpUrl, token: web.server.token('ann', { stage: 'owner' }) })
    await enter(page, 'stage')
    const mallory = '<b id=x>"&'
    const attacks = ['<img src=x onerror="window.hacked = 1">', '<script>window.hacked = 1</script>', 'javascript:window.hacked=1', '{{constructor.constructor("window.hacked=1")()}}']
    const client = await newClient(t, { url: web.server.mqttUrl, token: web.server.token(mallory, { stage: 'owner' }) })
    const room = await client.join('stage')
    for (const text of attacks) await room.send(text)
    await room.send({ html: attacks[0], __proto__: null, dangerouslySetInnerHTML: { __html: attacks[0] } })
    await room.publish('state/lamp', { [attacks[0]!]: attacks[1] })
    for (const text of attacks) await hears(page, text)
    await page.locator('.said-data').getByText('dangerouslySetInnerHTML').waitFor()
    await page.getByRole('complementary').getByText(mallory, { exact: true }).waitFor()
    await goTo(page, '#/rooms/stage/devices')
    await page.locator('dt').getByText(attacks[0]!, { exact: true }).waitFor()
    assert.equal(await page.evaluate('window.hacked === undefined && document.querySelector("main img, main script, #x") === null'), true)
    assert.deepEqual(complaints, [])
  })

  it('reads what was said before as one goes up, without a jump, and says how much came below', async () => {
    const client = await newClient(t, { url: web.server.mqttUrl, token: web.server.token('bob', { attic: 'member' }) })
    const room = await client.join('attic')
    await Promise.all(Array.from({ length: 130 }, (_, i) => room.send(`line ${i}`)))
    const page = await open('ann', 'attic')
    await hears(page, 'line 129')
    assert.equal((await conversation(page))[0], 'line 80', 'the last 50')
    const talk = 'document.querySelector(".talk")'
    // Where a line stands that one looks at while older ones come above it.
    const first = page.locator('.said-text').getByText('line 80', { exact: true })
    let goOn = (): void => {}
    const looked = new Promise<void>(resolve => { goOn = resolve })
    await page.route('**/history?*before=*', async route => {
      await looked
      await route.continue()
    })
    await until(async () => {
      await page.evaluate(`${talk}.scrollTop = 0`)
      return await first.isVisible() && (await first.boundingBox())!.y > 100
    }, 'it is at the top')
    await page.getByText('Reading what was said before…').waitFor()
    const before = (await first.boundingBox())!.y
    goOn()
    await page.locator('.said-text').getByText('line 30', { exact: true }).waitFor({ state: 'attached' })
    assert.ok(Math.abs((await first.boundingBox())!.y - before) < 3, `it was at ${before}, and is at ${(await first.boundingBox())!.y}`)
    await room.send('down here')
    await page.getByRole('button', { name: '1 new message' }).click()
    await hears(page, 'down here')
    await page.getByRole('button', { name: '1 new message' }).waitFor({ state: 'detached' })
    await until(async () => await page.evaluate(`${talk}.scrollHeight - ${talk}.scrollTop - ${talk}.clientHeight < 2`), 'it is at the end')
    // Up to the first one.
    await until(async () => {
      await page.evaluate(`${talk}.scrollTop = 0`)
      return (await conversation(page))[0] === 'line 0'
    }, 'the first line is read')
    await page.getByText('The conversation begins here.').waitFor()
    assert.deepEqual(await conversation(page), [...Array.from({ length: 130 }, (_, i) => `line ${i}`), 'down here'])
  })

  it('marks where one stopped reading, and counts it in the list of rooms', async () => {
    const client = await newClient(t, { url: web.server.mqttUrl, token: web.server.token('bob', { news: 'member' }) })
    const room = await client.join('news')
    await room.send('read')
    const page = await open('ann', 'news')
    await hears(page, 'read')
    await goTo(page, '#/rooms')
    await page.getByRole('link', { name: /^news/ }).waitFor()
    for (const text of ['unread 1', 'unread 2']) await room.send(text)
    await page.reload()
    await page.getByRole('link', { name: /^news ?2 unread/ }).click()
    await hears(page, 'unread 2')
    assert.equal(await page.locator('.talk-new + li').innerText().then(text => text.includes('unread 1')), true)
    await goTo(page, '#/rooms')
    await page.getByRole('link', { name: /^news/ }).waitFor()
    assert.equal(await page.locator('.unread').count(), 0)
  })

  it('shows at a message why it was refused, and that one may not write', async () => {
    const page = await open('ann', 'cellar')
    await say(page, 'x'.repeat(2500))
    const draft = page.locator('.draft.is-refused')
    await draft.waitFor()
    assert.match(await draft.innerText(), /Not sent\. .*2000.*/s)
    await draft.getByRole('button', { name: 'Send again' }).click()
    await page.locator('.draft.is-refused').getByRole('button', { name: 'Discard' }).click()
    assert.equal(await page.locator('.draft').count(), 0)
    await say(page, 'shorter')
    await hears(page, 'shorter')

    const listener = await open('eve', 'cellar', 'listener')
    await hears(listener, 'shorter')
    await listener.getByText(/^You can’t write here: you are listener in cellar/).waitFor()
    assert.equal(await listener.getByRole('textbox').count(), 0)
  })
})

describe('the web UI and a server that is restarted', function () {
  this.timeout(120_000)
  const t = useTeardown()

  it('comes back by itself, says so, misses nothing, and sends what waited', async () => {
    const dataDir = `${temporaryFolder(t)}/data`
    const browser = await launchChromium(t)
    const first = await serveWithSecret(t, { dataDir })
    const flags = ['--mqtt-port', String(first.ports.mqtt), '--http-port', String(first.ports.http)]
    const { page } = await openUi(t, browser, { origin: `http://127.0.0.1:${first.ports.http}`, token: token('ann', { lobby: 'member' }) })
    await enter(page, 'lobby')
    const bob = await newClient(t, { url: `mqtt://127.0.0.1:${first.ports.mqtt}`, token: token('bob', { lobby: 'member' }) })
    const room = await bob.join('lobby')
    await room.send('before')
    await hears(page, 'before')

    await first.process.stop('SIGKILL')
    await page.getByRole('alert').getByText('The connection is lost').waitFor()
    await say(page, 'while it was away')
    await page.locator('.draft').getByText('Waits to be stored').waitFor()
    const second = await serveWithSecret(t, { dataDir, flags })
    // Others are back before.
    await room.send('while I was away')
    await hears(page, 'while it was away')
    await hears(page, 'while I was away')
    await page.getByRole('alert').waitFor({ state: 'detached' })
    await page.getByRole('status').getByText('Connected').waitFor()
    assert.equal(await page.locator('.draft').count(), 0)
    const stored = (await history(second.ports.http, token('ann'), 'lobby', '?filter=messages')).map(({ payload }) => (payload as { text: string }).text).reverse()
    assert.deepEqual(await conversation(page), stored)
    assert.equal(stored.length, 3)
  })
})
