import { FoyerClientError } from './errors.ts'
import type { Payload } from './payload.ts'
import { randomName } from './random.ts'

/** The state that the server publishes for a device when it is gone without a word. */
export interface DeviceWill {
  readonly room: string
  /** The `sub` of the token unless given. */
  readonly device?: string
  /** `{ online: false }` unless given. */
  readonly state?: object
}

export interface TopicWill {
  readonly topic: string
  readonly payload: Payload
  readonly qos?: 0 | 1 | 2
  readonly retain?: boolean
}

export interface ConnectOptions {
  /** `ws://host:8080/mqtt`, `wss://...`; outside browsers also `mqtt://host:1883`, `mqtts://...`. */
  readonly url: string
  /** A JWT, or the password of a user. When it expires the connection ends for good: prefer `getToken`. */
  readonly token?: string
  /** Called before each connect, and before the token in use expires. */
  readonly getToken?: () => string | Promise<string>
  /**
   * Under it the server keeps the session: what is sent while the client is away waits there. Give one to find the
   * session again after a restart; two clients of one user must not share it. Without one it is random, and the session
   * ends with `close()`.
   */
  readonly clientId?: string
  /** The user name, where the server asks for one. */
  readonly username?: string
  /** Seconds that the server keeps the session while the client is away; 3,600 unless given. */
  readonly sessionExpiry?: number
  /** What may wait to be acknowledged, sent or not; 1,000 messages and 4 MiB unless given. Beyond it `send` rejects. */
  readonly queue?: { readonly messages?: number, readonly bytes?: number }
  /** QoS 0 messages that wait while offline; the oldest are dropped and counted. 1,000 unless given. */
  readonly ring?: number
  /** Where HTTP is, for history and presence; of ws:// and wss:// it is the same host and port. */
  readonly httpUrl?: string
  readonly will?: DeviceWill | TopicWill
  /** Milliseconds that `connect` tries to reach the server; 30,000 unless given. Later it tries for ever. */
  readonly timeout?: number
  /** Ends the attempt to connect: `connect` rejects with `closed`. Later it does nothing. */
  readonly signal?: AbortSignal
  /** Seconds between signs of life; 30 unless given. A connection that is silent for one and a half of them is given up. */
  readonly keepalive?: number
  /** Handed to mqtt.js as they are, for instance `ca` or `wsOptions`. */
  readonly mqtt?: Readonly<Record<string, unknown>>
}

export interface Settings {
  readonly url: string
  readonly clientId: string
  /** Whether the session is to be found again by another process. */
  readonly keepsSession: boolean
  readonly username: string
  readonly sessionExpiry: number
  readonly queue: { readonly messages: number, readonly bytes: number }
  readonly ring: number
  readonly httpUrl: string | null
  readonly will: DeviceWill | TopicWill | null
  readonly timeout: number
  readonly keepalive: number
  readonly mqtt: Readonly<Record<string, unknown>>
}

const SCHEMES = new Set(['ws:', 'wss:', 'mqtt:', 'mqtts:'])

/** Completes the options; throws `usage` with what is wrong. */
export function settingsOf (options: ConnectOptions): Settings {
  const url = parseUrl(options.url)
  return {
    url: options.url,
    clientId: options.clientId ?? randomName('foyer-'),
    keepsSession: options.clientId !== undefined,
    // Any name will do, and none would have some servers refuse the password.
    username: options.username ?? 'foyer',
    sessionExpiry: whole('sessionExpiry', options.sessionExpiry, 3600),
    queue: { messages: whole('queue.messages', options.queue?.messages, 1000), bytes: whole('queue.bytes', options.queue?.bytes, 4 * 1024 * 1024) },
    ring: whole('ring', options.ring, 1000),
    httpUrl: options.httpUrl === undefined ? besideWebSocket(url) : parseHttpUrl(options.httpUrl),
    will: options.will ?? null,
    timeout: whole('timeout', options.timeout, 30_000),
    keepalive: whole('keepalive', options.keepalive, 30),
    mqtt: options.mqtt ?? {}
  }
}

function parseUrl (text: string): URL {
  if (!URL.canParse(text)) throw new FoyerClientError('usage', `${JSON.stringify(text)} is no url; it looks like ws://host:8080/mqtt`)
  const url = new URL(text)
  if (!SCHEMES.has(url.protocol)) throw new FoyerClientError('usage', `a url begins with ws://, wss://, mqtt:// or mqtts://, not ${url.protocol}//`)
  return url
}

function parseHttpUrl (text: string): string {
  if (!URL.canParse(text) || !/^https?:/.test(text)) throw new FoyerClientError('usage', `${JSON.stringify(text)} is no httpUrl; it looks like http://host:8080`)
  return text.replace(/\/+$/, '')
}

function besideWebSocket ({ protocol, host }: URL): string | null {
  return protocol === 'ws:' ? `http://${host}` : protocol === 'wss:' ? `https://${host}` : null
}

function whole (name: string, value: number | undefined, otherwise: number): number {
  if (value === undefined) return otherwise
  if (!Number.isSafeInteger(value) || value < 0) throw new FoyerClientError('usage', `${name} is a whole number from 0 on, not ${value}`)
  return value
}
