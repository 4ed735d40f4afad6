/** A JSON Schema, as OpenAPI 3.1 takes it. */
export type Schema = Readonly<Record<string, unknown>>

/** Members of an object, or parameters, by name. */
export type Members = Readonly<Record<string, Schema>>

/** Each of these says what a value is, and maybe gives one. */
export function text (description: string, example?: string, more: Schema = {}): Schema {
  return simple('string', description, example, more)
}

export function time (description: string, example = '2026-11-24T05:10:34.812Z'): Schema {
  return text(description, example, { format: 'date-time' })
}

export function integer (description: string, example?: number, more: Schema = {}): Schema {
  return simple('integer', description, example, more)
}

export function number (description: string, example?: number): Schema {
  return simple('number', description, example, {})
}

export function boolean (description: string, example?: boolean): Schema {
  return simple('boolean', description, example, {})
}

export function array (items: Schema, description?: string): Schema {
  return { type: 'array', items, ...description !== undefined && { description } }
}

/** With these members; all are there but those that are `optional`. An answer may have more one day, a `closed` body may not. */
export function object (members: Members, { description, optional = [], closed = false }: { readonly description?: string, readonly optional?: readonly string[], readonly closed?: boolean } = {}): Schema {
  const required = Object.keys(members).filter((name) => !optional.includes(name))
  return { type: 'object', ...description !== undefined && { description }, properties: members, ...required.length > 0 && { required }, ...closed && { additionalProperties: false } }
}

/** With members of any name, each a value of that kind. */
export function table (of: Schema, description: string): Schema {
  return { type: 'object', description, additionalProperties: of }
}

/** The same, or null. */
export function nullable (schema: Schema): Schema {
  return { ...schema, type: [schema.type, 'null'] }
}

function simple (type: string, description: string, example: unknown, more: Schema): Schema {
  return { type, description, ...more, ...example !== undefined && { examples: [example] } }
}
