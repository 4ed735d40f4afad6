import type { Channel, QoS } from '../../../protocol/channel.ts'
import { decide, type Decision } from '../../../protocol/policy.ts'
import { roomOfFilter } from '../../../protocol/room-of-filter.ts'
import { filterFault, hasWildcard, parseShare } from '../../../protocol/topic.ts'
import { sentence, type Fault } from '../fault.ts'
import type { SignedIn } from '../session.ts'
import { nameOf, type Wanted } from './since.ts'

/** What will become of something that is being written. The server decides, by the same rules. */
export interface Check {
  readonly willPass: boolean
  readonly text: string
}

type Who = Pick<SignedIn, 'me' | 'subject' | 'channels'>

export function checkFilter ({ me, subject, channels }: Who, wanted: Wanted): Check {
  const { filter } = wanted
  // What is wrong with the filter itself is said first.
  const decision = decide(channels, subject, 'subscribe', filterFault(filter) === null ? nameOf(wanted) : filter)
  if (!decision.allowed) return refused(decision)
  const room = me.presence ? roomOfFilter(channels, parseShare(filter)?.filter ?? filter) : null
  const allowed = hasWildcard(filter) ? 'It brings what of that your token may receive.' : sentence(decision.rule)
  return { willPass: true, text: room === null ? allowed : `${allowed} You will be shown as here in ${room}.` }
}

export function checkPublish ({ subject, channels }: Who, topic: string, qos: QoS, retain: boolean): Check {
  const decision = decide(channels, subject, 'publish', topic, qos)
  if (!decision.allowed || decision.match === null) return refused(decision)
  return { willPass: true, text: `Channel ${decision.match.channel.name}: ${effects(decision.match.channel, qos, retain).join(', ')}.` }
}

/** Whether the one who publishes a message on a topic gets it back by its own subscriptions. */
export function hearsItself ({ subject, channels }: Who, topic: string): boolean {
  return decide(channels, subject, 'publish', topic).match?.channel.echo ?? true
}

/** A refusal as the server tells it, which has little room for that: what it had to cut off is known here. */
export function completed ({ subject, channels }: Who, action: 'publish' | 'subscribe', topic: string, qos: QoS, { code, message, remedy }: Fault): Fault {
  const { rule } = decide(channels, subject, action, topic, qos)
  return { code, message: message.endsWith('…') && rule.startsWith(message.slice(0, -1)) ? rule : message, remedy }
}

function refused ({ rule }: Decision): Check {
  return { willPass: false, text: `Would be refused: ${rule}.` }
}

function effects (channel: Channel, qos: QoS, retain: boolean): string[] {
  return [
    channel.store ? 'stored' : 'not stored',
    ...channel.stamp ? ['stamped with id, sender and time'] : [],
    ...qos < channel.qos ? [`raised to QoS ${channel.qos}`] : [],
    ...channel.retain === 'always' ? ['retained'] : retain ? [channel.retain === 'publisher' ? 'retained' : 'not retained (this channel retains nothing)'] : []
  ]
}
