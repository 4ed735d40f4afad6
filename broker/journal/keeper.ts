/** Somebody who needs some of the messages in the journal and can tell which: the others need not be kept for it. */
export interface Keeper {
  /** The earliest position behind which it needs anything. */
  needed (): number
  /** Begins to look through a complete file, whose positions are in `(after, upTo]`. */
  judge (after: number, upTo: number): Promise<Judge>
}

/** Tells what is needed of one file. What it says may only become less with time, but where `holds` says otherwise. */
export interface Judge {
  /** Positions of messages that are needed whatever their topic is; rising. */
  readonly positions: readonly number[]
  /** Whether messages of this topic may be needed; asked once for each topic of the file. */
  mayNeed (topic: string): boolean
  /** Whether the message record at `start` is; asked in the order of positions, for all those that may be. */
  needs (bytes: Buffer, start: number): boolean
  /** All were asked about. Tells what those that are needed are needed for. */
  finish (): readonly Pin[]
  /** Whether nothing has become needed that was not. */
  holds (): boolean
  /** What was not needed is gone. */
  letGo (): void
}

/** Why some of a file is kept. */
export interface Pin {
  /** Bytes of records; what several pins need is counted to one of them. */
  readonly bytes: number
  /** Whether they may still be needed for it. */
  holds (): boolean
}
