import { encodeBase64 } from './base64.ts'
import { FoyerError } from './errors.ts'
import { scanJson } from './json-scan.ts'
import type { JsonShape } from './json-scan.ts'
import { utf8Length } from './text.ts'
import { isValidUtf8 } from './utf8.ts'

export { isValidUtf8 } from './utf8.ts'

/** What the broker vouches for. `id` is the cursor of the message, null on unstored channels. */
export interface Stamps {
  readonly id: string | null
  readonly room: string
  readonly sender: string
  /** ISO 8601 with milliseconds. */
  readonly timestamp: string
}

/** Deeper JSON breaks the readers that recurse, so none is passed on by channels that stamp. */
const MAX_DEPTH = 64

const CLOSE = 0x7d
const COMMA = 0x2c
const BACKSLASH = 0x5c

const encoder = new TextEncoder()
/** Keeps a byte order mark, which is a part of the text here. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/**
 * Writes the stamps into a payload: `id`, `room`, `sender`, `timestamp`, then the client's own members in their order,
 * byte for byte. A client's members of these names are left out, its `id` stays as `ref`. What is not a JSON object
 * becomes one. An empty payload stays empty: it clears a retained topic.
 */
export function stamp (payload: Uint8Array, stamps: Stamps): Uint8Array {
  if (payload.length === 0) return payload
  const head = headOf(stamps)
  if (!isValidUtf8(payload)) return encoder.encode(`${head},"data":"${encodeBase64(payload)}","encoding":"base64"}`)
  const shape = scanJson(payload)
  if (shape === null) return encoder.encode(`${head},"text":${JSON.stringify(decoder.decode(payload))}}`)
  if (shape.depth > MAX_DEPTH) throw new FoyerError('schema', `JSON is nested deeper than ${MAX_DEPTH} levels`)
  if (!shape.isObject) return wrapped(`${head},"value":`, payload.subarray(shape.start, shape.end))
  return joined(head, payload, runsOf(payload, shape))
}

/** A payload as JSON can carry it: the value it is, else its text, else its bytes in base64. */
export function payloadForJson (payload: Uint8Array): unknown {
  if (!isValidUtf8(payload)) return { data: encodeBase64(payload), encoding: 'base64' }
  const text = decoder.decode(payload)
  const shape = scanJson(payload)
  // What is nested too deeply to be written again travels as text.
  return shape === null || shape.depth > MAX_DEPTH ? text : JSON.parse(text)
}

/** The object up to and including our last member. */
function headOf ({ id, room, sender, timestamp }: Stamps): string {
  const first = id === null ? '{' : `{"id":${JSON.stringify(id)},`
  return `${first}"room":${JSON.stringify(room)},"sender":${JSON.stringify(sender)},"timestamp":${JSON.stringify(timestamp)}`
}

/** Bytes of the payload that are kept as they are: neighbouring members with their commas, or the value of `name`. */
interface Run {
  readonly name: '' | 'id' | 'ref'
  readonly start: number
  readonly end: number
}

const refKey = encoder.encode('"ref":')

/** What is kept of an object. The last `id` becomes `ref` at its place, then all other `id` and `ref` are left out. */
function runsOf (payload: Uint8Array, { members }: JsonShape): Run[] {
  const runs: Run[] = []
  let start = -1
  let end = -1
  let id = -1
  for (let i = 0; i < members.length; i += 4) {
    const keyStart = members[i]!
    const valueEnd = members[i + 3]!
    const name = specialName(payload, keyStart, members[i + 1]!)
    if (name === null) {
      if (start < 0) start = keyStart
      end = valueEnd
      continue
    }
    if (start >= 0) runs.push({ name: '', start, end })
    start = -1
    if (name === 'id') {
      id = runs.length
      runs.push({ name, start: members[i + 2]!, end: valueEnd })
    } else if (name === 'ref') {
      runs.push({ name, start: keyStart, end: valueEnd })
    }
  }
  if (start >= 0) runs.push({ name: '', start, end })
  if (id < 0) return runs
  return runs.filter((run, i) => run.name === '' || i === id)
}

type SpecialName = 'id' | 'ref' | 'room' | 'sender' | 'timestamp'

const specialNames = (['id', 'ref', 'room', 'sender', 'timestamp'] satisfies SpecialName[])
  .map(name => ({ name, bytes: encoder.encode(name) }))

/** Which of our names a key (given with its quotes) is, however it is written. */
function specialName (payload: Uint8Array, start: number, end: number): SpecialName | null {
  for (let i = start + 1; i < end - 1; i++) {
    if (payload[i] !== BACKSLASH) continue
    const key: unknown = JSON.parse(decoder.decode(payload.subarray(start, end)))
    return specialNames.find(({ name }) => name === key)?.name ?? null
  }
  for (const { name, bytes } of specialNames) {
    if (bytes.length === end - start - 2 && hasAt(payload, start + 1, bytes)) return name
  }
  return null
}

function hasAt (payload: Uint8Array, at: number, bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (payload[at + i] !== bytes[i]) return false
  return true
}

/** The head, the runs and the closing brace, joined by commas. */
function joined (head: string, payload: Uint8Array, runs: readonly Run[]): Uint8Array {
  const headLength = utf8Length(head)
  let length = headLength + 1
  for (const run of runs) length += 1 + (run.name === 'id' ? refKey.length : 0) + run.end - run.start
  const out = new Uint8Array(length)
  encoder.encodeInto(head, out)
  let at = headLength
  for (const run of runs) {
    out[at++] = COMMA
    if (run.name === 'id') {
      out.set(refKey, at)
      at += refKey.length
    }
    out.set(payload.subarray(run.start, run.end), at)
    at += run.end - run.start
  }
  out[at] = CLOSE
  return out
}

function wrapped (head: string, value: Uint8Array): Uint8Array {
  const headLength = utf8Length(head)
  const out = new Uint8Array(headLength + value.length + 1)
  encoder.encodeInto(head, out)
  out.set(value, headLength)
  out[out.length - 1] = CLOSE
  return out
}
