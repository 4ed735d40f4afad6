import type { ChannelSet, TopicMatch } from '../../protocol/channels.ts'
import { couldMatch } from '../../protocol/could-match.ts'
import { FoyerError } from '../../protocol/errors.ts'
import { encodeSub } from '../../protocol/names.ts'
import { decide } from '../../protocol/policy.ts'
import type { Subject } from '../../protocol/policy.ts'
import { filterMatches, isReserved } from '../../protocol/topic.ts'

/** What a caller may read of a room through a filter. */
export interface Permission {
  /** The complete filters that the filter in the request stands for. */
  readonly filters: readonly string[]
  /** Channels of which no message could be given to the caller. */
  readonly exceptChannels: readonly string[]
  /** Whether a message that one of `filters` matches may be given. */
  allows (topic: string): boolean
}

/**
 * Filters in requests stand inside the room (`messages` is `rooms/{room}/messages`); where channels adopt topics into
 * this room, which have no room in their name, also for themselves. Throws if nothing could ever be given.
 */
export function permissionFor (channels: ChannelSet, subject: Subject, room: string, filter: string): Permission {
  const inside = `rooms/${room}/${filter}`
  const adopts = channels.channels.some((channel) => channel.room === room) && !isReserved(filter)
  const filters = adopts ? [inside, filter] : [inside]
  const candidates = { rooms: [room], owners: [encodeSub(subject.sub)] }

  function accepts (topic: string, match: TopicMatch): boolean {
    return match.room === room &&
      (match.channel.room !== null || filterMatches(inside, topic)) &&
      decide(channels, subject, 'deliver', topic).allowed
  }
  // Leaves out at once what would only be read to be refused.
  const exceptChannels = channels.channels
    .filter((channel) => !filters.some((whole) => couldMatch(channels, whole, candidates, (topic, match) => match.channel === channel && accepts(topic, match)) !== null))
    .map(({ name }) => name)
  if (exceptChannels.length === channels.channels.length) {
    throw new FoyerError('policy', decide(channels, subject, 'subscribe', inside).rule)
  }

  const known = new Map<string, boolean>()
  return {
    filters,
    exceptChannels,
    allows (topic) {
      let allowed = known.get(topic)
      if (allowed === undefined) {
        const match = channels.match(topic)
        allowed = match !== null && accepts(topic, match)
        known.set(topic, allowed)
      }
      return allowed
    }
  }
}
