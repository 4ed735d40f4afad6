import { join } from 'node:path'
import { createAuthenticator } from '../../broker/index.ts'
import type { Broker, BrokerStats, Peer, StoredMessage } from '../../broker/index.ts'
import { mintToken } from '../../broker/auth/mint.ts'
import { createBridge } from '../../bridge/index.ts'
import type { Bridge } from '../../bridge/index.ts'
import { loadConfig } from '../../config/load.ts'
import type { Config } from '../../config/schema.ts'
import { compileChannels } from '../../protocol/channels.ts'
import { Journal } from '../../broker/journal/journal.ts'
import { appendTo } from './bridge-messages.ts'
import { useFolder } from './bridge-folder.ts'
import { createLog } from './bridge-log.ts'
import type { Line } from './bridge-log.ts'

const SECRET = 'a secret of the tests, long enough for HS256'

/** What the broker is busy with when only tests tell it what to do. */
const STATS: BrokerStats = {
  connections: 3, sessions: 2, subscriptions: 5, retained: 1, rooms: 2, participants: 4, received: 10, own: 2, accepted: 7, refused: new Map([['policy', 2], ['disk', 1]]), journaled: 6, unjournaled: 1, stored: 4, matched: 20, written: 15, waiting: 3, dropped: new Map([['slow', 2]])
}

export interface Answer { readonly status: number, readonly headers: Headers, readonly text: string, json (): any }

export interface Server {
  readonly bridge: Bridge
  readonly config: Config
  readonly url: string
  readonly lines: readonly Line[]
  /** Who came by WebSocket; such a stream is destroyed at once. */
  readonly attached: readonly Peer[]
  /** As if the broker had accepted these. */
  accept (...messages: readonly StoredMessage[]): void
  get (path: string, token?: string | null, init?: RequestInit): Promise<Answer>
}

/** A token of the tests' secret. */
export function tokenFor (sub: string, rooms: Record<string, string>): string {
  return mintToken(SECRET, { sub, rooms, expiresIn: 600 })
}

export async function request (url: string, token?: string | null, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, { ...init, headers: { ...init.headers, ...token != null && { authorization: `Bearer ${token}` } } })
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, json: () => JSON.parse(text) }
}

/** Reads the configuration of a test: any free port, its own folder. */
export function configFor (dataDir: string, flags: Record<string, string> = {}, file?: string): Config {
  return loadConfig({
    flags: { dataDir, 'http.port': '0', 'mqtt.port': '0', 'auth.jwtSecret': SECRET, ...flags },
    env: {},
    cwd: dataDir,
    file: file === undefined ? null : 'given.yaml',
    ...file !== undefined && { readFile: () => file }
  }).config
}

/** Inside a `describe`: opens bridges beside a broker that only says what tests tell it to, and closes them after it. */
export function useServer (): (flags?: Record<string, string>, file?: string) => Promise<Server> {
  const open: { close (): Promise<void> }[] = []
  // Before the folders go away.
  after(async () => {
    for (const bridge of open.splice(0)) await bridge.close()
  })
  const folder = useFolder()
  return async (flags = {}, file) => {
    const config = configFor(folder(), flags, file)
    const log = createLog()
    const attached: Peer[] = []
    const clock = { now: 0 }
    const journal = new Journal({ directory: join(config.dataDir, 'journal'), logger: log.logger, quota: config.journal, now: () => clock.now })
    await journal.open(() => {})
    const broker: Broker = {
      channels: compileChannels(config.channels),
      authenticator: createAuthenticator({ ...config.auth, jwtSecret: SECRET }),
      users: { revoke: async () => {}, revoked: () => null, disconnect: () => 0, purge: async () => 0 },
      addresses: { mqtt: { address: '127.0.0.1', family: 'IPv4', port: 1883 }, mqtts: null },
      listen: async () => ({ mqtt: null, mqtts: null }),
      attach: (stream, peer) => {
        attached.push(peer)
        stream.destroy()
      },
      publish: async () => { throw new Error('this broker takes no messages') },
      journal,
      remember: () => {},
      presence: () => [],
      rooms: () => [],
      erase: async () => ({ upTo: journal.time, retained: 0 }),
      stats: () => STATS,
      details: () => ({ transports: { tcp: 3, tls: 0, ws: 0, wss: 0, sse: 0 }, pending: 0, replays: 0, waits: journal.waitFigures, journal: journal.figures, slow: [], absent: [], refusals: [], refusalCounts: new Map() }),
      note: () => {},
      stop: async () => {},
      close: () => journal.close()
    }
    const bridge = await createBridge({ config, broker, logger: log.logger, version: '1.2.3-test' })
    open.push(bridge, broker)
    const { http } = await bridge.listen({ mqtt: { address: '127.0.0.1', family: 'IPv4', port: 18830 }, mqtts: null })
    const url = `http://127.0.0.1:${http?.port}`
    return {
      bridge,
      config,
      url,
      lines: log.lines,
      attached,
      accept: (...messages) => { for (const message of messages) appendTo(journal, clock, message) },
      get: (path, token, init) => request(url + path, token, init)
    }
  }
}
