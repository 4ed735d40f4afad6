/**
 * Averages of equal stretches of time, which begin at multiples of their length since 1970. There is room for so many: what
 * comes takes the places of what has left the window, so nothing grows however long one looks.
 */
export class Buckets {
  readonly #length: number
  /** The stretch at each place, counted since 1970: its number modulo that of the places. */
  readonly #numbers: Float64Array
  readonly #sums: Float64Array
  readonly #counts: Float64Array

  /** `length` in milliseconds. */
  constructor (length: number, places: number) {
    this.#length = length
    this.#numbers = new Float64Array(places)
    this.#sums = new Float64Array(places)
    this.#counts = new Float64Array(places)
  }

  /** Adds one number at a time, milliseconds since 1970. */
  add (time: number, value: number): void {
    const place = this.#take(time)
    if (place !== null) this.#put(place, this.#sums[place]! + value, this.#counts[place]! + 1)
  }

  /** What somebody else has counted in a stretch of time, in place of what is there. The first one may be cut. */
  set (time: number, average: number | null, count: number): void {
    if (average === null || count === 0) return
    const place = this.#take(time)
    if (place !== null) this.#put(place, average * count, count)
  }

  /** Forgets what began before a time. */
  forgetUntil (time: number): void {
    for (const [place, number] of this.#numbers.entries()) if (number * this.#length < time) this.#put(place, 0, 0)
  }

  /** The average of the stretch that a time is in; null where there is nothing. */
  at (time: number): number | null {
    const number = Math.floor(time / this.#length)
    const place = number % this.#numbers.length
    return this.#numbers[place] === number && this.#counts[place]! > 0 ? this.#sums[place]! / this.#counts[place]! : null
  }

  /** The average of the latest stretch between two times that has one. */
  latest (from: number, to: number): number | null {
    for (let time = to; time >= from; time -= this.#length) {
      const average = this.at(time)
      if (average !== null) return average
    }
    return null
  }

  /** The place of the stretch that a time is in; null when a later one has it. */
  #take (time: number): number | null {
    const number = Math.floor(time / this.#length)
    const place = number % this.#numbers.length
    if (this.#numbers[place]! > number) return null
    if (this.#numbers[place]! < number) this.#put(place, 0, 0)
    this.#numbers[place] = number
    return place
  }

  #put (place: number, sum: number, count: number): void {
    this.#sums[place] = sum
    this.#counts[place] = count
  }
}
