import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openInfluxStore, type InfluxStore } from '../../../../bridge/store/influx/influx-store.ts'
import { storeContract } from '../../../contracts/store.ts'
import { useFolder } from '../../../helpers/bridge-folder.ts'
import { createLog } from '../../../helpers/bridge-log.ts'
import { createMessages, readable, recordsOf } from '../../../helpers/bridge-messages.ts'
import { InfluxServer, type InfluxOptions } from '../../../helpers/influx-server.ts'
import { useTeardown } from '../../../helpers/teardown.ts'

const KEYS = { database: 'foyer', username: null, password: null, token: null }

describe('the InfluxDB store', function () {
  this.timeout(60_000)

  describe('keeps the contract of stores:', () => {
    const ends: (() => unknown)[] = []
    let server: InfluxServer
    before(async () => { server = await InfluxServer.start({ after: work => { ends.push(work) } }) })
    const folder = useFolder()
    storeContract(() => {
      const dataDir = folder()
      return { open: () => openInfluxStore({ influx: { ...KEYS, url: server.url }, dataDir, logger: createLog().logger }) }
    })
    after(async () => {
      for (const end of ends.reverse()) await end()
    })
  })
})
