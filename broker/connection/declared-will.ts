import { isUtf8 } from 'node:buffer'
import type { IConnectPacket } from 'mqtt-packet'
import { FoyerError } from '../../protocol/errors.ts'
import { topicFault } from '../../protocol/topic.ts'
import type { Publication } from '../admission/admission.ts'
import { readPublishProperties } from '../router/properties.ts'
import type { TopicTable } from '../router/topic-table.ts'
import { WILL_DELAY, type PropertyRange } from './strict.ts'

/** The will of a CONNECT: what is published, and how many seconds after the end of the connection. */
export interface DeclaredWill {
  readonly publication: Publication
  readonly delay: number
}

/**
 * Reads the will of a CONNECT; its properties are taken from the frame, in the order in which they came [MQTT-3.1.3-10].
 * Throws FoyerError('will') when its topic is none that anybody could publish to.
 */
export function readWill (will: NonNullable<IConnectPacket['will']>, frame: Buffer, properties: readonly PropertyRange[], topics: TopicTable): DeclaredWill {
  const fault = topicFault(will.topic)
  if (fault !== null) throw new FoyerError('will', `the will's topic is not valid: ${fault}`)
  const payload = Buffer.from(will.payload)
  const handedOn = Buffer.concat(properties.filter(({ identifier }) => identifier !== WILL_DELAY).map(({ start, end }) => frame.subarray(start, end)))
  const { forward, expiry, echo, payloadIsText } = readPublishProperties(handedOn, 0, handedOn.length)
  if (payloadIsText && !isUtf8(payload)) throw new FoyerError('will', 'the will\'s payload is said to be text, but it is not valid UTF-8')
  return {
    delay: will.properties?.willDelayInterval ?? 0,
    publication: { topic: topics.get(will.topic), source: payload, start: 0, end: payload.length, qos: will.qos ?? 0, packetId: 0, retain: will.retain === true, forward, expiry, echo }
  }
}
