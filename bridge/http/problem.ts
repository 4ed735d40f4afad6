import { errorEntry } from '../../protocol/errors.ts'
import type { ErrorCode, FoyerError } from '../../protocol/errors.ts'

/** The body of every HTTP error [RFC 9457], with the code that MQTT uses for the same refusal. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly code: ErrorCode
  readonly detail: string
  readonly remedy: string
}

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8'

/** `detail` says what happened this time; `remedy` and `status` replace those of the table where it speaks too generally. */
export function problem (code: ErrorCode, detail?: string, remedy?: string, status?: number): Problem {
  const entry = errorEntry(code)
  return {
    type: `urn:foyer:error:${code}`,
    title: entry.sentence,
    status: status ?? entry.status,
    code,
    detail: detail ?? entry.sentence,
    remedy: remedy ?? entry.remedy
  }
}

/** What a token's holder reads when the fix differs between CONNECT and an HTTP header. */
const httpRemedies = new Map<ErrorCode, string>([
  ['credentialsMissing', 'send the JWT in the header: Authorization: Bearer <token>'],
  ['filter', 'see the detail']
])

export function problemOf (error: FoyerError): Problem {
  return problem(error.code, error.message, httpRemedies.get(error.code))
}
