import { pathName } from './fault.ts'
import type { Fault } from './fault.ts'
import { keyList } from './key-list.ts'
import { suggestKey } from './suggest.ts'
import { written } from './written.ts'
import type { Layer } from './written.ts'

/** By name of key, `mqtt.port`; text as it came from the command line, or the value itself. */
export type Flags = Readonly<Record<string, unknown>>

export function fromFlags (flags: Flags): { layer: Layer, faults: readonly Fault[] } {
  const layer = new Map<string, ReturnType<typeof written>>()
  const faults: Fault[] = []
  for (const [name, value] of Object.entries(flags)) {
    const listed = keyList.get(name)
    if (value === undefined) continue
    if (listed === undefined) faults.push({ path: pathName([name]), message: 'is unknown', remedy: suggestKey(name.split('.')), source: 'command line' })
    else layer.set(name, written(typeof value === 'string' && listed.key.kind.fromText !== null ? listed.key.kind.fromText(value) : value, listed.flag))
  }
  return { layer, faults }
}
