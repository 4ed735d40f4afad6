import { describe } from 'mocha'
import { Erasures } from '../../../broker/erasure/erasures.ts'
import { JournalSessions } from '../../../broker/sessions/journal-sessions.ts'
import { SavedSessions } from '../../../broker/sessions/saved-sessions.ts'
import { Journal } from '../../../broker/journal/journal.ts'
import { TopicTable } from '../../../broker/router/topic-table.ts'
import { compileChannels } from '../../../protocol/channels.ts'
import { MessageFlag, MessageTag, RecordType } from '../../../protocol/record.ts'
import { sessionStoreContract, type Accepted } from '../../contracts/session-store.ts'
import { testConfig } from '../../helpers/foyer.ts'
import { createLog } from '../../helpers/bridge-log.ts'
import { journalFolder } from '../../helpers/journal.ts'
import { useTeardown } from '../../helpers/teardown.ts'

describe('sessions in the journal', () => {
  const t = useTeardown()

  describe('keep the contract of session stores:', () => {
    sessionStoreContract(() => {
      const directory = journalFolder(t)
      return {
        async open () {
          const journal = new Journal({ directory, logger: createLog().logger, quota: { maxBytes: 2 ** 40, onFull: 'block', userShare: 100 }, now: () => Date.now() * 1000, fileBytes: 4000 })
          const saved = new SavedSessions()
          await journal.open((bytes, start) => saved.apply(bytes, start))
          return {
            store: new JournalSessions(journal, new TopicTable(compileChannels(testConfig().channels)), new Erasures(), 5000),
            sessions: saved.sessions,
            accept: async (message: Accepted) => await accept(journal, message),
            close: () => journal.close()
          }
        }
      }
    })
  })
})

function accept (journal: Journal, { topic = 'rooms/lobby/messages', payload = 'x', from, willOf }: Accepted): Promise<number> {
  const time = journal.next()
  const writer = journal.begin(RecordType.message, time)
  writer.text(MessageTag.topic, topic)
  writer.text(MessageTag.sender, 'ann')
  if (from !== undefined) writer.text(MessageTag.session, from[0])
  writer.byte(MessageTag.flags, (from === undefined ? 1 : 2) | MessageFlag.stored)
  if (from !== undefined) writer.uint16(MessageTag.packetId, from[1])
  if (willOf !== undefined) writer.text(MessageTag.willOf, willOf)
  writer.field(MessageTag.payload, Buffer.from(payload))
  return new Promise(resolve => journal.end('disk', { released: () => resolve(time) }, topic, 'ann'))
}
