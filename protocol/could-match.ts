import type { ChannelSet, TopicMatch } from './channels.ts'
import { isRoom } from './names.ts'
import { levelFits } from './template.ts'
import type { Template } from './template.ts'
import { filterMatches, isReserved, MAX_LEVELS, splitLevels } from './topic.ts'

/** What a search for a topic may put on the levels that a filter leaves open. */
export interface Candidates {
  /** Rooms, one for each way in which rooms may differ in the eyes of `accepts`. */
  readonly rooms: readonly string[]
  /** Levels of `{device}` and `{user}` that `accepts` may treat specially. */
  readonly owners: readonly string[]
}

/** Every text that templates and a filter spell out; a candidate room that equals one of them stands only for itself. */
export function spelledOut (channels: ChannelSet, filter: string): Set<string> {
  const texts = new Set(splitLevels(filter))
  for (const { levels } of channels.templates) {
    for (const level of levels) if (level.kind === 'literal') texts.add(level.text)
  }
  return texts
}

/**
 * The first topic found that a filter could match and that `accepts`, judged by the channel that the topic truly
 * belongs to; null if there is none.
 *
 * It builds topics level by level. Where the filter leaves a level open, templates can tell apart only what they spell
 * out, rooms, owners and anything else: trying one of each is as good as trying all topics. Branches that fit no
 * template end at once, and states that were seen are not entered again, which keeps the search small however the
 * templates overlap.
 */
export function couldMatch (
  channels: ChannelSet, filter: string, candidates: Candidates, accepts: (topic: string, match: TopicMatch) => boolean
): TopicMatch | null {
  const { templates } = channels
  const wanted = splitLevels(filter)
  const open = wanted.at(-1) === '#'
  const fixed = open ? wanted.length - 1 : wanted.length
  // One level beyond the filter and the longest template only open templates are left, and further levels change nothing.
  const longest = Math.max(fixed, ...templates.map(template => template.levels.length)) + 1
  const deepest = open ? Math.min(longest, MAX_LEVELS) : fixed
  const spelled = spelledOut(channels, filter)
  for (const owner of candidates.owners) spelled.add(owner)
  const other = otherThan(spelled)
  const seen = new Set<string>()

  function search (levels: string[], alive: readonly number[]): TopicMatch | null {
    // `a/#` matches `a` too (4.7.1.2).
    if (levels.length >= fixed && levels.length > 0) {
      const topic = levels.join('/')
      const match = filterMatches(filter, topic) ? channels.match(topic) : null
      if (match !== null && accepts(topic, match)) return match
    }
    if (levels.length >= deepest) return null
    for (const text of textsAt(levels.length, alive)) {
      const next = [...levels, text]
      const left = alive.filter(i => fitsAt(templates[i]!, levels.length, text))
      const state = stateOf(next, left)
      if (left.length === 0 || seen.has(state)) continue
      seen.add(state)
      const found = search(next, left)
      if (found !== null) return found
    }
    return null
  }

  function textsAt (at: number, alive: readonly number[]): Iterable<string> {
    if (at < fixed && wanted[at] !== '+') return [wanted[at]!]
    const texts = new Set<string>()
    for (const i of alive) {
      const level = levelAt(templates[i]!, at)
      if (level?.kind === 'literal') texts.add(level.text)
      if (level?.kind === 'room') for (const room of candidates.rooms) texts.add(room)
      if (level?.kind === 'own') for (const owner of candidates.owners) texts.add(owner)
    }
    // An empty level fits fewer templates than any other: the topic may belong to another channel for it.
    texts.add(other).add('')
    return texts
  }

  /** All that the rest of a topic, and the verdict on it, depend on. */
  function stateOf (levels: readonly string[], alive: readonly number[]): string {
    const parts = alive.map(i => [i, levels[templates[i]!.roomAt], levels[templates[i]!.ownAt]])
    return JSON.stringify([levels.length, parts])
  }

  return isReserved(filter) ? null : search([], templates.map((_, i) => i))
}

function levelAt (template: Template, at: number) {
  return template.levels[at] ?? (template.open ? template.levels.at(-1) : undefined)
}

function fitsAt (template: Template, at: number, text: string): boolean {
  const level = levelAt(template, at)
  return level !== undefined && levelFits(level, text)
}

/** A level that is no room, nobody's, and spelled out nowhere. */
function otherThan (spelled: ReadonlySet<string>): string {
  let text = '.'
  while (spelled.has(text) || isRoom(text)) text += '.'
  return text
}
