import type { Channel } from './channel.ts'

/** What every channel is unless it says otherwise; also what a user's new channel starts from. */
export const CHANNEL_DEFAULTS: Omit<Channel, 'name' | 'topic'> = {
  room: null,
  qos: 0,
  belowQos: 'raise',
  retain: 'publisher',
  durability: 'disk',
  store: true,
  retention: null,
  stamp: false,
  echo: true,
  maxBytes: 65_536,
  rate: null,
  publish: ['device', 'gateway', 'member', 'owner'],
  subscribe: ['listener', 'member', 'owner']
}

/** The channels that are there without any configuration. */
export const DEFAULT_CHANNELS: readonly Channel[] = [
  // Chat and events.
  { ...CHANNEL_DEFAULTS, name: 'messages', topic: 'rooms/{room}/messages', qos: 1, retain: 'never', stamp: true, echo: false, publish: ['member', 'owner'] },
  // Readings: unstamped, so that devices and dashboards see the very bytes.
  { ...CHANNEL_DEFAULTS, name: 'telemetry', topic: 'rooms/{room}/telemetry/{device}/{metric...}', publish: ['device:own', 'gateway', 'owner'] },
  // The last known state; a device may read its own back after a restart.
  { ...CHANNEL_DEFAULTS, name: 'state', topic: 'rooms/{room}/state/{device}', qos: 1, retain: 'always', publish: ['device:own', 'gateway', 'owner'], subscribe: ['listener', 'member', 'owner', 'device:own', 'gateway'] },
  // Orders: never twice, so anything below QoS 2 is refused, not raised.
  { ...CHANNEL_DEFAULTS, name: 'commands', topic: 'rooms/{room}/commands/{device}', qos: 2, belowQos: 'refuse', retain: 'never', stamp: true, publish: ['owner'], subscribe: ['device:own', 'gateway', 'owner'] },
  { ...CHANNEL_DEFAULTS, name: 'results', topic: 'rooms/{room}/results/{device}', qos: 1, retain: 'never', publish: ['device:own', 'gateway', 'owner'], subscribe: ['owner'] },
  // Cursors, typing, raw streams: nothing survives, nothing is kept.
  { ...CHANNEL_DEFAULTS, name: 'live', topic: 'rooms/{room}/live/{name...}', retain: 'never', durability: 'memory', store: false },
  // Written by the broker alone: no role may publish here.
  { ...CHANNEL_DEFAULTS, name: 'presence', topic: 'rooms/{room}/presence', qos: 1, retain: 'never', publish: [] },
  { ...CHANNEL_DEFAULTS, name: 'roster', topic: 'rooms/{room}/presence/{user}', qos: 1, retain: 'always', durability: 'memory', store: false, publish: [] }
]
