import assert from 'node:assert/strict'
import type { Fault } from '../../config/fault.ts'
import { faultsOf, load, useFolders } from './helper.ts'

const DAY = 86_400_000

describe('retention in the configuration', () => {
  const folder = useFolders()
  const sentences = (faults: readonly Fault[]): string[] => faults.map(({ path, message, remedy }) => `${path}: ${message}. ${remedy}`)
  const faultsWith = (rooms: unknown): string[] => sentences(faultsOf(folder(), { flags: { rooms } }))

  it('is said for all, for channels and for rooms', () => {
    const { config } = load(folder({ 'foyer.config.yaml': 'store: { retention: 90d }\nchannels:\n  telemetry: { retention: 7d }\n  messages: { retention: off }\n  state: { retention: false }\nrooms:\n  lobby: { retention: 1m }\n  acme.*: { retention: off }\n  "*": { retention: 30d }\n' }))
    assert.equal(config.store.retention, 90 * DAY)
    const byName = new Map(config.channels.map(({ name, retention }) => [name, retention]))
    assert.deepEqual(['telemetry', 'messages', 'state', 'commands'].map(name => byName.get(name)), [7 * DAY, Infinity, Infinity, null])
    assert.deepEqual(config.rooms, [{ pattern: 'lobby', retention: 60_000 }, { pattern: 'acme.*', retention: Infinity }, { pattern: '*', retention: 30 * DAY }])
  })

  it('is for ever unless said, and may come from the environment', () => {
    const { config } = load(folder())
    assert.deepEqual([config.store.retention, config.rooms, new Set(config.channels.map(({ retention }) => retention))], [null, [], new Set([null])])
    assert.equal(load(folder(), { env: { FOYER_STORE_RETENTION: '36h' } }).config.store.retention, 36 * 3_600_000)
  })

  it('is a minute or more', () => {
    for (const bad of ['59s', '0s', '36501d', 'forever', '-1d', '']) {
      assert.deepEqual(sentences(faultsOf(folder(), { flags: { 'store.retention': bad } })), [`store.retention: must be off, or a duration from 1m to 36500d, such as 500ms, 30s, 10m, 24h or 7d, not ${JSON.stringify(bad)}. correct it, or remove it for the default, off`])
    }
    assert.deepEqual(sentences(faultsOf(folder(), { flags: { 'store.retention': '90' } })), ['store.retention: must say its unit, not just 90. write 90s for seconds or 90ms for milliseconds'])
  })

  it('of rooms is checked room by room, each fault with its line and the nearest key', () => {
    const faults = faultsOf(folder({ 'foyer.config.yaml': 'rooms:\n  a b: { retention: 7d }\n  lobby: { retenion: 7d, retention: 7d }\n  hall: 7d\n  kitchen:\n    retention: 5s\n  attic: {}\n' }))
    assert.deepEqual(faults.map(({ path, source }) => `${path} ${source.split(':')[1]}`), ['rooms["a b"] 2', 'rooms.lobby.retenion 3', 'rooms.hall 4', 'rooms.kitchen.retention 6', 'rooms.attic.retention 7'])
    assert.deepEqual(faults.map(({ remedy }) => remedy).slice(0, 2), ['name a room, a prefix as in acme.*, or "*"', 'did you mean retention?'])
    assert.match(faults[3]!.message, /^must be off, or a duration from 1m to 36500d/)
  })

  it('of rooms is a map from patterns as in tokens', () => {
    assert.deepEqual(faultsWith([]), ['rooms: must be a map from rooms to their keys. write it like: rooms: { "acme.*": { retention: 30d } }'])
    for (const bad of ['', '.a', 'a*b', '**', 'x'.repeat(65)]) assert.match(faultsWith({ [bad]: { retention: '7d' } }).join(), /: is no room: /, bad)
    assert.deepEqual(load(folder(), { flags: { rooms: JSON.parse('{ "__proto__": { "retention": "7d" } }') } }).config.rooms, [{ pattern: '__proto__', retention: 7 * DAY }])
  })

  it('of a channel that stores nothing is warned of', () => {
    const { warnings } = load(folder({ 'foyer.config.yaml': 'channels:\n  live: { retention: 7d }\n  state: { retention: 7d }\n' }))
    assert.deepEqual(warnings, ['channels.live.retention (foyer.config.yaml:2) says how long messages are kept, and store: false that none are: remove one of them'])
  })
})
