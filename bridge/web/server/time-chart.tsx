import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { createPlot, type Plot } from '../room/plot.ts'
import { useStore } from '../store.ts'
import { isDark } from '../theme.ts'

export interface TimeLine {
  readonly name: string
  readonly values: readonly (number | null)[]
}

export interface TimeChartProps {
  readonly title: string
  /** Seconds since 1970, and the stretch of them that is shown. */
  readonly times: number[]
  readonly from: number
  readonly to: number
  /** That stretch in words. */
  readonly spanName: string
  /** With a value for each of the times. */
  readonly lines: readonly TimeLine[]
  readonly text: (value: number | null) => string
}

/** Amounts over time, with the newest ones, or those that are pointed at, as text. */
export function TimeChart ({ title, times, from, to, spanName, lines, text }: TimeChartProps): JSX.Element {
  const box = useRef<HTMLDivElement>(null)
  const [plot, setPlot] = useState<Plot | null>(null)
  const [pointed, setPointed] = useState<number | null>(null)
  const dark = useStore(isDark)

  useEffect(() => {
    const plot = createPlot(box.current!, { lines: lines.length, onPoint: setPointed, fromZero: true })
    setPlot(plot)
    return () => {
      plot.destroy()
      setPlot(null)
    }
  }, [lines.length, dark])

  useEffect(() => {
    plot?.draw({ times, values: lines.map(({ values }) => values) }, from, to)
  }, [plot, to])

  return (
    <figure class='card chart'>
      <figcaption class='card-head'><h3>{title}</h3></figcaption>
      <div class='chart-box' ref={box} role='img' aria-label={`${title}, ${spanName}. ${lines.map(line => described(line, text)).join('; ')}`} />
      <ul class='legend'>
        {lines.map(({ name, values }, i) => (
          <li key={name}><span class={`swatch line-${i}`} aria-hidden='true' /><span class='legend-name'>{name}</span><span class='number'>{text((pointed === null ? values.at(-1) : values[pointed]) ?? null)}</span></li>
        ))}
      </ul>
    </figure>
  )
}

/** What a line says to who does not see it. */
function described ({ name, values }: TimeLine, text: TimeChartProps['text']): string {
  const known = values.filter(value => value !== null)
  if (known.length === 0) return `${name}: nothing yet`
  return `${name}: from ${text(Math.min(...known))} to ${text(Math.max(...known))}, now ${text(values.at(-1) ?? null)}`
}
