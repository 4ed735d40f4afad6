/** A request that anybody may send as it is. */
export interface Example {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** The address, from its `/` on, with a query if it has one. */
  readonly path: string
  /** What is sent as JSON. */
  readonly body?: unknown
  readonly who: 'anyone' | 'user' | 'admin'
  /** Whether the answer goes on for as long as somebody reads it. */
  readonly isEndless?: boolean
}

/** Where examples are sent to, until somebody says where the server is. */
export const EXAMPLE_ORIGIN = 'http://127.0.0.1:8080'

/** Shell variables that hold tokens: the page says how to get them. */
const VARIABLES = { user: 'TOKEN', admin: 'ADMIN' } as const

/** A line for a shell. Nothing in it has a single quote: all of it comes from the descriptions of routes. */
export function curlLine ({ method, path, body, who, isEndless = false }: Example): string {
  return [
    isEndless ? 'curl -sN' : 'curl -s',
    ...method === 'GET' || body !== undefined ? [] : [`-X ${method}`],
    ...who === 'anyone' ? [] : [`-H "Authorization: Bearer $${VARIABLES[who]}"`],
    ...body === undefined ? [] : [`-H 'content-type: application/json' -d '${JSON.stringify(body)}'`],
    `'${EXAMPLE_ORIGIN}${path}'`
  ].join(' ')
}
