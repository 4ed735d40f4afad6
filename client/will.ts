import type { EncodedWill } from './connection.ts'
import { FoyerClientError } from './errors.ts'
import type { DeviceWill, TopicWill } from './options.ts'
import { encodePayload } from './payload.ts'
import { checkedTopic, deviceLevel, roomRoot } from './topics.ts'

/** What the server publishes when the connection ends without a word. `sub`: who the token is for. */
export function encodeWill (will: DeviceWill | TopicWill, sub: string | null): EncodedWill {
  if ('topic' in will) return { topic: checkedTopic(will.topic), payload: encodePayload(will.payload), qos: will.qos ?? 1, retain: will.retain ?? false }
  const device = will.device ?? sub
  if (device === null) throw new FoyerClientError('usage', 'the token does not say who it is for: name the device of the will')
  return { topic: `${roomRoot(will.room)}state/${deviceLevel(device)}`, payload: encodePayload(will.state ?? { online: false }), qos: 1, retain: true }
}
