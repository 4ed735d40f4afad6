import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { Channel } from '../../../protocol/channel.ts'
import { getJson, type ServerInfo } from '../api.ts'
import { FaultBox } from '../fault-box.tsx'
import { faultOf, type Fault } from '../fault.ts'
import { useTitle } from '../title.ts'
import { Command } from './command.tsx'

/** How to reach this server by other means, as lines that work from where the visitor is. */
export function ConnectPage (): JSX.Element {
  const [server, setServer] = useState<ServerInfo | null>(null)
  const [fault, setFault] = useState<Fault | null>(null)
  useTitle('Connect')
  useEffect(() => {
    const stop = new AbortController()
    getJson<ServerInfo>('/api/server', null, stop.signal).then(setServer, error => { if (!stop.signal.aborted) setFault(faultOf(error)) })
    return () => stop.abort()
  }, [])
  return (
    <div class='page'>
      <h1>Connect</h1>
      <p class='lead'>Everything here is MQTT: devices, shells and browsers meet in the same rooms.</p>
      {fault === null ? null : <FaultBox title='What runs could not be read.' fault={fault} />}
      {server === null ? null : <Ways server={server} />}
    </div>
  )
}

function Ways ({ server: { version, ports, channels } }: { server: ServerInfo }): JSX.Element {
  const { hostname, host, origin, protocol } = location
  const port = ports.mqtt ?? ports.mqtts
  const mosquitto = `-h ${hostname} -p ${port}${ports.mqtt === null ? ' --cafile ca.pem' : ''} -u me -P "$TOKEN"`
  const webSocket = `${protocol === 'https:' ? 'wss' : 'ws'}://${host}/mqtt`
  const listeners = ([['MQTT', ports.mqtt], ['MQTT over TLS', ports.mqtts], ['HTTP and WebSocket', ports.http], ['The same over TLS', ports.https]] as const)
    .filter(([, port]) => port !== null)
  return (
    <>
      <dl class='facts'>
        <div><dt>Version</dt><dd>{version}</dd></div>
        {listeners.map(([name, port]) => <div key={name}><dt>{name}</dt><dd>port {port}</dd></div>)}
      </dl>
      <Way title='A token' text='On the machine of the server, in the folder that its data directory is in:'>
        <Command text={'TOKEN=$(npx foyer token --sub me --room \'lobby=owner\')'} />
      </Way>
      {port === null
        ? null
        : (
          <>
            <Way title='Follow a room in a shell'><Command text={`mosquitto_sub ${mosquitto} -t 'rooms/lobby/#' -t '$me/errors' -v`} /></Way>
            <Way title='Say something in it'><Command text={`mosquitto_pub ${mosquitto} -q 1 -t 'rooms/lobby/messages' -m 'hello'`} /></Way>
            <Way title='What was said, then what comes'><Command text={`mosquitto_sub ${mosquitto} -t '$replay/1h/rooms/lobby/messages' -v`} /></Way>
          </>
          )}
      <Way title='From a page or a program' text='The client library of Foyer; any MQTT client will do, too.'>
        <Command text={`import { connect } from 'foyer-mqtt/client'\n\nconst client = await connect({ url: '${webSocket}', token })\nconst room = await client.join('lobby')\nroom.on('message', ({ sender, payload }) => console.log(sender, payload))`} />
      </Way>
      <Way title='History over HTTP'><Command text={`curl -H "Authorization: Bearer $TOKEN" '${origin}/api/rooms/lobby/history?filter=messages'`} /></Way>
      <section aria-labelledby='channels'>
        <h2 id='channels'>Channels</h2>
        <p>What a topic is for decides what is guaranteed on it.</p>
        <div class='table-box' role='region' aria-labelledby='channels' tabIndex={0}>
          <table>
            <thead><tr><th scope='col'>Name</th><th scope='col'>Topic</th><th scope='col'>QoS</th><th scope='col'>Retained</th><th scope='col'>History</th></tr></thead>
            <tbody>{channels.map(channel => <Row key={channel.name} channel={channel} />)}</tbody>
          </table>
        </div>
      </section>
    </>
  )
}

function Way ({ title, text, children }: { title: string, text?: string, children: JSX.Element }): JSX.Element {
  return (
    <section class='way'>
      <h2>{title}</h2>
      {text === undefined ? null : <p>{text}</p>}
      {children}
    </section>
  )
}

function Row ({ channel: { name, topic, room, qos, retain, store } }: { channel: Channel }): JSX.Element {
  return <tr><th scope='row'>{name}</th><td><code>{topic}</code>{room === null ? null : ` in ${room}`}</td><td>{qos}</td><td>{retain}</td><td>{store ? 'yes' : 'no'}</td></tr>
}
