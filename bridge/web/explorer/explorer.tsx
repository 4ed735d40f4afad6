import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { FaultBox } from '../fault-box.tsx'
import { faultOf, type Fault } from '../fault.ts'
import type { SignedIn } from '../session.ts'
import { useTitle } from '../title.ts'
import type { ExplorerPage } from './explorer-page.tsx'

/** The explorer, loaded when somebody comes to it: whoever talks in rooms has no use for it. */
export function Explorer ({ signedIn }: { signedIn: SignedIn }): JSX.Element {
  const [loaded, setLoaded] = useState<{ readonly Page: typeof ExplorerPage } | null>(null)
  const [fault, setFault] = useState<Fault | null>(null)
  useTitle('Explorer')
  useEffect(() => {
    import('./explorer-page.tsx').then(({ ExplorerPage }) => setLoaded({ Page: ExplorerPage }), error => setFault(faultOf(error)))
  }, [])
  if (fault !== null) return <div class='page'><FaultBox title='The explorer could not be loaded.' fault={fault} /></div>
  return loaded === null ? <p class='page quiet soon' role='status'>Loading…</p> : <loaded.Page signedIn={signedIn} />
}
