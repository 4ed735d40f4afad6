import type { ChannelSet } from './channels.ts'
import { levelFits } from './template.ts'
import { hasWildcard, splitLevels } from './topic.ts'

/**
 * The room that a filter names, without `$share/{group}/`; null when it leaves the room open or is about none. With a
 * wildcard in place of the room a filter means all rooms, and names none of them.
 */
export function roomOfFilter (channels: ChannelSet, filter: string): string | null {
  if (!hasWildcard(filter)) return channels.match(filter)?.room ?? null
  const levels = splitLevels(filter)
  for (const { levels: wanted, roomAt } of channels.templates) {
    const room = levels[roomAt]
    if (room === undefined || !levelFits({ kind: 'room' }, room)) continue
    if (wanted.slice(0, roomAt).every((level, i) => levels[i] === '+' || levelFits(level, levels[i]!))) return room
  }
  return null
}
