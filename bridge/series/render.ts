import { setImmediate as turn } from 'node:timers/promises'
import type { Series, SeriesPage } from '../store/store.ts'
import type { SeriesRequest } from './parse-request.ts'

/** Numbers that are written before others get a turn: less than a millisecond, as acknowledgements wait meanwhile. */
const SLICE = 2000

/** The answer of the series address as JSON text: columns, as charts take them. */
export async function renderSeries ({ from, to, bucket, field, figures }: Pick<SeriesRequest, 'from' | 'to' | 'bucket' | 'field' | 'figures'>, { series, more }: SeriesPage): Promise<string> {
  const head = JSON.stringify({ from: milliseconds(from), to: milliseconds(to), bucket: milliseconds(bucket) })
  const parts: string[] = []
  let left = SLICE
  for (const one of series) parts.push(await renderOne(one))
  return `${head.slice(0, -1)},"series":[${parts.join(',')}],"more":${more}}`

  async function renderOne (one: Series): Promise<string> {
    let text = `${JSON.stringify({ topic: one.topic, field }).slice(0, -1)},"time":[${await renderColumn(one.time, milliseconds)}]`
    for (const figure of figures) text += `,"${figure}":[${await renderColumn(one[figure], numberText)}]`
    return text + '}'
  }

  async function renderColumn (column: Float64Array, text: (value: number) => number | string): Promise<string> {
    const slices: string[] = []
    for (let start = 0; start < column.length;) {
      const end = Math.min(column.length, start + left)
      slices.push(Array.from(column.subarray(start, end), text).join(','))
      left -= end - start
      start = end
      if (left > 0) continue
      left = SLICE
      await turn()
    }
    return slices.join(',')
  }
}

function milliseconds (microseconds: number): number {
  return microseconds / 1000
}

/** A sum may leave the range of what JSON can hold. */
function numberText (value: number): string {
  return Number.isFinite(value) ? String(value) : 'null'
}
