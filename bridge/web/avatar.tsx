import type { JSX } from 'preact'

const HUES = 8

/** The first letter of a name, in one of a few colours that stays the same. What it stands for is written beside it. */
export function Avatar ({ name }: { name: string }): JSX.Element {
  let sum = 0
  for (const character of name) sum = (sum * 31 + character.codePointAt(0)!) % 65_521
  return <span class={`avatar hue-${sum % HUES}`} aria-hidden='true'>{([...name][0] ?? '?').toUpperCase()}</span>
}
