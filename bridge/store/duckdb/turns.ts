/** Lets actions follow each other, whatever becomes of them. */
export class Turns {
  private last: Promise<unknown> = Promise.resolve()

  run<T> (action: () => Promise<T>): Promise<T> {
    const done = this.last.then(action)
    this.last = done.catch(() => {})
    return done
  }
}
