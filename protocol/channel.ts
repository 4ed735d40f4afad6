/** MQTT quality of service. */
export type QoS = 0 | 1 | 2

/** What a token may be in a room, weakest first. */
export const ROLES = ['listener', 'device', 'gateway', 'member', 'owner'] as const
export type Role = typeof ROLES[number]

/** Who a channel names: a role, or a role where `{device}` or `{user}` of the topic is the token's own `sub`. */
export type ChannelRole = Role | `${Role}:own`

/** A named kind of traffic inside rooms, with its guarantees. Channels are data; users' ones merge by name. */
export interface Channel {
  readonly name: string
  /** Topic template: `{room}`, `{device}`, `{user}`, `{name}` take one level each, `{name...}` one or more, last. */
  readonly topic: string
  /** The room of every message, where the template has no `{room}`. */
  readonly room: string | null
  /** The least QoS that the channel guarantees. */
  readonly qos: QoS
  /** What becomes of a publish below `qos`. */
  readonly belowQos: 'raise' | 'refuse'
  readonly retain: 'never' | 'publisher' | 'always'
  /** What an acknowledgement has survived: power loss, a kill, nothing. */
  readonly durability: 'disk' | 'os' | 'memory'
  /** Whether messages are queryable as history. */
  readonly store: boolean
  /** Milliseconds that stored messages are kept, Infinity for ever; null = as the configuration says for all. */
  readonly retention: number | null
  /** Whether id, room, sender and timestamp are written into the payload. */
  readonly stamp: boolean
  /** Whether the sending session gets its own messages back live. */
  readonly echo: boolean
  /** Largest payload in bytes. */
  readonly maxBytes: number
  /** Messages per second that one user may publish; null = no limit. */
  readonly rate: number | null
  readonly publish: readonly ChannelRole[]
  readonly subscribe: readonly ChannelRole[]
}
