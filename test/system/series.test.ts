import assert from 'node:assert/strict'
import { before, describe, it } from 'mocha'
import { serveWithSecret, token, type Served } from '../helpers/cli-serve.ts'
import { mosquittoPub } from '../helpers/system-mosquitto.ts'
import { useSharedTeardown } from '../helpers/system-shared.ts'
import { useTeardown } from '../helpers/teardown.ts'

const TOPIC = 'rooms/kitchen/telemetry/sensor-7/temperature'

interface SeriesAnswer {
  readonly from: number
  readonly to: number
  readonly bucket: number
  readonly series: readonly { readonly topic: string, readonly time: number[], readonly [figure: string]: unknown }[]
  readonly more: boolean
}

describe('readings from the shell', function () {
  this.timeout(60_000)
  const t = useTeardown()
  const shared = useSharedTeardown()
  const sensor = token('sensor-7', { kitchen: 'device' })
  let server: Served

  before(async () => { server = await serveWithSecret(shared) })

  async function series (query: string, bearer = token('ann')): Promise<SeriesAnswer> {
    const response = await fetch(`http://127.0.0.1:${server.ports.http}/api/rooms/kitchen/series?${query}`, { headers: { authorization: `Bearer ${bearer}` } })
    assert.equal(response.status, 200, await response.clone().text())
    return await response.json() as SeriesAnswer
  }

  it('are a chart at once', async () => {
    const began = Date.now()
    const options = { port: server.ports.mqtt, token: sensor }
    for (const reading of ['20.5', '{"value": 21.5, "battery": 80}', '24']) assert.equal((await mosquittoPub(t, TOPIC, reading, options)).code, 0)
    assert.equal((await mosquittoPub(t, 'rooms/kitchen/telemetry/sensor-7/humidity', '50', { ...options, qos: 0 })).code, 0)
    const { from, to, bucket, series: all, more } = await series('filter=telemetry/+/temperature&bucket=1d&fn=avg,min,max,count,last')
    assert.deepEqual(all.map(({ topic }) => topic), [TOPIC])
    assert.deepEqual([bucket, more, to - from], [86_400_000, false, 3_600_000])
    // The test may run into the next day.
    const sum = (figure: string): number => (all[0]![figure] as number[]).reduce((a, b) => a + b, 0)
    assert.equal(sum('count'), 3)
    if (all[0]!.time.length === 1) {
      const { avg, min, max, last, time } = all[0]!
      assert.deepEqual({ avg, min, max, last }, { avg: [22], min: [20.5], max: [24], last: [24] })
      assert.equal(time[0], began - began % 86_400_000)
    }
    assert.deepEqual((await series('field=battery&fn=last')).series.map(({ last }) => last), [[80]])
    assert.deepEqual((await series('fn=last', token('bob', { kitchen: 'listener' }))).series.map(({ topic }) => topic).sort(), ['rooms/kitchen/telemetry/sensor-7/humidity', TOPIC])
  })
})
