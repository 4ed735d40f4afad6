import type { JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import type { Me } from '../api.ts'
import { Avatar } from '../avatar.tsx'
import { signOut } from '../session.ts'
import { fullText, spanText } from '../time.ts'

/** Who is signed in, until when, with which grants; and the way out. */
export function Account ({ me: { sub, exp, admin, rooms } }: { me: Me }): JSX.Element {
  const menu = useRef<HTMLDetailsElement>(null)
  useEffect(() => {
    const close = (event: Event): void => {
      if (menu.current?.open !== true) return
      if (event instanceof KeyboardEvent ? event.key !== 'Escape' : menu.current.contains(event.target as Node)) return
      menu.current.open = false
      if (event instanceof KeyboardEvent) menu.current.querySelector('summary')?.focus()
    }
    const leave = (): void => { if (menu.current !== null) menu.current.open = false }
    document.addEventListener('click', close)
    document.addEventListener('keydown', close)
    addEventListener('hashchange', leave)
    return () => {
      removeEventListener('hashchange', leave)
      document.removeEventListener('click', close)
      document.removeEventListener('keydown', close)
    }
  }, [])
  return (
    <details class='account' ref={menu}>
      <summary aria-label={`Signed in as ${sub}`} title={`Signed in as ${sub}`}><Avatar name={sub} /></summary>
      <div class='popover'>
        <p class='account-name'>{sub}{admin ? <span class='badge'>admin</span> : null}</p>
        <p class='quiet'>{exp === null ? 'The token has no end.' : `The token ends in ${spanText(exp * 1000 - Date.now())}, ${fullText(exp * 1000)}.`}</p>
        <ul class='grants' aria-label='Grants of the token'>
          {Object.entries(rooms).slice(0, 8).map(([room, role]) => <li key={room}><code>{room}</code><span class='badge'>{role}</span></li>)}
          {Object.keys(rooms).length > 8 ? <li class='quiet'>and {Object.keys(rooms).length - 8} more</li> : null}
        </ul>
        <button class='button wide' type='button' onClick={() => signOut()}>Sign out</button>
      </div>
    </details>
  )
}
