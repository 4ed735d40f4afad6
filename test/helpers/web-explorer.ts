import assert from 'node:assert/strict'
import type { Locator, Page } from 'playwright-core'
import { goTo } from './web-page.ts'
import { until } from './within.ts'

/** Opens the explorer and resolves when it can be used. */
export async function explore (page: Page): Promise<void> {
  await goTo(page, '#/explorer')
  await page.getByRole('textbox', { name: 'Filter' }).waitFor()
}

export interface SubscribeFields {
  readonly begin?: string
  readonly qos?: 0 | 1 | 2
}

/** Asks for a filter. */
export async function ask (page: Page, filter: string, { begin = 'From now on', qos = 1 }: SubscribeFields = {}): Promise<void> {
  const form = page.getByRole('form', { name: 'Subscribe' })
  await form.getByRole('combobox', { name: 'Begin' }).selectOption({ label: begin })
  await form.getByRole('combobox', { name: 'QoS' }).selectOption(String(qos))
  await form.getByRole('textbox', { name: 'Filter' }).fill(filter)
  await form.getByRole('button', { name: 'Subscribe' }).click()
}

/** Asks for a filter, and resolves when it was granted under this letter. */
export async function subscribe (page: Page, letter: string, filter: string, fields: SubscribeFields = {}): Promise<void> {
  await ask(page, filter, fields)
  await page.getByRole('status').getByText(`Subscribed as ${letter}.`).waitFor()
}

export interface PublishFields {
  readonly qos?: 0 | 1 | 2
  readonly retain?: boolean
}

export async function publish (page: Page, topic: string, payload: string, { qos = 1, retain = false }: PublishFields = {}): Promise<void> {
  const form = publishForm(page)
  await form.getByRole('textbox', { name: 'Topic' }).fill(topic)
  await form.getByRole('textbox', { name: 'Payload' }).fill(payload)
  await form.getByRole('combobox', { name: 'QoS' }).selectOption(String(qos))
  await form.getByRole('checkbox', { name: 'Retain' }).setChecked(retain)
  await form.getByRole('button', { name: 'Publish' }).click()
}

export function publishForm (page: Page): Locator {
  return page.getByRole('form', { name: 'Publish' })
}

/** The lines that are there, in their order: of messages letters, topic, payload, QoS and marks; of what stands between them its words. */
export async function lines (page: Page): Promise<string[]> {
  return await page.evaluate(`[...document.querySelectorAll('.line')].map(line => {
    const text = name => line.querySelector(name)?.textContent ?? ''
    if (line.classList.contains('is-note')) return '— ' + text('.line-note')
    const marks = [line.querySelector('.badge')?.textContent, line.classList.contains('is-past') ? 'past' : undefined].filter(Boolean)
    return [text('.letter') + ':', text('.line-topic code'), text('.line-payload'), text('.line-qos'), ...marks].join(' ')
  })`)
}

/** Resolves when these are the lines. */
export async function shows (page: Page, expected: readonly string[]): Promise<void> {
  let found: string[] = []
  await until(async () => (found = await lines(page)).join('\n') === expected.join('\n'), 'these lines', 10_000).catch(() => {})
  assert.deepEqual(found, expected)
}

/** What is shown of the line that was selected. */
export function detail (page: Page): Locator {
  return page.getByRole('region', { name: 'Selected message' })
}
