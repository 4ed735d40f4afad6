import { setImmediate as turn } from 'node:timers/promises'
import { DuckDBPendingResultState, type DuckDBConnection, type DuckDBDataChunk, type DuckDBType, type DuckDBValue } from '@duckdb/node-api'

/** SQL and the values of its parameters, which is where all text from outside goes. */
export interface Statement {
  readonly sql: string
  readonly values: Readonly<Record<string, DuckDBValue>>
  readonly types: Readonly<Record<string, DuckDBType>>
}

/** A query that takes longer is interrupted; it would keep all others waiting. */
const TIMEOUT = 10_000

/** Runs the statements of one question until a time by which all of them must be answered. */
export class Reading {
  private readonly connection: DuckDBConnection
  private readonly deadline = Date.now() + TIMEOUT

  constructor (connection: DuckDBConnection) {
    this.connection = connection
  }

  async rows (statement: Statement): Promise<DuckDBValue[][]> {
    return (await this.chunks(statement)).flatMap((chunk) => chunk.getRows())
  }

  /** By columns, as DuckDB has them: for results of many rows, an array for each of which would cost more than the query. */
  async chunks ({ sql, values, types }: Statement): Promise<DuckDBDataChunk[]> {
    const { connection, deadline } = this
    const timer = setTimeout(() => { connection.interrupt() }, Math.max(0, deadline - Date.now()))
    try {
      return await run(connection, { sql, values, types })
    } catch (error) {
      if (Date.now() >= deadline) throw new Error(`the query took longer than ${TIMEOUT / 1000} s`, { cause: error })
      throw error
    } finally {
      clearTimeout(timer)
    }
  }
}

/**
 * Works on a statement task by task in this thread, whose priority is low, and not in one of those that libuv has for all:
 * there it would compete with the syncs that acknowledgements wait for. Between tasks others have their turn.
 */
async function run (connection: DuckDBConnection, { sql, values, types }: Statement): Promise<DuckDBDataChunk[]> {
  const prepared = await connection.prepare(sql)
  try {
    prepared.bind(values, types)
    const pending = prepared.start()
    // Where DuckDB has threads of its own there may be nothing left to do but to wait for them.
    while (pending.runTask() === DuckDBPendingResultState.RESULT_NOT_READY) await turn()
    return await (await pending.getResult()).fetchAllChunks()
  } finally {
    prepared.destroySync()
  }
}
