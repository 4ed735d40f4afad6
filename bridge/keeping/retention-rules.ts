import type { Config } from '../../config/schema.ts'
import type { RetentionRules } from '../store/retention.ts'

/** What a configuration says of how long messages are kept, as the store takes it. */
export function retentionRules ({ store, channels, rooms }: Pick<Config, 'store' | 'channels' | 'rooms'>): RetentionRules {
  const isPrefix = (pattern: string): boolean => pattern.endsWith('*')
  return {
    fallback: store.retention,
    channels: new Map(channels.flatMap(({ name, retention }) => retention === null ? [] : [[name, forStore(retention)]])),
    rooms: new Map(rooms.filter(({ pattern }) => !isPrefix(pattern)).map(({ pattern, retention }) => [pattern, forStore(retention)])),
    prefixes: rooms
      .filter(({ pattern }) => isPrefix(pattern))
      .map(({ pattern, retention }) => ({ prefix: pattern.slice(0, -1), retention: forStore(retention) }))
      .sort((a, b) => b.prefix.length - a.prefix.length)
  }
}

/** In the configuration null is what nobody said, so it has another word for ever than everybody else. */
function forStore (retention: number): number | null {
  return retention === Infinity ? null : retention
}
