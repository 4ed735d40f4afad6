import { rmSync } from 'node:fs'
import { multistream, pino } from 'pino'
import { createBridge, RecentLog } from '../../bridge/index.ts'
import { createAuthenticator, createBroker } from '../../broker/index.ts'
import { mintToken } from '../../broker/auth/mint.ts'
import { SECRET, testConfig, type Keys } from './foyer.ts'
import type { Teardown } from './teardown.ts'

export interface FullServer {
  readonly mqttUrl: string
  readonly wsUrl: string
  readonly httpUrl: string
  readonly ports: { readonly mqtt: number, readonly http: number }
  readonly log: readonly Record<string, unknown>[]
  token (sub: string, rooms?: Record<string, string>, expiresIn?: number): string
  /** Resolves when history has everything. */
  flush (): Promise<void>
}

/** Broker and bridge on free ports, in this process, closed at teardown. */
export async function newFullServer (t: Teardown, keys: Keys = {}, yaml = ''): Promise<FullServer> {
  const config = testConfig(keys, yaml)
  const log: Record<string, unknown>[] = []
  const recentLog = new RecentLog()
  const logger = pino({ level: 'debug' }, multistream([{ level: 'debug', stream: { write: line => { log.push(JSON.parse(line) as Record<string, unknown>) } } }, { level: 'error', stream: recentLog }]))
  const broker = await createBroker({ config, logger, authenticator: createAuthenticator(config.auth) })
  const bridge = await createBridge({ config, broker, logger, version: 'test', recentLog })
  const addresses = await broker.listen()
  const { http } = await bridge.listen(addresses)
  t.after(async () => {
    await broker.stop()
    await bridge.close()
    await broker.close()
    rmSync(config.dataDir, { recursive: true, force: true })
  })
  const ports = { mqtt: addresses.mqtt!.port, http: http!.port }
  return {
    ports,
    mqttUrl: `mqtt://127.0.0.1:${ports.mqtt}`,
    wsUrl: `ws://127.0.0.1:${ports.http}/mqtt`,
    httpUrl: `http://127.0.0.1:${ports.http}`,
    log,
    token: (sub, rooms = { '*': 'owner' }, expiresIn = 3600) => mintToken(SECRET, { sub, rooms, expiresIn }),
    flush: () => bridge.flush()
  }
}
