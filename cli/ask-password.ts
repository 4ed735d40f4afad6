import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'

/** Asks at the terminal, without showing what is typed. */
export async function askPassword (): Promise<string> {
  process.stderr.write('Password: ')
  const nowhere = new Writable({ write (_chunk, _encoding, done) { done() } })
  const terminal = createInterface({ input: process.stdin, output: nowhere, terminal: true })
  try {
    return await new Promise<string>((resolve) => {
      terminal.once('line', resolve)
      terminal.once('close', () => { resolve('') })
    })
  } finally {
    terminal.close()
    process.stderr.write('\n')
  }
}
