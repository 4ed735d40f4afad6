import type { Channel } from '../../../protocol/channel.ts'
import type { ChannelSet } from '../../../protocol/channels.ts'
import { decide, type Subject } from '../../../protocol/policy.ts'
import { templateFilter, type Template } from '../../../protocol/template.ts'
import { splitLevels } from '../../../protocol/topic.ts'

/** What a topic is about. */
export interface Place {
  readonly device: string
  /** What of it; null for the device itself. */
  readonly metric: string | null
}

/** Topics that a channel has adopted into a room, as devices had them before: the room is not in their names. */
export interface Adopted {
  /** Asks for all of them. */
  readonly filter: string
  /** Whether they have a history. */
  readonly isStored: boolean
  /** Null for topics that the filter matches as well: those of other channels, and such as have the room in their names. */
  placeOf (topic: string): Place | null
}

/** What channels have adopted into a room, as far as a token may receive it. */
export function adoptedInto (room: string, channels: ChannelSet, subject: Subject): readonly Adopted[] {
  return channels.channels.flatMap((channel, i) => {
    const template = channels.templates[i]!
    const filter = templateFilter(template)
    if (channel.room !== room || !decide(channels, subject, 'subscribe', filter).allowed) return []
    return [{ filter, isStored: channel.store, placeOf: topic => topic.startsWith(`rooms/${room}/`) ? null : placeOf(channels, channel, template, topic) } satisfies Adopted]
  })
}

/** A device is named by its topic, up to the level that the channel calls so, or else the first that it leaves open. */
function placeOf (channels: ChannelSet, channel: Channel, { levels, ownAt }: Template, topic: string): Place | null {
  if (channels.match(topic)?.channel !== channel) return null
  const open = levels.findIndex(({ kind }) => kind !== 'literal')
  const parts = splitLevels(topic)
  const end = (ownAt >= 0 ? ownAt : open >= 0 ? open : parts.length - 1) + 1
  return { device: parts.slice(0, end).join('/'), metric: end < parts.length ? parts.slice(end).join('/') : null }
}
