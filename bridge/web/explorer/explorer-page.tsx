import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { Client } from '../../../client/index.ts'
import type { SignedIn } from '../session.ts'
import { useStore } from '../store.ts'
import { Detail } from './detail.tsx'
import './explorer.css'
import { explorerOf } from './explorer-model.ts'
import type { Line } from './lines.ts'
import { MessageList } from './message-list.tsx'
import { PublishForm } from './publish-form.tsx'
import { SubscribeForm } from './subscribe-form.tsx'
import { Subscriptions } from './subscriptions.tsx'

/** Subscribe to anything, see what comes as it is, and publish. */
export function ExplorerPage ({ signedIn }: { signedIn: SignedIn }): JSX.Element {
  const client = useStore(signedIn.link.client)
  return client === null ? <p class='page quiet soon' role='status'>Connecting…</p> : <Connected client={client} signedIn={signedIn} />
}

function Connected ({ client, signedIn }: { client: Client, signedIn: SignedIn }): JSX.Element {
  const explorer = explorerOf(client, signedIn)
  const [selected, select] = useState<Line | null>(null)
  const said = useStore(explorer.said)
  return (
    <div class='explorer'>
      <div class='explorer-side'>
        <h1>Explorer</h1>
        <SubscribeForm explorer={explorer} signedIn={signedIn} />
        <Subscriptions explorer={explorer} />
        <PublishForm explorer={explorer} signedIn={signedIn} />
      </div>
      <div class='explorer-main'>
        <MessageList log={explorer.log} selected={selected} onSelect={select} />
        <Detail line={selected} />
      </div>
      <p class='visually-hidden' role='status'>{said}</p>
    </div>
  )
}
