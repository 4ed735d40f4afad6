/** Larger payloads are documents, not readings. */
export const MOST_BYTES = 65_536

/**
 * SQL of the number that charts show of the column `payload`: the payload itself, or else its member `value`; of a field, that
 * member. NULL where it is no JSON number. `field` only ever reaches the parameter `$field`, see `fieldPointer`.
 */
export function valueSql (hasField: boolean): string {
  const json = 'TRY_CAST(TRY(decode(payload)) AS JSON)'
  const number = (pointer: string): string => {
    const cast = `TRY_CAST(json_extract_string(${json}, ${pointer}) AS DOUBLE)`
    // 1e999 is JSON, and no number that anybody could draw.
    return `CASE WHEN json_type(${json}, ${pointer}) IN ('DOUBLE', 'BIGINT', 'UBIGINT') AND isfinite(${cast}) THEN ${cast} END`
  }
  return `CASE WHEN size <= ${MOST_BYTES} THEN ${hasField ? number('$field') : `coalesce(${number("''")}, ${number("'/value'")})`} END`
}

/** A field with dots as a JSON pointer (RFC 6901). */
export function fieldPointer (field: string): string {
  return field.split('.').map((name) => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}
