import type { Message } from '../../../client/index.ts'
import { isControl } from '../../../protocol/text.ts'

/** Ways to look at a payload. */
export const VIEWS = ['json', 'text', 'hex'] as const
export type View = typeof VIEWS[number]

/** A payload as it can be read. */
export interface Reading {
  /** Null where the bytes are no UTF-8. */
  readonly text: string | null
  readonly isJson: boolean
  /** The way that suits it best. */
  readonly view: View
}

/** Deeper than this it is not moved further to the right. */
const MOST_INDENT = 32
const HEX_LINE = 16
const PREVIEW_BYTES = 320
const PREVIEW_HEX = 32
const SPACE = new Set([' ', '\t', '\n', '\r'])
/** As they are written. */
const STAMPS = /^\{"id":"[^"]*","room":"[^"]*","sender":"(?:[^"\\]|\\.)*","timestamp":"[^"]*",?/
const LINE_BREAKS = new Set([9, 10, 13])

export function read (bytes: Uint8Array): Reading {
  const text = decode(bytes)
  if (text === null) return { text, isJson: false, view: 'hex' }
  const isJson = isJsonText(text)
  return { text, isJson, view: isJson ? 'json' : hasControls(text) ? 'hex' : 'text' }
}

function isJsonText (text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/**
 * JSON with a member or an element to a line; all else stays as it was written, digits of numbers and members of one name
 * too. Ends soon after `most` characters.
 */
export function prettyJson (json: string, most = Infinity): string {
  let result = ''
  let depth = 0
  for (let i = 0; i < json.length && result.length < most; i++) {
    const character = json[i]!
    if (SPACE.has(character)) continue
    switch (character) {
      case '"': {
        const start = i
        for (i++; json[i] !== '"'; i++) if (json[i] === '\\') i++
        result += json.slice(start, i + 1)
        break
      }
      case '{': case '[': {
        depth++
        const next = nextOf(json, i + 1)
        if (json[next] === (character === '{' ? '}' : ']')) {
          result += character + json[next]!
          depth--
          i = next
        } else result += character + lineAt(depth)
        break
      }
      case '}': case ']':
        depth--
        result += lineAt(depth) + character
        break
      case ',':
        result += character + lineAt(depth)
        break
      case ':':
        result += ': '
        break
      default:
        result += character
    }
  }
  return result
}

/** Sixteen bytes to a line: where they are, what they are, and what of them are letters. */
export function hexDump (bytes: Uint8Array, most = bytes.length): string {
  const lines: string[] = []
  for (let at = 0; at < Math.min(bytes.length, most); at += HEX_LINE) {
    const part = [...bytes.subarray(at, at + HEX_LINE)]
    const letters = part.map(byte => byte > 0x1f && byte < 0x7f ? String.fromCharCode(byte) : '.').join('')
    lines.push(`${at.toString(16).padStart(8, '0')}  ${hex(part).padEnd(HEX_LINE * 3 - 1)}  ${letters}`)
  }
  return lines.join('\n')
}

/** The beginning of a payload, on one line; without what the server has stamped on it, which is told beside it. */
export function previewOf ({ bytes, id }: Pick<Message, 'bytes' | 'id'>): string {
  const text = beginning(bytes ?? new Uint8Array())
  return id !== null && text.startsWith(`{"id":"${id}"`) ? text.replace(STAMPS, '{… ') : text
}

function beginning (bytes: Uint8Array): string {
  const text = decode(bytes.subarray(0, PREVIEW_BYTES), bytes.length > PREVIEW_BYTES)
  if (text === null || hasControls(text)) return hex([...bytes.subarray(0, PREVIEW_HEX)])
  return text.replaceAll(/\s+/g, ' ').trim()
}

function hex (bytes: readonly number[]): string {
  return bytes.map(byte => byte.toString(16).padStart(2, '0')).join(' ')
}

const sizes = [['MB', 1_000_000], ['kB', 1_000]] as const

export function sizeText (bytes: number): string {
  const found = sizes.find(([, size]) => bytes >= size)
  return found === undefined ? `${bytes} B` : `${(bytes / found[1]).toFixed(1)} ${found[0]}`
}

/** `isCut`: the end may be half a character. */
function decode (bytes: Uint8Array, isCut = false): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes, { stream: isCut })
  } catch {
    return null
  }
}

function hasControls (text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (isControl(code) && !LINE_BREAKS.has(code)) return true
  }
  return false
}

function nextOf (json: string, from: number): number {
  let at = from
  while (SPACE.has(json[at] ?? '')) at++
  return at
}

function lineAt (depth: number): string {
  return `\n${'  '.repeat(Math.min(depth, MOST_INDENT))}`
}
