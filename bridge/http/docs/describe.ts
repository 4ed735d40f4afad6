import type { FastifySchema } from 'fastify'
import { errorEntry, errors, type ErrorCode } from '../../../protocol/errors.ts'
import { problem } from '../problem.ts'
import { curlLine, type Example } from './curl-line.ts'
import type { Members, Schema } from './schema.ts'

/** What the addresses are about, in the order of the page. */
export const TAGS = {
  Rooms: 'What rooms hold, for those whose token lets them read it.',
  Tokens: 'Who may do what, and until when.',
  Keeping: 'What is kept, taken along or forgotten.',
  Watching: 'How the server is.',
  About: 'This description.'
} as const

/** What a good answer is. */
export interface Answer {
  readonly description: string
  readonly schema: Schema
  /** A whole answer. */
  readonly example?: unknown
  /** JSON unless it says something else. */
  readonly type?: string
  /** The same in another form, by media type. */
  readonly alsoAs?: Readonly<Record<string, Schema>>
}

/**
 * What a route does, for people and programs. Documentation only: requests are judged by the parsers of the routes, which say
 * in one sentence what is wrong.
 */
export interface RouteDescription extends Pick<Example, 'method' | 'path' | 'body' | 'isEndless'> {
  /** A name that no other has, for generated clients. */
  readonly id: string
  readonly tag: keyof typeof TAGS
  readonly summary: string
  readonly description: string
  /** Whose token it takes. */
  readonly who: 'anyone' | 'user' | 'admin'
  readonly params?: Members
  readonly query?: Members
  readonly headers?: Members
  readonly bodySchema?: Schema
  readonly answers: Readonly<Record<number, Answer>>
  /** Codes that it may answer, beside those of tokens. */
  readonly problems?: readonly ErrorCode[]
}

/** The schema of a route. */
export type DescribedSchema = FastifySchema & { readonly 'x-codeSamples': readonly { readonly lang: string, readonly source: string }[] }

/** Of what there is for browsers alone, such as pages and style sheets: not in the document. */
export const hidden: FastifySchema = { hide: true }

export function describe (route: RouteDescription): DescribedSchema {
  const { id, tag, summary, description, params, query, headers, bodySchema, body, answers } = route
  return {
    operationId: id,
    tags: [tag],
    summary,
    description,
    security: securityOf(route),
    ...params !== undefined && { params: { type: 'object', properties: params } },
    ...query !== undefined && { querystring: { type: 'object', properties: query } },
    ...headers !== undefined && { headers: { type: 'object', properties: headers } },
    ...bodySchema !== undefined && { body: { ...bodySchema, examples: [body] } },
    response: { ...goodAnswers(answers), ...problemAnswers(route) },
    'x-codeSamples': [{ lang: 'Shell', source: curlLine(route) }]
  }
}

function securityOf ({ who, method, path }: RouteDescription): Record<string, string[]>[] {
  if (who === 'anyone') return []
  // OpenAPI 3.1 lets them name roles.
  const roles = who === 'admin' ? ['admin'] : []
  return takesTicket({ who, method, path }) ? [{ token: roles }, { ticket: roles }] : [{ token: roles }]
}

function takesTicket ({ who, method, path }: Pick<RouteDescription, 'who' | 'method' | 'path'>): boolean {
  return who !== 'anyone' && method === 'GET' && path.startsWith('/api/')
}

function goodAnswers (answers: RouteDescription['answers']): Record<string, Schema> {
  return Object.fromEntries(Object.entries(answers).map(([status, { description, schema, example, type = 'application/json', alsoAs = {} }]) => {
    const others = Object.entries(alsoAs).map(([type, schema]) => [type, { schema }] as const)
    return [status, { description, content: { [type]: { schema, ...example !== undefined && { example } }, ...Object.fromEntries(others) } }]
  }))
}

/** Codes of tokens that are no good here. */
const TOKEN_CODES = Array.from(errors.keys()).filter((code) => errorEntry(code).kind === 'connect' && errorEntry(code).status === 401)

/** By status, since OpenAPI knows no other names of answers; all have the same form, and the codes tell them apart. */
function problemAnswers (route: RouteDescription): Record<string, Schema> {
  const { who, path, problems = [] } = route
  const codes = new Set<ErrorCode>(problems)
  if (path.startsWith('/api/')) codes.add('rate')
  if (who !== 'anyone') for (const code of [...TOKEN_CODES, 'keysUnavailable' as const]) codes.add(code)
  if (takesTicket(route)) codes.add('ticket')
  if (who === 'admin') codes.add('policy')
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of codes) {
    const { status } = errorEntry(code)
    byStatus.set(status, [...byStatus.get(status) ?? [], code])
  }
  return {
    ...Object.fromEntries(Array.from(byStatus, ([status, codes]) => [status, problemAnswer(codes.map((code) => `\`${code}\`: ${errorEntry(code).sentence}`).join('; '), codes)])),
    default: problemAnswer('`internal`, or what any address may answer: a method that it does not take, a body that is too large', ['internal'])
  }
}

/** More examples than these would hide the rest. */
const EXAMPLES = 3

function problemAnswer (description: string, codes: readonly ErrorCode[]): Schema {
  const examples = Object.fromEntries(codes.slice(0, EXAMPLES).map((code) => [code, { summary: errorEntry(code).sentence, value: problem(code) }]))
  return { description, content: { 'application/problem+json': { schema: { $ref: 'Problem#' }, examples, 'x-codes': codes } } }
}
