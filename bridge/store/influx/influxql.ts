import type { HistoryQuery } from '../store.ts'
import { tagOf } from './tag-text.ts'

/** What is stored; everything else in its database is not ours. */
export const MEASUREMENT = '"messages"'

/** A name of InfluxQL, whatever is in it. */
export function identifier (name: string): string {
  return `"${name.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n')}"`
}

/** A string of InfluxQL, whatever is in it. */
function literal (text: string): string {
  return `'${text.replace(/['\\]/g, '\\$&').replaceAll('\n', '\\n')}'`
}

/** Between two positions, microseconds, both exclusive. Below them a timestamp holds the node. */
export function between (after: number, before: number): string {
  return `time > ${BigInt(after) * 1000n + 999n} AND time < ${BigInt(before) * 1000n}`
}

/** What the messages of a query have in common, beside their time; null if there can't be any. */
export function conditionOf ({ room, filters, exceptChannels, exceptTopics }: Pick<HistoryQuery, 'room' | 'filters' | 'exceptChannels' | 'exceptTopics'>): string | null {
  if (filters.length === 0) return null
  return [
    ...(room === null ? [] : [equals('room', room)]),
    `(${filters.map(topicCondition).join(' OR ')})`,
    ...exceptChannels.map(name => differs('channel', name)),
    ...exceptTopics.map(name => differs('topic', name))
  ].join(' AND ')
}

/** `topic` is one of these. */
export function topicIn (topics: readonly string[]): string {
  return `(${topics.map(topic => equals('topic', topic)).join(' OR ')})`
}

function equals (tag: string, name: string): string {
  return `"${tag}" = ${literal(tagOf(name))}`
}

function differs (tag: string, name: string): string {
  return `"${tag}" != ${literal(tagOf(name))}`
}

/** A valid topic filter as a condition on the tag `topic`. */
function topicCondition (filter: string): string {
  if (!/[+#]/.test(filter)) return equals('topic', filter)
  const levels = filter.split('/')
  const open = levels.at(-1) === '#'
  if (open) levels.pop()
  // [MQTT-4.7.2-1]: a leading wildcard never reaches topics under `$`.
  if (open && (levels.length === 0 || (levels.length === 1 && levels[0] === '+'))) return '"topic" !~ /^[$]/'
  // No topic is empty, and a pattern that could be finds nothing at all in InfluxDB.
  if (levels.length === 1 && levels[0] === '') return '"topic" =~ /^\\//'
  if (levels.length === 1 && levels[0] === '+') return '"topic" =~ /^[^$\\/][^\\/]*$/'
  const pattern = levels.map((level, i) => level === '' ? '' : level !== '+' ? escape(tagOf(level)) : i === 0 ? '([^$\\/][^\\/]*)?' : '[^\\/]*')
  // `a/#` matches `a` too (4.7.1.2).
  return `"topic" =~ /^${pattern.join('\\/')}${open ? '(\\/.*)?' : ''}$/`
}

/** For a regular expression between slashes; names as tags have neither slashes here nor line breaks. */
function escape (text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}
