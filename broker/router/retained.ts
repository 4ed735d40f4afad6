import { RecordType, isRetained } from '../../protocol/record.ts'
import type { Erasures } from '../erasure/erasures.ts'
import { senderFields, writeMessage } from '../journal/message-record.ts'
import type { RecordWriter } from '../journal/record-writer.ts'
import type { Message } from './message.ts'
import { recordedMessage } from './recorded-message.ts'
import type { TopicTable } from './topic-table.ts'

class Level {
  readonly children = new Map<string, Level>()
  message: Message | null = null
}

/** The retained message of each topic, found by filter. */
export class RetainedMessages {
  private readonly root = new Level()
  private count = 0
  /** Topics by the user whose message they keep. */
  private readonly perUser = new Map<string, number>()
  private readonly perRoom = new Map<string, number>()

  get size (): number {
    return this.count
  }

  /** Topics that keep a message of this user. */
  of (sub: string): number {
    return this.perUser.get(sub) ?? 0
  }

  /** Rooms of which any topic keeps a message. */
  get rooms (): Iterable<string> {
    return this.perRoom.keys()
  }

  get (topic: string): Message | null {
    let level: Level | undefined = this.root
    for (const name of topic.split('/')) {
      level = level.children.get(name)
      if (level === undefined) return null
    }
    return level.message
  }

  /** Keeps the message as its topic's; an empty payload clears it [MQTT-3.3.1-10, -11]. */
  set (message: Message): void {
    const names = message.topic.topic.split('/')
    if (message.length === 0) {
      this.clear(this.root, names, 0)
      return
    }
    let level = this.root
    for (const name of names) {
      let child = level.children.get(name)
      if (child === undefined) level.children.set(name, child = new Level())
      level = child
    }
    this.replace(level, message.keep())
  }

  private replace (level: Level, message: Message | null): void {
    if (level.message !== null) this.add(level.message, -1)
    if (message !== null) this.add(message, 1)
    level.message = message
  }

  private add ({ sender, topic }: Message, count: number): void {
    this.count += count
    addTo(this.perUser, sender, count)
    // What no channel takes is in no room.
    if (topic.match !== null) addTo(this.perRoom, topic.match.room, count)
  }

  /** Takes up the message of a record, if it is to be retained. */
  restore (bytes: Uint8Array, start: number, topics: TopicTable): void {
    if (!isRetained(bytes, start)) return
    const message = recordedMessage(bytes, start, topics)
    if (message !== null && isAlwaysRecorded(message)) this.set(message)
  }

  /** Records of all that can be in the journal, for a snapshot. */
  * saveAll (writer: RecordWriter): Generator<void> {
    for (const topic of this.topics('#')) {
      const message = this.get(topic)
      if (message === null || !isAlwaysRecorded(message)) continue
      writer.begin(RecordType.message, message.position)
      writeMessage(writer, message, senderFields(message.sender, message.session), { packetId: 0, willOf: null })
      writer.end()
      yield
    }
  }

  /** Clears what was erased, and returns how many. Entries of rosters say who is here now, and stay. */
  erase (erasures: Erasures): number {
    const found = this.topics('#').filter(topic => {
      const message = this.get(topic)!
      return !message.isBrokers && erasures.covers(message)
    })
    for (const topic of found) this.clear(this.root, topic.split('/'), 0)
    return found.length
  }

  private clear (level: Level, names: readonly string[], index: number): void {
    const name = names[index]
    if (name === undefined) {
      this.replace(level, null)
      return
    }
    const child = level.children.get(name)
    if (child === undefined) return
    this.clear(child, names, index + 1)
    if (child.message === null && child.children.size === 0) level.children.delete(name)
  }

  /**
   * Topics with a retained message that match the filter, as of now. Names only: whoever sends them later takes each
   * topic's message of that moment.
   */
  topics (filter: string): string[] {
    const found: string[] = []
    this.collect(this.root, filter.split('/'), 0, found, true)
    return found
  }

  private collect (level: Level, names: readonly string[], index: number, found: string[], atRoot: boolean): void {
    const name = names[index]
    if (name === undefined) {
      if (level.message !== null) found.push(level.message.topic.topic)
      return
    }
    if (name === '#') {
      this.all(level, found, atRoot)
      return
    }
    if (name !== '+') {
      const child = level.children.get(name)
      if (child !== undefined) this.collect(child, names, index + 1, found, false)
      return
    }
    for (const [childName, child] of level.children) {
      // No topic that starts with $ matches a filter that starts with a wildcard [MQTT-4.7.2-1].
      if (!(atRoot && childName.startsWith('$'))) this.collect(child, names, index + 1, found, false)
    }
  }

  private all (level: Level, found: string[], atRoot: boolean): void {
    if (level.message !== null) found.push(level.message.topic.topic)
    for (const [name, child] of level.children) {
      if (!(atRoot && name.startsWith('$'))) this.all(child, found, false)
    }
  }
}

/** A channel in memory has only some messages in the journal: the last of them need not be the last of all. */
function isAlwaysRecorded ({ topic }: Message): boolean {
  const { store, durability } = topic.match!.channel
  return store || durability !== 'memory'
}

function addTo (counts: Map<string, number>, name: string, count: number): void {
  const sum = (counts.get(name) ?? 0) + count
  if (sum === 0) counts.delete(name)
  else counts.set(name, sum)
}
