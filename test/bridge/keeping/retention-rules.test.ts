import assert from 'node:assert/strict'
import { retentionRules } from '../../../bridge/keeping/retention-rules.ts'
import { retentionOf } from '../../../bridge/store/retention.ts'
import type { Config } from '../../../config/schema.ts'
import { load, useFolders } from '../../config/helper.ts'

const HOUR = 3_600_000

describe('the rules of retention', () => {
  const folder = useFolders()
  const configured = (text: string): Config => load(folder({ 'foyer.config.yaml': text })).config

  it('say nothing where the configuration says nothing', () => {
    assert.deepEqual(retentionRules(configured('')), { fallback: null, channels: new Map(), rooms: new Map(), prefixes: [] })
  })

  it('prefer an exact room to the longest prefix, whatever their order, and the shorter one of room and channel', () => {
    const rules = retentionRules(configured(`
store: { retention: 9h }
channels: { telemetry: { retention: 3h }, commands: { retention: off } }
rooms: { "*": { retention: 8h }, "a.*": { retention: 7h }, "a.b.*": { retention: 2h }, a.b.c: { retention: off } }`))
    const of = (room: string, channel: string): number | null => {
      const retention = retentionOf(rules, room, channel)
      return retention === null ? null : retention / HOUR
    }
    assert.deepEqual([of('x', 'messages'), of('a.x', 'messages'), of('a.b.x', 'messages'), of('a.b.c', 'messages')], [8, 7, 2, null])
    assert.deepEqual([of('x', 'telemetry'), of('a.b.x', 'telemetry'), of('a.b.c', 'telemetry'), of('a.b.c', 'commands')], [3, 2, 3, null])
  })

  it('know that for ever is more than the time for the rest', () => {
    const rules = retentionRules(configured('store: { retention: 9h }\nchannels: { commands: { retention: off } }\nrooms: { vault: { retention: off } }'))
    assert.deepEqual([retentionOf(rules, 'x', 'commands'), retentionOf(rules, 'vault', 'messages'), retentionOf(rules, 'x', 'messages')], [null, null, 9 * HOUR])
  })
})
