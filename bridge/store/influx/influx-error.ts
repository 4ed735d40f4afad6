/** What InfluxDB, or the way to it, has against a request. */
export class InfluxError extends Error {
  /** Of HTTP; null when there was no answer, or none that says what is wrong. */
  readonly status: number | null
  /** InfluxDB's own words. */
  readonly reason: string

  /** The message is one sentence that says what to do. */
  constructor (message: string, reason: string, status: number | null = null, cause?: unknown) {
    super(message, { cause })
    this.name = 'InfluxError'
    this.reason = reason
    this.status = status
  }

  /** Whether InfluxDB read the lines and refuses some of them: sending the same again is no use. 422 is how 2.x says it. */
  get isAboutLines (): boolean {
    return this.status === 400 || this.status === 422
  }
}
