import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { Page } from 'playwright-core'
import type { Client } from '../../client/index.ts'
import { newClient } from '../helpers/client.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { until } from '../helpers/within.ts'
import { ask, detail, explore, lines, publish, publishForm, subscribe } from '../helpers/web-explorer.ts'
import { assertFits, findBarriers, openUi, picture } from '../helpers/web-page.ts'
import { useWeb } from '../helpers/web-use.ts'

const MESSAGES = process.env.FOYER_TEST_LONG === undefined ? 6_000 : 60_000
/** More at once than waits at the server for one that reads slowly. */
const BURST = 3_000
/** Milliseconds that the page may take until it draws again. */
const PATIENCE = 1_000

describe('the list of the explorer', function () {
  this.timeout(process.env.FOYER_TEST_LONG === undefined ? 90_000 : 300_000)
  const t = useTeardown()
  const web = useWeb()

  /** The explorer, and somebody who publishes. */
  async function open (room: string, filter: string): Promise<{ page: Page, bob: Client }> {
    const { page } = await openUi(t, web.browser, { origin: web.server.httpUrl, token: web.server.token('ann', { [room]: 'member' }) })
    await explore(page)
    await subscribe(page, 'A', filter)
    return { page, bob: await newClient(t, { url: web.server.mqttUrl, token: web.server.token('bob', { [room]: 'member' }), queue: { messages: BURST } }) }
  }

  const scrolled = 'document.querySelector(".messages-box")'
  const atEnd = `${scrolled}.scrollHeight - ${scrolled}.scrollTop - ${scrolled}.clientHeight < 2`

  async function count (page: Page): Promise<string> {
    return await page.locator('.messages-count').innerText()
  }

  it('stays small and quick while thousands come, says how many it left out, and stands still when told to', async () => {
    const { page, bob } = await open('flood', 'rooms/flood/live/#')
    await page.evaluate('let last = performance.now(); window.worst = 0; (function look () { const now = performance.now(); window.worst = Math.max(window.worst, now - last); last = now; requestAnimationFrame(look) })()')
    const send = async (from: number, to: number): Promise<void> => { await Promise.all(Array.from({ length: to - from }, (_, i) => bob.publish('rooms/flood/live/n', `n${from + i}`))) }
    await send(0, 10)
    await until(async () => await count(page) === '10 messages.', 'the first are there')
    /** What is kept, what was left out before, and what came since it stands still. */
    const came = async (): Promise<number> => {
      const found = (await count(page)).match(/^([\d,]+) messages(?:; ([\d,]+) older left out: the last 1,000 are kept)?; paused, ([\d,]+) more came\.$/)
      return (found ?? []).slice(1).reduce((sum, number) => sum + Number((number ?? '0').replaceAll(',', '')), 0)
    }
    const sending = send(10, BURST)
    await page.getByRole('button', { name: 'Pause' }).click()
    const still = await lines(page)
    for (let from = BURST; from <= MESSAGES; from += BURST) {
      await (from === BURST ? sending : send(from - BURST, from))
      await until(async () => await came() === from, `${from} came`, 20_000)
    }
    assert.deepEqual(await lines(page), still)
    await page.getByRole('button', { name: 'Resume' }).click()
    assert.equal(await count(page), `1,000 messages; ${(MESSAGES - 1000).toLocaleString('en')} older left out: the last 1,000 are kept.`)
    assert.equal((await lines(page)).at(-1), `A: rooms/flood/live/n n${MESSAGES - 1} QoS 1`)
    assert.equal(await page.evaluate(atEnd), true)
    const [there, worst] = await page.evaluate<[number, number]>('[document.querySelectorAll("main *").length, window.worst]')
    assert.ok(there < 700, `${there} elements`)
    assert.ok(worst < PATIENCE, `nothing was drawn for ${worst} ms`)
    // The oldest that is kept is there, too.
    await page.evaluate(`${scrolled}.scrollTop = 0`)
    await until(async () => (await lines(page))[0] === `A: rooms/flood/live/n n${MESSAGES - 1000} QoS 1`, 'it is shown')
  })

  it('is gone through by keys, and what one looks at stays where it is', async () => {
    const { page, bob } = await open('keys', 'rooms/+/messages')
    const say = async (from: number, to: number): Promise<void> => { await Promise.all(Array.from({ length: to - from }, (_, i) => bob.publish('rooms/keys/messages', { n: from + i }))) }
    await say(0, 60)
    const list = page.getByRole('listbox')
    await until(async () => (await lines(page)).at(-1)?.includes('"n":59') === true, 'all are there')
    await list.focus()
    const selected = async (): Promise<string> => (await list.locator('[aria-selected=true]').innerText()).match(/"n":(\d+)/)![1]!
    for (const [key, expected] of [['ArrowUp', '59'], ['ArrowUp', '58'], ['Home', '0'], ['ArrowUp', '0'], ['ArrowDown', '1'], ['End', '59'], ['ArrowDown', '59']] as const) {
      await page.keyboard.press(key)
      assert.equal(await selected(), expected, key)
      assert.equal(await page.evaluate(`document.getElementById(${scrolled}.getAttribute('aria-activedescendant')).getAttribute('aria-selected')`), 'true')
    }
    await page.keyboard.press('PageUp')
    const on = Number(await selected())
    assert.ok(on > 30 && on < 56, `a page up is ${on}`)
    await detail(page).getByText(`"n": ${on}`).waitFor()
    await page.getByRole('button', { name: 'Newest' }).waitFor()
    const place = async (): Promise<number> => (await list.locator('[aria-selected=true]').boundingBox())!.y
    const before = await place()
    await say(60, 90)
    await until(async () => await count(page) === '90 messages.', 'more came')
    assert.ok(Math.abs(await place() - before) < 1)
    // Also when lines above it go.
    await say(90, 1_020)
    await until(async () => await count(page) === '1,000 messages; 20 older left out: the last 1,000 are kept.', 'it is full')
    assert.ok(Math.abs(await place() - before) < 1)

    await page.getByRole('button', { name: 'Newest' }).click()
    await until(async () => (await lines(page)).at(-1)?.includes('"n":1019') === true && await page.evaluate(atEnd), 'the end is shown')
    await say(1_020, 1_021)
    await until(async () => (await lines(page)).at(-1)?.includes('"n":1020') === true && await page.evaluate(atEnd), 'it goes on')
    await detail(page).getByText(`"n": ${on}`).waitFor()
  })

  it('shows only topics that one is looking for', async () => {
    const { page, bob } = await open('find', 'rooms/find/#')
    for (const topic of ['messages', 'live/a/b', 'live/a/c', 'live/B/b']) await bob.publish(`rooms/find/${topic}`, topic)
    await until(async () => (await lines(page)).filter(line => !line.includes('/presence')).length === 4, 'all are there')
    const field = page.getByRole('searchbox', { name: 'Show only topics with' })
    const found = async (): Promise<string[]> => (await lines(page)).map(line => line.replace(/^A: rooms\/find\/(\S+) .*$/, '$1'))
    for (const [text, expected] of [['E/b/', ['live/B/b']], ['rooms/+/live/a/#', ['live/a/b', 'live/a/c']], ['nowhere', []]] as const) {
      await field.fill(text)
      await until(async () => (await found()).join() === expected.join(), `${text} finds ${expected.join()}`)
    }
    await page.getByText('None of the topics has that.').waitFor()
    assert.match(await count(page), /^0 of \d+ messages\.$/)
    await page.getByRole('button', { name: 'Clear' }).click()
    assert.equal(await count(page), '0 messages.')
  })

  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of [1280, 390]) {
      it(`has no barrier, and nothing that is wider than the window (${width} px, ${colorScheme})`, async () => {
        const rooms = { lobby: 'owner', hall: 'listener' }
        const { page, complaints } = await openUi(t, web.browser, { origin: web.server.httpUrl, token: web.server.token('ann', rooms), width, colorScheme })
        const look = async (name: string): Promise<void> => {
          await picture(page, `explorer-${name}-${width}-${colorScheme}`)
          assert.deepEqual(await findBarriers(page), [], name)
          await assertFits(page, name)
        }
        await explore(page)
        await look('empty')
        await ask(page, 'rooms/elsewhere/#')
        await page.getByRole('alert').waitFor()
        await look('refused')
        const bob = await newClient(t, { url: web.server.mqttUrl, token: web.server.token('bob'.padEnd(60, '-long-name')) })
        await bob.publish('rooms/lobby/messages', { text: 'x'.repeat(300), deep: [{ a: 1 }, null] })
        await subscribe(page, 'A', 'rooms/lobby/#', { begin: 'Last 100 messages' })
        await page.locator('.is-note').first().waitFor()
        await bob.publish(`rooms/lobby/live/${'a-long-name/'.repeat(12)}x`, Uint8Array.from({ length: 300 }, (_, i) => i % 256))
        await bob.publish('rooms/lobby/state/lamp', { on: true }, { retain: true })
        await page.locator('.line').filter({ hasText: 'a-long-name' }).last().click()
        await detail(page).getByText('00000010').waitFor()
        await look('bytes')
        if (width === 390) await page.getByRole('heading', { name: 'Publish' }).click()
        await publish(page, 'rooms/hall/messages', '{"text": ')
        await publishForm(page).getByRole('alert').waitFor()
        await page.getByRole('listbox').focus()
        await page.keyboard.press('Home')
        await page.getByRole('button', { name: 'Pause' }).click()
        await look('full')
        assert.deepEqual(complaints, [], 'neither errors nor anything that the policy forbids')
      })
    }
  }

  it('is loaded when somebody comes to it, and not before', async () => {
    const { page } = await openUi(t, web.browser, { origin: web.server.httpUrl, token: web.server.token('ann') })
    const loaded: string[] = []
    page.on('request', request => loaded.push(new URL(request.url()).pathname))
    await page.reload()
    await page.getByRole('status').getByText('Connected').waitFor()
    assert.ok(loaded.some(path => path.endsWith('.css')) && loaded.every(path => !path.includes('explorer')), loaded.join())
    await page.getByRole('link', { name: 'Explorer' }).click()
    await page.getByRole('heading', { level: 1, name: 'Explorer' }).waitFor()
    assert.deepEqual(loaded.filter(path => path.includes('explorer')).map(path => path.split('.').at(-1)).sort(), ['css', 'js'])
    assert.equal(await page.title(), 'Explorer · Foyer')
    assert.equal(await page.getByRole('link', { name: 'Explorer' }).getAttribute('aria-current'), 'page')
  })
})
