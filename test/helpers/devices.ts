import assert from 'node:assert/strict'
import type { Client } from '../../client/index.ts'
import { Fleet, readScenario, type Counters, type Scenario } from '../../devices/index.ts'
import { FOYER, Running } from './cli-run.ts'
import { SECRET } from './foyer.ts'
import type { Teardown } from './teardown.ts'

/** What `foyer devices` counted, as its last line says. */
export type Counted = Record<Exclude<keyof Counters, 'connected'>, number>

/** `foyer devices` as a process of its own, which mints its tokens with the secret of the tests. */
export function runDevices (t: Teardown, flags: readonly string[]): Running {
  return new Running(t, [...FOYER, 'devices', ...flags], { env: { FOYER_JWT_SECRET: SECRET } })
}

export function lastCounters (stdout: string): Counted {
  const line = stdout.trimEnd().split('\n').at(-1)!
  assert.match(line, /^ended after \d+ s: /)
  return Object.fromEntries(Array.from(line.matchAll(/(\d+) ([a-z]+)(?=,|$)/g), ([, count, name]) => [name!, Number(count)])) as Counted
}

export interface FleetErrors {
  readonly errors: string[]
  readonly lost: string[]
}

/** A fleet in this process, each device with the token that `token` makes for it. */
export async function newFleet (t: Teardown, rooms: object, { url, token, keepalive = 30, onLost = () => {} }: { url: string, token: (sub: string, rooms: Record<string, string>) => string, keepalive?: number, onLost?: () => void }): Promise<{ fleet: Fleet } & FleetErrors> {
  const errors: string[] = []
  const lost: string[] = []
  const fleet = new Fleet({
    scenario: readScenario({ rooms }) as Scenario,
    connection: ({ name, room }) => ({ url, keepalive, token: token(name, { [room]: 'device' }) }),
    onError: ({ code, message }, { name }) => errors.push(`${name}: ${message} [${code}]`),
    onLost: ({ code }, { name }) => {
      lost.push(`${name} [${code}]`)
      onLost()
    },
    onEmpty: ({ code }) => errors.push(`nobody is left [${code}]`)
  })
  t.after(() => fleet.stop())
  await fleet.open()
  await fleet.filled()
  return { fleet, errors, lost }
}

/** Tells a thermostat to get warmer by a tenth, so often, and returns the targets of its results, in the order of the commands. */
export function adjust (client: Client, room: string, device: string, times: number): Promise<number[]> {
  return client.join(room).then(joined => Promise.all(Array.from({ length: times }, async () => {
    const { payload } = await joined.command(device, { adjust: 0.1 }, { timeout: 60_000 })
    return (payload as { target: number }).target
  })))
}
