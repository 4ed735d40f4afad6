import { existsSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { quoted } from './shell.ts'

/**
 * How to call this program again from the same folder. `npx foyer` only where that means us, with the package in or
 * above the folder: anywhere else npx would fetch somebody else's package of that name.
 */
export function programName (): string {
  if (isPackageOf(process.cwd())) return 'npx foyer'
  const started = process.argv[1] ?? ''
  if (started.includes('/_npx/')) return 'npx foyer-mqtt'
  return basename(started) === 'foyer' ? 'foyer' : `node ${[...process.execArgv, started].map(quoted).join(' ')}`
}

function isPackageOf (folder: string): boolean {
  const here = fileURLToPath(import.meta.url)
  for (let path = resolve(folder); ; path = dirname(path)) {
    if (existsSync(join(path, 'node_modules/.bin/foyer'))) return true
    if (existsSync(join(path, 'package.json'))) return here.startsWith(join(path, '/')) && !here.slice(path.length).includes('/node_modules/')
    if (path === dirname(path)) return false
  }
}
