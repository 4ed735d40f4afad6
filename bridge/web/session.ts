import { compileChannels, type ChannelSet } from '../../protocol/channels.ts'
import type { Subject } from '../../protocol/policy.ts'
import { parseGrants } from '../../protocol/room-grants.ts'
import { ApiError, getJson, type Me, type ServerInfo } from './api.ts'
import { faultOf, type Fault } from './fault.ts'
import { Link } from './link.ts'
import { createStore } from './store.ts'

/** Who is signed in. */
export interface SignedIn {
  readonly phase: 'in'
  readonly token: string
  readonly me: Me
  /** The same as the policy takes it. */
  readonly subject: Subject
  readonly channels: ChannelSet
  readonly link: Link
}

export type Session =
  /** `fault`: why not, where there was an attempt or an end. */
  | { readonly phase: 'out', readonly fault: Fault | null }
  /** `fault`: the server can't be reached, and is asked again. */
  | { readonly phase: 'checking', readonly fault: Fault | null }
  | SignedIn

/** Of this tab only, and gone with it. */
const KEY = 'foyer.token'
const AGAIN_MS = 2_000

export const session = createStore<Session>({ phase: 'out', fault: null })

/** Counts attempts: only the latest may say how it ended. */
let latest = 0

/** Signs in with the token in the address, or the one that this tab had before it was loaded again. */
export function begin (): void {
  const take = (): boolean => {
    const token = takeFromAddress()
    if (token !== null) void signIn(token)
    return token !== null
  }
  addEventListener('hashchange', take)
  if (take()) return
  const token = sessionStorage.getItem(KEY)
  if (token !== null) void signIn(token)
}

/** A token in the fragment never reaches a server, and must not stay where people copy addresses from. */
function takeFromAddress (): string | null {
  const token = /^#token=([^&]+)/.exec(location.hash)?.[1]
  if (token === undefined) return null
  history.replaceState(null, '', location.pathname + location.search)
  return token
}

export async function signIn (token: string): Promise<void> {
  const attempt = ++latest
  leave()
  sessionStorage.setItem(KEY, token)
  session.set({ phase: 'checking', fault: null })
  for (;;) {
    try {
      const [me, { channels }] = await Promise.all([getJson<Me>('/api/me', token), getJson<ServerInfo>('/api/server', token)])
      if (attempt !== latest) return
      const subject = { sub: me.sub, admin: me.admin, grants: parseGrants(me.rooms) }
      session.set({ phase: 'in', token, me, subject, channels: compileChannels(channels), link: new Link(token, signOut) })
      return
    } catch (error) {
      if (attempt !== latest) return
      const fault = faultOf(error)
      const mayPass = error instanceof ApiError && (error.status === 0 || error.status >= 500)
      if (!mayPass) return signOut(fault)
      session.set({ phase: 'checking', fault })
    }
    await new Promise(resolve => setTimeout(resolve, AGAIN_MS))
    if (attempt !== latest) return
  }
}

/** Forgets the token. `fault`: who or what made it end. */
export function signOut (fault: Fault | null = null): void {
  latest++
  leave()
  sessionStorage.removeItem(KEY)
  session.set({ phase: 'out', fault })
}

function leave (): void {
  if (session.value.phase === 'in') session.value.link.close()
}
