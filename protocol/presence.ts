import type { ChannelSet } from './channels.ts'
import { encodeSub } from './names.ts'
import { fillTemplate } from './template.ts'
import { utf8Length } from './text.ts'

/** What is published on a room's presence channel when users come and go. */
export interface PresenceEvent {
  readonly event: 'joined' | 'left'
  readonly room: string
  /** `sub`s, not encoded. */
  readonly users: readonly string[]
  /** ISO 8601 with milliseconds. */
  readonly timestamp: string
}

/** What a room's roster keeps for each user who is there, retained under the user's name; an empty payload clears it. */
export interface RosterEntry {
  /** `sub`, not encoded. */
  readonly user: string
  /** When the user joined, ISO 8601 with milliseconds. */
  readonly since: string
}

/**
 * The payloads that tell an event, as few as can be with none larger than `maxBytes`: a thousand users may come at once.
 * A user whose name alone is too large for that gets a payload of its own.
 */
export function presencePayloads ({ event, room, users, timestamp }: PresenceEvent, maxBytes: number): string[] {
  const payloads: string[] = []
  const head = `{"event":"${event}","room":${JSON.stringify(room)},"users":[`
  const tail = `],"timestamp":"${timestamp}"}`
  const bare = utf8Length(head) + utf8Length(tail)
  let names: string[] = []
  let bytes = bare
  for (const user of users) {
    const name = JSON.stringify(user)
    const length = utf8Length(name) + 1
    if (names.length > 0 && bytes + length - 1 > maxBytes) {
      payloads.push(head + names.join(',') + tail)
      names = []
      bytes = bare
    }
    names.push(name)
    bytes += length
  }
  if (names.length > 0) payloads.push(head + names.join(',') + tail)
  return payloads
}

/** Where events of a room are published; null where the channels leave no place for them. */
export function presenceTopic (channels: ChannelSet, room: string): string | null {
  return topicOf(channels, 'presence', room, null)
}

/** Where a user's entry in the roster of a room is; null likewise. */
export function rosterTopic (channels: ChannelSet, room: string, user: string): string | null {
  return topicOf(channels, 'roster', room, encodeSub(user))
}

function topicOf ({ channels, templates, match }: ChannelSet, name: string, room: string, own: string | null): string | null {
  const index = channels.findIndex(channel => channel.name === name)
  const topic = index < 0 ? null : fillTemplate(templates[index]!, room, own)
  // A channel that is matched earlier may have taken it.
  return topic !== null && match(topic)?.channel === channels[index] ? topic : null
}
