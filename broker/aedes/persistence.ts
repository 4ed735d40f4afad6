import { Readable } from 'node:stream'

/** The filters that a session holds, by session id. */
export type FiltersOf = (sessionId: string) => readonly { filter: string, qos: number }[]

/** In front of every filter that Aedes sees: no filter of a client can be a name that means something to it. */
export const PREFIX = 'f/'

/**
 * What Aedes sees of the sessions: a view on them that answers from memory. It asks for subscriptions when a session
 * resumes; everything else it would store is kept by the sessions, the router and the wills of this broker, so there is
 * nothing to do.
 */
export class PersistenceView {
  private readonly filtersOf: FiltersOf

  constructor (filtersOf: FiltersOf) {
    this.filtersOf = filtersOf
  }

  // Aedes insists on an async function here.
  async setup (): Promise<void> {}

  async subscriptionsByClient (client: { id: string }): Promise<{ topic: string, qos: number }[]> {
    return this.filtersOf(client.id).map(({ filter, qos }) => ({ topic: PREFIX + filter, qos }))
  }

  async addSubscriptions (): Promise<void> {}
  async removeSubscriptions (): Promise<void> {}
  async cleanSubscriptions (): Promise<void> {}
  async subscriptionsByTopic (): Promise<[]> { return [] }
  async storeRetained (): Promise<void> {}
  async outgoingEnqueueCombi (): Promise<void> {}
  async putWill (): Promise<void> {}
  async delWill (): Promise<void> {}

  createRetainedStreamCombi (): Readable { return Readable.from([]) }
  outgoingStream (): Readable { return Readable.from([]) }
  streamWill (): Readable { return Readable.from([]) }

  async destroy (): Promise<void> {}
}
