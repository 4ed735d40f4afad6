import type { JSX } from 'preact'
import { timeText, type Arrival, type Line } from './lines.ts'
import { previewOf, sizeText } from './payload-text.ts'

export interface MessageRowProps {
  readonly line: Line
  readonly index: number
  readonly count: number
  readonly isSelected: boolean
  readonly onSelect: (index: number) => void
}

export function rowId ({ key }: Line): string {
  return `line-${key}`
}

/** One line of the list. Whatever is in a message is text. */
export function MessageRow ({ line, index, count, isSelected, onSelect }: MessageRowProps): JSX.Element {
  const isPast = line.kind === 'message' && line.message.replayed
  return (
    <div
      id={rowId(line)} class={`line is-${line.kind}${isPast ? ' is-past' : ''}`} role='option' aria-selected={isSelected} aria-setsize={count} aria-posinset={index + 1}
      onClick={() => onSelect(index)}
    >
      {line.kind === 'note'
        ? <><span class='line-time number'>{timeText(line.time)}</span><span class='line-note'>{line.text}</span></>
        : <Cells {...line} />}
    </div>
  )
}

function Cells ({ message, time, by }: Arrival): JSX.Element {
  const { topic, qos, retained, replayed, sender, bytes } = message
  return (
    <>
      <span class='letter' title={by}>{by}</span>
      <span class='line-time number'>{timeText(time)}</span>
      <span class='line-topic'><code title={topic}>{topic}</code>{retained ? <span class='badge'>retained</span> : null}</span>
      <code class='line-payload'>{previewOf(message)}</code>
      <span class='line-sender' title={sender}>{sender === '' ? null : <span class='visually-hidden'>from </span>}{sender}</span>
      <span class='line-qos number'>QoS {qos}</span>
      <span class='line-size number'>{sizeText(bytes!.length)}{replayed ? <span class='visually-hidden'>, replayed</span> : null}</span>
    </>
  )
}
