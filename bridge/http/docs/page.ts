import { errorEntry, type ErrorCode } from '../../../protocol/errors.ts'
import { html, type Raw } from './html.ts'
import type { Schema } from './schema.ts'

/** Of the OpenAPI document, what the page shows. */
export interface ApiDocument {
  readonly info: { readonly version: string, readonly description: string }
  readonly tags: readonly { readonly name: string, readonly description: string }[]
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

interface Operation {
  readonly operationId: string
  readonly tags: readonly string[]
  readonly summary: string
  readonly description: string
  readonly security: readonly Readonly<Record<string, readonly string[]>>[]
  readonly parameters?: readonly { readonly name: string, readonly in: string, readonly required?: boolean, readonly description: string, readonly example?: unknown }[]
  readonly requestBody?: { readonly content: Readonly<Record<string, Media>> }
  readonly responses: Readonly<Record<string, { readonly description: string, readonly content: Readonly<Record<string, Media>> }>>
  readonly 'x-codeSamples': readonly { readonly source: string }[]
}

interface Media {
  readonly schema: Schema
  readonly example?: unknown
  readonly 'x-codes'?: readonly ErrorCode[]
}

interface Route extends Operation { readonly method: string, readonly path: string }

/** The same document for people: every address with what it takes, what it answers, and a line to try it. */
export function docsPage ({ info, tags, paths }: ApiDocument): string {
  const routes = Object.entries(paths).flatMap(([path, operations]) => Object.entries(operations).map(([method, operation]): Route => ({ ...operation, path, method: method.toUpperCase() })))
  const groups = tags.map((tag) => ({ ...tag, routes: routes.filter(({ tags }) => tags.includes(tag.name)) })).filter(({ routes }) => routes.length > 0)
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Foyer: HTTP API</title>
<link rel="stylesheet" href="/api/docs/style.css">
</head>
<body>
<header>
<h1>HTTP API</h1>
<p class="quiet">Foyer ${info.version}. The same for programs: <a href="/api/docs/openapi.json">openapi.json</a> (OpenAPI 3.1).</p>
${paragraphs(info.description)}
</header>
<nav aria-label="Addresses">
${groups.map(({ name, routes }) => html`<h2>${name}</h2>
<ul>
${routes.map(({ operationId, method, path }) => html`<li><a href="#${operationId}"><code><span class="method">${method}</span>${path}</code></a></li>
`)}</ul>
`)}
</nav>
<main>
<h2>Tokens for the lines below</h2>
<p>On the machine of the server, in the folder that its data directory is in:</p>
<pre class="line" tabindex="0">TOKEN=$(npx foyer token --sub me --room 'lobby=owner')</pre>
<pre class="line" tabindex="0">ADMIN=$(npx foyer token --sub me --admin)</pre>
${groups.map(({ name, description, routes }) => html`<h2>${name}</h2>
<p class="quiet">${description}</p>
${routes.map(section)}`)}
</main>
</body>
</html>
`.text
}

function section (route: Route): Raw {
  const { operationId, method, path, summary, description, security, parameters = [], requestBody, responses } = route
  const [body] = Object.values(requestBody?.content ?? {})
  const answers = Object.entries(responses)
  const isProblem = ([, { content }]: (typeof answers)[number]): boolean => 'application/problem+json' in content
  return html`<section aria-labelledby="${operationId}">
<h3 id="${operationId}"><code><span class="method">${method}</span>${path}</code></h3>
<p><strong>${summary}.</strong> ${inline(description)}</p>
<p class="quiet">${accessOf(security)}</p>
${route['x-codeSamples'].map(({ source }) => html`<pre class="line" tabindex="0">${source}</pre>
`)}${parameters.length === 0
? ''
: html`<h4>Parameters</h4>
${tableOf(['Name', 'In', 'What it says', 'Such as'], parameters.toSorted((a, b) => Number(b.in === 'path') - Number(a.in === 'path')).map(({ name, in: place, description, example }) => [html`<code>${name}</code>`, place, inline(description), example === undefined ? '' : html`<code>${String(example)}</code>`]))}`}${body === undefined
? ''
: html`<h4>Body, as JSON</h4>
${membersOf(body.schema)}`}${answers.filter((answer) => !isProblem(answer)).map(answerOf)}<h4>Errors</h4>
${tableOf(['Status', 'Code', 'What to do'], answers.filter(isProblem).flatMap(([status, { content }]) => problemRows(status, content['application/problem+json']?.['x-codes'] ?? [])))}</section>
`
}

function accessOf ([first, ...others]: Operation['security']): string {
  if (first === undefined) return 'Needs no token.'
  return `Takes the token of ${first.token?.includes('admin') === true ? 'an admin' : 'a user'}${others.length === 0 ? '' : ', or a ticket'}.`
}

function answerOf ([status, { description, content }]: [string, Operation['responses'][string]]): Raw {
  return html`<h4>Answer ${status}</h4>
<p>${inline(description)}</p>
${Object.entries(content).map(([type, { schema, example }]) => html`<p class="quiet"><code>${type}</code></p>
${membersOf(schema)}${exampleOf(example)}`)}`
}

function exampleOf (example: unknown): Raw {
  if (example === undefined) return html``
  return html`<pre tabindex="0">${typeof example === 'string' ? example : JSON.stringify(example, null, 2)}</pre>
`
}

/** A row for each code; one for all that say what is wrong with a token. */
function problemRows (status: string, codes: readonly ErrorCode[]): (string | Raw)[][] {
  if (status === '401') return [[status, html`${codes.map((code) => html`<code>${code}</code> `)}`, 'the token is missing or no good: the detail says why']]
  return codes.map((code) => {
    const { sentence, remedy, status } = errorEntry(code)
    return [String(status), html`<code>${code}</code>`, `${sentence}: ${remedy}`]
  })
}

/** Members of an object, those of nested ones by their paths; nothing for what has none. */
function membersOf (schema: Schema): Raw | string {
  const rows = rowsOf(schema, '')
  return rows.length === 0 ? '' : tableOf(['Member', 'Type', 'What it says'], rows)
}

function rowsOf ({ type, properties, items }: Schema, path: string): (string | Raw)[][] {
  if ([type].flat().includes('array')) return rowsOf(items as Schema, `${path}[]`)
  return Object.entries((properties ?? {}) as Record<string, Schema>).flatMap(([name, member]) => {
    const inner = path === '' ? name : `${path}.${name}`
    const own = member.description === undefined ? [] : [[html`<code>${inner}</code>`, typeOf(member), inline(String(member.description))]]
    return [...own, ...rowsOf(member, inner)]
  })
}

function typeOf ({ type, enum: values }: Schema): string {
  if (Array.isArray(values)) return values.join(', ')
  return type === undefined ? 'any' : [type].flat().join(' or ')
}

function tableOf (heads: readonly string[], rows: readonly (readonly (string | Raw)[])[]): Raw {
  return html`<div class="wide">
<table>
<thead><tr>${heads.map((head) => html`<th scope="col">${head}</th>`)}</tr></thead>
<tbody>
${rows.map((cells) => html`<tr>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>
`)}</tbody>
</table>
</div>
`
}

function paragraphs (text: string): Raw[] {
  return text.split('\n\n').map((paragraph) => html`<p>${inline(paragraph)}</p>
`)
}

/** Text in which `code` is between backticks, as OpenAPI has it. */
function inline (text: string): Raw {
  return html`${text.split('`').map((part, i) => i % 2 === 1 ? html`<code>${part}</code>` : html`${part}`)}`
}
