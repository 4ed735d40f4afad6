import { isKey } from './key.ts'
import type { Declarations, Key } from './key.ts'
import { declarations } from './schema.ts'

/** A declared key with the names under which it can be given. */
export interface ListedKey {
  readonly path: readonly string[]
  /** `mqtt.port` */
  readonly name: string
  readonly key: Key<unknown>
  /** `FOYER_MQTT_PORT`; `null` where one line of text can't hold the value. */
  readonly env: string | null
  /** `--mqtt-port`, the environment name in the manner of flags. */
  readonly flag: string
}

/** Every key by its name, in the order of the declarations. */
export const keyList: ReadonlyMap<string, ListedKey> = new Map([...list(declarations, [])].map((listed) => [listed.name, listed]))

function * list (declared: Declarations, above: readonly string[]): Generator<ListedKey> {
  for (const [step, entry] of Object.entries(declared)) {
    const path = [...above, step]
    if (!isKey(entry)) {
      yield * list(entry.keys, path)
      continue
    }
    const env = entry.env ?? `FOYER_${path.map(upperSnake).join('_')}`
    const flag = `--${env.slice('FOYER_'.length).toLowerCase().replaceAll('_', '-')}`
    yield { path, name: path.join('.'), key: entry, env: entry.kind.fromText === null ? null : env, flag }
  }
}

function upperSnake (name: string): string {
  return name.replace(/[A-Z]/g, '_$&').toUpperCase()
}
