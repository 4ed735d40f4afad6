import type { JSX } from 'preact'
import { useEffect, useMemo, useState } from 'preact/hooks'
import { wholeTimeText, type Arrival, type Line } from './lines.ts'
import { hexDump, prettyJson, read, sizeText, VIEWS, type Reading, type View } from './payload-text.ts'

const NAMES: Record<View, string> = { json: 'JSON', text: 'Text', hex: 'Hex' }
/** Characters that are shown of a payload, and bytes as numbers: more of it takes a browser long to lay out. */
const MOST_TEXT = 100_000
const MOST_BYTES = 8_192
const COPIED_MS = 2_000

/** The line that was selected, with everything that is known of it. */
export function Detail ({ line }: { line: Line | null }): JSX.Element {
  // Who wants to see bytes wants to see those of the next one, too.
  const [wanted, setWanted] = useState<View | null>(null)
  return (
    <section class='detail' aria-label='Selected message'>
      {line === null ? <p class='quiet'>Select a message, by the mouse or the arrow keys, to see all of it.</p> : null}
      {line?.kind === 'note' ? <><p class='quiet number'>{wholeTimeText(line.time)}</p><p>{line.text}</p></> : null}
      {line?.kind === 'message' ? <MessageDetail arrival={line} wanted={wanted} onView={setWanted} /> : null}
    </section>
  )
}

interface Wanted {
  /** How payloads are to be shown, where that is possible. */
  readonly wanted: View | null
  readonly onView: (view: View) => void
}

function MessageDetail ({ arrival: { message, time, by }, ...wanted }: Wanted & { arrival: Arrival }): JSX.Element {
  const { topic, qos, retained, replayed, sender, id, userProperties } = message
  const bytes = message.bytes!
  const properties = Object.entries(userProperties).flatMap(([name, value]) => [value].flat().map(value => [name, value] as const))
  const facts = [
    ['Time', wholeTimeText(time)], ['QoS', String(qos)], ['Retained', retained ? 'yes' : 'no'], ['Came', replayed ? 'by a replay' : 'live'], ['By', by],
    ['Sender', sender === '' ? 'not known' : sender], ['Id', id ?? 'none, it is not stored'], ['Size', sizeText(bytes.length)]
  ] as const
  return (
    <>
      <h2 class='detail-topic'><code>{topic}</code></h2>
      <dl class='detail-facts number'>{facts.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>
      <Payload bytes={bytes} {...wanted} />
      {properties.length === 0
        ? null
        : (
          <>
            <h3>User properties</h3>
            <dl class='detail-properties'>{properties.map(([name, value], i) => <div key={i}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>
          </>
          )}
    </>
  )
}

function Payload ({ bytes, wanted, onView }: Wanted & { bytes: Uint8Array }): JSX.Element {
  const reading = useMemo(() => read(bytes), [bytes])
  const view = wanted !== null && isPossible(wanted, reading) ? wanted : reading.view
  const shown = useMemo(() => shownOf(bytes, reading, view), [bytes, view])
  return (
    <>
      <div class='detail-tools'>
        <h3>Payload</h3>
        <div class='button-group' role='group' aria-label='How the payload is shown'>
          {VIEWS.map(name => <button key={name} class='button small' type='button' aria-pressed={name === view} disabled={!isPossible(name, reading)} onClick={() => onView(name)}>{NAMES[name]}</button>)}
        </div>
        {/* Browsers have no clipboard for pages that came without TLS from elsewhere. */}
        {window.isSecureContext ? <Copy text={() => allOf(bytes, reading, view)} /> : null}
      </div>
      {bytes.length === 0 ? <p class='quiet'>Empty.</p> : <pre class={`detail-payload is-${view}`} tabIndex={0} aria-label='Payload'>{shown.text}</pre>}
      {shown.isCut ? <p class='quiet'>Only the beginning is shown; a copy has all of it.</p> : null}
    </>
  )
}

function Copy ({ text }: { text: () => string }): JSX.Element {
  const [copied, setCopied] = useState(false)
  useEffect(() => {
    if (!copied) return
    const timer = setTimeout(() => setCopied(false), COPIED_MS)
    return () => clearTimeout(timer)
  }, [copied])
  return <button class='button small' type='button' aria-live='polite' onClick={() => { void navigator.clipboard.writeText(text()).then(() => setCopied(true)) }}>{copied ? 'Copied' : 'Copy'}</button>
}

function isPossible (view: View, { text, isJson }: Reading): boolean {
  return view === 'hex' || (view === 'text' ? text !== null : isJson)
}

function allOf (bytes: Uint8Array, { text }: Reading, view: View): string {
  return view === 'hex' ? hexDump(bytes) : view === 'json' ? prettyJson(text!) : text!
}

function shownOf (bytes: Uint8Array, { text }: Reading, view: View): { text: string, isCut: boolean } {
  if (view === 'hex') return { text: hexDump(bytes, MOST_BYTES), isCut: bytes.length > MOST_BYTES }
  const all = view === 'json' ? prettyJson(text!, MOST_TEXT + 1) : text!
  return { text: all.slice(0, MOST_TEXT), isCut: all.length > MOST_TEXT }
}
