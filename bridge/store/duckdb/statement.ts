import type { DuckDBConnection, DuckDBDataChunk, DuckDBType, DuckDBValue } from '@duckdb/node-api'

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
      return await (await connection.run(sql, values, types)).fetchAllChunks()
    } catch (error) {
      if (Date.now() >= deadline) throw new Error(`the query took longer than ${TIMEOUT / 1000} s`, { cause: error })
      throw error
    } finally {
      clearTimeout(timer)
    }
  }
}
