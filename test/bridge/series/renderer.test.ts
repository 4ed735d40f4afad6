import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { renderSeries, type Asked } from '../../../bridge/series/render.ts'
import { createRenderer } from '../../../bridge/series/renderer.ts'
import type { Series, SeriesPage } from '../../../bridge/store/store.ts'
import { useTeardown } from '../../helpers/teardown.ts'

const ASKED: Asked = { from: 0, to: 60_000_000_000, bucket: 1000, field: 'a.b', figures: ['avg', 'max', 'count'] }

describe('writing down series', () => {
  const t = useTeardown()

  /** Each has so many points; some are no number of JSON. */
  function page (topics: number, points: number): SeriesPage {
    const column = (seed: number): Float64Array => Float64Array.from({ length: points }, (_, i) => i % 97 === 96 ? Infinity : seed + i / 3)
    const one = (i: number): Series => {
      const all = column(i)
      // Some share one buffer, as those that were cut do.
      return { topic: `rooms/lobby/telemetry/"${i}"/x`, time: Float64Array.from({ length: points }, (_, k) => k * 1000), min: column(i + 1), max: all, avg: all.subarray(0), count: column(i + 2), last: column(i + 3) }
    }
    return { series: Array.from({ length: topics }, (_, i) => one(i)), more: true }
  }

  it('says the same of few points and of many, which a thread writes', async () => {
    const renderer = createRenderer()
    t.after(() => renderer.close())
    const kinds = []
    for (const [topics, points] of [[0, 0], [2, 200], [3, 200], [50, 2000]] as const) {
      const answer = await renderer.render(ASKED, page(topics, points))
      kinds.push(typeof answer)
      const text = typeof answer === 'string' ? answer : Buffer.from(answer).toString()
      assert.equal(text, renderSeries(ASKED, page(topics, points)))
      const { series } = JSON.parse(text) as { series: { time: number[], avg: (number | null)[], last?: number[] }[] }
      assert.deepEqual([series.length, series[0]?.time.length ?? 0, series[0]?.last], [topics, points, undefined])
    }
    assert.deepEqual(kinds, ['string', 'string', 'object', 'object'])
  })

  it('answers each with its own, however many ask at once', async () => {
    const renderer = createRenderer()
    t.after(() => renderer.close())
    const sizes = Array.from({ length: 20 }, (_, i) => 501 + i)
    const answers = await Promise.all(sizes.map(async points => JSON.parse(Buffer.from(await renderer.render(ASKED, page(1, points)) as Uint8Array).toString()) as { series: { time: number[] }[] }))
    assert.deepEqual(answers.map(({ series }) => series[0]!.time.length), sizes)
  })

  it('says so to who waits when it is closed, and is there again afterwards', async () => {
    const renderer = createRenderer()
    t.after(() => renderer.close())
    await renderer.render(ASKED, page(1, 501))
    const waiting = assert.rejects(async () => await renderer.render(ASKED, page(100, 1000)), /the charts/)
    await renderer.close()
    await waiting
    assert.ok((await renderer.render(ASKED, page(1, 501))).length > 0)
  })
})
