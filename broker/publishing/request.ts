import { createHash } from 'node:crypto'
import type { QoS } from '../../protocol/channel.ts'

/** A message of somebody who has no connection. */
export interface OutsideMessage {
  readonly topic: string
  readonly payload: Uint8Array
  readonly qos: QoS
  readonly retain: boolean
}

/** A request that may come again, as hashes: what they are made of has any length, and is kept for a day. */
export interface KeyedRequest {
  /** Of the user and the key. */
  readonly name: string
  /** Of what is asked for. */
  readonly content: string
}

/** Bytes of each hash: nobody finds a second request with the same ones. */
const HASH_BYTES = 16

export function keyedRequest (sub: string, key: string, { topic, payload, qos, retain }: OutsideMessage): KeyedRequest {
  return {
    name: hash([JSON.stringify([sub, key])]),
    content: hash([JSON.stringify([topic, qos, retain]), payload])
  }
}

/** As the field `receipt` of a record holds it. */
export function encodeRequest ({ name, content }: KeyedRequest): Uint8Array {
  return Buffer.from(name + content, 'latin1')
}

export function decodeRequest (bytes: Buffer, at: number): KeyedRequest {
  const middle = at + HASH_BYTES
  return { name: bytes.toString('latin1', at, middle), content: bytes.toString('latin1', middle, middle + HASH_BYTES) }
}

/** One character per byte. */
function hash (parts: readonly (string | Uint8Array)[]): string {
  const sum = createHash('sha256')
  for (const part of parts) sum.update(part)
  return sum.digest().toString('latin1', 0, HASH_BYTES)
}
