import type { Message, Room } from '../../../client/index.ts'
import { faultOf, type Fault } from '../fault.ts'
import { createStore } from '../store.ts'

export interface Present {
  /** In the order in which they came; null before anybody said. */
  readonly users: readonly string[] | null
  readonly fault: Fault | null
}

/** Who is in a room. */
export class Presence {
  readonly state = createStore<Present>({ users: null, fault: null })
  readonly #room: Room
  /** What came while the list was on its way is newer than the list. */
  #meanwhile: Message[] | null = null

  constructor (room: Room) {
    this.#room = room
  }

  /** An event came. */
  take (message: Message): void {
    this.#meanwhile?.push(message)
    const { users } = this.state.value
    if (users !== null) this.state.set({ users: after(users, message), fault: null })
  }

  async load (): Promise<void> {
    const meanwhile: Message[] = []
    this.#meanwhile = meanwhile
    try {
      const { users } = await this.#room.presence()
      this.state.set({ users: meanwhile.reduce(after, users), fault: null })
    } catch (error) {
      this.state.set({ ...this.state.value, fault: faultOf(error) })
    }
    if (this.#meanwhile === meanwhile) this.#meanwhile = null
  }
}

function after (users: readonly string[], { payload }: Message): readonly string[] {
  const { event, users: named = [] } = payload as { event?: string, users?: readonly string[] }
  const others = users.filter(user => !named.includes(user))
  if (event === 'left') return others
  return event === 'joined' ? [...users, ...named.filter(user => !users.includes(user))] : users
}
