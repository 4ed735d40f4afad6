/** What the server adds to a command, and its own `id`. */
const STAMPS = new Set(['id', 'ref', 'room', 'sender', 'timestamp'])

/** A member that a device takes: returns why a value can't be one, null when it can. */
export type Check = (value: unknown) => string | null

/**
 * Checks a command as a whole, so that a device does all of it or nothing. Throws an Error that says what is wrong, and
 * what it would take.
 */
export function checkOrder (members: ReadonlyMap<string, unknown>, takes: ReadonlyMap<string, Check>): void {
  const names = [...takes.keys()].join(', ')
  let orders = 0
  for (const [name, value] of members) {
    if (STAMPS.has(name)) continue
    const check = takes.get(name)
    if (check === undefined) throw new Error(`it knows nothing of ${JSON.stringify(name.slice(0, 40))}: it takes ${names}`)
    const fault = check(value)
    if (fault !== null) throw new Error(`${name} ${fault}, not ${(JSON.stringify(value) ?? 'nothing').slice(0, 40)}`)
    orders++
  }
  if (orders === 0) throw new Error(`it says nothing to do: it takes ${names}`)
}

export function isFlag (value: unknown): string | null {
  return typeof value === 'boolean' ? null : 'is true or false'
}

export function isNumber (least: number, most: number): Check {
  return value => typeof value === 'number' && value >= least && value <= most ? null : `is a number from ${least} to ${most}`
}

export function isOneOf (...words: readonly string[]): Check {
  return value => words.includes(value as string) ? null : `is one of ${words.join(', ')}`
}
