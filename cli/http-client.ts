import { readFileSync } from 'node:fs'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import type { Command } from 'commander'
import { isLoopback } from '../config/loopback.ts'
import type { Config } from '../config/schema.ts'
import { addConfigFlags, readClientConfiguration, type Options } from './configuration.ts'
import { CommandError } from './fail.ts'
import { mint } from './mint.ts'
import { inUrl, reachableHost } from './reachable-host.ts'
import { signingSecret } from './secret.ts'

export interface HttpOptions extends Options {
  readonly url?: string
  readonly adminToken?: string
}

const MINTED_SECONDS = 60
const TIMEOUT_MS = 30_000

/** The options of commands that ask a server over HTTP as an admin. */
export function addHttpOptions (command: Command): Command {
  command
    .option('--url <url>', 'server: http:// or https:// (default: the one of the configuration)')
    .option('--admin-token <jwt>', 'token of an admin to do it with (default: FOYER_TOKEN, else one is minted with the secret of the data directory)')
  return addConfigFlags(command, ['host', 'http.port', 'https.port', 'tls.cert', 'dataDir', 'auth.jwtSecret', 'auth.issuer', 'auth.audience', 'auth.roomsClaim'])
}

/** A request to the server. */
interface Asked {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  /** JSON. */
  readonly body?: unknown
  /** How long nothing may come, while the answer is made and while it is read. */
  readonly timeoutMs?: number
}

/** Sends `body` to a path of the server, and returns its answer. Throws a CommandError that says why there is none, or in its words that it is a no. */
export async function post (options: HttpOptions, path: string, body: unknown): Promise<unknown> {
  return await answered(options, { method: 'POST', path, body })
}

/** Has the server remove what is at a path, and returns its answer; throws likewise. */
export async function remove (options: HttpOptions, path: string): Promise<unknown> {
  return await answered(options, { method: 'DELETE', path })
}

/** What the server has at a path, to be read as it comes; throws likewise. */
export async function download (options: HttpOptions, path: string, timeoutMs: number): Promise<Readable> {
  return (await ask(options, { method: 'GET', path, timeoutMs })).response
}

async function answered (options: HttpOptions, asked: Asked): Promise<unknown> {
  const { url, response } = await ask(options, asked)
  return await parsed(url, response)
}

/** Resolves when the answer begins, if it is a yes. */
async function ask (options: HttpOptions, asked: Asked): Promise<{ url: string, response: IncomingMessage }> {
  const config = readClientConfiguration(options)
  const url = options.url ?? defaultUrl(config)
  if (!/^https?:\/\/./.test(url) || !URL.canParse(url)) throw new CommandError(`--url ${url} should be an address like http://127.0.0.1:8080 or https://...`)
  const response = await send(new URL(asked.path, url), adminToken(config, options, url), asked, authority(config, options)).catch((error: unknown) => {
    throw new CommandError(unreachable(url, error as NodeJS.ErrnoException), { cause: error })
  })
  if (response.statusCode === 200) return { url, response }
  const { detail, code, remedy } = await parsed(url, response)
  throw new CommandError(`${url} refused: ${String(detail)} [${String(code)}]. ${String(remedy)}`)
}

async function send (url: URL, token: string, { method, body, timeoutMs = TIMEOUT_MS }: Asked, options: { ca?: Buffer }): Promise<IncomingMessage> {
  const ask = url.protocol === 'https:' ? httpsRequest : httpRequest
  const content = body === undefined ? null : JSON.stringify(body)
  const headers = { authorization: `Bearer ${token}`, ...content !== null && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(content) } }
  return await new Promise((resolve, reject) => {
    const request = ask(url, { method, timeout: timeoutMs, headers, ...options })
    request.on('timeout', () => request.destroy(new Error(`nothing came back within ${timeoutMs / 1000} s`)))
    request.on('error', reject)
    request.on('response', resolve)
    request.end(content)
  })
}

async function parsed (url: string, response: IncomingMessage): Promise<Record<string, unknown>> {
  const answer = await text(response).catch((error: unknown) => {
    throw new CommandError(unreachable(url, error as NodeJS.ErrnoException), { cause: error })
  })
  const value = parse(answer)
  if (value === null) throw new CommandError(`${url} answered ${response.statusCode}, and not as Foyer does. Is it the HTTP port of a Foyer server?`)
  return value
}

/** A minted token opens everything: it goes nowhere unasked but to this machine. */
function adminToken (config: Config, { url: named, adminToken }: HttpOptions, url: string): string {
  const given = [adminToken, process.env.FOYER_TOKEN].find(text => text !== undefined && text !== '')
  if (given !== undefined) return given
  if (named !== undefined && !isLoopback(new URL(url).hostname)) throw new CommandError('a token for that server is missing: give the one of an admin with --admin-token or FOYER_TOKEN')
  return mint(config, signingSecret(config), { sub: 'foyer-cli', rooms: {}, admin: true, expiresIn: MINTED_SECONDS })
}

function parse (text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' ? value as Record<string, unknown> | null : null
  } catch {
    return null
  }
}

function unreachable (url: string, { code, message }: NodeJS.ErrnoException): string {
  if (code === 'ECONNREFUSED') return `nothing listens at ${url}. Start the server with \`foyer serve\`, or name it with --url`
  return `${url} can't be reached: ${message === '' ? code ?? 'no reason was given' : message}`
}

function defaultUrl ({ host, http: { port }, https }: Config): string {
  const [scheme, number] = port !== null ? ['http', port] as const : ['https', https.port] as const
  if (number === null) throw new CommandError('the configuration opens no HTTP port: name the server with --url')
  if (number === 0) throw new CommandError('the configuration takes any free port: name the server with --url, as `foyer serve` printed it')
  return `${scheme}://${inUrl(reachableHost(host))}:${number}`
}

/** The certificate of this very server is as good as one that an authority has signed. */
function authority ({ tls: { cert } }: Config, { url }: HttpOptions): { ca?: Buffer } {
  if (url !== undefined || cert === null) return {}
  try {
    return { ca: readFileSync(cert) }
  } catch {
    return {}
  }
}
