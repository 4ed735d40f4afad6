import assert from 'node:assert/strict'
import { before, describe, it } from 'mocha'
import type { Browser, Page } from 'playwright-core'
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

  it('reads what rooms hold from a page of another origin that may connect, and of no other', async () => {
    const read = async (page: Page, port: number, bearer: string, path: string): Promise<unknown> => await page.evaluate(`
      fetch('http://127.0.0.1:${port}/api/rooms/lobby/${path}', { headers: { authorization: 'Bearer ${bearer}' } })
        .then(async answer => [answer.status, Object.keys(await answer.json())[0]], error => error.name)`)
    const { page, origin } = await openApp(t, browser, FOREIGN)
    const configured = await serveWithSecret(t, { flags: ['--websocket-origins', origin] })
    const preflights: string[] = []
    const session = await page.context().newCDPSession(page)
    await session.send('Network.enable')
    session.on('Network.requestWillBeSent', ({ request }) => { if (request.method === 'OPTIONS') preflights.push(request.url) })
    assert.deepEqual(await read(page, configured.ports.http, ann, 'history?limit=1'), [200, 'messages'])
    assert.deepEqual(await read(page, configured.ports.http, ann, 'series'), [200, 'from'])
    assert.deepEqual(await read(page, configured.ports.http, ann, 'presence'), [200, 'room'])
    assert.equal(preflights.length, 3, 'the browser asked before')
    // What is wrong can be read, too.
    assert.deepEqual(await read(page, configured.ports.http, 'nonsense', 'history'), [401, 'type'])
    assert.deepEqual(await read(page, configured.ports.http, ann, 'series?bucket=no'), [400, 'type'])
    // A page of loopback may where nothing is configured, a foreign one may not.
    const local = await openApp(t, browser)
    assert.deepEqual(await read(local.page, server.ports.http, ann, 'history?limit=1'), [200, 'messages'])
    for (const [stranger, port] of [[page, server.ports.http], [local.page, configured.ports.http]] as const) assert.equal(await read(stranger, port, ann, 'history'), 'TypeError')
  })
})
