import { REPLAYS } from '../scenarios.ts'

/** Topics that one literal filter names each, and groups of topics that one wildcard matches each; replays share them. */
const SOURCES = 20
const TOPICS_PER_GROUP = 10

const topic = (device: string, metric: string): string => `rooms/${REPLAYS.room}/telemetry/${device}/${metric}`

/** What has to be stored, so that every filter matches `messages`: topics with as many messages as they are named. */
export function * stored (messages: number): Generator<string> {
  for (let n = 0; n < messages; n++) {
    for (let source = 0; source < SOURCES; source++) {
      yield topic(`single-${source}`, 'n')
      yield topic(`device-${n % TOPICS_PER_GROUP}`, `group-${source}`)
    }
  }
}

/** The filter of a replay: by turns one topic, and a wildcard over some. */
export function filterOf (replay: number): string {
  const source = (replay >> 1) % SOURCES
  return `$replay/24h/${replay % 2 === 0 ? topic(`single-${source}`, 'n') : topic('+', `group-${source}`)}`
}

/** All of one length, so that frames are. */
export function liveTopic (pair: number): string {
  return topic(`live-${String(pair).padStart(3, '0')}`, 'n')
}
