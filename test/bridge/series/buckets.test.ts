import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { bucketFor, durationText } from '../../../bridge/series/buckets.ts'
import { parseDuration } from '../../../protocol/duration.ts'

describe('the length of a bucket', () => {
  it('is one that people think in, and the shortest that is long enough', () => {
    for (const [span, most, expected] of [
      ['0s', 500, '1ms'], ['1ms', 500, '1ms'], ['1s', 500, '2ms'], ['1m', 500, '200ms'], ['10m', 500, '2s'], ['1h', 500, '10s'], ['24h', 500, '5m'], ['7d', 500, '30m'], ['365d', 500, '1d'], ['3650d', 500, '8d'],
      ['1d', 10_000, '10s'], ['36500d', 10_000, '4d'], ['8m', 480, '1s'], ['481s', 480, '2s']
    ] as const) {
      const bucket = bucketFor(parseDuration(span)!, most)
      assert.equal(durationText(bucket), expected, span)
      assert.ok(parseDuration(span)! / bucket <= most)
    }
  })

  it('is written as it is read', () => {
    for (const text of ['1ms', '1500ms', '15s', '90s', '1m', '1h', '36h', '1d', '400d']) assert.equal(durationText(parseDuration(text)!), text)
  })
})
