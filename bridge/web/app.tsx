import type { JSX } from 'preact'
import { ConnectPage } from './connect/connect-page.tsx'
import { Explorer } from './explorer/explorer.tsx'
import { RoomPage } from './room/room-page.tsx'
import { Rail } from './rooms/rail.tsx'
import { RoomsPage } from './rooms/rooms-page.tsx'
import { route } from './router.ts'
import { ServerEntry } from './server/entry.tsx'
import { session } from './session.ts'
import { Shell } from './shell/shell.tsx'
import { SignInPage } from './sign-in/sign-in-page.tsx'
import { useStore } from './store.ts'

export function App (): JSX.Element {
  return <Shell><Page /></Shell>
}

function Page (): JSX.Element {
  const place = useStore(route)
  const now = useStore(session)
  if (place.page === 'connect') return <ConnectPage />
  if (now.phase !== 'in') return <SignInPage session={now} />
  if (place.page === 'room') {
    return (
      <div class='beside'>
        <Rail signedIn={now} room={place.room} />
        <RoomPage key={place.room} signedIn={now} room={place.room} tab={place.tab} />
      </div>
    )
  }
  if (place.page === 'server') return <ServerEntry signedIn={now} />
  if (place.page === 'explorer') return <Explorer signedIn={now} />
  return <RoomsPage signedIn={now} />
}
