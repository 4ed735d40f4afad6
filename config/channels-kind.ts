import { z } from 'zod'
import type { Channel } from '../protocol/channel.ts'
import { DEFAULT_CHANNELS } from '../protocol/default-channels.ts'
import { channelFaults, mergeChannels } from '../protocol/merge-channels.ts'
import type { ChannelOverride } from '../protocol/merge-channels.ts'
import { channelKeys } from './channel-keys.ts'
import type { Kind } from './key.ts'
import { refuse } from './kinds.ts'
import { nearest } from './nearest.ts'
import { isRecord, readRecord } from './record.ts'

const channelName = /^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$/
const defaults = DEFAULT_CHANNELS.map((channel) => channel.name)

/** From names with what the file says of the channel, to the channels in the order in which they are matched. */
export const channelsKind: Kind<readonly Channel[]> = {
  schema: z.unknown().transform((value, ctx) => {
    if (!isRecord(value)) return refuse(ctx, 'must be a map from names to channels', 'write it like: channels: { notes: { topic: "rooms/{room}/notes" } }')
    const overrides = new Map<string, ChannelOverride>()
    for (const [name, written] of Object.entries(value)) {
      const override = readOverride(name, written, ctx)
      if (override !== null) overrides.set(name, override)
    }
    const channels = mergeChannels(overrides)
    for (const channel of channels) {
      const override = overrides.get(channel.name)
      // Of a channel with a key that could not be read nothing should be concluded.
      if (isRecord(override) && isWhole(override, value[channel.name])) reportFaults(channel, ctx)
    }
    return channels
  }),
  expects: 'a map from names to channels',
  fromText: null
}

function readOverride (name: string, written: unknown, ctx: z.RefinementCtx): ChannelOverride | null {
  const no = (message: string, remedy: string): null => {
    refuse(ctx, message, remedy, [name])
    return null
  }
  if (!channelName.test(name)) return no('can\'t be the name of a channel', 'use 1 to 64 letters, digits, _ and -')
  // YAML 1.1 tools write `off` as false.
  if (written === 'off' || written === false) {
    if (defaults.includes(name)) return 'off'
    const like = nearest(name, defaults)
    return no('is no default channel, so there is nothing to turn off', like === null ? `remove the line; the defaults are ${defaults.join(', ')}` : `did you mean ${like}?`)
  }
  if (isRecord(written)) return readRecord(channelKeys, written, ctx, [name])
  return no('must be a group of keys, or off', 'give it the keys of a channel, or write off to remove it')
}

function isWhole (read: object, written: unknown): boolean {
  return isRecord(written) && Object.keys(written).every((name) => Object.hasOwn(read, name))
}

/** What the keys of one channel mean together is for protocol/ to say. */
function reportFaults (channel: Channel, ctx: z.RefinementCtx): void {
  const { name, topic } = channel
  const like = nearest(name, defaults)
  const missing = like === null ? 'give it one, such as topic: "rooms/{room}/notes"' : `give it one, or did you mean the channel ${like}?`
  for (const message of channelFaults(channel)) {
    const key = /^(?:the )?(topic|room|publish|subscribe)\b/.exec(message)?.[1]
    refuse(ctx, message, topic === '' ? missing : 'correct it; docs/configuration.md says what a channel may hold', key === undefined ? [name] : [name, key])
  }
}
