import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { chromium, type Browser, type Page } from 'playwright-core'
import { ROOT } from './cli-run.ts'
import type { Teardown } from './teardown.ts'

/** Names that browsers of the tests resolve to this machine, though they are no loopback to look at. */
export const FOREIGN = 'app.example.test'

/** A headless Chromium that speaks to nobody outside this machine. */
export async function launchChromium (t: Teardown): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', `--host-resolver-rules=MAP ${FOREIGN} 127.0.0.1`]
  })
  t.after(() => browser.close())
  return browser
}

/** An empty page of its own server, reached by the given host name, with mqtt.js as `window.mqtt`. */
export async function openApp (t: Teardown, browser: Browser, host = '127.0.0.1'): Promise<{ page: Page, origin: string }> {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html').end('<!doctype html><title>app</title>')
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => { server.close(); server.closeAllConnections() })
  const origin = `http://${host}:${(server.address() as AddressInfo).port}`
  // Certificates of the tests are signed by nobody.
  const context = await browser.newContext({ ignoreHTTPSErrors: true })
  t.after(() => context.close())
  const page = await context.newPage()
  await page.goto(origin)
  await page.addScriptTag({ path: join(ROOT, 'node_modules/mqtt/dist/mqtt.min.js') })
  return { page, origin }
}

export interface PageConnection {
  readonly url: string
  readonly token: string
  readonly version?: 4 | 5
}

/** Has the page connect once; resolves with `connected` or with why not. The client stays as `window.client`. */
export async function connectPage (page: Page, { url, token, version = 4 }: PageConnection): Promise<string> {
  return await page.evaluate(`new Promise(resolve => {
    window.seen = []
    window.client = mqtt.connect(${JSON.stringify(url)}, { username: 'x', password: ${JSON.stringify(token)}, protocolVersion: ${version}, reconnectPeriod: 0, connectTimeout: 5000 })
    client.on('message', (topic, payload) => seen.push([topic, payload.toString()]))
    client.once('connect', () => resolve('connected'))
    client.once('error', error => resolve('error: ' + error.message))
    client.once('close', () => resolve('closed'))
  })`)
}
