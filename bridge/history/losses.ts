import { setImmediate as turn } from 'node:timers/promises'
import type { ChannelSet } from '../../protocol/channels.ts'
import { couldMatch } from '../../protocol/could-match.ts'
import { encodeSub } from '../../protocol/names.ts'
import type { Removal } from '../store/store.ts'

/** Verdicts that are worked out before others get a turn. */
const SLICE = 50

/**
 * Tells whether retention has removed something behind a position that a filter may have matched and `allows` accepted.
 * It knows rooms and channels, and not topics: of a channel that the filter takes a part of it says that it may be so.
 */
export function watchLosses (removals: () => readonly Removal[], channels: ChannelSet, filter: string, sub: string, allows: (topic: string) => boolean): (after: number) => Promise<boolean> {
  // By channel and room. It is asked for every page, and there may be very many rooms.
  const verdicts = new Map<string, boolean>()
  const owners = [encodeSub(sub)]

  function judge ({ room, channel }: Removal): boolean {
    return couldMatch(channels, filter, { rooms: [room], owners }, (topic, match) => match.channel.name === channel && match.room === room && allows(topic)) !== null
  }

  return async (after) => {
    let judged = 0
    for (const removal of removals()) {
      if (removal.upTo <= after) continue
      const key = `${removal.channel} ${removal.room}`
      let verdict = verdicts.get(key)
      if (verdict === undefined) {
        if (++judged % SLICE === 0) await turn()
        verdicts.set(key, verdict = judge(removal))
      }
      if (verdict) return true
    }
    return false
  }
}
