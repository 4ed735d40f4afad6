import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { kinds } from '../../devices/kinds/index.ts'
import { HYSTERESIS } from '../../devices/kinds/thermostat.ts'
import type { Model } from '../../devices/model.ts'
import { HOUR, MINUTE, SECOND } from '../../devices/signals/time.ts'

const NOON = Date.UTC(2026, 0, 20, 12)

function order (model: Model, members: object, time = NOON): object {
  return model.command!(new Map(Object.entries(members)), time)
}

function reading (model: Model, metric: string, time: number): number {
  return model.readings(time).find(reading => reading.metric === metric)!.value
}

/** What the server adds to a command. */
const STAMPS = { id: 'A5NEsEdlEk--', ref: 'mine', room: 'hall', sender: 'ann', timestamp: '2026-01-20T12:00:00.000Z' }

describe('simulated devices', () => {
  for (const [name, kind] of kinds) {
    it(`measure numbers and have a small state (${name})`, () => {
      fc.assert(fc.property(fc.nat(), fc.nat(30 * 24 * 60), (seed, minutes) => {
        const [model, again] = [kind.create(seed, 'hall', 'one'), kind.create(seed, 'hall', 'one')]
        for (const time of [NOON + minutes * MINUTE, NOON + minutes * MINUTE + kind.every]) {
          const readings = model.readings(time)
          assert.ok(readings.length > 0 && readings.every(({ value }) => Number.isFinite(value)))
          assert.ok(JSON.stringify(model.state(time)).length < 100)
          assert.deepEqual(again.readings(time), readings)
        }
      }), { numRuns: 30 })
    })
  }

  it('tell of a door when it opens and closes', () => {
    const door = kinds.get('door')!.create(1, 'hall', 'front-door')
    const opens = door.next!(NOON)
    assert.deepEqual(door.state(opens - 1), { open: false })
    assert.deepEqual(door.state(opens), { open: true })
    assert.equal(reading(door, 'open', opens), 1)
    const closes = door.next!(opens)
    assert.equal(reading(door, 'open', closes), 0)
  })
})

describe('a simulated lamp', () => {
  const lamp = (): Model => kinds.get('lamp')!.create(1, 'hall', 'lamp')

  it('does what it is told, and uses power accordingly', () => {
    const model = lamp()
    assert.deepEqual(model.state(NOON), { on: false, brightness: 100 })
    const off = reading(model, 'power', NOON)
    assert.deepEqual(order(model, { on: true, ...STAMPS }), { on: true, brightness: 100 })
    const full = reading(model, 'power', NOON)
    assert.deepEqual(order(model, { brightness: 50 }), { on: true, brightness: 50 })
    const half = reading(model, 'power', NOON)
    assert.ok(off < half && half < full)
    assert.deepEqual(order(model, { toggle: true }), { on: false, brightness: 50 })
    assert.equal(reading(model, 'power', NOON), off)
    assert.deepEqual(order(model, { on: false, brightness: 70 }), { on: false, brightness: 70 })
  })

  it('says what makes no sense, and does nothing of it', () => {
    const model = lamp()
    for (const [members, message] of [
      [{}, 'it says nothing to do: it takes on, toggle, brightness'],
      [STAMPS, 'it says nothing to do: it takes on, toggle, brightness'],
      [{ on: 'yes' }, 'on is true or false, not "yes"'],
      [{ on: true, brightness: 0 }, 'brightness is a number from 1 to 100, not 0'],
      [{ on: true, brightness: null }, 'brightness is a number from 1 to 100, not null'],
      [{ on: true, toggle: true }, 'on says what to be and toggle to be the other one: one of them'],
      [{ toggle: false }, 'toggle can only be true, not false'],
      [{ on: true, colour: 'red' }, 'it knows nothing of "colour": it takes on, toggle, brightness'],
      [{ text: 'on' }, 'it knows nothing of "text": it takes on, toggle, brightness']
    ] as const) {
      assert.throws(() => order(model, members), { message })
      assert.deepEqual(model.state(NOON), { on: false, brightness: 100 })
    }
  })
})

describe('a simulated thermostat', () => {
  const thermostat = (seed = 1): Model => kinds.get('thermostat')!.create(seed, 'hall', 'thermostat')

  it('brings its room to the target in hours, keeps it there, and lets it cool down slowly', () => {
    fc.assert(fc.property(fc.nat(), fc.integer({ min: 22, max: 24 }), (seed, target) => {
      const model = thermostat(seed)
      order(model, { target })
      let [last, time] = [reading(model, 'temperature', NOON), NOON]
      for (; time < NOON + 6 * HOUR; time += 10 * SECOND) {
        const temperature = reading(model, 'temperature', time)
        assert.ok(Math.abs(temperature - last) < 0.05, `from ${last} to ${temperature} in 10 s`)
        last = temperature
      }
      // It takes hours, and then swings around it.
      assert.ok(Math.abs(last - target) < HYSTERESIS + 0.1, `${last} instead of ${target}`)
      order(model, { mode: 'off' }, time)
      assert.equal(reading(model, 'heating', time + MINUTE), 0)
      const later = reading(model, 'temperature', time + 3 * HOUR)
      assert.ok(later < last && later > last - 12)
    }), { numRuns: 25 })
  })

  it('has a state that shows what it was told', () => {
    const model = thermostat()
    assert.deepEqual(model.state(NOON), { target: 20, mode: 'heat', heating: true })
    const result = order(model, { target: 6.5, ...STAMPS }) as { temperature: number }
    assert.deepEqual(result, { target: 6.5, mode: 'heat', temperature: reading(model, 'temperature', NOON) })
    assert.deepEqual(model.state(NOON), { target: 6.5, mode: 'heat', heating: false })
    order(model, { adjust: 0.1 })
    order(model, { adjust: 0.1, mode: 'off' })
    assert.deepEqual(model.state(NOON), { target: 6.7, mode: 'off', heating: false })
  })

  it('says what makes no sense, and does nothing of it', () => {
    const model = thermostat()
    for (const [members, message] of [
      [{ target: 40 }, 'target is a number from 5 to 30, not 40'],
      [{ target: '21' }, 'target is a number from 5 to 30, not "21"'],
      [{ mode: 'cool' }, 'mode is one of heat, off, not "cool"'],
      [{ target: 20, adjust: 1 }, 'target says how warm and adjust by how much to change that: one of them'],
      [{ mode: 'off', adjust: 99 }, 'adjust is a number from -5 to 5, not 99']
    ] as const) assert.throws(() => order(model, members), { message })
    order(model, { target: 29 })
    assert.throws(() => order(model, { adjust: 2 }), { message: 'the target would be 31, and it is a number from 5 to 30' })
    assert.deepEqual(model.state(NOON), { target: 29, mode: 'heat', heating: true })
  })

  it('makes little of a long pause', () => {
    const model = thermostat()
    reading(model, 'temperature', NOON)
    const temperature = reading(model, 'temperature', NOON + 3650 * 24 * HOUR)
    assert.ok(temperature > 5 && temperature < 30)
  })
})
