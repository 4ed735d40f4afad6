import { isReplay, parseReplay } from './replay.ts'
import { textFault, utf8Length } from './text.ts'

/** More levels than this are refused: every level costs a step in every matcher, and no real topic comes near. */
export const MAX_LEVELS = 98

/** A topic travels with a two-byte length [MQTT-4.7.3-3]. */
const MAX_BYTES = 65_535

const SHARE = '$share/'

export function splitLevels (topic: string): string[] {
  return topic.split('/')
}

/** Topics that start with `$` belong to the broker. */
export function isReserved (topic: string): boolean {
  return topic.charCodeAt(0) === 0x24
}

/** Whether a filter could match more than one topic. */
export function hasWildcard (filter: string): boolean {
  return filter.includes('+') || filter.includes('#')
}

/** Why a PUBLISH must not carry this topic name; null if it may. */
export function topicFault (topic: string): string | null {
  const fault = commonFault(topic, 'topic')
  if (fault !== null) return fault
  // [MQTT-3.3.2-2]
  if (hasWildcard(topic)) return 'the topic holds + or #, which only filters may'
  return null
}

/** Why a SUBSCRIBE must not carry this topic filter; null if it may. */
export function filterFault (filter: string): string | null {
  const fault = commonFault(filter, 'filter')
  if (fault !== null) return fault
  if (isReplay(filter)) return replayFault(filter)
  if (!filter.startsWith(SHARE)) return wildcardFault(filter)
  const share = parseShare(filter)
  // [MQTT-4.8.2-1], [MQTT-4.8.2-2]
  if (share === null || share.group === '') return 'a shared filter is $share/{group}/{filter}, and its group is missing'
  if (hasWildcard(share.group)) return 'the group of a shared filter must not hold + or #'
  if (share.filter === '') return 'a shared filter is $share/{group}/{filter}, and its filter is missing'
  return wildcardFault(share.filter)
}

/** Why a filter under `$replay/` must not be subscribed to. */
function replayFault (filter: string): string | null {
  const replay = parseReplay(filter)!
  if (typeof replay === 'string') return replay
  if (replay.filter === '') return 'a replay is $replay/{since}/{filter}, and its filter is missing'
  // What is shared, or told to one connection, has no past.
  return isReserved(replay.filter) ? '$replay/{since}/ takes no filter that starts with $' : wildcardFault(replay.filter)
}

/** The parts of `$share/{group}/{filter}`, either of them possibly empty; null for any other filter. */
export function parseShare (filter: string): { group: string, filter: string } | null {
  if (!filter.startsWith(SHARE)) return null
  const slash = filter.indexOf('/', SHARE.length)
  if (slash < 0) return { group: filter.slice(SHARE.length), filter: '' }
  return { group: filter.slice(SHARE.length, slash), filter: filter.slice(slash + 1) }
}

/** Whether a topic is one that a valid filter (without `$share/{group}/`) asks for. Allocates nothing. */
export function filterMatches (filter: string, topic: string): boolean {
  // [MQTT-4.7.2-1]: a wildcard in front never reaches the topics of the broker.
  if (isReserved(topic) && (filter.charCodeAt(0) === 0x2b || filter.charCodeAt(0) === 0x23)) return false
  let f = 0
  let t = 0
  for (;;) {
    const wildcard = filter.charCodeAt(f)
    if (wildcard === 0x23) return true
    if (wildcard === 0x2b) {
      f++
      while (t < topic.length && topic.charCodeAt(t) !== 0x2f) t++
    } else {
      while (f < filter.length && filter.charCodeAt(f) !== 0x2f && filter.charCodeAt(f) === topic.charCodeAt(t)) {
        f++
        t++
      }
    }
    // Both must stand at the end of a level now.
    const filterEnds = f >= filter.length
    const topicEnds = t >= topic.length
    if (!filterEnds && filter.charCodeAt(f) !== 0x2f) return false
    if (!topicEnds && topic.charCodeAt(t) !== 0x2f) return false
    if (filterEnds) return topicEnds
    f++
    // `a/#` asks for the parent `a` too (4.7.1.2).
    if (topicEnds) return filter.charCodeAt(f) === 0x23
    t++
  }
}

function commonFault (text: string, what: 'topic' | 'filter'): string | null {
  // [MQTT-4.7.3-1]
  if (text === '') return `the ${what} is empty`
  if (text.length > MAX_BYTES || utf8Length(text) > MAX_BYTES) return `the ${what} is longer than ${MAX_BYTES} bytes`
  // [MQTT-4.7.3-2] and [MQTT-1.5.4-1]
  const fault = textFault(text)
  if (fault !== null) return `the ${what} ${fault}`
  let levels = 1
  for (let i = text.indexOf('/'); i >= 0; i = text.indexOf('/', i + 1)) levels++
  if (levels > MAX_LEVELS) return `the ${what} has ${levels} levels, more than ${MAX_LEVELS}`
  return null
}

function wildcardFault (filter: string): string | null {
  if (!hasWildcard(filter)) return null
  const levels = splitLevels(filter)
  for (let i = 0; i < levels.length; i++) {
    const level = levels[i]!
    if (level.length > 1) {
      // [MQTT-4.7.1-1], [MQTT-4.7.1-2]: a wildcard takes a whole level.
      if (level.includes('#')) return 'the filter has # as a part of a level; it takes a whole one'
      if (level.includes('+')) return 'the filter has + as a part of a level; it takes a whole one'
    } else if (level === '#' && i < levels.length - 1) {
      // [MQTT-4.7.1-1]
      return 'the filter has # before its end'
    }
  }
  return null
}
