import { setImmediate as turn } from 'node:timers/promises'
import type { Series, SeriesPage } from '../store/store.ts'
import type { SeriesRequest } from './parse-request.ts'

/** Points that are written before others get a turn. */
const SLICE = 10_000

/** The answer of the series address as JSON text: columns, as charts take them. */
export async function renderSeries ({ from, to, bucket, field, figures }: Pick<SeriesRequest, 'from' | 'to' | 'bucket' | 'field' | 'figures'>, { series, more }: SeriesPage): Promise<string> {
  const head = JSON.stringify({ from: milliseconds(from), to: milliseconds(to), bucket: milliseconds(bucket) })
  const parts: string[] = []
  let points = 0
  for (const one of series) {
    parts.push(renderOne(one))
    points += one.time.length
    if (points < SLICE) continue
    points = 0
    await turn()
  }
  return `${head.slice(0, -1)},"series":[${parts.join(',')}],"more":${more}}`

  function renderOne (one: Series): string {
    const columns = figures.map(figure => `,"${figure}":[${Array.from(one[figure], numberText).join(',')}]`)
    return `${JSON.stringify({ topic: one.topic, field }).slice(0, -1)},"time":[${Array.from(one.time, milliseconds).join(',')}]${columns.join('')}}`
  }
}

function milliseconds (microseconds: number): number {
  return microseconds / 1000
}

/** A sum may leave the range of what JSON can hold. */
function numberText (value: number): string {
  return Number.isFinite(value) ? String(value) : 'null'
}
