import { setImmediate as turn } from 'node:timers/promises'
import type { ChannelSet } from '../../protocol/channels.ts'
import { couldMatch } from '../../protocol/could-match.ts'
import { encodeSub } from '../../protocol/names.ts'
import type { Removal } from '../store/store.ts'

/** Verdicts that are worked out before others get a turn. */
const SLICE = 50
/** The same of those that are known already. */
const KNOWN_SLICE = 5000

/**
 * Tells whether retention has removed something behind a position that a filter may have matched and `allows` accepted.
 * It knows rooms and channels, and not topics: of a channel that the filter takes a part of it says that it may be so.
 */
export function watchLosses (removals: () => readonly Removal[], channels: ChannelSet, filter: string, sub: string, allows: (topic: string) => boolean): (after: number) => Promise<boolean> {
  // By channel and room. There may be very many rooms.
  const verdicts = new Map<string, boolean>()
  const owners = [encodeSub(sub)]

  function judge ({ room, channel }: Removal): boolean {
    return couldMatch(channels, filter, { rooms: [room], owners }, (topic, match) => match.channel.name === channel && match.room === room && allows(topic)) !== null
  }

  /** What was looked through without finding any, and from which position on. A page of a replay lies behind the one before. */
  let clear: { readonly list: readonly Removal[], readonly after: number } | null = null

  return async (after) => {
    const list = removals()
    if (clear?.list === list && after >= clear.after) return false
    let work = 0
    for (const removal of list) {
      if (removal.upTo <= after) continue
      const key = `${removal.channel} ${removal.room}`
      let verdict = verdicts.get(key)
      work += verdict === undefined ? KNOWN_SLICE / SLICE : 1
      if (work >= KNOWN_SLICE) {
        work = 0
        await turn()
      }
      if (verdict === undefined) verdicts.set(key, verdict = judge(removal))
      if (verdict) return true
    }
    clear = { list, after }
    return false
  }
}
