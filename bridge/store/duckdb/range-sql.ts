import type { Statement } from './statement.ts'

/** The position of the last of `limit` messages of a source after a position; null if none follow. */
export function rangeEnd (source: string, condition: string, after: number, limit: number): Statement {
  return {
    sql: `SELECT epoch_us(max(time)) FROM (SELECT time FROM ${source} WHERE time > make_timestamp($after::BIGINT) AND ${condition} ORDER BY time LIMIT $limit)`,
    values: { after: BigInt(after), limit },
    types: {}
  }
}

/**
 * The messages from `after` (exclusive) to `end`, as many as begin within `bytes` of payload. Both ends are known here, so
 * that the payloads of all others are not even read.
 */
export function rangeStatement (source: string, condition: string, after: number, end: number, bytes: number): Statement {
  return {
    sql: `
      WITH sized AS (
        SELECT *, coalesce(sum(octet_length(payload)) OVER (ORDER BY time RANGE BETWEEN UNBOUNDED PRECEDING AND INTERVAL 1 MICROSECOND PRECEDING), 0) AS earlier
        FROM ${source} WHERE time > make_timestamp($after::BIGINT) AND time <= make_timestamp($end::BIGINT) AND ${condition}
      )
      SELECT epoch_us(time), node, room, channel, topic, sender, qos, payload FROM sized WHERE earlier < $bytes ORDER BY time`,
    values: { after: BigInt(after), end: BigInt(end), bytes },
    types: {}
  }
}
