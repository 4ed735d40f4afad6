// A chat in a page without a bundler: copy dist/client/foyer-client.js beside it.
import { connect } from './foyer-client.js'

const at = id => document.getElementById(id)
const status = text => { at('status').textContent = text }

at('url').value = `${window.location.origin.replace('http', 'ws')}/mqtt`
at('enter').addEventListener('submit', event => {
  event.preventDefault()
  enter().catch(error => status(`${error.message}: ${error.remedy}`))
})

async function enter () {
  status('Connecting…')
  const client = await connect({ url: at('url').value, token: at('token').value })
  client.on('reconnecting', ({ error }) => status(`Away: ${error.message}. What you say is sent later.`))
  client.on('connect', () => status(`Here again as ${client.sub}.`))
  client.on('disconnect', ({ error, final }) => { if (final) status(`Gone: ${error.message}. ${error.remedy}`) })
  client.on('error', error => status(error.message))

  const room = await client.join(at('room').value)
  const shown = new Set()
  const waiting = []
  let isReading = true
  // Listens before it reads, and shows what it heard behind what it read: so nothing is missing between them.
  room.on('message', message => {
    if (isReading) waiting.push(message)
    else show(message, shown)
  })
  const { value: newest } = await room.history({ filter: 'messages', limit: 20 }).next()
  for (const message of newest.messages.toReversed()) show(message, shown)
  isReading = false
  for (const message of waiting) show(message, shown)

  at('enter').hidden = true
  at('say').hidden = false
  at('say').addEventListener('submit', event => {
    event.preventDefault()
    say(room, client.sub, at('text').value, shown)
    at('text').value = ''
  })
  status(`Here as ${client.sub}.`)
}

/** One's own messages do not come back: they are shown at once, as waiting until they are stored. */
function say (room, sender, text, shown) {
  const item = line(sender, text)
  item.className = 'waiting'
  room.send({ text }).then(
    ({ id }) => { shown.add(id); item.className = '' },
    error => { item.className = 'failed'; status(`${error.message}: ${error.remedy}`) }
  )
}

function show ({ id, sender, payload }, shown) {
  if (shown.has(id)) return
  shown.add(id)
  line(sender, typeof payload.text === 'string' ? payload.text : JSON.stringify(payload))
}

/** Text as text: nobody in a room can put markup into the page. */
function line (sender, text) {
  const item = document.createElement('li')
  const name = document.createElement('span')
  name.className = 'sender'
  name.textContent = sender
  item.append(name, ` ${text}`)
  at('messages').append(item)
  return item
}
