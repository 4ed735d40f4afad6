type Listener<T> = (value: T) => void

/** Typed events with one value each. A listener that throws is reported as uncaught, and hinders nobody else. */
export class Emitter<Events extends object> {
  /** Of 2,000 clients in a process most listen to nothing. */
  #listeners: Map<keyof Events, Listener<never>[]> | null = null

  /** Returns what takes the listener away again. */
  on<E extends keyof Events> (event: E, listener: Listener<Events[E]>): () => void {
    this.#listeners ??= new Map()
    // A new list each time: one that is being called must not change.
    this.#listeners.set(event, [...this.#listeners.get(event) ?? [], listener])
    return () => {
      const left = this.#listeners?.get(event)?.filter(known => known !== listener) ?? []
      this.#listeners?.set(event, left)
    }
  }

  once<E extends keyof Events> (event: E, listener: Listener<Events[E]>): () => void {
    const off = this.on(event, value => {
      off()
      listener(value)
    })
    return off
  }

  hears (event: keyof Events): boolean {
    return (this.#listeners?.get(event)?.length ?? 0) > 0
  }

  emit<E extends keyof Events> (event: E, value: Events[E]): void {
    for (const listener of this.#listeners?.get(event) ?? []) {
      try {
        (listener as Listener<Events[E]>)(value)
      } catch (error) {
        queueMicrotask(() => { throw error })
      }
    }
  }
}
