// A thermostat: FOYER_TOKEN="$(npx foyer token --sub thermostat --room kitchen=device)" node device.js
import { connect } from 'foyer-mqtt/client'

const { FOYER_URL = 'mqtt://127.0.0.1:1883', FOYER_TOKEN, FOYER_ROOM = 'kitchen' } = process.env

const client = await connect({
  url: FOYER_URL,
  token: FOYER_TOKEN,
  // The session lasts over a restart: commands that come meanwhile wait in it.
  clientId: 'thermostat',
  will: { room: FOYER_ROOM }
})
client.on('disconnect', ({ error, final }) => console.error(`disconnected: ${error.message}${final ? `. ${error.remedy}` : ''}`))
client.on('error', ({ message, remedy }) => console.error(`${message}. ${remedy}`))

const thermostat = client.device(FOYER_ROOM)
let temperature = 18
let target = 20

await thermostat.onCommand(async ({ payload, sender }) => {
  if (typeof payload.target !== 'number' || payload.target < 5 || payload.target > 30) throw new Error('target is a number of degrees from 5 to 30')
  target = payload.target
  await thermostat.state({ target })
  console.log(`${sender} set it to ${target}`)
  return { target }
})
await thermostat.state({ target })

const timer = setInterval(() => {
  temperature += (target - temperature) * 0.1
  void thermostat.telemetry('temperature', Math.round(temperature * 10) / 10)
}, 1000)

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    clearInterval(timer)
    await client.close()
  })
}
console.log(`${client.sub} is connected`)
