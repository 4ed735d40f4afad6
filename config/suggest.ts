import { keyList } from './key-list.ts'
import { nearest } from './nearest.ts'

/** What to do about a key that doesn't exist: the one that was probably meant. */
export function suggestKey (path: readonly string[]): string {
  const name = path.join('.')
  if (keyList.has(name)) {
    const [outer, inner] = name.split('.')
    return `nest it: a line "${outer}:", and indented below it "${inner}: ..."`
  }
  const last = path.at(-1) ?? ''
  const section = path.slice(0, -1).join('.')
  const neighbours = [...keyList.values()].filter((listed) => listed.path.slice(0, -1).join('.') === section)
  const near = nearest(last, neighbours.map((listed) => listed.path.at(-1)!))
  if (near !== null) return didYouMean([...path.slice(0, -1), near].join('.'))
  const like = nearest(name, keyList.keys())
  if (like !== null) return didYouMean(like)
  const elsewhere = [...keyList.values()].filter((listed) => listed.path.at(-1)!.toLowerCase() === last.toLowerCase())
  if (elsewhere.length > 0) return didYouMean(elsewhere.map((listed) => listed.name).join(' or '))
  return 'remove it, or see docs/configuration.md for the keys there are'
}

const didYouMean = (name: string): string => `did you mean ${name}?`
