import { render } from 'preact'
import { App } from './app.tsx'
import { followAddress } from './router.ts'
import { begin } from './session.ts'
import { followTheme } from './theme.ts'

followTheme()
begin()
followAddress()
render(<App />, document.getElementById('app')!)
