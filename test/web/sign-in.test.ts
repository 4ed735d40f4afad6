import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { mintToken } from '../../broker/auth/mint.ts'
import { FOYER, run, Running } from '../helpers/cli-run.ts'
import { serve, serveWithSecret } from '../helpers/cli-serve.ts'
import { SECRET } from '../helpers/foyer.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { openUi } from '../helpers/web-page.ts'
import { useWeb } from '../helpers/web-use.ts'

describe('signing in to the web UI', function () {
  this.timeout(60_000)
  const t = useTeardown()
  const web = useWeb({ 'auth.clockTolerance': '0s' })

  it('takes a pasted token, says who it is and until when, and forgets it when one leaves', async () => {
    const { page, complaints } = await openUi(t, web.browser, { origin: web.server.httpUrl })
    await page.getByRole('textbox', { name: 'Token' }).fill(` ${web.server.token('ann', { lobby: 'owner', 'acme.*': 'member' })}\n`)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('status').getByText('Connected').waitFor()
    await page.locator('summary', { has: page.locator('.avatar') }).click()
    const menu = page.locator('.popover')
    assert.match(await menu.innerText(), /^ann\n+The token ends in 59 minutes, .*\n+lobby\n*owner\n+acme\.\*\n*member/)

    // It survives a reload of the tab, and nothing else.
    await page.reload()
    await page.getByRole('status').getByText('Connected').waitFor()
    assert.equal(await page.evaluate('JSON.stringify(localStorage).includes("eyJ") || document.cookie !== ""'), false)

    await page.locator('summary', { has: page.locator('.avatar') }).click()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    assert.equal(await page.evaluate('sessionStorage.length'), 0)
    await page.reload()
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    assert.deepEqual(complaints, [])
  })

  it('takes a token from a link, out of the address at once', async () => {
    const token = web.server.token('ann', { lobby: 'owner' })
    const requests: string[] = []
    const { page } = await openUi(t, web.browser, { origin: web.server.httpUrl })
    page.on('request', request => requests.push(request.url()))
    await page.goto(`${web.server.httpUrl}/#token=${token}`)
    await page.getByRole('heading', { name: 'Rooms' }).waitFor()
    assert.equal(page.url(), `${web.server.httpUrl}/`)
    // Also in a window that is open already.
    await page.evaluate(`location.hash = ${JSON.stringify(`#token=${web.server.token('bob', { lobby: 'member' })}`)}`)
    await page.locator('summary[aria-label="Signed in as bob"]').waitFor()
    assert.equal(page.url(), `${web.server.httpUrl}/`)
    assert.ok(requests.every(url => !url.includes('eyJ')), requests.join(' '))
  })

  it('says in the words of the server why a token is not accepted', async () => {
    const { page } = await openUi(t, web.browser, { origin: web.server.httpUrl })
    const problem = await (await fetch(`${web.server.httpUrl}/api/me`, { headers: { authorization: 'Bearer nonsense' } })).json() as { detail: string, remedy: string }
    await page.getByRole('textbox', { name: 'Token' }).fill('nonsense')
    await page.getByRole('button', { name: 'Sign in' }).click()
    const alert = page.getByRole('alert')
    await alert.waitFor()
    const text = (await alert.innerText()).toLowerCase()
    assert.match(text, /^the server did not accept this token\./)
    for (const words of [problem.detail, problem.remedy]) assert.ok(text.includes(words.toLowerCase()), `${words} in ${text}`)
    assert.equal(await page.evaluate('sessionStorage.length'), 0)
  })

  it('takes the link that the server prints on its first start, and the token of the command that it prints later', async () => {
    const first = await serve(t)
    const link = /^http:\S+#token=\S+$/m.exec(first.process.stdout)![0]
    const { page } = await openUi(t, web.browser, { origin: web.server.httpUrl })
    await page.goto(link)
    await page.locator('summary[aria-label="Signed in as alice"]').waitFor()
    // A second terminal, and the rooms are lively.
    const devices = new Running(t, [...FOYER, 'devices', '--url', `mqtt://127.0.0.1:${first.ports.mqtt}`, '--data-dir', first.dataDir])
    await page.getByRole('main').getByRole('link', { name: /^kitchen owner/ }).click()
    await page.getByRole('link', { name: 'Devices' }).click()
    await page.getByRole('article', { name: 'kitchen-lamp' }).getByText('online').waitFor()
    devices.child.kill()
    await first.process.stop()

    const second = await serve(t, { dataDir: first.dataDir })
    const command = /with a token:\n\n(.*)\n/.exec(second.process.stdout)![1]!
    const { stdout } = await run(t, ['sh', '-c', command.replace(/^npx foyer|^foyer/, FOYER.map(part => `'${part}'`).join(' '))])
    await page.goto(`http://127.0.0.1:${second.ports.http}/`)
    await page.getByRole('textbox', { name: 'Token' }).fill(stdout)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('link', { name: /^lobby owner/ }).waitFor()
  })

  it('waits for a server that is away, and says so', async () => {
    const first = await serveWithSecret(t)
    const origin = `http://127.0.0.1:${first.ports.http}`
    const { page } = await openUi(t, web.browser, { origin })
    await first.process.stop()
    await page.getByRole('textbox', { name: 'Token' }).fill(web.server.token('ann', { lobby: 'owner' }))
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('alert').getByText('The server can’t be reached; it is tried again.').waitFor()
    await serveWithSecret(t, { dataDir: first.dataDir, flags: ['--http-port', String(first.ports.http)] })
    await page.locator('summary[aria-label="Signed in as ann"]').waitFor()
  })

  it('ends when the token does, and says so', async () => {
    const token = web.server.token('ann', { lobby: 'owner' }, 6)
    const { page } = await openUi(t, web.browser, { origin: web.server.httpUrl, token })
    await page.getByRole('status').getByText('Connected').waitFor()
    await page.getByRole('alert').getByText(/^The token ends at /).waitFor()
    await page.getByText('The token has ended.').waitFor()
    assert.equal(await page.evaluate('sessionStorage.length'), 0)
    // It is of no use any more, and the server says why.
    await page.getByRole('textbox', { name: 'Token' }).fill(token)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('alert').getByText('Get a new one; check the clocks if it is new.').waitFor()
    await page.getByText('The token has ended.').waitFor()
  })

  it('ends when the token is revoked, and says so', async () => {
    const { page } = await openUi(t, web.browser, { origin: web.server.httpUrl, token: web.server.token('eve', { lobby: 'owner' }) })
    await page.getByRole('status').getByText('Connected').waitFor()
    const answer = await fetch(`${web.server.httpUrl}/api/revocations`, {
      method: 'POST', headers: { authorization: `Bearer ${mintToken(SECRET, { sub: 'root', rooms: {}, expiresIn: 60, admin: true })}`, 'content-type': 'application/json' }, body: '{"sub":"eve"}'
    })
    assert.equal(answer.status, 200)
    await page.getByText('The token was revoked.').waitFor()
  })
})
