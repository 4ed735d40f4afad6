import { firstAtOrAfter } from '../journal/segment-index.ts'

/** Positions that are remembered one by one, 8 bytes each; of older ones it is only known that something was missed. */
const REMEMBERED = 2000

/**
 * What a session was to get and did not: its own messages where it wants no echo, and what was dropped as it read too
 * slowly or was away for too long. A replay leaves out what other subscriptions of the session have brought; not these.
 */
export class Missed {
  /** Rising. */
  private positions: number[] = []
  private upTo = 0

  /** A message of a stored channel, by its position. */
  add (position: number): void {
    const { positions } = this
    if (this.has(position)) return
    if (positions.length === 0 || position > positions.at(-1)!) positions.push(position)
    else positions.splice(firstAtOrAfter(positions, position), 0, position)
    if (positions.length > REMEMBERED) this.addUpTo(positions[REMEMBERED / 2]!)
  }

  /** Nobody knows which, up to there. */
  addUpTo (position: number): void {
    if (position <= this.upTo) return
    this.upTo = position
    this.positions = this.positions.slice(firstAtOrAfter(this.positions, position + 1))
  }

  /** Whether a message was missed, or may have been. */
  has (position: number): boolean {
    return position <= this.upTo || this.positions[firstAtOrAfter(this.positions, position)] === position
  }
}
