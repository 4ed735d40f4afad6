import type { JSX } from 'preact'
import { Half, Moon, Sun } from '../icons.tsx'
import { useStore } from '../store.ts'
import { theme, type Theme } from '../theme.ts'

const NEXT: Record<Theme, Theme> = { system: 'light', light: 'dark', dark: 'system' }
const NAMES: Record<Theme, string> = { system: 'as the system', light: 'light', dark: 'dark' }

/** One button that goes round: as the system, light, dark. */
export function ThemeSwitch (): JSX.Element {
  const now = useStore(theme)
  const name = `Colours: ${NAMES[now]}. Change to ${NAMES[NEXT[now]]}`
  return (
    <button class='icon-button' type='button' title={name} aria-label={name} onClick={() => theme.set(NEXT[now])}>
      {now === 'system' ? <Half /> : now === 'light' ? <Sun /> : <Moon />}
    </button>
  )
}
