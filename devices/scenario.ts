import { z } from 'zod'
import { parseDuration } from '../protocol/duration.ts'
import { roomFault, subFault } from '../protocol/names.ts'
import { kinds } from './kinds/index.ts'

/** A device that is to be simulated. */
export interface Entry {
  /** Its `sub`, and its level in topics. */
  readonly name: string
  readonly room: string
  readonly kind: string
  /** Milliseconds between its readings. */
  readonly every: number
  readonly qos: 0 | 1
}

export interface Scenario {
  readonly seed: number
  /** Simulated seconds per second. */
  readonly speed: number
  readonly devices: readonly Entry[]
}

/** Something wrong with a scenario. */
export interface ScenarioFault {
  readonly path: readonly (string | number)[]
  readonly message: string
  readonly remedy: string
}

/** More would not fit into one process. */
export const MOST_DEVICES = 10_000

const entrySchema = z.strictObject({
  kind: z.enum([...kinds.keys()], { error: `is one of ${[...kinds.keys()].join(', ')}` }),
  count: whole(1, MOST_DEVICES).default(1),
  every: z.string({ error: 'is a duration like 10s' }).transform((text, context) => {
    const ms = parseDuration(text)
    if (ms !== null && ms >= 100 && ms <= 86_400_000) return ms
    context.addIssue({ code: 'custom', message: 'is a duration from 100ms to 24h, like 10s' })
    return z.NEVER
  }).optional(),
  qos: z.union([z.literal(0), z.literal(1)], { error: 'is 0 or 1' }).optional(),
  name: z.string({ error: 'is text' }).optional()
}, { error: 'is the name of a kind, or a mapping with the keys kind, count, every, qos and name' })

const listSchema = z.array(z.preprocess(entry => typeof entry === 'string' ? { kind: entry } : entry, entrySchema), { error: 'is a list of devices' }).nullable()

const scenarioSchema = z.strictObject({
  seed: whole(0, Number.MAX_SAFE_INTEGER).default(1),
  speed: z.number({ error: 'is a number from 0.1 to 1000' }).min(0.1, 'is a number from 0.1 to 1000').max(1_000, 'is a number from 0.1 to 1000').default(1),
  rooms: z.custom<object>(value => typeof value === 'object' && value !== null && !Array.isArray(value), 'is a mapping from rooms to lists of devices')
}, { error: 'is a mapping with the keys rooms, seed and speed' })

function whole (least: number, most: number): z.ZodNumber {
  const error = `is a whole number from ${least} to ${most}`
  return z.int({ error }).min(least, error).max(most, error)
}

/** Checks what a scenario file says. Everything that is wrong with it is told at once. */
export function readScenario (value: unknown): Scenario | readonly ScenarioFault[] {
  const top = scenarioSchema.safeParse(value)
  if (!top.success) return top.error.issues.flatMap(issue => faultsOf(issue, []))
  const { seed, speed, rooms } = top.data
  const faults: ScenarioFault[] = []
  const found: { room: string, base: string, entry: z.infer<typeof entrySchema>, path: (string | number)[] }[] = []
  for (const [room, list] of Object.entries(rooms)) {
    const path = ['rooms', room]
    const fault = roomFault(room)
    if (fault !== null) faults.push({ path, message: fault, remedy: 'give the room another name' })
    const checked = listSchema.safeParse(list)
    if (checked.success) for (const [i, entry] of (checked.data ?? []).entries()) found.push({ room, base: entry.name ?? `${room}-${entry.kind}`, entry, path: [...path, i] })
    else faults.push(...checked.error.issues.flatMap(issue => faultsOf(issue, path)))
  }
  const sizes = new Map<string, number>()
  const total = found.reduce((sum, { entry }) => sum + entry.count, 0)
  if (total > MOST_DEVICES) faults.push({ path: ['rooms'], message: `has ${total} devices, and one process takes ${MOST_DEVICES}`, remedy: 'lower a count, or split the scenario' })
  else if (total === 0 && faults.length === 0) faults.push({ path: ['rooms'], message: 'has no devices', remedy: 'add one, like "kitchen: [lamp]"' })
  for (const { base, entry } of found) sizes.set(base, (sizes.get(base) ?? 0) + entry.count)
  if (faults.length > 0) return faults

  const devices: Entry[] = []
  const numbers = new Map<string, number>()
  const names = new Set<string>()
  for (const { room, base, entry, path } of found) {
    const { every, qos } = kinds.get(entry.kind)!
    for (let i = 0; i < entry.count; i++) {
      const number = (numbers.get(base) ?? 0) + 1
      numbers.set(base, number)
      const name = sizes.get(base) === 1 ? base : `${base}-${number}`
      const fault = subFault(name)?.replace('sub', 'the name of a device') ?? (names.has(name) ? `there is another device called ${name}` : null)
      if (fault !== null) return [...faults, { path, message: fault, remedy: 'give it another name' }]
      names.add(name)
      devices.push({ name, room, kind: entry.kind, every: entry.every ?? every, qos: entry.qos ?? qos })
    }
  }
  return { seed, speed, devices }
}

function faultsOf (issue: z.core.$ZodIssue, path: readonly (string | number)[]): ScenarioFault[] {
  const at = [...path, ...issue.path as (string | number)[]]
  if (issue.code === 'unrecognized_keys') return issue.keys.map(key => ({ path: [...at, key], message: 'is no key of a scenario', remedy: `here are ${at.length === 0 ? 'seed, speed and rooms' : 'kind, count, every, qos and name'}` }))
  return [{ path: at, message: issue.message, remedy: at.at(-1) === 'rooms' && issue.code === 'custom' ? 'write for instance "rooms: { kitchen: [lamp] }"' : 'correct it' }]
}

/**
 * A scenario with another number of devices: of a larger one as many as are asked for, evenly taken; of a smaller one
 * copies, each in rooms of its own, so that rooms stay as large as they are. Throws an Error when a name gets too long.
 */
export function scaled (scenario: Scenario, count: number): Scenario {
  const { devices } = scenario
  if (count <= devices.length) return { ...scenario, devices: Array.from({ length: count }, (_, i) => devices[Math.floor(i * devices.length / count)]!) }
  const names = new Set(devices.map(({ name }) => name))
  return {
    ...scenario,
    devices: Array.from({ length: count }, (_, i) => {
      const device = devices[i % devices.length]!
      const copy = Math.floor(i / devices.length) + 1
      if (copy === 1) return device
      const [room, name] = [`${device.room}-${copy}`, `${device.name}-c${copy}`]
      const fault = roomFault(room) ?? subFault(name) ?? (names.has(name) ? `there would be two devices called ${name}` : null)
      if (fault !== null) throw new Error(`${count} devices can't be made of ${devices.length}: ${fault}`)
      names.add(name)
      return { ...device, room, name }
    })
  }
}
