import assert from 'node:assert/strict'
import type { Fault } from '../../config/fault.ts'
import { scryptHashFault } from '../../config/scrypt-hash.ts'
import { DEFAULT_CHANNELS } from '../../protocol/default-channels.ts'
import { faultsOf, load, useFolders } from './helper.ts'

const salt = Buffer.alloc(16, 1).toString('base64url')
const hash = `scrypt$16384$8$1$${salt}$${Buffer.alloc(32, 2).toString('base64url')}`

describe('users in the configuration', () => {
  const folder = useFolders()
  const faultsWith = (...users: unknown[]): readonly Fault[] => faultsOf(folder(), { flags: { 'auth.users': users } })

  it('have a name, a hash, rooms, and may be admins', () => {
    const cwd = folder({ 'foyer.config.yaml': `auth:\n  users:\n    - { name: sensor-7, hash: ${hash}, rooms: { kitchen: device, acme.*: owner, "*": listener } }\n    - { name: root, hash: "${hash}", rooms: {}, admin: true }\n` })
    assert.deepEqual(load(cwd).config.auth.users, [
      { name: 'sensor-7', hash, rooms: { kitchen: 'device', 'acme.*': 'owner', '*': 'listener' }, admin: false },
      { name: 'root', hash, rooms: {}, admin: true }
    ])
  })

  it('are checked key by key, each with its line', () => {
    const cwd = folder({ 'foyer.config.yaml': 'auth:\n  users:\n    - name: a\n      hash: plain\n      room: {}\n      rooms:\n        kitchen: boss\n        "a b": owner\n' })
    assert.deepEqual(faultsOf(cwd).map(({ path, source }) => `${path} ${source.split(':')[1]}`), ['auth.users[0].room 5', 'auth.users[0].hash 4', 'auth.users[0].rooms.kitchen 7', 'auth.users[0].rooms["a b"] 8'])
  })

  it('have names of their own', () => {
    const user = { name: 'a', hash, rooms: {} }
    const faults = faultsWith(user, { ...user, name: 'b' }, user)
    assert.deepEqual(faults.map(({ path, message }) => [path, message]), [['auth.users[2].name', 'is the name of auth.users[0] too']])
    assert.deepEqual(faultsWith({ hash, rooms: {} }).map(({ path, message }) => [path, message]), [['auth.users[0].name', 'is missing']])
    assert.equal(faultsWith({ ...user, name: 'é'.repeat(65) }).length, 1)
  })

  it('may have a room that is called like a part of JavaScript', () => {
    const cwd = folder({ 'foyer.config.yaml': `auth: { users: [{ name: a, hash: "${hash}", rooms: { __proto__: owner, constructor: device } }] }\n` })
    const rooms = load(cwd).config.auth.users[0]?.rooms
    assert.deepEqual(Object.entries(rooms!), [['__proto__', 'owner'], ['constructor', 'device']])
    assert.equal(Object.getPrototypeOf(rooms), Object.prototype)
  })

  it('have hashes whose cost is bounded', () => {
    assert.equal(scryptHashFault(hash), null)
    const key = hash.slice(hash.lastIndexOf('$') + 1)
    for (const bad of ['', 'x', `bcrypt$16384$8$1$${salt}$${key}`, `scrypt$16383$8$1$${salt}$${key}`, `scrypt$16384$0$1$${salt}$${key}`, `scrypt$1048576$16$1$${salt}$${key}`, `scrypt$16384$8$65$${salt}$${key}`, `scrypt$16384$8$1$AAAA$${key}`, `scrypt$16384$8$1$${salt}$AAAA`, `${hash}=`, `${hash}\n`]) {
      assert.notEqual(scryptHashFault(bad), null, bad)
    }
  })
})

describe('channels in the configuration', () => {
  const folder = useFolders()
  const faultsWith = (channels: unknown): readonly Fault[] => faultsOf(folder(), { flags: { channels } })

  it('merge into the defaults, the user\'s first', () => {
    const cwd = folder({ 'foyer.config.yaml': 'channels:\n  zigbee: { topic: "zigbee2mqtt/{name...}", room: home, maxBytes: 1KiB, publish: [device, owner] }\n  live: off\n  results: false\n  state: { echo: false }\n' })
    const { channels } = load(cwd).config
    assert.deepEqual(channels.map(({ name }) => name), ['zigbee', 'state', 'messages', 'telemetry', 'commands', 'presence', 'roster'])
    assert.deepEqual([channels[0]?.room, channels[0]?.maxBytes, channels[0]?.publish], ['home', 1024, ['device', 'owner']])
    assert.deepEqual(channels[1], { ...DEFAULT_CHANNELS.find(({ name }) => name === 'state'), echo: false })
  })

  it('are checked key by key, and each channel as a whole', () => {
    const cwd = folder({ 'foyer.config.yaml': 'channels:\n  mesages: off\n  notes:\n    topic: "rooms/{room}/notes"\n    qos: 3\n    retian: never\n    publish: [boss]\n  open: { topic: "a/#", room: x }\n  live: 5\n  bare: {}\n' })
    const faults = faultsOf(cwd)
    assert.deepEqual(faults.map(({ path, source }) => `${path} ${source.split(':')[1]}`), ['channels.mesages 2', 'channels.notes.retian 6', 'channels.notes.qos 5', 'channels.notes.publish[0] 7', 'channels.live 9', 'channels.open.topic 8', 'channels.bare.topic 10', 'channels.bare.topic 10'])
    assert.equal(faults.find(({ path }) => path === 'channels.mesages')?.remedy, 'did you mean messages?')
    assert.equal(faults.find(({ path }) => path === 'channels.notes.retian')?.remedy, 'did you mean retain?')
  })

  it('have names that fit into labels and file names', () => {
    for (const name of ['', 'a b', 'a/b', '$x', 'x'.repeat(65)]) assert.equal(faultsWith({ [name]: { topic: 'rooms/{room}/x' } }).length, 1, name)
    assert.deepEqual(faultsWith({ constructor: { topic: 'rooms/{room}/x' } }), [])
  })

  it('are not judged as a whole while a key is wrong', () => {
    assert.deepEqual(faultsWith({ notes: { topic: 5 } }).map(({ path, message }) => [path, message]), [['channels.notes.topic', 'must be text, not 5']])
  })

  it('are a map', () => {
    assert.match(faultsWith(['messages'])[0]?.message ?? '', /must be a map/)
  })
})
