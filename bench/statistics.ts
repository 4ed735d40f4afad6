export function median (values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!
}

/** The value that `percent` of the values do not exceed. Sorts them. */
export function percentile (values: Float64Array, percent: number): number {
  return values.sort()[Math.max(0, Math.ceil(values.length * percent / 100) - 1)] ?? NaN
}
