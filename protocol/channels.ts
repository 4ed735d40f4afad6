import type { Channel } from './channel.ts'
import { channelFaults } from './channel-faults.ts'
import { decodeSub } from './names.ts'
import { levelFits, parseTemplate } from './template.ts'
import type { Template } from './template.ts'
import { isReserved, splitLevels } from './topic.ts'

/** Where a topic belongs. */
export interface TopicMatch {
  readonly channel: Channel
  readonly room: string
  /** The decoded `{device}` or `{user}`; null where there is none, or where no `sub` is written so in a topic. */
  readonly own: string | null
}

export interface ChannelSet {
  /** In the order in which they are matched. */
  readonly channels: readonly Channel[]
  /** The parsed topic of each channel, at the same index. */
  readonly templates: readonly Template[]
  /** The first channel that a topic name belongs to; null outside every channel, and for all topics under `$`. */
  match (topic: string): TopicMatch | null
}

/** Prepares channels for matching. Throws on a channel that `channelFaults` objects to: it would match by accident. */
export function compileChannels (channels: readonly Channel[]): ChannelSet {
  for (const channel of channels) {
    const faults = channelFaults(channel)
    if (faults.length > 0) throw new Error(`channel ${channel.name}: ${faults.join('; ')}`)
  }
  const templates = channels.map(channel => parseTemplate(channel.topic))
  return {
    channels,
    templates,
    match (topic) {
      if (topic === '' || isReserved(topic)) return null
      const levels = splitLevels(topic)
      for (let i = 0; i < templates.length; i++) {
        if (!fits(templates[i]!, levels)) continue
        const { roomAt, ownAt } = templates[i]!
        const channel = channels[i]!
        return {
          channel,
          room: roomAt < 0 ? channel.room! : levels[roomAt]!,
          own: ownAt < 0 ? null : decodeSub(levels[ownAt]!)
        }
      }
      return null
    }
  }
}

function fits (template: Template, levels: readonly string[]): boolean {
  const wanted = template.levels
  if (template.open ? levels.length < wanted.length : levels.length !== wanted.length) return false
  for (let i = 0; i < wanted.length; i++) {
    if (!levelFits(wanted[i]!, levels[i]!)) return false
  }
  for (let i = wanted.length; i < levels.length; i++) {
    if (!levelFits(wanted[wanted.length - 1]!, levels[i]!)) return false
  }
  return true
}
