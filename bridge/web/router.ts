import { createStore } from './store.ts'

export const TABS = ['conversation', 'charts', 'devices', 'people'] as const
export type Tab = typeof TABS[number]

export type Route =
  | { readonly page: 'rooms' }
  | { readonly page: 'room', readonly room: string, readonly tab: Tab }
  | { readonly page: 'explorer' }
  | { readonly page: 'connect' }
  | { readonly page: 'server' }

/** The place that an address names, by its fragment: the server need not know any of them. */
function parseRoute (hash: string): Route {
  const [page, room, tab] = hash.replace(/^#\/?/, '').split('/').map(decode)
  if (page === 'connect' || page === 'explorer' || page === 'server') return { page }
  if (page !== 'rooms' || room === undefined || room === '') return { page: 'rooms' }
  return { page: 'room', room, tab: TABS.find(known => known === tab) ?? 'conversation' }
}

export function roomAddress (room: string, tab: Tab = 'conversation'): string {
  return `#/rooms/${encodeURIComponent(room)}${tab === 'conversation' ? '' : `/${tab}`}`
}

function decode (text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

export const route = createStore<Route>({ page: 'rooms' })

/** Shows what the address names, now and whenever it changes. */
export function followAddress (): void {
  const look = (): void => { route.set(parseRoute(location.hash)) }
  addEventListener('hashchange', look)
  look()
}
