import assert from 'node:assert/strict'
import { join } from 'node:path'
import { before, describe, it } from 'mocha'
import type { Browser } from 'playwright-core'
import { temporaryFolder } from '../helpers/cli-run.ts'
import { serveWithSecret, token, type Served } from '../helpers/cli-serve.ts'
import { useSharedTeardown } from '../helpers/system-shared.ts'
import { connectPage, FOREIGN, launchChromium, openApp } from '../helpers/system-browser.ts'
import { newCertificate } from '../helpers/system-certificate.ts'
import { mosquittoPub, mosquittoSub } from '../helpers/system-mosquitto.ts'
import { useTeardown } from '../helpers/teardown.ts'

describe('a browser', function () {
  this.timeout(60_000)
  const t = useTeardown()
  const shared = useSharedTeardown()
  const ann = token('ann')
  let browser: Browser
  let server: Served

  before(async () => {
    const { cert, key } = newCertificate(shared)
    const started = await Promise.all([
      launchChromium(shared),
      serveWithSecret(shared, { flags: ['--https-port', '0', '--tls-cert', cert, '--tls-key', key] })
    ])
    browser = started[0]
    server = started[1]
  })

  const places = [
    { scheme: 'ws', port: () => server.ports.http },
    { scheme: 'wss', port: () => server.ports.https }
  ]
  for (const { scheme, port } of places) {
    for (const version of [4, 5] as const) {
      it(`talks with the shell over ${scheme} (protocol level ${version})`, async () => {
        const { page } = await openApp(t, browser)
        assert.equal(await connectPage(page, { url: `${scheme}://127.0.0.1:${port()}/mqtt`, token: ann, version }), 'connected')
        await page.evaluate("client.subscribeAsync('rooms/lobby/messages', { qos: 1 })")
        const watching = await mosquittoSub(t, ['rooms/lobby/messages'], { port: server.ports.mqtt, token: ann })

        await mosquittoPub(t, 'rooms/lobby/messages', 'from the shell', { port: server.ports.mqtt, token: token('bob') })
        await page.waitForFunction('seen.length > 0')
        const [topic, payload] = await page.evaluate<[string, string]>('seen[0]')
        assert.equal(topic, 'rooms/lobby/messages')
        assert.equal((JSON.parse(payload) as { text: string }).text, 'from the shell')
        assert.equal((JSON.parse(payload) as { sender: string }).sender, 'bob')

        await page.evaluate("client.publishAsync('rooms/lobby/messages', JSON.stringify({ text: 'from the page' }), { qos: 1 })")
        await watching.says(/"text":"from the page".*/)
        assert.match(watching.stdout, /rooms\/lobby\/messages .*"sender":"ann"/)
        await page.evaluate('client.endAsync()')
      })
    }
  }

  it('is told by the code of CONNACK that its token is not accepted', async () => {
    const { page } = await openApp(t, browser)
    assert.match(await connectPage(page, { url: `ws://127.0.0.1:${server.ports.http}/mqtt`, token: 'nonsense' }), /bad username or password/i)
  })

  it('may not connect from a page of a foreign origin, until that is configured', async () => {
    const { page, origin } = await openApp(t, browser, FOREIGN)
    const errors: string[] = []
    page.on('console', message => errors.push(message.text()))
    assert.notEqual(await connectPage(page, { url: `ws://127.0.0.1:${server.ports.http}/mqtt`, token: ann }), 'connected')
    assert.match(errors.join('\n'), /403/)

    const configured = await serveWithSecret(t, { flags: ['--websocket-origins', origin] })
    assert.equal(await connectPage(page, { url: `ws://127.0.0.1:${configured.ports.http}/mqtt`, token: ann }), 'connected')
    // A list is the whole list.
    const local = await openApp(t, browser)
    assert.notEqual(await connectPage(local.page, { url: `ws://127.0.0.1:${configured.ports.http}/mqtt`, token: ann }), 'connected')
  })

  for (const { width, colorScheme } of [{ width: 1280, colorScheme: 'light' }, { width: 390, colorScheme: 'light' }, { width: 390, colorScheme: 'dark' }] as const) {
    it(`renders the page of the server within its policy (${width} px, ${colorScheme})`, async () => {
      const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme })
      t.after(() => context.close())
      const page = await context.newPage()
      const complaints: string[] = []
      page.on('console', message => complaints.push(message.text()))
      page.on('pageerror', error => complaints.push(error.message))
      page.on('requestfailed', request => complaints.push(request.url()))
      page.on('response', response => { if (response.status() >= 400 && !response.url().endsWith('/favicon.ico')) complaints.push(`${response.status()} ${response.url()}`) })
      const response = await page.goto(`http://127.0.0.1:${server.ports.http}/`)
      assert.equal(response?.status(), 200)
      await page.screenshot({ path: join(process.env.FOYER_TEST_SCREENSHOTS ?? temporaryFolder(t), `${width}-${colorScheme}.png`), fullPage: true })
      assert.deepEqual(complaints.filter(text => !text.includes('favicon.ico')), [])
      assert.notEqual(await page.evaluate('getComputedStyle(document.querySelector("dl")).display'), 'block', 'the style is applied')
      assert.ok(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), 'nothing is wider than the window')
      const text = await page.evaluate<string>('document.body.innerText')
      assert.ok(text.includes(`-p ${server.ports.mqtt} `), text)
      assert.ok(text.includes(`ws://127.0.0.1:${server.ports.http}/mqtt`))
      assert.ok(!text.includes(':0\n'), 'ports are the real ones')
    })
  }
})
