import { InfluxDB } from 'influx'
// The client has no call that takes lines as they are, so they go through its pool of connections.
import { Pool, RequestError } from 'influx/lib/src/pool.js'
import type { Config } from '../../../config/schema.ts'
import { InfluxError } from './influx-error.ts'
import { identifier } from './influxql.ts'

/** Longer than InfluxDB itself takes at most for a write (its `write-timeout` is 10 s). */
const WRITE_TIMEOUT = 15_000
const START_TIMEOUT = 5_000

/** Longest part of an answer that is shown to a person. */
const SHOWN = 300

export type InfluxOptions = Config['influx'] & { readonly url: string }

/** The rows of one series, by columns. */
export interface Table {
  readonly tags?: Readonly<Record<string, string>>
  readonly columns: readonly string[]
  readonly values: readonly (readonly unknown[])[]
}

/** Queries and writes, each with an end: resolved, or an InfluxError. */
export interface Connection {
  /** Looks for the database, until it was there once; a missing one is made, or an error. */
  prepare (make: boolean): Promise<void>
  /** Resolves if InfluxDB answers, and knows who Foyer is. */
  look (): Promise<void>
  /** Lines that InfluxDB has synced when it resolves. */
  write (lines: Uint8Array): Promise<void>
  /** The series that a query gives; times are microseconds since 1970. `timeout` in milliseconds. */
  query (statement: string, timeout: number): Promise<readonly Table[]>
  /** Ends what is on its way. */
  close (): void
}

export function connect ({ url, database, username, password, token }: InfluxOptions): Connection {
  const { protocol, hostname, port, pathname } = new URL(url)
  const isTls = protocol === 'https:'
  const path = pathname.replace(/\/+$/, '')
  // The recorder waits and tries again; a client that waits as well would only hide why.
  const pool = { maxRetries: 0, requestTimeout: WRITE_TIMEOUT, backoff: noBackoff }
  const options = token === null ? {} : { headers: { authorization: `Token ${token}` } }
  const address = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || (isTls ? 443 : 80), path, protocol: isTls ? 'https' : 'http', options } as const
  // Without any name the client would say root.
  const client = new InfluxDB({ ...address, database, pool, username: username as string, password: password ?? '' })
  const writes = new Pool(pool)
  writes.addHost(`${address.protocol}://${hostname}:${address.port}${path}`, options)
  const auth = username === null ? {} : { auth: `${username}:${password ?? ''}` }
  const place = `InfluxDB at ${url}`
  const underWay = new Set<(reason: string) => void>()
  let prepared = false

  async function ask (statement: string, timeout: number, method: 'GET' | 'POST' = 'POST'): Promise<readonly Table[]> {
    const { results } = await inTime(timeout, (signal) => client.queryRaw(statement, { precision: 'u', method, signal })) as Answer
    const [result] = results
    // InfluxDB leaves out what is empty.
    if (result?.error === undefined) return (result?.series ?? []).map(series => ({ ...series, values: series.values ?? [] }))
    if (/^database not found/.test(result.error)) throw missing(result.error)
    throw new InfluxError(`${place} can't answer: ${result.error}`, result.error, 200)
  }

  async function prepare (make: boolean): Promise<void> {
    if (prepared) return
    // Of the statements that tell whether it is there, this needs the least rights.
    const found = await ask('SHOW DATABASES', START_TIMEOUT)
    if (!found.some(({ values }) => values.some(([name]) => name === database))) {
      if (!make) throw missing('it is not among those that Foyer may see')
      try {
        await ask(`CREATE DATABASE ${identifier(database)}`, START_TIMEOUT)
      } catch (error) {
        if (!(error instanceof InfluxError) || error.status === null) throw error
        throw new InfluxError(`${place} has no database ${database} that Foyer may use, and Foyer may not make one (${error.reason}): create it and grant its user all rights on it (influx.username), or correct influx.database`, error.reason, error.status, error)
      }
    }
    prepared = true
  }

  /** Does what the client does, but ends in time: it waits for ever for an answer that was cut off. */
  async function inTime<T> (timeout: number, action: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const late = new AbortController()
    let end!: (reason: string) => void
    const over = new Promise<never>((_resolve, reject) => {
      end = (reason) => {
        late.abort()
        reject(new Error(reason))
      }
    })
    const timer = setTimeout(end, timeout, `no answer within ${timeout / 1000} s`)
    underWay.add(end)
    const done = action(late.signal)
    // Whoever is late is not listened to.
    done.catch(() => {})
    try {
      return await Promise.race([done, over])
    } catch (error) {
      throw explained(error)
    } finally {
      clearTimeout(timer)
      underWay.delete(end)
    }
  }

  function explained (error: unknown): InfluxError {
    const text = error instanceof Error ? error.message : String(error)
    if (!(error instanceof RequestError)) return new InfluxError(`${place} does not take or answer anything now (${shorten(text)}): see whether it runs, and whether influx.url is right`, text, null, error)
    const { reason, isInflux } = reasonOf(text)
    const status = error.res.statusCode ?? null
    switch (status) {
      case 401: return new InfluxError(`${place} does not know who Foyer is (401 ${shorten(reason)}): correct influx.username and influx.password, or influx.token`, reason, status, error)
      case 403: return new InfluxError(`${place} does not let Foyer do that (403 ${shorten(reason)}): grant its user all rights on the database ${database}, or correct influx.username or influx.token`, reason, status, error)
      case 404: return missing(reason, error)
      case 413: return new InfluxError(`${place} does not take so much at once (413): raise max-body-size in its section [http]`, reason, status, error)
      // Anything may answer 400, a proxy for instance; only what InfluxDB itself says is about the lines.
      default: return new InfluxError(`${place} refuses what Foyer sends (${status} ${shorten(reason)})`, reason, isInflux ? status : null, error)
    }
  }

  function missing (reason: string, cause?: unknown): InfluxError {
    return new InfluxError(`${place} has no database ${database} (${shorten(reason)}): create it there, or correct influx.database and influx.url`, reason, 404, cause)
  }

  return {
    prepare,
    async look () {
      await ask('SHOW DATABASES', START_TIMEOUT)
    },
    query: (statement, timeout) => ask(statement, timeout),
    write: (lines) => inTime(WRITE_TIMEOUT, (signal) => writes.discard({
      method: 'POST',
      path: '/write',
      query: { db: database, precision: 'n' },
      // What it says of bodies is narrower than what it takes.
      body: lines as unknown as string,
      signal,
      ...auth
    })),
    close () {
      for (const end of underWay) end('Foyer is shutting down')
    }
  }
}

interface Answer {
  readonly results: readonly { readonly error?: string, readonly series?: readonly (Omit<Table, 'values'> & Partial<Table>)[] }[]
}

const noBackoff = { getDelay: () => 0, next: () => noBackoff, reset: () => noBackoff }

/** The client puts what it got behind words of its own. */
function reasonOf (message: string): { reason: string, isInflux: boolean } {
  const body = message.slice(message.indexOf('error occurred: ') + 'error occurred: '.length)
  try {
    // 2.x has a `message` beside its `code`.
    const { error, message: words } = JSON.parse(body) as { error?: unknown, message?: unknown }
    const reason = error ?? words
    if (typeof reason === 'string') return { reason, isInflux: true }
  } catch {
    // No JSON.
  }
  return { reason: body, isInflux: false }
}

function shorten (text: string): string {
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}...` : text
}
