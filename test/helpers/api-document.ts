import assert from 'node:assert/strict'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { Answer } from './bridge-server.ts'

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace']

interface Media { readonly schema: object, readonly example?: unknown, readonly examples?: Record<string, { value: unknown }> }

export interface Operation {
  readonly operationId: string
  readonly tags: string[]
  readonly security: Record<string, string[]>[]
  readonly parameters?: { name: string, in: string, required?: boolean, schema: object, description: string, example?: unknown }[]
  readonly requestBody?: { content: Record<string, Media> }
  readonly responses: Record<string, { description: string, content: Record<string, Media> }>
  readonly 'x-codeSamples': { lang: string, source: string }[]
}

/** The description of the HTTP API, with what it says of answers made to be checked. */
export class ApiDocument {
  readonly json: any
  /** By `GET /api/rooms/{room}/history`. */
  readonly operations = new Map<string, Operation>()
  /** Statuses that were seen, by operation. */
  readonly seen = new Map<string, Set<number>>()
  private readonly ajv = new Ajv2020({ allErrors: true, allowUnionTypes: true, keywords: ['components'], formats: { 'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, binary: true } })

  constructor (json: any) {
    this.json = json
    for (const [path, item] of Object.entries(json.paths as Record<string, Record<string, Operation>>)) {
      for (const [method, operation] of Object.entries(item)) {
        assert.ok(METHODS.includes(method), `${path} has ${method}`)
        this.operations.set(`${method.toUpperCase()} ${path}`, operation)
      }
    }
  }

  /** Whether a schema is one, and why not. */
  schemaFault (schema: object): string | null {
    return this.ajv.validateSchema(schema) === true ? null : this.ajv.errorsText(this.ajv.errors)
  }

  /** What is wrong with a value by a schema of the document, with members that it does not name; null when nothing is. */
  fault (schema: object, value: unknown): string | null {
    const validate = this.ajv.compile(closed({ ...schema, components: this.json.components }) as object)
    return validate(value) ? null : this.ajv.errorsText(validate.errors)
  }

  /** Throws unless the answer is one that the operation is said to give. */
  check (operation: string, { status, headers, text }: Answer): void {
    const described = this.operations.get(operation) ?? assert.fail(`there is no ${operation}`)
    this.seen.set(operation, (this.seen.get(operation) ?? new Set()).add(status))
    const response = described.responses[String(status)] ?? (status >= 400 ? described.responses.default : undefined) ?? assert.fail(`${operation} does not say that it answers ${status}: ${text}`)
    const type = (headers.get('content-type') ?? '').replace(/;.*/, '')
    const media = response.content[type] ?? assert.fail(`${operation} does not say that it answers ${status} as ${type}: ${text}`)
    if (!type.endsWith('json') || type.includes('nd')) return
    const fault = this.fault(media.schema, JSON.parse(text))
    assert.equal(fault, null, `${operation} ${status}: ${fault}: ${text}`)
  }
}

/** A schema whose objects have no members beside those that it names: answers may have more one day, but then they are described. */
function closed (schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed)
  if (typeof schema !== 'object' || schema === null) return schema
  const inner = Object.fromEntries(Object.entries(schema).map(([name, value]) => [name, name === 'examples' ? value : closed(value)]))
  return 'properties' in inner && 'type' in inner && !('additionalProperties' in inner) ? { ...inner, additionalProperties: false } : inner
}
