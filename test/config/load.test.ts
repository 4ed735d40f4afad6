import assert from 'node:assert/strict'
import { join } from 'node:path'
import { ConfigError, formatFaults } from '../../config/fault.ts'
import { loadConfig } from '../../config/load.ts'
import { DEFAULT_CHANNELS } from '../../protocol/default-channels.ts'
import { faultsOf, load, useFolders } from './helper.ts'

describe('loading the configuration', () => {
  const folder = useFolders()

  it('needs nothing: every key has its default', () => {
    const cwd = folder()
    const { config, warnings, sources } = load(cwd)
    assert.deepEqual(warnings, [])
    assert.deepEqual(sources, { file: null })
    assert.equal(config.host, '127.0.0.1')
    assert.deepEqual([config.mqtt.port, config.mqtts.port, config.http.port, config.https.port], [1883, null, 8080, null])
    assert.equal(config.dataDir, join(cwd, 'data'))
    assert.equal(config.auth.clockTolerance, 5_000)
    assert.equal(config.sessions.expiry, 7 * 86_400_000)
    assert.equal(config.limits.packetBytes, 262_144)
    assert.deepEqual(config.channels, DEFAULT_CHANNELS)
  })

  it('lets flags beat the environment, that the file, and that the default', () => {
    const cwd = folder({ 'foyer.config.yaml': 'mqtt: { port: 1001 }\nhttp: { port: 1002 }\nlog: { level: warn }\n' })
    const env = { FOYER_MQTT_PORT: '2001', FOYER_HTTP_PORT: '2002' }
    const { config, sources } = load(cwd, { env, flags: { 'mqtt.port': '3001', insecure: undefined } })
    assert.deepEqual([config.mqtt.port, config.http.port, config.log.level, config.mqtts.port], [3001, 2002, 'warn', null])
    assert.equal(sources.file, join(cwd, 'foyer.config.yaml'))
  })

  it('reports everything that is wrong at once, each with its place and a remedy', () => {
    const cwd = folder({ 'foyer.config.yaml': 'mqtt:\n  prot: 1884\nlimits:\n  inflight: many\nauth:\n  jwtSecret: tooshort\n' })
    const faults = faultsOf(cwd, { env: { FOYER_HTTP_PORT: 'http' }, flags: { 'limits.subscriptions': '0', 'queue.byts': 1 } })
    assert.deepEqual(faults.map(({ path, source }) => [path, source]).sort(), [
      ['auth.jwtSecret', 'foyer.config.yaml:6'],
      ['http.port', 'FOYER_HTTP_PORT'],
      ['limits.inflight', 'foyer.config.yaml:4'],
      ['limits.subscriptions', '--limits-subscriptions'],
      ['mqtt.prot', 'foyer.config.yaml:2'],
      ['queue.byts', 'command line']
    ])
    for (const { message, remedy } of faults) assert.ok(message !== '' && remedy !== '')
  })

  it('says each fault in one line', () => {
    const cwd = folder({ 'foyer.config.yaml': 'mqtt:\n  prot: 1884\nlimits:\n  inflight: many\n' })
    assert.throws(() => load(cwd), (error) => {
      assert.ok(error instanceof ConfigError)
      assert.equal(formatFaults(error), [
        'mqtt.prot: is unknown (foyer.config.yaml:2). did you mean mqtt.port?',
        'limits.inflight: must be a whole number from 1 to 65535, not "many" (foyer.config.yaml:4). correct it, or remove it for the default, 128'
      ].join('\n'))
      return true
    })
  })

  it('never repeats a secret', () => {
    const cwd = folder({ 'foyer.config.yaml': 'auth:\n  jwtSecret: hunter2\n  jwtPublicKey: [hunter2]\n  users:\n    - { name: a, hash: hunter2, rooms: {} }\n    - hunter2\n' })
    const text = JSON.stringify(faultsOf(cwd))
    assert.ok(text.includes('auth.jwtSecret') && text.includes('auth.users[0].hash'))
    assert.ok(!text.includes('hunter2'))
    for (const value of ['"x" hunter2', '|hunter2', '>hunter2', '*hunter2', '!hunter2 x', ']hunter2', '@hunter2', '{hunter2', 'a: hunter2']) {
      const faults = faultsOf(folder({ 'foyer.config.yaml': `auth:\n  jwtSecret: ${value}\n` }))
      assert.equal(faults.length, 1, value)
      assert.ok(!JSON.stringify(faults).includes('hunter2'), value)
    }
    const [number] = faultsOf(folder({ 'foyer.config.yaml': 'auth: { jwtSecret: 8675309 }\n' }))
    assert.equal(number?.message, 'must be a secret of at least 32 bytes')
  })

  it('freezes the configuration through and through', () => {
    const cwd = folder({ 'foyer.config.yaml': 'channels:\n  notes: { topic: "rooms/{room}/notes" }\n' })
    const { config } = load(cwd)
    assert.ok([config, config.mqtt, config.auth.users, config.channels, config.channels[0], config.channels[0]?.publish].every(Object.isFrozen))
    assert.throws(() => { (config as { host: string }).host = '0.0.0.0' }, TypeError)
  })

  it('takes values, not only text, from a caller in the same process', () => {
    const users = [{ name: 'a', hash: `scrypt$16384$8$1$${'A'.repeat(22)}$${'A'.repeat(43)}`, rooms: { '*': 'owner' } }]
    const { config } = load(folder(), { flags: { 'mqtt.port': 0, insecure: true, 'auth.users': users, channels: { live: 'off' } } })
    assert.equal(config.mqtt.port, 0)
    assert.equal(config.insecure, true)
    assert.equal(config.auth.users[0]?.rooms['*'], 'owner')
    assert.ok(!config.channels.some((channel) => channel.name === 'live'))
  })

  it('reads files through what it is given', () => {
    const { config } = loadConfig({ flags: {}, env: {}, file: null, cwd: '/nowhere', readFile: () => 'mqtt: { port: 5 }' })
    assert.equal(config.mqtt.port, 5)
  })
})
