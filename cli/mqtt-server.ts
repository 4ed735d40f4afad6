import { readFileSync } from 'node:fs'
import { Option } from 'commander'
import { isLoopback } from '../config/loopback.ts'
import type { Config } from '../config/schema.ts'
import { CommandError } from './fail.ts'
import { inUrl, reachableHost } from './reachable-host.ts'

/** Where a command connects to by MQTT. */
export interface MqttServer {
  readonly url: string
  /** Whether a minted token may go there unasked: it is the server of this configuration, or on this machine. */
  readonly trusted: boolean
  /** What its certificate is checked by; null for the authorities that the system knows. */
  readonly ca: Buffer | null
}

/** Keys of the configuration that say where the server is, and what it accepts. */
export const SERVER_KEYS = ['host', 'mqtt.port', 'mqtts.port', 'tls.cert', 'dataDir', 'auth.jwtSecret']

export function urlOption (): Option {
  return new Option('--url <url>', 'server: mqtt://, mqtts://, ws:// or wss:// (default: the one of the configuration)')
}

/** The server that was named, else the one of the configuration. Throws a CommandError when that is no address. */
export function mqttServer (config: Config, { url: named }: { readonly url?: string }): MqttServer {
  const url = named ?? defaultUrl(config)
  if (!/^(mqtts?|wss?):\/\/./.test(url) || !URL.canParse(url)) throw new CommandError(`--url ${url} should be an address like mqtt://127.0.0.1:1883, mqtts://..., ws://... or wss://.../mqtt`)
  return { url, trusted: named === undefined || isLoopback(new URL(url).hostname), ca: named === undefined ? ownCertificate(config) : null }
}

export function nothingListens (url: string): string {
  return `nothing listens at ${url}. Start the server with \`foyer serve\`, or name it with --url`
}

function defaultUrl ({ host, mqtt: { port }, mqtts }: Config): string {
  const [scheme, number] = port !== null ? ['mqtt', port] as const : ['mqtts', mqtts.port] as const
  if (number === null) throw new CommandError('the configuration opens no MQTT port: name the server with --url')
  if (number === 0) throw new CommandError('the configuration takes any free port: name the server with --url, as `foyer serve` printed it')
  return `${scheme}://${inUrl(reachableHost(host))}:${number}`
}

/** The certificate of this very server is as good as one that an authority has signed. */
function ownCertificate ({ tls: { cert } }: Config): Buffer | null {
  if (cert === null) return null
  try {
    return readFileSync(cert)
  } catch {
    return null
  }
}
