import { shorten } from './shorten.ts'
import { PAYLOAD_BYTES } from './small-payload.ts'

/** What is told of the replay of a filter: the filter is shortened as far as it has to be. */
export function payloadOf (filter: string, payload: (filter: string) => object): Buffer {
  for (let length = filter.length; ; length--) {
    const bytes = Buffer.from(JSON.stringify(payload(length === filter.length ? filter : shorten(filter, length))))
    if (bytes.length <= PAYLOAD_BYTES || length <= 1) return bytes
  }
}
