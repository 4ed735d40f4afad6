import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, it } from 'mocha'
import type { Browser, BrowserContext, Page, Route } from 'playwright-core'
import { serveWithSecret, token } from '../helpers/cli-serve.ts'
import { newClient } from '../helpers/client.ts'
import { pageFigures, privateMemory, type PageFigures } from '../helpers/page-figures.ts'
import { launchChromium } from '../helpers/system-browser.ts'
import { useTeardown, type Teardown } from '../helpers/teardown.ts'
import { until } from '../helpers/within.ts'
import { goTo, openUi } from '../helpers/web-page.ts'

const LONG = process.env.FOYER_TEST_LONG !== undefined
const SECONDS = LONG ? 600 : 8
/** Frames are counted by so much. */
const STRETCH = LONG ? 10_000 : 1_000
const METRICS = ['co2', 'current', 'humidity', 'noise', 'power', 'pressure', 'temperature', 'voltage']
const DEVICES = 8
const POINTS_PER_SECOND = 200
const MEGABYTE = 1_000_000
/** Averages of seconds in a window of five minutes, and one at each end that is partly in it. */
const MOST_POINTS = METRICS.length * DEVICES * 302
/** Of a core, by the main thread of the page. Half of a core would leave each of 50 frames a second 10 ms. */
const MOST_BUSY = 0.3

/** Devices that publish so many points per second together, each of them all metrics in its turn. `sent`: points so far. */
async function publish (t: Teardown, url: string): Promise<{ readonly sent: number }> {
  const devices = await Promise.all(Array.from({ length: DEVICES }, async (_, i) => (await newClient(t, { url, token: token(`sensor-${i}`, { plant: 'device' }) })).device('plant')))
  const start = performance.now()
  const state = { sent: 0 }
  const timer = setInterval(() => {
    while (state.sent < (performance.now() - start) / 1000 * POINTS_PER_SECOND) {
      const device = devices[state.sent / METRICS.length % DEVICES]!
      for (const [i, metric] of METRICS.entries()) void device.telemetry(metric, 20 + i + Math.sin(state.sent / 500 + i) + Math.random())
      state.sent += METRICS.length
    }
  }, 1000 / POINTS_PER_SECOND * METRICS.length)
  t.after(() => clearInterval(timer))
  return state
}

interface Answer {
  readonly from: number
  readonly series: { time: number[], avg: number[], count: number[] }[]
}

/** Gives the series a past, so that the charts are as full as after five minutes. */
async function addPast (route: Route): Promise<void> {
  const response = await route.fetch()
  const answer = await response.json() as Answer
  for (const [i, series] of answer.series.entries()) {
    const past = Array.from({ length: Math.round((series.time[0]! - answer.from) / 1000) - 1 }, (_, second) => series.time[0]! - 1000 * (second + 1)).reverse()
    series.avg.unshift(...past.map(time => 20 + i % METRICS.length + Math.sin(time / 20_000 + i)))
    series.count.unshift(...past.map(() => 3))
    series.time.unshift(...past)
  }
  await route.fulfill({ response, json: answer })
}

/** Counts what is drawn as `drawnPoints` of the window. */
async function countPoints (context: BrowserContext): Promise<void> {
  await context.addInitScript(`{
    window.drawnPoints = 0
    const { lineTo } = Path2D.prototype
    Path2D.prototype.lineTo = function (x, y) {
      drawnPoints++
      lineTo.call(this, x, y)
    }
  }`)
}

/** What each chart shows: its picture, and the newest number of each device. */
async function shown (page: Page): Promise<{ picture: string, numbers: string[] }[]> {
  // One that has just got another line is made anew.
  await until(async () => await page.locator('.chart:not(:has(canvas))').count() === 0, 'that all are drawn')
  return await page.evaluate('Array.from(document.querySelectorAll(".chart"), chart => ({ picture: chart.querySelector("canvas").toDataURL(), numbers: Array.from(chart.querySelectorAll(".legend .number"), number => number.textContent) }))')
}

/** Beside it, a page without anything: it gets as many frames as the machine has for anybody. */
async function emptyPage (t: Teardown, browser: Browser, origin: string): Promise<PageFigures> {
  const context = await browser.newContext()
  t.after(() => context.close())
  const page = await context.newPage()
  await page.goto(`${origin}/healthz`)
  return await pageFigures(page)
}

/** What there must be at least. Where others leave an empty page less than its 60 frames, it can't be 50 for one that draws. */
function leastRate (possible = 60): number {
  return possible > 59.5 ? 50 : possible * 0.75
}

function rateText (rates: readonly number[]): string {
  const sorted = rates.toSorted((one, other) => one - other)
  return `median ${sorted[sorted.length >> 1]!.toFixed(1)}, 5th percentile ${sorted[Math.floor(sorted.length / 20)]!.toFixed(1)}, least ${sorted[0]!.toFixed(1)} in ${STRETCH / 1000} s`
}

describe('eight charts and 200 points per second', function () {
  this.timeout((SECONDS + 60) * 1000)
  const t = useTeardown()

  it(LONG ? 'stay above 50 frames per second and below 150 MB for ten minutes' : 'leave the page the time for more than 50 frames per second, and go on', async () => {
    const server = await serveWithSecret(t)
    const browser = await launchChromium(t)
    const points = await publish(t, `mqtt://127.0.0.1:${server.ports.mqtt}`)
    await until(() => points.sent > POINTS_PER_SECOND, 'something is measured', 10_000)
    const origin = `http://127.0.0.1:${server.ports.http}`
    const empty = await emptyPage(t, browser, origin)
    const { page, context, complaints } = await openUi(t, browser, { origin, token: token('ann', { plant: 'owner' }) })
    await countPoints(context)
    await page.reload()
    if (!LONG) await page.route(/\/series\?/, addPast)
    await goTo(page, '#/rooms/plant/charts')
    await page.locator('.chart canvas').nth(METRICS.length - 1).waitFor()
    assert.deepEqual(await page.locator('.chart h3').allInnerTexts(), METRICS)

    const figures = await pageFigures(page)
    const before = { shown: await shown(page), sent: points.sent, heap: await figures.heapInUse(), drawn: await page.evaluate<number>('drawnPoints') }
    await empty.countFrames(STRETCH)
    await figures.countFrames(STRETCH)
    const busy = await figures.busy()
    const start = performance.now()
    const heaps: number[] = []
    while (heaps.length < SECONDS * 1000 / STRETCH) {
      await sleep(STRETCH)
      heaps.push(await figures.heap())
    }
    const seconds = (performance.now() - start) / 1000
    const share = (await figures.busy() - busy) / seconds
    const rates = await figures.frameRates()
    const possible = await empty.frameRates()
    const heap = await figures.heapInUse()
    const own = await privateMemory(browser)
    const summary = `frames per second: ${rateText(rates)}, of an empty page ${rateText(possible)}; main thread ${(share * 100).toFixed(1)} % of a core; ` +
      `heap ${(before.heap / MEGABYTE).toFixed(1)} MB, in the end ${(heap / MEGABYTE).toFixed(1)} MB, with garbage ${(Math.max(...heaps) / MEGABYTE).toFixed(1)} MB at most; process ${(own / MEGABYTE).toFixed(1)} MB of its own`
    if (LONG) console.log(`      ${summary}`)

    // It was all there, and it moved.
    assert.ok((points.sent - before.sent) / seconds > POINTS_PER_SECOND * 0.9, `${points.sent - before.sent} points in ${seconds} s`)
    const after = await shown(page)
    for (const [i, { picture, numbers }] of after.entries()) {
      assert.equal(numbers.length, DEVICES)
      assert.notEqual(picture, before.shown[i]!.picture, `${METRICS[i]} is drawn anew`)
      for (const [line, number] of numbers.entries()) assert.notEqual(number, before.shown[i]!.numbers[line], `sensor-${line} goes on in ${METRICS[i]}`)
    }
    const drawn = (await page.evaluate<number>('drawnPoints') - before.drawn) / seconds
    assert.ok(drawn > MOST_POINTS / 10 && drawn < MOST_POINTS * 1.2, `${drawn} points are drawn per second, ${MOST_POINTS} are all`)

    assert.ok(Math.max(...heaps) < 150 * MEGABYTE && own < 150 * MEGABYTE, summary)
    assert.ok(share < MOST_BUSY, summary)
    if (LONG) for (const [i, rate] of rates.entries()) assert.ok(rate > leastRate(possible[i]), `${rate} beside ${possible[i]} in stretch ${i}; ${summary}`)
    assert.deepEqual(complaints, [])
  })
})
