/** A shape of load: `publishers` each send on a topic of their own or all on one, subscribers take what they should. */
export interface Scenario {
  readonly name: string
  readonly title: string
  readonly publishers: number
  readonly subscribers: number
  readonly qos: 0 | 1
  /** `all`: everybody subscribes to everything; `pairs`: subscriber i to publisher i. */
  readonly routing: 'all' | 'pairs'
  /** Messages per publisher that may be on their way: the load is a closed loop, so no broker has to drop any. */
  readonly window: number
  /** What is to be reached at least: Mosquitto's CPU per delivery divided by ours. Null where nothing is promised. */
  readonly atLeast: number | null
}

export const PAYLOAD_BYTES = 64

export const SCENARIOS: readonly Scenario[] = [
  { name: 'fan-out', title: '1 -> 500, QoS 0', publishers: 1, subscribers: 500, qos: 0, routing: 'all', window: 400, atLeast: 40 },
  { name: 'fan-in', title: '50 -> 1, QoS 0', publishers: 50, subscribers: 1, qos: 0, routing: 'all', window: 100, atLeast: 15 },
  { name: 'pairs', title: '100 pairs, QoS 1', publishers: 100, subscribers: 100, qos: 1, routing: 'pairs', window: 100, atLeast: 8 },
  // The same with little to batch: what an idle broker does for each message.
  { name: 'fan-out-calm', title: '1 -> 500, QoS 0, one at a time', publishers: 1, subscribers: 500, qos: 0, routing: 'all', window: 1, atLeast: null },
  { name: 'fan-in-calm', title: '50 -> 1, QoS 0, one at a time each', publishers: 50, subscribers: 1, qos: 0, routing: 'all', window: 1, atLeast: null },
  { name: 'pairs-calm', title: '100 pairs, QoS 1, one at a time each', publishers: 100, subscribers: 100, qos: 1, routing: 'pairs', window: 1, atLeast: null }
]

/** Topics of the `live` channel: unstored and unstamped, and policy applies. */
export function topicOf (scenario: Scenario, publisher: number): string {
  return scenario.routing === 'pairs' ? `rooms/bench/live/pair-${publisher}` : 'rooms/bench/live/all'
}

/** Many replays at once beside live traffic, and what they may cost that. */
export const REPLAYS = {
  room: 'bench',
  replays: 200,
  /** Stored messages that each of them brings. */
  messages: 10_000,
  /** Publishes per second meanwhile, and how many pairs of a publisher and a subscriber they are of. */
  pace: 2000,
  pairs: 20,
  /** Live latency with replays divided by that without them. */
  atMost: 2
} as const
