import type { JSX } from 'preact'
import { sentence } from '../fault.ts'
import type { Link, LinkStatus } from '../link.ts'
import { useStore } from '../store.ts'
import { secondsText } from '../time.ts'

const NAMES: Record<LinkStatus['state'], string> = { connecting: 'Connecting', connected: 'Connected', reconnecting: 'Reconnecting' }

/** It is where the page is from. */
const ADDRESS = /^wss?:\/\/\S+: /

/** How the connection is, also said aloud. What is wrong is shown over the page, so that nothing in it moves. */
export function LinkState ({ link }: { link: Link }): JSX.Element {
  const { state, fault } = useStore(link.status)
  const ending = useStore(link.ending)
  return (
    <>
      <span class={`link-state is-${state}`} role='status'>
        <span class='link-dot' aria-hidden='true' /><span class='link-name'>{NAMES[state]}</span>
      </span>
      {fault === null
        ? null
        : (
          <div class='toast' role='alert'>
            <strong>The connection is lost, and tried again.</strong> {sentence(fault.message.replace(ADDRESS, ''))} What you send waits until it is back.
          </div>
          )}
      {ending === null || fault !== null ? null : <div class='toast is-note' role='alert'><strong>The token ends at {secondsText(ending * 1000)}.</strong> Get a new one to sign in with again.</div>}
    </>
  )
}
