import type { Series, SeriesPage } from '../store/store.ts'
import type { SeriesRequest } from './parse-request.ts'

/** What the answer says of the request. */
export type Asked = Pick<SeriesRequest, 'from' | 'to' | 'bucket' | 'field' | 'figures'>

/** The answer of the series address as JSON text: columns, as charts take them. */
export function renderSeries ({ from, to, bucket, field, figures }: Asked, { series, more }: SeriesPage): string {
  const head = JSON.stringify({ from: milliseconds(from), to: milliseconds(to), bucket: milliseconds(bucket) })
  return `${head.slice(0, -1)},"series":[${series.map(renderOne).join(',')}],"more":${more}}`

  function renderOne (one: Series): string {
    let text = `${JSON.stringify({ topic: one.topic, field }).slice(0, -1)},"time":[${Array.from(one.time, milliseconds).join(',')}]`
    for (const figure of figures) text += `,"${figure}":[${Array.from(one[figure], numberText).join(',')}]`
    return text + '}'
  }
}

function milliseconds (microseconds: number): number {
  return microseconds / 1000
}

/** A sum may leave the range of what JSON can hold. */
function numberText (value: number): string {
  return Number.isFinite(value) ? String(value) : 'null'
}
