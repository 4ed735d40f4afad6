import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { useStore } from '../store.ts'
import { isDark } from '../theme.ts'
import { withGaps } from './buckets.ts'
import type { Plot } from './plot.ts'
import type { Line } from './telemetry.ts'

/** Lines of one chart: more can't be told apart. */
const MOST = 8

export interface ChartProps {
  readonly metric: string
  readonly lines: readonly Line[]
  readonly bucket: number
  /** Milliseconds since 1970. */
  readonly from: number
  readonly to: number
  /** Somebody drags the time along, by milliseconds: below 0 into the past. */
  readonly onDrag: (by: number) => void
}

/** One metric over time, a line for each device, with the numbers also as text. */
export function Chart ({ metric, lines, bucket, from, to, onDrag }: ChartProps): JSX.Element {
  const box = useRef<HTMLDivElement>(null)
  const [plot, setPlot] = useState<Plot | null>(null)
  const [pointed, setPointed] = useState<number | null>(null)
  const dark = useStore(isDark)
  const dragged = useRef(onDrag)
  dragged.current = onDrag
  const shown = lines.slice(0, MOST)
  const names = shown.map(({ device }) => device).join('\n')
  const start = Math.floor(from / bucket) * bucket
  const columns = shown.map(({ buckets }) => buckets.between(start, to))

  useEffect(() => {
    let plot: Plot | null = null
    let gone = false
    void import('./plot.ts').then(({ createPlot }) => {
      if (gone || box.current === null) return
      plot = createPlot(box.current, { lines: shown.length, onPoint: setPointed, onDrag: seconds => dragged.current(seconds * 1000) })
      setPlot(plot)
    })
    return () => {
      gone = true
      plot?.destroy()
      setPlot(null)
    }
  }, [names, dark])

  useEffect(() => {
    plot?.draw(shown[0]?.buckets.starts(start, to).map(time => time / 1000) ?? [], columns.map(withGaps), from / 1000, to / 1000)
  }, [plot, lines, from, to])

  return (
    <figure class='card chart'>
      <figcaption class='card-head'><h3>{metric}</h3></figcaption>
      <div class='chart-box' ref={box} role='img' aria-label={`Chart of ${metric}: ${shown.length === 1 ? 'one line' : `${shown.length} lines`}; the numbers are below`} />
      <ul class='legend'>
        {shown.map(({ device }, i) => (
          <li key={device}><span class={`swatch line-${i}`} aria-hidden='true' /><span class='legend-name'>{device}</span><span class='number'>{numberText(pointed === null ? last(columns[i]!) : columns[i]![pointed] ?? null)}</span></li>
        ))}
        {lines.length > MOST ? <li class='quiet'>and {lines.length - MOST} more</li> : null}
      </ul>
    </figure>
  )
}

function last (values: readonly (number | null)[]): number | null {
  return values.findLast(value => value !== null) ?? null
}

function numberText (value: number | null): string {
  return value === null ? '–' : String(Number(value.toPrecision(5)))
}
