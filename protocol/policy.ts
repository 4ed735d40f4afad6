import type { Channel, ChannelRole, QoS } from './channel.ts'
import type { ChannelSet, TopicMatch } from './channels.ts'
import { couldMatch, spelledOut } from './could-match.ts'
import type { ErrorCode } from './errors.ts'
import type { Grants } from './grants.ts'
import { encodeSub } from './names.ts'
import { replayed } from './replay.ts'
import { roleIn } from './room-grants.ts'
import { sampleRooms } from './sample-rooms.ts'
import { filterFault, hasWildcard, isReserved, parseShare, topicFault } from './topic.ts'

/** Who asks: what a verified token says. */
export interface Subject {
  readonly sub: string
  readonly grants: Grants
  readonly admin: boolean
}

export interface Decision {
  readonly allowed: boolean
  /** Null exactly if allowed. */
  readonly code: ErrorCode | null
  /** The rule that decided, in words for people. */
  readonly rule: string
  /** Where the topic belongs; null for a filter with wildcards, and outside every channel. */
  readonly match: TopicMatch | null
}

/** `deliver`: may a message on this topic reach the subject? `subscribe`: may it ask for this filter? */
export type Action = 'publish' | 'deliver' | 'subscribe'

/**
 * The one place that says what a token may do; broker, HTTP, `foyer explain` and UI all ask here. What no rule allows
 * is refused. A filter with wildcards is allowed if it could match anything that may be delivered: each message is
 * judged again, by `deliver`.
 */
export function decide (channels: ChannelSet, subject: Subject, action: Action, topic: string, qos: QoS = 2): Decision {
  switch (action) {
    case 'publish': return decidePublish(channels, subject, topic, qos)
    case 'deliver': return decideTopic(channels, subject, 'subscribe', topic)
    case 'subscribe': return decideSubscribe(channels, subject, topic)
    default: return refuse('policy', 'this action is not known')
  }
}

function decidePublish (channels: ChannelSet, subject: Subject, topic: string, qos: QoS): Decision {
  const decision = decideTopic(channels, subject, 'publish', topic)
  const channel = decision.match?.channel
  if (!decision.allowed || channel === undefined) return decision
  if (channel.belowQos === 'refuse' && qos < channel.qos) {
    return refuse('belowQos', `channel ${channel.name} takes QoS ${channel.qos}${channel.qos < 2 ? ' or more' : ''}, this is QoS ${qos}`, decision.match)
  }
  return decision
}

function decideSubscribe (channels: ChannelSet, subject: Subject, filter: string): Decision {
  const fault = filterFault(filter)
  if (fault !== null) return refuse('filter', fault)
  const share = parseShare(filter)
  if (share === null) return isReserved(filter) ? decideReserved(channels, subject, filter) : decideFilter(channels, subject, filter)
  // What one connection or an admin is told is not for a group to share.
  if (isReserved(share.filter)) return refuse('filter', '$share/{group}/ takes no filter that starts with $')
  return decideFilter(channels, subject, share.filter)
}

/** Filters under `$`, by their first level; a wildcard there never means one of these [MQTT-4.7.2-1]. */
function decideReserved (channels: ChannelSet, subject: Subject, filter: string): Decision {
  const first = filter.split('/', 1)[0]
  if (first === '$me') return allow('$me/ is for each connection about itself')
  if (first === '$SYS') return subject.admin ? allow('your token is an admin\'s') : refuse('policy', '$SYS/ is for admins: a token with "admin": true')
  if (first === '$replay') return decideFilter(channels, subject, replayed(filter))
  return refuse('policy', `no filter under ${first} is served`)
}

function decideFilter (channels: ChannelSet, subject: Subject, filter: string): Decision {
  if (!hasWildcard(filter)) return decideTopic(channels, subject, 'subscribe', filter)
  const owner = encodeSub(subject.sub)
  const candidates = { rooms: sampleRooms(subject.grants, spelledOut(channels, filter).add(owner)), owners: [owner] }
  const found = couldMatch(channels, filter, candidates, (_topic, match) => judge(subject, 'subscribe', match).allowed)
  if (found === null) return refuse('policy', `no grant of your token lets it receive anything that ${filter} could match`)
  return allow(`${filter} covers what your token may receive, for one: ${judge(subject, 'subscribe', found).rule}`)
}

function decideTopic (channels: ChannelSet, subject: Subject, side: 'publish' | 'subscribe', topic: string): Decision {
  const fault = topicFault(topic)
  if (fault !== null) return refuse('topic', fault)
  if (isReserved(topic)) return refuse('topic', 'topics that start with $ belong to the broker')
  const match = channels.match(topic)
  if (match === null) return refuse('topic', 'the topic lies outside every channel')
  return judge(subject, side, match)
}

/** The rule of one channel in one room. What differs from token to token comes first: `$me/errors` has room for little. */
function judge (subject: Subject, side: 'publish' | 'subscribe', match: TopicMatch): Decision {
  const { channel, room, own } = match
  const grant = roleIn(subject.grants, room)
  if (grant === null) return refuse('policy', `no grant of your token covers room ${room}`, match)
  const { role, pattern } = grant
  const roles = channel[side]
  const ownRole: ChannelRole = `${role}:own`
  const isOwn = own !== null && own === subject.sub
  if (roles.includes(role) || (isOwn && roles.includes(ownRole))) {
    return allow(`you are ${role} in ${room} (grant "${pattern}"); ${channelRule(channel, side)}`, match)
  }
  if (roles.includes(ownRole)) {
    const level = channel.topic.includes('{user}') ? '{user}' : '{device}'
    const only = side === 'publish' ? `takes ${role} only from "its own"` : `gives ${role} only "its own"`
    const whose = own === null ? `${level} is nobody's sub` : `${level} is ${own}`
    return refuse('policy', `${whose}, your sub is ${subject.sub}: channel ${channel.name} ${only}`, match)
  }
  return refuse('policy', `you are ${role} in ${room} (grant "${pattern}"); ${channelRule(channel, side)}`, match)
}

/** Every decision carries its rule, so the part that only depends on the channel is built once. */
const channelRules = { publish: new WeakMap<Channel, string>(), subscribe: new WeakMap<Channel, string>() }

function channelRule (channel: Channel, side: 'publish' | 'subscribe'): string {
  const known = channelRules[side].get(channel)
  if (known !== undefined) return known
  const rule = `channel ${channel.name} lets ${namesOf(channel[side])} ${side}`
  channelRules[side].set(channel, rule)
  return rule
}

function namesOf (roles: readonly ChannelRole[]): string {
  if (roles.length === 0) return 'nobody'
  const names = roles.map(role => role.endsWith(':own') ? `${role.slice(0, -4)} ("its own")` : role)
  return names.length === 1 ? names[0]! : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}

function allow (rule: string, match: TopicMatch | null = null): Decision {
  return { allowed: true, code: null, rule, match }
}

function refuse (code: ErrorCode, rule: string, match: TopicMatch | null = null): Decision {
  return { allowed: false, code, rule, match }
}
