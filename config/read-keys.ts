import { check } from './check.ts'
import { pathName } from './fault.ts'
import type { Fault } from './fault.ts'
import { keyList } from './key-list.ts'
import type { Config } from './schema.ts'
import type { Layer } from './written.ts'

/** Reads every key on its own; one that can't be read has its default, and its name is in `faulty`. */
export function readKeys (layer: Layer, faults: Fault[]): { draft: Config, faulty: ReadonlySet<string> } {
  const faulty = new Set<string>()
  const draft: Record<string, unknown> = {}
  for (const { name, path, key } of keyList.values()) {
    const given = layer.get(name)
    const checked = given === undefined ? { problems: [] } : check(key, given.value)
    if ('value' in checked) {
      assign(draft, path, checked.value)
      continue
    }
    assign(draft, path, key.kind.schema.parse(key.fallback))
    if (given === undefined) continue
    faulty.add(name)
    for (const problem of checked.problems) {
      faults.push({ path: pathName([...path, ...problem.path]), message: problem.message, remedy: problem.remedy, source: given.sourceOf(problem.path) })
    }
  }
  // The declarations that were walked are the ones that Config is derived from.
  return { draft: draft as Config, faulty }
}

/** `path` comes from the declarations, never from outside. */
function assign (target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [step, ...rest] = path
  if (rest.length === 0) target[step!] = value
  else assign((target[step!] ??= {}) as Record<string, unknown>, rest, value)
}
