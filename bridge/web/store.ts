import { useLayoutEffect, useState } from 'preact/hooks'

/** A value that others want to know about when it changes. */
export interface Store<T> {
  readonly value: T
  set (value: T): void
  /** Returns what ends it. */
  subscribe (listener: () => void): () => void
}

export function createStore<T> (initial: T): Store<T> {
  const listeners = new Set<() => void>()
  let value = initial
  return {
    get value () { return value },
    set (next) {
      if (next === value) return
      value = next
      for (const listener of [...listeners]) listener()
    },
    subscribe (listener) {
      listeners.add(listener)
      return () => { listeners.delete(listener) }
    }
  }
}

/** The value of a store in a component, which is drawn again when it changes. */
export function useStore<T> (store: Store<T>): T {
  const [drawn, draw] = useState({ value: store.value })
  useLayoutEffect(() => {
    const look = (): void => { draw({ value: store.value }) }
    // It may have changed since this was drawn.
    if (drawn.value !== store.value) look()
    return store.subscribe(look)
  }, [store])
  return store.value
}
