import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import type { Teardown } from './teardown.ts'

export interface UiOptions {
  /** Origin of the server. */
  readonly origin: string
  /** Signs in with it. */
  readonly token?: string
  /** The fragment to go to, such as `#/rooms/lobby`. */
  readonly at?: string
  readonly width?: number
  readonly colorScheme?: 'light' | 'dark'
}

/** The web UI in a browser of its own, and what it had to complain about. */
export interface Ui {
  readonly page: Page
  readonly context: BrowserContext
  /** What a console would show in red: errors of scripts, and what the policy of the page kept from happening. */
  readonly complaints: readonly string[]
}

/** Opens the web UI, signed in and in its place when told so; closed at the end of the test. */
export async function openUi (t: Teardown, browser: Browser, { origin, token, at = '#/rooms', width = 1280, colorScheme = 'light' }: UiOptions): Promise<Ui> {
  const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme })
  t.after(() => context.close())
  const page = await context.newPage()
  page.setDefaultTimeout(15_000)
  const complaints: string[] = []
  page.on('pageerror', error => complaints.push(error.message))
  page.on('console', message => { if (message.type() === 'error') complaints.push(message.text()) })
  await page.goto(`${origin}/${token === undefined ? at : `#token=${token}`}`)
  if (token !== undefined) {
    await page.getByRole('heading', { name: 'Rooms' }).waitFor()
    await goTo(page, at)
  }
  return { page, context, complaints }
}

/** Follows an address inside the UI. */
export async function goTo (page: Page, at: string): Promise<void> {
  await page.evaluate(`location.hash = ${JSON.stringify(at)}`)
}

/** Opens a room and resolves when it was joined. */
export async function enter (page: Page, room: string): Promise<void> {
  await goTo(page, `#/rooms/${room}`)
  await page.getByRole('heading', { level: 1, name: room }).waitFor()
  await page.getByRole('log').waitFor()
}

/** Writes into the room and sends it by Enter. */
export async function say (page: Page, text: string): Promise<void> {
  const field = page.getByRole('textbox', { name: /^Message to/ })
  await field.fill(text)
  await field.press('Enter')
}

/** Resolves when a message with this text is in the conversation, as one that is stored. */
export async function hears (page: Page, text: string): Promise<void> {
  await page.locator('.said-text, .said-data').getByText(text, { exact: true }).and(page.locator('li.said *')).first().waitFor()
}

/** The texts of the conversation, in order. */
export async function conversation (page: Page): Promise<string[]> {
  return await page.locator('li.said > .said-text').allTextContents()
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What keeps people from using the page as it is now, seriously or worse, when what is changing has changed. */
export async function findBarriers (page: Page): Promise<string[]> {
  // Again and again: what inherits a colour begins when that has changed.
  await page.evaluate('for (let i = 0; i < 20 && document.getAnimations().length > 0; i++) for (const animation of document.getAnimations()) animation.finish()')
  await page.evaluate(axe)
  const findings = await page.evaluate<{ id: string, impact: string, nodes: { html: string, failureSummary: string }[] }[]>(
    'axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => violations.map(({ id, impact, nodes }) => ({ id, impact, nodes })))')
  return findings
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html}: ${failureSummary}`))
}

/** Fails when something is wider than the window, so that one has to scroll sideways. */
export async function assertFits (page: Page, what: string): Promise<void> {
  const [wide, inner] = await page.evaluate<[number, number]>('[document.documentElement.scrollWidth, innerWidth]')
  assert.ok(wide <= inner, `${what} is ${wide} px wide, the window ${inner} px`)
}

/** Leaves a picture of the page where FOYER_TEST_SCREENSHOTS says, for who wants to look at it. */
export async function picture (page: Page, name: string): Promise<void> {
  const folder = process.env.FOYER_TEST_SCREENSHOTS
  if (folder !== undefined) await page.screenshot({ path: join(folder, `${name}.png`) })
}
