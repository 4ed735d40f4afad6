import type { Broker, BrokerStats } from '../../broker/index.ts'
import { errors } from '../../protocol/errors.ts'
import { metricGroup } from './metrics.ts'
import type { Metric, MetricGroup, Sample } from './metrics.ts'

/** Why deliveries are dropped; these are there from the start, so that a sum over all of them always is. */
const DROP_REASONS = ['slow', 'queueFull', 'offline', 'expired', 'policy', 'tooLarge', 'sessionEnded', 'unsubscribed', 'journalFull']

const METRICS: readonly Metric<BrokerStats>[] = [
  { name: 'foyer_connections', type: 'gauge', help: 'Open MQTT connections, by TCP, TLS and WebSocket.', collect: ({ connections }) => connections },
  { name: 'foyer_sessions', type: 'gauge', help: 'Sessions, those of absent clients included.', collect: ({ sessions }) => sessions },
  { name: 'foyer_subscriptions', type: 'gauge', help: 'Subscriptions of all sessions.', collect: ({ subscriptions }) => subscriptions },
  { name: 'foyer_retained_messages', type: 'gauge', help: 'Topics that have a retained message.', collect: ({ retained }) => retained },
  { name: 'foyer_rooms', type: 'gauge', help: 'Rooms with anybody in them.', collect: ({ rooms }) => rooms },
  { name: 'foyer_participants', type: 'gauge', help: 'Users in all rooms, counted in each; those whose token hides them are not.', collect: ({ participants }) => participants },
  { name: 'foyer_messages_received_total', type: 'counter', help: 'Publishes that arrived, wills included; what is sent again because an answer was lost counts once.', collect: ({ received }) => received },
  { name: 'foyer_messages_own_total', type: 'counter', help: 'Messages of the broker itself, which tell presence; the other counters of messages are without them.', collect: ({ own }) => own },
  { name: 'foyer_messages_accepted_total', type: 'counter', help: 'Messages that passed every check and are as durable as their channel promises.', collect: ({ accepted }) => accepted },
  { name: 'foyer_messages_refused_total', type: 'counter', help: 'Publishes that did not pass, by the code of docs/errors.md and its kind: refused never will, not-now may later.', labelNames: ['code', 'kind'], collect: refusals },
  { name: 'foyer_messages_journaled_total', type: 'counter', help: 'Accepted messages that the journal holds: all but those of channels that keep nothing.', collect: ({ journaled }) => journaled },
  { name: 'foyer_messages_stored_total', type: 'counter', help: 'Messages in the journal of channels with history, which the recorder brings into the store.', collect: ({ stored }) => stored },
  { name: 'foyer_deliveries_matched_total', type: 'counter', help: 'Deliveries that were due: a message for each subscriber that it reached, retained messages included.', collect: ({ matched }) => matched },
  { name: 'foyer_deliveries_written_total', type: 'counter', help: 'Deliveries handed to a connection; repeating one does not count.', collect: ({ written }) => written },
  { name: 'foyer_deliveries_waiting', type: 'gauge', help: 'Deliveries that wait for a slow or absent client; after a start those from before count from their turn on.', collect: ({ waiting }) => waiting },
  { name: 'foyer_deliveries_dropped_total', type: 'counter', help: 'Deliveries that never will be, by reason.', labelNames: ['reason'], collect: drops }
]

/** What the broker's ledger says of every message, and what it is busy with. */
export function brokerMetrics (broker: Pick<Broker, 'stats'>): MetricGroup {
  return metricGroup(METRICS, () => broker.stats())
}

/** Every code that a publish may get is there from the start, as 0. */
function refusals ({ refused }: BrokerStats): Sample[] {
  return [...errors]
    .filter(([code, { kind }]) => kind === 'refused' || kind === 'not-now' || refused.has(code))
    .map(([code, { kind }]) => ({ labels: { code, kind }, value: refused.get(code) ?? 0 }))
}

function drops ({ dropped }: BrokerStats): Sample[] {
  return Array.from(new Set([...DROP_REASONS, ...dropped.keys()]), (reason) => ({ labels: { reason }, value: dropped.get(reason) ?? 0 }))
}
