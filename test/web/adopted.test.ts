import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { Page } from 'playwright-core'
import { mosquittoPub } from '../helpers/system-mosquitto.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { until } from '../helpers/within.ts'
import { enter, goTo, openUi } from '../helpers/web-page.ts'
import { useWeb } from '../helpers/web-use.ts'

describe('topics that a channel has adopted, in the web UI', function () {
  this.timeout(60_000)
  const t = useTeardown()
  const web = useWeb({}, 'channels: { zigbee: { topic: "zigbee2mqtt/{name...}", room: home, retain: publisher } }')

  async function publish (topic: string, message: string): Promise<void> {
    const { code, stderr } = await mosquittoPub(t, topic, message, { port: web.server.ports.mqtt, token: web.server.token('zigbee', { home: 'owner' }) })
    assert.equal(code, 0, stderr)
  }

  async function open (room: string, view: string): Promise<Page> {
    const { page } = await openUi(t, web.browser, { origin: web.server.httpUrl, token: web.server.token('ann', { home: 'owner', attic: 'owner' }) })
    await enter(page, room)
    await goTo(page, `#/rooms/${room}/${view}`)
    return page
  }

  /** The lines of a chart, a device and its newest number in each; empty where there is no such chart. */
  async function legend (page: Page, metric: string): Promise<string[]> {
    return await page.locator('.chart', { has: page.getByRole('heading', { name: metric, exact: true }) }).locator('.legend li').allInnerTexts()
      .then(texts => texts.map(text => text.replaceAll(/\s+/g, ' ').trim()))
  }

  it('have charts of the numbers in them, whole or members of JSON, with their past', async () => {
    await publish('zigbee2mqtt/lamp', '{"state": "ON", "brightness": 120, "color": {"x": 0.5}}')
    await publish('zigbee2mqtt/plug/power', '12.5')
    await web.server.flush()
    const page = await open('home', 'charts')
    await until(async () => (await legend(page, 'brightness')).join() === 'zigbee2mqtt/lamp 120', 'a member is drawn', 10_000)
    assert.deepEqual(await legend(page, 'color.x'), ['zigbee2mqtt/lamp 0.5'])
    assert.deepEqual(await legend(page, 'power'), ['zigbee2mqtt/plug 12.5'])
    assert.deepEqual(await page.locator('.chart h3').allInnerTexts(), ['brightness', 'color.x', 'power'])
    // And with what comes.
    await publish('zigbee2mqtt/lamp', '{"state": "ON", "brightness": 40, "linkquality": 99}')
    await until(async () => (await legend(page, 'linkquality')).join() === 'zigbee2mqtt/lamp 99', 'a new member has a chart', 10_000)
    await until(async () => /^zigbee2mqtt\/lamp (?!120)/.test((await legend(page, 'brightness')).join()), 'the line goes on', 10_000)
    // The server is asked for what was learnt of it.
    await web.server.flush()
    await page.getByRole('combobox', { name: 'How much time is shown' }).selectOption('1 hour')
    await until(async () => (await legend(page, 'linkquality')).join() === 'zigbee2mqtt/lamp 99', 'its past is drawn, too', 10_000)
  })

  it('are devices with what they said last, which take no commands', async () => {
    await publish('zigbee2mqtt/button', '{"battery": 71}')
    const page = await open('home', 'devices')
    const card = page.getByRole('article', { name: 'zigbee2mqtt/button' })
    await until(async () => /battery\s+71/.test(await card.innerText()), 'what came before is shown', 10_000)
    assert.equal(await card.getByRole('button').count(), 0)
    await publish('zigbee2mqtt/button', '{"battery": 70, "action": "single"}')
    await publish('zigbee2mqtt/button/availability', 'online')
    await until(async () => /battery\s+70\s+action\s+single\s+availability\s+online/.test(await card.innerText()), 'what comes is shown', 10_000)
    await page.reload()
    await until(async () => /battery\s+70\s+action\s+single\s+availability\s+online/.test(await card.innerText()), 'it is shown to who comes later', 10_000)
  })

  it('are in the room that they were adopted into, and in no other', async () => {
    await publish('rooms/home/telemetry/zigbee/power', '3')
    const page = await open('attic', 'devices')
    await page.getByText('No device has said anything here yet.').waitFor()
    await publish('zigbee2mqtt/lamp', '{"brightness": 7}')
    await goTo(page, '#/rooms/home/devices')
    await until(async () => /brightness\s+7/.test(await page.getByRole('article', { name: 'zigbee2mqtt/lamp' }).innerText()), 'it came', 10_000)
    await page.getByRole('article', { name: 'zigbee', exact: true }).getByRole('button', { name: 'Command' }).waitFor()
    await goTo(page, '#/rooms/attic/devices')
    await page.getByText('No device has said anything here yet.').waitFor()
    assert.equal(await page.getByRole('article').count(), 0)
  })
})
