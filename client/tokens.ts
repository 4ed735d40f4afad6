import { FoyerClientError } from './errors.ts'
import { textIn } from './message.ts'

/** What the client reads of its own token. Nothing is verified: that is the server's. */
export interface TokenClaims {
  readonly sub: string | null
  /** Seconds since 1970; null = it never expires, or it is no JWT. */
  readonly exp: number | null
  readonly iat: number | null
}

/** Reads the claims of a JWT; a password that is none has no claims. */
export function readClaims (token: string): TokenClaims {
  try {
    const base64 = token.split('.')[1]!.replaceAll('-', '+').replaceAll('_', '/')
    const bytes = Uint8Array.from(atob(base64), character => character.charCodeAt(0))
    const claims = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>
    return { sub: textIn(claims, 'sub'), exp: numberIn(claims, 'exp'), iat: numberIn(claims, 'iat') }
  } catch {
    return { sub: null, exp: null, iat: null }
  }
}

function numberIn (claims: Record<string, unknown>, name: string): number | null {
  const value = claims[name]
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}

/** Where tokens come from: one that is given once, or a function that gets them. */
export class TokenSource {
  readonly renewable: boolean
  /** The one in use. */
  current = ''
  claims: TokenClaims = { sub: null, exp: null, iat: null }
  /** When the one in use was got, ms since 1970. */
  since = 0
  readonly #get: () => string | Promise<string>

  constructor (token: string | undefined, getToken: (() => string | Promise<string>) | undefined) {
    if ((token === undefined) === (getToken === undefined)) throw new FoyerClientError('usage', 'connect() takes either token or getToken')
    this.renewable = getToken !== undefined
    this.#get = getToken ?? (() => token!)
  }

  /** The next token, which is in use from then on. Rejects with `credentialsMissing` when there is none. */
  async fetch (): Promise<string> {
    const token = await this.get()
    this.use(token)
    return token
  }

  /** The next token, not yet in use. */
  async get (): Promise<string> {
    let token: unknown
    try {
      token = await this.#get()
    } catch (cause) {
      throw new FoyerClientError('credentialsMissing', `getToken failed: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    }
    if (typeof token !== 'string' || token === '') throw new FoyerClientError('credentialsMissing', 'getToken gave no token')
    return token
  }

  use (token: string): void {
    if (token === this.current) return
    this.current = token
    this.claims = readClaims(token)
    this.since = Date.now()
  }
}
