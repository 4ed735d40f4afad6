import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { createAuthenticator, createBroker, type Broker, type BrokerOptions } from '../../broker/index.ts'
import { mintToken } from '../../broker/auth/mint.ts'
import { loadConfig } from '../../config/load.ts'
import type { Config } from '../../config/schema.ts'
import type { Teardown } from './teardown.ts'

/** The secret that test brokers are given. */
export const SECRET = 'a secret of the tests, long enough for HS256'

export interface TestBroker {
  readonly broker: Broker
  readonly config: Config
  readonly port: number
  /** What the broker logged, as objects. */
  readonly log: Record<string, unknown>[]
  /** A token for `sub` with the given grants, valid for an hour unless said otherwise. */
  token (sub: string, rooms?: Record<string, string>, claims?: { admin?: boolean, expiresIn?: number }): string
  close (): Promise<void>
}

/** Keys of the configuration, for instance `{ 'auth.anonymous': 'owner' }`, as flags would set them. */
export type Keys = Record<string, string>

/** The configuration of a test: free ports, a data directory of its own, no file and no environment. */
export function testConfig (keys: Keys = {}, yaml = ''): Config {
  const key: Keys = keys['auth.jwksUrl'] === undefined ? { 'auth.jwtSecret': SECRET } : {}
  const defaults: Keys = { 'mqtt.port': '0', 'http.port': '0', ...key, dataDir: mkdtempSync(join(tmpdir(), 'foyer-')) }
  return loadConfig({ flags: { ...defaults, ...keys }, env: {}, file: yaml === '' ? null : 'test.yaml', cwd: tmpdir(), readFile: () => yaml }).config
}

/** A real broker on a free port, in this process, closed at teardown. */
export async function newBroker (t: Teardown, keys: Keys = {}, yaml = '', disk: Pick<BrokerOptions, 'files' | 'fileBytes'> = {}): Promise<TestBroker> {
  const config = testConfig(keys, yaml)
  const log: Record<string, unknown>[] = []
  const logger = pino({ level: 'debug' }, { write: line => { log.push(JSON.parse(line) as Record<string, unknown>) } })
  const broker = await createBroker({ config, logger, authenticator: createAuthenticator(config.auth), ...disk })
  const { mqtt } = await broker.listen()
  const close = async (): Promise<void> => {
    await broker.close()
    rmSync(config.dataDir, { recursive: true, force: true })
  }
  t.after(close)
  return {
    broker,
    config,
    port: mqtt!.port,
    log,
    token: (sub, rooms = { '*': 'owner' }, { admin, expiresIn = 3600 } = {}) => mintToken(SECRET, { sub, rooms, expiresIn, ...(admin === undefined ? {} : { admin }) }),
    close
  }
}
