const units = new Map([['', 1], ['B', 1], ['KiB', 1024], ['MiB', 1024 ** 2], ['GiB', 1024 ** 3]])

/** Bytes of a size as people write it: 65536, 64KiB, 1MiB, 2GiB. `null` for anything else, 64KB included: it means two things. */
export function parseBytes (text: string): number | null {
  const match = /^(\d{1,15})(|B|KiB|MiB|GiB)$/.exec(text)
  if (match === null) return null
  const bytes = Number(match[1]) * units.get(match[2]!)!
  return Number.isSafeInteger(bytes) ? bytes : null
}
