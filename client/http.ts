import { FoyerClientError, knownCode } from './errors.ts'
import { textIn } from './message.ts'
import type { TokenSource } from './tokens.ts'

const TIMEOUT_MS = 15_000

/** The HTTP side of the server, with the token that the connection uses. */
export class Http {
  readonly #base: string | null
  readonly #tokens: TokenSource

  constructor (base: string | null, tokens: TokenSource) {
    this.#base = base
    this.#tokens = tokens
  }

  /** Reads an address; `query` leaves out what is undefined. Rejects with the error that the server gave. */
  async get (path: string, query: Readonly<Record<string, string | number | undefined>> = {}): Promise<unknown> {
    if (this.#base === null) throw new FoyerClientError('usage', 'history and presence are read over HTTP: give connect() an httpUrl beside this url')
    const parameters = new URLSearchParams()
    for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, String(value))
    const url = `${this.#base}${path}${parameters.size > 0 ? `?${parameters}` : ''}`
    let response: Response
    let text: string
    try {
      response = await fetch(url, { headers: { authorization: `Bearer ${this.#tokens.current}` }, signal: AbortSignal.timeout(TIMEOUT_MS) })
      text = await response.text()
    } catch (cause) {
      throw new FoyerClientError('unreachable', `${this.#base} did not answer`, { cause })
    }
    const json = asJson(text)
    if (!response.ok) throw new FoyerClientError(knownCode(textIn(json, 'code'), response.status >= 500 ? 'unavailable' : 'badRequest'), textIn(json, 'detail') ?? `${path} answered ${response.status}`)
    return json
  }
}

function asJson (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
