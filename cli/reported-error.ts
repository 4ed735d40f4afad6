import { errors, type ErrorCode } from '../protocol/errors.ts'

/** Where the server says no to one connection. */
export const ERRORS_TOPIC = '$me/errors'

/** A report of `$me/errors` as a person reads it: where, unless that is the known topic, what, and the remedy. */
export function describeReport (payload: Buffer, known = ''): string {
  try {
    const { code, message, topic } = JSON.parse(payload.toString()) as { code: string, message?: string, topic?: string }
    const remedy = errors.get(code as ErrorCode)?.remedy
    return `${topic === undefined || topic === known || topic === '' ? '' : `${topic}: `}${message ?? ''} [${code}]${remedy === undefined ? '' : `. ${remedy}`}`
  } catch {
    return payload.toString()
  }
}
