import assert from 'node:assert/strict'
import { parseBytes } from '../../config/bytes.ts'
import { parseDuration } from '../../protocol/duration.ts'
import { isLoopback } from '../../config/loopback.ts'
import { nearest } from '../../config/nearest.ts'
import { faultsOf, load, useFolders } from './helper.ts'

describe('values', () => {
  const folder = useFolders()

  it('durations have a unit', () => {
    assert.deepEqual(['500ms', '30s', '10m', '24h', '7d', '0s'].map(parseDuration), [500, 30_000, 600_000, 86_400_000, 604_800_000, 0])
    assert.deepEqual(['', '5', '5 s', '1.5h', '-1s', '5S', '5w', '5s\n', '999999999999d'].map(parseDuration), Array(9).fill(null))
    const [fault] = faultsOf(folder(), { flags: { 'queue.stallTimeout': 30 } })
    assert.deepEqual([fault?.message, fault?.remedy], ['must say its unit, not just 30', 'write 30s for seconds or 30ms for milliseconds'])
  })

  it('durations stay within what they are for', () => {
    for (const [name, bad] of [['store.flushInterval', '2s'], ['limits.keepalive', '19h'], ['auth.jwksCache', '25d'], ['auth.clockTolerance', '2h']]) {
      assert.deepEqual(faultsOf(folder(), { flags: { [name!]: bad } }).map(({ path }) => path), [name])
    }
  })

  it('sizes are numbers or have a unit of 1024', () => {
    assert.deepEqual(['0', '65536', '64KiB', '1MiB', '2GiB', '7B'].map(parseBytes), [0, 65_536, 65_536, 1_048_576, 2_147_483_648, 7])
    assert.deepEqual(['', '64KB', '64 KiB', '1.5MiB', '-1', '1e3'].map(parseBytes), Array(6).fill(null))
    assert.equal(load(folder(), { flags: { 'limits.packetBytes': 4096 } }).config.limits.packetBytes, 4096)
    assert.match(faultsOf(folder(), { flags: { 'limits.packetBytes': '64KB' } })[0]?.remedy ?? '', /KiB/)
    for (const bad of [1.5, -1, NaN, '1GiB', true]) assert.equal(faultsOf(folder(), { flags: { 'limits.packetBytes': bad } }).length, 1)
  })

  it('ports are numbers, off or any', () => {
    const cwd = folder({ 'foyer.config.yaml': 'mqtt: { port: off }\nhttp: { port: false }\nmqtts: { port: null }\nhttps: { port: }\n' })
    const { mqtt, http, mqtts, https } = load(cwd).config
    assert.deepEqual([mqtt.port, http.port, mqtts.port, https.port], [null, null, null, null])
    for (const bad of [-1, 65_536, 1.5, '', 'x', true, [1]]) assert.equal(faultsOf(folder(), { flags: { 'mqtt.port': bad } }).length, 1)
  })

  it('hosts are addresses or names, without scheme and port', () => {
    for (const host of ['localhost', '127.0.0.1', '::1']) assert.deepEqual(faultsOf(folder(), { flags: { host } }), [])
    for (const host of ['foyer.example', '::', 'fe80::1%eth0']) assert.deepEqual(faultsOf(folder(), { flags: { host, insecure: true } }), [])
    for (const [host, remedy] of [['*', /0\.0\.0\.0/], ['http://foyer.example:80', /write foyer\.example,/], ['0.0.0.0:1883', /write 0\.0\.0\.0,/], ['[::1]:80', /write ::1,/], [' ', /./], ['', /./], [0, /./]] as const) {
      const [fault, ...more] = faultsOf(folder(), { flags: { host } })
      assert.deepEqual([fault?.path, more.length], ['host', 0])
      assert.match(fault?.remedy ?? '', remedy)
    }
  })

  it('loopback is what only this machine can reach', () => {
    for (const host of ['127.0.0.1', '127.8.9.1', '::1', '0:0:0:0:0:0:0:1', '[::1]', '::ffff:127.0.0.1', 'localhost', 'LocalHost.']) assert.equal(isLoopback(host), true, host)
    for (const host of ['0.0.0.0', '::', '10.0.0.1', '128.0.0.1', '::ffff:10.0.0.1', 'foyer.example', 'localhost.example', '127.1', '', '0']) assert.equal(isLoopback(host), false, host)
  })

  it('origins are what browsers send', () => {
    const origins = (value: unknown): readonly string[] => load(folder(), { flags: { 'websocket.origins': value } }).config.websocket.origins
    assert.deepEqual(origins('*'), ['*'])
    assert.deepEqual(origins(['https://a.example', 'http://localhost:5173', 'capacitor://localhost', 'null']).length, 4)
    for (const [bad, remedy] of [['https://a.example/', /https:\/\/a\.example$/], ['https://A.example', /https:\/\/a\.example$/], ['https://a.example:443', /https:\/\/a\.example$/], ['a.example', /like https/], ['https://*.example', /each origin/]] as const) {
      const [fault] = faultsOf(folder(), { flags: { 'websocket.origins': [bad] } })
      assert.equal(fault?.path, 'websocket.origins[0]')
      assert.match(fault?.remedy ?? '', remedy)
    }
  })

  it('names are suggested when they are near, not when they are guesses', () => {
    const names = ['retain', 'topic', 'store', 'echo', 'maxBytes']
    assert.deepEqual(['retian', 'Topics', 'max_bytes', 'eco', 'sotre'].map((name) => nearest(name, names)), ['retain', 'topic', 'maxBytes', 'echo', 'store'])
    assert.deepEqual(['', 'x', 'qos', 'history', 'x'.repeat(10_000)].map((name) => nearest(name, names)), Array(5).fill(null))
  })
})
