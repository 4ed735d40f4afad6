/** Larger payloads are documents, not readings. */
export const MOST_BYTES = 65_536

/**
 * SQL of the number that charts show of the column `payload`: the payload itself, or else its member `value`; of a field, that
 * member. NULL where it is no JSON number. `field` only ever reaches the parameter `$field`, see `fieldPointer`.
 */
export function valueSql (hasField: boolean): string {
  const json = 'TRY_CAST(TRY(decode(payload)) AS JSON)'
  // Each mention of `json` is parsed once more, for all rows of a vector together: as few as possible, and of few rows.
  const number = (pointer: string): string =>
    `TRY_CAST(CASE WHEN json_type(${json}, ${pointer}) IN ('DOUBLE', 'BIGINT', 'UBIGINT') THEN json_extract_string(${json}, ${pointer}) END AS DOUBLE)`
  const value = hasField ? number('$field') : `coalesce(${number("''")}, ${number("'/value'")})`
  // 1e999 is JSON, and no number that anybody could draw.
  return `CASE WHEN size <= ${MOST_BYTES} THEN list_filter([${value}], lambda v: isfinite(v))[1] END`
}

/** A field with dots as a JSON pointer (RFC 6901). */
export function fieldPointer (field: string): string {
  return field.split('.').map((name) => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}
