import type { Command } from 'commander'
import type { IClientOptions, MqttClient } from 'mqtt'
import { addConfigFlags, readClientConfiguration, type Options } from './configuration.ts'
import { credentials } from './credentials.ts'
import { CommandError } from './fail.ts'
import { mqttServer, nothingListens, SERVER_KEYS, urlOption } from './mqtt-server.ts'

export interface ClientOptions extends Options {
  readonly url?: string
  readonly token?: string
  readonly sub?: string
}

/** CONNACK and DISCONNECT codes after which the same CONNECT may succeed: unavailable, busy, shutting down, rate. */
const PASSING = new Set([0x88, 0x89, 0x8b, 0x97, 0x9f])

/** The options of commands that connect to a server. */
export function addClientOptions (command: Command): Command {
  command
    .addOption(urlOption())
    .option('--token <jwt>', 'token (default: FOYER_TOKEN, else one is minted with the secret of the data directory)')
    .option('--sub <name>', 'mint a token for this user (default: foyer-cli)')
  return addConfigFlags(command, SERVER_KEYS)
}

/** A connection, and what the server last said about its end. */
export interface Connected {
  readonly client: MqttClient
  /** The words of the last CONNACK or DISCONNECT that was a no; null without any. */
  reason (): string | null
}

export interface ConnectOptions {
  /** Whether a connection that was lost is opened again; `onRefused` hears of a refusal that ends that. */
  readonly reconnect: boolean
  readonly onRefused?: (error: CommandError) => void
}

/** Connects once and resolves, or throws a CommandError that says why not. */
export async function connect (options: ClientOptions, { reconnect, onRefused = () => {} }: ConnectOptions): Promise<Connected> {
  const config = readClientConfiguration(options)
  const { url, trusted, ca } = mqttServer(config, options)
  const sign = (): Pick<IClientOptions, 'username' | 'password'> => credentials(config, options, trusted)
  const client = await open(url, { ...sign(), ...(ca === null ? {} : { ca }), reconnectPeriod: reconnect ? 1000 : 0 })
  const reason = lastReason(client)
  // A token that was minted for the first connection has expired by now.
  client.on('reconnect', () => { Object.assign(client.options, sign()) })
  return await new Promise((resolve, reject) => {
    let connected = false
    client.on('error', (error: ClientError) => {
      if (connected && (typeof error.code !== 'number' || PASSING.has(error.code))) return
      client.end(true)
      const failure = new CommandError(sentence(url, error, reason()), { cause: error })
      if (connected) onRefused(failure)
      else reject(failure)
    })
    client.on('close', () => {
      if (connected) return
      client.end(true)
      reject(new CommandError(`${url} closed the connection before it answered${reason() === null ? '' : `: ${reason()}`}. Is it an MQTT server, and does the port speak TLS?`))
    })
    client.once('connect', () => {
      connected = true
      resolve({ client, reason })
    })
  })
}

type ClientError = Error & { readonly code?: unknown, readonly errors?: readonly Error[] }

async function open (url: string, options: IClientOptions): Promise<MqttClient> {
  const { default: mqtt } = await import('mqtt')
  return mqtt.connect(url, { protocolVersion: 5, clean: true, connectTimeout: 10_000, reconnectOnConnackError: true, resubscribe: false, ...options })
}

/** mqtt.js reports a no by its code alone; the words are in the packet. */
function lastReason (client: MqttClient): () => string | null {
  let reason: string | null = null
  client.on('packetreceive', packet => {
    if (packet.cmd === 'connack' || packet.cmd === 'disconnect') reason = packet.properties?.reasonString ?? null
  })
  return () => reason
}

function sentence (url: string, { code, message, errors }: ClientError, reason: string | null): string {
  if (code === 'ECONNREFUSED') return nothingListens(url)
  if (typeof code === 'number') return `${url} refused the connection: ${reason ?? message}. \`foyer explain connect\` with the same token says what to do`
  return `${url} can't be reached: ${message === '' ? errors?.[0]?.message ?? String(code) : message}`
}
