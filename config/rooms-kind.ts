import { z } from 'zod'
import { keepingTime } from './keeping-time.ts'
import { key } from './key.ts'
import type { Kind } from './key.ts'
import { refuse } from './kinds.ts'
import { isRecord, readRecord } from './record.ts'
import { PATTERN_REMEDY, roomPatternFault } from './room-pattern.ts'

/** What the configuration says of the rooms that a pattern names. */
export interface ConfigRoom {
  /** A room, `prefix.*` or `*`. */
  readonly pattern: string
  /** Milliseconds that messages are kept; Infinity is for ever. */
  readonly retention: number
}

/** The keys of the rooms of one pattern. */
export const roomKeys = {
  retention: key(keepingTime, undefined, 'How long stored messages are kept, or `off` for ever. Where their channel says it too, the shorter one holds.')
}

const EXAMPLE = 'write it like: rooms: { "acme.*": { retention: 30d } }'

/** From patterns with what the file says of their rooms. */
export const roomsKind: Kind<readonly ConfigRoom[]> = {
  schema: z.unknown().transform((value, ctx) => {
    if (!isRecord(value)) return refuse(ctx, 'must be a map from rooms to their keys', EXAMPLE)
    return Object.entries(value).map(([pattern, written]): ConfigRoom => {
      const fault = roomPatternFault(pattern)
      if (fault !== null) return refuse(ctx, `is no room: ${fault}`, PATTERN_REMEDY, [pattern])
      if (!isRecord(written)) return refuse(ctx, 'must be a group of keys', EXAMPLE, [pattern])
      // Where it is missing an issue was added, and the value is not used.
      return { pattern, retention: readRecord(roomKeys, written, ctx, [pattern]).retention! }
    })
  }),
  expects: 'a map from rooms to their keys',
  fromText: null
}
