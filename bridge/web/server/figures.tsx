import type { JSX } from 'preact'
import type { Rates } from './samples.ts'
import type { Stats } from './stats.ts'
import { bytesText, countText, durationText, manyText, NONE, rateText } from './units.ts'

/** The numbers that one looks at first. */
export function Figures ({ stats, rates }: { stats: Stats, rates: Rates | null }): JSX.Element {
  const { connections, transports, sessions, subscriptions, rooms, participants, latency, process: { memory, eventLoop } } = stats
  const ways = Object.entries(transports).filter(([, count]) => count > 0).map(([way, count]) => `${countText(count)} ${way.toUpperCase()}`)
  return (
    <dl class='facts figures'>
      <Figure name='Connections' value={countText(connections)} more={ways.join(', ')} />
      <Figure name='Sessions' value={countText(sessions)} more={manyText(subscriptions, 'subscription')} />
      <Figure name='Messages in' value={rateText(rates?.received ?? null)} more='per second' />
      <Figure name='Messages out' value={rateText(rates?.written ?? null)} more='per second' />
      <Figure name='Journal wait' value={durationText(latency.p50)} more={`p99 ${durationText(latency.p99)}`} />
      <Figure name='Loop delay' value={durationText(eventLoop?.p50 ?? null)} more={`p99 ${durationText(eventLoop?.p99 ?? null)}`} />
      <Figure name='Rooms in use' value={countText(rooms)} more={manyText(participants, 'participant')} />
      <Figure name='Memory' value={memory === null ? NONE : bytesText(memory.rss)} more={`CPU ${rates === null ? NONE : `${countText(rates.cpu * 100)} %`}`} />
    </dl>
  )
}

function Figure ({ name, value, more }: { name: string, value: string, more: string }): JSX.Element {
  return <div><dt>{name}</dt><dd class='figure'>{value}</dd><dd class='figure-more'>{more}</dd></div>
}
