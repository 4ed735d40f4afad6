import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ConfigError } from '../../config/fault.ts'
import type { Fault } from '../../config/fault.ts'
import { loadConfig } from '../../config/load.ts'
import type { Loaded, LoadOptions } from '../../config/load.ts'

/** Inside a `describe`: makes folders with files, and removes them after each test. */
export function useFolders (): (files?: Readonly<Record<string, string>>) => string {
  const made: string[] = []
  afterEach(() => {
    for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true })
  })
  return (files = {}) => {
    const path = mkdtempSync(join(tmpdir(), 'foyer-config-'))
    made.push(path)
    for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text)
    return path
  }
}

/** Loads with nothing given but what is given. */
export function load (cwd: string, given: Partial<LoadOptions> = {}): Loaded {
  return loadConfig({ flags: {}, env: {}, file: null, ...given, cwd })
}

/** The faults of loading; none if it succeeds. */
export function faultsOf (cwd: string, given: Partial<LoadOptions> = {}): readonly Fault[] {
  try {
    load(cwd, given)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
}
