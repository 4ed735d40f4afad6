import type { Kind } from './key.ts'
import { duration, orOff } from './kinds.ts'

/** How long history is kept; null is for ever. Shorter ones would be removed before anybody could ask for them. */
export const retention: Kind<number | null> = orOff(duration('1m', '36500d'))

/** The same where saying nothing is something else than saying that it is for ever, which is Infinity here. */
export const keepingTime: Kind<number> = {
  schema: retention.schema.transform((time) => time ?? Infinity),
  expects: retention.expects,
  fromText: retention.fromText
}
