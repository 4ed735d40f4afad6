import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Inside a `describe`: makes folders that are removed after it. Put it after what uses them, to be removed last. */
export function useFolder (): () => string {
  const made: string[] = []
  after(() => {
    for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true })
  })
  return () => {
    const path = mkdtempSync(join(tmpdir(), 'foyer-bridge-'))
    made.push(path)
    return path
  }
}
