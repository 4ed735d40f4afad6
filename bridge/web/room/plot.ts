import UPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { clockText, dateText } from '../time.ts'

/** A chart on the screen. */
export interface Plot {
  /** Times in seconds since 1970, and for each line as many values: `null` is a gap, `undefined` none. */
  draw (times: number[], lines: readonly (number | null | undefined)[][], from: number, to: number): void
  destroy (): void
}

const DAY = 86_400
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

/** Draws into a box and follows its width. `onPoint`: the index of the time that is pointed at; null for none. */
export function createPlot (box: HTMLElement, lines: number, onPoint: (index: number | null) => void): Plot {
  const quiet = colourOf(box, 'line-axis')
  const grid = colourOf(box, 'line-grid')
  const axis: UPlot.Axis = { stroke: quiet, grid: { stroke: grid, width: 1 }, ticks: { show: false }, font: `${LABEL}px ${getComputedStyle(box).fontFamily}` }
  let range: [number, number] = [0, 1]
  const timeText = (seconds: number): string => range[1] - range[0] > DAY ? dateText(seconds * 1000) : clockText(seconds * 1000)
  const chart = new UPlot({
    width: box.clientWidth,
    height: HEIGHT,
    padding: [8, 24, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false } },
    scales: { x: { time: true, range: () => range } },
    axes: [
      { ...axis, space: 72, size: 28, incrs: STEPS, values: (_chart, times) => times.map(timeText) },
      { ...axis, space: 36, size: (_chart, labels) => 16 + CHARACTER * Math.max(3, ...labels?.map(label => label.length) ?? []), values: (_chart, numbers) => numbers.map(number => String(Number(number.toPrecision(9)))) }
    ],
    series: [{}, ...Array.from({ length: lines }, (_, i): UPlot.Series => ({ stroke: colourOf(box, `line-${i}`), width: 1.75, points: { show: true, size: 5, fill: colourOf(box, `line-${i}`), filter: newest } }))],
    hooks: { setCursor: [({ cursor }) => onPoint(cursor.idx ?? null)] }
  }, [[], ...Array.from({ length: lines }, () => [])], box)
  const observer = new ResizeObserver(() => chart.setSize({ width: box.clientWidth, height: HEIGHT }))
  observer.observe(box)
  return {
    draw (times, lines, from, to) {
      range = [from, to]
      chart.setData([times, ...lines] as UPlot.AlignedData)
    },
    destroy () {
      observer.disconnect()
      chart.destroy()
    }
  }
}

/** Only the newest value is a point, so that one alone can be seen. */
function newest (chart: UPlot, series: number): number[] | null {
  const at = chart.data[series]!.findLastIndex(value => value != null)
  return at < 0 ? null : [at]
}
