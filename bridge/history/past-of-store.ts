import type { History } from '../../broker/index.ts'
import type { Recorder } from '../recorder/recorder.ts'
import type { Store } from '../store/store.ts'
import { readPage } from './read-page.ts'

/** What replays read when the journal has let go of it: the store, as far as the recorder has brought it. */
export function pastOfStore (store: Pick<Store, 'history'>, recorder: Pick<Recorder, 'position'>): History {
  return {
    get position () { return recorder.position },
    read: ({ filter, ...query }, allows) => readPage(store, { ...query, room: null, filters: [filter], exceptChannels: [] }, allows)
  }
}
