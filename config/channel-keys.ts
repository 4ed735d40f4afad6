import { z } from 'zod'
import { ROLES } from '../protocol/channel.ts'
import type { ChannelRole, QoS } from '../protocol/channel.ts'
import { key } from './key.ts'
import type { Kind } from './key.ts'
import { bool, bytes, count, oneOf, optional, orOff, refuse, text } from './kinds.ts'
import { keepingTime } from './keeping-time.ts'

const qos: Kind<QoS> = { schema: z.literal([0, 1, 2]), expects: '0, 1 or 2', fromText: null }

const channelRole = /^(.+?)(:own)?$/
const roles: Kind<readonly ChannelRole[]> = {
  schema: z.array(z.string()).transform((list, ctx) => {
    list.forEach((value, i) => {
      const known = (ROLES as readonly string[]).includes(channelRole.exec(value)?.[1] ?? '')
      if (!known) refuse(ctx, 'is no role', `write one of ${ROLES.join(', ')}, or one of them with :own, as in device:own`, [i])
    })
    return list as ChannelRole[]
  }),
  expects: 'a list of roles',
  fromText: null
}

/** The keys of one channel. Those with no default here take it from the default channel of the same name. */
export const channelKeys = {
  topic: key(text, null, 'Topic template. `{room}`, `{device}`, `{user}` and `{name}` stand for one level, `{name...}` for one or more, at the end.'),
  room: key(optional(text), null, 'The room of every message, where the template has no `{room}`.'),
  qos: key(qos, null, 'The least QoS that the channel guarantees.'),
  belowQos: key(oneOf('raise', 'refuse'), null, 'What becomes of a publish below `qos`. A raised QoS 0 publish is best effort until journaled: its sender hears of no loss.'),
  retain: key(oneOf('never', 'publisher', 'always'), null, 'Whether the last message of a topic is kept for new subscribers: never, as the publisher says, or always. Each such topic is held in memory.'),
  durability: key(oneOf('disk', 'os', 'memory'), null, 'What an acknowledgement has survived: `disk` the loss of power (costs a wait for fsync, shared by all who wait), `os` a kill of the process, `memory` nothing.'),
  store: key(bool, null, 'Whether messages can be queried and replayed; costs disk space.'),
  retention: key(keepingTime, null, 'How long stored messages are kept, or `off` for ever; a room may say less. Unset is as `store.retention` says. What waits for an absent session is delivered all the same.'),
  stamp: key(bool, null, 'Whether `id`, `room`, `sender` and `timestamp` are written into the payload; makes every payload a JSON object.'),
  echo: key(bool, null, 'Whether the sending session gets its own messages back live.'),
  maxBytes: key(bytes(0, 268_435_455), null, 'Largest payload. A larger one is refused with a reason; `limits.packetBytes` bounds it as well.'),
  rate: key(orOff(count(1, 1_000_000_000)), null, 'Messages per second that one user may publish on the channel, over all its connections; a second\'s worth may come at once. Who is above it is slowed down, on other channels as well, as a connection is read in order. Costs some hundred bytes per user who published within the last second.'),
  publish: key(roles, null, 'Roles that may publish. `device:own` means only where `{device}` or `{user}` is the `sub` of the token.'),
  subscribe: key(roles, null, 'Roles that may subscribe, likewise.')
}
