import type { JSX } from 'preact'
import { SPAN, type Sample } from './samples.ts'
import { TimeChart, type TimeLine } from './time-chart.tsx'
import { durationText, rateText } from './units.ts'

/** Seconds that charts show, in words. */
const SPANS = [[60, 'the last minute'], [120, 'the last two minutes'], [300, 'the last five minutes'], [SPAN, 'the last ten minutes']] as const

/** What was seen so far, up to ten minutes. They grow in steps, so that lines do not shrink all the time. */
export function Charts ({ samples, to }: { samples: readonly Sample[], to: number }): JSX.Element {
  const seen = to - (samples[0]?.time ?? to)
  const [span, spanName] = SPANS.find(([span]) => seen <= span) ?? SPANS.at(-1)!
  const times = samples.map(({ time }) => time)
  const lineOf = (name: string, member: keyof Sample, scale = 1): TimeLine => ({ name, values: samples.map(sample => sample[member] === null ? null : sample[member] * scale) })
  const of = { times, from: to - span, to, spanName }
  return (
    <section aria-labelledby='charts-title'>
      <h2 id='charts-title' class='visually-hidden'>Charts of {spanName}</h2>
      <ul class='charts server-charts'>
        <li><TimeChart {...of} title='Messages per second' lines={[lineOf('in', 'received'), lineOf('out', 'written')]} text={rateText} /></li>
        <li><TimeChart {...of} title='Journal wait, ms' lines={[lineOf('p50', 'p50', 1000), lineOf('p99', 'p99', 1000)]} text={msText} /></li>
        <li><TimeChart {...of} title='Loop delay, ms' lines={[lineOf('p50', 'late', 1000), lineOf('p99', 'latest', 1000)]} text={msText} /></li>
      </ul>
    </section>
  )
}

function msText (ms: number | null): string {
  return durationText(ms === null ? null : ms / 1000)
}
