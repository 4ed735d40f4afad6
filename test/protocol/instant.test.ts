import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { parseInstant } from '../../protocol/instant.ts'

describe('times in requests', () => {
  it('are ISO 8601 with a zone, or milliseconds', () => {
    for (const [text, milliseconds] of [
      ['2026-11-24', Date.UTC(2026, 10, 24)],
      ['2026-11-24T10:00Z', Date.UTC(2026, 10, 24, 10)],
      ['2026-11-24T10:00:00.5+01:00', Date.UTC(2026, 10, 24, 9, 0, 0, 500)],
      ['2024-02-29', Date.UTC(2024, 1, 29)],
      ['2000-02-29t23:59:59z', Date.UTC(2000, 1, 29, 23, 59, 59)],
      ['2026-12-31T23:30:00-01:00', Date.UTC(2027, 0, 1, 0, 30)],
      ['2026-01-01T24:00:00Z', Date.UTC(2026, 0, 2)],
      ['1969-12-31', 0],
      ['1763978400000', 1763978400000]
    ] as const) assert.equal(parseInstant(text), milliseconds * 1000, text)
  })

  it('are days that exist', () => {
    for (const text of ['2026-02-29', '2026-02-30', '2026-02-31T10:00:00Z', '2100-02-29', '2026-04-31', '2026-06-31T00:00+02:00', '2026-00-10', '2026-13-01', '2026-01-00', '2026-01-32', '2026-01-01T25:00Z', '2026-01-01T10:60Z', '2026-11-24T10:00', 'yesterday', '']) {
      assert.equal(parseInstant(text), null, text)
    }
  })
})
