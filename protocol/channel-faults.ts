import { ROLES } from './channel.ts'
import type { Channel } from './channel.ts'
import { roomFault } from './names.ts'
import { hasWildcard, isReserved, splitLevels, topicFault } from './topic.ts'

const SINGLE: ReadonlySet<string> = new Set(['{room}', '{device}', '{user}', '{name}'])
const channelRoles: ReadonlySet<string> = new Set(ROLES.flatMap(role => [role, `${role}:own`]))

/** What is wrong with a channel, one sentence each; empty if nothing is. Only checks what types can't say. */
export function channelFaults (channel: Channel): string[] {
  return [...templateFaults(channel), ...roomFaults(channel), ...roleFaults(channel)]
}

function templateFaults (channel: Channel): string[] {
  const { topic } = channel
  if (topic === '') return ['the topic is missing']
  if (isReserved(topic)) return ['the topic must not start with $: those belong to the broker']
  if (hasWildcard(topic)) return ['the topic must not hold + or #: placeholders such as {name} or {name...} take their place']
  const fault = topicFault(topic)
  if (fault !== null) return [fault]

  const faults: string[] = []
  const levels = splitLevels(topic)
  const seen = new Set<string>()
  for (const [i, level] of levels.entries()) {
    if (!level.includes('{') && !level.includes('}')) continue
    const rest = /^\{[a-z][a-z0-9_-]*\.\.\.\}$/i.test(level)
    if (rest ? /^\{(room|device|user)\.\.\.\}$/.test(level) : !SINGLE.has(level)) {
      faults.push(`the topic has ${level}; a level is plain text or one of {room}, {device}, {user}, {name}, {name...}`)
    }
    if (rest && i < levels.length - 1) faults.push(`the topic has ${level} before its end: it takes all that follows`)
    if (seen.has(level)) faults.push(`the topic has ${level} twice`)
    seen.add(level)
  }
  if (seen.has('{device}') && seen.has('{user}')) faults.push('the topic has {device} and {user}: only one of them can be "its own"')
  return faults
}

function roomFaults ({ topic, room }: Channel): string[] {
  const inTopic = splitLevels(topic).includes('{room}')
  if (room === null) return inTopic ? [] : ['the topic has no {room}, and no room is given for its messages']
  const faults: string[] = []
  if (inTopic) faults.push('the topic has {room}, and a room is given too: which one is meant?')
  const fault = roomFault(room)
  if (fault !== null) faults.push(`the room ${JSON.stringify(room)} is not valid: ${fault}`)
  return faults
}

function roleFaults (channel: Channel): string[] {
  const faults: string[] = []
  const ownable = splitLevels(channel.topic).some(level => level === '{device}' || level === '{user}')
  for (const key of ['publish', 'subscribe'] as const) {
    for (const role of channel[key]) {
      if (!channelRoles.has(role)) faults.push(`${key} names the role ${JSON.stringify(role)}; roles are ${ROLES.join(', ')}, each also as role:own`)
      else if (role.endsWith(':own') && !ownable) faults.push(`${key} names ${role}, but the topic has neither {device} nor {user}`)
    }
  }
  return faults
}
