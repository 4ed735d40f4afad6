import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { Page } from 'playwright-core'
import type { Client } from '../../client/index.ts'
import { newClient } from '../helpers/client.ts'
import { mosquittoPub, mosquittoSub } from '../helpers/system-mosquitto.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { ask, detail, explore, lines, publish, publishForm, shows, subscribe } from '../helpers/web-explorer.ts'
import { goTo, openUi } from '../helpers/web-page.ts'
import { until } from '../helpers/within.ts'
import { useWeb } from '../helpers/web-use.ts'

describe('the explorer in the web UI', function () {
  this.timeout(60_000)
  const t = useTeardown()
  const web = useWeb()

  async function open (rooms: Record<string, string>): Promise<Page> {
    const { page } = await openUi(t, web.browser, { origin: web.server.httpUrl, token: web.server.token('ann', rooms) })
    await explore(page)
    return page
  }

  async function clientOf (sub: string, rooms: Record<string, string>): Promise<Client> {
    return await newClient(t, { url: web.server.mqttUrl, token: web.server.token(sub, rooms) })
  }

  it('lists what any client publishes, as it came and by which subscription, until that ends', async () => {
    const mosquitto = { port: web.server.ports.mqtt, token: web.server.token('lamp', { 'lab.*': 'gateway' }) }
    await mosquittoPub(t, 'rooms/lab.1/state/lamp', '{"on": true}', { ...mosquitto, retain: true })
    const page = await open({ 'lab.*': 'listener' })
    await subscribe(page, 'A', 'rooms/+/state/#')
    await shows(page, ['A: rooms/lab.1/state/lamp {"on": true} QoS 1 retained'])
    await subscribe(page, 'B', 'rooms/lab.2/telemetry/#', { qos: 2 })
    await mosquittoPub(t, 'rooms/lab.2/telemetry/lamp/power', '7.5', { ...mosquitto, qos: 0 })
    await mosquittoPub(t, 'rooms/lab.2/telemetry/lamp/power', '8', { ...mosquitto, qos: 2 })
    await subscribe(page, 'C', 'rooms/lab.3/#', { qos: 2 })
    await mosquittoPub(t, 'rooms/lab.3/state/lamp', 'text', { ...mosquitto, qos: 2 })
    const came = async (): Promise<string[]> => (await lines(page)).filter(line => !line.includes('/presence'))
    await until(async () => (await came()).length === 4, 'four of them')
    // A message has the QoS of the highest subscription that it came by.
    assert.deepEqual((await came()).slice(1), ['B: rooms/lab.2/telemetry/lamp/power 7.5 QoS 0', 'B: rooms/lab.2/telemetry/lamp/power 8 QoS 2', 'A C: rooms/lab.3/state/lamp text QoS 2'])
    await page.getByRole('listitem').filter({ hasText: 'rooms/lab.2/telemetry/#' }).getByText('QoS 2, live, 2 came').waitFor()

    await page.getByRole('button', { name: 'End B, rooms/lab.2/telemetry/#' }).click()
    await page.getByRole('button', { name: 'End B' }).waitFor({ state: 'detached' })
    await mosquittoPub(t, 'rooms/lab.2/telemetry/lamp/power', '9', mosquitto)
    // It goes on while another page is shown.
    await goTo(page, '#/rooms')
    await page.getByRole('heading', { name: 'Rooms' }).waitFor()
    await mosquittoPub(t, 'rooms/lab.2/state/lamp', 'after', mosquitto)
    await explore(page)
    await until(async () => (await came()).length === 5, 'one more')
    assert.equal((await came())[4], 'A: rooms/lab.2/state/lamp after QoS 1')
  })

  it('says beforehand what would be refused, and then what the server says to it', async () => {
    const page = await open({ lobby: 'listener', hall: 'owner' })
    await page.getByRole('textbox', { name: 'Filter' }).fill('rooms/cellar/#')
    await page.getByText('Would be refused: no grant of your token').waitFor()
    await ask(page, 'rooms/lobby/commands/lamp')
    const refused = page.getByRole('form', { name: 'Subscribe' }).getByRole('alert')
    await refused.getByText('rooms/lobby/commands/lamp was refused (policy).').waitFor()
    assert.match(await refused.innerText(), /You are listener in lobby \(grant "lobby"\); channel commands lets .* and owner subscribe\.\s+Ask for a token/)
    await ask(page, 'rooms/#/x')
    await refused.getByText('rooms/#/x was refused (filter).').waitFor()
    assert.equal(await page.getByRole('textbox', { name: 'Filter' }).inputValue(), 'rooms/#/x', 'it can be put right')
    await subscribe(page, 'A', 'rooms/lobby/messages')
    assert.equal(await refused.count(), 0)

    const form = publishForm(page)
    await publish(page, 'rooms/lobby/messages', '{"text": "no"}')
    await form.getByRole('alert').getByText('Not published (policy).').waitFor()
    assert.match(await form.getByRole('alert').innerText(), /channel messages lets member and owner publish\.\s+Ask for a token/)
    await form.getByText('Would be refused: you are listener in lobby').waitFor()
    await publish(page, 'rooms/hall/commands/lamp', '{', { qos: 1 })
    await form.getByRole('alert').getByText('Not published (belowQos).').waitFor()
    await form.getByText('Text, 1 B. Not valid as JSON: ').waitFor()
    // Nobody acknowledges these.
    await publish(page, 'rooms/lobby/live/pointer', 'x', { qos: 0 })
    await form.getByRole('alert').getByText('You are listener in lobby').waitFor()
    await publish(page, 'rooms/hall/live/pointer', 'x', { qos: 0 })
    await form.getByRole('status').getByText('Sent. At QoS 0 nobody acknowledges it').waitFor()
    assert.equal(await form.getByRole('alert').count(), 0)
  })

  it('publishes, says as what it was stored, and others get it', async () => {
    const rooms = { 'out.*': 'owner' }
    const page = await open(rooms)
    const form = publishForm(page)
    const sub = await mosquittoSub(t, ['rooms/out.1/#'], { port: web.server.ports.mqtt, token: web.server.token('bob', rooms), qos: 2 })
    await subscribe(page, 'A', 'rooms/+/messages')
    await subscribe(page, 'B', 'rooms/out.1/telemetry/#')
    await publish(page, 'rooms/out.1/messages', '{"text": "from a page"}')
    await form.getByRole('status').getByText('Stored as').waitFor()
    const id = await form.getByRole('status').locator('code').innerText()
    await sub.says(new RegExp(`^rooms/out\\.1/messages \\{"id":"${id}".*"text": ?"from a page"`, 'm'))
    assert.match(await form.getByRole('status').innerText(), /A will not bring it: this channel does not return messages to who sent them\.$/)
    await publish(page, 'rooms/out.1/telemetry/ann/t', '21.50', { qos: 2, retain: true })
    await sub.says(/^rooms\/out\.1\/telemetry\/ann\/t 21\.50$/m)
    await shows(page, ['B: rooms/out.1/telemetry/ann/t 21.50 QoS 1'])
    assert.doesNotMatch(await form.getByRole('status').innerText(), /will not bring/)
    await publish(page, 'rooms/out.1/live/x', 'now')
    await form.getByRole('status').getByText('Acknowledged. Its channel keeps no history.').waitFor()
    await sub.says(/^rooms\/out\.1\/live\/x now$/m)
    await subscribe(page, 'C', 'rooms/out.1/telemetry/ann/t')
    await until(async () => (await lines(page)).at(-1) === 'C: rooms/out.1/telemetry/ann/t 21.50 QoS 1 retained', 'it is kept')
    // Cleared by an empty payload.
    await publish(page, 'rooms/out.1/telemetry/ann/t', '', { retain: true })
    await form.getByText('Empty: clears what the topic has kept.').waitFor()
    await until(async () => (await lines(page)).at(-1) === 'B C: rooms/out.1/telemetry/ann/t  QoS 1', 'it is told')
  })

  it('shows all of a message, as text and nothing else', async () => {
    const attack = '<img src=x onerror="window.hacked = 1"><script>window.hacked = 1</script>'
    const { page, context, complaints } = await openUi(t, web.browser, { origin: web.server.httpUrl, token: web.server.token('ann', { 'raw.*': 'owner' }) })
    await context.grantPermissions(['clipboard-read', 'clipboard-write'])
    await explore(page)
    await subscribe(page, 'A', 'rooms/+/live/#')
    const mallory = await clientOf(attack, { 'raw.*': 'owner' })
    for (const payload of [attack, `{"n":12345678901234567890,"html":${JSON.stringify(attack)}}`, Uint8Array.of(0xff, 0x41, 0)]) await mallory.publish(`rooms/raw.1/live/${encodeURIComponent('<b>')}<i>`, payload)
    await until(async () => (await lines(page)).length === 3, 'all are there')
    const [text, json, bytes] = [0, 1, 2].map(n => page.locator('.line').nth(n))
    await text!.click()
    await detail(page).getByText(attack, { exact: true }).first().waitFor()
    assert.match(await detail(page).innerText(), /Sender\s+<img.*\s+Id\s+none, it is not stored\s+Size\s+73 B/)
    assert.match(await detail(page).locator('.detail-properties').innerText(), /room\s+raw\.1\s+sender\s+<img/)
    await json!.click()
    assert.equal(await detail(page).getByLabel('Payload', { exact: true }).innerText(), `{\n  "n": 12345678901234567890,\n  "html": ${JSON.stringify(attack)}\n}`)
    await detail(page).getByRole('button', { name: 'Hex' }).click()
    await detail(page).getByText('00000000  7b 22 6e 22').waitFor()
    await bytes!.click()
    await detail(page).getByText('00000000  ff 41 00').waitFor()
    assert.equal(await detail(page).getByRole('button', { name: 'Text' }).isDisabled(), true)
    await text!.click()
    await detail(page).getByRole('button', { name: 'Text' }).click()
    await detail(page).getByRole('button', { name: 'Copy' }).click()
    await detail(page).getByRole('button', { name: 'Copied' }).waitFor()
    assert.equal(await page.evaluate('navigator.clipboard.readText()'), attack)
    assert.equal(await page.evaluate('window.hacked === undefined && document.querySelector("main img, main script, main b, main i") === null'), true)
    assert.deepEqual(complaints, [])
  })
})
