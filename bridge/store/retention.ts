/** How long messages are kept, by channel and by room. Milliseconds; null is forever. Plain data: it goes between threads. */
export interface RetentionRules {
  /** Where neither the channel nor the room says anything. */
  readonly fallback: number | null
  /** By name of the channel. */
  readonly channels: ReadonlyMap<string, number | null>
  /** Exact rooms, and prefixes without their `*`, longest first; `*` alone is the empty prefix. */
  readonly rooms: ReadonlyMap<string, number | null>
  readonly prefixes: readonly { readonly prefix: string, readonly retention: number | null }[]
}

export const KEEP_ALL: RetentionRules = { fallback: null, channels: new Map(), rooms: new Map(), prefixes: [] }

/** How long a message of a room and channel is kept: where both say something, the shorter one. */
export function retentionOf (rules: RetentionRules, room: string, channel: string): number | null {
  const given = [ofRoom(rules, room), rules.channels.get(channel)].filter(retention => retention !== undefined)
  if (given.length === 0) return rules.fallback
  const shortest = Math.min(...given.map(retention => retention ?? Infinity))
  return shortest === Infinity ? null : shortest
}

/** The shortest time that any message is kept; null when all are kept forever. */
export function shortestRetention ({ fallback, channels, rooms, prefixes }: RetentionRules): number | null {
  const all = [fallback, ...channels.values(), ...rooms.values(), ...prefixes.map(({ retention }) => retention)]
  const shortest = Math.min(...all.map(retention => retention ?? Infinity))
  return shortest === Infinity ? null : shortest
}

/** An exact room beats the longest prefix, as in tokens. */
function ofRoom ({ rooms, prefixes }: RetentionRules, room: string): number | null | undefined {
  return rooms.has(room) ? rooms.get(room) : prefixes.find(({ prefix }) => room.startsWith(prefix))?.retention
}
