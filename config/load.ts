import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { checkAuth } from './check-auth.ts'
import { checkInflux } from './check-influx.ts'
import { checkPorts } from './check-ports.ts'
import { checkRetention } from './check-retention.ts'
import { checkSizes } from './check-sizes.ts'
import { checkTls } from './check-tls.ts'
import type { Facts } from './facts.ts'
import { ConfigError } from './fault.ts'
import type { Fault } from './fault.ts'
import { deepFreeze } from './freeze.ts'
import { fromEnv } from './from-env.ts'
import type { Environment } from './from-env.ts'
import { fromFile } from './from-file.ts'
import { fromFlags } from './from-flags.ts'
import type { Flags } from './from-flags.ts'
import { publicKeyText } from './public-key.ts'
import { readKeys } from './read-keys.ts'
import type { Config } from './schema.ts'
import type { Layer } from './written.ts'

export interface LoadOptions {
  /** By name of key: `{ 'mqtt.port': '0' }`. */
  readonly flags: Flags
  readonly env: Environment
  /** The file that was asked for; `null` reads `foyer.config.yaml` in `cwd` if there is one. */
  readonly file: string | null
  /** What relative paths are relative to. */
  readonly cwd: string
  readonly readFile?: (path: string) => string
}

export interface Loaded {
  readonly config: Config
  /** For the log: nothing that stops Foyer, but probably not meant. */
  readonly warnings: readonly string[]
  readonly sources: { readonly file: string | null }
}

/** Reads the configuration: flags beat environment beats file beats default. Throws a ConfigError with everything that is wrong. */
export function loadConfig ({ flags, env, file, cwd, readFile = readText }: LoadOptions): Loaded {
  const byFlags = fromFlags(flags)
  const byEnv = fromEnv(env)
  const byFile = fromFile(file, cwd, readFile)
  const faults: Fault[] = [...byFlags.faults, ...byEnv.faults, ...byFile.faults]
  const warnings: string[] = [...byEnv.warnings]

  const layer: Layer = new Map([...byFile.layer, ...byEnv.layer, ...byFlags.layer])
  const { draft, faulty } = readKeys(layer, faults)
  const facts: Facts = {
    draft,
    isFaulty: (name) => faulty.has(name),
    sourceOf: (name, inside = []) => layer.get(name)?.sourceOf(inside) ?? 'default',
    resolve: (path) => resolve(cwd, path),
    readFile,
    fault: (fault) => faults.push(fault),
    warn: (warning) => warnings.push(warning)
  }
  checkPorts(facts)
  checkTls(facts)
  checkAuth(facts)
  checkSizes(facts)
  checkRetention(facts)
  checkInflux(facts)
  const jwtPublicKey = publicKeyText(facts)
  if (faults.length > 0) throw new ConfigError(faults)

  const absolute = (path: string | null): string | null => path === null ? null : resolve(cwd, path)
  const config: Config = deepFreeze({
    ...draft,
    dataDir: resolve(cwd, draft.dataDir),
    tls: { cert: absolute(draft.tls.cert), key: absolute(draft.tls.key) },
    auth: { ...draft.auth, jwtPublicKey }
  })
  return { config, warnings, sources: { file: byFile.file } }
}

const readText = (path: string): string => readFileSync(path, 'utf8')
