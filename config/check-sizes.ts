import { DEFAULT_CHANNELS } from '../protocol/default-channels.ts'
import type { Facts } from './facts.ts'

/** Sizes that are allowed one by one, but of which one makes another unreachable. */
export function checkSizes ({ draft: { channels, limits, queue }, sourceOf, warn }: Facts): void {
  for (const channel of channels) {
    if (channel.maxBytes <= limits.packetBytes || DEFAULT_CHANNELS.includes(channel)) continue
    warn(`channels.${channel.name}.maxBytes (${sourceOf('channels', [channel.name, 'maxBytes'])}) is above limits.packetBytes, ${limits.packetBytes}: larger packets end the connection before the channel is asked`)
  }
  if (queue.bytes < limits.packetBytes) {
    warn(`queue.bytes, ${queue.bytes}, is below limits.packetBytes, ${limits.packetBytes}: the largest messages can't be delivered through it`)
  }
}
