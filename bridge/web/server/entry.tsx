import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { Command } from '../connect/command.tsx'
import { FaultBox } from '../fault-box.tsx'
import type { SignedIn } from '../session.ts'
import { useTitle } from '../title.ts'
import type { ServerPage } from './server-page.tsx'

/** The way to the page of operators. What it is made of is loaded here: most visitors never need it. */
export function ServerEntry ({ signedIn }: { signedIn: SignedIn }): JSX.Element {
  useTitle('Server')
  return signedIn.me.admin ? <Loaded signedIn={signedIn} /> : <ForAdmins />
}

function ForAdmins (): JSX.Element {
  return (
    <div class='page narrow'>
      <h1>Server</h1>
      <p class='lead'>This page is for admins, and your token is not one of an admin: sign in with one that is made on the machine of the server.</p>
      <Command text='npx foyer token --sub ops --admin --expires 12h' />
    </div>
  )
}

function Loaded ({ signedIn }: { signedIn: SignedIn }): JSX.Element {
  const [page, setPage] = useState<{ readonly Shown: typeof ServerPage } | null>(null)
  const [failed, setFailed] = useState(false)
  useEffect(() => {
    let gone = false
    import('./server-page.tsx').then(
      ({ ServerPage }) => { if (!gone) setPage({ Shown: ServerPage }) },
      () => { if (!gone) setFailed(true) }
    )
    return () => { gone = true }
  }, [])
  if (failed) return <div class='page'><FaultBox title='This page could not be loaded.' fault={{ code: 'unreachable', message: 'the server did not send it', remedy: 'reload, once the server answers' }} /></div>
  return page === null ? <p class='page quiet soon' role='status'>Loading…</p> : <page.Shown signedIn={signedIn} />
}
