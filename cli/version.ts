import { existsSync, readFileSync } from 'node:fs'

// One level up in the sources, two in dist/.
const file = ['../package.json', '../../package.json'].map(path => new URL(path, import.meta.url)).find(url => existsSync(url))!

/** Of the package, and what it runs on. */
export const { version, engines } = JSON.parse(readFileSync(file, 'utf8')) as { version: string, engines: { node: string } }
