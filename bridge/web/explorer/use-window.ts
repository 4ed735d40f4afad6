import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { indexOf, type Line } from './lines.ts'

/** Lines that are there above and below those that are seen. */
const BEYOND = 10
/** Pixels from the end that count as being there. */
const NEAR = 4

/** Where one looks: at a line that stays where it is, so many pixels above the top. */
interface Place {
  readonly key: number
  readonly above: number
}

export interface Window {
  /** The lines that are to be there, from inclusive, to exclusive. */
  readonly from: number
  readonly to: number
  /** Whether it goes on with what comes. */
  readonly follows: boolean
  follow (): void
  /** What is seen stays where it is. */
  stay (): void
  /** Shows a line that may be elsewhere. */
  reveal (index: number): void
  /** Lines that are seen at once. */
  readonly page: number
  onScroll (): void
}

interface Boxes {
  /** What scrolls. */
  readonly box: { readonly current: HTMLElement | null }
  /** As high as all lines would be. */
  readonly track: { readonly current: HTMLElement | null }
}

/**
 * A part of many lines of one height, as few as the window shows. At the end it follows what comes; elsewhere what one
 * looks at stays in its place, also when lines go above it.
 */
export function useWindow (lines: readonly Line[], { box, track }: Boxes): Window {
  const [size, setSize] = useState({ height: 0, line: 36 })
  const [, redraw] = useState({})
  /** Null at the end. */
  const place = useRef<Place | null>(null)
  /** Where it was scrolled to from here. */
  const scrolled = useRef(-1)

  useEffect(() => {
    const measure = (): void => {
      if (box.current === null || track.current === null) return
      // The track is at least a line high, in whatever measure the style sheet has.
      const next = { height: box.current.clientHeight, line: Number.parseFloat(getComputedStyle(track.current).minHeight) }
      setSize(size => size.height === next.height && size.line === next.line ? size : next)
    }
    const observer = new ResizeObserver(measure)
    if (box.current !== null) observer.observe(box.current)
    measure()
    return () => observer.disconnect()
  }, [])

  const { height, line } = size
  const seen = Math.ceil(height / line)
  const last = Math.max(0, lines.length * line - height)
  const first = place.current === null ? -1 : indexOf(lines, place.current.key)
  const top = first < 0 ? last : Math.min(last, first * line + (lines[first]?.key === place.current!.key ? place.current!.above : 0))
  const from = Math.max(0, Math.floor(top / line) - BEYOND)
  const to = Math.min(lines.length, Math.floor(top / line) + seen + 1 + BEYOND)

  useLayoutEffect(() => {
    const element = box.current
    if (element === null) return
    element.style.setProperty('--lines', String(lines.length))
    element.style.setProperty('--from', String(from))
    if (Math.abs(element.scrollTop - top) > 0.5) element.scrollTop = top
    scrolled.current = element.scrollTop
  })

  const go = (to: Place | null): void => {
    place.current = to
    redraw({})
  }
  const placeAt = (top: number): Place | null => {
    const index = Math.min(lines.length - 1, Math.floor(top / line))
    return index < 0 ? null : { key: lines[index]!.key, above: top - index * line }
  }

  return {
    from,
    to,
    page: Math.max(1, seen - 1),
    follows: place.current === null,
    follow () { go(null) },
    stay () { if (place.current === null) go(placeAt(top)) },
    reveal (index) {
      const [above, below] = [index * line, (index + 1) * line]
      if (above < top) go(placeAt(above))
      else if (below > top + height) go(placeAt(below - height))
      else if (place.current === null) go(placeAt(top))
    },
    onScroll () {
      const element = box.current!
      if (Math.abs(element.scrollTop - scrolled.current) < 1) return
      scrolled.current = element.scrollTop
      go(element.scrollHeight - element.scrollTop - element.clientHeight < NEAR ? null : placeAt(element.scrollTop))
    }
  }
}
