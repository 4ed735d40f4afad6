import { basename, resolve } from 'node:path'
import { shown } from './check.ts'
import { pathName } from './fault.ts'
import type { Fault } from './fault.ts'
import { isKey } from './key.ts'
import type { Declarations } from './key.ts'
import { parseYaml } from './parse-yaml.ts'
import type { ParsedYaml } from './parse-yaml.ts'
import { isRecord } from './record.ts'
import { declarations } from './schema.ts'
import { suggestKey } from './suggest.ts'
import type { Layer, Written } from './written.ts'

const defaultFile = 'foyer.config.yaml'

export interface FileLayer {
  readonly layer: Layer
  readonly faults: readonly Fault[]
  /** The file that was read. */
  readonly file: string | null
}

/** Reads the file that was named, or `foyer.config.yaml` if there is one. */
export function fromFile (named: string | null, cwd: string, readFile: (path: string) => string): FileLayer {
  const path = resolve(cwd, named ?? defaultFile)
  const source = named ?? basename(path)
  let text: string
  try {
    text = readFile(path)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    if (named === null && code === 'ENOENT') return { layer: new Map(), faults: [], file: null }
    const message = code === 'ENOENT' ? `does not exist in ${cwd}` : `can't be read: ${code}`
    return { layer: new Map(), faults: [{ path: source, message, remedy: 'name a YAML file that Foyer may read with --config', source: named === null ? source : '--config' }], file: path }
  }
  const yaml = parseYaml(text, source)
  const faults = [...yaml.faults]
  const layer = new Map<string, Written>()
  if (isRecord(yaml.value)) pick(declarations, yaml.value, [], yaml, layer, faults)
  else if (yaml.value !== undefined && yaml.value !== null) {
    faults.push({ path: source, message: `must be a group of keys, not ${shown(yaml.value)}`, remedy: 'write keys as in docs/configuration.md, such as "host: 127.0.0.1"', source: yaml.sourceOf([]) })
  }
  return { layer, faults, file: path }
}

function pick (declared: Declarations, group: Readonly<Record<string, unknown>>, above: readonly string[], yaml: ParsedYaml, layer: Map<string, Written>, faults: Fault[]): void {
  const known = new Map(Object.entries(declared))
  for (const [step, value] of Object.entries(group)) {
    const path = [...above, step]
    const entry = known.get(step)
    const fault = (message: string, remedy: string): void => {
      faults.push({ path: pathName(path), message, remedy, source: yaml.sourceOf(path) })
    }
    if (entry === undefined) fault('is unknown', suggestKey(path))
    // A section, a list or a map of which every line is commented out is null.
    else if (value === null && (!isKey(entry) || isGroup(entry.fallback))) continue
    else if (isKey(entry)) layer.set(path.join('.'), { value, sourceOf: (inside) => yaml.sourceOf([...path, ...inside]) })
    else if (isRecord(value)) pick(entry.keys, value, path, yaml, layer, faults)
    else fault(`must be a group of keys, not ${Array.isArray(value) ? 'a list' : 'one value'}`, `indent its keys below it: ${Object.keys(entry.keys).slice(0, 4).join(', ')}`)
  }
}

function isGroup (fallback: unknown): boolean {
  return typeof fallback === 'object' && fallback !== null
}
