import type { Channel } from '../../../protocol/channel.ts'
import { html } from './html.ts'
import type { Raw } from './html.ts'

export interface Welcome {
  readonly version: string
  /** Host name under which the visitor reached us. */
  readonly host: string
  /** Origin of this page, and of the WebSocket beside it. */
  readonly origin: string
  readonly webSocketUrl: string
  /** What is listened on, for instance `MQTT` and `127.0.0.1:1883`. */
  readonly listeners: readonly { readonly name: string, readonly address: string }[]
  /** Port of MQTT over TCP; null if there is none. */
  readonly mqttPort: number | null
  readonly connections: number
  readonly subscriptions: number
  readonly channels: readonly Channel[]
}

/** The page at `/`: what is running, and how to reach it by lines to paste. */
export function welcomePage ({ version, host, origin, webSocketUrl, listeners, mqttPort, connections, subscriptions, channels }: Welcome): string {
  const server = mqttPort === null ? null : `-h ${host} -p ${mqttPort} -u me -P "$TOKEN"`
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Foyer</title>
<link rel="stylesheet" href="/style.css">
</head>
<body>
<header>
<h1>Foyer</h1>
<p class="quiet">Version ${version} is running.</p>
</header>
<dl>
${listeners.map(({ name, address }) => fact(name, address))}
${fact('Connections', connections)}
${fact('Subscriptions', subscriptions)}
</dl>
<main>
<h2>Connect</h2>
<h3>A token</h3>
<p class="quiet">On the machine of the server, in the folder that its data directory is in:</p>
<pre>TOKEN=$(npx foyer token --sub me --room 'lobby=owner')</pre>
${server === null
? ''
: html`<h3>Follow a room in a shell</h3>
<pre>mosquitto_sub ${server} -t 'rooms/lobby/#' -v</pre>
<h3>Say something in it</h3>
<pre>mosquitto_pub ${server} -q 1 -t 'rooms/lobby/messages' -m 'hello'</pre>`}
<h3>From a browser, with mqtt.js</h3>
<pre>mqtt.connect('${webSocketUrl}', { username: 'me', password: token })</pre>
<h3>What was said before</h3>
<pre>curl -H "Authorization: Bearer $TOKEN" '${origin}/api/rooms/lobby/history?filter=messages'</pre>
<h2>Channels</h2>
<div class="wide">
<table>
<thead><tr><th>Name</th><th>Topic</th><th>QoS</th><th>Retained</th><th>History</th></tr></thead>
<tbody>
${channels.map(row)}
</tbody>
</table>
</div>
</main>
</body>
</html>
`.text
}

function fact (name: string, value: string | number): Raw {
  return html`<div><dt>${name}</dt><dd>${value}</dd></div>`
}

function row ({ name, topic, room, qos, retain, store }: Channel): Raw {
  return html`<tr><td>${name}</td><td><code>${topic}</code>${room === null ? '' : ` in ${room}`}</td><td>${qos}</td><td>${retain}</td><td>${store ? 'yes' : 'no'}</td></tr>`
}
