import { before } from 'mocha'
import type { Browser } from 'playwright-core'
import type { Keys } from './foyer.ts'
import { newFullServer, type FullServer } from './full-server.ts'
import { launchChromium } from './system-browser.ts'
import { useSharedTeardown } from './system-shared.ts'
import type { Teardown } from './teardown.ts'

/** What the tests of a suite share. */
export interface Web {
  readonly browser: Browser
  readonly server: FullServer
  /** When all of them are over. */
  readonly shared: Teardown
}

/** Call inside `describe`: a browser, and a server with the web UI, opened before the first test. */
export function useWeb (keys: Keys = {}, yaml = ''): Web {
  const shared = useSharedTeardown()
  let open: { readonly browser: Browser, readonly server: FullServer } | null = null
  before(async () => {
    open = { browser: await launchChromium(shared), server: await newFullServer(shared, keys, yaml) }
  })
  return {
    get browser () { return open!.browser },
    get server () { return open!.server },
    shared
  }
}
