import type { Statement } from './statement.ts'

/**
 * The position of the last of `limit` messages of a source after a position, as many as begin within `bytes` of payload;
 * null if none follow. It looks at no payload.
 */
export function rangeEnd (source: string, condition: string, after: number, limit: number, bytes: number): Statement {
  return {
    sql: `
      SELECT epoch_us(max(time)) FROM (
        SELECT time, coalesce(sum(size) OVER (ORDER BY time RANGE BETWEEN UNBOUNDED PRECEDING AND INTERVAL 1 MICROSECOND PRECEDING), 0) AS earlier
        FROM (SELECT time, size FROM ${source} WHERE time > make_timestamp($after::BIGINT) AND ${condition} ORDER BY time LIMIT $limit)
      ) WHERE earlier < $bytes`,
    values: { after: BigInt(after), limit, bytes },
    types: {}
  }
}

/** The messages from `after` (exclusive) to `end`. Both ends are known here, so that the payloads of all others are not even read. */
export function rangeStatement (source: string, condition: string, after: number, end: number): Statement {
  return {
    sql: `
      SELECT epoch_us(time), node, room, channel, topic, sender, qos, payload FROM ${source}
      WHERE time > make_timestamp($after::BIGINT) AND time <= make_timestamp($end::BIGINT) AND ${condition} ORDER BY time`,
    values: { after: BigInt(after), end: BigInt(end) },
    types: {}
  }
}
