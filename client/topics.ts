import { decodeSub, encodeSub, roomFault } from '../protocol/names.ts'
import { filterFault, topicFault } from '../protocol/topic.ts'
import { FoyerClientError } from './errors.ts'

export const OWN = '$me/#'
export const ERRORS = '$me/errors'
export const EXPIRING = '$me/auth/expiring'
export const REFRESH = '$me/auth/refresh'
export const REFRESHED = '$me/auth/refreshed'
export const REPLAY = '$me/replay'

/** What ends a name that was too long for a payload of the server's. */
const CUT = '…'

/** The kind of a message, by the channel that its topic names. `other` are channels of the operator's own. */
export type Kind = 'message' | 'telemetry' | 'state' | 'command' | 'result' | 'live' | 'presence' | 'roster' | 'other'

/** What a topic says. Parts that it does not have are null. */
export interface TopicParts {
  readonly kind: Kind
  readonly room: string | null
  /** Decoded: the `sub` of the device, or of the user in the roster. */
  readonly device: string | null
  /** Of telemetry, with its slashes; also the name of a live stream. */
  readonly metric: string | null
}

const OTHER: Omit<TopicParts, 'room'> = { kind: 'other', device: null, metric: null }

const kinds = new Map<string, Kind>([
  ['telemetry', 'telemetry'], ['state', 'state'], ['commands', 'command'], ['results', 'result'], ['presence', 'roster']
])

/** Takes a topic apart that the default channels declare. */
export function parseTopic (topic: string): TopicParts {
  const [root, room, channel, device, ...metric] = topic.split('/')
  if (root !== 'rooms' || room === undefined || channel === undefined) return { ...OTHER, room: null }
  const other = { ...OTHER, room }
  if (device === undefined) {
    const kind = channel === 'messages' ? 'message' : channel === 'presence' ? 'presence' : null
    return kind === null ? other : { ...other, kind }
  }
  if (channel === 'live') return { ...other, kind: 'live', metric: [device, ...metric].join('/') }
  const kind = kinds.get(channel)
  if (kind === undefined || (kind === 'telemetry') !== (metric.length > 0)) return other
  return { kind, room, device: decodeSub(device), metric: metric.length > 0 ? metric.join('/') : null }
}

/** The beginning of every topic of a room. Throws `usage` for what is no room. */
export function roomRoot (room: string): string {
  const fault = roomFault(room)
  if (fault !== null) throw new FoyerClientError('usage', `${JSON.stringify(room)} is no room: ${fault}`)
  return `rooms/${room}/`
}

/** A topic to publish on; throws `usage` instead of having the connection closed for it. */
export function checkedTopic (topic: string): string {
  const fault = topicFault(topic)
  if (fault !== null) throw new FoyerClientError('usage', `nothing can be published on ${JSON.stringify(topic)}: ${fault}`, { topic })
  return topic
}

export function checkedFilter (filter: string): string {
  const fault = filterFault(filter)
  if (fault !== null) throw new FoyerClientError('filter', `nobody can subscribe to ${JSON.stringify(filter)}: ${fault}`, { topic: filter })
  return filter
}

/** The filter that brings what was stored since then, in the words of a replay, and what comes. */
export function replaySince (since: string, filter: string): string {
  return `$replay/${since}/${filter}`
}

/** The same since so many milliseconds ago. */
export function replayAgo (ms: number, filter: string): string {
  return replaySince(`${Math.ceil(ms / 1000)}s`, filter)
}

export function isCut (name: string): boolean {
  return name.endsWith(CUT)
}

/** Whether the server means this topic or filter, which it may have cut off. */
export function isNameOf (name: string, full: string): boolean {
  return name === full || (isCut(name) && full.startsWith(name.slice(0, -CUT.length)))
}

/** A device in a topic of its room; '' is what no device can be. */
export function deviceLevel (device: string): string {
  if (device === '') throw new FoyerClientError('usage', 'a device has a name')
  return encodeSub(device)
}
