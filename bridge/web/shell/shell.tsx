import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { Brand } from '../icons.tsx'
import { route } from '../router.ts'
import { session } from '../session.ts'
import { useStore } from '../store.ts'
import { Account } from './account.tsx'
import { LinkState } from './link-state.tsx'
import { ThemeSwitch } from './theme-switch.tsx'

const PAGES = [
  { address: '#/rooms', name: 'Rooms', holds: ['rooms', 'room'] },
  { address: '#/explorer', name: 'Explorer', holds: ['explorer'] },
  { address: '#/connect', name: 'Connect', holds: ['connect'] },
  { address: '#/server', name: 'Server', holds: ['server'], isForAdmins: true }
]

/** What every page has around it. */
export function Shell ({ children }: { children: ComponentChildren }): JSX.Element {
  const { page } = useStore(route)
  const now = useStore(session)
  const main = useRef<HTMLElement>(null)
  const place = placeName()
  const last = useRef(place)

  // Whoever does not see that the page has changed goes on at its beginning.
  useEffect(() => {
    if (last.current !== place) main.current?.focus({ preventScroll: true })
    last.current = place
  }, [place])

  return (
    <>
      <button class='skip' type='button' onClick={() => main.current?.focus()}>Skip to the content</button>
      <header class='bar'>
        <a class='brand' href='#/rooms'><Brand /><span class='brand-name'>Foyer</span></a>
        <nav class='bar-nav' aria-label='Pages'>
          {PAGES.filter(({ isForAdmins }) => isForAdmins !== true || (now.phase === 'in' && now.me.admin)).map(({ address, name, holds }) => <a key={name} href={address} aria-current={holds.includes(page) ? 'page' : undefined}>{name}</a>)}
        </nav>
        <div class='bar-end'>
          {now.phase === 'in' ? <LinkState link={now.link} /> : null}
          <ThemeSwitch />
          {now.phase === 'in' ? <Account me={now.me} /> : null}
        </div>
      </header>
      <main id='main' class='main' tabIndex={-1} ref={main}>{children}</main>
    </>
  )
}

/** Changes when another page or room is shown, and not with the views of a room. */
function placeName (): string {
  const place = route.value
  return place.page === 'room' ? `room ${place.room}` : place.page
}
