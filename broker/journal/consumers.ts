import { readFields, readName, readUint64, RecordType } from '../../protocol/record.ts'
import { Consumer, type Source } from './consumer.ts'
import type { Reader } from './reader.ts'
import type { RecordWriter } from './record-writer.ts'
import type { FileDamage } from './recovery.ts'

const ConsumerTag = { name: 1, position: 2 } as const
/** Stands for what was dropped; names of consumers begin with a letter. */
const DROPPED = '$dropped'

/** What a record of a consumer says. */
type NamedPosition = Pick<Consumer, 'name' | 'position'>

/** The named consumers of a journal, and their positions as records of it. */
export class Consumers {
  private readonly consumers = new Map<string, Consumer>()
  private readonly dropped = { name: DROPPED, position: 0, saved: 0 }
  private readonly source: Source
  private readonly reader: Reader
  private readonly onDamage: (name: string, damage: FileDamage) => void

  constructor (source: Source, reader: Reader, onDamage: (name: string, damage: FileDamage) => void) {
    this.source = source
    this.reader = reader
    this.onDamage = onDamage
  }

  get (name: string): Consumer {
    let consumer = this.consumers.get(name)
    if (consumer === undefined) {
      consumer = new Consumer(name, this.source, this.reader, damage => this.onDamage(name, damage))
      this.consumers.set(name, consumer)
    }
    return consumer
  }

  /** Nobody reads under this name any more: nothing is kept for it. */
  forget (name: string): void {
    this.consumers.delete(name)
  }

  /** The earliest position that one of them still needs. */
  needed (): number {
    return Math.min(...[...this.consumers.values()].map(({ position }) => position))
  }

  /** Up to there records were dropped that somebody may have needed; a restart knows it, too. */
  get droppedTime (): number {
    return this.dropped.position
  }

  set droppedTime (time: number) {
    this.dropped.position = time
  }

  /** Those whose position the journal does not have yet: it is written with whatever is written next. */
  * changed (): Generator<NamedPosition> {
    for (const consumer of [this.dropped, ...this.consumers.values()]) {
      if (consumer.saved === consumer.position) continue
      consumer.saved = consumer.position
      yield consumer
    }
  }

  /** Records of all of them, for a snapshot. */
  saveAll (writer: RecordWriter, time: number): void {
    for (const consumer of [this.dropped, ...this.consumers.values()]) {
      writer.begin(RecordType.consumer, time)
      writeConsumer(writer, consumer)
      writer.end()
    }
  }

  restore (bytes: Buffer, start: number): void {
    let name = ''
    let position = 0
    readFields(bytes, start, (tag, from, to) => {
      if (tag === ConsumerTag.name) name = readName(bytes, from, to)
      else if (tag === ConsumerTag.position) position = readUint64(bytes, from)
    })
    if (name === DROPPED) {
      this.dropped.position = this.dropped.saved = position
      return
    }
    const consumer = this.get(name)
    consumer.commit(position)
    consumer.saved = position
  }
}

export function writeConsumer (writer: RecordWriter, { name, position }: NamedPosition): void {
  writer.text(ConsumerTag.name, name)
  writer.uint64(ConsumerTag.position, position)
}
