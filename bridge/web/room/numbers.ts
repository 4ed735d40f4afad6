/** Members of JSON that are looked at, and how deep. */
const MOST_NUMBERS = 50
const DEEPEST = 4

/** The number that a reading is: itself, or its member `value`, as the server takes it. */
export function numberIn (payload: unknown): number | null {
  const value = isObject(payload) ? payload.value : payload
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}

/**
 * All numbers of a payload, by the field that the server knows them by: `''` for the payload itself, else the names of
 * members with dots between them. A name that has a dot itself can't be asked for.
 */
export function numbersIn (payload: unknown): Map<string, number> {
  const numbers = new Map<string, number>()
  const own = numberIn(payload)
  if (own !== null) numbers.set('', own)
  const look = (value: object, before: readonly string[]): void => {
    for (const [name, member] of Object.entries(value)) {
      const names = [...before, name]
      const field = names.join('.')
      if (numbers.size === MOST_NUMBERS || name === '' || name.includes('.') || field === 'value') continue
      if (isObject(member) && names.length < DEEPEST) look(member, names)
      else if (typeof member === 'number' && Number.isFinite(member)) numbers.set(field, member)
    }
  }
  if (isObject(payload)) look(payload, [])
  return numbers
}

/** What a number is called: by what its topic says behind the device, and its field. */
export function metricName (metric: string | null, field: string): string {
  if (field === '') return metric ?? 'value'
  return metric === null ? field : `${metric}/${field}`
}

function isObject (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value)
}
