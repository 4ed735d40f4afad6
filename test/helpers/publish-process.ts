import { pino } from 'pino'
import { createBridge } from '../../bridge/index.ts'
import { createAuthenticator, createBroker } from '../../broker/index.ts'
import { diskFiles } from '../../broker/journal/file-layer.ts'
import { diskFilesWith } from './faulty-files.ts'
import { testConfig } from './foyer.ts'

// Runs as a process of its own: publish-process.ts DATADIR MARK MOMENT. Serves HTTP, and dies as by kill -9 when a message
// with MARK in it is about to be written (`before`), or is on the disk and not answered yet (`after`).

const [dataDir, mark, moment] = process.argv.slice(2)
let isWritten = false

function die (): never {
  process.kill(process.pid, 'SIGKILL')
  // The signal is on its way.
  for (;;);
}

const files = diskFilesWith({
  async write (fd, bytes, start, end, position) {
    if (Buffer.from(bytes.subarray(start, end)).includes(mark!)) {
      if (moment === 'before') die()
      isWritten = true
    }
    await diskFiles.write(fd, bytes, start, end, position)
  },
  async sync (fd) {
    const isDue = isWritten
    await diskFiles.sync(fd)
    if (isDue) die()
  }
})

const config = testConfig({ dataDir: dataDir! })
const logger = pino({ level: 'silent' })
const broker = await createBroker({ config, logger, authenticator: createAuthenticator(config.auth), files })
const bridge = await createBridge({ config, broker, logger, version: 'test' })
const { http } = await bridge.listen()
process.on('disconnect', () => process.exit())
process.send!({ port: http!.port })
