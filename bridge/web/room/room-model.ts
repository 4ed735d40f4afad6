import { decide, type Decision } from '../../../protocol/policy.ts'
import { encodeSub } from '../../../protocol/names.ts'
import { roleIn } from '../../../protocol/room-grants.ts'
import type { Client, CommandResult, Payload, Room } from '../../../client/index.ts'
import { faultOf, type Fault } from '../fault.ts'
import type { SignedIn } from '../session.ts'
import { createStore } from '../store.ts'
import { adoptedInto, type Adopted } from './adopted.ts'
import { Conversation } from './conversation.ts'
import { Devices } from './devices.ts'
import { Past } from './past.ts'
import { Presence } from './presence.ts'
import { Telemetry } from './telemetry.ts'

export interface Joined {
  readonly conversation: Conversation
  readonly presence: Presence
  readonly devices: Devices
  readonly telemetry: Telemetry
}

export type RoomState =
  | { readonly phase: 'joining' }
  | { readonly phase: 'refused', readonly fault: Fault }
  | { readonly phase: 'joined', readonly joined: Joined }

/** A room that is looked at: from joining it to leaving it. */
export class RoomModel {
  readonly name: string
  readonly state = createStore<RoomState>({ phase: 'joining' })
  /** Something was lost, or is refused now. */
  readonly notice = createStore<Fault | null>(null)
  readonly #client: Client
  readonly #signedIn: SignedIn
  readonly #stops: (() => void)[] = []
  #room: Room | null = null
  #closed = false

  constructor (name: string, client: Client, signedIn: SignedIn) {
    this.name = name
    this.#client = client
    this.#signedIn = signedIn
    void this.#join()
  }

  /** The role of the token here; null where no grant covers the room. */
  get role (): string | null {
    return roleIn(this.#signedIn.subject.grants, this.name)?.role ?? null
  }

  get sub (): string {
    return this.#signedIn.me.sub
  }

  /** Whether the token may do something in the room, by the rules that the server has. */
  may (action: 'publish' | 'deliver', subtopic: string): Decision {
    return decide(this.#signedIn.channels, this.#signedIn.subject, action, `rooms/${this.name}/${subtopic}`)
  }

  mayCommand (device: string): boolean {
    return this.may('publish', `commands/${encodeSub(device)}`).allowed
  }

  async command (device: string, payload: Payload): Promise<CommandResult> {
    return await this.#room!.command(device, payload)
  }

  close (): void {
    this.#closed = true
    for (const stop of this.#stops.splice(0)) stop()
    void this.#room?.leave()
  }

  async #join (): Promise<void> {
    try {
      const room = await this.#client.join(this.name)
      if (this.#closed) {
        void room.leave()
        return
      }
      this.#room = room
      this.#follow(room)
    } catch (error) {
      this.state.set({ phase: 'refused', fault: faultOf(error) })
    }
  }

  #follow (room: Room): void {
    const { channels, subject, token } = this.#signedIn
    const adopted = adoptedInto(this.name, channels, subject)
    const joined: Joined = {
      conversation: new Conversation(room, this.sub),
      presence: new Presence(room),
      devices: new Devices(room, adopted),
      telemetry: new Telemetry(new Past(this.name, token, adopted))
    }
    const { conversation, presence, devices, telemetry } = joined
    this.#stops.push(
      room.on('message', message => conversation.take(message)),
      room.on('presence', message => presence.take(message)),
      room.on('state', message => devices.take(message)),
      room.on('telemetry', message => {
        devices.take(message)
        telemetry.take(message)
      }),
      room.on('error', error => {
        this.notice.set(error)
        // What the server could not bring may be in history all the same.
        if (error.code === 'gap') void conversation.loadNewest()
      }),
      // Events may have been told while nobody was there to hear them.
      this.#client.on('connect', () => {
        if (this.may('deliver', 'presence').allowed) void presence.load()
        telemetry.reload()
      })
    )
    for (const one of adopted) void this.#followAdopted(one, joined)
    if (this.may('deliver', 'messages').allowed) void conversation.loadNewest()
    if (this.may('deliver', 'presence').allowed) void presence.load()
    this.state.set({ phase: 'joined', joined })
  }

  /** What a channel has adopted into the room lies outside of what is joined. */
  async #followAdopted (adopted: Adopted, { devices, telemetry }: Joined): Promise<void> {
    try {
      const feed = await this.#client.subscribe(adopted.filter)
      this.#stops.push(() => { void feed.unsubscribe() })
      if (this.#closed) return this.close()
      feed.on('message', message => {
        devices.takeAdopted(message, adopted)
        telemetry.takeAdopted(message, adopted)
      })
      feed.on('error', error => this.notice.set(error))
    } catch (error) {
      if (!this.#closed) this.notice.set(faultOf(error))
    }
  }
}
