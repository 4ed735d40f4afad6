import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { useStore } from '../store.ts'
import { isDark } from '../theme.ts'
import { Columns } from './columns.ts'
import { inFrame } from './frames.ts'
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
  const [columns] = useState(() => new Columns())
  /** Milliseconds since 1970. */
  const [pointed, setPointed] = useState<number | null>(null)
  const dark = useStore(isDark)
  const dragged = useRef(onDrag)
  dragged.current = onDrag
  const shown = lines.slice(0, MOST)
  const names = shown.map(({ device }) => device).join('\n')
  const draw = useRef((_plot: Plot): void => {})
  draw.current = plot => {
    columns.fill(shown.map(({ buckets }) => buckets), bucket, from, to)
    plot.draw(columns, from / 1000, to / 1000)
  }

  useEffect(() => {
    let plot: Plot | null = null
    let gone = false
    void import('./plot.ts').then(({ createPlot }) => {
      if (gone || box.current === null) return
      plot = createPlot(box.current, { lines: shown.length, onPoint: index => setPointed(index === null ? null : Math.round((columns.times[index] ?? 0) * 1000)), onDrag: seconds => dragged.current(seconds * 1000) })
      // Somebody may drag it at once.
      draw.current(plot)
      setPlot(plot)
    })
    return () => {
      gone = true
      plot?.destroy()
      setPlot(null)
    }
  }, [names, dark])

  useEffect(() => {
    if (plot !== null) inFrame(columns, () => draw.current(plot))
  }, [plot, lines, from, to])

  return (
    <figure class='card chart'>
      <figcaption class='card-head'><h3>{metric}</h3></figcaption>
      <div class='chart-box' ref={box} role='img' aria-label={`Chart of ${metric}: ${shown.length === 1 ? 'one line' : `${shown.length} lines`}; the numbers are below`} />
      <ul class='legend'>
        {shown.map(({ device, buckets }, i) => (
          <li key={device}><span class={`swatch line-${i}`} aria-hidden='true' /><span class='legend-name'>{device}</span><span class='number'>{numberText(pointed === null ? buckets.latest(from, to) : buckets.at(pointed))}</span></li>
        ))}
        {lines.length > MOST ? <li class='quiet'>and {lines.length - MOST} more</li> : null}
      </ul>
    </figure>
  )
}

function numberText (value: number | null): string {
  return value === null ? '–' : String(Number(value.toPrecision(5)))
}
