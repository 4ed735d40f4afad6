import type { StoredMessage } from '../../broker/index.ts'
import type { Store } from '../store/store.ts'

const PAGE = 20_000

/** Walks once through the messages of a store, oldest first. */
export class StoreWalk {
  private readonly store: Pick<Store, 'range'>
  private page: readonly StoredMessage[] = []
  private at = 0
  private after: number
  private ended = false

  /** Begins behind the position `after`. */
  constructor (store: Pick<Store, 'range'>, after: number) {
    this.store = store
    this.after = after
  }

  /** The next message, without going on; null at the end. Undefined where `load` has to bring it first. */
  get next (): StoredMessage | null | undefined {
    return this.page[this.at] ?? (this.ended ? null : undefined)
  }

  advance (): void {
    this.at++
  }

  async load (): Promise<void> {
    this.page = await this.store.range(this.after, PAGE)
    this.at = 0
    this.after = this.page.at(-1)?.time ?? this.after
    this.ended = this.page.length === 0
  }
}
