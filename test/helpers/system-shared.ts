import { after } from 'mocha'
import type { Teardown } from './teardown.ts'

/** Call inside `describe`: a teardown for what all its tests share, opened in `before`. */
export function useSharedTeardown (): Teardown {
  const works: (() => unknown)[] = []
  after(async () => {
    for (let work = works.pop(); work !== undefined; work = works.pop()) await work()
  })
  return { after: work => { works.push(work) } }
}
