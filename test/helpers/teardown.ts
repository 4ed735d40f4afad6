import { afterEach } from 'mocha'

/** What a test opened, closed after it in reverse order, whether it passed or not. */
export interface Teardown {
  after (work: () => unknown): void
}

/** Call inside `describe`: gives its tests a place to leave what has to be closed. */
export function useTeardown (): Teardown {
  const works: (() => unknown)[] = []
  afterEach(async () => {
    for (let work = works.pop(); work !== undefined; work = works.pop()) await work()
  })
  return { after: work => { works.push(work) } }
}
