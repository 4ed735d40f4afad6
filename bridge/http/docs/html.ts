const entities = new Map([['&', '&amp;'], ['<', '&lt;'], ['>', '&gt;'], ['"', '&quot;'], ["'", '&#39;']])

/** HTML in which every value is text, whatever it holds, unless it is HTML from here already. */
export function html (parts: TemplateStringsArray, ...values: readonly (string | number | Raw | readonly Raw[])[]): Raw {
  let text = parts[0] ?? ''
  for (const [i, value] of values.entries()) text += textOf(value) + (parts[i + 1] ?? '')
  return new Raw(text)
}

/** HTML that `html` made. */
export class Raw {
  readonly text: string
  constructor (text: string) { this.text = text }
}

function textOf (value: string | number | Raw | readonly Raw[]): string {
  if (value instanceof Raw) return value.text
  if (typeof value === 'object') return value.map(({ text }) => text).join('')
  return String(value).replace(/[&<>"']/g, (character) => entities.get(character) ?? '')
}
