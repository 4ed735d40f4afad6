import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { checkFilter, checkPublish, completed } from '../../bridge/web/explorer/check.ts'
import { indexOf, type Line } from '../../bridge/web/explorer/lines.ts'
import { MessageLog, MOST } from '../../bridge/web/explorer/message-log.ts'
import { hexDump, prettyJson, previewOf, read, sizeText } from '../../bridge/web/explorer/payload-text.ts'
import { nameOf, sinceOf, wantedOf } from '../../bridge/web/explorer/since.ts'
import type { Message } from '../../client/index.ts'
import { compileChannels } from '../../protocol/channels.ts'
import { DEFAULT_CHANNELS } from '../../protocol/default-channels.ts'
import { parseGrants } from '../../protocol/room-grants.ts'

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

describe('a payload in the explorer', () => {
  it('is JSON with its members in lines, and as it was written in all else', () => {
    fc.assert(fc.property(fc.jsonValue({ maxDepth: 6 }), value => {
      assert.equal(prettyJson(JSON.stringify(value)), JSON.stringify(value, null, 2))
    }))
    assert.equal(prettyJson(' {"n" : 12345678901234567890.10 , "n":1e400,"s":"a\\"b\\\\","e":{ },"l":[ [] ]}\n'),
      '{\n  "n": 12345678901234567890.10,\n  "n": 1e400,\n  "s": "a\\"b\\\\",\n  "e": {},\n  "l": [\n    []\n  ]\n}')
    assert.ok(prettyJson(`${'['.repeat(5000)}${']'.repeat(5000)}`).length < 5000 * 2 * 70, 'depth does not make it long')
    assert.ok(prettyJson(JSON.stringify(Array.from({ length: 5000 }, () => 'x')), 100).length < 120)
  })

  it('is shown in the way that suits it', () => {
    const views = ['{"a":1}', '21.5', 'plain', '{"a":', 'two\nlines', 'a bell \u0007', ''].map(text => read(bytesOf(text)).view)
    assert.deepEqual(views, ['json', 'json', 'text', 'text', 'text', 'hex', 'text'])
    assert.deepEqual(read(Uint8Array.of(0x61, 0xff)), { text: null, isJson: false, view: 'hex' })
  })

  it('is bytes by their places, numbers and letters', () => {
    assert.equal(hexDump(Uint8Array.from({ length: 18 }, (_, i) => 0x5a + i)), [
      '00000000  5a 5b 5c 5d 5e 5f 60 61 62 63 64 65 66 67 68 69  Z[\\]^_`abcdefghi',
      '00000010  6a 6b                                            jk'
    ].join('\n'))
    assert.equal(hexDump(new Uint8Array(100), 32).split('\n').length, 2)
  })

  it('begins on one line, without what was stamped on it', () => {
    assert.equal(previewOf({ id: null, bytes: bytesOf('a\n  b\t') }), 'a b')
    assert.equal(previewOf({ id: null, bytes: Uint8Array.of(0xff, 0, 1) }), 'ff 00 01')
    // Cut in the middle of a character.
    assert.match(previewOf({ id: null, bytes: bytesOf('é'.repeat(1000) + 'x') }), /^é+$/)
    assert.match(previewOf({ id: null, bytes: bytesOf('x' + 'é'.repeat(1000)) }), /^xé+$/)
    const stamped = '{"id":"A5NEsEdlEk--","room":"lobby","sender":"a\\"n","timestamp":"2026-11-24T05:10:34.812Z","text":"hello"}'
    assert.equal(previewOf({ id: 'A5NEsEdlEk--', bytes: bytesOf(stamped) }), '{… "text":"hello"}')
    assert.equal(previewOf({ id: 'A5NEsEdlEl--', bytes: bytesOf(stamped) }), stamped)
    assert.deepEqual([12, 1234, 5_600_000].map(sizeText), ['12 B', '1.2 kB', '5.6 MB'])
  })
})

describe('the messages that the explorer keeps', () => {
  const message = (n: number, size = 1): Message => ({ kind: 'other', topic: `t/${n}`, room: null, device: null, metric: null, id: null, sender: '', timestamp: '', ref: null, payload: n, bytes: new Uint8Array(size), userProperties: {}, qos: 0, retained: false, replayed: false })

  function newLog (): { log: MessageLog, draw: () => void, topics: () => string[] } {
    let due: (() => void)[] = []
    const log = new MessageLog(work => { due.push(work) })
    return {
      log,
      draw () {
        assert.ok(due.length <= 1, 'once for a frame')
        for (const work of due.splice(0)) work()
        due = []
      },
      topics: () => log.state.value.lines.map(line => line.kind === 'message' ? line.message.topic : line.text)
    }
  }

  it('are the latest, told once for a frame, and others are counted', () => {
    const { log, draw, topics } = newLog()
    let told = 0
    log.state.subscribe(() => { told++ })
    for (let n = 0; n < 5 * MOST; n++) log.take(message(n), 'A')
    assert.equal(told, 0)
    draw()
    assert.deepEqual([told, topics().length, topics()[0], topics().at(-1), log.state.value.leftOut], [1, MOST, `t/${4 * MOST}`, `t/${5 * MOST - 1}`, 4 * MOST])
    log.note('between')
    log.take(message(-1), 'A')
    draw()
    assert.deepEqual([topics().slice(-2), log.state.value.leftOut], [['between', 't/-1'], 4 * MOST + 2])
    log.clear()
    assert.deepEqual([topics(), log.state.value.leftOut], [[], 0])
  })

  it('are fewer where they are large', () => {
    const { log, draw, topics } = newLog()
    for (let n = 0; n < 50; n++) log.take(message(n, 1_000_000), 'A')
    draw()
    assert.equal(topics().length, 16)
    log.take(message(50, 50_000_000), 'A')
    draw()
    assert.deepEqual([topics(), log.state.value.leftOut], [['t/50'], 50])
  })

  it('are one where several subscriptions bring one', () => {
    const { log, draw } = newLog()
    const twice = message(1)
    log.take(twice, 'A')
    log.take(twice, 'C')
    draw()
    const [line] = log.state.value.lines
    assert.equal(line?.kind === 'message' && line.by, 'A C')
  })

  it('stand still while paused, and then go on with the latest', () => {
    const { log, draw, topics } = newLog()
    log.take(message(1), 'A')
    log.pause()
    for (let n = 2; n < 4; n++) log.take(message(n), 'A')
    draw()
    assert.deepEqual([topics(), log.state.value.waiting, log.state.value.isPaused], [['t/1'], 2, true])
    for (let n = 4; n < 2 * MOST + 4; n++) log.take(message(n), 'A')
    draw()
    assert.deepEqual([topics(), log.state.value.waiting], [['t/1'], 2 * MOST + 2])
    log.resume()
    assert.deepEqual([topics().length, topics()[0], log.state.value.leftOut, log.state.value.waiting], [MOST, `t/${MOST + 4}`, MOST + 3, 0])
  })

  it('are found by their keys, gone ones at the first that is left', () => {
    const lines = [3, 5, 9].map((key): Line => ({ kind: 'note', key, time: 0, text: '' }))
    assert.deepEqual([1, 3, 4, 9, 10].map(key => indexOf(lines, key)), [0, 0, 1, 2, 3])
  })
})

describe('what the explorer says beforehand', () => {
  const who = (rooms: Record<string, string>, presence = true): Parameters<typeof checkFilter>[0] => ({
    me: { sub: 'ann', exp: null, admin: false, presence, rooms },
    subject: { sub: 'ann', admin: false, grants: parseGrants(rooms) },
    channels: compileChannels(DEFAULT_CHANNELS)
  })
  const filter = (filter: string, since: string | null = null) => checkFilter(who({ lobby: 'listener' }), { filter, since })

  it('is the rule that decides, and whether one is seen', () => {
    assert.match(filter('rooms/cellar/#').text, /^Would be refused: no grant .* rooms\/cellar\/# could match\.$/)
    assert.match(filter('rooms/lobby/messages').text, /^You are listener in lobby .* You will be shown as here in lobby\.$/)
    assert.doesNotMatch(checkFilter(who({ lobby: 'member' }, false), { filter: 'rooms/lobby/#', since: null }).text, /shown/)
    assert.deepEqual(filter('rooms/+/messages', '1h'), { willPass: true, text: 'It brings what of that your token may receive.' })
    assert.match(filter('rooms/#/x', '1h').text, /# before its end/)
    assert.match(filter('$me/#', '1h').text, /takes no filter that starts with \$/)
  })

  it('is what the channel makes of a message', () => {
    const publish = (...what: Parameters<typeof checkPublish> extends [unknown, ...infer Rest] ? Rest : never) => checkPublish(who({ lobby: 'owner', hall: 'listener' }), ...what)
    assert.equal(publish('rooms/lobby/messages', 0, true).text, 'Channel messages: stored, stamped with id, sender and time, raised to QoS 1, not retained (this channel retains nothing).')
    assert.equal(publish('rooms/lobby/live/x', 1, false).text, 'Channel live: not stored.')
    assert.equal(publish('rooms/lobby/state/ann', 1, false).text, 'Channel state: stored, retained.')
    assert.deepEqual([publish('rooms/lobby/commands/x', 1, false), publish('rooms/hall/messages', 1, false), publish('elsewhere', 1, false), publish('rooms/+/x', 1, false)].map(({ willPass, text }) => [willPass, text.split(':')[0]]), Array.from({ length: 4 }, () => [false, 'Would be refused']))
  })

  it('completes what the server had to cut off, and nothing else', () => {
    const ann = who({ lobby: 'listener' })
    const fault = { code: 'policy', remedy: 'ask' }
    assert.match(completed(ann, 'publish', 'rooms/lobby/messages', 1, { ...fault, message: 'you are listener in lobby (grant…' }).message, /member and owner publish$/)
    assert.equal(completed(ann, 'publish', 'rooms/lobby/messages', 1, { ...fault, message: 'something else…' }).message, 'something else…')
    assert.equal(completed(ann, 'publish', 'rooms/lobby/messages', 1, { ...fault, message: 'you' }).message, 'you')
  })
})

describe('the beginning of a subscription in the explorer', () => {
  it('is a replay where it is in the past, also when that is written as one', () => {
    assert.deepEqual([sinceOf('now', ''), sinceOf('last=100', ''), sinceOf('from', '2026-11-24T10:00')], [null, 'last=100', `from=${new Date(2026, 10, 24, 10).getTime()}`])
    assert.deepEqual(wantedOf('$replay/10m/rooms/#', null), { filter: 'rooms/#', since: '10m' })
    for (const filter of ['rooms/#', '$replay/10m', '$me/#', '']) assert.deepEqual(wantedOf(filter, null), { filter, since: null })
    assert.equal(nameOf(wantedOf('$replay/10m/rooms/#', '1h')), '$replay/1h/$replay/10m/rooms/#')
  })
})
