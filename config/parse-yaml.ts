import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, visit } from 'yaml'
import type { Document, Node, YAMLMap } from 'yaml'
import { pathName } from './fault.ts'
import type { Fault } from './fault.ts'

/** A YAML text and where in it things were written. */
export interface ParsedYaml {
  readonly value: unknown
  /** `file:line` of the key or list entry at `path`, or of what encloses it. */
  readonly sourceOf: (path: readonly (string | number)[]) => string
  readonly faults: readonly Fault[]
}

/** Reads YAML 1.2; never throws. A syntax error is one fault: what follows it can't be trusted. */
export function parseYaml (text: string, file: string): ParsedYaml {
  const lines = new LineCounter()
  const at = (offset: number): string => `${file}:${lines.linePos(offset).line || 1}`
  const broken = (offset: number, why: string): ParsedYaml => {
    const { line, col } = lines.linePos(offset)
    const faults = [{ path: file, message: `is not valid YAML at line ${line || 1}, column ${col || 1}: ${why}`, remedy: 'correct that line, or the indentation around it', source: at(offset) }]
    return { value: undefined, sourceOf: () => file, faults }
  }
  try {
    // Pretty errors quote the text around them, which may be a secret. Duplicates are found below, with their path.
    const doc = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false, logLevel: 'error' })
    // A tag that nobody resolves (!env, !secret) would silently be its own argument.
    const error = doc.errors[0] ?? doc.warnings[0]
    if (error !== undefined) return broken(error.pos[0], withoutSource(error.message))
    const alias = unresolvedAlias(doc)
    if (alias !== null) return broken(alias, 'Unresolved alias (a value that starts with * needs quotes)')
    return {
      value: doc.toJS(),
      sourceOf: (path) => at(offsetOf(doc, path)),
      faults: [...duplicates(doc.contents, [], at)]
    }
  } catch (error) {
    // Alias bombs, nesting deeper than the stack.
    return broken(0, withoutSource(error instanceof Error ? error.message : String(error)))
  }
}

/** Messages end with what stood there, which may be a secret that lacks its quotes: `jwtSecret: |k3y`. */
const withoutSource = (message: string): string => message.replace(/(: ?| %)\S.*$/s, '').replace(/\s+/g, ' ')

function unresolvedAlias (doc: Document.Parsed): number | null {
  let offset: number | null = null
  visit(doc, {
    Alias (_key, node) {
      if (node.resolve(doc) !== undefined) return undefined
      offset = start(node) ?? 0
      return visit.BREAK
    }
  })
  return offset
}

const nameOf = (node: unknown): string => isScalar(node) ? String(node.value) : String(node)

const start = (node: unknown): number | undefined => isNode(node) ? node.range?.[0] : undefined

function offsetOf (doc: Document.Parsed, path: readonly (string | number)[]): number {
  let node: Node | null | undefined = doc.contents
  let offset = start(node) ?? 0
  for (const step of path) {
    const here: Node | null | undefined = isAlias(node) ? node.resolve(doc) : node
    // The last of several equal keys is the one that counts.
    const pair = isMap(here) ? (here as YAMLMap).items.findLast((item) => nameOf(item.key) === String(step)) : undefined
    const next: unknown = pair?.value ?? (isSeq(here) ? here.items[Number(step)] : undefined)
    offset = start(pair?.key) ?? start(next) ?? offset
    if (!isNode(next)) break
    node = next
  }
  return offset
}

function * duplicates (node: unknown, path: readonly (string | number)[], at: (offset: number) => string): Generator<Fault> {
  if (isSeq(node)) {
    for (const [i, item] of node.items.entries()) yield * duplicates(item, [...path, i], at)
  } else if (isMap(node)) {
    const first = new Map<string, string>()
    for (const { key, value } of node.items) {
      const name = nameOf(key)
      const [before, source] = [first.get(name), at(start(key) ?? 0)]
      if (before === undefined) first.set(name, source)
      else yield { path: pathName([...path, name]), message: `is written twice, first at ${before}`, remedy: 'remove one of them', source }
      yield * duplicates(value, [...path, name], at)
    }
  }
}
