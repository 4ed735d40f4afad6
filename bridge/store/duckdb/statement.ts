import { setImmediate as turn } from 'node:timers/promises'
import { DuckDBPendingResultState, type DuckDBConnection, type DuckDBDataChunk, type DuckDBType, type DuckDBValue } from '@duckdb/node-api'

/** SQL and the values of its parameters, which is where all text from outside goes. */
export interface Statement {
  readonly sql: string
  readonly values: Readonly<Record<string, DuckDBValue>>
  readonly types: Readonly<Record<string, DuckDBType>>
}

/** What takes longer, from when it was asked for, is dropped or interrupted; it would keep all others waiting. */
const TIMEOUT = 10_000

/** What some questions have for themselves. */
export interface Lane {
  readonly connection: DuckDBConnection
  /** Waited for between one task of a statement and the next. */
  readonly giveWay: () => Promise<void>
}

/** Runs the statements of one question, until a time by which all of them must be answered, or nobody wants to know. */
export class Reading {
  /** Aborts when it is over. */
  readonly signal: AbortSignal

  private readonly connection: DuckDBConnection
  private readonly giveWay: () => Promise<void>
  private readonly timer: NodeJS.Timeout

  constructor ({ connection, giveWay }: Lane, wanted?: AbortSignal) {
    const late = new AbortController()
    this.connection = connection
    this.giveWay = giveWay
    this.timer = setTimeout(() => { late.abort(new Error(`the query took longer than ${TIMEOUT / 1000} s`)) }, TIMEOUT)
    this.signal = wanted === undefined ? late.signal : AbortSignal.any([late.signal, wanted])
  }

  end (): void {
    clearTimeout(this.timer)
  }

  async rows (statement: Statement): Promise<DuckDBValue[][]> {
    return (await this.chunks(statement)).flatMap((chunk) => chunk.getRows())
  }

  /** By columns, as DuckDB has them: for results of many rows, an array for each of which would cost more than the query. */
  async chunks ({ sql, values, types }: Statement): Promise<DuckDBDataChunk[]> {
    const { connection, signal, giveWay } = this
    const interrupt = (): void => { connection.interrupt() }
    signal.throwIfAborted()
    signal.addEventListener('abort', interrupt)
    try {
      return await run({ connection, giveWay }, signal, { sql, values, types })
    } catch (error) {
      // DuckDB only knows that it was interrupted.
      signal.throwIfAborted()
      throw error
    } finally {
      signal.removeEventListener('abort', interrupt)
    }
  }
}

/** Runs statements for who has all the time in the world: what keeps the files, and exports. */
export function unhurried (connection: DuckDBConnection): Pick<Reading, 'rows'> {
  return { rows: async ({ sql, values, types }) => (await connection.runAndReadAll(sql, values, types)).getRows() }
}

/**
 * Works on a statement task by task in this thread, whose priority is low, and not in one of those that libuv has for all:
 * there it would compete with the syncs that acknowledgements wait for. Between tasks, which may last some tenths of a second,
 * others have their turn.
 */
async function run ({ connection, giveWay }: Lane, signal: AbortSignal, { sql, values, types }: Statement): Promise<DuckDBDataChunk[]> {
  const prepared = await connection.prepare(sql)
  try {
    // An interruption until here is of nothing.
    signal.throwIfAborted()
    prepared.bind(values, types)
    const pending = prepared.start()
    // Where DuckDB has threads of its own there may be nothing left to do but to wait for them.
    while (pending.runTask() === DuckDBPendingResultState.RESULT_NOT_READY) {
      await turn()
      await giveWay()
    }
    return await (await pending.getResult()).fetchAllChunks()
  } finally {
    prepared.destroySync()
  }
}
