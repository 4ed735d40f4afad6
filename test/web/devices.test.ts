import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { Page } from 'playwright-core'
import type { Client } from '../../client/index.ts'
import { newClient } from '../helpers/client.ts'
import { mosquittoPub } from '../helpers/system-mosquitto.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { until } from '../helpers/within.ts'
import { enter, goTo, openUi } from '../helpers/web-page.ts'
import { useWeb } from '../helpers/web-use.ts'

describe('devices in the web UI', function () {
  this.timeout(60_000)
  const t = useTeardown()
  const web = useWeb()

  async function device (sub: string, room: string): Promise<Client> {
    return await newClient(t, { url: web.server.mqttUrl, token: web.server.token(sub, { [room]: 'device' }), will: { room } })
  }

  async function open (room: string, view: string, role = 'owner'): Promise<Page> {
    const { page } = await openUi(t, web.browser, { origin: web.server.httpUrl, token: web.server.token('ann', { [room]: role }) })
    await enter(page, room)
    await goTo(page, `#/rooms/${room}/${view}`)
    return page
  }

  /** What the legend of a chart says, a device and its newest number in each line. */
  async function legend (page: Page, metric: string): Promise<string[]> {
    return await page.locator('.chart', { has: page.getByRole('heading', { name: metric, exact: true }) }).locator('.legend li').allInnerTexts()
      .then(texts => texts.map(text => text.replaceAll(/\s+/g, ' ').trim()))
  }

  /** The picture of the only chart, as the browser has drawn it. */
  async function drawn (page: Page): Promise<string> {
    return await page.evaluate('document.querySelector(".chart canvas")?.toDataURL() ?? ""')
  }

  it('are shown with their states and readings as they come, and as offline when they are gone', async () => {
    const lamp = (await device('lamp', 'kitchen')).device('kitchen')
    await lamp.state({ on: false, brightness: 40 })
    const page = await open('kitchen', 'devices')
    const card = page.getByRole('article', { name: 'lamp' })
    await card.getByText('online').waitFor()
    await until(async () => /on\s+false\s+brightness\s+40/.test(await card.innerText()), 'what was kept is shown')
    await lamp.telemetry('power', 7.25, { qos: 1 })
    await until(async () => /power\s+7\.25/.test(await card.innerText()), 'the reading is shown')
    // Who comes later sees it, too.
    await page.reload()
    await until(async () => /on\s+false\s+brightness\s+40\s+power\s+7\.25/.test(await card.innerText()), 'the last reading is shown')
    await lamp.state({ on: true, brightness: 80 })
    await until(async () => /on\s+true\s+brightness\s+80/.test(await card.innerText()), 'the new state is shown')
    const gone = await device('heater', 'kitchen')
    await gone.device('kitchen').state({ target: 21 })
    const other = page.getByRole('article', { name: 'heater' })
    await other.getByText('online').waitFor()
    await gone.close()
    await other.getByText('offline').waitFor()
  })

  it('do what an owner commands, and answer', async () => {
    const lamp = (await device('lamp', 'hall')).device('hall')
    await lamp.state({ on: false })
    await lamp.onCommand(async ({ payload }) => {
      const { on } = payload as { on?: boolean }
      if (typeof on !== 'boolean') throw new Error('a lamp takes on')
      await lamp.state({ on })
      return { done: true, on }
    })
    const page = await open('hall', 'devices')
    const card = page.getByRole('article', { name: 'lamp' })
    await card.getByRole('button', { name: 'Command' }).click()
    const field = card.getByRole('textbox', { name: 'Command to lamp, as JSON' })
    assert.equal(await field.inputValue(), '{"on":true}', 'what the switch is not')
    await card.getByRole('button', { name: 'Send command' }).click()
    await card.getByRole('status').getByText('"done":true').waitFor()
    await until(async () => /on\s+true/.test(await card.innerText()), 'the lamp is on')

    await field.fill('{"colour":"red"}')
    await card.getByRole('button', { name: 'Send command' }).click()
    await card.getByRole('status').getByText('A lamp takes on.').waitFor()
    await field.fill('on please')
    await card.getByRole('button', { name: 'Send command' }).click()
    await card.getByRole('status').getByText(/^This is no JSON object/).waitFor()

    const member = await open('hall', 'devices', 'member')
    await member.getByRole('article', { name: 'lamp' }).waitFor()
    assert.equal(await member.getByRole('button', { name: 'Command' }).count(), 0)
  })

  it('have charts that begin with history and move with what they publish', async () => {
    const sensor = (await device('sensor', 'attic')).device('attic')
    await sensor.telemetry('temperature', 20.5, { qos: 1 })
    await web.server.flush()
    const page = await open('attic', 'charts')
    await until(async () => (await legend(page, 'temperature')).includes('sensor 20.5'), 'history is drawn', 10_000)
    await until(async () => await drawn(page) !== '', 'the chart is there', 10_000)
    const before = await drawn(page)
    // Any MQTT client will do.
    const other = { port: web.server.ports.mqtt, token: web.server.token('other', { attic: 'device' }) }
    for (const value of [18, 25, 19.25]) await sensor.telemetry('temperature', value)
    await mosquittoPub(t, 'rooms/attic/telemetry/other/temperature', '{"value": 4}', other)
    await until(async () => (await legend(page, 'temperature')).some(line => /^other 4$/.test(line)), 'a second line is there', 10_000)
    await until(async () => (await legend(page, 'temperature')).some(line => /^sensor (?!20\.5$)/.test(line)), 'the first line goes on', 10_000)
    assert.notEqual(await drawn(page), before)
    await mosquittoPub(t, 'rooms/attic/telemetry/other/humidity', '55', other)
    await until(async () => (await legend(page, 'humidity')).join() === 'other 55', 'a further chart', 10_000)
  })

  it('have charts that lead back into the past, and to now again', async () => {
    const sensor = (await device('sensor', 'cellar')).device('cellar')
    await sensor.telemetry('level', 3, { qos: 1 })
    await web.server.flush()
    const page = await open('cellar', 'charts')
    await until(async () => (await legend(page, 'level')).join() === 'sensor 3', 'now is drawn', 10_000)
    const live = page.getByRole('button', { name: 'Live' })
    assert.equal(await live.getAttribute('aria-pressed'), 'true')
    const asked: URL[] = []
    page.on('request', request => { if (request.url().includes('/series?')) asked.push(new URL(request.url())) })
    await page.getByRole('button', { name: 'Earlier' }).click()
    await page.getByRole('button', { name: 'Earlier' }).click()
    await page.getByText('No device has published numbers in this time.').waitFor()
    assert.equal(await live.getAttribute('aria-pressed'), 'false')
    const [from, to] = ['from', 'to'].map(name => Number(asked.at(-1)!.searchParams.get(name)))
    assert.ok(Math.abs(to! - from! - 300_000) <= 2 && Math.abs(Date.now() - to! - 300_000) < 30_000, asked.at(-1)!.href)
    await page.getByRole('combobox', { name: 'How much time is shown' }).selectOption('1 hour')
    await until(async () => asked.at(-1)!.searchParams.get('bucket') === '10000ms', 'an hour is asked for')
    await live.click()
    await until(async () => (await legend(page, 'level')).join() === 'sensor 3', 'now is drawn again', 10_000)
    // Or by hand.
    await until(async () => await drawn(page) !== '', 'the chart is there', 10_000)
    const { x, y, width } = (await page.locator('.u-over').boundingBox())!
    await page.mouse.move(x + 20, y + 50)
    await page.mouse.down()
    await page.mouse.move(x + 20 + width / 2, y + 60, { steps: 5 })
    await page.mouse.up()
    await until(async () => await live.getAttribute('aria-pressed') === 'false', 'the past is shown')
    await until(() => Math.abs(Date.now() - Number(asked.at(-1)!.searchParams.get('to')) - 1_800_000) < 400_000, `half an hour ago is asked for, and not ${asked.at(-1)!.href}`)
    await live.click()
    await until(async () => (await legend(page, 'level')).join() === 'sensor 3', 'now is drawn again', 10_000)
    // What is shown of the past does not go on.
    await page.getByRole('button', { name: 'Earlier' }).click()
    assert.equal(await page.getByRole('button', { name: 'Later' }).isEnabled(), true)
    await page.getByRole('button', { name: 'Later' }).click()
    assert.equal(await live.getAttribute('aria-pressed'), 'true')
  })
})
