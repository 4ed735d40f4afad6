import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { faultsOf, load, useFolders } from './helper.ts'

describe('the configuration file', () => {
  const folder = useFolders()
  const faultsIn = (text: string): ReturnType<typeof faultsOf> => faultsOf(folder({ 'foyer.config.yaml': text }))

  it('may be empty, all comments, or have empty sections', () => {
    for (const text of ['', '# nothing\n', 'mqtt:\n  # port: 1\nchannels:\nauth:\n  users:\n', '\uFEFFmqtt: {}\n', '---\n']) {
      assert.deepEqual(faultsIn(text), [], JSON.stringify(text))
    }
  })

  it('is the one that was named, and then must exist', () => {
    const cwd = folder({ 'other.yaml': 'mqtt: { port: 7 }\n', 'foyer.config.yaml': 'mqtt: { port: 8 }\n' })
    assert.equal(load(cwd, { file: 'other.yaml' }).config.mqtt.port, 7)
    assert.equal(load(cwd, { file: join(cwd, 'other.yaml') }).config.mqtt.port, 7)
    const [fault, ...more] = faultsOf(cwd, { file: 'missing.yaml' })
    assert.deepEqual([fault?.path, fault?.source, more.length], ['missing.yaml', '--config', 0])
    assert.match(fault?.message ?? '', /does not exist/)
  })

  it('can\'t be a folder', () => {
    const cwd = folder()
    mkdirSync(join(cwd, 'foyer.config.yaml'))
    assert.match(faultsOf(cwd)[0]?.message ?? '', /can't be read/)
  })

  it('with a syntax error is one fault with line and column', () => {
    for (const [text, line] of [['mqtt:\n  port: 1\n bad: 2\n', 3], ['host: "unclosed\nmqtt: 1\n', 1], ['a: [1\nb: 2\n', 2], ['host: !env HOST\n', 1], ['\thost: a\n', 1]] as const) {
      const faults = faultsIn(text)
      assert.equal(faults.length, 1, text)
      assert.equal(faults[0]?.path, 'foyer.config.yaml')
      assert.match(faults[0]?.message ?? '', /not valid YAML at line \d+, column \d+: \w/)
      assert.ok(Number(faults[0]?.source.split(':')[1]) >= line, text)
    }
  })

  it('with two documents, an alias bomb or a missing anchor is one fault', () => {
    const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]', ...'bcdefgh'.split('').map((name, i) => `${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[i]}`).join(', ')}]`)].join('\n')
    assert.equal(faultsIn('\nhost: *nowhere\n')[0]?.source, 'foyer.config.yaml:2')
    for (const text of ['host: a\n---\nhost: b\n', bomb, 'host: *nowhere\n', '['.repeat(10_000)]) assert.equal(faultsIn(text).length, 1, text.slice(0, 30))
  })

  it('may not have a key twice', () => {
    const faults = faultsIn('mqtt: { port: 1 }\nhttp:\n  port: 2\n  port: 3\nmqtt: { port: 4 }\n')
    assert.deepEqual(faults.map(({ path, source }) => [path, source]), [['http.port', 'foyer.config.yaml:4'], ['mqtt', 'foyer.config.yaml:5']])
    assert.match(faults[0]?.message ?? '', /twice, first at foyer.config.yaml:3/)
  })

  it('suggests the key that was probably meant', () => {
    const suggested = (text: string): string | undefined => faultsIn(text)[0]?.remedy
    assert.equal(suggested('mqtt: { prot: 1 }'), 'did you mean mqtt.port?')
    assert.equal(suggested('limits: { packet_bytes: 1 }'), 'did you mean limits.packetBytes?')
    assert.equal(suggested('datadir: x'), 'did you mean dataDir?')
    assert.equal(suggested('mqttPort: 1'), 'did you mean mqtt.port?')
    assert.equal(suggested('jwtSecret: x'), 'did you mean auth.jwtSecret?')
    assert.equal(suggested('port: 1'), 'did you mean mqtt.port or mqtts.port or http.port or https.port?')
    assert.match(suggested('mqtt.port: 1') ?? '', /nest it/)
    assert.match(suggested('zigbee: 1') ?? '', /docs\/configuration.md/)
  })

  it('says so where a section is one value, or the whole file is', () => {
    assert.match(faultsIn('mqtt: 1883')[0]?.remedy ?? '', /port/)
    assert.match(faultsIn('- a\n- b\n')[0]?.message ?? '', /must be a group of keys, not a list/)
    assert.match(faultsIn('just text')[0]?.message ?? '', /must be a group of keys/)
  })

  it('knows names that JavaScript knows too only as unknown keys', () => {
    const faults = faultsIn('__proto__: { polluted: 1 }\nconstructor: 1\nmqtt: { __proto__: { port: 9 }, toString: 1 }\nchannels: { __proto__: { topic: x }, constructor: off }\n')
    assert.deepEqual(faults.map(({ path }) => path), ['__proto__', 'constructor', 'mqtt.__proto__', 'mqtt.toString', 'channels.constructor', 'channels.__proto__.topic'])
    assert.equal(({} as { polluted?: number }).polluted, undefined)
  })
})
