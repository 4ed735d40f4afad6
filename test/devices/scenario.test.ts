import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { parse } from 'yaml'
import { defaultScenario, readScenario, scaled, type Scenario } from '../../devices/index.ts'

function read (yaml: string): Scenario {
  const scenario = readScenario(parse(yaml))
  assert.ok('devices' in scenario, JSON.stringify(scenario))
  return scenario
}

function faults (yaml: string): string[] {
  const found = readScenario(parse(yaml))
  assert.ok(!('devices' in found))
  return found.map(({ path, message }) => `${path.join('.')} ${message}`)
}

describe('scenarios', () => {
  it('have by default 20 devices in 4 rooms, some at QoS 0 and some at 1', () => {
    const { devices, seed, speed } = readScenario(defaultScenario) as Scenario
    assert.equal(devices.length, 20)
    assert.equal(new Set(devices.map(({ room }) => room)).size, 4)
    assert.equal(new Set(devices.map(({ name }) => name)).size, 20)
    assert.deepEqual(new Set(devices.map(({ qos }) => qos)), new Set([0, 1]))
    assert.deepEqual([seed, speed], [1, 1])
  })

  it('say rooms, kinds, counts, intervals, QoS and names', () => {
    const { devices, seed, speed } = read(`
seed: 7
speed: 60
rooms:
  kitchen:
    - lamp
    - { kind: temperature, count: 2, every: 500ms, qos: 1 }
    - { kind: power, name: meter }
  hall: []
  __proto__: [lamp]
`)
    assert.deepEqual([seed, speed], [7, 60])
    assert.deepEqual(devices.map(({ name, room, kind, every, qos }) => [name, room, kind, every, qos]), [
      ['kitchen-lamp', 'kitchen', 'lamp', 30_000, 0],
      ['kitchen-temperature-1', 'kitchen', 'temperature', 500, 1],
      ['kitchen-temperature-2', 'kitchen', 'temperature', 500, 1],
      ['meter', 'kitchen', 'power', 10_000, 1],
      ['__proto__-lamp', '__proto__', 'lamp', 30_000, 0]
    ])
  })

  it('say everything that is wrong with them, with one sentence each', () => {
    assert.deepEqual(faults('just text'), [' is a mapping with the keys rooms, seed and speed'])
    assert.deepEqual(faults('seed: 1'), ['rooms is a mapping from rooms to lists of devices'])
    assert.deepEqual(faults('rooms: {}'), ['rooms has no devices'])
    assert.deepEqual(faults('{ rooms: { hall: [lamp] }, sped: 2, seed: -1 }'), ['seed is a whole number from 0 to 9007199254740991', 'sped is no key of a scenario'])
    assert.deepEqual(faults(`
speed: 1
rooms:
  "a room": [lamp]
  hall: lamp
  kitchen:
    - termometer
    - { kind: lamp, count: 0, every: 10, qos: 2 }
    - { kind: lamp, every: 1ms, colour: red }
    - 5
`), [
      'rooms.a room a room name is made of A-Z, a-z, 0-9 and . _ ~ -',
      'rooms.hall is a list of devices',
      'rooms.kitchen.0.kind is one of temperature, humidity, co2, motion, door, power, lamp, thermostat',
      'rooms.kitchen.1.count is a whole number from 1 to 10000',
      'rooms.kitchen.1.every is a duration like 10s',
      'rooms.kitchen.1.qos is 0 or 1',
      'rooms.kitchen.2.every is a duration from 100ms to 24h, like 10s',
      'rooms.kitchen.2.colour is no key of a scenario',
      'rooms.kitchen.3 is the name of a kind, or a mapping with the keys kind, count, every, qos and name'
    ])
    assert.deepEqual(faults('rooms: { hall: [{ kind: lamp, count: 9999 }, { kind: door, count: 2 }] }'), ['rooms has 10001 devices, and one process takes 10000'])
    assert.deepEqual(faults('rooms: { hall: [{ kind: lamp, count: 2, name: x }, { kind: lamp, name: x-1 }] }'), ['rooms.hall.1 there is another device called x-1'])
    assert.deepEqual(faults(`rooms: { hall: [{ kind: lamp, name: "${'x'.repeat(129)}" }] }`), ['rooms.hall.0 the name of a device has at most 128 bytes'])
  })

  it('are scaled by copies in rooms of their own, and down evenly', () => {
    const scenario = readScenario(defaultScenario) as Scenario
    const many = scaled(scenario, 2000)
    assert.equal(new Set(many.devices.map(({ name }) => name)).size, 2000)
    const rooms = new Map<string, number>()
    for (const { room } of many.devices) rooms.set(room, (rooms.get(room) ?? 0) + 1)
    assert.equal(rooms.size, 400)
    assert.ok(Math.max(...rooms.values()) <= 6, 'rooms stay as large as they are')
    assert.deepEqual(many.devices.slice(0, 20), scenario.devices)
    assert.deepEqual(scaled(scenario, 4).devices.map(({ name }) => name), ['living-room-temperature', 'living-room-lamp', 'kitchen-meter', 'front-door'])
    assert.equal(scaled(scenario, 20).devices.length, 20)
    assert.throws(() => scaled(read(`rooms: { ${'r'.repeat(63)}: [lamp] }`), 2), { message: '2 devices can\'t be made of 1: a room name has at most 64 characters' })
    assert.throws(() => scaled(read('rooms: { hall: [{ kind: lamp, name: a }, { kind: lamp, name: a-c2 }] }'), 4), { message: '4 devices can\'t be made of 2: there would be two devices called a-c2' })
  })
})
