import { LIST, VARCHAR, listValue } from '@duckdb/node-api'
import type { DuckDBType, DuckDBValue } from '@duckdb/node-api'
import type { HistoryQuery } from '../store.ts'
import type { Statement } from './statement.ts'
import { topicCondition } from './topic-condition.ts'

/** What a query says about where messages come from. */
export type Whereabouts = Pick<HistoryQuery, 'room' | 'filters' | 'exceptChannels' | 'exceptTopics'>

/** It as a condition on the columns room, channel and topic. */
export function conditionOf ({ room, filters, exceptChannels, exceptTopics }: Whereabouts): Statement {
  const topics = filters.map((filter, i) => topicCondition(filter, `filter${i}`))
  const conditions = [`(${topics.map(({ sql }) => sql).join(' OR ') || 'false'})`]
  const values: Record<string, DuckDBValue> = {}
  const types: Record<string, DuckDBType> = {}
  for (const topic of topics) Object.assign(values, topic.values)
  if (room !== null) {
    conditions.push('room = $room')
    values.room = room
  }
  const except = (column: 'channel' | 'topic', names: readonly string[]): void => {
    if (names.length === 0) return
    conditions.push(`NOT list_contains($except_${column}, ${column})`)
    values[`except_${column}`] = listValue([...names])
    types[`except_${column}`] = LIST(VARCHAR)
  }
  except('channel', exceptChannels)
  except('topic', exceptTopics)
  return { sql: conditions.join(' AND '), values, types }
}
