import UPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { clockText, dateText, secondsText } from '../time.ts'
import type { Columns, Values } from './columns.ts'

/** A chart on the screen. */
export interface Plot {
  /** Seconds since 1970. */
  draw (columns: { readonly times: Columns['times'], readonly values: readonly Readonly<Values>[] }, from: number, to: number): void
  destroy (): void
}

const DAY = 86_400
/** Seconds below which labels are less than a minute apart. */
const SHORT = 300
/** Seconds between two labels of the time. */
const STEPS = [15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, DAY, 2 * DAY]
const HEIGHT = 180
const LABEL = 12
/** Pixels that a character of a label takes at most. */
const CHARACTER = 7.5

/** The colours of the lines are those of the legend, which the style sheet gives: `line-0`, `line-1`, ... */
function colourOf (box: HTMLElement, name: string): string {
  const probe = document.createElement('span')
  probe.className = name
  box.append(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}

export interface PlotOptions {
  readonly lines: number
  /** The index of the time that is pointed at; null for none. */
  readonly onPoint: (index: number | null) => void
  /** It was dragged by so many seconds, into the future; below 0 into the past. Left out where it can't be dragged. */
  readonly onDrag?: (seconds: number) => void
  /** Whether the numbers are amounts: the axis begins at 0. */
  readonly fromZero?: boolean
}

/** Draws into a box and follows its width. */
export function createPlot (box: HTMLElement, { lines, onPoint, onDrag, fromZero = false }: PlotOptions): Plot {
  const quiet = colourOf(box, 'line-axis')
  const grid = colourOf(box, 'line-grid')
  const axis: UPlot.Axis = { stroke: quiet, grid: { stroke: grid, width: 1 }, ticks: { show: false }, font: `${LABEL}px ${getComputedStyle(box).fontFamily}` }
  let shown: [number, number] = [0, 1]
  let range = shown
  const timeText = (seconds: number): string => {
    const span = range[1] - range[0]
    return (span > DAY ? dateText : span < SHORT ? secondsText : clockText)(seconds * 1000)
  }
  const chart = new UPlot({
    width: box.clientWidth,
    height: HEIGHT,
    padding: [8, 32, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false } },
    scales: { x: { time: true, range: () => range }, y: { range: (_chart: UPlot, min: number | null, max: number | null) => rangeOf(fromZero ? 0 : min, max) } },
    axes: [
      { ...axis, space: (_chart, _axis, min, max) => max - min < SHORT ? 100 : 72, size: 28, incrs: STEPS, values: (_chart, times) => times.map(timeText) },
      { ...axis, space: 36, size: (_chart, labels) => 16 + CHARACTER * Math.max(3, ...labels?.map(label => label.length) ?? []), values: (_chart, numbers) => numbers.map(number => String(Number(number.toPrecision(9)))) }
    ],
    series: [{}, ...Array.from({ length: lines }, (_, i): UPlot.Series => ({ stroke: colourOf(box, `line-${i}`), width: 1.75, points: { show: true, size: 5, fill: colourOf(box, `line-${i}`), filter: newest } }))],
    hooks: { setCursor: [({ cursor }) => onPoint(cursor.idx ?? null)] }
  }, [[], ...Array.from({ length: lines }, () => [])], box)
  const show = (by: number): void => {
    range = [shown[0] + by, shown[1] + by]
    chart.setScale('x', { min: range[0], max: range[1] })
  }
  const drag = onDrag === undefined ? { by: 0 } : followDrag(chart.over, pixels => -pixels * (shown[1] - shown[0]) / chart.over.clientWidth, show, onDrag)
  let isGone = false
  const observer = new ResizeObserver(() => chart.setSize({ width: box.clientWidth, height: HEIGHT }))
  observer.observe(box)
  return {
    draw ({ times, values }, from, to) {
      // What waits for a frame may come too late.
      if (isGone) return
      shown = [from, to]
      range = [from + drag.by, to + drag.by]
      chart.setData([times, ...values] as UPlot.AlignedData)
    },
    destroy () {
      isGone = true
      observer.disconnect()
      chart.destroy()
    }
  }
}

/** What the axis of some numbers shows: nothing but zeros is not up to a hundred, as uPlot has it. */
function rangeOf (min: number | null, max: number | null): UPlot.Range.MinMax {
  if (min === null || max === null) return min === null ? [null, null] : [0, 1]
  return min === 0 && max === 0 ? [0, 1] : UPlot.rangeNum(min, max, 0.1, true)
}

/** Tells of a pointer that drags an element along: `onMove` while it does, `onEnd` when it lets go. `scale` makes of pixels what is told. */
function followDrag (element: HTMLElement, scale: (pixels: number) => number, onMove: (by: number) => void, onEnd: (by: number) => void): { readonly by: number } {
  const state = { by: 0 }
  let start: number | null = null
  element.addEventListener('pointerdown', event => {
    if (event.button !== 0) return
    start = event.clientX
    element.setPointerCapture(event.pointerId)
  })
  element.addEventListener('pointermove', event => {
    if (start === null) return
    state.by = scale(event.clientX - start)
    onMove(state.by)
  })
  const end = (takes: boolean): void => {
    const { by } = state
    start = null
    state.by = 0
    if (by === 0) return
    onMove(0)
    if (takes) onEnd(by)
  }
  element.addEventListener('pointerup', () => end(true))
  element.addEventListener('pointercancel', () => end(false))
  return state
}

/** Only the newest value is a point, so that one alone can be seen. */
function newest (chart: UPlot, series: number): number[] | null {
  const at = chart.data[series]!.findLastIndex(value => value != null)
  return at < 0 ? null : [at]
}
