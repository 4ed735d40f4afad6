import type { Channel } from './channel.ts'
import { CHANNEL_DEFAULTS, DEFAULT_CHANNELS } from './default-channels.ts'

export { channelFaults } from './channel-faults.ts'

/** The fields that a configuration may set; what it leaves out stays as it is. */
export type ChannelFields = { readonly [K in Exclude<keyof Channel, 'name'>]?: Channel[K] | undefined }

/** What a configuration says of a channel. YAML 1.1 reads a bare `off` as false, 1.2 as a string: both remove it. */
export type ChannelOverride = ChannelFields | 'off' | false

/**
 * The channels in the order in which they are matched: those that the configuration names first, in its order, then
 * the remaining defaults. A known name keeps what its override leaves out; a new one starts from `CHANNEL_DEFAULTS`
 * and needs a topic, which `channelFaults` demands.
 */
export function mergeChannels (overrides: ReadonlyMap<string, ChannelOverride>): Channel[] {
  const defaults = new Map(DEFAULT_CHANNELS.map(channel => [channel.name, channel]))
  const channels: Channel[] = []
  for (const [name, override] of overrides) {
    if (override === 'off' || override === false) continue
    const base = defaults.get(name) ?? { ...CHANNEL_DEFAULTS, name, topic: '' }
    channels.push(apply(base, override))
  }
  return [...channels, ...DEFAULT_CHANNELS.filter(channel => !overrides.has(channel.name))]
}

function apply (base: Channel, fields: ChannelFields): Channel {
  return {
    name: base.name,
    topic: fields.topic ?? base.topic,
    room: fields.room === undefined ? base.room : fields.room,
    qos: fields.qos ?? base.qos,
    belowQos: fields.belowQos ?? base.belowQos,
    retain: fields.retain ?? base.retain,
    durability: fields.durability ?? base.durability,
    store: fields.store ?? base.store,
    retention: fields.retention === undefined ? base.retention : fields.retention,
    stamp: fields.stamp ?? base.stamp,
    echo: fields.echo ?? base.echo,
    maxBytes: fields.maxBytes ?? base.maxBytes,
    rate: fields.rate === undefined ? base.rate : fields.rate,
    publish: fields.publish ?? base.publish,
    subscribe: fields.subscribe ?? base.subscribe
  }
}
