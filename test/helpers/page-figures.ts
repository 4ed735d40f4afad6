import { readFileSync } from 'node:fs'
import type { Browser, Page } from 'playwright-core'

/** What a page costs, as the browser measures it. */
export interface PageFigures {
  /** Seconds of processor time that its main thread has used until now: how busy others keep the machine makes no difference. */
  busy (): Promise<number>
  /** Bytes of its JavaScript heap in use, with garbage. */
  heap (): Promise<number>
  /** Bytes of its JavaScript heap in use behind a collection. */
  heapInUse (): Promise<number>
  /** Frames per second in each stretch of `stretch` ms since it was asked for; to be read by `frameRates`. */
  countFrames (stretch: number): Promise<void>
  frameRates (): Promise<number[]>
}

export async function pageFigures (page: Page): Promise<PageFigures> {
  const session = await page.context().newCDPSession(page)
  await session.send('Performance.enable', { timeDomain: 'threadTicks' })
  const metric = async (name: string): Promise<number> => (await session.send('Performance.getMetrics')).metrics.find(metric => metric.name === name)!.value
  return {
    busy: async () => await metric('TaskDuration'),
    heap: async () => await metric('JSHeapUsedSize'),
    heapInUse: async () => {
      await session.send('HeapProfiler.collectGarbage')
      return await metric('JSHeapUsedSize')
    },
    countFrames: async stretch => {
      await page.evaluate(`{
        window.frameRates = []
        let start = performance.now()
        let count = 0
        requestAnimationFrame(function look (now) {
          count++
          if (now - start >= ${stretch}) {
            frameRates.push(count * 1000 / (now - start))
            start = now
            count = 0
          }
          requestAnimationFrame(look)
        })
      }`)
    },
    frameRates: async () => await page.evaluate('frameRates')
  }
}

/** Bytes of memory that the busiest page of a browser has for itself alone: heaps, code, pictures. */
export async function privateMemory (browser: Browser): Promise<number> {
  const session = await browser.newBrowserCDPSession()
  const { processInfo } = await session.send('SystemInfo.getProcessInfo')
  await session.detach()
  const [busiest] = processInfo.filter(({ type }) => type === 'renderer').sort((one, other) => other.cpuTime - one.cpuTime)
  const kilobytes = Array.from(readFileSync(`/proc/${busiest!.id}/smaps_rollup`, 'utf8').matchAll(/^Private_(?:Clean|Dirty): +(\d+) kB$/gm), ([, number]) => Number(number))
  return kilobytes.reduce((sum, one) => sum + one, 0) * 1024
}
