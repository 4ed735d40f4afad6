import { isRoom } from './names.ts'
import { splitLevels } from './topic.ts'

/**
 * One level of a channel's topic template. `own` is `{device}` or `{user}`: a level that a token's `sub` can own.
 * `rest` is `{name...}`: this level and all that follow. Devices whose topics a channel adopts as they are may leave
 * levels empty (`/a`, `a//b`); in topics with `{room}` an empty level is a slip.
 */
export type TemplateLevel =
  | { readonly kind: 'literal', readonly text: string }
  | { readonly kind: 'room' }
  | { readonly kind: 'own', readonly name: 'device' | 'user' }
  | { readonly kind: 'any' }
  | { readonly kind: 'rest', readonly empty: boolean }

/** A parsed template: its levels, and where among them the room and the owner stand (-1: nowhere). */
export interface Template {
  readonly levels: readonly TemplateLevel[]
  readonly roomAt: number
  readonly ownAt: number
  /** Whether the last level takes all that follow. */
  readonly open: boolean
}

/** Parses a template that `channelFaults` finds nothing wrong with. */
export function parseTemplate (topic: string): Template {
  const texts = splitLevels(topic)
  const levels = texts.map(text => parseLevel(text, !texts.includes('{room}')))
  return {
    levels,
    roomAt: levels.findIndex(level => level.kind === 'room'),
    ownAt: levels.findIndex(level => level.kind === 'own'),
    open: levels.at(-1)?.kind === 'rest'
  }
}

/** Whether one level of a topic fits one level of a template. Placeholders take no empty level, but for some `rest`. */
export function levelFits (level: TemplateLevel, text: string): boolean {
  if (level.kind === 'literal') return level.text === text
  if (level.kind === 'rest' && level.empty) return true
  return level.kind === 'room' ? isRoom(text) : text !== ''
}

function parseLevel (text: string, adopted: boolean): TemplateLevel {
  switch (text) {
    case '{room}': return { kind: 'room' }
    case '{device}': return { kind: 'own', name: 'device' }
    case '{user}': return { kind: 'own', name: 'user' }
    case '{name}': return { kind: 'any' }
  }
  return text.startsWith('{') && text.endsWith('...}') ? { kind: 'rest', empty: adopted } : { kind: 'literal', text }
}

/** The topic that a template makes of a room and an owner's level; null when it asks for more than these. */
export function fillTemplate ({ levels }: Template, room: string, own: string | null): string | null {
  const texts: string[] = []
  for (const level of levels) {
    const text = level.kind === 'literal' ? level.text : level.kind === 'room' ? room : level.kind === 'own' ? own : null
    if (text === null) return null
    texts.push(text)
  }
  return texts.join('/')
}

/** The filter that asks for every topic that fits. */
export function templateFilter ({ levels }: Template): string {
  return levels.map(level => level.kind === 'literal' ? level.text : level.kind === 'rest' ? '+/#' : '+').join('/')
}
