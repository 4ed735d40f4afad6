import { createStore } from './store.ts'

const KEY = 'foyer.theme'

/** `system` follows what the system prefers. */
export type Theme = 'system' | 'light' | 'dark'

export const theme = createStore<Theme>(saved())

/** Whether it is dark now, whoever decided that. For what CSS does not reach. */
export const isDark = createStore(false)

const dark = matchMedia('(prefers-color-scheme: dark)')

function saved (): Theme {
  const value = localStorage.getItem(KEY)
  return value === 'light' || value === 'dark' ? value : 'system'
}

function apply (): void {
  const chosen = theme.value
  if (chosen === 'system') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = chosen
  isDark.set(chosen === 'system' ? dark.matches : chosen === 'dark')
}

/** Shows it, now and whenever it or the system changes. */
export function followTheme (): void {
  dark.addEventListener('change', apply)
  theme.subscribe(() => {
    if (theme.value === 'system') localStorage.removeItem(KEY)
    else localStorage.setItem(KEY, theme.value)
    apply()
  })
  apply()
}
