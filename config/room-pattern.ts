import { roomFault } from '../protocol/names.ts'

/** Why a pattern names no rooms; the patterns are those of the `rooms` claim. */
export function roomPatternFault (pattern: string): string | null {
  return pattern === '*' ? null : roomFault(pattern.replace(/\*$/, ''))
}

export const PATTERN_REMEDY = 'name a room, a prefix as in acme.*, or "*"'
