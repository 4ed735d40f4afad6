import type { Statement } from './history-sql.ts'

/** The position of the last of `limit` messages after a position; null if none follow. */
export function rangeEnd (after: number, limit: number): Statement {
  return {
    sql: 'SELECT max(time) FROM (SELECT time FROM messages WHERE time > $after ORDER BY time LIMIT $limit)',
    values: { after: BigInt(after), limit },
    types: {}
  }
}

/**
 * The messages from `after` (exclusive) to `end`, as many as begin within `bytes` of payload. Both ends are known here, so
 * that the payloads of all others are not even read.
 */
export function rangeStatement (after: number, end: number, bytes: number): Statement {
  return {
    sql: `
      WITH sized AS (
        SELECT *, coalesce(sum(octet_length(payload)) OVER (ORDER BY time RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS earlier
        FROM messages WHERE time > $after AND time <= $end
      )
      SELECT time, node, room, channel, topic, sender, qos, payload FROM sized JOIN origins ON origins.id = sized.origin
      WHERE earlier < $bytes ORDER BY time`,
    values: { after: BigInt(after), end: BigInt(end), bytes },
    types: {}
  }
}
