import type { History } from '../../broker/index.ts'
import type { ChannelSet } from '../../protocol/channels.ts'
import type { Recorder } from '../recorder/recorder.ts'
import type { KeepingStore, Store } from '../store/store.ts'
import { watchLosses } from './losses.ts'
import { ReadAhead } from './read-ahead.ts'
import { readPage } from './read-page.ts'

export interface PastSources {
  readonly channels: ChannelSet
  readonly store: Pick<Store, 'history' | 'list'> & Partial<Pick<KeepingStore, 'removals' | 'erasures'>>
  readonly recorder: Pick<Recorder, 'position'>
}

/** What replays read when the journal has let go of it: the store, as far as the recorder has brought it. */
export function pastOfStore ({ channels, store, recorder }: PastSources): History {
  const ahead = new ReadAhead(store, () => recorder.position)
  return {
    get position () { return recorder.position },
    read: ({ filter, ...query }, allows) => readPage(ahead, { ...query, room: null, filters: [filter], exceptChannels: [] }, allows),
    watchLosses: (filter, sub, allows) => watchLosses(() => store.removals ?? [], channels, filter, sub, allows)
  }
}
