/** What stands for an empty name: a tag can't be empty, and a percent sign alone is never written otherwise. */
const EMPTY = '%'

/** Control characters, the backslash, which would escape what follows a value, and the percent sign itself. */
// eslint-disable-next-line no-control-regex
const FORBIDDEN = /[\u0000-\u001f\u007f-\u009f%\\]/g

/** A name as the value of a tag: what line protocol can't hold is percent-encoded. */
export function tagOf (name: string): string {
  return name === '' ? EMPTY : name.replace(FORBIDDEN, encodeURIComponent)
}

/** The name again. */
export function nameOf (tag: string): string {
  return tag === EMPTY ? '' : decodeURIComponent(tag)
}
