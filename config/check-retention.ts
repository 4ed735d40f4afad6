import type { Facts } from './facts.ts'

/** A time that holds for nothing. */
export function checkRetention ({ draft: { channels }, sourceOf, warn }: Facts): void {
  for (const { name, retention, store } of channels) {
    if (retention !== null && !store) warn(`channels.${name}.retention (${sourceOf('channels', [name, 'retention'])}) says how long messages are kept, and store: false that none are: remove one of them`)
  }
}
