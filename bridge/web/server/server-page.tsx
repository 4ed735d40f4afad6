import type { JSX } from 'preact'
import { getJson } from '../api.ts'
import { FaultBox } from '../fault-box.tsx'
import { sentence } from '../fault.ts'
import type { SignedIn } from '../session.ts'
import { useStore } from '../store.ts'
import { fullText, secondsText, spanText } from '../time.ts'
import { useEvery } from '../use-every.ts'
import { Charts } from './charts.tsx'
import { Figures } from './figures.tsx'
import { LedgerView } from './ledger-view.tsx'
import { LogView } from './log-view.tsx'
import { QueuesView } from './queues-view.tsx'
import { RefusalsView } from './refusals-view.tsx'
import type { Stats } from './stats.ts'
import { StoresView } from './stores-view.tsx'
import { Watch, type Watched } from './watch.ts'
import './server.css'

const ASK_MS = 1_000
/** An answer that takes longer is none. */
const TIMEOUT_MS = 5_000

/** What was seen of the server stays while somebody is signed in, so that charts go on when one comes back to them. */
const watches = new WeakMap<SignedIn, Watch>()

function watchOf (signedIn: SignedIn): Watch {
  let watch = watches.get(signedIn)
  if (watch === undefined) {
    const { token } = signedIn
    watch = new Watch(async signal => await getJson<Stats>('/api/stats', token, AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)])))
    watches.set(signedIn, watch)
  }
  return watch
}

/** How the server is, once a second while somebody looks. */
export function ServerPage ({ signedIn }: { signedIn: SignedIn }): JSX.Element {
  const watch = watchOf(signedIn)
  const watched = useStore(watch.state)
  const { stats, samples, rates, fault } = watched
  useEvery(ASK_MS, signal => { void watch.ask(signal) }, [watch])
  if (stats === null) {
    return (
      <div class='page wide server'>
        <h1>Server</h1>
        {fault === null ? <p class='quiet soon' role='status'>Asking the server…</p> : <FaultBox title='How the server is could not be read; it is asked again.' fault={fault} />}
      </div>
    )
  }
  return (
    <div class='page wide server'>
      <Head stats={stats} watched={watched} />
      <Figures stats={stats} rates={rates} />
      <Charts samples={samples} to={Date.parse(stats.time) / 1000} />
      <LedgerView stats={stats} />
      <StoresView stats={stats} />
      <QueuesView slow={stats.slow} absent={stats.absent} />
      <RefusalsView reasons={stats.reasons} refusals={stats.refusals} />
      <LogView log={stats.log} />
    </div>
  )
}

function Head ({ stats: { version, uptime, started, time }, watched: { fault, isNew } }: { stats: Stats, watched: Watched }): JSX.Element {
  return (
    <header class='server-head'>
      <h1>Server</h1>
      <p class='quiet' title={fullText(Date.parse(started))}>Foyer {version}, up for {spanText(uptime * 1000)}</p>
      <p class='server-now number'>
        {/* Said aloud when it changes; the time beside it is not. */}
        <span role='status'>
          {fault !== null
            ? <span class='badge is-bad'>{sentence(`no news: ${fault.message}`)}</span>
            : isNew ? <span class='badge is-good'>The server was started again, at {secondsText(Date.parse(started))}.</span> : null}
        </span>
        <span class='quiet'>as of <time dateTime={time}>{secondsText(Date.parse(time))}</time></span>
      </p>
    </header>
  )
}
