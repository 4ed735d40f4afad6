/** SQL that is true for the topics of a filter, and the values of its parameters. */
export interface Condition {
  readonly sql: string
  readonly values: Readonly<Record<string, string>>
}

/**
 * A valid topic filter as SQL on the column `topic`. The text of the filter only ever becomes a value. What stands
 * before the first wildcard becomes a range, which lets DuckDB skip blocks by the least and greatest topic in them.
 *
 * `name` makes the parameters of several conditions differ.
 */
export function topicCondition (filter: string, name: string): Condition {
  const wildcard = filter.search(/[+#]/)
  if (wildcard < 0) return { sql: `topic = $${name}`, values: { [name]: filter } }
  const range = rangeOf(filter.slice(0, wildcard), name)
  if (filter === '#') return range
  if (filter.endsWith('/#') && wildcard === filter.length - 1) {
    // `a/#` matches `a` too (4.7.1.2).
    return {
      sql: `(topic = $${name}_parent OR ${range.sql})`,
      values: { ...range.values, [`${name}_parent`]: filter.slice(0, -2) }
    }
  }
  return { sql: `(${range.sql} AND regexp_full_match(topic, $${name}))`, values: { ...range.values, [name]: patternOf(filter) } }
}

/** All topics that start with a literal; with nothing literal in front, all but those that belong to the broker. */
function rangeOf (prefix: string, name: string): Condition {
  // [MQTT-4.7.2-1]: a leading wildcard never reaches topics under `$`.
  if (prefix === '') return { sql: "NOT starts_with(topic, '$')", values: {} }
  // Every prefix ends with `/`, and `0` is the character after it.
  return {
    sql: `(topic >= $${name}_from AND topic < $${name}_to)`,
    values: { [`${name}_from`]: prefix, [`${name}_to`]: `${prefix.slice(0, -1)}0` }
  }
}

function patternOf (filter: string): string {
  const levels = filter.split('/')
  const open = levels.at(-1) === '#'
  if (open) levels.pop()
  const pattern = levels.map((level) => level === '+' ? '[^/]*' : escape(level)).join('/')
  // (?s): a topic may hold line breaks.
  return `(?s)${pattern}${open ? '(/.*)?' : ''}`
}

function escape (text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}
