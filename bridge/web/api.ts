import type { Channel } from '../../protocol/channel.ts'
import type { Fault } from './fault.ts'

/** `GET /api/me`: whom a token is for. */
export interface Me {
  readonly sub: string
  /** Seconds since 1970; null = it never ends. */
  readonly exp: number | null
  readonly admin: boolean
  readonly presence: boolean
  readonly rooms: Readonly<Record<string, string>>
}

/** `GET /api/server`: what runs. */
export interface ServerInfo {
  readonly version: string
  readonly ports: { readonly mqtt: number | null, readonly mqtts: number | null, readonly http: number | null, readonly https: number | null }
  readonly channels: readonly Channel[]
}

/** What the server answered instead of what was asked for, or that it did not. */
export class ApiError extends Error implements Fault {
  readonly code: string
  readonly remedy: string
  /** 0 when there was no answer. */
  readonly status: number

  constructor (status: number, { code, detail, remedy }: { code?: string, detail?: string, remedy?: string }, cause?: unknown) {
    super(detail ?? `the server answered ${status}`, { cause })
    this.code = code ?? 'internal'
    this.remedy = remedy ?? ''
    this.status = status
  }
}

const TIMEOUT_MS = 15_000

/** Reads an address of the API. Rejects with an ApiError. */
export async function getJson<T> (path: string, token: string | null = null, signal?: AbortSignal): Promise<T> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS)
  let response: Response
  let json: unknown
  try {
    response = await fetch(path, {
      headers: token === null ? {} : { authorization: `Bearer ${token}` },
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout])
    })
    json = await response.json()
  } catch (cause) {
    throw new ApiError(0, { code: 'unreachable', detail: 'the server did not answer', remedy: 'check that it runs and that this machine reaches it' }, cause)
  }
  if (!response.ok) throw new ApiError(response.status, json as { code?: string, detail?: string, remedy?: string })
  return json as T
}
