import type { ComponentChildren, JSX } from 'preact'
import { dateText, fullText, sameDay, secondsText } from '../time.ts'

export interface Column {
  readonly name: string
  /** Numbers stand under each other by their last digits. */
  readonly isNumber?: boolean
}

export interface TableProps {
  /** What the table has, for those who can't see where it stands. */
  readonly caption: string
  readonly columns: readonly Column[]
  /** Said in its place while it has no rows. */
  readonly empty: string
  /** `is-fixed`: as high with rows that come and go as without any. */
  readonly look?: 'is-fixed' | 'is-bounded'
  readonly rows: readonly JSX.Element[]
}

/** Rows in a box that scrolls by itself, also by keyboard. */
export function Table ({ caption, columns, empty, look, rows }: TableProps): JSX.Element {
  return (
    <div class={`table-box ${look ?? ''}`} role='region' aria-label={caption} tabIndex={0}>
      <table>
        <caption class='visually-hidden'>{caption}</caption>
        <thead><tr>{columns.map(({ name, isNumber }) => <th key={name} scope='col' class={isNumber === true ? 'is-number' : undefined}>{name}</th>)}</tr></thead>
        <tbody>{rows}</tbody>
      </table>
      {rows.length === 0 ? <p class='table-empty quiet'>{empty}</p> : null}
    </div>
  )
}

/** When something was: the time of today, the day of what is older. */
export function When ({ at }: { at: string }): JSX.Element {
  const ms = Date.parse(at)
  return <time dateTime={at} title={fullText(ms)}>{sameDay(ms, Date.now()) ? secondsText(ms) : dateText(ms)}</time>
}

export function NumberCell ({ children }: { children: ComponentChildren }): JSX.Element {
  return <td class='is-number number'>{children}</td>
}
