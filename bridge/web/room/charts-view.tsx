import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { FaultBox } from '../fault-box.tsx'
import { useStore } from '../store.ts'
import { clockText, dayText } from '../time.ts'
import { Chart } from './chart.tsx'
import { SPANS, type Telemetry, type Window } from './telemetry.ts'

const TICK_MS = 1_000
/** Charts that are drawn at once; the rest is asked for. */
const PAGE = 12

/** What devices measure: a chart for each metric, a line for each device. */
export function ChartsView ({ telemetry }: { telemetry: Telemetry }): JSX.Element {
  const { window, metrics, isLoading, more, fault } = useStore(telemetry.state)
  const [pages, setPages] = useState(1)
  const now = useNow(telemetry, window)
  useEffect(() => {
    telemetry.open()
    return () => telemetry.close()
  }, [telemetry])

  const to = window.end ?? now
  const from = to - window.span
  return (
    <div class='page wide'>
      <h2 class='visually-hidden'>Charts</h2>
      <Controls telemetry={telemetry} window={window} now={now} />
      {fault === null ? null : <FaultBox title='The past could not be read. What comes is drawn all the same.' fault={fault} />}
      {metrics.length === 0 && !isLoading && fault === null ? <p class='empty'>No device has published numbers in this time.</p> : null}
      <ul class='charts'>
        {metrics.slice(0, pages * PAGE).map(({ name, lines }) => <li key={name}><Chart metric={name} lines={lines} bucket={telemetry.bucket} from={from} to={to} onDrag={by => move(telemetry, to + by)} /></li>)}
      </ul>
      {metrics.length > pages * PAGE ? <button class='button' type='button' onClick={() => setPages(pages + 1)}>Show more</button> : null}
      {more ? <p class='quiet'>There is more than is drawn here: look at a shorter time.</p> : null}
    </div>
  )
}

function Controls ({ telemetry, window: { span, end }, now }: { telemetry: Telemetry, window: Window, now: number }): JSX.Element {
  const to = end ?? now
  return (
    <div class='controls' role='group' aria-label='Time that is shown'>
      <label class='visually-hidden' for='span'>How much time is shown</label>
      <select id='span' class='input' value={String(span)} onChange={event => telemetry.show({ span: Number(event.currentTarget.value), end })}>
        {SPANS.map(({ span, text }) => <option key={span} value={String(span)}>{text}</option>)}
      </select>
      <div class='button-group'>
        <button class='button' type='button' onClick={() => move(telemetry, to - span / 2)}>Earlier</button>
        <button class='button' type='button' disabled={end === null} onClick={() => move(telemetry, to + span / 2, span / 4)}>Later</button>
      </div>
      <button class='button' type='button' aria-pressed={end === null} onClick={() => telemetry.show({ span, end: null })}>Live</button>
      <p class='controls-text quiet'>{dayText(to - span)}, {clockText(to - span)} to {end === null ? 'now' : clockText(end)}</p>
    </div>
  )
}

/** Shows the time until then; where that is now, give or take `near` ms, it goes on. */
function move (telemetry: Telemetry, end: number, near = 0): void {
  const { span } = telemetry.state.value.window
  telemetry.show({ span, end: end > telemetry.now - near ? null : end })
}

/** Goes on while the window does. */
function useNow (telemetry: Telemetry, { end, span }: Window): number {
  const [now, setNow] = useState(telemetry.now)
  useEffect(() => {
    setNow(telemetry.now)
    if (end !== null) return
    const timer = setInterval(() => setNow(telemetry.now), TICK_MS)
    return () => clearInterval(timer)
  }, [telemetry, end, span])
  return now
}
