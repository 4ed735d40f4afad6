import type { JSX } from 'preact'

/** Drawn with the colour of the text beside; what they mean is said in words next to them. */
function icon (path: string, filled?: string): () => JSX.Element {
  return () => <svg class='icon' viewBox='0 0 20 20' aria-hidden='true' focusable='false'><path d={path} />{filled === undefined ? null : <path class='filled' d={filled} />}</svg>
}

export const Sun = icon('M10 6.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7ZM10 1.5v2M10 16.5v2M1.5 10h2M16.5 10h2M4 4l1.4 1.4M14.6 14.6 16 16M4 16l1.4-1.4M14.6 5.4 16 4')
export const Moon = icon('M16.5 12.3A7 7 0 0 1 7.7 3.5a7 7 0 1 0 8.8 8.8Z')
export const Half = icon('M10 2.5a7.5 7.5 0 1 0 0 15 7.5 7.5 0 0 0 0-15Z', 'M10 2.5a7.5 7.5 0 0 1 0 15Z')
export const Back = icon('M12 4.5 6.5 10l5.5 5.5')
export const Down = icon('M10 4v12M5 11l5 5 5-5')
export const Search = icon('M9 3.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11ZM13 13l4 4')
export const People = icon('M7.5 4a2.75 2.75 0 1 0 0 5.5 2.75 2.75 0 0 0 0-5.5ZM2.5 16c0-2.6 2.2-4 5-4s5 1.4 5 4M13 4.3a2.75 2.75 0 0 1 0 5M14.5 12.2c1.8.4 3 1.7 3 3.8')
export const Send = icon('M3.5 9.5 16.5 3.5l-4 13-3-5.5-6-1.5ZM9.5 11l3-3')

export function Brand (): JSX.Element {
  return (
    <svg class='brand-mark' viewBox='0 0 32 32' aria-hidden='true' focusable='false'>
      <rect width='32' height='32' rx='8' />
      <path d='M9 24V11.5a3.5 3.5 0 0 1 3.5-3.5h7a3.5 3.5 0 0 1 3.5 3.5V24M6 24h20M16 24v-6' />
    </svg>
  )
}
